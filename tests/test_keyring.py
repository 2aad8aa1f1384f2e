"""The record's key in the system's keyring: made there, read there, and an error that helps where it cannot be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import config, custody
from houselights.config import Keyring
from houselights.errors import RecordError, SettingsError
from houselights.record import SECRET, Record

MISSING = "the extra is not installed: pip install 'houselights[keyring]'"
keyring = pytest.importorskip("keyring", reason=MISSING)
backend = pytest.importorskip("keyring.backend", reason=MISSING)
errors = pytest.importorskip("keyring.errors", reason=MISSING)
fail = pytest.importorskip("keyring.backends.fail", reason=MISSING)
null = pytest.importorskip("keyring.backends.null", reason=MISSING)


class InMemory(backend.KeyringBackend):  # type: ignore[misc]
    """A keyring that lives as long as a test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        """What is kept, while it is not locked."""
        if self.locked:
            raise errors.KeyringLocked("the collection is locked")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.entries[service, username] = password


@pytest.fixture(autouse=True)
def unlocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemory]:
    """A keyring of this test alone, which the settings name for a record of its own."""
    before, ours = keyring.get_keyring(), InMemory()
    keyring.set_keyring(ours)
    monkeypatch.setenv(config.RECORD, str(tmp_path / "record"))
    monkeypatch.setenv(config.KEY, "keyring:footage")
    yield ours
    keyring.set_keyring(before)


def test_a_new_record_makes_its_key_in_the_keyring(tmp_path: Path, unlocked: InMemory) -> None:
    """The entry holds 32 random bytes as hexadecimal digits, no file holds them, and the log goes on with them."""
    first = Record.here()
    assert unlocked.entries.keys() == {("houselights", "footage")}
    secret = bytes.fromhex(unlocked.entries["houselights", "footage"])
    assert len(secret) == SECRET
    assert not (tmp_path / "record" / "private" / "key").exists()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "record").rglob("*") if path.is_file())
    assert secret not in kept
    assert secret.hex().encode() not in kept
    again = Record.here()
    assert (first.is_new, again.is_new) == (True, False)
    assert again.key == first.key
    again.use().add("still-here", {})
    assert custody.verify(again.folder, again.key).faults == []
    assert bytes.fromhex(unlocked.entries["houselights", "footage"]) == secret, "read, not made anew"


def test_a_key_that_was_gone_and_is_back_continues_the_log(unlocked: InMemory) -> None:
    """A key that is gone, cut off, no key or another's is named, and nothing is begun anew beside the old log."""
    key = Record.here().key
    secret = unlocked.entries.pop(("houselights", "footage"))
    with pytest.raises(RecordError, match="'keyring:footage' is gone") as caught:
        Record.here()
    assert "restore it" in str(caught.value.hint)
    for wrong, said in ((secret[:10], "has 5 bytes"), ("a secret!", "is no key"), ("00" * 32, "is not whole")):
        unlocked.entries["houselights", "footage"] = wrong
        with pytest.raises(RecordError, match=said):
            Record.here()
    unlocked.entries["houselights", "footage"] = secret
    assert Record.here().key == key


def test_an_error_never_shows_what_the_entry_holds(unlocked: InMemory) -> None:
    """An entry that is no key may be somebody's password: neither the error nor its causes repeat it."""
    unlocked.entries["houselights", "footage"] = "hunter2 is the password"
    with pytest.raises(RecordError) as caught:
        Record.here()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_key_file_can_move_into_the_keyring(
    tmp_path: Path, unlocked: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes as hexadecimal digits, with a line break at the end or without, are the same key."""
    monkeypatch.delenv(config.KEY)
    key = Record.here().key
    file = tmp_path / "record" / "private" / "key"
    unlocked.entries["houselights", "footage"] = f"{file.read_bytes().hex()}\n"
    file.unlink()
    monkeypatch.setenv(config.KEY, "keyring:footage")
    assert Record.here().key == key


def test_two_names_are_two_keys(tmp_path: Path, unlocked: InMemory) -> None:
    """Each record may have an entry of its own; two records with one entry still have nothing in common."""
    one, two, three = (Record(tmp_path / at, Keyring(name)) for at, name in (("1", "a"), ("2", "b"), ("3", "a")))
    assert {name for _, name in unlocked.entries} == {"a", "b"}
    assert len({each.key.public for each in (one, two, three)}) == 3


def test_a_keyring_that_does_not_store_makes_no_record(tmp_path: Path) -> None:
    """There is no backend, or one that forgets: an error before anything of a log is written."""
    for bad, said in ((fail.Keyring(), "cannot be read: No recommended backend"), (null.Keyring(), "cannot be kept")):
        keyring.set_keyring(bad)
        with pytest.raises(RecordError, match=said) as caught:
            Record.here()
        assert config.KEY in str(caught.value.hint)
        assert not (tmp_path / "record" / "log").exists()


def test_a_backend_that_refuses_to_store_is_an_error(unlocked: InMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading works and writing does not, as in a keyring that is read-only."""

    def refuse(_service: str, _username: str, _password: str) -> None:
        raise errors.PasswordSetError("read-only")

    monkeypatch.setattr(unlocked, "set_password", refuse)
    with pytest.raises(RecordError, match="'keyring:footage' cannot be kept: read-only"):
        Record.here()


def test_a_locked_keyring_is_an_error(unlocked: InMemory) -> None:
    """Nothing is recorded, so nothing is shown, until it is unlocked."""
    Record.here()
    unlocked.locked = True
    with pytest.raises(RecordError, match="is locked") as caught:
        Record.here()
    assert "unlock" in str(caught.value.hint)
    unlocked.locked = False
    assert not Record.here().is_new


@pytest.mark.parametrize("wrong", ["nowhere.Keyring", "Keyring", "keyring.backends.fail.Nothing"])
def test_a_keyring_that_is_set_up_wrongly_is_an_error(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's own variable may name a backend that is not there."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", wrong)
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    with pytest.raises(RecordError, match="cannot be read"):
        Record.here()


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The extra is optional: the hint is the command."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(RecordError, match="needs the package keyring") as caught:
        Record.here()
    assert caught.value.hint == "pip install 'houselights[keyring]'"
    monkeypatch.setenv(config.KEY, str(tmp_path / "key"))
    assert Record.here().is_new, "a file needs no package"


@pytest.mark.parametrize("value", ["keyring:", "keyring: \t"])
def test_an_entry_needs_a_name(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`keyring:` alone is a mistake, and is told as one."""
    monkeypatch.setenv(config.KEY, value)
    with pytest.raises(SettingsError, match="expected keyring:NAME"):
        config.key_place()


@given(st.binary(min_size=SECRET, max_size=SECRET))
def test_every_key_comes_back_as_it_was(secret: bytes) -> None:
    """Zero bytes, too: what is kept is text."""
    entry = Keyring("any")
    entry.keep(secret)
    assert entry.read() == secret
