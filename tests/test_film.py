"""Facts about released files: times, sizes and colours are the source's, and nothing else of the source is in them."""

from __future__ import annotations

import hashlib
import resource
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from test_cover import FULL, LIMITED, SHARED, TURNS, beside, frame_of, noise, stored_of
from test_footage import drawn

from houselights.boxes import strangers
from houselights.cover import Fill, Picture, Style, picture_of
from houselights.errors import ReleaseError
from houselights.film import Codec, Fields, Film, FilmSettings, write_photograph
from houselights.footage import Footage, Tally
from houselights.sound import AudioPlan

BASE = Fraction(1, 25)
ENCODERS: tuple[Codec, ...] = ("h264", "hevc", "av1")


def drawing(number: int, width: int = 64, height: int = 48, form: str = "yuv420p", span: int = LIMITED) -> Picture:
    """A drawn picture in some format."""
    stored = av.VideoFrame.from_ndarray(drawn(number, width, height), "rgb24").reformat(format=form)
    stored.color_range = span
    return picture_of(frame_of(stored))


def film_of(
    path: Path,
    pictures: Sequence[Picture],
    ticks: Sequence[int] = (),
    base: Fraction = BASE,
    *,
    last: int | None = None,
    audio: AudioPlan | None = None,
    **more: Any,  # noqa: ANN401
) -> Film:
    """Write some pictures, at every tick if no ticks are given; gives the closed film."""
    with Film(path, FilmSettings.like(pictures[0], base, 25, **more), audio) as film:
        times = ticks or range(len(pictures))
        for number, (picture, at) in enumerate(zip(pictures, times, strict=True)):
            film.write(picture, at, last if number == len(pictures) - 1 else None)
    return film


def shown(path: Path) -> tuple[list[av.VideoFrame], list[Fraction], Fraction]:
    """The frames of a file, their times and the length of its track, in seconds."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        frames = list(file.decode(stream))
        base = stream.time_base
        assert base is not None
        return frames, [(frame.pts or 0) * base for frame in frames], (stream.duration or 0) * base


# R42: what is covered decides nothing


FORMS = ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "rgb24", "yuv420p10le"]


@pytest.mark.parametrize(
    ("form", "style", "codec", "size"),
    [
        *((form, style, "h264", (96, 64)) for form in FORMS for style in ("solid", "silhouette")),
        *((form, "solid", "h264", (95, 63)) for form in FORMS),
        *(("yuv420p", "silhouette", codec, (96, 64)) for codec in ("hevc", "av1")),
    ],
)
def test_films_that_differ_under_the_cover_are_the_same_bytes(
    tmp_path: Path,
    form: str,
    style: Style,
    codec: Codec,
    size: tuple[int, int],
) -> None:
    """Sources that differ in any pixel of the boxes asked for give one and the same file."""
    width, height = size
    boxes = np.array([[11, 7, 21, 17], [80.5, 50.3, 30, 30], [-3, 20, 9, 11], [41, 0, 7, 5], [50, 31, 1, 1]])
    mask = np.zeros((height, width), bool)
    for left, top, across, down in boxes:
        low, high = (
            (max(0, int(np.floor(left))), int(np.ceil(left + across))),
            (max(0, int(top)), int(np.ceil(top + down))),
        )
        mask[high[0] : high[1], low[0] : low[1]] = True
    digests = set()
    for seed in (1, 2):
        path = tmp_path / f"{seed}.mp4"
        pictures = []
        for number in range(5):
            planes = noise(form, width, height, seed=100 + number)
            for index, other in enumerate(noise(form, width, height, seed=10 * seed + number)):
                where = np.repeat(mask, 3, axis=1) if form == "rgb24" else mask
                if index:
                    where = beside(mask, SHARED[form], fields=False)
                planes[index][where] = other[where]
            picture = picture_of(frame_of(stored_of(form, width, height, planes)))
            picture.cover(boxes, Fill(style))
            pictures.append(picture)
        film_of(path, pictures, codec=codec)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_films_that_differ_beside_the_cover_differ(tmp_path: Path) -> None:
    """The test above can fail: one sample beside the cover changes the file."""
    films = []
    for value in (60, 200):
        planes: list[NDArray[Any]] = noise("yuv420p", 96, 64)
        planes[0][32, 40] = value
        picture = picture_of(frame_of(stored_of("yuv420p", 96, 64, planes)))
        picture.cover(np.array([[41, 33, 20, 20]]), Fill())
        picture.y[32, 40] = value
        films.append(film_of(tmp_path / f"{value}.mp4", [picture]).path.read_bytes())
    assert films[0] != films[1]


# R43: times, sizes, colours


@pytest.mark.parametrize("codec", ENCODERS)
@pytest.mark.parametrize("form", ["yuv420p", "yuv420p10le"])
def test_every_encoder_keeps_times_colours_and_pixels(tmp_path: Path, codec: Codec, form: str) -> None:
    """Variable times, the last picture's length, 10 bits and colours come out as they went in, and nothing beside."""
    stored = [av.VideoFrame.from_ndarray(drawn(number, 96, 64), "rgb24").reformat(format=form) for number in range(12)]
    for each in stored:
        each.color_range, each.colorspace, each.color_primaries, each.color_trc = LIMITED, 9, 9, 16
    pictures = [picture_of(frame_of(each)) for each in stored]
    ticks = [0, 40, 80, 121, 160, 300, 301, 333, 1000, 1040, 1080, 5000]
    base = Fraction(1, 1000)
    film = film_of(tmp_path / "film.mp4", pictures, ticks, base, last=70, codec=codec)
    frames, times, length = shown(film.path)
    assert times == [each * base for each in ticks]
    assert length == 5070 * base
    assert {frame.format.name for frame in frames} == {form}
    for frame in frames:
        tags = (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)
        assert tags == (LIMITED, 9, 9, 16)
    for picture, frame in zip(pictures, frames, strict=True):
        assert np.abs(picture_of(frame_of(frame)).y.astype(int) - picture.y).mean() < (3 if form == "yuv420p" else 12)
    assert strangers(film.path) == ()
    assert film.pictures == 12
    assert film.encoder()["codec"] == codec
    assert film.encoder()["crf"] == {"h264": "21", "hevc": "24", "av1": "35"}[codec]
    assert film.encoder().get("version", "x26").startswith("x26")
    assert ("version" in film.encoder()) == (codec != "av1")
    with av.open(str(film.path)) as file:
        assert file.metadata.keys() == {"major_brand", "minor_version", "compatible_brands"}
        assert file.streams.video[0].metadata == {"language": "und", "handler_name": "VideoHandler"}


