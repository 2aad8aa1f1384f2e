"""Window: the part of the picture that a social cut shows. It follows who may be seen, or what happens, evenly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from houselights.errors import ReleaseError
from houselights.manifest import Place
from houselights.types import Float64

ASPECTS = {"9:16": (9, 16), "1:1": (1, 1), "4:5": (4, 5), "16:9": (16, 9)}
STEP_S = 0.25  # seconds between two places of the window
SMOOTH_S = 1.0  # standard deviation of the smoothing: the window takes some seconds to cross the picture
STILL = 0.05  # of its side that a window may be off before it moves at all


@dataclass(frozen=True, slots=True)
class Interest:
    """Where the eye should go in one frame."""

    seconds: float
    cut: bool
    """A new camera shot begins with this frame."""
    middle: tuple[float, float] | None
    """Pixels of the upright picture; None where nothing asks for it."""


def size(whole: tuple[int, int], aspect: str) -> tuple[int, int]:
    """Width and height of the largest window of a shape, even.

    Raises:
        ReleaseError: no such shape, or the picture is too small for it.
    """
    if aspect not in ASPECTS:
        raise ReleaseError(f"aspect '{aspect}' is not known", hint=f"source, {', '.join(ASPECTS)}")
    across, down = ASPECTS[aspect]
    scale = min(whole[0] / across, whole[1] / down)
    width, height = (int(round(side * scale, 6)) // 2 * 2 for side in (across, down))
    if min(width, height) < 16:
        raise ReleaseError(f"a picture of {whole[0]}x{whole[1]} is too small for {aspect}", hint="leave --aspect out")
    return width, height


def course(frames: Iterable[Interest], whole: tuple[int, int], aspect: str) -> tuple[Place, ...]:
    """Where the window lies over time: places on a grid of a quarter of a second, anew after every cut.

    Memory holds two numbers for each of these.
    """
    window = size(whole, aspect)
    places: list[Place] = []
    shot: list[tuple[float, float, float]] = []  # time, middle; nan where nothing asks for the window
    last = 0.0
    for frame in frames:
        if frame.cut:
            places += _smooth(shot, last, whole, window)
            shot = []
        if not shot or frame.seconds >= shot[-1][0] + STEP_S:
            shot.append((frame.seconds, *(frame.middle or (np.nan, np.nan))))
        last = frame.seconds
    places += _smooth(shot, last, whole, window)
    return tuple(places)


def _smooth(
    shot: Sequence[tuple[float, float, float]], end: float, whole: tuple[int, int], window: tuple[int, int]
) -> list[Place]:
    if not shot:
        return []
    rows = np.array(shot, np.float64)
    steps = SMOOTH_S / STEP_S
    axes = [
        np.clip(gaussian_filter1d(_steady(rows[:, axis + 1], whole[axis], window[axis]), steps, mode="nearest")
                - window[axis] / 2, 0, whole[axis] - window[axis])
        for axis in (0, 1)
    ]  # fmt: skip
    places = [
        Place(
            round(float(seconds), 6), (round(float(left), 2), round(float(top), 2), float(window[0]), float(window[1]))
        )
        for seconds, left, top in zip(rows[:, 0], *axes, strict=True)
    ]
    if end > places[-1].time_s:  # the rest is shorter than a step, and moving a whole one in it would be a jerk
        places.append(Place(end, places[-1].box))
    return places


def _steady(wanted: Float64, whole: int, window: int) -> Float64:
    """The middle of the window along one side: it stays until what it follows has moved, and where nothing asks."""
    known = wanted[~np.isnan(wanted)]
    now = float(known[0]) if len(known) else whole / 2
    held = np.empty_like(wanted)
    for index, value in enumerate(wanted):
        if not np.isnan(value) and abs(value - now) > STILL * window:
            now = float(value)
        held[index] = now
    return held
