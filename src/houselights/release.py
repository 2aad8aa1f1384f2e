"""Release: a copy of footage in which the wrong heads cannot be seen, with a manifest of what was done.

Three passes: find every head; cover, and write a new file; look at that file with another detector. Nothing stands
under the final name before the last of them is done and the release is in the record, and the source is only ever read.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain, zip_longest
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from houselights import __version__, cases, intake, models, odds, policy, runtime
from houselights import window as windows
from houselights.batch import ALIKE_FMR, recorded
from houselights.case import PLAIN, Case, Opening, Scope, check_people
from houselights.check import check
from houselights.config import cache_dir, operator
from houselights.cover import Fill, Picture, picture_of
from houselights.credential import Signer, sign
from houselights.detections import FOLDER, Detections, key
from houselights.edits import Change, covers, proposed
from houselights.edits import read as read_edits
from houselights.edits import to_json as edits_json
from houselights.entry import UNSTATED
from houselights.errors import Error, FootageError, GalleryError, ReleaseError
from houselights.facts import Value
from houselights.files import settle, whole
from houselights.film import PHOTOGRAPHS, Film, FilmSettings, write_photograph
from houselights.footage import Footage, Tally, streams_beside
from houselights.frame import Frame
from houselights.gallery import Enroller, Entry, Gallery, entries, photographs_of
from houselights.heads import SURE, Finder, Heads, Recall, heads, looks
from houselights.ledger import Ledger
from houselights.manifest import Box, Check, Finding, Manifest, Output, Place, Recorded, Source, Timing, box_at
from houselights.manifest import read as read_manifest
from houselights.record import Record, Use
from houselights.result import Refusal
from houselights.sampling import Sampling
from houselights.scan import Job, Range, RestartError, observe, scan
from houselights.search import Sieve
from houselights.sound import AudioPlan
from houselights.sources import identity
from houselights.templates import Recogniser
from houselights.types import Authority, Float64
from houselights.verdicts import Verdicts, judged
from houselights.words import clock

TOOL = f"houselights {__version__}"
Audio = Literal["drop", "keep", "mute"]
RECEIPT = "tlog-proof"
HDR = frozenset({16, 18})  # FFmpeg's numbers of the transfers PQ and HLG


@dataclass(frozen=True, slots=True)
class Request:
    """What is released, and how."""

    source: Path
    out: Path
    authority: Authority | None = None
    """Needed where people are compared with photographs."""
    keep: tuple[Path, ...] = ()
    """Photographs and galleries of who stays visible."""
    hide: tuple[Path, ...] = ()
    """Photographs and galleries of who is hidden; without `keep`, they alone are."""
    edits: Path | None = None
    fill: Fill = field(default_factory=Fill)
    audio: Audio = "drop"
    since_s: float | None = None
    until_s: float | None = None
    aspect: str = "source"
    codec: Literal["h264", "hevc", "av1"] = "h264"
    quality: int | None = None
    recall: Recall = Recall.HIGH
    manifest: Path | None = None
    """Beside the released file where None."""
    allow_findings: str | None = None
    """Why the file is released whatever the check finds."""
    recogniser: str = "sface"
    accept_licence: bool = False
    threshold_fmr: float = 1e-5
    disclose: bool = True
    """Whether the manifest lets everybody list what was done with the source."""
    facts: Mapping[str, Value] = field(default_factory=dict)
    """What is stated of this use for the packs of rules, see docs/policy.md."""
    signer: Signer | None = None
    """Who signs a content credential in the released file; none is written where None."""
    case: str | None = None
    """The number of the case that people are compared in; a case of its own is opened where None."""
    opening: Opening = PLAIN
    """How that is opened."""

    @property
    def compares(self) -> bool:
        """Whether anybody is compared with a photograph."""
        return bool(self.keep or self.hide)

    @property
    def asked(self) -> dict[str, str]:
        """The options that decide what the released file is, but for photographs and edits."""
        names = ("audio", "since_s", "until_s", "aspect", "codec", "quality", "recall")
        given = {name.removesuffix("_s"): getattr(self, name) for name in names}
        given |= {"credential": "no" if self.signer is None else "yes", "disclose": "yes" if self.disclose else "no"}
        given |= {"fill": self.fill.style, "colour": self.fill.colour.upper()}
        return {name: "" if value is None else str(value) for name, value in given.items()}


class Watcher(Protocol):
    """Who is told how far the work is."""

    def stage(self, name: str, length_s: float) -> None:
        """A pass begins."""

    def progress(self, seconds: float) -> None:
        """Seconds of footage done in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Released:
    """What came of it."""

    path: Path
    """The released file, or the one that was kept aside."""
    blocked: bool
    manifest: Manifest
    thumbs: dict[int, tuple[bytes, float]]
    """JPEG and time of tracks as they are in the release."""
    case: Case | None
    """In which people were compared; None where nobody was."""


