"""Frame: one decoded picture, read upright and in one colour, whatever way and in whatever format it is stored."""

from __future__ import annotations

from dataclasses import dataclass, replace

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideData
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from houselights.types import Float64, UInt8

_THUMB = 10  # what is shrunk more than this is a thumbnail
_READ_AS_STORED = frozenset({"yuv420p", "yuvj420p", "rgb24"})


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture and its time. Its pixels are read through methods that speak of the upright picture."""

    ticks: int
    corrupt: bool
    """The decoder had to make up a part of this picture."""
    quarter_turns: int
    """Counter-clockwise quarter turns that bring the stored picture upright, 0 to 3."""
    stored: av.VideoFrame
    mirrored: bool = False
    """The stored picture is mirrored left to right before it is turned."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture in pixels."""
        size = (self.stored.width, self.stored.height)
        return size[::-1] if self.quarter_turns % 2 else size

    def nv12(self, width: int, height: int, reformatter: VideoReformatter) -> tuple[UInt8, UInt8]:
        """The upright picture scaled to an even width and height, BT.601 limited range.

        Luma is (height, width), chroma (height/2, width/2, 2).
        """
        across, down = (height, width) if self.quarter_turns % 2 else (width, height)
        # The fast way picks single pixels, up to one pixel beside their place: good enough for a thumbnail alone.
        way = Interpolation.FAST_BILINEAR if self.stored.width > _THUMB * across else Interpolation.BILINEAR
        small = reformatter.reformat(
            self.stored, across, down, "nv12",
            dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.MPEG, interpolation=way, threads=1,
        )  # fmt: skip
        luma, chroma = _plane(small, 0), _plane(small, 1).reshape(down // 2, across // 2, 2)
        if self.mirrored:
            luma, chroma = luma[:, ::-1], chroma[:, ::-1]
        return np.rot90(luma, self.quarter_turns), np.rot90(chroma, self.quarter_turns)

    def planar(self) -> Frame:
        """The same frame in 8-bit planes that `patch` can read: converted at most once, before many patches are cut."""
        form = self.stored.format
        if form.name in _READ_AS_STORED:
            return self
        if form.is_rgb or form.has_palette:
            return replace(self, stored=self.stored.reformat(format="rgb24"))
        span = ColorRange.JPEG if _is_full(self.stored) else ColorRange.MPEG
        return replace(self, stored=self.stored.reformat(format="yuv420p", src_color_range=span, dst_color_range=span))

    def luma_patch(self, onto: Float64, side: int) -> UInt8:
        """The luma of a square patch (side, side); `onto` (2, 3) maps upright pixels onto the patch."""
        if self.stored.format.name == "rgb24":
            return cv2.cvtColor(self.patch(onto, side), cv2.COLOR_RGB2GRAY).astype(np.uint8)
        return _warp(_plane(self.stored, 0), _back(onto, self), side)

    def patch(self, onto: Float64, side: int) -> UInt8:
        """A square patch (side, side, 3) in full-range RGB; `onto` (2, 3) maps upright pixels onto the patch."""
        back = _back(onto, self)
        if self.stored.format.name == "rgb24":
            return _warp(_plane(self.stored, 0).reshape(self.stored.height, self.stored.width, 3), back, side)
        half = back * 0.5
        half[:, 2] -= 0.25  # the centre of a chroma sample lies between two luma samples
        planes = [_warp(_plane(self.stored, 0), back, side)]
        planes += [_warp(_plane(self.stored, index), half, side) for index in (1, 2)]
        return _rgb(np.stack(planes, axis=-1), self.stored)


def turn_of(picture: av.VideoFrame) -> tuple[int, bool]:
    """The quarter turns and the mirroring that the display matrix of a decoded picture asks for."""
    try:
        data = picture.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV does not know the number of some other side data of this picture
        data = None
    if not isinstance(data, SideData):
        return round(picture.rotation / 90) % 4, False
    # FFmpeg keeps the matrix row by row for row vectors: x' = a x + c y, y' = b x + d y, with y downwards.
    a, b, _, c, d, *_ = np.frombuffer(memoryview(data), np.int32).astype(float)
    mirrored = a * d < b * c
    angle = np.arctan2(b, -a) if mirrored else np.arctan2(-b, a)
    return round(float(angle) / (np.pi / 2)) % 4, bool(mirrored)


_SAMPLES = {("rgb24", 0): 3, ("nv12", 1): 2}  # interleaved samples a pixel of a plane; one elsewhere


def _plane(frame: av.VideoFrame, index: int) -> UInt8:
    """A plane's bytes (rows, samples) without the padding at the end of each row; shares the frame's memory."""
    plane = frame.planes[index]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width * _SAMPLES.get((frame.format.name, index), 1)]


