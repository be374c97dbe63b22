"""The engine's results as LSL streams."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence

from realtime.interfaces import RecognizerSpec
from realtime.lsl.results import (
    SHOWN_POWER_NAME,
    BandPowerOutlet,
    EmotionOutlet,
    FaceOutlet,
    HealthOutlet,
    MovementOutlet,
    QualityOutlet,
)
from realtime.packets import (
    BandPowerWindow,
    Beginning,
    ChannelQuality,
    EegInfo,
    FaceObservation,
    Float32,
    GapRecord,
    MicroMovement,
    Prediction,
    Result,
    ShownPower,
    StreamHealth,
)
from realtime.session.events import own_source_id
from realtime.shedding import Shed


class LslSink:
    """Writes each result of an engine to its LSL stream (a `realtime.interfaces.Sink`).

    Results of the EEG and of the video thread go to different streams, so the two threads never push to one outlet;
    predictions come from both and wait for one another.

    Parameters
    ----------
    spec : RecognizerSpec
        Classes, model channels and bands: the labels of the streams.
    eeg : EegInfo, optional
        The EEG source; without it there are no band power and quality streams.
    regions : sequence of str
        Facial regions, in the order of `FaceObservation.region_motion`; empty: no face streams.
    band_power_rate_hz, quality_rate_hz : float
        Nominal rates of those streams.
    source_id : str, optional
        Prefix of the source ids, default the machine's name: two engines in one session need two prefixes.
    settings : mapping, optional
        See `EmotionOutlet`.
    rest : (n_channels, n_bands) float32, optional
        See `BandPowerOutlet`.
    """

    def __init__(
        self,
        spec: RecognizerSpec,
        eeg: EegInfo | None = None,
        *,
        regions: Sequence[str] = (),
        band_power_rate_hz: float = 20.0,
        quality_rate_hz: float = 4.0,
        source_id: str | None = None,
        settings: Mapping[str, str] | None = None,
        rest: Float32 | None = None,
    ) -> None:
        def own(name: str) -> str | None:
            return None if source_id is None else f"{source_id}-{name}"

        bands = [name for name, _, _ in spec.bands]
        self._own, self._rate_hz = own, band_power_rate_hz
        self._shown: tuple[tuple[tuple[str, float, float], ...], BandPowerOutlet] | None = None
        self._spec = spec
        self._predicting = threading.Lock()
        self._band_power = eeg and BandPowerOutlet(
            spec.channels,
            bands,
            band_power_rate_hz,
            edges_hz=spec.bands,
            rest=rest,
            source_id=own("bandpower"),
        )
        self._quality = eeg and QualityOutlet(eeg.channels, quality_rate_hz, source_id=own("quality"))
        self._face = FaceOutlet(regions, source_id=own("face")) if regions else None
        self._movements = MovementOutlet(source_id=own("movements")) if regions else None
        self._emotions = EmotionOutlet(spec, settings=settings, source_id=own("emotions"))
        self._health = HealthOutlet(source_id=own("health"))

    def write(self, result: Result) -> None:
        """Send one result; those of a modality this sink was opened without are ignored.

        Raises
        ------
        TypeError
            Not one of the engine's results.
        """
        match result:
            case Prediction():
                with self._predicting:
                    self._emotions.push(result)
            case BandPowerWindow():
                if self._band_power:
                    self._band_power.push(result)
                    self._push_shown(result)
            case ChannelQuality():
                if self._quality:
                    self._quality.push(result)
            case FaceObservation():
                if self._face:
                    self._face.push(result)
            case MicroMovement():
                if self._movements:
                    self._movements.push(result)
            case _:
                raise TypeError(f"no LSL stream for a {type(result).__name__}")

    def _push_shown(self, window: BandPowerWindow) -> None:
        """Other bands go to a stream of their own, for as long as they are asked for. The EEG's thread."""
        bands = window.shown.bands if window.shown is not None else ()
        if self._shown is not None and self._shown[0] != bands:
            self._shown[1].close()
            self._shown = None
        if window.shown is None:
            return
        if self._shown is None:
            self._shown = bands, self._open_shown(window.shown)
        self._shown[1].push(BandPowerWindow(window.shown.log_power, window.end_s, window.mask))

    def _open_shown(self, shown: ShownPower) -> BandPowerOutlet:
        # a source id for each choice of bands: who reads the former one must not meet another layout
        layout = hashlib.sha256(repr(shown.bands).encode()).hexdigest()[:8]
        names = [f"{name} {low:g}-{high:g} Hz" for name, low, high in shown.bands]
        source_id = f"{self._own('bandpower-shown') or own_source_id('bandpower-shown')}-{layout}"
        return BandPowerOutlet(
            self._spec.channels, names, self._rate_hz, name=SHOWN_POWER_NAME, edges_hz=shown.bands, source_id=source_id
        )

    def write_health(
        self,
        streams: Sequence[StreamHealth],
        latency_ms: Mapping[str, float],
        beginning: Beginning | None = None,
        missed_frames: Sequence[tuple[int, int]] = (),
        gaps: Sequence[GapRecord] = (),
        shed: Shed = Shed(),
    ) -> None:
        """Send link health and latency, from the thread that watches both; see `HealthOutlet.push_health`."""
        self._health.push_health(
            streams, latency_ms, self._spec, beginning=beginning, missed_frames=missed_frames, gaps=gaps, shed=shed
        )

    def close(self) -> None:
        """Withdraw all streams."""
        shown = self._shown and self._shown[1]
        powers = (self._band_power, shown, self._quality)
        for outlet in (*powers, self._face, self._movements, self._emotions, self._health):
            if outlet:
                outlet.close()
