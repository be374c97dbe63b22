"""The recorder's text view: elapsed time, size, what of each stream is in the file; red where something is wrong."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from realtime.recorder.report import Report

_LINE_EVERY_S = 10.0
_REFRESH_S = 0.25


class RecordView:
    """A live table on a terminal; elsewhere a line every ten seconds and whenever something begins or goes wrong.

    A context manager, called from one thread.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._doing = ""
        self._alarms: tuple[str, ...] = ()
        self._shown_s = -_LINE_EVERY_S
        self.title = ""

    def __enter__(self) -> RecordView:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """Show a line that stays."""
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)

    def show(self, doing: str, report: Report | None) -> None:
        """Show how things stand."""
        if self._live:
            now_s = self._console.get_time()
            if now_s - self._shown_s >= _REFRESH_S or doing != self._doing:
                self._shown_s = now_s
                self._live.update(_table(self.title, doing, report), refresh=True)
        elif report is not None:
            kinds = tuple(text.split(":")[0].rstrip("0123456789 s") for text in report.alarms)
            if kinds != self._alarms or report.elapsed_s - self._shown_s >= _LINE_EVERY_S or doing != self._doing:
                self._alarms, self._shown_s = kinds, report.elapsed_s
                self.say(_line(doing, report))
        elif doing != self._doing:
            self.say(doing)
        self._doing = doing


def _line(doing: str, report: Report) -> str:
    counts = ", ".join(f"{s.name} {s.received}{' STALLED' if s.stalled else ''}" for s in report.streams)
    alarms = "".join(f" | ALARM: {text}" for text in report.alarms)
    return f"{doing} {clock_text(report.elapsed_s)} {size_text(report.bytes)} | {counts}{alarms}"


def _table(title: str, doing: str, report: Report | None) -> Group:
    if report is None:
        return Group(Text(title, style="bold"), Text(doing))
    head = f"{doing}  {clock_text(report.elapsed_s)}  {size_text(report.bytes)}  free {size_text(report.free_bytes)}"
    table = Table("stream", "type", "in the file", "newest", box=None)
    for s in report.streams:
        name = f"{s.name} (late)" if s.late else s.name
        style = "bold red" if s.stalled else None
        age = f"{s.age_s:.0f} s ago" if s.received else "nothing yet"
        table.add_row(name, s.type, str(s.received), "STALLED" if s.stalled else age, style=style)
    alarms = [Text(text, style="bold red") for text in report.alarms]
    return Group(Text(title, style="bold"), Text(head), *alarms, table)


def clock_text(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def size_text(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
