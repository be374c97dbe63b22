"""How late each device's stamps are, as 'emostream sync' measured it; kept with the recordings, applied by readers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from realtime.errors import DataError
from realtime.session.folder import open_root, replace_own
from realtime.untrusted import read_within

FILE = "devices.json"
_MOST_BYTES = 2**20


class DeviceDelay(BaseModel):
    """One device: its stamps are this much later than what they stamp."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delay_s: float = Field(ge=-5.0, le=5.0, allow_inf_nan=False)
    spread_s: float = Field(ge=0.0, allow_inf_nan=False, description="robust standard deviation over the flashes")
    flashes: int = Field(ge=1, description="how many it rests on")
    against: str = Field(description="what the delay is measured against, in words")
    measured: datetime


class Devices(BaseModel):
    """All devices of a study, by LSL source id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    delays: dict[str, DeviceDelay] = Field(default_factory=dict)

    @classmethod
    def load(cls, root: Path) -> Self:
        """Those of a recordings root; none where nothing was measured yet.

        Raises
        ------
        DataError
            The file cannot be read or says what cannot be.
        """
        path = root / FILE
        try:
            return cls.model_validate_json(read_within(path, _MOST_BYTES))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as err:
            strerror = err.strerror if isinstance(err, OSError) else None
            reason = err.errors()[0]["msg"] if isinstance(err, ValidationError) else strerror or err
            raise DataError(f"cannot use '{path}': {reason}; measure anew with 'emostream sync', or remove it") from err

    def with_delay(self, source_id: str, delay: DeviceDelay) -> Devices:
        """The same with one device measured anew."""
        return Devices(delays={**self.delays, source_id: delay})

    def save(self, root: Path) -> None:
        """Keep it, readable by its owner alone.

        Raises
        ------
        DataError
            It cannot be written.
        """
        replace_own(open_root(root) / FILE, self.model_dump_json(indent=2).encode() + b"\n")

    def seconds(self) -> dict[str, float]:
        """What to subtract from the stamps of each source id, s."""
        return {source_id: delay.delay_s for source_id, delay in self.delays.items()}
