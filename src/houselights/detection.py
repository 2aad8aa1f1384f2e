"""Detection: which faces of known boxes are found, by their height, in photographs and in film.

A face is found where a box has enough overlap with it, each box with one face. What a release hides is asked, too: a
face is covered where its box lies under covers, whoever the box that made the cover belongs to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil, inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from houselights import models, photograph, rounding, runtime
from houselights.errors import FootageError, SettingsError
from houselights.evaluation import Chart, Evaluation, Figure, Series, Table
from houselights.event import Event, read_truth
from houselights.faces import SCORE, Canvas, Detector, canvas
from houselights.footage import Facts, Footage, Tally
from houselights.frame import Frame
from houselights.heads import SURE, Finder, Look, Recall, grown, looks
from houselights.interval import draws, interval, spread
from houselights.lists import check_truth, read_boxes, read_mot_tracks, read_mot_truth
from houselights.quality import measure
from houselights.result import Refusal
from houselights.sampling import Sampler, Sampling
from houselights.scan import Looks
from houselights.tracking import RULE, Followed, assign, overlap_of
from houselights.tracks import Track, Tracker
from houselights.truth import Frame as TrueFrame
from houselights.types import Faces, Float32, Float64

HEIGHTS = (0, 8, 16, 24, 40, 80)
"""Pixels: a face belongs to the last of these that it reaches."""
OVERLAP = 0.4
"""Intersection over union from which a box counts as on a face."""
COVERED = 0.98
"""The share of a face's box that covers must hide."""
COMPILED = 8  # detectors of different sizes that stay compiled: photographs have many
Progress = Callable[[int, int], None]
"""Called with pictures done and pictures in all."""


@dataclass(frozen=True, slots=True)
class Way:
    """How faces are looked for."""

    release: bool = False
    """As a release does: detectors of two families together. Else as a search does."""
    detector_width: int | None = None
    """Long side in pixels at which a search looks; its own choice where None."""
    crowd: bool = False
    """A search looks at twice that size as well."""
    score: float | None = None
    """The score from which on a face counts; the way's own where None."""

    def __post_init__(self) -> None:
        if self.release and (self.crowd or self.detector_width is not None):
            hint = "leave --detector-width and --crowd out"
            raise SettingsError("a release chooses the sizes at which it looks itself", hint=hint)
        if not self.lowest <= self.least <= 1:
            hint = "leave --score out for the usual one"
            raise SettingsError(f"score {self.score}, expected {self.lowest} to 1: less is not kept", hint=hint)

    @property
    def lowest(self) -> float:
        """The lowest score that there is."""
        return SURE if self.release else SCORE

    @property
    def least(self) -> float:
        """The score from which on a face counts."""
        return self.lowest if self.score is None else self.score

    def looks(self, facts: Facts) -> tuple[Look, ...]:
        """What a release compiles its detectors for, for footage of these facts."""
        return looks(facts, Recall.HIGH)

    def canvases(self, facts: Facts) -> tuple[Canvas, ...]:
        """What a search compiles its detector for."""
        first = canvas(facts.width, facts.height, long_side=self.detector_width)
        return (first, (2 * first[0], 2 * first[1])) if self.crowd else (first,)

    def models(self) -> tuple[tuple[str, str], ...]:
        """The models as they run, for the facts of an evaluation."""
        roles: tuple[models.Role, ...] = ("detector", "second-detector") if self.release else ("detector",)
        ranges = None if self.release else rounding.built_in(models.default("detector"))
        uses = [runtime.use(models.default(role), exact=False, ranges=ranges) for role in roles]
        return tuple((use.role, f"{use.name} {use.sha256[:16]}, {use.runtime}, {use.precision}") for use in uses)

    def words(self) -> str:
        """What it does, for the facts of an evaluation."""
        if self.release:
            return f"as for a release, recall high, score {self.least:g} and more"
        width = "its own size" if self.detector_width is None else f"{self.detector_width} pixels wide"
        return f"as for a search, {width}{', and twice that' if self.crowd else ''}, score {self.least:g} and more"


