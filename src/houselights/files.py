"""Files that are written whole or not at all, and documents for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import BinaryIO


@contextmanager
def whole(path: Path, *, private: bool = True) -> Iterator[BinaryIO]:
    """A file to write to; at a clean end it has its name and is on the disk, at any other it is gone.

    A private one is for its owner alone to read. Raises OSError where it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.partial")
    try:
        with os.fdopen(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if private else 0o666), "wb"
        ) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        settle(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def settle(partial: Path, path: Path) -> None:
    """Give a file that is on the disk another name, for good: the folder is on the disk, too."""
    partial.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Names that were made, changed or removed in a folder are on the disk when this returns."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def as_json(schema: str, document: Mapping[str, object]) -> str:
    """A document for programs: its schema first, UTF-8, indented; names of files in it may be any bytes."""
    text = json.dumps({"schema": schema, **document}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace").decode()
