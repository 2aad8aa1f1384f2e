"""The review sheet: what stands in it, in which order, and that nothing in it can act."""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from houselights import sheet
from houselights.manifest import Check, Edit, Finding, Manifest, Output, Place, Source, Timing, TrackUse
from houselights.result import ModelUse
from houselights.sheet import Thumb

NEVER = r"match|identif|\bhits?\b|positive|confiden|certain|probab|recognised|suspect|target|offender|anonym|blur"
TIMES = "\N{MULTIPLICATION SIGN}"
EVIL = '<script>alert("x")</script>\'"&\u202egpj.mp4\x07 http://e.example'
SHOWN = '<script>alert("x")</script>\'"&⟨U+202E⟩gpj.mp4⟨U+0007⟩ http://e.example'
DETECTOR = ModelUse("detector", "yunet", "ef" * 32, "MIT", "OpenVINO 2026.4.1 on CPU", "f32")
CHECKER = ModelUse("detector", "ssd", "01" * 32, "Apache-2.0", "OpenVINO 2026.4.1 on CPU", "f32")
FOUND = (Finding(3.25, (120.0, 40.0, 36.4, 44.0), 0.81), Finding(7.5, (600.0, 300.0, 20.0, 24.0), 0.55))


def thumb(time_s: float = 1.0, shade: int = 90) -> Thumb:
    """Return a plain picture; each shade is another one."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(file, "JPEG")
    return Thumb(file.getvalue(), time_s)


def track(number: int, verdict: str = "hidden", **other: object) -> TrackUse:
    """Return a track from 2 to 6 seconds, of a hundred frames."""
    places = (Place(2.0, (1.0, 2.0, 3.0, 4.0)),) if verdict == "kept" else ()
    why = "score 0.71 to 'Ana'" if verdict == "kept" else "every head is hidden"
    usual = TrackUse(number, "kept" if verdict == "kept" else "hidden", why, 2.0, 6.0, 90, 10, places)
    return replace(usual, **other)  # type: ignore[arg-type]


def manifest(*tracks: TrackUse, findings: tuple[Finding, ...] = (), **other: object) -> Manifest:
    """Return the manifest of ten seconds of footage."""
    hidden = sum(each.verdict == "hidden" and each.track > 0 for each in tracks)
    bound = min(1.0, 3 / hidden) if hidden and not findings else None
    usual = Manifest(
        made="2026-03-01T10:00:00+00:00",
        tool="houselights 0.2.0",
        purpose=None,
        basis=None,
        authorised_by=None,
        source=Source(
            "gate.mov", "ab" * 32, 1920, 1080, 10.0, 250, 2, "hevc", "yuv420p10le",
            interlaced=False, left_out=("audio: aac",),
        ),
        output=Output(
            "gate.mp4", "cd" * 32, 1920, 1080, 250, 0.0, 10.0, "h264", "yuv420p",
            (), {"crf": "18", "preset": "veryfast"}, "dropped", ("10 bits were made 8",),
        ),
        asked={"audio": "drop"},
        recall="high",
        fill="solid",
        colour="707070",
        aspect="source",
        models=(DETECTOR,),
        threshold_fmr=None,
        tracks=tracks,
        frames_held=2,
        edits=(Edit("hide", "track 7", "seen in the mirror"),),
        check=Check(CHECKER, 250, 125, ("960x544", "1920x1088"), 0.5, findings, None, hidden, bound),
        timing=Timing(40.0, 20.0, 10.0, 8.0),
    )  # fmt: skip
    return replace(usual, **other)  # type: ignore[arg-type]


def page_of(
    made: Manifest,
    thumbs: Mapping[int, Thumb] | None = None,
    findings: Sequence[Thumb | None] | None = None,
    *,
    blocked: bool = False,
) -> str:
    """Return the sheet, without pictures where none are given."""
    shots = [None] * len(made.check.findings) if findings is None else findings
    return sheet.render(made, thumbs or {}, shots, edits_file="gate.edits.json", blocked=blocked)


def full() -> str:
    """Return the sheet of a blocked release with something in each of its parts."""
    tracks = (track(1), track(2, "kept"), track(3, frames_filled=80), track(4, "kept"), track(0, frames_filled=0))
    return page_of(
        manifest(*tracks, findings=FOUND), {1: thumb(), 2: thumb(), 3: thumb()}, [thumb(3.25), None], blocked=True
    )


class Reader(HTMLParser):
    """Reads what a person can see or hear: text, and the attributes that are read out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._styled = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag, and the words of its attributes."""
        self.tags.append((tag, dict(attrs)))
        self.words += [value or "" for name, value in attrs if name in {"alt", "title", "aria-label"}]
        self._styled = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        """Leave the style sheet."""
        self._styled = self._styled and tag != "style"

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        if not self._styled:
            self.words.append(data)


def read(page: str) -> tuple[str, list[tuple[str, dict[str, str | None]]]]:
    """Return a page's words, white space made plain, and its tags."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    return " ".join(" ".join(reader.words).split()), reader.tags


