"""Charts: lines over two axes as SVG, the same for the same numbers. Matplotlib draws them (the extra `plots`)."""

from __future__ import annotations

import hashlib
import importlib
import io
import math
import re
import warnings
from html import escape
from typing import Any

from houselights.errors import SettingsError
from houselights.evaluation import Chart, Series
from houselights.words import visible

SIZE = (6.2, 4.4)  # inches of 72 points: two stand side by side on a screen, and one can be read on a phone
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9")  # Okabe and Ito, but a darker yellow
STYLES = ("solid", "dashed", "dashdot", "dotted")  # lines differ without colour, too
INK, QUIET, LINE = "#010101", "#020202", "#030303"
THEME = {INK: "var(--ink, #1b2026)", QUIET: "var(--quiet, #56606b)", LINE: "var(--line, #d8dde3)"}
"""Colours that stand for those of the page that the chart is in; a chart on its own has the second."""
SETTINGS = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a `$` in somebody's name is no formula
    "font.family": ["sans-serif"],
    "font.size": 10.5,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.unicode_minus": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "text.color": INK,
    "grid.color": LINE,
}


def ready() -> None:
    """Return if charts can be drawn.

    Raises:
        SettingsError: matplotlib is not installed, or does not load.
    """
    _drawing("matplotlib")


def svg(chart: Chart) -> str:
    """The chart as one `<svg>` element that can stand in a page: no script, no address, no date.

    Text in it is shown with control and direction characters spelt out, and can never act as markup or as a formula.

    Raises:
        SettingsError: matplotlib is not installed, or does not load.
    """
    matplotlib = _drawing("matplotlib")
    figures, backend = _drawing("matplotlib.figure"), _drawing("matplotlib.backends.backend_svg")
    mark = hashlib.sha256(repr(chart).encode("utf-8", "backslashreplace")).hexdigest()[:12]
    page = io.StringIO()
    with warnings.catch_warnings(), matplotlib.rc_context({**SETTINGS, "svg.hashsalt": mark}):
        warnings.filterwarnings("ignore", message="Glyph")  # letters are drawn by who looks at the page
        figure = figures.Figure(SIZE, layout="constrained")
        backend.FigureCanvasSVG(figure)
        _draw(figure.add_subplot(), chart)
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(page, format="svg", transparent=True, metadata=nothing)
    return _inline(page.getvalue(), chart, mark)


def _drawing(module: str) -> Any:  # noqa: ANN401 - there is nothing to type it by where it is not installed
    try:
        return importlib.import_module(module)
    except ImportError as fault:
        msg = f"charts need the package matplotlib, which does not load: {fault}"
        raise SettingsError(msg, hint="pip install 'houselights[plots]', or leave out --report") from fault


def _draw(axes: Any, chart: Chart) -> None:  # noqa: ANN401 - see _drawing
    across = [value for series in chart.series for value in series.x if value > 0]
    up = [value for series in chart.series for value in (*series.y, *series.low, *series.high) if value > 0]
    x_log, y_log = chart.x_log and bool(across), chart.y_log and bool(up)
    for number, series in enumerate(chart.series):
        _line(axes, series, number, min(up) / 2 if y_log else -math.inf)
    if x_log:  # an axis without any number above 0 has no powers of ten
        axes.set_xscale("log", nonpositive="mask")
    if y_log:
        axes.set_yscale("log", nonpositive="mask")
    if chart.diagonal:
        ends = sorted((*axes.get_xlim(), *axes.get_ylim()))[1:3]  # where both axes have it
        axes.plot(ends, ends, color=QUIET, linewidth=1, linestyle=(0, (1, 3)), scalex=False, scaley=False)
    _axis(axes.xaxis, chart.x, log=x_log)
    _axis(axes.yaxis, chart.y, log=y_log)
    axes.grid(visible=True, linewidth=0.6)
    axes.set_axisbelow(True)
    if len(chart.series) > 1:
        axes.legend(frameon=False, fontsize=9.5)


def _axis(axis: Any, title: str, *, log: bool) -> None:  # noqa: ANN401 - see _drawing
    axis.set_label_text(_words(title))
    low, high = axis.get_view_interval()
    if log and high < 100 * low:  # one power of ten alone would tell no scale
        axis.set_major_locator(_drawing("matplotlib.ticker").LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(lambda value, _place: f"{value:.6g}")
    axis.set_minor_formatter(lambda _value, _place: "")


def _line(axes: Any, series: Series, number: int, floor: float) -> None:  # noqa: ANN401 - see _drawing
    """One line with its band; a bound of 0, which no power of ten reaches, is drawn at the floor."""
    colour, style = COLOURS[number % len(COLOURS)], STYLES[number % len(STYLES)]
    marker = "o" if len(series.x) <= 12 else ""
    axes.plot(
        series.x, series.y, color=colour, linestyle=style, linewidth=1.8, marker=marker, markersize=4,
        label=_words(series.name),
    )  # fmt: skip
    if series.low and series.high:
        low, high = ([max(value, floor) for value in bound] for bound in (series.low, series.high))
        axes.fill_between(series.x, low, high, color=colour, alpha=0.18, linewidth=0)


def _words(text: str) -> str:
    """Text as it may stand in a chart: one that begins with an underscore would be left out of the legend."""
    shown = str(visible(text)).replace("\n", " ")
    return f" {shown}" if shown.startswith("_") else shown


def _inline(document: str, chart: Chart, mark: str) -> str:
    """The element alone, with ids that are no other chart's, in the colours of the page around it."""
    element = document[document.index("<svg") :].strip()
    element = re.sub(r'(\bid="|href="#|url\(#)', rf"\1c{mark}-", element)
    element = re.sub(r"font-family: [^;\"]*", "font-family: sans-serif", element)
    label = escape(str(visible(f"{chart.title}. {chart.x}; {chart.y}")), quote=True)
    element = re.sub(r"^<svg[^>]*?(viewBox=\"[^\"]*\")[^>]*>", rf'<svg \1 {_SPACES} role="img">', element, count=1)
    element = element.replace('role="img"', f'role="img" aria-label="{label}"', 1)
    for stands_for, colour in THEME.items():
        element = element.replace(stands_for, colour)
    return element + "\n"


_SPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
