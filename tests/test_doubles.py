"""Comparisons of photographs with photographs: arithmetic, words, and the door that they go through."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from conftest import Silent
from hypothesis import given
from hypothesis import strategies as st
from test_report import Reader
from test_wording import bad

from houselights import actors, audit, cases, custody, disclosure, doubles, intake, models, odds, policy, search, twins
from houselights.batch import Request
from houselights.case import Opening, Scope
from houselights.doubles import Asking, Outcome
from houselights.entry import Entry
from houselights.errors import CalibrationError, GalleryError, PolicyError, SettingsError
from houselights.gallery import Gallery, Reference, Subject
from houselights.odds import Calibration, Rate
from houselights.record import Record
from houselights.traces import of as traces_of
from houselights.transparency import tally
from houselights.twins import Doubles, Lookalikes, Near
from houselights.types import Float32, Purpose

ANA, CY = ("Ana", "correct horse battery"), ("Cy", "a third passphrase")
WHO = ("P001", "P004", "P005", "P010")
ASKED = "I want to know who looks like me"
MOST = 10**7
SO_NEAR = "unrelated people would be expected to be this near or nearer"


@pytest.fixture(scope="session")
def calibration() -> Calibration:
    """The built-in one."""
    return odds.built_in(models.default("recogniser"))


@pytest.fixture(scope="module")
def gallery(cast_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of four people. To the default recogniser P004 and P010 look alike."""
    folder = tmp_path_factory.mktemp("doubles") / "gallery"
    folder.mkdir()
    for name in WHO:
        shutil.copy(cast_folder / name / "assets" / "studio_portrait.jpg", folder / f"{name}.jpg")
    return folder


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A record of its own."""
    return Record(tmp_path / "record", name="example.org/log")


def staffed(record: Record) -> None:
    """Let an authoriser and an operator sign in a record."""
    actors.add(record, ANA[0], "authoriser", ANA[1])
    actors.add(record, CY[0], "operator", CY[1], ANA)


def request(gallery: Path, purpose: str = "evaluation", **more: object) -> Request:
    """Return a comparison of everybody in a gallery."""
    authority = policy.authority(purpose, "everybody here was made by a computer", "Doe")
    return replace(Request(footage=(), authority=authority, gallery=gallery), **more)  # type: ignore[arg-type]


def asking(cast_folder: Path, gallery: Path, **more: object) -> Asking:
    """Return what P004 asks, with a picture that is not in the gallery."""
    selfie = cast_folder / "P004" / "assets" / "amateur_selfie.jpg"
    plain = Asking(photograph=selfie, name="P004", consent=ASKED, authorised_by="Doe", among=gallery)
    return replace(plain, **more)  # type: ignore[arg-type]


def entries(record: Record) -> list[Entry]:
    """Return all entries, after an outsider's look at them."""
    assert list(audit.faults(record.key.name, record.entries())) == []
    assert custody.verify(record.folder, record.key).faults == []
    return [Entry.parse(each) for each in record.entries()]


def kinds(record: Record, use: str) -> list[str]:
    """Return the kinds of a use's entries."""
    return [entry.kind for entry in entries(record) if entry.use == use]


def pairs_in(outcome: Outcome) -> Lookalikes:
    """Return what was found of a gallery."""
    assert isinstance(outcome.result, Lookalikes)
    return outcome.result


def ranked_in(outcome: Outcome) -> Doubles:
    """Return who was found to be near."""
    assert isinstance(outcome.result, Doubles)
    return outcome.result


@pytest.fixture(scope="module")
def compared(gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Record]:
    """The gallery's lookalikes, and the record of that. Nobody may change it."""
    record = Record(tmp_path_factory.mktemp("compared"), name="example.org/log")
    return doubles.lookalikes(request(gallery), record, Silent()), record


@pytest.fixture(scope="module")
def asked(gallery: Path, cast_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Record]:
    """Who looks like P004, and the record of that. Nobody may change it."""
    record = Record(tmp_path_factory.mktemp("asked"), name="example.org/log")
    return doubles.doubles(asking(cast_folder, gallery), record, Silent()), record


