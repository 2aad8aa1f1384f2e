"""Batch: one search over many files. One bad file never stops the others, and what was interrupted goes on.

Each step is in the record before it has an effect: the search before any footage is decoded, each film before it is
opened, the end before anybody can see what was found.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import local
from typing import Protocol

import av.error
import cv2

from houselights import footage as footages
from houselights import intake, models, odds, policy, runtime
from houselights import search as searches
from houselights.config import cache_dir, operator
from houselights.detections import Detections, key
from houselights.errors import Error, FootageError, PolicyError, RecordError
from houselights.faces import Canvas, Detector, canvas
from houselights.facts import Value
from houselights.footage import Facts, Footage
from houselights.gallery import Enroller, Gallery, entries
from houselights.record import Record, Use
from houselights.result import FootageUse, GalleryUse, ModelUse, RecordUse, Refusal, Result, Threshold, Timing
from houselights.sampling import AUTO, Sampling
from houselights.scan import Job, Range, RestartError, Scan, scan
from houselights.search import Probe
from houselights.templates import Recogniser
from houselights.types import Authority

ALIKE_FMR = 0.01
"""Shots of one track that score like one in a hundred pairs of strangers, or better, are taken for one person."""
SMALL = 1e-3  # rates below it are written with an exponent
MISSING = 0.9
"""Where a file states no number of frames, fewer than this share of its rate times its length are worth a note."""
BREAKS = (Error, OSError, MemoryError, RuntimeError, ValueError, av.error.FFmpegError, cv2.error)
"""What a bad file can make the libraries raise: it ends that file and no other."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is searched for, in what, on whose authority, and how."""

    footage: tuple[Path, ...]
    """Files and folders."""
    authority: Authority
    gallery: Path | None = None
    persons: tuple[Path, ...] = ()
    recogniser: str = "sface"
    accept_licence: bool = False
    calibration: Path | None = None
    """A calibration file in place of the built-in one."""
    threshold_fmr: float = 1e-5
    sampling: Sampling = AUTO
    detector_width: int | None = None
    """The long side of the detector's input in pixels; chosen from the footage where None."""
    crowd: bool = False
    """Detect at twice the size as well: finds smaller faces and takes some five times as long."""
    since_s: float | None = None
    until_s: float | None = None
    resume: bool = True
    jobs: int = 1
    """Files at a time."""
    facts: Mapping[str, Value] = field(default_factory=dict)
    """What is stated of this use for the packs of rules, see docs/policy.md."""


class Watcher(Protocol):
    """Who is told how far the work is."""

    def gallery(self, done: int, total: int) -> None:
        """Photographs looked at."""

    def files(self, files: list[Path]) -> None:
        """All the footage there will be, before the first of it is opened."""

    def begin(self, file: int, facts: Facts, *, kept: bool) -> None:
        """A file is open; `kept` says that earlier work on it is gone on with."""

    def progress(self, file: int, seconds: float, frames: int) -> None:
        """Seconds of footage done in a file, and frames read."""

    def end(self, file: int, use: FootageUse) -> None:
        """A file is done, or failed."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """A search's result, and the gallery it was made with, for the report's pictures."""

    result: Result
    gallery: Gallery
    use: Use
    """Its chain in the record: who shows the result adds `results-opened` first."""


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What every file of a search is looked at with."""

    request: Request
    rig: Rig
    use: Use
    watcher: Watcher
    alone: bool
    """Whether there is one file: then what a rule refuses is the whole search."""


