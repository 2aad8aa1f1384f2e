"""Pictures for people who compare: each candidate's best shot and the reference photograph, every other face covered.

No picture is written anywhere: they are cut out of the footage once more, in memory, after the search.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from houselights import photograph
from houselights.batch import BREAKS, Outcome
from houselights.errors import Error
from houselights.faces import Canvas, Detectors, canvas, overlap
from houselights.footage import Facts, Footage
from houselights.frame import Frame
from houselights.gallery import Reference, still
from houselights.result import Candidate
from houselights.types import Float32, Float64, UInt8

LIMIT = 200  # candidates with pictures: some 5 MB of report
SIDE = 240  # pixels: the largest side of a picture
AROUND = 2.0  # sides of the face that a picture shows
GROWN = 1.4  # a covered face is covered with its hair and chin
SAME = 0.5  # from this overlap on a detected box is the face itself
COVER = (112, 112, 112)
STILL: Canvas = (960, 960)  # one canvas for photographs of all shapes
CLOSE: Canvas = (2 * SIDE, 2 * SIDE)  # each picture is looked at again, at twice its size
QUALITY = 85


@dataclass(frozen=True, slots=True)
class Picture:
    """One face with some of what is around it, or the reason why there is none."""

    jpeg: bytes | None
    """Without any metadata."""
    covered: int = 0
    """Other faces that were covered in it."""
    reason: str | None = None
    """Why there is no picture; None where there is one."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the report shows of people: candidates and the photographs they were compared with, nobody else."""

    shots: Mapping[Candidate, Picture]
    """The best shot of each candidate; of the candidates with the highest scores where there are many."""
    references: Mapping[str, Picture]
    """By the photograph's path, as `Candidate.reference` has it."""


def candidate_pictures(outcome: Outcome, detector_path: Path, *, limit: int = LIMIT) -> Pictures:
    """The best shot and the reference photograph of each of the `limit` candidates with the highest scores.

    What cannot be read again, or was changed since it was searched, has a reason in place of a picture.

    Raises:
        ModelError: the detector, which finds the faces to cover, cannot be loaded.
    """
    shown = outcome.result.candidates[:limit]
    if not shown:
        return Pictures({}, {})
    cutter = _Cutter(detector_path)
    digests = {use.path: use.sha256 for use in outcome.result.footage}
    by_footage: dict[str, list[Candidate]] = {}
    for candidate in shown:
        by_footage.setdefault(candidate.footage, []).append(candidate)
    shots: dict[Candidate, Picture] = {}
    for path, those in by_footage.items():
        shots.update(_shots(Path(path), digests.get(path, ""), those, cutter))
    wanted = {candidate.reference for candidate in shown}
    files = {str(each.file): each for subject in outcome.gallery.subjects for each in subject.references}
    return Pictures(shots, {name: _reference(files[name], cutter) for name in sorted(wanted & files.keys())})


def _shots(path: Path, sha256: str, those: list[Candidate], cutter: _Cutter) -> dict[Candidate, Picture]:
    """The best shots out of one file, in one pass."""
    shots: dict[Candidate, Picture] = {}
    lost = "the frame was not found when the file was read again"
    try:
        footage = Footage(path)
        if footage.facts.sha256 != sha256:
            return dict.fromkeys(those, Picture(None, reason="the footage was changed after it was searched"))
        wanted: dict[int, list[Candidate]] = {}
        for candidate in those:
            for ticks in _ticks(footage.facts, candidate.best_shot.time_s):
                wanted.setdefault(ticks, []).append(candidate)
        shape = STILL if footage.facts.still else canvas(footage.facts.width, footage.facts.height)
        for frame in footage.at(wanted):
            boxes = np.array([each.best_shot.box for each in wanted[frame.ticks]], np.float32)
            shots.update(zip(wanted[frame.ticks], cutter.cut(frame, boxes, shape), strict=True))
    except BREAKS as fault:
        lost = f"the footage could not be read again: {_words(fault)}"
    return {candidate: shots.get(candidate, Picture(None, reason=lost)) for candidate in those}


