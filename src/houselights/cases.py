"""Cases: a purpose that cannot drift. Every search, and every release that compares people, is made inside a case.

A case fixes purpose, basis, authoriser, films, subjects, the part of the footage and an end; none of them changes, save
the end, which somebody signs for. A case for people who did not ask to be found waits for an authoriser to approve it,
once there is one. An urgent case does not wait, but what is found in it is shown on the screen alone, and is deleted if
nobody has approved it in time.

The log says when a case was opened, approved, extended and closed, in one chain of entries under the case's number; who
is looked for in what lies sealed in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from houselights import actors
from houselights.actors import Passphrased
from houselights.case import (
    PLAIN,
    UNASKED,
    Case,
    Opening,
    Scope,
    check_at,
    check_open,
    check_readable_at,
    plus,
    stays,
)
from houselights.config import operator
from houselights.entry import Entry
from houselights.errors import PolicyError, SettingsError
from houselights.record import TIME, Record, Use
from houselights.schedule import Schedule
from houselights.settings import setup
from houselights.types import Authority
from houselights.words import said

SHORTEST_NUMBER = 6  # digits of a number that a person has to type
Numbered = TypeVar("Numbered")


def open_case(record: Record, authority: Authority, scope: Scope, how: Opening = PLAIN) -> Case:
    """A new case, which ends as late as the retention schedule allows unless an earlier end is named.

    Raises:
        PolicyError: it names no film or no subject, or needs somebody to sign for it.
        SettingsError: its end is past, or too far away.
    """
    if not scope.films:
        raise PolicyError("a case names its films, and none is named", rule="case-scope", hint="name the footage")
    if not scope.subjects:
        hint = "name a gallery, a photograph or a watchlist"
        raise PolicyError("a case names its subjects, and none is named", rule="named-subjects-only", hint=hint)
    waits = how.urgent or (authority.purpose in UNASKED and actors.has_authoriser(record))
    if waits and how.by is None:
        hint = (
            "sign the opening with --by NAME; another person approves it: `houselights case approve NUMBER --by NAME`"
        )
        raise PolicyError(f"a case for '{authority.purpose}' needs two people", rule="approval-needed", hint=hint)
    with record.log.locked():
        if how.urgent:
            _check_first(record, scope)
        opened = now(record)
        case = Case(
            number=(use := record.use()).number,
            authority=authority,
            scope=scope,
            opened=opened,
            until=_end(how.until, opened),
            urgent=how.urgent,
            waits=waits,
            justification=said(how.justification),
            opened_by="" if how.by is None else actors.number(record, how.by[0]),
        )
        facts = {
            "purpose": str(authority.purpose),
            "authorisation": authorisation(record, authority),
            "case": case.number,
            "until": case.until,
            "subjects": len(scope.subjects),
            "films": len(scope.films),
            "urgent": how.urgent,
            "waits": waits,
        }
        private = {
            "basis": authority.basis,
            "authorised_by": authority.authorised_by,
            "operator": operator(),
            "scope": {**scope.told(), "subjects": []},  # each subject's part is sealed under a key of its own
            "justification": case.justification,
        }
        people = {name: {"photographs": list(each)} for name, each in scope.subjects.items()}
        if how.by is None:
            use.add("case-opened", facts, private, people)
        else:
            actors.signed(use, "case-opened", facts, how.by, private=private, subjects=people)
        return _keep(record, case)


def _check_first(record: Record, scope: Scope) -> None:
    """Return if no urgent case about the same people and films ended unapproved."""
    for case in listed(record):
        same = case.scope.subjects.keys() & scope.subjects.keys() and case.scope.films.keys() & scope.films.keys()
        if case.why == "not-approved" and same:
            msg = f"the urgent case {case.number[:8]} about the same was not approved: a second one is not opened"
            raise PolicyError(msg, rule="approval-needed", hint="open one that waits for its approval")


def enter(
    record: Record,
    authority: Authority,
    scope: Scope,
    earlier: Case | None,
    how: Opening = PLAIN,
    *,
    leaves: bool = False,
) -> Case:
    """An earlier case, or a new one, with everything in it that is about to be done; `leaves` as for `check_readable`.

    Raises:
        PolicyError: that may not be done in it, or it still waits for approval.
    """
    if earlier is None and how.urgent and leaves:
        stays("an urgent case", "search without --json and --report")
    case = earlier or open_case(record, authority, scope, how)
    check(record, case, authority, scope)
    check_readable(record, case, leaves=leaves)
    return case


def authorisation(record: Record, authority: Authority) -> str:
    """What stands in the log for a basis and an authoriser."""
    return record.pseudonym("authorisation", f"{authority.basis}\0{authority.authorised_by}")


def current(record: Record, number: str) -> Case:
    """The case of that whole number as it is kept now: somebody may have closed it meanwhile.

    Raises:
        PolicyError: it was erased.
    """
    content = record.store.document("case", number)
    if content is None:
        raise PolicyError(f"case {number[:8]} was erased", rule="case-expired", hint="open another one")
    return Case.parse(content)


def find(record: Record, number: str) -> Case:
    """The case whose number begins like this.

    Raises:
        SettingsError: there is none, or there are several.
    """
    known = {case.number: case for case in listed(record)}
    return typed(number, known, "case", "`houselights case list` shows them")


def typed(number: str, known: Mapping[str, Numbered], what: str, hint: str, where: str = "") -> Numbered:
    """The one of those that are known by their numbers whose number begins with these digits.

    Raises:
        SettingsError: nothing has, or too few digits were typed to say which.
    """
    found = [each for name, each in known.items() if name.startswith(number)]
    if len(number) < SHORTEST_NUMBER or not found:
        msg = f"there is no {what} '{number}'{where}: expected {SHORTEST_NUMBER} digits or more"
        raise SettingsError(msg, hint=hint)
    if len(found) > 1:
        raise SettingsError(f"several {what}s begin with '{number}'", hint="add more of its digits")
    return found[0]


def listed(record: Record) -> list[Case]:
    """All cases, the newest first."""
    cases = [Case.parse(content) for content in record.store.documents("case").values()]
    return sorted(cases, key=lambda case: (case.opened, case.number), reverse=True)


def approve(record: Record, case: Case, by: Passphrased) -> Case:
    """The case, approved by an authoriser who did not open it.

    Raises:
        PolicyError: it is over, or the same person opened it, or who signs has not the role for it.
    """
    with record.log.locked():
        case = current(record, case.number)
        check_open(case, now(record))
        if case.is_approved:
            return case
        if case.opened_by == (approver := actors.number(record, by[0])):
            hint = "somebody else has to approve it, with their own passphrase"
            raise PolicyError(f"'{by[0]}' opened this case, and cannot approve it", rule="two-people", hint=hint)
        actors.signed(record.use(case.number), "case-approved", {"case": case.number}, by)
        return _keep(record, replace(case, approved_by=approver, approved=now(record)))


def extend(record: Record, case: Case, until: str, by: Passphrased) -> Case:
    """The case with another end, which an authoriser signs for.

    Raises:
        PolicyError: it is over, or who signs has not the role for it.
        SettingsError: the end is past, or too far away.
    """
    with record.log.locked():
        case = current(record, case.number)
        check_open(case, now(record))
        end = _end(until, now(record))
        actors.signed(record.use(case.number), "case-extended", {"case": case.number, "until": end}, by)
        return _keep(record, replace(case, until=end))


def close(record: Record, case: Case, why: str = "done") -> Case:
    """The case, closed: nothing more is searched in it. Closing one that is closed changes nothing.

    What was found in an urgent case that nobody approved is deleted at once, for whatever reason it ends.
    """
    with record.log.locked():
        case = current(record, case.number)
        late = case.urgent and not case.is_approved
        if not case.closed:
            why = "not-approved" if late else why
            case = _keep(record, replace(case, closed=now(record), why=why))  # first: it only forbids
        if late:
            delete_results(record, case, "not-approved")
        case = current(record, case.number)
        if not case.ended:
            use = record.use(case.number)
            if all(entry.kind != "case-closed" for entry in _entries(use)):  # else an earlier try was interrupted
                use.add("case-closed", {"case": case.number, "why": case.why})
            case = _keep(record, replace(case, ended=True))
        return case


def erase(record: Record, case: Case, why: str) -> int:
    """Close a case and destroy what is sealed of it: who was looked for, in what, and what was found.

    How many documents and parts that were.
    """
    case = close(record, case, "withdrawn")
    delete_results(record, case, why)
    gone = record.store.fade([each.payload for each in entries(record, case.number) if each.payload is not None])
    record.erase("case", case.number, why)
    return gone + record.store.destroy(above(case))  # last: until then it can be tried again


def entries(record: Record, number: str) -> list[Entry]:
    """What the log says of a case and of everything that was done in it."""
    everything = [Entry.parse(each) for each in record.entries()]
    uses = {each.use for each in everything if each.facts.get("case") == number}
    return [each for each in everything if each.use in uses]


def holder(case: Case) -> str:
    """Under whose key the results of a case lie: it lies under the case's own."""
    return f"results {case.number}"


