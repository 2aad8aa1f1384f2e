"""`houselights lookalikes` and `houselights doubles` as people type them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import typer
from test_wording import bad
from typer.testing import CliRunner

from houselights import actors, audit, cases, cli_doubles, config, models, watchlist
from houselights.entry import Entry
from houselights.errors import GalleryError, PolicyError, SettingsError
from houselights.listing import Wanted
from houselights.record import Record
from houselights.registrar import Registrar
from houselights.templates import Recogniser

ANA, BO, CY = ("Ana", "correct horse battery"), ("Bo", "staple something else"), ("Cy", "a third passphrase")
WHY = ("--purpose", "evaluation", "--basis", "made by a computer", "--authorised-by", "Doe")
ASKED = ("--name", "P004", "--consent", "I asked for it", "--authorised-by", "Doe")
Run = Callable[..., str]

app = typer.Typer(pretty_exceptions_enable=False)
app.command("lookalikes")(cli_doubles.lookalikes_command)
app.command("doubles")(cli_doubles.doubles_command)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command as it is typed, in a record of its own; what it says, or the error."""
    monkeypatch.setenv(config.RECORD, str(tmp_path / "own"))

    def run(*words: object, by: tuple[str, str] | None = None, fails: type[Exception] | None = None) -> str:
        typed = [*map(str, words), *(("--by", by[0]) if by else ())]
        done = CliRunner().invoke(app, typed, input=f"{by[1]}\n" if by else "")
        assert isinstance(done.exception, fails) if fails else done.exit_code == 0, (done.output, done.exception)
        return re.sub(r"\s+", " ", f"{done.output} {done.exception or ''}")

    return run


