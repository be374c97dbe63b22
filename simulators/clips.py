"""Video files of simulated faces with their ground truth beside them, for benchmarks and tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import cv2

from realtime.errors import DataError
from simulators.action_units import regions_of
from simulators.face import FaceSimulator
from simulators.scenario import Person, Scenario

Codec = Literal["FFV1", "MJPG", "mp4v"]

CODECS: tuple[Codec, ...] = ("FFV1", "MJPG", "mp4v")
"""Lossless; each picture compressed by itself; compressed over time (MPEG-4)."""


def truth_json(scenario: Scenario) -> list[dict[str, Any]]:
    """The movements of a scenario as the truth file of a clip holds them.

    Returns
    -------
    list of dict
        `onset_s`, `apex_s`, `offset_s` (s from the start), `kind` ('micro' or 'macro') and `regions`, in order of time;
        and what only a simulator knows: `displacement_px` (`FacialEvent.amplitude_px`, px of a 224 px face crop),
        `action_units` and `side`.
    """
    return [
        {
            "onset_s": event.onset_s,
            "apex_s": event.apex_s,
            "offset_s": event.offset_s,
            "kind": event.kind,
            "regions": list(regions_of(event.action_units, event.side)),
            "displacement_px": event.amplitude_px,
            "action_units": list(event.action_units),
            "side": event.side,
        }
        for event in scenario.movements
    ]


def truth_path(clip: Path) -> Path:
    """Where the truth of a clip lies: `<stem>.truth.json` beside it."""
    return clip.with_name(f"{clip.stem}.truth.json")


def write_clip(
    path: Path,
    person: Person,
    scenario: Scenario,
    *,
    fps: float = 30.0,
    size: tuple[int, int] = (640, 480),
    codec: Codec = "FFV1",
    truth: Path | None = None,
) -> Path:
    """Render a scenario into a video file, and its truth beside it.

    Parameters
    ----------
    path : Path
        Ends in `.avi`; replaced where it exists.
    person : Person
    scenario : Scenario
    fps : float
    size : (width, height), px
    codec : 'FFV1', 'MJPG' or 'mp4v'
        Lossless, about 5 MB a second; or a tenth of that, at the cost of movements of a tenth of a px.
    truth : Path, optional
        Where the truth is written; default: `truth_path`, where `emostream bench spotting` looks for it.

    Returns
    -------
    Path
        The truth file. Neither file is there before both are whole.

    Notes
    -----
    A file of constant rate cannot have holes: where the scenario loses frames, it repeats the newest picture before.

    Raises
    ------
    DataError
        The folder cannot be written to, or OpenCV has no such codec.
    """
    if path.suffix.lower() != ".avi":
        raise DataError(f"cannot write the clip '{path.name}': wanted a name that ends in .avi")
    simulator = FaceSimulator(person, scenario, fps=fps, size=size)
    told = truth if truth is not None else truth_path(path)
    video, part = path.with_name(f".{path.stem}.part.avi"), told.with_name(f".{told.stem}.part.json")
    try:
        _render(simulator, video, codec)
        part.write_text(json.dumps(truth_json(scenario), indent=1), encoding="utf-8")
        part.replace(told)
        video.replace(path)
    except OSError as err:
        raise DataError(f"cannot write the clip '{path}': {err}") from err
    finally:
        video.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return told


def _render(simulator: FaceSimulator, path: Path, codec: Codec) -> None:
    if not path.parent.is_dir():
        raise DataError(f"cannot write a clip into '{path.parent}': no such folder")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), simulator.fps, simulator.size)
    try:
        if not writer.isOpened():
            raise DataError(f"OpenCV cannot write {codec} video to '{path}': try the other codec, or another folder")
        for index in range(simulator.n_frames):
            writer.write(cv2.cvtColor(simulator.frame(index), cv2.COLOR_GRAY2BGR))
    finally:
        writer.release()
