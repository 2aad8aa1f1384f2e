"""The commands about the log, as people type them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from test_stamp import authority
from test_witness import Cosigner, Desk, served
from typer.testing import CliRunner, Result

from houselights import cli, config, custody
from houselights.custody import CustodyError
from houselights.errors import Error, RecordError, SettingsError
from houselights.record import Record
from houselights.sources import digest


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """A record of this test alone, where the commands find it."""
    monkeypatch.setenv(config.RECORD, str(tmp_path / "record"))
    monkeypatch.delenv(config.KEY, raising=False)
    return Record.here()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A file to ask about: a film is its bytes."""
    path = tmp_path / "gate.mp4"
    path.write_bytes(b"some film")
    return path


def log(*arguments: object, fails: type[Exception] | int = 0) -> str:
    """Run `houselights log ...`; return what it prints, or the message of the error that is expected."""
    done: Result = CliRunner().invoke(cli.app, ["log", *map(str, arguments)])
    if isinstance(fails, int):
        assert done.exit_code == fails, (done.output, done.exception)
        return done.output
    assert isinstance(done.exception, fails), done.output
    return str(done.exception)


def key(record: Record) -> str:
    """Return the log's public key."""
    return str(record.key)


def test_looking_is_recorded(own: Record) -> None:
    """R11: each look at the log is in it, and shown with it."""
    assert "the log begins" in log("show")
    shown = log("show")
    assert shown.count("the log was read: entries") == 2
    lines = [json.loads(line) for line in log("show", "--json", "--payloads").splitlines()]
    assert [line["entry"] for line in lines] == list(range(len(lines)))
    assert lines[-1]["facts"] == {"what": "payloads"}
    assert own.log.checkpoint().size == len(lines)
    number = lines[0]["use"]
    assert log("show", "--use", number[:8]).splitlines()[0].split()[2] == number[:8]
    assert "nothing of that" in log("show", "--use", "zz")


