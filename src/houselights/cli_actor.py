"""The commands about people and what films may be used for: `houselights actor ...` and `houselights intake`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from houselights import actors, display, intake, policy, sources
from houselights.actors import Passphrased
from houselights.cli_log import ready
from houselights.entry import ROLE_WORDS
from houselights.errors import FootageError, SettingsError
from houselights.intake import Intake
from houselights.record import Record
from houselights.types import Purpose

actor_app = typer.Typer(no_args_is_help=True, help="People who sign what they decide, with keys of their own.")

ByOption = Annotated[str | None, typer.Option(help="Who signs; asks for their passphrase.", metavar="NAME")]


def passphrase(name: str, *, new: bool = False) -> str:
    """Ask somebody for their passphrase; twice for a new one."""
    text = f"{'new passphrase' if new else 'passphrase'} of {name}"
    return str(typer.prompt(text, hide_input=True, confirmation_prompt=new, err=True))


def signer(name: str | None) -> Passphrased | None:
    """Who signs, with the passphrase they are asked for; None where nobody is named."""
    return None if name is None else (name, passphrase(name))


@actor_app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="One person's name. It is sealed, not in the log.")],
    *,
    role: Annotated[str, typer.Option(help=f"{', '.join(ROLE_WORDS)}. The first actor is an authoriser.")],
    by: ByOption = None,
) -> None:
    """Add a person with a key of their own. Once there is one, an authoriser signs for each other."""
    record = ready()
    with record.refusing("actor"):
        actor = actors.add(record, name, role, passphrase(name, new=True), signer(by))
    display.out.print(f"{display.shown(actor.name)}, {actor.role}: public key {actor.public}")


@actor_app.command("list")
def show() -> None:
    """Show who may sign."""
    rows = [(each.name, each.role, "revoked" if each.revoked else "", each.public) for each in actors.listed(ready())]
    display.rows("", ("name", "role", "", "public key"), rows)


@actor_app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="Whose key signs no more.")],
    *,
    by: Annotated[str, typer.Option(help="The authoriser who signs for it.", metavar="NAME")],
) -> None:
    """Revoke somebody's key. What it signed before stays signed."""
    record = ready()
    with record.refusing("actor"):
        actor = actors.revoke(record, name, (by, passphrase(by)))
    display.out.print(f"{display.shown(actor.name)}: revoked")


def intake_command(
    footage: Annotated[list[Path], typer.Argument(help="Films, photographs, folders.", metavar="FOOTAGE...")],
    *,
    purpose: Annotated[
        str | None, typer.Option(help=f"One of: {', '.join(Purpose)}. Shows what is fixed without.")
    ] = None,
    by: ByOption = None,
) -> None:
    """Fix what films may be used for. A further purpose needs two people: the same command, signed by each."""
    record = ready()
    files, _ = sources.find(footage)
    if not files:
        raise FootageError("no footage was named", hint="name films, photographs, or folders that hold some")
    if purpose is None and by is not None:
        raise SettingsError("--by signs for a purpose, and none was named", hint="add --purpose")
    with record.refusing("intake"):
        wanted = None if purpose is None else policy.purpose_of(purpose)
        signing = signer(by)
        for file in files:
            sha256 = sources.digest(file)
            if wanted is None:
                known = intake.of(record, sha256)
            elif signing is None:
                known = intake.take_in(record, sha256, file.name, wanted)
            else:
                known = intake.widen(record, sha256, file.name, wanted, signing)
            display.out.print(f"{display.shown(file)}: {_state(record, known)}")


def _state(record: Record, known: Intake) -> str:
    names = actors.names(record)
    said = f"for {' and '.join(known.purposes)}" if known.purposes else "nothing is fixed"
    waiting = [f"{what} (asked by {names.get(each.by, 'somebody')})" for what, each in known.asked.items()]
    return said + (f"; waits for a second person: {display.shown(', '.join(waiting))}" if waiting else "")
