"""Retention: what the schedule says is over goes, and nothing else."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from test_cases import OWN, SCOPE, Clock, bytes_at_rest, found

from houselights import cases, custody, retention
from houselights.entry import Entry
from houselights.record import Record
from houselights.retention import Swept
from houselights.schedule import Schedule

NOTHING = Swept(0, 0, 0, 0)


@pytest.fixture
def clock() -> Clock:
    """A clock that the test sets."""
    return Clock()


@pytest.fixture
def record(tmp_path: Path, clock: Clock) -> Record:
    """A record without actors."""
    return Record(tmp_path / "record", name="example.org/log", clock=clock)


def cached(folder: Path, clock: Clock, name: str) -> Path:
    """Boxes that are cached now, by the record's clock."""
    each = folder / "detections" / name
    each.mkdir(parents=True)
    (each / "000000.npz").write_bytes(b"boxes")
    os.utime(each, (clock.now.timestamp(), clock.now.timestamp()))
    return each


def test_each_thing_goes_on_its_day(record: Record, clock: Clock, tmp_path: Path) -> None:
    """R26: results, payloads and cached boxes go when their days are over, not before, and the log counts them."""
    schedule = Schedule(cases=10, results=20, payloads=400, detections=5)
    case = cases.open_case(record, OWN, SCOPE)
    found(record, case)
    first = Entry.parse(record.use(case.number).entries[0])
    assert first.payload is not None
    boxes = cached(tmp_path, clock, "film")
    assert retention.run(record, schedule, tmp_path) == NOTHING
    clock.pass_by(timedelta(days=6))
    assert retention.run(record, schedule, tmp_path) == replace(NOTHING, detections=1)
    assert not boxes.exists()
    clock.pass_by(timedelta(days=25))
    assert retention.run(record, schedule, tmp_path) == NOTHING  # the case expires now
    clock.pass_by(timedelta(days=20))
    assert retention.run(record, schedule, tmp_path) == replace(NOTHING, results=1)
    assert all(len(part) > custody.SIZE for part in record.store.opened(first.payload))
    clock.pass_by(timedelta(days=400 - 51))
    assert retention.run(record, schedule, tmp_path) == NOTHING
    clock.pass_by(timedelta(seconds=1))
    assert retention.run(record, schedule, tmp_path) == replace(NOTHING, payloads=1)
    assert [len(part) for part in record.store.opened(first.payload)] == [custody.SIZE, custody.SIZE]
    last = Entry.parse(record.entries()[-1])
    assert (last.kind, last.facts["payloads"]) == ("retention-run", 1)
    assert custody.verify(record.folder, record.key).faults == []


def test_sealed_bytes_that_faded_are_nowhere(record: Record, clock: Clock) -> None:
    """R26: what lay sealed is in no page of the store afterwards, free ones and journals included; proofs hold."""
    case = cases.open_case(record, OWN, SCOPE)
    entry = Entry.parse(record.use(case.number).entries[0])
    with record.store._open() as base:
        query = "SELECT sealed FROM parts WHERE payload = ?"
        sealed = [row[0] for row in base.execute(query, (entry.payload,))]
    assert len(sealed) == 2
    assert all(each in bytes_at_rest(record) for each in sealed)
    clock.pass_by(timedelta(days=1200))
    assert retention.run(record, Schedule()).payloads > 0
    assert not any(each in bytes_at_rest(record) for each in sealed)
    record.receipt(1, "all").check(record.key)


def test_a_run_that_is_run_again_deletes_nothing_twice(record: Record, clock: Clock) -> None:
    """A second run finds nothing, and goes on after the entries that the first one saw."""
    cases.open_case(record, OWN, SCOPE)
    clock.pass_by(timedelta(days=1200))
    first = retention.run(record, Schedule())
    assert first.payloads == 1
    assert retention.run(record, Schedule()) == NOTHING
    cases.open_case(record, OWN, SCOPE)
    clock.pass_by(timedelta(days=1200))
    assert retention.run(record, Schedule()).payloads == 1


def test_where_nothing_is_cached_nothing_is_made(record: Record, tmp_path: Path) -> None:
    """A run on a machine that searched nothing makes no cache."""
    assert retention.run(record, Schedule(), tmp_path / "cache") == NOTHING
    assert not (tmp_path / "cache").exists()


def test_what_a_calibration_left_goes_at_once(record: Record, tmp_path: Path) -> None:
    """Templates of a run that was killed rest sealed until the next calibration, or this; other documents stay."""
    record.store.keep("calibration", "one-0", b"templates", holder="calibration one")
    record.store.keep("other", "one-0", b"kept", holder="another")
    retention.run(record, Schedule(), tmp_path)
    assert record.store.document("calibration", "one-0") is None
    assert record.store.document("other", "one-0") == b"kept"
