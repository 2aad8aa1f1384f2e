"""Facts about odds: what a score means, measured on strangers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import models, odds
from houselights.calibration import measure
from houselights.dataset import Dataset
from houselights.errors import CalibrationError, SettingsError
from houselights.interval import interval
from houselights.odds import PHOTOGRAPH, Calibration, Setting

SFACE = models.named("sface")
OTHER = models.named("w600k_mbf")


def strangers(people: int, photographs: int = 1, seed: int = 0) -> Dataset:
    """So many photographs of each of different people."""
    chance = np.random.default_rng(seed)
    middle = np.repeat(chance.standard_normal((people, 8)), photographs, axis=0)
    templates = middle + chance.standard_normal(middle.shape) * 0.2
    return Dataset(
        name="made-up people",
        names=tuple(f"P{number:05}" for number in range(people)),
        people=np.repeat(np.arange(people), photographs),
        files=tuple(Path(f"{number}.jpg") for number in range(people * photographs)),
        quality=np.full(people * photographs, 0.9, np.float32),
        templates=(templates / np.linalg.norm(templates, axis=1, keepdims=True)).astype(np.float32),
        lost=(),
        duplicates=(),
    )


CALIBRATED = measure(SFACE, "made-up people", strangers(400, 2))


@given(st.floats(0, 1))
def test_a_rate_and_its_score_lead_to_each_other(share: float) -> None:
    """The score for a rate has a rate of at most that, and hardly less."""
    curve = CALIBRATED.curves[0]
    lowest, highest = np.log10(max(curve.rates[-1], CALIBRATED.lowest_rate * 1.0001)), np.log10(curve.rates[0])
    rate = float(10 ** (lowest + share * (highest - lowest)))
    back = CALIBRATED.fmr_at(CALIBRATED.score_at(rate))
    assert rate * 0.97 <= back <= rate * 1.006  # rates are told with three digits


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_higher_score_is_never_more_common(one: float, other: float) -> None:
    """The rate and its upper bound fall, or stay, as the score rises; they are at most 1 and never 0."""
    low, high = (CALIBRATED.rate(score) for score in sorted((one, other)))
    assert 1 >= low.fmr >= high.fmr > 0
    assert 1 >= low.high >= high.high >= high.fmr
    assert high.low <= high.fmr


@given(st.floats(2e-4, 0.9), st.floats(2e-4, 0.9))
def test_a_stricter_rate_never_asks_for_a_lower_score(one: float, other: float) -> None:
    """Thresholds rise as rates fall."""
    strict, lax = sorted((one, other))
    assert CALIBRATED.score_at(strict) >= CALIBRATED.score_at(lax)


def test_no_rate_below_what_was_compared() -> None:
    """R31: after n comparisons nothing is claimed below 3 / n, and a score that nobody reached has "at most" that."""
    lowest = 3 / 79_800
    assert CALIBRATED.comparisons == 79_800
    assert CALIBRATED.lowest_rate == lowest
    best = CALIBRATED.rate(1.0)
    assert (best.how, best.low) == ("bound", 0.0)
    assert best.fmr == pytest.approx(lowest, rel=1e-2)
    assert best.high >= 3.6 / 79_800
    with pytest.raises(CalibrationError, match=r"a false-match rate of 3e-05 is outside 3\.8e-05 to 1, what 79800"):
        CALIBRATED.score_at(3e-5)
    assert CALIBRATED.rate(CALIBRATED.score_at(lowest)).fmr == pytest.approx(lowest, rel=1e-2)


def test_a_rate_says_how_it_was_had() -> None:
    """Counted where thirty comparisons reach the score, fitted below, and only bounded where none does."""
    curve = CALIBRATED.curves[0]
    ways = [CALIBRATED.rate(score).how for score in (*curve.scores, 1.0)]
    assert ways == sorted(ways, key=["counted", "fitted", "bound"].index)
    assert {*ways} == {"counted", "fitted", "bound"}
    assert CALIBRATED.rate(-1.0) == odds.Rate(1.0, 1.0, 1.0, "counted")


@pytest.mark.parametrize("rate", [1.0, 2.0, 0.0, -1e-5, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    """A threshold needs a rate between what was measured and 1."""
    with pytest.raises(CalibrationError, match="false-match rate"):
        CALIBRATED.score_at(rate)


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_no_number_has_no_rate(score: float) -> None:
    """It is an error and not "at most"."""
    with pytest.raises(CalibrationError, match="has no rate"):
        CALIBRATED.rate(score)


def with_kind(**changes: object) -> Calibration:
    """A calibration with a second curve, of another kind."""
    return replace(CALIBRATED, curves=(CALIBRATED.curves[0], replace(CALIBRATED.curves[0], **changes)))


def test_a_kind_of_comparison_has_its_own_odds_and_never_better_ones_than_photographs() -> None:
    """Where its strangers reach scores more often that counts; where less often, the rate of photographs does."""
    curve = CALIBRATED.curves[0]
    kind = "1 shot, poor"
    easier = with_kind(kind=kind, scores=tuple(score + 0.05 for score in curve.scores))
    harder = with_kind(kind=kind, scores=tuple(score - 0.05 for score in curve.scores))
    score = curve.scores[5]
    assert easier.rate(score, kind).fmr > easier.rate(score).fmr == CALIBRATED.rate(score).fmr
    assert easier.score_at(1e-3, kind) == pytest.approx(easier.score_at(1e-3) + 0.05, abs=2e-6)
    assert harder.rate(score, kind) == CALIBRATED.rate(score)
    assert harder.score_at(1e-3, kind) == CALIBRATED.score_at(1e-3)


def test_a_kind_that_was_not_measured_has_the_worst_of_all() -> None:
    """And its odds say so; without any kind of its own that of photographs stands in, and is named likewise."""
    curve = CALIBRATED.curves[0]
    easier = with_kind(kind="1 shot, poor", scores=tuple(score + 0.05 for score in curve.scores))
    score = curve.scores[5]
    assert easier.rate(score, "2 shots, fair") == easier.rate(score, "1 shot, poor")
    found = odds.of(easier, score, "2 shots, fair", Setting(5, 5, prior=0.1))
    assert found.kind == "2 shots, fair (not measured: the worst of all kinds)"
    assert found.posterior is None


def test_a_kind_with_fewer_comparisons_cannot_be_asked_for_rarer_rates() -> None:
    """Its own 3 / n counts; the error names the kind."""
    short = with_kind(kind="1 shot, poor", comparisons=7980)
    assert max(curve.lowest for curve in short.curves) == pytest.approx(3 / 7980)
    assert short.score_at(1e-4) == CALIBRATED.score_at(1e-4)
    with pytest.raises(CalibrationError, match=r"7980 comparisons \(1 shot, poor\)"):
        short.score_at(1e-4, "1 shot, poor")


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-0.1, 0.1), st.floats(0.1, 10))
def test_bounds_of_a_kind_fall_as_the_score_rises(one: float, other: float, apart: float, wider: float) -> None:
    """Whatever its curve is beside that of photographs: rate and bound are the larger of both."""
    curve = CALIBRATED.curves[0]
    highs = tuple(max(rate, min(1.0, high * wider)) for rate, high in zip(curve.rates, curve.highs, strict=True))
    mixed = with_kind(kind="1 shot, poor", scores=tuple(score + apart for score in curve.scores), highs=highs)
    low, high = (mixed.rate(score, "1 shot, poor") for score in sorted((one, other)))
    assert low.fmr >= high.fmr > 0
    assert low.high >= high.high >= high.fmr >= high.low


@pytest.mark.parametrize(
    ("shots", "quality", "kind"),
    [
        (1, 0.95, "1 shot, clear"),
        (1, 0.79, "1 shot, fair"),
        (2, 0.8, "2 shots, clear"),
        (3, 0.3, "3 or 4 shots, poor"),
        (4, 0.65, "3 or 4 shots, fair"),
    ],
)
def test_kinds_go_by_number_and_quality_of_shots(shots: int, quality: float, kind: str) -> None:
    """Each bound belongs to the better kind."""
    assert odds.kind_of(shots, quality) == kind


FMR, SIZES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8), (10, 100, 1_000, 10_000, 100_000, 1_000_000)
TABLE = (
    (0.0010, 0.010, 0.095, 0.63, 1.0, 1.0),
    (0.0001, 0.0010, 0.010, 0.095, 0.63, 1.0),
    (1e-5, 0.0001, 0.0010, 0.010, 0.095, 0.63),
    (1e-6, 1e-5, 0.0001, 0.0010, 0.010, 0.095),
    (1e-7, 1e-6, 1e-5, 0.0001, 0.0010, 0.010),
)


@pytest.mark.parametrize(("fmr", "row"), tuple(zip(FMR, TABLE, strict=True)))
def test_the_chance_over_a_gallery(fmr: float, row: tuple[float, ...]) -> None:
    """R31: 1 - (1 - FMR)^N, as the published table has it."""
    for size, chance in zip(SIZES, row, strict=True):
        assert odds.anybody(fmr, size) == pytest.approx(chance, rel=0.06)


def test_small_rates_keep_their_digits() -> None:
    """1 - (1 - 1e-18) is 0 in floating point; the chance is not."""
    assert odds.anybody(1e-18, 10) == pytest.approx(1e-17, rel=1e-9)
    assert odds.anybody(1.0, 3) == 1.0


def test_the_pair_of_the_national_physical_laboratory() -> None:
    """R32: 1.7e-8 a comparison is 1 in 5,882 at 10,000 entries and 1 in 58,824 at 1,000.

    With 1 in 10,000 of those who pass on the list, 89 % of them found, a candidate is right in .34 and .84 of cases.
    """
    assert 1 / odds.anybody(1.7e-8, 10_000) == pytest.approx(5_882, rel=1e-3)
    assert 1 / odds.anybody(1.7e-8, 1_000) == pytest.approx(58_824, rel=1e-3)
    assert odds.posterior(1e-4, 0.89, odds.anybody(1.7e-8, 10_000)) == pytest.approx(0.34, abs=0.005)
    assert odds.posterior(1e-4, 0.89, odds.anybody(1.7e-8, 1_000)) == pytest.approx(0.84, abs=0.005)


def test_the_members_of_congress() -> None:
    """ACLU 2018: 28 of 535 at 25,000 entries is 5.23 % (3.5 to 7.5), which 2.15e-6 a comparison gives."""
    assert interval(28, 535) == pytest.approx((0.035, 0.075), abs=5e-4)
    assert odds.anybody(2.15e-6, 25_000) == pytest.approx(28 / 535, rel=2e-3)


def test_the_rates_of_the_metropolitan_police() -> None:
    """Ten false of 2,077 alerts over 3,147,436 faces: 0.48 % an alert (0.23 to 0.88), 3.2e-6 a face (1.5 to 5.8e-6)."""
    assert interval(10, 2_077) == pytest.approx((0.0023, 0.0088), abs=5e-5)
    assert interval(10, 3_147_436) == pytest.approx((1.5e-6, 5.8e-6), abs=5e-8)


@pytest.mark.parametrize(("size", "alerts"), [(100, 2.0), (1_000, 20.0), (10_000, 199.0)])
def test_twenty_thousand_faces_at_one_in_a_million(size: int, alerts: float) -> None:
    """Expected false alerts are faces times the chance over the gallery."""
    assert 20_000 * odds.anybody(1e-6, size) == pytest.approx(alerts, rel=2e-3)


@given(st.floats(-1, 1), st.integers(1, 10_000), st.integers(0, 100_000))
def test_odds_never_say_nothing_and_lie_within_their_bounds(score: float, subjects: int, tracks: int) -> None:
    """R31: no chance is 0 while somebody is looked for; every figure lies at or below its upper bound."""
    found = odds.of(CALIBRATED, score, PHOTOGRAPH, Setting(subjects, tracks, prior=0.01))
    assert 0 < found.fmr <= found.high <= 1
    assert 0 < found.anybody <= found.anybody_high <= 1
    assert found.expected <= found.expected_high
    assert (found.expected > 0) == (tracks > 0)
    assert found.posterior is not None
    assert 0 <= found.posterior <= 1
    assert found.worst_group is not None
    assert found.fmr <= found.worst_group <= 1


def test_a_posterior_is_had_from_what_was_measured_of_the_same_people() -> None:
    """The share of genuine comparisons that reach the score, and the upper bound of the strangers' chance."""
    score = CALIBRATED.score_at(1e-3)
    genuine = CALIBRATED.genuine_at(score)
    assert genuine is not None
    assert 0.5 < genuine < 1
    found = odds.of(CALIBRATED, score, PHOTOGRAPH, Setting(20, 50, prior=0.2))
    assert found.posterior == pytest.approx(odds.posterior(0.2, genuine, found.anybody_high), rel=1e-2)
    assert odds.of(CALIBRATED, score, PHOTOGRAPH, Setting(20, 50)).posterior is None


