"""Results: sealed with their case, opened after the rules were asked again and an entry says so."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Silent
from test_cases import BO, CY, SEARCH, Clock, bytes_at_rest, staffed
from test_report import candidate, outcome, pictures_of

from houselights import batch, cases, demo, models, report, results
from houselights.case import PLAIN, Case, Opening, Scope
from houselights.entry import Entry
from houselights.errors import PolicyError, RecordError
from houselights.record import Record
from houselights.result import RecordUse, Result, RunnerUp
from houselights.results import Kept
from houselights.sampling import Sampling
from houselights.schedule import Schedule

__all__ = ["staffed"]  # a fixture that this file uses


def wanted(film: Path) -> batch.Request:
    """A search for missing people in a film, on every fifth frame."""
    return replace(demo.request(film), authority=SEARCH, sampling=Sampling("every", 5))


@pytest.fixture(scope="module")
def searched(film: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, batch.Outcome, Kept]:
    """A search that found somebody, and what was kept of it."""
    record = Record(tmp_path_factory.mktemp("results") / "record", name="example.org/log")
    request = wanted(film)
    outcome = batch.run(request, record, Silent())
    detector = models.path_of(models.default("detector"))
    return record, outcome, results.keep(record, outcome, {"consent": "written"}, detector)


def entries(record: Record, use: str) -> list[Entry]:
    """The entries of a use."""
    return [each for each in map(Entry.parse, record.entries()) if each.use == use]


def case_of(record: Record, kept: Kept) -> Case:
    """The case that something was found in."""
    return cases.current(record, kept.result.record.case)


def test_a_result_comes_back_as_it_was(searched: tuple[Record, batch.Outcome, Kept]) -> None:
    """Every number, name and picture; the report of what was kept is that of the search, to the byte."""
    record, outcome, kept = searched
    (again,) = results.of(record, case_of(record, kept))
    assert again.result == outcome.result
    assert (again.subjects, again.facts) == (kept.subjects, {"consent": "written"})
    assert outcome.result.candidates
    assert again.pictures == kept.pictures
    assert all(picture.jpeg for picture in again.pictures.shots.values())
    pages = [report.render(each.result, each.subjects, each.pictures) for each in (kept, again)]
    assert pages[0] == pages[1]


def test_what_was_found_rests_sealed(searched: tuple[Record, batch.Outcome, Kept]) -> None:
    """R9, R25: no name, no file's name and no picture of a result stands open in the store or in the log."""
    record, outcome, kept = searched
    rest = bytes_at_rest(record) + b"".join(record.entries())
    names = {name.encode() for name in kept.subjects} | {b"event.mp4", outcome.result.footage[0].sha256.encode()}
    pictures = {picture.jpeg[:64] for picture in kept.pictures.shots.values() if picture.jpeg}
    assert pictures
    assert not [each for each in names | pictures if each in rest]
    kinds = [each.kind for each in entries(record, kept.use)]
    assert kinds[-2:] == ["search-finished", "results-kept"]
    assert entries(record, kept.use)[-1].facts["candidates"] == len(outcome.result.candidates)


def test_candidates_have_numbers_that_say_nothing(searched: tuple[Record, batch.Outcome, Kept]) -> None:
    """Each candidate has one of its own; the same search in another record has others."""
    record, outcome, kept = searched
    numbered = results.candidates(record, [kept])
    assert [one for _, one in numbered.values()] == list(outcome.result.candidates)
    other = Record(record.folder.parent.with_name("other"))
    assert not numbered.keys() & results.candidates(other, [kept]).keys()