def _ticks(facts: Facts, time_s: float) -> list[int]:
    """Every tick that `Facts.seconds` rounds to this time: one, save where a tick is shorter than a microsecond."""
    half = Fraction(1, 2_000_000)
    time = Fraction(time_s).limit_denominator(1_000_000)
    low, high = (facts.start_ticks + round(end / facts.time_base) for end in (time - half, time + half))
    return [ticks for ticks in range(low, high + 1) if facts.seconds(ticks) == time_s]


def _reference(reference: Reference, cutter: _Cutter) -> Picture:
    if reference.jpeg is not None:
        return Picture(reference.jpeg)
    try:
        if hashlib.sha256(reference.file.read_bytes()).hexdigest() != reference.sha256:
            return Picture(None, reason="the photograph was changed after it was enrolled")
        frame = still(photograph.read(reference.file))
        return next(cutter.cut(frame, reference.box[None], STILL))
    except BREAKS as fault:
        return Picture(None, reason=f"the photograph could not be read again: {_words(fault)}")


def _words(fault: BaseException) -> str:
    if isinstance(fault, Error):
        return fault.message
    return getattr(fault, "strerror", None) or str(fault) or type(fault).__name__


class _Cutter:
    """Cuts faces out of frames. Detectors stay compiled, one for each canvas."""

    def __init__(self, detector_path: Path) -> None:
        self._detectors = Detectors(detector_path)
        self._detectors.on(CLOSE)  # so that a detector that cannot be loaded is known before any footage is read

    def cut(self, frame: Frame, own: Float32, shape: Canvas) -> Iterator[Picture]:
        """A picture for each box of `own` (n, 4) in one frame."""
        found = self._detectors.on(shape).detect(frame).boxes
        ready = frame.planar()
        for box in own:
            onto, side = _window(box, frame.size)
            patch = ready.patch(onto, side)
            face = _laid(box[None], onto)[0]
            covered = _cover(patch, _laid(found, onto), face)
            covered += _cover(patch, self._missed(patch, face), face)
            yield Picture(_jpeg(patch), covered)

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


def _window(box: Float32, size: tuple[int, int]) -> tuple[Float64, int]:
    """The square around a face: (2, 3) from upright pixels onto the picture, and the picture's side.

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


def _laid(boxes: Float32, onto: Float64) -> Float32:
    """Boxes (n, 4) of the frame in pixels of the picture."""
    scale = onto[0, 0]
    corners = boxes[:, :2] * scale + (onto[:, 2] + 0.5 - 0.5 * scale)
    return np.hstack([corners, boxes[:, 2:] * scale]).astype(np.float32)


def _cover(patch: UInt8, boxes: Float32, face: Float32) -> int:
    """Fill every box but the face's own with one colour, grown, and leave the face's own box; how many were filled."""
    others = boxes[overlap(boxes, face[None])[:, 0] < SAME]
    kept = patch.copy()
    covered = 0
    for box in others:
        middle, sides = box[:2] + box[2:] / 2, box[2:] * GROWN
        area = _inside(np.concatenate([middle - sides / 2, sides]), patch)
        covered += patch[area].size > 0
        patch[area] = COVER
    own = _inside(face, patch)
    patch[own] = kept[own]
    return covered


def _inside(box: Float32, patch: UInt8) -> tuple[slice, slice]:
    """The rows and columns of a picture that a box touches."""
    rows, columns = patch.shape[:2]
    low = np.clip(np.floor(box[:2]), 0, [columns, rows]).astype(int)
    high = np.clip(np.ceil(box[:2] + box[2:]), low, [columns, rows]).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def _jpeg(patch: UInt8) -> bytes:
    file = io.BytesIO()
    Image.fromarray(patch).save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()
