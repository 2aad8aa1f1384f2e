"""People cut out of pictures, for events: who can walk through a film, and by which photograph they are enrolled.

A picture of somebody standing before plain studio grey gives the whole body; any other picture gives the head, set on a
drawn coat. Every cut-out keeps the face box that the detector found in the picture, so that truth follows the pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from houselights.errors import CastError
from houselights.types import Float32, UInt8

FindFace = Callable[[UInt8], tuple[Float32, Float32] | None]
"""Takes an RGB picture (h, w, 3); gives the box (4,) and points (5, 2) of its largest face, as in `Faces`, or None."""

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
FACE = 150
"""Height in pixels of the face in a cut-out: just above the largest that an event of 720 lines shows."""
SMALLEST_FACE = 48
"""A face lower than this in its picture would be shown enlarged, so the picture is not used."""
ABOVE, HIPS, FEET = 1.2, 5.4, 9.2
"""How far a cut-out goes above and below the top of the face, in its heights: to the hips for whoever is near."""
WIDE, SHOWN = 2.5, 1.6
"""How far to both sides a picture is looked at, and how far a cut-out goes, in heights of the face."""
NIGHT = (26, 27, 34)
LEFT_OUT = {
    "P003": "resembles a real actress",
    "P004": "a lookalike of P002, P006 and P010: scores of 0.5 and more with the default recogniser",
    "P006": "a lookalike of P004 and P009",
    "P010": "a lookalike of P002, P004 and P006",
}
"""People of the openpeople package that no event shows, and why."""
STUDIO, WALKS, ENROLS = "studio_posture.jpg", ("studio_posture.jpg",), ("studio_portrait.jpg",)
COATS = (
    *((52, 60, 82), (88, 42, 46), (58, 74, 62), (96, 84, 70)),
    *((40, 42, 48), (110, 96, 60), (70, 62, 92), (44, 78, 88)),
)


@dataclass(frozen=True, slots=True)
class Cutout:
    """One person without the background."""

    source: Path
    levels: tuple[UInt8, ...]
    """RGBA, colours multiplied by alpha; each level is half as large as the one before; the first ends at the hips."""
    box: tuple[float, float, float, float]
    """The face in pixels of the first level: left, top, width, height."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can walk through an event."""

    name: str
    cutouts: tuple[Cutout, ...]
    gallery: tuple[Path, ...]
    """Photographs to enrol by, any one of them."""
    same_photograph: bool
    """The only photograph of this person is the one that walks."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A picture that gave nobody, and why."""

    file: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Cast:
    """People for an event, cut out once: use one cast for many events."""

    people: tuple[Person, ...]
    skipped: tuple[Skipped, ...]


def read_cast(folder: Path, find_face: FindFace, *, limit: int | None = None) -> Cast:
    """The people in a folder, at most `limit` of them, in the order of their names.

    The folder is the openpeople package's data, or holds one picture a person, or one folder a person. Whoever has two
    pictures is enrolled by the first and walks by the others. Raises CastError when nobody can be had.
    """
    if not folder.is_dir():
        hint = "give a folder of portraits, one picture a person"
        raise CastError(f"cast {str(folder)!r} is not a folder", hint=hint)
    openpeople = next(iter(sorted(folder.glob(f"**/P001/assets/{STUDIO}"))), None)
    read = _openpeople(openpeople.parents[2], find_face) if openpeople else _portraits(folder, find_face)
    people: list[Person] = []
    skipped: list[Skipped] = []
    for found in read:
        if isinstance(found, Skipped):
            skipped.append(found)
        elif any(found.name == person.name for person in people):
            skipped.append(Skipped(found.cutouts[0].source, f"there is a {found.name!r} already"))
        else:
            people.append(found)
        if len(people) == limit:
            break
    if not people:
        why = f"{skipped[0].file.name}: {skipped[0].reason}" if skipped else "no picture in it"
        hint = f"give pictures ({', '.join(sorted(PICTURES))}) of one face each, {SMALLEST_FACE} pixels high or more"
        raise CastError(f"cast {str(folder)!r} has nobody to show, of {len(skipped)} pictures ({why})", hint=hint)
    return Cast(tuple(people), tuple(skipped))


