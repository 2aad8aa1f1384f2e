"""Whether a search finds who is there, and nobody else, on events with known truth; and whether `auto` finds the same.

Half of the cast is enrolled, where there is one by another photograph than the one that walks. The others of the cast,
the strangers who walk and the crowd behind them must not become candidates. A walk counts as found where an appearance
of that subject overlaps it; a candidate is wrong where its best shot lies on another person's face, or on none.

    python bench/events.py [--seeds 10] [--seconds 60] [--strangers DIR]
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import _common as common
import numpy as np
from search import Silent
from tracking import look, ours, scored

from houselights import batch, demo, event, footage, policy
from houselights.cast import Cast
from houselights.event import Event
from houselights.faces import canvas, overlap
from houselights.result import Appearance, Result
from houselights.sampling import Sampling
from houselights.script import EventSettings
from houselights.tracking import OVERLAP

CROWD = 8
SAME_S = 1.0  # seconds by which appearances may begin or end apart and still be the same


def main() -> None:
    """Make events, search each in every frame and by `auto`, print."""
    parser = common.options(__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="events (default 10)")
    parser.add_argument("--first-seed", type=int, default=2000, help="seed of the first (default 2000)")
    parser.add_argument("--seconds", type=float, default=60, help="length of each (default 60)")
    parser.add_argument("--strangers", type=Path, help="portraits for the crowd; those in HOUSELIGHTS_DATA if left out")
    parser.add_argument("--fmr", type=float, default=1e-5, help="threshold (default 1e-5)")
    args = parser.parse_args()
    people = max(6, round(args.seconds / 2.5))
    cast, others = common.actors(), common.strangers(args.strangers, people + CROWD)
    rows = []
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        crowd = CROWD if others else 0
        settings = EventSettings(
            seconds=args.seconds, people=people, seed=seed, cuts=round(args.seconds / 20), crowd=crowd
        )
        rows.append(row(cast, others, settings, args.fmr))
        common.progress(seed - args.first_seed + 1, args.seeds, "events")
    good = sum(each["wrong"] == 0 and each["people found"] == each["enrolled"] for each in rows)
    ratios = sorted(each["auto/all"] for each in rows)
    notes = (
        f"everybody found and no stranger a candidate at FMR {args.fmr:g}: {good} of {len(rows)} events",
        f"`auto` finds the same: {sum(each['same'] for each in rows)} of {len(rows)} events",
        f"time of `auto` over `all`: {ratios[0]:.2f} to {ratios[-1]:.2f}, middle {ratios[len(ratios) // 2]:.2f}",
        f"lowest IDF1: {min(each['IDF1'] for each in rows):.3f}",
        *(() if others else ("no strangers: name portraits with --strangers, or set HOUSELIGHTS_DATA",)),
    )
    common.show(f"events of {args.seconds:g} s", rows, args.json, notes)


def row(cast: Cast, others: Cast | None, settings: EventSettings, fmr: float) -> common.Row:
    """One event: who was found in every frame, and what `auto` makes of it."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        truth = event.make(folder, cast, settings, strangers=others)
        every, auto = (searched(folder, sampling, fmr) for sampling in ("all", "auto"))
        film = footage.Footage(folder / "event.mp4")
        size = (film.facts.width, film.facts.height)
        looks = list(look(film, common.detector((canvas(*size),))))
    subjects = [each for each in demo.compare(truth, every.appearances) if each.enrolled and each.walks]
    return {
        "seed": settings.seed,
        "people": len(truth.people),
        "enrolled": len(subjects),
        "people found": sum(any(met(each)) for each in subjects),
        "walks": sum(len(each.walks) for each in subjects),
        "walks found": sum(sum(met(each)) for each in subjects),
        "candidates": len(every.candidates),
        "wrong": wrong(truth, every),
        "IDF1": round(scored(truth, looks, ours(looks, size)[0]).idf1, 3),
        "auto: found": sum(any(met(each)) for each in demo.compare(truth, auto.appearances) if each.enrolled),
        "auto: wrong": wrong(truth, auto),
        "same": same(every.appearances, auto.appearances),
        "all s": every.timing.footage_s,
        "auto s": auto.timing.footage_s,
        "auto/all": round(auto.timing.footage_s / every.timing.footage_s, 3),
    }


def searched(folder: Path, sampling: str, fmr: float) -> Result:
    """A search of an event."""
    request = batch.Request(
        footage=(folder / "event.mp4",),
        authority=policy.authority("evaluation", "benchmark", "bench"),
        gallery=folder / "gallery",
        threshold_fmr=fmr,
        sampling=Sampling.parse(sampling),
        resume=False,
    )
    return batch.run(request, common.record(), Silent()).result


def met(subject: demo.Comparison) -> list[bool]:
    """For each walk of a subject whether an appearance lies in it at least in part, give or take a second."""
    slack = demo.SLACK_S
    return [
        any(a.start_s <= walk[1] + slack and a.end_s >= walk[0] - slack for a in subject.found)
        for walk in subject.walks
    ]


def wrong(truth: Event, result: Result) -> int:
    """Candidates whose best shot is not on a face of their subject."""
    start = truth.frames[0].ticks
    second = truth.time_base[1] // truth.time_base[0]
    faces = {frame.ticks - start: frame.faces for frame in truth.frames}
    count = 0
    for candidate in result.candidates:
        there = faces[round(candidate.best_shot.time_s * second)]
        boxes = np.array([face.box for face in there], np.float32).reshape(-1, 4)
        shared = overlap(np.array([candidate.best_shot.box], np.float32), boxes)[0]
        on = [face.person for face, share in zip(there, shared, strict=True) if share >= OVERLAP]
        count += candidate.subject not in on
    return count


def same(one: tuple[Appearance, ...], other: tuple[Appearance, ...]) -> bool:
    """Whether two searches found the same subjects at the same times, within a second."""
    rows = [sorted((a.subject, a.start_s, a.end_s) for a in each) for each in (one, other)]
    return len(rows[0]) == len(rows[1]) and all(
        a[0] == b[0] and abs(a[1] - b[1]) <= SAME_S and abs(a[2] - b[2]) <= SAME_S for a, b in zip(*rows, strict=True)
    )


if __name__ == "__main__":
    main()
