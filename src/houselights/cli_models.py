"""The commands about weights: `houselights models ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from houselights import display, fetching, models
from houselights.cli_log import FAILED

models_app = typer.Typer(no_args_is_help=True, help="Weights: list, fetch and verify them.")

AcceptOption = Annotated[bool, typer.Option("--accept-licence", help="Accept the recogniser's licence terms.")]
RecogniserOption = Annotated[
    str, typer.Option("--recogniser", help="A name from `models list`, or FILE.onnx.", metavar="NAME|FILE")
]
LeaveOutOption = Annotated[
    Path | None,
    typer.Option("--leave-out", help="Photographs with wrong labels: a file name and a reason a line.", metavar="FILE"),
]
CalibrationOption = Annotated[
    Path | None, typer.Option("--calibration", help="A calibration in place of the built-in one.", metavar="FILE")
]
MiddleOption = Annotated[
    bool, typer.Option("--middle", help="Of several faces take the one nearest to the middle, as LFW means it.")
]


def fetch_if_missing(*roles: models.Role) -> None:
    """Fetch default weights that are not cached yet; where all are, nothing is opened but files."""
    wanted = [models.default(role) for role in dict.fromkeys(roles)]
    for model in wanted:
        if models.check(model).state != "ok":
            display.say(f"fetching {model.name} ({model.licence}), once: {model.note}")
            with display.download(model.name) as bar:
                fetching.fetch(model, bar, beside=wanted)


def fetch_for(recogniser: str) -> None:
    """Fetch what a recogniser of that name, or file, is used with, and itself where it is the default one."""
    fetch_if_missing("detector", "recogniser" if recogniser == models.default("recogniser").name else "detector")


@models_app.command("list")
def models_list() -> None:
    """Show the models, their licences and whether they are cached."""
    lines = [
        (
            each.model.name,
            each.model.role,
            each.model.licence,
            each.state,
            "yes" if each.model.default else "",
            each.model.note,
        )
        for each in models.verify()
    ]
    display.rows("", ("name", "role", "licence", "cached", "default", "note"), lines)


@models_app.command("fetch")
def models_fetch(
    names: Annotated[list[str] | None, typer.Argument(help="All defaults where none is named.")] = None,
    *,
    accept_licence: AcceptOption = False,
) -> None:
    """Fetch weights into the cache and check their SHA-256."""
    wanted = [models.named(name) for name in names or ()] or [model for model in models.TABLE if model.default]
    for model in wanted:
        if model.role == "recogniser":
            models.recogniser(model.name, accept_licence=accept_licence)
    for model in wanted:
        with display.download(model.name) as bar:
            path = fetching.fetch(model, bar, beside=wanted)
        display.out.print(f"{model.name} ({model.licence}): {display.shown(path)}")


@models_app.command("verify")
def models_verify() -> None:
    """Hash every cached file anew."""
    checks = models.verify()
    lines = [(each.model.name, each.state, each.reason, str(each.path)) for each in checks]
    display.rows("", ("name", "state", "reason", "file"), lines)
    if any(each.state == "altered" for each in checks):
        raise typer.Exit(FAILED)
