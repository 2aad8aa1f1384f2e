"""The registrar: what a watchlist keeps of photographs, a template and a small picture of the face for each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from houselights import photograph
from houselights.errors import GalleryError, PhotographError
from houselights.gallery import Enroller, Entry, Reference, Subject, still
from houselights.portrait import Cutter
from houselights.result import Refusal
from houselights.templates import Recogniser


class Registrar:
    """Takes photographs in with one recogniser. Detectors are compiled when first needed."""

    def __init__(self, detector_path: Path, recogniser: Recogniser) -> None:
        """Nothing is loaded yet."""
        self.recogniser = recogniser.recipe
        """What its templates are made by: those of two recipes cannot be compared."""
        self._enroller = Enroller(detector_path, recogniser)
        self._cutter = Cutter(detector_path)

    def take(self, subject: str, files: Sequence[Path]) -> tuple[Subject, tuple[Refusal, ...]]:
        """The subject, with a template and a small picture for each usable photograph; and the photographs refused.

        Raises:
            GalleryError: no photograph could be used, or one changed meanwhile.
        """
        gallery = self._enroller.enrol([Entry(subject, file) for file in files], [], lambda _done, _all: None)
        (found,) = gallery.subjects
        references = tuple(replace(each, jpeg=self._picture(each)) for each in found.references)
        return replace(found, references=references), (*gallery.refused, *gallery.duplicates)

    def _picture(self, reference: Reference) -> bytes:
        """A JPEG of the face, cut out of the very bytes that were enrolled; other faces in it are covered."""
        try:
            content = photograph.contents(reference.file)
        except PhotographError:
            content = b""
        if hashlib.sha256(content).hexdigest() != reference.sha256:
            raise GalleryError(f"photograph '{reference.file}' changed while it was read", hint="try it again")
        return next(self._cutter.cut(still(photograph.decode(content)), reference.box[None])).jpeg
