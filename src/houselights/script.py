"""Who walks where and when in an event: settings and a seed turned into routes, without any pixel."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from houselights.cast import Cast, Cutout, Person
from houselights.errors import CastError, SettingsError
from houselights.scene import EYES

TICKS = 90_000
"""Ticks a second of the film's time stamps."""
CODECS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast", "threads": "2", "x264-params": "no-mbtree=1"},
    "libx265": {"preset": "ultrafast", "x265-params": "pools=1:frame-threads=1:log-level=none"},
    "libsvtav1": {"preset": "10", "svtav1-params": "lp=1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "b": "0", "threads": "1"},
}
"""Encoders and options with which the same frames give the same film: a fixed number of threads and, as x264's
AVX-512 code for macroblock trees reads what was in memory before (seen at 320, 352 and 960 pixels), no such trees."""
LIMITS: dict[str, tuple[float, float]] = {
    "seconds": (0.2, 14_400),
    "people": (1, 5_000),
    "seed": (0, 2**63 - 1),
    "width": (160, 7_680),
    "height": (120, 4_320),
    "rate": (1, 240),
    "cuts": (0, 1_000),
    "occluders": (0, 6),
    "blur": (0, 1),
    "light": (0, 1),
    "noise": (0, 1),
    "crf": (0, 51),
    "crowd": (0, 60),
}
"""The least and the most that each setting may be."""


@dataclass(frozen=True, slots=True)
class EventSettings:
    """What is filmed, and how well."""

    seconds: float = 20
    people: int = 12
    """Walks through the picture. Where the cast has fewer, strangers walk too; without them people come again."""
    seed: int = 7
    width: int = 1280
    height: int = 720
    rate: int = 25
    """Frames a second."""
    cuts: int = 1
    """Shot cuts: each changes the place and who is where."""
    occluders: int = 1
    """What stands or passes before the people in each shot: pillars and passers-by in turn."""
    blur: float = 0.3
    """0 to 1: how long the shutter is open and how far off the focus."""
    light: float = 0.3
    """0 to 1: how unevenly the place is lit and how much the light changes."""
    noise: float = 0.3
    """0 to 1: the sensor's noise."""
    crf: int = 23
    """The encoder's constant rate factor: more is smaller and worse."""
    variable_rate: bool = False
    """Time stamps are irregular and some frames are missing."""
    rotation: int = 0
    """Degrees counter-clockwise, 0, 90, 180 or 270, by which a reader turns the stored picture."""
    crowd: int = 0
    """Strangers who stand about in the background from beginning to end."""
    codec: str = "libx264"


def check(settings: EventSettings) -> None:
    """Returns if an event can be made with these settings. Raises SettingsError."""
    for name, (least, most) in LIMITS.items():
        value = getattr(settings, name)
        if not least <= value <= most:
            hint = f"give a value from {least} to {most}"
            raise SettingsError(f"{name} is {value!r}, expected {least} to {most}", hint=hint)
    for name in ("width", "height"):
        if getattr(settings, name) % 2:
            raise SettingsError(f"{name} is {getattr(settings, name)}, expected an even number", hint="add or take one")
    if settings.rotation not in (0, 90, 180, 270):
        raise SettingsError(f"rotation is {settings.rotation!r}, expected 0, 90, 180 or 270", hint="turn by quarters")
    if settings.codec not in CODECS:
        raise SettingsError(f"codec is {settings.codec!r}, expected one of {', '.join(CODECS)}", hint="leave it out")
    if settings.cuts >= 2 * settings.seconds:
        hint = "give fewer cuts or more seconds"
        message = f"cuts is {settings.cuts} in {settings.seconds} s, expected less than two a second"
        raise SettingsError(message, hint=hint)


