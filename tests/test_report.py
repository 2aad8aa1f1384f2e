"""The report: what stands in it, what never does, and that nothing in it can act."""

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from strangers import CALIBRATION, assumed_of, odds_of

from houselights import report
from houselights.batch import Outcome
from houselights.gallery import Gallery, Reference, Subject
from houselights.pictures import Picture, Pictures
from houselights.record import Record
from houselights.result import (
    Candidate,
    FootageUse,
    GalleryUse,
    Lookalikes,
    ModelUse,
    RecordUse,
    Refusal,
    Result,
    RunnerUp,
    Shot,
    Threshold,
    Timing,
)
from houselights.search import appearances

NEVER = r"match|identif|\bhits?\b|positive|confiden|certain|probab|recognised|suspect|target|offender"
EVIL = '<script>alert("x")</script>\'"&\u202egpj.mp4\x07'


def rendered(whole: Outcome, pictures: Pictures) -> str:
    """The report of an outcome."""
    return report.render(whole.result, [each.name for each in whole.gallery.subjects], pictures)


def candidate(subject: str = "Ana", footage: str = "gate.mp4", **other: object) -> Candidate:
    """Return a candidate from 2 to 5 seconds."""
    shot = Shot(3.5, (10.0, 10.0, 40.0, 50.0), 0.81)
    usual = Candidate(subject, footage, 1, 2.0, 5.0, 0.61, odds_of(), None, 4, shot, f"{subject}.jpg")
    return replace(usual, **other)  # type: ignore[arg-type]


def use(path: str = "gate.mp4", **other: object) -> FootageUse:
    """Return a file of ten seconds."""
    usual = FootageUse(path, "ab" * 32, 10.0, 250, 80, 0, 140, 9, 7, 2, (), None)
    return replace(usual, **other)  # type: ignore[arg-type]


def outcome(*found: Candidate, names: tuple[str, ...] = ("Ana", "Bo"), **other: object) -> Outcome:
    """Return a search for some subjects with some candidates."""
    empty = np.zeros((1, 4), np.float32)
    subjects = tuple(
        Subject(name, (Reference(Path(f"{name}.jpg"), "cd" * 32, 0.9, empty[0]),), empty, empty[0]) for name in names
    )
    result = Result(
        purpose="missing-person",
        basis="Order 12/2026 of the court",
        authorised_by="Inspector Doe",
        started="2026-03-01T10:00:00+00:00",
        finished="2026-03-01T10:00:09+00:00",
        record=RecordUse("example.org/log", "ab" * 16, "ca" * 16),
        models=(
            ModelUse("detector", "yunet", "ef" * 32, "MIT", "OpenVINO 2026.4.1 on CPU", "f32"),
            ModelUse("recogniser", "sface", "01" * 32, "Apache-2.0", "OpenVINO 2026.4.1 on CPU", "f32"),
        ),
        gallery=GalleryUse(len(names), len(names), (), (), (), "23" * 32),
        threshold=Threshold(1e-5, 0.406123, CALIBRATION, 5e-7),
        assumed=assumed_of(len(names)),
        footage=(use(),),
        passed_over=(),
        candidates=found,
        appearances=appearances(found),
        timing=Timing(9.0, 1.0, 0.4, 7.5, 0.1),
    )
    return Outcome(replace(result, **other), Gallery(subjects, (), ()), Record.here().use())  # type: ignore[arg-type]


def pictures_of(*found: Candidate) -> Pictures:
    """Return a plain grey picture for each candidate and each reference."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (90, 90, 90)).save(file, "JPEG")
    picture = Picture(file.getvalue(), covered=1)
    return Pictures(dict.fromkeys(found, picture), {each.reference: picture for each in found})


def full() -> str:
    """Return a report with something in each of its parts."""
    first, second = (
        candidate(),
        candidate(
            "Bo",
            "two.mp4",
            track=3,
            score=0.9,
            odds=odds_of(5e-7, how="bound", right=0.34),
            runner_up=RunnerUp("Cy", 0.881, 6e-7),
        ),
    )
    gallery = GalleryUse(
        3, 3, (Refusal("wall.jpg", "no face was found"),), (Refusal("a2.jpg", "the same photograph as 'a.jpg'"),),
        (Lookalikes("Ana", "Bo", 0.5, 5e-06),), "23" * 32,
    )  # fmt: skip
    footage = (
        use(notes=("3 frames or packets were damaged",), frames_damaged=3),
        use("two.mp4"),
        use("bad.mp4", error="footage 'bad.mp4' cannot be opened as video\n\nhint: copy it again", frames=0),
    )
    passed = (Refusal("notes.txt", "not footage by its name"),)
    whole = outcome(
        first, second, candidate(track=9, start_s=8.0, end_s=9.0), names=("Ana", "Bo", "Cy"),
        gallery=gallery, footage=footage, passed_over=passed, assumed=assumed_of(prior=0.001),
    )  # fmt: skip
    return rendered(whole, pictures_of(first, second))


class Reader(HTMLParser):
    """Reads what a person can see or hear: text, and the attributes that are read out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag, and the words of its attributes."""
        self.tags.append((tag, dict(attrs)))
        self.words += [value or "" for name, value in attrs if name in {"alt", "title", "aria-label", "data-label"}]
        if tag == "style":
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave the style sheet."""
        if tag == "style":
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        if not self._inside:
            self.words.append(data)


