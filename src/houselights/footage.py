"""Footage: what a file is, and its frames with their exact times, upright, with nothing lost in silence.

A frame's time is its presentation time stamp: integer ticks of the stream's time base. It is never index / rate.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from houselights import photograph
from houselights.errors import FootageError, PhotographError
from houselights.types import Float64, UInt8

VIDEO_SUFFIXES = frozenset(
    ".mp4 .m4v .mov .mkv .avi .webm .ts .mts .m2ts .mpg .mpeg .vob .wmv .flv .3gp .gif .mjpeg .mjpg .h264 .264 .hevc .265 "
    ".ogv .mxf .y4m .asf .dv".split()
)
SMALLEST_SIDE = 16  # pixels: nothing smaller can hold a face with five points
LARGEST_PICTURE = 1 << 27  # pixels: 16384 x 8192; a larger picture is a mistake or an attack on memory
DECODE_THREADS = 2

Skip = Literal["none", "nonref", "nonkey"]
"""Which frames the decoder may leave out: none, those no other frame needs, or all but key frames."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the container and the file system say of one file of footage."""

    path: Path
    sha256: str
    width: int
    """Pixels of the upright picture."""
    height: int
    time_base: Fraction
    """Seconds a tick."""
    start_ticks: int
    """The first presentation time: times in seconds count from here."""
    duration_s: float
    """As the container states it; 0.0 where it does not."""
    declared_frames: int
    """As the container states it; 0 where it does not."""
    rate: float
    """Frames a second on average, as the container states it; 0.0 where it does not."""
    codec: str
    still: bool
    """A photograph: one frame, no time."""

    def seconds(self, ticks: int) -> float:
        """Seconds since the first frame, rounded to the microsecond."""
        return round(float((ticks - self.start_ticks) * self.time_base), 6)

    def ticks(self, seconds: float) -> int:
        """The first tick at or after a time in seconds since the first frame."""
        return self.start_ticks + -int(-Fraction(seconds).limit_denominator(1_000_000) // self.time_base)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture and its time. Its pixels are read through methods that speak of the upright picture."""

    ticks: int
    corrupt: bool
    """The decoder had to make up a part of this picture."""
    quarter_turns: int
    """Counter-clockwise quarter turns that bring the stored picture upright, 0 to 3."""
    stored: av.VideoFrame

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture in pixels."""
        size = (self.stored.width, self.stored.height)
        return size[::-1] if self.quarter_turns % 2 else size

    def nv12(self, width: int, height: int, reformatter: VideoReformatter) -> tuple[UInt8, UInt8]:
        """The upright picture scaled: luma (height, width) and chroma (height/2, width/2, 2), BT.601 limited range."""
        across, down = (height, width) if self.quarter_turns % 2 else (width, height)
        small = reformatter.reformat(
            self.stored, across, down, "nv12", dst_colorspace="ITU601", dst_color_range="MPEG", interpolation="FAST_BILINEAR", threads=1
        )
        luma, chroma = _plane(small, 0), _plane(small, 1).reshape(down // 2, across // 2, 2)
        if self.quarter_turns:
            luma, chroma = np.rot90(luma, self.quarter_turns), np.rot90(chroma, self.quarter_turns)
        return luma, chroma

    def planar(self) -> Frame:
        """The same frame in 8-bit planes that `patch` can read: converted at most once, before many patches are cut."""
        name = self.stored.format.name
        if name in {"yuv420p", "yuvj420p", "rgb24"}:
            return self
        wanted = "rgb24" if self.stored.format.is_rgb or self.stored.format.has_palette else "yuv420p"
        return Frame(self.ticks, self.corrupt, self.quarter_turns, self.stored.reformat(format=wanted))

    def luma_patch(self, onto: Float64, side: int) -> UInt8:
        """The luma of a square patch (side, side); `onto` (2, 3) maps upright pixels onto the patch."""
        if self.stored.format.name == "rgb24":
            return cv2.cvtColor(self.patch(onto, side), cv2.COLOR_RGB2GRAY).astype(np.uint8)
        return _warp(_plane(self.stored, 0), _invert(onto, self), side)

    def patch(self, onto: Float64, side: int) -> UInt8:
        """A square patch (side, side, 3) in full-range RGB; `onto` (2, 3) maps upright pixels onto the patch."""
        back = _invert(onto, self)
        if self.stored.format.name == "rgb24":
            return _warp(_plane(self.stored, 0).reshape(self.stored.height, self.stored.width, 3), back, side)
        half = back.copy()
        half[:] = back * 0.5
        half[:, 2] -= 0.25  # the centre of a chroma sample lies between two luma samples
        planes = [_warp(_plane(self.stored, 0), back, side)]
        planes += [_warp(_plane(self.stored, index), half, side) for index in (1, 2)]
        return _rgb(np.stack(planes, axis=-1), self.stored)


_SAMPLES = {("rgb24", 0): 3, ("nv12", 1): 2}  # interleaved samples a pixel of a plane; one elsewhere


def _plane(frame: av.VideoFrame, index: int) -> UInt8:
    """A plane's bytes (rows, samples) without the padding at the end of each row; shares the frame's memory."""
    plane = frame.planes[index]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width * _SAMPLES.get((frame.format.name, index), 1)]


def _invert(onto: Float64, frame: Frame) -> Float64:
    """(2, 3) from patch pixels to stored pixels: undo the alignment, then undo the turn."""
    square = np.vstack([onto, [0.0, 0.0, 1.0]])
    across, down = frame.stored.width - 1.0, frame.stored.height - 1.0
    turn = {
        0: [[1, 0, 0], [0, 1, 0]],
        1: [[0, -1, across], [1, 0, 0]],
        2: [[-1, 0, across], [0, -1, down]],
        3: [[0, 1, 0], [-1, 0, down]],
    }[frame.quarter_turns]
    return np.asarray(turn, np.float64) @ np.linalg.inv(square)


def _warp(plane: UInt8, back: Float64, side: int) -> UInt8:
    """Sample a patch; a large face is shrunk by area averaging first, so that it does not alias."""
    step = int(np.sqrt(abs(np.linalg.det(back[:, :2]))))
    if step >= 2:  # noqa: PLR2004 - two source pixels a patch pixel
        corners = back @ np.array([[0, side, 0, side], [0, 0, side, side], [1, 1, 1, 1]], np.float64)
        low = np.maximum(np.floor(corners.min(axis=1)).astype(int) - step, 0)
        high = np.minimum(np.ceil(corners.max(axis=1)).astype(int) + step, [plane.shape[1], plane.shape[0]])
        if (high - low).min() >= step:
            size = (high - low) // step * step
            part = plane[low[1] : low[1] + size[1], low[0] : low[0] + size[0]]
            plane = cv2.resize(part, tuple(int(n) for n in size // step), interpolation=cv2.INTER_AREA).astype(np.uint8)
            back = back.copy()
            back[:, 2] -= low
            back /= step
            back[:, 2] -= 0.5 - 0.5 / step
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, back, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)


# Luma weights of red and blue by FFmpeg's number of the matrix: ITU-R BT.709, BT.601 and BT.2020, tables 3 and 4.
_WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
_FULL_RANGE = 2
_HD_ROWS = 720


def _rgb(ycc: UInt8, frame: av.VideoFrame) -> UInt8:
    """Full-range RGB from the matrix and range that the frame states; unstated: BT.709 from 720 rows up, else BT.601."""
    red, blue = _WEIGHTS.get(int(frame.colorspace), _WEIGHTS[1 if frame.height >= _HD_ROWS else 6])
    full = frame.color_range == _FULL_RANGE or frame.format.name == "yuvj420p"
    luma = ycc[..., 0].astype(np.float32) if full else (ycc[..., 0].astype(np.float32) - 16) * np.float32(255 / 219)
    chroma = (ycc[..., 1:].astype(np.float32) - 128) * np.float32(1 if full else 255 / 224)
    r = luma + np.float32(2 - 2 * red) * chroma[..., 1]
    b = luma + np.float32(2 - 2 * blue) * chroma[..., 0]
    g = (luma - np.float32(red) * r - np.float32(blue) * b) / np.float32(1 - red - blue)
    return np.clip(np.rint(np.stack([r, g, b], axis=-1)), 0, 255).astype(np.uint8)


def find(paths: list[Path]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Every file of footage under the given files and folders, in order, each once; and what was passed over, with why."""
    found: dict[Path, Path] = {}
    passed: list[tuple[Path, str]] = []
    for path in paths:
        if not path.is_dir():
            found.setdefault(path.resolve(), path)
            continue
        inside = [
            Path(folder, name)
            for folder, _, names in sorted(os.walk(path))  # does not follow links to folders: a loop cannot trap it
            for name in sorted(names)
        ]
        for file in inside:
            if file.suffix.lower() in VIDEO_SUFFIXES | photograph.SUFFIXES:
                found.setdefault(file.resolve(), file)
            else:
                passed.append((file, "not footage by its name; name it on the command line to try it"))
        if not inside:
            passed.append((path, "an empty folder"))
    return list(found.values()), passed


def digest(path: Path) -> str:
    """SHA-256 of the file, 64 hex digits.

    Raises:
        FootageError: the file is not there or not readable.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        msg = f"footage '{path}' cannot be read: {fault.strerror or fault}"
        raise FootageError(msg, hint="check the name and that you may read the file") from fault


@dataclass(slots=True)
class Tally:
    """What a reader counted on its way: the one mutable thing here."""

    frames: int = 0
    """Frames that decoded."""
    left_out: int = 0
    """Frames that the decoder left out on request."""
    damaged: int = 0
    """Packets that did not decode and frames that decoded with errors."""
    times_made_up: int = 0
    """Frames without a usable time stamp."""
    first_damage_s: float | None = None
    stopped: str | None = None
    """Why reading ended before the end of the file."""


class Footage:
    """One opened file. `frames` may be called again and again; each call reads the file anew."""

    def __init__(self, path: Path, *, sha256: str | None = None) -> None:
        """Open a file and learn its facts.

        Raises:
            FootageError: not a video or picture, no video in it, no size, too small or too large a picture.
        """
        self.path = path
        self._picture: UInt8 | None = None
        sha256 = sha256 or digest(path)
        if path.suffix.lower() in photograph.SUFFIXES:
            self.facts = self._open_still(sha256)
        else:
            self.facts = self._open_video(sha256)
        sides = (self.facts.width, self.facts.height)
        if min(sides) < SMALLEST_SIDE:
            msg = f"footage '{path}' is {sides[0]}x{sides[1]} pixels: no face can be seen in it"
            raise FootageError(msg, hint=f"both sides must have {SMALLEST_SIDE} pixels or more")
        if sides[0] * sides[1] > LARGEST_PICTURE:
            msg = f"footage '{path}' is {sides[0]}x{sides[1]} pixels, more than the {LARGEST_PICTURE} this program reads"
            raise FootageError(msg, hint="scale it down first")

    def _open_still(self, sha256: str) -> Facts:
        try:
            self._picture = photograph.read(self.path)
        except PhotographError as fault:
            msg = f"footage '{self.path}': {fault.message}"
            raise FootageError(msg, hint=fault.hint) from fault
        height, width = self._picture.shape[:2]
        return Facts(self.path, sha256, width, height, Fraction(1, 1000), 0, 0.0, 1, 0.0, "still", still=True)

    def _open_video(self, sha256: str) -> Facts:
        with _container(self.path) as container:
            stream = _video_stream(container, self.path)
            turned = _quarter_turns_of(self.path) % 2
            size = (stream.codec_context.width, stream.codec_context.height)
            if min(size) < 1:
                msg = f"footage '{self.path}' states a picture of {size[0]}x{size[1]} pixels"
                raise FootageError(msg, hint="the file's header is damaged or cut off: copy it again from its source")
            base = stream.time_base or Fraction(1, av.time_base)
            length = float(stream.duration * base) if stream.duration else (container.duration or 0) / av.time_base
            return Facts(
                path=self.path,
                sha256=sha256,
                width=size[turned],
                height=size[1 - turned],
                time_base=base,
                start_ticks=stream.start_time or 0,
                duration_s=round(max(length, 0.0), 6),
                declared_frames=stream.frames,
                rate=float(stream.average_rate or stream.guessed_rate or 0),
                codec=stream.codec_context.name,
                still=False,
            )

    def frames(self, tally: Tally, *, since: int | None = None, until: int | None = None, skip: Skip = "none") -> Iterator[Frame]:
        """Frames in the order of presentation, ticks strictly rising, from `since` on and before `until` (ticks).

        `tally` counts what was read and what was damaged. `since` seeks to the key frame before it, so that a frame
        decodes to the same pixels wherever reading began.
        """
        if self._picture is not None:
            tally.frames += 1
            yield Frame(0, corrupt=False, quarter_turns=0, stored=av.VideoFrame.from_ndarray(self._picture, "rgb24"))
            return
        last = -(1 << 62)
        for frame in self._read(tally, since, skip):
            ticks = frame.ticks
            if ticks <= last:
                tally.times_made_up += 1
                ticks = last + 1
            last = ticks
            if until is not None and ticks >= until:
                return
            if since is None or ticks >= since:
                tally.frames += 1
                self._count_damage(tally, frame)
                yield frame if ticks == frame.ticks else Frame(ticks, frame.corrupt, frame.quarter_turns, frame.stored)

    def at(self, ticks: Iterable[int]) -> Iterator[Frame]:
        """The frames at some exact times, in order of time; what lies within two seconds is read in one go."""
        runs: list[list[int]] = []
        for each in sorted(set(ticks)):
            if runs and (each - runs[-1][-1]) * self.facts.time_base <= 2:  # noqa: PLR2004 - a seek costs about so much reading
                runs[-1].append(each)
            else:
                runs.append([each])
        for run in runs:
            wanted = set(run)
            yield from (frame for frame in self.frames(Tally(), since=run[0], until=run[-1] + 1) if frame.ticks in wanted)

    def _count_damage(self, tally: Tally, frame: Frame) -> None:
        if frame.corrupt:
            tally.damaged += 1
            if tally.first_damage_s is None:
                tally.first_damage_s = self.facts.seconds(frame.ticks)

    def _read(self, tally: Tally, since: int | None, skip: Skip) -> Iterator[Frame]:
        with _container(self.path) as container:
            stream = _video_stream(container, self.path)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = DECODE_THREADS
            if skip != "none":
                stream.codec_context.skip_frame = "NONREF" if skip == "nonref" else "NONKEY"
            if since is not None and since > self.facts.start_ticks:
                try:
                    container.seek(since, stream=stream, backward=True)
                except av.error.FFmpegError:
                    container.seek(0)  # not seekable: read from the start, the caller's bound still holds
            yield from _decode(container, stream, tally, self.facts, since)


def _decode(
    container: av.container.InputContainer, stream: av.VideoStream, tally: Tally, facts: Facts, since: int | None
) -> Iterator[Frame]:
    """Frames as the decoder gives them; a packet that fails is counted and the next one is tried."""
    packets = container.demux(stream)
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    step = max(1, round(1 / (rate * facts.time_base)))
    ticks = facts.start_ticks - step
    turns: int | None = None
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError) as fault:
            tally.stopped = f"reading stopped after {facts.seconds(ticks)} s: {fault}"
            return
        counted = since is None or (packet.pts is not None and packet.pts >= since)
        try:
            decoded = packet.decode()
        except av.error.FFmpegError:
            tally.damaged += counted
            if counted and tally.first_damage_s is None and packet.pts is not None:
                tally.first_damage_s = facts.seconds(packet.pts)
            continue
        tally.left_out += counted and packet.size > 0
        for picture in decoded:
            if picture.pts is None:
                tally.times_made_up += 1
            ticks = ticks + step if picture.pts is None else picture.pts
            if turns is None:
                turns = _quarter_turns(picture)
            if since is None or ticks >= since:
                tally.left_out -= 1
            yield Frame(ticks, bool(picture.is_corrupt), turns, picture)


def _quarter_turns(picture: av.VideoFrame) -> int:
    return round(picture.rotation / 90) % 4


def _quarter_turns_of(path: Path) -> int:
    """Counter-clockwise quarter turns that the first frame asks for; 0 where no frame decodes."""
    with _container(path) as container:
        stream = _video_stream(container, path)
        try:
            return next((_quarter_turns(picture) for picture in container.decode(stream)), 0)
        except (av.error.FFmpegError, OSError):
            return 0


def _video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The first video stream that is not a cover picture."""
    pictures = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not pictures:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        msg = f"footage '{path}' holds no video (found: {kinds})"
        raise FootageError(msg, hint="name a file with moving pictures, or a photograph")
    if pictures[0].codec_context is None:
        msg = f"footage '{path}': no decoder for its video"
        raise FootageError(msg, hint="convert it to H.264 first")
    return pictures[0]


def _container(path: Path) -> av.container.InputContainer:
    # The file protocol alone: a playlist or a crafted header cannot make the reader open other files or addresses.
    try:
        return av.open(str(path.resolve()), metadata_errors="replace", options={"protocol_whitelist": "file"})
    except (av.error.FFmpegError, OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        msg = f"footage '{path}' cannot be opened as video: {reason}"
        raise FootageError(msg, hint="FFmpeg does not know this file: is it a video, and was it copied whole?") from fault
