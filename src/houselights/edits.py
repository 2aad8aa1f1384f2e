"""Edits: what a person changes in a release, in a file that is applied again on every run without detecting anew.

The file is JSON, schema `houselights/edits/1`. The program writes one for the findings of a blocked release; people
write and correct them by hand or in a console.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from houselights.errors import ReleaseError
from houselights.manifest import Box, Edit, Finding, Place, box_at, built, document
from houselights.words import said

SCHEMA = "houselights/edits/1"
ASIDE_S = 0.2  # seconds before and after a finding that a proposed cover lasts
GROWN = 1.6  # times the size of a finding
JOINED_S = 0.5  # findings no further apart, and in each other's place, are one cover


@dataclass(frozen=True, slots=True)
class Change:
    """One change and why it is made."""

    action: Literal["hide", "show", "cover"]
    """`hide` a kept track, `show` what a hidden track covers, or `cover` a place that no track covers."""
    reason: str
    track: int | None = None
    """The track to hide or show, by its number in the manifest."""
    from_s: float | None = None
    """Seconds in the source between which a track is hidden or shown; None for the whole of it."""
    to_s: float | None = None
    places: tuple[Place, ...] = ()
    """What is covered: where at which times; between two it moves evenly. From the first to the last, both included."""

    def meets(self, seconds: float) -> bool:
        """Whether a change of a track holds at a time."""
        return (self.from_s is None or seconds >= self.from_s) and (self.to_s is None or seconds <= self.to_s)

    def record(self) -> Edit:
        """The change as the manifest has it."""
        if self.action == "cover":
            what = f"a place from {self.places[0].time_s:g} s to {self.places[-1].time_s:g} s"
        else:
            ends = {"from": self.from_s, "to": self.to_s}
            said = [f"{word} {value:g} s" for word, value in ends.items() if value is not None]
            what = " ".join([f"track {self.track}", *said])
        return Edit(self.action, what, self.reason)


def read(path: Path, sha256: str) -> tuple[Change, ...]:
    """The changes in a file that was written for footage with this SHA-256.

    Raises:
        ReleaseError: it cannot be read, was written for other footage, or a change in it lacks something.
    """
    content = document(path, SCHEMA)
    if content.get("source") != sha256:
        other = str(content.get("source"))[:16]
        msg = f"edits '{path}' were written for other footage (SHA-256 {other}..., this is {sha256[:16]}...)"
        raise ReleaseError(msg, hint="its `source` must be the SHA-256 of the footage: look at times and tracks again")
    changes: tuple[Change, ...] = built(tuple[Change, ...], content.get("edits"), path)
    for number, change in enumerate(changes, 1):
        if fault := _fault(change):
            raise ReleaseError(f"edit {number} in '{path}' ({change.action}): {fault}", hint="see docs/release.md")
    return changes


def _fault(change: Change) -> str | None:
    if not said(change.reason):
        return "no reason is given"
    if change.action == "cover":
        return _fault_of_cover(change)
    if not change.track:
        return "no track is named"
    backwards = change.from_s is not None and change.to_s is not None and change.to_s < change.from_s
    return "it ends before it begins" if backwards else None


def _fault_of_cover(change: Change) -> str | None:
    times = [place.time_s for place in change.places]
    if not times:
        return "no places are given"
    if any(later <= earlier for earlier, later in pairwise(times)):
        return "its places are not in the order of time"
    if any(min(place.box[2:]) <= 0 for place in change.places):
        return "a box has no size"
    if len(times) == 1 and times[0] > 0:  # a photograph has one time, which is 0
        return "one place lasts no time: give another one with the time when the cover ends"
    return None


def covers(changes: Sequence[Change], seconds: float) -> list[Box]:
    """What changes cover at a time."""
    found = (box_at(change.places, seconds) for change in changes if change.action == "cover")
    return [box for box in found if box is not None]


def proposed(findings: Sequence[Finding]) -> tuple[Change, ...]:
    """A cover for each finding; those that follow each other in one place are joined."""
    chains: list[list[Finding]] = []
    for finding in sorted(findings, key=lambda each: each.time_s):
        chain = next((chain for chain in chains if _follows(chain[-1], finding)), None)
        if chain is None:
            chains.append([finding])
        else:
            chain.append(finding)
    return tuple(_cover(chain) for chain in chains)


def _follows(last: Finding, finding: Finding) -> bool:
    (x, y), (other_x, other_y) = _middle(last.box), _middle(finding.box)
    near = max(abs(x - other_x), abs(y - other_y)) <= max(last.box[2:])
    return near and 0 < finding.time_s - last.time_s <= JOINED_S


def _middle(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2


def _cover(chain: Sequence[Finding]) -> Change:
    places = [Place(finding.time_s, _around(finding.box)) for finding in chain]
    first, last = places[0], places[-1]
    begin = Place(round(max(0.0, first.time_s - ASIDE_S), 6), first.box)
    end = Place(round(last.time_s + ASIDE_S, 6), last.box)
    inner = [place for place in places if begin.time_s < place.time_s]
    best = max(finding.score for finding in chain)
    return Change("cover", f"found by the check, score {best:.2f}", places=(begin, *inner, end))


def _around(box: Box) -> Box:
    left, top, width, height = box
    return (
        round(left - (GROWN - 1) / 2 * width, 1), round(top - (GROWN - 1) / 2 * height, 1),
        round(GROWN * width, 1), round(GROWN * height, 1),
    )  # fmt: skip


def to_json(sha256: str, changes: Sequence[Change]) -> str:
    """The file's text."""
    rows = [{key: value for key, value in asdict(change).items() if value not in (None, ())} for change in changes]
    return json.dumps({"schema": SCHEMA, "source": sha256, "edits": rows}, indent=1, ensure_ascii=False) + "\n"
