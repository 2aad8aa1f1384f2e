"""Facts about intervals: the tables' figures, and resampling people."""

import pytest

from houselights.interval import interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (5, 10, 0.1871, 0.8129), (98, 100, 0.9296, 0.9976)],
)
def test_intervals_are_those_of_the_tables(successes: int, trials: int, low: float, high: float) -> None:
    """Clopper and Pearson at 95 %."""
    assert interval(successes, trials) == pytest.approx((low, high), abs=5e-5)