def synthetic(templates: Float32, photographs: int = 1) -> Gallery:
    """Return a gallery of people with these unit templates (n, d), each so many times."""
    references = [
        tuple(Reference(Path(f"{number}-{each}.jpg"), f"{number:032x}{each:032x}", 1.0, np.zeros(4, np.float32))
              for each in range(photographs))
        for number in range(len(templates))
    ]  # fmt: skip
    subjects = (
        Subject(f"person {number:04}", those, np.repeat(template[None], photographs, 0), template)
        for number, (template, those) in enumerate(zip(templates, references, strict=True))
    )
    return Gallery(tuple(subjects), (), ())


def strangers(people: int, seed: int) -> Float32:
    """Return unit templates (people, 24) in all directions."""
    drawn = np.random.default_rng(seed).normal(size=(people, 24))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


# What is found


def test_the_pair_of_the_cast_is_found(compared: tuple[Outcome, Record]) -> None:
    """T15: P004 and P010 could be taken for each other: names, photographs, score, and what strangers would give."""
    found = pairs_in(compared[0])
    assert found.compared == 6
    (pair,) = found.pairs
    assert (pair.one, pair.other) == ("P004", "P010")
    assert [Path(each).name for each in pair.photographs] == ["P004.jpg", "P010.jpg"]
    assert pair.score >= found.made.threshold.score
    assert pair.expected == pytest.approx(6 * pair.high), "of a bound, the bound"
    assert 0 < pair.fmr <= pair.high
    assert found.expected == pytest.approx(6 * 1e-5)
    assert "1 of 6 pairs of people scores at least" in found.summary
    assert "strangers alone would give such a pair in" in found.closing


def test_the_nearest_come_in_order_and_the_asker_is_left_out(asked: tuple[Outcome, Record]) -> None:
    """A double is ranked with its odds; the asker's own photograph is not, by its name; and how near a stranger is."""
    found = ranked_in(asked[0])
    assert found.left_out == 1
    assert found.made.gallery.people == 3
    assert [near.rank for near in found.nearest] == [1, 2, 3]
    assert found.nearest[0].name == "P010"
    assert "P004" not in {near.name for near in found.nearest}
    assert [near.score for near in found.nearest] == sorted((near.score for near in found.nearest), reverse=True)
    assert found.nearest[0].score > found.stranger.score
    assert "1 photograph of their own left out" in found.summary
    assert found.closing.startswith("The nearest of 3 unrelated people would be expected ")


def test_the_same_bytes_are_the_askers_own(cast_folder: Path, gallery: Path, record: Record) -> None:
    """The asker's photograph under somebody else's name is left out, too, and so is their name in other capitals."""
    wanted = asking(cast_folder, gallery, photograph=gallery / "P001.jpg", name="p005", most=1)
    found = ranked_in(doubles.doubles(wanted, record, Silent()))
    assert found.left_out == 2
    assert found.made.gallery.people == 2
    assert len(found.nearest) == 1


def test_one_photograph_under_two_names_is_told(gallery: Path, record: Record, tmp_path: Path) -> None:
    """The same person under two names: by the same bytes, and by another picture of theirs that scores so high."""
    for name in ("P004.jpg", "P010.jpg"):
        shutil.copy(gallery / name, tmp_path / name)
    shutil.copy(gallery / "P004.jpg", tmp_path / "Somebody.jpg")
    found = pairs_in(doubles.lookalikes(request(tmp_path), record, Silent()))
    (shared,) = found.shared
    assert shared.names == ("P004", "Somebody")
    assert len(found.made.gallery.duplicates) == 1
    assert found.compared == 1


