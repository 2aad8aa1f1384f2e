"""The shapes that more than one part of the way speaks: faces, and the authority for a use."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
UInt8 = NDArray[np.uint8]


class Purpose(StrEnum):
    """What footage may be used for: a closed list."""

    CONSENTED = "consented"
    SUBJECT_ACCESS = "subject-access"
    MISSING_PERSON = "missing-person"
    VICTIM_IDENTIFICATION = "victim-identification"
    CRIME_SUSPECT = "crime-suspect"
    VENUE_EXCLUSION = "venue-exclusion"
    PUBLIC_RELEASE = "public-release"
    EVALUATION = "evaluation"

    @property
    def words(self) -> str:
        """What it allows, for people."""
        return PURPOSE_WORDS[self]


PURPOSE_WORDS = {
    Purpose.CONSENTED: "those who are looked for asked for it",
    Purpose.SUBJECT_ACCESS: "a person gets the footage that shows them",
    Purpose.MISSING_PERSON: "somebody who is missing, or cannot say who they are, is looked for",
    Purpose.VICTIM_IDENTIFICATION: "a victim or a witness of a crime is looked for",
    Purpose.CRIME_SUSPECT: "somebody who is accused of a named crime is looked for",
    Purpose.VENUE_EXCLUSION: "a venue looks for those on its reviewed list",
    Purpose.PUBLIC_RELEASE: "a copy is published in which nobody is seen who did not agree; nobody is searched for",
    Purpose.EVALUATION: "the software is measured, on people who agreed or were made by a computer",
}


@dataclass(frozen=True, slots=True)
class Authority:
    """Why a use is lawful and who answers for it. It stands in every output."""

    purpose: Purpose
    basis: str
    """The law, warrant, contract or consent that the use rests on."""
    authorised_by: str
    """The person who authorised the use."""


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of one picture, as parallel arrays in the pixels of the upright picture."""

    boxes: Float32
    """(n, 4) left, top, width, height."""
    points: Float32
    """(n, 5, 2) x, y of the eye on the picture's left, the eye on its right, nose tip, mouth corner left, right."""
    scores: Float32
    """(n,) the detector's score, 0 to 1. It says "face", never "whose"."""

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, which: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Self:
        return type(self)(*(getattr(self, field.name)[which] for field in fields(self)))

    @classmethod
    def none(cls) -> Self:
        """No face."""
        return cls(np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32))
