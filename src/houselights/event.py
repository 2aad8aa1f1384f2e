"""Footage with known truth: people walk past a drawn stage door, and where each face is in each frame is written down.

Tests and benchmarks measure the way against it, and the demo shows it. The same arguments give the same film and truth.
"""

from __future__ import annotations

import json
import shutil
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from houselights.cast import Cast, Cutout
from houselights.errors import SettingsError
from houselights.scene import PALETTES, Scene, draw_scene, silhouette
from houselights.script import CODECS, TICKS, EventSettings, Pose, Script, check, pose, write_script
from houselights.truth import Box, Face, Frame
from houselights.types import Float64, UInt8

__all__ = ["Event", "EventSettings", "Participant", "Walk", "make", "read_truth"]

SCHEMA = "houselights/event/1"
HALF = 0.5
"""The visible share from which on a face counts as seen."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One time that somebody was in the picture; a walk whose face is never half visible is not listed."""

    walk: int
    entry_ticks: int
    """The first frame in which the face is at least half visible."""
    exit_ticks: int
    """The last such frame."""


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody in the film."""

    id: str
    enrolled: bool
    same_photograph: bool
    """Enrolled by the very photograph that walks, for want of another."""
    walks: tuple[Walk, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """The truth about a film."""

    settings: EventSettings
    time_base: tuple[int, int]
    """Seconds a tick, as numerator and denominator."""
    cuts: tuple[int, ...]
    """Ticks of the first frame after each cut."""
    people: tuple[Participant, ...]
    frames: tuple[Frame, ...]

    def to_json(self) -> str:
        """The bytes of truth.json: one line, keys in a fixed order."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, ensure_ascii=False, separators=(",", ":")) + "\n"


def read_truth(path: Path) -> Event:
    """The event that `make` wrote. Raises SettingsError when the file is not such a truth."""
    hint = "give the truth.json that `houselights event` wrote"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise SettingsError(f"truth {str(path)!r} has schema {data['schema']!r}, expected {SCHEMA!r}", hint=hint)
        people = [Participant(**one | {"walks": tuple(Walk(**way) for way in one["walks"])}) for one in data["people"]]
        frames = [Frame(one["ticks"], tuple(_face(face) for face in one["faces"])) for one in data["frames"]]
        settings, base = EventSettings(**data["settings"]), data["time_base"]
        return Event(settings, (base[0], base[1]), tuple(data["cuts"]), tuple(people), tuple(frames))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SettingsError(f"truth {str(path)!r} cannot be read ({error})", hint=hint) from error


def _face(data: dict[str, Any]) -> Face:
    left, top, width, height = data["box"]
    return Face(data["person"], data["walk"], (left, top, width, height), data["visible"], data["turn"])


