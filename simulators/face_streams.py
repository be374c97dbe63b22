"""A simulated face on LSL, without a brain: the participant's video, frame index and truth streams."""

from __future__ import annotations

from collections.abc import Callable

import pylsl
from numpy.typing import NDArray

from realtime.lsl.outlets import MarkerOutlet, VideoOutlet
from realtime.packets import VideoInfo
from simulators.face import FaceSimulator
from simulators.pushers import FramesOut, MarkerPusher, VideoPusher
from simulators.streams import Clock, Filming, PushedStreams, truth_markers
from simulators.testbed import Clip


class FacePusher(VideoPusher):
    """Sends the frames that the simulated camera delivers, with their true stamps; lost ones leave a gap.

    Parameters
    ----------
    outlet : FramesOut
    simulator : FaceSimulator
    clock : callable
        LSL seconds.
    """

    def __init__(self, outlet: FramesOut, simulator: FaceSimulator, *, clock: Clock = pylsl.local_clock) -> None:
        super().__init__(outlet, self._frame, skip_late_at_hz=simulator.fps, clock=clock)
        self._simulator = simulator

    def _frame(self, index: int) -> tuple[float, NDArray] | None:
        face = self._simulator
        return (index / face.fps, face.frame(index)) if index < face.n_frames else None

    def _left_out(self) -> int:
        """What a slow machine leaves out, which is counted, and the frames after that which the camera loses."""
        left_out = super()._left_out()
        while self._index + 1 + left_out < self._simulator.n_frames and self._simulator.is_lost(
            self._index + 1 + left_out
        ):
            left_out += 1
        return left_out


class SimulatedFace(PushedStreams):
    """A clip of the test bed in real time: 'emostream-video', 'emostream-frames' and 'emostream-truth'.

    Source ids are `tag` plus '-video', '-video-frames' and '-truth', as a simulated participant's.

    Parameters
    ----------
    clip : Clip
    tag : str
    film : callable, optional
        Takes the video outlet and gives one in its place that films on request.
    clock : callable
        LSL seconds.
    """

    def __init__(
        self,
        clip: Clip,
        *,
        tag: str = "emostream-simulator",
        film: Filming | None = None,
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        width, height = clip.size
        simulator = clip.simulator()
        bare = VideoOutlet(VideoInfo("emostream-video", f"{tag}-video", width, height, 1, clip.fps))
        frames = bare if film is None else film(bare)
        truth = MarkerOutlet("emostream-truth", f"{tag}-truth")
        pushers = (
            FacePusher(frames, simulator, clock=clock),
            MarkerPusher(truth, truth_markers(clip.person, clip.scenario), name="truth", clock=clock),
        )
        super().__init__(pushers, (frames.close, truth.close), clock)
