"""Stamp: when a log was as it is, in the words of an authority that has a clock of its own (RFC 3161).

An authority signs the time together with the hash of a checkpoint, and nothing else of the log leaves this machine.
Kept are `stamps/<size>.checkpoint`, the bytes that were stamped, and `stamps/<size>.tsr`, the answer, so that anybody
can do without us: `openssl ts -verify -data stamps/42.checkpoint -in stamps/42.tsr -CAfile ca.pem`.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import load_pem_x509_certificates

from houselights.custody import Checkpoint, CustodyError, Key, Note, Tree, fields_of, read_entries
from houselights.errors import RecordError
from houselights.files import whole
from houselights.witness import post

APART = timedelta(seconds=60)
"""How far the clock of the log may be from that of an authority."""

_AUTHORITY = "the time stamping authority"
_OTHER = "give another address, or ask who runs it; the log is as it was, it only has no stamp for now"
_SHA256 = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True, slots=True)
class Stamp:
    """When a log was seen."""

    size: int
    """How many entries it had."""
    time: datetime
    """In UTC, by the clock of the authority."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the stamps of a log show."""

    stamps: tuple[Stamp, ...]
    """Those that are genuine and on this log, by size."""
    faults: tuple[str, ...]
    """What is not as it has to be, each with its place."""


# --------------------------------------------------------------------------------------------------- a new stamp


def stamp(folder: Path, checkpoint: bytes, size: int, url: str) -> datetime:
    """Have a checkpoint stamped and keep it in a log's folder, in place of an older stamp on as many entries.

    Do it at once after the checkpoint was made: `check` takes it that the entries behind `size` are younger.

    Args:
        folder: the log's.
        checkpoint: signed, as it stands in the file.
        size: how many entries it states.
        url: of the authority, https or http.

    Returns:
        The time in UTC, as the authority says. Whether one trusts it is asked in `check`.

    Raises:
        RecordError: the package is missing, the authority cannot be reached or answered something else, the bytes are
            no checkpoint of that size, or the stamp cannot be written.
    """
    client = _library()
    try:
        stated = Checkpoint.of(Note.parse(checkpoint)).size
    except CustodyError as fault:
        raise RecordError(f"this cannot be stamped: {fault}", hint="give the log's file `checkpoint`") from fault
    if stated != size:
        raise RecordError(f"this cannot be stamped: the checkpoint states {stated} entries, expected {size}")
    request = client.TimestampRequestBuilder().data(checkpoint).hash_algorithm(client.HashAlgorithm.SHA256).build()
    answer = post(_AUTHORITY, url, request.as_bytes(), "application/timestamp-query")
    if answer.status != 200:
        raise RecordError(f"{_AUTHORITY} answered with HTTP status {answer.status}", hint=_OTHER)
    found = _answered(client, request.nonce, checkpoint, answer.content)
    try:
        _keep(folder / "stamps", size, checkpoint, answer.content)
    except OSError as fault:
        hint = "is there room on the disk, and may you write there?"
        raise RecordError(f"the stamp cannot be kept in '{folder}': {fault.strerror}", hint=hint) from fault
    return found


def _answered(client: Any, nonce: int, checkpoint: bytes, content: bytes) -> datetime:  # noqa: ANN401 - a module
    """The time in an answer to our question."""
    try:
        response = client.decode_timestamp_response(_ordered(content))
        if response.status != client.PKIStatus.GRANTED:
            said = _words(" ".join(response.status_string)) or "without a reason"
            raise RecordError(f"{_AUTHORITY} refused (status {response.status}): {said}", hint=_OTHER)
        info = response.tst_info
        imprint = info.message_imprint.hash_algorithm.dotted_string, info.message_imprint.message
        given, certificates, moment = info.nonce, response.signed_data.certificates, info.gen_time
    except ValueError as fault:
        raise RecordError(f"{_AUTHORITY} sent no answer of RFC 3161: {_words(str(fault))}", hint=_OTHER) from fault
    if given != nonce:
        raise RecordError(f"{_AUTHORITY} answered another question: its nonce is not ours", hint=_OTHER)
    if imprint != (_SHA256, hashlib.sha256(checkpoint).digest()):
        raise RecordError(f"{_AUTHORITY} stamped other bytes than those it was given", hint=_OTHER)
    if not certificates:
        raise RecordError(f"{_AUTHORITY} left out its certificate, so nobody could check the stamp", hint=_OTHER)
    return _utc(moment)


