"""Facts about odds in words: what was published reads as it was published, nothing reads as 0, rounding is cautious."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strangers import CALIBRATION, assumed_of, odds_of
from test_wording import bad

from houselights import odds, plain
from houselights.result import Assumed, Odds, RunnerUp, Threshold

THRESHOLD = Threshold(1e-5, 0.406, CALIBRATION, 6e-6)
WAYS = ("counted", "fitted", "bound")


def said(fmr: float, high: float | None = None, *, subjects: int = 2, tracks: int = 5, how: str = "counted") -> str:
    """Everything that is said of a rate."""
    found, rest = odds_of(fmr, high, how=how, subjects=subjects, tracks=tracks), assumed_of(subjects, tracks)
    lines = [line for pair in plain.exact(found, rest, THRESHOLD) for line in pair]
    return "\n".join([plain.sentence(found, rest), plain.rate(found), plain.anybody(found), *lines])


def lines(found: Odds, rest: Assumed) -> dict[str, str]:
    """The exact figures by their labels."""
    return dict(plain.exact(found, rest, THRESHOLD))


@pytest.mark.parametrize(
    ("subjects", "one_in", "sentence", "gallery"),
    [
        (10_000, 5882, "Among 10,000 strangers, about 2 would look", "About 1 in 5,800 strangers would score"),
        (1_000, 58_824, "Among 100,000 strangers, about 2 would look", "About 1 in 58,000 strangers would score"),
    ],
)
def test_the_pair_of_the_npl(subjects: int, one_in: int, sentence: str, gallery: str) -> None:
    """R32: 1.7e-8 a comparison is about 1 in 6,000 with 10,000 people on the list, and 1 in 60,000 with 1,000."""
    found = odds_of(1.7e-8, subjects=subjects)
    assert round(1 / found.anybody) == one_in
    text = said(1.7e-8, subjects=subjects)
    assert f"{sentence} this much like somebody on this list of {subjects:,}." in text
    assert f"{gallery} this high with at least one of {subjects:,} subjects" in text


@pytest.mark.parametrize(("subjects", "of_100"), [(10_000, 34), (1_000, 83)])
def test_the_pair_of_the_npl_with_a_prior(subjects: int, of_100: int) -> None:
    """With 1 in 10,000 on the list an alert is right 0.34 and 0.84 of the time; shares that are right round down."""
    right = odds.posterior(1e-4, 0.89, odds.anybody(1.7e-8, subjects))
    assert right == pytest.approx({34: 0.34, 83: 0.84}[of_100], abs=0.005)
    told = lines(odds_of(1.7e-8, subjects=subjects, right=right), assumed_of(subjects, prior=1e-4))
    assert told["With what was stated"] == (
        "If 1 track in 10,000 shows somebody of this gallery, a candidate that scores this high or higher is right in "
        f"about {of_100} of 100 cases. That share was stated, not measured."
    )


def test_what_the_aclu_found() -> None:
    """28 of 535 people against 25,000 photographs: 2.15e-6 a comparison reads as 53 of 1,000 strangers."""
    found, rest = odds_of(2.15e-6, 3.1e-6, subjects=25_000), assumed_of(25_000)
    assert found.anybody == pytest.approx(28 / 535, rel=1e-3)
    assert plain.sentence(found, rest) == (
        "Among 1,000 strangers, about 53 would look this much like somebody on this list of 25,000."
    )
    assert plain.anybody(found) == "about 1 in 19; by the 95 % bound 1 in 13"


def test_what_the_met_published() -> None:
    """10 false of 3,147,436 faces: about 10 are expected in as many, and the bound is nearly twice as much."""
    rate, high = 10 / 3_147_436, 5.843e-6
    found, rest = odds_of(rate, high, subjects=1, tracks=3_147_436), assumed_of(1, 3_147_436)
    assert plain.anybody(found) == "about 1 in 310,000; by the 95 % bound 1 in 170,000"
    assert plain.sentence(found, rest) == (
        "Among 1,000,000 strangers, about 4 would look this much like the one person on this list."
    )
    whole = lines(found, rest)["This search"]
    assert "give about 10 scores this high in a search like this; by the 95 % bound 19." in whole


@pytest.mark.parametrize(
    ("subjects", "each", "false"), [(100, "1 in 10,000", "2"), (1_000, "1 in 1,000", "20"), (10_000, "1 in 100", "200")]
)
def test_twenty_thousand_faces_at_one_in_a_million(subjects: int, each: str, false: str) -> None:
    """buffalo_l's threshold: 1 % of faces with 10,000 on the list; 2, 20 and 199 false alerts among 20,000 faces."""
    found, rest = odds_of(1e-6, subjects=subjects, tracks=20_000), assumed_of(subjects, 20_000, fmr=1e-6)
    assert plain.anybody(found).startswith(f"about {each};")
    assert lines(found, rest)["This search"].startswith(
        f"20,000 tracks and {subjects:,} subjects make {20_000 * subjects:,} comparisons: "
        f"strangers alone would give about {false} scores this high in a search like this;"
    )
    assert plain.by_strangers(rest) == f"Strangers alone would give about {false} candidates in a search like this."


