"""Films: frames by their own time, what is dropped is counted, sound and picture share a zero."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from present_helpers import ManualClock, write_clip

from gui.present.clock import MediaClock
from gui.present.film import FilmReader, fit
from gui.present.media import Media, check_stimuli
from gui.present.order import PlannedTrial
from gui.present.player import Player
from gui.present.sound import Ledger, Silence, SoundReader
from realtime.errors import DataError
from realtime.session.playlist import Trial


class FakeSound:
    """Sound whose position a test sets."""

    told = "fake"

    def close(self) -> None:
        self.calls.append("close")

    def __init__(self) -> None:
        self.at_s: float | None = None
        self.calls: list[str] = []

    def load(self, path: Path) -> None:
        self.calls.append(f"load {path.name}")

    def play(self) -> None:
        self.calls.append("play")

    def pause(self) -> None:
        self.calls.append("pause")

    def stop(self) -> None:
        self.calls.append("stop")

    def position_s(self) -> float | None:
        return self.at_s


def _until(condition: object, what: object) -> None:
    end_s = time.monotonic() + 10.0
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end_s, what
        time.sleep(0.002)


@pytest.fixture
def film(tmp_path: Path) -> Iterator[FilmReader]:
    """Ten frames, 50 ms each, all decoded."""
    reader = FilmReader(write_clip(tmp_path / "clip.mp4", seconds=0.5), (640, 360))
    reader.start()
    _until(lambda: reader._done, "decoded")
    yield reader
    reader.stop()


def test_the_newest_frame_that_is_due_is_taken_and_the_others_are_dropped(film: FilmReader) -> None:
    assert film.ready
    first, dropped = film.take(0.0)
    assert first is not None
    assert (first.due_s, dropped) == (0.0, 0)
    assert film.take(0.049) == (None, 0)
    third, dropped = film.take(0.1)
    assert third is not None
    assert third.due_s == pytest.approx(0.1)
    assert dropped == 1
    last, dropped = film.take(60.0)
    assert last is not None
    assert (last.due_s, last.until_s) == (pytest.approx(0.45), pytest.approx(0.5))
    assert dropped == 6
    assert film.ended
    assert film.failure == ""


def test_frames_fill_the_screen_in_their_own_shape(film: FilmReader) -> None:
    frame, _ = film.take(0.2)
    assert frame is not None
    assert frame.pixels.shape == (360, 480, 4)
    # frame 4 is grey of level 40, as far as the codec keeps it
    assert abs(int(frame.pixels[180, 240, 0]) - 40) < 6
    assert fit(1920, 1080, (1280, 1024)) == (1280, 720)
    assert fit(100, 400, (640, 360)) == (90, 360)


def test_only_a_few_frames_are_decoded_ahead(tmp_path: Path) -> None:
    reader = FilmReader(write_clip(tmp_path / "clip.mp4", seconds=3.0, fps=30), (320, 240))
    reader.start()
    _until(lambda: len(reader._frames) >= 24, "decoded ahead")
    assert not reader._done
    assert len(reader._frames) == 24
    reader.stop()
    assert not reader._thread.is_alive()


def test_a_film_that_breaks_says_why(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"gone")
    reader = FilmReader(tmp_path / "clip.mp4", (320, 240))
    reader.start()
    _until(lambda: reader.ended, "ended")
    assert reader.ready
    assert "Invalid data" in reader.failure
    reader.stop()


def _player(folder: Path, sound: FakeSound, clock: ManualClock) -> Player:
    path = write_clip(folder / "clip.mp4", seconds=0.5)
    player = Player(Media(path, 0.5, 64, 48, 20.0, 10, True), (64, 48), sound, clock)
    _until(lambda: player._reader._done, "decoded")
    return player


def test_the_film_runs_from_its_first_frame_on_the_screen(tmp_path: Path) -> None:
    clock, sound = ManualClock(), FakeSound()
    player = _player(tmp_path, sound, clock)
    clock.wait(3.0)
    first = player.frame(0.01)
    assert first is player.frame(0.01)
    assert first is not None
    assert first.due_s == 0.0
    assert sound.calls == ["load clip.mp4"]
    player.swapped(clock())
    assert sound.calls[-1] == "play"
    clock.wait(0.12)
    frame = player.frame(0.0)
    assert frame is not None
    assert frame.due_s == pytest.approx(0.1)
    player.swapped(clock())
    assert player.told() == {
        "frames_shown": 2,
        "frames_dropped": 1,
        "delay_ms": {"p50": pytest.approx(10.0), "p99": pytest.approx(20.0, abs=0.5)},
        "sound": True,
    }
    clock.wait(0.4)
    player.frame(0.0)
    assert player.over()
    player.stop()


def test_a_pause_holds_picture_and_sound(tmp_path: Path) -> None:
    clock, sound = ManualClock(), FakeSound()
    player = _player(tmp_path, sound, clock)
    player.frame(0.0)
    player.swapped(clock())
    clock.wait(0.1)
    player.frame(0.0)
    player.pause()
    assert sound.calls[-1] == "pause"
    clock.wait(50.0)
    assert player.frame(0.0) is not None
    assert not player.over()
    player.swapped(clock())
    clock.wait(0.06)
    frame = player.frame(0.0)
    assert frame is not None
    assert frame.due_s == pytest.approx(0.15)
    player.stop()


def test_the_picture_follows_the_sound(tmp_path: Path) -> None:
    clock, sound = ManualClock(), FakeSound()
    player = _player(tmp_path, sound, clock)
    player.frame(0.0)
    player.swapped(clock())
    # the sound card stalls for half a second: the picture waits for it
    clock.wait(0.5)
    sound.at_s = 0.06
    frame = player.frame(0.0)
    assert frame is not None
    assert frame.due_s == pytest.approx(0.05)
    player.stop()


def test_the_clock_leans_towards_the_sound_and_never_runs_before_the_film() -> None:
    clock = MediaClock()
    clock.follow(5.0, 10.0)
    assert clock.position_s(10.0) == 0.0
    clock.start(10.0)
    clock.follow(1.1, 11.0)
    assert clock.position_s(11.0) == pytest.approx(1.005)
    for tick in range(200):
        clock.follow(1.1 + 0.01 * tick, 11.0 + 0.01 * tick)
    assert clock.position_s(13.0) == pytest.approx(3.1, abs=1e-3)
    clock.follow(0.0, 13.0)
    assert clock.position_s(13.0) == 0.0


def _sounding_clip(path: Path, late_s: float, rate_hz: int = 24_000) -> None:
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=20)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=rate_hz, layout="mono")
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 20)
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        piece = av.AudioFrame.from_ndarray(np.full((1, rate_hz // 2), 8000, np.int16), "s16", "mono")
        piece.sample_rate, piece.pts, piece.time_base = rate_hz, round(rate_hz * late_s), Fraction(1, rate_hz)
        container.mux(sound.encode(piece))
        container.mux(sound.encode())


def test_sound_that_begins_late_is_filled_with_silence(tmp_path: Path) -> None:
    _sounding_clip(tmp_path / "clip.mkv", 0.25)
    reader = SoundReader(tmp_path / "clip.mkv")
    reader.start()
    _until(lambda: reader._done, "decoded")
    samples = np.frombuffer(reader.take(10**7), np.int16).reshape(-1, 2)
    assert reader.ended
    reader.stop()
    assert len(samples) == pytest.approx(48_000 * 0.75, abs=100)
    assert np.abs(samples[:11_900]).max() == 0
    assert np.median(samples[13_000:35_000, 0]) == pytest.approx(8000, rel=0.35)


@pytest.mark.parametrize(
    ("late_s", "rate_hz", "told"), [(10_000.0, 24_000, "begins 10000.0 s after"), (0.0, 2_000, "2000 samples a second")]
)
def test_sound_that_would_be_silence_without_end_is_refused(
    late_s: float, rate_hz: int, told: str, tmp_path: Path
) -> None:
    """10,000 s of silence are 1.9 GB, and were made in one piece."""
    _sounding_clip(tmp_path / "clip.mkv", late_s, rate_hz)
    with pytest.raises(DataError, match=told):
        next(SoundReader(tmp_path / "clip.mkv")._decode())
    reader = SoundReader(tmp_path / "clip.mkv")
    reader.start()
    _until(lambda: reader._done, "given up")
    assert reader.ended
    reader.stop()
    with pytest.raises(DataError, match=rf"stimulus 'clip.mkv': its sound .*{told}.*; convert it, or leave it out"):
        check_stimuli(tmp_path, [PlannedTrial(0, "one", Trial(stimulus="clip.mkv", emotion="calm"))])


def test_a_film_whose_title_is_in_any_encoding_is_shown(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv", seconds=0.2, title="Das Maedchen")
    path.write_bytes(path.read_bytes().replace(b"Maedchen", b"M\xe4dchen "))
    planned = [PlannedTrial(0, "one", Trial(stimulus="clip.mkv", emotion="calm"))]
    assert check_stimuli(tmp_path, planned)["clip.mkv"].frames == 4
    reader = FilmReader(path, (64, 48))
    reader.start()
    _until(lambda: reader._done, "decoded")
    assert (len(reader._frames), reader.failure) == (4, "")
    reader.stop()


def test_the_ledger_tells_the_films_bytes_from_the_silence_around_them() -> None:
    ledger = Ledger()
    ledger.write(100, 0)
    ledger.write(40, 40)
    ledger.write(50, 20)
    assert ledger.film_bytes == 60
    assert ledger.heard(waiting=190) == 0
    assert ledger.heard(waiting=80) == 10
    assert ledger.heard(waiting=50) == 40
    assert ledger.heard(waiting=10) == 60
    ledger.write(10, 10)
    assert ledger.heard(waiting=5) == 65
    ledger.forget()
    ledger.write(30, 30)
    assert ledger.heard(waiting=20) == 10


def test_without_sound_it_says_why_and_has_no_position() -> None:
    silence = Silence("no card")
    silence.load(Path("x"))
    silence.play()
    silence.pause()
    silence.stop()
    silence.close()
    assert silence.told == "no sound: no card"
    assert silence.position_s() is None


def test_a_photograph_held_upright_is_shown_upright(tmp_path: Path) -> None:
    # left half red, right half blue; orientation 6 asks for a quarter turn clockwise
    stored = np.zeros((40, 80, 3), np.uint8)
    stored[:, :40, 0] = stored[:, 40:, 2] = 255
    photograph = Image.fromarray(stored)
    tags = photograph.getexif()
    tags[0x0112] = 6
    photograph.save(tmp_path / "photo.jpg", exif=tags, quality=95)
    reader = FilmReader(tmp_path / "photo.jpg", (400, 400))
    reader.start()
    _until(lambda: reader._done, "decoded")
    frame, _ = reader.take(0.0)
    reader.stop()
    assert frame is not None
    assert frame.pixels.shape == (400, 200, 4)
    blue, _, red = frame.pixels[20, 100, :3]
    assert (red > 200, blue < 50) == (True, True), "red is on top"
