"""Heads: where every head is in every frame of footage, so that a cover can lie on it before anybody could see it.

Two families of detectors are asked, at more than one size. What they see is linked in time, and every link is followed
both ways: to the frames between two sightings, before the first and after the last. No template is made here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from houselights.centerface import CENTERFACE
from houselights.detections import Observation
from houselights.faces import LARGEST_LONG_SIDE, Canvas, Detector, canvas, overlap
from houselights.footage import Facts
from houselights.frame import Frame
from houselights.tracks import Tracker
from houselights.types import Faces, Float32, Float64

SURE = 0.5  # score from which on a face is covered and may begin a track; a weaker one only continues one
WEAK = 0.35  # the lowest score that is looked at
SAME = 0.4  # intersection over union from which boxes of two detectors are on one face

# How far a head reaches beyond the face's box, in sides of it: chosen on `facemask_dev` and on synthetic events so that
# what people drew as a face lies inside, and hair, ears and chin with it.
SIDEWAYS, UP, DOWN, BACK = 0.2, 0.25, 0.25, 0.35
PIXELS = 4.0  # and so many pixels beside: detectors see in steps

REACH_S = 0.9  # seconds that a cover goes on before the first sighting of a head and after the last
NEAR_S = 0.25  # and so many for a head that was seen once: the frames until every detector has looked again
STANDS_S = 2.0  # and so many for somebody who was seen to stand still, by less than STILL sides in a second
STILL = 0.35
TREND_S = 0.4  # seconds of sightings that tell where a head comes from or goes to
BESIDE = 20  # sightings before and after one whose size counts too
LOOK_S = 4.0  # seconds of sightings before and after a frame that its covers depend on: longer than any gap of a track
LOOK_FRAMES = 16  # and no fewer frames than these
GROWS = 0.15  # by so many sides a second a cover grows with the time to the nearest sighting
MOST = 0.1  # sides by which it grows at most


class Recall(StrEnum):
    """How hard heads are looked for."""

    HIGH = "high"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class Look:
    """One detector at one size, and to which frames it is shown."""

    family: str
    """`yunet` or `centerface`."""
    canvas: Canvas
    every: int
    """One frame in so many."""
    lowest: float = WEAK
    """The lowest score that counts."""
    smallest: float = 0.0
    """The share of the picture's height from which on a face counts."""


