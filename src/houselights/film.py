"""Film: a released file, written from nothing but pictures and sound.

Nothing of a source is copied: no packet, no tag, no track but one of video and, where asked for, one of sound.
"""

from __future__ import annotations

import math
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import av
import numpy as np
from PIL import Image

from houselights.boxes import parse
from houselights.cover import Picture
from houselights.errors import ReleaseError
from houselights.files import whole
from houselights.sound import BREAKS, AudioPlan, Sound
from houselights.types import UInt8

Codec = Literal["h264", "hevc", "av1"]
Fields = Literal["top", "bottom"]
"""Which field of an interlaced picture comes first."""

_LONGEST_STEP = 2**31 - 1  # ticks of the track between two pictures: more does not fit into an mp4
_FASTEST = 240  # pictures a second that SVT-AV1 takes; where there are more, it plans as for these


@dataclass(frozen=True, slots=True)
class _Encoder:
    """An encoder of FFmpeg's, fast settings that look good enough at the default quality, and what it cannot write."""

    name: str
    preset: str
    quality: int
    worst: int
    tag: str | None
    """What the track is called, where FFmpeg's own name is not what players expect."""
    limited: bool
    """Whether it can write neither odd sizes nor full chroma."""


_ENCODERS = {
    "h264": _Encoder("libx264", "superfast", 21, 51, tag=None, limited=False),
    "hevc": _Encoder("libx265", "superfast", 24, 51, tag="hvc1", limited=False),
    "av1": _Encoder("libsvtav1", "10", 35, 63, tag=None, limited=True),
}


@dataclass(frozen=True, slots=True)
class FilmSettings:
    """How a film is written, and what its pictures are."""

    width: int
    height: int
    pixels: str
    """FFmpeg's name of the pixel format, as `Picture.pixels` has it."""
    time_base: Fraction
    """Seconds a tick."""
    rate: Fraction
    """Pictures a second on average: encoders plan with it. Times are those of the ticks."""
    codec: Codec = "h264"
    quality: int | None = None
    """The encoder's rate factor: lower is better; None for the default, 21 for H.264, 24 for HEVC, 35 for AV1."""
    span: int = 0
    """FFmpeg's number of the range, as `Picture.span` has it; so have the three below."""
    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    interlaced: Fields | None = None
    pixel_aspect: Fraction | None = None
    """Width of a pixel by its height; None where the source says nothing."""
    threads: int = 0
    """0: as many as there are cores."""

    @classmethod
    def like(cls, picture: Picture, time_base: Fraction, rate: Fraction | float, **more: Any) -> Self:  # noqa: ANN401
        """Settings for pictures like this one; `more` are fields of this class."""
        known = Fraction(rate).limit_denominator(1001) if rate and math.isfinite(rate) else Fraction(25)
        return cls(
            picture.width, picture.height, picture.pixels, time_base, known if known > 0 else Fraction(25),
            span=picture.span, matrix=picture.matrix, primaries=picture.primaries, transfer=picture.transfer, **more,
        )  # fmt: skip

    def __post_init__(self) -> None:
        """What the encoder cannot write is refused before anything is written."""
        encoder = _ENCODERS.get(self.codec)
        if encoder is None:
            raise ReleaseError(f"codec '{self.codec}' is not known", hint="h264, hevc or av1")
        if self.quality is not None and not 1 <= self.quality <= encoder.worst:
            hint = f"lower is better; the default is {encoder.quality}"
            raise ReleaseError(f"quality {self.quality} is not in 1 to {encoder.worst} for {self.codec}", hint=hint)
        odd = self.width % 2 or self.height % 2
        if encoder.limited and (odd or not self.pixels.startswith("yuv420p")):
            msg = f"{self.codec} cannot write {self.width}x{self.height} {self.pixels}: even sides and 4:2:0 alone"
            raise ReleaseError(msg, hint="write it with --codec h264")
        if self.interlaced and self.codec != "h264":
            raise ReleaseError(f"{self.codec} cannot write interlaced pictures", hint="write it with --codec h264")
        if self.interlaced and self.height % 4:
            msg = f"interlaced pictures of {self.height} rows cannot be written: four must divide the height"
            raise ReleaseError(msg, hint="deinterlace the footage first")

    @property
    def options(self) -> dict[str, str]:
        """The encoder's own options. There are no frames that are decoded in another order than they are shown."""
        encoder, threads = _ENCODERS[self.codec], str(self.threads or os.cpu_count() or 1)
        options = {"preset": encoder.preset, "crf": str(self.quality or encoder.quality)}
        if self.codec == "h264":
            options |= {"bf": "0", "threads": threads}
            options |= {"x264-params": {"top": "tff=1", "bottom": "bff=1"}[self.interlaced]} if self.interlaced else {}
        elif self.codec == "hevc":
            options |= {"x265-params": f"log-level=none:bframes=0:pools={threads}"}
        else:
            options |= {"svtav1-params": f"lp={threads}"}
        return options