class Finders:
    """What finds faces in pictures of each size; the last few stay compiled."""

    def __init__(self, way: Way) -> None:
        """Nothing is loaded yet."""
        self._way = way
        self._held: dict[object, Looks] = {}

    def on(self, facts: Facts) -> Looks:
        """The finder for footage of these facts.

        Raises:
            ModelError: weights are missing.
        """
        sizes = self._way.looks(facts) if self._way.release else self._way.canvases(facts)
        held = self._held.pop(sizes, None) or self._open(facts)
        self._held[sizes] = held
        if len(self._held) > COMPILED:
            del self._held[next(iter(self._held))]
        return held

    def _open(self, facts: Facts) -> Looks:
        if self._way.release:
            roles: dict[str, models.Role] = {"yunet": "detector", "centerface": "second-detector"}
            weights = {family: models.path_of(models.default(role)) for family, role in roles.items()}
            return Finder(weights, self._way.looks(facts))
        detector = models.default("detector")
        return Detector(models.path_of(detector), self._way.canvases(facts), ranges=rounding.built_in(detector))


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was seen of one picture's faces. Units are what is drawn anew for an interval."""

    heights: Float64
    """(n,) pixels, of the faces that are asked for."""
    found: NDArray[np.bool_]
    """(n,) whether a box is on each."""
    covered: NDArray[np.bool_]
    """(n,) whether each lies under covers."""
    owners: tuple[Hashable, ...]
    """The unit of each face."""
    boxes: int
    """Boxes, less those on faces that are not asked for."""
    false: int
    """Of these, boxes on no face."""
    bare: int
    """Covers in which no face has its middle."""
    unit: Hashable
    """The unit of the boxes."""


def compare(
    faces: Float64,
    asked: NDArray[np.bool_],
    boxes: Float32,
    covers: Float32,
    *,
    unit: Hashable,
    overlap: float = OVERLAP,
) -> Seen:
    """What boxes (m, 4) and covers (m, 4) make of faces (n, 4): left, top, width, height in pixels.

    Boxes are given to faces one to one so that their overlaps sum up highest, those asked for first.
    """
    share = overlap_of(faces, boxes)
    near = np.where(share >= overlap, share, 0.0)
    rows, columns = assign(near + (near > 0) * asked[:, None])
    found = np.zeros(len(faces), bool)
    found[rows] = True
    excused = int((~asked[rows]).sum())
    hidden = np.array([is_covered(face, covers) for face in faces], bool)
    bare = sum(not any(is_inside(face, cover) for face in faces) for cover in covers)
    return Seen(
        heights=faces[asked, 3], found=found[asked], covered=hidden[asked], owners=(unit,) * int(asked.sum()),
        boxes=len(boxes) - excused, false=len(boxes) - len(columns), bare=bare, unit=unit,
    )  # fmt: skip


def is_inside(face: Sequence[float] | Float64, cover: Sequence[float] | Float32) -> bool:
    """Whether a face's middle lies in a cover."""
    x, y = face[0] + face[2] / 2 - cover[0], face[1] + face[3] / 2 - cover[1]
    return bool(0 <= x <= cover[2] and 0 <= y <= cover[3])


def is_covered(face: Float64, covers: Float32) -> bool:
    """Whether covers (m, 4) hide a face's box, pixel by pixel."""
    mask = np.zeros((max(1, round(face[3])), max(1, round(face[2]))), bool)
    for left, top, width, height in covers - np.array([face[0], face[1], 0, 0]):
        rows = slice(max(0, int(top)), max(0, ceil(top + height)))
        mask[rows, max(0, int(left)) : max(0, ceil(left + width))] = True
    return bool(mask.mean() >= COVERED)


# Photographs


