"""Audit: what somebody can hold against those who wrote a log, with nothing but its entries.

`custody.py` says whether the entries are those that were signed. This says whether what they state was done as it has
to be: by people who might, inside a case and in its time, and with two people's eyes before anything followed.

What it cannot see: what lies sealed (who was looked for, in which films, why), whether two actors are two people, and
what a program does that writes no entry of it, or another than the truth. An entry's time is the word of who wrote it;
stamps and witnesses bound it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from houselights.actors import REVIEWERS, statement
from houselights.case import UNASKED
from houselights.custody import CustodyError
from houselights.entry import SIGNED, Entry
from houselights.record import TIME
from houselights.schedule import LONGEST, URGENT_FILE_HOURS

URGENT = timedelta(hours=URGENT_FILE_HOURS)
GRACE = timedelta(hours=24)  # a command that was at work when an urgent case ran out may begin further uses for so long
BEFORE = ("software-changed", "setup-changed", "policy-changed")
"""What a command may write before it ends the cases whose time is over."""
ENDS = {"search-finished": "search-started", "released": "release-started"}


def faults(log: str, entries: Iterable[bytes]) -> Iterator[str]:
    """What is wrong with the entries of the log of that name, from its first one on: `entry N: ...`, in their order.

    Raises:
        CustodyError: whoever hands out the entries misses one.
    """
    checks = (Signatures(log), Cases(), Reviews())
    for index, content in enumerate(entries):
        try:
            entry = Entry.parse(content)
            found = [fault for check in checks for fault in check.faults(entry)] if _is_time(entry.time) else [NO_TIME]
        except CustodyError as fault:
            found = [str(fault)]
        yield from (f"entry {index}: {each}" for each in found)


class Signatures:
    """What people signed in a log, checked with the keys that the log itself states."""

    def __init__(self, log: str) -> None:
        """A check from the first entry of the log of that name."""
        self._log = log
        self._actors: dict[str, _Actor] = {}
        self._owners: dict[str, str] = {}  # of keys
        self._authorisers: set[str] = set()
        self._asked: dict[tuple[str, str], str] = {}  # by use and purpose, who asked
        self._added: dict[str, str] = {}  # by watchlist entry, who added it

    def faults(self, entry: Entry) -> Iterator[str]:
        """What is wrong with who answers for the next entry."""
        facts = entry.facts
        if "by" in facts and entry.kind in SIGNED:
            yield from self._signed(entry)
        elif entry.kind == "actor-changed" and self._actors:
            yield "an actor was changed, and nobody signed for it"
        if entry.kind == "purpose-asked":
            self._asked[entry.use, facts["purpose"]] = facts["by"]
        elif entry.kind == "purpose-approved":
            asked = self._asked.pop((entry.use, facts["purpose"]), None)
            if asked is None or asked == facts["by"]:
                yield "nobody else had asked for this purpose"
        elif entry.kind == "watchlist-changed":
            yield from self._listed(facts)
        elif entry.kind == "actor-changed":
            yield from self._arrived(facts) if facts["change"] == "added" else self._left(facts["actor"])

    def _signed(self, entry: Entry) -> Iterator[str]:
        facts = dict(entry.facts)
        signature, actor = facts.pop("signature"), self._actors.get(facts["by"])
        if actor is None or actor.revoked:
            yield "it is signed by somebody who was no actor then"
            return
        if actor.role not in SIGNED[entry.kind]:
            yield f"it is signed by somebody with the role '{actor.role}'"
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(actor.key))
            key.verify(bytes.fromhex(signature), statement(self._log, entry.use, entry.kind, facts))
        except InvalidSignature:
            yield "its signature is not genuine"

    def _arrived(self, facts: Mapping[str, Any]) -> Iterator[str]:
        number, key, role = facts["actor"], facts["key"], facts["role"]
        known = self._actors.get(number)
        if not self._actors and role != "authoriser":
            yield "the first actor is no authoriser"
        if known is not None and not known.revoked:
            yield "an actor was added who was one already"
        if known is not None and known.key != key:
            yield "an actor was added again with another key"
            return  # what is signed with that one is not theirs
        if self._owners.setdefault(key, number) != number:
            yield "an actor was added with the key of another"
        self._actors[number] = _Actor(key, role)
        if role == "authoriser":
            self._authorisers.add(number)

    def _left(self, number: str) -> Iterator[str]:
        if self._authorisers == {number}:
            yield "the only authoriser was revoked"
        self._authorisers.discard(number)
        if number in self._actors:
            self._actors[number] = replace(self._actors[number], revoked=True)

    def _listed(self, facts: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with who changed a watchlist."""
        by = facts.get("by", "")
        if facts["change"] == "added":
            if not by and self._actors:
                yield "an entry of a watchlist was added, and nobody signed for it"
            self._added[facts["entry"]] = by
        elif facts["change"] == "reviewed":
            reviewer = self._actors.get(by)
            if reviewer is None or reviewer.revoked or reviewer.role not in REVIEWERS:
                yield "an entry of a watchlist was reviewed by nobody who may"
            if by and by == self._added.get(facts["entry"]):
                yield "an entry of a watchlist was reviewed by who added it"


