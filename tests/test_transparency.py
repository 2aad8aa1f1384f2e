"""What a log says of a period: exact numbers, the same for everybody who has a copy of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from houselights import transparency
from houselights.bulletin import percent, rate_line, render, summary
from houselights.custody import Checkpoint, CustodyError, Note, read_entries
from houselights.entry import KINDS, Entry
from houselights.errors import SettingsError
from houselights.record import Record, Use
from houselights.transparency import Rate, Transparency, of, rate, tally

MODEL, OTHER = {"role": "detector", "sha256": "ab" * 32}, {"role": "recogniser", "sha256": "cd" * 32}
TAG = {"salt": "01" * 16, "tag": "02" * 32}
SEARCH: dict[str, Any] = {
    "purpose": "missing-person", "authorisation": "aa" * 16, "case": "ee" * 16, "gallery": "bb" * 16, "subjects": 2,
    "photographs": 5, "models": [MODEL, OTHER], "threshold_fmr": "1e-05", "threshold_score": "0.473806", "films": 3,
}  # fmt: skip
FOUND: dict[str, Any] = {
    "started": "2026-01-01T00:00:00Z", "outcome": "candidates", "films_failed": 1, "frames": 1000, "frames_damaged": 4,
    "faces": 5000, "tracks": 70, "tracks_searched": 60, "candidates": 4, "decision": "unreviewed", "verifiers": [],
}  # fmt: skip
NOTHING = FOUND | {"outcome": "no-candidate", "candidates": 0, "decision": "nothing-to-review"}
RELEASE: dict[str, Any] = {"purpose": "unstated", "authorisation": "aa" * 16, "footage": TAG, "compared": False}
OUT: dict[str, Any] = {
    "models": [MODEL], "tracks_hidden": 9, "tracks_kept": 1, "edits": 2, "findings": 0, "disclosed": True,
}  # fmt: skip
DOOR = SEARCH | {"purpose": "venue-exclusion", "deployment": "dd" * 16, "until": "2026-01-20T00:00:00Z",
                 "sign_confirmed": True, "subjects": 40}  # fmt: skip
ID, HASH, TIME = "c" * 32, "e" * 64, "2026-01-01T00:00:00Z"
ENDED: dict[str, Any] = {"deployment": "dd" * 16, "faces": 20_000, "candidates": 3, "why": "done"}
WHO = {"basis": "Order 12", "authorised_by": "Doe", "operator": "op", "gallery": "g", "source": "s"}
WHY = {"recipient": "Roe", "reason": "asked", "operator": "op", "sha256": "ab" * 32}
PRIVATE: dict[str, Mapping[str, object]] = {
    "search-started": WHO, "search-finished": WHO | {"films": []}, "release-started": WHO, "exported": WHY,
    "released": {"source": "s", "output": "o", "manifest": "m"}, "disclosed": WHY, "disclosure-refused": WHY,
    "disclosure-asked": WHY, "review-decided": {"features": {}}, "corroborated": {"evidence": "e"},
    "case-opened": WHO | {"scope": {}},
}  # fmt: skip
JANUARY = (date(2026, 1, 1), date(2026, 1, 31))
NEVER = r"match|identif|\bhits?\b|positive|confiden|certain|probab|recognised|suspect|target|offender"
LISTED = ("victim-identification", "crime-suspect")  # names of purposes


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = field(default_factory=lambda: datetime(2026, 1, 10, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        """The time; each look at it takes a second."""
        self.now += timedelta(seconds=1)
        return self.now


def add(use: Use, *steps: tuple[str, Mapping[str, Any]]) -> None:
    """Record the steps of a use."""
    for kind, facts in steps:
        use.add(kind, facts, PRIVATE.get(kind))


def review(candidate: str, by: str, decision: str) -> tuple[str, Mapping[str, Any]]:
    """Return the entry of a reviewer's decision."""
    return "review-decided", {"candidate": candidate * 32, "by": by * 32, "decision": decision, "signature": "f" * 128}


def known(candidate: str, outcome: str) -> tuple[str, Mapping[str, Any]]:
    """Return the entry of an outcome."""
    return "outcome-known", {"candidate": candidate * 32, "outcome": outcome}


