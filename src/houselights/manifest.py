"""The manifest of a release, schema `houselights/release/1`: what was hidden, what was kept, why, and what was checked.

It goes with the released file. Anybody can check the file against it with `houselights check-release`.
"""

from __future__ import annotations

import json
import reprlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from houselights.errors import ReleaseError
from houselights.result import ModelUse

SCHEMA = "houselights/release/1"
_LARGEST = 1e12  # far more than any time in seconds or place in pixels
_ROUNDED_S = 2e-6  # times in source and release are rounded to the microsecond before they are added

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels."""

CANNOT_HIDE = (
    "A cover hides a head, nothing else: body, clothes, gait, companions, place and captions can still say who it is.",
    "A voice says who speaks: audio that is kept is not changed.",
    "A detector's silence is no proof: watch the film before it leaves the house.",
)
"""What a cover cannot do, in words, in every manifest."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box is at a time; between two places it moves evenly."""

    time_s: float
    box: Box
    """Pixels of the upright source."""


@dataclass(frozen=True, slots=True)
class Source:
    """The footage that the release was made from."""

    name: str
    """The file's name without its folder."""
    sha256: str
    width: int
    """Pixels of the upright picture."""
    height: int
    duration_s: float
    frames: int
    frames_damaged: int
    codec: str
    pixels: str
    """FFmpeg's name of the pixel format."""
    interlaced: bool
    left_out: tuple[str, ...]
    """Streams and side tracks of the source that are not in the release."""


@dataclass(frozen=True, slots=True)
class Output:
    """The released file."""

    name: str
    sha256: str
    width: int
    height: int
    frames: int
    start_s: float
    """Time in the source of the first frame; times in this manifest are times in the source."""
    duration_s: float
    codec: str
    pixels: str
    window: tuple[Place, ...]
    """Where the picture was cut out of the source's, over time; empty where it is the whole picture."""
    encoder: dict[str, str]
    """The encoder's settings."""
    audio: str
    """`dropped`, `kept`, `muted` or `none`."""
    notes: tuple[str, ...]
    """What differs from the source besides the covers."""


