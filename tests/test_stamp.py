"""Facts about stamps: anybody can check them, none counts on another log, and a clock that was set back shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from test_witness import ORIGIN, SIGNER, Reply, served

from houselights import stamp as subject
from houselights.custody import CustodyError, canonical, tile_path, verify
from houselights.errors import RecordError
from houselights.log import Log, Signer
from houselights.stamp import Checked, Stamp, check, stamp

pytest.importorskip("rfc3161_client", reason="the extra is not installed: pip install 'houselights[provenance]'")
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

MEDIA = "application/timestamp-reply"
STAMPING = x509.ExtendedKeyUsageOID.TIME_STAMPING
SERVER = x509.ExtendedKeyUsageOID.SERVER_AUTH
CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {place}/serial
crypto_device = builtin
signer_cert = {place}/tsa.pem
signer_key = {place}/tsa.key
certs = {place}/chain.pem
signer_digest = sha256
default_policy = 1.2.3.4
digests = {digests}
clock_precision_digits = 0
ess_cert_id_alg = sha256
"""


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is asked without a proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


# ------------------------------------------------------------------------------------------------------ an authority


@dataclass
class Party:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, place: Path, name: str) -> Path:
        """Put both into a folder; where the certificate is."""
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (place / f"{name}.key").write_bytes(self.key.private_bytes(*form))
        (place / f"{name}.pem").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return place / f"{name}.pem"