def searches(record: Record) -> None:
    """Five searches, one for each way to end; the first has four candidates."""
    add(
        record.use(),
        ("search-started", SEARCH),
        *2 * (("footage-opened", {"footage": TAG}),),
        ("search-finished", SEARCH | FOUND),
        ("results-opened", {"how": ["report"]}),
        *(review("1", by, "same-person") for by in "ab"),
        *(review("2", by, "different") for by in "ab"),
        known("2", "true"),
        *(review("3", by, "different") for by in "aab"),
    )
    add(record.use(), ("search-started", SEARCH | {"subjects": 7}), ("search-finished", SEARCH | NOTHING))
    unread = NOTHING | {"outcome": "no-footage-read", "films_failed": 3} | dict.fromkeys(("frames", "faces"), 0)
    add(record.use(), ("search-started", SEARCH | {"threshold_fmr": "1e-06"}), ("search-finished", SEARCH | unread))
    crime = SEARCH | {"purpose": "crime-suspect", "threshold_fmr": "0.00001"}
    add(record.use(), ("search-started", crime), ("search-failed", {"why": "error"}))
    add(record.use(), ("search-started", crime), review("9", "a", "different"), known("9", "false"))


def releases(record: Record) -> None:
    """Five releases: out, out with findings, blocked, broken off after its entry, and one without an end."""
    public = RELEASE | {"purpose": "public-release", "compared": True}
    add(record.use(), ("release-started", RELEASE), ("released", RELEASE | OUT))
    add(record.use(), ("release-started", public), ("released", public | OUT | {"findings": 2, "disclosed": False}))
    add(record.use(), ("release-started", public), ("release-blocked", {"findings": 5}))
    broken = (("released", public | OUT), ("release-failed", {"why": "interrupted"}))
    add(record.use(), ("release-started", public), *broken)
    add(record.use(), ("release-started", RELEASE))


def door(record: Record) -> None:
    """Two deployments: three candidates, of which one is false; and one that goes on, with a false one."""
    alerts = [("alerted", {"deployment": "dd" * 16, "candidate": number * 32}) for number in "456"]
    steps = (*alerts, ("deployment-ended", ENDED), known("4", "false"), known("5", "true"), known("6", "unknown"))
    add(record.use(), ("deployment-started", DOOR), *steps)
    add(record.use(), ("deployment-started", DOOR), alerts[0], known("4", "false"))


def others(record: Record) -> None:
    """Refusals, disclosures, exports, erasures, readings, rules."""
    for what, rule in (("search", "banned"), ("search", "banned"), ("release", "retention"), ("export", "banned")):
        add(record.use(), ("refused", {"what": what, "rule": rule}))
    asked = ("disclosure-asked", {"footage": TAG})
    add(record.use(), asked, ("disclosed", {"footage": TAG, "recipient": "subject"}))
    add(record.use(), asked, ("disclosure-refused", {"footage": TAG, "ground": "court-order"}))
    add(record.use(), asked)
    for what in ("log", "log", "receipt"):
        add(record.use(), ("exported", {"what": what, "recipient": "court"}))
    record.erase("subject", "Ana", "asked-by-subject")
    add(record.use(), ("erased", {"what": "use", "why": "retention", "keys": 3}))
    for what in ("transparency", "entries", "entries"):
        add(record.use(), ("log-read", {"what": what}))
    for pack, digest, change in (("eu", "11", "enabled"), ("us", "22", "enabled"), ("us", "22", "disabled")):
        add(record.use(), ("policy-changed", {"pack": pack, "sha256": digest * 32, "change": change}))
    add(record.use(), ("search-failed", {"why": "error"}))


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """A record with everything in it, begun on 10 January 2026 at noon. Nobody may add to it."""
    made = Record(tmp_path_factory.mktemp("record"), name="example.org/footage", clock=Clock())
    searches(made)
    releases(made)
    door(made)
    others(made)
    return made


@pytest.fixture(scope="module")
def found(record: Record) -> Transparency:
    """What the record's log says of January."""
    return tally(record.entries(), record.log.checkpoint(), *JANUARY)


def empty(tmp_path: Path, clock: Clock | None = None) -> Record:
    """Return a record in which nothing was done yet."""
    return Record(tmp_path / "record", name="example.org/footage", clock=clock or Clock())


def told(record: Record, since: date | None = None, until: date | None = None) -> Transparency:
    """Return what a record's log says."""
    return tally(record.entries(), record.log.checkpoint(), since, until)


def said(*steps: tuple[str, Mapping[str, Any]]) -> Transparency:
    """Return what a log says that has one use of these steps."""
    entries = [bytes(Entry(kind, TIME, ID, ID, facts)) for kind, facts in steps]
    return tally(entries, Checkpoint("log", len(entries), bytes(32), Note("", ())))


