"""Looking for several streams at once, and what comes while a second one may still answer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import pylsl
import pytest
from fakes import CHANNELS, AlphaRecognizer

from realtime.config import Config, SessionConfig
from realtime.errors import StreamNotFoundError
from realtime.lsl import discovery
from realtime.lsl.discovery import Wish, first_sight, settled
from realtime.lsl.now import local_clock
from realtime.lsl.reader import RateMeter
from realtime.packets import BandPowerWindow, EegInfo, Prediction, Result
from realtime.runner import LiveRunner

EEG, VIDEO = Wish("EEG"), Wish("VideoRaw", name="cam")


@dataclass(frozen=True)
class _Info:
    kind: str
    called: str = "amp"
    source: str = "a"
    number: str = "1"

    def type(self) -> str:
        return self.kind

    def name(self) -> str:
        return self.called

    def source_id(self) -> str:
        return self.source

    def uid(self) -> str:
        return self.number

    def hostname(self) -> str:
        return "here"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let the resolver answer with these lists, one a call; returns the predicates it was asked."""

    def answer(*lists: list[_Info]) -> list[str]:
        asked: list[str] = []
        left = list(lists)

        def resolve(predicate: str, _minimum: int, _timeout_s: float) -> list[_Info]:
            asked.append(predicate)
            return left.pop(0) if left else []

        monkeypatch.setattr(pylsl, "resolve_bypred", resolve)
        monkeypatch.setattr(discovery.session, "allows", lambda _info: True)
        return asked

    return answer


@pytest.mark.usefixtures("lsl_session")
def test_a_wish_fits_what_has_all_that_is_asked_for() -> None:
    assert VIDEO.fits(pylsl.StreamInfo("cam", "VideoRaw"))
    assert not VIDEO.fits(pylsl.StreamInfo("amp", "VideoRaw"))
    assert not VIDEO.fits(pylsl.StreamInfo("cam", "EEG"))
    assert VIDEO.predicate == "type='VideoRaw' and name='cam'"
    assert VIDEO.words == "type 'VideoRaw', name 'cam'"
    with pytest.raises(ValueError, match="needs a type, a name or a source id"):
        _ = Wish().predicate


def test_who_is_seen_is_not_looked_for_again(answers: Callable[..., list[str]]) -> None:
    eeg, camera = _Info("EEG"), _Info("VideoRaw", "cam", "c", "2")
    waits: list[int] = []
    asked = answers([], [eeg], [camera])
    assert first_sight([EEG, VIDEO], timeout_s=5.0, waiting=lambda: waits.append(1)) == [eeg, camera]
    # in brackets as a whole: liblsl writes the session's id and an 'and' before it
    assert asked[0] == "((type='EEG') or (type='VideoRaw' and name='cam'))"
    assert asked[2] == "((type='VideoRaw' and name='cam'))"
    assert len(waits) == 2


def test_who_is_missing_is_named(answers: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    answers([_Info("EEG")])
    monkeypatch.setattr(pylsl, "resolve_streams", lambda _timeout_s: [_Info("EEG")])
    with pytest.raises(
        StreamNotFoundError, match=r"no LSL stream of type 'VideoRaw', name 'cam' within 0.1 s; found: 'EEG'"
    ):
        first_sight([EEG, VIDEO], timeout_s=0.1)


def test_a_second_one_that_answers_later_is_found_out(answers: Callable[..., list[str]]) -> None:
    eeg, truth = _Info("EEG"), _Info("Markers", "emostream-truth", "t", "3")
    answers([truth, eeg], [eeg, _Info("EEG", "other", "b", "4")])
    assert settled([EEG], [Wish(name="emostream-truth")]) == ([eeg], [truth])
    with pytest.raises(StreamNotFoundError, match="2 LSL streams fit type 'EEG', one is wanted"):
        settled([EEG])


def test_the_clock_is_that_of_lsl() -> None:
    before, now, after = pylsl.local_clock(), local_clock(), pylsl.local_clock()
    assert before <= now <= after


def test_what_waited_is_no_higher_rate() -> None:
    meter = RateMeter()
    meter.begin(10.0)
    meter.add(10.8, 800)
    assert meter.rate_hz(10.8) == pytest.approx(1000.0)


def test_what_waited_for_seconds_is_a_rate_at_once() -> None:
    meter = RateMeter()
    meter.begin(10.3)
    meter.add(12.1, 1800)
    assert meter.rate_hz(12.1) == pytest.approx(1000.0)
    meter.add(13.0, 900)
    assert meter.rate_hz(13.0) == pytest.approx(1800 / 2.7)


@pytest.mark.end_to_end
@pytest.mark.usefixtures("lsl_session")
def test_streams_of_another_session_are_not_seen(peers) -> None:
    ours = peers()
    ours.run("eeg = EegOutlet(EegInfo('search-amp', 'search-amp', ('Cz',), 100.0))")
    theirs = peers(environment={"EMOSTREAM_SESSION": f"{os.environ['EMOSTREAM_SESSION']}-b"})
    theirs.run("eeg = EegOutlet(EegInfo('search-cam', 'search-cam', ('Cz',), 100.0))")
    wishes = [Wish(source_id="search-amp"), Wish(source_id="search-cam")]
    with pytest.raises(StreamNotFoundError, match="no LSL stream of source id 'search-cam'"):
        first_sight(wishes, timeout_s=1.0)
    assert [info.name() for info in settled(wishes[:1], wishes[1:])[0]] == ["search-amp"]


class _Kept:
    def __init__(self) -> None:
        self.results: list[Result] = []

    def write(self, result: Result) -> None:
        self.results.append(result)


@pytest.mark.end_to_end
@pytest.mark.usefixtures("lsl_session")
def test_eeg_that_comes_while_the_truth_is_looked_for_is_read_and_predictions_go_out_first(peers) -> None:
    peer = peers()
    t0 = peer.run(
        "eeg = EegOutlet(EegInfo('early', 'early', tuple(labels), 250.0)); result = pylsl.local_clock()",
        labels=list(CHANNELS),
    )
    push = "eeg.push(rng.normal(0, 10, (len(labels), 250)), t0 + np.arange(first, first + 250) / 250.0)"
    kept = _Kept()

    def look() -> None:
        peer.run(
            "rng = np.random.default_rng(0); eeg.wait_for_consumers(10); " + push, labels=list(CHANNELS), t0=t0, first=0
        )

    def sinks(_eeg: EegInfo | None) -> list[_Kept]:
        return [kept]

    (info,) = pylsl.resolve_byprop("source_id", "early", 1, 10.0)
    config = Config(session=SessionConfig(shed=False))
    runner = LiveRunner(AlphaRecognizer(), eeg=info, video=None, truth=look, sinks=sinks, config=config)
    runner.start()
    peer.run(push, labels=list(CHANNELS), t0=t0, first=250)
    (reader,) = runner._inputs()
    end_s = time.monotonic() + 15.0
    while reader.received < 500:
        assert time.monotonic() < end_s
        runner.check()
        time.sleep(0.01)
    runner.stop()
    assert runner.beginning.eeg_s == pytest.approx(t0, abs=1e-6)
    assert reader.lost == 0
    found = [item for item in kept.results if isinstance(item, Prediction | BandPowerWindow)]
    powers = {item.end_s: at for at, item in enumerate(found) if isinstance(item, BandPowerWindow)}
    predictions = [(at, item.stamp) for at, item in enumerate(found) if isinstance(item, Prediction)]
    assert len(predictions) == 5
    assert all(at < powers[stamp] for at, stamp in predictions)
    assert [stamp for _, stamp in predictions] == sorted(stamp for _, stamp in predictions)
