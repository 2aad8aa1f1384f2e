"""What the tests of residue share: a child that tells what it makes of faces, what it wrote, and a search for traces.

`python residue.py FD ARGUMENT...` runs the command line in this process and sends the bytes of every template, aligned
face and sealed document to the socket FD: to no file, so that what strace sees being written is the program's own.
"""

from __future__ import annotations

import base64
import binascii
import importlib
import json
import re
import resource
import socket
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import wraps
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from PIL import Image
from scipy.spatial import KDTree

from houselights.faces import SIDE
from houselights.types import Float32, UInt8

Tell = Callable[..., object]
HEAD = struct.Struct(">cI")
TEMPLATE, CROP, GREY, SEALED, PROBE, LIMIT = (bytes([letter]) for letter in b"TCGSPL")
"""What a message of the child is: templates, an aligned face in RGB or grey, a sealed content, a track, core sizes."""


# ------------------------------------------------------------------------------------------------------ the child


class Teller:
    """The child's end of the socket."""

    def __init__(self, fd: int) -> None:
        """The socket is the parent's gift."""
        self._socket = socket.socket(fileno=fd)

    def send(self, kind: bytes, content: bytes) -> None:
        """One message, by `sendto`: this call cannot reach a disk, and strace does not stop at it."""
        self._socket.sendall(HEAD.pack(kind, len(content)) + content)

    def templates(self, made: Float32, *_: object, **__: object) -> None:
        """Templates (d,) or (n, d)."""
        self.send(TEMPLATE, np.atleast_2d(made).astype(np.float32).tobytes())

    def before_and_after(self, made: Float32, given: Float32, *_: object) -> None:
        """The recogniser's own numbers as well as what was scaled to length 1."""
        self.templates(made)
        self.templates(given)

    def patch(self, made: UInt8, *_: object) -> None:
        """An aligned face; other sizes are the report's, which are looked at as pictures."""
        if made.ndim == 2:
            self.send(GREY, made.tobytes())
        elif len(made) == SIDE:
            self.send(CROP, made.tobytes())

    def sealed(self, _: bytes, __: object, content: bytes, *___: object) -> None:
        """What goes under a seal, where no scan could look."""
        self.send(SEALED, content)

    def probes(self, _: object, __: object, probes: Iterable[Any], *___: object) -> None:
        """Every track that was compared, and in what state the process is to leave a core behind."""
        self.send(LIMIT, json.dumps(resource.getrlimit(resource.RLIMIT_CORE)).encode())
        for probe in probes:
            told = {"footage": probe.footage, "shots": [asdict(shot) for shot in probe.shots]}
            self.send(PROBE, json.dumps(told | {"template": probe.template.tolist()}).encode())


def tapped(function: Callable[..., Any], tell: Tell) -> Callable[..., Any]:
    """The function itself, which also tells what came of it and what it was given."""

    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever the function takes
        made = function(*given, **named)
        tell(made, *given, *named.values())
        return made

    return call


def tap(home: str, name: str, tell: Tell) -> None:
    """Tap a function of a module in every module that has it, or a method of a class."""
    *path, last = name.split(".")
    owner = importlib.import_module(f"houselights.{home}")
    for part in path:
        owner = getattr(owner, part)
    original = getattr(owner, last)
    known = [module for key, module in sys.modules.items() if key.startswith("houselights.")]
    for place in (owner, *known):
        for key in [key for key, value in vars(place).items() if value is original]:
            setattr(place, key, tapped(original, tell))


def child(fd: int, arguments: list[str]) -> None:
    """Run the command line as it is, watched."""
    cli = importlib.import_module("houselights.cli")
    teller = Teller(fd)
    tap("templates", "Recogniser.embed", teller.templates)
    tap("templates", "Recogniser.embed_plain", teller.templates)
    tap("templates", "Recogniser.embed_alone", teller.templates)
    tap("templates", "Recogniser.both_ways", teller.templates)
    tap("templates", "fuse", teller.templates)
    tap("templates", "fuse_shots", teller.templates)
    tap("templates", "unit", teller.before_and_after)
    tap("frame", "Frame.patch", teller.patch)
    tap("frame", "Frame.luma_patch", teller.patch)
    tap("store", "_sealed", teller.sealed)
    tap("search", "candidates", teller.probes)
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))  # whoever wants no cores has to say so
    sys.argv = ["houselights", *arguments]
    cli.main()


# -------------------------------------------------------------------------------------------- what the child did

WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2")
UNSEEN = ("sendfile", "copy_file_range", "splice", "vmsplice", "io_uring_setup")
"""Ways to a file on which strace does not see the data."""
_CALL = re.compile(rf"^\d+ +(?:{'|'.join(WRITES)})\(\d+<([^>]*)>(?:\(deleted\))?, (.*)$")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True, slots=True)
class Told:
    """What a child made, wrote and said."""

    status: int
    said: str
    made: dict[bytes, list[bytes]]
    written: dict[str, bytes]
    """All bytes by file, in the order in which they were written; a file that is gone again counts as well."""
    unseen: list[str]
    """Calls that could have carried bytes to a disk or a network unseen, and memory shared with a file."""

    def of(self, kind: bytes) -> list[bytes]:
        """The contents of all messages of one kind."""
        return self.made.get(kind, [])

    def templates(self) -> Float32:
        """(n, d) every template that was made."""
        size = len(self.probes()[0]["template"])
        return np.frombuffer(b"".join(self.of(TEMPLATE)), np.float32).reshape(-1, size)

    def crops(self) -> list[UInt8]:
        """Every aligned face in colour."""
        return [np.frombuffer(each, np.uint8).reshape(SIDE, SIDE, 3) for each in self.of(CROP)]

    def greys(self) -> list[UInt8]:
        """Every aligned face in grey."""
        return [np.frombuffer(each, np.uint8).reshape(2 * (round(len(each) ** 0.5),)) for each in self.of(GREY)]

    def probes(self) -> list[dict[str, Any]]:
        """Every track that was compared."""
        return [json.loads(each) for each in self.of(PROBE)]


