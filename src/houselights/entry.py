"""Entries: what the log may say. Every word comes from a closed list, so that nobody's name can stand in one.

An entry is a JSON object in canonical form (RFC 8785). What must stay private (names, hashes of photographs and films,
the basis in words) is its payload: parts that lie sealed in the store, each with a salt of its own. The entry holds a
hash over the parts' hashes, which tells nothing without them and fits nothing else.

| field     | what it is                                                                              |
|-----------|-----------------------------------------------------------------------------------------|
| `kind`    | one of `KINDS`                                                                          |
| `time`    | UTC, to the second                                                                      |
| `use`     | random number of the use: all entries of one search or release carry it                 |
| `after`   | hash of the entry before in this use; the first has none                                |
| `actor`   | pseudonym of who did it: the same person has the same one in this log, and in no other  |
| `facts`   | what the kind asks for, in closed words, numbers and pseudonyms                         |
| `payload` | hash over the hashes of the sealed parts; absent where there are none                   |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from houselights.custody import CustodyError, canonical, fields_of
from houselights.facts import ACTIONS, PLACE, WORDS
from houselights.types import Purpose

VERSION = 1
Check = Callable[[object], bool]


def _text(pattern: str) -> Check:
    fits = re.compile(pattern).fullmatch
    return lambda value: isinstance(value, str) and fits(value) is not None


def _one_of(*words: str) -> Check:
    return lambda value: isinstance(value, str) and value in words


def _some_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and len(value) <= MOST and all(check(item) for item in value)


def _all_of(**checks: Check) -> Check:
    def check(value: object) -> bool:
        return isinstance(value, dict) and value.keys() == checks.keys() and all(checks[k](value[k]) for k in checks)

    return check


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53  # what JSON carries exactly


def _flag(value: object) -> bool:
    return isinstance(value, bool)


MOST = 256  # items in a list of an entry
ID = _text("[0-9a-f]{32}")  # a pseudonym or a random number
HASH = _text("[0-9a-f]{64}")  # of something that is nobody's: a model, a rule pack, an entry, a salted part
TIME = _text(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
NUMBER = _text(r"-?[0-9]{1,9}(\.[0-9]{1,9})?(e[+-]?[0-9]{1,2})?")  # a fraction, in words of its own: JSON's may differ
SOFTWARE = _text(r"houselights [0-9]+(\.[0-9]+){1,2}[0-9a-z.]{0,12}")
PACK = _text(r"[a-z0-9][a-z0-9.-]{0,39}")
TAG = _all_of(salt=ID, tag=HASH)
"""Of a film: only who has its disclosure secret can tell which, see `disclosure.py`."""
MODEL = _all_of(role=_one_of("detector", "second-detector", "recogniser"), sha256=HASH)
PURPOSE = _one_of(*Purpose)
UNSTATED = "unstated"
UNKNOWN_FACT = "unknown"
STATED = _one_of(*Purpose, UNSTATED)  # a release that compares nobody needs no purpose
RECIPIENT_WORDS = tuple(word for word in WORDS["recipient"] if word != UNSTATED)
RULE = _one_of(
    "closed-purposes", "basis-and-authoriser", "public-release-is-not-searched", "named-subjects-only",
    "purpose-allows-comparison", "intake-purpose", "case-needed", "case-expired", "case-scope", "approval-needed",
    "two-people", "role", "banned", "action-banned", "watchlist-entry", "retention", "odds-cap", "quality", "licence",
    "not-confirmed", "identity-unchecked",
)  # fmt: skip
REFUSED = _one_of(
    "search", "release", "screening", "export", "case", "watchlist", "actor", "intake", "results", "review", "action",
    "subject-report",
)  # fmt: skip
GROUND_WORDS = ("court-order", "ongoing-investigation", "not-entitled", "safety-of-a-person")
ERASED_WORDS = ("asked-by-subject", "retention", "court-order", "wrongly-recorded", "consent-withdrawn")
ROLE_WORDS = ("operator", "authoriser", "reviewer", "releaser", "auditor")
SIGNATURE = _text("[0-9a-f]{128}")
DECISION_WORDS = ("same-person", "different", "cannot-tell")
CATEGORY_WORDS = tuple(word for word in WORDS["category"] if word != "other")
"""Why somebody stands on a watchlist."""
ACTION_WORDS = (*ACTIONS, "none")
"""What may follow from a candidate."""
OUTCOME_WORDS = ("true", "false", "unknown")

_AUTHORITY: dict[str, Check] = {"purpose": PURPOSE, "authorisation": ID}
_SEARCH: dict[str, Check] = {
    **_AUTHORITY,
    "case": ID,
    "gallery": ID,
    "subjects": _count,
    "photographs": _count,
    "models": _some_of(MODEL),
    "threshold_fmr": NUMBER,
    "threshold_score": NUMBER,
    "films": _count,
}
_COMPARISON: dict[str, Check] = {"comparison": _one_of("lookalikes", "doubles")}
"""Of a search that compares named people's photographs with each other: the photographs are its films."""
_RELEASE: dict[str, Check] = {"purpose": STATED, "authorisation": ID, "footage": TAG, "compared": _flag}

