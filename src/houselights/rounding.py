"""Rounding: how far the values inside a network reach, so that it can be computed in 8 bits and few are cut off."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from houselights.models import Model, figures
from houselights.types import Float32

SCHEMA = "houselights/ranges/1"
DIGITS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """What one model's convolutions get as their input, measured on pictures: `bench/rounding.py`."""

    sha256: str
    """Of the model: the ranges serve no other."""
    data: str
    """The pictures that they were measured on."""
    largest: dict[str, Float32]
    """By the name of a convolution the largest value that goes into it, without its sign: (channels,) where each
    channel is filtered by itself, else (1,). A convolution that is not named is computed in f32."""

    @property
    def digest(self) -> str:
        """What detections made with them are bound to."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """The file."""
        largest = {name: [round(float(value), DIGITS) for value in values] for name, values in self.largest.items()}
        document = {"schema": SCHEMA, "sha256": self.sha256, "data": self.data, "largest": largest}
        return json.dumps(document, indent=1) + "\n"


def built_in(model: Model) -> Ranges | None:
    """The ranges that come with the program for a model, if it has some."""
    document = figures(model, "ranges")
    if document is None:
        return None
    largest = {name: np.array(values, np.float32) for name, values in document["largest"].items()}
    return Ranges(document["sha256"], document["data"], largest)