def party(name: str, by: Party | None = None, usage: x509.ObjectIdentifier | None = None) -> Party:
    """Somebody with a certificate by somebody else, or by themselves; an authority where there is no usage."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(by.certificate.subject if by else named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if by is not None:  # so that a root is told from another one of its name
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
        made = made.add_extension(above, critical=False)
    if usage is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return Party(made.sign(by.key if by else key, hashes.SHA256()), key)


@dataclass
class Authority:
    """A time stamping authority, made of openssl."""

    place: Path
    root: Path
    """The certificate that one trusts who trusts it."""

    def config(self, digests: str = "sha256, sha512") -> None:
        """Write what openssl reads."""
        (self.place / "openssl.cnf").write_text(CONFIG.format(place=self.place, digests=digests))

    def __call__(self, _: str, query: bytes) -> Reply:
        """The answer to a call."""
        return 200, MEDIA, self.answer(query)

    def answer(self, query: bytes) -> bytes:
        """The answer to a query."""
        (self.place / "query").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-queryfile", "query", "-config", "openssl.cnf", "-out", "reply"]
        subprocess.run(command, cwd=self.place, check=True, capture_output=True)
        return (self.place / "reply").read_bytes()


def authority(place: Path, between: int = 0) -> Authority:
    """A new authority, with so many certificates between its own and the root."""
    place.mkdir()
    root = above = party("A root")
    chain = b""
    for number in range(between):
        above = party(f"Between {number}", above)
        chain += above.certificate.public_bytes(serialization.Encoding.PEM)
    party("An authority", above, STAMPING).write(place, "tsa")
    (place / "chain.pem").write_bytes(chain or root.certificate.public_bytes(serialization.Encoding.PEM))
    (place / "serial").write_text("01\n")
    found = Authority(place, root.write(place, "root"))
    found.config()
    return found


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that is trusted."""
    return authority(tmp_path_factory.mktemp("trusted") / "tsa")


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that is not."""
    return authority(tmp_path_factory.mktemp("unknown") / "tsa")


# ----------------------------------------------------------------------------------------------------------- a log


def entry(number: int, dated: datetime) -> bytes:
    """An entry with a time."""
    return canonical({"n": number, "time": dated.strftime("%Y-%m-%dT%H:%M:%SZ"), "use": f"u{number}"})


class Kept:
    """A log whose entries are dated so many seconds from now."""

    def __init__(self, place: Path, *ahead: float, signer: Signer = SIGNER) -> None:
        """A new log in a folder."""
        place.mkdir(parents=True)
        self.folder = place / "log"
        self._log = Log(self.folder, place, signer)
        self.add(*ahead)

    def add(self, *ahead: float) -> int:
        """Add entries; how many there are now."""
        first, now = self._log.checkpoint().size, datetime.now(UTC)
        self._log.append([entry(first + n, now + timedelta(seconds=each)) for n, each in enumerate(ahead)])
        return first + len(ahead)

    def stamp(self, reply: Callable[[str, bytes], Reply]) -> datetime:
        """Have it stamped."""
        with served(reply) as url:
            content = (self.folder / "checkpoint").read_bytes()
            return stamp(self.folder, content, self._log.checkpoint().size, url)

    def check(self, *roots: Path) -> Checked:
        """Check its stamps."""
        return check(self.folder, SIGNER.key, roots)


@pytest.fixture
def log(tmp_path: Path) -> Kept:
    """A log of five entries."""
    return Kept(tmp_path / "a", *[0] * 5)


def move(kept: Kept, old: int, new: int, *endings: str, to: Kept | None = None) -> None:
    """Give a stamp another name, or another log."""
    folder = (to or kept).folder / "stamps"
    folder.mkdir(exist_ok=True)
    for ending in endings:
        shutil.copy(kept.folder / f"stamps/{old}.{ending}", folder / f"{new}.{ending}")


# ----------------------------------------------------------------------------------------------------- good stamps


def test_a_stamp_says_when_the_log_was_as_it_is(log: Kept, trusted: Authority) -> None:
    """A log is stamped, grows, and is stamped again; both stamps hold."""
    before = datetime.now(UTC).replace(microsecond=0)
    first = log.stamp(trusted)
    size = log.add(*[0] * 300)
    second = log.stamp(trusted)
    assert before <= first <= second <= datetime.now(UTC)
    assert log.check(trusted.root) == Checked((Stamp(5, first), Stamp(size, second)), ())
    assert not verify(log.folder, SIGNER.key).faults


def test_openssl_accepts_what_is_kept(log: Kept, trusted: Authority, unknown: Authority) -> None:
    """Anybody can check a stamp with openssl alone, and openssl says no to another authority and to other bytes."""
    log.stamp(trusted)
    log.add(0)
    log.stamp(trusted)
    for data, token, root, good in (
        (5, 5, trusted, True),
        (6, 6, trusted, True),
        (5, 6, trusted, False),
        (5, 5, unknown, False),
    ):
        command = f"openssl ts -verify -data stamps/{data}.checkpoint -in stamps/{token}.tsr -CAfile".split()
        done = subprocess.run([*command, root.root], cwd=log.folder, check=False, capture_output=True)
        assert (done.returncode == 0) is good, done.stderr


def test_what_is_stamped_is_the_signed_checkpoint(log: Kept, trusted: Authority) -> None:
    """The bytes that are kept are those of the checkpoint, and only their hash leaves the machine."""
    content, queries = (log.folder / "checkpoint").read_bytes(), list[bytes]()

    def reply(path: str, query: bytes) -> Reply:
        queries.append(query)
        return trusted(path, query)

    log.stamp(reply)
    assert (log.folder / "stamps/5.checkpoint").read_bytes() == content
    assert len(queries[0]) < 80
    assert ORIGIN.encode() not in queries[0]
    assert sorted(each.name for each in (log.folder / "stamps").iterdir()) == ["5.checkpoint", "5.tsr"]


def test_certificates_may_stand_between(tmp_path: Path, log: Kept) -> None:
    """An authority may have its certificate from somebody who has it from the root."""
    found = authority(tmp_path / "tsa", between=2)
    moment = log.stamp(found)
    assert log.check(found.root) == Checked((Stamp(5, moment),), ())


def test_any_of_several_roots_is_enough(log: Kept, trusted: Authority, unknown: Authority, tmp_path: Path) -> None:
    """Roots may stand in several files, or in one."""
    log.stamp(trusted)
    log.add(0)
    log.stamp(unknown)
    both = tmp_path / "both.pem"
    both.write_bytes(unknown.root.read_bytes() + trusted.root.read_bytes())
    for roots in ((trusted.root, unknown.root), (both,), (both, both)):
        found = log.check(*roots)
        assert (len(found.stamps), found.faults) == (2, ())


def test_a_later_stamp_on_the_same_log_takes_the_place_of_the_older(log: Kept, trusted: Authority) -> None:
    """A log at rest may be stamped every night, and also when witnesses have signed meanwhile."""
    log.stamp(trusted)
    again = log.stamp(trusted)
    assert log.check(trusted.root).stamps == (Stamp(5, again),)
    path = log.folder / "checkpoint"
    path.write_bytes(path.read_bytes() + "— a.example AAAAAAAA\n".encode())
    moment = log.stamp(trusted)
    assert (log.folder / "stamps/5.checkpoint").read_bytes() == path.read_bytes()
    assert log.check(trusted.root) == Checked((Stamp(5, moment),), ())


def test_a_crash_leaves_no_half_stamp(log: Kept, trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the second file cannot be written there is no stamp, and nothing is wrong with the log."""
    real = subject.whole

    def failing(path: Path, **asked: bool) -> object:
        if path.suffix == ".tsr":
            raise OSError(28, "No space left on device")
        return real(path, **asked)

    log.stamp(trusted)
    path = log.folder / "checkpoint"
    path.write_bytes(path.read_bytes() + "— a.example AAAAAAAA\n".encode())
    monkeypatch.setattr(subject, "whole", failing)
    with pytest.raises(RecordError, match=r"cannot be kept in .*: No space left"):
        log.stamp(trusted)
    monkeypatch.undo()
    assert log.check(trusted.root) == Checked((), ())


