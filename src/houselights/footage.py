"""Footage: what a file is, and its frames with their exact times, upright, with nothing lost in silence.

A frame's time is its presentation time stamp: integer ticks of the stream's time base. It is never index / rate.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import dropwhile, islice
from pathlib import Path
from typing import Literal

import av
import av.error
from av.stream import Disposition

from houselights import photograph
from houselights.errors import FootageError, PhotographError
from houselights.frame import Frame, turn_of
from houselights.sources import digest, opened
from houselights.types import UInt8

SMALLEST_SIDE = 16  # pixels: nothing smaller can hold a face with five points
LARGEST_SIDE = 32_766  # pixels: OpenCV warps no larger picture
LARGEST_PICTURE = 1 << 27  # pixels: 16384 x 8192; a larger picture is a mistake or an attack on memory
DECODE_THREADS = 3  # beside two that detect: one frame is ready while another is decoded
_NO_TIMESTAMPS = 0x80  # FFmpeg's AVFMT_NOTIMESTAMPS

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
    """When the stream starts, by the container: times in seconds count from here."""
    duration_s: float
    """As the container states it; 0.0 where it does not."""
    declared_frames: int
    """As the container states it; 0 where it does not."""
    rate: float
    """Frames a second on average, as the container states it; 0.0 where it does not."""
    codec: str
    still: bool
    """A photograph: one frame, no time."""
    fields: Literal["top", "bottom"] | None = None
    """Which of two interlaced fields is shown first, in the upright picture; None where its rows are of one time."""
    pixel_aspect: Fraction | None = None
    """Width of an upright pixel by its height; None where the container does not say."""

    def seconds(self, ticks: int) -> float:
        """Seconds since the start of the stream, rounded to the microsecond."""
        return round(float((ticks - self.start_ticks) * self.time_base), 6)

    def ticks(self, seconds: float) -> int:
        """The first tick whose time, rounded to the microsecond, is not before a time in seconds."""
        earliest = Fraction(round(seconds * 1_000_000) * 2 - 1, 2_000_000)
        return self.start_ticks + math.ceil(earliest / self.time_base)


def _fields(order: int, turns: int) -> Literal["top", "bottom"] | None:
    """FFmpeg's field order, seen upright: 2 and 4 show the top field first, 3 and 5 the bottom field."""
    first = {2: 0, 4: 0, 3: 1, 5: 1}.get(order)
    if first is None or turns % 2:  # turned by a quarter, rows become columns: no encoder knows such fields
        return None
    return "bottom" if first ^ (turns == 2) else "top"


def _upright(aspect: Fraction | None, turns: int) -> Fraction | None:
    if not aspect:
        return None
    return 1 / Fraction(aspect) if turns % 2 else Fraction(aspect)


@dataclass(slots=True)
class Tally:
    """What a reader counted on its way: the one mutable thing here."""

    frames: int = 0
    """Frames that decoded."""
    left_out: int = 0
    """Frames that the decoder left out on request."""
    damaged: int = 0
    """Packets that gave no frame though none was to be left out, and frames that decoded with errors."""
    times_made_up: int = 0
    """Frames without a usable time stamp."""
    first_damage_s: float | None = None
    stopped: str | None = None
    """Why reading ended before the end of the file."""

    def damage(self, seconds: float) -> None:
        """Count one more damage, at a time in seconds."""
        self.damaged += 1
        if self.first_damage_s is None:
            self.first_damage_s = seconds


