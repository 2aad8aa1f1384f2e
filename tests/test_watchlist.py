"""Watchlists: who rests in the store, why, until when; and that nothing of them is left when they are gone."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import rankdata
from typer.testing import CliRunner

from houselights import actors, config, custody, models, watchlist
from houselights.audit import Signatures
from houselights.cli_watchlist import watchlist_app
from houselights.custody import CustodyError
from houselights.entry import CATEGORY_WORDS, Entry
from houselights.errors import GalleryError, PolicyError, RecordError, SettingsError
from houselights.facts import WORDS
from houselights.gallery import Reference, Subject, still
from houselights.listing import IMAGE_WORDS, SOURCE_WORDS, Listed, Wanted, Watchlist, secret_matrix
from houselights.portrait import COVER, laid, window
from houselights.record import Record
from houselights.registrar import Registrar
from houselights.search import score
from houselights.templates import Recogniser, fuse, recipe, unit
from houselights.types import Float32, Float64

ANA, BO, CY = ("Ana", "correct horse battery"), ("Bo", "staple something else"), ("Cy", "a third passphrase")
D = 128
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
GATE = "gate"


class Synthetic:
    """A registrar whose templates are random unit vectors: the same photograph has the same one."""

    recogniser = "ab" * 32

    def take(self, subject: str, files: tuple[Path, ...]) -> tuple[Subject, tuple[()]]:
        """Return the subject of some files."""
        contents = [file.read_bytes() for file in files]
        templates = np.concatenate([template_of(content) for content in contents])
        references = tuple(
            Reference(file, sha256(content).hexdigest(), 0.5, np.ones(4, np.float32), b"jpeg of " + content)
            for file, content in zip(files, contents, strict=True)
        )
        return Subject(subject, references, templates, fuse(templates, [0.5] * len(files))), ()


def template_of(content: bytes) -> Float32:
    """Return the (1, d) template of a photograph."""
    seed = int.from_bytes(sha256(content).digest()[:8])
    return unit(np.random.default_rng(seed).normal(size=(1, D)).astype(np.float32))


@pytest.fixture
def clock() -> SimpleNamespace:
    """What time it is."""
    return SimpleNamespace(now=START)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a record with an authoriser, a reviewer and an operator. Nobody may change it."""
    folder = tmp_path_factory.mktemp("begun") / "record"
    record = Record(folder, name="example.org/log", clock=lambda: START)
    for (name, passphrase), role in ((ANA, "authoriser"), (BO, "reviewer"), (CY, "operator")):
        actors.add(record, name, role, passphrase, None if name == "Ana" else ANA)
    return folder


@pytest.fixture
def record(begun: Path, tmp_path: Path, clock: SimpleNamespace) -> Record:
    """A record with an authoriser, a reviewer and an operator."""
    shutil.copytree(begun, tmp_path / "record")
    return Record(tmp_path / "record", clock=lambda: clock.now)


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    """Somebody to add, with one photograph."""
    return wanted_of(tmp_path, "Dee Doe")


def wanted_of(folder: Path, subject: str, *contents: bytes) -> Wanted:
    """Return somebody to add, with photographs of these contents."""
    files = []
    for place, content in enumerate(contents or (f"photograph of {subject}".encode(),)):
        files.append(folder / f"{subject} {place}.jpg")
        files[-1].write_bytes(content)
    return Wanted(
        subject=subject, category="missing", source="missing-person-report", source_text="report 17",
        image_date=date(2026, 5, 1), photographs=tuple(files),
    )  # fmt: skip


def put(record: Record, wanted: Wanted, name: str = GATE) -> Listed:
    """Add somebody and review them."""
    watchlist.add(record, name, wanted, Synthetic(), ANA)
    return watchlist.review(record, name, wanted.subject, BO)


def active(record: Record, name: str = GATE) -> list[str]:
    """Return who is searched for."""
    return [each.name for each in watchlist.active(record, name, Synthetic.recogniser)[0].subjects]


def changes(record: Record) -> list[str]:
    """Return what the log says of watchlists, and check the log."""
    entries = [Entry.parse(entry) for entry in record.entries()]
    signatures = Signatures(record.key.name)
    assert [fault for entry in entries for fault in signatures.faults(entry)] == []
    assert custody.verify(record.folder, record.key).faults == []
    return [entry.facts["change"] for entry in entries if entry.kind == "watchlist-changed"]


def rows(record: Record, like: str) -> list[bytes]:
    """Return what lies sealed of documents whose kind and number are like this, and their wrapped keys."""
    with closing(sqlite3.connect(record.folder.parent / "private" / "store.db")) as base:
        found = base.execute("SELECT sealed FROM documents WHERE kind || ' ' || id LIKE ?", (like,)).fetchall()
        found += base.execute("SELECT wrapped FROM keys WHERE holder LIKE ?", (like,)).fetchall()
    return [content for (content,) in found]


