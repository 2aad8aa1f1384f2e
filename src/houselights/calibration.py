"""Calibration: from photographs of known people to the rates that odds are read from.

There is a curve for each kind of comparison. Photographs are compared with photographs; shots, which `shots.py` makes
from photographs, are fused as those of a track are, and compared with photographs of everybody else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from houselights.comparisons import Index, between, genuine, impostors
from houselights.dataset import MOST, Dataset, Reading
from houselights.errors import CalibrationError
from houselights.models import Model
from houselights.odds import PHOTOGRAPH, Calibration, kind_of
from houselights.record import Record
from houselights.shots import EYES
from houselights.tail import Balance, Curve, curve
from houselights.templates import ALIGNMENT, PRECISION, fuse_shots, recipe
from houselights.types import Float32, Float64

HOLDER = "calibration"
FEWEST = 100
"""People, below whom a calibration would show nothing that a search asks for."""
KEPT = 0.01  # the share of comparisons that is kept with who they are: rates below it get bounds of their own
LEAST_KEPT = 2000
NUMBERS = (1, 2, 4)
"""How many shots are fused: one for each of `odds.SHOTS`."""


def measure(model: Model, data: str, dataset: Dataset) -> Calibration:
    """The calibration that a data set gives.

    Raises:
        CalibrationError: too few people, or templates that are no numbers.
    """
    if len(dataset.names) < FEWEST:
        msg = f"{len(dataset.names)} people are too few to calibrate on, expected {FEWEST} or more"
        raise CalibrationError(msg, hint="a thousand people show rates down to 6e-6")
    firsts = dataset.firsts
    others, whose = dataset.templates[firsts], dataset.people[firsts]
    return Calibration(
        model=model.name, recipe=recipe(model), sha256=model.sha256, precision=PRECISION, alignment=ALIGNMENT,
        data=data, people=len(dataset.names), photographs=len(dataset.files), left_out=len(dataset.left_out),
        quality=_qualities(dataset),
        curves=(_photographs(dataset, others, whose), *_tracks(dataset, others, whose)),
    )  # fmt: skip


def _qualities(dataset: Dataset) -> tuple[float, float]:
    """From what to what quality there is something to measure: all but the poorest hundredth of shots."""
    measured = dataset.shot_quality.ravel() if dataset.shot_quality.size else dataset.quality
    return round(float(np.quantile(measured, 0.01)), 3), round(float(dataset.quality.max()), 3)


def _photographs(dataset: Dataset, others: Float32, whose: Index) -> Curve:
    total = len(others) * (len(others) - 1) // 2
    found = impostors(others, whose, _keep(total))
    once = np.ones(len(others), np.int64)
    same = genuine(dataset.templates, dataset.people, MOST).scores
    return _with_genuine(curve(PHOTOGRAPH, found, (whose, whose), Balance(once, once, halved=True)), same)


def _tracks(dataset: Dataset, others: Float32, whose: Index) -> Iterator[Curve]:
    """A curve for each kind of track of which there are enough people."""
    templates, people, kinds = _fused(dataset)
    for kind in sorted(set(kinds)):
        rows = np.flatnonzero(np.array(kinds) == kind)
        if len(set(people[rows].tolist())) < FEWEST:
            continue
        found = between(templates[rows], people[rows], others, whose, _keep(len(rows) * len(others)))
        each = np.bincount(people[rows], minlength=len(others))
        balance = Balance(each, np.ones(len(others), np.int64), halved=False)
        same = np.concatenate(
            [_same(dataset, int(who), templates[row]) for row, who in zip(rows, people[rows], strict=True)]
        )
        yield _with_genuine(curve(kind, found, (people[rows], whose), balance), same)


def _fused(dataset: Dataset) -> tuple[Float32, Index, list[str]]:
    """Tracks of one, two and four shots of each size, with whose they are and of what kind."""
    templates, people, kinds = [], [], []
    for row, who in enumerate(dataset.shot_people.tolist()):
        for size in range(len(EYES)):
            quality = dataset.shot_quality[row, size]
            for number in NUMBERS:
                made = dataset.shot_templates[row, size]
                weights = quality[:number].tolist()
                templates.append(made[0] if number == 1 else fuse_shots(made[1 : number + 1], weights))
                people.append(who)
                kinds.append(kind_of(number, float(np.mean(weights))))
    dimensions = dataset.templates.shape[1]
    return np.array(templates, np.float32).reshape(-1, dimensions), np.array(people, np.int64), kinds


def _same(dataset: Dataset, who: int, template: Float32) -> Float64:
    """Scores with the person's other photographs: the first is the one that the shots were made from."""
    rows = np.flatnonzero(dataset.people == who)[1:MOST]
    return np.asarray(dataset.templates[rows] @ template, np.float64)


def _with_genuine(found: Curve, scores: Float64) -> Curve:
    if not len(scores):
        return found
    reached = np.searchsorted(np.sort(-scores), -np.array(found.scores), side="right") / len(scores)
    return replace(found, genuine=len(scores), accepted=tuple(float(f"{share:.4g}") for share in reached))


def _keep(comparisons: int) -> int:
    return min(comparisons, max(LEAST_KEPT, int(KEPT * comparisons)))


class Progress:
    """What was made of photographs so far, sealed in the record's store under a key of its own until all are done."""

    def __init__(self, record: Record, folder: Path, model: Model, how: Reading) -> None:
        """The progress of one folder with one recogniser: changed files are another one."""
        files = sorted(each for each in folder.rglob("*") if each.is_file())
        known = [(str(each.relative_to(folder)), (about := each.stat()).st_size, about.st_mtime_ns) for each in files]
        settings = [recipe(model), how.middle, how.with_shots, sorted(how.leave_out), known]
        self._key = hashlib.sha256(json.dumps(settings).encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._record, self._store = record, record.store

    def get(self, number: int) -> bytes | None:
        """A chunk of an earlier run."""
        return self._store.document("calibration", f"{self._key}-{number}")

    def put(self, number: int, content: bytes) -> None:
        """Keep a chunk."""
        self._store.keep("calibration", f"{self._key}-{number}", content, holder=f"{HOLDER} {self._key}")

    def begin(self) -> None:
        """Destroy what is kept of other folders, recognisers and settings: one calibration is under way at a time."""
        clear(self._record, all_but=f"{HOLDER} {self._key}")

    def clear(self) -> None:
        """Destroy the key, and all that it sealed."""
        self._store.destroy(f"{HOLDER} {self._key}")


def clear(record: Record, all_but: str = "") -> int:
    """Destroy what calibrations that did not end have left; how many documents that were."""
    holders = [each for each in record.store.holders() if each.startswith(f"{HOLDER} ") and each != all_but]
    return sum(record.store.destroy(holder) for holder in holders)
