"""How well faces are followed, beside ByteTrack of the package `trackers`: same detections, events with known truth.

Scenes: people walk by; many cross behind pillars and passers-by, every other event with an uneven frame rate; a crowd
stands behind walkers (needs portraits of strangers). Each is also followed in every fifth frame alone. ByteTrack gets
its own default settings, the frames' times, and begins anew at every shot cut, as ours does.

    python bench/tracking.py [--seeds 10] [--seconds 20] [--strangers DIR]
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import _common as common
import numpy as np

from houselights import event, footage, tracking, tracks
from houselights.cast import Cast
from houselights.event import Event
from houselights.faces import Detector, canvas
from houselights.quality import Quality, measure
from houselights.sampling import Sampler, Sampling
from houselights.script import EventSettings
from houselights.tracking import TrackingScores
from houselights.types import Faces, Float32

WALKERS, CROSSING, CROWD = 12, 24, 12  # people in 20 seconds


@dataclass(frozen=True, slots=True)
class Look:
    """What a tracker is given of one frame."""

    ticks: int
    seconds: float
    faces: Faces
    quality: Quality
    cut: bool


@dataclass(frozen=True, slots=True)
class Trail:
    """A track as `tracking.tracking` takes it."""

    number: int
    ticks: np.ndarray[tuple[int], np.dtype[np.int64]]
    boxes: Float32


def main() -> None:
    """Make events, follow the faces in them by both, print."""
    parser = common.options(__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="events of each kind (default 10)")
    parser.add_argument("--first-seed", type=int, default=1000, help="seed of the first event (default 1000)")
    parser.add_argument("--seconds", type=float, default=20, help="length of each event (default 20)")
    parser.add_argument("--strangers", type=Path, help="portraits for the crowd; those in HOUSELIGHTS_DATA if left out")
    args = parser.parse_args()
    cast, others = common.actors(), common.strangers(args.strangers, CROSSING + CROWD)
    rows = []
    for name in ("walking", "crossing", *(["crowd"] if others else [])):
        measured: dict[tuple[str, str], list[tuple[TrackingScores, float]]] = {}
        for seed in range(args.first_seed, args.first_seed + args.seeds):
            truth, looks, size = watched(cast, others, settings(name, seed, args.seconds))
            for frames, seen in (("all", looks), ("every 5th", thinned(looks, 5))):
                for tracker, found, spent in (("ours", *ours(seen, size)), ("ByteTrack", *bytetrack(seen))):
                    measured.setdefault((frames, tracker), []).append((scored(truth, seen, found), spent))
            common.progress(seed - args.first_seed + 1, args.seeds, f"events of {name}")
        rows += [row(name, frames, tracker, found) for (frames, tracker), found in measured.items()]
    notes = () if others else ("no crowd: name portraits of strangers with --strangers, or set HOUSELIGHTS_DATA",)
    title = f"tracking: {args.seeds} events of {args.seconds:g} s each, IoU {tracking.OVERLAP}"
    common.show(title, rows, args.json, notes)


def settings(name: str, seed: int, seconds: float) -> EventSettings:
    """The event of one kind and seed."""
    people = round((WALKERS if name == "walking" else CROSSING) * seconds / 20)
    if name == "walking":
        return EventSettings(seconds, people=people, seed=seed)
    if name == "crossing":
        return EventSettings(seconds, people=people, seed=seed, occluders=3, variable_rate=seed % 2 == 1)
    return EventSettings(seconds, people=people * 2 // 3, seed=seed, occluders=2, crowd=CROWD)


def watched(cast: Cast, others: Cast | None, wanted: EventSettings) -> tuple[Event, list[Look], tuple[int, int]]:
    """The truth of an event, the faces found in each of its frames, and the picture's size."""
    with tempfile.TemporaryDirectory() as folder:
        truth = event.make(Path(folder), cast, wanted, strangers=others)
        film = footage.Footage(Path(folder) / "event.mp4")
        size = (film.facts.width, film.facts.height)
        return truth, list(look(film, common.detector((canvas(*size),)))), size


