"""The dossier of one person: what the log and the store have of them, put together by case and by watchlist.

Others' data is left out: it is counted, and what was typed loses their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from houselights import cases, plain, results, traces, watchlist
from houselights.entry import Entry
from houselights.record import Record
from houselights.result import Candidate, Result
from houselights.results import number_of
from houselights.traces import Trace, Traces, is_own
from houselights.words import count, day, rate_words

OTHER = "[another person]"
ERASED = "erased"
GONE = "gone"
SHORT = 8  # digits of a pseudonym that a person reads
PURPOSES = {
    "consented": "with the consent of those who were looked for",
    "subject-access": "to answer somebody who asked for footage of themselves",
    "missing-person": "to look for somebody who is missing",
    "victim-identification": "to find out who a victim is",
    "crime-suspect": "to look for somebody because of a crime",
    "venue-exclusion": "to keep somebody out of a place",
    "public-release": "to publish footage in which people are hidden",
    "evaluation": "to measure how well the program works",
}
TOLD = {
    "search-finished": "it came to its end",
    "search-failed": "it broke off: {why}",
    "case-extended": "the end of the case was moved to {until} (person {by})",
    "case-closed": "the case was closed: {why}",
    "results-deleted": "what was found in the case was deleted: {why}",
    "results-kept": "what was found was locked away",
    "results-opened": "what was found was opened: {how}",
    "exported": "handed out ({what}) to: {recipient}",
    "refused": "refused ({what}) by the rule {rule}",
    "release-started": "the copy was begun",
    "released": "the copy was made: {tracks_hidden} heads hidden, {tracks_kept} kept",
    "release-blocked": "the copy was held back: a check found {findings} faces in it",
    "release-failed": "the copy was not made: {why}",
    "review-given": "a person compared the pictures; what they decided stays sealed until another has decided ({by})",
    "review-decided": "a person compared the pictures and decided: {decision} (person {by})",
    "corroborated": "other evidence was recorded (person {by})",
    "action-recorded": "an action was recorded: {action}; {approvals} people had decided that it is the same person",
    "outcome-known": "the outcome is known: {outcome}",
    "alerted": "staff at a door were told",
    "disclosed": "what was done with this film was disclosed to: {recipient}",
    "disclosure-refused": "somebody asked what was done with this film, and was refused: {ground}",
    "watchlist-changed": "your entry was {change}",
    "subject-reported": "somebody checked who asked, and a letter like this was made (person {by})",
}
"""What entries say to the person whom they concern."""
WORDS = {
    "true": "it was you",
    "false": "it was somebody else",
    "unknown": "nobody can say",
    "none": "nothing was done",
    "same-person": "the same person",
    "different": "two different people",
    "cannot-tell": "cannot tell",
}
SEARCH_STEPS = ("results-kept", "results-opened", "exported", "refused")
CASE_STEPS = ("case-extended", "case-closed", "results-deleted", "exported", "refused")


@dataclass(frozen=True, slots=True)
class Step:
    """Something that an entry of the log says."""

    entry: int
    """Its number in the log."""
    time: str
    """UTC, ISO 8601."""
    words: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A candidate for the person."""

    number: str
    """In the log."""
    film: str
    start_s: float
    end_s: float
    rate: str
    """How often different people look as much alike."""
    chance: str
    """What that means for strangers and this gallery, in a sentence."""
    exact: tuple[tuple[str, str], ...]
    """All figures: labels and lines."""
    tie: str
    """That somebody else who was searched for cannot be told from the person on this track; empty where not so."""
    photograph: str
    """The person's photograph that it was compared with."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Searched:
    """A search for the person."""

    use: str
    begun: Step
    ended: Step | None
    films: tuple[str, ...]
    """Names of those that were named; none where it did not come to its end."""
    counted: str
    """What was looked at, in words; empty where it did not come to its end."""
    threshold: str
    """From which rate on a face is a candidate."""
    others: int
    """Other people who were searched for in it."""
    found: int
    """How many faces were candidates for the person."""
    near: int
    """How many were candidates for others from whom the person cannot be told on them, as long as that is kept."""
    candidates: tuple[Seen, ...]
    """Those, as long as what was found is kept."""
    steps: tuple[Step, ...]
    kept: bool
    """Whether what was found is still kept."""


@dataclass(frozen=True, slots=True)
class Released:
    """A copy of a film that was made for others in a case of the person's."""

    use: str
    film: str
    wanted: str
    """What was to become of the person in it: `kept` or `hidden`; empty where they were not compared in it."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Matter:
    """A case that named the person, or in which they were searched for."""

    number: str
    opened: Step | None
    purpose: str
    meaning: str
    """The purpose in words."""
    basis: str
    authorised_by: str
    approval: str
    until: str
    others: int
    """Other people whom it names."""
    photographs: tuple[str, ...]
    """SHA-256 of the person's."""
    films: tuple[str, ...]
    steps: tuple[Step, ...]
    searches: tuple[Searched, ...]
    releases: tuple[Released, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The person's place on a watchlist."""

    watchlist: str
    entry: str
    category: str
    source: str
    source_text: str
    state: str
    """Whether they are searched for now; GONE where the entry is."""
    until: str
    photographs: int
    """Small pictures and templates that are kept now."""
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Somebody asked what was done with a film in which the person was searched for."""

    film: str
    step: Step


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that a record has of one person."""

    name: str
    also: tuple[str, ...]
    """The name as it stands elsewhere in the record, with other capitals."""
    asked: Step
    """The entry of this dossier."""
    log: str
    key: str
    checkpoint: str
    entries: int
    """Of the log when the dossier was made."""
    cases: tuple[Matter, ...]
    watchlists: tuple[Place, ...]
    answers: tuple[Answer, ...]
    letters: tuple[Step, ...]
    """Entries of earlier ones."""
    erased: str
    """Since when the person may not be put on a watchlist again; empty where they were never erased."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing in the record names the person."""
        return not (self.cases or self.watchlists or self.letters or self.erased)


def of(record: Record, found: Traces, asked: str) -> Dossier:
    """What these traces come to; `asked` is the number of the use in which the dossier is made.

    Raises:
        RecordError: the store cannot be read.
    """
    writer = _Writer(record, found)
    letters = [trace for trace in found.found if trace.entry.kind == "subject-reported"]
    checkpoint = record.log.checkpoint()
    return Dossier(
        name=found.names[0],
        also=found.names[1:],
        asked=next(_step(trace) for trace in letters if trace.entry.use == asked),
        log=record.key.name,
        key=str(record.key),
        checkpoint=bytes(checkpoint.note).decode(),
        entries=checkpoint.size,
        cases=tuple(writer.cases()),  # before the answers: it notes the films
        watchlists=tuple(writer.watchlists()),
        answers=tuple(writer.answers()),
        letters=tuple(_step(trace) for trace in letters if trace.entry.use != asked),
        erased=watchlist.suppressed_since(record, found.names[0]),
    )


class _Writer:
    """Puts together what belongs together, and takes other people's names out of what was typed."""

    def __init__(self, record: Record, found: Traces) -> None:
        self._record, self._found = record, found
        self._uses = found.uses()
        numbers = {number for chain in self._uses.values() if (number := _case_of(chain))}
        known = [case for case in cases.listed(record) if case.number in numbers]
        self._kept = {kept.use: kept for case in known for kept in results.of(record, case)}
        self._films: dict[str, str] = {}
        self._plain = _without(found.others, found.names)

    def cases(self) -> Iterator[Matter]:
        """The person's cases, the oldest first."""
        grouped: dict[str, list[Sequence[Trace]]] = {}
        for chain in self._uses.values():
            if number := _case_of(chain):
                grouped.setdefault(number, []).append(chain)
        for number, chains in grouped.items():
            yield self._case(number, self._uses.get(number, ()), chains)

    def _case(self, number: str, own: Sequence[Trace], chains: Sequence[Sequence[Trace]]) -> Matter:
        opening = next((trace for trace in own if trace.entry.kind == "case-opened"), None)
        searches = [chain for chain in chains if _has(chain, "search-started") and is_own(chain)]
        releases = [chain for chain in chains if _has(chain, "release-started")]
        first = opening or next(trace for chain in chains for trace in chain if "purpose" in trace.entry.facts)
        films = {} if opening is None else opening.shared.get("scope", {}).get("films", {})
        self._films |= films
        purpose, named = str(first.entry.facts["purpose"]), () if opening is None else opening.own
        return Matter(
            number=number,
            opened=None if opening is None else _step(opening),
            purpose=purpose,
            meaning=PURPOSES.get(purpose, ""),
            basis=self._plain(first.shared.get("basis", ERASED)),
            authorised_by=str(first.shared.get("authorised_by", ERASED)),
            approval=_approval(own),
            until=_until(own),
            others=0 if opening is None else int(opening.entry.facts["subjects"]) - len(named),
            photographs=tuple(sorted({sha256 for part in named for sha256 in part.get("photographs", ())})),
            films=tuple(map(self._plain, films.values())),
            steps=_steps(own, CASE_STEPS),
            searches=tuple(map(self._search, searches)),
            releases=tuple(self._release(chain, films) for chain in releases),
        )

    def _search(self, chain: Sequence[Trace]) -> Searched:
        kinds = {trace.entry.kind: trace for trace in chain}
        begun, finished = kinds["search-started"], kinds.get("search-finished")
        ended = finished or kinds.get("search-failed")
        facts, use = begun.entry.facts, begun.entry.use
        films = [] if finished is None else finished.shared.get("films", [])
        self._films |= {film["sha256"]: Path(film["path"]).name for film in films if film["sha256"]}
        subjects = self._kept[use].subjects if use in self._kept else ()
        return Searched(
            use=use,
            begun=_step(begun),
            ended=None if ended is None else _step(ended),
            films=tuple(self._plain(Path(film["path"]).name) for film in films),
            counted="" if finished is None else _counted(finished.entry),
            threshold=rate_words(float(facts["threshold_fmr"]), 0.0),
            others=int(facts["subjects"]) - max(1, len(begun.own)),
            found=0 if finished is None else sum(int(part.get("candidates", 0)) for part in finished.own),
            near=sum(self._is_near(one) for one in self._kept[use].result.candidates) if use in self._kept else 0,
            candidates=() if finished is None else tuple(self._seen(chain, use)),
            steps=_steps(chain, SEARCH_STEPS),
            kept=any(name in subjects for name in self._found.names),
        )

    def _is_near(self, one: Candidate) -> bool:
        """Whether a candidate for somebody else cannot be told from the person."""
        own = self._found.names
        return one.runner_up is not None and one.runner_up.subject in own and one.subject not in own

    def _seen(self, chain: Sequence[Trace], use: str) -> Iterator[Seen]:
        if use not in self._kept:
            return
        result = self._kept[use].result
        for one in (each for each in result.candidates if each.subject in self._found.names):
            number = number_of(self._record, use, one)
            yield Seen(
                number=number,
                film=self._plain(Path(one.footage).name),
                start_s=one.start_s,
                end_s=one.end_s,
                rate=plain.rate(one.odds),
                chance=plain.sentence(one.odds, result.assumed),
                exact=self._exact(one, result),
                tie=self._tie(one),
                photograph=self._plain(Path(one.reference).name),
                steps=tuple(_decided([trace for trace in chain if trace.entry.facts.get("candidate") == number])),
            )

    def _exact(self, one: Candidate, result: Result) -> tuple[tuple[str, str], ...]:
        threshold = replace(result.threshold, calibration=self._plain(result.threshold.calibration))
        return plain.exact(one.odds, result.assumed, threshold)

    def _tie(self, one: Candidate) -> str:
        rival = one.runner_up
        return "" if rival is None else plain.tie(one.subject, replace(rival, subject=self._plain(rival.subject)))

    def _release(self, chain: Sequence[Trace], films: Mapping[str, str]) -> Released:
        begun = next(trace for trace in chain if trace.entry.kind == "release-started")
        name = films.get(str(begun.shared.get("source", "")), ERASED)
        wanted = next((str(part["wanted"]) for part in begun.own if part.get("wanted")), "")
        return Released(begun.entry.use, self._plain(name), wanted, tuple(map(_step, chain)))

    def watchlists(self) -> Iterator[Place]:
        """The person's places on watchlists, also those that are gone."""
        listed = {
            entry.number: (name, entry)
            for name in watchlist.names(self._record)
            for entry in watchlist.listed(self._record, name)
        }
        found: dict[str, list[Trace]] = {}
        for trace in self._found.found:
            if trace.entry.kind == "watchlist-changed":
                found.setdefault(str(trace.entry.facts["entry"]), []).append(trace)
        for number, those in found.items():
            told: Mapping[str, Any] = next((part for trace in those for part in trace.own), {})
            name, entry = listed.get(number, (str(told.get("watchlist", ERASED)), None))
            facts = those[-1].entry.facts
            yield Place(
                watchlist=name,
                entry=number,
                category=str(facts["category"]),
                source=str(told.get("source", ERASED)),
                source_text=self._plain(told.get("source_text", ERASED)),
                state=GONE if entry is None else entry.state(self._record.clock()),
                until=str(facts["until"]),
                photographs=0 if entry is None else len(entry.portraits),
                steps=tuple(map(_step, those)),
            )

    def answers(self) -> Iterator[Answer]:
        """Answers to others about the films of the person's cases."""
        for index, entry, name in traces.answers(self._record, self._found.entries, self._films):
            yield Answer(self._plain(name), Step(index, entry.time, _words(entry)))


def _without(others: AbstractSet[str], own: Iterable[str]) -> Callable[[object], str]:
    """Text in which no other's name stands. The person's own name stays, also where another's is a part of it."""
    kept = {name.casefold() for name in own}
    names = sorted({*others, *own}, key=len, reverse=True)
    form = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in names), re.IGNORECASE)

    def plain(text: object) -> str:
        return form.sub(lambda found: found[0] if found[0].casefold() in kept else OTHER, str(text))

    return plain


