"""The review sheet: one HTML file that shows what a release hides and keeps, for the person who must watch it.

Like the report it opens anywhere, asks nothing of the network and runs nothing. Hidden heads are shown as covered.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

from houselights import __version__
from houselights.manifest import Check, Manifest, Timing, TrackUse
from houselights.page import template
from houselights.types import UInt8
from houselights.words import clock, count, rate_words, round_times, visible

ROWS = 60  # with more tracks than this, the time line shows how many there are at a time
COLUMNS = 120  # of that picture
BAR = 12.0  # pixels: the height of a track on the time line
HILL = 64.0  # pixels: the height where most tracks are seen at once
MARKED = 12  # tracks at most that are marked for the frames covered by the track alone

CELLS = 24  # pictures on a contact sheet
CELL = (480, 240)  # pixels: a picture on it is no wider and no higher
GAP, LINE, LETTER = 12, 26, 16  # pixels: between pictures, for a caption, of its letters
QUALITY = 85


@dataclass(frozen=True, slots=True)
class Thumb:
    """One head as covered in the release, a kept head as it is, or what the check saw."""

    jpeg: bytes
    """Without any metadata."""
    time_s: float


@dataclass(frozen=True, slots=True)
class Card:
    """A track as it is shown."""

    use: TrackUse
    thumb: Thumb | None
    marked: bool
    """Among the hidden tracks with the most frames covered by the track alone."""

    @property
    def anchor(self) -> str:
        """Where it stands on the page. Track 0 may be there twice, kept and hidden."""
        return f"{self.use.verdict}-{self.use.track}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of the time line; places in percent of its width, heights in pixels from the bottom up."""

    left: float
    width: float
    filled: float
    """The part of the height for frames covered by the track alone."""
    seen: float
    """The rest of the height, for frames where a detector saw the face."""
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """One track on the time line, or all of one verdict."""

    label: str
    kept: bool
    words: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark on the time line."""

    left: float
    words: str


@dataclass(frozen=True, slots=True)
class Scale:
    """The times from the left end of the time line to its right end."""

    start_s: float
    end_s: float

    def place(self, time_s: float) -> float:
        """A time in percent of the width."""
        return round(100 * (time_s - self.start_s) / (self.end_s - self.start_s), 4)


def render(
    manifest: Manifest,
    thumbs: Mapping[int, Thumb],
    findings: Sequence[Thumb | None],
    *,
    edits_file: str,
    blocked: bool,
) -> str:
    """The whole sheet as one HTML document, the same for the same arguments.

    `thumbs` are by number of the track, `findings` are beside `manifest.check.findings`. Names and reasons are shown
    with their control and direction characters spelt out, and can never act as markup.
    """
    check = manifest.check
    found = list(zip(check.findings, findings, strict=True))
    cards = _cards(manifest.tracks, thumbs)
    hidden = [card for card in cards if card.use.verdict == "hidden"]
    reasons = {card.use.why for card in hidden}
    tracks = [use for use in manifest.tracks if use.track]
    scale = _scale(manifest)
    return template("release.html").render(
        manifest=manifest,
        blocked=blocked,
        edits_file=edits_file,
        summary=summary(manifest, blocked=blocked),
        bound=bound_words(check),
        found=found,
        kept=[card for card in cards if card.use.verdict == "kept"],
        hidden=hidden,
        reason=reasons.pop() if len(reasons) == 1 else None,
        covers=sum(card.use.frames_detected + card.use.frames_filled for card in hidden),
        still=_is_still(manifest),
        crowded=len(tracks) > ROWS,
        rows=list(_crowd(tracks, scale) if len(tracks) > ROWS else _rows(tracks, scale)),
        found_marks=[Mark(scale.place(each.time_s), clock(each.time_s)) for each in check.findings],
        marks=_marks(scale),
        bar=BAR,
        hill=HILL,
        models=dict.fromkeys((*manifest.models, check.model)),
        shares=shares(manifest.timing),
        rate=None if manifest.threshold_fmr is None else rate_words(manifest.threshold_fmr, 0.0),
        version=__version__,
    )


def summary(manifest: Manifest, *, blocked: bool) -> str:
    """The outcome in plain words, with what a reader must not take it for."""
    check = manifest.check
    found = f"The check found {count(len(check.findings), 'face')} in the written file where none may be seen."
    if blocked:
        return f"{found if check.findings else 'The release was stopped.'} Nothing was released."
    kept = sum(track.verdict == "kept" and track.track > 0 for track in manifest.tracks)
    said = f"Hidden: {count(manifest.hidden, 'track')}. Kept: {count(kept, 'track')}."
    if not manifest.tracks:
        said = "No head was found, so nothing is covered."
    checked = found if check.findings else "The check found no clear face, which is no proof that there is none."
    look = "Look at it" if _is_still(manifest) else "Watch the film"
    return f"{said} {checked} {look} before it leaves the house."


def _is_still(manifest: Manifest) -> bool:
    return manifest.output.frames == 1 and manifest.output.duration_s == 0


def bound_words(check: Check) -> str:
    """What it means that the check found nothing; empty where it found something."""
    if check.findings:
        return ""
    if check.leak_bound is None:
        return "The check found no clear face. No track is hidden, so this says nothing about the share that it misses."
    share = math.ceil(round(check.leak_bound * 1000, 6)) / 10  # a bound is rounded up
    return (
        f"The check found no clear face; with {count(check.tracks, 'hidden track')} that bounds the share of tracks "
        f"with a face it could see at {share:g} % (95 %, rule of three)."
    )


def shares(timing: Timing) -> str:
    """The time spent, and what each part took of it."""
    whole = max(timing.total_s, 1e-9)
    parts = {"finding": timing.find_s, "writing": timing.write_s, "checking": timing.check_s}
    words = ", ".join(f"{name} {seconds / whole:.0%}" for name, seconds in parts.items())
    return f"{clock(timing.total_s)} in all: {words.replace('%', ' %')}"


def contact(pictures: Sequence[UInt8], captions: Sequence[str]) -> bytes:
    """A JPEG with RGB pictures (height, width, 3) in a grid, each with its caption below, for the frames in question.

    It shows the first 24 and says how many more there are. Raises ValueError where there is none.
    """
    pairs = list(zip(pictures, captions, strict=True))
    if not pairs:
        raise ValueError("a contact sheet needs at least one picture")
    cells = [(ImageOps.contain(Image.fromarray(picture), CELL), caption) for picture, caption in pairs[:CELLS]]
    across = min(4, math.ceil(math.sqrt(len(cells))))
    width = max(CELL[1], *(picture.width for picture, _ in cells))
    step = width + GAP, CELL[1] + LINE + GAP
    down = math.ceil(len(cells) / across)
    more = len(pairs) - len(cells)
    sheet = Image.new("RGB", (GAP + across * step[0], GAP + down * step[1] + LINE * (more > 0)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(LETTER)
    for number, (picture, caption) in enumerate(cells):
        left, top = (GAP + at * side for at, side in zip((number % across, number // across), step, strict=True))
        sheet.paste(picture, (left, top))
        draw.text((left, top + CELL[1] + 4), _shortened(caption, width, font), "black", font)
    if more:
        draw.text((GAP, GAP + down * step[1]), f"{more:,} more: see the review sheet", "black", font)
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()


def _shortened(caption: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """As much of a caption as fits on one line."""
    words = " ".join(str(visible(caption[:width])).split())  # no letter is narrower than a pixel
    if font.getlength(words) <= width:
        return words
    return next(short for end in range(len(words), -1, -1) if font.getlength(short := words[:end] + "...") <= width)


def _cards(tracks: Iterable[TrackUse], thumbs: Mapping[int, Thumb]) -> list[Card]:
    """In order of the tracks' numbers; faces that were seen once come last."""
    ordered = sorted(tracks, key=lambda use: (use.track == 0, use.track))
    hidden = [use for use in ordered if use.verdict == "hidden" and use.track]
    filled = sorted((use for use in hidden if use.frames_filled), key=lambda use: -use.frames_filled)
    marked = {use.track for use in filled[: min(MARKED, math.ceil(len(hidden) / 10))]}
    return [Card(use, thumbs.get(use.track), use.verdict == "hidden" and use.track in marked) for use in ordered]