def test_none_found_says_how_many_were_compared(gallery: Path, record: Record, tmp_path: Path) -> None:
    """A gallery without lookalikes: the number of pairs, the score and its rate stand in the sentence."""
    for name in ("P001.jpg", "P005.jpg", "P010.jpg"):
        shutil.copy(gallery / name, tmp_path / name)
    outcome = doubles.lookalikes(request(tmp_path), record, Silent())
    found = pairs_in(outcome)
    assert found.pairs == ()
    assert re.fullmatch(
        r"None of 3 pairs of people scores at least 0\.\d{3}, as about 1 in 100,000 pairs of strangers do\.",
        found.summary,
    )
    (finished,) = [entry for entry in entries(record) if entry.kind == "search-finished"]
    assert finished.facts["outcome"] == "no-candidate"
    assert "No pair reaches" in doubles.render(outcome, models.path_of(models.default("detector")))


@given(st.integers(2, 40), st.integers(0, 1000), st.floats(-0.5, 0.9))
def test_pairs_are_those_of_the_plain_way(people: int, seed: int, threshold: float) -> None:
    """Blocks, margins and order change nothing: the pairs are those that a loop over all of them finds."""
    calibration = odds.built_in(models.default("recogniser"))
    drawn = synthetic(strangers(people, seed), photographs=2)
    plain = {
        (one.name, other.name): value
        for i, one in enumerate(drawn.subjects)
        for other in drawn.subjects[i + 1 :]
        if (value := search.score(one.template, other.template)) >= threshold
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "ROWS", 7)
        found = twins.pairs(drawn, threshold, calibration)
    assert {(each.one, each.other): each.score for each in found} == plain
    assert [each.score for each in found] == sorted(plain.values(), reverse=True)
    assert all(
        each.expected == twins.pairs_of(people) * (each.high if each.how == "bound" else each.fmr) for each in found
    )


@given(st.integers(1, 40), st.integers(0, 1000), st.integers(1, 50))
def test_the_nearest_are_the_nearest(people: int, seed: int, most: int) -> None:
    """As many as were asked for, or all: nobody who is left out is nearer than anybody who is shown."""
    calibration = odds.built_in(models.default("recogniser"))
    drawn = synthetic(strangers(people + 1, seed))
    asker, others = drawn.subjects[0], Gallery(drawn.subjects[1:], (), ())
    found = twins.nearest(asker, others, most, calibration)
    scores = sorted((search.score(asker.template, each.template) for each in others.subjects), reverse=True)
    assert [each.score for each in found] == scores[:most]
    assert [each.rank for each in found] == list(range(1, min(most, people) + 1))


# What is said of it


@given(st.integers(1, MOST))
def test_a_nearest_stranger_is_half_of_all(people: int) -> None:
    """The score of the nearest stranger has a rate at which half of such galleries hold a nearer one."""
    calibration = odds.built_in(models.default("recogniser"))
    far = twins.stranger(people, calibration)
    rate = 1 - 0.5 ** (1 / people)
    if far.bound == "about":
        assert calibration.fmr_at(far.score) == pytest.approx(rate, rel=0.1)
    elif far.bound == "above":
        assert rate < calibration.lowest_rate
    else:
        assert calibration.fmr_at(far.score) < rate
    assert f" {far.score:.3f}." in twins.stranger_words(far)


@given(st.integers(1, MOST), st.integers(1, MOST))
def test_more_people_bring_a_nearer_stranger(one: int, other: int) -> None:
    """T5: the more people a gallery has, the nearer its nearest stranger is expected."""
    calibration = odds.built_in(models.default("recogniser"))
    few, many = (twins.stranger(people, calibration).score for people in sorted((one, other)))
    assert few <= many


@given(st.floats(1e-9, 1), st.integers(1, 10**5))
def test_more_people_speak_less_for_one_person(fmr: float, others: int) -> None:
    """What speaks for one person under two names among many does among few; what strangers reached never does."""
    if twins.is_twice(Rate(fmr, 0.0, fmr, "bound"), others):
        assert fmr <= 1e-5
        assert twins.is_twice(Rate(fmr, 0.0, fmr, "bound"), others - 1)
        assert twins.is_twice(Rate(fmr / 2, 0.0, fmr, "bound"), others)
    assert not any(twins.is_twice(Rate(fmr, 0.0, fmr, how), others) for how in ("counted", "fitted"))


