"""The report in a real browser: no error, no request, and charts that zoom."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from report_folder import CLASSES, Story, write_folder

from realtime.eeg.montage import MODEL_CHANNELS
from realtime.report import write_report

pytestmark = pytest.mark.slow

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)

DRIVE = """<script>
window.addEventListener("load", () => {
  const box = () => document.querySelector(".plot > svg").getAttribute("viewBox");
  const told = [box()];
  document.querySelector("[data-act=in]").click(); told.push(box());
  document.querySelector("[data-act=whole]").click(); told.push(box());
  document.querySelector("#trials a[data-from]").click(); told.push(box());
  const plot = document.querySelectorAll(".plot")[1], place = plot.getBoundingClientRect();
  const at = (share) => ({ clientX: place.left + share * place.width, clientY: place.top + 9, bubbles: true });
  plot.dispatchEvent(new PointerEvent("pointermove", at(0.5)));
  told.push(document.querySelector(".readout").textContent);
  document.querySelector("[data-act=whole]").click();
  plot.dispatchEvent(new PointerEvent("pointerdown", at(0.25)));
  plot.dispatchEvent(new PointerEvent("pointermove", at(0.4)));
  window.dispatchEvent(new PointerEvent("pointerup", at(0.5))); told.push(box());
  const out = document.createElement("pre"); out.id = "told"; out.textContent = told.join("|"); 
  document.body.append(out);
});
</script>"""


def browse(page: Path, *options: str) -> tuple[str, str]:
    """Open a page headless; standard output and the browser's log."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--enable-logging=stderr",
        "--v=0",
    ]
    command += [f"--user-data-dir={page.parent / 'profile'}", "--window-size=1400,4000", *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An hour with 50 trials and 120 candidates."""
    story = Story(channels=MODEL_CHANNELS, trials=CLASSES * 10, movements=120, trial_s=60, rest_s=11, baseline_s=60)
    return write_report(write_folder(tmp_path_factory.mktemp("hour"), story))


def test_an_hour_stays_small(report: Path) -> None:
    assert report.stat().st_size < 5_000_000


def test_it_opens_without_an_error_and_its_script_runs(report: Path) -> None:
    dom, log = browse(report, "--dump-dom")
    assert re.findall(r".*CONSOLE.*", log) == []
    assert 'class="chart live"' in dom


def test_it_shows_something_in_every_part_of_the_page(report: Path, tmp_path: Path) -> None:
    browse(report, f"--screenshot={tmp_path / 'page.png'}")
    picture = np.asarray(Image.open(tmp_path / "page.png").convert("L"), float)
    assert picture.shape == (4000, 1400)
    assert min(float(part.std()) for part in np.array_split(picture[:, 140:1260], 10)) > 5


def test_charts_zoom_and_tell_values(report: Path, tmp_path: Path) -> None:
    page = tmp_path / "driven.html"
    # the policy allows the report's own script alone: the one that drives it needs it gone
    html = re.sub(r"<meta http-equiv=.*?>", "", report.read_text(encoding="utf-8"), flags=re.DOTALL)
    page.write_text(html.replace("</body>", DRIVE + "</body>"), encoding="utf-8")
    dom, log = browse(page, "--dump-dom")
    assert re.findall(r".*CONSOLE.*", log) == []
    found = re.search(r'<pre id="told">(.*?)</pre>', dom)
    assert found is not None
    *boxes, readout, dragged = found[1].split("|")
    spans = [float(box.split()[2]) for box in boxes]
    assert spans[1] == pytest.approx(spans[0] / 2)
    assert spans[2] == pytest.approx(spans[0])
    assert spans[3] == pytest.approx(60 * 1.3)
    assert "trial 1 happy" in readout
    assert "fused: " in readout
    start, _, width, _ = map(float, dragged.split())
    assert (start, width) == pytest.approx((0.25 * spans[0], 0.25 * spans[0]), rel=0.01)
