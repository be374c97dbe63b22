"""The clips of a folder: videos, nested folders included, each with its truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.spotting.truth import truth_path
from realtime.errors import DataError
from realtime.face.capture import FileCapture
from realtime.packets import VideoFrame

_TRUTH = ".truth.json"
# fmt: off
_VIDEO = frozenset((
    ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv",
    ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogg", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Clip:
    """A video and what it is called: its path from the folder that is scored."""

    name: str
    path: Path


def find_clips(folder: Path) -> list[Clip]:
    """Every video under a folder, by name: files with a video's suffix, and any file with a truth beside it.

    Raises
    ------
    DataError
        No such folder, or no video in it.
    """
    if not folder.is_dir():
        raise DataError(f"no folder '{folder}' to take clips from; give a folder of videos with --clips")
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts) and path.is_file()
    ]
    clips = [Clip(path.relative_to(folder).as_posix(), path) for path in files if _is_video(path)]
    stems = {truth_path(clip.path) for clip in clips}
    # a truth whose video is gone would silently leave its movements out of the recall: it becomes a clip that fails
    lone = [path for path in files if path.name.endswith(_TRUTH) and path not in stems]
    clips += [Clip(path.relative_to(folder).as_posix(), path) for path in lone]
    if not clips:
        raise DataError(f"no video in '{folder}' or its folders; wanted files that OpenCV reads (avi, mp4, mov, ...)")
    return clips


def is_simulated(folder: Path) -> bool:
    """Whether a folder is a test bed of `simulators.testbed`, which says so in a file."""
    try:
        said = json.loads((folder / "testbed.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("simulated") is True


def _is_video(path: Path) -> bool:
    if path.name.endswith(".json"):
        return False
    return path.suffix.lower() in _VIDEO or truth_path(path).is_file()


class ClipFrames:
    """Frames of one clip, stamped from its first frame on; holds one frame at a time. Iterate once or often.

    Raises
    ------
    DataError
        Not a video that OpenCV reads.
    """

    def __init__(self, clip: Clip) -> None:
        if clip.path.name.endswith(_TRUTH):
            raise DataError(f"truth '{clip.name}' has no video of its name beside it")
        self._capture = FileCapture(clip.path)
        self.fps = self._capture.fps
        self.frames = 0
        self.last_s = 0.0

    @property
    def duration_s(self) -> float:
        """Length of what was read so far."""
        return self.last_s + 1.0 / self.fps if self.frames else 0.0

    def __iter__(self) -> Iterator[VideoFrame]:
        first_s, self.frames = 0.0, 0
        for frame in self._capture:
            if self.frames == 0:
                first_s = frame.stamp
            self.frames += 1
            self.last_s = frame.stamp - first_s
            yield replace(frame, stamp=self.last_s)