def look(film: footage.Footage, detector: Detector) -> Iterator[Look]:
    """What each frame shows, with the cuts that the way itself would see."""
    sampler, cuts = Sampler(Sampling("all")), []

    def frames() -> Iterator[footage.Frame]:
        for frame in film.frames(footage.Tally()):
            cuts.append(sampler.look(frame, film.facts.seconds(frame.ticks)).cut)
            yield frame

    for number, (frame, faces) in enumerate(detector.stream(frames())):
        quality = measure(frame.planar(), faces)
        yield Look(frame.ticks, film.facts.seconds(frame.ticks), faces, quality, cuts[number])


def thinned(looks: Sequence[Look], step: int) -> list[Look]:
    """One frame in so many; a cut between two of them is seen at the second."""
    kept = []
    for start in range(0, len(looks), step):
        last = looks[start]
        cut = any(each.cut for each in looks[max(0, start - step + 1) : start + 1])
        kept.append(Look(last.ticks, last.seconds, last.faces, last.quality, cut))
    return kept


def ours(looks: Sequence[Look], size: tuple[int, int]) -> tuple[list[tracks.Track], float]:
    """Our tracks, and the seconds they took."""
    tracker, ended, began = tracks.Tracker(size), [], time.perf_counter()
    for each in looks:
        ended += tracker.update(each.ticks, each.seconds, each.faces, each.quality, cut=each.cut).ended
    ended += tracker.finish()
    return ended, time.perf_counter() - began


def bytetrack(looks: Sequence[Look]) -> tuple[list[Trail], float]:
    """ByteTrack's tracks, and the seconds they took."""
    import supervision  # noqa: PLC0415 - only this benchmark needs the extra packages
    from trackers import ByteTrackTracker  # noqa: PLC0415

    warnings.simplefilter("ignore")
    tracker = ByteTrackTracker(frame_rate=1 / float(np.median(np.diff([each.seconds for each in looks]))))
    seen: dict[int, list[tuple[int, Float32]]] = {}
    first, began = 0, time.perf_counter()
    for each in looks:
        if each.cut:  # numbers begin at 0 again
            tracker.reset()
            first = max(seen, default=-1) + 1
        boxes = each.faces.boxes.copy()
        boxes[:, 2:] += boxes[:, :2]
        found = tracker.update(supervision.Detections(xyxy=boxes, confidence=each.faces.scores), timestamp=each.seconds)
        for (left, top, right, bottom), number in zip(found.xyxy, found.tracker_id, strict=True):
            if number >= 0:
                box = np.array([left, top, right - left, bottom - top], np.float32)
                seen.setdefault(first + int(number), []).append((each.ticks, box))
    spent = time.perf_counter() - began
    return [
        Trail(number, np.array([ticks for ticks, _ in faces], np.int64), np.stack([box for _, box in faces]))
        for number, faces in seen.items()
    ], spent


def scored(truth: Event, looks: Sequence[Look], found: Sequence[tracking.Trail]) -> TrackingScores:
    """The scores over the frames that were looked at."""
    times = {each.ticks for each in looks}
    return tracking.tracking([frame for frame in truth.frames if frame.ticks in times], found)


def row(scene: str, frames: str, tracker: str, found: list[tuple[TrackingScores, float]]) -> common.Row:
    """All events of one kind together; the lowest IDF1 of any of them; time for a frame."""
    together = tracking.pooled([scores for scores, _ in found])
    analysed = sum(scores.frames for scores, _ in found)
    return {
        "scene": scene,
        "frames": frames,
        "tracker": tracker,
        "MOTA": round(together.mota, 3),
        "IDF1": round(together.idf1, 3),
        "HOTA": round(together.hota, 3),
        "lowest": round(min(scores.idf1 for scores, _ in found), 3),
        "switches": together.switches,
        "fragments": together.fragments,
        "misses": together.misses,
        "false": together.false_faces,
        "faces": together.truth_faces,
        "ms/frame": round(1000 * sum(spent for _, spent in found) / analysed, 3),
    }


if __name__ == "__main__":
    main()
