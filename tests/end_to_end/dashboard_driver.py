"""Run as a process of its own: the real dashboard, used by keys as a person would; says in JSON lines what it saw.

`gui.app.run_dashboard` runs unchanged. Beside it, in the same event loop, a script of steps presses keys, waits for
what the screen shows, and reads the same streams through inlets of its own, to compare.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pylsl
from dashboard_eyes import Witness, painted_trace, pixels, seen_at
from PyQt5 import sip
from PyQt5.QtCore import QEvent, Qt, QTimer, QtMsgType, qInstallMessageHandler
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QApplication, QMessageBox, QWidget

from gui.app import run_dashboard
from gui.application import open_application
from gui.panels.eeg.channels import ChannelChoice
from gui.session.record import RecordForm
from gui.settings import Settings
from gui.theme import DARK
from gui.window.main_window import MainWindow
from realtime.lsl import session
from realtime.lsl.outlets import EegOutlet
from realtime.packets import EegInfo

NO_MODIFIER = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
OTHER = "other-headset"
SIMULATED = "emostream-simulator-eeg"
PATIENCE_S = 60.0
STEP_MS = 20
CHANNEL = "Cz"
"""Shown alone where the painted line is compared with what was sent: no blink goes off the canvas there."""

Wait = tuple[str, Callable[[], object]]
"""What is waited for, in words, and whether it is there."""


def say(step: str, **told: Any) -> None:
    print(json.dumps({"step": step, **told}), flush=True)


class Script:
    """Takes one step after the other in the window's own event loop; a modal box that no step expects ends it."""

    def __init__(self, steps: Generator[Wait, None, None], also: Callable[[], None]) -> None:
        self._steps, self._also = steps, also
        self._wait: Wait = ("the event loop", lambda: True)
        self._since = time.monotonic()
        self.failure = ""
        self.timer = QTimer()
        self.timer.timeout.connect(self._turn)
        self.timer.start(STEP_MS)

    def _turn(self) -> None:
        try:
            self._also()
            self._check_boxes()
            what, there = self._wait
            if there():
                self._wait = next(self._steps)
                self._since = time.monotonic()
            elif time.monotonic() > self._since + PATIENCE_S:
                raise AssertionError(f"waited {PATIENCE_S:.0f} s for {what}")
        except StopIteration:
            self._end()
        except Exception:  # noqa: BLE001 - told to the test, which fails with it
            focused = QApplication.focusWidget()
            about = focused.accessibleName() if focused is not None else "nothing"
            self.failure = f"{traceback.format_exc()}the keyboard is with: {about}"
            window().grab().save("failed.png")
            self._end()

    def _check_boxes(self) -> None:
        box = QApplication.activeModalWidget()
        wanted = isinstance(box, RecordForm) or (
            isinstance(box, QMessageBox) and box.icon() == QMessageBox.Icon.Question
        )
        assert box is None or wanted, f"a modal box: {getattr(box, 'text', box.windowTitle)()}"

    def _end(self) -> None:
        self.timer.stop()
        if (box := QApplication.activeModalWidget()) is not None:
            box.close()
        if self.failure:
            QApplication.exit(0)
        else:
            press(Qt.Key.Key_Q, CTRL, on=window())


def window() -> MainWindow:
    return next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, MainWindow))


def press(key: Qt.Key, modifier: Qt.KeyboardModifier = NO_MODIFIER, on: QWidget | None = None) -> None:
    QTest.keyClick(on or QApplication.focusWidget() or window(), key, modifier)


# -- the steps ------------------------------------------------------------------------------------------------------


