"""Decoys: pairs of photographs whose truth is known. Reviewers get them among candidates and cannot tell them apart.

How often somebody is wrong about decoys is the only thing known about how often they are wrong about candidates.
"""

from __future__ import annotations

import io
import json
import os
from base64 import b64decode, b64encode
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from houselights import models, photograph
from houselights.custody import canonical
from houselights.entry import Entry
from houselights.errors import PhotographError, PolicyError, SettingsError
from houselights.gallery import Portraitist, still
from houselights.quality import measure
from houselights.record import Record
from houselights.transparency import Rate, rate
from houselights.types import Float32, UInt8

KIND, ANSWERED = "decoy", "decoy-answer"
SIDE = 240  # pixels, as pictures of candidates
AROUND = 2.0
QUALITY = 85
RIGHT = {True: "same-person", False: "different"}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures that somebody compares, and what may be said of them: nothing about where they come from."""

    number: str
    """32 hexadecimal digits. A reviewer never sees it."""
    reference: bytes
    """JPEG."""
    shot: bytes
    """JPEG."""
    height: int
    """Of the face in the shot, in pixels of the footage."""
    quality: float
    """Of the shot, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Decoy:
    """A pair whose truth is known."""

    pair: Pair
    same: bool
    """Whether both pictures show one person."""


def add_decoy(record: Record, reference: Path, shot: Path, *, same: bool) -> str:
    """Seal two photographs as a decoy, under a key of its own; its number.

    Raises:
        PhotographError: one of them cannot be read, or does not show exactly one face.
        ModelError: there is no detector to find the faces with.
    """
    portraitist = Portraitist(models.path_of(models.default("detector")))
    first, _, _ = _face(reference, portraitist)
    second, height, quality = _face(shot, portraitist)
    number = os.urandom(16).hex()
    told = {
        "reference": b64encode(first).decode(),
        "shot": b64encode(second).decode(),
        "height": height,
        "quality": repr(quality),
        "same": same,
    }
    record.store.keep(KIND, number, canonical(told), _holder(number))
    return number


def remove(record: Record, number: str) -> None:
    """Destroy a decoy's key, pictures and all. What was decided about it stays in the log, which names no decoy.

    Raises:
        SettingsError: there is no such decoy.
    """
    if not record.store.destroy(_holder(number)):
        raise SettingsError(f"there is no decoy '{number}'", hint="`review decoy` says the number when one is added")


def listed(record: Record) -> list[Decoy]:
    """All decoys."""
    return [_read(number, content) for number, content in record.store.documents(KIND).items()]


def waiting(record: Record, person: str) -> list[Decoy]:
    """The decoys that a reviewer, by pseudonym, has not decided on."""
    answered = record.store.documents(ANSWERED).keys()
    return [each for each in listed(record) if _answer(record, each, person) not in answered]


def answer(record: Record, decoy: Decoy, person: str, decision: str) -> None:
    """Record whether a reviewer, by pseudonym, was right about a decoy; `cannot-tell` is not right.

    Raises:
        PolicyError: they have decided on it.
    """
    use, number = record.use(), _answer(record, decoy, person)
    with use.refusing("review"):
        if record.store.document(ANSWERED, number) is not None:
            raise decided_already()
    holder = _holder(decoy.pair.number)
    record.store.keep(ANSWERED, number, b"", holder)  # first: one pair never counts twice
    use.add("decoy-decided", {"by": person, "right": decision == RIGHT[decoy.same]})


def decided_already() -> PolicyError:
    """The refusal of a second decision by one person; the same for decoys and candidates."""
    msg = "this person has decided on this ticket: another decision is another person's"
    return PolicyError(msg, rule="two-people", hint="`houselights review next --by NAME` gives the next one")


def error_rates(record: Record) -> dict[str, Rate]:
    """How often each reviewer, by pseudonym, was not right about decoys, with the 95 % interval; from the log alone."""
    counts: Counter[tuple[str, bool]] = Counter()
    for content in record.entries():
        if b'"kind":"decoy-decided"' in content:
            facts = Entry.parse(content).facts
            counts[facts["by"], facts["right"]] += 1
    people = sorted({person for person, _ in counts})
    found = {person: rate(counts[person, False], counts[person, False] + counts[person, True]) for person in people}
    return {person: each for person, each in found.items() if each is not None}


def _face(path: Path, portraitist: Portraitist) -> tuple[bytes, int, float]:
    """A JPEG of the one face of a photograph, its height in pixels and its quality."""
    try:
        picture = photograph.read(path)
    except PhotographError as fault:
        raise PhotographError(f"photograph '{path}' {fault.message}", hint=fault.hint) from fault
    frame = still(picture)
    faces = portraitist.faces(frame)
    if len(faces) != 1:
        hint = "cut the photograph to one person, with room around the face"
        raise PhotographError(f"photograph '{path}' shows {len(faces)} faces: a decoy needs one in each", hint=hint)
    return _cut(picture, faces.boxes[0]), round(float(faces.boxes[0, 3])), float(measure(frame, faces).overall[0])


def _cut(picture: UInt8, box: Float32) -> bytes:
    """The face with some of what is around it, moved into the photograph where that ends: as candidates are cut."""
    size = np.array(picture.shape[1::-1], np.float64)
    across = max(1.0, min(AROUND * float(box[2:].max()), float(size.min())))
    corner = np.clip(box[:2] + box[2:] / 2 - across / 2, 0, size - across)
    side = max(1, min(SIDE, round(across)))
    scale = side / across
    shift = scale * (0.5 - corner) - 0.5
    patch = still(picture).patch(np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float64), side)
    file = io.BytesIO()
    Image.fromarray(patch).save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()


def _read(number: str, content: bytes) -> Decoy:
    told = json.loads(content)
    reference, shot = (b64decode(told[name]) for name in ("reference", "shot"))
    return Decoy(Pair(number, reference, shot, told["height"], float(told["quality"])), told["same"])


def _answer(record: Record, decoy: Decoy, person: str) -> str:
    return record.pseudonym("decided", f"{decoy.pair.number}\0{person}")


def _holder(number: str) -> str:
    return f"decoy {number}"
