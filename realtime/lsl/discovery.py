"""Finding streams: one that fits, or an error that says what was there instead."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pylsl

from realtime.errors import StreamNotFoundError
from realtime.lsl import session

_SLICE_S = 1.0
_LEAST_S = 0.01
_SETTLE_S = 0.5
_SETTLE_NETWORK_S = 1.0
_HINTS = {
    "EEG": "Start the headset's app, or 'emostream replay FILE'.",
    "VideoRaw": "Start 'emostream camera', or 'emostream replay FILE --video FILE'.",
    "Emotion": "Start 'emostream run'.",
}
_DEFAULT_HINT = "Start the program that sends it, in the same session, or '--network' to look beyond this machine."


@dataclass(frozen=True, slots=True)
class Wish:
    """What a stream that is looked for must be; at least one of these, and all that are given must fit.

    Parameters
    ----------
    stream_type, name, source_id : str or None
    """

    stream_type: str | None = None
    name: str | None = None
    source_id: str | None = None

    def _terms(self) -> dict[str, str]:
        terms = {"type": self.stream_type, "name": self.name, "source_id": self.source_id}
        return {key: value for key, value in terms.items() if value is not None}

    @property
    def predicate(self) -> str:
        """For liblsl's resolver; `ValueError` where nothing is given or a value holds both kinds of quotation marks."""
        terms = [f"{key}={xpath_literal(value)}" for key, value in self._terms().items()]
        if not terms:
            raise ValueError("to look for a stream needs a type, a name or a source id")
        return " and ".join(terms)

    @property
    def words(self) -> str:
        """For messages, such as "type 'EEG', name 'amp'"."""
        return ", ".join(f"{key.replace('_', ' ')} {value!r}" for key, value in self._terms().items())

    def fits(self, info: pylsl.StreamInfo) -> bool:
        """Whether a stream is what is wished for."""
        return all(getattr(info, key)() == value for key, value in self._terms().items())


def list_streams(timeout_s: float = 1.0) -> list[pylsl.StreamInfo]:
    """All streams of this session that answer within `timeout_s` and may be read, one per uid, sorted by name.

    The infos are short ones: their description is read with an inlet.
    """
    found = {info.uid(): info for info in pylsl.resolve_streams(timeout_s) if session.allows(info)}
    return sorted(found.values(), key=lambda info: (info.name(), info.source_id(), info.uid()))


def find_stream(
    *,
    stream_type: str | None = None,
    name: str | None = None,
    source_id: str | None = None,
    timeout_s: float = 10.0,
    hint: str | None = None,
    waiting: Callable[[], object] | None = None,
) -> pylsl.StreamInfo:
    """The one stream that fits what is asked for; its uid is then pinned by the reader that opens it.

    Parameters
    ----------
    stream_type, name, source_id : str, optional
        At least one of them; all that are given must fit.
    timeout_s : float
        How long to wait for it to appear. Once one is found, half a second more (on the network: one) is waited for a
        second that fits.
    hint : str, optional
        Last sentence of the error where nothing fits: how to go on.
    waiting : callable, optional
        Called about once a second while nothing fits; may raise to give up.

    Raises
    ------
    StreamNotFoundError
        Nothing that may be read fits within `timeout_s` (the message lists what was found, and on which host what is
        not allowed), more than one fits, or two streams share one source id.
    ValueError
        Neither type, name nor source id is given, or one holds both kinds of quotation marks.
    """
    wish = Wish(stream_type, name, source_id)
    first_sight([wish], timeout_s=timeout_s, hint=hint, waiting=waiting)
    return settled([wish])[0][0]


def first_sight(
    wishes: Sequence[Wish],
    *,
    timeout_s: float,
    hint: str | None = None,
    waiting: Callable[[], object] | None = None,
) -> list[pylsl.StreamInfo]:
    """For each wish the stream that was seen first and may be read; whether it is the only one says `settled`.

    Parameters and errors are those of `find_stream`, but that more than one fits.
    """
    seen: dict[Wish, pylsl.StreamInfo] = {}
    strangers = 0
    end_s = time.monotonic() + timeout_s
    # in slices: liblsl's own waiting is deaf to Ctrl-C
    while missing := [wish for wish in wishes if wish not in seen]:
        if (left_s := end_s - time.monotonic()) <= _LEAST_S:
            raise _absent(missing[0], timeout_s, hint)
        # one that may not be read answers every time, and may be the first: then one more is waited for
        found = pylsl.resolve_bypred(_any_of(missing), len(missing) + strangers, min(_SLICE_S, left_s))
        allowed = [info for info in found if session.allows(info)]
        strangers = len(found) - len(allowed)
        for info in allowed:
            seen.update((wish, info) for wish in missing if wish not in seen and wish.fits(info))
        if waiting is not None and len(seen) < len(wishes):
            waiting()
    return [seen[wish] for wish in wishes]


