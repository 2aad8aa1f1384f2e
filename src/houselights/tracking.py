"""Tracking: how well tracks follow faces, against known truth.

Everything here counts first and divides last, so that counts of several events can be added. Nothing of the way itself
is used: the ruler must not bend with what it measures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from houselights.errors import SettingsError
from houselights.evaluation import Chart, Evaluation, Figure, Series, Table
from houselights.interval import draws, interval, spread
from houselights.truth import Face, Frame
from houselights.types import Float32, Float64

LARGEST = 1e6  # pixels: no picture has more on a side


@dataclass(frozen=True, slots=True)
class Rule:
    """Which faces are asked for, and how near a box must be to one."""

    overlap: float = 0.3
    """Intersection over union from which a box counts as on a face. The usual 0.5 is for bodies, of which everybody
    draws the same box: a truth box follows the head as it turns, a detector's takes in forehead and chin by its own
    habit."""
    visible: float = 0.5
    """A face that is less visible, turned further aside (1 is a profile) or lower in pixels is not asked for."""
    turn: float = 0.7
    height: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.overlap < 1:
            raise SettingsError(f"overlap {self.overlap} is not a share between 0 and 1", hint="the usual one is 0.3")
        if not 0 <= self.height <= LARGEST:
            raise SettingsError(f"height {self.height} is no number of pixels", hint="0 asks for faces of all sizes")


RULE = Rule()
OVERLAP = RULE.overlap
LEVELS = np.arange(1, 20) / 20
"""Overlaps 0.05 to 0.95, at which HOTA is taken."""
FEW = 10  # walks or sequences: an interval over fewer is too narrow
_HELD = 1000.0  # more than any sum of overlaps in a frame: a link that still holds is never given up for a better one


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
    loose: int = 0
    """Boxes that HOTA links to no face, however little they overlap."""
    linked: tuple[int, ...] = (0,) * len(LEVELS)
    """For each of LEVELS the faces that HOTA links to a box with so much overlap or more."""
    together: tuple[float, ...] = (0.0,) * len(LEVELS)
    """For each of LEVELS the sum over those faces of how much of their walk and their track are linked (AssIoU)."""

    def __add__(self, other: TrackingScores) -> TrackingScores:
        """The counts of two events together, as of one long event."""
        return _scores(_row(self) + _row(other))

    @property
    def boxes(self) -> int:
        """Boxes of tracks, less those on faces that were not asked for."""
        return self.truth_faces - self.misses + self.false_faces

    @property
    def mota(self) -> float:
        """1 without any error, below 0 with more errors than faces (CLEAR MOT, Bernardin and Stiefelhagen 2008)."""
        return 1 - (self.misses + self.false_faces + self.switches) / max(1, self.truth_faces)

    @property
    def idf1(self) -> float:
        """0 to 1: the share of faces and boxes under the right identity from beginning to end (Ristani et al. 2016)."""
        return 2 * self.kept / max(1, self.truth_faces + self.boxes)

    @property
    def detection(self) -> Float64:
        """(19,) for each of LEVELS: linked faces over all faces and boxes, linked pairs counted once."""
        linked = np.array(self.linked, np.float64)
        return linked / np.maximum(1, self.truth_faces + self.linked[0] + self.loose - linked)

    @property
    def association(self) -> Float64:
        """(19,) for each of LEVELS: how much of walk and track is linked, over linked faces."""
        return np.array(self.together) / np.maximum(1, self.linked)

    @property
    def deta(self) -> float:
        """0 to 1: how well faces are found, whichever track they are under."""
        return float(self.detection.mean())

    @property
    def assa(self) -> float:
        """0 to 1: how well the faces that are found are kept together."""
        return float(self.association.mean())

    @property
    def hota(self) -> float:
        """0 to 1: both together, the geometric mean at each level (Luiten et al. 2021, "HOTA")."""
        return float(np.sqrt(self.detection * self.association).mean())


def _row(scores: TrackingScores) -> Float64:
    counts = (scores.frames, scores.truth_faces, scores.misses, scores.false_faces, scores.switches)
    more = (scores.fragments, scores.kept, scores.loose, *scores.linked, *scores.together)
    return np.array([*counts, *more], np.float64)


def _scores(row: Float64) -> TrackingScores:
    counts, linked, together = np.split(row, [8, 8 + len(LEVELS)])
    frames, faces, misses, false, switches, fragments, kept, loose = map(round, counts.tolist())
    levels = tuple(map(round, linked.tolist())), tuple(together.tolist())
    return TrackingScores(frames, faces, misses, false, switches, fragments, kept, loose, *levels)


def pooled(scores: Iterable[TrackingScores]) -> TrackingScores:
    """The counts of several events together, as of one long event."""
    return reduce(add, scores)


def tracking(frames: Sequence[Frame], tracks: Iterable[Trail], rule: Rule = RULE) -> TrackingScores:
    """How tracks follow the faces of those frames that were analysed; the others are to be left out of `frames`.

    Raises SettingsError when a track saw something at a time that none of the frames has.
    """
    walks, rest = by_walk(frames, tracks, rule)
    return pooled([rest, *walks])


def by_walk(
    frames: Sequence[Frame], tracks: Iterable[Trail], rule: Rule = RULE
) -> tuple[list[TrackingScores], TrackingScores]:
    """The counts of each walk that was asked for, and of what is no walk's: frames and false boxes. Their sum is all.

    Raises SettingsError as `tracking` does.
    """
    scenes = [_asked_for(scene, rule) for scene in _scenes(frames, tracks, rule)]
    people = np.unique(_joined([scene.people for scene in scenes]))
    scenes = [_Scene(np.searchsorted(people, s.people), s.asked, s.numbers, s.overlaps) for s in scenes]
    faces = np.bincount(_joined([scene.people for scene in scenes]), minlength=len(people))
    boxes = sum(len(scene.numbers) for scene in scenes)
    on, switches, fragments = _clear(scenes, len(people), rule.overlap)
    kept = _kept(scenes, len(people), rule.overlap)
    linked, together = _linked(scenes, faces)
    rest = TrackingScores(len(frames), 0, 0, boxes - int(on.sum()), 0, 0, 0, boxes - int(linked[:, 0].sum()))
    counts = [each.tolist() for each in (faces, faces - on, switches, fragments, kept)]
    levels = [[tuple(row) for row in each.tolist()] for each in (linked, together)]
    walks = [
        TrackingScores(0, asked, misses, 0, switched, lost, right, 0, pairs, shares)
        for asked, misses, switched, lost, right, pairs, shares in zip(*counts, *levels, strict=True)
    ]
    return walks, rest


def _joined(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, np.int64), *parts])


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """One frame: who is there, which tracks are, and how far their boxes overlap."""

    people: NDArray[np.int64]
    asked: NDArray[np.bool_]
    numbers: NDArray[np.int64]
    overlaps: Float64
    """(people, tracks) intersection over union."""


def _scenes(frames: Sequence[Frame], tracks: Iterable[Trail], rule: Rule) -> list[_Scene]:
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
        asked = [is_asked(face, rule) for face in frame.faces]
        numbers = [number for number, _ in found[frame.ticks]]
        overlaps = overlap_of([face.box for face in frame.faces], [box for _, box in found[frame.ticks]])
        scenes.append(_Scene(np.array(known, int), np.array(asked, bool), np.array(numbers, int), overlaps))
    return scenes


def is_asked(face: Face, rule: Rule = RULE) -> bool:
    """Whether a face is visible enough, not turned too far aside and not too low to be asked for."""
    return face.visible >= rule.visible and face.turn <= rule.turn and face.box[3] >= rule.height


def overlap_of(boxes: ArrayLike, others: ArrayLike) -> Float64:
    """(n, m) intersection over union."""
    one, other = (np.asarray(each, np.float64).reshape(-1, 4) for each in (boxes, others))
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum((one[:, :2] + one[:, 2:])[:, None], (other[:, :2] + other[:, 2:])[None])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    union = one[:, 2:].prod(axis=-1)[:, None] + other[:, 2:].prod(axis=-1)[None] - shared
    share: Float64 = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return share


def _near(overlaps: Float64, least: float) -> Float64:
    """Overlaps, 0 where too small to count."""
    return np.where(overlaps >= least, overlaps, 0.0)


def _asked_for(scene: _Scene, rule: Rule) -> _Scene:
    """The scene without the faces that are not asked for, and without the boxes that are on them."""
    near = _near(scene.overlaps, rule.overlap)
    rows, columns = assign(near + (near > 0) * scene.asked[:, None])
    excused = columns[~scene.asked[rows]]
    left = np.setdiff1d(np.arange(len(scene.numbers)), excused)
    overlaps = scene.overlaps[np.ix_(scene.asked, left)]
    return _Scene(scene.people[scene.asked], scene.asked[scene.asked], scene.numbers[left], overlaps)


def assign(worth: Float64) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pairs, one to one, whose worth sums up highest; pairs worth nothing are left out."""
    rows, columns = linear_sum_assignment(worth, maximize=True)
    worthy = worth[rows, columns] > 0
    return rows[worthy], columns[worthy]


