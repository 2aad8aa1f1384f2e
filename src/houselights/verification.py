"""Verification: how well scores part the same person from strangers, at rates that the comparisons can support."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from houselights.comparisons import EDGES, Genuine, Impostors, Index, check, genuine, impostors
from houselights.dataset import MOST, Dataset
from houselights.errors import CalibrationError
from houselights.evaluation import Chart, Evaluation, Figure, Series, Table
from houselights.interval import bounds, draws, few, interval, reaching, resampled, thresholds, unsupported
from houselights.lists import Pair
from houselights.photograph import SUFFIXES
from houselights.types import Float64, UInt8
from houselights.words import count, persons

RATES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
KEPT = 500_000  # the highest comparisons of different people that are drawn anew; below them the threshold is held
CURVE = 40  # points of a curve
NAMED = 5  # of a list that a note names
FEW_PEOPLE = 30  # fewer than these do not speak for others: a figure of them is one of persons


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A data set, all pairs of it compared, and how often each person comes in each draw."""

    dataset: Dataset
    rows: Index
    """(m,) the photographs that make impostor pairs: all, or the first of each person."""
    impostors: Impostors
    """Its pairs are indices into `rows`."""
    genuine: Genuine
    draws: UInt8
    """(replicates, people)"""

    @property
    def who(self) -> tuple[Index, Index]:
        """Of the highest impostor pairs: both people."""
        one, other = self.dataset.people[self.rows[self.impostors.pairs.T]]
        return one, other

    @property
    def totals(self) -> Float64:
        """(replicates,) what all impostor comparisons weigh in each draw: w_i * w_j for each pair of photographs."""
        photographs = np.bincount(self.dataset.people[self.rows], minlength=len(self.dataset.names))
        weights = (drawn.astype(np.float64) * photographs for drawn in self.draws)
        return np.array([(each.sum() ** 2 - (each**2).sum()) / 2 for each in weights])

    def thresholds(self, rates: Float64) -> Float64:
        """(r,) the score from which on at most a share `rates` of the impostor comparisons lie."""
        found = thresholds(self.impostors.scores, rates * self.impostors.comparisons)
        above = np.append(self.impostors.counts[::-1].cumsum()[::-1], 0)
        steps = [int(np.argmax(above <= rate * self.impostors.comparisons)) for rate in rates]
        return np.where(self.is_kept(rates), found, EDGES[steps])

    def is_kept(self, rates: Float64) -> NDArray[np.bool_]:
        """(r,) whether the comparisons that were kept reach far enough below a rate to draw its threshold anew."""
        kept, comparisons = len(self.impostors.scores), self.impostors.comparisons
        return np.asarray((kept == comparisons) | (1.5 * rates * comparisons + 100 <= kept))

    def reached(self, score: float) -> tuple[int, Float64]:
        """How many impostor comparisons reach a score, and (replicates,) the share in each draw.

        Below the comparisons that were kept there are no draws, and the number is that of the step of scores.
        """
        found = self.impostors
        if found.scores[-1] > score and len(found.scores) < found.comparisons:
            step = int(np.searchsorted(EDGES, score, side="right")) - 1
            return int(found.counts[step:].sum()), np.empty(0)
        reached = int((found.scores >= score).sum())
        one, other = (people[:reached] for people in self.who)
        weights = np.array([drawn[one].astype(np.float64) @ drawn[other] for drawn in self.draws])
        totals = self.totals
        return reached, weights / np.where(totals > 0, totals, np.nan)

    def refused(self, score: float) -> tuple[int, Float64]:
        """How many genuine comparisons lie below a score, and (replicates,) the share in each draw."""
        below = self.genuine.scores < score
        return int(below.sum()), resampled(self.draws, self.genuine.people, below[:, None])[:, 0]


