"""One footage from its first frame to its last: detections, tracks, and a template for every track with a usable shot.

Detections are kept as they come, so that a run that was killed goes on where it was; templates are made anew each time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from houselights.detections import Detections, Observation
from houselights.faces import SIDE, alignment
from houselights.footage import Footage, Tally
from houselights.frame import Frame
from houselights.quality import measure
from houselights.result import Shot as ShotRecord
from houselights.sampling import Sampler, Sampling, Sight
from houselights.search import Probe
from houselights.templates import Recogniser, fuse_shots, people
from houselights.tracks import STRONG, Shot, Step, Track, Tracker
from houselights.types import Faces, Float32, UInt8

TOGETHER = 12  # shots that wait until their templates are made in one go: enough to keep the cores busy

Progress = Callable[[float, int], None]
"""Called with the seconds of footage done and the frames read."""


@dataclass(frozen=True, slots=True)
class Range:
    """Which part of the footage is analysed, in ticks; None leaves an end open."""

    since: int | None = None
    until: int | None = None


@dataclass(slots=True)
class Scan:
    """What was seen in one footage."""

    tally: Tally = field(default_factory=Tally)
    analysed: int = 0
    faces: int = 0
    unusable: int = 0
    tracks: int = 0
    without_template: int = 0
    probes: list[Probe] = field(default_factory=list)


class Looks(Protocol):
    """What finds faces in frames."""

    def stream(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Faces]]:
        """Each frame with its faces, in order."""


@dataclass(frozen=True, slots=True)
class Job:
    """One footage and how it is scanned."""

    footage: Footage
    detector: Looks
    sampling: Sampling
    part: Range
    kept: Detections
    strong: float = STRONG
    """The detector score from which on a face may begin a track."""


def scan(job: Job, recogniser: Recogniser, alike: float, progress: Progress) -> Scan:
    """Detect, track and embed one footage.

    Memory holds the live tracks and the templates of those that ended; of detections that were kept by an earlier run
    also where each track with shots was seen, until the end.

    Two shots of one track that score `alike` and more are taken for one person.

    Raises:
        RestartError: what earlier runs kept cannot be gone on from; it has been removed.
    """
    facts = job.footage.facts
    seen, tracker = Scan(), Tracker((facts.width, facts.height), strong=job.strong)
    desk = _Desk(job.footage, recogniser, alike)
    for observation, frame in observe(job):
        sight, faces = observation.sight, observation.faces
        seen.tally = observation.tally
        seen.analysed += 1
        seen.faces += len(faces)
        seen.unusable += int((~observation.quality.usable).sum())
        seconds = facts.seconds(sight.ticks)
        step = tracker.update(sight.ticks, seconds, faces, observation.quality, cut=sight.cut)
        if frame is not None:
            desk.cut_out(frame, observation, step, tracker)
        desk.close(step.ended, seen)
        progress(seconds, observation.tally.frames)
    desk.close(tracker.finish(), seen)
    desk.finish(seen)
    seen.tally = job.kept.finished or seen.tally
    seen.probes.sort(key=lambda probe: (probe.track, probe.start_s))
    return seen


def observe(job: Job) -> Iterator[tuple[Observation, Frame | None]]:
    """Every analysed frame with its faces: first those kept from earlier runs, without pixels, then the rest."""
    last = None
    for observation in job.kept.kept():
        last = observation
        yield observation, None
    if job.kept.finished is not None:
        return
    tally = replace(last.tally) if last else Tally()
    if last is not None and tally.times_made_up:  # such times depend on where reading began
        job.kept.clear()
        msg = "kept detections of footage without time stamps"
        raise RestartError(msg)
    since = job.part.since if last is None else last.sight.ticks + 1
    pending: deque[tuple[Sight, Tally]] = deque()
    for frame, faces in job.detector.stream(_wanted(job, since, last, tally, pending)):
        sight, then = pending.popleft()
        ready = frame.planar()
        observation = Observation(sight, faces, measure(ready, faces), then)
        job.kept.add(observation)
        yield observation, ready
    job.kept.finish(tally)


def _wanted(
    job: Job, since: int | None, last: Observation | None, tally: Tally, pending: deque[tuple[Sight, Tally]]
) -> Iterator[Frame]:
    """The frames to analyse; what was decided and counted at each waits in `pending`."""
    facts = job.footage.facts
    sampler = _sampler(job, last.sight) if last else Sampler(job.sampling)
    for frame in job.footage.frames(tally, since=since, until=job.part.until, skip=job.sampling.skip(facts)):
        sight = sampler.look(frame, facts.seconds(frame.ticks))
        if sight.analyse:
            pending.append((sight, replace(tally)))
            yield frame


def _sampler(job: Job, last: Sight) -> Sampler:
    """A sampler that goes on after an earlier run, whose last frame is read once more: no picture of it is kept."""
    for frame in job.footage.at([last.ticks]):
        return Sampler(job.sampling, last, frame)
    job.kept.clear()
    msg = "the frame that earlier work ended with cannot be read again"
    raise RestartError(msg)


class RestartError(Exception):
    """What earlier runs kept cannot be gone on from: scan again from the start."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What one track shows of one person."""

    track: int
    start: int
    end: int
    """Ticks."""
    shots: tuple[Shot, ...]
    rows: list[int]
    """Where the shots' templates are among all that were made in one go."""


