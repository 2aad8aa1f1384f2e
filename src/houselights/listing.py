"""Listing: what an entry of a watchlist needs, what is kept of it, and how its templates lie.

Templates are kept rotated by a secret orthogonal matrix of their list, so that those of two lists cannot be compared
with each other; turned back, they give the scores they gave before. Whoever has the matrix, which lies sealed beside
them, can turn them back: this is no protection once the list's key has leaked.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from math import isqrt
from pathlib import Path
from typing import Self

import numpy as np
from scipy.special import ndtri

from houselights.custody import canonical
from houselights.entry import CATEGORY_WORDS
from houselights.errors import PolicyError, SettingsError
from houselights.facts import WORDS
from houselights.gallery import Reference, Subject
from houselights.record import TIME
from houselights.templates import fuse
from houselights.types import Float64
from houselights.words import name_of, said

SOURCE_WORDS = (
    "consent", "own-photograph", "custody-image", "court-order", "missing-person-report", "venue-record",
    "public-body-record",
)  # fmt: skip
"""Where a photograph may lawfully come from. Pictures gathered from the web are not among them."""
IMAGE_WORDS = ("original", "still", "scan")
"""Kinds of image that can stand for a person; the others of `facts.WORDS` are drawn, made or changed."""
MOST_PHOTOGRAPHS = 20  # of one entry
LONGEST_NAME = 100  # characters
LONGEST_TEXT = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Somebody who is to be added to a watchlist."""

    subject: str
    category: str
    """Why, one of `entry.CATEGORY_WORDS`."""
    source: str
    """One of `SOURCE_WORDS`."""
    source_text: str
    """Which consent, order, report or record that is."""
    image_date: date
    """When the oldest of the photographs was taken."""
    photographs: tuple[Path, ...]
    image: str = "original"
    """One of `IMAGE_WORDS`."""
    until: date | None = None
    """The last day, in UTC; the longest that may be where None."""
    minor: bool = False
    justification: str = ""
    """Why the entry is needed although the subject is a minor."""
    despite: str = ""
    """Why somebody comes back who was erased. An authoriser has to sign for it."""

    def checked(self) -> Self:
        """The same with names and texts as they are kept.

        Raises:
            PolicyError: a word is off its closed list, or something is missing.
            SettingsError: a name or a text is empty or too long, or there are too many photographs.
        """
        _one_of("category", self.category, CATEGORY_WORDS)
        _one_of("lawful source", self.source, SOURCE_WORDS)
        if self.image not in IMAGE_WORDS:
            what = "cannot stand for a person" if self.image in WORDS["probe"] else "is no kind of image"
            hint = f"expected a photograph: {', '.join(IMAGE_WORDS)}"
            raise PolicyError(f"an image of the kind '{self.image[:LONGEST_NAME]}' {what}", rule="quality", hint=hint)
        if not 1 <= len(self.photographs) <= MOST_PHOTOGRAPHS:
            named = len(self.photographs)
            raise SettingsError(f"an entry has 1 to {MOST_PHOTOGRAPHS} photographs, {named} were named")
        kept = replace(
            self, subject=bounded("subject", self.subject), source_text=_text("source", self.source_text),
            justification=_text("justification", self.justification), despite=_text("reason", self.despite),
        )  # fmt: skip
        if not kept.source_text:
            hint = "name the consent, order, report or record: --source-text"
            raise PolicyError("an entry needs its lawful source in words", rule="watchlist-entry", hint=hint)
        if kept.minor and not kept.justification:
            hint = "say why it is needed all the same: --justification"
            raise PolicyError("the entry of a minor needs a justification", rule="watchlist-entry", hint=hint)
        return kept

    def last_moment(self, now: datetime, longest_days: int) -> str:
        """The end of the entry's last day; `longest_days` after today where none is wanted.

        Raises:
            PolicyError: the entry would stay longer, or would have expired.
            SettingsError: the photograph is of a day to come.
        """
        today = now.astimezone(UTC).date()
        latest = today + timedelta(days=longest_days)
        until = self.until or latest
        if until > latest:
            msg = f"the entry would stay until {until}; {longest_days} days are the longest, until {latest}"
            raise PolicyError(msg, rule="retention", hint="name an earlier day: --until")
        if until < today:
            msg = f"the entry would have expired on {until}"
            raise PolicyError(msg, rule="retention", hint="name a later day: --until")
        if self.image_date > today:
            raise SettingsError(f"the photograph cannot be of {self.image_date}: today is {today}")
        return f"{until}T23:59:59Z"


@dataclass(frozen=True, slots=True)
class Portrait:
    """What is kept of one photograph."""

    sha256: str
    quality: float
    box: tuple[float, ...]
    """Left, top, width, height of the face in pixels of the upright photograph."""
    template: str
    """(d,) float64, rotated by the list's matrix, in the entry's sign; base64."""
    jpeg: str
    """A small picture of the face; base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An entry of a watchlist."""

    number: str
    """Pseudonym of the subject on this list, and on no other."""
    subject: str
    category: str
    source: str
    source_text: str
    image: str
    image_date: str
    minor: bool
    justification: str
    portraits: tuple[Portrait, ...]
    offered: int
    """Photographs that were offered; those that are not among the portraits were refused."""
    matrix: str
    """Which of the list's matrices rotates the templates."""
    added: str
    """UTC, ISO 8601 to the second, as all times here."""
    until: str
    added_by: str = ""
    """Pseudonym of the actor who signed; empty where nobody did."""
    reviewed: str = ""
    reviewed_by: str = ""

    @property
    def quality(self) -> float:
        """Of the best photograph, 0 to 1."""
        return max(portrait.quality for portrait in self.portraits)

    def state(self, now: datetime) -> str:
        """Whether it takes part in a search: `searched`, `waits for review` or `expired`."""
        if now.strftime(TIME) > self.until:
            return "expired"
        return "searched" if self.reviewed else "waits for review"

    def __bytes__(self) -> bytes:
        return canonical(asdict(self))

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """An entry as it was kept."""
        fields = json.loads(content)
        portraits = (Portrait(**{**each, "box": tuple(each["box"])}) for each in fields.pop("portraits"))
        return cls(**fields, portraits=tuple(portraits))


