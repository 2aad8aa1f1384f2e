"""The letter to a person: all that the record has of them, nothing of anybody else, and only after a check."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import Silent
from hypothesis import given
from hypothesis import strategies as st
from strangers import CALIBRATION
from test_report import EVIL, candidate, outcome, pictures_of, read
from test_transparency import FOUND, OUT, RELEASE, SEARCH
from test_watchlist import Synthetic, wanted_of
from test_wording import bad
from typer.testing import CliRunner

from houselights import (
    actors,
    batch,
    cases,
    config,
    consequence,
    custody,
    demo,
    dossier,
    letter,
    models,
    policy,
    results,
    review,
    watchlist,
)
from houselights.audit import Signatures
from houselights.case import Case, Opening, Scope
from houselights.cli_person import subject_report_command
from houselights.dossier import Dossier, Step
from houselights.entry import Entry
from houselights.erasure import erase_subject
from houselights.errors import PolicyError, SettingsError
from houselights.record import Record
from houselights.result import Candidate, RecordUse, RunnerUp
from houselights.results import Kept
from houselights.sampling import Sampling

ADA, REA, ROB = ("Ada", "correct horse battery"), ("Rea", "staple something else"), ("Rob", "a third passphrase")
HOW = "passport K1234567, at the desk"
ANA, BO, CY = "Ana Lima", "Bo Berg", "Cy Lima"
PHOTOGRAPHS = {name: sha256(name.encode()).hexdigest() for name in (ANA, BO, CY)}
FILMS = {"11" * 32: "gate.mp4", "22" * 32: "Bo Berg leaves.mp4"}
WHO = policy.authority("missing-person", "Ana Lima and Bo Berg did not come home, report 12", "Inspector Doe")
PRIVATE = {"basis": WHO.basis, "authorised_by": WHO.authorised_by, "operator": "op"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A record in which all was done that concerns a person."""

    folder: Path
    case: str
    use: str
    """Number of the search."""
    candidate: str
    """Number of Ana's."""


def found(name: str, **other: object) -> Candidate:
    """Return a candidate for somebody, found with their own photograph."""
    return candidate(name, "in/gate.mp4", reference=f"people/{name}.jpg", **other)


def searched(record: Record, case: Case, *those: Candidate, names: tuple[str, ...] = (ANA, BO)) -> Kept:
    """Record a search as `batch.run` does, and keep what it found."""
    search = record.use()
    facts = SEARCH | {"purpose": str(case.authority.purpose), "case": case.number, "subjects": len(names)}
    facts |= {"authorisation": cases.authorisation(record, case.authority)}
    private = PRIVATE | {"basis": case.authority.basis}
    search.add("search-started", facts, private, {name: {"photographs": [PHOTOGRAPHS.get(name, "")]} for name in names})
    for film, name in case.scope.films.items():
        search.add("footage-opened", {"footage": search.take_in(film, name, "missing-person")})
    told = [{"path": f"in/{name}", "sha256": film, "error": None} for film, name in case.scope.films.items()]
    of = {name: {"candidates": sum(each.subject == name for each in those)} for name in names}
    search.add("search-finished", facts | FOUND | {"candidates": len(those)}, private | {"films": told}, of)
    kept = outcome(*those, names=names, record=RecordUse(record.key.name, search.number, case.number)).result
    pictures = pictures_of(*those)
    results._write(record, Kept(kept, names, pictures, {}))
    search.add("results-kept", {"case": case.number, "candidates": len(those)})
    search.add("results-opened", {"how": ["terminal"]})
    return Kept(kept, names, pictures, {})


def decide(record: Record, number: str, decision: str, by: tuple[str, str]) -> None:
    """Let a reviewer decide on a candidate."""
    ticket = review._ticket(record, number, actors.number(record, by[0]))
    review.decide(record, ticket, decision, dict.fromkeys(review.FEATURES[:3], "similar"), by)


