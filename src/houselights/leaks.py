"""Leaks: which faces of a film with known truth can be seen in a released copy of it.

The released file itself is decoded. A face is clear where less than 0.98 of its box has the colours of the covers; one
clear frame can say who somebody is, so what counts first is how many walks of people have any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from houselights.cover import Fill, Picture, picture_of
from houselights.detection import COVERED, is_inside, share_of
from houselights.errors import SettingsError
from houselights.evaluation import Evaluation, Figure, Table
from houselights.event import Event, read_truth
from houselights.footage import Footage, Tally
from houselights.interval import interval
from houselights.ledger import PLACE_S
from houselights.lists import check_truth
from houselights.manifest import Manifest, Place, TrackUse, box_at
from houselights.manifest import read as read_manifest
from houselights.tracking import RULE
from houselights.truth import Box, Face, Frame
from houselights.types import UInt8

HEIGHT = 16.0
"""Pixels: a lower face is not asked for."""
HEAD = (1.45, 1.5)
"""How many sides of its face a head is wide and high, for the area that has to be covered."""
AROUND = 2.0
"""Heads: what is covered within this many sides of a head is there for its sake."""
NEAR = 12  # levels of 255 by which an encoder may leave the colour of a cover; of skin, none lay so near grey all over
HALF_S = 0.5
"""Seconds for which somebody who may be seen has to be seen to count as kept."""
Mask = NDArray[np.bool_]
Walk = tuple[str, int]
Progress = Callable[[int, int], None]
"""Called with frames done and frames in all."""


@dataclass(frozen=True, slots=True)
class Course:
    """One walk of somebody, as it is in a released film."""

    walk: Walk
    faces: int
    """Frames in which the face is asked for."""
    clear: int
    """Of these, frames in which it is clear and no kept track of the manifest lies on it."""
    kept: int
    """Of these, frames in which it is clear and one does."""
    longest_s: float
    """The longest time for which it is clear without a break, whether a kept track lies on it or not."""


@dataclass(frozen=True, slots=True)
class Leaks:
    """What was counted in one released film."""

    frames: int
    courses: tuple[Course, ...]
    """Of those walks that have a face that is asked for."""
    heads: int
    """Pixels of heads in all frames."""
    near: int
    """Pixels covered on heads and around them."""
    away: int
    """Pixels covered elsewhere."""
    pixels: int


def count(event: Event, masks: Iterator[Mask], kept: Sequence[Sequence[Place]] = ()) -> Leaks:
    """Walks with clear frames, and areas.

    Args:
        event: the truth about the source.
        masks: for each of its frames which pixels (height, width) a cover lies on, in the same order.
        kept: places of the tracks that the manifest says are kept.

    Raises:
        ValueError: there are fewer masks than frames, or more.
    """
    seconds = times_of(event)
    seen: dict[Walk, list[tuple[float, bool, bool]]] = {}
    heads = near = away = pixels = 0
    for frame, time, mask in zip(event.frames, seconds, masks, strict=True):
        head, around = np.zeros_like(mask), np.zeros_like(mask)
        places = [box for each in kept if (box := box_at(each, time)) is not None]
        for face in frame.faces:
            head[part(grown_by(face.box, *HEAD), mask.shape)] = True
            around[part(grown_by(face.box, AROUND * HEAD[0], AROUND * HEAD[1]), mask.shape)] = True
            if not is_asked(face):
                continue
            clear = bool(mask[part(face.box, mask.shape)].mean() < COVERED)
            shown = any(is_inside(face.box, place) for place in places)
            seen.setdefault((face.person, face.walk), []).append((time, clear, shown))
        heads, near = heads + int(head.sum()), near + int((mask & around).sum())
        away, pixels = away + int((mask & ~around).sum()), pixels + mask.size
    courses = tuple(_course(walk, faces, seconds) for walk, faces in seen.items())
    return Leaks(len(seconds), courses, heads, near, away, pixels)


def is_asked(face: Face) -> bool:
    """Whether a face is visible and high enough to be asked for; a profile is."""
    return face.visible >= RULE.visible and face.box[3] >= HEIGHT


def times_of(event: Event) -> list[float]:
    """Seconds of each frame since the first."""
    base = Fraction(*event.time_base)
    return [float((frame.ticks - event.frames[0].ticks) * base) for frame in event.frames]


def _course(walk: Walk, faces: Sequence[tuple[float, bool, bool]], seconds: Sequence[float]) -> Course:
    clear = sum(clear and not shown for _, clear, shown in faces)
    kept = sum(clear and shown for _, clear, shown in faces)
    ends = dict(zip(seconds, [*seconds[1:], 2 * seconds[-1] - seconds[-2] if len(seconds) > 1 else 0.0], strict=True))
    longest, began, last = 0.0, 0.0, None
    for time, is_clear, _ in faces:
        if not is_clear:
            last = None
            continue
        began = began if last == time else time
        last = ends[time]
        longest = max(longest, last - began)
    return Course(walk, len(faces), clear, kept, longest)


def grown_by(box: Box, across: float, down: float) -> Box:
    """A box around the same middle, so many times as wide and high."""
    left, top, width, height = box
    return left - (across - 1) / 2 * width, top - (down - 1) / 2 * height, across * width, down * height


def part(box: Box, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns of a box in a picture (height, width), at least one pixel of it."""
    rows, columns = shape[:2]
    left, top = min(max(0, int(box[0])), columns - 1), min(max(0, int(box[1])), rows - 1)
    right, bottom = max(left + 1, ceil(box[0] + box[2])), max(top + 1, ceil(box[1] + box[3]))
    return slice(top, bottom), slice(left, right)