class Cases:
    """What was done in cases, and whether anything was done outside of one."""

    def __init__(self) -> None:
        """A check from the first entry of a log."""
        self._cases: dict[str, _Case] = {}
        self._begun: dict[str, Mapping[str, Any]] = {}  # by use, what the first entry of a search or release states
        self._urgent: deque[_Case] = deque()  # in the order of their openings
        self._has_authoriser = False  # once there is one, there always is
        self._longest = timedelta(days=LONGEST)  # of a case, from its opening or extension to its end

    def faults(self, entry: Entry) -> Iterator[str]:
        """What is wrong with the next entry, or with what should have stood before it."""
        facts, number = entry.facts, entry.facts.get("case")
        yield from self._overdue(entry)
        self._note(entry)
        if entry.kind == "case-opened":
            yield from self._opened(entry)
        elif number in self._cases:
            yield from IN_CASE.get(entry.kind, _nothing)(entry, self._cases[number])
        elif number is not None:
            yield "it is of a case that was never opened"
        elif facts.get("compared"):
            yield "people were compared, and in no case"
        if entry.kind in ENDS.values():
            yield from self._began(entry)
        elif entry.kind in ENDS:
            yield from self._ended(entry)
        elif entry.kind == "footage-opened":
            yield from self._looked(entry)
        elif entry.kind == "results-opened" or _is_lead(entry):
            yield from self._shown(entry)
        elif entry.kind == "case-extended":
            yield from self._end(entry)

    def _note(self, entry: Entry) -> None:
        """What later entries are checked against."""
        if entry.kind == "setup-changed":
            self._longest = timedelta(days=entry.facts["cases"])
        elif entry.kind == "actor-changed" and entry.facts["role"] == "authoriser":
            self._has_authoriser = True

    def _overdue(self, entry: Entry) -> Iterator[str]:
        """Urgent cases that are not at an end though a command began after they should have been."""
        if entry.after is not None or entry.kind in BEFORE:
            return
        while self._urgent and entry.time > self._urgent[0].overdue:
            case = self._urgent.popleft()
            if not case.approved and (case.kept or not case.closed):
                yield f"nobody approved the urgent case {case.facts['case'][:8]} in time, and it was not ended"

    def _end(self, entry: Entry) -> Iterator[str]:
        until = entry.facts["until"]
        if until <= entry.time:
            yield "its end is not after its time"
        elif until > _plus(entry.time, self._longest):
            yield f"its end is more than {self._longest.days} days away, which the retention schedule says"

    def _opened(self, entry: Entry) -> Iterator[str]:
        facts, number = entry.facts, entry.facts["case"]
        if self._has_authoriser and facts["purpose"] in UNASKED and not facts["waits"]:
            yield "the case waits for nobody, and there was somebody to approve it"
        if facts["waits"] and "by" not in facts:
            yield "the case waits for another person, and nobody signed its opening"
        if facts["urgent"] and not facts["waits"]:
            yield "the case is urgent, and waits for nobody"
        yield from self._end(entry)
        if number != entry.use or number in self._cases:
            yield "a case is opened under a number that is not its own"
        case = self._cases.setdefault(number, _case(entry))
        if facts["urgent"]:
            self._urgent.append(case)

    def _began(self, entry: Entry) -> Iterator[str]:
        if entry.use in self._begun:
            yield "it had begun before"
        self._begun.setdefault(entry.use, {**entry.facts, "kind": entry.kind})

    def _ended(self, entry: Entry) -> Iterator[str]:
        stated = {**entry.facts, "kind": ENDS[entry.kind]}
        began = self._begun.get(entry.use, {"kind": ""})
        if any(stated.get(name) != value for name, value in began.items()):
            yield "it ended, and had not begun with what it states"

    def _looked(self, entry: Entry) -> Iterator[str]:
        began = self._begun.get(entry.use, {})
        case = self._cases.get(began.get("case", ""))
        if case is None:
            yield "a film was opened, and in no case"
            return
        looked = case.looked[entry.use] = case.looked.get(entry.use, 0) + 1
        if looked == case.facts["films"] + 1:
            yield "more films were opened than its case has"

    def _shown(self, entry: Entry) -> Iterator[str]:
        """What is wrong with results that were opened, or a lead sheet that went out."""
        began = self._begun.get(entry.use, {})
        case = self._cases.get(began.get("case", ""))
        if case is None:
            yield "results were opened of no search in a case"
            return
        if case.deleted and entry.use not in case.kept:
            yield "results were opened that had been deleted"
        if case.approved:
            return
        if case.closed or case.is_late(entry.time):
            yield "results were opened, and nobody had approved the case in time"
        elif entry.facts.get("how") != ["terminal"]:
            yield "results left the screen, and nobody had approved the case"