def _clear(scenes: list[_Scene], walks: int, least: float) -> tuple[NDArray[np.int64], ...]:
    """(walks,) each: faces with a track on them, switches, fragments."""
    on, switches, fragments = (np.zeros(walks, np.int64) for _ in range(3))
    held: dict[int, int] = {}  # the track on each person in the frame before
    last: dict[int, int] = {}  # the track that was on each person last
    lost: set[int] = set()
    for scene in scenes:
        still = scene.numbers[None] == np.array([held.get(int(who), -1) for who in scene.people], int)[:, None]
        near = _near(scene.overlaps, least)
        rows, columns = assign(near + (near > 0) * still * _HELD)
        held = dict(zip(scene.people[rows].tolist(), scene.numbers[columns].tolist(), strict=True))
        for who, number in held.items():
            on[who] += 1
            switches[who] += last.get(who, number) != number
            fragments[who] += who in lost
        last |= held
        lost = (lost | (set(scene.people.tolist()) & set(last))) - set(held)
    return on, switches, fragments


def _kept(scenes: list[_Scene], walks: int, least: float) -> NDArray[np.int64]:
    """(walks,) faces under the right track when every walk is given one track, or none, so that these are most."""
    numbers = np.unique(_joined([scene.numbers for scene in scenes]))
    counts = np.zeros((walks, len(numbers)))
    for scene in scenes:
        rows, columns = np.nonzero(scene.overlaps >= least)
        np.add.at(counts, (scene.people[rows], np.searchsorted(numbers, scene.numbers[columns])), 1)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    kept = np.zeros(walks, np.int64)
    kept[rows] = counts[rows, columns]
    return kept