@pytest.mark.parametrize(
    ("fmr", "people", "at_most", "said"),
    [
        (1.0, 9, True, f"Many of 9 {SO_NEAR}."),
        (0.01, 4000, False, f"About 40 of 4,000 {SO_NEAR}."),
        (5e-7, 4_000_000, True, f"At most 2 of 4,000,000 {SO_NEAR}."),
        (1e-5, 9, False, f"One of 9 {SO_NEAR} in about 1 of 11,000 such galleries."),
        (5e-7, 500, True, f"One of 500 {SO_NEAR} in at most 1 of 4,000 such galleries."),
    ],
)
def test_how_many_strangers_are_so_near(fmr: float, people: int, *, at_most: bool, said: str) -> None:
    """R31: how many unrelated people would be so near is people times rate, and a bound where the rate is one."""
    how = "bound" if at_most else "counted"
    near = Near(1, "Bo", "b.jpg", 0.5, fmr, fmr, how, people * fmr, twice=False)
    assert twins.near_words(near, people) == said


@pytest.mark.parametrize(
    ("expected", "at_most", "said"),
    [
        (4.95, False, "strangers alone would give about 5 such pairs of 499,500."),
        (0.6, True, "strangers alone would give at most 1 such pair of 499,500."),
        (0.05, False, "strangers alone would give such a pair in about 1 of 20 galleries of this size."),
    ],
)
def test_how_many_pairs_strangers_give(expected: float, *, at_most: bool, said: str) -> None:
    """R31: the number of pairs that strangers alone would give is pairs times rate."""
    assert twins.pairs_words(expected, 499_500, at_most=at_most) == said


def test_nothing_promises(compared: tuple[Outcome, Record], asked: tuple[Outcome, Record]) -> None:
    """R34: no page and no document names a candidate more than it is, or says that people are related."""
    detector = models.path_of(models.default("detector"))
    for outcome, pictures in ((compared[0], 2), (asked[0], 6)):
        page = doubles.render(outcome, detector)
        reader = Reader()
        reader.feed(page)
        text = " ".join(reader.words)
        assert bad(text) == bad(outcome.result.to_json()) == []
        assert not re.search(r"\brelated\b|relative|family of", text)
        assert page.count("data:image/jpeg") == pictures
        assert "http" not in page.replace("http-equiv", "")
        assert "<script" not in page
        assert outcome.result.closing in text


def test_names_cannot_act_on_a_page(compared: tuple[Outcome, Record]) -> None:
    """A name is text on the page, whatever it looks like."""
    outcome = compared[0]
    found = pairs_in(outcome)
    evil = replace(found.pairs[0], one="<script>alert(1)</script>\u202e")
    shown = replace(outcome, result=replace(found, pairs=(evil,)))
    page = doubles.render(shown, models.path_of(models.default("detector")))
    assert "<script" not in page
    assert "⟨U+202E⟩" in page


def test_a_photograph_that_is_gone_has_no_picture(gallery: Path, record: Record, tmp_path: Path) -> None:
    """A picture is cut from the very bytes that were compared, or there is none and the page says why."""
    for name in ("P004.jpg", "P010.jpg"):
        shutil.copy(gallery / name, tmp_path / name)
    outcome = doubles.lookalikes(request(tmp_path), record, Silent())
    (tmp_path / "P004.jpg").unlink()
    shutil.copy(gallery / "P001.jpg", tmp_path / "P010.jpg")
    page = doubles.render(outcome, models.path_of(models.default("detector")))
    assert "data:image/jpeg" not in page
    assert "could not be read again" in page
    assert "was changed after it was compared" in page


