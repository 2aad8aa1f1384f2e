"""Review: two people decide, each alone, and nothing they get tells them what to decide."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PIL import Image
from strangers import assumed_of, odds_of
from typer.testing import CliRunner
from uses import state as settings_file

from houselights import (
    actors,
    audit,
    cases,
    config,
    consequence,
    custody,
    decoys,
    lead,
    portrait,
    results,
    review,
    transparency,
)
from houselights.actors import Passphrased
from houselights.case import UNASKED, Case, Opening, Scope
from houselights.cli_review import lead_command, review_app
from houselights.entry import DECISION_WORDS, Entry
from houselights.errors import PhotographError, PolicyError, RecordError, SettingsError
from houselights.facts import Value
from houselights.gallery import Portraitist, still
from houselights.pictures import Picture, Pictures
from houselights.record import Record
from houselights.result import (
    Candidate,
    FootageUse,
    GalleryUse,
    Lookalikes,
    ModelUse,
    RecordUse,
    Result,
    Shot,
    Threshold,
    Timing,
)
from houselights.results import Kept
from houselights.review import BLIND, CONFIRMED, DIFFERENT, FEATURES, FIRST, INCONCLUSIVE, SECOND, State
from houselights.schedule import Schedule
from houselights.types import Authority, Purpose

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
ANA, BO, CY, DI, EL = (
    ("Ana Lima", "correct horse battery"), ("Bo Berg", "staple something else"), ("Cy Ito", "a third passphrase"),
    ("Di Roy", "the fourth passphrase"), ("El Novak", "the fifth passphrase"),
)  # fmt: skip
ROLES = {ANA: "authoriser", BO: "reviewer", CY: "reviewer", DI: "reviewer", EL: "operator"}
LOOKED = {"ears": "similar", "nose": "similar", "mouth": "different", "hairline": "not-visible"}
SCORES = (0.987654, 0.612345)
TABLE = {
    ("same-person", "same-person"): CONFIRMED,
    ("different", "different"): DIFFERENT,
}


def jpeg(shade: int) -> bytes:
    """Return a small picture."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (shade, 90, 60)).save(file, "JPEG")
    return file.getvalue()


def candidate(subject: str = "Dee Doe", track: int = 1, score: float = SCORES[0], fmr: float = 5e-07) -> Candidate:
    """Return a candidate from 2 to 5 seconds."""
    shot = Shot(3.5, (10.0, 10.0, 40.0, 52.0), 0.81)
    found = odds_of(fmr, fmr if fmr <= 5e-07 else None, how="bound" if fmr <= 5e-07 else "counted")
    return Candidate(
        subject, "/films/gate.mp4", track, 2.0, 5.0, score, found, None, 4, shot, f"/photos/{subject}.jpg"
    )  # fmt: skip


def result(case: Case, use: str, *found: Candidate) -> Result:
    """Return a search in a case."""
    film = FootageUse("/films/gate.mp4", "ab" * 32, 10.0, 250, 80, 3, 140, 9, 7, 2, ("3 frames were damaged",), None)
    bad = FootageUse("/films/bad.mp4", "ba" * 32, 0.0, 0, 0, 0, 0, 0, 0, 0, (), "it cannot be opened as video")
    return Result(
        purpose=str(case.authority.purpose),
        basis=case.authority.basis,
        authorised_by=case.authority.authorised_by,
        started="2026-03-01T10:00:00+00:00",
        finished="2026-03-01T10:00:09+00:00",
        record=RecordUse("example.org/log", use, case.number),
        models=(
            ModelUse("detector", "yunet", "ef" * 32, "MIT", "OpenVINO on CPU", "f32"),
            ModelUse("recogniser", "sface", "01" * 32, "Apache-2.0", "OpenVINO on CPU", "f32"),
        ),
        gallery=GalleryUse(2, 2, (), (), (Lookalikes("Dee Doe", "Flo Fox", 0.5, 5e-06),), "23" * 32),
        threshold=Threshold(1e-5, 0.473806, "somebody's photographs: 1000 people, 499500 comparisons", 5e-7),
        assumed=assumed_of(),
        footage=(film, bad),
        passed_over=(),
        candidates=found,
        appearances=(),
        timing=Timing(9.0, 1.0, 0.4, 7.5, 0.1),
    )


def stated(case: Case) -> dict[str, object]:
    """Return what the entries at both ends of a search state."""
    return {
        "purpose": str(case.authority.purpose), "authorisation": "ab" * 16, "case": case.number, "gallery": "cd" * 16,
        "subjects": 1, "photographs": 1, "models": [], "threshold_fmr": "1e-05", "threshold_score": "0.473806",
        "films": 2,
    }  # fmt: skip


def searched(
    record: Record, case: Case, *found: Candidate, facts: dict[str, Value] | None = None, category: str = ""
) -> Kept:
    """Put a search and what it found into a record, as batch and results do."""
    use = record.use()
    about = stated(case) | {"authorisation": cases.authorisation(record, case.authority)}
    private = {"basis": case.authority.basis, "authorised_by": case.authority.authorised_by, "operator": "op"}
    use.add("search-started", about, private)
    use.add(
        "search-finished",
        about
        | {
            "started": "2026-03-01T10:00:00Z", "outcome": "candidates" if found else "no-candidate", "films_failed": 1,
            "frames": 250, "frames_damaged": 3, "faces": 140, "tracks": 7, "tracks_searched": 5,
            "candidates": len(found), "decision": "unreviewed", "verifiers": [],
        },
        private | {"films": []},
    )  # fmt: skip
    shots = {each: Picture(jpeg(each.track)) for each in found}
    references = {each.reference: Picture(jpeg(200)) for each in found}
    listed = {"Dee Doe": category} if category else {}
    pictures = Pictures(shots, references)
    kept = Kept(result(case, use.number, *found), ("Dee Doe", "Flo Fox"), pictures, facts or {}, listed)
    results._write(record, kept)
    use.add("results-kept", {"case": case.number, "candidates": len(found)})
    return kept


