"""Odds: what a score means. A calibration says how often strangers reach it, from comparisons that were made.

docs/odds.md explains every figure, and where its formula comes from.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from houselights.errors import CalibrationError, SettingsError
from houselights.models import Model
from houselights.result import Assumed, Odds
from houselights.tail import Curve
from houselights.templates import ALIGNMENT, PRECISION, recipe

SCHEMA = "houselights/calibration/2"
PHOTOGRAPH = "photograph"
"""The kind of comparison that every calibration has: one photograph with another."""
BANDS = ((0.8, "clear"), (0.65, "fair"), (0.0, "poor"))
"""Qualities from which on a track's shots are called so, see docs/quality.md."""
SHOTS = ((3, "3 or 4 shots"), (2, "2 shots"), (1, "1 shot"))
WORST_GROUP = 100.0
"""Between regions of the world false matches differ by 10 to 100 times (NISTIR 8280, 2019): the larger of these."""
HINT = "make it again with houselights calibrate"
MOST = 10**15  # comparisons of a calibration, and
LARGEST = 1 << 24  # bytes of its file: more is none


def kind_of(shots: int, quality: float) -> str:
    """The kind of comparison that a track's template makes, by the number of its shots and their mean quality."""
    number = next(words for least, words in SHOTS if shots >= least)
    band = next(words for least, words in BANDS if quality >= least)
    return f"{number}, {band}"


@dataclass(frozen=True, slots=True)
class Rate:
    """How often strangers reach a score."""

    fmr: float
    """False-match rate, never 0."""
    low: float
    high: float
    """Its 95 % bounds."""
    how: str
    """`counted`, `fitted` where too few were counted, or `bound`: fewer than three, only "at most" is said."""

    @property
    def said(self) -> float:
        """What is said of it: the rate, or where it is only bounded, its upper bound."""
        return self.high if self.how == "bound" else self.fmr


