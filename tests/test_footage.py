"""Facts about footage: which files are read, when each frame is shown, what is counted, and what is refused."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from houselights import sources
from houselights.errors import FootageError
from houselights.footage import Facts, Footage, Skip, Tally
from houselights.frame import Frame
from houselights.types import UInt8

RATE = 25
QUIET = {"x265-params": "log-level=none:keyint=8:min-keyint=8"}
PREDICTED = {"g": "8", "bf": "2"}

FORMATS = {
    "h264.mp4": ("libx264", "yuv420p", PREDICTED),
    "h264.mov": ("libx264", "yuv420p", PREDICTED),
    "h264.mkv": ("libx264", "yuv420p", PREDICTED),
    "h264.ts": ("libx264", "yuv420p", PREDICTED),
    "h264.flv": ("libx264", "yuv420p", PREDICTED),
    "h264-10bit.mp4": ("libx264", "yuv420p10le", PREDICTED),
    "h264-444.mp4": ("libx264", "yuv444p", PREDICTED),
    "h264-full.mp4": ("libx264", "yuvj420p", PREDICTED),
    "h264-rgb.mkv": ("libx264rgb", "rgb24", {}),
    "h264-open.ts": ("libx264", "yuv420p", {"x264-params": "open-gop=1:keyint=8:bframes=2"}),
    "h264-refresh.ts": ("libx264", "yuv420p", {"x264-params": "intra-refresh=1:keyint=8"}),
    "hevc.mp4": ("libx265", "yuv420p", QUIET),
    "hevc-10bit.mkv": ("libx265", "yuv420p10le", QUIET),
    "hevc.ts": ("libx265", "yuv420p", QUIET),
    "av1.mp4": ("libsvtav1", "yuv420p", {"preset": "12", "g": "8", "svtav1-params": "lp=1"}),
    "av1-10bit.mkv": ("libsvtav1", "yuv420p10le", {"preset": "12", "g": "8", "svtav1-params": "lp=1"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"g": "8", "cpu-used": "8"}),
    "vp8.webm": ("libvpx", "yuv420p", {"g": "8", "auto-alt-ref": "1", "lag-in-frames": "8"}),
    "mpeg4.avi": ("mpeg4", "yuv420p", PREDICTED),
    "mpeg4.mp4": ("mpeg4", "yuv420p", PREDICTED),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "mpeg1.mpg": ("mpeg1video", "yuv420p", PREDICTED),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", PREDICTED),
    "mpeg2.ts": ("mpeg2video", "yuv420p", PREDICTED),
    "wmv2.wmv": ("wmv2", "yuv420p", {"g": "8", "b": "1M"}),
    "ffv1.mkv": ("ffv1", "yuv444p", {}),
    "prores.mov": ("prores_ks", "yuv422p10le", {}),
    "palette.gif": ("gif", "rgb8", {}),
}
BARE = {
    "bare.h264": ("libx264", "yuv420p", PREDICTED),
    "bare.hevc": ("libx265", "yuv420p", QUIET),
    "bare.mjpeg": ("mjpeg", "yuvj420p", {}),
    # AVI has no times, and these frames are decoded in another order than they are shown.
    "predicted.avi": ("libx264", "yuv420p", PREDICTED),
}


def drawn(number: int, width: int = 64, height: int = 48) -> UInt8:
    """A picture that shows its number and which way is up: gradients, a light corner and a square that walks."""
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.stack([columns * 200 // width + 20, rows * 200 // height + 20, np.full_like(rows, 90)], axis=-1)
    picture[: height // 4, : width // 4] = (240, 240, 100)
    left = number % (width - 12)
    picture[height // 2 : height // 2 + 12, left : left + 12] = (250, 60, 200)
    return picture.astype(np.uint8)


def write(
    path: Path,
    codec: str,
    form: str = "yuv420p",
    options: dict[str, str] | None = None,
    *,
    pictures: Sequence[UInt8] = (),
    count: int = 30,
    times: Sequence[Fraction] = (),
    base: Fraction = Fraction(1, RATE),
    turn: tuple[int, bool, bool] | None = None,
    sound: bool = False,
    container: dict[str, str] | None = None,
) -> Path:
    """A clip of some pictures, drawn ones if none are given, at some times in seconds; gives the path it wrote."""
    pictures = pictures or [drawn(number) for number in range(count)]
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=RATE, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = form
        stream.codec_context.time_base = base
        if turn:
            stream.set_display_rotation(*turn)
        noise = file.add_stream("aac", rate=44100, layout="mono") if sound else None
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format=form)
            frame.pts = round(times[number] / base) if times else number * round(1 / base / RATE)
            frame.time_base = base
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
        if noise:
            for number in range(len(pictures) * 44100 // RATE // 1024):
                samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                samples.sample_rate, samples.pts = 44100, number * 1024
                file.mux(noise.encode(samples))
            file.mux(noise.encode())
    return path


def make(folder: Path, name: str, **more: object) -> Path:
    """The clip of that name of the tables above."""
    codec, form, options = (FORMATS | BARE)[name]
    return write(folder / name, codec, form, options, **more)  # type: ignore[arg-type]


def read(path: Path, **more: object) -> tuple[list[Frame], Tally]:
    """All frames, and what was counted."""
    tally = Tally()
    return list(Footage(path).frames(tally, **more)), tally  # type: ignore[arg-type]


def upright(frame: Frame) -> UInt8:
    """The whole upright picture in RGB, by way of a patch."""
    width, height = frame.size
    return frame.planar().patch(np.eye(2, 3), max(width, height))[:height, :width]


def pixels(frame: Frame) -> str:
    """A digest of the stored pixels."""
    return hashlib.md5(frame.stored.to_ndarray().tobytes(), usedforsecurity=False).hexdigest()


def seconds(path: Path, frames: list[Frame]) -> list[float]:
    """The frames' times."""
    facts = Footage(path).facts
    return [facts.seconds(frame.ticks) for frame in frames]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip for each row of the tables."""
    folder = tmp_path_factory.mktemp("clips")
    for name in FORMATS | BARE:
        make(folder, name)
    return folder


# What is read


@pytest.mark.parametrize("name", FORMATS)
def test_all_frames_of_every_format_come_with_their_times(clips: Path, name: str) -> None:
    """Containers and codecs of all kinds give every frame at its time, and nothing to complain of."""
    frames, tally = read(clips / name)
    assert tally == Tally(frames=30)
    times = np.array(seconds(clips / name, frames))
    shift = 1 / RATE if name == "mpeg4.avi" else 0  # its times are those of decoding, one frame on
    assert np.abs(times - np.arange(30) / RATE - shift).max() < 2e-3
    difference = np.abs(upright(frames[20]).astype(int) - drawn(20)).mean()
    assert difference < (25 if name == "palette.gif" else 12)


@pytest.mark.parametrize("name", BARE)
def test_times_that_are_not_in_the_file_are_made_up_and_counted(clips: Path, name: str) -> None:
    """Streams without times, or with the decoder's order alone, get times by the stated rate, and each is counted."""
    frames, tally = read(clips / name)
    assert tally == Tally(frames=30, times_made_up=30)
    assert np.allclose(seconds(clips / name, frames), np.arange(30) / RATE, atol=1e-5)
    rows = [upright(frame)[30].astype(int) for frame in frames]
    squares = [np.flatnonzero(row[:, 0] - row[:, 1] > 100).mean() for row in rows]
    assert np.abs(squares - np.arange(30) - 5.5).max() < 2  # shown in the right order: the square walks one way


