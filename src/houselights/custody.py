"""Custody: a log that outsiders can check, with this file alone. It needs Python 3.11 and `cryptography`.

    python custody.py verify FOLDER --key KEY [--since OLDER]

A log is a folder of static files in public formats: `checkpoint` (c2sp.org/tlog-checkpoint, a signed note) states how
many entries there are and the root of their Merkle tree (RFC 6962, 2.1); `tile/<level>/<n>` hold the tree's hashes and
`tile/entries/<n>` the entries (c2sp.org/tlog-tiles). Nothing here writes: `log.py` does, and `proofs.py`
makes receipts. From top to bottom: hashes, notes, tiles, the check of a folder, the command.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    sys.path.pop(0)  # run from its own folder, `types.py` beside it would stand for Python's

import argparse
import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

WIDTH = 256  # hashes in a full tile
SIZE = 32  # bytes of a SHA-256
LARGEST = 65_535  # bytes of an entry: its length is written in two bytes
EMPTY = hashlib.sha256().digest()  # root of a log without entries
LOG, COSIGNATURE, ML_DSA = 0x01, 0x04, 0x06  # c2sp.org/signed-note: what kind of signature a key makes
NAME = r"[^\s+\x00-\x1f\ud800-\udfff]+"  # c2sp.org/signed-note: of a key
SHOWN = 100  # lines of a kind that a verdict prints


class CustodyError(Exception):
    """A file of a log is not what it has to be; the message names the place."""


# ---------------------------------------------------------------------------------------------------------- hashes


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry in the tree."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two hashes side by side."""
    return hashlib.sha256(b"\1" + left + right).digest()


def fold(hashes: bytes) -> bytes:
    """The root over hashes in a row, of which there are 1, 2, 4, 8 and so on."""
    level = [hashes[at : at + SIZE] for at in range(0, len(hashes), SIZE)]
    while len(level) > 1:
        level = [node_hash(*pair) for pair in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def half(count: int) -> int:
    """The largest power of two below `count`: where RFC 6962 divides a tree."""
    return 1 << ((count - 1).bit_length() - 1)


# ----------------------------------------------------------------------------------------------------------- notes


@dataclass(frozen=True, slots=True)
class Key:
    """A public key with its name: of a log, or of a witness who cosigns its checkpoints."""

    name: str
    kind: int
    """LOG, COSIGNATURE or ML_DSA."""
    public: bytes

    @property
    def number(self) -> bytes:
        """The four bytes that name this key in a signature line."""
        return hashlib.sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.number.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """A key as it is handed out: `name+number+base64`. Raises CustodyError for anything else."""
        name, _, rest = text.strip().partition("+")
        number, _, encoded = rest.partition("+")
        material = decoded(encoded, "key")
        key = cls(name, material[0] if material else 0, material[1:])
        length = {LOG: 32, COSIGNATURE: 32, ML_DSA: 1312}.get(key.kind)
        if not re.fullmatch(NAME, name) or key.number.hex() != number or len(key.public) != length:
            raise CustodyError(f"'{text.strip()[:60]}' is no key: expected name+number+base64, as `log key` prints it")
        return key

    def check(self, note: Note, signature: bytes) -> int | None:
        """Return when a cosignature was made (seconds since 1970), or None for a log's own, if it is genuine.

        Raises CustodyError where it is not. Formats: c2sp.org/signed-note and c2sp.org/tlog-cosignature.
        """
        try:
            if self.kind == LOG:
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature, note.text.encode())
                return None
            time = int.from_bytes(signature[:8])
            if self.kind == COSIGNATURE:
                signed = f"cosignature/v1\ntime {time}\n{note.text}".encode()
                Ed25519PublicKey.from_public_bytes(self.public).verify(signature[8:], signed)
            else:
                head, names = Checkpoint.of(note), (self.name.encode(), note.text.split("\n")[0].encode())
                signed = b"subtree/v1\n\0" + bytes([len(names[0])]) + names[0] + signature[:8]
                signed += bytes([len(names[1])]) + names[1] + bytes(8) + head.size.to_bytes(8) + head.root
                MLDSA44PublicKey.from_public_bytes(self.public).verify(signature[8:], signed)
        except (InvalidSignature, ValueError) as fault:
            raise CustodyError(f"the signature of '{self.name}' is not genuine") from fault
        return time


