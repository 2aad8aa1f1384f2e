"""What people see in a terminal: progress, the result, errors with a hint. Results go to stdout, all else to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from houselights import plain
from houselights.errors import Error
from houselights.footage import Facts
from houselights.redact import Done
from houselights.release import Released, Request, beside
from houselights.result import FootageUse, Result
from houselights.sheet import bound_words, summary
from houselights.words import clock

PIPE_WIDTH = 240  # columns where the output is no terminal: wide enough to leave each row of a table on one line

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def shown(text: object) -> str:
    """Text from outside, safe to print: no control characters, no markup."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text)))


def say(text: str) -> None:
    """A line about the work, to stderr; may hold markup of our own."""
    err.print(text)


def complain(fault: Error) -> None:
    """An error and what to do next."""
    err.print(f"[bold red]error:[/] {shown_lines(fault.message)}")
    if fault.hint:
        err.print(f"\n[bold]hint:[/] {shown_lines(fault.hint)}")


def shown_lines(text: str) -> str:
    """Like `shown`, line by line."""
    return "\n".join(shown(line) for line in text.splitlines())


def _columns() -> tuple[TextColumn | BarColumn | TimeElapsedColumn | TimeRemainingColumn, ...]:
    return (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )


@contextmanager
def steps(title: str) -> Iterator[StepBar]:
    """A bar for work that is counted in steps; the bar goes when the work is done."""
    with Progress(*_columns(), console=err, transient=True) as progress:
        yield StepBar(progress, progress.add_task(title, total=None))


class StepBar:
    """Call it with steps done and steps in all."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def __call__(self, done: int, total: int) -> None:
        """Show how far the work is."""
        self._progress.update(self._task, completed=done, total=total)


@contextmanager
def download(title: str) -> Iterator[StepBar]:
    """A bar for bytes."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=err, transient=True) as progress:
        yield StepBar(progress, progress.add_task(title, total=None))


class SearchBars:
    """A batch.Watcher with one bar for the whole search, by bytes, and one for each file under way, by seconds."""

    def __init__(self) -> None:
        """Nothing is shown before the first call."""
        self._progress = Progress(*_columns(), console=err, transient=True)
        self._all: TaskID | None = None
        self._steps: dict[str, TaskID] = {}
        self._tasks: dict[int, TaskID] = {}
        self._files: list[tuple[Path, int]] = []
        self._shares: dict[int, float] = {}
        self._lengths: dict[int, float] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def gallery(self, done: int, total: int) -> None:
        """Photographs looked at."""
        self._step("photographs", done, total)

    def identified(self, done: int, total: int) -> None:
        """Files of footage hashed."""
        self._step("hashing footage", done, total)

    def _step(self, title: str, done: int, total: int) -> None:
        if title not in self._steps:
            self._steps[title] = self._progress.add_task(title, total=total)
        self._progress.update(self._steps[title], completed=done, visible=done < total)

    def files(self, files: list[Path]) -> None:
        """All the footage there will be."""
        self._files = [(file, file.stat().st_size if file.is_file() else 0) for file in files]
        if len(files) > 1:
            self._all = self._progress.add_task(
                f"all {len(files)} files", total=sum(size for _, size in self._files) or 1
            )

    def begin(self, file: int, facts: Facts, *, kept: bool) -> None:
        """A file is open."""
        self._lengths[file] = facts.duration_s
        title = f"{shown(facts.path.name)}{' (going on)' if kept else ''}"
        self._tasks[file] = self._progress.add_task(title, total=facts.duration_s or None)

    def progress(self, file: int, seconds: float, frames: int) -> None:
        """Seconds of footage done."""
        length = self._lengths.get(file, 0.0)
        self._progress.update(self._tasks[file], completed=min(seconds, length) if length else frames)
        self._share(file, min(1.0, seconds / length) if length else 0.0)

    def end(self, file: int, use: FootageUse) -> None:
        """A file is done, or failed."""
        self._share(file, 1.0)
        if (task := self._tasks.pop(file, None)) is not None:
            self._progress.remove_task(task)
        number = f"[{file + 1}/{len(self._files)}] " if len(self._files) > 1 else ""
        if use.error:
            self._progress.console.print(
                f"{escape(number)}{shown(use.path)}: [bold red]not searched:[/] {shown_lines(use.error)}"
            )
            return
        facts = f"{use.frames_analysed} of {use.frames} frames, {use.faces} faces, {use.tracks} tracks"
        self._progress.console.print(f"{escape(number)}{shown(use.path)}: {facts}")
        for note in use.notes:
            self._progress.console.print(f"  note: {shown(note)}")

    def _share(self, file: int, share: float) -> None:
        self._shares[file] = share
        if self._all is not None:
            self._progress.update(
                self._all, completed=sum(self._files[i][1] * part for i, part in self._shares.items())
            )