_SIGNED: dict[str, Check] = {"by": ID, "signature": SIGNATURE}

KINDS: dict[str, dict[str, Check]] = {
    # the log itself
    "log-opened": {"software": SOFTWARE, "disclosure": HASH},
    "software-changed": {"software": SOFTWARE},
    "log-read": {"what": _one_of("entries", "payloads", "receipt", "transparency")},
    "exported": {"what": _one_of("log", "result", "receipt", "case", "lead"), "recipient": _one_of(*RECIPIENT_WORDS)},
    "erased": {"what": _one_of("subject", "use", "case"), "why": _one_of(*ERASED_WORDS), "keys": _count},
    "still-here": {},
    # footage
    "footage-taken-in": {"purpose": STATED, "footage": TAG, "fixed": _flag},
    "purpose-asked": {"purpose": PURPOSE, "footage": TAG, **_SIGNED},
    "purpose-approved": {"purpose": PURPOSE, "footage": TAG, **_SIGNED},
    "footage-opened": {"footage": TAG},
    "disclosure-asked": {"footage": TAG},
    "disclosed": {"footage": TAG, "recipient": _one_of(*RECIPIENT_WORDS)},
    "disclosure-refused": {"footage": TAG, "ground": _one_of(*GROUND_WORDS)},
    # searches
    "search-started": _SEARCH,
    "search-finished": {
        **_SEARCH,
        "started": TIME,
        "outcome": _one_of("candidates", "no-candidate", "no-footage-read"),
        "films_failed": _count,
        "frames": _count,
        "frames_damaged": _count,
        "faces": _count,
        "tracks": _count,
        "tracks_searched": _count,
        "candidates": _count,
        "decision": _one_of("unreviewed", "nothing-to-review"),
        "verifiers": _some_of(ID),
    },
    "search-failed": {"why": _one_of("error", "interrupted")},
    "people-measured": {  # photographs of known people compared with each other, to measure the software
        "what": _one_of("calibration", "verification", "identification", "odds"),
        "people": _count, "photographs": _count,
    },
    "refused": {"what": REFUSED, "rule": RULE},
    "results-opened": {"how": _some_of(_one_of("terminal", "pipe", "json", "report", "page"))},
    # releases
    "release-started": _RELEASE,
    "released": {
        **_RELEASE,
        "models": _some_of(MODEL),
        "tracks_hidden": _count,
        "tracks_kept": _count,
        "edits": _count,
        "findings": _count,
        "disclosed": _flag,
    },
    "release-blocked": {"findings": _count},
    "release-failed": {"why": _one_of("error", "interrupted")},
    # cases, people, galleries, rules: written by the modules of those names
    "case-opened": {**_AUTHORITY, "case": ID, "until": TIME, "subjects": _count, "films": _count, "urgent": _flag,
                    "waits": _flag},
    "case-approved": {"case": ID, **_SIGNED},
    "case-extended": {"case": ID, "until": TIME, **_SIGNED},
    "case-closed": {"case": ID, "why": _one_of("done", "expired", "not-approved", "withdrawn")},
    "results-kept": {"case": ID, "candidates": _count},
    "results-deleted": {"case": ID, "results": _count, "why": _one_of("not-approved", *ERASED_WORDS)},
    "retention-run": {"results": _count, "watchlist_entries": _count, "payloads": _count, "detections": _count},
    "actor-changed": {"actor": ID, "change": _one_of("added", "revoked"), "role": _one_of(*ROLE_WORDS),
                      "key": HASH},
    "watchlist-changed": {"watchlist": ID, "entry": ID, "category": _one_of(*CATEGORY_WORDS), "until": TIME,
                          "change": _one_of("added", "reviewed", "expired", "erased", "removed")},
    "subject-reported": {"subject": ID, **_SIGNED},
    "setup-changed": {
        **{name: _one_of(*WORDS.get(name, ("yes", "no")), UNKNOWN_FACT) for name in PLACE},
        **dict.fromkeys(("cases", "results", "watchlists", "payloads", "detections"), _count),
    },
    "policy-changed": {"pack": PACK, "sha256": HASH, "change": _one_of("enabled", "disabled")},
    # review
    "pair-shown": {"by": ID},  # the same for candidates and decoys
    "review-given": {"candidate": ID, "by": ID},  # what was decided stays sealed until the other has decided, too
    "review-decided": {"candidate": ID, "decision": _one_of(*DECISION_WORDS), **_SIGNED},
    "decoy-decided": {"by": ID, "right": _flag},
    "corroborated": {"candidate": ID, **_SIGNED},
    "action-recorded": {"candidate": ID, "action": _one_of(*ACTION_WORDS), "approvals": _count, **_SIGNED},
    "outcome-known": {"candidate": ID, "outcome": _one_of(*OUTCOME_WORDS)},
    # the door
    "deployment-started": {**_SEARCH, "deployment": ID, "until": TIME, "sign_confirmed": _flag},
    "deployment-ended": {"deployment": ID, "faces": _count, "candidates": _count, "why": _one_of(
        "done", "stopped", "false-alert-rate", "expired")},
    "alerted": {"deployment": ID, "candidate": ID},
}  # fmt: skip
"""What each kind of entry states, all of it and nothing else."""

