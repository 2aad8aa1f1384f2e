"""Facts about proofs: others' code accepts ours, nothing forged holds, and a receipt stands for what was logged."""

from __future__ import annotations

import hashlib
import random
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache

import independent
import pytest
from hypothesis import given
from hypothesis import strategies as st
from independent import needs_go, sigstore_root

from houselights.custody import (
    EMPTY,
    SIZE,
    WIDTH,
    Checkpoint,
    CustodyError,
    Key,
    Note,
    Tree,
    canonical,
    fold,
    leaf_hash,
)
from houselights.log import Signer
from houselights.proofs import (
    MAGIC,
    Receipt,
    check_consistency,
    consistency,
    inclusion,
    payload_hash,
    root_of_inclusion,
)

SIZES = range(1, 301)
SIGNER = Signer("example.org/gate", bytes(range(32)))
OTHER = Signer("example.org/gate", bytes(32))
RFC_6962 = (  # the entries and roots that tests of Certificate Transparency use
    ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
)


def leaf(index: int) -> bytes:
    """The hash of an entry that is its own index."""
    return leaf_hash(b"%d" % index)


def grown(leaves: list[bytes]) -> Tree:
    """A tree in memory that keeps every hash it made."""
    levels = [b"".join(leaves)]
    while len(levels[-1]) >= WIDTH * SIZE:
        below = levels[-1]
        whole = range(0, len(below) - WIDTH * SIZE + 1, WIDTH * SIZE)
        levels.append(b"".join(fold(below[at : at + WIDTH * SIZE]) for at in whole))
    tree = Tree(lambda level, n: levels[level][n * WIDTH * SIZE : (n + 1) * WIDTH * SIZE])
    tree.span = cache(tree.span)
    return tree


TREE = grown([leaf(index) for index in SIZES])
ROOTS = [TREE.root(size) for size in range(SIZES.stop)]


