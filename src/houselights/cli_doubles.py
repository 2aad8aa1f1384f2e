"""Who looks alike: `houselights lookalikes` and `houselights doubles`. Both are searches to the record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from houselights import batch, cases, display, models, twins
from houselights import doubles as comparing
from houselights.case import Opening
from houselights.cli_actor import ByOption, signer
from houselights.cli_case import (
    AuthorisedByOption,
    BasisOption,
    CaseOption,
    FactOption,
    JsonOption,
    JustificationOption,
    ReportOption,
    WatchlistOption,
    facts_of,
    in_case,
    leaves,
    ways,
)
from houselights.cli_log import deliver, deliver_page, ready
from houselights.cli_models import AcceptOption, CalibrationOption, RecogniserOption, fetch_for
from houselights.doubles import Asking, Outcome
from houselights.errors import SettingsError
from houselights.twins import Doubles, Lookalikes
from houselights.types import Purpose

GalleryArgument = Annotated[
    Path | None, typer.Argument(help="One folder a person with photographs, or one photograph a person.")
]


class _Bars(display.SearchBars):
    """A batch.Watcher for photographs: each is recorded as a film before it is compared."""

    def identified(self, done: int, total: int) -> None:
        """Photographs recorded."""
        self._step("recording photographs", done, total)


def lookalikes_command(
    gallery: GalleryArgument = None,
    *,
    watchlist: WatchlistOption = None,
    threshold_fmr: Annotated[float, typer.Option(help="How often two strangers may score as high as a pair.")] = 1e-5,
    purpose: Annotated[str | None, typer.Option(help=f"One of: {', '.join(Purpose)}.")] = None,
    basis: BasisOption = None,
    authorised_by: AuthorisedByOption = None,
    json: JsonOption = None,
    report_file: ReportOption = None,
    recogniser: RecogniserOption = "sface",
    accept_licence: AcceptOption = False,
    calibration: CalibrationOption = None,
    fact: FactOption = None,
    case: CaseOption = None,
    justification: JustificationOption = "",
    by: ByOption = None,
) -> None:
    """Show who in a gallery could be taken for whom, and how many such pairs strangers alone would give."""
    if (gallery is None) == (watchlist is None):
        raise SettingsError("a gallery's folder or --watchlist is needed", hint="one of them, not both")
    if case is not None and (by or justification):
        raise SettingsError(f"case '{case}' is open already", hint="--by and --justification open another")
    record = ready()
    with record.refusing("search"):
        authority = in_case(record, case, purpose, basis, authorised_by)
    request = batch.Request(
        footage=(), authority=authority, gallery=gallery, watchlist=watchlist, threshold_fmr=threshold_fmr,
        recogniser=recogniser, accept_licence=accept_licence, calibration=calibration, facts=facts_of(fact), case=case,
        opening=Opening(justification=justification, by=signer(by)), leaves=leaves(json, report_file),
    )  # fmt: skip
    fetch_for(recogniser)
    with _Bars() as bars:
        outcome = comparing.lookalikes(request, record, bars)
    _hand_out(outcome, json, report_file)


def doubles_command(
    photograph: Annotated[Path, typer.Argument(help="Of the person who asks, and of nobody else.", metavar="PHOTO")],
    *,
    among: Annotated[Path, typer.Option(help="One folder a person with photographs, or one photograph a person.")],
    name: Annotated[str, typer.Option(help="Who asks. It is sealed, not in the log.")],
    consent: Annotated[str, typer.Option(help="What they agreed to, in their own words. It is sealed.")],
    authorised_by: Annotated[str, typer.Option(help="Who authorised it.")],
    most: Annotated[int, typer.Option(min=1, max=50, help="How many people are shown.")] = 10,
    json: JsonOption = None,
    report_file: ReportOption = None,
    recogniser: RecogniserOption = "sface",
    accept_licence: AcceptOption = False,
    calibration: CalibrationOption = None,
    fact: FactOption = None,
) -> None:
    """Show somebody who asks who in a gallery looks most like them, and how near a stranger would be."""
    record = ready()
    asking = Asking(
        photograph=photograph, name=name, consent=consent, authorised_by=authorised_by, among=among, most=most,
        recogniser=recogniser, accept_licence=accept_licence, calibration=calibration, facts=facts_of(fact),
        leaves=leaves(json, report_file),
    )  # fmt: skip
    fetch_for(recogniser)
    with _Bars() as bars:
        outcome = comparing.doubles(asking, record, bars)
    _hand_out(outcome, json, report_file)


def _hand_out(outcome: Outcome, json: Path | None, report_file: Path | None) -> None:
    """Show what was found, after the rules allowed it and an entry says so."""
    comparing.opened(outcome, ways(json, report_file))
    deliver(outcome.result.to_json, lambda: _show(outcome.result), json)
    if report_file is not None:
        deliver_page(comparing.render(outcome, models.path_of(models.default("detector"))), report_file)
    case = outcome.case
    display.say(f"case {case.number[:8]}: {case.state(cases.now(outcome.use.record))}, until {case.until}")
    display.say("nothing of this is kept: what was written to files is yours to delete")


def _show(result: Lookalikes | Doubles) -> None:
    made = result.made
    basis, name = display.shown(made.basis), display.shown(made.authorised_by)
    display.out.print(f"purpose {made.purpose} · basis {basis} · authorised by {name}")
    for refusal in made.gallery.refused:
        display.out.print(f"refused photograph {display.shown(refusal.file)}: {display.shown(refusal.reason)}")
    for double in made.gallery.duplicates:
        display.out.print(f"duplicate photograph {display.shown(double.file)}: {display.shown(double.reason)}")
    if isinstance(result, Lookalikes):
        _show_pairs(result)
    else:
        _show_nearest(result)
    display.out.print(display.shown(result.summary))
    display.out.print(display.shown(result.closing))
    display.out.print("To look alike is no evidence of who somebody is.")


def _show_pairs(found: Lookalikes) -> None:
    rows = [
        (
            pair.one,
            pair.other,
            f"{pair.score:.3f}",
            pair.rate,
            pair.bound,
            *(Path(each).name for each in pair.photographs),
        )
        for pair in found.pairs
    ]
    if rows:
        display.rows(
            "", ("one", "other", "score", "strangers this alike", "95 % bound", "photograph", "photograph"), rows
        )
    for pair in found.pairs:
        names = f"{display.shown(pair.one)} and {display.shown(pair.other)}"
        display.out.print(f"{names}: {found.by_strangers(pair)}{f' {twins.ONE_PERSON}' if pair.twice else ''}")
    for each in found.shared:
        names = display.shown(" and ".join(each.names))
        display.out.print(f"{names}: the same photograph, byte for byte, under each of these names")


def _show_nearest(found: Doubles) -> None:
    rows = [
        (str(near.rank), near.name, f"{near.score:.3f}", near.rate, near.bound, Path(near.photograph).name)
        for near in found.nearest
    ]
    display.rows("", ("", "name", "score", "strangers this alike", "95 % bound", "photograph"), rows)
    for near in found.nearest:
        said = found.by_strangers(near)
        display.out.print(f"{near.rank}. {said}{f' {twins.ASKER}' if near.twice else ''}")
