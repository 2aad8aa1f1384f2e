"""Facts about photographs: every kind of picture file gives its right pixels, or an error that says what is wrong."""

from __future__ import annotations

import importlib
import os
import random
import struct
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from test_footage import drawn

from houselights import photograph
from houselights.errors import PhotographError
from houselights.types import UInt8

Deep = np.ndarray[tuple[int, int, int], np.dtype[np.uint16]]
NO_EXIF = {"photo.bmp", "photo.ppm", "photo.jp2"}
FORMATS = {
    "photo.jpg": {"quality": 95, "subsampling": 0},
    "progressive.jpeg": {"quality": 95, "subsampling": 0, "progressive": True},
    "photo.png": {},
    "photo.webp": {"lossless": True},
    "lossy.webp": {"quality": 95},
    "photo.tif": {},
    "packed.tiff": {"compression": "tiff_lzw"},
    "jpeg.tif": {"compression": "jpeg", "quality": 95},
    "photo.bmp": {},
    "photo.ppm": {},
    "photo.jp2": {"irreversible": False},
    "photo.heic": {"quality": 95, "chroma": 444},
    "photo.avif": {"quality": 95, "subsampling": "4:4:4"},
}
EXACT = {"photo.png", "photo.webp", "photo.tif", "packed.tiff", "photo.bmp", "photo.ppm", "photo.jp2"}


def save(path: Path, picture: UInt8, *, orientation: int | None = None, **more: object) -> Path:
    """Write a picture in the format that its name says; gives the path."""
    image = Image.fromarray(picture)
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        more["exif"] = exif
    if path.suffix == ".heic":
        exif_bytes = more.pop("exif").tobytes() if "exif" in more else None  # type: ignore[attr-defined]
        pillow_heif.from_pillow(image).save(path, exif=exif_bytes, **more)
    else:
        image.save(path, **more)  # type: ignore[arg-type]
    return path


def refusal(path: Path) -> str:
    """What is said of a file that is no photograph."""
    with pytest.raises(PhotographError) as caught:
        photograph.read(path)
    return caught.value.message


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_pixels(tmp_path: Path, name: str) -> None:
    """Colours come back to the bit where the format keeps them, else within a few levels."""
    picture = photograph.read(save(tmp_path / name, drawn(4), **FORMATS[name]))
    assert picture.dtype == np.uint8
    difference = np.abs(picture.astype(int) - drawn(4))
    assert difference.max() == 0 if name in EXACT else difference.mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    "name", ["photo.jpg", "photo.png", "photo.webp", "photo.tif", "packed.tiff", "photo.heic", "photo.avif"]
)
def test_the_exif_flag_turns_a_picture_upright(tmp_path: Path, name: str, orientation: int) -> None:
    """All eight orientations are undone once, in every format that has them."""
    upright = drawn(4, 96, 64)
    undo = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }[orientation]
    stored = np.ascontiguousarray(undo(upright))
    picture = photograph.read(save(tmp_path / name, stored, orientation=orientation, **FORMATS[name]))
    assert picture.shape == upright.shape
    assert np.abs(picture.astype(int) - upright).mean() < 3


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_exif_flag_without_meaning_turns_nothing(tmp_path: Path, orientation: int) -> None:
    """Only 1 to 8 mean something."""
    assert np.array_equal(photograph.read(save(tmp_path / "p.png", drawn(4), orientation=orientation)), drawn(4))


def test_damaged_exif_does_not_lose_the_picture(tmp_path: Path) -> None:
    """The pixels decide: tags that make no sense are passed over, without a warning."""
    path = save(tmp_path / "p.jpg", drawn(4), orientation=1, quality=95, subsampling=0)
    content = path.read_bytes()
    start = content.index(b"Exif\0\0") + 6
    seed = random.Random(1)
    for _ in range(60):
        broken = bytearray(content)
        for _ in range(seed.randint(1, 6)):
            broken[start + seed.randrange(26)] = seed.randrange(256)
        path.write_bytes(broken)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            picture = photograph.read(path)
        assert sorted(picture.shape) == [3, 48, 64]


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    """No ink is white, full black is black, and a colour comes back within a few levels."""
    inks = np.zeros((16, 48, 4), np.uint8)
    inks[:, 16:32] = (0, 0, 0, 255)
    inks[:, 32:] = (0, 255, 255, 0)  # magenta and yellow: red
    for name in ("p.jpg", "p.tif"):
        Image.fromarray(inks, "CMYK").save(tmp_path / name)
        picture = photograph.read(tmp_path / name).astype(int)
        for column, colour in ((8, (255, 255, 255)), (24, (0, 0, 0)), (40, (255, 0, 0))):
            assert np.abs(picture[8, column] - colour).max() < 12


