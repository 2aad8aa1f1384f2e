"""Identification: how often a search of a gallery misses who is in it, and names somebody for a stranger who is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from houselights.comparisons import Index, check
from houselights.dataset import Dataset
from houselights.errors import CalibrationError
from houselights.evaluation import Chart, Evaluation, Figure, Series, Table
from houselights.interval import SEED, bounds, draws, few, reaching, resampled, thresholds, unsupported
from houselights.result import Refusal
from houselights.templates import fuse
from houselights.types import Float32, Float64, UInt8
from houselights.verification import FEW_PEOPLE, named
from houselights.words import count, persons

FPIRS = (0.1, 0.03, 0.01, 0.003, 0.001)
RANKS = 50
TOLD_RANKS = (1, 5, 10, 20, 50)
INVESTIGATION = 20  # the candidates that somebody looks through where a search has no threshold
PROBES = 5  # photographs of an enrolled person that are searched for: the protocol of LFW's development set
SIZES = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
MOST_SIZES = 4  # galleries that are measured: the whole one, and smaller ones out of it
CURVE = 30  # points of a curve
BLOCK = 1 << 22  # scores that are held at a time


@dataclass(frozen=True, slots=True, eq=False)
class OpenSet:
    """A gallery, searches for people who are in it, and searches of people who are not."""

    name: str
    """What was read, for outputs."""
    gallery: Float32
    """(n, d) one template a person, in an order of chance: the first k are a gallery of k."""
    probes: Float32
    """(p, d) photographs of people who are in the gallery."""
    probe_people: Index
    """(p,) their places in the gallery."""
    strangers: Float32
    """(s, d) photographs of people who are not."""
    stranger_people: Index
    """(s,) whose, numbered from 0."""
    lost: tuple[Refusal, ...]
    notes: tuple[str, ...] = ()


def split(dataset: Dataset, enrolled: int, seed: int) -> OpenSet:
    """A data set parted by the protocol of LFW's development set.

    By chance, with a seed, so many people of those with two photographs and more are enrolled by their first; their
    next five at most are searched for; the strangers are the first photograph of everybody else.

    Raises:
        CalibrationError: `enrolled` is below 2, fewer people have two photographs, or nobody is left as a stranger.
    """
    order = np.argsort(dataset.people, kind="stable")
    firsts = np.flatnonzero(np.diff(dataset.people[order], prepend=-1))
    photographs = np.split(order, firsts[1:])
    several = [place for place, rows in enumerate(photographs) if len(rows) > 1]
    most = min(len(several), len(photographs) - 1)
    if most < 2:
        who = f"{persons(len(photographs))}, {len(several):,} of them with two photographs and more"
        msg = f"{dataset.name}: {who}, expected two or more to enrol and one more as a stranger"
        raise CalibrationError(msg, hint="one folder a person, with several photographs in it")
    if not 2 <= enrolled <= most:
        expected = f"expected {'2' if most == 2 else f'2 to {most}'} of those with two photographs and more"
        msg = f"{dataset.name}: {enrolled} people cannot be enrolled, {expected}"
        raise CalibrationError(msg, hint="give another --enrolled; somebody has to be left as a stranger")
    chosen = np.random.default_rng(seed).choice(several, enrolled, replace=False)
    rest = np.setdiff1d(np.arange(len(photographs)), chosen)
    probes = [photographs[place][1 : 1 + PROBES] for place in chosen]
    rows = np.concatenate(probes)
    return OpenSet(
        name=f"{dataset.name}, {enrolled} people enrolled by chance with seed {seed}",
        gallery=dataset.templates[[photographs[place][0] for place in chosen]],
        probes=dataset.templates[rows],
        probe_people=np.repeat(np.arange(enrolled), [len(each) for each in probes]),
        strangers=dataset.templates[[photographs[place][0] for place in rest]],
        stranger_people=np.arange(len(rest)),
        lost=dataset.lost + dataset.duplicates + dataset.left_out,
    )


def joined(gallery: Dataset, probes: Dataset, strangers: Dataset | None, seed: int) -> OpenSet:
    """Data sets of their own: names of probes are those of the gallery, and no stranger has one of them.

    Several photographs of a subject are fused by quality, as in a search. Who stands in the wrong set is left out, and
    named in a note.

    Raises:
        CalibrationError: nobody of the probes is in the gallery.
    """
    order = np.random.default_rng(seed).permutation(len(gallery.names))
    places = {gallery.names[person]: place for place, person in enumerate(order)}
    found = np.array([places.get(name, -1) for name in probes.names], np.int64)[probes.people]
    if not (found >= 0).any():
        msg = f"nobody of {probes.name} is in the gallery {gallery.name}"
        raise CalibrationError(msg, hint="one folder a person, with the same name in both")
    known = np.array([name in places for name in strangers.names], bool) if strangers else np.empty(0, bool)
    others = np.flatnonzero(~known[strangers.people]) if strangers else np.empty(0, np.int64)
    notes = (
        named(
            "left out, probes of people who are not in the gallery",
            [name for name in probes.names if name not in places],
        ),
        named("left out, strangers who are in the gallery", [name for name in strangers.names if name in places])
        if strangers
        else "",
    )
    sets = (gallery, probes, *([strangers] if strangers else []))
    return OpenSet(
        name=", ".join(each.name for each in sets),
        gallery=np.stack([_subject(gallery, int(person)) for person in order]),
        probes=probes.templates[found >= 0],
        probe_people=found[found >= 0],
        strangers=strangers.templates[others] if strangers else np.empty((0, gallery.templates.shape[1]), np.float32),
        stranger_people=np.unique(strangers.people[others], return_inverse=True)[1] if strangers else others,
        lost=tuple(refusal for each in sets for refusal in each.lost + each.duplicates + each.left_out),
        notes=(*filter(None, notes), *(f"{each.name}: {note}" for each in sets for note in _doubts(each))),
    )


def _doubts(dataset: Dataset) -> tuple[str, ...]:
    return dataset.doubts() if len(dataset.names) > 1 else ()  # one person is nobody's double


def _subject(gallery: Dataset, person: int) -> Float32:
    rows = np.flatnonzero(gallery.people == person)
    return fuse(gallery.templates[rows], gallery.quality[rows].tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """What all searches gave, in galleries of several sizes."""

    sizes: tuple[int, ...]
    """Rising; the last is the whole gallery."""
    own: Float64
    """(p,) the score of each probe with its own subject."""
    better: Index
    """(sizes, p) how many other subjects score as high or higher: ties count against the search."""
    highest: Float64
    """(sizes, s) the highest score of each stranger."""


def search(people: OpenSet, sizes: Sequence[int] = ()) -> Searched:
    """Every probe and every stranger searched for in the whole gallery, in blocks, and in its first so many subjects.

    Raises:
        CalibrationError: a template is no number, or a size is no size of a part of the gallery.
    """
    for templates in (people.gallery, people.probes, people.strangers):
        check(templates)
    whole = len(people.gallery)
    steps = tuple(sorted({*(sizes or [size for size in SIZES if size < whole][1 - MOST_SIZES :]), whole}))
    if not 2 <= steps[0] <= steps[-1] == whole:
        msg = f"a gallery of {steps[0] if steps[0] < 2 else steps[-1]}: expected 2 to {whole}, as many as are enrolled"
        raise CalibrationError(msg, hint="give other --sizes")
    starts = [0, *steps[:-1]]
    own, better = np.empty(len(people.probes)), np.empty((len(steps), len(people.probes)), np.int64)
    for rows in _blocks(len(people.probes), whole):
        scores = people.probes[rows] @ people.gallery.T
        mates = people.probe_people[rows]
        own[rows] = mine = scores[np.arange(len(mates)), mates]
        ahead = scores >= mine[:, None].astype(np.float32)
        ahead[np.arange(len(mates)), mates] = False
        better[:, rows] = np.add.reduceat(ahead, starts, axis=1, dtype=np.int64).cumsum(axis=1).T
    highest = np.empty((len(steps), len(people.strangers)))
    for rows in _blocks(len(people.strangers), whole):
        scores = people.strangers[rows] @ people.gallery.T
        highest[:, rows] = np.maximum.accumulate(np.maximum.reduceat(scores, starts, axis=1), axis=1).T
    return Searched(steps, own, better, highest)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, BLOCK // columns)
    return (slice(start, min(start + step, rows)) for start in range(0, rows, step))


def evaluation(people: OpenSet, found: Searched, facts: tuple[tuple[str, str], ...] = ()) -> Evaluation:
    """Misses at false-positive identification rates for each gallery size, ranks without a threshold, and their charts.

    A rate that the searches of strangers cannot support gets a figure without a value, and a note what is missing; so
    does every figure of fewer than 30 people, for what is told of one person is told of a name.
    """
    measured = tuple(_Measured.of(people, found, place) for place in range(len(found.sizes)))
    searches = f"{len(people.probes):,} photographs of {len(np.unique(people.probe_people)):,} people"
    others = f"{len(people.strangers):,} photographs of {len(np.unique(people.stranger_people)):,} people"
    charts = (_det(measured), _by_size(measured), _ranks(measured[-1]))
    return Evaluation(
        what="identification",
        data=people.name,
        facts=(*facts, ("enrolled", f"{found.sizes[-1]:,}"), ("searched for", searches), ("strangers", others)),
        tables=(*(_open(each) for each in reversed(measured)), _investigation(measured)),
        charts=tuple(chart for chart in charts if chart.series),
        notes=(*people.notes, *_unsearched(people), *_same(found)),
        lost=people.lost,
    )


def _unsearched(people: OpenSet) -> tuple[str, ...]:
    lost = count(len(people.lost), "file")
    return (
        (f"searches that never were, of photographs without a template, are in no figure: {lost}",)
        if people.lost
        else ()
    )


def _same(found: Searched) -> tuple[str, ...]:
    copies = int((found.own > 1 - 1e-6).sum())
    return (f"by their scores copies of the photograph in the gallery: {count(copies, 'probe')}",) if copies else ()


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """The searches of a gallery of one size."""

    size: int
    own: Float64
    """(p,) the scores of those probes whose subject is in this gallery, with it."""
    better: Index
    """(p,)"""
    people: Index
    """(p,)"""
    highest: Float64
    """(s,) of the strangers, falling."""
    strangers: Index
    """(s,) who they are."""
    drawn: UInt8
    """(replicates, enrolled) how often each subject comes in each draw."""
    strangers_drawn: UInt8
    """(replicates, strangers)"""

    @classmethod
    def of(cls, people: OpenSet, found: Searched, place: int) -> _Measured:
        """What was found in the gallery of the size in that place."""
        size = found.sizes[place]
        inside = people.probe_people < size
        falling = np.argsort(-found.highest[place], kind="stable")
        whose = people.stranger_people[falling]
        return cls(
            size, found.own[inside], found.better[place, inside], people.probe_people[inside],
            found.highest[place, falling], whose,
            draws(len(people.gallery)), draws(int(whose.max(initial=0)) + 1, seed=SEED + 1),
        )  # fmt: skip

    @property
    def persons(self) -> int:
        """How many people are searched for."""
        return len(np.unique(self.people))

    @property
    def unsaid(self) -> str:
        """Why no figure is told, with a threshold or without; empty where enough people are searched for."""
        return _too_few(self.persons, "searched for")

    @property
    def unsaid_open(self) -> str:
        """The same with a threshold, which rests on strangers."""
        return self.unsaid or _too_few(len(np.unique(self.strangers)), "strangers")

    def missed(self, ahead: int) -> tuple[int, tuple[float, float]]:
        """How many probes have so many others ahead of their subject, or more, and the bounds of their share."""
        late = self.better >= ahead
        drawn = resampled(self.drawn, self.people, late[:, None])[:, 0]
        return int(late.sum()), bounds(float(late.mean()), drawn, self.persons)

    def at(self, fpirs: Float64) -> tuple[Float64, Index, list[tuple[float, float]]]:
        """For each false-positive identification rate: threshold, probes missed at it, bounds of their share."""
        limits = thresholds(self.highest, fpirs * len(self.highest))
        late = (self.better[:, None] > 0) | (self.own[:, None] < limits)
        held, again = resampled(self.drawn, self.people, late), self._again(fpirs)
        shares = enumerate(late.mean(axis=0))
        spans = [bounds(float(share), again[:, i], self.persons, held=held[:, i]) for i, share in shares]
        return limits, late.sum(axis=0), spans

    def _again(self, fpirs: Float64) -> Float64:
        """(replicates, r) the share of probes missed in each draw, the threshold taken anew from its strangers."""
        order = np.argsort(-self.own, kind="stable")
        order = order[self.better[order] == 0]
        first, whose = self.own[order], self.people[order]
        probes = np.bincount(self.people, minlength=self.drawn.shape[1])
        found = np.empty((len(self.drawn), len(fpirs)))
        for row, (drawn, others) in enumerate(zip(self.drawn, self.strangers_drawn, strict=True)):
            weights = others[self.strangers].astype(np.float64)
            limits = thresholds(self.highest, fpirs * weights.sum(), weights)
            found[row] = 1 - reaching(first, limits, drawn[whose].astype(np.float64)) / (drawn @ probes or np.nan)
        return found


def _open(measured: _Measured) -> Table:
    strangers = len(measured.highest)
    names = {fpir: f"FNIR at FPIR {100 * fpir:g} %" for fpir in FPIRS}
    shown = [fpir for fpir in FPIRS if not unsupported(fpir, strangers)]
    if why := measured.unsaid or (measured.unsaid_open if shown else ""):
        return Table(f"Gallery of {measured.size:,}", tuple(Figure(name, None, note=why) for name in names.values()))
    told = dict(zip(shown, zip(*measured.at(np.array(shown)), strict=True), strict=True)) if shown else {}
    figures = []
    for fpir, name in names.items():
        if fpir not in told:
            note = f"searches of strangers: {unsupported(fpir, strangers)}"
            figures.append(Figure(name, None, note=note))
            continue
        limit, missed, (low, high) = told[fpir]
        share, note = int(missed) / len(measured.own), few(fpir, strangers)
        figures.append(Figure(name, share, low, high, int(missed), len(measured.own), float(limit), note))
    return Table(f"Gallery of {measured.size:,}", tuple(figures), _OPEN_NOTE)


_OPEN_NOTE = (
    "A search misses where its own subject is not the first, or scores below the threshold that so many searches of "
    "strangers reach. 95 % intervals over people: who is searched for, who the strangers are and with them the "
    "threshold, anew in each draw; the gallery is kept as it is."
)


def _investigation(all_sizes: Sequence[_Measured]) -> Table:
    """Without a threshold: somebody looks through the first candidates of every search."""
    figures = []
    for measured in reversed(all_sizes):
        name = f"FNIR at rank {INVESTIGATION}, gallery of {measured.size:,}"
        if why := measured.unsaid or _all_first(measured.size):
            figures.append(Figure(name, None, note=why))
        else:
            missed, (low, high) = measured.missed(INVESTIGATION)
            figures.append(Figure(name, missed / len(measured.own), low, high, missed, len(measured.own)))
    whole = all_sizes[-1]
    for rank in (rank for rank in TOLD_RANKS if rank < whole.size):
        name = f"own subject within rank {rank}, gallery of {whole.size:,}"
        if whole.unsaid:
            figures.append(Figure(name, None, note=whole.unsaid))
            continue
        missed, (low, high) = whole.missed(rank)
        found = len(whole.own) - missed
        figures.append(Figure(name, found / len(whole.own), 1 - high, 1 - low, found, len(whole.own)))
    return Table("Without a threshold", tuple(figures))


def _too_few(people: int, what: str) -> str:
    if people >= FEW_PEOPLE:
        return ""
    return f"{what}: {persons(people)}, expected {FEW_PEOPLE} or more: a figure of fewer is one of persons"


def _all_first(size: int) -> str:
    return f"every subject is among the first {INVESTIGATION} of so few" if size <= INVESTIGATION else ""


def _det(all_sizes: Sequence[_Measured]) -> Chart:
    lines = []
    for measured in reversed(all_sizes):
        strangers = len(measured.highest)
        if measured.unsaid_open:
            continue
        fpirs = np.geomspace(3 / strangers, 0.5, CURVE)
        _, missed, spans = measured.at(fpirs)
        whole = measured is all_sizes[-1]
        lines.append(
            Series(
                f"gallery of {measured.size:,}",
                tuple(map(float, fpirs)),
                tuple(float(each) for each in missed / len(measured.own)),
                low=tuple(low for low, _ in spans) if whole else (),
                high=tuple(high for _, high in spans) if whole else (),
            )
        )
    title, x, y = "FNIR by FPIR", "FPIR: strangers who get a candidate", "FNIR: enrolled people missed"
    return Chart(title, x, y, tuple(lines), x_log=True, y_log=True)


def _by_size(all_sizes: Sequence[_Measured]) -> Chart:
    fpir = 0.01
    told = [each for each in all_sizes if not each.unsaid_open and not unsupported(fpir, len(each.highest))]
    found = [(each.size, *each.at(np.array([fpir]))[1:], len(each.own)) for each in told]
    line = Series(
        f"FNIR at FPIR {100 * fpir:g} %",
        tuple(float(size) for size, _, _, _ in found),
        tuple(float(missed[0]) / probes for _, missed, _, probes in found),
        low=tuple(spans[0][0] for _, _, spans, _ in found),
        high=tuple(spans[0][1] for _, _, spans, _ in found),
    )
    title = f"FNIR at FPIR {100 * fpir:g} % by gallery size"
    return Chart(title, "people enrolled", "FNIR", (line,) if len(found) > 1 else (), x_log=True)


def _ranks(measured: _Measured) -> Chart:
    title, x, y = "Cumulative match characteristic", "rank", "own subject within this rank"
    if measured.unsaid:
        return Chart(title, x, y, ())
    ranks = range(1, min(RANKS, measured.size) + 1)
    missed = [measured.missed(rank) for rank in ranks]
    line = Series(
        f"gallery of {measured.size:,}",
        tuple(map(float, ranks)),
        tuple(1 - late / len(measured.own) for late, _ in missed),
        low=tuple(1 - high for _, (_, high) in missed),
        high=tuple(1 - low for _, (low, _) in missed),
    )
    return Chart(title, x, y, (line,))