class ReleaseBar:
    """A release.Watcher with one bar, for the pass that is under way."""

    def __init__(self, name: str, files: int = 1) -> None:
        """Nothing is shown before the first call."""
        self._progress = Progress(*_columns(), console=err, transient=True)
        self._name, self._files, self._file = name, files, 0
        self._task: TaskID | None = None
        self._length = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def stage(self, name: str, length_s: float) -> None:
        """A pass begins."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        number = f"[{self._file + 1}/{self._files}] " if self._files > 1 else ""
        self._length = length_s
        self._task = self._progress.add_task(escape(number) + f"{shown(self._name)} {name}", total=length_s or None)

    def progress(self, seconds: float) -> None:
        """Seconds of footage done."""
        if self._task is not None:
            self._progress.update(self._task, completed=min(seconds, self._length) if self._length else seconds)

    def done(self, done: Done) -> str:
        """A file of a folder is done: say what became of it, in two words."""
        self._file += 1
        if done.error is not None:
            state, more = "failed", f": {shown_lines(done.error)}"
        elif done.released is None:
            state, more = "as before", ""
        else:
            state = "blocked" if done.released.blocked else "released"
            more = f": {shown(summary(done.released.manifest, blocked=done.released.blocked))}"
        self._progress.console.print(f"{shown(done.job.out)}: {state}{more}")
        return state


def released(made: Released, request: Request) -> None:
    """A release as people read it, and what to do next."""
    manifest = made.manifest
    if manifest.purpose is not None:
        basis, name = shown(manifest.basis), shown(manifest.authorised_by)
        out.print(f"purpose {manifest.purpose} · basis {basis} · authorised by {name}")
    if made.case is not None:
        say(f"case {made.case.number[:8]}: ends {made.case.until}")
    out.print(f"{shown(made.path)}: {shown(summary(manifest, blocked=made.blocked))}")
    out.print(shown(bound_words(manifest.check)))
    if not manifest.tracks:
        out.print("No face was found. A detector's silence is no proof: watch it before it leaves the house.")
    for note in manifest.output.notes:
        out.print(f"note: {shown(note)}")
    say(f"review sheet: {shown(beside(request.out, 'review.html').resolve().as_uri())}")
    if made.blocked:
        edits = shown(beside(request.out, "edits.json"))
        say(f"[bold red]not released:[/] look at the sheet and at {shown(beside(request.out, 'contact.jpg'))},")
        say(f"correct {edits}, and run it again with --edits {edits}")
    else:
        check_it = f"houselights check-release {shown(request.out)}"
        say(f"anybody with the file and its manifest can check it: {check_it}")


def authority(result: Result) -> None:
    """Purpose, basis and authoriser: they head every output."""
    out.print(f"purpose {result.purpose} · basis {shown(result.basis)} · authorised by {shown(result.authorised_by)}")


def result(found: Result) -> None:
    """The result as people read it."""
    authority(found)
    for refusal in found.gallery.refused:
        out.print(f"refused photograph {shown(refusal.file)}: {shown(refusal.reason)}")
    for double in found.gallery.duplicates:
        out.print(f"duplicate photograph {shown(double.file)}: {shown(double.reason)}")
    for pair in found.gallery.lookalikes:
        out.print(
            f"lookalikes: a candidate for {shown(pair.subject)} may be {shown(pair.other)} (score {pair.score:.3f})"
        )
    if found.candidates:
        out.print(_candidates(found))
    for each in found.candidates:
        if each.runner_up is not None:
            where = f"{Path(each.footage).name}, {clock(each.start_s)}"
            out.print(shown(f"{where}: {plain.tie(each.subject, each.runner_up)}"))
    subjects = len({candidate.subject for candidate in found.candidates})
    searched = sum(use.error is None for use in found.footage)
    tracks = sum(use.tracks for use in found.footage)
    skipped = sum(use.tracks_without_template for use in found.footage)
    out.print(
        f"{subjects} of {found.gallery.subjects} subjects have candidates"
        f" · {searched} of {len(found.footage)} files searched"
        f" · {tracks} tracks, {skipped} of them without a usable shot and not searched"
    )
    out.print(plain.by_strangers(found.assumed))
    if found.candidates:
        out.print("A candidate is a lead only: somebody must compare the pictures before anything is done.")
    else:
        out.print(
            "No candidate is no proof of absence: faces may be hidden, turned away, small or unlike the photograph."
        )


def _candidates(found: Result) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("subject", "footage", "from", "to", "score", "strangers this alike", "reference"):
        table.add_column(name, justify="right" if name in {"from", "to", "score"} else "left", overflow="fold")
    for each in found.candidates:
        names = shown(each.subject), shown(Path(each.footage).name)
        times = clock(each.start_s), clock(each.end_s)
        score, rate = f"{each.score:.3f}", plain.rate(each.odds)
        table.add_row(*names, *times, score, rate, shown(Path(each.reference).name))
    return table


def rows(title: str, names: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> None:
    """A plain table on stdout."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    for line in lines:
        table.add_row(*map(shown, line))
    out.print(table)
