"""The commands about how long things are kept."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result
from uses import state

from houselights import schedule
from houselights.cli_retention import retention_app
from houselights.errors import SettingsError
from houselights.settings import setup

TEXAS = """[policy]
packs = ["us-tx-cubi"]
[retention]
results = 14
"""


def run(*words: str) -> Result:
    """Return what `houselights retention` did."""
    app = typer.Typer()
    app.add_typer(retention_app, name="retention")
    return CliRunner().invoke(app, ["retention", *words])


def test_the_schedule_is_shown_with_what_bounds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R27: each number stands beside the caps and floors of the packs that are on."""
    state(TEXAS, tmp_path, monkeypatch)
    done = run("show")
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert lines["results"].split()[1] == "14"
    assert "1825 days at most (house), 365 days at most (us-tx-cubi)" in lines["results"]
    assert "at " not in lines["cases"]
    assert "24 hours live, 48 hours in recorded footage" in done.stderr


def test_the_written_policy_is_that_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R30: on standard output or in a file, byte for byte what the schedule says."""
    state(TEXAS, tmp_path, monkeypatch)
    told = schedule.text(setup().schedule, setup().bounds)
    assert "| 14 days |" in told
    assert run("show", "--text", "-").stdout == told
    path = tmp_path / "policy.md"
    assert run("show", "--text", str(path)).exit_code == 0
    assert path.read_text("utf-8") == told


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error with the path, and no half of a policy."""
    state(TEXAS, tmp_path, monkeypatch)
    done = run("show", "--text", str(tmp_path / "nowhere" / "policy.md"))
    assert isinstance(done.exception, SettingsError)
    assert "cannot be written" in done.exception.message
