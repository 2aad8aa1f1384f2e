"""Photographs: any picture file people have, read upright as RGB."""

from __future__ import annotations

import stat
import warnings
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

pillow_heif.register_heif_opener()
Image.init()
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)


def read(path: Path) -> UInt8:
    """The picture (height, width, 3) as full-range RGB, turned upright by its EXIF flag; of an animation the first one.

    Pictures of more than eight bits are scaled to eight, CMYK is converted, transparency is laid on grey.

    Raises:
        PhotographError: not readable, not a picture, cut off, or of more than 2**27 pixels.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "a pipe or a device"
            msg = f"is {kind}, expected a file"
            raise PhotographError(msg)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged EXIF blocks and the like: the pixels decide
            return _read(path)
    except FileNotFoundError as fault:
        msg = "is not there"
        raise PhotographError(msg, hint="check the name") from fault
    except UnidentifiedImageError as fault:
        msg = "is not a picture this program reads"
        raise PhotographError(msg, hint="whole files of JPEG, PNG, WebP, TIFF, BMP and HEIC are") from fault
    except Image.DecompressionBombError as fault:
        msg = f"is larger than {LARGEST} pixels"
        raise PhotographError(msg, hint="scale it down first") from fault
    except _BREAKS as fault:
        msg = f"cannot be read: {getattr(fault, 'strerror', None) or str(fault) or type(fault).__name__}"
        raise PhotographError(msg, hint="the file may be cut off: copy it again from its source") from fault


def _read(path: Path) -> UInt8:
    with Image.open(path, formats=FORMATS) as image:
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
