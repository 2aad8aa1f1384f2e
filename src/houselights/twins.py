"""Twins: people whose photographs are alike, and how many strangers alone would be so alike in a gallery of this size.

A score between two people is the mean over their photographs, as in a search. It says that they look alike to a
recogniser, and nothing of who they are to each other: the numbers beside it say how little that can mean.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from houselights.files import as_json
from houselights.gallery import Gallery, Subject
from houselights.odds import Calibration, Rate
from houselights.result import ModelUse, RecordUse, Refusal, Threshold
from houselights.search import MARGIN, alike, score
from houselights.words import count, one_in, persons, rate_words

LOOKALIKES, DOUBLES = "houselights/lookalikes/1", "houselights/doubles/1"
TWICE = 0.01
"""Taken for granted: one in a hundred people of a gallery stands in it under a second name."""
SELDOM = 1e-5
"""A calibration that does not measure so low a rate does not say who is one person."""
ONE_PERSON = "More likely one person under two names, or twins, than two strangers."
ASKER = "So near that it is more likely a photograph of the person who asks, under another name, than a stranger."
NEAR = 0.9  # a score whose rate is lower than so much of the one asked for is the end of the calibration
HALF = 0.5  # a median: half of all galleries have a nearer stranger


class Rated:
    """Something with a rate, in words."""

    __slots__ = ()
    fmr: float
    high: float
    how: str

    @property
    def rate(self) -> str:
        """How often strangers score so."""
        said = self.high if self.how == "bound" else self.fmr
        return "too many to be measured" if self.fmr >= 1 else f"{_about(self.how)} 1 in {one_in(said):,}"

    @property
    def bound(self) -> str:
        """The upper bound of that."""
        return f"1 in {one_in(self.high):,}"


@dataclass(frozen=True, slots=True)
class Pair(Rated):
    """Two people of one gallery who could be taken for each other."""

    one: str
    other: str
    photographs: tuple[str, str]
    """The photograph of each that is most like one of the other's."""
    score: float
    """-1 to 1, rounded to 1e-6: the mean cosine between all their photographs, by quality."""
    fmr: float
    """How often two strangers score so high or higher; never 0."""
    high: float
    """Its upper 95 % bound."""
    how: str
    """`counted`, `fitted` where too few were counted, or `bound`: nothing can be said but "at most"."""
    expected: float
    """How many pairs of strangers would score so high or higher among as many pairs as were compared."""
    twice: bool
    """Whether one person under two names, or twins, are more likely than two strangers; see `is_twice`."""


@dataclass(frozen=True, slots=True)
class Near(Rated):
    """Somebody who looks like the person who asks."""

    rank: int
    name: str
    photograph: str
    """The one that is most like the photograph of who asks."""
    score: float
    fmr: float
    high: float
    """The rate's upper 95 % bound."""
    how: str
    """`counted`, `fitted` or `bound`, as for a pair."""
    expected: float
    """How many of as many unrelated people as were compared would be so near or nearer."""
    twice: bool
    """Whether another photograph of who asks, under another name, is more likely than a stranger."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """How near the nearest of many unrelated people would be: half of all galleries have a nearer one."""

    people: int
    score: float
    bound: str
    """`about`; `below` or `above` where the calibration does not reach the score."""


@dataclass(frozen=True, slots=True)
class Shared:
    """One photograph, byte for byte, under several names."""

    names: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class People:
    """Whose photographs were compared."""

    people: int
    photographs: int
    """In use: refused ones are not counted."""
    refused: tuple[Refusal, ...]
    duplicates: tuple[Refusal, ...]
    """Photographs whose bytes stand in the gallery already; the reason names the first."""
    digest: str
    """SHA-256 over names and the photographs' SHA-256, sorted."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a comparison says of itself: why, on whose authority, when, with what."""

    purpose: str
    basis: str
    authorised_by: str
    started: str
    """UTC, ISO 8601."""
    finished: str
    record: RecordUse
    models: tuple[ModelUse, ...]
    threshold: Threshold
    gallery: People

    @property
    def rate(self) -> str:
        """The threshold's rate in words."""
        return rate_words(self.threshold.fmr, self.threshold.lowest_fmr)


@dataclass(frozen=True, slots=True)
class Lookalikes:
    """Who in a gallery could be taken for whom."""

    made: Made
    compared: int
    """Pairs of people."""
    expected: float
    """Pairs that strangers alone would give from the threshold on."""
    pairs: tuple[Pair, ...]
    """Those that reach the threshold, the highest first."""
    shared: tuple[Shared, ...]

    @property
    def summary(self) -> str:
        """The outcome in plain words."""
        found, reach = len(self.pairs), f"{self.made.threshold.score:.3f}, as {self.made.rate} pairs of strangers do"
        how_many = "None" if found == 0 else f"{found:,}"
        return (
            f"{how_many} of {count(self.compared, 'pair')} of people score{'' if found > 1 else 's'} at least {reach}."
        )

    def by_strangers(self, pair: Pair) -> str:
        """How many pairs like one of these there would be if all people were strangers."""
        return pairs_words(pair.expected, self.compared, at_most=pair.how == "bound")

    @property
    def closing(self) -> str:
        """How many pairs there would be if all of them were strangers."""
        at_most = self.made.threshold.fmr <= self.made.threshold.lowest_fmr
        return f"From {self.made.threshold.score:.3f} on {pairs_words(self.expected, self.compared, at_most=at_most)}"

    def to_json(self) -> str:
        """The document behind `--json`, schema `houselights/lookalikes/1`."""
        return as_json(LOOKALIKES, asdict(self))