def _back(onto: Float64, frame: Frame) -> Float64:
    """(2, 3) from patch pixels to stored pixels: undo the alignment, then undo the turn, then the mirror."""
    back = cv2.invertAffineTransform(onto).astype(np.float64, copy=False)
    if not frame.quarter_turns and not frame.mirrored:
        return back
    across, down = frame.stored.width - 1.0, frame.stored.height - 1.0
    turn = np.array(
        [
            [[1, 0, 0], [0, 1, 0]],
            [[0, -1, across], [1, 0, 0]],
            [[-1, 0, across], [0, -1, down]],
            [[0, 1, 0], [-1, 0, down]],
        ][frame.quarter_turns],
        np.float64,
    )
    if frame.mirrored:
        turn[0] = [0, 0, across] - turn[0]
    stored: Float64 = turn @ np.vstack([back, [0.0, 0.0, 1.0]])
    return stored


def _warp(plane: UInt8, back: Float64, side: int) -> UInt8:
    """Sample a patch; a large face is shrunk by area averaging first, so that it does not alias."""
    (a, b, _), (c, d, _) = back.tolist()
    step = int(abs(a * d - b * c) ** 0.5)
    if step >= 2:
        corners = back @ np.array([[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]], np.float64)
        low = np.maximum(np.floor(corners.min(axis=1)).astype(int) - step, 0)
        high = np.minimum(np.ceil(corners.max(axis=1)).astype(int) + step, [plane.shape[1], plane.shape[0]])
        if (high - low).min() >= step:
            size = (high - low) // step * step
            part = plane[low[1] : low[1] + size[1], low[0] : low[0] + size[0]]
            wanted = (int(size[0]) // step, int(size[1]) // step)
            plane = cv2.resize(part, wanted, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
            back = back.copy()
            back[:, 2] -= low
            back /= step
            back[:, 2] -= 0.5 - 0.5 / step
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, back, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(
        np.uint8, copy=False
    )


# Luma weights of red and blue by FFmpeg's number of the matrix: ITU-R BT.709, BT.601 and BT.2020, tables 3 and 4.
_WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
_HD_ROWS = 720


def _is_full(frame: av.VideoFrame) -> bool:
    """Whether luma runs from 0 to 255 and not from 16 to 235."""
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")


def _rgb(ycc: UInt8, frame: av.VideoFrame) -> UInt8:
    """Full-range RGB by the matrix and range that the frame states; unstated: BT.709 from 720 rows up, else BT.601."""
    red, blue = _WEIGHTS.get(int(frame.colorspace), _WEIGHTS[1 if frame.height >= _HD_ROWS else 6])
    full = _is_full(frame)
    luma = ycc[..., 0].astype(np.float32) if full else (ycc[..., 0].astype(np.float32) - 16) * np.float32(255 / 219)
    chroma = (ycc[..., 1:].astype(np.float32) - 128) * np.float32(1 if full else 255 / 224)
    r = luma + np.float32(2 - 2 * red) * chroma[..., 1]
    b = luma + np.float32(2 - 2 * blue) * chroma[..., 0]
    g = (luma - np.float32(red) * r - np.float32(blue) * b) / np.float32(1 - red - blue)
    rgb: UInt8 = np.clip(np.rint(np.stack([r, g, b], axis=-1)), 0, 255).astype(np.uint8)
    return rgb