# Who was kept


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of those who may be seen."""

    right: int
    """Kept tracks most of whose places lie on the face of somebody who may be seen."""
    wrong: int
    """All other kept tracks: the worst error there is."""
    walks: int
    """Walks of people who may be seen."""
    walks_kept: int
    """Of these, walks in which a kept track lies on the right face for half a second or more."""


def kept(event: Event, tracks: Sequence[TrackUse], may_be_seen: frozenset[str]) -> Kept:
    """How the kept tracks of a manifest lie on the faces of those who may be seen."""
    times = np.array(times_of(event))
    mine = [track for track in tracks if track.verdict == "kept"]
    right, met = 0, dict[Walk, int]()
    for track in mine:
        seen = [_on(event.frames[int(np.abs(times - place.time_s).argmin())], place.box) for place in track.places]
        good = [walk for walk in seen if walk and walk[0] in may_be_seen]
        right += len(good) > len(seen) / 2
        for walk in set(good):
            met[walk] = met.get(walk, 0) + good.count(walk)
    walks = sum(len(person.walks) for person in event.people if person.id in may_be_seen)
    return Kept(right, len(mine) - right, walks, sum(times * PLACE_S >= HALF_S for times in met.values()))


def _on(frame: Frame, box: Box) -> Walk | None:
    """The person and walk whose face's middle is nearest to that of a head, if it lies in the head."""
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    inside = [face for face in frame.faces if is_inside(face.box, box)]
    near = min(inside, key=lambda f: abs(f.box[0] + f.box[2] / 2 - x) + abs(f.box[1] + f.box[3] / 2 - y), default=None)
    return (near.person, near.walk) if near else None


# The released file


