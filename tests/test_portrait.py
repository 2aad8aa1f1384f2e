"""Portraits: the square around a face, and what is covered in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import portrait
from houselights.gallery import still


@pytest.mark.parametrize(
    "box",
    [
        (300, 200, 40, 50),
        (-10, -10, 60, 80),
        (600, 440, 60, 60),
        (0, 0, 640, 480),
        (100, -50, 300, 700),
        (639, 479, 5, 5),
    ],
)
def test_a_window_holds_the_face_and_lies_in_the_frame(box: tuple[int, int, int, int]) -> None:
    """The square around a face holds all of the face that the frame holds, and no more than 240 pixels a side."""
    onto, side = portrait.window(np.array(box, np.float32), (640, 480))
    assert 1 <= side <= portrait.SIDE
    left, top, width, height = portrait.laid(np.array([box], np.float32), onto)[0]
    frame = portrait.laid(np.array([[0, 0, 640, 480]], np.float32), onto)[0]
    shown = np.maximum([left, top], frame[:2]), np.minimum([left + width, top + height], frame[:2] + frame[2:])
    assert (shown[0] >= -0.01).all()
    assert (shown[1] <= side + 0.01).all()


def test_no_cover_reaches_into_the_face() -> None:
    """Boxes beside the face are filled with their surroundings, the face's own box never is."""
    patch = np.random.default_rng(7).integers(0, 255, (100, 100, 3), np.uint8)
    before = patch.copy()
    face = np.array([30, 30, 40, 40], np.float32)
    beside = np.array([[31, 29, 40, 40], [60, 10, 40, 40], [-30, 60, 40, 40], [300, 300, 20, 20]], np.float32)
    assert portrait.cover(patch, beside, face) == 2
    assert (patch[30:70, 30:70] == before[30:70, 30:70]).all()
    assert (patch[2:30, 70:100] == portrait.COVER).all()
    assert (patch[58:100, 0:10] == portrait.COVER).all()
    assert (patch[:28, :40] == before[:28, :40]).all()


@given(st.tuples(*[st.floats(-50, 400)] * 2), st.tuples(*[st.floats(12, 500)] * 2))
def test_a_portrait_is_small_and_holds_the_face(corner: tuple[float, ...], sides: tuple[float, ...]) -> None:
    """Wherever a face is in the photograph, the picture is at most 240 pixels wide and high, and all of it is seen."""
    box = np.array([*corner, *sides], np.float32)
    onto, side = portrait.window(box, (400, 300))
    patch = still(np.random.default_rng(3).integers(0, 255, (300, 400, 3), np.uint8)).patch(onto, side)
    before, seen = patch.copy(), portrait.laid(box[None], onto)
    assert patch.shape[0] == patch.shape[1] <= 240
    if (box[:2] >= 0).all() and (box[:2] + box[2:] <= (400, 300)).all():
        assert (seen[0, :2] > -1).all()
        assert (seen[0, :2] + seen[0, 2:] < patch.shape[0] + 1).all()
    aside = np.array([seen[0, 2] / 2, 0, 0, 0], np.float32)
    beside = np.concatenate([seen, np.add(seen, aside)])
    portrait.cover(patch, beside, seen[0])
    own = portrait.inside(seen[0], patch)
    assert (patch[own] == before[own]).all()  # whatever is taken for another face