def opened(record: Record, purpose: Purpose = Purpose.MISSING_PERSON, *, approved: bool = True, **how: bool) -> Case:
    """Return a new case that an operator opened and, as a rule, an authoriser approved."""
    authority = Authority(purpose, "Report 17/2026", "Inspector Moe")
    scope = Scope(films={"ab" * 32: "gate.mp4"}, subjects={"Dee Doe": ("99" * 32,)})
    case = cases.open_case(record, authority, scope, Opening(by=EL, **how))  # type: ignore[arg-type]
    return cases.approve(record, case, ANA) if approved and not case.is_approved else case


@pytest.fixture
def clock() -> SimpleNamespace:
    """What time it is."""
    return SimpleNamespace(now=START)


@pytest.fixture(scope="session")
def staffed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a record with an authoriser, three reviewers and an operator. Nobody may change it."""
    folder = tmp_path_factory.mktemp("staffed") / "record"
    record = Record(folder, name="example.org/log", clock=lambda: START)
    for (name, passphrase), role in ROLES.items():
        actors.add(record, name, role, passphrase, None if name == ANA[0] else ANA)
    return folder


@pytest.fixture(scope="session")
def reviewable(staffed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a case and one search with one candidate. Nobody may change it."""
    folder = tmp_path_factory.mktemp("reviewable") / "record"
    shutil.copytree(staffed, folder)
    record = Record(folder, clock=lambda: START)
    searched(record, opened(record), candidate())
    return folder


@pytest.fixture
def record(staffed: Path, tmp_path: Path, clock: SimpleNamespace) -> Record:
    """A record with an authoriser, three reviewers and an operator."""
    shutil.copytree(staffed, tmp_path / "record")
    return Record(tmp_path / "record", clock=lambda: clock.now)


@pytest.fixture
def ready(reviewable: Path, tmp_path: Path, clock: SimpleNamespace) -> Record:
    """A record with one candidate to review."""
    shutil.copytree(reviewable, tmp_path / "ready")
    return Record(tmp_path / "ready", clock=lambda: clock.now)


@pytest.fixture(scope="session")
def portraits(cast_folder: Path) -> tuple[Path, Path]:
    """Photographs of two people who were never born."""
    first, second = sorted(path for path in cast_folder.iterdir() if path.is_dir())[:2]
    return min(first.rglob("*.*")), min(second.rglob("*.*"))


def entries(record: Record, *kinds: str) -> list[Entry]:
    """Return the log's entries of some kinds, or all."""
    return [each for each in map(Entry.parse, record.entries()) if not kinds or each.kind in kinds]


def answer(record: Record, by: Passphrased, decision: str) -> str:
    """Let a reviewer decide on what comes next; the page."""
    ticket = review.next_page(record, by)
    assert ticket is not None
    review.decide(record, ticket.number, decision, {} if decision == "cannot-tell" else LOOKED, by)
    return ticket.page


def only(record: Record) -> State:
    """Return the state of the only candidate."""
    (state,) = review.states(record)
    return state


def confirmed(record: Record) -> State:
    """Let two reviewers confirm the only candidate."""
    answer(record, BO, "same-person")
    answer(record, CY, "same-person")
    return only(record)


def faults(record: Record) -> list[str]:
    """Return what is wrong with a log: its tree, and what its entries say."""
    return [*custody.verify(record.folder, record.key).faults, *audit.faults(record.key.name, record.entries())]


def words(whole: str) -> str:
    """Return a page without its pictures."""
    return re.sub(r"base64,[^\"]*", "", whole)


@given(st.sampled_from(DECISION_WORDS), st.sampled_from(DECISION_WORDS))
def test_what_two_decisions_come_to(first: str, second: str) -> None:
    """R37: both same-person is confirmed, both different is different, and everything else is inconclusive."""
    assert review.agreed([first, second]) == TABLE.get((first, second), INCONCLUSIVE)
    assert review.agreed([first, second]) == review.agreed([second, first])


@pytest.mark.parametrize(("first", "second"), list(product(DECISION_WORDS, repeat=2)))
def test_two_people_decide_one_after_the_other(ready: Record, first: str, second: str) -> None:
    """R37: the state follows the table; nothing is decided before there are two; the transparency report agrees."""
    assert only(ready).word == FIRST
    answer(ready, BO, first)
    assert (only(ready).word, only(ready).answers, only(ready).approvals) == (SECOND, (), 0)
    assert entries(ready, "review-decided") == []
    answer(ready, CY, second)
    state = only(ready)
    assert state.word == TABLE.get((first, second), INCONCLUSIVE)
    assert sorted(each.decision for each in state.answers) == sorted([first, second])
    assert state.approvals == (2 if state.word == CONFIRMED else 0)
    counted = transparency.of(ready.folder, ready.key).searches.outcomes
    assert (counted.true, counted.false) == (state.word == CONFIRMED, state.word == DIFFERENT)
    assert faults(ready) == []