def test_without_two_photographs_of_anybody_there_is_no_posterior() -> None:
    """Nothing was measured of the same person, so nothing is supposed."""
    alone = measure(SFACE, "made-up people", strangers(200))
    assert alone.genuine_at(0.3) is None
    found = odds.of(alone, 0.5, PHOTOGRAPH, Setting(20, 50, worst_group=None, prior=0.2))
    assert (found.posterior, found.worst_group) == (None, None)


@pytest.mark.parametrize("factor", [0.5, 0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_that_would_make_odds_better_is_refused(factor: float) -> None:
    """The group that fares worst does not fare better."""
    with pytest.raises(SettingsError, match="worst-group factor"):
        Setting(1, 1, worst_group=factor)


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_prior_that_is_certain_is_refused(prior: float) -> None:
    """A share strictly between 0 and 1: certainty needs no search."""
    with pytest.raises(SettingsError, match="prior"):
        Setting(1, 1, prior=prior)


def test_what_a_search_expects_of_strangers() -> None:
    """Tracks times subjects times the rate asked for."""
    assert odds.assumed(1e-5, Setting(40, 500, 10.0, 0.1)) == odds.Assumed(40, 500, 0.2, 10.0, 0.1)


def test_a_file_gives_back_what_was_measured(tmp_path: Path) -> None:
    """Written and read, a calibration is the same."""
    file = tmp_path / "mine.json"
    file.write_text(CALIBRATED.to_json(), "utf-8")
    assert odds.read(file, SFACE) == CALIBRATED


def test_a_calibration_of_another_model_is_refused(tmp_path: Path) -> None:
    """Scores of one model say nothing about another's; the error names both."""
    file = tmp_path / "mine.json"
    file.write_text(CALIBRATED.to_json(), "utf-8")
    with pytest.raises(CalibrationError, match=r"for sface .*, the recogniser is w600k_mbf"):
        odds.read(file, OTHER)


def document(change: Callable[[dict[str, Any]], object]) -> str:
    """A calibration file after a change."""
    whole = json.loads(CALIBRATED.to_json())
    change(whole)
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("field", "words"), [("precision", "precision"), ("alignment", "alignment"), ("recipe", "centre")]
)
def test_a_calibration_of_templates_made_otherwise_is_refused(tmp_path: Path, field: str, words: str) -> None:
    """Another precision, alignment or centre moves scores."""
    file = tmp_path / "mine.json"
    file.write_text(document(lambda whole: whole.update({field: "another"})), "utf-8")
    with pytest.raises(CalibrationError, match=f"another {words} of 'sface'"):
        odds.read(file, SFACE)


def first(**changes: object) -> Callable[[dict[str, Any]], object]:
    """A change of the first curve."""
    return lambda whole: whole["curves"][0].update(changes)


def whole(**changes: object) -> Callable[[dict[str, Any]], object]:
    """A change of the document."""
    return lambda document: document.update(changes)


SHORT = {"lows": [0.0, 0.0], "highs": [1.0, 1.0], "accepted": []}
DEFECTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no schema": lambda whole: whole.pop("schema"),
    "another schema": whole(schema="houselights/calibration/1"),
    "no curve": whole(curves=[]),
    "curves that are no list": whole(curves=3),
    "a first curve of another kind": first(kind="1 shot, clear"),
    "a kind that is no word": first(kind=4),
    "a key too many": whole(colour="red"),
    "a key of a curve too many": first(colour="red"),
    "scores that are words": first(scores=["high"]),
    "rates that rise": first(rates=[0.1, 0.2], scores=[0.1, 0.2], **SHORT),
    "scores that fall": first(rates=[0.1, 0.01], scores=[0.2, 0.1], **SHORT),
    "fewer scores than rates": first(rates=[0.1, 0.01], scores=[0.2], **SHORT),
    "one pair alone": first(rates=[0.1], scores=[0.2], lows=[0.0], highs=[1.0], accepted=[]),
    "a rate of zero": first(rates=[0.1, 0.0], scores=[0.1, 0.2], **SHORT),
    "a rate above its bound": first(rates=[0.1, 0.01], scores=[0.1, 0.2], lows=[0, 0], highs=[0.05, 0.05], accepted=[]),
    "a rate below its bound": first(rates=[0.1, 0.01], scores=[0.1, 0.2], lows=[0.5, 0.5], highs=[1, 1], accepted=[]),
    "a score that is no number": first(rates=[0.1, 0.01], scores=[0.1, float("nan")], **SHORT),
    "a share of more than all": first(accepted=[2.0] * len(CALIBRATED.curves[0].scores)),
    "no comparison": first(comparisons=0),
    "comparisons that are words": first(comparisons="many"),
    "comparisons that are true": first(comparisons=True),
    "a digest that is a number": whole(sha256=5),
    "one quality": whole(quality=[0.5]),
    "qualities that are no numbers": whole(quality=[float("nan"), 1.0]),
    "a count that is a word": first(counted_to="1"),
    "a count beyond 1": first(counted_to=2.0),
    "more comparisons than a float holds": first(comparisons=10**400),
    "more comparisons than anybody made": first(comparisons=10**18),
    "people below nothing": first(people=-5),
    "genuine comparisons below nothing": first(genuine=-7),
    "scores beyond 1": first(scores=[score + 4 for score in CALIBRATED.curves[0].scores]),
    "shares that rise": first(accepted=[*reversed(CALIBRATED.curves[0].accepted)]),
    "one kind twice": lambda whole: whole["curves"].append(whole["curves"][0]),
    "a score beyond every float": first(rates=[0.1, 0.01], scores=[0.1, 10**400], **SHORT),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_broken_file_is_refused(tmp_path: Path, defect: str) -> None:
    """Whatever is wrong with it, the error names the file."""
    file = tmp_path / "broken.json"
    file.write_text(document(DEFECTS[defect]), "utf-8")
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
    """They load, bear the sha256 of the table, reach the default rate with something to spare, and know every kind."""
    found = odds.built_in(model)
    assert (found.model, found.sha256) == (model.name, model.sha256)
    assert found.comparisons == found.people * (found.people - 1) // 2
    assert found.lowest_rate < 1e-6
    assert 0 < found.score_at(1e-3) < found.score_at(1e-4) < found.score_at(1e-5) < 1
    assert str(found.people) in found.describe()
    kinds = {odds.kind_of(shots, quality) for shots in (1, 2, 3) for quality in (0.9, 0.7, 0.5)}
    assert {curve.kind for curve in found.curves} == kinds | {PHOTOGRAPH}
    for curve in found.curves:
        assert curve.comparisons > 1_000_000
        assert curve.genuine > 400


def test_a_model_without_calibration_is_refused() -> None:
    """A score that cannot be turned into a rate is worth nothing."""
    with pytest.raises(CalibrationError, match="'mine' has no calibration"):
        odds.built_in(replace(SFACE, name="mine"))


def test_a_renamed_model_does_not_get_the_calibration() -> None:
    """The weights count, not the name."""
    with pytest.raises(CalibrationError, match="the calibration is for sface"):
        odds.built_in(replace(SFACE, sha256="0" * 64))
