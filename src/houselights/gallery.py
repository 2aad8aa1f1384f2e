"""The gallery: named subjects with photographs. A photograph that cannot stand for a subject is refused by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from houselights import photograph
from houselights.errors import GalleryError, PhotographError
from houselights.faces import SIDE, Canvas, Detectors, alignment
from houselights.frame import Frame
from houselights.quality import Quality, measure
from houselights.result import Refusal
from houselights.templates import Recogniser, fuse
from houselights.types import Faces, Float32, UInt8
from houselights.words import name_of

CANVASES: tuple[Canvas, ...] = ((640, 640), (320, 320), (1280, 1280))  # tried in turn until a face is found
CLEAR = 0.6  # detector score from which a face in a photograph counts
BESIDE = 0.4  # a second face at least this high against the first makes a photograph ambiguous


@dataclass(frozen=True, slots=True)
class Reference:
    """A photograph in use."""

    file: Path
    sha256: str
    quality: float
    box: Float32
    """(4,) of the face in pixels of the upright photograph."""
    jpeg: bytes | None = None
    """A small picture of the face, where it was kept because no photograph lies on the disk."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A named person with the photographs that show them."""

    name: str
    references: tuple[Reference, ...]
    templates: Float32
    """(n, d) one for each reference."""
    template: Float32
    """(d,) all of them fused by quality, of length 1 at most."""
    category: str = ""
    """Why they are on a watchlist; empty where they are on none."""
    minor: bool = False
    """Whether the watchlist says that they are under age."""


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """The subjects of one search, in memory only."""

    subjects: tuple[Subject, ...]
    refused: tuple[Refusal, ...]
    duplicates: tuple[Refusal, ...]

    @property
    def templates(self) -> Float32:
        """(subjects, d) one template a subject."""
        return np.stack([subject.template for subject in self.subjects])

    @property
    def photographs(self) -> int:
        """How many photographs are in use."""
        return sum(len(subject.references) for subject in self.subjects)

    @property
    def hashes(self) -> dict[str, tuple[str, ...]]:
        """The SHA-256 of the photographs in use of each subject."""
        return {subject.name: tuple(each.sha256 for each in subject.references) for subject in self.subjects}

    @property
    def digest(self) -> str:
        """SHA-256 over names and photographs: the same gallery has the same digest wherever it lies."""
        lines = [f"{s.name}\0{r.sha256}\n" for s in self.subjects for r in s.references]
        return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """A photograph that is offered for a subject."""

    subject: str
    file: Path


def entries(folder: Path | None, persons: list[Path]) -> tuple[list[Entry], list[Refusal]]:
    """What a gallery folder and single photographs offer: one folder a subject, or one photograph a subject.

    Raises:
        GalleryError: the folder is not there, or is not a folder.
    """
    offered: list[Entry] = []
    refused: list[Refusal] = []
    if folder is not None:
        if not folder.is_dir():
            msg = f"gallery '{folder}' is not a folder"
            raise GalleryError(
                msg, hint="one folder for each subject with photographs in it, or one photograph for each"
            )
        for place in sorted(folder.iterdir()):
            files = _files_of(place, refused)
            for file in files:
                if file.name.startswith("."):
                    continue
                if file.is_dir() or file.suffix.lower() not in photograph.SUFFIXES:
                    refused.append(Refusal(str(file), "not a photograph by its name"))
                else:
                    offered.append(Entry(name_of(place.name if place.is_dir() else place.stem), file))
    for file in persons:
        if not file.is_file():
            msg = f"person '{file}' is not a photograph that can be read"
            raise GalleryError(msg, hint="--person takes one picture file; --gallery takes a folder")
        offered.append(Entry(name_of(file.stem), file))
    return offered, refused


def _files_of(place: Path, refused: list[Refusal]) -> list[Path]:
    """A file itself, or what a subject's folder holds; one that is empty or cannot be read is refused."""
    try:
        files = sorted(place.iterdir()) if place.is_dir() else [place]
    except OSError as fault:
        refused.append(Refusal(str(place), f"a folder that cannot be read: {fault.strerror}"))
        return []
    if not files:
        refused.append(Refusal(str(place), "an empty folder"))
    return files


def photographs_of(offered: list[Entry]) -> dict[str, tuple[str, ...]]:
    """The SHA-256 of the photographs that are offered for each subject; of those that can be read."""
    found: dict[str, list[str]] = {}
    for entry in offered:
        with suppress(OSError, PhotographError):  # the enroller refuses it by name
            sha256 = hashlib.sha256(photograph.contents(entry.file)).hexdigest()
            found.setdefault(entry.subject, []).append(sha256)
    return {subject: tuple(sorted(each)) for subject, each in found.items()}


