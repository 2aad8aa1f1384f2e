"""Rules: policies in the language Cedar, as text that is checked when it is read.

A rule forbids, or is the one permit of the house. It says where it comes from, what it refuses, what would make that
allowed, and the word it stands under in the log. Packs use a small part of Cedar; reading refuses the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cedarpy

from houselights.errors import SettingsError
from houselights.facts import KINDS, WORDS
from houselights.table import said_of

HOUSE = "house"
"""The pack that is always on, and the only one that permits."""
EVERYWHERE = "everywhere"
"""The jurisdiction of a pack that holds in every place."""
LOGGED = (
    "closed-purposes", "basis-and-authoriser", "public-release-is-not-searched", "named-subjects-only",
    "purpose-allows-comparison", "two-people", "approval-needed", "watchlist-entry", "quality", "odds-cap", "banned",
    "action-banned",
)  # fmt: skip
"""Words of `entry.RULE` that a rule may stand under in the log."""
OPERATORS = {"&&", "||", "!", "==", "!=", "<", "<=", ">", ">=", "contains", "has", ".", "Var", "Value", "Set"}
"""All of Cedar that a pack may use."""
OF_PERMIT = {"id", "source", "says"}
OF_FORBID = {*OF_PERMIT, "allowed_if", "logged"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy of a pack."""

    pack: str
    id: str
    line: int
    """Where its text begins in the .cedar file."""
    permits: bool
    source: str
    says: str
    """What is refused and why; of the permit, what is allowed."""
    allowed_if: str
    logged: str
    """The word that a refusal stands under in the log."""


def read_rules(file: Path, text: str, pack: str, jurisdiction: str) -> tuple[Rule, ...]:
    """The policies of a file in their order, each checked.

    Raises:
        SettingsError: with file and line of what is wrong.
    """
    rules: list[Rule] = []
    for line, each in _policies(text):
        with said_of(file, line):
            rules.append(_rule(each, pack, jurisdiction, line))
    twice = sorted(rules, key=lambda rule: (rule.id, rule.line))
    for one, other in pairwise(twice):
        if one.id == other.id:
            raise SettingsError(f"{file}:{other.line}: the id '{one.id}' stands at line {one.line} already")
    if not rules or len(json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]) != len(rules):
        raise SettingsError(f"{file}: its policies cannot be told apart")
    return tuple(rules)


def _policies(text: str) -> Iterator[tuple[int, str]]:
    """Line and text of each policy: they end with a semicolon that is neither in a string nor in a comment."""
    start = 0
    ends = [found.end() for found in re.finditer(r'"(?:\\.|[^"\\])*"|//[^\n]*|;', text) if found[0] == ";"]
    for end in (*ends, len(text)):
        policy = text[start:end]
        begin = re.match(r"(?:\s+|//[^\n]*)*", policy)
        skipped = begin.end() if begin else 0
        if skipped < len(policy):
            yield text.count("\n", 0, start + skipped) + 1, policy
        start = end


def _rule(text: str, pack: str, jurisdiction: str, line: int) -> Rule:
    """One policy, if it is in the part of Cedar that packs are written in."""
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as fault:
        raise SettingsError(f"this is no policy: {fault}") from fault
    if len(parsed["staticPolicies"]) != 1:
        raise SettingsError("a policy has no slots: expected one permit or forbid")
    policy = next(iter(parsed["staticPolicies"].values()))
    permits = policy["effect"] == "permit"
    if permits and pack != HOUSE:
        raise SettingsError(f"only the pack '{HOUSE}' permits: another can only forbid")
    told = _annotations(policy.get("annotations", {}), OF_PERMIT if permits else OF_FORBID)
    if permits and policy["conditions"]:
        raise SettingsError("the permit has no conditions: what limits it is a forbid of its own")
    _check_scope(policy, text)
    if not permits:
        _check_conditions(policy["conditions"], pack, jurisdiction)
        if told["logged"] not in LOGGED:
            raise SettingsError(f"@logged cannot be '{told['logged']}': expected one of: {', '.join(LOGGED)}")
    return Rule(pack, told["id"], line, permits, told["source"], told["says"],
                told.get("allowed_if", ""), told.get("logged", ""))  # fmt: skip


