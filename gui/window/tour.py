"""What the first-run tour points at."""

from __future__ import annotations

from gui.window.desk import Desk
from gui.window.help import Callout


def stops(window: Desk) -> tuple[Callout, ...]:
    """The callouts, in the order in which somebody new looks at the screen."""
    return (
        Callout(
            lambda: window.header.button,
            "Everything is in this menu",
            "F10 opens it, ? shows all keys. It has presets for a wall, an operator and a laptop, both themes and the "
            "size of the letters.",
        ),
        Callout(
            lambda: window.start if window.start.isVisible() else None,
            "Streams join by themselves",
            "Ctrl+S shows what is on the network and what is missing, and lets you choose where there are several "
            "headsets or cameras. A stream that stands still is named in red at the top.",
        ),
        Callout(
            lambda: window.panels.state,
            "What the model makes of it",
            "A probability with its basis and age, not a fact about a person. Where there is not enough evidence, it "
            "claims nothing. What is simulated is called so.",
        ),
        Callout(
            lambda: window.panels.session,
            "Markers and the recording",
            "N writes a note, F1 to F8 set markers with texts of your own; Ctrl+R records. Stopping a recording always "
            "asks first.",
        ),
        Callout(
            lambda: window.docks,
            "Arrange the panels",
            "Ctrl+L gives the panels handles: move, tab, float or close them. The arrangement is remembered. Ctrl+E "
            "saves what is on the screen.",
        ),
    )
