"""What strangers do, for tests that need candidates: odds by the formulas of `odds`, and what they rest on."""

from __future__ import annotations

from houselights import models, odds
from houselights.odds import Calibration
from houselights.result import Assumed, Odds
from houselights.tail import Curve
from houselights.templates import ALIGNMENT, PRECISION, recipe

CALIBRATION = "made-up people: 1000 people, 499500 comparisons of different people with sface"
KIND = "2 shots, clear"


def odds_of(
    fmr: float = 6e-06, high: float | None = None, *, how: str = "counted", subjects: int = 2, tracks: int = 5,
    worst: float | None = 100.0, right: float | None = None,
) -> Odds:  # fmt: skip
    """The odds of a rate, by the formulas of `odds`; its upper bound is half as much again where none is given."""
    high = min(1.0, 1.5 * fmr) if high is None else high
    return Odds(
        kind="3 or 4 shots, clear", fmr=fmr, low=0.0 if how == "bound" else fmr / 2, high=high, how=how,
        anybody=digits(odds.anybody(fmr, subjects)), anybody_high=digits(odds.anybody(high, subjects)),
        expected=digits(fmr * subjects * tracks), expected_high=digits(high * subjects * tracks),
        worst_group=None if worst is None else min(1.0, fmr * worst), posterior=right,
    )  # fmt: skip


def digits(value: float) -> float:
    """Three digits, as odds are told with."""
    return float(f"{value:.3g}")


def assumed_of(
    subjects: int = 2, tracks: int = 5, worst: float | None = 100.0, prior: float | None = None, fmr: float = 1e-5
) -> Assumed:
    """What such odds rest on, at a threshold of a rate."""
    return Assumed(subjects, tracks, fmr * subjects * tracks, worst, prior)


def calibration_of(*scores: tuple[float, float], people: int = 1000) -> Calibration:
    """A calibration by which rates fall evenly, in decades, from 0.99 at the lower of two scores to 1e-6 at the other.

    The first pair is for photographs, each further one for tracks with `KIND` shots.
    """
    kinds = (odds.PHOTOGRAPH, *[KIND] * (len(scores) - 1))
    rates, comparisons = (0.99, 1e-6), 10**9
    curves = (
        Curve(kind, people, comparisons, pair, rates, (0.5, 5e-7), (1.0, 2e-6), 0.001)
        for kind, pair in zip(kinds, scores, strict=True)
    )
    model = models.named("sface")
    return Calibration(
        model.name, recipe(model), model.sha256, PRECISION, ALIGNMENT, "made-up people", people, people, 0, (0.5, 1.0),
        tuple(curves),
    )  # fmt: skip
