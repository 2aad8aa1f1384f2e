"""Transparency: what a log says of a period, in numbers that anybody gets again from a copy of the log.

Public entries alone are counted: no key, no sealed part and no clock of this machine has a say. So the same log gives
the same document, byte for byte, whoever counts. A use counts in the period in which it began, with all its entries.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path

from houselights.custody import Checkpoint, CustodyError, Key, Tree, read_entries, verify
from houselights.entry import Entry
from houselights.errors import SettingsError
from houselights.interval import interval

SCHEMA = "houselights/transparency/1"
NOT_ENDED = "not-finished"
SEARCH_OUTCOMES = ("candidates", "no-candidate", "no-footage-read", "failed", NOT_ENDED)
RELEASE_OUTCOMES = ("released", "blocked", "failed", NOT_ENDED)
DEPLOYMENT_OUTCOMES = ("done", "stopped", "false-alert-rate", "expired", NOT_ENDED)
RELEASE_ENDS = {"release-blocked": "blocked", "release-failed": "failed", "released": "released"}
"""Ends of a release, the first that is there counts: one that fails after its entry `released` put nothing out."""
BEGUN_BY = {
    "search-finished": ("search-started",),
    "search-failed": ("search-started",),
    "footage-opened": ("search-started",),
    "released": ("release-started",),
    "release-blocked": ("release-started",),
    "release-failed": ("release-started",),
    "deployment-ended": ("deployment-started",),
    "alerted": ("deployment-started",),
    "review-decided": ("search-started", "deployment-started"),
    "outcome-known": ("search-started", "deployment-started"),
}
"""Kinds of entries that belong into a use with one of these."""

Chain = tuple[Entry, ...]
"""All entries of one use, in order."""
Counts = dict[str, int]
Table = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class LogUse:
    """The state of the log that was counted."""

    name: str
    size: int
    """Entries."""
    root: str
    """Base64, as a checkpoint of this size states it."""


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when, in whole days of UTC, both included; None where it is open."""

    since: str | None
    until: str | None


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its 95 % interval after Clopper and Pearson, to six digits so that every machine writes the same."""

    false: int
    among: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rates:
    """How many were false, by what is divided by; None where there was nothing to divide by."""

    per_candidate: Rate | None
    per_track: Rate | None
    """Per track that was compared. None for deployments, which state no tracks."""
    per_face: Rate | None
    """Per face as it was seen in one frame."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the candidates of uses that ended."""

    candidates: int
    """As the last entries of the uses state them."""
    true: int
    false: int
    unknown: int
    """An entry says that the outcome cannot be known."""
    open: int
    """No entry says what became of them, or too few reviewers agree."""
    known: Rates
    """False ones, per candidate among those that are true or false."""
    worst: Rates
    """As if every candidate that is unknown or open were false, among all candidates."""
    beyond: int
    """Outcomes of more candidates than their uses state."""
    pending: int
    """Candidates that are named in uses without an end. Their faces are not stated: they stand in no other number."""
    pending_false: int


@dataclass(frozen=True, slots=True)
class Searches:
    """Searches that began in the period."""

    total: int
    by_purpose: Table
    """Purpose, then outcome."""
    of_photographs: Counts
    """Searches that compared named people's photographs with each other, by what for: each photograph is a film."""
    subjects: int
    """Sum over all searches: somebody who was searched for twice counts twice."""
    largest_gallery: int
    """Subjects."""
    films_named: int
    films_opened: int
    films_failed: int
    frames: int
    frames_damaged: int
    faces: int
    """Faces in single frames: who is in a hundred frames is a hundred faces."""
    tracks: int
    tracks_searched: int
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class Deployments:
    """Deployments at a door that began in the period."""

    total: int
    by_purpose: Table
    subjects: int
    largest_gallery: int
    sign_confirmed: int
    faces: int
    alerted: int
    """Entries, one for each candidate that staff were told of."""
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class Releases:
    """Releases that began in the period. All but the first three and `blocked_findings` are of those put out."""

    total: int
    by_purpose: Table
    compared: int
    """Those that compared people with photographs."""
    tracks_hidden: int
    tracks_kept: int
    edits: int
    with_findings: int
    """Releases that a person put out in spite of findings."""
    findings_allowed: int
    blocked_findings: int
    disclosed: int
    """Those whose manifest holds the disclosure secret of their source."""
    kept_back: int