MORE: dict[str, dict[str, Check]] = {
    "actor-changed": _SIGNED,  # the first actor has nobody to sign
    "case-opened": _SIGNED,
    "watchlist-changed": _SIGNED,
    "exported": {"candidate": ID},  # a lead sheet
    "search-started": _COMPARISON,
    "search-finished": _COMPARISON,
    "release-started": {"case": ID},
    "released": {"case": ID},
    "refused": {"footage": TAG},
}
"""What an entry of such a kind may state besides, all of it or nothing."""
SIGNED: dict[str, tuple[str, ...]] = {
    "actor-changed": ("authoriser",),
    "purpose-asked": ("operator", "authoriser"),
    "purpose-approved": ("authoriser",),
    "case-opened": ("operator", "authoriser"),
    "case-approved": ("authoriser",),
    "case-extended": ("authoriser",),
    "watchlist-changed": ("operator", "reviewer", "authoriser"),
    "review-decided": ("reviewer",),
    "corroborated": ("authoriser",),
    "action-recorded": ("operator", "authoriser"),
    "subject-reported": ("authoriser", "releaser", "auditor"),
}
"""Kinds of entries that a person signs, and in which roles."""

PRIVATE: dict[str, tuple[str, ...]] = {
    "footage-taken-in": ("name", "sha256"),
    "search-started": ("basis", "authorised_by", "operator"),
    "search-finished": ("basis", "authorised_by", "operator", "films"),
    "release-started": ("basis", "authorised_by", "operator", "source"),
    "released": ("source", "output", "manifest"),
    "exported": ("recipient", "reason", "operator"),
    "case-opened": ("basis", "authorised_by", "operator", "scope"),
    "review-decided": ("features",),
    "corroborated": ("evidence",),
    "action-recorded": ("facts",),
    "disclosed": ("recipient", "reason", "operator"),
    "disclosure-asked": ("sha256",),
    "disclosure-refused": ("recipient", "reason", "sha256"),
}
"""What the first sealed part of such an entry holds at least."""

