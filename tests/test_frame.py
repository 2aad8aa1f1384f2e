"""Facts about frames: pixels are upright, in the right colour and at the right place, however they are stored."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter
from hypothesis import given
from hypothesis import strategies as st
from test_footage import drawn, read, upright, write

from houselights.frame import Frame
from houselights.types import Float64, UInt8

LOSSLESS = {"qp": "0"}
COLOURS = [(0, 0, 0), (255, 255, 255), (128, 128, 128), (222, 170, 128), (60, 30, 20), (200, 30, 40), (20, 60, 220)]
BT601, BT709, BT2020, UNSTATED = 6, 1, 9, 2
LIMITED, FULL, RANGE_UNSTATED = 1, 2, 0
WEIGHTS = {BT601: (0.299, 0.114), BT709: (0.2126, 0.0722), BT2020: (0.2627, 0.0593)}


def frame_of(picture: UInt8, form: str = "rgb24", turns: int = 0, *, mirrored: bool = False) -> Frame:
    """A picture as a frame stored in some format."""
    stored = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24").reformat(format=form)
    return Frame(0, corrupt=False, quarter_turns=turns, stored=stored, mirrored=mirrored)


def flat(colour: tuple[int, int, int], form: str, matrix: int, span: int, *, rows: int = 32) -> Frame:
    """A frame of one colour whose planes are computed here, from the matrix and the range alone."""
    stored = av.VideoFrame(rows * 16 // 9 // 2 * 2, rows, form)
    stored.colorspace, stored.color_range = matrix, span
    weights = WEIGHTS[matrix if matrix != UNSTATED else BT709 if rows >= 720 else BT601]
    bits = 10 if "10" in form else 8
    whole = span == FULL or "yuvj" in form
    red, green, blue = (value / 255 for value in colour)
    luma = weights[0] * red + (1 - sum(weights)) * green + weights[1] * blue
    around = [(blue - luma) / (2 - 2 * weights[1]), (red - luma) / (2 - 2 * weights[0])]
    top = 2**bits - 1 if whole else 219 * 2 ** (bits - 8)
    values = [luma * top + (0 if whole else 16 * 2 ** (bits - 8))]
    values += [each * (top if whole else 224 * 2 ** (bits - 8)) + 2 ** (bits - 1) for each in around]
    for plane, value in zip(stored.planes, values, strict=True):
        kind = np.uint16 if bits == 10 else np.uint8
        plane.update(np.full(plane.buffer_size // np.dtype(kind).itemsize, round(min(value, 2**bits - 1)), kind))
    return Frame(0, corrupt=False, quarter_turns=0, stored=stored)


def similarity(angle: float, scale: float, across: float, down: float) -> Float64:
    """(2, 3) turned, scaled and moved."""
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine, across], [sine, cosine, down]])


# Turns

TURNS = [(degrees, *flips) for degrees in (0, 90, 180, 270) for flips in ((False, False), (True, False), (False, True))]


@pytest.mark.parametrize(
    ("suffix", "turn"),
    # Matroska keeps angles only.
    [("mp4", turn) for turn in TURNS] + [("mkv", turn) for turn in TURNS if not any(turn[1:])],
    ids=str,
)
def test_a_turned_clip_is_read_upright(tmp_path: Path, suffix: str, turn: tuple[int, bool, bool]) -> None:
    """Whatever turn and mirror the container asks for, size, colours and the small picture are of the upright one."""
    stored = drawn(9, 96, 64)
    shown = np.rot90(stored, turn[0] // 90)
    shown = shown[:, ::-1] if turn[1] else shown[::-1] if turn[2] else shown
    path = write(tmp_path / f"clip.{suffix}", "libx264", "yuv444p", LOSSLESS, pictures=[stored] * 2, turn=turn)
    frames, _ = read(path)
    height, width = shown.shape[:2]
    for frame in frames:
        assert frame.size == (width, height)
        assert np.abs(upright(frame).astype(int) - shown).mean() < 4
        grey = cv2.cvtColor(np.ascontiguousarray(shown), cv2.COLOR_RGB2GRAY).astype(float) * 219 / 255 + 16
        part = frame.planar().luma_patch(np.array([[1.0, 0, -8], [0, 1, -4]]), 48)
        assert np.abs(part - grey[4:52, 8:56]).mean() < 2
        luma, chroma = frame.nv12(width // 2, height // 2, VideoReformatter())
        small = cv2.resize(grey, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        assert luma.shape == small.shape
        assert chroma.shape == (height // 4, width // 4, 2)
        assert np.abs(luma - small).mean() < 4
        back = cv2.cvtColorTwoPlane(np.ascontiguousarray(luma), np.ascontiguousarray(chroma), cv2.COLOR_YUV2RGB_NV12)
        assert np.abs(back.astype(int) - cv2.resize(shown, (width // 2, height // 2))).mean() < 8


@pytest.mark.parametrize("form", ["rgb24", "yuv420p"])
@given(turns=st.integers(0, 3), mirrored=st.booleans(), left=st.integers(-9, 40), top=st.integers(-9, 30))
def test_a_patch_of_a_turned_frame_is_that_of_the_upright_one(
    form: str, turns: int, left: int, top: int, *, mirrored: bool
) -> None:
    """However the pixels are stored, the same map gives the same patch, also beyond the picture's edges."""
    picture = cv2.GaussianBlur(drawn(5), (0, 0), 2)
    stored = np.rot90(picture, -turns)
    stored = stored[:, ::-1] if mirrored else stored
    turned = frame_of(stored, form, turns, mirrored=mirrored)
    onto = np.array([[1.0, 0, -left], [0, 1, -top]])
    expected = frame_of(picture, form).patch(onto, 24).astype(int)
    assert turned.size == (64, 48)
    assert np.abs(turned.patch(onto, 24) - expected).max() <= (0 if form == "rgb24" else 6)


