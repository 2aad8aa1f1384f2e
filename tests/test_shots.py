"""Facts about shots: what a camera far away makes of a photographed face."""

import cv2
import numpy as np

from houselights import shots
from houselights.types import UInt8


def face() -> UInt8:
    """A picture with edges of every size, in the shape of an aligned face."""
    chance = np.random.default_rng(2)
    parts = [
        np.kron(chance.integers(0, 255, (112 // size, 112 // size, 3)), np.ones((size, size, 1))) for size in (28, 7, 2)
    ]
    return np.mean(parts, axis=0).astype(np.uint8)


def test_shots_have_the_shape_of_an_aligned_face_and_differ() -> None:
    """As many as a track has, no two the same."""
    made = shots.shots(face(), 18.0, np.random.default_rng(1))
    assert [each.shape for each in made] == [(112, 112, 3)] * shots.PER_TRACK
    assert len({each.tobytes() for each in made}) == shots.PER_TRACK


def test_the_same_chance_makes_the_same_shots() -> None:
    """A calibration can be made again."""
    one, other = (shots.shots(face(), 12.0, np.random.default_rng(7)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_smaller_face_carries_less() -> None:
    """Fine edges and quality fall with the distance between the eyes."""
    parts = np.ones(5, np.float32)
    edges, qualities = [], []
    for eyes in (30.0, 18.0, 12.0):
        made = shots.shots(face(), eyes, np.random.default_rng(3))
        edges.append(
            np.mean([cv2.Laplacian(cv2.cvtColor(each, cv2.COLOR_RGB2GRAY), cv2.CV_64F).std() for each in made])
        )
        qualities.append(np.mean([shots.quality_of(each, eyes, parts) for each in made]))
    assert edges == sorted(edges, reverse=True)
    assert qualities == sorted(qualities, reverse=True)
    assert all(0 < quality <= 1 for quality in qualities)


def test_a_turned_photograph_stays_turned() -> None:
    """Pose and detector score of a shot are those of its photograph."""
    parts = np.ones(5, np.float32)
    turned = parts.copy()
    turned[2] = 0.2
    shot = shots.shots(face(), 18.0, np.random.default_rng(3))[0]
    assert shots.quality_of(shot, 18.0, turned) < shots.quality_of(shot, 18.0, parts)