@dataclass(frozen=True, slots=True)
class TrackUse:
    """One head followed in time."""

    track: int
    """From 1; 0 gathers faces that were seen once and belong to no track."""
    verdict: Literal["hidden", "kept"]
    why: str
    start_s: float
    end_s: float
    frames_detected: int
    """Frames with a cover (or, kept, a face) where a detector saw the face."""
    frames_filled: int
    """Frames between, before and after those, covered by the track alone."""
    places: tuple[Place, ...]
    """Of a kept track, so that a check knows where a face may be seen; empty for a hidden one."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change that a person made, as it was applied."""

    action: str
    """`hide`, `show` or `cover`."""
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A face that the check saw in the released file where none may be seen."""

    time_s: float
    box: Box
    """Pixels of the upright source."""
    score: float


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked for in the written file, and what was found."""

    model: ModelUse
    frames: int
    """Frames of the written file that were decoded."""
    frames_looked_at: int
    """Frames of these in which faces were looked for."""
    sizes: tuple[str, ...]
    """Sizes of the picture at which faces were looked for, for example `960x544`."""
    score: float
    """The detector score from which a face counts."""
    findings: tuple[Finding, ...]
    allowed: str | None
    """Why the file was released in spite of findings; None where there are none, or where they blocked it."""
    tracks: int
    """Hidden tracks: the number behind the bound."""
    leak_bound: float | None
    """Upper end, at 95 %, of the share of such tracks with a clear frame when none was found: 3 / tracks, at most 1.

    The rule of three. It holds for what the check can see, and is None where there was a finding or no track.
    """


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of wall clock."""

    total_s: float
    find_s: float
    write_s: float
    check_s: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """Where the record of the maker says that this release was made, and what was done with its source besides."""

    log: str
    """The log's name."""
    key: str
    """The log's public key. It proves nothing that comes with the release alone: take it from the maker."""
    use: str
    """The number that all entries of this release carry."""
    disclosure: str | None
    """The source's disclosure secret: who has it can list every use of the source. None where it is kept back."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """All there is to know of one release without its source."""

    made: str
    """UTC, ISO 8601."""
    tool: str
    """Name and version."""
    purpose: str | None
    """None where no recogniser was used: then nobody was compared with anybody."""
    basis: str | None
    authorised_by: str | None
    source: Source
    output: Output
    asked: dict[str, str]
    """The options that the release was made with, as they were given or stand by default."""
    recall: str
    """`high` or `normal`."""
    fill: Literal["solid", "silhouette"]
    colour: str
    """RRGGBB."""
    aspect: str
    models: tuple[ModelUse, ...]
    threshold_fmr: float | None
    """The rate at which a stranger would be taken for a kept or hidden person; None without a recogniser."""
    tracks: tuple[TrackUse, ...]
    frames_held: int
    """Damaged frames, on which the covers of the frame before were held."""
    edits: tuple[Edit, ...]
    check: Check
    timing: Timing
    record: Recorded | None = None
    """None in releases of versions that kept no record."""
    cannot_hide: tuple[str, ...] = CANNOT_HIDE
    schema: str = field(default=SCHEMA)

    @property
    def hidden(self) -> int:
        """Tracks that were hidden; faces without a track are not counted."""
        return sum(track.verdict == "hidden" and track.track > 0 for track in self.tracks)

    def to_json(self) -> str:
        """The manifest as it stands beside the released file: UTF-8, indented, keys in the order of docs/release.md."""
        document = {"schema": self.schema, **{k: v for k, v in asdict(self).items() if k != "schema"}}
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def box_at(places: Sequence[Place], seconds: float) -> Box | None:
    """Where a box is at a time, or None before its first and after its last place."""
    times = [place.time_s for place in places]
    if not places or not times[0] - _ROUNDED_S <= seconds <= times[-1] + _ROUNDED_S:
        return None
    seconds = min(max(seconds, times[0]), times[-1])
    after = min(bisect_right(times, seconds), len(places) - 1)
    one, other = places[max(0, after - 1)], places[after]
    if seconds == other.time_s:  # the sum below may miss it by a rounding
        return other.box
    share = (seconds - one.time_s) / (other.time_s - one.time_s)
    left, top, width, height = (a + share * (b - a) for a, b in zip(one.box, other.box, strict=True))
    return left, top, width, height


def read(path: Path) -> Manifest:
    """A manifest from its file.

    Raises:
        ReleaseError: the file cannot be read, or is no manifest of this schema.
    """
    manifest: Manifest = built(Manifest, document(path, SCHEMA), path)
    return manifest


def document(path: Path, schema: str) -> dict[str, Any]:
    """A JSON file of ours, whose `schema` is the one that is meant.

    Raises:
        ReleaseError: the file cannot be read, or is none.
    """
    hint = f"give a file with the schema {schema}"
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        reason = getattr(fault, "strerror", None) or fault
        raise ReleaseError(f"'{path}' cannot be read: {reason}", hint=hint) from fault
    found = content.get("schema") if isinstance(content, dict) else None
    if found != schema:
        raise ReleaseError(f"'{path}' has the schema {reprlib.repr(found)[:60]}, expected '{schema}'", hint=hint)
    return dict(content)


Shape = TypeVar("Shape")
_SHOWN: dict[type, str] = {dict: "object", int: "number", str: "text"}  # what JSON calls them


def built(kind: type[Shape], value: Any, path: Path) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A value from a JSON file as the type that a field states.

    Raises:
        ReleaseError: it is not one.
    """
    try:
        return _built(kind, value)
    except (TypeError, ValueError) as fault:
        raise ReleaseError(f"'{path}' is not complete: {fault}", hint="was it changed by hand?") from fault


def _built(kind: type[Shape], value: Any) -> Any:  # noqa: ANN401 - a line each
    origin, parts = get_origin(kind), get_args(kind)
    if hasattr(kind, "__dataclass_fields__"):
        hints = get_type_hints(kind)
        if not _known(dict, value).keys() <= hints.keys():
            raise TypeError(f"{kind.__name__} has other keys than {', '.join(hints)}")
        return kind(**{name: _built(hints[name], value[name]) for name in value})
    if origin is tuple:
        inside = [parts[0]] * len(_known(list, value)) if parts[-1] is Ellipsis else list(parts)
        return tuple(_built(each, item) for each, item in zip(inside, _known(list, value), strict=True))
    if origin is dict:
        return {key: _built(parts[1], item) for key, item in _known(dict, value).items()}
    if origin is Literal:
        if value not in parts:
            raise ValueError(f"{reprlib.repr(value)[:60]} is none of {', '.join(parts)}")
        return value
    if origin is Union or type(None) in parts:
        return None if value is None else _built(next(part for part in parts if part is not type(None)), value)
    return _number(value) if kind is float else _known(kind, value)


def _number(value: Any) -> float:  # noqa: ANN401 - whatever JSON holds
    """A number to count with: JSON as Python reads it has NaN, infinity and integers of any length as well."""
    known = value if isinstance(value, float) else _known(int, value)
    if not abs(known) <= _LARGEST:
        raise ValueError(f"{reprlib.repr(value)[:60]} is no number to count with")
    return float(known)


def _known(kind: type[Shape], value: Any) -> Shape:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{reprlib.repr(value)[:60]} is no {_SHOWN.get(kind, kind.__name__)}")
    return value