def release(record: Record, case: Case) -> None:
    """Record two releases in which people were compared: one is put out, one is held back."""
    copy = record.use()
    facts = RELEASE | {"purpose": "missing-person", "compared": True, "case": case.number}
    facts |= {"authorisation": cases.authorisation(record, case.authority)}
    people = {ANA: {"wanted": "kept", "photographs": []}, BO: {"wanted": "hidden", "photographs": []}}
    copy.add("release-started", facts, PRIVATE | {"source": "11" * 32}, people)
    copy.add("released", facts | OUT, {"source": "11" * 32, "output": "o", "manifest": "m"})
    copy = record.use()
    copy.add("release-started", facts, PRIVATE | {"source": "11" * 32})
    copy.add("release-blocked", {"findings": 2})


def build(folder: Path) -> Scenario:
    """A case for two people with a search, a review and a release; a search for others alone; a watchlist; answers."""
    record = Record(folder / "record", name="example.org/log")
    for (name, passphrase), role in ((ADA, "authoriser"), (REA, "reviewer"), (ROB, "reviewer")):
        actors.add(record, name, role, passphrase, None if name == "Ada" else ADA)
    actors.add(record, "Olu", "operator", "yet another one", ADA)
    people = {name: (PHOTOGRAPHS[name],) for name in (ANA, BO)}
    opening = Opening(by=("Olu", "yet another one"))
    case = cases.open_case(record, WHO, Scope(films=FILMS, subjects=people), opening)
    case = cases.approve(record, case, ADA)
    kept = searched(record, case, found(ANA), found(BO, track=2))
    searched(record, case, found(BO, track=3), names=(BO,))
    number = results.number_of(record, kept.use, found(ANA))
    for by in (REA, ROB):
        decide(record, number, "same-person", by)
    consequence.outcome(record, number, "false")
    release(record, case)
    record.use(case.number).add("case-extended", actors.sign(
        record.use(case.number), "case-extended", {"case": case.number, "until": case.until}, ADA))  # fmt: skip
    for name in (ANA, CY):
        wanted = replace(wanted_of(folder, name), source_text=f"report of {ANA}")
        watchlist.add(record, "doors", wanted, Synthetic(), ADA)  # type: ignore[arg-type]
    watchlist.review(record, "doors", ANA, REA)
    record.disclose("11" * 32, "press", {"recipient": "Jo Reporter", "reason": "asked"})
    other = cases.open_case(
        record, policy.authority("evaluation", "none of hers", "X"),
        Scope(films=FILMS, subjects={CY: (PHOTOGRAPHS[CY],)}),
    )  # fmt: skip
    searched(record, other, found(CY), names=(CY,))
    return Scenario(folder, case.number, kept.use, number)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Built once: nobody may change it."""
    return build(tmp_path_factory.mktemp("scenario"))


@pytest.fixture
def record(scenario: Scenario, tmp_path: Path) -> Record:
    """A copy of the scenario's record."""
    shutil.copytree(scenario.folder / "record", tmp_path / "record")
    return Record(tmp_path / "record")


def entries(record: Record) -> list[Entry]:
    """Return all entries."""
    return [Entry.parse(entry) for entry in record.entries()]


def everything(made: Dossier) -> str:
    """Return the letter in both its forms."""
    return letter.render(made) + letter.to_json(made)


def steps(shape: Any) -> Iterator[Step]:  # noqa: ANN401 - any part of a dossier
    """Return every step in a dossier."""
    if isinstance(shape, Step):
        yield shape
    elif isinstance(shape, tuple):
        for each in shape:
            yield from steps(each)
    elif is_dataclass(shape):
        for each in fields(shape):
            yield from steps(getattr(shape, each.name))