def test_a_new_record_says_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first command tells who runs it what to hand out; the next ones do not."""
    monkeypatch.setenv(config.RECORD, str(tmp_path / "new"))
    first = log("checkpoint")
    assert "a new record was begun" in first
    assert "a new record" not in log("checkpoint")
    assert log("key").strip() in first


def test_an_exported_copy_is_checked_with_the_key_alone(own: Record, tmp_path: Path) -> None:
    """R3: the copy verifies; without a key it is not checked; changed, the place is named and the status is 1."""
    copy = tmp_path / "copy"
    assert key(own) in log("export", copy, "--recipient", "court", "--to", "Judge", "--reason", "case 4")
    assert "2 entries, all as they were logged" in log("verify", copy, "--key", key(own))
    (tmp_path / "key").write_text(key(own))
    assert "2 entries" in log("verify", copy, "--key", tmp_path / "key")
    assert "public key is needed" in log("verify", copy, fails=SettingsError)
    assert "is there already" in log(
        "export", copy, "--recipient", "court", "--to", "J", "--reason", "r", fails=RecordError
    )
    bundle = copy / "tile" / "entries" / "000.p" / "2"
    bundle.write_bytes(bundle.read_bytes().replace(b'"court"', b'"press"'))
    assert "entry 1: not the one that was logged" in log("verify", copy, "--key", key(own), fails=1)
    other = Record(tmp_path / "other")
    assert "not signed with the key" in log("verify", copy, "--key", key(other), fails=CustodyError)


def test_a_log_that_went_back_is_found_with_an_older_checkpoint(own: Record, tmp_path: Path) -> None:
    """R3: whoever kept a checkpoint sees that entries are gone."""
    log("export", tmp_path / "early", "--recipient", "press", "--to", "J", "--reason", "r")
    log("show")
    log("export", tmp_path / "late", "--recipient", "press", "--to", "J", "--reason", "r")
    for older in (tmp_path / "early" / "checkpoint", tmp_path / "early"):
        assert "all as they were" in log("verify", tmp_path / "late", "--key", key(own), "--since", older)
    said = log("verify", tmp_path / "early", "--key", key(own), "--since", tmp_path / "late", fails=1)
    assert "entries 2 to 3: gone" in said


def test_free_words_in_an_entry_are_a_fault(own: Record) -> None:
    """A log whose signatures hold, but with a word that no entry may say, is not as it has to be."""
    facts = '"facts":{"what":"search","rule":"Ada Doe"}'
    entry = json.loads(
        '{"actor":"' + "ab" * 16 + '",' + facts + ',"kind":"refused","time":"2026-11-22T00:00:00Z","v":1}'
    )
    own.log.append([custody.canonical({**entry, "use": "cd" * 16})])
    assert "cannot state 'Ada Doe' as 'rule'" in log("verify", fails=1)


def test_a_receipt_is_written_and_checked(own: Record, tmp_path: Path) -> None:
    """R8: with the key and nothing else; what is sealed is in it only where it was asked for."""
    own.use().add(
        "exported", {"what": "result", "recipient": "court"}, {"recipient": "Jo", "reason": "r", "operator": "o"}
    )
    said = log("prove", 1, "-o", tmp_path / "closed.tlog-proof")
    assert "houselights log verify" in said
    checked = log("verify", tmp_path / "closed.tlog-proof", "--key", key(own))
    assert "entry 1 of 2" in checked
    assert "Jo" not in checked
    log("prove", 1, "-o", tmp_path / "open.tlog-proof", "--payloads")
    assert '"recipient": "Jo"' in log("verify", tmp_path / "open.tlog-proof", "--key", key(own))
    assert "entry 99 is not in the log" in log("prove", 99, "-o", tmp_path / "x", fails=RecordError)
    (tmp_path / "bad.tlog-proof").write_text("c2sp.org/tlog-proof@v1\n")
    assert "no receipt" in log("verify", tmp_path / "bad.tlog-proof", "--key", key(own), fails=CustodyError)
    (tmp_path / "policy").write_text("quorum none\n")
    log("verify", tmp_path / "open.tlog-proof", "--key", key(own), "--policy", tmp_path / "policy")


def test_a_receipt_stands_on_two_keys(own: Record, tmp_path: Path) -> None:
    """R8, R12: it verifies offline with the log's key and a witness's; one that nobody cosigned does not."""
    log("prove", 0, "-o", tmp_path / "alone.tlog-proof")
    private = Ed25519PrivateKey.generate()
    witness = custody.Key("witness.example", custody.COSIGNATURE, private.public_key().public_bytes_raw())
    text = own.log.checkpoint().note.text
    line = witness.number + (7).to_bytes(8) + private.sign(f"cosignature/v1\ntime 7\n{text}".encode())
    own.log.cosign(text, [(witness.name, line)])
    log("prove", 0, "-o", tmp_path / "cosigned.tlog-proof")
    (tmp_path / "policy").write_text(f"log {own.key}\nwitness w {witness}\nquorum w\n")
    keys = ("--key", key(own), "--policy", tmp_path / "policy")
    assert "cosigned by: w" in log("verify", tmp_path / "cosigned.tlog-proof", *keys)
    assert "below quorum" in log("verify", tmp_path / "alone.tlog-proof", *keys, fails=CustodyError)


def test_a_question_is_answered_or_refused_in_the_open(own: Record, film: Path, tmp_path: Path) -> None:
    """A question, a refusal and an answer are entries; the answer lists them to who has it, and other films' do not."""
    assert "log disclose --asked" in log("ask", film, "-o", tmp_path / "asked.tlog-proof")
    asked = custody.fields_of(own.entries()[-1])["use"]
    to = ("--to", "Jo", "--reason", "her letter")
    log("disclose", film, "-o", tmp_path / "no.tlog-proof", "--refuse", "not-entitled", "--asked", asked, *to)
    refused = log("verify", tmp_path / "no.tlog-proof", "--key", key(own))
    assert "refused" in refused
    assert digest(film) in refused, "the receipt says which film was asked about"
    log("disclose", film, "-o", tmp_path / "yes.json", "--recipient", "press", *to)
    log("export", tmp_path / "copy", "--recipient", "press", *to)
    uses = ("uses", film, "--secret", tmp_path / "yes.json", "--log", tmp_path / "copy", "--key", key(own))
    said = log(*uses)
    assert "searches of this film: 0, releases: 0, refused: 0; all that the 5 entries" in said
    assert "a disclosure was refused: not-entitled" in said
    film.write_bytes(b"another film")
    assert "for another film" in log(*uses, fails=SettingsError)
    assert "one of them" in log("disclose", film, "-o", tmp_path / "z", *to, fails=SettingsError)
    for wrong in (("--recipient", "everybody"), ("--refuse", "busy")):
        assert "expected" in log("disclose", film, "-o", tmp_path / "z", *to, *wrong, fails=SettingsError)
    size = own.log.checkpoint().size
    log("uses", "--secret", tmp_path / "yes.json")
    assert own.log.checkpoint().size == size + 1, "reading our own log is recorded"
    other = Record(tmp_path / "other")
    secret = ("--secret", tmp_path / "yes.json", "--log", other.folder, "--key", key(other))
    assert "is for the log" in log("uses", *secret, fails=SettingsError)


