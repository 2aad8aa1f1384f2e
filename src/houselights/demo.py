"""The demo: people made by a computer walk past a drawn stage door, half of them are searched for, truth is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from houselights import batch, custody, event, fetching, intake, models, policy
from houselights.cast import read_cast
from houselights.cover import Fill
from houselights.disclosure import Disclosure, in_words, uses_of
from houselights.errors import PolicyError
from houselights.event import Event, EventSettings
from houselights.gallery import Portraitist
from houselights.heads import Recall
from houselights.record import Record
from houselights.release import Request as Release
from houselights.release import beside
from houselights.result import Appearance
from houselights.sampling import Sampling
from houselights.sources import digest
from houselights.types import Purpose

BASIS = "demonstration: everybody in this film was made by a computer"
AUTHORISER = "houselights demo"
POST_S = 3.0  # length of the film for a social-media post
SLACK_S = 1.0  # an interval found may begin and end this much before or after the truth's: faces show before they count


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is true of one subject and what was found."""

    subject: str
    enrolled: bool
    walks: tuple[tuple[float, float], ...]
    """Seconds from entry to exit, each time."""
    found: tuple[Appearance, ...]

    @property
    def met(self) -> int:
        """Walks in which an appearance was found."""
        return sum(any(_overlap(walk, seen) for seen in self.found) for walk in self.walks)

    @property
    def stray(self) -> int:
        """Appearances at times when the person did not walk: somebody else was taken for them."""
        return sum(not any(_overlap(walk, seen) for walk in self.walks) for seen in self.found)

    @property
    def verdict(self) -> str:
        """What to think of it, in words."""
        if not self.enrolled:
            return "not searched for, not found"
        wrong = f", {self.stray} wrong" if self.stray else ""
        return f"found in {self.met} of {len(self.walks)} walks{wrong}"


def _overlap(walk: tuple[float, float], seen: Appearance) -> bool:
    return seen.start_s <= walk[1] + SLACK_S and seen.end_s >= walk[0] - SLACK_S


def make_event(folder: Path, settings: EventSettings, progress: Callable[[int, int], None]) -> Event:
    """An event with the fetched cast."""
    portraitist = Portraitist(models.path_of(models.default("detector")))
    cast = read_cast(fetching.cast_dir(), portraitist.find_face)
    return event.make(folder, cast, settings, progress=progress)


def record(folder: Path) -> Record:
    """The record of demonstrations in this folder, apart from the one in earnest."""
    return Record(folder / "record", name="demo.houselights.local")


def request(folder: Path) -> batch.Request:
    """The search of an event that `make_event` wrote."""
    return batch.Request(
        footage=(folder / "event.mp4",),
        authority=policy.authority("evaluation", BASIS, AUTHORISER),
        gallery=folder / "gallery",
        sampling=Sampling("all"),
        resume=False,
    )


def release(folder: Path) -> Release:
    """A copy of the event in which the enrolled people stay visible and every other head is hidden."""
    return Release(
        source=folder / "event.mp4",
        out=folder / "released.mp4",
        authority=policy.authority("evaluation", BASIS, AUTHORISER),
        keep=(folder / "gallery",),
        fill=Fill("silhouette"),
        recall=Recall.NORMAL,
    )


def post(folder: Path, seed: int, record: Record, progress: Callable[[int, int], None]) -> Release:
    """Another film, taken in for a social-media post, and its release: every head hidden."""
    make_event(folder, EventSettings(seconds=POST_S, people=3, seed=seed), progress)
    film = folder / "event.mp4"
    intake.take_in(record, digest(film), film.name, Purpose.PUBLIC_RELEASE)
    return Release(source=film, out=folder / "post.mp4", fill=Fill("silhouette"), recall=Recall.NORMAL, aspect="9:16")


def refused(folder: Path, record: Record, watcher: batch.Watcher) -> str:
    """What the program says to somebody who wants to search such a film."""
    try:
        batch.run(request(folder), record, watcher)
    except PolicyError as fault:
        return fault.message
    raise RuntimeError("a film that was taken in for public release was searched")


def compare(truth: Event, found: tuple[Appearance, ...]) -> list[Comparison]:
    """Truth and result for everybody in the film, the enrolled first."""
    seconds = truth.time_base[0] / truth.time_base[1]
    start = truth.frames[0].ticks
    rows = [
        Comparison(
            person.id,
            person.enrolled,
            tuple(((walk.entry_ticks - start) * seconds, (walk.exit_ticks - start) * seconds) for walk in person.walks),
            tuple(seen for seen in found if seen.subject == person.id),
        )
        for person in truth.people
    ]
    return sorted(rows, key=lambda row: (not row.enrolled, row.subject))


def uses(record: Record, folder: Path) -> list[str]:
    """What the log states of the demo's film, in words: found as an outsider finds it, with the release's manifest."""
    verdict = custody.verify(record.folder, record.key)
    secret = Disclosure.read(beside(folder / "released.mp4", "release.json"))
    found = uses_of(secret, custody.read_entries(record.folder, verdict.checkpoint.size))
    return [*verdict.lines(), *in_words(found, verdict.checkpoint.size)]
