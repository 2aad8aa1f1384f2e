"""Facts about calibrations: a curve for each kind of comparison, from people alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from houselights import calibration, models
from houselights.calibration import Progress
from houselights.dataset import Dataset, Reading
from houselights.errors import CalibrationError
from houselights.odds import PHOTOGRAPH, Calibration, kind_of
from houselights.record import Record
from houselights.result import Refusal
from houselights.shots import EYES, PER_TRACK

SFACE = models.named("sface")
PEOPLE, SIDE = 220, 24


def unit(vectors: np.ndarray) -> np.ndarray:
    """Of length 1."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def people(seed: int = 1) -> Dataset:
    """Two photographs of each, and shots that grow worse with their size."""
    chance = np.random.default_rng(seed)
    middle = chance.normal(size=(PEOPLE, SIDE))
    each = np.repeat(middle, 2, axis=0) + chance.normal(size=(2 * PEOPLE, SIDE)) * 0.3
    noise = (
        chance.normal(size=(PEOPLE, len(EYES), PER_TRACK + 1, SIDE)) * np.array([0.3, 0.6, 0.9])[None, :, None, None]
    )
    qualities = np.array([0.9, 0.7, 0.5], np.float32)
    return Dataset(
        "made up", tuple(f"N{who:03}" for who in range(PEOPLE)), np.repeat(np.arange(PEOPLE), 2),
        tuple(Path(f"{row}.jpg") for row in range(2 * PEOPLE)), np.full(2 * PEOPLE, 0.9, np.float32), unit(each),
        (), (), (Refusal("left.jpg", "wrong label"),), np.arange(PEOPLE),
        unit(each[::2, None, None] + noise), np.tile(qualities[None, :, None], (PEOPLE, 1, PER_TRACK)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def measured() -> Calibration:
    """The calibration of these people."""
    return calibration.measure(SFACE, "people of a test", people())


def test_every_kind_is_measured(measured: Calibration) -> None:
    """Photographs first, then one, two and four shots of each quality, each with people enough."""
    kinds = {kind_of(shots, quality) for shots in (1, 2, 4) for quality in (0.9, 0.7, 0.5)}
    assert measured.curves[0].kind == PHOTOGRAPH
    assert {curve.kind for curve in measured.curves[1:]} == kinds
    assert {curve.people for curve in measured.curves} == {PEOPLE}
    assert measured.curves[0].comparisons == PEOPLE * (PEOPLE - 1) // 2
    assert {curve.comparisons for curve in measured.curves[1:]} == {PEOPLE * (PEOPLE - 1)}
    assert (measured.data, measured.photographs, measured.left_out) == ("people of a test", 2 * PEOPLE, 1)


def test_the_same_person_is_found_less_often_in_poorer_shots_and_more_often_in_more(measured: Calibration) -> None:
    """The shares of genuine comparisons at one score order as they must; a shot is not compared with its photograph."""
    score = measured.score_at(1e-3)
    share = {curve.kind: measured.genuine_at(score, curve.kind) for curve in measured.curves}
    assert share["3 or 4 shots, poor"] > share["1 shot, poor"]
    assert share["1 shot, clear"] > share["1 shot, fair"] > share["1 shot, poor"] > 0
    assert measured.curves[0].genuine == PEOPLE
    assert all(curve.genuine == PEOPLE for curve in measured.curves[1:])


def test_kinds_without_people_enough_are_left_out() -> None:
    """Ninety-nine people with shots show no kind, and the odds of photographs stand in."""
    few = people()
    few = replace(
        few,
        shot_people=few.shot_people[:99],
        shot_templates=few.shot_templates[:99],
        shot_quality=few.shot_quality[:99],
    )
    assert [curve.kind for curve in calibration.measure(SFACE, "few", few).curves] == [PHOTOGRAPH]


def test_too_few_people_are_refused() -> None:
    """99 people show nothing; 100 do."""
    chance = np.random.default_rng(5)

    def some(count: int) -> Dataset:
        return Dataset(
            "some", tuple(f"{who:03}" for who in range(count)), np.arange(count),
            tuple(Path(f"{who}.jpg") for who in range(count)), np.ones(count, np.float32),
            unit(chance.normal(size=(count, SIDE))), (), (),
        )  # fmt: skip

    with pytest.raises(CalibrationError, match="99 people are too few"):
        calibration.measure(SFACE, "few", some(99))
    assert calibration.measure(SFACE, "enough", some(100)).people == 100


def test_templates_that_are_no_numbers_are_refused() -> None:
    """They are counted, not compared."""
    broken = people()
    broken.templates[6, 0] = np.nan
    with pytest.raises(CalibrationError, match="1 templates hold values that are no numbers"):
        calibration.measure(SFACE, "broken", broken)


def test_the_order_of_people_changes_nothing_but_the_draws(measured: Calibration) -> None:
    """Rates are about a set of people."""
    one = people()
    turned = replace(one, people=PEOPLE - 1 - one.people, shot_people=PEOPLE - 1 - one.shot_people)
    other = calibration.measure(SFACE, "turned", turned)
    for score in (0.3, 0.5, 0.6):
        assert other.rate(score).fmr == pytest.approx(measured.rate(score).fmr, rel=0.05)


def test_one_calibration_is_under_way_at_a_time(tmp_path: Path) -> None:
    """What another one left is destroyed when this one begins, and its own when it ends; nothing else."""
    record = Record(tmp_path / "record", name="test.houselights.local")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = (Progress(record, tmp_path / name, SFACE, Reading(middle=name == "two")) for name in ("one", "two"))
    one.put(0, b"templates")
    one.begin()
    assert one.get(0) == b"templates"
    two.begin()
    assert one.get(0) is None
    two.put(0, b"templates")
    two.clear()
    assert not [holder for holder in record.store.holders() if holder.startswith("calibration")]
