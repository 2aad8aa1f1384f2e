"""Facts about covers: where they lie, what colour they have, and that nothing under them can be seen beside them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import av
import av.filter
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_footage import drawn
from test_frame import flat

from houselights.cover import Fill, Picture, Style, picture_of
from houselights.errors import ReleaseError, SettingsError
from houselights.frame import Frame
from houselights.types import UInt8

SHARED = {  # columns and rows that share a chroma sample
    "yuv420p": (2, 2),
    "yuvj420p": (2, 2),
    "yuv422p": (2, 1),
    "yuv444p": (1, 1),
    "yuv440p": (1, 2),
    "yuv411p": (4, 1),
    "yuv410p": (4, 4),
    "yuv420p10le": (2, 2),
    "yuv422p10le": (2, 1),
    "yuv444p12le": (1, 1),
    "gray": (1, 1),
    "rgb24": (1, 1),
    "gbrp": (1, 1),
}
TURNS = [(turns, mirrored) for turns in range(4) for mirrored in (False, True)]
BITS = {"p10": 10, "p12": 12}
BT601, BT709, BT2020, LIMITED, FULL = 6, 1, 9, 1, 2


def frame_of(stored: av.VideoFrame, turns: int = 0, *, mirrored: bool = False) -> Frame:
    """A stored picture as a frame."""
    return Frame(0, corrupt=False, quarter_turns=turns, stored=stored, mirrored=mirrored)


def noise(form: str, width: int, height: int, seed: int = 0) -> list[NDArray[Any]]:
    """Random planes of a format, (rows, samples) each."""
    random = np.random.default_rng(seed)
    bits = next((bits for mark, bits in BITS.items() if mark in form), 8)
    kind = np.uint8 if bits == 8 else np.uint16
    planes = []
    for plane in av.VideoFrame(width, height, form).planes:
        across = plane.width * (3 if form == "rgb24" else 1)
        planes.append(random.integers(0, 2**bits, (plane.height, across)).astype(kind))
    return planes


def stored_of(form: str, width: int, height: int, planes: list[NDArray[Any]], *, span: int = LIMITED) -> av.VideoFrame:
    """A stored picture of some planes."""
    stored = av.VideoFrame(width, height, form)
    stored.color_range = FULL if "yuvj" in form else span
    for plane, samples in zip(stored.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size // samples.itemsize), samples.dtype)
        rows[:, : samples.shape[1]] = samples
        plane.update(rows.tobytes())
    return stored


def interlaced(stored: av.VideoFrame) -> av.VideoFrame:
    """The same picture, marked as two fields."""
    graph = av.filter.Graph()
    form = stored.format.name
    source = graph.add_buffer(width=stored.width, height=stored.height, format=form, time_base=Fraction(1, 25))
    mark, sink = graph.add("setfield", "tff"), graph.add("buffersink")
    source.link_to(mark)
    mark.link_to(sink)
    graph.configure()
    stored.pts = 0
    graph.push(stored)
    marked = graph.vpull()
    assert marked.interlaced_frame
    return marked


def beside(mask: NDArray[np.bool_], shared: tuple[int, int], *, fields: bool) -> NDArray[np.bool_]:
    """Which chroma samples stand for any pixel of a mask, in the stored picture."""
    across, down = shared
    height, width = mask.shape
    samples = np.zeros((-(-height // down), -(-width // across)), bool)
    for row, column in np.argwhere(mask):
        at = row // 4 * 2 + row % 2 if fields and down == 2 else row // down
        samples[min(at, len(samples) - 1), column // across] = True
    return samples


# From frames to pictures


@pytest.mark.parametrize("form", ["yuv420p", "yuvj420p", "yuv420p10le", "yuva420p"])
def test_planes_that_fit_are_copied_as_they_are(form: str) -> None:
    """Samples of 4:2:0 are not touched, and covering them leaves the decoder's picture alone."""
    planes = noise(form, 46, 34)
    stored = stored_of(form, 46, 34, planes)
    picture = picture_of(frame_of(stored))
    for mine, given_ in zip((picture.y, picture.u, picture.v), planes, strict=False):
        assert np.array_equal(mine, given_)
    before = [bytes(plane) for plane in stored.planes]
    picture.cover(np.array([[0, 0, 46, 34]]), Fill())
    assert [bytes(plane) for plane in stored.planes] == before
    assert picture.span == (FULL if form == "yuvj420p" else LIMITED)