def above(case: Case) -> str:
    """Whose key wraps that one: under it lies the case itself."""
    return f"case {case.number}"


def delete_results(record: Record, case: Case, why: str) -> int:
    """Destroy the key of a case's results and the results; how many documents that were."""
    with record.log.locked():
        case = current(record, case.number)
        left = record.store.count(holder(case))
        if left:
            case = _keep(record, replace(case, deleted=case.deleted + left))  # first: what was begun is known
            record.store.destroy(holder(case))
        if case.deleted > case.told:
            use = record.use(case.number)
            stated = sum(entry.facts["results"] for entry in _entries(use) if entry.kind == "results-deleted")
            if case.deleted > stated:  # else an earlier try was interrupted after its entry
                use.add("results-deleted", {"case": case.number, "results": case.deleted - stated, "why": why})
            _keep(record, replace(case, told=case.deleted))
        return left


def _entries(use: Use) -> list[Entry]:
    return [Entry.parse(entry) for entry in use.entries]


def forget(record: Record, name: str) -> None:
    """Take a subject out of every case: nobody searches for them in one any more."""
    with record.log.locked():
        for case in listed(record):
            if name in case.scope.subjects:
                left = {other: each for other, each in case.scope.subjects.items() if other != name}
                _keep(record, replace(case, scope=replace(case.scope, subjects=left)))


