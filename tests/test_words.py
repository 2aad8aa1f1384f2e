"""Times and rates as people read them."""

import pytest

from houselights import words as words_of


@pytest.mark.parametrize(
    ("fmr", "words"),
    [
        (5.55e-06, "about 1 in 180,000"),
        (1e-05, "about 1 in 100,000"),
        (5e-07, "at most 1 in 2,000,000"),
        (4.7e-07, "at most 1 in 2,100,000"),
        (0.3, "about 1 in 3"),
        (1.0, "about 1 in 1"),
    ],
)
def test_a_rate_in_words(fmr: float, words: str) -> None:
    """A rate is one in so many, never rounded up; at the lowest rate of the calibration it is a bound."""
    assert words_of.rate_words(fmr, 5e-07) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0:00:00.000"),
        (59.9996, "0:01:00.000"),
        (3725.0414, "1:02:05.041"),
        (36000, "10:00:00.000"),
        (-0.5, "-0:00:00.500"),
    ],
)
def test_times(seconds: float, words: str) -> None:
    """A time is hours, minutes, seconds and thousandths, carried rightly."""
    assert words_of.clock(seconds) == words
