"""Packs: bans and conditions as text, asked before anything is compared and before anything follows from it.

A pack is two files in `policies/`: `NAME.cedar` with its rules, in the language Cedar, and `NAME.toml` with where they
come from and with examples. The pack `house` is always on. Its permit is the only one there is: every other rule of
every pack refuses. A use is allowed if the house permits it and no pack that is on objects; a rule that cannot be
decided, because a fact is missing or for any other reason, objects too. So another pack can only take away.

`houselights.toml` says which packs are on, and what is known of the place:

    [policy]
    packs = ["us-ny-s7135", "us-ny-40b"]

    [place]
    actor = "venue"
    jurisdiction = "US-NY-NYC"
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import cedarpy

from houselights.errors import PolicyError, SettingsError
from houselights.facts import KINDS, PLACE, WORDS, Facts, Value, check_fact

BUILT_IN = Path(__file__).parent / "policies"
CONFIG = "HOUSELIGHTS_CONFIG"
CONFIG_NAME = "houselights.toml"
HOUSE = "house"
EVERYWHERE = "everywhere"
STATUSES = ("law", "bill", "dead bill", "house rule", "guidance", "settlement", "order")
SEEN = ("read", "excerpt", "titles only", "unverified")
"""How much of a source was seen by who wrote the pack."""
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


@dataclass(frozen=True, slots=True)
class Example:
    """A use and what the pack has to say of it."""

    says: str
    facts: Facts
    rule: str | None
    """The rule that refuses it; None where it is allowed."""
    line: int


@dataclass(frozen=True, slots=True)
class Source:
    """A text that rules rest on."""

    title: str
    seen: str


@dataclass(frozen=True, slots=True)
class Pack:
    """Rules of one source or family of sources, with their text."""

    name: str
    title: str
    jurisdiction: str
    status: str
    since: date | None
    until: date | None
    sources: tuple[Source, ...]
    unverified: tuple[str, ...]
    left_out: tuple[str, ...]
    """What the source asks for and no rule here does."""
    rules: tuple[Rule, ...]
    examples: tuple[Example, ...]
    text: str
    sha256: str
    """Of both files."""
    policies: cedarpy.PolicySet = field(repr=False, compare=False)

    def covers(self, day: date) -> bool:
        """Whether the pack is in force on a day."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)

    @property
    def dates(self) -> str:
        """From when to when it is on, in words; without dates it is on whenever it is enabled."""
        return (
            " ".join(f"{word} {day}" for word, day in (("from", self.since), ("to", self.until)) if day) or "no dates"
        )


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


@dataclass(frozen=True, slots=True)
class Setup:
    """What `houselights.toml` says: the packs that are on, the house among them, and what is known of the place."""

    enabled: tuple[Pack, ...]
    place: Mapping[str, str | bool]
    file: Path | None

    def decide(self, **stated: Value) -> Decision:
        """Whether a use may be made here, by the fields of Facts; the date is today's (UTC) unless stated."""
        facts: dict[str, Any] = {"date": datetime.now(UTC).date(), **self.place, **stated}
        return decide(self.enabled, Facts(**facts))


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
    answer = cedarpy.is_authorized(request, pack.policies, "[]")
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


# houselights.toml


