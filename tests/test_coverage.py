"""Facts about coverage: whether stated rates are those that are counted on people whom a calibration has not seen."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from labelled import world

from houselights import coverage, verification
from houselights.odds import PHOTOGRAPH, Calibration
from houselights.tail import Curve


def calibration(scores: Sequence[float], rates: Sequence[float], widen: float = 1.5) -> Calibration:
    """One that states these rates at these scores, with bounds by a factor."""
    rising = tuple(sorted(scores))
    curve = Curve(
        PHOTOGRAPH, 1000, 10**8, rising, tuple(rates), tuple(rate / widen for rate in rates),
        tuple(rate * widen for rate in rates), rates[-1],
    )  # fmt: skip
    return Calibration("sface", "r", "ab", "f32", "a", "others", 1000, 1000, 0, (0.5, 1.0), (curve,))


def test_stated_rates_are_held_against_counted_ones() -> None:
    """A calibration that is right holds, one that states a tenth does not, and what cannot be counted is not said."""
    rates = (0.1, 0.01, 0.001, 1e-6)
    truth = verification.compare(world(800, 2, 0), rates, firsts=True)
    at = [float(score) for score in truth.thresholds(np.array(rates))]
    compared = verification.compare(world(150, 2, 1), rates)
    good = coverage.stated(compared, calibration(at, rates), rates=rates)
    notes = [each.note for each in good.tables[0].figures]
    assert [note.startswith(coverage.HELD) for note in notes] == [True, True, True, False]
    assert good.tables[0].figures[3].value is None
    assert good.tables[0].note.startswith("Stated 95 % bound held for 3 of 3 rates")
    boast = coverage.stated(compared, calibration(at, [rate / 10 for rate in rates]), rates=[0.01, 0.001])
    assert all(each.note.startswith(coverage.BROKE) for each in boast.tables[0].figures)
    assert good.charts[0].diagonal
    assert good.charts[0].series[0].x == (0.1, 0.01, 0.001)


def test_what_a_calibration_does_not_say_is_told() -> None:
    """Photographs of a quality that it was not made on; and rates below its lowest are in its own words."""
    compared = verification.compare(replace(world(150, 2, 1), quality=np.full(300, 0.3, np.float32)))
    known = calibration([0.5, 0.6, 0.7], [0.1, 0.01, 0.001])
    object.__setattr__(known.curves[0], "comparisons", 1000)
    found = coverage.stated(compared, known, rates=[1e-3])
    assert "300 photographs of a quality outside 0.50 to 1.00, of which the calibration says nothing" in found.notes
    assert "outside" in found.tables[0].figures[0].note
