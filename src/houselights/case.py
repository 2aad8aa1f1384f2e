"""Case: what one fixes, and what may be done in it at a moment. How cases are kept and changed: `cases.py`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from houselights.actors import Passphrased
from houselights.custody import canonical
from houselights.errors import PolicyError, SettingsError
from houselights.record import TIME, sealable
from houselights.schedule import URGENT_FILE_HOURS, Schedule
from houselights.types import Authority, Purpose

UNASKED = (
    Purpose.MISSING_PERSON, Purpose.VICTIM_IDENTIFICATION, Purpose.CRIME_SUSPECT, Purpose.VENUE_EXCLUSION,
)  # fmt: skip
"""Purposes for which people are looked for who did not ask for it: these need approval and review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a case is about. Nothing else is looked at in it."""

    films: Mapping[str, str]
    """Names by SHA-256."""
    subjects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Photographs, by SHA-256, of each subject."""
    watchlist: str = ""
    """The watchlist that they stand on; empty where photographs name them."""
    since_s: float | None = None
    until_s: float | None = None
    """The part of each film, in seconds; all of it where None."""
    place: str = ""

    def __post_init__(self) -> None:
        """Refuse a part of the footage that is none.

        Raises:
            SettingsError: its ends are no times, or in the wrong order.
        """
        ends = [each for each in (self.since_s, self.until_s) if each is not None]
        if not all(math.isfinite(each) and each >= 0 for each in ends) or sorted(set(ends)) != ends:
            raise SettingsError(f"footage from {self.since_s} s to {self.until_s} s is no part of any")

    def told(self) -> dict[str, Any]:
        """The same as canonical JSON holds it, which has no fractions."""
        seconds = {"since_s": self.since_s, "until_s": self.until_s}
        return asdict(self) | {name: None if value is None else repr(value) for name, value in seconds.items()}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Scope:
        """A scope from that form."""
        seconds = {name: None if told[name] is None else float(told[name]) for name in ("since_s", "until_s")}
        subjects = {name: tuple(each) for name, each in told["subjects"].items()}
        return cls(**{**told, **seconds, "subjects": subjects})


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a case is opened."""

    until: str | None = None
    """When it ends, UTC; as late as may be where None."""
    urgent: bool = False
    justification: str = ""
    by: Passphrased | None = None
    """Who signs for it."""


PLAIN = Opening()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as it stands."""

    number: str
    authority: Authority
    scope: Scope
    opened: str
    """UTC, ISO 8601 to the second, as all times here."""
    until: str
    urgent: bool = False
    waits: bool = False
    """Whether it needs an approval."""
    justification: str = ""
    """Why somebody is looked for who is else not: a minor."""
    opened_by: str = ""
    """Pseudonym of the actor who signed the opening; empty where nobody had to."""
    approved_by: str = ""
    approved: str = ""
    closed: str = ""
    why: str = ""
    """Why it was closed: done, expired, not-approved, withdrawn."""
    deleted: int = 0
    """How many results were deleted, or are about to be."""
    told: int = 0
    """How many of them the log says."""
    ended: bool = False
    """Whether the log says that it was closed."""

    @property
    def is_approved(self) -> bool:
        """Whether it needs no approval, or has it."""
        return not self.waits or bool(self.approved_by)

    @property
    def urgent_until(self) -> str:
        """When an urgent case that nobody approved ends."""
        return plus(self.opened, timedelta(hours=URGENT_FILE_HOURS))

    def __bytes__(self) -> bytes:
        """The canonical form that is sealed."""
        return canonical(sealable({**asdict(self), "scope": self.scope.told()}))

    @classmethod
    def parse(cls, content: bytes) -> Case:
        """A case from that form."""
        fields = json.loads(content)
        about = fields["authority"]
        authority = Authority(Purpose(about["purpose"]), about["basis"], about["authorised_by"])
        return cls(**{**fields, "authority": authority, "scope": Scope.of(fields["scope"])})

    def is_due(self, now: str, schedule: Schedule, *, has_results: bool) -> bool:
        """Whether something of it is to be ended, deleted or told at a moment."""
        late = self.urgent and not self.is_approved
        if not self.closed:
            return now >= (min(self.urgent_until, self.until) if late else self.until)
        if not self.ended or self.told < self.deleted or now >= plus(self.closed, timedelta(days=schedule.payloads)):
            return True
        return has_results and (late or now >= plus(self.closed, timedelta(days=schedule.results)))

    def state(self, now: str) -> str:
        """One of: closed, expired, not approved, urgent, waits for approval, open."""
        if self.closed:
            return f"closed: {self.why}"
        if now >= self.until:
            return "expired"
        if self.is_approved:
            return "open"
        if not self.urgent:
            return "waits for approval"
        return f"urgent, not approved: ends {self.urgent_until}" if now < self.urgent_until else "not approved in time"