def test_a_first_decision_is_sealed(ready: Record) -> None:
    """R37: after one decision neither the log nor the store has a word of it that can be read."""
    answer(ready, BO, "different")
    (given,) = entries(ready, "review-given")
    assert given.payload is None
    assert set(given.facts) == {"candidate", "by"}
    files = [path.read_bytes() for path in ready.folder.parent.rglob("*") if path.is_file()]
    said = b"".join(bytes(entry) for entry in entries(ready)[-2:])
    for secret in (b"not-visible", b"hairline", b'"decision":"different"'):
        assert not [content for content in files if secret in content]
        assert secret not in said


def test_the_second_page_is_like_the_first(ready: Record) -> None:
    """R37: whether somebody else has decided, and what, changes no byte of a page but its ticket."""
    before = review.next_page(ready, CY)
    assert before is not None
    pages = []
    for decision in DECISION_WORDS:
        shutil.copytree(ready.folder.parent, ready.folder.parent.with_name(decision))
        other = Record(ready.folder.parent.with_name(decision), clock=lambda: START)
        answer(other, BO, decision)
        pages.append(review.next_page(other, CY))
    assert pages == [before] * 3


@hypothesis_settings(max_examples=12)
@given(
    wanted=st.builds(
        candidate,
        subject=st.text("BCDFGHJKLMNPQRSTVWXZ", min_size=6, max_size=12),
        track=st.integers(1000, 9999),
        score=st.floats(0.48, 0.999999).map(lambda value: round(value, 6)),
        fmr=st.sampled_from([5e-07, 1.23e-06, 9.87e-06]),
    )
)
def test_no_byte_of_a_page_comes_from_score_rank_or_name(reviewable: Path, wanted: Candidate) -> None:
    """R37, R38: with other scores, rates, ranks, names, films and times each page is the same, byte for byte."""
    known = only(Record(reviewable, clock=lambda: START))
    wanted = replace(wanted, footage="/films/other.mp4", start_s=9.5, end_s=77.0, shots=99)
    pictures = Pictures({wanted: Picture(jpeg(1))}, {wanted.reference: Picture(jpeg(200))})
    ranked = tuple(candidate("Gus Gray", 5, score) for score in SCORES)
    found = replace(known.kept.result, candidates=(*ranked, wanted), purpose="crime-suspect", basis="Order 9")
    kept = replace(known.kept, result=found, pictures=pictures, subjects=("Gus Gray", wanted.subject))
    other = replace(known, number="12" * 16, kept=kept, candidate=wanted, given=frozenset({"34" * 16}))
    assert page(other) == page(known)
    secrets = (
        f"{SCORES[0]}", f"{SCORES[0]:.3f}", "5e-07", "2,000,000", "Dee", "Doe", "Flo Fox", "gate.mp4", "0:00:02",
        "0:00:03", known.number[:8], known.kept.use[:8], known.case.number[:8], "Moe", "Report 17", "missing",
        *(name for name, _ in ROLES),
    )  # fmt: skip
    text = re.sub(r"<style>.*?</style>", "", words(page(known)), flags=re.DOTALL)
    assert [secret for secret in secrets if secret in text] == []
    assert re.findall(r"score|rank|lookalike|other reviewer|first decision", text, re.IGNORECASE) == []


def page(state: State) -> str:
    """Return what a reviewer gets for a candidate, under one ticket for all."""
    assert state.pair is not None
    return review._page(state.pair, "0" * 12)


def test_a_page_runs_nothing_and_says_that_different_is_ordinary(ready: Record) -> None:
    """R38: "different" and "cannot tell" are ordinary answers; the page asks nothing of the network."""
    ticket = review.next_page(ready, BO)
    assert ticket is not None
    shown = words(ticket.page)
    assert "“Different” and “cannot tell” are ordinary answers." in shown
    assert re.findall(r"<script|<form|https?:|onload|onclick|url\(", shown) == []
    assert all(feature in shown for feature in FEATURES)
    assert ticket.page.count("data:image/jpeg;base64,") == 2


def test_words_for_a_candidate(ready: Record) -> None:
    """R34: a page takes nobody for anybody."""
    ticket = review.next_page(ready, BO)
    assert ticket is not None
    never = r"\bmatch|identif|\bhits?\b|positive|confiden|certain|probab|recognised|suspect|target|offender"
    assert re.findall(never, words(ticket.page), re.IGNORECASE) == []


def test_each_reviewer_has_an_order_that_no_score_has_a_part_in(record: Record) -> None:
    """R38: two reviewers get the same candidates in different orders; other scores change neither order."""
    case = opened(record)
    found = tuple(candidate(track=number, score=0.9 - number / 1000) for number in range(1, 13))
    kept = searched(record, case, *found)
    orders = {by: order(record, by) for by in (BO, CY)}
    assert set(orders[BO]) == set(orders[CY]) == set(range(1, 13))
    assert orders[BO] != orders[CY]
    assert list(range(1, 13)) not in orders.values()
    turned = tuple(replace(each, score=0.5 + each.track / 1000) for each in reversed(found))
    pictures = Pictures(
        {each: kept.pictures.shots[old] for each, old in zip(turned, reversed(found), strict=True)},
        kept.pictures.references,
    )
    results._write(record, replace(kept, result=replace(kept.result, candidates=turned), pictures=pictures))
    assert {by: order(record, by) for by in (BO, CY)} == orders


def order(record: Record, by: Passphrased) -> list[int]:
    """Return the tracks of what waits for a reviewer, in the order in which they get them."""
    person = actors.number(record, by[0])
    waiting = {state.number: state.candidate.track for state in review._waiting(record, person)}
    return [waiting[number] for number in sorted(waiting, key=lambda n: record.pseudonym("order", f"{person}\0{n}"))]


