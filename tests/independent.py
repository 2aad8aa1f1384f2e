"""A log, and proofs from one, checked with code that is not ours: sigstore's in Python, and Go's where it is installed.

On Debian: apt-get install --no-install-recommends golang-go golang-golang-x-mod-dev
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sigstore._internal import merkle

from houselights import custody, proofs
from houselights.custody import Checkpoint, Key, Tree

SOURCES = Path("/usr/share/gocode")
"""Where Debian keeps the sources of Go's packages."""
CALM = {"GOMAXPROCS": "1", "GOGC": "off"}
"""One thread and no garbage collection: Go's programs here are small."""
BUILD_S = 60
"""A build takes half a second."""
HAS_GO = shutil.which("go") is not None and (SOURCES / "src/golang.org/x/mod/sumdb").is_dir()
needs_go = pytest.mark.skipif(not HAS_GO, reason="Go and golang.org/x/mod are not installed")


def check(folder: Path, key: Key) -> None:
    """Return if the log in a folder is right in every part. Raises AssertionError otherwise.

    Go's part is left out where Go is not installed.
    """
    sigstore(folder, key)
    if HAS_GO:
        go(folder, key)


def sigstore(folder: Path, key: Key) -> None:
    """Return if sigstore's code takes each entry to the signed root with our proof. Raises AssertionError otherwise."""
    head = Checkpoint.open((folder / "checkpoint").read_bytes(), key)
    tree = Tree.at(folder, head.size)
    for index, entry in enumerate(custody.read_entries(folder, head.size)):
        proof = proofs.inclusion(tree, index, head.size)
        assert sigstore_root(merkle._hash_leaf(entry), index, head.size, proof) == head.root, f"entry {index}"


def sigstore_root(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that sigstore's code finds. Raises AssertionError where the proof has another number of hashes."""
    inner, border = merkle._decomp_inclusion_proof(index, size)
    assert len(proof) == inner + border, f"a proof for entry {index} of {size} has {inner + border} hashes"
    return merkle._chain_border_right(merkle._chain_inner(leaf, list(proof[:inner]), index), list(proof[inner:]))


def go(folder: Path, key: Key) -> None:
    """Return if Go's code finds each tile, each entry and its own proofs right. Raises AssertionError otherwise."""
    command = [_program(), str(key), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | CALM, timeout=300)
    assert done.returncode == 0, done.stderr


def go_holds(told: Iterable[Mapping[str, Any]]) -> list[bool]:
    """Whether each proof holds for Go's code; see `record` and `growth`."""
    lines = "\n".join(json.dumps(proof) for proof in told)
    done = subprocess.run(
        [_program()], input=lines, capture_output=True, text=True, check=True, env=os.environ | CALM, timeout=300
    )
    return [line == "true" for line in done.stdout.split()]


def record(leaf: bytes, index: int, size: int, root: bytes, proof: Sequence[bytes]) -> dict[str, Any]:
    """A proof that an entry is in a log, for Go."""
    found = {"kind": "record", "size": size, "index": index, "root": _text(root), "leaf": _text(leaf)}
    return found | {"hashes": [_text(step) for step in proof]}


def growth(old: int, size: int, began: bytes, root: bytes, proof: Sequence[bytes]) -> dict[str, Any]:
    """A proof that a log begins as it was, for Go, which knows none from an empty log."""
    found = {"kind": "tree", "size": size, "old": old, "root": _text(root), "began": _text(began)}
    return found | {"hashes": [_text(step) for step in proof]}


@cache
def _program() -> Path:
    """Our Go program, built once."""
    made = Path(tempfile.mkdtemp(prefix="independent-"))
    atexit.register(shutil.rmtree, made)
    program, source = made / "independent", Path(__file__).with_suffix(".go")
    modules = {"GO111MODULE": "off", "GOPATH": str(SOURCES), "GOFLAGS": "", "GOCACHE": str(made / "cache")}
    command = ["timeout", "--signal=KILL", str(BUILD_S), "go", "build", "-p", "1", "-o", program, source]
    for _ in range(3):  # Debian's compiler has been seen to run for ever where other work kept the processors busy
        if subprocess.run(command, env=os.environ | modules | CALM, check=False).returncode == 0:
            return program
    raise RuntimeError(f"go build failed, or did not end within {BUILD_S} s, three times")


def _text(content: bytes) -> str:
    return b64encode(content).decode()
