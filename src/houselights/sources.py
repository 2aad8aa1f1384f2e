"""Sources: which files are footage, and how one is told from another. Nothing of them is decoded here."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from houselights import photograph
from houselights.errors import FootageError

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("mp4", "m4v", "mov", "mkv", "avi", "webm", "ts", "mts", "m2ts", "mpg", "mpeg", "vob", "wmv", "asf", "flv"),
        *("3gp", "gif", "mjpeg", "mjpg", "h264", "264", "hevc", "265", "ogv", "mxf", "y4m", "dv"),
    )
)


def find(paths: list[Path]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Every file of footage in the given files and folders, in order, each once; and what was passed over, with why."""
    found: dict[str, Path] = {}
    passed: dict[Path, str] = {}
    for path in paths:
        if not _is_folder(path):
            found.setdefault(_real(path), path)
            continue
        inside = list(_files(path, passed))
        for file in inside:
            if file.suffix.lower() in VIDEO_SUFFIXES | photograph.SUFFIXES:
                found.setdefault(_real(file), file)
            else:
                passed[file] = "not footage by its name; name it on the command line to try it"
        if not inside:
            passed.setdefault(path, "an empty folder")
    return list(found.values()), list(passed.items())


def _real(path: Path) -> str:
    """What two names of one file have in common; a name that no file can have is left to who opens it."""
    try:
        return os.path.realpath(path)
    except ValueError:
        return str(path)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long or a folder that may not be looked into: opening it will say so
        return False


def _files(folder: Path, passed: dict[Path, str]) -> Iterator[Path]:
    """Every file below a folder, in order. Links to folders are passed over: a loop of them cannot trap it."""

    def refused(fault: OSError) -> None:
        passed[Path(fault.filename)] = f"the folder cannot be read: {fault.strerror}"

    for place, folders, names in os.walk(folder, onerror=refused):
        folders.sort()
        for name in folders:
            if Path(place, name).is_symlink():
                passed[Path(place, name)] = "a link to a folder; name it on the command line to read it"
        yield from (Path(place, name) for name in sorted(names))


def identity(path: Path) -> tuple[int, ...]:
    """What changes when a file is written to, or another file takes its name. Raises OSError."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def digest(path: Path) -> str:
    """SHA-256 of the file, 64 hex digits.

    Raises:
        FootageError: the file is not there, not readable, or no regular file.
    """
    with opened(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as fault:
            msg = f"footage '{path}' cannot be read: {fault.strerror or fault}"
            raise FootageError(msg, hint="copy it to a disk that reads without errors") from fault


def opened(path: Path) -> BufferedReader:
    """A regular file, opened to be read. A pipe or a device is refused: it could keep the reader waiting for ever."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return path.open("rb")
    except (OSError, ValueError) as fault:
        msg = f"footage '{path}' cannot be read: {getattr(fault, 'strerror', None) or fault}"
        raise FootageError(msg, hint="check the name and that you may read the file") from fault
    kind = "a folder" if path.is_dir() else "a pipe or a device"
    msg = f"footage '{path}' is {kind}, expected a file"
    raise FootageError(msg, hint="copy what it holds into a file first")