def test_the_log_does_not_lead_from_a_ticket_to_a_candidate(ready: Record) -> None:
    """R37: a ticket stands nowhere in the log, and two reviewers of one candidate have different ones."""
    tickets = [review.next_page(ready, by) for by in (BO, CY)]
    numbers = {ticket.number for ticket in tickets if ticket is not None}
    assert len(numbers) == 2
    content = b"".join(ready.entries())
    assert not [number for number in numbers if number.encode() in content or only(ready).number.startswith(number)]


def test_one_person_is_not_two(ready: Record) -> None:
    """R37: the same person cannot decide twice: refused by name of the rule, and recorded."""
    ticket = review.next_page(ready, BO)
    assert ticket is not None
    review.decide(ready, ticket.number, "same-person", LOOKED, BO)
    with pytest.raises(PolicyError, match="another decision is another person's") as refusal:
        review.decide(ready, ticket.number, "same-person", LOOKED, BO)
    assert refusal.value.rule == "two-people"
    assert entries(ready, "refused")[-1].facts == {"what": "review", "rule": "two-people"}
    assert entries(ready, "refused")[-1].use == only(ready).kept.use
    assert only(ready).word == SECOND
    assert review.next_page(ready, BO) is None


def test_two_decisions_end_it(ready: Record) -> None:
    """A third reviewer gets nothing more, and a ticket from before is closed."""
    late = review.next_page(ready, DI)
    assert late is not None
    confirmed(ready)
    assert review.next_page(ready, DI) is None
    with pytest.raises(SettingsError, match="is closed: two other people have decided"):
        review.decide(ready, late.number, "different", LOOKED, DI)
    assert only(ready).word == CONFIRMED


def test_only_reviewers_review(ready: Record) -> None:
    """An authoriser or an operator, a wrong passphrase, somebody else's ticket: nothing is shown or decided."""
    for by in (ANA, EL):
        with pytest.raises(PolicyError, match="this needs: reviewer"):
            review.next_page(ready, by)
    assert [each.facts for each in entries(ready, "refused")] == [{"what": "review", "rule": "role"}] * 2
    with pytest.raises(SettingsError, match="passphrase of 'Bo Berg' is wrong"):
        review.next_page(ready, (BO[0], CY[1]))
    ticket = review.next_page(ready, BO)
    assert ticket is not None
    with pytest.raises(SettingsError, match="there is no ticket"):
        review.decide(ready, ticket.number, "different", LOOKED, CY)
    assert only(ready).given == frozenset()


