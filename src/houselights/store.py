"""Store: what must not stand in the log. Every part lies sealed (AES-256-GCM) under the key of its holder.

A holder is one subject, one use or one thing that is kept. Each has a random key of its own, which lies wrapped by the
store's key, or by the key of another holder that it belongs to. Erasing a holder destroys that key: nobody can open the
parts any more, and the log, which has only hashes of them, stays whole.
SQLite overwrites what is deleted (`secure_delete`); what a disk keeps of overwritten blocks is beyond a program.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from houselights.errors import RecordError

NONCE = 12  # bytes, as AES-GCM wants them
SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, holder TEXT UNIQUE NOT NULL, wrapped BLOB NOT NULL,
    under INTEGER REFERENCES keys (id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS parts (
    payload TEXT NOT NULL, place INTEGER NOT NULL, key INTEGER NOT NULL, hash BLOB NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (payload, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS films (film TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, id TEXT NOT NULL, key INTEGER NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    sealed BLOB NOT NULL, PRIMARY KEY (kind, id)
) WITHOUT ROWID;
"""
UNDER = "ALTER TABLE keys ADD COLUMN under INTEGER REFERENCES keys (id) ON DELETE CASCADE"
"""What stores of earlier versions lack."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a payload, and whose it is."""

    holder: str
    """Pseudonym of a subject, or number of a use."""
    content: bytes
    """Begins with a salt, so that its hash can stand in the open."""


