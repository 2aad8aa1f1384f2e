"""Facts about the centre: what all faces share, bound to one recogniser."""

from dataclasses import replace

import numpy as np
import pytest

from houselights import centre, models
from houselights.errors import CalibrationError

SFACE = models.named("sface")


def test_a_centre_is_the_mean_of_templates() -> None:
    """Rounded, so that the file and the memory hold the same."""
    templates = np.random.default_rng(1).normal(size=(120, 5)).astype(np.float32)
    found = centre.measure(SFACE, "made up", templates)
    assert found.vector == pytest.approx(templates.mean(axis=0), abs=1e-6)
    assert (found.people, found.sha256) == (120, SFACE.sha256)


def test_what_comes_along_serves_its_recogniser_alone() -> None:
    """It bears the sha256 of the table. Other weights of that name get none, and neither does a model without one."""
    found = centre.built_in(SFACE)
    assert found is not None
    assert found.vector.shape == (128,)
    assert 0 < float(np.linalg.norm(found.vector)) < 1
    assert centre.built_in(replace(SFACE, sha256="0" * 64)) is None
    assert centre.built_in(models.named("w600k_mbf")) is None


def test_another_centre_has_another_digest() -> None:
    """So that no calibration and no watchlist is used with another."""
    templates = np.random.default_rng(1).normal(size=(120, 5)).astype(np.float32)
    one, other = centre.measure(SFACE, "a", templates), centre.measure(SFACE, "b", templates[:110])
    assert one.digest != other.digest
    assert one.digest == centre.measure(SFACE, "another name", templates).digest


def test_too_few_people_have_no_centre() -> None:
    """And neither have values that are no numbers."""
    with pytest.raises(CalibrationError, match="99 templates"):
        centre.measure(SFACE, "few", np.zeros((99, 4), np.float32))
    with pytest.raises(CalibrationError, match="made of numbers"):
        centre.measure(SFACE, "broken", np.full((100, 4), np.nan, np.float32))
