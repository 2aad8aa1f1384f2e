"""Sections of a lead sheet: what is known of a candidate and its case, in words and tables.

They say what speaks against a candidate as fully as what speaks for it: every other candidate, every search and film
that failed, what the pictures lack, how often the reviewers err, and what nobody measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from houselights import actors, cases, decoys, plain, results, review
from houselights.bulletin import rate_line
from houselights.custody import SIZE, fields_of
from houselights.entry import Entry
from houselights.record import Record
from houselights.result import FootageUse, Result
from houselights.results import Kept
from houselights.review import State
from houselights.transparency import Rate
from houselights.words import clock, count, day

GROUPS = (
    "Error rates differ between groups of people. NIST's test of 2019 (NISTIR 8280) found that many recognisers take "
    "two women for one person 2 to 5 times as often as two men, and two people of some regions of the world 10 to 100 "
    "times as often as two people of others. This is published, and was not measured here: for such groups the rate "
    "above may be wrong by as much. Relatives and twins score higher than any rate says."
)
MISSING = (
    "Missing: evidence that does not come from comparing faces. For example somebody who knows the person and was "
    "there, a ticket or a payment, a telephone, a document. An authoriser records it and signs for it."
)
OUTCOMES = {
    "true": "it is the person who was looked for",
    "false": "IT IS SOMEBODY ELSE",
    "unknown": "it cannot be known who it is",
}
SMALL, LOW = 60, 0.5
"""A face lower than so many pixels, and a quality below this, are called weak."""
UNSTATED = "not stated"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a sheet; every row has as many cells as the head."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a sheet."""

    title: str
    lines: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    pictures: bool = False
    """Whether the two pictures stand in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a sheet is written from."""

    record: Record
    state: State
    states: tuple[State, ...]
    """All candidates of the case."""
    searches: tuple[Kept, ...]
    """All searches of the case whose results are kept."""
    entries: tuple[Entry, ...]
    """What the log says of the case's uses."""
    names: Mapping[str, str]
    """Actors by pseudonym."""
    rates: Mapping[str, Rate]
    """How often each reviewer was not right about decoys."""

    @property
    def result(self) -> Result:
        """Of the search that found the candidate."""
        return self.state.kept.result

    def name(self, by: str) -> str:
        """Whose pseudonym it is."""
        return self.names.get(by, f"somebody who is no actor here ({by[:8]})")


def known_of(record: Record, state: State) -> Known:
    """Everything that record and store have of a candidate's case."""
    number = state.case.number
    return Known(
        record=record,
        state=state,
        states=tuple(review.states(record, number)),
        searches=tuple(results.of(record, state.case)),
        entries=tuple(cases.entries(record, number)),
        names=actors.names(record),
        rates=decoys.error_rates(record),
    )


def status(state: State) -> str:
    """What a confirmed candidate is, and no more."""
    if state.is_corroborated:
        return "LEAD ONLY, corroborated by other evidence"
    return "LEAD ONLY, not corroborated"


def sections(known: Known) -> Iterator[Section]:
    """All of them but the last, which says for whom the sheet is."""
    yield _authority(known)
    yield _candidate(known)
    yield _odds(known)
    yield Section("What the pictures lack", lines=tuple(_weaknesses(known)))
    yield _reviewers(known)
    yield _evidence(known)
    yield _others(known)
    yield _searches(known)


def _authority(known: Known) -> Section:
    case, authority = known.state.case, known.state.case.authority
    opened = f"{known.name(case.opened_by)}, who signed for it" if case.opened_by else "nobody signed for it"
    if case.approved_by:
        approval = f"{known.name(case.approved_by)}, who signed for it, {day(case.approved)}"
    else:
        approval = "nobody: the authoriser's name was typed, and nobody signed for it"
    facts = (
        ("Purpose", str(authority.purpose)),
        ("Basis", authority.basis),
        ("Authorised by", authority.authorised_by),
        ("Case", case.number),
        ("Opened", f"{day(case.opened)}; {opened}"),
        ("Approved by", approval),
    )
    return Section("Why the search was made", facts=facts)


def _candidate(known: Known) -> Section:
    state, one = known.state, known.state.candidate
    film = _film(known.result, one.footage)
    tied = () if one.runner_up is None else (("Not told apart", plain.tie(one.subject, one.runner_up)),)
    facts = (
        *tied,
        ("Looked for", one.subject),
        ("Candidate", state.number),
        ("Film", Path(one.footage).name),
        ("SHA-256 of the film", film.sha256 if film else UNSTATED),
        ("In the film", f"{clock(one.start_s)} to {clock(one.end_s)}, track {one.track}"),
        ("Best shot", f"at {clock(one.best_shot.time_s)}"),
        ("Reference photograph", Path(one.reference).name),
    )
    return Section("The candidate", facts=facts, pictures=True)