def test_the_documents_are_whole(compared: tuple[Outcome, Record], asked: tuple[Outcome, Record]) -> None:
    """T3: the JSON documents name their schema, model, calibration, and each score's rate."""
    told, ranked = (json.loads(outcome.result.to_json()) for outcome, _ in (compared, asked))
    assert (told["schema"], ranked["schema"]) == ("houselights/lookalikes/1", "houselights/doubles/1")
    assert told["pairs"][0].keys() >= {"score", "fmr", "high", "how", "expected"}
    assert ranked["nearest"][0].keys() >= {"rank", "score", "fmr", "high", "how", "expected"}
    assert ranked["made"]["threshold"]["calibration"]
    assert ranked["stranger"]["people"] == 3


# The door


def test_both_are_searches_to_an_outsider(compared: tuple[Outcome, Record], asked: tuple[Outcome, Record]) -> None:
    """R6, R7: each has the entries of a search, a film for each photograph, and is counted among the searches."""
    for (outcome, record), what, films, subjects in ((compared, "lookalikes", 4, 4), (asked, "doubles", 3, 1)):
        chain = [entry for entry in entries(record) if entry.use == outcome.use.number]
        names = [entry.kind for entry in chain]
        assert names == ["search-started", *films * ["footage-opened"], "search-finished"]
        assert chain[0].facts["comparison"] == chain[-1].facts["comparison"] == what
        assert (chain[0].facts["films"], chain[0].facts["subjects"]) == (films, subjects)
        assert chain[-1].facts["candidates"] == 1
        counted = tally(record.entries(), record.log.checkpoint()).searches
        assert (counted.total, counted.of_photographs) == (1, {what: 1})
        assert counted.outcomes.candidates == 1


def test_whoever_has_a_photograph_can_ask(asked: tuple[Outcome, Record], gallery: Path) -> None:
    """Was this photograph ever compared? The log answers as for a film, and not to who has another one."""
    _, record = asked
    content = (gallery / "P010.jpg").read_bytes()
    secret = record.disclosure(hashlib.sha256(content).hexdigest())
    told = "\n".join(disclosure.in_words(disclosure.uses_of(secret, record.entries()), 99))
    assert "searches of this film: 1" in told
    other = record.disclosure(hashlib.sha256(b"another").hexdigest())
    assert disclosure.uses_of(other, record.entries()) == []


def test_nothing_is_kept_but_what_was_asked(asked: tuple[Outcome, Record]) -> None:
    """R9, R25: no entry has a name; what is found lies nowhere; who was only compared is named nowhere at all."""
    outcome, record = asked
    public = b"".join(record.entries())
    assert not any(name.encode() in public for name in WHO)
    assert record.store.documents("result") == {}
    own = [trace.own for trace in traces_of(record, "P004").found if trace.entry.use == outcome.use.number]
    assert [bool(parts) for parts in own] == [True, False, False, False, True]
    assert traces_of(record, "P010").found == ()


def test_no_name_stands_beside_a_film(compared: tuple[Outcome, Record]) -> None:
    """GDPR 17: what outlives an erasure in a case are hashes of photographs, never a name from a file's."""
    outcome, record = compared
    scope = cases.current(record, outcome.case.number).scope
    assert all(re.fullmatch(r"photograph [0-9a-f]{12}", name) for name in scope.films.values())
    cases.forget(record, "P004")
    assert "P004" not in str(cases.current(record, outcome.case.number).scope)


def test_before_anything_is_shown_there_is_an_entry(gallery: Path, record: Record) -> None:
    """R5: the rules are asked once more, and the entry that says how it is shown stands before it is."""
    outcome = doubles.lookalikes(request(gallery, threshold_fmr=1e-4), record, Silent())
    doubles.opened(outcome, ["terminal", "json"])
    assert kinds(record, outcome.use.number)[-1] == "results-opened"
    assert entries(record)[-1].facts["how"] == ["json", "terminal"]


