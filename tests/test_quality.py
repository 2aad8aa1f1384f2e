"""Facts about quality: each part is between 0 and 1 and falls when its cause grows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from test_frame import frame_of

from houselights import photograph
from houselights.faces import ALIGNED, SIDE, Detector, alignment
from houselights.quality import FLOORS, FULL_EYES, Part, Quality, exposure, measure, pose, sharpness, size
from houselights.types import Faces, Float32, Float64, UInt8

COLUMN = {part: index for index, part in enumerate(Part)}
FRONTAL = ALIGNED[None].astype(np.float32)
# A head's five points in inter-eye distances: to the right, down, and towards the camera. Drawn from the template.
HEAD = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.57, 0.45], [-0.41, 1.15, 0.05], [0.41, 1.15, 0.05]])


def seen(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, apart: float = 60.0) -> Float32:
    """(1, 5, 2) the points of a head turned by some degrees, as a camera far away sees them."""
    turns = (("y", yaw), ("x", pitch), ("z", roll))
    head = HEAD
    for axis, degrees in turns:
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        head = (
            head
            @ {
                "y": np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]]),
                "x": np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]]),
                "z": np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]]),
            }[axis]
        )
    return (head[None, :, :2] * apart + 200).astype(np.float32)


@pytest.fixture(scope="module")
def portrait(cast_folder: Path, detector_path: Path) -> tuple[UInt8, Faces]:
    """A portrait and its face."""
    picture = photograph.read(cast_folder / "P001" / "assets" / "studio_portrait.jpg")
    height = 1200
    picture = cv2.resize(picture, (picture.shape[1] * height // picture.shape[0], height), interpolation=cv2.INTER_AREA)
    frame = frame_of(picture.astype(np.uint8))
    return picture.astype(np.uint8), Detector(detector_path, ((960, 960),)).detect(frame)[:1]


@pytest.fixture(scope="module")
def patch(portrait: tuple[UInt8, Faces]) -> UInt8:
    """The middle of the portrait's aligned face, in luma."""
    return frame_of(portrait[0]).luma_patch(alignment(portrait[1].points)[0], SIDE)[16:-16, 16:-16]


def parts(picture: UInt8, faces: Faces) -> dict[Part, float]:
    """The parts of the first face's quality."""
    return dict(zip(Part, measure(frame_of(picture), faces).parts[0].tolist(), strict=True))


def falls(values: list[float], *, least: float) -> bool:
    """Whether values never rise, and fall by at least so much in all."""
    return all(after <= before + 1e-6 for before, after in pairwise(values)) and values[0] - values[-1] >= least


def test_a_portrait_is_good_in_every_part(portrait: tuple[UInt8, Faces]) -> None:
    """Sharp, large, frontal, well lit and surely a face: usable, and nothing to say against it."""
    quality = measure(frame_of(portrait[0]), portrait[1])
    assert quality.parts.shape == (1, 5)
    assert (quality.parts[0] > 0.7).all()
    assert quality.usable[0]
    assert quality.overall[0] > 0.8
    assert quality.reason(0) == ""


def test_blur_makes_it_less_sharp(portrait: tuple[UInt8, Faces]) -> None:
    """The wider the blur, the lower the sharpness; much blur is below the floor, and the other parts stay."""
    picture, faces = portrait
    eyes = float(np.linalg.norm(faces.points[0, 1] - faces.points[0, 0]))
    blurred = [
        cv2.GaussianBlur(picture, (0, 0), eyes * share).astype(np.uint8) for share in (0.01, 0.03, 0.06, 0.1, 0.2)
    ]
    measured = [parts(each, faces) for each in blurred]
    assert falls([each[Part.SHARPNESS] for each in measured], least=0.6)
    assert measured[-1][Part.SHARPNESS] < FLOORS[COLUMN[Part.SHARPNESS]]
    assert min(each[Part.POSE] for each in measured) == max(each[Part.POSE] for each in measured)


def test_motion_blur_makes_it_less_sharp(patch: UInt8) -> None:
    """In whatever direction the face moved."""
    for vertical in (False, True):
        smeared = [cv2.blur(patch, (1, n) if vertical else (n, 1)).astype(np.uint8) for n in (1, 5, 9, 15, 25)]
        assert falls([sharpness(each) for each in smeared], least=0.3)


def test_enlarging_a_small_face_makes_it_no_sharper(portrait: tuple[UInt8, Faces]) -> None:
    """The fewer pixels a face has, the less sharp it is when aligned."""
    picture, faces = portrait
    values = []
    for share in (0.25, 0.12, 0.06, 0.04):
        small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA).astype(np.uint8)
        values.append(parts(small, Faces(faces.boxes * share, faces.points * np.float32(share), faces.scores)))
    assert falls([each[Part.SHARPNESS] for each in values], least=0.3)
    assert falls([each[Part.SIZE] for each in values], least=0.3)


@given(factors=st.tuples(st.floats(0.01, 4), st.floats(0.01, 4)), roll=st.floats(-180, 180))
def test_size_is_the_distance_between_the_eyes(factors: tuple[float, float], roll: float) -> None:
    """It grows with it, whatever the roll, up to the distance from which more does not help."""
    small, large = sorted(factors)
    values = [float(size(seen(roll=roll, apart=FULL_EYES * factor))[0]) for factor in (small, large)]
    assert values[0] <= values[1] + 1e-6
    assert values == pytest.approx([min(1, small), min(1, large)], abs=1e-4)


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("turn", ["yaw", "pitch", "roll"])
def test_the_further_a_head_is_turned_the_lower_its_pose(turn: str, side: int) -> None:
    """Left and right, up and down, and tilted: from ten degrees on it never rises again."""
    values = [float(pose(seen(**{turn: side * degrees}))[0]) for degrees in range(10, 81, 5)]
    assert falls(values, least=0.15)
    assert float(pose(seen())[0]) > 0.9
    assert turn == "roll" or values[-1] < FLOORS[COLUMN[Part.POSE]]