class Portraitist:
    """Finds the face that a photograph shows; detectors for large and small faces are compiled when first needed."""

    def __init__(self, detector_path: Path) -> None:
        """Nothing is loaded yet."""
        self._detectors = Detectors(detector_path)

    def faces(self, frame: Frame) -> Faces:
        """The faces of a photograph, the highest first, from the first canvas on which any was found."""
        found = next((found for found in self._on_each_canvas(frame) if len(found)), Faces.none())
        return found[np.argsort(-found.boxes[:, 3], kind="stable")]

    def meant(self, frame: Frame) -> Faces:
        """The one face that a photograph is of; smaller ones may be behind it.

        Raises:
            PhotographError: no face, or several of which each could be meant.
        """
        faces = self.faces(frame)
        if len(faces) == 0:
            msg = "no face was found"
            raise PhotographError(msg, hint="use a photograph in which the face is large and in the light")
        beside = int((faces.boxes[1:, 3] >= BESIDE * faces.boxes[0, 3]).sum())
        if beside:
            msg = f"{beside + 1} faces were found: it is not clear which one is meant"
            raise PhotographError(msg, hint="cut the picture to the person who is meant")
        return faces[:1]

    def middle(self, frame: Frame) -> Faces:
        """The one face nearest to the middle; half its height is taken off the distance, so that a large one wins.

        Raises:
            PhotographError: no face.
        """
        faces = self.faces(frame)
        if len(faces) == 0:
            raise PhotographError("no face was found", hint="use a photograph in which the face is large")
        centres = faces.boxes[:, :2] + faces.boxes[:, 2:] / 2
        away = np.linalg.norm(centres - np.array(frame.size) / 2, axis=1) - faces.boxes[:, 3] / 2
        return faces[np.array([np.argmin(away)])]

    def find_face(self, picture: UInt8) -> tuple[Float32, Float32] | None:
        """Box (4,) and points (5, 2) of the largest face of a picture (height, width, 3) in RGB, or None."""
        found = self.faces(still(picture))
        return (found.boxes[0], found.points[0]) if len(found) else None

    def _on_each_canvas(self, frame: Frame) -> Iterator[Faces]:
        for canvas in CANVASES:
            found = self._detectors.on(canvas).detect(frame)
            yield found[found.scores >= CLEAR]


class Enroller:
    """Makes a gallery from photographs."""

    def __init__(self, detector_path: Path, recogniser: Recogniser) -> None:
        """Nothing is loaded yet."""
        self._portraitist = Portraitist(detector_path)
        self._recogniser = recogniser

    def enrol(self, offered: list[Entry], refused: list[Refusal], progress: Callable[[int, int], None]) -> Gallery:
        """The gallery of all usable photographs; each of the others is refused with a reason.

        Raises:
            GalleryError: no photograph at all could be used.
        """
        taken: dict[str, list[tuple[Reference, Float32]]] = {}
        seen: dict[str, Entry] = {}
        refused, duplicates = list(refused), []
        for done, entry in enumerate(offered):
            progress(done, len(offered))
            try:
                content = photograph.contents(entry.file)  # once: what is hashed is what is enrolled
                sha256 = hashlib.sha256(content).hexdigest()
                photograph.refuse_declared(content)
                if (first := seen.get(sha256)) is not None:
                    duplicates.append(
                        Refusal(str(entry.file), f"the same photograph as '{first.file}' of {first.subject}")
                    )
                    continue
                seen[sha256] = entry
                reference = self._reference(entry, content, sha256)
                taken.setdefault(entry.subject, []).append(reference)
            except PhotographError as fault:
                refused.append(Refusal(str(entry.file), fault.message))
        progress(len(offered), len(offered))
        if not taken:
            reasons = (
                "".join(f"\n  {refusal.file}: {refusal.reason}" for refusal in refused[:10])
                or " no photograph was offered"
            )
            msg = f"the gallery has no usable photograph:{reasons}"
            raise GalleryError(msg, hint="give each subject a sharp, frontal photograph with one face in it")
        return Gallery(tuple(_subject(name, taken[name]) for name in sorted(taken)), tuple(refused), tuple(duplicates))

    def _reference(self, entry: Entry, content: bytes, sha256: str) -> tuple[Reference, Float32]:
        frame = still(photograph.decode(content))
        faces, quality = self.portrait(frame)
        patch = frame.patch(alignment(faces.points)[0], SIDE)
        return (
            Reference(entry.file, sha256, float(quality.overall[0]), faces.boxes[0]),
            self._recogniser.embed_alone([patch])[0],
        )

    def portrait(self, frame: Frame) -> tuple[Faces, Quality]:
        """The one face that a photograph shows.

        Raises:
            PhotographError: no face, several faces, or too poor a face.
        """
        faces = self._portraitist.meant(frame)
        quality = measure(frame, faces)
        if not quality.usable[0]:
            msg = f"the face is too poor: {quality.reason(0)}"
            raise PhotographError(msg, hint="use a larger, sharper, more frontal photograph")
        return faces, quality


def still(picture: UInt8) -> Frame:
    """A photograph (height, width, 3) in RGB as a frame."""
    return Frame(0, corrupt=False, quarter_turns=0, stored=av.VideoFrame.from_ndarray(picture, "rgb24"))


def _subject(name: str, taken: list[tuple[Reference, Float32]]) -> Subject:
    templates = np.stack([template for _, template in taken])
    weights = [reference.quality for reference, _ in taken]
    return Subject(name, tuple(reference for reference, _ in taken), templates, fuse(templates, weights))
