"""Disclosure: "was this film ever searched?", answered so that the answer cannot be a lie.

An entry about a film carries a salted tag in place of the film's hash. The tag is made with the film's label, which the
log's owner computes from the hash by a verifiable random function (`vrf.py`): for one film there is exactly one label,
and the owner can prove it with the key that the log's first entry states. The proof is the film's disclosure secret.
Whoever has it finds every entry about the film in a copy of the log, and none about any other; whoever has it not
learns nothing. An owner who gives out a wrong secret is found out, one who gives none has refused.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from houselights import vrf
from houselights.custody import CustodyError
from houselights.entry import Entry
from houselights.manifest import SCHEMA as RELEASE

SCHEMA = "houselights/disclosure/1"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A film's disclosure secret, for one log."""

    log: str
    """The log's name."""
    sha256: str
    """Of the film's file."""
    proof: str
    """80 bytes in hexadecimal, see `vrf.prove`."""
    schema: str = SCHEMA

    def to_json(self) -> str:
        """The file that is handed out."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def read(cls, path: Path) -> Disclosure:
        """A disclosure from its file, or from the manifest of a release, for the source of that release.

        Raises:
            CustodyError: it is none, or the manifest keeps it back.
        """
        wrong = CustodyError(f"'{path}' is no disclosure: expected the schema {SCHEMA}, or a release's manifest")
        try:
            fields = json.loads(path.read_text("utf-8"))
            if fields["schema"] == RELEASE:
                fields = {"log": fields["record"]["log"], "sha256": fields["source"]["sha256"], "schema": SCHEMA} | {
                    "proof": fields["record"]["disclosure"]
                }
            found = cls(**fields)
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as fault:
            raise wrong from fault
        if found.proof is None:
            raise CustodyError(f"'{path}' does not disclose what was done with its source: its maker kept that back")
        if found.schema != SCHEMA or not all(isinstance(value, str) for value in fields.values()):
            raise wrong
        return found

    def label(self, public: str) -> bytes:
        """The film's label, if the secret is the one that belongs to this film in the log with that key.

        Raises:
            CustodyError: it is not.
        """
        try:
            return vrf.verify(bytes.fromhex(public), bytes.fromhex(self.sha256), bytes.fromhex(self.proof))
        except ValueError as fault:
            raise CustodyError(f"the disclosure secret is not that of this film in this log: {fault}") from fault


def make(log: str, secret: bytes, sha256: str) -> Disclosure:
    """The disclosure of a film, by the log's owner."""
    return Disclosure(log, sha256, vrf.prove(secret, bytes.fromhex(sha256)).hex())


def new_tag(label: bytes) -> dict[str, str]:
    """A tag that only who has the film's label can tell from any other."""
    salt = os.urandom(16).hex()
    return {"salt": salt, "tag": _tag(label, salt)}


def _tag(label: bytes, salt: str) -> str:
    return hmac.new(label, bytes.fromhex(salt), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class FilmUse:
    """One use of a film."""

    use: str
    entries: tuple[tuple[int, Entry], ...]
    """All entries of the use, with their numbers."""
    about: frozenset[int]
    """The numbers of those that bear the film's tag."""


def uses_of(disclosure: Disclosure, entries: Iterable[bytes]) -> list[FilmUse]:
    """Every use of a film that a log states, in order: the list is complete for the entries given.

    Raises:
        CustodyError: the secret is not that of this film in this log, or the log has an entry that says too much.
    """
    numbered = [(index, Entry.parse(entry)) for index, entry in enumerate(entries)]
    if not numbered or numbered[0][1].kind != "log-opened":
        raise CustodyError("the log does not begin with an entry that states its key for disclosures")
    label = disclosure.label(numbered[0][1].facts["disclosure"])
    about = frozenset(index for index, entry in numbered if is_about(label, entry))
    found = dict.fromkeys(entry.use for index, entry in numbered if index in about)
    chains: dict[str, list[tuple[int, Entry]]] = {use: [] for use in found}
    for index, entry in numbered:
        if entry.use in chains:
            chains[entry.use].append((index, entry))
    return [FilmUse(use, tuple(chain), about) for use, chain in chains.items()]


def is_about(label: bytes, entry: Entry) -> bool:
    """Whether an entry bears the tag of the film with that label."""
    stated = entry.facts.get("footage")
    return stated is not None and hmac.compare_digest(_tag(label, stated["salt"]), stated["tag"])


def in_words(found: Sequence[FilmUse], size: int) -> Iterator[str]:
    """Uses of a film, line by line, among all that a log of `size` entries states."""
    marks = dict(_drifted(found))
    for number, use in enumerate(found, 1):
        yield f"{number}. use {use.use[:8]}"
        for index, entry in use.entries:
            if entry.kind != "footage-opened" or index in use.about:  # the other films of a search are not asked about
                yield f"   {entry.time}  entry {index}: {entry.said}" + marks.get(index, "")
    own = [entry.kind for use in found for index, entry in use.entries if index in use.about]
    counts = [("searches of this film", "footage-opened"), ("releases", "released"), ("refused", "refused")]
    said = ", ".join(f"{what}: {own.count(kind)}" for what, kind in counts)
    yield f"{said}; all that the {size} entries of this log state"


def _drifted(found: Sequence[FilmUse]) -> Iterator[tuple[int, str]]:
    """What should not have been, by the number of its entry.

    That is a purpose that two people did not sign for, or a search for one that the film was not taken in for. The
    program refuses both; whoever reads the log should not have to believe that it did.
    """
    about = frozenset[int]().union(*(use.about for use in found))
    fixed: set[str] = set()
    begun: dict[str, str] = {}
    signed: dict[tuple[str, str], set[str]] = {}  # by use and purpose: who asked, and who approved
    for index, entry in sorted((pair for use in found for pair in use.entries), key=lambda pair: pair[0]):
        purpose = entry.facts.get("purpose")
        if entry.kind == "search-started":
            begun[entry.use] = str(purpose)
        elif index not in about:
            continue
        elif entry.kind in {"purpose-asked", "purpose-approved"}:
            signed.setdefault((entry.use, str(purpose)), set()).add(entry.facts["by"])
        elif entry.kind == "footage-taken-in" and entry.facts["fixed"]:
            if fixed and purpose not in fixed and len(signed.get((entry.use, str(purpose)), ())) < 2:
                yield index, " -- TWO PEOPLE DID NOT SIGN FOR THIS PURPOSE"
            else:
                fixed.add(str(purpose))
        elif entry.kind == "footage-opened" and fixed and begun.get(entry.use) not in fixed:
            yield index, " -- THE FILM WAS NOT TAKEN IN FOR THIS PURPOSE"
