"""The same engine on recorded or simulated packets, as fast as they come: `emostream analyze` and the evaluations."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from realtime.config import Config
from realtime.eeg.calibration import Calibration
from realtime.eeg.files import EEG_SUFFIXES, Recording, iter_chunks, read_recording
from realtime.engine import Engine
from realtime.errors import ConfigurationError
from realtime.face.capture import FileCapture
from realtime.interfaces import Recognizer, Sink
from realtime.packets import EegChunk, StreamHealth, VideoFrame
from realtime.summary import Tally


def in_time_order(chunks: Iterable[EegChunk], frames: Iterable[VideoFrame]) -> Iterator[EegChunk | VideoFrame]:
    """Merge two recordings as they would have arrived: by a frame's stamp and a chunk's newest stamp.

    Both must be in order themselves and on one clock. A frame comes before a chunk of the same stamp.
    """
    timed_frames = ((frame.stamp, 0, frame) for frame in frames)
    timed_chunks = ((float(chunk.stamps[-1]), 1, chunk) for chunk in chunks)
    for _, _, packet in heapq.merge(timed_frames, timed_chunks, key=lambda timed: timed[:2]):
        yield packet


def feed(engine: Engine, packets: Iterable[EegChunk | VideoFrame], sinks: Iterable[Sink]) -> None:
    """Push packets in order and hand every result to every sink; bounded memory whatever the length."""
    sinks = tuple(sinks)
    for packet in packets:
        results = engine.push_eeg(packet) if isinstance(packet, EegChunk) else engine.push_frame(packet)
        for result in results:
            for sink in sinks:
                sink.write(result)


def analyze_files(
    files: Sequence[Path],
    recognizer: Recognizer,
    config: Config,
    *,
    calibration: Calibration | None = None,
    use_eeg: bool = True,
    use_video: bool = True,
    progress: bool = True,
) -> dict[str, object]:
    """Run the engine over an EEG recording, a video, or both; both are taken to begin at the same moment.

    Returns
    -------
    dict
        The summary of `emostream analyze`; times are seconds from the beginning.

    Raises
    ------
    ConfigurationError
        No file is left to analyse, or two of one kind.
    DataError
        A file cannot be read.
    """
    recordings = [f for f in files if f.suffix.lower() in EEG_SUFFIXES and use_eeg]
    videos = [f for f in files if f.suffix.lower() not in EEG_SUFFIXES and use_video]
    if len(recordings) > 1 or len(videos) > 1 or not (recordings or videos):
        raise ConfigurationError(
            f"analyze takes one EEG recording ({' '.join(sorted(EEG_SUFFIXES))}), one video, or both; "
            f"got {len(recordings)} and {len(videos)} to use"
        )
    eeg = read_recording(recordings[0]) if recordings else None
    video = FileCapture(videos[0]) if videos else None
    engine = Engine(
        recognizer,
        eeg=eeg.info if eeg else None,
        has_video=video is not None,
        config=config,
        calibration=calibration,
    )
    tally = Tally(recognizer.spec)
    packets = in_time_order(iter_chunks(eeg) if eeg else (), video or ())
    with tqdm(total=None, unit="packet", disable=None if progress else True, desc="analysing") as bar:
        feed(engine, _counted(packets, bar), [tally])
    return tally.summary(
        eeg=(eeg.info, _eeg_health(eeg)) if eeg else None,
        video=(video.info, _video_health(video, tally.frames)) if video else None,
        notes=(*eeg.warnings, *eeg.notes) if eeg else (),
    )


def _counted(packets: Iterable[EegChunk | VideoFrame], bar: tqdm) -> Iterator[EegChunk | VideoFrame]:
    for packet in packets:
        yield packet
        bar.update()


def _eeg_health(eeg: Recording) -> StreamHealth:
    return StreamHealth(eeg.info.name, "live", eeg.samples_uv.shape[1], eeg.lost, len(eeg.gaps), 0.0, eeg.info.sfreq_hz)


def _video_health(video: FileCapture, frames: int) -> StreamHealth:
    return StreamHealth(video.info.name, "live", frames, 0, 0, 0.0, video.info.fps)