def settled(
    wishes: Sequence[Wish], beside: Sequence[Wish] = (), settle_s: float | None = None
) -> tuple[list[pylsl.StreamInfo], list[pylsl.StreamInfo]]:
    """For each wish the only stream that fits, after a while in which a second one would have answered.

    Parameters
    ----------
    wishes : sequence of Wish
    beside : sequence of Wish
        What else is looked for; there may be none or many.
    settle_s : float, optional
        How long, default half a second (on the network: one).

    Returns
    -------
    list of pylsl.StreamInfo
        One a wish.
    list of pylsl.StreamInfo
        All that fit one of `beside`.

    Raises
    ------
    StreamNotFoundError
        For a wish none fits any more, more than one does, or two streams share one source id.
    """
    settle_s = settle_s or (_SETTLE_S if session.is_local() else _SETTLE_NETWORK_S)
    answered = pylsl.resolve_bypred(_any_of([*wishes, *beside]), 1024, settle_s)
    found = {info.uid(): info for info in answered if session.allows(info)}.values()
    only = [_only([info for info in found if wish.fits(info)], wish.words) for wish in wishes]
    return only, [info for info in found if any(wish.fits(info) for wish in beside)]


def _any_of(wishes: Sequence[Wish]) -> str:
    # in brackets: liblsl puts the session's id and an 'and' before it
    return f"({' or '.join(f'({wish.predicate})' for wish in wishes)})"


def _absent(wish: Wish, timeout_s: float, hint: str | None) -> StreamNotFoundError:
    if strangers := [i for i in pylsl.resolve_bypred(wish.predicate, 1, 1.0) if not session.allows(i)]:
        return _not_allowed(strangers[0], wish.words)
    advice = hint or _HINTS.get(wish.stream_type or "", _DEFAULT_HINT)
    return StreamNotFoundError(
        f"no LSL stream of {wish.words} within {timeout_s:.1f} s; found: {describe(list_streams(1.0))}. {advice}"
    )


def _not_allowed(info: pylsl.StreamInfo, asked: str) -> StreamNotFoundError:
    return StreamNotFoundError(
        f"the LSL stream of {asked} is on another machine, {info.hostname()!r} "
        f"(source_id {info.source_id() or 'none'}), and nobody allowed it: "
        f"set lsl.allow = [{info.hostname()!r}] in the configuration if it is yours"
    )


def describe(infos: Sequence[pylsl.StreamInfo]) -> str:
    """One line that names streams: ``'Markers' (source_id psy1)``; 'nothing' where there are none."""
    if not infos:
        return "nothing"
    return ", ".join(
        f"{i.type()!r} ({f'name {i.name()}, ' if i.name() != i.type() else ''}source_id {i.source_id() or 'none'})"
        for i in infos
    )


def _only(found: list[pylsl.StreamInfo], asked: str) -> pylsl.StreamInfo:
    if not found:
        raise StreamNotFoundError(f"the LSL stream of {asked} vanished while it was looked at: start its program again")
    ids = Counter(info.source_id() for info in found)
    if doubled := [source for source, count in ids.items() if source and count > 1]:
        hosts = ", ".join(sorted(i.hostname() for i in found if i.source_id() == doubled[0]))
        raise StreamNotFoundError(
            f"{ids[doubled[0]]} LSL streams share the source_id {doubled[0]!r} (on {hosts}), one is wanted: "
            "close the program that was started twice"
        )
    if len(found) > 1:
        ordered = sorted(found, key=lambda i: (i.name(), i.source_id()))
        raise StreamNotFoundError(
            f"{len(found)} LSL streams fit {asked}, one is wanted; found: {describe(ordered)}. "
            "Choose one by its source_id or its name"
        )
    return found[0]


def xpath_literal(value: str) -> str:
    """`value` in quotation marks, for a predicate of liblsl's resolver.

    Raises
    ------
    ValueError
        It holds both kinds of quotation marks.
    """
    if "'" not in value:
        return f"'{value}'"
    if '"' in value:
        raise ValueError(f"{value!r} holds both kinds of quotation marks: LSL cannot look for it")
    return f'"{value}"'