def _linked(scenes: list[_Scene], faces: NDArray[np.int64]) -> tuple[NDArray[np.int64], Float64]:
    """(walks, 19) each: the faces that are linked at each of LEVELS, and the sums of their association.

    A link is the better the more of a walk and a track lie on each other over the whole footage, so that one pair
    holds from beginning to end; which faces are linked is the same for all levels.
    """
    numbers, boxes = np.unique(_joined([scene.numbers for scene in scenes]), return_counts=True)
    pairs = _Pairs(numbers, faces, boxes)
    people, codes, overlaps = pairs.linked(scenes)
    linked = np.zeros((len(faces), len(LEVELS)), np.int64)
    together = np.zeros((len(faces), len(LEVELS)))
    for which, level in enumerate(LEVELS - np.finfo(float).eps):
        enough = overlaps >= level
        linked[:, which] = np.bincount(people[enough], minlength=len(faces))
        seen, count = np.unique(codes[enough], return_counts=True)
        who, number = np.divmod(seen, max(1, len(numbers)))
        share = count**2 / (faces[who] + boxes[number] - count)
        together[:, which] = np.bincount(who, share, minlength=len(faces))
    return linked, together


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Walks and tracks by pairs; a pair's code is its walk times the number of tracks, plus its track."""

    numbers: NDArray[np.int64]
    faces: NDArray[np.int64]
    boxes: NDArray[np.int64]

    def linked(self, scenes: list[_Scene]) -> tuple[NDArray[np.int64], NDArray[np.int64], Float64]:
        """(links,) each: the walk, the pair's code, and the overlap."""
        codes, align = self._alignment(scenes)
        people, links, overlaps = [], [], [np.zeros(0)]
        for scene in scenes:
            mine = self._codes(scene)
            where = np.minimum(np.searchsorted(codes, mine), max(0, len(codes) - 1))
            worth = np.where(scene.overlaps > 0, align[where] * scene.overlaps, 0.0) if len(codes) else scene.overlaps
            rows, columns = assign(worth)
            people.append(scene.people[rows])
            links.append(mine[rows, columns])
            overlaps.append(scene.overlaps[rows, columns])
        return _joined(people), _joined(links), np.concatenate(overlaps)

    def _codes(self, scene: _Scene) -> NDArray[np.int64]:
        tracks = np.searchsorted(self.numbers, scene.numbers)
        return scene.people[:, None] * len(self.numbers) + tracks[None]

    def _alignment(self, scenes: list[_Scene]) -> tuple[NDArray[np.int64], Float64]:
        """Codes of the pairs that ever touch, and how much of both lies on each other, 0 to 1."""
        codes, shares = [], [np.zeros(0)]
        for scene in scenes:
            touch = scene.overlaps > 0
            either = scene.overlaps.sum(axis=1)[:, None] + scene.overlaps.sum(axis=0)[None] - scene.overlaps
            codes.append(self._codes(scene)[touch])
            shares.append(scene.overlaps[touch] / either[touch])
        seen, which = np.unique(_joined(codes), return_inverse=True)
        common = np.bincount(which, np.concatenate(shares), minlength=len(seen))
        who, number = np.divmod(seen, max(1, len(self.numbers)))
        return seen, common / (self.faces[who] + self.boxes[number] - common)


