"""Facts about faces: where they are found, how the detector's outputs are read, and how faces are aligned."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from test_footage import write
from test_frame import frame_of, similarity

from houselights import photograph
from houselights.errors import ModelError
from houselights.faces import (
    ALIGNED,
    LARGEST_LONG_SIDE,
    SCORE,
    STRIDES,
    Detector,
    alignment,
    canvas,
    concatenate,
    decode,
    overlap,
)
from houselights.footage import Footage, Tally
from houselights.types import Faces, Float32, UInt8

PEOPLE = [f"P{number:03}" for number in range(1, 11)]


def portrait(folder: Path, person: str, height: int = 600) -> UInt8:
    """A person's portrait at some height."""
    picture = photograph.read(folder / person / "assets" / "studio_portrait.jpg")
    width = picture.shape[1] * height // picture.shape[0] // 2 * 2
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def group(folder: Path) -> UInt8:
    """Four people beside each other, 540 pixels high."""
    return np.hstack([portrait(folder, person, 540)[:, 40:] for person in PEOPLE[:4]])


@pytest.fixture(scope="module")
def detector(detector_path: Path) -> Detector:
    """The detector on a square canvas."""
    return Detector(detector_path, ((640, 640),))


# Where faces are


@pytest.mark.parametrize("person", PEOPLE)
def test_the_face_of_a_portrait_is_found(cast_folder: Path, detector: Detector, person: str) -> None:
    """One sure face, its points in the box and in order: eyes above the nose above the mouth, left before right."""
    faces = detector.detect(frame_of(portrait(cast_folder, person)))
    assert (faces.scores > 0.8).sum() == 1
    left, top, width, height = faces.boxes[0]
    points = faces.points[0]
    assert ((points > (left, top)) & (points < (left + width, top + height))).all()
    assert points[:2, 1].max() < points[2, 1] < points[3:, 1].min()
    assert points[0, 0] < points[1, 0]
    assert points[3, 0] < points[4, 0]


@pytest.mark.parametrize("person", PEOPLE[:5])
def test_another_reading_of_the_same_model_finds_the_same(
    cast_folder: Path, detector: Detector, detector_path: Path, person: str
) -> None:
    """OpenCV's own detector, with the same weights, gives the same box and points to a few pixels."""
    picture = portrait(cast_folder, person, 640)[:, :640]
    picture = np.ascontiguousarray(np.pad(picture, ((0, 0), (0, 640 - picture.shape[1]), (0, 0))))
    ours = detector.detect(frame_of(picture))
    other = cv2.FaceDetectorYN.create(str(detector_path), "", (640, 640), 0.6)
    _, found = other.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    theirs = np.asarray(found)[0]
    assert overlap(ours.boxes[:1], theirs[None, :4].astype(np.float32))[0, 0] > 0.9
    assert np.abs(ours.points[0].ravel() - theirs[4:14]).max() < 0.02 * float(theirs[3]) + 2
    assert abs(float(ours.scores[0]) - float(theirs[14])) < 0.05


def test_a_wall_has_no_face(detector: Detector) -> None:
    """Neither a flat picture nor noise nor a chart."""
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8)
    for picture in (np.full((480, 640, 3), 140, np.uint8), noise, np.zeros((64, 64, 3), np.uint8)):
        faces = detector.detect(frame_of(picture))
        assert len(faces) == 0
        assert (faces.boxes.shape, faces.points.shape, faces.scores.shape) == ((0, 4), (0, 5, 2), (0,))


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("form", ["rgb24", "yuv420p"])
def test_a_turned_picture_has_the_faces_of_the_upright_one(
    cast_folder: Path, detector_path: Path, form: str, turns: int
) -> None:
    """Boxes and points are of the upright picture, however it is stored."""
    picture = group(cast_folder)
    height, width = picture.shape[:2]
    on = Detector(detector_path, (canvas(width, height),))
    straight = on.detect(frame_of(picture, form))
    turned = on.detect(frame_of(np.rot90(picture, -turns), form, turns))
    assert len(turned) == len(straight) == 4
    pairs = overlap(turned.boxes, straight.boxes).argmax(axis=1)
    assert sorted(pairs) == [0, 1, 2, 3]
    assert overlap(turned.boxes, straight.boxes).max(axis=1).min() > 0.98
    assert np.abs(turned.points - straight.points[pairs]).max() < 2


