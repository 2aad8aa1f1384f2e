"""Cases as people type them, and the searches in them."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import GREEN, Unwatched
from typer.testing import CliRunner

from houselights import actors, cases, cli, cli_case, config, policy, results
from houselights.case import plus
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

    def run(
        *words: object, by: tuple[str, str] | None = None, fails: type[Exception] | None = None, tty: bool = False
    ) -> str:
        typed = [*map(str, words), *(("--by", by[0]) if by else ())]
        with pytest.MonkeyPatch.context() as patch:  # a test of its own uses a real terminal
            patch.setattr(cli_case, "leaves", lambda *files: any(files) or not tty)
            patch.setattr(cli, "leaves", lambda *files: any(files) or not tty)
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
    assert f"case {number[:8]}: opened for this, open, until " in said
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
    assert f"case {number[:8]}: open, until " in run(*again, "--sample", "20")
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
    later = re.sub(r"T.*", "", plus(cases.now(staff), timedelta(days=20)))
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
    assert "on the screen alone" in run(*urgent, by=CY, fails=PolicyError)  # a pipe is no screen
    said = run(*urgent, by=CY, tty=True)
    number = said.split("case ")[-1][:8]
    assert "urgent, not approved: ends" in said
    opened = ("case", "results", number)
    assert "candidate" in run(*opened, tty=True)
    assert "on the screen alone" in run(*opened, fails=PolicyError)
    assert "on the screen alone" in run(*opened, "--report", tmp_path / "r.html", fails=PolicyError, tty=True)
    assert "on the screen alone" in run(*opened, "--json", "-", fails=PolicyError, tty=True)
    assert not (tmp_path / "r.html").exists()
    run("case", "approve", number, by=ANA)
    run(*opened, "--report", tmp_path / "r.html")
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


def test_a_terminal_is_a_screen_and_a_pipe_is_none() -> None:
    """R22: what a person sees on a terminal stays there; what goes to a file or another program leaves."""
    asked = "import sys; from houselights.cli_case import leaves; sys.exit(leaves())"
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", asked]
    assert subprocess.run(command, stdout=theirs, check=False).returncode == 0
    assert subprocess.run(command, stdout=subprocess.PIPE, check=False).returncode == 1
    os.close(ours)
    os.close(theirs)
    assert cli_case.leaves(Path("r.json"))


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


@pytest.mark.usefixtures("staff")
def test_a_list_that_grows_does_not_widen_a_case(film: Path, cast_folder: Path, run: Run, tmp_path: Path) -> None:
    """R13, R18: who came onto a watchlist after the case was opened is not searched for in it, and is named."""
    first, second = (each.name for each in sorted((film / "gallery").iterdir())[:2])
    about = ("--category", "missing", "--source", "missing-person-report", "--source-text", "12", "--image-date")

    def listed(person: str) -> None:
        portrait = cast_folder / person / "assets" / "studio_portrait.jpg"
        run("watchlist", "add", "lost", portrait, "--subject", person, *about, "2026-01-01", by=CY)
        run("watchlist", "review", "lost", person, by=BO)

    listed(first)
    opening = run("case", "open", film / "event.mp4", "--watchlist", "lost", "--purpose", "consented")
    number = opening.split("case ")[1][:8]
    assert f"--case {number} --watchlist lost" in opening
    listed(second)
    run("search", film / "event.mp4", "--watchlist", "lost", "--case", number, "--json", tmp_path / "r.json")
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["gallery"]["subjects"] == 1
    assert {"file": second, "reason": "not named in this case: added after it was opened"} in result["gallery"][
        "refused"
    ]
    assert {each["subject"] for each in result["candidates"]} <= {first}


def test_what_was_found_is_nowhere_but_with_the_case(film: Path, run: Run, staff: Record, tmp_path: Path) -> None:
    """R22: what an urgent case found is not in the log's sealed parts either: nothing of it outlives its deletion."""
    search = ("search", film / "event.mp4", "--person", photograph_of(film), "--purpose", "missing-person", *WHY)
    number = run(*search, "--urgent", "--sample", "20", by=CY, tty=True).split("case ")[-1][:8]
    (kept,) = results.of(staff, cases.find(staff, number))
    assert kept.result.candidates
    told = run("log", "show", "--payloads", "--json")
    scores = {str(each.score) for each in kept.result.candidates}
    assert [score for score in scores if score in told] == []
    assert '"box"' not in told
    last = len(staff.entries()) - 1
    run("log", "prove", str(last), "--payloads", "-o", tmp_path / "proof")
    assert [score for score in scores if score.encode() in (tmp_path / "proof").read_bytes()] == []