def photographs(images: Path, boxes: Path, way: Way, progress: Progress, *, overlap: float = OVERLAP) -> Evaluation:
    """Recall by height, precision and false boxes on photographs with boxes in the form of Pascal VOC.

    A photograph and its file of boxes have one name, apart from the ending. What has no partner, cannot be read or is
    of another size is named and not used. Intervals are over photographs.

    Raises:
        SettingsError: no photograph has a file of boxes, or a file of boxes is not readable.
        ModelError: weights are missing.
    """
    _check_overlap(overlap)
    pairs, lost = partners(images, boxes)
    finders, seen = Finders(way), []
    for number, (file, listed) in enumerate(pairs):
        progress(number, len(pairs))
        try:
            seen.append(_photograph(file, listed, finders, way, overlap))
        except FootageError as fault:
            lost.append(Refusal(file.name, fault.message))
    progress(len(pairs), len(pairs))
    data = f"{images}, boxes in {boxes}"
    return _evaluation(data, seen, _Words(way, overlap, "photograph", "photographs", "photographs"), tuple(lost))


def partners(images: Path, boxes: Path) -> tuple[list[tuple[Path, Path]], list[Refusal]]:
    """Photographs with their files of boxes, by name; and what has no partner.

    Raises:
        SettingsError: a folder is none, or nothing in them goes together.
    """
    files = [file for file in _files(images) if file.suffix.lower() in photograph.SUFFIXES]
    listed = {file.stem: file for file in _files(boxes) if file.suffix.lower() == ".xml"}
    pairs, lost, taken = [], [], set()
    for file in files:
        if file.stem in taken:
            lost.append(Refusal(file.name, "another photograph has this name with another ending"))
        elif file.stem not in listed:
            lost.append(Refusal(file.name, f"no {file.stem}.xml in '{boxes}'"))
        else:
            pairs.append((file, listed[file.stem]))
        taken.add(file.stem)
    lost += [
        Refusal(file.name, f"no photograph of this name in '{images}'") for s, file in listed.items() if s not in taken
    ]
    if not pairs:
        message = (
            f"no photograph in '{images}' has boxes in '{boxes}': {len(files)} photographs, {len(listed)} box files"
        )
        raise SettingsError(message, hint="a photograph 12.jpg goes with 12.xml in the form of Pascal VOC")
    return pairs, lost


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.iterdir() if file.is_file())
    except OSError as fault:
        message = f"folder '{folder}' cannot be read ({fault.strerror or fault})"
        raise SettingsError(message, hint="name a folder with photographs, and one with their boxes") from fault


def _photograph(file: Path, listed: Path, finders: Finders, way: Way, overlap: float) -> Seen:
    """Raises FootageError where the photograph cannot be used."""
    truth = read_boxes(listed)
    footage = Footage(file)
    size = (footage.facts.width, footage.facts.height)
    if truth.size is not None and truth.size != size:
        raise FootageError(f"is {size[0]}x{size[1]} pixels, its boxes are of {truth.size[0]}x{truth.size[1]}")
    _, faces = next(finders.on(footage.facts).stream(footage.frames(Tally())))
    return _compared(truth.boxes, truth.asked, faces, way, unit=file.name, overlap=overlap)


def _compared(
    truth: Float64, asked: NDArray[np.bool_], faces: Faces, way: Way, *, unit: Hashable, overlap: float
) -> Seen:
    faces = faces[faces.scores >= way.least]
    covers = grown(faces) if way.release else np.zeros((0, 4), np.float32)
    return compare(truth, asked, faces.boxes, covers, unit=unit, overlap=overlap)


def _check_overlap(overlap: float) -> None:
    if not 0 < overlap < 1:
        raise SettingsError(f"overlap {overlap} is not a share between 0 and 1", hint="the usual one is 0.4")


