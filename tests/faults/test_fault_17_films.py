"""Row 17 of the fault matrix, films: what the fuzzer found in the reader of single frames."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.error import PermissionError as NotPermitted

from benchmarks.fuzz.seeds import film
from gui.annotate.film import FilmFrames
from realtime.errors import DataError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (content,) = film(".mkv")(tmp_path)
    path = tmp_path / "f.mkv"
    path.write_bytes(content)
    return path


def test_a_film_in_a_coding_that_nobody_knows_is_refused(path: Path) -> None:
    """FFmpeg lists its packets, but has no decoder: there is no context to ask for the pictures' size."""
    path.write_bytes(path.read_bytes().replace(b"V_FFV1", b"V_FXV1"))
    with pytest.raises(DataError, match="coded in no way that FFmpeg knows"):
        FilmFrames(path)


class _Unseekable:
    """A film whose index leads nowhere: FFmpeg lists its packets and then refuses to go back to the first."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self.closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def seek(self, *_: object, **__: object) -> None:
        raise NotPermitted(errno.EPERM, "Operation not permitted")

    def close(self) -> None:
        self.closed = True
        self._container.close()


def test_a_film_that_cannot_be_rewound_is_refused_and_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[_Unseekable] = []
    real = av.open

    def unseekable(*arguments: Any, **options: Any) -> _Unseekable:
        opened.append(_Unseekable(real(*arguments, **options)))
        return opened[-1]

    monkeypatch.setattr(av, "open", unseekable)
    with pytest.raises(DataError, match=r"cannot read the film .*not permitted"):
        FilmFrames(path)
    assert [film.closed for film in opened] == [True]


def test_a_stimulus_without_picture_or_sound_ends_in_words(tmp_path: Path) -> None:
    """Found by the fuzzer: a film that was changed after it was looked into ended its thread with a traceback."""
    from gui.present.film import FilmReader
    from gui.present.sound import SoundReader

    silent, unseen = tmp_path / "silent.mkv", tmp_path / "unseen.mkv"
    silent.write_bytes(film(".mkv")(tmp_path)[0])
    with av.open(str(unseen), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=8_000, layout="mono")
        piece = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        piece.sample_rate = 8_000
        container.mux(sound.encode(piece))
        container.mux(sound.encode())
    reader = FilmReader(unseen, (64, 48))
    reader._run()
    assert (reader.failure, reader.ended) == ("it holds no picture", True)
    for path in (silent, unseen):
        heard = SoundReader(path)
        heard._run()
        assert heard.ended