@pytest.mark.parametrize(("form", "bits"), [("nv12", 8), ("nv21", 8), ("p010le", 10), ("yuv420p10be", 10)])
def test_packed_chroma_is_taken_apart_without_a_change(form: str, bits: int) -> None:
    """What is stored in another order has the same samples."""
    plain = "yuv420p" if bits == 8 else "yuv420p10le"
    planes = noise(plain, 32, 16)
    picture = picture_of(frame_of(stored_of(plain, 32, 16, planes).reformat(format=form)))
    assert picture.pixels == plain
    for mine, given_ in zip((picture.y, picture.u, picture.v), planes, strict=True):
        assert np.array_equal(mine, given_)


@pytest.mark.parametrize("form", [form for form in SHARED if form.startswith("yuv")])
def test_chroma_is_the_mean_of_two_by_two_pixels(form: str) -> None:
    """Chroma finer than 4:2:0 is averaged over the block that will share it, coarser chroma is repeated."""
    planes = noise(form, 32, 16)
    picture = picture_of(frame_of(stored_of(form, 32, 16, planes)))
    bits = next((bits for mark, bits in BITS.items() if mark in form), 8)
    across, down = SHARED[form]
    each = np.repeat(np.repeat(planes[1].astype(float), down, 0), across, 1)
    mean = each.reshape(8, 2, 16, 2).mean(axis=(1, 3)) / 2 ** max(0, bits - 10)
    assert picture.pixels == ("yuv420p" if bits == 8 else "yuv420p10le")
    assert np.abs(picture.u - np.minimum(mean, 1023)).max() <= 1
    assert np.abs(picture.y - np.minimum(planes[0] / 2 ** max(0, bits - 10), 1023)).max() <= 0.5


def test_fields_share_no_chroma() -> None:
    """Of an interlaced picture, chroma is averaged within a field: the first row with the third."""
    planes = noise("yuv422p", 32, 16)
    picture = picture_of(frame_of(interlaced(stored_of("yuv422p", 32, 16, planes))))
    fields = [planes[1][field::2].reshape(4, 2, 16).mean(axis=1) for field in (0, 1)]
    for field, mean in enumerate(fields):
        assert np.abs(picture.u[field::2] - mean).max() <= 1


@pytest.mark.parametrize("form", ["yuv420p", "yuv422p10le", "yuv411p", "rgb24", "gray", "rgb8", "bgra"])
def test_odd_sides_keep_all_their_pixels(form: str) -> None:
    """A picture with an odd side has chroma for every pixel, and each pixel has the chroma it had."""
    picture = picture_of(frame_of(av.VideoFrame.from_ndarray(drawn(3, 47, 33), "rgb24").reformat(format=form)))
    assert (picture.width, picture.height, picture.u.shape) == (47, 33, (33, 47))
    assert picture.pixels == ("yuv444p10le" if "10" in form else "yuv444p")
    if form in {"rgb24", "bgra"}:
        assert np.abs(picture.rgb().astype(int) - drawn(3, 47, 33)).max() <= 3


@pytest.mark.parametrize("form", ["yuv420p", "yuv422p", "rgb24", "yuv420p10le"])
@pytest.mark.parametrize("size", [(46, 34), (47, 33)])
@pytest.mark.parametrize(("turns", "mirrored"), TURNS)
def test_every_plane_is_turned_once(form: str, size: tuple[int, int], turns: int, *, mirrored: bool) -> None:
    """All planes stand upright: mirrored as stored, then turned."""
    stored = stored_of(form, *size, noise(form, *size))
    plain, turned = picture_of(frame_of(stored)), picture_of(frame_of(stored, turns, mirrored=mirrored))
    for before, after in ((plain.y, turned.y), (plain.u, turned.u), (plain.v, turned.v)):
        assert np.array_equal(after, np.rot90(before[:, ::-1] if mirrored else before, turns))


