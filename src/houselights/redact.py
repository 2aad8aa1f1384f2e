"""Redact: files and folders released, each with its manifest, its review sheet and the frames that are in question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from houselights import photograph, sheet, sources
from houselights.batch import BREAKS
from houselights.cover import picture_of
from houselights.errors import Error, RecordError, ReleaseError
from houselights.film import PHOTOGRAPHS
from houselights.footage import Footage
from houselights.ledger import SIDE, jpeg
from houselights.manifest import Finding, box_at
from houselights.manifest import read as read_manifest
from houselights.record import Record
from houselights.release import Released, Request, Watcher, beside, enter, release, write_whole
from houselights.sheet import Thumb
from houselights.types import UInt8
from houselights.words import clock

FRAME = 480  # pixels: the longest side of a frame on the contact sheet
MARK = (255, 64, 64)


def redact(request: Request, record: Record, watcher: Watcher) -> Released:
    """Release one file, and write its review sheet beside it; for a blocked one a contact sheet, too.

    Raises:
        Error: as `release.release` does.
    """
    released = release(request, record, watcher)
    frames = dict(_frames(released))
    findings = released.manifest.check.findings
    thumbs = {track: Thumb(content, seconds) for track, (content, seconds) in released.thumbs.items()}
    crops = [_crop(frames, released, finding) for finding in findings]
    page = sheet.render(
        released.manifest, thumbs, crops, edits_file=beside(request.out, "edits.json").name, blocked=released.blocked
    )
    write_whole(beside(request.out, "review.html"), page.encode())
    if findings:
        shown = [finding for finding in findings if finding.time_s in frames]
        pictures = [_marked(frames[finding.time_s], released, finding) for finding in shown]
        captions = [f"{clock(finding.time_s)}  score {finding.score:.2f}" for finding in shown]
        if pictures:
            write_whole(beside(request.out, "contact.jpg"), sheet.contact(pictures, captions))
    return released


def _frames(released: Released) -> Iterator[tuple[float, UInt8]]:
    """The first frames with findings, as they were written, by their times in the source."""
    output, findings = released.manifest.output, released.manifest.check.findings
    if not findings:
        return
    written = Footage(released.path)
    times = sorted({finding.time_s for finding in findings})[: sheet.CELLS]
    ticks = {written.facts.ticks(seconds - output.start_s): seconds for seconds in times}
    for frame in written.at(ticks):
        yield ticks[frame.ticks], picture_of(frame).rgb()


def _corner(released: Released, finding: Finding) -> tuple[float, float]:
    """Where a finding lies in the written picture."""
    left, top = (box_at(released.manifest.output.window, finding.time_s) or (0.0, 0.0))[:2]
    return finding.box[0] - left, finding.box[1] - top


def _crop(frames: dict[float, UInt8], released: Released, finding: Finding) -> Thumb | None:
    picture = frames.get(finding.time_s)
    if picture is None:
        return None
    (left, top), (width, height) = _corner(released, finding), finding.box[2:]
    low = np.clip([left - width / 2, top - height / 2], 0, None).astype(int)
    high = np.array([left + 1.5 * width, top + 1.5 * height]).astype(int) + 1
    part = picture[low[1] : high[1], low[0] : high[0]]
    return Thumb(jpeg(Image.fromarray(np.ascontiguousarray(part)), SIDE), finding.time_s) if part.size else None


def _marked(picture: UInt8, released: Released, finding: Finding) -> UInt8:
    """The frame, small, with a rectangle around what was found."""
    scale = min(1.0, FRAME / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    left, top = _corner(released, finding)
    low = round(left * scale), round(top * scale)
    high = round((left + finding.box[2]) * scale), round((top + finding.box[3]) * scale)
    return cv2.rectangle(np.ascontiguousarray(small), low, high, MARK, 2).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Job:
    """One file of a folder and what it becomes."""

    source: Path
    out: Path


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one file of a folder."""

    job: Job
    released: Released | None
    """None where it was left as it was, or failed."""
    error: str | None
    """Why there is no release; None where there is one, now or from an earlier run."""


def jobs(source: Path, out: Path) -> tuple[list[Job], list[tuple[Path, str]]]:
    """The footage in a folder, each with its name in another folder; and what was passed over, with why.

    Names and folders are kept; footage is written as .mp4, a photograph that is no JPEG, PNG or WebP as .jpg.

    Raises:
        ReleaseError: there is none, two would have one name, or one folder lies in the other.
    """
    inside, outside = source.resolve(), out.resolve()
    if inside == outside or outside.is_relative_to(inside) or inside.is_relative_to(outside):
        raise ReleaseError(f"'{out}' and '{source}' lie in each other", hint="name a folder of its own for the release")
    files, passed = sources.find([source])
    if not files:
        raise ReleaseError(f"no footage in '{source}'", hint="name a folder with video files or photographs")
    found = [Job(file, out / file.relative_to(source).with_suffix(_suffix(file))) for file in files]
    names: dict[str, Path] = {}
    for job in found:  # some disks know no capitals
        if (other := names.setdefault(str(job.out).casefold(), job.source)) != job.source:
            raise ReleaseError(f"'{other}' and '{job.source}' would both be '{job.out}'", hint="rename one of them")
    return found, passed


def _suffix(file: Path) -> str:
    if file.suffix.lower() not in photograph.SUFFIXES:
        return ".mp4"
    return file.suffix if file.suffix.lower() in PHOTOGRAPHS else ".jpg"


def redact_folder(found: Sequence[Job], request: Request, record: Record, watcher: Watcher) -> Iterator[Done]:
    """Release one file after another, as `request` says; one bad file stops none. What an earlier run did stays.

    Where people are compared, it is all done in one case.
    """
    request = _in_one_case(found, request, record)
    for job in found:
        wanted = replace(request, source=job.source, out=job.out)
        try:
            job.out.parent.mkdir(parents=True, exist_ok=True)
            if _is_done(wanted):
                yield Done(job, None, None)
            else:
                yield Done(job, redact(wanted, record, watcher), None)
        except RecordError:
            raise
        except BREAKS as fault:
            yield Done(job, None, fault.message if isinstance(fault, Error) else str(fault) or type(fault).__name__)


def _in_one_case(found: Sequence[Job], request: Request, record: Record) -> Request:
    if not request.compares or request.case is not None:
        return request
    films = {}
    for job in found:
        with suppress(*BREAKS):  # the job itself says why
            films[sources.digest(job.source)] = job.source.name
    with record.refusing("release"):
        case = enter(request, record, films)
    return replace(request, case=case.number if case else None)


def _is_done(request: Request) -> bool:
    """Whether an earlier run made the same release: same source, same settings, nothing changed since."""
    if request.compares or request.allow_findings is not None or not request.out.exists():
        return False
    try:
        earlier = read_manifest(beside(request.out, "release.json"))
    except ReleaseError:
        return False
    same = earlier.asked == request.asked and earlier.source.sha256 == sources.digest(request.source)
    return same and earlier.output.sha256 == sources.digest(request.out)