class Film:
    """One mp4, written as a context: a clean end leaves a whole file on the disk, any other leaves none.

    Raises:
        ReleaseError: the file, or a picture in it, cannot be written; the source's sound cannot be read.
    """

    def __init__(self, path: Path, settings: FilmSettings, audio: AudioPlan | None = None) -> None:
        self.path = path
        self.settings = settings
        self.pictures = 0
        """Pictures given so far."""
        self._plan = audio
        self._sound: Sound | None = None
        self._version: str | None = None
        self._last = self._step = self._end = 0
        self._opened = False
        self._lasting: dict[int, int] = {}
        """How long pictures that are still in the encoder are shown, by their ticks."""

    @property
    def audio(self) -> Literal["none", "kept", "muted"]:
        """What became of the sound; `none` also where the source has none."""
        return "none" if self._sound is None else "muted" if self._sound.plan.mute else "kept"

    @property
    def audio_damaged(self) -> int:
        """Packets of the source's sound that could not be decoded; silence stands for them."""
        return self._sound.damaged if self._sound else 0

    def encoder(self) -> dict[str, str]:
        """The settings that the file was written with."""
        encoder = _ENCODERS[self.settings.codec]
        return {
            "codec": self.settings.codec,
            "encoder": encoder.name,
            **self.settings.options,
            **({"version": self._version} if self._version else {}),
            "ffmpeg": av.ffmpeg_version_info,
        }

    def __enter__(self) -> Self:
        if self.settings.codec == "av1":
            os.environ.setdefault("SVT_LOG", "0")  # SVT-AV1 prints its settings, whatever FFmpeg is told
        try:
            if self._plan:
                self._sound = Sound.of(self._plan)
            # Without an edit list, players show what they show from tick 0 on.
            options = {"movflags": "+faststart", "use_editlist": "0", "fflags": "+bitexact"}
            self._file = av.open(f"file:{self.path}", "w", format="mp4", options=options)
            self._opened = True
            self._video = self._video_stream()
            if self._sound:
                self._sound.join(self._file)
        except BaseException as fault:
            self._abandon()
            if isinstance(fault, BREAKS):
                raise self._failed(fault) from fault
            raise
        return self

    def _video_stream(self) -> av.VideoStream:
        settings, encoder = self.settings, _ENCODERS[self.settings.codec]
        slowest, fastest = Fraction(1, 10), Fraction(_FASTEST)
        rate = min(max(settings.rate, slowest), fastest)
        stream = self._file.add_stream(encoder.name, rate=rate, options=settings.options)
        if not isinstance(stream, av.VideoStream):
            raise TypeError(encoder.name)
        stream.time_base = settings.time_base
        codec = stream.codec_context
        codec.width, codec.height, codec.pix_fmt = settings.width, settings.height, settings.pixels
        codec.time_base = settings.time_base
        codec.color_range, codec.colorspace = settings.span, settings.matrix
        codec.color_primaries, codec.color_trc = settings.primaries, settings.transfer
        codec.flags |= av.codec.context.Flags.bitexact
        if settings.pixel_aspect:
            codec.sample_aspect_ratio = settings.pixel_aspect
        if encoder.tag:
            codec.codec_tag = encoder.tag
        return stream

    def write(self, picture: Picture, ticks: int, duration: int | None = None) -> None:
        """Show a picture from a time on, `duration` ticks long or until the next one; the first at 0.

        Raises:
            ReleaseError: the disk is full, or times are further apart than an mp4 can say.
            ValueError: a picture of another size or format, or a time that is not after the last one.
        """
        self._check(picture, ticks)
        frame = picture.to_frame()
        frame.pts, frame.time_base = ticks, self.settings.time_base
        self._step = ticks - self._last if self.pictures else self._default_step()
        self._last = ticks
        self._lasting[ticks] = duration if duration and duration > 0 else self._step
        self._end = ticks + self._lasting[ticks]
        self.pictures += 1
        try:
            if self._sound:
                self._sound.write(ticks * self.settings.time_base)
            self._mux(frame)
        except BREAKS as fault:
            raise self._failed(fault) from fault

    def _check(self, picture: Picture, ticks: int) -> None:
        settings = self.settings
        if (picture.width, picture.height, picture.pixels) != (settings.width, settings.height, settings.pixels):
            msg = f"a picture of {picture.width}x{picture.height} {picture.pixels} in a film of {settings}"
            raise ValueError(msg)
        if ticks <= self._last if self.pictures else ticks:
            raise ValueError(f"a picture at tick {ticks} after one at {self._last}, the first must be at 0")
        step = (ticks - self._last) * settings.time_base
        if step * _timescale(settings.time_base) > _LONGEST_STEP:
            msg = f"pictures {float(step):.1f} s apart at ticks of {settings.time_base} s do not fit into an mp4"
            raise ReleaseError(msg, hint="give a range of the footage with --from and --to")

    def _default_step(self) -> int:
        return max(1, round(1 / (self.settings.rate * self.settings.time_base)))

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._video.encode(frame):
            if self._version is None:  # x264 names itself in the first packet, x265 before it
                first = (self._video.codec_context.extradata or b"") + bytes(packet)[:2000]
                named = re.search(rb"(x26[45] [ -~]{1,90}?) - H\.26", first)
                self._version = named[1].decode() if named else ""
            packet.duration = self._lasting.pop(packet.pts or 0, self._step)
            self._file.mux(packet)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            self._finish()
        except BaseException as stop:
            self._abandon()
            if isinstance(stop, BREAKS):
                raise self._failed(stop) from stop
            raise

    def _finish(self) -> None:
        if not self.pictures:
            raise ReleaseError(f"'{self.path}' would hold no picture", hint="is there footage in the range asked for?")
        if self._sound:
            self._sound.write(self._end * self.settings.time_base, last=True)
            self._sound.close()
        self._mux(None)
        self._file.close()
        with self.path.open("r+b") as file:
            for box in [box for box in parse(file, self.path) if box.path == "moov/udta"]:
                file.seek(box.begin + 4)  # FFmpeg writes one for its tags, though there are none
                file.write(b"free" + bytes(box.end - box.begin - 8))
            file.flush()
            os.fsync(file.fileno())

    def _abandon(self) -> None:
        """Leave nothing behind. The file goes first, so that closing it need not move its head to the front."""
        if self._sound:
            self._sound.close()
        if self._opened:
            self.path.unlink(missing_ok=True)
            with suppress(*BREAKS):
                self._file.close()
            self.path.unlink(missing_ok=True)

    def _failed(self, fault: BaseException) -> ReleaseError:
        reason = getattr(fault, "strerror", None) or fault
        return ReleaseError(f"'{self.path}' cannot be written: {reason}", hint="is there room on the disk?")


def _timescale(time_base: Fraction) -> int:
    """Ticks a second of an mp4's track, as FFmpeg chooses them: exact, and never fewer than 10,000."""
    scale = time_base.denominator
    while scale < 10_000:
        scale *= 2
    return scale


# Photographs

PHOTOGRAPHS: dict[str, tuple[str, dict[str, Any]]] = {
    ".jpg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 92, "subsampling": 0}),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 92}),
}
"""How photographs are written, by the ends of their names."""


def write_photograph(picture: UInt8, path: Path) -> None:
    """Write a picture (height, width, 3) in RGB without any metadata, whole or not at all.

    Raises:
        ReleaseError: not a suffix of JPEG, PNG or WebP, or the file cannot be written.
    """
    kind, options = PHOTOGRAPHS.get(path.suffix.lower(), ("", {}))
    if not kind:
        raise ReleaseError(f"'{path}' is not the name of a photograph", hint="end it in .jpg, .png or .webp")
    try:
        with whole(path, private=False) as file:
            Image.fromarray(np.ascontiguousarray(picture)).save(file, kind, **options)
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise ReleaseError(f"'{path}' cannot be written: {reason}", hint="is there room on the disk?") from fault