def expire(record: Record, schedule: Schedule) -> int:
    """Close every case whose time is over, and delete what may no longer be kept; how many results were deleted.

    What an urgent case found goes when nobody approved it in time, what another found some days after its end; the
    case itself, with who was looked for and why, when the payloads of its entries go.
    """
    moment, holders = now(record), record.store.holders()
    return sum(
        _expire(record, case.number, schedule)
        for case in listed(record)
        if case.is_due(moment, schedule, has_results=holder(case) in holders)
    )


def _expire(record: Record, number: str, schedule: Schedule) -> int:
    with record.log.locked():
        content, moment = record.store.document("case", number), now(record)
        if content is None:
            return 0
        case = Case.parse(content)
        late = case.urgent and not case.is_approved
        if late and (case.closed or moment >= min(case.urgent_until, case.until)):
            left = record.store.count(holder(case))
            case = close(record, case, "not-approved")
            return left
        if (not case.closed and moment >= case.until) or (case.closed and not case.ended):
            case = close(record, case, "expired")
        gone, over = 0, bool(case.closed) and moment >= plus(case.closed, timedelta(days=schedule.results))
        if over or case.told < case.deleted:
            gone = delete_results(record, case, "retention")
        if case.closed and moment >= plus(case.closed, timedelta(days=schedule.payloads)):
            record.store.destroy(above(case))
        return gone


def check(record: Record, case: Case, authority: Authority, scope: Scope) -> None:
    """Return if something may be done in a case now: on its authority, within its scope, in its time.

    Raises:
        PolicyError: it may not.
    """
    check_at(current(record, case.number), now(record), authority, scope)


def check_readable(record: Record, case: Case, *, leaves: bool) -> None:
    """Return if what a case found may be opened now; raises as `check_readable_at`."""
    check_readable_at(current(record, case.number), now(record), leaves=leaves)


def now(record: Record) -> str:
    """The time by the record's clock, and never before its newest entry."""
    return record.now().strftime(TIME)


def _end(until: str | None, begin: str) -> str:
    latest = plus(begin, timedelta(days=setup().schedule.cases))
    if until is None:
        return latest
    if not begin < until <= latest:
        hint = "the retention schedule in houselights.toml says how long"
        raise SettingsError(f"a case cannot end at {until}: expected after {begin}, until {latest}", hint=hint)
    return until


def _keep(record: Record, case: Case) -> Case:
    record.store.keep("case", case.number, bytes(case))
    return case