def test_every_figure_has_its_bound_and_says_what_it_rests_on() -> None:
    """R31: the chance for this gallery with its 95 % bound, the model and the calibration; nothing is left to guess."""
    found, rest = odds_of(8.3e-6, 1.4e-5, how="fitted", subjects=40, tracks=90), assumed_of(40, 90)
    assert plain.sentence(found, rest) == (
        "Among 10,000 strangers, about 4 would look this much like somebody on this list of 40."
    )
    assert plain.rate(found) == "about 1 in 120,000"
    groups = "Published tests (NISTIR 8280) found groups of people among whom strangers score alike"
    assert lines(found, rest) == {
        "One comparison": "About 1 in 120,000 comparisons of different people score this high or higher; "
        "by the 95 % bound 1 in 71,000.",
        "This gallery": "About 1 in 3,000 strangers would score this high with at least one of 40 subjects; "
        "by the 95 % bound 1 in 1,700.",
        "This search": "90 tracks and 40 subjects make 3,600 comparisons: strangers alone would give about 0.03 scores "
        "this high in a search like this: 1 in 33 such searches; by the 95 % bound 0.051.",
        "How it is known": "Fitted: too few comparisons of the calibration scored so high to be counted, so the rate "
        "is read from a law that was fitted to its highest scores. Kind of comparison: 3 or 4 shots, clear.",
        "Measured on": f"{CALIBRATION}.",
        "Worst group": f"{groups} up to 100 times as often: then about 1 in 1,200.",
    }


def test_a_bound_says_at_most() -> None:
    """R31: where hardly anybody scored so high, every figure is "at most" its 95 % bound."""
    text = said(3.7e-7, 4.6e-7, how="bound", subjects=1, tracks=20)
    assert "about" not in text
    assert "Among 10,000,000 strangers, at most 5 would look this much like the one person on this list." in text
    assert (
        "at most 1 in 2,100,000 comparisons of different people score this high or higher, by the 95 % bound"
        in text.lower()
    )
    assert "a score this high in at most 1 in 100,000 searches like this, by the 95 % bound" in text
    assert "Only 'at most' can be said" in text


def test_what_was_left_out_is_said_to_be() -> None:
    """Without worst group and prior a candidate has no such line, and the search says what it was told."""
    assert {"Worst group", "With what was stated"}.isdisjoint(lines(odds_of(worst=None), assumed_of(worst=None)))
    assert list(plain.assumptions(assumed_of(worst=None))) == [
        "Between groups of people rates differ. For this search the figures for the worst group were left out."
    ]
    (group, prior) = plain.assumptions(assumed_of(worst=20.0, prior=0.003))
    assert "NISTIR 8280" in group
    assert "up to 20 times as often" in group
    assert prior == (
        "For this search it was stated, and not measured, that a share of 0.003 of all tracks shows somebody of this "
        "gallery."
    )


def test_a_search_in_words() -> None:
    """Whatever is expected: many, less than one, next to nothing, and where nothing was compared."""
    give = "Strangers alone would give"
    assert plain.by_strangers(assumed_of(40, 90, fmr=5.5e-6)) == (
        f"{give} about 0.02 candidates in a search like this: 1 in 50 such searches."
    )
    assert plain.by_strangers(assumed_of(40, 50, fmr=2e-4)) == (
        f"{give} about 0.4 candidates in a search like this: 40 of 100 such searches."
    )
    assert plain.by_strangers(assumed_of(1, 10)) == f"{give} a candidate in about 1 in 10,000 searches like this."
    assert plain.by_strangers(assumed_of(2, 0)) == "No track could be compared with anybody."


