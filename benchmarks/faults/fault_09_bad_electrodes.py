"""Row 9: electrodes that go flat, rail, hum or jump: a simulated person's EEG with the fault, through the engine."""

from __future__ import annotations

from functools import cache

import numpy as np

from benchmarks.checkpoint import PATH
from benchmarks.faults.row import Outcome, Row
from models.recognizer import load_recognizer
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.engine import Engine
from realtime.interfaces import Recognizer
from realtime.packets import ChannelQuality, EegChunk, EegInfo, Evidence, Float32, Prediction, Quality
from simulators.eeg import EegSimulator
from simulators.faults import KINDS, ElectrodeFault, Kind
from simulators.person import make_person
from simulators.scenario import make_scenario

MOST_FLAGGED_S = 1.0
MOST_BAD = 0.25

_FLAGS: dict[Kind, Quality] = {
    "flat": Quality.FLAT,
    "railed": Quality.RAILED,
    "mains": Quality.MAINS,
    "jump": Quality.NOISY,
}
_CHUNK_S = 0.02
_END_S = 9.0
_ONSETS_S = (5.03, 5.09, 5.16, 5.23)
"""Where between two reports of the quality the fault begins."""


@cache
def _clean(sfreq_hz: float, channels: int) -> tuple[EegInfo, Float32]:
    person = make_person(9)
    scenario = make_scenario(person, 60.0, 9, artifacts=False)
    simulated = EegSimulator(person, scenario, sfreq_hz, MODEL_CHANNELS[:channels])
    return simulated.info, simulated.samples(0, round(_END_S * sfreq_hz))


@cache
def _recognizer() -> Recognizer:
    return load_recognizer(PATH)


def one(kind: Kind, bad: int, channels: int, sfreq_hz: float, from_s: float) -> dict[str, float]:
    """A fault of the first `bad` channels; seconds until all were flagged, and what was predicted.

    Returns
    -------
    dict
        'flagged_s': from the fault to the first report that flags every one of them, for its own reason. 'false':
        flags raised before the fault. 'before': share of the predictions before the fault that used EEG. 'after': of
        those stamped 0.75 s or more after it.
    """
    info, samples = _clean(sfreq_hz, channels)
    engine = Engine(_recognizer(), eeg=info, has_video=False)
    fault = ElectrodeFault(kind, range(bad), from_s)
    n = round(_CHUNK_S * sfreq_hz)
    qualities: list[ChannelQuality] = []
    predictions: list[Prediction] = []
    for first in range(0, samples.shape[1], n):
        stamps = np.arange(first, min(first + n, samples.shape[1])) / sfreq_hz
        part = fault.put_on(samples[:, first : first + n], stamps)
        for result in engine.push_eeg(EegChunk(part, stamps, "amp", first)):
            if isinstance(result, ChannelQuality):
                qualities.append(result)
            elif isinstance(result, Prediction):
                predictions.append(result)
    flag = _FLAGS[kind]
    told = [q.stamp for q in qualities if q.stamp >= from_s and (q.flags[:bad] & flag).all()]
    # an offset that has jumped and stays is no fault any more a second later
    last_s = from_s + MOST_FLAGGED_S + 0.2 if kind == "jump" else _END_S
    before = [p for p in predictions if 4.0 <= p.stamp < from_s]
    after = [p for p in predictions if from_s + MOST_FLAGGED_S - 0.25 <= p.stamp <= last_s]
    return {
        "flagged_s": told[0] - from_s if told else float("inf"),
        "false": sum(int((q.flags != 0).sum()) for q in qualities if q.stamp < from_s),
        "before": _share(before),
        "after": _share(after),
    }


def _share(predictions: list[Prediction]) -> float:
    used = [p.evidence is Evidence.ENOUGH and "eeg" in p.modalities for p in predictions]
    return float(np.mean(used)) if used else float("nan")


def ours(full: bool) -> Outcome:
    """Each fault on a quarter of the channels, and on one more; full: three montages and rates, four onsets."""
    setups = [(16, 250.0, _ONSETS_S[0])]
    if full:
        setups = [(n, hz, at) for n, hz in ((16, 250.0), (32, 500.0), (62, 1000.0)) for at in _ONSETS_S]
    figures: dict[str, float] = {}
    for kind in KINDS:
        for channels, rate, at in setups:
            quarter = int(MOST_BAD * channels)
            few, many = (one(kind, n, channels, rate, at) for n in (quarter, quarter + 1))
            worst = max(few["flagged_s"], many["flagged_s"])
            figures[f"{kind}_flagged_s"] = max(figures.get(f"{kind}_flagged_s", 0.0), worst)
            figures[f"{kind}_used_at_25_percent"] = min(figures.get(f"{kind}_used_at_25_percent", 1.0), few["after"])
            figures[f"{kind}_used_above"] = max(figures.get(f"{kind}_used_above", 0.0), many["after"])
            figures["false_flags"] = figures.get("false_flags", 0) + few["false"]
            figures["used_before"] = min(figures.get("used_before", 1.0), few["before"], many["before"])
    slowest = max(figures[f"{kind}_flagged_s"] for kind in KINDS)
    withheld = all(figures[f"{kind}_used_above"] == 0.0 for kind in KINDS)
    given = all(figures[f"{kind}_used_at_25_percent"] == 1.0 for kind in KINDS) and figures["used_before"] == 1.0
    met = slowest <= MOST_FLAGGED_S and withheld and given and figures["false_flags"] == 0
    told = ", ".join(f"{kind} {figures[f'{kind}_flagged_s']:.2f} s" for kind in KINDS)
    said = "all predictions withheld" if withheld else "predictions given"
    kept = "none withheld at 25 %" if given else "some withheld at 25 %"
    return Outcome(f"flagged within: {told}; above 25 % bad channels {said}, {kept} (simulated EEG)", met, figures)


ROW = Row(
    9,
    "flat, railed, mains hum, 300 mV jump",
    "flagged within 1 s; predictions withheld above 25 % bad channels",
    ours,
)
