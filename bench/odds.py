"""Whether the stated odds hold: for people who were not asked, and for tracks of films.

simulated   people drawn from a made-up population whose rates are known from 40,000 of them: how often the stated 95 %
            bound holds the truth, and how far the stated rate lies from it, for calibrations on few and many people
halves      LFW's development people in two halves: a calibration on one, impostor comparisons counted in the other
film        events with known truth in which people of one half walk by (their heads cut out of LFW's photographs), a
            gallery of others of that half, the calibration of the other half: false candidates found and expected

Photographs with wrong labels are left out (lfw_errors.txt). `--docs` writes the tables and charts into docs/odds.md.

    python bench/odds.py simulated | halves | film [--films 12] [--docs]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import _common as common
import numpy as np
from recognisers import ERRORS, among_rows, halves

from houselights import (
    calibration,
    charts,
    comparisons,
    config,
    dataset,
    event,
    fetching,
    footage,
    lists,
    models,
    odds,
    tail,
)
from houselights.batch import ALIKE_FMR
from houselights.cast import Cast, read_cast
from houselights.comparisons import Impostors
from houselights.dataset import Dataset, Reading
from houselights.detections import Detections
from houselights.evaluation import Chart, Series
from houselights.faces import canvas
from houselights.gallery import Portraitist
from houselights.odds import Calibration
from houselights.sampling import Sampling
from houselights.scan import Job, Range, scan
from houselights.script import EventSettings
from houselights.search import Probe
from houselights.tail import Balance, Curve
from houselights.templates import Recogniser
from houselights.types import Float32

WHAT = ("simulated", "halves", "film")
RATES = (1e-2, 1e-3, 1e-4, 1e-5)
FINE = (*(float(f"{step}e-{power}") for power in (2, 3, 4, 5) for step in (10, 5, 2)), 1e-5)
POPULATION, DIMENSIONS, GROUPS = 40_000, 48, 40
RUNS = ((400, 200), (1000, 200), (2000, 300))
PEOPLE = 22
DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Measure what is asked for and print."""
    parser = common.options(__doc__)
    parser.add_argument("what", choices=WHAT, nargs="*", default=[*WHAT])
    parser.add_argument("--data", type=Path, help="the folder lfw_dev; the one in HOUSELIGHTS_DATA where left out")
    parser.add_argument("--films", type=int, default=12, help="events of 30 s (default 12)")
    parser.add_argument("--docs", action="store_true", help="write the figures into docs/odds.md")
    args = parser.parse_args()
    people = None if args.what == ["simulated"] else lfw(args)
    for what in args.what:
        rows, drawn = measured(what, people, args.films)
        common.show(f"odds: {what}", rows, args.json, ())
        if args.docs:
            common.written(DOCS / "odds.md", f"odds-{what}", rows)
            if drawn:
                (DOCS / "images" / f"odds-{what}.svg").write_text(charts.svg(drawn), "utf-8")


def measured(what: str, people: Dataset | None, count: int) -> tuple[list[common.Row], Chart | None]:
    """The table of one measurement, and its chart if it has one."""
    if what == "simulated" or people is None:
        return simulated(), None
    return both_halves(people) if what == "halves" else films(people, count)


def simulated() -> list[common.Row]:
    """A row for each number of people and each rate."""
    chance = np.random.default_rng(1)
    whole = drawn_people(POPULATION, chance)
    known = comparisons.impostors(whole, np.arange(POPULATION), 1_000_000)
    reached = np.append(known.counts[::-1].cumsum()[::-1], 0) / known.comparisons
    truths = [_truth(known, reached, rate) for rate in RATES]
    rows = []
    for count, runs in RUNS:
        curves = [curve_of(drawn_people(count, chance)) for _ in range(runs)]
        for score, rate in truths:
            stated = [_at(curve, score) for curve in curves]
            held = sum(rate <= high for _, _, high in stated)
            within = sum(low <= rate <= high for _, low, high in stated)
            near = sum(rate / 2 <= fmr <= 2 * rate for fmr, _, _ in stated)
            rows.append({
                "people": count, "runs": runs, "true rate": f"{rate:.0e}",
                "lowest that may be stated": f"{curves[0].lowest:.1e}",
                "upper bound holds": f"{held / runs:.1%}",
                "both bounds hold": f"{within / runs:.1%}",
                "stated rate within a factor 2": f"{near / runs:.1%}",
            })  # fmt: skip
    return rows