def beside(out: Path, what: str) -> Path:
    """What goes with a released file: `release.json`, `tlog-proof`, `review.html`, `edits.json`, `contact.jpg`."""
    return out.with_name(f"{out.name}.{what}")


def release(request: Request, record: Record, watcher: Watcher) -> Released:
    """Make a release of one file.

    Raises:
        PolicyError: people may not be compared for this.
        FootageError: the source does not open, or holds no frame in the range.
        ReleaseError: the release cannot be written, or its name is taken.
        GalleryError: a photograph of whom to keep or hide cannot be used.
        ModelError: weights are missing.
        RecordError: the release cannot be recorded, so there is none.
    """
    before = identity(request.source) if request.source.exists() else ()
    footage = Footage(request.source)
    record.state_rules()
    use, sha256 = record.use(), footage.facts.sha256
    with use.refusing("release", sha256):
        policy.check_release(request.authority, len(request.keep) + len(request.hide), request.facts)
        if request.compares and request.authority:
            intake.check(record, sha256, request.source.name, request.authority.purpose)
    _check_names(request, footage)
    changes = read_edits(request.edits, sha256) if request.edits else ()
    with use.refusing("release", sha256):
        case = enter(request, record, {sha256: request.source.name})
    facts = _record_start(use, request, sha256, case)
    with use.failing("release-failed"):
        return _Work(request, footage, changes, watcher, case).release(use, facts, before)


def enter(request: Request, record: Record, films: Mapping[str, str]) -> Case | None:
    """The case in which people are compared for a release of films, SHA-256 to name; None where nobody is.

    Raises:
        PolicyError: it may not be done in it.
        GalleryError: a folder of photographs is none.
    """
    if not request.compares or request.authority is None:
        return None
    people = photographs_of([*_offered(request.keep)[0], *_offered(request.hide)[0]])
    scope = Scope(films=films, subjects=people, since_s=request.since_s, until_s=request.until_s)
    earlier = cases.find(record, request.case) if request.case else None
    return cases.enter(record, request.authority, scope, earlier, request.opening, leaves=True)


def _record_start(use: Use, request: Request, sha256: str, case: Case | None) -> dict[str, object]:
    """The first entry of a release; what it states is also in the last."""
    stated = request.authority
    purpose = str(stated.purpose) if stated else UNSTATED
    who = {"basis": stated.basis if stated else "", "authorised_by": stated.authorised_by if stated else ""}
    facts = {
        "purpose": purpose,
        "authorisation": use.record.pseudonym("authorisation", "\0".join(who.values())),
        "footage": use.take_in(sha256, _name(request.source), purpose),
        "compared": request.compares,
    }
    facts |= {"case": case.number} if case else {}
    people = {
        name: {"wanted": wanted, "photographs": list(hashes)}
        for wanted, paths in (("kept", request.keep), ("hidden", request.hide))
        for name, hashes in photographs_of(_offered(paths)[0]).items()
    }
    use.add("release-started", facts, {**who, "operator": operator(), "source": sha256}, people)
    return facts


def _recorded(use: Use, request: Request, sha256: str) -> Recorded:
    record = use.record
    proof = record.disclosure(sha256).proof if request.disclose else None
    return Recorded(record.key.name, str(record.key), use.number, proof)


def _record_end(use: Use, request: Request, manifest: Manifest, facts: dict[str, object]) -> None:
    """The entry that ties source, released file and manifest together by their hashes, which the receipt opens."""
    written = hashlib.sha256(manifest.to_json().encode()).hexdigest()
    stated = facts | {
        "models": recorded(manifest.models),
        "tracks_hidden": manifest.hidden,
        "tracks_kept": sum(track.verdict == "kept" for track in manifest.tracks),
        "edits": len(manifest.edits),
        "findings": len(manifest.check.findings),
        "disclosed": request.disclose,
    }
    hashes = {"source": manifest.source.sha256, "output": manifest.output.sha256, "manifest": written}
    use.add("released", stated, hashes)


