"""Facts about what stands in an mp4: whatever is strange to a release is found, and no file is trusted."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_cover import frame_of
from test_film import BASE, drawing, film_of
from test_footage import drawn

from houselights.boxes import atoms, strangers
from houselights.cover import picture_of
from houselights.errors import ReleaseError

RATE = 48_000


def clip(
    path: Path,
    tags: dict[str, str],
    *,
    sound: bool = False,
    second: bool = False,
    data: bool = False,
    chapters: bool = False,
    options: dict[str, str] | None = None,
    turn: int = 0,
    frames: str = "0",
) -> Path:
    """A clip as plain FFmpeg writes it."""
    with av.open(str(path), "w", options=options or {"movflags": "+faststart"}) as file:
        file.metadata.update(tags)
        if chapters:
            file.set_chapters([{"id": 1, "start": 0, "end": 9, "time_base": BASE, "metadata": {"title": "one"}}])
        streams = [file.add_stream("libx264", rate=25, options={"bf": frames}) for _ in range(1 + second)]
        for stream in streams:
            stream.width, stream.height = 64, 48
        if turn:
            streams[0].set_display_rotation(turn)
        noise_ = file.add_stream("aac", rate=RATE) if sound else None
        places = file.add_data_stream("bin_data") if data else None
        for number in range(8):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(drawn(number), "rgb24").reformat(format="yuv420p")
                frame.pts, frame.time_base = number, BASE
                file.mux(stream.encode(frame))
        for stream in streams:
            file.mux(stream.encode())
        if noise_:
            frame_ = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), "fltp", "stereo")
            frame_.sample_rate, frame_.pts = RATE, 0
            file.mux(noise_.encode(frame_))
            file.mux(noise_.encode())
        if places:
            packet = av.Packet(b"+40.7127-074.0059/")
            packet.stream, packet.pts, packet.dts, packet.duration, packet.time_base = places, 0, 0, 1, BASE
            file.mux(packet)
    return path


def clean(path: Path) -> Path:
    """A film that holds nothing strange."""
    film = film_of(path, [drawing(number) for number in range(4)])
    assert strangers(film.path) == ()
    return film.path


def with_box(path: Path, box: bytes, *, inside: str = "") -> None:
    """Put a box at the end of a file, or of its moov, which moves the media back."""
    whole = path.read_bytes()
    if not inside:
        path.write_bytes(whole + box)
        return
    at = whole.index(b"moov") - 4
    size = struct.unpack(">I", whole[at : at + 4])[0]
    head = struct.pack(">I", size + len(box)) + whole[at + 4 : at + size]
    path.write_bytes(whole[:at] + head + box + whole[at + size :])


GPS = {"location": "+40.7127-074.0059/"}


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda path: clip(path, {"title": "Evening"}), "moov/udta"),
        (lambda path: clip(path, GPS), "moov/udta"),
        (lambda path: clip(path, {}, chapters=True), "moov/udta/chpl"),
        (lambda path: clip(path, {}, second=True), "2 tracks of video"),
        (lambda path: clip(path, {}, data=True), "stsd/gpmd"),
        (lambda path: clip(path, {}, data=True), "a track of 'meta'"),
        (lambda path: clip(path, {}, sound=True), "moov/trak/edts"),
        (lambda path: clip(path, {}, frames="2"), "moov/trak/edts/elst"),
        (lambda path: clip(path, {}, turn=90), "moov/trak/tkhd: a turn"),
        (lambda path: clip(path, {}, options={"write_tmcd": "0"}), "moov: after mdat"),
        (lambda path: clip(path, {}, options={"movflags": "+frag_keyframe+empty_moov"}), "moof"),
        (lambda path: clip(path, {"creation_time": "2024-05-01T12:00:00Z"}), "moov/mvhd: a date"),
        (lambda path: clip(path.with_suffix(".mov"), GPS), "moov/udta"),
    ],
)
def test_what_plain_ffmpeg_writes_beside_pictures_is_found(
    tmp_path: Path, make: Callable[[Path], Path], word: str
) -> None:
    """Tags, places, chapters, second tracks, subtitles, edit lists, turns, dates and fragments are no release."""
    assert any(word in each for each in strangers(make(tmp_path / "clip.mp4")))


def test_a_cover_picture_is_found(tmp_path: Path) -> None:
    """As phones and media libraries write it: a picture in the tags."""
    path = clean(tmp_path / "film.mp4")
    image = struct.pack(">I4sII", 24, b"data", 13, 0) + b"\xff\xd8\xff\xe0...."
    cover = struct.pack(">I4s", 8 + len(image), b"covr") + image
    listed = struct.pack(">I4s", 8 + len(cover), b"ilst") + cover
    meta = struct.pack(">I4sI", 12 + len(listed), b"meta", 0) + listed
    with_box(path, struct.pack(">I4s", 8 + len(meta), b"udta") + meta, inside="moov")
    assert "moov/udta/meta/ilst/covr" in strangers(path)
    assert "moov/udta/meta/ilst/covr/data" not in atoms(path)  # nobody needs to look into it


@pytest.mark.parametrize(
    ("box", "inside", "word"),
    [
        (struct.pack(">I4s", 24, b"uuid") + b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8", "", None),
        (struct.pack(">I4s", 24, b"uuid") + b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8" * 2, "", "uuid"),
        (struct.pack(">I4s", 16, b"uuid") + b"12345678", "moov", "moov/uuid"),
        (struct.pack(">I4s", 16, b"free") + b"\0\0hidden", "", "free: bytes that are not zero"),
        (struct.pack(">I4s", 16, b"skip") + b"\0\0hidden", "moov", "moov/skip"),
        (struct.pack(">I4s", 16, b"mdat") + b"12345678", "", "mdat: not one of it"),
        (b"tail", "", "bytes after the last box"),
        (b"a tail that is long enough for a head", "", "bytes after the last box"),
        (struct.pack(">I4s", 16, b"free") + bytes(8), "", ""),
    ],
)
def test_boxes_that_were_added_are_found(tmp_path: Path, box: bytes, inside: str, word: str | None) -> None:
    """Also what players pass over; zeros alone are nothing."""
    path = clean(tmp_path / "film.mp4")
    with_box(path, box, inside=inside)
    found = strangers(path)
    assert any((word or "bytes after the last box") in each for each in found) if word != "" else found == ()


def jumbf(*content: bytes, label: str = "", salt: bytes = b"") -> bytes:
    """A box of a credential: one that is described by a label and holds others, or one of data without a label."""
    if not label:
        return struct.pack(">I4s", 8 + len(b"".join(content)), b"cbor") + b"".join(content)
    named = bytes(16) + b"\3" + label.encode() + b"\0" + salt
    inside = struct.pack(">I4s", 8 + len(named), b"jumd") + named + b"".join(content)
    return struct.pack(">I4s", 8 + len(inside), b"jumb") + inside


def credential(*assertions: bytes, begin: bytes = bytes(4) + b"manifest\0" + bytes(8), data: bytes = b"{}") -> bytes:
    """A box with a credential, as `houselights.credential` has it written, and some assertions more."""
    held = jumbf(jumbf(data), label="org.houselights.release", salt=bytes(24)) + b"".join(assertions)
    parts = (jumbf(held, label="c2pa.assertions"), *(jumbf(jumbf(b"{}"), label=f"c2pa.{each}") for each in ENDS))
    inside = jumbf(jumbf(*parts, label="urn:c2pa:43fb580c-934d-45ed-a783-bed845356b0d"), label="c2pa")
    number = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
    return struct.pack(">I4s", 8 + 16 + len(begin) + len(inside), b"uuid") + number + begin + inside


ENDS = ("claim.v2", "signature")
HASH = jumbf(jumbf(b"{}"), label="c2pa.hash.bmff.v3")


@pytest.mark.parametrize("place", ["begin", "end"])
def test_one_credential_may_stand_in_a_release(tmp_path: Path, place: str) -> None:
    """Right behind the first box, where it is written, or at the end; `test_credential` has real ones."""
    path = clean(tmp_path / "film.mp4")
    whole = path.read_bytes()
    at = struct.unpack(">I", whole[:4])[0] if place == "begin" else len(whole)
    path.write_bytes(whole[:at] + credential(HASH) + whole[at:])
    assert strangers(path) == ()
    assert "uuid" in atoms(path)


@pytest.mark.parametrize(
    ("box", "word"),
    [
        (credential(HASH) * 2, "uuid: more than one credential"),
        (credential(HASH) + struct.pack(">I4s", 24, b"uuid") + bytes(16), "uuid: not a credential"),
        (struct.pack(">I4s", 24, b"uuid") + credential()[8:24], "uuid: not a credential"),
        (struct.pack(">I4s", 45, b"uuid") + credential()[8:45], "uuid: not a credential"),
        (
            struct.pack(">I4s", 24, b"uuid") + b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac",
            "uuid: not",
        ),
        (credential(begin=bytes(4) + b"merkle\0" + bytes(8)), "uuid: not a credential"),
        (credential(begin=bytes(4) + b"manifest\0" + b"\0\0\0\0\0\0\1\0"), "uuid: not a credential"),
        (credential(jumbf(jumbf(b"\xff\xd8\xff\xe0"), label="c2pa.thumbnail.claim")), "'c2pa.thumbnail.claim'"),
        (credential(jumbf(jumbf(b"{}"), label="c2pa.ingredient.v3")), "'c2pa.ingredient.v3'"),
        (credential(jumbf(jumbf(b"{}"), label="c2pa\x1b[2J")), r"'c2pa\x1b[2J'"),
        (credential(jumbf(jumbf(b"{}"), label="c2pa.actions.v2", salt=b"+40.7127-074.0059/ and more")), "actions.v2"),
        (credential(struct.pack(">I4s", 16, b"bidb") + b"\xff\xd8\xff\xe0...."), "something else"),
        (credential(struct.pack(">I4s", 99, b"jumb") + b"\xff\xd8\xff\xe0...."), "something else"),
        (credential(struct.pack(">I4s", 4, b"jumb")), "something else"),
        (credential(b"tail"), "something else"),
        (credential(data=bytes(1 << 14)), "uuid: larger than a credential"),
    ],
)
def test_what_only_looks_like_a_credential_is_found(tmp_path: Path, box: bytes, word: str) -> None:
    """A second one, another box of that kind, pictures and sources inside one, and whatever else could hide there."""
    path = clean(tmp_path / "film.mp4")
    with_box(path, box)
    assert any(word in each for each in strangers(path))


def test_a_credential_inside_another_box_is_found(tmp_path: Path) -> None:
    """It stands beside the film's boxes, or it is none."""
    path = clean(tmp_path / "film.mp4")
    with_box(path, credential(HASH), inside="moov")
    assert "moov/uuid" in strangers(path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_credential_is_no_error(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever stands in its box, it is told in words or passes."""
    path = tmp_path / "film.mp4"
    if not path.exists():
        clean(path)
    box = bytearray(credential(HASH))
    for at, value in data.draw(st.lists(st.tuples(st.integers(8, len(box) - 1), st.integers(0, 255)), max_size=6)):
        box[at] = value
    other = tmp_path / "other.mp4"
    other.write_bytes(path.read_bytes() + box)
    assert len(strangers(other)) <= 1


def test_media_that_no_track_shows_is_found(tmp_path: Path) -> None:
    """A track that was taken out of the head, and left in the media, is still in the file."""
    path = clean(tmp_path / "film.mp4")
    whole = path.read_bytes()
    at = whole.index(b"mdat") - 4
    size = struct.unpack(">I", whole[at : at + 4])[0]
    path.write_bytes(whole[:at] + struct.pack(">I", size + 5) + whole[at + 4 :] + b"track")
    assert any("of which the tracks show" in each for each in strangers(path))


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (b"VideoHandler", b"Camera of Al", "hdlr: a name"),
        (b"\x55\xc4", b"\x15\xc7", "a language"),
        (b"url \0\0\0\1", b"url \0\0\0\0", "media in another file"),
        (b"nclx", b"prof", "a colour profile"),
    ],
)
def test_words_in_boxes_that_may_stand_there_are_found(tmp_path: Path, old: bytes, new: bytes, word: str) -> None:
    """A name, a language, a reference to another file, a profile."""
    path = tmp_path / "film.mp4"
    stored = av.VideoFrame(64, 48, "yuv420p")
    stored.color_range, stored.colorspace, stored.color_primaries, stored.color_trc = 1, 1, 1, 1
    film_of(path, [picture_of(frame_of(stored))])
    whole = path.read_bytes()
    assert old in whole
    path.write_bytes(whole.replace(old, new, 1))
    assert any(word in each for each in strangers(path))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_an_error_or_has_boxes(tmp_path: Path, data: st.DataObject) -> None:
    """Cut off anywhere or changed anywhere, a file is read or refused in words, and never anything else."""
    path = tmp_path / "film.mp4"
    if not path.exists():
        clean(path)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    other = tmp_path / "other.mp4"
    other.write_bytes(whole[:cut])
    with suppress(ReleaseError):
        assert len(atoms(other)) < len(atoms(path))
        assert strangers(other)
    changed = bytearray(whole)
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), min_size=1, max_size=8)):
        changed[at] = value
    other.write_bytes(changed)
    with suppress(ReleaseError):
        assert len(atoms(other)) + len(strangers(other)) > 0


def test_crafted_files_are_refused(tmp_path: Path) -> None:
    """Boxes in boxes without end, more than can be counted, larger than what holds them, no file at all."""
    start = struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0)
    deep = b""
    for _ in range(5000):
        deep = struct.pack(">I4s", 8 + len(deep), b"moov") + deep
    many = struct.pack(">I4s", 8, b"free") * 100_001
    long = struct.pack(">I4sQ", 1, b"mdat", 2**63)
    inner = struct.pack(">I4sI4s", 16, b"moov", 9, b"trak")
    small = struct.pack(">I4sQ", 1, b"mdat", 8)
    for number, body in enumerate((deep, many, long, inner, small, b"\0\0\0\7mdat")):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(start + body)
        with pytest.raises(ReleaseError, match=rf"{number}\.mp4"):
            atoms(path)
    for body in (b"", start, b"\xff\xd8\xff\xe0 a photograph of somebody"):
        path.write_bytes(body)
        with pytest.raises(ReleaseError, match="no sound box"):
            strangers(path)
    with pytest.raises(ReleaseError, match="cannot be read"):
        strangers(tmp_path / "none.mp4")
