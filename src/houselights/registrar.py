"""The registrar: what a watchlist keeps of photographs, a template and a small picture of the face for each."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from houselights import photograph
from houselights.errors import GalleryError
from houselights.faces import Canvas, Detectors, overlap
from houselights.frame import Frame
from houselights.gallery import Enroller, Entry, Portraitist, Reference, Subject, still
from houselights.result import Refusal
from houselights.templates import Recogniser
from houselights.types import Float32, Float64, UInt8

SIDE = 240  # pixels: the largest side of a kept picture
AROUND = 2.0  # sides of the face that it shows
GROWN = 1.4  # another face in it is covered with its hair and chin
SAME = 0.5  # from this overlap on a detected box is the face itself
COVER = (112, 112, 112)
QUALITY = 85
CLOSE: Canvas = (2 * SIDE, 2 * SIDE)  # each picture is looked at again, at twice its size


class Registrar:
    """Takes photographs in with one recogniser. Detectors are compiled when first needed."""

    def __init__(self, detector_path: Path, recogniser: Recogniser) -> None:
        """Nothing is loaded yet."""
        self.recogniser = recogniser.model.sha256
        """SHA-256 of the recogniser: templates of two recognisers cannot be compared."""
        self._enroller = Enroller(detector_path, recogniser)
        self._portraitist, self._detectors = Portraitist(detector_path), Detectors(detector_path)

    def take(self, subject: str, files: Sequence[Path]) -> tuple[Subject, tuple[Refusal, ...]]:
        """The subject, with a template and a small picture for each usable photograph; and the photographs refused.

        Raises:
            GalleryError: no photograph could be used, or one changed meanwhile.
        """
        gallery = self._enroller.enrol([Entry(subject, file) for file in files], [], lambda _done, _all: None)
        (found,) = gallery.subjects
        references = tuple(replace(each, jpeg=self._picture(each)) for each in found.references)
        return replace(found, references=references), (*gallery.refused, *gallery.duplicates)

    def _picture(self, reference: Reference) -> bytes:
        """The face with some of what is around it; other faces that the detector finds in it are covered.

        They are looked for in the photograph, and once more in the picture: so near, smaller ones are found.
        """
        frame = still(photograph.read(reference.file))
        if hashlib.sha256(reference.file.read_bytes()).hexdigest() != reference.sha256:
            raise GalleryError(f"photograph '{reference.file}' changed while it was read", hint="try it again")
        patch, onto = cut(frame, reference.box)
        face = laid(reference.box[None], onto)
        around = laid(self._portraitist.faces(frame).boxes, onto)
        near = self._detectors.on(CLOSE).detect(still(patch)).boxes
        others = np.concatenate([around[overlap(around, face)[:, 0] < SAME], near[_beside(near, face)]])
        file = io.BytesIO()
        Image.fromarray(covered(patch, face[0], others)).save(file, "JPEG", quality=QUALITY, optimize=True)
        return file.getvalue()


def cut(frame: Frame, box: Float32) -> tuple[UInt8, Float64]:
    """A square picture of the face at `box` (4,), at most 240 pixels wide; and (2, 3) from upright pixels onto it.

    The square is moved into the photograph, and is smaller where that ends, but always holds the face.
    """
    size, longest = np.array(frame.size, np.float64), float(box[2:].max())
    across = max(min(AROUND * longest, float(size.min())), longest)
    corner = np.clip(box[:2] + (box[2:] - across) / 2, 0, np.maximum(size - across, 0)).astype(np.float64)
    side = max(1, min(SIDE, round(across)))
    scale = side / across
    shift = scale * (0.5 - corner) - 0.5  # centres of pixels, not their corners, are laid on each other
    onto = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64)
    return frame.patch(onto, side), onto


def laid(boxes: Float32, onto: Float64) -> Float32:
    """Boxes (n, 4) of the photograph in pixels of the picture."""
    scale = onto[0, 0]
    corners = boxes[:, :2] * scale + (onto[:, 2] + 0.5 - 0.5 * scale)
    return np.hstack([corners, boxes[:, 2:] * scale]).astype(np.float32)


def covered(patch: UInt8, face: Float32, others: Float32) -> UInt8:
    """The picture with every box of `others` (n, 4) filled with one colour, and the face's own box (4,) as it was."""
    filled, own = patch.copy(), _area(face, 1.0)
    for other in others:
        filled[_area(other, GROWN)] = COVER
    filled[own] = patch[own]
    return filled


def _beside(boxes: Float32, face: Float32) -> NDArray[np.bool_]:
    """(n,) which boxes are not the face itself: hair and chin of a near head are seen as faces, half in its box."""
    union = overlap(boxes, face)[:, 0]
    areas, own = boxes[:, 2:].prod(axis=-1), face[0, 2:].prod()
    shared = union * (areas + own) / (1 + union)
    return np.asarray(shared < SAME * np.minimum(areas, own), np.bool_)


def _area(box: Float32, grown: float) -> tuple[slice, slice]:
    """The rows and columns of a picture that a box touches, grown about its middle."""
    middle, half = box[:2] + box[2:] / 2, box[2:] * grown / 2
    low = np.maximum(np.floor(middle - half), 0).astype(int)
    high = np.maximum(np.ceil(middle + half), 0).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])