def test_a_letter_has_all_that_was_done(record: Record, scenario: Scenario) -> None:
    """The case, its approval, the search, the candidate, both decisions, the outcome, the copy and the watchlist."""
    made = letter.make(record, ANA, HOW, ADA)
    (case,) = made.cases
    assert (case.number, case.purpose, case.authorised_by) == (scenario.case, "missing-person", "Inspector Doe")
    assert case.meaning == "to look for somebody who is missing"
    assert case.approval.startswith("given on 20")
    assert (case.photographs, case.others) == ((PHOTOGRAPHS[ANA],), 1)
    assert "gate.mp4" in case.films
    (search,) = case.searches
    assert (search.use, search.others, search.kept) == (scenario.use, 1, True)
    assert search.counted == "1,000 pictures of the films, 70 faces followed through them, 60 of these compared"
    assert search.threshold == "about 1 in 100,000"
    (seen,) = search.candidates
    assert (seen.number, seen.film, seen.start_s, seen.end_s) == (scenario.candidate, "gate.mp4", 2.0, 5.0)
    assert (seen.rate, seen.photograph) == ("about 1 in 160,000", "Ana Lima.jpg")
    assert seen.chance == "Among 100,000 strangers, about 2 would look this much like somebody on this list of 2."
    assert dict(seen.exact)["Measured on"] == f"{CALIBRATION}."
    assert (seen.tie, search.near) == ("", 0)
    said = [step.words for step in seen.steps]
    assert sum("compared the pictures and decided: the same person (person " in words for words in said) == 2
    assert said[-1] == "the outcome is known: it was somebody else"
    assert not any("Rea" in words or "Rob" in words for words in said)
    copy, held_back = case.releases
    assert (copy.film, copy.wanted, held_back.wanted) == ("gate.mp4", "kept", "")
    assert copy.steps[-1].words == "the copy was made: 9 heads hidden, 1 kept"
    assert held_back.steps[-1].words == "the copy was held back: a check found 2 faces in it"
    (place,) = made.watchlists
    assert (place.watchlist, place.category, place.state, place.photographs) == ("doors", "missing", "searched", 1)
    assert [step.words for step in place.steps] == ["your entry was added", "your entry was reviewed"]
    (answer,) = made.answers
    assert (answer.film, answer.step.words) == ("gate.mp4", "what was done with this film was disclosed to: press")
    assert "You were searched for once, in 2 films, and 1 face in them looked enough like yours" in letter.summary(made)


def test_nobody_else_is_in_a_letter(record: Record) -> None:
    """Of two people in one case and one search neither letter has the other's name or photograph, typed or sealed."""
    texts = {name: everything(letter.make(record, name, HOW, ADA)) for name in (ANA, BO, CY)}
    for name, text in texts.items():
        assert name in text
        assert PHOTOGRAPHS[name] in text, "its own is there"
        others = PHOTOGRAPHS.keys() - {name}
        assert [each for each in others if PHOTOGRAPHS[each] in text] == []
        assert [each for each in others if each in text] == []
        assert re.findall(r"\b(?:Jo Reporter|Rea|Rob|Olu|Ada|K1234567)\b", text) == []
    assert "[another person] leaves.mp4" in texts[ANA]
    assert "Bo Berg leaves.mp4" in texts[BO]
    assert "Ana Lima and [another person] did not come home" in texts[ANA]
    numbers = {name: json.loads(letter.to_json(letter.make(record, name, HOW, ADA))) for name in (ANA, BO)}
    candidates = {
        name: {seen["number"] for case in told["cases"] for each in case["searches"] for seen in each["candidates"]}
        for name, told in numbers.items()
    }
    assert len(candidates[ANA]) == 1
    assert len(candidates[BO]) == 2
    assert not candidates[ANA] & candidates[BO]


def test_whoever_cannot_be_told_apart_reads_so_without_the_other_name(tmp_path: Path) -> None:
    """T15, R31: each letter says on which faces two people look alike, also where only the other is a candidate."""
    record = Record(tmp_path / "record")
    actors.add(record, "Ada", "authoriser", ADA[1])
    authority = policy.authority("evaluation", "a test", "X")
    case = cases.open_case(record, authority, Scope(films=FILMS, subjects=dict.fromkeys((ANA, BO), ())))
    searched(record, case, found(ANA, runner_up=RunnerUp(BO, 0.598, 7e-6)))
    ana, bo = (letter.make(record, name, HOW, ADA) for name in (ANA, BO))
    (mine,), (theirs,) = (made.cases[0].searches for made in (ana, bo))
    assert (mine.near, theirs.near, theirs.candidates) == (0, 1, ())
    tied = "Cannot tell Ana Lima from [another person]: on this track [another person] scores 0.598, too."
    assert mine.candidates[0].tie == tied
    words = [read(letter.render(made))[0] for made in (ana, bo)]
    assert tied in words[0]
    assert "Exact figures One comparison About 1 in 160,000 comparisons of different people" in words[0]
    assert BO not in everything(ana)
    assert "1 face in it was a candidate for another person, and you came so near" in words[1]
    assert ANA not in everything(bo)


