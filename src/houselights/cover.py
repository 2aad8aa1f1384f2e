"""Cover: a constant colour over parts of a picture, in its own planes.

No covered pixel reaches an uncovered one: nothing is filtered over more than the pixels that share a chroma sample, and
covers are widened to whole groups of such pixels. No pixel decides what a cover looks like.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import av
import av.error
import cv2
import numpy as np
from av.video.format import VideoFormat
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from houselights.errors import ReleaseError, SettingsError
from houselights.frame import Frame
from houselights.types import Float32, Float64, UInt8

Samples = NDArray[np.unsignedinteger[Any]]
"""A plane: bytes of 8-bit pictures, words of 10-bit ones."""
Groups = tuple[int, int]
"""Columns or rows that share a chroma sample of the source: how many, and where the first whole group begins."""
Style = Literal["solid", "silhouette"]

UNSTATED, BT709, BT601, BT2020 = 2, 1, 6, 9  # FFmpeg's numbers of matrices
LIMITED, FULL = 1, 2  # FFmpeg's numbers of ranges; 0 is unstated and means limited
_HD_ROWS = 720  # from here on an unstated matrix is BT.709
# Luma weights of red and blue by FFmpeg's number of the matrix: BT.709, FCC, BT.601 twice, SMPTE 240M, BT.2020 twice.
_WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087)}
_WEIGHTS |= dict.fromkeys((9, 10), (0.2627, 0.0593))
_SCALER = {1: Colorspace.ITU709, 4: Colorspace.FCC, 5: Colorspace.ITU601, 6: Colorspace.ITU601}
_SCALER |= {7: Colorspace.SMPTE240M, 9: Colorspace.BT2020, 10: Colorspace.BT2020}
_NEAR = 8  # levels of 255 by which an encoder may change a colour
_STEP = 0.22  # of the range of luma: how far a silhouette is from its ground


@dataclass(frozen=True, slots=True)
class Fill:
    """What a cover looks like: one colour, or a head and shoulders drawn on it that know the box and nothing else."""

    style: Style = "solid"
    colour: str = "707070"
    """RRGGBB."""

    def __post_init__(self) -> None:
        if self.style not in {"solid", "silhouette"}:
            msg = f"fill '{self.style}' is not known"
            raise SettingsError(msg, hint="solid or silhouette; blur and mosaic leave a face to be recognised")
        if not re.fullmatch("[0-9A-Fa-f]{6}", self.colour):
            raise SettingsError(f"colour '{self.colour}' is not RRGGBB", hint="six hex digits, for example 707070")

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, 0 to 255."""
        red, green, blue = bytes.fromhex(self.colour)
        return red, green, blue


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """The upright picture of a frame in planes of its own: nothing that is done to it reaches the decoder."""

    y: Samples
    """(height, width)."""
    u: Samples
    """(height/2, width/2), or (height, width) where the source has an odd side."""
    v: Samples
    span: int
    """FFmpeg's number of the range: 0 unstated, 1 limited, 2 full."""
    matrix: int
    """FFmpeg's number; 2 is unstated: BT.709 from 720 rows up, else BT.601."""
    primaries: int
    transfer: int
    columns: Groups = (2, 0)
    rows: Groups = (2, 0)

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.y.shape[0])

    @property
    def depth(self) -> int:
        """Bits a sample, 8 or 10."""
        return 8 if self.y.dtype == np.uint8 else 10

    @property
    def halved(self) -> bool:
        """Whether two by two pixels share a chroma sample."""
        return self.u.shape != self.y.shape

    @property
    def pixels(self) -> str:
        """FFmpeg's name of the pixel format."""
        return f"yuv{'420' if self.halved else '444'}p{'' if self.depth == 8 else '10le'}"

    def reach(self, box: Sequence[float]) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of what is covered for a box: whole groups of pixels, inside the picture."""
        left, top, width, height = (float(each) for each in box)
        if not all(map(math.isfinite, (left, top, width, height))) or min(width, height) < 0:
            raise ValueError(f"no box to cover: {left}, {top}, {width}, {height}")
        across = _widened(left, left + width, self.columns, self.width)
        down = _widened(top, top + height, self.rows, self.height)
        return across[0], down[0], across[1], down[1]

    def cover(self, boxes: Float32 | Float64, fill: Fill) -> None:
        """Overwrite every sample of every plane in some boxes (n, 4): left, top, width, height in upright pixels."""
        each = [(box, self.reach(box)) for box in np.asarray(boxes, np.float64).reshape(-1, 4).tolist()]
        luma, *chroma = self._values(fill.rgb)
        half = 2 if self.halved else 1
        for _, (left, top, right, bottom) in each:
            self.y[top:bottom, left:right] = luma
            for plane, value in zip((self.u, self.v), chroma, strict=True):
                plane[top // half : -(-bottom // half), left // half : -(-right // half)] = value
        if fill.style == "silhouette":
            # The figure differs from its ground in luma alone, so no chroma sample can tell the two apart wrongly.
            figure = self._figure_luma(luma)
            for box, (left, top, right, bottom) in each:
                self.y[top:bottom, left:right][_figure(box, left, top, right, bottom)] = figure

    def covered(self, box: Sequence[float], fill: Fill) -> float:
        """The share of a box, 0 to 1, that has the colours of a fill, as far as an encoder keeps them."""
        left, top, right, bottom = self.reach(box)
        luma, *chroma = self._values(fill.rgb)
        near = _NEAR * 2 ** (self.depth - 8)
        lumas = (luma, self._figure_luma(luma)) if fill.style == "silhouette" else (luma,)
        part = self.y[top:bottom, left:right].astype(np.int32)
        if not part.size:
            return 0.0
        grey = np.min([np.abs(part - each) for each in lumas], axis=0) <= near
        half = 2 if self.halved else 1
        for plane, value in zip((self.u, self.v), chroma, strict=True):
            tint = plane[top // half : -(-bottom // half), left // half : -(-right // half)].astype(np.int32)
            wide = np.repeat(np.repeat(np.abs(tint - value) <= near, half, axis=0), half, axis=1)
            grey &= wide[: grey.shape[0], : grey.shape[1]]
        return float(grey.mean())

    def _figure_luma(self, ground: int) -> int:
        """The luma of a drawn figure on its ground."""
        black, white = self._values((0, 0, 0))[0], self._values((255, 255, 255))[0]
        step = round((white - black) * _STEP)
        return ground + step if ground < white / 2 else ground - step

    def crop(self, left: int, top: int, width: int, height: int) -> Picture:
        """A part of the picture, in planes of its own.

        All but the size of a picture with odd sides must be even. Of an interlaced picture, a part begins at a row that
        four divides, at or above `top`, so that every field keeps its chroma.
        """
        if self.rows[0] == 4:
            top = max(0, top - (top - self.rows[1]) % 4)
        inside = 0 <= left < left + width <= self.width and 0 <= top < top + height <= self.height
        if not inside or left % 2 or top % 2 or (self.halved and (width % 2 or height % 2)):
            msg = f"no even part of a picture of {self.width}x{self.height}: {width}x{height} at {left}, {top}"
            raise ValueError(msg)
        half = 2 if self.halved else 1
        planes = [
            plane[top // step : (top + height) // step, left // step : (left + width) // step].copy()
            for plane, step in ((self.y, 1), (self.u, half), (self.v, half))
        ]
        columns, rows = ((size, (first - at) % size) for (size, first), at in ((self.columns, left), (self.rows, top)))
        return replace(self, y=planes[0], u=planes[1], v=planes[2], columns=columns, rows=rows)

    def to_frame(self) -> av.VideoFrame:
        """The picture as FFmpeg's encoders take it, with its range and colours stated."""
        frame = av.VideoFrame(self.width, self.height, self.pixels)
        for plane, samples in zip(frame.planes, (self.y, self.u, self.v), strict=True):
            room = np.frombuffer(memoryview(plane), samples.dtype)
            room.reshape(plane.height, plane.line_size // samples.itemsize)[:, : plane.width] = samples
        frame.color_range, frame.colorspace = self.span, self.matrix
        frame.color_primaries, frame.color_trc = self.primaries, self.transfer
        return frame

    def rgb(self) -> UInt8:
        """The picture (height, width, 3) as full-range RGB of eight bits, by its own matrix and range."""
        shown = self.to_frame().reformat(
            format="rgb24",
            src_colorspace=_SCALER.get(self._known_matrix, Colorspace.ITU709),
            src_color_range=ColorRange.JPEG if self.span == FULL else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
            threads=1,
        )
        rows = np.frombuffer(memoryview(shown.planes[0]), np.uint8).reshape(self.height, shown.planes[0].line_size)
        return rows[:, : 3 * self.width].reshape(self.height, self.width, 3).copy()

    @property
    def _known_matrix(self) -> int:
        """The matrix; of pictures that state none, the one that players take."""
        return (BT709 if self.height >= _HD_ROWS else BT601) if self.matrix == UNSTATED else self.matrix

    def _values(self, rgb: tuple[int, int, int]) -> tuple[int, int, int]:
        """A colour's samples in the three planes."""
        red_part, blue_part = _WEIGHTS.get(self._known_matrix, _WEIGHTS[BT709])
        red, green, blue = (value / 255 for value in rgb)
        luma = red_part * red + (1 - red_part - blue_part) * green + blue_part * blue
        around = (blue - luma) / (2 - 2 * blue_part), (red - luma) / (2 - 2 * red_part)
        top, unit = 2**self.depth - 1, 2 ** (self.depth - 8)
        low, lumas, chromas = (0, top, top) if self.span == FULL else (16 * unit, 219 * unit, 224 * unit)
        u, v = (min(top, round(128 * unit + each * chromas)) for each in around)
        return round(low + luma * lumas), u, v


def picture_of(frame: Frame, reformatter: VideoReformatter | None = None) -> Picture:
    """A frame's upright picture: 4:2:0, of 8 bits or, where the source has more, of 10; 4:4:4 where a side is odd.

    Planes of the source are copied, packed pixels are taken apart one by one, and chroma is averaged over two by two
    pixels alone. Range and colours stay what the source states. RGB becomes limited range, BT.709 from 720 rows up,
    else BT.601; BT.2020 where its primaries are. Alpha is dropped: what is released is what was looked at.

    Raises:
        ReleaseError: pixels of a raw sensor, each of which would be made from its neighbours, or of floating point.
    """
    stored = frame.stored
    refused = f"pixels of the format '{stored.format.name}' cannot be covered one by one"
    hint = "convert the footage to 8 or 10 bits a sample first"
    if stored.format.is_bayer or re.search("f(16|32)", stored.format.name):
        raise ReleaseError(refused, hint=hint)
    span = FULL if stored.format.name.startswith("yuvj") else int(stored.color_range)
    matrix = int(stored.colorspace)
    if _is_rgb(stored.format):
        wide = int(stored.color_primaries) == BT2020
        span, matrix = LIMITED, BT2020 if wide else BT709 if stored.height >= _HD_ROWS else BT601
    elif matrix in {0, 3}:  # RGB and a reserved number: untrue of luma and chroma
        matrix = UNSTATED
    try:
        parts = _planes(stored, matrix, reformatter or VideoReformatter())
    except (av.error.FFmpegError, OSError, ValueError) as fault:
        raise ReleaseError(refused, hint=hint) from fault
    (y, u, v), columns, rows = _upright(frame, *parts)
    return Picture(y, u, v, span, matrix, int(stored.color_primaries), int(stored.color_trc), columns, rows)


def _widened(low: float, high: float, groups: Groups, size: int) -> tuple[int, int]:
    """Where the groups that an interval touches begin and end, inside the picture; two equal numbers for none."""
    length, first = groups
    # Clipped before and after, so that no float is too large for an integer.
    low, high = (min(max(each, -length), size + length) for each in (low, high))
    if high <= low:
        return 0, 0
    begin = math.floor((low - first) / length) * length + first
    end = math.ceil((high - first) / length) * length + first
    return min(max(begin, 0), size), min(max(end, 0), size)


def _figure(box: Sequence[float], left: int, top: int, right: int, bottom: int) -> NDArray[np.bool_]:
    """Which pixels of a covered area are head, neck or shoulders: a drawing in the box, cut off with it."""
    across = (np.arange(left, right) + 0.5 - box[0]) / max(box[2], 1e-9) * 2 - 1
    down = ((np.arange(top, bottom) + 0.5 - box[1]) / max(box[3], 1e-9))[:, None]
    head = (across / 0.50) ** 2 + ((down - 0.40) / 0.30) ** 2 <= 1
    neck = (np.abs(across) <= 0.20) & (down >= 0.5) & (down <= 0.9)
    shoulders = (across / 0.90) ** 2 + ((down - 1.02) / 0.26) ** 2 <= 1
    figure: NDArray[np.bool_] = head | neck | shoulders
    return figure


# From here on: the way from what a decoder gives to three planes.

_PLANAR = re.compile(r"(?:(?:yuvj?|yuva)(?:410|411|420|422|440|444)p|gray)(9|10|12|14|16)?(?:le)?")
_NAMES = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (4, 1): "411", (1, 2): "440", (4, 4): "410"}