def test_searches_are_counted_by_purpose_and_outcome(found: Transparency) -> None:
    """Each search that began has one outcome, also those that failed or never ended."""
    ways = ("candidates", "no-candidate", "no-footage-read", "failed", "not-finished")
    assert found.searches.total == 5
    assert found.searches.by_purpose == {
        "crime-suspect": dict(zip(ways, (0, 0, 0, 1, 1), strict=True)),
        "missing-person": dict(zip(ways, (1, 1, 1, 0, 0), strict=True)),
    }


def test_what_searches_looked_at(found: Transparency) -> None:
    """Subjects are those of every search begun; frames, faces and tracks those of searches that came to their end."""
    seen = found.searches
    assert (seen.subjects, seen.largest_gallery) == (2 + 7 + 2 + 2 + 2, 7)
    assert (seen.films_named, seen.films_opened, seen.films_failed) == (15, 2, 1 + 1 + 3)
    assert (seen.frames, seen.frames_damaged, seen.faces) == (2000, 12, 10_000)
    assert (seen.tracks, seen.tracks_searched, seen.outcomes.candidates) == (210, 180, 4)


def test_outcomes_of_candidates(found: Transparency) -> None:
    """A stated outcome stands above reviewers; two of them make one; what nobody speaks of is open."""
    became = found.searches.outcomes
    assert (became.true, became.false, became.unknown, became.open) == (2, 1, 0, 1)
    assert (became.known.per_candidate, became.known.per_face) == (rate(1, 3), rate(1, 10_000))
    assert became.known.per_track == rate(1, 180)
    assert (became.worst.per_candidate, became.worst.per_face) == (rate(2, 4), rate(2, 10_000))
    assert (became.beyond, became.pending, became.pending_false) == (0, 1, 1)


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ([review("1", "a", "same-person")], "open"),
        ([review("1", "a", "same-person")] * 2, "open"),
        ([review("1", "a", "same-person"), review("1", "b", "same-person")], "true"),
        ([review("1", "a", "different"), review("1", "b", "different")], "false"),
        ([review("1", "a", "cannot-tell"), review("1", "b", "cannot-tell")], "open"),
        ([review("1", "a", "same-person"), review("1", "b", "different")], "open"),
        ([review("1", "a", "same-person"), review("1", "b", "same-person"), review("1", "c", "different")], "true"),
        ([review("1", by, "same-person") for by in "ab"] + [review("1", by, "different") for by in "cd"], "open"),
        ([review("1", by, "same-person") for by in "ab"] + [review("1", "b", "different")], "open"),
        ([review("1", by, "same-person") for by in "ab"] + [known("1", "false")], "false"),
        ([known("1", "false"), review("1", "a", "same-person"), review("1", "b", "same-person")], "false"),
        ([known("1", "true"), known("1", "unknown")], "unknown"),
    ],
)
def test_what_makes_an_outcome(steps: list[tuple[str, Mapping[str, Any]]], outcome: str) -> None:
    """One person alone makes no outcome, however often they decide; the last stated outcome wins over all reviews."""
    one = SEARCH | FOUND | {"candidates": 1}
    became = said(("search-started", SEARCH), ("search-finished", one), *steps).searches.outcomes
    counted = {"true": became.true, "false": became.false, "unknown": became.unknown, "open": became.open}
    assert counted == dict.fromkeys(counted, 0) | {outcome: 1}


def test_deployments(found: Transparency) -> None:
    """Rates at the door are of deployments that ended: of the others the faces are not known."""
    at_door = found.deployments
    ways = ("done", "stopped", "false-alert-rate", "expired", "not-finished")
    assert at_door.by_purpose == {"venue-exclusion": dict(zip(ways, (1, 0, 0, 0, 1), strict=True))}
    assert (at_door.total, at_door.subjects, at_door.largest_gallery, at_door.sign_confirmed) == (2, 80, 40, 2)
    assert (at_door.faces, at_door.alerted) == (20_000, 4)
    became = at_door.outcomes
    assert (became.candidates, became.true, became.false, became.unknown, became.open) == (3, 1, 1, 1, 0)
    assert (became.known.per_candidate, became.known.per_track) == (rate(1, 2), None)
    assert (became.known.per_face, became.worst.per_face) == (rate(1, 20_000), rate(2, 20_000))
    assert (became.pending, became.pending_false) == (1, 1)


