"""The report: one HTML file for people, which opens anywhere, asks nothing of the network and runs nothing.

It shows candidates and the photographs they were compared with, and no other face.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from houselights import __version__, plain
from houselights.page import template
from houselights.pictures import Picture, Pictures
from houselights.result import Appearance, Candidate, FootageUse, Result
from houselights.words import clock, count, rate_words, round_times

ROWS = 12  # with more files than this, a subject's time scale leaves out those without a candidate


@dataclass(frozen=True, slots=True)
class Card:
    """A candidate as it is shown."""

    number: int
    candidate: Candidate
    rate: str
    """How often strangers score so."""
    chance: str
    """How often a stranger does so with somebody of the gallery."""
    plain: str
    """What that means, for everybody."""
    exact: tuple[tuple[str, str], ...]
    """All figures, for whoever checks them."""
    also: tuple[str, ...]
    """Other subjects that the same track is a candidate for."""
    shot: Picture | None
    """None for those beyond the number of candidates with pictures."""
    reference: Picture | None


@dataclass(frozen=True, slots=True)
class Bar:
    """An appearance on the time scale; places in percent of its width."""

    left: float
    width: float
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """A file of footage on the time scale."""

    path: str
    length: str
    width: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark on the time scale."""

    left: float
    time: str


@dataclass(frozen=True, slots=True)
class Part:
    """All about one subject that has candidates."""

    name: str
    anchor: str
    cards: tuple[Card, ...]
    rows: tuple[Row, ...]
    appearances: tuple[Appearance, ...]
    lookalikes: tuple[str, ...]


def render(result: Result, subjects: Sequence[str], pictures: Pictures) -> str:
    """The whole report as one HTML document, the same for the same result, subjects searched for, and pictures.

    Names and paths are shown with their control and direction characters spelt out, and can never act as markup.
    """
    found = {candidate.subject for candidate in result.candidates}
    shown = sum(candidate in pictures.shots for candidate in result.candidates)
    lowest = result.threshold.lowest_fmr
    return template("report.html", length_words=_length_words).render(
        result=result,
        summary=summary(result),
        cautions=list(_cautions(result)),
        parts=[_part(name, number, result, pictures) for number, name in enumerate(subjects, 1) if name in found],
        without=[name for name in subjects if name not in found],
        scale=_scale(result),
        stills={use.path for use in result.footage if _still(use)},
        lookalikes=[(pair, rate_words(pair.fmr, lowest)) for pair in result.gallery.lookalikes],
        threshold_rate=rate_words(result.threshold.fmr, 0.0),
        shown=shown,
        unshown=len(result.candidates) - shown,
        assumptions=list(plain.assumptions(result.assumed)),
        tie=plain.TIE,
        version=__version__,
    )


def summary(result: Result) -> str:
    """The outcome in plain words, with what a reader must not take it for, and what strangers alone would give."""
    strangers = plain.by_strangers(result.assumed)
    subjects, files = count(result.gallery.subjects, "subject"), count(len(result.footage), "file")
    found = len({candidate.subject for candidate in result.candidates})
    among = len({candidate.footage for candidate in result.candidates})
    if found == 0:
        return f"No candidate was found for {subjects} in {files}. That is no proof of absence. {strangers}"
    return (
        f"{found} of {subjects} {'has' if found == 1 else 'have'} candidates in {among} of {files}. "
        f"A candidate is a lead only: a person must compare the pictures before anything is done. {strangers}"
    )


def _length_words(use: FootageUse) -> str:
    if use.error is not None and use.frames == 0:
        return "not searched"
    if _still(use):
        return "still picture"
    return clock(use.duration_s) if use.duration_s else "length not stated"


def _cautions(result: Result) -> Iterator[str]:
    """What a reader must know beside the summary: who cannot be told apart, and what was not searched."""
    failed = sum(use.error is not None for use in result.footage)
    damaged = sum(use.frames_damaged > 0 for use in result.footage)
    blind = sum(use.tracks_without_template for use in result.footage)
    tracks = sum(use.tracks for use in result.footage)
    tied = sum(each.runner_up is not None for each in result.candidates)
    if tied:
        yield f"{count(tied, 'candidate')} cannot be told from another subject of the gallery."
    if failed:
        yield f"{failed} of {count(len(result.footage), 'file')} could not be searched."
    if damaged:
        yield f"{count(damaged, 'file')} had damaged frames."
    if blind:
        yield f"{blind:,} of {count(tracks, 'track')} had no usable shot of the face and could not be compared."
    if result.gallery.refused:
        yield f"{count(len(result.gallery.refused), 'photograph')} of the gallery could not be used."
    if result.passed_over:
        yield f"{count(len(result.passed_over), 'other file')} in the searched folders: passed over."


def _part(name: str, number: int, result: Result, pictures: Pictures) -> Part:
    seen = tuple(each for each in result.appearances if each.subject == name)
    pairs = [{pair.subject, pair.other} for pair in result.gallery.lookalikes]
    return Part(
        name=name,
        anchor=f"subject-{number}",
        cards=tuple(_cards(name, result, pictures)),
        rows=tuple(_rows(result, seen)),
        appearances=seen,
        lookalikes=tuple(sorted(other for pair in pairs if name in pair for other in pair - {name})),
    )


def _cards(name: str, result: Result, pictures: Pictures) -> Iterator[Card]:
    sharing: dict[tuple[str, int], list[str]] = {}
    for each in result.candidates:
        sharing.setdefault((each.footage, each.track), []).append(each.subject)
    those = [candidate for candidate in result.candidates if candidate.subject == name]
    for number, candidate in enumerate(those, 1):
        yield Card(
            number=number,
            candidate=candidate,
            rate=plain.rate(candidate.odds),
            chance=plain.anybody(candidate.odds),
            plain=plain.sentence(candidate.odds, result.assumed),
            exact=plain.exact(candidate.odds, result.assumed, result.threshold),
            also=tuple(other for other in sharing[candidate.footage, candidate.track] if other != name),
            shot=pictures.shots.get(candidate),
            reference=pictures.references.get(candidate.reference),
        )


def _still(use: FootageUse) -> bool:
    return use.frames == 1 and use.duration_s == 0


def _length(use: FootageUse, seen: Iterable[Appearance]) -> float:
    """A file's length in seconds; where the file states none, or too little, until the last appearance."""
    return max([use.duration_s, *(each.end_s for each in seen if each.footage == use.path)])


def _longest(result: Result) -> float:
    return max((_length(use, result.appearances) for use in result.footage), default=0.0) or 1.0


def _rows(result: Result, seen: tuple[Appearance, ...]) -> Iterator[Row]:
    """One row a file, all files to one scale. With many files only those in which the subject may be seen."""
    longest = _longest(result)
    among = {each.footage for each in seen}
    for use in result.footage:
        if use.path in among or len(result.footage) <= ROWS:
            length = _length(use, result.appearances)
            bars = tuple(_bar(each, longest) for each in seen if each.footage == use.path)
            yield Row(use.path, _length_words(use), _percent(length, longest), bars)


def _bar(each: Appearance, longest: float) -> Bar:
    left, width = _percent(each.start_s, longest), _percent(each.end_s - each.start_s, longest)
    return Bar(left, width, each.start_s, each.end_s)


def _scale(result: Result) -> tuple[Mark, ...]:
    """Marks under all rows at round times, at most five."""
    longest = _longest(result)
    times = round_times(0, longest)
    return tuple(Mark(_percent(seconds, longest), clock(seconds).split(".")[0]) for seconds in times)


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 4)
