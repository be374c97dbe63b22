"""Which machines' streams are read: all on the loopback, one's own and allowed ones on the network."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import pylsl
import pytest

from realtime.errors import StreamNotFoundError
from realtime.lsl import discovery, session


@dataclass
class _Info:
    """What is asked of a stream that was found."""

    host: str
    source: str = "amp-1"

    def type(self) -> str:
        return "EEG"

    def hostname(self) -> str:
        return self.host

    def source_id(self) -> str:
        return self.source


@pytest.fixture
def on_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if `configure(network=True, allow=("lab2", "amp-7"))` had been called: a process is configured once."""
    monkeypatch.setattr(session, "_configured", session.config_text(network=True))
    monkeypatch.setattr(session, "_allowed", frozenset({"lab2", "amp-7"}))


@pytest.mark.usefixtures("on_network")
def test_on_the_network_a_host_or_a_source_must_be_allowed() -> None:
    assert session.allows(_Info(socket.gethostname()))
    assert session.allows(_Info("lab2"))
    assert session.allows(_Info("lab3", "amp-7"))
    assert not session.allows(_Info("lab3"))
    assert not session.allows(_Info("lab22"))


def test_on_the_loopback_there_is_nobody_else() -> None:
    assert session.is_local()
    assert session.allows(_Info("a-container-on-this-machine"))


@pytest.mark.usefixtures("on_network")
def test_a_stream_that_is_not_allowed_is_refused_by_its_hosts_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pylsl, "resolve_bypred", lambda *_: [_Info("lab3")])
    with pytest.raises(StreamNotFoundError, match=r"'lab3' \(source_id amp-1\).*lsl.allow = \['lab3'\]"):
        discovery.find_stream(stream_type="EEG", timeout_s=0.3)


@pytest.mark.usefixtures("on_network")
def test_a_stream_that_is_not_allowed_and_answers_first_hides_none_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver returns as soon as it has as many as were asked for."""
    in_order = [_Info("lab3"), _Info("lab2")]
    monkeypatch.setattr(pylsl, "resolve_bypred", lambda _predicate, minimum, _timeout_s: in_order[:minimum])
    (found,) = discovery.first_sight([discovery.Wish("EEG")], timeout_s=0.3)
    assert found.hostname() == "lab2"
