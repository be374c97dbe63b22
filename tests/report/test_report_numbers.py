"""What the report computes itself: answers of trials, agreement, thinned lines, matched reviews."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_folder import CLASSES
from scipy.stats import binom

from realtime.report.charts import chart, clock
from realtime.report.envelope import runs, series, stepped
from realtime.report.events import flow_arrows
from realtime.report.facts import Facts
from realtime.report.folder import Analysis, FoundMovement, Spectrogram, Table
from realtime.report.pictures import gradient, spectrogram_image
from realtime.report.review import CodedRows, match_review
from realtime.report.scalp import Scalp
from realtime.report.style import STYLE
from realtime.report.trials import agreements, trial_rows
from realtime.review.annotations import Annotation


def facts(**more: object) -> Facts:
    timeline = [
        {"kind": "trial", "start_s": 10.0, "end_s": 20.0, "label": "sad"},
        {"kind": "trial", "start_s": 30.0, "end_s": 40.0, "label": "Happy"},
        {"kind": "trial", "start_s": 50.0, "end_s": 60.0, "label": "calm"},
    ]
    source = {"stem": "x", "duration_s": 70.0}
    known = {"format": "emostream-analysis-1", "source": source, "model": {"id": "m"}, "timeline": timeline}
    return Facts.model_validate(known | {"classes": list(CLASSES)} | more)


def table(rows: list[tuple[float, str, bool, bool]]) -> Table:
    """Predictions (time, favoured class, EEG used, face used); 0.6 for the favoured class, 0.1 for the others."""
    out = {
        "time_s": np.array([r[0] for r in rows]),
        "confidence": np.full(len(rows), 0.4),
        "evidence": np.array([int(r[2] or r[3]) for r in rows]),
        "used_eeg": np.array([int(r[2]) for r in rows]),
        "used_face": np.array([int(r[3]) for r in rows]),
    }
    for prefix in ("p", "eeg", "face"):
        for name in CLASSES:
            out[f"{prefix}_{name}"] = np.array([0.6 if r[1] == name else 0.1 for r in rows])
    return out


def analysis(predictions: Table | None, **more: object) -> Analysis:
    return Analysis(Path(), facts(**more), {}, predictions, (), None, None, None, None)


def test_an_answer_rests_on_the_best_informed_predictions_after_the_first_seconds() -> None:
    rows = [
        (11.0, "angry", True, True),
        (14.0, "fear", True, False),
        (15.0, "fear", True, False),
        (16.0, "sad", True, True),
    ]
    trial = trial_rows(analysis(table(rows)))[0]
    assert trial.answers["fused"].name == "sad"
    assert trial.answers["fused"].probability == pytest.approx(0.6)
    assert trial.answers["eeg"].name == "fear"
    assert trial.answers["face"].name == "sad"


def test_a_trial_without_evidence_has_no_answer() -> None:
    trials = trial_rows(analysis(table([(15.0, "sad", False, False)])))
    assert trials[0].answers == {}
    assert math.isnan(trials[0].confidence)


def test_agreement_counts_only_what_the_model_could_have_guessed() -> None:
    rows = [(15.0, "sad", True, False), (35.0, "happy", True, False), (55.0, "fear", True, False)]
    reports = [{"trial": 1, "time_s": 21.0, "emotion": "sad"}, {"trial": 2, "time_s": 41.0, "emotion": "fear"}]
    trials = trial_rows(analysis(table(rows), self_reports=reports))
    found = {row.title: row for row in agreements(trials, CLASSES)}
    shown = found["model and stimulus"]
    assert (shown.right, shown.total) == (2, 3)
    # 'calm' is no class of the model: nobody can guess it
    assert shown.guessed == pytest.approx(2 / 5)
    assert shown.p == pytest.approx(1 - binom.cdf(1, 2, 0.2))
    assert (found["model and self-report"].right, found["model and self-report"].total) == (1, 2)
    assert (found["self-report and stimulus"].right, found["self-report and stimulus"].total) == (1, 2)


def test_reports_without_a_time_go_by_their_trial() -> None:
    trials = trial_rows(analysis(None, self_reports=[{"trial": 2, "emotion": "fear"}]))
    assert [t.felt for t in trials] == ["", "fear", ""]


def test_a_thinned_line_keeps_what_stands_out_and_breaks_at_a_gap() -> None:
    time_s = np.concatenate([np.arange(0, 1000, 0.2), np.arange(1500, 3600, 0.2)])
    values = np.zeros(len(time_s))
    values[7777], values[1234] = 1.0, -1.0
    found = series(time_s, values)
    assert len(found.time_s) == 1500
    assert np.nanmax(found.high) == 1.0
    assert np.nanmin(found.low) == -1.0
    inside = (found.time_s > 1010) & (found.time_s < 1490)
    assert inside.any()
    assert np.isnan(found.mean[inside]).all()
    assert np.isfinite(found.mean[(found.time_s < 990)]).all()


def test_a_short_line_is_every_sample_with_a_nan_in_each_hole() -> None:
    found = series([0.0, 0.2, 0.4, 5.0, 5.2], [1.0, 2.0, 3.0, 4.0, 5.0])
    assert not found.thinned
    np.testing.assert_array_equal(found.mean[:, 0], [1, 2, 3, np.nan, 4, 5])


def test_steps_reach_half_way_to_their_neighbours_and_stop_at_a_gap() -> None:
    found = stepped(series([0.5, 1.5, 2.5, 9.5], [1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_allclose(found.time_s[:6], [0.0, 1.0, 1.0, 2.0, 2.0, 3.0])
    np.testing.assert_array_equal(found.mean[:, 0], [1, 1, 2, 2, 3, 3, np.nan, np.nan, 4, 4])


def test_runs_are_stretches_of_true() -> None:
    assert runs(np.array([True, True, False, True])) == [(0, 1), (3, 3)]


@pytest.mark.parametrize(
    ("time_s", "places", "text"),
    [(0.0, 0, "0:00"), (59.96, 1, "1:00.0"), (3723.456, 2, "1:02:03.46"), (59.4, 0, "0:59")],
)
def test_times_are_written_as_a_clock_shows_them(time_s: float, places: int, text: str) -> None:
    assert clock(time_s, places) == text


def test_ticks_stay_few_and_inside() -> None:
    for duration_s in (3.0, 61.0, 600.0, 3600.0, 30_000.0):
        ticks = chart("x", duration_s, [], "").ticks
        assert 2 <= len(ticks) <= 12
        assert ticks[0] == (0.0, "0:00")
        assert ticks[-1][0] <= 100.0


def test_arrows_point_along_the_flow() -> None:
    flow = np.zeros((256, 256, 2), np.float32)
    flow[96:112, 160:176, 0] = 0.8
    path, strongest_px = flow_arrows(flow)
    x0, y0, x1, y1 = (float(v) for v in path.replace("M", " ").replace("L", " ").split()[:4])
    assert strongest_px == pytest.approx(0.8, rel=1e-4)
    assert path.count("M") == 2
    assert x1 > x0
    assert y1 == y0
    assert flow_arrows(np.zeros_like(flow)) == ("", 0.0)


def test_a_blink_does_not_hide_a_movement() -> None:
    flow = np.zeros((256, 256, 2), np.float32)
    flow[96:112, 160:176, 0] = 0.3
    flow[64:96, 64:112, 1] = 5.0
    path, strongest_px = flow_arrows(flow)
    assert strongest_px == pytest.approx(0.3, rel=1e-4)
    assert path.count("M") == 2 * (1 + 6)


def test_a_review_is_matched_by_the_apex_found_then_by_overlap() -> None:
    found = [
        FoundMovement(n, t - 0.2, t, t + 0.2, t + 0.4, "micro", 5.0, (), "", "")
        for n, t in ((1, 5.0), (2, 9.0), (3, 12.0))
    ]
    rows = (
        Annotation(5.5, 5.6, 5.7, status="accepted", found_apex_s=5.0),
        Annotation(8.85, 9.0, 9.2, status="rejected"),
        Annotation(20.0, 20.1, 20.3, status="accepted"),
        Annotation(22.0, 22.1, 22.3, status="rejected"),
    )
    review = match_review(found, CodedRows(rows, "x.tsv"))
    assert {number: row.counts for number, row in review.decided.items()} == {1: True, 2: False}
    assert (review.accepted, review.rejected) == (1, 1)
    assert [row.apex_s for row in review.added] == [20.1]


def test_electrodes_without_a_place_are_not_on_the_map() -> None:
    scalp = Scalp(["Fp1", "EXG1", "T3", "T7"], "x")
    assert scalp.rows == [0, 2]
    assert not scalp.enough


@pytest.mark.parametrize("theme", [0, 1])
def test_text_and_lines_contrast_with_their_ground(theme: int) -> None:
    """WCAG 2: 4.5 to 1 for text, 3 to 1 for lines."""
    colours: dict[str, str] = {}
    for block in STYLE.split(":root {")[1 : 2 + theme]:
        for part in block.split("}")[0].split(";"):
            name, _, value = part.strip().partition(": ")
            colours[name] = value
    for ground in ("--ground", "--wash"):
        texts = ("--ink", "--soft", "--accent", "--good", "--bad", "--warn")
        assert [t for t in texts if _contrast(colours[t], colours[ground]) < 4.5] == []
        lines = ("--axis", *(f"--c{k}" for k in range(8)))
        assert [line for line in lines if _contrast(colours[line], colours[ground]) < 3.0] == []


def _contrast(a: str, b: str) -> float:
    light, dark = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(2 * d for d in digits)
    rgb = np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_a_spectrogram_has_high_frequencies_at_the_top_and_holes_see_through() -> None:
    power = np.tile(np.linspace(0, 1, 61, dtype=np.float32), (20, 1))
    power[8] = np.nan
    image = spectrogram_image(Spectrogram(np.arange(2.0, 22.0), np.arange(0.0, 61.0), power), 20.0)
    shown = Image.open(io.BytesIO(base64.b64decode(image.uri.split(",")[1]))).convert("RGBA")
    pixels = np.asarray(shown)
    assert pixels.shape == (61, 18, 4)
    # the window that ends at 10 s has its middle at 9 s
    assert [column for column in range(1, 18) if pixels[30, column, 3] == 0] == [8]
    assert pixels[0, 3, 1] > pixels[-1, 3, 1]
    assert image.told == "from 0.0 to 1.0 log10 µV²/Hz"


def test_a_colour_map_is_a_gradient() -> None:
    assert gradient("viridis").startswith("linear-gradient(to right, #440154")
