"""Photographs: any picture file people have, read upright as RGB; and what a file declares of where it comes from."""

from __future__ import annotations

import io
import re
import stat
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, UnidentifiedImageError

from houselights.errors import PhotographError
from houselights.types import Float64, UInt8

SUFFIXES = frozenset(
    f".{name}"
    for name in ("jpg", "jpeg", "jpe", "png", "webp", "bmp", "tif", "tiff", "heic", "heif", "avif", "pgm", "ppm", "jp2")
)
LARGEST = 1 << 27  # pixels: 16384 x 8192, as for footage; some 400 MB as RGB
LARGEST_FILE = 1 << 30  # bytes: as many pixels of 16 bits, not packed, and some more
_WANTED = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "HEIF", "AVIF", "GIF")
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings a picture upright, by its EXIF orientation. (Pillow's own way fails where other tags are damaged.)"""
_BREAKS = (OSError, ValueError, SyntaxError, RuntimeError, EOFError, MemoryError)
"""What damaged files make the decoders raise."""

MADE = {
    "compositeWithTrainedAlgorithmicMedia": "was changed with a picture generator",
    "trainedAlgorithmicMedia": "was made by a picture generator",
    "trainedAlgorithmicData": "was made by a generator",  # C2PA's own
    "compositeSynthetic": "was put together from parts, some of them generated",
    "compositeCapture": "was put together from several photographs",
    "composite": "was put together from parts",
    "algorithmicMedia": "was computed",
    "dataDrivenMedia": "was drawn from data",
    "virtualRecording": "shows a virtual event",
    "digitalCreation": "was drawn with a program",
    "digitalArt": "was drawn with a program",
    "softwareImage": "was made with a program",
}
"""IPTC's digital source types that are no photograph, in words. One that begins like another stands before it."""
GENERATORS = frozenset({"parameters", "prompt", "workflow", "Dream", "sd-metadata", "invokeai_metadata"})
"""Keywords of PNG text under which generators keep what they were asked for."""
_DECLARED = re.compile(
    rb"igital[sS]ource[tT]ype[\s\"'=:>]{0,20}"
    rb"(?:digsrctype:|https?://[\w./-]{0,80}/|/)?(?i:(" + "|".join(MADE).encode() + rb"))"
)
"""In XMP as an attribute or an element, in C2PA and JSON by the end of the address."""
_ASKED = re.compile(rb"Steps: [0-9]{1,5}, Sampler: ")  # a generator's settings, as EXIF keeps them in JPEG and WebP
_MOST = 1 << 24  # bytes that all packed text of a file together may become

pillow_heif.register_heif_opener()
Image.init()
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)


def contents(path: Path) -> bytes:
    """All bytes of a picture file, read once: who hashes them decodes these and does not open the file again.

    Raises:
        PhotographError: not there, not readable, no regular file, or of more than 2**30 bytes.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            kind = "a folder" if path.is_dir() else "a pipe or a device"
            msg = f"is {kind}, expected a file"
            raise PhotographError(msg)
        if about.st_size > LARGEST_FILE:
            msg = f"is of {about.st_size} bytes, {LARGEST_FILE} are the most"
            raise PhotographError(msg, hint="is it a film? Save the picture as JPEG, or scale it down")
        return path.read_bytes()
    except FileNotFoundError as fault:
        msg = "is not there"
        raise PhotographError(msg, hint="check the name") from fault
    except _BREAKS as fault:
        raise _unreadable(fault) from fault


def decode(content: bytes) -> UInt8:
    """The picture (height, width, 3) as full-range RGB, turned upright by its EXIF flag; of an animation the first one.

    Pictures of more than eight bits are scaled to eight, CMYK is converted, transparency is laid on grey.

    Raises:
        PhotographError: not a picture, cut off, or of more than 2**27 pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged EXIF blocks and the like: the pixels decide
            return _decode(content)
    except UnidentifiedImageError as fault:
        msg = "is not a picture this program reads"
        raise PhotographError(msg, hint="whole files of JPEG, PNG, WebP, TIFF, BMP and HEIC are") from fault
    except Image.DecompressionBombError as fault:
        msg = f"is larger than {LARGEST} pixels"
        raise PhotographError(msg, hint="scale it down first") from fault
    except _BREAKS as fault:
        raise _unreadable(fault) from fault


def read(path: Path) -> UInt8:
    """The picture of a file whose hash nobody needs; see `decode`.

    Raises:
        PhotographError: as `contents` and `decode` raise it.
    """
    return decode(contents(path))


