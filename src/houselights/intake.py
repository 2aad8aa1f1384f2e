"""Intake: what a film may be used for is fixed when it is taken in, and cannot drift.

A film that was taken in for a purpose is searched, or released with people compared, for no other. A further purpose
needs two people with keys of their own, one who asks and another who approves, and a new entry; the old one stays. A
film that nobody took in is noted with the purpose of its first use, which fixes nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace

from houselights import actors, disclosure
from houselights.config import operator
from houselights.custody import canonical
from houselights.errors import PolicyError
from houselights.record import Record, Use
from houselights.types import Purpose


@dataclass(frozen=True, slots=True)
class Asked:
    """A further purpose that one person asked for."""

    use: str
    """Number of the use in which it was asked."""
    by: str
    """Pseudonym of who asked."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What is known of a film."""

    purposes: tuple[str, ...] = ()
    """What it may be used for; nothing is fixed where this is empty."""
    asked: dict[str, Asked] = field(default_factory=dict)
    """By purpose."""


def of(record: Record, sha256: str) -> Intake:
    """What a film was taken in for."""
    content = record.store.document("film", record.pseudonym("film", sha256))
    if content is None:
        return Intake()
    fields = json.loads(content)
    return Intake(tuple(fields["purposes"]), {what: Asked(**asked) for what, asked in fields["asked"].items()})


def check(record: Record, sha256: str, name: str, purpose: Purpose) -> None:
    """Return if a film may be used for a purpose.

    Raises:
        PolicyError: it was taken in for others.
    """
    fixed = of(record, sha256).purposes
    if fixed and purpose not in fixed:
        listed = " and ".join(f"'{each}'" for each in fixed)
        raise PolicyError(
            f"'{name}' was taken in for {listed}, and may not be used for '{purpose}'",
            rule="intake-purpose",
            hint="a further purpose needs two people: `houselights intake FOOTAGE --purpose P --by NAME`, once by each",
        )


def take_in(record: Record, sha256: str, name: str, purpose: Purpose) -> Intake:
    """Fix what a film may be used for.

    Raises:
        PolicyError: it was taken in for other purposes before.
    """
    with record.log.locked():
        known = of(record, sha256)
        if purpose in known.purposes:
            return known
        check(record, sha256, name, purpose)
        known = _keep(record, sha256, replace(known, purposes=(str(purpose),)))  # first: it only ever forbids more
        _state(record.use(), sha256, name, purpose)
    return known


def widen(record: Record, sha256: str, name: str, purpose: Purpose, by: actors.Passphrased) -> Intake:
    """Ask for a further purpose of a film, or approve what another person asked for; `by` is name and passphrase.

    Raises:
        PolicyError: the same person asked, or who signs has not the role for it.
        SettingsError: there is no such actor, or the passphrase is wrong.
    """
    with record.log.locked():
        known = of(record, sha256)
        if purpose in known.purposes:
            return known
        asked = known.asked.get(purpose)
        use = record.use(asked.use if asked else None)
        facts = {"purpose": str(purpose), "footage": disclosure.new_tag(record.label(sha256))}
        if asked is None:
            number = actors.signed(use, "purpose-asked", facts, by)
            wanted = {**known.asked, str(purpose): Asked(use.number, number)}
            return _keep(record, sha256, replace(known, asked=wanted))
        if actors.number(record, by[0]) == asked.by:
            hint = "somebody else has to approve it, with their own passphrase"
            raise PolicyError(f"'{by[0]}' asked for this purpose, and cannot approve it", rule="two-people", hint=hint)
        actors.signed(use, "purpose-approved", facts, by)
        _state(use, sha256, name, purpose)
        left = {what: each for what, each in known.asked.items() if what != purpose}
        return _keep(record, sha256, Intake((*known.purposes, str(purpose)), left))


def _state(use: Use, sha256: str, name: str, purpose: Purpose) -> None:
    facts = {"purpose": str(purpose), "footage": disclosure.new_tag(use.record.label(sha256)), "fixed": True}
    use.add("footage-taken-in", facts, {"name": name, "sha256": sha256, "operator": operator()})
    use.record.store.note_film(use.record.pseudonym("film", sha256))


def _keep(record: Record, sha256: str, intake: Intake) -> Intake:
    record.store.keep("film", record.pseudonym("film", sha256), canonical(asdict(intake)))
    return intake