def test_erasing_is_recorded_whether_or_not_there_was_something(own: Record) -> None:
    """The command says what became of it, and needs to be told whose, and why, in words of the list."""
    own.use().add("still-here", {}, {"note": 1}, {"Ana": {"candidates": []}})
    erased = " ".join(log("erase", "--subject", "Ana", "--why", "asked-by-subject").split())
    assert "Ana: erased: watchlist entries 0, cases 0, kept results 0, sealed decisions 0, keys 1" in erased
    assert "not reached: files that were written for people" in erased
    assert "nothing was kept of Ana" in log("erase", "--subject", "Ana", "--why", "asked-by-subject")
    assert "erased" in log("show", "--payloads")
    assert "one of them" in log("erase", "--why", "retention", fails=SettingsError)
    own.use().add("still-here", {}, None, {"Bo": {"candidates": []}})
    assert "expected asked-by-subject" in log("erase", "--subject", "Bo", "--why", "we felt like it", fails=RecordError)
    assert "keys 1" in " ".join(log("erase", "--subject", "Bo", "--why", "retention").split())
    use = own.use()
    use.add("still-here", {}, {"note": 1})
    assert "1 keys destroyed" in log("erase", "--use", use.number, "--why", "retention")
    assert "nothing was sealed" in log("erase", "--use", use.number, "--why", "retention")


def test_a_log_that_is_not_whole_lists_no_uses(own: Record, film: Path, tmp_path: Path) -> None:
    """An answer from a log that was changed would be none."""
    log("disclose", film, "-o", tmp_path / "yes.json", "--recipient", "press", "--to", "Jo", "--reason", "r")
    log("export", tmp_path / "copy", "--recipient", "press", "--to", "Jo", "--reason", "r")
    bundle = next((tmp_path / "copy" / "tile" / "entries").rglob("3"))
    bundle.write_bytes(bundle.read_bytes().replace(b'"press"', b'"court"'))
    arguments = ("--secret", tmp_path / "yes.json", "--log", tmp_path / "copy", "--key", key(own))
    assert "is not whole" in log("uses", *arguments, fails=Error)


def test_a_transparency_report_is_the_same_from_a_copy(own: Record, tmp_path: Path) -> None:
    """R40: the owner's numbers and an outsider's are the same bytes; a copy that grew gives them with --size."""

    def report(*arguments: object) -> None:
        done = CliRunner().invoke(cli.app, ["report", "transparency", *map(str, arguments)])
        assert done.exit_code == 0, (done.output, done.exception)

    report("-o", tmp_path / "own.json", "--from", "2026-01-01")
    size = own.log.checkpoint().size
    log("export", tmp_path / "copy", "--recipient", "press", "--to", "Jo", "--reason", "r")
    outside = ("--log", tmp_path / "copy", "--key", key(own), "--size", size, "--from", "2026-01-01")
    report("-o", tmp_path / "copy.json", *outside)
    assert (tmp_path / "own.json").read_bytes() == (tmp_path / "copy.json").read_bytes()
    report("-o", tmp_path / "copy.html", *outside)
    assert "<html" in (tmp_path / "copy.html").read_text()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_checkpoint_is_stamped_and_cosigned_from_the_command_line(
    own: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R10, R12: `checkpoint --stamp`, `witness` and `verify --tsa-ca --policy` against real servers on this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    trusted, unknown = authority(tmp_path / "tsa"), authority(tmp_path / "another")
    with served(trusted) as url:
        assert "1 entries stamped at" in log("checkpoint", "--stamp", url)
    desk = Desk(Cosigner("witness.example/w1"), tmp_path / "state", (own.key,))
    with served(desk) as url:
        names = f"witness W1 {desk.cosigner.key} {url}\nwitness W2 {Cosigner('w2').key} http://127.0.0.1:1/w\n"
        (tmp_path / "policy").write_text(f"log {own.key}\n{names}group g any W1 W2\nquorum g\n")
        (tmp_path / "strict").write_text(f"log {own.key}\n{names}group g all W1 W2\nquorum g\n")
        said = log("witness", "--policy", tmp_path / "policy")
        assert "cosigned by W1: enough" in said
        assert "witness W2:" in said, "who could not be asked is named"
        assert "below quorum" in log("witness", "--policy", tmp_path / "strict", fails=CustodyError)
    verified = log("verify", "--policy", tmp_path / "policy", "--tsa-ca", trusted.root)
    assert "cosigned by: W1" in verified
    assert "entries 0 to 0 were there on" in verified
    log("verify", "--tsa-ca", unknown.root, fails=1)
    assert "below quorum" in log("verify", "--policy", tmp_path / "strict", fails=CustodyError)