def test_opening_is_asked_for_and_recorded(
    searched: tuple[Record, batch.Outcome, Kept], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R15: a pack that was switched on after the search refuses to open what it found, and the refusal is an entry."""
    record, _, kept = searched
    case = case_of(record, kept)
    results.opened(record.use(kept.use), case, kept, ["terminal", "json"])
    assert entries(record, kept.use)[-1].facts["how"] == ["json", "terminal"]
    settings = tmp_path / "houselights.toml"
    settings.write_text(
        '[policy]\npacks = ["us-mi-detroit-307.5"]\n[place]\njurisdiction = "US-MI-Detroit"\nactor = "police"\n'
    )
    monkeypatch.setenv("HOUSELIGHTS_CONFIG", str(settings))
    with pytest.raises(PolicyError):
        results.opened(record.use(kept.use), case, kept, ["terminal"])
    last = entries(record, kept.use)[-1]
    assert (last.kind, last.facts["what"]) == ("refused", "results")


def test_a_person_is_taken_out(searched: tuple[Record, batch.Outcome, Kept]) -> None:
    """R29: their name, candidates, appearances and pictures are gone from what is kept; the others' stay."""
    record, _, kept = searched
    gone = kept.result.candidates[0].subject
    assert results.forget(record, gone) == 1
    (left,) = results.of(record, case_of(record, kept))
    assert gone not in json.dumps(json.loads(left.result.to_json()))
    assert gone not in left.subjects
    assert all(each.subject != gone for each in left.pictures.shots)
    assert len(left.result.candidates) == sum(each.subject != gone for each in kept.result.candidates)
    assert isinstance(left.result, Result)
    assert results.forget(record, gone) == 0


def test_an_erased_name_is_taken_out_of_who_cannot_be_told_apart(tmp_path: Path) -> None:
    """R29, T15: of an erased runner-up neither name stays, and the candidate still says that there was somebody."""
    record = Record(tmp_path / "record")
    case = cases.open_case(record, SEARCH, Scope(films={"11" * 32: "gate.mp4"}, subjects={"Ana": (), "Bo": ()}))
    one = candidate(runner_up=RunnerUp("Bo", 0.5, 1e-5))
    whole = outcome(one, record=RecordUse(record.key.name, "ab" * 16, case.number)).result
    results._write(record, Kept(whole, ("Ana", "Bo"), pictures_of(one), {}))
    assert results.forget(record, "Bo") == 1
    (left,) = results.of(record, case)
    (now,) = left.result.candidates
    assert now.runner_up == RunnerUp(results.ERASED, 0.5, 1e-5)
    assert now in left.pictures.shots
    assert '"Bo"' not in left.result.to_json()


def test_what_an_earlier_version_kept_is_refused_by_name(tmp_path: Path) -> None:
    """A result without odds is not shown as one with odds: the error says of which search it is, and what to do."""
    record = Record(tmp_path / "record")
    case = cases.open_case(record, SEARCH, Scope(films={"11" * 32: "gate.mp4"}, subjects={"Ana": ()}))
    old = json.loads(outcome(record=RecordUse(record.key.name, "ab" * 16, case.number)).result.to_json())
    old |= {"schema": "houselights/search/1"}
    del old["assumed"]
    content = {"result": old, "subjects": ["Ana"], "shots": [], "references": {}, "facts": {}, "categories": {}}
    record.store.keep(results.KIND, "ab" * 16, json.dumps(content).encode(), cases.holder(case), cases.above(case))
    with pytest.raises(RecordError, match=r"search abababab .* schema houselights/search/1, expected") as refused:
        results.of(record, case)
    assert f"houselights case erase {case.number[:8]}" in str(refused.value.hint)
    with pytest.raises(RecordError, match="another version"):
        results.forget(record, "Ana")
    cases.erase(record, cases.current(record, case.number), "retention")
    assert record.store.documents(results.KIND) == {}


def test_an_urgent_search_is_read_on_the_screen_and_ends(film: Path, staffed: Path, tmp_path: Path) -> None:
    """R22: a real search in an urgent case: no file of it, then 48 hours, then nothing of it is left."""
    clock = Clock()
    record = Record(shutil.copytree(staffed, tmp_path / "record"), clock=clock)
    request = replace(wanted(film), opening=Opening(urgent=True, by=CY), until_s=2.0)
    with pytest.raises(PolicyError, match="on the screen alone"):
        batch.run(request, record, Silent())
    assert cases.listed(record) == []
    outcome = batch.run(replace(request, leaves=False), record, Silent())
    kept = results.keep(record, outcome, {}, models.path_of(models.default("detector")))
    case = case_of(record, kept)
    results.opened(outcome.use, case, kept, ["terminal"])
    with pytest.raises(PolicyError, match="on the screen alone"):
        results.opened(outcome.use, case, kept, ["report"])
    clock.pass_by(timedelta(hours=48))
    with pytest.raises(PolicyError, match="not approved in time"):
        results.opened(outcome.use, case, kept, ["terminal"])
    assert cases.expire(record, Schedule()) == 1
    assert results.of(record, cases.current(record, case.number)) == []
    with pytest.raises(PolicyError, match="is over"):
        batch.run(replace(request, opening=PLAIN, case=case.number, leaves=False), record, Silent())


def test_a_search_waits_for_approval_and_goes_on_with_its_number(film: Path, staffed: Path, tmp_path: Path) -> None:
    """R13: the one-line form opens the case; nothing is decoded before somebody else approved it."""
    record = Record(shutil.copytree(staffed, tmp_path / "record"), clock=Clock())
    request = replace(wanted(film), opening=Opening(by=CY), until_s=1.0)
    with pytest.raises(PolicyError, match="waits for approval"):
        batch.run(request, record, Silent())
    assert "search-started" not in {Entry.parse(each).kind for each in record.entries()}
    (case,) = cases.listed(record)
    cases.approve(record, case, BO)
    again = replace(request, opening=PLAIN, case=case.number[:8])
    assert batch.run(again, record, Silent()).result.record.case == case.number
    with pytest.raises(PolicyError, match="footage ends at 1 s"):
        batch.run(replace(again, until_s=2.0), record, Silent())