def test_releases_are_counted(found: Transparency) -> None:
    """A release that fails after its last entry put nothing out, and its tracks are not counted."""
    ways = ("released", "blocked", "failed", "not-finished")
    out = found.releases
    assert out.by_purpose == {
        "public-release": dict(zip(ways, (1, 1, 1, 0), strict=True)),
        "unstated": dict(zip(ways, (1, 0, 0, 1), strict=True)),
    }
    assert (out.total, out.compared, out.tracks_hidden, out.tracks_kept, out.edits) == (5, 3, 18, 2, 4)
    assert (out.with_findings, out.findings_allowed, out.blocked_findings) == (1, 2, 5)
    assert (out.disclosed, out.kept_back) == (1, 1)


def test_refusals_exports_erasures_and_readings(found: Transparency) -> None:
    """Each stands in a table by its closed words."""
    assert found.refusals == {"banned": {"export": 1, "search": 2}, "retention": {"release": 1}}
    assert found.exports == {"court": {"log": 2, "receipt": 1}}
    assert found.erasures.by_reason == {"asked-by-subject": {"subject": 1}, "retention": {"use": 1}}
    assert found.erasures.keys == 3
    assert found.readings == {"entries": 2, "transparency": 1}
    assert found.results_opened == 1


def test_disclosures(found: Transparency) -> None:
    """Who asked and got neither an answer nor a refusal is counted."""
    told_of = found.disclosures
    assert (told_of.asked, told_of.unanswered) == (3, 1)
    assert (told_of.given, told_of.refused) == ({"subject": 1}, {"court-order": 1})


def test_means(found: Transparency) -> None:
    """Thresholds count by value, however they are written; models by role and digest."""
    rates = [(each.what, each.searches, each.deployments) for each in found.thresholds]
    assert rates == [("1e-06", 1, 0), ("1e-05", 4, 2)]
    counted = [(each.what[:10], each.searches, each.deployments, each.releases) for each in found.models]
    assert counted == [("detector a", 5, 2, 3), ("recogniser", 5, 2, 0)]


def test_a_model_counts_once_a_use() -> None:
    """A search that names one model twice is one search with it."""
    assert said(("search-started", SEARCH | {"models": [MODEL, MODEL]})).models[0].searches == 1


def test_a_search_that_fails_after_its_end_stays_counted() -> None:
    """What a search found before it was broken off is not made undone by that."""
    seen = said(("search-started", SEARCH), ("search-finished", SEARCH | FOUND), ("search-failed", {"why": "error"}))
    assert seen.searches.by_purpose["missing-person"]["candidates"] == 1
    assert seen.searches.faces == 5000


def test_strays_are_counted(found: Transparency) -> None:
    """An end without a beginning belongs to no search, and is said."""
    assert found.stray == 1


def test_every_entry_is_counted_once(record: Record, found: Transparency) -> None:
    """The entries by kind add up to the log, where the period is all of it."""
    assert sum(found.entries.values()) == record.log.checkpoint().size == found.log.size


def test_rules_in_force_at_the_end(tmp_path: Path) -> None:
    """A pack is in force from its entry on, with the last digest, whatever use it stands in, until it is disabled."""
    clock = Clock()
    record = empty(tmp_path, clock)
    for day, pack, digest, change in (
        (11, "eu", "11", "enabled"), (11, "us", "22", "enabled"), (12, "eu", "33", "enabled"),
        (13, "us", "22", "disabled"), (14, "us", "44", "enabled"),
    ):  # fmt: skip
        clock.now = datetime(2026, 1, day, 9, tzinfo=UTC)
        add(record.use(), ("policy-changed", {"pack": pack, "sha256": digest * 32, "change": change}))
    packs = {day: told(record, None, date(2026, 1, day)).rules.packs for day in (10, 11, 12, 13, 14)}
    assert packs == {
        10: {},
        11: {"eu": "11" * 32, "us": "22" * 32},
        12: {"eu": "33" * 32, "us": "22" * 32},
        13: {"eu": "33" * 32},
        14: {"eu": "33" * 32, "us": "44" * 32},
    }
    assert told(record, date(2026, 1, 20)).rules.packs == packs[14]
    assert re.fullmatch(r"houselights [0-9.]+[a-z0-9.]*", told(record).rules.software[0])
    assert told(record, None, date(2026, 1, 9)).rules.software == ()