def _odds(known: Known) -> Section:
    result, one = known.result, known.state.candidate
    models = "; ".join(f"{each.role} {each.name}, SHA-256 {each.sha256}" for each in result.models)
    facts = (
        ("Score", f"{one.score:.3f}; a candidate from {result.threshold.score:.3f} on. A score is no probability."),
        ("Strangers", plain.sentence(one.odds, result.assumed)),
        *plain.exact(one.odds, result.assumed, result.threshold),
        ("Whole search", plain.by_strangers(result.assumed)),
        ("Models", models),
    )
    return Section("What the score says", lines=(GROUPS, *_lookalikes(known)), facts=facts)


def _lookalikes(known: Known) -> Iterator[str]:
    subject = known.state.candidate.subject
    pairs = [{each.subject, each.other} for each in known.result.gallery.lookalikes]
    alike = sorted({other for pair in pairs if subject in pair for other in pair - {subject}})
    if alike:
        yield f"To the recogniser these look like {subject}, so the candidate may be one of them: {', '.join(alike)}."
    else:
        yield f"Nobody else who was looked for in this search looks like {subject} to the recogniser."
    same = [each for each in known.states if each.number != known.state.number and _track(each) == _track(known.state)]
    if same:
        others = ", ".join(sorted({each.candidate.subject for each in same}))
        yield f"The same track is a candidate for others, too: {others}."


def _track(state: State) -> tuple[str, str, int]:
    return state.kept.use, state.candidate.footage, state.candidate.track


def _weaknesses(known: Known) -> Iterator[str]:
    one, film = known.state.candidate, _film(known.result, known.state.candidate.footage)
    height, quality = round(one.best_shot.box[3]), one.best_shot.quality
    yield f"The face in the best shot is {height} pixels high{', which is little' if height < SMALL else ''}."
    yield (
        f"Its quality is {quality:.2f} of 1{', which is low' if quality < LOW else ''}: the geometric mean of "
        "sharpness, size, pose, exposure and the detector's own score. Which of them is low is not kept."
    )
    yield f"The comparison rests on {count(one.shots, 'shot')} of the track."
    if film is not None:
        frames = f"The film has {count(film.frames, 'frame')}; {film.frames_analysed:,} were looked at"
        yield f"{frames}, and {film.frames_damaged:,} frames or packets did not decode whole."
        yield from (f"Of the film: {note}." for note in film.notes)
    yield f"What the reference is (original, still, scan): {known.state.kept.facts.get('probe', UNSTATED)}."
    shot = known.state.kept.pictures.shots[one]
    if shot.covered:
        yield f"{count(shot.covered, 'other face')} in the shot covered."
    yield "The pictures are shown small and were compressed again. Who compares them anew needs the film itself."


def _reviewers(known: Known) -> Section:
    rows = []
    for answer in known.state.answers:
        seen = {word: [name for name, said in answer.features.items() if said == word] for word in review.SEEN_WORDS}
        rate = known.rates.get(answer.by)
        errors = "never tested" if rate is None else f"{rate.false} of {rate.among}: {rate_line(rate)}"
        rows.append(
            (known.name(answer.by), answer.decision, *(", ".join(seen[word]) or "none" for word in seen), errors)
        )
    head = ("Reviewer", "Decision", "Similar", "Different", "Not visible", "Not right about decoys")
    lines = (
        "The page they were given shows no score, rank or name, and nothing of the other's decision.",
        "The first decision lay sealed until the second was made. Whether they talked with each other is not known.",
        "A decoy is a pair of pictures whose truth is known. In brackets: the 95 % interval.",
    )
    return Section("Who compared the pictures", lines=lines, tables=(Table("Both decisions", head, tuple(rows)),))


def _evidence(known: Known) -> Section:
    found = known.state.entries
    told = tuple(
        (day(each.time), known.name(each.facts["by"]), _evidence_text(known.record, each))
        for each in found
        if each.kind == "corroborated"
    )
    tables = (Table("Recorded and signed for", ("When", "By", "Evidence"), told),) if told else ()
    lines = () if told else ("None recorded: the status is LEAD, not corroborated.", MISSING)
    return Section("Other evidence", lines=(*lines, *_since(known.record, found)), tables=tables)


def _since(record: Record, found: tuple[Entry, ...]) -> Iterator[str]:
    """What was done because of the candidate, and what came of it."""
    for each in found:
        if each.kind == "action-recorded":
            yield f"Action recorded {day(each.time)}: {each.facts['action']}. {_facts_text(record, each)}."
        elif each.kind == "outcome-known":
            yield f"Found out by other means, recorded {day(each.time)}: {OUTCOMES[each.facts['outcome']]}."


