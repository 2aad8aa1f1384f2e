"""Batch: one search over many files. One bad file never stops the others, and what was interrupted goes on.

Each step is in the record before it has an effect: the search before any footage is decoded, each film before it is
opened, the end before anybody can see what was found.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import av.error
import cv2

from houselights import cases, intake, models, odds, policy, sources, watchlist
from houselights import search as searches
from houselights.case import PLAIN, Case, Opening, Scope, check_film
from houselights.config import cache_dir, operator
from houselights.detections import FOLDER, Detections, key
from houselights.errors import Error, FootageError, PolicyError, RecordError, SettingsError
from houselights.faces import Canvas, canvas
from houselights.facts import Value
from houselights.footage import Facts, Footage
from houselights.gallery import Enroller, Gallery, entries, photographs_of
from houselights.gallery import Entry as Photograph
from houselights.models import Model
from houselights.odds import WORST_GROUP, Setting
from houselights.policy import Known
from houselights.record import Record, Use
from houselights.result import FootageUse, GalleryUse, ModelUse, RecordUse, Refusal, Result, Timing
from houselights.rig import Rig
from houselights.sampling import AUTO, Sampling
from houselights.scan import Job, Range, RestartError, Scan, scan
from houselights.search import Probe
from houselights.templates import recipe
from houselights.types import Authority
from houselights.words import said

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
    watchlist: str | None = None
    """A watchlist of the record, in place of photographs."""
    recogniser: str = "sface"
    accept_licence: bool = False
    calibration: Path | None = None
    """A calibration file in place of the built-in one."""
    threshold_fmr: float = 1e-5
    worst_group: float | None = WORST_GROUP
    """By how much a rate may be higher within a group; None leaves that out."""
    prior: float | None = None
    """The share of tracks that are believed to show somebody of the gallery; None where nobody says."""
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
    case: str | None = None
    """The number of the case this is done in; a case of its own is opened where None."""
    opening: Opening = PLAIN
    """How that is opened."""
    leaves: bool = True
    """Whether what is found leaves the screen: of an urgent case that nobody approved it may not."""


class Watcher(Protocol):
    """Who is told how far the work is."""

    def gallery(self, done: int, total: int) -> None:
        """Photographs looked at."""

    def identified(self, done: int, total: int) -> None:
        """Files of footage hashed."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Sought:
    """Who is looked for: photographs that are still to be enrolled, or a watchlist."""

    photographs: list[Photograph]
    refused: list[Refusal]
    listed: Gallery | None = None

    @property
    def subjects(self) -> int:
        """How many people that is."""
        return len(self.listed.subjects) if self.listed else len({each.subject for each in self.photographs})

    def enrolled(self, rig: Rig, watcher: Watcher) -> Gallery:
        """The gallery, whose templates are made now where they do not lie on a list."""
        if self.listed is not None:
            return self.listed
        return Enroller(rig.detector_path, rig.recogniser).enrol(self.photographs, self.refused, watcher.gallery)

    @property
    def minor(self) -> bool | None:
        """Whether a list says that one of them is under age; None where there is no list, or it does not."""
        return True if self.listed and any(each.minor for each in self.listed.subjects) else None

    @property
    def categories(self) -> tuple[str | None, ...]:
        """Why they are on a list; none where there is no list."""
        return tuple(sorted({each.category for each in self.listed.subjects})) if self.listed else (None,)


