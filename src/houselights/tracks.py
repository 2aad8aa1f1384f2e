"""Tracks: the faces of one person linked in time by their motion, and the best shots of each.

Time is in seconds from the frames' own time stamps, so that footage of any rate, even or uneven, is followed alike. No
pixels and no biometrics are used: the same detections give the same tracks, now or replayed from disk.

Where a face will be is forecast by a Kalman filter of constant velocity. Its unit of length is the side of the face, so
that near and far people are followed by the same numbers. How well a face fits a track is the logarithm of its
likelihood, and the links of a frame are those of the highest sum.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from houselights.quality import Quality
from houselights.types import Faces, Float32, Float64

STRONG = 0.6  # detector score from which a face may begin a track
GAP_S = 2.0  # seconds a face may be out of sight before its track ends: somebody walks past in less
MISSES = 3  # and so many analysed frames, so that sparse sampling does not cut tracks
SHOTS = 4  # best shots kept for a track
SPACING_S = 0.5  # seconds between two shots of a track: views, not copies of one view
BETTER = 0.04  # a shot replaces another when its quality is better by this much

# Chosen on synthetic events (bench/tracking.py), those with a moving camera among them.
_JITTER = 0.08  # sides by which a detector's box misses the face's middle
_FIRST_SPEED = 9.0  # sides a second that a face may move when it is first seen: a brisk walk is 5
_STANDING = 0.5  # sides a second that somebody moves who stands
_STANDS = 1.0  # what it costs to take somebody who was seen once for one who stands
_LONGEST_S = 1.0  # seconds after which a forecast grows no less sure
_CHANGE = 1.0  # how fast a velocity wanders, in sides squared a second cubed
_RESIZED = 0.09  # by which the logarithm of the side is off
_RESIZING = 0.5  # and by which it may change in a second
_LINK = 2.8  # the logarithm of the likelihood, with its sign turned, up to which a link is made
_WEAK = 3.5  # what a link to a weak face costs
_AWAY = 1.0  # what a link costs for each second that the face was out of sight


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
    lost: NDArray[np.bool_]
    """(n,) whether there were analysed frames just before each sighting in which it was out of sight."""
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
    began_s: float
    ticks: list[int] = field(default_factory=list)
    boxes: list[Float32] = field(default_factory=list)
    lost: list[bool] = field(default_factory=list)
    shots: list[Shot] = field(default_factory=list)

    def offer(self, shot: Shot) -> bool:
        """Keep a shot if it is among the best that are spread over the whole track, however long that grows.

        Shots all from one part of a track could not show that it passed to somebody else in another part.
        """
        spacing = max(SPACING_S, (shot.seconds - self.began_s) / SHOTS)
        kept: list[Shot] = []
        for each in sorted(self.shots, key=lambda each: -each.quality):  # what grew too close, the better stays
            if all(abs(each.seconds - other.seconds) >= spacing for other in kept):
                kept.append(each)
        close = [each for each in kept if abs(each.seconds - shot.seconds) < spacing]
        if any(shot.quality < each.quality + BETTER for each in close):
            return False
        self.shots = sorted([*(each for each in kept if each not in close), shot], key=lambda each: each.seconds)
        return True

    def done(self) -> Track:
        boxes = np.array(self.boxes, np.float32).reshape(-1, 4)
        ticks, lost = np.array(self.ticks, np.int64), np.array(self.lost, np.bool_)
        return Track(self.number, ticks, boxes, lost, tuple(self.shots))


class Tracker:
    """Follows faces through one footage: `update` frame by frame, then `finish`."""

    def __init__(self, size: tuple[int, int] | None = None, *, strong: float = STRONG) -> None:
        """Start with nobody in sight.

        Args:
            size: width and height of the upright picture in pixels. With it, somebody who has walked out of the picture
                is not taken for the next who walks in there.
            strong: detector score from which a face may begin a track.
        """
        self._strong = strong
        self._size = None if size is None else np.array(size, np.float64)
        self._live: list[_Live] = []
        self._motion = np.empty((0, _COLUMNS))  # a row for each live track, as it was when the face was last seen
        self._born = 0

    def shots(self, number: int) -> tuple[Shot, ...]:
        """The shots that a live track holds now."""
        return next((tuple(live.shots) for live in self._live if live.number == number), ())

    def update(self, ticks: int, seconds: float, faces: Faces, quality: Quality, *, cut: bool = False) -> Step:
        """Link the faces of the next frame; `cut` says that a new camera shot begins with it, so every track ends."""
        ended = self.finish() if cut else self._end(seconds)
        if len(faces) == 0:
            self._motion[:, _MISSED] += 1
            return Step(np.zeros(0, np.int64), (), ended)
        seen = _seen(faces.boxes)
        lost = self._motion[:, _MISSED] > 0
        owners = self._link(seen, faces.scores, seconds)
        numbers, taken = np.zeros(len(faces), np.int64), []
        usable, overall = quality.usable, quality.overall
        for face in np.flatnonzero(owners >= 0).tolist():
            live = self._live[owners[face]]
            numbers[face] = live.number
            live.ticks.append(ticks)
            live.boxes.append(faces.boxes[face])
            live.lost.append(bool(owners[face] < len(lost) and lost[owners[face]]))
            shot = Shot(ticks, seconds, faces.boxes[face], faces.points[face], float(overall[face]))
            if usable[face] and live.offer(shot):
                taken.append(face)
        return Step(numbers, tuple(taken), ended)

    def finish(self) -> tuple[Track, ...]:
        """End every track: the footage, or a camera shot, is over."""
        ended = tuple(live.done() for live in self._live)
        self._live, self._motion = [], np.empty((0, _COLUMNS))
        return ended

    def _end(self, seconds: float) -> tuple[Track, ...]:
        """End the tracks of faces that were out of sight for long, or have left the picture."""
        missed = self._motion[:, _MISSED]
        if not missed.any():
            return ()
        over = (missed >= MISSES) & (seconds - self._motion[:, _SEEN] > GAP_S)
        if self._size is not None:
            place = _forecast(self._motion, seconds)[:, _PLACE]
            over |= (missed > 0) & ((place < 0) | (place > self._size)).any(axis=1)
        ended = tuple(self._live[row].done() for row in np.flatnonzero(over))
        self._live = [self._live[row] for row in np.flatnonzero(~over)]
        self._motion = self._motion[~over]
        return ended

    def _link(self, seen: Float64, scores: Float32, seconds: float) -> NDArray[np.intp]:
        """(faces,) the row of each face's track, -1 for none; strong faces that fit no track begin one."""
        owners = np.full(len(seen), -1, np.intp)
        if len(self._motion):
            ahead = _forecast(self._motion, seconds)
            worth = _worth(ahead, seen, seconds - self._motion[:, _SEEN]) - _WEAK * (scores < self._strong)
            rows, faces = linear_sum_assignment(np.maximum(worth, 0), maximize=True)
            good = worth[rows, faces] > 0
            rows, faces = rows[good], faces[good]
            owners[faces] = rows
            self._motion[:, _MISSED] += 1
            self._motion[rows] = _corrected(ahead[rows], seen[faces], seconds)
        fresh = np.flatnonzero((owners < 0) & (scores >= self._strong))
        if len(fresh):
            owners[fresh] = len(self._live) + np.arange(len(fresh))
            self._live += [_Live(self._born + 1 + new, seconds) for new in range(len(fresh))]
            self._born += len(fresh)
            self._motion = np.vstack([self._motion, _begun(seen[fresh], seconds)])
        return owners


