"""The peer of long sessions: `python -m benchmarks.whole_file FILE` reads a recording whole, as published code does.

pyxdf loads everything, each band-power window goes through one `scipy.signal.welch`. Prints JSON: seconds on a core,
and the most memory held.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from benchmarks.dsp import welch_band_power
from realtime.summary import peak_rss_mb


def read_and_welch(path: Path, hop_s: float = 0.05, window_s: float = 1.0) -> int:
    """Band power of every window of the EEG in an XDF file; returns how many there were."""
    import pyxdf

    streams, _ = pyxdf.load_xdf(str(path))
    eeg = next(stream for stream in streams if stream["info"]["type"] == ["EEG"])
    sfreq_hz = float(eeg["info"]["nominal_srate"][0])
    x = np.asarray(eeg["time_series"]).T
    length, hop = round(window_s * sfreq_hz), round(hop_s * sfreq_hz)
    found = [welch_band_power(x[:, end - length : end], sfreq_hz) for end in range(length, x.shape[1] + 1, hop)]
    return len(found)


def main() -> None:
    """Measure this process from its start, imports included."""
    windows = read_and_welch(Path(sys.argv[1]))
    peak_mb = peak_rss_mb(psutil.Process(os.getpid()))
    print(json.dumps({"windows": windows, "cpu_s": time.process_time(), "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