class Footage:
    """One opened file. `frames` may be called again and again; each call reads the file anew."""

    def __init__(self, path: Path, *, sha256: str | None = None) -> None:
        """Open a file and learn its facts.

        Raises:
            FootageError: not a video or picture, no video in it, no size, too small or too large a picture.
        """
        self.path = path
        self._picture: UInt8 | None = None
        self._timed = True
        sha256 = sha256 or digest(path)
        if path.suffix.lower() in photograph.SUFFIXES:
            self.facts = self._open_still(sha256)
        else:
            self.facts = self._open_video(sha256)
        sides = (self.facts.width, self.facts.height)
        if min(sides) < SMALLEST_SIDE:
            msg = f"footage '{path}' is {sides[0]}x{sides[1]} pixels: no face can be seen in it"
            raise FootageError(msg, hint=f"both sides must have {SMALLEST_SIDE} pixels or more")
        if sides[0] * sides[1] > LARGEST_PICTURE or max(sides) > LARGEST_SIDE:
            most = f"{LARGEST_PICTURE} pixels, {LARGEST_SIDE} a side"
            msg = f"footage '{path}' is {sides[0]}x{sides[1]} pixels, more than this program reads ({most})"
            raise FootageError(msg, hint="scale it down first")

    def _open_still(self, sha256: str) -> Facts:
        try:
            content = photograph.contents(self.path)
            if hashlib.sha256(content).hexdigest() != sha256:
                msg = f"footage '{self.path}' changed while it was read"
                raise FootageError(msg, hint="name a copy that nothing writes to")
            self._picture = photograph.decode(content)
        except PhotographError as fault:
            msg = f"footage '{self.path}': {fault.message}"
            raise FootageError(msg, hint=fault.hint) from fault
        height, width = self._picture.shape[:2]
        return Facts(self.path, sha256, width, height, Fraction(1, 1000), 0, 0.0, 1, 0.0, "still", still=True)

    def _open_video(self, sha256: str) -> Facts:
        with _opened(self.path) as (container, stream):
            codec = stream.codec_context
            self._timed = _is_timed(container, stream)
            base = stream.time_base or Fraction(1, av.time_base)
            length = float(stream.duration * base) if stream.duration else (container.duration or 0) / av.time_base
            size, turns = (codec.width, codec.height), 0
            rate, frames, start = stream.average_rate or stream.guessed_rate or 0, stream.frames, stream.start_time
            if 0 < size[0] * size[1] <= LARGEST_PICTURE and (picture := _first_picture(container, stream)):
                size, turns = (picture.width, picture.height), turn_of(picture)[0]
                if turns % 2:
                    size = size[::-1]
            if min(size) < 1:
                msg = f"footage '{self.path}' states a picture of {size[0]}x{size[1]} pixels"
                raise FootageError(msg, hint="the file's header is damaged or cut off: copy it again from its source")
            return Facts(
                path=self.path,
                sha256=sha256,
                width=size[0],
                height=size[1],
                time_base=base,
                start_ticks=start or 0,
                duration_s=round(max(length, 0.0), 6),
                declared_frames=frames,
                rate=float(rate),
                codec=codec.name,
                still=False,
                fields=_fields(codec.field_order, turns),
                pixel_aspect=_upright(codec.sample_aspect_ratio, turns),
            )

    def frames(
        self, tally: Tally, *, since: int | None = None, until: int | None = None, skip: Skip = "none"
    ) -> Iterator[Frame]:
        """Frames in the order of presentation, ticks strictly rising, from `since` on and before `until` (ticks).

        `tally` counts what was read and what was damaged. `since` seeks to the key frame before it, so that a frame
        decodes to the same pixels wherever reading began. Where the file holds no times, it is read from its start and
        nothing is left out.
        """
        if self._picture is not None:
            tally.frames += 1
            yield Frame(0, corrupt=False, quarter_turns=0, stored=av.VideoFrame.from_ndarray(self._picture, "rgb24"))
            return
        clock = _Clock(self.facts)
        turn: tuple[int, bool] | None = None
        lasts = 0
        for picture in self._read(tally, since, until, skip):
            turn = turn or turn_of(picture)
            ticks, made_up = clock.time(picture.pts if self._timed else None)
            lasts = picture.duration or 0
            if until is not None and ticks >= until:
                return
            if since is None or ticks >= since:
                tally.frames += 1
                tally.times_made_up += made_up
                if picture.is_corrupt:
                    tally.damage(self.facts.seconds(ticks))
                yield Frame(ticks, picture.is_corrupt, turn[0], picture, mirrored=turn[1])
        if clock.last is not None and skip != "nonkey":
            tally.stopped = tally.stopped or self._cut_off(self.facts.seconds(clock.last + lasts))

    def _cut_off(self, end_s: float) -> str | None:
        """What to say of footage that ends at a time, where the container states a later one."""
        if self.facts.duration_s - end_s <= 1:
            return None
        return f"the file states {self.facts.duration_s} s, its last frame ends at {end_s} s: it may be cut off"

    def at(self, ticks: Iterable[int]) -> Iterator[Frame]:
        """The frames at some exact times, each once; what lies within two seconds is read in one go, in order."""
        runs: list[list[int]] = []
        for each in sorted(set(ticks)):
            if runs and (each - runs[-1][-1]) * self.facts.time_base <= 2:
                runs[-1].append(each)
            else:
                runs.append([each])
        for run in runs:
            wanted = set(run)
            for since in (run[0], None):  # a time that was made up is only there when reading from the start
                for frame in self.frames(Tally(), since=since, until=run[-1] + 1):
                    if frame.ticks in wanted:
                        wanted.remove(frame.ticks)
                        yield frame
                if not wanted:
                    break

    def _read(self, tally: Tally, since: int | None, until: int | None, skip: Skip) -> Iterator[av.VideoFrame]:
        """Pictures as they are decoded, from a key frame before `since` where there is one, else from the start."""
        sought = self._timed and since is not None and since > self.facts.start_ticks
        for seek in (True, False) if sought else (False,):
            with _opened(self.path) as (container, stream):
                stream.thread_type = "AUTO"
                stream.codec_context.thread_count = DECODE_THREADS
                if skip == "nonref" and self._timed:
                    stream.codec_context.skip_frame = "NONREF"
                if seek and not _seek(container, stream, since or 0, self.facts):
                    continue
                packets = _from_key(container, stream) if seek else container.demux(stream)
                books = _Books(tally, self.facts, since, until, asked=skip != "none", timed=self._timed)
                yield from _decode(packets, stream, books, keys_alone=skip == "nonkey" and self._timed)
                return


