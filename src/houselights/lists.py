"""Lists: the field's files that say what is true of photographs and films, read line by line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from houselights.errors import SettingsError


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

    Raises SettingsError, with file and line, when it cannot be read or says something else.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"pairs '{path}' cannot be read ({error})", hint="name LFW's pairs.txt") from error
    pairs = [_pair(path, number, line) for number, line in enumerate(lines[1:], start=2) if line.strip()]
    _check_count(path, lines, len(pairs))
    return tuple(pairs)


def _check_count(path: Path, lines: list[str], pairs: int) -> None:
    """Holds the first line (a number of folds where there are several, and pairs of each kind) against what follows."""
    head = lines[0].split() if lines else []
    if not 1 <= len(head) <= 2 or not all(part.isdecimal() for part in head):
        found = f"'{lines[0]}'" if lines else "nothing"
        message = f"{path}:1: found {found}, expected the number of pairs of each kind"
        raise SettingsError(message, hint="name LFW's pairs.txt")
    told = 2 * int(np.prod([int(part) for part in head]))
    if told != pairs:
        raise SettingsError(f"{path}:1: tells of {told} pairs, the file has {pairs}", hint="the file may be cut off")


def _pair(path: Path, number: int, line: str) -> Pair:
    parts = line.split("\t")
    named = [parts[0], parts[1], parts[0], parts[2]] if len(parts) == 3 else parts
    if len(named) != 4 or not all(named[::2]) or not (named[1].isdecimal() and named[3].strip().isdecimal()):
        message = f"{path}:{number}: found '{line}', expected name, number, number or name, number, name, number"
        raise SettingsError(message, hint="the parts are set apart by tabs")
    pair = Pair((named[0], int(named[1])), (named[2], int(named[3])))
    if len(parts) == 4 and pair.same:
        raise SettingsError(f"{path}:{number}: '{named[0]}' stands on both sides of a pair of different people")
    return pair