# What is said of it


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """One sequence: what is true of it, and the tracks that somebody made of it."""

    name: str
    frames: Sequence[Frame]
    """Those that were analysed."""
    tracks: Sequence[Trail]


Rate = Callable[[TrackingScores], float]
RATES: dict[str, Rate] = {
    "MOTA": lambda scores: scores.mota,
    "IDF1": lambda scores: scores.idf1,
    "HOTA": lambda scores: scores.hota,
    "DetA": lambda scores: scores.deta,
    "AssA": lambda scores: scores.assa,
}


def evaluate(followed: Sequence[Followed], rule: Rule = RULE, facts: tuple[tuple[str, str], ...] = ()) -> Evaluation:
    """How well tracks follow faces, in one sequence or in several together, with 95 % intervals.

    Of several sequences, sequences are resampled; of one, the walks of its people, while boxes on nobody stay as they
    are. `facts` stand before those that are counted here.

    Raises:
        SettingsError: no sequence, or a track saw something at a time that its truth has no frame for.
    """
    if not followed:
        raise SettingsError("no sequence to measure", hint="name a truth and the tracks made of the same footage")
    each = [_named(one, rule) for one in followed]
    sums = [pooled([rest, *walks]) for walks, rest in each]
    many = len(followed) > 1
    scores, walks = pooled(sums), sum(len(mine) for mine, _ in each)
    again = _resampled(sums) if many else _resampled(*each[0])
    units = (len(sums), "sequences") if many else (walks, "walks of people")
    passed = sum(len(frame.faces) for one in followed for frame in one.frames) - scores.truth_faces
    known = (
        ("sequences", f"{len(followed):,}"),
        ("frames", f"{scores.frames:,}"),
        ("faces asked for", f"{scores.truth_faces:,} in {walks:,} walks of people"),
        ("faces not asked for", f"{passed:,}"),
        ("tracks", f"{sum(len(one.tracks) for one in followed):,}"),
        ("intervals", f"over {units[1]}, {len(again)} draws" if again else f"none: fewer than 2 {units[1]}"),
    )
    tables = [Table("Tracking", tuple(_figures(scores, walks, units, again)), _asked_words(rule))]
    tables += [Table("Each sequence", tuple(_singles(followed, sums)))] if many else []
    data = ", ".join(one.name for one in followed)
    return Evaluation("tracking", data, (*facts, *known), tuple(tables), _charts(scores), tuple(_notes(scores, units)))


def _named(one: Followed, rule: Rule) -> tuple[list[TrackingScores], TrackingScores]:
    try:
        return by_walk(one.frames, one.tracks, rule)
    except SettingsError as fault:
        raise SettingsError(f"'{one.name}': {fault.message}", hint=fault.hint) from fault