def _annotations(told: Mapping[str, str | None], wanted: set[str]) -> dict[str, str]:
    if odd := sorted(told.keys() ^ wanted):
        word = "has no" if odd[0] in wanted else "may not have"
        raise SettingsError(f"the policy '{told.get('id')}' {word} @{odd[0]}: expected {', '.join(sorted(wanted))}")
    found = {name: (value or "").strip() for name, value in told.items()}
    if blank := sorted(name for name, value in found.items() if not value):
        raise SettingsError(f"the policy '{told.get('id')}' says nothing as @{blank[0]}")
    if not re.fullmatch("[a-z0-9-]+", found["id"]):
        raise SettingsError(f"@id cannot be '{found['id']}': expected small letters, digits and '-'")
    return found


def _check_scope(policy: Mapping[str, Any], text: str) -> None:
    if policy["principal"]["op"] != "All" or policy["resource"]["op"] != "All":
        raise SettingsError("a policy names neither a principal nor a resource: what it asks for is in its conditions")
    result = cedarpy.validate_policies(text, SCHEMA)
    if not result.validation_passed:
        raise SettingsError(re.sub(r"^for policy `policy0`, ", "", result.errors[0].error))


def _check_conditions(conditions: list[Any], pack: str, jurisdiction: str) -> None:
    """Return if conditions use what packs may use, in words of the closed lists, and name the pack's jurisdiction."""
    nodes = [node for condition in conditions for node in _nodes(condition["body"])]
    for operator, body in nodes:
        if operator not in OPERATORS or (operator == "has" and pack != HOUSE):
            raise SettingsError(f"packs do not use '{operator}'", hint=f"they use: {', '.join(sorted(OPERATORS))}")
        if isinstance(body, dict) and body.keys() == {"left", "right"}:
            _check_words(body["left"], body["right"])
            _check_words(body["right"], body["left"])
    inside = {"left": _fact("jurisdiction"), "right": {"Value": jurisdiction}}
    if jurisdiction != EVERYWHERE and ("contains", inside) not in nodes:
        raise SettingsError(f'the conditions do not say context.jurisdiction.contains("{jurisdiction}")')


def _check_words(fact: object, other: object) -> None:
    for name, words in WORDS.items():
        values = [value for operator, value in _nodes(other) if operator == "Value"] if fact == _fact(name) else []
        if unknown := [value for value in values if isinstance(value, str) and value not in words]:
            raise SettingsError(f"'{unknown[0]}' is no word for {name}: expected one of: {', '.join(words)}")


def _fact(name: str) -> dict[str, Any]:
    return {".": {"left": {"Var": "context"}, "attr": name}}


def _nodes(tree: object) -> Iterator[tuple[str, object]]:
    """Operators of a condition with what they are applied to."""
    for each in tree if isinstance(tree, list) else [tree]:
        if isinstance(each, dict):
            operands = {"left", "right", "arg", "attr"}
            for name, body in each.items():
                if name not in operands:
                    yield name, body
                yield from _nodes(body)


def _schema() -> str:
    """What policies are checked against when they are loaded: every fact, with its type."""
    types = {"word": "String", "flag": "Bool", "count": "Long"}
    told = {name: types[kind] for name, kind in KINDS.items() if name not in {"action", "date"}}
    told["jurisdiction"] = "Set<String>"
    context = ", ".join(f"{name}: {kind}" for name, kind in told.items())
    actions = ", ".join(f'"{action}"' for action in WORDS["action"])
    applies = f"{{principal: Operator, resource: Footage, context: {{{context}}}}}"
    return f"entity Operator; entity Footage; action {actions} appliesTo {applies};"


SCHEMA = cedarpy.Schema.from_str(_schema())