@pytest.mark.parametrize("empty", ["", "  ", "\u2800"])
def test_nobody_is_ranked_without_their_consent(cast_folder: Path, gallery: Path, record: Record, empty: str) -> None:
    """R13: consent in words, and an authoriser, or it is refused and the refusal is recorded."""
    for missing in ({"consent": empty}, {"authorised_by": empty}):
        with pytest.raises(PolicyError, match="only if they asked") as refused:
            doubles.doubles(asking(cast_folder, gallery, **missing), record, Silent())
        assert refused.value.rule == "basis-and-authoriser"
    assert [entry.kind for entry in entries(record)][-2:] == ["refused", "refused"]
    with pytest.raises(SettingsError, match="the name of a subject"):
        doubles.doubles(asking(cast_folder, gallery, name=empty), record, Silent())


def test_doubles_is_consented_whatever_is_asked(cast_folder: Path, gallery: Path) -> None:
    """R13: the purpose is fixed, the basis is the consent; there is no watchlist and no footage in it."""
    made = asking(cast_folder, gallery).request()
    assert made.authority.purpose is Purpose.CONSENTED
    assert (made.authority.basis, made.watchlist, made.footage) == (ASKED, None, ())
    assert "watchlist" not in Asking.__slots__


def test_a_photograph_for_a_post_is_compared_with_nobody(cast_folder: Path, gallery: Path, record: Record) -> None:
    """R14: what was taken in for public release is not compared; the refusal names the photograph."""
    sha256 = hashlib.sha256((gallery / "P010.jpg").read_bytes()).hexdigest()
    intake.take_in(record, sha256, "P010.jpg", Purpose.PUBLIC_RELEASE)
    for make in (
        lambda: doubles.lookalikes(request(gallery), record, Silent()),
        lambda: doubles.doubles(asking(cast_folder, gallery), record, Silent()),
    ):
        with pytest.raises(PolicyError, match=r"'P010.jpg' was taken in for 'public-release'"):
            make()
        last = entries(record)[-1]
        assert (last.kind, last.facts["rule"]) == ("refused", "intake-purpose")
        assert "footage" in last.facts
    assert "search-started" not in {entry.kind for entry in entries(record)}


def test_those_who_did_not_ask_need_two_people(gallery: Path, record: Record) -> None:
    """R37: once there is an authoriser, lookalikes for such a purpose wait for one who did not open the case."""
    staffed(record)
    wanted = request(gallery, "crime-suspect")
    with pytest.raises(PolicyError, match="needs two people"):
        doubles.lookalikes(wanted, record, Silent())
    with pytest.raises(PolicyError, match="waits for approval"):
        doubles.lookalikes(replace(wanted, opening=Opening(by=CY)), record, Silent())
    (case,) = cases.listed(record)
    within = replace(wanted, case=case.number)
    with pytest.raises(PolicyError, match="waits for approval"):
        doubles.lookalikes(within, record, Silent())
    assert "search-started" not in {entry.kind for entry in entries(record)}
    cases.approve(record, case, ANA)
    outcome = doubles.lookalikes(within, record, Silent())
    doubles.opened(outcome, ["report"])
    cases.close(record, case)
    with pytest.raises(PolicyError, match="is over"):
        doubles.lookalikes(within, record, Silent())
    assert entries(record)[-1].kind == "refused"


def test_a_case_holds_its_photographs_and_its_time(gallery: Path, tmp_path: Path) -> None:
    """R13: in another's case, with a photograph more, or after its end: refused, and so recorded."""
    now = [datetime(2026, 3, 1, tzinfo=UTC)]
    record = Record(tmp_path / "record", name="example.org/log", clock=lambda: now[0])
    folder = tmp_path / "gallery"
    shutil.copytree(gallery, folder)
    first = doubles.lookalikes(request(folder), record, Silent())
    within = request(folder, case=first.case.number)
    shutil.copy(gallery / "P001.jpg", folder / "P011.jpg")
    with (folder / "P011.jpg").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(PolicyError, match=r"the film 'P011.jpg' is not one of its films"):
        doubles.lookalikes(within, record, Silent())
    (folder / "P011.jpg").unlink()
    now[0] += timedelta(days=400)
    with pytest.raises(PolicyError, match="is over"):
        doubles.lookalikes(within, record, Silent())
    rules = [entry.facts["rule"] for entry in entries(record) if entry.kind == "refused"]
    assert rules == ["case-scope", "case-expired"]


