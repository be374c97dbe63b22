"""What the operator reads and hears during a calibration, and the report at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from realtime.calibrate.phases import Timed

_WORST = 6


def announce(timed: Timed, console: Console) -> None:
    """Say what to do now; with a bell, for eyes may be closed."""
    console.bell()
    console.print(f"[bold]{timed.phase.instruction}[/bold]  {timed.end_s - timed.start_s:.0f} s", highlight=False)


def show_report(report: Mapping[str, Any], console: Console) -> None:
    """The figures worth reading, and what to do about them."""
    table = Table(box=None, show_header=False)
    if (eeg := report.get("eeg")) is not None:
        table.add_row("EEG", f"{len(eeg['channels'])} channels, {eeg['seconds']:.0f} s")
        table.add_row("eye components taken out", "-" if eeg["eye_components"] is None else str(eeg["eye_components"]))
        table.add_row("blinks while asked to", "-" if eeg["blinks"] is None else str(eeg["blinks"]))
        table.add_row("occipital alpha, eyes closed", _decibels(eeg["alpha_closed_db"]))
        table.add_row("gamma, teeth clenched", _decibels(eeg["gamma_clench_db"]))
        worst = sorted(eeg["channels"].items(), key=lambda item: -item[1]["bad"])[:_WORST]
        bad = ", ".join(f"{name} {100 * shares['bad']:.0f} %" for name, shares in worst if shares["bad"] > 0)
        table.add_row("channels with bad seconds", bad or "none")
    if (face := report.get("face")) is not None:
        table.add_row("face", f"in {100 * face['face_share']:.0f} % of {face['frames']} neutral frames")
        noise = [px for px in face["noise_px"].values() if px is not None]
        if noise:
            table.add_row("noise of its regions", f"{min(noise):.3f} to {max(noise):.3f} px")
    console.print(table)
    for sentence in report["verdicts"]:
        console.print(f"[yellow]![/yellow] {sentence}", highlight=False)


def _decibels(value: float | None) -> str:
    return "-" if value is None else f"{value:+.1f} dB"
