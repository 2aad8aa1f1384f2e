"""The record: what a search and a release write down, before anything of them can be seen."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import independent
import pytest
from conftest import GREEN, Silent, Unwatched
from hypothesis import given
from hypothesis import strategies as st

from houselights import batch, custody, demo, policy
from houselights.batch import Outcome
from houselights.config import operator
from houselights.custody import CustodyError
from houselights.disclosure import Disclosure, uses_of
from houselights.entry import KINDS, Entry
from houselights.errors import PolicyError, RecordError
from houselights.proofs import Receipt
from houselights.record import Record
from houselights.redact import redact
from houselights.release import Released, Request, beside
from houselights.sampling import Sampling
from houselights.sources import digest

WHO = policy.authority("missing-person", "Order 12/2026 of the court", "Inspector Ada Doe")


@dataclass(frozen=True)
class Scenario:
    """A record in which all was done that this version can do, and what it was done with."""

    record: Record
    found: Outcome
    nothing: Outcome
    released: Released
    disclosure: Disclosure
    source: Path


@pytest.fixture(scope="module")
def scenario(film: Path, scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """A search that finds, one that finds nobody, a refusal, a release, questions and answers, an export."""
    folder = tmp_path_factory.mktemp("scenario")
    record = Record(folder / "record", name="example.org/footage")
    sampled = replace(demo.request(film), authority=WHO, sampling=Sampling.parse("5"))
    found = batch.run(sampled, record, Silent())
    found.use.add("results-opened", {"how": ["terminal"]})
    absent = next(iter(sorted((scene / "gallery").iterdir())))
    nothing = batch.run(
        replace(sampled, gallery=None, persons=(next(iter(sorted(absent.iterdir()))),), until_s=0.2), record, Silent()
    )
    with pytest.raises(PolicyError):
        batch.run(replace(sampled, authority=policy.authority("public-release", "b", "a")), record, Silent())
    released = redact(Request(scene / "event.mp4", folder / "out.mp4", fill=GREEN), record, Unwatched())
    film_sha256 = digest(film / "event.mp4")
    asked = record.asked(film_sha256)
    private = {"recipient": "Jo Reporter of the Gazette", "reason": "their question of Monday"}
    record.keep_back(digest(scene / "event.mp4"), "ongoing-investigation", private)
    disclosure = record.disclose(film_sha256, "press", private, asked.number)
    record.export(folder / "copy", "press", private)
    return Scenario(record, found, nothing, released, disclosure, film / "event.mp4")


def entries(record: Record) -> list[Entry]:
    """Return all entries."""
    return [Entry.parse(entry) for entry in record.entries()]


def chain(record: Record, number: str) -> list[Entry]:
    """Return the entries of a use."""
    return [entry for entry in entries(record) if entry.use == number]


def test_the_log_of_a_whole_scenario_is_whole(scenario: Scenario) -> None:
    """Our check and the independent ones find every entry as it was logged, in the record and in the exported copy."""
    for folder in (scenario.record.folder, scenario.record.folder.parents[1] / "copy"):
        verdict = custody.verify(folder, scenario.record.key)
        assert verdict.faults == []
        assert verdict.notices == []
        independent.sigstore(folder, scenario.record.key)


def test_each_search_is_one_chain_with_all_that_must_be_known(scenario: Scenario) -> None:
    """R6: times, purpose, authorisation, operator, gallery, models, threshold, footage, decision, verifiers."""
    record, result = scenario.record, scenario.found.result
    started, film, finished, shown = chain(record, scenario.found.use.number)
    assert [entry.kind for entry in (started, film, finished, shown)] == [
        "search-started",
        "footage-opened",
        "search-finished",
        "results-opened",
    ]
    facts = finished.facts
    assert facts["started"] <= finished.time
    assert facts["purpose"] == "missing-person"
    assert facts["subjects"] == result.gallery.subjects
    assert facts["models"] == [{"role": m.role, "sha256": m.sha256} for m in result.models]
    assert float(facts["threshold_fmr"]) == result.threshold.fmr
    assert facts["candidates"] == len(result.candidates) > 0
    assert facts["faces"] == sum(use.faces for use in result.footage)
    assert (facts["decision"], facts["verifiers"]) == ("unreviewed", [])
    assert {entry.facts["authorisation"] for entry in (started, finished)} == {facts["authorisation"]}
    own = json.loads(record.store.opened(str(finished.payload))[0])
    use = scenario.found.use.number
    assert facts["gallery"] == record.pseudonym("gallery", f"{use} {result.gallery.digest}")
    assert (own["basis"], own["authorised_by"], own["operator"]) == (WHO.basis, WHO.authorised_by, operator())
    assert own["films"][0]["sha256"] == result.footage[0].sha256


@pytest.mark.parametrize("kind", ["search-started", "search-finished", "released"])
def test_an_entry_that_leaves_something_out_is_refused(kind: str, scenario: Scenario) -> None:
    """R6: a missing field, or a missing word in the sealed part, is no entry."""
    made = next(entry for entry in entries(scenario.record) if entry.kind == kind)
    for name in KINDS[kind]:
        less = {key: value for key, value in made.facts.items() if key != name}
        with pytest.raises(CustodyError, match=name):
            replace(made, facts=less)
    with pytest.raises(CustodyError, match="in its sealed part"):
        scenario.record.use().add(kind, made.facts, {"basis": "law"})


def test_a_search_that_found_nobody_is_recorded_as_fully(scenario: Scenario) -> None:
    """R7: the same entries with the same fields, and the people searched for are told apart from nobody."""
    found, nothing = (
        next(e for e in chain(scenario.record, outcome.use.number) if e.kind == "search-finished")
        for outcome in (scenario.found, scenario.nothing)
    )
    assert nothing.facts["outcome"] == "no-candidate"
    assert nothing.facts.keys() == found.facts.keys()
    parts = [json.loads(part) for part in scenario.record.store.opened(str(nothing.payload))]
    assert [part["candidates"] for part in parts[1:]] == [0]


def test_one_receipt_proves_a_release_without_the_log(scenario: Scenario) -> None:
    """R8, R43: the file beside the release proves offline which source, file and manifest belong together."""
    path = scenario.released.path
    receipt = Receipt.parse(beside(path, "tlog-proof").read_bytes())
    receipt.check(scenario.record.key)
    opened = json.loads(receipt.opened[-1][0])
    assert opened["output"] == digest(path)
    assert opened["manifest"] == digest(beside(path, "release.json"))
    assert opened["source"] == scenario.released.manifest.source.sha256
    assert [Entry.parse(entry).kind for entry in receipt.entries] == ["release-started", "released"]
    assert all(len(part) == custody.SIZE for part in receipt.opened[0]), "the operator's name stays sealed"
    altered = replace(receipt, opened=(receipt.opened[0], (receipt.opened[-1][0].replace(b"a", b"b"),)))
    with pytest.raises(CustodyError):
        altered.check(scenario.record.key)


def _secrets(scenario: Scenario) -> Iterator[bytes]:
    """Everything that is somebody's: names, words, hashes of films, photographs and releases."""
    texts = [WHO.basis, WHO.authorised_by, "Jo Reporter", "Gazette", "event.mp4", "out.mp4", str(scenario.source)]
    texts += [operator()] if operator() != "root" else []
    hashes = [scenario.found.result.gallery.digest, scenario.disclosure.sha256, scenario.disclosure.proof]
    for outcome in (scenario.found, scenario.nothing):
        for subject in outcome.gallery.subjects:
            texts += [subject.name, *(str(reference.file) for reference in subject.references)]
            hashes += [reference.sha256 for reference in subject.references]
            for template in subject.templates:
                yield template.tobytes()
                hashes.append(hashlib.sha256(template.tobytes()).hexdigest())
    manifest = scenario.released.manifest
    hashes += [manifest.source.sha256, manifest.output.sha256, digest(beside(scenario.released.path, "release.json"))]
    for text in texts:
        yield text.encode()
        hashes.append(hashlib.sha256(text.encode()).hexdigest())
    for each in hashes:
        raw = bytes.fromhex(each)
        yield from (each.encode(), raw, base64.b64encode(raw)[:40])