def test_searches_for_others_alone_are_not_told(record: Record) -> None:
    """A later search in the same case that left the person out, and cases of other people, are not in the letter."""
    assert len(letter.make(record, ANA, HOW, ADA).cases[0].searches) == 1
    assert len(letter.make(record, BO, HOW, ADA).cases[0].searches) == 2
    (case,) = letter.make(record, CY, HOW, ADA).cases
    assert case.purpose == "evaluation"


def test_an_outsider_finds_every_entry(record: Record, tmp_path: Path) -> None:
    """Entry numbers, key and checkpoint in the letter hold for a copy of the log that was handed out later."""
    made = letter.make(record, ANA, HOW, ADA)
    record.export(tmp_path / "copy", "subject", {"recipient": ANA, "reason": "asked"})
    (tmp_path / "checkpoint").write_text(made.checkpoint)
    key = custody.Key.parse(made.key)
    assert custody.verify(tmp_path / "copy", key, since=tmp_path / "checkpoint").faults == []
    copied = [Entry.parse(each) for each in custody.read_entries(tmp_path / "copy", made.entries)]
    numbered = list(steps(made))
    assert len(numbered) >= 15
    assert [step for step in numbered if copied[step.entry].time != step.time] == []
    assert copied[made.asked.entry].kind == "subject-reported"
    assert all(f"entry {step.entry}" in letter.render(made) for step in numbered)


def test_nobody_gets_a_letter_unchecked(record: Record) -> None:
    """Without somebody who signs and says how, there is none; the refusal is an entry with the rule's name."""
    for how, by in ((HOW, None), ("  ", ADA), ("\u200b", ADA)):
        before = len(record.entries())
        with pytest.raises(PolicyError, match="nobody checked who asks") as refused:
            letter.make(record, ANA, how, by)
        assert refused.value.rule == "identity-unchecked"
        (entry,) = entries(record)[before:]
        assert (entry.kind, dict(entry.facts)) == ("refused", {"what": "subject-report", "rule": "identity-unchecked"})


def test_only_some_roles_sign_for_a_letter(record: Record) -> None:
    """A reviewer cannot; a wrong passphrase signs nothing; a name and a sentence have their bounds."""
    with pytest.raises(PolicyError, match="this needs: authoriser, releaser, auditor"):
        letter.make(record, ANA, HOW, REA)
    assert entries(record)[-1].facts["rule"] == "role"
    size = len(record.entries())
    with pytest.raises(SettingsError, match="passphrase of 'Ada' is wrong"):
        letter.make(record, ANA, HOW, ("Ada", "not this one"))
    for name, how in (("  ", HOW), ("\u2060", HOW), (ANA, "x" * 2001)):
        with pytest.raises(SettingsError, match="a letter needs a name"):
            letter.make(record, name, how, ADA)
    assert len(record.entries()) == size


def test_a_letter_is_an_entry_that_somebody_signed(record: Record) -> None:
    """The signature holds, how it was checked is sealed under the person's own key, and the log stays whole."""
    made = letter.make(record, ANA, HOW, ADA)
    entry = entries(record)[made.asked.entry]
    assert entry.facts["subject"] == record.pseudonym("subject", ANA)
    assert entry.facts["by"] == actors.number(record, "Ada")
    signatures = Signatures(record.key.name)
    assert [fault for each in entries(record) for fault in signatures.faults(each)] == []
    assert custody.verify(record.folder, record.key).faults == []
    parts = record.store.opened(str(entry.payload), [entry.facts["subject"]])
    assert [HOW.encode() in part for part in parts] == [False, True]
    again = letter.make(record, ANA, HOW, ADA)
    assert [step.entry for step in again.letters] == [made.asked.entry]


def test_a_name_that_nobody_knows_is_said_to_be_unknown(record: Record) -> None:
    """The letter says so plainly, that spelling matters, and is recorded all the same."""
    made = letter.make(record, "Zoe", HOW, ADA)
    words, _ = read(letter.render(made))
    assert made.is_empty
    assert letter.summary(made) == "Nothing in this record names Zoe."
    assert "Nothing in this record names Zoe. Spelling matters: names are compared letter by letter." in words
    assert entries(record)[-1].kind == "subject-reported"


