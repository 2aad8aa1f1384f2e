"""A table of a TOML file, read strictly: whatever is wrong in it is an error that says file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from houselights.errors import SettingsError
from houselights.words import said


@dataclass(frozen=True, slots=True)
class Table:
    """Keys and values, and where they stand."""

    file: Path
    text: str
    """Of the whole file."""
    name: str
    """What the table is called in an error, as [place]."""
    values: Mapping[str, Any]

    def only(self, allowed: Iterable[str]) -> None:
        """Return if there are no other keys than these.

        Raises:
            SettingsError: there is another.
        """
        names = set(allowed)
        for key in self.values:
            if key not in names:
                hint = f"allowed are: {', '.join(sorted(names))}"
                raise SettingsError(f"{self.at(key)}: {self.name} has no key '{key}'", hint=hint)

    def under(self, key: str, name: str | None = None) -> Table:
        """The table that stands under a key; an empty one where there is none."""
        return self.inside(self.values.get(key, {}), name or f"[{key}]")

    def inside(self, values: object, name: str) -> Table:
        """A table of the same file.

        Raises:
            SettingsError: it is none.
        """
        if not isinstance(values, dict):
            raise SettingsError(f"{self.file}: {name} has to be a table")
        return Table(self.file, self.text, name, values)

    def words(self, key: str) -> str:
        """A text that is not blank.

        Raises:
            SettingsError: it is none.
        """
        value = self.values.get(key)
        if not isinstance(value, str) or not said(value):
            raise SettingsError(f"{self.at(key)}: '{key}' has to be words")
        return value

    def one_of(self, key: str, words: Iterable[str]) -> str:
        """A word of a closed list.

        Raises:
            SettingsError: it is none.
        """
        value, closed = self.words(key), tuple(words)
        if value not in closed:
            raise SettingsError(f"{self.at(key)}: '{key}' cannot be '{value}': expected one of: {', '.join(closed)}")
        return value

    def sentences(self, key: str) -> tuple[str, ...]:
        """A list of texts, empty where the key is not there.

        Raises:
            SettingsError: it is none.
        """
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise SettingsError(f"{self.at(key)}: '{key}' has to be a list of sentences")
        return tuple(values)

    def day(self, key: str) -> date | None:
        """A day, or None where the key is not there.

        Raises:
            SettingsError: it is something else.
        """
        value = self.values.get(key)
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        raise SettingsError(f"{self.at(key)}: '{key}' has to be a day, YYYY-MM-DD")

    def at(self, key: str) -> str:
        """File and line of a key; the file's first line where the key is not there."""
        name = re.escape(key)
        found = re.search(rf"^[ \t]*(\[+[ \t]*)?[\"']?{name}\b|[{{,][ \t]*{name}[ \t]*=", self.text, re.MULTILINE)
        return f"{self.file}:{self.text.count(chr(10), 0, found.start()) + 1 if found else 1}"


def read_table(file: Path, allowed: Iterable[str], hint: str | None = None) -> Table:
    """A whole file, with no other keys than these.

    Raises:
        SettingsError: it cannot be read, is no TOML, or has another key.
    """
    try:
        text = file.read_text("utf-8")
        table = Table(file, text, "this file", tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError(f"'{file}' cannot be read ({fault})", hint=hint) from fault
    except ValueError as fault:  # TOMLDecodeError is one, and so is what a number of 5000 digits ends in
        raise SettingsError(f"{file}: {fault}") from fault
    except RecursionError as fault:
        raise SettingsError(f"{file}: tables or lists lie too deep in each other to be read", hint=hint) from fault
    table.only(allowed)
    return table


@contextmanager
def said_of(file: Path, line: int | None = None) -> Iterator[None]:
    """Every SettingsError says where."""
    try:
        yield
    except SettingsError as fault:
        if fault.message.startswith(str(file)):
            raise
        where = file if line is None else f"{file}:{line}"
        raise SettingsError(f"{where}: {fault.message}", hint=fault.hint) from fault
