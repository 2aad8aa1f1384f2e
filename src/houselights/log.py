"""Log: the writer of what `custody.py` reads. What it returned from is on the disk and signed, whatever happens next.

An append goes through four states, and a crash in any of them leaves a log that verifies and goes on:

1. new tiles and bundles are written under names that no checkpoint points at yet, and reach the disk;
2. `newest`, the unsigned checkpoint, reaches the disk: from here on the entries are in the log, whoever crashes;
3. the checkpoint is signed and takes the place of the old one;
4. partial tiles that whole ones have replaced are removed.

A new writer finishes what it finds in states 2 and 3, before anything else, with the same text. So two checkpoints of
one size never differ. It takes the last steps again that may not have reached the disk: after a kill, a name can be
seen that a loss of power would undo. Nothing is signed but what the tiles hold, and nothing is added to altered tiles,
nor to an older copy of the log that somebody put back: `newest` stays, and knows how far the log has come.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from houselights.custody import (
    LARGEST,
    LOG,
    WIDTH,
    Checkpoint,
    CustodyError,
    Key,
    Note,
    Tree,
    fold,
    hashes_in,
    leaf_hash,
    read_bundle,
    tile_path,
)
from houselights.errors import RecordError
from houselights.files import sync, whole

ROOM = "is there room on the disk, and may you write there? Nothing is shown before it is recorded"
WHOLE = "look with `houselights log verify`; a log that was changed is never written to"


class Signer:
    """A log's name and its private key."""

    def __init__(self, name: str, secret: bytes) -> None:
        """A signer from the 32 bytes of an Ed25519 private key."""
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.key = Key(name, LOG, self._private.public_key().public_bytes_raw())

    def sign(self, text: str) -> Note:
        """The note with this key's signature. The same text gets the same signature."""
        return Note(text, ((self.key.name, self.key.number + self._private.sign(text.encode())),))


class Log:
    """A log that one process at a time appends to."""

    def __init__(self, folder: Path, private: Path, signer: Signer) -> None:
        """The log in `folder`, which may be published; `private` holds its lock and what is not signed yet."""
        self.folder, self.signer = folder, signer
        self._newest, self._lock = private / "newest", private / "lock"
        self._threads, self._held = RLock(), False
        self._settled = ""  # the newest statement that this writer knows to be on the disk

    def checkpoint(self) -> Checkpoint:
        """The newest checkpoint; an interrupted append is finished first.

        Raises:
            RecordError: the log cannot be read or finished.
        """
        with self.locked():
            return self._current()

    def append(self, entries: Sequence[bytes]) -> int:
        """Add entries, all or none; the index of the first. When this returns they are on the disk and signed.

        Raises:
            RecordError: they could not be written. They may be in the log nevertheless: nothing may be shown.
        """
        with self.locked():
            before = self._current()
            too_long = [len(entry) for entry in entries if len(entry) > LARGEST]
            if too_long:
                raise RecordError(f"an entry has {too_long[0]} bytes, expected {LARGEST} at most")
            if entries:
                self._extend(before.size, entries)
            return before.size

    def cosign(self, text: str, signatures: Sequence[tuple[str, bytes]]) -> Note:
        """Keep a checkpoint with signatures of witnesses as `witnessed`, and as `checkpoint` where it is the newest.

        Raises:
            RecordError: it is no checkpoint of this log, or cannot be written.
        """
        with self.locked():
            newest = self._current()
            self._confirm(text, newest.size)
            own = self.signer.sign(text).signatures
            had = newest.note.signatures if newest.note.text == text else own
            lines = {(name, line[:4]): (name, line) for name, line in [*had, *signatures, *own]}  # each key once
            note = Note(text, tuple(lines.values()))
            if Checkpoint.open(bytes(note), self.signer.key).note != note:
                raise CustodyError("a signature does not fit into a line of its checkpoint")
            _replace(self.folder / "witnessed", bytes(note))
            if newest.note.text == text:
                _replace(self.folder / "checkpoint", bytes(note))
            return note

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile; failures of the disk come out as RecordError. It may be nested."""
        try:
            with self._threads:
                if self._held:  # another handle would wait for this one forever
                    yield
                    return
                with self._lock.open("wb") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    try:
                        self._held = True
                        yield
                    finally:
                        self._held = False
        except OSError as fault:
            raise RecordError(f"the log in '{self.folder}' cannot be written: {fault.strerror}", hint=ROOM) from fault
        except CustodyError as fault:
            raise RecordError(f"the log in '{self.folder}' is not whole: {fault}", hint=WHOLE) from fault

    def _current(self) -> Checkpoint:
        """The newest checkpoint, published where it was not. Raises CustodyError where the log is behind or altered."""
        path = self.folder / "checkpoint"
        held, shown = _read(self._newest), _read(path)
        if held is None and shown is None:
            self._create()
        else:
            stated = None if shown is None else Checkpoint.open(shown, self.signer.key)
            text = stated.note.text if stated and held is None else (held or b"").decode(errors="replace")
            newest = Checkpoint.of(Note(text, ()))
            if stated is not None and stated.size > newest.size:
                raise CustodyError(f"it has {stated.size} entries, this machine knows of {newest.size}")
            self._confirm(text, newest.size)
            if text != self._settled:
                self._settle(text, publish=stated is None or stated.note.text != text)
        return Checkpoint.open(path.read_bytes(), self.signer.key)

    def _create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.folder / "tile" in self.folder.iterdir():
            raise CustodyError("its checkpoint is gone")
        for folder in {*self.folder.resolve().parents, *self._newest.resolve().parents}:
            if os.access(folder, os.W_OK):  # else nobody can have made a folder in it just now
                sync(folder)
        self._commit(0)

    def _settle(self, text: str, *, publish: bool) -> None:
        """What another writer left, who may have been interrupted, is on the disk for good."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _replace(self._newest, text.encode())
        if publish:
            self._publish(text)
        sync(self.folder)
        self._settled = text

    def _extend(self, size: int, entries: Sequence[bytes]) -> None:
        _check_bundle(self.folder, size)
        tiles = dict(_grown(self.folder, size, entries))
        for path, content in tiles.items():
            _write(self.folder / path, content)
        above = {parent for path in tiles for parent in (self.folder / path).parents}
        for folder in above:
            if folder.is_relative_to(self.folder):
                sync(folder)
        self._commit(size + len(entries))
        for path in tiles:  # a whole tile takes the place of its parts
            shutil.rmtree(self.folder / f"{path}.p", ignore_errors=True)

    def _commit(self, size: int) -> None:
        """States 2 and 3: from the first `_replace` on there is no way back."""
        text = self._statement(size, size)
        _replace(self._newest, text.encode())
        self._publish(text)
        self._settled = text

    def _statement(self, size: int, total: int) -> str:
        """What the checkpoint of the first `size` entries says, by the tiles of a log of `total`."""
        root = Tree.at(self.folder, total).root(size)
        return f"{self.signer.key.name}\n{size}\n{b64encode(root).decode()}\n"

    def _confirm(self, text: str, total: int) -> None:
        """Return if a log of `total` entries has this checkpoint. Raises CustodyError where its tiles say otherwise."""
        size = Checkpoint.of(Note(text, ())).size
        if size > total or self._statement(size, total) != text:
            raise CustodyError(f"its tiles do not have the root that its checkpoint of {size} entries states")

    def _publish(self, text: str) -> None:
        _replace(self.folder / "checkpoint", bytes(self.signer.sign(text)))