@dataclass(slots=True)
class _Clock:
    """Times that strictly rise, whatever the container says."""

    facts: Facts
    last: int | None = None
    shift: int = 0
    """Ticks that are added after a leap back, as between recordings that were put into one file."""

    def time(self, stamp: int | None) -> tuple[int, bool]:
        """The time of the next picture in ticks, and whether it had to be made up."""
        if self.last is None:
            self.last = self.facts.start_ticks if stamp is None else stamp
            return self.last, stamp is None
        following = self.last + _step(self.facts)
        ticks = following if stamp is None else stamp + self.shift
        if (self.last - ticks) * self.facts.time_base > 1:
            self.shift += following - ticks
            ticks = following
        made_up = stamp is None or self.shift != 0 or ticks <= self.last
        self.last = max(ticks, self.last + 1)
        return self.last, made_up


def _step(facts: Facts) -> int:
    """Ticks between two frames at the stated rate; 25 a second where none is stated."""
    return max(1, round(1 / (Fraction(facts.rate or 25).limit_denominator(1001) * facts.time_base)))


class _Books:
    """Which packets still owe a picture, so that each that gives none is counted once, at its place in time."""

    def __init__(
        self, tally: Tally, facts: Facts, since: int | None, until: int | None, *, asked: bool, timed: bool
    ) -> None:
        """`asked`: pictures may be left out on request."""
        self.tally = tally
        self.facts = facts
        self._since = -(1 << 62) if since is None else since
        self._until = 1 << 62 if until is None else until
        self._asked = asked
        self._timed = timed
        self._owing: list[int] = []
        self._untimed = 0
        self._failed = 0
        self._last = facts.start_ticks

    def sent(self, packet: av.Packet[av.VideoStream]) -> None:
        """A packet went into the decoder."""
        if packet.is_discard:  # before an edit list's beginning: decoded, never shown
            return
        if packet.pts is None or not self._timed:
            self._untimed += 1
        elif self._since <= packet.pts < self._until:
            heapq.heappush(self._owing, packet.pts)

    def failed(self, packet: av.Packet[av.VideoStream]) -> None:
        """The decoder refused a packet, this one or one shortly before."""
        self._failed += packet.pts is None or self._since <= packet.pts < self._until

    def came(self, picture: av.VideoFrame) -> None:
        """A picture came out: every packet with an earlier time that still owes one will give none."""
        if picture.pts is None or not self._timed:
            self._untimed -= 1
            return
        self._last = picture.pts
        # Of two fields that come in two packets, one gives the picture of both.
        self._settle(picture.pts, owed=self._asked or not picture.interlaced_frame)
        if self._owing and self._owing[0] == picture.pts:
            heapq.heappop(self._owing)

    def stopped(self, fault: Exception) -> None:
        """The container cannot be read any further."""
        reason = getattr(fault, "strerror", None) or fault
        self.tally.stopped = f"reading stopped after {self.facts.seconds(self._last)} s: {reason}"

    def close(self) -> None:
        """Nothing more will come."""
        self._settle(self._until, owed=True)
        for _ in range(max(self._untimed, self._failed)):
            self._none_came(self._last)

    def _settle(self, before: int, *, owed: bool) -> None:
        while self._owing and self._owing[0] < before:
            at = heapq.heappop(self._owing)
            if owed:
                self._none_came(at)

    def _none_came(self, at: int) -> None:
        if self._failed or not self._asked:
            self._failed -= self._failed > 0
            self.tally.damage(self.facts.seconds(at))
        else:
            self.tally.left_out += 1


def _decode(
    packets: Iterator[av.Packet[av.VideoStream]], stream: av.VideoStream, books: _Books, *, keys_alone: bool
) -> Iterator[av.VideoFrame]:
    """Pictures as the decoder gives them; a packet that fails is counted and the next one is tried."""
    while True:
        try:
            packet = next(packets, None)
        except (av.error.FFmpegError, OSError) as fault:
            books.stopped(fault)
            packet = None
        if packet is not None and packet.size == 0:  # an empty packet would end the decoder's work
            continue
        pictures: list[av.VideoFrame] = []
        if packet is not None:
            books.sent(packet)
            if keys_alone and not packet.is_keyframe:
                continue
        try:
            pictures = _decode_alone(packet, stream) if keys_alone and packet else stream.decode(packet)
        except av.error.FFmpegError:
            if packet is not None:
                books.failed(packet)
        for picture in pictures:
            books.came(picture)
            yield picture
        if packet is None:
            books.close()
            return