def _allowed(request: Request, checked: Check) -> str | None:
    return request.allow_findings if checked.findings else None


def _check_names(request: Request, footage: Footage) -> None:
    """Refuse an output that is the source, or that is something else than an earlier release of it."""
    out = request.out
    still = out.suffix.lower() in PHOTOGRAPHS
    if still != footage.facts.still:
        wanted = ".jpg, .png or .webp" if footage.facts.still else ".mp4"
        raise ReleaseError(f"'{out}' does not fit '{request.source}'", hint=f"name a file that ends in {wanted}")
    if not still and out.suffix.lower() != ".mp4":
        raise ReleaseError(f"'{out}' is not the name of an mp4", hint="releases of footage are written as .mp4")
    if not out.parent.is_dir():
        raise ReleaseError(f"folder '{out.parent}' is not there", hint="make it first")
    if not out.exists():
        return
    if out.samefile(request.source):
        raise ReleaseError(f"'{out}' is the source itself", hint="a source is never changed: name another file")
    try:
        earlier = read_manifest(request.manifest or beside(out, "release.json")).source.sha256
    except Error:
        earlier = ""
    if earlier != footage.facts.sha256:
        msg = f"'{out}' is there already, and is no release of '{request.source}'"
        raise ReleaseError(msg, hint="name another file, or remove it first")


def _propose(request: Request, footage: Footage, changes: tuple[Change, ...], findings: tuple[Finding, ...]) -> None:
    """Leave an edits file that would cover what the check found; without findings, nothing of a blocked file stays."""
    if findings:
        wanted = (*changes, *proposed(findings))
        write_whole(beside(request.out, "edits.json"), edits_json(footage.facts.sha256, wanted).encode())
    else:
        for what in ("blocked", "blocked.release.json", "contact.jpg"):
            beside(request.out, what).unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, *, private: bool = True) -> None:
    """Write a file whole or not at all, and on the disk when this returns.

    Raises:
        ReleaseError: it cannot be written.
    """
    try:
        with whole(path, private=private) as file:
            file.write(content)
    except OSError as fault:
        raise ReleaseError(
            f"'{path}' cannot be written: {fault.strerror}", hint="is there room on the disk?"
        ) from fault


