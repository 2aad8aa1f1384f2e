"""The commands about rules: `houselights policy ...`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from houselights import decision, display, packs, settings
from houselights.cli_log import FAILED
from houselights.facts import WORDS, Value, read_fact
from houselights.packs import Pack
from houselights.rules import HOUSE
from houselights.settings import Setup

policy_app = typer.Typer(no_args_is_help=True, help="Rules as text: which are on, what they say, what they refuse.")


@policy_app.command("list")
def show_all() -> None:
    """Show the packs of rules, their status, and which are on."""
    setup = settings.setup()
    rows = [(pack.name, _state(pack, setup), pack.status, pack.jurisdiction, pack.dates, pack.title)
            for pack in packs.load().values()]  # fmt: skip
    display.rows("", ("pack", "", "status", "where", "when", "title"), rows)
    place = ", ".join(f"{name} = {value}" for name, value in setup.place.items())
    display.say(display.shown(f"{setup.file or 'no houselights.toml'}: {place or 'nothing is known of the place'}"))


def _state(pack: Pack, setup: Setup) -> str:
    if pack not in setup.enabled:
        return "off"
    return "on" if pack.covers(datetime.now(UTC).date()) else "off today"


@policy_app.command("show")
def show(name: Annotated[str, typer.Argument(help="A name from `policy list`.")]) -> None:
    """Show a pack: where its rules come from, what is unverified, what it leaves out, and its text."""
    pack = packs.named(packs.load(), name)
    display.out.print(display.shown(f"{pack.name}: {pack.title} ({pack.status}, {pack.jurisdiction}, {pack.dates})"))
    display.out.print(f"sha256 {pack.sha256}")
    parts = {
        "sources": [f"{source.title} [{source.seen}]" for source in pack.sources],
        "unverified": pack.unverified,
        "left out": pack.left_out,
        "retention": [f"{bound.name}, {bound.words}: {bound.source}" for bound in pack.bounds],
    }
    for title, lines in parts.items():
        for line in lines:
            display.out.print(display.shown(f"{title}: {line}"))
    display.out.print(f"\n{display.shown_lines(pack.text)}")


@policy_app.command("explain")
def explain(
    *,
    action: Annotated[str, typer.Option(help=f"One of: {', '.join(WORDS['action'])}.")] = "search",
    mode: Annotated[str, typer.Option(help=f"One of: {', '.join(WORDS['mode'])}.")] = "file",
    purpose: Annotated[str, typer.Option(help=f"One of: {', '.join(WORDS['purpose'])}.")] = "unstated",
    compares: Annotated[
        bool, typer.Option("--compares/--compares-nobody", help="Whether anybody is compared with a photograph.")
    ] = True,
    fact: Annotated[
        list[str] | None, typer.Option(help="Another fact, as consent=written. May be repeated.", metavar="NAME=VALUE")
    ] = None,
    pack: Annotated[
        list[str] | None, typer.Option(help="Ask this pack, too, as if it were on. May be repeated.", metavar="NAME")
    ] = None,
) -> None:
    """Say whether a use would be allowed, by which rule and source, and what would make it allowed.

    One named subject, a basis and an authoriser are assumed unless --fact says otherwise. Nothing is recorded.
    """
    setup = settings.setup()
    more = tuple(packs.named(packs.load(), name) for name in pack or ())
    facts: dict[str, Value] = {
        "action": action,
        "mode": mode,
        "purpose": purpose,
        "compares": compares,
        "answered_for": True,
    }
    stated = {**facts, "subjects": 1, **dict(read_fact(text) for text in fact or ())}
    for line in replace(setup, enabled=(*setup.enabled, *more)).decide(**stated).lines():
        display.out.print(display.shown(line))


@policy_app.command("test")
def run_examples(name: Annotated[str | None, typer.Argument(help="One pack; all of them without.")] = None) -> None:
    """Run the examples of the packs. Exit status 1 and the place where one does not come out as it says."""
    known = packs.load()
    chosen = list(known.values()) if name is None else [packs.named(known, name)]
    wrong = list(decision.failures(chosen, known[HOUSE]))
    for line in wrong:
        display.out.print(display.shown(line))
    examples = sum(len(pack.examples) for pack in chosen)
    display.out.print(f"{len(chosen)} packs, {examples} examples, {len(wrong)} wrong")
    if wrong:
        raise typer.Exit(FAILED)
