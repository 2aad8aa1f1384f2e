"""Facts about credentials: what they say, that a change is found, that nothing of the source is in them."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from conftest import Unwatched
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from test_film import drawing, film_of
from test_footage import drawn
from test_privacy import STRACE, can_trace

from houselights import __version__
from houselights.boxes import strangers
from houselights.check import differences
from houselights.credential import FORMATS, Credential, Signer, read, sign
from houselights.errors import ReleaseError
from houselights.record import Record
from houselights.release import Request, release

MISSING = "the extra is not installed: pip install 'houselights[provenance]'"
x509 = pytest.importorskip("cryptography.x509", reason=MISSING)
hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes", reason=MISSING)
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization", reason=MISSING)
ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec", reason=MISSING)
ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519", reason=MISSING)
rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa", reason=MISSING)
c2pa = pytest.importorskip("c2pa", reason=MISSING)

TOOL = f"houselights {__version__}"
SOURCE = "0123456789abcdef" * 4
DAY = timedelta(days=1)
PKCS8 = serialization.PrivateFormat.PKCS8
OLD = serialization.PrivateFormat.TraditionalOpenSSL
MAIL = (x509.ExtendedKeyUsageOID.EMAIL_PROTECTION,)
NAMES = ("film.mp4", "picture.jpg", "picture.png", "picture.webp")

Key = Any
"""A private key, as cryptography has it."""


def p256() -> Key:
    """A new key of the usual kind."""
    return ec.generate_private_key(ec.SECP256R1())


AUTHORITY = p256()


def certificate(
    key: Key,
    name: str = "Press Office",
    *,
    by: Key = AUTHORITY,
    days: tuple[float, float] = (-1, 30),
    usage: tuple[Any, ...] = MAIL,
    ca: bool = False,
) -> bytes:
    """A certificate for a key, by an authority that nobody knows."""
    now = datetime.now(UTC)
    named, issuer = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, "An authority"))
    made = x509.CertificateBuilder(issuer, named, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now + days[0] * DAY).not_valid_after(now + days[1] * DAY)
    made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    uses = [ca if flag in {"key_cert_sign", "crl_sign"} else flag == "digital_signature" for flag in KEY_USES]
    made = made.add_extension(x509.KeyUsage(*uses), critical=True)
    made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    if usage:
        made = made.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    return bytes(made.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


KEY_USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def kept(folder: Path, chain: bytes, key: Key, form: Any = PKCS8, secret: bytes = b"") -> Signer:  # noqa: ANN401
    """Certificates and a key in files of their own."""
    folder.mkdir(exist_ok=True)
    lock = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, lock))
    return Signer(folder / "chain.pem", folder / "key.pem")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """A signer, with the authority's certificate behind its own."""
    key = p256()
    chain = certificate(key) + certificate(AUTHORITY, "An authority", ca=True, usage=())
    return kept(tmp_path_factory.mktemp("office"), chain, key)


def made(path: Path) -> Path:
    """A film or a photograph, by its name."""
    if path.suffix == ".mp4":
        film_of(path, [drawing(number) for number in range(4)])
    else:
        Image.fromarray(drawn(3)).save(path)
    return path


def signed(path: Path, signer: Signer, **more: str) -> Path:
    """Such a file with a credential."""
    sign(made(path), signer, **{"title": path.name, "source_sha256": SOURCE, "tool": TOOL} | more)
    return path


def pixels(path: Path) -> list[bytes]:
    """All that a file shows."""
    with av.open(str(path)) as file:
        return [frame.to_ndarray().tobytes() for frame in file.decode(video=0)]


def said(path: Path) -> dict[str, Any]:
    """All that the library finds in a file."""
    with path.open("rb") as file, c2pa.Reader(FORMATS[path.suffix][0], file) as reader:
        return dict(json.loads(reader.json()))


@pytest.mark.parametrize("name", NAMES)
def test_a_credential_says_who_made_what_from_what(tmp_path: Path, office: Signer, name: str) -> None:
    """Signer, title, tool and source can be read, and what the file shows is as before."""
    before = pixels(made(tmp_path / name))
    (tmp_path / name).chmod(0o640)
    path = signed(tmp_path / name, office)
    assert read(path) == Credential(valid=True, signer="Press Office", title=name, tool=TOOL, source_sha256=SOURCE)
    assert pixels(path) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]
    if path.suffix == ".mp4":
        assert strangers(path) == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_without_a_credential_has_none(tmp_path: Path, name: str) -> None:
    """Nothing is no fault."""
    assert read(made(tmp_path / name)) is None


