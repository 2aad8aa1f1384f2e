"""Cases: a purpose that cannot drift, and an end that comes."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houselights import actors, audit, cases, custody
from houselights.case import UNASKED, Case, Opening, Scope, check_at
from houselights.entry import Entry
from houselights.errors import PolicyError, SettingsError
from houselights.record import TIME, Record, Use
from houselights.schedule import Schedule
from houselights.types import Authority, Purpose

ANA, BO, CY = ("Ana", "correct horse battery"), ("Bo", "staple something else"), ("Cy", "a third passphrase")
SEARCH = Authority(Purpose.MISSING_PERSON, "Report 12 of the family", "Inspector Roe")
OWN = Authority(Purpose.CONSENTED, "she asked for it", "Ana Lima")
FILM, OTHER, PHOTOGRAPH = "ab" * 32, "cd" * 32, "ef" * 32
SCOPE = Scope(films={FILM: "gate.mp4"}, subjects={"Lost Child": (PHOTOGRAPH,)})
HOUR = timedelta(hours=1)


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = field(default_factory=lambda: datetime(2026, 3, 1, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def pass_by(self, span: timedelta) -> None:
        """Let time pass."""
        self.now += span


@pytest.fixture
def clock() -> Clock:
    """The first of March, noon."""
    return Clock()


@pytest.fixture(scope="module")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a record with two authorisers and an operator."""
    folder = tmp_path_factory.mktemp("staffed") / "record"
    record = Record(folder, name="example.org/log", clock=Clock())
    actors.add(record, ANA[0], "authoriser", ANA[1])
    actors.add(record, BO[0], "authoriser", BO[1], ANA)
    actors.add(record, CY[0], "operator", CY[1], ANA)
    return folder


@pytest.fixture
def record(tmp_path: Path, clock: Clock, staffed: Path) -> Record:
    """A copy of that record."""
    return Record(shutil.copytree(staffed, tmp_path / "record"), clock=clock)


def opened(record: Record, *, urgent: bool = False, scope: Scope = SCOPE) -> Case:
    """A case for a missing person, which Cy signed for."""
    return cases.open_case(record, SEARCH, scope, Opening(by=CY, urgent=urgent))


def found(record: Record, case: Case, content: bytes = b"what was found") -> None:
    """Something that a search in a case found, as `results.keep` seals it."""
    record.store.keep("result", os.urandom(16).hex(), content, cases.holder(case), cases.above(case))


def said(record: Record, case: Case) -> list[str]:
    """The kinds of the entries of a case."""
    return [each.kind for each in map(Entry.parse, record.entries()) if each.use == case.number]


def faults(record: Record) -> list[str]:
    """What an outsider finds wrong with the log."""
    return [*custody.verify(record.folder, record.key).faults, *audit.faults(record.key.name, record.entries())]


def bytes_at_rest(record: Record) -> bytes:
    """All that the store's files hold, free pages and journals included."""
    private = record.folder.parent / "private"
    return b"".join(file.read_bytes() for file in sorted(private.glob("store.db*")))


def sealed_rows(record: Record) -> list[bytes]:
    """The sealed bytes of every result, and every wrapped key of one."""
    with closing(sqlite3.connect(record.folder.parent / "private" / "store.db")) as base:
        documents = base.execute("SELECT sealed FROM documents WHERE kind = 'result'").fetchall()
        keys = base.execute("SELECT wrapped FROM keys WHERE holder LIKE 'results %'").fetchall()
    return [row[0] for row in (*documents, *keys)]


# opening


def test_a_case_fixes_what_it_is_about(record: Record) -> None:
    """R13: purpose, basis, authoriser, films, subjects and an end come back as they were fixed, and are in the log."""
    case = opened(record)
    assert cases.find(record, case.number[:8]) == case == cases.current(record, case.number)
    assert (case.authority, case.scope) == (SEARCH, SCOPE)
    assert case.until == "2026-03-31T12:00:00Z"
    entry = Entry.parse(record.use(case.number).entries[0])
    assert (entry.kind, entry.facts["purpose"], entry.facts["films"]) == ("case-opened", "missing-person", 1)
    assert (entry.facts["until"], entry.facts["urgent"], entry.facts["waits"]) == (case.until, False, True)
    assert faults(record) == []


