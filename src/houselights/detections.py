"""Detections on disk: boxes, points and qualities of one footage, so that interrupted work goes on where it was.

No biometrics: no pixel of a face and no template. A chunk is written whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from houselights.config import private_dir
from houselights.faces import concatenate
from houselights.files import whole
from houselights.footage import Tally
from houselights.quality import Quality
from houselights.sampling import Sight
from houselights.types import Faces

FORMAT = 3  # another one too when other code gives other detections or cuts of the same settings
CHUNK_FRAMES = 200
FOLDER = "detections"
"""In the cache, with a folder for each key."""


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """The faces of one analysed frame."""

    sight: Sight
    faces: Faces
    quality: Quality
    tally: Tally
    """What had been counted when the frame was read."""


def key(footage_sha256: str, settings: dict[str, object]) -> str:
    """The name of a footage's chunks: other settings or another detector have another name."""
    text = json.dumps({"format": FORMAT, **settings}, sort_keys=True, default=str)
    return f"{footage_sha256[:32]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def expire(folder: Path, before: datetime) -> int:
    """Remove the observations that were last written before a moment; of how many keys."""
    old = [each for each in folder.glob("*") if each.is_dir() and each.stat().st_mtime < before.timestamp()]
    for each in old:
        shutil.rmtree(each)
    return len(old)


class Detections:
    """The kept observations of one footage under one key."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read or written yet."""
        self.folder = folder
        self._waiting: list[Observation] = []
        self._chunks = 0

    def kept(self) -> Iterator[Observation]:
        """The observations of earlier runs in order; a damaged chunk and all after it are removed and made again."""
        while (file := self._file(self._chunks)).is_file():
            try:
                observations = _read(file)
            except _DAMAGE:
                self._remove_from(self._chunks)
                return
            self._chunks += 1
            yield from observations

    @property
    def finished(self) -> Tally | None:
        """The final count where an earlier run came to the end of the footage."""
        try:
            return Tally(**json.loads((self.folder / "finished.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def started(self) -> bool:
        """Whether an earlier run kept something."""
        return self._file(0).is_file() or self.finished is not None

    def add(self, observation: Observation) -> None:
        """Keep one more observation; each two hundred are written."""
        self._waiting.append(observation)
        if len(self._waiting) >= CHUNK_FRAMES:
            self._flush()

    def finish(self, tally: Tally) -> None:
        """Write the rest and the mark that the footage was read to its end."""
        self._flush()
        with whole(self.folder / "finished.json") as stream:
            stream.write(json.dumps(asdict(tally)).encode())

    def clear(self) -> None:
        """Forget what earlier runs kept."""
        self._remove_from(0)
        (self.folder / "finished.json").unlink(missing_ok=True)

    def _flush(self) -> None:
        private_dir(self.folder)
        if self._waiting:
            _write(self._file(self._chunks), self._waiting)
            self._chunks += 1
            self._waiting = []

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"

    def _remove_from(self, number: int) -> None:
        (self.folder / "finished.json").unlink(missing_ok=True)
        for file in sorted(self.folder.glob("*.npz")):
            if file.name >= self._file(number).name:
                file.unlink()


_DAMAGE = (OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged chunk raises."""
_SIGHT = tuple(field.name for field in fields(Sight))
_COUNTS = ("frames", "left_out", "damaged", "times_made_up")


def _write(file: Path, observations: list[Observation]) -> None:
    faces = concatenate([each.faces for each in observations])
    sights: dict[str, Any] = {name: np.array([getattr(each.sight, name) for each in observations]) for name in _SIGHT}
    with whole(file) as stream:
        np.savez(
            stream,
            counts=np.array([len(each.faces) for each in observations]),
            boxes=faces.boxes, points=faces.points, scores=faces.scores,
            parts=np.concatenate([each.quality.parts for each in observations]),
            tallies=np.array([[getattr(each.tally, name) for name in _COUNTS] for each in observations]),
            first_damage_s=np.array([each.tally.first_damage_s for each in observations], np.float64),  # None is nan
            **sights,
        )  # fmt: skip


def _read(file: Path) -> list[Observation]:
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as data:  # numpy leaves a torn file open
        columns = {name: data[name] for name in data.files}
    ends = np.cumsum(columns["counts"])
    faces = Faces(columns["boxes"], columns["points"], columns["scores"])
    _check(columns, len(ends), int(ends[-1]))
    observations = []
    for row, (start, end) in enumerate(zip(ends - columns["counts"], ends, strict=True)):
        sight = Sight(**{name: columns[name][row].item() for name in _SIGHT})
        damage = float(columns["first_damage_s"][row])
        counts: dict[str, Any] = {
            name: int(value) for name, value in zip(_COUNTS, columns["tallies"][row], strict=True)
        }
        tally = Tally(**counts, first_damage_s=None if np.isnan(damage) else damage)
        part = slice(int(start), int(end))
        observations.append(Observation(sight, faces[part], Quality(columns["parts"][part]), tally))
    return observations


def _check(columns: dict[str, Any], frames: int, faces: int) -> None:
    """Raise ValueError where a column has another length than the counts say."""
    lengths = dict.fromkeys(("boxes", "points", "scores", "parts"), faces)
    lengths |= dict.fromkeys(("tallies", "first_damage_s", *_SIGHT), frames)
    wrong = [name for name, length in lengths.items() if len(columns[name]) != length]
    if wrong:
        msg = f"columns of the wrong length: {', '.join(wrong)}"
        raise ValueError(msg)