def make(
    out_dir: Path,
    cast: Cast,
    settings: EventSettings,
    *,
    strangers: Cast | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Event:
    """The truth of a film written to `out_dir`: event.mp4, gallery/<person>/<photograph> and truth.json.

    Half of the cast that walks is enrolled, where it can be by another photograph than the one that walks;
    strangers never are. `progress` gets frames done and frames in all. Raises SettingsError or CastError before
    anything is written.
    """
    check(settings)
    script = write_script(cast, strangers, settings)
    _claim(out_dir)
    frames = _write_film(out_dir / "event.mp4", script, settings, progress or (lambda _done, _all: None))
    firsts = (bisect_left(script.ticks, start * TICKS) for start in script.shots[1:])
    cuts = tuple(dict.fromkeys(script.ticks[first] for first in firsts if first < len(script.ticks)))
    event = Event(settings, (1, TICKS), cuts, _participants(script, frames), frames)
    _write_gallery(out_dir / "gallery", script.enrolled)
    (out_dir / "truth.json").write_text(event.to_json(), encoding="utf-8")
    return event


def _claim(out_dir: Path) -> None:
    """Makes the folder, unless it holds a gallery that no event wrote."""
    if (out_dir / "gallery").exists() and not (out_dir / "truth.json").is_file():
        hint = "give another folder, or empty this one"
        raise SettingsError(f"{str(out_dir / 'gallery')!r} exists, and no event wrote it", hint=hint)
    out_dir.mkdir(parents=True, exist_ok=True)


def _write_gallery(gallery: Path, enrolled: dict[str, Path]) -> None:
    """Replaces the gallery of an earlier event, so that nobody stays enrolled."""
    shutil.rmtree(gallery, ignore_errors=True)
    for name, photograph in enrolled.items():
        (gallery / name).mkdir(parents=True)
        shutil.copyfile(photograph, gallery / name / photograph.name)


def _participants(script: Script, frames: Sequence[Frame]) -> tuple[Participant, ...]:
    """Everybody in the film, with the first and last half-visible frame of each walk."""
    seen: dict[str, dict[int, list[int]]] = {person.name: {} for person in script.people}
    for frame in frames:
        for face in frame.faces:
            if face.visible >= HALF:
                seen[face.person].setdefault(face.walk, []).append(frame.ticks)
    people = []
    for person in script.people:
        enrolled = person.name in script.enrolled
        walks = tuple(Walk(walk, ticks[0], ticks[-1]) for walk, ticks in sorted(seen[person.name].items()))
        people.append(Participant(person.name, enrolled, enrolled and person.same_photograph, walks))
    return tuple(people)


def _write_film(
    path: Path, script: Script, settings: EventSettings, progress: Callable[[int, int], None]
) -> tuple[Frame, ...]:
    part, noise, frames = path.with_suffix(".part.mp4"), _noise(settings), []
    muxing = {"video_track_timescale": str(TICKS)}
    with av.open(part, "w", options=muxing) as container, ThreadPoolExecutor(1) as worker:
        stream = _stream(container, settings)

        def encode(picture: UInt8, ticks: int) -> None:
            frame = av.VideoFrame.from_ndarray(_expose(picture, noise, ticks, settings), format="yuv420p")
            frame.pts, frame.time_base = ticks, Fraction(1, TICKS)
            container.mux(stream.encode(frame))

        encoded: Future[None] = worker.submit(lambda: None)
        for picture, frame in _draw(script, settings):
            encoded.result()  # one frame is drawn while the one before it is encoded
            encoded = worker.submit(encode, picture, frame.ticks)
            frames.append(frame)
            progress(len(frames), len(script.ticks))
        encoded.result()
        container.mux(stream.encode(None))
    part.replace(path)
    return tuple(frames)


def _draw(script: Script, settings: EventSettings) -> Iterator[tuple[UInt8, Frame]]:
    """Each frame, upright RGB before the sensor, and the truth about it."""
    shot, stage = 0, _stage(0, script, settings)
    for ticks in script.ticks:
        now = bisect_right(script.shots, ticks / TICKS) - 1
        if now != shot:
            shot, stage = now, _stage(now, script, settings)
        picture, faces = _render(stage, script, ticks / TICKS, settings)
        yield picture, Frame(ticks, faces)


def _stream(container: OutputContainer, settings: EventSettings) -> VideoStream:
    options = {"crf": str(settings.crf), "g": str(2 * settings.rate), **CODECS[settings.codec]}
    stream = container.add_stream(settings.codec, rate=settings.rate, options=options)
    if not isinstance(stream, VideoStream):
        raise SettingsError(f"codec {settings.codec!r} makes no video", hint="leave it out")
    turned = settings.rotation in (90, 270)
    stream.width, stream.height = (settings.height, settings.width) if turned else (settings.width, settings.height)
    stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, TICKS)
    context = stream.codec_context
    context.time_base = Fraction(1, TICKS)
    context.colorspace, context.color_primaries, context.color_trc, context.color_range = 6, 6, 6, 1
    if settings.rotation:
        stream.set_display_rotation(settings.rotation)
    return stream


@dataclass(frozen=True, slots=True)
class _Stage:
    """A scene made ready for one shot."""

    scene: Scene
    floor: int
    """From this line down the layer before everybody hides all."""
    columns: tuple[slice, ...]
    """Where that layer covers anything above it."""
    passers: tuple[UInt8, ...]
    """Alpha of each passer-by."""
    ways: tuple[tuple[float, float], ...]
    """Where each passer-by is when the shot begins, and pixels a second."""
    begin: float
    dim: float
    """When the light goes down, in seconds."""


def _stage(shot: int, script: Script, settings: EventSettings) -> _Stage:
    """The place of a shot. Occluders are pillars and passers-by in turn, and shots begin with one or the other."""
    rng = np.random.default_rng([settings.seed, 3, shot])
    size, unit = (settings.width, settings.height), min(settings.width, settings.height) / 720
    pillars = (settings.occluders + (shot + 1) % 2) // 2
    palette = PALETTES[(settings.seed + shot) % len(PALETTES)]
    scene = draw_scene(size, palette, pillars, rng)
    ends = [*script.shots, settings.seconds]
    begin, seconds = ends[shot], ends[shot + 1] - ends[shot]
    passers, ways = [], []
    for _ in range(settings.occluders - pillars):
        passers.append(silhouette(round(rng.uniform(490, 540) * unit), unit))
        speed = float(rng.choice([-1, 1]) * rng.uniform(0.2, 0.3) * settings.width)
        middle = settings.width / 2 - passers[-1].shape[1] / 2
        ways.append((middle - speed * seconds * rng.uniform(0.3, 0.7), speed))
    floor = int(np.flatnonzero(scene.alpha.min(axis=1) < 255)[-1]) + 1
    upper = np.concatenate([[0], scene.alpha[:floor].max(axis=0) > 0, [0]]).astype(np.int8)
    turns = np.flatnonzero(np.diff(upper)).tolist()
    columns = tuple(slice(left, right) for left, right in zip(turns[::2], turns[1::2], strict=True))
    dim = begin + seconds * rng.uniform(0.4, 0.8)
    return _Stage(scene, floor, columns, tuple(passers), tuple(ways), begin, dim)


