"""Facts about verification: counts against cases worked out by hand and by brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import verification
from houselights.errors import CalibrationError


def test_acceptance_at_a_rate() -> None:
    """Of 1000 impostors a rate of 1 % lets in the ten highest; the genuine at their level or above are accepted."""
    impostor = np.arange(1000) / 1000
    (found,) = verification.verification(impostor, [0.5, 0.989, 0.99, 0.995, 2.0], [0.01])
    assert (found.threshold, found.impostors_accepted, found.genuine_accepted) == (0.99, 10, 3)
    assert (found.impostors, found.genuine, found.tar) == (1000, 5, 0.6)


def test_equal_scores_never_let_in_too_many() -> None:
    """Where the tenth and eleventh highest are equal, neither is let in."""
    (found,) = verification.verification(
        np.r_[np.zeros(985), np.full(10, 0.5), np.full(5, 0.7)], [0.5, 0.6, 0.8], [0.01]
    )
    assert (found.impostors_accepted, found.genuine_accepted) == (5, 2)


@given(st.lists(st.integers(0, 20), min_size=20), st.lists(st.integers(0, 20), min_size=1), st.floats(0.05, 0.99))
def test_a_rate_is_kept_and_no_lower_threshold_would_keep_it(
    impostor: list[int], genuine: list[int], rate: float
) -> None:
    """By counting over every threshold there is."""
    (found,) = verification.verification(np.array(impostor, float), genuine, [rate])
    allowed = int(rate * len(impostor) + 1e-9)
    assert found.impostors_accepted == sum(score >= found.threshold for score in impostor) <= allowed
    lower = [score for score in range(21) if sum(other >= score for other in impostor) <= allowed]
    assert found.genuine_accepted <= sum(score >= min(lower, default=99) for score in genuine)
    assert found.low <= found.tar <= found.high


def test_a_rate_that_cannot_be_seen_is_refused() -> None:
    """A hundred comparisons show no 1e-3; and without genuine scores there is no rate to tell."""
    with pytest.raises(CalibrationError, match=r"a false-match rate of 0\.001 cannot be seen in 100 comparisons"):
        verification.verification(np.zeros(100), [1.0], [1e-3])
    with pytest.raises(CalibrationError, match="no comparison of the same person"):
        verification.verification(np.zeros(100), [], [0.1])


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
