"""Dataset: photographs of known people, each turned into a template, for measuring; what could not be used is named."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from houselights import photograph
from houselights.comparisons import Index, genuine, impostors
from houselights.errors import CalibrationError, PhotographError, SettingsError
from houselights.faces import SIDE, alignment
from houselights.gallery import Entry, Portraitist, entries, still
from houselights.quality import Quality, measure
from houselights.record import Record
from houselights.result import Refusal
from houselights.shots import EYES, PER_TRACK, quality_of, shots
from houselights.templates import Recogniser
from houselights.types import Float32, UInt8
from houselights.words import count

CHUNK = 256  # photographs whose faces are held at a time, and that are done again after a kill
SHOT_PEOPLE = 1200
"""People of whom shots are made, at most: 14 million comparisons of each kind with 4,000 others."""
MOST = 10  # photographs of a person that make genuine pairs
SHOWN = 20
Progress = Callable[[int, int], None]


def enter(record: Record, what: str, folder: Path) -> None:
    """Note in the log, before anything is read, that people are compared to measure the software.

    Raises:
        GalleryError: the folder is not there.
        RecordError: it cannot be recorded, so nothing is done.
    """
    offered, _ = entries(folder, [])
    people = {each.subject for each in offered}
    record.use().add("people-measured", {"what": what, "people": len(people), "photographs": len(offered)})


class Kept(Protocol):
    """Where templates rest, sealed, until all are made."""

    def get(self, number: int) -> bytes | None:
        """A chunk that was put."""

    def put(self, number: int, content: bytes) -> None:
        """Keep a chunk."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Photographs of known people, in memory only."""

    name: str
    """What was read, for outputs."""
    names: tuple[str, ...]
    """The people, sorted."""
    people: Index
    """(n,) whose each photograph is: an index into `names`."""
    files: tuple[Path, ...]
    """(n,)"""
    quality: Float32
    """(n,) 0 to 1, see docs/quality.md."""
    templates: Float32
    """(n, d) unit, made as that of a lone reference photograph."""
    lost: tuple[Refusal, ...]
    """Photographs that gave no template, and why."""
    duplicates: tuple[Refusal, ...]
    """Photographs whose bytes were there already; the reason names the first."""
    left_out: tuple[Refusal, ...] = ()
    """Photographs that a list left out, and its reason."""
    shot_people: Index = field(default_factory=lambda: np.empty(0, np.int64))
    """(k,) of whom shots were made."""
    shot_templates: Float32 = field(default_factory=lambda: np.empty((0, len(EYES), PER_TRACK + 1, 0), np.float32))
    """(k, sizes, 1 + shots, d) first that of the first shot alone, in the mirror as well; then that of each shot"""
    shot_quality: Float32 = field(default_factory=lambda: np.empty((0, len(EYES), PER_TRACK), np.float32))
    """(k, sizes, shots)"""
    usable: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    """(n,) whether a gallery would take each photograph by its quality; empty where that is not known."""

    @property
    def firsts(self) -> Index:
        """(people,) the row of each person's first photograph; people without any are left out."""
        return np.asarray(np.unique(self.people, return_index=True)[1], np.int64)

    def doubtful(self) -> list[tuple[Path, Path, float]]:
        """Photographs of different people that are more alike than half of those of the same person: labels to look at.

        The highest pair of each two people, at most twenty.
        """
        same = genuine(self.templates, self.people, MOST).scores
        if len(same) < SHOWN:
            return []
        found, middle = impostors(self.templates, self.people, 4096), float(np.median(same))
        best: dict[tuple[int, int], tuple[Path, Path, float]] = {}
        for (one, other), score in zip(found.pairs, found.scores, strict=True):
            if score < middle:
                break
            who = (int(min(self.people[one], self.people[other])), int(max(self.people[one], self.people[other])))
            best.setdefault(who, (self.files[one], self.files[other], round(float(score), 3)))
        return list(best.values())[:SHOWN]

    def doubts(self) -> tuple[str, ...]:
        """How many there are, in words.

        Not which: names beside faces are what a search gives, and a search is made in a case.
        """
        found = len(self.doubtful())
        if not found:
            return ()
        pairs = f"{count(found, 'pair')}{' or more' if found == SHOWN else ''} of people"
        return (f"{pairs} may be one person under two names: `houselights lookalikes` names them, in a case",)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a folder is read."""

    middle: bool = False
    """Take the face nearest to the middle, where there are several; else such a photograph is lost."""
    with_shots: bool = False
    leave_out: Mapping[str, str] = field(default_factory=dict)
    """Reasons by file name, or by path below the folder, with or without its ending."""


def read(
    folder: Path,
    detector_path: Path,
    recogniser: Recogniser,
    how: Reading,
    *,
    progress: Progress = lambda _done, _all: None,
    kept: Kept | None = None,
) -> Dataset:
    """A folder of photographs, one folder a person or one photograph a person, as templates.

    What is `kept` of an earlier run is not done again.

    Raises:
        GalleryError: the folder is not there.
        CalibrationError: not one photograph could be used.
    """
    offered, passed_over = entries(folder, [])
    offered, left_out = _without(offered, folder, how.leave_out)
    reader = _Reader(detector_path, recogniser, how.middle, _drawn(offered) if how.with_shots else frozenset())
    chunks = []
    for number, start in enumerate(range(0, len(offered), CHUNK)):
        progress(start, len(offered))
        content = kept.get(number) if kept else None
        chunks.append(_Chunk.parse(content) if content else reader.read(offered[start : start + CHUNK], start))
        if kept and not content:
            kept.put(number, bytes(chunks[-1]))
    progress(len(offered), len(offered))
    return _joined(folder.resolve().name, offered, chunks, passed_over, left_out)


def _without(offered: Sequence[Entry], folder: Path, leave_out: Mapping[str, str]) -> tuple[list[Entry], list[Refusal]]:
    """What a list does not name, and what it does with its reasons."""
    called: dict[str, list[Entry]] = {}
    for each in offered:
        path = each.file.relative_to(folder)
        for name in {path.name, path.stem, str(path), str(path.with_suffix(""))}:
            called.setdefault(name, []).append(each)
    reasons: dict[Path, str] = {}
    for name, reason in leave_out.items():
        found = called.get(name, [])
        if len(found) != 1:
            msg = f"'{name}', to be left out, stands for {count(len(found), 'photograph')} of '{folder}', expected one"
            raise SettingsError(msg, hint="name it by its path below that folder")
        reasons[found[0].file] = reason
    left_out = [Refusal(str(each.file), reasons[each.file]) for each in offered if each.file in reasons]
    return [each for each in offered if each.file not in reasons], left_out


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """What was made of some photographs; places are those among all that were offered."""

    places: Index
    hashes: NDArray[np.str_]
    quality: Float32
    usable: NDArray[np.bool_]
    templates: Float32
    shot_places: Index
    shot_templates: Float32
    shot_quality: Float32
    lost: Index
    reasons: NDArray[np.str_]

    def __bytes__(self) -> bytes:
        """The form that is sealed."""
        packed = io.BytesIO()
        np.savez(packed, **{each.name: getattr(self, each.name) for each in fields(self)})
        return packed.getvalue()

    @classmethod
    def parse(cls, content: bytes) -> _Chunk:
        """A chunk from that form."""
        with np.load(io.BytesIO(content), allow_pickle=False) as found:
            return cls(**{each.name: found[each.name] for each in fields(cls)})


@dataclass(frozen=True, slots=True, eq=False)
class _Portrait:
    """A face cut out of one photograph."""

    place: int
    sha256: str
    face: UInt8
    quality: Quality


class _Reader:
    """Makes templates of photographs, some hundred at a time."""

    def __init__(self, detector_path: Path, recogniser: Recogniser, middle: bool, drawn: frozenset[int]) -> None:  # noqa: FBT001
        self._portraitist = Portraitist(detector_path)
        self._recogniser, self._middle, self._drawn = recogniser, middle, drawn

    def read(self, offered: Sequence[Entry], first: int) -> _Chunk:
        """What some photographs give; the first of them stands at place `first` of all."""
        portraits, lost = [], []
        for place, entry in enumerate(offered, first):
            try:
                portraits.append(self._portrait(entry.file, place))
            except PhotographError as fault:
                lost.append((place, fault.message))
        drawn = [each for each in portraits if each.place in self._drawn]
        made = [_shots_of(each) for each in drawn]
        dimensions = self._recogniser.dimensions
        return _Chunk(
            places=np.array([each.place for each in portraits], np.int64),
            hashes=np.array([each.sha256 for each in portraits], np.str_),
            quality=np.array([each.quality.overall[0] for each in portraits], np.float32),
            usable=np.array([each.quality.usable[0] for each in portraits], np.bool_),
            templates=self._recogniser.embed_alone([each.face for each in portraits]),
            shot_places=np.array([each.place for each in drawn], np.int64),
            shot_templates=self._shot_templates([each for each, _ in made]).reshape(
                -1, len(EYES), PER_TRACK + 1, dimensions
            ),
            shot_quality=np.array([each for _, each in made], np.float32).reshape(-1, len(EYES), PER_TRACK),
            lost=np.array([place for place, _ in lost], np.int64),
            reasons=np.array([reason for _, reason in lost], np.str_),
        )

    def _portrait(self, file: Path, place: int) -> _Portrait:
        content = photograph.contents(file)
        frame = still(photograph.decode(content))
        faces = self._portraitist.middle(frame) if self._middle else self._portraitist.meant(frame)
        face = frame.patch(alignment(faces.points)[0], SIDE)
        return _Portrait(place, hashlib.sha256(content).hexdigest(), face, measure(frame, faces))

    def _shot_templates(self, made: Sequence[Sequence[Sequence[UInt8]]]) -> Float32:
        """(k, sizes, 1 + shots, d) of shots (k, sizes, shots)."""
        flat = [shot for sizes in made for each in sizes for shot in each]
        alone = self._recogniser.embed_alone(flat[::PER_TRACK])[:, None]
        each = self._recogniser.embed(flat).reshape(len(alone), PER_TRACK, self._recogniser.dimensions)
        return np.concatenate([alone, each], axis=1)


def _shots_of(portrait: _Portrait) -> tuple[list[list[UInt8]], list[list[float]]]:
    """Shots of one face at each size, always the same for the same photograph; and their qualities."""
    chance = np.random.default_rng(int(portrait.sha256[:16], 16))
    made = [shots(portrait.face, eyes, chance) for eyes in EYES]
    parts = portrait.quality.parts[0]
    return made, [[quality_of(shot, eyes, parts) for shot in each] for eyes, each in zip(EYES, made, strict=True)]


def _drawn(offered: Sequence[Entry]) -> frozenset[int]:
    """The places of the first photographs of those people of whom shots are made: drawn by their names' hashes."""
    firsts: dict[str, int] = {}
    for place, entry in enumerate(offered):
        firsts.setdefault(entry.subject, place)
    shuffled = sorted(firsts, key=lambda name: hashlib.sha256(name.encode()).digest())
    return frozenset(firsts[name] for name in shuffled[:SHOT_PEOPLE])