def run(request: Request, record: Record, watcher: Watcher) -> Outcome:
    """Search all footage for all subjects.

    Raises:
        PolicyError: the search may not be made.
        GalleryError: no photograph can be used.
        ModelError: weights are missing, or their licence was not accepted.
        CalibrationError: the threshold's rate cannot be had from the calibration.
        FootageError: there is no footage at all.
        RecordError: the search cannot be recorded, so nothing of it is shown.
    """
    began, started = time.perf_counter(), datetime.now(UTC)
    offered, refused = entries(request.gallery, list(request.persons))
    record.state_rules()
    with record.refusing("search"):
        policy.check_search(request.authority, len({entry.subject for entry in offered}), request.facts)
    files, passed_over = footages.find(list(request.footage))
    if not files:
        names = ", ".join(f"'{path}'" for path in request.footage)
        msg = f"no footage in {names}"
        raise FootageError(msg, hint="name video files, photographs, or folders that hold some")
    rig = Rig(request)
    gallery = Enroller(rig.detector_path, rig.recogniser).enrol(offered, refused, watcher.gallery)
    enrolled = time.perf_counter()
    use = record.use()
    stated = _stated(use, request, rig, gallery, len(files))
    _record_start(use, request, gallery, stated)
    with use.failing("search-failed"):
        watcher.files(files)
        uses, probes = _search_files(files, _Work(request, rig, use, watcher, alone=len(files) == 1))
        scanned = time.perf_counter()
        found = searches.candidates(gallery, probes, rig.threshold.score, rig.calibration)
        alike = searches.lookalikes(gallery, rig.threshold.score, rig.calibration)
        ended = time.perf_counter()
        result = Result(
            purpose=str(request.authority.purpose),
            basis=request.authority.basis,
            authorised_by=request.authority.authorised_by,
            started=started.isoformat(timespec="seconds"),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            record=RecordUse(record.key.name, use.number),
            models=rig.uses,
            gallery=GalleryUse(
                len(gallery.subjects), gallery.photographs, gallery.refused, gallery.duplicates, alike, gallery.digest
            ),
            threshold=rig.threshold,
            footage=tuple(uses),
            passed_over=tuple(Refusal(str(path), reason) for path, reason in passed_over),
            candidates=found,
            appearances=searches.appearances(found),
            timing=Timing(
                total_s=round(ended - began, 3),
                gallery_s=round(enrolled - began, 3),
                compiling_s=round(rig.compiling_s, 3),
                footage_s=round(scanned - enrolled - rig.compiling_s / request.jobs, 3),
                search_s=round(ended - scanned, 3),
            ),
        )
        _record_end(use, request, gallery, result, stated)
    return Outcome(result, gallery, use)


def _stated(use: Use, request: Request, rig: Rig, gallery: Gallery, films: int) -> dict[str, object]:
    """What the entries at both ends of a search state."""
    authority, pseudonym = request.authority, use.record.pseudonym
    return {
        "purpose": str(authority.purpose),
        "authorisation": pseudonym("authorisation", f"{authority.basis}\0{authority.authorised_by}"),
        "gallery": pseudonym("gallery", f"{use.number} {gallery.digest}"),  # else it would link searches for one person
        "subjects": len(gallery.subjects),
        "photographs": gallery.photographs,
        "models": recorded(rig.uses),
        "threshold_fmr": f"{rig.threshold.fmr:.6g}" if rig.threshold.fmr >= SMALL else f"{rig.threshold.fmr:.6e}",
        "threshold_score": f"{rig.threshold.score:.6f}",
        "films": films,
    }


def recorded(models_in_use: tuple[ModelUse, ...]) -> list[dict[str, str]]:
    """Models as an entry of the record states them."""
    return [{"role": model.role, "sha256": model.sha256} for model in models_in_use]


def _private(request: Request) -> dict[str, object]:
    authority = request.authority
    return {
        "basis": authority.basis,
        "authorised_by": authority.authorised_by,
        "operator": operator(),
    }


def _record_start(use: Use, request: Request, gallery: Gallery, stated: dict[str, object]) -> None:
    people = {s.name: {"photographs": [reference.sha256 for reference in s.references]} for s in gallery.subjects}
    use.add("search-started", stated, _private(request), people)


