"""Results: what a case found, sealed in the store under the case's key until the case's time is over.

A result is opened only after the rules were asked once more, and after an entry that says so.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from houselights import cases, policy
from houselights.batch import Outcome
from houselights.case import UNASKED, Case
from houselights.errors import RecordError
from houselights.facts import Value
from houselights.manifest import built
from houselights.pictures import Picture, Pictures, candidate_pictures
from houselights.policy import Known
from houselights.record import Record, Use
from houselights.result import SCHEMA, Candidate, Result

KIND = "result"
ERASED = "somebody who was erased"
"""Who is left as the one from whom a candidate cannot be told: that stays true of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What one search found."""

    result: Result
    subjects: tuple[str, ...]
    """Everybody who was searched for, by name."""
    pictures: Pictures
    facts: Mapping[str, Value]
    """What was stated of the search for the packs of rules."""
    categories: Mapping[str, str] = field(default_factory=dict)
    """Why those who stand on a watchlist stand there, by name."""

    @property
    def use(self) -> str:
        """The number of the search."""
        return self.result.record.use


def number_of(record: Record, use: str, candidate: Candidate) -> str:
    """What stands for a candidate in the log: 32 hexadecimal digits."""
    return record.pseudonym("candidate", f"{use}\0{candidate.subject}\0{candidate.footage}\0{candidate.track}")


def candidates(record: Record, kept: Iterable[Kept]) -> dict[str, tuple[Kept, Candidate]]:
    """Every candidate by its number, with the search that found it."""
    return {number_of(record, each.use, one): (each, one) for each in kept for one in each.result.candidates}


def keep(
    record: Record, outcome: Outcome, facts: Mapping[str, Value], detector: Path, *, pictured: bool = False
) -> Kept:
    """Seal what a search found, and say so in the log; with pictures of its candidates where people review it.

    Raises:
        PolicyError: nobody approved its urgent case in time: nothing of it is kept.
        RecordError: it cannot be sealed, or not be recorded.
        ModelError: the detector, which finds the faces to cover, cannot be loaded.
    """
    result = outcome.result
    pictured = pictured or result.purpose in UNASKED
    pictures = candidate_pictures(outcome, detector) if pictured else Pictures({}, {})
    subjects = outcome.gallery.subjects
    categories = {each.name: each.category for each in subjects if each.category}
    kept = Kept(result, tuple(each.name for each in subjects), pictures, facts, categories)
    with record.log.locked():
        case = cases.current(record, result.record.case)
        cases.check_readable(record, case, leaves=False)
        for name in set(kept.subjects) - case.scope.subjects.keys():
            kept = _without(kept, name)  # they were erased while the search ran
        _write(record, kept)
        facts_kept = {"case": result.record.case, "candidates": len(kept.result.candidates)}
        outcome.use.add("results-kept", facts_kept)
    return kept


def of(record: Record, case: Case) -> list[Kept]:
    """All that a case found and that is still kept, the oldest search first.

    Raises:
        RecordError: it cannot be opened, or another version kept it.
    """
    found = record.store.documents(KIND, cases.holder(case)).values()
    return sorted(map(_read, found), key=lambda kept: (kept.result.started, kept.use))


def opened(use: Use, case: Case, kept: Kept, how: Iterable[str]) -> None:
    """Return if what was found may be shown as `terminal`, `pipe`, `json`, `report` or `page`; it is recorded.

    Raises:
        PolicyError: it may not.
        RecordError: it cannot be recorded, so it is not shown.
    """
    ways = sorted(how)
    with use.refusing("results"):
        cases.check_readable(use.record, case, leaves=bool(set(ways) - {"terminal"}))
        for category in (*sorted(set(kept.categories.values())),) or (None,):
            known = Known(justified=bool(case.justification), category=category)
            policy.check_open(case.authority, len(kept.subjects), kept.facts, known)
    use.add("results-opened", {"how": ways})


def forget(record: Record, subject: str) -> int:
    """Take a person out of everything that was found: their candidates, appearances and pictures; from how many.

    Raises:
        RecordError: something cannot be opened, or another version kept it.
    """
    changed = 0
    with record.log.locked():
        for content in record.store.documents(KIND).values():
            kept = _read(content)
            if subject in kept.subjects:
                _write(record, _without(kept, subject))
                changed += 1
    return changed


def _without(kept: Kept, subject: str) -> Kept:
    result = kept.result
    left = {each: _untied(each, subject) for each in result.candidates if each.subject != subject}
    alike = tuple(each for each in result.gallery.lookalikes if subject not in {each.subject, each.other})
    result = replace(
        result,
        candidates=tuple(left.values()),
        appearances=tuple(each for each in result.appearances if each.subject != subject),
        gallery=replace(result.gallery, lookalikes=alike, refused=(), duplicates=()),  # they name photographs
    )
    shots = {left[each]: picture for each, picture in kept.pictures.shots.items() if each in left}
    references = {each.reference: kept.pictures.references[each.reference] for each in shots}
    return replace(
        kept,
        result=result,
        subjects=tuple(each for each in kept.subjects if each != subject),
        pictures=Pictures(shots, references),
        categories={name: each for name, each in kept.categories.items() if name != subject},
    )


def _untied(one: Candidate, subject: str) -> Candidate:
    """The candidate without the name of a runner-up who is erased."""
    if one.runner_up is None or one.runner_up.subject != subject:
        return one
    return replace(one, runner_up=replace(one.runner_up, subject=ERASED))


def _write(record: Record, kept: Kept) -> None:
    shots = [_told(kept.pictures.shots.get(each)) for each in kept.result.candidates]
    document = {
        "result": json.loads(kept.result.to_json()),
        "subjects": kept.subjects,
        "shots": shots,
        "references": {name: _told(picture) for name, picture in kept.pictures.references.items()},
        "facts": dict(kept.facts),
        "categories": dict(kept.categories),
    }
    case = cases.current(record, kept.result.record.case)
    record.store.keep(KIND, kept.use, json.dumps(document).encode(), cases.holder(case), cases.above(case))


def _told(picture: Picture | None) -> dict[str, object] | None:
    if picture is None:
        return None
    return asdict(picture) | {"jpeg": None if picture.jpeg is None else b64encode(picture.jpeg).decode()}


def _read(content: bytes) -> Kept:
    told = json.loads(content)
    _check_schema(told["result"])
    result: Result = built(Result, told["result"], Path("a sealed result"))
    shots = {each: _picture(one) for each, one in zip(result.candidates, told["shots"], strict=True) if one}
    references = {name: _picture(one) for name, one in told["references"].items()}
    return Kept(result, tuple(told["subjects"]), Pictures(shots, references), told["facts"], told["categories"])


def _check_schema(told: dict[str, Any]) -> None:
    if (schema := told["schema"]) != SCHEMA:
        use, case = (str(told["record"][name])[:8] for name in ("use", "case"))
        msg = f"what search {use} found in case {case} was kept by another version: schema {schema}, expected {SCHEMA}"
        raise RecordError(msg, hint=f"destroy it with houselights case erase {case} --why retention, and search again")


def _picture(told: dict[str, Any]) -> Picture:
    return Picture(**(told | {"jpeg": None if told["jpeg"] is None else b64decode(told["jpeg"])}))