@pytest.mark.parametrize("name", ["sound.mp4", "sound.mkv", "sound.ts", "sound.mov"])
def test_sound_changes_nothing(tmp_path: Path, name: str) -> None:
    """A clip with sound has the frames and the times of one without."""
    path = write(tmp_path / name, "libx264", options=PREDICTED, sound=True)
    frames, tally = read(path)
    assert tally == Tally(frames=30)
    assert np.allclose(np.diff(seconds(path, frames)), 1 / RATE, atol=2e-3)


def test_facts_are_those_of_the_container(tmp_path: Path) -> None:
    """Size, rate, length, number of frames, codec and hash stand in the facts."""
    path = make(tmp_path, "h264.mp4")
    facts = Footage(path).facts
    assert (facts.width, facts.height, facts.rate, facts.duration_s) == (64, 48, 25.0, 1.2)
    assert (facts.declared_frames, facts.codec, facts.still) == (30, "h264", False)
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == sources.digest(path)


def test_the_upright_frames_are_those_of_another_reader(tmp_path: Path) -> None:
    """OpenCV, with its own FFmpeg, sees the same turned pictures at the same times."""
    path = write(tmp_path / "turned.mp4", "libx264", options={"crf": "1"} | PREDICTED, turn=(90, False, False))
    frames, _ = read(path)
    other = cv2.VideoCapture(str(path))
    for frame, time in zip(frames, seconds(path, frames), strict=True):
        found, picture = other.read()
        assert found
        assert abs(other.get(cv2.CAP_PROP_POS_MSEC) / 1000 - time) < 1e-3
        difference = upright(frame).astype(int) - picture[..., ::-1]
        assert np.abs(difference).mean() < 4
        assert abs(difference.mean()) < 1.5


