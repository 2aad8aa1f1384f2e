"""The commands that measure: `houselights evaluate ...`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from houselights import (
    assessment,
    charts,
    coverage,
    dataset,
    display,
    groups,
    identification,
    lists,
    models,
    odds,
    verification,
)
from houselights.cli_log import check_writable, deliver, deliver_page, ready
from houselights.cli_models import (
    AcceptOption,
    CalibrationOption,
    LeaveOutOption,
    MiddleOption,
    RecogniserOption,
    fetch_for,
)
from houselights.dataset import Dataset, Reading
from houselights.errors import CalibrationError, SettingsError
from houselights.evaluation import Evaluation
from houselights.templates import Recogniser
from houselights.verification import FEW_PEOPLE
from houselights.words import persons

FEWEST = FEW_PEOPLE  # people of a folder: what is measured on one or two of them says who looks like whom

evaluate_app = typer.Typer(no_args_is_help=True, help="Measure how often it errs, on data whose truth is known.")

JsonOption = Annotated[
    Path | None, typer.Option("--json", help="Write the figures as JSON; - is stdout.", metavar="FILE")
]
ReportOption = Annotated[
    Path | None, typer.Option("--report", help="Write them as one HTML file with charts.", metavar="FILE.html")
]


ImagesOption = Annotated[
    Path, typer.Option("--images", help="One folder a person, with photographs in it.", metavar="DIR")
]
FirstsOption = Annotated[
    bool, typer.Option("--firsts", help="Compare only the first photograph of each person with those of others.")
]
RatesOption = Annotated[
    str, typer.Option("--rates", help="False-match rates, with commas between them.", metavar="RATE,...")
]
ALL_RATES = ",".join(f"{rate:g}" for rate in verification.RATES)


@evaluate_app.command("verification")
def verification_command(
    *,
    images: ImagesOption,
    pairs: Annotated[Path | None, typer.Option(help="Pairs to judge, as in LFW's pairs.txt.", metavar="FILE")] = None,
    group_list: Annotated[
        Path | None, typer.Option("--groups", help="Your labels: person,label a line.", metavar="FILE.csv")
    ] = None,
    rates: RatesOption = ALL_RATES,
    firsts: FirstsOption = False,
    middle: MiddleOption = False,
    leave_out: LeaveOutOption = None,
    recogniser: RecogniserOption = "sface",
    accept_licence: AcceptOption = False,
    json: JsonOption = None,
    report: ReportOption = None,
) -> None:
    """Measure both errors of comparing two photographs: FMR and FNMR, TAR at an FMR, failure to acquire."""
    check_outputs(json, report)
    _check_folders(images)
    wanted = rates_of(rates)
    listed = lists.read_pairs(pairs) if pairs else ()
    labels = groups.read(group_list) if group_list else ()
    how = _reading(leave_out, middle=middle)
    network = _network(recogniser, accept_licence=accept_licence)
    people = _people(images, "verification", network=network, how=how)
    compared = verification.compare(people, wanted, firsts=firsts)
    gathered, notes = groups.gather(labels, people) if labels else ((), ())
    tables = groups.tables(compared, gathered, wanted)
    facts = _facts(network, how)
    show(verification.evaluation(compared, wanted, facts, pairs=listed, more=tables, notes=notes), json, report)


@evaluate_app.command("identification")
def identification_command(
    *,
    images: Annotated[
        Path | None, typer.Option(help="One folder a person: parted into gallery, probes, strangers.", metavar="DIR")
    ] = None,
    enrolled: Annotated[int | None, typer.Option(help="With --images: how many people are enrolled.")] = None,
    gallery: Annotated[Path | None, typer.Option(help="Who is enrolled: one folder a person.", metavar="DIR")] = None,
    probes: Annotated[
        Path | None, typer.Option(help="Who is searched for: folders with the gallery's names.", metavar="DIR")
    ] = None,
    strangers: Annotated[Path | None, typer.Option(help="Who is not in the gallery.", metavar="DIR")] = None,
    seed: Annotated[int, typer.Option(help="The same seed parts people, and takes smaller galleries, alike.")] = 1,
    sizes: Annotated[
        str, typer.Option(help="Of smaller galleries, with commas between them; a few without it.", metavar="N,...")
    ] = "",
    middle: MiddleOption = False,
    leave_out: LeaveOutOption = None,
    recogniser: RecogniserOption = "sface",
    accept_licence: AcceptOption = False,
    json: JsonOption = None,
    report: ReportOption = None,
) -> None:
    """Measure searches of a gallery, strangers among them: FNIR at an FPIR by gallery size, and ranks."""
    check_outputs(json, report)
    _check_sets(images, enrolled, (gallery, probes, strangers))
    _check_folders(images, gallery, probes, strangers)
    wanted = _sizes_of(sizes)
    how = _reading(leave_out, middle=middle)
    network = _network(recogniser, accept_licence=accept_licence)
    read = partial(_people, what="identification", network=network, how=how)
    if images is not None and enrolled is not None:
        known = read(images)
        people = replace(identification.split(known, enrolled, seed), notes=known.doubts())
    elif gallery is not None and probes is not None:
        others = read(strangers) if strangers else None
        people = identification.joined(read(gallery), read(probes), others, seed)
    found = identification.search(people, wanted)
    show(identification.evaluation(people, found, _facts(network, how)), json, report)


@evaluate_app.command("odds")
def odds_command(
    *,
    images: ImagesOption,
    calibration: CalibrationOption = None,
    rates: RatesOption = ALL_RATES,
    firsts: FirstsOption = False,
    middle: MiddleOption = False,
    leave_out: LeaveOutOption = None,
    recogniser: RecogniserOption = "sface",
    accept_licence: AcceptOption = False,
    json: JsonOption = None,
    report: ReportOption = None,
) -> None:
    """Measure whether the rates that a calibration states hold on people whom it has not seen."""
    check_outputs(json, report)
    _check_folders(images)
    wanted = rates_of(rates)
    how = _reading(leave_out, middle=middle)
    network = _network(recogniser, accept_licence=accept_licence)
    known = odds.read(calibration, network.model) if calibration else odds.built_in(network.model)
    compared = verification.compare(_people(images, "odds", network=network, how=how), wanted, firsts=firsts)
    show(coverage.stated(compared, known, _facts(network, how), wanted), json, report)


def rates_of(text: str) -> tuple[float, ...]:
    """Rates with commas between them, falling.

    Raises:
        SettingsError: one of them is no number between 0 and 1.
    """
    found = []
    for part in text.split(","):
        try:
            rate = float(part)
        except ValueError:
            rate = 0.0
        if not 0 < rate < 1:
            raise SettingsError(f"rate '{part.strip()}' is no number between 0 and 1", hint="--rates 1e-2,1e-3,1e-4")
        found.append(rate)
    return tuple(sorted(set(found), reverse=True))


def _sizes_of(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        if not (part.isascii() and part.isdecimal() and len(part) < 9 and int(part) > 1):
            raise SettingsError(f"gallery size '{part}' is no whole number of 2 and more", hint="--sizes 50,100,500")
    return tuple(map(int, parts))


def _check_sets(images: Path | None, enrolled: int | None, sets: tuple[Path | None, Path | None, Path | None]) -> None:
    hint = "--images DIR --enrolled N, or --gallery DIR --probes DIR with or without --strangers DIR"
    if images is None and (None in sets[:2] or enrolled is not None):
        raise SettingsError("nothing to measure: expected --gallery and --probes, or --images", hint=hint)
    if images is not None and (enrolled is None or any(sets)):
        raise SettingsError("--images needs --enrolled N, and takes no other folder beside it", hint=hint)


def _check_folders(*folders: Path | None) -> None:
    for folder in folders:
        if folder is not None and not folder.is_dir():
            raise SettingsError(f"photographs '{folder}' are not a folder", hint="one folder a person in it")


def _network(name: str, *, accept_licence: bool) -> Recogniser:
    model = models.recogniser(name, accept_licence=accept_licence)
    fetch_for(name)
    return Recogniser(model, models.path_of(model))


def _reading(leave_out: Path | None, *, middle: bool) -> Reading:
    return Reading(middle=middle, leave_out=lists.read_left_out(leave_out) if leave_out else {})


def _people(folder: Path, what: str, *, network: Recogniser, how: Reading) -> Dataset:
    """The people of a folder, read after an entry in the log says that they are compared.

    Raises:
        CalibrationError: they are too few, so that what they show would be said of persons.
    """
    dataset.enter(ready(), what, folder)
    with display.steps(f"photographs of {display.shown(folder.name)}") as bar:
        found = dataset.read(folder, models.path_of(models.default("detector")), network, how, progress=bar)
    if len(found.names) < FEWEST:
        msg = f"'{folder}' has {persons(len(found.names))} with a usable photograph, expected {FEWEST} or more"
        raise CalibrationError(msg, hint="so few show no rate: name a folder with more people")
    return found


def _facts(network: Recogniser, how: Reading) -> tuple[tuple[str, str], ...]:
    used = (network.model, models.default("detector"))
    face = "the one nearest to the middle" if how.middle else "the only clear one"
    return (*((model.role, f"{model.name}, SHA-256 {model.sha256[:16]}") for model in used), ("face of each", face))


def check_outputs(json: Path | None, report: Path | None) -> None:
    """Return if what was asked for can be written: called before the work begins.

    Raises:
        SettingsError: a folder is not there, or the page needs charts and matplotlib is not installed.
    """
    for file in (json, report):
        if file is not None and str(file) != "-":
            check_writable(file)
    if report is not None:
        charts.ready()


def show(evaluation: Evaluation, json: Path | None, report: Path | None) -> None:
    """The evaluation in the terminal, or as JSON where `json` is `-`; and in the files that were asked for.

    Raises:
        SettingsError: a file cannot be written.
    """
    deliver(evaluation.to_json, lambda: _print(evaluation), json)
    if report is not None:
        deliver_page(assessment.render(evaluation), report)


def _print(evaluation: Evaluation) -> None:
    display.out.print(f"{display.shown(evaluation.what)}: {display.shown(evaluation.data)}")
    for name, value in evaluation.facts:
        display.out.print(f"{display.shown(name)}: {display.shown(value)}")
    for table in evaluation.tables:
        cells = [
            (line.name, line.value, line.interval, line.counted, line.threshold, line.note)
            for line in assessment.lines(table)
        ]
        display.out.print()
        display.rows(display.shown(table.title), assessment.COLUMNS, cells)
        if table.note:
            display.out.print(display.shown(table.note))
    if evaluation.notes:
        display.out.print()
    for note in evaluation.notes:
        display.out.print(f"note: {display.shown(note)}")
    for lost in evaluation.lost[: assessment.LOST_SHOWN]:
        display.out.print(f"not used: {display.shown(lost.file)}: {display.shown(lost.reason)}")
    if len(evaluation.lost) > assessment.LOST_SHOWN:
        display.out.print(f"not used: {len(evaluation.lost) - assessment.LOST_SHOWN:,} more, see --json")
