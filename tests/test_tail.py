"""Facts about the tail: rates that were counted, a law where there is little to count, bounds that hold the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import genpareto

from houselights import comparisons, tail
from houselights.tail import Balance, Curve
from houselights.types import Float32


def people(count: int, seed: int, dimensions: int = 16) -> Float32:
    """Templates of strangers who are not all equally alike: some share more with the mean than others."""
    chance = np.random.default_rng(seed)
    shared = np.zeros(dimensions)
    shared[0] = 1
    found = chance.normal(size=(count, dimensions)) + chance.uniform(0, 1.5, count)[:, None] * shared
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def curve_of(templates: Float32, keep: int = 4000) -> Curve:
    """The curve of all pairs of these people."""
    who, once = np.arange(len(templates)), np.ones(len(templates), np.int64)
    found = comparisons.impostors(templates, who, keep)
    return tail.curve("photograph", found, (who, who), Balance(once, once, halved=True))


def at(curve: Curve, score: float, which: str) -> float:
    """A column of a curve at a score."""
    return float(10 ** np.interp(score, curve.scores, np.log10(np.maximum(getattr(curve, which), 1e-12))))


def test_where_there_is_enough_rates_are_counted() -> None:
    """Every rate of thirty comparisons and more is what counting pair by pair in float64 gives."""
    templates = people(300, 1)
    curve = curve_of(templates)
    wide = templates.astype(np.float64)
    pairs = (wide @ wide.T)[np.triu_indices(300, 1)]
    counted = [(score, rate) for score, rate in zip(curve.scores, curve.rates, strict=True) if rate >= curve.counted_to]
    assert len(counted) > 5
    for score, rate in counted:
        step = 6e-4  # the histogram's is 5e-4
        assert (pairs >= score + step).mean() <= rate * 1.001
        assert rate * 0.999 <= (pairs >= score - step).mean()


def test_no_rate_is_stated_below_three_in_all_comparisons() -> None:
    """R31: with n comparisons the lowest rate is 3 / n, and its upper bound is never lower than with no event seen."""
    curve = curve_of(people(150, 2))
    assert min(curve.rates) >= 3 / curve.comparisons * 0.999 == curve.lowest * 0.999
    assert min(curve.highs) >= 3.6 / curve.comparisons
    assert all(low <= rate <= high for low, rate, high in zip(curve.lows, curve.rates, curve.highs, strict=True))


@pytest.mark.parametrize(
    ("count", "low", "high"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.390), (30, 20.241, 42.827)]
)
def test_bounds_of_a_count_are_those_of_the_tables(count: int, low: float, high: float) -> None:
    """Garwood's, at 95 %."""
    found = tail.garwood(np.array([count]))
    assert (found[0][0], found[1][0]) == pytest.approx((low, high), abs=1e-3)


@pytest.mark.parametrize("shape", [-0.2, 0.1, 0.4])
def test_the_law_is_the_one_that_scores_were_drawn_from(shape: float) -> None:
    """Its survival is that of scipy's generalised Pareto law, whose shape has the other sign."""
    drawn = np.sort(genpareto.rvs(-shape, scale=0.05, size=20000, random_state=3))[::-1]
    law = tail._fit(np.append(0.3 + drawn, 0.3), np.ones((1, len(drawn))))
    asked = np.quantile(drawn, [0.5, 0.9, 0.99, 0.999])
    assert law.survival(0.3 + asked)[0] == pytest.approx(genpareto.sf(asked, -shape, scale=0.05), rel=0.25)


def test_a_comparison_drawn_twice_weighs_twice() -> None:
    """Fitting with weights is fitting with the comparisons repeated."""
    scores = np.sort(np.random.default_rng(4).exponential(0.1, 61))[::-1]
    weights = np.random.default_rng(5).integers(1, 4, 60)
    twice = np.append(np.repeat(scores[:60], weights), scores[60])
    one = tail._fit(scores, weights[None].astype(float))
    other = tail._fit(twice, np.ones((1, int(weights.sum()))))
    grid = np.linspace(scores[60], scores[0], 9)
    assert one.survival(grid) == pytest.approx(other.survival(grid), rel=0.05)


def test_bounds_hold_the_truth_for_people_who_were_not_asked() -> None:
    """R31: over forty draws of 250 people the upper bound holds the rate among 6,000 others in 95 % and more."""
    others = comparisons.impostors(people(6000, 99), np.arange(6000), 20_000)
    truths = {rate: float(others.scores[int(rate * others.comparisons)]) for rate in (1e-3, 1e-4)}
    curves = [curve_of(people(250, seed), 400) for seed in range(40)]
    for rate, score in truths.items():
        held = [at(curve, score, "highs") >= rate for curve in curves]
        near = [rate / 2 <= at(curve, score, "rates") <= 2 * rate for curve in curves]
        assert sum(held) >= 38, rate
        assert sum(near) >= 34, rate


def test_one_person_who_is_like_everybody_widens_the_bounds() -> None:
    """Comparisons that share a person are not independent: then bounds by counting alone would be too narrow."""
    shared = np.eye(1, 64)[0] * 8
    templates = np.random.default_rng(6).normal(size=(300, 64)) + shared
    templates[0] = shared
    templates = (templates / np.linalg.norm(templates, axis=1, keepdims=True)).astype(np.float32)
    curve = curve_of(templates)
    where = int(np.argmin(np.abs(np.array(curve.rates) - 5e-3)))
    count = curve.rates[where] * curve.comparisons
    assert curve.highs[where] * curve.comparisons > 1.3 * float(tail.garwood(np.array([count]))[1][0])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(100, 160))
def test_a_curve_falls_and_stays_within_its_bounds(seed: int, count: int) -> None:
    """Scores rise, rates and bounds fall, all within 0 and 1."""
    curve = curve_of(people(count, seed))
    assert list(curve.scores) == sorted(set(curve.scores))
    for column in (curve.rates, curve.lows, curve.highs):
        assert list(column) == sorted(column, reverse=True)
    assert 0 <= min(curve.lows) <= max(curve.highs) <= 1


def test_people_who_are_compared_more_often_count_more_often() -> None:
    """A draw that leaves out a person leaves out all comparisons of theirs; nobody is compared with themselves."""
    balance = Balance(np.array([2, 1, 0]), np.array([1, 1, 1]), halved=False)
    assert balance.comparisons(np.array([[1, 1, 1], [0, 1, 1], [2, 1, 0]])).tolist() == [6, 1, 6]
