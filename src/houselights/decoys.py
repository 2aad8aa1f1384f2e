"""Decoys: pairs of photographs whose truth is known. Reviewers get them among candidates and cannot tell them apart.

How often somebody is wrong about decoys is the only thing known about how often they are wrong about candidates.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from houselights import models, photograph
from houselights.custody import canonical
from houselights.entry import Entry
from houselights.errors import PhotographError, PolicyError, SettingsError
from houselights.gallery import Portraitist, still
from houselights.portrait import Cutter
from houselights.quality import measure
from houselights.record import Record
from houselights.transparency import Rate, rate

KIND, ANSWERED = "decoy", "decoy-answer"
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
        PhotographError: one of them cannot be read, shows no face, or several of which each could be meant.
        ModelError: there is no detector to find the faces with.
    """
    detector = models.path_of(models.default("detector"))
    portraitist, cutter = Portraitist(detector), Cutter(detector)
    first, _, _ = _face(reference, portraitist, cutter)
    second, height, quality = _face(shot, portraitist, cutter)
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
    """Destroy a decoy's key, pictures and all, after what was decided about it stands in the log.

    Raises:
        SettingsError: there is no such decoy.
        RecordError: what was decided cannot be recorded, so it is not destroyed.
    """
    settle(record)
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
    """Keep whether a reviewer, by pseudonym, was right about a decoy; `cannot-tell` is not right.

    The log has the entry that a first decision on a candidate has; `settle` adds later whether it was right.

    Raises:
        PolicyError: they have decided on it.
    """
    use, number = record.use(), _answer(record, decoy, person)
    with use.refusing("review"):
        if record.store.document(ANSWERED, number) is not None:
            raise decided_already()
    use.add("review-given", {"candidate": decoy.pair.number, "by": person})
    told = {"use": use.number, "by": person, "right": decision == RIGHT[decoy.same]}
    record.store.keep(ANSWERED, number, canonical(told), _holder(decoy.pair.number))


def settle(record: Record) -> None:
    """Put into the log what reviewers answered about decoys, each in the use in which they did; each once.

    Raises:
        RecordError: it cannot be recorded.
    """
    with record.log.locked():
        answered = [json.loads(content) for content in record.store.documents(ANSWERED).values()]
        if not answered:
            return
        stated = {Entry.parse(entry).use for entry in record.entries() if _DECIDED in entry}
        for told in answered:
            if told["use"] not in stated:
                record.use(told["use"]).add("decoy-decided", {"by": told["by"], "right": told["right"]})


def decided_already() -> PolicyError:
    """The refusal of a second decision by one person; the same for decoys and candidates."""
    msg = "this person has decided on this ticket: another decision is another person's"
    return PolicyError(msg, rule="two-people", hint="`houselights review next --by NAME` gives the next one")


def error_rates(record: Record) -> dict[str, Rate]:
    """How often each reviewer, by pseudonym, was not right about decoys, with the 95 % interval; from the log alone.

    Raises:
        RecordError: an answer that does not stand there yet cannot be recorded.
    """
    settle(record)
    counts: Counter[tuple[str, bool]] = Counter()
    for content in record.entries():
        if _DECIDED in content:
            facts = Entry.parse(content).facts
            counts[facts["by"], facts["right"]] += 1
    people = sorted({person for person, _ in counts})
    found = {person: rate(counts[person, False], counts[person, False] + counts[person, True]) for person in people}
    return {person: each for person, each in found.items() if each is not None}


_DECIDED = b'"kind":"decoy-decided"'


def _face(path: Path, portraitist: Portraitist, cutter: Cutter) -> tuple[bytes, int, float]:
    """A JPEG of the face that a photograph is of, cut as candidates are; its height in pixels and its quality."""
    try:
        frame = still(photograph.read(path))
        faces = portraitist.meant(frame)
    except PhotographError as fault:
        raise PhotographError(f"photograph '{path}': {fault.message}", hint=fault.hint) from fault
    portrait = next(cutter.cut(frame, faces.boxes))
    return portrait.jpeg, round(float(faces.boxes[0, 3])), float(measure(frame, faces).overall[0])


def _read(number: str, content: bytes) -> Decoy:
    told = json.loads(content)
    reference, shot = (b64decode(told[name]) for name in ("reference", "shot"))
    return Decoy(Pair(number, reference, shot, told["height"], float(told["quality"])), told["same"])


def _answer(record: Record, decoy: Decoy, person: str) -> str:
    return record.pseudonym("decided", f"{decoy.pair.number}\0{person}")


def _holder(number: str) -> str:
    return f"decoy {number}"
