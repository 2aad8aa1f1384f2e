"""Sampling: which frames are analysed, and where one camera shot ends and the next begins.

A frame is looked at through a thumbnail of 64x36 grey pixels, which stays in memory: a close-up in it shows who it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf
from typing import Literal, Self

import numpy as np
from av.video.reformatter import VideoReformatter

from houselights.errors import SettingsError
from houselights.footage import Facts, Skip
from houselights.frame import Frame
from houselights.types import Float64, UInt8

THUMBNAIL = (64, 36)
SOONEST_S = 0.15  # `auto` never analyses sooner after the last time: a walking face moves about its own side
LATEST_S = 1.0  # and never later
CHANGED = 12  # grey levels by which a thumbnail's pixel counts as changed
CHANGED_SHARE = 0.004  # share of such pixels that makes a frame worth analysing: about nine of them
CUT_LEVELS = 9.0  # mean change in grey levels from which two frames may lie on both sides of a cut
CUT_EDGES = 0.5  # and the correlation of their edges below which they may: a flash leaves edges where they were
CUT_GREYS = 0.55  # and that of their greys below which they do, or where it was sudden:
CUT_SPIKE = 2.5  # so many times more change than lately, which a camera that is turned does not give,
CUT_NEAR_S = 0.21  # between frames no further apart than this
CUT_LASTS_S = 0.4  # "lately" fades to a third in so many seconds
CUT_COUNTS = 0.6  # and so much of a cut itself counts, so that the next may follow soon
STEADY_RATE = 20.0  # frames a second from which `auto` may leave out frames that no other frame needs


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames are analysed."""

    mode: Literal["all", "auto", "keys", "every"]
    every: int = 1
    """In the mode `every`: one frame in so many."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `all`, `auto`, `keys` or a whole number from 1 up.

        Raises:
            SettingsError: anything else.
        """
        if text in {"all", "auto", "keys"}:
            return cls(text)  # type: ignore[arg-type]
        if text.isdecimal() and int(text) > 0:
            return cls("every", int(text))
        msg = f"--sample is '{text}', expected all, auto, keys or a whole number from 1 up"
        raise SettingsError(msg, hint="--sample 5 analyses every fifth frame")

    def __str__(self) -> str:
        return str(self.every) if self.mode == "every" else self.mode

    def skip(self, facts: Facts) -> Skip:
        """Which frames the decoder may leave out."""
        if self.mode == "keys":
            return "nonkey"
        return "nonref" if self.mode == "auto" and facts.rate >= STEADY_RATE else "none"


AUTO = Sampling("auto")


@dataclass(frozen=True, slots=True)
class Sight:
    """What was decided of one frame, and all that later decisions depend on, but for pixels."""

    ticks: int
    analysed_s: float
    """The time of the frame that was analysed last."""
    since_analysed: int
    """Frames since then."""
    analyse: bool
    cut: bool
    """A new camera shot began with this frame or since the last one that was analysed."""
    stir: float
    """By how many grey levels frames changed lately: the most of them, fading, and of a cut a part. Infinite before two
    frames were seen: no cut is sudden then."""


class Sampler:
    """Decides frame by frame; started from a kept `Sight` and its frame it decides as if it had never stopped."""

    def __init__(self, sampling: Sampling, last: Sight | None = None, shown: Frame | None = None) -> None:
        """Start at the first frame, or after `last`, a frame that was analysed and is `shown` once more."""
        self._sampling = sampling
        self._last = last
        self._reformatter = VideoReformatter()
        self._before = self._analysed = None if shown is None else thumbnail(shown, self._reformatter)
        self._before_s = 0.0 if last is None else last.analysed_s

    def look(self, frame: Frame, seconds: float) -> Sight:
        """Whether this frame is to be analysed."""
        small, last, before = thumbnail(frame, self._reformatter), self._last, self._before
        if last is None or before is None:
            sight = Sight(frame.ticks, seconds, 0, analyse=True, cut=False, stir=inf)
        else:
            gap = seconds - self._before_s
            stir = float(np.abs(small.astype(np.int16) - before).mean())
            sudden = stir >= CUT_SPIKE * last.stir and gap <= CUT_NEAR_S
            fresh = stir >= CUT_LEVELS and is_cut(before, small, sudden=sudden)
            cut = fresh or (last.cut and not last.analyse)
            counts = fresh or last.stir == inf
            lately = CUT_COUNTS * stir if counts else max(stir, last.stir * exp(-gap / CUT_LASTS_S))
            count = last.since_analysed + 1
            sight = replace(last, ticks=frame.ticks, since_analysed=count, analyse=False, cut=cut, stir=lately)
            if self._wanted(sight, small, seconds):
                sight = replace(sight, analyse=True, analysed_s=seconds, since_analysed=0)
        self._last, self._before, self._before_s = sight, small, seconds
        self._analysed = small if sight.analyse else self._analysed
        return sight

    def _wanted(self, sight: Sight, small: UInt8, seconds: float) -> bool:
        if self._sampling.mode == "every":
            return sight.since_analysed >= self._sampling.every
        if self._sampling.mode != "auto" or sight.cut:
            return True
        gap = seconds - sight.analysed_s
        if gap < SOONEST_S or self._analysed is None:
            return False
        return gap >= LATEST_S or changed(self._analysed, small) >= CHANGED_SHARE


def thumbnail(frame: Frame, reformatter: VideoReformatter) -> UInt8:
    """A frame, upright, in (36, 64) grey pixels."""
    small: UInt8 = frame.nv12(*THUMBNAIL, reformatter)[0].copy()
    return small


def changed(before: UInt8, after: UInt8) -> float:
    """The share of pixels that changed by more than noise."""
    return float((np.abs(after.astype(np.int16) - before) > CHANGED).mean())


def is_cut(before: UInt8, after: UInt8, *, sudden: bool) -> bool:
    """Whether two frames in a row that differ much show different scenes, and not one in another light."""
    one, other = before.astype(np.float64), after.astype(np.float64)
    if _likeness(_edges(one), _edges(other)) >= CUT_EDGES:
        return False
    return sudden or _likeness(one.ravel(), other.ravel()) < CUT_GREYS


def _edges(picture: Float64) -> Float64:
    """How each pixel differs from the next, across and down."""
    return np.concatenate([np.diff(picture, axis=axis).ravel() for axis in (0, 1)])


def _likeness(one: Float64, other: Float64) -> float:
    """The correlation; 0 where one of them is all the same."""
    one, other = one - one.mean(), other - other.mean()
    lengths = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / lengths) if lengths else 0.0