@pytest.mark.parametrize(
    ("since", "until", "counted"),
    [
        (None, None, 2),
        (date(2026, 2, 1), None, 1),
        (None, date(2026, 1, 31), 1),
        (date(2026, 1, 31), date(2026, 2, 1), 2),
        (date(2026, 1, 31), date(2026, 1, 31), 1),
        (date(2026, 2, 2), date(2026, 2, 28), 0),
    ],
)
def test_a_use_counts_where_it_began(tmp_path: Path, since: date | None, until: date | None, counted: int) -> None:
    """Days are whole and in UTC; a search over midnight counts on the day it began, with all that it found."""
    clock = Clock()
    record = empty(tmp_path, clock)
    clock.now = datetime(2026, 1, 31, 23, 59, 58, tzinfo=UTC)
    first, second = record.use(), record.use()
    add(first, ("search-started", SEARCH))
    add(second, ("search-started", SEARCH))
    add(first, ("search-finished", SEARCH | FOUND))
    clock.now = datetime(2026, 3, 1, tzinfo=UTC)
    add(first, known("1", "false"))
    seen = told(record, since, until)
    assert seen.searches.total == counted
    with_first = (since or JANUARY[0]) <= date(2026, 1, 31)
    assert (seen.searches.faces, seen.searches.outcomes.false) == ((5000, 1) if with_first else (0, 0))


def test_a_period_that_ends_before_it_begins(record: Record) -> None:
    """It is refused, with both days."""
    with pytest.raises(SettingsError, match=r"2026-01-01, before it begins on 2026-01-31"):
        told(record, JANUARY[1], JANUARY[0])


def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """Every entry dated before an earlier one is named, as `custody.py verify` does, also outside of the period."""
    clock = Clock()
    record = empty(tmp_path, clock)
    add(record.use(), ("still-here", {}))
    clock.now -= timedelta(minutes=1)
    add(record.use(), ("still-here", {}), ("still-here", {}))
    seen = told(record, date(2027, 1, 1))
    assert [(each.entry, each.time, each.latest) for each in seen.set_back] == [
        (2, "2026-01-10T11:59:03Z", "2026-01-10T12:00:02Z"),
        (3, "2026-01-10T11:59:04Z", "2026-01-10T12:00:02Z"),
    ]
    assert "The clock was set back: 2 of the entries" in words(render(seen))


def test_entries_of_one_second_are_in_order() -> None:
    """Times are to the second: two entries of the same time are no clock set back."""
    assert said(("still-here", {}), ("still-here", {})).set_back == ()


def test_an_outsider_gets_the_same(record: Record, found: Transparency, tmp_path: Path) -> None:
    """A copy of the log and its key give the same document and the same page, byte for byte (R40)."""
    copy = shutil.copytree(record.folder, tmp_path / "copy")
    theirs = of(copy, record.key, *JANUARY)
    assert theirs.to_json().encode() == found.to_json().encode()
    assert render(theirs).encode() == render(found).encode()
    read = list(read_entries(copy, record.log.checkpoint().size))
    assert tally(read, record.log.checkpoint(), *JANUARY).to_json() == found.to_json()


@pytest.mark.parametrize("more", [1, 300])
def test_a_later_copy_gives_the_same(tmp_path: Path, more: int) -> None:
    """A log that has grown since gives the old document again, also without the partial tiles that were there then."""
    record = empty(tmp_path)
    searches(record)
    before = told(record, *JANUARY)
    grown = [bytes(Entry("still-here", "2026-02-01T00:00:00Z", f"{n:032x}", ID, {})) for n in range(more)]
    record.log.append(grown)
    (record.folder / "tile/entries/000.p" / str(before.log.size)).unlink(missing_ok=True)
    again = of(record.folder, record.key, *JANUARY, size=before.log.size)
    assert again.to_json() == before.to_json()
    assert of(record.folder, record.key, *JANUARY).to_json() != before.to_json()
    assert of(record.folder, record.key, size=0).entries == {}
    with pytest.raises(CustodyError, match=r"asked for"):
        of(record.folder, record.key, size=10_000)


def test_an_altered_copy_gives_nothing(record: Record, tmp_path: Path) -> None:
    """Numbers of a log that is not as it was logged are not counted."""
    copy = shutil.copytree(record.folder, tmp_path / "copy")
    bundle = next((copy / "tile" / "entries").rglob(str(record.log.checkpoint().size)))
    bundle.write_bytes(bundle.read_bytes().replace(b'"faces":20000', b'"faces":90000'))
    with pytest.raises(CustodyError, match=r"not as it was logged: entry \d+"):
        of(copy, record.key)


