"""Packs, and uses that several tests ask them about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from houselights import packs
from houselights.decision import Decision, decide
from houselights.facts import KINDS, OPTIONAL, WORDS, Facts
from houselights.rules import HOUSE as HOUSE_NAME
from houselights.settings import CONFIG

ALL = packs.load()
HOUSE = ALL[HOUSE_NAME]
OTHERS = [pack for pack in ALL.values() if pack is not HOUSE]
TODAY = date(2026, 11, 22)
GAME = Facts(
    action="search",
    mode="live",
    compares=True,
    date=TODAY,
    purpose="venue-exclusion",
    answered_for=True,
    subjects=40,
    category="conduct",
    sign_confirmed=True,
    consent="none",
    actor="venue",
    venue="public-accommodation",
    event="sport",
    jurisdiction="US-NY-NYC",
    ticketed=True,
)
"""A venue in New York screens its doors at a game."""
NEW_YORK = """[policy]
packs = ["us-ny-s7135"]
[place]
actor = "venue"
venue = "public-accommodation"
event = "sport"
jurisdiction = "US-NY-NYC"
ticketed = true
"""
TURNED_AWAY = replace(GAME, action="refuse-admission", category="dispute", approvals=2, over_21=True, on_time=True)


def ask(facts: Facts, *names: str) -> Decision:
    """Return what the house and these packs say."""
    return decide([HOUSE, *(ALL[name] for name in names)], facts)


def value(name: str, random: Random) -> object:
    """Return something that a fact can be."""
    kinds: dict[str, Sequence[object]] = {
        "word": WORDS.get(name, ()),
        "flag": (False, True),
        "count": (0, 1, 2, 3, 1000, 1001, 2000, 2001),
        "date": (date(2020, 1, 1), date(2025, 2, 1), TODAY),
    }
    return None if name in OPTIONAL and random.random() < 0.2 else random.choice(kinds[KINDS[name]])


def some_facts(**fixed: Any) -> st.SearchStrategy[Facts]:  # noqa: ANN401 - the fields of Facts
    """Any facts, most of them near an example of a pack, so that every rule is met often."""
    examples = [example.facts for pack in ALL.values() for example in pack.examples]

    def facts(random: Random) -> Facts:
        near = random.choice(examples)
        drawn = {name: getattr(near, name) for name in KINDS}
        names = random.sample(list(KINDS), k=random.choice([1, 2, 4, 8, len(KINDS)]))
        drawn |= {name: value(name, random) for name in names} | fixed
        return Facts(**(drawn | {"compares": drawn["compares"] or drawn["action"] == "search"}))

    return st.randoms(use_true_random=True).map(facts)


some_packs = st.lists(st.sampled_from(OTHERS), unique_by=lambda pack: pack.name)


BAN = """// a comment; with a semicolon
@id("ban")
@source("a text; of 2026")
@says("No.")
@allowed_if("never")
@logged("banned")
forbid (principal, action, resource)
when { context.compares && context.jurisdiction.contains("US-CA") };
"""
ABOUT = """title = "A ban"
jurisdiction = "US-CA"
status = "law"
sources = [{ title = "a text", seen = "read" }]
[given]
date = 2026-11-22
action = "none"
mode = "file"
compares = true
purpose = "evaluation"
answered_for = true
subjects = 1
jurisdiction = "US-CA"
[[example]]
says = "one"
expect = "deny"
rule = "ban"
[[example]]
says = "two"
expect = "allow"
facts = { compares = false }
"""


def folder(tmp_path: Path, ban: str = BAN, about: str = ABOUT) -> Path:
    """Return a folder with the house and one more pack."""
    for suffix in (".cedar", ".toml"):
        (tmp_path / f"house{suffix}").write_text((packs.BUILT_IN / f"house{suffix}").read_text())
    (tmp_path / "mine.cedar").write_text(ban)
    (tmp_path / "mine.toml").write_text(about)
    return tmp_path


def state(text: str, where: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this text the settings, and return their file."""
    path = where / "houselights.toml"
    path.write_text(text)
    monkeypatch.setenv(CONFIG, str(path))
    return path