def test_a_clip_with_a_turn_has_the_faces_of_an_upright_one(
    cast_folder: Path, detector_path: Path, tmp_path: Path
) -> None:
    """The same through encoder, container and reader; the facts give the upright size, from which the canvas comes."""
    picture = group(cast_folder)
    quality = {"crf": "10"}
    clips = [
        write(tmp_path / "upright.mp4", "libx264", options=quality, pictures=[picture] * 2),
        write(
            tmp_path / "turned.mp4",
            "libx264",
            options=quality,
            pictures=[np.ascontiguousarray(np.rot90(picture, -1))] * 2,
            turn=(90, False, False),
        ),
    ]
    found = []
    for clip in clips:
        opened = Footage(clip)
        on = Detector(detector_path, (canvas(opened.facts.width, opened.facts.height),))
        found.append([faces for _, faces in on.stream(opened.frames(Tally()))])
    for straight, turned in zip(*found, strict=True):
        assert len(turned) == len(straight) == 4
        assert overlap(turned.boxes, straight.boxes).max(axis=1).min() > 0.93


def test_frames_come_back_in_order_with_the_faces_of_each(cast_folder: Path, detector: Detector) -> None:
    """Several frames under way at once do not mix: each has what it has alone."""
    frames = [frame_of(portrait(cast_folder, person, 300 + 20 * turn)) for turn in range(3) for person in PEOPLE[:4]]
    alone = [detector.detect(frame) for frame in frames]
    together = list(detector.stream(frames))
    assert [frame for frame, _ in together] == frames
    for (_, faces), expected in zip(together, alone, strict=True):
        assert faces.boxes.tobytes() == expected.boxes.tobytes()
        assert faces.points.tobytes() == expected.points.tobytes()
    assert list(detector.stream([])) == []


def test_a_reader_may_stop_amid_a_stream(cast_folder: Path, detector: Detector) -> None:
    """What was under way is waited for, and the detector works on."""
    frames = [frame_of(portrait(cast_folder, person, 300)) for person in PEOPLE]
    stream = detector.stream(frames)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert len(detector.detect(frames[3])) >= 1


def test_two_canvases_find_more_and_each_face_once(cast_folder: Path, detector_path: Path) -> None:
    """Small faces that one canvas misses are found on the larger one; those on both are one."""
    small = cv2.resize(group(cast_folder), None, fx=0.06, fy=0.06, interpolation=cv2.INTER_AREA)
    picture = np.full((540, 960, 3), 90, np.uint8)
    picture[: small.shape[0], : small.shape[1]] = small
    large = portrait(cast_folder, "P007", 400)
    picture[120:520, 400 : 400 + large.shape[1]] = large
    frame = frame_of(picture)
    one = Detector(detector_path, ((320, 192),)).detect(frame)
    both = Detector(detector_path, ((320, 192), (1920, 1088))).detect(frame)
    assert len(one) < len(both) == 5
    shared = overlap(both.boxes, both.boxes)
    assert (shared - np.eye(5)).max() < 0.4
    assert (np.diff(both.scores) <= 0).all()


def test_a_recogniser_is_no_detector(recogniser_path: Path) -> None:
    """A model that takes no picture of that size is refused by name."""
    with pytest.raises(ModelError, match="face_recognition_sface"):
        Detector(recogniser_path, ((640, 352),))


# The detector's input


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), (960, 544)),
        ((1080, 1920), (544, 960)),
        ((1280, 720), (1280, 736)),
        ((720, 1280), (736, 1280)),
        ((1024, 768), (1024, 768)),
        ((3840, 2160), (1920, 1088)),
        ((2560, 1440), (1280, 736)),
        ((320, 240), (640, 480)),
        ((640, 480), (960, 736)),
        ((16384, 9216), (1920, 1088)),
        ((16, 16), (32, 32)),
    ],
)
def test_the_canvas_fits_the_footage(size: tuple[int, int], expected: tuple[int, int]) -> None:
    """Its own size up to 1280, half of what is larger but 960 at least, twice of what is small, never beyond 1920."""
    assert canvas(*size) == expected