def _openpeople(folder: Path, find_face: FindFace) -> Iterator[Person | Skipped]:
    for assets in sorted(folder.glob("P*/assets")):
        name = assets.parent.name
        if name in LEFT_OUT:
            yield Skipped(assets.parent, LEFT_OUT[name])
            continue
        cut = [_cut(assets / walk, name, find_face, cut_studio) for walk in WALKS]
        yield from (one for one in cut if isinstance(one, Skipped))
        cutouts = tuple(one for one in cut if isinstance(one, Cutout))
        if cutouts:
            gallery = tuple(assets / photo for photo in ENROLS if (assets / photo).is_file())
            yield Person(name, cutouts, gallery or (cutouts[0].source,), same_photograph=not gallery)


def _portraits(folder: Path, find_face: FindFace) -> Iterator[Person | Skipped]:
    for entry in sorted(folder.iterdir()):
        files = sorted(entry.rglob("*")) if entry.is_dir() else [entry]
        name = entry.name if entry.is_dir() else entry.stem
        cut = [_cut(file, name, find_face, cut_portrait) for file in files if file.suffix.lower() in PICTURES]
        yield from (one for one in cut if isinstance(one, Skipped))
        cutouts = tuple(one for one in cut if isinstance(one, Cutout))
        if cutouts:
            walking = cutouts[1:] or cutouts
            yield Person(name, walking, (cutouts[0].source,), same_photograph=len(cutouts) == 1)


Cut = Callable[[UInt8, float, int], UInt8]
"""Takes a window, its face's width by height and a number that chooses clothes; gives RGBA, colours multiplied."""


def _cut(file: Path, name: str, find_face: FindFace, cut: Cut) -> Cutout | Skipped:
    picture = _read(file)
    if picture is None:
        return Skipped(file, "not a readable picture")
    if min(picture.shape[:2]) < SMALLEST_FACE:
        return Skipped(file, f"smaller than a face of {SMALLEST_FACE} pixels")
    picture = picture[_caption(picture) :]
    found = _find(picture, find_face)
    if found is None:
        return Skipped(file, "no face found")
    face, points = found
    reason = _unfit(picture, face, points)
    if reason is not None:
        return Skipped(file, reason)
    slim = float(face[2] / face[3])
    near = cut(_window(picture, face), slim, zlib.crc32(name.encode()))
    half = _shrink(near)
    legs = _trousers((round((ABOVE + FEET) * FACE / 2), half.shape[1]))
    legs[: len(half)] = _over(half, legs[: len(half)])
    box = ((SHOWN - slim / 2) * FACE, ABOVE * FACE, slim * FACE, float(FACE))
    cutout = Cutout(file, (near, legs, _shrink(legs)), box)
    return cutout if _shows(cutout, find_face) else Skipped(file, "no face found once it is cut out and far away")


def _shows(cutout: Cutout, find_face: FindFace) -> bool:
    """The face is still found 30 pixels high, where truth says that it is."""
    level = cutout.levels[-1][: round((ABOVE + 3) * FACE / 4)]
    small = cv2.resize(level, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA).astype(np.uint8)
    found = find_face(_over(small, np.full(small.shape, (60, 60, 70, 255), np.uint8))[..., :3].copy())
    if found is None:
        return False
    left, top, width, height = (float(value) * 5 for value in found[0])
    x, y = left + width / 2 - cutout.box[0], top + height / 2 - cutout.box[1]
    return 0.2 < x / cutout.box[2] < 0.8 and 0.2 < y / cutout.box[3] < 0.8 and 0.6 < height / FACE < 1.6