@dataclass(frozen=True, slots=True)
class Route:
    """How somebody goes through one shot. Lengths are pixels, times are seconds of the film."""

    person: str
    walk: int
    cutout: Cutout
    begin: float
    end: float
    """Shown from `begin` until before `end`; the way itself can reach beyond, where a shot cut shortens it."""
    start: float
    seconds: float
    x: tuple[float, float]
    size: tuple[float, float]
    """Height of the face where the way starts and ends."""
    bend: float
    """1: sideways all the way; more: first towards the camera, then sideways."""
    lift: float
    phase: float
    lean: float
    aside: tuple[float, float]
    """When somebody looks aside, as a share of the way, and how far."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a face is in one frame: its middle, its height, and how it is turned (-1 to 1) and tilted (radians)."""

    x: float
    y: float
    size: float
    turn: float
    tilt: float
    strength: float
    """Less than 1 while somebody comes out of the door's light."""


@dataclass(frozen=True, slots=True)
class Script:
    """Everything about a film before a pixel is drawn."""

    people: tuple[Person, ...]
    enrolled: dict[str, Path]
    """The photograph each enrolled person is enrolled by."""
    shots: tuple[float, ...]
    """When each shot begins, in seconds."""
    ticks: tuple[int, ...]
    routes: tuple[Route, ...]