class Reviews:
    """What was decided on candidates, and what followed."""

    def __init__(self) -> None:
        """A check from the first entry of a log."""
        self._searches: set[str] = set()
        self._candidates: dict[str, _Candidate] = {}

    def faults(self, entry: Entry) -> Iterator[str]:
        """What is wrong with the next entry about a candidate."""
        facts, number = entry.facts, entry.facts.get("candidate")
        if entry.kind == "search-started":
            self._searches.add(entry.use)
        if number is None:
            if _is_lead(entry):
                yield "a lead went out, and of which candidate is not said"
            return
        candidate = self._candidates.setdefault(number, _Candidate(entry.use))
        if entry.kind == "review-given":
            candidate.given.add(facts["by"])
        follows = FOLLOWS.get(entry.kind)
        if follows is not None:
            if entry.use not in self._searches or entry.use != candidate.use:
                yield "it does not stand in the candidate's search"
            yield from follows(entry, candidate)


@dataclass(frozen=True, slots=True)
class _Actor:
    """Somebody whose key the log states."""

    key: str
    role: str
    revoked: bool = False


@dataclass(slots=True)
class _Case:
    """A case, as far as the log has told."""

    facts: Mapping[str, Any]
    """What its opening states."""
    until: str
    urgent_until: str
    """When it ends if nobody approves it; empty where it is not urgent."""
    overdue: str
    approved: bool
    closed: bool = False
    deleted: bool = False
    """Whether results of it were deleted."""
    kept: set[str] = field(default_factory=set)
    """Searches whose results are there."""
    looked: dict[str, int] = field(default_factory=dict)
    """How many films each search opened."""

    def is_late(self, time: str) -> bool:
        """Whether it was urgent, and nobody approved it in time."""
        return bool(self.urgent_until) and not self.approved and time > self.urgent_until

    def is_over(self, time: str) -> bool:
        """Whether nothing may be done in it any more."""
        return self.closed or time > self.until or self.is_late(time)


@dataclass(slots=True)
class _Candidate:
    """A candidate, as far as the log has told."""

    use: str
    """The search that found it: where it is first spoken of."""
    given: set[str] = field(default_factory=set)
    """Who decided, also while it is sealed what."""
    decided: dict[str, str] = field(default_factory=dict)
    """What each of them decided."""

    @property
    def is_confirmed(self) -> bool:
        """Whether two people, and nobody besides, say that it is the same person."""
        return list(self.decided.values()) == ["same-person", "same-person"]


def _case(entry: Entry) -> _Case:
    facts = entry.facts
    urgent_until = _plus(entry.time, URGENT) if facts["urgent"] else ""
    return _Case(facts, facts["until"], urgent_until, _plus(entry.time, URGENT + GRACE), not facts["waits"])