def by_definition(entries: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = max(2**n for n in range(len(entries)) if 2**n < len(entries))
    return hashlib.sha256(b"\x01" + by_definition(entries[:k]) + by_definition(entries[k:])).digest()


def test_the_root_of_every_size_is_the_one_that_the_definition_gives() -> None:
    """Sizes 0 to 300, and the published example of Certificate Transparency."""
    entries = [b"%d" % index for index in SIZES]
    for size in range(SIZES.stop):
        assert ROOTS[size] == by_definition(entries[:size])
    published = grown([leaf_hash(bytes.fromhex(entry)) for entry, _ in RFC_6962])
    assert [published.root(size).hex() for size in range(1, 9)] == [root for _, root in RFC_6962]


def test_every_entry_of_every_size_is_proven_to_sigstore_and_to_us() -> None:
    """R1: all 45,150 proofs for sizes 1 to 300."""
    for size in SIZES:
        for index in range(size):
            proof = inclusion(TREE, index, size)
            assert sigstore_root(leaf(index + 1), index, size, proof) == ROOTS[size]
            assert root_of_inclusion(leaf(index + 1), index, size, proof) == ROOTS[size]


@needs_go
def test_every_entry_of_every_size_is_proven_to_go() -> None:
    """R1: the same 45,150 proofs."""
    told = (
        independent.record(leaf(index + 1), index, size, ROOTS[size], inclusion(TREE, index, size))
        for size in SIZES
        for index in range(size)
    )
    holds = independent.go_holds(told)
    assert len(holds) == sum(SIZES)
    assert all(holds)


def olds(size: int) -> list[int]:
    """Sizes that a log of `size` may have had: small ones, those beside powers of two, the last ones."""
    beside = {power + near for power in (1, 2, 4, 16, 64, 128, 256) for near in (-1, 0, 1)}
    return sorted(old for old in {*beside, size // 3, size // 2, size - 1, size} if 0 < old <= size)


def test_every_size_is_proven_to_go_on_from_older_ones() -> None:
    """R1: sizes 1 to 300 from several older ones each, from themselves and from nothing."""
    for size in SIZES:
        for old in [0, *olds(size)]:
            check_consistency(old, size, ROOTS[old], ROOTS[size], consistency(TREE, old, size))
    assert consistency(TREE, 0, 300) == consistency(TREE, 300, 300) == consistency(TREE, 0, 0) == []
    check_consistency(0, 0, EMPTY, EMPTY, [])


@needs_go
def test_every_size_is_proven_to_go_to_go_on_from_older_ones() -> None:
    """Sizes 1 to 300 from several older ones each."""
    pairs = [(old, size) for size in SIZES for old in olds(size)]
    holds = independent.go_holds(
        independent.growth(old, size, ROOTS[old], ROOTS[size], consistency(TREE, old, size)) for old, size in pairs
    )
    assert holds == [True] * len(pairs)


@given(st.integers(301, 3000), st.integers(0), st.integers(0))
def test_larger_trees_are_proven_too(size: int, entry: int, old: int) -> None:
    """Any entry and any older size of trees with more than one level of tiles."""
    tree, index, old = LARGE, entry % size, old % (size + 1)
    proof = inclusion(tree, index, size)
    assert sigstore_root(leaf(index), index, size, proof) == root_of_inclusion(leaf(index), index, size, proof)
    assert root_of_inclusion(leaf(index), index, size, proof) == tree.root(size)
    check_consistency(old, size, tree.root(old), tree.root(size), consistency(tree, old, size))


LARGE = grown([leaf(index) for index in range(3000)])


def changed(hashes: list[bytes], seed: random.Random) -> list[bytes]:
    """Another proof: one hash changed, dropped, added, doubled, or two exchanged."""
    at, bit = seed.randrange(len(hashes)), seed.randrange(8 * SIZE)
    flipped = (int.from_bytes(hashes[at]) ^ 1 << bit).to_bytes(SIZE)
    kinds: list[Callable[[], list[bytes]]] = [
        lambda: [*hashes[:at], flipped, *hashes[at + 1 :]],
        lambda: hashes[:at] + hashes[at + 1 :],
        lambda: [*hashes[:at], flipped, *hashes[at:]],
        lambda: [*hashes, hashes[-1]],
        lambda: [*hashes, EMPTY],
        lambda: [hashes[-1], *hashes[:-1]] if len(set(hashes)) > 1 else [],
    ]
    return seed.choice(kinds)()


def forged_records() -> Iterator[tuple[bytes, int, int, bytes, list[bytes]]]:
    """Proofs of which one part is not right."""
    seed = random.Random(6962)
    for _ in range(600):
        size = seed.randrange(2, 301)
        index, other = seed.sample(range(size), 2)
        right, proof = leaf(index + 1), inclusion(TREE, index, size)
        yield leaf(other + 1), index, size, ROOTS[size], proof
        yield right, other, size, ROOTS[size], proof
        yield right, size + index, size, ROOTS[size], proof
        yield right, -1, size, ROOTS[size], proof
        yield right, index, size, ROOTS[size - 1], proof
        yield right, index, size, ROOTS[size], changed(proof, seed)


def forged_growths() -> Iterator[tuple[int, int, bytes, bytes, list[bytes]]]:
    """Proofs that a log goes on, of which one part is not right."""
    seed = random.Random(9162)
    for _ in range(600):
        size = seed.randrange(3, 301)
        old = seed.randrange(1, size)
        proof = consistency(TREE, old, size)
        yield old, size, ROOTS[old - 1], ROOTS[size], proof
        yield old, size, ROOTS[old], ROOTS[size - 1], proof
        yield old, size, ROOTS[size], ROOTS[old], proof
        yield size, old, ROOTS[old], ROOTS[size], proof
        yield old, size, ROOTS[old], ROOTS[size], changed(proof, seed)
        yield size, size, ROOTS[old], ROOTS[size], []
        yield size, size, ROOTS[size], ROOTS[size], proof


def test_no_forged_proof_of_an_entry_holds() -> None:
    """R1: neither for us nor for sigstore."""
    for one, index, size, root, proof in forged_records():
        with suppress(CustodyError):
            assert root_of_inclusion(one, index, size, proof) != root
        if 0 <= index < size:
            with pytest.raises(AssertionError):
                assert sigstore_root(one, index, size, proof) == root


def test_no_forged_proof_of_growth_holds() -> None:
    """The old root, the new one, the sizes and each hash of the proof count."""
    for old, size, began, root, proof in forged_growths():
        with pytest.raises(CustodyError, match=f"no proof that the log of {size} entries begins with that of {old}"):
            check_consistency(old, size, began, root, proof)
    for old, began, proof in ((0, ROOTS[1], []), (0, EMPTY, [EMPTY]), (-1, ROOTS[1], [])):
        with pytest.raises(CustodyError):
            check_consistency(old, 7, began, ROOTS[7], proof)


@needs_go
def test_no_forged_proof_holds_for_go() -> None:
    """R1: the forgeries are none of our own making only."""
    told = [independent.record(*forged) for forged in forged_records()]
    told += [independent.growth(*forged) for forged in forged_growths()]
    assert not any(independent.go_holds(told))


def test_a_proof_says_what_is_wrong_with_it() -> None:
    """Too few hashes, too many, or an entry that the log does not have."""
    proof = inclusion(TREE, 5, 9)
    with pytest.raises(CustodyError, match="entry 5 of 9 has too few hashes: 3"):
        root_of_inclusion(leaf(6), 5, 9, proof[:-1])
    with pytest.raises(CustodyError, match="entry 5 of 9 has too many hashes: 5"):
        root_of_inclusion(leaf(6), 5, 9, [*proof, EMPTY])
    for index in (-1, 9):
        with pytest.raises(CustodyError, match=f"entry {index} in a log of 9 entries"):
            root_of_inclusion(leaf(6), index, 9, proof)


# -------------------------------------------------------------------------------------------------------- receipts


PARTS = ((b"salt-1 a picture", b"salt-2 its name"), (), (b"salt-3 another",))


def logged(*, payload: bool = True) -> list[bytes]:
    """Five entries; 0, 2 and 4 are of one use."""
    entries: list[bytes] = []
    last: dict[str, str] = {}
    for index in range(5):
        use = "search" if index % 2 == 0 else "release"
        fields = {"use": use, "time": f"2026-11-22T16:03:0{index}Z"}
        if use in last:
            fields["after"] = last[use]
        if payload and use == "search" and PARTS[index // 2]:
            fields["payload"] = payload_hash(PARTS[index // 2])
        entries.append(canonical(fields))
        last[use] = leaf_hash(entries[-1]).hex()
    return entries


def receipt(entries: list[bytes] | None = None, signer: Signer = SIGNER) -> Receipt:
    """A receipt for the use that entries 0, 2 and 4 are of."""
    entries = entries or logged()
    tree = grown([leaf_hash(entry) for entry in entries])
    root = b64encode(tree.root(len(entries))).decode()
    note = signer.sign(f"{signer.key.name}\n{len(entries)}\n{root}\n")
    return Receipt(4, tuple(inclusion(tree, 4, len(entries))), note, tuple(entries[::2]), PARTS)


def test_a_receipt_is_read_as_it_was_written() -> None:
    """And says which checkpoint proves it."""
    written = receipt()
    read = Receipt.parse(bytes(written))
    assert read == written
    assert read.check(SIGNER.key) == Checkpoint.of(written.note)
    assert read.check(SIGNER.key).size == 5


def test_a_receipt_has_the_lines_of_a_tlog_proof() -> None:
    """First line, extra data, index, hashes, an empty line, and the checkpoint as it was signed."""
    written = receipt()
    head, _, note = bytes(written).partition(b"\n\n")
    first, extra, index, *proof = head.decode().split("\n")
    assert (first, index) == ("c2sp.org/tlog-proof@v1", "index 4")
    assert extra.startswith("extra ")
    assert proof == [b64encode(step).decode() for step in written.proof]
    assert note == bytes(written.note)


def test_a_part_may_be_shown_as_its_hash_alone() -> None:
    """What is not opened still counts: 32 bytes stand for a part that has them as its hash."""
    whole = receipt()
    name = hashlib.sha256(PARTS[0][1]).digest()
    partly = replace(whole, opened=((PARTS[0][0], name), *PARTS[1:]))
    assert partly.check(SIGNER.key) == whole.check(SIGNER.key)
    assert name in Receipt.parse(bytes(partly)).opened[0]


def test_a_receipt_with_anything_changed_is_refused() -> None:
    """An entry, the last one too, one left out, a part changed, left out, added or exchanged; root, key and proof."""
    good = receipt()
    first, second, third = good.entries
    forged = canonical({"use": "search", "time": "2026-11-22T16:03:00Z"})
    swapped = receipt([*logged()[:4], canonical({"use": "search", "time": "2026-11-22T16:03:09Z"})])
    for wrong, why in (
        (replace(good, entries=(forged, second, third)), "not the one that the next one names"),
        (replace(good, entries=(first, forged, third)), "not the one that the next one names"),
        (replace(good, entries=(first, second, forged)), "entry 4 is not in the log"),
        (replace(good, entries=(first, third), opened=(PARTS[0], PARTS[2])), "not the one that the next one names"),
        (replace(good, entries=(second, third), opened=PARTS[1:]), "leaves out the first entries"),
        (replace(good, entries=(second, first, third)), "not the one that the next one names"),
        (replace(good, opened=((b"salt-1 A picture", PARTS[0][1]), *PARTS[1:])), "an opened part"),
        (replace(good, opened=(PARTS[0][:1], *PARTS[1:])), "an opened part"),
        (replace(good, opened=(PARTS[0][::-1], *PARTS[1:])), "an opened part"),
        (replace(good, opened=((), *PARTS[1:])), "an opened part"),
        (replace(good, opened=(PARTS[0], (b"salt-9 more",), PARTS[2])), "an opened part"),
        (replace(good, note=swapped.note), "entry 4 is not in the log"),
        (replace(good, proof=good.proof[:-1]), "too few"),
        (replace(good, index=3), "too few"),
        (replace(good, index=-1), "entry -1 in a log of 5"),
        (receipt(signer=OTHER), "not signed with the key"),
    ):
        with pytest.raises(CustodyError, match=why):
            Receipt.parse(bytes(wrong)).check(SIGNER.key)
    with pytest.raises(CustodyError, match="not signed with the key"):
        good.check(Key(SIGNER.key.name, SIGNER.key.kind, OTHER.key.public))


def test_no_byte_of_a_receipt_can_be_another() -> None:
    """Whichever byte is changed, the receipt is refused: there is one file for what it says."""
    content = bytes(receipt())
    for at in range(len(content)):
        for bit in (1, 2, 32):
            with pytest.raises(CustodyError):
                Receipt.parse(content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]).check(SIGNER.key)


def extra(text: str) -> str:
    """The line of a receipt that holds entries and parts."""
    return f"extra {b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("line", "other"),
    [
        (0, MAGIC.replace("v1", "v2")),
        (1, ""),
        (1, extra("[]")),
        (1, extra("{}")),
        (1, extra("[" * 100_000)),
        (1, extra('{"entries":[],"opened":[]}')),
        (1, extra('{"entries":[5],"opened":[[]]}')),
        (1, extra('{"entries":["{}"],"opened":[[]]}')),
        (1, extra('{"entries":["AAAA"],"opened":[]}')),
        (1, extra('{"entries":["AAAA"],"opened":[[],[]]}')),
        (1, extra('{"entries":["AAAA"]}')),
        (1, bytes(receipt()).split(b"\n")[1].decode().removeprefix("extra ")),
        (2, "index 04"),
        (2, "index +4"),
        (2, "index ٤"),
        (2, "index 4 "),
        (2, "4"),
        (2, "index " + "9" * 5000),
        (3, "not base64"),
        (3, b64encode(bytes(31)).decode()),
        (3, b64encode(bytes(33)).decode()),
    ],
)
def test_what_is_no_receipt_is_refused(line: int, other: str) -> None:
    """Each line has one form."""
    lines = bytes(receipt()).decode().split("\n")
    lines[line] = other
    with pytest.raises(CustodyError):
        Receipt.parse("\n".join(lines).encode())


@given(st.binary() | st.binary().map(lambda rest: MAGIC.encode() + b"\n" + rest))
def test_garbage_is_refused_as_such(content: bytes) -> None:
    """No other error comes out, whatever the bytes."""
    with pytest.raises(CustodyError):
        Receipt.parse(content)


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_a_receipt_with_other_data_inside_is_refused_as_such(inside: object) -> None:
    """No other error comes out, whatever the entries and parts are."""
    for fields in ({"entries": inside, "opened": inside}, {"entries": ["AAAA"], "opened": inside}):
        lines = bytes(receipt()).split(b"\n")
        lines[1] = b"extra " + b64encode(canonical(fields))
        with pytest.raises(CustodyError):
            Receipt.parse(b"\n".join(lines)).check(SIGNER.key)


def test_the_hash_of_a_payload_is_over_the_hashes_of_its_parts() -> None:
    """Bytes are hashed first, 32 bytes are a hash already, and no parts have no hash."""
    one, two = b"salt a", b"salt bc"
    hashes = [hashlib.sha256(part).digest() for part in (one, two)]
    wanted = hashlib.sha256(b"".join(hashes)).hexdigest()
    assert payload_hash((one, two)) == payload_hash((hashes[0], two)) == payload_hash(hashes) == wanted
    assert payload_hash((two, one)) != wanted
    assert payload_hash(()) is None


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=4), st.data())
def test_a_payload_can_be_opened_in_part(parts: list[bytes], data: st.DataObject) -> None:
    """Any parts may be replaced by their hashes, and the hash of the whole stays."""
    parts = [part if len(part) != SIZE else part[1:] for part in parts]
    shown = [part if data.draw(st.booleans()) else hashlib.sha256(part).digest() for part in parts]
    assert payload_hash(shown) == payload_hash(parts)


def test_a_receipt_needs_a_note() -> None:
    """A note without a signature, or of another log, proves nothing."""
    good = receipt()
    unsigned = replace(good, note=Note(good.note.text, (("example.org/w", b"1234" + bytes(64)),)))
    with pytest.raises(CustodyError, match="not signed with the key"):
        unsigned.check(SIGNER.key)