@dataclass(frozen=True, slots=True, eq=False)
class Watchlist:
    """A list without its entries."""

    number: str
    name: str
    recogniser: str
    """The recipe of its templates, see `templates.recipe`."""
    created: str
    matrices: Mapping[str, Float64]
    """(d, d) secret, by number; more than one only while it is renewed, and where that was interrupted."""

    @property
    def newest(self) -> str:
        """The number of the matrix that templates are rotated by from now on."""
        return max(self.matrices, key=int)

    def renewed(self) -> Self:
        """The same with one more matrix."""
        more = {str(int(self.newest) + 1): secret_matrix(len(self.matrices[self.newest]))}
        return replace(self, matrices={**self.matrices, **more})

    def portraits(self, subject: Subject, number: str) -> tuple[Portrait, ...]:
        """What is kept of a subject's photographs, for the entry of that number."""
        turn = self._turn(self.newest, number)
        return tuple(
            Portrait(
                sha256=reference.sha256,
                quality=reference.quality,
                box=tuple(float(each) for each in reference.box),
                template=_packed(turn @ template.astype(np.float64)),
                jpeg=base64.b64encode(reference.jpeg or b"").decode(),
            )
            for reference, template in zip(subject.references, subject.templates, strict=True)
        )

    def subject(self, entry: Listed) -> Subject:
        """An entry as it is searched for, its templates turned back: in memory only."""
        back = self._turn(entry.matrix, entry.number).T
        templates = np.stack([back @ _unpacked(each.template) for each in entry.portraits]).astype(np.float32)
        references = tuple(
            Reference(
                # says whose it is, and names no file: none is kept
                Path(f"watchlist {self.name}: {entry.subject} {each.sha256[:12]}"),
                each.sha256, each.quality, np.array(each.box, np.float32), base64.b64decode(each.jpeg),
            )
            for each in entry.portraits
        )  # fmt: skip
        qualities = [each.quality for each in entry.portraits]
        return Subject(entry.subject, references, templates, fuse(templates, qualities), entry.category, entry.minor)

    def turned(self, entry: Listed) -> Listed:
        """An entry with its templates rotated by the newest matrix."""
        turn = self._turn(self.newest, entry.number) @ self._turn(entry.matrix, entry.number).T
        portraits = (replace(each, template=_packed(turn @ _unpacked(each.template))) for each in entry.portraits)
        return replace(entry, portraits=tuple(portraits), matrix=self.newest)

    def _turn(self, matrix: str, number: str) -> Float64:
        """(d, d) one of the matrices, with a secret sign that is the entry's own.

        Two matrices alone would move the scores of all who stand on both lists by one and the same amount, the trace of
        their product over d, against those of strangers. With a sign of its own each entry goes another way.
        """
        secret = hashlib.sha256(self.matrices[matrix][0].tobytes() + number.encode()).digest()
        return self.matrices[matrix] * (1 if secret[0] & 1 else -1)

    def __bytes__(self) -> bytes:
        fields = {name: getattr(self, name) for name in self.__slots__}
        return canonical({**fields, "matrices": {number: _packed(each) for number, each in self.matrices.items()}})

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """A list as it was kept."""
        fields = json.loads(content)
        kept = {number: _unpacked(each) for number, each in fields.pop("matrices").items()}
        return cls(**fields, matrices={number: each.reshape(isqrt(each.size), -1) for number, each in kept.items()})


def secret_matrix(side: int) -> Float64:
    """(side, side) an orthogonal matrix, each as likely as any other, from the system's secret random bytes.

    The Q of a Gaussian matrix, with the signs of R's diagonal (Mezzadri 2007).
    """
    whole = np.frombuffer(os.urandom(8 * side * side), "<u8") >> np.uint64(11)
    gaussian = ndtri((whole.astype(np.float64) + 0.5) / 2**53).reshape(side, side)
    q, r = np.linalg.qr(gaussian)
    return np.asarray(q * np.where(np.diag(r) < 0, -1.0, 1.0), np.float64)


def _packed(values: Float64) -> str:
    """Numbers as base64 of float64, which keeps every digit."""
    return base64.b64encode(np.ascontiguousarray(values, "<f8").tobytes()).decode()


def _unpacked(text: str) -> Float64:
    return np.frombuffer(base64.b64decode(text), "<f8").astype(np.float64)


def bounded(what: str, text: str) -> str:
    """A name as it is kept.

    Raises:
        SettingsError: it is empty or has more than 100 characters.
    """
    name = name_of(text)
    length = len(name) if said(text) else 0
    if not 1 <= length <= LONGEST_NAME:
        raise SettingsError(f"the name of a {what} has 1 to {LONGEST_NAME} characters, this one {length}")
    return name


def _text(what: str, text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise SettingsError(f"the {what} in words has {len(text)} characters, {LONGEST_TEXT} are the most")
    return said(text).encode("utf-8", "backslashreplace").decode()


def _one_of(what: str, word: str, words: Sequence[str]) -> None:
    if word not in words:
        msg = f"'{word[:LONGEST_NAME]}' is no {what} of a watchlist's entry"
        raise PolicyError(msg, rule="watchlist-entry", hint=f"expected one of: {', '.join(words)}")
