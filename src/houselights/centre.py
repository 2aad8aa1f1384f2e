"""Centre: the mean template of strangers. What all faces share says nothing about whose face it is, so it is taken off.

Shifting embeddings by their mean over strangers is an old step of speaker recognition; docs/odds.md shows what it gave.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from houselights.errors import CalibrationError
from houselights.models import Model, figures
from houselights.types import Float32

SCHEMA = "houselights/centre/1"
DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Centre:
    """The mean of one recogniser's unit templates."""

    sha256: str
    """Of the recogniser's weights: it serves no other."""
    data: str
    """Whose photographs it was measured on."""
    people: int
    vector: Float32
    """(d,) shorter than 1."""

    @property
    def digest(self) -> str:
        """What templates and calibrations are bound to."""
        return hashlib.sha256(self.vector.astype("<f4").tobytes()).hexdigest()

    def to_json(self) -> str:
        """The file."""
        vector = [round(float(value), DIGITS) for value in self.vector]
        document = {"schema": SCHEMA, "sha256": self.sha256, "data": self.data, "people": self.people, "vector": vector}
        return json.dumps(document, indent=1) + "\n"


def measure(model: Model, data: str, templates: Float32) -> Centre:
    """The centre of templates (n, d), one of each person, that no centre was taken off.

    Raises:
        CalibrationError: fewer than 100 people, or values that are no numbers.
    """
    if len(templates) < 100 or not np.isfinite(templates).all():
        msg = f"a centre cannot be measured on {len(templates)} templates, expected 100 or more, made of numbers"
        raise CalibrationError(msg, hint="give photographs of more people")
    mean = np.round(templates.astype(np.float64).mean(axis=0), DIGITS)
    return Centre(model.sha256, data, len(templates), mean.astype(np.float32))


def built_in(model: Model) -> Centre | None:
    """The centre that comes with the program for a recogniser, if it has one."""
    document = figures(model, "centres")
    if document is None:
        return None
    vector = np.array(document["vector"], np.float32)
    return Centre(document["sha256"], document["data"], int(document["people"]), vector)
