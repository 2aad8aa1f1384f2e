"""Releases beside deface on the same pictures: tracks that leak, covered area, recall by height of face, and speed.

Leaks: events with known truth and hard settings are released, the released file is decoded, and every face of the truth
is looked at: it is clear where less than 0.98 of its box has the covers' colour. Faces count that are at least half
visible and 16 pixels high. deface's covers are its own detections with its default threshold and mask, as boxes.

Keeping: the same events are released once more with everybody in the gallery kept. A kept track is right where most of
its places lie on the face of somebody enrolled, else wrong: the worst error there is. `walks kept` counts the walks of
enrolled people in which a right track was kept for at least half a second.

Area: a head is 1.45 wide and 1.5 high in sides of its face. `area on heads` is what is covered within twice the size of
a head, over the area of the heads; `elsewhere` is the share of the picture covered where no face is in the truth, most
of it on people drawn from behind.

Photographs: VOC boxes in HOUSELIGHTS_DATA. A face is found where a detection has an IoU of 0.4 with it, and covered
where 0.98 of its box is. A cover is false where no face's middle lies in it.

Speed: the clip of HOUSELIGHTS_DATA, or FOOTAGE, twice over, every frame written; deface at full size likewise. The
shares are wall clock: detecting is finding less decoding alone, covering is writing less decoding and encoding alone.

Memory: footage of 20 s and the same many times over, each released in a process of its own.

    python bench/redact.py leaks [--events 10] | photographs | speed [FOOTAGE] | memory [--times 15]
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import _common as common
import numpy as np
from memory import UNITS
from numpy.typing import NDArray
from search import decode, lengthen

from houselights import config, event, fetching, models, photograph, policy
from houselights import leaks as leak_counts
from houselights.cast import Cast
from houselights.config import CACHE
from houselights.cover import Fill, picture_of
from houselights.detection import HEIGHTS, is_covered, is_inside, partners
from houselights.errors import SettingsError
from houselights.event import Event
from houselights.faces import overlap
from houselights.film import Film, FilmSettings
from houselights.footage import Footage, Tally
from houselights.gallery import still
from houselights.heads import SURE, Finder, Recall, grown, looks
from houselights.interval import interval
from houselights.lists import read_boxes
from houselights.release import Request, release
from houselights.script import EventSettings
from houselights.types import Float32, Float64

KEEPING = ("kept right", "kept wrong", "walks", "walks kept")
FOUND = 0.4
FILL = Fill("solid", "00C000")  # a colour that no event has


class Silent:
    """Nobody watches a benchmark."""

    def stage(self, name: str, length_s: float) -> None:
        """A pass begins."""

    def progress(self, seconds: float) -> None:
        """Seconds done."""


def main() -> None:
    """Measure what is asked for and print."""
    parser = common.options(__doc__)
    parser.add_argument("what", choices=("leaks", "photographs", "speed", "memory"), nargs="?", default="speed")
    parser.add_argument("footage", type=Path, nargs="?")
    parser.add_argument("--events", type=int, default=10, help="events of 20 s (default 10)")
    parser.add_argument("--first-seed", type=int, default=4000, help="seed of the first (default 4000)")
    parser.add_argument("--recall", choices=[*Recall], default="high")
    parser.add_argument("--strangers", type=Path, help="portraits for the crowd; those in HOUSELIGHTS_DATA if left out")
    parser.add_argument("--no-peer", action="store_true", help="leave deface out")
    parser.add_argument("--no-keeping", action="store_true", help="leave out the second release of each event")
    parser.add_argument("--peer-events", type=int, default=2, help="events that deface sees, too: it is slow")
    parser.add_argument("--times", type=int, default=15, help="how much longer the long footage is (default 15)")
    parser.add_argument("--alone", action="store_true", help="measure this process alone")
    args = parser.parse_args()
    fetching.fetch(models.default("detector"))
    fetching.fetch(models.default("second-detector"))
    with tempfile.TemporaryDirectory() as place:
        os.environ[config.MODELS] = str(config.models_dir())
        os.environ[CACHE] = str(Path(place) / "cache")
        if args.what == "leaks":
            leaks(args, Path(place))
        elif args.what == "photographs":
            photographs(args)
        elif args.what == "speed":
            speed(args, Path(place))
        elif args.alone:
            print(json.dumps(peak(args.footage, Path(place))))
        else:
            memory(args, Path(place))


def data(name: str) -> Path:
    """A data set's folder."""
    folder = config.data_dir()
    if folder is None or not (folder / name).exists():
        raise SettingsError(f"no {name} to measure on", hint="set HOUSELIGHTS_DATA")
    return folder / name