def _record_end(use: Use, request: Request, gallery: Gallery, result: Result, stated: dict[str, object]) -> None:
    """The end of a search is recorded as fully without candidates as with some."""
    footage, found = result.footage, result.candidates
    read = sum(film.error is None for film in footage)
    facts = stated | {
        "started": f"{result.started[:19]}Z",
        "outcome": "candidates" if found else "no-candidate" if read else "no-footage-read",
        "films_failed": len(footage) - read,
        "frames": sum(film.frames for film in footage),
        "frames_damaged": sum(film.frames_damaged for film in footage),
        "faces": sum(film.faces for film in footage),
        "tracks": sum(film.tracks for film in footage),
        "tracks_searched": sum(film.tracks - film.tracks_without_template for film in footage),
        "candidates": len(found),
        "decision": "unreviewed" if found else "nothing-to-review",
        "verifiers": [],
    }
    films = [{"path": film.path, "sha256": film.sha256, "error": film.error} for film in footage]
    people = {
        subject.name: {"candidates": [asdict(c) for c in found if c.subject == subject.name]}
        for subject in gallery.subjects
    }
    use.add("search-finished", facts, _private(request) | {"films": films}, people)


class Rig:
    """The models of one search, compiled once a thread, and what their scores mean."""

    def __init__(self, request: Request) -> None:
        """Load and check everything that can fail before any footage is opened."""
        chosen = models.recogniser(request.recogniser, accept_licence=request.accept_licence)
        self.detector_model = models.default("detector")
        own = request.calibration
        self.calibration = odds.read(own, chosen) if own else odds.built_in(chosen)
        score = self.calibration.score_at(request.threshold_fmr)
        self.threshold = Threshold(
            request.threshold_fmr, score, self.calibration.describe(), self.calibration.fmr_at(1.0)
        )
        self.detector_path = models.path_of(self.detector_model)
        self._recogniser_model, self._recogniser_path = chosen, models.path_of(chosen)
        self._threads = local()
        self.compiling_s = 0.0
        self.uses = (
            runtime.use(self.detector_model, exact=False),
            runtime.use(chosen, exact=True),
        )

    @property
    def recogniser(self) -> Recogniser:
        """This thread's recogniser."""
        if not hasattr(self._threads, "recogniser"):
            self._threads.recogniser = Recogniser(self._recogniser_model, self._recogniser_path)
        recogniser: Recogniser = self._threads.recogniser
        return recogniser

    def detector(self, canvases: tuple[Canvas, ...]) -> Detector:
        """This thread's detector for some canvases; the last one used stays compiled."""
        held: Detector | None = getattr(self._threads, "detector", None)
        if held is None or held.canvases != canvases:
            began = time.perf_counter()
            held = self._threads.detector = Detector(self.detector_path, canvases)
            self.compiling_s += time.perf_counter() - began
        return held


def _search_files(files: list[Path], work: _Work) -> tuple[list[FootageUse], list[Probe]]:
    def one(numbered: tuple[int, Path]) -> tuple[FootageUse, list[Probe]]:
        use, probes = _search_file(*numbered, work)
        work.watcher.end(numbered[0], use)
        return use, probes

    if work.request.jobs == 1:
        done = list(map(one, enumerate(files)))
    else:
        with ThreadPoolExecutor(work.request.jobs) as pool:
            done = list(pool.map(one, enumerate(files)))
    return [use for use, _ in done], [probe for _, probes in done for probe in probes]


def _search_file(number: int, path: Path, work: _Work) -> tuple[FootageUse, list[Probe]]:
    sha256 = ""
    try:
        before = footages.identity(path)
        sha256 = footages.digest(path)
        with work.use.refusing("search", sha256):
            intake.check(work.use.record, sha256, path.name, work.request.authority.purpose)
        tag = work.use.take_in(sha256, path.name, str(work.request.authority.purpose))
        work.use.add("footage-opened", {"footage": tag})
        opened = Footage(path, sha256=sha256)
        seen = _scan(number, opened, work)
        if footages.identity(path) != before:
            msg = f"footage '{path}' changed while it was read"
            raise FootageError(msg, hint="search a copy that nothing writes to")
        return _done(opened.facts, seen, work.request), seen.probes
    except RecordError:  # what cannot be recorded is not done, whatever the file is like
        raise
    except PolicyError as fault:
        if work.alone:
            raise
        return _failed(path, sha256, str(fault)), []
    except BREAKS as fault:
        return _failed(path, sha256, str(fault) or type(fault).__name__), []


