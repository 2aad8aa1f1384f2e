"""Sound: that of a source's first audio track, in step with the pictures of a film, encoded anew."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import av.error
import numpy as np
from av.audio.resampler import AudioResampler

from houselights.errors import ReleaseError
from houselights.footage import LARGEST_PICTURE
from houselights.types import Float32

BREAKS = (av.error.FFmpegError, OSError, ValueError)
"""What FFmpeg and the disk raise where a file cannot be read or written."""

_RATES = frozenset((96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000))
_AAC_FRAME = 1024  # samples; an encoder's first packet holds nothing but the lead-in to the second
_GAP_S = 0.015  # less is rounding of time stamps: a lost packet of AAC leaves a gap of 21 ms
_LEAP_S = 1.0  # further back than this is a new recording in the same file, not an overlap
_LEAD_S = 2  # a decoder may need what is before


@dataclass(frozen=True, slots=True)
class AudioPlan:
    """What sound a film has: that of a source's first audio track from a time on, encoded anew, or its silence."""

    path: Path
    start: Fraction
    """The source's own time, ticks x time base, of the film's first picture, in seconds."""
    end: Fraction | None = None
    """Where the sound ends at the latest, by the same clock. It never outlasts the pictures."""
    mute: bool = False


class Sound:
    """A source's first audio track, read and encoded in step with the pictures: no more than a second is held.

    Gaps in it are filled with silence and overlaps are cut, so that it stays with the pictures.
    """

    def __init__(self, plan: AudioPlan, file: BinaryIO, source: av.container.InputContainer) -> None:
        self.plan = plan
        self.damaged = 0
        self._file = file
        self._source = source
        self._stream = source.streams.audio[0]
        codec = self._stream.codec_context
        self._rate = codec.sample_rate if codec.sample_rate in _RATES else 48_000
        self._layout = "mono" if codec.channels == 1 else "stereo"
        self._read = 0
        """Samples that came out of the source, silence in gaps included; the first is that of the first picture."""
        self._written = 0
        self._held: Float32 = np.zeros((1 if self._layout == "mono" else 2, 0), np.float32)
        self._blocks = self._decoded()

    @classmethod
    def of(cls, plan: AudioPlan) -> Sound | None:
        """The source's sound from the plan's start on; None where the source has none."""
        for seek in (True, False):
            with ExitStack() as opened:
                source, file = _open_source(plan.path, opened)
                if not source.streams.audio:
                    return None
                if getattr(source.streams.audio[0], "codec_context", None) is None:
                    raise ReleaseError(f"no decoder for the sound of '{plan.path}'", hint="leave it out: --audio drop")
                sound = cls(plan, file, source)
                if not seek or sound._sought():
                    opened.pop_all()
                    return sound
        return None

    def _sought(self) -> bool:
        """Go to shortly before the start; False where the file cannot be sought in, or lands behind it."""
        base, target = self._stream.time_base or Fraction(1, av.time_base), self.plan.start - _LEAD_S
        begin = (self._stream.start_time or 0) * base
        if target <= begin:
            return True
        try:
            self._source.seek(math.floor(target / base), stream=self._stream)
            stamps = (packet.pts for packet in self._source.demux(self._stream) if packet.pts is not None)
            if next(stamps, math.inf) * base > target + Fraction(_LEAD_S, 2):
                return False
            self._source.seek(math.floor(target / base), stream=self._stream)
        except BREAKS:
            return False
        return True

    def join(self, film: av.container.OutputContainer) -> None:
        """Add a track for it to a film."""
        bits = 96_000 if self._layout == "mono" else 128_000
        self._film = film
        self._track = film.add_stream("aac", rate=self._rate)
        self._track.layout, self._track.bit_rate = self._layout, bits
        self._track.codec_context.flags |= av.codec.context.Flags.bitexact

    def write(self, until: Fraction, *, last: bool = False) -> None:
        """Write it up to a time after the first picture, in seconds: whole packets, save at the end."""
        if self.plan.end is not None:
            until = min(until, max(self.plan.end - self.plan.start, Fraction(0)))
        limit = math.floor(until * self._rate)
        while self._read < limit and (block := next(self._blocks, None)) is not None:
            self._held = np.concatenate([self._held, np.zeros_like(block) if self.plan.mute else block], axis=1)
            while self._held.shape[1] >= _AAC_FRAME and self._written + _AAC_FRAME <= limit:
                self._encode(_AAC_FRAME)
        while self._held.shape[1] >= _AAC_FRAME and self._written + _AAC_FRAME <= limit:
            self._encode(_AAC_FRAME)
        if last:
            self._encode(min(self._held.shape[1], limit - self._written))
            self._mux(None)

    def _encode(self, count: int) -> None:
        if count <= 0:
            return
        samples, self._held = np.ascontiguousarray(self._held[:, :count]), self._held[:, count:]
        frame = av.AudioFrame.from_ndarray(samples, "fltp", self._layout)
        frame.sample_rate, frame.time_base = self._rate, Fraction(1, self._rate)
        frame.pts = self._written
        self._written += count
        self._mux(frame)

    def _mux(self, frame: av.AudioFrame | None) -> None:
        for packet in self._track.encode(frame):
            # The lead-in lies before time 0. Without an edit list it would push the pictures back, so it is left out.
            if packet.pts is not None and packet.pts >= 0:
                self._film.mux(packet)

    def _decoded(self) -> Iterator[Float32]:
        """Blocks of samples (channels, n) without a gap, from the start on."""
        base, shift = self._stream.time_base or Fraction(1, av.time_base), 0
        resampler = self._resampler()
        for frame in self._frames():
            at = self._read
            if frame.pts is not None:
                at = round((frame.pts * base - self.plan.start) * self._rate) + shift
                if self._read and at < self._read - _LEAP_S * self._rate:
                    shift, at = shift + self._read - at, self._read
            frame.pts = None
            try:
                blocks = [each.to_ndarray() for each in resampler.resample(frame)]
            except ValueError:  # the source's rate or layout changed
                resampler = self._resampler()
                blocks = [each.to_ndarray() for each in resampler.resample(frame)]
            except av.error.FFmpegError:
                self.damaged += 1
                continue
            samples = np.nan_to_num(np.concatenate(blocks, axis=1), posinf=0, neginf=0) if blocks else self._silence(0)
            if abs(at - self._read) < (_GAP_S * self._rate if self._read else 1):
                at = self._read
            while at > self._read:
                yield self._taken(self._silence(min(at - self._read, self._rate)))
            if (kept := samples[:, self._read - at :]).shape[1]:
                yield self._taken(kept.astype(np.float32, copy=False))

    def _taken(self, samples: Float32) -> Float32:
        self._read += samples.shape[1]
        return samples

    def _silence(self, count: int) -> Float32:
        return np.zeros((self._held.shape[0], count), np.float32)

    def _resampler(self) -> AudioResampler:
        return AudioResampler("fltp", self._layout, self._rate)

    def _frames(self) -> Iterator[av.AudioFrame]:
        """Decoded frames; what does not decode is counted, and so is where reading breaks off."""
        packets = self._source.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except BREAKS:
                self.damaged += 1
                packet = None
            if packet is not None and packet.size == 0:
                continue
            try:
                yield from self._stream.decode(packet)
            except av.error.FFmpegError:
                self.damaged += 1
            if packet is None:
                return

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()
        self._file.close()


def _open_source(path: Path, opened: ExitStack) -> tuple[av.container.InputContainer, BinaryIO]:
    # FFmpeg gets this one file and no protocol, as for pictures.
    options = {"protocol_whitelist": "none", "max_pixels": str(LARGEST_PICTURE)}
    try:
        file = opened.enter_context(path.open("rb"))
        return opened.enter_context(av.open(file, "r", metadata_errors="replace", options=options)), file
    except BREAKS as fault:
        reason = getattr(fault, "strerror", None) or fault
        msg = f"the sound of '{path}' cannot be read: {reason}"
        raise ReleaseError(msg, hint="leave it out: --audio drop") from fault
