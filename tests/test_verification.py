"""Facts about verification: counts against cases worked out by hand and by brute force."""

import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from labelled import data_set, world

from houselights import verification
from houselights.dataset import Dataset
from houselights.errors import CalibrationError
from houselights.evaluation import Evaluation, Figure
from houselights.lists import Pair
from houselights.result import Refusal
from houselights.types import Float32


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9), min_size=1))
def test_the_best_threshold_is_found(impostor: list[int], genuine: list[int]) -> None:
    """By trying every one."""
    found = verification.pairs_accuracy(impostor, genuine)
    tried = [sum(s < t for s in impostor) + sum(s >= t for s in genuine) for t in range(11)]
    assert (found.right, found.pairs) == (max(tried), len(impostor) + len(genuine))
    assert sum(s < found.threshold for s in impostor) + sum(s >= found.threshold for s in genuine) == found.right


def test_no_pair_is_refused() -> None:
    """There is nothing to judge."""
    with pytest.raises(CalibrationError, match="no pair"):
        verification.pairs_accuracy([], [])


def coarse(rows: list[list[int]]) -> Float32:
    """Templates of length 1 whose scores are quarters, so that many are equal."""
    return np.array([[1 if value else -1 for value in row] for row in rows], np.float32) / 2


def figure(found: Evaluation, name: str) -> Figure:
    """The figure of that name."""
    return next(each for table in found.tables for each in table.figures if each.name == name)


def by_brute_force(data: Dataset, rate: float) -> tuple[int, int]:
    """Genuine comparisons that are accepted, and all: by one comparison after the other."""
    pairs = [
        (float(data.templates[one] @ data.templates[other]), data.people[one] == data.people[other])
        for one, other in combinations(range(len(data.people)), 2)
    ]
    strangers = sorted((score for score, same in pairs if not same), reverse=True)
    own = [score for score, same in pairs if same]
    allowed = int(rate * len(strangers) + 1e-9)
    accepted = [
        score for score in own
        if sum(other >= score for other in strangers) <= allowed and score >= strangers[allowed - 1]
    ]  # fmt: skip
    return len(accepted), len(own)


ROWS = st.lists(st.lists(st.integers(0, 1), min_size=4, max_size=4), min_size=8, max_size=16)