@pytest.mark.parametrize(("rows", "matrix"), [(96, BT601), (720, BT709)])
def test_rgb_becomes_limited_range_and_says_so(rows: int, matrix: int) -> None:
    """The matrix goes by the number of rows, the range is limited, and the colours come back."""
    shown = drawn(2, 96, rows)
    picture = picture_of(frame_of(av.VideoFrame.from_ndarray(shown, "rgb24")))
    assert (picture.matrix, picture.span) == (matrix, LIMITED)
    inside = np.abs(picture.rgb().astype(int) - shown)[4:-4, 4:-4]
    assert np.median(inside) <= 2
    assert picture.y.min() >= 16


@pytest.mark.parametrize("form", ["bayer_rggb8", "yaf32le", "gbrpf32le"])
def test_pixels_that_cannot_be_told_apart_are_refused(form: str) -> None:
    """A raw sensor's pixels would be made from their neighbours: no picture is better than one that leaks."""
    with pytest.raises(ReleaseError, match=form):
        picture_of(frame_of(av.VideoFrame(32, 32, form)))


# Colours


@pytest.mark.parametrize("form", ["yuv420p", "yuvj420p", "yuv444p", "yuv420p10le"])
@pytest.mark.parametrize("matrix", [BT601, BT709, BT2020])
@pytest.mark.parametrize("span", [LIMITED, FULL])
def test_colours_are_those_of_the_picture(form: str, matrix: int, span: int) -> None:
    """A flat picture reads as its colour, and a cover has the colour asked for, whatever matrix, range and depth."""
    for colour in ((200, 30, 40), (20, 60, 220), (250, 250, 250), (0, 0, 0)):
        picture = picture_of(flat(colour, form, matrix, span))
        assert np.abs(picture.rgb().astype(int) - colour).max() <= 3
        asked = (90, 140, 60)
        picture.cover(np.array([[0.0, 0, 16, 16]]), Fill(colour=bytes(asked).hex()))
        assert np.abs(picture.rgb()[2:12, 2:12].astype(int) - asked).max() <= 3


def test_stated_colours_are_kept() -> None:
    """Range, matrix, primaries and transfer go from the source's frame to the frame that is written."""
    stored = av.VideoFrame(32, 16, "yuv420p10le")
    stored.color_range, stored.colorspace, stored.color_primaries, stored.color_trc = FULL, BT2020, 9, 16
    picture = picture_of(frame_of(stored))
    made = picture.crop(2, 2, 16, 8).to_frame()
    assert made.format.name == "yuv420p10le"
    assert (made.color_range, made.colorspace, made.color_primaries, made.color_trc) == (FULL, BT2020, 9, 16)


# Covers


@given(
    width=st.integers(16, 41),
    height=st.integers(16, 37),
    box=st.tuples(*[st.floats(-60, 60)] * 2, *[st.floats(0, 90)] * 2),
    silhouette=st.booleans(),
)
def test_a_cover_is_exactly_the_even_widening(
    width: int, height: int, box: tuple[float, float, float, float], *, silhouette: bool
) -> None:
    """All of it in every plane, and not one sample beside it."""
    planes = noise("yuv420p", width, height)
    before = picture_of(frame_of(stored_of("yuv420p", width, height, planes)))
    after = picture_of(frame_of(stored_of("yuv420p", width, height, planes)))
    after.cover(np.array([box]), Fill("silhouette" if silhouette else "solid"))
    left, top = (max(0, math.floor(each / 2) * 2) for each in box[:2])
    right, bottom = (math.ceil((box[axis] + box[axis + 2]) / 2) * 2 for axis in (0, 1))
    inside = np.zeros((height, width), bool)
    if box[2] and box[3] and right > 0 and bottom > 0:
        inside[top:bottom, left:right] = True
    if inside.any():
        assert after.reach(box) == (left, top, min(right, width), min(bottom, height))
    assert np.array_equal(before.y[~inside], after.y[~inside])
    coarse = inside[::2, ::2] if after.halved else inside
    for old, new in ((before.u, after.u), (before.v, after.v)):
        assert np.array_equal(old[~coarse], new[~coarse])
        assert len(np.unique(new[coarse])) <= 1
    assert len(np.unique(after.y[inside])) <= 1 + silhouette