@dataclass(frozen=True, slots=True)
class Disclosures:
    """Answers to "was this film ever searched?"."""

    asked: int
    given: Counts
    """By the class of the recipient."""
    refused: Counts
    """By ground."""
    unanswered: int
    """Asked in a use that neither discloses nor refuses."""


@dataclass(frozen=True, slots=True)
class Erasures:
    """Keys that were destroyed, so that what was sealed under them cannot be read again."""

    by_reason: Table
    """Reason, then whether a subject or a use."""
    keys: int


@dataclass(frozen=True, slots=True)
class Means:
    """A model or a threshold, and how many uses had it."""

    what: str
    """The role of a model and its SHA-256 with a space between, or a false-match rate."""
    searches: int
    deployments: int
    releases: int


@dataclass(frozen=True, slots=True)
class Rules:
    """What applied when the period ended."""

    packs: dict[str, str]
    """Rule packs that were enabled and not disabled since, with their SHA-256."""
    software: tuple[str, ...]
    """Versions that the log states up to then."""


@dataclass(frozen=True, slots=True)
class SetBack:
    """An entry that is dated before an earlier one."""

    entry: int
    """Its number in the log."""
    time: str
    latest: str
    """The latest time in the entries before it."""


@dataclass(frozen=True, slots=True)
class Transparency:
    """What a log says of a period."""

    log: LogUse
    period: Period
    searches: Searches
    deployments: Deployments
    releases: Releases
    refusals: Table
    """Rule, then what was refused."""
    disclosures: Disclosures
    exports: Table
    """Class of the recipient, then what was exported."""
    erasures: Erasures
    readings: Counts
    """Of the log, by what was read."""
    results_opened: int
    models: tuple[Means, ...]
    thresholds: tuple[Means, ...]
    rules: Rules
    set_back: tuple[SetBack, ...]
    """In the whole log: a wrong clock moves uses from one period to another."""
    stray: int
    """Entries that belong to a search, release or deployment whose beginning the log does not have."""
    entries: Counts
    """Of the uses that were counted, by kind."""

    def to_json(self) -> str:
        """The document of schema `houselights/transparency/1`: nothing in it depends on when or where it was made."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def of(
    folder: Path, key: Key, since: date | None = None, until: date | None = None, size: int | None = None
) -> Transparency:
    """The numbers of a log's folder or of a copy of it, checked whole first; of its first `size` entries if asked.

    Raises:
        CustodyError: the log is not whole, has fewer entries, or holds one that says what no entry may say.
        SettingsError: the period ends before it begins.
    """
    verdict = verify(folder, key)
    if verdict.faults:
        raise CustodyError(f"the log is not as it was logged: {verdict.faults[0]}")
    checkpoint = verdict.checkpoint
    if size is not None:
        if not 0 <= size <= checkpoint.size:
            raise CustodyError(f"the log has {checkpoint.size} entries, {size} were asked for")
        root = Tree.at(folder, checkpoint.size).root(size)
        return tally(
            islice(read_entries(folder, checkpoint.size), size),
            replace(checkpoint, size=size, root=root),  # the note stays that of the whole log: it is not looked at
            since,
            until,
        )
    return tally(read_entries(folder, checkpoint.size), checkpoint, since, until)


def tally(
    entries: Iterable[bytes], checkpoint: Checkpoint, since: date | None = None, until: date | None = None
) -> Transparency:
    """The numbers of the entries that a checkpoint stands for, which the caller has checked; see `of`.

    Raises:
        CustodyError: there are more or fewer entries than that, or one says what no entry may say.
        SettingsError: the period ends before it begins.
    """
    if since and until and until < since:
        raise SettingsError(f"the period ends on {until}, before it begins on {since}")
    parsed = [Entry.parse(entry) for entry in entries]
    if len(parsed) != checkpoint.size:
        raise CustodyError(f"{len(parsed)} entries were read, the checkpoint states {checkpoint.size}")
    uses = _uses(parsed, since, until)
    seen = [entry for chain in uses for entry in chain]
    erased = _of_kind(seen, "erased")
    return Transparency(
        log=LogUse(checkpoint.origin, checkpoint.size, b64encode(checkpoint.root).decode()),
        period=Period(since.isoformat() if since else None, until.isoformat() if until else None),
        searches=_searches(uses),
        deployments=_deployments(uses),
        releases=_releases(uses),
        refusals=_table((entry.facts["rule"], entry.facts["what"]) for entry in _of_kind(seen, "refused")),
        disclosures=_disclosures(uses),
        exports=_table((entry.facts["recipient"], entry.facts["what"]) for entry in _of_kind(seen, "exported")),
        erasures=Erasures(_table((e.facts["why"], e.facts["what"]) for e in erased), _sum(erased, "keys")),
        readings=_counts(_stated(_of_kind(seen, "log-read"), "what")),
        results_opened=len(_of_kind(seen, "results-opened")),
        models=_models(uses),
        thresholds=_thresholds(uses),
        rules=_rules([entry for entry in parsed if _within(entry, None, until)]),
        set_back=tuple(_set_back(parsed)),
        stray=sum(_strays(chain) for chain in uses),
        entries=_counts(entry.kind for entry in seen),
    )


def rate(false: int, among: int) -> Rate | None:
    """The share of false ones; None where there is nothing to divide by, or less than what was false."""
    if among < max(false, 1):
        return None
    low, high = interval(false, among)
    return Rate(false, among, *(float(f"{share:.6g}") for share in (false / among, low, high)))


def _within(entry: Entry, since: date | None, until: date | None) -> bool:
    day = entry.time[:10]  # as text: ISO 8601 sorts, and a day that no calendar has is no reason to stop
    return (since is None or since.isoformat() <= day) and (until is None or day <= until.isoformat())


def _uses(entries: Iterable[Entry], since: date | None, until: date | None) -> list[Chain]:
    """The uses whose first entry is of the period."""
    chains: dict[str, list[Entry]] = {}
    for entry in entries:
        chains.setdefault(entry.use, []).append(entry)
    return [tuple(chain) for chain in chains.values() if _within(chain[0], since, until)]


def _begun(uses: Iterable[Chain], kind: str) -> list[tuple[Chain, Entry]]:
    """The uses that have an entry of that kind, each with the first."""
    found = ((chain, _of_kind(chain, kind)) for chain in uses)
    return [(chain, first[0]) for chain, first in found if first]


def _of_kind(entries: Iterable[Entry], kind: str) -> list[Entry]:
    return [entry for entry in entries if entry.kind == kind]


def _sum(entries: Iterable[Entry], name: str) -> int:
    return sum(entry.facts[name] for entry in entries)


def _stated(entries: Iterable[Entry], name: str) -> Iterator[str]:
    return (entry.facts[name] for entry in entries)


def _counts(words: Iterable[str]) -> Counts:
    return dict(sorted(Counter(words).items()))


def _table(pairs: Iterable[tuple[str, str]], columns: Sequence[str] = ()) -> Table:
    """How often each pair occurs: rows in order, with all of `columns` or those that occur in the row."""
    found: Table = {}
    for row, column in sorted(pairs):
        line = found.setdefault(row, dict.fromkeys(columns, 0))
        line[column] = line.get(column, 0) + 1
    return found


def _searches(uses: list[Chain]) -> Searches:
    searches = _begun(uses, "search-started")
    chains, started = [chain for chain, _ in searches], [first for _, first in searches]
    finished = _begun(chains, "search-finished")
    ends = [end for _, end in finished]
    return Searches(
        total=len(searches),
        by_purpose=_table(((first.facts["purpose"], _search_outcome(c)) for c, first in searches), SEARCH_OUTCOMES),
        of_photographs=_counts(first.facts["comparison"] for first in started if "comparison" in first.facts),
        subjects=_sum(started, "subjects"),
        largest_gallery=max((first.facts["subjects"] for first in started), default=0),
        films_named=_sum(started, "films"),
        films_opened=sum(len(_of_kind(chain, "footage-opened")) for chain in chains),
        films_failed=_sum(ends, "films_failed"),
        frames=_sum(ends, "frames"),
        frames_damaged=_sum(ends, "frames_damaged"),
        faces=_sum(ends, "faces"),
        tracks=_sum(ends, "tracks"),
        tracks_searched=_sum(ends, "tracks_searched"),
        outcomes=_outcomes(chains, finished, _sum(ends, "tracks_searched")),
    )


def _search_outcome(chain: Chain) -> str:
    """How a search ended. One that fails after its entry `search-finished` found what that states."""
    for entry in _of_kind(chain, "search-finished"):
        return str(entry.facts["outcome"])
    return "failed" if _of_kind(chain, "search-failed") else NOT_ENDED


def _deployments(uses: list[Chain]) -> Deployments:
    deployments = _begun(uses, "deployment-started")
    chains, started = [chain for chain, _ in deployments], [first for _, first in deployments]
    ended = _begun(chains, "deployment-ended")
    reasons = {end.use: end.facts["why"] for _, end in ended}
    return Deployments(
        total=len(deployments),
        by_purpose=_table(
            ((first.facts["purpose"], reasons.get(first.use, NOT_ENDED)) for first in started), DEPLOYMENT_OUTCOMES
        ),
        subjects=_sum(started, "subjects"),
        largest_gallery=max((first.facts["subjects"] for first in started), default=0),
        sign_confirmed=_sum(started, "sign_confirmed"),
        faces=_sum((end for _, end in ended), "faces"),
        alerted=sum(len(_of_kind(chain, "alerted")) for chain in chains),
        outcomes=_outcomes(chains, ended, None),
    )


def _outcomes(chains: list[Chain], ended: list[tuple[Chain, Entry]], tracks: int | None) -> Outcomes:
    """What became of candidates. Rates are of uses that ended: only those say how many faces they saw."""
    said, pending, unsaid, beyond = Counter[str](), Counter[str](), 0, 0
    for chain, end in ended:
        found = _verdicts(chain)
        said.update(found.values())
        unsaid += max(end.facts["candidates"] - len(found), 0)
        beyond += max(len(found) - end.facts["candidates"], 0)
    closed = {chain[0].use for chain, _ in ended}
    for chain in chains:
        if chain[0].use not in closed:
            pending.update(_verdicts(chain).values())
    true, false, dim = said["true"], said["false"], said["unknown"] + said["open"] + unsaid
    faces = _sum((end for _, end in ended), "faces")
    unjudged = dim > 0 and true + false == 0  # nobody looked at any candidate: "none false" would be a claim
    looked_at = (0, 0) if unjudged else (tracks or 0, faces)
    return Outcomes(
        candidates=_sum((end for _, end in ended), "candidates"),
        true=true,
        false=false,
        unknown=said["unknown"],
        open=said["open"] + unsaid,
        known=Rates(*(rate(false, among) for among in (true + false, *looked_at))),
        worst=Rates(rate(false + dim, true + false + dim), rate(false + dim, tracks or 0), rate(false + dim, faces)),
        beyond=beyond,
        pending=pending.total(),
        pending_false=pending["false"],
    )


def _verdicts(chain: Chain) -> dict[str, str]:
    """What became of each candidate that a use names: `true`, `false`, `unknown` or `open`.

    An entry `outcome-known` says it, the last one if there are more. Else two reviewers have to agree.
    """
    named = [entry for entry in chain if entry.kind in {"alerted", "review-decided", "outcome-known"}]
    decided: dict[str, dict[str, str]] = {entry.facts["candidate"]: {} for entry in named}
    for entry in _of_kind(named, "review-decided"):
        decided[entry.facts["candidate"]][entry.facts["by"]] = entry.facts["decision"]
    known = {entry.facts["candidate"]: entry.facts["outcome"] for entry in _of_kind(named, "outcome-known")}
    return {candidate: known.get(candidate, _agreed(by.values())) for candidate, by in decided.items()}


def _agreed(decisions: Iterable[str]) -> str:
    """What two reviewers or more agree on, unless two others agree on the contrary."""
    counted = Counter(decisions)
    sides = [counted["same-person"] > 1, counted["different"] > 1]
    return {(True, False): "true", (False, True): "false"}.get((sides[0], sides[1]), "open")


def _releases(uses: list[Chain]) -> Releases:
    releases = _begun(uses, "release-started")
    outcomes = [_release_outcome(chain) for chain, _ in releases]
    ended = [(chain, outcome) for (chain, _), outcome in zip(releases, outcomes, strict=True)]
    out = [_of_kind(chain, "released")[0] for chain, outcome in ended if outcome == "released"]
    blocked = [_of_kind(chain, "release-blocked")[0] for chain, outcome in ended if outcome == "blocked"]
    purposes = (first.facts["purpose"] for _, first in releases)
    return Releases(
        total=len(releases),
        by_purpose=_table(zip(purposes, outcomes, strict=True), RELEASE_OUTCOMES),
        compared=_sum((first for _, first in releases), "compared"),
        tracks_hidden=_sum(out, "tracks_hidden"),
        tracks_kept=_sum(out, "tracks_kept"),
        edits=_sum(out, "edits"),
        with_findings=sum(end.facts["findings"] > 0 for end in out),
        findings_allowed=_sum(out, "findings"),
        blocked_findings=_sum(blocked, "findings"),
        disclosed=_sum(out, "disclosed"),
        kept_back=sum(not end.facts["disclosed"] for end in out),
    )


def _release_outcome(chain: Chain) -> str:
    kinds = {entry.kind for entry in chain}
    return next((outcome for kind, outcome in RELEASE_ENDS.items() if kind in kinds), NOT_ENDED)


def _disclosures(uses: list[Chain]) -> Disclosures:
    seen = [entry for chain in uses for entry in chain]
    answers = {"disclosed", "disclosure-refused"}
    silent = [chain for chain in uses if not answers & {entry.kind for entry in chain}]
    return Disclosures(
        asked=len(_of_kind(seen, "disclosure-asked")),
        given=_counts(_stated(_of_kind(seen, "disclosed"), "recipient")),
        refused=_counts(_stated(_of_kind(seen, "disclosure-refused"), "ground")),
        unanswered=sum(len(_of_kind(chain, "disclosure-asked")) for chain in silent),
    )


def _models(uses: list[Chain]) -> tuple[Means, ...]:
    """Models in use: of searches and deployments as their first entries state them, of releases as their last."""

    def named(kind: str) -> Counter[str]:
        stated = (entry.facts["models"] for _, entry in _begun(uses, kind))
        return Counter(word for models in stated for word in {f"{model['role']} {model['sha256']}" for model in models})

    return _means(named("search-started"), named("deployment-started"), named("released"))


def _thresholds(uses: list[Chain]) -> tuple[Means, ...]:
    def named(kind: str) -> Counter[str]:  # one rate can be written in several ways
        return Counter(f"{float(entry.facts['threshold_fmr']):.9g}" for _, entry in _begun(uses, kind))

    found = _means(named("search-started"), named("deployment-started"), Counter())
    return tuple(sorted(found, key=lambda means: float(means.what)))


def _means(searches: Counter[str], deployments: Counter[str], releases: Counter[str]) -> tuple[Means, ...]:
    words = sorted(searches | deployments | releases)
    return tuple(Means(word, searches[word], deployments[word], releases[word]) for word in words)


def _rules(until_then: Iterable[Entry]) -> Rules:
    packs: dict[str, str] = {}
    software: dict[str, None] = {}
    for entry in until_then:
        if entry.kind in {"log-opened", "software-changed"}:
            software[entry.facts["software"]] = None
        elif entry.kind == "policy-changed":
            packs.pop(entry.facts["pack"], None)
            if entry.facts["change"] == "enabled":
                packs[entry.facts["pack"]] = entry.facts["sha256"]
    return Rules(dict(sorted(packs.items())), tuple(software))


def _set_back(entries: Iterable[Entry]) -> Iterator[SetBack]:
    latest = ""
    for number, entry in enumerate(entries):
        if entry.time < latest:
            yield SetBack(number, entry.time, latest)
        latest = max(latest, entry.time)


def _strays(chain: Chain) -> int:
    kinds = {entry.kind for entry in chain}
    return sum(kinds.isdisjoint(BEGUN_BY[entry.kind]) for entry in chain if entry.kind in BEGUN_BY)