def compare(dataset: Dataset, rates: Iterable[float] = RATES, *, firsts: bool = False) -> Compared:
    """All pairs of a data set compared: those of different people, and those of a person's first ten photographs.

    With `firsts` only the first photograph of each person is compared with those of others, as docs/odds.md does.

    Raises:
        CalibrationError: a template is no number, or fewer than two people have two photographs.
    """
    check(dataset.templates)
    several = int((np.bincount(dataset.people, minlength=len(dataset.names)) > 1).sum())
    if several < 2:
        message = f"{dataset.name}: {persons(several)} with two usable photographs, expected two or more"
        raise CalibrationError(message, hint="one folder a person, with several photographs in it")
    rows = dataset.firsts if firsts else np.arange(len(dataset.people))
    photographs = np.bincount(dataset.people[rows])
    comparisons = (len(rows) ** 2 - int((photographs**2).sum())) // 2
    keep = min(KEPT, int(2 * max(rates, default=0.0) * comparisons) + 1000)
    return Compared(
        dataset,
        rows,
        impostors(dataset.templates[rows], dataset.people[rows], keep),
        genuine(dataset.templates, dataset.people, MOST),
        draws(len(dataset.names)),
    )


def evaluation(
    compared: Compared,
    rates: Sequence[float] = RATES,
    facts: tuple[tuple[str, str], ...] = (),
    *,
    pairs: Sequence[Pair] = (),
    more: tuple[Table, ...] = (),
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """TAR at false-match rates, equal error rate, failure to acquire, accuracy on `pairs`, the curve of both errors.

    A rate, asked for or found, that the comparisons cannot support gets a figure without a value, and a note that says
    what is missing.
    `more` are tables to put behind these, of groups for example, and `notes` what must be known of those.

    Raises:
        CalibrationError: pairs were given and none of them can be judged.
    """
    data, found = compared.dataset, _curve(compared, rates)
    accuracy, missing = _accuracy(compared, pairs) if pairs else ((), ())
    return Evaluation(
        what="verification",
        data=f"{data.name}: {count(len(data.files), 'photograph')} of {len(data.names):,} people",
        facts=(*facts, *facts_of(compared)),
        tables=(
            Table("True accept rate", tuple(_acceptances(compared, rates, found)), _TAR_NOTE),
            Table("All scores together", (_equal(compared, found), failure_to_acquire(data), *accuracy)),
            *more,
        ),
        charts=(_det(found),),
        notes=(*notes, *missing, *data.doubts()),
        lost=data.lost + data.duplicates + data.left_out,
    )


_TAR_NOTE = (
    "How many comparisons of the same person reach the score that at most such a share of comparisons of different "
    "people reaches. 95 % intervals over people: who is drawn, and the threshold, anew in each draw."
)


def facts_of(compared: Compared) -> Iterator[tuple[str, str]]:
    """How many comparisons there were, in words."""
    firsts = " (first photograph of each)" if len(compared.rows) < len(compared.dataset.files) else ""
    yield "comparisons of different people", f"{compared.impostors.comparisons:,}{firsts}"
    several = len(np.unique(compared.genuine.people))
    yield "comparisons of the same person", f"{len(compared.genuine.scores):,} of {several:,} people"


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """Shares of genuine comparisons that are accepted, at rates that the comparisons show, rising."""

    rates: Float64
    thresholds: Float64
    accepted: Float64
    """(r,) 0 to 1."""
    drawn: Float64
    """(replicates, r) the same in each draw; nan where nobody with two photographs was drawn."""
    held: Float64
    """(replicates, r) the same, with the threshold held."""
    people: int
    """With two photographs and more."""

    def bounds(self, place: int) -> tuple[float, float]:
        """Of the accepted share at one of the rates."""
        return bounds(float(self.accepted[place]), self.drawn[:, place], self.people, held=self.held[:, place])


def _curve(compared: Compared, rates: Sequence[float]) -> _Curve:
    comparisons = compared.impostors.comparisons
    shown = [rate for rate in rates if not unsupported(rate, comparisons)]
    grid = np.geomspace(min(0.5, 3 / comparisons), 0.5, CURVE)
    all_rates = np.unique(np.concatenate([grid, shown]))
    at = compared.thresholds(all_rates)
    reach = compared.genuine.scores[:, None] >= at
    held = resampled(compared.draws, compared.genuine.people, reach)
    people = len(np.unique(compared.genuine.people))
    return _Curve(all_rates, at, reach.mean(axis=0), _drawn(compared, all_rates, at), held, people)


def _drawn(compared: Compared, rates: Float64, at: Float64) -> Float64:
    """The accepted shares with people drawn anew, and the thresholds with them where enough comparisons were kept."""
    one, other = compared.who
    order = np.argsort(-compared.genuine.scores, kind="stable")
    same, whose = compared.genuine.scores[order], compared.genuine.people[order]
    kept = compared.is_kept(rates)
    found = np.empty((len(compared.draws), len(rates)))
    for row, (drawn, total) in enumerate(zip(compared.draws, compared.totals, strict=True)):
        weights = drawn[one].astype(np.float64) * drawn[other]
        again = np.where(kept, thresholds(compared.impostors.scores, rates * total, weights), at)
        own = drawn[whose].astype(np.float64)
        found[row] = reaching(same, again, own) / (own.sum() or np.nan)
    return found


def _acceptances(compared: Compared, rates: Sequence[float], curve: _Curve) -> Iterator[Figure]:
    comparisons, own = compared.impostors.comparisons, len(compared.genuine.scores)
    for rate in rates:
        name = f"TAR at FMR {rate:g}"
        if why := unsupported(rate, comparisons):
            yield Figure(name, None, note=f"comparisons of different people: {why}")
            continue
        place = int(np.flatnonzero(curve.rates == rate)[0])
        share = float(curve.accepted[place])
        low, high = curve.bounds(place)
        notes = [few(rate, comparisons), "" if compared.is_kept(curve.rates)[place] else "threshold held in the draws"]
        yield Figure(
            name, share, low, high, round(share * own), own, float(curve.thresholds[place]),
            "; ".join(filter(None, notes)),
        )  # fmt: skip


def _equal(compared: Compared, curve: _Curve) -> Figure:
    """The error rate where as large a share of the same people is refused as of different people is accepted.

    Without a value where the comparisons of either kind cannot show so low a rate.
    """
    name, strangers, own = "equal error rate", compared.impostors.comparisons, len(compared.genuine.scores)
    above = compared.impostors.counts[::-1].cumsum()[::-1] / strangers
    refused = np.searchsorted(np.sort(compared.genuine.scores), EDGES[:-1]) / own
    place = int(np.argmin(np.abs(above - refused)))
    share = float(above[place] + refused[place]) / 2
    if share == 0:
        return Figure(
            name, None, note=f"neither error in {strangers:,} comparisons of different people, {own:,} of the same"
        )
    kinds = (("different people", strangers), ("the same person", own))
    if missing := [f"comparisons of {kind}: {why}" for kind, trials in kinds if (why := unsupported(share, trials))]:
        return Figure(name, None, note="; ".join(missing))
    again = np.array([_crossing(curve.rates, 1 - row) for row in curve.drawn])
    low, high = bounds(share, again, curve.people, held=compared.refused(float(EDGES[place]))[1])
    notes = [f"comparisons of {kind}: {why}" for kind, trials in kinds if (why := few(share, trials))]
    return Figure(name, share, low, high, threshold=float(EDGES[place]), note="; ".join(notes))


def _crossing(rates: Float64, refused: Float64) -> float:
    """Where falling shares of refused meet rising rates; nan where they do not, or are none."""
    apart = refused - rates
    if apart[0] <= 0:  # already where the fewest comparisons are accepted that are looked at
        return float(refused[0] + rates[0]) / 2
    if not apart[-1] < 0:
        return np.nan
    after = int(np.argmax(apart <= 0))
    part = apart[after - 1] / (apart[after - 1] - apart[after])
    return float(rates[after - 1] + part * (rates[after] - rates[after - 1]))


def failure_to_acquire(dataset: Dataset) -> Figure:
    """The share of photographs that gave no template; its interval is over photographs.

    The note says how many more a search would refuse for their quality, where that is known.
    """
    lost = sum(Path(each.file).suffix.lower() in SUFFIXES for each in dataset.lost)  # other files were never tried
    tried = lost + len(dataset.files)
    notes = ["interval over photographs"]
    if len(dataset.usable):
        more = int((~dataset.usable).sum())
        notes.append(f"a search would refuse {count(more, 'more photograph')} for their quality")
    return Figure("failure to acquire", lost / tried, *interval(lost, tried), lost, tried, note="; ".join(notes))


def _det(curve: _Curve) -> Chart:
    """Both errors against each other."""
    shares = [curve.bounds(place) for place in range(len(curve.rates))]
    line = Series(
        "all people",
        tuple(map(float, curve.rates)),
        tuple(map(float, 1 - curve.accepted)),
        low=tuple(1 - high for _, high in shares),
        high=tuple(1 - low for low, _ in shares),
    )
    return Chart(
        "FNMR by FMR", "FMR: different people accepted", "FNMR: same person refused", (line,), x_log=True, y_log=True
    )


def _accuracy(compared: Compared, pairs: Sequence[Pair]) -> tuple[tuple[Figure, ...], tuple[str, ...]]:
    """How many pairs of a list one threshold judges rightly; and which of them name a photograph that is not there."""
    data = compared.dataset
    places = {(file.parent.name, file.stem): row for row, file in enumerate(data.files)}
    named = [[places.get((name, f"{name}_{number:04d}")) for name, number in (pair.one, pair.other)] for pair in pairs]
    known = [(one, other) for one, other in named if one is not None and other is not None]
    lost = [pair for pair, places in zip(pairs, named, strict=True) if None in places]
    if not known:
        message = f"none of {count(len(pairs), 'pair')} of the list is among the photographs of {data.name}"
        raise CalibrationError(message, hint="expected NAME/NAME_0001.jpg for the pair line NAME 1 2, as in LFW")
    rows = np.array(known, np.int64).reshape(-1, 2)
    scores = np.einsum("ij,ij->i", data.templates[rows[:, 0]], data.templates[rows[:, 1]]).astype(np.float64)
    one, other = data.people[rows.T]
    best = pairs_accuracy(scores[one != other], scores[one == other])
    right = (scores >= best.threshold) == (one == other)
    weights = compared.draws[:, one] * np.where(one == other, 1.0, compared.draws[:, other])
    low, high = bounds(
        best.share, weights @ right / np.maximum(weights.sum(axis=1), 1), len(np.unique(data.people[rows]))
    )
    if best.pairs < FEW_PEOPLE:  # the threshold would be the score of one of them
        missing = f"{count(best.pairs, 'pair')} can be judged: expected {FEW_PEOPLE} or more"
        return (Figure("pairs judged rightly", None, of=best.pairs, note=missing),), _missing(lost)
    note = "at the threshold that judges most of these pairs rightly"
    figure = Figure("pairs judged rightly", best.share, low, high, best.right, best.pairs, best.threshold, note)
    return (figure,), _missing(lost)


def named(words: str, names: Sequence[str]) -> str:
    """A note: how many names there are, and the first of them; empty where there are none."""
    first = ", ".join(f"'{name}'" for name in names[:NAMED])
    return f"{words}: {count(len(names), 'name')} ({first}{', ...' if len(names) > NAMED else ''})" if names else ""


def _missing(pairs: Sequence[Pair]) -> tuple[str, ...]:
    if not pairs:
        return ()
    first = "; ".join(f"{pair.one[0]} {pair.one[1]}, {pair.other[0]} {pair.other[1]}" for pair in pairs[:NAMED])
    more = "; ..." if len(pairs) > NAMED else ""
    return (f"{count(len(pairs), 'pair')} of the list lacked a usable photograph: {first}{more}",)


@dataclass(frozen=True, slots=True)
class PairsAccuracy:
    """How many pairs one threshold judges rightly, at the threshold that judges most rightly."""

    right: int
    pairs: int
    threshold: float
    """Chosen on the same pairs: the figure is what the scores allow, not what a threshold set before would reach."""

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.right / self.pairs


def pairs_accuracy(impostor: ArrayLike, own: ArrayLike) -> PairsAccuracy:
    """The highest number of right judgements "same" (at the threshold or above) and "different" (below it).

    Raises:
        CalibrationError: there is no pair.
    """
    strangers, same = np.sort(np.asarray(impostor).ravel()), np.sort(np.asarray(own).ravel())
    thresholds = np.append(np.concatenate([strangers, same]), np.inf)
    if len(thresholds) == 1:
        raise CalibrationError("no pair to judge", hint="give scores of pairs")
    right = np.searchsorted(strangers, thresholds) + len(same) - np.searchsorted(same, thresholds)
    best = int(np.argmax(right))
    return PairsAccuracy(int(right[best]), len(thresholds) - 1, float(thresholds[best]))
