"""Record: how the rest of the program writes the log. What is done is a use; its entries make one chain.

Nothing may be shown before `Use.add` came back: then its entry is on the disk, signed, and its payload is sealed.

    record/log        the log, for everybody: see `custody.py`
    record/private    the key, the sealed store, the lock: for the owner alone
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from houselights import __version__, config, disclosure, settings, vrf
from houselights.config import Keyring
from houselights.custody import (
    Checkpoint,
    CustodyError,
    Key,
    Note,
    Tree,
    canonical,
    last_entry,
    leaf_hash,
    read_entries,
)
from houselights.disclosure import Disclosure
from houselights.entry import ERASED_WORDS, UNKNOWN_FACT, Entry, check_private
from houselights.errors import PolicyError, RecordError
from houselights.facts import PLACE
from houselights.files import whole
from houselights.log import Log, Signer
from houselights.proofs import Receipt, inclusion, payload_hash
from houselights.store import Part, Store, pseudonym
from houselights.words import name_of

UNKNOWN = "1970-01-01T00:00:00Z"  # until the entry's turn has come
DERIVED = ("names", "disclosure", "signing", "store")  # what keys are made from the one that is kept
RULES, SETUP = "in force", "setup"
TIME = "%Y-%m-%dT%H:%M:%SZ"
"""A moment in UTC, to the second, as entries state it."""
SECRET = 32  # bytes of the key, and of each key that is made from it
Clock = Callable[[], datetime]
Opened = Literal["none", "last", "all"]
"""What a receipt opens of the sealed parts: nothing, those of the last entry that are the use's own, or everything."""


def _now() -> datetime:
    return datetime.now(UTC)


