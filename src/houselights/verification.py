"""Verification: how well scores part the same person from strangers, at rates that the comparisons can support."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from houselights.errors import CalibrationError
from houselights.interval import interval


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How many comparisons of the same person reach the score that strangers reach at a given rate."""

    rate: float
    """The false-match rate that was asked for."""
    threshold: float
    impostors: int
    impostors_accepted: int
    """At the threshold or above: a share of at most `rate`."""
    genuine: int
    genuine_accepted: int
    low: float
    """Lower and upper bound of the true accept rate at 95 % (Clopper and Pearson). Comparisons that share a photograph
    are not independent, so the truth is somewhat wider."""
    high: float

    @property
    def tar(self) -> float:
        """True accept rate, 0 to 1."""
        return self.genuine_accepted / self.genuine


def verification(impostor: ArrayLike, genuine: ArrayLike, rates: Iterable[float]) -> tuple[Acceptance, ...]:
    """True accept rates at false-match rates, from scores of different people and scores of the same.

    Raises CalibrationError when there are no genuine scores, or fewer impostor scores than one in a rate.
    """
    strangers, same = np.sort(np.asarray(impostor).ravel()), np.asarray(genuine).ravel()
    if len(same) == 0:
        raise CalibrationError("no comparison of the same person", hint="somebody needs two photographs")
    return tuple(_acceptance(rate, strangers, same) for rate in rates)


def _acceptance(rate: float, strangers: NDArray[np.floating], same: NDArray[np.floating]) -> Acceptance:
    allowed = int(rate * len(strangers) + 1e-9)
    if not 0 < allowed <= len(strangers):
        message = f"a false-match rate of {rate:g} cannot be seen in {len(strangers)} comparisons of different people"
        hint = f"ask for a rate from {1 / max(1, len(strangers)):.1e} to 1, or compare more"
        raise CalibrationError(message, hint=hint)
    threshold = strangers[-allowed]
    if allowed < len(strangers) and strangers[-allowed - 1] == threshold:  # equal scores would let in too many
        threshold = np.nextafter(threshold, np.inf, dtype=strangers.dtype)
    accepted, total = int((same >= threshold).sum()), len(same)
    let_in = int((strangers >= threshold).sum())
    return Acceptance(rate, float(threshold), len(strangers), let_in, total, accepted, *interval(accepted, total))


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


def pairs_accuracy(impostor: ArrayLike, genuine: ArrayLike) -> PairsAccuracy:
    """The highest number of right judgements "same" (at the threshold or above) and "different" (below it).

    Raises CalibrationError when there is no pair.
    """
    strangers, same = np.sort(np.asarray(impostor).ravel()), np.sort(np.asarray(genuine).ravel())
    thresholds = np.append(np.concatenate([strangers, same]), np.inf)
    if len(thresholds) == 1:
        raise CalibrationError("no pair to judge", hint="give scores of pairs")
    right = np.searchsorted(strangers, thresholds) + len(same) - np.searchsorted(same, thresholds)
    best = int(np.argmax(right))
    return PairsAccuracy(int(right[best]), len(thresholds) - 1, float(thresholds[best]))