def test_too_few_entries_are_refused(record: Record) -> None:
    """The document states a root, so all entries under it have to be there."""
    with pytest.raises(CustodyError, match=r"the checkpoint states"):
        tally(record.entries()[:-1], record.log.checkpoint())


def test_what_no_entry_may_say_is_refused() -> None:
    """An entry outside of the closed lists stops the count."""
    checkpoint = Checkpoint("log", 1, bytes(32), Note("", ()))
    with pytest.raises(CustodyError):
        tally([b'{"kind":"gossip"}'], checkpoint)


def test_the_document(found: Transparency, record: Record) -> None:
    """It states schema, log and period, and holds plain JSON."""
    document = json.loads(found.to_json())
    assert document["schema"] == "houselights/transparency/1"
    assert document["period"] == {"since": "2026-01-01", "until": "2026-01-31"}
    name, size, root = (record.folder / "checkpoint").read_text("utf-8").split("\n")[:3]
    assert document["log"] == {"name": name, "size": int(size), "root": root}
    assert document["searches"]["outcomes"]["known"]["per_candidate"]["among"] == 3


def test_rates_of_the_metropolitan_police() -> None:
    """10 false of 2,077 alerts from 3,147,436 faces, September 2024 to September 2025, as in the reference sheet."""
    assert rate(10, 2077) == Rate(10, 2077, 0.00481464, 0.00231115, 0.00883641)
    assert rate(10, 3_147_436) == Rate(10, 3_147_436, 3.17719e-06, 1.52359e-06, 5.84296e-06)
    shown = [rate_line(each) for each in (rate(10, 2077), rate(10, 3_147_436)) if each]
    assert shown == ["0.48 % (0.23 to 0.88 %)", "0.00032 % (0.00015 to 0.00058 %)"]


@given(st.integers(0, 10**7).flatmap(lambda among: st.tuples(st.integers(0, among), st.just(among))))
def test_intervals_are_those_of_clopper_and_pearson(numbers: tuple[int, int]) -> None:
    """They agree with the quantiles of the beta distribution, hold the rate, and are never of no width."""
    false, among = numbers
    got = rate(false, among)
    if not among:
        assert got is None
        return
    assert got is not None
    low = beta.ppf(0.025, false, among - false + 1) if false else 0
    high = beta.ppf(0.975, false + 1, among - false) if false < among else 1
    assert got.low == pytest.approx(low, rel=1e-5)
    assert got.high == pytest.approx(high, rel=1e-5)
    assert got.low <= got.rate <= got.high
    assert got.low < got.high


def test_no_rate_without_anything_to_divide_by() -> None:
    """Nothing among nothing is no rate, and neither is more than there is."""
    assert [rate(0, 0), rate(1, 0), rate(3, 2)] == [None, None, None]


@given(st.integers(1, 10**9))
def test_none_false_is_a_bound(among: int) -> None:
    """Without a false one the page gives an upper bound that is no lower than the interval's, and never 0 %."""
    none = rate(0, among)
    assert none is not None
    line = rate_line(none)
    bound = re.fullmatch(r"none; below ([0-9.]+) %", line)
    assert bound is not None
    assert float(bound[1]) >= 100 * none.high * (1 - 1e-9) > 0


@pytest.mark.parametrize(
    ("share", "words"), [(1.0, "100 %"), (0.052336, "5.2 %"), (0.0048146, "0.48 %"), (1e-9, "0.00000010 %")]
)
def test_percent(share: float, words: str) -> None:
    """A share is in percent with two digits, never with an exponent."""
    assert percent(share) == words


def test_no_candidate_and_no_face_give_no_rate() -> None:
    """The page says that there is no rate, and why."""
    nothing = SEARCH | NOTHING | {"faces": 0, "tracks_searched": 0}
    text = words(render(said(("search-started", SEARCH), ("search-finished", nothing))))
    assert "no rate: no candidate has an outcome" in text
    assert "no rate: no candidate has an outcome, or no face was seen" in text
    assert "0 %" not in text.split("Why there is more than one rate")[0].replace("95 %", "")


def test_candidates_that_nobody_looked_at_are_no_good_news() -> None:
    """Where all are open, no rate says that none was false."""
    found = said(("search-started", SEARCH), ("search-finished", SEARCH | FOUND))
    assert found.searches.outcomes.open == found.searches.outcomes.candidates > 0
    assert found.searches.outcomes.known.per_face is None
    assert found.searches.outcomes.worst.per_face is not None