# Colour


@pytest.mark.parametrize("colour", COLOURS, ids=str)
@pytest.mark.parametrize(
    ("form", "matrix", "span"),
    [
        (form, matrix, span)
        for form in ("yuv420p", "yuv444p", "yuv422p", "yuv420p10le", "yuv444p10le")
        for matrix in (BT601, BT709, BT2020)
        for span in (LIMITED, FULL, RANGE_UNSTATED)
    ]
    + [("yuvj420p", BT601, FULL), ("yuvj422p", BT601, FULL), ("yuvj444p", BT601, RANGE_UNSTATED)],
)
def test_a_colour_comes_back(colour: tuple[int, int, int], form: str, matrix: int, span: int) -> None:
    """A flat colour is the same within 3 levels, for every matrix, range and depth that a frame states."""
    patch = flat(colour, form, matrix, span).planar().patch(np.eye(2, 3), 16)
    assert np.abs(patch.astype(int) - colour).max() <= 3


@pytest.mark.parametrize("rows", [480, 720])
@pytest.mark.parametrize("colour", COLOURS, ids=str)
def test_an_unstated_matrix_goes_by_the_size(colour: tuple[int, int, int], rows: int) -> None:
    """As players do: BT.601 below 720 rows, BT.709 from there on."""
    patch = flat(colour, "yuv420p", UNSTATED, LIMITED, rows=rows).patch(np.eye(2, 3), 16)
    assert np.abs(patch.astype(int) - colour).max() <= 3


@pytest.mark.parametrize(
    "form", ["rgb24", "bgr24", "gbrp", "bgra", "rgba", "yuv420p", "yuv411p", "yuv440p", "nv12", "gbrp10le", "rgb48le"]
)
@pytest.mark.parametrize("colour", COLOURS, ids=str)
def test_a_colour_comes_back_from_every_kind_of_format(colour: tuple[int, int, int], form: str) -> None:
    """Packed, planar, with alpha or of more bits: FFmpeg's own conversion there, ours back."""
    patch = frame_of(np.full((32, 64, 3), colour, np.uint8), form).planar().patch(np.eye(2, 3), 16)
    assert np.abs(patch.astype(int) - colour).max() <= 3


