"""Search: every subject against every track, exactly. The same inputs give the same candidates, in any batch, years later."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from houselights.gallery import Gallery, Subject
from houselights.odds import Calibration
from houselights.result import Appearance, Candidate, Lookalikes, Shot
from houselights.types import Float32

MARGIN = 1e-4  # matrix products differ between batch sizes by some 1e-7: what lies this near is scored again
BLOCK = 8192
JOIN_S = 1.0  # seconds between two candidates of one subject that still count as one appearance


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A track with its template."""

    footage: str
    track: int
    start_s: float
    end_s: float
    shots: int
    best_shot: Shot
    template: Float32
    """(d,) unit"""


def score(one: Float32, other: Float32) -> float:
    """Cosine similarity rounded to 1e-6: sums in float64 without rounding on the way, so that their order cannot matter."""
    left, right = one.astype(np.float64), other.astype(np.float64)
    lengths = math.sqrt(math.fsum(left * left) * math.fsum(right * right))
    return round(math.fsum(left * right) / lengths, 6) if lengths > 0 else 0.0


def candidates(gallery: Gallery, probes: Iterable[Probe], threshold: float, calibration: Calibration) -> tuple[Candidate, ...]:
    """One candidate for each subject and track whose score reaches the threshold, best first; nothing fills up the list.

    A matrix product proposes in float32, `score` decides.
    """
    found = []
    for block in _blocks(list(probes), BLOCK):
        proposed = gallery.templates @ np.stack([probe.template for probe in block]).T
        for row, column in np.argwhere(proposed >= threshold - MARGIN):
            subject, probe = gallery.subjects[row], block[column]
            exact = score(subject.template, probe.template)
            if exact >= threshold:
                found.append(_candidate(subject, probe, exact, calibration))
    return tuple(sorted(found, key=lambda c: (-c.score, c.subject, c.footage, c.track)))


def _blocks(probes: list[Probe], size: int) -> Iterable[list[Probe]]:
    return (probes[start : start + size] for start in range(0, len(probes), size))


def _candidate(subject: Subject, probe: Probe, exact: float, calibration: Calibration) -> Candidate:
    each = [score(template, probe.template) for template in subject.templates]
    return Candidate(
        subject=subject.name,
        footage=probe.footage,
        track=probe.track,
        start_s=probe.start_s,
        end_s=probe.end_s,
        score=exact,
        fmr=calibration.fmr_at(exact),
        shots=probe.shots,
        best_shot=probe.best_shot,
        reference=str(subject.references[int(np.argmax(each))].file),
    )


def appearances(found: Iterable[Candidate]) -> tuple[Appearance, ...]:
    """When each subject may be seen in each file: intervals that overlap or nearly touch are one; files stay apart."""
    merged: list[Appearance] = []
    for candidate in sorted(found, key=lambda c: (c.subject, c.footage, c.start_s, c.end_s, c.track)):
        last = merged[-1] if merged else None
        same = last is not None and (last.subject, last.footage) == (candidate.subject, candidate.footage)
        if last is not None and same and candidate.start_s <= last.end_s + JOIN_S:
            end, best = max(last.end_s, candidate.end_s), max(last.score, candidate.score)
            merged[-1] = Appearance(last.subject, last.footage, last.start_s, end, best)
        else:
            merged.append(Appearance(candidate.subject, candidate.footage, candidate.start_s, candidate.end_s, candidate.score))
    return tuple(merged)


def lookalikes(gallery: Gallery, threshold: float, calibration: Calibration) -> tuple[Lookalikes, ...]:
    """Pairs of subjects that score at or above the threshold against each other: a candidate for one may be the other."""
    proposed = np.argwhere(np.triu(gallery.templates @ gallery.templates.T, 1) >= threshold - MARGIN)
    pairs = [(gallery.subjects[int(i)], gallery.subjects[int(j)]) for i, j in proposed]
    scored = [(one, other, score(one.template, other.template)) for one, other in pairs]
    found = [Lookalikes(a.name, b.name, value, calibration.fmr_at(value)) for a, b, value in scored if value >= threshold]
    return tuple(sorted(found, key=lambda pair: -pair.score))