class Store:
    """Sealed parts in one SQLite file."""

    def __init__(self, path: Path, key: bytes) -> None:
        """The store in a file, with the 32 bytes that wrap every key in it."""
        self._path, self._key = path, AESGCM(key)
        path.touch(0o600)
        with self._open() as base:
            base.executescript(SCHEMA)
            if "under" not in {column[1] for column in base.execute("PRAGMA table_info(keys)")}:
                base.execute(UNDER)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """One transaction: on the disk at a clean end, gone at any other.

        Raises RecordError where the file cannot be read or written, or what it holds was altered.
        """
        try:
            with closing(sqlite3.connect(self._path, timeout=60)) as base:
                base.execute("PRAGMA secure_delete = ON")
                base.execute("PRAGMA foreign_keys = ON")
                base.execute("PRAGMA journal_mode = TRUNCATE")
                base.execute("PRAGMA synchronous = EXTRA")
                with base:
                    yield base
        except sqlite3.Error as fault:
            raise RecordError(
                f"the store '{self._path}' cannot be used: {fault}", hint="is there room on the disk?"
            ) from fault
        except InvalidTag as fault:
            raise RecordError(f"the store '{self._path}' was altered, or another key sealed it") from fault

    def seal(self, payload: str, parts: Sequence[Part]) -> None:
        """Keep the parts of a payload; on the disk when this returns.

        Raises:
            RecordError: they cannot be written.
        """
        with self._open() as base:
            keys = {holder: self._own_key(base, holder) for holder in {part.holder for part in parts}}
            rows = []
            for place, part in enumerate(parts):
                number, key = keys[part.holder]
                rows.append((payload, place, number, _hash(part.content), _sealed(key, part.content, payload)))
            base.executemany("INSERT INTO parts VALUES (?, ?, ?, ?, ?)", rows)

    def opened(self, payload: str, holders: Sequence[str] | None = None) -> tuple[bytes, ...]:
        """The parts of a payload, in order; of those that were erased, or are of no such holder, the 32-byte hash.

        Raises:
            RecordError: the store cannot be read, or what it holds was altered.
        """
        with self._open() as base:
            rows = base.execute(
                "SELECT keys.id, holder, hash, sealed FROM parts LEFT JOIN keys ON keys.id = parts.key"
                " WHERE payload = ? ORDER BY place", (payload,),
            ).fetchall()  # fmt: skip
            return tuple(
                hashed
                if number is None or (holders is not None and holder not in holders)
                else _opened(self._key_of(base, number), sealed, payload)
                for number, holder, hashed, sealed in rows
            )

    def payloads(self, holder: str) -> list[str]:
        """The payloads that have a part of a holder's; none of one who was erased."""
        query = "SELECT DISTINCT payload FROM parts JOIN keys ON keys.id = parts.key WHERE holder = ? ORDER BY payload"
        with self._open() as base:
            return [payload for (payload,) in base.execute(query, (holder,))]

    def erase(self, holder: str) -> int:
        """Destroy a holder's key and what it sealed, but for the hashes: how many keys that were, 0 or 1.

        Raises:
            RecordError: it cannot be destroyed.
        """
        with self._open() as base:
            free = "id NOT IN (SELECT key FROM documents)"  # documents are no payloads: nobody erases an actor
            found = base.execute(f"SELECT id FROM keys WHERE holder = ? AND {free}", (holder,)).fetchone()  # noqa: S608
            if found is None:
                return 0
            base.execute("UPDATE parts SET key = -1, sealed = x'' WHERE key = ?", found)
            return base.execute("DELETE FROM keys WHERE id = ?", found).rowcount

    def fade(self, payloads: Sequence[str]) -> int:
        """Destroy what is sealed of payloads and leave its hashes, so that proofs hold; how many payloads that were.

        Raises:
            RecordError: it cannot be destroyed.
        """
        empty = "UPDATE parts SET key = -1, sealed = x'' WHERE payload = ? AND key > 0"
        with self._open() as base:
            return sum(base.execute(empty, (payload,)).rowcount > 0 for payload in payloads)

    def keep(self, kind: str, number: str, content: bytes, holder: str | None = None, under: str | None = None) -> None:
        """Keep a document under its pseudonym, in place of an older one; on the disk when this returns.

        Its key is its own, or that of a `holder`. A key that is made now is wrapped by that of the holder `under`.

        Raises:
            RecordError: it cannot be written, or there is no holder `under`.
        """
        place = f"{kind} {number}"
        with self._open() as base:
            key_number, key = self._own_key(base, holder or place, under)
            row = (kind, number, key_number, _sealed(key, content, place))
            base.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", row)

    def document(self, kind: str, number: str) -> bytes | None:
        """A document that was kept; None where there is none.

        Raises:
            RecordError: the store cannot be read, or what it holds was altered.
        """
        return self._documents(kind, number, None).get(number)

    def documents(self, kind: str, holder: str | None = None) -> dict[str, bytes]:
        """All documents of a kind, or those under one holder's key, by pseudonym; raises as `document` does."""
        return self._documents(kind, None, holder)

    def _documents(self, kind: str, number: str | None, holder: str | None) -> dict[str, bytes]:
        query = (
            "SELECT documents.id, keys.id, sealed FROM documents JOIN keys ON keys.id = documents.key"
            " WHERE kind = ?1 AND (?2 IS NULL OR documents.id = ?2) AND (?3 IS NULL OR holder = ?3)"
            " ORDER BY documents.id"
        )
        with self._open() as base:
            rows = base.execute(query, (kind, number, holder)).fetchall()
            return {name: _opened(self._key_of(base, key), sealed, f"{kind} {name}") for name, key, sealed in rows}

    def destroy(self, holder: str) -> int:
        """Destroy a holder's key, every key under it and every document that they sealed: how many documents.

        Raises:
            RecordError: they cannot be destroyed.
        """
        with self._open() as base:
            (before,) = base.execute("SELECT count(*) FROM documents").fetchone()
            base.execute("DELETE FROM keys WHERE holder = ?", (holder,))
            base.execute("DELETE FROM documents WHERE key NOT IN (SELECT id FROM keys)")  # stores of earlier versions
            (after,) = base.execute("SELECT count(*) FROM documents").fetchone()
        return int(before - after)

    def holders(self) -> set[str]:
        """Whoever has documents under their key."""
        query = "SELECT DISTINCT holder FROM documents JOIN keys ON keys.id = documents.key"
        with self._open() as base:
            return {holder for (holder,) in base.execute(query)}

    def count(self, holder: str) -> int:
        """How many documents lie under a holder's key."""
        query = "SELECT count(*) FROM documents JOIN keys ON keys.id = documents.key WHERE holder = ?"
        with self._open() as base:
            return int(base.execute(query, (holder,)).fetchone()[0])

    def drop(self, kind: str, number: str) -> bool:
        """Delete one document, which may lie under another holder's key; whether there was one.

        Raises:
            RecordError: it cannot be deleted.
        """
        with self._open() as base:
            row = (kind, number)
            return base.execute("DELETE FROM documents WHERE kind = ? AND id = ?", row).rowcount > 0

    def first_time(self, film: str) -> bool:
        """Whether a film, by its pseudonym, has not been noted as taken in."""
        with self._open() as base:
            return base.execute("SELECT 1 FROM films WHERE film = ?", (film,)).fetchone() is None

    def note_film(self, film: str) -> None:
        """Note that a film is taken in."""
        with self._open() as base:
            base.execute("INSERT OR IGNORE INTO films VALUES (?)", (film,))

    def _own_key(self, base: sqlite3.Connection, holder: str, under: str | None = None) -> tuple[int, AESGCM]:
        """A holder's key and its number, made where there is none."""
        found = base.execute("SELECT id FROM keys WHERE holder = ?", (holder,)).fetchone()
        if found is not None:
            return found[0], self._key_of(base, found[0])
        above = None
        if under is not None:
            above = base.execute("SELECT id FROM keys WHERE holder = ?", (under,)).fetchone()
            if above is None:
                raise RecordError(f"the store has no key of '{under}' to wrap another with")
        wrapping = self._key if above is None else self._key_of(base, above[0])
        key = AESGCM.generate_key(256)
        row = (holder, _sealed(wrapping, key, holder), above and above[0])
        number = base.execute("INSERT INTO keys (holder, wrapped, under) VALUES (?, ?, ?)", row).lastrowid
        return int(number or 0), AESGCM(key)

    def _key_of(self, base: sqlite3.Connection, number: int) -> AESGCM:
        """The key of that number, unwrapped by those above it."""
        holder, wrapped, under = base.execute(
            "SELECT holder, wrapped, under FROM keys WHERE id = ?", (number,)
        ).fetchone()
        wrapping = self._key if under is None else self._key_of(base, under)
        return AESGCM(_opened(wrapping, wrapped, holder))


def pseudonym(key: bytes, kind: str, text: str) -> str:
    """What stands for a name in one log: 32 hexadecimal digits that only the key's owner can make again."""
    return hmac.new(key, f"{kind}\0{text}".encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:32]


def _sealed(key: AESGCM, content: bytes, place: str) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + key.encrypt(nonce, content, place.encode())


def _opened(key: AESGCM, sealed: bytes, place: str) -> bytes:
    return key.decrypt(sealed[:NONCE], sealed[NONCE:], place.encode())


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
