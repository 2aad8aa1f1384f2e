"""Facts about custody: it reads the public formats, finds what was changed in a log and says where, and runs alone."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import independent
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from houselights import custody
from houselights.custody import (
    COSIGNATURE,
    EMPTY,
    LARGEST,
    LOG,
    ML_DSA,
    SIZE,
    WIDTH,
    Checkpoint,
    CustodyError,
    Key,
    Note,
    Tree,
    canonical,
    decoded,
    fields_of,
    leaf_hash,
    read_entries,
    read_key,
    tile_path,
    tile_width,
    verify,
)
from houselights.errors import RecordError
from houselights.log import Log, Signer

SIGNER = Signer("example.org/gate", bytes(range(32)))
KEY = SIGNER.key
ROOT = b64encode(EMPTY).decode()
TEXT = f"{KEY.name}\n0\n{ROOT}\n"

# The example in the documentation of Go's package golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
# A cosignature that github.com/transparency-dev/formats made; published with github.com/yaglo/signed_note.
WITNESS = "vec.example/cosigv10+c12688da+BLMSTPoQj0PojM8eKiPf9xUT8g6b0OuMyvYb5sSu9JH5"
WITNESSED = (
    "vec.example/cosigv10\n"
    "42\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— vec.example/cosigv10 wSaI2gAAAABqbL5Q3HjbTCJeqMg3tmpdYGAg05ijTi7k0pyreJSULmtv3g+yXH+G/Ko87JG+QkLF6af9+GVVNlEIg"
    "f6T0bw0wQyMDw==\n"
).encode()


# ----------------------------------------------------------------------------------------------------------- makers


def chained(count: int, *, edited: int | None = None, hour: Callable[[int], int] = lambda _: 10) -> list[bytes]:
    """Entries of three uses, each with the hash of the one before it in its use."""
    entries: list[bytes] = []
    last: dict[str, str] = {}
    for index in range(count):
        use = f"use-{index % 3}"
        fields = {"use": use, "time": f"2026-11-22T{hour(index):02}:{index // 60 % 60:02}:{index % 60:02}Z"}
        if index == edited:
            fields["what"] = "edited"
        if use in last:
            fields["after"] = last[use]
        entries.append(canonical(fields))
        last[use] = leaf_hash(entries[-1]).hex()
    return entries


def written(folder: Path, *parts: Sequence[bytes], signer: Signer = SIGNER) -> Path:
    """A log of entries that were added in parts."""
    private = folder.with_name(f"{folder.name}-private")
    private.mkdir()
    log = Log(folder, private, signer)
    for part in parts:
        log.append(part)
    return folder


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 600 entries, with a copy of it from when it had 300, and one with the same entries but 57."""
    place = tmp_path_factory.mktemp("custody")
    entries = chained(600)
    shutil.copytree(written(place / "log", entries[:300]), place / "older")
    Log(place / "log", place / "log-private", SIGNER).append(entries[300:])
    written(place / "other", chained(600, edited=57))
    return place / "log"


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of the log to change."""
    return Path(shutil.copytree(original, tmp_path / "log"))


def faults(folder: Path, since: Path | None = None) -> list[str]:
    """What the check finds wrong."""
    return verify(folder, KEY, since).faults


def rewritten(folder: Path, change: Callable[[list[bytes]], list[bytes]], number: int = 1) -> None:
    """Change the entries of one bundle."""
    path = folder / tile_path("entries", number, WIDTH)
    content, at, found = path.read_bytes(), 0, []
    while at < len(content):
        length = int.from_bytes(content[at : at + 2])
        found.append(content[at + 2 : at + 2 + length])
        at += 2 + length
    path.write_bytes(b"".join(len(entry).to_bytes(2) + entry for entry in change(found)))


def signed(text: str, *lines: tuple[str, bytes]) -> Note:
    """A text with signatures."""
    return Note(text, lines)


# ---------------------------------------------------------------------------------------------------- public formats


def test_a_tile_lies_where_the_format_says() -> None:
    """R2: the examples of c2sp.org/tlog-tiles, and the borders between whole and part."""
    assert tile_path(0, 1234067, WIDTH) == "tile/0/x001/x234/067"
    assert tile_path("entries", 1234067, 17) == "tile/entries/x001/x234/067.p/17"
    assert [tile_path(3, n, 256) for n in (0, 999, 1000)] == ["tile/3/000", "tile/3/999", "tile/3/x001/000"]
    assert [tile_path(0, 0, width) for width in (1, 255)] == ["tile/0/000.p/1", "tile/0/000.p/255"]
    assert [tile_width(70_000, *place) for place in ((0, 272), (0, 273), (1, 0), (1, 1), (2, 0))] == [
        *(256, 112, 256, 17, 1),
    ]


def test_a_log_of_70000_entries_has_the_tiles_of_the_format_s_example(tmp_path: Path) -> None:
    """R2: 273 whole tiles and one of 112, one whole and one of 17 above, one of 1: right for Go, and checked."""
    entries = [b'{"use":"%d"}' % index for index in range(70_000)]
    log = written(tmp_path / "log", entries[:65_000], entries[65_000:])
    tiles = sorted(str(path.relative_to(log / "tile")) for path in log.glob("tile/**/*") if path.is_file())
    whole = [f"{n:03d}" for n in range(273)]
    assert tiles == sorted(
        [f"{level}/{name}" for level in ("0", "entries") for name in [*whole, "273.p/112"]]
        + ["1/000", "1/001.p/17", "2/000.p/1"]
    )
    assert list(read_entries(log, 70_000)) == entries
    if independent.HAS_GO:
        independent.go(log, KEY)
    highest = "tile/2/000.p/1"
    (log / highest).write_bytes(bytes(SIZE))
    assert faults(log) == [f"{highest}: it does not hold the hashes of the level below"]


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 600])
def test_a_log_is_right_for_code_that_is_not_ours(tmp_path: Path, size: int) -> None:
    """And for ours: without faults, without notices."""
    entries = chained(size)
    folder = written(tmp_path / "log", entries[:200], entries[200:])
    independent.check(folder, KEY)
    verdict = verify(folder, KEY)
    assert (verdict.faults, verdict.notices, verdict.checkpoint.size) == ([], [], size)
    assert list(read_entries(folder, size)) == entries


@pytest.mark.skipif(not independent.HAS_GO, reason="Go and golang.org/x/mod are not installed")
@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001"])
def test_go_refuses_a_log_that_was_changed(folder: Path, path: str) -> None:
    """So its silence means something."""
    content = bytearray((folder / path).read_bytes())
    content[20] ^= 1
    (folder / path).write_bytes(content)
    with pytest.raises(AssertionError):
        independent.go(folder, KEY)


def test_an_entry_has_65535_bytes_at_most(tmp_path: Path) -> None:
    """Its length is written in two bytes; an empty one has its place, too."""
    longest = canonical({"use": "x" * (LARGEST - 10)})
    assert len(longest) == LARGEST == 0xFFFF
    folder = written(tmp_path / "log", [b"", longest])
    assert list(read_entries(folder, 2)) == [b"", longest]
    independent.check(folder, KEY)
    with pytest.raises(RecordError, match="65536 bytes, expected 65535 at most"):
        Log(folder, tmp_path / "log-private", SIGNER).append([longest + b" "])


def test_the_published_note_is_genuine() -> None:
    """R2: Go's example has one signature by its key; with one letter changed it has none."""
    key, note = Key.parse(PETER), Note.parse(PETERS)
    assert (key.name, key.kind, key.number.hex(), str(key)) == ("PeterNeumann", LOG, "c74f20a3", PETER)
    assert note.signed(key) == (None,)
    assert bytes(note) == PETERS
    with pytest.raises(CustodyError, match="the signature of 'PeterNeumann' is not genuine"):
        Note.parse(PETERS.replace(b"cryptography", b"Cryptography")).signed(key)


