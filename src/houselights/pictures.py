"""Pictures for people who compare: each candidate's best shot and the reference photograph, every other face covered.

No picture is written anywhere: they are cut out of the footage once more, in memory, after the search.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from houselights import photograph
from houselights.batch import BREAKS, Outcome
from houselights.errors import Error
from houselights.faces import canvas
from houselights.footage import Facts, Footage
from houselights.gallery import Reference, still
from houselights.portrait import STILL, Cutter, Portrait
from houselights.result import Candidate
from houselights.sources import identity

LIMIT = 200  # candidates with pictures: some 5 MB of report


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
    cutter = Cutter(detector_path)
    cutter.load()  # so that a detector that cannot be loaded is known before any footage is read
    digests = {use.path: use.sha256 for use in outcome.result.footage}
    by_footage: dict[str, list[Candidate]] = {}
    for candidate in shown:
        by_footage.setdefault(candidate.footage, []).append(candidate)
    shots: dict[Candidate, Picture] = {}
    for path, those in by_footage.items():
        shots.update(_shots(Path(path), digests.get(path, ""), those, cutter))
    wanted = {candidate.reference for candidate in shown}
    files = {str(each.file): each for subject in outcome.gallery.subjects for each in subject.references}
    shown_by = sorted(wanted & files.keys())
    return Pictures(shots, {name: cut_reference(files[name], cutter, "enrolled") for name in shown_by})


def _shots(path: Path, sha256: str, those: list[Candidate], cutter: Cutter) -> dict[Candidate, Picture]:
    """The best shots out of one file, in one pass."""
    shots: dict[Candidate, Picture] = {}
    lost = "the frame was not found when the file was read again"
    changed = dict.fromkeys(those, Picture(None, reason="the footage was changed after it was searched"))
    try:
        before = identity(path)
        footage = Footage(path)
        if footage.facts.sha256 != sha256:
            return changed
        wanted: dict[int, list[Candidate]] = {}
        for candidate in those:
            for ticks in _ticks(footage.facts, candidate.best_shot.time_s):
                wanted.setdefault(ticks, []).append(candidate)
        shape = STILL if footage.facts.still else canvas(footage.facts.width, footage.facts.height)
        for frame in footage.at(wanted):
            boxes = np.array([each.best_shot.box for each in wanted[frame.ticks]], np.float32)
            shots.update(zip(wanted[frame.ticks], map(_picture, cutter.cut(frame, boxes, shape)), strict=True))
        if identity(path) != before:  # what was hashed may not be what was decoded
            return changed
    except BREAKS as fault:
        lost = f"the footage could not be read again: {_words(fault)}"
    return {candidate: shots.get(candidate, Picture(None, reason=lost)) for candidate in those}


def _ticks(facts: Facts, time_s: float) -> list[int]:
    """Every tick that `Facts.seconds` rounds to this time: one, save where a tick is shorter than a microsecond."""
    half = Fraction(1, 2_000_000)
    time = Fraction(time_s).limit_denominator(1_000_000)
    low, high = (facts.start_ticks + round(end / facts.time_base) for end in (time - half, time + half))
    return [ticks for ticks in range(low, high + 1) if facts.seconds(ticks) == time_s]


def cut_reference(reference: Reference, cutter: Cutter, then: str) -> Picture:
    """The picture of a photograph that was `then` used, cut from the very bytes; or why there is none."""
    if reference.jpeg is not None:
        return Picture(reference.jpeg)
    try:
        content = photograph.contents(reference.file)
        if hashlib.sha256(content).hexdigest() != reference.sha256:
            return Picture(None, reason=f"the photograph was changed after it was {then}")
        return _picture(next(cutter.cut(still(photograph.decode(content)), reference.box[None])))
    except BREAKS as fault:
        return Picture(None, reason=f"the photograph could not be read again: {_words(fault)}")


def _picture(portrait: Portrait) -> Picture:
    return Picture(portrait.jpeg, portrait.covered)


def _words(fault: BaseException) -> str:
    if isinstance(fault, Error):
        return fault.message
    return getattr(fault, "strerror", None) or str(fault) or type(fault).__name__
