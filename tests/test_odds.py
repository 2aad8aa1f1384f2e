"""Facts about odds: what a score means, measured on strangers."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import models, odds
from houselights.errors import CalibrationError
from houselights.odds import Calibration

SFACE = models.named("sface")
OTHER = models.named("w600k_mbf")


def strangers(people: int, dimensions: int = 8, seed: int = 0) -> np.ndarray:
    """(people, dimensions) templates of different people, not of length 1."""
    return np.random.default_rng(seed).standard_normal((people, dimensions)).astype(np.float32) * 3


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """Measured on 400 people."""
    return odds.measure(SFACE, "made-up people", strangers(400))


def test_scores_are_those_that_strangers_reach_at_each_rate(calibration: Calibration) -> None:
    """Counted pair by pair in float64, no rate is exceeded, and the next stranger's score would exceed it."""
    people = strangers(400).astype(np.float64)
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    pairs = np.array([one @ other for row, one in enumerate(people) for other in people[row + 1 :]])
    assert calibration.people == 400
    assert calibration.comparisons == len(pairs) == 79_800
    for rate, score in zip(calibration.rates, calibration.scores, strict=True):
        allowed = int(rate * len(pairs))
        assert (pairs >= score + 1e-6).sum() <= allowed
        assert (pairs >= score - 1e-6).sum() >= allowed