@given(yaw=st.floats(0, 85), roll=st.floats(-40, 40))
def test_left_and_right_count_the_same(yaw: float, roll: float) -> None:
    """A head and its mirror image have one pose."""
    assert pose(seen(yaw=yaw, roll=roll))[0] == pytest.approx(pose(seen(yaw=-yaw, roll=-roll))[0], abs=1e-3)


def test_roll_counts_little() -> None:
    """A head that is tilted by thirty degrees loses a quarter at most: alignment undoes it."""
    assert float(pose(seen(roll=30))[0]) > 0.75 * float(pose(seen())[0])


LIGHTS: dict[str, Callable[[Float64, float], Float64]] = {
    "dark": lambda light, much: light * (1 - much),
    "bright": lambda light, much: light + much * 230,
    "burnt out": lambda light, much: light * (1 + 6 * much),
    "flat": lambda light, much: 120 + (light - 120) * (1 - much),
    "crushed": lambda light, much: light - much * 200,
}


@pytest.mark.parametrize("light", LIGHTS)
def test_bad_light_lowers_the_exposure(patch: UInt8, light: str) -> None:
    """Too dark, too bright, clipped or without contrast: the more of it, the lower, down to the floor."""
    amounts = np.linspace(0.2, 1.0, 9)
    lit = [np.clip(LIGHTS[light](patch.astype(np.float64), float(much)), 0, 255).astype(np.uint8) for much in amounts]
    values = [exposure(each) for each in lit]
    assert falls([1.0, *values], least=0.7)
    assert exposure(patch) > 0.9
    assert values[-1] < FLOORS[COLUMN[Part.EXPOSURE]]


def test_the_detectors_score_counts(portrait: tuple[UInt8, Faces]) -> None:
    """The lower the score, the lower the part, from the lowest score that is kept to a sure one."""
    picture, faces = portrait
    scores = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)
    values = [parts(picture, Faces(faces.boxes, faces.points, np.array([score], np.float32))) for score in scores]
    assert falls([each[Part.DETECTION] for each in values], least=0.8)


@given(
    points=arrays(np.float32, (3, 5, 2), elements=st.floats(-50, 500, width=32)),
    scores=arrays(np.float32, 3, elements=st.floats(0, 1, width=32)),
    seed=st.integers(0, 9),
)
def test_every_part_is_between_0_and_1(points: Float32, scores: Float32, seed: int) -> None:
    """Whatever the points and the picture, also where they make no face."""
    spread = np.ptp(points, axis=1).max(axis=1)
    points = np.where(spread[:, None, None] < 1, FRONTAL, points)  # points that lie in one place have no alignment
    picture = np.random.default_rng(seed).integers(0, 255, (120, 160, 3), np.uint8)
    quality = measure(frame_of(picture), Faces(np.zeros((3, 4), np.float32), points, scores))
    assert quality.parts.dtype == np.float32
    assert ((quality.parts >= 0) & (quality.parts <= 1)).all()
    assert ((quality.overall >= 0) & (quality.overall <= 1)).all()


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_a_picture_of_one_level_has_no_quality(level: int) -> None:
    """A wall is neither sharp nor well exposed, and nothing is divided by zero."""
    flat = np.full((SIDE, SIDE), level, np.uint8)
    assert sharpness(flat) == exposure(flat) == 0.0


def test_no_face_has_no_quality() -> None:
    """A frame without faces gives no row."""
    quality = measure(frame_of(np.zeros((48, 64, 3), np.uint8)), Faces.none())
    assert len(quality) == 0
    assert quality.parts.shape == (0, 5)
    assert quality.usable.shape == quality.overall.shape == (0,)


@given(values=arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32)))
def test_a_face_is_usable_where_every_part_reaches_its_floor(values: Float32) -> None:
    """What is usable has no reason against it; what is not has one for each part below, the worst first."""
    quality = Quality(values)
    for row, usable in enumerate(quality.usable):
        reason = quality.reason(row)
        below = [part for part in Part if values[row, COLUMN[part]] < FLOORS[COLUMN[part]]]
        assert usable == (reason == "") == (not below)
        assert all(part.value in reason for part in below)
        order = [float(values[row, COLUMN[part]] / FLOORS[COLUMN[part]]) for part in sorted(below, key=reason.index)]
        assert order == sorted(order)


@given(values=arrays(np.float32, (1, 5), elements=st.floats(0, 1, width=32)), which=st.integers(0, 4))
def test_one_bad_part_cannot_be_made_up_for(values: Float32, which: int) -> None:
    """The whole is never better than what a part of nothing leaves of it, and never falls when a part rises."""
    without, better = values.copy(), values.copy()
    without[0, which], better[0, which] = 0, min(1, values[0, which] + 0.1)
    assert Quality(without).overall[0] <= 0.07
    assert Quality(better).overall[0] >= Quality(values).overall[0] - 1e-6
