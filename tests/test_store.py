"""The sealed store: what lies in it can be opened with its holder's key, and after an erasure by nobody."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sqlite3
from contextlib import closing
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


def query(folder: Path, text: str, *values: object) -> list[tuple[bytes, ...]]:
    """Return what stands in the file itself."""
    with closing(sqlite3.connect(folder / "store.db")) as base, base:
        return base.execute(text, values).fetchall()


def share(folder: Path, contents: list[bytes]) -> float:
    """Return the share of some bytes that is in any file of the folder, in pieces: long ones lie torn over pages."""
    pieces = [each[at : at + 16] for each in contents for at in range(0, len(each) - 15, 16)]
    files = [file.read_bytes() for file in folder.iterdir() if file.is_file()]
    return sum(any(piece in file for file in files) for piece in pieces) / len(pieces)


def tree(folder: Path) -> Store:
    """Return a store with three levels: the store's key wraps a list's, and the list's wraps those of its entries."""
    kept = store(folder)
    kept.keep("list", "a", b"list a")
    kept.keep("list", "b", b"list b")
    for number, under in (("1", "list a"), ("2", "list a"), ("3", "list b")):
        kept.keep("entry", number, f"entry {number} ".encode() * 500, under=under)
    return kept


def test_a_key_under_a_key_opens_what_it_sealed(tmp_path: Path) -> None:
    """Documents under three levels of keys come back, singly, by kind and by holder; a newer one takes its place."""
    tree(tmp_path)
    kept = store(tmp_path)
    assert kept.document("entry", "1") == b"entry 1 " * 500
    assert list(kept.documents("entry")) == ["1", "2", "3"]
    assert list(kept.documents("entry", "entry 2")) == ["2"]
    assert kept.documents("entry", "nobody") == {}
    assert kept.document("entry", "4") is None
    kept.keep("entry", "1", b"newer", under="list a")
    assert kept.documents("entry", "entry 1") == {"1": b"newer"}
    assert kept.keep("entry", "5", b"beside it", holder="entry 1") is None
    assert kept.documents("entry", "entry 1") == {"1": b"newer", "5": b"beside it"}


def test_an_entrys_key_is_wrapped_by_its_lists_key_alone(tmp_path: Path) -> None:
    """A wrapped key that is put under another list, or under the store's own key, opens nothing."""
    kept = tree(tmp_path)
    for under in ("(SELECT id FROM keys WHERE holder = 'list b')", "NULL"):
        query(tmp_path, f"UPDATE keys SET under = {under} WHERE holder = 'entry 1'")  # noqa: S608
        with pytest.raises(RecordError, match="altered"):
            kept.document("entry", "1")


def test_no_key_is_made_under_one_that_is_not_there(tmp_path: Path) -> None:
    """The error names the holder, and nothing is kept."""
    kept = tree(tmp_path)
    with pytest.raises(RecordError, match="no key of 'list c'"):
        kept.keep("entry", "4", b"lost", under="list c")
    assert kept.document("entry", "4") is None
    assert len(query(tmp_path, "SELECT id FROM keys")) == 5


def test_destroying_a_key_destroys_all_that_is_under_it(tmp_path: Path) -> None:
    """R26, R29: sealed documents and wrapped keys of the list are in no byte of the file; the other list is whole."""
    kept = tree(tmp_path)
    mine = "'entry 1', 'entry 2', 'list a'"
    gone = [*query(tmp_path, f"SELECT sealed FROM documents WHERE kind || ' ' || id IN ({mine})")]  # noqa: S608
    gone += query(tmp_path, f"SELECT wrapped FROM keys WHERE holder IN ({mine})")  # noqa: S608
    contents = [content for (content,) in gone]
    assert len(contents) == 6
    assert share(tmp_path, contents) > 0.9
    assert kept.destroy("list a") == 3
    assert kept.destroy("list a") == 0
    assert share(tmp_path, contents) == 0
    assert kept.documents("list") == {"b": b"list b"}
    assert list(kept.documents("entry")) == ["3"]
    assert query(tmp_path, "SELECT holder FROM keys ORDER BY id") == [("list b",), ("entry 3",)]


