"""A Curry 8 recording, as small as MNE reads it: raw float samples, a parameter file, an event file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def write_curry(
    path: Path,
    channels: Sequence[str],
    sfreq_hz: float,
    samples_uv: NDArray[np.floating],
    events: Sequence[tuple[float, int]],
) -> Path:
    """Write `path` (.cdt) with .dpa and .ceo beside it; events are seconds and a code."""
    samples_uv.T.astype("<f4").tofile(path)
    numbers = {
        "NumSamples": samples_uv.shape[1],
        "NumChannels": len(channels),
        "NumTrials": 1,
        "SampleFreqHz": f"{sfreq_hz:.1f}",
        "TriggerOffsetUsec": 0,
        "DataFormat": "BINARY",
        "DataByteOrder": "INTEL",
        "DataSampOrder": "SAMP",
        "SampleTimeUsec": f"{1e6 / sfreq_hz:.0f}",
        **dict.fromkeys(("StartYear", "StartMonth", "StartDay", "StartHour", "StartMin"), 1),
        **dict.fromkeys(("StartSec", "StartMillisec"), 0),
        "AmplifierInfo": "",
    }
    text = _block("DATA_PARAMETERS", numbers)
    text += _block("DEVICE_PARAMETERS", {"NumChanThisGroup": len(channels), "DataUnit": "uV"})
    for name, lines in (("LABELS", channels), ("SENSORS", [f"{i}.0\t0.0\t100.0" for i in range(len(channels))])):
        text += _block(name, {"ListDescription": "any"}) + _list(name, lines)
    text += _list("IMPEDANCE_VALUES", ["\t".join("1" for _ in channels)]) + _list("EPOCH_INFORMATION", [])
    path.with_name(f"{path.name}.dpa").write_text(text)
    samples = [(round(onset_s * sfreq_hz), code) for onset_s, code in events]
    rows = ["\t".join(map(str, (at, 0, code, 0, at, at, 0, 0, 0, 0, 0))) for at, code in samples]
    path.with_name(f"{path.name}.ceo").write_text(_list("NUMBER_LIST", rows) + _list("REMARK_LIST", [""] * len(rows)))
    return path


def _block(name: str, values: dict[str, object]) -> str:
    return f"{name} START\n" + "".join(f"   {key:21}=  {value}\n" for key, value in values.items()) + f"{name} END\n\n"


def _list(name: str, lines: Sequence[str]) -> str:
    return f"{name} START_LIST\n" + "".join(f"{line}\n" for line in lines) + f"{name} END_LIST\n\n"
