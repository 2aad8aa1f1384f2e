"""The commands that measure what is done with pictures: `houselights evaluate detection | tracking | release`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from houselights import detection, display, leaks, tracking
from houselights.cli_evaluate import JsonOption, ReportOption, check_outputs, evaluate_app, show
from houselights.cli_models import fetch_if_missing
from houselights.detection import Way
from houselights.errors import SettingsError
from houselights.sampling import Sampling
from houselights.tracking import Rule

__all__ = ["evaluate_app"]  # with these commands added to it

WidthOption = Annotated[
    int | None,
    typer.Option("--detector-width", min=160, max=7680, help="Long side in pixels at which faces are looked for."),
]
CrowdOption = Annotated[bool, typer.Option("--crowd", help="Look for faces at twice the size as well.")]
TruthsOption = Annotated[
    list[Path] | None,
    typer.Option("--truth", help="truth.json of an event, or a gt.txt; may be repeated.", metavar="FILE"),
]


@evaluate_app.command("detection")
def detection_command(
    *,
    images: Annotated[Path | None, typer.Option(help="Photographs with known boxes.", metavar="DIR")] = None,
    boxes: Annotated[
        Path | None, typer.Option(help="Their boxes, Pascal VOC, by the same names.", metavar="DIR")
    ] = None,
    truth: Annotated[Path | None, typer.Option(help="In place of photographs: truth.json.", metavar="FILE")] = None,
    footage: Annotated[Path | None, typer.Option(help="The film that the truth is of.", metavar="FILE")] = None,
    release: Annotated[bool, typer.Option("--release", help="Look for faces as a release does, not a search.")] = False,
    detector_width: WidthOption = None,
    crowd: CrowdOption = False,
    score: Annotated[float | None, typer.Option(help="The detector score from which on a face counts.")] = None,
    overlap: Annotated[float, typer.Option(help="Of box and face from which on it is found.")] = detection.OVERLAP,
    json: JsonOption = None,
    report: ReportOption = None,
) -> None:
    """Measure which faces are found, by their height, in photographs or in a film."""
    check_outputs(json, report)
    way = Way(release=release, detector_width=detector_width, crowd=crowd, score=score)
    photographs = _both(images, boxes, "--images", "--boxes")
    film = _both(truth, footage, "--truth", "--footage")
    if (photographs is None) == (film is None):
        raise SettingsError("nothing to measure, or two things", hint="--images and --boxes, or --truth and --footage")
    fetch_if_missing("detector", "second-detector" if release else "detector")
    with display.steps("looking for faces") as bar:
        if photographs is not None:
            found = detection.photographs(*photographs, way, bar, overlap=overlap)
        elif film is not None:
            found = detection.film(*film, way, bar, overlap=overlap)
    show(found, json, report)


@evaluate_app.command("tracking")
def tracking_command(
    *,
    truth: TruthsOption = None,
    tracks: Annotated[
        list[Path] | None,
        typer.Option("--tracks", help="Tracks in the form of the MOT Challenge, one file a truth.", metavar="FILE"),
    ] = None,
    event: Annotated[
        list[Path] | None,
        typer.Option("--event", help="A folder of `houselights event`: our own tracks are made.", metavar="DIR"),
    ] = None,
    detector_width: WidthOption = None,
    crowd: CrowdOption = False,
    sample: Annotated[str, typer.Option(help="With --event, frames to analyse: all, auto, keys, or N.")] = "all",
    overlap: Annotated[float, typer.Option(help="From which on a box is on a face.")] = tracking.OVERLAP,
    height: Annotated[float, typer.Option(help="Pixels: lower faces are not asked for.")] = tracking.RULE.height,
    json: JsonOption = None,
    report: ReportOption = None,
) -> None:
    """Measure how well tracks follow faces: somebody's tracks, or our own of synthetic events."""
    check_outputs(json, report)
    rule, way, sampling = (
        Rule(overlap=overlap, height=height),
        Way(detector_width=detector_width, crowd=crowd),
        Sampling.parse(sample),
    )
    given = [detection.listed(*pair) for pair in _pairs(truth or [], tracks or [], "--truth", "--tracks")]
    facts = (("faces are looked for", f"{way.words()}, frames: {sampling}"), *way.models()) if event else ()
    if event:
        fetch_if_missing("detector")
    for number, folder in enumerate(event or [], start=1):
        with display.steps(f"[{number}/{len(event or [])}] {display.shown(folder)}") as bar:
            given.append(detection.follow(folder, way, sampling, bar))
    show(tracking.evaluate(given, rule, facts), json, report)


@evaluate_app.command("release")
def release_command(
    *,
    truth: Annotated[list[Path], typer.Option(help="truth.json of the source; may be repeated.", metavar="FILE")],
    released: Annotated[list[Path], typer.Option(help="The film released of it, one a truth.", metavar="FILE")],
    fill: Annotated[
        str | None, typer.Option(help="Colour of the covers, where no manifest says it.", metavar="RRGGBB")
    ] = None,
    may_be_seen: Annotated[
        list[str] | None,
        typer.Option(
            help="Who of the truth may be seen; may be repeated. Those enrolled, if anybody is kept.", metavar="ID"
        ),
    ] = None,
    json: JsonOption = None,
    report: ReportOption = None,
) -> None:
    """Measure which people can still be seen in a released film."""
    check_outputs(json, report)
    pairs = _pairs(truth, released, "--truth", "--released")
    opened = [leaks.opened(of, file, colour=fill, seen=tuple(may_be_seen or ())) for of, file in pairs]
    with display.steps("looking at what is released") as bar:
        found = leaks.evaluate(opened, bar)
    show(found, json, report)


def _both(one: Path | None, other: Path | None, name: str, other_name: str) -> tuple[Path, Path] | None:
    """Two options that belong together, or None where neither is given."""
    if one is None and other is None:
        return None
    if one is None or other is None:
        raise SettingsError(
            f"{name if other is None else other_name} is given alone", hint=f"{name} goes with {other_name}"
        )
    return one, other


def _pairs(ones: Sequence[Path], others: Sequence[Path], name: str, other_name: str) -> list[tuple[Path, Path]]:
    """Options that were repeated, in pairs."""
    if len(ones) != len(others):
        message = f"{name} is given {len(ones)} times, {other_name} {len(others)} times"
        raise SettingsError(message, hint=f"name one {other_name} for each {name}, in the same order")
    return list(zip(ones, others, strict=True))