def _unreadable(fault: BaseException) -> PhotographError:
    msg = f"cannot be read: {getattr(fault, 'strerror', None) or str(fault) or type(fault).__name__}"
    return PhotographError(msg, hint="the file may be cut off: copy it again from its source")


def declared(content: bytes) -> str | None:
    """What a picture file declares to be other than a photograph: `was made by a picture generator (...)`; or None.

    Read are IPTC's digital source type in XMP and in C2PA manifests, and the text of generators. None proves nothing:
    most files declare nothing, anybody can take a declaration out, and a signature is not checked here.
    """
    parts = [content, content.replace(b"\0", b"")]  # the second for UTF-16
    if content.startswith(b"\xff\xd8"):
        parts += _rejoined(content)
    elif content.startswith(b"\x89PNG"):
        for keyword, text in _texts(content):
            if keyword in GENERATORS:
                return f"was made by a picture generator (PNG text '{keyword}')"
            parts.append(text)
    found = {each.group(1).lower() for part in parts for each in _DECLARED.finditer(part)}
    if (kind := next((kind for kind in MADE if kind.lower().encode() in found), None)) is not None:
        return f"{MADE[kind]} (digital source type {kind})"
    if any(_ASKED.search(part) for part in parts):
        return "was made by a picture generator (its settings stand in the file)"
    return None


def refuse_declared(content: bytes) -> None:
    """Nothing, where a picture file may stand for a subject by what it declares; see `declared`.

    Raises:
        PhotographError: it declares that it was generated, composed or drawn.
    """
    if (what := declared(content)) is not None:
        msg = f"declares that it {what}"
        raise PhotographError(msg, hint="use a photograph of this person that a camera took")


def _rejoined(content: bytes) -> tuple[bytes, bytes]:
    """XMP and C2PA of a JPEG that are longer than a segment, whose parts would tear a word apart."""
    xmp, jumbf, at = [], [], 2
    while content[at : at + 1] == b"\xff" and content[at + 1 : at + 2] not in {b"\xda", b""}:
        size = int.from_bytes(content[at + 2 : at + 4])
        kind, segment = content[at + 1], content[at + 4 : at + 2 + size]
        if kind == 0xE1 and segment.startswith(b"http://ns.adobe.com/xmp/extension/\0"):
            xmp.append(segment[75:])  # name, digest, length, place
        elif kind == 0xEB and segment.startswith(b"JP"):
            jumbf.append(segment[16:])  # name, number, place, and the box's head once more
        at += 2 + max(size, 2)
    return b"".join(xmp), b"".join(jumbf)


def _texts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Keyword and text of each text chunk of a PNG; what is damaged is passed over."""
    at, left = 8, _MOST
    while len(head := content[at : at + 8]) == 8:
        size, kind = int.from_bytes(head[:4]), head[4:]
        keyword, _, rest = content[at + 8 : at + 8 + size].partition(b"\0")
        text = rest[2:].split(b"\0", 2)[-1] if kind == b"iTXt" else rest  # after the language and the keyword in it
        if kind == b"zTXt" or (kind == b"iTXt" and rest[:1] == b"\1"):
            text = _inflated(text[1:] if kind == b"zTXt" else text, left)
            left = max(1, left - len(text))
        if kind in {b"tEXt", b"zTXt", b"iTXt"}:
            yield keyword.decode("latin-1"), text
        at += 12 + size


def _inflated(packed: bytes, most: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, most)
    except zlib.error:
        return b""


def _decode(content: bytes) -> UInt8:
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if image.width * image.height > LARGEST:
            raise Image.DecompressionBombError
        image.load()
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
        return np.asarray(_rgb(image if turn is None else image.transpose(turn)), np.uint8)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP:
        image = Image.fromarray(_eight_bits(np.asarray(image).astype(np.float64)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (128, 128, 128, 255)), image)
    return image.convert("RGB")


def _eight_bits(deep: Float64) -> UInt8:
    """Grey levels of 0 to 255 from 0 to 65535, to 255 or to 1: the smallest of these that holds the brightest pixel."""
    deep = np.nan_to_num(deep, posinf=0, neginf=0)
    brightest = deep.max(initial=0)
    top = next((limit for limit in (1.0, 255.0) if brightest <= limit), 65535.0)
    return np.rint(np.clip(deep * (255 / top), 0, 255)).astype(np.uint8)
