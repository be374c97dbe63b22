"""Configuration: frozen pydantic models, loaded from TOML; every field has a unit and a default that works."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from realtime.errors import ConfigurationError
from realtime.untrusted import read_toml


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LslConfig(_Section):
    """Where streams are looked for."""

    network: bool = Field(default=False, description="leave the loopback and look on the local network")
    session_id: str | None = Field(
        default=None,
        description="only streams of the same LSL session are seen; none: $EMOSTREAM_SESSION, else 'default'",
    )
    allow: tuple[Annotated[str, Field(min_length=1, max_length=255)], ...] = Field(
        default=(),
        description="on the network: host names, or source ids, of the other machines' streams that may be read",
    )
    resolve_timeout_s: float = Field(default=15.0, gt=0, description="how long to look for a stream")
    buffer_s: float = Field(default=30.0, gt=0, description="what an inlet holds while its reader is stalled")
    stale_after_s: float = Field(default=1.0, gt=0, description="no data for this long: the stream is stale")
    delays: dict[str, float] = Field(
        default_factory=dict,
        description="s that the stamps of a source id are late; those 'emostream sync' measured need not be repeated",
    )


class EegConfig(_Section):
    """EEG chain."""

    target_sfreq_hz: float = Field(default=200.0, ge=100, description="decimate to no less than this rate")
    highpass_hz: float = Field(default=0.5, ge=0, description="0 switches it off")
    notch_hz: Literal[0, 50, 60] = Field(default=50, description="mains frequency; 0 switches it off")
    hop_s: float = Field(default=0.05, gt=0, description="band powers are computed this often")
    min_channels: int = Field(default=8, ge=1, description="fewer of the model's channels than this are refused")
    interpolate: bool = Field(
        default=False, description="fill absent channels by spherical splines instead of masking them"
    )
    max_bad_fraction: float = Field(
        default=0.25, ge=0, le=1, description="above this share of bad channels EEG is not used"
    )
    railed_uv: float = Field(
        default=10_000.0, gt=0, description="|sample| beyond this is railed, unless it is a steady electrode offset"
    )
    flat_uv: float = Field(default=0.1, gt=0, description="a standard deviation over 1 s below this is flat")
    noisy_uv: float = Field(default=300.0, gt=0, description="a standard deviation over 1 s above this is noisy")
    mains_ratio: float = Field(
        default=2.0, gt=0, description="a 50 or 60 Hz line with more than this many times the rest's power is mains"
    )


class SpotterConfig(_Section):
    """Micro-movement spotter; thresholds are multiples of the person's own noise."""

    lag_s: float = Field(default=0.2, gt=0, description="flow is taken between t - lag and t")
    on_z: float = Field(default=3.0, gt=0, description="a peak must reach this to be looked at")
    macro_z: float = Field(default=8.0, gt=0, description="a peak of a macro-expression must reach this")
    min_confidence: float = Field(default=0.5, gt=0, lt=1, description="what looks less like a movement is none")
    opposite_lobe_s: float = Field(default=0.5, gt=0, description="the return must peak within this time")
    micro_max_s: float = Field(default=0.5, gt=0, description="shorter is micro, longer is macro")
    min_noise_s: float = Field(default=1.0, gt=0, description="calm video needed before the first decision")
    max_displacement: float = Field(
        default=0.03, gt=0, description="region motion above this share of the inter-ocular distance is not micro"
    )


class FaceConfig(_Section):
    """Face chain."""

    flow: Literal["dis", "farneback"] = "dis"
    min_score: float = Field(default=0.5, ge=0, le=1, description="mesh score below which the face is detected again")
    max_rate_hz: float = Field(
        default=60.0, gt=0, description="frames of faster cameras are kept but evaluated at this rate"
    )
    max_gap_s: float = Field(default=0.15, gt=0, description="flow never spans a longer hole between frames")
    spotter: SpotterConfig = SpotterConfig()


class EngineConfig(_Section):
    """Fusion and cadence."""

    prediction_hop_s: float = Field(default=0.2, gt=0, description="a prediction this often")
    smoothing_s: float = Field(
        default=1.0, ge=0, description="predictions of this long on the same evidence are averaged"
    )
    movement_max_age_s: float = Field(default=6.0, gt=0, description="a movement is fused for this long after its apex")
    movement_delay_s: float = Field(
        default=0.25,
        ge=0,
        description="a movement is used this long after it was decided, so that live and offline agree",
    )


class SessionConfig(_Section):
    """Recordings."""

    root: Path = Field(default=Path("recordings"), description="folder of all recordings, a BIDS dataset")
    codec: Literal["ffv1", "h264"] = Field(default="ffv1", description="of films; ffv1 loses nothing")
    encrypt_to: tuple[str, ...] = Field(
        default=(), description="public keys (age1...) that films are encrypted to; none: films are not encrypted"
    )
    shed: bool = Field(
        default=True,
        description="while the machine cannot keep up, the screen's streams are given up first, then video, never EEG",
    )
    restart_engine: bool = Field(
        default=True,
        description="the engine begins anew with each recording, so that it can be computed again from the recording",
    )


def _names(names: dict[str, str]) -> dict[str, str]:
    for name in names.values():
        if not name.strip() or name != name.strip() or not name.isprintable():
            raise ValueError("a name is wanted, of letters that can be printed")
    return names


def _bands(bands: tuple[tuple[str, float, float], ...]) -> tuple[tuple[str, float, float], ...]:
    _names({name: name for name, _, _ in bands})
    if len({name for name, _, _ in bands}) < len(bands):
        raise ValueError("every band needs a name of its own")
    for name, low_hz, high_hz in bands:
        if not 0 <= low_hz < high_hz:
            raise ValueError(f"band '{name}' is {low_hz:g}-{high_hz:g} Hz; it must rise")
        if "_" in name:
            raise ValueError(f"band '{name}': labels of the stream are <channel>_<band>, so a name holds no '_'")
    return bands


_Name = Annotated[str, Field(max_length=40)]
ClassNames = Annotated[dict[_Name, _Name], Field(max_length=64), AfterValidator(_names)]
ShownBands = Annotated[tuple[tuple[_Name, float, float], ...], Field(max_length=8), AfterValidator(_bands)]


class DisplayConfig(_Section):
    """What screens show of the answers; the answers themselves, and what is recorded, stay the same."""

    uncertain_below: float = Field(
        default=0.0, ge=0, le=1, description="a state of less confidence is called uncertain; 0: none is"
    )
    class_names: ClassNames = Field(default_factory=dict, description="other names for the model's classes")
    bands: ShownBands = Field(
        default=(), description="name, low and high Hz of other bands to show; the model reads its own in any case"
    )


class Config(_Section):
    """Everything, as one TOML file with one table a section."""

    lsl: LslConfig = LslConfig()
    eeg: EegConfig = EegConfig()
    face: FaceConfig = FaceConfig()
    engine: EngineConfig = EngineConfig()
    session: SessionConfig = SessionConfig()
    display: DisplayConfig = DisplayConfig()


def load_config(path: Path | None) -> Config:
    """Read a TOML file; defaults where `path` is None.

    Raises
    ------
    ConfigurationError
        Not TOML, an unknown key, or a value out of its range; the message names the key.
    """
    if path is None:
        return Config()
    try:
        return Config.model_validate(read_toml(path))
    except ValidationError as err:
        first = err.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"configuration '{path}': {key}: {first['msg']} (got {first['input']!r:.60})") from err
    except (OSError, ValueError) as err:
        raise ConfigurationError(f"cannot read configuration '{path}': {err}") from err