@dataclass(frozen=True, slots=True)
class Doubles:
    """Who in a gallery is most like somebody who asks."""

    made: Made
    name: str
    photograph: str
    left_out: int
    """Photographs of the gallery with the bytes of theirs, or under their name."""
    stranger: Stranger
    nearest: tuple[Near, ...]

    @property
    def summary(self) -> str:
        """What was compared, and what was left out."""
        people, own = self.made.gallery, f"{count(self.left_out, 'photograph')} of their own left out"
        return f"Compared with {persons(people.people)} by {count(people.photographs, 'photograph')}; {own}."

    def by_strangers(self, near: Near) -> str:
        """How many unrelated people would be expected to be so near."""
        return near_words(near, self.stranger.people)

    @property
    def closing(self) -> str:
        """The sentence that shows a double for what it is."""
        return stranger_words(self.stranger)

    def to_json(self) -> str:
        """The document behind `--json`, schema `houselights/doubles/1`."""
        return as_json(DOUBLES, asdict(self))


def pairs_of(people: int) -> int:
    """How many pairs there are of so many people."""
    return people * (people - 1) // 2


def pairs(gallery: Gallery, threshold: float, calibration: Calibration) -> tuple[Pair, ...]:
    """Every pair of subjects whose score reaches the threshold, the highest first."""
    compared = pairs_of(len(gallery.subjects))
    found = []
    for one, other, exact in alike(gallery, threshold):
        rate = calibration.rate(exact)
        found.append(
            Pair(
                one=one.name,
                other=other.name,
                photographs=_closest(one, other),
                score=exact,
                fmr=rate.fmr,
                high=rate.high,
                how=rate.how,
                expected=compared * rate.said,
                twice=is_twice(rate, len(gallery.subjects) - 1),
            )
        )
    return tuple(sorted(found, key=lambda pair: (-pair.score, pair.one, pair.other)))


def nearest(asker: Subject, gallery: Gallery, most: int, calibration: Calibration) -> tuple[Near, ...]:
    """The `most` people of a gallery who are most like somebody, the nearest first, however far they are."""
    people = len(gallery.subjects)
    rough = gallery.templates @ asker.template
    least = np.sort(rough)[-min(most, people)] - MARGIN
    those = [gallery.subjects[int(place)] for place in np.flatnonzero(rough >= least)]
    scored = [(score(asker.template, each.template), each) for each in those]
    found = []
    for rank, (exact, each) in enumerate(sorted(scored, key=lambda pair: (-pair[0], pair[1].name))[:most], 1):
        rate = calibration.rate(exact)
        found.append(
            Near(
                rank=rank,
                name=each.name,
                photograph=_closest(asker, each)[1],
                score=exact,
                fmr=rate.fmr,
                high=rate.high,
                how=rate.how,
                expected=people * rate.said,
                twice=is_twice(rate, people),
            )
        )
    return tuple(found)


def stranger(people: int, calibration: Calibration) -> Stranger:
    """How near the nearest of so many unrelated people would be, by the calibration."""
    rate = -math.expm1(math.log(HALF) / people)  # of which 1 - (1 - rate) ** people is a half
    if rate < calibration.lowest_rate:
        return Stranger(people, calibration.score_at(calibration.lowest_rate), "above")
    reached = calibration.score_at(rate)
    return Stranger(people, reached, "below" if calibration.fmr_at(reached) < NEAR * rate else "about")


def is_twice(rate: Rate, others: int) -> bool:
    """Whether a score of that rate speaks for one person under two names, among so many others.

    It has to be higher than almost all that strangers reached in the calibration, two at most reached it, and that has
    to reach down to `SELDOM`. And somebody has others x rate strangers so like them: that has to be less than the
    chance to stand there under a second name, `TWICE`.
    """
    return rate.how == "bound" and rate.said <= SELDOM and others * rate.said < TWICE


def pairs_words(expected: float, compared: int, *, at_most: bool) -> str:
    """How many pairs strangers alone would give, of so many pairs."""
    about = "at most" if at_most else "about"
    if expected > HALF:
        return f"strangers alone would give {about} {count(_up(expected), 'such pair')} of {compared:,}."
    return f"strangers alone would give such a pair in {about} 1 of {one_in(expected):,} galleries of this size."


def near_words(near: Near, people: int) -> str:
    """How many unrelated people would be expected to be so near, of so many."""
    about, among = _about(near.how), f"{people:,} unrelated people"
    if near.fmr >= 1:
        return f"Many of {among} would be expected to be this near or nearer."
    if near.expected > HALF:
        about = about.capitalize()
        return f"{about} {_up(near.expected):,} of {among} would be expected to be this near or nearer."
    galleries = f"{about} 1 of {one_in(near.expected):,} such galleries"
    return f"One of {among} would be expected to be this near or nearer in {galleries}."


def stranger_words(far: Stranger) -> str:
    """How near the nearest of many unrelated people would be."""
    who = "The nearest of 1 unrelated person" if far.people == 1 else f"The nearest of {far.people:,} unrelated people"
    where = f"at {far.bound} score" if far.bound == "about" else f"{far.bound} score"
    return f"{who} would be expected {where} {far.score:.3f}."


def _about(how: str) -> str:
    return "at most" if how == "bound" else "about"


def _up(expected: float) -> int:
    """A number of people or pairs, rounded so that strangers never seem fewer."""
    return max(1, math.ceil(round(expected, 6)))


def _closest(one: Subject, other: Subject) -> tuple[str, str]:
    """The photographs of two people that are most alike."""
    scores = np.round(one.templates @ other.templates.T, 6)
    row, column = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return str(one.references[int(row)].file), str(other.references[int(column)].file)