def check_at(case: Case, moment: str, authority: Authority, scope: Scope) -> None:
    """Return if something may be done at a moment in a case as it stands; raises as `check` does."""
    check_open(case, moment)
    if not case.is_approved and not case.urgent:
        number = case.number[:8]
        hint = f"an authoriser: `houselights case approve {number} --by NAME`; then the same again with --case {number}"
        raise PolicyError(f"case {number} waits for approval", rule="approval-needed", hint=hint)
    for what, wanted, fixed in (
        ("purpose", authority.purpose, case.authority.purpose),
        ("basis", authority.basis, case.authority.basis),
        ("authoriser", authority.authorised_by, case.authority.authorised_by),
        ("watchlist", scope.watchlist, case.scope.watchlist),
    ):
        if wanted != fixed:
            _out(case, f"its {what} is '{fixed}', not '{wanted}'")
    for sha256, name in scope.films.items():
        check_film(case, sha256, name)
    check_people(case, scope.subjects)
    _check_part(case, scope)


def check_film(case: Case, sha256: str, name: str) -> None:
    """Return if a film is one of a case's.

    Raises:
        PolicyError: it is not.
    """
    if sha256 not in case.scope.films:
        _out(case, f"the film '{name}' is not one of its films")


def check_people(case: Case, subjects: Mapping[str, tuple[str, ...]]) -> None:
    """Return if people, by name, with these photographs, by SHA-256, are those of a case.

    Raises:
        PolicyError: they are not.
    """
    for name, photographs in subjects.items():
        if not set(photographs) <= set(case.scope.subjects.get(name, ())):
            known = "has other photographs of" if name in case.scope.subjects else "does not name"
            _out(case, f"it {known} '{name}'")


def check_readable_at(case: Case, moment: str, *, leaves: bool) -> None:
    """Return if what a case found may be opened; `leaves` says that it leaves the screen, into a file or other hands.

    Raises:
        PolicyError: nobody approved it in time, or nobody has approved it yet and it would leave the screen.
    """
    if case.is_approved:
        return
    number = case.number[:8]
    if case.closed or moment >= case.urgent_until:
        raise PolicyError(f"case {number} was not approved in time", rule="case-expired", hint="open another")
    if leaves:
        stays(f"case {number}", f"an authoriser approves it: `houselights case approve {number} --by NAME`")


def stays(what: str, hint: str) -> NoReturn:
    """Refuse what would leave the screen."""
    msg = f"nobody approved {what} yet: what it finds is shown on the screen alone"
    raise PolicyError(msg, rule="approval-needed", hint=hint)


def plus(moment: str, span: timedelta) -> str:
    """A moment later, both as entries state them."""
    return (datetime.strptime(moment, TIME).replace(tzinfo=UTC) + span).strftime(TIME)


def _check_part(case: Case, scope: Scope) -> None:
    """Return if the part of the footage lies in the case's."""
    low, high = case.scope.since_s, case.scope.until_s
    if low is not None and (scope.since_s is None or scope.since_s < low):
        _out(case, f"its footage begins at {low:g} s")
    if high is not None and (scope.until_s is None or scope.until_s > high):
        _out(case, f"its footage ends at {high:g} s")


def _out(case: Case, why: str) -> None:
    hint = "a case does not change: open another one for this"
    raise PolicyError(f"this is not in case {case.number[:8]}: {why}", rule="case-scope", hint=hint)


def check_open(case: Case, moment: str) -> None:
    """Return if a case is not over at a moment.

    Raises:
        PolicyError: it is.
    """
    late = case.urgent and not case.is_approved and moment >= case.urgent_until
    if case.closed or moment >= case.until or late:
        state = case.state(moment)
        raise PolicyError(f"case {case.number[:8]} is over ({state})", rule="case-expired", hint="open another one")