def _decode_alone(packet: av.Packet[av.VideoStream], stream: av.VideoStream) -> list[av.VideoFrame]:
    """The picture of a key frame whose neighbours are left out: FFmpeg would put such pictures in a wrong order."""
    pictures = [*stream.decode(packet), *stream.decode(None)]
    stream.codec_context.flush_buffers()
    return pictures


def _seek(container: av.container.InputContainer, stream: av.VideoStream, since: int, facts: Facts) -> bool:
    """Go to a key frame from which every picture from `since` on comes as in a full read; False where none is found.

    Containers land where they like: by decoding order, by bytes, at frames that are no key frames. So it is tried.
    """
    for back_s in (0, 2, 8, 32):
        target = since - round(back_s / facts.time_base)
        if target <= facts.start_ticks:
            return False
        try:
            container.seek(target, stream=stream)
            first = next((picture for packet in _from_key(container, stream) for picture in packet.decode()), None)
            if first is not None and first.pts is not None and first.pts <= since:
                container.seek(target, stream=stream)
                return True
        except (av.error.FFmpegError, OSError):
            continue
    return False


def _from_key(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet[av.VideoStream]]:
    # A frame without a place of its own lies amid a packet of a program stream: its time is guessed from what was read.
    return dropwhile(lambda packet: not packet.is_keyframe or packet.pos is None, container.demux(stream))


def _first_picture(container: av.container.InputContainer, stream: av.VideoStream) -> av.VideoFrame | None:
    """The first picture that decodes, among the first few hundred packets."""
    try:
        for packet in islice(container.demux(stream), 300):
            try:
                pictures = packet.decode()
            except av.error.FFmpegError:
                continue
            if pictures:
                return pictures[0]
    except (av.error.FFmpegError, OSError):
        return None
    return None


def _is_timed(container: av.container.InputContainer, stream: av.VideoStream) -> bool:
    """Whether the file holds the times at which its frames are shown.

    A bare stream holds none. AVI holds the order of decoding alone: with H.264 and HEVC, FFmpeg guesses wrongly from it
    where frames are decoded in another order than they are shown.
    """
    if container.format.flags & _NO_TIMESTAMPS:
        return False
    codec = stream.codec_context
    return not (container.format.name == "avi" and codec.name in {"h264", "hevc"} and codec.has_b_frames)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The file's container and its first video stream that is not a cover picture."""
    # FFmpeg gets this one file and no protocol: a playlist or a crafted header cannot make it open anything else.
    options = {"protocol_whitelist": "none", "max_pixels": str(LARGEST_PICTURE)}
    with opened(path) as file:
        try:
            container = av.open(file, "r", metadata_errors="replace", options=options)
        except (av.error.FFmpegError, OSError, ValueError) as fault:
            reason = getattr(fault, "strerror", None) or fault
            msg = f"footage '{path}' cannot be opened as video: {reason}"
            hint = "FFmpeg does not know this file: is it a video, and was it copied whole?"
            raise FootageError(msg, hint=hint) from fault
        with container:
            stream = _video_stream(container, path)
            stream.codec_context.options = {"max_pixels": str(LARGEST_PICTURE)}
            yield container, stream


def streams_beside(path: Path, *, audio: bool) -> tuple[str, ...]:
    """What a file holds besides its first video (and, where `audio`, its first sound): kinds, in order.

    Raises:
        FootageError: the file does not open.
    """
    if path.suffix.lower() in photograph.SUFFIXES:
        return ("metadata",)
    with _opened(path) as (container, stream):
        sound = next(iter(container.streams.audio), None) if audio else None
        beside = [each for each in container.streams if each not in (stream, sound)]
        kinds = ["cover picture" if each.disposition & Disposition.attached_pic else each.type for each in beside]
        return (*(["metadata"] if container.metadata else []), *kinds)


def _video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    pictures = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not pictures:
        kinds = {"cover picture" if stream.type == "video" else stream.type for stream in container.streams}
        msg = f"footage '{path}' holds no video (found: {', '.join(sorted(kinds)) or 'nothing'})"
        raise FootageError(msg, hint="name a file with moving pictures, or a photograph")
    if getattr(pictures[0], "codec_context", None) is None:
        msg = f"footage '{path}': no decoder for its video"
        raise FootageError(msg, hint="convert it to H.264 first")
    return pictures[0]