@pytest.mark.parametrize("name", NAMES)
def test_nothing_else_is_in_a_credential(tmp_path: Path, office: Signer, name: str) -> None:
    """No thumbnail, no ingredient, no address to ask, no time stamp, no system; two actions that C2PA allows."""
    bare = made(tmp_path / name).read_bytes()
    path = signed(tmp_path / name, office)
    content = path.read_bytes()
    assert len(content) - len(bare) < 5000
    store = said(path)
    assert len(store["manifests"]) == 1
    manifest = store["manifests"][store["active_manifest"]]
    assert manifest.keys() == {
        "claim_generator_info", "title", "instance_id", "assertions", "signature_info", "label", "claim_version",
    }  # fmt: skip
    assert manifest["claim_generator_info"][0].keys() == {"name", "version", "org.contentauth.c2pa_rs"}
    assert manifest["claim_generator_info"][0]["name"] == "houselights"
    assert manifest["claim_version"] == 2
    assert "time" not in manifest["signature_info"]
    labels = {each["label"]: each["data"] for each in manifest["assertions"]}
    assert labels.keys() - {"c2pa.hash.bmff.v3"} == {"c2pa.actions.v2", "org.houselights.release"}
    assert labels["org.houselights.release"] == {"source_sha256": SOURCE, "schema": "houselights/release/1"}
    actions = labels["c2pa.actions.v2"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.created", "c2pa.edited"]
    assert "covered" in actions[1]["description"]
    assert b"thumbnail" not in content
    assert b"ingredient" not in content
    hosts = re.compile(rb"https?://([\w.]+)")
    assert {*hosts.findall(content)} - {*hosts.findall(bare)} == {b"cv.iptc.org"}


@cache
def sample(folder: Path, name: str, signer: Signer) -> bytes:
    """A signed file's bytes."""
    return signed(folder / f"sample-{name}", signer).read_bytes()


def credential_place(content: bytes, name: str) -> tuple[int, int]:
    """Where in a file its credential begins and ends."""
    mark = {"mp4": b"uuid", "jpg": b"\xff\xeb", "png": b"caBX", "webp": b"C2PA"}[name.rpartition(".")[2]]
    at = content.index(mark)
    if mark == b"C2PA":
        return at, at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
    if mark == b"\xff\xeb":
        return at, at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    size = int.from_bytes(content[at - 4 : at], "big")
    return at - 4, at - 4 + size + (12 if mark == b"caBX" else 0)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_one_changed_bit_is_found(tmp_path: Path, office: Signer, data: st.DataObject, name: str) -> None:
    """Anywhere in pictures, sound and their tables: the file no longer has a valid credential."""
    content = bytearray(sample(office.key.parent, name, office))
    begin, end = credential_place(content, name)
    if name == "film.mp4":
        begin = 0  # what comes before it is `ftyp`, which C2PA leaves out; `boxes` looks at that
        free = content.index(b"free", end)
        places = st.integers(end, len(content) - 1).filter(lambda at: not free - 4 <= at < free + 4)
    else:
        places = st.integers(0, len(content) - 1).filter(lambda at: not begin <= at < end)
    content[data.draw(places)] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / name
    path.write_bytes(content)
    with suppress(ReleaseError):  # it no longer begins as such a file does
        found = read(path)
        assert found is None or (not found.valid and found.faults)
        assert found is not None or name != "film.mp4"


def test_a_changed_byte_of_media_is_told_from_no_credential(tmp_path: Path, office: Signer) -> None:
    """The credential still says who signed, and is not valid."""
    path = signed(tmp_path / "film.mp4", office)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert read(path) == Credential(
        valid=False, faults=("assertion.bmffHash.mismatch",), signer="Press Office", title="film.mp4", tool=TOOL,
        source_sha256=SOURCE,
    )  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_a_damaged_credential_is_told_in_words(tmp_path: Path, office: Signer, data: st.DataObject, name: str) -> None:
    """Changed or cut off anywhere, a file is answered or refused, and never anything else."""
    content = bytearray(sample(office.key.parent, name, office))
    begin, end = credential_place(content, name)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(begin, end - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    path = tmp_path / name
    path.write_bytes(content[:cut])
    with suppress(ReleaseError):
        found = read(path)
        assert found is None or found.valid == (not found.faults)
        assert found is None or not found.valid or cut == len(content)


@pytest.mark.parametrize(
    "make",
    [
        p256,
        lambda: ec.generate_private_key(ec.SECP384R1()),
        lambda: ec.generate_private_key(ec.SECP521R1()),
        ed25519.Ed25519PrivateKey.generate,
        lambda: rsa.generate_private_key(65537, 2048),
    ],
)
def test_what_signs_follows_from_the_key(tmp_path: Path, make: Callable[[], Key]) -> None:
    """Every kind of key that C2PA allows, in the forms that openssl writes; a film with it is still a release."""
    key = make()
    forms = (PKCS8,) if isinstance(key, ed25519.Ed25519PrivateKey) else (PKCS8, OLD)
    for form in forms:
        path = signed(tmp_path / "film.mp4", kept(tmp_path / "keys", certificate(key), key, form))
        found = read(path)
        assert found is not None
        assert found.valid
        assert strangers(path) == ()


def test_a_long_chain_of_long_keys_still_makes_a_release(tmp_path: Path) -> None:
    """Three certificates of 4096 bits."""
    keys = [rsa.generate_private_key(65537, 4096) for _ in range(2)]
    chain = certificate(keys[0], by=keys[1]) + certificate(keys[1], ca=True, usage=(), by=keys[1]) * 2
    assert strangers(signed(tmp_path / "film.mp4", kept(tmp_path / "keys", chain, keys[0]))) == ()


@pytest.mark.parametrize(
    ("chain", "key", "word"),
    [
        (certificate, lambda _key: b"-----BEGIN PRIVATE KEY-----\nnone\n", "holds no private key"),
        (certificate, lambda _key: b"", "holds no private key"),
        (lambda _key: b"-----BEGIN CERTIFICATE-----\nnone\n", None, "holds no certificate"),
        (lambda _key: b"", None, "holds no certificate"),
        (lambda _key: certificate(p256()), None, "does not fit the certificate"),
        (lambda key: certificate(AUTHORITY) + certificate(key), None, "does not fit the certificate"),
        (lambda key: certificate(key, days=(-9, -1)), None, "is valid from"),
        (lambda key: certificate(key, days=(1, 9)), None, "is valid from"),
        (lambda key: certificate(key, usage=()), None, "cannot sign: Signature: the certificate is invalid"),
        (lambda key: certificate(key, usage=(x509.ExtendedKeyUsageOID.SERVER_AUTH,)), None, "certificate is invalid"),
        (lambda key: certificate(key, ca=True), None, "certificate is invalid"),
    ],
)
def test_what_cannot_sign_is_told_in_words(
    tmp_path: Path,
    chain: Callable[[Key], bytes],
    key: Callable[[Key], bytes] | None,
    word: str,
) -> None:
    """And the file is as it was, with nothing beside it."""
    path, own = made(tmp_path / "film.mp4"), p256()
    before = path.read_bytes()
    signer = kept(tmp_path / "keys", chain(own), own)
    if key:
        signer.key.write_bytes(key(own))
    with pytest.raises(ReleaseError, match=word) as fault:
        sign(path, signer, title="film.mp4", source_sha256=SOURCE, tool=TOOL)
    assert fault.value.hint
    assert path.read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} == {"film.mp4", "keys"}


def test_a_key_that_is_locked_or_of_another_kind_cannot_sign(tmp_path: Path) -> None:
    """A passphrase is not asked for; a key of a kind that C2PA does not take is told by its name."""
    path, key, other = made(tmp_path / "film.mp4"), p256(), ec.generate_private_key(ec.SECP256K1())
    with pytest.raises(ReleaseError, match="is encrypted") as fault:
        sign(
            path,
            kept(tmp_path / "keys", certificate(key), key, secret=b"open"),
            title="film.mp4",
            source_sha256=SOURCE,
            tool=TOOL,
        )
    assert "openssl pkey" in str(fault.value)
    with pytest.raises(ReleaseError, match="of a kind that cannot sign"):
        sign(path, kept(tmp_path / "keys", certificate(other), other), title="", source_sha256=SOURCE, tool=TOOL)
    nowhere = Signer(tmp_path / "keys" / "chain.pem", tmp_path / "none.pem")
    with pytest.raises(ReleaseError, match=r"none\.pem' cannot be read"):
        sign(path, nowhere, title="film.mp4", source_sha256=SOURCE, tool=TOOL)


def test_only_what_can_hold_one_is_signed(tmp_path: Path, office: Signer) -> None:
    """By its name and first bytes; a file whose head is cut off is left as it is."""
    (tmp_path / "film.mkv").write_bytes(b"\x1aE\xdf\xa3")
    (tmp_path / "wrong.mp4").write_bytes(made(tmp_path / "picture.png").read_bytes())
    (tmp_path / "cut.mp4").write_bytes(made(tmp_path / "film.mp4").read_bytes()[:500])
    (tmp_path / "folder.mp4").mkdir()
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    for name, word in (
        ("film.mkv", "no file that can hold"),
        ("wrong.mp4", "is no mp4"),
        ("cut.mp4", "cannot be signed"),
        ("folder.mp4", "cannot be read"),
        ("none.mp4", "cannot be read"),
    ):
        with pytest.raises(ReleaseError, match=word):
            sign(tmp_path / name, office, title=name, source_sha256=SOURCE, tool=TOOL)
    for name in ("film.mkv", "wrong.mp4", "folder.mp4", "none.mp4"):
        with pytest.raises(ReleaseError):
            read(tmp_path / name)
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", NAMES)
def test_a_second_credential_takes_the_place_of_the_first(tmp_path: Path, office: Signer, name: str) -> None:
    """Nothing of the first stays, so that a release never carries what an earlier tool put there."""
    key = p256()
    path = signed(tmp_path / name, office, title="the first")
    second = kept(tmp_path / "keys", certificate(key, "Archive"), key)
    sign(path, second, title="the second", source_sha256=SOURCE[::-1], tool="houselights 9.9")
    assert read(path) == Credential(
        valid=True, signer="Archive", title="the second", tool="houselights 9.9", source_sha256=SOURCE[::-1]
    )
    assert b"the first" not in path.read_bytes()
    assert name != "film.mp4" or strangers(path) == ()


def test_a_credential_ends_with_its_certificate(tmp_path: Path) -> None:
    """No time stamp says that it was signed before: no server is asked for one."""
    key = p256()
    path = signed(tmp_path / "film.mp4", kept(tmp_path / "keys", certificate(key, days=(-1, 3 / 86_400)), key))
    found = read(path)
    assert found is not None
    assert found.valid
    time.sleep(4)
    assert read(path) == replace(found, valid=False, faults=("signingCredential.expired",))


def test_words_of_strangers_are_shown_without_harm(tmp_path: Path) -> None:
    """Names with control characters or of any length; a title that is no UTF-8 can still be signed."""
    key = p256()
    signer = kept(tmp_path / "keys", certificate(key, "Al\x1b[2J\nBo"), key)
    found = read(signed(tmp_path / "film.mp4", signer, title="t\0\x9b" + 999 * "x", tool="hand-made"))
    assert found is not None
    assert found.valid
    assert found.signer == "Al\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}Bo"
    assert found.title == "t" + 2 * "\N{REPLACEMENT CHARACTER}" + 197 * "x"
    assert found.tool == "hand-made"
    found = read(signed(tmp_path / "film.mp4", signer, title=os.fsdecode(b"\xff.mp4")))
    assert found is not None
    assert found.title == "?.mp4"


def test_a_credential_of_another_tool_names_no_source(tmp_path: Path, office: Signer) -> None:
    """It may be valid, as a camera's is, and is none of a release."""
    created = {"action": "c2pa.created", "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/print"}
    definition = {
        "claim_generator_info": [{"name": "Camera"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
    info = c2pa.C2paSignerInfo("es256", office.certificate.read_bytes(), office.key.read_bytes(), None)
    target = io.BytesIO()
    source = io.BytesIO(made(tmp_path / "picture.png").read_bytes())
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder.from_json(definition) as builder:
        builder.sign(signer, "image/png", source, target)
    (tmp_path / "picture.png").write_bytes(target.getvalue())
    found = read(tmp_path / "picture.png")
    assert found == Credential(valid=True, signer="Press Office", tool="Camera")


def test_without_the_package_a_hint_says_what_to_install(
    tmp_path: Path, office: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For signing and for reading."""
    path = made(tmp_path / "film.mp4")
    for name in ("c2pa", "cryptography"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(ReleaseError, match="not installed") as fault:
                sign(path, office, title="film.mp4", source_sha256=SOURCE, tool=TOOL)
            assert fault.value.hint == "pip install 'houselights[provenance]'"
            with pytest.raises(ReleaseError, match="not installed"):
                read(path)


ELSEWHERE = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" dcterms:provenance="http://127.0.0.1:9/a.c2pa"/>
</rdf:RDF></x:xmpmeta>"""

WORK = """
import sys
from pathlib import Path
from houselights.credential import Signer, read, sign
folder = Path(sys.argv[1])
for name in sys.argv[2:]:
    sign(folder / name, Signer(folder / "chain.pem", folder / "key.pem"), title="t", source_sha256="0", tool="t 1")
    assert read(folder / name).valid
assert not read(folder / "elsewhere.jpg").valid
print(*{line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libc2pa" in line})
"""


def worked(office: Signer, folder: Path, *before: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What another process, with an empty home, does with a file of each kind."""
    names = [made(folder / name).name for name in NAMES]
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(folder / "elsewhere.jpg", xmp=ELSEWHERE)
    for each in (office.certificate, office.key):
        shutil.copy(each, folder)
    quiet = ("CI", "GITHUB_ACTIONS", "C2PA_LIBRARY_NAME")
    environment |= {name: value for name, value in os.environ.items() if name not in quiet and name not in environment}
    command = [*before, sys.executable, "-I", "-B", "-c", WORK, str(folder), *names]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.skipif(not can_trace(), reason="strace is not installed or may not trace here: apt install strace")
def test_signing_and_reading_open_no_socket_and_write_only_the_file(tmp_path: Path, office: Signer) -> None:
    """Neither for revocation, trust or time, nor for a credential that a file says is elsewhere."""
    home, folder, trace = tmp_path / "home", tmp_path / "folder", tmp_path / "trace"
    home.mkdir()
    folder.mkdir()
    watched = "trace=socket,connect,sendto,openat,open,creat,rename,renameat,renameat2,mkdir,mkdirat"
    assert STRACE
    worked(office, folder, STRACE, "-f", "-qq", "-o", str(trace), "-e", watched, HOME=str(home), TMPDIR=str(home))
    lines = trace.read_text(errors="replace").splitlines()
    assert [line for line in lines if re.search(r"\b(socket|connect|sendto)\(", line)] == []
    opened = re.compile(r'open(?:at)?\((?:AT_FDCWD, )?"([^"]+)", [^)]*O_(?:WRONLY|RDWR|CREAT|TMPFILE)')
    written = {Path(match[1]) for line in lines if (match := opened.search(line))}
    assert {path.name.split("-")[0].removesuffix(".partial")[:8] for path in written} <= {".film.mp", ".picture"}
    assert {path.parent for path in written} == {folder}
    assert list(home.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists what a process has loaded")
def test_no_library_is_loaded_from_the_working_folder(tmp_path: Path, office: Signer) -> None:
    """The package would: a file beside the footage could run in our name."""
    own = next(Path(c2pa.__file__).parent.glob("libs/libc2pa_c.so"))
    shutil.copy(own, tmp_path / own.name)
    assert worked(office, tmp_path).stdout.split() == [str(own)]


def test_a_signed_release_is_checked_with_its_credential(
    tmp_path: Path, office: Signer, detector_path: Path, second_detector_path: Path
) -> None:
    """The released file says what it was made from; without its credential, or changed, it is not as released."""
    assert detector_path.exists()
    assert second_detector_path.exists()
    source = made(tmp_path / "source.mp4")
    done = release(Request(source, tmp_path / "out.mp4", signer=office), Record.here(), Unwatched())
    found = read(done.path)
    assert found is not None
    assert (found.valid, found.source_sha256) == (True, done.manifest.source.sha256)
    assert list(differences(done.path, done.manifest)) == []
    plain = release(Request(source, tmp_path / "plain.mp4"), Record.here(), Unwatched())
    assert read(plain.path) is None
    assert "its content credential is gone" in list(differences(plain.path, done.manifest))