def test_names_are_compared_after_normalisation(record: Record) -> None:
    """A name in other capitals, or with accents put together otherwise, finds the same cases; it says how it stands."""
    made = letter.make(record, " ana LIMA ", HOW, ADA)
    assert (made.name, made.also) == ("ana LIMA", (ANA,))
    assert len(made.cases) == 1
    assert "Ana Lima and [another person] did not come home" in made.cases[0].basis
    assert "Your name also stands there as Ana Lima ." in read(letter.render(made))[0]


def test_a_case_that_waits_and_a_search_that_broke_off(tmp_path: Path) -> None:
    """What has no approval and no end is said to have none; a person beside nobody is told of nobody."""
    record = Record(tmp_path / "record")
    actors.add(record, "Ada", "authoriser", ADA[1])
    actors.add(record, "Olu", "operator", "yet another one", ADA)
    scope = Scope(films=FILMS, subjects={ANA: (PHOTOGRAPHS[ANA],)})
    case = cases.open_case(record, WHO, scope, Opening(by=("Olu", "yet another one"), urgent=True))
    broken = record.use()
    facts = SEARCH | {"case": case.number, "subjects": 1}
    broken.add("search-started", facts, PRIVATE, {ANA: {"photographs": []}})
    broken.add("search-failed", {"why": "interrupted"})
    open_still = record.use()
    open_still.add("refused", {"what": "search", "rule": "intake-purpose"})
    open_still.add("search-started", facts, PRIVATE, {ANA: {"photographs": []}})
    made = letter.make(record, ANA, HOW, ADA)
    assert made.cases[0].approval == "nobody gave it, and the case was urgent"
    assert made.cases[0].others == 0
    first, second = made.cases[0].searches
    assert (first.films, first.counted, first.candidates, first.kept) == ((), "", (), False)
    assert second.ended is None
    assert second.steps[0].words == "refused (search) by the rule intake-purpose"
    words, _ = read(letter.render(made))
    assert "It has no end in the log." in words
    assert "other person" not in words.split("If you want it erased")[0].split("Cases", 1)[1]


def test_what_faded_is_said_to_be_erased(record: Record, scenario: Scenario) -> None:
    """Of a use whose own part is gone, basis and names of films are told as erased, and the letter is whole."""
    record.erase("use", scenario.case, "retention")
    record.erase("use", scenario.use, "retention")
    made = letter.make(record, ANA, HOW, ADA)
    assert (made.cases[0].basis, made.cases[0].authorised_by, made.cases[0].films) == ("erased", "erased", ())
    assert made.cases[0].searches[0].films == ()
    assert len(made.cases[0].searches[0].candidates) == 1, "the person's own part is still there"
    assert made.cases[0].releases[0].film == "erased"


def test_the_page_runs_nothing_and_fetches_nothing(record: Record) -> None:
    """There is no script, no handler, no form and no address in it; tables and headings are in order."""
    page = letter.render(letter.make(record, ANA, HOW, ADA))
    words, tags = read(page)
    assert {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "embed", "form", "base", "img"} == set()
    assert [name for _, attributes in tags for name in attributes if name.startswith("on")] == []
    assert re.findall(r"https?:|//\w|url\(|@import", page) == []
    assert sum(t == "table" for t, _ in tags) == sum(t == "caption" for t, _ in tags)
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in tags if "aria-labelledby" in a} <= set(ids)
    assert "If you want it erased" in words


def test_no_letter_promises(record: Record) -> None:
    """R34: a letter with something in each of its parts, and one with nothing."""
    for name in (ANA, "Zoe"):
        words, _ = read(letter.render(letter.make(record, name, HOW, ADA)))
        assert bad(words) == []


