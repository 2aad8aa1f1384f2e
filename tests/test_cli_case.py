"""Cases as people type them, and the searches in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import GREEN, Unwatched
from typer.testing import CliRunner

from houselights import actors, cases, cli, config, policy
from houselights.entry import Entry
from houselights.errors import PolicyError, SettingsError
from houselights.record import Record
from houselights.redact import jobs, redact_folder
from houselights.release import Request

ANA, BO, CY = ("Ana", "correct horse battery"), ("Bo", "staple something else"), ("Cy", "a third passphrase")
WHY = ("--basis", "Report 12", "--authorised-by", "Insp. Roe")
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command as it is typed, in a record of its own; what it says, or the error."""
    monkeypatch.setenv(config.RECORD, str(tmp_path / "own"))

    def run(*words: object, by: tuple[str, str] | None = None, fails: type[Exception] | None = None) -> str:
        typed = [*map(str, words), *(("--by", by[0]) if by else ())]
        done = CliRunner().invoke(cli.app, typed, input=f"{by[1]}\n" if by else "")
        assert isinstance(done.exception, fails) if fails else done.exit_code == 0, (done.output, done.exception)
        return re.sub(r"\s+", " ", f"{done.output} {done.exception or ''}")

    return run


@pytest.fixture
def staff(run: Run) -> Record:
    """The record of those commands, with an authoriser, a reviewer and an operator."""
    run("actor", "list")
    record = Record.here()
    actors.add(record, ANA[0], "authoriser", ANA[1])
    actors.add(record, BO[0], "reviewer", BO[1], ANA)
    actors.add(record, CY[0], "operator", CY[1], ANA)
    return record


def photograph_of(film: Path) -> Path:
    """A photograph of somebody who is enrolled."""
    return min(min((film / "gallery").iterdir()).iterdir())


def kinds(record: Record) -> list[str]:
    """The kinds of all entries."""
    return [Entry.parse(each).kind for each in record.entries()]


def test_the_one_line_form_opens_a_case_and_says_its_number(film: Path, run: Run, tmp_path: Path) -> None:
    """The number is on the screen and in the JSON, and opens what was found again; a closed case is over."""
    person = photograph_of(film)
    wanted = (film / "event.mp4", "--person", person)
    said = run("search", *wanted, "--purpose", "consented", "--json", tmp_path / "r.json")
    result = json.loads((tmp_path / "r.json").read_text())
    number = result["record"]["case"]
    assert f"case {number[:8]}: opened for this, ends " in said
    assert result["candidates"]
    (case,) = json.loads(run("case", "list", "--json"))
    assert (case["case"], case["state"], case["films"], case["subjects"]) == (number, "open", 1, 1)
    shown = run("case", "show", number[:8])
    assert "consented: those who are looked for asked for it" in shown
    assert "event.mp4" in shown
    assert json.loads(run("case", "show", number[:8], "--json"))["scope"]["films"]
    run("case", "results", number[:8], "--json", tmp_path / "again.json", "--report", tmp_path / "again.html")
    assert json.loads((tmp_path / "again.json").read_text()) == result
    assert person.stem in (tmp_path / "again.html").read_text()
    again = ("search", *wanted, "--case", number[:8])
    assert f"case {number[:8]}: ends " in run(*again, "--sample", "20")
    assert "has its purpose" in run(*again, "--purpose", "consented", fails=SettingsError)
    assert "is open already" in run(*again, "--urgent", fails=SettingsError)
    assert "closed: done" in run("case", "close", number[:8])
    assert "is over (closed: done)" in run(*again, fails=PolicyError)
    assert kinds(Record.here())[-2:] == ["case-closed", "refused"]
    assert "destroyed" in run("case", "erase", number[:8], "--why", "asked-by-subject")
    assert "no case" in run("case", "show", number[:8], fails=SettingsError)


def test_two_people_open_a_case(film: Path, run: Run, staff: Record, tmp_path: Path) -> None:
    """Once there is an authoriser a search for a missing person is signed for, approved by another, and then made."""
    person = photograph_of(film)
    wanted = (film / "event.mp4", "--person", person)
    alone = ("search", *wanted, "--purpose", "missing-person", *WHY)
    assert "needs two people" in run(*alone, fails=PolicyError)
    assert "waits for approval" in run(*alone, by=CY, fails=PolicyError)
    said = run("case", "open", *wanted, "--purpose", "missing-person", *WHY, "--place", "Gate 4", by=CY)
    assert "waits for approval" in said
    number = said.split("case ")[1][:32]
    search = ("search", *wanted, "--case", number[:8], "--sample", "20")
    assert "waits for approval" in run(*search, fails=PolicyError)
    assert "cannot approve it" in run("case", "approve", number[:8], by=CY, fails=PolicyError)
    assert "has the role 'reviewer'" in run("case", "approve", number[:8], by=BO, fails=PolicyError)
    assert "open" in run("case", "approve", number[:8], by=ANA)
    run(*search, "--json", tmp_path / "r.json")
    end = cases.find(staff, number).opened[:10]
    assert "cannot end at" in run("case", "extend", number[:8], "--until", end, by=ANA, fails=SettingsError)
    later = re.sub(r"T.*", "", cases._plus(cases.now(staff), cases.timedelta(days=20)))
    assert f"until {later}T00:00:00Z" in run("case", "extend", number[:8], "--until", later, by=ANA)
    other = next(each for each in sorted((film / "gallery").iterdir()) if each != person.parent)
    swapped = ("search", film / "event.mp4", "--gallery", other.parent, "--case", number[:8])
    assert "does not name" in run(*swapped, fails=PolicyError)
    shown = run("case", "show", number[:8])
    assert "Gate 4" in shown
    assert "(typed, nobody signed)" not in shown
    run("log", "verify")


