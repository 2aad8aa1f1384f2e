"""Facts about the ledger: what is counted by track and verdict, and the small pictures for the review sheet."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from test_cover import frame_of, noise, stored_of

from houselights import ledger
from houselights.cover import Fill, Picture, picture_of
from houselights.heads import Heads
from houselights.ledger import PLACE_S, SIDE, THUMBS, Ledger, jpeg, thumb
from houselights.manifest import Box, TrackUse

BOX: Box = (40.0, 20.0, 30.0, 36.0)


def picture(width: int = 160, height: int = 96, form: str = "yuv420p") -> Picture:
    """A picture of noise."""
    return picture_of(frame_of(stored_of(form, width, height, noise(form, width, height))))


def heads(seconds: float, *rows: tuple[int, Box, bool]) -> Heads:
    """The heads of a frame: track, box and whether it was seen."""
    boxes = np.array([box for _, box, _ in rows], np.float32).reshape(-1, 4)
    tracks = np.array([track for track, _, _ in rows], np.int64)
    seen = np.array([seen for _, _, seen in rows], bool)
    return Heads(round(seconds * 1000), seconds, boxes, tracks, seen, held=False, cut=False)


def hidden(*rows: int) -> NDArray[np.bool_]:
    """Which heads are hidden: 1 for each that is, 0 for each that is not."""
    return np.array(rows, bool)


def noted(count: int, *, kept: bool, step: float = 0.04) -> TrackUse:
    """One track that walks to the right, through so many frames."""
    book, shown = Ledger(), picture()
    for number in range(count):
        now = heads(round(number * step, 6), (3, (10.04 + number, 20.0, 30.0, 36.0), True))
        book.note(now, hidden(not kept), ["because"], shown)
    (use,) = book.uses()
    return use


def test_heads_are_counted_by_track_and_verdict() -> None:
    """Seen and filled frames apart; a track whose verdict a person changed for a while stands there twice."""
    book, shown = Ledger(), picture()
    book.note(heads(1.0, (5, BOX, True), (2, BOX, False)), hidden(1, 1), ["like Bo", "every"], shown)
    book.note(heads(1.1, (5, BOX, False)), hidden(1), ["later"], shown)
    book.note(heads(1.2, (2, BOX, True), (5, BOX, True)), hidden(1, 0), ["every", "asked"], shown)
    book.note(heads(1.3), hidden(), [], shown)
    book.note(heads(1.4, (5, BOX, True), (0, BOX, True), (0, BOX, True)), hidden(1, 1, 1), ["x"] * 3, shown)
    assert [(use.track, use.verdict, use.why) for use in book.uses()] == [
        (0, "hidden", "x"), (2, "hidden", "every"), (5, "hidden", "like Bo"), (5, "kept", "asked"),
    ]  # fmt: skip
    assert [(use.start_s, use.end_s) for use in book.uses()] == [(1.4, 1.4), (1.0, 1.2), (1.0, 1.4), (1.2, 1.2)]
    assert [(use.frames_detected, use.frames_filled) for use in book.uses()] == [(2, 0), (1, 1), (2, 1), (1, 0)]
    assert Ledger().uses() == ()


def test_a_kept_track_has_places_and_a_hidden_one_has_none() -> None:
    """Every fifth of a second and the last, to a tenth of a pixel; where a hidden head went is nobody's business."""
    places = noted(25, kept=True).places
    assert [place.time_s for place in places] == [0.0, 0.2, 0.4, 0.6, 0.8, 0.96]
    assert places[0].box == (10.0, 20.0, 30.0, 36.0)
    assert places[-1].box == (34.0, 20.0, 30.0, 36.0)
    assert noted(25, kept=False).places == ()
    assert [place.time_s for place in noted(1, kept=True).places] == [0.0]
    assert [place.time_s for place in noted(6, kept=True).places] == [0.0, 0.2]


@given(st.integers(1, 60), st.floats(0.005, 0.5))
def test_places_hold_the_first_and_last_and_leave_no_long_gap(count: int, step: float) -> None:
    """At any frame rate each frame of a kept track lies between two places, no further apart than a step more."""
    use = noted(count, kept=True, step=step)
    times = [place.time_s for place in use.places]
    assert times[0] == use.start_s == 0
    assert times[-1] == use.end_s == round((count - 1) * step, 6)
    assert times == sorted(set(times))
    assert all(gap < PLACE_S + step + 1e-5 for gap in np.diff(times))
    assert all(gap >= PLACE_S - 1e-5 for gap in np.diff(times[:-1]))