def test_a_published_cosignature_is_genuine() -> None:
    """One that the reference implementation of witnesses made; with another size or time it is none."""
    key, note = Key.parse(WITNESS), Note.parse(WITNESSED)
    assert note.signed(key) == (1785511504,)
    with pytest.raises(CustodyError, match="not genuine"):
        Note.parse(WITNESSED.replace(b"\n42\n", b"\n43\n")).signed(key)
    name, line = note.signatures[0]
    with pytest.raises(CustodyError, match="not genuine"):
        signed(note.text, (name, line[:11] + b"Q" + line[12:])).signed(key)


def cosigned(kind: int, text: str, at: int) -> tuple[Key, bytes]:
    """A witness's key and its cosignature, made as c2sp.org/tlog-cosignature says."""
    name, stamp = "witness.example/w1", at.to_bytes(8)
    if kind == COSIGNATURE:
        one = Ed25519PrivateKey.from_private_bytes(bytes(32))
        signature = one.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
        return Key(name, kind, one.public_key().public_bytes_raw()), stamp + signature
    two = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    origin, size, root = text.split("\n")[:3]
    message = b"subtree/v1\n\x00" + bytes([len(name)]) + name.encode() + stamp
    message += bytes([len(origin)]) + origin.encode() + bytes(8) + int(size).to_bytes(8) + decoded(root, "root")
    return Key(name, kind, two.public_key().public_bytes_raw()), stamp + two.sign(message)