# Times


@pytest.mark.parametrize("name", ["uneven.mp4", "uneven.mkv"])
def test_times_of_variable_rate_are_the_containers(tmp_path: Path, name: str) -> None:
    """Ticks are the time stamps that were written, however unevenly they lie."""
    gaps = np.random.default_rng(3).integers(1, 200, 30)
    times = [Fraction(int(end) - int(gaps[0]), 1000) for end in np.cumsum(gaps)]
    path = write(tmp_path / name, "libx264", options=PREDICTED, times=times, base=Fraction(1, 1000))
    opened = Footage(path)
    frames, tally = read(path)
    assert tally == Tally(frames=30)
    assert [(frame.ticks - opened.facts.start_ticks) * opened.facts.time_base for frame in frames] == times


def test_a_leap_back_in_time_goes_on_where_it_was(tmp_path: Path) -> None:
    """Two recordings in one file: time goes on at the stated rate, and all that was made up is counted."""
    times = [Fraction(number, RATE) for number in range(60)]
    once = write(tmp_path / "once.ts", "libx264", options=PREDICTED, count=60, times=times)
    path = tmp_path / "twice.ts"
    path.write_bytes(once.read_bytes() * 2)
    frames, tally = read(path)
    assert len(frames) == tally.frames == 120
    assert np.allclose(seconds(path, frames), np.arange(120) / RATE, atol=1e-4)
    assert tally.times_made_up == 60


def test_two_frames_at_one_time_are_told_apart(tmp_path: Path) -> None:
    """Of frames with equal time stamps the later one moves on by a tick, and is counted."""
    path = tmp_path / "equal.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number in (0, 1, 2, 3):
            for packet in stream.encode(av.VideoFrame.from_ndarray(drawn(number), "rgb24").reformat(format="yuvj420p")):
                packet.pts = packet.dts = (0, 1, 1, 2)[number]
                packet.time_base = Fraction(1, RATE)
                file.mux(packet)
    frames, tally = read(path)
    assert [frame.ticks for frame in frames] == [0, 40, 41, 80]
    assert tally.times_made_up == 1


bases = st.builds(Fraction, st.integers(1, 1001), st.integers(1001, 1_000_000))


@given(base=bases, start=st.integers(-(10**9), 10**9), ticks=st.integers(0, 10**9))
def test_a_time_that_was_told_leads_back_to_its_frame(base: Fraction, start: int, ticks: int) -> None:
    """Seconds, as they stand in a result, name the same tick again wherever a tick is a microsecond or more."""
    facts = Facts(Path("x"), "", 64, 48, base, start, 0.0, 0, 25.0, "h264", still=False)
    assert facts.ticks(facts.seconds(start + ticks)) == start + ticks
    assert facts.seconds(facts.ticks(1.5)) >= 1.5 - 1e-6


@given(base=bases, ticks=st.lists(st.integers(0, 10**6), min_size=2, max_size=2, unique=True))
def test_seconds_keep_the_order_of_ticks(base: Fraction, ticks: list[int]) -> None:
    """A later tick never has an earlier time."""
    facts = Facts(Path("x"), "", 64, 48, base, 0, 0.0, 0, 25.0, "h264", still=False)
    one, other = sorted(ticks)
    assert facts.seconds(one) <= facts.seconds(other)


# Reading a part