@pytest.mark.parametrize("codec", ENCODERS)
def test_full_range_is_marked(tmp_path: Path, codec: Codec) -> None:
    """A player is told that luma runs from 0 to 255."""
    film = film_of(
        tmp_path / "film.mp4", [drawing(number, form="yuvj420p", span=FULL) for number in range(3)], codec=codec
    )
    assert {frame.color_range for frame in shown(film.path)[0]} == {FULL}


@pytest.mark.parametrize(
    "base",
    [
        Fraction(*each)
        for each in ((1, 25), (1, 1000), (1001, 30000), (1, 90000), (1, 12800), (1, 100), (1, 3), (1, 10**9))
    ],
    ids=str,
)
def test_times_are_exact_in_every_time_base(tmp_path: Path, base: Fraction) -> None:
    """Whatever the source's tick is, the film's times are the same fractions of a second."""
    ticks = [0, 1, 2, 5, 6, 7, 30, 31, 100]
    film = film_of(tmp_path / "film.mp4", [drawing(number) for number in range(9)], ticks, base, last=3)
    _, times, length = shown(film.path)
    assert times == [each * base for each in ticks]
    assert length == 103 * base


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(1, 100_000), min_size=1, max_size=8), last=st.integers(1, 5000))
def test_any_rising_times_are_kept(tmp_path: Path, steps: list[int], last: int) -> None:
    """Variable frame rate of any kind."""
    ticks = [0, *np.cumsum(steps).tolist()]
    base = Fraction(1, 90_000)
    film = film_of(
        tmp_path / "film.mp4", [drawing(number, 32, 32) for number in range(len(ticks))], ticks, base, last=last
    )
    _, times, length = shown(film.path)
    assert times == [each * base for each in ticks]
    assert length == (ticks[-1] + last) * base


def test_an_unstated_last_length_is_that_of_the_step_before(tmp_path: Path) -> None:
    """And of a single picture that of the rate."""
    assert shown(film_of(tmp_path / "a.mp4", [drawing(0), drawing(1)], [0, 4]).path)[2] == 8 * BASE
    assert shown(film_of(tmp_path / "b.mp4", [drawing(0)], [0], Fraction(1, 1000)).path)[2] == BASE


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("form", ["yuv420p", "yuv422p10le"])
def test_odd_sizes_are_kept(tmp_path: Path, codec: Codec, form: str) -> None:
    """Not one row or column is added or lost."""
    film = film_of(tmp_path / "film.mp4", [drawing(number, 67, 51, form) for number in range(3)], codec=codec)
    frame = shown(film.path)[0][0]
    assert (frame.width, frame.height) == (67, 51)
    assert strangers(film.path) == ()


@pytest.mark.parametrize(("turns", "mirrored"), TURNS)
def test_a_turn_is_in_the_pixels_and_nowhere_else(tmp_path: Path, turns: int, *, mirrored: bool) -> None:
    """The film looks upright without being told to."""
    plain = drawn(5, 96, 64)
    stored = np.rot90(plain, -turns)
    stored = np.ascontiguousarray(stored[:, ::-1] if mirrored else stored)
    frame = av.VideoFrame.from_ndarray(stored, "rgb24").reformat(format="yuv420p")
    film = film_of(tmp_path / "film.mp4", [picture_of(frame_of(frame, turns, mirrored=mirrored))] * 2, quality=5)
    for each in Footage(film.path).frames(Tally()):
        assert (each.quarter_turns, each.mirrored, each.size) == (0, False, (96, 64))
        assert np.abs(picture_of(each).rgb().astype(int) - plain).mean() < 6


