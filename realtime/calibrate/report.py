"""What the calibration found, in figures and in sentences: are electrodes, eyes, jaw and face as they should be?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import signal

from realtime.calibrate.phases import Timed
from realtime.config import EegConfig
from realtime.eeg.montage import canonical_name, name_list
from realtime.eeg.quality import QualityMonitor
from realtime.face.regions import REGIONS
from realtime.face.spotter import FaceNoise
from realtime.packets import BandPowerWindow, EegInfo, Float32, Float64, Quality

_BAD_SHARE = 0.2
_FRONTAL = ("Fp1", "Fpz", "Fp2", "AF7", "AF8")
_BACK = ("O1", "Oz", "O2", "POz", "PO3", "PO4", "PO7", "PO8", "P3", "Pz", "P4")
_TEMPLES = ("F7", "F8", "FT7", "FT8", "T7", "T8", "TP7", "TP8")
_ALPHA, _GAMMA = 2, 4
_BLINK_UV = 40.0
_BLINK_APART_S = 0.4
_FEWEST_BLINKS = 3
_LEAST_ALPHA_DB = 1.0
_LEAST_FACE = 0.9
_LEAST_NEUTRAL_S = 3.0


def channel_quality(info: EegInfo, samples_uv: Float32, config: EegConfig) -> dict[str, dict[str, float]]:
    """Share of seconds in which each channel was flat, railed, noisy, in mains hum or not finite; 'bad' is any of them.

    Parameters
    ----------
    info : EegInfo
    samples_uv : (n_channels, n_times) float32
        As the amplifier sent them.
    config : EegConfig
    """
    monitor = QualityMonitor(len(info.channels), info.sfreq_hz, config)
    second = max(1, round(info.sfreq_hz))
    flags = np.array([monitor.push(samples_uv[:, i : i + second]) for i in range(0, samples_uv.shape[1], second)])
    named = {flag.name.lower(): flag for flag in Quality if flag.name and flag is not Quality.GOOD}
    return {
        channel: {"bad": float(np.mean(flags[:, i] != 0))}
        | {name: float(np.mean((flags[:, i] & flag) != 0)) for name, flag in named.items()}
        for i, channel in enumerate(info.channels)
    }


def blinks_in(info: EegInfo, samples_uv: Float32) -> int | None:
    """How many blinks the frontal channels show; None where there are none of them.

    A blink is a peak of the 1-10 Hz frontal mean of `_BLINK_UV` and more.
    """
    rows = [i for i, name in enumerate(info.channels) if canonical_name(name) in _FRONTAL]
    if not rows or samples_uv.shape[1] < 3 * info.sfreq_hz:
        return None
    band = signal.butter(2, (1.0, 10.0), "bandpass", fs=info.sfreq_hz, output="sos")
    frontal: Float64 = signal.sosfiltfilt(band, np.nan_to_num(samples_uv[rows]).mean(axis=0, dtype=np.float64))
    peaks, _ = signal.find_peaks(np.abs(frontal), height=_BLINK_UV, distance=round(_BLINK_APART_S * info.sfreq_hz))
    return len(peaks)


def power_change_db(
    windows: Sequence[BandPowerWindow], phases: Sequence[Timed], what: str, against: str, channels: Sequence[str],
    band: int, only: Sequence[str] = (),
) -> float | None:  # fmt: skip
    """Median change of a band's power from one phase to another in dB, over the channels; None without windows."""
    rows = [i for i, name in enumerate(channels) if not only or name in only]
    parts = []
    for phase in (what, against):
        start_s, end_s = next(timed.used for timed in phases if timed.phase.name == phase)
        inside = [w for w in windows if start_s + 1.0 <= w.end_s <= end_s]
        if not inside or not rows:
            return None
        power = np.array([np.where(w.mask[rows], w.log_power[rows, band], np.nan) for w in inside])
        seen = ~np.isnan(power).all(axis=0)
        medians = np.full(len(rows), np.nan)
        medians[seen] = np.nanmedian(power[:, seen], axis=0)
        parts.append(medians)
    change = 10.0 * (parts[0] - parts[1])
    return float(np.nanmedian(change)) if np.isfinite(change).any() else None


def eeg_report(
    info: EegInfo,
    samples_uv: Float32,
    blink_uv: Float32,
    windows: Sequence[BandPowerWindow],
    phases: Sequence[Timed],
    model_channels: Sequence[str],
    config: EegConfig,
) -> dict[str, Any]:
    """All figures of the EEG.

    Parameters
    ----------
    info : EegInfo
    samples_uv : (n_channels, n_times) float32
        Everything from the first signal on, as the amplifier sent it.
    blink_uv : (n_channels, n_times) float32
        The blinking phase of it.
    windows : sequence of BandPowerWindow
        Of the cleaned EEG.
    phases : sequence of Timed
    model_channels : sequence of str
        Rows of the windows.
    config : EegConfig
    """
    return {
        "channels": channel_quality(info, samples_uv, config),
        "blinks": blinks_in(info, blink_uv),
        "alpha_closed_db": power_change_db(windows, phases, "eyes_closed", "eyes_open", model_channels, _ALPHA, _BACK),
        "gamma_clench_db": power_change_db(windows, phases, "clench", "neutral", model_channels, _GAMMA, _TEMPLES),
    }


def face_report(noise: FaceNoise, frames: int, faces: int) -> dict[str, Any]:
    """All figures of the face: how much of the neutral phase showed one, and each region's noise in px."""
    sizes = noise.motion.sizes_px
    return {
        "frames": frames,
        "face_share": faces / frames if frames else 0.0,
        "calm_s": noise.motion.seconds,
        "noise_px": {name: float(np.median(sizes[:, i])) if len(sizes) else None for i, name in enumerate(REGIONS)},
    }


def verdicts(report: dict[str, Any]) -> list[str]:
    """What the operator should know or do, a sentence each; empty where all is as it should be."""
    said: list[str] = []
    if (eeg := report.get("eeg")) is not None:
        said += _eeg_verdicts(eeg)
    if (face := report.get("face")) is not None:
        if face["face_share"] < _LEAST_FACE:
            share = f"{100 * face['face_share']:.0f} %"
            said.append(
                f"a face was seen in {share} of the neutral frames: look at the camera, with light from the front"
            )
        if face["calm_s"] < _LEAST_NEUTRAL_S:
            said.append(f"only {face['calm_s']:.1f} s of calm face: the spotter learns the noise as it goes instead")
    return said


def _eeg_verdicts(eeg: dict[str, Any]) -> list[str]:
    said = []
    bad = [name for name, shares in eeg["channels"].items() if shares["bad"] > _BAD_SHARE]
    if bad:
        said.append(f"check the electrodes {name_list(bad)}: bad for more than {100 * _BAD_SHARE:.0f} % of the time")
    if (blinks := eeg["blinks"]) is not None and blinks < _FEWEST_BLINKS:
        said.append(f"{blinks} blinks seen on the frontal channels: did the participant blink? is the gain right?")
    if (alpha := eeg["alpha_closed_db"]) is not None and alpha < _LEAST_ALPHA_DB:
        said.append(
            f"closing the eyes changed occipital alpha by {alpha:+.1f} dB: many people show a rise of several dB; "
            "were the eyes closed, is it the back of the head?"
        )
    if eeg["eye_components"] is None:
        said.append("no EOG and no frontal channel shows the eyes: blinks stay in the EEG")
    elif eeg["eye_components"] == 0:
        said.append("the ICA found no component that follows the eyes: nothing is taken out of the EEG")
    return said