@dataclass(frozen=True, slots=True, eq=False)
class Released:
    """A released film, the truth about its source, and its manifest where there is one."""

    path: Path
    event: Event
    footage: Footage
    manifest: Manifest | None
    fill: Fill
    may_be_seen: frozenset[str]

    @property
    def tracks(self) -> tuple[TrackUse, ...]:
        """Kept tracks of the manifest; none without one."""
        return tuple(track for track in (self.manifest.tracks if self.manifest else ()) if track.verdict == "kept")

    def count(self, progress: Progress) -> Leaks:
        """Walks with clear frames, and areas. Raises SettingsError where frames differ from the truth's."""
        return count(self.event, self.masks(progress), [track.places for track in self.tracks])

    def masks(self, progress: Progress) -> Iterator[Mask]:
        """Where each frame (height, width) has the colours of the covers. Raises SettingsError where frames differ."""
        times = times_of(self.event)
        gap = min((b - a for a, b in pairwise(times)), default=1.0)
        number, first, colours = 0, 0.0, None
        for number, frame in enumerate(self.footage.frames(Tally()), start=1):
            seconds = self.footage.facts.seconds(frame.ticks)
            first = first if number > 1 else seconds
            if number > len(times) or abs(seconds - first - times[number - 1]) > gap / 2:
                raise self._differs(
                    f"frame {number} lies {seconds - first:.3f} s after the first, where the truth has no frame"
                )
            picture = picture_of(frame)
            colours = colours_of(picture, self.fill) if colours is None else colours
            progress(number, len(times))
            yield near(picture.rgb(), colours)
        if number < len(times):
            raise self._differs(f"it has {number} frames, the truth {len(times)}")

    def check(self) -> None:
        """Return if it can be laid beside the truth as far as its header and manifest say. Raises SettingsError."""
        facts, told = self.footage.facts, self.event.settings
        if self.manifest and self.manifest.output.window:
            raise self._differs(f"its picture was cut out of the source's (--aspect {self.manifest.aspect})")
        if (facts.width, facts.height) != (told.width, told.height):
            raise self._differs(
                f"it is {facts.width}x{facts.height} pixels, the truth is of {told.width}x{told.height}"
            )
        if self.manifest and self.manifest.output.frames != len(self.event.frames):
            raise self._differs(f"it has {self.manifest.output.frames} frames, the truth {len(self.event.frames)}")

    def _differs(self, what: str) -> SettingsError:
        hint = "release the whole of the film that the truth is of, without --from, --to and --aspect"
        return SettingsError(f"release '{self.path}' cannot be laid beside its truth: {what}", hint=hint)


def opened(truth: Path, released: Path, *, colour: str | None = None, seen: Sequence[str] = ()) -> Released:
    """A released film with the truth about its source.

    Args:
        truth: the source's truth.json.
        released: the file; its manifest is read where it lies beside it.
        colour: RRGGBB of the covers; needed where there is no manifest.
        seen: who of the truth may be seen; those who are enrolled where empty and the manifest keeps anybody.

    Raises:
        SettingsError: the truth cannot be read, or is of another film; the colour is not known, or is another one.
        ReleaseError: the manifest cannot be read.
        FootageError: the file does not open.
    """
    event = read_truth(truth)
    check_truth(truth, event.frames)
    if not event.frames:
        raise SettingsError(f"truth '{truth}' has no frame", hint="name the truth.json of the film")
    beside = released.with_name(f"{released.name}.release.json")
    said = read_manifest(beside) if beside.exists() else None
    fill = _fill(released, said, colour)
    known = {person.id for person in event.people}
    if unknown := [name for name in seen if name not in known]:
        message = f"'{unknown[0]}' is nobody in '{truth}', expected one of {', '.join(sorted(known)[:20])}"
        raise SettingsError(message, hint="name people as the truth has them")
    keeps = said is not None and any(track.verdict == "kept" for track in said.tracks)
    may = frozenset(seen or (person.id for person in event.people if person.enrolled and keeps))
    found = Released(released, event, Footage(released), said, fill, may)
    found.check()
    return found


def _fill(released: Path, manifest: Manifest | None, colour: str | None) -> Fill:
    if manifest is None:
        if colour is None:
            hint = "name the colour of its covers with --fill RRGGBB, or put its manifest beside it"
            raise SettingsError(f"there is no manifest beside '{released}'", hint=hint)
        return Fill(colour=colour)
    if colour is not None and colour.lower() != manifest.colour.lower():
        message = f"--fill {colour}: the manifest says that covers are {manifest.colour}"
        raise SettingsError(message, hint="leave --fill out")
    return Fill(manifest.fill, manifest.colour)


def colours_of(picture: Picture, fill: Fill) -> UInt8:
    """(n, 3) the colours in RGB that a fill has in a picture like this one."""
    copy = replace(picture, y=picture.y.copy(), u=picture.u.copy(), v=picture.v.copy())
    copy.cover(np.array([[0, 0, copy.width, copy.height]], np.float64), fill)
    return np.unique(copy.rgb().reshape(-1, 3), axis=0)


def near(rgb: UInt8, colours: UInt8) -> Mask:
    """(height, width) whether a pixel is as near to one of some colours as an encoder leaves it."""
    mask = np.zeros(rgb.shape[:2], bool)
    for colour in colours.astype(np.int16):
        mask |= np.abs(rgb.astype(np.int16) - colour).max(axis=2) <= NEAR
    return mask


# What is said of it