def test_measuring_in_blocks_changes_nothing(calibration: Calibration, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of the blocks is a matter of memory alone."""
    monkeypatch.setattr(odds, "_BLOCK", 7)
    assert np.allclose(odds.measure(SFACE, "made-up people", strangers(400)).scores, calibration.scores, atol=2e-6)


def test_the_order_of_people_changes_nothing(calibration: Calibration) -> None:
    """A calibration is about a set of people."""
    turned = odds.measure(SFACE, "made-up people", strangers(400)[::-1].copy())
    assert turned.rates == calibration.rates
    assert np.allclose(turned.scores, calibration.scores, atol=2e-6)


@given(st.floats(0, 1))
def test_a_rate_and_its_score_lead_to_each_other(share: float) -> None:
    """The score for a rate has a rate of at most that, and hardly less."""
    calibration = CALIBRATED
    lowest, highest = np.log10(calibration.rates[-1]), np.log10(calibration.rates[0])
    rate = float(10 ** (lowest + share * (highest - lowest)))
    back = calibration.fmr_at(calibration.score_at(rate))
    assert rate * 0.98 <= back <= rate * 1.006  # rates are told with three digits


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_higher_score_is_never_more_common(one: float, other: float) -> None:
    """The rate falls, or stays, as the score rises; it is at most 1 and never 0."""
    low, high = sorted((one, other))
    assert 1 >= CALIBRATED.fmr_at(low) >= CALIBRATED.fmr_at(high) > 0


@given(st.floats(2e-4, 0.9), st.floats(2e-4, 0.9))
def test_a_stricter_rate_never_asks_for_a_lower_score(one: float, other: float) -> None:
    """Thresholds rise as rates fall."""
    strict, lax = sorted((one, other))
    assert CALIBRATED.score_at(strict) >= CALIBRATED.score_at(lax)


CALIBRATED = odds.measure(SFACE, "made-up people", strangers(200))


def test_no_rate_below_what_was_compared(calibration: Calibration) -> None:
    """After n comparisons nothing is claimed below 3/n: neither for the highest score nor for a threshold."""
    assert calibration.lowest_rate == calibration.rates[-1] >= 3 / 79_800
    assert calibration.fmr_at(1.0) >= 3 / 79_800
    assert min(calibration.rates) >= 3 / 79_800
    with pytest.raises(CalibrationError, match="a false-match rate of 3e-05 is outside"):
        calibration.score_at(3e-5)


def test_no_threshold_is_laxer_than_its_rate(calibration: Calibration) -> None:
    """A rate below the lowest that was kept is refused, so that no threshold is laxer than was asked for."""
    with pytest.raises(CalibrationError, match="outside"):
        calibration.score_at(calibration.rates[-1] * 0.99)
    assert calibration.fmr_at(calibration.score_at(calibration.rates[-1])) <= calibration.rates[-1]


@pytest.mark.parametrize("rate", [1.0, 2.0, 0.0, -1e-5, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(calibration: Calibration, rate: float) -> None:
    """A threshold needs a rate between what was measured and 1."""
    with pytest.raises(CalibrationError, match="false-match rate"):
        calibration.score_at(rate)


def test_too_few_people_are_refused() -> None:
    """99 people show nothing; 100 do."""
    with pytest.raises(CalibrationError, match="99 people are too few"):
        odds.measure(SFACE, "few", strangers(99))
    assert odds.measure(SFACE, "enough", strangers(100)).people == 100


def test_templates_that_are_no_numbers_are_refused() -> None:
    """They are counted, not compared."""
    broken = strangers(100)
    broken[3, 0] = np.nan
    broken[7, 1] = np.inf
    with pytest.raises(CalibrationError, match="2 templates hold values that are no numbers"):
        odds.measure(SFACE, "broken", broken)


def test_a_file_gives_back_what_was_measured(calibration: Calibration, tmp_path: Path) -> None:
    """Written and read, a calibration is the same."""
    file = tmp_path / "mine.json"
    file.write_text(calibration.to_json(), "utf-8")
    assert odds.read(file, SFACE) == calibration


def test_a_calibration_of_another_model_is_refused(calibration: Calibration, tmp_path: Path) -> None:
    """Scores of one model say nothing about another's; the error names both."""
    file = tmp_path / "mine.json"
    file.write_text(calibration.to_json(), "utf-8")
    with pytest.raises(CalibrationError, match=r"for sface .*, the recogniser is w600k_mbf"):
        odds.read(file, OTHER)


def document(calibration: Calibration, **changes: object) -> str:
    """A calibration file with other values; None takes a key out."""
    whole = {**json.loads(calibration.to_json()), **changes}
    return json.dumps({key: value for key, value in whole.items() if value is not None})


DEFECTS: dict[str, dict[str, object]] = {
    "no schema": {"schema": None},
    "another schema": {"schema": "houselights/search/1"},
    "no scores": {"scores": None},
    "a key too many": {"colour": "red"},
    "scores that are words": {"scores": ["high"]},
    "rates that are no list": {"rates": 3},
    "rates that rise": {"rates": [0.1, 0.2], "scores": [0.1, 0.2]},
    "a rate twice": {"rates": [0.1, 0.1], "scores": [0.1, 0.2]},
    "scores that fall": {"rates": [0.1, 0.01], "scores": [0.2, 0.1]},
    "fewer scores than rates": {"rates": [0.1, 0.01], "scores": [0.2]},
    "one pair alone": {"rates": [0.1], "scores": [0.2]},
    "a rate of zero": {"rates": [0.1, 0.0], "scores": [0.1, 0.2]},
    "a score that is no number": {"rates": [0.1, 0.01], "scores": [0.1, float("nan")]},
    "no comparison": {"comparisons": 0},
    "comparisons that are words": {"comparisons": "many"},
    "comparisons that are true": {"comparisons": True},
    "a digest that is a number": {"sha256": 5},
    "a score beyond every float": {"rates": [0.1, 0.01], "scores": [0.1, 10**400]},
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_broken_file_is_refused(calibration: Calibration, tmp_path: Path, defect: str) -> None:
    """Whatever is wrong with it, the error names the file."""
    file = tmp_path / "broken.json"
    file.write_text(document(calibration, **DEFECTS[defect]), "utf-8")
    with pytest.raises(CalibrationError, match=r"broken\.json"):
        odds.read(file, SFACE)


@pytest.mark.parametrize("content", [
    b"", b"not json", b"[]", b"null", b"\xff\xfe\x00", b'{"schema"', b"[" * 200_000, b'{"a":' * 200_000,
    b'{"schema": ' + b"9" * 5000 + b"}",
], ids=lambda content: str(content[:9]))  # fmt: skip
def test_what_is_no_calibration_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    """Other files do not crash the search either."""
    file = tmp_path / "other.json"
    file.write_bytes(content)
    with pytest.raises(CalibrationError, match=r"other\.json"):
        odds.read(file, SFACE)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(CalibrationError, match=r"gone\.json' cannot be read"):
        odds.read(tmp_path / "gone.json", SFACE)


@pytest.mark.parametrize("model", [SFACE, OTHER], ids=lambda model: model.name)
def test_the_calibrations_that_come_along_belong_to_their_models(model: models.Model) -> None:
    """They load, bear the sha256 of the table, and reach the default rate with something to spare."""
    found = odds.built_in(model)
    assert (found.model, found.sha256) == (model.name, model.sha256)
    assert found.comparisons == found.people * (found.people - 1) // 2
    assert found.lowest_rate < 1e-6
    assert 0 < found.score_at(1e-3) < found.score_at(1e-4) < found.score_at(1e-5) < 1
    assert str(found.people) in found.describe()


def test_a_model_without_calibration_is_refused() -> None:
    """A score that cannot be turned into a rate is worth nothing."""
    with pytest.raises(CalibrationError, match="'mine' has no calibration"):
        odds.built_in(replace(SFACE, name="mine"))


def test_a_renamed_model_does_not_get_the_calibration() -> None:
    """The weights count, not the name."""
    with pytest.raises(CalibrationError, match="the calibration is for sface"):
        odds.built_in(replace(SFACE, sha256="0" * 64))