def _nothing(_entry: Entry, _case: _Case) -> Iterator[str]:
    yield from ()


def _approved(entry: Entry, case: _Case) -> Iterator[str]:
    alone = case.facts.get("by") == entry.facts["by"]
    if alone:
        yield "the case was approved by who opened it"
    if case.is_over(entry.time):
        yield "the case was approved when it was over"
    elif not alone:
        case.approved = True


def _extended(entry: Entry, case: _Case) -> Iterator[str]:
    if case.is_over(entry.time):
        yield "the case was extended when it was over"
    case.until = entry.facts["until"]


def _closed(entry: Entry, case: _Case) -> Iterator[str]:
    if entry.facts["why"] == "not-approved" and case.kept:
        yield "nobody had approved the case, and what was found in it was not deleted"
    case.closed = True


def _inside(entry: Entry, case: _Case) -> Iterator[str]:
    """What is wrong with a search or release that begins in a case."""
    for name in ("purpose", "authorisation"):
        if entry.facts[name] != case.facts[name]:
            yield f"its {name} is not that of its case"
    if entry.facts.get("subjects", 0) > case.facts["subjects"]:
        yield "it looks for more people than its case names"
    asker = entry.facts["purpose"] == "consented" and entry.facts.get("subjects") == 1
    if entry.facts.get("comparison") == "doubles" and not asker:
        yield "it ranks people for somebody else than one who asks"
    if case.closed or entry.time > case.until:
        yield "its case was over"
    if case.is_late(entry.time):
        yield "nobody had approved its urgent case in time"
    if not case.approved and not case.urgent_until:
        yield "nobody had approved its case"


def _kept(entry: Entry, case: _Case) -> Iterator[str]:
    if not case.approved and (case.closed or case.is_late(entry.time)):
        yield "results were kept, and nobody had approved the case in time"
    case.kept.add(entry.use)


def _deleted(_entry: Entry, case: _Case) -> Iterator[str]:
    case.kept.clear()
    case.deleted = True
    yield from ()


IN_CASE: Mapping[str, Callable[[Entry, _Case], Iterator[str]]] = {
    "case-approved": _approved, "case-extended": _extended, "case-closed": _closed, "results-kept": _kept,
    "results-deleted": _deleted, "search-started": _inside, "release-started": _inside,
}  # fmt: skip
"""What is checked of entries that name a case."""


def _decided(entry: Entry, candidate: _Candidate) -> Iterator[str]:
    by = entry.facts["by"]
    if by in candidate.decided:
        yield "one person decided twice on a candidate"
    elif len(candidate.decided) > 1:
        yield "a third person decided on a candidate"
    if by not in candidate.given:
        yield "who decided had given no decision before"
    if not candidate.given - {by}:
        yield "a decision was opened before another person had decided"
    candidate.decided.setdefault(by, entry.facts["decision"])


def _acted(entry: Entry, candidate: _Candidate) -> Iterator[str]:
    if entry.facts["approvals"] != (2 if candidate.is_confirmed else 0):
        yield "so many people have not confirmed the candidate"
    if entry.facts["action"] != "none":
        yield from _unconfirmed(entry, candidate)


def _unconfirmed(_entry: Entry, candidate: _Candidate) -> Iterator[str]:
    if not candidate.is_confirmed:
        yield "two people had not confirmed the candidate"


FOLLOWS: Mapping[str, Callable[[Entry, _Candidate], Iterator[str]]] = {
    "review-decided": _decided, "action-recorded": _acted, "corroborated": _unconfirmed, "exported": _unconfirmed,
}  # fmt: skip
"""What is checked of entries that name a candidate."""
NO_TIME = "its time is no time"


def _is_lead(entry: Entry) -> bool:
    return entry.kind == "exported" and bool(entry.facts["what"] == "lead")


def _is_time(text: str) -> bool:
    try:
        return 1970 <= datetime.fromisoformat(text).year < 9000  # so that days can be added to it
    except ValueError:
        return False


def _plus(moment: str, span: timedelta) -> str:
    return (datetime.fromisoformat(moment) + span).strftime(TIME)