@pytest.mark.parametrize(("form", "black", "white"), [("gray", 0, 255), ("gray10le", 0, 1023), ("ya8", 0, 255)])
def test_grey_stays_grey(form: str, black: int, white: int) -> None:
    """Formats of luma alone run over the full range, as FFmpeg takes them."""
    stored = av.VideoFrame(64, 32, form)
    for level in (black, (black + white) // 2, white):
        kind = np.uint16 if "10" in form else np.uint8
        plane = stored.planes[0]
        plane.update(np.full(plane.buffer_size // np.dtype(kind).itemsize, level, kind))
        patch = Frame(0, corrupt=False, quarter_turns=0, stored=stored).planar().patch(np.eye(2, 3), 16)
        assert np.abs(patch.astype(int) - round(level / white * 255)).max() <= 3


@pytest.mark.parametrize("matrix", [BT601, BT709])
@pytest.mark.parametrize("span", [LIMITED, FULL])
def test_a_clip_keeps_what_it_states_of_its_colours(tmp_path: Path, matrix: int, span: int) -> None:
    """Through an encoder and a file, matrix and range are followed: colours come back within 4 levels."""
    path = tmp_path / "colours.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options=LOSSLESS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = matrix, span
        for number, colour in enumerate(COLOURS):
            stored = flat(colour, "yuv420p", matrix, span, rows=48).stored.reformat(64, 48)
            stored.pts, stored.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(stored))
        file.mux(stream.encode())
    for frame, colour in zip(read(path)[0], COLOURS, strict=True):
        assert (frame.stored.colorspace, frame.stored.color_range) == (matrix, span)
        assert np.abs(frame.patch(np.eye(2, 3), 32).astype(int) - colour).max() <= 4


def test_the_detector_sees_limited_range_whatever_is_stored() -> None:
    """Black is 16 and white 235 in the small picture, of full-range and limited frames and of photographs."""
    for colour, luma in (((0, 0, 0), 16), ((255, 255, 255), 235)):
        frames = [flat(colour, "yuv420p", BT709, FULL), flat(colour, "yuv420p", BT601, LIMITED)]
        frames += [flat(colour, "yuvj420p", BT601, FULL), frame_of(np.full((32, 64, 3), colour, np.uint8))]
        for frame in frames:
            small, chroma = frame.nv12(32, 16, VideoReformatter())
            assert np.abs(small.astype(int) - luma).max() <= 1
            assert np.abs(chroma.astype(int) - 128).max() <= 1


@pytest.mark.parametrize("size", [(960, 540), (1280, 720), (1920, 1080), (640, 480), (480, 640)])
def test_the_small_picture_is_where_the_large_one_is(size: tuple[int, int]) -> None:
    """Shrunk or enlarged to the detector's size, what is in the middle stays in the middle, to a tenth of a pixel."""
    width, height = size
    for turns in (0, 1, 2):
        picture = np.full((height, width, 3), 20, np.uint8)
        picture[height // 2 - 20 : height // 2 + 20, width // 2 - 20 : width // 2 + 20] = 235
        small, _ = frame_of(np.rot90(picture, -turns), "yuv420p", turns).nv12(960, 540, VideoReformatter())
        light = small.astype(float) - small.min()
        place = [(light.sum(axis=axis) * np.arange(light.shape[1 - axis])).sum() / light.sum() for axis in (0, 1)]
        assert place == pytest.approx([479.5, 269.5], abs=0.1)


# Patches


@pytest.mark.parametrize("form", ["rgb24", "gbrp", "bgra"])
def test_the_identity_gives_the_pixels(form: str) -> None:
    """A patch at its own place and size is a copy."""
    assert np.array_equal(frame_of(drawn(7), form).planar().patch(np.eye(2, 3), 48), drawn(7)[:, :48])


def test_the_identity_gives_the_luma() -> None:
    """The luma of a patch at its own place and size is that of the file, byte by byte."""
    frame = frame_of(drawn(7), "yuv420p")
    stored = frame.stored.to_ndarray()[:48, :48]
    assert np.array_equal(frame.luma_patch(np.eye(2, 3), 48), stored)


@pytest.mark.parametrize("shrunk", [2, 3, 8, 20])
@pytest.mark.parametrize("form", ["rgb24", "yuv420p"])
def test_shrinking_does_not_alias(form: str, shrunk: int) -> None:
    """A board of single black and white pixels becomes one grey."""
    board = np.where(np.indices((640, 640)).sum(axis=0)[..., None] % 2, 255, 0).astype(np.uint8).repeat(3, axis=2)
    patch = frame_of(board, form).patch(similarity(0, 1 / shrunk, 0, 0), 640 // shrunk)
    assert np.abs(patch[1:-1, 1:-1].astype(int) - 127).max() <= 40 // shrunk


@pytest.mark.parametrize("form", ["rgb24", "yuv420p"])
@given(angle=st.floats(-np.pi, np.pi), scale=st.floats(0.12, 3), left=st.floats(100, 220), top=st.floats(100, 220))
def test_a_patch_is_where_its_map_says(form: str, angle: float, scale: float, left: float, top: float) -> None:
    """Of a slope of light, each pixel of a turned, scaled and moved patch has the level of its place, within 4."""
    rows, columns = np.mgrid[0:320, 0:320]
    slope = np.stack([columns * 0.7 + 16, rows * 0.7 + 16, np.full_like(rows, 100)], axis=-1)
    side = 24
    onto = similarity(angle, scale, 0, 0)
    onto[:, 2] = (side - 1) / 2 - onto[:, :2] @ [left, top]
    patch = frame_of(slope.astype(np.uint8), form).patch(onto, side)
    down, across = np.mgrid[0:side, 0:side]
    back = np.linalg.inv(np.vstack([onto, [0, 0, 1]]))
    x, y, _ = np.einsum("ij,jkl->ikl", back, np.stack([across, down, np.ones_like(down)]))
    inside = (np.minimum(x, y) > 24) & (np.maximum(x, y) < 295)
    assert np.abs(patch[..., 0] - (x * 0.7 + 16))[inside].max(initial=0) <= 4
    assert np.abs(patch[..., 1] - (y * 0.7 + 16))[inside].max(initial=0) <= 4


@given(left=st.floats(-3000, 3000), top=st.floats(-3000, 3000), scale=st.floats(0.05, 4), side=st.integers(1, 112))
def test_a_patch_beyond_the_picture_repeats_its_edge(left: float, top: float, scale: float, side: int) -> None:
    """Wherever a map leads, a patch comes, of the levels that the picture has."""
    picture = np.clip(drawn(1), 50, 200)
    for form in ("rgb24", "yuv420p"):
        patch = frame_of(picture, form).patch(similarity(0, scale, left, top), side)
        assert patch.shape == (side, side, 3)
        assert 20 <= patch.min() <= patch.max() <= 230


@pytest.mark.parametrize("size", [(17, 23), (63, 47), (16, 16)])
def test_odd_sizes_are_read_to_the_last_pixel(size: tuple[int, int]) -> None:
    """Rows and columns beside the last pair are there, in every form."""
    picture = drawn(2, *size)
    picture[-1], picture[:, -1] = (10, 240, 10), (240, 10, 10)
    for form in ("rgb24", "yuv420p", "yuv444p"):
        shown = upright(frame_of(picture, form))
        assert shown.shape == picture.shape
        assert np.abs(shown.astype(int) - picture).mean() < (1 if form == "rgb24" else 30)
        luma = cv2.cvtColor(shown, cv2.COLOR_RGB2GRAY).astype(int)
        assert np.abs(luma - cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)).max() < 40


def test_converting_is_done_once_and_keeps_the_rest() -> None:
    """A frame that can be read as it is stored is itself; another keeps time, turn and mirror."""
    frame = frame_of(drawn(1), "yuv420p")
    assert frame.planar() is frame
    deep = Frame(7, corrupt=True, quarter_turns=3, stored=frame.stored.reformat(format="yuv444p10le"), mirrored=True)
    ready = deep.planar()
    assert (ready.ticks, ready.corrupt, ready.quarter_turns, ready.mirrored) == (7, True, 3, True)
    assert ready.planar() is ready
