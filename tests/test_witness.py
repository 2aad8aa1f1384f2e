"""Facts about witnesses: what a policy asks for, and that a log that was rolled back or forked finds none."""

from __future__ import annotations

import os
import re
import shutil
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from houselights import witness
from houselights.custody import (
    COSIGNATURE,
    EMPTY,
    ML_DSA,
    Checkpoint,
    CustodyError,
    Key,
    Note,
    Tree,
    canonical,
    leaf_hash,
    node_hash,
)
from houselights.errors import RecordError
from houselights.log import Log, Signer
from houselights.proofs import Receipt, inclusion
from houselights.quorum import Policy, Witness
from houselights.witness import ForkError, Gathered, ask, gather

ORIGIN = "venue.example/log"
SIGNER = Signer(ORIGIN, bytes(range(32)))
TEXT = "text/plain; charset=utf-8"

Reply = tuple[int, str, bytes | Iterator[bytes]]
"""Status, type and content of an answer; the content may come bit by bit."""


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is asked without a proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


# ------------------------------------------------------------------------------------------- a witness, as specified


class Cosigner:
    """A witness's name and private key."""

    def __init__(self, name: str, kind: int = COSIGNATURE) -> None:
        """A new key of a kind."""
        self.private: Any = MLDSA44PrivateKey.generate() if kind == ML_DSA else Ed25519PrivateKey.generate()
        self.key = Key(name, kind, self.private.public_key().public_bytes_raw())

    def line(self, text: str, *, ahead: int = 0) -> str:
        """The signature line on a checkpoint, as the specification lays it down."""
        moment = int(time.time()) + ahead
        if self.key.kind == COSIGNATURE:
            message = f"cosignature/v1\ntime {moment}\n{text}".encode()
        else:
            origin, size, root = text.split("\n")[:3]
            name = self.key.name.encode()
            message = b"subtree/v1\n\0" + bytes([len(name)]) + name + moment.to_bytes(8)
            message += (
                bytes([len(origin)]) + origin.encode() + (0).to_bytes(8) + int(size).to_bytes(8) + b64decode(root)
            )
        signature = self.key.number + moment.to_bytes(8) + self.private.sign(message)
        return f"— {self.key.name} {b64encode(signature).decode()}\n"


