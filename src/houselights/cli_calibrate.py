"""`houselights calibrate`: what scores mean for a recogniser, or on people, of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from houselights import calibration, dataset, display, lists, models
from houselights.calibration import Progress
from houselights.cli_log import check_writable, ready, write
from houselights.cli_models import AcceptOption, LeaveOutOption, MiddleOption, RecogniserOption, fetch_for
from houselights.dataset import Reading
from houselights.errors import CalibrationError
from houselights.gallery import entries
from houselights.templates import Recogniser
from houselights.words import count, one_in


def calibrate_command(
    *,
    images: Annotated[Path, typer.Option(help="One folder a person with photographs, or one photograph a person.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The calibration file.")],
    data: Annotated[str | None, typer.Option(help="What the photographs are, for the record.")] = None,
    leave_out: LeaveOutOption = None,
    middle: MiddleOption = False,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on with what an earlier run had done.")
    ] = True,
    recogniser: RecogniserOption = "sface",
    accept_licence: AcceptOption = False,
) -> None:
    """Measure how often strangers reach each score, for a recogniser of your own or on people of your own."""
    how = Reading(middle, with_shots=True, leave_out=lists.read_left_out(leave_out) if leave_out else {})
    _check(images, output)
    model = models.recogniser(recogniser, accept_licence=accept_licence)
    fetch_for(recogniser)
    network = Recogniser(model, models.path_of(model))
    record = ready()
    progress = Progress(record, images, model, how)
    if not resume:
        progress.clear()
    progress.begin()
    dataset.enter(record, "calibration", images)
    with display.steps("photographs") as bar:
        detector = models.path_of(models.default("detector"))
        people = dataset.read(images, detector, network, how, progress=bar, kept=progress)
    for doubt in people.doubts():
        display.say(doubt)
    try:
        found = calibration.measure(model, data or people.name, people)
    finally:  # what comes now is quick, and what was read may not rest for longer
        progress.clear()
    write(output, found.to_json().encode())
    display.out.print(f"{found.describe()}; {count(len(people.lost), 'photograph')} refused, ", end="")
    display.out.print(f"{count(len(people.duplicates), 'duplicate')}, {len(people.left_out)} left out by name")
    for curve in found.curves:
        rate = max(1e-5, found.lowest_rate)
        shown = f"; 1 in {one_in(rate):,} strangers reach {found.score_at(rate, curve.kind):.3f}"
        display.out.print(f"  {curve.kind}: {curve.comparisons:,} comparisons of {curve.people:,} people{shown}")


def _check(images: Path, output: Path) -> None:
    """Return if there are people enough, and a place for the file: known before an hour's work."""
    offered, _ = entries(images, [])
    people = len({each.subject for each in offered})
    if people < calibration.FEWEST:
        msg = f"'{images}' has {people} people, too few to calibrate on: expected {calibration.FEWEST} or more"
        raise CalibrationError(msg, hint="a thousand people show rates down to 6e-6")
    check_writable(output)
