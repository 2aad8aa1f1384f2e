"""Watchlists: named galleries that rest in the store, sealed. Each entry has a reason, a source, a reviewer, an end.

Nobody is searched for because somebody added them: an entry takes part once another person has reviewed it, and until
it expires. What is kept of a person is a template and one small picture of the face for each photograph.

| document               | what it is                                                                             |
|------------------------|----------------------------------------------------------------------------------------|
| `watchlist` LIST       | a list: name, recogniser, secret matrix; under a key of its own                        |
| `listed LIST` ENTRY    | an entry; under a key of its own, which the list's key wraps, which the store's wraps  |
| `suppressed` NUMBER    | a name or a photograph that was erased and is not let in again                         |
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from houselights import actors
from houselights.actors import REVIEWERS, Passphrased
from houselights.config import operator
from houselights.custody import canonical
from houselights.errors import GalleryError, PolicyError, SettingsError
from houselights.gallery import Entry, Gallery, Subject, photographs_of
from houselights.listing import Listed, Wanted, Watchlist, bounded, secret_matrix
from houselights.record import TIME, Record, Use
from houselights.registrar import Registrar
from houselights.result import Refusal
from houselights.settings import setup
from houselights.words import name_of

MOST_ENTRIES = 10_000  # of one list


@dataclass(frozen=True, slots=True)
class Added:
    """What came of an addition."""

    entry: Listed
    refused: tuple[Refusal, ...]
    """Photographs that cannot stand for the subject, and doubles."""
    lookalikes: tuple[str, ...]
    """Others on the list who score like the same person: a candidate for one may be the other."""


def add(
    record: Record, name: str, wanted: Wanted, registrar: Registrar, by: Passphrased | None = None, *,
    alike: float | None = None,
) -> Added:  # fmt: skip
    """Add somebody to a list, which is made where there is none of that name. They are not searched for yet.

    Once there is an authoriser, somebody has to sign for it.

    `alike` is the score from which others on the list are reported as lookalikes.

    Raises:
        PolicyError: the entry lacks what it needs, stays too long, is of somebody who was erased, or is not signed.
        SettingsError: a name is empty or too long, the subject is on the list already, or the list is full.
        GalleryError: no photograph can be used, or the list's templates come from another recogniser.
    """
    name, wanted = bounded("watchlist", name), wanted.checked()
    until = wanted.last_moment(record.now(), setup().schedule.watchlists)
    if by is None and actors.has_authoriser(record):
        hint = "sign the addition with --by NAME; another person reviews it"
        raise PolicyError("an entry of a watchlist needs two people", rule="two-people", hint=hint)
    offered = photographs_of([Entry("", file) for file in wanted.photographs]).get("", ())
    _check_suppressed(record, wanted, offered, by)  # before a template is made of somebody who was erased
    _check_place(record, name, wanted.subject, registrar.recogniser)
    subject, refused = registrar.take(wanted.subject, wanted.photographs)
    with record.log.locked():
        _check_suppressed(record, wanted, [each.sha256 for each in subject.references], by)
        held = _check_place(record, name, wanted.subject, registrar.recogniser)
        others = [] if held is None else list(_entries(record, held))
        if len(others) >= MOST_ENTRIES:
            raise SettingsError(f"the watchlist '{name}' has {len(others)} entries, {MOST_ENTRIES} are the most")
        held = held or _new_list(record, name, registrar.recogniser, subject.templates.shape[1])
        entry = _new_entry(record, held, wanted, subject, until)
        about = {"watchlist": held.name, "source": entry.source, "source_text": entry.source_text,
                 "justification": entry.justification, "despite": wanted.despite}  # fmt: skip
        signed_by = _log(record.use(), held, entry, "added", by, about={entry.subject: about})  # first: it permits
        entry = replace(entry, added_by=signed_by)
        record.store.keep("watchlist", held.number, bytes(held))
        _keep(record, held, entry)
    return Added(entry, refused, tuple(_alike(held, subject, others, alike)))


def review(record: Record, name: str, subject: str, by: Passphrased) -> Listed:
    """Let an entry take part in searches; somebody signs for it who did not sign for its addition.

    Raises:
        PolicyError: the same person added it, who signs has not the role for it, or it has expired.
        SettingsError: there is no such entry or actor, or the passphrase is wrong.
    """
    with record.log.locked():
        held, entry = _find(record, name, subject)
        now = record.now()
        if entry.state(now) == "expired":
            msg = f"the entry of '{entry.subject}' expired on {entry.until[:10]}"
            raise PolicyError(msg, rule="retention", hint="remove it, and add it again if it is still needed")
        if entry.reviewed:
            return entry
        if entry.added_by and actors.number(record, by[0]) == entry.added_by:
            hint = "somebody else has to review it, with their own passphrase"
            raise PolicyError(f"'{by[0]}' added this entry, and cannot review it", rule="two-people", hint=hint)
        actors.prove(record, by, *REVIEWERS)
        signed_by = _log(record.use(), held, entry, "reviewed", by)  # first: it permits
        entry = replace(entry, reviewed=now.strftime(TIME), reviewed_by=signed_by)
        _keep(record, held, entry)
    return entry


def active(record: Record, name: str, recipe: str) -> tuple[Gallery, tuple[Refusal, ...]]:
    """The gallery of all entries that were reviewed and have not expired, and why each of the others is left out.

    Raises:
        GalleryError: nobody is left, or the list's templates come from another recogniser.
        SettingsError: there is no such list.
    """
    now = record.now()
    with record.log.locked():  # nobody renews it meanwhile
        held = _held(record, name)
        _check_recogniser(held, recipe)
        entries = sorted(_entries(record, held), key=lambda entry: entry.subject)
    subjects = tuple(held.subject(each) for each in entries if each.state(now) == "searched")
    left_out = tuple(
        Refusal(each.subject, f"expired on {each.until[:10]}" if state == "expired" else state)
        for each in entries
        if (state := each.state(now)) != "searched"
    )
    if not subjects:
        reasons = "".join(f"\n  {each.file}: {each.reason}" for each in left_out[:10]) or " it has no entries"
        hint = f"`houselights watchlist show '{held.name}'` shows what each entry lacks"
        raise GalleryError(f"watchlist '{held.name}' has nobody to search for:{reasons}", hint=hint)
    return Gallery(subjects, (), ()), left_out


def hashes(record: Record, name: str) -> dict[str, tuple[str, ...]]:
    """The SHA-256 of the photographs of everybody who is searched for from a list; raises as `listed` does."""
    entries = (each for each in listed(record, name) if each.state(record.now()) == "searched")
    return {each.subject: tuple(portrait.sha256 for portrait in each.portraits) for each in entries}


def names(record: Record) -> tuple[str, ...]:
    """The names of all lists."""
    return tuple(sorted(held.name for held in _lists(record)))


def listed(record: Record, name: str) -> tuple[Listed, ...]:
    """All entries of a list, by subject.

    Raises:
        SettingsError: there is no such list.
    """
    return tuple(sorted(_entries(record, _held(record, name)), key=lambda entry: entry.subject))


def remove(record: Record, name: str, subject: str) -> Listed:
    """Destroy one entry, and with the last one the list.

    Raises:
        SettingsError: there is no such entry.
    """
    with record.log.locked():
        held, entry = _find(record, name, subject)
        _destroy(record, [(held, entry)], "removed")
    return entry


def expire(record: Record, now: datetime) -> int:
    """Destroy every entry whose last day is over, and every list that is then empty; how many entries.

    Raises:
        RecordError: they cannot be destroyed, or it cannot be recorded.
    """
    with record.log.locked():
        lists = _lists(record)
        over = [(held, each) for held in lists for each in _entries(record, held) if each.state(now) == "expired"]
        _destroy(record, over, "expired")
        _drop_empty(record, lists)  # also one whose first entry was never written
    return len(over)


def erase(record: Record, subject: str) -> int:
    """Destroy a subject's entries on every list; how many. Their name and photographs are not let in again.

    Raises:
        RecordError: they cannot be destroyed, or it cannot be recorded.
    """
    subject = name_of(subject)
    with record.log.locked():
        on = [(held, _entry(record, held, subject)) for held in _lists(record)]
        found = [(held, entry) for held, entry in on if entry is not None]
        photographs = {portrait.sha256 for _, entry in found for portrait in entry.portraits}
        content = canonical({"since": record.now().strftime(TIME)})
        for number in _suppressions(record, subject, photographs):  # first: it only ever forbids more
            record.store.keep("suppressed", number, content)
        _destroy(record, found, "erased")
    return len(found)


def suppressed_since(record: Record, subject: str) -> str:
    """Since when a subject may not be put on a list, because they were erased; empty where they may be."""
    content = record.store.document("suppressed", *_suppressions(record, subject, ()))
    return "" if content is None else str(json.loads(content)["since"])


def renew(record: Record, name: str) -> int:
    """Give a list a new secret matrix and rotate its templates by it; how many entries. No photograph is needed.

    A renewal that was interrupted leaves a list that can be searched, and the next one does it to its end.

    Raises:
        SettingsError: there is no such list.
    """
    with record.log.locked():
        held = _held(record, name).renewed()
        record.store.keep("watchlist", held.number, bytes(held))  # with the old matrix, until no entry needs it
        entries = list(_entries(record, held))
        for entry in entries:
            _keep(record, held, held.turned(entry))
        held = replace(held, matrices={held.newest: held.matrices[held.newest]})
        record.store.keep("watchlist", held.number, bytes(held))
    return len(entries)


def _new_list(record: Record, name: str, recogniser: str, side: int) -> Watchlist:
    created, matrices = record.now().strftime(TIME), {"1": secret_matrix(side)}
    return Watchlist(_list_number(record, name), name, recogniser, created, matrices)


def _new_entry(record: Record, held: Watchlist, wanted: Wanted, subject: Subject, until: str) -> Listed:
    number = _entry_number(record, held, wanted.subject)
    return Listed(
        number=number, subject=wanted.subject, category=wanted.category,
        source=wanted.source, source_text=wanted.source_text, image=wanted.image,
        image_date=wanted.image_date.isoformat(), minor=wanted.minor, justification=wanted.justification,
        portraits=held.portraits(subject, number), offered=len(wanted.photographs), matrix=held.newest,
        added=record.now().strftime(TIME), until=until,
    )  # fmt: skip


def _check_place(record: Record, name: str, subject: str, recogniser: str) -> Watchlist | None:
    """The list that somebody may be added to, or None where it is still to be made."""
    held = _list(record, name)
    if held is not None:
        _check_recogniser(held, recogniser)
        if _entry(record, held, subject) is not None:
            hint = f"remove it first: `houselights watchlist remove '{held.name}' '{subject}'`"
            raise SettingsError(f"'{subject}' is on the watchlist '{held.name}' already", hint=hint)
    return held


def _check_recogniser(held: Watchlist, recipe: str) -> None:
    if held.recogniser != recipe:
        msg = f"the watchlist '{held.name}' was made with recogniser {held.recogniser[:12]}, and this is {recipe[:12]}"
        raise GalleryError(msg, hint="templates of two recognisers cannot be compared: enrol the photographs again")


def _check_suppressed(record: Record, wanted: Wanted, photographs: Iterable[str], by: Passphrased | None) -> None:
    known = _suppressions(record, wanted.subject, photographs)
    if all(record.store.document("suppressed", number) is None for number in known):
        return
    if not wanted.despite or by is None:
        msg = f"'{wanted.subject}', or a photograph offered for them, was erased from the watchlists"
        hint = "they come back only for a reason that an authoriser signs for: --despite REASON --by NAME"
        raise PolicyError(msg, rule="watchlist-entry", hint=hint)
    actors.prove(record, by, "authoriser")


def _suppressions(record: Record, subject: str, photographs: Iterable[str]) -> list[str]:
    """What stands for a name and for photographs among those that were erased."""
    kept = [f"name\0{subject.casefold()}", *(f"photograph\0{sha256}" for sha256 in photographs)]
    return [record.pseudonym("suppressed", each) for each in kept]


def _alike(held: Watchlist, subject: Subject, others: Iterable[Listed], threshold: float | None) -> Iterator[str]:
    """Names of the others on a list who reach the threshold against a subject."""
    if threshold is not None:
        for other in others:
            if float(held.subject(other).template @ subject.template) >= threshold:
                yield other.subject


def _list_number(record: Record, name: str) -> str:
    return record.pseudonym("watchlist", name_of(name).casefold())


def _entry_number(record: Record, held: Watchlist, subject: str) -> str:
    return record.pseudonym("listed", f"{held.number}\0{subject.casefold()}")


def _lists(record: Record) -> list[Watchlist]:
    return [Watchlist.parse(content) for content in record.store.documents("watchlist").values()]


def _list(record: Record, name: str) -> Watchlist | None:
    content = record.store.document("watchlist", _list_number(record, name))
    return None if content is None else Watchlist.parse(content)


def _held(record: Record, name: str) -> Watchlist:
    held = _list(record, name)
    if held is None:
        raise SettingsError(f"'{name_of(name)}' is no watchlist", hint="`houselights watchlist list` shows them")
    return held


def _entries(record: Record, held: Watchlist) -> Iterator[Listed]:
    yield from map(Listed.parse, record.store.documents(f"listed {held.number}").values())


def _entry(record: Record, held: Watchlist, subject: str) -> Listed | None:
    content = record.store.document(f"listed {held.number}", _entry_number(record, held, name_of(subject)))
    return None if content is None else Listed.parse(content)


def _find(record: Record, name: str, subject: str) -> tuple[Watchlist, Listed]:
    held = _held(record, name)
    entry = _entry(record, held, subject)
    if entry is None:
        hint = f"`houselights watchlist show '{held.name}'` shows who is"
        raise SettingsError(f"'{name_of(subject)}' is not on the watchlist '{held.name}'", hint=hint)
    return held, entry


def _keep(record: Record, held: Watchlist, entry: Listed) -> None:
    record.store.keep(f"listed {held.number}", entry.number, bytes(entry), under=f"watchlist {held.number}")


def _destroy(record: Record, entries: Sequence[tuple[Watchlist, Listed]], change: str) -> None:
    """Destroy entries with their keys, then record it: it only ever forbids more."""
    for held, entry in entries:
        record.store.destroy(f"listed {held.number} {entry.number}")
    _drop_empty(record, [held for held, _ in entries])
    use = record.use()
    for held, entry in entries:
        _log(use, held, entry, change)


def _drop_empty(record: Record, lists: Iterable[Watchlist]) -> None:
    """Destroy the lists that have no entry left, with their keys and matrices."""
    for number in {held.number for held in lists}:
        if not record.store.documents(f"listed {number}"):
            record.store.destroy(f"watchlist {number}")


def _log(
    use: Use, held: Watchlist, entry: Listed, change: str, by: Passphrased | None = None, *,
    about: Mapping[str, Mapping[str, object]] | None = None,
) -> str:  # fmt: skip
    """Record what became of an entry; the pseudonym of who signed it, empty where nobody did."""
    facts: dict[str, str] = {
        "watchlist": held.number, "entry": entry.number, "category": entry.category, "until": entry.until,
        "change": change,
    }  # fmt: skip
    if by is not None:
        facts = actors.sign(use, "watchlist-changed", facts, by)
    use.add("watchlist-changed", facts, {"operator": operator()}, about)
    return facts.get("by", "")
