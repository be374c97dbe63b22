"""`emostream report`: the report of an analysis, written again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(help="What 'emostream analyze' wrote.")],
    annotations: Annotated[
        Path | None, typer.Option("--annotations", help="Reviewed movements (<stem>_annotations.tsv).")
    ] = None,
    no_faces: Annotated[bool, typer.Option("--no-faces", help="Without pictures of the face.")] = False,
) -> None:
    """Write the report of an analysis again, with a coder's review or without faces."""
    from realtime.report.write import write_report

    typer.echo(f"report: {write_report(folder, annotations=annotations, faces=not no_faces)}")
