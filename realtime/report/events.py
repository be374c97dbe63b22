"""Movements as the report shows them: a row each, and a card with pictures for those of the highest score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realtime.packets import Float32
from realtime.report.folder import Analysis, FoundMovement, read_flow
from realtime.report.pictures import SIDE_PX, face_uri, flow_uri, read_face
from realtime.report.review import Review
from realtime.report.trials import Trial

MOST_CARDS = 24
"""Movements with pictures; the table has all."""

MOST_ROWS = 500
"""Rows of the table; the Parquet and CSV tables have all."""

_CELLS = 16
_LONGEST_PX = 17.0
_SHOWN_SHARE = 0.35
_HEAD_PX = 3.2

_EYES = np.zeros((_CELLS, _CELLS), bool)
"""Cells of the eyes' openings: the aligned face has the corners of the eyes 128 px apart, 87 px from the top."""
_EYES[4:6, [4, 5, 6, 9, 10, 11]] = True


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of one movement; addresses are '' where there is none.

    Parameters
    ----------
    onset, apex, flow : str
        Data addresses.
    arrows : str
        SVG path over the flow.
    strongest_px : float
        What the longest arrow stands for, px of the 256 px face.
    """

    onset: str
    apex: str
    flow: str
    arrows: str
    strongest_px: float


@dataclass(frozen=True, slots=True)
class Event:
    """A candidate and what is known of it.

    Parameters
    ----------
    movement : FoundMovement
    trial : Trial or None
    status : 'accepted', 'rejected' or ''
    coded : str
        Action units, emotion and comment of the coder.
    pictures : Pictures or None
    """

    movement: FoundMovement
    trial: Trial | None
    status: str
    coded: str
    pictures: Pictures | None

    @property
    def rise_ms(self) -> float:
        """Onset to apex."""
        return 1e3 * (self.movement.apex_s - self.movement.onset_s)

    @property
    def length_ms(self) -> float:
        """Onset to offset."""
        return 1e3 * (self.movement.offset_s - self.movement.onset_s)


def event_rows(analysis: Analysis, trials: Sequence[Trial], review: Review | None, *, faces: bool) -> list[Event]:
    """Every movement in time order; the `MOST_CARDS` of the highest score have pictures."""
    ranked = sorted(analysis.movements, key=lambda m: m.score, reverse=True)
    pictured = {m.number for m in ranked[:MOST_CARDS]}
    return [
        _event(analysis, movement, trials, review, pictured=movement.number in pictured, faces=faces)
        for movement in sorted(analysis.movements, key=lambda m: m.apex_s)
    ]


def _event(
    analysis: Analysis,
    movement: FoundMovement,
    trials: Sequence[Trial],
    review: Review | None,
    *,
    pictured: bool,
    faces: bool,
) -> Event:
    row = None if review is None else review.decided.get(movement.number)
    said = () if row is None else (row.action_units, row.label, row.comment)
    return Event(
        movement=movement,
        trial=next((t for t in trials if t.start_s <= movement.apex_s <= t.end_s), None),
        status="" if row is None else ("accepted" if row.counts else "rejected"),
        coded=", ".join(part for part in said if part),
        pictures=_pictures(analysis, movement.number, faces=faces) if pictured else None,
    )


def _pictures(analysis: Analysis, number: int, *, faces: bool) -> Pictures | None:
    onset = face_uri(analysis.picture(number, "onset")) if faces else None
    apex = face_uri(analysis.picture(number, "apex")) if faces else None
    flow = read_flow(analysis.flow(number))
    if flow is None:
        return Pictures(onset or "", apex or "", "", "", 0.0) if onset or apex else None
    face = read_face(analysis.picture(number, "apex")) if faces else None
    arrows, strongest_px = flow_arrows(flow)
    return Pictures(onset or "", apex or "", flow_uri(flow, face, strongest_px), arrows, strongest_px)


def flow_arrows(flow: Float32) -> tuple[str, float]:
    """Arrows of a flow field over a picture of `SIDE_PX`, and how far the strongest moves, in px of the field.

    The field is averaged in 16 x 16 cells; cells with less than a third of the strongest have no arrow. The openings of
    the eyes do not count as the strongest, since a blink would hide all else, and no arrow is longer than its.
    """
    height, width = (size // _CELLS for size in flow.shape[:2])
    cells = flow[: height * _CELLS, : width * _CELLS].reshape(_CELLS, height, _CELLS, width, 2).mean(axis=(1, 3))
    size = np.linalg.norm(cells, axis=2)
    strongest = float(size[~_EYES].max())
    if strongest <= 0:
        return "", 0.0
    step = SIDE_PX / _CELLS
    parts = []
    for row, column in np.argwhere(size > _SHOWN_SHARE * strongest):
        dx, dy = _LONGEST_PX * cells[row, column] / max(strongest, float(size[row, column]))
        parts.append(_arrow((column + 0.5) * step - dx / 2, (row + 0.5) * step - dy / 2, float(dx), float(dy)))
    return "".join(parts), strongest


def _arrow(x: float, y: float, dx: float, dy: float) -> str:
    length = float(np.hypot(dx, dy))
    ux, uy = dx / length, dy / length
    tip_x, tip_y = x + dx, y + dy
    wings = [(tip_x - _HEAD_PX * (ux + s * uy), tip_y - _HEAD_PX * (uy - s * ux)) for s in (0.6, -0.6)]
    (ax, ay), (bx, by) = wings
    return f"M{x:.1f} {y:.1f}L{tip_x:.1f} {tip_y:.1f}M{ax:.1f} {ay:.1f}L{tip_x:.1f} {tip_y:.1f}L{bx:.1f} {by:.1f}"
