"""Truth: who is where in each frame of a film, known because somebody made it or wrote it down."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels of the upright frame."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame."""

    person: str
    walk: int
    """Which time that the person is in the picture: to come back is to be somebody new for a tracker."""
    box: Box
    """It can reach beyond the frame."""
    visible: float
    """The share of the box that neither people, things nor the frame's edge hide, 0 to 1; 0 where a list says that the
    face is not to be counted."""
    turn: float
    """0 frontal to 1 profile."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame and every face whose box touches it, hidden ones too; lists leave out frames without any."""

    ticks: int
    """When; in a list its number, from 1."""
    faces: tuple[Face, ...]