def _truth(known: Impostors, reached: np.ndarray, rate: float) -> tuple[float, float]:
    """A score that about such a share reaches, and the share that does."""
    rank = int(rate * known.comparisons)
    if rank < len(known.scores):
        return float(known.scores[rank]), rate
    step = int(np.searchsorted(-reached, -rate))
    return float(comparisons.EDGES[step]), float(reached[step])


def drawn_people(count: int, chance: np.random.Generator) -> Float32:
    """Templates of made-up people: groups of different size in which they are more alike, each to another degree."""
    fixed = np.random.default_rng(99)
    middles, sizes = fixed.normal(size=(GROUPS, DIMENSIONS)), fixed.dirichlet(np.full(GROUPS, 0.7))
    group = chance.choice(GROUPS, size=count, p=sizes)
    found = middles[group] * chance.uniform(0.15, 0.55, count)[:, None] + chance.normal(size=(count, DIMENSIONS))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def curve_of(templates: Float32) -> Curve:
    """The curve of all their pairs."""
    who, once = np.arange(len(templates)), np.ones(len(templates), np.int64)
    keep = max(calibration.LEAST_KEPT, int(calibration.KEPT * len(who) * (len(who) - 1) / 2))
    return tail.curve(
        "simulated", comparisons.impostors(templates, who, keep), (who, who), Balance(once, once, halved=True)
    )


def _at(curve: Curve, score: float) -> tuple[float, float, float]:
    """What a calibration would say of a score."""
    found = Calibration("", "", "", "", "", "", curve.people, 0, 0, (0, 1), (curve,)).rate(score)
    return found.fmr, found.low, found.high


def lfw(args: argparse.Namespace) -> Dataset:
    """LFW's people with shots."""
    data = args.data or (config.data_dir() / "lfw_dev" if config.data_dir() else None)
    if data is None or not (data / "images").is_dir():
        sys.exit("not measured: LFW is not here; name its folder with --data, or set HOUSELIGHTS_DATA")
    how = Reading(middle=True, with_shots=True, leave_out=lists.read_left_out(ERRORS))

    def say(done: int, total: int) -> None:
        common.progress(done, total, "photographs")

    return dataset.read(data / "images", common.weights("detector"), recogniser(), how, progress=say)


def recogniser() -> Recogniser:
    """The default one."""
    model = models.default("recogniser")
    return Recogniser(model, fetching.fetch(model))


def parted(people: Dataset) -> tuple[tuple[Dataset, Calibration], ...]:
    """Each half, with the calibration of the other."""
    (one, other), _ = halves(people, 2)
    first, second = _part(people, one), _part(people, other)
    model = models.default("recogniser")
    return tuple(
        (mine, calibration.measure(model, "the other half", theirs))
        for mine, theirs in ((first, second), (second, first))
    )


def _part(people: Dataset, rows: comparisons.Index) -> Dataset:
    names = sorted({people.names[who] for who in people.people[rows]})
    shown = np.flatnonzero(np.isin([people.names[who] for who in people.shot_people], names))
    again = np.array([names.index(people.names[who]) for who in people.shot_people[shown]], np.int64)
    return replace(
        among_rows(people, rows), shot_people=again, shot_templates=people.shot_templates[shown],
        shot_quality=people.shot_quality[shown],
    )  # fmt: skip


def both_halves(people: Dataset) -> tuple[list[common.Row], Chart]:
    """For each half and rate: what the calibration of the other half states, and what is counted."""
    rows, series = [], []
    for number, (mine, stated) in enumerate(parted(people), 1):
        firsts = mine.firsts
        found = comparisons.impostors(mine.templates[firsts], mine.people[firsts], 400_000)
        told = [_counted(found, stated, rate) for rate in FINE]
        rows += [{"half": number, **row} for row in told if row["stated"] in RATES]
        counted = tuple(float(row["counted"]) for row in told)
        series.append(Series(f"half {number}", tuple(float(row["stated"]) for row in told), counted))
    title = "Rates stated by the calibration of one half, counted in the other"
    return rows, Chart(title, "stated rate", "counted rate", tuple(series), x_log=True, y_log=True, diagonal=True)