def test_names_cannot_act(tmp_path: Path) -> None:
    """Markup in a name, a basis and a film's name is text; control and direction characters are spelt out."""
    record = Record(tmp_path / "record")
    actors.add(record, "Ada", "authoriser", ADA[1])
    authority = policy.authority("evaluation", f"basis {EVIL}", f"by {EVIL}")
    name = "<b>Ana</b> & Co"
    case = cases.open_case(record, authority, Scope(films={"11" * 32: EVIL}, subjects={name: ()}))
    evil = EVIL.replace("/", "")
    searched(record, case, candidate(name, f"in/{evil}", reference=evil), names=(name,))
    page = letter.render(letter.make(record, name, HOW, ADA))
    words, tags = read(page)
    assert {tag for tag, _ in tags} & {"script", "b"} == set()
    assert not set(page) & {"\u202e", "\x07"}
    assert "<b>Ana</b> & Co" in words
    page.encode("utf-8")


NAMES = st.text("ab AB-é", min_size=1, max_size=6).map(str.strip).filter(bool)


@given(st.sets(NAMES, max_size=4), NAMES, st.lists(st.text("ab AB-é.", max_size=8), max_size=4))
def test_no_other_name_stays_in_what_was_typed(others: set[str], own: str, pieces: list[str]) -> None:
    """Whatever is typed around them: as words of their own only the person's name is left, and it is left as it is."""
    others = {each for each in others if each.casefold() != own.casefold()}
    text = " | ".join([*pieces, *sorted(others), own])
    left = dossier._without(others, (own,))(text)
    parts = left.split(" | ")
    assert parts[-1] == own
    assert parts[len(pieces) : -1] == [dossier.OTHER] * len(others)


def test_the_command_writes_the_letter(record: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`subject-report` asks for the passphrase, writes page and document for the owner alone, and tells what is in."""
    monkeypatch.setenv(config.RECORD, str(record.folder.parent))
    app = typer.Typer()
    app.command()(subject_report_command)
    files = [tmp_path / "letter.html", tmp_path / "letter.json"]
    asked = [ANA, "--checked-by", "Ada", "--how", HOW, "-o", str(files[0]), "--json", str(files[1])]
    done = CliRunner().invoke(app, asked, input=f"{ADA[1]}\n")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "You were searched for once" in " ".join(done.output.split())
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]
    told = json.loads(files[1].read_text())
    assert (told["schema"], told["name"]) == ("houselights/subject-report/1", ANA)
    refused = CliRunner().invoke(app, [ANA, "-o", str(tmp_path / "none.html")])
    assert isinstance(refused.exception, PolicyError)
    assert not (tmp_path / "none.html").exists()
    assert entries(record)[-1].facts["rule"] == "identity-unchecked"


def test_the_letter_and_the_erasure_of_a_real_search(scene: Path, recogniser_path: Path, tmp_path: Path) -> None:
    """R29: what `batch.run` and `results.keep` write is what letter and erasure read; then the case refuses them."""
    assert recogniser_path.exists()
    record = Record(tmp_path / "record")
    actors.add(record, "Ada", "authoriser", ADA[1])
    request = replace(demo.request(scene), sampling=Sampling.parse("5"))
    done = batch.run(request, record, Silent())
    results.keep(record, done, {}, models.path_of(models.default("detector")), pictured=True)
    name = done.result.candidates[0].subject
    told = letter.make(record, name, HOW, ADA)
    (search,) = told.cases[0].searches
    of_theirs = [each for each in done.result.candidates if each.subject == name]
    assert [(seen.start_s, seen.end_s) for seen in search.candidates] == [(e.start_s, e.end_s) for e in of_theirs]
    assert {seen.number for seen in search.candidates} == {
        results.number_of(record, done.use.number, each) for each in of_theirs
    }
    assert search.others == len(done.gallery.subjects) - 1
    others = [each for each in done.gallery.subjects if each.name != name]
    text = everything(told)
    secrets = [secret for each in others for secret in (each.name, *(photo.sha256 for photo in each.references))]
    assert [secret for secret in secrets if secret in text] == []
    erased = erase_subject(record, name, "asked-by-subject")
    assert (erased.cases, erased.results, erased.keys, erased.unfinished) == (1, 1, 1, ())
    with pytest.raises(PolicyError, match=f"does not name '{name}'"):
        batch.run(replace(request, case=told.cases[0].number), record, Silent())
    (case,) = cases.listed(record)
    (kept,) = results.of(record, case)
    assert name not in kept.result.to_json()
    assert len(kept.result.candidates) == len(done.result.candidates) - len(of_theirs)
