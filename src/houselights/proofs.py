"""Proofs: that an entry is in a log, that a log goes on from an older state, and receipts that need no log to check."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from houselights.custody import (
    EMPTY,
    SIZE,
    Checkpoint,
    CustodyError,
    Key,
    Note,
    Tree,
    canonical,
    decoded,
    fields_of,
    half,
    leaf_hash,
    node_hash,
)

MAGIC = "c2sp.org/tlog-proof@v1"


def inclusion(tree: Tree, index: int, size: int) -> list[bytes]:
    """The proof that entry `index` is one of the first `size` (RFC 6962, 2.1.1)."""
    low, high, proof = 0, size, list[bytes]()
    while high - low > 1:
        middle = low + half(high - low)
        if index < middle:
            proof.append(tree.span(middle, high))
            high = middle
        else:
            proof.append(tree.span(low, middle))
            low = middle
    return proof[::-1]


def consistency(tree: Tree, old: int, new: int) -> list[bytes]:
    """The proof that the first `new` entries begin with the first `old` (RFC 6962, 2.1.2)."""
    low, high, proof = 0, new, list[bytes]()
    while 0 < old < high:
        middle = low + half(high - low)
        if old <= middle:
            proof.append(tree.span(middle, high))
            high = middle
        else:
            proof.append(tree.span(low, middle))
            low = middle
    if low:  # else the old root itself is the last step, and who checks the proof has it
        proof.append(tree.span(low, high))
    return proof[::-1]


def root_of_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to: `inclusion` read backwards.

    Raises:
        CustodyError: the proof has another number of hashes than such a proof has.
    """
    steps = list(proof)

    def climb(low: int, high: int) -> bytes:
        if high - low == 1:
            return leaf
        if not steps:
            raise CustodyError(f"inclusion proof of entry {index} of {size} has too few hashes: {len(proof)}")
        step, middle = steps.pop(), low + half(high - low)
        return node_hash(climb(low, middle), step) if index < middle else node_hash(step, climb(middle, high))

    if not 0 <= index < size:
        raise CustodyError(f"inclusion proof of entry {index} in a log of {size} entries")
    root = climb(0, size)
    if steps:
        raise CustodyError(f"inclusion proof of entry {index} of {size} has too many hashes: {len(proof)}")
    return root


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Return if a tree of `new` entries begins with one of `old`: `consistency` read backwards.

    Raises:
        CustodyError: the proof does not show it.
    """
    steps, wrong = list(proof), CustodyError(f"no proof that the log of {new} entries begins with that of {old}")

    def climb(low: int, high: int) -> tuple[bytes, bytes]:
        """The hashes over what the old and the new tree have of these entries."""
        if old == high and low == 0:
            return old_root, old_root
        if not steps:
            raise wrong
        step = steps.pop()
        if old == high:
            return step, step
        middle = low + half(high - low)
        if old <= middle:
            first, second = climb(low, middle)
            return first, node_hash(second, step)
        first, second = climb(middle, high)
        return node_hash(step, first), node_hash(step, second)

    if not 0 <= old <= new:
        raise wrong
    roots = climb(0, new) if old else (EMPTY, new_root)
    if steps or roots != (old_root, new_root):
        raise wrong


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that entries are in a log (c2sp.org/tlog-proof), with the entries themselves."""

    index: int
    """Of the last entry; each of the others is named by the one behind it, as `after`."""
    proof: tuple[bytes, ...]
    note: Note
    """The checkpoint, with all its signatures."""
    entries: tuple[bytes, ...]
    opened: tuple[tuple[bytes, ...], ...]
    """For each entry the parts of its payload: bytes that were opened, or the 32 bytes of their hash."""

    def __bytes__(self) -> bytes:
        extra = {"entries": [_text(e) for e in self.entries], "opened": [[_text(p) for p in o] for o in self.opened]}
        lines = [MAGIC, f"extra {_text(canonical(extra))}", f"index {self.index}", *map(_text, self.proof)]
        return ("\n".join(lines) + "\n\n").encode() + bytes(self.note)

    @classmethod
    def parse(cls, content: bytes) -> Receipt:
        """A receipt as it stands in a file.

        Raises:
            CustodyError: it is none.
        """
        wrong = CustodyError(f"this is no receipt: expected '{MAGIC}' with the entries")
        head, _, note = content.partition(b"\n\n")
        try:
            magic, extra, index, *proof = head.decode().split("\n")
            inside = json.loads(decoded(extra.removeprefix("extra "), "receipt"))
            entries = tuple(decoded(entry, "entry") for entry in inside["entries"])
            opened = tuple(tuple(decoded(part, "part") for part in parts) for parts in inside["opened"])
            number, steps = int(index.removeprefix("index ")), tuple(decoded(step, "hash") for step in proof)
        except (ValueError, TypeError, KeyError, RecursionError) as fault:
            raise wrong from fault
        if (magic, extra[:6], index) != (MAGIC, "extra ", f"index {number}"):
            raise wrong
        if not entries or len(opened) != len(entries) or any(len(step) != SIZE for step in steps):
            raise wrong
        return cls(number, steps, Note.parse(note), entries, opened)

    def check(self, key: Key) -> Checkpoint:
        """The checkpoint that proves the entries, signed by the log. Witnesses are asked of `Policy.check`.

        Raises:
            CustodyError: something in the receipt is not what the checkpoint signs.
        """
        checkpoint = Checkpoint.open(bytes(self.note), key)
        root = root_of_inclusion(leaf_hash(self.entries[-1]), self.index, checkpoint.size, self.proof)
        if root != checkpoint.root:
            raise CustodyError(f"entry {self.index} is not in the log that the checkpoint signs")
        for entry, following in zip(self.entries, self.entries[1:], strict=False):
            if fields_of(following).get("after") != leaf_hash(entry).hex():
                raise CustodyError("an entry of the receipt is not the one that the next one names")
        if "after" in fields_of(self.entries[0]):
            raise CustodyError("the receipt leaves out the first entries of its use")
        for entry, parts in zip(self.entries, self.opened, strict=True):
            if fields_of(entry).get("payload") != payload_hash(parts):
                raise CustodyError("an opened part of the receipt is not the one that its entry was made with")
        return checkpoint


def payload_hash(parts: Sequence[bytes]) -> str | None:
    """What an entry says of its payload: a hash over the hashes of its parts; None where there is none.

    A part is given as its bytes (which begin with a salt, so that its hash tells nothing), or as its hash of 32 bytes.
    """
    hashes = b"".join(part if len(part) == SIZE else hashlib.sha256(part).digest() for part in parts)
    return hashlib.sha256(hashes).hexdigest() if parts else None


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
