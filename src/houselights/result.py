"""What a search says: the shapes behind `--json`, schema `houselights/search/2`, and their one JSON form."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from houselights.files import as_json

SCHEMA = "houselights/search/2"


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A model as it was run."""

    role: str
    """`detector` or `recogniser`."""
    name: str
    sha256: str
    licence: str
    runtime: str
    """For example `OpenVINO 2026.4.1 on CPU`."""
    precision: str
    """`f32`, `bf16` or `int8`; that of a detector in films, photographs being looked at in f32 or bf16."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A photograph, or a file of footage, that was not used, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Lookalikes:
    """Two subjects of one gallery whose photographs score above the threshold against each other."""

    subject: str
    other: str
    score: float
    fmr: float


@dataclass(frozen=True, slots=True)
class GalleryUse:
    """The gallery that was searched for."""

    subjects: int
    photographs: int
    """Photographs in use: refused ones are not counted."""
    refused: tuple[Refusal, ...]
    duplicates: tuple[Refusal, ...]
    """Photographs whose bytes stand in the gallery already; the reason names the first."""
    lookalikes: tuple[Lookalikes, ...]
    digest: str
    """SHA-256 over subject names and the photographs' SHA-256, sorted."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which score on a track is a candidate."""

    fmr: float
    """The false-match rate asked for: how often a stranger's photograph scores this high against one subject."""
    score: float
    """The score, -1 to 1, that the calibration gives for that rate between photographs; for tracks of poorer shots the
    score may have to be higher."""
    calibration: str
    """What the rate was measured on."""
    lowest_fmr: float
    """The lowest rate that the calibration can show: a candidate's rate of this value means "at most"."""


@dataclass(frozen=True, slots=True)
class FootageUse:
    """One file of footage and what was done with it."""

    path: str
    sha256: str
    duration_s: float
    frames: int
    """Frames that decoded."""
    frames_analysed: int
    frames_damaged: int
    """Frames or packets that did not decode, or decoded with errors."""
    faces: int
    """Detections over all analysed frames."""
    faces_unusable: int
    """Detections too small, blurred, dark or turned for a template."""
    tracks: int
    tracks_without_template: int
    """Tracks without a usable shot: they were not searched."""
    notes: tuple[str, ...]
    """What a reader must know of this file: a cut-off end, a frame of another size, time stamps made up."""
    error: str | None


@dataclass(frozen=True, slots=True)
class Shot:
    """One face in one frame."""

    time_s: float
    box: tuple[float, float, float, float]
    """Left, top, width, height in pixels of the upright frame."""
    quality: float
    """0 to 1, see docs/quality.md."""


@dataclass(frozen=True, slots=True)
class Odds:
    """What a score means in one search. docs/odds.md has the formulas."""

    kind: str
    """The kind of comparison: how many shots, of what quality."""
    fmr: float
    """How often a stranger scores at least this high against one subject; never 0."""
    low: float
    high: float
    """Its 95 % bounds."""
    how: str
    """`counted`, `fitted` where too few were counted, or `bound`: nothing can be said but "at most"."""
    anybody: float
    """The chance that a stranger's track scores this high with at least one subject of the gallery."""
    anybody_high: float
    """The same at the rate's upper bound."""
    expected: float
    """Scores this high that strangers alone would give in the whole search."""
    expected_high: float
    worst_group: float | None
    """The rate within the group that fares worst by published figures; None where that was left out."""
    posterior: float | None
    """How likely a candidate with this score is right, with the prior that was stated; None without one."""


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """The subject who comes next on a candidate's track, so near that the two cannot be told apart."""

    subject: str
    score: float
    fmr: float


@dataclass(frozen=True, slots=True)
class Assumed:
    """What the odds of a search rest on."""

    subjects: int
    tracks: int
    """Tracks that were compared with each of them."""
    expected: float
    """Candidates that strangers alone would give at the threshold."""
    worst_group: float | None
    """The factor that was put on a rate."""
    prior: float | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A track that looks like a subject: a lead only."""

    subject: str
    footage: str
    track: int
    start_s: float
    end_s: float
    score: float
    """-1 to 1, rounded to 1e-6: the mean cosine between the subject's photographs and the track's template."""
    odds: Odds
    runner_up: RunnerUp | None
    """Another subject who comes so near on this track that the two cannot be told apart."""
    shots: int
    """Shots that were fused into the track's template."""
    best_shot: Shot
    """The shot that scored highest."""
    reference: str
    """The subject's photograph that scored highest."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """When a subject may be seen in one file: candidates' intervals, merged."""

    subject: str
    footage: str
    start_s: float
    end_s: float
    score: float
    """The highest score among the candidates merged."""


@dataclass(frozen=True, slots=True)
class RecordUse:
    """Where the record says that this was done."""

    log: str
    """The log's name."""
    use: str
    """The number that all entries of this use carry."""
    case: str
    """The number of the case it was done in."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time went, in seconds of wall clock."""

    total_s: float
    gallery_s: float
    """Loading the recogniser and enrolling."""
    compiling_s: float
    """Preparing the detector for the footage's sizes."""
    footage_s: float
    """From the first file to the last template."""
    search_s: float


@dataclass(frozen=True, slots=True)
class Result:
    """A whole search."""

    purpose: str
    basis: str
    authorised_by: str
    started: str
    """UTC, ISO 8601."""
    finished: str
    record: RecordUse
    models: tuple[ModelUse, ...]
    gallery: GalleryUse
    threshold: Threshold
    assumed: Assumed
    footage: tuple[FootageUse, ...]
    passed_over: tuple[Refusal, ...]
    """Files in searched folders that are not footage by their names."""
    candidates: tuple[Candidate, ...]
    appearances: tuple[Appearance, ...]
    timing: Timing
    schema: str = field(default=SCHEMA)

    def to_json(self) -> str:
        """The document behind `--json`: keys in the order of docs/json.md, UTF-8, indented."""
        return as_json(self.schema, asdict(self))