@pytest.mark.parametrize("name", ["p.png", "p.tif"])
def test_sixteen_bit_grey_is_scaled_to_eight(tmp_path: Path, name: str) -> None:
    """The top byte remains."""
    levels = np.linspace(0, 65535, 64 * 32).reshape(32, 64).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / name)
    picture = photograph.read(tmp_path / name)
    assert np.abs(picture.astype(int) - np.rint(levels / 257)[..., None]).max() <= 1


def png(width: int, height: int, bits: int, kind: int, rows: bytes) -> bytes:
    """A PNG by its own specification; `kind` is 0 for grey, 2 for RGB."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return content


def deep_png(levels: Deep) -> bytes:
    """A PNG of 16-bit RGB, which Pillow cannot write."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    return png(levels.shape[1], levels.shape[0], 16, 2, rows)


def deep_tiff(levels: Deep) -> bytes:
    """A TIFF of 16-bit RGB, which Pillow cannot write."""
    content = levels.astype("<u2").tobytes()
    rows, columns = levels.shape[:2]
    after = 8 + 2 + 9 * 12 + 4
    tags = [(256, 3, 1, columns), (257, 3, 1, rows), (258, 3, 3, after), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, after + 6), (277, 3, 1, 3), (278, 3, 1, rows), (279, 4, 1, len(content))]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, 9) + entries + bytes(4) + struct.pack("<HHH", 16, 16, 16) + content


@pytest.mark.parametrize("write", [deep_png, deep_tiff])
def test_sixteen_bit_colour_is_scaled_to_eight(tmp_path: Path, write: Callable[[Deep], bytes]) -> None:
    """The top byte remains, in each colour."""
    levels = drawn(4).astype(np.uint16) * 257
    (tmp_path / "p.tif").write_bytes(write(levels))
    assert np.abs(photograph.read(tmp_path / "p.tif").astype(int) - drawn(4)).max() <= 1


@pytest.mark.parametrize(("top", "kind"), [(1.0, np.float32), (255.0, np.float32), (65535, np.int32)])
def test_grey_of_other_kinds_is_scaled_by_its_brightest_pixel(tmp_path: Path, top: float, kind: type) -> None:
    """Floating point from 0 to 1 or 255, and whole numbers to 65535."""
    levels = np.linspace(0, top, 64 * 32).reshape(32, 64).astype(kind)
    Image.fromarray(levels).save(tmp_path / "p.tif")
    picture = photograph.read(tmp_path / "p.tif")
    assert np.abs(picture[..., 0] - levels * (255 / top)).max() <= 1


def test_pixels_that_are_no_numbers_are_black(tmp_path: Path) -> None:
    """A broken float becomes a black pixel and no warning."""
    levels = np.full((16, 16), 0.5, np.float32)
    levels[0, :3] = (np.nan, np.inf, -np.inf)
    Image.fromarray(levels).save(tmp_path / "p.tif")
    picture = photograph.read(tmp_path / "p.tif")
    assert picture[0, :4, 0].tolist() == [0, 0, 0, 128]


def test_grey_and_black_and_white_become_rgb(tmp_path: Path) -> None:
    """One channel becomes three equal ones."""
    grey = Image.fromarray(drawn(4)).convert("L")
    grey.save(tmp_path / "grey.jpg", quality=100)
    picture = photograph.read(tmp_path / "grey.jpg")
    assert np.array_equal(picture[..., 0], picture[..., 2])
    assert np.abs(picture[..., 1].astype(int) - np.asarray(grey)).max() <= 2
    grey.convert("1").save(tmp_path / "two.png")
    assert set(np.unique(photograph.read(tmp_path / "two.png"))) == {0, 255}