class Record:
    """The log and the sealed store of this machine."""

    def __init__(
        self, folder: Path, key: Path | Keyring | None = None, *, name: str | None = None, clock: Clock = _now
    ) -> None:
        """The record in a folder; made, with a key of its own, where there is none yet.

        Raises:
            RecordError: it cannot be made, or its key is gone or is another's.
        """
        self.folder = folder / "log"
        private = config.private_dir(folder / "private")
        self.clock = clock
        try:
            with (private / "begin").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self.is_new = not (self.folder / "checkpoint").exists()
                secret = _secret(key or private / "key", make=self.is_new)
                origin = _origin(private, name)
                names, disclosing, signing, store = (_derived(secret, origin, what) for what in DERIVED)
                self._names, self._disclosing = names, disclosing
                self.log = Log(self.folder, private, Signer(origin, signing))
                self.store = Store(private / "store.db", store)
                self._begin(private / "software")
        except OSError as fault:
            raise RecordError(f"the record in '{folder}' cannot be opened: {fault.strerror}") from fault

    @classmethod
    def here(cls) -> Record:
        """The record that this machine's settings name."""
        return cls(config.record_dir(), config.key_place())

    def _begin(self, stated: Path) -> None:
        """The log's first entry; and one whenever another version of this program goes on with it."""
        software = f"houselights {__version__}"
        if self.log.checkpoint().size == 0:
            self.use().add("log-opened", {"software": software, "disclosure": vrf.public_key(self._disclosing).hex()})
            with whole(self.folder / "key", private=False) as file:
                file.write(f"{self.key}\n".encode())
        elif not stated.exists() or stated.read_text("utf-8") != software:
            self.use().add("software-changed", {"software": software})
        else:
            return
        with whole(stated) as file:
            file.write(software.encode())

    def state_rules(self) -> None:
        """Entries for what `houselights.toml` says otherwise than at the last use: packs, the place, the schedule.

        Raises:
            RecordError: it cannot be recorded.
            SettingsError: `houselights.toml` says what it may not.
        """
        found = settings.setup()
        now = {pack.name: pack.sha256 for pack in found.enabled}
        with self.log.locked():
            before = json.loads(self.store.document("rules", RULES) or b"{}")
            for name in sorted(before.keys() | now.keys()):
                old, new = before.get(name), now.get(name)
                if old and old != new:
                    self.use().add("policy-changed", {"pack": name, "sha256": old, "change": "disabled"})
                if new and old != new:
                    self.use().add("policy-changed", {"pack": name, "sha256": new, "change": "enabled"})
            if before != now:
                self.store.keep("rules", RULES, canonical(now))
            stated = _stated(found)
            if canonical(stated) != self.store.document("rules", SETUP):
                self.use().add("setup-changed", stated)
                self.store.keep("rules", SETUP, canonical(stated))

    def now(self) -> datetime:
        """The time in UTC, to the second, never before the newest entry's: setting a clock back puts nothing off."""
        told = self.clock().astimezone(UTC).replace(microsecond=0)
        size = self.log.checkpoint().size
        if size == 0:
            return told
        try:
            newest = Entry.parse(last_entry(self.folder, size))
        except CustodyError as fault:
            raise RecordError(f"the log in '{self.folder}' is not whole: {fault}") from fault
        return max(told, datetime.strptime(newest.time, TIME).replace(tzinfo=UTC))

    @property
    def key(self) -> Key:
        """The log's public key: whoever is to check the log needs it from a source they trust."""
        return self.log.signer.key

    def use(self, number: str | None = None) -> Use:
        """A new use, whose first entry is still to come; or the one with that number, to go on with.

        Raises:
            RecordError: there is none with that number.
        """
        if number is None:
            return Use(self, os.urandom(16).hex())
        chain = _chain(self.entries(), number)
        if not chain:
            raise RecordError(f"use '{number}' is not in the log", hint="`houselights log show` lists them")
        return Use(self, number, chain)

    def pseudonym(self, kind: str, text: str) -> str:
        """What stands in this log for a name or a private hash: 32 hexadecimal digits."""
        return pseudonym(self._names, kind, text)

    def disclosure(self, sha256: str) -> Disclosure:
        """A film's disclosure secret."""
        return disclosure.make(self.key.name, self._disclosing, sha256)

    def label(self, sha256: str) -> bytes:
        """A film's label, which its tags are made with."""
        return vrf.output(vrf.prove(self._disclosing, bytes.fromhex(sha256)))

    def refusing(self, what: str) -> AbstractContextManager[None]:
        """Every refusal by a rule gets its entry, in a use of its own, before it is shown."""
        return self.use().refusing(what)

    def entries(self) -> list[bytes]:
        """All entries up to the newest checkpoint.

        Raises:
            RecordError: one is missing.
        """
        try:
            return list(read_entries(self.folder, self.log.checkpoint().size))
        except CustodyError as fault:
            raise RecordError(f"the log in '{self.folder}' is not whole: {fault}") from fault

    def asked(self, sha256: str) -> Use:
        """Record that somebody asked what was done with a film. The receipt is for who asked, and says which film."""
        use = self.use()
        use.add("disclosure-asked", {"footage": disclosure.new_tag(self.label(sha256))}, {"sha256": sha256})
        return use

    def disclose(self, sha256: str, recipient: str, private: Mapping[str, str], asked: str | None = None) -> Disclosure:
        """A film's disclosure secret, after its entry; `asked` is the number of the use in which somebody asked.

        `private` has the recipient's name and the reason.
        """
        facts = {"footage": disclosure.new_tag(self.label(sha256)), "recipient": recipient}
        self._answering(asked, sha256).add("disclosed", facts, {**private, "operator": config.operator()})
        return self.disclosure(sha256)

    def keep_back(self, sha256: str, ground: str, private: Mapping[str, str], asked: str | None = None) -> Use:
        """Record that a film's disclosure secret was refused, and on what ground. The receipt is for who asked."""
        use = self._answering(asked, sha256)
        facts = {"footage": disclosure.new_tag(self.label(sha256)), "ground": ground}
        use.add("disclosure-refused", facts, {**private, "sha256": sha256})
        return use

    def _answering(self, asked: str | None, sha256: str) -> Use:
        """The use of a question that is still open, or a new one where nobody asked."""
        use = self.use(asked)
        if asked is not None:
            chain = [Entry.parse(entry) for entry in use.entries]
            if [e.kind for e in chain] != ["disclosure-asked"] or not disclosure.is_about(self.label(sha256), chain[0]):
                hint = "`log ask` gives the number of a question"
                raise RecordError(f"use '{asked}' is no open question about this film", hint=hint)
        return use

    def export(self, to: Path, recipient: str, private: Mapping[str, str]) -> None:
        """Copy the log for somebody, after an entry that says for whom; `private` has their name and the reason.

        Raises:
            RecordError: the copy cannot be written, or its folder is there already.
        """
        if to.exists():
            raise RecordError(f"'{to}' is there already", hint="name a folder that is not there yet")
        self.use().add("exported", {"what": "log", "recipient": recipient}, {**private, "operator": config.operator()})
        with self.log.locked():
            try:
                shutil.copytree(self.folder, to)
            except OSError as fault:  # shutil.Error is one
                raise RecordError(f"the copy '{to}' cannot be written: {fault.strerror or fault}") from fault

    def erase(self, what: str, name: str, why: str) -> int:
        """Destroy the key of a subject, by name, or of a use or a case, by number; how many keys that were, 0 or 1.

        What is sealed under it can never be opened again; every entry and every proof stays as it is.

        Raises:
            RecordError: it cannot be destroyed, or the erasure cannot be recorded.
        """
        if why not in ERASED_WORDS:  # before the key is gone
            raise RecordError(f"'{why}' is no reason for an erasure: expected {', '.join(ERASED_WORDS)}")
        if what != "subject" and not re.fullmatch("[0-9a-f]{32}", name):
            raise RecordError(f"'{name}' is no number of a use", hint="`houselights log show --json` shows them whole")
        keys = self.store.erase(self.pseudonym("subject", name_of(name)) if what == "subject" else name)
        self.use().add("erased", {"what": what, "why": why, "keys": keys})
        return keys

    def receipt(self, index: int, opened: Opened = "none") -> Receipt:
        """The proof of an entry and of those before it in its use, with what is sealed as far as it is opened.

        Raises:
            RecordError: there is no such entry.
        """
        entries = self.entries()
        if not 0 <= index < len(entries):
            raise RecordError(f"entry {index} is not in the log, which has {len(entries)}")
        return self.prove(index, _chain(entries[: index + 1], Entry.parse(entries[index]).use), opened)

    def prove(self, index: int, chain: Sequence[bytes], opened: Opened) -> Receipt:
        """The receipt for a chain of entries whose last is at `index`; see `receipt`."""
        checkpoint = self._proving(index)
        tree = Tree.at(self.folder, self.log.checkpoint().size)
        parts = []
        for place, entry in enumerate(map(Entry.parse, chain)):
            own = [entry.use] if opened == "last" and place == len(chain) - 1 else []
            holders = None if opened == "all" else own
            parts.append(self.store.opened(entry.payload, holders) if entry.payload else ())
        return Receipt(
            index, tuple(inclusion(tree, index, checkpoint.size)), checkpoint.note, tuple(chain), tuple(parts)
        )

    def _proving(self, index: int) -> Checkpoint:
        """The checkpoint for a proof: the one that witnesses have signed, where it has the entry."""
        newest = self.log.checkpoint()
        try:
            witnessed = Checkpoint.of(Note.parse((self.folder / "witnessed").read_bytes()))
        except FileNotFoundError:
            return newest
        return witnessed if witnessed.size > index else newest


