"""Erasure: nothing of a person is left, nothing of anybody else is lost, and an interruption harms nothing."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from test_letter import ADA, ANA, BO, CY, FILMS, HOW, PHOTOGRAPHS, PRIVATE, REA, WHO, Scenario, build, decide, found
from test_report import pictures_of, read
from test_transparency import SEARCH
from test_watchlist import Synthetic, wanted_of
from typer.testing import CliRunner

from houselights import audit, cases, config, custody, erasure, letter, results, review, traces, watchlist
from houselights.case import Scope
from houselights.cli_log import log_app
from houselights.entry import Entry
from houselights.erasure import erase_subject
from houselights.errors import PolicyError, RecordError
from houselights.record import Record, Use
from houselights.store import Store

WHY = "asked-by-subject"


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Built once: nobody may change it."""
    return build(tmp_path_factory.mktemp("scenario"))


@pytest.fixture
def record(scenario: Scenario, tmp_path: Path) -> Record:
    """A copy of the scenario's record."""
    shutil.copytree(scenario.folder / "record", tmp_path / "record")
    return Record(tmp_path / "record")


def left(record: Record, name: str) -> list[str]:
    """Where a person can still be found."""
    places = {
        "payloads": record.store.payloads(record.pseudonym("subject", name)),
        "cases": [case for case in cases.listed(record) if name in case.scope.subjects],
        "results": [
            kept
            for case in cases.listed(record)
            for kept in results.of(record, case)
            if name in kept.subjects or name in json.dumps([kept.result.to_json(), *kept.pictures.references])
        ],
        "watchlists": [
            e for each in watchlist.names(record) for e in watchlist.listed(record, each) if e.subject == name
        ],
        "decisions": [
            number
            for number, content in record.store.documents(review.KIND).items()
            if json.loads(content)["facts"]["candidate"] not in known(record)
        ],
    }
    return [place for place, there in places.items() if there]


def known(record: Record) -> set[str]:
    """Return the numbers of all candidates that are kept."""
    every = [kept for case in cases.listed(record) for kept in results.of(record, case)]
    return set(results.candidates(record, every))


def test_a_person_is_taken_out_of_everything(record: Record, scenario: Scenario) -> None:
    """R29: watchlist, case, result, decisions and key are counted and gone; the entry is the last thing written."""
    erased = erase_subject(record, ANA, WHY)
    counted = (erased.watchlist_entries, erased.cases, erased.results, erased.decisions, erased.keys)
    assert erased.names == (ANA,)
    assert counted == (1, 1, 1, 2, 1)
    assert left(record, ANA) == []
    assert scenario.case in erased.grounds
    entry = Entry.parse(record.entries()[-1])
    assert (entry.kind, dict(entry.facts)) == ("erased", {"what": "subject", "why": WHY, "keys": 1})
    again = erase_subject(record, ANA, WHY)
    assert (again.watchlist_entries, again.cases, again.results, again.decisions, again.keys) == (0, 0, 0, 0, 0)


def test_what_was_typed_goes_with_its_case(record: Record, scenario: Scenario) -> None:
    """A ground that names the person is pointed to; with the case it goes."""
    erased = erase_subject(record, ANA, WHY)
    assert erased.grounds == (scenario.case,)
    assert scenario.use in erased.typed
    cases.erase(record, cases.find(record, scenario.case), WHY)
    for use in erased.typed:
        record.erase("use", use, WHY)
    again = erase_subject(record, ANA, WHY)
    assert (again.grounds, again.typed) == ((), ())


def test_others_lose_nothing(record: Record) -> None:
    """Two people of the same case and the same watchlist: their letters say after it what they said before."""
    before = {name: letter.make(record, name, HOW, ADA) for name in (BO, CY)}
    erase_subject(record, ANA, WHY)
    for name, told in before.items():
        after = letter.make(record, name, HOW, ADA)
        assert after.watchlists == told.watchlists if name != CY else after.watchlists[0].state == "waits for review"
        for one, other in zip(told.cases, after.cases, strict=True):
            assert replace(other, basis=one.basis) == one, "in the ground her name is no other's any more"