# Leaks


def hard(seed: int) -> EventSettings:
    """Dark, noisy, blurred, behind pillars and passers-by, every other one with irregular times."""
    return EventSettings(
        seconds=20, people=14, seed=seed, cuts=1, crowd=6, occluders=2, blur=0.6, light=0.7, noise=0.6, crf=28,
        variable_rate=seed % 2 == 1,
    )  # fmt: skip


def leaks(args: common.Options, place: Path) -> None:
    """Release events and count the tracks with a clear frame."""
    cast, others = common.actors(), common.strangers(args.strangers, 40)
    rows = []
    peers = args.first_seed + (0 if args.no_peer else args.peer_events)
    for seed in range(args.first_seed, args.first_seed + args.events):
        folder = place / str(seed)
        rows += leak(cast, others, hard(seed), Recall(args.recall), folder, peer=seed < peers, keep=not args.no_keeping)
        common.progress(seed - args.first_seed + 1, args.events, "events")
    notes = []
    for who in dict.fromkeys(row["by"] for row in rows):
        mine = [row for row in rows if row["by"] == who]
        tracks, leaky = (sum(row[name] for row in mine) for name in ("tracks", "with a clear frame"))
        low, high = interval(leaky, tracks)
        area = float(np.mean([row["area on heads"] for row in mine]))
        if who == "houselights":
            sums = ", ".join(f"{sum(row[name] for row in mine)} {name}" for name in KEEPING)
            notes.append(f"keeping everybody in the gallery: {sums}")
        notes.append(
            f"{who}: {leaky} of {tracks} tracks have a clear frame ({low:.2%} to {high:.2%}), area on heads {area:.2f}"
        )
    common.show(f"leaks, --recall {args.recall}, {args.events} events of 20 s", rows, args.json, tuple(notes))


def leak(
    cast: Cast, others: Cast | None, settings: EventSettings, recall: Recall, folder: Path, *, peer: bool, keep: bool
) -> list[common.Row]:
    """One event, by us and by deface."""
    truth = event.make(folder, cast, settings, strangers=others)
    made = release(
        Request(folder / "event.mp4", folder / "out.mp4", fill=FILL, recall=recall, allow_findings="a benchmark"),
        common.record(),
        Silent(),
    )
    findings = len(made.manifest.check.findings)
    rows = [
        {
            **counted("houselights", settings.seed, truth, ours(made.path)),
            "findings": findings,
            **(kept(truth, folder) if keep else dict.fromkeys(KEEPING, 0)),
        }
    ]
    if peer:
        row = counted("deface", settings.seed, truth, defaced(folder / "event.mp4"))
        rows.append({**row, **dict.fromkeys(("findings", *KEEPING), "")})
    return rows


def kept(truth: Event, folder: Path) -> common.Row:
    """Who is kept when everybody in the gallery is to be."""
    authority = policy.authority("evaluation", "benchmark", "bench")
    request = Request(
        folder / "event.mp4", folder / "kept.mp4", authority=authority, keep=(folder / "gallery",), allow_findings="-"
    )
    tracks = release(request, common.record(), Silent()).manifest.tracks
    enrolled = frozenset(person.id for person in truth.people if person.enrolled)
    found = leak_counts.kept(truth, tracks, enrolled)
    return dict(zip(KEEPING, (found.right, found.wrong, found.walks, found.walks_kept), strict=True))


def ours(path: Path) -> Iterator[NDArray[np.bool_]]:
    """Which pixels of each frame of a release have the covers' colour."""
    colours = None
    for frame in Footage(path).frames(Tally()):
        picture = picture_of(frame)
        colours = leak_counts.colours_of(picture, FILL) if colours is None else colours
        yield leak_counts.near(picture.rgb(), colours)


