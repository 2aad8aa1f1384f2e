"""Credential: who made a release from what, signed inside the released file as C2PA lays down.

It goes with the manifest and does not replace it: anybody can strip it, and whoever holds a certificate can put another
in its place. It holds no picture of any kind, names no address, and neither signing nor reading uses the network.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import get_ident
from typing import Any

from houselights.boxes import ASSERTION
from houselights.errors import ReleaseError
from houselights.files import settle
from houselights.manifest import SCHEMA

FORMATS = {
    ".mp4": ("video/mp4", 4, b"ftyp"),
    ".jpg": ("image/jpeg", 0, b"\xff\xd8\xff"),
    ".jpeg": ("image/jpeg", 0, b"\xff\xd8\xff"),
    ".png": ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ".webp": ("image/webp", 8, b"WEBP"),
}
"""What a name ends in, what the file then is, and the bytes by which it begins, from which place on."""

_DONE = "Heads were covered so that they cannot be seen. The release manifest beside the file says which, and why."
_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
_ACTIONS = (
    # C2PA 2 wants `created` or `opened` first; `opened` has to hold what was opened, and `c2pa.redacted` is about
    # assertions that were taken out of an older credential, not about pictures.
    {"action": "c2pa.created", "digitalSourceType": _SOURCE},
    {"action": "c2pa.edited", "description": _DONE},
)
_SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},
    # No host is allowed, so that nothing in a file can make the library ask one; the rest is off besides.
    "core": {"allowed_network_hosts": [], "decode_identity_assertions": False},
    "verify": {"ocsp_fetch": False, "remote_manifest_fetch": False, "verify_trust": False},
}
_PROFILE = (
    "C2PA wants a certificate with the key usage digitalSignature and the extended key usage emailProtection, "
    "that is no authority's own; an RSA key needs 2048 bits"
)
_LONGEST = 200  # characters of what a stranger's file says


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs."""

    certificate: Path
    """PEM: the signer's own certificate first, then those that vouch for it."""
    key: Path
    """PEM, not encrypted: EC on P-256, P-384 or P-521, Ed25519, or RSA."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a file's credential says."""

    valid: bool
    """Whether the file is as it was signed, and the certificate in its time. Nobody vouches for whose that is.

    In an mp4 that holds for pictures, sound and their tables, not for the boxes `ftyp`, `free` and `skip`.
    """
    faults: tuple[str, ...] = ()
    """C2PA's codes or the library's words for what is wrong; empty where it is valid."""
    signer: str | None = None
    """Common name in the certificate."""
    title: str | None = None
    tool: str | None = None
    """Name and version."""
    source_sha256: str | None = None
    """None where it is no credential of a release."""


def sign(path: Path, signer: Signer, *, title: str, source_sha256: str, tool: str) -> None:
    """Put a credential into a released file, in place of any that it has; the file is changed whole or not at all.

    Pictures and sound stay as they are. Some 3.5 kB are added; memory stays below 0.8 GB for a film of any length, and
    one of more than 512 MB is copied once more in the folder for temporary files.

    Args:
        path: an mp4, jpg, png or webp.
        signer: certificate and key.
        title: the released file's name.
        source_sha256: of the footage that the release was made from.
        tool: name and version, as in the manifest.

    Raises:
        ReleaseError: the package is missing, the key or the certificate cannot be used, the file is none of these or
            cannot be written.
    """
    c2pa = _library()
    form = _form(path)
    algorithm, chain, key = _pair(signer)
    name, _, version = tool.partition(" ")
    definition = {
        "title": title.encode("utf-8", "replace").decode(),
        "claim_generator_info": [{"name": name, **({"version": version} if version else {})}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": _ACTIONS}, "created": True},
            {"label": ASSERTION, "data": {"source_sha256": source_sha256, "schema": SCHEMA}, "created": True},
        ],
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.partial")
    try:
        target = os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")
        with path.open("rb") as source, target, c2pa.Context.from_dict(_SETTINGS) as context:
            info = c2pa.C2paSignerInfo(algorithm, chain, key, None)
            with c2pa.Signer.from_info(info) as holder, c2pa.Builder.from_json(json.dumps(definition), context) as made:
                made.sign(holder, form, source, target)
            target.flush()
            os.fsync(target.fileno())
        shutil.copymode(path, partial)
        settle(partial, path)
    except c2pa.C2paError.Signature as fault:
        raise ReleaseError(f"'{signer.certificate}' cannot sign: {_words(fault)}", hint=_PROFILE) from fault
    except c2pa.C2paError as fault:
        raise ReleaseError(f"'{path}' cannot be signed: {_words(fault)}", hint="is the file whole?") from fault
    except OSError as fault:
        reason = fault.strerror or fault
        raise ReleaseError(f"'{path}' cannot be signed: {reason}", hint="is there room on the disk?") from fault
    finally:
        partial.unlink(missing_ok=True)


def read(path: Path) -> Credential | None:
    """What a file's credential says; None where it has none. One that is damaged beyond reading is not valid.

    Raises:
        ReleaseError: the package is missing, or the file is no mp4, jpg, png or webp or cannot be read.
    """
    c2pa = _library()
    form = _form(path)
    try:
        with path.open("rb") as file, c2pa.Context.from_dict(_SETTINGS) as context:
            reader = c2pa.Reader.try_create(form, file, context=context)
            if reader is None:
                return None
            with reader:
                return _credential(json.loads(reader.json()))
    except (c2pa.C2paError, ValueError, RecursionError) as fault:
        return Credential(valid=False, faults=(_words(fault),))
    except OSError as fault:
        raise _unreadable(path, fault) from fault


def _credential(store: dict[str, Any]) -> Credential:
    """The credential in what the library says of a file. It checked the form; what is in it is a stranger's."""
    manifest = store.get("manifests", {}).get(store.get("active_manifest"), {})
    results = store.get("validation_results", {}).get("activeManifest", {})
    valid = store.get("validation_state") in {"Valid", "Trusted"}
    codes = {_text(each.get("code")) or "unknown" for each in results.get("failure", ())}
    made = (manifest.get("claim_generator_info") or [{}])[0]
    data = next((each.get("data") for each in manifest.get("assertions", ()) if each.get("label") == ASSERTION), None)
    return Credential(
        valid=valid,
        faults=() if valid else tuple(sorted(codes)) or ("unknown",),
        signer=_text((manifest.get("signature_info") or {}).get("common_name")),
        title=_text(manifest.get("title")),
        tool=_text(" ".join(each for each in (_text(made.get("name")), _text(made.get("version"))) if each)),
        source_sha256=_text(data.get("source_sha256")) if isinstance(data, dict) else None,
    )


def _text(value: object) -> str | None:
    """Words of a stranger's as they can be shown: in one line, not too long."""
    if not isinstance(value, str) or not value:
        return None
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in value[:_LONGEST])


