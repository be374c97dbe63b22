"""A peer in the latency benchmark: `python -m benchmarks.peer_node mne-lsl|loop SECONDS`.

Both make band powers of the newest second, in the bands of ours, and tell for each answer which push its newest sample
belongs to. No filters, no quality, no network: that is spared them. mne-lsl brings a liblsl of its own, so pylsl is not
imported beside it.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from benchmarks.arrivals import END, PATIENCE_S, SFREQ_HZ, Answers, newest_push, stream_name
from benchmarks.dsp import loop_band_power, welch_band_power

POLL_S, WINDOW_S = 0.05, 1.0
_BUFFER_S = 2.0


def poll_mne_lsl(deadline: float) -> Answers:
    """`StreamLSL` with its own acquisition, asked for the newest second every 50 ms; one `welch` over all channels."""
    from mne_lsl.lsl import local_clock
    from mne_lsl.stream import StreamLSL

    stream = StreamLSL(bufsize=_BUFFER_S, source_id=stream_name("mne-lsl")).connect(timeout=PATIENCE_S)
    answers: dict[int, float] = {}
    due = time.monotonic()
    while time.monotonic() < deadline:
        due += POLL_S
        time.sleep(max(0.0, due - time.monotonic()))
        data, stamps = stream.get_data(winsize=WINDOW_S)
        if not stamps[0]:
            continue
        if data[0, -1] == END:
            break
        welch_band_power(data, SFREQ_HZ)
        answers.setdefault(newest_push(data[0]), local_clock())
    stream.disconnect()
    return {"mne-lsl": answers}


def collect_and_loop(deadline: float) -> Answers:
    """As published examples for pylsl do it: collect a second in lists, process it channel by channel, and again.

    Neurofeedback examples and student projects on GitHub do so, with `pull_sample` or `pull_chunk` up to a fixed
    count; those after the BCI workshop of NeuroTechX (muse-lsl's among them) wait for 0.2 s and keep a buffer.
    """
    import pylsl

    from realtime.lsl import session

    session.configure()
    found = pylsl.resolve_byprop("source_id", stream_name("loop"), 1, PATIENCE_S)
    inlet = pylsl.StreamInlet(found[0])
    wanted = round(WINDOW_S * SFREQ_HZ)
    answers: dict[int, float] = {}
    while time.monotonic() < deadline:
        rows: list[list[float]] = []
        while len(rows) < wanted and time.monotonic() < deadline:
            new, _ = inlet.pull_chunk(timeout=WINDOW_S, max_samples=wanted - len(rows))
            assert isinstance(new, list)
            rows += new
            if rows and rows[-1][0] == END:
                return {"loop": answers}
        x = np.array(rows).T
        loop_band_power(x, SFREQ_HZ)
        answers[newest_push(x[0])] = pylsl.local_clock()
    return {"loop": answers}


def main() -> None:
    """Play the peer that the command line names."""
    role, seconds = sys.argv[1], float(sys.argv[2])
    deadline = time.monotonic() + seconds + PATIENCE_S
    print(json.dumps((poll_mne_lsl if role == "mne-lsl" else collect_and_loop)(deadline)))


if __name__ == "__main__":
    main()
