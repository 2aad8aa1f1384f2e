"""Doubles: photographs of named people compared with photographs of named people, each time as a search.

What could put a name to an unknown face goes through the same door as a search of footage: policy, a case, entries
in the record before each step, and policy once more before anything is shown. The photographs of the gallery are the
films. What is found is shown once and not kept: whoever wants to see it again makes the comparison again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from houselights import __version__, batch, cases, intake, models, photograph, policy, twins
from houselights.batch import Request, Sought, Watcher
from houselights.case import Case, Scope, check_film
from houselights.errors import GalleryError, PhotographError, PolicyError
from houselights.facts import Value
from houselights.gallery import Enroller, Entry, Gallery, Reference, entries
from houselights.listing import bounded
from houselights.page import template
from houselights.pictures import cut_reference
from houselights.policy import Known
from houselights.portrait import Cutter
from houselights.record import Record, Use
from houselights.result import RecordUse
from houselights.rig import Rig
from houselights.twins import ASKER, ONE_PERSON, Doubles, Lookalikes, Made, People, Shared
from houselights.words import said

PICTURED = 100  # pairs with pictures: some 3 MB of page


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Somebody who asks who looks like them."""

    photograph: Path
    name: str
    consent: str
    """In their own words: it is the basis."""
    authorised_by: str
    among: Path
    """A gallery folder. A watchlist is never compared for this."""
    most: int = 10
    """How many people are shown."""
    threshold_fmr: float = 1e-5
    """From which rate on somebody counts as a candidate in the record. The list goes on below it."""
    recogniser: str = "sface"
    accept_licence: bool = False
    calibration: Path | None = None
    facts: Mapping[str, Value] = field(default_factory=dict)
    leaves: bool = True

    def request(self) -> Request:
        """The same as a search: always consented, and for one person.

        Raises:
            PolicyError: consent or authoriser is missing.
        """
        missing = {"--consent": self.consent, "--authorised-by": self.authorised_by}
        if names := [name for name, text in missing.items() if not said(text)]:
            hint = "--consent holds what the person who asks agreed to, in their own words"
            msg = f"somebody is compared with others only if they asked for it: {' and '.join(names)} says nothing"
            raise PolicyError(msg, rule="basis-and-authoriser", hint=hint)
        authority = policy.authority("consented", self.consent, self.authorised_by)
        return Request(
            footage=(), authority=authority, recogniser=self.recogniser, accept_licence=self.accept_licence,
            calibration=self.calibration, threshold_fmr=self.threshold_fmr, facts=self.facts, leaves=self.leaves,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What was found, and what its pictures are cut from. Nothing of it is on any disk."""

    result: Lookalikes | Doubles
    references: Mapping[str, Reference]
    """The photographs by their paths, as the result has them."""
    use: Use
    """Its chain in the record: `opened` adds to it before anything is shown."""
    case: Case
    facts: Mapping[str, Value]
    subjects: int
    known: tuple[Known, ...]
    """What the rules are told, once for each category of people."""


@dataclass(frozen=True, slots=True)
class _Photograph:
    """A photograph before it is looked at."""

    name: str
    """Whose."""
    file: Path
    sha256: str
    """Empty where it cannot be read: the enroller refuses it by name."""


@dataclass(frozen=True, slots=True, eq=False)
class _Entered:
    """A comparison that may be made."""

    what: str
    """`lookalikes` or `doubles`."""
    request: Request
    use: Use
    case: Case
    scope: Scope
    started: str

    def check(self, scope: Scope) -> None:
        """Return if what was read is what was let in: a photograph may have been exchanged, or the case have ended.

        Raises:
            PolicyError: it is not.
        """
        with self.use.refusing("search"):
            cases.check(self.use.record, self.case, self.request.authority, scope)

    def made(self, rig: Rig, films: Gallery) -> Made:
        """What the result says of itself."""
        authority = self.request.authority
        return Made(
            purpose=str(authority.purpose),
            basis=authority.basis,
            authorised_by=authority.authorised_by,
            started=self.started,
            finished=_now(),
            record=RecordUse(self.use.record.key.name, self.use.number, self.case.number),
            models=rig.uses,
            threshold=rig.threshold,
            gallery=People(
                len(films.subjects), films.photographs, films.refused, films.duplicates, films.digest
            ),
        )  # fmt: skip


def lookalikes(request: Request, record: Record, watcher: Watcher) -> Outcome:
    """All pairs of a gallery's or a watchlist's people who could be taken for each other; no footage is looked at.

    Raises:
        PolicyError: it may not be made.
        GalleryError: no photograph can be used, or there are not two people.
        ModelError: weights are missing, or their licence was not accepted.
        CalibrationError: the threshold's rate cannot be had from the calibration.
        RecordError: it cannot be recorded, so nothing of it is shown.
    """
    record.state_rules()
    earlier = cases.find(record, request.case) if request.case else None
    model = models.recogniser(request.recogniser, accept_licence=request.accept_licence)
    sought = batch.sought_by(request, record, model, earlier)
    justification = said((earlier or request.opening).justification)
    with record.refusing("search"):
        batch.check_policy(request, sought, justification)
    read = list(_listed(sought.listed) if sought.listed else _read(sought.photographs))
    scope = Scope(films=_films(read), subjects=_by_name(read), watchlist=request.watchlist or "")
    entered = _enter("lookalikes", request, record, scope, read)
    rig = Rig(model, request.calibration, request.threshold_fmr)
    gallery = sought.enrolled(rig, watcher)
    _check_two(gallery)
    entered.check(replace(scope, films=_used(gallery), subjects=gallery.hashes))
    stated = _begin(entered, rig, gallery)
    with entered.use.failing("search-failed"):
        _open_films(entered, watcher)
        found = twins.pairs(gallery, rig.threshold.score, rig.calibration)
        compared = twins.pairs_of(len(gallery.subjects))
        made, expected = entered.made(rig, gallery), compared * rig.threshold.fmr
        result = Lookalikes(made, compared, expected, found, tuple(_shared(read)))
        named = {each.name: sum(each.name in {pair.one, pair.other} for pair in found) for each in gallery.subjects}
        _end(entered, stated, result, len(found), named)
    known = tuple(Known(category=each, justified=bool(justification)) for each in sought.categories)
    return Outcome(result, _references(gallery), entered.use, entered.case, request.facts, len(named), known)


def doubles(asking: Asking, record: Record, watcher: Watcher) -> Outcome:
    """The people of a gallery who are most like somebody who asks about themselves, however far they are.

    Raises:
        PolicyError: it may not be made, or consent or authoriser is missing.
        GalleryError: the photograph cannot be used, or no photograph of anybody else.
        ModelError, CalibrationError, RecordError: as `lookalikes`.
        SettingsError: the name is empty or too long.
    """
    record.state_rules()
    own = [Entry(bounded("subject", asking.name), asking.photograph)]
    with record.refusing("search"):
        request = asking.request()
        batch.check_policy(request, Sought(own, []), "")
    model = models.recogniser(asking.recogniser, accept_licence=asking.accept_licence)
    asker = _asker(own[0])
    offered, refused = entries(asking.among, [])
    read = list(_read(offered))
    others = [each for each in read if not _is_own(each, asker)]
    scope = Scope(films=_films(others), subjects=_by_name([asker]))
    _check_others(scope, asking)
    entered = _enter("doubles", request, record, scope, others)
    rig = Rig(model, request.calibration, request.threshold_fmr)
    enroller = Enroller(rig.detector_path, rig.recogniser)
    themselves = enroller.enrol(own, [], lambda _done, _all: None)
    entered.check(replace(scope, subjects=themselves.hashes))
    stated = _begin(entered, rig, themselves)
    with entered.use.failing("search-failed"):
        _open_films(entered, watcher)
        gallery = enroller.enrol([Entry(each.name, each.file) for each in others], refused, watcher.gallery)
        entered.check(replace(scope, films=_used(gallery)))
        found = twins.nearest(themselves.subjects[0], gallery, asking.most, rig.calibration)
        far = twins.stranger(len(gallery.subjects), rig.calibration)
        made, left_out = entered.made(rig, gallery), len(read) - len(others)
        result = Doubles(made, asker.name, str(asker.file), left_out, far, found)
        over = sum(each.score >= rig.threshold.score for each in found)
        _end(entered, stated, result, over, {asker.name: over})
    shown = _references(themselves) | _references(gallery)
    return Outcome(result, shown, entered.use, entered.case, request.facts, 1, (Known(),))


def opened(outcome: Outcome, how: Iterable[str]) -> None:
    """Return if what was found may be shown as `terminal`, `pipe`, `json` or `report`; it is recorded.

    Raises:
        PolicyError: it may not.
        RecordError: it cannot be recorded, so it is not shown.
    """
    ways, use = sorted(how), outcome.use
    with use.refusing("results"):
        cases.check_readable(use.record, outcome.case, leaves=bool(set(ways) - {"terminal"}))
        for known in outcome.known:
            policy.check_open(outcome.case.authority, outcome.subjects, outcome.facts, known)
    use.add("results-opened", {"how": ways})


def render(outcome: Outcome, detector_path: Path) -> str:
    """The result as one HTML page. Its pictures are cut now, in memory; every other face in them is covered.

    Raises:
        ModelError: the detector, which finds the faces to cover, cannot be loaded.
    """
    cutter, result = Cutter(detector_path), outcome.result
    cutter.load()
    if isinstance(result, Lookalikes):
        files = [file for pair in result.pairs[:PICTURED] for file in pair.photographs]
    else:
        files = [result.photograph, *(near.photograph for near in result.nearest)]
    pictures = {file: cut_reference(outcome.references[file], cutter, "compared") for file in dict.fromkeys(files)}
    return template("doubles.html").render(
        result=result,
        made=result.made,
        ranked=isinstance(result, Doubles),
        pictures=pictures,
        one_person=ONE_PERSON,
        asker=ASKER,
        version=__version__,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _read(offered: Iterable[Entry]) -> Iterator[_Photograph]:
    for entry in offered:
        sha256 = ""
        with suppress(PhotographError):
            sha256 = hashlib.sha256(photograph.contents(entry.file)).hexdigest()
        yield _Photograph(entry.subject, entry.file, sha256)


def _listed(gallery: Gallery) -> Iterator[_Photograph]:
    """A watchlist's photographs, of which no file is kept."""
    for subject in gallery.subjects:
        yield from (_Photograph(subject.name, each.file, each.sha256) for each in subject.references)


def _asker(entry: Entry) -> _Photograph:
    """The photograph of who asks.

    Raises:
        GalleryError: it cannot be read.
    """
    try:
        return _Photograph(entry.subject, entry.file, hashlib.sha256(photograph.contents(entry.file)).hexdigest())
    except PhotographError as fault:
        raise GalleryError(f"photograph '{entry.file}' {fault.message}", hint=fault.hint) from fault


def _is_own(each: _Photograph, asker: _Photograph) -> bool:
    """Whether a photograph of the gallery is theirs: by its bytes, or by the name in whatever capitals."""
    return each.sha256 == asker.sha256 or each.name.casefold() == asker.name.casefold()


def _label(sha256: str) -> str:
    """What a photograph is called in a case. Not its file's name, in which somebody's may stand."""
    return f"photograph {sha256[:12]}"


def _films(read: Iterable[_Photograph]) -> dict[str, str]:
    return {each.sha256: _label(each.sha256) for each in read if each.sha256}


def _used(gallery: Gallery) -> dict[str, str]:
    """The photographs of a gallery, as films."""
    return {sha256: _label(sha256) for those in gallery.hashes.values() for sha256 in those}


def _by_name(read: Iterable[_Photograph]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for each in read:
        if each.sha256:
            found.setdefault(each.name, []).append(each.sha256)
    return {name: tuple(sorted(those)) for name, those in found.items()}


def _shared(read: Iterable[_Photograph]) -> Iterator[Shared]:
    """Photographs that stand under several names."""
    found: dict[str, list[_Photograph]] = {}
    for each in read:
        if each.sha256:
            found.setdefault(each.sha256, []).append(each)
    for those in found.values():
        names = tuple(dict.fromkeys(each.name for each in those))
        if len(names) > 1:
            yield Shared(names, tuple(str(each.file) for each in those))


def _references(gallery: Gallery) -> dict[str, Reference]:
    return {str(each.file): each for subject in gallery.subjects for each in subject.references}


def _check_two(gallery: Gallery) -> None:
    if len(gallery.subjects) < 2:
        msg = f"the gallery has {len(gallery.subjects)} person whose photographs can be used, expected two or more"
        raise GalleryError(msg, hint="one folder for each person with photographs in it, or one photograph for each")


def _check_others(scope: Scope, asking: Asking) -> None:
    if not scope.films:
        msg = f"'{asking.among}' has no photograph of anybody else that can be read"
        raise GalleryError(msg, hint="one folder for each person with photographs in it, or one photograph for each")


def _enter(what: str, request: Request, record: Record, scope: Scope, read: Iterable[_Photograph]) -> _Entered:
    """A case with all that is about to be compared.

    Raises:
        PolicyError: that may not be done, or it still waits for approval.
    """
    use = record.use()
    earlier = cases.find(record, request.case) if request.case else None
    for each in read:
        if each.sha256:
            with use.refusing("search", each.sha256):
                intake.check(record, each.sha256, each.file.name, request.authority.purpose)
                if earlier is not None:
                    check_film(earlier, each.sha256, each.file.name)
    with use.refusing("search"):
        case = cases.enter(record, request.authority, scope, earlier, request.opening, leaves=request.leaves)
    return _Entered(what, request, use, case, scope, _now())


def _begin(entered: _Entered, rig: Rig, subjects: Gallery) -> dict[str, object]:
    """Record who is compared, before any photograph of the gallery is; what the entry states."""
    stated = batch.stated_of(entered.use, entered.case, rig, subjects, len(entered.scope.films))
    stated |= {"comparison": entered.what}
    batch.record_start(entered.use, entered.request, subjects, stated)
    return stated


def _open_films(entered: _Entered, watcher: Watcher) -> None:
    """Record each photograph: whoever has it can ask whether it was ever compared."""
    films, use = entered.scope.films, entered.use
    for done, (sha256, label) in enumerate(films.items()):
        watcher.identified(done, len(films))
        use.add("footage-opened", {"footage": use.take_in(sha256, label, str(entered.request.authority.purpose))})
    watcher.identified(len(films), len(films))


def _end(
    entered: _Entered, stated: dict[str, object], result: Lookalikes | Doubles, found: int, named: Mapping[str, int]
) -> None:
    """Record the end as a search's: each photograph is a film of one frame with one face."""
    read = result.made.gallery.photographs
    facts = stated | {
        "started": f"{entered.started[:19]}Z",
        "outcome": "candidates" if found else "no-candidate",
        "films_failed": len(entered.scope.films) - read,
        "frames": read,
        "frames_damaged": 0,
        "faces": read,
        "tracks": read,
        "tracks_searched": read,
        "candidates": found,
        "decision": "unreviewed" if found else "nothing-to-review",
        "verifiers": [],
    }
    films = [{"path": label, "sha256": sha256, "error": None} for sha256, label in entered.scope.films.items()]
    written = hashlib.sha256(result.to_json().encode()).hexdigest()  # nothing else of it is kept
    people = {name: {"candidates": number} for name, number in named.items()}
    private = batch.private(entered.request) | {"films": films, "result": written}
    entered.use.add("search-finished", facts, private, people)