def _asked_words(rule: Rule) -> str:
    asked = f"{rule.height:g} pixels high, {rule.visible:.0%} visible and turned by {rule.turn:g} at most"
    return (
        f"A face is asked for from {asked} (1 is a profile). A box is on a face from an overlap of {rule.overlap:g} on;"
        " HOTA, DetA and AssA are means over overlaps from 0.05 to 0.95."
    )


def _resampled(units: Sequence[TrackingScores], rest: TrackingScores | None = None) -> list[TrackingScores]:
    """The scores of as many units as there are, drawn with replacement, again and again; none of fewer than two."""
    if len(units) < 2:
        return []
    rows = np.stack([_row(each) for each in units])
    base = np.zeros(rows.shape[1]) if rest is None else _row(rest)
    return [_scores(base + weights @ rows) for weights in draws(len(units)).astype(np.float64)]


def _figures(
    scores: TrackingScores, walks: int, units: tuple[int, str], again: Sequence[TrackingScores]
) -> Iterator[Figure]:
    for name, rate in RATES.items():
        yield _figure(name, rate, scores, again)
    faces, boxes = scores.truth_faces, scores.boxes
    missed = _figure("misses", lambda s: s.misses / max(1, s.truth_faces), scores, again)
    yield _bounded(replace(missed, count=scores.misses, of=faces), units)
    false = _figure("false faces", lambda s: s.false_faces / max(1, s.boxes), scores, again)
    yield replace(false, count=scores.false_faces, of=boxes, value=false.value if boxes else None)
    for name, count in (("identity switches", scores.switches), ("fragments", scores.fragments)):
        note = f"in {walks:,} walks of people"
        yield Figure(name, float(count) if faces else None, count=count, note=note, share=False)


def _figure(name: str, rate: Rate, scores: TrackingScores, again: Sequence[TrackingScores]) -> Figure:
    if not scores.truth_faces:
        return Figure(name, None, note="no face is asked for")
    value, found = rate(scores), np.array([rate(each) for each in again if each.truth_faces])
    if found.size == 0:
        return Figure(name, value)
    if np.ptp(found) < 1e-12:  # no error, or nothing but errors: resampling shows no other value
        return Figure(name, value, note="every draw gave the same: no interval")
    return Figure(name, value, *spread(found))


def _bounded(misses: Figure, units: tuple[int, str]) -> Figure:
    """Misses that are none or all have the bounds of one trial a unit: no draw can show another share."""
    if misses.value not in {0.0, 1.0}:
        return misses
    low, high = interval(round(misses.value) * units[0], units[0])
    return replace(misses, low=low, high=high, note=f"bounds as of {units[0]} {units[1]}, a trial each")


def _singles(followed: Sequence[Followed], sums: Sequence[TrackingScores]) -> Iterator[Figure]:
    """MOTA, IDF1 and HOTA of each sequence."""
    for one, scores in zip(followed, sums, strict=True):
        for name in ("MOTA", "IDF1", "HOTA"):
            yield replace(_figure(name, RATES[name], scores, ()), name=f"{name}, {one.name}", of=scores.truth_faces)


def _charts(scores: TrackingScores) -> tuple[Chart, ...]:
    if not scores.truth_faces:
        return ()
    lines = {
        "HOTA": np.sqrt(scores.detection * scores.association), "DetA": scores.detection, "AssA": scores.association,
    }  # fmt: skip
    levels = tuple(LEVELS.tolist())
    series = tuple(Series(name, levels, tuple(line.tolist())) for name, line in lines.items())
    return (Chart("HOTA by overlap", "overlap of box and face from which on they are linked", "share", series),)


def _notes(scores: TrackingScores, units: tuple[int, str]) -> Iterator[str]:
    if not scores.truth_faces:
        yield "no face of the truth is asked for: no rate can be said"
    elif 2 <= units[0] < FEW:
        yield f"the intervals rest on {units[0]} {units[1]}: fewer than {FEW} make them too narrow"
    if scores.truth_faces and not scores.boxes:
        yield "no track has any box on the frames that were measured"
