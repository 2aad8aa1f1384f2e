"""Decisions: what the packs that are on say of a use, with the rules that decided it.

A use is allowed if the house permits it and no pack that is on objects; a rule that cannot be decided, because a fact
is missing or for any other reason, objects too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

import cedarpy

from houselights.errors import PolicyError
from houselights.facts import CONFIG_NAME, PLACE, Facts
from houselights.packs import Pack
from houselights.rules import HOUSE, Rule

ENTITIES = cedarpy.Entities.from_json_str("[]")
"""None: all that is known of a use stands in its context."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What one rule says of a use."""

    rule: str
    """PACK/ID."""
    source: str
    says: str
    allowed_if: str
    logged: str
    undecided: bool = False
    """Whether the rule objects because it could not be decided."""

    @property
    def advice(self) -> str:
        """What to do next; empty for a permit."""
        return self.allowed_if if self.undecided or not self.allowed_if else f"it is allowed if {self.allowed_if}"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a use may be made, with the rules that decided it: those that refuse it, or the permit."""

    allowed: bool
    reasons: tuple[Reason, ...]
    on: tuple[str, ...]
    """Packs that were asked."""
    off: tuple[str, ...]
    """Packs that are enabled and were not asked, with their dates."""

    @property
    def rule(self) -> str:
        """The first deciding rule."""
        return self.reasons[0].rule

    @property
    def source(self) -> str:
        """Where the first deciding rule comes from."""
        return self.reasons[0].source

    @property
    def says(self) -> str:
        """What the first deciding rule says."""
        return self.reasons[0].says

    @property
    def allowed_if(self) -> str:
        """What would make it allowed, as far as the first deciding rule goes; empty where it is allowed."""
        return self.reasons[0].allowed_if

    def lines(self) -> Iterator[str]:
        """The decision in words."""
        yield "allowed" if self.allowed else "refused"
        for reason in self.reasons:
            yield f"  {reason.says}"
            yield f"    rule: {reason.rule}"
            yield f"    source: {reason.source}"
            if reason.advice:
                yield f"    {reason.advice}"
        yield f"  packs asked: {', '.join(self.on)}"
        for each in self.off:
            yield f"  enabled and off on this day: {each}"


def decide(enabled: Iterable[Pack], facts: Facts) -> Decision:
    """Whether a use may be made: the house permits it and nothing that is on objects, in whatever order it stands."""
    distinct = {(pack.name != HOUSE, pack.name, pack.sha256): pack for pack in enabled}
    packs = [distinct[key] for key in sorted(distinct)]
    on = [pack for pack in packs if pack.covers(facts.date)]
    off = tuple(f"{pack.name} ({pack.dates})" for pack in packs if not pack.covers(facts.date))
    found = [_ask(pack, facts) for pack in on]
    objections = sorted((reason for reasons, _ in found for reason in reasons), key=lambda reason: reason.undecided)
    permits = [reason for _, permits in found for reason in permits]
    if not objections and not permits:
        objections = [Reason(HOUSE, "the default", "nothing permits this use", "the pack 'house' is on", "banned")]
    return Decision(not objections, tuple(objections or permits), tuple(pack.name for pack in on), off)


def require(decision: Decision) -> None:
    """Return if the use is allowed.

    Raises:
        PolicyError: it is not, with the rule's words, name and source.
    """
    if not decision.allowed:
        reason = decision.reasons[0]
        msg = f"{reason.says} (rule {reason.rule}; source: {reason.source})"
        raise PolicyError(msg, rule=reason.logged, hint=reason.advice)


def _place(reason: Reason) -> tuple[str, str]:
    return reason.rule, reason.says


def _ask(pack: Pack, facts: Facts) -> tuple[list[Reason], list[Reason]]:
    """The objections and the permits of one pack."""
    request = {
        "principal": {"type": "Operator", "id": "here"},
        "action": {"type": "Action", "id": facts.action},
        "resource": {"type": "Footage", "id": "here"},
        "context": _context(facts, pack.jurisdiction),
    }
    answer = cedarpy.is_authorized(request, pack.policies, ENTITIES)
    rules = {f"policy{number}": rule for number, rule in enumerate(pack.rules)}
    decided = sorted((rules[number] for number in answer.diagnostics.reasons), key=lambda rule: rule.line)
    objections = [_reason(rule) for rule in decided if not rule.permits]
    objections += sorted((_undecided(pack, rules, fault) for fault in answer.diagnostics.errors), key=_place)
    if answer.decision is cedarpy.Decision.NoDecision and not objections:
        objections = [_undecided(pack, rules, "no decision")]
    return objections, [_reason(rule) for rule in decided if rule.permits and not objections]


def _context(facts: Facts, asked_in: str) -> dict[str, object]:
    """Facts as Cedar sees them: what is unknown is missing.

    A place is in all that it is part of. Where it may or may not be in the pack's own, that is unknown.
    """
    known = {each.name: getattr(facts, each.name) for each in fields(facts) if each.name not in {"action", "date"}}
    place = known.pop("jurisdiction")
    context = {name: value for name, value in known.items() if value is not None}
    if place is not None and not asked_in.startswith(f"{place}-"):
        parts = place.split("-")
        context["jurisdiction"] = ["-".join(parts[: length + 1]) for length in range(len(parts))]
    return context


def _reason(rule: Rule) -> Reason:
    return Reason(f"{rule.pack}/{rule.id}", rule.source, rule.says, rule.allowed_if, rule.logged)


def _undecided(pack: Pack, rules: Mapping[str, Rule], fault: str) -> Reason:
    """The objection of a rule that failed."""
    number = re.search(r"policy `(policy\d+)`", fault)
    rule = rules.get(number[1]) if number else None
    name = pack.name if rule is None else f"{pack.name}/{rule.id}"
    source = pack.title if rule is None else rule.source
    logged = "banned" if rule is None else rule.logged or "banned"
    missing = re.search(r"does not have the attribute `(\w+)`", fault)
    if missing is None:
        said = f"the rule cannot be decided: {fault}"
        return Reason(name, source, said, "correct the rule, or what it is asked with", logged, undecided=True)
    fact = missing[1]
    said = f"the rule cannot be decided: the fact '{fact}' is not known"
    where = f"say {fact} in {CONFIG_NAME}, under [place]" if fact in PLACE else f"say {fact} for this use"
    more = f": '{pack.jurisdiction}', or where else it is" if fact == "jurisdiction" else ""
    return Reason(name, source, said, f"{where}{more}", logged, undecided=True)


def failures(packs: Iterable[Pack], house: Pack) -> Iterator[str]:
    """What examples of packs do not come out as they say, each with its place."""
    for pack in packs:
        for example in pack.examples:
            decision = decide((house, pack), example.facts)
            wanted = f"{pack.name}/{example.rule}"
            decided = {reason.rule for reason in decision.reasons if not reason.undecided}
            if decision.allowed != (example.rule is None):
                said = f"{'allowed' if decision.allowed else 'refused'} by {decision.rule}"
            elif example.rule is not None and wanted not in decided:
                said = f"refused by {decision.rule}, expected {wanted}"
            else:
                continue
            yield f"{pack.name}.toml:{example.line}: {example.says}: {said}"
