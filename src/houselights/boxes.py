"""Boxes: what stands in an mp4, and what of it no release may hold. Nothing in the file is trusted."""

from __future__ import annotations

import os
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from houselights.errors import ReleaseError

_MOST_BOXES, _DEEPEST = 100_000, 16
_WITHIN = dict.fromkeys(
    ("moov", "trak", "mdia", "minf", "dinf", "stbl", "edts", "udta", "mvex", "moof", "traf", "ilst", "tref", "gmhd"), 0
)
_WITHIN |= {"stsd": 8, "dref": 8, "meta": 4}
_ENTRIES = dict.fromkeys(("avc1", "avc3", "hvc1", "hev1", "av01"), 78) | {"mp4a": 28}
"""Bytes of a box before the first box in it."""

_TRACK = "moov/trak"
_TABLES = f"{_TRACK}/mdia/minf/stbl"
_ENTRY = f"{_TABLES}/stsd"
_ALLOWED = frozenset(
    (
        *(
            "ftyp",
            "free",
            "skip",
            "uuid",
            "mdat",
            "moov",
            "moov/mvhd",
            "moov/free",
            _TRACK,
            f"{_TRACK}/tkhd",
            f"{_TRACK}/mdia",
        ),
        *(f"{_TRACK}/mdia/{name}" for name in ("mdhd", "hdlr", "minf", "minf/vmhd", "minf/smhd", "minf/dinf")),
        *(f"{_TRACK}/mdia/minf/{name}" for name in ("dinf/dref", "dinf/dref/url ", "stbl", "stbl/stsd")),
        *(f"{_TABLES}/{name}" for name in ("stts", "stss", "stsc", "stsz", "stco", "co64", "sdtp", "sgpd", "sbgp")),
        *(f"{_ENTRY}/{name}" for name in ("avc1", "avc1/avcC", "hvc1", "hvc1/hvcC", "av01", "av01/av1C")),
        *(f"{_ENTRY}/{name}" for name in ("mp4a", "mp4a/esds", "mp4a/btrt")),
        *(f"{_ENTRY}/{name}/{more}" for name in ("avc1", "hvc1", "av01") for more in ("colr", "pasp", "btrt", "fiel")),
    )
)
_NAMES = frozenset((b"", b"VideoHandler", b"SoundHandler"))
_UPRIGHT = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED = 0x55C4  # the language `und`

ASSERTION = "org.houselights.release"
"""What a credential says of a release stands under this label."""
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(4) + b"manifest\0" + bytes(8)
"""How the content of the box with a credential begins: its number, version, purpose, and no further one."""
_LABEL = rf"c2pa|urn:c2pa:[0-9a-f-]{{36}}|c2pa\.(assertions|actions\.v2|hash\.bmff\.v3|claim\.v2|signature)|{ASSERTION}"
_SALT = 24  # bytes of the box of random ones behind a label
_LARGEST = 1 << 14  # bytes of a credential: some 3500, more with long keys and many certificates


@dataclass(frozen=True, slots=True)
class Box:
    """One box."""

    path: str
    """Its name behind those of the boxes around it, such as `moov/trak/mdia`."""
    begin: int
    """Where its head begins."""
    inside: int
    """Where its content begins."""
    end: int


def atoms(path: Path) -> tuple[str, ...]:
    """The path of every box of an mp4, in order, such as `moov/trak/mdia`. Nothing in the file is trusted.

    Raises:
        ReleaseError: the file cannot be read, is no mp4, or is cut off or damaged.
    """
    try:
        with path.open("rb") as file:
            return tuple(box.path for box in parse(file, path))
    except OSError as fault:
        raise _unreadable(path, fault) from fault


def strangers(path: Path) -> tuple[str, ...]:
    """What stands in an mp4 though no release may hold it, in words that begin with the box; empty for a release.

    Raises:
        ReleaseError: the file cannot be read, is no mp4, or is cut off or damaged.
    """
    try:
        with path.open("rb") as file:
            boxes = list(parse(file, path))
            found = [box.path for box in boxes if box.path not in _ALLOWED]
            for box in boxes:
                look = _LOOKS.get(box.path.rpartition("/")[2])
                if box.path in _ALLOWED and look and (fault := look(file, box)):
                    found.append(f"{box.path}: {fault}")
            found += _misplaced(file, boxes)
    except OSError as fault:
        raise _unreadable(path, fault) from fault
    return tuple(found)


