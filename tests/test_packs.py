"""Bans as text: each pack does what it says, deny wins in every order, and what is unknown is refused."""

import re
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from houselights import entry, packs, policy
from houselights.cli_policy import policy_app
from houselights.errors import PolicyError, SettingsError
from houselights.facts import KINDS, OPTIONAL, PLACE, WORDS, Facts, read_fact
from houselights.packs import Decision, Pack
from houselights.types import Authority, Purpose

ALL = packs.load()
HOUSE = ALL[packs.HOUSE]
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
TURNED_AWAY = replace(GAME, action="refuse-admission", category="dispute", approvals=2, over_21=True, on_time=True)


def ask(facts: Facts, *names: str) -> Decision:
    """Return what the house and these packs say."""
    return packs.decide([HOUSE, *(ALL[name] for name in names)], facts)


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


# each pack


@pytest.mark.parametrize("pack", ALL.values(), ids=lambda pack: pack.name)
def test_every_example_comes_out_as_it_says(pack: Pack) -> None:
    """Each pack's examples hold, with the house and the pack alone."""
    assert list(packs.failures([pack], HOUSE)) == []


@pytest.mark.parametrize("pack", ALL.values(), ids=lambda pack: pack.name)
def test_every_ban_has_an_example_that_it_refuses(pack: Pack) -> None:
    """No rule stands in a pack untried."""
    assert {rule.id for rule in pack.rules if not rule.permits} == {e.rule for e in pack.examples if e.rule}


@pytest.mark.parametrize("pack", OTHERS, ids=lambda pack: pack.name)
def test_each_pack_refuses_of_itself_what_its_examples_say(pack: Pack) -> None:
    """Of the uses that a pack refuses, one is allowed where the pack is off, so it is not the house that refuses."""
    assert any(packs.decide([HOUSE], example.facts).allowed for example in pack.examples if example.rule)


@pytest.mark.parametrize("pack", ALL.values(), ids=lambda pack: pack.name)
def test_what_nobody_read_in_full_is_said_to_be_unverified(pack: Pack) -> None:
    """A pack that rests on an excerpt says what has to be checked."""
    assert pack.unverified or all(source.seen == "read" for source in pack.sources)


def test_every_refusal_has_a_word_in_the_log() -> None:
    """What a rule is logged as is on the closed list of the log's entries."""
    assert all(entry.RULE(word) for word in packs.LOGGED)
    assert {rule.logged for pack in ALL.values() for rule in pack.rules if not rule.permits} <= set(packs.LOGGED)


def test_the_words_of_facts_are_those_of_the_log() -> None:
    """Recipients and purposes are the log's."""
    assert set(WORDS["recipient"]) == {*entry.RECIPIENT_WORDS, "unstated"}
    assert all(entry.PURPOSE(word) for word in WORDS["purpose"] if word != "unstated")


def test_only_the_house_permits() -> None:
    """There is one permit in all packs, and it has no conditions."""
    assert [(rule.pack, rule.id) for pack in ALL.values() for rule in pack.rules if rule.permits] == [
        ("house", "default")
    ]


# requirements


@given(authority=st.builds(Authority, st.sampled_from(Purpose), st.just("law") | st.just(""), st.just("A")),
       subjects=st.integers(0, 3), redacts=st.booleans())  # fmt: skip
def test_the_house_says_what_the_policy_says(authority: Authority, subjects: int, *, redacts: bool) -> None:
    """R13, R21: the pack and the checks in policy.py allow and refuse the same, under the same word."""
    asked = Facts(
        action="release" if redacts else "search",
        mode="redact" if redacts else "file",
        compares=not redacts or subjects > 0,
        date=TODAY,
        purpose=str(authority.purpose),
        answered_for=bool(authority.basis and authority.authorised_by),
        subjects=subjects,
    )
    decision = ask(asked)
    check = policy.check_release if redacts else policy.check_search
    if decision.allowed:
        check(authority, subjects)
        return
    with pytest.raises(PolicyError) as caught:
        check(authority, subjects)
    assert caught.value.rule in {reason.logged for reason in decision.reasons}