def looks(facts: Facts, recall: Recall) -> tuple[Look, ...]:
    """Which detectors see footage at which sizes.

    A photograph is seen by both families, at twice its own size where that can be computed on, and at half of that. In
    footage YuNet sees every frame; the rest sees some, and tracks carry what it finds to the others. A face that fills
    the picture is found in a small copy.
    """
    size = (facts.width, facts.height)
    first = canvas(*size)
    longest = max(size)
    small = Look("yunet", canvas(*size, long_side=320), 4, lowest=0.7, smallest=0.25)
    if facts.still:
        large = max(640, min(LARGEST_LONG_SIDE, 2 * longest))
        sizes = [canvas(*size, long_side=side) for side in (large, large // 2)]
        return (*(Look(family, each, 1) for family in ("yunet", "centerface") for each in sizes), small)
    if recall is Recall.NORMAL:
        return (Look("yunet", first, 1), small, Look("centerface", canvas(*size, long_side=640), 12))
    larger = canvas(*size, long_side=min(LARGEST_LONG_SIDE, max(longest, 3 * max(first) // 2)))
    return (Look("yunet", first, 1), small, Look("yunet", larger, 2), Look("centerface", first, 6))


class Finder:
    """Finds faces for covers: all looks together, one box a face."""

    def __init__(self, weights: dict[str, Path], wanted: tuple[Look, ...]) -> None:
        """`weights` by family; nothing is loaded before the first frame."""
        self.looks = wanted
        self._weights = weights

    @cached_property
    def _detectors(self) -> list[Detector]:
        return [_detector(self._weights[look.family], look) for look in self.looks]

    def stream(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Faces]]:
        """Each frame with its faces, in order; scores are on YuNet's scale.

        Raises:
            ModelError: a file of weights is none.
        """
        seen: Iterator[tuple[Frame, Faces]] = ((frame, Faces.none()) for frame in frames)
        for look, detector in zip(self.looks, self._detectors, strict=True):
            seen = detector.also(seen, look.every)
        for frame, faces in seen:
            yield frame, united(faces)


def _detector(path: Path, look: Look) -> Detector:
    family = CENTERFACE if look.family == "centerface" else None
    return Detector(path, (look.canvas,), family=family, lowest=look.lowest, smallest=look.smallest)


def united(faces: Faces) -> Faces:
    """One box a face, best score first: it takes in the boxes of all detectors that lie on the same face."""
    faces = faces[np.argsort(-faces.scores, kind="stable")]
    same = overlap(faces.boxes, faces.boxes) >= SAME
    first: list[int] = []
    boxes = faces.boxes.copy()
    for face in range(len(faces)):
        mine = next((other for other in first if same[other, face]), None)
        if mine is None:
            first.append(face)
        elif faces.scores[face] >= SURE:
            low = np.minimum(boxes[mine, :2], faces.boxes[face, :2])
            high = np.maximum(boxes[mine, :2] + boxes[mine, 2:], faces.boxes[face, :2] + faces.boxes[face, 2:])
            boxes[mine] = np.concatenate([low, high - low])
    kept = np.array(first, np.intp)
    return Faces(boxes, faces.points, faces.scores)[kept]


def grown(faces: Faces) -> Float32:
    """(n, 4) the box of each face's head: wider and higher, and further back where the face is turned aside.

    How far it is turned shows in how far the nose tip leaves the middle between the eyes.
    """
    left, top, width, height = faces.boxes.T
    middle = faces.points[:, :2].mean(axis=1)
    apart = np.maximum(np.linalg.norm(faces.points[:, 1] - faces.points[:, 0], axis=-1), 0.2 * width)
    turn = np.clip((faces.points[:, 2, 0] - middle[:, 0]) / np.maximum(apart, 1e-6), -1, 1)
    to_left = SIDEWAYS + BACK * np.clip(turn, 0, 1)
    to_right = SIDEWAYS + BACK * np.clip(-turn, 0, 1)
    box = (left - to_left * width, top - UP * height, (1 + to_left + to_right) * width, (1 + UP + DOWN) * height)
    edge = np.array([-PIXELS, -PIXELS, 2 * PIXELS, 2 * PIXELS])
    wide: Float32 = (np.stack(box, axis=-1) + edge).astype(np.float32)
    return wide


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """The heads of one frame."""

    ticks: int
    seconds: float
    boxes: Float32
    """(n, 4) in pixels of the upright picture; they may reach beyond it."""
    tracks: NDArray[np.int64]
    """(n,) the track of each; 0 for a face that was seen once."""
    seen: NDArray[np.bool_]
    """(n,) whether a detector saw it in this frame; else it is there because of its track."""
    held: bool
    """The frame is damaged: heads of the frame before are held in it."""
    cut: bool
    """A new camera shot begins with it."""


@dataclass(slots=True)
class _Entry:
    """What is known of one frame before its neighbours are asked."""

    ticks: int
    seconds: float
    boxes: Float32
    scores: Float32
    tracks: NDArray[np.int64]
    damaged: bool
    cut: bool


def heads(observations: Iterable[Observation], facts: Facts) -> Iterator[Heads]:
    """The heads of every frame, in order. Memory holds some seconds of boxes, however long the footage is."""
    tracker = Tracker((facts.width, facts.height), strong=SURE)
    shot: list[_Entry] = []
    given = 0  # entries at the shot's beginning that were given already
    damaged = 0
    for each in observations:
        seconds = facts.seconds(each.sight.ticks)
        if each.sight.cut:
            yield from _heads(shot, given, len(shot), facts)
            shot, given = [], 0
        step = tracker.update(each.sight.ticks, seconds, each.faces, each.quality, cut=each.sight.cut)
        hurt = each.tally.damaged > damaged
        damaged = each.tally.damaged
        shot.append(
            _Entry(each.sight.ticks, seconds, grown(each.faces), each.faces.scores, step.numbers, hurt, each.sight.cut)
        )
        ready = _before(shot, seconds - LOOK_S)
        if ready - given > len(shot) // 2:
            yield from _heads(shot, given, ready, facts)
            gone = _before(shot[:ready], shot[ready].seconds - LOOK_S)
            shot, given = shot[gone:], ready - gone
    yield from _heads(shot, given, len(shot), facts)


def _before(shot: list[_Entry], seconds: float) -> int:
    """How many entries lie before a time and are not among the last few."""
    return bisect_left(shot, seconds, hi=max(0, len(shot) - LOOK_FRAMES), key=lambda entry: entry.seconds)


def _heads(shot: list[_Entry], start: int, end: int, facts: Facts) -> Iterator[Heads]:
    """The heads of the entries from `start` to `end` of one camera shot."""
    expected = _expected(shot, (facts.width, facts.height))
    whole: Heads | None = None  # of the last frame that was not damaged
    first = next((index for index in range(start - 1, -1, -1) if not shot[index].damaged), start)
    for index in range(first, end):
        entry, (tracks, boxes) = shot[index], expected[index]
        alone = entry.scores >= SURE
        if len(boxes):  # a weak face where a track is expected is that track's
            alone |= overlap(entry.boxes, boxes).max(axis=1, initial=0) > 0
        alone &= entry.tracks == 0
        once = np.zeros(int(alone.sum()), np.int64)
        now = Heads(
            entry.ticks,
            entry.seconds,
            np.concatenate([boxes, entry.boxes[alone]]),
            np.concatenate([tracks, once]),
            np.concatenate([np.isin(tracks, entry.tracks), once == 0]),
            held=False,
            cut=entry.cut,
        )
        if not entry.damaged:
            whole = now
        elif whole is not None:
            now = _held(now, whole)
        if index >= start:
            yield now


def _held(now: Heads, before: Heads) -> Heads:
    """A damaged frame keeps the heads of the last whole frame beside its own: what it shows may be old or wrong."""
    return Heads(
        now.ticks, now.seconds, np.concatenate([now.boxes, before.boxes]),
        np.concatenate([now.tracks, before.tracks]), np.concatenate([now.seen, np.zeros(len(before.seen), bool)]),
        held=True,
        cut=now.cut,
    )  # fmt: skip


Expected = tuple[NDArray[np.int64], Float32]
"""Tracks (n,) and the boxes (n, 4) of their heads."""


def _expected(shot: list[_Entry], size: tuple[int, int]) -> list[Expected]:
    """For each entry the heads that it shows by what is known of the tracks before and after."""
    times = np.array([entry.seconds for entry in shot])
    where: dict[int, list[int]] = {}
    boxes: dict[int, list[Float32]] = {}
    for index, entry in enumerate(shot):
        for row in np.flatnonzero(entry.tracks > 0).tolist():
            where.setdefault(int(entry.tracks[row]), []).append(index)
            boxes.setdefault(int(entry.tracks[row]), []).append(entry.boxes[row])
    parts = [_course(times, times[where[track]], np.array(boxes[track], np.float64), size) for track in where]
    indices = np.concatenate([part for part, _ in parts] or [np.zeros(0, np.int64)])
    tracks = np.repeat(np.array(list(where), np.int64), [len(part) for part, _ in parts])
    places = np.concatenate([place for _, place in parts] or [np.zeros((0, 4), np.float32)])
    order = np.argsort(indices, kind="stable")
    ends = np.cumsum(np.bincount(indices, minlength=len(shot)))[:-1]
    return list(zip(np.split(tracks[order], ends), np.split(places[order], ends), strict=True))


def _course(times: Float64, at: Float64, boxes: Float64, size: tuple[int, int]) -> tuple[NDArray[np.int64], Float32]:
    """Where one head is from before its first sighting to after its last: indices (n,) of `times`, and boxes (n, 4).

    Between sightings it moves evenly, outside them as it did at that end; the longer ago, the more a box is widened.
    """
    boxes = _widest(boxes)
    far = _reach(at, boxes)
    which = np.flatnonzero((times >= at[0] - far) & (times <= at[-1] + far))
    now = times[which]
    course = np.stack([np.interp(now, at, column) for column in boxes.T], axis=-1)
    course += np.minimum(now - at[0], 0)[:, None] * _trend(at, boxes, at <= at[0] + TREND_S)
    course += np.maximum(now - at[-1], 0)[:, None] * _trend(at, boxes, at >= at[-1] - TREND_S)
    away = np.abs(now[:, None] - at).min(axis=1)
    more = np.minimum(MOST, GROWS * away)[:, None] * course[:, 2:]
    course = np.hstack([course[:, :2] - more, course[:, 2:] + 2 * more])
    inside = ((course[:, :2] < size) & (course[:, :2] + course[:, 2:] > 0)).all(axis=1)
    return which[inside], course[inside].astype(np.float32)


def _widest(boxes: Float64) -> Float64:
    """Boxes of one track, each as wide and high as the largest of its neighbours: a detector's box may shrink for once.

    Where they lie stays.
    """
    sides = maximum_filter1d(boxes[:, 2:], 2 * BESIDE + 1, axis=0, mode="nearest")
    return np.hstack([boxes[:, :2] - (sides - boxes[:, 2:]) / 2, sides])


def _reach(at: Float64, boxes: Float64) -> float:
    """For how many seconds before and after its sightings a head is taken to be there."""
    lasts = float(at[-1] - at[0])
    far = min(REACH_S, NEAR_S + lasts / 2)
    if len(at) < 3 or lasts < far:
        return far
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    moved = float(np.ptp(middles, axis=0).max() / boxes[:, 2:].mean())
    return STANDS_S if moved < STILL * max(1.0, lasts) else far


def _trend(at: Float64, boxes: Float64, which: NDArray[np.bool_]) -> Float64:
    """(4,) how a box changes a second: places by least squares over some sightings; its size is taken to stay."""
    if which.sum() < 3:
        return np.zeros(4)
    time = at[which] - at[which].mean()
    middle = boxes[which, :2] + boxes[which, 2:] / 2
    slope = (time[:, None] * (middle - middle.mean(axis=0))).sum(axis=0) / np.maximum((time**2).sum(), 1e-9)
    return np.concatenate([slope, np.zeros(2)])