def _unreadable(path: Path, fault: OSError) -> ReleaseError:
    msg = f"'{path}' cannot be read: {fault.strerror or fault}"
    return ReleaseError(msg, hint="check the name and that you may read the file")


def parse(file: BinaryIO, path: Path) -> Iterator[Box]:
    """Every box, each before those in it. Only heads are read, so that a film of any length costs the same."""
    size = file.seek(0, os.SEEK_END)
    todo = [("", 0, size, 0)]
    count, whole = 0, set[str]()
    while todo:
        parent, at, end, depth = todo.pop()
        if (at >= end and (parent or "moov" in whole)) or (
            parent == "moov/udta" and end - at == 4
        ):  # QuickTime ends some with four zeros
            continue
        box = _box(file, parent, at, end)
        if box is None and not parent and {"moov", "mdat"} <= whole:
            yield Box("bytes after the last box", at, at, end)
            continue
        count += 1
        if box is None or count > _MOST_BOXES or depth > _DEEPEST or (at == 0 and box.path != "ftyp"):
            hint = "it is no mp4, or was cut off or damaged: copy it again from where it was released"
            raise ReleaseError(
                f"'{path}' holds no sound box at byte {at}{f' in {parent}' if parent else ''}", hint=hint
            )
        yield box
        if not parent:
            whole.add(box.path)
        todo.append((parent, box.end, end, depth))
        within = _content(file, box)
        if within is not None:
            todo.append((box.path, within, box.end, depth + 1))


def _box(file: BinaryIO, parent: str, at: int, end: int) -> Box | None:
    """The box at a place, which must end in that of its parent; None where there is none."""
    file.seek(at)
    head = file.read(min(16, end - at))
    if len(head) < 8:
        return None
    size, kind = struct.unpack(">I4s", head[:8])
    length = 8
    if size == 1 and len(head) == 16:
        size, length = struct.unpack(">Q", head[8:])[0], 16
    elif size == 0 and not parent:  # to the end of the file
        size = end - at
    if not length <= size <= end - at:
        return None
    name = "".join(chr(byte) if 32 <= byte < 127 and byte != 47 else f"\\x{byte:02x}" for byte in kind)
    return Box(f"{parent}/{name}" if parent else name, at, at + length, at + size)


def _content(file: BinaryIO, box: Box) -> int | None:
    """Where the first box in a box begins; None where it holds something else."""
    parent, _, name = box.path.rpartition("/")
    skip = (_ENTRIES if parent.endswith("/stsd") else _WITHIN).get(name)
    if name == "mp4a" and _plain(file, box):  # QuickTime's has more in front, and no release has one
        return None
    if name == "meta" and _read(file, box, 4, 4) == b"hdlr":  # QuickTime's has no version in front
        skip = 0
    return None if skip is None or box.inside + skip > box.end else box.inside + skip


def _read(file: BinaryIO, box: Box, at: int, count: int) -> bytes:
    """Some bytes of a box's content; fewer where it ends."""
    file.seek(box.inside + at)
    content: bytes = file.read(max(0, min(count, box.end - box.inside - at)))
    return content


# What is wrong inside a box that may stand there: it has room for what tells of the source. None where all is well.


def _filled(file: BinaryIO, box: Box) -> str | None:
    for at in range(0, box.end - box.inside, 1 << 20):
        if _read(file, box, at, 1 << 20).strip(b"\0"):
            return "bytes that are not zero"
    return None


def _named(file: BinaryIO, box: Box) -> str | None:
    """A handler has FFmpeg's name or none."""
    words = _read(file, box, 24, 40).rstrip(b"\0")
    return None if words in _NAMES and box.end - box.inside < 60 else "a name"


def _signed(file: BinaryIO, box: Box) -> str | None:
    """An encoder may name itself."""
    words = _read(file, box, 43, 31).rstrip(b"\0")
    return None if re.fullmatch(rb"(Lavc[\w. ]*)?", words) else "a name"


def _plain(file: BinaryIO, box: Box) -> str | None:
    return "an old version" if any(_read(file, box, 8, 2)) else None


def _elsewhere(file: BinaryIO, box: Box) -> str | None:
    return None if _read(file, box, 0, 8) == b"\0\0\0\1" else "media in another file"


def _coloured(file: BinaryIO, box: Box) -> str | None:
    numbers = box.end - box.inside == 11 and _read(file, box, 0, 4) == b"nclx"
    return None if numbers else "a colour profile"