def test_the_log_holds_nothing_that_is_anybodys(scenario: Scenario) -> None:
    """R9: no file of the log holds a name, a word in private, a template, or the hash of any of them, in any form."""
    files = [path for path in scenario.record.folder.rglob("*") if path.is_file()]
    content = b"\0".join(path.read_bytes() for path in files)
    secrets = list(_secrets(scenario))
    assert len(secrets) > 50
    assert [secret for secret in secrets if secret in content] == []
    sealed = (scenario.record.folder.parent / "private" / "store.db").read_bytes()
    assert [secret for secret in secrets if len(secret) > 4 and secret in sealed] == []


def test_who_has_the_secret_of_a_film_lists_every_use_of_it(scenario: Scenario) -> None:
    """The intake, both searches, the question and its answer, and nothing about the other film."""
    found = uses_of(scenario.disclosure, scenario.record.entries())
    kinds = [[entry.kind for _, entry in use.entries] for use in found]
    begun = sorted(kind[0] for kind in kinds)
    assert begun == ["disclosure-asked", "footage-taken-in", "search-started", "search-started"]
    assert kinds[-1] == ["disclosure-asked", "disclosed"]


def test_a_manifest_discloses_what_was_done_with_its_source(scenario: Scenario, tmp_path: Path) -> None:
    """The released file's own manifest lists the release and its refusal to disclose; kept back, it says so."""
    path = beside(scenario.released.path, "release.json")
    found = uses_of(Disclosure.read(path), scenario.record.entries())
    assert {entry.kind for use in found for _, entry in use.entries} == {
        "footage-taken-in", "release-started", "released", "disclosure-refused",
    }  # fmt: skip
    kept_back = json.loads(path.read_text())
    kept_back["record"]["disclosure"] = None
    (tmp_path / "kept.json").write_text(json.dumps(kept_back))
    with pytest.raises(CustodyError, match="kept that back"):
        Disclosure.read(tmp_path / "kept.json")