def share(record: Record, contents: list[bytes]) -> float:
    """Return the share of some sealed bytes that lies in the store's file or in any beside it, journals among them.

    Long ones lie torn over pages, so they are looked for in pieces of 16 bytes, 100 of each.
    """
    files = [file.read_bytes() for file in (record.folder.parent / "private").iterdir() if file.is_file()]
    assert any(content.startswith(b"SQLite format 3") for content in files)
    pieces = [each[at : at + 16] for each in contents for at in range(0, len(each) - 15, max(16, len(each) // 100))]
    return sum(any(piece in content for content in files) for piece in pieces) / len(pieces)


def traces(content: bytes) -> list[bytes]:
    """Return a template as bytes, in the forms in which it might lie somewhere."""
    template = template_of(content)[0]
    forms = [template.tobytes(), template.astype(np.float64).tobytes()]
    return [*forms, *map(base64.b64encode, forms)]


# ---------------------------------------------------------------------------------------------- what an entry needs


@pytest.mark.parametrize(
    ("change", "rule", "said"),
    [
        ({"category": "other"}, "watchlist-entry", "'other' is no category"),
        ({"category": "litigant"}, "watchlist-entry", "is no category"),
        ({"source": "scraped"}, "watchlist-entry", "'scraped' is no lawful source"),
        ({"source": "social-media"}, "watchlist-entry", "is no lawful source"),
        ({"source_text": "  "}, "watchlist-entry", "lawful source in words"),
        ({"minor": True}, "watchlist-entry", "needs a justification"),
        ({"minor": True, "justification": " \n"}, "watchlist-entry", "needs a justification"),
        ({"minor": True, "justification": "\u200b\u3164"}, "watchlist-entry", "needs a justification"),
        ({"source_text": "\u2060"}, "watchlist-entry", "lawful source in words"),
        ({"until": date(2027, 11, 23)}, "retention", "365 days are the longest, until 2027-11-22"),
        ({"until": date(2026, 11, 21)}, "retention", "would have expired"),
        ({"image": "photo"}, "quality", "is no kind of image"),
        *(({"image": each}, "quality", "cannot stand for") for each in WORDS["probe"] if each not in IMAGE_WORDS),
    ],
)
def test_an_entry_that_lacks_what_it_needs_is_refused(
    change: dict[str, Any], rule: str, said: str, record: Record, wanted: Wanted
) -> None:
    """R18, R20, R27, R36: category, source, justification, end and kind of image are closed; no list is made of it."""
    with pytest.raises(PolicyError, match=said) as caught:
        watchlist.add(record, GATE, replace(wanted, **change), Synthetic(), ANA)
    assert caught.value.rule == rule
    assert watchlist.names(record) == ()
    assert changes(record) == []


def test_a_drawing_or_a_made_picture_is_on_the_list_of_facts_and_refused() -> None:
    """R36: the kinds that are refused and those that are not are together all the kinds that there are."""
    refused = {"sketch", "composite", "stand-in", "generated", "edited"}
    assert set(IMAGE_WORDS) | refused == set(WORDS["probe"])
    assert "other" not in CATEGORY_WORDS
    assert not {"scraped", "social-media", "web"} & set(SOURCE_WORDS)


def test_an_entry_keeps_what_it_was_added_with(record: Record, wanted: Wanted) -> None:
    """R18, R20: lawful source, date of the image, quality, reviewer and end are there, and why a minor is listed."""
    minor = replace(wanted, minor=True, justification=" her parents asked ", until=date(2026, 12, 24), image="scan")
    put(record, minor)
    (entry,) = watchlist.listed(record, GATE)
    assert (entry.category, entry.source, entry.source_text) == ("missing", "missing-person-report", "report 17")
    assert (entry.image, entry.image_date, entry.quality) == ("scan", "2026-05-01", 0.5)
    assert (entry.minor, entry.justification) == (True, "her parents asked")
    assert (entry.added, entry.until) == ("2026-11-22T12:00:00Z", "2026-12-24T23:59:59Z")
    assert entry.reviewed_by == actors.number(record, "Bo")


def test_names_texts_and_numbers_are_bounded(record: Record, wanted: Wanted) -> None:
    """An empty or endless name, text or heap of photographs, or a photograph of tomorrow, is an error that says so."""
    for name, change, said in (
        (" ", {}, "name of a watchlist has 1 to 100"),
        ("n" * 101, {}, "name of a watchlist has 1 to 100"),
        (GATE, {"subject": "\u200b "}, "name of a subject"),
        (GATE, {"subject": "\u3164"}, "name of a subject"),
        (GATE, {"subject": "n" * 101}, "name of a subject"),
        (GATE, {"source_text": "x" * 2001}, "2000 are the most"),
        (GATE, {"photographs": ()}, "1 to 20 photographs, 0"),
        (GATE, {"photographs": wanted.photographs * 21}, "1 to 20 photographs, 21"),
        (GATE, {"image_date": date(2026, 11, 23)}, "cannot be of 2026-11-23"),
    ):
        with pytest.raises(SettingsError, match=said):
            watchlist.add(record, name, replace(wanted, **change), Synthetic(), ANA)
    assert watchlist.names(record) == ()


def test_a_list_has_so_many_entries_and_no_more(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit counts entries of one list."""
    monkeypatch.setattr(watchlist, "MOST_ENTRIES", 2)
    for name in ("Dee", "Eve"):
        watchlist.add(record, GATE, wanted_of(tmp_path, name), Synthetic(), ANA)
    with pytest.raises(SettingsError, match="2 are the most"):
        watchlist.add(record, GATE, wanted_of(tmp_path, "Fay"), Synthetic(), ANA)
    watchlist.add(record, "other", wanted_of(tmp_path, "Fay"), Synthetic(), ANA)


def test_one_person_stands_once_on_a_list(record: Record, wanted: Wanted) -> None:
    """Other letters make no other person, nor another list; another list may have them, too."""
    put(record, wanted)
    with pytest.raises(SettingsError, match="is on the watchlist 'gate' already"):
        watchlist.add(record, " GATE", replace(wanted, subject="dee DOE "), Synthetic(), ANA)
    put(record, wanted, "other")
    assert watchlist.names(record) == ("gate", "other")
    numbers = {entry.number for name in ("gate", "other") for entry in watchlist.listed(record, name)}
    assert len(numbers) == 2


# ---------------------------------------------------------------------------------------------- who is searched for


def test_only_what_was_reviewed_and_has_not_expired_is_searched_for(
    record: Record, tmp_path: Path, clock: SimpleNamespace
) -> None:
    """R18: waiting and expired entries are left out with the reason; nobody left is an error."""
    for name, days in (("Dee", 9), ("Eve", 2), ("Fay", 9)):
        wanted = replace(wanted_of(tmp_path, name), until=START.date() + timedelta(days=days))
        watchlist.add(record, GATE, wanted, Synthetic(), ANA)
    with pytest.raises(GalleryError, match="Dee: waits for review"):
        active(record)
    watchlist.review(record, GATE, "Dee", BO)
    watchlist.review(record, GATE, "Eve", BO)
    assert active(record) == ["Dee", "Eve"]
    clock.now = datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC)  # Eve's last second
    assert active(record) == ["Dee", "Eve"]
    clock.now += timedelta(seconds=1)
    gallery, left_out = watchlist.active(record, GATE, Synthetic.recogniser)
    assert [each.name for each in gallery.subjects] == ["Dee"]
    assert [(each.file, each.reason) for each in left_out] == [
        ("Eve", "expired on 2026-11-24"), ("Fay", "waits for review"),
    ]  # fmt: skip
    with pytest.raises(PolicyError, match="expired on 2026-11-24"):
        watchlist.review(record, GATE, "Eve", BO)


@given(st.sampled_from(["", "2026-01-01T00:00:00Z"]), st.integers(0, 10**8), st.integers(0, 1000))
def test_a_state_follows_from_review_and_end(reviewed: str, seconds: int, days: int) -> None:
    """R18: whoever is searched for was reviewed, and their last day is not over."""
    now, until = START + timedelta(seconds=seconds), START.date() + timedelta(days=days)
    entry = Listed(
        number="", subject="", category="", source="", source_text="", image="", image_date="", minor=False,
        justification="", portraits=(), offered=1, matrix="1", added="", until=f"{until}T23:59:59Z",
        reviewed=reviewed,
    )  # fmt: skip
    assert (entry.state(now) == "searched") == (bool(reviewed) and now.date() <= until)


def test_who_added_an_entry_does_not_review_it(record: Record, wanted: Wanted) -> None:
    """R18: the same person in other letters is the same; an operator reviews nothing; a second review changes none."""
    watchlist.add(record, GATE, wanted, Synthetic(), ANA)
    for name in ("Ana", " ana "):
        with pytest.raises(PolicyError, match="cannot review it") as caught:
            watchlist.review(record, GATE, wanted.subject, (name, ANA[1]))
        assert caught.value.rule == "two-people"
    with pytest.raises(PolicyError, match="has the role 'operator'"):
        watchlist.review(record, GATE, wanted.subject, CY)
    with pytest.raises(SettingsError, match="passphrase of 'Bo' is wrong"):
        watchlist.review(record, GATE, wanted.subject, (BO[0], ANA[1]))
    assert watchlist.listed(record, GATE)[0].reviewed == ""
    first = watchlist.review(record, GATE, wanted.subject, BO)
    assert watchlist.review(record, GATE, wanted.subject, BO) == first
    assert changes(record) == ["added", "reviewed"]


def test_a_list_is_bound_to_its_recogniser(record: Record, tmp_path: Path, wanted: Wanted) -> None:
    """Templates of another model cannot be compared: neither searched with nor added to."""
    put(record, wanted)
    with pytest.raises(GalleryError, match=r"made with recogniser abababababab(.|\n)*enrol the photographs again"):
        watchlist.active(record, GATE, "cd" * 32)
    other = Synthetic()
    other.recogniser = "cd" * 32
    with pytest.raises(GalleryError, match="this is cdcdcd"):
        watchlist.add(record, GATE, wanted_of(tmp_path, "Eve"), other, ANA)


def test_a_list_is_searched_without_its_photographs(record: Record, tmp_path: Path) -> None:
    """T19: what is kept are templates and small pictures; the photographs may be gone, and no file is named."""
    wanted = wanted_of(tmp_path, "Dee", b"one", b"two")
    put(record, wanted)
    for file in wanted.photographs:
        file.unlink()
    gallery, _ = watchlist.active(record, GATE, Synthetic.recogniser)
    (subject,) = gallery.subjects
    assert [reference.jpeg for reference in subject.references] == [b"jpeg of one", b"jpeg of two"]
    assert len({reference.file for reference in subject.references}) == 2
    assert not any(reference.file.exists() or reference.file.is_absolute() for reference in subject.references)
    plain = np.concatenate([template_of(b"one"), template_of(b"two")])
    assert np.abs(subject.templates - plain).max() < 1e-7


def test_lookalikes_are_reported_when_somebody_is_added(record: Record, tmp_path: Path) -> None:
    """T15: whoever reaches the score against somebody on the list is named with them; without a score nobody is."""
    put(record, wanted_of(tmp_path, "Dee", b"twin"))
    put(record, wanted_of(tmp_path, "Eve", b"somebody else"))
    added = watchlist.add(record, GATE, wanted_of(tmp_path, "Fay", b"twin"), Synthetic(), ANA, alike=0.5)
    assert added.lookalikes == ("Dee",)
    assert watchlist.add(record, GATE, wanted_of(tmp_path, "Gus", b"twin"), Synthetic(), ANA).lookalikes == ()


# ---------------------------------------------------------------------------------------------- the secret matrix


@given(st.integers(2, 160), st.integers(1, 4), st.integers(0, 2**32))
def test_what_is_turned_back_scores_as_before(side: int, count: int, seed: int) -> None:
    """R28: scores of templates that were rotated, kept, renewed and turned back are the same to 1e-6."""
    rng = np.random.default_rng(seed)
    templates, probe = (unit(rng.normal(size=(n, side)).astype(np.float32)) for n in (count, 1))
    held = Watchlist("aa", GATE, "bb", "", {"1": secret_matrix(side)})
    entry = kept(held, templates, f"{seed:032x}")
    renewed = Watchlist.parse(bytes(held.renewed()))
    turned = renewed.turned(Listed.parse(bytes(entry)))
    assert turned.matrix == renewed.newest == "2"
    for back in (held.subject(entry), renewed.subject(entry), renewed.subject(turned)):
        plain = fuse(templates, [0.5] * count)
        assert abs(score(back.template, probe[0]) - score(plain, probe[0])) <= 1e-6
        assert abs(score(back.templates[0], probe[0]) - score(templates[0], probe[0])) <= 1e-6


def kept(held: Watchlist, templates: Float32, number: str) -> Listed:
    """Return an entry with these templates."""
    reference = Reference(Path("x"), "00", 0.5, np.ones(4, np.float32), b"")
    subject = Subject("S", (reference,) * len(templates), templates, templates[0])
    return Listed(
        number=number, subject="S", category="", source="", source_text="", image="", image_date="", minor=False,
        justification="", portraits=held.portraits(subject, number), offered=1, matrix=held.newest, added="", until="",
    )  # fmt: skip


@given(st.integers(1, 200))
def test_a_secret_matrix_is_orthogonal(side: int) -> None:
    """R28: it keeps every length and angle."""
    matrix = secret_matrix(side)
    assert np.abs(matrix @ matrix.T - np.eye(side)).max() < 1e-12


def test_secret_matrices_are_spread_as_evenly_as_can_be() -> None:
    """R28: no direction and neither hand is preferred: means are 0, squares 1/d, half of the determinants negative."""
    matrices = np.stack([secret_matrix(4) for _ in range(4000)])
    assert np.abs(matrices.mean(axis=0)).max() < 0.05
    assert np.abs((matrices**2).mean(axis=0) - 0.25).max() < 0.03
    assert abs((np.linalg.det(matrices) < 0).mean() - 0.5) < 0.05
    traces = matrices.trace(axis1=1, axis2=2)
    assert abs(traces.std() - 1) < 0.1  # without the signs of R's diagonal it is not


@pytest.mark.parametrize("which", range(2))
def test_the_same_person_on_two_lists_looks_like_two(which: int) -> None:
    """R28: across two lists, scores of the same template are those of strangers: AUC 0.5 +/- 0.02."""
    people = unit(np.random.default_rng(which).normal(size=(10_000, D)).astype(np.float32))
    lists = [Watchlist(str(n), str(n), "bb", "", {"1": secret_matrix(D)}) for n in range(2)]
    one, other = (stored(held, people) for held in lists)
    same, strangers = (one * other).sum(axis=1), (one * np.roll(other, 1, axis=0)).sum(axis=1)
    assert abs(auc(same, strangers) - 0.5) < 0.02
    assert abs(auc(np.abs(same), np.abs(strangers)) - 0.5) < 0.02
    own = stored(lists[0], people)
    assert auc((one * own).sum(axis=1), strangers) == 1  # that the measure can tell: one list against itself


def test_entries_of_two_lists_go_different_ways() -> None:
    """R28: were two matrices as near to each other as can be, the signs of the entries still give AUC 0.5 +/- 0.02."""
    people = unit(np.random.default_rng(9).normal(size=(10_000, 16)).astype(np.float32))
    lists = [Watchlist(number, number, "bb", "", {"1": np.eye(16)}) for number in ("one", "other")]
    one, other = (stored(held, people) for held in lists)
    assert abs(auc((one * other).sum(axis=1), (one * np.roll(other, 1, axis=0)).sum(axis=1)) - 0.5) < 0.02


def stored(held: Watchlist, people: Float32) -> Float64:
    """Return the (n, d) templates of a list as they are kept."""
    rows = []
    for place, each in enumerate(people):
        number = sha256(f"{held.number} {place}".encode()).hexdigest()[:32]
        (portrait,) = kept(held, each[None], number).portraits
        rows.append(np.frombuffer(base64.b64decode(portrait.template)))
    return np.stack(rows)


def auc(higher: Float64, lower: Float64) -> float:
    """Return how often one of the first is above one of the others."""
    ranks = rankdata(np.concatenate([higher, lower]))[: len(higher)]
    return float((ranks.sum() - len(higher) * (len(higher) + 1) / 2) / (len(higher) * len(lower)))


def test_a_list_is_renewed_without_photographs(record: Record, tmp_path: Path) -> None:
    """R28: other numbers lie in the store, the old ones and the old matrix nowhere; who is found stays the same."""
    for name in ("Dee", "Eve"):
        put(record, wanted_of(tmp_path, name))
    before, (gallery, _) = watchlist.listed(record, GATE), watchlist.active(record, GATE, Synthetic.recogniser)
    documents = [each for each in rows(record, "%list%") if len(each) > 1000]
    assert len(documents) == 3
    assert share(record, documents) > 0.9
    assert watchlist.renew(record, GATE) == 2
    again, _ = watchlist.active(record, GATE, Synthetic.recogniser)
    assert np.abs(again.templates - gallery.templates).max() < 1e-7
    for one, other in zip(before, watchlist.listed(record, GATE), strict=True):
        assert one.portraits[0].template != other.portraits[0].template
        assert replace(one, matrix="", portraits=()) == replace(other, matrix="", portraits=())
    assert share(record, documents) == 0
    assert len(list(watchlist._lists(record)[0].matrices)) == 1


def test_a_renewal_that_is_interrupted_loses_nobody(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R28: wherever it ends, the list is searched as before, and the next renewal leaves one matrix."""
    for name in ("Dee", "Eve", "Fay"):
        put(record, wanted_of(tmp_path, name))
    gallery, _ = watchlist.active(record, GATE, Synthetic.recogniser)
    real = record.store.keep
    for steps in range(5):
        left = iter([True] * steps)

        def keep(*args: str | bytes, left: Iterator[bool] = left, **more: str) -> None:
            if not next(left, False):
                raise RecordError("the disk is full")
            real(*args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(record.store, "keep", keep)
            with pytest.raises(RecordError, match="the disk is full"):
                watchlist.renew(record, GATE)
        again, _ = watchlist.active(record, GATE, Synthetic.recogniser)
        assert np.abs(again.templates - gallery.templates).max() < 1e-7
    assert watchlist.renew(record, GATE) == 3
    assert list(watchlist._lists(record)[0].matrices) == [watchlist.listed(record, GATE)[0].matrix]


# ---------------------------------------------------------------------------------------------- gone is gone


@pytest.mark.parametrize("how", ["erased", "expired", "removed"])
def test_nothing_of_an_entry_is_left(how: str, record: Record, tmp_path: Path, clock: SimpleNamespace) -> None:
    """R26, R29: sealed document, sealed key and template are in no byte of the store, free pages and journal included.

    Before, the sealed ones are found there, and the template in the open never is.
    """
    put(record, wanted_of(tmp_path, "Dee"))
    clock.now += timedelta(days=9)
    put(record, wanted_of(tmp_path, "Eve"))
    theirs = next(entry for entry in watchlist.listed(record, GATE) if entry.subject == "Dee")
    gone = rows(record, f"listed%{theirs.number}")
    template = theirs.portraits[0].template
    in_the_open = [*traces(b"photograph of Dee"), base64.b64decode(template), template.encode()]
    assert len(gone) == 2  # a document and a key
    assert share(record, gone) > 0.9
    assert share(record, in_the_open) == 0
    clock.now += timedelta(days=360)
    if how == "erased":
        assert watchlist.erase(record, "dee") == 1
    elif how == "expired":
        assert watchlist.expire(record, clock.now) == 1
        assert watchlist.expire(record, clock.now) == 0
    else:
        assert watchlist.remove(record, GATE, "Dee").subject == "Dee"
    assert share(record, gone + in_the_open) == 0
    assert active(record) == ["Eve"]
    assert [entry.subject for entry in watchlist.listed(record, GATE)] == ["Eve"]
    assert changes(record) == ["added", "reviewed", "added", "reviewed", how]
    with pytest.raises(SettingsError, match="'Dee' is not on the watchlist"):
        watchlist.remove(record, GATE, "Dee")


def test_the_key_of_a_list_opens_its_entries_and_no_other_does(record: Record, tmp_path: Path) -> None:
    """R28: keys lie on three levels, so who destroys the key of a list destroys every entry with it."""
    for name in ("Dee", "Eve"):
        put(record, wanted_of(tmp_path, name))
    put(record, wanted_of(tmp_path, "Fay"), "other")
    assert record.store.destroy(f"watchlist {watchlist._list_number(record, GATE)}") == 3
    assert watchlist.names(record) == ("other",)
    assert active(record, "other") == ["Fay"]


def test_a_list_is_gone_with_its_last_entry(record: Record, tmp_path: Path, clock: SimpleNamespace) -> None:
    """R26: at the end of the deployment no key, no matrix and no name of the list is left in any byte of the store."""
    for name in ("Dee", "Eve"):
        put(record, replace(wanted_of(tmp_path, name), until=START.date()), "arena")
    put(record, wanted_of(tmp_path, "Fay"), "other")
    number = watchlist._list_number(record, "arena")
    there = rows(record, f"watchlist {number}") + rows(record, f"listed {number}%")
    assert len(there) == 6  # the list and two entries, each with its key
    assert share(record, there) > 0.9
    clock.now += timedelta(days=1)
    assert watchlist.expire(record, clock.now) == 2
    assert share(record, there) == 0
    assert watchlist.names(record) == ("other",)
    with pytest.raises(SettingsError, match="is no watchlist"):
        active(record, "arena")
    assert changes(record)[-2:] == ["expired", "expired"]


def test_whoever_was_erased_does_not_come_back(record: Record, tmp_path: Path) -> None:
    """T18: neither by name, in other letters, nor by the same photograph under another name or on another list."""
    wanted = wanted_of(tmp_path, "Dee Doe", b"her photograph")
    put(record, wanted)
    put(record, wanted, "other")
    assert watchlist.erase(record, "Dee Doe") == 2
    assert watchlist.names(record) == ()
    fresh = wanted_of(tmp_path, "dee DOE", b"a new photograph")
    renamed = wanted_of(tmp_path, "Somebody", b"one more", b"her photograph")
    for again in (wanted, fresh, renamed):
        with pytest.raises(PolicyError, match="was erased from the watchlists") as caught:
            watchlist.add(record, "third", again, Synthetic(), BO)
        assert caught.value.rule == "watchlist-entry"
    for content in record.store.documents("suppressed").values():
        assert list(json.loads(content)) == ["since"]
    put(record, wanted_of(tmp_path, "Eve"))
    assert active(record) == ["Eve"]


def test_an_authoriser_signs_for_somebody_who_comes_back(record: Record, tmp_path: Path) -> None:
    """T18: a reason alone is not enough, a reviewer is not; the reason is sealed with the entry of the log."""
    wanted = wanted_of(tmp_path, "Dee")
    put(record, wanted)
    watchlist.erase(record, "Dee")
    back = replace(wanted, despite="a court ordered it")
    with pytest.raises(PolicyError, match="was erased"):
        watchlist.add(record, GATE, wanted, Synthetic(), ANA)
    with pytest.raises(PolicyError, match="has the role 'reviewer'"):
        watchlist.add(record, GATE, back, Synthetic(), BO)
    watchlist.add(record, GATE, back, Synthetic(), ANA)
    payload = str(Entry.parse(record.entries()[-1]).payload)
    assert any(b"a court ordered it" in part for part in record.store.opened(payload))
    watchlist.review(record, GATE, "Dee", BO)
    assert active(record) == ["Dee"]
    watchlist.remove(record, GATE, "Dee")
    with pytest.raises(PolicyError, match="was erased"):  # each time anew
        watchlist.add(record, GATE, wanted, Synthetic(), ANA)


def test_no_template_is_made_of_somebody_who_was_erased(record: Record, wanted: Wanted) -> None:
    """T18: the refusal comes before the photograph is looked at."""
    watchlist.erase(record, wanted.subject)
    registrar = SimpleNamespace(recogniser="ab" * 32)  # which cannot make any
    with pytest.raises(PolicyError, match="was erased"):
        watchlist.add(record, GATE, wanted, registrar, ANA)  # type: ignore[arg-type]


def test_an_erasure_holds_whatever_cannot_be_recorded(
    record: Record, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R29: what forbids is stored before its entry; what permits is in the log before it is stored."""
    watchlist.add(record, GATE, wanted, Synthetic(), ANA)

    def full(_entries: object) -> None:
        raise RecordError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(record.log, "append", full)
        with pytest.raises(RecordError):
            watchlist.review(record, GATE, wanted.subject, BO)
        assert watchlist.listed(record, GATE)[0].reviewed == ""
        with pytest.raises(RecordError):
            watchlist.erase(record, wanted.subject)
    assert watchlist.names(record) == ()
    with pytest.raises(PolicyError, match="was erased"):
        watchlist.add(record, GATE, wanted, Synthetic(), ANA)


def test_the_log_names_nobody(record: Record, wanted: Wanted) -> None:
    """R9: neither names, lists, texts nor photographs' hashes stand in it; two lists have no pseudonym in common."""
    put(record, wanted)
    put(record, wanted, "other")
    content = b"".join(record.entries())
    for secret in ("Dee", GATE, "report 17", sha256(wanted.photographs[0].read_bytes()).hexdigest()):
        assert secret.encode() not in content
    entries = [Entry.parse(entry).facts for entry in record.entries()]
    found = [(facts["watchlist"], facts["entry"]) for facts in entries if "watchlist" in facts]
    assert len({each for pair in found for each in pair}) == 4
    with pytest.raises(CustodyError):
        record.use().add("watchlist-changed", {"watchlist": GATE})


# ---------------------------------------------------------------------------------------------- photographs, commands


def test_another_face_in_the_kept_picture_is_covered(
    detector_path: Path, recogniser_path: Path, cast_folder: Path, tmp_path: Path
) -> None:
    """A picture shows one person: somebody small behind them is one colour, the own face is as it was."""
    near, far = (Image.open(cast_folder / name / "assets" / "studio_portrait.jpg") for name in ("P001", "P005"))
    photo = near.convert("RGB").resize((900, 900))
    photo.save(tmp_path / "alone.png")
    photo.paste(far.convert("RGB").resize((160, 160)), (620, 150))
    photo.save(tmp_path / "both.png")
    registrar = Registrar(detector_path, Recogniser(models.default("recogniser"), recogniser_path))
    alone, both = (registrar.take("Dee", [tmp_path / f"{name}.png"])[0].references[0] for name in ("alone", "both"))
    onto, side = window(both.box, photo.size)
    patch = still(np.asarray(photo)).patch(onto, side)
    pixels = [np.asarray(Image.open(BytesIO(each.jpeg or b""))).astype(int) for each in (alone, both)]
    assert pixels[0].shape == pixels[1].shape == patch.shape
    (left, top, *_), scale = laid(np.array([[700, 230, 1, 1]], np.float32), onto)[0], onto[0, 0]
    assert np.abs(patch[int(top), int(left)].astype(int) - COVER).max() > 30  # somebody is there
    assert np.abs(pixels[1][int(top), int(left)] - COVER).max() < 12
    x, y = (int(each) for each in laid(both.box[None] + [[both.box[2] / 2, both.box[3] / 2, 0, 0]], onto)[0, :2])
    assert scale < 1
    assert np.abs(pixels[1][y - 20 : y + 20, x - 20 : x + 20] - patch[y - 20 : y + 20, x - 20 : x + 20]).mean() < 6


def test_the_kept_picture_is_of_the_bytes_that_were_enrolled(
    detector_path: Path, recogniser_path: Path, cast_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R18: where another person's photograph takes the place of one that was enrolled, nothing is kept."""
    photo, other = tmp_path / "photo.jpg", cast_folder / "P005" / "assets" / "studio_portrait.jpg"
    photo.write_bytes((cast_folder / "P001" / "assets" / "studio_portrait.jpg").read_bytes())
    real = Path.read_bytes

    def read_and_swapped(self: Path) -> bytes:
        content = real(self)
        if self == photo:
            photo.write_bytes(real(other))
        return content

    monkeypatch.setattr(Path, "read_bytes", read_and_swapped)
    registrar = Registrar(detector_path, Recogniser(models.default("recogniser"), recogniser_path))
    with pytest.raises(GalleryError, match=r"photo.jpg' changed while it was read"):
        registrar.take("Dee", [photo])


def test_the_commands(
    detector_path: Path, recogniser_path: Path, cast_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R18, R35, T15: the cast is enrolled, a bad photograph is refused by name, what is searched for is as enrolled."""
    monkeypatch.setenv(config.RECORD, str(tmp_path / "own"))
    record = Record.here()
    actors.add(record, ANA[0], "authoriser", ANA[1])
    actors.add(record, BO[0], "reviewer", BO[1], ANA)
    wall, mark, later = tmp_path / "wall [red].png", "[red]Eve\x1b", str(datetime.now(UTC).date() + timedelta(days=9))
    Image.new("RGB", (300, 300), (120, 118, 110)).save(wall)
    good = cast_folder / "P001" / "assets" / "studio_portrait.jpg"
    stated = ("--category", "missing", "--source", "consent", "--source-text", "form 3", "--image-date", "2026-01-01")
    ana = ("--by", "Ana")

    def run(*words: object, typed: str = "", fails: bool = False) -> str:
        done = CliRunner().invoke(watchlist_app, [str(word) for word in words], input=typed)
        assert (done.exception is not None) is fails, (done.output, done.exception)
        assert "horse" not in done.output
        return done.output + str(done.exception)

    assert "no usable photograph" in run(
        "add", GATE, wall, "--subject", "Dee", *stated, *ana, typed=f"{ANA[1]}\n", fails=True
    )
    assert watchlist.names(record) == ()
    said = run("add", GATE, wall, good, "--subject", "Dee", *stated, *ana, typed=f"{ANA[1]}\n")
    assert "refused photograph" in said
    assert "wall [red].png: no face was found" in said
    assert "1 of 2 photographs in use; waits for review" in said
    (tmp_path / "copy.jpg").write_bytes(good.read_bytes() + b" ")
    added = ("add", GATE, tmp_path / "copy.jpg", "--subject", mark, *stated, "--until", later)
    assert "needs two people" in run(*added, fails=True)
    said = run(*added, *ana, typed=f"{ANA[1]}\n")
    assert "lookalikes: a candidate for [red]Eve may be Dee" in said
    assert "cannot review" in run("review", GATE, "Dee", "--by", "Ana", typed=f"{ANA[1]}\n", fails=True)
    assert "reviewed" in run("review", GATE, "Dee", "--by", "Bo", typed=f"{BO[1]}\n")
    assert [line.split() for line in run("list").splitlines()][1][:4] == [GATE, "1", "1", "0"]
    shown = run("show", GATE)
    assert "1 of 3 photographs refused at enrolment" in shown
    assert "[red]Eve" in shown
    described = [json.loads(line) for line in run("show", GATE, "--json").splitlines()[:2]]
    assert [each["state"] for each in described] == ["searched", "waits for review"]
    assert described[1] | {"image_age_days": 0} == {
        "subject": "[red]Eve", "category": "missing", "source": "consent", "source_text": "form 3",
        "image": "original", "image_age_days": 0, "photographs": 1, "refused": 0,
        "quality": described[0]["quality"], "state": "waits for review", "until": later,
    }  # fmt: skip
    assert "2 entries rotated anew" in run("renew", GATE)
    assert "removed from gate" in run("remove", GATE, mark)
    assert "is not on the watchlist" in run("remove", GATE, mark, fails=True)
    gallery, _ = watchlist.active(record, GATE, recipe(models.default("recogniser")))
    registrar = Registrar(detector_path, Recogniser(models.default("recogniser"), recogniser_path))
    plain, refused = registrar.take("Dee", [good])
    assert refused == ()
    assert np.abs(plain.template - gallery.subjects[0].template).max() < 1e-6
    assert gallery.subjects[0].references[0].jpeg == plain.references[0].jpeg
    assert "refused (watchlist)" in " ".join(Entry.parse(entry).said for entry in record.entries())
