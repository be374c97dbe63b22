"""Events are heard from every sender of a name, from late ones and from restarted ones."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from realtime.lsl.listen import MarkerListener

pytestmark = pytest.mark.usefixtures("lsl_session")

_OPEN = """
m = MarkerOutlet("emostream-control", source)
other = MarkerOutlet("something-else", source + "-other")
"""
_SAY = """
m.wait_for_consumers(10.0)
other.push_json({"event": "note", "text": "not asked for"})
m.push("no event")
m.push_json({"event": "note", "text": text}, 12.5)
"""


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < end, "nothing was heard within 10 s"
        time.sleep(0.01)


def test_every_sender_of_a_name_is_heard_late_ones_too(peers) -> None:
    heard: list[tuple[str, str, float]] = []
    listener = MarkerListener(
        ["emostream-control"], lambda name, said, stamp: heard.append((name, said["text"], stamp))
    )
    first, second = peers(), peers()
    first.run(_OPEN, source="a")
    listener.start()
    try:
        first.run(_SAY, text="one")
        _wait(lambda: len(heard) == 1)
        second.run(_OPEN, source="b")
        second.run(_SAY, text="two")
        _wait(lambda: len(heard) == 2)
        assert listener.heard == {"a", "b"}
    finally:
        listener.stop()
    assert [(name, text) for name, text, _ in heard] == [("emostream-control", "one"), ("emostream-control", "two")]
    assert heard[0][2] == pytest.approx(12.5, abs=0.1)


def test_what_the_callback_raises_comes_out_of_stop(peers) -> None:
    raised: list[bool] = []

    def fail(*_: object) -> None:
        raised.append(True)
        raise RuntimeError("no")

    listener = MarkerListener(["emostream-control"], fail)
    peer = peers()
    peer.run(_OPEN, source="a")
    listener.start()
    peer.run(_SAY, text="one")
    _wait(lambda: bool(raised))
    with pytest.raises(RuntimeError, match="no"):
        listener.stop()