@given(width=st.integers(16, 32766), height=st.integers(16, 32766), asked=st.none() | st.integers(32, 1920))
def test_every_canvas_can_be_computed_on(width: int, height: int, asked: int | None) -> None:
    """Sides are multiples of 32, the shape is that of the picture, and no footage makes it vast."""
    across, down = canvas(width, height, long_side=asked)
    assert across % 32 == down % 32 == 0
    assert min(across, down) >= 32
    assert max(across, down) <= LARGEST_LONG_SIDE
    assert (across >= down) == (width >= height) or abs(across - down) <= 32
    if asked:
        assert max(across, down) == -(-asked // 32) * 32


# What the outputs mean


def test_an_output_means_what_its_formula_says() -> None:
    """One anchor of each stride: the score is the root of class times object, sides are powers, places are strides."""
    outputs: list[list[Float32]] = [[], [], [], []]
    for stride in STRIDES:
        rows, columns = 64 // stride, 96 // stride
        for kind, numbers in zip(outputs, (1, 1, 4, 10), strict=True):
            kind.append(np.zeros((1, rows * columns, numbers), np.float32))
        index = columns * (rows - 1) + 1  # the last row's second column
        for kind, values in zip(outputs, ([0.9], [0.4], [0.5, 0.25, 0.0, np.log(2)], [0.5] * 10), strict=True):
            kind[-1][0, index] = values
    faces = decode(tuple(array for kind in outputs for array in kind), (96, 64), SCORE)
    assert faces.scores == pytest.approx(np.full(3, np.sqrt(0.36)), abs=1e-6)
    for row, stride in enumerate(STRIDES):
        column, line = 1, 64 // stride - 1
        centre = np.array([(column + 0.5) * stride, (line + 0.25) * stride])
        sides = np.array([stride, 2 * stride])
        assert faces.boxes[row] == pytest.approx(np.hstack([centre - sides / 2, sides]), abs=1e-4)
        assert faces.points[row] == pytest.approx(
            np.tile([(column + 0.5) * stride, (line + 0.5) * stride], (5, 1)), abs=1e-4
        )


@given(kind=st.floats(0, 1.1), thing=st.floats(0, 1.1))
def test_scores_are_between_0_and_1_and_low_ones_are_dropped(kind: float, thing: float) -> None:
    """Outputs a little beyond 1 do no harm."""
    outputs = [
        np.full((1, (32 // stride) ** 2, numbers), value, np.float32)
        for numbers, value in ((1, kind), (1, thing), (4, 0), (10, 0))
        for stride in STRIDES
    ]
    faces = decode(tuple(outputs), (32, 32), SCORE)
    score = np.sqrt(min(kind * thing, 1))
    assert len(faces) == (16 + 4 + 1 if score >= SCORE else 0) or abs(score - SCORE) < 1e-3
    assert ((faces.scores >= SCORE) & (faces.scores <= 1)).all()


def test_parts_are_joined_in_order() -> None:
    """Nothing joined is nothing; arrays keep their kinds."""
    one = Faces(np.ones((2, 4), np.float32), np.ones((2, 5, 2), np.float32), np.ones(2, np.float32))
    assert len(concatenate([])) == 0
    joined = concatenate([one, Faces.none(), one])
    assert len(joined) == 4
    assert joined.boxes.dtype == joined.points.dtype == joined.scores.dtype == np.float32


# Overlap

boxes = arrays(np.float32, (3, 4), elements=st.integers(0, 12).map(float)).map(lambda b: b + np.float32([0, 0, 1, 1]))


@given(one=boxes, other=boxes)
def test_overlap_is_what_counting_pixels_gives(one: Float32, other: Float32) -> None:
    """Shared pixels over all pixels, for boxes with whole sides."""

    def cover(box: Float32) -> UInt8:
        painted = np.zeros((32, 32), np.uint8)
        left, top, width, height = box.astype(int)
        painted[top : top + height, left : left + width] = 1
        return painted

    counted = [[(cover(a) & cover(b)).sum() / (cover(a) | cover(b)).sum() for b in other] for a in one]
    assert overlap(one, other) == pytest.approx(np.array(counted), abs=1e-6)


@given(one=boxes, other=boxes, move=st.tuples(st.integers(-99, 99), st.integers(-99, 99)), scale=st.integers(1, 9))
def test_overlap_does_not_depend_on_place_and_scale(
    one: Float32, other: Float32, move: tuple[int, int], scale: int
) -> None:
    """It is the same both ways, 1 for a box with itself, and the same wherever both lie and however large they are."""
    shared = overlap(one, other)
    assert shared.shape == (3, 3)
    assert ((shared >= 0) & (shared <= 1)).all()
    assert shared == pytest.approx(overlap(other, one).T)
    assert np.diagonal(overlap(one, one)) == pytest.approx(np.ones(3))
    shift = np.float32([*move, 0, 0])
    assert overlap((one + shift) * np.float32(scale), (other + shift) * np.float32(scale)) == pytest.approx(
        shared, abs=1e-5
    )


def test_overlap_with_nothing_is_nothing() -> None:
    """No boxes give no rows or no columns; boxes without area share nothing."""
    some = np.array([[0, 0, 2, 2], [5, 5, 0, 0]], np.float32)
    assert overlap(np.empty((0, 4), np.float32), some).shape == (0, 2)
    assert overlap(some, np.empty((0, 4), np.float32)).shape == (2, 0)
    assert np.isfinite(overlap(some, some)).all()


# Alignment


@given(
    angle=st.floats(-np.pi, np.pi),
    scale=st.floats(0.05, 20),
    across=st.floats(-2000, 4000),
    down=st.floats(-2000, 4000),
)
def test_alignment_undoes_any_turn_scale_and_move(angle: float, scale: float, across: float, down: float) -> None:
    """A template that was turned, scaled and moved comes back onto itself."""
    moved = cv2.transform(ALIGNED[None], similarity(angle, scale, across, down)).astype(np.float32)
    onto = alignment(moved)
    assert onto.shape == (1, 2, 3)
    assert np.abs(cv2.transform(moved.astype(np.float64), onto[0])[0] - ALIGNED).max() < 0.01 + 0.005 / scale
    part = onto[0, :, :2]
    assert part @ part.T == pytest.approx(np.eye(2) / scale**2, rel=1e-2)  # no shear and no mirror
    assert np.linalg.det(part) > 0


@given(shift=arrays(np.float64, (5, 2), elements=st.floats(-6, 6)), angle=st.floats(-3, 3), scale=st.floats(0.3, 3))
def test_no_other_similarity_lies_nearer(shift: UInt8, angle: float, scale: float) -> None:
    """Of all turns, scales and moves, it is the one of least squares: neighbours of it are no better."""
    points = (cv2.transform((ALIGNED + shift)[None], similarity(angle, scale, 300, 200))).astype(np.float32)
    onto = alignment(points)[0]

    def distance(matrix: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> float:
        return float(((cv2.transform(points.astype(np.float64), matrix)[0] - ALIGNED) ** 2).sum())

    least = distance(onto)
    for turn, grow, move in ((0.01, 1, 0), (-0.01, 1, 0), (0, 1.01, 0), (0, 0.99, 0), (0, 1, 0.5), (0, 1, -0.5)):
        around = np.vstack([onto, [0, 0, 1]])
        centre = similarity(0, 1, -56, -72), similarity(turn, grow, 56 + move, 72 + move)
        moved = np.vstack([centre[1], [0, 0, 1]]) @ np.vstack([centre[0], [0, 0, 1]]) @ around
        assert distance(moved[:2]) >= least - 1e-6


def test_many_faces_are_aligned_each_by_its_own_points() -> None:
    """Rows do not mix, and no face gives no row."""
    points = np.stack([ALIGNED, ALIGNED * 2 + 7]).astype(np.float32)
    assert np.array_equal(alignment(points)[1], alignment(points[1:])[0])
    assert alignment(points[:0]).shape == (0, 2, 3)


def test_an_aligned_patch_has_its_eyes_where_the_template_has_them(cast_folder: Path, detector: Detector) -> None:
    """Detected again in a patch three times as large, the points lie on the template's, to a few pixels."""
    frame = frame_of(portrait(cast_folder, "P003", 900))
    faces = detector.detect(frame)
    onto = alignment(faces.points)[0] * 3
    found = detector.detect(frame_of(frame.patch(onto, 336)))
    assert np.abs(found.points[0] - ALIGNED * 3).max() < 15
