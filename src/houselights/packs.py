"""Packs: bans and conditions as text, asked before anything is compared and before anything follows from it.

A pack is two files in `policies/`: `NAME.cedar` with its rules, in the language Cedar, and `NAME.toml` with where they
come from, with examples, and with bounds for how long things are kept. The pack `house` is always on. Its permit is
the only one there is: every other rule of every pack refuses. So another pack can only take away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path

import cedarpy

from houselights.errors import SettingsError
from houselights.facts import KINDS, WORDS, Facts
from houselights.rules import EVERYWHERE, HOUSE, Rule, read_rules
from houselights.schedule import Bound, read_bounds
from houselights.table import Table, read_table, said_of

BUILT_IN = Path(__file__).parent / "policies"
STATUSES = ("law", "bill", "dead bill", "house rule", "guidance", "settlement", "order")
SEEN = ("read", "excerpt", "titles only", "unverified")
"""How much of a source was seen by who wrote the pack."""
ABOUT = {"title", "jurisdiction", "status", "from", "to", "sources", "unverified", "left_out", "retention", "given",
         "example"}  # fmt: skip
"""Keys of a pack's .toml file."""


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
    bounds: tuple[Bound, ...]
    """How long things may, and have to, be kept."""
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


def named(packs: Mapping[str, Pack], name: str) -> Pack:
    """A pack by name.

    Raises:
        SettingsError: there is none of that name.
    """
    if name not in packs:
        raise SettingsError(f"there is no pack '{name}'", hint=f"the packs are: {', '.join(packs)}")
    return packs[name]


def _read(folder: Path, name: str) -> Pack:
    text_file, about_file = folder / f"{name}.cedar", folder / f"{name}.toml"
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,39}", name):
        raise SettingsError(f"'{name}' cannot name a pack: expected small letters, digits, '-' and '.'")
    about = read_table(about_file, ABOUT)
    jurisdiction = about.one_of("jurisdiction", (EVERYWHERE, *WORDS["jurisdiction"]))
    try:
        content = text_file.read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError(f"'{text_file}' cannot be read ({fault})") from fault
    rules = read_rules(text_file, text, name, jurisdiction)
    since, until = (about.day(key) for key in ("from", "to"))
    if name == HOUSE and (since or until):
        raise SettingsError(f"{about_file}: the pack '{HOUSE}' is always on, and has no dates")
    return Pack(
        name=name,
        title=about.words("title"),
        jurisdiction=jurisdiction,
        status=about.one_of("status", STATUSES),
        since=since,
        until=until,
        sources=tuple(_sources(about)),
        unverified=about.sentences("unverified"),
        left_out=about.sentences("left_out"),
        bounds=tuple(read_bounds(about.under("retention"), name)),
        rules=rules,
        examples=tuple(_examples(about, rules)),
        text=text,
        sha256=sha256(sha256(content).digest() + sha256(about_file.read_bytes()).digest()).hexdigest(),
        policies=cedarpy.PolicySet.from_str(text),
    )


def _sources(about: Table) -> Iterator[Source]:
    told = about.values.get("sources", [])
    if not isinstance(told, list) or not told:
        raise SettingsError(f"{about.file}: a pack names its 'sources'")
    for each in told:
        source = about.inside(each, "a source")
        source.only({"title", "seen"})
        yield Source(source.words("title"), source.one_of("seen", SEEN))


def _examples(about: Table, rules: Iterable[Rule]) -> Iterator[Example]:
    told, given = about.values.get("example", []), about.under("given")
    given.only(KINDS)
    lines = [number for number, line in enumerate(about.text.splitlines(), 1) if line == "[[example]]"]
    if not isinstance(told, list) or len(lines) != len(told):
        raise SettingsError(f"{about.file}: examples are tables that begin with a line [[example]]")
    if sorted({str(each.get("expect")) for each in told}) != ["allow", "deny"]:
        raise SettingsError(f"{about.file}: a pack has an example that is allowed and one that is denied")
    forbidding = sorted(rule.id for rule in rules if not rule.permits)
    for line, each in zip(lines, told, strict=True):
        with said_of(about.file, line):
            yield _example(about.inside(each, "this example"), given, forbidding, line)


def _example(told: Table, given: Table, rules: list[str], line: int) -> Example:
    denied = told.values["expect"] == "deny"
    told.only({"says", "expect", "facts", *(["rule"] if denied else [])})
    rule = told.one_of("rule", rules) if denied else None
    facts = told.under("facts", "this example")
    facts.only(KINDS)
    stated = {**given.values, **facts.values}
    if missing := {"action", "mode", "compares", "date"} - stated.keys():
        raise SettingsError(f"an example states {', '.join(sorted(missing))}, here or under [given]")
    return Example(told.words("says"), Facts(**stated), rule, line)