SAID: dict[str, str] = {
    "log-opened": "the log begins, {software}",
    "software-changed": "the log goes on with {software}",
    "log-read": "the log was read: {what}",
    "exported": "exported ({what}) to: {recipient}",
    "erased": "erased ({what}, {why}): {keys} keys destroyed",
    "still-here": "nothing happened",
    "footage-taken-in": "a film was taken in, purpose {purpose}",
    "purpose-asked": "somebody asked for another purpose of a film: {purpose}",
    "purpose-approved": "another person approved it: {purpose}",
    "actor-changed": "an actor was {change}: {role}",
    "footage-opened": "a film was opened for this search",
    "disclosure-asked": "somebody asked what was done with a film",
    "disclosed": "a film's uses were disclosed to: {recipient}",
    "disclosure-refused": "a disclosure was refused: {ground}",
    "search-started": "search begun, purpose {purpose}: {subjects} named, {films} to look at",
    "search-finished": "search ended: {candidates} candidates, {faces} faces in {tracks} tracks",
    "search-failed": "search broken off: {why}",
    "people-measured": "measured ({what}) on {photographs} photographs of {people} people",
    "refused": "refused ({what}) by the rule {rule}",
    "release-started": "release begun, purpose {purpose}; people compared with photographs: {compared}",
    "released": "released: {tracks_hidden} tracks hidden, {tracks_kept} kept",
    "release-blocked": "release blocked: the check found {findings} faces",
    "release-failed": "release broken off: {why}",
    "review-decided": "a reviewer decided: {decision}",
    "outcome-known": "outcome of a candidate: {outcome}",
    "policy-changed": "rules {pack} {change}",
    "setup-changed": "settings: {actor}, {venue}, {event}, {jurisdiction}; results are kept for {results} days",
    "case-opened": "case opened, purpose {purpose}, until {until}; urgent: {urgent}",
    "case-approved": "a case was approved",
    "case-extended": "a case was extended until {until}",
    "case-closed": "a case was closed: {why}",
    "results-kept": "results sealed: {candidates} candidates",
    "results-deleted": "results deleted ({why}): {results}",
    "retention-run": "retention: {results} results, {watchlist_entries} watchlist entries, {payloads} payloads deleted",
    "watchlist-changed": "a watchlist entry was {change}: {category}, until {until}",
    "pair-shown": "a reviewer was shown a pair of pictures",
    "review-given": "a reviewer decided; sealed until another has decided",
    "decoy-decided": "a reviewer decided on a pair that is known; right: {right}",
    "corroborated": "independent evidence was recorded for a candidate",
    "action-recorded": "an action was recorded: {action}, {approvals} confirmed it",
    "subject-reported": "a person was told what was done with their data",
}
"""Kinds of entries in words for people; the others are shown by their names."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, in closed words."""

    kind: str
    time: str
    use: str
    actor: str
    facts: Mapping[str, Any]
    after: str | None = None
    payload: str | None = None

    def __bytes__(self) -> bytes:
        fields = {name: getattr(self, name) for name in self.__slots__}
        return canonical({"v": VERSION} | {name: value for name, value in fields.items() if value is not None})

    def __post_init__(self) -> None:
        """Refuse what is not on the list.

        Raises:
            CustodyError: names the kind, the field and the value.
        """
        if self.kind not in KINDS:
            raise CustodyError(f"'{self.kind}' is no kind of entry")
        given: dict[str, tuple[Check, object]] = {
            "time": (TIME, self.time), "use": (ID, self.use), "actor": (ID, self.actor),
            "after": (HASH, self.after or "0" * 64), "payload": (HASH, self.payload or "0" * 64),
        }  # fmt: skip
        wanted = KINDS[self.kind]
        more = MORE.get(self.kind, {})
        if more.keys() & self.facts.keys():
            wanted = wanted | more
        odd = [*(wanted.keys() - self.facts.keys()), *(self.facts.keys() - wanted.keys())]
        if odd:
            raise CustodyError(f"an entry '{self.kind}' states {', '.join(wanted) or 'nothing'}: see '{min(odd)}'")
        given |= {name: (check, self.facts[name]) for name, check in wanted.items()}
        for name, (check, value) in given.items():
            if not check(value):
                raise CustodyError(f"an entry '{self.kind}' cannot state {str(value)[:60]!r} as '{name}'")

    @property
    def said(self) -> str:
        """What the entry says, for people."""
        plain = {name: ("no", "yes")[value] if isinstance(value, bool) else value for name, value in self.facts.items()}
        return SAID.get(self.kind, self.kind.replace("-", " ")).format(**plain)

    @classmethod
    def parse(cls, content: bytes) -> Entry:
        """An entry as it stands in the log.

        Raises:
            CustodyError: it is none, or says what no entry may say.
        """
        fields = fields_of(content)
        version = fields.pop("v", None)
        if version is True or version != VERSION:
            raise CustodyError(f"the entry is of version {str(version)[:20]!r}, expected {VERSION}")
        try:
            return cls(**fields)
        except (TypeError, AttributeError) as fault:
            raise CustodyError("the entry has other fields than an entry has") from fault


def check_private(kind: str, part: Mapping[str, object]) -> None:
    """Return if the first sealed part of an entry holds what its kind asks for.

    Raises:
        CustodyError: something is missing.
    """
    missing = [name for name in PRIVATE.get(kind, ()) if name not in part]
    if missing:
        raise CustodyError(f"an entry '{kind}' needs '{missing[0]}' in its sealed part")