def test_a_log_without_stamps_has_none(log: Kept, trusted: Authority) -> None:
    """No stamp is no fault."""
    assert log.check(trusted.root) == Checked((), ())


def test_a_log_without_entries_can_be_stamped(tmp_path: Path, trusted: Authority) -> None:
    """The first checkpoint of a log, with nothing in it, can be stamped."""
    log = Kept(tmp_path / "empty")
    log.stamp(trusted)
    assert [each.size for each in log.check(trusted.root).stamps] == [0]


# ------------------------------------------------------------------------------------------------ stamps that are none


def only_fault(log: Kept, trusted: Authority, *, good: int = 0) -> str:
    """The one fault of a log, which has so many good stamps besides."""
    found = log.check(trusted.root)
    assert (len(found.stamps), len(found.faults)) == (good, 1), found
    return found.faults[0]


def test_an_untrusted_authority_is_rejected(log: Kept, trusted: Authority, unknown: Authority) -> None:
    """A token counts only where a trusted root stands behind it (R10), whatever certificates it brings."""
    log.stamp(unknown)
    assert re.match(r"stamps/5\.tsr: no token of a trusted authority", only_fault(log, trusted))
    assert [each.size for each in log.check(unknown.root).stamps] == [5]


def test_a_token_on_another_root_is_rejected(log: Kept, tmp_path: Path, trusted: Authority) -> None:
    """A token that was moved to another checkpoint, another size, another log or another state is rejected (R10)."""
    log.stamp(trusted)
    log.add(0)
    log.stamp(trusted)
    move(log, 5, 6, "tsr")
    assert "stamps/6.tsr: no token of a trusted authority on the checkpoint beside it" in only_fault(
        log, trusted, good=1
    )
    move(log, 5, 6, "tsr", "checkpoint")
    assert only_fault(log, trusted, good=1) == "stamps/6.tsr: it is on 5 entries"
    other = Kept(tmp_path / "other", *[-30] * 6)  # the same name and key, but other entries
    move(log, 5, 5, "tsr", "checkpoint", to=other)
    assert "stamps/5.tsr: the log had other entries at 20" in only_fault(other, trusted)


def test_a_checkpoint_of_another_key_is_rejected(log: Kept, tmp_path: Path, trusted: Authority) -> None:
    """The stamped checkpoint has to be signed by this log's key, not by another one under its name."""
    other = Kept(tmp_path / "other", *[0] * 5, signer=Signer(ORIGIN, bytes(32)))
    other.stamp(trusted)
    move(other, 5, 5, "tsr", "checkpoint", to=log)
    assert "is not signed with the key" in only_fault(log, trusted)


def test_a_log_that_lost_what_was_stamped_shows(log: Kept, trusted: Authority, tmp_path: Path) -> None:
    """A stamp on more entries than the log has says since when they are gone."""
    copy = shutil.copytree(log.folder, tmp_path / "copy")
    log.add(0, 0)
    log.stamp(trusted)
    shutil.copytree(log.folder / "stamps", copy / "stamps")
    faults = check(copy, SIGNER.key, [trusted.root]).faults
    assert len(faults) == 1
    assert "stamps/7.tsr: entries 5 to 6 are gone: they were there at 20" in faults[0]


def test_a_lost_or_strange_file_is_named(log: Kept, trusted: Authority) -> None:
    """A token without its checkpoint, or under a name that is no size, is a fault; a partial file is none."""
    log.stamp(trusted)
    stamps = log.folder / "stamps"
    shutil.copy(stamps / "5.tsr", stamps / "05.tsr")
    assert only_fault(log, trusted, good=1) == "stamps/05.tsr: the name is no size"
    (stamps / "05.tsr").rename(stamps / ".5.tsr.1-2.partial")
    (stamps / "5.checkpoint").unlink()
    assert "5.checkpoint' cannot be read: No such file" in only_fault(log, trusted)