def test_a_sporting_event_in_new_york_is_refused_where_the_pack_is_on() -> None:
    """R15: sporting event, New York, live, S7135 on: refused, with rule and source; pack off: allowed."""
    decision = ask(GAME, "us-ny-s7135")
    assert not decision.allowed
    assert decision.rule == "us-ny-s7135/no-surveillance"
    assert "S7135" in decision.source
    assert "A6211" in decision.source
    assert "written consent" in decision.allowed_if
    with pytest.raises(
        PolicyError, match=r"without written consent\. \(rule us-ny-s7135/no-surveillance; source: "
    ) as e:
        packs.require(decision)
    assert e.value.rule == "banned"
    assert ask(GAME).allowed
    packs.require(ask(GAME))
    assert ask(replace(GAME, consent="written"), "us-ny-s7135").allowed


@pytest.mark.parametrize(("event", "pack"), [("sport", "us-ny-s2424"), ("concert", "us-ny-40b")])
@pytest.mark.parametrize("action", ["refuse-admission", "eject"])
@pytest.mark.parametrize("category", WORDS["category"])
def test_a_dispute_turns_no_ticket_holder_away(event: str, pack: str, action: str, category: str) -> None:
    """R16: the rule is on the action: no category but conduct leads to it, and the search itself is not refused."""
    decision = ask(replace(TURNED_AWAY, event=event, action=action, category=category), pack)
    assert decision.allowed == (category == "conduct")
    assert decision.allowed or (decision.rule, decision.reasons[0].logged) == (
        f"{pack}/ticket-holders",
        "action-banned",
    )
    assert ask(replace(GAME, event=event, category="dispute"), pack).allowed
    assert ask(replace(TURNED_AWAY, event=event, ticketed=False), pack).allowed
    assert ask(replace(TURNED_AWAY, event=event, over_21=False), pack).allowed


@settings(max_examples=1000, deadline=None)
@given(facts=st.sampled_from(["none", "release"]).flatmap(
    lambda action: some_facts(action=action, mode="redact", compares=False)), enabled=some_packs)  # fmt: skip
def test_hiding_everybody_is_allowed_under_every_ban(facts: Facts, enabled: Sequence[Pack]) -> None:
    """R17: a release in which nobody is compared is refused by no combination of packs, whatever else is known."""
    assert packs.decide([HOUSE, *enabled], facts).allowed


def test_a_minor_needs_a_reason_of_its_own() -> None:
    """R20: a minor is looked for with a recorded justification; where the pack asks, an unknown age is refused."""
    assert ask(replace(GAME, subject_minor=True)).rule == "house/minors"
    assert ask(replace(GAME, subject_minor=True, justified=True)).allowed
    example = next(example for example in ALL["uk-live"].examples if example.rule is None)
    decision = ask(replace(example.facts, subject_minor=None), "uk-live")
    assert (decision.rule, decision.reasons[0].undecided) == ("uk-live/under-18", True)


@pytest.mark.parametrize("facts", [GAME, replace(GAME, compares=False, action="none", mode="redact")])
def test_nothing_is_ever_sold(facts: Facts) -> None:
    """R23: no fact makes a sale allowed; an export names a class of recipients."""
    assert ask(replace(facts, action="sell", recipient="researcher", approvals=9)).rule == "house/no-sale"
    assert ask(replace(facts, action="export")).rule == "house/recipient"
    assert ask(replace(facts, action="export", recipient="oversight")).allowed


def test_a_door_without_a_confirmed_sign_is_not_screened() -> None:
    """R24: neither a sign that was denied nor one of which nothing is known is enough."""
    assert ask(replace(GAME, sign_confirmed=False)).rule == "house/sign"
    decision = ask(replace(GAME, sign_confirmed=None))
    assert (decision.rule, decision.reasons[0].undecided) == ("house/sign", True)
    assert ask(replace(GAME, sign_confirmed=None, mode="file")).allowed


# deny wins


