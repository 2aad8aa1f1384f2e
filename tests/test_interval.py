"""Facts about intervals: the tables' figures, resampling people, thresholds, and how often bounds hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights.interval import bounds, draws, few, interval, reaching, resampled, spread, thresholds, unsupported


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (5, 10, 0.1871, 0.8129), (98, 100, 0.9296, 0.9976)],
)
def test_intervals_are_those_of_the_tables(successes: int, trials: int, low: float, high: float) -> None:
    """Clopper and Pearson at 95 %."""
    assert interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_each_draw_has_as_many_people_as_there_are() -> None:
    """With replacement, and the same for the same seed."""
    found = draws(50, 20, seed=3)
    assert found.shape == (20, 50)
    assert (found.sum(axis=1) == 50).all()
    assert (found == draws(50, 20, seed=3)).all()
    assert (found != draws(50, 20, seed=4)).any()


def test_the_spread_leaves_out_draws_without_a_number() -> None:
    """A draw in which nobody came gives none."""
    assert spread(np.array([np.nan, *np.arange(101) / 100])) == pytest.approx((0.025, 0.975))


TRIALS = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30)


@given(TRIALS)
def test_a_person_who_is_drawn_twice_counts_twice_with_all_trials(trials: list[tuple[int, bool]]) -> None:
    """By writing out each draw."""
    drawn = draws(6, 20)
    people, flags = (np.array(column) for column in zip(*trials, strict=True))
    found = resampled(drawn, people, np.stack([flags, ~flags], axis=1))
    for counts, share in zip(drawn, found, strict=True):
        written = [flag for person, flag in trials for _ in range(counts[person])]
        if written:
            assert share == pytest.approx([np.mean(written), 1 - np.mean(written)])
        else:
            assert np.isnan(share).all()


SCORES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=1, max_size=30)


def lowest(scores: list[int], allowed: int) -> tuple[float, bool]:
    """By trying every score, and just above every score: the lowest of those scores that lets in few enough."""
    if allowed == 0:
        return max(scores), True
    last = sorted(scores, reverse=True)[min(allowed, len(scores)) - 1]
    return last, sum(score >= last for score in scores) > allowed


@given(SCORES, st.integers(0, 40))
def test_a_threshold_lets_in_no_more_than_is_allowed(scores: list[tuple[int, int]], allowed: int) -> None:
    """Ties come in together or not at all, and a score of weight 3 is as three scores."""
    ordered = sorted(scores, reverse=True)
    values, weights = (np.array(column, float) for column in zip(*ordered, strict=True))
    (found,) = thresholds(values, np.array([float(allowed)]), weights)
    written = [score for score, weight in ordered for _ in range(weight)]
    if not written:
        assert found == np.inf
        return
    at, above = lowest(written, allowed)
    assert found == (np.nextafter(at, np.inf) if above else at)
    assert reaching(values, np.array([found]), weights)[0] == sum(score >= found for score in written) <= allowed
    assert (thresholds(np.array(written, float), np.array([float(allowed)])) == found).all()


def test_without_scores_nothing_is_let_in() -> None:
    """There is no threshold to tell."""
    assert thresholds(np.empty(0), np.array([1.0])).tolist() == [np.inf]
    assert reaching(np.empty(0), np.array([0.5])).tolist() == [0.0]


def test_few_trials_are_told() -> None:
    """Rule of three and rule of 30: to show 1 in 100 takes 300 trials, and 3,000 to show it well."""
    assert unsupported(0.01, 299) == "299 cannot show 0.01: 3 / rate are needed, 300"
    assert unsupported(0.01, 300) == ""
    assert few(0.01, 2999) == "few: 2,999 where 30 / rate are 3,000"
    assert few(0.01, 3000) == ""
    assert unsupported(1e-6, 3_000_000) == few(1e-6, 30_000_000) == ""


def test_without_an_error_the_bound_is_that_of_the_people() -> None:
    """Draws of no error are all 0: nobody of 100 erring says at most 3.6 %, as nobody of 100 trials does."""
    assert bounds(0.0, np.zeros(400), 100) == interval(0, 100)
    assert bounds(1.0, np.ones(400), 100) == interval(100, 100)
    assert bounds(0.5, np.full(400, np.nan), 10) == interval(5, 10)


def test_a_threshold_that_varies_widens_the_bounds_by_its_draws_alone() -> None:
    """One draw far away does not make a hundred people speak for two."""
    held = np.random.default_rng(1).normal(0.1, 0.01, 400)
    wide = np.where(np.arange(400) < 5, 0.9, held)
    assert bounds(0.1, wide, 100, held=held)[1] < 0.15
    assert bounds(0.1, wide, 100)[1] > 0.15


@pytest.mark.parametrize(("mean", "people"), [(0.005, 100), (0.02, 100), (0.1, 60), (0.5, 40)])
def test_bounds_hold_the_truth(mean: float, people: int) -> None:
    """In 19 of 20 worlds of people who differ, give or take chance; percentiles alone fail where errors are few."""
    chance, drawn, held, alone = np.random.default_rng(7), draws(people), 0, 0
    for _ in range(200):
        each = chance.beta(mean, 1 - mean, people)
        who = np.repeat(np.arange(people), chance.integers(1, 6, people))
        erred = chance.random(len(who)) < each[who]
        again = resampled(drawn, who, erred[:, None])[:, 0]
        low, high = bounds(float(erred.mean()), again, people)
        held += low <= mean <= high
        alone += spread(again)[0] <= mean <= spread(again)[1]
    assert held >= 182
    assert alone < held
