"""Actors: people who answer for what they decide, each with a key of their own under their own passphrase.

An entry that somebody answers for is signed by that person. The log states the public keys, so anybody can check that
two decisions were made by two people who each knew a passphrase, and not by one who typed two names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from houselights.custody import canonical
from houselights.entry import ROLE_WORDS, SIGNED
from houselights.errors import PolicyError, SettingsError
from houselights.record import Record, Use
from houselights.words import name_of, said

COST = 2**15  # of scrypt: a guess at a passphrase takes some 60 ms and 32 MiB
SHORTEST = 10  # characters of a passphrase
NONCE = 12
REVIEWERS = ("reviewer", "authoriser")
"""Roles of those who may let an entry of a watchlist take part in searches."""
Passphrased = tuple[str, str]
"""The name of an actor, and what they typed as their passphrase."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who may decide."""

    name: str
    role: str
    """One of `entry.ROLE_WORDS`."""
    public: str
    """Ed25519 public key, hexadecimal."""
    salt: str
    locked: str
    """The private key, sealed under the passphrase; hexadecimal."""
    revoked: bool = False


def add(record: Record, name: str, role: str, passphrase: str, by: Passphrased | None = None) -> Actor:
    """A new actor. Once there is one, somebody with the role `authoriser` has to sign for the next: name, passphrase.

    Raises:
        SettingsError: the name is taken, the role is none, or the passphrase is too short.
        PolicyError: nobody who may signed for it.
    """
    given, name = name, name_of(name)
    if role not in ROLE_WORDS:
        raise SettingsError(f"'{role}' is no role", hint=f"expected {', '.join(ROLE_WORDS)}")
    if not said(given) or len(passphrase) < SHORTEST:
        raise SettingsError(f"an actor needs a name and a passphrase of {SHORTEST} characters at least")
    private, salt = Ed25519PrivateKey.generate(), os.urandom(16)
    actor = Actor(name, role, private.public_key().public_bytes_raw().hex(), salt.hex(), "")
    nonce = os.urandom(NONCE)
    locked = nonce + _lock(passphrase, salt).encrypt(nonce, private.private_bytes_raw(), actor.public.encode())
    with record.log.locked():
        earlier = _kept(record, name)
        if earlier is not None and _is_stated(earlier, _changes(record)):
            raise SettingsError(
                f"'{name}' is an actor already", hint="a name stands for one person, also a revoked one"
            )
        actor = replace(actor, locked=locked.hex())
        _keep(record, actor)  # first: a key that the log does not state signs nothing
        _changed(record, "added", actor, by)
    return actor


def revoke(record: Record, name: str, by: Passphrased) -> Actor:
    """An actor who can sign no more; what was signed before stays signed.

    Raises:
        SettingsError: there is no such actor.
        PolicyError: nobody who may signed for it.
    """
    with record.log.locked():
        actor = find(record, name)
        left = [each for each in listed(record) if each.role == "authoriser" and not each.revoked]
        if left == [actor]:
            hint = "add another authoriser first"
            raise PolicyError(f"'{actor.name}' is the only authoriser", rule="two-people", hint=hint)
        _changed(record, "revoked", actor, by)
        actor = replace(actor, revoked=True)
        _keep(record, actor)
    return actor


def _changed(record: Record, change: str, actor: Actor, by: Passphrased | None) -> None:
    use = record.use()
    facts = {"actor": number(record, actor.name), "role": actor.role, "key": actor.public, "change": change}
    if by is not None:
        signed(use, "actor-changed", facts, by)
        return
    if _changes(record):
        hint = "an authoriser signs for the next: --by NAME"
        raise PolicyError("there are actors already, and nobody signed for this", rule="two-people", hint=hint)
    if actor.role != "authoriser":
        raise SettingsError("the first actor is an authoriser", hint="somebody has to sign for the others")
    use.add("actor-changed", facts)


def _changes(record: Record) -> list[bytes]:
    """What the log says of actors."""
    return [entry for entry in record.entries() if b'"kind":"actor-changed"' in entry]


def _is_stated(actor: Actor, changes: Sequence[bytes]) -> bool:
    """Whether the log says that this key is an actor's: one that was interrupted before it did is none."""
    return any(actor.public.encode() in entry for entry in changes)