def defaced(path: Path) -> Iterator[NDArray[np.bool_]]:
    """Which pixels of each frame deface would cover, with its defaults and boxes."""
    from deface.centerface import CenterFace  # noqa: PLC0415 - only this benchmark needs the extra package
    from deface.deface import scale_bb  # noqa: PLC0415

    with contextlib.redirect_stdout(io.StringIO()):
        detector = CenterFace()
    for frame in Footage(path).frames(Tally()):
        picture = frame.stored.to_ndarray(format="rgb24")
        found, _ = detector(picture, threshold=0.2)
        mask = np.zeros(picture.shape[:2], bool)
        for box in found[:, :4]:
            left, top, right, bottom = scale_bb(*box.astype(int), 1.3)
            mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
        yield mask


def counted(who: str, seed: int, truth: Event, masks: Iterator[NDArray[np.bool_]]) -> common.Row:
    """Tracks, those with a clear frame, and areas."""
    found = leak_counts.count(truth, masks)
    return {
        "seed": seed, "by": who, "tracks": len(found.courses),
        "with a clear frame": sum(course.clear > 0 for course in found.courses),
        "faces": sum(course.faces for course in found.courses),
        "clear faces": sum(course.clear for course in found.courses),
        "area on heads": round(found.near / found.heads, 2), "elsewhere": round(found.away / found.pixels, 3),
    }  # fmt: skip


# Photographs


def photographs(args: common.Options) -> None:
    """Recall by height on `facemask_dev`."""
    folder = data("facemask_dev")
    files, _ = partners(folder / "images", folder / "annotations")
    weights = {
        "yunet": models.path_of(models.default("detector")),
        "centerface": models.path_of(models.default("second-detector")),
    }
    finders: dict[object, Finder] = {}
    rows: list[tuple[str, float, bool, bool]] = []
    false = {"houselights": 0, "deface": 0}
    peer = None if args.no_peer else deface_boxes()
    for number, (path, listed) in enumerate(files):
        picture, truth = photograph.read(path), read_boxes(listed).boxes
        wanted = looks(Footage(path).facts, Recall.HIGH)
        finder = finders.setdefault(wanted, Finder(weights, wanted))
        _, faces = next(finder.stream([still(picture)]))
        faces = faces[faces.scores >= SURE]
        found = [("houselights", faces.boxes, grown(faces))]
        if peer:
            found.append(("deface", *peer(picture)))
        for who, boxes, covers in found:
            false[who] += sum(not any(is_inside(face, cover) for face in truth) for cover in covers)
            rows += [(who, float(face[3]), *hidden(face, boxes, covers)) for face in truth]
        common.progress(number + 1, len(files), "photographs")
    table, notes = [], []
    for who in dict.fromkeys(row[0] for row in rows):
        for low, high in zip(HEIGHTS, (*HEIGHTS[1:], 10_000), strict=True):
            table.append(recall(who, f"{low} to {high}" if high < 10_000 else f"{low} up", rows, low, high))
        table += [recall(who, f"all from {low} up", rows, low, 10_000) for low in (16, 24)]
        notes.append(f"{who}: {false[who] / len(files):.2f} false covers a photograph")
    common.show(
        f"photographs: {len(files)}, {sum(r[0] == 'houselights' for r in rows)} faces", table, args.json, tuple(notes)
    )


def deface_boxes():  # noqa: ANN201 - a closure over a detector without types
    """Boxes and covers of deface for a picture."""
    from deface.centerface import CenterFace  # noqa: PLC0415
    from deface.deface import scale_bb  # noqa: PLC0415

    with contextlib.redirect_stdout(io.StringIO()):
        detector = CenterFace()

    def found(picture: NDArray[np.uint8]) -> tuple[Float32, Float32]:
        corners = detector(picture, threshold=0.2)[0][:, :4]
        wide = np.array([scale_bb(*box.astype(int), 1.3) for box in corners], np.float32).reshape(-1, 4)
        return tuple(np.hstack([each[:, :2], each[:, 2:] - each[:, :2]]).astype(np.float32) for each in (corners, wide))

    return found


def hidden(face: Float64, boxes: Float32, covers: Float32) -> tuple[bool, bool]:
    """Whether a face is found by any box, and whether it is covered."""
    found = len(boxes) > 0 and overlap(face[None].astype(np.float32), boxes).max() >= FOUND
    return bool(found), is_covered(face, covers)


