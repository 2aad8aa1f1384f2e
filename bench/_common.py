"""What the benchmarks share: people for events, facts about the machine, and how a table is shown."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from houselights import __version__, config, fetching, models, rounding, runtime
from houselights.cast import Cast, read_cast
from houselights.faces import Canvas, Detector
from houselights.gallery import Portraitist
from houselights.models import Role
from houselights.record import Record

PACKAGES = ("numpy", "scipy", "av", "opencv-python-headless", "openvino", "onnxruntime", "trackers")
Row = dict[str, Any]
Options = argparse.Namespace

console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def weights(role: Role) -> Path:
    """The default model's file, fetched where it is missing."""
    return fetching.fetch(models.default(role))


def detector(canvases: tuple[Canvas, ...]) -> Detector:
    """The detector as a search runs it."""
    return Detector(weights("detector"), canvases, ranges=rounding.built_in(models.default("detector")))


def record() -> Record:
    """A record for benchmarks alone."""
    return Record(Path(tempfile.mkdtemp(prefix="houselights-bench-")), name="bench.houselights.local")


def actors() -> Cast:
    """The people of the default cast."""
    weights("cast")
    return read_cast(fetching.cast_dir(), Portraitist(weights("detector")).find_face)


def strangers(folder: Path | None, count: int) -> Cast | None:
    """So many people from a folder of portraits, else from `strangers` in HOUSELIGHTS_DATA; None without either."""
    data = config.data_dir()
    place = folder or (data / "strangers" if data else None)
    if place is None or not place.is_dir():
        return None
    return read_cast(place, Portraitist(weights("detector")).find_face, limit=count)


def progress(done: int, total: int, what: str) -> None:
    """Say on a terminal how far the work is."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} {what}", end=end, file=sys.stderr, flush=True)


def facts() -> Row:
    """What a figure depends on besides the code: the command, the machine, the versions."""
    return {
        "command": shlex.join(["python", *sys.argv]),
        "machine": runtime.describe(),
        "versions": {"houselights": __version__, "python": sys.version.split()[0], **_versions()},
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "-"
    return found


def show(title: str, rows: list[Row], file: Path | None = None, notes: tuple[str, ...] = ()) -> None:
    """Print rows as a table with the facts below it, and write both as JSON where a file is named."""
    table = Table(title=title, title_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="left" if isinstance(rows[0][name], str) else "right")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    known = facts()
    console.print(table)
    for note in notes:
        console.print(note)
    machine = "; ".join(f"{name} {value}" for name, value in known["machine"].items() if name != "features")
    console.print(f"{known['command']}\n{machine}")
    console.print(", ".join(f"{name} {value}" for name, value in known["versions"].items() if value != "-"))
    if file is not None:
        file.write_text(json.dumps({**known, "title": title, "rows": rows, "notes": notes}, indent=1) + "\n", "utf-8")


def written(page: Path, name: str, rows: list[Row]) -> None:
    """Put a table in place of what stands between the page's marks of that name, with the command below it."""
    begin, end = f"<!-- figures: {name} -->", "<!-- end of figures -->"
    before, _, rest = page.read_text("utf-8").partition(begin)
    after = rest.partition(end)[2]
    if not after:
        sys.exit(f"{page} has no place for {name}: expected a line {begin} and later {end}")
    columns = list(rows[0])
    lines = [
        "| " + " | ".join(columns) + " |",
        "|" + "|".join("---" if isinstance(rows[0][c], str) else "--:" for c in columns) + "|",
    ]
    lines += ["| " + " | ".join(_cell(row[c]) for c in columns) + " |" for row in rows]
    made = f"`{shlex.join(['python', *sys.argv])}`, {runtime.describe().get('processor', 'this machine')}"
    page.write_text(f"{before}{begin}\n\n" + "\n".join(lines) + f"\n\n{made}\n\n{end}{after}", "utf-8")


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:.2f}"
    return str(value)