def _scale(manifest: Manifest) -> Scale:
    """The release's times, and those of all tracks and findings."""
    output = manifest.output
    seen = [each.time_s for each in manifest.check.findings]
    start = min([output.start_s, *(use.start_s for use in manifest.tracks), *seen])
    end = max([output.start_s + output.duration_s, *(use.end_s for use in manifest.tracks), *seen])
    return Scale(start, end if end > start else start + 1)


def _marks(scale: Scale) -> list[Mark]:
    times = round_times(scale.start_s, scale.end_s)
    return [Mark(scale.place(seconds), clock(seconds).split(".")[0]) for seconds in times]


def _rows(tracks: Iterable[TrackUse], scale: Scale) -> Iterator[Row]:
    """A row for each track, kept ones first."""
    for use in sorted(tracks, key=lambda use: (use.verdict == "hidden", use.start_s, use.track)):
        left, share = scale.place(use.start_s), _share(use)
        filled = max(BAR * share, 1.0) if share else 0.0  # the least share can be seen
        words = (
            f"Track {use.track}, {use.verdict}, {clock(use.start_s)} to {clock(use.end_s)}, "
            f"{use.frames_filled:,} of {count(use.frames_detected + use.frames_filled, 'frame')} by filling"
        )
        bar = Bar(left, round(scale.place(use.end_s) - left, 4), round(filled, 2), round(BAR - filled, 2), words)
        yield Row(f"{use.track} {use.verdict}", use.verdict == "kept", words, (bar,))


