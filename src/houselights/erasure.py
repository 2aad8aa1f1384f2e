"""Erasure: one person taken out of everything that is kept of them.

What forbids comes first: the person goes onto the list of those who are not let back onto a watchlist, then out of
watchlists, cases and results. Their key, and the entry that says so, come last. An erasure that was interrupted is run
again: each step finds what is left of it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from houselights import cases, results, review, traces, watchlist
from houselights.entry import ERASED_WORDS
from houselights.errors import RecordError
from houselights.record import Record
from houselights.traces import Traces

UNREACHED = (
    "files that were written for people: JSON, reports, lead sheets, letters, and manifests beside released films",
    "backups of the store, and what a disk keeps of blocks that were overwritten",
    "photographs and films themselves, and decoys: no name stands beside their faces",
)
"""What no erasure here can reach."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of an erasure."""

    names: tuple[str, ...]
    """The name, and others that differ from it in capitals alone: they were erased, too."""
    watchlist_entries: int
    cases: int
    """Cases that named the person."""
    results: int
    """Kept results in which they were searched for."""
    decisions: int
    """Reviewers' sealed decisions on their candidates."""
    keys: int
    """Keys that sealed what belongs to the log's entries."""
    grounds: tuple[str, ...]
    """Numbers of cases in which somebody typed the name, in the basis or the name of a film. It still stands there."""
    typed: tuple[str, ...]
    """Numbers of other uses with sealed parts of their own in which it was typed."""
    beside: tuple[tuple[str, str], ...]
    """Watchlist and subject of others' entries in whose texts the name was typed. It still stands there, too."""
    unfinished: tuple[str, ...]
    """Numbers of searches for them that have no end in the log: what they find may come after this erasure."""


def erase_subject(record: Record, name: str, why: str) -> Erased:
    """Take a person out of watchlists, cases and results, and destroy the key of what is sealed about them.

    Raises:
        RecordError: the reason is none, something cannot be destroyed, or it cannot be recorded: run it again.
    """
    if why not in ERASED_WORDS:  # before anything is gone
        raise RecordError(f"'{why}' is no reason for an erasure: expected {', '.join(ERASED_WORDS)}")
    with record.log.locked():
        found = traces.of(record, name)
        names = found.names
        return Erased(
            names=names,
            watchlist_entries=watchlist.erase(record, names[0]),
            cases=_out_of_cases(record, names),
            decisions=_drop_decisions(record, names),  # before the results, by which their candidates are known
            results=sum(results.forget(record, each) for each in names),
            keys=sum(record.erase("subject", each, why) for each in names),  # last: the steps before are found by it
            grounds=(grounds := _grounds(record, names[0])),
            typed=tuple(use for use in _typed(found) if use not in grounds),
            beside=_beside(record, names),
            unfinished=found.unfinished(),
        )


def _out_of_cases(record: Record, names: tuple[str, ...]) -> int:
    named = sum(not case.scope.subjects.keys().isdisjoint(names) for case in cases.listed(record))
    for each in names:
        cases.forget(record, each)
    return named


def _drop_decisions(record: Record, names: tuple[str, ...]) -> int:
    """Delete what reviewers decided on a person's candidates."""
    kept = [each for case in cases.listed(record) for each in results.of(record, case)]
    candidates = {number for number, (_, one) in results.candidates(record, kept).items() if one.subject in names}
    documents = record.store.documents(review.KIND)
    return sum(
        record.store.drop(review.KIND, number)
        for number, content in documents.items()
        if json.loads(content)["facts"]["candidate"] in candidates
    )


def _grounds(record: Record, name: str) -> tuple[str, ...]:
    return tuple(
        case.number
        for case in cases.listed(record)
        if _stands_in(name, [asdict(case.authority), case.justification, *case.scope.films.values()])
    )


def _typed(found: Traces) -> list[str]:
    uses = (trace.entry.use for trace in found.found if _stands_in(found.names[0], trace.shared))
    return list(dict.fromkeys(uses))


def _beside(record: Record, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    lists = {each: watchlist.listed(record, each) for each in watchlist.names(record)}
    return tuple(
        (each, entry.subject)
        for each, entries in lists.items()
        for entry in entries
        if _stands_in(names[0], [entry.source_text, entry.justification])
    )


def _stands_in(name: str, what: object) -> bool:
    text, wanted = (json.dumps(each, ensure_ascii=False).casefold() for each in (what, name))
    return wanted[1:-1] in text
