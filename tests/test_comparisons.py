"""Facts about comparisons: every pair of different people once, whatever the blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houselights import comparisons
from houselights.errors import CalibrationError
from houselights.types import Float32


def templates(count: int, seed: int) -> Float32:
    """Unit vectors."""
    found = np.random.default_rng(seed).normal(size=(count, 6))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=4, max_size=40), st.integers(1, 30), st.integers(1, 9))
def test_pairs_are_those_of_a_plain_loop(people: list[int], keep: int, block: int) -> None:
    """Counted, kept and named as by comparing one by one, for every size of block."""
    whose, found = np.array(people), templates(len(people), len(people))
    pairs = [(i, j) for i in range(len(people)) for j in range(i + 1, len(people)) if people[i] != people[j]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparisons, "BLOCK", block)
        if not pairs:
            with pytest.raises(CalibrationError, match="no two people to compare"):
                comparisons.impostors(found, whose, keep)
            return
        measured = comparisons.impostors(found, whose, keep)
    scores = sorted((float(found[i].astype(float) @ found[j].astype(float)) for i, j in pairs), reverse=True)
    assert measured.comparisons == len(pairs) == measured.counts.sum()
    assert measured.scores == pytest.approx(scores[:keep], abs=1e-6)
    assert all(people[i] != people[j] for i, j in measured.pairs)
    assert [float(found[i] @ found[j]) for i, j in measured.pairs] == pytest.approx(measured.scores, abs=1e-6)


def test_probes_are_compared_with_everybody_else() -> None:
    """Not with the person's own photographs."""
    probes, others = templates(3, 1), templates(5, 2)
    found = comparisons.between(probes, np.array([0, 1, 9]), others, np.array([0, 0, 1, 2, 3]), 100)
    assert found.comparisons == 3 + 4 + 5 == len(found.scores)


def test_genuine_pairs_are_those_of_one_person() -> None:
    """All pairs among a person's first photographs, with whose they are."""
    found, people = templates(7, 3), np.array([4, 2, 4, 2, 4, 4, 7])
    same = comparisons.genuine(found, people, most=3)
    assert same.people.tolist() == [2, 4, 4, 4]
    expected = [found[1] @ found[3], found[0] @ found[2], found[0] @ found[4], found[2] @ found[4]]
    assert same.scores == pytest.approx(expected, abs=1e-6)


def test_what_is_no_number_is_refused_by_row() -> None:
    """The first bad row is named."""
    found = templates(9, 4)
    found[5, 0] = np.nan
    with pytest.raises(CalibrationError, match="1 templates hold values that are no numbers, the first in row 5"):
        comparisons.impostors(found, np.arange(9), 5)