class _Cover(NamedTuple):
    """What something hides: rows and columns of the frame, and how much, 0 to 255."""

    where: tuple[slice, slice]
    alpha: UInt8


def _render(stage: _Stage, script: Script, seconds: float, settings: EventSettings) -> tuple[UInt8, tuple[Face, ...]]:
    """One frame before the sensor, upright RGB, and the truth about its faces."""
    picture = stage.scene.behind.copy()
    shown = [route for route in script.routes if route.begin <= seconds < route.end]
    poses = sorted(((pose(route, seconds, settings), route) for route in shown), key=lambda one: one[0].size)
    found: list[tuple[Face, _Cover | None]] = []
    for where, route in poses:
        before = pose(route, seconds - 0.5 / settings.rate, settings)
        speed, part = where.x - before.x, picture[: stage.floor]
        cover, box = _paste(part, route.cutout, where, speed=speed, scene=stage.scene, settings=settings)
        box_now = (round(box[0], 2), round(box[1], 2), round(box[2], 2), round(box[3], 2))
        found.append((Face(route.person, route.walk, box_now, where.strength, round(abs(where.turn), 3)), cover))
    hidden = stage.scene.alpha.copy()
    for cover in _pass_by(picture, stage, seconds):
        np.maximum(hidden[cover.where], cover.alpha, out=hidden[cover.where])
    picture[stage.floor :] = stage.scene.before[stage.floor :]
    for columns in stage.columns:
        area = (slice(0, stage.floor), columns)
        _blend(picture, area, stage.scene.before[area], stage.scene.alpha[area])
    faces = []
    for face, cover in reversed(found):
        share = _visible(face.box, hidden)
        if share is not None:
            faces.append(replace(face, visible=round(share * face.visible, 3)))
        if cover is not None:
            np.maximum(hidden[cover.where], cover.alpha, out=hidden[cover.where])
    return _light(picture, stage, seconds, settings), tuple(faces)


