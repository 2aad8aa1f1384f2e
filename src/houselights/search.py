"""Search: every subject against every track, exactly. The same inputs give the same candidates, years later."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from houselights import odds
from houselights.gallery import Gallery, Subject
from houselights.odds import Calibration, Setting
from houselights.result import Appearance, Candidate, Lookalikes, Odds, RunnerUp, Shot
from houselights.types import Float32

MARGIN = 1e-4  # matrix products differ between batch sizes by some 1e-7: what lies this near is scored again
BLOCK = 8192
ROWS = 2048  # subjects whose scores with all others are held at a time
JOIN_S = 1.0  # seconds between two candidates of one subject that still count as one appearance


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A track with its template."""

    footage: str
    track: int
    start_s: float
    end_s: float
    shots: tuple[Shot, ...]
    shot_templates: Float32
    """(shots, d) unit"""
    template: Float32
    """(d,) all of them fused, unit"""

    @property
    def quality(self) -> float:
        """The mean of its shots' qualities, 0 to 1."""
        return sum(shot.quality for shot in self.shots) / len(self.shots)

    @property
    def kind(self) -> str:
        """The kind of comparison that is made with it."""
        return odds.kind_of(len(self.shots), self.quality)


def score(one: Float32, other: Float32) -> float:
    """The scalar product of two templates, rounded to 1e-6: the mean cosine between what they were fused from.

    The sum is exact before it is rounded, so that neither order nor processor can change it.
    """
    return round(math.fsum(one.astype(np.float64) * other.astype(np.float64)), 6)


@dataclass(frozen=True, slots=True)
class Sieve:
    """From which score on a comparison of each kind makes a candidate, at one false-match rate."""

    calibration: Calibration
    fmr: float

    def check(self) -> None:
        """Return if every kind of comparison can show that rate.

        Raises:
            CalibrationError: one cannot; it is named.
        """
        for curve in self.calibration.curves:
            self.calibration.score_at(self.fmr, curve.kind)

    def score(self, probe: Probe) -> float:
        """The score that a probe's kind asks for."""
        return self.calibration.score_at(self.fmr, probe.kind)

    @property
    def lowest(self) -> float:
        """The score that no kind asks less than."""
        return self.calibration.score_at(self.fmr)

    @property
    def near(self) -> float:
        """How far two scores may be apart and still be too near to tell two people: as far as a rate ten times over."""
        return self.lowest - self.calibration.score_at(min(10 * self.fmr, 0.5))


def candidates(gallery: Gallery, probes: Iterable[Probe], sieve: Sieve, setting: Setting) -> tuple[Candidate, ...]:
    """One candidate for each subject and track that reach the threshold, best first; nothing fills up the list.

    A matrix product proposes in float32, `score` decides.
    """
    found: dict[tuple[str, str, int], Candidate] = {}
    for block in _blocks(list(probes), BLOCK):
        proposed = gallery.templates @ np.stack([probe.template for probe in block]).T
        for row, column in np.argwhere(proposed >= sieve.lowest - MARGIN):
            subject, probe = gallery.subjects[row], block[column]
            exact = score(subject.template, probe.template)
            place = (subject.name, probe.footage, probe.track)
            if exact >= sieve.score(probe) and (place not in found or exact > found[place].score):
                rival = _runner_up(gallery, proposed[:, column], int(row), probe, sieve)
                found[place] = _candidate(
                    subject, probe, exact, odds.of(sieve.calibration, exact, probe.kind, setting), rival
                )
    return tuple(sorted(found.values(), key=lambda c: (-c.score, c.subject, c.footage, c.track)))


def _runner_up(gallery: Gallery, proposed: Float32, row: int, probe: Probe, sieve: Sieve) -> RunnerUp | None:
    """The best other subject of the same track, where the two are too near to be told apart."""
    others = np.delete(np.arange(len(proposed)), row)
    if not len(others):
        return None
    near = others[proposed[others] >= proposed[others].max() - MARGIN]
    scored = [(score(gallery.subjects[each].template, probe.template), gallery.subjects[each]) for each in near]
    exact, other = min(scored, key=lambda each: (-each[0], each[1].name))
    own = score(gallery.subjects[row].template, probe.template)
    if exact < own - sieve.near or exact < sieve.score(probe) - sieve.near:
        return None
    return RunnerUp(other.name, exact, sieve.calibration.fmr_at(exact, probe.kind))


def _blocks(probes: list[Probe], size: int) -> Iterable[list[Probe]]:
    return (probes[start : start + size] for start in range(0, len(probes), size))


def _candidate(subject: Subject, probe: Probe, exact: float, found: Odds, rival: RunnerUp | None) -> Candidate:
    references = [score(template, probe.template) for template in subject.templates]
    shots = [score(subject.template, template) for template in probe.shot_templates]
    return Candidate(
        subject=subject.name,
        footage=probe.footage,
        track=probe.track,
        start_s=probe.start_s,
        end_s=probe.end_s,
        score=exact,
        odds=found,
        runner_up=rival,
        shots=len(probe.shots),
        best_shot=probe.shots[int(np.argmax(shots))],
        reference=str(subject.references[int(np.argmax(references))].file),
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
            merged.append(
                Appearance(candidate.subject, candidate.footage, candidate.start_s, candidate.end_s, candidate.score)
            )
    return tuple(merged)


def alike(gallery: Gallery, threshold: float) -> Iterator[tuple[Subject, Subject, float]]:
    """Each two subjects of a gallery whose score with each other reaches a threshold, and that score.

    A matrix product proposes in float32, in blocks; `score` decides.
    """
    templates = gallery.templates
    for start in range(0, len(templates), ROWS):
        rough = templates[start : start + ROWS] @ templates[start:].T
        for row, column in np.argwhere(np.triu(rough >= threshold - MARGIN, 1)):
            one, other = gallery.subjects[start + row], gallery.subjects[start + column]
            exact = score(one.template, other.template)
            if exact >= threshold:
                yield one, other, exact


def lookalikes(gallery: Gallery, threshold: float, calibration: Calibration) -> tuple[Lookalikes, ...]:
    """Pairs of subjects that reach the threshold against each other: a candidate for one may be the other."""
    found = [Lookalikes(a.name, b.name, value, calibration.fmr_at(value)) for a, b, value in alike(gallery, threshold)]
    return tuple(sorted(found, key=lambda pair: -pair.score))