# The columns of what is known of a face's motion. Variances are in sides of the face, the same across and down.
_PLACE, _SIDE, _SPEED, _COLUMNS = slice(0, 2), 2, slice(3, 5), 10  # pixels, log of pixels, pixels a second
_PP, _PV, _VV = 5, 6, 7  # variance of the place, covariance, variance of the speed
_SEEN, _MISSED = 8, 9  # seconds, analysed frames since then


def _seen(boxes: Float32) -> Float64:
    """(n, 3) centre x, centre y, logarithm of the side."""
    sides = np.maximum(boxes[:, 2:].astype(np.float64), 1e-3)
    return np.column_stack([boxes[:, :2] + sides / 2, np.log(sides).mean(axis=1)])


def _begun(seen: Float64, seconds: float) -> Float64:
    motion = np.zeros((len(seen), _COLUMNS))
    motion[:, : _SIDE + 1] = seen
    motion[:, _PP], motion[:, _VV], motion[:, _SEEN] = _JITTER**2, _FIRST_SPEED**2, seconds
    return motion


def _forecast(motion: Float64, seconds: float) -> Float64:
    """Where the faces should be now, and how far off that may be."""
    ahead = motion.copy()
    gap = seconds - motion[:, _SEEN]
    ahead[:, _PLACE] += motion[:, _SPEED] * gap[:, None]
    gap = np.minimum(gap, _LONGEST_S)
    ahead[:, _PP] += gap * (2 * motion[:, _PV] + gap * (motion[:, _VV] + gap * _CHANGE / 3))
    ahead[:, _PV] += gap * (motion[:, _VV] + gap * _CHANGE / 2)
    ahead[:, _VV] += gap * _CHANGE
    return ahead


def _worth(ahead: Float64, seen: Float64, gap: Float64) -> Float64:
    """(tracks, faces) the log-likelihood of each link by place and size, over that of none."""
    gap = np.minimum(gap, _LONGEST_S)
    off = ahead[:, None, : _SIDE + 1] - seen[None]
    side = ahead[:, _SIDE, None] - off[..., _SIDE] / 2
    away = (off[..., _PLACE] ** 2).sum(axis=-1) / np.exp(2 * side)
    spread = (ahead[:, _PP] + _JITTER**2)[:, None]
    unlikely = away / spread / 2 + np.log(spread)
    once = ahead[:, _VV] >= _FIRST_SPEED**2
    if once.any():  # seen only once: either somebody who walks or somebody who stands
        stands = (2 * _JITTER**2 + (_STANDING * gap[once]) ** 2)[:, None]
        unlikely[once] = np.minimum(unlikely[once], away[once] / stands / 2 + np.log(stands) + _STANDS)
    resized = (_RESIZED**2 + (_RESIZING * gap) ** 2)[:, None]
    unlikely += off[..., _SIDE] ** 2 / resized / 2 + np.log(resized) / 2
    unlikely += (_AWAY * gap * (ahead[:, _MISSED] > 0))[:, None]
    return np.asarray(_LINK - unlikely)


def _corrected(ahead: Float64, seen: Float64, seconds: float) -> Float64:
    """The forecast drawn towards what was seen, the more the less sure it was (Kalman 1960)."""
    motion = ahead.copy()
    gain, speed_gain = ahead[:, [_PP, _PV]].T / (ahead[:, _PP] + _JITTER**2)
    off = seen - ahead[:, : _SIDE + 1]
    motion[:, _PLACE] += gain[:, None] * off[:, _PLACE]
    motion[:, _SPEED] += speed_gain[:, None] * off[:, _PLACE]
    motion[:, _SIDE] += off[:, _SIDE] / 2
    motion[:, _PP] -= gain * ahead[:, _PP]
    motion[:, _PV] -= gain * ahead[:, _PV]
    motion[:, _VV] -= speed_gain * ahead[:, _PV]
    motion[:, _SEEN], motion[:, _MISSED] = seconds, 0
    return motion
