"""The sealed store: what lies in it can be opened with its holder's key, and after an erasure by nobody."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights.custody import SIZE
from houselights.errors import RecordError
from houselights.store import Part, Store, pseudonym

KEY = bytes(range(32))


def store(folder: Path, key: bytes = KEY) -> Store:
    """Return the store in a folder."""
    return Store(folder / "store.db", key)


def part(holder: str, text: bytes) -> Part:
    """Return a part with a salt."""
    return Part(holder, os.urandom(32).hex().encode() + text)


def test_what_was_sealed_is_opened_in_order(tmp_path: Path) -> None:
    """All parts of a payload come back as they were, and again from a store that was opened anew."""
    parts = [part("use", b"basis"), part("ana", b"Ana Lima"), part("bo", b"Bo Berg")]
    store(tmp_path).seal("p1", parts)
    assert store(tmp_path).opened("p1") == tuple(each.content for each in parts)
    assert store(tmp_path).opened("p2") == ()


def test_parts_of_other_holders_come_as_their_hashes(tmp_path: Path) -> None:
    """Who opens the parts of one holder gets the others as 32 bytes, which is enough to check the whole."""
    parts = [part("use", b"basis"), part("ana", b"Ana Lima")]
    store(tmp_path).seal("p1", parts)
    opened = store(tmp_path).opened("p1", ["use"])
    assert opened == (parts[0].content, hashlib.sha256(parts[1].content).digest())
    assert all(len(each) == SIZE for each in store(tmp_path).opened("p1", []))


def test_erasing_destroys_the_key_and_no_byte_of_it_stays(tmp_path: Path) -> None:
    """R9: the wrapped key is in no page of the file, free ones included, nor in its journal; others open as before."""
    kept = store(tmp_path)
    for number in range(20):
        kept.seal(f"p{number}", [part("ana", b"Ana Lima"), part(f"other {number}", b"somebody else")])
    with sqlite3.connect(tmp_path / "store.db") as base:
        wrapped = base.execute("SELECT wrapped FROM keys WHERE holder = 'ana'").fetchone()[0]
    base.close()
    files = list(tmp_path.iterdir())
    assert any(wrapped in file.read_bytes() for file in files)
    assert kept.erase("ana") == 1
    assert kept.erase("ana") == 0
    assert not any(wrapped in file.read_bytes() for file in tmp_path.iterdir())
    for number in range(20):
        gone, there = kept.opened(f"p{number}")
        assert len(gone) == SIZE
        assert there.endswith(b"somebody else")


def test_a_new_key_opens_no_old_part(tmp_path: Path) -> None:
    """Somebody who comes back after an erasure gets a new key: what was sealed before stays closed."""
    kept = store(tmp_path)
    kept.seal("old", [part("ana", b"before")])
    kept.erase("ana")
    kept.seal("new", [part("ana", b"after")])
    assert len(kept.opened("old")[0]) == SIZE
    assert kept.opened("new")[0].endswith(b"after")


@given(st.binary(min_size=1, max_size=200))
def test_nothing_of_a_part_lies_in_the_open(tmp_path_factory: pytest.TempPathFactory, secret: bytes) -> None:
    """The file holds neither the content nor its second half."""
    folder = tmp_path_factory.mktemp("store")
    content = b"a sentence of some length about somebody: " + secret
    store(folder).seal("p", [part("use", content)])
    held = (folder / "store.db").read_bytes()
    assert content not in held
    assert content[:20] not in held


def test_another_key_or_an_altered_file_opens_nothing(tmp_path: Path) -> None:
    """A part that was moved to another payload, changed, or sealed by another store is an error, not a wrong answer."""
    kept = store(tmp_path)
    kept.seal("p1", [part("use", b"one")])
    kept.seal("p2", [part("use", b"two")])
    with pytest.raises(RecordError, match="another key sealed it"):
        store(tmp_path, bytes(32)).opened("p1")
    with sqlite3.connect(tmp_path / "store.db") as base:
        base.execute("UPDATE parts SET sealed = (SELECT sealed FROM parts WHERE payload = 'p2') WHERE payload = 'p1'")
    base.close()
    with pytest.raises(RecordError, match="altered"):
        kept.opened("p1")


def test_a_payload_is_sealed_whole_or_not_at_all(tmp_path: Path) -> None:
    """A part that cannot be kept takes the others of its payload with it, keys included."""
    kept = store(tmp_path)
    kept.seal("p1", [part("use", b"one")])
    with pytest.raises(RecordError, match="UNIQUE"):
        kept.seal("p1", [part("new holder", b"two")])
    assert len(kept.opened("p1")) == 1
    assert kept.erase("new holder") == 0


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    """The error says which file it is."""
    (tmp_path / "store.db").write_bytes(b"not a database" * 100)
    with pytest.raises(RecordError, match=r"store\.db"):
        store(tmp_path)


def _seal(folder: Path, number: int) -> None:
    kept = store(folder)
    for step in range(10):
        kept.seal(f"{number}-{step}", [part("shared", b"content"), part(str(number), b"own")])


def test_many_processes_seal_at_once(tmp_path: Path) -> None:
    """They wait for each other, and share the key of a holder that all of them meet first."""
    store(tmp_path)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_seal, args=(tmp_path, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    opened = [store(tmp_path).opened(f"{number}-{step}") for number in range(3) for step in range(10)]
    assert all(each[0].endswith(b"content") and each[1].endswith(b"own") for each in opened)


def test_films_are_noted_once(tmp_path: Path) -> None:
    """A film is new until it is noted, and noting it twice changes nothing."""
    kept = store(tmp_path)
    assert kept.first_time("ab")
    kept.note_film("ab")
    kept.note_film("ab")
    assert not kept.first_time("ab")
    assert kept.first_time("cd")


def test_pseudonyms_keep_kinds_and_keys_apart() -> None:
    """Another key, kind or name gives another pseudonym; kind and name cannot be shifted into each other."""
    one = pseudonym(KEY, "subject", "ana")
    assert len(one) == 32
    assert one == pseudonym(KEY, "subject", "ana")
    others = {
        pseudonym(bytes(32), "subject", "ana"), pseudonym(KEY, "actor", "ana"), pseudonym(KEY, "subject", "bo"),
        pseudonym(KEY, "subjecta", "na"),
    }  # fmt: skip
    assert len(others | {one}) == 5