def read(page: str) -> tuple[str, list[tuple[str, dict[str, str | None]]]]:
    """Return a page's words, white space made plain, and its tags."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    return " ".join(" ".join(reader.words).split()), reader.tags


def test_words_for_a_candidate() -> None:
    """No word that takes a candidate for more than a lead stands anywhere in the report."""
    words, _ = read(full())
    assert re.findall(NEVER, words, re.IGNORECASE) == []
    assert "A candidate is a lead only: a person must compare the pictures before anything is done." in words


def test_the_authority_comes_first() -> None:
    """Purpose, basis, authoriser, start and end stand above everything else."""
    words, _ = read(full())
    top = words[: words.index("subjects have candidates")]
    assert "Search report Authority for this search Purpose missing-person Basis" in top
    assert "Order 12/2026 of the court" in top
    assert "Inspector Doe" in top
    assert "Started 2026-03-01 10:00:00 UTC Finished 2026-03-01 10:00:09 UTC" in top


def test_the_summary_counts_subjects_and_files() -> None:
    """The summary says how many subjects have candidates in how many files, and what was not searched."""
    words, _ = read(full())
    assert "2 of 3 subjects have candidates in 2 of 3 files." in words
    assert "1 of 3 files could not be searched." in words
    assert "6 of 21 tracks had no usable shot of the face and could not be compared." in words


def test_everything_that_was_left_out_is_named() -> None:
    """Refused and double photographs, failed files, damage, passed-over files and lookalikes have their reasons."""
    words, _ = read(full())
    for part in (
        "wall.jpg no face was found",
        "a2.jpg the same photograph as 'a.jpg'",
        "notes.txt not footage by its name",
        "3 frames or packets were damaged",
        "cannot be opened as video Hint: copy it again",
        "To the recogniser Ana looks like Bo : a candidate for one may be the other.",
        "A candidate for Ana may be Bo ,",
    ):
        assert part in words
    assert "For 1 subject nothing reached the threshold. That is no proof of absence" in words


def test_the_page_runs_nothing_and_fetches_nothing() -> None:
    """There is no script, no handler, no form, and no address but those of the pictures inside the page."""
    page = full()
    _, tags = read(page)
    assert {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "embed", "form", "base", "use"} == set()
    assert [name for _, attributes in tags for name in attributes if name.startswith("on")] == []
    addresses = [attrs[name] or "" for _, attrs in tags for name in ("src", "href") if name in attrs]
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in addresses)
    assert re.findall(r"https?:|//\w|url\(|@import", re.sub(r"base64,[^\"]*", "", page)) == []
    policy = next(a["content"] for t, a in tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert (policy or "").startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_names_and_paths_cannot_act() -> None:
    """Markup in names and paths is text; control and direction characters are spelt out; names are isolated."""
    one = candidate(EVIL, EVIL, reference=EVIL)
    gallery = GalleryUse(1, 1, (Refusal(EVIL, EVIL),), (), (Lookalikes(EVIL, EVIL + "2", 0.5, 1e-6),), "x")
    footage = (use(EVIL, notes=(EVIL,), error=EVIL),)
    evil = outcome(one, names=(EVIL,), footage=footage, gallery=gallery, basis=EVIL, authorised_by=EVIL)
    page = rendered(evil, Pictures({one: Picture(None, reason=EVIL)}, {EVIL: Picture(None, reason=EVIL)}))
    words, tags = read(page)
    assert {tag for tag, _ in tags} & {"script"} == set()
    assert "<script>" not in page
    assert not set(page) & {"\u202e", "\x07"}
    assert '<script>alert("x")</script>\'"&⟨U+202E⟩gpj.mp4⟨U+0007⟩' in words
    page.encode("utf-8")


def test_half_characters_can_be_written() -> None:
    """A file name that is no UTF-8 is shown with its stray bytes spelt out, so that the report can be saved."""
    page = rendered(outcome(footage=(use("caf\udce9.mp4"),)), Pictures({}, {}))
    assert "caf⟨U+DCE9⟩.mp4" in page
    page.encode("utf-8")


def test_joiners_are_kept() -> None:
    """Letters in Persian and Hindi names keep the joiners that shape them."""
    assert "می\u200cرود" in rendered(outcome(names=("می\u200cرود",)), Pictures({}, {}))


def test_every_candidate_says_what_strangers_would_do() -> None:
    """R31: a sentence in the open; behind it the chance for this gallery with its bound, calibration, model, groups."""
    one = candidate(odds=odds_of(6e-6, 9e-6))
    words, tags = read(rendered(outcome(one), pictures_of(one)))
    opened, exact = words.split("Exact figures")
    plainly = "Among 100,000 strangers, about 2 would look this much like somebody on this list of 2."
    assert f"What strangers would do {plainly}" in opened
    for line in (
        "About 1 in 160,000 comparisons of different people score this high or higher; by the 95 % bound 1 in 110,000.",
        "About 1 in 83,000 strangers would score this high with at least one of 2 subjects; by the 95 % bound 1 in 55,",
        "5 tracks and 2 subjects make 10 comparisons: strangers alone would give a score this high in about 1 in 16,",
        f"Measured on {CALIBRATION}.",
        "Recogniser sface , SHA-256 " + "01" * 32,
        "up to 100 times as often: then about 1 in 1,600.",
    ):
        assert line in exact
    assert ("details", {}) in tags, "closed, and without a script"


def test_a_candidate_beyond_the_calibration_says_at_most() -> None:
    """R31: where nobody in the calibration scored so high no figure is more than a bound, in cards and in tables."""
    one = candidate(odds=odds_of(4e-7, 5e-7, how="bound"))
    for shown in (pictures_of(one), Pictures({}, {})):
        words, _ = read(rendered(outcome(one), shown))
        assert "t most 1 in 2,000,000" in words
        assert "bout 1 in 2,000,000" not in words
        assert "at most 1 in 1,000,000" in words.lower(), "the chance for a gallery of two"


def test_the_summary_says_what_strangers_alone_would_give() -> None:
    """R31: with candidates and without, for the whole search; what was stated of it is said to be stated."""
    give = "Strangers alone would give a candidate in about 1 in 10,000 searches like this."
    for found in ((), (candidate(),)):
        words, _ = read(rendered(outcome(*found), pictures_of(*found)))
        assert give in words.split("Subjects")[0]
    words, _ = read(full())
    assert "If 1 track in 1,000 shows somebody of this gallery, a candidate that scores this high or higher" in words
    assert "For this search it was stated, and not measured, that 1 track in 1,000 shows somebody" in words


def test_what_was_left_out_of_the_odds_is_said() -> None:
    """Without the worst group no candidate has its line, and the report says that it was left out."""
    one = candidate(odds=odds_of(worst=None))
    words, _ = read(rendered(outcome(one, assumed=assumed_of(worst=None)), pictures_of(one)))
    assert "NISTIR" not in words
    assert "the figures for the worst group were left out" in words


@pytest.mark.parametrize("pictured", [True, False])
def test_two_who_cannot_be_told_apart(*, pictured: bool) -> None:
    """T15: the card says so before anything else in it, the table in its row, and the summary counts them."""
    one = candidate(runner_up=RunnerUp(f"Bo {EVIL}", 0.612, 6e-6))
    page = rendered(outcome(one), pictures_of(one) if pictured else Pictures({}, {}))
    words, _ = read(page)
    assert "1 candidate cannot be told from another subject of the gallery." in words.split("Subjects")[0]
    tied = "Cannot tell Ana from Bo <script>alert"
    place = words.index(tied)
    assert words.index("Candidate 1") < place
    assert place < words.index("What strangers would do" if pictured else "0.610")
    assert " scores 0.612, too." in words[place:]
    assert "<script" not in page


def test_bars_lie_where_the_appearances_are() -> None:
    """All files have one scale: a second is as wide in a short file as in a long one."""
    found = (candidate(start_s=2.0, end_s=5.0), candidate(footage="long.mp4", start_s=30.0, end_s=40.0, track=2))
    page = rendered(outcome(*found, footage=(use(), use("long.mp4", duration_s=40.0))), pictures_of(*found))
    bars = [(a["x"], a["width"]) for t, a in read(page)[1] if t == "rect" and "class" not in a]
    lanes = [a["width"] for t, a in read(page)[1] if t == "rect" and a.get("class") == "lane"]
    assert bars == [("5.0%", "7.5%"), ("75.0%", "25.0%")]
    assert lanes == ["25.0%", "100.0%"]
    assert "<title>0:00:02.000 to 0:00:05.000</title>" in page


def test_a_file_without_a_stated_length_ends_with_its_last_appearance() -> None:
    """No bar lies outside its file."""
    one = candidate(start_s=2.0, end_s=8.0)
    page = rendered(outcome(one, footage=(use(duration_s=0.0),)), pictures_of(one))
    assert [(a["x"], a["width"]) for t, a in read(page)[1] if t == "rect" and "class" not in a] == [("25.0%", "75.0%")]
    assert "length not stated" in page


def test_a_still_picture_has_no_time() -> None:
    """A candidate in a photograph is said to be in a still picture, and its mark can be seen."""
    one = candidate(start_s=0.0, end_s=0.0)
    words, tags = read(rendered(outcome(one, footage=(use(duration_s=0.0, frames=1),)), pictures_of(one)))
    assert "Seen in a still picture" in words
    assert "In the footage at" not in words
    assert any(t == "line" and a.get("x1") == a.get("x2") == "0.0%" for t, a in tags)


def test_with_many_files_a_subject_has_rows_only_where_it_has_candidates() -> None:
    """The other files are counted."""
    one = candidate(footage="7.mp4")
    page = rendered(outcome(one, footage=tuple(use(f"{n}.mp4") for n in range(40))), pictures_of(one))
    assert page.count('class="lane"') == 1
    assert "No candidate in the other 39 files." in page


def test_no_candidate_at_all() -> None:
    """A search without candidates gives a whole report, and does not say that nobody was there."""
    words, tags = read(rendered(outcome(), Pictures({}, {})))
    assert "No candidate was found for 2 subjects in 1 file. That is no proof of absence." in words
    assert not [tag for tag, _ in tags if tag in {"img", "svg"}]
    assert "How to read this" in words


def test_a_picture_that_could_not_be_had() -> None:
    """Where there is no picture there is a reason, for the shot and for the photograph."""
    one = candidate()
    none = Picture(None, reason="the footage was changed after it was searched")
    words, tags = read(rendered(outcome(one), Pictures({one: none}, {one.reference: none})))
    assert words.count("No picture: the footage was changed after it was searched") == 2
    assert not [tag for tag, _ in tags if tag == "img"]


def test_every_picture_says_what_it_is() -> None:
    """The reference stands before the shot, both with words for who cannot see them, and say that faces are covered."""
    one = candidate()
    words, tags = read(rendered(outcome(one), pictures_of(one)))
    alts = [(a["alt"] or "").translate({0x2068: None, 0x2069: None}) for t, a in tags if t == "img"]
    assert alts == ["Reference photograph of Ana", "Best shot of candidate 1 for Ana"]
    assert words.count("1 other face covered") == 2


def test_one_track_two_subjects() -> None:
    """A track that is a candidate for two subjects says so at both."""
    both = candidate(), candidate("Bo")
    words, _ = read(rendered(outcome(*both), pictures_of(*both)))
    assert words.count("The same track is a candidate for") == 2


def test_a_thousand_candidates() -> None:
    """Pictures are shown for the best ones only; all the others are counted and stand in tables."""
    found = tuple(candidate(track=n, start_s=5.0 * n, end_s=5.0 * n + 2, score=0.9 - n / 1e4) for n in range(1000))
    page = rendered(outcome(*found, footage=(use(duration_s=5002.0),)), pictures_of(*found[:200]))
    words, tags = read(page)
    assert sum(tag == "img" for tag, _ in tags) == 400
    assert "pictures are shown for the 200 candidates with the highest scores. The other 800 candidates stand" in words
    assert len(page) < 2_000_000


def test_tables_and_headings() -> None:
    """Every table has a caption, every column a scope, headings go down by one, every id stands once."""
    page = full()
    _, tags = read(page)
    assert sum(t == "table" for t, _ in tags) == sum(t == "caption" for t, _ in tags)
    assert all("scope" in attributes for tag, attributes in tags if tag == "th")
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = [a.get("aria-labelledby") for _, a in tags if "aria-labelledby" in a]
    assert set(named) <= set(ids)