def test_a_changed_checkpoint_is_rejected(log: Kept, trusted: Authority) -> None:
    """The bytes beside the token have to be those that were stamped, each of them."""
    log.stamp(trusted)
    path = log.folder / "stamps/5.checkpoint"
    path.write_bytes(path.read_bytes() + "— a.example AAAAAAAA\n".encode())
    assert "no token of a trusted authority on the checkpoint beside it" in only_fault(log, trusted)


def test_a_certificate_for_something_else_cannot_stamp(log: Kept, trusted: Authority, tmp_path: Path) -> None:
    """A web server's certificate from the same root makes no time stamps (R10)."""
    log.stamp(trusted)
    root = party("A root")
    path = root.write(tmp_path, "root")
    token = log.folder / "stamps/5.tsr"
    for usage, good in ((SERVER, 0), (STAMPING, 1)):
        token.write_bytes(resigned(tmp_path, token.read_bytes(), party("Somebody", root, usage)))
        found = log.check(path)
        assert (len(found.stamps), len(found.faults)) == (good, 1 - good), found
    assert not log.check(trusted.root).stamps


def resigned(place: Path, response: bytes, by: Party) -> bytes:
    """A token with the same statement, signed by somebody else."""
    by.write(place, "other")
    (place / "response").write_bytes(response)
    kind = "1.2.840.113549.1.9.16.1.4"  # TSTInfo
    sign = f"openssl cms -sign -binary -nodetach -econtent_type {kind} -md sha256 -outform DER"
    for command in (
        "openssl ts -reply -in response -token_out -out token",
        "openssl cms -verify -noverify -binary -inform DER -in token -out statement",
        f"{sign} -signer other.pem -inkey other.key -in statement -out token",
    ):
        subprocess.run(command.split(), cwd=place, check=True, capture_output=True)
    content = bytes.fromhex("3003020100") + (place / "token").read_bytes()  # PKIStatusInfo: granted
    return b"\x30\x82" + len(content).to_bytes(2) + content


def test_whatever_is_changed_in_a_token_the_time_is_not(trusted: Authority, tmp_path: Path) -> None:
    """A changed byte, or a lost end, leaves a token that is rejected or says the same time."""
    log = Kept(tmp_path / "a", 0)
    moment = log.stamp(trusted)
    token, content = ((log.folder / "stamps" / name).read_bytes() for name in ("1.tsr", "1.checkpoint"))
    verifier, rejected = subject._verifier([trusted.root]), list[bool]()

    @settings(max_examples=400)
    @given(st.integers(0, len(token) - 1), st.integers(0, 255), st.booleans())
    def changed(at: int, byte: int, cut: bool) -> None:  # noqa: FBT001 - hypothesis calls it
        try:
            said = subject._moment(
                token[:at] if cut else token[:at] + bytes([byte]) + token[at + 1 :], verifier, content
            )
        except CustodyError:
            rejected.append(True)
        else:
            assert said == moment

    changed()
    assert len(rejected) > 200


@given(st.binary(max_size=60))
def test_whatever_is_no_token_is_rejected(content: bytes) -> None:
    """Bytes that are no token are an error, never more than that."""
    verifier = subject._library().VerifierBuilder(roots=[party("A root").certificate]).build()
    with pytest.raises(CustodyError, match="no token"):
        subject._moment(content, verifier, b"x")


