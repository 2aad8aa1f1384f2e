"""What the log costs: appends beside appends to a plain file, a proof out of a large log, the check of all of it.

Entries are as a search writes them at its end. Times are of one thread. The large log is built first.

    python bench/custody.py [--entries 1000000]
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import _common as common

from houselights import custody
from houselights.custody import Tree, leaf_hash
from houselights.entry import Entry
from houselights.log import Log, Signer
from houselights.proofs import inclusion, root_of_inclusion
from houselights.record import Record, Use

BATCH = 1000  # entries
AT_ONCE = 50_000  # entries in an append while the large log is built
PROOFS = 500
ROUNDS = 5


def main() -> None:
    """Measure, print, and say what was to be reached."""
    parser = common.options(__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000, help="size of the large log (default 1000000)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as place:
        rows = [*appends(Path(place)), *large(Path(place), args.entries)]
    common.show(f"the log, {args.entries} entries", rows, args.json)


def searches(first: int, count: int) -> Iterator[bytes]:
    """Ends of searches, each a use of its own, a second apart."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    facts = {
        "purpose": "crime-suspect", "authorisation": "ab" * 16, "gallery": "cd" * 16, "subjects": 3, "photographs": 9,
        "models": [{"role": "detector", "sha256": "12" * 32}, {"role": "recogniser", "sha256": "34" * 32}],
        "threshold_fmr": "1e-05", "threshold_score": "0.473806", "films": 1, "started": "2026-01-01T00:00:00Z",
        "outcome": "no-candidate", "films_failed": 0, "frames": 1500, "frames_damaged": 0, "faces": 900, "tracks": 40,
        "tracks_searched": 38, "candidates": 0, "decision": "nothing-to-review", "verifiers": [],
    }  # fmt: skip
    for number in range(first, first + count):
        moment = (begin + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield bytes(Entry("search-finished", moment, f"{number:032x}", "ef" * 16, facts, payload="56" * 32))


def appends(folder: Path) -> Iterator[common.Row]:
    """A batch in one append, and one by one, as multiples of as many fsynced appends to a plain file."""
    batch = list(searches(0, BATCH))
    plain, at_once, single, whole = [], [], [], []
    for number in range(ROUNDS):
        plain.append(timed(partial(to_file, folder / f"plain-{number}", batch)))
        at_once.append(timed(partial(new_log(folder / f"batch-{number}").append, batch)))
    for number in range(2):
        single.append(timed(partial(one_by_one, new_log(folder / f"single-{number}"), batch)))
        whole.append(timed(partial(steps, Record(folder / f"record-{number}").use())))
    base = statistics.median(plain)
    yield row(f"{BATCH} fsynced appends to a plain file", base, 1.0, "")
    yield row(f"{BATCH} entries in one append", statistics.median(at_once), statistics.median(at_once) / base, "2")
    yield row(f"{BATCH} appends of one entry", statistics.median(single), statistics.median(single) / base, "")
    yield row(f"{BATCH} steps of a use, sealed", statistics.median(whole), statistics.median(whole) / base, "")


def large(folder: Path, size: int) -> Iterator[common.Row]:
    """A proof of any entry with nothing in memory, and the check of everything."""
    log = new_log(folder / "large")
    for first in range(0, size, AT_ONCE):
        log.append(list(searches(first, min(AT_ONCE, size - first))))
        common.progress(min(first + AT_ONCE, size), size, "entries")
    checkpoint = log.checkpoint()
    took = []
    for number in range(PROOFS):
        index = number * 7919 % size
        began = time.perf_counter()
        proof = inclusion(Tree.at(log.folder, size), index, size)
        took.append(time.perf_counter() - began)
        leaf = leaf_hash(next(searches(index, 1)))
        assert root_of_inclusion(leaf, index, size, proof) == checkpoint.root
    yield row("a proof, middle of 500", statistics.median(took), None, "0.005 s")
    yield row("a proof, slowest of 500", max(took), None, "0.005 s")
    began = time.perf_counter()
    verdict = custody.verify(log.folder, log.signer.key)
    yield row("check of the whole log", time.perf_counter() - began, None, "60 s")
    assert not verdict.faults
    assert verdict.checkpoint.size == size


def one_by_one(log: Log, entries: Sequence[bytes]) -> None:
    """Each entry in an append of its own."""
    for entry in entries:
        log.append([entry])


def steps(use: Use) -> None:
    """Each step of a use with a sealed part, as a search makes them."""
    for _ in range(BATCH):
        use.add("results-opened", {"how": ["json"]}, {"a": "b"})


def row(what: str, seconds: float, times: float | None, wanted: str) -> common.Row:
    """A line of the table."""
    return {"what": what, "seconds": seconds, "times a plain file": "" if times is None else f"{times:.2f}",
            "asked, at most": wanted}  # fmt: skip


def new_log(folder: Path) -> Log:
    """An empty log."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "private").mkdir(parents=True)
    log = Log(folder / "log", folder / "private", Signer("bench.houselights.local", bytes(32)))
    log.checkpoint()
    return log


def to_file(path: Path, entries: Sequence[bytes]) -> None:
    """Each entry written and on the disk before the next."""
    with path.open("wb") as file:
        for entry in entries:
            file.write(entry)
            file.flush()
            os.fsync(file.fileno())


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
