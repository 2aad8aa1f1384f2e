"""Assessment: an evaluation as people read it, in lines for the terminal and as one HTML page."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from houselights import __version__, charts
from houselights.evaluation import Evaluation, Figure, Table
from houselights.page import template
from houselights.words import count

LOST_SHOWN = 50  # files that could not be used: the page names so many, the JSON document all
SMALLEST = 1e-8  # percent: a bound below is shown as 0
COLUMNS = ("", "value", "95 % interval", "counted", "threshold", "note")


@dataclass(frozen=True, slots=True)
class Line:
    """A figure in words; empty where it has none."""

    name: str
    value: str
    interval: str
    counted: str
    threshold: str
    note: str


def render(evaluation: Evaluation) -> str:
    """The evaluation as one HTML document, the same for the same numbers. It runs nothing and asks nothing.

    Raises:
        SettingsError: it has charts, and matplotlib is not installed.
    """
    return template("evaluation.html").render(
        found=evaluation,
        summary=summary(evaluation),
        tables=[(table, lines(table)) for table in evaluation.tables],
        charts=[(chart, charts.svg(chart)) for chart in evaluation.charts],
        lost=evaluation.lost[:LOST_SHOWN],
        version=__version__,
    )


def summary(evaluation: Evaluation) -> str:
    """What was measured, and how much of it could not be said, in one sentence or two."""
    figures = [figure for table in evaluation.tables for figure in table.figures]
    refused = sum(figure.value is None for figure in figures)
    told = f"{count(len(figures) - refused, 'figure')} from {evaluation.data}."
    if not refused:
        return told
    stand = "stands" if refused == 1 else "stand"
    return f"{told} {refused:,} more {stand} without a value: there was too little to say it."


def lines(table: Table) -> tuple[Line, ...]:
    """A line a figure."""
    return tuple(_line(figure) for figure in table.figures)


def percent(share: float) -> str:
    """A share in percent: two decimals, and three digits of what is below one percent. `98.05 %`, `0.0104 %`."""
    hundred = 100 * share
    small = SMALLEST < abs(hundred) < 1
    return f"{Decimal(f'{hundred:.3g}'):f} %" if small else f"{hundred:.2f} %"


def number(value: float) -> str:
    """A number that is no share: whole ones as they are, others to four digits."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def _line(figure: Figure) -> Line:
    words = percent if figure.share else number
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f"{words(figure.low).removesuffix(' %')} to {words(figure.high)}"
    counted = "" if figure.count is None else f"{figure.count:,}"
    if figure.of is not None:
        counted = f"{counted} of {figure.of:,}".strip()
    return Line(
        figure.name,
        "not said" if figure.value is None else words(figure.value),
        interval,
        counted,
        "" if figure.threshold is None else f"{figure.threshold:.4f}",
        figure.note,
    )