def test_a_later_search_cannot_return_them(record: Record, scenario: Scenario, tmp_path: Path) -> None:
    """R29, T18: the case refuses them, the watchlist is without them, and neither name nor photograph comes back."""
    case = cases.find(record, scenario.case)
    wanted = Scope(films=FILMS, subjects={ANA: (PHOTOGRAPHS[ANA],)})
    cases.check(record, case, WHO, wanted)
    active, _ = watchlist.active(record, "doors", Synthetic.recogniser)
    assert [subject.name for subject in active.subjects] == [ANA]
    erase_subject(record, ANA, WHY)
    with pytest.raises(PolicyError, match="does not name 'Ana Lima'") as refused:
        cases.check(record, case, WHO, wanted)
    assert refused.value.rule == "case-scope"
    watchlist.review(record, "doors", CY, REA)
    active, _ = watchlist.active(record, "doors", Synthetic.recogniser)
    assert [subject.name for subject in active.subjects] == [CY]
    same = wanted_of(tmp_path, "Somebody Else", f"photograph of {ANA}".encode())
    for again in (wanted_of(tmp_path, ANA.upper(), b"another photograph"), same):
        with pytest.raises(PolicyError, match="was erased from the watchlists") as refused:
            watchlist.add(record, "windows", again, Synthetic(), ADA)  # type: ignore[arg-type]
        assert refused.value.rule == "watchlist-entry"


def rows(record: Record, name: str) -> Iterator[bytes]:
    """Everything sealed in the store's documents that has a person in it, and the person's wrapped key."""
    with closing(sqlite3.connect(record.store._path)) as base:
        documents = base.execute("SELECT kind, id, sealed FROM documents").fetchall()
        holder = (record.pseudonym("subject", name),)
        yield from (key for (key,) in base.execute("SELECT wrapped FROM keys WHERE holder = ?", holder))
    numbers = {results.number_of(record, kept.use, one) for kept, one in _all(record) if one.subject == name}
    for kind, number, sealed in documents:
        content = record.store.document(kind, number) or b""
        if b'"subject":"Cy Lima"' not in content and (
            name.encode() in content or any(each.encode() in content for each in numbers)
        ):
            yield sealed


def _all(record: Record) -> list[tuple[results.Kept, results.Candidate]]:
    every = [kept for case in cases.listed(record) for kept in results.of(record, case)]
    return list(results.candidates(record, every).values())


def raw(record: Record) -> bytes:
    """All bytes of all files of the record."""
    files = [path for path in record.folder.parent.rglob("*") if path.is_file()]
    assert any(path.name == "store.db" for path in files)
    return b"\0".join(path.read_bytes() for path in files)


def test_nothing_is_left_in_the_files(record: Record) -> None:
    """R26, R29: sealed rows and the key, which were there before, are nowhere after; name and pictures never were."""
    picture = pictures_of(found(ANA)).shots[found(ANA)].jpeg or b""
    sealed = list(rows(record, ANA))
    assert len(sealed) == 6, "key, case, result, entry of a list, two decisions"
    assert min(map(len, sealed)) >= 60
    before = raw(record)
    pieces = [[row[at : at + 24] for at in range(0, len(row) - 23, 24)] for row in sealed]
    seen = [[piece for piece in each if piece in before] for each in pieces]
    assert all(len(there) >= 0.9 * len(each) for there, each in zip(seen, pieces, strict=True)), "but at ends of pages"
    erase_subject(record, ANA, WHY)
    after = raw(record)
    assert [piece for there in seen for piece in there if piece in after] == []
    for plain in (ANA.encode(), PHOTOGRAPHS[ANA].encode(), bytes.fromhex(PHOTOGRAPHS[ANA]), picture[:40]):
        assert plain not in before
        assert plain not in after


