"""Intervals: how far a share that was counted may be from the truth, for trials and for people."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from houselights.types import Float64, UInt8

LEVEL = 0.95
REPLICATES = 400  # percentiles at 2.5 and 97.5 then rest on ten draws each
SEED = 20261122


def interval(successes: float, trials: float, level: float = LEVEL) -> tuple[float, float]:
    """The bounds of a share after Clopper and Pearson: exact, never too narrow for independent trials.

    Numbers may be broken: as many independent trials as vary like dependent ones.
    """
    tail = (1 - level) / 2
    low = betaincinv(successes, trials - successes + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, trials - successes, 1 - tail) if successes < trials else 1.0
    return float(low), float(high)


def draws(people: int, replicates: int = REPLICATES, seed: int = SEED) -> UInt8:
    """(replicates, people) how often each person is drawn when as many people as there are are drawn with replacement.

    A comparison of two people counts as often as the product of both (Owen and Eckles 2012, "Bootstrapping data arrays
    of arbitrary order"): comparisons that share a person are not independent, people are.
    """
    chance = np.random.default_rng(seed)
    found = np.empty((replicates, people), np.uint8)
    for row in range(replicates):
        found[row] = np.bincount(chance.integers(0, people, people), minlength=people)
    return found


def resampled(drawn: UInt8, people: NDArray[np.int64], flags: NDArray[np.bool_]) -> Float64:
    """(replicates, r) which share of trials (n, r) is flagged in each draw; nan where nobody who was tried is drawn.

    `drawn` is (replicates, m), `people` (n,) says whose trial each is: all trials of a person count as often as they.
    """
    most = drawn.shape[1]
    each = np.stack([np.bincount(people, column, most) for column in (*flags.T, np.ones(len(people)))], axis=1)
    found = np.concatenate([rows.astype(np.float64) @ each for rows in np.array_split(drawn, 16)])
    return np.asarray(found[:, :-1] / np.where(found[:, -1:] > 0, found[:, -1:], np.nan))


def spread(replicates: Float64, level: float = LEVEL) -> tuple[float, float]:
    """The bounds that hold a share `level` of what the draws gave; draws that gave no number are left out."""
    tail = (1 - level) / 2
    low, high = np.nanquantile(replicates, [tail, 1 - tail])
    return float(low), float(high)


def bounds(
    share: float, replicates: Float64, trials: int, *, held: Float64 | None = None, level: float = LEVEL
) -> tuple[float, float]:
    """The bounds of a share whose draws are `replicates`, made wide enough where it rests on a few people only.

    Where one person in a thousand makes all the errors, percentiles of draws are too narrow, and where nobody does they
    say 0 to 0. So the bounds are never narrower than the exact ones of as many independent trials as vary like the
    draws (Korn and Graubard 1998, "Confidence intervals for proportions with small expected number of positive
    counts"); where draws cannot vary, at 0 and at 1, of `trials`. `held` are the draws with the threshold held, where
    it was taken anew in the others: they vary by people alone.
    """
    known, alone = (each[np.isfinite(each)] for each in (replicates, replicates if held is None else held))
    variance = float(alone.var()) if len(alone) else 0.0
    alike = share * (1 - share) / variance if variance > 0 and 0 < share < 1 else float(trials)
    lows, highs = zip(
        interval(share * alike, alike, level), *([spread(known, level)] if len(known) else []), strict=True
    )
    return min(share, *lows), max(share, *highs)


def thresholds(scores: Float64, allowed: Float64, weights: Float64 | None = None) -> Float64:
    """(r,) from which score on a list of scores (k,), falling, at most each number of `allowed` (r,) lies.

    It is the last score that is let in, or, where the next one is equal, just above both: equal scores come in together
    or not at all. With `weights` (k,), whole numbers, each score stands in the list so many times.
    """
    if weights is not None:
        scores, weights = scores[weights > 0], weights[weights > 0]
    if not len(scores):
        return np.full(len(allowed), np.inf)
    upto = np.arange(1.0, len(scores) + 1) if weights is None else np.cumsum(weights)
    whole = np.floor(allowed + 1e-9)
    last, after = (np.searchsorted(upto, whole, side=side) for side in ("left", "right"))
    lowest = scores[np.minimum(last, len(scores) - 1)]
    tied = (whole < 1) | ((after < len(scores)) & (scores[np.minimum(after, len(scores) - 1)] == lowest))
    return np.where(tied, np.nextafter(lowest, np.inf), lowest)


def reaching(scores: Float64, at: Float64, weights: Float64 | None = None) -> Float64:
    """(r,) what the scores (k,), falling, weigh together that reach each score of `at` (r,)."""
    weighs = np.arange(len(scores) + 1.0) if weights is None else np.concatenate([[0.0], np.cumsum(weights)])
    return np.asarray(weighs[len(scores) - np.searchsorted(scores[::-1], at, side="left")], np.float64)


def unsupported(rate: float, trials: int) -> str:
    """Why so many trials cannot show a rate, by the rule of three (Jovanovic and Levy 1997); empty where they can."""
    if rate * trials + 1e-9 >= 3:
        return ""
    return f"{trials:,} cannot show {rate:g}: 3 / rate are needed, {math.ceil(3 / rate - 1e-9):,}"


def few(rate: float, trials: int) -> str:
    """That so many trials show a rate but roughly (the rule of 30: Doddington and others 2000); empty where well."""
    if rate * trials + 1e-9 >= 30:
        return ""
    return f"few: {trials:,} where 30 / rate are {math.ceil(30 / rate - 1e-9):,}"
