"""The report as a reader gets it: whole, self-contained, and honest about what is missing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from report_folder import BANDS, CHANNELS, CLASSES, Story, write_folder

from realtime.errors import DataError
from realtime.report import write_report
from realtime.report.events import MOST_CARDS
from realtime.report.script import SCRIPT
from realtime.review.annotations import Annotation, save_annotations

SECTIONS = ("timeline", "movements", "scalp", "spectrogram", "trials", "quality", "link", "notes", "cautions", "method")
TWO_BANDS = (BANDS[1], BANDS[2])


class Page(HTMLParser):
    """What the page holds: ids, addresses, shapes, and the text of each section."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.shapes: list[str] = []
        self.text: dict[str, str] = {}
        self._section, self._quiet = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.sources += [found["src"]] if "src" in found else []
        self.sources += [v for n, v in found.items() if tag == "image" and n.endswith("href")]
        self.shapes += [found.get("d", "")] if tag == "path" else []
        self._section = found.get("id", "") if tag == "section" else self._section
        self._quiet = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._quiet = "" if tag == self._quiet else self._quiet

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.text[self._section] = self.text.get(self._section, "") + data


def page_of(folder: Path, story: Story, **options: object) -> tuple[str, Page]:
    html = write_report(write_folder(folder, story), **options).read_text(encoding="utf-8")  # type: ignore[arg-type]
    return html, Page(html)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Page]:
    """A session with everything in it."""
    folder = tmp_path_factory.mktemp("report") / "full"
    return folder, *page_of(folder, Story(bands=TWO_BANDS))


def test_every_section_is_there_and_every_link_leads_somewhere(full: tuple[Path, str, Page]) -> None:
    _, _, page = full
    assert [name for name in SECTIONS if name not in page.ids] == []
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)


def test_nothing_is_asked_of_the_network(full: tuple[Path, str, Page]) -> None:
    _, html, page = full
    assert "http:" not in html
    assert "https:" not in html
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", html)
    assert len(page.sources) > 20
    assert [source[:40] for source in page.sources if not source.startswith("data:image/")] == []
    assert "default-src 'none'" in html


def test_the_script_is_the_one_the_policy_allows(full: tuple[Path, str, Page]) -> None:
    _, html, _ = full
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert f"<script>{SCRIPT}</script>" in html


def test_numbers_that_are_none_are_not_printed(full: tuple[Path, str, Page]) -> None:
    _, _, page = full
    words = set(re.findall(r"\w+", " ".join(page.text.values())))
    assert words & {"nan", "None", "NaN", "inf", "undefined"} == set()
    assert [shape for shape in page.shapes if "n" in shape.lower() or "i" in shape] == []


def test_the_file_is_its_owners_alone_and_nothing_is_left_beside_it(full: tuple[Path, str, Page]) -> None:
    folder, _, _ = full
    assert stat.S_IMODE((folder / "report.html").stat().st_mode) == 0o600
    assert [path.name for path in folder.glob(".*")] == []


def test_heading_says_who_when_and_which_model(full: tuple[Path, str, Page]) -> None:
    _, _, page = full
    head = page.text[""]
    assert "sub-01, session 01, suppression, run 1" in head
    assert "02 March 2026, 10:15 UTC" in head
    assert "trained on: simulated people only" in head
    assert "SIMULATED" in head
    assert "DEMONSTRATION MODEL" in head


def test_a_real_session_with_a_real_model_is_not_called_simulated(tmp_path: Path) -> None:
    _, page = page_of(tmp_path, Story(simulated=False, eeg=False, movements=1, trials=("sad",)))
    assert "SIMULATED" not in page.text[""]
    assert "DEMONSTRATION" not in page.text[""]
    assert "1 warning" in page.text["findings"]
    assert "rate varied" in page.text["findings"]


def test_candidates_without_a_card_lead_to_the_table(tmp_path: Path) -> None:
    _, page = page_of(tmp_path, Story(eeg=False, movements=MOST_CARDS + 3, trials=("sad",)))
    assert page.links.count("#movements") == 3 + 1
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


def test_scales_of_a_playlist_of_ones_own_are_shown_after_the_usual_ones(full: tuple[Path, str, Page]) -> None:
    _, html, _ = full
    names = re.findall(r"<th>(\w+)</th>", html)
    assert names[names.index("intensity") :][:5] == ["intensity", "arousal", "valence", "hidden", "dominance"]
    assert html.count("<td>8</td>") == 3


def test_trials_events_and_agreement_are_told_in_words(full: tuple[Path, str, Page]) -> None:
    _, _, page = full
    assert "3 trials: 1 happy, 1 sad, 1 fear." in page.text["findings"]
    assert "movements to look at, not verdicts" in page.text["findings"]
    assert "T7" in page.text["quality"]
    assert "noisy" in page.text["quality"]
    assert re.search(r"blinks and gaze shifts\s*17, 15\.5 a minute", page.text["quality"])
    assert "the same to five decimals" in page.text["link"]
    assert "the live run's 4 movements the analysis has 4" in page.text["link"]
    assert "face.spotter.lag_s" in page.text["method"]
    assert "0.04 to 0.36" in page.text["cautions"]
    assert "moved in the chair" in page.text["notes"]
    assert "less the baseline" in " ".join(page.text["scalp"].split())


