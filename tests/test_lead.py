"""The lead sheet: only of what two people confirmed, and with all that speaks against it."""

from __future__ import annotations

import html
import io
import re
import shutil
import struct
import sys
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import Silent
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from test_review import (
    ANA,
    BO,
    CY,
    EL,
    LOOKED,
    START,
    answer,
    candidate,
    clock,
    confirmed,
    decoy,
    entries,
    faults,
    only,
    opened,
    ready,
    record,
    reviewable,
    run,
    searched,
    staffed,
    typed,
)
from uses import state as settings_file

from houselights import batch, cases, consequence, lead, policy, results, review
from houselights.batch import Request
from houselights.case import Opening
from houselights.custody import CustodyError
from houselights.entry import DECISION_WORDS, RECIPIENT_WORDS, Entry
from houselights.errors import PolicyError, SettingsError
from houselights.lead import Lead
from houselights.pictures import Picture, Pictures
from houselights.proofs import Receipt
from houselights.record import Record
from houselights.result import RunnerUp
from houselights.review import CONFIRMED
from houselights.schedule import Schedule

__all__ = ["clock", "ready", "record", "reviewable", "staffed", "typed"]  # fixtures

NEVER = r"\bmatch|identif|\bhits?\b|positive|confiden|certain|recognised|suspect|target|offender"
EVIL = '<script>alert(1)</script> #panic("x") *bold* \\ $x$ @ref "q" \u202egpj.\x07'


def made(record: Record, number: str | None = None) -> Lead:
    """Return the lead sheet of the only candidate, or of another."""
    return lead.make(record, number or only(record).number, "court", "Judge Poe", "asked in 12/26", proof=True)


def text(whole: str) -> str:
    """Return what a person reads of a page, white space made plain."""
    without = re.sub(r"<style>.*?</style>|<[^>]*>", " ", whole, flags=re.DOTALL)
    return " ".join(html.unescape(without).split())


def test_nobody_is_a_lead_before_two_confirmed(ready: Record) -> None:
    """R37: waiting, after one decision, or inconclusive: refused by the rule `not-confirmed`, and recorded."""
    for decisions in ((), ("same-person",), ("same-person", "different")):
        if decisions:
            answer(ready, (BO, CY)[len(decisions) - 1], decisions[-1])
        with pytest.raises(PolicyError, match="is not confirmed by two people") as refusal:
            made(ready)
        assert refusal.value.rule == "not-confirmed"
    assert entries(ready, "exported") == []
    assert [each.facts for each in entries(ready, "refused")] == [{"what": "export", "rule": "not-confirmed"}] * 3


@settings(max_examples=9)
@given(st.sampled_from(list(product(DECISION_WORDS, repeat=2))))
def test_a_lead_exists_exactly_where_two_confirmed(
    reviewable: Path, tmp_path_factory: pytest.TempPathFactory, decisions: tuple[str, str]
) -> None:
    """R37: for any two decisions there is a lead sheet if and only if both are same-person; the log is whole."""
    folder = tmp_path_factory.mktemp("any") / "record"
    shutil.copytree(reviewable, folder)
    record = Record(folder, clock=lambda: START)
    for by, decision in zip((BO, CY), decisions, strict=True):
        answer(record, by, decision)
    if decisions == ("same-person", "same-person"):
        assert made(record).candidate == only(record).number
    else:
        with pytest.raises(PolicyError):
            made(record)
    assert faults(record) == []


def test_it_says_what_it_is_not(ready: Record) -> None:
    """R39: lead only; not for an arrest, a line-up or any decision alone; not corroborated until somebody signs."""
    confirmed(ready)
    words = text(lead.render(made(ready)))
    for part in (
        "LEAD ONLY, not corroborated", "no ground for an arrest", "line-up",
        "No decision about a person may rest on it",
        "None recorded: the status is LEAD, not corroborated.", "Missing: evidence that does not come from comparing",
    ):  # fmt: skip
        assert part in words
    consequence.corroborate(ready, only(ready).number, "a ticket in her name", ANA)
    words = text(lead.render(made(ready)))
    assert "LEAD ONLY, corroborated by other evidence" in words
    assert "Ana Lima a ticket in her name" in words
    assert "None recorded" not in words


