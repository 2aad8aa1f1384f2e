"""Made-up people with templates, for tests that measure."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from houselights.dataset import Dataset
from houselights.templates import unit
from houselights.types import Float32


def data_set(templates: Float32, people: Sequence[int]) -> Dataset:
    """Templates of people as a data set; the photographs of each are numbered from 1, as in LFW."""
    whose = np.array(people, np.int64)
    numbers = [int((whose[: row + 1] == person).sum()) for row, person in enumerate(whose)]
    files = [Path(f"P{who:03}") / f"P{who:03}_{number:04}.jpg" for who, number in zip(whose, numbers, strict=True)]
    names = tuple(f"P{who:03}" for who in range(int(whose.max()) + 1))
    quality = np.full(len(whose), 0.9, np.float32)
    return Dataset("world", names, whose, tuple(files), quality, templates, (), ())


def world(people: int, photographs: int, seed: int, noise: float = 0.6, dimensions: int = 16) -> Dataset:
    """So many people with so many photographs each, some of whom look less like themselves than others."""
    chance = np.random.default_rng(seed)
    whose = np.repeat(np.arange(people), photographs)
    own = noise * np.exp(chance.normal(0, 0.5, people))[whose, None]
    faces = chance.normal(size=(people, dimensions))[whose] + own * chance.normal(size=(len(whose), dimensions))
    return data_set(unit(faces.astype(np.float32)), whose.tolist())
