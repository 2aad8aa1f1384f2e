"""CenterFace: a detector of another family than YuNet, without anchors, for faces that YuNet misses and for checks."""

from __future__ import annotations

import cv2
import numpy as np

from houselights.faces import Canvas, Family
from houselights.runtime import Outputs
from houselights.types import Faces, Float32

STRIDE = 4
SURE = 0.2
"""Its score that is worth as much as YuNet's 0.5: half of a recall that both reach with as many false faces."""
_PEAK = np.ones((3, 3), np.uint8)


def read(outputs: Outputs, canvas: Canvas, lowest: float) -> Faces:
    """Faces from CenterFace's four outputs: a map of centres, and the size, place and points at each centre.

    After Xu et al., CenterFace (arXiv 1911.03599): a face lies at each local maximum of the map; sides are logarithms
    of strides, places are in strides, points are shares of the box. All come in the order down, across.
    Scores are put on YuNet's scale: 0 to SURE becomes 0 to 0.5, the rest the upper half.
    """
    columns, rows = canvas[0] // STRIDE, canvas[1] // STRIDE
    found = outputs[0].reshape(rows, columns)
    centres = np.where(found < SURE, found / SURE / 2, (1 + (found - SURE) / (1 - SURE)) / 2)
    sides, places, points = (each.reshape(-1, rows, columns) for each in outputs[1:])
    row, column = np.nonzero((centres >= lowest) & (centres >= cv2.dilate(centres, _PEAK)))
    down, across = np.exp(sides[:, row, column]) * STRIDE
    top = (row + 0.5 + places[0, row, column]) * STRIDE - down / 2
    left = (column + 0.5 + places[1, row, column]) * STRIDE - across / 2
    shares = points[:, row, column].T.reshape(-1, 5, 2)
    spots = np.stack(
        [left[:, None] + shares[..., 1] * across[:, None], top[:, None] + shares[..., 0] * down[:, None]], -1
    )
    boxes: Float32 = np.stack([left, top, across, down], axis=-1).astype(np.float32)
    return Faces(boxes, spots.astype(np.float32), centres[row, column].astype(np.float32))


CENTERFACE = Family("rgb", read)
