"""Tracking: how well tracks follow faces, against known truth.

Everything here counts first and divides last, so that counts of several events can be added. Nothing of the way itself
is used: the ruler must not bend with what it measures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from houselights.errors import SettingsError
from houselights.types import Float32, Float64

OVERLAP = 0.3
"""Intersection over union from which a box counts as on a face. The usual 0.5 is for bodies, of which everybody draws
the same box: a truth box follows the head as it turns, a detector's takes in forehead and chin by its own habit."""
VISIBLE = 0.5
TURN = 0.7
HEIGHT = 20.0
"""A face that is less visible, turned further aside (1 is a profile) or lower in pixels is not asked for."""
_HELD = 1000.0  # more than any sum of overlaps in a frame: a link that still holds is never given up for a better one


class TrueFace(Protocol):
    """A face as the truth of an event has it."""

    @property
    def person(self) -> str:
        """Whose it is."""

    @property
    def walk(self) -> int:
        """Which time that the person is in the picture: to come back is to be somebody new for a tracker."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width, height in pixels."""

    @property
    def visible(self) -> float:
        """0 to 1."""

    @property
    def turn(self) -> float:
        """0 frontal to 1 profile."""


class TrueFrame(Protocol):
    """All faces of a frame as the truth has them."""

    @property
    def ticks(self) -> int:
        """When."""

    @property
    def faces(self) -> Sequence[TrueFace]:
        """The hidden ones too."""


class Trail(Protocol):
    """What a tracker made of one face."""

    @property
    def number(self) -> int:
        """Unique among the tracks of a footage."""

    @property
    def ticks(self) -> NDArray[np.int64]:
        """(n,) when it was seen."""

    @property
    def boxes(self) -> Float32:
        """(n, 4) where."""


@dataclass(frozen=True, slots=True)
class TrackingScores:
    """Counts of faces in frames, over one event or several."""

    frames: int
    truth_faces: int
    """Faces that were asked for."""
    misses: int
    """Of these, those that no track was on."""
    false_faces: int
    """Boxes of tracks that were on no face; boxes on faces that were not asked for count nowhere."""
    switches: int
    """How often a face that was followed came under another track."""
    fragments: int
    """How often a face was lost and found again, under whichever track."""
    kept: int
    """Faces under the one track that stands for their person's walk (IDTP)."""

    @property
    def mota(self) -> float:
        """1 without any error, below 0 with more errors than faces (CLEAR MOT, Bernardin and Stiefelhagen 2008)."""
        return 1 - (self.misses + self.false_faces + self.switches) / max(1, self.truth_faces)

    @property
    def idf1(self) -> float:
        """0 to 1: the share of faces and boxes under the right identity from beginning to end (Ristani et al. 2016)."""
        boxes = self.truth_faces - self.misses + self.false_faces
        return 2 * self.kept / max(1, self.truth_faces + boxes)


def pooled(scores: Iterable[TrackingScores]) -> TrackingScores:
    """The counts of several events together, as of one long event."""
    return TrackingScores(*(int(count) for count in np.sum([astuple(each) for each in scores], axis=0)))


def tracking(frames: Sequence[TrueFrame], tracks: Iterable[Trail]) -> TrackingScores:
    """How tracks follow the faces of those frames that were analysed; the others are to be left out of `frames`.

    Raises SettingsError when a track saw something at a time that none of the frames has.
    """
    scenes = _scenes(frames, tracks)
    return _clear([_asked_for(scene) for scene in scenes])


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """One frame: who is there, which tracks are, and how far their boxes overlap."""

    people: NDArray[np.int64]
    asked: NDArray[np.bool_]
    numbers: NDArray[np.int64]
    overlaps: Float64
    """(people, tracks), 0 where too small to count."""


