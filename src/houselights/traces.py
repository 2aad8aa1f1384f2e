"""Traces: what the log and the store hold of one person. Parts that are sealed for others are not opened for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from houselights import cases, disclosure, results, watchlist
from houselights.custody import SIZE, fields_of
from houselights.entry import Entry
from houselights.record import Record
from houselights.words import name_of

NUMBER = re.compile(rb'"([0-9a-f]{32}|[0-9a-f]{64})"')
ABOUT_FILMS = (b'"kind":"disclosed"', b'"kind":"disclosure-refused"')


@dataclass(frozen=True, slots=True)
class Trace:
    """An entry that concerns the person."""

    index: int
    """Its number in the log."""
    entry: Entry
    own: tuple[Mapping[str, Any], ...]
    """The person's sealed parts, one a spelling; none where nobody can open them any more."""
    shared: Mapping[str, Any]
    """The part that is sealed for the use itself; empty where there is none, or nobody can open it any more."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What a log has of one person."""

    names: tuple[str, ...]
    """The person's name as it is compared, and every other way in which capitals are set in it."""
    others: frozenset[str]
    """Everybody else whom cases, kept results and watchlists name."""
    found: tuple[Trace, ...]
    """In the log's order."""
    entries: Sequence[bytes]
    """The whole log, read once."""

    def uses(self) -> dict[str, tuple[Trace, ...]]:
        """The same by the number of the use."""
        chains: dict[str, list[Trace]] = {}
        for trace in self.found:
            chains.setdefault(trace.entry.use, []).append(trace)
        return {use: tuple(chain) for use, chain in chains.items()}

    def unfinished(self) -> tuple[str, ...]:
        """Numbers of searches for the person that have no end in the log: what they find may still be kept."""
        ends = {"search-finished", "search-failed"}
        begun = {use: {trace.entry.kind for trace in chain} for use, chain in self.uses().items() if is_own(chain)}
        return tuple(use for use, kinds in begun.items() if "search-started" in kinds and not kinds & ends)


def of(record: Record, name: str) -> Traces:
    """All entries that concern a person: of uses and cases that named them, and of their place on watchlists.

    A name in other capitals is the same person's, where it stands in what is kept now.

    Raises:
        RecordError: the log is not whole, or the store cannot be read.
    """
    name, known = name_of(name), _people(record)
    names = (name, *sorted(each for each in known if each != name and each.casefold() == name.casefold()))
    entries = record.entries()
    holders = [record.pseudonym("subject", each) for each in names]
    seeds = {*holders, *(payload for holder in holders for payload in record.store.payloads(holder))}
    named = {case.number for case in cases.listed(record) if not case.scope.subjects.keys().isdisjoint(names)}
    linked = set(named)
    for _, entry in _bearing(entries, seeds):
        linked |= {entry.use, *(str(entry.facts[each]) for each in ("case", "entry") if each in entry.facts)}
    releases = {entry.use for _, entry in _bearing(entries, linked) if entry.kind == "release-started"}
    found = tuple(_trace(record, holders, *each) for each in _bearing(entries, linked | releases))
    return Traces(names, frozenset(known) - {*names}, found, entries)


def _people(record: Record) -> set[str]:
    """Everybody whom cases, kept results or watchlists name."""
    with record.log.locked():  # a watchlist may go with its last entry
        known = cases.listed(record)
        people = {name for case in known for name in case.scope.subjects}
        people |= {name for case in known for kept in results.of(record, case) for name in kept.subjects}
        return people | {entry.subject for each in watchlist.names(record) for entry in watchlist.listed(record, each)}


def is_own(chain: Iterable[Trace]) -> bool:
    """Whether a part of a use is sealed for the person: the other uses of their cases may be for others."""
    return any(trace.own for trace in chain)


def answers(record: Record, entries: Iterable[bytes], films: Mapping[str, str]) -> Iterator[tuple[int, Entry, str]]:
    """Answers to questions what was done with films, SHA-256 to name: number, entry and name of the film."""
    asked = [(index, entry) for index, entry in enumerate(entries) if any(kind in entry for kind in ABOUT_FILMS)]
    labels = {record.label(sha256): name for sha256, name in films.items()} if asked else {}
    for index, content in asked:
        entry = Entry.parse(content)
        for label, name in labels.items():
            if disclosure.is_about(label, entry):
                yield index, entry, name


def _bearing(entries: Iterable[bytes], numbers: AbstractSet[str]) -> Iterator[tuple[int, Entry]]:
    """The entries in which one of these numbers stands. Most of a log is not even parsed."""
    wanted = {number.encode() for number in numbers}
    for index, entry in enumerate(entries):
        if not wanted.isdisjoint(NUMBER.findall(entry)):
            yield index, Entry.parse(entry)


def _trace(record: Record, holders: Sequence[str], index: int, entry: Entry) -> Trace:
    """An entry with its sealed parts, as far as they are the person's or nobody's."""
    parts = record.store.opened(entry.payload, [*holders, entry.use]) if entry.payload else ()
    told = [fields_of(part) for part in parts if len(part) != SIZE]
    own = tuple(part for part in told if "subject" in part)
    shared = next((part for part in told if "subject" not in part), {})
    return Trace(index, entry, own, shared)