@pytest.mark.parametrize("fields", [False, True])
@pytest.mark.parametrize("form", SHARED)
@given(
    size=st.sampled_from([(32, 24), (30, 22), (31, 23)]),
    turn=st.sampled_from(TURNS),
    box=st.tuples(*[st.floats(-4, 30)] * 2, *[st.floats(0.1, 20)] * 2),
    silhouette=st.booleans(),
)
def test_no_covered_pixel_is_seen(
    form: str,
    size: tuple[int, int],
    turn: tuple[int, bool],
    box: tuple[float, float, float, float],
    *,
    fields: bool,
    silhouette: bool,
) -> None:
    """Pictures that differ in every sample of covered pixels are equal under the cover, in every format and turn."""
    (width, height), (turns, mirrored) = size, turn
    rows, columns = np.mgrid[0 : size[turns % 2 == 0], 0 : size[turns % 2 == 1]]
    mask = (columns + 1 > box[0]) & (columns < box[0] + box[2]) & (rows + 1 > box[1]) & (rows < box[1] + box[3])
    mask = np.rot90(mask, -turns)
    mask = mask[:, ::-1] if mirrored else mask
    planes = noise(form, width, height)
    others = [plane.copy() for plane in planes]
    for plane, other in enumerate(noise(form, width, height, seed=1)):
        changed = mask
        if form == "rgb24":
            changed = np.repeat(mask, 3, axis=1)
        elif plane and form.startswith("yuv"):
            changed = beside(mask, SHARED[form], fields=fields)
        others[plane][changed] = other[changed]
    pictures = []
    for each in (planes, others):
        stored = stored_of(form, width, height, each)
        stored = interlaced(stored) if fields else stored
        picture = picture_of(frame_of(stored, turns, mirrored=mirrored))
        picture.cover(np.array([box]), Fill("silhouette" if silhouette else "solid"))
        pictures.append(picture)
    for one, two in zip(*([each.y, each.u, each.v] for each in pictures), strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("box", [(0, 0, 5, 5), (41.5, 30.2, 9, 9), (-8, -8, 90, 90), (45.9, 0, 0.1, 34)])
@pytest.mark.parametrize("size", [(46, 34), (47, 33)])
def test_a_cover_reaches_the_last_row_and_column(size: tuple[int, int], box: tuple[float, ...]) -> None:
    """A box that touches the edge leaves nothing of it open."""
    picture = picture_of(frame_of(stored_of("yuv420p", *size, noise("yuv420p", *size))))
    left, top, right, bottom = picture.reach(box)
    assert (left, top) == (math.floor(max(box[0], 0)) // 2 * 2, math.floor(max(box[1], 0)) // 2 * 2)
    assert right == size[0] if box[0] + box[2] > size[0] - 1 else right < size[0]
    assert bottom == size[1] if box[1] + box[3] > size[1] - 1 else bottom < size[1]


def test_a_silhouette_knows_the_box_alone() -> None:
    """The same drawing whatever was there, of two colours that differ in lightness only; a cut one is the same, cut."""
    box = np.array([[10.0, 6, 60, 80]])
    drawings = []
    for seed in (0, 1):
        picture = picture_of(frame_of(stored_of("yuv420p", 128, 96, noise("yuv420p", 128, 96, seed))))
        picture.cover(box, Fill("silhouette", "203060"))
        drawings.append(picture.y[6:86, 10:70])
        assert len(np.unique(picture.u[3:43, 5:35])) == 1
    assert np.array_equal(*drawings)
    ground, figure = drawings[0][1, 1], drawings[0][40, 30]
    assert set(np.unique(drawings[0])) == {ground, figure}
    assert figure > ground
    picture.cover(box, Fill("silhouette", "E0E0E0"))
    assert picture.y[46, 40] < picture.y[7, 11]
    picture.cover(box - [[30, 0, 0, 0]], Fill("silhouette", "203060"))
    assert np.array_equal(picture.y[6:86, 0:40], drawings[0][:, 20:])


def test_a_crop_has_planes_of_its_own() -> None:
    """A part of the picture, even in all planes; odd places are refused."""
    picture = picture_of(frame_of(stored_of("yuv420p", 64, 48, noise("yuv420p", 64, 48))))
    part = picture.crop(10, 4, 20, 30)
    assert np.array_equal(part.y, picture.y[4:34, 10:30])
    assert np.array_equal(part.u, picture.u[2:17, 5:15])
    part.cover(np.array([[0, 0, 20, 30]]), Fill())
    assert not np.array_equal(part.y, picture.y[4:34, 10:30])
    for wrong in ((1, 0, 20, 20), (0, 3, 20, 20), (0, 0, 21, 20), (0, 0, 66, 20), (-2, 0, 20, 20), (0, 0, 0, 20)):
        with pytest.raises(ValueError, match="no even part"):
            picture.crop(*wrong)


def test_a_crop_keeps_the_fields() -> None:
    """A part of an interlaced picture begins with a whole pair of lines of each field."""
    stored = interlaced(stored_of("yuv420p", 64, 48, noise("yuv420p", 64, 48)))
    picture = picture_of(frame_of(stored))
    assert picture.reach((0, 5.0, 8, 2)) == (0, 4, 8, 8)
    assert np.array_equal(picture.crop(0, 6, 64, 40).y, picture.y[4:44])


@pytest.mark.parametrize("box", [(0, 0, -1, 5), (math.nan, 0, 5, 5), (0, 0, math.inf, 5)])
def test_a_box_that_is_none_is_an_error(box: tuple[float, ...]) -> None:
    """Nothing is left uncovered in silence."""
    picture = picture_of(frame_of(av.VideoFrame(32, 32, "yuv420p")))
    with pytest.raises(ValueError, match="no box"):
        picture.cover(np.array([box]), Fill())


@pytest.mark.parametrize(("style", "colour"), [("blur", "707070"), ("solid", "7070"), ("solid", "#70707"), ("", "")])
def test_other_fills_do_not_exist(style: Style, colour: str) -> None:
    """There is no blur, and a colour is six hex digits."""
    with pytest.raises(SettingsError):
        Fill(style, colour)


@pytest.mark.parametrize("form", ["yuv420p", "yuv420p10le", "yuv444p", "yuv444p10le"])
def test_a_picture_goes_to_the_encoder_sample_by_sample(form: str) -> None:
    """The frame holds the picture's planes and nothing of their padding."""
    size = (47, 33) if "444" in form else (46, 34)
    kind: Any = np.uint16 if "10" in form else np.uint8
    planes = [plane.astype(kind) for plane in noise(form, *size)]
    picture = Picture(*planes, 1, 2, 2, 2)
    made = picture.to_frame()
    assert made.format.name == form
    for plane, samples in zip(made.planes, planes, strict=True):
        rows = np.frombuffer(bytes(plane), kind).reshape(plane.height, -1)[:, : plane.width]
        assert np.array_equal(rows, samples)
    assert isinstance(picture.rgb(), np.ndarray)
    shown: UInt8 = picture.rgb()
    assert shown.shape == (size[1], size[0], 3)
