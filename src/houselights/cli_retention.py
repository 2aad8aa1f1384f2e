"""The commands about how long things are kept: `houselights retention ...`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from houselights import display, retention, schedule
from houselights.cli_log import ready
from houselights.errors import SettingsError
from houselights.files import whole
from houselights.schedule import KEPT
from houselights.settings import Setup, setup

retention_app = typer.Typer(no_args_is_help=True, help="How long what is kept stays, and what bounds that.")


@retention_app.command("show")
def show(
    *,
    text: Annotated[
        Path | None,
        typer.Option(help="Write the policy that can be published to this file; - is standard output.", metavar="FILE"),
    ] = None,
) -> None:
    """Show for how many days what is kept stays, and which packs bound that. It comes from houselights.toml."""
    found = setup()
    if text is None:
        display.rows("", ("kept", "days", "from", "bounds"), _rows(found))
        display.say(display.shown(f"{found.file or 'no houselights.toml: as by default'}"))
        display.say(f"an urgent use without authorisation: {_urgent()}")
        return
    words = schedule.text(found.schedule, found.bounds)
    if str(text) == "-":
        display.out.print(display.shown_lines(words))
    else:
        _write(text, words)


@retention_app.command("run")
def run() -> None:
    """Delete what is over by the schedule. Run it every day; cases whose time is over end without it, too."""
    swept = retention.run(ready(), setup().schedule)
    display.rows("", ("deleted", ""), [(name.replace("_", " "), str(number)) for name, number in asdict(swept).items()])


def _rows(found: Setup) -> list[tuple[str, ...]]:
    bounds = {name: [bound for bound in found.bounds if bound.name == name] for name in KEPT}
    told = {name: ", ".join(f"{bound.words} ({bound.pack})" for bound in each) for name, each in bounds.items()}
    return [(name, str(days), KEPT[name].since, told[name]) for name, days in asdict(found.schedule).items()]


def _urgent() -> str:
    return f"{schedule.URGENT_LIVE_HOURS} hours live, {schedule.URGENT_FILE_HOURS} hours in recorded footage"


def _write(path: Path, words: str) -> None:
    try:
        with whole(path, private=False) as file:
            file.write(words.encode())
    except OSError as fault:
        raise SettingsError(f"'{path}' cannot be written ({fault.strerror})", hint="name another file") from fault
    display.say(f"written: {display.shown(path)}")
