"""A coder's table: what it may say, that nothing is lost of it, and the work of a review without a window."""

from __future__ import annotations

import json
import math
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from realtime.errors import DataError
from realtime.review.agreement import agreement_of, cohen_kappa, intraclass_correlation, render_agreement
from realtime.review.annotations import Annotation, annotations_path, read_annotations, save_annotations
from realtime.review.candidates import Candidate, read_analysis, read_markers
from realtime.review.facs import parse_units
from realtime.review.review import Review, require_number

Opened = Callable[..., Review]
_FOUND = (Candidate(1.0, 1.2, 1.4, score=7.5, regions=("brow_left",)), Candidate(5.0, 5.1, 5.3, "macro", 9.0))


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens reviews, and closes them in the end."""
    made: list[Review] = []

    def opening(*arguments: object) -> Review:
        made.append(Review(*arguments))  # type: ignore[arg-type]
        return made[-1]

    yield opening
    for review in made:
        review.close()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "sub-01_ses-01_annotations.tsv"


def test_what_is_saved_is_read_back_and_is_for_the_owner_alone(table: Path) -> None:
    rows = (
        Annotation(0.5, math.nan, 20.0, "sad", "trial"),
        Annotation(1.0, 1.25, 1.5, "", "micro", "AU4+AUL10", "accepted", "c1", 'said "so", then\'n', 1.2),
        Annotation(3.0, 3.1, 3.2, status="rejected", comment="blink"),
    )
    assert save_annotations(table, rows[::-1]) is None
    assert repr(read_annotations(table)) == repr(rows)
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    assert [path.name for path in table.parent.iterdir()] == [table.name]


def test_every_state_of_a_table_is_kept_under_a_number(table: Path) -> None:
    table.write_text("onset_s\tapex_s\toffset_s\n1\t2\t3\n", encoding="utf-8")
    before = table.read_text(encoding="utf-8")
    rows = read_annotations(table)
    kept = save_annotations(table, rows)
    assert kept is not None
    assert kept.name == f"{table.name}.~1~"
    assert kept.read_text(encoding="utf-8") == before
    assert save_annotations(table, rows) is None, "the same again is no new state"
    second = save_annotations(table, ())
    assert second is not None
    assert second.name.endswith(".~2~")
    assert read_annotations(table) == ()


def test_a_table_that_cannot_be_written_stays_as_it_is(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_annotations(table, [Annotation(1, 2, 3)])
    before = table.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("realtime.review.annotations.os.fsync", full)
    with pytest.raises(DataError, match=r"cannot save '.*': No space left on device; free space"):
        save_annotations(table, [Annotation(1, 2, 4)])
    assert table.read_bytes() == before
    assert not [path for path in table.parent.iterdir() if path.name.endswith(".part")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2\t1\t3", "onset_s, apex_s, offset_s are 2, 1, 3: wanted increasing times from 0 on"),
        ("1\tn/a\t3", "1, nan, 3"),
        ("-1\t1\t3", "-1, 1, 3"),
        ("one\t2\t3", "row 2: onset_s is 'one', wanted seconds"),
        ("1\t2\tinf", "1, 2, inf"),
        ("1\t2\t3\tsad\twink", "kind 'wink', wanted micro, macro, trial"),
        ("1\t2\t3\tsad\tmicro\tAU99", "'AU99' is no action unit"),
        ("1\t2\t3\tsad\tmicro\tAU4\tperhaps", "status 'perhaps', wanted nothing, accepted, rejected, candidate"),
    ],
)
def test_a_row_that_cannot_be_is_named(line: str, said: str, table: Path) -> None:
    header = "onset_s\tapex_s\toffset_s\tlabel\tkind\taction_units\tstatus"
    table.write_text(f"{header}\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_annotations(table)
    assert said in str(caught.value)
    assert "row 2" in str(caught.value)


def test_a_column_that_saving_would_lose_is_refused(table: Path) -> None:
    table.write_text("onset_s\tapex_s\toffset_s\tmood\n1\t2\t3\tx\n", encoding="utf-8")
    with pytest.raises(DataError, match="has the column 'mood', which saving would lose"):
        read_annotations(table)


@pytest.mark.parametrize(
    ("text", "units"),
    [("4+7", ("AU4", "AU7")), ("au 7, AU4 4", ("AU4", "AU7")), ("L10 r12", ("AUL10", "AUR12")), ("", ())],
)
def test_action_units_are_read_as_coders_write_them(text: str, units: tuple[str, ...]) -> None:
    assert parse_units(text) == units


def test_the_table_lies_beside_its_recording() -> None:
    assert annotations_path(Path("a/sub-01_ses-01_eeg.xdf")) == Path("a/sub-01_ses-01_annotations.tsv")
    assert annotations_path(Path("clip.avi")) == Path("clip_annotations.tsv")


def test_a_review_counts_what_is_accepted_and_takes_back_what_was_done(table: Path, opened: Opened) -> None:
    review = opened(table, _FOUND, "c1")
    first, second = review.numbers
    assert review.count("candidate") == 2
    assert review.next_candidate(first) == second
    review.edit(first, "mark", onset_s=0.9, action_units="AU4")
    review.accept(first)
    review.reject(second)
    assert [review[number].status for number in review.numbers] == ["accepted", "rejected"]
    assert review[first].coder == "c1"
    assert review.next_candidate(second) is None
    with pytest.raises(DataError, match="wanted increasing times"):
        review.edit(first, "mark", onset_s=2.0)
    edit = review.undo()
    assert edit is not None
    assert (edit.number, review[second].status) == (second, "candidate")
    review.redo()
    assert review[second].status == "rejected"
    added = review.add(3.0, 3.1, 3.2)
    review.undo()
    assert added not in review
    review.save()
    review.close()
    again = opened(table, _FOUND, "c1")
    assert [row.status for row in again.rows] == ["accepted", "rejected"], "candidates are known by what was found"
    assert again.found[again.numbers[0]].score == 7.5
    assert again.rows[0].found_apex_s == 1.2
    assert require_number(again, 2) == again.numbers[1]
    with pytest.raises(DataError, match="no movement 3: there are 2"):
        require_number(again, 3)


def test_a_movement_found_anew_within_a_coded_one_is_no_second_one(table: Path, opened: Opened) -> None:
    save_annotations(table, [Annotation(0.9, 1.1, 1.5, "sad", status="rejected")])
    review = opened(table, (Candidate(1.0, 1.19, 1.4), Candidate(1.3, 1.45, 1.6)))
    assert [review[number].status for number in review.numbers] == ["rejected", "candidate"]


def test_unsaved_decisions_are_there_again_after_a_crash(table: Path, opened: Opened) -> None:
    save_annotations(table, [Annotation(1.0, 1.2, 1.4, status="candidate", found_apex_s=1.2)])
    crashed = opened(table, _FOUND, "c1")
    crashed.accept(crashed.numbers[0])
    crashed.add(8.0, 8.1, 8.2)
    crashed.close()
    journal = table.with_name(f"{table.stem}_journal.jsonl")
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    journal.write_bytes(journal.read_bytes() + b'{"event": "edit", "numb')
    again = opened(table, _FOUND, "c1")
    assert again.unsaved == 2
    assert "2 changes of" in again.notices[0]
    assert [again[number].status for number in again.numbers] == ["accepted", "candidate", "candidate"]
    again.reject(again.numbers[1])
    again.close()
    third = opened(table, _FOUND)
    assert (third.unsaved, third.count("rejected")) == (3, 1), "a crash after a crash"
    third.save()
    assert opened(table, _FOUND).unsaved == 0
    assert [row.apex_s for row in read_annotations(table)] == [1.2, 5.1, 8.1]


def test_two_windows_do_not_edit_one_table(table: Path, opened: Opened) -> None:
    first, second = opened(table, _FOUND), opened(table, _FOUND)
    first.accept(first.numbers[0])
    with pytest.raises(DataError, match="is in use: another window edits this table"):
        second.reject(second.numbers[0])
    assert (second.unsaved, second.count("candidate")) == (0, 2), "nothing was done"
    first.close()
    second.reject(second.numbers[0])


def test_unsaved_decisions_on_another_state_of_the_table_are_told_and_left(table: Path, opened: Opened) -> None:
    review = opened(table, _FOUND)
    review.accept(review.numbers[0])
    review.close()
    save_annotations(table, [Annotation(20.0, 20.1, 20.2)])
    again = opened(table, ())
    assert "belong to another state of the table" in again.notices[0]
    assert [row.apex_s for row in again.rows] == [20.1]


def test_a_table_changed_meanwhile_is_kept(table: Path, opened: Opened) -> None:
    review = opened(table, _FOUND)
    review.accept(review.numbers[0])
    save_annotations(table, [Annotation(20.0, 20.1, 20.2)])
    kept = review.save()
    assert kept is not None
    assert [row.apex_s for row in read_annotations(table)] == [1.2, 5.1]
    assert "20.100000" in kept.read_text(encoding="utf-8")
    assert "changed by another program" in review.notices[-1]


def test_an_analysis_gives_candidates_trials_classes_and_motion(tmp_path: Path) -> None:
    (tmp_path / "movements.csv").write_text(
        "number,onset_s,apex_s,offset_s,decided_s,kind,score,regions,trial,label\n"
        "1,1.0,1.2,1.4,1.8,micro,7.25,brow_left+brow_right,1,sad\n"
    )
    (tmp_path / "face.csv").write_text("time_s,face_share,motion_brow_left,motion_chin\n0,1,2.5,\n1,0,,\n")
    span = {"kind": "trial", "start_s": 0.5, "end_s": 9.0, "label": "sad", "stimulus": "x"}
    said = {"classes": ["sad", "happy"], "timeline": [span, {"kind": "rest"}], "source": {"simulated": True}}
    (tmp_path / "analysis.json").write_text(json.dumps(said))
    known = read_analysis(tmp_path)
    assert known.candidates == (Candidate(1.0, 1.2, 1.4, "micro", 7.25, ("brow_left", "brow_right")),)
    assert [(trial.onset_s, trial.offset_s, trial.label) for trial in known.trials] == [(0.5, 9.0, "sad")]
    assert (known.classes, known.simulated) == (("sad", "happy"), True)
    assert (known.motion[0], bool(math.isnan(known.motion[1]))) == (2.5, True)
    with pytest.raises(DataError, match=r"no movements\.csv in"):
        read_analysis(tmp_path / "elsewhere")


def test_movements_found_live_are_on_the_recordings_clock() -> None:
    said = {"event": "movement", "kind": "micro", "onset_s": 501.0, "apex_s": 501.2, "offset_s": 501.4}
    said |= {"decided_s": 502.0, "score": 6.0, "regions": ["chin"]}
    streams = [
        {
            "info": {"name": ["emostream-movements"], "type": ["Markers"]},
            "time_stamps": [112.0],
            "time_series": [[json.dumps(said)]],
        },
        {
            "info": {"name": ["psychopy"], "type": ["Markers"]},
            "time_stamps": [105.0, 120.0, 130.0],
            "time_series": [
                ['{"event": "trial_start", "emotion": "sad"}'],
                ["what others say"],
                ['{"event": "trial_start", "emotion": "happy"}'],
            ],
        },
    ]
    known = read_markers(streams, 100.0, 60.0)
    (found,) = known.candidates
    assert (found.onset_s, found.apex_s, found.offset_s) == pytest.approx((11.0, 11.2, 11.4))
    assert [(t.onset_s, t.offset_s, t.label) for t in known.trials] == [(5.0, 30.0, "sad"), (30.0, 60.0, "happy")]


def test_agreement_of_two_coders_by_hand() -> None:
    def row(apex_s: float, status: str, label: str = "", units: str = "", shift_s: float = 0.0) -> Annotation:
        times = (apex_s - 0.2 + shift_s, apex_s + shift_s, apex_s + 0.2)
        return Annotation(*times, label, "micro", units, status, "c", "", apex_s)  # type: ignore[arg-type]

    first = [
        row(1, "accepted", "sad", "AU4+AU7"),
        row(2, "accepted", "happy"),
        row(3, "rejected"),
        row(4, "accepted"),
        row(6, "candidate"),
        Annotation(8.0, 8.1, 8.2, status="accepted"),
    ]
    second = [
        row(1, "accepted", "sad", "AU4", 0.1),
        row(2, "accepted", "sad", shift_s=-0.1),
        row(3, "rejected"),
        row(4, "rejected"),
        row(6, "accepted"),
    ]
    found = agreement_of(first, second)
    assert (found["events"], found["unreviewed"]) == (5, 1)
    assert found["decision"] | {"kappa": 0} == {
        "percent": 60.0, "kappa": 0, "both_accepted": 2, "both_rejected": 1, "only_first": 2, "only_second": 0,
    }  # fmt: skip
    # observed 3/5; chance 4/5 * 2/5 + 1/5 * 3/5
    assert found["decision"]["kappa"] == pytest.approx((0.6 - 0.44) / (1 - 0.44))
    assert found["label"]["percent"] == 50.0
    assert found["action_units"]["mean_jaccard"] == 0.5
    assert found["marks"]["apex"]["mean_absolute_s"] == pytest.approx(0.1)
    assert found["marks"]["offset"]["mean_absolute_s"] == 0.0
    assert "apex: 100 ms apart on average, 3.0 frames at 30 Hz" in render_agreement(found, 30.0)
    assert math.isnan(cohen_kappa(["yes"], ["yes"]))


def test_the_intraclass_correlation_of_all_judges_apart_by_one() -> None:
    # by hand: three events 1, 2, 3 and 2, 3, 4: mean squares 2 between events, 1.5 between coders, 0 left
    assert intraclass_correlation((1.0, 2.0, 3.0), (2.0, 3.0, 4.0)) == pytest.approx(2.0 / (2.0 + 2.0 * 1.5 / 3.0))
    assert intraclass_correlation((1.0, 2.0, 4.0), (1.0, 2.0, 4.0)) == pytest.approx(1.0)
    assert math.isnan(intraclass_correlation((1.0,), (1.0,)))