def _keep(folder: Path, size: int, checkpoint: bytes, answer: bytes) -> None:
    """Put both files into a folder. There is a stamp where there is a `.tsr`, so that one comes last and goes first."""
    folder.mkdir(parents=True, exist_ok=True)
    stamped, token = folder / f"{size}.checkpoint", folder / f"{size}.tsr"
    if not stamped.exists() or stamped.read_bytes() != checkpoint:
        token.unlink(missing_ok=True)
        with whole(stamped, private=False) as file:
            file.write(checkpoint)
    with whole(token, private=False) as file:
        file.write(answer)


# --------------------------------------------------------------------------------------------------- all stamps


def check(folder: Path, key: Key, roots: Sequence[Path]) -> Checked:
    """Check all stamps of a log, and that its entries are not dated before one and after another that say otherwise.

    Whether the entries are those that were logged says `custody.verify`.

    Args:
        folder: the log's, or of a copy.
        key: of the log.
        roots: PEM files with the certificates of the authorities that are trusted.

    Raises:
        CustodyError: the log has no signed checkpoint or no such tree, or a file of `roots` has no certificate.
        RecordError: the package is missing.
    """
    verifier = _verifier(roots)
    newest = Checkpoint.open(_read(folder / "checkpoint"), key)
    tree, faults, stamps = Tree.at(folder, newest.size), list[str](), list[Stamp]()
    if tree.root(newest.size) != newest.root:
        raise CustodyError(f"the log in '{folder}' does not have the root that its checkpoint signs")
    for path in sorted((folder / "stamps").glob("*.tsr"), key=lambda path: (len(path.name), path.name)):
        try:
            stamps.append(_genuine(path, verifier, key, newest.size, tree))
        except CustodyError as fault:
            faults.append(f"stamps/{_words(path.name)}: {_words(str(fault))}")
    faults.extend(_misdated(folder, newest.size, stamps))
    return Checked(tuple(stamps), tuple(faults))


def _verifier(roots: Sequence[Path]) -> Any:  # noqa: ANN401 - its package may not be there
    client = _library()
    certificates = []
    for path in roots:
        try:
            certificates.extend(load_pem_x509_certificates(_read(path)))
        except (ValueError, UnsupportedAlgorithm) as fault:
            raise CustodyError(f"'{path}' holds no certificate that can be read: expected a PEM file") from fault
    if not certificates:
        raise CustodyError("no authority is trusted: give the PEM file with its root certificate")
    return client.VerifierBuilder(roots=certificates).build()


def _genuine(path: Path, verifier: Any, key: Key, size: int, tree: Tree) -> Stamp:  # noqa: ANN401 - as above
    """The stamp in a file, if a trusted authority made it on a checkpoint of this log. Raises CustodyError if not."""
    if not re.fullmatch(r"0|[1-9][0-9]{0,17}", path.stem):
        raise CustodyError("the name is no size")
    content = _read(path.with_suffix(".checkpoint"))
    moment = _moment(_read(path), verifier, content)
    stated = Checkpoint.open(content, key)
    if stated.size != int(path.stem):
        raise CustodyError(f"it is on {stated.size} entries")
    if stated.size > size:
        raise CustodyError(f"entries {size} to {stated.size - 1} are gone: they were there at {_text(moment)}")
    if tree.root(stated.size) != stated.root:
        raise CustodyError(f"the log had other entries at {_text(moment)}: its root was not the one of now")
    return Stamp(stated.size, moment)


def _moment(token: bytes, verifier: Any, content: bytes) -> datetime:  # noqa: ANN401 - as above
    """The time in a token of a trusted authority on these bytes. Raises CustodyError where it is none."""
    client = _library()
    try:
        response = client.decode_timestamp_response(_ordered(token))
        verifier.verify_message(response, content)
        return _utc(response.tst_info.gen_time)
    except (client.VerificationError, ValueError, UnsupportedAlgorithm) as fault:
        said = f"no token of a trusted authority on the checkpoint beside it ({fault})"
        raise CustodyError(said) from fault


