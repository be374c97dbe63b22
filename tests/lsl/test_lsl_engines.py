"""Two engines in one session: each on the participant it is bound to, and each with streams of its own."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
from fakes import CHANNELS, AlphaRecognizer

from realtime.config import Config, LslConfig
from realtime.errors import ConfigurationError
from realtime.live import LiveSession, Wanted
from realtime.lsl.discovery import list_streams

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("lsl_session")]

_CONFIG = Config(lsl=LslConfig(resolve_timeout_s=10.0))
_OPEN = """
outlets = {name: EegOutlet(EegInfo("emostream-eeg", f"{name}-eeg", tuple(labels), 250.0)) for name in names}
result = pylsl.local_clock()
"""
_PUSH = """
for i in range(0, 1000, 50):
    for name, n in names.items():
        if i < n:
            outlets[name].push(np.full((len(labels), 50), 5.0) * np.arange(50), t0 + np.arange(i, i + 50) / 250.0)
"""


def test_engines_with_names_keep_apart(peers) -> None:
    peer, sent = peers(), {"p1": 300, "p2": 500}
    t0 = peer.run(_OPEN, names=sent, labels=list(CHANNELS))
    with ExitStack() as stack:
        engines = {}
        for name in sent:
            wanted = Wanted(video=False, eeg_source=f"{name}-eeg", name=name)
            engines[name] = LiveSession(AlphaRecognizer(), wanted, _CONFIG)
            stack.callback(engines[name].stop)
            engines[name].start()
        peer.run(_PUSH, names=sent, labels=list(CHANNELS), t0=t0)
        end_s = time.monotonic() + 20.0
        while any(engines[name].runner.health()[0].received < n for name, n in sent.items()):
            assert time.monotonic() < end_s
            time.sleep(0.02)
        for name, n in sent.items():
            (eeg,) = engines[name].runner.health()
            assert (eeg.received, eeg.lost) == (n, 0)
        seen = [info.source_id() for info in list_streams(1.0)]
        assert len(seen) == len(set(seen))
        for name in sent:
            assert sum(source.startswith(f"{name}@") for source in seen) == 5


@pytest.mark.parametrize("name", ["", "p 1", "p1@there", "p" * 33])
def test_a_name_that_would_not_tell_engines_apart_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--name .*wanted up to 32 letters"):
        _ = Wanted(name=name).prefix
