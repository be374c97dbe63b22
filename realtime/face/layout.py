"""Where things lie on a face: measures of the canonical crop, and the mesh points around which regions are drawn.

No OpenCV: a screen that draws the regions takes them from here, too. Left and right are the person's own: `brow_left`
is on the right side of an unmirrored picture.
"""

from __future__ import annotations

CROP_PX = 256
EYE_SPAN_PX = 128.0
"""Between the outer eye corners."""

EYE_LINE_PX = 87.0

REGIONS = (
    "brow_left",
    "brow_right",
    "eye_left",
    "eye_right",
    "nose_left",
    "nose_right",
    "mouth_left",
    "mouth_right",
    "mouth",
    "chin",
)

HULLS = {
    "brow_left": (300, 293, 334, 296, 336, 276, 283, 282, 295, 285),
    "brow_right": (70, 63, 105, 66, 107, 46, 53, 52, 65, 55),
    "eye_left": (342, 445, 444, 443, 442, 441, 413, 464, 453, 452, 451, 450, 449, 448, 261, 446),
    "eye_right": (113, 225, 224, 223, 222, 221, 189, 244, 233, 232, 231, 230, 229, 228, 31, 226),
    "nose_left": (278, 294, 327, 358, 423, 355, 371, 266),
    "nose_right": (48, 64, 98, 129, 203, 126, 142, 36),
    "mouth": (0, 37, 39, 40, 267, 269, 270, 17, 84, 314, 91, 321),
    "chin": (200, 32, 262, 148, 377, 152, 176, 400, 208, 428),
}
"""A region is the hull of these, grown by `MARGIN_PX`."""

MARGIN_PX = 5
CORNERS = {"mouth_left": 291, "mouth_right": 61}
"""A region is a disc around one of these."""

CORNER_RADIUS_PX = 0.13 * EYE_SPAN_PX
APERTURES = {
    "eye_left": (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    "eye_right": (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
}
"""Between the lids: left out of every region."""