@pytest.mark.usefixtures("staff")
def test_a_release_waits_for_the_approval(scene: Path, run: Run, tmp_path: Path) -> None:
    """R22: a release leaves the screen: in an urgent case that nobody approved there is none."""
    keep = ("--keep", photograph_of(scene))
    about = ("--purpose", "subject-access", "--basis", "request 3", "--authorised-by", "Roe")
    said = run("case", "open", scene / "event.mp4", "--person", photograph_of(scene), *about, "--urgent", by=CY)
    number = said.split("case ")[1][:8]
    redact = ("redact", scene / "event.mp4", "-o", tmp_path / "out.mp4", *keep, "--case", number, "--recall", "normal")
    assert "on the screen alone" in run(*redact, fails=PolicyError)
    assert not (tmp_path / "out.mp4").exists()
    run("case", "approve", number, by=ANA)
    assert f"case {number}" in run(*redact)


def test_settings_are_stated_when_they_change(
    run: Run, staff: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R15: packs, place and schedule stand in the log whenever they change, whatever the next command is."""
    file = tmp_path / "houselights.toml"
    file.write_text('[policy]\npacks = ["us-mi-detroit-307.5"]\n[place]\nevent = "concert"\n[retention]\nresults = 9\n')
    monkeypatch.setenv("HOUSELIGHTS_CONFIG", str(file))
    before = len(staff.entries())
    run("case", "list")
    run("retention", "show")
    run("case", "list")
    new = [Entry.parse(each) for each in staff.entries()[before:]]
    assert [each.kind for each in new] == ["policy-changed", "setup-changed"]
    assert (new[1].facts["event"], new[1].facts["results"], new[1].facts["ticketed"]) == ("concert", 9, "unknown")
    monkeypatch.setenv("HOUSELIGHTS_CONFIG", "/dev/null")
    run("actor", "list")
    assert [Entry.parse(each).kind for each in staff.entries()[-2:]] == ["policy-changed", "setup-changed"]


def test_a_case_is_opened_with_the_facts_that_rules_ask_for(
    film: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pack that needs a fact to decide is answered with --fact, as in a search."""
    file = tmp_path / "houselights.toml"
    file.write_text('[policy]\npacks = ["us-il-bipa"]\n[place]\njurisdiction = "US-IL"\nactor = "private"\n')
    monkeypatch.setenv("HOUSELIGHTS_CONFIG", str(file))
    wanted = ("case", "open", film / "event.mp4", "--person", photograph_of(film), "--purpose", "consented")
    refused = run(*wanted, fails=PolicyError)
    assert "is not known" in refused or "refuse" in refused
    stated = ("consent=written", "notice_given=true", "schedule_public=true")
    file.write_text(file.read_text() + "schedule_public = true\n")
    assert "open" in run(*wanted, *(word for each in stated[:2] for word in ("--fact", each)))


def test_a_part_of_footage_is_typed_as_elsewhere(film: Path, run: Run) -> None:
    """R19: --from and --to of a case take times as a search does, and bound every search in it."""
    wanted = (film / "event.mp4", "--person", photograph_of(film))
    opening = run("case", "open", *wanted, "--purpose", "consented", "--from", "0:00:01", "--to", "2.5")
    number = opening.split("case ")[1][:8]
    assert "1 s to 2.5" in run("case", "show", number)
    assert "footage begins at 1 s" in run("search", *wanted, "--case", number, fails=PolicyError)
    run("search", *wanted, "--case", number, "--from", "1", "--to", "2", "--sample", "20")
    bad = ("case", "open", *wanted, "--purpose", "consented", "--from", "9", "--to", "2")
    assert "no part" in run(*bad, fails=SettingsError)
