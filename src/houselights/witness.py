"""Witness: others who watch a log grow, and the policy that says whose word is enough.

A witness keeps the newest checkpoint of a log that it has signed, and signs a newer one only where it begins with the
same entries. So a log that lost entries, or that is shown to others in another form, finds no witness for it. Formats:
c2sp.org/tlog-witness and c2sp.org/tlog-policy. From top to bottom: the policy, the call, all witnesses of a policy.
"""

from __future__ import annotations

import re
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.error import URLError
from urllib.parse import urlsplit

from houselights.custody import COSIGNATURE, LOG, ML_DSA, Checkpoint, CustodyError, Key, Note, Tree
from houselights.errors import RecordError
from houselights.log import WHOLE, Log
from houselights.proofs import consistency

NONE = "none"
"""The quorum that asks for nobody."""
LONGEST = 65_536  # bytes of an answer: a cosignature has 100, or 3,300 with ML-DSA
TIMEOUT_S = 20.0  # for all of a call, from the look-up of the name on
AHEAD_S = 300  # how far the clock of a witness may be ahead of ours

_SIZE = "text/x.tlog.size"
_AGAIN = "ask again later; the log is as it was, and nobody else is kept from signing"
_TELL = "tell who runs it; the log is as it was, and nobody else is kept from signing"
_REFUSALS = {
    3: ("points to another address, which is not followed", "if whoever runs it says so, put it into the policy"),
    403: ("does not take the log's key", "is the key new? Tell who runs the witness what `houselights log key` prints"),
    404: ("does not know the log", "ask who runs it to add what `houselights log key` prints"),
    409: ("says first one size and then another", _AGAIN),
}
"""By status, or its first digit."""
_KEEP = (
    "was an older copy put back, or did another program write with the same key? Change nothing, keep this folder, and "
    "look with `houselights log verify FOLDER --since COPY`, with the newest copy that anybody has"
)


class ForkError(RecordError):
    """A witness has signed a log of this name that this one does not go on from: rolled back, or forked."""

    def __init__(self, message: str, seen: int | None = None) -> None:
        """`seen`: how many entries the witness says it has seen."""
        super().__init__(message, hint=_KEEP)
        self.seen = seen


# ---------------------------------------------------------------------------------------------------------- policy


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
                raise CustodyError(f"line {number}: {_shown(str(fault))}") from fault
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
            raise CustodyError(_shown(f"below quorum: cosigned by {said}, and the policy asks for '{self.quorum}'"))
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


def _shown(text: str) -> str:
    """Words of a file as they can be shown."""
    return "".join(character if character.isprintable() else "?" for character in text)