def _shrink(picture: UInt8) -> UInt8:
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _read(file: Path) -> UInt8 | None:
    try:
        with Image.open(file) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def _find(picture: UInt8, find_face: FindFace) -> tuple[Float32, Float32] | None:
    """The face's box and points in pixels of the picture, found in a copy of at most 1280 pixels a side."""
    scale = min(1.0, 1280 / max(picture.shape))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    found = find_face(np.ascontiguousarray(small, np.uint8))
    return None if found is None else (found[0] / np.float32(scale), found[1] / np.float32(scale))


def _unfit(picture: UInt8, box: Float32, points: Float32) -> str | None:
    """Why a face cannot walk, or None."""
    if box[3] < SMALLEST_FACE:
        return f"the face is {box[3]:.0f} pixels high, at least {SMALLEST_FACE} are needed"
    if box[1] < 0.3 * box[3]:
        return "the head is cut off by the picture's edge"
    eyes = points[1, 0] - points[0, 0]
    if eyes <= 0 or abs(points[2, 0] - points[:2, 0].mean()) > 0.3 * eyes:
        return "the face is turned aside, and truth counts turns from the front"
    x, y, w, h = (int(value) for value in box)
    face = picture[max(0, y) : y + h, max(0, x) : x + w].astype(np.float32)
    if face.mean() < 60:
        return "the face is too dark"
    if (face.max(axis=2) - face.min(axis=2)).mean() < 12:
        return "the picture has no colours"
    return None


def _caption(picture: UInt8) -> int:
    """How many lines a black bar with writing takes at the picture's upper edge."""
    top = picture[: picture.shape[0] // 6].max(axis=2)
    dark = (top < 16).mean(axis=1) > 0.5
    return 0 if not dark[0] else len(dark) if dark.all() else int(np.argmin(dark)) + 4


def _window(picture: UInt8, face: Float32) -> UInt8:
    """The part of a picture that an upper body can fill, the face FACE high and always in the same place."""
    scale = FACE / float(face[3])
    left, top = float(face[0] + face[2] / 2) * scale - WIDE * FACE, float(face[1]) * scale - ABOVE * FACE
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture[: int(face[1] + (HIPS + 0.2) * face[3])], None, fx=scale, fy=scale, interpolation=how)
    size = (round(2 * WIDE * FACE), round((ABOVE + HIPS) * FACE))
    move = np.array([[1, 0, -left], [0, 1, -top]])
    return cv2.warpAffine(scaled, move, size, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)


def _shown(window: NDArray[Any]) -> NDArray[Any]:
    """The columns of a window that a cut-out keeps."""
    return window[:, round((WIDE - SHOWN) * FACE) : round((WIDE + SHOWN) * FACE)]