def test_a_palette_is_followed(tmp_path: Path) -> None:
    """Indexed colours become the colours of their palette, the transparent one grey."""
    indexed = Image.fromarray(drawn(4)).quantize(16)
    indexed.save(tmp_path / "p.png")
    assert np.array_equal(photograph.read(tmp_path / "p.png"), np.asarray(indexed.convert("RGB")))
    clear = int(np.asarray(indexed)[0, 0])
    indexed.save(tmp_path / "clear.png", transparency=clear)
    picture = photograph.read(tmp_path / "clear.png")
    assert picture[0, 0].tolist() == [128, 128, 128]
    where = np.asarray(indexed) != clear
    assert np.array_equal(picture[where], np.asarray(indexed.convert("RGB"))[where])


@pytest.mark.parametrize("name", ["p.png", "p.webp", "p.tif", "grey.png"])
def test_transparency_is_laid_on_grey(tmp_path: Path, name: str) -> None:
    """Opaque pixels keep their colour, clear ones become grey, half-clear ones lie between."""
    image = Image.fromarray(np.full((16, 48, 4), (200, 200, 200, 255), np.uint8))
    alpha = np.repeat(np.array([255, 0, 128], np.uint8), 16)[None].repeat(16, axis=0)
    image.putalpha(Image.fromarray(alpha))
    more = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    (image.convert("LA") if name == "grey.png" else image).save(tmp_path / name, **more)  # type: ignore[arg-type]
    picture = photograph.read(tmp_path / name)
    assert [int(picture[8, column, 1]) for column in (8, 24, 40)] == pytest.approx([200, 128, 164], abs=1)


@pytest.mark.parametrize("name", ["p.gif", "p.webp", "p.png", "p.tif"])
def test_of_an_animation_the_first_picture_is_read(tmp_path: Path, name: str) -> None:
    """The others do not matter."""
    pictures = [Image.fromarray(np.full((32, 32, 3), colour, np.uint8)) for colour in (200, 10, 60)]
    pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:])
    assert np.abs(photograph.read(tmp_path / name).astype(int) - 200).max() <= 3


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    """Some bytes that claim more than 2**27 pixels are refused before they are unpacked, without a warning."""
    for side in (11_600, 14_000, 60_000):
        path = tmp_path / "vast.png"
        path.write_bytes(png(side, side, 1, 0, bytes(100)))
        assert refusal(path) == f"is larger than {photograph.LARGEST} pixels"


@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_that_is_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    """Half a file is no picture; the hint says so."""
    path = save(tmp_path / name, np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8), **FORMATS[name])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PhotographError) as caught:
        photograph.read(path)
    assert "cut off" in str(caught.value.hint) or "whole files" in str(caught.value.hint)


@pytest.mark.parametrize("name", FORMATS)
def test_whatever_the_damage_there_is_a_picture_or_an_error(tmp_path: Path, name: str) -> None:
    """Flipped and missing bytes never raise anything but a PhotographError, and never a warning."""
    path = save(tmp_path / name, drawn(4), orientation=None if name in NO_EXIF else 6, **FORMATS[name])
    content = path.read_bytes()
    seed = random.Random(2)
    for _ in range(40):
        broken = bytearray(content[: seed.randrange(1, len(content))] if seed.random() < 0.3 else content)
        for _ in range(seed.choice((1, 3, 10))):
            broken[seed.randrange(min(len(broken), seed.choice((64, 400, 10**6))))] = seed.randrange(256)
        path.write_bytes(broken)
        with suppress(PhotographError):
            assert photograph.read(path).ndim == 3


def test_files_that_are_no_photographs_are_refused_with_the_reason(tmp_path: Path) -> None:
    """Text, nothing, a missing file, a folder and a pipe, which nobody waits for."""
    (tmp_path / "text.jpg").write_text("Dear diary")
    assert refusal(tmp_path / "text.jpg") == "is not a picture this program reads"
    (tmp_path / "empty.png").touch()
    assert refusal(tmp_path / "empty.png") == "is not a picture this program reads"
    assert refusal(tmp_path / "missing.png") == "is not there"
    assert refusal(tmp_path) == "is a folder, expected a file"
    os.mkfifo(tmp_path / "pipe.png")
    assert refusal(tmp_path / "pipe.png") == "is a pipe or a device, expected a file"
    assert "cannot be read" in refusal(tmp_path / "nul\0.png")


