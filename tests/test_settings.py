"""Settings: houselights.toml, read strictly."""

from dataclasses import fields
from pathlib import Path

import pytest
from uses import GAME, HOUSE, NEW_YORK

from houselights.errors import SettingsError
from houselights.facts import PLACE
from houselights.schedule import Schedule
from houselights.settings import CONFIG, setup


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(CONFIG, raising=False)
    return tmp_path


def test_without_settings_the_house_is_alone(here: Path) -> None:
    """Nothing is known of the place, and nothing but the house is asked."""
    found = setup()
    assert (found.enabled, found.place, found.file, found.schedule) == ((HOUSE,), {}, None, Schedule())
    asked = {"action": "search", "mode": "file", "compares": True, "purpose": "missing-person", "subjects": 1}
    assert found.decide(**asked, answered_for=True).allowed
    assert not list(here.iterdir())


def test_settings_are_found_here_or_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of this folder holds, and the one that the variable names before it."""
    (here / "houselights.toml").write_text(NEW_YORK)
    found = setup()
    assert [pack.name for pack in found.enabled] == ["house", "us-ny-s7135"]
    facts = {each.name: getattr(GAME, each.name) for each in fields(GAME) if each.name not in PLACE}
    assert found.decide(**facts).rule == "us-ny-s7135/no-surveillance"
    (here / "other.toml").write_text("[policy]\npacks = []\n")
    monkeypatch.setenv(CONFIG, str(here / "other.toml"))
    assert [pack.name for pack in setup().enabled] == ["house"]
    monkeypatch.setenv(CONFIG, str(here / "gone.toml"))
    with pytest.raises(SettingsError, match="cannot be read"):
        setup()


@pytest.mark.parametrize(("old", "new", "said"), [
    ("packs", "pakcs", r"houselights.toml:2: \[policy\] has no key 'pakcs'\n\nhint: allowed are: packs"),
    ("[policy]", "[rules]", "houselights.toml:1: this file has no key 'rules'\n\nhint: allowed are: place, pol"),
    ("actor", "acter", r"houselights.toml:4: \[place\] has no key 'acter'\n\nhint: allowed are: actor, event"),
    ("us-ny-s7135", "us-ny", "there is no pack 'us-ny'\n\nhint: the packs are: house"),
    ('["us-ny-s7135"]', '"us-ny-s7135"', "has to be a list of names"),
    ("US-NY-NYC", "NYC", "the fact 'jurisdiction' cannot be 'NYC'"),
    ("= true", "= 1", "the fact 'ticketed' cannot be '1': expected true or false"),
    ("[place]", "[place", "houselights.toml: "),
    ("[policy]\n", "place = 3\n[policy]\n", "houselights.toml: "),
    ("= true", "= " + "9" * 5000, "houselights.toml: "),
    ("= true", "= " + "[" * 200_000, "houselights.toml: tables or lists lie too deep"),
    ("= true", "= " + "{a = " * 200_000, "houselights.toml: tables or lists lie too deep"),
    ("[policy]", "[" * 200_000, "houselights.toml: "),
    ("= true", '= "\u2800"', "houselights.toml: "),
])  # fmt: skip
def test_settings_are_read_strictly(old: str, new: str, said: str, here: Path) -> None:
    """R15: an unknown key or a misspelt word is an error that names it and what is allowed, never a pack less."""
    assert old in NEW_YORK
    (here / "houselights.toml").write_text(NEW_YORK.replace(old, new, 1))
    with pytest.raises(SettingsError, match=said):
        setup()
