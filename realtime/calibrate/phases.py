"""What the participant is asked to do during the calibration minute, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

SETTLE_S = 1.5
"""What people do in the first moments of a phase is not used: they still read, or open their eyes."""

SHORTEST_S = 25.0
"""A shorter calibration leaves some phase too short for what is learnt from it."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One thing to do: its name in markers, what the participant is told, and its share of the whole."""

    name: str
    instruction: str
    share: float
    of_face: bool = False
    """Whether the face is learnt from, too; the others are of EEG alone."""


# clenching comes last, so that the ICA is fitted on one piece without muscles
PHASES: tuple[Phase, ...] = (
    Phase("eyes_open", "Look at the camera with your eyes open, and rest.", 0.25),
    Phase("eyes_closed", "Close your eyes until the next signal.", 0.25),
    Phase("blink", "Open your eyes. Blink now and then, about every two seconds.", 0.15),
    Phase("neutral", "Keep a neutral face, look at the camera, and do not move.", 0.25, of_face=True),
    Phase("clench", "Clench your teeth.", 0.10),
)


@dataclass(frozen=True, slots=True)
class Timed:
    """A phase on the clock: LSL seconds from its signal to the next one."""

    phase: Phase
    start_s: float
    end_s: float

    @property
    def used(self) -> tuple[float, float]:
        """The part that is learnt from: without the first moments."""
        return min(self.start_s + SETTLE_S, self.end_s), self.end_s


def schedule(start_s: float, seconds: float, *, eeg: bool = True) -> tuple[Timed, ...]:
    """The phases one after the other from `start_s`, LSL s, over `seconds` in all; less without `eeg`."""
    timed = []
    for phase in (phase for phase in PHASES if eeg or phase.of_face):
        end_s = start_s + phase.share * seconds
        timed.append(Timed(phase, start_s, end_s))
        start_s = end_s
    return tuple(timed)