# -------------------------------------------------------------------------------------------------------- the call


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP."""

    status: int
    media: str
    """Type of the content, without parameters, in small letters."""
    content: bytes

    @property
    def size(self) -> int | None:
        """The number of entries that a witness has seen, where it says so."""
        if self.media != _SIZE or not re.fullmatch(rb"(0|[1-9][0-9]{0,17})\n", self.content):
            return None
        return int(self.content)


def post(who: str, url: str, content: bytes, media: str) -> Answer:
    """What `who` answers, whatever the status; at most LONGEST bytes, within TIMEOUT_S, and no redirect is followed.

    Raises:
        RecordError: no answer, or one that is no HTTP or too long, or the address is not http or https.
    """
    try:
        known = urlsplit(url).scheme in {"http", "https"} and urlsplit(url).hostname
    except ValueError:
        known = None
    if not known:
        raise RecordError(f"{who} has the address '{_shown(url)[:200]}'", hint="expected https://... or http://...")
    answers: SimpleQueue[Answer | Exception] = SimpleQueue()

    def exchange() -> None:
        try:
            answers.put(_exchange(url, content, media))
        except Exception as fault:  # noqa: BLE001 - it is raised where it is waited for
            answers.put(fault)

    # In a thread of its own: a look-up of a name, or a byte now and then, knows no limit of time.
    Thread(target=exchange, daemon=True).start()
    try:
        answer = answers.get(timeout=TIMEOUT_S)
    except Empty:
        answer = TimeoutError()
    if isinstance(answer, Exception):
        raise RecordError(f"{who} cannot be reached: {_why(answer)}", hint=_AGAIN) from answer
    if len(answer.content) > LONGEST:
        raise RecordError(f"{who} answered with more than {LONGEST} bytes", hint=_TELL)
    return answer


def _exchange(url: str, content: bytes, media: str) -> Answer:
    opener = urllib.request.OpenerDirector()  # with nothing that follows redirects or reads other kinds of addresses
    for handler in (urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler()):
        opener.add_handler(handler)
    headers = {"Content-Type": media, "User-Agent": "houselights"}
    request = urllib.request.Request(url, content, headers, method="POST")  # noqa: S310 - `post` looked at the scheme
    with opener.open(request, timeout=TIMEOUT_S) as found:
        return Answer(found.status, found.headers.get_content_type(), found.read(LONGEST + 1))


def _why(fault: Exception) -> str:
    reason = fault.reason if isinstance(fault, URLError) else fault
    if isinstance(reason, TimeoutError):
        return f"it did not answer within {TIMEOUT_S:g} s"
    if isinstance(reason, HTTPException):
        return "its answer is not HTTP"
    said = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return _shown(said)[:200]


def ask(witness: Witness, checkpoint: Checkpoint, tree: Tree, old: int = 0) -> tuple[tuple[str, bytes], ...]:
    """The signatures of a witness on a checkpoint: its key's name, and the key's number with the signature.

    Args:
        witness: who is asked; it needs an address.
        checkpoint: signed by the log.
        tree: of the log, at the checkpoint's size or larger.
        old: how many entries the witness is thought to have seen. Where that is wrong it says so, and is asked anew.

    Raises:
        ForkError: the witness has seen more entries than the log has, or other ones.
        RecordError: it could not be reached or did not sign, or the log is not whole.
    """
    who = _shown(f"the witness '{witness.name}'")
    if witness.url is None:
        raise RecordError(f"{who} has no address", hint="put it behind its key in the policy")
    url = witness.url.rstrip("/") + "/add-checkpoint"
    old = min(old, checkpoint.size)
    answer = post(who, url, _request(checkpoint, tree, old), "text/plain; charset=utf-8")
    if answer.status == 409 and answer.size is not None and old != answer.size <= checkpoint.size:
        old = answer.size
        answer = post(who, url, _request(checkpoint, tree, old), "text/plain; charset=utf-8")
    if answer.status != 200:
        raise _refusal(who, checkpoint, old, answer)
    return _signatures(who, witness.key, checkpoint.note.text, answer.content)


def _request(checkpoint: Checkpoint, tree: Tree, old: int) -> bytes:
    """The body of the call: without the signatures of others, for some witnesses take 16 kB at most."""
    own = tuple(each for each in checkpoint.note.signatures if each[0] == checkpoint.origin)
    lines = [f"old {old}", *(b64encode(step).decode() for step in _proof(checkpoint, tree, old))]
    return ("\n".join(lines) + "\n\n").encode() + bytes(Note(checkpoint.note.text, own))


def _proof(checkpoint: Checkpoint, tree: Tree, old: int) -> list[bytes]:
    """The proof from tiles that have the signed root: where a witness refuses it, it is not for a damaged tile."""
    with _intact(checkpoint):
        same, proof = tree.root(checkpoint.size) == checkpoint.root, consistency(tree, old, checkpoint.size)
    if not same:
        raise RecordError(f"the log '{checkpoint.origin}' does not have the root that its checkpoint signs", hint=WHOLE)
    return proof


@contextmanager
def _intact(checkpoint: Checkpoint) -> Iterator[None]:
    """Tiles and signatures that are damaged come out as RecordError."""
    try:
        yield
    except CustodyError as fault:
        raise RecordError(f"the log '{checkpoint.origin}' is not whole: {fault}", hint=WHOLE) from fault


def _refusal(who: str, checkpoint: Checkpoint, old: int, answer: Answer) -> RecordError:
    """What it means that a witness did not sign."""
    name, size, seen = checkpoint.origin, checkpoint.size, answer.size
    back = "it was rolled back or forked"
    match answer.status:
        case 409 if seen is not None and seen > size:
            fault = ForkError(f"{who} has seen {seen} entries of the log '{name}', which has {size}: {back}", seen)
        case 409 if old == size and seen in {None, size}:
            fault = ForkError(f"{who} has seen {size} other entries of the log '{name}': it was forked", size)
        case 422 if old:
            said = f"{who} has seen {old} entries that the log '{name}' does not begin with"
            fault = ForkError(f"{said}: {back}", old)
        case status:
            said, hint = _REFUSALS.get(status // 100 if status // 100 == 3 else status, ("did not sign", _AGAIN))
            return RecordError(f"{who} {said} (HTTP status {status}; log '{name}')", hint=hint)
    return fault


def _signatures(who: str, key: Key, text: str, content: bytes) -> tuple[tuple[str, bytes], ...]:
    """What the witness's own key signed. Lines of other keys are left out, as the protocol says."""
    try:
        answered = Note.parse(text.encode() + b"\n" + content)
        own = tuple(each for each in answered.signatures if (each[0], each[1][:4]) == (key.name, key.number))
        times = [moment or 0 for moment in Note(text, own).signed(key)]
    except CustodyError as fault:
        raise RecordError(f"{who} did not sign: {_shown(str(fault))}", hint=_TELL) from fault
    if not times or answered.text != text:
        raise RecordError(f"{who} did not sign with the key that the policy gives", hint="has it a new key?")
    if max(times) > time.time() + AHEAD_S:
        ahead = max(times) - time.time()
        hint = "is the clock of this machine right? If so, tell who runs the witness"
        raise RecordError(f"{who} signed with a time that is {ahead:.0f} s ahead of now", hint=hint)
    return own