def watch(command: Sequence[object], trace: Path, environment: dict[str, str]) -> Told:
    """Run a command under strace; `{fd}` in it is the number of the socket to this process."""
    ours, theirs = socket.socketpair()
    calls = ",".join((*WRITES, *UNSEEN, "mmap", "connect"))
    strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", str(1 << 24), "-e", f"trace={calls}"]
    words = [str(word).format(fd=theirs.fileno()) for word in command]
    made: dict[bytes, list[bytes]] = {}
    with ours, subprocess.Popen(
        [*strace, "-e", "signal=none", "-o", trace, *words], pass_fds=[theirs.fileno()], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        theirs.close()
        hearing = Thread(target=_hear, args=(ours, made))
        hearing.start()
        said, _ = process.communicate()
        hearing.join()
    return Told(process.returncode, said, made, *_read(trace.read_text()))


def _hear(ours: socket.socket, made: dict[bytes, list[bytes]]) -> None:
    with ours.makefile("rb") as stream:
        while head := stream.read(HEAD.size):
            kind, size = HEAD.unpack(head)
            made.setdefault(kind, []).append(stream.read(size))


def _read(trace: str) -> tuple[dict[str, bytes], list[str]]:
    parts: dict[str, list[bytes]] = {}
    unseen = []
    for line in trace.splitlines():
        if (call := _CALL.match(line)) is not None:
            path, rest = call.groups()
            parts.setdefault(_plain(path), []).extend(_bytes(text) for text in _TEXT.findall(rest))
            unseen += [line[:200]] if '"...' in line else []
        elif "mmap(" in line:
            shared = "MAP_SHARED" in line and "PROT_WRITE" in line and "MAP_ANONYMOUS" not in line
            unseen += [line[:200]] if shared else []
        elif "connect(" in line:
            unseen += [line[:200]] if line.endswith(" = 0") or "EINPROGRESS" in line else []
        elif any(f"{name}(" in line for name in (*UNSEEN, *WRITES)):
            unseen.append(line[:200])
    return {path: b"".join(those) for path, those in parts.items()}, unseen


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _plain(path: str) -> str:
    return _bytes(path).decode(errors="replace") if path.startswith("\\x") else path


# --------------------------------------------------------------------------------------------- a search for traces

RUN = 8  # numbers of a template in a row that give it away
FEW = 8  # a row of fewer grey levels than these can stand anywhere
DIGITS = 6e-4  # numbers written with three digits are still found
WORDS = 4  # numbers in a row, as text
_NUMBER = re.compile(rb"-?\d*\.\d+(?:[eE][-+]?\d+)?")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{20,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){16,}")
_DEFLATED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08|PK\x03\x04.{4}\x08\0.{16}(.{4})", re.DOTALL)
"""zlib, gzip, and a file in a zip archive: the lengths of its name and of what follows the name."""
_PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|RIFF....WEBP|GIF8|BM....\0\0\0\0", re.DOTALL)


def views(content: bytes) -> Iterator[bytes]:
    """The bytes themselves, and what can be made of them without a key: base64, hex and what was deflated."""
    yield content
    for found in _DEFLATED.finditer(content):
        names = sum(struct.unpack("<HH", found[1])) if found[1] else 0
        inflater = zlib.decompressobj(-zlib.MAX_WBITS if found[1] else 32 + zlib.MAX_WBITS)
        try:
            yield inflater.decompress(content[found.end() + names if found[1] else found.start() :], 1 << 26)
        except zlib.error:
            continue
    for run in _HEX.findall(content):
        yield binascii.unhexlify(run)
    for run in _BASE64.findall(content.translate(bytes.maketrans(b"-_", b"+/"))):
        for start in range(4):  # a run may begin before what is looked for
            part = run[start:].rstrip(b"=")
            part = part[:-1] if len(part) % 4 == 1 else part
            yield base64.b64decode(part + b"=" * (-len(part) % 4))


@dataclass(frozen=True, slots=True)
class Needles:
    """What is looked for. A string of bytes is found by the eight in its middle, then compared as a whole."""

    strings: dict[int, list[tuple[bytes, str]]] = field(default_factory=dict)
    numbers: list[Float32] = field(default_factory=list)

    def add(self, string: bytes, name: str) -> None:
        """Look for this string, too."""
        self.strings.setdefault(_middle(string), []).append((string, name))

    def templates(self, templates: Float32) -> None:
        """Every eighth run of eight numbers, as any machine would lay them down, and as text."""
        for number, template in enumerate(np.unique(templates, axis=0)):
            for form in ("<f4", ">f4", "<f8", ">f8", "<f2", ">f2"):
                for start in range(0, len(template) - RUN + 1, RUN):
                    self.add(template[start : start + RUN].astype(form).tobytes(), f"template {number} as {form}")
            self.numbers.append(template)

    def rows(self, picture: UInt8, name: str) -> None:
        """Each row of a picture: grey (h, w), or RGB (h, w, 3) as RGB, BGR and planes."""
        if picture.ndim == 3:
            forms = [picture.reshape(len(picture), -1), picture[..., ::-1].reshape(len(picture), -1)]
            forms += [picture[..., channel] for channel in range(3)]
        else:
            forms = [picture]
        for form in forms:
            levels = (np.diff(np.sort(form, axis=1), axis=1) > 0).sum(axis=1) + 1
            for row in np.flatnonzero(levels >= FEW):
                self.add(form[row].tobytes(), f"{name}, row {row}")

    def found(self, content: bytes) -> set[str]:
        """Names of all that stands in these bytes, plain or encoded."""
        keys = np.sort(np.fromiter(self.strings, np.uint64, len(self.strings)))
        return {name for view in views(content) for name in (*self._strings(view, keys), *self._texts(view))}

    def _strings(self, view: bytes, keys: np.ndarray) -> Iterator[str]:
        for shift in range(min(8, max(0, len(view) - 7))):
            words = np.frombuffer(view, "<u8", (len(view) - shift) // 8, shift)
            places = np.minimum(np.searchsorted(keys, words), len(keys) - 1)
            for index in np.flatnonzero(keys[places] == words):
                for string, name in self.strings[int(words[index])]:
                    start = shift + 8 * int(index) - _start(string)
                    if start >= 0 and view.startswith(string, start):
                        yield name

    def _texts(self, view: bytes) -> Iterator[str]:
        written = np.array([float(each) for each in _NUMBER.findall(view)])
        if len(written) < WORDS or not self.numbers:
            return
        windows = np.lib.stride_tricks.sliding_window_view
        own = windows(np.array(self.numbers, np.float64), WORDS, axis=1)
        tree = KDTree(own.reshape(-1, WORDS))
        distances, which = tree.query(windows(written, WORDS), p=np.inf, distance_upper_bound=DIGITS)
        for index in np.atleast_1d(which)[np.isfinite(distances)]:
            yield f"template {index // own.shape[1]} as text"


def _start(string: bytes) -> int:
    return len(string) // 2 - 4


def _middle(string: bytes) -> int:
    return int.from_bytes(string[_start(string) : _start(string) + 8], "little")


def pictures(content: bytes) -> dict[bytes, UInt8]:
    """Every picture in these bytes, plain or encoded, in RGB (h, w, 3), by what its pixels are."""
    found: dict[bytes, UInt8] = {}
    for view in views(content):
        for place in _PICTURE.finditer(view):
            try:
                with Image.open(BytesIO(view[place.start() :])) as image:
                    pixels = np.array(image.convert("RGB"))
            except (OSError, ValueError, SyntaxError):
                continue
            found[pixels.tobytes()] = pixels
    return found


def kept_planes(content: bytes) -> list[UInt8]:
    """Every array of an .npz that has the shape of a grey picture."""
    if not zipfile.is_zipfile(BytesIO(content)):
        return []
    with np.load(BytesIO(content), allow_pickle=False) as data:
        planes = [data[name] for name in data.files]
    return [plane for plane in planes if plane.dtype == np.uint8 and plane.ndim == 2 and min(plane.shape) >= 16]


if __name__ == "__main__":
    child(int(sys.argv[1]), sys.argv[2:])