def _check_bundle(folder: Path, size: int) -> None:
    """Return if the bundle that the next entries go into is as it was logged. Raises CustodyError where it is not."""
    number, width = divmod(size, WIDTH)
    if width:
        entries = read_bundle(folder, number, width)
        if b"".join(map(leaf_hash, entries)) != hashes_in(folder, 0, number, width):
            raise CustodyError(f"{tile_path('entries', number, width)} does not hold what was logged")


def _grown(folder: Path, size: int, entries: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of all tiles that a log gets when entries are added."""
    bundles = _filled(folder, "entries", size, [len(entry).to_bytes(2) + entry for entry in entries])
    yield from ((path, content) for path, content, _ in bundles)
    level, hashes = 0, [leaf_hash(entry) for entry in entries]
    while hashes:
        tiles = _filled(folder, level, size >> 8 * level, hashes)
        yield from ((path, content) for path, content, _ in tiles)
        hashes = [fold(content) for _, content, width in tiles if width == WIDTH]
        level += 1


def _filled(folder: Path, level: int | str, before: int, added: Sequence[bytes]) -> list[tuple[str, bytes, int]]:
    """Path, content and width of the tiles of one level that get more."""
    number, width = divmod(before, WIDTH)
    content = (folder / tile_path(level, number, width)).read_bytes() if width else b""
    tiles, at = [], 0
    while at < len(added):
        taken = added[at : at + WIDTH - width]
        content, width, at = content + b"".join(taken), width + len(taken), at + len(taken)
        tiles.append((tile_path(level, number, width), content, width))
        content, width, number = b"", 0, number + 1
    return tiles


def _write(path: Path, content: bytes) -> None:
    """A tile on the disk, under a name that no checkpoint points at yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes | None:
    """A file's content; None where there is none, and only then."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _replace(path: Path, content: bytes) -> None:
    with whole(path, private=False) as file:
        file.write(content)
