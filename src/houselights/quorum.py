"""Quorum: which witnesses have to have cosigned a checkpoint before somebody takes it (c2sp.org/tlog-policy)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from houselights.custody import COSIGNATURE, LOG, ML_DSA, Checkpoint, CustodyError, Key, Note

NONE = "none"
"""The quorum that asks for nobody."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody who cosigns checkpoints."""

    name: str
    """In the policy alone; signatures bear the name of the key."""
    key: Key
    url: str | None = None
    """What `/add-checkpoint` is put behind; None where it is not to be asked."""


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses and groups of which so many have to have cosigned."""

    name: str
    least: int
    members: frozenset[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """Which logs are known, and which witnesses have to have cosigned (c2sp.org/tlog-policy)."""

    logs: tuple[tuple[Key, str | None], ...]
    """Keys, with an address where one is given. Without any, who checks knows the log from elsewhere."""
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    """A group stands behind its members."""
    quorum: str
    """Name of a witness or group, or NONE."""

    @classmethod
    def read(cls, path: Path) -> Policy:
        """The policy in a file. Raises CustodyError where it is none, with the line."""
        try:
            return cls.parse(path.read_bytes())
        except OSError as fault:
            raise CustodyError(f"'{path}' cannot be read: {fault.strerror}") from fault
        except CustodyError as fault:
            raise CustodyError(f"'{path}', {fault}") from fault

    @classmethod
    def parse(cls, content: bytes) -> Policy:
        """The policy in the bytes of a file. Raises CustodyError where it is none, with the line."""
        found = _Reader()
        *lines, rest = content.split(b"\n")
        if rest:  # a name that was cut off may be another name
            raise CustodyError(f"line {len(lines) + 1}: it does not end with a newline, so the file may be cut off")
        for number, line in enumerate(lines, 1):
            try:
                found.take(line)
            except CustodyError as fault:
                raise CustodyError(f"line {number}: {plain(str(fault))}") from fault
        if found.quorum is None:
            raise CustodyError(f"line {len(lines) + 1}: the file ends, and nothing said what is enough: 'quorum NAME'")
        return cls(tuple(found.logs.values()), tuple(found.witnesses.values()), tuple(found.groups), found.quorum)

    def cosigned(self, note: Note) -> tuple[str, ...]:
        """Names of the witnesses that cosigned a checkpoint, whether they are enough or not.

        Raises CustodyError where a signature in a witness's name is not genuine.
        """
        return tuple(witness.name for witness in self.witnesses if note.signed(witness.key))

    def check(self, note: Note) -> tuple[str, ...]:
        """Names of the witnesses that cosigned a checkpoint of a known log.

        Raises:
            CustodyError: they are not enough, a signature is not genuine, or none of the known logs signed it.
        """
        origin = Checkpoint.of(note).origin
        if self.logs and not any(note.signed(key) for key, _ in self.logs if key.name == origin):
            raise CustodyError(f"the checkpoint of '{origin}' is not signed by a log of the policy")
        names = self.cosigned(note)
        reached = {NONE, *names}
        for group in self.groups:
            if len(group.members & reached) >= group.least:
                reached.add(group.name)
        if self.quorum not in reached:
            said = ", ".join(f"'{name}'" for name in names) or "nobody"
            raise CustodyError(plain(f"below quorum: cosigned by {said}, and the policy asks for '{self.quorum}'"))
        return names


class _Reader:
    """What the lines of a policy say, one after the other."""

    def __init__(self) -> None:
        self.logs: dict[bytes, tuple[Key, str | None]] = {}  # by the key's own bytes, whatever its name
        self.witnesses: dict[bytes, Witness] = {}
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self._names: set[str] = set()
        self._taken: set[str] = set()  # names that are in a group

    def take(self, line: bytes) -> None:
        """Take in a line."""
        if wrong := re.search(rb"[^\t\x20-\x7e\x80-\xff]", line):
            raise CustodyError(f"the character 0x{wrong[0].hex()} at place {wrong.start() + 1} is not allowed")
        text = line.strip(b" \t").decode(
            errors="surrogateescape"
        )  # as the bytes are, so that no two names fall together
        match re.split(r"[ \t]+", text):
            case [first, *_] if not first or first.startswith("#"):
                return
            case ["log", key] | ["log", key, _] as words:
                self._log(_key(key, LOG), _url(words[2:]))
            case ["witness", name, key] | ["witness", name, key, _] as words:
                self._define(name)
                self._witness(Witness(name, _key(key, COSIGNATURE, ML_DSA), _url(words[3:])))
            case ["group", name, least, *members] if members:
                self._group(name, least, members)
                self._define(name)  # only now: no group is in itself
            case ["quorum", name]:
                self._quorum(name)
            case _:
                raise CustodyError(
                    f"'{text[:60]}' is not understood: expected 'log KEY [URL]', 'witness NAME KEY [URL]', "
                    "'group NAME all|any|NUMBER NAME...' or 'quorum NAME'"
                )

    def _define(self, name: str) -> None:
        if name == NONE:
            raise CustodyError(f"'{NONE}' has a meaning of its own, it cannot be a name")
        if name in self._names:
            raise CustodyError(f"'{name}' is defined twice")
        self._names.add(name)

    def _log(self, key: Key, url: str | None) -> None:
        if key.public in self.logs:
            raise CustodyError(f"the key of the log '{key.name}' is there twice")
        self.logs[key.public] = (key, url)

    def _witness(self, witness: Witness) -> None:
        if witness.key.public in self.witnesses:
            raise CustodyError(f"'{witness.name}' has the key of '{self.witnesses[witness.key.public].name}'")
        self.witnesses[witness.key.public] = witness

    def _group(self, name: str, least: str, members: Sequence[str]) -> None:
        for member in members:
            if member not in self._names:
                raise CustodyError(f"'{member}' is not defined before this line")
            if member in self._taken:
                raise CustodyError(f"'{member}' is in a group already")
            self._taken.add(member)
        words = {"all": len(members), "any": 1}
        number = words.get(least, int(least) if re.fullmatch(r"[1-9][0-9]{0,8}", least) else 0)
        if not 1 <= number <= len(members):
            raise CustodyError(f"'{least}' of {len(members)}: expected 'all', 'any' or a number from 1 on")
        self.groups.append(Group(name, number, frozenset(members)))

    def _quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise CustodyError("the quorum is given twice")
        if name != NONE and name not in self._names:
            raise CustodyError(f"'{name}' is not defined before this line")
        self.quorum = name


def _key(text: str, *kinds: int) -> Key:
    key = Key.parse(text)
    if str(key) != text:
        raise CustodyError(f"'{text[:60]}' is no key: expected name+number+base64, in the one way to write it")
    if key.kind not in kinds:
        wanted = "signs a log" if LOG in kinds else "cosigns"
        raise CustodyError(f"the key of '{key.name}' is of kind {key.kind}, which is none that {wanted}")
    return key


def _url(words: Sequence[str]) -> str | None:
    return words[0] if words else None


def plain(text: str) -> str:
    """Words of a file, or of somebody's server, as they can be shown."""
    return "".join(character if character.isprintable() else "?" for character in text)