def test_what_is_shown_was_recorded_first(ready: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """R5: a page comes after its entry; where that cannot be written, there is none."""
    review.next_page(ready, BO)
    assert added(ready, -2) == ["results-opened", "pair-shown"]
    (opening,) = entries(ready, "results-opened")
    assert (opening.facts, opening.use) == ({"how": ["page"]}, only(ready).kept.use)

    def broken(*_: object) -> int:
        raise RecordError("the disk is full")

    monkeypatch.setattr(ready.log, "append", broken)
    with pytest.raises(RecordError):
        review.next_page(ready, BO)


@pytest.mark.parametrize(
    ("decision", "features", "says"),
    [
        ("perhaps", {}, "is no decision"),
        ("same-person", {}, "rests on 0 features"),
        ("different", {"ears": "similar", "nose": "similar", "eyes": "not-visible"}, "rests on 2 features"),
        ("same-person", {"gait": "similar"}, "'gait=similar' is no feature"),
        ("same-person", {"ears": "alike"}, "'ears=alike' is no feature"),
    ],
)
def test_a_decision_rests_on_features(ready: Record, decision: str, features: dict[str, str], says: str) -> None:
    """R37: same-person and different need three features that were seen; cannot-tell needs none."""
    ticket = review.next_page(ready, BO)
    assert ticket is not None
    with pytest.raises(SettingsError, match=says):
        review.decide(ready, ticket.number, decision, features, BO)
    assert entries(ready, "review-given") == []
    review.check_answer("cannot-tell", {})


def test_features_stay_sealed_in_the_log(ready: Record) -> None:
    """R9: the entries say the decision alone; the features lie sealed, and the review shows them."""
    state = confirmed(ready)
    decided = entries(ready, "review-decided")
    assert [set(each.facts) for each in decided] == [{"candidate", "decision", "by", "signature"}] * 2
    assert b"hairline" not in b"".join(ready.entries())
    assert [dict(each.features) for each in state.answers] == [LOOKED, LOOKED]


def test_a_revoked_reviewer_counts_only_for_what_was_revealed(ready: Record) -> None:
    """R37: a sealed decision of somebody who is revoked meanwhile is dropped, and two others decide."""
    answer(ready, BO, "same-person")
    actors.revoke(ready, BO[0], ANA)
    assert only(ready).word == FIRST
    answer(ready, CY, "different")
    assert only(ready).word == SECOND
    answer(ready, DI, "different")
    assert only(ready).word == DIFFERENT
    actors.revoke(ready, CY[0], ANA)
    assert only(ready).word == DIFFERENT
    assert faults(ready) == []


def test_an_interrupted_reveal_is_finished(ready: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks next finds both decisions in the log, each once."""
    answer(ready, BO, "same-person")
    with monkeypatch.context() as patch:
        patch.setattr(review, "_reveal", lambda *_: None)
        answer(ready, CY, "different")
    assert entries(ready, "review-decided") == []
    assert only(ready).word == INCONCLUSIVE
    assert len(entries(ready, "review-decided")) == 2
    assert only(ready).word == INCONCLUSIVE
    assert len(entries(ready, "review-decided")) == 2
    assert faults(ready) == []


def test_what_is_reviewed(record: Record, clock: SimpleNamespace) -> None:
    """R22: purposes that people consented to are not reviewed, nor is an urgent case that nobody approved."""
    consented = opened(record, Purpose.CONSENTED)
    searched(record, consented, candidate())
    urgent = opened(record, approved=False, urgent=True)
    searched(record, urgent, candidate())
    assert consented.authority.purpose not in UNASKED
    assert review.states(record) == []
    assert review.next_page(record, BO) is None
    cases.approve(record, urgent, ANA)
    assert [state.case.number for state in review.states(record)] == [urgent.number]
    clock.now += timedelta(days=90)
    cases.expire(record, Schedule())  # closes it
    clock.now += timedelta(days=90)
    cases.expire(record, Schedule())
    assert review.states(record) == []


def test_a_candidate_without_pictures_is_said_to_have_none(record: Record) -> None:
    """Nobody is asked to compare what cannot be seen, and it does not vanish either."""
    kept = searched(record, opened(record), candidate())
    results._write(record, replace(kept, pictures=Pictures({}, {})))
    assert only(record).word == BLIND
    assert review.next_page(record, BO) is None


def test_a_refused_search_does_not_hide_the_others(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules are asked before a page is shown; what they refuse is recorded, and the next search has its turn."""
    case = opened(record)
    searched(record, case, candidate(track=1), facts={"subject_minor": True})
    monkeypatch.setenv("HOUSELIGHTS_CONFIG", str(tmp_path / "none.toml"))
    settings_file("", tmp_path, monkeypatch)
    with pytest.raises(PolicyError, match="minor"):
        review.next_page(record, BO)
    searched(record, case, candidate(track=2))
    assert review.next_page(record, BO) is not None
    assert {each.facts["what"] for each in entries(record, "refused")} == {"results"}


def test_numbers_are_typed_by_their_first_digits(ready: Record) -> None:
    """Too few digits or no such candidate is said so."""
    number = only(ready).number
    assert review.find(ready, number[:6]).number == number
    for wrong in (number[:5], "zzzzzz", ""):
        with pytest.raises(SettingsError, match="there is no candidate"):
            review.find(ready, wrong)


def test_evidence_is_signed_sealed_and_for_confirmed_ones_alone(ready: Record) -> None:
    """R39: no corroboration before two confirmed it, none without a text, none by an operator."""
    number = only(ready).number
    with pytest.raises(PolicyError, match="not confirmed by two people") as refusal:
        consequence.corroborate(ready, number, "a ticket in her name", ANA)
    assert refusal.value.rule == "not-confirmed"
    assert confirmed(ready).is_corroborated is False
    for nothing in ("  ", "\u200b", "\u3164"):
        with pytest.raises(SettingsError, match="0 characters, expected 1 to"):
            consequence.corroborate(ready, number, nothing, ANA)
    with pytest.raises(PolicyError, match="needs: authoriser"):
        consequence.corroborate(ready, number, "a ticket in her name", EL)
    consequence.corroborate(ready, number, "a ticket in her name", ANA)
    assert only(ready).is_corroborated
    assert b"ticket" not in b"".join(ready.entries())
    assert faults(ready) == []


def test_no_action_before_two_confirmed(ready: Record) -> None:
    """R37: an action needs two confirmations, and is then recorded with how many there were."""
    number = only(ready).number
    with pytest.raises(PolicyError, match="two different people confirmed"):
        consequence.act(ready, number, "stop", EL)
    answer(ready, BO, "same-person")
    with pytest.raises(PolicyError, match="two different people confirmed"):
        consequence.act(ready, number, "stop", EL)
    assert [each.facts["what"] for each in entries(ready, "refused")] == ["action", "action"]
    answer(ready, CY, "same-person")
    consequence.act(ready, number, "stop", EL)
    (done,) = entries(ready, "action-recorded")
    assert (done.facts["action"], done.facts["approvals"]) == ("stop", 2)
    with pytest.raises(SettingsError, match="there is no action 'arrest'"):
        consequence.act(ready, number, "arrest", EL)
    consequence.act(ready, number, "none", EL)
    assert faults(ready) == []


def test_what_was_stated_of_an_action_is_sealed_with_it(ready: Record) -> None:
    """R16: the facts that the rules were told lie in the entry's sealed part, those of `none`, too; none is free."""
    confirmed(ready)
    number = only(ready).number
    consequence.act(ready, number, "stop", EL, {"over_21": True, "probe": "scan"})
    consequence.act(ready, number, "none", EL)
    told = [_sealed(ready, each) for each in entries(ready, "action-recorded")]
    assert [each["facts"] for each in told] == [{"over_21": True, "probe": "scan"}, {}]
    assert [each["category"] for each in told] == [None, None]
    assert b"over_21" not in b"".join(ready.entries())
    for action, facts in product(("stop", "none"), ({"corroborated": True}, {"approvals": 2}, {"ticketed": True})):
        with pytest.raises(SettingsError, match="cannot be stated of an action"):
            consequence.act(ready, number, action, EL, facts)
    with pytest.raises(SettingsError, match="there is no fact 'mood'"):
        consequence.act(ready, number, "none", EL, {"mood": "bad"})
    assert len(entries(ready, "action-recorded")) == 2
    assert faults(ready) == []


def _sealed(record: Record, entry: Entry) -> dict[str, Any]:
    """Return the first sealed part of an entry."""
    return custody.fields_of(record.store.opened(str(entry.payload))[0])


def test_what_follows_after_the_end_of_a_case(ready: Record, clock: SimpleNamespace) -> None:
    """R37: the end of a case ends searching; evidence and actions are recorded while its results are kept."""
    confirmed(ready)
    number = only(ready).number
    clock.now += timedelta(days=90)
    cases.expire(ready, Schedule())
    assert only(ready).case.why == "expired"
    consequence.corroborate(ready, number, "a ticket in her name", ANA)
    consequence.act(ready, number, "stop", EL)
    clock.now += timedelta(days=30)
    cases.expire(ready, Schedule())
    for late in _consequences(ready, number):
        with pytest.raises(SettingsError, match="there is no candidate"):
            late()
    assert [each.facts["action"] for each in entries(ready, "action-recorded")] == ["stop"]
    assert faults(ready) == []


def test_nothing_follows_in_a_case_that_nobody_approved_in_time(record: Record, clock: SimpleNamespace) -> None:
    """R13, R37: what an urgent case found cannot be reached before its approval, nor after it was closed without."""
    case = opened(record, approved=False, urgent=True)
    kept = searched(record, case, candidate())
    (number,) = results.candidates(record, [kept])
    for hours, word in ((0, ""), (48, ""), (0, "not-approved")):
        clock.now += timedelta(hours=hours)
        if word:
            cases.expire(record, Schedule())
        assert cases.current(record, case.number).why == word
        for early in _consequences(record, number):
            with pytest.raises(SettingsError, match="there is no candidate"):
                early()
    with pytest.raises(PolicyError, match="is over"):
        cases.approve(record, case, ANA)
    assert entries(record, "corroborated", "action-recorded", "exported") == []
    assert faults(record) == []


def _consequences(record: Record, number: str) -> tuple[Callable[[], object], ...]:
    """Return what may follow from a candidate."""
    return (
        lambda: consequence.corroborate(record, number, "a ticket in her name", ANA),
        lambda: consequence.act(record, number, "stop", EL),
        lambda: consequence.act(record, number, "none", EL),
        lambda: lead.make(record, number, "court", "Judge Poe", "asked in 12/26", proof=True),
    )


def test_a_disagreement_leads_to_no_action(ready: Record) -> None:
    """R37: inconclusive is not confirmed: no action, no corroboration."""
    answer(ready, BO, "same-person")
    answer(ready, CY, "different")
    with pytest.raises(PolicyError):
        consequence.act(ready, only(ready).number, "eject", EL)
    with pytest.raises(PolicyError, match="it is inconclusive"):
        consequence.corroborate(ready, only(ready).number, "something", ANA)


def test_a_dispute_does_not_keep_a_ticket_holder_out(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R16: under 40-b nobody is refused admission over a dispute, also where two confirmed; conduct is a ground.

    Why somebody is looked for comes from the watchlist: where no list says it, the rule refuses, too.
    """
    place = '[policy]\npacks = ["us-ny-40b"]\n[place]\nactor = "venue"\nvenue = "public-accommodation"\n'
    more = 'event = "concert"\njurisdiction = "US-NY-NYC"\nticketed = true\n'
    settings_file(place + more, tmp_path, monkeypatch)
    moment: dict[str, Value] = {"over_21": True, "on_time": True}
    for category, refusal in (("dispute", "A venue does not refuse"), ("", "'category' is not known"), ("conduct", "")):
        case = opened(record, Purpose.VENUE_EXCLUSION)
        searched(record, case, candidate(), category=category)
        number = confirmed(record).number
        if not refusal:
            consequence.act(record, number, "refuse-admission", EL, moment)
            break
        with pytest.raises(PolicyError, match=refusal):
            consequence.act(record, number, "refuse-admission", EL, moment)
        assert entries(record, "refused")[-1].facts == {"what": "action", "rule": "action-banned"}
        cases.erase(record, case, "retention")
    (done,) = entries(record, "action-recorded")
    told = _sealed(record, done)
    assert (told["facts"], told["category"]) == (moment, "conduct")


def test_an_outcome_counts_before_the_review(ready: Record) -> None:
    """R40: what was found out by other means is recorded, from a closed list."""
    confirmed(ready)
    consequence.outcome(ready, only(ready).number[:8], "false")
    with pytest.raises(SettingsError, match="no outcome 'perhaps'"):
        consequence.outcome(ready, only(ready).number, "perhaps")
    assert entries(ready, "outcome-known")[-1].facts["outcome"] == "false"


def decoy(record: Record, *, same: bool, shade: int = 50) -> str:
    """Seal a decoy of plain pictures."""
    number = f"{shade:032x}"
    told = {"reference": jpeg(200), "shot": jpeg(shade), "height": 52, "quality": "0.81", "same": same}
    content = {name: value if not isinstance(value, bytes) else _text(value) for name, value in told.items()}
    record.store.keep(decoys.KIND, number, custody.canonical(content), f"decoy {number}")
    return number


def _text(content: bytes) -> str:
    return decoys.b64encode(content).decode()


def test_a_decoy_is_like_a_candidate(ready: Record) -> None:
    """R38: the pages of a candidate and of a decoy differ in the pictures and the ticket alone."""
    real = review.next_page(ready, BO)
    decoy(ready, same=True, shade=1)
    known = decoys.waiting(ready, actors.number(ready, BO[0]))[0].pair
    assert real is not None
    pair = only(ready).pair
    assert pair is not None
    assert replace(known, number="") == replace(pair, number="")
    assert review._page(known, real.number) == real.page


def test_decoys_are_counted_from_the_log(ready: Record) -> None:
    """Whoever has a copy of the log counts the same: decisions, not right ones, and the exact interval."""
    for shade in range(1, 11):
        decoy(ready, same=shade % 2 == 0, shade=shade)
    decided = 0
    real = only(ready).number
    while (waiting := decoys.waiting(ready, actors.number(ready, BO[0]))) or only(ready).word == FIRST:
        number = waiting[0].pair.number if waiting else real
        review.decide(ready, ticket_of(ready, number, BO), "same-person", LOOKED, BO)
        decided += 1
    assert decided == 11
    assert entries(ready, "decoy-decided") == []
    rates = decoys.error_rates(ready)
    found = rates[actors.number(ready, BO[0])]
    assert (found.false, found.among, found.rate) == (5, 10, 0.5)
    assert found == transparency.rate(5, 10)
    assert only(ready).word == SECOND
    assert {each.use for each in entries(ready, "decoy-decided")}.isdisjoint({only(ready).kept.use})
    assert faults(ready) == []


def ticket_of(record: Record, number: str, by: Passphrased) -> str:
    """Return the ticket under which a reviewer gets a pair."""
    return review._ticket(record, number, actors.number(record, by[0]))


def added(record: Record, before: int) -> list[str]:
    """Return the kinds of entries from the one with that number on."""
    return [each.kind for each in entries(record)[before:]]


def test_the_log_says_the_same_of_a_decoy_and_of_a_candidate(ready: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """R38: before somebody decides, and when they do, the log gets entries of the same kinds in the same order."""
    searched(ready, cases.listed(ready)[0], candidate(track=2))
    shown: dict[bool, list[list[str]]] = {True: [], False: []}
    pseudonym = ready.pseudonym
    for seed in range(12):
        number = decoy(ready, same=seed % 2 == 0, shade=seed)
        first = seed % 3 == 0  # the order is chance: here both come

        def order(kind: str, text: str, number: str = number, *, first: bool = first) -> str:
            usual = pseudonym(kind, text)
            return usual if kind != "order" or number not in text else "" if first else "x" + usual

        monkeypatch.setattr(ready, "pseudonym", order)
        before = len(ready.entries())
        ticket = review.next_page(ready, BO)
        assert ticket is not None
        is_decoy = ticket.number == ticket_of(ready, number, BO)
        assert is_decoy == first
        shown[is_decoy].append(added(ready, before))
        if is_decoy:
            before = len(ready.entries())
            review.decide(ready, ticket.number, "different", LOOKED, BO)
            assert added(ready, before) == ["review-given"]
        decoys.remove(ready, number)
    monkeypatch.undo()
    both = ["results-opened", "results-opened", "pair-shown"]
    assert (shown[True], shown[False]) == ([both] * 4, [both] * 8)
    before = len(ready.entries())
    answer(ready, BO, "different")
    assert added(ready, before) == [*both, "review-given"]
    assert faults(ready) == []


def test_no_decoy_is_shown_alone(ready: Record) -> None:
    """R38: where no candidate waits there is nothing to open, and that would tell a decoy: it waits, too."""
    answer(ready, BO, "different")
    decoy(ready, same=True)
    before = len(ready.entries())
    assert review.next_page(ready, BO) is None
    assert added(ready, before) == []
    assert review.next_page(ready, CY) is not None


def test_what_was_decided_about_decoys_is_told_later_and_once(ready: Record) -> None:
    """What is known of a decoy comes into the log after it was decided, in the same chain, and never twice."""
    number = decoy(ready, same=True)
    review.decide(ready, ticket_of(ready, number, BO), "different", LOOKED, BO)
    (given,) = entries(ready, "review-given")
    assert given.facts == {"candidate": number, "by": actors.number(ready, BO[0])}
    for _ in range(2):
        assert decoys.error_rates(ready)[given.facts["by"]].false == 1
        review.next_page(ready, CY)
    (told,) = entries(ready, "decoy-decided")
    assert (told.use, told.facts) == (given.use, {"by": given.facts["by"], "right": False})


def test_cannot_tell_is_not_right_about_a_decoy(record: Record) -> None:
    """The truth of a decoy can be told: the rate is a bound on errors, never below them."""
    number = decoy(record, same=True)
    review.decide(record, ticket_of(record, number, BO), "cannot-tell", {}, BO)
    decoys.settle(record)
    assert [each.facts["right"] for each in entries(record, "decoy-decided")] == [False]
    with pytest.raises(PolicyError, match="another decision is another person's"):
        review.decide(record, ticket_of(record, number, BO), "same-person", LOOKED, BO)
    review.decide(record, ticket_of(record, number, CY), "same-person", LOOKED, CY)
    decoys.remove(record, number)
    assert [each.facts["right"] for each in entries(record, "decoy-decided")] == [False, True], "counted all the same"
    assert decoys.listed(record) == []
    assert record.store.documents(decoys.ANSWERED) == {}
    with pytest.raises(SettingsError, match="there is no decoy"):
        decoys.remove(record, number)


def test_a_decoy_is_cut_from_photographs(record: Record, portraits: tuple[Path, Path], tmp_path: Path) -> None:
    """The one face of each photograph is cut out as candidates are; a picture without one is refused by name."""
    number = decoys.add_decoy(record, *portraits, same=False)
    (made,) = decoys.listed(record)
    assert (made.pair.number, made.same) == (number, False)
    for content in (made.pair.reference, made.pair.shot):
        with Image.open(io.BytesIO(content)) as image:
            assert image.size[0] == image.size[1] <= portrait.SIDE
    assert made.pair.height > 50
    assert 0 < made.pair.quality <= 1
    assert portraits[0].read_bytes()[:200] not in (record.folder.parent / "private" / "store.db").read_bytes()
    empty = tmp_path / "wall.png"
    Image.new("RGB", (300, 300), (90, 90, 90)).save(empty)
    with pytest.raises(PhotographError, match=r"wall.png': no face was found"):
        decoys.add_decoy(record, empty, portraits[0], same=True)
    with pytest.raises(PhotographError, match=r"gone.jpg': is not there"):
        decoys.add_decoy(record, tmp_path / "gone.jpg", portraits[0], same=True)


def test_other_faces_are_covered_in_decoys_as_in_candidates(
    record: Record, cast_folder: Path, detector_path: Path, tmp_path: Path
) -> None:
    """R38: somebody small behind the person is one colour in a decoy, too; two who could each be meant are refused."""
    near, far = (Image.open(cast_folder / name / "assets" / "studio_portrait.jpg") for name in ("P001", "P005"))
    photo = near.convert("RGB").resize((900, 900))
    photo.paste(far.convert("RGB").resize((160, 160)), (620, 150))
    photo.save(tmp_path / "both.png")
    decoys.add_decoy(record, tmp_path / "both.png", tmp_path / "both.png", same=True)
    (made,) = decoys.listed(record)
    frame = still(np.asarray(photo))
    (cut,) = portrait.Cutter(detector_path).cut(frame, Portraitist(detector_path).meant(frame).boxes)
    assert cut.covered >= 1
    assert made.pair.reference == made.pair.shot == cut.jpeg
    beside = Image.new("RGB", (1200, 600))
    for place, one in enumerate((near, far)):
        beside.paste(one.convert("RGB").resize((600, 600)), (600 * place, 0))
    beside.save(tmp_path / "beside.png")
    with pytest.raises(PhotographError, match="2 faces were found: it is not clear which one is meant"):
        decoys.add_decoy(record, tmp_path / "beside.png", tmp_path / "both.png", same=True)


@pytest.fixture
def typed(ready: Record, monkeypatch: pytest.MonkeyPatch) -> Iterator[Record]:
    """A record where the commands find it."""
    monkeypatch.setenv(config.RECORD, str(ready.folder.parent))
    monkeypatch.delenv(config.KEY, raising=False)
    return ready


app = typer.Typer()
app.add_typer(review_app, name="review")
app.command("lead")(lead_command)


def run(*arguments: object, by: Passphrased | None = None, fails: type[Exception] | None = None) -> str:
    """Run a command as somebody types it; what it prints, or the message of the error that is expected."""
    done = CliRunner().invoke(app, [*map(str, arguments)], input=None if by is None else f"{by[1]}\n")
    if fails is None:
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output
    assert isinstance(done.exception, fails), (done.output, done.exception)
    return str(done.exception)


@pytest.mark.usefixtures("typed")
def test_the_commands(tmp_path: Path) -> None:
    """R37, R39: a reviewer sees a page and a ticket; show says what two decided and nothing before."""
    out = tmp_path / "page.html"
    for by in (BO, CY):
        shown = run("review", "next", "--by", by[0], "-o", out, by=by)
        ticket = re.search(r"ticket ([0-9a-f]{12})", shown)
        assert ticket is not None
        assert ticket[1] in out.read_text()
        assert oct(out.stat().st_mode)[-3:] == "600"
        assert SECOND not in shown
        features = [each for name, seen in LOOKED.items() for each in ("--feature", f"{name}={seen}")]
        decided = run("review", "decide", ticket[1], "--by", by[0], "--decision", "same-person", *features, by=by)
        assert decided.splitlines()[-1] == "decided and sealed"
        assert ("same-person" in run("review", "show")) == (by == CY)
    (line,) = map(json.loads, run("review", "show", "--json").splitlines())
    assert (line["review"], len(line["decisions"])) == (CONFIRMED, 2)
    number = line["candidate"][:8]
    assert "nothing waits" in run("review", "next", "--by", DI[0], "-o", out, by=DI)
    run("review", "corroborate", number, "--evidence", "a ticket", "--by", ANA[0], by=ANA)
    run("review", "act", number, "--action", "stop", "--by", EL[0], by=EL)
    run("review", "outcome", number, "--outcome", "true")
    assert "expected" in run("review", "act", number, "--action", "x", "--by", EL[0], by=EL, fails=SettingsError)


def test_the_commands_about_decoys(typed: Record, portraits: tuple[Path, Path]) -> None:
    """A decoy is added and removed by its number; errors are shown for people and programs."""
    number = run("review", "decoy", "--reference", portraits[0], "--shot", portraits[0], "--truth", "same-person")
    for each in (number.split()[-1], decoy(typed, same=False)):
        review.decide(typed, ticket_of(typed, each, BO), "same-person", LOOKED, BO)
    assert "Bo Berg" in run("review", "errors")
    (line,) = map(json.loads, run("review", "errors", "--json").splitlines())
    assert (line["false"], line["among"]) == (1, 2)
    run("review", "remove-decoy", number.split()[-1])
    assert "expected" in run(
        "review", "decoy", "--reference", "a", "--shot", "b", "--truth", "perhaps", fails=SettingsError
    )
