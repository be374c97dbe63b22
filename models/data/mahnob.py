"""MAHNOB-HCI, emotion elicitation: people watch clips of films; EEG, and the face on film.

MAHNOB-HCI is licensed: the agreement is personal, forbids passing the data on and commercial use, and restricts whose
pictures may be shown. Nothing of it belongs into this repository; the tests read files made in its layout.

Layout (Soleymani et al. 2012, the data set's manual, and what public code that reads it relies on):

    Sessions/2/session.xml                      <session isStim="1" feltEmo="4" cutLenSec="81.2" vidRate="60.97" ...>
                                                    <subject id="1" .../>
                                                    <track type="Video" color="1" filename="..."/>
                                                    <track type="Physiological" filename="..."/>
    Sessions/2/Part_1_S_Trial1_emotion.bdf      BioSemi: 32 of EEG, EXG1-8 (ECG), GSR, Resp, Temp, 'Status'
    Sessions/2/P1-Rec1-..._C1 trigger _C_Section_2.avi      colour camera C1, the face from the front, 61 fps

One session is one clip of a film. The recording begins 30 s before the clip and ends 30 s after it; the trigger channel
leaves 0 at the clip's beginning and again at its end; the camera's film begins with the clip. Sessions of the other
experiment (implicit tagging, `isStim` 0, or without `feltEmo`) have no felt emotion and are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from models.data.probing import is_simulated, recording_facts
from models.data.rows import Dataset, EegRecording, Problem, Row, VideoSpan, pseudonyms
from realtime.errors import DataError
from realtime.face.films import film_facts
from realtime.untrusted import is_file, parse_xml, read_within

FELT_EMOTIONS: dict[int, str] = {
    0: "neutral",
    1: "anger",
    2: "disgust",
    3: "fear",
    4: "joy",
    5: "sadness",
    6: "surprise",
    7: "scream",
    8: "bored",
    9: "sleepy",
    10: "unknown",
    11: "amusement",
    12: "anxiety",
}
"""What `feltEmo` means; the manual calls 4 'joy, happiness'. The clips were chosen for 0 to 6, 11 and 12, and public
code agrees on these; 7 to 10 could not be checked against a public source."""

VIDEO_HZ = (55.0, 65.0)
"""The cameras' rate is 60.97 Hz; a film that says anything far from it does not run on the recording's clock."""

EEG_HZ = (250.0, 2100.0)

_NO_EMOTION = {10}
_LARGEST_XML = 1_000_000


@dataclass(frozen=True, slots=True)
class _Session:
    """What session.xml says, not checked against the files."""

    subject: str
    felt: int
    length_s: float | None
    film: str
    recording: str


class _NotAnEmotionTrialError(Exception):
    pass


def recognises(path: Path) -> bool:
    """Whether a folder holds sessions in numbered folders with a session.xml each, there or in 'Sessions'."""
    return bool(_session_folders(path))


def read(path: Path) -> Dataset:
    """Read MAHNOB-HCI: one row a session, its EEG during the clip with the film of the face.

    Raises
    ------
    DataError
        No folder of a session.
    """
    path = path.absolute()
    folders = _session_folders(path)
    if not folders:
        raise DataError(f"no MAHNOB-HCI in '{path}': wanted Sessions/2/session.xml and so on")
    problems: list[Problem] = []
    told: dict[Path, _Session] = {}
    others = 0
    for folder in folders:
        try:
            told[folder] = _read_xml(folder / "session.xml")
        except _NotAnEmotionTrialError:
            others += 1
        except DataError as err:
            problems.append(Problem(f"session {folder.name}", "session.xml", str(err)))
    if others:
        message = f"{others} sessions are no emotion trials (isStim 0, or no feltEmo) and have no label"
        problems.append(Problem("data set", "label", message))
    # padded, so that the tenth person comes after the second
    called = pseudonyms([session.subject.zfill(4) for session in told.values()])
    rows: list[Row] = []
    for folder, session in told.items():
        row = _row(folder, session, called[session.subject.zfill(4)], problems)
        rows += [row] if row is not None else []
    simulated = is_simulated(path) or (path.name == "Sessions" and is_simulated(path.parent))
    return Dataset("mahnob", tuple(rows), tuple(problems), simulated)


def _session_folders(path: Path) -> list[Path]:
    base = path / "Sessions" if (path / "Sessions").is_dir() else path
    if not base.is_dir():
        return []
    found = [folder for folder in base.iterdir() if folder.name.isdecimal() and (folder / "session.xml").is_file()]
    return sorted(found, key=lambda folder: int(folder.name))


def _read_xml(path: Path) -> _Session:
    root = _parsed(path)
    if root.tag != "session":
        raise DataError(f"its root is <{root.tag}>, wanted <session>")
    if root.get("isStim", "1").strip() == "0" or root.get("feltEmo") is None:
        raise _NotAnEmotionTrialError
    subject = root.find("subject")
    number = subject.get("id", "").strip() if subject is not None else ""
    if not number:
        raise DataError("it names no subject: wanted <subject id=...>")
    felt = _number(root, "feltEmo")
    assert felt is not None
    if felt not in FELT_EMOTIONS:
        raise DataError(f"feltEmo is {felt:g}, wanted one of {min(FELT_EMOTIONS)} to {max(FELT_EMOTIONS)}")
    if int(felt) in _NO_EMOTION:
        raise DataError(f"feltEmo is {felt:g}, '{FELT_EMOTIONS[int(felt)]}': no label")
    tracks = list(root.iter("track"))
    colour = [t for t in tracks if t.get("type", "").lower() == "video" and t.get("color", "") == "1"]
    body = [t for t in tracks if t.get("type", "").lower() == "physiological"]
    return _Session(
        number,
        int(felt),
        _number(root, "cutLenSec"),
        colour[0].get("filename", "") if colour else "",
        body[0].get("filename", "") if body else "",
    )


def _parsed(path: Path) -> ElementTree.Element:
    try:
        return parse_xml(read_within(path, _LARGEST_XML), _LARGEST_XML)
    except OSError as err:
        raise DataError(f"cannot be read: {err.strerror or err}") from err
    except ValueError as err:
        raise DataError(f"cannot be read as MAHNOB-HCI writes it: {err}") from err


def _number(node: ElementTree.Element, name: str) -> float | None:
    text = node.get(name)
    if text is None:
        return None
    try:
        return float(text)
    except ValueError as err:
        raise DataError(f"{name} is '{text}', wanted a number") from err


def _row(folder: Path, session: _Session, called: str, problems: list[Problem]) -> Row | None:
    sample = f"{called}_session-{folder.name}"
    where = f"session {folder.name} ({called})"
    eeg = _eeg(folder, session, where, problems)
    face = _film(folder, session, where, problems)
    if eeg is None and face is None:
        problems.append(Problem(where, "row", "neither EEG nor film is left of it"))
        return None
    return Row(sample, called, sample, FELT_EMOTIONS[session.felt], eeg, face, where)


def _eeg(folder: Path, session: _Session, where: str, problems: list[Problem]) -> EegRecording | None:
    try:
        file = _file(folder, session.recording, "*_emotion.bdf", "recording")
        facts = recording_facts(file, triggers=True)
        if not EEG_HZ[0] <= facts.sfreq_hz <= EEG_HZ[1]:
            raise DataError(f"sampled at {facts.sfreq_hz:g} Hz, wanted {EEG_HZ[0]:g} to {EEG_HZ[1]:g} Hz (256 or 512)")
        times = [time_s for time_s, _ in facts.triggers]
        if len(times) < 2:
            raise DataError(f"{len(times)} triggers on its Status channel, wanted 2: the clip's beginning and end")
    except DataError as err:
        problems.append(Problem(where, "eeg", f"{err}; the session is used without EEG", "kept"))
        return None
    start_s, stop_s = times[0], times[-1]
    if len(times) > 2:
        problems.append(Problem(where, "eeg", f"{len(times)} triggers, wanted 2: the first and the last count", "kept"))
    if session.length_s is not None and abs(stop_s - start_s - session.length_s) > 2.0:
        message = f"{stop_s - start_s:.4g} s between its triggers, {session.length_s:.4g} s by session.xml"
        problems.append(Problem(where, "eeg", message, "kept"))
    return EegRecording(file, start_s, stop_s)


def _film(folder: Path, session: _Session, where: str, problems: list[Problem]) -> VideoSpan | None:
    try:
        file = _file(folder, session.film, "*C1 trigger*_C_Section_*.avi", "film of the colour camera")
        facts = film_facts(file)
        if not VIDEO_HZ[0] <= facts.fps <= VIDEO_HZ[1]:
            raise DataError(f"'{file.name}' has {facts.fps:.4g} frames a second, wanted about 61")
    except DataError as err:
        problems.append(Problem(where, "video", f"{err}; the session is used without it", "kept"))
        return None
    stop_s = facts.duration_s if session.length_s is None else min(session.length_s, facts.duration_s)
    return VideoSpan(file, 0.0, stop_s)


def _file(folder: Path, name: str, pattern: str, what: str) -> Path:
    """The file session.xml names, or the only one that is called as such files are."""
    # a name and nothing more: no path may lead out of the session's folder
    if name and is_file(folder / Path(name).name):
        return folder / Path(name).name
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise DataError(f"no {what}: session.xml names '{name}', {len(found)} files look like one")
    return found[0]
