"""Decisions: deny wins in every order and company, and what is unknown is refused."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from random import Random

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uses import ALL, GAME, HOUSE, OTHERS, TODAY, TURNED_AWAY, ask, some_facts, some_packs

from houselights import decision as decision_module
from houselights import policy, rules
from houselights.decision import decide, require
from houselights.errors import PolicyError
from houselights.facts import OPTIONAL, WORDS, Facts
from houselights.packs import Pack
from houselights.types import Authority, Purpose


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
        require(decision)
    assert e.value.rule == "banned"
    assert ask(GAME).allowed
    require(ask(GAME))
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


@settings(max_examples=500, deadline=None)
@given(facts=st.sampled_from(["none", "release"]).flatmap(
    lambda action: some_facts(action=action, mode="redact", compares=False)), enabled=some_packs)  # fmt: skip
def test_hiding_everybody_is_allowed_under_every_ban(facts: Facts, enabled: Sequence[Pack]) -> None:
    """R17: a release in which nobody is compared is refused by no combination of packs, whatever else is known."""
    assert decide([HOUSE, *enabled], facts).allowed


def test_a_minor_needs_a_reason_of_its_own() -> None:
    """R20: a minor is looked for with a recorded justification; where the pack asks, an unknown age is refused."""
    assert ask(replace(GAME, subject_minor=True)).rule == "house/minors"
    assert ask(replace(GAME, subject_minor=True, justified=True)).allowed
    example = next(example for example in ALL["uk-live"].examples if example.rule is None)
    decision = ask(replace(example.facts, subject_minor=None), "uk-live")
    assert (decision.rule, decision.reasons[0].undecided) == ("uk-live/under-18", True)


@pytest.mark.parametrize("action", ["search", "release", "open-results", "stop"])
@pytest.mark.parametrize("purpose", ["crime-suspect", "subject-access", "evaluation"])
@pytest.mark.parametrize("probe", WORDS["probe"])
def test_nobody_is_looked_for_with_a_picture_that_is_none_of_them(probe: str, purpose: str, action: str) -> None:
    """R36: drawn, composed, generated, edited, somebody else's: refused; a generated one is for evaluation alone."""
    decision = ask(replace(GAME, probe=probe, purpose=purpose, action=action, approvals=2))
    plain = probe in {"original", "still", "scan"} or (probe, purpose) == ("generated", "evaluation")
    assert decision.allowed == plain
    refused = {(reason.rule, reason.logged) for reason in decision.reasons if not decision.allowed}
    assert refused == (set() if plain else {("house/probe-provenance", "quality")})
    nobody = replace(GAME, action="release", mode="redact", compares=False, probe=probe)
    assert ask(nobody).allowed


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


PERMIT = "permit (principal, action, resource);"
ALONE = {
    pack.name: [cedarpy.PolicySet.from_str(PERMIT + text) for _, text in rules._policies(pack.text)]
    for pack in ALL.values()
}
"""Every rule of every pack beside a permit."""


def stopped(pack: Pack, facts: Facts) -> set[str]:
    """Return the rules of a pack that stop a use, each asked alone, without the code that decides."""
    if not pack.covers(facts.date):
        return set()
    request = {
        "principal": {"type": "Operator", "id": "here"},
        "action": {"type": "Action", "id": facts.action},
        "resource": {"type": "Footage", "id": "here"},
        "context": decision_module._context(facts, pack.jurisdiction),
    }
    answers = [cedarpy.is_authorized(request, alone, decision_module.ENTITIES) for alone in ALONE[pack.name]]
    return {
        f"{pack.name}/{rule.id}"
        for rule, answer in zip(pack.rules, answers, strict=True)
        if answer.decision is not cedarpy.Decision.Allow or answer.diagnostics.errors
    }