@pytest.mark.parametrize(("fields", "order"), [("top", 2), ("bottom", 3)])
def test_fields_stay_fields(tmp_path: Path, fields: Fields, order: int) -> None:
    """An interlaced film says so, and which field comes first."""
    film = film_of(tmp_path / "film.mp4", [drawing(number) for number in range(4)], interlaced=fields)
    assert all(frame.interlaced_frame for frame in shown(film.path)[0])
    with av.open(str(film.path)) as file:
        next(file.decode(video=0))
        assert file.streams.video[0].codec_context.field_order == order
    assert strangers(film.path) == ()


def test_pixels_that_are_not_square_stay_so(tmp_path: Path) -> None:
    """The shape of a pixel is written."""
    film = film_of(tmp_path / "film.mp4", [drawing(0)], pixel_aspect=Fraction(16, 11))
    with av.open(str(film.path)) as file:
        assert file.streams.video[0].sample_aspect_ratio == Fraction(16, 11)
    assert strangers(film.path) == ()


def test_a_high_rate_is_no_hindrance(tmp_path: Path) -> None:
    """SVT-AV1 takes no more than 240 pictures a second; times are kept all the same."""
    with Film(tmp_path / "film.mp4", FilmSettings.like(drawing(0), Fraction(1, 1000), 1000, codec="av1")) as film:
        for number in range(4):
            film.write(drawing(number), number)
    assert shown(film.path)[1] == [Fraction(number, 1000) for number in range(4)]


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"codec": "av1", "width": 65}, "65x48"),
        ({"codec": "av1", "pixels": "yuv444p"}, "yuv444p"),
        ({"codec": "av1", "interlaced": "top"}, "av1"),
        ({"codec": "hevc", "interlaced": "top"}, "hevc"),
        ({"height": 486, "interlaced": "bottom"}, "486"),
        ({"codec": "vp9"}, "vp9"),
        ({"quality": 0}, "quality 0"),
        ({"quality": 64, "codec": "av1"}, "quality 64"),
    ],
)
def test_what_an_encoder_cannot_write_is_refused_at_once(more: dict[str, Any], word: str) -> None:
    """Before a file is opened, naming the value."""
    facts = {"width": 64, "height": 48, "pixels": "yuv420p", "time_base": BASE, "rate": Fraction(25)}
    with pytest.raises(ReleaseError, match=word) as refused:
        FilmSettings(**(facts | more))
    assert refused.value.hint


def test_pictures_that_do_not_fit_are_an_error(tmp_path: Path) -> None:
    """Another size, times that do not rise, a first time that is not 0, a gap too long for an mp4; no file stays."""
    path = tmp_path / "film.mp4"
    wrong: list[tuple[Picture, Sequence[int], Fraction, type[Exception]]] = [
        (drawing(0, 32, 32), [0, 1], BASE, ValueError),
        (drawing(0), [0, 0], BASE, ValueError),
        (drawing(0), [3, 4], BASE, ValueError),
        (drawing(0), [0, 3 * 10**9], Fraction(1, 10**9), ReleaseError),
    ]
    for picture, ticks, base, kind in wrong:
        with pytest.raises(kind), Film(path, FilmSettings.like(drawing(0), base, 25)) as film:
            _ = [film.write(picture, each) for each in ticks]
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(ReleaseError, match="no picture"), Film(path, FilmSettings.like(drawing(0), BASE, 25)):
        pass
    with pytest.raises(ReleaseError, match="cannot be written"):
        film_of(tmp_path / "none" / "film.mp4", [drawing(0)])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    """What could not be written whole is not there."""
    words = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_film import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
size = dict(width=320, height=240)
pictures = [Picture(*noise("yuv420p", 320, 240, seed), 1, 2, 2, 2) for seed in range(4)]
try:
    film_of(Path({str(tmp_path / "film.mp4")!r}), pictures)
except ReleaseError as fault:
    print(fault.message)
"""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20_000
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    assert list(tmp_path.iterdir()) == []


# Photographs


@pytest.mark.parametrize(("name", "near"), [("a.jpg", 4.0), ("a.JPEG", 4.0), ("a.png", 0.0), ("a.webp", 8.0)])
def test_a_photograph_has_pixels_and_nothing_else(tmp_path: Path, name: str, near: float) -> None:
    """No EXIF, no profile, no thumbnail, no half file."""
    picture = drawn(4, 65, 49)
    write_photograph(picture, tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert not image.getexif()
        assert not {"exif", "icc_profile", "xmp", "comment", "photoshop"} & image.info.keys()
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - picture).mean() <= near
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_photograph_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """A name without a known ending, a folder that is not there."""
    with pytest.raises(ReleaseError, match=r"a\.gif"):
        write_photograph(drawn(0), tmp_path / "a.gif")
    with pytest.raises(ReleaseError, match="cannot be written"):
        write_photograph(drawn(0), tmp_path / "none" / "a.png")
    assert list(tmp_path.iterdir()) == []