def evaluate(released: Sequence[Released], progress: Progress) -> Evaluation:
    """Which walks of people can be seen in released films: all films together.

    Walks of people who may be seen are counted apart. The share of walks has the bounds of Clopper and Pearson; that
    of faces is over walks.

    Raises:
        SettingsError: no film, or one that cannot be laid beside its truth.
    """
    if not released:
        raise SettingsError("no released film to measure", hint="name a truth and the film that was released of it")
    each = [(one, one.count(progress)) for one in released]
    courses = [(one, course) for one, found in each for course in found.courses]
    hidden = [course for one, course in courses if course.walk[0] not in one.may_be_seen]
    tables = [Table("Leaks", tuple(_leak_figures(hidden)), _ASKED)]
    keeps = [kept(one.event, one.tracks, one.may_be_seen) for one in released if one.tracks]
    if keeps:
        tables.append(Table("Kept", tuple(_kept_figures(keeps, hidden))))
    tables.append(Table("Covered area", tuple(_areas([found for _, found in each]))))
    facts = (
        ("films", f"{len(released):,}"),
        ("frames", f"{sum(found.frames for _, found in each):,}"),
        ("walks of people who must be hidden", f"{len(hidden):,}"),
        ("walks of people who may be seen", f"{len(courses) - len(hidden):,}"),
        ("covers", ", ".join(dict.fromkeys(f"{one.fill.style} {one.fill.colour}" for one in released))),
    )
    data = ", ".join(str(one.path) for one in released)
    return Evaluation("release", data, facts, tuple(tables), notes=tuple(_notes(released, hidden)))


_ASKED = (
    f"Of faces from {HEIGHT:g} pixels on, at least {RULE.visible:.0%} visible."
    f" A face is clear where less than {COVERED:.0%} of its box has the colours of the covers."
)


def _leak_figures(hidden: Sequence[Course]) -> Iterator[Figure]:
    """Of the walks of those who must be hidden."""
    walks = len(hidden)
    yield _of_walks("walks with a clear frame", sum(course.clear > 0 for course in hidden), walks)
    yield _of_walks(
        "walks that can be seen, leaked or kept", sum(course.clear + course.kept > 0 for course in hidden), walks
    )
    clear, faces = (np.array(each, np.float64) for each in ([c.clear for c in hidden], [c.faces for c in hidden]))
    yield share_of("clear faces", clear, faces, "walks of people")
    longest = max(hidden, key=lambda course: course.longest_s, default=None)
    note = f"{longest.walk[0]}, walk {longest.walk[1]}" if longest and longest.longest_s else ""
    yield Figure("longest clear run in seconds", longest.longest_s if longest else None, note=note, share=False)


def _of_walks(name: str, number: int, walks: int) -> Figure:
    if not walks:
        return Figure(name, None, count=0, of=0, note="no such walk")
    return Figure(name, number / walks, *interval(number, walks), count=number, of=walks)


def _kept_figures(keeps: Sequence[Kept], hidden: Sequence[Course]) -> Iterator[Figure]:
    """The worst error first."""
    right, wrong, walks, walks_kept = (sum(each) for each in zip(*map(astuple, keeps), strict=True))
    yield _of_walks("walks wrongly kept", sum(course.kept > 0 for course in hidden), len(hidden))
    yield replace(_of_walks("kept tracks on somebody else", wrong, right + wrong), note="most of its places are")
    yield replace(_of_walks("walks kept of those who may be seen", walks_kept, walks), note=f"{HALF_S:g} s or more")


def _areas(found: Sequence[Leaks]) -> Iterator[Figure]:
    heads, near, away, pixels = (
        sum(each) for each in zip(*((one.heads, one.near, one.away, one.pixels) for one in found), strict=True)
    )
    note = f"within {AROUND:g} heads, over the area of heads"
    yield Figure("covered on heads", near / heads if heads else None, note=note, share=False)
    yield Figure("covered elsewhere", away / pixels, note="of the picture")


def _notes(released: Sequence[Released], hidden: Sequence[Course]) -> Iterator[str]:
    for one in released:
        if one.manifest and one.manifest.output.sha256 != one.footage.facts.sha256:
            yield f"'{one.path}' is not the file of its manifest: it was changed after it was released"
    if hidden and all(course.clear == course.faces for course in hidden):
        yield "no face lies under a cover: do the covers have this colour?"
    if hidden:
        yield "people of one film walk under one light: walks of many films bound the rate better than many of one"
