"""A camera, a film or an address on LSL: measured first, then streamed, watched, and filmed on request."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pylsl

from realtime.config import LslConfig
from realtime.devices.controls import Setting, Wanted, lock_controls
from realtime.devices.frames import FrameCounter, FrozenWatch, Picture, RateMeter
from realtime.devices.opening import is_live, open_capture
from realtime.devices.sources import Capture, Request
from realtime.devices.supervision import Incident, Patience, Supervisor
from realtime.errors import ConfigurationError, DataError
from realtime.films.film import Codec
from realtime.films.filming import FilmOnRequest
from realtime.lsl.outlets import MarkerOutlet, VideoOutlet
from realtime.lsl.sources import FRAMES_NAME
from realtime.packets import VideoFrame, VideoInfo

STATE_NAME = "emostream-camera"
"""Markers about cameras: lost, back, dropped pictures, a picture that stands still."""

_VIDEO_NAME = "emostream-video"
_SETTLE_S = 1.0
_BELIEVED = 0.02  # a driver's claim is taken where the rate measured for a second is this near to it
_BRIGHTNESS = 0.25
_TELL_DROPS_S = 1.0
_LOOK_S = 0.5

Opener = Callable[[str, Request, Callable[[], float]], Capture]


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """What `emostream camera` is asked for.

    Parameters
    ----------
    source : str
        See `realtime.devices.sources`.
    request : Request
    exposure, gain : 'auto', 'lock' or float
    name : str
        Letters and digits; tells cameras of one session apart. '' where there is one only.
    tag : str
        Source ids are `tag` (with the name behind it) plus '-video', '-video-frames', '-video-films', '-video-state'.
    root : Path or None
        Recordings root; None films nothing on request.
    codec : 'ffv1' or 'h264'
    encrypt_to : tuple of str
        Public keys that films are encrypted to.
    film : Path or None
        Film everything into this file, and nothing on request.
    """

    source: str
    request: Request = field(default_factory=Request)
    exposure: Wanted = "lock"
    gain: Wanted = "lock"
    name: str = ""
    tag: str = "emostream-camera"
    root: Path | None = None
    codec: Codec = "ffv1"
    encrypt_to: tuple[str, ...] = ()
    film: Path | None = None

    @property
    def suffix(self) -> str:
        """What stream names and source ids get from the name."""
        return f"-{self.name}" if self.name else ""

    @property
    def source_id(self) -> str:
        """Source id of the raw stream."""
        return f"{self.tag}{self.suffix}-video"


class CameraNode:
    """One camera on LSL: `start`, then `step` some times a second, `stop`.

    The pictures are taken and pushed by a thread of their own, which `step` watches.

    Parameters
    ----------
    options : CameraOptions
    config : LslConfig, optional
    say : callable, optional
        Takes a line for whoever sits at the camera; any thread.
    opener : callable, optional
        Opens the source.
    patience : Patience, optional
    clock : callable
        LSL seconds.
    """

    def __init__(
        self,
        options: CameraOptions,
        config: LslConfig | None = None,
        say: Callable[[str], object] = lambda _line: None,
        *,
        opener: Opener = open_capture,
        patience: Patience | None = None,
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        self._options, self._config, self._say = options, config, say
        self._opener, self._clock = opener, clock
        called = f"camera '{options.name or options.source}'" if "://" not in options.source else "the network camera"
        waits = patience or (Patience() if is_live(options.source) else Patience(stall_s=math.inf))
        self._supervisor: Supervisor[Picture] = Supervisor(
            called, self._open, self._take, self._report, patience=waits, clock=clock
        )
        self._meter, self._watch = RateMeter(), FrozenWatch()
        self._counter: FrameCounter | None = None
        self._outlet: FilmOnRequest | VideoOutlet | None = None
        self._markers: MarkerOutlet | None = None
        self._capture: Capture | None = None
        self._settings: tuple[Setting, ...] = ()
        self._settled = math.nan
        self._back: Incident | None = None
        self._attempts = 0
        self._told_drops, self._tell_drops_at = 0, -math.inf
        self.incidents: list[dict[str, Any]] = []
        """The last hundred things that went wrong, as they were told."""

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return self._supervisor.state not in ("ended", "failed")

    @property
    def info(self) -> VideoInfo | None:
        """Of the stream, once it is on LSL."""
        return None if self._outlet is None else self._outlet.info

    def start(self) -> None:
        """Open the source and begin.

        Raises
        ------
        ConfigurationError
            Another program already sends under these source ids.
        """
        if pylsl.resolve_byprop("source_id", self._options.source_id, 1, _LOOK_S):
            raise ConfigurationError(
                f"a camera with the source id '{self._options.source_id}' is on LSL already: give this one a --name"
            )
        self._supervisor.start()

    def step(self) -> None:
        """Watch the camera."""
        self._supervisor.step()

    def stop(self) -> None:
        """Give the camera back, end its film and withdraw the streams; safe to call twice.

        Raises
        ------
        EmostreamError
            The camera failed for good.
        """
        with ExitStack() as stack:
            for outlet in (self._outlet, self._markers):
                if outlet is not None:
                    stack.callback(outlet.close)
            stack.callback(self._supervisor.stop)

    def summary(self) -> dict[str, Any]:
        """Counts, rates, settings and incidents, for a JSON file."""
        counter, info = self._counter, self.info
        return {
            "camera": {
                "source": self._capture.name if self._capture is not None else None,
                "mode": str(self._capture.mode) if self._capture is not None else None,
                "stamps": self._capture.stamped if self._capture is not None else None,
                "settings": {setting.name: str(setting) for setting in self._settings},
            },
            "video": {
                "name": info.name if info else None,
                "source_id": info.source_id if info else None,
                "size": [info.width, info.height, info.planes] if info else None,
                "fps": info.fps if info else None,
                "measured_fps": counter.rate_hz if counter else None,
                "frames": self._outlet.pushed if self._outlet is not None else 0,
                "dropped": counter.dropped if counter else 0,
                "missed": counter.missed if counter else 0,
            },
            "sent": {
                "frames": self._outlet.pushed if self._outlet is not None else 0,
                "dropped by the driver": counter.dropped if counter else 0,
                "missed while the camera was away": counter.missed if counter else 0,
            },
            "incidents": list(self.incidents),
        }

    def _open(self) -> Capture:
        """Open the source, let it find its exposure, keep that. A new thread."""
        options = self._options
        capture = self._opener(options.source, options.request, self._clock)
        try:
            if capture.controls is not None:
                exposure, gain = options.exposure, options.gain
                if self._settings:
                    exposure, gain = _again(self._settings[0]), _again(self._settings[1])
                else:
                    self._settled = self._settle(capture)
                found = lock_controls(capture.controls, exposure, gain)
                self._settings = self._settings or found
            self._capture = capture
        except BaseException:
            capture.close()
            raise
        return capture

    def _settle(self, capture: Capture) -> float:
        """Let an automatic exposure come to rest; mean brightness of the last picture then."""
        end_s, level = self._clock() + _SETTLE_S, math.nan
        while self._clock() < end_s:
            picture = capture.read()
            if picture is not None:
                level = float(picture.image[::8, ::8].mean())
        return level

    def _take(self, picture: Picture) -> None:
        """Measure, then send. The reading thread."""
        if self._supervisor.attempts != self._attempts:
            self._attempts = self._supervisor.attempts
            if self._counter is not None:
                self._counter.reopened()
        if self._outlet is None:
            assert self._capture is not None
            if self._capture.stamped != "film":
                self._meter.add(picture.stamp)
                if not self._meter.done:
                    return
                self._compare_brightness(picture)
            self._publish(picture, self._capture)
        self._require_same(picture)
        assert self._counter is not None
        assert self._outlet is not None
        frame = self._counter.number(picture)
        self._tell_back(frame)
        self._tell_drops(frame)
        self._tell_frozen(frame)
        self._outlet.push(frame)

    def _publish(self, picture: Picture, capture: Capture) -> None:
        options = self._options
        height, width = picture.image.shape[:2]
        planes = 1 if picture.image.ndim == 2 else 3
        fps = self._nominal(capture)
        info = VideoInfo(f"{_VIDEO_NAME}{options.suffix}", options.source_id, width, height, planes, fps)
        described = {
            "camera": capture.name,
            "mode": str(capture.mode),
            "stamps": capture.stamped,
            "claimed_fps": f"{capture.mode.fps:g}",
            "measured_fps": f"{self._meter.rate_hz:.3f}" if capture.stamped != "film" else "",
            "dropped_frames": "counted" if picture.sequence is not None else "not known",
            **{setting.name: str(setting) for setting in self._settings},
        }
        outlet = VideoOutlet(info, frames_name=f"{FRAMES_NAME}{options.suffix}", sections={"device": described})
        self._markers = MarkerOutlet(STATE_NAME, f"{options.source_id}-state", clock=self._clock)
        self._counter = FrameCounter(fps)
        self._say(f"{capture.name}: {width}x{height}, {'grey' if planes == 1 else 'colour'}, {fps:g} frames a second")
        for setting in self._settings:
            self._say(f"{setting.name}: {setting}")
        self._outlet = self._with_film(outlet)
        self._say(f"on LSL: {info.name} (source id {info.source_id}); Ctrl-C ends it")

    def _with_film(self, outlet: VideoOutlet) -> FilmOnRequest | VideoOutlet:
        options = self._options
        if options.film is None and options.root is None:
            return outlet
        filming = FilmOnRequest(
            outlet,
            options.root or Path(),
            camera=options.name,
            codec=options.codec,
            encrypt_to=options.encrypt_to,
            config=self._config,
            say=self._say,
            listen=options.film is None,
        )
        if options.film is not None:
            try:
                filming.film_to(options.film)
            except DataError:
                filming.close()
                raise
        return filming

    def _nominal(self, capture: Capture) -> float:
        """The rate that the stream states: the driver's where it keeps to it, else the measured one."""
        claimed, measured = capture.mode.fps, self._meter.rate_hz
        if capture.stamped == "film":
            return round(claimed, 2)
        if not claimed > 0 or capture.stamped == "arrival":  # what FFmpeg says of a network camera is its own guess
            return round(measured, 2)
        if abs(measured / claimed - 1.0) <= _BELIEVED:
            return round(claimed, 2)
        advice = "; more light helps where it lengthens its exposure" if measured < claimed else ""
        self._say(f"the driver says {claimed:g} frames a second and gives {measured:.2f}{advice}")
        return round(measured, 2)

    def _compare_brightness(self, picture: Picture) -> None:
        """A driver that keeps another exposure than the one it had found changes the picture: say so."""
        if not any(setting.state == "locked" for setting in self._settings[:2]):
            return
        level = float(picture.image[::8, ::8].mean())
        if abs(level - self._settled) > _BRIGHTNESS * max(self._settled, 8.0):
            self._say(
                f"locking changed the picture's brightness from {self._settled:.0f} to {level:.0f} of 255: "
                "give a value with --exposure, or leave it to the camera with '--exposure auto'"
            )

    def _require_same(self, picture: Picture) -> None:
        info = self.info
        assert info is not None
        shape = (info.height, info.width) if info.planes == 1 else (info.height, info.width, 3)
        if picture.image.shape != shape:
            raise DataError(f"the pictures changed from {shape} to {picture.image.shape}: start again")

    def _report(self, incident: Incident) -> None:
        """Any thread, one at a time."""
        if self._counter is None:
            return
        if incident.kind == "back":
            self._back = incident
            return
        self._counter.lost()
        self._say(f"{self._supervisor.name} is lost: {incident.reason}; trying again")
        self._tell("camera_lost", reason=incident.reason)

    def _tell_back(self, frame: VideoFrame) -> None:
        if self._back is not None:
            away_s, self._back = self._back.away_s, None
            self._say(f"{self._supervisor.name} is back after {away_s:.1f} s, with frame {frame.index}")
            self._tell("camera_back", away_s=round(away_s, 3), frame_index=frame.index)

    def _tell_drops(self, frame: VideoFrame) -> None:
        assert self._counter is not None
        new = self._counter.dropped - self._told_drops
        now = self._clock()
        if new and now >= self._tell_drops_at:
            self._told_drops, self._tell_drops_at = self._counter.dropped, now + _TELL_DROPS_S
            self._say(f"the driver dropped {new} pictures, {self._counter.dropped} in all: the machine is too busy")
            self._tell("camera_dropped", count=new, total=self._counter.dropped, frame_index=frame.index)

    def _tell_frozen(self, frame: VideoFrame) -> None:
        change = self._watch.see(frame)
        if change == "frozen":
            self._say("the picture stands still: the camera hangs, or its lens is covered")
            self._tell("camera_frozen", since_s=self._watch.since_s, frame_index=frame.index)
        elif change == "moving":
            self._say("the picture moves again")
            self._tell("camera_moving", frame_index=frame.index)

    def _tell(self, event: str, **values: object) -> None:
        told = {"event": event, "camera": self._options.name, **values}
        self.incidents = [*self.incidents[-99:], {**told, "at_s": self._clock()}]
        if self._markers is not None and not self._markers.closed:
            self._markers.push_json(told)


def _again(setting: Setting) -> Wanted:
    """What a camera that comes back is set to: as it was."""
    return setting.value if setting.state == "locked" else "auto"
