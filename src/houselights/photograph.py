"""Photographs: any picture file people have, read upright as RGB."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from houselights.errors import PhotographError
from houselights.types import UInt8

SUFFIXES = frozenset(".jpg .jpeg .jpe .png .webp .bmp .tif .tiff .heic .heif .avif .pgm .ppm .jp2".split())
_WANTED = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "HEIF", "AVIF", "GIF")
LARGEST = 200_000_000  # pixels: larger than any camera's, smaller than what fills a machine's memory
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")

pillow_heif.register_heif_opener()
Image.init()
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)


def read(path: Path) -> UInt8:
    """The picture (height, width, 3) as full-range RGB, turned upright by its EXIF flag.

    Sixteen-bit pictures are scaled to eight, CMYK is converted, transparency is laid on grey.

    Raises:
        PhotographError: not readable, not a picture, cut off, or larger than 200 million pixels.
    """
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore")  # damaged EXIF blocks and the like: the pixels decide
            if image.width * image.height > LARGEST:
                msg = f"is {image.width}x{image.height} pixels, more than {LARGEST}"
                raise PhotographError(msg, hint="scale it down first")
            image.load()
            return np.asarray(_rgb(ImageOps.exif_transpose(image)), np.uint8)
    except PhotographError:
        raise
    except FileNotFoundError as fault:
        msg = "is not there"
        raise PhotographError(msg, hint="check the name") from fault
    except UnidentifiedImageError as fault:
        msg = "is not a picture this program reads"
        raise PhotographError(msg, hint="JPEG, PNG, WebP, TIFF, BMP and HEIC are read") from fault
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, MemoryError) as fault:
        msg = f"cannot be read: {fault}"
        raise PhotographError(msg, hint="the file may be cut off: copy it again from its source") from fault


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP:
        deep = np.asarray(image).astype(np.float64)
        top = 65535.0 if deep.max(initial=0) > 255 else 255.0  # noqa: PLR2004 - the largest 8-bit value
        image = Image.fromarray(np.clip(deep * (255 / top), 0, 255).astype(np.uint8))
    if image.mode == "F":
        image = image.convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (128, 128, 128, 255)), image)
    return image.convert("RGB")
