"""The drawn place of an event: a stage door at night behind a barrier, in layers behind and before the people.

All lengths are in units of a frame 720 pixels high, or wide if that is less: a place looks alike at every size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from houselights.types import Float32, UInt8

EYES, RAIL, GROUND = 452, 222, 248
"""How far above the frame's lower edge far faces, the barrier's rail and the foot of the wall are."""
Colour = tuple[float, float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one place, RGB 0 to 255."""

    wall: Colour
    glow: Colour
    accent: Colour


PALETTES = (
    Palette((44, 46, 74), (255, 196, 120), (150, 52, 58)),
    Palette((36, 58, 66), (255, 214, 160), (44, 104, 122)),
    Palette((68, 48, 56), (255, 184, 104), (122, 76, 30)),
    Palette((46, 44, 58), (214, 220, 255), (88, 62, 132)),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """One place, drawn: what lies behind everybody, and what stands before everybody."""

    behind: UInt8
    """(h, w, 3) RGB."""
    before: UInt8
    """(h, w, 3) RGB, multiplied by alpha."""
    alpha: UInt8
    """(h, w): where `before` covers, 0 to 255."""
    lamps: tuple[float, ...]
    """Where light falls, the door first: pixels from the left."""
    tint: Colour
    """The colour of that light, 0 to 1 for red, green and blue."""


def draw_scene(size: tuple[int, int], palette: Palette, pillars: int, rng: np.random.Generator) -> Scene:
    """A place of (width, height) pixels with that many pillars before everybody: equal for equal random states."""
    small = (size[0] // 2, size[1] // 2)  # everything here is out of focus: half the size is enough to draw
    width, unit = small[0], min(small) / 720
    door = width * rng.uniform(0.35, 0.65)
    lamps = (door, door - 290 * unit, door + 290 * unit)
    canvas = _wall(small, unit, palette)
    _posters(canvas, unit, door, palette, rng)
    _doorway(canvas, unit, door, palette)
    _lights(canvas, lamps, palette, rng)
    _pavement(canvas, unit, palette)
    wall = cv2.GaussianBlur(np.clip(canvas, 0, 255).astype(np.uint8), (0, 0), 1.5 * unit)
    front, cover = _front(small, palette, pillars, rng)
    behind, before, alpha = (cv2.resize(layer, size).astype(np.uint8) for layer in (wall, front, cover))
    red, green, blue = (0.55 + 0.45 * value / max(palette.glow) for value in palette.glow)
    return Scene(behind, before, alpha, lamps=tuple(2 * x for x in lamps), tint=(red, green, blue))


def _wall(size: tuple[int, int], unit: float, palette: Palette) -> Float32:
    width, height = size
    across, down = np.meshgrid(np.arange(width) / unit, (np.arange(height) - height) / unit + EYES)
    light = 0.62 + 0.3 * np.exp(-((down - 60) ** 2) / 30000)
    course = np.floor(down / 26)
    stone = np.floor((across + 31 * (course % 2)) / 62)
    light += 0.06 * np.sin(stone * 12.9898 + course * 78.233)
    light -= 0.16 * ((down % 26 < 2) | ((across + 31 * (course % 2)) % 62 < 2))
    light -= 0.25 * (down < -150)  # the shadow above the lamps
    return np.asarray(light[..., None] * np.array(palette.wall), np.float32)


def _box(canvas: Float32, box: Box, colour: Colour | Float32) -> None:
    """Fills left, top, right, bottom with a colour, or with one colour a line."""
    left, top, right, bottom = (max(0, round(value)) for value in box)
    area = canvas[top:bottom, left:right]
    if area.size:
        tone = np.asarray(colour, np.float32)
        area[:] = tone if tone.ndim == 1 else cv2.resize(tone[:, None], (1, len(area)))


def _ramp(top: Colour, bottom: Colour) -> Float32:
    return np.linspace(top, bottom, 16, dtype=np.float32)


def _glow(canvas: Float32, x: float, y: float, radius: float, colour: Colour) -> None:
    """Adds light around a point, falling to nothing at three radii."""
    reach = round(3 * radius)
    left, top = max(0, round(x) - reach), max(0, round(y) - reach)
    area = canvas[top : max(0, round(y) + reach), left : max(0, round(x) + reach)]
    if area.size:
        far = (np.arange(area.shape[1]) + left - x) ** 2 + (np.arange(area.shape[0]) + top - y)[:, None] ** 2
        area += np.exp(-far / radius**2)[..., None].astype(np.float32) * np.array(colour, np.float32)


def _posters(canvas: Float32, unit: float, door: float, palette: Palette, rng: np.random.Generator) -> None:
    eyes = len(canvas) - EYES * unit
    for side in (-1, 1):
        for place in range(2):
            x = door + side * (385 + 150 * place) * unit
            first, second = rng.uniform(30, 130, 3), rng.uniform(10, 70, 3)
            _box(canvas, (x - 50 * unit, eyes - 78 * unit, x + 50 * unit, eyes + 78 * unit), (18, 18, 22))
            ramp = np.linspace(first, second, 16, dtype=np.float32)
            _box(canvas, (x - 43 * unit, eyes - 71 * unit, x + 43 * unit, eyes + 71 * unit), ramp)
            stripe = eyes + float(rng.uniform(10, 40)) * unit
            _box(canvas, (x - 30 * unit, stripe, x + 30 * unit, stripe + 7 * unit), palette.glow)
            _glow(canvas, x, eyes - 84 * unit, 60 * unit, (34, 27, 18))


def _doorway(canvas: Float32, unit: float, door: float, palette: Palette) -> None:
    eyes, ground = len(canvas) - EYES * unit, len(canvas) - GROUND * unit
    glow = palette.glow
    frame = (door - 176 * unit, eyes - 122 * unit, door + 176 * unit, ground)
    _box(canvas, frame, (24, 22, 26))
    for leaf in range(4):
        left = door + (leaf * 84 - 164) * unit
        top, dim = (glow[0] * 0.9, glow[1] * 0.85, glow[2] * 0.75), (glow[0] * 0.46, glow[1] * 0.36, glow[2] * 0.28)
        _box(canvas, (left, eyes - 108 * unit, left + 76 * unit, ground), _ramp(top, dim))
        _box(canvas, (left, eyes - 62 * unit, left + 76 * unit, eyes - 56 * unit), (30, 26, 26))
        _box(canvas, (left + 62 * unit, eyes + 40 * unit, left + 67 * unit, eyes + 100 * unit), (40, 34, 30))
    roof = (door - 235 * unit, eyes - 168 * unit, door + 235 * unit, eyes - 122 * unit)
    _box(canvas, roof, _ramp(palette.accent, (palette.accent[0] / 2, palette.accent[1] / 2, palette.accent[2] / 2)))
    _box(canvas, (roof[0], eyes - 126 * unit, roof[2], eyes - 120 * unit), (20, 18, 20))


def _lights(canvas: Float32, lamps: tuple[float, ...], palette: Palette, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    unit, door = min(height, width) / 720, lamps[0]
    eyes, glow = height - EYES * unit, palette.glow
    soft = (glow[0] * 0.3, glow[1] * 0.24, glow[2] * 0.18)
    for bulb in range(21):
        _glow(canvas, door + (bulb - 10) * 22.5 * unit, eyes - 145 * unit, 5 * unit, glow)
    _glow(canvas, door, eyes - 10 * unit, 210 * unit, soft)
    for x in lamps[1:]:
        _glow(canvas, x, eyes - 60 * unit, 150 * unit, soft)
        _glow(canvas, x, eyes - 110 * unit, 15 * unit, (255, 245, 225))
    hang = float(rng.uniform(20, 45))
    for bulb in range(int(width / unit / 46) + 2):
        x = bulb * 46 * unit
        dip = hang * np.sin(np.pi * (x / unit % 460) / 460)
        _glow(canvas, x, eyes + (dip - 205) * unit, 4.5 * unit, glow)
        _glow(canvas, x, eyes + (dip - 205) * unit, 15 * unit, soft)


def _pavement(canvas: Float32, unit: float, palette: Palette) -> None:
    """Below the wall, wet ground: the wall again upside down, drawn out and dark."""
    ground = round(len(canvas) - GROUND * unit)
    depth = len(canvas) - ground
    mirror = canvas[max(0, ground - depth) : ground][::-1]
    drawn = cv2.resize(cv2.GaussianBlur(mirror, (0, 0), 5 * unit, sigmaY=18 * unit), (canvas.shape[1], depth))
    canvas[ground:] = 0.4 * drawn + 0.3 * np.array(palette.wall, np.float32)


def silhouette(height: int, unit: float) -> UInt8:
    """(h, w): the alpha of somebody seen dark from behind and out of focus, head and shoulders."""
    width = round(height * 0.95)
    mask = np.zeros((height, width), np.uint8)
    middle, head = width / 2, height * 0.17
    cv2.ellipse(mask, (round(middle), round(head * 1.5)), (round(head * 0.82), round(head)), 0, 0, 360, 255, -1)
    body = [(-0.07, 0.3), (-0.09, 0.42), (-0.3, 0.5), (-0.39, 0.62), (-0.42, 1), (0.42, 1), (0.39, 0.62), (0.3, 0.5)]
    corners = [(middle + x * height, y * height) for x, y in [*body, (0.09, 0.42), (0.07, 0.3)]]
    cv2.fillPoly(mask, [np.array(corners, np.int32)], 255)
    return cv2.GaussianBlur(mask, (0, 0), 4 * unit).astype(np.uint8)


def _front(size: tuple[int, int], palette: Palette, pillars: int, rng: np.random.Generator) -> tuple[UInt8, UInt8]:
    """The barrier, those who wait before it, and pillars: RGB multiplied by alpha, and alpha."""
    width, height = size
    unit = min(size) / 720
    colour, alpha = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
    rail = height - RAIL * unit
    fold = 1 + 0.12 * np.sin(np.arange(width) / unit / 23) + 0.08 * np.sin(np.arange(width) / unit / 61)
    cloth = _ramp((0.5, 0.5, 0.5), (0.12, 0.12, 0.12)) * np.array(palette.accent, np.float32)
    _box(colour, (0, rail, width, height), cloth)
    colour *= fold[:, None].astype(np.float32)
    _box(colour, (0, rail, width, rail + 12 * unit), _ramp((150, 150, 158), (44, 44, 50)))
    alpha[round(rail) :] = 1
    for place in range(pillars):
        x, half = width * (place + rng.uniform(0.25, 0.75)) / pillars, rng.uniform(34, 48) * unit
        across = np.clip((np.arange(width) - x) / half, -1, 1)
        inside = np.abs(np.arange(width) - x) < half
        shade = (0.25 + 0.5 * np.sqrt(1 - across**2) + 0.25 * across)[None, :, None] * np.array((62, 60, 68))
        colour[:, inside], alpha[:, inside] = shade[:, inside], 1
    for layer in (colour, alpha):
        cv2.GaussianBlur(layer, (0, 0), 2 * unit, dst=layer)
    for _ in range(round(width / unit / 300)):
        who = silhouette(round(rng.uniform(250, 300) * unit), unit).astype(np.float32) / np.float32(255)
        left, top = round(rng.uniform(-0.1, 1) * width), round(height - rng.uniform(160, 195) * unit)
        _stamp(colour, alpha, who, left, top)
    return colour.clip(0, 255).astype(np.uint8), (alpha * 255).clip(0, 255).astype(np.uint8)


def _stamp(colour: Float32, alpha: Float32, shape: Float32, left: int, top: int) -> None:
    """Lays a dark shape over the layer, as far as it is inside."""
    height, width = alpha.shape
    right, bottom = min(width, left + shape.shape[1]), min(height, top + shape.shape[0])
    part = shape[max(0, -top) : bottom - top, max(0, -left) : right - left]
    where = (slice(max(0, top), bottom), slice(max(0, left), right))
    if part.size:
        colour[where] = colour[where] * (1 - part[..., None]) + part[..., None] * np.array((13, 13, 17), np.float32)
        alpha[where] = np.maximum(alpha[where], part)
