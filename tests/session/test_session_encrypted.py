"""Encrypted films: nothing in the clear on the disk, a key opens them, what was cut short is salvaged and said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyrage", reason="pip install emostream[privacy]")

from benchmarks.faults.peers.disk import disk
from benchmarks.faults.peers.outlet import StubOutlet
from realtime.errors import ConfigurationError, DataError
from realtime.face.films import film_facts
from realtime.films.decryption import decrypt, load_identities, new_identity, readable, unlocked
from realtime.films.encryption import EncryptedFile, encrypting, parse_recipients
from realtime.films.film import FilmWriter
from realtime.films.film_reader import FilmReader
from realtime.films.filming import FilmOnRequest
from realtime.films.names import beside_film, film_name, film_order
from realtime.packets import VideoFrame
from realtime.session.events import CONTROL
from realtime.session.folder import open_new
from realtime.session.recorded import Film
from realtime.session.run import Run

FPS = 30.0
ROOT = Path(__file__).parents[2]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    new_identity(path)
    return path


@pytest.fixture
def recipient(key: Path) -> str:
    return key.read_text().split("public key: ")[1].split()[0]


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, (48, 64), dtype=np.uint8) for _ in range(120)]


@pytest.fixture
def film(tmp_path: Path, recipient: str, pictures: list[np.ndarray]) -> Path:
    path = tmp_path / "a_video.mkv.age"
    with FilmWriter(path, 64, 48, 1, FPS, open_file=encrypting(parse_recipients([recipient]))) as writer:
        for index, picture in enumerate(pictures):
            writer.push(VideoFrame(picture, index / FPS, index))
    return path


def frames_of(path: Path, count: int) -> Iterator[VideoFrame]:
    indices = np.arange(count)
    with FilmReader(Film(path, "", FPS, count, 0, indices, indices / FPS, 1)) as reader:
        yield from reader


def test_an_encrypted_film_gives_every_bit_back_to_who_has_the_key(film: Path, key: Path, pictures: list) -> None:
    assert film.read_bytes().startswith(b"age-encryption.org/v1")
    assert film.stat().st_mode & 0o777 == 0o600
    with unlocked(key):
        shown = readable(film)
        assert shown.name == "a_video.mkv"
        assert readable(film) is shown  # once is enough
        assert film_facts(shown).frames == len(pictures)
        back = list(frames_of(shown, len(pictures)))
    assert [frame.index for frame in back] == list(range(len(pictures)))
    assert all(np.array_equal(frame.image, picture) for frame, picture in zip(back, pictures, strict=True))
    assert not shown.exists()
    assert not shown.parent.exists()


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files without a name are Linux's")
def test_a_program_that_is_killed_leaves_nothing_in_the_clear(film: Path, key: Path) -> None:
    code = "import sys; from pathlib import Path; from realtime.films.decryption import *\n"
    code += "with unlocked(Path(sys.argv[1])): print(readable(Path(sys.argv[2])), flush=True); sys.stdin.read()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(key), str(film)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as child:
        assert child.stdout is not None
        shown = Path(child.stdout.readline().strip())
        assert shown.read_bytes()[:4] == b"\x1a\x45\xdf\xa3"
        child.kill()
        child.wait()
        assert not shown.exists()
        shown.unlink()  # a link to nowhere is all that is left
        shown.parent.rmdir()
        shown.parent.parent.rmdir()


def test_what_a_killed_camera_left_is_salvaged_and_the_rest_is_said(film: Path, key: Path, pictures: list) -> None:
    cut = film.with_name("b_video.mkv.age")
    cut.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    said: list[str] = []
    with unlocked(key, said.append):
        count = film_facts(readable(cut)).frames
        back = list(frames_of(readable(cut), count))
    assert len(pictures) / 2 < count < len(pictures) * 0.7
    assert all(np.array_equal(frame.image, pictures[frame.index]) for frame in back)
    assert len(said) == 1
    assert "cannot be authenticated" in said[0]


def test_a_flipped_bit_is_seen_and_nothing_after_it_is_shown(film: Path, key: Path, tmp_path: Path) -> None:
    content = bytearray(film.read_bytes())
    content[150_000] ^= 1
    film.write_bytes(content)
    with (tmp_path / "out").open("wb") as file:
        assert decrypt(film, load_identities(key), file) > len(content) - 150_000
    assert (tmp_path / "out").stat().st_size == 2 * 65_536


def test_a_film_cut_before_its_pictures_is_refused(film: Path, key: Path) -> None:
    content = film.read_bytes()
    header = content.index(b"\n", content.index(b"\n--- ") + 1)
    for cut, message in ((30, "damaged or not encrypted"), (header + 100, "nothing of .* can be decrypted")):
        film.write_bytes(content[:cut])
        with unlocked(key), pytest.raises(DataError, match=message):
            readable(film)


def test_without_the_key_or_with_another_a_line_says_so(film: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is encrypted: give the key of one it was made for, with --identity FILE"):
        readable(film)
    new_identity(tmp_path / "other")
    with unlocked(tmp_path / "other"), pytest.raises(DataError, match="none of the keys given opens"):
        readable(film)
    with pytest.raises(DataError, match="cannot read the identity file"), unlocked(tmp_path / "none"):
        pass
    (tmp_path / "text").write_text("AGE-SECRET-KEY-1SECRETWORDS\n")
    with pytest.raises(DataError, match="holds no private key") as refused, unlocked(tmp_path / "text"):
        pass
    assert "SECRETWORDS" not in str(refused.value)
    with pytest.raises(ConfigurationError, match="no key is overwritten"):
        new_identity(tmp_path / "other")


def test_public_keys_are_looked_at_before_anything_is_filmed(recipient: str, key: Path) -> None:
    assert [str(known) for known in parse_recipients([f" {recipient} "])] == [recipient]
    with pytest.raises(ConfigurationError, match="'age1nonsense' is no public key"):
        parse_recipients(["age1nonsense"])
    private = key.read_text().splitlines()[1]
    with pytest.raises(ConfigurationError, match="is no public key") as refused:
        parse_recipients([private])
    assert private not in str(refused.value)  # somebody mixed them up: it is not shown on a screen
    with pytest.raises(ConfigurationError, match="up to 16"):
        parse_recipients([recipient] * 17)


def test_a_full_disk_is_told_by_the_next_write_and_by_the_end(tmp_path: Path, recipient: str) -> None:
    keys = parse_recipients([recipient])
    file = EncryptedFile(disk(room=70_000)(tmp_path / "x"), keys)
    with pytest.raises(OSError, match="No space left"):
        deque((file.write(b"x" * 65_536) for _ in range(100)), maxlen=0)
    with pytest.raises(OSError, match="No space left"):
        file.close()
    file = EncryptedFile(disk(room=10)(tmp_path / "y"), keys)
    with pytest.raises(OSError, match="No space left"):
        file.close()
    whole = EncryptedFile(open_new(tmp_path / "z"), keys)
    assert (whole.write(b"abc"), whole.writable(), whole.seekable()) == (3, True, False)
    whole.close()
    whole.close()


class _Events:
    def __init__(self) -> None:
        self.told: list[dict] = []

    def push_json(self, event: dict) -> None:
        self.told.append(event)

    def close(self) -> None:
        pass


def _ask(root: Path, pictures: list, *, configured: tuple[str, ...] = (), **request: object) -> list[dict]:
    events = _Events()
    camera = FilmOnRequest(StubOutlet(), root, encrypt_to=configured, simulated=True, markers=events, listen=False)
    camera.take(CONTROL, {"event": "record_start", "run": Run("01").stem, **request}, 0.0)
    for index, picture in enumerate(pictures[:10]):
        camera.push(VideoFrame(picture, index / FPS, index))
    camera.close()
    return events.told


def test_nothing_is_filmed_without_a_consent_id(tmp_path: Path, pictures: list) -> None:
    for wrong in ({}, {"consent_id": ""}, {"consent_id": 7}, {"consent_id": " "}, {"consent_id": "x" * 201}):
        (told,) = _ask(tmp_path / "rec", pictures, **wrong)
        assert told["event"] == "film_failed"
        assert "no consent id" in told["reason"]
    assert not (tmp_path / "rec").exists()


def test_a_request_can_have_the_film_encrypted_but_never_in_the_clear_where_the_camera_encrypts(
    tmp_path: Path, pictures: list, recipient: str, key: Path
) -> None:
    begun, ended = _ask(tmp_path / "a", pictures, consent_id="C-1", encrypt_to=[recipient])
    assert (begun["file"], ended["frames"]) == (f"{Run('01').stem}_video.mkv.age", 10)
    (about,) = (tmp_path / "a").rglob("*_video.json")
    assert json.loads(about.read_text())["encrypted_to"] == [recipient]
    other = new_identity(tmp_path / "other")
    _ask(tmp_path / "b", pictures, configured=(recipient,), consent_id="C-1", encrypt_to=[other])
    (film,) = (tmp_path / "b").rglob("*.age")
    with unlocked(key):
        assert film_facts(readable(film)).frames == 10
    with unlocked(tmp_path / "other"), pytest.raises(DataError, match="encrypted for others"):
        readable(film)
    for nonsense in ("age1x", ["age1x"], [3], {"a": 1}):
        (told,) = _ask(tmp_path / "c", pictures, consent_id="C-1", encrypt_to=nonsense)
        assert told["event"] == "film_failed"
    assert not list((tmp_path / "c").rglob("*.mkv*"))


def test_the_names_of_encrypted_films(tmp_path: Path) -> None:
    plain, hidden, other = (tmp_path / name for name in ("a_video.mkv", "a_video.mkv.age", "notes.txt.age"))
    assert [film_name(path) for path in (plain, hidden, other)] == ["a_video", "a_video", None]
    assert beside_film(hidden) == beside_film(plain) == tmp_path / "a_video.json"
    assert sorted([hidden, plain], key=film_order) == [plain, hidden]