def grown_from(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a consistency proof holds, by the steps of RFC 9162, 2.1.4.2, which `proofs.py` does not take."""
    if old == 0:
        return not proof
    if old == new:
        return not proof and old_root == new_root
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path or not proof:
        return False
    first, second = old - 1, new - 1
    while first & 1:
        first, second = first >> 1, second >> 1
    before = after = path[0]
    for step in path[1:]:
        if second == 0:
            return False
        if first & 1 or first == second:
            before, after = node_hash(step, before), node_hash(step, after)
            while first and not first & 1:
                first, second = first >> 1, second >> 1
        else:
            after = node_hash(after, step)
        first, second = first >> 1, second >> 1
    return second == 0 and (before, after) == (old_root, new_root)


class Desk:
    """What a witness does with a call of add-checkpoint."""

    def __init__(self, cosigner: Cosigner, state: Path, logs: Sequence[Key] = (SIGNER.key,)) -> None:
        """A witness that knows these logs, and remembers in a file what it signed."""
        self.cosigner, self.state, self.logs = cosigner, state, logs
        self.statuses: list[int] = []
        self.ahead = 0  # seconds, of its clock
        self._lock = Lock()

    def __call__(self, path: str, body: bytes) -> Reply:
        """The answer to a call."""
        with self._lock:  # nobody else comes between the look at the record and its change
            reply = self._reply(body) if path == "/w/add-checkpoint" else (404, TEXT, b"")
        self.statuses.append(reply[0])
        return reply

    def _reply(self, body: bytes) -> Reply:
        asked = re.fullmatch(rb"old (0|[1-9][0-9]*)\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n(.*)", body, re.DOTALL)
        if not asked:
            return 400, TEXT, b"no call"
        old, proof = int(asked[1]), [b64decode(line) for line in asked[2].split()]
        try:
            note = Note.parse(asked[3])
            checkpoint = Checkpoint.of(note)
        except CustodyError:
            return 400, TEXT, b"no checkpoint"
        keys = [key for key in self.logs if key.name == checkpoint.origin]
        if not keys:
            return 404, TEXT, b"unknown log"
        try:
            if not any(note.signed(key) for key in keys):
                return 403, TEXT, b"unknown key"
        except CustodyError:
            return 403, TEXT, b"bad signature"
        return self._compare(old, proof, checkpoint)

    def _compare(self, old: int, proof: Sequence[bytes], checkpoint: Checkpoint) -> Reply:
        size, root = self.seen()
        if old > checkpoint.size:
            return 400, TEXT, b"old is more than new"
        if old != size:
            return 409, "text/x.tlog.size", f"{size}\n".encode()
        if old == checkpoint.size and root != checkpoint.root:
            return 409, TEXT, b"another root"
        if not grown_from(old, checkpoint.size, root, checkpoint.root, proof):
            return 422, TEXT, b"no proof"
        partial = self.state.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(f"{checkpoint.size} {checkpoint.root.hex()}".encode())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.state)
        return 200, TEXT, self.cosigner.line(checkpoint.note.text, ahead=self.ahead).encode()

    def seen(self) -> tuple[int, bytes]:
        """Size and root of the newest checkpoint that it signed."""
        if not self.state.exists():
            return 0, EMPTY
        size, root = self.state.read_text().split()
        return int(size), bytes.fromhex(root)


@contextmanager
def served(reply: Callable[[str, bytes], Reply | None]) -> Iterator[str]:
    """The address of a server that gives these answers; None hangs up."""

    class Handler(BaseHTTPRequestHandler):
        """A call."""

        def do_POST(self) -> None:
            """Answer it."""
            found = reply(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            if found is None:
                return
            status, media, content = found
            self.send_response(status)
            self.send_header("Content-Type", media)
            if isinstance(content, bytes):
                self.send_header("Content-Length", str(len(content)))
                if 300 <= status < 400:
                    self.send_header("Location", content.decode())
            self.end_headers()
            for part in [content] if isinstance(content, bytes) else content:
                self.wfile.write(part)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        """A server that keeps quiet when the other side hangs up."""

        def handle_error(self, *_: object) -> None:
            """Keep quiet."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/w"
        finally:
            server.shutdown()
            thread.join()


# --------------------------------------------------------------------------------------------------- logs and policies


def entries(first: int, count: int, use: str = "u") -> list[bytes]:
    """Entries with an index each, so that no two are the same."""
    return [
        canonical({"n": n, "time": "2026-11-22T16:03:04Z", "use": f"{use}{n}"}) for n in range(first, first + count)
    ]


def new_log(place: Path, count: int = 0, use: str = "u") -> Log:
    """A log in a folder, with so many entries."""
    place.mkdir()
    log = Log(place / "log", place, SIGNER)
    log.append(entries(0, count, use))
    return log


def put_back(copy: Path, place: Path) -> Log:
    """A log of which somebody put an older copy in place, and made the machine forget that there was a newer one."""
    shutil.rmtree(place / "log")
    shutil.copytree(copy, place / "log")
    (place / "newest").write_text(Note.parse((copy / "checkpoint").read_bytes()).text)
    return Log(place / "log", place, SIGNER)


def policy_of(*witnesses: Witness, quorum: str = "all") -> Policy:
    """A policy that asks for all, any or so many of these."""
    lines = [f"log {SIGNER.key}", *(f"witness {each.name} {each.key} {each.url or ''}" for each in witnesses)]
    if quorum == "none":
        lines.append("quorum none")
    else:
        lines += [f"group g {quorum} {' '.join(each.name for each in witnesses)}", "quorum g"]
    return Policy.parse(("\n".join(lines) + "\n").encode())


@dataclass
class Scene:
    """A log, and a witness that is a real server."""

    place: Path
    log: Log
    desk: Desk
    witness: Witness
    others: list[Witness] = field(default_factory=list)

    def gather(self, log: Log | None = None) -> Gathered:
        """Ask the witness."""
        return gather(log or self.log, policy_of(self.witness, *self.others))

    def ask(self, old: int = 0) -> tuple[tuple[str, bytes], ...]:
        """Ask the witness, without a policy."""
        checkpoint = self.log.checkpoint()
        return ask(self.witness, checkpoint, Tree.at(self.log.folder, checkpoint.size), old)


@pytest.fixture(params=[COSIGNATURE, ML_DSA], ids=["Ed25519", "ML-DSA-44"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    """A log of five entries and a witness, with a key of each kind."""
    with scene_in(tmp_path, request.param) as found:
        yield found


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A log of five entries and a witness."""
    with scene_in(tmp_path) as found:
        yield found


@contextmanager
def scene_in(place: Path, kind: int = COSIGNATURE) -> Iterator[Scene]:
    """A log of five entries and a witness."""
    cosigner = Cosigner("witness.example/w1", kind)
    desk = Desk(cosigner, place / "state")
    with served(desk) as url:
        yield Scene(place / "a", new_log(place / "a", 5), desk, Witness("W1", cosigner.key, url))


def answered(scene: Scene, reply: Callable[[str, bytes], Reply | None]) -> RecordError:
    """The error where the witness gives these answers, whoever it is."""
    with served(reply) as url:
        scene.witness = replace(scene.witness, url=url)
        with pytest.raises(RecordError) as caught:
            scene.ask()
    assert caught.value.hint
    return caught.value


# -------------------------------------------------------------------------------------------------------- the protocol


def test_a_log_is_witnessed_and_goes_on(either: Scene) -> None:
    """A witness signs a log, and signs it again when it has grown."""
    policy = policy_of(either.witness)
    for total in (5, 6, 300):
        either.log.append(entries(0, total - either.log.checkpoint().size, f"to{total}"))
        found = either.gather()
        assert (found.cosigned, dict(found.faults)) == (("W1",), {})
        assert policy.check(found.note) == ("W1",)
        assert Checkpoint.open(bytes(found.note), SIGNER.key).size == total == either.desk.seen()[0]
        for name in ("checkpoint", "witnessed"):
            assert (either.log.folder / name).read_bytes() == bytes(found.note)
    assert either.desk.statuses == [200, 200, 200]


def test_a_log_without_entries_is_witnessed(tmp_path: Path, scene: Scene) -> None:
    """A witness signs a log from its first checkpoint on."""
    scene.log = new_log(tmp_path / "empty")
    assert scene.gather().cosigned == ("W1",)


def test_a_wrong_guess_costs_one_call_more(scene: Scene) -> None:
    """What a witness has seen is not what the log thinks: the witness says so, and is asked again."""
    scene.gather()
    scene.log.append(entries(5, 4))
    (scene.log.folder / "witnessed").unlink()
    assert scene.gather().cosigned == ("W1",)
    assert scene.ask(old=4)
    assert scene.ask(old=99)
    assert scene.desk.statuses == [200, 409, 200, 409, 200, 200]


def test_a_log_at_rest_gathers_no_more_signatures(scene: Scene) -> None:
    """A checkpoint has one signature of a witness, however often it is asked."""
    first = scene.gather()
    scene.desk.ahead = 60
    assert scene.gather().note == first.note
    assert scene.desk.statuses == [200, 200]


def test_a_witness_that_was_started_anew_remembers(scene: Scene) -> None:
    """What a witness signed is on its disk before it answers."""
    scene.gather()
    assert Desk(scene.desk.cosigner, scene.desk.state).seen() == (5, scene.log.checkpoint().root)


def test_a_rolled_back_log_is_refused(either: Scene) -> None:
    """An older copy of the folder gets 409, and the error says what that means (R3)."""
    copy = shutil.copytree(either.log.folder, either.place / "copy")
    either.log.append(entries(5, 4))
    either.gather()
    found = either.gather(put_back(copy, either.place))
    fault = found.faults["W1"]
    assert isinstance(fault, ForkError)
    assert "the witness 'W1' has seen 9 entries of the log 'venue.example/log', which has 5: it was rolled" in str(
        fault
    )
    assert (fault.seen, found.cosigned, either.desk.statuses[-1]) == (9, (), 409)
    assert "--since" in str(fault.hint)


def test_a_rolled_back_log_that_grew_again_is_refused(scene: Scene) -> None:
    """An older copy that went on in another way gets 422 (R3)."""
    copy = shutil.copytree(scene.log.folder, scene.place / "copy")
    scene.log.append(entries(5, 4))
    scene.gather()
    log = put_back(copy, scene.place)
    log.append(entries(5, 20, "other"))
    fault = scene.gather(log).faults["W1"]
    assert isinstance(fault, ForkError)
    assert "has seen 9 entries that the log 'venue.example/log' does not begin with" in str(fault)
    assert scene.desk.statuses[-1] == 422


def test_a_forked_log_of_the_same_size_is_refused(scene: Scene, tmp_path: Path) -> None:
    """A second log with the same name, key and size gets 409 (R3)."""
    scene.gather()
    fault = scene.gather(new_log(tmp_path / "fork", 5, "other")).faults["W1"]
    assert isinstance(fault, ForkError)
    assert "has seen 5 other entries" in str(fault)
    assert scene.desk.statuses == [200, 409, 409]


def test_the_witnesses_do_not_sign_what_the_log_itself_contradicts(scene: Scene) -> None:
    """A log that is shorter than its own `witnessed`, or begins otherwise, is not even sent (R3)."""
    copy = shutil.copytree(scene.log.folder, scene.place / "copy")
    scene.log.append(entries(5, 4))
    scene.gather()
    witnessed = (scene.log.folder / "witnessed").read_bytes()
    for use, count in (("u", 0), ("other", 9)):
        log = put_back(copy, scene.place)
        log.append(entries(5, count, use))
        (log.folder / "witnessed").write_bytes(witnessed)
        with pytest.raises(ForkError, match="rolled back or forked"):
            scene.gather(log)
    assert scene.desk.statuses == [200]


def test_a_damaged_witnessed_is_named(scene: Scene) -> None:
    """What is kept of the witnesses has to be a checkpoint of this log."""
    (scene.log.folder / "witnessed").write_bytes(b"nothing\n")
    with pytest.raises(RecordError, match=r"witnessed' cannot be used"):
        scene.gather()


def test_a_damaged_tile_is_not_taken_for_a_fork(scene: Scene) -> None:
    """A log that is not whole is not sent, so that no witness can take the damage for a fork."""
    tile, checkpoint = scene.log.folder / "tile/0/000.p/5", scene.log.checkpoint()

    def ask_alone() -> None:
        ask(scene.witness, checkpoint, Tree.at(scene.log.folder, 5))

    for content in (tile.read_bytes()[::-1], b"short"):
        tile.write_bytes(content)
        for asked in (scene.gather, ask_alone):
            with pytest.raises(RecordError, match=r"not whole|does not have the root") as caught:
                asked()
            assert not isinstance(caught.value, ForkError)
    tile.unlink()
    with pytest.raises(RecordError, match="missing"):
        scene.gather()
    assert scene.desk.statuses == []


def test_a_bad_proof_is_refused_by_the_witness(scene: Scene) -> None:
    """The witness of these tests looks at proofs: 422 for a bad one, 400 for an old size that is too large."""
    scene.gather()
    scene.log.append(entries(5, 4))
    checkpoint = scene.log.checkpoint()
    tree = Tree.at(scene.log.folder, 9)
    good = witness._request(checkpoint, tree, 5)
    proof = good.split(b"\n")[1:-6]
    assert proof
    for body, status in (
        (good.replace(proof[0], b64encode(bytes(32))), 422),
        (good.replace(proof[0] + b"\n", b""), 422),
        (good.replace(b"old 5", b"old 10"), 400),
        (good.replace(b"old 5", b"old 05"), 400),
        (good, 200),
    ):
        assert scene.desk("/w/add-checkpoint", body)[0] == status


@given(st.integers(1, 80), st.data())
def test_the_proofs_that_are_sent_are_those_of_the_rfc(new: int, data: st.DataObject) -> None:
    """For every pair of sizes the proof that is sent holds, by steps that are not ours, and no other root does."""
    old = data.draw(st.integers(0, new))
    leaves = b"".join(leaf_hash(bytes([n])) for n in range(new))
    tree = Tree(lambda level, _: leaves if level == 0 else b"")
    note = SIGNER.sign(f"{ORIGIN}\n{new}\n{b64encode(tree.root(new)).decode()}\n")
    lines = witness._request(Checkpoint.of(note), tree, old).decode().split("\n\n")[0].split("\n")
    proof = [b64decode(line) for line in lines[1:]]
    assert lines[0] == f"old {old}"
    assert grown_from(old, new, tree.root(old), tree.root(new), proof)
    assert old == 0 or not grown_from(old, new, bytes(32), tree.root(new), proof)


def test_only_the_log_s_own_signature_is_sent(scene: Scene) -> None:
    """A call stays small, however many witnesses have signed."""
    before = scene.log.checkpoint()
    scene.gather()
    after, tree = scene.log.checkpoint(), Tree.at(scene.log.folder, 5)
    assert bytes(after.note) != bytes(before.note)
    assert witness._request(after, tree, 5) == witness._request(before, tree, 5)


@pytest.mark.parametrize(
    ("logs", "status", "said"),
    [
        ((), 404, "does not know the log"),
        ((Signer("other.example", bytes(32)).key,), 404, "does not know the log"),
        ((Signer(ORIGIN, bytes(32)).key,), 403, "does not take the log's key"),
    ],
)
def test_a_witness_that_does_not_know_the_log_or_its_key_is_named(
    scene: Scene, logs: tuple[Key, ...], status: int, said: str
) -> None:
    """A witness that was not told of the log, or of its key, is no sign that something is wrong with it."""
    scene.desk.logs = logs
    fault = scene.gather().faults["W1"]
    assert not isinstance(fault, ForkError)
    assert said in str(fault)
    assert f"HTTP status {status}" in str(fault)
    assert "houselights log key" in str(fault.hint)


# -------------------------------------------------------------------------------------------- witnesses that misbehave


def test_a_signature_that_is_not_genuine_is_refused(scene: Scene) -> None:
    """A line in the witness's name has to be its signature on this very checkpoint."""
    text, cosigner = scene.log.checkpoint().note.text, scene.desk.cosigner
    forged = Cosigner("witness.example/w1")
    forged.key = cosigner.key  # the number is right, the signature is another key's
    for line in (forged.line(text), cosigner.line(text.replace("\n5\n", "\n6\n"))):
        assert "not genuine" in str(answered(scene, lambda *_, line=line: (200, TEXT, line.encode())))
    short = f"— {cosigner.key.name} {b64encode(cosigner.key.number + b'1234').decode()}\n"
    assert "not genuine" in str(answered(scene, lambda *_: (200, TEXT, short.encode())))


def test_a_signature_of_another_key_does_not_count(scene: Scene) -> None:
    """A key that is not in the policy is nobody's, even under the same name. Beside the right one it is left out."""
    text = scene.log.checkpoint().note.text
    others = [Cosigner("witness.example/w1"), Cosigner("witness.example/w1", ML_DSA), Cosigner("elsewhere.example")]
    lines = "".join(each.line(text) for each in others)
    fault = answered(scene, lambda *_: (200, TEXT, lines.encode()))
    assert "did not sign with the key that the policy gives" in str(fault)
    with served(lambda *_: (200, TEXT, (lines + scene.desk.cosigner.line(text)).encode())) as url:
        scene.witness = replace(scene.witness, url=url)
        assert [each[1][:4] for each in scene.ask()] == [scene.witness.key.number]


def test_a_signature_on_a_text_that_the_witness_slips_in_does_not_count(scene: Scene) -> None:
    """An answer cannot add to the checkpoint that it is read with."""
    text = scene.log.checkpoint().note.text
    line = scene.desk.cosigner.line(text)
    slipped = f"— a.example {b64encode(bytes(8)).decode()}\n\n{line}"
    assert "did not sign" in str(answered(scene, lambda *_: (200, TEXT, slipped.encode())))
    other = f"{text}\nmore\n"
    line = scene.desk.cosigner.line(other)
    assert "did not sign" in str(answered(scene, lambda *_: (200, TEXT, f"more\n\n{line}".encode())))


def test_a_time_ahead_is_refused(scene: Scene) -> None:
    """A witness whose clock is ten minutes ahead is refused, one that is a minute ahead is not."""
    text, cosigner = scene.log.checkpoint().note.text, scene.desk.cosigner
    fault = answered(scene, lambda *_: (200, TEXT, cosigner.line(text, ahead=600).encode()))
    assert re.search(r"a time that is (600|599) s ahead", str(fault))
    with served(lambda *_: (200, TEXT, cosigner.line(text, ahead=60).encode())) as url:
        scene.witness = replace(scene.witness, url=url)
        assert scene.ask()


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"no line", b"\xff\xfe", "— a b\n".encode(), "— a AAAA\n\n".encode(), b"\n\n\n"]
)
def test_an_answer_that_is_no_signature_is_refused(scene: Scene, content: bytes) -> None:
    """What is not made of signature lines is refused, with a clear error."""
    assert "did not sign" in str(answered(scene, lambda *_: (200, TEXT, content)))


@given(st.binary(max_size=200), st.booleans())
def test_whatever_a_witness_answers_is_an_error_or_its_signature(content: bytes, line: bool) -> None:  # noqa: FBT001
    """No answer brings in anything but genuine signatures of the witness's key."""
    text = f"{ORIGIN}\n0\n{b64encode(EMPTY).decode()}\n"
    good = COSIGNER.line(text).encode()
    try:
        found = witness._signatures("it", COSIGNER.key, text, good + content if line else content)
    except RecordError:
        return
    assert line
    assert all(Note(text, (each,)).signed(COSIGNER.key) for each in found)


COSIGNER = Cosigner("fixed.example")


def test_a_huge_answer_is_refused(scene: Scene) -> None:
    """Of an answer 64 kB are read, and no more."""
    assert "more than 65536 bytes" in str(answered(scene, lambda *_: (200, TEXT, bytes(1_000_000))))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(scene: Scene, status: int, tmp_path: Path) -> None:
    """Where a witness points to is not asked, be it a file or a server."""
    secret = tmp_path / "secret"
    secret.write_text(scene.desk.cosigner.line(scene.log.checkpoint().note.text))
    for target in (f"{scene.witness.url}/add-checkpoint", secret.as_uri()):
        fault = answered(scene, lambda *_, target=target: (status, TEXT, target.encode()))
        assert f"points to another address, which is not followed (HTTP status {status}" in str(fault)
    assert scene.desk.statuses == []


@pytest.mark.parametrize(
    "url", ["file:///etc/hostname", "ftp://127.0.0.1/", "data:,x", "witness.example", "http://", "//[", "https:///x"]
)
def test_only_http_is_asked(scene: Scene, url: str) -> None:
    """An address of another kind is refused before anything is opened."""
    scene.witness = replace(scene.witness, url=url)
    with pytest.raises(RecordError, match="has the address") as caught:
        scene.ask()
    assert "https://" in str(caught.value.hint)


@pytest.mark.parametrize("url", ["http://127.0.0.1:x/", "http://127.0.0.1/\u00e9", "http://127.0.0.1/a\x01b"])
def test_an_address_that_cannot_be_asked_is_a_clear_error(scene: Scene, url: str) -> None:
    """An address that the library stumbles over comes out as any other trouble."""
    scene.witness = replace(scene.witness, url=url)
    with pytest.raises(RecordError, match=r"cannot be reached|has the address"):
        scene.ask()


@pytest.mark.parametrize(
    ("status", "media", "content"),
    [
        (409, TEXT, b"3\n"),
        (409, "text/x.tlog.size", b"03\n"),
        (409, "text/x.tlog.size", b"-1\n"),
        (409, "text/x.tlog.size", b"3"),
        (409, "text/x.tlog.size", b"0\n"),
        (409, "text/x.tlog.size", b"9" * 5000 + b"\n"),
        (422, TEXT, b""),
        (400, TEXT, b""),
        (429, TEXT, b""),
        (500, TEXT, b""),
        (204, TEXT, b""),
    ],
)
def test_a_refusal_that_shows_nothing_is_no_fork(scene: Scene, status: int, media: str, content: bytes) -> None:
    """A log is said to be forked only by what the protocol has for it."""
    fault = answered(scene, lambda *_: (status, media, content))
    assert not isinstance(fault, ForkError)
    assert f"HTTP status {status}" in str(fault)


def test_a_witness_that_names_ever_other_sizes_is_asked_twice(scene: Scene) -> None:
    """A witness is asked again once, and no more."""
    calls = list[bytes]()

    def reply(_: str, body: bytes) -> Reply:
        calls.append(body)
        return 409, "text/x.tlog.size", f"{len(calls)}\n".encode()

    assert "first one size and then another" in str(answered(scene, reply))
    assert [body.split(b"\n")[0] for body in calls] == [b"old 0", b"old 1"]


def test_a_log_that_grew_meanwhile_is_not_taken_for_rolled_back(scene: Scene) -> None:
    """Another process may show a witness more while it is asked; where the log has as much, it is no fork."""

    def reply(*_: object) -> Reply:
        scene.log.append(entries(scene.log.checkpoint().size, 1))
        return 409, "text/x.tlog.size", f"{scene.log.checkpoint().size}\n".encode()

    with served(reply) as url:
        scene.witness = replace(scene.witness, url=url)
        fault = scene.gather().faults["W1"]
    assert not isinstance(fault, ForkError)
    assert "grew while" in str(fault)


def test_one_witness_does_not_stop_the_others(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Witnesses that cannot be reached, hang up, hang or lie are named, and the others' signatures kept."""
    monkeypatch.setattr(witness, "TIMEOUT_S", 0.4)
    with served(lambda *_: (200, TEXT, b"")) as gone:
        pass
    with (
        served(lambda *_: None) as hangs_up,
        served(lambda *_: time.sleep(1)) as hangs,
        served(lambda *_: (409, "text/x.tlog.size", b"99\n")) as lies,
    ):
        names = {"gone": gone, "hangs-up": hangs_up, "hangs": hangs, "lies": lies, "silent": None}
        scene.others = [Witness(name, Cosigner(name).key, url) for name, url in names.items()]
        found = scene.gather()
    assert found.cosigned == ("W1",)
    assert found.faults.keys() == {"gone", "hangs-up", "hangs", "lies"}  # nobody asks the one without an address
    assert "cannot be reached: Connection refused" in str(found.faults["gone"])
    assert "cannot be reached: its answer is not HTTP" in str(found.faults["hangs-up"])
    assert "did not answer within 0.4 s" in str(found.faults["hangs"])
    assert isinstance(found.faults["lies"], ForkError)
    assert all(fault.hint for fault in found.faults.values())
    with pytest.raises(CustodyError, match="below quorum"):
        policy_of(scene.witness, *scene.others).check(found.note)


def test_an_answer_that_drips_ends_in_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of time is for the whole answer, not for each byte."""
    monkeypatch.setattr(witness, "TIMEOUT_S", 0.3)

    def drops() -> Iterator[bytes]:
        for _ in range(12):
            time.sleep(0.1)
            yield b"x"

    begin = time.monotonic()
    assert "within 0.3 s" in str(answered(scene, lambda *_: (200, TEXT, drops())))
    assert time.monotonic() - begin < 1


def test_a_witness_without_an_address_is_not_asked(scene: Scene) -> None:
    """A witness whose address is not known can still be checked, but not asked."""
    scene.witness = replace(scene.witness, url=None)
    with pytest.raises(RecordError, match="has no address"):
        scene.ask()
    assert scene.gather().cosigned == ()
    assert not (scene.log.folder / "witnessed").exists()


def test_a_receipt_below_the_quorum_is_rejected(scene: Scene) -> None:
    """The checkpoint in a receipt is held against the policy (R12)."""
    found = scene.gather()
    proof = tuple(inclusion(Tree.at(scene.log.folder, 5), 3, 5))
    receipt = Receipt.parse(bytes(Receipt(3, proof, found.note, tuple(entries(3, 1)), ((),))))
    assert receipt.check(SIGNER.key).size == 5
    other = Witness("W2", Cosigner("X1", COSIGNATURE).key)
    assert policy_of(scene.witness, other, quorum="any").check(receipt.note) == ("W1",)
    for least in ("all", "2"):
        with pytest.raises(CustodyError, match=r"below quorum: cosigned by 'W1', and the policy asks for 'g'"):
            policy_of(scene.witness, other, quorum=least).check(receipt.note)
