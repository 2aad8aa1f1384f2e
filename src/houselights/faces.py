"""Faces: where they are, how they are turned onto one template, and how good a picture of a face each one is.

No biometrics here: a box, five points, a score and the parts of a quality say nothing of whose face it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from houselights.frame import Frame
from houselights.rounding import Ranges
from houselights.runtime import Channels, Network, Outputs, open_network
from houselights.types import Faces, Float32, Float64, UInt8

SIDE = 112  # pixels: the side of an aligned face, as recognisers of the ArcFace family take it
SCORE = 0.4  # the lowest detector score kept; a track needs better ones than this to be searched
OVERLAP = 0.4  # two boxes that share more of their union than this are one face
STRIDES = (8, 16, 32)
LONG_SIDE = 960
NATIVE_SIDE = 1280  # up to here footage is looked at pixel by pixel
LARGEST_LONG_SIDE = 1920

# Where the five points lie in an aligned face: the template that ArcFace-style recognisers were trained with
# (Deng et al., ArcFace, arXiv 1801.07698, and OpenCV's FaceRecognizerSF).
ALIGNED = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float64
)


Canvas = tuple[int, int]
"""Width and height of a detector's input in pixels, multiples of 32."""


def canvas(width: int, height: int, *, long_side: int | None = None) -> Canvas:
    """The detector's input for footage: its own size up to 1280 on the long side, half of what is larger.

    Never less than 960, save that a small picture is no more than doubled; never more than 1920.

    Args:
        width: of the upright picture, pixels.
        height: likewise.
        long_side: use this instead, in pixels.
    """
    longest = max(width, height)
    own = longest if longest <= NATIVE_SIDE else longest // 2
    wanted = long_side or min(max(LONG_SIDE, own), 2 * longest, LARGEST_LONG_SIDE)
    sides = [max(32, -(-round(side * wanted / longest) // 32) * 32) for side in (width, height)]
    return sides[0], sides[1]


def _content(size: tuple[int, int], canvas: Canvas) -> tuple[int, int]:
    """The even size at which a picture fits a canvas; never more than doubled."""
    scale = min(canvas[0] / size[0], canvas[1] / size[1], 2.0)
    fitted = [min(limit, max(2, round(side * scale / 2) * 2)) for side, limit in zip(size, canvas, strict=True)]
    return fitted[0], fitted[1]


@dataclass(frozen=True, slots=True)
class Family:
    """How one kind of detector is fed and read."""

    channels: Channels
    """The order of colours that it was trained with."""
    read: Callable[[Outputs, Canvas, float], Faces]
    """Takes its outputs, the canvas and the lowest score to keep; gives faces in pixels of the canvas."""


class Detector:
    """A detector on one canvas or several; several find faces of more sizes and cost more."""

    def __init__(
        self,
        path: Path,
        canvases: tuple[Canvas, ...],
        *,
        family: Family | None = None,
        ranges: Ranges | None = None,
        lowest: float = SCORE,
        smallest: float = 0.0,
    ) -> None:
        """Compile the detector.

        Args:
            path: the weights.
            canvases: one or several.
            family: YuNet without it.
            ranges: what it can be computed in 8 bits with; without them it never is.
            lowest: the score from which on a face is kept.
            smallest: the share of the picture's height from which on it is.

        Raises:
            ModelError: the file is no model of the family.
        """
        self.canvases = canvases
        self._family, self._lowest, self._smallest = family or YUNET, lowest, smallest
        self._networks: tuple[Network, ...] = tuple(
            open_network(path, (1, 3, rows, columns), nv12=self._family.channels, exact=False, ranges=ranges)
            for columns, rows in canvases
        )
        self._reformatter = VideoReformatter()

    @property
    def runtime(self) -> str:
        """Name and version of what runs the model."""
        return self._networks[0].runtime

    @property
    def precision(self) -> str:
        """`f32`, `bf16` or `int8`."""
        return self._networks[0].precision

    def stream(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Faces]]:
        """Each frame with its faces, in order, best score first; on one canvas several frames are under way at once."""
        if len(self._networks) == 1:
            yield from self.also((frame, Faces.none()) for frame in frames)
            return
        for frame in frames:
            yield frame, self.detect(frame)

    def also(self, seen: Iterable[tuple[Frame, Faces]], every: int = 1) -> Iterator[tuple[Frame, Faces]]:
        """Frames with faces from elsewhere, and to one frame in `every` the faces on the first canvas added behind."""
        inputs = (
            (None if number % every else self._input(frame, self.canvases[0]), (frame, faces))
            for number, (frame, faces) in enumerate(seen)
        )
        for outputs, (frame, faces) in self._networks[0].stream(inputs):
            own = [distinct(self._read(outputs, 0, frame))] if outputs else []
            yield frame, concatenate([faces, *own])

    def detect(self, frame: Frame) -> Faces:
        """The faces of one frame, from all canvases together, best score first."""
        found = [
            self._read(network.run(self._input(frame, each)), which, frame)
            for which, (network, each) in enumerate(zip(self._networks, self.canvases, strict=True))
        ]
        return distinct(concatenate(found))

    def _input(self, frame: Frame, canvas: Canvas) -> tuple[UInt8, UInt8]:
        content = _content(frame.size, canvas)
        luma, chroma = frame.nv12(*content, self._reformatter)
        if content == canvas:
            return luma, chroma
        return _filled(luma, canvas, 16), _filled(chroma, (canvas[0] // 2, canvas[1] // 2), 128)  # with black

    def _read(self, outputs: Outputs, which: int, frame: Frame) -> Faces:
        canvas = self.canvases[which]
        faces = self._family.read(outputs, canvas, self._lowest)
        faces = faces[faces.boxes[:, 3] >= self._smallest * canvas[1]]
        by = (np.array(frame.size) / _content(frame.size, canvas)).astype(np.float32)
        return Faces(faces.boxes * np.tile(by, 2), faces.points * by, faces.scores)


class Detectors:
    """Detectors with one canvas each, compiled when first asked for and kept."""

    def __init__(self, path: Path) -> None:
        """Nothing is compiled yet."""
        self._path = path
        self._compiled: dict[Canvas, Detector] = {}

    def on(self, canvas: Canvas) -> Detector:
        """The detector for a canvas.

        Raises:
            ModelError: the file is no YuNet-like model.
        """
        if canvas not in self._compiled:
            self._compiled[canvas] = Detector(self._path, (canvas,))
        return self._compiled[canvas]


def _filled(plane: UInt8, canvas: Canvas, value: int) -> UInt8:
    """A plane with rows below and columns to the right of it, up to the canvas."""
    rows, columns = plane.shape[:2]
    filled = np.empty((canvas[1], canvas[0], *plane.shape[2:]), np.uint8)
    filled[:rows, :columns] = plane
    filled[rows:], filled[:rows, columns:] = value, value
    return filled


@cache
def _grid(canvas: Canvas) -> tuple[Float32, ...]:
    """For each stride the anchors' columns and rows (n, 2), in the order of the model's outputs."""
    grids = []
    for stride in STRIDES:
        columns, rows = canvas[0] // stride, canvas[1] // stride
        row, column = np.mgrid[0:rows, 0:columns]
        grids.append(np.stack([column.ravel(), row.ravel()], axis=-1).astype(np.float32))
    return tuple(grids)


def decode(outputs: Outputs, canvas: Canvas, lowest: float) -> Faces:
    """Faces from YuNet's twelve outputs: class, object, box and points, each for strides 8, 16 and 32.

    The formulas are those of OpenCV's FaceDetectorYN: score = sqrt(class x object), centres and points relative to the
    anchor in strides, sides as logarithms of strides.
    """
    parts = []
    grids = _grid(canvas)
    for level, stride in enumerate(STRIDES):
        kind, thing, boxes, points = (outputs[level + 3 * which].reshape(len(grids[level]), -1) for which in range(4))
        product = kind[:, 0] * thing[:, 0]
        keep = np.flatnonzero(product >= lowest**2)
        grid = grids[level][keep]
        sides = np.exp(boxes[keep, 2:]) * stride
        corner = (grid + boxes[keep, :2]) * stride - sides / 2
        spots = (points[keep].reshape(-1, 5, 2) + grid[:, None]) * stride
        parts.append(Faces(np.hstack([corner, sides]), spots, np.sqrt(np.minimum(product[keep], 1))))
    return concatenate(parts)


YUNET = Family("bgr", decode)


def concatenate(parts: list[Faces]) -> Faces:
    """All faces of all parts, in order."""
    if not parts:
        return Faces.none()
    columns = zip(*((part.boxes, part.points, part.scores) for part in parts), strict=True)
    return Faces(*(np.concatenate(column).astype(np.float32) for column in columns))


def distinct(faces: Faces) -> Faces:
    """One box a face, the best score first (greedy non-maximum suppression)."""
    if len(faces) == 0:
        return faces
    keep = cv2.dnn.NMSBoxes(faces.boxes.astype(float).tolist(), faces.scores.tolist(), 0.0, OVERLAP)
    return faces[np.asarray(keep, np.intp).ravel()]


def overlap(boxes: Float32, others: Float32) -> Float32:
    """(n, m) intersection over union of two sets of boxes (left, top, width, height)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum((boxes[:, :2] + boxes[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    union = boxes[:, 2:].prod(axis=-1)[:, None] + others[:, 2:].prod(axis=-1)[None] - shared
    return np.asarray(shared / np.maximum(union, np.float32(1e-9)), np.float32)


def alignment(points: Float32) -> Float64:
    """(n, 2, 3) the similarity that lays each face's five points nearest to the template, by least squares.

    In the complex plane a similarity is z -> a z + b, so the solution is a quotient of two sums (the two-dimensional
    case of Umeyama 1991).
    """
    source = points[..., 0].astype(np.float64) + 1j * points[..., 1]
    target = ALIGNED[:, 0] + 1j * ALIGNED[:, 1]
    middle, aim = source.mean(axis=-1), target.mean()
    offsets = source - middle[..., None]
    spread = np.maximum((np.abs(offsets) ** 2).sum(axis=-1), 1e-12)
    a = (np.conj(offsets) * (target - aim)).sum(axis=-1) / spread
    b = aim - a * middle
    rows = [np.stack([a.real, -a.imag, b.real], axis=-1), np.stack([a.imag, a.real, b.imag], axis=-1)]
    return np.stack(rows, axis=-2)
