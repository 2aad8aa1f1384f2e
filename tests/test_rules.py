"""Rules: what may stand in a policy, and what is refused with its line."""

import re
from pathlib import Path

import pytest
from uses import ALL, BAN, folder

from houselights import entry, packs
from houselights.errors import SettingsError
from houselights.rules import LOGGED


def test_every_refusal_has_a_word_in_the_log() -> None:
    """What a rule is logged as is on the closed list of the log's entries."""
    assert all(entry.RULE(word) for word in LOGGED)
    assert {rule.logged for pack in ALL.values() for rule in pack.rules if not rule.permits} <= set(LOGGED)


def test_only_the_house_permits() -> None:
    """There is one permit in all packs, and it has no conditions."""
    assert [(rule.pack, rule.id) for pack in ALL.values() for rule in pack.rules if rule.permits] == [
        ("house", "default")
    ]


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
