"""Dataset: photographs of known people, each turned into a template, for measuring; what could not be used is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from houselights.comparisons import Index
from houselights.result import Refusal
from houselights.types import Float32


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Photographs of known people, in memory only."""

    name: str
    """What was read, for outputs."""
    names: tuple[str, ...]
    """The people, sorted."""
    people: Index
    """(n,) whose each photograph is: an index into `names`."""
    files: tuple[Path, ...]
    """(n,)"""
    quality: Float32
    """(n,) 0 to 1, see docs/quality.md."""
    templates: Float32
    """(n, d) unit, made as that of a lone reference photograph."""
    lost: tuple[Refusal, ...]
    """Photographs that gave no template, and why."""
    duplicates: tuple[Refusal, ...]
    """Photographs whose bytes were there already; the reason names the first."""
