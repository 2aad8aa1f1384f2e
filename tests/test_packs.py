"""Packs: each does what it says, and what is wrong in one is named."""

import re
from pathlib import Path

import pytest
from uses import ABOUT, ALL, HOUSE, OTHERS, folder

from houselights import entry, packs
from houselights.decision import decide, failures
from houselights.errors import SettingsError
from houselights.facts import PLACE, WORDS
from houselights.packs import Pack


@pytest.mark.parametrize("pack", ALL.values(), ids=lambda pack: pack.name)
def test_every_example_comes_out_as_it_says(pack: Pack) -> None:
    """Each pack's examples hold, with the house and the pack alone."""
    assert list(failures([pack], HOUSE)) == []


@pytest.mark.parametrize("pack", ALL.values(), ids=lambda pack: pack.name)
def test_every_ban_has_an_example_that_it_refuses(pack: Pack) -> None:
    """No rule stands in a pack untried."""
    assert {rule.id for rule in pack.rules if not rule.permits} == {e.rule for e in pack.examples if e.rule}


@pytest.mark.parametrize("pack", OTHERS, ids=lambda pack: pack.name)
def test_each_pack_refuses_of_itself_what_its_examples_say(pack: Pack) -> None:
    """Of the uses that a pack refuses, one is allowed where the pack is off, so it is not the house that refuses."""
    assert any(decide([HOUSE], example.facts).allowed for example in pack.examples if example.rule)


@pytest.mark.parametrize("pack", ALL.values(), ids=lambda pack: pack.name)
def test_what_nobody_read_in_full_is_said_to_be_unverified(pack: Pack) -> None:
    """A pack that rests on an excerpt says what has to be checked."""
    assert pack.unverified or all(source.seen == "read" for source in pack.sources)


def test_the_words_of_facts_are_those_of_the_log() -> None:
    """Recipients and purposes are the log's."""
    assert set(WORDS["recipient"]) == {*entry.RECIPIENT_WORDS, "unstated"}
    assert all(entry.PURPOSE(word) for word in WORDS["purpose"] if word != "unstated")


def test_a_pack_of_ones_own_is_read(tmp_path: Path) -> None:
    """A pack is its two files, and its number changes with either."""
    mine = packs.load(folder(tmp_path))["mine"]
    assert [(rule.id, rule.line, rule.source) for rule in mine.rules] == [("ban", 2, "a text; of 2026")]
    assert list(failures([mine], HOUSE)) == []
    packs.load.cache_clear()
    assert packs.load(folder(tmp_path, about=ABOUT + "\n"))["mine"].sha256 != mine.sha256


@pytest.mark.parametrize(("old", "new", "said"), [
    ("status =", "statsu =", "mine.toml:3: this file has no key 'statsu'"),
    ('"law"', '"decree"', "mine.toml:3: 'status' cannot be 'decree'"),
    ('jurisdiction = "US-CA"\nst', 'jurisdiction = "CA"\nst', "mine.toml:2: 'jurisdiction' cannot be 'CA'"),
    ('"A ban"', "3", "mine.toml:1: 'title' has to be words"),
    ('seen = "read"', 'seen = "heard"', "'seen' cannot be 'heard'"),
    ('sources = [{ title = "a text", seen = "read" }]', "", "names its 'sources'"),
    ("compares = true", "compare = true", "mine.toml:9: [given] has no key 'compare'"),
    ("compares = true", 'compares = "yes"', "mine.toml:14: the fact 'compares' cannot be 'yes'"),
    ('mode = "file"\n', "", "mine.toml:13: an example states mode"),
    ('"deny"', '"no"', "has an example that is allowed and one that is denied"),
    ('rule = "ban"', 'rule = "bna"', "'rule' cannot be 'bna': expected one of: ban"),
    ('rule = "ban"\n', "", "'rule' has to be words"),
    ("compares = false }", "comapres = false }", "has no key 'comapres'"),
    ('title = "A ban"', 'title = "A ban"\nfrom = "soon"', "mine.toml:2: 'from' has to be a day"),
    ('title = "A ban"', 'title = "A ban"\nunverified = "all"', "mine.toml:2: 'unverified' has to be a list"),
    ("[given]", "[given", "mine.toml: "),
])  # fmt: skip
def test_what_is_wrong_beside_a_pack_is_named_with_its_line(old: str, new: str, said: str, tmp_path: Path) -> None:
    """R15: so is what is wrong in the file beside it."""
    assert old in ABOUT
    with pytest.raises(SettingsError, match=re.escape(said)):
        packs.load(folder(tmp_path, about=ABOUT.replace(old, new, 1)))


def test_a_pack_is_two_files_and_the_house_is_there(tmp_path: Path) -> None:
    """Half a pack, a name that the log cannot say, a folder without the house, and a house with dates are errors."""
    with pytest.raises(SettingsError, match="has no pack 'house'"):
        packs.load(tmp_path)
    (folder(tmp_path) / "mine.toml").unlink()
    with pytest.raises(SettingsError, match=r"mine\.toml' cannot be read"):
        packs.load(tmp_path)
    (tmp_path / "mine.cedar").rename(tmp_path / "Mine.cedar")
    with pytest.raises(SettingsError, match="'Mine' cannot name a pack"):
        packs.load(tmp_path)
    (tmp_path / "Mine.cedar").unlink()
    about = tmp_path / "house.toml"
    about.write_text("to = 2026-01-01\n" + about.read_text())
    with pytest.raises(SettingsError, match="is always on"):
        packs.load(tmp_path)


def test_the_page_lists_every_pack() -> None:
    """docs/policy.md has a row for each pack, with its status, and names every fact of a place."""
    page = (Path(__file__).parent.parent / "docs" / "policy.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z0-9.-]+)` \| ([a-z ]+) \| ([A-Za-z-]+) \|", page, re.MULTILINE)
    assert rows == [(pack.name, pack.status, pack.jurisdiction) for pack in ALL.values()]
    assert all(f"`{name}`" in page for name in PLACE)


def test_the_page_has_every_rule_beside_its_source() -> None:
    """R15, R27: docs/policy.md has a row for each rule and each bound, in the words of the packs."""
    page = (Path(__file__).parent.parent / "docs" / "policy.md").read_text("utf-8")
    rules = [rule for pack in ALL.values() for rule in pack.rules if not rule.permits]
    rows = re.findall(r"^\| `([a-z0-9./-]+)` \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert [row for row in rows if "/" in row[0]] == [
        (f"{rule.pack}/{rule.id}", rule.source, rule.says) for rule in rules
    ]
    bounds = [bound for pack in ALL.values() for bound in pack.bounds]
    told = re.findall(r"^\| `([a-z0-9.-]+)` \| `(\w+)` \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert told == [(bound.pack, bound.name, bound.words, bound.source) for bound in bounds]