class Steps:
    """What a session at the screen is: streams, traces, recording, marker, note, export, replay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.emotions, self.eeg = Witness("emostream-emotions"), Witness("emostream-eeg")
        self._other: EegOutlet | None = None
        self._other_s = 0.0

    def also(self) -> None:
        """Every turn: the other headset goes on sending, the witnesses listen."""
        n = int((time.monotonic() - self._other_s) * 250)
        if n and self._other is not None:
            self._other_s += n / 250
            self._other.push(np.ones((4, n), np.float32))
        self.emotions.look()
        self.eeg.look()

    def _plug_in(self) -> None:
        """Another headset appears, late."""
        info = EegInfo(OTHER, OTHER, ("Fp1", "Fp2", "O1", "O2"), 250.0)
        self._other, self._other_s = EegOutlet(info), time.monotonic()

    def all(self) -> Generator[Wait, None, None]:
        yield from self.streams()
        yield from self.traces()
        yield from self.record()
        yield from self.export()
        yield from self.stop()
        yield from self.replay()

    def _keyboard(self) -> Generator[Wait, None, None]:
        """This display has no window manager that would give the window the keyboard, or give it back after a box."""
        window().activateWindow()
        yield "the keyboard", window().isActiveWindow

    # -- streams

    def streams(self) -> Generator[Wait, None, None]:
        w = window()
        yield from self._keyboard()
        yield "the page of streams, by itself", lambda: w.start.isVisible() and w.start.told["video"].text()
        missing = {key: label.text() for key, label in w.start.told.items()}
        assert missing["video"].startswith("✕"), missing
        assert missing["emotions"].startswith("✕"), missing
        assert "color: " + w.theme.bad in w.start.told["video"].styleSheet()
        say("nothing is there")
        yield "the panels, when all is there", lambda: not w.start.isVisible()
        press(Qt.Key.Key_S, CTRL)
        self._plug_in()
        combo = w.start.combos["eeg"]
        yield "two headsets to choose from", lambda: combo.isVisible() and combo.count() >= 3
        assert not QApplication.activeModalWidget()
        for source, channels in ((OTHER, "4 channels"), (SIMULATED, "62 channels")):
            yield from self._choose(source)
            yield (
                f"{channels} on the panel",
                lambda channels=channels: (
                    w.panels.eeg._info and (len(w.panels.eeg._info.channels) == int(channels.split()[0]))
                ),
            )
        shown = lambda: {line.cells[1] for line in w.start.lines if line.key == "eeg" and line.shown}  # noqa: E731
        yield "the simulated one marked as shown", lambda: shown() == {"emostream-eeg"}
        w.start.go.setFocus()
        press(Qt.Key.Key_Space)
        yield "the panels", lambda: not w.start.isVisible()
        assert self._other is not None
        self._other.close()
        self._other = None
        say("chosen", kept=w.settings.text("streams/eeg"))

    def _choose(self, source: str) -> Generator[Wait, None, None]:
        combo = window().start.combos["eeg"]
        yield f"{source} on the list", lambda: combo.findData(source) >= 0
        combo.setFocus()
        for _ in range(combo.count()):
            press(Qt.Key.Key_Up)
        for _ in range(combo.findData(source)):
            press(Qt.Key.Key_Down)
        assert combo.currentData() == source, combo.currentText()

    # -- traces

    def traces(self) -> Generator[Wait, None, None]:
        w = window()
        yield "predictions", lambda: w.panels.traces.history is not None and len(w.panels.traces.history) >= 8
        before = pixels(w.panels.traces.canvas), pixels(w.panels.state)
        self._show_one_channel()
        yield "two seconds of EEG", self._for(2.5)
        first = yield from self._painted()
        yield "time", self._for(0.5)
        second = yield from self._painted()
        moved = not np.array_equal(pixels(w.panels.traces.canvas), before[0])
        say(
            "traces",
            badges=w.badges(),
            alike=[first[1], second[1]],
            moved_s=second[0] - first[0],
            behind_s=second[2] - second[0],
            emotions_moved=moved,
            headline=w.panels.state.headline,
            classes=w.panels.traces.model.classes if w.panels.traces.model else (),
        )
        w.panels.eeg.set_view(replace(w.panels.eeg.view, channels=ChannelChoice(), window_s=10.0))

    def _for(self, seconds: float) -> Callable[[], bool]:
        end = time.monotonic() + seconds
        return lambda: time.monotonic() > end

    def _show_one_channel(self) -> None:
        view = replace(window().panels.eeg.view, channels=ChannelChoice(names=(CHANNEL,)), window_s=5.0)
        window().panels.eeg.set_view(view)

    def _painted(self) -> Generator[Wait, None, tuple[float, float, float]]:
        """When the newest painted sample was sent, how like what was sent the line is, and when it was painted."""
        canvas = window().panels.eeg.canvas
        assert canvas.traces is not None
        at_s = pylsl.local_clock()
        painted = painted_trace(canvas)[canvas._gutter_px : canvas.width()]
        # what was sent comes here by a connection of its own: on a busy machine later than to the canvas
        yield "all that is painted", self._for(0.5)
        gaps = np.flatnonzero(np.diff(self.eeg.stamps[-6000:]) > 0.05)
        kept = self.eeg.values[-6000:][gaps[-1] + 1 if len(gaps) else 0 :]
        values, stamps = np.stack(kept)[:, canvas.labels.index(CHANNEL)], np.array(self.eeg.stamps[-len(kept) :])
        return *seen_at(painted, values, stamps, canvas.view.window_s / canvas.traces.width), at_s

    def record(self) -> Generator[Wait, None, None]:
        w = window()
        press(Qt.Key.Key_R, CTRL)
        yield "the form", lambda: isinstance(w.record.dialog, RecordForm) and w.record.dialog.isVisible()
        form = w.record.dialog
        assert isinstance(form, RecordForm)
        assert not form.begin.isEnabled()
        for field, text in ((form.subject, "01"), (form.consent, "C-1"), (form.root, str(self.folder / "rec"))):
            field.setFocus()
            QTest.keyClicks(field, text)
        assert form.begin.isEnabled(), form.told.text()
        form.begin.setFocus()
        press(Qt.Key.Key_Space, on=form.begin)
        yield "the recorder", lambda: w.record.label.text().startswith("REC ")
        begun = time.monotonic()
        yield from self._keyboard()
        w.docks.docks["timeline"].raise_()
        press(Qt.Key.Key_F1)
        press(Qt.Key.Key_N)
        assert w.header.noting
        QTest.keyClicks(w.header.note, "blinked a lot")
        press(Qt.Key.Key_Return, on=w.header.note)
        texts = lambda: [note.text for note in w.panels.timeline.note_row.notes]  # noqa: E731
        wanted = {w.panels.session.texts[0], "blinked a lot"}
        yield "marker and note, come back over LSL", lambda: wanted <= set(texts())
        w.docks.docks["session"].raise_()
        yield "counters of the recording", lambda: w.panels.session.table.rowCount() >= 6
        yield "some seconds to record", lambda: time.monotonic() > begun + 4.5
        say("recording", notes=texts(), label=w.record.label.text())

    def stop(self) -> Generator[Wait, None, None]:
        w = window()
        for answer in ("Go on recording", "Stop recording"):
            press(Qt.Key.Key_R, CTRL)
            yield "the question", lambda: isinstance(w.record.dialog, QMessageBox) and w.record.dialog.isVisible()
            box = w.record.dialog
            assert isinstance(box, QMessageBox)
            if answer == "Go on recording":
                # the answer that loses nothing is the one that Return gives
                press(Qt.Key.Key_Return, on=box)
                yield "the answer", lambda: w.record.dialog is None
                yield "a moment", self._for(0.3)
                yield from self._keyboard()
                assert w.record.label.text().startswith("REC "), w.record.label.text()
            else:
                button = next(b for b in box.buttons() if b.text().replace("&", "") == answer)
                button.setFocus()
                press(Qt.Key.Key_Space, on=button)
        yield "the end of the recording", lambda: w.panels.session.elapsed == "not recorded"
        yield "the recorder's own end", lambda: w.record._started is None
        yield from self._keyboard()
        session_folder = self.folder / "rec" / "sourcedata" / "sub-01" / "ses-01"
        say("recorded", files=sorted(path.name for path in session_folder.iterdir()))

    def export(self) -> Generator[Wait, None, None]:
        w = window()
        press(Qt.Key.Key_E, CTRL)
        yield "what was saved", lambda: w.header.said.text.startswith("saved: ")
        folder = Path(w.header.said.text.removeprefix("saved: "))
        np.savez(
            self.folder / "published.npz",
            eeg=np.stack(self.eeg.values[-20000:]),
            emotions=np.stack(self.emotions.values),
            emotions_at=np.array(self.emotions.stamps),
        )
        files = sorted(at.name for at in folder.iterdir())
        row = w.panels.eeg.canvas.labels.index(CHANNEL)
        say("exported", front=self._in_front(), folder=str(folder), files=files, row=row)

    def _in_front(self) -> list[str]:
        """Panels that a person sees: a widget at their middle says that it is theirs."""
        w, seen = window(), []
        for key, panel in w.panels.by_key.items():
            at = w.childAt(panel.mapTo(w, panel.rect().center()))
            if panel.isVisible() and at is not None and (at is panel or panel.isAncestorOf(at)):
                seen.append(key)
        return sorted(seen)

    # -- replay

    def replay(self) -> Generator[Wait, None, None]:
        w = window()
        bar = w.replay
        yield "the bar of the replay", lambda: bar.isVisible() and bar.state is not None
        begun = len(self.eeg.values)
        self._show_one_channel()
        yield "three seconds of its EEG", lambda: len(self.eeg.values) > begun + 3000
        _, alike, _ = yield from self._painted()
        while not bar.state.paused:
            # a person presses again where nothing happens: a replay that has just begun does not listen yet
            press(Qt.Key.Key_Space, CTRL)
            pressed = time.monotonic()
            yield "a pause", lambda: bar.state.paused or time.monotonic() > pressed + 2.0  # noqa: B023
        yield "the word for it", lambda: bar.play.text() == "Go on"
        held = bar.state.position_s
        yield "a while", self._for(0.5)
        still = bar.state.position_s == held
        press(Qt.Key.Key_Left, CTRL)
        yield "an earlier moment", lambda: bar.state.position_s < held
        back = bar.state.position_s
        press(Qt.Key.Key_Up, CTRL)
        yield "twice the speed", lambda: bar.state.speed == 2.0
        press(Qt.Key.Key_Space, CTRL)
        yield "the replay, going on", lambda: not bar.state.paused and bar.state.position_s > back + 1.0
        say(
            "replayed",
            alike=alike,
            still=still,
            held=held,
            back=back,
            speed=bar.state.speed,
            simulated=bar.state.simulated,
            session=bar.state.session,
        )


def main(folder: Path) -> None:
    session.configure()
    settings = Settings.of_user()
    settings.keep("export folder", str(folder / "exports"))
    settings.keep("tour seen", True)
    said: list[str] = []

    def hear(kind: QtMsgType, _context: object, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg:
            said.append(text)

    qInstallMessageHandler(hear)
    faults: list[str] = []
    sys.excepthook = lambda _kind, err, _trace: faults.append(repr(err))
    threading.excepthook = lambda args: faults.append(repr(args.exc_value))
    app = open_application(DARK)
    before = set(threading.enumerate())
    steps = Steps(folder)
    script: list[Script] = []
    QTimer.singleShot(0, lambda: script.append(Script(steps.all(), steps.also)))
    code = run_dashboard()
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    timers = [
        f"{made.parent()!r} every {made.interval()} ms"
        for made in gc.get_objects()
        if isinstance(made, QTimer) and not sip.isdeleted(made) and made.isActive()
    ]
    open_windows = [repr(widget) for widget in app.topLevelWidgets() if widget.isVisible()]
    say(
        "end",
        code=code,
        failure=script[0].failure if script else "the script never began",
        threads=left,
        timers=timers,
        windows=open_windows,
        qt=said,
        faults=faults,
        platform=app.platformName(),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