def test_it_says_everything_around_the_candidate(record: Record) -> None:
    """R39: all other candidates, searches without any, films that failed, weaknesses of the pictures, group errors."""
    case = opened(record)
    rival = RunnerUp("Flo Fox", 0.971, 6e-07)
    searched(record, case, replace(candidate(), runner_up=rival), candidate("Flo Fox", 1, 0.5, 9e-06))
    searched(record, case)
    searched(record, case, candidate("Flo Fox", 7, 0.55, 4e-06), facts={"probe": "scan"})
    broken = record.use()
    state = review.states(record)[0]
    broken.add("search-started", _started(record, state.kept.use), {"basis": "", "authorised_by": "", "operator": ""})
    broken.add("search-failed", {"why": "error"})
    mine = next(each for each in review.states(record) if each.candidate.subject == "Dee Doe")
    _confirm(record, mine.number)
    words = text(lead.render(made(record, mine.number)))
    for part in (
        "missing-person", "Report 17/2026", "Inspector Moe", case.number, "El Novak, who signed for it",
        "Ana Lima, who signed for it", "gate.mp4 SHA-256 of the film " + "ab" * 32,
        "0:00:02.000 to 0:00:05.000, track 1",
        "At most 1 in 2,000,000 comparisons of different people", "recogniser sface, SHA-256 " + "01" * 32,
        "Among 1,000,000 strangers, at most 1 would look this much like somebody on this list of 2.",
        "At most 1 in 1,000,000 strangers would score this high with at least one of 2 subjects, by the 95 %",
        "Strangers alone would give a candidate in about 1 in 10,000 searches like this.",
        "Cannot tell Dee Doe from Flo Fox: on this track Flo Fox scores 0.971, too.",
        "somebody's photographs: 1000 people", "NISTIR 8280", "was not measured here",
        "look like Dee Doe, so the candidate may be one of them: Flo Fox",
        "The same track is a candidate for others, too",
        "52 pixels high, which is little", "0.81 of 1", "rests on 4 shots", "3 frames or packets did not decode whole",
        "What the reference is (original, still, scan): not stated", "The case has 3 candidates, this one included.",
        "about 1 in 250,000", "waits for two decisions", "it cannot be opened as video", "it was broken off",
        "never tested", "Bo Berg same-person ears, nose mouth hairline",
    ):  # fmt: skip
        assert part in words, part
    assert words.count("Flo Fox gate.mp4") == 2
    assert re.search(r"2026-03-01 10:00:00 UTC Dee Doe, Flo Fox 2 1 5 none", words)
    assert re.findall(NEVER, words, re.IGNORECASE) == []


def _started(record: Record, use: str) -> dict[str, object]:
    """Return the facts of a search's first entry."""
    return dict(next(each.facts for each in entries(record, "search-started") if each.use == use))


def _confirm(record: Record, number: str) -> None:
    """Let two reviewers confirm one candidate of many."""
    for by in (BO, CY):
        person = review.actors.number(record, by[0])
        review.decide(record, review._ticket(record, number, person), "same-person", LOOKED, by)


def test_reviewers_errors_on_decoys_stand_in_it(ready: Record) -> None:
    """Both reviewers' decisions come with how often each was not right about decoys, with the interval."""
    for shade in range(1, 5):
        decoy(ready, same=shade > 1, shade=shade)
    person = review.actors.number(ready, BO[0])
    for number in (*(f"{shade:032x}" for shade in range(1, 5)), only(ready).number):
        features = {"ears": "similar", "nose": "similar", "mouth": "similar"}
        review.decide(ready, review._ticket(ready, number, person), "same-person", features, BO)
    _confirm_second(ready)
    words = text(lead.render(made(ready)))
    assert "1 of 4: 25 % (0.63 to 81 %)" in words
    assert "never tested" in words


def _confirm_second(record: Record) -> None:
    person = review.actors.number(record, CY[0])
    ticket = review._ticket(record, only(record).number, person)
    review.decide(record, ticket, "same-person", {"ears": "similar", "nose": "similar", "mouth": "similar"}, CY)
    assert only(record).word == CONFIRMED


def test_an_outcome_is_not_left_out(ready: Record) -> None:
    """R40: where it was found out that it is somebody else, the sheet says so."""
    confirmed(ready)
    consequence.outcome(ready, only(ready).number, "false")
    consequence.act(ready, only(ready).number, "none", EL)
    words = text(lead.render(made(ready)))
    assert "IT IS SOMEBODY ELSE" in words
    assert "Action recorded 2026-03-01 10:00:00 UTC: none. Stated of the moment: nothing." in words


def test_what_was_stated_of_an_action_stands_in_it(ready: Record) -> None:
    """R16, R39: the facts that the rules were told of the moment are read from the seal; after erasure it says so."""
    confirmed(ready)
    consequence.act(ready, only(ready).number, "stop", EL, {"over_21": True, "on_time": False})
    words = text(lead.render(made(ready)))
    assert "Action recorded 2026-03-01 10:00:00 UTC: stop. Stated of the moment: on_time=false, over_21=true." in words
    (done,) = entries(ready, "action-recorded")
    ready.store.fade([str(done.payload)])
    assert "UTC: stop. What was stated of the moment was erased." in text(lead.render(made(ready)))


