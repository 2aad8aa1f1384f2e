"""Portraits: a small picture of one face with some of what is around it, every other face in it covered.

All pictures of people come from here, so that a candidate, a watchlist's photograph and a decoy look alike.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from houselights.faces import Canvas, Detectors, overlap
from houselights.frame import Frame
from houselights.gallery import still
from houselights.types import Float32, Float64, UInt8

SIDE = 240  # pixels: the largest side of a portrait
AROUND = 2.0  # sides of the face that it shows
GROWN = 1.4  # a covered face is covered with its hair and chin
SAME = 0.5  # from this overlap on a detected box is the face itself
COVER = (112, 112, 112)
STILL: Canvas = (960, 960)  # one canvas for photographs of all shapes
CLOSE: Canvas = (2 * SIDE, 2 * SIDE)  # each portrait is looked at again, at twice its size
QUALITY = 85


@dataclass(frozen=True, slots=True)
class Portrait:
    """One face with some of what is around it."""

    jpeg: bytes
    """Without any metadata."""
    covered: int
    """Other faces that were covered in it."""


class Cutter:
    """Cuts portraits out of frames. Detectors stay compiled, one for each canvas."""

    def __init__(self, detector_path: Path) -> None:
        """Nothing is loaded yet."""
        self._detectors = Detectors(detector_path)

    def load(self) -> None:
        """Load the detector now, for who wants to know that it can be before anything is read.

        Raises:
            ModelError: it cannot be loaded.
        """
        self._detectors.on(CLOSE)

    def cut(self, frame: Frame, own: Float32, shape: Canvas = STILL) -> Iterator[Portrait]:
        """A portrait for each box of `own` (n, 4), in upright pixels of one frame.

        Faces to cover are looked for in the frame, on a canvas of this shape, and once more in each portrait.

        Raises:
            ModelError: the detector cannot be loaded.
        """
        found = self._detectors.on(shape).detect(frame).boxes
        ready = frame.planar()
        for box in own:
            onto, side = window(box, frame.size)
            patch = ready.patch(onto, side)
            face = laid(box[None], onto)[0]
            covered = cover(patch, laid(found, onto), face)
            covered += cover(patch, self._missed(patch, face), face)
            yield Portrait(_jpeg(patch), covered)

    def _missed(self, patch: UInt8, face: Float32) -> Float32:
        """Boxes (n, 4) of faces too small to be found in the whole frame.

        So near, the detector sees hair and chin of the shown head as faces too: what lies half in its box is left out.
        """
        boxes = self._detectors.on(CLOSE).detect(still(patch)).boxes
        union = overlap(boxes, face[None])[:, 0]
        areas, own = boxes[:, 2:].prod(axis=-1), face[2:].prod()
        shared = union * (areas + own) / (1 + union)
        beside: Float32 = boxes[shared < SAME * np.minimum(areas, own)]
        return beside


def window(box: Float32, size: tuple[int, int]) -> tuple[Float64, int]:
    """The square around a face (4,): (2, 3) from upright pixels onto the portrait, and the portrait's side in pixels.

    It is moved into the frame and made smaller where the frame ends, but always holds the face.
    """
    frame = np.array(size, np.float64)
    low = np.clip(box[:2].astype(np.float64), 0, frame - 1)
    high = np.clip((box[:2] + box[2:]).astype(np.float64), low + 1, frame)
    longest = float((high - low).max())
    across = max(min(AROUND * longest, float(frame.min())), longest)
    corner = np.clip((low + high - across) / 2, 0, np.maximum(frame - across, 0))
    side = max(1, min(SIDE, round(across)))
    scale = side / across
    shift = scale * (0.5 - corner) - 0.5  # centres of pixels, not their corners, are laid on each other
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64), side


def laid(boxes: Float32, onto: Float64) -> Float32:
    """Boxes (n, 4) of the frame in pixels of the portrait."""
    scale = onto[0, 0]
    corners = boxes[:, :2] * scale + (onto[:, 2] + 0.5 - 0.5 * scale)
    return np.hstack([corners, boxes[:, 2:] * scale]).astype(np.float32)


def cover(patch: UInt8, boxes: Float32, face: Float32) -> int:
    """Fill every box (n, 4) but the face's own with one colour, grown, in place; how many were filled.

    The pixels of the face's own box (4,) stay as they are.
    """
    others = boxes[overlap(boxes, face[None])[:, 0] < SAME]
    kept = patch.copy()
    covered = 0
    for box in others:
        middle, sides = box[:2] + box[2:] / 2, box[2:] * GROWN
        area = inside(np.concatenate([middle - sides / 2, sides]), patch)
        covered += patch[area].size > 0
        patch[area] = COVER
    own = inside(face, patch)
    patch[own] = kept[own]
    return covered


def inside(box: Float32, patch: UInt8) -> tuple[slice, slice]:
    """The rows and columns of a picture that a box (4,) touches."""
    rows, columns = patch.shape[:2]
    low = np.clip(np.floor(box[:2]), 0, [columns, rows]).astype(int)
    high = np.clip(np.ceil(box[:2] + box[2:]), low, [columns, rows]).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _jpeg(patch: UInt8) -> bytes:
    file = io.BytesIO()
    Image.fromarray(patch).save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()
