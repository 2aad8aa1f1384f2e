"""Times and rates as people read them."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import words as words_of

NOTHING = "Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"


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


@given(st.text(st.characters(categories=NOTHING)))
def test_text_that_nobody_sees_says_nothing(text: str) -> None:
    """R22, R39: a basis, a reason or evidence of spaces, controls and characters without a shape is none."""
    assert words_of.said(text) == ""


@given(st.text())
def test_what_is_said_is_kept(text: str) -> None:
    """A text in which anything can be seen comes back whole but for the white space around it."""
    said = words_of.said(text)
    assert said in {"", text.strip()}
    assert words_of.said(said) == said
    if any(c.isprintable() and c.isalnum() for c in text if c not in words_of.BLANK):
        assert said


@pytest.mark.parametrize(
    "text", ["", "\u200b", "\u2060\ufeff", "\u3164", "\u2800 \u115f", "\ufe0f", "\u0301", "\ud800"]
)
def test_blank_letters_and_marks_alone_say_nothing(text: str) -> None:
    """Fillers are letters that are drawn as nothing, and a mark is seen only on a letter."""
    assert words_of.said(text) == ""


def test_what_is_drawn_as_nothing_is_said_to_be() -> None:
    """The fillers of Hangul and the Braille pattern without dots are blank; other scripts' gap fillers are strokes."""
    names = {c: unicodedata.name(c, "") for c in map(chr, range(sys.maxunicode + 1))}
    fillers = {c for c, name in names.items() if "HANGUL" in name and "FILLER" in name}
    assert set(words_of.BLANK) == fillers | {"\u2800"}