# ------------------------------------------------------------------------------------------- all witnesses of a policy


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the witnesses of a policy said. `Policy.check` says whether they are enough."""

    note: Note
    """The checkpoint, with all its signatures."""
    cosigned: tuple[str, ...]
    """Names of the witnesses that signed it, now or before."""
    faults: Mapping[str, RecordError]
    """Names of those that were asked and did not sign, and why. A ForkError is for a human to look into."""


def gather(log: Log, policy: Policy) -> Gathered:
    """Ask all witnesses that have an address for their signature on the log's newest checkpoint, and keep it.

    Raises:
        ForkError: the log does not go on from what is kept as `witnessed`.
        RecordError: the log is not whole, or what was gathered cannot be written. No witness makes it raise.
    """
    checkpoint = log.checkpoint()
    tree = Tree.at(log.folder, checkpoint.size)
    old = _witnessed(log, checkpoint, tree)
    asked = [witness for witness in policy.witnesses if witness.url is not None]
    faults, signatures = dict[str, RecordError](), list[tuple[str, bytes]]()

    def answer(witness: Witness) -> tuple[tuple[str, bytes], ...] | RecordError:
        try:
            return ask(witness, checkpoint, tree, old)
        except RecordError as fault:
            return fault

    with ThreadPoolExecutor(max(len(asked), 1)) as pool:  # all at once: the slowest sets the time
        for witness, said in zip(asked, pool.map(answer, asked), strict=True):
            if isinstance(said, RecordError):
                faults[witness.name] = _overtaken(log, checkpoint, said)
            else:
                signatures.extend(said)
    had = {(name, line[:4]) for name, line in checkpoint.note.signatures}  # else a log at rest gathers ever more
    new = [(name, line) for name, line in signatures if (name, line[:4]) not in had]
    note = log.cosign(checkpoint.note.text, new) if new else checkpoint.note
    with _intact(checkpoint):
        return Gathered(note, policy.cosigned(note), faults)


def _witnessed(log: Log, checkpoint: Checkpoint, tree: Tree) -> int:
    """How many entries the witnesses have seen, as far as the log knows."""
    path = log.folder / "witnessed"
    _proof(checkpoint, tree, 0)
    try:
        older = Checkpoint.open(path.read_bytes(), log.signer.key)
    except FileNotFoundError:
        return 0
    except (OSError, CustodyError) as fault:
        hint = "take the file away if it is damaged: the witnesses say themselves what they have seen"
        raise RecordError(f"'{path}' cannot be used: {fault}", hint=hint) from fault
    with _intact(checkpoint):
        begins = older.size <= checkpoint.size and tree.root(older.size) == older.root
    if not begins:
        said = f"'{path}' has {older.size} entries that the log, which has {checkpoint.size}, does not begin with"
        raise ForkError(f"{said}: it was rolled back or forked", older.size)
    return older.size


def _overtaken(log: Log, checkpoint: Checkpoint, fault: RecordError) -> RecordError:
    """What was wrong with a witness, unless the log grew meanwhile and another process showed it that."""
    if (
        isinstance(fault, ForkError)
        and fault.seen is not None
        and checkpoint.size < fault.seen <= log.checkpoint().size
    ):
        return RecordError(f"the log '{checkpoint.origin}' grew while its witnesses were asked", hint=_AGAIN)
    return fault
