"""The choices of an ensemble for small sets: fixed beforehand, nothing is stopped early. No torch here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

KernelInput = Literal["motion", "map"]


class MapAugmentation(BaseModel):
    """How far flow maps are changed in training; standard deviations in units of the map's own scale."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mirror: float = Field(default=0.5, ge=0, le=1, description="probability of mirroring, u negated")
    rotation_sd: float = Field(default=0.08, ge=0, description="rad")
    zoom_sd: float = Field(default=0.07, ge=0, description="of the logarithm of the size, each axis on its own")
    shift_sd: float = Field(default=0.05, ge=0, description="half widths of the map")
    stretch_sd: float = Field(default=0.15, ge=0, description="linear flow over the whole map, as a moving head's")
    smooth_sd: float = Field(default=0.15, ge=0, description="smooth flow")
    gain_sd: float = Field(default=0.15, ge=0, description="of the logarithm of a plane's scale against the others")
    cutout: float = Field(default=0.2, ge=0, le=1, description="probability that a square is blanked")


class FaceOptions(BaseModel):
    """The experts for faces and how they are trained; everything is fixed beforehand, nothing is stopped early."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    networks: int = Field(default=2, ge=0, le=64, description="networks that start from simulated motion")
    fresh_networks: int = Field(default=1, ge=0, le=64, description="networks that start from nothing")
    kernels: tuple[KernelInput, ...] = Field(
        default=("motion",), description="kernel machines: on features learnt from simulated motion, on the map"
    )
    epochs: int = Field(default=20, ge=1)
    fresh_epochs: int = Field(default=40, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0, description="its peak; twice that from nothing")
    weight_decay: float = Field(default=0.02, ge=0)
    dropout: float = Field(default=0.5, ge=0, lt=1)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    balance: float = Field(default=0.75, ge=0, le=1, description="classes weigh frequency to the minus this")
    kernel_views: int = Field(default=8, ge=0, le=64, description="changed copies of each map for the kernel machine")
    kernel_components: int = Field(default=100, ge=1, description="principal components that it reads, at most")
    augmentation: MapAugmentation = MapAugmentation()


class EegOptions(BaseModel):
    """The experts for EEG."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    linear: bool = Field(default=True, description="a discriminant analysis")
    kernel: bool = Field(default=True, description="a kernel machine in the space that the analysis whitens")
    channel_shift: float = Field(
        default=1.0, ge=0, description="spread of a channel's gain between people, in standard deviations of the data"
    )
    shrinkage: float = Field(default=0.3, gt=0, description="variance added to every feature")
    width: float = Field(default=0.3, gt=0, description="of the kernel, see fit_kernel_machine")
    ridge: float = Field(default=3.0, gt=0)
    recent: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(3, 8),
        max_length=8,
        description="newest windows set against all before them, where a sequence is twice as long",
    )

    @model_validator(mode="after")
    def _somebody_answers(self) -> EegOptions:
        if not self.linear and not self.kernel:
            raise ValueError("no EEG expert: neither 'linear' nor 'kernel'")
        return self


class EnsembleOptions(BaseModel):
    """What a small set is learnt with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    face: FaceOptions = FaceOptions()
    eeg: EegOptions = EegOptions()
    validation_fraction: float = Field(default=0.2, gt=0, lt=1, description="of the subjects, for calibration")
    calibration_networks: int = Field(
        default=1, ge=0, description="networks of either kind that stand for all while the temperature is fitted"
    )
    caution: float = Field(
        default=5.0, ge=0, description="samples' worth of belief that the experts are calibrated as they are"
    )