@given(ROWS, st.sampled_from([0.5, 0.2, 0.1, 0.05]))
def test_tar_is_what_a_count_of_each_pair_gives(rows: list[list[int]], rate: float) -> None:
    """With ties, and with a person who has one photograph."""
    data = data_set(coarse(rows), [0, *(row // 2 + 1 for row in range(len(rows) - 1))])
    found = figure(verification.evaluation(verification.compare(data, [rate]), [rate]), f"TAR at FMR {rate:g}")
    if found.value is None:
        assert "3 / rate are needed" in found.note
        return
    accepted, own = by_brute_force(data, rate)
    assert (found.count, found.of, found.value) == (accepted, own, pytest.approx(accepted / own))
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high


@settings(max_examples=15)
@given(st.integers(0, 1000))
def test_the_equal_error_rate_is_where_both_errors_are_alike(seed: int) -> None:
    """Within the step of scores, by trying every threshold."""
    data = world(12, 3, seed, noise=0.9, dimensions=6)
    compared = verification.compare(data, [0.5])
    scores = np.sort(np.concatenate([compared.genuine.scores, compared.impostors.scores]))
    errors = [
        ((compared.impostors.scores >= at).mean(), (compared.genuine.scores < at).mean()) for at in [*scores, 1.1]
    ]
    nearest = min(errors, key=lambda pair: abs(pair[0] - pair[1]))
    found = figure(verification.evaluation(compared, [0.5]), "equal error rate")
    assume(found.value is not None)
    assert found.value == pytest.approx(sum(nearest) / 2, abs=0.03)


def test_an_equal_error_rate_needs_comparisons_of_both_kinds() -> None:
    """Four comparisons tell none, a world without an error tells none, some tell it roughly."""

    def told(data: Dataset) -> Figure:
        return figure(verification.evaluation(verification.compare(data, [0.5]), [0.5]), "equal error rate")

    small = told(data_set(coarse([[0, 0, 0, 1], [1, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1]]), [0, 0, 1, 1]))
    assert (small.value, small.low, small.threshold) == (None, None, None)
    assert "comparisons of different people: 4 cannot show" in small.note
    assert "comparisons of the same person: 2 cannot show" in small.note
    clear = told(world(9, 3, 1, noise=0.01, dimensions=64))
    assert clear.value is None
    assert clear.note == "neither error in 324 comparisons of different people, 27 of the same"
    rough = told(world(40, 3, 1, noise=0.6, dimensions=6))
    assert rough.value is not None
    assert rough.note.startswith("comparisons of the same person: few: 120 where 30 / rate are ")


def test_intervals_hold_the_truth() -> None:
    """In a world of thousands the TAR at FMR 3 % is known; 40 people of it, drawn 40 times, tell bounds around it."""
    whole = verification.compare(world(1500, 2, 0), [0.03])
    (at,) = whole.thresholds(np.array([0.03]))
    truth = (whole.genuine.scores >= at).mean()
    held = 0
    for seed in range(1, 41):
        few = verification.compare(world(40, 2, seed), [0.03])
        found = figure(verification.evaluation(few, [0.03]), "TAR at FMR 0.03")
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert held >= 36


def test_a_rate_that_cannot_be_shown_has_no_number() -> None:
    """20 people give 190 first comparisons: 1e-2 takes 300. Where 30 / rate are missing, a note says so."""
    compared = verification.compare(world(20, 2, 1), firsts=True)
    found = verification.evaluation(compared, [0.1, 1e-2])
    refused, told = figure(found, "TAR at FMR 0.01"), figure(found, "TAR at FMR 0.1")
    assert (refused.value, refused.low, refused.count) == (None, None, None)
    assert refused.note == "comparisons of different people: 190 cannot show 0.01: 3 / rate are needed, 300"
    assert told.note == "few: 190 where 30 / rate are 300"
    assert "NaN" not in found.to_json()
    assert json.loads(found.to_json())["what"] == "verification"


def test_the_first_photographs_alone_are_strangers_where_asked() -> None:
    """With 20 people of three photographs: 190 pairs of first ones, 1710 of all; genuine pairs stay the same."""
    data = world(20, 3, 1)
    firsts, everything = verification.compare(data, firsts=True), verification.compare(data)
    assert (firsts.impostors.comparisons, everything.impostors.comparisons) == (190, 1710)
    assert len(firsts.genuine.scores) == len(everything.genuine.scores) == 60


def test_thresholds_below_what_was_kept_come_from_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """They let in no more than is allowed, hardly less, and are held in the draws: the note says so."""
    data = world(60, 2, 2)
    whole = verification.compare(data, [0.3])
    monkeypatch.setattr(verification, "KEPT", 400)
    compared = verification.compare(data, [0.3])
    assert len(compared.impostors.scores) == 400 < compared.impostors.comparisons
    (fine,), (coarse_one,) = (each.thresholds(np.array([0.3])) for each in (whole, compared))
    assert abs(fine - coarse_one) < 0.0006
    assert (whole.impostors.scores >= coarse_one).sum() <= 0.3 * whole.impostors.comparisons
    assert "threshold held in the draws" in figure(verification.evaluation(compared, [0.3]), "TAR at FMR 0.3").note


def test_two_people_with_two_photographs_are_needed() -> None:
    """One is not enough, and neither is a template that is no number."""
    alone = data_set(coarse([[0, 0, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]]), [0, 0, 1])
    with pytest.raises(CalibrationError, match="world: 1 person with two usable photographs, expected two or more"):
        verification.compare(alone)
    broken = world(4, 2, 1)
    broken.templates[3, 0] = np.nan
    with pytest.raises(CalibrationError, match="1 templates hold values that are no numbers, the first in row 3"):
        verification.compare(broken)


def test_photographs_without_a_template_are_counted_and_named() -> None:
    """A file that is no photograph was never tried, so it is no failure to acquire."""
    lost = (Refusal("a.jpg", "no face"), Refusal("b.txt", "not a photograph by its name"))
    found = verification.evaluation(verification.compare(replace(world(9, 1, 1), lost=lost, people=np.arange(9) // 3)))
    rate = figure(found, "failure to acquire")
    assert (rate.count, rate.of, rate.note) == (1, 10, "interval over photographs")
    assert found.lost == lost


@pytest.mark.parametrize(("low", "words"), [(0, "0 more photographs"), (1, "1 more photograph")])
def test_photographs_that_a_search_would_refuse_are_counted(low: int, words: str) -> None:
    """They gave a template, so they are in every figure; the note tells how many they are."""
    rate = verification.failure_to_acquire(replace(world(4, 2, 1), usable=np.arange(8) >= low))
    assert (rate.count, rate.of) == (0, 8)
    assert rate.note == f"interval over photographs; a search would refuse {words} for their quality"


def test_pairs_are_judged_and_missing_ones_named() -> None:
    """A pair without a photograph is left out of the count; a name with ../ is a name that nobody has."""
    data = world(16, 2, 3, noise=0.02)
    same = [Pair((f"P{who:03}", 1), (f"P{who:03}", 2)) for who in range(16)]
    other = [Pair((f"P{who:03}", 1), (f"P{(who + 1) % 16:03}", 2)) for who in range(16)]
    strange = [Pair(("../P001", 1), ("../P001", 2)), Pair(("P001", 1), ("P001", 3))]
    compared = verification.compare(data)
    found = verification.evaluation(compared, pairs=[*same, *other, *strange])
    judged = figure(found, "pairs judged rightly")
    assert (judged.count, judged.of) == (32, 32)
    few = figure(verification.evaluation(compared, pairs=same[:3]), "pairs judged rightly")
    assert (few.value, few.threshold) == (None, None), "of few pairs the threshold would be a score of one of them"
    assert "2 pairs of the list lacked a usable photograph: ../P001 1, ../P001 2; P001 1, P001 3" in found.notes
    with pytest.raises(CalibrationError, match="none of 2 pairs of the list is among the photographs of world"):
        verification.evaluation(compared, pairs=strange)