def test_what_is_trusted_has_to_be_given(log: Kept, tmp_path: Path) -> None:
    """Without a root, or with a file that holds none, nothing is checked."""
    with pytest.raises(CustodyError, match="no authority is trusted"):
        log.check()
    path = tmp_path / "root.pem"
    for content in (b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        path.write_bytes(content)
        with pytest.raises(CustodyError, match="holds no certificate"):
            log.check(path)
    with pytest.raises(CustodyError, match="cannot be read: No such file"):
        log.check(tmp_path / "none.pem")


def test_a_log_that_is_not_whole_is_not_checked(log: Kept, trusted: Authority) -> None:
    """Stamps are held against the root that the log signs, not against whatever its tiles say."""
    log.stamp(trusted)
    tile = log.folder / "tile/0/000.p/5"
    tile.write_bytes(tile.read_bytes()[::-1])
    with pytest.raises(CustodyError, match="does not have the root"):
        log.check(trusted.root)
    with pytest.raises(CustodyError, match="is not signed with the key"):
        check(log.folder, Signer(ORIGIN, bytes(32)).key, [trusted.root])


# ----------------------------------------------------------------------------------------- authorities that misbehave


def refused(log: Kept, reply: Callable[[str, bytes], Reply]) -> str:
    """The error where an authority gives these answers; nothing is kept."""
    with pytest.raises(RecordError) as caught:
        log.stamp(reply)
    assert caught.value.hint
    assert not (log.folder / "stamps").exists()
    return caught.value.message


def test_an_answer_to_another_question_is_refused(log: Kept, trusted: Authority, tmp_path: Path) -> None:
    """An older answer on the same bytes has another nonce, one on other bytes another hash."""
    queries = list[bytes]()

    def keep(_: str, query: bytes) -> Reply:
        queries.append(query)
        return 500, MEDIA, b""

    assert "HTTP status 500" in refused(log, keep)
    assert "its nonce is not ours" in refused(log, lambda *_: trusted("", queries[0]))
    other = tmp_path / "data"
    other.write_bytes(b"other bytes")
    for command in (
        "openssl ts -query -data data -sha256 -no_nonce -cert -out query",
        "openssl ts -query -data data -sha256 -cert -out query",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
        assert "its nonce is not ours" in refused(log, lambda *_: trusted("", (tmp_path / "query").read_bytes()))


def with_imprint(query: bytes, digest: bytes) -> bytes:
    """A query with the same nonce on other bytes."""
    at = query.index(b"\x04\x20") + 2
    return query[:at] + digest + query[at + 32 :]


def test_a_stamp_on_other_bytes_is_refused(log: Kept, trusted: Authority) -> None:
    """The nonce alone does not make it an answer."""
    said = refused(log, lambda path, query: trusted(path, with_imprint(query, bytes(32))))
    assert "stamped other bytes" in said


def test_an_answer_without_a_certificate_is_refused(log: Kept, trusted: Authority) -> None:
    """Nobody could check a stamp that does not say who made it."""

    def reply(path: str, query: bytes) -> Reply:
        assert query.endswith(b"\x01\x01\xff")  # certReq
        bare = query[:-3]
        return trusted(path, b"\x30" + bytes([bare[1] - 3]) + bare[2:])

    assert "left out its certificate" in refused(log, reply)


def test_a_refusal_is_passed_on(log: Kept, trusted: Authority) -> None:
    """What an authority says against it is in the error."""
    trusted.config(digests="sha512")
    try:
        said = refused(log, trusted)
    finally:
        trusted.config()
    assert re.search(r"refused \(status 2\): .*[Mm]essage digest algorithm", said)


@pytest.mark.parametrize(
    "content", [b"", b"\x30\x03\x02\x01\x00", b"\x30\x05\x30\x03\x02\x01\x00", b"<html>", bytes(999)]
)
def test_an_answer_that_is_none_is_refused(log: Kept, content: bytes) -> None:
    """What is no answer of RFC 3161, or one without a token, is refused."""
    assert "no answer of RFC 3161" in refused(log, lambda *_: (200, MEDIA, content))


def test_other_trouble_is_an_error_too(log: Kept) -> None:
    """Redirects are not followed, long answers not read, and an authority that is gone is named."""
    assert "HTTP status 302" in refused(log, lambda *_: (302, MEDIA, b"http://127.0.0.1:1/"))
    assert "more than 65536 bytes" in refused(log, lambda *_: (200, MEDIA, bytes(100_000)))
    content = (log.folder / "checkpoint").read_bytes()
    for url, said in (("file:///etc/hostname", "has the address"), ("http://127.0.0.1:1/", "cannot be reached")):
        with pytest.raises(RecordError, match=said):
            stamp(log.folder, content, 5, url)
    with pytest.raises(RecordError, match="states 5 entries, expected 6"):
        stamp(log.folder, content, 6, "http://127.0.0.1:1/")
    with pytest.raises(RecordError, match="cannot be stamped"):
        stamp(log.folder, b"nothing", 5, "http://127.0.0.1:1/")


def test_a_folder_that_cannot_be_written_is_an_error(log: Kept, trusted: Authority) -> None:
    """A stamp that cannot be kept is none."""
    (log.folder / "stamps").write_bytes(b"")
    with pytest.raises(RecordError, match="cannot be kept") as caught:
        log.stamp(trusted)
    assert "room on the disk" in str(caught.value.hint)


def test_a_missing_package_is_named(log: Kept, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the extra the error says what to install."""
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    for asked in (lambda: log.check(tmp_path), lambda: log.stamp(lambda *_: (200, MEDIA, b""))):
        with pytest.raises(RecordError, match="rfc3161-client") as caught:
            asked()
        assert "houselights[provenance]" in str(caught.value.hint)


# --------------------------------------------------------------------------------------------------- clocks set back


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([0], [0], None),
        ([-3600, -50], [-50, 3600], None),
        ([50], [50], None),
        ([0, 0], [0, -3600], r"^entry 3: dated .*, but it was not there yet at 20.*Z: the clock was set back$"),
        ([0], [-3600, -3600, 0], r"^entry 1 and 1 after it: dated .*: the clock was set back$"),
        ([3600, 0], [3600], r"^entry 0: dated .*, but it was there at 20.*Z: the clock was ahead, or set back since$"),
    ],
)
def test_a_clock_that_was_set_back_shows(
    tmp_path: Path, trusted: Authority, before: list[float], after: list[float], said: str | None
) -> None:
    """Entries before a stamp are not dated after it, those behind it not before, give or take a minute (R10)."""
    log = Kept(tmp_path / "a", *before)
    log.stamp(trusted)
    log.add(*after)
    found = log.check(trusted.root)
    assert len(found.stamps) == 1
    if said is None:
        assert found.faults == ()
    else:
        assert len(found.faults) == 1
        assert re.search(said, found.faults[0])


TIMES = st.integers(0, 300)


@given(st.lists(TIMES, min_size=1, max_size=8), st.dictionaries(st.integers(0, 8), TIMES, max_size=4))
def test_every_entry_is_held_against_every_stamp(dated: list[int], stamped: dict[int, int]) -> None:
    """The first entry that is named for a stamp, and how many are, is what one finds by looking at all pairs."""
    start, size = datetime(2026, 11, 22, 16, 0, tzinfo=UTC), len(dated)
    stamps = sorted((at, moment) for at, moment in stamped.items() if at <= size)
    early = {n for at, moment in stamps for n in range(at, size) if dated[n] < moment - 60}
    late = {n for at, moment in stamps for n in range(at) if dated[n] > moment + 60}
    found = {"set back$": set[int](), "set back since": set[int]()}
    with TemporaryDirectory() as folder:
        bundle = Path(folder, tile_path("entries", 0, size))
        bundle.parent.mkdir(parents=True)
        lines = [entry(n, start + timedelta(seconds=each)) for n, each in enumerate(dated)]
        bundle.write_bytes(b"".join(len(line).to_bytes(2) + line for line in lines))
        kept = [Stamp(at, start + timedelta(seconds=moment)) for at, moment in stamps]
        faults = [*subject._misdated(Path(folder), size, kept)]
    for line in faults:
        asked = re.match(r"entry (\d+)(?: and (\d+) after it)?: dated", line)
        assert asked
        ending = "set back since" if line.endswith("since") else "set back$"
        found[ending].add(int(asked[1]))
        assert int(asked[1]) in (late if ending == "set back since" else early)
    assert bool(found["set back$"]) is bool(early)
    assert bool(found["set back since"]) is bool(late)
    assert not early or min(found["set back$"]) == min(early)
    assert not late or min(found["set back since"]) == min(late)


@pytest.mark.parametrize("dated", ['"yesterday"', '"2026-11-22T16:03:04"', '"2026-11-22T16:03:04+01:00"', "7", "null"])
def test_an_entry_without_a_time_is_named(tmp_path: Path, trusted: Authority, dated: str) -> None:
    """An entry whose time cannot be held against a stamp is a fault, and those behind it are still looked at."""
    log = Kept(tmp_path / "a", 0)
    log._log.append([f'{{"time":{dated},"use":"x"}}'.encode(), b"no JSON"])
    log.stamp(trusted)
    log.add(-3600)
    faults = log.check(trusted.root).faults
    assert [each.split(":")[0] for each in faults] == ["entry 1", "entry 2", "entry 3"]
    assert "is no time in UTC" in faults[0]


def test_a_lost_bundle_is_named(log: Kept, trusted: Authority) -> None:
    """Where entries cannot be read their times cannot be looked at."""
    log.stamp(trusted)
    (log.folder / "tile/entries/000.p/5").unlink()
    assert "tile/entries/000.p/5 is missing" in only_fault(log, trusted, good=1)
