"""The commands about rules."""

from pathlib import Path

import pytest
from typer.testing import CliRunner
from uses import ABOUT, ALL, NEW_YORK, folder, state

from houselights import packs
from houselights.cli_policy import policy_app
from houselights.errors import SettingsError
from houselights.packs import Pack


def said(*words: str, status: int = 0) -> str:
    """Return what `houselights policy` prints."""
    done = CliRunner().invoke(policy_app, words)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == status
    return done.output


def test_the_list_says_what_is_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pack is there with its status."""
    state(NEW_YORK, tmp_path, monkeypatch)
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


def test_a_decision_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule, source and what would make it allowed are in the words."""
    state(NEW_YORK, tmp_path, monkeypatch)
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