def _visible(box: Box, hidden: UInt8) -> float | None:
    """The share of a box that is in the frame and not hidden; None for a box outside the frame."""
    left, top, right, bottom = round(box[0]), round(box[1]), round(box[0] + box[2]), round(box[1] + box[3])
    inside = hidden[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if not inside.size:
        return None
    return float((255 - inside).sum(dtype=np.int64) / 255 / ((right - left) * (bottom - top)))


def _to_frame(cutout: Cutout, where: Pose) -> Float64:
    """The 3x3 matrix from a cut-out's first level to the frame: turned about the upright axis, tilted, scaled, put."""
    left, top, width, height = cutout.box
    scale, angle = where.size / height, where.turn * np.pi / 2
    centre = np.array([[1, 0, -left - width / 2], [0, 1, -top - height / 2], [0, 0, 1]])
    # Seen from ten face heights away: the side that turns off is smaller.
    turn = np.array([[np.cos(angle), 0, 0], [0, 1, 0], [np.sin(angle) / (10 * height), 0, 1]])
    cos, sin = scale * np.cos(where.tilt), scale * np.sin(where.tilt)
    return np.asarray(np.array([[cos, -sin, where.x], [sin, cos, where.y], [0, 0, 1]]) @ turn @ centre, np.float64)


def _corners(matrix: Float64, box: Box) -> Box:
    """Left, top, right and bottom of a box after a transform."""
    left, top, width, height = box
    x, y = np.array([left, left + width, left, left + width]), np.array([top, top, top + height, top + height])
    across, down, depth = matrix @ np.stack([x, y, np.ones(4)])
    across, down = across / depth, down / depth
    return float(across.min()), float(down.min()), float(across.max()), float(down.max())


def _paste(
    picture: UInt8, cutout: Cutout, where: Pose, *, speed: float, scene: Scene, settings: EventSettings
) -> tuple[_Cover | None, Box]:
    """Draws somebody into the picture; gives what that hides, and the face's box. `speed`: pixels in half a frame."""
    unit = min(settings.width, settings.height) / 720
    matrix = _to_frame(cutout, where)
    face = _corners(matrix, cutout.box)
    box = (face[0], face[1], face[2] - face[0], face[3] - face[1])
    level = int(np.clip(np.floor(np.log2(cutout.box[3] / where.size) + 0.2), 0, len(cutout.levels) - 1))
    source, zoom = cutout.levels[level], 2**level
    smear = 2 * round(abs(speed) * settings.blur) + 1
    soft = settings.blur * 1.5 * unit * abs(np.log2(where.size / (70 * unit)))
    edges = _corners(matrix, (0, 0, source.shape[1] * zoom, source.shape[0] * zoom))
    left, right = max(0, int(edges[0]) - smear), min(settings.width, int(edges[2]) + smear + 1)
    top, bottom = max(0, int(edges[1]) - 1), min(len(picture), int(edges[3]) + 2)
    if right <= left or bottom <= top:
        return None, box
    # Pixel centres: pixel i of a level covers the first level from i * zoom to (i + 1) * zoom.
    up = np.array([[zoom, 0, zoom / 2 - 0.5], [0, zoom, zoom / 2 - 0.5], [0, 0, 1]])
    move = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]])
    patch = cv2.warpPerspective(source, move @ matrix @ up, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    if smear > 1:
        patch = cv2.blur(patch, (smear, 1))
    if soft > 0.4:
        patch = cv2.GaussianBlur(patch, (0, 0), soft)
    area, alpha = (slice(top, bottom), slice(left, right)), cv2.extractChannel(patch, 3)
    if where.strength < 1:
        alpha = cv2.convertScaleAbs(alpha, alpha=where.strength)
    gains = _gains(where, scene, settings)
    _blend(picture, area, cv2.LUT(cv2.cvtColor(patch, cv2.COLOR_RGBA2RGB), gains), alpha)
    return _Cover(area, alpha.astype(np.uint8)), box


def _gains(where: Pose, scene: Scene, settings: EventSettings) -> UInt8:
    """(1, 256, 3): what the lamps around make of each value of red, green and blue."""
    near = sum(np.exp(-(((where.x - lamp) / (0.2 * settings.width)) ** 2)) for lamp in scene.lamps)
    light = 0.95 * where.strength * (1 - 0.5 * settings.light * (1 - min(1.0, float(near))))
    return np.asarray(np.arange(256)[None, :, None] * np.array(scene.tint) * light, np.uint8)


def _blend(picture: UInt8, area: tuple[slice, slice], colours: NDArray[Any], alpha: NDArray[Any]) -> None:
    """Lays RGB, multiplied by its alpha, over an area of the picture."""
    through = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
    picture[area] = cv2.add(cv2.multiply(picture[area], through, scale=1 / 255), colours)


def _pass_by(picture: UInt8, stage: _Stage, seconds: float) -> list[_Cover]:
    """Draws those who pass close to the camera, dark; gives what they hide."""
    covers = []
    for alpha, (start, speed) in zip(stage.passers, stage.ways, strict=True):
        height, width = picture.shape[:2]
        left, top = round(start + speed * (seconds - stage.begin)), height - alpha.shape[0]
        area = (slice(max(0, top), height), slice(max(0, left), max(0, min(width, left + alpha.shape[1]))))
        part = alpha[max(0, -top) :, max(0, -left) : max(0, width - left)]
        if part.size:
            _blend(picture, area, np.zeros((*part.shape, 3), np.uint8), part)
            covers.append(_Cover(area, part))
    return covers


def _light(picture: UInt8, stage: _Stage, seconds: float, settings: EventSettings) -> UInt8:
    """The picture with the light of that moment: it swells slowly, and once in a shot it goes down for good."""
    swell = 0.15 * np.sin(2 * np.pi * (seconds / 7 + settings.seed / 10))
    down = 0.35 / (1 + np.exp(np.clip((stage.dim - seconds) / 0.1, -50, 50)))
    return cv2.convertScaleAbs(picture, alpha=float(1 + settings.light * (swell - down))).astype(np.uint8)


def _noise(settings: EventSettings) -> tuple[UInt8, UInt8]:
    """What the sensor adds to brightness and what it takes, larger than a frame: every frame gets another part."""
    rng = np.random.default_rng([settings.seed, 4])
    longest = max(settings.width, settings.height) + 64
    grain = np.round(9 * settings.noise * rng.standard_normal((longest, longest), np.float32))
    return np.clip(grain, 0, 255).astype(np.uint8), np.clip(-grain, 0, 255).astype(np.uint8)


def _expose(picture: UInt8, noise: tuple[UInt8, UInt8], ticks: int, settings: EventSettings) -> UInt8:
    """The picture as it is stored: turned, as I420 in the limited range of BT.601, with noise in its brightness."""
    stored = np.ascontiguousarray(np.rot90(picture, -settings.rotation // 90))
    frame = cv2.cvtColor(stored, cv2.COLOR_RGB2YUV_I420)
    height, width = stored.shape[:2]
    y, x = np.random.default_rng([settings.seed, 5, ticks]).integers(0, 64, 2)
    part = (slice(y, y + height), slice(x, x + width))
    frame[:height] = cv2.subtract(cv2.add(frame[:height], noise[0][part]), noise[1][part])
    return frame.astype(np.uint8)