def _crowd(tracks: Sequence[TrackUse], scale: Scale) -> Iterator[Row]:
    """A row for all kept tracks and one for all hidden ones: how many there are at a time."""
    for verdict in ("kept", "hidden"):
        those = [use for use in tracks if use.verdict == verdict]
        if those:
            at_once = [len(each) for each in _at_once(those, scale)]
            most = f"up to {max(at_once):,}"
            words = f"{count(len(those), 'track')} {verdict}, {most} at about the same time"
            yield Row(f"{verdict}, {most}", verdict == "kept", words, tuple(_columns(those, scale, max(at_once))))


def _columns(tracks: Sequence[TrackUse], scale: Scale, most: int) -> Iterator[Bar]:
    width = 100 / COLUMNS
    step_s = (scale.end_s - scale.start_s) / COLUMNS
    for number, those in enumerate(_at_once(tracks, scale)):
        if those:
            filled = sum(map(_share, those))
            start_s = scale.start_s + number * step_s
            words = (
                f"{clock(start_s)} to {clock(start_s + step_s)}: {count(len(those), 'track')}, "
                f"{filled / len(those):.0%} of their frames by filling"
            )
            low, high = HILL * filled / most, HILL * (len(those) - filled) / most
            yield Bar(round(number * width, 4), round(width, 4), round(low, 2), round(high, 2), words)


def _at_once(tracks: Iterable[TrackUse], scale: Scale) -> list[list[TrackUse]]:
    """The tracks that are seen in each part of the time."""
    parts: list[list[TrackUse]] = [[] for _ in range(COLUMNS)]
    for use in tracks:
        first, last = (min(int(scale.place(at) * COLUMNS / 100), COLUMNS - 1) for at in (use.start_s, use.end_s))
        for part in parts[first : last + 1]:
            part.append(use)
    return parts


def _share(use: TrackUse) -> float:
    """The share of a track's frames that were covered by the track alone."""
    return use.frames_filled / max(use.frames_filled + use.frames_detected, 1)
