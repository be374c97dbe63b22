"""The flashing screen marks each flash once, at its first white frame."""

from __future__ import annotations

from gui.present.flash import LIT_S, FlashScreen


def test_each_flash_is_marked_once_at_its_first_white_frame(qtbot) -> None:
    now = [100.0]
    marked: list[float] = []
    screen = FlashScreen(marked.append, clock=lambda: now[0], opengl=False)
    qtbot.addWidget(screen)
    screen.resize(64, 48)
    with qtbot.waitExposed(screen, timeout=10_000):
        screen.show()
    screen._timer.stop()
    for flash in range(3):
        now[0] = 101.0 + flash
        with qtbot.waitSignal(screen.canvas.swapped, timeout=10_000):
            screen.turn()
        assert screen.grab().toImage().pixelColor(30, 20).name() == "#ffffff"
        now[0] += LIT_S / 2
        with qtbot.waitSignal(screen.canvas.swapped, timeout=10_000):
            screen.canvas.refresh()
        with qtbot.waitSignal(screen.canvas.swapped, timeout=10_000):
            screen.turn()
        assert screen.grab().toImage().pixelColor(30, 20).name() == "#000000"
        screen._timer.stop()
    assert marked == [101.0, 102.0, 103.0]
    screen.close()
