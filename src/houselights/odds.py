"""Odds: what a score means. A calibration says how often strangers score this high, from comparisons that were made."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from houselights.errors import CalibrationError
from houselights.models import Model
from houselights.templates import unit
from houselights.types import Float32, Float64

SCHEMA = "houselights/calibration/1"
RATES = tuple(float(f"{step}e-{power}") for power in range(1, 9) for step in (10, 5, 2))  # 1, 0.5, 0.2, 0.1 ... 2e-8
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores at false-match rates, measured on comparisons of different people with one model."""

    model: str
    sha256: str
    """Of the recogniser's weights: a calibration serves no other."""
    data: str
    """What the people's photographs were."""
    people: int
    comparisons: int
    """Impostor comparisons: pairs of different people."""
    rates: tuple[float, ...]
    """False-match rates, falling; none below three in the number of comparisons."""
    scores: tuple[float, ...]
    """The score that strangers reach at each rate, rising."""

    @property
    def lowest_rate(self) -> float:
        """The lowest rate that was measured; no error in n comparisons bounds a rate by 3/n at 95 % (rule of three)."""
        return max(self.rates[-1], 3 / self.comparisons)

    def score_at(self, fmr: float) -> float:
        """The score from which on strangers' comparisons make up a share `fmr`, rounded up to 1e-6.

        Raises:
            CalibrationError: the rate is outside what the calibration measured.
        """
        if not self.lowest_rate <= fmr < 1:
            shown = f"{self.lowest_rate:.1e} to 1"
            msg = f"a false-match rate of {fmr:g} is outside {shown}, what {self.comparisons} comparisons show"
            raise CalibrationError(msg, hint="ask for a higher --threshold-fmr, or calibrate on more people")
        score = np.interp(-np.log10(fmr), -np.log10(self.rates), self.scores)
        return float(np.ceil(score * 1e6) / 1e6)

    def fmr_at(self, score: float) -> float:
        """How often strangers reach a score, at least `lowest_rate`; 1 below the scores that were kept."""
        if score < self.scores[0]:
            return 1.0
        rate = 10 ** -np.interp(score, self.scores, -np.log10(self.rates))
        return float(f"{max(rate, self.lowest_rate):.3g}")

    def describe(self) -> str:
        """One line for outputs: data, people, comparisons."""
        return (
            f"{self.data}: {self.people} people, {self.comparisons} comparisons of different people with {self.model}"
        )

    def to_json(self) -> str:
        """The calibration file."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"


def measure(model: Model, data: str, templates: Float32) -> Calibration:
    """A calibration from one template (n, d) for each of n different people: all their pairs are compared.

    Raises:
        CalibrationError: fewer than 100 people, or a template that is not a number.
    """
    people = len(templates)
    if people < 100:
        msg = f"{people} people are too few to calibrate on, expected 100 or more"
        raise CalibrationError(msg, hint="a thousand people measure rates down to 6e-6")
    if not np.isfinite(templates).all():
        msg = f"{int((~np.isfinite(templates)).any(axis=1).sum())} templates hold values that are no numbers"
        raise CalibrationError(msg)
    comparisons = people * (people - 1) // 2
    rates = tuple(rate for rate in RATES if rate >= 3 / comparisons)
    highest = _highest(unit(templates), int(np.ceil(comparisons * RATES[4])))
    ranks = [min(len(highest), max(1, int(np.floor(rate * comparisons)))) for rate in rates]
    scores = [float(highest[-rank]) for rank in ranks]
    kept = [index for index, rank in enumerate(ranks) if rank < len(highest)]
    return Calibration(
        model.name, model.sha256, data, people, comparisons,
        tuple(rates[index] for index in kept), tuple(round(scores[index], 6) for index in kept),
    )  # fmt: skip


def _highest(templates: Float32, count: int) -> Float64:
    """The highest scores of all pairs, rising, in blocks: memory holds one block and the kept scores."""
    kept = np.empty(0, np.float32)
    for start in range(0, len(templates), _BLOCK):
        block = templates[start : start + _BLOCK]
        scores = block @ templates[start:].T
        kept = np.concatenate([kept, scores[np.triu_indices(len(block), 1, scores.shape[1])]])
        if len(kept) > count:
            kept = np.partition(kept, len(kept) - count)[-count:]
    return np.sort(kept).astype(np.float64)


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
        return _bound(_parse(path.read_text("utf-8"), str(path)), model)
    except (OSError, UnicodeDecodeError) as fault:
        msg = f"calibration '{path}' cannot be read: {fault}"
        raise CalibrationError(msg) from fault


def _parse(text: str, name: str) -> Calibration:
    hint = "make it again with houselights calibrate"
    try:
        document = json.loads(text)
        schema = document.pop("schema")
        columns = {name: tuple(map(float, document[name])) for name in ("rates", "scores")}
        found = Calibration(**{**document, **columns})
        _check_types(found, schema)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as fault:
        msg = f"calibration '{name}' is not a document of schema {SCHEMA}"
        raise CalibrationError(msg, hint=hint) from fault
    if schema != SCHEMA:
        msg = f"calibration '{name}' has schema '{schema}', expected {SCHEMA}"
        raise CalibrationError(msg, hint=hint)
    scores, rates = np.array(found.scores), np.array(found.rates)
    paired = len(scores) == len(rates) >= 2
    ordered = paired and bool((np.diff(scores) >= 0).all() and (np.diff(rates) < 0).all())  # false for nan
    if not ordered or rates[-1] <= 0 or rates[0] >= 1 or found.comparisons < 1:
        msg = f"calibration '{name}': rates must fall within 0 to 1 and scores rise, with at least two of each"
        raise CalibrationError(msg, hint=hint)
    return found


def _check_types(found: Calibration, schema: object) -> None:
    words, counts = (schema, found.model, found.sha256, found.data), (found.people, found.comparisons)
    if not all(isinstance(each, str) for each in words) or not all(type(each) is int for each in counts):
        raise TypeError


def _bound(calibration: Calibration, model: Model) -> Calibration:
    if calibration.sha256 != model.sha256:
        theirs = f"{calibration.model} ({calibration.sha256[:12]})"
        ours = f"{model.name} ({model.sha256[:12]})"
        msg = f"the calibration is for {theirs}, the recogniser is {ours}"
        raise CalibrationError(msg, hint="scores of one model mean nothing for another: calibrate this one")
    return calibration
