"""Facts about the second detector: how its outputs are read, and that it finds faces where the truth has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_cover import frame_of, noise, stored_of

from houselights import centerface, fetching, models
from houselights.centerface import CENTERFACE, STRIDE, SURE
from houselights.event import Event
from houselights.faces import Detector, canvas, overlap
from houselights.footage import Footage, Tally
from houselights.types import Faces, Float32

CANVAS = (64, 32)
ROWS, COLUMNS = CANVAS[1] // STRIDE, CANVAS[0] // STRIDE
Outputs = tuple[Float32, Float32, Float32, Float32]


def outputs(**peaks: tuple[int, int, float]) -> Outputs:
    """Four outputs of nothing, but for the scores at some places (row, column)."""
    shapes = (1, 2, 2, 10)
    made = tuple(np.zeros((1, depth, ROWS, COLUMNS), np.float32) for depth in shapes)
    for row, column, score in peaks.values():
        made[0][0, 0, row, column] = score
    return made  # type: ignore[return-value]


def read(made: Outputs, lowest: float = 0.1) -> Faces:
    """The faces in some outputs."""
    return centerface.read(list(made), CANVAS, lowest)


def test_a_face_lies_where_its_centre_says() -> None:
    """Sides are logarithms of strides, height first; the place is in strides from its cell's middle, down first."""
    made = outputs(one=(3, 9, 0.9))
    made[1][0, :, 3, 9] = np.log([5.0, 3.0])
    made[2][0, :, 3, 9] = 0.25, -0.5
    faces = read(made)
    assert len(faces) == 1
    across, down = 3 * STRIDE, 5 * STRIDE
    middle = ((9 + 0.5 - 0.5) * STRIDE, (3 + 0.5 + 0.25) * STRIDE)
    assert faces.boxes[0] == pytest.approx([middle[0] - across / 2, middle[1] - down / 2, across, down])


def test_points_are_shares_of_the_box() -> None:
    """Each comes down first, from the corner of the box; ours are across first."""
    made = outputs(one=(2, 4, 0.9))
    made[1][0, :, 2, 4] = np.log([6.0, 4.0])
    made[3][0, :, 2, 4] = [0.4, 0.3, 0.4, 0.7, 0.6, 0.5, 0.8, 0.35, 0.8, 0.65]
    faces = read(made)
    left, top, width, height = faces.boxes[0]
    assert faces.points.shape == (1, 5, 2)
    shares = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    assert faces.points[0] == pytest.approx(np.array([left, top]) + shares * [width, height], abs=1e-4)


def test_only_a_local_maximum_is_a_face() -> None:
    """Its eight neighbours are the same face; two cells away is another; edges and corners of the map count too."""
    made = outputs(best=(3, 5, 0.9), beside=(3, 6, 0.8), slanted=(4, 4, 0.85), other=(3, 7, 0.6), corner=(0, 0, 0.5),
                   end=(ROWS - 1, COLUMNS - 1, 0.4))  # fmt: skip
    faces = read(made)
    middles = (faces.boxes[:, :2] + faces.boxes[:, 2:] / 2) / STRIDE - 0.5
    assert {(round(float(row)), round(float(column))) for column, row in middles} == {
        (3, 5), (0, 0), (ROWS - 1, COLUMNS - 1),
    }  # fmt: skip
    made[0][0, 0, 3, 6] = 0.5
    assert len(read(made)) == 4


@pytest.mark.parametrize(
    ("found", "score"), [(0.0, 0.0), (SURE / 2, 0.25), (SURE, 0.5), ((1 + SURE) / 2, 0.75), (1.0, 1.0)]
)
def test_scores_are_on_the_scale_of_the_first_detector(found: float, score: float) -> None:
    """What is as sure as its 0.5 is 0.5; 0 and 1 stay."""
    faces = read(outputs(one=(3, 9, found)), lowest=score)
    assert faces.scores.max() == pytest.approx(score, abs=1e-6)
    assert (len(faces) == 1) == (found > 0)


def test_scores_rise_with_what_was_found_and_the_lowest_is_a_limit() -> None:
    """No score is put before a better one."""
    values = np.linspace(0.01, 1, 50)
    scores = [float(read(outputs(one=(3, 9, value)), lowest=0.0).scores.max()) for value in values]
    assert scores == sorted(set(scores))
    kept = [len(read(outputs(one=(3, 9, value)), lowest=0.5)) for value in values]
    assert kept == [int(value >= SURE) for value in values]


def test_nothing_found_is_no_face() -> None:
    """Empty arrays of the right shapes."""
    faces = read(outputs())
    assert (faces.boxes.shape, faces.points.shape, faces.scores.shape) == ((0, 4), (0, 5, 2), (0,))
    assert faces.boxes.dtype == faces.points.dtype == faces.scores.dtype == np.float32


@pytest.fixture(scope="module")
def weights() -> Path:
    """The second detector's weights, fetched if need be."""
    return fetching.fetch(models.default("second-detector"))


def test_faces_of_the_cast_are_found_where_the_truth_has_them(film: Path, truth: Event, weights: Path) -> None:
    """Large frontal faces that nothing hides, nearly all of them, with eyes, nose and mouth inside the box in order."""
    footage = Footage(film / "event.mp4")
    detector = Detector(weights, (canvas(footage.facts.width, footage.facts.height),), family=CENTERFACE)
    wanted = found = 0
    for number, frame in enumerate(footage.frames(Tally())):
        if number % 10:
            continue
        there = [face.box for face in truth.frames[number].faces if face.visible > 0.95 and face.turn < 0.3]
        boxes = np.array([box for box in there if box[3] >= 40], np.float32).reshape(-1, 4)
        faces = detector.detect(frame)
        faces = faces[faces.scores >= 0.5]
        wanted += len(boxes)
        for row in overlap(boxes, faces.boxes) if len(faces) else ():
            best = int(row.argmax())
            if row[best] < 0.4:
                continue
            found += 1
            left, top, width, height = faces.boxes[best]
            points = (faces.points[best] - [left, top]) / [width, height]
            assert ((points > -0.1) & (points < 1.1)).all()
            eye_left, eye_right, nose, mouth_left, mouth_right = points
            assert eye_left[0] < eye_right[0]
            assert mouth_left[0] < mouth_right[0]
            assert max(eye_left[1], eye_right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
    assert wanted > 20
    assert found >= 0.9 * wanted


def test_an_empty_wall_has_no_face(weights: Path) -> None:
    """Grey, and noise."""
    detector = Detector(weights, ((320, 192),), family=CENTERFACE)
    grey = [np.full_like(plane, 120) for plane in noise("yuv420p", 320, 192)]
    for planes in (grey, noise("yuv420p", 320, 192)):
        faces = detector.detect(frame_of(stored_of("yuv420p", 320, 192, planes)))
        assert (faces.scores < 0.5).all()