@dataclass(frozen=True, slots=True)
class Note:
    """A text with signatures (c2sp.org/signed-note)."""

    text: str
    signatures: tuple[tuple[str, bytes], ...]
    """Name, and the key's number with the signature."""

    def __bytes__(self) -> bytes:
        lines = (f"— {name} {base64.b64encode(signature).decode()}\n" for name, signature in self.signatures)
        return f"{self.text}\n{''.join(lines)}".encode()

    @classmethod
    def parse(cls, content: bytes) -> Note:
        """A note as it stands in a file. Raises CustodyError for anything else."""
        try:
            text, found, rest = content.decode().rpartition("\n\n")
        except UnicodeDecodeError as fault:
            raise CustodyError("a checkpoint is UTF-8, this is not") from fault
        if not found or not re.fullmatch(rf"(— {NAME} \S+\n)+", rest) or re.search(r"[^\n -\U0010ffff]", text):
            raise CustodyError("this is no signed note: expected a text, an empty line and lines with signatures")
        lines = [line.split(" ") for line in rest.splitlines()]
        return cls(f"{text}\n", tuple((line[1], decoded(line[2], "signature")) for line in lines))

    def signed(self, key: Key) -> tuple[int | None, ...]:
        """When the key signed: a time for each cosignature, None for a log's own; empty where it did not.

        Raises CustodyError where a signature in the key's name is not genuine.
        """
        named = [line[4:] for name, line in self.signatures if (name, line[:4]) == (key.name, key.number)]
        return tuple(key.check(self, signature) for signature in named)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log states: its name, how many entries it has, and their root."""

    origin: str
    size: int
    root: bytes
    note: Note

    @classmethod
    def of(cls, note: Note) -> Checkpoint:
        """The statement in a note. Raises CustodyError where there is none."""
        lines = note.text.removesuffix("\n").split("\n")
        if len(lines) < 3 or not all(lines) or not re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1]):
            raise CustodyError("a checkpoint states its log, its size and its root, this one does not")
        root = decoded(lines[2], "root")
        if len(root) != SIZE:
            raise CustodyError(f"the root of a checkpoint has {SIZE} bytes, this one {len(root)}")
        return cls(lines[0], int(lines[1]), root, note)

    @classmethod
    def open(cls, content: bytes, key: Key) -> Checkpoint:
        """A checkpoint that the log's key has signed. Raises CustodyError for any other."""
        found = cls.of(Note.parse(content))
        if key.kind != LOG or found.origin != key.name or not found.note.signed(key):
            raise CustodyError(f"the checkpoint of '{found.origin}' is not signed with the key of '{key.name}'")
        return found


def read_key(text: str) -> Key:
    """A key, given as it is or as a file. Raises CustodyError for anything else."""
    given = "+" in text and not Path(text).is_file()
    return Key.parse(text if given else _content(Path(text)).decode(errors="replace"))


def decoded(text: str, what: str) -> bytes:
    """The bytes that base64 stands for. Raises CustodyError for anything else."""
    with suppress(ValueError):
        if base64.b64encode(found := base64.b64decode(text)).decode() == text:
            return found
    raise CustodyError(f"'{text[:60]}' is no base64: expected a {what}")


# ----------------------------------------------------------------------------------------------------------- tiles


def tile_path(level: int | str, number: int, width: int) -> str:
    """Where a tile lies in a log's folder; the level of bundles is `entries`."""
    name = f"{number % 1000:03d}"
    while number := number // 1000:
        name = f"x{number % 1000:03d}/{name}"
    return f"tile/{level}/{name}" + (f".p/{width}" if width < WIDTH else "")


def tile_width(size: int, level: int, number: int) -> int:
    """How many hashes a tile has in a log of `size` entries."""
    return min(WIDTH, (size >> 8 * level) - WIDTH * number)


def read_tile(folder: Path, level: int | str, number: int, width: int) -> bytes:
    """A tile's content, or the whole one's where only that is left. Raises CustodyError where there is neither."""
    for path in (tile_path(level, number, width), tile_path(level, number, WIDTH)):
        try:
            return (folder / path).read_bytes()
        except FileNotFoundError:
            continue
        except OSError as fault:
            raise CustodyError(f"{path} cannot be read: {fault.strerror}") from fault
    raise CustodyError(f"{tile_path(level, number, width)} is missing")


def hashes_in(folder: Path, level: int, number: int, width: int) -> bytes:
    """The hashes of a tile. Raises CustodyError where there are fewer."""
    content = read_tile(folder, level, number, width)
    if len(content) not in {width * SIZE, WIDTH * SIZE}:
        raise CustodyError(f"{tile_path(level, number, width)} has {len(content)} bytes, expected {width * SIZE}")
    return content[: width * SIZE]