def test_names_are_sealed_one_by_one(record: Record, clock: Clock) -> None:
    """R9: a name and its photographs lie under a key of their own, not with the case's; the newest comes first."""
    case = opened(record)
    entry = Entry.parse(record.use(case.number).entries[0])
    assert entry.payload is not None
    own, person = record.store.opened(entry.payload)
    assert b"Lost Child" not in own
    assert PHOTOGRAPH.encode() not in own
    assert b"gate.mp4" in own
    assert custody.fields_of(person)["photographs"] == [PHOTOGRAPH]
    clock.pass_by(HOUR)
    later = opened(record)
    assert [each.number for each in cases.listed(record)] == [later.number, case.number]


@pytest.mark.parametrize(
    ("scope", "rule"),
    [(replace(SCOPE, films={}), "case-scope"), (replace(SCOPE, subjects={}), "named-subjects-only")],
)
def test_a_case_about_nothing_or_nobody_is_refused(record: Record, scope: Scope, rule: str) -> None:
    """R21: a case is about films that are named and people who are named."""
    with pytest.raises(PolicyError) as refused:
        opened(record, scope=scope)
    assert refused.value.rule == rule
    assert cases.listed(record) == []


@pytest.mark.parametrize("purpose", list(Purpose))
def test_people_who_did_not_ask_need_two_who_sign(record: Record, purpose: Purpose) -> None:
    """Once there is an authoriser, a case for people who did not ask for it is opened by one who signs, and waits."""
    authority = replace(SEARCH, purpose=purpose)
    if purpose not in UNASKED:
        assert cases.open_case(record, authority, SCOPE).is_approved
        return
    with pytest.raises(PolicyError, match="needs two people") as refused:
        cases.open_case(record, authority, SCOPE)
    assert refused.value.rule == "approval-needed"
    assert not cases.open_case(record, authority, SCOPE, Opening(by=CY)).is_approved


def test_where_nobody_can_approve_a_case_is_typed(tmp_path: Path) -> None:
    """Without an authoriser a case opens on what was typed, and says that nobody approved it."""
    alone = Record(tmp_path / "record")
    case = cases.open_case(alone, SEARCH, SCOPE)
    assert (case.is_approved, case.approved_by, case.opened_by, case.waits) == (True, "", "", False)
    assert said(alone, case) == ["case-opened"]
    facts = Entry.parse(alone.use(case.number).entries[0]).facts
    both = f"{SEARCH.basis}\0{SEARCH.authorised_by}"
    assert facts["authorisation"] == alone.pseudonym("authorisation", both) == cases.authorisation(alone, SEARCH)
    assert faults(alone) == []


def test_there_is_always_somebody_to_approve(record: Record) -> None:
    """Once there is an authoriser there always is: the last one cannot be revoked, and one who was approves nothing."""
    case = opened(record)
    actors.revoke(record, BO[0], ANA)
    with pytest.raises(PolicyError, match="is the only authoriser"):
        actors.revoke(record, ANA[0], ANA)
    with pytest.raises(PolicyError, match="is revoked"):
        cases.approve(record, case, BO)
    assert opened(record).waits


@pytest.mark.parametrize("until", ["2026-03-01T12:00:00Z", "2026-02-01T00:00:00Z", "2026-03-31T12:00:01Z"])
def test_an_end_that_is_past_or_too_far_is_refused(record: Record, until: str) -> None:
    """A case ends after it was opened, and within the retention schedule."""
    with pytest.raises(SettingsError, match="cannot end at"):
        cases.open_case(record, OWN, SCOPE, Opening(until=until))
    latest = "2026-03-31T12:00:00Z"
    assert cases.open_case(record, OWN, SCOPE, Opening(until=latest)).until == latest