def _sworn(file: BinaryIO, box: Box) -> str | None:
    """A credential has this one form; a thumbnail or an ingredient in it can show what the release hides."""
    content = _read(file, box, 0, _LARGEST)
    if not content.startswith(_C2PA) or len(content) == len(_C2PA):
        return "not a credential"
    if box.end - box.inside > _LARGEST:
        return "larger than a credential"
    return _labelled(content[len(_C2PA) :])


def _labelled(content: bytes) -> str | None:
    """What is wrong with the JUMBF boxes of a credential: each a description with a label, then others or CBOR."""
    todo = [content]
    while todo:
        rest = todo.pop()
        while rest:
            size, kind = struct.unpack(">I4s", rest[:8]) if len(rest) >= 8 else (0, b"")
            inside, rest = rest[8:size], rest[size:]
            if len(inside) != size - 8 or kind not in {b"jumb", b"jumd", b"cbor"}:
                return "a credential with something else in it"
            if kind == b"jumb":
                todo.append(inside)
            elif kind == b"jumd":
                label, _, salt = inside[17:].partition(b"\0")
                if not re.fullmatch(_LABEL, label.decode("latin-1")) or len(salt) > _SALT:
                    return f"a credential with '{ascii(label[:60].decode('latin-1'))[1:-1]}'"
    return None


def _dated(file: BinaryIO, box: Box) -> str | None:
    """A header says when it was made, how to turn the picture, in which language it is."""
    name = box.path.rpartition("/")[2]
    head = _read(file, box, 0, 112)
    wide = head[:1] == b"\1"
    if any(head[4 : 20 if wide else 12]):
        return "a date"
    matrix = {"mvhd": 48 if wide else 36, "tkhd": 52 if wide else 40}.get(name)
    if matrix is not None and head[matrix : matrix + 36] != _UPRIGHT:
        return "a turn"
    language = head[32:34] if wide else head[20:22]
    return "a language" if name == "mdhd" and language != struct.pack(">H", _UNDETERMINED) else None


_LOOKS: dict[str, Callable[[BinaryIO, Box], str | None]] = {
    **dict.fromkeys(("free", "skip"), _filled),
    **dict.fromkeys(("mvhd", "tkhd", "mdhd"), _dated),
    **dict.fromkeys(("avc1", "hvc1", "av01"), _signed),
    "hdlr": _named,
    "mp4a": _plain,
    "url ": _elsewhere,
    "colr": _coloured,
    "uuid": _sworn,
}


def _misplaced(file: BinaryIO, boxes: list[Box]) -> list[str]:
    """What is wrong between boxes: too many tracks, the head at the end, media that no track shows."""
    kinds = Counter(_read(file, box, 8, 4) for box in boxes if box.path == f"{_TRACK}/mdia/hdlr")
    found = [f"{_TRACK}: {kinds[kind]} tracks of {name}" for kind, name in _KINDS.items() if kinds[kind] > 1]
    found += [f"{_TRACK}: a track of '{kind.decode('latin-1')}'" for kind in kinds if kind not in _KINDS]
    if not kinds[b"vide"]:
        found.append(f"{_TRACK}: no track of video")
    for each in ("ftyp", "moov", "mdat"):
        if sum(box.path == each for box in boxes) != 1:
            found.append(f"{each}: not one of it")
    if sum(box.path == "uuid" for box in boxes) > 1:
        found.append("uuid: more than one credential")
    order = [box.path for box in boxes if box.path in {"moov", "mdat"}]
    if order[:1] == ["mdat"]:
        found.append("moov: after mdat")
    if sum(box.path == _TRACK for box in boxes) != kinds.total():
        found.append(f"{_TRACK}: a track that does not say what it is")
    entries = sum(box.path.startswith(f"{_TABLES}/stsd/") and box.path.count("/") == 6 for box in boxes)
    if entries != kinds.total():
        found.append(f"{_TABLES}/stsd: not one format a track")
    shown = sum(_shown(file, box) for box in boxes if box.path == f"{_TABLES}/stsz")
    held = sum(box.end - box.inside for box in boxes if box.path == "mdat")
    if shown != held:
        found.append(f"mdat: {held} bytes, of which the tracks show {shown}")
    return found


_KINDS = {b"vide": "video", b"soun": "sound"}


def _shown(file: BinaryIO, box: Box) -> int:
    """Bytes of all samples of a track."""
    head = _read(file, box, 0, 12)
    if len(head) < 12:
        return 0
    each, count = struct.unpack(">II", head[4:])
    if each:
        return int(each * count)
    return int(np.frombuffer(_read(file, box, 12, 4 * count)[: 4 * count], np.uint8).view(">u4").sum(dtype=np.uint64))
