"""Templates: made from aligned faces, fused by quality, independent of how many come at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import centre, models
from houselights.errors import ModelError
from houselights.templates import Recogniser, fuse, fuse_shots, people, recipe, unit


@pytest.fixture(scope="module")
def recogniser(recogniser_path: Path) -> Recogniser:
    """The default recogniser."""
    return Recogniser(models.default("recogniser"), recogniser_path)


def faces(count: int) -> list[np.ndarray]:
    """Smooth random pictures in the shape of aligned faces."""
    rng = np.random.default_rng(5)
    return [np.kron(rng.integers(0, 255, (7, 7, 3), np.uint8), np.ones((16, 16, 1), np.uint8)) for _ in range(count)]


def test_templates_are_unit_vectors_and_do_not_depend_on_their_neighbours(recogniser: Recogniser) -> None:
    """One face alone and the same face among others give the same bytes."""
    together = recogniser.embed(faces(5))
    assert together.shape == (5, recogniser.dimensions)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for index, face in enumerate(faces(5)):
        assert recogniser.embed([face])[0].tobytes() == together[index].tobytes()


def test_a_single_face_is_seen_in_the_mirror_too(recogniser: Recogniser) -> None:
    """A face and its mirror image have the same template when each stands alone."""
    face = faces(1)[0]
    mirrored = np.ascontiguousarray(face[:, ::-1])
    assert np.allclose(recogniser.embed_alone([face]), recogniser.embed_alone([mirrored]), atol=1e-6)


def test_the_centre_is_taken_off_before_templates_are_compared(recogniser: Recogniser) -> None:
    """A template is the plain one less the centre, of length 1 again; lone faces are the sum of both views."""
    found = centre.built_in(recogniser.model)
    assert found is not None
    plain = recogniser.embed_plain(faces(3))
    assert np.allclose(recogniser.embed(faces(3)), unit(plain - found.vector), atol=1e-6)
    mirrored = [np.ascontiguousarray(face[:, ::-1]) for face in faces(3)]
    both = recogniser.embed(faces(3)) + recogniser.embed(mirrored)
    assert np.allclose(recogniser.embed_alone(faces(3)), unit(both), atol=1e-6)


def test_a_recipe_says_what_templates_must_have_in_common(recogniser: Recogniser) -> None:
    """Another model, or the same without its centre, has another recipe."""
    sface, other = models.named("sface"), models.named("w600k_mbf")
    assert recogniser.recipe == recipe(sface) != recipe(other)
    assert recipe(sface) != recipe(replace(sface, name="mine")), "a file of one's own has no centre"


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_shots_of_a_track_are_fused_to_length_one(count: int, seed: int) -> None:
    """In the direction of their weighted mean."""
    rng = np.random.default_rng(seed)
    shots = unit(rng.standard_normal((count, 8)).astype(np.float32))
    weights = rng.uniform(0.1, 1, count).tolist()
    fused = fuse_shots(shots, weights)
    assert np.linalg.norm(fused) == pytest.approx(1, abs=1e-6)
    assert fused @ fuse(shots, weights) == pytest.approx(np.linalg.norm(fuse(shots, weights)), abs=1e-5)


def test_a_detector_is_no_recogniser(detector_path: Path) -> None:
    """A model that does not take aligned faces is refused by name."""
    with pytest.raises(ModelError, match=r"face_detection_yunet_2023mar\.onnx. does not load"):
        Recogniser(models.default("recogniser"), detector_path)


def test_fusing_leans_towards_the_better_shot() -> None:
    """The fused template lies nearer to the template of greater weight."""
    one, other = np.eye(2, 4, dtype=np.float32)
    fused = fuse(np.stack([one, other]), [0.9, 0.3])
    assert fused @ one > fused @ other > 0
    assert np.allclose(fused, [0.75, 0.25, 0, 0])


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_a_score_with_a_fused_template_is_the_mean_of_the_scores(count: int, seed: int) -> None:
    """Fusing keeps scores between the lowest and the highest of the shots', and never lengthens a template."""
    rng = np.random.default_rng(seed)
    templates, probe = unit(rng.normal(size=(count, 16)).astype(np.float32)), unit(rng.normal(size=(1, 16)))[0]
    weights = list(rng.uniform(0.1, 1, count))
    fused = fuse(templates, weights)
    assert np.isclose(fused @ probe, np.average(templates @ probe, weights=weights), atol=1e-5)
    assert np.linalg.norm(fused) <= 1 + 1e-6


def test_shots_of_two_people_in_one_track_are_told_apart() -> None:
    """Templates that are linked through a third belong to one person; what nothing links stands alone."""
    turn = np.deg2rad([0, 60, 120, 0])
    templates = np.stack([np.cos(turn), np.sin(turn), [0, 0, 0, 0]], axis=1).astype(np.float32)
    templates[3] = [0, 0, 1]
    persons = people(templates, 0.4)
    assert persons[0] == persons[1] == persons[2] != persons[3]


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_unit_keeps_directions(count: int, seed: int) -> None:
    """Scaling to length 1 changes no angle, and a row of zeros stays zeros."""
    vectors = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    vectors[0] = 0
    scaled = unit(vectors)
    assert not scaled[0].any()
    assert np.allclose(scaled[1:] * np.linalg.norm(vectors[1:], axis=1, keepdims=True), vectors[1:], atol=1e-5)