@pytest.fixture(scope="module")
def gallery(cast_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of three people, two of whom look alike to the default recogniser."""
    folder = tmp_path_factory.mktemp("typed") / "gallery"
    folder.mkdir()
    for name in ("P001", "P004", "P010"):
        shutil.copy(cast_folder / name / "assets" / "studio_portrait.jpg", folder / f"{name}.jpg")
    return folder


def kinds() -> list[str]:
    """The kinds of all entries of the command's record, in which an outsider finds no fault."""
    record = Record.here()
    assert list(audit.faults(record.key.name, record.entries())) == []
    return [Entry.parse(each).kind for each in record.entries()]


def test_lookalikes_are_listed_with_their_odds(gallery: Path, run: Run, tmp_path: Path) -> None:
    """T15: names, photographs, score and rate, how many strangers would give, the case, and what is written."""
    said = run("lookalikes", gallery, *WHY, "--json", tmp_path / "l.json", "--report", tmp_path / "l.html")
    assert "purpose evaluation · basis made by a computer · authorised by Doe" in said
    assert re.search(r"P004 P010 0\.\d{3} (about|at most) 1 in [\d,]+ 1 in [\d,]+ P004\.jpg P010\.jpg", said)
    assert "P004 and P010: strangers alone would give such a pair in" in said
    assert "1 of 3 pairs of people scores at least" in said
    assert "To look alike is no evidence" in said
    assert re.search(r"case [0-9a-f]{8}: open, until", said)
    assert "nothing of this is kept" in said
    assert bad(said) == []
    assert json.loads((tmp_path / "l.json").read_text())["compared"] == 3
    assert (tmp_path / "l.html").read_text().count("data:image/jpeg") == 2
    assert kinds()[-1] == "results-opened"
    last = Entry.parse(Record.here().entries()[-1])
    assert last.facts["how"] == ["json", "pipe", "report"]


def test_who_asks_is_told_what_a_double_is(gallery: Path, cast_folder: Path, run: Run) -> None:
    """The nearest with their odds, what was left out, and at which score a stranger would be; JSON on stdout."""
    selfie = cast_folder / "P004" / "assets" / "amateur_selfie.jpg"
    said = run("doubles", selfie, "--among", gallery, *ASKED)
    assert "purpose consented · basis I asked for it · authorised by Doe" in said
    assert re.search(r"1 P010 0\.\d{3} (about|at most) 1 in [\d,]+ 1 in [\d,]+ P010\.jpg", said)
    assert "1. One of 2 unrelated people would be expected to be this near or nearer in" in said
    assert "1 photograph of their own left out" in said
    assert "The nearest of 2 unrelated people would be expected" in said
    assert bad(said) == []
    assert not re.search(r"\brelated\b", said)
    told = run("doubles", selfie, "--among", gallery, *ASKED, "--most", 1, "--json", "-")
    assert '"schema": "houselights/doubles/1"' in told
    assert told.count('"rank"') == 1
    assert Entry.parse(Record.here().entries()[-1]).facts["how"] == ["json"]


def test_a_name_cannot_act_on_a_screen(gallery: Path, run: Run, tmp_path: Path) -> None:
    """Markup and control characters in a file's name are shown as they are."""
    shutil.copy(gallery / "P004.jpg", tmp_path / "[red]P\x1b[2J.jpg")
    shutil.copy(gallery / "P010.jpg", tmp_path / "P010.jpg")
    said = run("lookalikes", tmp_path, *WHY)
    assert "\x1b" not in said
    assert "[red]P" in said


def test_a_watchlist_is_compared_and_doubles_has_none(
    gallery: Path, run: Run, recogniser_path: Path, detector_path: Path
) -> None:
    """R18: those who are on a list and reviewed are compared, two people sign; nobody is ranked on one for who asks."""
    record = Record.here()
    for (name, passphrase), role in ((ANA, "authoriser"), (BO, "reviewer"), (CY, "operator")):
        actors.add(record, name, role, passphrase, None if name == "Ana" else ANA)
    registrar = Registrar(detector_path, Recogniser(models.default("recogniser"), recogniser_path))
    for name in ("P004", "P010"):
        wanted = Wanted(
            subject=name, category="missing", source="missing-person-report", source_text="report 17",
            image_date=date(2026, 1, 1), photographs=(gallery / f"{name}.jpg",),
        )  # fmt: skip
        watchlist.add(record, "lost", wanted, registrar, CY)
        watchlist.review(record, "lost", name, BO)
    why = ("--purpose", "missing-person", "--basis", "Report 12", "--authorised-by", "Insp. Roe")
    assert "needs two people" in run("lookalikes", "--watchlist", "lost", *why, fails=PolicyError)
    assert "waits for approval" in run("lookalikes", "--watchlist", "lost", *why, by=CY, fails=PolicyError)
    (case,) = cases.listed(record)
    cases.approve(record, case, ANA)
    said = run("lookalikes", "--watchlist", "lost", "--case", case.number[:8])
    assert "P004 and P010: strangers alone would give" in said
    assert kinds()[-1] == "results-opened"
    cases.forget(record, "P004")
    assert "P004" not in str(cases.current(record, case.number).scope)
    typed = ("doubles", gallery / "P004.jpg", "--among", "lost", *ASKED)
    assert "is not a folder" in run(*typed, fails=GalleryError)
    assert "No such option" in run(*typed, "--watchlist", "lost", fails=SystemExit)


def test_what_is_missing_or_too_much_is_said(gallery: Path, run: Run) -> None:
    """Bad input gets an error that says what was expected."""
    assert "one of them, not both" in run("lookalikes", *WHY, fails=SettingsError)
    assert "one of them, not both" in run("lookalikes", gallery, "--watchlist", "x", *WHY, fails=SettingsError)
    assert "not on the closed list" in run("lookalikes", gallery, "--purpose", "fun", fails=PolicyError)
    assert "needs --basis and --authorised-by" in run(
        "lookalikes", gallery, "--purpose", "evaluation", fails=PolicyError
    )
    assert "there is no case" in run("lookalikes", gallery, "--case", "abcdef12", fails=SettingsError)
    opened = ("lookalikes", gallery, "--case", "abcdef12", "--justification", "x")
    assert "is open already" in run(*opened, fails=SettingsError)
    photograph = gallery / "P004.jpg"
    assert "only if they asked" in run("doubles", photograph, "--among", gallery, "--name", "P", "--consent", " ",
                                       "--authorised-by", "Doe", fails=PolicyError)  # fmt: skip
    assert "refused" in kinds()
    assert "most" in run("doubles", photograph, "--among", gallery, *ASKED, "--most", 0, fails=SystemExit)
