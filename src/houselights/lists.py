"""Lists: the field's files that say what is true of photographs and films, read line by line.

They come from elsewhere: every number in them is checked, and a file that is too large is not read.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import isfinite, prod
from pathlib import Path
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from houselights.errors import SettingsError
from houselights.tracking import LARGEST
from houselights.truth import Box, Face, Frame
from houselights.types import Float32, Float64

LARGEST_LIST = 1 << 27  # bytes: some million lines
LARGEST_BOXES = 1 << 23  # bytes of one photograph's boxes
MOST_BOXES = 10_000  # on one photograph
MOST_FRAMES = 100_000_000  # the highest number that a frame of a list may have: a month at 30 a second
DEEPEST = 50  # elements in each other
LONGEST = 1000  # characters of a value
DIGITS = 9  # of a whole number


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photographs, each by a person's name and its number."""

    one: tuple[str, int]
    other: tuple[str, int]

    @property
    def same(self) -> bool:
        """Whether both show the same person."""
        return self.one[0] == self.other[0]


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """The pairs of a file in the form of LFW's pairs.txt, in its order.

    Raises:
        SettingsError: with file and line: it cannot be read, or says something else.
    """
    lines = text_of(path, "pairs", "name LFW's pairs.txt").splitlines()
    pairs = [_pair(path, number, line) for number, line in enumerate(lines[1:], start=2) if line.strip()]
    _check_count(path, lines, len(pairs))
    return tuple(pairs)


def _check_count(path: Path, lines: list[str], pairs: int) -> None:
    """Holds the first line (a number of folds where there are several, and pairs of each kind) against what follows."""
    head = lines[0].split() if lines else []
    if not 1 <= len(head) <= 2 or not all(map(_is_whole, head)):
        found = f"'{cut(lines[0])}'" if lines else "nothing"
        message = f"{path}:1: found {found}, expected the number of pairs of each kind, of {DIGITS} digits at most"
        raise SettingsError(message, hint="name LFW's pairs.txt")
    told = 2 * prod(map(int, head))
    if told != pairs:
        raise SettingsError(f"{path}:1: tells of {told} pairs, the file has {pairs}", hint="the file may be cut off")


def _pair(path: Path, number: int, line: str) -> Pair:
    parts = line.split("\t")
    named = [parts[0], parts[1], parts[0], parts[2]] if len(parts) == 3 else parts
    if len(named) != 4 or not all(named[::2]) or not (_is_whole(named[1]) and _is_whole(named[3].strip())):
        message = f"{path}:{number}: found '{cut(line)}', expected name, number, number or name, number, name, number"
        raise SettingsError(message, hint=f"the parts are set apart by tabs, a number has {DIGITS} digits at most")
    pair = Pair((named[0], int(named[1])), (named[2], int(named[3])))
    if len(parts) == 4 and pair.same:
        message = f"{path}:{number}: '{cut(named[0])}' stands on both sides of a pair of different people"
        raise SettingsError(message, hint="a pair of the same person is a line of name, number, number")
    return pair


def _is_whole(text: str) -> bool:
    return text.isdecimal() and len(text) <= DIGITS


def text_of(path: Path, what: str, hint: str) -> str:
    """All of a file in UTF-8, with or without a byte order mark.

    Raises:
        SettingsError: it cannot be read, is no regular file, holds more than 128 MiB, or is not in UTF-8.
    """
    content = contents(path, what, LARGEST_LIST, hint)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{what} '{path}' cannot be read ({error})", hint=hint) from error


def contents(path: Path, what: str, most: int, hint: str) -> bytes:
    """All bytes of a file that comes from elsewhere; `what` it is stands in the messages.

    Raises:
        SettingsError: it cannot be read, is no regular file (a pipe might never end), or holds more than `most` bytes.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise SettingsError(f"{what} '{path}' is no file", hint=hint)
        if about.st_size > most:
            raise SettingsError(f"{what} '{path}' is of {about.st_size:,} bytes, {most:,} are the most", hint=hint)
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise SettingsError(f"{what} '{path}' cannot be read ({error})", hint=hint) from error


# MOT Challenge


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """One track of a list."""

    number: int
    ticks: NDArray[np.int64]
    """(n,) numbers of frames, from 1, rising."""
    boxes: Float32
    """(n, 4) left, top, width, height in pixels."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of a list."""

    line: int
    frame: int
    number: int
    box: Box
    rest: tuple[float, ...]
    """What follows the box: up to four numbers."""