def test_a_wrong_secret_is_found_out(scenario: Scenario) -> None:
    """The secret of another film, of another log, or a made-up one lists nothing: it is an error."""
    record, disclosure = scenario.record, scenario.disclosure
    other = record.disclosure("ab" * 32)
    for wrong in (
        replace(disclosure, proof=other.proof),
        replace(disclosure, sha256=other.sha256),
        replace(disclosure, proof="00" * 80),
        replace(disclosure, proof="xyz"),
    ):
        with pytest.raises(CustodyError, match="not that of this film"):
            uses_of(wrong, record.entries())


def test_erasing_a_subject_leaves_every_proof(tmp_path: Path) -> None:
    """R9: after the key is destroyed nobody opens the parts, the store's bytes hold no key, and all proofs verify."""
    record = Record(tmp_path / "record")
    use = record.use()
    person = {"Ana Lima": {"photographs": ["ab" * 32]}, "Bo Berg": {"photographs": []}}
    use.add("results-opened", {"how": ["json"]}, {"note": "own"}, person)
    before = use.receipt("all")
    assert b"Ana Lima" in before.opened[0][1]
    assert record.erase("subject", "Ana Lima", "asked-by-subject") == 1
    assert record.erase("subject", "Ana Lima", "asked-by-subject") == 0
    after = record.receipt(use.last, "all")
    after.check(record.key)
    assert [len(part) == custody.SIZE for part in after.opened[0]] == [False, True, False]
    before.check(record.key)
    assert custody.verify(record.folder, record.key, since=None).faults == []
    erased = entries(record)[-1]
    assert (erased.kind, erased.facts["keys"]) == ("erased", 0)
    use.add("results-opened", {"how": ["json"]}, {"note": "again"}, {"Ana Lima": {"photographs": []}})
    assert b"Ana Lima" in record.store.opened(str(Entry.parse(use.entries[-1]).payload))[1], "a new key, for new parts"
    assert len(record.store.opened(str(Entry.parse(use.entries[0]).payload))[1]) == custody.SIZE


