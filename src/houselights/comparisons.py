"""Comparisons: every pair of photographs, in blocks, so that memory holds one block and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houselights.errors import CalibrationError
from houselights.types import Float32, Float64

BLOCK = 2048
BINS = 4000  # over scores of -1 to 1: a step of 0.0005
EDGES = np.linspace(-1, 1, BINS + 1)

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Impostors:
    """Scores of different people: all counted, the highest kept with who they are."""

    comparisons: int
    counts: Index
    """(BINS,) how many scores lie in each step from -1 to 1."""
    scores: Float64
    """(k,) the highest, falling."""
    pairs: Index
    """(k, 2) the photographs that reached each: rows of the templates that were given."""


@dataclass(frozen=True, slots=True, eq=False)
class Genuine:
    """Scores of two photographs of the same person."""

    scores: Float64
    """(k,) in the order of the people."""
    people: Index
    """(k,) whose they are."""


def impostors(templates: Float32, people: Index, keep: int) -> Impostors:
    """Each pair of photographs of different people once, from templates (n, d) and the person of each (n,).

    Raises:
        CalibrationError: a template is no number, or there are no two people.
    """
    check(templates)
    return _counted(_blocks(templates, people, templates, people, halved=True), keep)


def between(probes: Float32, probe_people: Index, others: Float32, other_people: Index, keep: int) -> Impostors:
    """Each probe (n, d) with each photograph (m, d) of somebody else.

    Raises:
        CalibrationError: a template is no number, or there are no two people.
    """
    check(probes)
    check(others)
    return _counted(_blocks(probes, probe_people, others, other_people, halved=False), keep)


def genuine(templates: Float32, people: Index, most: int) -> Genuine:
    """Each pair of photographs of one person, of whom the first `most` are taken."""
    scores, whose = [np.empty(0)], [np.empty(0, np.int64)]
    order = np.argsort(people, kind="stable")
    starts = np.flatnonzero(np.diff(people[order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        one = templates[rows[:most]]
        found = (one @ one.T)[np.triu_indices(len(one), 1)].astype(np.float64)
        scores.append(found)
        whose.append(np.full(len(found), people[rows[0]]))
    return Genuine(np.concatenate(scores), np.concatenate(whose))


def check(templates: Float32) -> None:
    """Return if every template is made of numbers.

    Raises:
        CalibrationError: some are not.
    """
    if not np.isfinite(templates).all():
        rows = np.flatnonzero(~np.isfinite(templates).all(axis=1))
        msg = f"{len(rows)} templates hold values that are no numbers, the first in row {rows[0]}"
        raise CalibrationError(msg, hint="try another recogniser: this one cannot be measured")


_Block = tuple[NDArray[np.float32], NDArray[np.bool_], int, int]
"""Scores, which of them count, and the rows that the block begins at."""


def _blocks(probes: Float32, who: Index, others: Float32, whose: Index, *, halved: bool) -> Iterator[_Block]:
    """All pairs of probes with others who are somebody else; where both are the same, each pair once."""
    for row in range(0, len(probes), BLOCK):
        for column in range(row if halved else 0, len(others), BLOCK):
            wanted = who[row : row + BLOCK, None] != whose[None, column : column + BLOCK]
            if halved and row == column:
                wanted = np.triu(wanted, 1)
            yield probes[row : row + BLOCK] @ others[column : column + BLOCK].T, wanted, row, column


def _counted(blocks: Iterator[_Block], keep: int) -> Impostors:
    counts = np.zeros(BINS, np.int64)
    scores, pairs = np.empty(0, np.float32), np.empty((0, 2), np.int64)
    for found, wanted, row, column in blocks:
        values = found[wanted]
        steps = np.clip(((values + 1) * (BINS / 2)).astype(np.int64), 0, BINS - 1)
        counts += np.bincount(steps, minlength=BINS)
        least = scores[-1] if len(scores) == keep else -np.inf
        rows, columns = np.nonzero(wanted & (found > least))
        scores = np.concatenate([scores, found[rows, columns]])
        pairs = np.concatenate([pairs, np.stack([rows + row, columns + column], axis=1)])
        best = np.argsort(-scores, kind="stable")[:keep]
        scores, pairs = scores[best], pairs[best]
    if not counts.sum():
        raise CalibrationError("no two people to compare", hint="one folder a person, or one photograph a person")
    return Impostors(int(counts.sum()), counts, scores.astype(np.float64), pairs)