def pictures(page: str) -> list[str]:
    """Return what each picture of a page is said to be."""
    return [attributes["alt"] or "" for tag, attributes in read(page)[1] if tag == "img"]


def test_the_parts_stand_in_order() -> None:
    """State and digests come first, then findings, kept tracks, hidden tracks, times and how it was made."""
    words, _ = read(full())
    parts = (
        "BLOCKED: gate.mp4", "The check found 2 faces in the written file where none may be seen.",
        "What to do next:", "cd" * 32, "ab" * 32, f"1920 {TIMES} 1080", "0:00:10.000, 250 frames",
        "nobody was compared with anybody.", " Findings 2 faces", "Kept tracks These heads can be seen.",
        "Hidden tracks Each as it is covered", "Time line", "How the release was made", "What a cover cannot do",
    )  # fmt: skip
    places = [words.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)


def test_a_blocked_release_says_what_to_do() -> None:
    """The edits file is named, and the option to run again with."""
    words, _ = read(full())
    assert "The edits file gate.edits.json was written with an entry for each of them." in words
    assert "Run the same command again with --edits gate.edits.json ." in words
    assert "Nothing was released." in words


def test_a_released_file_is_not_said_to_be_blocked() -> None:
    """No word of what to do next, and none of the edits file."""
    words, _ = read(page_of(manifest(track(1))))
    assert words.startswith("Released")
    assert "Hidden: 1 track. Kept: 0 tracks. The check found no clear face, which is no proof" in words
    assert not re.search("blocked|edits.json|What to do next", words, re.IGNORECASE)


def test_released_in_spite_of_findings() -> None:
    """The reason that was given stands at the top."""
    made = manifest(track(1), findings=FOUND)
    made = replace(made, check=replace(made.check, allowed="both are posters"))
    words, _ = read(page_of(made))
    assert words.index("Released in spite of 2 findings: both are posters") < words.index("Released file")


def test_every_finding_is_shown() -> None:
    """With a picture or without, each has its time, score and box."""
    words, _ = read(full())
    assert "Time 0:00:03.250 Score 0.810" in words
    assert f"36 {TIMES} 44 pixels, 120 from the left, 40 from the top" in words
    assert f"0:00:07.500 0.550 20 {TIMES} 24 pixels, 600 from the left, 300 from the top" in words
    assert "decoded 250 frames of the written file and looked for faces in 125 of them with ssd" in words


def test_each_finding_needs_its_picture_or_none() -> None:
    """Pictures that are not as many as the findings are a fault of the caller."""
    with pytest.raises(ValueError, match="shorter"):
        page_of(manifest(findings=FOUND), findings=[None])


@pytest.mark.parametrize(
    ("tracks", "bound", "words"),
    [
        (
            300,
            0.01,
            "with 300 hidden tracks that bounds the share of tracks with a face it could see at 1 % (95 %, rul",
        ),
        (7, 3 / 7, "with 7 hidden tracks that bounds the share of tracks with a face it could see at 42.9 % (95 %"),
        (4000, 3 / 4000, "could see at 0.1 %"),
        (2, 1.0, "at 100 %"),
        (0, None, "No track is hidden, so this says nothing about the share that it misses."),
    ],
)
def test_the_bound_in_words(tracks: int, bound: float | None, words: str) -> None:
    """The bound is rounded up, and without a hidden track there is none."""
    check = Check(CHECKER, 9, 9, (), 0.5, (), None, tracks, bound)
    assert words in sheet.bound_words(check)
    assert sheet.bound_words(replace(check, findings=FOUND)) == ""


def test_pictures_are_those_that_were_given() -> None:
    """Each picture stands at its track; a track without one stands in a table; no other picture is there."""
    page = full()
    assert pictures(page) == [
        "What the check saw at 0:00:03.250",
        "Track 2, kept, at 0:00:01.000",
        "Track 1 as covered at 0:00:01.000",
        "Track 3 as covered at 0:00:01.000",
    ]
    words, _ = read(page)
    assert "Kept tracks without pictures Track Seen Frames Why 4 0:00:02.000 to 0:00:06.000" in words
    assert "Hidden tracks without pictures Track Seen Frames Why Seen once" in words


