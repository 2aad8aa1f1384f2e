"""Coverage: whether the rates that a calibration states are those that are counted on people whom it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from houselights.dataset import Dataset
from houselights.errors import CalibrationError
from houselights.evaluation import Chart, Evaluation, Figure, Series, Table
from houselights.interval import bounds, few, unsupported
from houselights.odds import Calibration
from houselights.verification import RATES, Compared, facts_of
from houselights.words import count


def stated(
    compared: Compared,
    calibration: Calibration,
    facts: tuple[tuple[str, str], ...] = (),
    rates: Sequence[float] = RATES,
) -> Evaluation:
    """What a calibration states of people whom it has not seen, against what is counted on them.

    Each rate is counted at the score that the calibration gives for it. A calibration does not say who its people were:
    that these are others is for the user to know.
    """
    figures = tuple(_counted(compared, calibration, rate) for rate in rates)
    told = [(rate, figure) for rate, figure in zip(rates, figures, strict=True) if figure.value is not None]
    held = sum(figure.note.startswith(HELD) for _, figure in told)
    data = compared.dataset
    return Evaluation(
        what="odds",
        data=f"{data.name}: {count(len(data.files), 'photograph')} of {len(data.names):,} people",
        facts=(*facts, ("calibration", calibration.describe()), *facts_of(compared)),
        tables=(Table("Counted rates where the calibration states one", figures, _ODDS_NOTE.format(held, len(told))),),
        charts=(_against(calibration, told),),
        notes=(_UNSEEN, *_outside(data, calibration), *data.doubts()),
        lost=data.lost + data.duplicates + data.left_out,
    )


_UNSEEN = (
    "A calibration does not name its people: these rates speak for it only where nobody of them is among these "
    "photographs."
)
_ODDS_NOTE = (
    "Stated 95 % bound held for {} of {} rates that could be counted. Counted: comparisons of different people at the "
    "score or above; 95 % intervals over people."
)
HELD, BEYOND, BROKE = "stated bound held", "stated bound exceeded, within the interval", "stated bound did not hold"


def _counted(compared: Compared, calibration: Calibration, rate: float) -> Figure:
    name, found = f"counted where {rate:g} is stated", compared.impostors
    if why := unsupported(rate, found.comparisons):
        return Figure(name, None, note=f"comparisons of different people: {why}")
    try:
        score = calibration.score_at(rate)
    except CalibrationError as fault:
        return Figure(name, None, note=fault.message)
    said = calibration.rate(score)
    reached, drawn = compared.reached(score)
    share = reached / found.comparisons
    low, high = bounds(share, drawn, found.comparisons) if len(drawn) else (None, None)
    held = HELD if share <= said.high else BROKE if low is not None and low > said.high else BEYOND
    beside = f"stated {said.fmr:.3g} ({said.how}), counted {share / said.fmr:.2f} times as often"
    notes = (f"{held}: {said.high:.3g}", beside, few(rate, found.comparisons))
    return Figure(
        name, share, low, high, reached, found.comparisons, score, "; ".join(filter(None, notes)),
    )  # fmt: skip


def _outside(data: Dataset, calibration: Calibration) -> Iterator[str]:
    low, high = calibration.quality
    outside = int(((data.quality < low) | (data.quality > high)).sum())
    if outside:
        photographs = count(outside, "photograph")
        yield f"{photographs} of a quality outside {low:.2f} to {high:.2f}, of which the calibration says nothing"


def _against(calibration: Calibration, told: Sequence[tuple[float, Figure]]) -> Chart:
    """Counted rates over stated ones, with the bounds that were stated."""
    seen = [(rate, each) for rate, each in told if each.value]
    rates = tuple(rate for rate, _ in seen)
    counted = Series(
        "counted",
        rates,
        tuple(each.value or 0.0 for _, each in seen),
        low=tuple(each.low or each.value or 0.0 for _, each in seen),
        high=tuple(each.high or each.value or 0.0 for _, each in seen),
    )
    said = tuple(calibration.rate(each.threshold or 0.0).high for _, each in seen)
    lines = (counted, Series("stated, 95 % bound", rates, said))
    return Chart(
        "Counted rate by stated rate", "stated FMR", "counted FMR", lines, x_log=True, y_log=True, diagonal=True
    )
