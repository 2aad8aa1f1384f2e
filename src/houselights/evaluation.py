"""Evaluation: what was measured, in one shape for the page, the program and the terminal."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from houselights.files import as_json
from houselights.result import Refusal

SCHEMA = "houselights/evaluation/1"


@dataclass(frozen=True, slots=True)
class Figure:
    """One rate or count with its bounds."""

    name: str
    """What it is, with its threshold or rate: `TAR at FMR 0.0001`."""
    value: float | None
    """None where there was too little to say it; `note` says what was missing."""
    low: float | None = None
    """95 % bounds, over people where people were resampled; None where the figure has none."""
    high: float | None = None
    count: int | None = None
    """Trials that count towards it."""
    of: int | None = None
    """All trials."""
    threshold: float | None = None
    """The score it was taken at."""
    note: str = ""
    share: bool = True
    """Whether it is a share of 0 to 1, shown in percent."""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures that belong together."""

    title: str
    figures: tuple[Figure, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over two axes."""

    title: str
    x: str
    """What the axis shows."""
    y: str
    series: tuple[Series, ...]
    x_log: bool = False
    y_log: bool = False
    diagonal: bool = False
    """Whether the line of equality is drawn."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation."""

    what: str
    """verification, identification, detection, tracking, release or odds."""
    data: str
    """What was read."""
    facts: tuple[tuple[str, str], ...]
    """What the figures depend on besides the data: models with digests, settings, numbers of people."""
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know: doubtful data, figures that were refused."""
    lost: tuple[Refusal, ...] = ()
    """What could not be used, by name."""
    schema: str = field(default=SCHEMA)

    def to_json(self) -> str:
        """The document behind `--json`: UTF-8, indented, keys in the order of docs/json.md."""
        return as_json(self.schema, asdict(self))
