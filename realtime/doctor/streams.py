"""What is wrong with the streams on LSL; each check takes what was seen of them in two seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from realtime.doctor.findings import Finding, fail, ok, warn
from realtime.errors import DataError
from realtime.lsl.description import ChannelDescription
from realtime.lsl.inlets import microvolts_per_unit
from realtime.packets import Float64

_RATE_WARN, _RATE_FAIL = 0.01, 0.1
_PLAUSIBLE_UV = (0.05, 5_000.0)
_SLOW_EEG_HZ, _FEW_CHANNELS = 100.0, 8
_SLOW_VIDEO_HZ = 24.0
_LATE_SHARE = 0.05
_DRIFT_S = 1e-3
_MOST_NAMED = 6

INDEX_TYPE = "VideoFrameIndex"


@dataclass(frozen=True, slots=True)
class SeenStream:
    """One stream, and what it sent while it was watched.

    Parameters
    ----------
    name, type, source_id, hostname : str
    channel_count : int
    rate_hz : float
        Nominal; 0 for an irregular one.
    texts : bool
        Whether it carries texts.
    channels : tuple of ChannelDescription
        As it describes them; empty where it does not.
    video, device : mapping
        Texts of desc/video and desc/device, as a camera of ours gives them.
    stamps : (n,) float64
        As the sender made them, s.
    values : (n, n_channels) array, or None
        What was sent, where it was read.
    watched_s : float
        How long.
    offsets_s : tuple of float
        The sender's clock against ours, measured first and last; empty on this machine.
    problem : str
        Why it could not be read; ''.
    """

    name: str
    type: str
    source_id: str
    hostname: str = ""
    channel_count: int = 1
    rate_hz: float = 0.0
    texts: bool = False
    channels: tuple[ChannelDescription, ...] = ()
    video: Mapping[str, str] = field(default_factory=dict)
    device: Mapping[str, str] = field(default_factory=dict)
    stamps: Float64 = field(default_factory=lambda: np.empty(0))
    values: NDArray | None = None
    watched_s: float = 2.0
    offsets_s: tuple[float, ...] = ()
    problem: str = ""

    @property
    def true_rate_hz(self) -> float:
        """Samples a second by their stamps; NaN of fewer than three."""
        if len(self.stamps) < 3 or self.stamps[-1] <= self.stamps[0]:
            return float("nan")
        return (len(self.stamps) - 1) / float(self.stamps[-1] - self.stamps[0])

    @property
    def is_eeg(self) -> bool:
        """Whether it says it is EEG."""
        return self.type.upper() == "EEG"


def check_streams(streams: Sequence[SeenStream]) -> list[Finding]:
    """Everything about the streams that are there."""
    findings = [check_presence(streams), *check_doubles(streams)]
    for stream in streams:
        if stream.problem:
            findings.append(
                fail(f"'{stream.name}'", f"does not answer: {stream.problem}", "start the program that sends it again")
            )
        elif stream.is_eeg:
            findings += check_eeg(stream)
        elif stream.type == INDEX_TYPE:
            findings += check_video(stream)
        findings += check_offset(stream)
    return findings


def check_presence(streams: Sequence[SeenStream]) -> Finding:
    """Whether there is EEG and video to work with."""
    if not streams:
        advice = "start the headset's app or 'emostream headset', and 'emostream camera'; --network looks beyond"
        return warn("streams", "none on LSL in this session", advice)
    kinds = Counter(stream.type for stream in streams)
    found = ", ".join(f"{count} {kind or 'without type'}" for kind, count in sorted(kinds.items()))
    lacking = [kind for kind in ("EEG", "VideoRaw") if not any(s.type.upper() == kind.upper() for s in streams)]
    if len(lacking) == 2:
        return warn("streams", f"{found}: neither EEG nor video", "start the headset and the camera")
    eeg = [s.name for s in streams if s.is_eeg]
    if len(eeg) > 1:
        return warn("streams", f"{len(eeg)} of EEG: {_some(eeg)}", "choose one with 'emostream run --eeg NAME'")
    return ok("streams", found)


def check_doubles(streams: Sequence[SeenStream]) -> Iterator[Finding]:
    """Streams that share a source id, or have none."""
    counts = Counter(stream.source_id for stream in streams if stream.source_id)
    for source_id, count in counts.items():
        if count > 1:
            hosts = _some(sorted({s.hostname for s in streams if s.source_id == source_id}))
            found = f"{count} streams share the source id '{source_id}' (on {hosts})"
            yield fail("source ids", found, "close the program that was started twice: LSL takes them for one")
    if nameless := [s.name for s in streams if not s.source_id and (s.is_eeg or s.type == "VideoRaw")]:
        found = f"{_some(nameless)}: no source id"
        yield warn("source ids", found, "such a stream is not found again after a restart; set one in its program")


def check_eeg(stream: SeenStream) -> Iterator[Finding]:
    """Kind, names, units, amplitude and rate of an EEG stream."""
    name = f"EEG '{stream.name}'"
    if stream.texts or not stream.rate_hz > 0:
        found = "carries texts" if stream.texts else "has no nominal rate (irregular)"
        yield fail(name, found, "filters need a regular stream of numbers: set the rate in its program")
        return
    eeg = [i for i, c in enumerate(stream.channels) if c.type.lower() in ("eeg", "")]
    named = len(stream.channels) == stream.channel_count and all(stream.channels[i].label for i in eeg)
    yield _check_names(name, stream, eeg, named=named)
    if named and not eeg:
        return
    yield from _check_units(name, stream, eeg if named else list(range(stream.channel_count)), named=named)
    yield check_rate(name, stream)
    if stream.rate_hz < _SLOW_EEG_HZ:
        yield fail(name, f"{stream.rate_hz:g} Hz", f"{_SLOW_EEG_HZ:g} Hz at least is wanted, for bands up to 47 Hz")


def _check_names(name: str, stream: SeenStream, eeg: list[int], *, named: bool) -> Finding:
    if not named:
        found = f"{stream.channel_count} channels, {len(stream.channels)} described: without names"
        return fail(
            f"{name} channels", found, "have its program describe them (desc/channels/channel/label): Fp1, Cz ..."
        )
    if not eeg:
        kinds = _some(sorted({c.type for c in stream.channels}))
        return fail(f"{name} channels", f"none of type EEG, only {kinds}", "set the channels' type in its program")
    labels = [stream.channels[i].label for i in eeg]
    if doubled := [label for label, count in Counter(labels).items() if count > 1]:
        return fail(f"{name} channels", f"twice: {_some(doubled)}", "give every electrode its own name")
    if len(eeg) < _FEW_CHANNELS:
        return warn(f"{name} channels", f"{len(eeg)}: {_some(labels)}", f"{_FEW_CHANNELS} at least are wanted")
    return ok(f"{name} channels", f"{len(eeg)}: {_some(labels)}")


def _check_units(name: str, stream: SeenStream, eeg: list[int], *, named: bool) -> Iterator[Finding]:
    """Units as declared, and whether amplitudes fit them."""
    units = [stream.channels[i].unit if named else "" for i in eeg]
    try:
        factors = np.array([microvolts_per_unit(unit) for unit in units])
    except DataError as err:
        yield fail(f"{name} units", str(err), "have its program say microvolts")
        return
    silent = sorted({unit or "none" for unit in units if unit.lower() in ("", "unknown", "none", "n/a")})
    if silent:
        yield warn(f"{name} units", f"{_some(silent)}: taken for µV", "have its program say microvolts")
    else:
        yield ok(f"{name} units", _some(sorted(set(units))))
    if stream.values is None or len(stream.values) < 2:
        return
    spreads = [_spread(stream.values[:, i]) for i in eeg]
    yield check_amplitude(f"{name} amplitude", np.array(spreads) * factors)


def check_amplitude(name: str, spreads_uv: Float64) -> Finding:
    """Whether standard deviations, (n_channels,) µV, can be those of scalp EEG."""
    finite = spreads_uv[np.isfinite(spreads_uv)]
    if not len(finite):
        return fail(name, "no channel sends numbers (NaN)", "see that the amplifier runs and its cable is plugged in")
    typical = float(np.median(finite))
    if typical == 0:
        return fail(name, "every sample is the same", "see that the amplifier runs and the cap is plugged in")
    low, high = _PLAUSIBLE_UV
    if typical < low:
        advice = "volts said to be microvolts? set the unit in its program"
        return fail(name, f"typical deviation {typical:.2g} µV: no scalp EEG", advice)
    if typical > high:
        advice = "nanovolts or raw counts said to be microvolts? or no electrode touches: set the unit, check the cap"
        return fail(name, f"typical deviation {typical:.2g} µV: no scalp EEG", advice)
    flat = int(np.count_nonzero(finite < low))
    if flat:
        return warn(name, f"typical deviation {typical:.3g} µV; {flat} flat", "see to these electrodes")
    return ok(name, f"typical deviation {typical:.3g} µV")


def _spread(samples: NDArray) -> float:
    """Standard deviation of what is a number; NaN where nothing is."""
    numbers = np.asarray(samples, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    return float(numbers.std()) if len(numbers) else float("nan")


def check_rate(name: str, stream: SeenStream) -> Finding:
    """Nominal against true rate."""
    true_hz = stream.true_rate_hz
    if not len(stream.stamps):
        found = f"nothing came in {stream.watched_s:.1f} s"
        return fail(f"{name} rate", found, "see that its program is not paused and the device is on")
    if not np.isfinite(true_hz):
        return fail(
            f"{name} rate", f"{len(stream.stamps)} samples in {stream.watched_s:.1f} s", "its stamps stand still"
        )
    away = abs(true_hz / stream.rate_hz - 1.0)
    found = f"{true_hz:.2f} Hz, said to be {stream.rate_hz:g} Hz"
    if away > _RATE_FAIL:
        return fail(f"{name} rate", found, "set the rate in its program: bands would be taken for others")
    if away > _RATE_WARN:
        return warn(
            f"{name} rate", found, "lost samples, or a wrong rate in its program; watch 'lost' in the dashboard"
        )
    return ok(f"{name} rate", found)


def check_video(stream: SeenStream) -> Iterator[Finding]:
    """Rate, regularity, losses and exposure of a camera, by its stream of frame numbers."""
    name = f"video '{stream.video.get('stream') or stream.name}'"
    true_hz = stream.true_rate_hz
    if not np.isfinite(true_hz):
        found = f"{len(stream.stamps)} frames in {stream.watched_s:.1f} s"
        yield fail(f"{name} rate", found, "see that the camera is on and no other program holds it")
    elif true_hz < _SLOW_VIDEO_HZ:
        advice = "more light, or a smaller picture: micro-movements last 0.2 to 0.5 s, 30 Hz is the least that is good"
        yield warn(f"{name} rate", f"{true_hz:.1f} Hz, said to be {stream.rate_hz:g} Hz", advice)
    elif stream.rate_hz > 0 and abs(true_hz / stream.rate_hz - 1.0) > _RATE_FAIL:
        found = f"{true_hz:.1f} Hz, said to be {stream.rate_hz:g} Hz"
        yield warn(f"{name} rate", found, "long exposures slow a camera down: more light, or a fixed exposure")
    else:
        yield ok(f"{name} rate", f"{true_hz:.1f} Hz")
        yield from _check_regular(name, stream)
    yield from check_exposure(name, stream.device)


def _check_regular(name: str, stream: SeenStream) -> Iterator[Finding]:
    steps = np.diff(stream.stamps)
    late = float(np.mean(np.abs(steps - np.median(steps)) > 0.5 * np.median(steps)))
    lost = 0
    if stream.values is not None and stream.values.shape[1:] == (1,):
        lost = int(np.clip(np.diff(stream.values[:, 0]) - 1, 0, None).sum())
    if lost:
        found = f"{lost} of {len(steps) + 1 + lost} frames lost"
        yield warn(f"{name} frames", found, "another USB port without a hub, a smaller picture, or fewer programs")
    elif late > _LATE_SHARE:
        found = f"{100 * late:.0f} % of them off by more than half an interval"
        yield warn(f"{name} frames", found, "a fixed exposure and a USB port of its own make a camera regular")
    else:
        yield ok(f"{name} frames", "regular, none lost")


def check_exposure(name: str, device: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the camera changes its exposure or gain by itself, as its stream says; nothing where it does not say."""
    said = {key: device.get(key, "") for key in ("exposure", "gain")}
    by_itself = [key for key, text in said.items() if text.startswith(("auto", "refused"))]
    if by_itself:
        found = f"{' and '.join(by_itself)} set by the camera itself"
        advice = "'emostream camera --exposure lock': a change of light looks like a movement"
        yield warn(f"{name} exposure", found, advice)
    elif any(text.startswith("locked") for text in said.values()):
        yield ok(f"{name} exposure", ", ".join(f"{key} {text}" for key, text in said.items() if text))


def check_offset(stream: SeenStream) -> Iterator[Finding]:
    """Whether the clock of a sender on another machine drifts or steps against ours."""
    if len(stream.offsets_s) < 2:
        return
    moved_s = stream.offsets_s[-1] - stream.offsets_s[0]
    if abs(moved_s) > _DRIFT_S:
        found = f"the clock of {stream.hostname} moved by {1e3 * moved_s:+.1f} ms in {stream.watched_s:.1f} s"
        yield warn(f"clock of '{stream.name}'", found, "a busy or wireless network blurs it: use a cable")
    else:
        yield ok(f"clock of '{stream.name}'", f"steady against {stream.hostname}")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown}, ..." if len(names) > _MOST_NAMED else shown