def test_no_sealed_part_is_left_in_the_files(record: Record) -> None:
    """R29: nor are the rows that were sealed for the person beside the log, whose key is gone."""
    with closing(sqlite3.connect(record.store._path)) as base:
        query = "SELECT sealed FROM parts JOIN keys ON keys.id = parts.key WHERE holder = ?"
        parts = [part for (part,) in base.execute(query, (record.pseudonym("subject", ANA),))]
    assert len(parts) >= 4
    before = raw(record)
    assert all(part in before for part in parts)
    erase_subject(record, ANA, WHY)
    after = raw(record)
    assert [part for part in parts if part in after] == []


def test_what_is_sealed_beside_the_log_stays_closed(record: Record) -> None:
    """R9, R29: nobody opens the person's parts any more, and every proof, signature and case still holds."""
    payloads = record.store.payloads(record.pseudonym("subject", ANA))
    assert len(payloads) >= 4
    opened = [part for payload in payloads for part in record.store.opened(payload)]
    assert sum(b'"subject":"Ana Lima"' in part for part in opened) == len(payloads)
    erase_subject(record, ANA, WHY)
    parts = [part for payload in payloads for part in record.store.opened(payload)]
    assert not any(b'"subject":"Ana Lima"' in part for part in parts)
    assert sum(len(part) == custody.SIZE for part in parts) == len(payloads)
    assert custody.verify(record.folder, record.key).faults == []
    assert list(audit.faults(record.key.name, record.entries())) == []


def test_a_letter_after_an_erasure_names_nothing(record: Record) -> None:
    """Only that there was an erasure, and when, and that a letter was made before."""
    letter.make(record, ANA, HOW, ADA)
    erase_subject(record, ANA, WHY)
    told = letter.make(record, ANA, HOW, ADA)
    assert (told.cases, told.watchlists, told.answers) == ((), (), ())
    assert len(told.letters) == 1
    words, _ = read(letter.render(told))
    assert f"An erasure of your data was done on {told.erased[:10]}" in words
    assert PHOTOGRAPHS[ANA] not in letter.to_json(told)
    assert letter.summary(told) == "No search for you is in this record."


STEPS: dict[str, tuple[object, str]] = {
    "before the first": (watchlist, "erase"),
    "after watchlists": (cases, "forget"),
    "after cases": (results, "forget"),
    "amid results": (results, "_write"),
    "after results": (Store, "drop"),
    "after decisions": (Store, "erase"),
    "before the entry": (Use, "add"),
}