def test_an_urgent_search_shows_nothing_but_the_screen(film: Path, run: Run, staff: Record, tmp_path: Path) -> None:
    """R22: with --urgent nobody is waited for, and neither --json nor --report is written before an approval."""
    urgent = ("search", film / "event.mp4", "--person", photograph_of(film), "--purpose", "missing-person", *WHY)
    urgent = (*urgent, "--urgent", "--sample", "20")
    assert "on the screen alone" in run(*urgent, "--report", tmp_path / "r.html", by=CY, fails=PolicyError)
    assert cases.listed(staff) == []
    number = run(*urgent, by=CY).split("case ")[-1][:8]
    assert "urgent, not approved: ends" in run("case", "list")
    results = ("case", "results", number)
    assert "candidate" in run(*results)
    assert "on the screen alone" in run(*results, "--report", tmp_path / "r.html", fails=PolicyError)
    assert "on the screen alone" in run(*results, "--json", "-", fails=PolicyError)
    assert not (tmp_path / "r.html").exists()
    run("case", "approve", number, by=ANA)
    run(*results, "--report", tmp_path / "r.html")
    assert "data:image/jpeg" in (tmp_path / "r.html").read_text()


@pytest.mark.usefixtures("staff")
def test_a_watchlist_is_searched_for_once_it_was_reviewed(
    film: Path, cast_folder: Path, run: Run, tmp_path: Path
) -> None:
    """R18: before the review nobody is looked for; then they are found by what is kept, without any photograph."""
    person = min((film / "gallery").iterdir()).name
    portrait = cast_folder / person / "assets" / "studio_portrait.jpg"
    about = ("--category", "missing", "--source", "missing-person-report", "--source-text", "12", "--image-date")
    run("watchlist", "add", "lost", portrait, "--subject", person, *about, "2026-01-01", by=CY)
    search = ("search", film / "event.mp4", "--watchlist", "lost", "--purpose", "consented", "--sample", "5")
    assert "nobody to search for" in run(*search, fails=Exception)
    assert "cannot review it" in run("watchlist", "review", "lost", person, by=CY, fails=PolicyError)
    run("watchlist", "review", "lost", person, by=BO)
    run(*search, "--json", tmp_path / "r.json", "--report", tmp_path / "r.html")
    result = json.loads((tmp_path / "r.json").read_text())
    assert {each["subject"] for each in result["candidates"]} == {person}
    assert len(re.findall("data:image/jpeg", (tmp_path / "r.html").read_text())) >= 2
    both = (*search, "--person", photograph_of(film))
    assert "by a watchlist and by photographs" in run(*both, fails=SettingsError)


def test_an_exchanged_photograph_is_noticed(film: Path, run: Run, tmp_path: Path) -> None:
    """R13: a case names photographs by their bytes: another face behind the same name is another case."""
    mine, other = (min(each.iterdir()) for each in sorted((film / "gallery").iterdir())[:2])
    photograph = tmp_path / "Ana.jpg"
    photograph.write_bytes(mine.read_bytes())
    wanted = (film / "event.mp4", "--person", photograph)
    number = run("case", "open", *wanted, "--purpose", "consented").split("case ")[1][:8]
    photograph.write_bytes(other.read_bytes())
    assert "other photographs of 'Ana'" in run("search", *wanted, "--case", number, fails=PolicyError)


def test_a_folder_is_released_in_one_case(scene: Path, tmp_path: Path) -> None:
    """Where people are compared, all films of a folder are released in one case, which names them all."""
    source = tmp_path / "films"
    source.mkdir()
    for name in ("a.mp4", "b.mp4"):
        (source / name).write_bytes((scene / "event.mp4").read_bytes() + name.encode())
    record = Record(tmp_path / "record")
    keep = (photograph_of(scene),)
    request = Request(source, tmp_path / "out", policy.authority("consented", None, None), keep=keep, fill=GREEN)
    found, _ = jobs(source, tmp_path / "out")
    assert [each.error for each in redact_folder(found, request, record, Unwatched())] == [None, None]
    (case,) = cases.listed(record)
    assert sorted(case.scope.films.values()) == ["a.mp4", "b.mp4"]
    entries = [Entry.parse(each) for each in record.entries()]
    assert {each.facts["case"] for each in entries if each.kind in {"release-started", "released"}} == {case.number}


def test_retention_runs(run: Run) -> None:
    """`retention run` says what it deleted, and `retention show` by which schedule."""
    assert "watchlist entries" in run("retention", "run")
    assert "results" in run("retention", "show")
    assert kinds(Record.here())[-1] == "retention-run"