class _Desk:
    """Aligned faces on their way to a template: a few of each live track, and of ended ones until there are enough."""

    def __init__(self, footage: Footage, recogniser: Recogniser, alike: float) -> None:
        self._footage, self._recogniser, self._alike = footage, recogniser, alike
        self._patches: dict[int, dict[int, UInt8]] = {}
        self._waiting: list[tuple[Track, list[UInt8]]] = []
        self._replayed: list[Track] = []

    def cut_out(self, frame: Frame, observation: Observation, step: Step, tracker: Tracker) -> None:
        """Cut the new shots out of a frame, and drop those that they replaced."""
        onto = alignment(observation.faces.points[list(step.taken)])
        for face, each in zip(step.taken, onto, strict=True):
            number = int(step.numbers[face])
            patches = self._patches.setdefault(number, {})
            patches[frame.ticks] = frame.patch(each, SIDE)
            still = {shot.ticks for shot in tracker.shots(number)}
            self._patches[number] = {ticks: patch for ticks, patch in patches.items() if ticks in still}

    def close(self, ended: tuple[Track, ...], seen: Scan) -> None:
        """Make the templates of tracks that ended, several at once; those with shots from before a restart wait."""
        for track in ended:
            seen.tracks += 1
            patches = self._patches.pop(track.number, {})
            if not track.shots:
                seen.without_template += 1
            elif all(shot.ticks in patches for shot in track.shots):
                self._wait(track, [patches[shot.ticks] for shot in track.shots], seen)
            else:
                self._replayed.append(track)

    def finish(self, seen: Scan) -> None:
        """Cut the shots from before a restart out of their frames once more, and make the templates that wait."""
        wanted: dict[int, list[tuple[Track, Shot]]] = {}
        for track in self._replayed:
            for shot in track.shots:
                wanted.setdefault(shot.ticks, []).append((track, shot))
        cut: dict[tuple[int, int], UInt8] = {}
        left = {track.number: track for track in self._replayed}
        for frame in self._footage.at(wanted):
            ready = frame.planar()
            for track, shot in wanted[frame.ticks]:
                cut[track.number, shot.ticks] = ready.patch(alignment(shot.points[None])[0], SIDE)
                if all((track.number, each.ticks) in cut for each in track.shots):
                    self._wait(track, [cut.pop((track.number, each.ticks)) for each in track.shots], seen)
                    del left[track.number]
        seen.without_template += len(left)
        self._replayed = []
        self._embed(seen)

    def _wait(self, track: Track, patches: list[UInt8], seen: Scan) -> None:
        self._waiting.append((track, patches))
        if sum(len(each) for _, each in self._waiting) >= TOGETHER:
            self._embed(seen)

    def _embed(self, seen: Scan) -> None:
        """Make the templates of the tracks that wait, all their shots at once."""
        patches = [patch for _, of_track in self._waiting for patch in of_track]
        plain = self._recogniser.embed(patches)
        parts = list(self._parts(plain))
        alone = [part.rows[0] for part in parts if len(part.rows) == 1]
        both_ways = iter(self._recogniser.both_ways([patches[row] for row in alone], plain[alone]))
        for part in parts:
            each = plain[part.rows]
            template = next(both_ways) if len(part.rows) == 1 else fuse_shots(each, [s.quality for s in part.shots])
            seen.probes.append(self._probe(part, each, template))
        self._waiting = []

    def _parts(self, plain: Float32) -> Iterator[_Part]:
        """The tracks that wait, each whole, unless it passed to somebody else; `plain`: all their templates."""
        first = 0
        for track, patches in self._waiting:
            persons = people(plain[first : first + len(patches)], self._alike)
            for person in sorted(set(persons)):
                mine = [index for index, other in enumerate(persons) if other == person]
                shots = tuple(track.shots[index] for index in mine)
                yield _Part(track.number, *_span(track, persons, mine), shots, [first + index for index in mine])
            first += len(patches)

    def _probe(self, part: _Part, each: Float32, template: Float32) -> Probe:
        start, end = (self._footage.facts.seconds(ticks) for ticks in (part.start, part.end))
        return Probe(str(self._footage.path), part.track, start, end, tuple(map(_record, part.shots)), each, template)


def _record(shot: Shot) -> ShotRecord:
    left, top, width, height = (round(float(side), 1) for side in shot.box)
    return ShotRecord(shot.seconds, (left, top, width, height), round(shot.quality, 4))


def _span(track: Track, persons: Sequence[int], mine: Sequence[int]) -> tuple[int, int]:
    """From when to when a track is one person's: up to where it passed from or to somebody else, or the track's end."""
    first, last = mine[0], mine[-1]
    start = _passed(track, first)[1] if first else int(track.ticks[0])
    end = _passed(track, last + 1)[0] if last + 1 < len(persons) else int(track.ticks[-1])
    return start, end


def _passed(track: Track, shot: int) -> tuple[int, int]:
    """The last sighting of one person and the first of the next, whose shot has this number, since the shot before.

    It is where the face was lost from sight longest, and half-way of the two shots where it never was.
    """
    ends = track.shots[shot - 1].ticks, track.shots[shot].ticks
    here = np.flatnonzero((track.ticks > ends[0]) & (track.ticks <= ends[1]))
    lost = np.where(track.lost[here], track.ticks[here] - track.ticks[here - 1], 0)
    away = np.abs(2 * track.ticks[here] - sum(ends))
    at = min(zip(-lost, away, here, strict=True))[-1]
    return int(track.ticks[at - 1]), int(track.ticks[at])
