"""A video outlet that sends nothing: for a film beside it."""

from __future__ import annotations

from realtime.packets import VideoFrame, VideoInfo


class StubOutlet:
    """Counts what is pushed; see `realtime.films.filming.FramesOutlet`.

    Parameters
    ----------
    size : (height, width), px
    fps : float
    """

    def __init__(self, size: tuple[int, int] = (48, 64), fps: float = 30.0) -> None:
        self.info = VideoInfo("emostream-video", "stub-video", size[1], size[0], 1, fps)
        self.source_id = self.info.source_id
        self.pushed = 0

    def push(self, frame: VideoFrame) -> None:
        self.pushed += 1

    def have_consumers(self) -> bool:
        return False

    def close(self) -> None:
        pass
