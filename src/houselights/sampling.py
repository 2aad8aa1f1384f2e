"""Sampling: which frames are analysed, and where one camera shot ends and the next begins.

A frame is looked at through a thumbnail of 64x36 grey pixels, in which nobody can be told from anybody.
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


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What was decided of one frame, and all that later decisions depend on."""

    ticks: int
    thumbnail: UInt8
    analysed_thumbnail: UInt8
    """Of the frame that was analysed last."""
    analysed_s: float
    since_analysed: int
    """Frames since then."""
    analyse: bool
    cut: bool
    """A new camera shot began with this frame or since the last one that was analysed."""


class Sampler:
    """Decides frame by frame; started from a kept `Sight` it decides as if it had never stopped."""

    def __init__(self, sampling: Sampling, last: Sight | None = None) -> None:
        """Start at the first frame, or after `last`."""
        self._sampling = sampling
        self._last = last
        self._reformatter = VideoReformatter()

    def look(self, frame: Frame, seconds: float) -> Sight:
        """Whether this frame is to be analysed."""
        thumbnail = frame.nv12(*THUMBNAIL, self._reformatter)[0].copy()
        last = self._last
        if last is None:
            sight = Sight(frame.ticks, thumbnail, thumbnail, seconds, 0, analyse=True, cut=False)
        else:
            cut = is_cut(last.thumbnail, thumbnail) or (last.cut and not last.analyse)
            sight = replace(last, ticks=frame.ticks, thumbnail=thumbnail, analyse=False, cut=cut)
            sight = replace(sight, since_analysed=last.since_analysed + 1)
            if self._wanted(sight, seconds):
                sight = replace(sight, analyse=True, analysed_thumbnail=thumbnail, analysed_s=seconds, since_analysed=0)
        self._last = sight
        return sight

    def _wanted(self, sight: Sight, seconds: float) -> bool:
        if self._sampling.mode == "every":
            return sight.since_analysed >= self._sampling.every
        if self._sampling.mode != "auto" or sight.cut:
            return True
        gap = seconds - sight.analysed_s
        return gap >= LATEST_S or (
            gap >= SOONEST_S and changed(sight.analysed_thumbnail, sight.thumbnail) >= CHANGED_SHARE
        )


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