def _scan(number: int, opened: Footage, work: _Work) -> Scan:
    """Scan one footage, anew where what was kept cannot be gone on from."""
    facts, request, rig, watcher = opened.facts, work.request, work.rig, work.watcher
    kept = Detections(cache_dir() / "detections" / key(facts.sha256, _settings(facts, request, rig)))
    if not request.resume:
        kept.clear()
    detector = rig.detector(_canvases(facts, request))
    alike = rig.calibration.score_at(ALIKE_FMR)
    job = Job(opened, detector, request.sampling, _part(facts, request), kept)
    watcher.begin(number, facts, kept=kept.started)

    def progress(seconds: float, frames: int) -> None:
        watcher.progress(number, seconds, frames)

    try:
        return scan(job, rig.recogniser, alike, progress)
    except RestartError:
        return scan(replace(job, kept=Detections(kept.folder)), rig.recogniser, alike, progress)


def _canvases(facts: Facts, request: Request) -> tuple[Canvas, ...]:
    first = canvas(facts.width, facts.height, long_side=request.detector_width)
    return (first, (2 * first[0], 2 * first[1])) if request.crowd else (first,)


def _part(facts: Facts, request: Request) -> Range:
    bounds = [None if seconds is None else facts.ticks(seconds) for seconds in (request.since_s, request.until_s)]
    return Range(bounds[0], bounds[1])


def _settings(facts: Facts, request: Request, rig: Rig) -> dict[str, object]:
    part = _part(facts, request)
    return {
        "detector": rig.detector_model.sha256,
        "precision": rig.uses[0].precision,
        "runtime": rig.uses[0].runtime,
        "canvases": _canvases(facts, request),
        "sampling": str(request.sampling),
        "since": part.since,
        "until": part.until,
    }


def _done(facts: Facts, seen: Scan, request: Request) -> FootageUse:
    tally = seen.tally
    error = None if tally.frames else "no frame could be decoded"
    if not tally.frames and (request.since_s is not None or request.until_s is not None) and not tally.damaged:
        error = f"no frame between --from and --to: the footage lasts {facts.duration_s} s"
    return FootageUse(
        path=str(facts.path), sha256=facts.sha256, duration_s=facts.duration_s, frames=tally.frames + tally.left_out,
        frames_analysed=seen.analysed, frames_damaged=tally.damaged, faces=seen.faces, faces_unusable=seen.unusable,
        tracks=seen.tracks, tracks_without_template=seen.without_template,
        notes=tuple(_notes(facts, seen, request)), error=error,
    )  # fmt: skip


def _notes(facts: Facts, seen: Scan, request: Request) -> Iterator[str]:
    tally = seen.tally
    if tally.damaged:
        place = "" if tally.first_damage_s is None else f", the first near {tally.first_damage_s} s"
        yield f"{tally.damaged} frames or packets were damaged{place}"
    if tally.stopped:
        yield tally.stopped
    if tally.times_made_up:
        yield f"{tally.times_made_up} frames had no usable time stamp: times were made up from the stated rate"
    read = tally.frames + tally.left_out + tally.damaged
    whole = request.since_s is None and request.until_s is None and request.sampling.mode != "keys"
    stated = facts.declared_frames or round(facts.rate * facts.duration_s * MISSING)
    if whole and stated > read:
        least = "" if facts.declared_frames else "at least "
        yield f"the file states {least}{stated} frames, {read} were there: parts may be missing"
    if seen.tracks == 0 and tally.frames:
        yield "no face was found by the detector: that is no proof that nobody is to be seen"


def _failed(path: Path, sha256: str, error: str) -> FootageUse:
    return FootageUse(str(path), sha256, 0.0, 0, 0, 0, 0, 0, 0, 0, (), error)
