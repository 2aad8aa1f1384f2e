"""What a case fixes, how it stands at a moment, and what its sealed form holds."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights.case import PLAIN, Case, Opening, Scope, check_open, check_readable_at, plus
from houselights.errors import PolicyError
from houselights.types import Authority, Purpose

AUTHORITY = Authority(Purpose.MISSING_PERSON, "Report 12", "Inspector Roe")
SCOPE = Scope(films={"ab" * 32: "gate.mp4"}, subjects={"Lost Child": ("ef" * 32,)})
CASE = Case(
    number="ca" * 16, authority=AUTHORITY, scope=SCOPE, opened="2026-03-01T12:00:00Z", until="2026-03-31T12:00:00Z"
)
URGENT = replace(CASE, urgent=True, waits=True, opened_by="c" * 32)
MORNING = "2026-03-02T08:00:00Z"


def test_nothing_is_so_that_nobody_said() -> None:
    """A case is not urgent, approved or closed, and has no place, list or reason, unless somebody says so."""
    assert Opening(until=None, urgent=False, justification="", by=None) == PLAIN == Opening()
    assert Scope(films=SCOPE.films, subjects={}, watchlist="", since_s=None, until_s=None, place="") == Scope(
        films=SCOPE.films
    )
    assert replace(
        CASE, urgent=False, waits=False, justification="", opened_by="", approved_by="", approved="", closed="", why="",
        deleted=0,
    ) == CASE  # fmt: skip
    with pytest.raises(FrozenInstanceError):
        CASE.until = MORNING  # type: ignore[misc]


@pytest.mark.parametrize(
    ("case", "moment", "state"),
    [
        (CASE, MORNING, "open"),
        (CASE, CASE.until, "expired"),
        (replace(CASE, waits=True), MORNING, "waits for approval"),
        (replace(CASE, waits=True, approved_by="a" * 32), MORNING, "open"),
        (URGENT, MORNING, "urgent, not approved: ends 2026-03-03T12:00:00Z"),
        (URGENT, "2026-03-03T12:00:00Z", "not approved in time"),
        (replace(URGENT, approved_by="a" * 32), MORNING, "open"),
        (replace(CASE, closed=MORNING, why="done"), MORNING, "closed: done"),
    ],
)
def test_a_case_says_how_it_stands(case: Case, moment: str, state: str) -> None:
    """In words, at a moment."""
    assert case.state(moment) == state


@pytest.mark.parametrize("case", [replace(CASE, closed=MORNING, why="done"), replace(URGENT, closed=MORNING)])
def test_what_is_closed_is_over(case: Case) -> None:
    """R13: nothing is done in a case that was closed, also before its end; the error says how it stands."""
    with pytest.raises(PolicyError, match="is over") as refused:
        check_open(case, MORNING)
    assert refused.value.rule == "case-expired"


@pytest.mark.parametrize(
    ("case", "moment", "leaves", "rule"),
    [
        (CASE, MORNING, True, None),
        (replace(CASE, closed=MORNING, why="done"), CASE.until, True, None),
        (URGENT, MORNING, False, None),
        (URGENT, MORNING, True, "approval-needed"),
        (URGENT, URGENT.urgent_until, False, "case-expired"),
        (replace(URGENT, closed=MORNING, why="not-approved"), MORNING, False, "case-expired"),
        (replace(URGENT, approved_by="a" * 32, closed=MORNING), CASE.until, True, None),
    ],
)
def test_what_was_found_is_read_where_it_may_be(case: Case, moment: str, *, leaves: bool, rule: str | None) -> None:
    """R22: what needs an approval and has none stays on the screen, and is over when the case is, or after 48 hours."""
    if rule is None:
        check_readable_at(case, moment, leaves=leaves)
        return
    with pytest.raises(PolicyError) as refused:
        check_readable_at(case, moment, leaves=leaves)
    assert refused.value.rule == rule


@given(
    since=st.none() | st.floats(0, 1e6), more=st.none() | st.floats(0.001, 1e6),
    names=st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=4), max_size=2).map(tuple), max_size=3),
    text=st.text(max_size=9),
)  # fmt: skip
def test_a_case_comes_back_as_it_was(
    since: float | None, more: float | None, names: dict[str, tuple[str, ...]], text: str
) -> None:
    """Its sealed form is canonical JSON without fractions, and loses nothing."""
    until = None if more is None else (since or 0) + more
    scope = Scope(films={"ab" * 32: text}, subjects=names, since_s=since, until_s=until, place=text, watchlist=text)
    case = replace(URGENT, scope=scope, justification=text, deleted=3)
    kept = bytes(case)
    assert Case.parse(kept) == case
    assert bytes(Case.parse(kept)) == kept
    assert not [each for each in json.loads(kept)["scope"].values() if isinstance(each, float)]


def test_a_moment_later() -> None:
    """Moments are text that sorts in their order."""
    assert plus("2026-02-28T23:59:59Z", timedelta(seconds=1)) == "2026-03-01T00:00:00Z"


@pytest.mark.parametrize("case", [replace(CASE, waits=True), replace(URGENT, approved_by="a" * 32), CASE])
def test_only_an_urgent_case_without_approval_ends_early(case: Case) -> None:
    """R22: one that waits, or was approved, is not over after 48 hours: it can still be approved, and gone on with."""
    check_open(case, "2026-03-20T00:00:00Z")
    with pytest.raises(PolicyError):
        check_open(URGENT, "2026-03-20T00:00:00Z")