def cut_studio(window: UInt8, slim: float, clothes: int) -> UInt8:  # noqa: ARG001
    """An upper body taken from before plain studio grey, its clothes dyed: RGBA, colours multiplied by alpha."""
    backdrop = _shown(_backdrop(window))
    picture = _shown(window).astype(np.float32)
    distance = cv2.absdiff(picture, backdrop).max(axis=2)
    alpha = np.clip((distance - 12) / 22, 0, 1)
    core = cv2.morphologyEx((alpha > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    outlines, _ = cv2.findContours(core, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    body = np.zeros(alpha.shape, np.uint8)
    cv2.drawContours(body, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    inside = cv2.erode(body, np.ones((7, 7), np.uint8))
    around = cv2.GaussianBlur(cv2.dilate(body, np.ones((9, 9), np.uint8)).astype(np.float32), (0, 0), 2)
    alpha = np.maximum(alpha * around, inside)[..., None]
    # What the lens mixed at the edge is taken apart again: picture = person * alpha + backdrop * (1 - alpha).
    person = np.clip(picture - backdrop * (1 - alpha), 0, 255 * alpha)
    person = _dye(person, alpha, COATS[clothes % len(COATS)])
    down = np.arange(len(window), dtype=np.float32)[:, None, None] / FACE - ABOVE
    return np.asarray(np.dstack([person, 255 * alpha]) * np.clip((HIPS - down) / 0.3, 0, 1), np.uint8)


def _backdrop(picture: UInt8) -> Float32:
    """The studio grey behind a body: grown inwards from the picture's two sides, it follows light and shadow."""
    small = cv2.resize(picture, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA).astype(np.float32)
    known = np.zeros(small.shape[:2], np.float32)
    known[:, :6] = known[:, -6:] = 1
    for _ in range(24):
        weight = cv2.GaussianBlur(known, (0, 0), 5)
        backdrop = cv2.GaussianBlur(small * known[..., None], (0, 0), 5) / np.maximum(weight, 1e-6)[..., None]
        near = np.abs(small - backdrop).max(axis=2) < 9
        known = np.maximum(known, ((weight > 0.02) & near).astype(np.float32))
    known = cv2.erode(known, np.ones((3, 3), np.uint8))
    weight = cv2.GaussianBlur(known, (0, 0), 4) + 1e-6
    wide = cv2.GaussianBlur(known, (0, 0), 16) + 1e-6
    near_by, far = (cv2.GaussianBlur(small * known[..., None], (0, 0), sigma) for sigma in (4, 16))
    backdrop = (near_by + 0.01 * far) / (weight + 0.01 * wide)[..., None]
    return cv2.resize(backdrop, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)


def _dye(person: Float32, alpha: Float32, colour: tuple[int, int, int]) -> Float32:
    """The person with white cloth below the chin in another colour; skin, being coloured, stays."""
    straight = person / np.maximum(alpha, 0.05)
    low, high = straight.min(axis=2), straight.max(axis=2)
    cloth = np.clip((high - 95) / 40, 0, 1) * np.clip((0.2 - (high - low) / np.maximum(high, 1)) / 0.08, 0, 1)
    cloth[: round((ABOVE + 1.1) * FACE)] = 0
    cloth = cv2.GaussianBlur(cloth, (0, 0), 1.5)[..., None]
    return np.asarray(person * (1 - cloth + cloth * np.array(colour, np.float32) / 165), np.float32)


def cut_portrait(window: UInt8, slim: float, clothes: int) -> UInt8:
    """A head taken from any picture and set on a drawn coat: RGBA, colours multiplied by alpha."""
    main, second = COATS[clothes % len(COATS)], COATS[(clothes // 8 + 3) % len(COATS)]
    alpha = _shown(_head(window, slim))
    head = np.dstack([cv2.multiply(_shown(window), cv2.merge([alpha] * 3), scale=1 / 255), alpha])
    return _over(_collar(alpha.shape, second), _over(head, _coat(alpha.shape, main)))


def _over(upper: NDArray[Any], lower: UInt8) -> UInt8:
    """One RGBA picture laid over another, both multiplied by alpha."""
    through = cv2.merge([255 - upper[..., 3]] * 4)
    return cv2.add(upper, cv2.multiply(lower, through, scale=1 / 255)).astype(np.uint8)


def _shape(
    size: tuple[int, ...], scale: float, colour: tuple[int, ...], corners: Sequence[tuple[float, float]]
) -> UInt8:
    """One RGBA shape, mirrored at the middle line; corners are heights of the face right of and below its top."""
    right = np.array([((SHOWN + x) * scale, (ABOVE + y) * scale) for x, y in corners])
    both = np.vstack([right, right[::-1] * (-1, 1) + (2 * SHOWN * scale, 0)])
    sharp = np.zeros(size[:2], np.uint8)
    cv2.fillPoly(sharp, [(both * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    mask = cv2.GaussianBlur(sharp, (0, 0), scale / 100)
    # Darker towards the sides, as cloth around a body is.
    light = 1 - 0.55 * np.clip(np.abs(np.arange(size[1]) / scale - SHOWN) / 1.15, 0, 1) ** 2
    return np.dstack([mask * (light * (value / 255)) for value in colour] + [mask]).astype(np.uint8)


def _trousers(size: tuple[int, ...]) -> UInt8:
    """Legs at half size, from the hips to the feet."""
    hips = _shape(size, FACE / 2, NIGHT, [(0.7, 4.4), (0.74, 5.6), (0.0, 6.0)])
    legs = _shape(size, FACE / 2, NIGHT, [(0.74, 5.5), (0.66, 7.2), (0.5, 9.2), (0.18, 9.2), (0.1, 6.0), (0.1, 5.5)])
    return np.maximum(hips, legs)


def _coat(size: tuple[int, ...], colour: tuple[int, ...]) -> UInt8:
    """A coat from the neck to the hips, with sleeves, a front edge and buttons."""
    dim = tuple(value * 3 // 4 for value in colour)
    dark = tuple(value // 2 for value in colour)
    outline = [(0.28, 1.08), (0.5, 1.24), (0.82, 1.38), (0.98, 1.6), (1.08, 2.6), (1.12, 4.4), (1.0, 5.2), (0.9, 5.4)]
    coat = _shape(size, FACE, dim, outline)
    front = [(0.26, 1.1), (0.5, 1.26), (0.7, 1.36), (0.72, 2.2), (0.76, 5.4), (0.0, 5.4), (0.0, 1.2)]
    coat = _over(_shape(size, FACE, colour, front), coat)
    coat = _over(_shape(size, FACE, dark, [(0.3, 1.15), (0.4, 1.5), (0.03, 2.5), (0.0, 2.5), (0.0, 1.2)]), coat)
    return _over(_shape(size, FACE, dark, [(0.015, 2.4), (0.015, 5.4)]), coat)


def _collar(size: tuple[int, ...], colour: tuple[int, ...]) -> UInt8:
    return _shape(size, FACE, colour, [(0.3, 1.02), (0.42, 1.12), (0.4, 1.34), (0.26, 1.46), (0.0, 1.5), (0.0, 1.12)])


def _head(window: UInt8, slim: float) -> UInt8:
    """The alpha of the head and neck in a window, 0 to 255."""
    rows = round((ABOVE + 1.6) * FACE)
    small = cv2.resize(window[:rows], None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    h, w = FACE * 0.4, FACE * 0.4 * slim
    across = np.arange(small.shape[1]) - WIDE * h
    down = (np.arange(small.shape[0]) - (ABOVE + 0.5) * h)[:, None]
    guess = np.where(np.hypot(across / (0.95 * w), (down + 0.1 * h) / (0.95 * h)) < 1, cv2.GC_PR_FGD, cv2.GC_BGD)
    guess[(np.abs(across) < 0.55 * w) & (down > 0.4 * h)] = cv2.GC_PR_FGD
    guess[np.hypot(across / (0.45 * w), down / (0.45 * h)) < 1] = cv2.GC_FGD
    guess[(np.abs(across) < 0.3 * w) & (down > 0) & (down < 0.75 * h)] = cv2.GC_FGD
    mask = guess.astype(np.uint8)
    cv2.setRNGSeed(0)  # grabCut draws its first guesses from one generator for the whole process
    cv2.grabCut(small, mask, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 3, cv2.GC_INIT_WITH_MASK)
    own = ((mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)).astype(np.uint8)
    own = cv2.erode(cv2.morphologyEx(own, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)), np.ones((3, 3), np.uint8))
    soft = cv2.GaussianBlur(own.astype(np.float32), (0, 0), 1) * np.clip((0.9 * h - down) / (0.12 * h), 0, 1)
    alpha = np.zeros(window.shape[:2], np.uint8)
    alpha[:rows] = (255 * cv2.resize(soft.astype(np.float32), (window.shape[1], rows))).astype(np.uint8)
    return alpha