@settings(max_examples=2000, deadline=None)
@given(facts=some_facts(), enabled=some_packs, random=st.randoms(use_true_random=True))
def test_what_one_rule_stops_is_stopped_in_every_order_and_company(
    facts: Facts, enabled: list[Pack], random: Random
) -> None:
    """R15: bans override permits in every order; more packs never turn a refusal into a permission."""
    together = decide([HOUSE, *enabled], facts)
    looked_at = random.choice([HOUSE, *enabled])
    stopping = stopped(looked_at, facts)
    refusing = {reason.rule for reason in together.reasons if not together.allowed}
    assert {rule for rule in refusing if rule.startswith(f"{looked_at.name}/")} == stopping
    shuffled = random.sample([HOUSE, *enabled, *enabled], k=2 * len(enabled) + 1)
    assert decide(shuffled, facts) == together
    fewer = decide([HOUSE, *random.sample(enabled, k=len(enabled) // 2)], facts)
    assert fewer.allowed or not together.allowed


@settings(max_examples=300, deadline=None)
@given(facts=some_facts(), pack=st.sampled_from(list(ALL.values())), random=st.randoms(use_true_random=True))
def test_the_order_of_rules_in_a_file_decides_nothing(facts: Facts, pack: Pack, random: Random) -> None:
    """R15: the same rules in another order refuse and allow the same, for the same reasons."""
    order = random.sample(range(len(pack.rules)), k=len(pack.rules))
    texts = [text for _, text in rules._policies(pack.text)]
    turned = replace(
        pack,
        rules=tuple(pack.rules[place] for place in order),
        policies=cedarpy.PolicySet.from_str("\n".join(texts[place] for place in order)),
        sha256="0" * 64,
    )
    house = turned if pack is HOUSE else HOUSE
    before, after = decide([HOUSE, pack], facts), decide([house, turned], facts)
    assert before.allowed == after.allowed
    assert {reason.rule for reason in before.reasons} == {reason.rule for reason in after.reasons}


@settings(max_examples=500, deadline=None)
@given(facts=some_facts(), enabled=some_packs, random=st.randoms(use_true_random=True))
def test_to_know_less_never_allows_more(facts: Facts, enabled: list[Pack], random: Random) -> None:
    """R15: of a use that is refused, forgetting a fact makes no allowed one, but for what the house overlooks."""
    overlooked = {"subject_minor", "quality_ok", "probe"}
    known = sorted(n for n in OPTIONAL - overlooked if getattr(facts, n) is not None)
    lost = random.sample(known, k=random.randint(0, len(known)))
    less = replace(facts, **dict.fromkeys(lost))
    assert decide([HOUSE, *enabled], facts).allowed or not decide([HOUSE, *enabled], less).allowed


@settings(max_examples=500, deadline=None)
@given(facts=some_facts(jurisdiction="other"), enabled=some_packs)
def test_a_pack_says_nothing_of_other_places(facts: Facts, enabled: list[Pack]) -> None:
    """R15: where it is stated that the place is outside a pack's jurisdiction, the pack neither refuses nor asks."""
    assert decide([HOUSE, *enabled], facts).reasons == decide([HOUSE], facts).reasons


def test_without_the_house_nothing_is_allowed() -> None:
    """No permit, no use; nor is there one from no packs at all."""
    for enabled in ([], OTHERS, [ALL["us-tx-cubi"]]):
        decision = decide(enabled, replace(GAME, jurisdiction="US-CA"))
        assert not decision.allowed
        assert decision.reasons[-1].rule
        with pytest.raises(PolicyError):
            require(decision)


# what is unknown


@pytest.mark.parametrize("fact", ["jurisdiction", "venue"])
def test_a_place_that_is_not_stated_is_refused(fact: str) -> None:
    """R15: a rule that needs an unknown fact of the place refuses, and says where to state it."""
    decision = ask(replace(GAME, **{fact: None}), "us-ny-s7135")
    assert not decision.allowed
    assert decision.rule == "us-ny-s7135/no-surveillance"
    assert f"say {fact} in houselights.toml" in decision.allowed_if
    with pytest.raises(PolicyError, match=f"the fact '{fact}' is not known") as caught:
        require(decision)
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
    context = decision_module._context(GAME, "US-NY") | {fact: value, "consent": "written"}
    monkeypatch.setattr(decision_module, "_context", lambda *_: context)
    decision = ask(replace(GAME, consent="written"), "us-ny-s7135")
    assert not decision.allowed
    assert any(r.undecided and r.rule == "us-ny-s7135/no-surveillance" for r in decision.reasons)
    assert "cannot be decided" in next(r.says for r in decision.reasons if r.undecided)


def test_a_question_that_cedar_cannot_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No decision is a refusal."""
    monkeypatch.setattr(decision_module, "_context", lambda *_: {"compares": 0.5})
    assert not ask(GAME).allowed


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
    assert decide([HOUSE, until], no_sign).allowed