def _scenes(frames: Sequence[TrueFrame], tracks: Iterable[Trail]) -> list[_Scene]:
    found: dict[int, list[tuple[int, Float32]]] = {frame.ticks: [] for frame in frames}
    for track in tracks:
        for ticks, box in zip(track.ticks.tolist(), track.boxes, strict=True):
            if ticks not in found:
                message = f"track {track.number} has a face at {ticks} ticks, where the truth has no frame"
                raise SettingsError(message, hint="compare tracks with the truth of the same event, frame for frame")
            found[ticks].append((track.number, box))
    people: dict[tuple[str, int], int] = {}
    scenes = []
    for frame in frames:
        known = [people.setdefault((face.person, face.walk), len(people)) for face in frame.faces]
        asked = [f.visible >= VISIBLE and f.turn <= TURN and f.box[3] >= HEIGHT for f in frame.faces]
        numbers = [number for number, _ in found[frame.ticks]]
        overlaps = _overlaps([face.box for face in frame.faces], [box for _, box in found[frame.ticks]])
        scenes.append(_Scene(np.array(known, int), np.array(asked, bool), np.array(numbers, int), overlaps))
    return scenes


def _overlaps(boxes: ArrayLike, others: ArrayLike) -> Float64:
    """(n, m) intersection over union, 0 below OVERLAP."""
    one, other = (np.asarray(each, np.float64).reshape(-1, 4) for each in (boxes, others))
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum((one[:, :2] + one[:, 2:])[:, None], (other[:, :2] + other[:, 2:])[None])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    union = one[:, 2:].prod(axis=-1)[:, None] + other[:, 2:].prod(axis=-1)[None] - shared
    share = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return np.where(share >= OVERLAP, share, 0.0)


def _asked_for(scene: _Scene) -> _Scene:
    """The scene without the faces that are not asked for, and without the boxes that are on them."""
    rows, columns = _assign(scene.overlaps + (scene.overlaps > 0) * scene.asked[:, None])
    excused = columns[~scene.asked[rows]]
    left = np.setdiff1d(np.arange(len(scene.numbers)), excused)
    overlaps = scene.overlaps[np.ix_(scene.asked, left)]
    return _Scene(scene.people[scene.asked], scene.asked[scene.asked], scene.numbers[left], overlaps)


def _assign(worth: Float64) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pairs, one to one, whose worth sums up highest; pairs worth nothing are left out."""
    rows, columns = linear_sum_assignment(worth, maximize=True)
    worthy = worth[rows, columns] > 0
    return rows[worthy], columns[worthy]


def _clear(scenes: list[_Scene]) -> TrackingScores:
    truth_faces = sum(len(scene.people) for scene in scenes)
    boxes = sum(len(scene.numbers) for scene in scenes)
    on, switches, fragments = 0, 0, 0
    held: dict[int, int] = {}  # the track on each person in the frame before
    last: dict[int, int] = {}  # the track that was on each person last
    lost: set[int] = set()
    for scene in scenes:
        still = scene.numbers[None] == np.array([held.get(int(who), -1) for who in scene.people], int)[:, None]
        rows, columns = _assign(scene.overlaps + (scene.overlaps > 0) * still * _HELD)
        held = dict(zip(scene.people[rows].tolist(), scene.numbers[columns].tolist(), strict=True))
        on += len(held)
        switches += sum(last.get(who, number) != number for who, number in held.items())
        fragments += len(lost & set(held))
        last |= held
        lost = (lost | (set(scene.people.tolist()) & set(last))) - set(held)
    kept = _kept(scenes)
    return TrackingScores(len(scenes), truth_faces, truth_faces - on, boxes - on, switches, fragments, kept)


def _kept(scenes: list[_Scene]) -> int:
    """Faces that lie under the right track when every person is given one track, or none, so that these are most."""
    together: dict[tuple[int, int], int] = {}
    for scene in scenes:
        for row, column in np.argwhere(scene.overlaps > 0):
            pair = int(scene.people[row]), int(scene.numbers[column])
            together[pair] = together.get(pair, 0) + 1
    people, numbers = (sorted({pair[side] for pair in together}) for side in (0, 1))
    counts = np.zeros((len(people), len(numbers)))
    for (who, number), count in together.items():
        counts[people.index(who), numbers.index(number)] = count
    return int(counts[linear_sum_assignment(counts, maximize=True)].sum())
