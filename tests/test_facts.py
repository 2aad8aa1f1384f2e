"""Facts: words from closed lists, and nothing else."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from uses import GAME

from houselights.errors import SettingsError
from houselights.facts import read_fact


@pytest.mark.parametrize(("fact", "value"), [
    ("actor", "polcie"), ("jurisdiction", "US-NYC"), ("subjects", True), ("subjects", -1), ("answered_for", 1),
    ("purpose", None), ("date", "2026-11-22"), ("approvals", 2**60), ("compares", False),
])  # fmt: skip
def test_a_fact_off_the_closed_lists_is_no_fact(fact: str, value: Any) -> None:  # noqa: ANN401
    """A misspelt place is an error, not a place where no rule holds; a search that compares nobody is none."""
    with pytest.raises(SettingsError):
        replace(GAME, **{fact: value})


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
