"""Playlists that cannot be shown are refused before anything is."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from present_helpers import FLASHES, open_test_session, write_clip, write_playlist

from gui.present.example import write_example
from realtime.errors import ConfigurationError, DataError
from realtime.session.playlist import load_playlist


def _trial(stimulus: str, more: str = "") -> str:
    return f'[[blocks.trials]]\nstimulus = "{stimulus}"\nemotion = "sad"\n{more}\n'


@pytest.mark.parametrize(
    ("trials", "head", "told"),
    [
        (_trial("a.png"), "", "'a.png' has no length of its own: give duration_s"),
        (_trial("builtin:tv", "duration_s = 1.0"), "", "'builtin:tv' is not built in"),
        (_trial("a.mp4", "lenght_s = 3"), "", "blocks.0.trials.0.lenght_s: Extra inputs"),
        (_trial("a.mp4"), 'order = "any"', "order: Input should be 'fixed', 'random' or 'latin'"),
        (_trial("a.mp4"), "[self_report]\nemotions = []\nscales = []", "self_report: .*nothing is asked"),
        (_trial("a.mp4"), '[[self_report.scales]]\nkey = "trial"\nquestion = "?"', "scale 'trial'"),
        (_trial("a.mp4"), '[self_report]\nemotions = ["a", "a"]', "an emotion comes twice"),
        (FLASHES + '\n[[blocks]]\nname = "one"\n' + _trial("a.mp4"), "", "two blocks have the same name"),
        ("trials = []", "", "blocks.0.trials"),
    ],
)
def test_a_wrong_playlist_is_refused_by_its_key(tmp_path: Path, trials: str, head: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        load_playlist(write_playlist(tmp_path, trials, head))


@pytest.mark.parametrize("text", [b"title = ", b"\xff\xfe"])
def test_what_is_no_toml_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "p.toml").write_bytes(text)
    with pytest.raises(DataError, match="cannot read playlist"):
        load_playlist(tmp_path / "p.toml")
    with pytest.raises(DataError, match="No such file"):
        load_playlist(tmp_path / "absent.toml")


def test_films_and_images_are_looked_into(tmp_path: Path) -> None:
    write_clip(tmp_path / "film.mp4", seconds=0.5, fps=20)
    cv2.imwrite(str(tmp_path / "still.png"), np.zeros((30, 40, 3), np.uint8))
    session = open_test_session(
        write_playlist(tmp_path, _trial("film.mp4") + _trial("still.png", "duration_s = 2.5") + FLASHES)
    )
    film, still = session.media["film.mp4"], session.media["still.png"]
    assert (film.width, film.height, film.frames, film.sound) == (64, 48, 10, False)
    assert film.duration_s == pytest.approx(0.5)
    assert (still.width, still.height) == (40, 30)
    # baseline 2; four trials of rest 1, stimulus and blank 0.5
    assert session.expected_s == pytest.approx(2.0 + 4 * 1.5 + 0.5 + 2.5 + 3.0 + 4.0)


def test_stimuli_that_cannot_be_shown_are_refused_in_one_line(tmp_path: Path) -> None:
    def refused(stimulus: str, more: str = "") -> str:
        with pytest.raises(DataError) as caught:
            open_test_session(write_playlist(tmp_path, _trial(stimulus, more)))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert refused("absent.mp4").startswith("no stimulus 'absent.mp4' in ")
    (tmp_path / "text.mp4").write_text("no film")
    assert refused("text.mp4").startswith("cannot read stimulus 'text.mp4'")
    (tmp_path / "empty.png").write_bytes(b"")
    assert "stimulus 'empty.png'" in refused("empty.png", "duration_s = 1.0")
    write_clip(tmp_path / "long.mkv", seconds=4.0)
    assert "lasts 4.0 s and duration_s is 60" in refused("long.mkv", "duration_s = 60.0")
    whole = (tmp_path / "long.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    assert refused("cut.mkv").startswith("stimulus 'cut.mkv' is cut short: it announces 4.0 s")
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    assert refused("list.mp4").startswith("cannot read stimulus 'list.mp4'")


def test_the_example_can_be_shown_and_overwrites_nothing(tmp_path: Path) -> None:
    playlist = write_example(tmp_path / "example")
    session = open_test_session(playlist)
    assert session.playlist.simulated
    assert session.header()["simulated"] is True
    assert [round(session.media[one.trial.stimulus].duration_s, 2) for one in session.planned] == [2.0, 2.0, 2.0]
    assert all(session.media[one.trial.stimulus].sound for one in session.planned)
    with pytest.raises(ConfigurationError, match="holds something already"):
        write_example(tmp_path / "example")
    shutil.rmtree(tmp_path / "example" / "clips")
    with pytest.raises(DataError, match="no stimulus"):
        open_test_session(playlist)