@pytest.mark.parametrize("name", FORMATS | BARE)
def test_wherever_reading_begins_the_frames_are_the_same(clips: Path, name: str) -> None:
    """From a frame on, and from between frames, ticks and pixels are those of a full read, and nothing is damaged."""
    opened = Footage(clips / name)
    whole = [(frame.ticks, pixels(frame)) for frame in opened.frames(Tally())]
    assert [ticks for ticks, _ in whole] == sorted({ticks for ticks, _ in whole})
    for start in range(1, 30, 3):
        for since in (whole[start][0], whole[start - 1][0] + 1):
            tally = Tally()
            part = [(frame.ticks, pixels(frame)) for frame in opened.frames(tally, since=since)]
            assert part == whole[start:]
            assert (tally.frames, tally.left_out, tally.damaged) == (30 - start, 0, 0)


@pytest.mark.parametrize("name", ["h264.mp4", "h264.ts", "mpeg2.mpg", "bare.h264"])
def test_reading_ends_before_the_end_that_was_named(clips: Path, name: str) -> None:
    """The frame at `until` does not come, and what lies beyond is not counted."""
    opened = Footage(clips / name)
    ticks = [frame.ticks for frame in opened.frames(Tally())]
    for skip in ("none", "nonref"):
        tally = Tally()
        part = [frame.ticks for frame in opened.frames(tally, since=ticks[4], until=ticks[21], skip=skip)]
        assert set(part) <= set(ticks[4:21])
        assert tally.frames + tally.left_out == 17
    assert list(opened.frames(Tally(), since=ticks[5], until=ticks[5])) == []
    assert list(opened.frames(Tally(), since=ticks[-1] + 1)) == []


@pytest.mark.parametrize("name", ["h264.mp4", "h264-open.ts", "mpeg1.mpg", "bare.h264", "predicted.avi"])
def test_frames_are_found_again_at_their_times(clips: Path, name: str) -> None:
    """`at` gives exactly the frames that were asked for, each once."""
    opened = Footage(clips / name)
    whole = {frame.ticks: pixels(frame) for frame in opened.frames(Tally())}
    wanted = [sorted(whole)[index] for index in (29, 0, 7, 8, 17, 7)]
    found = [(frame.ticks, pixels(frame)) for frame in opened.at([*wanted, max(whole) + 999])]
    assert found == sorted({ticks: whole[ticks] for ticks in wanted}.items())


def test_frames_far_apart_are_found_too(tmp_path: Path) -> None:
    """Minutes between two frames are jumped over; a time that was made up is found from the start."""
    times = [Fraction(number * number, RATE) for number in range(60)]
    path = write(tmp_path / "long.mkv", "libx264", options=PREDICTED, count=60, times=times, base=Fraction(1, 1000))
    opened = Footage(path)
    ticks = [frame.ticks for frame in opened.frames(Tally())]
    assert [frame.ticks for frame in opened.at(ticks[::7])] == ticks[::7]


@pytest.mark.parametrize("skip", ["nonref", "nonkey"])
@pytest.mark.parametrize("name", FORMATS | BARE)
def test_what_is_left_out_is_counted(clips: Path, name: str, skip: Skip) -> None:
    """Frames that came and frames left out make up the file; those that came are the same as in a full read."""
    opened = Footage(clips / name)
    whole = {frame.ticks: pixels(frame) for frame in opened.frames(Tally())}
    tally = Tally()
    part = {frame.ticks: pixels(frame) for frame in opened.frames(tally, skip=skip)}
    assert part.items() <= whole.items()
    assert (tally.frames, tally.frames + tally.left_out, tally.damaged) == (len(part), 30, 0)


def test_key_frames_alone_are_few_and_in_order(clips: Path) -> None:
    """Of open groups of pictures too, each eighth frame comes, at its own time."""
    frames, tally = read(clips / "h264-open.ts", skip="nonkey")
    assert np.allclose(np.diff(seconds(clips / "h264-open.ts", frames)), 8 / RATE)
    assert (len(frames), tally.left_out, tally.times_made_up) == (4, 26, 0)


# Damage


def damage(path: Path, *, flips: int, part: tuple[float, float] = (0.4, 0.7)) -> Path:
    """Change some bytes in the middle of a file."""
    content = bytearray(path.read_bytes())
    for place in np.random.default_rng(5).integers(*(int(share * len(content)) for share in part), flips):
        content[place] ^= 0x5A
    path.write_bytes(content)
    return path


