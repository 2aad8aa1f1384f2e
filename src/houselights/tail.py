"""Tail: how often strangers reach a score, counted where there is enough to count, and fitted where there is little.

Exceedances over a high score follow a generalised Pareto law (Pickands 1975); its parameters are taken from probability
weighted moments (Hosking and Wallis 1987, "Parameter and quantile estimation for the generalized Pareto distribution").
Bounds come from drawing people, not comparisons, with replacement, and are never narrower than those of Garwood (1936)
for a count of independent events: with no event in n comparisons that is 3.7 / n, where the rule of three says 3 / n.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from houselights.comparisons import EDGES, Impostors, Index
from houselights.interval import LEVEL, draws
from houselights.types import Float32, Float64, UInt8

ENOUGH = 30  # events from which a count is taken as it is: the rule of 30 (Doddington et al. 2000)
NONE_SEEN = 3.0  # no event in n comparisons: a rate of 3 / n at 95 %, the rule of three
FITTED_FROM, FEWEST = 1e-4, 100  # the law is fitted to the highest comparisons: this share, and so many at least
STEPS = 12  # points of a curve where there is little to count
RATES = tuple(float(f"{10 ** (-step / 8):.3g}") for step in range(73))
"""8 a power of ten: between two of them a straight line in logarithms is true to 0.2 %."""
BATCH = 50  # draws at a time


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """How many comparisons each draw of people stands for."""

    probes: Index
    """(people,) photographs of each that are compared"""
    others: Index
    """(people,) photographs of each that they are compared with"""
    halved: bool
    """Whether these are the same photographs, so that each pair is compared once."""

    def comparisons(self, weights: NDArray[np.integer]) -> Float64:
        """(draws,) for how often each person was drawn (draws, people): the same person is never compared."""
        wide = weights.astype(np.float64)
        found = (wide @ self.probes) * (wide @ self.others) - (wide**2) @ (self.probes * self.others)
        return np.asarray(found / 2 if self.halved else found, np.float64)


@dataclass(frozen=True, slots=True)
class Curve:
    """False-match rates over scores, for one kind of comparison."""

    kind: str
    people: int
    """Whose photographs are compared: what the bounds rest on."""
    comparisons: int
    scores: tuple[float, ...]
    """Rising."""
    rates: tuple[float, ...]
    """How often strangers reach each score; falling, none below 3 / comparisons."""
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    """95 % bounds of each rate."""
    counted_to: float
    """The rate down to which it was counted. Lower ones are the larger of the count and the fitted law."""
    genuine: int = 0
    """Comparisons of the same person; 0 where there were none."""
    accepted: tuple[float, ...] = ()
    """The share of them that reach each score; empty where there are none."""

    @property
    def lowest(self) -> float:
        """No rate below this one is ever stated."""
        return NONE_SEEN / self.comparisons


def curve(kind: str, found: Impostors, people: tuple[Index, Index], balance: Balance) -> Curve:
    """The curve of impostor comparisons; `people` say whose the rows of both sides are that `found.pairs` speak of."""
    tail = _Tail(found, np.stack([people[0][found.pairs[:, 0]], people[1][found.pairs[:, 1]]], axis=1), balance)
    grid = _grid(found)
    near = grid >= found.scores[-1]  # of lower scores only the histogram knows
    once = np.ones((1, len(balance.probes)), np.uint8)
    counts = tail.counts(grid[near], once)[0]
    thin = counts < ENOUGH
    rates = tail.rates(grid[near], thin, once)[0]
    drawn = np.concatenate([tail.rates(grid[near], thin, part) for part in _batches(len(balance.probes))])
    low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    fewest, most = (bound / found.comparisons for bound in garwood(counts))
    low, high = np.where(thin, fewest, np.minimum(low, fewest)), np.maximum(high, most)
    # Relative bounds widen towards the tail: those where it begins hold for what is more frequent.
    coarse = _counted(found, grid[~near])
    rates, low, high = (
        np.concatenate([np.minimum(1, coarse * each[0] / rates[0]), each]) for each in (rates, low, high)
    )
    lowest = NONE_SEEN / found.comparisons
    rates = np.minimum.accumulate(rates)
    stated = tuple(
        max(rate, lowest) if floor else lowest for rate, floor in zip(_digits(rates), rates > lowest, strict=True)
    )
    rates = np.array(stated)
    return Curve(
        kind, int((balance.probes > 0).sum()), found.comparisons, _rounded(grid), stated,
        _digits(np.minimum.accumulate(np.minimum(low, rates))), _digits(np.minimum.accumulate(np.maximum(high, rates))),
        min(1.0, ENOUGH / found.comparisons),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Tail:
    """The highest comparisons, and whose they are."""

    found: Impostors
    whose: Index
    """(k, 2) people"""
    balance: Balance

    def counts(self, grid: Float64, weights: UInt8) -> Float64:
        """(draws, grid) how many comparisons reach each score, each as often as both of its people were drawn."""
        worth = self._worth(weights, len(self.found.scores))
        sums = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(worth, axis=1, dtype=np.float64)], axis=1)
        return np.asarray(sums[:, np.searchsorted(-self.found.scores, -grid, side="right")], np.float64)

    def rates(self, grid: Float64, thin: NDArray[np.bool_], weights: UInt8) -> Float64:
        """(draws, grid) the counted rates; where they are `thin`, those of the fitted law if it says more."""
        total = np.maximum(self.balance.comparisons(weights), 1)[:, None]
        counts, most = self.counts(grid, weights), _exceedances(self.found)
        worth = self._worth(weights, most).astype(np.float64)
        fitted = worth.sum(axis=1, keepdims=True) * _fit(self.found.scores, worth).survival(grid)
        return np.asarray(np.where(thin, np.maximum(counts, fitted), counts) / total, np.float64)

    def _worth(self, weights: UInt8, most: int) -> Float32:
        one, other = self.whose[:most].T
        return weights[:, one].astype(np.float32) * weights[:, other]


def garwood(counts: NDArray[np.integer] | Float64) -> tuple[Float64, Float64]:
    """Bounds at 95 % of the expectation behind counts of independent events (Garwood 1936)."""
    tail = (1 - LEVEL) / 2
    count = np.asarray(counts, np.float64)
    low = np.where(count > 0, chi2.ppf(tail, 2 * np.maximum(count, 1)) / 2, 0.0)
    return np.asarray(low, np.float64), np.asarray(chi2.ppf(1 - tail, 2 * count + 2) / 2, np.float64)


def _grid(found: Impostors) -> Float64:
    """Scores at round rates, and evenly where there is little to count, up to where nothing is left to say."""
    total = found.comparisons
    ranks = [int(rate * total) for rate in RATES if rate * total >= ENOUGH and rate < 1]
    rare = [float(found.scores[rank - 1]) for rank in ranks if rank <= len(found.scores)]
    coarse = [_at(found, rank / total) for rank in ranks if rank > len(found.scores)]
    first = rare[-1] if rare else float(found.scores[-1])
    law = _fit(found.scores, np.ones((1, _exceedances(found))))
    last = max(float(found.scores[0]), first) + 0.02
    ends = np.linspace(first, 1.0, 400)
    share = _exceedances(found) / total * law.survival(ends)[0]
    silent = ends[share < NONE_SEEN / total]
    last = min(1.0, max(last, float(silent[0]) if len(silent) else 1.0))
    return np.unique(np.concatenate([coarse, rare, np.linspace(first, last, STEPS + 1)]))


def _at(found: Impostors, rate: float) -> float:
    """The lowest score of the histogram that no larger share reaches."""
    reached = np.cumsum(found.counts[::-1])[::-1]
    return float(EDGES[int(np.searchsorted(-reached, -rate * found.comparisons, side="left"))])


def _counted(found: Impostors, grid: Float64) -> Float64:
    reached = np.append(np.cumsum(found.counts[::-1])[::-1], 0)
    return np.asarray(reached[np.rint((grid + 1) / 2 * len(found.counts)).astype(int)] / found.comparisons, np.float64)


def _exceedances(found: Impostors) -> int:
    return min(len(found.scores) - 1, max(FEWEST, int(FITTED_FROM * found.comparisons)))


@dataclass(frozen=True, slots=True, eq=False)
class _Law:
    """The generalised Pareto law over a score, one for each draw."""

    over: float
    shape: Float64
    """(draws,) Hosking's k: the law ends at `over + scale / shape` where it is above 0"""
    scale: Float64

    def survival(self, scores: Float64) -> Float64:
        """(draws, scores) the share of exceedances that reach each score."""
        excess = np.maximum(scores - self.over, 0)[None]
        shape = np.where(np.abs(self.shape) < 1e-6, 1e-6, self.shape)[:, None]
        inner = np.maximum(1 - shape * excess / self.scale[:, None], 0)
        return np.asarray(inner ** (1 / shape), np.float64)


def _fit(scores: Float64, weights: Float64) -> _Law:
    """The law of the highest scores (falling), as many as there are weights (draws, exceedances)."""
    over = float(scores[weights.shape[1]])
    excess = scores[: weights.shape[1]] - over
    whole = np.maximum(weights.sum(axis=1), 1e-12)
    reached = (np.cumsum(weights, axis=1) - weights / 2) / whole[:, None]
    first = weights @ excess / whole
    second = (weights * reached) @ excess / whole
    apart = np.maximum(first - 2 * second, 1e-12)
    return _Law(over, np.asarray(first / apart - 2), np.maximum(2 * first * second / apart, 1e-12))


def _batches(people: int) -> list[UInt8]:
    drawn = draws(people)
    return [drawn[start : start + BATCH] for start in range(0, len(drawn), BATCH)]


def _rounded(values: Float64) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)


def _digits(values: Float64) -> tuple[float, ...]:
    return tuple(float(f"{value:.4g}") for value in values)