def test_handing_out_the_log_is_recorded_with_recipient_and_reason(scenario: Scenario, tmp_path: Path) -> None:
    """R11: the copy itself holds the entry of its own export; without recipient and reason there is none."""
    record = scenario.record
    exported = next(entry for entry in entries(record) if entry.kind == "exported")
    own = json.loads(record.store.opened(str(exported.payload))[0])
    assert (own["recipient"], own["reason"]) == ("Jo Reporter of the Gazette", "their question of Monday")
    assert exported.time
    copy = scenario.record.folder.parents[1] / "copy"
    size = custody.verify(copy, record.key).checkpoint.size
    assert b'"exported"' in list(custody.read_entries(copy, size))[-1]
    with pytest.raises(CustodyError, match="'reason'"):
        record.export(tmp_path / "none", "press", {"recipient": "somebody"})
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("when", ["start", "film", "end"])
def test_what_cannot_be_recorded_is_not_shown(film: Path, tmp_path: Path, when: str) -> None:
    """R5: where the disk takes nothing more, at the start, before a film or at the end, the answer is an error."""
    record = Record(tmp_path / "record")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill(now: str) -> None:
        """From then on the kernel refuses every byte (EFBIG, as ENOSPC would be)."""
        if when == now:
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))

    watcher = Silent()
    watcher.gallery = lambda done, total: fill("start") if done == total else None  # type: ignore[method-assign]
    watcher.files = lambda files: fill("film") if files else None  # type: ignore[method-assign]
    watcher.end = lambda _file, _use: fill("end")  # type: ignore[method-assign]
    wanted = replace(demo.request(film), sampling=Sampling.parse("20"))
    try:
        with pytest.raises(RecordError):
            batch.run(wanted, record, watcher)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert not any(entry.kind == "search-finished" for entry in entries(record))
    record.use().add("still-here", {})
    assert custody.verify(record.folder, record.key).faults == []


def test_a_broken_off_use_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody knows whether the last entry is in the log, no other may name the one before it."""
    record = Record(tmp_path / "record")
    use = record.use()
    use.add("still-here", {})
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda _file: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(RecordError, match="No space left"):
        use.add("still-here", {})
    monkeypatch.setattr(os, "fsync", real)
    with pytest.raises(RecordError, match="not gone on with"):
        use.add("still-here", {})
    record.use().add("still-here", {})
    assert custody.verify(record.folder, record.key).faults == []


def test_what_ends_early_says_so(tmp_path: Path) -> None:
    """A use that is broken off has an entry for it, interrupted or failed."""
    record = Record(tmp_path / "record")
    for fault, why in ((KeyboardInterrupt(), "interrupted"), (ValueError(), "error")):
        use = record.use()
        with pytest.raises(type(fault)), use.failing("search-failed"):
            raise fault
        assert chain(record, use.number)[-1].facts == {"why": why}


def test_refusals_are_recorded_with_their_rule(scenario: Scenario) -> None:
    """The refused search stands in the log with the rule that refused it, and nothing else of it does."""
    refused = [entry for entry in entries(scenario.record) if entry.kind == "refused"]
    assert [dict(entry.facts) for entry in refused] == [{"what": "search", "rule": "public-release-is-not-searched"}]


def test_one_person_has_one_pseudonym_in_a_log_and_another_in_the_next(tmp_path: Path) -> None:
    """Pseudonyms tell people apart within a log, and cannot be followed from one log to another."""
    one, two = Record(tmp_path / "one"), Record(tmp_path / "two")
    assert one.pseudonym("actor", "ana") == one.pseudonym("actor", "ana") != two.pseudonym("actor", "ana")
    assert one.pseudonym("actor", "ana") != one.pseudonym("subject", "ana")


def test_a_record_is_opened_again_as_it_was(tmp_path: Path) -> None:
    """Same key, same name, same pseudonyms; it is new but once; only its owner may read what is private."""
    first = Record(tmp_path / "record", name="example.org/a")
    again = Record(tmp_path / "record", name="example.org/b")
    assert (first.is_new, again.is_new) == (True, False)
    assert again.key == first.key
    assert again.key.name == "example.org/a"
    assert custody.read_key(str(tmp_path / "record" / "log" / "key")) == first.key
    private = tmp_path / "record" / "private"
    assert private.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (private / "key", private / "store.db"))


def test_a_record_without_its_key_is_an_error(tmp_path: Path) -> None:
    """A key that is gone, cut off or another log's is named, and nothing is begun anew beside the old log."""
    Record(tmp_path / "record")
    key = tmp_path / "record" / "private" / "key"
    secret = key.read_bytes()
    key.unlink()
    with pytest.raises(RecordError, match="is gone"):
        Record(tmp_path / "record")
    key.write_bytes(secret[:5])
    with pytest.raises(RecordError, match="has 5 bytes"):
        Record(tmp_path / "record")
    key.write_bytes(bytes(32))
    with pytest.raises(RecordError, match="is not whole"):
        Record(tmp_path / "record")
    key.write_bytes(secret)
    assert not Record(tmp_path / "record").is_new