@pytest.mark.parametrize("kind", [COSIGNATURE, ML_DSA])
def test_a_cosignature_counts_for_its_checkpoint_and_time_alone(kind: int) -> None:
    """Size, root, origin, time and name are signed; both kinds are read back from their keys as text."""
    text = f"{KEY.name}\n7\n{ROOT}\n"
    key, signature = cosigned(kind, text, 1_790_000_000)
    assert (LOG, COSIGNATURE, ML_DSA) == (1, 4, 6)
    assert Key.parse(str(key)) == key
    line = (key.name, key.number + signature)
    assert Note.parse(bytes(signed(text, line))).signed(key) == (1_790_000_000,)
    assert signed(text, line, line).signed(key) == (1_790_000_000,) * 2
    later = (key.name, key.number + (1_790_000_001).to_bytes(8) + signature[8:])
    torn = (key.name, key.number + signature[:-1])
    bent = (key.name, key.number + signature[:40] + bytes([signature[40] ^ 1]) + signature[41:])
    other_root = text.replace(ROOT, b64encode(bytes(32)).decode())
    for wrong in (
        signed(text.replace("7", "8"), line),
        signed(text.replace("gate", "door"), line),
        signed(other_root, line),
        signed(text, later),
        signed(text, torn),
        signed(text, bent),
        signed(text, (key.name, key.number)),
    ):
        with pytest.raises(CustodyError, match=r"'witness.example/w1' is not genuine"):
            wrong.signed(key)
    renamed = Key("witness.example/w2", kind, key.public)
    assert signed(text, line).signed(renamed) == ()
    if kind == ML_DSA:
        with pytest.raises(CustodyError, match="not genuine"):
            signed(text, (renamed.name, renamed.number + signature)).signed(renamed)
        with pytest.raises(CustodyError, match="a checkpoint states"):
            signed("no checkpoint\n", line).signed(key)
        long = f"{'l' * 256}\n7\n{ROOT}\n"
        with pytest.raises(CustodyError, match="not genuine"):
            signed(long, line).signed(key)


def test_signatures_of_others_are_passed_over() -> None:
    """A name without the number, or a number without the name, is somebody else's line."""
    note = SIGNER.sign(TEXT)
    ((name, line),) = note.signatures
    assert note.signed(KEY) == (None,)
    for other in ((name, b"0000" + line[4:]), ("example.org/door", line), (name, b"")):
        assert signed(TEXT, other).signed(KEY) == ()
        assert signed(TEXT, other, (name, line)).signed(KEY) == (None,)
    with pytest.raises(CustodyError, match="is not genuine"):
        signed(TEXT, (name, line), (name, line[:-1] + b"0")).signed(KEY)


def test_a_checkpoint_is_opened_with_its_log_s_key_alone() -> None:
    """Not with another key, not with a witness's, not for another log, not without a signature."""
    note = SIGNER.sign(TEXT)
    found = Checkpoint.open(bytes(note), KEY)
    assert (found.origin, found.size, found.root, found.note) == (KEY.name, 0, EMPTY, note)
    other = Signer(KEY.name, bytes(32)).key
    door = Signer("example.org/door", bytes(range(32)))
    witness, signature = cosigned(COSIGNATURE, TEXT, 5)
    as_log = Key(KEY.name, COSIGNATURE, witness.public)
    for content, key in (
        (bytes(note), other),
        (bytes(door.sign(TEXT)), door.key),
        (bytes(signed(TEXT, (KEY.name, as_log.number + signature))), as_log),
        (bytes(signed(TEXT, (KEY.name, b"0000" + bytes(64)))), KEY),
    ):
        with pytest.raises(CustodyError, match=r"'example\.org/gate' is not signed with the key of"):
            Checkpoint.open(content, key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "gate\n0\n",
        f"\n0\n{ROOT}\n",
        f"gate\n\n{ROOT}\n",
        f"gate\n00\n{ROOT}\n",
        f"gate\n-1\n{ROOT}\n",
        f"gate\n+1\n{ROOT}\n",
        f"gate\n1 \n{ROOT}\n",
        f"gate\n٣\n{ROOT}\n",
        f"gate\n{10**18}\n{ROOT}\n",
        "gate\n0\nAAAA\n",
        f"gate\n0\n{b64encode(bytes(33)).decode()}\n",
        f"gate\n0\n{ROOT}=\n",
        f"gate\n0\n{ROOT}\n\nmore\n",
    ],
)
def test_what_states_no_checkpoint_is_refused(text: str) -> None:
    """Three lines, a size in its one form, a root of 32 bytes, no empty lines."""
    with pytest.raises(CustodyError):
        Checkpoint.of(Note(text, ()))


