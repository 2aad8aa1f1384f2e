"""Retention: what the schedule says is over goes. Run it as often as you like; each run is in the log.

The part that must not wait, cases whose time is over, runs before every command that opens the record.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from houselights import calibration, cases, detections, watchlist
from houselights.config import cache_dir
from houselights.entry import Entry
from houselights.record import TIME, Record
from houselights.schedule import Schedule

FADED = "faded"


@dataclass(frozen=True, slots=True)
class Swept:
    """What a run deleted."""

    results: int
    watchlist_entries: int
    payloads: int
    """Uses whose sealed parts nobody can open any more; their entries stay."""
    detections: int
    """Films whose cached boxes are gone."""


def run(record: Record, schedule: Schedule, cache: Path | None = None) -> Swept:
    """Delete what is over by the schedule, and record how much that was.

    Raises:
        RecordError: it cannot be deleted, or not be recorded.
    """
    moment = record.now()
    calibration.clear(record)
    swept = Swept(
        results=cases.expire(record, schedule),
        watchlist_entries=watchlist.expire(record, moment),
        payloads=_fade(record, moment - timedelta(days=schedule.payloads)),
        detections=detections.expire(
            (cache or cache_dir()) / detections.FOLDER, moment - timedelta(days=schedule.detections)
        ),
    )
    record.use().add("retention-run", asdict(swept))
    return swept


def _fade(record: Record, before: datetime) -> int:
    """Destroy the sealed parts of entries from before a moment; of how many that were not faded yet."""
    limit = before.strftime(TIME)
    with record.log.locked():
        done = int(record.store.document(FADED, FADED) or b"0")
        entries = record.entries()
        old = done
        while old < len(entries) and Entry.parse(entries[old]).time < limit:
            old += 1
        payloads = [payload for entry in entries[done:old] if (payload := Entry.parse(entry).payload) is not None]
        gone = record.store.fade(payloads)
        record.store.keep(FADED, FADED, str(old).encode())
        return gone