@dataclass(frozen=True, slots=True)
class _Film:
    """A file of footage before it is opened."""

    path: Path
    sha256: str = ""
    identity: tuple[int, ...] = ()
    error: str | None = None
    """Why it is not searched."""
    again: bool = False
    """Whether another file of this search is the same film."""


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
    setting = Setting(0, 0, request.worst_group, request.prior)
    record.state_rules()
    earlier = cases.find(record, request.case) if request.case else None
    model = models.recogniser(request.recogniser, accept_licence=request.accept_licence)
    sought = sought_by(request, record, model, earlier)
    with record.refusing("search"):
        check_policy(request, sought, said((earlier or request.opening).justification))
    files, passed_over = _files(request)
    use = record.use()
    films = _permitted(_identified(files, request.jobs, watcher), request, use, earlier)
    scope = _scope(request, sought, films)
    with use.refusing("search"):
        case = cases.enter(record, request.authority, scope, earlier, request.opening, leaves=request.leaves)
    rig = Rig(model, request.calibration, request.threshold_fmr)
    gallery = sought.enrolled(rig, watcher)
    with use.refusing("search"):  # meanwhile a photograph may have been exchanged, or the case may have ended
        cases.check(record, case, request.authority, replace(scope, subjects=gallery.hashes))
    enrolled = time.perf_counter()
    stated = stated_of(use, case, rig, gallery, len(files))
    record_start(use, request, gallery, stated)
    with use.failing("search-failed"):
        watcher.files(files)
        uses, probes = _search_files(films, _Work(request, rig, use, watcher))
        scanned = time.perf_counter()
        setting = replace(setting, subjects=len(gallery.subjects), tracks=len(probes))
        found = searches.candidates(gallery, probes, rig.sieve, setting)
        alike = searches.lookalikes(gallery, rig.threshold.score, rig.calibration)
        ended = time.perf_counter()
        result = Result(
            purpose=str(request.authority.purpose),
            basis=request.authority.basis,
            authorised_by=request.authority.authorised_by,
            started=started.isoformat(timespec="seconds"),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            record=RecordUse(record.key.name, use.number, case.number),
            models=rig.uses,
            gallery=GalleryUse(
                len(gallery.subjects), gallery.photographs, gallery.refused, gallery.duplicates, alike, gallery.digest
            ),
            threshold=rig.threshold,
            assumed=odds.assumed(rig.threshold.fmr, setting),
            footage=tuple(uses),
            passed_over=passed_over,
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


def _files(request: Request) -> tuple[list[Path], tuple[Refusal, ...]]:
    """The footage that was named, and what was passed over in its folders."""
    files, passed_over = sources.find(list(request.footage))
    if not files:
        names = ", ".join(f"'{path}'" for path in request.footage)
        msg = f"no footage in {names}"
        raise FootageError(msg, hint="name video files, photographs, or folders that hold some")
    return files, tuple(Refusal(str(path), reason) for path, reason in passed_over)


def sought_by(request: Request, record: Record, model: Model, case: Case | None) -> Sought:
    """Who a request names; of a watchlist those who are searched for now, and are named in its case.

    Raises:
        SettingsError: people are named by a watchlist and by photographs, or there is no such watchlist.
        GalleryError: the gallery is no folder, or nobody on the watchlist can be searched for.
    """
    offered, refused = entries(request.gallery, list(request.persons))
    if request.watchlist is None:
        return Sought(offered, refused)
    if offered or refused:
        raise SettingsError("people are named by a watchlist and by photographs", hint="use one of them")
    gallery, left_out = watchlist.active(record, request.watchlist, recipe(model))
    if case is not None:
        named = case.scope.subjects
        later = [s.name for s in gallery.subjects if not set(gallery.hashes[s.name]) <= set(named.get(s.name, ()))]
        left_out += tuple(Refusal(name, "not named in this case: added after it was opened") for name in later)
        gallery = replace(gallery, subjects=tuple(each for each in gallery.subjects if each.name not in later))
    return Sought([], [], replace(gallery, refused=left_out))


def check_policy(request: Request, sought: Sought, justification: str) -> None:
    """Ask the rules once for each category of people: one that is refused ends it.

    Raises:
        PolicyError: the rules do not allow it.
    """
    for category in sought.categories:
        known = Known(category=category, justified=bool(justification), subject_minor=sought.minor)
        policy.check_search(request.authority, sought.subjects, request.facts, known)


def stated_of(use: Use, case: Case, rig: Rig, gallery: Gallery, films: int) -> dict[str, object]:
    """What the entries at both ends of a search state."""
    pseudonym = use.record.pseudonym
    return {
        "purpose": str(case.authority.purpose),
        "authorisation": cases.authorisation(use.record, case.authority),
        "case": case.number,
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


def private(request: Request) -> dict[str, object]:
    """What entries at both ends of a search seal."""
    authority = request.authority
    return {
        "basis": authority.basis,
        "authorised_by": authority.authorised_by,
        "operator": operator(),
        "facts": {name: str(value) for name, value in request.facts.items()},
    }


def record_start(use: Use, request: Request, gallery: Gallery, stated: dict[str, object]) -> None:
    """Record that a search begins; who is searched for is sealed under keys of their own."""
    people = {s.name: {"photographs": [reference.sha256 for reference in s.references]} for s in gallery.subjects}
    use.add("search-started", stated, private(request), people)


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
    # How many, and a hash of what was found: that itself is kept with the case's results, and goes with them.
    people = {each.name: {"candidates": sum(c.subject == each.name for c in found)} for each in gallery.subjects}
    written = hashlib.sha256(result.to_json().encode()).hexdigest()
    use.add("search-finished", facts, private(request) | {"films": films, "result": written}, people)


def _identified(files: list[Path], jobs: int, watcher: Watcher) -> list[_Film]:
    """Every file with its SHA-256, or with why it cannot be read."""
    watcher.identified(0, len(files))
    films: list[_Film] = []
    known: set[str] = set()
    with ThreadPoolExecutor(jobs) as pool:
        for film in pool.map(_identify, files):
            films.append(replace(film, again=film.sha256 in known))
            known |= {film.sha256} - {""}
            watcher.identified(len(films), len(files))
    return films


def _identify(path: Path) -> _Film:
    try:
        before = sources.identity(path)
        return _Film(path, sources.digest(path), before)
    except (Error, OSError) as fault:
        return _Film(path, error=str(fault))


def _permitted(films: list[_Film], request: Request, use: Use, case: Case | None) -> list[_Film]:
    """The same films; those that may not be used for this have the reason as their error.

    Raises:
        PolicyError: none may be used.
    """
    seen, refusals = [], []
    for film in films:
        try:
            if film.error is None:
                with use.refusing("search", film.sha256):
                    intake.check(use.record, film.sha256, film.path.name, request.authority.purpose)
                    if case is not None:
                        check_film(case, film.sha256, film.path.name)
            seen.append(film)
        except PolicyError as fault:
            refusals.append(fault)
            seen.append(replace(film, error=str(fault)))
    if refusals and len(refusals) == len(films):
        raise refusals[0]
    return seen


def _scope(request: Request, sought: Sought, films: list[_Film]) -> Scope:
    return Scope(
        films={film.sha256: film.path.name for film in films if film.error is None},
        subjects=sought.listed.hashes if sought.listed else photographs_of(sought.photographs),
        watchlist=request.watchlist or "",
        since_s=request.since_s,
        until_s=request.until_s,
    )


def _search_files(films: list[_Film], work: _Work) -> tuple[list[FootageUse], list[Probe]]:
    def one(numbered: tuple[int, _Film]) -> tuple[FootageUse, list[Probe]]:
        use, probes = _search_file(*numbered, work)
        work.watcher.end(numbered[0], use)
        return use, probes

    if work.request.jobs == 1:
        done = list(map(one, enumerate(films)))
    else:
        with ThreadPoolExecutor(work.request.jobs) as pool:
            done = list(pool.map(one, enumerate(films)))
    return [use for use, _ in done], [probe for _, probes in done for probe in probes]


def _search_file(number: int, film: _Film, work: _Work) -> tuple[FootageUse, list[Probe]]:
    path, sha256 = film.path, film.sha256
    if film.error is not None:
        return _failed(path, sha256, film.error), []
    try:
        tag = work.use.take_in(sha256, path.name, str(work.request.authority.purpose))
        if not film.again:
            work.use.add("footage-opened", {"footage": tag})
        opened = Footage(path, sha256=sha256)
        seen = _scan(number, opened, work)
        if sources.identity(path) != film.identity:
            msg = f"footage '{path}' changed while it was read"
            raise FootageError(msg, hint="search a copy that nothing writes to")
        _leave_poor(seen, work.rig.calibration.quality[0])
        return _done(opened.facts, seen, work.request), seen.probes
    except RecordError:  # what cannot be recorded is not done, whatever the file is like
        raise
    except BREAKS as fault:
        return _failed(path, sha256, str(fault) or type(fault).__name__), []


def _leave_poor(seen: Scan, quality: float) -> None:
    """Leave out the tracks of which the calibration says nothing: they count as having no template."""
    good = [probe for probe in seen.probes if probe.quality >= quality]
    seen.without_template += len({probe.track for probe in seen.probes} - {probe.track for probe in good})
    seen.probes = good


def _scan(number: int, opened: Footage, work: _Work) -> Scan:
    """Scan one footage, anew where what was kept cannot be gone on from."""
    facts, request, rig, watcher = opened.facts, work.request, work.rig, work.watcher
    kept = Detections(cache_dir() / FOLDER / key(facts.sha256, _settings(facts, request, rig)))
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
        "ranges": rig.ranges.digest if rig.ranges and rig.uses[0].precision == "int8" else None,
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