def test_a_file_is_read_once_and_only_where_a_picture_can_be_in_it(tmp_path: Path) -> None:
    """What is decoded are the bytes that were read; a file of more than 2**30 bytes is refused before it is read."""
    path = save(tmp_path / "p.png", drawn(4))
    content = photograph.contents(path)
    path.unlink()
    assert np.array_equal(photograph.decode(content), drawn(4))
    with (tmp_path / "film.png").open("wb") as film:
        film.truncate(photograph.LARGEST_FILE + 1)
    assert refusal(tmp_path / "film.png") == "is of 1073741825 bytes, 1073741824 are the most"


@pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"<svg/>", b"%PDF-1.7\n"])
def test_formats_that_run_programs_are_not_read(tmp_path: Path, content: bytes) -> None:
    """PostScript, PDF and SVG are no photographs, whatever their name."""
    (tmp_path / "p.jpg").write_bytes(content)
    assert refusal(tmp_path / "p.jpg") == "is not a picture this program reads"
    assert not {"EPS", "PDF", "PSD", "WMF"} & set(photograph.FORMATS)


def test_the_name_does_not_decide(tmp_path: Path) -> None:
    """A PNG named .jpg is read by what it is; a name in any script is a name."""
    path = save(tmp_path / "p.png", drawn(4)).rename(tmp_path / "Фото 写真.jpg")
    assert np.array_equal(photograph.read(path), drawn(4))


IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CAPTURED = (
    "digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print", "screenCapture",
    "minorHumanEdits", "humanEdits", "algorithmicallyEnhanced",
)  # fmt: skip
"""The rest of IPTC's vocabulary: what comes from a camera, edited or not."""
WITH_XMP = ("p.jpg", "p.png", "p.webp", "p.tif", "p.heic", "p.avif")


def xmp(kind: str, *, element: bool = False, scheme: str = IPTC) -> bytes:
    """An XMP packet that states a digital source type, as an attribute or as an element."""
    stated = f"{scheme}{kind}"
    name = "Iptc4xmpExt:DigitalSourceType"
    inside = f"><{name}>\n {stated}</{name}></rdf:Description>" if element else f' {name}="{stated}"/>'
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        f' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"{inside}</rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()


def with_xmp(path: Path, packet: bytes) -> bytes:
    """A picture with such a packet, where its format keeps one."""
    image = Image.fromarray(drawn(4))
    if path.suffix == ".heic":
        pillow_heif.from_pillow(image).save(path, xmp=packet)
    elif path.suffix == ".png":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", packet.decode())
        image.save(path, pnginfo=text)
    elif path.suffix == ".tif":
        image.save(path, tiffinfo={700: packet})
    else:
        image.save(path, xmp=packet)
    return path.read_bytes()


def segments(content: bytes, *parts: bytes, marker: int) -> bytes:
    """A JPEG with segments of our own at its beginning."""
    added = b"".join(struct.pack(">BBH", 0xFF, marker, len(part) + 2) + part for part in parts)
    return content[:2] + added + content[2:]


