"""Templates: the biometrics. Made from few aligned faces, fused to one a track or subject, held in memory only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy.sparse.csgraph import connected_components

from houselights import centre
from houselights.errors import ModelError
from houselights.faces import SIDE
from houselights.models import Model
from houselights.runtime import open_network
from houselights.types import Float32, UInt8

RAW_PIXELS = frozenset({"sface"})
"""Recognisers that take pixels of 0 to 255 as they are; others of the ArcFace family take (pixel - 127.5) / 127.5."""
ALIGNMENT = "arcface-112-five-points"
"""Where eyes, nose and mouth lie in the faces that recognisers get: `faces.alignment`."""
PRECISION = "f32"


def recipe(model: Model) -> str:
    """SHA-256 over all that two templates must have in common to be compared: weights, alignment, precision, centre."""
    middle = centre.built_in(model)
    parts = (model.sha256, ALIGNMENT, PRECISION, middle.digest if middle else "")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class Recogniser:
    """Turns aligned faces into templates, always in f32, so that processors agree to the last few digits."""

    def __init__(self, model: Model, path: Path) -> None:
        """Compile the recogniser.

        Raises:
            ModelError: it does not take 112x112 faces or does not give one vector a face.
        """
        self.model = model
        self.recipe = recipe(model)
        self._centre = centre.built_in(model)
        self._network = open_network(path, (1, 3, SIDE, SIDE), nv12=None, exact=True)
        outputs = self._network.run((self._input(np.zeros((SIDE, SIDE, 3), np.uint8)),))
        if len(outputs) != 1 or outputs[0].ndim != 2 or len(outputs[0]) != 1:
            shapes = ", ".join(str(output.shape) for output in outputs)
            msg = f"recogniser '{model.name}' gives {shapes}, expected one output of (1, d)"
            raise ModelError(msg, hint="it must take one aligned 112x112 face and give one vector")
        self.dimensions = int(outputs[0].shape[1])

    def embed(self, patches: Iterable[UInt8]) -> Float32:
        """(n, d) unit vectors, one for each aligned face (112, 112, 3) in RGB, independent of how many come at once.

        The centre of the recogniser, where it has one, is taken off: see `centre.py`.
        """
        found = self.embed_plain(patches)
        return found if self._centre is None else unit(found - self._centre.vector)

    def embed_plain(self, patches: Iterable[UInt8]) -> Float32:
        """The same without taking a centre off: what a centre is measured on."""
        inputs = (((self._input(patch),), None) for patch in patches)
        rows = [outputs[0][0] for outputs, _ in self._network.stream(inputs)]
        return unit(np.array(rows, np.float32).reshape(-1, self.dimensions))

    def embed_alone(self, patches: Sequence[UInt8]) -> Float32:
        """(n, d) a unit vector for each face that stands for itself: seen in the mirror as well, two views in one."""
        return self.both_ways(patches, self.embed(patches))

    def both_ways(self, patches: Sequence[UInt8], seen: Float32) -> Float32:
        """The same where the templates (n, d) of the faces as they are have been made already."""
        mirrored = [np.ascontiguousarray(patch[:, ::-1]) for patch in patches]
        return unit(seen + self.embed(mirrored))

    def _input(self, patch: UInt8) -> Float32:
        planes = patch.transpose(2, 0, 1)[None].astype(np.float32)
        return planes if self.model.name in RAW_PIXELS else (planes - np.float32(127.5)) / np.float32(127.5)


def fuse(templates: Float32, weights: list[float]) -> Float32:
    """(d,) the weighted mean of the unit templates (n, d) of a subject's photographs, of length 1 at most.

    It is not scaled back to length 1: so a score with it is the mean of the scores with each template, which strangers
    raise less often than a single score, and the rate measured on single photographs stays an upper bound
    (docs/decisions/0007).
    """
    shares = np.array(weights) / sum(weights)
    return np.asarray((templates.astype(np.float64) * shares[:, None]).sum(axis=0), np.float32)


def fuse_shots(templates: Float32, weights: list[float]) -> Float32:
    """(d,) the weighted mean of the unit templates (n, d) of a track's shots, scaled to length 1.

    Shots of one track are alike, so strangers reach a score with it hardly more often than with one photograph; how
    often is measured for each number and quality of shots (`odds.kind_of`).
    """
    return np.asarray(unit(fuse(templates, weights)[None])[0], np.float32)


def people(templates: Float32, alike: float) -> list[int]:
    """The person of each template of one track: templates linked by scores of `alike` and more have the same number.

    A track that passed from one person to another, where they crossed, shows itself by shots that are unlike.
    """
    _, persons = connected_components(templates @ templates.T >= alike, directed=False)
    return [int(person) for person in persons]


def unit(vectors: Float32) -> Float32:
    """(n, d) each row scaled to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
