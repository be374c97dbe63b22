"""A flashing light that a simulated camera and a photodiode on a simulated headset both see, with a known delay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.lsl.outlets import EegOutlet, MarkerOutlet, VideoOutlet
from realtime.packets import EegInfo, Float64, VideoInfo
from simulators.pushers import EegPusher, MarkerPusher, TimedText, VideoPusher
from simulators.streams import Filming, PushedStreams

PHOTODIODE = "photodiode"
"""Label of the channel, of type AUX, that sees the light."""

_CHANNELS = ("Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2")
_LIT_S = 0.2
_EEG_UV, _LIGHT_UV, _DARK_UV = 8.0, 900.0, 150.0
_DARK, _LIT, _NOISE = 70.0, 60.0, 2.0
_SIZE = (320, 240)


def flash_times(seconds: float, seed: int) -> Float64:
    """When it flashes, s: irregular, 0.6 to 1.4 s apart, from 0.5 s on."""
    gaps = np.random.default_rng([seed, 61]).uniform(0.6, 1.4, int(seconds / 0.6) + 1)
    times = 0.5 + np.concatenate(([0.0], np.cumsum(gaps)))
    return times[times < seconds - _LIT_S]


class FlashingLight(PushedStreams):
    """EEG with a photodiode, a camera that sees the same light, and the truth: 'emostream-truth' has an event a flash.

    Parameters
    ----------
    seconds : float
    camera_delay_s : float
        How much too late the camera stamps its frames; what 'emostream sync' should find.
    fps : float
    seed : int
    film : callable, optional
        Takes the video outlet and gives one in its place that films on request.
    tag : str
        Source ids are `tag` plus '-eeg', '-video', '-video-frames', '-truth'.
    clock : callable
        LSL seconds.
    """

    def __init__(
        self,
        seconds: float,
        *,
        camera_delay_s: float = 0.0,
        fps: float = 30.0,
        seed: int = 1,
        sfreq_hz: float = 500.0,
        tag: str = "emostream-flash",
        film: Filming | None = None,
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        self.times = flash_times(seconds, seed)
        channels = (*_CHANNELS, PHOTODIODE)
        eeg = EegOutlet(
            EegInfo("emostream-eeg", f"{tag}-eeg", channels, sfreq_hz), types=["EEG"] * len(_CHANNELS) + ["AUX"]
        )
        bare = VideoOutlet(VideoInfo("emostream-video", f"{tag}-video", *_SIZE, 1, fps))
        video = bare if film is None else film(bare)
        truth = MarkerOutlet("emostream-truth", f"{tag}-truth")
        rng = np.random.default_rng([seed, 62])
        count = int(seconds * fps)

        def samples(first: int, n: int) -> NDArray[np.float32]:
            at = (first + np.arange(n)) / sfreq_hz
            light = _DARK_UV + _LIGHT_UV * self._lit(at, at + 1.0 / sfreq_hz)
            return np.vstack([rng.normal(0.0, _EEG_UV, (len(_CHANNELS), n)), light]).astype(np.float32)

        def frame(index: int) -> tuple[float, NDArray[np.uint8]] | None:
            if index >= count:
                return None
            # exposed for its whole interval, in the middle of which it is stamped, and then some time on the way
            at = (index + 0.5) / fps
            lit = float(self._lit(np.array([at - 0.5 / fps]), np.array([at + 0.5 / fps]))[0])
            picture = np.random.default_rng([seed, 63, index]).normal(_DARK + _LIT * lit, _NOISE, (_SIZE[1], _SIZE[0]))
            return at + camera_delay_s, np.clip(picture, 0, 255).astype(np.uint8)

        marks = (TimedText(at, lambda _start_s: '{"event": "flash"}') for at in self.times)
        super().__init__(
            (
                EegPusher(eeg, samples, sfreq_hz, round(seconds * sfreq_hz), clock=clock),
                VideoPusher(video, frame, skip_late_at_hz=fps, clock=clock),
                MarkerPusher(truth, marks, name="truth", clock=clock),
            ),
            (eeg.close, video.close, truth.close),
            clock,
        )

    def _lit(self, begin: Float64, end: Float64) -> Float64:
        """Share of each interval in which the light is on."""
        overlap = np.minimum(end[:, None], self.times + _LIT_S) - np.maximum(begin[:, None], self.times)
        return np.clip(overlap, 0.0, None).sum(axis=1) / (end - begin)
