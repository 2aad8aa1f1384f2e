"""Intervals: how far a share that was counted may be from the truth, for trials and for people."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv

from houselights.types import Float64, UInt8

LEVEL = 0.95
REPLICATES = 400  # percentiles at 2.5 and 97.5 then rest on ten draws each
SEED = 20261122


def interval(successes: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """The bounds of a share after Clopper and Pearson: exact, never too narrow for independent trials."""
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


def spread(replicates: Float64, level: float = LEVEL) -> tuple[float, float]:
    """The bounds that hold a share `level` of what the draws gave; draws that gave no number are left out."""
    tail = (1 - level) / 2
    low, high = np.nanquantile(replicates, [tail, 1 - tail])
    return float(low), float(high)
