"""From what the guide kept to what is known of the person."""

from __future__ import annotations

from typing import Any

import numpy as np

from realtime.calibrate.baseline import rest_baseline, windows_of
from realtime.calibrate.guide import Guide
from realtime.calibrate.person import PersonCalibration
from realtime.calibrate.phases import Timed
from realtime.calibrate.report import eeg_report, face_report, verdicts
from realtime.config import Config
from realtime.eeg.calibration import Calibration, fit_ica, shows_eyes
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.errors import DataError
from realtime.face.spotter import FaceNoise
from realtime.packets import EegInfo, Float32, Float64

_RESTING = ("eyes_open", "neutral")


def learn(guide: Guide, config: Config) -> PersonCalibration:
    """Fit everything to a finished guide; takes seconds.

    Raises
    ------
    DataError
        The EEG is too short or too disturbed.
    MontageError
        Too few of the model's channels.
    """
    report: dict[str, Any] = {
        "phases": [
            {"name": t.phase.name, "start_s": t.start_s - guide.phases[0].start_s, "seconds": t.end_s - t.start_s}
            for t in guide.phases
        ]
    }
    eeg = baseline = None
    if (info := guide.eeg_info) is not None:
        samples, stamps = _joined(guide)
        eeg = _fit(info, samples, stamps, guide.phases, config) if shows_eyes(info.channels) else None
        windows = windows_of(info, guide.chunks, config.eeg, eeg)
        resting = [timed.used for timed in guide.phases if timed.phase.name in _RESTING]
        baseline = rest_baseline(windows, resting)
        blink = next(timed.used for timed in guide.phases if timed.phase.name == "blink")
        blinking = samples[:, (stamps >= blink[0]) & (stamps <= blink[1])]
        report["eeg"] = eeg_report(info, samples, blinking, windows, guide.phases, MODEL_CHANNELS, config.eeg) | {
            "name": info.name,
            "sfreq_hz": info.sfreq_hz,
            "eye_components": None if eeg is None else len(eeg.correlations),
            "seconds": len(stamps) / info.sfreq_hz,
        }
    face = _face(guide, report, config)
    report["verdicts"] = verdicts(report)
    return PersonCalibration(eeg, baseline, face, report)


def _joined(guide: Guide) -> tuple[Float32, Float64]:
    if not guide.chunks:
        raise DataError("no EEG arrived during calibration: check the headset's program, and start again")
    samples = np.concatenate([chunk.samples for chunk in guide.chunks], axis=1)
    return samples, np.concatenate([chunk.stamps for chunk in guide.chunks])


def _fit(info: EegInfo, samples: Float32, stamps: Float64, phases: tuple[Timed, ...], config: Config) -> Calibration:
    """The ICA, on everything before the teeth were clenched: muscles would take components of their own."""
    clench_s = next(timed.start_s for timed in phases if timed.phase.name == "clench")
    return fit_ica(samples[:, stamps < clench_s], info.sfreq_hz, info.channels, config=config.eeg)


def _face(guide: Guide, report: dict[str, Any], config: Config) -> FaceNoise | None:
    """The face's noise; None where too little of it was seen, and the spotter learns it as it goes."""
    noise, video = guide.noise(), guide.video_info
    if noise is None or video is None:
        return None
    report["face"] = face_report(noise, guide.frames, guide.faces) | {
        "name": video.name,
        "size": [video.width, video.height],
        "fps": video.fps,
    }
    return noise if noise.motion.seconds >= config.face.spotter.min_noise_s else None
