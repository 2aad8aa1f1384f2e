"""One footage from its first frame to its last: detections, tracks, and a template for every track with a usable shot.

Detections are kept as they come, so that a run that was killed goes on where it was; templates are made anew each time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from houselights.detections import Detections, Observation
from houselights.faces import SIDE, Detector, alignment
from houselights.footage import Footage, Frame, Tally
from houselights.quality import measure
from houselights.result import Shot as ShotRecord
from houselights.sampling import Sampler, Sampling, Sight
from houselights.search import Probe
from houselights.templates import Recogniser
from houselights.tracks import Shot, Step, Track, Tracker
from houselights.types import UInt8

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


def scan(
    footage: Footage, detector: Detector, recogniser: Recogniser, sampling: Sampling, part: Range, kept: Detections, progress: Progress
) -> Scan:
    """Detect, track and embed one footage. Memory holds the live tracks and one template for each ended one."""
    seen, tracker, desk = Scan(), Tracker(), _Desk(footage, recogniser)
    for observation, frame in observe(footage, detector, sampling, part, kept):
        sight, faces = observation.sight, observation.faces
        seen.tally = observation.tally
        seen.analysed += 1
        seen.faces += len(faces)
        seen.unusable += int((~observation.quality.usable).sum())
        seconds = footage.facts.seconds(sight.ticks)
        step = tracker.update(sight.ticks, seconds, faces, observation.quality, cut=sight.cut)
        if frame is not None:
            desk.cut_out(frame, observation, step, tracker)
        desk.close(step.ended, seen)
        progress(seconds, observation.tally.frames)
    desk.close(tracker.finish(), seen)
    desk.close_replayed(seen)
    seen.tally = kept.finished or seen.tally
    seen.probes.sort(key=lambda probe: probe.track)
    return seen


def observe(
    footage: Footage, detector: Detector, sampling: Sampling, part: Range, kept: Detections
) -> Iterator[tuple[Observation, Frame | None]]:
    """Every analysed frame with its faces: first those kept from earlier runs, without pixels, then the rest."""
    last = None
    for observation in kept.kept():
        last = observation
        yield observation, None
    if kept.finished is not None:
        return
    tally = replace(last.tally) if last else Tally()
    if last is not None and tally.times_made_up:  # such times depend on where reading began: begin again
        kept.clear()
        msg = "kept detections of footage without time stamps"
        raise RestartError(msg)
    since = part.since if last is None else last.sight.ticks + 1
    pending: deque[tuple[Sight, Tally]] = deque()
    sampler = Sampler(sampling, last.sight if last else None)
    frames = _wanted(footage, sampler, tally, Range(since, part.until), sampling, pending)
    for frame, faces in detector.stream(frames):
        sight, then = pending.popleft()
        ready = frame.planar()
        observation = Observation(sight, faces, measure(ready, faces), then)
        kept.add(observation)
        yield observation, ready
    kept.finish(tally)


class RestartError(Exception):
    """What earlier runs kept cannot be gone on from: scan again from the start."""


def _wanted(
    footage: Footage, sampler: Sampler, tally: Tally, part: Range, sampling: Sampling, pending: deque[tuple[Sight, Tally]]
) -> Iterator[Frame]:
    """The frames to analyse; what was decided and counted at each waits in `pending`."""
    for frame in footage.frames(tally, since=part.since, until=part.until, skip=sampling.skip(footage.facts)):
        sight = sampler.look(frame, footage.facts.seconds(frame.ticks))
        if sight.analyse:
            pending.append((sight, replace(tally)))
            yield frame


class _Desk:
    """Aligned faces on their way to a template: those of live tracks, at most a few for each."""

    def __init__(self, footage: Footage, recogniser: Recogniser) -> None:
        self._footage = footage
        self._recogniser = recogniser
        self._patches: dict[int, dict[int, UInt8]] = {}
        self._replayed: list[Track] = []

    def cut_out(self, frame: Frame, observation: Observation, step: Step, tracker: Tracker) -> None:
        """Cut the new shots out of a frame, and drop those that they replaced."""
        for face in step.taken:
            number = int(step.numbers[face])
            patches = self._patches.setdefault(number, {})
            patches[frame.ticks] = frame.patch(alignment(observation.faces.points[face][None])[0], SIDE)
            still = {shot.ticks for shot in tracker.shots(number)}
            self._patches[number] = {ticks: patch for ticks, patch in patches.items() if ticks in still}

    def close(self, ended: tuple[Track, ...], seen: Scan) -> None:
        """Make the templates of tracks that ended; those with shots from before a restart wait."""
        for track in ended:
            seen.tracks += 1
            patches = self._patches.pop(track.number, {})
            if not track.shots:
                seen.without_template += 1
            elif all(shot.ticks in patches for shot in track.shots):
                seen.probes.append(self._probe(track, [patches[shot.ticks] for shot in track.shots]))
            else:
                self._replayed.append(track)

    def close_replayed(self, seen: Scan) -> None:
        """Read the frames of shots that were taken before a restart once more, and make those templates."""
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
                    seen.probes.append(self._probe(track, [cut.pop((track.number, each.ticks)) for each in track.shots]))
                    del left[track.number]
        seen.without_template += len(left)
        self._replayed = []

    def _probe(self, track: Track, patches: list[UInt8]) -> Probe:
        best = max(track.shots, key=lambda shot: shot.quality)
        seconds = self._footage.facts.seconds
        box = tuple(round(float(side), 1) for side in best.box)
        return Probe(
            footage=str(self._footage.path),
            track=track.number,
            start_s=seconds(int(track.ticks[0])),
            end_s=seconds(int(track.ticks[-1])),
            shots=len(patches),
            best_shot=ShotRecord(best.seconds, (box[0], box[1], box[2], box[3]), round(best.quality, 4)),
            template=self._recogniser.template(patches, [shot.quality for shot in track.shots]),
        )