def noisy(number: int) -> UInt8:
    """A picture that does not compress well, so that damage hits pictures and not the container."""
    noise = np.random.default_rng(11).integers(0, 255, (120, 160, 3), np.uint8)
    return np.roll(noise, (number, 2 * number), (0, 1))


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty noisy frames of H.264 in MP4 with the index in front."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    fast = {"movflags": "faststart"}
    return write(path, "libx264", options={"g": "10"}, pictures=[noisy(n) for n in range(60)], container=fast)


@pytest.mark.parametrize("name", ["damaged.mp4", "damaged.ts", "damaged.avi", "damaged.mpg"])
def test_damage_is_counted_and_the_rest_decodes(tmp_path: Path, name: str) -> None:
    """Flipped bytes cost frames around them; what was damaged is counted, with the first place, and reading goes on."""
    codec = {"mp4": "libx264", "ts": "libx264", "avi": "mjpeg", "mpg": "mpeg2video"}[name.split(".")[1]]
    form = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write(tmp_path / name, codec, form, {"g": "10"}, pictures=[noisy(number) for number in range(60)])
    whole = {frame.ticks: pixels(frame) for frame in read(path)[0]}
    frames, tally = read(damage(path, flips=40))
    assert 1 <= tally.damaged <= 40
    assert tally.frames + tally.damaged >= 58
    assert tally.first_damage_s is not None
    assert 0.5 <= tally.first_damage_s <= 1.7
    good = [frame.ticks for frame in frames if whole.get(frame.ticks) == pixels(frame)]
    assert len(good) >= 30
    assert {frame.ticks for frame in frames[:10]} <= set(good)


