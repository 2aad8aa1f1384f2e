"""What an outsider sees: logs as a changed program would write them, each beside an honest one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from houselights import actors, audit
from houselights.actors import statement
from houselights.audit import Cases
from houselights.custody import CustodyError
from houselights.entry import Entry
from houselights.facts import PLACE
from houselights.record import Record
from houselights.schedule import Schedule

LOG = "example.org/log"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROLES = {
    "Ana": "authoriser", "Bo": "authoriser", "Cy": "operator", "Ro": "reviewer", "Ri": "reviewer", "Ru": "reviewer",
}  # fmt: skip
TAG = {"salt": "0" * 32, "tag": "0" * 64}
DAY = 24.0


@dataclass(frozen=True)
class Step:
    """An entry that is to be written."""

    kind: str
    use: str
    facts: dict[str, Any]
    by: str = ""
    signer: str = ""
    """Whose key signs it, where that is not the key of who it says."""
    hours: float = 0
    """After START."""

    def at(self, hours: float) -> Step:
        """Return the same at another time."""
        return replace(self, hours=hours)

    def but(self, **facts: object) -> Step:
        """Return the same with other facts; without one where that is None."""
        new = {name: value for name, value in (self.facts | facts).items() if value is not None}
        return replace(self, facts=new)


@dataclass
class Writer:
    """A program that writes whatever it is told to."""

    entries: list[bytes] = field(default_factory=list)
    uses: set[str] = field(default_factory=set)

    def add(self, step: Step) -> None:
        """Write an entry, signed by whoever it says."""
        use, facts = number(step.use), dict(step.facts)
        if step.by:
            facts["by"] = number(step.by)
            facts["signature"] = key(step.signer or step.by).sign(statement(LOG, use, step.kind, facts)).hex()
        after = "0" * 64 if use in self.uses else None
        self.uses.add(use)
        self.entries.append(bytes(Entry(step.kind, moment(step.hours), use, "a" * 32, facts, after)))


def number(name: str) -> str:
    """Return what stands in the log for somebody or something."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def key(name: str) -> Ed25519PrivateKey:
    """Return somebody's key."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def moment(hours: float) -> str:
    """Return the time so many hours after the start, as entries state it."""
    return (START + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def actor(name: str, by: str = "Ana", change: str = "added", role: str = "", owner: str = "") -> Step:
    """Return the entry by which somebody comes or goes."""
    public = key(owner or name).public_key().public_bytes_raw().hex()
    facts = {"actor": number(name), "role": role or ROLES[name], "key": public, "change": change}
    return Step("actor-changed", f"{change} {name}", facts, by)


def gave(name: str, use: str = "search") -> Step:
    """Return the entry that says that somebody has decided."""
    return Step("review-given", use, {"candidate": number("candidate"), "by": number(name)})


def decided(name: str, decision: str = "same-person", use: str = "search") -> Step:
    """Return the entry with what they decided."""
    return Step("review-decided", use, {"candidate": number("candidate"), "decision": decision}, name)


def wrote(*steps: Step, staff: bool = True) -> list[bytes]:
    """Return a log that begins with people who may decide."""
    writer = Writer()
    for step in [*(STAFF if staff else ()), *steps]:
        writer.add(step)
    return writer.entries


def faults(*steps: Step, staff: bool = True) -> list[str]:
    """Return what an outsider finds wrong with that log, without the numbers of the entries."""
    return [each.split(": ", 1)[1] for each in audit.faults(LOG, wrote(*steps, staff=staff))]


STAFF = (actor("Ana", ""), *(actor(name) for name in ROLES if name != "Ana"))
AUTHORITY = {"purpose": "missing-person", "authorisation": "aa" * 16}
IN_CASE = {"case": number("case")}
SEARCH = AUTHORITY | IN_CASE | {
    "gallery": "bb" * 16, "subjects": 1, "photographs": 1, "models": [], "threshold_fmr": "1e-05",
    "threshold_score": "0.47", "films": 2,
}  # fmt: skip
OPENED = Step(
    "case-opened", "case",
    AUTHORITY | IN_CASE | {
        "until": moment(30 * DAY), "subjects": 1, "films": 1, "urgent": False, "waits": True,
    }, "Cy",
)  # fmt: skip
URGENT = OPENED.but(urgent=True)
SETUP = Step("setup-changed", "setup", dict.fromkeys(PLACE, "unknown") | asdict(Schedule(cases=40)))
TOO_FAR = "its end is more than 40 days away, which the retention schedule says"
APPROVED = Step("case-approved", "case", IN_CASE, "Ana")
EXTENDED = Step("case-extended", "case", IN_CASE | {"until": moment(60 * DAY)}, "Ana")
CLOSED = Step("case-closed", "case", IN_CASE | {"why": "done"})
STARTED = Step("search-started", "search", SEARCH)
FILM = Step("footage-opened", "search", {"footage": TAG})
FINISHED = Step(
    "search-finished", "search",
    SEARCH | {
        "started": moment(0), "outcome": "candidates", "films_failed": 1, "frames": 9, "frames_damaged": 0, "faces": 3,
        "tracks": 2, "tracks_searched": 2, "candidates": 1, "decision": "unreviewed", "verifiers": [],
    },
)  # fmt: skip
KEPT = Step("results-kept", "search", IN_CASE | {"candidates": 1})
SHOWN = Step("results-opened", "search", {"how": ["terminal"]})
DELETED = Step("results-deleted", "case", IN_CASE | {"results": 1, "why": "retention"})
CONFIRMED = (gave("Ro"), gave("Ri"), decided("Ro"), decided("Ri"))
CANDIDATE = {"candidate": number("candidate")}
EVIDENCE = Step("corroborated", "search", CANDIDATE, "Ana")
LEAD = Step("exported", "search", {"what": "lead", "recipient": "court"} | CANDIDATE)
ACTION = Step("action-recorded", "search", CANDIDATE | {"action": "stop", "approvals": 2}, "Cy")
COMPARED = Step(
    "release-started", "release",
    IN_CASE | AUTHORITY | {"footage": TAG, "compared": True},
)  # fmt: skip
RELEASED = Step(
    "released", "release",
    COMPARED.facts | {
        "models": [], "tracks_hidden": 1, "tracks_kept": 0, "edits": 0, "findings": 0, "disclosed": True,
    },
)  # fmt: skip
LOOKED_AT = Step("log-read", "reading", {"what": "entries"})
LISTED = Step(
    "watchlist-changed", "listing",
    {"watchlist": "ab" * 16, "entry": "cd" * 16, "category": "missing", "until": moment(90 * DAY), "change": "added"},
    "Cy",
)  # fmt: skip
ASKED = Step("purpose-asked", "intake", {"purpose": "missing-person", "footage": TAG}, "Bo")

OPEN = (OPENED, APPROVED, STARTED)
FOUND = (*OPEN, FILM, FINISHED, KEPT)
WAITING = (URGENT, STARTED, FILM, KEPT)
"""An urgent case in which something was found and that nobody has approved."""
HONEST = (
    *FOUND, SHOWN, SHOWN.but(how=["json", "report"]), *CONFIRMED, EVIDENCE, ACTION, LEAD,
    Step("outcome-known", "search", CANDIDATE | {"outcome": "true"}), COMPARED, RELEASED, EXTENDED.at(29 * DAY),
    CLOSED.at(40 * DAY), DELETED.at(70 * DAY), LISTED.at(71 * DAY),
    replace(LISTED.but(change="reviewed"), by="Ro", use="reviewing").at(71 * DAY), ASKED.at(72 * DAY),
    replace(ASKED, kind="purpose-approved", by="Ana").at(72 * DAY), actor("Ru", change="revoked").at(73 * DAY),
)  # fmt: skip


def test_an_honest_log_has_no_fault() -> None:
    """R13, R22, R37, R39: a case from its opening to its end, with a search, a review, a lead and a release in it."""
    assert faults(*HONEST) == []


Twins = tuple[str, Sequence[Step], Sequence[Step], str]
UNSEEN = "a decision was opened before another person had decided"
NOT_TWO = "two people had not confirmed the candidate"
SO_MANY = "so many people have not confirmed the candidate"
ELSEWHERE = "it does not stand in the candidate's search"
NOT_IN_TIME = "results were opened, and nobody had approved the case in time"
LEFT = "results left the screen, and nobody had approved the case"
NOT_ENDED = f"nobody approved the urgent case {number('case')[:8]} in time, and it was not ended"
NOT_ITS_OWN = "a case is opened under a number that is not its own"
NOT_DELETED = "nobody had approved the case, and what was found in it was not deleted"
LATE_APPROVAL, LATE_EXTENSION = "the case was approved when it was over", "the case was extended when it was over"

REVIEW: list[Twins] = [
    ("decided twice", (*FOUND, *CONFIRMED, decided("Ri", "different")), (*FOUND, *CONFIRMED),
     "one person decided twice on a candidate"),
    ("decided by three", (*FOUND, *CONFIRMED, gave("Ru"), decided("Ru")), (*FOUND, *CONFIRMED, gave("Ru")),
     "a third person decided on a candidate"),
    ("decided in another search", (*FOUND, replace(STARTED, use="other"), *CONFIRMED[:3], decided("Ri", use="other")),
     (*FOUND, replace(STARTED, use="other"), *CONFIRMED), ELSEWHERE),
    ("decided in no search", (gave("Ro"), gave("Ri"), decided("Ro")),
     (*OPEN, gave("Ro"), gave("Ri"), decided("Ro")), ELSEWHERE),
    ("decided, and gave none", (*FOUND, gave("Ro"), gave("Ri"), decided("Ro"), decided("Ru")), (*FOUND, *CONFIRMED),
     "who decided had given no decision before"),
    ("the second saw the first", (*FOUND, gave("Ro"), decided("Ro"), gave("Ri"), decided("Ri")),
     (*FOUND, *CONFIRMED), UNSEEN),
    ("decided by an authoriser", (*FOUND, gave("Ro"), gave("Bo"), decided("Ro"), decided("Bo")),
     (*FOUND, *CONFIRMED), "it is signed by somebody with the role 'authoriser'"),
    ("decided by who was revoked",
     (*FOUND, gave("Ro"), gave("Ri"), actor("Ri", change="revoked"), decided("Ro"), decided("Ri")),
     (*FOUND, *CONFIRMED, actor("Ri", change="revoked")), "it is signed by somebody who was no actor then"),
    ("signed with one's own key for another",
     (*FOUND, gave("Ro"), gave("Ri"), decided("Ro"), replace(decided("Ri"), signer="Ro")), (*FOUND, *CONFIRMED),
     "its signature is not genuine"),
    ("approvals that nobody gave", (*FOUND, ACTION.but(action="none")),
     (*FOUND, ACTION.but(action="none", approvals=0)), SO_MANY),
    ("one of them could not tell", (*FOUND, *CONFIRMED[:3], decided("Ri", "cannot-tell"), ACTION.but(action="none")),
     (*FOUND, *CONFIRMED[:3], decided("Ri", "cannot-tell"), ACTION.but(action="none", approvals=0)), SO_MANY),
    ("approvals left out", (*FOUND, *CONFIRMED, ACTION.but(action="none", approvals=0)), (*FOUND, *CONFIRMED, ACTION),
     SO_MANY),
    ("stopped without two", (*FOUND, ACTION.but(approvals=0)), (*FOUND, *CONFIRMED, ACTION), NOT_TWO),
    ("corroborated without two", (*FOUND, *CONFIRMED[:3], EVIDENCE), (*FOUND, *CONFIRMED, EVIDENCE), NOT_TWO),
    ("a lead without two", (*FOUND, *CONFIRMED[:3], LEAD), (*FOUND, *CONFIRMED, LEAD), NOT_TWO),
    ("a lead of whom", (*FOUND, *CONFIRMED, LEAD.but(candidate=None)), (*FOUND, *CONFIRMED, LEAD),
     "a lead went out, and of which candidate is not said"),
    ("a lead of another search", (*FOUND, replace(STARTED, use="other"), *CONFIRMED, replace(LEAD, use="other")),
     (*FOUND, replace(STARTED, use="other"), *CONFIRMED, LEAD), ELSEWHERE),
]  # fmt: skip


@pytest.mark.parametrize(("forged", "honest", "fault"), [each[1:] for each in REVIEW], ids=[each[0] for each in REVIEW])
def test_two_people_or_an_outsider_sees_it(forged: Sequence[Step], honest: Sequence[Step], fault: str) -> None:
    """R37, R38, R39: no decision, lead or action stands on fewer than two people who each decided alone, unseen."""
    assert faults(*forged) == [fault]
    assert faults(*honest) == []


RESULTS: list[Twins] = [
    *((f"as {how}", (*WAITING, SHOWN.but(how=how)), (*WAITING[:1], APPROVED, *WAITING[1:], SHOWN.but(how=how)), LEFT)
      for how in (["page"], ["json"], ["pipe"], ["report", "terminal"], [])),
    ("a lead", (*WAITING, *CONFIRMED, LEAD), (*WAITING, APPROVED, *CONFIRMED, LEAD), LEFT),
    ("in no search", (*FOUND, replace(SHOWN, use="other")), (*FOUND, SHOWN),
     "results were opened of no search in a case"),
    ("after 48 hours", (*WAITING, SHOWN.at(48.01)), (*WAITING, SHOWN.at(48)), NOT_IN_TIME),
    ("after its end", (*WAITING, SHOWN.at(1), DELETED.but(why="not-approved").at(2),
                       CLOSED.but(why="not-approved").at(2), replace(KEPT, use="other").at(2)),
     (*WAITING, SHOWN.at(1), DELETED.but(why="not-approved").at(2), CLOSED.but(why="not-approved").at(2)),
     "results were kept, and nobody had approved the case in time"),
    ("kept too late", (URGENT, STARTED, KEPT.at(49)), (URGENT, STARTED, KEPT.at(47)),
     "results were kept, and nobody had approved the case in time"),
    ("deleted before", (*FOUND, CLOSED, DELETED.at(40), SHOWN.at(40)), (*FOUND, CLOSED, SHOWN.at(39), DELETED.at(40)),
     "results were opened that had been deleted"),
    ("not deleted", (*WAITING, CLOSED.but(why="not-approved").at(48)),
     (*WAITING, DELETED.but(why="not-approved").at(48), CLOSED.but(why="not-approved").at(48)), NOT_DELETED),
    ("too many films", (*OPEN, FILM, FILM, FILM), (*OPEN, FILM), "more films were opened than its case has"),
    ("films in no case", (FILM,), (*OPEN, FILM), "a film was opened, and in no case"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("forged", "honest", "fault"), [each[1:] for each in RESULTS], ids=[each[0] for each in RESULTS]
)
def test_what_was_found_stays_where_it_may(forged: Sequence[Step], honest: Sequence[Step], fault: str) -> None:
    """R13, R22: what an urgent case found stays on the screen until somebody approves it, and goes if nobody does."""
    assert faults(*forged) == [fault]
    assert faults(*honest) == []


CONSENTED: dict[str, Any] = {"purpose": "consented"}
ASKED_FOR = (OPENED.but(**CONSENTED, subjects=2), APPROVED)
RANKED = STARTED.but(**CONSENTED, comparison="doubles")
NOT_THEIRS = "it ranks people for somebody else than one who asks"

CASES: list[Twins] = [
    ("ranked without consent", (*OPEN[:2], STARTED.but(comparison="doubles")),
     (*OPEN[:2], STARTED.but(comparison="lookalikes")), NOT_THEIRS),
    ("ranked for two people", (*ASKED_FOR, RANKED.but(subjects=2)), (*ASKED_FOR, RANKED), NOT_THEIRS),
    ("ended as another", (*OPEN[:2], STARTED.but(comparison="lookalikes"), FINISHED),
     (*OPEN[:2], *(each.but(comparison="lookalikes") for each in (STARTED, FINISHED))),
     "it ended, and had not begun with what it states"),
    ("approved after its end", (OPENED, APPROVED.at(30 * DAY + 0.01)), (OPENED, APPROVED.at(30 * DAY)), LATE_APPROVAL),
    ("approved when closed", (OPENED, CLOSED, APPROVED), (OPENED, APPROVED, CLOSED), LATE_APPROVAL),
    ("approved after 48 hours", (URGENT, APPROVED.at(48.01)), (URGENT, APPROVED.at(48)), LATE_APPROVAL),
    ("approved by who opened it", (replace(OPENED, by="Ana"), APPROVED), (replace(OPENED, by="Bo"), APPROVED),
     "the case was approved by who opened it"),
    ("approved by an operator", (replace(OPENED, by="Bo"), replace(APPROVED, by="Cy")), (OPENED, APPROVED),
     "it is signed by somebody with the role 'operator'"),
    ("extended after its end", (OPENED, APPROVED, EXTENDED.at(30 * DAY + 0.01)),
     (OPENED, APPROVED, EXTENDED.at(30 * DAY)), LATE_EXTENSION),
    ("extended when closed", (OPENED, CLOSED, EXTENDED), (OPENED, EXTENDED, CLOSED), LATE_EXTENSION),
    ("extended to before", (OPENED, EXTENDED.but(until=moment(5)).at(5)), (OPENED, EXTENDED.but(until=moment(6)).at(5)),
     "its end is not after its time"),
    ("extended for years", (SETUP, OPENED, EXTENDED.but(until=moment(41 * DAY))),
     (SETUP, OPENED, EXTENDED.but(until=moment(40 * DAY))), TOO_FAR),
    ("ended when opened", (OPENED.but(until=moment(0)),), (OPENED.but(until=moment(1)),),
     "its end is not after its time"),
    ("open for years", (SETUP, OPENED.but(until=moment(40 * DAY + 0.01))), (SETUP, OPENED.but(until=moment(40 * DAY))),
     TOO_FAR),
    ("waits, and nobody signed", (replace(OPENED, by=""),), (OPENED,),
     "the case waits for another person, and nobody signed its opening"),
    ("urgent, and does not wait", (URGENT.but(waits=False, purpose="consented"),), (URGENT.but(purpose="consented"),),
     "the case is urgent, and waits for nobody"),
    ("does not wait", (replace(OPENED.but(waits=False), by=""),),
     (replace(OPENED.but(waits=False, purpose="consented"), by=""),),
     "the case waits for nobody, and there was somebody to approve it"),
    ("another's number", (replace(OPENED, use="other"),), (OPENED,), NOT_ITS_OWN),
    ("opened twice", (OPENED, OPENED), (OPENED,), NOT_ITS_OWN),
    ("never opened", (STARTED,), OPEN, "it is of a case that was never opened"),
    ("another purpose", (*OPEN[:2], STARTED.but(purpose="crime-suspect")), OPEN,
     "its purpose is not that of its case"),
    ("another's authority", (*OPEN[:2], STARTED.but(authorisation="ab" * 16)), OPEN,
     "its authorisation is not that of its case"),
    ("more people", (*OPEN[:2], STARTED.but(subjects=2)), (OPENED.but(subjects=2), APPROVED, STARTED.but(subjects=2)),
     "it looks for more people than its case names"),
    ("not approved", (OPENED, STARTED), OPEN, "nobody had approved its case"),
    ("searched after its end", (*OPEN[:2], STARTED.at(30 * DAY + 0.01)), (*OPEN[:2], STARTED.at(30 * DAY)),
     "its case was over"),
    ("searched when closed", (*OPEN[:2], CLOSED, STARTED), (*OPEN, CLOSED), "its case was over"),
    ("searched when urgent no more", (URGENT, STARTED.at(48.01)), (URGENT, STARTED.at(48)),
     "nobody had approved its urgent case in time"),
    ("compared in no case", (COMPARED.but(case=None),), (COMPARED.but(case=None, compared=False),),
     "people were compared, and in no case"),
    ("released when closed", (*OPEN[:2], CLOSED, COMPARED), (*OPEN[:2], COMPARED, CLOSED), "its case was over"),
    ("released, never begun", (*OPEN[:2], RELEASED), (*OPEN[:2], COMPARED, RELEASED),
     "it ended, and had not begun with what it states"),
    ("released as something else", (*OPEN[:2], COMPARED, RELEASED.but(compared=False)), (*OPEN[:2], COMPARED, RELEASED),
     "it ended, and had not begun with what it states"),
    ("found by a release", (*OPEN[:2], COMPARED, replace(FINISHED, use="release")), (*OPEN, FINISHED),
     "it ended, and had not begun with what it states"),
    ("begun twice", (*OPEN, STARTED), OPEN, "it had begun before"),
]  # fmt: skip


@pytest.mark.parametrize(("forged", "honest", "fault"), [each[1:] for each in CASES], ids=[each[0] for each in CASES])
def test_nothing_is_done_outside_of_a_case(forged: Sequence[Step], honest: Sequence[Step], fault: str) -> None:
    """R13, R22: purpose, people and time of a case hold, whatever the program that wrote the entries let pass."""
    assert faults(*forged) == [fault]
    assert faults(*honest) == []


SETUP = Step("policy-changed", "setup", {"pack": "house", "sha256": "0" * 64, "change": "enabled"})
END = (DELETED.but(why="not-approved").at(90), CLOSED.but(why="not-approved").at(90))


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ((LOOKED_AT.at(72),), []),
        ((LOOKED_AT.at(73),), [NOT_ENDED]),
        ((LOOKED_AT.at(73), replace(LOOKED_AT, use="again").at(99)), [NOT_ENDED]),
        ((*END, LOOKED_AT.at(91)), []),
        ((SETUP.at(90), *END, LOOKED_AT.at(91)), []),
        ((FINISHED.at(80), *END, LOOKED_AT.at(91)), []),
        ((APPROVED.at(40), LOOKED_AT.at(91)), []),
        ((END[0], LOOKED_AT.at(91)), [NOT_ENDED]),
        ((CLOSED.at(10), LOOKED_AT.at(91)), [NOT_ENDED]),
    ],
)
def test_an_urgent_case_that_nobody_approved_ends(steps: Sequence[Step], told: list[str]) -> None:
    """R22: a day after its 48 hours no command begins before it is closed and what it found is gone; told once."""
    assert faults(*WAITING, *steps) == told


def test_each_urgent_case_is_told_of() -> None:
    """R22: of two that were not ended both are named, in the order of their openings."""
    second = replace(URGENT, use="case two").but(case=number("case two")).at(3)
    told = list(audit.faults(LOG, wrote(URGENT, second, LOOKED_AT.at(100))))
    assert [number(name)[:8] in line for name, line in zip(("case", "case two"), told, strict=True)] == [True, True]
    assert [line.split(":")[0] for line in told] == [f"entry {len(STAFF) + 2}"] * 2


PEOPLE: list[Twins] = [
    ("added twice", (actor("Ro"),), (), "an actor was added who was one already"),
    ("back with another key", (actor("Ro", change="revoked"), actor("Ro", owner="Zed")),
     (actor("Ro", change="revoked"), actor("Ro")), "an actor was added again with another key"),
    ("one key for two", (actor("Twin", role="reviewer", owner="Ro"),), (actor("Twin", role="reviewer"),),
     "an actor was added with the key of another"),
    ("added by a reviewer", (actor("New", "Ro", role="reviewer"),), (actor("New", "Bo", role="reviewer"),),
     "it is signed by somebody with the role 'reviewer'"),
    ("added by nobody", (actor("New", "", role="reviewer"),), (actor("New", role="reviewer"),),
     "an actor was changed, and nobody signed for it"),
    ("the last authoriser", (actor("Bo", change="revoked"), actor("Ana", change="revoked")),
     (actor("Bo", change="revoked"),), "the only authoriser was revoked"),
    ("approved by who was revoked", (actor("Bo", change="revoked"), OPENED, replace(APPROVED, by="Bo")),
     (OPENED, replace(APPROVED, by="Bo"), actor("Bo", change="revoked")),
     "it is signed by somebody who was no actor then"),
    ("listed by nobody", (replace(LISTED, by=""),), (LISTED,),
     "an entry of a watchlist was added, and nobody signed for it"),
    ("reviewed by who added it",
     (replace(LISTED, by="Ro"), replace(LISTED.but(change="reviewed"), by="Ro")),
     (replace(LISTED, by="Ro"), replace(LISTED.but(change="reviewed"), by="Ri")),
     "an entry of a watchlist was reviewed by who added it"),
    ("reviewed by an operator", (replace(LISTED, by="Bo"), LISTED.but(change="reviewed")),
     (LISTED, replace(LISTED.but(change="reviewed"), by="Bo")),
     "an entry of a watchlist was reviewed by nobody who may"),
    ("approved one's own purpose", (ASKED, replace(ASKED, kind="purpose-approved")),
     (ASKED, replace(ASKED, kind="purpose-approved", by="Ana")), "nobody else had asked for this purpose"),
]  # fmt: skip


@pytest.mark.parametrize(("forged", "honest", "fault"), [each[1:] for each in PEOPLE], ids=[each[0] for each in PEOPLE])
def test_one_person_is_one_key_that_somebody_answers_for(
    forged: Sequence[Step], honest: Sequence[Step], fault: str
) -> None:
    """R13, R37: nobody becomes two, nobody lets themselves in, and who is gone signs nothing."""
    assert faults(*forged) == [fault]
    assert faults(*honest) == []


def test_the_first_actor_is_an_authoriser() -> None:
    """R13: else whoever came first could not have let the others in."""
    assert faults(actor("Ro", ""), staff=False) == ["the first actor is no authoriser"]
    assert faults(actor("Ana", ""), staff=False) == []


MOVE = st.tuples(st.booleans(), st.sampled_from(["Ro", "Ri", "Ru"]), st.sampled_from(["same-person", "different"]))
AGREED = [(is_given, name, "same-person") for is_given in (True, False) for name in ("Ro", "Ri")]
MOVES = st.lists(MOVE, max_size=6) | st.permutations(AGREED)


@settings(max_examples=100)
@given(MOVES)
def test_two_approvals_are_two_people(moves: list[tuple[bool, str, str]]) -> None:
    """R37: whatever is written in whatever order, two approvals pass if and only if two gave and then decided alike."""
    steps = [gave(name) if is_given else decided(name, word) for is_given, name, word in moves]
    given_by = [{name for is_given, name, _ in moves[:end] if is_given} for end in range(len(moves))]
    opened = [(name, word, given_by[at]) for at, (is_given, name, word) in enumerate(moves) if not is_given]
    honest = (
        len(opened) == 2
        and opened[0][0] != opened[1][0]
        and all(word == "same-person" and name in before and len(before) > 1 for name, word, before in opened)
    )
    assert (faults(*FOUND, *steps, ACTION) == []) == honest


@settings(max_examples=50)
@given(st.permutations(range(len(HONEST))), st.integers(0, len(HONEST)))
def test_any_entries_in_any_order_are_checked_to_their_end(order: list[int], size: int) -> None:
    """R13: a log may hold whatever it likes: the check says what is wrong with it and never breaks off."""
    writer = Writer()
    for place in order[:size]:
        writer.add(HONEST[place])
    assert all(re.fullmatch(r"entry \d+: .+", line) for line in audit.faults(LOG, writer.entries))


def test_what_is_no_entry_is_told_and_the_rest_is_checked() -> None:
    """R13: a line of another program, and times that no clock shows, hide nothing that comes after them."""
    timeless = [bytes(replace(Entry.parse(wrote(OPENED)[-1]), time=f"{year}T00:00:00Z"))
                for year in ("2026-13-01", "0000-01-01", "9999-12-31")]  # fmt: skip
    entries = [b"no entry", *timeless, *wrote(STARTED)]
    told = list(audit.faults(LOG, entries))
    assert told[0].startswith("entry 0: ")
    assert told[1:4] == [f"entry {index}: its time is no time" for index in (1, 2, 3)]
    assert told[4:] == [f"entry {len(entries) - 1}: it is of a case that was never opened"]


def test_a_missing_entry_is_for_custody_to_tell() -> None:
    """R3: who hands out the entries and misses one says so; what came before it has been told."""

    def torn() -> Any:  # noqa: ANN401
        yield wrote(STARTED, staff=False)[0]
        raise CustodyError("entry 1 is missing")

    told = audit.faults(LOG, torn())
    assert next(told) == "entry 0: it is of a case that was never opened"
    with pytest.raises(CustodyError, match="missing"):
        next(told)


def test_a_forged_entry_in_a_real_log_is_found(tmp_path: Path) -> None:
    """R39: an entry that a real record takes, and that says what nobody decided, is found by its number."""
    record = Record(tmp_path / "record", name=LOG)
    actors.add(record, "Ana", "authoriser", "correct horse battery")
    assert list(audit.faults(LOG, record.entries())) == []
    private = {"recipient": "Judge Poe", "reason": "asked", "operator": "op"}
    place = record.use().add("exported", LEAD.facts, private)
    assert list(audit.faults(LOG, record.entries())) == [
        f"entry {place}: results were opened of no search in a case",
        f"entry {place}: {ELSEWHERE}",
        f"entry {place}: {NOT_TWO}",
    ]


def test_a_case_is_checked_entry_by_entry() -> None:
    """R22: one object is fed the entries of a log, one after another."""
    check = Cases()
    told = [list(check.faults(Entry.parse(entry))) for entry in wrote(URGENT, STARTED.at(49))[len(STAFF) :]]
    assert told == [[], ["nobody had approved its urgent case in time"]]
