"""What is analysed: a recorded session, or loose files, as EEG chunks and video frames on one clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from realtime.analysis.live_answers import LiveAnswers
from realtime.analysis.timeline import Timeline, timeline_of_markers
from realtime.analysis.tracks import EegTrack, LooseVideo, MendedEeg, VideoTrack
from realtime.eeg.files import EEG_SUFFIXES, read_recording
from realtime.errors import ConfigurationError
from realtime.session.metadata import SessionMetadata
from realtime.session.recorded import SessionFiles
from realtime.tuning_plan import Change


@dataclass(frozen=True, slots=True)
class Source:
    """What is analysed.

    Parameters
    ----------
    stem : str
    files : tuple of Path
    eeg : EegTrack or None
    video : VideoTrack or None
    zero_s : float
        Stamp of the analysis' zero: the first EEG sample of the session, analysed or not, or the first frame where
        there is no EEG.
    lsl_zero_s : float
        The same moment on LSL's clock; NaN where the files have no such clock.
    timeline : Timeline
    warnings, notes : tuple of str
        What is wrong with the session, and what was remarked; of its EEG, see the track.
    session : SessionFiles or None
    metadata : SessionMetadata or None
    live : LiveAnswers or None
        What a live engine answered, where the analysis can repeat it.
    live_from_s, live_until_s : float
        From when to when its answers rest on what the analysis has.
    live_saw : bool
        Whether it had video.
    same_s : float
        Stamps closer than this are of the same live answer.
    tunings : tuple of Change
        What the live engine was tuned to while it was recorded, by the stamps of EEG and video.
    """

    stem: str
    files: tuple[Path, ...]
    eeg: EegTrack | None
    video: VideoTrack | None
    zero_s: float
    lsl_zero_s: float = math.nan
    timeline: Timeline = field(default_factory=Timeline)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    session: SessionFiles | None = None
    metadata: SessionMetadata | None = None
    live: LiveAnswers | None = None
    live_from_s: float = 0.0
    live_until_s: float = math.inf
    live_saw: bool = False
    same_s: float = 1e-3
    tunings: tuple[Change, ...] = ()

    @property
    def duration_s(self) -> float:
        """From zero to the last sample or frame."""
        return max(track.last_s for track in (self.eeg, self.video) if track is not None) - self.zero_s


def open_loose(files: Sequence[Path], *, use_eeg: bool = True, use_video: bool = True) -> Source:
    """An EEG recording, a video, or both, which are taken to begin at the same moment.

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
            f"analyze takes one EEG recording ({' '.join(sorted(EEG_SUFFIXES))}), one video, or both, or a recorded "
            f"session; got {len(recordings)} and {len(videos)} to use"
        )
    recording = read_recording(recordings[0]) if recordings else None
    return Source(
        stem=(recordings or videos)[0].stem,
        files=(*recordings, *videos),
        eeg=MendedEeg(recording) if recording else None,
        video=LooseVideo(videos[0]) if videos else None,
        zero_s=0.0,
        timeline=timeline_of_markers(recording.markers) if recording else Timeline(),
    )