def test_a_file_that_is_cut_off_gives_the_frames_that_are_there(long_clip: Path, tmp_path: Path) -> None:
    """Of a clip with its index in front the first half is read, and it is said that the rest is missing."""
    path = tmp_path / "cut.mp4"
    path.write_bytes(long_clip.read_bytes()[: long_clip.stat().st_size // 2])
    frames, tally = read(path)
    assert 20 <= len(frames) < 40
    assert tally.frames < Footage(path).facts.declared_frames == 60
    assert "it may be cut off" in str(tally.stopped)


@pytest.mark.parametrize("name", ["cut.mkv", "cut.webm"])
def test_a_stream_that_is_cut_off_is_noticed_without_an_index(tmp_path: Path, name: str) -> None:
    """Where the container states a length, an earlier end is told, even though no frame is damaged."""
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    path = write(tmp_path / name, codec, options={"cpu-used": "8"}, pictures=[noisy(n) for n in range(60)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    _, tally = read(path)
    assert 20 <= tally.frames < 40
    assert "the file states 2.4 s" in str(tally.stopped)


def test_a_stream_that_begins_amid_a_group_of_pictures_counts_what_it_cannot_show(tmp_path: Path) -> None:
    """Frames before the first key frame are lost, and counted as such."""
    path = write(tmp_path / "late.ts", "libx264", options={"g": "20"}, pictures=[noisy(n) for n in range(60)])
    content = path.read_bytes()
    path.write_bytes(content[len(content) // 10 // 188 * 188 :])
    _, tally = read(path)
    assert tally.damaged > 5
    assert 40 <= tally.frames <= 54


def test_reading_goes_on_after_a_stop_as_if_there_had_been_none(long_clip: Path) -> None:
    """Counts kept at any frame, and counts from there on, add up to those of one go."""
    opened = Footage(long_clip)
    for skip in ("none", "nonref", "nonkey"):
        tally = Tally()
        kept = [(frame.ticks, replace(tally)) for frame in opened.frames(tally, skip=skip)]
        for ticks, then in kept[::5]:
            rest = replace(then)
            assert all(frame.ticks > ticks for frame in opened.frames(rest, since=ticks + 1, skip=skip))
            assert rest == tally


# What is refused


def refusal(path: Path) -> str:
    """What is said of a file that cannot be read at all."""
    with pytest.raises(FootageError) as caught:
        Footage(path)
    assert caught.value.hint
    assert str(path) in caught.value.message
    return caught.value.message


def test_files_that_hold_no_video_are_refused_with_the_reason(tmp_path: Path) -> None:
    """A missing, an empty, a text file, sound alone, a container without frames, and a cover picture alone."""
    assert "No such file" in refusal(tmp_path / "missing.mp4")
    (tmp_path / "empty.mp4").touch()
    assert "cannot be opened as video" in refusal(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("Dear diary\n" * 100)
    assert "cannot be opened as video" in refusal(tmp_path / "text.mp4")
    write(tmp_path / "sound.mp4", "libx264", sound=True)
    with av.open(str(tmp_path / "sound.mp4")) as file, av.open(str(tmp_path / "mute.mp4"), "w") as out:
        stream = out.add_stream_from_template(file.streams.audio[0])
        for packet in file.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    assert "no video (found: audio)" in refusal(tmp_path / "mute.mp4")
    with av.open(str(tmp_path / "none.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        out.start_encoding()
    assert "no video (found: nothing)" in refusal(tmp_path / "none.mp4")


def test_a_file_that_is_cut_off_before_its_index_is_refused(tmp_path: Path) -> None:
    """An MP4 whose index stood at its end cannot be read, and the hint asks whether it was copied whole."""
    path = write(tmp_path / "cut.mp4", "libx264", pictures=[noisy(number) for number in range(20)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FootageError, match="copied whole"):
        Footage(path)


def test_a_picture_must_have_room_for_a_face(tmp_path: Path) -> None:
    """Pictures of one pixel, or of fewer rows than a face has, are refused; the smallest that may hold one is read."""
    for side in (1, 15):
        path = write(tmp_path / f"{side}.mkv", "ffv1", "yuv444p", pictures=[np.zeros((side, 64, 3), np.uint8)] * 2)
        assert f"64x{side} pixels: no face" in refusal(path)
        Image.new("RGB", (side, 64)).save(tmp_path / f"{side}.png")
        assert f"{side}x64 pixels: no face" in refusal(tmp_path / f"{side}.png")
    least = write(tmp_path / "16.mkv", "ffv1", "yuv444p", pictures=[np.zeros((16, 16, 3), np.uint8)] * 2)
    assert len(read(least)[0]) == 2


def test_very_wide_pictures_are_read_and_larger_ones_refused(tmp_path: Path) -> None:
    """16,384 pixels across are read, as video and as photograph; what OpenCV cannot warp is refused."""
    wide = np.zeros((32, 16384, 3), np.uint8)
    wide[:, 16000:] = (250, 10, 10)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    for path in (write(tmp_path / "wide.avi", "mjpeg", "yuvj420p", pictures=[wide] * 2), tmp_path / "wide.png"):
        frame = read(path)[0][0].planar()
        assert frame.size == (16384, 32)
        assert np.abs(frame.patch(np.array([[1.0, 0, -16100], [0, 1, 0]]), 16).astype(int) - wide[0, -1]).max() < 8
    Image.new("L", (40000, 16)).save(tmp_path / "wider.png")
    assert "more than this program reads" in refusal(tmp_path / "wider.png")


def test_a_frame_that_claims_to_be_vast_is_damage_and_takes_no_memory(tmp_path: Path) -> None:
    """A packet whose header says 60,000 x 60,000 pixels amid small ones is counted, and the others are read."""
    path = write(tmp_path / "vast.avi", "mjpeg", "yuvj420p", count=6)
    content = path.read_bytes()
    places = [place for place in range(len(content)) if content.startswith(b"\xff\xc0\x00\x11\x08", place)]
    assert len(places) == 6
    at = places[3] + 5
    path.write_bytes(content[:at] + struct.pack(">HH", 60000, 60000) + content[at + 4 :])
    _, tally = read(path)
    assert (tally.frames, tally.damaged) == (5, 1)


def test_a_header_without_a_frame_rate_is_read(tmp_path: Path) -> None:
    """An AVI that states 0 frames a second gives its frames, at times that rise."""
    path = write(tmp_path / "still.avi", "mjpeg", "yuvj420p", count=8)
    content = bytearray(path.read_bytes())
    header = content.index(b"strh") + 8
    struct.pack_into("<II", content, header + 20, 0, 0)  # scale and rate
    struct.pack_into("<I", content, content.index(b"avih") + 8, 0)  # microseconds a frame
    path.write_bytes(content)
    frames, tally = read(path)
    assert tally.frames == 8
    assert [frame.ticks for frame in frames] == sorted({frame.ticks for frame in frames})


@pytest.mark.parametrize("name", ["pipe.mp4", "pipe.png"])
def test_a_pipe_is_refused_and_never_waited_for(tmp_path: Path, name: str) -> None:
    """Nobody writes to the pipe: opening it would wait for ever."""
    os.mkfifo(tmp_path / name)
    assert "a pipe or a device, expected a file" in refusal(tmp_path / name)
    with pytest.raises(FootageError, match="a pipe or a device"):
        sources.digest(tmp_path / name)
    with pytest.raises(FootageError, match="a pipe or a device"):
        Footage(tmp_path / name, sha256="0" * 64)


def test_a_still_is_of_the_bytes_that_were_hashed(tmp_path: Path) -> None:
    """A photograph that was exchanged after its SHA-256 was taken is refused: the log has the other one's."""
    Image.fromarray(drawn(4)).save(tmp_path / "still.png")
    before = sources.digest(tmp_path / "still.png")
    Footage(tmp_path / "still.png", sha256=before)
    Image.fromarray(drawn(5)).save(tmp_path / "still.png")
    with pytest.raises(FootageError, match=r"still.png' changed while it was read"):
        Footage(tmp_path / "still.png", sha256=before)


def test_a_device_and_a_folder_are_refused(tmp_path: Path) -> None:
    """Only regular files are read."""
    assert "a pipe or a device" in refusal(Path("/dev/zero"))
    (tmp_path / "folder.mp4").mkdir()
    assert "is a folder" in refusal(tmp_path / "folder.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    """The system's reason is given."""
    (tmp_path / "secret.mp4").touch(mode=0o000)
    assert "Permission denied" in refusal(tmp_path / "secret.mp4")


@pytest.mark.parametrize("name", ["a" * 300 + ".mp4", "nul\0.mp4", "loop.mp4"])
def test_a_name_that_the_system_refuses_is_refused(tmp_path: Path, name: str) -> None:
    """Names too long or with a zero byte, and links that lead to themselves, are errors like any other."""
    if name == "loop.mp4":
        (tmp_path / name).symlink_to(tmp_path / name)
    refusal(tmp_path / name)
    assert sources.find([tmp_path / name]) == ([tmp_path / name], [])


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:1.2,\n{}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "dash": '<?xml version="1.0"?>'
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL>'
    "<SegmentBase/></Representation></AdaptationSet></Period></MPD>",
}


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".ts", ".txt", ".mpd", ".sdp"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_cannot_make_the_reader_open_anything_else(tmp_path: Path, kind: str, suffix: str) -> None:
    """Under any name, a text that points at a file beside it or at an address opens neither."""
    make(tmp_path, "h264.ts")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        for target in ("h264.ts", str(tmp_path / "h264.ts"), f"http://127.0.0.1:{server.getsockname()[1]}/h264.ts"):
            path = tmp_path / f"list{suffix}"
            path.write_text(PLAYLISTS[kind].format(target))
            refusal(path)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_name_with_a_number_pattern_is_that_file_alone(tmp_path: Path) -> None:
    """FFmpeg's patterns for series of pictures have no meaning here."""
    Image.fromarray(drawn(1)).save(tmp_path / "one.png")
    (tmp_path / "film%d.dpx").write_bytes(b"")
    (tmp_path / "film1.dpx").write_bytes((tmp_path / "one.png").read_bytes())
    refusal(tmp_path / "film%d.dpx")


# Finding


def test_a_photograph_is_footage_of_one_frame(tmp_path: Path) -> None:
    """It has one upright frame at time 0."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(drawn(3))).save(tmp_path / "photo.png", exif=exif)
    opened = Footage(tmp_path / "photo.png")
    frames, tally = read(tmp_path / "photo.png")
    assert tally == Tally(frames=1)
    assert opened.facts.still
    assert (opened.facts.width, opened.facts.height, opened.facts.seconds(frames[0].ticks)) == (64, 48, 0.0)
    assert np.array_equal(upright(frames[0]), drawn(3))


def test_a_photograph_that_cannot_be_read_is_a_footage_error(tmp_path: Path) -> None:
    """The photograph's reason is told under the footage's name."""
    (tmp_path / "photo.jpg").write_text("no photograph")
    assert "is not a picture this program reads" in refusal(tmp_path / "photo.jpg")