@pytest.mark.parametrize("name", ["two words", "a+b", "line\nbreak", "bell\x07"])
def test_a_log_has_a_name_that_a_checkpoint_can_hold(tmp_path: Path, name: str) -> None:
    """Blanks, plus signs and control characters are refused before anything is written."""
    with pytest.raises(RecordError, match="cannot name a log"):
        Record(tmp_path / "record", name=name)
    assert not (tmp_path / "record" / "log").exists()


def test_many_threads_write_one_chain(tmp_path: Path) -> None:
    """Files searched at a time share one use: each entry names the one before it."""
    record = Record(tmp_path / "record")
    use = record.use()
    threads = [Thread(target=lambda: [use.add("still-here", {}) for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(chain(record, use.number)) == 20
    assert custody.verify(record.folder, record.key).faults == []


def test_a_use_is_gone_on_with_by_its_number(tmp_path: Path) -> None:
    """Reviews and answers come later and belong to the same chain; a number that is not there is refused."""
    record = Record(tmp_path / "record")
    use = record.asked("ab" * 32)
    record.keep_back("ab" * 32, "not-entitled", {"recipient": "A", "reason": "B"}, use.number)
    assert [entry.kind for entry in chain(record, use.number)] == ["disclosure-asked", "disclosure-refused"]
    assert custody.verify(record.folder, record.key).faults == []
    with pytest.raises(RecordError, match="is not in the log"):
        record.use("ff" * 16)
    with pytest.raises(RecordError, match="entry 99 is not in the log"):
        record.receipt(99)


def test_a_clock_that_was_set_back_is_seen(tmp_path: Path) -> None:
    """R10: entries after it are taken, and the check names the place."""
    now = [datetime(2026, 11, 22, 12, tzinfo=UTC)]
    record = Record(tmp_path / "record", clock=lambda: now[0])
    now[0] = datetime(2026, 11, 22, 11, tzinfo=UTC)
    record.use().add("still-here", {})
    verdict = custody.verify(record.folder, record.key)
    assert verdict.faults == []
    assert "entry 1 is of 2026-11-22T11:00:00Z" in verdict.notices[0]


@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=3))
def test_no_free_word_ever_gets_into_an_entry(kind: str, facts: dict[str, str]) -> None:
    """Whatever is put into the facts of an entry, no text of one's own choosing passes."""
    try:
        entry = Entry(kind, "2026-11-22T12:00:00Z", "ab" * 16, "cd" * 16, facts)
    except CustodyError:
        return
    assert entry.facts == {}


def test_another_version_states_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log says which software wrote what: once at the start, and again whenever it changes."""
    Record(tmp_path / "record")
    Record(tmp_path / "record")
    monkeypatch.setattr("houselights.record.__version__", "9.9.9")
    record = Record(tmp_path / "record")
    assert [(entry.kind, entry.facts["software"]) for entry in entries(record)][1:] == [
        ("software-changed", "houselights 9.9.9")
    ]


def test_entries_stand_in_the_order_of_their_times(tmp_path: Path) -> None:
    """However many uses write at once, no entry is dated before one that stands before it."""
    steps = iter(range(10_000))
    record = Record(tmp_path / "record", clock=lambda: datetime.fromtimestamp(next(steps), UTC))
    threads = [Thread(target=lambda: [record.use().add("still-here", {}) for _ in range(8)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    verdict = custody.verify(record.folder, record.key)
    assert (verdict.faults, verdict.notices) == ([], [])


def test_only_an_open_question_about_the_film_is_answered(tmp_path: Path) -> None:
    """A running search, a question about another film, or one that was answered cannot be gone on with as an answer."""
    record = Record(tmp_path / "record")
    private = {"recipient": "A", "reason": "B"}
    running = record.use()
    running.add("still-here", {})
    asked = record.asked("ab" * 32)
    for number, film in ((running.number, "ab" * 32), (asked.number, "cd" * 32)):
        with pytest.raises(RecordError, match="no open question about this film"):
            record.disclose(film, "press", private, number)
    record.disclose("ab" * 32, "press", private, asked.number)
    with pytest.raises(RecordError, match="no open question about this film"):
        record.keep_back("ab" * 32, "not-entitled", private, asked.number)
    running.add("still-here", {})
    assert custody.verify(record.folder, record.key).faults == []


def test_two_who_go_on_with_one_use_do_not_break_its_chain(tmp_path: Path) -> None:
    """Whoever comes second is told so, and nothing is written."""
    record = Record(tmp_path / "record")
    use = record.use()
    use.add("still-here", {})
    one, other = record.use(use.number), Record(tmp_path / "record").use(use.number)
    one.add("still-here", {})
    with pytest.raises(RecordError, match="went on with use"):
        other.add("still-here", {})
    one.add("still-here", {})
    assert custody.verify(record.folder, record.key).faults == []


def test_an_interruption_just_after_an_entry_leaves_the_chain_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C when the entry is in the log: the entry that says so names it."""
    record = Record(tmp_path / "record")
    use, real, outer = record.use(), record.log.locked, [True]

    @contextmanager
    def interrupted() -> Iterator[None]:
        mine, outer[0] = outer[0], False
        with real():
            yield
        if mine:
            raise KeyboardInterrupt

    def step() -> None:
        with use.failing("search-failed"), monkeypatch.context() as patch:
            patch.setattr(record.log, "locked", interrupted)
            use.add("still-here", {})

    use.add("still-here", {})
    with pytest.raises(KeyboardInterrupt):
        step()
    assert [entry.kind for entry in chain(record, use.number)] == ["still-here", "still-here", "search-failed"]
    assert custody.verify(record.folder, record.key).faults == []


def test_one_key_file_does_not_make_two_records_one(tmp_path: Path) -> None:
    """Two records with the same key file have other names, other keys and other pseudonyms."""
    (tmp_path / "key").write_bytes(os.urandom(32))
    one, two = (Record(tmp_path / name, tmp_path / "key") for name in ("one", "two"))
    assert one.key.name != two.key.name
    assert one.key.public != two.key.public
    assert one.pseudonym("actor", "ana") != two.pseudonym("actor", "ana")


def test_a_film_whose_name_is_no_utf8_loses_nothing(film: Path, tmp_path: Path) -> None:
    """The search ends, its result can be written, and the other film's candidates are there."""
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    odd.write_bytes(b"no film")
    record = Record(tmp_path / "record")
    wanted = replace(demo.request(film), footage=(film / "event.mp4", odd), sampling=Sampling.parse("5"))
    result = batch.run(replace(wanted, threshold_fmr=0.000333333333), record, Silent()).result
    assert [bool(use.error) for use in result.footage] == [False, True]
    assert result.candidates
    assert result.to_json().encode()


def test_a_name_is_erased_however_it_is_written(tmp_path: Path) -> None:
    """Composed or not, with blanks or without: the same person."""
    record = Record(tmp_path / "record")
    record.use().add("still-here", {}, None, {"Zo\u00eb": {"candidates": []}})
    assert record.erase("subject", "Zoe\u0308 ", "asked-by-subject") == 1