def _is_rgb(form: VideoFormat) -> bool:
    return form.is_rgb or form.has_palette or form.name.startswith("xyz")


def _planes(stored: av.VideoFrame, matrix: int, reformatter: VideoReformatter) -> tuple[list[Samples], Groups, Groups]:
    """Luma and two of chroma, stored way up, in a Picture's depth and chroma size; and who shares a chroma sample."""
    plain = _apart(stored, matrix, reformatter)
    form = plain.format
    luma = _samples(plain, 0)
    down, across = luma.shape
    halved = not (across % 2 or down % 2)
    if form.name.startswith("gray"):
        size = (down // 2, across // 2) if halved else luma.shape
        grey = np.full(size, 128 if luma.dtype == np.uint8 else 512, luma.dtype)
        return [luma, grey, grey.copy()], (2, 0), (2, 0)
    shared = (64 // form.chroma_width(64), 64 // form.chroma_height(64))
    # A field has chroma of its own: of four rows, the first and the third share theirs, and the second and the fourth.
    fields = bool(stored.interlaced_frame) and (shared[1] == 2 or halved)
    chroma = [_chroma(_samples(plain, index), shared, luma.shape, fields=fields and down % 4 == 0) for index in (1, 2)]
    return [luma, *chroma], (max(2, shared[0]), 0), (4 if fields else max(2, shared[1]), 0)


def _apart(stored: av.VideoFrame, matrix: int, reformatter: VideoReformatter) -> av.VideoFrame:
    """The frame with a plane for each component, and chroma where it was: converted pixel by pixel, if at all."""
    form = stored.format
    if _PLANAR.fullmatch(form.name):
        return stored
    deep = "10le" if max(component.bits for component in form.components) > 8 else ""
    # Nothing is scaled, so that POINT is the one tap it says, and no accuracy is lost.
    more: dict[str, Any] = {"interpolation": Interpolation.POINT | Interpolation.ACCURATE_RND, "threads": 1}
    more["interpolation"] |= Interpolation.FULL_CHR_H_INP
    if _is_rgb(form):
        more |= {"src_color_range": ColorRange.JPEG, "dst_color_range": ColorRange.MPEG}
        return reformatter.reformat(stored, format=f"yuv444p{deep}", dst_colorspace=_SCALER[matrix], **more)
    span = ColorRange.JPEG if stored.color_range == FULL else ColorRange.MPEG
    # One matrix on both sides, whichever, leaves the samples alone.
    more |= {"src_color_range": span, "dst_color_range": span}
    more |= {"src_colorspace": Colorspace.ITU709, "dst_colorspace": Colorspace.ITU709}
    if len(form.components) < 3:
        return reformatter.reformat(stored, format=f"gray{deep}", **more)
    shared = (64 // form.chroma_width(64), 64 // form.chroma_height(64))
    return reformatter.reformat(stored, format=f"yuv{_NAMES[shared]}p{deep}", **more)


def _samples(plain: av.VideoFrame, index: int) -> Samples:
    """A plane's samples of 8 or 10 bits, always a copy."""
    plane = plain.planes[index]
    named = _PLANAR.fullmatch(plain.format.name)
    bits = int((named and named[1]) or 8)
    kind: Any = np.uint8 if bits == 8 else np.dtype("<u2")
    rows = np.frombuffer(memoryview(plane), kind)
    rows = rows.reshape(plane.height, plane.line_size // rows.itemsize)[:, : plane.width]
    if bits == 8:
        return rows.copy()
    if bits < 10:
        return (rows << (10 - bits)).astype(np.uint16)
    if bits > 10:
        rows = (rows.astype(np.uint32) + (1 << (bits - 11))) >> (bits - 10)
    return np.minimum(rows, np.uint16(1023)).astype(
        np.uint16, copy=False
    )  # no encoder expects what ten bits cannot hold


def _chroma(plane: Samples, shared: tuple[int, int], size: tuple[int, ...], *, fields: bool) -> Samples:
    """Chroma for two by two pixels, or for each one of a picture with an odd side, from those that shared a sample."""
    down, across = size
    wanted = 1 if across % 2 or down % 2 else 2
    if fields and shared[1] < wanted:
        halves = [_chroma(plane[field::2], shared, (down // 2, across), fields=False) for field in (0, 1)]
        return np.stack(halves, axis=1).reshape(down // 2, across // 2)
    for axis, each in ((0, shared[1]), (1, shared[0])):
        if each > wanted:
            plane = np.repeat(plane, each // wanted, axis=axis)
    plane = plane[: -(-down // min(wanted, shared[1])), : -(-across // min(wanted, shared[0]))]
    if min(shared) < wanted:  # an area of whole pixels is their mean and nobody else's
        plane = cv2.resize(plane, (across // 2, down // 2), interpolation=cv2.INTER_AREA).astype(
            plane.dtype, copy=False
        )
    return np.ascontiguousarray(plane)


_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


def _upright(
    frame: Frame, planes: list[Samples], columns: Groups, rows: Groups
) -> tuple[list[Samples], Groups, Groups]:
    """Planes mirrored and turned as the frame asks for, and where the groups of their pixels lie then."""
    down, across = planes[0].shape
    if frame.mirrored:
        planes = [cv2.flip(plane, 1).astype(plane.dtype, copy=False) for plane in planes]
        columns = _reversed(columns, across)
    turns = frame.quarter_turns
    if turns:
        planes = [cv2.rotate(plane, _TURNS[turns]).astype(plane.dtype, copy=False) for plane in planes]
    if turns in {1, 2}:
        columns = _reversed(columns, across)
    if turns in {2, 3}:
        rows = _reversed(rows, down)
    return planes, *((rows, columns) if turns % 2 else (columns, rows))


def _reversed(groups: Groups, size: int) -> Groups:
    """Groups counted from the other end."""
    length, first = groups
    return length, (size - first) % length