def _evidence_text(record: Record, entry: Entry) -> str:
    """The evidence that is sealed for an entry."""
    told = _sealed(record, entry)
    return "its text was erased" if told is None else str(told["evidence"])


def _facts_text(record: Record, entry: Entry) -> str:
    """What was stated of the moment of an action."""
    told = _sealed(record, entry)
    if told is None:
        return "What was stated of the moment was erased"
    stated = [f"{name}={str(value).lower()}" for name, value in sorted(told["facts"].items())]
    return f"Stated of the moment: {', '.join(stated) or 'nothing'}"


def _sealed(record: Record, entry: Entry) -> dict[str, Any] | None:
    """The first part that is sealed for an entry; None where it was erased."""
    parts = record.store.opened(entry.payload) if entry.payload else ()
    return None if not parts or len(parts[0]) == SIZE else fields_of(parts[0])


def _others(known: Known) -> Section:
    rows = tuple(_row(each) for each in known.states if each.number != known.state.number)
    head = ("Candidate", "Looked for", "Film", "From", "To", "Strangers this alike", "Review")
    line = f"The case has {count(len(known.states), 'candidate')}, this one included."
    tables = (Table("All other candidates of the case", head, rows),) if rows else ()
    return Section("The other candidates", lines=(line,), tables=tables)


def _row(state: State) -> tuple[str, ...]:
    one = state.candidate
    times = clock(one.start_s), clock(one.end_s)
    whom = one.subject if one.runner_up is None else plain.tie(one.subject, one.runner_up)
    return (state.number[:8], whom, Path(one.footage).name, *times, plain.rate(one.odds), state.word)


def _searches(known: Known) -> Section:
    head = ("Begun", "Looked for", "Films", "Not searched", "Tracks compared", "Candidates")
    rows = tuple(_search(each) for each in known.searches)
    tables = [Table("Searches of the case", head, rows)]
    failed = tuple(
        (day(each.result.started), Path(film.path).name, film.error)
        for each in known.searches
        for film in each.result.footage
        if film.error is not None
    )
    if failed:
        tables.append(Table("Films that were not searched", ("Search", "Film", "Why"), failed))
    lines = (*_unkept(known), "A search without a candidate is no proof that somebody was not there.")
    return Section("All searches of the case", lines=lines, tables=tuple(tables))


def _search(kept: Kept) -> tuple[str, ...]:
    result = kept.result
    films = str(sum(each.error is not None for each in result.footage))
    tracks = str(sum(each.tracks - each.tracks_without_template for each in result.footage))
    people, found = ", ".join(kept.subjects), str(len(result.candidates) or "none")
    return (day(result.started), people, str(len(result.footage)), films, tracks, found)


def _unkept(known: Known) -> Iterator[str]:
    """Searches that the log has and of which no result is kept."""
    kept = {each.use for each in known.searches}
    ended = {entry.use: entry.kind for entry in known.entries if entry.kind in {"search-failed", "search-finished"}}
    for entry in known.entries:
        if entry.kind == "search-started" and entry.use not in kept:
            how = {"search-failed": "it was broken off", "search-finished": "its results are not kept"}
            yield f"A further search was begun {day(entry.time)}: {how.get(ended.get(entry.use, ''), 'it has no end')}."
    if refused := sum(entry.kind == "refused" for entry in known.entries):
        yield f"{count(refused, 'request')} in these searches and this case refused by a rule."


def sent(known: Known, recipient: str, private: Mapping[str, str], entry: int) -> Section:
    """For whom the sheet is, and how it can be checked."""
    record = known.record
    checkpoint = record.log.checkpoint()
    facts = (
        ("For", f"{private['recipient']} ({recipient})"),
        ("Reason", private["reason"]),
        ("Made", f"{day(cases.now(record))} by the account {private['operator']}"),
        ("Log", record.key.name),
        ("Its public key", str(record.key)),
        ("Entry", f"{entry:,} of {checkpoint.size:,}, in the use {known.state.kept.use}"),
        ("Checkpoint", checkpoint.root.hex()),
        ("To check", "houselights log verify FILE.tlog-proof --key KEY, the key taken from somebody you trust"),
    )
    line = (
        "The receipt proves the entries of one use, the one named above: the search that found the candidate, both "
        "decisions and this sheet. Case and other searches are uses of their own: whoever has the log can check them."
    )
    return Section("For whom, and how to check it", lines=(line,), facts=facts)


def _film(result: Result, path: str) -> FootageUse | None:
    return next((use for use in result.footage if use.path == path), None)