def _joined(
    name: str, offered: Sequence[Entry], chunks: Sequence[_Chunk], passed_over: list[Refusal], left_out: list[Refusal]
) -> Dataset:
    if not any(len(chunk.places) for chunk in chunks):
        raise CalibrationError(
            f"'{name}' has no photograph that can be used",
            hint="one folder a person with photographs in it, or one photograph a person",
        )
    whole = _Chunk(*(np.concatenate([getattr(each, column.name) for each in chunks]) for column in fields(_Chunk)))
    first: dict[str, int] = {}
    fresh = np.array(
        [
            first.setdefault(sha256, place) == place
            for sha256, place in zip(whole.hashes.tolist(), whole.places.tolist(), strict=True)
        ],
        bool,
    )
    again = [
        Refusal(str(offered[place].file), f"the same photograph as '{offered[first[sha256]].file}'")
        for sha256, place in zip(whole.hashes[~fresh].tolist(), whole.places[~fresh].tolist(), strict=True)
    ]
    kept = whole.places[fresh]
    names = sorted({offered[place].subject for place in kept})
    number = {each: index for index, each in enumerate(names)}
    shown = np.isin(whole.shot_places, kept)
    return Dataset(
        name=name,
        names=tuple(names),
        people=np.array([number[offered[place].subject] for place in kept], np.int64),
        files=tuple(offered[place].file for place in kept),
        quality=whole.quality[fresh],
        usable=whole.usable[fresh],
        templates=whole.templates[fresh],
        lost=(
            *passed_over,
            *(Refusal(str(offered[at].file), str(why)) for at, why in zip(whole.lost, whole.reasons, strict=True)),
        ),
        duplicates=tuple(again),
        left_out=tuple(left_out),
        shot_people=np.array([number[offered[place].subject] for place in whole.shot_places[shown]], np.int64),
        shot_templates=whole.shot_templates[shown],
        shot_quality=whole.shot_quality[shown],
    )
