"""The command for a person who asks what was done with their data: `houselights subject-report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from houselights import display, letter
from houselights.cli_actor import signer
from houselights.cli_log import OutOption, ready, write
from houselights.entry import SIGNED

CHECKED_BY = ", ".join(SIGNED["subject-reported"])


def subject_report_command(
    name: Annotated[str, typer.Argument(help="The person, as galleries and watchlists have the name.")],
    output: OutOption,
    *,
    checked_by: Annotated[
        str | None, typer.Option(help=f"Who checked who asks, and signs for it: {CHECKED_BY}.", metavar="NAME")
    ] = None,
    how: Annotated[str, typer.Option(help="How that was checked. It is sealed, not in the log.")] = "",
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the same as a document, too.", metavar="FILE")
    ] = None,
) -> None:
    """Write a letter to a person: what was done with their data. Making it is recorded, too."""
    found = letter.make(ready(), name, how, signer(checked_by))
    write(output, letter.render(found).encode())
    if json is not None:
        write(json, letter.to_json(found).encode())
    display.out.print(display.shown(letter.summary(found)))
    display.say(f"{display.shown(output)}: read it before you hand it over; what people typed stands in it as they did")