@dataclass(frozen=True, slots=True)
class Calibration:
    """False-match rates over scores, for one recogniser and each kind of comparison."""

    model: str
    recipe: str
    """Of the templates, see `templates.recipe`: a calibration serves no other."""
    sha256: str
    """Of the recogniser's weights."""
    precision: str
    alignment: str
    data: str
    """What the people's photographs were."""
    people: int
    photographs: int
    left_out: int
    """Photographs that somebody left out by name: wrong labels."""
    quality: tuple[float, float]
    """The qualities of what was measured: a track below them is not searched."""
    curves: tuple[Curve, ...]
    """One for each kind of comparison; the first is that of photographs."""

    @property
    def comparisons(self) -> int:
        """Comparisons of different people's photographs."""
        return self.curves[0].comparisons

    @property
    def lowest_rate(self) -> float:
        """The lowest rate that is ever stated."""
        return self.curves[0].lowest

    def rate(self, score: float, kind: str = PHOTOGRAPH) -> Rate:
        """How often strangers reach a score in this kind of comparison, or with photographs if that is more often.

        Raises:
            CalibrationError: the score is no number.
        """
        if not math.isfinite(score):
            raise CalibrationError(f"a score of {score} has no rate: expected a number of -1 to 1")
        rates = [_rate(curve, score) for curve in self._asked(kind)]
        most = max(rates, key=lambda each: each.fmr)
        high = max(each.high for each in rates)
        return Rate(most.fmr, min(most.fmr, max(each.low for each in rates)), high, most.how)

    def fmr_at(self, score: float, kind: str = PHOTOGRAPH) -> float:
        """The rate alone."""
        return self.rate(score, kind).fmr

    def score_at(self, fmr: float, kind: str = PHOTOGRAPH) -> float:
        """The score from which on strangers' comparisons of a kind make up a share `fmr` at most, rounded up to 1e-6.

        Raises:
            CalibrationError: the rate is outside what the calibration measured.
        """
        asked = self._asked(kind)
        fewest = max(asked, key=lambda curve: curve.lowest)
        if not fewest.lowest <= fmr < 1:
            shown = f"{fewest.lowest:.1e} to 1"
            compared = f"{fewest.comparisons} comparisons ({fewest.kind}) show"
            msg = f"a false-match rate of {fmr:g} is outside {shown}, what {compared}"
            raise CalibrationError(msg, hint="ask for a higher --threshold-fmr, or calibrate on more people")
        return max(_score(curve, fmr) for curve in asked)

    def genuine_at(self, score: float, kind: str = PHOTOGRAPH) -> float | None:
        """The share of comparisons of the same person that reach a score; None where that was not measured."""
        curve = next((curve for curve in self.curves if curve.kind == kind), None)
        if curve is None or not curve.accepted:
            return None
        return float(np.interp(score, curve.scores, curve.accepted, left=1.0))

    def describe(self) -> str:
        """One line for outputs: data, people, comparisons."""
        return (
            f"{self.data}: {self.people} people, {self.comparisons} comparisons of different people with {self.model}"
        )

    def to_json(self) -> str:
        """The calibration file."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"

    def is_measured(self, kind: str) -> bool:
        """Whether there is a curve of that kind."""
        return any(curve.kind == kind for curve in self.curves)

    def _asked(self, kind: str) -> tuple[Curve, ...]:
        """The curves that speak of a kind: that of photographs and its own, or all where it has none of its own."""
        own = tuple(curve for curve in self.curves[1:] if curve.kind == kind)
        return (self.curves[0], *own) if own or kind == PHOTOGRAPH else self.curves


def _rate(curve: Curve, score: float) -> Rate:
    if score < curve.scores[0]:
        return Rate(1.0, 1.0, 1.0, "counted")
    logs = [np.interp(score, curve.scores, np.log10(np.maximum(each, 1e-15))) for each in (curve.rates, curve.highs)]
    low = float(np.interp(score, curve.scores, curve.lows))
    fmr, high = (float(10**log) for log in logs)
    if score > curve.scores[-1] or fmr <= curve.lowest * (1 + 1e-6):
        least = _digits(curve.lowest)
        return Rate(least, 0.0, max(_digits(high), least), "bound")
    how = "counted" if fmr >= curve.counted_to else "fitted"
    fmr, high = _digits(fmr), _digits(high)
    return Rate(fmr, min(low, fmr), max(high, fmr), how)


def _score(curve: Curve, fmr: float) -> float:
    if fmr < curve.rates[-1]:  # a file whose curve ends before its floor
        return min(1.0, math.ceil((curve.scores[-1] + 1e-6) * 1e6) / 1e6)
    falling = -np.log10(curve.rates)
    first = int(np.searchsorted(falling, -math.log10(fmr), side="left"))
    if first == 0:
        return curve.scores[0]
    share = (-math.log10(fmr) - falling[first - 1]) / (falling[first] - falling[first - 1])
    score = curve.scores[first - 1] + share * (curve.scores[first] - curve.scores[first - 1])
    return math.ceil(round(float(score) * 1e6, 3)) / 1e6


@dataclass(frozen=True, slots=True)
class Setting:
    """What a score was found in, and what is assumed besides."""

    subjects: int
    """People looked for."""
    tracks: int
    """Tracks that each of them was compared with."""
    worst_group: float | None = WORST_GROUP
    """By how much a rate may be higher within a group; None leaves that out."""
    prior: float | None = None
    """The share of tracks that are believed to show somebody of the gallery; None where nobody said."""

    def __post_init__(self) -> None:
        """Refuse assumptions that are none.

        Raises:
            SettingsError: a factor below 1, or a prior that is no share between 0 and 1.
        """
        if self.worst_group is not None and not (math.isfinite(self.worst_group) and self.worst_group >= 1):
            msg = f"a worst-group factor of {self.worst_group:g} is not possible: expected 1 or more"
            raise SettingsError(msg, hint="100 is the published one (NISTIR 8280); 1 leaves it out")
        if self.prior is not None and not 0 < self.prior < 1:
            msg = f"a prior of {self.prior:g} is not possible: expected a share between 0 and 1"
            raise SettingsError(msg, hint="0.001 says: one track in a thousand shows somebody of the gallery")


def anybody(fmr: float, subjects: int) -> float:
    """The chance that a stranger reaches a score with at least one of so many: 1 - (1 - fmr)^subjects.

    Computed over logarithms, so that small rates keep their digits. Comparisons are taken as independent.
    """
    return 1.0 if fmr >= 1 else float(-math.expm1(subjects * math.log1p(-fmr)))


def posterior(prior: float, true_positive: float, false_positive: float) -> float:
    """How likely a candidate is right: p T / (p T + (1 - p) F), the rule of Bayes, at or above one score."""
    right, wrong = prior * true_positive, (1 - prior) * false_positive
    return right / (right + wrong) if right + wrong > 0 else 0.0


def of(calibration: Calibration, score: float, kind: str, setting: Setting) -> Odds:
    """The odds of one candidate."""
    rate = calibration.rate(score, kind)
    searched = setting.tracks * setting.subjects
    chance, worst = anybody(rate.fmr, setting.subjects), anybody(rate.high, setting.subjects)
    after = None
    genuine = calibration.genuine_at(score, kind)
    if setting.prior is not None and genuine is not None:
        after = math.floor(posterior(setting.prior, genuine, worst) * 1000) / 1000  # never certain
    named = kind if calibration.is_measured(kind) else f"{kind} (not measured: the worst of all kinds)"
    return Odds(
        kind=named, fmr=rate.fmr, low=_digits(rate.low), high=rate.high, how=rate.how,
        anybody=_digits(chance), anybody_high=_digits(worst),
        expected=_digits(rate.fmr * searched), expected_high=_digits(rate.high * searched),
        worst_group=None if setting.worst_group is None else min(1.0, _digits(rate.said * setting.worst_group)),
        posterior=after,
    )  # fmt: skip


def assumed(fmr: float, setting: Setting) -> Assumed:
    """What the odds of a search rest on, and how many candidates strangers alone would give at its threshold."""
    expected = _digits(fmr * setting.tracks * setting.subjects)
    return Assumed(setting.subjects, setting.tracks, expected, setting.worst_group, setting.prior)


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


def built_in(model: Model) -> Calibration:
    """The calibration that comes with the program for one of its recognisers.

    Raises:
        CalibrationError: there is none for this model.
    """
    file = resources.files("houselights") / "calibrations" / f"{model.name}.json"
    if not file.is_file():
        msg = f"recogniser '{model.name}' has no calibration: a score cannot be turned into a rate"
        raise CalibrationError(
            msg,
            hint="houselights calibrate --images DIR --recogniser ... -o FILE makes one; then add --calibration FILE",
        )
    return _bound(_parse(file.read_text("utf-8"), file.name), model)


def read(path: Path, model: Model) -> Calibration:
    """A calibration file, bound to the model in use.

    Raises:
        CalibrationError: not readable, not a calibration, or for another model.
    """
    try:
        if path.exists() and not (path.is_file() and path.stat().st_size <= LARGEST):
            raise CalibrationError(f"calibration '{path}' is not a file of at most {LARGEST} bytes", hint=HINT)
        return _bound(_parse(path.read_text("utf-8"), str(path)), model)
    except (OSError, UnicodeDecodeError) as fault:
        raise CalibrationError(f"calibration '{path}' cannot be read: {fault}", hint=HINT) from fault


def _parse(text: str, name: str) -> Calibration:
    try:
        document = json.loads(text)
        schema = document.pop("schema")
        curves = tuple(_curve(each) for each in document["curves"])
        low, high = map(float, document["quality"])
        found = Calibration(**{**document, "curves": curves, "quality": (low, high)})
        _check_types(found, schema)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as fault:
        msg = f"calibration '{name}' is not a document of schema {SCHEMA}"
        raise CalibrationError(msg, hint=HINT) from fault
    if schema != SCHEMA:
        msg = f"calibration '{name}' has schema '{schema}', expected {SCHEMA}"
        raise CalibrationError(msg, hint=HINT)
    for curve in found.curves:
        _check_curve(curve, name)
    kinds = [curve.kind for curve in found.curves]
    if kinds[:1] != [PHOTOGRAPH] or len(set(kinds)) < len(kinds):
        raise CalibrationError(f"calibration '{name}' needs one curve a kind, that of photographs first", hint=HINT)
    if not 0 <= found.quality[0] <= found.quality[1] <= 1:
        raise CalibrationError(f"calibration '{name}': qualities of {found.quality} are none", hint=HINT)
    return found


def _curve(document: dict[str, Any]) -> Curve:
    columns = ("scores", "rates", "lows", "highs", "accepted")
    return Curve(**{**document, **{name: tuple(map(float, document[name])) for name in columns}})


def _check_types(found: Calibration, schema: object) -> None:
    words = [schema, found.model, found.recipe, found.sha256, found.precision, found.alignment, found.data]
    counts = [found.people, found.photographs, found.left_out]
    for curve in found.curves:
        words.append(curve.kind)
        counts += [curve.people, curve.comparisons, curve.genuine]
        float(curve.comparisons)
        if isinstance(curve.counted_to, bool) or not isinstance(curve.counted_to, float | int):
            raise TypeError
    if not all(isinstance(each, str) for each in words) or not all(type(each) is int for each in counts):
        raise TypeError


def _check_curve(curve: Curve, name: str) -> None:
    """Return if scores rise and rates fall within their bounds, and counts are possible; false for nan."""
    scores, rates, lows, highs = (np.array(each) for each in (curve.scores, curve.rates, curve.lows, curve.highs))
    paired = len({len(scores), len(rates), len(lows), len(highs), len(curve.accepted) or len(scores)}) == 1
    good = len(scores) >= 2 and paired and 1 <= curve.comparisons <= MOST and curve.people >= 2 and curve.genuine >= 0
    good = good and 0 <= curve.counted_to <= 1 and bool((np.abs(scores) <= 1).all())
    good = good and bool((np.diff(scores) > 0).all() and (np.diff(rates) <= 0).all() and np.isfinite(scores).all())
    good = good and bool((lows >= 0).all() and (lows <= rates).all() and (rates <= highs).all() and (highs <= 1).all())
    shares = np.array(curve.accepted)
    good = good and bool(((shares >= 0) & (shares <= 1)).all() and (np.diff(shares) <= 0).all())
    if not good or rates[-1] <= 0 or rates[0] >= 1:
        msg = f"calibration '{name}', {curve.kind}: scores must rise and rates fall within 0 to 1, inside their bounds"
        raise CalibrationError(msg, hint=HINT)


def _bound(calibration: Calibration, model: Model) -> Calibration:
    hint = "scores of one model mean nothing for another: calibrate this one"
    if calibration.sha256 != model.sha256:
        theirs = f"{calibration.model} ({calibration.sha256[:12]})"
        ours = f"{model.name} ({model.sha256[:12]})"
        raise CalibrationError(f"the calibration is for {theirs}, the recogniser is {ours}", hint=hint)
    for what, theirs, ours in (
        ("precision", calibration.precision, PRECISION),
        ("alignment", calibration.alignment, ALIGNMENT),
        ("centre", calibration.recipe, recipe(model)),
    ):
        if theirs != ours:
            msg = f"the calibration was made with another {what} of '{model.name}': {theirs[:40]}, expected {ours[:40]}"
            raise CalibrationError(msg, hint=HINT)
    return calibration
