"""The menu: everything the window does, by name and by key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import QAction, QActionGroup, QMenu

from gui.session.replay_bar import STEP_S
from gui.theme import font_scale, theme_named
from gui.window.desk import Desk
from gui.window.docks import PRESETS


class MenuBuilder:
    """Adds menus and actions to the window's menu; every key works wherever the focus is."""

    def __init__(self, window: Desk) -> None:
        self.window, self.made = window, dict[str, QAction]()
        self._menu = window.header.menu

    def menu(self, title: str) -> QMenu:
        """Begin another submenu."""
        made = window_menu(self.window, title)
        self._menu = made
        return made

    def add(self, name: str, text: str, keys: str, do: Callable[[], object], *, checked: bool | None = None) -> QAction:
        """Add an action to the submenu begun last; `keys` are separated by '|'."""

        def run(_checked: bool) -> None:
            do()

        action = QAction(text, self.window)
        action.setShortcuts([QKeySequence(key) for key in keys.split("|") if key])
        if checked is not None:
            action.setCheckable(True)
            action.setChecked(checked)
        action.triggered.connect(run)
        return self.adopt(name, action)

    def adopt(self, name: str, action: QAction) -> QAction:
        """Add an action that is there already."""
        self._menu.addAction(action)
        self.window.addAction(action)
        self.made[name] = action
        return action

    def separate(self) -> None:
        """Begin another group."""
        self._menu.addSeparator()


def window_menu(window: Desk, title: str) -> QMenu:
    """A new submenu of the window's menu."""
    made = window.header.menu.addMenu(title)
    assert made is not None
    return made


def add_actions(window: Desk) -> dict[str, QAction]:
    """Fill the window's menu; returns the actions by name."""
    build = MenuBuilder(window)
    _streams(build, window)
    _view(build, window)
    _look(build, window)
    _session(build, window)
    _replay(build, window)
    _export(build, window)
    build.menu("&Help")
    build.add("help", "Keys and how to read the screen", "?|Ctrl+F1", window.show_help)
    build.add("tour", "Tour", "", window.show_tour)
    # the button itself has no action that opens it
    opener = QAction("Open the menu", window)
    opener.setShortcut(QKeySequence("F10"))
    opener.triggered.connect(lambda _checked: window.header.button.showMenu())
    window.addAction(opener)
    return build.made


def _streams(build: MenuBuilder, window: Desk) -> None:
    build.menu("&Streams")
    build.add("streams", "Streams on the network", "Ctrl+S", window.show_streams)
    build.add("quit", "Quit", "Ctrl+Q", window.close)


def _view(build: MenuBuilder, window: Desk) -> None:
    build.menu("&View")
    for number, (name, preset) in enumerate(PRESETS.items(), 1):
        build.add(f"preset {name}", preset.title, f"Ctrl+{number}", partial(window.docks.apply, preset))
    build.separate()
    for number, (key, panel) in enumerate(window.panels.by_key.items(), 1):
        action = window.docks.toggle_action(key)
        action.setText(panel.title)
        action.setShortcut(QKeySequence(f"Alt+{number % 10}" if number <= 10 else f"Alt+Shift+{number % 10}"))
        build.adopt(f"panel {key}", action)
    build.separate()
    arrange = build.add(
        "arrange",
        "Arrange panels (handles)",
        "Ctrl+L",
        lambda: window.docks.arrange(arrange.isChecked()),
        checked=False,
    )
    full = build.add(
        "full screen",
        "Full screen",
        "F11",
        lambda: window.showFullScreen() if full.isChecked() else window.showNormal(),
        checked=False,
    )
    build.add("eeg larger", "Larger EEG traces", "Shift+Up", lambda: window.panels.eeg.step_scale(-1))
    build.add("eeg smaller", "Smaller EEG traces", "Shift+Down", lambda: window.panels.eeg.step_scale(1))


def _look(build: MenuBuilder, window: Desk) -> None:
    build.menu("&Appearance")
    themes = QActionGroup(window)
    for name in ("dark", "light"):
        action = build.add(
            f"theme {name}",
            f"{name.capitalize()} theme",
            "",
            lambda name=name: window.set_look(theme_named(name), font_scale()),
            checked=window.theme.name == name,
        )
        themes.addAction(action)
    build.add("theme", "Other theme", "Ctrl+T", partial(_other_theme, window, build))
    build.separate()
    build.add("larger", "Larger letters", "Ctrl++|Ctrl+=", lambda: window.step_font(1))
    build.add("smaller", "Smaller letters", "Ctrl+-", lambda: window.step_font(-1))
    build.add("usual", "Usual letters", "Ctrl+0", lambda: window.step_font(0))


def _other_theme(window: Desk, build: MenuBuilder) -> None:
    build.made["theme light" if window.theme.name == "dark" else "theme dark"].trigger()


def _session(build: MenuBuilder, window: Desk) -> None:
    build.menu("S&ession")
    build.add("record", "Record, or stop recording (asks)", "Ctrl+R", window.record.button.click)
    build.add("note", "Note about this moment", "N", window.begin_note)
    build.add("baseline", "Begin a baseline of the band powers, or end it", "B", window.mark_baseline)
    for index in range(len(window.panels.session.texts)):
        build.add(
            f"marker {index + 1}",
            f"Quick marker {index + 1}",
            f"F{index + 1}",
            lambda at=index: window.panels.session.press(at),
        )


def _replay(build: MenuBuilder, window: Desk) -> None:
    build.menu("&Replay")
    replay = window.replay
    build.add("replay pause", "Pause the replay, or go on", "Ctrl+Space", replay.toggle)
    build.add("replay back", f"{STEP_S:.0f} s back", "Ctrl+Left", lambda: replay.step(-STEP_S))
    build.add("replay on", f"{STEP_S:.0f} s on", "Ctrl+Right", lambda: replay.step(STEP_S))
    build.add("replay faster", "Faster", "Ctrl+Up", lambda: replay.change_speed(1))
    build.add("replay slower", "Slower", "Ctrl+Down", lambda: replay.change_speed(-1))


def _export(build: MenuBuilder, window: Desk) -> None:
    build.menu("E&xport")
    build.add("export", "What is on the screen: PNG, SVG, CSV", "Ctrl+E", window.export)
    for key, panel in window.panels.by_key.items():
        build.add(f"export {key}", f"Only: {panel.title}", "", partial(window.export, key))
    build.separate()
    build.add("export folder", "Folder for exports …", "", window.choose_export_root)