def test_an_exchanged_photograph_is_not_compared(
    cast_folder: Path, gallery: Path, record: Record, tmp_path: Path
) -> None:
    """R13: what is compared is what was let in: a photograph that is exchanged meanwhile ends the comparison."""
    folder = tmp_path / "gallery"
    shutil.copytree(gallery, folder)

    class Exchanging(Silent):
        """Puts another picture into the gallery while it is recorded."""

        def identified(self, _done: int, _total: int) -> None:
            """Recorded."""
            shutil.copy(cast_folder / "P002" / "assets" / "studio_portrait.jpg", folder / "P010.jpg")

    with pytest.raises(PolicyError, match="is not one of its films"):
        doubles.doubles(asking(cast_folder, folder), record, Exchanging())
    assert [entry.kind for entry in entries(record)][-2:] == ["refused", "search-failed"]


def test_what_is_found_urgently_stays_on_the_screen(gallery: Path, record: Record) -> None:
    """R22: in an urgent case that nobody approved yet nothing leaves the screen."""
    staffed(record)
    wanted = request(gallery, "missing-person")
    read = list(doubles._read(doubles.entries(gallery, [])[0]))
    scope = Scope(films=doubles._films(read), subjects=doubles._by_name(read))
    case = cases.open_case(record, wanted.authority, scope, Opening(urgent=True, by=CY))
    with pytest.raises(PolicyError, match="on the screen alone"):
        doubles.lookalikes(replace(wanted, case=case.number), record, Silent())
    outcome = doubles.lookalikes(replace(wanted, case=case.number, leaves=False), record, Silent())
    with pytest.raises(PolicyError, match="on the screen alone"):
        doubles.opened(outcome, ["json"])
    doubles.opened(outcome, ["terminal"])
    assert [entry.kind for entry in entries(record)][-2:] == ["refused", "results-opened"]


# Bad input


def test_photographs_that_cannot_be_used(cast_folder: Path, gallery: Path, record: Record, tmp_path: Path) -> None:
    """R35: several faces, none, no picture at all: refused as in a gallery, by name; one person is too few."""
    sheet = cast_folder / "P004" / "assets" / "emotions_sheet.jpg"
    (tmp_path / "none.jpg").write_bytes(b"no picture")
    for photograph, why in ((sheet, "faces were found"), (tmp_path / "none.jpg", "is not a picture")):
        with pytest.raises(GalleryError, match=why):
            doubles.doubles(asking(cast_folder, gallery, photograph=photograph), record, Silent())
    with pytest.raises(GalleryError, match="is not there"):
        doubles.doubles(asking(cast_folder, gallery, photograph=tmp_path / "gone.jpg"), record, Silent())
    with pytest.raises(GalleryError, match="is not a folder"):
        doubles.doubles(asking(cast_folder, tmp_path / "gone"), record, Silent())
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    shutil.copy(gallery / "P001.jpg", mixed)
    with pytest.raises(GalleryError, match="has 1 person"):
        doubles.lookalikes(request(mixed), record, Silent())
    with pytest.raises(GalleryError, match="no photograph of anybody else"):
        doubles.doubles(asking(cast_folder, mixed, name="P001"), record, Silent())
    shutil.copy(sheet, mixed / "P009.jpg")
    shutil.copy(gallery / "P005.jpg", mixed)
    outcome = doubles.lookalikes(request(mixed), record, Silent())
    (refused,) = pairs_in(outcome).made.gallery.refused
    assert "P009.jpg" in refused.file
    assert [e.facts["films_failed"] for e in entries(record) if e.kind == "search-finished"] == [1]


def test_a_rate_that_was_not_measured(gallery: Path, record: Record) -> None:
    """A threshold beyond the calibration is refused, and nothing is compared."""
    with pytest.raises(CalibrationError):
        doubles.lookalikes(request(gallery, threshold_fmr=1e-14), record, Silent())
    assert "search-started" not in {entry.kind for entry in entries(record)}