def test_the_tracks_with_most_filled_frames_are_marked() -> None:
    """A tenth of the hidden tracks, the ones with the most frames by filling; never a kept one."""
    tracks = [track(n, frames_filled=n) for n in range(1, 21)] + [track(30, "kept", frames_filled=99)]
    page = page_of(manifest(*tracks), {n: thumb() for n in range(1, 20)})
    words, tags = read(page)
    assert "Watch those with the most filled frames: track 19 , track 20 ." in words
    assert [a["id"] for t, a in tags if t == "li" and a.get("class") == "marked"] == ["hidden-19"]
    assert words.count("many filled") == 2
    assert "Watch those" not in read(page_of(manifest(track(1, frames_filled=0))))[0]


def test_one_reason_is_said_once() -> None:
    """Where all are hidden for one reason it stands above them, otherwise at each."""
    shots = {1: thumb(), 2: thumb()}
    words, _ = read(page_of(manifest(track(1), track(2)), shots))
    assert words.count("every head is hidden") == 1
    words, _ = read(page_of(manifest(track(1), track(2, why="hidden by hand")), shots))
    assert (words.count("every head is hidden"), words.count("hidden by hand")) == (1, 1)


def test_bars_lie_where_the_tracks_are() -> None:
    """Places are times of the source; the filled share is a part of the height, so that it claims no time."""
    made = manifest(track(1, start_s=20.0, end_s=25.0, frames_detected=75, frames_filled=25))
    page = page_of(replace(made, output=replace(made.output, start_s=15.0, duration_s=20.0)))
    bars = [a for t, a in read(page)[1] if t == "rect" and "%" in (a.get("x") or "")]
    assert [(a["x"], a["width"], a["height"], a.get("class")) for a in bars] == [
        ("25.0%", "25.0%", "9.0", None),
        ("25.0%", "25.0%", "3.0", "filled"),
    ]
    assert "Track 1, hidden, 0:00:20.000 to 0:00:25.000, 25 of 100 frames by filling" in page
    assert re.findall(r"<text[^>]*>([^<]*)<", page) == ["0:00:15", "0:00:20", "0:00:25", "0:00:30"]


def test_kept_tracks_come_first_on_the_time_line() -> None:
    """And in another colour; faces without a track have no bar; findings have their own line."""
    words, tags = read(full())
    assert re.findall(r"(\d) (kept|hidden) Track \1", words) == [
        ("2", "kept"), ("4", "kept"), ("1", "hidden"), ("3", "hidden"),
    ]  # fmt: skip
    assert sum(a.get("class") == "bar keep" for t, a in tags if t == "g") == 3  # two, and the key
    assert [a["x1"] for t, a in tags if a.get("class") == "wrong"] == ["32.5%", "75.0%"]


def test_many_tracks_are_a_density() -> None:
    """Three hundred tracks have one line, as high as there are tracks at a time; all stand in the page."""
    tracks = [track(n, start_s=n / 50, end_s=n / 50 + 1) for n in range(1, 301)] + [track(301, "kept")]
    page = page_of(manifest(*tracks), {n: thumb() for n in range(1, 251)})
    words, tags = read(page)
    assert "How many tracks there are at a time" in words
    assert re.search(r"300 tracks hidden, up to 5\d at about the same time", words)
    assert "1 track kept, up to 1 at about the same time" in words
    columns = [a for t, a in tags if t == "rect" and "%" in (a.get("x") or "")]
    assert len(columns) < 4 * sheet.COLUMNS
    assert max(float(a["height"] or 0) for a in columns) <= sheet.HILL
    ids = {a.get("id") for _, a in tags}
    assert {f"hidden-{n}" for n in range(1, 301)} | {"kept-301"} <= ids
    assert len(pictures(page)) == 250


def test_no_track_at_all() -> None:
    """The sheet is whole, and does not say that nobody was there."""
    words, tags = read(page_of(manifest()))
    assert "No head was found, so nothing is covered. The check found no clear face, which is no proof" in words
    assert "A detector's silence is no proof" in words
    assert "No track and no finding." in words
    assert not [tag for tag, _ in tags if tag in {"img", "svg"}]