_MOT = "frame, id, left, top, width, height and up to four numbers more, set apart by commas"


def read_mot_truth(path: Path) -> tuple[Frame, ...]:
    """The frames of a gt.txt of the MOT Challenge that have faces, in order, by their numbers.

    A line counts where its 7th value is not 0 and its 8th, the class, is 1 or -1 or left out; the 9th is the visible
    share. The others stay in as faces that are not asked for.

    Raises:
        SettingsError: with file and line: it cannot be read, says something else, or no line counts.
    """
    hint = "name a gt.txt of the MOT Challenge, or the truth.json that `houselights event` wrote"
    frames: dict[int, list[Face]] = {}
    counted = False
    for row in _rows(path, hint):
        visible = _visible(path, row, hint)
        counted |= visible > 0
        frames.setdefault(row.frame, []).append(Face(str(row.number), 0, row.box, visible, 0.0))
    if not counted:
        message = f"truth '{path}' has no line that counts, expected 1 as 7th value, and 1 or -1 as 8th"
        raise SettingsError(message, hint=hint)
    return tuple(Frame(number, tuple(frames[number])) for number in sorted(frames))


def _visible(path: Path, row: _Row, hint: str) -> float:
    flag, kind, visible = (*row.rest, *(1.0, 1.0, 1.0)[len(row.rest) :])[:3]
    if visible != -1 and not 0 <= visible <= 1:
        message = f"{path}:{row.line}: visible share {visible:g}, expected 0 to 1, or -1 where it is not known"
        raise SettingsError(message, hint=hint)
    if flag == 0 or kind not in {1, -1}:
        return 0.0
    return 1.0 if visible == -1 else visible


def read_mot_tracks(path: Path) -> tuple[Trail, ...]:
    """The tracks of a result in the form of the MOT Challenge, by number; a file without a line has none.

    Raises:
        SettingsError: with file and line: it cannot be read, or says something else.
    """
    hint = "name a file with a line for each box of a track: " + _MOT
    rows: dict[int, list[_Row]] = {}
    for row in _rows(path, hint):
        rows.setdefault(row.number, []).append(row)
    return tuple(_trail(number, rows[number]) for number in sorted(rows))


def _trail(number: int, rows: list[_Row]) -> Trail:
    rows = sorted(rows, key=lambda row: row.frame)
    ticks = np.array([row.frame for row in rows], np.int64)
    return Trail(number, ticks, np.array([row.box for row in rows], np.float32))


def _rows(path: Path, hint: str) -> Iterator[_Row]:
    """The lines of a list, each frame and id once."""
    seen: dict[tuple[int, int], int] = {}
    for line, text in enumerate(text_of(path, "list", hint).split("\n"), start=1):
        if not text.strip():
            continue
        row = _row(path, line, text, hint)
        other = seen.setdefault((row.frame, row.number), line)
        if other != line:
            message = f"{path}:{line}: id {row.number} stands in frame {row.frame} already, in line {other}"
            raise SettingsError(message, hint="a track has one box in a frame")
        yield row


def _row(path: Path, line: int, text: str, hint: str) -> _Row:
    parts = text.split(",")
    if not 6 <= len(parts) <= 10:
        raise SettingsError(f"{path}:{line}: found '{cut(text)}', expected {_MOT}", hint=hint)
    try:
        frame, number, *rest = (float(part) for part in parts)
    except ValueError as error:
        raise SettingsError(f"{path}:{line}: found '{cut(text)}', expected {_MOT}", hint=hint) from error
    if not (frame.is_integer() and 1 <= frame <= MOST_FRAMES):
        message = f"{path}:{line}: frame {cut(parts[0])}, expected a whole number from 1 to {MOST_FRAMES:,}"
        raise SettingsError(message, hint="the first frame has the number 1")
    if not (number.is_integer() and 0 <= number <= MOST_FRAMES):
        more = "detections without tracks have -1" if number == -1 else hint
        message = f"{path}:{line}: id {cut(parts[1])}, expected a whole number from 0 to {MOST_FRAMES:,}"
        raise SettingsError(message, hint=more)
    if not all(map(isfinite, rest)) or (fault := box_fault(rest[:4])):
        why = fault if all(map(isfinite, rest)) else "expected finite numbers"
        raise SettingsError(f"{path}:{line}: found '{cut(text)}': {why}", hint=hint)
    left, top, width, height, *others = rest
    return _Row(line, int(frame), int(number), (left, top, width, height), tuple(others))