def _case_of(chain: Iterable[Trace]) -> str:
    """The number of the case that a use belongs to; empty where it belongs to none."""
    return next((str(trace.entry.facts["case"]) for trace in chain if "case" in trace.entry.facts), "")


def _has(chain: Iterable[Trace], kind: str) -> bool:
    return any(trace.entry.kind == kind for trace in chain)


def _approval(own: Iterable[Trace]) -> str:
    kinds = {trace.entry.kind: trace for trace in own}
    if "case-opened" not in kinds:
        return "not in the log"
    if "case-approved" in kinds:
        given = kinds["case-approved"]
        return f"given on {day(given.entry.time)} (person {given.entry.facts['by'][:SHORT]}), entry {given.index}"
    facts = kinds["case-opened"].entry.facts
    return f"nobody gave it{', and the case was urgent' if facts['urgent'] else ''}" if facts["waits"] else "not needed"


def _until(own: Iterable[Trace]) -> str:
    """When a case ends, as the last entry says."""
    return next((str(trace.entry.facts["until"]) for trace in reversed([*own]) if "until" in trace.entry.facts), "")


def _counted(entry: Entry) -> str:
    facts = entry.facts
    seen = f"{count(facts['frames'], 'picture')} of the films, {count(facts['tracks'], 'face')} followed through them"
    return f"{seen}, {facts['tracks_searched']:,} of these compared"


def _decided(about: Sequence[Trace]) -> Iterator[Step]:
    """What became of a candidate. That somebody decided is not said twice, once it is known what."""
    stated = {trace.entry.facts["by"] for trace in about if trace.entry.kind == "review-decided"}
    for trace in about:
        if trace.entry.kind != "review-given" or trace.entry.facts["by"] not in stated:
            yield _step(trace)


def _steps(chain: Iterable[Trace], kinds: Sequence[str]) -> tuple[Step, ...]:
    return tuple(_step(trace) for trace in chain if trace.entry.kind in kinds)


def _step(trace: Trace) -> Step:
    return Step(trace.index, trace.entry.time, _words(trace.entry))


def _words(entry: Entry) -> str:
    """What an entry says to the person whom it concerns."""
    facts = {name: _plainly(name, value) for name, value in entry.facts.items()}
    return TOLD[entry.kind].format(**facts) if entry.kind in TOLD else entry.said


def _plainly(name: str, value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(value)
    return text[:SHORT] if name == "by" else day(text) if name == "until" else WORDS.get(text, text)