def test_more_outcomes_than_candidates_are_said() -> None:
    """Outcomes beyond what a search states are counted and named, and no number goes below zero."""
    one = SEARCH | FOUND | {"candidates": 1, "faces": 1}
    seen = said(("search-started", SEARCH), ("search-finished", one), *(known(n, "false") for n in "123"))
    became = seen.searches.outcomes
    assert (became.candidates, became.false, became.open, became.beyond) == (1, 3, 0, 2)
    assert (became.known.per_candidate, became.known.per_face) == (rate(3, 3), None)
    assert "2 outcomes of searches beyond the number of candidates that they state." in words(render(seen))


class Reader(HTMLParser):
    """Reads what a person can see or hear: text, and the attributes that are read out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag, and the words of its attributes."""
        self.tags.append(tag)
        self.attributes += attrs
        self.words += [value or "" for name, value in attrs if name in {"aria-label", "data-label"}]
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        """Leave the style sheet."""
        self._style = self._style and tag != "style"

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        if not self._style:
            self.words.append(data)


def read(page: str) -> Reader:
    """Return what can be read of a page."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def words(page: str) -> str:
    """Return a page's words, white space made plain."""
    return " ".join(" ".join(read(page).words).split())


def test_words_for_a_candidate(found: Transparency) -> None:
    """No word that takes a candidate for more than a lead stands on the page, but for the names of two purposes."""
    text = words(render(found))
    assert "crime-suspect" in text
    for listed in LISTED:
        text = text.replace(listed, "")
    assert re.findall(NEVER, text, re.IGNORECASE) == []
    assert "A candidate is a lead only." in text


def test_the_page_says_where_the_numbers_are_from(found: Transparency) -> None:
    """Log, root, period and the command that gives them again stand above the first table."""
    text = words(render(found))
    top = text[: text.index("Searches by purpose and outcome")]
    again = f"--log COPY --key KEY --from 2026-01-01 --to 2026-01-31 --size {found.log.size} -o FILE.html"
    for part in (
        found.log.name, found.log.root, "2026-01-01 to 2026-01-31", f"houselights report transparency {again}",
        "Every number is counted from the public entries of the log",
    ):  # fmt: skip
        assert part in top


def test_both_rates_stand_side_by_side(found: Transparency) -> None:
    """Per candidate and per face are rows of one table, and the page says why."""
    text = words(render(found))
    table = text[text.index("False candidates of deployments") :]
    assert re.match(
        r"False candidates of deployments .* Per candidate .*? 50 % \(1.3 to 99 %\) .* Per face .*? "
        r"0.0050 % \(0.00013 to 0.028 %\)",
        table,
    )
    assert "about 1 in 20,000" in table
    assert "about 1 in 2 " not in table  # of a share that large the numbers themselves say more
    assert "the second rate is much smaller, and alone it hides the first" in text


def test_the_summary(found: Transparency) -> None:
    """It counts what began, and the refusals."""
    assert summary(found) == (
        "Begun in the period: 5 searches, 2 deployments and 5 releases; 4 refusals by a rule. They gave 7 candidates. "
        "A candidate is a lead only."
    )


def test_cautions(found: Transparency) -> None:
    """What could be overlooked stands at the top."""
    text = words(render(found))
    for part in (
        "1 candidate of searches without a known outcome.",
        "1 candidate of searches without an end, 1 of them false",
        "1 candidate of deployments without a known outcome.",
        "1 of the entries belongs to a use whose beginning the log does not have.",
        "1 question about a film without an answer.",
    ):
        assert part in text


def test_the_page_runs_nothing_and_fetches_nothing(found: Transparency) -> None:
    """There is no script, no handler, no form and no address."""
    page, reader = render(found), read(render(found))
    assert set(reader.tags) & {"script", "link", "iframe", "object", "embed", "form", "base", "img", "a"} == set()
    assert [name for name, _ in reader.attributes if name.startswith("on") or name in {"src", "href"}] == []
    assert re.findall(r"https?:|//\w|url\(|@import", page.replace(found.log.root, "")) == []
    assert "default-src 'none'" in page


def test_the_name_of_a_log_cannot_act(found: Transparency) -> None:
    """Markup in a log's name is text; control and direction characters are spelt out."""
    evil = '<script>alert("x")</script>\u202e\x07'
    page = render(replace(found, log=replace(found.log, name=evil)))
    assert "script" not in read(page).tags
    assert not set(page) & {"\u202e", "\x07"}
    assert '<script>alert("x")</script>⟨U+202E⟩⟨U+0007⟩' in words(page)


