"""Sampling: which frames are analysed, and where one camera shot ends and the next begins.

A frame is looked at through a thumbnail of 64x36 grey pixels, which stays in memory: a close-up in it shows who it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from av.video.reformatter import VideoReformatter

from houselights.errors import SettingsError
from houselights.footage import Facts, Skip
from houselights.frame import Frame
from houselights.types import UInt8

THUMBNAIL = (64, 36)
SOONEST_S = 0.15  # `auto` never analyses sooner after the last time: a walking face moves about its own side
LATEST_S = 1.0  # and never later
CHANGED = 12  # grey levels by which a thumbnail's pixel counts as changed
CHANGED_SHARE = 0.004  # share of such pixels that makes a frame worth analysing: about nine of them
CUT_LEVELS = 14.0  # mean change in grey levels from which two frames may lie on both sides of a cut
CUT_LIKENESS = 0.55  # and correlation below which they do
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


class Sampler:
    """Decides frame by frame; started from a kept `Sight` and its frame it decides as if it had never stopped."""

    def __init__(self, sampling: Sampling, last: Sight | None = None, shown: Frame | None = None) -> None:
        """Start at the first frame, or after `last`, a frame that was analysed and is `shown` once more."""
        self._sampling = sampling
        self._last = last
        self._reformatter = VideoReformatter()
        self._before = self._analysed = None if shown is None else thumbnail(shown, self._reformatter)

    def look(self, frame: Frame, seconds: float) -> Sight:
        """Whether this frame is to be analysed."""
        small, last, before = thumbnail(frame, self._reformatter), self._last, self._before
        if last is None or before is None:
            sight = Sight(frame.ticks, seconds, 0, analyse=True, cut=False)
        else:
            cut = is_cut(before, small) or (last.cut and not last.analyse)
            sight = replace(last, ticks=frame.ticks, since_analysed=last.since_analysed + 1, analyse=False, cut=cut)
            if self._wanted(sight, small, seconds):
                sight = replace(sight, analyse=True, analysed_s=seconds, since_analysed=0)
        self._last, self._before = sight, small
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


def is_cut(before: UInt8, after: UInt8) -> bool:
    """Whether two frames in a row show different scenes: much changed, and not in brightness alone."""
    if np.abs(after.astype(np.int16) - before).mean() < CUT_LEVELS:
        return False
    one, other = (each.ravel() - each.mean(dtype=np.float64) for each in (before, after))
    lengths = np.sqrt((one @ one) * (other @ other))
    return bool(lengths == 0 or one @ other / lengths < CUT_LIKENESS)