def test_a_thumb_is_of_a_head_that_was_seen() -> None:
    """Not of where it is only thought to be; it is taken anew where it is clearly larger, at that time."""
    book, shown = Ledger(), picture()
    sizes = {1.0: (30, False), 1.1: (20, True), 1.2: (22, True), 1.3: (30, True), 1.4: (60, False), 1.5: (10, True)}
    taken = {}
    for seconds, (side, seen) in sizes.items():
        book.note(heads(seconds, (4, (40, 20, side, side), seen)), hidden(1), ["every"], shown)
        taken[seconds] = book.thumbs[4][1] if 4 in book.thumbs else None
    assert taken == {1.0: None, 1.1: 1.1, 1.2: 1.1, 1.3: 1.3, 1.4: 1.3, 1.5: 1.3}


def test_a_thumb_shows_the_head_as_it_is_released() -> None:
    """Of a hidden head it shows the cover and nothing under it."""
    book, shown = Ledger(), picture()
    box = (32.0, 16.0, 64.0, 64.0)
    shown.cover(np.array([[0, 0, 160, 96]]), Fill(colour="4060a0"))
    book.note(heads(1.0, (4, box, True)), hidden(1), ["every"], shown)
    pixels = np.asarray(Image.open(io.BytesIO(book.thumbs[4][0])).convert("RGB")).astype(int)
    assert np.abs(pixels - (0x40, 0x60, 0xA0)).max() < 6


def test_there_are_thumbs_of_so_many_tracks_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd does not make a sheet that nobody can open; those that have one may still get a better one."""
    assert THUMBS >= 100
    monkeypatch.setattr(ledger, "THUMBS", 3)
    book, shown = Ledger(), picture()
    for track in range(1, 9):
        book.note(heads(track, (track, (40, 20, 20, 20), True)), hidden(1), ["every"], shown)
    book.note(heads(9, (2, (40, 20, 40, 40), True), (7, (40, 20, 40, 40), True)), hidden(1, 1), ["x"] * 2, shown)
    assert {track: seconds for track, (_, seconds) in book.thumbs.items()} == {1: 1, 2: 9, 3: 3}
    assert len(book.uses()) == 8


@given(
    st.tuples(st.integers(16, 400), st.integers(16, 300)),
    st.tuples(st.floats(-500, 900), st.floats(-500, 900), st.floats(0, 800), st.floats(0, 800)),
    st.sampled_from(["yuv420p", "yuv420p10le"]),
)
def test_a_thumb_is_small_and_says_nothing_beside(size: tuple[int, int], box: Box, form: str) -> None:
    """Wherever a head lies, in or beyond the picture: a JPEG of at most 160 pixels a side without any metadata."""
    with Image.open(io.BytesIO(thumb(picture(*size, form), box))) as image:
        assert image.format == "JPEG"
        assert max(image.size) <= SIDE
        assert not image.getexif()
        assert image.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_thumb_has_the_head_in_its_middle() -> None:
    """With something around it, so that one sees where it is."""
    shown = picture(320, 240)
    shown.y[:] = 20
    shown.u[:], shown.v[:] = 128, 128
    shown.y[80:140, 120:180] = 230
    with Image.open(io.BytesIO(thumb(shown, (120.0, 80.0, 60.0, 60.0)))) as image:
        light = np.asarray(image.convert("L")) > 128
    rows, columns = np.nonzero(light)
    assert abs(rows.mean() / light.shape[0] - 0.5) < 0.06
    assert abs(columns.mean() / light.shape[1] - 0.5) < 0.06
    assert 0.3 < light.mean() < 0.5


def test_a_picture_is_made_smaller_and_never_larger() -> None:
    """It keeps its shape."""
    sizes = []
    for size in ((400, 200), (100, 50)):
        with Image.open(io.BytesIO(jpeg(Image.new("RGB", size), 160))) as image:
            sizes.append(image.size)
    assert sizes == [(160, 80), (100, 50)]