def box_fault(box: Sequence[float]) -> str | None:
    """What is wrong with left, top, width and height of a box, in words; None where it is one."""
    if not all(isfinite(each) and abs(each) <= LARGEST for each in box):
        return f"expected a box in numbers up to {LARGEST:.0f}"
    if min(box[2:]) <= 0:
        return f"width {box[2]:g} and height {box[3]:g}, expected more than 0"
    return None


def cut(text: str) -> str:
    """Text for a message: not more than a line holds."""
    return text.strip() if len(text) <= 80 else f"{text[:77].strip()}..."


# truth.json


def check_truth(path: Path, frames: Sequence[Frame]) -> None:
    """Return if pictures can show what a truth says.

    Raises:
        SettingsError: with frame and value: times that do not rise, or a box or share that is none.
    """
    hint = "give the truth.json that `houselights event` wrote"
    last: object = None
    for number, frame in enumerate(frames, start=1):
        ticks: object = frame.ticks
        if not isinstance(ticks, int) or (isinstance(last, int) and ticks <= last):
            message = f"truth '{path}', frame {number}: time {ticks} after {last}, expected rising whole ticks"
            raise SettingsError(message, hint=hint)
        last = ticks
        for face in frame.faces:
            if (fault := _face_fault(face)) is not None:
                raise SettingsError(f"truth '{path}', frame {number}, '{cut(str(face.person))}': {fault}", hint=hint)


def _face_fault(face: Face) -> str | None:
    """What is wrong with a face of a truth, in words."""
    values: tuple[object, ...] = (*face.box, face.visible, face.turn)
    if not all(isinstance(each, (int, float)) for each in values):
        return f"found {cut(str(values))}, expected numbers"
    if (fault := box_fault(face.box)) is not None:
        return f"box {cut(str(face.box))}: {fault}"
    if not (0 <= face.visible <= 1 and 0 <= face.turn <= 1):
        return f"visible {face.visible}, turn {face.turn}: expected shares from 0 to 1"
    return None


# Pascal VOC


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """What one file of Pascal VOC says of one photograph."""

    boxes: Float64
    """(n, 4) left, top, width, height in pixels."""
    asked: NDArray[np.bool_]
    """(n,) whether it is not marked as difficult."""
    size: tuple[int, int] | None
    """Width and height of the photograph; None where the file does not say."""


def read_boxes(path: Path) -> Boxes:
    """The boxes of a file in the form of Pascal VOC: one of every `object`, whatever its name.

    A file that declares a document type is refused before anything in it is read: no entity is ever resolved.

    Raises:
        SettingsError: with file and line: it cannot be read, is no XML, says a thing twice, or an object has no box.
    """
    reader = _Voc(path)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    reader.line = lambda: parser.CurrentLineNumber
    try:
        parser.Parse(contents(path, "boxes", LARGEST_BOXES, _VOC_HINT), True)  # noqa: FBT003 - expat takes no names
    except expat.ExpatError as error:
        raise SettingsError(
            f"{path}:{error.lineno}: no XML ({expat.ErrorString(error.code)})", hint=_VOC_HINT
        ) from error
    except (LookupError, ValueError) as error:  # of the codec that the file names
        message = f"{path}:{parser.CurrentLineNumber}: declares an encoding that cannot be read ({cut(str(error))})"
        raise SettingsError(message, hint="save it in UTF-8") from error
    boxes = np.array(reader.boxes, np.float64).reshape(-1, 4)
    return Boxes(boxes, np.array(reader.asked, bool), reader.size)