def test_two_who_cannot_be_told_apart() -> None:
    """T15: both names and the other's score; what a name holds changes no word around it."""
    assert plain.tie("Ana", RunnerUp("Bo", 0.41249, 1e-5)) == (
        "Cannot tell Ana from Bo: on this track Bo scores 0.412, too."
    )
    assert plain.tie("{other}", RunnerUp("{score}", 0.4, 1e-5)).startswith("Cannot tell {other} from {score}: ")


RATES = st.floats(-12, 0).map(lambda power: 10**power)
SIZES = st.integers(1, 20_000)


@st.composite
def any_odds(draw: st.DrawFn) -> tuple[Odds, Assumed]:
    """Odds of any rate, had in any way, and what they rest on."""
    fmr, subjects, tracks = draw(RATES), draw(SIZES), draw(SIZES)
    right = draw(st.sampled_from([None, 1e-9, 0.004, 0.5, 0.99999, 1.0]))
    how, high = draw(st.sampled_from(WAYS)), max(fmr, draw(RATES))
    found = odds_of(fmr, high, how=how, subjects=subjects, tracks=tracks, right=right)
    return found, assumed_of(subjects, tracks, prior=draw(st.sampled_from([0.01, 0.5, 1e-7])), fmr=fmr)


@given(any_odds())
def test_nothing_reads_as_0(drawn: tuple[Odds, Assumed]) -> None:
    """R31, R34: for any odds no wording has a figure of 0, in percent or not, and none promises more than a lead."""
    found, rest = drawn
    texts = [plain.sentence(found, rest), plain.rate(found), plain.anybody(found), plain.by_strangers(rest)]
    texts += [*plain.assumptions(rest), *lines(found, rest).values()]
    for text in texts:
        assert [figure for figure in re.findall(r"\d[\d,.]*\d|\d", text) if not value(figure)] == []
        assert not re.search(r"\dE|\de-|inf|nan", text)
        assert bad(text) == []


@given(RATES, RATES, SIZES, SIZES)
def test_what_is_rarer_never_reads_as_more_frequent(one: float, other: float, subjects: int, tracks: int) -> None:
    """Of two rates the smaller one reads as frequent as the other at most, in every wording, and never below itself."""
    low, high = sorted((one, other))
    texts = [said(rate, subjects=subjects, tracks=tracks) for rate in (low, high)]
    for small, large, exact in zip(*map(figures, texts), figures_of(low, subjects, tracks), strict=True):
        assert small <= large
        assert small >= exact * (1 - Fraction(1, 10**9))


def figures_of(fmr: float, subjects: int, tracks: int) -> list[Fraction]:
    """The figures that stand in the wordings."""
    found = odds_of(fmr, subjects=subjects, tracks=tracks)
    shares = [found.anybody, found.fmr, found.anybody, found.fmr, found.anybody, found.expected]
    return [Fraction(share) for share in shares]


def figures(text: str) -> list[Fraction]:
    """The frequencies that a reader takes from the sentence, the two in a few words, and the first three lines."""
    sentence, rate, anybody, _, one, _, gallery, _, search, *_ = text.split("\n")
    among, number = re.findall(r"Among ([\d,]+) strangers, (all|about [\d,]+)", sentence)[0]
    share = Fraction(1) if number == "all" else value(number.removeprefix("about ")) / value(among)
    expected = re.search(r"(?:give about|in about 1 in) (\d[\d,.]*)", search)
    assert expected is not None
    whole = value(expected[1])
    return [share, *map(first, (rate, anybody, one, gallery)), 1 / whole if "in about 1 in" in expected[0] else whole]


def first(text: str) -> Fraction:
    """The first share of a line."""
    found = re.search(r"1 in ([\d,]*\d)|([\d,]*\d) of 100", text)
    assert found is not None
    return 1 / value(found[1]) if found[1] else value(found[2]) / 100


def value(figure: str) -> Fraction:
    """A number as it is written."""
    return Fraction(figure.strip(".,").replace(",", ""))


@given(st.floats(0, 1), st.floats(0, 1))
def test_how_often_a_candidate_is_right_rounds_down(one: float, other: float) -> None:
    """It never reads as more than it is, never as always, and what is more often right never reads as less often so."""
    low, high = sorted((one, other))
    assume(low > 0)
    shares = [plain._right(right) for right in (low, high)]
    told = [0 if text.startswith("fewer") else int(re.findall(r"about (\d+) of 100", text)[0]) for text in shares]
    assert told[0] <= told[1] <= 99
    assert told[0] <= 100 * low
