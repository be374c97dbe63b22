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

Codec = Literal["FFV1", "MJPG"]


def truth_json(scenario: Scenario) -> list[dict[str, Any]]:
    """The movements of a scenario as the truth file of a clip holds them.

    Returns
    -------
    list of dict
        `onset_s`, `apex_s`, `offset_s` (s from the start), `kind` ('micro' or 'macro') and `regions`, in order of time.
    """
    return [
        {
            "onset_s": event.onset_s,
            "apex_s": event.apex_s,
            "offset_s": event.offset_s,
            "kind": event.kind,
            "regions": list(regions_of(event.action_units, event.side)),
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
    codec : 'FFV1' or 'MJPG'
        Lossless, about 5 MB a second; or a tenth of that, at the cost of movements of a tenth of a px.

    Returns
    -------
    Path
        The truth file (`truth_path`). Neither file is there before both are whole.

    Raises
    ------
    DataError
        The folder cannot be written to, or OpenCV has no such codec.
    """
    if path.suffix.lower() != ".avi":
        raise DataError(f"cannot write the clip '{path.name}': wanted a name that ends in .avi")
    simulator = FaceSimulator(person, scenario, fps=fps, size=size)
    video, truth = path.with_name(f".{path.stem}.part.avi"), path.with_name(f".{path.stem}.part.json")
    try:
        _render(simulator, video, codec)
        truth.write_text(json.dumps(truth_json(scenario), indent=1), encoding="utf-8")
        truth.replace(truth_path(path))
        video.replace(path)
    except OSError as err:
        raise DataError(f"cannot write the clip '{path}': {err}") from err
    finally:
        video.unlink(missing_ok=True)
        truth.unlink(missing_ok=True)
    return truth_path(path)


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