def test_destroying_an_entry_leaves_its_list(tmp_path: Path) -> None:
    """What is above a key and beside it stays; the same entry, kept again, gets a new key."""
    kept = tree(tmp_path)
    before = query(tmp_path, "SELECT wrapped FROM keys WHERE holder = 'entry 1'")
    assert kept.destroy("entry 1") == 1
    assert list(kept.documents("entry")) == ["2", "3"]
    kept.keep("entry", "1", b"again", under="list a")
    assert kept.document("entry", "1") == b"again"
    assert query(tmp_path, "SELECT wrapped FROM keys WHERE holder = 'entry 1'") != before
    assert kept.destroy("list a") == 3


def test_a_document_is_dropped_and_its_key_stays(tmp_path: Path) -> None:
    """What shares the key can be opened as before; the dropped one is in no byte of the file."""
    kept = tree(tmp_path)
    kept.keep("picture", "1", b"a picture " * 500, holder="entry 1")
    sealed = [content for (content,) in query(tmp_path, "SELECT sealed FROM documents WHERE kind = 'picture'")]
    assert share(tmp_path, sealed) > 0.9
    assert kept.drop("picture", "1")
    assert not kept.drop("picture", "1")
    assert share(tmp_path, sealed) == 0
    assert kept.document("entry", "1") == b"entry 1 " * 500


def test_erasing_a_holder_of_documents_is_refused_and_destroying_is_not(tmp_path: Path) -> None:
    """`erase` is for payloads: it leaves the keys of documents, and what lies under them."""
    kept = tree(tmp_path)
    assert kept.erase("list a") == kept.erase("entry 1") == 0
    assert len(kept.documents("entry")) == 3


def test_payloads_are_found_by_holder(tmp_path: Path) -> None:
    """Of somebody who was erased there are none."""
    kept = store(tmp_path)
    kept.seal("p2", [part("ana", b"x"), part("bo", b"x")])
    kept.seal("p1", [part("ana", b"x"), part("ana", b"y")])
    assert kept.payloads("ana") == ["p1", "p2"]
    assert kept.payloads("bo") == ["p2"]
    kept.erase("ana")
    assert kept.payloads("ana") == []


EARLIER = """
CREATE TABLE keys (id INTEGER PRIMARY KEY AUTOINCREMENT, holder TEXT UNIQUE NOT NULL, wrapped BLOB NOT NULL);
CREATE TABLE parts (
    payload TEXT NOT NULL, place INTEGER NOT NULL, key INTEGER NOT NULL, hash BLOB NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (payload, place)
) WITHOUT ROWID;
CREATE TABLE films (film TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE documents (
    kind TEXT NOT NULL, id TEXT NOT NULL, key INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
"""


def earlier(folder: Path) -> None:
    """Lay a store as an earlier version made it, with one part and one document, into a folder."""
    (folder / "now").mkdir()
    now = store(folder / "now")
    now.seal("p", [part("use", b"basis")])
    now.keep("actor", "1", b"an actor " * 500)
    with closing(sqlite3.connect(folder / "store.db")) as base, base:
        base.executescript(EARLIER)
        for name, columns in (("keys", "id, holder, wrapped"), ("parts", "*"), ("documents", "*")):
            rows = query(folder / "now", f"SELECT {columns} FROM {name}")  # noqa: S608
            places = ", ".join("?" * len(rows[0]))
            base.executemany(f"INSERT INTO {name} VALUES ({places})", rows)  # noqa: S608


def test_a_store_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """What it holds is opened, twice over, and keys can lie under keys in it from now on."""
    earlier(tmp_path)
    for _ in range(2):
        kept = store(tmp_path)
        assert kept.opened("p")[0].endswith(b"basis")
        assert kept.document("actor", "1") == b"an actor " * 500
    kept.keep("list", "a", b"list a")
    kept.keep("entry", "1", b"entry 1", under="list a")
    assert kept.document("entry", "1") == b"entry 1"


def test_what_is_destroyed_in_a_store_of_an_earlier_version_is_gone_too(tmp_path: Path) -> None:
    """R26: no sealed document stays behind its key, neither one that was there nor one that was kept since."""
    earlier(tmp_path)
    kept = store(tmp_path)
    kept.keep("list", "a", b"list a " * 500)
    kept.keep("entry", "1", b"entry 1 " * 500, under="list a")
    contents = [content for (content,) in query(tmp_path, "SELECT sealed FROM documents")]
    (tmp_path / "now" / "store.db").unlink()
    assert share(tmp_path, contents) > 0.9
    assert kept.destroy("list a") == 2
    assert kept.destroy("actor 1") == 1
    assert share(tmp_path, contents) == 0