def test_a_still_picture_has_no_time() -> None:
    """A released photograph has no time line."""
    made = manifest(track(1, start_s=0.0, end_s=0.0, frames_detected=1, frames_filled=0))
    made = replace(made, output=replace(made.output, frames=1, duration_s=0.0))
    words, _ = read(page_of(made, {1: thumb(0.0)}))
    assert "Track 1 as covered in the still picture" in words
    assert "Time line" not in words
    assert " 0:00:00" not in words


def test_who_was_compared() -> None:
    """With a recogniser purpose, basis, authoriser and rate are there; without one that is said."""
    made = manifest(
        track(1), purpose="subject-access", basis="Art. 15 GDPR", authorised_by="J. Doe", threshold_fmr=1e-5
    )
    words, _ = read(page_of(made))
    assert "Purpose subject-access Basis Art. 15 GDPR Authorised by J. Doe Made 2026-03-01 10:00:00 UTC" in words
    assert "About 1 in 100,000 comparisons take a stranger for a kept or hidden person." in words
    assert "nobody was compared" not in words


def test_how_it_was_made() -> None:
    """Edits with reasons, differences, damage, encoder, both models, shares of the time and limits are all there."""
    words, _ = read(full())
    for part in (
        "hide track 7 seen in the mirror",
        "10 bits were made 8",
        "audio: aac",
        "2 frames damaged; on 2 the covers of the frame before were held.",
        "crf 18 preset veryfast",
        "yunet SHA-256 " + "ef" * 32,
        "ssd SHA-256 " + "01" * 32,
        "0:00:40.000 in all: finding 50 %, writing 25 %, checking 20 %",
        *manifest().cannot_hide,
    ):
        assert part in words
    assert sheet.shares(Timing(0.0, 0.0, 0.0, 0.0)) == "0:00:00.000 in all: finding 0 %, writing 0 %, checking 0 %"


