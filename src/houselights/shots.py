"""Shots: what a camera far away would make of a photographed face, so that tracks can be calibrated without footage.

A shot is made from an aligned face by what footage does to it: fewer pixels, a soft lens, other light, noise, JPEG's
blocks, and points that the detector sets a little off. docs/odds.md compares them with tracks of real films.
"""

from __future__ import annotations

import cv2
import numpy as np

from houselights.faces import SIDE
from houselights.quality import FULL_EYES, Part, Quality, exposure, sharpness
from houselights.types import Float32, UInt8

EYES = (30.0, 18.0, 12.0)
"""Pixels between the eyes at which faces are shown: large, middling and just above the smallest that is used."""
PER_TRACK = 4
_ALIGNED = 35.0  # pixels between the eyes of an aligned face
_EDGE = 16


def shots(face: UInt8, eyes: float, chance: np.random.Generator) -> list[UInt8]:
    """As many shots as a track has, each an aligned face (112, 112, 3) again, seen `eyes` pixels between the eyes."""
    return [_shot(face, eyes, chance) for _ in range(PER_TRACK)]


def _shot(face: UInt8, eyes: float, chance: np.random.Generator) -> UInt8:
    share = min(1.0, eyes / _ALIGNED)
    turn, scale = chance.normal(0, 3), float(np.exp(chance.normal(0, 0.04)))
    moved = np.array(cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), turn, scale), np.float64)
    moved[:, 2] += chance.normal(0, 1.5, 2)
    seen = cv2.warpAffine(face, moved, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    soft = cv2.GaussianBlur(seen, (0, 0), abs(chance.normal(0, 0.4)) / share + 0.01)
    side = max(8, round(SIDE * share))
    small = cv2.resize(soft, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    lit = np.clip(small * chance.uniform(0.7, 1.15) + chance.normal(0, 3, small.shape), 0, 255).astype(np.uint8)
    stored = cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, int(chance.integers(45, 85))])[1]
    decoded = np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), np.uint8)
    large = cv2.resize(decoded, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    back = np.array(cv2.invertAffineTransform(moved), np.float64)
    back[:, 2] += chance.normal(0, 0.4 / share, 2)  # half a pixel of the small face, as far as detectors miss
    return np.asarray(
        cv2.warpAffine(large, back, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8
    )


def quality_of(shot: UInt8, eyes: float, photographed: Float32) -> float:
    """The quality of a shot, 0 to 1: its own pixels and size; pose and detection as those of its photograph (5,)."""
    parts = photographed[None].copy()
    middle = cv2.cvtColor(shot, cv2.COLOR_RGB2GRAY)[_EDGE:-_EDGE, _EDGE:-_EDGE]
    order = list(Part)
    parts[0, order.index(Part.SHARPNESS)] = sharpness(np.ascontiguousarray(middle))
    parts[0, order.index(Part.EXPOSURE)] = exposure(np.ascontiguousarray(middle))
    parts[0, order.index(Part.SIZE)] = min(1.0, eyes / FULL_EYES)
    return float(Quality(parts).overall[0])