@settings(max_examples=2000, deadline=None)
@given(facts=some_facts(), enabled=some_packs, random=st.randoms(use_true_random=True))
def test_a_pack_that_refuses_alone_refuses_in_every_order_and_company(
    facts: Facts, enabled: list[Pack], random: Random
) -> None:
    """R15: bans override permits in every order; more packs never turn a refusal into a permission."""
    alone = {pack.name: packs.decide([HOUSE, pack], facts) for pack in enabled}
    together = packs.decide([HOUSE, *enabled], facts)
    assert together.allowed == (packs.decide([HOUSE], facts).allowed and all(one.allowed for one in alone.values()))
    shuffled = random.sample([HOUSE, *enabled, *enabled], k=2 * len(enabled) + 1)
    assert packs.decide(shuffled, facts) == together
    fewer = packs.decide([HOUSE, *enabled[: len(enabled) // 2]], facts)
    assert fewer.allowed or not together.allowed
    refusing = {reason.rule for one in alone.values() for reason in one.reasons if not one.allowed}
    assert refusing <= {reason.rule for reason in together.reasons}


@settings(max_examples=300, deadline=None)
@given(facts=some_facts(), pack=st.sampled_from(list(ALL.values())), random=st.randoms(use_true_random=True))
def test_the_order_of_rules_in_a_file_decides_nothing(facts: Facts, pack: Pack, random: Random) -> None:
    """R15: the same rules in another order refuse and allow the same, for the same reasons."""
    order = random.sample(range(len(pack.rules)), k=len(pack.rules))
    texts = [text for _, text in packs._policies(pack.text)]
    turned = replace(
        pack,
        rules=tuple(pack.rules[place] for place in order),
        policies=cedarpy.PolicySet.from_str("\n".join(texts[place] for place in order)),
        sha256="0" * 64,
    )
    house = turned if pack is HOUSE else HOUSE
    before, after = packs.decide([HOUSE, pack], facts), packs.decide([house, turned], facts)
    assert before.allowed == after.allowed
    assert {reason.rule for reason in before.reasons} == {reason.rule for reason in after.reasons}


@settings(max_examples=1000, deadline=None)
@given(facts=some_facts(), enabled=some_packs, random=st.randoms(use_true_random=True))
def test_to_know_less_never_allows_more(facts: Facts, enabled: list[Pack], random: Random) -> None:
    """R15: of a use that is refused, forgetting a fact makes no allowed one, but for two that the house overlooks."""
    overlooked = {"subject_minor", "quality_ok"}
    known = sorted(n for n in OPTIONAL - overlooked if getattr(facts, n) is not None)
    lost = random.sample(known, k=random.randint(0, len(known)))
    less = replace(facts, **dict.fromkeys(lost))
    assert packs.decide([HOUSE, *enabled], facts).allowed or not packs.decide([HOUSE, *enabled], less).allowed


@settings(max_examples=1000, deadline=None)
@given(facts=some_facts(jurisdiction="other"), enabled=some_packs)
def test_a_pack_says_nothing_of_other_places(facts: Facts, enabled: list[Pack]) -> None:
    """R15: where it is stated that the place is outside a pack's jurisdiction, the pack neither refuses nor asks."""
    assert packs.decide([HOUSE, *enabled], facts).reasons == packs.decide([HOUSE], facts).reasons


def test_without_the_house_nothing_is_allowed() -> None:
    """No permit, no use; nor is there one from no packs at all."""
    for enabled in ([], OTHERS, [ALL["us-tx-cubi"]]):
        decision = packs.decide(enabled, replace(GAME, jurisdiction="US-CA"))
        assert not decision.allowed
        assert decision.reasons[-1].rule
        with pytest.raises(PolicyError):
            packs.require(decision)


# what is unknown


@pytest.mark.parametrize("fact", ["jurisdiction", "venue"])
def test_a_place_that_is_not_stated_is_refused(fact: str) -> None:
    """R15: a rule that needs an unknown fact of the place refuses, and says where to state it."""
    decision = ask(replace(GAME, **{fact: None}), "us-ny-s7135")
    assert not decision.allowed
    assert decision.rule == "us-ny-s7135/no-surveillance"
    assert f"say {fact} in houselights.toml" in decision.allowed_if
    with pytest.raises(PolicyError, match=f"the fact '{fact}' is not known") as caught:
        packs.require(decision)
    assert f"say {fact} in houselights.toml" in str(caught.value.hint)


def test_a_state_does_not_say_whether_it_is_the_city() -> None:
    """A place that may or may not be in the pack's jurisdiction is unknown; one that is elsewhere is not."""
    facts = replace(GAME, legal_duty=False)
    told = {where: ask(replace(facts, jurisdiction=where), "us-or-portland-34.10") for where in
            ("US", "US-OR", "US-OR-Portland", "US-OR-other", "US-NY", "other")}  # fmt: skip
    assert [where for where, decision in told.items() if decision.allowed] == ["US-OR-other", "US-NY", "other"]
    assert [where for where, decision in told.items() if decision.reasons[0].undecided] == ["US", "US-OR"]


@pytest.mark.parametrize(("fact", "value"), [("jurisdiction", 7), ("compares", "yes")])
def test_a_rule_that_fails_refuses(fact: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in evaluation refuses and names the policy; it never skips the rule."""
    context = packs._context(GAME, "US-NY") | {fact: value, "consent": "written"}
    monkeypatch.setattr(packs, "_context", lambda *_: context)
    decision = ask(replace(GAME, consent="written"), "us-ny-s7135")
    assert not decision.allowed
    assert any(r.undecided and r.rule == "us-ny-s7135/no-surveillance" for r in decision.reasons)
    assert "cannot be decided" in next(r.says for r in decision.reasons if r.undecided)


def test_a_question_that_cedar_cannot_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No decision is a refusal."""
    monkeypatch.setattr(packs, "_context", lambda *_: {"compares": 0.5})
    assert not ask(GAME).allowed


@pytest.mark.parametrize(("fact", "value"), [
    ("actor", "polcie"), ("jurisdiction", "US-NYC"), ("subjects", True), ("subjects", -1), ("answered_for", 1),
    ("purpose", None), ("date", "2026-11-22"), ("approvals", 2**60), ("compares", False),
])  # fmt: skip
def test_a_fact_off_the_closed_lists_is_no_fact(fact: str, value: Any) -> None:  # noqa: ANN401
    """A misspelt place is an error, not a place where no rule holds; a search that compares nobody is none."""
    with pytest.raises(SettingsError):
        replace(GAME, **{fact: value})


def test_a_pack_is_off_outside_its_dates_and_the_decision_says_so() -> None:
    """R15: the date of the decision counts."""
    no_sign = replace(GAME, mode="file", sign_confirmed=False)
    assert ask(no_sign, "us-nyc-22-1201").rule == "us-nyc-22-1201/sign"
    before = ask(replace(no_sign, date=date(2021, 7, 8)), "us-nyc-22-1201")
    assert before.allowed
    assert before.on == ("house",)
    assert before.off == ("us-nyc-22-1201 (from 2021-07-09)",)
    assert "  enabled and off on this day: us-nyc-22-1201 (from 2021-07-09)" in list(before.lines())
    until = replace(ALL["us-nyc-22-1201"], until=date(2022, 1, 1))
    assert packs.decide([HOUSE, until], no_sign).allowed


# loading

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


def test_a_pack_of_ones_own_is_read(tmp_path: Path) -> None:
    """A pack is its two files, and its number changes with either."""
    mine = packs.load(folder(tmp_path))["mine"]
    assert [(rule.id, rule.line, rule.source) for rule in mine.rules] == [("ban", 2, "a text; of 2026")]
    assert list(packs.failures([mine], HOUSE)) == []
    packs.load.cache_clear()
    assert packs.load(folder(tmp_path, about=ABOUT + "\n"))["mine"].sha256 != mine.sha256


@pytest.mark.parametrize(("old", "new", "said"), [
    ("resource)\n", "resource\n", "mine.cedar:2: this is no policy: unexpected"),
    ('contains("US-CA") };', 'contains("US-CA") }', "mine.cedar:2: this is no policy: unexpected end"),
    ("forbid", "permit", "mine.cedar:2: only the pack 'house' permits"),
    ('@says("No.")\n', "", "mine.cedar:2: the policy 'ban' has no @says"),
    ('@says("No.")', '@says("No.") @extra("x")', "mine.cedar:2: the policy 'ban' may not have @extra"),
    ('@says("No.")', '@says(" ")', "mine.cedar:2: the policy 'ban' says nothing as @says"),
    ('@id("ban")', '@id("Ban 1")', "@id cannot be 'Ban 1'"),
    ('@logged("banned")', '@logged("because")', "mine.cedar:2: @logged cannot be 'because'"),
    ("context.compares", "context.compare", "mine.cedar:2: attribute `compare` in context"),
    ("context.compares", "context.subjects", "mine.cedar:2: unexpected type"),
    ("context.compares", 'context.mode == "live "', "mine.cedar:2: 'live ' is no word for mode: expected one of: file"),
    ("context.compares", '["cafe"].contains(context.venue)', "mine.cedar:2: 'cafe' is no word for venue"),
    ("context.compares", "context has compares && context.compares", "mine.cedar:2: packs do not use 'has'"),
    ("context.compares", 'context.mode like "l*"', "mine.cedar:2: packs do not use 'like'"),
    ("(principal, action", '(principal, action == Action::"serach"', "mine.cedar:2: unrecognized action"),
    ("(principal,", '(principal == Operator::"me",', "mine.cedar:2: a policy names neither a principal"),
    ("(principal,", "(principal == ?principal,", "mine.cedar:2: "),
    ('"US-CA"', '"US-NY"', 'mine.cedar:2: the conditions do not say context.jurisdiction.contains("US-CA")'),
    (BAN, BAN + BAN, "mine.cedar:10: the id 'ban' stands at line 2 already"),
    (BAN, "// nothing\n", "mine.cedar: its policies cannot be told apart"),
])  # fmt: skip
def test_what_is_wrong_in_a_pack_is_named_with_its_line(old: str, new: str, said: str, tmp_path: Path) -> None:
    """R15: a pack with a fault is not loaded at all."""
    assert old in BAN
    with pytest.raises(SettingsError, match=re.escape(said)):
        packs.load(folder(tmp_path, BAN.replace(old, new)))


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


# houselights.toml


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(packs.CONFIG, raising=False)
    return tmp_path


NEW_YORK = """[policy]
packs = ["us-ny-s7135"]
[place]
actor = "venue"
venue = "public-accommodation"
event = "sport"
jurisdiction = "US-NY-NYC"
ticketed = true
"""


def test_without_settings_the_house_is_alone(here: Path) -> None:
    """Nothing is known of the place, and nothing but the house is asked."""
    setup = packs.setup()
    assert (setup.enabled, setup.place, setup.file) == ((HOUSE,), {}, None)
    asked = {"action": "search", "mode": "file", "compares": True, "purpose": "missing-person", "subjects": 1}
    assert setup.decide(**asked, answered_for=True).allowed
    assert not list(here.iterdir())


def test_settings_are_found_here_or_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of this folder holds, and the one that the variable names before it."""
    (here / "houselights.toml").write_text(NEW_YORK)
    setup = packs.setup()
    assert [pack.name for pack in setup.enabled] == ["house", "us-ny-s7135"]
    facts = {each.name: getattr(GAME, each.name) for each in fields(GAME) if each.name not in PLACE}
    assert setup.decide(**facts).rule == "us-ny-s7135/no-surveillance"
    (here / "other.toml").write_text("[policy]\npacks = []\n")
    monkeypatch.setenv(packs.CONFIG, str(here / "other.toml"))
    assert [pack.name for pack in packs.setup().enabled] == ["house"]
    monkeypatch.setenv(packs.CONFIG, str(here / "gone.toml"))
    with pytest.raises(SettingsError, match="cannot be read"):
        packs.setup()


@pytest.mark.parametrize(("old", "new", "said"), [
    ("packs", "pakcs", r"houselights.toml:2: \[policy\] has no key 'pakcs'\n\nhint: allowed are: packs"),
    ("[policy]", "[rules]", "houselights.toml:1: this file has no key 'rules'\n\nhint: allowed are: place, policy"),
    ("actor", "acter", r"houselights.toml:4: \[place\] has no key 'acter'\n\nhint: allowed are: actor, event"),
    ("us-ny-s7135", "us-ny", "there is no pack 'us-ny'\n\nhint: the packs are: house"),
    ('["us-ny-s7135"]', '"us-ny-s7135"', "has to be a list of names"),
    ("US-NY-NYC", "NYC", "the fact 'jurisdiction' cannot be 'NYC'"),
    ("= true", "= 1", "the fact 'ticketed' cannot be '1': expected true or false"),
    ("[place]", "[place", "houselights.toml: "),
    ("[policy]\n", "place = 3\n[policy]\n", "houselights.toml: "),
])  # fmt: skip
def test_settings_are_read_strictly(old: str, new: str, said: str, here: Path) -> None:
    """R15: an unknown key or a misspelt word is an error that names it and what is allowed, never a pack less."""
    assert old in NEW_YORK
    (here / "houselights.toml").write_text(NEW_YORK.replace(old, new, 1))
    with pytest.raises(SettingsError, match=said):
        packs.setup()


@pytest.mark.parametrize(("text", "read"), [
    ("consent=written", ("consent", "written")), ("sign_confirmed=yes", ("sign_confirmed", True)),
    ("subjects=7", ("subjects", 7)), ("date=2026-01-02", ("date", date(2026, 1, 2))),
])  # fmt: skip
def test_a_fact_is_read_from_words(text: str, read: tuple[str, object]) -> None:
    """NAME=VALUE."""
    assert read_fact(text) == read


@pytest.mark.parametrize("text", ["consent", "colour=red", "subjects=-1", "ticketed=1", "date=2026-02-31", "=x", ""])
def test_what_is_no_fact_is_refused(text: str) -> None:
    """A name that is not there, a value that does not fit."""
    with pytest.raises(SettingsError):
        read_fact(text)


# the commands


def said(*words: str, status: int = 0) -> str:
    """Return what `houselights policy` prints."""
    done = CliRunner().invoke(policy_app, words)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status
    return done.output


def test_the_list_says_what_is_on(here: Path) -> None:
    """Every pack is there with its status."""
    (here / "houselights.toml").write_text(NEW_YORK)
    lines = {line.split()[0]: line.split()[1:3] for line in said("list").splitlines() if line.split()[0] in ALL}
    assert lines.keys() == ALL.keys()
    assert lines["us-ny-s7135"] == ["on", "bill"]
    assert lines["us-ny-40b"] == ["off", "law"]


@pytest.mark.parametrize("pack", ALL.values(), ids=lambda pack: pack.name)
def test_a_pack_is_shown_with_its_sources(pack: Pack) -> None:
    """Text, sources and what is unverified stand beside each other."""
    shown = said("show", pack.name)
    assert pack.text in shown
    assert all(f"{source.title} [{source.seen}]" in shown for source in pack.sources)
    assert all(line in shown for line in (*pack.unverified, *pack.left_out))


def test_a_decision_is_explained(here: Path) -> None:
    """Rule, source and what would make it allowed are in the words."""
    (here / "houselights.toml").write_text(NEW_YORK)
    told = said("explain", "--mode", "live", "--purpose", "venue-exclusion", "--fact", "consent=none")
    assert told.startswith("refused\n")
    for words in ("us-ny-s7135/no-surveillance", "S7135/A7625", "it is allowed if everybody who is compared gave"):
        assert words in told
    assert said("explain", "--action", "release", "--mode", "redact", "--compares-nobody").startswith("allowed\n")
    assert "ticket-holders" in said(
        "explain", "--action", "eject", "--pack", "us-ny-s2424", "--fact", "category=dispute"
    )


def test_examples_run_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All hold; where one does not, its place is named and the exit status is 1."""
    assert "11 packs" in said("test")
    assert said("test", "house").startswith("1 packs")
    with pytest.raises(SettingsError, match="there is no pack 'nope'"):
        said("test", "nope")
    wrong = packs.load(folder(tmp_path, about=ABOUT.replace('"US-CA"\n[[', '"US-NV"\n[[')))
    monkeypatch.setattr(packs, "load", lambda: wrong)
    assert "mine.toml:14: one: allowed by house/default" in said("test", "mine", status=1)


def test_the_page_lists_every_pack() -> None:
    """docs/policy.md has a row for each pack, with its status, and names every fact of a place."""
    page = (Path(__file__).parent.parent / "docs" / "policy.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z0-9.-]+)` \| ([a-z ]+) \| ([A-Za-z-]+) \|", page, re.MULTILINE)
    assert rows == [(pack.name, pack.status, pack.jurisdiction) for pack in ALL.values()]
    assert all(f"`{name}`" in page for name in PLACE)