def test_the_schedule_says_how_long_a_case_runs(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R27: houselights.toml bounds the end of a case."""
    file = tmp_path / "houselights.toml"
    file.write_text("[retention]\ncases = 2\n")
    monkeypatch.setenv("HOUSELIGHTS_CONFIG", str(file))
    assert cases.open_case(record, OWN, SCOPE).until == "2026-03-03T12:00:00Z"


@pytest.mark.parametrize("number", ["", "abc", "zzzzzz", "../../etc"])
def test_an_unknown_number_is_refused(record: Record, number: str) -> None:
    """Six digits or more name a case; fewer, or others, do not."""
    case = opened(record)
    with pytest.raises(SettingsError, match="there is no case"):
        cases.find(record, number)
    with pytest.raises(SettingsError, match="expected 6 digits or more"):
        cases.find(record, case.number[:5])
    assert cases.find(record, case.number[:6]) == case
    cases._keep(record, replace(case, number=case.number[:20] + "0" * 12))
    with pytest.raises(SettingsError, match="several cases begin"):
        cases.find(record, case.number[:20])
    assert cases.find(record, case.number) == case


def test_names_that_are_no_text_lose_nothing(record: Record) -> None:
    """A film whose name is no UTF-8 is in the case, and found by its bytes."""
    name = os.fsdecode(b"caf\xe9.mp4")
    case = cases.open_case(record, OWN, replace(SCOPE, films={FILM: name}))
    cases.check(record, case, OWN, replace(SCOPE, films={FILM: name}))


def test_a_case_is_entered_by_what_is_about_to_be_done(record: Record) -> None:
    """R13, R22: a new case is opened for it, an earlier one must allow it; nothing urgent leaves the screen."""
    assert cases.enter(record, OWN, SCOPE, None, leaves=True).authority == OWN
    with pytest.raises(PolicyError, match="waits for approval"):
        cases.enter(record, SEARCH, SCOPE, None, Opening(by=CY))
    waiting = cases.listed(record)[0] if cases.listed(record)[0].waits else cases.listed(record)[1]
    approved = cases.approve(record, waiting, ANA)
    assert cases.enter(record, SEARCH, SCOPE, approved, leaves=True) == approved
    with pytest.raises(PolicyError, match="is not one of its films"):
        cases.enter(record, SEARCH, replace(SCOPE, films={OTHER: "street.mp4"}), approved)
    count = len(cases.listed(record))
    with pytest.raises(PolicyError, match="on the screen alone"):
        cases.enter(record, SEARCH, SCOPE, None, Opening(by=CY, urgent=True), leaves=True)
    assert len(cases.listed(record)) == count
    urgent = cases.enter(record, SEARCH, SCOPE, None, Opening(by=CY, urgent=True))
    with pytest.raises(PolicyError, match="on the screen alone"):
        cases.enter(record, SEARCH, SCOPE, urgent, leaves=True)
    assert cases.enter(record, SEARCH, SCOPE, urgent) == urgent


# what may be done in it


@pytest.mark.parametrize(
    ("authority", "scope", "why"),
    [
        (replace(SEARCH, purpose=Purpose.CRIME_SUSPECT), SCOPE, "purpose"),
        (replace(SEARCH, basis="another report"), SCOPE, "basis"),
        (replace(SEARCH, authorised_by="Somebody Else"), SCOPE, "authoriser"),
        (SEARCH, replace(SCOPE, films={FILM: "gate.mp4", OTHER: "street.mp4"}), "'street.mp4' is not one of its films"),
        (SEARCH, replace(SCOPE, subjects={"Lost Child": (OTHER,)}), "other photographs of 'Lost Child'"),
        (SEARCH, replace(SCOPE, subjects={"Lost Child": (PHOTOGRAPH, OTHER)}), "other photographs"),
        (SEARCH, replace(SCOPE, subjects={"A Journalist": (PHOTOGRAPH,)}), "does not name 'A Journalist'"),
        (SEARCH, replace(SCOPE, watchlist="lawyers"), "watchlist"),
        (SEARCH, replace(SCOPE, since_s=1.0), "footage begins at 5 s"),
        (SEARCH, replace(SCOPE, until_s=100.0), "footage ends at 60 s"),
        (SEARCH, replace(SCOPE, since_s=None), "footage begins"),
        (SEARCH, replace(SCOPE, until_s=None), "footage ends"),
    ],
)
def test_what_is_not_in_a_case_is_refused(record: Record, authority: Authority, scope: Scope, why: str) -> None:
    """R13, R19: another purpose, basis, film, photograph, person, list or part of the footage is another case."""
    inside = replace(SCOPE, since_s=5.0, until_s=60.0)
    case = cases.approve(record, opened(record, scope=inside), ANA)
    cases.check(record, case, SEARCH, inside)
    cases.check(record, case, SEARCH, replace(inside, since_s=6.0, until_s=7.0, subjects={}))
    wanted = scope if "footage" in why else replace(scope, since_s=5.0, until_s=60.0)
    if "footage" in why:
        wanted = replace(scope, since_s=scope.since_s if "begins" in why else 5.0)
        wanted = replace(wanted, until_s=scope.until_s if "ends" in why else 60.0)
    with pytest.raises(PolicyError, match=why) as refused:
        cases.check(record, case, authority, wanted)
    assert refused.value.rule == "case-scope"


def test_a_case_waits_for_somebody_else(record: Record) -> None:
    """Nothing is done in it before another person approved it; who opened it cannot, nor can an operator."""
    case = cases.open_case(record, SEARCH, SCOPE, Opening(by=ANA))
    assert case.state(cases.now(record)) == "waits for approval"
    with pytest.raises(PolicyError, match="waits for approval") as refused:
        cases.check(record, case, SEARCH, SCOPE)
    assert refused.value.rule == "approval-needed"
    with pytest.raises(PolicyError, match="opened this case") as refused:
        cases.approve(record, case, ANA)
    assert refused.value.rule == "two-people"
    with pytest.raises(PolicyError, match="role 'operator'") as refused:
        cases.approve(record, case, CY)
    assert refused.value.rule == "role"
    with pytest.raises(SettingsError, match="passphrase"):
        cases.approve(record, case, (BO[0], "not his passphrase"))
    assert not cases.current(record, case.number).is_approved
    approved = cases.approve(record, case, BO)
    assert approved.approved_by == actors.number(record, BO[0])
    assert approved.approved == cases.now(record)
    cases.check(record, case, SEARCH, SCOPE)
    assert cases.approve(record, case, BO) == approved
    assert said(record, case) == ["case-opened", "case-approved"]
    assert faults(record) == []


def test_a_case_ends(record: Record, clock: Clock) -> None:
    """After its end nothing is done in it, whoever asks; a second before, it is."""
    case = cases.approve(record, opened(record), ANA)
    clock.pass_by(timedelta(days=30, seconds=-1))
    cases.check(record, case, SEARCH, SCOPE)
    clock.pass_by(timedelta(seconds=1))
    assert case.state(cases.now(record)) == "expired"
    for act in (
        lambda: cases.check(record, case, SEARCH, SCOPE),
        lambda: cases.approve(record, case, BO),
        lambda: cases.extend(record, case, "2026-04-10T00:00:00Z", ANA),
    ):
        with pytest.raises(PolicyError, match="is over") as refused:
            act()
        assert refused.value.rule == "case-expired"


def test_an_authoriser_extends_a_case(record: Record, clock: Clock) -> None:
    """The new end is signed for, lies within the schedule, and holds."""
    case = cases.approve(record, opened(record), ANA)
    clock.pass_by(timedelta(days=20))
    with pytest.raises(PolicyError, match="role"):
        cases.extend(record, case, "2026-04-10T00:00:00Z", CY)
    with pytest.raises(SettingsError, match="cannot end at"):
        cases.extend(record, case, "2026-09-10T00:00:00Z", BO)
    cases.extend(record, case, "2026-04-10T00:00:00Z", BO)
    clock.pass_by(timedelta(days=15))
    cases.check(record, case, SEARCH, SCOPE)
    assert cases.current(record, case.number).until == "2026-04-10T00:00:00Z"
    assert said(record, case) == ["case-opened", "case-approved", "case-extended"]
    assert faults(record) == []


def test_a_closed_case_stays_closed(record: Record, clock: Clock) -> None:
    """Nothing more is done in it, an older copy of it opens nothing, and closing it again says nothing."""
    case = cases.approve(record, opened(record), ANA)
    closed = cases.close(record, case)
    assert (closed.why, closed.state(cases.now(record))) == ("done", "closed: done")
    clock.pass_by(HOUR)
    assert cases.close(record, case, "withdrawn") == closed
    for stale in (case, closed):
        with pytest.raises(PolicyError, match="is over"):
            cases.check(record, stale, SEARCH, SCOPE)
    assert said(record, case) == ["case-opened", "case-approved", "case-closed"]


def test_closing_deletes_nothing_that_was_approved(record: Record) -> None:
    """R22: what an approved case found stays for its days, urgent or not; closing one that waits is no refusal."""
    for urgent in (False, True):
        case = cases.approve(record, opened(record, urgent=urgent), ANA)
        found(record, case)
        assert cases.close(record, case).why == "done"
        assert record.store.count(cases.holder(case)) == 1
    assert cases.close(record, opened(record)).why == "done"


# urgent


def test_an_urgent_case_ends_after_48_hours(record: Record, clock: Clock) -> None:
    """R22: without approval what it found cannot be read and is deleted, with entries; a minute before, it is there."""
    case = opened(record, urgent=True)
    cases.check(record, case, SEARCH, SCOPE)
    found(record, case)
    cases.check_readable(record, case, leaves=False)
    before = sealed_rows(record)
    assert all(row in bytes_at_rest(record) for row in before)
    clock.pass_by(48 * HOUR - timedelta(minutes=1))
    assert cases.expire(record, Schedule()) == 0
    cases.check(record, case, SEARCH, SCOPE)
    clock.pass_by(timedelta(minutes=1))
    with pytest.raises(PolicyError, match="not approved in time"):  # unreadable at once, deleted at the next command
        cases.check_readable(record, case, leaves=False)
    with pytest.raises(PolicyError, match="is over"):
        cases.check(record, case, SEARCH, SCOPE)
    with pytest.raises(PolicyError, match="is over"):
        cases.approve(record, case, ANA)
    assert cases.expire(record, Schedule()) == 1
    assert record.store.documents("result") == {}
    assert len(before) == 2
    assert not any(row in bytes_at_rest(record) for row in before)
    assert said(record, case) == ["case-opened", "results-deleted", "case-closed"]
    assert cases.current(record, case.number).why == "not-approved"
    assert cases.expire(record, Schedule()) == 0
    assert faults(record) == []


def test_what_an_urgent_case_found_stays_on_the_screen(record: Record) -> None:
    """R22: until somebody approved it, it goes into no file; after that it may."""
    case = opened(record, urgent=True)
    with pytest.raises(PolicyError, match="on the screen alone") as refused:
        cases.check_readable(record, case, leaves=True)
    assert refused.value.rule == "approval-needed"
    cases.approve(record, case, BO)
    cases.check_readable(record, case, leaves=True)


def test_a_case_that_waits_ends_at_its_end(record: Record, clock: Clock) -> None:
    """R22: the 48 hours are for urgent ones; another waits for its approval until the second at which it ends."""
    case = opened(record)
    clock.pass_by(timedelta(days=30, seconds=-1))
    cases.expire(record, Schedule())
    assert cases.current(record, case.number) == case
    clock.pass_by(timedelta(seconds=1))
    cases.expire(record, Schedule())
    assert cases.current(record, case.number).why == "expired"


def test_an_urgent_case_that_was_approved_goes_on(record: Record, clock: Clock) -> None:
    """Approved within 48 hours it is a case like others."""
    case = opened(record, urgent=True)
    found(record, case)
    clock.pass_by(47 * HOUR)
    cases.approve(record, case, BO)
    clock.pass_by(timedelta(days=20))
    assert cases.expire(record, Schedule()) == 0
    cases.check(record, case, SEARCH, SCOPE)
    assert len(record.store.documents("result")) == 1


@pytest.mark.parametrize("how", ["closed", "ended early", "late"])
def test_an_urgent_case_deletes_whatever_way_it_ends(record: Record, clock: Clock, how: str) -> None:
    """R22: closing it, an early end, or a search that ends too late keeps nothing that nobody approved."""
    early = Opening(by=CY, urgent=True, until="2026-03-01T13:00:00Z" if how == "ended early" else None)
    case = cases.open_case(record, SEARCH, SCOPE, early)
    found(record, case)
    rows = sealed_rows(record)
    if how == "closed":
        assert cases.close(record, case).why == "not-approved"
    elif how == "ended early":
        clock.pass_by(HOUR)
        assert cases.expire(record, Schedule()) == 1
    else:
        clock.pass_by(48 * HOUR)
        assert cases.expire(record, Schedule()) == 1
        found(record, cases.current(record, case.number))  # as a search would that began in time
        rows += sealed_rows(record)
        assert cases.expire(record, Schedule()) == 1
    assert record.store.documents("result") == {}
    assert not any(row in bytes_at_rest(record) for row in rows)
    assert cases.current(record, case.number).why == "not-approved"
    assert set(said(record, case)[1:]) == {"results-deleted", "case-closed"}


def test_a_clock_that_was_set_back_puts_nothing_off(record: Record, clock: Clock) -> None:
    """R22: the time is never before the newest entry's."""
    case = opened(record, urgent=True)
    clock.pass_by(48 * HOUR)
    record.use().add("still-here", {})
    clock.pass_by(-47 * HOUR)
    with pytest.raises(PolicyError, match="not approved in time"):
        cases.check_readable(record, case, leaves=False)
    assert cases.now(record) == "2026-03-03T12:00:00Z"


@pytest.mark.parametrize("step", ["case-closed", "results-deleted"])
def test_what_was_interrupted_is_told_later(record: Record, clock: Clock, step: str) -> None:
    """R22: killed between what was done and its entry, the next command adds the entry, with the right number."""
    case = opened(record, urgent=True)
    found(record, case)
    found(record, case)
    clock.pass_by(48 * HOUR)
    add = Use.add

    def killed(self: Use, kind: str, *rest: Any) -> int:  # noqa: ANN401
        if kind == step:
            raise KeyboardInterrupt
        return add(self, kind, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Use, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            cases.expire(record, Schedule())
    assert record.store.documents("result") == {}
    cases.expire(record, Schedule())
    cases.expire(record, Schedule())
    told = [Entry.parse(each) for each in record.use(case.number).entries[1:]]
    assert sorted(each.kind for each in told) == ["case-closed", "results-deleted"]
    assert next(each for each in told if each.kind == "results-deleted").facts["results"] == 2


def test_a_case_itself_goes_with_the_payloads(record: Record, clock: Clock) -> None:
    """R26: who was looked for and why is kept as long as what is sealed beside the log, and no longer."""
    case = cases.approve(record, opened(record), ANA)
    cases.close(record, case)
    clock.pass_by(timedelta(days=100, seconds=-1))
    cases.expire(record, Schedule(payloads=100))
    assert cases.listed(record)
    clock.pass_by(timedelta(seconds=1))
    cases.expire(record, Schedule(payloads=100))
    assert cases.listed(record) == []


@pytest.mark.parametrize(
    ("since", "until"), [(float("nan"), None), (None, float("inf")), (-1.0, None), (5.0, 4.0), (3.0, 3.0)]
)
def test_a_part_that_is_none_is_refused(since: float | None, until: float | None) -> None:
    """R19: the part of the footage has two ends that are times, the first before the second."""
    with pytest.raises(SettingsError, match="no part"):
        replace(SCOPE, since_s=since, until_s=until)


def test_a_case_that_is_over_and_told_costs_a_command_nothing(
    record: Record, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands end what is over first: where nothing is, they do not read the log for it."""
    late, done = opened(record, urgent=True), cases.approve(record, opened(record), ANA)
    for case in (late, done):
        found(record, case)
    cases.close(record, done)
    clock.pass_by(timedelta(days=31))
    assert cases.expire(record, Schedule()) == 2
    monkeypatch.setattr(Record, "entries", lambda _: pytest.fail("the log was read"))
    assert cases.expire(record, Schedule()) == 0
    monkeypatch.undo()
    found(record, cases.current(record, done.number))  # a search that ended after its case
    assert cases.expire(record, Schedule()) == 1
    assert faults(record) == []


def test_urgency_is_not_repeated(record: Record, clock: Clock) -> None:
    """R22: after an urgent case that nobody approved there is no second one about the same person and film."""
    opened(record, urgent=True)
    clock.pass_by(48 * HOUR)
    cases.expire(record, Schedule())
    with pytest.raises(PolicyError, match="a second one is not opened") as refused:
        opened(record, urgent=True)
    assert refused.value.rule == "approval-needed"
    opened(record)
    opened(record, urgent=True, scope=replace(SCOPE, films={OTHER: "street.mp4"}))
    opened(record, urgent=True, scope=replace(SCOPE, subjects={"Aunt": (OTHER,)}))


def test_an_urgent_case_needs_a_signature_for_any_purpose(record: Record) -> None:
    """Urgency is somebody's to answer for."""
    with pytest.raises(PolicyError, match="needs two people"):
        cases.open_case(record, OWN, SCOPE, Opening(urgent=True))


# what goes


def test_results_go_when_the_schedule_says(record: Record, clock: Clock) -> None:
    """R26: results of a case stay for the days that the schedule gives after its end, and no longer."""
    case = cases.approve(record, opened(record), ANA)
    found(record, case)
    clock.pass_by(timedelta(days=31))
    assert cases.expire(record, Schedule(results=7)) == 0
    assert cases.current(record, case.number).why == "expired"
    clock.pass_by(timedelta(days=7, seconds=-1))
    assert cases.expire(record, Schedule(results=7)) == 0
    rows = sealed_rows(record)
    clock.pass_by(timedelta(seconds=1))
    assert cases.expire(record, Schedule(results=7)) == 1
    assert not any(row in bytes_at_rest(record) for row in rows)
    assert said(record, case)[-2:] == ["case-closed", "results-deleted"]


def test_erasing_a_case_leaves_no_byte_of_it(record: Record) -> None:
    """R9: who was looked for and what was found can be opened by nobody; entries and proofs stay."""
    case, other = cases.approve(record, opened(record), ANA), opened(record)
    found(record, case)
    found(record, other)
    with closing(sqlite3.connect(record.folder.parent / "private" / "store.db")) as base:
        mine = base.execute(
            "SELECT wrapped FROM keys WHERE holder IN (?, ?)", (cases.above(case), cases.holder(case))
        ).fetchall()
    assert len(mine) == 2
    assert cases.erase(record, case, "asked-by-subject") >= 2
    assert not any(row[0] in bytes_at_rest(record) for row in mine)
    assert [each.number for each in cases.listed(record)] == [other.number]
    assert len(record.store.documents("result")) == 1
    first, others = (Entry.parse(record.use(each.number).entries[0]) for each in (case, other))
    assert first.payload is not None
    assert others.payload is not None
    assert all(len(part) == custody.SIZE for part in record.store.opened(first.payload))
    assert all(len(part) > custody.SIZE for part in record.store.opened(others.payload))
    assert said(record, case) == ["case-opened", "case-approved", "case-closed", "results-deleted"]
    last = Entry.parse(record.entries()[-1])
    assert (last.kind, last.facts["what"], last.facts["why"]) == ("erased", "case", "asked-by-subject")
    assert faults(record) == []
    with pytest.raises(PolicyError, match="was erased") as refused:
        cases.check(record, case, SEARCH, SCOPE)
    assert refused.value.rule == "case-expired"


def test_a_subject_who_was_forgotten_is_in_no_case(record: Record) -> None:
    """R29: nobody searches for them in a case that named them; other people stay."""
    both = replace(SCOPE, subjects={"Lost Child": (PHOTOGRAPH,), "Aunt": (OTHER,)})
    case = cases.approve(record, opened(record, scope=both), ANA)
    cases.forget(record, "Lost Child")
    with pytest.raises(PolicyError, match="does not name 'Lost Child'"):
        cases.check(record, case, SEARCH, SCOPE)
    cases.check(record, case, SEARCH, replace(both, subjects={"Aunt": (OTHER,)}))


# whatever is asked


WANTED = st.fixed_dictionaries(
    {
        "purpose": st.sampled_from([Purpose.MISSING_PERSON, Purpose.CRIME_SUSPECT, Purpose.CONSENTED]),
        "basis": st.sampled_from(["Report 12 of the family", "other"]),
        "films": st.lists(st.sampled_from([FILM, OTHER, "00" * 32]), max_size=3, unique=True),
        "people": st.dictionaries(
            st.sampled_from(["Lost Child", "Aunt", "A Journalist"]),
            st.lists(st.sampled_from([PHOTOGRAPH, OTHER]), min_size=1, unique=True).map(tuple), max_size=2,
        ),
        "since": st.sampled_from([None, 0.0, 5.0, 6.5]),
        "until": st.sampled_from([None, 59.0, 60.0, 61.0]),
        "hours": st.sampled_from([0, 47, 48, 49, 24 * 30 - 1, 24 * 30]),
        "approved": st.booleans(),
        "closed": st.booleans(),
    }
)  # fmt: skip
INSIDE = Scope(
    films={FILM: "a", OTHER: "b"}, subjects={"Lost Child": (PHOTOGRAPH,), "Aunt": (PHOTOGRAPH, OTHER)},
    since_s=5.0, until_s=60.0,
)  # fmt: skip


def is_allowed(wanted: dict[str, Any], *, urgent: bool) -> bool:
    """What the rule is, in other words than the program's."""
    approved, hours = wanted["approved"], wanted["hours"]
    in_time = hours < 24 * 30 and not wanted["closed"] and (approved or (urgent and hours < 48))
    same = wanted["purpose"] == SEARCH.purpose and wanted["basis"] == SEARCH.basis
    films = set(wanted["films"]) <= {FILM, OTHER}
    people = all(set(each) <= set(INSIDE.subjects.get(name, ())) for name, each in wanted["people"].items())
    part = wanted["since"] in {5.0, 6.5} and wanted["until"] in {59.0, 60.0}
    return in_time and same and films and people and part


@settings(max_examples=3000)
@given(wanted=WANTED, urgent=st.booleans())
def test_nothing_is_done_that_a_case_does_not_allow(wanted: dict[str, Any], *, urgent: bool) -> None:
    """R13: thousands of requests against cases in every state: allowed if and only if the rule says so."""
    opening = datetime(2026, 3, 1, 12, tzinfo=UTC)
    case = Case(
        number="ca" * 16, authority=SEARCH, scope=INSIDE, opened=opening.strftime(TIME),
        until="2026-03-31T12:00:00Z", urgent=urgent, waits=True, approved_by="b" * 32 if wanted["approved"] else "",
        closed=opening.strftime(TIME) if wanted["closed"] else "",
    )  # fmt: skip
    moment = (opening + wanted["hours"] * HOUR).strftime(TIME)
    authority = Authority(wanted["purpose"], wanted["basis"], SEARCH.authorised_by)
    scope = Scope(
        films=dict.fromkeys(wanted["films"], "film"), subjects=wanted["people"],
        since_s=wanted["since"], until_s=wanted["until"],
    )  # fmt: skip
    try:
        check_at(case, moment, authority, scope)
        done = True
    except PolicyError:
        done = False
    assert done == is_allowed(wanted, urgent=urgent)