def write_script(cast: Cast, strangers: Cast | None, settings: EventSettings) -> Script:
    """Who walks where and when. Raises SettingsError or CastError when there are too few people."""
    rng = np.random.default_rng([settings.seed, 1])
    chosen = [cast.people[i] for i in rng.permutation(len(cast.people))[: settings.people]]
    others = [strangers.people[i] for i in rng.permutation(len(strangers.people))] if strangers else []
    walking = others[: settings.people - len(chosen)]
    standing = others[len(walking) : len(walking) + settings.crowd]
    if len(standing) < settings.crowd:
        needed = len(walking) + settings.crowd
        message = f"a crowd of {settings.crowd} needs {needed} strangers, there are {len(others)}"
        raise CastError(message, hint="give more strangers, or a smaller crowd")
    people = [*chosen, *walking, *standing]
    if len({person.name for person in people}) < len(people):
        raise CastError("a stranger has the name of somebody in the cast", hint="rename the stranger's picture")
    enrolled = {one.name: one.gallery[rng.integers(len(one.gallery))] for one in chosen[: (len(chosen) + 1) // 2]}
    length = settings.seconds / (settings.cuts + 1)
    shots = [0.0, *(length * (cut + 1 + rng.uniform(-0.15, 0.15)) for cut in range(settings.cuts))]
    walkers = [people[i] for i in rng.permutation(len(chosen) + len(walking))]
    routes = [*_walks(walkers, shots, settings, rng), *_crowd(standing, shots, settings, rng)]
    return Script(tuple(people), enrolled, tuple(shots), _ticks(settings), tuple(routes))


def _ticks(settings: EventSettings) -> tuple[int, ...]:
    """The time stamps of all frames. A variable rate shifts each by up to a third of a frame, drops one in twelve."""
    count = max(1, round(settings.seconds * settings.rate))
    if not settings.variable_rate:
        return tuple(round(frame * TICKS / settings.rate) for frame in range(count))
    rng = np.random.default_rng([settings.seed, 2])
    shift, kept = rng.uniform(-1 / 3, 1 / 3, count), rng.random(count) >= 1 / 12
    shift[0], kept[0] = 0, True
    return tuple(round((frame + shift[frame]) * TICKS / settings.rate) for frame in range(count) if kept[frame])


def _walks(walkers: list[Person], shots: list[float], settings: EventSettings, rng: np.random.Generator) -> list[Route]:
    """One route for each walk, everybody in turn, evenly over the film: nobody is in two places at once."""
    gap = settings.seconds / settings.people
    longest = (len(walkers) - 0.35) * gap if settings.people > len(walkers) else np.inf
    if longest < 1:
        message = f"{settings.people} walks by {len(walkers)} people in {settings.seconds} s leave {longest:.2f} s each"
        raise SettingsError(message, hint="give fewer people, more seconds, or strangers")
    routes = []
    for number in range(settings.people):
        person = walkers[number % len(walkers)]
        middle = (number + 0.5 + rng.uniform(-0.15, 0.15)) * gap
        seconds = min(rng.uniform(4.5, 7.5), longest)
        shot = bisect_right(shots, middle)
        ends = [*shots, settings.seconds]
        start = middle - seconds / 2
        cutout = person.cutouts[rng.integers(len(person.cutouts))]
        show = (max(start, ends[shot - 1]), min(start + seconds, ends[shot]))
        routes.append(_route(person.name, number, cutout, show=show, time=(start, seconds), settings=settings, rng=rng))
    return routes


def _route(
    person: str,
    walk: int,
    cutout: Cutout,
    *,
    show: tuple[float, float],
    time: tuple[float, float],
    settings: EventSettings,
    rng: np.random.Generator,
) -> Route:
    """Across the picture, or from the door towards the camera and out at one side."""
    unit, width = min(settings.width, settings.height) / 720, settings.width
    side = 1 if rng.random() < 0.5 else -1
    towards = bool(rng.random() < 0.4)
    first = rng.uniform(38, 48) if towards else rng.uniform(48, 88)
    last = rng.uniform(115, 150) if towards else first * rng.uniform(0.85, 1.5)
    out = width / 2 + 1.7 * last * unit
    where = rng.uniform(-0.2, 0.2) * width if towards else -side * (width / 2 + 1.7 * first * unit)
    return Route(
        person,
        walk,
        cutout,
        *show,
        *time,
        x=(width / 2 + where, width / 2 + side * out),
        size=(first * unit, last * unit),
        bend=3.0 if towards else 1.0,
        lift=rng.uniform(-0.35, 0.35),
        phase=rng.uniform(0, 2 * np.pi),
        lean=side * (rng.uniform(0.0, 0.1) if towards else rng.uniform(0.1, 0.4)),
        aside=(rng.uniform(0.1, 0.9), rng.uniform(-0.75, 0.75)),
    )


def _crowd(
    standing: list[Person], shots: list[float], settings: EventSettings, rng: np.random.Generator
) -> list[Route]:
    """One route a shot for everybody who stands about: side by side, small, hardly moving."""
    unit, ends, routes = min(settings.width, settings.height) / 720, [*shots, settings.seconds], []
    for shot in range(len(shots)):
        for place, who in enumerate(rng.permutation(len(standing))):
            person = standing[who]
            x = settings.width * (place + rng.uniform(0.2, 0.8)) / len(standing)
            size = rng.uniform(26, 36) * unit
            time = (ends[shot], ends[shot + 1] - ends[shot])
            show, cutout = (ends[shot], ends[shot + 1]), person.cutouts[0]
            route = _route(person.name, shot, cutout, show=show, time=time, settings=settings, rng=rng)
            drift = rng.uniform(-1, 1) * size
            routes.append(replace(route, x=(x, x + drift), size=(size, size), bend=1.0, lean=route.lean / 2))
    return routes


def pose(route: Route, seconds: float, settings: EventSettings) -> Pose:
    """Where somebody is at a time of the film, in seconds."""
    unit = min(settings.width, settings.height) / 720
    share = (seconds - route.start) / route.seconds
    x = route.x[0] + (route.x[1] - route.x[0]) * max(share, 0.0) ** route.bend
    size = route.size[0] * (route.size[1] / route.size[0]) ** share
    walking = min(1.0, abs(route.x[1] - route.x[0]) / (4 * size))
    step = 2 * np.pi * 1.9 * seconds + route.phase
    y = settings.height - EYES * unit + 0.75 * (size - 40 * unit) + size * (0.035 * walking * np.sin(step) - route.lift)
    aside = route.aside[1] * np.exp(-(((share - route.aside[0]) / 0.09) ** 2))
    turn = float(np.clip(route.lean + aside, -0.7, 0.7))
    tilt = 0.03 * np.sin(step / 2) * (0.3 + 0.7 * walking)
    strength = min(1.0, (seconds - route.start) / 0.25) if route.bend > 1 else 1.0
    return Pose(float(x), float(y), float(size), turn, float(tilt), float(strength))