def setup(packs: Mapping[str, Pack] | None = None) -> Setup:
    """What the settings of this folder say: the house alone where there are none.

    Raises:
        SettingsError: the file cannot be read, or says what it may not.
    """
    known = load() if packs is None else packs
    file = _config_file()
    if file is None:
        return Setup((known[HOUSE],), {}, None)
    told = _read_toml(file, {"policy", "place"})
    for name, table in told.items():
        _only(file, table, {"packs"} if name == "policy" else set(PLACE), f"[{name}]")
    names = told.get("policy", {}).get("packs", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingsError(f"{file}: 'packs' in [policy] has to be a list of names")
    place = told.get("place", {})
    with _said_of(file):
        enabled = tuple(named(known, name) for name in dict.fromkeys([HOUSE, *names]))
        for name, value in place.items():
            check_fact(name, value)
    return Setup(enabled, place, file)


def _config_file() -> Path | None:
    """The file of settings: the one that the variable names, else the one in this folder."""
    if named := os.environ.get(CONFIG, ""):
        return Path(named).expanduser()
    here = Path(CONFIG_NAME)
    return here if here.exists() else None


@contextmanager
def _said_of(file: Path, line: int | None = None) -> Iterator[None]:
    """Every SettingsError says where."""
    try:
        yield
    except SettingsError as fault:
        if fault.message.startswith(str(file)):
            raise
        where = file if line is None else f"{file}:{line}"
        raise SettingsError(f"{where}: {fault.message}", hint=fault.hint) from fault


def _read_toml(file: Path, allowed: set[str]) -> dict[str, Any]:
    try:
        told = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError(f"'{file}' cannot be read ({fault})", hint=f"correct it, or unset {CONFIG}") from fault
    except tomllib.TOMLDecodeError as fault:
        raise SettingsError(f"{file}: {fault}") from fault
    _only(file, told, allowed, "this file")
    return told


def _only(file: Path, table: object, allowed: set[str], where: str) -> None:
    """Return if a table has no other keys than these."""
    if not isinstance(table, dict):
        raise SettingsError(f"{file}: {where} has to be a table")
    for key in table:
        if key not in allowed:
            place = f"{file}:{_line_of(file.read_text('utf-8'), key)}"
            msg = f"{place}: {where} has no key '{key}'"
            raise SettingsError(msg, hint=f"allowed are: {', '.join(sorted(allowed))}")


def _line_of(text: str, key: str) -> int:
    """The line on which a key of TOML stands."""
    name = re.escape(key)
    found = re.search(rf"^[ \t]*(\[+[ \t]*)?[\"']?{name}\b|[{{,][ \t]*{name}[ \t]*=", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1


# packs from files


@cache
def load(folder: Path = BUILT_IN) -> Mapping[str, Pack]:
    """All packs of a folder by name, the house first, each checked.

    Raises:
        SettingsError: with file and line of what is wrong.
    """
    names = {file.stem for file in folder.iterdir() if file.suffix in {".toml", ".cedar"}}
    if HOUSE not in names:
        raise SettingsError(f"'{folder}' has no pack '{HOUSE}'")
    return {name: _read(folder, name) for name in sorted(names, key=lambda name: (name != HOUSE, name))}


def _read(folder: Path, name: str) -> Pack:
    text_file, about_file = folder / f"{name}.cedar", folder / f"{name}.toml"
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,39}", name):
        raise SettingsError(f"'{name}' cannot name a pack: expected small letters, digits, '-' and '.'")
    about = _read_toml(about_file, ABOUT)
    jurisdiction = _one(about_file, about, "jurisdiction", (EVERYWHERE, *WORDS["jurisdiction"]))
    try:
        content = text_file.read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError(f"'{text_file}' cannot be read ({fault})") from fault
    rules = _rules(text_file, text, name, jurisdiction)
    since, until = (_day(about_file, about, key) for key in ("from", "to"))
    if name == HOUSE and (since or until):
        raise SettingsError(f"{about_file}: the pack '{HOUSE}' is always on, and has no dates")
    return Pack(
        name=name,
        title=_text(about_file, about, "title"),
        jurisdiction=jurisdiction,
        status=_one(about_file, about, "status", STATUSES),
        since=since,
        until=until,
        sources=tuple(_sources(about_file, about)),
        unverified=_texts(about_file, about, "unverified"),
        left_out=_texts(about_file, about, "left_out"),
        rules=rules,
        examples=tuple(_examples(about_file, about, rules)),
        text=text,
        sha256=sha256(sha256(content).digest() + sha256(about_file.read_bytes()).digest()).hexdigest(),
        policies=cedarpy.PolicySet.from_str(text),
    )


ABOUT = {"title", "jurisdiction", "status", "from", "to", "sources", "unverified", "left_out", "given", "example"}
"""Keys of a pack's .toml file."""


def _text(file: Path, table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise SettingsError(f"{file}:{_line_of(file.read_text('utf-8'), key)}: '{key}' has to be words")
    return value


def _one(file: Path, table: Mapping[str, Any], key: str, words: Iterable[str]) -> str:
    value = _text(file, table, key)
    if value not in words:
        where = f"{file}:{_line_of(file.read_text('utf-8'), key)}"
        raise SettingsError(f"{where}: '{key}' cannot be '{value}': expected one of: {', '.join(words)}")
    return value


def _texts(file: Path, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise SettingsError(f"{file}:{_line_of(file.read_text('utf-8'), key)}: '{key}' has to be a list of sentences")
    return tuple(values)


def _day(file: Path, table: Mapping[str, Any], key: str) -> date | None:
    value = table.get(key)
    if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
        raise SettingsError(f"{file}:{_line_of(file.read_text('utf-8'), key)}: '{key}' has to be a day, YYYY-MM-DD")
    return value


def _sources(file: Path, about: Mapping[str, Any]) -> Iterator[Source]:
    told = about.get("sources", [])
    if not isinstance(told, list) or not told:
        raise SettingsError(f"{file}: a pack names its 'sources'")
    for each in told:
        _only(file, each, {"title", "seen"}, "a source")
        yield Source(_text(file, each, "title"), _one(file, each, "seen", SEEN))


def _examples(file: Path, about: Mapping[str, Any], rules: Iterable[Rule]) -> Iterator[Example]:
    told, given = about.get("example", []), about.get("given", {})
    _only(file, given, set(KINDS), "[given]")
    lines = [number for number, line in enumerate(file.read_text("utf-8").splitlines(), 1) if line == "[[example]]"]
    if not isinstance(told, list) or len(lines) != len(told):
        raise SettingsError(f"{file}: examples are tables that begin with a line [[example]]")
    if sorted({str(each.get("expect")) for each in told}) != ["allow", "deny"]:
        raise SettingsError(f"{file}: a pack has an example that is allowed and one that is denied")
    forbidding = {rule.id for rule in rules if not rule.permits}
    for line, each in zip(lines, told, strict=True):
        with _said_of(file, line):
            yield _example(file, each, given, forbidding, line)


def _example(file: Path, told: Mapping[str, Any], given: Mapping[str, Any], rules: set[str], line: int) -> Example:
    denied = told["expect"] == "deny"
    _only(file, told, {"says", "expect", "facts", *(["rule"] if denied else [])}, "this example")
    if denied:
        _one(file, told, "rule", sorted(rules))
    facts = told.get("facts", {})
    _only(file, facts, set(KINDS), "this example")
    stated = {**given, **facts}
    if missing := {"action", "mode", "compares", "date"} - stated.keys():
        raise SettingsError(f"an example states {', '.join(sorted(missing))}, here or under [given]")
    return Example(_text(file, told, "says"), Facts(**stated), told.get("rule"), line)


# rules from Cedar


def _rules(file: Path, text: str, pack: str, jurisdiction: str) -> tuple[Rule, ...]:
    """The policies of a file in their order, each checked."""
    rules: list[Rule] = []
    for line, each in _policies(text):
        with _said_of(file, line):
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


def named(packs: Mapping[str, Pack], name: str) -> Pack:
    """A pack by name.

    Raises:
        SettingsError: there is none of that name.
    """
    if name not in packs:
        raise SettingsError(f"there is no pack '{name}'", hint=f"the packs are: {', '.join(packs)}")
    return packs[name]


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