def test_the_page_runs_nothing_and_fetches_nothing() -> None:
    """There is no script, no handler, no form, and no address but those of the pictures inside the page."""
    page = full()
    _, tags = read(page)
    assert {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "embed", "form", "base", "use"} == set()
    assert [name for _, attributes in tags for name in attributes if name.startswith("on") or name == "style"] == []
    addresses = [attrs[name] or "" for _, attrs in tags for name in ("src", "href") if name in attrs]
    assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in addresses)
    assert re.findall(r"https?:|//\w|url\(|@import", re.sub(r"base64,[^\"]*", "", page)) == []
    policy = next(a["content"] for t, a in tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert (policy or "").startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def evil() -> Manifest:
    """Return a manifest with markup and control characters in each of its texts."""
    model = ModelUse(EVIL, EVIL, EVIL, EVIL, EVIL, EVIL)
    tracks = (track(1, why=EVIL), track(2, why=EVIL + "2"), track(3, why=EVIL), track(4, "kept", why=EVIL))
    made = manifest(
        *tracks, findings=FOUND, purpose=EVIL, basis=EVIL, authorised_by=EVIL, made=EVIL, tool=EVIL, recall=EVIL,
        fill=EVIL, colour=EVIL, aspect=EVIL, models=(model,), edits=(Edit(EVIL, EVIL, EVIL),), cannot_hide=(EVIL,),
    )  # fmt: skip
    output = replace(
        made.output, name=EVIL, sha256=EVIL, codec=EVIL, pixels=EVIL, encoder={EVIL: EVIL}, audio=EVIL, notes=(EVIL,)
    )
    source = replace(made.source, name=EVIL, sha256=EVIL, codec=EVIL, pixels=EVIL, left_out=(EVIL,))
    check = replace(made.check, model=model, sizes=(EVIL,), allowed=EVIL)
    return replace(made, output=output, source=source, check=check)


@pytest.mark.parametrize("blocked", [True, False])
def test_texts_cannot_act(*, blocked: bool) -> None:
    """Markup in names and reasons is text, and control and direction characters are spelt out."""
    page = sheet.render(evil(), {1: thumb(), 4: thumb()}, [thumb(), None], edits_file=EVIL, blocked=blocked)
    words, tags = read(page)
    assert "<script" not in page
    assert {tag for tag, _ in tags} & {"script"} == set()
    assert not set(page) & {"\u202e", "\x07"}
    assert SHOWN in words
    assert [a for t, a in tags if t not in {"img", "a"} and ("src" in a or "href" in a)] == []
    page.encode("utf-8")


def test_every_name_is_isolated() -> None:
    """Text of any direction stands in an element that keeps it from turning what is around it."""
    made, rtl = evil(), "\u05d0\u05d1\u05d2"
    page = page_of(replace(made, output=replace(made.output, name=rtl), edits=(Edit(rtl, rtl, rtl),)))
    assert page.count(rtl) == len(re.findall(rf"<bdi[^>]*>{rtl}</bdi>", page)) == 5


def test_half_characters_and_long_names_can_be_written() -> None:
    """A name that is no UTF-8 is shown with its stray bytes spelt out, and one of any length is shown whole."""
    made = manifest(track(1))
    long = "x" * 5000 + "caf\udce9.mp4"
    page = page_of(replace(made, output=replace(made.output, name=long)))
    assert "x" * 5000 + "caf⟨U+DCE9⟩.mp4" in page
    page.encode("utf-8")


@pytest.mark.parametrize("blocked", [True, False])
def test_words(*, blocked: bool) -> None:
    """No word that takes a score for more than it is stands in the sheet."""
    for page in (full(), page_of(manifest(track(1)), blocked=blocked), page_of(manifest(), blocked=blocked)):
        assert re.findall(NEVER, read(page)[0], re.IGNORECASE) == []


def test_tables_and_headings() -> None:
    """Every table has a caption, every column a scope, headings go down by one, every id stands once."""
    both = (track(0), track(0, "kept"), track(5))
    for page in (full(), page_of(manifest(*both), {0: thumb()})):
        _, tags = read(page)
        assert sum(t == "table" for t, _ in tags) == sum(t == "caption" for t, _ in tags)
        assert all("scope" in attributes for tag, attributes in tags if tag == "th")
        levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert {a["aria-labelledby"] for _, a in tags if "aria-labelledby" in a} <= set(ids)


def picture(width: int, height: int, shade: int) -> np.ndarray:
    """Return a plain picture."""
    return np.full((height, width, 3), shade, np.uint8)


@pytest.mark.parametrize(("number", "across", "down"), [(1, 1, 1), (3, 2, 2), (9, 3, 3), (24, 4, 6)])
def test_a_contact_sheet(number: int, across: int, down: int) -> None:
    """Pictures stand in rows from the left, each 240 pixels high, with room for a caption below."""
    shades = [40 + 8 * n for n in range(number)]
    file = sheet.contact([picture(640, 360, shade) for shade in shades], [f"at {n}" for n in range(number)])
    page = np.asarray(Image.open(io.BytesIO(file)).convert("L"))
    step = np.array([427 + sheet.GAP, 240 + sheet.LINE + sheet.GAP])
    assert page.shape == (down * step[1] + sheet.GAP, across * step[0] + sheet.GAP)
    for n, shade in enumerate(shades):
        x, y = np.array([n % across, n // across]) * step + sheet.GAP
        assert abs(page[y + 16 : y + 224, x + 16 : x + 400].astype(int) - shade).max() <= 3
        assert page[y + 240 : y + 240 + sheet.LINE, x : x + 427].min() < 80  # letters
    assert Image.open(io.BytesIO(file)).getexif() == {}


def test_a_contact_sheet_says_what_it_leaves_out() -> None:
    """Of thirty pictures 24 are shown, and a line at the foot says that there are more."""
    usual, more = (Image.open(io.BytesIO(sheet.contact([picture(240, 240, 9)] * n, ["words"] * n))) for n in (24, 30))
    assert (more.width, more.height) == (usual.width, usual.height + sheet.LINE)
    assert np.asarray(more.convert("L"))[-sheet.LINE :, :240].min() < 80


def test_a_contact_sheet_of_odd_pictures() -> None:
    """Wide, high and tiny pictures are fitted, and a long or hostile caption is cut to its picture's column."""
    odd = [picture(2000, 20, 9), picture(20, 2000, 9), picture(1, 1, 9)]
    page = Image.open(io.BytesIO(sheet.contact(odd, ["W" * 5000, "\u202e\n\x00", ""]))).convert("L")
    assert page.size == (sheet.GAP + 2 * (480 + sheet.GAP), sheet.GAP + 2 * (240 + sheet.LINE + sheet.GAP))
    between = np.asarray(page)[sheet.GAP + 244 : sheet.GAP + 240 + sheet.LINE, sheet.GAP + 482 : 2 * sheet.GAP + 478]
    assert between.min() > 240


def test_a_contact_sheet_of_nothing() -> None:
    """There is none, and captions must be as many as pictures."""
    with pytest.raises(ValueError, match="at least one"):
        sheet.contact([], [])
    with pytest.raises(ValueError, match="shorter"):
        sheet.contact([picture(9, 9, 9)], [])
