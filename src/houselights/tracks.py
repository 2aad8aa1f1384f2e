"""Tracks: the faces of one person linked in time by motion and overlap, and the best shots of each.

Time is in seconds from the frames' own time stamps, so that footage of any rate, even or uneven, is followed alike. No
pixels and no biometrics are used: the same detections give the same tracks, now or replayed from disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from houselights.faces import overlap
from houselights.quality import Quality
from houselights.types import Faces, Float32, Float64

STRONG = 0.6  # detector score from which a face may begin a track
GAP_S = 1.0  # seconds a face may be out of sight before its track ends
MISSES = 3  # and so many analysed frames, so that sparse sampling does not cut tracks
SHOTS = 4  # best shots kept for a track
SPACING_S = 0.4  # seconds between two shots of a track: views, not copies of one view
BETTER = 0.02  # a shot replaces another when its quality is better by this much

_NEAR = 0.6  # face sides that a face may be away from where its track expects it
_NEAR_GROWTH = 1.6  # more of them for each second since it was last seen
_RESIZED = 0.45  # largest logarithm of the quotient of sides
_FORBIDDEN = 1e6
_STEADY_S = 0.35  # seconds after which a velocity no longer counts
_GAIN = 0.35  # share of a surprise that changes the velocity


@dataclass(frozen=True, slots=True)
class Shot:
    """One usable face of a track, by reference: where it stands in the footage."""

    ticks: int
    seconds: float
    box: Float32
    """(4,) left, top, width, height in pixels of the upright frame."""
    points: Float32
    """(5, 2)"""
    quality: float


@dataclass(frozen=True, slots=True)
class Track:
    """One face followed in time."""

    number: int
    """From 1 in the order of first sight, unique in one footage."""
    ticks: NDArray[np.int64]
    """(n,) when it was seen."""
    boxes: Float32
    """(n, 4) where it was seen."""
    shots: tuple[Shot, ...]
    """The best usable shots in the order of time; empty where no face of the track was usable."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one frame changed."""

    numbers: NDArray[np.int64]
    """(n,) the track of each face; 0 for a weak face that continues none."""
    taken: tuple[int, ...]
    """The faces that became shots: their pixels are wanted."""
    ended: tuple[Track, ...]


@dataclass(slots=True)
class _Live:
    number: int
    box: Float64  # centre x, y, width, height
    velocity: Float64  # centre x, y in pixels a second
    seen_s: float
    misses: int = 0
    ticks: list[int] = field(default_factory=list)
    boxes: list[Float32] = field(default_factory=list)
    shots: list[Shot] = field(default_factory=list)

    def expected(self, seconds: float) -> Float64:
        """Where the face should be now: its velocity holds for a moment, then it is taken to stand."""
        gap = seconds - self.seen_s
        moved = self.box.copy()
        moved[:2] += self.velocity * min(gap, _STEADY_S)
        return moved

    def see(self, box: Float32, ticks: int, seconds: float) -> None:
        """Take a face in."""
        centred = _centred(box[None])[0]
        gap = max(seconds - self.seen_s, 1e-6)
        if self.ticks:
            speed = (centred[:2] - self.box[:2]) / gap
            gain = 1.0 if len(self.ticks) == 1 else _GAIN
            self.velocity += gain * (speed - self.velocity)
        self.box, self.seen_s, self.misses = centred, seconds, 0
        self.ticks.append(ticks)
        self.boxes.append(box)

    def offer(self, shot: Shot) -> bool:
        """Keep a shot if it is among the best that are spread in time."""
        close = [kept for kept in self.shots if abs(kept.seconds - shot.seconds) < SPACING_S]
        rivals = close or (self.shots if len(self.shots) == SHOTS else [])
        if rivals:
            if any(shot.quality < rival.quality + BETTER for rival in close):
                return False
            worst = min(rivals, key=lambda kept: kept.quality)
            if shot.quality < worst.quality + BETTER:
                return False
            self.shots = [kept for kept in self.shots if kept is not worst and kept not in close]
        self.shots.append(shot)
        return True

    def done(self) -> Track:
        boxes = np.array(self.boxes, np.float32).reshape(-1, 4)
        return Track(self.number, np.array(self.ticks, np.int64), boxes, tuple(self.shots))


