"""Quality: how much a picture of a face can carry, in five named parts of 0 to 1 after the terms of ISO/IEC 29794-5.

Every part is computed from pixels and points alone; nothing is learned, so each number can be explained.
docs/quality.md says what each part means and how its bounds were chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np

from houselights.faces import SCORE, SIDE, alignment
from houselights.frame import Frame
from houselights.types import Faces, Float32, Float64, UInt8


class Part(StrEnum):
    """The parts of a quality, in the order of the columns."""

    SHARPNESS = "sharpness"
    SIZE = "inter-eye distance"
    POSE = "pose"
    EXPOSURE = "exposure"
    DETECTION = "detector score"


FLOORS = np.array([0.10, 0.25, 0.15, 0.15, 0.60], np.float32)  # below any one of them a face is not used
FULL_EYES = 40.0  # pixels between the eyes from which more do not help: an aligned face has 35
SHARP = 0.14  # mean edge strength over contrast at which a face counts as sharp
_ROUNDING = 3  # grey levels of edge strength that come from rounding: an even slope has them too
_EDGE = 16  # pixels at the edge of an aligned face that show background


@dataclass(frozen=True, slots=True)
class Quality:
    """The qualities of some faces."""

    parts: Float32
    """(n, 5) each 0 to 1, columns in the order of Part."""

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def overall(self) -> Float32:
        """(n,) the geometric mean of the parts: one bad part cannot be made up for by four good ones."""
        return np.asarray(np.exp(np.log(np.maximum(self.parts, 1e-6)).mean(axis=1)), np.float32)

    @property
    def usable(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(n,) whether every part reaches its floor."""
        return np.asarray((self.parts >= FLOORS).all(axis=1))

    def reason(self, which: int) -> str:
        """What is wrong with one face, worst part first, in words; empty where it is usable."""
        low = [
            (float(value / floor), f"{part.value} {value:.2f} is below {floor:.2f}")
            for part, value, floor in zip(Part, self.parts[which], FLOORS, strict=True)
            if value < floor
        ]
        return "; ".join(words for _, words in sorted(low))


def measure(frame: Frame, faces: Faces) -> Quality:
    """The quality of each face of a frame.

    The pixels of a face that size, pose or detector score rule out are not looked at: its sharpness and exposure are
    given as their floors.
    """
    parts = np.tile(FLOORS, (len(faces), 1))
    parts[:, 1] = size(faces.points)
    parts[:, 2] = pose(faces.points)
    parts[:, 4] = np.clip((faces.scores - SCORE + 0.1) / (0.9 - SCORE + 0.1), 0, 1)
    looked_at = np.flatnonzero((parts >= FLOORS).all(axis=1))
    onto = alignment(faces.points[looked_at])
    onto[:, :, 2] -= _EDGE
    for row, each in zip(looked_at, onto, strict=True):
        patch = frame.luma_patch(each, SIDE - 2 * _EDGE)
        parts[row, 0], parts[row, 3] = sharpness(patch), exposure(patch)
    return Quality(parts)


def sharpness(patch: UInt8) -> float:
    """How strong the finest edges of an aligned face's middle are against its contrast: 1 sharp, 0 without any edge."""
    _, contrast = _mean_and_contrast(patch)
    if contrast < 1:
        return 0.0
    edges = cv2.convertScaleAbs(cv2.Laplacian(patch, cv2.CV_16S, ksize=1))
    return min(1.0, cv2.mean(cv2.subtract(edges, np.full_like(edges, _ROUNDING)))[0] / contrast / SHARP)


def exposure(patch: UInt8) -> float:
    """1 for a face that is neither dark nor burnt out nor flat: mean, contrast and the share that is not clipped."""
    middle, contrast = _mean_and_contrast(patch)
    if contrast < 1:
        return 0.0
    kept = cv2.countNonZero(cv2.inRange(patch, 5, 250)) / patch.size
    place = min(1.0, middle / 60, (255 - middle) / 40)
    return max(0.0, place * min(1.0, contrast / 20) * kept)


def _mean_and_contrast(patch: UInt8) -> tuple[float, float]:
    mean, deviation = cv2.meanStdDev(patch)
    return float(mean[0, 0]), float(deviation[0, 0])


def size(points: Float32) -> Float64:
    """(n,) inter-eye distance in source pixels over the 40 from which more do not help."""
    apart = np.linalg.norm((points[:, 1] - points[:, 0]).astype(np.float64), axis=-1)
    return np.asarray(np.clip(apart / FULL_EYES, 0, 1), np.float64)


def pose(points: Float32) -> Float64:
    """(n,) 1 for a frontal face, falling with yaw, pitch and roll as the five points show them.

    Yaw: how far the nose tip leaves the middle between the eyes, in inter-eye distances along the eyes' line.
    Pitch: how far its place between eyes and mouth leaves the frontal 0.52. Roll counts little: alignment undoes it.
    """
    eyes = points[:, 1] - points[:, 0]
    apart = np.maximum(np.linalg.norm(eyes, axis=-1), 1e-6)
    along = eyes / apart[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=-1)
    middle = (points[:, 0] + points[:, 1]) / 2
    nose = points[:, 2] - middle
    mouth = (points[:, 3] + points[:, 4]) / 2 - middle
    yaw = np.abs((nose * along).sum(-1)) / apart
    height = (mouth * across).sum(-1)
    fall = (nose * across).sum(-1) / np.maximum(height, 1e-6)
    pitch = np.abs(np.where(height > 0, fall, 9.0) - 0.52)
    # A turned head brings the eyes together, not eyes and mouth: frontal faces have height / apart near 1.1.
    narrow = np.clip(height / apart - 1.3, 0, None)
    roll = np.abs(np.arctan2(along[:, 1], along[:, 0])) / np.pi
    falls = np.clip(1 - (yaw / 0.6) ** 2, 0, 1) * np.clip(1 - (pitch / 0.5) ** 2, 0, 1) * np.clip(1 - narrow, 0, 1)
    return np.asarray(falls * np.clip(1 - roll / 0.75, 0, 1), np.float64)
