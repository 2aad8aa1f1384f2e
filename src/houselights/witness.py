"""Witness: others who watch a log grow, and are asked to sign its checkpoint (c2sp.org/tlog-witness).

A witness keeps the newest checkpoint of a log that it has signed, and signs a newer one only where it begins with the
same entries. So a log that lost entries, or that is shown to others in another form, finds no witness for it.
"""

from __future__ import annotations

import re
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.error import URLError
from urllib.parse import urlsplit

from houselights.custody import Checkpoint, CustodyError, Key, Note, Tree
from houselights.errors import RecordError
from houselights.log import WHOLE, Log
from houselights.proofs import consistency
from houselights.quorum import Policy, Witness, plain

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
        raise RecordError(f"{who} has the address '{plain(url)[:200]}'", hint="expected https://... or http://...")
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
    return plain(said)[:200]


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
    who = plain(f"the witness '{witness.name}'")
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
        raise RecordError(f"{who} did not sign: {plain(str(fault))}", hint=_TELL) from fault
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