def test_values_under_the_pointer_are_those_of_the_table(full: tuple[Path, str, Page]) -> None:
    _, html, _ = full
    found = re.search(r'<script type="application/json" id="values">(.*?)</script>', html)
    assert found is not None
    values = json.loads(found[1])
    assert values["classes"] == list(CLASSES)
    assert {len(rows) for rows in values["views"].values()} == {len(values["time_s"])}
    sums = [sum(row) for row in values["views"]["fused"] if row[0] is not None]
    np.testing.assert_allclose(sums, 1.0, atol=0.004)


def test_report_without_video_has_no_frames_for_it(tmp_path: Path) -> None:
    story = Story(video=False, trials=(), channels=CHANNELS[:4], bands=TWO_BANDS)
    _, page = page_of(tmp_path, story)
    assert {"movements", "trials", "scalp"} & set(page.ids) == set()
    assert {"timeline", "spectrogram", "quality"} <= set(page.ids)
    assert "There was no video." in page.text["findings"]
    assert "No trial was marked" in page.text["findings"]
    assert "face seen" not in page.text["quality"]


def test_report_without_eeg_has_no_frames_for_it(tmp_path: Path) -> None:
    _, page = page_of(tmp_path, Story(eeg=False, reports=False))
    assert {"scalp", "spectrogram"} & set(page.ids) == set()
    assert "There was no EEG." in page.text["findings"]
    assert "Trials and predictions" in page.text["trials"]
    assert "reported" not in page.text["trials"]
    assert "channel" not in page.text["quality"]


def test_report_without_movements_says_that_none_was_found(tmp_path: Path) -> None:
    _, page = page_of(tmp_path, Story(eeg=False, movements=0, trials=()))
    assert "movements" not in page.ids
    assert "The spotter found no movement of the face." in page.text["findings"]
    assert "At no moment was there evidence enough for an answer." in page.text["findings"]


def test_faces_can_be_left_out(full: tuple[Path, str, Page], tmp_path: Path) -> None:
    _, with_faces, _ = full
    html, page = page_of(tmp_path, Story(eeg=False), faces=False)
    assert "Face at apex" in with_faces
    assert "Face at" not in html
    assert "Where the face moved" in html
    assert "pictures of a face" not in page.text["method"]


def test_what_a_coder_decided_is_marked(tmp_path: Path) -> None:
    story = Story(eeg=False, movements=3)
    write_folder(tmp_path, story)
    rows = _reviewed(tmp_path)
    save_annotations(tmp_path / "review.tsv", rows)
    page = Page(write_report(tmp_path, annotations=tmp_path / "review.tsv").read_text(encoding="utf-8"))
    assert "accepted 1, rejected 1, left 1 undecided and added 1" in page.text["findings"]
    assert "AU4, fear" in page.text["movements"]
    assert "Added by the coder" in page.text["movements"]


def _reviewed(folder: Path) -> list[Annotation]:
    """The first accepted by its apex, the second rejected by overlap, and one that was never found."""
    from pyarrow import parquet

    first, second, _ = parquet.read_table(folder / "movements.parquet").to_pylist()
    apex_s = first["apex_s"]
    return [
        # moved far, and counted from an EEG sample whose stamp was smoothed
        Annotation(
            apex_s - 0.02, apex_s + 0.03, apex_s + 0.1, "fear", "micro", "AU4", "accepted", found_apex_s=apex_s + 0.02
        ),
        Annotation(second["onset_s"], second["apex_s"], second["offset_s"], status="rejected"),
        Annotation(0.5, 0.6, 0.9, status="accepted"),
    ]


def test_text_of_a_recording_cannot_become_markup(tmp_path: Path) -> None:
    write_folder(tmp_path, Story(eeg=False, movements=1, trials=("sad",)))
    path = tmp_path / "analysis.json"
    evil = '</script><img src="https://x" onerror=alert(1)>'
    facts = json.loads(path.read_text())
    facts["notes"] = [evil]
    facts["timeline"][1] |= {"label": evil, "stimulus": evil}
    path.write_text(json.dumps(facts))
    html = write_report(tmp_path).read_text(encoding="utf-8")
    assert '<img src="https' not in html
    assert html.count("</script>") == 2
    assert evil.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;") in html


def test_matplotlib_is_left_as_it_was(tmp_path: Path) -> None:
    import matplotlib
    from matplotlib import pyplot

    before = dict(matplotlib.rcParams)
    _, page = page_of(tmp_path, Story(video=False, trials=(), bands=BANDS[:1]))
    assert "scalp" in page.ids
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("analysis.json", b"{}", "format None"),
        ("analysis.json", b"[1", "cannot read"),
        ("analysis.json", None, "no analysis in"),
        ("summary.json", None, "cannot read"),
        ("predictions.parquet", b"PAR1 no more", "cannot read"),
        ("movements/movement-001_flow.npy", b"\x93NUMPY", "cannot read"),
        ("movements/movement-001_apex.png", b"no picture", "cannot read"),
    ],
)
def test_a_broken_folder_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes | None, told: str) -> None:
    write_folder(tmp_path, Story(eeg=False, movements=1, trials=()))
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=told) as caught:
        write_report(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.html").exists()