def read_bundle(folder: Path, number: int, width: int) -> list[bytes]:
    """The entries of a bundle. Raises CustodyError where it is missing or does not hold `width` entries."""
    path, content = tile_path("entries", number, width), read_tile(folder, "entries", number, width)
    found, at = list[bytes](), 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 2])
        found.append(content[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(content) or len(found) not in {width, WIDTH}:
        raise CustodyError(f"{path} does not hold {width} entries")
    return found[:width]


def read_entries(folder: Path, size: int) -> Iterator[bytes]:
    """All entries of a log of `size`, in order. Raises CustodyError at the first that is missing."""
    for number in range(-(-size // WIDTH)):
        yield from read_bundle(folder, number, tile_width(size, 0, number))


def last_entry(folder: Path, size: int) -> bytes:
    """The newest entry of a log of `size`, which is not empty. Raises CustodyError where it is missing."""
    number = (size - 1) // WIDTH
    return read_bundle(folder, number, tile_width(size, 0, number))[-1]


class Tree:
    """The tree over a log's tiles. It answers for every size up to the log's own."""

    def __init__(self, tile: Callable[[int, int], bytes]) -> None:
        """A tree whose tiles' hashes come from `tile(level, number)`."""
        self._tile = tile

    @classmethod
    def at(cls, folder: Path, size: int) -> Tree:
        """The tree of a log in a folder."""
        return cls(lru_cache(64)(lambda level, n: hashes_in(folder, level, n, tile_width(size, level, n))))

    def span(self, low: int, high: int) -> bytes:
        """The hash over entries from `low` on and before `high`, as RFC 6962 divides them."""
        count = high - low
        if count & (count - 1):
            middle = low + half(count)
            return node_hash(self.span(low, middle), self.span(middle, high))
        level, height = divmod(count.bit_length() - 1, 8)
        first, wide = low >> 8 * level, 1 << height
        at = first % WIDTH * SIZE
        return fold(self._tile(level, first // WIDTH)[at : at + wide * SIZE])

    def root(self, size: int) -> bytes:
        """The root over the first `size` entries."""
        return self.span(0, size) if size else EMPTY

    def first_difference(self, other: Tree, size: int) -> int:
        """The first of `size` entries that another tree has otherwise, where the roots differ."""
        low, high = 0, size
        while high - low > 1:
            middle = low + half(high - low)
            same = self.span(low, middle) == other.span(low, middle)
            low, high = (middle, high) if same else (low, middle)
        return low


def canonical(document: object) -> bytes:
    """The one form of a document (RFC 8785, for documents without fractions and with ASCII keys)."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def fields_of(entry: bytes) -> dict[str, Any]:
    """What an entry says. Raises CustodyError where it is no JSON object in its one form."""
    with suppress(ValueError, RecursionError):
        found = json.loads(entry)
        if isinstance(found, dict) and canonical(found) == entry:
            return found
    raise CustodyError("the entry is no JSON object in canonical form (RFC 8785)")


# ------------------------------------------------------------------------------------------------ check of a folder


@dataclass(slots=True)
class Verdict:
    """What the check of a folder found."""

    checkpoint: Checkpoint
    faults: list[str] = field(default_factory=list)
    """What is not as it was logged, each with its place. Without any, the log is whole."""
    notices: list[str] = field(default_factory=list)
    """What a reader must know of a log that is whole."""

    def lines(self) -> Iterator[str]:
        """The verdict in words."""
        yield from (f"note: {line}" for line in self.notices[:SHOWN])
        yield from (f"wrong: {line}" for line in self.faults[:SHOWN])
        state = f"{len(self.faults)} wrong" if self.faults else "all as they were logged"
        yield f"{self.checkpoint.origin}: {self.checkpoint.size} entries, {state}"


def verify(folder: Path, key: Key, since: Path | None = None) -> Verdict:
    """Check a whole log: every hash anew from the entries, and whether it goes on from an older state.

    `since` is an older checkpoint, or an older copy of the folder, which tells the first entry that differs.
    Raises CustodyError where a checkpoint is missing or not signed.
    """
    verdict = Verdict(Checkpoint.open(_content(folder / "checkpoint"), key))
    size = verdict.checkpoint.size
    levels = [b"".join(_leaves(folder, size, verdict))]
    while len(levels[-1]) >= WIDTH * SIZE:
        levels.append(_above(folder, levels, size, verdict))
    tree = Tree(lambda level, n: levels[level][n * WIDTH * SIZE : (n + 1) * WIDTH * SIZE])
    if tree.root(size) != verdict.checkpoint.root:
        verdict.faults.append(f"entries 0 to {size - 1}: they do not have the root that the checkpoint signs")
    if since is not None:
        _compare(tree, verdict, since, key)
    return verdict


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise CustodyError(f"'{path}' cannot be read: {fault.strerror}") from fault


def _leaves(folder: Path, size: int, verdict: Verdict) -> Iterator[bytes]:
    """The entries' hashes, bundle by bundle; where a bundle is lost, those that the tile states."""
    chains = _Chains(verdict)
    for number in range(-(-size // WIDTH)):
        first, width = number * WIDTH, tile_width(size, 0, number)
        stated, entries = b"", list[bytes]()
        try:
            entries = read_bundle(folder, number, width)
        except CustodyError as fault:
            verdict.faults.append(f"entries {first} to {first + width - 1}: {fault}")
        try:
            stated = hashes_in(folder, 0, number, width)
        except CustodyError as fault:
            verdict.faults.append(str(fault))
        if not entries and not stated:  # a huge size would keep the check at it for ever
            raise CustodyError(f"{verdict.faults[-2]}; {verdict.faults[-1]}")
        hashes = [leaf_hash(entry) for entry in entries]
        verdict.faults.extend(_misplaced(first, hashes, stated))
        for index, (entry, leaf) in enumerate(zip(entries, hashes, strict=True), first):
            chains.follow(index, entry, leaf.hex())
        yield b"".join(hashes) or stated


def _misplaced(first: int, hashes: list[bytes], stated: bytes) -> Iterator[str]:
    """Entries that are not those of the tile."""
    wanted = [stated[at : at + SIZE] for at in range(0, len(stated), SIZE)]
    for index, (leaf, right) in enumerate(zip(hashes, wanted, strict=False), first):
        if leaf != right:
            what = f"it was entry {first + wanted.index(leaf)}" if leaf in wanted else "not the one that was logged"
            yield f"entry {index}: {what}"


class _Chains:
    """What the entries of a log say of each other: each names the one before it in its use, and time goes forward."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self._last: dict[str, str] = {}  # of each use, the hash of its last entry
        self._latest = ""

    def follow(self, index: int, entry: bytes, leaf: str) -> None:
        """Look at the next entry."""
        try:
            fields = fields_of(entry)
        except CustodyError as fault:
            self._verdict.faults.append(f"entry {index}: {fault}")
            return
        use, time = str(fields.get("use")), str(fields.get("time", ""))
        if fields.get("after") != self._last.get(use):
            self._verdict.faults.append(f"entry {index}: it does not name the entry before it in its use")
        self._last[use] = leaf
        if time < self._latest:
            said = f"entry {index} is of {time}, one before it of {self._latest}: the clock was set back"
            self._verdict.notices.append(said)
        self._latest = max(time, self._latest)


def _above(folder: Path, levels: list[bytes], size: int, verdict: Verdict) -> bytes:
    """The hashes of all full tiles of the level below, compared with those that are stated."""
    level, below, whole = len(levels), levels[-1], WIDTH * SIZE
    hashes = b"".join(fold(below[at : at + whole]) for at in range(0, len(below) - whole + 1, whole))
    for number in range(-(-len(hashes) // whole)):
        width, part = tile_width(size, level, number), hashes[number * whole : (number + 1) * whole]
        try:
            stated = hashes_in(folder, level, number, width)
        except CustodyError as fault:
            verdict.faults.append(str(fault))
            continue
        if stated != part:
            verdict.faults.append(f"{tile_path(level, number, width)}: it does not hold the hashes of the level below")
    return hashes


def _compare(tree: Tree, verdict: Verdict, since: Path, key: Key) -> None:
    """Whether the log goes on from an older state."""
    older = Checkpoint.open(_content(since / "checkpoint" if since.is_dir() else since), key)
    size, before = verdict.checkpoint.size, older.size
    if before > size:
        verdict.faults.append(f"entries {size} to {before - 1}: gone, the older checkpoint has {before} entries")
    elif tree.root(before) != older.root:
        place = f"entries 0 to {before - 1}: one of them"
        if since.is_dir():
            place = f"entry {tree.first_difference(Tree.at(since, before), before)}: it"
        verdict.faults.append(f"{place} is not what the older checkpoint signs")


# ----------------------------------------------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 where all is as it was logged, 1 where it is not."""
    parser = argparse.ArgumentParser(description="Check that a log is whole.")
    parser.add_argument("verb", choices=["verify"])
    parser.add_argument("folder", type=Path, help="the log, or a copy of it")
    parser.add_argument("--key", required=True, help="the log's public key, or a file that holds it")
    parser.add_argument("--since", type=Path, help="an older checkpoint, or an older copy of the folder")
    asked = parser.parse_args(arguments)
    try:
        verdict = verify(asked.folder, read_key(asked.key), asked.since)
    except CustodyError as fault:
        _say(f"wrong: {fault}")
        return 1
    for line in verdict.lines():
        _say(line)
    return 1 if verdict.faults else 0


def _say(text: str) -> None:
    """A line on the terminal, without what could steer it."""
    sys.stdout.write("".join(c if c.isprintable() else "?" for c in text) + "\n")


if __name__ == "__main__":
    sys.exit(main())
