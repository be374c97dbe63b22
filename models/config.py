"""What fixes a network's shape. No torch here: a checkpoint's description is read where torch is not installed, too."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

Anchor = tuple[float, float, float]

# (x, y, half width) in [-1, 1] of the aligned crop, whose eye line is at y = -0.32 and outer eye corners at x = +-0.5.
# The first sees the whole face, so its theta starts as the identity.
DEFAULT_ANCHORS: tuple[Anchor, ...] = (
    (0.0, 0.0, 1.0),
    (-0.36, -0.45, 0.36),
    (0.36, -0.45, 0.36),
    (0.0, 0.05, 0.36),
    (-0.25, 0.42, 0.34),
    (0.25, 0.42, 0.34),
    (0.0, 0.7, 0.3),
)


class NetworkConfig(BaseModel):
    """Everything that fixes the network's shape; stored in a checkpoint, so that it can be rebuilt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_classes: int = Field(ge=2)
    n_channels: int = Field(default=62, ge=1)
    n_bands: int = Field(default=5, ge=1)
    n_windows: int = Field(default=40, ge=1)
    face_px: int = Field(default=96, ge=28, description="side of flow and apex inside the network")
    tcn_width: int = Field(default=128, ge=1)
    tcn_levels: int = Field(default=6, ge=1)
    tcn_kernel: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    token_width: int = Field(default=64, ge=4, description="width of the tokens that are fused")
    heads: int = Field(default=4, ge=1)
    layers: int = Field(default=1, ge=1, description="Transformer layers within each modality")
    glimpse_px: int = Field(default=24, ge=8)
    anchors: tuple[Anchor, ...] = Field(default=DEFAULT_ANCHORS, description="where the glimpses start (x, y, half)")