def test_it_says_what_the_receipt_and_the_page_show(ready: Record) -> None:
    """R8, R39: the receipt is of one use, and the sheet says so; what reviewers saw is said of their page alone."""
    confirmed(ready)
    sheet = made(ready)
    words = text(lead.render(sheet))
    assert "The receipt proves the entries of one use, the one named above" in words
    assert "The page they were given shows no score, rank or name" in words
    receipt = Receipt.parse(sheet.receipt or b"")
    assert {Entry.parse(each).use for each in receipt.entries} == {only(ready).kept.use}


def test_a_lead_after_the_end_of_its_case(ready: Record, clock: SimpleNamespace) -> None:
    """R37: the end of a case ends searching; what two confirmed is a lead while it is kept, and none afterwards."""
    confirmed(ready)
    number = only(ready).number
    clock.now += timedelta(days=90)
    cases.expire(ready, Schedule())
    assert only(ready).case.closed
    assert made(ready, number).candidate == number
    clock.now += timedelta(days=30)
    cases.expire(ready, Schedule())
    with pytest.raises(SettingsError, match="there is no candidate"):
        made(ready, number)


def test_a_typed_authoriser_is_said_to_be_typed(ready: Record) -> None:
    """Where nobody had to approve a case, the sheet does not say that anybody did."""
    state = confirmed(ready)
    cases._keep(ready, replace(state.case, waits=False, approved_by="", opened_by=""))
    assert "nobody: the authoriser's name was typed, and nobody signed for it" in text(lead.render(made(ready)))


def test_it_goes_to_a_kind_of_recipient_for_a_reason(ready: Record) -> None:
    """R23, R11: recipient's class, name and reason are asked for; name and reason lie sealed in the log's entry."""
    confirmed(ready)
    number = only(ready).number
    for recipient in ("buyer", "unstated", ""):
        with pytest.raises((PolicyError, SettingsError)):
            lead.make(ready, number, recipient, "Judge Poe", "asked", proof=True)
    for to, why in (("", "asked"), ("Judge Poe", " "), ("\u200b", "asked"), ("Judge Poe", "\u2060\u2800")):
        with pytest.raises(SettingsError, match="to somebody by name, for a reason"):
            lead.make(ready, number, "court", to, why, proof=True)
    assert entries(ready, "exported") == []
    for recipient in RECIPIENT_WORDS:
        lead.make(ready, number, recipient, "Judge Poe", "asked in 12/26", proof=False)
    sent = entries(ready, "exported")
    about = {"what": "lead", "candidate": number}
    assert [each.facts for each in sent] == [about | {"recipient": each} for each in RECIPIENT_WORDS]
    assert {each.use for each in sent} == {only(ready).kept.use}
    assert b"Poe" not in b"".join(ready.entries())
    assert faults(ready) == []


