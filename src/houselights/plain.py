"""Plain: what odds say, in words. One sentence is for everybody, the figures with their bounds are for whoever checks.

Nothing reads as 0, and every rounding makes strangers seem more frequent than the figure says, never less.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_CEILING, Context, Decimal

from houselights.result import Assumed, Odds, RunnerUp, Threshold
from houselights.words import count, one_in

FEWEST = 1000
"""The sentence for everybody speaks of so many strangers, or ten times, a hundred times as many."""
LEAST = 1e-15  # a figure below reads as this one
MANY = 0.1  # above this share "30 of 100" says more than "1 in 3"
RARE, HALF = 0.01, 0.5  # of expected scores: below, only one search in so many is said; above, only their number
TIE = "Cannot tell {one} from {other}: on this track {other} scores {score:.3f}, too."
HOW = {
    "counted": "Counted in the calibration.",
    "fitted": "Fitted: too few comparisons of the calibration scored so high to be counted, so the rate is read from a "
    "law that was fitted to its highest scores.",
    "bound": "Only 'at most' can be said: hardly a comparison of the calibration scored so high.",
}


def rate(odds: Odds) -> str:
    """How often strangers score so, in a few words: `about 1 in 120,000`."""
    return f"{_about(odds)} {_share(odds.high if odds.how == 'bound' else odds.fmr)}"


def anybody(odds: Odds) -> str:
    """How often a stranger scores so with somebody of the gallery, with its bound, in a few words."""
    return _bounded(odds, "", odds.anybody, odds.anybody_high)


def sentence(odds: Odds, assumed: Assumed) -> str:
    """The odds for everybody: of so many strangers, so many would look this much like somebody on the list."""
    chance, among = Decimal(repr(max(odds.anybody_high if odds.how == "bound" else odds.anybody, LEAST))), FEWEST
    while chance * among < 1:
        among *= 10
    number = int(_up(chance * among).to_integral_value(ROUND_CEILING))
    many = "all" if number >= among else f"{_about(odds)} {number:,}"
    whom = "the one person on this list" if assumed.subjects == 1 else f"somebody on this list of {assumed.subjects:,}"
    return f"Among {among:,} strangers, {many} would look this much like {whom}."


def exact(odds: Odds, assumed: Assumed, threshold: Threshold) -> tuple[tuple[str, str], ...]:
    """The odds for whoever checks them: labels and lines, each with its bound and what it rests on."""
    return tuple(_exact(odds, assumed, threshold))


def _exact(odds: Odds, assumed: Assumed, threshold: Threshold) -> Iterator[tuple[str, str]]:
    so = "comparisons of different people score this high or higher"
    yield "One comparison", _line(_bounded(odds, so, odds.fmr, odds.high))
    subjects = "the one subject" if assumed.subjects == 1 else f"at least one of {assumed.subjects:,} subjects"
    of_them = f"strangers would score this high with {subjects}"
    yield "This gallery", _line(_bounded(odds, of_them, odds.anybody, odds.anybody_high))
    yield "This search", f"{_size(assumed)}: strangers alone would give {_search(odds)}."
    yield "How it is known", f"{HOW[odds.how]} Kind of comparison: {odds.kind}."
    yield "Measured on", f"{threshold.calibration.removesuffix('.')}."
    if odds.worst_group is not None and assumed.worst_group is not None:
        then = f"then {_about(odds)} {_share(odds.worst_group)}"
        yield "Worst group", f"{_published(assumed.worst_group)}: {then}."
    if odds.posterior is not None and assumed.prior is not None:
        right = f"a candidate that scores this high or higher is right in {_right(odds.posterior)}"
        yield "With what was stated", f"If {_prior(assumed.prior)}, {right}. That share was stated, not measured."
    elif assumed.prior is not None:
        why = "the calibration has no comparisons of the same person in this kind"
        yield "With what was stated", f"How often such a candidate is right cannot be said: {why}."


def by_strangers(assumed: Assumed) -> str:
    """How many candidates strangers alone would give in the whole search."""
    if not assumed.tracks * assumed.subjects:
        return "No track could be compared with anybody."
    return f"Strangers alone would give {_give(assumed.expected, 'about', 'candidate')}."


def assumptions(assumed: Assumed) -> Iterator[str]:
    """What a search was told to assume, and what it was told to leave out."""
    if assumed.worst_group is None:
        yield "Between groups of people rates differ. For this search the figures for the worst group were left out."
    else:
        yield f"{_published(assumed.worst_group)}. Each candidate says what that would make of its rate."
    if assumed.prior is not None:
        yield f"For this search it was stated, and not measured, that {_prior(assumed.prior)}."


def tie(subject: str, rival: RunnerUp) -> str:
    """That two subjects cannot be told apart on a track."""
    return TIE.format(one=subject, other=rival.subject, score=rival.score)


def _about(odds: Odds) -> str:
    return "at most" if odds.how == "bound" else "about"


def _bounded(odds: Odds, what: str, value: float, high: float) -> str:
    """A share of something, and its upper bound; where hardly anything was counted, the bound alone."""
    if odds.how == "bound":
        return f"at most {_share(high)}{' ' if what else ''}{what}, by the 95 % bound"
    return f"about {_share(value)}{' ' if what else ''}{what}; by the 95 % bound {_share(high)}"


def _search(odds: Odds) -> str:
    """What strangers give in a whole search, with its bound."""
    if odds.how == "bound":
        return f"{_give(odds.expected_high, 'at most', 'score', ' this high')}, by the 95 % bound"
    rare = odds.expected < RARE
    bound = f"in {_share(odds.expected_high)} searches" if rare else f"{_up(odds.expected_high):,f}"
    return f"{_give(odds.expected, 'about', 'score', ' this high')}; by the 95 % bound {bound}"


def _give(expected: float, about: str, what: str, how: str = "") -> str:
    """A number of something to be expected in one search; where it is small, also in how many searches there is one."""
    if expected < RARE:
        return f"a {what}{how} in {about} {_share(expected)} searches like this"
    said = f"{about} {_up(expected):,f} {what}s{how} in a search like this"
    return said if expected > HALF else f"{said}: {_share(expected)} such searches"


def _size(assumed: Assumed) -> str:
    made = count(assumed.tracks * assumed.subjects, "comparison")
    return f"{count(assumed.tracks, 'track')} and {count(assumed.subjects, 'subject')} make {made}"


def _published(factor: float) -> str:
    often = f"strangers score alike up to {factor:,g} times as often"
    return f"Published tests (NISTIR 8280) found groups of people among whom {often}"


def _prior(prior: float) -> str:
    """A share of tracks exactly as it was stated."""
    times = Decimal(1) / Decimal(repr(prior))
    whole = times == times.to_integral_value()
    share = f"1 track in {int(times):,}" if whole else f"a share of {Decimal(repr(prior)):f} of all tracks"
    return f"{share} shows somebody of this gallery"


def _right(posterior: float) -> str:
    """How often a candidate is right, rounded down: never 0 and never always."""
    number = int(Decimal(repr(posterior)) * 100)
    return f"about {min(number, 99)} of 100 cases" if number else "fewer than 1 of 100 cases"


def _share(share: float) -> str:
    """`1 in 120,000`; a large share as `30 of 100`."""
    if share > MANY:
        return f"{int((Decimal(repr(share)) * 100).to_integral_value(ROUND_CEILING))} of 100"
    return f"1 in {one_in(share):,}"


def _up(value: float | Decimal) -> Decimal:
    """Rounded up to two digits, without a 0 at the end of a fraction."""
    exact = Decimal(repr(max(value, LEAST))) if isinstance(value, float) else value
    return Context(prec=2, rounding=ROUND_CEILING).plus(exact).normalize()


def _line(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
