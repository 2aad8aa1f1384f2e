"""The command line as people use it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from houselights import cli

HOUSELIGHTS = [sys.executable, "-m", "houselights"]


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    command = [*HOUSELIGHTS, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def search(film: Path, *more: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """A search of the film."""
    gallery = ("--gallery", film / "gallery", "--purpose", "consented")
    return run("search", film / "event.mp4", *gallery, *more, **environment)


def test_the_shortest_search_is_one_film_one_photograph_and_consent(film: Path) -> None:
    """`search FILM --person PHOTO --purpose consented` is all that must be typed; the authority heads the answer."""
    person = min((film / "gallery").iterdir())
    photograph = min(person.iterdir())
    done = run("search", film / "event.mp4", "--person", photograph, "--purpose", "consented")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("purpose consented · basis consent of the people searched for · authorised by ")
    assert photograph.stem in done.stdout
    assert "A candidate is a lead only" in done.stdout
    assert "Strangers alone would give" in done.stdout
    assert "--report" in done.stderr


def test_json_and_report_are_written_for_their_owner_alone(film: Path, tmp_path: Path) -> None:
    """Both files hold the result, and nobody else may read them."""
    done = search(film, "--json", tmp_path / "r.json", "--report", tmp_path / "r.html")
    assert done.returncode == 0, done.stderr
    candidates = json.loads((tmp_path / "r.json").read_text())["candidates"]
    page = (tmp_path / "r.html").read_text()
    assert candidates
    assert all(candidate["subject"] in page for candidate in candidates)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r.html", "r.json"]


def test_json_on_stdout_is_nothing_but_json(film: Path) -> None:
    """`--json -` can be piped; progress goes to stderr."""
    done = search(film, "--json", "-", "--sample", "5")
    assert json.loads(done.stdout)["schema"] == "houselights/search/2"


@pytest.mark.parametrize(("typed", "factor"), [("off", None), ("1", None), ("20", 20)])
def test_odds_rest_on_what_was_typed(film: Path, typed: str, factor: float | None) -> None:
    """`--worst-group` and `--prior` stand in the result; `off` and 1 leave the worst group out."""
    done = search(film, "--json", "-", "--sample", "5", "--worst-group", typed, "--prior", "0.25")
    assumed = json.loads(done.stdout)["assumed"]
    assert (assumed["worst_group"], assumed["prior"]) == (factor, 0.25)


def test_errors_say_what_and_what_next(film: Path, tmp_path: Path) -> None:
    """Exit status 1, the value, and a hint on stderr; nothing on stdout."""
    done = run("search", film / "event.mp4", "--gallery", film / "gallery", "--purpose", "crime-suspect")
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs --basis and --authorised-by" in done.stderr
    assert "hint:" in done.stderr
    done = search(film, "--sample", "some")
    assert "--sample is 'some', expected all, auto, keys or a whole number" in done.stderr
    done = search(film, "--worst-group", "many")
    assert "--worst-group is 'many', expected a factor of 1 or more, or off" in done.stderr
    done = search(film, "--prior", "1.5")
    assert "a prior of 1.5 is not possible: expected a share between 0 and 1" in done.stderr
    done = search(film, "--json", tmp_path / "nowhere" / "r.json")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    done = search(film, "--from", "soon")
    assert done.returncode == 2
    assert "'soon' is no time" in re.sub(r"\s+", " ", done.stderr)


def test_some_bad_footage_has_its_own_exit_status(film: Path, tmp_path: Path) -> None:
    """Done in part is status 3: a script can tell it from done and from not done."""
    (tmp_path / "bad.mp4").write_text("no film")
    done = search(film, tmp_path / "bad.mp4", "--sample", "5")
    assert done.returncode == 3
    assert "bad.mp4" in done.stderr
    assert "not searched" in done.stderr


def test_a_name_with_an_escape_sequence_cannot_act_on_the_terminal(film: Path, tmp_path: Path) -> None:
    """Control characters in file names are shown as replacement characters, markup as it is."""
    file = tmp_path / "\x1b[31m[red]evil.mp4"
    file.write_text("no film")
    done = run("search", file, "--gallery", film / "gallery", "--purpose", "consented")
    assert "\x1b[31m" not in done.stderr + done.stdout
    assert "[red]evil.mp4" in done.stderr


def test_killed_work_goes_on(film: Path, tmp_path: Path) -> None:
    """T9: after kill -9 in the middle, the same command ends with the answer of an uninterrupted run."""
    whole = search(film, "--sample", "all", "--json", tmp_path / "whole.json", HOUSELIGHTS_CACHE=str(tmp_path / "a"))
    assert whole.returncode == 0, whole.stderr
    cache = tmp_path / "b"
    models = os.environ["HOUSELIGHTS_MODELS"]
    command = [*HOUSELIGHTS, "search", film / "event.mp4", "--gallery", film / "gallery", "--purpose", "consented"]
    command += ["--sample", "all", "--json", tmp_path / "again.json"]
    environment = {**os.environ, "HOUSELIGHTS_CACHE": str(cache), "HOUSELIGHTS_MODELS": models}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not list(cache.rglob("*.npz")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "again.json").exists()
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    one, two = (json.loads((tmp_path / name).read_text()) for name in ("whole.json", "again.json"))
    for volatile in ("started", "finished", "timing", "record"):
        del one[volatile], two[volatile]
    assert one == two


@pytest.mark.parametrize("command", [["info"], ["models", "list"], ["models", "verify"], ["--version"]])
def test_small_commands_answer(command: list[str]) -> None:
    """They print something and succeed."""
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def commands(group: typer.core.TyperGroup, *before: str) -> Iterator[tuple[str, set[str]]]:
    """Every command by its words, with its long options."""
    for name, each in group.commands.items():
        if isinstance(each, typer.core.TyperGroup):
            yield from commands(each, *before, name)
        else:
            long = {option for parameter in each.params for option in (*parameter.opts, *parameter.secondary_opts)}
            yield " ".join((*before, name)), {option for option in long if option.startswith("--")}


def test_every_command_and_option_is_documented() -> None:
    """Each command, and each of its options, stands in its section of docs/commands.md."""
    text = (Path(__file__).parent.parent / "docs" / "commands.md").read_text()
    sections = dict(re.findall(r"^## houselights ([a-z-]+)[^\n]*\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    group = typer.main.get_command(cli.app)
    assert isinstance(group, typer.core.TyperGroup)
    found = list(commands(group))
    assert len(found) > 40
    for command, options in found:
        section = sections[command.split()[0]]
        assert command.split()[-1] in section + command.split()[0]
        missing = [option for option in options if option not in section]
        assert missing == [], command