def test_the_rules_are_asked(ready: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R23: what a pack refuses is not handed over, and the refusal is recorded."""
    confirmed(ready)
    asked: list[str] = []

    def refuse(recipient: str, *_: object, **__: object) -> None:
        asked.append(recipient)
        raise PolicyError("not to them", rule="action-banned")

    settings_file("", tmp_path, monkeypatch)
    monkeypatch.setattr(policy, "check_export", refuse)
    with pytest.raises(PolicyError, match="not to them"):
        made(ready)
    assert asked == ["court"]
    assert entries(ready, "refused")[-1].facts == {"what": "export", "rule": "action-banned"}
    assert entries(ready, "exported") == []


def test_the_receipt_proves_the_sheet(ready: Record) -> None:
    """R8: the receipt verifies with the key alone, holds search, decisions, export, and opens the last alone."""
    confirmed(ready)
    sheet = made(ready)
    receipt = Receipt.parse(sheet.receipt or b"")
    receipt.check(ready.key)
    kinds = [re.findall(rb'"kind":"([a-z-]+)"', each)[0].decode() for each in receipt.entries]
    assert kinds[0] == "search-started"
    assert kinds.count("review-decided") == 2
    assert kinds[-1] == "exported"
    assert b"Judge Poe" in b"".join(receipt.opened[-1])
    assert b"Report 17" not in b"".join(part for parts in receipt.opened for part in parts)
    words = text(lead.render(sheet))
    assert f"Entry {receipt.index} of" in words
    assert str(ready.key) in words
    with pytest.raises(CustodyError):
        Receipt.parse((sheet.receipt or b"").replace(b"index ", b"index 1")).check(ready.key)


def test_what_people_typed_cannot_act(record: Record) -> None:
    """Markup in names is text in HTML and in PDF; control and direction characters are spelt out."""
    case = opened(record)
    one = replace(candidate(EVIL), footage=f"/films/{EVIL.replace('/', '')}")
    kept = searched(record, case, one)
    results._write(record, replace(kept, pictures=Pictures({one: Picture(jpeg())}, {one.reference: Picture(jpeg())})))
    number = confirmed(record).number
    consequence.corroborate(record, number, EVIL, ANA)
    sheet = lead.make(record, number, "court", EVIL, EVIL, proof=True)
    page = lead.render(sheet)
    assert "<script" not in page
    assert not set(page) & {"\u202e", "\x07"}
    assert EVIL.replace("\u202e", "⟨U+202E⟩").replace("\x07", "⟨U+0007⟩") in html.unescape(page)
    assert re.findall(r"https?:|onload|url\(|@import", re.sub(r"base64,[^\"]*", "", page)) == []
    assert lead.pdf(sheet).startswith(b"%PDF-")


def jpeg() -> bytes:
    """Return a small picture."""
    file = io.BytesIO()
    Image.new("RGB", (32, 32), (90, 90, 60)).save(file, "JPEG")
    return file.getvalue()


def test_a_pdf_has_both_pictures(ready: Record) -> None:
    """The PDF is made of the same sections, and its pictures are those of the sheet."""
    confirmed(ready)
    made_pdf = lead.pdf(made(ready))
    assert made_pdf.startswith(b"%PDF-")
    assert made_pdf.count(b"/DCTDecode") == 2
    assert struct.pack(">HH", 0xFFD8, 0xFFE0) in made_pdf


def test_without_typst_a_pdf_is_refused_before_anything_is_recorded(
    typed: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the extra; the log does not say that a sheet went out."""
    confirmed(typed)
    _without(monkeypatch, "typst")
    said = run("lead", only(typed).number, "-o", tmp_path / "a.pdf", *SENT, fails=SettingsError)
    assert "pip install 'houselights[pdf]'" in said
    assert entries(typed, "exported") == []


SENT = ("--recipient", "court", "--to", "Judge Poe", "--reason", "asked in 12/26")


def _without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)


@pytest.mark.parametrize("suffix", [".html", ".pdf"])
def test_the_command(typed: Record, tmp_path: Path, suffix: str) -> None:
    """R8, R39: the sheet and its receipt are written for their owner alone; the end of the name says what it is."""
    confirmed(typed)
    out = tmp_path / f"lead{suffix}"
    assert "LEAD ONLY, not corroborated" in run("lead", only(typed).number[:8], "-o", out, *SENT)
    receipt = tmp_path / f"lead{suffix}.tlog-proof"
    Receipt.parse(receipt.read_bytes()).check(typed.key)
    assert [oct(path.stat().st_mode)[-3:] for path in (out, receipt)] == ["600", "600"]
    for wrong in (tmp_path / "lead.txt", tmp_path / "none" / "lead.html"):
        run("lead", only(typed).number[:8], "-o", wrong, *SENT, fails=SettingsError)
    assert len(entries(typed, "exported")) == 1


def test_the_real_thing(film: Path, record: Record, detector_path: Path) -> None:
    """R37, R39: a film is searched, two people compare what it gave, and one candidate becomes a lead sheet."""
    record = Record(record.folder.parent)  # a search takes the time of the machine
    authority = policy.authority("missing-person", "Report 17/2026", "Inspector Moe")
    gallery = film / "gallery"
    opening = Opening(by=EL)
    with pytest.raises(PolicyError, match="waits for approval"):
        batch.run(_request(film, gallery, authority, opening=opening), record, Silent())
    case = cases.listed(record)[0]
    cases.approve(record, case, ANA)
    outcome = batch.run(_request(film, gallery, authority, case=case.number), record, Silent())
    results.keep(record, outcome, {}, detector_path)
    found = [state for state in review.states(record) if state.pair is not None]
    assert found
    _confirm(record, found[0].number)
    sheet = made(record, found[0].number)
    words = text(lead.render(sheet))
    assert found[0].candidate.subject in words
    assert f"The case has {len(outcome.result.candidates)} candidate" in words
    assert lead.pdf(sheet).startswith(b"%PDF-")
    assert faults(record) == []


def _request(film: Path, gallery: Path, authority: object, **more: object) -> Request:
    return Request((film / "event.mp4",), authority, gallery=gallery, **more)  # type: ignore[arg-type]