def find(record: Record, name: str) -> Actor:
    """The actor of that name.

    Raises:
        SettingsError: there is none.
    """
    actor = _kept(record, name)
    if actor is None or not _is_stated(actor, _changes(record)):
        raise SettingsError(f"'{name}' is no actor", hint="`houselights actor list` shows them; `actor add` adds one")
    return actor


def listed(record: Record) -> Iterator[Actor]:
    """All actors, revoked ones too."""
    changes = _changes(record)
    kept = (Actor(**json.loads(content)) for content in record.store.documents("actor").values())
    yield from (actor for actor in kept if _is_stated(actor, changes))


def signed(
    use: Use,
    kind: str,
    facts: Mapping[str, Any],
    by: Passphrased,
    *,
    private: Mapping[str, Any] | None = None,
    subjects: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """Add an entry that somebody answers for; their pseudonym.

    Raises:
        PolicyError: they may not decide this, or are revoked.
        SettingsError: there is no such actor, or the passphrase is wrong.
    """
    stated = sign(use, kind, facts, by)
    use.add(kind, stated, private, subjects)
    return str(stated["by"])


def sign(use: Use, kind: str, facts: Mapping[str, Any], by: Passphrased) -> dict[str, Any]:
    """Facts of an entry with who answers for it and their signature, to be added to that use; raises as `signed`."""
    actor = _in_role(use.record, by[0], SIGNED[kind])
    stated = {**facts, "by": number(use.record, actor.name)}
    signature = _unlocked(actor, by[1]).sign(statement(use.record.key.name, use.number, kind, stated))
    return {**stated, "signature": signature.hex()}


def prove(record: Record, by: Passphrased, *roles: str) -> str:
    """The pseudonym of an actor who is here with their passphrase and has one of some roles; raises as `signed`."""
    actor = _in_role(record, by[0], roles)
    _unlocked(actor, by[1])
    return number(record, actor.name)


def names(record: Record) -> dict[str, str]:
    """Names of all actors by pseudonym, those of revoked ones too."""
    return {number(record, actor.name): actor.name for actor in listed(record)}


def has_authoriser(record: Record) -> bool:
    """Whether there is somebody who can approve. Once there is one, there always is."""
    return any(actor.role == "authoriser" for actor in listed(record))


def _in_role(record: Record, name: str, roles: Sequence[str]) -> Actor:
    actor = find(record, name)
    if actor.revoked or actor.role not in roles:
        state = "is revoked" if actor.revoked else f"has the role '{actor.role}'"
        raise PolicyError(f"'{actor.name}' {state}; this needs: {', '.join(roles)}", rule="role")
    return actor


def _unlocked(actor: Actor, passphrase: str) -> Ed25519PrivateKey:
    salt, locked = bytes.fromhex(actor.salt), bytes.fromhex(actor.locked)
    try:
        secret = _lock(passphrase, salt).decrypt(locked[:NONCE], locked[NONCE:], actor.public.encode())
    except InvalidTag as fault:
        raise SettingsError(f"the passphrase of '{actor.name}' is wrong") from fault
    return Ed25519PrivateKey.from_private_bytes(secret)


def statement(log: str, use: str, kind: str, facts: Mapping[str, Any]) -> bytes:
    """What is signed: it holds for one log, one use, one kind of entry."""
    return b"houselights/decision/1\n" + canonical({"log": log, "use": use, "kind": kind, "facts": dict(facts)})


def number(record: Record, name: str) -> str:
    """The pseudonym of an actor."""
    return record.pseudonym("person", name_of(name).casefold())


def _kept(record: Record, name: str) -> Actor | None:
    content = record.store.document("actor", number(record, name))
    return None if content is None else Actor(**json.loads(content))


def _keep(record: Record, actor: Actor) -> None:
    record.store.keep("actor", number(record, actor.name), canonical(asdict(actor)))


def _lock(passphrase: str, salt: bytes) -> AESGCM:
    return AESGCM(Scrypt(salt=salt, length=32, n=COST, r=8, p=1).derive(passphrase.encode(errors="surrogatepass")))
