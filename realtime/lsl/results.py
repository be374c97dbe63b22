"""Outlets of the engine's results; `LslSink` opens and feeds them all."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pylsl

from realtime.errors import DataError
from realtime.interfaces import RecognizerSpec
from realtime.lsl.base import Outlet
from realtime.lsl.codecs import (
    IMAGE_SIDE,
    N_LANDMARKS,
    emotion_channel_labels,
    encode_emotion,
    encode_movement_images,
    movement_json,
)
from realtime.lsl.description import ChannelDescription, make_info
from realtime.lsl.sources import MarkerOutlet
from realtime.packets import (
    BandPowerWindow,
    Beginning,
    ChannelQuality,
    FaceObservation,
    Float32,
    GapRecord,
    MicroMovement,
    Prediction,
    StreamHealth,
)
from realtime.shedding import Shed

_BUFFER_S = 60.0
_IRREGULAR_BUFFER = 2048
_IMAGE_BUFFER = 8

BAND_POWER_NAME = "emostream-bandpower"
SHOWN_POWER_NAME = "emostream-bandpower-shown"
QUALITY_NAME = "emostream-quality"
FACE_NAME = "emostream-face"
MESH_NAME = "emostream-mesh"
MOVEMENTS_NAME = "emostream-movements"
IMAGES_NAME = "emostream-movement-images"
EMOTIONS_NAME = "emostream-emotions"
HEALTH_NAME = "emostream-health"
CONTROL_NAME = "emostream-control"


class BandPowerOutlet(Outlet):
    """Band powers as 'BandPower', one channel '<channel>_<band>' each, log10 µV²/Hz, NaN where masked.

    Parameters
    ----------
    channels : sequence of str
        EEG channels in the order of `BandPowerWindow.log_power`.
    bands : sequence of str
        Band names in that order.
    rate_hz : float
        Windows a second.
    name : str
    edges_hz : sequence of (name, low_hz, high_hz)
        Of the bands, for desc/bandpower.
    rest : (n_channels, n_bands) float32, optional
        The person's log power at rest, from a calibration, for desc/bandpower; NaN where not known.
    """

    def __init__(
        self,
        channels: Sequence[str],
        bands: Sequence[str],
        rate_hz: float,
        *,
        name: str = BAND_POWER_NAME,
        edges_hz: Sequence[tuple[str, float, float]] = (),
        rest: Float32 | None = None,
        source_id: str | None = None,
    ) -> None:
        described = [ChannelDescription(f"{c}_{b}", "log10(uV^2/Hz)", "BandPower") for c in channels for b in bands]
        section = {"channels": str(len(channels)), "bands": ",".join(bands)}
        section["edges_hz"] = ",".join(f"{low:g}-{high:g}" for _, low, high in edges_hz)
        if rest is not None:
            section["rest"] = ",".join(f"{value:.4f}" for value in rest.ravel())
        info = make_info(
            name,
            "BandPower",
            described,
            rate_hz=rate_hz,
            channel_format="float32",
            source_id=source_id,
            sections={"bandpower": section},
        )
        super().__init__(info, max_buffered=math.ceil(_BUFFER_S * rate_hz))
        self._shape = (len(channels), len(bands))

    def push(self, window: BandPowerWindow) -> None:
        """Send a window, stamped with its newest sample.

        Raises
        ------
        DataError
            The window has another number of channels or bands.
        """
        if window.log_power.shape != self._shape:
            raise DataError(f"band power window of {window.log_power.shape}, the stream takes {self._shape}")
        values = np.where(window.mask[:, None], window.log_power, np.float32(np.nan))
        self._push_rows(values.reshape(1, -1), window.end_s)


class QualityOutlet(Outlet):
    """`Quality` flags per EEG channel as 'SignalQuality', int32."""

    def __init__(self, channels: Sequence[str], rate_hz: float = 4.0, *, source_id: str | None = None) -> None:
        described = [ChannelDescription(c, "flags", "Quality") for c in channels]
        info = make_info(
            QUALITY_NAME,
            "SignalQuality",
            described,
            rate_hz=rate_hz,
            channel_format="int32",
            source_id=source_id,
            sections={"flags": {"flat": "1", "railed": "2", "mains": "4", "noisy": "8", "not_finite": "16"}},
        )
        super().__init__(info, max_buffered=math.ceil(_BUFFER_S * rate_hz))

    def push(self, quality: ChannelQuality) -> None:
        """Send the flags of all channels.

        Raises
        ------
        DataError
            Flags for another number of channels.
        """
        if quality.flags.shape != (self._count,):
            raise DataError(f"quality of {quality.flags.size} channels, the stream has {self._count}")
        self._push_rows(quality.flags.astype(np.int32)[None], quality.stamp)


class FaceOutlet:
    """Face score and region motion as 'FaceMotion', landmarks as 'FaceMesh' while there is a face.

    Parameters
    ----------
    regions : sequence of str
        Names in the order of `FaceObservation.region_motion`.
    """

    def __init__(self, regions: Sequence[str], *, source_id: str | None = None) -> None:
        described = [ChannelDescription("score", "probability", "FaceScore")]
        described += [ChannelDescription(f"motion_{r}", "noise multiples", "Motion") for r in regions]
        points = [ChannelDescription(f"{axis}{i}", "px", "Position") for i in range(N_LANDMARKS) for axis in "xy"]
        mesh_id = None if source_id is None else f"{source_id}-mesh"
        self._motion = Outlet(
            make_info(FACE_NAME, "FaceMotion", described, rate_hz=0.0, channel_format="float32", source_id=source_id),
            max_buffered=_IRREGULAR_BUFFER,
        )
        self._mesh = Outlet(
            make_info(MESH_NAME, "FaceMesh", points, rate_hz=0.0, channel_format="float32", source_id=mesh_id),
            max_buffered=_IRREGULAR_BUFFER,
        )
        self._regions = len(regions)

    @property
    def pushed(self) -> int:
        """Observations pushed."""
        return self._motion.pushed

    def push(self, face: FaceObservation) -> None:
        """Send an observation.

        Raises
        ------
        DataError
            Motion of another number of regions.
        """
        row = np.full((1, 1 + self._regions), np.nan, np.float32)
        row[0, 0] = face.score
        if face.region_motion is not None:
            if face.region_motion.shape != (self._regions,):
                raise DataError(f"motion of {face.region_motion.size} regions, the stream has {self._regions}")
            row[0, 1:] = face.region_motion
        self._motion._push_rows(row, face.stamp)
        if face.landmarks is not None:
            self._mesh._push_rows(np.ascontiguousarray(face.landmarks, np.float32).reshape(1, -1), face.stamp)

    def close(self) -> None:
        """Withdraw both streams."""
        self._motion.close()
        self._mesh.close()


class MovementOutlet:
    """Movements as JSON markers and, with the same stamp, their images as 'MovementImages'."""

    def __init__(self, *, source_id: str | None = None) -> None:
        images_id = None if source_id is None else f"{source_id}-images"
        self._markers = MarkerOutlet(MOVEMENTS_NAME, source_id)
        self._images = Outlet(
            make_info(
                IMAGES_NAME,
                "MovementImages",
                4 * IMAGE_SIDE * IMAGE_SIDE,
                rate_hz=0.0,
                channel_format="int8",
                source_id=images_id,
                sections={
                    "images": {
                        "side": str(IMAGE_SIDE),
                        "planes": "onset,apex,flow_u,flow_v",
                        "flow_unit": "1/32 px",
                    }
                },
            ),
            max_buffered=_IMAGE_BUFFER,
        )

    @property
    def pushed(self) -> int:
        """Movements pushed."""
        return self._markers.pushed

    def push(self, movement: MicroMovement) -> None:
        """Send a movement, stamped with the moment it was decided."""
        self._markers.push(movement_json(movement), movement.decided_s)
        self._images._push_rows(encode_movement_images(movement)[None], movement.decided_s)

    def close(self) -> None:
        """Withdraw both streams."""
        self._markers.close()
        self._images.close()


class EmotionOutlet(Outlet):
    """Predictions as 'Emotion': labels are the class names, the model is named in desc/model.

    Parameters
    ----------
    spec : RecognizerSpec
    settings : mapping, optional
        Texts for desc/settings: what one must know to compute the answers again from a recording.
    """

    def __init__(
        self, spec: RecognizerSpec, *, settings: Mapping[str, str] | None = None, source_id: str | None = None
    ) -> None:
        n = len(spec.classes)
        types = ["Emotion"] * n + ["EmotionEEG"] * n + ["EmotionFace"] * n
        types += ["Confidence", "Used", "Used", "Evidence", "Age", "Age"]
        units = ["probability"] * (3 * n) + ["0 to 1", "0 or 1", "0 or 1", "0 or 1", "seconds", "seconds"]
        labels = emotion_channel_labels(spec.classes)
        described = [ChannelDescription(*triple) for triple in zip(labels, units, types, strict=True)]
        model = {"id": spec.model_id, "trained_on": spec.trained_on, "simulated": str(int(spec.simulated))}
        info = make_info(
            EMOTIONS_NAME,
            "Emotion",
            described,
            rate_hz=0.0,
            channel_format="float32",
            source_id=source_id,
            sections={"model": model, "settings": dict(settings or {})},
        )
        super().__init__(info, max_buffered=_IRREGULAR_BUFFER)
        self._classes = n

    def push(self, prediction: Prediction) -> None:
        """Send a prediction.

        Raises
        ------
        DataError
            A prediction over another number of classes.
        """
        self._push_rows(encode_emotion(prediction, self._classes)[None], prediction.stamp)


class HealthOutlet(MarkerOutlet):
    """Link health, latency and the model as JSON, about once a second."""

    def __init__(self, *, source_id: str | None = None, clock: Callable[[], float] = pylsl.local_clock) -> None:
        super().__init__(HEALTH_NAME, source_id, clock=clock)

    def push_health(
        self,
        streams: Sequence[StreamHealth],
        latency_ms: Mapping[str, float],
        spec: RecognizerSpec | None = None,
        *,
        beginning: Beginning | None = None,
        missed_frames: Sequence[tuple[int, int]] = (),
        gaps: Sequence[GapRecord] = (),
        shed: Shed = Shed(),
    ) -> None:
        """Send the state of all streams; what is not finite becomes null.

        Parameters
        ----------
        streams : sequence of StreamHealth
        latency_ms : mapping
            For instance {"p50": 4.2, "p99": 11.0}.
        spec : RecognizerSpec, optional
            The model in use.
        beginning : Beginning, optional
            Where the engine's state began.
        missed_frames : sequence of (first, last)
            Indices of frames that the engine was not given since the last time.
        gaps : sequence of GapRecord
            The newest gaps, and settings of a clock, found in the inputs. Said again and again: who records may have
            been cut off while the engine stood still.
        shed : Shed
            What is given up because the machine is too busy.
        """
        payload: dict[str, Any] = {
            "streams": [
                {
                    "name": s.name,
                    "state": s.state,
                    "received": s.received,
                    "lost": s.lost,
                    "gaps": s.gaps,
                    "age_s": _finite(s.age_s),
                    "rate_hz": _finite(s.rate_hz),
                    "repeated": s.repeated,
                    "late": s.late,
                    "clock_jumps": s.clock_jumps,
                    "note": s.note,
                }
                for s in streams
            ],
            "latency_ms": {key: _finite(value) for key, value in latency_ms.items()},
        }
        if spec is not None:
            payload["model"] = {
                "id": spec.model_id,
                "trained_on": spec.trained_on,
                "simulated": spec.simulated,
                "classes": list(spec.classes),
            }
        if beginning is not None:
            payload["inputs"] = {
                "eeg_first_s": _finite(beginning.eeg_s),
                "video_first_s": _finite(beginning.video_s),
                "video_first_index": beginning.video_index,
            }
        if missed_frames:
            payload["frames_missed"] = [list(span) for span in missed_frames]
        payload["shed"] = {"screen": shed.screen, "video_every": shed.video_every}
        if gaps:
            payload["gaps_found"] = [
                {"name": g.name, "at_s": g.at_s, "lost": g.lost}
                | ({"clock_set_s": g.clock_set_s} if g.clock_set_s else {})
                for g in gaps
            ]
        self.push(json.dumps(payload, allow_nan=False))


class ControlOutlet(MarkerOutlet):
    """Operator actions as JSON markers: note, start, stop, threshold."""

    def __init__(self, *, source_id: str | None = None, clock: Callable[[], float] = pylsl.local_clock) -> None:
        super().__init__(CONTROL_NAME, source_id, clock=clock)

    def push_event(self, event: str, **values: Any) -> None:
        """Send an action, for instance ``push_event("note", text="blinked a lot")``."""
        self.push_json({"event": event, **values})


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
