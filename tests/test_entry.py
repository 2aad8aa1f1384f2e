"""Entries: closed words and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import types
from houselights.custody import CustodyError, canonical
from houselights.entry import KINDS, PRIVATE, PURPOSE, RULE, SAID, Entry, check_private
from houselights.policy import RELEASES

TIME = "2026-11-22T16:03:04Z"
REFUSED = Entry("refused", TIME, "ab" * 16, "cd" * 16, {"what": "search", "rule": "named-subjects-only"})


def test_an_entry_is_read_as_it_was_written() -> None:
    """Its bytes are canonical JSON, and give the same entry again."""
    entry = replace(REFUSED, after="12" * 32, payload="34" * 32)
    assert Entry.parse(bytes(entry)) == entry
    assert canonical(json.loads(bytes(entry))) == bytes(entry)
    assert b"after" not in bytes(REFUSED)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "gossip"), ("time", "2026-11-22 16:03:04"), ("time", "2026-11-22T16:03:04+01:00"), ("use", "ab"),
        ("actor", "Ada Doe"), ("after", "AB" * 32), ("payload", "x"), ("facts", {}),
        ("facts", {"what": "search", "rule": "because Ada said so"}),
        ("facts", {"what": "search", "rule": "banned", "note": "Ada"}), ("time", f"{TIME}\n"),
    ],
)  # fmt: skip
def test_what_is_not_on_the_list_is_refused(field: str, value: object) -> None:
    """Kinds, facts and words beyond the list, free text, other forms of time and numbers: each names its field."""
    with pytest.raises(CustodyError):
        replace(REFUSED, **{field: value})


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{}", b'{"v":1}', b'{"v":2}', b"\xff", bytes(REFUSED) + b" ",
        bytes(REFUSED).replace(b'"v":1', b'"v":true'), bytes(REFUSED).replace(b'"facts":{', b'"facts":[{').replace(
            b'},"kind"', b'}],"kind"'), canonical({**json.loads(bytes(REFUSED)), "name": "Ada"}),
        canonical({**json.loads(bytes(REFUSED)), "facts": None}), canonical({**json.loads(bytes(REFUSED)), "kind": 7}),
    ],
)  # fmt: skip
def test_what_is_no_entry_is_refused(content: bytes) -> None:
    """Other JSON, other versions, other spacing, other fields: an error of the log, and no other."""
    with pytest.raises(CustodyError):
        Entry.parse(content)


NAMES = st.sampled_from(["v", "kind", "time", "use", "actor", "facts", "after", "payload", "rule"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)


@given(JSON)
def test_no_json_at_all_raises_anything_else(document: Any) -> None:  # noqa: ANN401 - any JSON
    """Whatever stands in a bundle is an entry or an error of the log."""
    try:
        Entry.parse(canonical(document))
    except CustodyError:
        pass
    else:
        raise AssertionError


def test_counts_are_whole_numbers_that_json_can_hold() -> None:
    """No fraction, no negative number, no truth value, nothing beyond 2 to the 53."""
    for wrong in (-1, 1.5, True, 2**53, "7", None):
        with pytest.raises(CustodyError, match="'findings'"):
            Entry("release-blocked", TIME, "ab" * 16, "cd" * 16, {"findings": wrong})
    assert Entry("release-blocked", TIME, "ab" * 16, "cd" * 16, {"findings": 2**53 - 1})


def test_the_words_of_the_log_are_those_of_the_program() -> None:
    """Every purpose can be recorded; every kind that needs a sealed part or has words of its own is a kind."""
    assert all(PURPOSE(str(purpose)) for purpose in types.Purpose)
    assert all(PURPOSE(str(purpose)) for purpose in RELEASES)
    assert RULE("closed-purposes")
    assert not PURPOSE("unstated")
    assert PRIVATE.keys() <= KINDS.keys()
    assert SAID.keys() <= KINDS.keys()


def test_words_for_people_use_no_word_that_promises() -> None:
    """R34: no entry is shown with 'match' or 'identified'."""
    assert not any(word in text for text in SAID.values() for word in ("match", "identif", "suspect"))
    assert REFUSED.said == "refused (search) by the rule named-subjects-only"


def test_a_sealed_part_has_what_its_kind_needs() -> None:
    """R11: an export without recipient or reason is none."""
    check_private("exported", {"recipient": "A", "reason": "B", "operator": "C"})
    check_private("still-here", {})
    for missing in ("recipient", "reason", "operator"):
        part = {name: "x" for name in ("recipient", "reason", "operator") if name != missing}
        with pytest.raises(CustodyError, match=missing):
            check_private("exported", part)