@pytest.mark.parametrize("name", WITH_XMP)
@pytest.mark.parametrize("kind", ["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "composite"])
def test_a_picture_that_declares_itself_generated_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    """R36: IPTC's digital source type is read in every format that carries XMP, and named in the refusal."""
    content = with_xmp(tmp_path / name, xmp(kind))
    assert photograph.read(tmp_path / name).ndim == 3
    with pytest.raises(PhotographError) as caught:
        photograph.refuse_declared(content)
    assert caught.value.message == f"declares that it {photograph.MADE[kind]} (digital source type {kind})"
    assert "camera" in str(caught.value.hint)


def test_all_of_the_vocabulary_is_on_one_side() -> None:
    """R36: IPTC's twenty types, as of 2024, and C2PA's own; one that begins like another is tried before it."""
    assert len({*photograph.MADE, *CAPTURED}) == len(photograph.MADE) + len(CAPTURED) == 20 + 1
    kinds = list(photograph.MADE)
    assert [(a, b) for at, a in enumerate(kinds) for b in (*kinds[at + 1 :], *CAPTURED) if b.startswith(a)] == []


@pytest.mark.parametrize("kind", photograph.MADE)
@pytest.mark.parametrize("element", [False, True])
@pytest.mark.parametrize("scheme", [IPTC, IPTC.replace("http:", "https:"), "digsrctype:", ""])
def test_each_type_that_is_no_photograph_is_known(kind: str, scheme: str, *, element: bool) -> None:
    """R36: as an address, as a short name and bare, in an attribute and in an element; the longest name counts."""
    assert str(photograph.declared(xmp(kind, element=element, scheme=scheme))).endswith(f"type {kind})")


@pytest.mark.parametrize("name", WITH_XMP)
def test_what_comes_from_a_camera_is_not_refused(tmp_path: Path, name: str) -> None:
    """Captures and scans pass, retouched ones too; so does a picture that declares nothing."""
    for kind in CAPTURED:
        photograph.refuse_declared(with_xmp(tmp_path / name, xmp(kind)))
        photograph.refuse_declared(xmp(kind, element=True))
    photograph.refuse_declared(save(tmp_path / name, drawn(4)).read_bytes())


def test_a_word_alone_is_no_declaration() -> None:
    """A caption about generated pictures, and a type beside another field, do not make a photograph one."""
    caption = b"<dc:description>on trainedAlgorithmicMedia, composite and algorithmicMedia</dc:description>"
    assert photograph.declared(xmp("digitalCapture") + caption) is None
    assert photograph.declared(b'Iptc4xmpExt:DigitalSourceType="x/digitalCapture" dc:format="composite"') is None


def test_the_worst_of_several_declarations_is_named() -> None:
    """R36: an edited photograph whose part was generated is told as that."""
    both = xmp("composite") + xmp("digitalCapture") + xmp("trainedAlgorithmicMedia")
    assert photograph.declared(both) == "was made by a picture generator (digital source type trainedAlgorithmicMedia)"


@pytest.mark.parametrize("name", ["p.jpg", "p.png", "p.webp"])
def test_a_content_credential_is_read(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """R36: what a C2PA manifest, signed by the standard's own library, says of its source counts as XMP's does."""
    made = importlib.import_module("test_credential")  # skips this test where the extra is not installed
    credential = importlib.import_module("houselights.credential")
    key = made.p256()
    signer = made.kept(tmp_path / "keys", made.certificate(key) + made.certificate(made.AUTHORITY, ca=True), key)
    assert photograph.declared(made.signed(tmp_path / name, signer).read_bytes()) is None, "our own releases"
    action = {"action": "c2pa.created", "digitalSourceType": f"{IPTC}trainedAlgorithmicMedia", "when": "2026-01-01"}
    monkeypatch.setattr(credential, "_ACTIONS", (action,))
    content = made.signed(tmp_path / f"again-{name}", signer).read_bytes()
    assert "trainedAlgorithmicMedia" in str(photograph.declared(content))


def test_a_declaration_that_is_torn_apart_by_segments_is_read(tmp_path: Path) -> None:
    """R36: in a JPEG, XMP and C2PA longer than a segment go on in the next; the word may lie across."""
    plain = save(tmp_path / "p.jpg", drawn(4)).read_bytes()
    packet = xmp("trainedAlgorithmicMedia")
    middle = packet.index(b"AlgorithmicMedia")
    extended = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">I", len(packet))
    parts = [extended + struct.pack(">I", at) + part for at, part in ((0, packet[:middle]), (middle, packet[middle:]))]
    torn = segments(plain, *parts, marker=0xE1)
    (tmp_path / "torn.jpg").write_bytes(torn)
    assert photograph.read(tmp_path / "torn.jpg").ndim == 3
    boxes = [b"JP" + struct.pack(">HII", 1, number, 999) + b"jumb" + part for number, part in
             ((1, packet[:middle]), (2, packet[middle:]))]  # fmt: skip
    for content in (torn, segments(plain, *boxes, marker=0xEB)):
        assert packet not in content
        assert "trainedAlgorithmicMedia" in str(photograph.declared(content))


@pytest.mark.parametrize("keyword", sorted(photograph.GENERATORS))
@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt"])
def test_the_text_of_a_generator_is_read(tmp_path: Path, keyword: str, kind: str) -> None:
    """R36: PNG text under a keyword of generators, plain, packed and international."""
    text = PngInfo()
    if kind == "iTXt":
        text.add_itxt(keyword, "a portrait", zip=True)
    else:
        text.add_text(keyword, "a portrait", zip=kind == "zTXt")
    Image.fromarray(drawn(4)).save(tmp_path / "p.png", pnginfo=text)
    said = photograph.declared((tmp_path / "p.png").read_bytes())
    assert said == f"was made by a picture generator (PNG text '{keyword}')"


def test_packed_xmp_is_read(tmp_path: Path) -> None:
    """R36: a PNG may pack its XMP; text that a camera or an editor writes is no declaration."""
    for kind, refused in (("trainedAlgorithmicMedia", True), ("digitalCapture", False)):
        text = PngInfo()
        text.add_text("Comment", "parameters and prompt")
        text.add_itxt("XML:com.adobe.xmp", xmp(kind).decode(), zip=True)
        Image.fromarray(drawn(4)).save(tmp_path / "p.png", pnginfo=text)
        content = (tmp_path / "p.png").read_bytes()
        assert kind.encode() not in content
        assert (photograph.declared(content) is not None) is refused


@pytest.mark.parametrize("coding", ["ascii", "utf-16-le", "utf-16-be"])
def test_the_settings_of_a_generator_in_exif_are_read(tmp_path: Path, coding: str) -> None:
    """R36: in JPEG and WebP, generators keep their settings as the user's comment in EXIF."""
    exif = Image.Exif()
    comment = "a portrait\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1".encode(coding)
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + comment
    Image.fromarray(drawn(4)).save(tmp_path / "p.jpg", exif=exif)
    assert "its settings" in str(photograph.declared((tmp_path / "p.jpg").read_bytes()))


@given(
    st.binary(max_size=400), st.sampled_from([b"", b"\xff\xd8\xff\xe1", b"\xff\xd8\xff\xeb\0\1", b"\x89PNG\r\n\x1a\n"])
)
def test_bytes_of_any_kind_declare_nothing(content: bytes, begin: bytes) -> None:
    """Whatever the bytes are, there is an answer, and no file is refused for its noise."""
    assert photograph.declared(begin + content) is None


def test_damaged_text_is_passed_over(tmp_path: Path) -> None:
    """Flipped and missing bytes raise nothing."""
    text = PngInfo()
    text.add_text("Comment", "x" * 10**6, zip=True)
    text.add_itxt("XML:com.adobe.xmp", xmp("composite").decode(), zip=True)
    Image.fromarray(drawn(4)).save(tmp_path / "p.png", pnginfo=text)
    content = (tmp_path / "p.png").read_bytes()
    seed = random.Random(3)
    for _ in range(60):
        broken = bytearray(content[: seed.randrange(1, len(content))])
        broken[seed.randrange(len(broken))] = seed.randrange(256)
        photograph.declared(bytes(broken))


def test_packed_text_does_not_fill_the_memory(tmp_path: Path) -> None:
    """Some kilobytes that would become hundreds of megabytes, in many chunks, stay within one limit."""
    text = PngInfo()
    packed = zlib.compress(bytes(1 << 26))
    for _ in range(8):
        text.add(b"zTXt", b"Comment\0\0" + packed)
    text.add_itxt("XML:com.adobe.xmp", xmp("composite").decode())
    Image.fromarray(drawn(4)).save(tmp_path / "p.png", pnginfo=text)
    content = (tmp_path / "p.png").read_bytes()
    assert sum(len(each) for _, each in photograph._texts(content)) < photograph._MOST + 1000
    assert photograph.declared(content) is not None


def test_the_cast_of_the_demo_declares_nothing(cast_folder: Path) -> None:
    """R36: an absent declaration proves nothing: these were all generated, and none says so."""
    portraits = sorted(cast_folder.glob("*/assets/studio_portrait.jpg"))
    assert len(portraits) == 10
    assert [path for path in portraits if photograph.declared(path.read_bytes())] == []