def test_a_checkpoint_may_have_more_lines_and_any_size() -> None:
    """Other logs state more; a size has up to 18 digits."""
    more = Checkpoint.of(Note(f"gate\n{10**18 - 1}\n{ROOT}\nmore\n", ()))
    assert (more.size, more.root) == (10**18 - 1, EMPTY)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        PETERS[:-1],
        PETERS.splitlines(keepends=True)[-1],
        PETERS + b"\n",
        PETERS + b"more\n",
        PETERS.replace(b"\n\n", b"\n"),
        PETERS.replace("— ".encode(), b"- "),
        PETERS.replace("— ".encode(), "—".encode()),
        PETERS.replace(b"PeterNeumann ", b"PeterNeumann  "),
        PETERS.replace(b"PeterNeumann ", b" "),
        PETERS.replace(b"PeterNeumann ", b"Peter+Neumann "),
        PETERS.replace(b"PeterNeumann ", "Peter\u2003Neumann ".encode()),
        PETERS.replace(b"PeterNeumann ", b"Peter\x01 "),
        PETERS.replace(b"x08g", b"x08 "),
        PETERS.replace(b"x08g", b"x0-g"),
        PETERS.replace(b"nAM=\n", b"nAN=\n"),
        PETERS.replace(b"nAM=\n", b"nAM==\n"),
        PETERS.replace(b"nAM=\n", b"nAM\n"),
        PETERS.replace(b"nAM=\n", b"nAM=\r\n"),
        PETERS.replace(b"nAM=\n", b"nAM=\x0b\n"),
        PETERS.replace(b"you", b"\xff\xff\xff"),
        PETERS.replace(b"you", b"\x1b[m"),
        PETERS.replace(b"you", b"\tou"),
        PETERS.replace(b"you", b"\x00ou"),
    ],
)
def test_what_is_no_note_is_refused(content: bytes) -> None:
    """Line ends, spaces, names, base64 and characters that steer a terminal: each has one form or none."""
    with pytest.raises(CustodyError):
        Note.parse(content)


def test_a_note_may_have_empty_lines_in_its_text() -> None:
    """The last empty line is the one before the signatures."""
    line = PETERS.splitlines()[-1] + b"\n"
    note = Note.parse("a — b\u0085c\n\n\n\n".encode() + line + line)
    assert note.text == "a — b\u0085c\n\n\n"
    assert len(note.signatures) == 2
    assert Note.parse(bytes(note)) == note


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gate",
        "gate+00000000",
        PETER[1:],
        PETER.replace("c74f", "c74e"),
        PETER.replace("+c74f20a3", "+C74F20A3"),
        PETER[:-1],
        PETER + "=",
        PETER.replace("ARpc", "AR-c"),
        str(Key("", LOG, bytes(32))),
        str(Key("two words", LOG, bytes(32))),
        str(Key("two\u2003words", LOG, bytes(32))),
        str(Key("steer\x1b", LOG, bytes(32))),
        str(Key("gate", LOG, bytes(31))),
        str(Key("gate", COSIGNATURE, bytes(33))),
        str(Key("gate", ML_DSA, bytes(32))),
        str(Key("gate", 0x02, bytes(32))),
        "gate+00000000+",
        "gate\udcff+00000000+" + b64encode(bytes([LOG]) + bytes(32)).decode(),
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    """Name, number, kind and length have to fit each other."""
    with pytest.raises(CustodyError):
        Key.parse(text)


def test_a_key_is_given_as_it_is_or_as_a_file(tmp_path: Path) -> None:
    """With or without space around it."""
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert read_key(str(tmp_path / "key")) == read_key(str(KEY)) == read_key(f" {KEY}\n") == KEY
    (tmp_path / "key").write_bytes(b"\xff+")
    for wrong in ("key", "none"):
        with pytest.raises(CustodyError):
            read_key(str(tmp_path / wrong))


SOME = st.text() | st.text(alphabet="+=/AB01 —\n\x00gate")


@given(SOME)
def test_any_text_is_a_key_or_refused(text: str) -> None:
    """Nothing else happens."""
    with suppress(CustodyError):
        assert str(Key.parse(text)) == text.strip()


@given(st.binary() | SOME.map(str.encode) | st.builds("{}\n\n— {} {}\n".format, SOME, SOME, SOME).map(str.encode))
def test_any_bytes_are_a_note_or_refused(content: bytes) -> None:
    """And a note is written as it was read."""
    with suppress(CustodyError):
        assert bytes(Note.parse(content)) == content