def _counted(found: Impostors, stated: Calibration, rate: float) -> common.Row:
    score = stated.score_at(rate)
    said, count = stated.rate(score), int((found.scores >= score).sum())
    low, high = (float(each[0]) / found.comparisons for each in tail.garwood(np.array([count])))
    share = count / found.comparisons
    return {
        "stated": rate, "upper bound": said.high, "counted": float(f"{share:.3g}"), "comparisons": found.comparisons,
        "times the stated": round(share / rate, 2), "95 % of the count": f"{low:.2e} to {high:.2e}",
        "bound holds": low <= said.high,
    }  # fmt: skip


def films(people: Dataset, count: int) -> tuple[list[common.Row], Chart]:
    """For each rate: false candidates in films, and how many were expected."""
    found = np.zeros(len(FINE))
    expected, tracks, compared = np.zeros(len(FINE)), 0, 0
    highs = np.zeros(len(FINE))
    for number, (mine, stated) in enumerate(parted(people)):
        names = list(np.random.default_rng(11).permutation(mine.names))
        for film in range(count // 2):
            walking = names[film * PEOPLE : (film + 1) * PEOPLE]
            probes = filmed(mine, walking, seed=9000 + 100 * number + film)
            others = mine.firsts[~np.isin([mine.names[mine.people[row]] for row in mine.firsts], walking)]
            scores = np.stack([probe.template for probe in probes]) @ mine.templates[others].T
            tracks, compared = tracks + len(probes), compared + scores.size
            for step, rate in enumerate(FINE):
                limits = np.array([stated.score_at(rate, probe.kind) for probe in probes])
                found[step] += (scores >= limits[:, None]).sum()
                said = [stated.rate(limit, probe.kind) for limit, probe in zip(limits, probes, strict=True)]
                expected[step] += rate * scores.size
                highs[step] += sum(each.high for each in said) * scores.shape[1]
            common.progress(number * (count // 2) + film + 1, count, "films")
    low, high = tail.garwood(found)
    rows = [
        {
            "rate": rate, "expected": round(float(expected[i]), 1), "upper bound": round(float(highs[i]), 1),
            "false candidates": int(found[i]), "times the expected": round(float(found[i] / expected[i]), 2),
            "95 % of the count": f"{low[i]:.1f} to {high[i]:.1f}", "tracks": tracks, "comparisons": compared,
        }
        for i, rate in enumerate(FINE) if rate in RATES
    ]  # fmt: skip
    series = Series(
        f"{tracks} tracks of {count} films",
        tuple(map(float, expected)),
        tuple(map(float, found)),
        tuple(map(float, low)),
        tuple(map(float, high)),
    )
    chart = Chart(
        "False candidates in films", "expected by the odds", "found", (series,), x_log=True, y_log=True, diagonal=True
    )
    return rows, chart


def filmed(people: Dataset, walking: Sequence[str], seed: int) -> list[Probe]:
    """The tracks of a film in which these people walk."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in walking:
            row = people.firsts[people.names.index(name)]
            (folder / "cast" / name).mkdir(parents=True)
            shutil.copyfile(people.files[row], folder / "cast" / name / people.files[row].name)
        cast = read_cast(folder / "cast", Portraitist(common.weights("detector")).find_face)
        event.make(folder / "event", cast, settings(cast, seed))
        film = footage.Footage(folder / "event" / "event.mp4")
        size = canvas(film.facts.width, film.facts.height)
        job = Job(film, common.detector((size,)), Sampling("all"), Range(), Detections(folder / "kept"))
        alike = odds.built_in(models.default("recogniser")).score_at(ALIKE_FMR)
        return scan(job, recogniser(), alike, lambda _seconds, _frames: None).probes


def settings(cast: Cast, seed: int) -> EventSettings:
    """Half a minute with a walk of each; every other film softer, darker and noisier."""
    hard = seed % 2 == 1
    worse = 0.6 if hard else 0.3
    return EventSettings(30.0, people=len(cast.people), seed=seed, blur=worse, light=worse, noise=worse)


if __name__ == "__main__":
    main()