@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_erasure_is_run_again(step: str, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken off between any two steps, it says so; run again it ends as if it had never stopped."""
    owner, name = STEPS[step]
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, broken)
        with pytest.raises(RecordError, match="the disk is full"):
            erase_subject(record, ANA, WHY)
    erased = erase_subject(record, ANA, WHY)
    assert left(record, ANA) == []
    assert Entry.parse(record.entries()[-1]).kind == "erased"
    assert custody.verify(record.folder, record.key).faults == []
    assert letter.make(record, ANA, HOW, ADA).cases == ()
    if step != "before the entry":
        assert erased.keys == 1


def broken(*_: object, **__: object) -> None:
    """Fail as a store on a full disk does."""
    raise RecordError("the disk is full")


def test_what_forbids_comes_first(record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """T18: an erasure that broke off after its first step lets nobody back onto a list."""
    monkeypatch.setattr(cases, "forget", broken)
    with pytest.raises(RecordError):
        erase_subject(record, ANA, WHY)
    with pytest.raises(PolicyError, match="was erased from the watchlists"):
        watchlist.add(record, "windows", wanted_of(tmp_path, ANA), Synthetic(), ADA)  # type: ignore[arg-type]


def test_a_reason_is_asked_for_before_anything_is_gone(record: Record) -> None:
    """A word that is none of the list destroys nothing and records nothing."""
    size = len(record.entries())
    with pytest.raises(RecordError, match="expected asked-by-subject"):
        erase_subject(record, ANA, "we felt like it")
    assert left(record, ANA) == ["payloads", "cases", "results", "watchlists"]
    assert len(record.entries()) == size


def test_somebody_whom_nobody_knows(record: Record) -> None:
    """Nothing is gone, and the asking is recorded."""
    erased = erase_subject(record, "Zoe", WHY)
    assert (erased.names, erased.keys, erased.results, erased.grounds, erased.typed) == (("Zoe",), 0, 0, (), ())
    assert Entry.parse(record.entries()[-1]).kind == "erased"


def test_capitals_hide_nobody(record: Record) -> None:
    """R29: asked for in other capitals, the person goes as they are written everywhere."""
    erased = erase_subject(record, " ANA lima", WHY)
    assert erased.names == ("ANA lima", ANA)
    assert (erased.watchlist_entries, erased.cases, erased.results, erased.keys) == (1, 1, 1, 1)
    assert left(record, ANA) == []


def test_a_search_that_has_not_ended_is_told(record: Record, scenario: Scenario) -> None:
    """What a running search finds comes after the erasure: who erases learns its number, and of no other's."""
    facts = SEARCH | {"case": scenario.case, "subjects": 1}
    running, others = record.use(), record.use()
    running.add("search-started", facts, PRIVATE, {ANA: {"photographs": []}})
    others.add("search-started", facts, PRIVATE, {BO: {"photographs": []}})
    assert erase_subject(record, ANA, WHY).unfinished == (running.number,)


def test_nobody_decides_on_a_candidate_that_is_gone(record: Record, scenario: Scenario) -> None:
    """Reviewers are not asked about it any more, and what is left can still be reviewed."""
    before = {state.number for state in review.states(record)}
    assert scenario.candidate in before
    erase_subject(record, ANA, WHY)
    after = {state.number for state in review.states(record)}
    assert after == before - {scenario.candidate}
    decide(record, min(after), "different", REA)


def test_traces_of_one_are_not_those_of_another(record: Record, scenario: Scenario) -> None:
    """What is read for one person opens no part that is sealed for another, in the same entry neither."""
    for name, other in ((ANA, BO), (BO, ANA)):
        told = traces.of(record, name)
        own = [part for trace in told.found for part in trace.own]
        assert {part["subject"] for part in own} == {name}
        assert PHOTOGRAPHS[other] not in json.dumps([trace.shared for trace in told.found])
        assert scenario.use in told.uses()
        assert other in told.others


def test_where_the_name_was_typed_for_others_is_told(record: Record, scenario: Scenario) -> None:
    """The ground of a case and the source of another's entry on a watchlist are pointed to."""
    erased = erase_subject(record, ANA, WHY)
    assert erased.beside == (("doors", CY),)
    assert scenario.case in erased.grounds
    watchlist.remove(record, "doors", CY)
    assert erase_subject(record, ANA, WHY).beside == ()


def test_the_command_tells_what_stays(record: Record, scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    """`log erase` counts what went and says what to do about a name that was typed and a search that goes on."""
    running = record.use()
    running.add("search-started", SEARCH | {"case": scenario.case, "subjects": 1}, PRIVATE, {ANA: {"photographs": []}})
    monkeypatch.setenv(config.RECORD, str(record.folder.parent))
    done = CliRunner().invoke(log_app, ["erase", "--subject", ANA, "--why", WHY])
    assert done.exit_code == 0, (done.output, done.exception)
    said = "".join(done.output.split())
    counted = "Ana Lima: erased: watchlist entries 1, cases 1, kept results 1, sealed decisions 2, keys 1"
    assert "".join(counted.split()) in said
    for told in (
        f"in the case {scenario.case}: `houselights case erase {scenario.case} --why REASON`",
        f"in the use {scenario.use}: `houselights log erase --use {scenario.use} --why REASON`",
        "for the entry of Cy Lima on the watchlist doors: remove that entry",
        f"the search {running.number} has no end in the log",
        "not reached: files that were written for people",
    ):
        assert "".join(told.split()) in said


def test_what_cannot_be_reached_is_named() -> None:
    """Files, backups and pictures without a name are said to stay."""
    words = " ".join(erasure.UNREACHED)
    assert all(each in words for each in ("reports", "lead sheets", "backups", "films"))