def _misdated(folder: Path, size: int, stamps: Sequence[Stamp]) -> Iterator[str]:
    """Entries whose own time and a stamp say different things. The stamps are in the order of their sizes."""
    times = [each.time for each in stamps]
    edges = [0, *(each.size for each in stamps), size]
    begins = [None, *accumulate(times, max)]  # the latest stamp that each stretch of entries came after
    ends = [*reversed([*accumulate(reversed(times), min)]), None]  # and the earliest that it was there at
    entries = read_entries(folder, size)
    try:
        for first, end, begin, close in zip(edges[:-1], edges[1:], begins, ends, strict=True):
            yield from _between(islice(entries, end - first), first, begin, close)
    except CustodyError as fault:  # what comes behind a bundle that is lost is not looked at
        yield str(fault)


def _between(entries: Iterator[bytes], first: int, begin: datetime | None, close: datetime | None) -> Iterator[str]:
    """Entries that are dated before the one time or after the other. `first` is the index of the first."""
    early, late = list[tuple[int, datetime]](), list[tuple[int, datetime]]()
    for index, entry in enumerate(entries, first):
        try:
            dated = _dated(entry)
        except CustodyError as fault:
            yield f"entry {index}: {fault}"
            continue
        if begin is not None and dated < begin - APART:
            early.append((index, dated))
        if close is not None and dated > close + APART:
            late.append((index, dated))
    if early and begin is not None:
        yield f"{_span(early)}, but it was not there yet at {_text(begin)}: the clock was set back"
    if late and close is not None:
        yield f"{_span(late)}, but it was there at {_text(close)}: the clock was ahead, or set back since"


def _dated(entry: bytes) -> datetime:
    text = str(fields_of(entry).get("time"))
    with suppress(ValueError):
        found = datetime.fromisoformat(text)
        if found.utcoffset() == timedelta():
            return found
    raise CustodyError(f"'{_words(text)}' is no time in UTC, such as 2026-11-22T16:03:04Z")


def _span(dated: Sequence[tuple[int, datetime]]) -> str:
    """The first of some entries, and how many others there are."""
    others = f" and {len(dated) - 1} after it" if len(dated) > 1 else ""
    return f"entry {dated[0][0]}{others}: dated {_text(dated[0][1])}"


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _ordered(token: bytes) -> bytes:
    """The same answer with its certificates in the order of DER; else the package does not read it.

    Openssl, and with it many an authority, leaves them as it got them. The signature is not over their order.
    """
    begin, end = 0, len(token)
    try:
        for step in (0, 1, 1, 0):  # TimeStampResp, timeStampToken, content, SignedData
            _, begin, end = _elements(token, begin, end)[step]
        first, begin, end = _elements(token, begin, end)[3]
        if token[first] != 0xA0:  # it has none
            return token
        certificates = sorted(token[at:stop] for at, _, stop in _elements(token, begin, end))
    except IndexError:
        return token
    return token[:begin] + b"".join(certificates) + token[end:]


def _elements(content: bytes, begin: int, end: int) -> list[tuple[int, int, int]]:
    """Where each element of DER in a part of the content begins, where its own content does, and where it ends.

    Raises IndexError where that is not what is there.
    """
    found, at = list[tuple[int, int, int]](), begin
    while at < end:
        length, inside = content[at + 1], at + 2
        if length > 0x7F:
            inside += length - 0x80
            length = int.from_bytes(content[at + 2 : inside])
        found.append((at, inside, inside + length))
        at = inside + length
    if at != end:
        raise IndexError
    return found


def _words(text: str) -> str:
    """Words of a stranger's as they can be shown."""
    return "".join(each if each.isprintable() else "?" for each in text[:300])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise CustodyError(f"'{path}' cannot be read: {fault.strerror}") from fault


def _library() -> Any:  # noqa: ANN401 - it is not there in every installation
    """The package rfc3161_client."""
    try:
        return importlib.import_module("rfc3161_client")
    except ImportError as fault:
        msg = "time stamps need the package rfc3161-client, which is not installed"
        raise RecordError(msg, hint="pip install 'houselights[provenance]'") from fault