def recall(who: str, name: str, rows: list[tuple[str, float, bool, bool]], low: float, high: float) -> common.Row:
    """One row of the curve."""
    mine = [row for row in rows if row[0] == who and low <= row[1] < high]
    shares = [sum(row[which] for row in mine) for which in (2, 3)]
    ends = interval(shares[0], len(mine))
    return {
        "by": who, "height": name, "faces": len(mine), "found": round(shares[0] / len(mine), 3),
        "95 %": f"{ends[0]:.3f} to {ends[1]:.3f}", "covered": round(shares[1] / len(mine), 3),
    }  # fmt: skip


# Speed


def speed(args: common.Options, place: Path) -> None:
    """Frames a second, beside encoding alone and deface."""
    source = args.footage or data("clips") / "opera_house_exit.mp4"
    source = lengthen(source, place / f"twice{source.suffix}", 2)  # loading the models weighs less
    frames, encoding = encode_only(source, place / "encoded.mp4")
    decoding = decode(source)[1]
    rows = [{"what": "decode and encode alone", "frames/s": round(frames / encoding, 2), "of deface": ""}]
    shares = []
    for recall in Recall:
        began = time.perf_counter()
        request = Request(source, place / f"{recall}.mp4", recall=recall, allow_findings="a benchmark")
        timing = release(request, common.record(), Silent()).manifest.timing
        rows.append({"what": f"--recall {recall}", "frames/s": round(frames / (time.perf_counter() - began), 2)})
        parts = {
            "decode": 2 * decoding, "detect": timing.find_s - decoding, "cover": max(0.0, timing.write_s - encoding),
            "encode": min(timing.write_s, encoding) - decoding, "check": timing.check_s,
        }  # fmt: skip
        total = sum(parts.values())
        shares.append(f"{recall}: " + ", ".join(f"{name} {value / total:.0%}" for name, value in parts.items()))
    if not args.no_peer:
        began = time.perf_counter()
        command = [sys.executable, "-m", "deface.deface", str(source), "-o", str(place / "peer.mp4")]
        subprocess.run(command, check=True, capture_output=True)
        peer = frames / (time.perf_counter() - began)
        for row in rows:
            row["of deface"] = round(row["frames/s"] / peer, 2)
        rows.append({"what": "deface at full size", "frames/s": round(peer, 2), "of deface": 1.0})
    common.show(f"{source.name}: {frames} frames, loading of models included", rows, args.json, tuple(shares))


def memory(args: common.Options, place: Path) -> None:
    """Peak memory of short and long footage."""
    event.make(place / "event", common.actors(), EventSettings(width=640, height=360))
    short = place / "event" / "event.mp4"
    rows = []
    for path in (short, lengthen(short, place / "long.mp4", args.times)):
        command = [sys.executable, __file__, "memory", str(path), "--alone"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout))
    note = f"peak of the long one over that of the short one: {rows[1]['peak MiB'] / rows[0]['peak MiB']:.2f}"
    common.show("memory of a release, --recall normal", rows, args.json, (note,))


def peak(path: Path, place: Path) -> common.Row:
    """What a release in this process took."""
    request = Request(path, place / "out.mp4", recall=Recall.NORMAL, allow_findings="a benchmark")
    manifest = release(request, common.record(), Silent()).manifest
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNITS
    return {
        "minutes": round(manifest.source.duration_s / 60, 1), "frames": manifest.output.frames,
        "tracks": len(manifest.tracks), "seconds": round(manifest.timing.total_s, 1), "peak MiB": round(used, 1),
    }  # fmt: skip


def encode_only(source: Path, out: Path) -> tuple[int, float]:
    """Frames, and the seconds that decoding and encoding them takes."""
    footage = Footage(source)
    began = time.perf_counter()
    film: Film | None = None
    with contextlib.ExitStack() as stack:
        for frame in footage.frames(Tally()):
            picture = picture_of(frame)
            if film is None:
                first = frame.ticks
                film = stack.enter_context(
                    Film(out, FilmSettings.like(picture, footage.facts.time_base, footage.facts.rate))
                )
            film.write(picture, frame.ticks - first, frame.stored.duration or None)
    return film.pictures if film else 0, time.perf_counter() - began


if __name__ == "__main__":
    main()
