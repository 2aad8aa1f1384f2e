"""The commands about watchlists: `houselights watchlist ...`. Who reviews an entry is asked for their passphrase."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from houselights import display, models, odds, watchlist
from houselights.cli_actor import ByOption, passphrase, signer
from houselights.cli_log import ready
from houselights.cli_models import AcceptOption, RecogniserOption, fetch_if_missing
from houselights.entry import CATEGORY_WORDS
from houselights.listing import IMAGE_WORDS, SOURCE_WORDS, Listed, Wanted
from houselights.registrar import Registrar
from houselights.templates import Recogniser
from houselights.watchlist import Added
from houselights.words import count

ALIKE_FMR = 1e-5  # two of one list who score like one in a hundred thousand pairs of strangers are lookalikes

watchlist_app = typer.Typer(no_args_is_help=True, help="Galleries that are kept: who is looked for, why, until when.")

NameArgument = Annotated[str, typer.Argument(help="The watchlist.", metavar="NAME")]
SubjectArgument = Annotated[str, typer.Argument(help="Whose entry.", metavar="SUBJECT")]
DAY = ["%Y-%m-%d"]


@watchlist_app.command("add")
def add(
    name: NameArgument,
    photographs: Annotated[list[Path], typer.Argument(help="Of this person alone.", metavar="PHOTO...")],
    *,
    subject: Annotated[str, typer.Option(help="Whose photographs they are.")],
    category: Annotated[str, typer.Option(help=f"Why: {', '.join(CATEGORY_WORDS)}.")],
    source: Annotated[str, typer.Option(help=f"Where they lawfully come from: {', '.join(SOURCE_WORDS)}.")],
    source_text: Annotated[str, typer.Option(help="Which consent, order, report or record that is.")],
    image_date: Annotated[datetime, typer.Option(help="When the oldest was taken.", formats=DAY)],
    image: Annotated[str, typer.Option(help=f"What they are: {', '.join(IMAGE_WORDS)}.")] = "original",
    until: Annotated[
        datetime | None, typer.Option(help="The last day; without it the longest that may be.", formats=DAY)
    ] = None,
    by: ByOption = None,
    minor: Annotated[bool, typer.Option("--minor", help="Under age: needs --justification.")] = False,
    justification: Annotated[str, typer.Option(help="Why the entry is needed all the same.")] = "",
    despite: Annotated[str, typer.Option(help="Why somebody comes back who was erased.", metavar="REASON")] = "",
    recogniser: RecogniserOption = "sface",
    accept_licence: AcceptOption = False,
) -> None:
    """Add somebody. They are searched for when somebody else has reviewed the entry."""
    record = ready()
    wanted = Wanted(
        subject=subject, category=category, source=source, source_text=source_text, image_date=image_date.date(),
        photographs=tuple(photographs), image=image, until=None if until is None else until.date(), minor=minor,
        justification=justification, despite=despite,
    )  # fmt: skip
    with record.refusing("watchlist"):
        wanted = wanted.checked()
        fetch_if_missing("detector", *(("recogniser",) if recogniser == models.default("recogniser").name else ()))
        model = models.recogniser(recogniser, accept_licence=accept_licence)
        alike = odds.built_in(model).score_at(ALIKE_FMR)
        registrar = Registrar(models.path_of(models.default("detector")), Recogniser(model, models.path_of(model)))
        _show_added(watchlist.add(record, name, wanted, registrar, signer(by), alike=alike), name)


def _show_added(added: Added, name: str) -> None:
    entry = added.entry
    for refusal in added.refused:
        display.out.print(f"refused photograph {display.shown(refusal.file)}: {display.shown(refusal.reason)}")
    for other in added.lookalikes:
        display.out.print(f"lookalikes: a candidate for {display.shown(entry.subject)} may be {display.shown(other)}")
    display.out.print(
        f"{display.shown(entry.subject)}: on the watchlist {display.shown(name)} until {entry.until[:10]},"
        f" {len(entry.portraits)} of {count(entry.offered, 'photograph')} in use; waits for review"
    )


@watchlist_app.command("review")
def review(
    name: NameArgument,
    subject: SubjectArgument,
    *,
    by: Annotated[str, typer.Option(help="Who reviewed it: not who added it.", metavar="NAME")],
) -> None:
    """Let an entry take part in searches, after a look at `watchlist show`."""
    record = ready()
    with record.refusing("watchlist"):
        entry = watchlist.review(record, name, subject, (by, passphrase(by)))
    display.out.print(f"{display.shown(entry.subject)}: reviewed, searched for until {entry.until[:10]}")


@watchlist_app.command("list")
def show_all() -> None:
    """Show all watchlists, and how many entries each has."""
    record = ready()
    now = record.clock()
    rows = []
    for name in watchlist.names(record):
        states = [entry.state(now) for entry in watchlist.listed(record, name)]
        rows.append((name, *(str(states.count(each)) for each in ("searched", "waits for review", "expired"))))
    display.rows("", ("watchlist", "searched", "wait for review", "expired"), rows)


@watchlist_app.command("show")
def show(
    name: NameArgument, *, as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False
) -> None:
    """Show the entries of a watchlist. Templates and pictures are never shown."""
    record = ready()
    now = record.clock()
    shown = [_facts(entry, now) for entry in watchlist.listed(record, name)]
    if as_json:
        sys.stdout.writelines(f"{json.dumps(each)}\n" for each in shown)
        return
    titles = ("subject", "category", "source", "", "image", "days old", "used", "refused", "quality", "state", "until")
    display.rows("", titles, [tuple(str(value) for value in each.values()) for each in shown])
    used, refused = (sum(int(each[what]) for each in shown) for what in ("photographs", "refused"))
    display.out.print(f"{refused} of {count(used + refused, 'photograph')} refused at enrolment")


def _facts(entry: Listed, now: datetime) -> dict[str, str | int | float]:
    return {
        "subject": entry.subject,
        "category": entry.category,
        "source": entry.source,
        "source_text": entry.source_text,
        "image": entry.image,
        "image_age_days": (now.astimezone(UTC).date() - date.fromisoformat(entry.image_date)).days,
        "photographs": len(entry.portraits),
        "refused": entry.offered - len(entry.portraits),
        "quality": round(entry.quality, 2),
        "state": entry.state(now),
        "until": entry.until[:10],
    }


@watchlist_app.command("remove")
def remove(name: NameArgument, subject: SubjectArgument) -> None:
    """Destroy an entry: template, picture and the key they lie under."""
    entry = watchlist.remove(ready(), name, subject)
    display.out.print(f"{display.shown(entry.subject)}: removed from {display.shown(name)}")


@watchlist_app.command("renew")
def renew(name: NameArgument) -> None:
    """Give a watchlist a new secret matrix, and rotate its templates by it. No photograph is needed."""
    entries = watchlist.renew(ready(), name)
    display.out.print(f"{display.shown(name)}: {entries} entries rotated anew")