class Tracker:
    """Follows faces through one footage: `update` frame by frame, then `finish`."""

    def __init__(self) -> None:
        """Start with nobody in sight."""
        self._live: list[_Live] = []
        self._born = 0

    def shots(self, number: int) -> tuple[Shot, ...]:
        """The shots that a live track holds now."""
        return next((tuple(live.shots) for live in self._live if live.number == number), ())

    def update(self, ticks: int, seconds: float, faces: Faces, quality: Quality, *, cut: bool = False) -> Step:
        """Link the faces of the next frame; `cut` says that a new camera shot begins with it, which ends every track."""
        ended = self.finish() if cut else ()
        numbers = np.zeros(len(faces), np.int64)
        owners: dict[int, _Live] = {}
        strong = np.flatnonzero(faces.scores >= STRONG)
        weak = np.flatnonzero(faces.scores < STRONG)
        left = self._link(self._live, strong, faces, seconds, owners, reach=1.0)
        missed = self._link(left, weak, faces, seconds, owners, reach=0.5)
        for index in strong:
            if int(index) not in owners:
                self._born += 1
                owners[int(index)] = _Live(self._born, _centred(faces.boxes[index][None])[0], np.zeros(2), seconds)
                self._live.append(owners[int(index)])
        taken = []
        usable, overall = quality.usable, quality.overall
        for index, live in sorted(owners.items()):
            live.see(faces.boxes[index], ticks, seconds)
            numbers[index] = live.number
            shot = Shot(ticks, seconds, faces.boxes[index], faces.points[index], float(overall[index]))
            if usable[index] and live.offer(shot):
                taken.append(index)
        return Step(numbers, tuple(taken), ended + self._end(missed, seconds))

    def _link(
        self, tracks: list[_Live], which: NDArray[np.intp], faces: Faces, seconds: float, owners: dict[int, _Live], *, reach: float
    ) -> list[_Live]:
        """Assign some faces to tracks at the least total cost; the tracks left over are returned."""
        if not tracks or len(which) == 0:
            return list(tracks)
        cost = _cost(tracks, faces.boxes[which], seconds, reach)
        rows, columns = linear_sum_assignment(cost)
        linked = {int(row): int(which[column]) for row, column in zip(rows, columns, strict=True) if cost[row, column] < _FORBIDDEN}
        owners.update({face: tracks[row] for row, face in linked.items()})
        return [track for row, track in enumerate(tracks) if row not in linked]

    def _end(self, missed: list[_Live], seconds: float) -> tuple[Track, ...]:
        over = []
        for live in missed:
            live.misses += 1
            if live.misses >= MISSES and seconds - live.seen_s > GAP_S:
                over.append(live)
        self._live = [live for live in self._live if live not in over]
        return tuple(live.done() for live in over)

    def finish(self) -> tuple[Track, ...]:
        """End every track: the footage, or a camera shot, is over."""
        ended = tuple(live.done() for live in self._live)
        self._live = []
        return ended


def _centred(boxes: Float32) -> Float64:
    """(n, 4) centre x, centre y, width, height."""
    return np.hstack([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]]).astype(np.float64)


def _cost(tracks: list[_Live], boxes: Float32, seconds: float, reach: float) -> Float64:
    """(tracks, faces): overlap lost, distance in face sides and change of size; forbidden where they are too far apart."""
    expected = np.array([track.expected(seconds) for track in tracks])
    gaps = np.array([seconds - track.seen_s for track in tracks])
    seen = _centred(boxes)
    sides = np.sqrt(expected[:, 2] * expected[:, 3])[:, None], np.sqrt(seen[:, 2] * seen[:, 3])[None]
    away = np.linalg.norm(expected[:, None, :2] - seen[None, :, :2], axis=-1) / np.sqrt(sides[0] * sides[1])
    resized = np.abs(np.log(sides[0] / sides[1]))
    corners = np.hstack([expected[:, :2] - expected[:, 2:] / 2, expected[:, 2:]]).astype(np.float32)
    cost = (1 - overlap(corners, boxes)) + away + resized
    near = reach * (_NEAR + _NEAR_GROWTH * np.minimum(gaps, 1.0))[:, None]
    return np.where((away < near) & (resized < _RESIZED + 0.3 * gaps[:, None].clip(0, 1)), cost, _FORBIDDEN)