class _Work:
    """One release under way."""

    def __init__(
        self, request: Request, footage: Footage, changes: tuple[Change, ...], watcher: Watcher, case: Case | None
    ) -> None:
        self._case = case
        self._request, self._footage, self._changes, self._watcher = request, footage, changes, watcher
        self._detectors = {"yunet": models.default("detector"), "centerface": models.default("second-detector")}
        self._looks = looks(footage.facts, request.recall)
        bounds = [None if s is None else footage.facts.ticks(s) for s in (request.since_s, request.until_s)]
        self._part = Range(bounds[0], bounds[1])
        self._verdicts = Verdicts()
        self._models = [
            runtime.use(model, exact=False)
            for name, model in self._detectors.items()
            if any(look.family == name for look in self._looks)
        ]
        self._tally = Tally()
        self._held = 0
        self._source = ("", False)  # format of the first picture, and whether it is interlaced
        self.ledger = Ledger()

    def release(self, use: Use, facts: dict[str, object], before: tuple[int, ...]) -> Released:
        """All three passes, and the record of them."""
        request = self._request
        began = time.perf_counter()
        self.find()
        found = time.perf_counter()
        partial = request.out.with_name(f".partial-{request.out.name}")
        try:
            output = self.write(partial)
            written = time.perf_counter()
            if identity(request.source) != before:
                raise ReleaseError(f"'{request.source}' changed while it was read", hint="release a copy of it")
            self._watcher.stage("checking", output.duration_s)
            uses = self.ledger.uses()
            checked = check(
                partial,
                uses,
                output.start_s,
                output.window,
                fill=request.fill,
                recall=request.recall,
                progress=self._watcher.progress,
                sha256=output.sha256,
            )
            ended = time.perf_counter()
            blocked = bool(checked.findings) and request.allow_findings is None
            timing = Timing(*(round(s, 3) for s in (ended - began, found - began, written - found, ended - written)))
            checked = replace(checked, allowed=_allowed(request, checked))
            manifest = self.manifest(output, checked, timing)
            if not blocked:
                manifest = replace(manifest, record=_recorded(use, request, self._footage.facts.sha256))
            path = beside(request.out, "blocked") if blocked else request.out
            if blocked:
                use.add("release-blocked", {"findings": len(checked.findings)})
            else:
                _record_end(use, request, manifest, facts)
                write_whole(beside(request.out, RECEIPT), bytes(use.receipt("last")), private=False)
            beside_it = beside(path, "release.json") if blocked or not request.manifest else request.manifest
            write_whole(beside_it, manifest.to_json().encode(), private=blocked)
            _propose(request, self._footage, self._changes, checked.findings)
            settle(partial, path)
            return Released(path, blocked, manifest, self.ledger.thumbs, self._case)
        finally:
            partial.unlink(missing_ok=True)

    def find(self) -> None:
        """The first pass: where faces are, kept for the second; and, where asked for, who is meant."""
        weights = {name: models.path_of(model) for name, model in self._detectors.items()}
        self._watcher.stage("finding heads", self._footage.facts.duration_s)
        job = Job(self._footage, Finder(weights, self._looks), Sampling("all"), self._part, self._kept(), strong=SURE)
        try:
            self._find(job)
        except RestartError:
            self._find(replace(job, kept=self._kept()))

    def _find(self, job: Job) -> None:
        facts = self._footage.facts
        if self._request.compares:
            self._compare(job)
            return
        for observation, _ in observe(job):
            self._watcher.progress(facts.seconds(observation.sight.ticks))

    def _compare(self, job: Job) -> None:
        request = self._request
        model = models.recogniser(request.recogniser, accept_licence=request.accept_licence)
        calibration = odds.built_in(model)
        recogniser = Recogniser(model, models.path_of(model))
        enroller = Enroller(models.path_of(self._detectors["yunet"]), recogniser)
        keep, hide = (_enrolled(enroller, paths) for paths in (request.keep, request.hide))
        for gallery in (keep, hide):  # a photograph may have been exchanged since
            if gallery is not None and self._case is not None:
                check_people(self._case, gallery.hashes)
        alike = calibration.score_at(ALIKE_FMR)
        seen = scan(job, recogniser, alike, lambda seconds, _: self._watcher.progress(seconds))
        sieve = Sieve(calibration, request.threshold_fmr)
        self._verdicts = judged(keep, hide, seen.probes, sieve)
        self._models.append(runtime.use(model, exact=True))

    def _kept(self) -> Detections:
        settings: dict[str, object] = {
            "release": [str(look) for look in self._looks],
            "models": [model.sha256 for model in self._detectors.values()],
            "runtime": runtime.in_use(exact=False),
            "since": self._part.since,
            "until": self._part.until,
        }
        return Detections(cache_dir() / FOLDER / key(self._footage.facts.sha256, settings))

    def _heads(self) -> Iterator[Heads]:
        return heads(self._kept().kept(), self._footage.facts)

    def write(self, path: Path) -> Output:
        """The second pass: the file, under a name that is not its own yet."""
        self._check_changes()
        window = self._window()
        self._watcher.stage("covering and writing", self._footage.facts.duration_s)
        if self._footage.facts.still:
            return self._write_photograph(path, window)
        return self._write_film(path, window)

    def _write_film(self, path: Path, window: tuple[Place, ...]) -> Output:
        seconds = self._footage.facts.seconds
        frames = ((f, _cut(all_of_it, box_at(window, seconds(f.ticks)))) for f, all_of_it, _ in self._covered())
        begun = next(frames)
        begin = begun[0].ticks
        self._source = (begun[0].stored.format.name, bool(begun[0].stored.interlaced_frame))
        with Film(path, self._settings(begun[1]), self._sound(begin)) as film:
            for frame, picture in chain([begun], frames):
                film.write(picture, frame.ticks - begin, frame.stored.duration or None)
                self._watcher.progress(seconds(frame.ticks))
        return self._output(path, picture, film, window, begin)

    def _check_changes(self) -> None:
        """A change of a track that is not there would be taken for done. Told before anything is written."""
        named = [change for change in self._changes if change.track is not None]
        known = {int(track) for now in self._heads() for track in now.tracks} if named else set()
        for change in named:
            if change.track not in known:
                msg = f"edit '{change.action}' names track {change.track}, which is not in this release"
                raise ReleaseError(msg, hint="numbers are those of the manifest and of the review sheet")

    def _settings(self, picture: Picture) -> FilmSettings:
        """How the film is written, as its first picture tells."""
        facts, request = self._footage.facts, self._request
        return FilmSettings.like(
            picture, facts.time_base, facts.rate, codec=request.codec, quality=request.quality,
            interlaced=facts.fields, pixel_aspect=facts.pixel_aspect,
        )  # fmt: skip

    def _sound(self, ticks: int) -> AudioPlan | None:
        if self._request.audio == "drop":
            return None
        base = self._footage.facts.time_base
        end = None if self._part.until is None else self._part.until * base
        return AudioPlan(self._request.source, ticks * base, end, mute=self._request.audio == "mute")

    def _write_photograph(self, path: Path, window: tuple[Place, ...]) -> Output:
        """What is not covered keeps its colours as they are: only covers go by way of luma and chroma."""
        frame, picture, boxes = next(self._covered())
        self._source = (frame.stored.format.name, False)
        released, drawn = frame.stored.to_ndarray(format="rgb24").astype(np.uint8), picture.rgb()
        for left, top, right, bottom in map(picture.reach, boxes.tolist()):
            released[top:bottom, left:right] = drawn[top:bottom, left:right]
        if box := box_at(window, 0.0):
            left, top, width, height = (int(side) for side in box)
            released = released[top : top + height, left : left + width]
        write_photograph(released, path)
        return self._output(path, picture, None, window, 0)

    def _covered(self) -> Iterator[tuple[Frame, Picture, Float64]]:
        """Every frame of the range, its picture with the covers on it, and the boxes (n, 4) that were asked for."""
        facts, fill = self._footage.facts, self._request.fill
        reformatter = VideoReformatter()
        frames = self._footage.frames(self._tally, since=self._part.since, until=self._part.until)
        came = False
        for frame, now in zip_longest(frames, self._heads()):
            if frame is None or now is None or frame.ticks != now.ticks:
                raise ReleaseError(f"'{self._request.source}' changed while it was read", hint="release a copy of it")
            came = True
            picture = picture_of(frame, reformatter)
            if (picture.width, picture.height) != (facts.width, facts.height):
                msg = f"'{self._request.source}' changes to {picture.width}x{picture.height} at {clock(now.seconds)}"
                raise ReleaseError(msg, hint="release its parts one by one with --from and --to")
            hidden, whys = self._judge(now)
            boxes = np.concatenate([now.boxes[hidden], np.array(covers(self._changes, now.seconds)).reshape(-1, 4)])
            picture.cover(boxes, fill)
            self._held += now.held
            self.ledger.note(now, hidden, whys, picture)
            yield frame, picture, boxes
        if not came:
            msg = f"no frame of '{self._request.source}' could be read between --from and --to"
            raise FootageError(msg, hint=f"the footage lasts {facts.duration_s} s")

    def _judge(self, now: Heads) -> tuple[NDArray[np.bool_], list[str]]:
        """(n,) which heads of a frame are hidden, and why each is or is not."""
        hidden, whys = np.ones(len(now.tracks), bool), []
        for row, track in enumerate(now.tracks.tolist()):
            shown, why = self._verdicts.of(track, now.seconds)
            for change in self._changes:
                if change.action != "cover" and change.track == track and change.meets(now.seconds):
                    shown, why = change.action == "show", change.reason
            hidden[row] = not shown
            whys.append(why)
        return hidden, whys

    def _window(self) -> tuple[Place, ...]:
        """Where a social cut lies: on who is kept, else on where heads are."""
        facts, aspect = self._footage.facts, self._request.aspect
        if aspect == "source":
            return ()
        return windows.course(map(self._interest, self._heads()), (facts.width, facts.height), aspect)

    def _interest(self, now: Heads) -> windows.Interest:
        hidden, _ = self._judge(now)
        wanted = now.boxes[~hidden] if not hidden.all() else now.boxes[now.seen]
        if not len(wanted):
            return windows.Interest(now.seconds, now.cut, None)
        weights = wanted[:, 2:].prod(axis=1)
        middle = ((wanted[:, :2] + wanted[:, 2:] / 2) * weights[:, None]).sum(axis=0) / weights.sum()
        return windows.Interest(now.seconds, now.cut, (float(middle[0]), float(middle[1])))

    def _output(self, path: Path, picture: Picture, film: Film | None, window: tuple[Place, ...], begin: int) -> Output:
        request = self._request
        if request.signer:
            source = self._footage.facts.sha256
            sign(path, request.signer, title=_name(request.out), source_sha256=source, tool=TOOL)
        facts = Footage(path).facts
        notes = tuple(_notes(self._source[0], picture, film, request))
        return Output(
            name=_name(request.out), sha256=facts.sha256, width=facts.width, height=facts.height,
            frames=film.pictures if film else 1, start_s=self._footage.facts.seconds(begin),
            duration_s=facts.duration_s,
            codec=request.codec if film else request.out.suffix[1:].lower(), pixels=picture.pixels if film else "rgb24",
            window=window, encoder=film.encoder() if film else {"quality": "92", "subsampling": "4:4:4"},
            audio="dropped" if request.audio == "drop" else film.audio if film else "none", notes=notes,
        )  # fmt: skip

    def manifest(self, output: Output, checked: Check, timing: Timing) -> Manifest:
        """What was done, in one piece."""
        request, facts, use = self._request, self._footage.facts, self._request.authority
        use = use if request.compares else None
        source = Source(
            name=_name(request.source), sha256=facts.sha256, width=facts.width, height=facts.height,
            duration_s=facts.duration_s, frames=self._tally.frames, frames_damaged=self._tally.damaged,
            codec=facts.codec, pixels=self._source[0], interlaced=self._source[1],
            left_out=streams_beside(request.source, audio=request.audio != "drop"),
        )  # fmt: skip
        return Manifest(
            made=datetime.now(UTC).isoformat(timespec="seconds"), tool=TOOL,
            purpose=str(use.purpose) if use else None, basis=use.basis if use else None,
            authorised_by=use.authorised_by if use else None, source=source, output=output,
            asked=request.asked,
            recall=str(request.recall), fill=request.fill.style, colour=request.fill.colour, aspect=request.aspect,
            models=tuple(self._models), threshold_fmr=request.threshold_fmr if use else None,
            tracks=self.ledger.uses(), frames_held=self._held,
            edits=tuple(change.record() for change in self._changes), check=checked, timing=timing,
        )  # fmt: skip