class Use:
    """One search, one release, one reading of the log: a chain of entries under one number."""

    def __init__(self, record: Record, number: str, entries: Sequence[bytes] = ()) -> None:
        """A use that goes on after these entries of it."""
        self.record, self.number, self.entries = record, number, list(entries)
        self._resumed = bool(entries)
        self.last = -1
        """Number in the log of the last entry."""
        self._lock, self._broken = Lock(), False

    def add(
        self,
        kind: str,
        facts: Mapping[str, Any],
        private: Mapping[str, Any] | None = None,
        subjects: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> int:
        """Record the next step of this use; the entry's number. When this returns it is on the disk and signed.

        What is `private` is sealed under the use's own key, what is of `subjects`, by name, under theirs.

        Raises:
            RecordError: it could not be recorded: nothing of the step may be shown.
            CustodyError: the entry would say what no entry may say.
        """
        with self._lock:
            if self._broken:  # whether its last entry is in the log is not known, so no other can name it
                raise RecordError("this use could not be recorded to its end: it is not gone on with")
            check_private(kind, private or {})
            parts = [] if private is None else [self._part(self.number, private)]
            for name, about in (subjects or {}).items():
                parts.append(self._part(self.record.pseudonym("subject", name), {"subject": name, **about}))
            payload = payload_hash([part.content for part in parts])
            draft = Entry(
                kind=kind,
                time=UNKNOWN,
                use=self.number,
                actor=self.record.pseudonym("actor", config.operator()),
                facts=facts,
                after=leaf_hash(self.entries[-1]).hex() if self.entries else None,
                payload=payload,
            )
            if payload is not None:
                self.record.store.seal(payload, parts)
            with self.record.log.locked():  # entries stand in the order of their times
                if self._resumed and _chain(self.record.entries(), self.number) != self.entries:
                    raise RecordError(f"somebody went on with use '{self.number}' meanwhile", hint="try it again")
                entry = bytes(replace(draft, time=self.record.clock().strftime(TIME)))
                self._broken = True
                self.last = self.record.log.append([entry])
                self.entries.append(entry)
                self._broken = False
            return self.last

    @staticmethod
    def _part(holder: str, content: Mapping[str, Any]) -> Part:
        salt = {"": os.urandom(SECRET).hex()}  # first in every sort
        return Part(holder, canonical({**salt, **sealable(content)}))

    def take_in(self, sha256: str, name: str, purpose: str) -> dict[str, str]:
        """A tag for a film in this use's entries; its intake is recorded if this is the first that is seen of it."""
        label, film = self.record.label(sha256), self.record.pseudonym("film", sha256)
        with self.record.log.locked():
            if self.record.store.first_time(film):
                facts = {"purpose": purpose, "footage": disclosure.new_tag(label), "fixed": False}
                self.record.use().add("footage-taken-in", facts, {"name": name, "sha256": sha256})
                self.record.store.note_film(film)
        return disclosure.new_tag(label)

    @contextmanager
    def refusing(self, what: str, sha256: str | None = None) -> Iterator[None]:
        """Every refusal by a rule, of a film where one is named, gets its entry in this use before it is shown."""
        try:
            yield
        except PolicyError as fault:
            film = {} if sha256 is None else {"footage": disclosure.new_tag(self.record.label(sha256))}
            self.add("refused", {"what": what, "rule": fault.rule, **film})
            raise

    @contextmanager
    def failing(self, kind: str) -> Iterator[None]:
        """Whatever ends this use early gets an entry of that kind, if it still can."""
        try:
            yield
        except BaseException as fault:
            with suppress(RecordError):
                self.add(kind, {"why": "interrupted" if isinstance(fault, KeyboardInterrupt) else "error"})
            raise

    def receipt(self, opened: Opened = "none") -> Receipt:
        """The proof of this use so far; see `Record.receipt`."""
        return self.record.prove(self.last, self.entries, opened)


def _stated(found: settings.Setup) -> dict[str, str | int]:
    """What the settings say of the place and of how long things are kept, as an entry states it."""
    words = {True: "yes", False: "no", None: UNKNOWN_FACT}
    place = {name: found.place.get(name) for name in PLACE}
    said = {name: words[value] if isinstance(value, bool | None) else value for name, value in place.items()}
    return {**said, **asdict(found.schedule)}


def _chain(entries: Sequence[bytes], number: str) -> list[bytes]:
    """The entries of a use."""
    said = f'"use":"{number}"'.encode()
    return [entry for entry in entries if said in entry]


def sealable(value: Any) -> Any:  # noqa: ANN401 - whatever is sealed
    """The same with text that UTF-8 can hold: a file's name may be any bytes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, Mapping):
        return {name: sealable(each) for name, each in value.items()}
    return [sealable(each) for each in value] if isinstance(value, list | tuple) else value


def _secret(place: Path | Keyring, *, make: bool) -> bytes:
    """The record's key, from its file or the keyring; made where the record is new."""
    if make and _kept(place) is None:
        _keep(place, os.urandom(SECRET))
    secret = _kept(place)
    if secret is None:
        raise RecordError(
            f"the record's key '{place}' is gone",
            hint=f"restore it from a copy, or set {config.KEY}; without it this log can be checked but not continued",
        )
    if len(secret) != SECRET:
        raise RecordError(f"'{place}' has {len(secret)} bytes, a record's key has {SECRET}")
    return secret


def _kept(place: Path | Keyring) -> bytes | None:
    if isinstance(place, Keyring):
        return place.read()
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return None


def _keep(place: Path | Keyring, secret: bytes) -> None:
    if isinstance(place, Keyring):
        place.keep(secret)
        return
    config.private_dir(place.parent)
    with whole(place) as file:
        file.write(secret)


def _derived(secret: bytes, origin: str, what: str) -> bytes:
    """A key for one thing in one log: two records with one key file have nothing in common."""
    return HKDF(SHA256(), SECRET, None, f"houselights/record/1 {what} {origin}".encode()).derive(secret)


def _origin(private: Path, name: str | None) -> str:
    """The log's name: the one it has, the given one for a new log, else one that no other log has."""
    try:
        origin = (private / "newest").read_text("utf-8").split("\n", 1)[0]
    except (FileNotFoundError, UnicodeDecodeError):
        origin = name or f"houselights.local/{os.urandom(8).hex()}"
    if not origin or any(c.isspace() or c == "+" or not c.isprintable() for c in origin):
        raise RecordError(f"'{origin}' cannot name a log", hint="take a name like example.org/footage")
    return origin
