"""Ledger: what a release does with each track, counted frame by frame while the file is written."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from houselights.cover import Picture
from houselights.heads import Heads
from houselights.manifest import Box, Place, TrackUse

PLACE_S = 0.2  # seconds between two places of a kept head in the manifest
THUMBS = 300  # tracks with a picture in the review sheet: some 2 MB
SIDE = 160  # pixels of such a picture
AROUND = 1.6  # sides of a head that it shows
LARGER = 1.5  # times the area from which on a later picture of a head is worth taking

Verdict = Literal["hidden", "kept"]


@dataclass(slots=True)
class _Line:
    """What is known of one track so far."""

    why: str
    start_s: float
    end_s: float = 0.0
    detected: int = 0
    filled: int = 0
    places: list[Place] = field(default_factory=list)
    last: Place | None = None
    area: float = 0.0


class Ledger:
    """Tracks by number and verdict: a person can change the verdict of a part of a track."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._lines: dict[tuple[int, Verdict], _Line] = {}
        self.thumbs: dict[int, tuple[bytes, float]] = {}
        """JPEG and time of a head as it is in the release, by track."""

    def note(self, now: Heads, hidden: NDArray[np.bool_], whys: list[str], picture: Picture) -> None:
        """Count the heads of one frame; `picture` is as it is released, in pixels of the upright source."""
        for row, track in enumerate(now.tracks.tolist()):
            verdict: Verdict = "hidden" if hidden[row] else "kept"
            line = self._lines.setdefault((track, verdict), _Line(whys[row], now.seconds))
            line.end_s = now.seconds
            line.detected += bool(now.seen[row])
            line.filled += not now.seen[row]
            left, top, width, height = (round(float(side), 1) for side in now.boxes[row])
            if verdict == "kept":
                _keep_place(line, Place(now.seconds, (left, top, width, height)))
            if now.seen[row] and width * height > LARGER * line.area and (line.area or len(self.thumbs) < THUMBS):
                line.area = width * height
                self.thumbs[track] = thumb(picture, (left, top, width, height)), now.seconds

    def uses(self) -> tuple[TrackUse, ...]:
        """All that was counted, by track."""
        return tuple(
            TrackUse(
                track, verdict, line.why, line.start_s, line.end_s, line.detected, line.filled,
                tuple(line.places) if line.last in {None, *line.places[-1:]} else (*line.places, line.last),  # type: ignore[arg-type]
            )
            for (track, verdict), line in sorted(self._lines.items())
        )  # fmt: skip


def _keep_place(line: _Line, place: Place) -> None:
    if not line.places or place.time_s - line.places[-1].time_s > PLACE_S - 1e-6:  # times are rounded to that
        line.places.append(place)
    line.last = place


def thumb(picture: Picture, box: Box) -> bytes:
    """A JPEG of what is around a box of a picture, without any metadata."""
    left, top, width, height = box
    side = max(width, height) * AROUND
    corner = np.array([left + width / 2 - side / 2, top + height / 2 - side / 2])
    whole = np.array([picture.width, picture.height])
    low = np.clip(corner // 4 * 4, 0, np.maximum(whole - 16, 0) // 4 * 4).astype(int)
    size = np.clip(np.array([side, side]) // 2 * 2, 16, (whole - low) // 2 * 2).astype(int)
    part = picture.crop(int(low[0]), int(low[1]), int(size[0]), int(size[1]))
    return jpeg(Image.fromarray(part.rgb()), SIDE)


def jpeg(image: Image.Image, side: int) -> bytes:
    """A picture of at most so many pixels a side."""
    image.thumbnail((side, side))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()