def test_a_log_in_which_nothing_was_done(tmp_path: Path) -> None:
    """A period without a use has a page, too."""
    record = empty(tmp_path)
    seen = told(record, date(2027, 1, 1))
    assert (seen.searches.total, seen.entries, seen.rules.packs) == (0, {}, {})
    text = words(render(seen))
    assert "2027-01-01 to the end of the log" in text
    assert "Begun in the period: 0 searches, 0 deployments and 0 releases; 0 refusals by a rule." in text


def test_the_page_names_some_entries_and_counts_the_rest(found: Transparency) -> None:
    """With very many set-back entries the page stays short."""
    many = tuple(transparency.SetBack(n, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z") for n in range(140))
    page = render(replace(found, set_back=many))
    assert page.count("2026-01-02T00:00:00Z") == 100
    assert "And 40 more, which the JSON document names." in words(page)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "footage": st.just(TAG), "models": st.just([MODEL]), "verifiers": st.just([]), "how": st.just(["json"]),
    "threshold_fmr": st.sampled_from(["1e-05", "0.00001", "-1", "5e99", "0"]), "threshold_score": st.just("0.4"),
    "software": st.just("houselights 0.1"), "pack": st.sampled_from(["eu", "us"]), "role": st.just("auditor"),
    "candidate": st.sampled_from(["1" * 32, "2" * 32]), "by": st.sampled_from(["a" * 32, "b" * 32]),
    "purpose": st.sampled_from(["consented", "evaluation"]),
}  # fmt: skip
CANDIDATES = ("case", "gallery", "log", "use", "entries", "search", "error", "banned", "court", "court-order",
              "retention", "same-person", "different", "true", "false", "unknown", "candidates", "unreviewed",
              "enabled", "disabled", "done", "added", "conduct", "stop", "calibration",
              ID, HASH, TIME, "f" * 128)  # fmt: skip


def facts_of(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return facts that a kind of entry allows."""

    def value(name: str) -> st.SearchStrategy[Any]:
        check, flag = KINDS[kind][name], True
        if name in VALUES:
            return VALUES[name]
        if check(flag):
            return st.booleans()
        if check(3):
            return st.integers(0, 3)
        return st.sampled_from([each for each in CANDIDATES if check(each)])

    return st.fixed_dictionaries({name: value(name) for name in KINDS[kind]})


def made(parts: Sequence[tuple[str, int, int, dict[str, Any]]]) -> Iterator[bytes]:
    """Yield entries of some uses at some days."""
    for kind, use, day, facts in parts:
        yield bytes(Entry(kind, f"2026-01-{day:02}T00:00:00Z", f"{use:032x}", ID, facts))


PARTS = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.integers(0, 3), st.integers(1, 9), facts_of(kind))
)


def numbers(document: object) -> Iterator[float]:
    """Yield every number of a document."""
    if isinstance(document, dict):
        for each in document.values():
            yield from numbers(each)
    elif isinstance(document, list):
        for each in document:
            yield from numbers(each)
    elif isinstance(document, int | float):
        yield document


@given(st.lists(PARTS, max_size=40), st.integers(0, 10))
def test_whatever_a_log_says_the_numbers_add_up(parts: list[tuple[str, int, int, dict[str, Any]]], border: int) -> None:
    """No number is below zero, purposes and outcomes add up, periods side by side make the whole, the page renders."""
    entries = list(made(parts))
    checkpoint = Checkpoint("log", len(entries), bytes(32), Note("", ()))
    whole = tally(entries, checkpoint)
    assert all(number >= 0 for number in numbers(json.loads(whole.to_json())))
    for part in (whole.searches, whole.deployments, whole.releases):
        assert sum(sum(row.values()) for row in part.by_purpose.values()) == part.total
    for became in (whole.searches.outcomes, whole.deployments.outcomes):
        assert became.true + became.false + became.unknown + became.open == became.candidates + became.beyond
    day = date(2026, 1, 1) + timedelta(days=border)
    split = (tally(entries, checkpoint, None, day - timedelta(days=1)), tally(entries, checkpoint, day, None))
    assert sum(each.searches.total for each in split) == whole.searches.total
    assert sum(sum(each.entries.values()) for each in split) == len(entries)
    assert render(whole)