def _words(fault: Exception) -> str:
    return _text(" ".join(str(fault).split())) or type(fault).__name__


def _library() -> Any:  # noqa: ANN401 - it is not typed
    """The package c2pa, with the native library of its own."""
    spec = importlib.util.find_spec("c2pa")
    if spec is None or importlib.util.find_spec("cryptography") is None:
        msg = "content credentials need the package c2pa-python, which is not installed"
        raise ReleaseError(msg, hint="pip install 'houselights[provenance]'")
    for folder in spec.submodule_search_locations or ():
        for library in Path(folder, "libs").glob("*c2pa_c.*"):
            if library.suffix in {".so", ".dylib", ".dll"}:
                # Without a name it looks into the working folder first, where footage from strangers may lie.
                os.environ.setdefault("C2PA_LIBRARY_NAME", str(library))
    try:
        return importlib.import_module("c2pa")
    except (ImportError, RuntimeError, OSError) as fault:
        hint = "pip install --force-reinstall 'houselights[provenance]'"
        raise ReleaseError(f"the package c2pa-python does not load: {_words(fault)}", hint=hint) from fault


def _form(path: Path) -> str:
    """The media type of a file, by its name and first bytes."""
    form, at, begin = FORMATS.get(path.suffix.lower(), ("", 0, b""))
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as fault:
        raise _unreadable(path, fault) from fault
    if not form or head[at : at + len(begin)] != begin:
        msg = f"'{path}' is no {path.suffix.lstrip('.') if form else 'file that can hold a credential'}"
        raise ReleaseError(msg, hint="released files of mp4, jpg, png and webp can hold one")
    return form


def _unreadable(path: Path, fault: OSError) -> ReleaseError:
    hint = "check the name and that you may read the file"
    return ReleaseError(f"'{path}' cannot be read: {fault.strerror or fault}", hint=hint)


def _pem(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise _unreadable(path, fault) from fault


def _pair(signer: Signer) -> tuple[str, bytes, bytes]:
    """The algorithm that a key signs with, the certificates and the key, both in the form that the library takes."""
    from cryptography import x509  # noqa: PLC0415 - comes with the extra
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - as above

    try:
        chain = x509.load_pem_x509_certificates(_pem(signer.certificate))
        certified = chain[0].public_key()
    except (ValueError, UnsupportedAlgorithm) as fault:
        msg = f"'{signer.certificate}' holds no certificate that can be read"
        raise ReleaseError(msg, hint="give a PEM file: -----BEGIN CERTIFICATE-----") from fault
    try:
        key = serialization.load_pem_private_key(_pem(signer.key), password=None)
    except TypeError as fault:
        hint = f"openssl pkey -in {signer.key.name} -out plain.pem, in a folder that only you can read"
        raise ReleaseError(f"'{signer.key}' is encrypted, and there is no passphrase", hint=hint) from fault
    except (ValueError, UnsupportedAlgorithm) as fault:
        msg = f"'{signer.key}' holds no private key that can be read"
        raise ReleaseError(msg, hint="give a PEM file: -----BEGIN PRIVATE KEY-----") from fault
    if certified != key.public_key():
        msg = f"the key '{signer.key}' does not fit the certificate '{signer.certificate}'"
        raise ReleaseError(msg, hint="the signer's own certificate comes first in its file")
    begin, end = chain[0].not_valid_before_utc, chain[0].not_valid_after_utc
    if not begin <= datetime.now(UTC) <= end:
        msg = f"'{signer.certificate}' is valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d}, not today"
        raise ReleaseError(msg, hint="ask for a new certificate, or set the clock")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pem = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain)
    return _algorithm(key, signer.key), pem, key.private_bytes(*form)


def _algorithm(key: object, path: Path) -> str:
    """C2PA's name of what a key signs with."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415 - comes with the extra

    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    curves = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
    found = curves.get(key.curve.name) if isinstance(key, ec.EllipticCurvePrivateKey) else None
    if found is None:
        hint = "C2PA takes EC on P-256, P-384 or P-521, Ed25519, and RSA"
        raise ReleaseError(f"the key '{path}' is of a kind that cannot sign a credential", hint=hint)
    return found
