"""Truth files: which movements a clip really holds, `<stem>.truth.json` beside the video."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from realtime.errors import DataError
from realtime.packets import Kind

_ROUNDING_S = 0.05
"""An apex may lie outside its interval by a frame: annotators count in frames, and some from 1."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class TrueMovement:
    """A movement that was really made; s from the clip's first frame.

    Parameters
    ----------
    onset_s, offset_s : float
    apex_s : float
        NaN where the file does not say.
    kind : 'micro' or 'macro'
    regions : tuple of str
        Regions that move, as `realtime.face.regions.REGIONS` names them; empty where the file does not say.
    displacement_px : float
        Peak displacement of the strongest region in px of a 224 px face crop; NaN where the file does not say.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    kind: Kind
    regions: tuple[str, ...] = ()
    displacement_px: float = float("nan")


class _Entry(BaseModel):
    """One movement as the file spells it; keys that are not known here are let through."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    onset_s: Seconds
    apex_s: Seconds | None = None
    offset_s: Seconds
    kind: Kind
    regions: tuple[str, ...] | None = None
    displacement_px: Seconds | None = Field(
        default=None, validation_alias=AliasChoices("displacement_px", "amplitude_px", "peak_px")
    )

    @model_validator(mode="after")
    def _in_order(self) -> _Entry:
        if not self.onset_s < self.offset_s:
            raise ValueError(f"offset_s must come after onset_s, got {self.onset_s:g} to {self.offset_s:g} s")
        room = _ROUNDING_S
        if self.apex_s is not None and not self.onset_s - room <= self.apex_s <= self.offset_s + room:
            raise ValueError(
                f"apex_s must lie within onset_s and offset_s, got {self.apex_s:g} s"
                f" for {self.onset_s:g} to {self.offset_s:g} s"
            )
        return self

    def movement(self) -> TrueMovement:
        nan = float("nan")
        return TrueMovement(
            self.onset_s,
            nan if self.apex_s is None else self.apex_s,
            self.offset_s,
            self.kind,
            self.regions or (),
            nan if self.displacement_px is None else self.displacement_px,
        )


_ENTRIES = TypeAdapter(list[_Entry])


def truth_path(clip: Path) -> Path:
    """Where the truth of a clip lies: `<stem>.truth.json` beside it."""
    return clip.with_name(f"{clip.stem}.truth.json")


def read_truth(path: Path) -> tuple[TrueMovement, ...]:
    """Read a truth file.

    Parameters
    ----------
    path : Path
        A JSON list of `{"onset_s":, "apex_s":, "offset_s":, "kind": "micro"|"macro", "regions":}`, times from the
        clip's first frame; `apex_s` and `regions` may be null or left out, other keys are let through. No file and an
        empty list both mean that the clip holds no movement.

    Returns
    -------
    tuple of TrueMovement
        In order of time.

    Raises
    ------
    DataError
        Not readable, not JSON, or an entry that does not fit; the message names the file and the key.
    """
    if not path.exists():
        return ()
    try:
        # some editors begin a file with a byte order mark, which is not JSON
        entries = _ENTRIES.validate_json(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    except OSError as err:
        raise DataError(f"cannot read the truth '{path}': {err.strerror or err}") from err
    except ValidationError as err:
        raise DataError(
            f"truth '{path}': {_what(err)}; wanted a list of movements with onset_s, apex_s, offset_s,"
            " kind ('micro' or 'macro') and regions"
        ) from err
    return tuple(sorted((entry.movement() for entry in entries), key=lambda m: m.onset_s))


def _what(err: ValidationError) -> str:
    """The first thing that is wrong, by movement and key."""
    first = err.errors(include_url=False)[0]
    where = [f"movement {part}" if isinstance(part, int) else str(part) for part in first["loc"]]
    return ": ".join([*where, first["msg"].removeprefix("Value error, ")])