def _name(path: Path) -> str:
    """A file's name as any text can hold it."""
    return path.name.encode(errors="replace").decode()


def _enrolled(enroller: Enroller, paths: tuple[Path, ...]) -> Gallery | None:
    """The people in photographs and galleries. One photograph that cannot be used ends it: somebody is meant by it."""
    if not paths:
        return None
    offered, refused = _offered(paths)
    gallery = enroller.enrol(offered, refused, lambda _done, _all: None)
    if gallery.refused:
        reasons = "".join(f"\n  {refusal.file}: {refusal.reason}" for refusal in gallery.refused)
        raise GalleryError(
            f"photographs of whom to keep or hide cannot be used:{reasons}", hint="replace or remove them"
        )
    return gallery


def _offered(paths: tuple[Path, ...]) -> tuple[list[Entry], list[Refusal]]:
    """The photographs that files and folders offer."""
    offered, refused = entries(None, [path for path in paths if not path.is_dir()])
    for folder in (path for path in paths if path.is_dir()):
        more, bad = entries(folder, [])
        offered, refused = [*offered, *more], [*refused, *bad]
    return offered, refused


def _cut(picture: Picture, window: Box | None) -> Picture:
    if window is None:
        return picture
    left, top, width, height = (int(side) // 2 * 2 for side in window)
    return picture.crop(min(left, picture.width - width), min(top, picture.height - height), width, height)


def _notes(pixels: str, picture: Picture, film: Film | None, request: Request) -> Iterator[str]:
    if film and pixels != picture.pixels:
        yield f"pixels were {pixels} and are {picture.pixels}"
    if request.aspect != "source":
        yield f"the picture was cut to {request.aspect}"
    if picture.transfer in HDR:
        yield "the picture stays HDR; what its makers stated of the screen it was graded on is left out"
    if film and film.audio_damaged:
        yield f"{film.audio_damaged} packets of sound could not be decoded: silence stands for them"