# Film


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A film and the truth about each of its frames."""

    name: str
    event: Event
    footage: Footage

    @classmethod
    def read(cls, truth: Path, film: Path) -> Known:
        """A film with its truth.

        Raises:
            SettingsError: the truth cannot be read, or is of another film.
            FootageError: the film does not open.
        """
        event = read_truth(truth)
        check_truth(truth, event.frames)
        footage = Footage(film)
        facts, told = footage.facts, event.settings
        if (facts.width, facts.height) != (told.width, told.height):
            message = f"'{film}' is {facts.width}x{facts.height} pixels, its truth of {told.width}x{told.height}"
            raise SettingsError(message, hint="name the film that the truth was written with")
        if facts.time_base != Fraction(*event.time_base):
            message = f"'{film}' has the time base {facts.time_base}, its truth {Fraction(*event.time_base)}"
            raise SettingsError(message, hint="name the film as it was made, not a copy that was made anew")
        return cls(str(film), event, footage)

    def frames(self, progress: Progress) -> Iterator[Frame]:
        """All frames of the film. Raises SettingsError where film and truth have other frames."""
        times, tally = {frame.ticks for frame in self.event.frames}, Tally()
        for frame in self.footage.frames(tally):
            if frame.ticks not in times:
                raise self._differs(f"a frame at {frame.ticks} ticks, where the truth has none")
            progress(tally.frames, len(times))
            yield frame
        if tally.frames != len(times):
            raise self._differs(f"{tally.frames} frames, the truth has {len(times)}")

    def _differs(self, what: str) -> SettingsError:
        return SettingsError(f"'{self.name}' has {what}", hint="name the film that the truth was written with")


def film(truth: Path, footage: Path, way: Way, progress: Progress, *, overlap: float = OVERLAP) -> Evaluation:
    """The same on every frame of a film with known truth, of faces at least half visible.

    Intervals of recall are over the walks of people, those of boxes over seconds of film.

    Raises:
        SettingsError: the truth cannot be read, or is of another film.
        FootageError: the film does not open.
        ModelError: weights are missing.
    """
    _check_overlap(overlap)
    known = Known.read(truth, footage)
    people = {frame.ticks: frame.faces for frame in known.event.frames}
    seen = []
    for frame, faces in Finders(way).on(known.footage.facts).stream(known.frames(progress)):
        truths = people[frame.ticks]
        boxes = np.array([face.box for face in truths], np.float64).reshape(-1, 4)
        asked = np.array([face.visible >= RULE.visible for face in truths], bool)
        second = int(known.footage.facts.seconds(frame.ticks))
        owners = tuple((face.person, face.walk) for face in truths if face.visible >= RULE.visible)
        seen.append(replace(_compared(boxes, asked, faces, way, unit=second, overlap=overlap), owners=owners))
    return _evaluation(f"{footage}, {truth}", seen, _Words(way, overlap, "frame", "walks of people", "seconds"))


def follow(folder: Path, way: Way, sampling: Sampling, progress: Progress) -> Followed:
    """The tracks that our own detector and tracker make of an event's film, and the truth of the frames analysed.

    Args:
        folder: what `houselights event` wrote: event.mp4 and truth.json.
        way: how faces are looked for, as for a search.
        sampling: which frames are analysed.
        progress: called as the work goes on.

    Raises:
        SettingsError: the truth cannot be read, or is of another film.
        FootageError: the film does not open.
        ModelError: weights are missing.
    """
    known = Known.read(folder / "truth.json", folder / "event.mp4")
    facts = known.footage.facts
    sampler, tracker = Sampler(sampling), Tracker((facts.width, facts.height))
    waiting: deque[bool] = deque()
    analysed: set[int] = set()

    def wanted() -> Iterator[Frame]:
        for frame in known.frames(progress):
            sight = sampler.look(frame, facts.seconds(frame.ticks))
            if sight.analyse:
                waiting.append(sight.cut)
                yield frame

    tracks: list[Track] = []
    for frame, faces in Finders(way).on(facts).stream(wanted()):
        sure = faces[faces.scores >= way.least]
        quality = measure(frame.planar(), sure)
        step = tracker.update(frame.ticks, facts.seconds(frame.ticks), sure, quality, cut=waiting.popleft())
        tracks += step.ended
        analysed.add(frame.ticks)
    frames = [frame for frame in known.event.frames if frame.ticks in analysed]
    return Followed(str(folder), frames, [*tracks, *tracker.finish()])


def listed(truth: Path, tracks: Path) -> Followed:
    """Tracks of a list in the form of the MOT Challenge, and the truth: a truth.json, or a gt.txt.

    Frames are known by their numbers, from 1. A gt.txt does not say how many there are, so tracks may go on after it.

    Raises:
        SettingsError: with file and line or frame: a file cannot be read, or the tracks are of a longer film.
    """
    found = read_mot_tracks(tracks)
    name = f"{tracks}, {truth}"
    if truth.suffix.lower() != ".json":
        frames = read_mot_truth(truth)
        bare = {int(number) for trail in found for number in trail.ticks} - {frame.ticks for frame in frames}
        more = (TrueFrame(number, ()) for number in bare)
        return Followed(name, sorted((*frames, *more), key=lambda frame: frame.ticks), found)
    event = read_truth(truth)
    check_truth(truth, event.frames)
    for trail in found:
        if trail.ticks[-1] > len(event.frames):
            message = (
                f"'{tracks}': id {trail.number} has a box in frame {trail.ticks[-1]}, the truth has {len(event.frames)}"
            )
            raise SettingsError(message, hint="name tracks of the same film, with a line for each frame of it")
    numbered = [replace(frame, ticks=number) for number, frame in enumerate(event.frames, start=1)]
    return Followed(name, numbered, found)


# What is said of it


@dataclass(frozen=True, slots=True)
class _Words:
    """How an evaluation was made, and what its numbers are called."""

    way: Way
    overlap: float
    picture: str
    owners: str
    """What faces are drawn with for an interval."""
    units: str
    """What boxes are drawn with."""


def _evaluation(data: str, seen: Sequence[Seen], words: _Words, lost: tuple[Refusal, ...] = ()) -> Evaluation:
    heights = np.concatenate([np.zeros(0), *(each.heights for each in seen)])
    owners = [owner for each in seen for owner in each.owners]
    release = words.way.release
    tables, lines = [], []
    marks = {"found": [each.found for each in seen]} | ({"covered": [each.covered for each in seen]} if release else {})
    for name, parts in marks.items():
        good = np.concatenate([np.zeros(0, bool), *parts])
        figures = tuple(_recalls(heights, good, owners, words.owners))
        tables.append(Table(f"Faces {name}, by height", figures, _HOW[name].format(words=words)))
        lines.append(_line(name, heights, figures))
    tables.append(Table("Boxes", tuple(_false(seen, words))))
    facts = (
        ("faces are looked for", words.way.words()),
        *words.way.models(),
        (f"{words.picture}s", f"{len(seen):,}"),
        ("faces asked for", f"{len(heights):,}"),
        ("not used", f"{len(lost):,}"),
        ("intervals", f"of recall over {words.owners}, of boxes over {words.units}"),
    )
    chart = Chart("Recall by height of face", "height of face in pixels", "share", tuple(lines), x_log=True)
    notes = () if len(heights) else ("no face is asked for: no recall can be said",)
    return Evaluation("detection", data, facts, tuple(tables), (chart,) if len(heights) else (), notes, lost)


_HOW = {
    "found": "A box is on a face from an overlap of {words.overlap:g} on, each box on one face.",
    "covered": "A face is covered where 98 % of its box lie under covers: by detectors alone, without tracks.",
}


def _bins() -> Iterator[tuple[str, float, float]]:
    """Ranges of height with their names: each of HEIGHTS, then all faces from some height on."""
    yield f"below {HEIGHTS[1]} px", 0, HEIGHTS[1]
    for low, high in pairwise(HEIGHTS[1:]):
        yield f"{low} to {high} px", low, high
    yield f"{HEIGHTS[-1]} px and more", HEIGHTS[-1], inf
    for low in (24, 16):
        yield f"all from {low} px on", low, inf
    yield "all", 0, inf


def _recalls(heights: Float64, good: NDArray[np.bool_], owners: Sequence[Hashable], units: str) -> Iterator[Figure]:
    """Recall in each range of heights, with bounds over owners."""
    for name, low, high in _bins():
        mine = ((heights >= low) & (heights < high)).astype(np.float64)
        right, of = (_sums(owners, values) for values in (mine * good, mine))
        yield share_of(name, right, of, units)


def _sums(owners: Sequence[Hashable], values: Float64) -> Float64:
    """(units,) the values of each unit together, in the order in which units come."""
    numbers: dict[Hashable, int] = {}
    which = np.array([numbers.setdefault(owner, len(numbers)) for owner in owners], np.intp)
    return np.bincount(which, values, minlength=len(numbers)).astype(np.float64)


def share_of(name: str, right: Float64, of: Float64, units: str) -> Figure:
    """The share of `right` (units,) in `of` (units,), with bounds by drawing units anew.

    Where all are right, or none is, every draw says the same: then the bounds are those of one trial a unit.
    """
    count, trials, filled = round(right.sum()), round(of.sum()), int((of > 0).sum())
    if not trials:
        return Figure(name, None, count=0, of=0, note="none of these")
    if count in {0, trials}:
        low, high = interval(filled if count else 0, filled)
        note = f"bounds as of {filled} {units}, a trial each"
        return Figure(name, count / trials, low, high, count=count, of=trials, note=note)
    return replace(_rate(name, right[of > 0], of[of > 0], units), share=True)


def _rate(name: str, events: Float64, of: Float64, units: str) -> Figure:
    """So many `events` (units,) for each of `of` (units,), with bounds by drawing units anew."""
    count, trials = round(events.sum()), round(of.sum())
    if not trials:
        return Figure(name, None, count=0, of=0, note="none of these", share=False)
    if len(of) < 2 or not count:
        note = f"no event in {len(of)} {units}: no interval" if not count else f"fewer than 2 {units}: no interval"
        return Figure(name, count / trials, count=count, of=trials, note=note, share=False)
    drawn = np.stack([weights @ np.stack([events, of], axis=-1) for weights in draws(len(of))])
    return Figure(name, count / trials, *spread(drawn[:, 0] / drawn[:, 1]), count=count, of=trials, share=False)


def _false(seen: Sequence[Seen], words: _Words) -> Iterator[Figure]:
    """Precision, and boxes and covers on no face for each picture."""
    units = [each.unit for each in seen]
    boxes, false, bare, pictures = (
        _sums(units, np.array(values, np.float64))
        for values in zip(*((each.boxes, each.false, each.bare, 1) for each in seen), strict=True)
    )
    yield share_of("precision", boxes - false, boxes, words.units)
    yield _rate(f"boxes on no face, a {words.picture}", false, pictures, words.units)
    if words.way.release:
        yield _rate(f"covers on no face, a {words.picture}", bare, pictures, words.units)


def _line(name: str, heights: Float64, figures: Sequence[Figure]) -> Series:
    """Recall over the median height of each range that has faces."""
    points = []
    for figure, (_, low, high) in zip(figures[: len(HEIGHTS)], _bins(), strict=False):
        mine = heights[(heights >= low) & (heights < high)]
        if figure.value is not None:
            bounds = (figure.value if each is None else each for each in (figure.low, figure.high))
            points.append((float(np.median(mine)), figure.value, *bounds))
    return Series(name, *zip(*points, strict=True)) if points else Series(name, (), ())
