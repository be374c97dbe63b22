"""One process of the fast camera's benchmark: `python -m benchmarks.face_node camera|engine SECONDS CORE`.

The camera sends a simulated face at 200 frames a second; the engine reads it as `emostream run` does. Both print what
they did as JSON when they are done.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import pylsl

from realtime.errors import EmostreamError
from realtime.lsl import session
from realtime.packets import FaceObservation, MicroMovement, UInt8, VideoFrame, VideoInfo
from realtime.processes import end_with_parent

FPS, SIZE = 200.0, (640, 480)
STREAM = "bench-fast-camera"
_PICTURES = 100
_PATIENCE_S = 60.0
_SILENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What the camera did: LSL time of its frame 0, frames sent, frames it was too late for, and how late it was."""

    start_s: float
    pushed: int
    skipped: int
    worst_late_s: float


@dataclass(slots=True)
class Taken:
    """What the engine was given and made of it.

    Parameters
    ----------
    frames : list of (index, stamp)
        As they came; LSL s.
    evaluated : list of float
        Stamps of the frames whose motion was looked at.
    age_ms : list of float
        From a frame's stamp until what was found in it had been published.
    cpu_s : list of float
        Time on the core so far, all threads, after each second's worth of frames.
    lost, skipped, movements : int
        Frames that never came; of these, those left out because the engine was behind; movements found.
    """

    frames: list[tuple[int, float]] = field(default_factory=list)
    evaluated: list[float] = field(default_factory=list)
    age_ms: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    lost: int = 0
    skipped: int = 0
    movements: int = 0


def send(seconds: float) -> Sent:
    """Send frames with their stamps for so long, once somebody reads.

    Raises
    ------
    EmostreamError
        Nobody does.
    """
    from realtime.lsl.outlets import VideoOutlet
    from simulators.pushers import VideoPusher

    pictures, total = _pictures(), round(seconds * FPS)
    outlet = VideoOutlet(VideoInfo(STREAM, STREAM, *SIZE, 1, FPS), frames_name=f"{STREAM}-frames")
    if not outlet.wait_for_consumers(_PATIENCE_S):
        raise EmostreamError(f"nobody read '{STREAM}' within {_PATIENCE_S:.0f} s")
    pusher = VideoPusher(
        outlet, lambda i: (i / FPS, next(pictures)) if i < total else None, skip_late_at_hz=FPS, name=STREAM
    )
    start_s = pylsl.local_clock() + 0.5
    pusher.start(start_s)
    while pusher.state == "running":
        time.sleep(0.1)
    pusher.stop()
    time.sleep(_SILENCE_S)  # what is on its way arrives before the stream goes
    outlet.close()
    health = pusher.health()
    return Sent(start_s, health.pushed, health.skipped, health.worst_late_s)


def _pictures() -> Iterator[UInt8]:
    """Half a second of a simulated face as such a camera sees it, to and fro for ever: made before it is due."""
    from benchmarks.face_frames import back_and_forth, simulated_frames

    return back_and_forth(simulated_frames(FPS, _PICTURES))


def receive(seconds: float) -> Taken:
    """Reader, engine and outlets of `emostream run`, without the thread that watches them.

    Raises
    ------
    EmostreamError
        The camera is not there.
    """
    from benchmarks.checkpoint import PATH
    from models.recognizer import load_recognizer
    from realtime.engine import Engine
    from realtime.face.regions import REGIONS
    from realtime.lsl.discovery import find_stream
    from realtime.lsl.inlets import VideoReader
    from realtime.lsl.sink import LslSink

    engine = Engine(load_recognizer(PATH), eeg=None, has_video=True)
    sink, taken = LslSink(engine.recognizer.spec, regions=REGIONS, source_id=STREAM), Taken()
    heard_s = time.monotonic() + _PATIENCE_S

    def on_frame(frame: VideoFrame) -> None:
        nonlocal heard_s
        results = engine.push_frame(frame)
        for result in results:
            sink.write(result)
        taken.movements += sum(isinstance(result, MicroMovement) for result in results)
        if any(isinstance(result, FaceObservation) and result.region_motion is not None for result in results):
            taken.evaluated.append(frame.stamp)
            taken.age_ms.append(1000.0 * (pylsl.local_clock() - frame.stamp))
        taken.frames.append((frame.index, frame.stamp))
        if len(taken.frames) % round(FPS) == 0:
            taken.cpu_s.append(time.process_time())
        heard_s = time.monotonic()

    reader, last = VideoReader(find_stream(name=STREAM, timeout_s=_PATIENCE_S), on_frame), round(seconds * FPS) - 1
    while (not taken.frames or taken.frames[-1][0] < last) and time.monotonic() < heard_s + _SILENCE_S:
        reader.step()
    reader.stop()
    sink.close()
    taken.lost, taken.skipped = reader.lost, reader.skipped
    return taken


def main() -> None:
    """Play the role that the command line names, on one core where the system lets a process choose."""
    role, seconds, core = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    end_with_parent()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    session.configure()
    try:
        done = send(seconds) if role == "camera" else receive(seconds)
    except EmostreamError as err:
        print(f"benchmarks: {err}", file=sys.stderr)
        sys.exit(err.exit_code)
    print(json.dumps(asdict(done)))


if __name__ == "__main__":
    main()