@given(SOME | st.builds("{}\n{}\n{}\n".format, SOME, st.integers() | SOME, st.just(ROOT) | SOME))
def test_any_text_is_a_checkpoint_or_refused(text: str) -> None:
    """And a checkpoint has its three lines."""
    with suppress(CustodyError):
        found = Checkpoint.of(Note(text, ()))
        assert text.startswith(f"{found.origin}\n{found.size}\n{b64encode(found.root).decode()}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(max_codepoint=127)), JSON))
def test_the_one_form_is_that_of_rfc_8785(document: dict[str, object]) -> None:
    """Another implementation writes the same bytes, and they are read back."""
    assert canonical(document) == rfc8785.dumps(document)
    assert fields_of(canonical(document)) == document


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b"{} ",
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":-0}',
        b'{"a":1e400}',
        b'{"a":"\\u00e4"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        '{"a":1}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_an_entry_in_another_form_is_refused(entry: bytes) -> None:
    """Whoever writes the same again gets the same hash."""
    with pytest.raises(CustodyError, match="no JSON object in canonical form"):
        fields_of(entry)


# ------------------------------------------------------------------------------------------------- what was changed


def test_a_log_that_grew_is_whole_and_goes_on(original: Path) -> None:
    """From the older checkpoint, the older copy, itself and nothing."""
    older = original.with_name("older")
    for since in (None, older, older / "checkpoint", original, original / "checkpoint"):
        assert faults(original, since) == []


def test_an_edited_entry_is_found(folder: Path) -> None:
    """R3: by number; the entry that names it no longer does."""
    rewritten(folder, lambda found: [*found[:44], found[44].replace(b"T10", b"T11"), *found[45:]])
    assert faults(folder) == [
        "entry 300: not the one that was logged",
        "entry 303: it does not name the entry before it in its use",
        "tile/1/000.p/2: it does not hold the hashes of the level below",
        "entries 0 to 599: they do not have the root that the checkpoint signs",
    ]


def test_an_edited_entry_is_found_when_all_tiles_were_made_to_fit(original: Path, tmp_path: Path) -> None:
    """The signed root gives it away; an older copy gives the place."""
    forged = written(tmp_path / "log", chained(600, edited=57))
    shutil.copy(original / "checkpoint", forged / "checkpoint")
    root = "entries 0 to 599: they do not have the root that the checkpoint signs"
    older = original.with_name("older")
    assert faults(forged) == [root]
    assert faults(forged, older / "checkpoint") == [
        root,
        "entries 0 to 299: one of them is not what the older checkpoint signs",
    ]
    assert faults(forged, older) == [root, "entry 57: it is not what the older checkpoint signs"]


def test_a_history_that_was_written_anew_and_signed_is_found(original: Path) -> None:
    """Nothing in the log itself gives it away; whoever kept a checkpoint sees it, whoever kept a copy sees where."""
    older, forged = original.with_name("older"), original.with_name("other")
    assert faults(forged) == []
    wrong = "is not what the older checkpoint signs"
    assert faults(forged, older / "checkpoint") == [f"entries 0 to 299: one of them {wrong}"]
    assert faults(forged, older) == [f"entry 57: it {wrong}"]
    assert faults(forged, original / "checkpoint") == [f"entries 0 to 599: one of them {wrong}"]
    assert faults(forged, original) == [f"entry 57: it {wrong}"]


@pytest.mark.parametrize("place", [0, 1, 127, 128, 255, 256, 257, 298, 299])
def test_the_first_entry_that_differs_is_named(original: Path, place: int) -> None:
    """Wherever it is in the tree."""
    leaves = [leaf_hash(entry) for entry in chained(300)]
    trees = [Tree.at(original.with_name("older"), 300)]
    for index in (place, 299):
        leaves[index] = EMPTY
    content = b"".join(leaves)
    above = custody.fold(content[: WIDTH * SIZE])
    trees.append(Tree(lambda level, n: (content, above)[level][n * WIDTH * SIZE : (n + 1) * WIDTH * SIZE]))
    assert trees[0].first_difference(trees[1], 300) == trees[1].first_difference(trees[0], 300) == place


@pytest.mark.parametrize("size", [0, 1, 255, 256, 299, 599])
def test_a_truncated_log_is_found(original: Path, tmp_path: Path, size: int) -> None:
    """R3: signed anew for fewer entries: the older checkpoint says which are gone."""
    shorter = written(tmp_path / "log", chained(size))
    assert faults(shorter) == []
    gone = f"entries {size} to 599: gone, the older checkpoint has 600 entries"
    assert faults(shorter, original) == faults(shorter, original / "checkpoint") == [gone]


def test_a_log_that_was_rolled_back_is_found(original: Path) -> None:
    """R3: an older copy in its place is genuine, but not the newest."""
    older = original.with_name("older")
    assert faults(older, original / "checkpoint") == [
        "entries 300 to 599: gone, the older checkpoint has 600 entries",
    ]


def test_deleted_entries_are_found(original: Path, folder: Path) -> None:
    """R3: one from within a bundle, one from its end, a whole bundle, a bundle with its tile."""
    behind = [f"entry {index}: it does not name the entry before it in its use" for index in (512, 513, 514)]
    rewritten(folder, lambda found: found[:100] + found[101:])
    lost = "entries 256 to 511: tile/entries/001 does not hold 256 entries"
    assert faults(folder) == [lost, *behind]
    bundle = folder / "tile/entries/001"
    shutil.copy(original / "tile/entries/001", bundle)
    assert faults(folder) == []
    for end in (-1, -10):
        bundle.write_bytes((original / "tile/entries/001").read_bytes()[:end])
        assert faults(folder) == [lost, *behind]
    bundle.write_bytes((original / "tile/entries/001").read_bytes() + b"\0")
    assert faults(folder) == [lost, *behind]
    bundle.unlink()
    missing = "entries 256 to 511: tile/entries/001 is missing"
    assert faults(folder) == [missing, *behind]
    (folder / "tile/0/001").unlink()
    with pytest.raises(CustodyError, match=f"{missing}; tile/0/001 is missing"):
        faults(folder)


def test_deleted_and_torn_tiles_are_found(folder: Path) -> None:
    """On every level; the entries still have the signed root, so each tile is the only fault."""
    for path in ("tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2"):
        content = (folder / path).read_bytes()
        (folder / path).write_bytes(content[:-1])
        assert faults(folder) == [f"{path} has {len(content) - 1} bytes, expected {len(content)}"]
        (folder / path).unlink()
        assert faults(folder) == [f"{path} is missing"]
        (folder / path).mkdir()
        assert faults(folder) == [f"{path} cannot be read: Is a directory"]
        (folder / path).rmdir()
        (folder / path).write_bytes(content)
    assert faults(folder) == []


def test_a_whole_tile_may_stand_for_its_part(tmp_path: Path) -> None:
    """A reader with an older checkpoint finds the part gone and the whole there: the format allows it."""
    folder = written(tmp_path / "log", chained(100))
    kept = (folder / "checkpoint").read_bytes()
    Log(folder, tmp_path / "log-private", SIGNER).append(chained(256)[100:])
    assert not (folder / "tile/0/000.p").exists()
    (folder / "checkpoint").write_bytes(kept)
    assert (faults(folder), verify(folder, KEY).checkpoint.size) == ([], 100)
    assert list(read_entries(folder, 100)) == chained(100)
    (folder / "tile/entries/000").unlink()
    assert faults(folder) == ["entries 0 to 99: tile/entries/000.p/100 is missing"]


def test_reordered_entries_are_found(folder: Path) -> None:
    """R3: each with the place where it was; entries of one use no longer follow each other."""
    rewritten(folder, lambda found: [found[3], *found[1:3], found[0], *found[4:]], number=0)
    assert faults(folder)[:5] == [
        "entry 0: it was entry 3",
        "entry 3: it was entry 0",
        "entry 0: it does not name the entry before it in its use",
        "entry 3: it does not name the entry before it in its use",
        "entry 6: it does not name the entry before it in its use",
    ]


def test_an_inserted_entry_is_found(folder: Path) -> None:
    """The bundle no longer holds what it has to; put in another's place, that one is named."""
    rewritten(folder, lambda found: [*found[:10], b"{}", *found[10:]], number=0)
    assert faults(folder)[0] == "entries 0 to 255: tile/entries/000 does not hold 256 entries"
    rewritten(folder, lambda found: found[:11] + found[12:], number=0)
    assert faults(folder)[0] == "entry 10: not the one that was logged"
    rewritten(folder, lambda found: [*found[:10], *found[11:], found[0]], number=0)
    assert faults(folder)[0] == "entry 10: it was entry 11"


def test_a_lost_bundle_does_not_hide_what_the_tile_states(folder: Path) -> None:
    """A tile changed to fit nothing is found, with or without its entries."""
    (folder / "tile/entries/000").unlink()
    tile = folder / "tile/0/000"
    tile.write_bytes(bytes(SIZE) + tile.read_bytes()[SIZE:])
    assert [fault for fault in faults(folder) if "name" not in fault] == [
        "entries 0 to 255: tile/entries/000 is missing",
        "tile/1/000.p/2: it does not hold the hashes of the level below",
        "entries 0 to 599: they do not have the root that the checkpoint signs",
    ]


def test_a_changed_tile_is_found_on_every_level(folder: Path) -> None:
    """Below the entry is named, above the tile."""
    for path, fault in (
        ("tile/0/001", "entry 257: not the one that was logged"),
        ("tile/0/002.p/88", "entry 513: not the one that was logged"),
        ("tile/1/000.p/2", "tile/1/000.p/2: it does not hold the hashes of the level below"),
    ):
        content = (folder / path).read_bytes()
        (folder / path).write_bytes(content[:SIZE] + bytes(SIZE) + content[2 * SIZE :])
        assert faults(folder) == [fault]
        (folder / path).write_bytes(content)


def test_equal_entries_are_each_in_their_place(tmp_path: Path) -> None:
    """The same bytes twice are at fault for what they say, not for where they are."""
    folder = written(tmp_path / "log", [b'{"use":"a"}', b'{"use":"b"}', b'{"use":"a"}'])
    assert faults(folder) == ["entry 2: it does not name the entry before it in its use"]


def test_an_entry_that_says_nothing_readable_is_a_fault(tmp_path: Path) -> None:
    """It can be in the log only if the operator put it there."""
    entries = [*chained(3), b"not JSON", *chained(6)[3:]]
    folder = written(tmp_path / "log", entries)
    assert faults(folder) == ["entry 3: the entry is no JSON object in canonical form (RFC 8785)"]


def test_a_huge_size_does_not_keep_the_check_busy(folder: Path) -> None:
    """Whoever signs 10^17 entries without having them is told at the first that is missing."""
    (folder / "checkpoint").write_bytes(bytes(SIGNER.sign(f"{KEY.name}\n{10**17}\n{ROOT}\n")))
    begun = time.monotonic()
    with pytest.raises(CustodyError, match="entries 512 to 767: tile/entries/002 is missing; tile/0/002 is missing"):
        faults(folder)
    assert time.monotonic() - begun < 5


def test_a_signed_root_of_no_entries_has_to_be_right(tmp_path: Path) -> None:
    """An empty log has the hash of nothing."""
    (tmp_path / "checkpoint").write_bytes(bytes(SIGNER.sign(TEXT)))
    assert faults(tmp_path) == []
    (tmp_path / "checkpoint").write_bytes(bytes(SIGNER.sign(TEXT.replace(ROOT, b64encode(bytes(32)).decode()))))
    assert len(faults(tmp_path)) == 1


def test_a_clock_that_was_set_back_is_noticed(tmp_path: Path) -> None:
    """Each entry from before the latest time so far, or without one; the same time twice is none."""
    folder = written(tmp_path / "log", chained(6, hour=lambda index: (10, 12, 11, 11, 12, 13)[index]))
    verdict = verify(folder, KEY)
    assert verdict.faults == []
    assert verdict.notices == [
        f"entry {index} is of 2026-11-22T11:00:0{index}Z, one before it of 2026-11-22T12:00:01Z: the clock was set back"
        for index in (2, 3)
    ]
    again = canonical({"use": "a", "time": "2026-11-22T10:00:00Z"})
    other = canonical({"use": "b", "time": "2026-11-22T10:00:00Z"})
    without = canonical({"use": "c"})
    assert verify(written(tmp_path / "same", [again, without, other]), KEY).notices == [
        "entry 1 is of , one before it of 2026-11-22T10:00:00Z: the clock was set back",
    ]


@given(st.data())
def test_no_changed_byte_stays_unseen(original: Path, data: st.DataObject) -> None:
    """In any file that the checkpoint points at: a fault or a refusal."""
    tiles = [(level, *place) for level in (0, "entries") for place in ((0, 256), (1, 256), (2, 88))] + [(1, 0, 2)]
    path = original / data.draw(st.sampled_from(["checkpoint", *(tile_path(*tile) for tile in tiles)]))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    changed = content[at] ^ data.draw(st.integers(1, 255))
    try:
        path.write_bytes(content[:at] + bytes([changed]) + content[at + 1 :])
        assert faults(original)
    except CustodyError:
        pass
    finally:
        path.write_bytes(content)


# ------------------------------------------------------------------------------------------------------- the command


SOURCE = Path(custody.__file__)


def ran(source: Path, *arguments: object, flags: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """The command as somebody else would run it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    line = [sys.executable, *flags, source, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False, env=clean, cwd=source.parent)


def test_the_file_runs_alone(folder: Path, tmp_path: Path) -> None:
    """Copied to an empty folder, isolated from all others: 0 and 1, with what is wrong in words."""
    (tmp_path / "alone").mkdir()
    alone = Path(shutil.copy(SOURCE, tmp_path / "alone"))
    good = ran(alone, "verify", folder, "--key", KEY, flags=["-I"])
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout == "example.org/gate: 600 entries, all as they were logged\n"
    (folder / "tile/0/001").unlink()
    bad = ran(alone, "verify", folder, "--key", KEY, flags=["-I"])
    assert (bad.returncode, bad.stderr) == (1, "")
    assert bad.stdout == "wrong: tile/0/001 is missing\nexample.org/gate: 600 entries, 1 wrong\n"


def test_the_file_runs_where_it_is(original: Path) -> None:
    """`types.py` beside it does not stand for Python's."""
    assert (SOURCE.parent / "types.py").exists()
    for flags in ([], ["-P"]):
        done = ran(SOURCE, "verify", original, "--key", KEY, "--since", original.with_name("older"), flags=flags)
        assert (done.returncode, done.stderr) == (0, "")


def test_an_import_of_the_file_leaves_the_path_alone() -> None:
    """Only the command clears its way."""
    before = list(sys.path)
    runpy.run_path(str(SOURCE), run_name="custody_elsewhere")
    assert sys.path == before


def test_the_file_needs_python_and_cryptography_alone() -> None:
    """No import of ours, wherever in the file."""
    named = set()
    for node in ast.walk(ast.parse(SOURCE.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            named.add(node.module or "")
    assert {name.split(".")[0] for name in named} <= {*sys.stdlib_module_names, "cryptography"}


def test_the_command_says_what_it_found(
    original: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 1 for any fault, also where there is no log or no key."""

    def said(*arguments: object) -> tuple[int, str]:
        status = custody.main(["verify", *map(str, arguments)])
        return status, capsys.readouterr().out

    (tmp_path / "key").write_text(str(KEY))
    whole = "example.org/gate: 600 entries, all as they were logged\n"
    assert said(original, "--key", tmp_path / "key", "--since", original.with_name("older")) == (0, whole)
    gone = "wrong: entries 300 to 599: gone, the older checkpoint has 600 entries\n"
    assert said(original.with_name("older"), "--key", KEY, "--since", original) == (
        1,
        f"{gone}example.org/gate: 300 entries, 1 wrong\n",
    )
    assert said(tmp_path, "--key", KEY) == (
        1,
        f"wrong: '{tmp_path}/checkpoint' cannot be read: No such file or directory\n",
    )
    assert said(original, "--key", "no+key+at all")[0] == 1
    nothing = canonical({"time": "2026-11-22T23:00:00Z"})
    rewritten(folder, lambda _: [nothing] * 256, number=1)
    (folder / "tile/entries/002.p/88").unlink()
    status, out = said(folder, "--key", KEY)
    assert (status, len(out.splitlines())) == (1, custody.SHOWN + 1)
    assert out.splitlines()[-1] == "example.org/gate: 600 entries, 514 wrong"


def test_the_command_asks_for_what_it_needs(original: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verb, a folder and a key; else 2 is the exit status."""
    for arguments in ([], ["check", original, "--key", KEY], ["verify", original], ["verify", "--key", KEY]):
        with pytest.raises(SystemExit) as ended:
            custody.main([str(argument) for argument in arguments])
        assert ended.value.code == 2
        assert "usage:" in capsys.readouterr().err


def test_notes_come_before_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a reader must know does not make a log wrong."""
    entries = chained(150, hour=lambda index: 12 if index == 0 else 11)
    folder = written(tmp_path / "log", entries)
    assert custody.main(["verify", str(folder), "--key", str(KEY)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == custody.SHOWN + 1
    assert lines[0].startswith("note: entry 1 is of 2026-11-22T11:00:01Z, one before it of 2026-11-22T12:00:00Z")
    assert lines[-1] == "example.org/gate: 150 entries, all as they were logged"


def test_nothing_in_a_log_steers_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be printed comes out as a question mark."""
    times = ("\x1b[2J\x07\u202e\n\u2028 b", "\x1b a")
    entries = [canonical({"use": str(index), "time": time}) for index, time in enumerate(times)]
    folder = written(tmp_path / "log", entries)
    assert verify(folder, KEY).notices
    assert custody.main(["verify", str(folder), "--key", str(KEY)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].startswith("note: entry 1 is of ? a, one before it of ?[2J???? b:")
    assert all(char.isprintable() or char == "\n" for char in out)
    assert len(out.splitlines()) == 2


def test_hashes_are_those_of_rfc_6962() -> None:
    """An entry and a pair of hashes begin with different bytes, so neither can stand for the other."""
    assert leaf_hash(b"entry") == hashlib.sha256(b"\x00entry").digest()
    assert custody.node_hash(b"a", b"b") == hashlib.sha256(b"\x01ab").digest()
    assert hashlib.sha256(b"").digest() == EMPTY
    halves = [custody.half(count) for count in range(2, 10)]
    assert halves == [1, 2, 2, 4, 4, 4, 4, 8]
    assert all(before <= after for before, after in pairwise(halves))
    assert json.loads(canonical({"b": "ä", "a": [1, None, True]})) == {"a": [1, None, True], "b": "ä"}