_VOC_HINT = "give boxes in the form of Pascal VOC: annotation, object, bndbox with xmin, ymin, xmax, ymax"
_Place = tuple[str, ...]
_OBJECT, _SIZE = ("annotation", "object"), ("annotation", "size")
_BOX, _DIFFICULT = (*_OBJECT, "bndbox"), (*_OBJECT, "difficult")
_SIDES: tuple[_Place, ...] = tuple((*_BOX, side) for side in ("xmin", "ymin", "xmax", "ymax"))
_LENGTHS: tuple[_Place, ...] = tuple((*_SIZE, length) for length in ("width", "height"))
_VALUES = frozenset({_DIFFICULT, *_SIDES, *_LENGTHS})
_ONCE = _VALUES | {_BOX, _SIZE}


@dataclass(slots=True)
class _Voc:
    """What was read of a file so far. Elements are known by their place: a box of an object's part is none."""

    path: Path
    line: Callable[[], int] = lambda: 0
    boxes: list[Box] = field(default_factory=list)
    asked: list[bool] = field(default_factory=list)
    size: tuple[int, int] | None = None
    _place: list[str] = field(default_factory=list)
    _said: dict[_Place, str] = field(default_factory=dict)
    """Text of the object's own values, and of the photograph's sides; empty of what holds them."""

    def refuse(self, *_declared: object) -> None:
        """A document type is declared."""
        raise self._fault("declares a document type, expected none")

    def start(self, name: str, _values: object) -> None:
        """An element begins."""
        self._place.append(name)
        if len(self._place) == 1 and name != "annotation":
            raise self._fault(f"found '{cut(name)}', expected 'annotation'")
        if len(self._place) > DEEPEST:
            raise self._fault(f"has more than {DEEPEST} elements in each other")
        place = tuple(self._place)
        if place == _OBJECT:
            self._said = {each: text for each, text in self._said.items() if each[:2] != _OBJECT}
        if place in _ONCE:
            if place in self._said:
                raise self._fault(f"a second '{name}' in '{place[-2]}', expected one")
            self._said[place] = ""

    def text(self, text: str) -> None:
        """Text of an element, or a part of it."""
        place = tuple(self._place)
        if place in _VALUES:
            self._said[place] += text
            if len(self._said[place]) > LONGEST:
                raise self._fault(f"{place[-1]} has more than {LONGEST:,} characters")

    def end(self, _name: str) -> None:
        """An element ends."""
        place = tuple(self._place)
        if place == _OBJECT:
            self._take()
        elif place == _SIZE and self._said.keys() >= set(_LENGTHS):
            width, height = map(self._number, _LENGTHS)
            self.size = (int(width), int(height)) if min(width, height) >= 1 else None
        self._place.pop()

    def _take(self) -> None:
        """An object is read: keep its box."""
        if len(self.boxes) == MOST_BOXES:
            raise self._fault(f"has more than {MOST_BOXES:,} objects")
        left, top, right, bottom = map(self._number, _SIDES)
        box = (left, top, right - left, bottom - top)
        if (fault := box_fault(box)) is not None:
            raise self._fault(f"object with xmin {left:g}, ymin {top:g}, xmax {right:g}, ymax {bottom:g}: {fault}")
        self.boxes.append(box)
        self.asked.append(self._said.get(_DIFFICULT, "0").strip() in {"", "0"})

    def _number(self, place: _Place) -> float:
        text = self._said.get(place, "").strip()
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not abs(value) <= LARGEST:
            raise self._fault(f"{place[-1]} is '{cut(text)}', expected a number up to {LARGEST:.0f}")
        return value

    def _fault(self, what: str) -> SettingsError:
        return SettingsError(f"{self.path}:{self.line()}: {what}", hint=_VOC_HINT)


def read_left_out(path: Path) -> dict[str, str]:
    """Reasons by name: a file name or a path, white space and a reason a line; # begins a line that is a comment.

    Raises:
        SettingsError: the file cannot be read, or a line says no reason.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text_of(path, "list", "give a text file").splitlines(), 1):
        name, *reason = line.split(maxsplit=1)[:2] or [""]
        if name.startswith("#") or not name:
            continue
        if not reason or name in found:
            message = (
                f"{path}:{number}: found '{cut(line)}', expected a file name, a space and a reason, once for each name"
            )
            raise SettingsError(message, hint="what is left out is left out openly: say why")
        found[name] = reason[0].strip()
    return found
