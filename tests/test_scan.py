"""One footage from its first frame to its last: what is kept, what is gone on with, and what a track's shots say."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from houselights import models
from houselights.detections import Detections
from houselights.faces import Detector, canvas
from houselights.footage import Footage
from houselights.sampling import AUTO, Sampling
from houselights.scan import Job, Range, Scan, _span, scan
from houselights.templates import Recogniser
from houselights.tracks import Shot, Track

ALIKE = 0.3
Run = Callable[[Job], Scan]


@pytest.fixture(scope="module")
def run(recogniser_path: Path) -> Run:
    """A scan that nobody watches."""
    recogniser = Recogniser(models.default("recogniser"), recogniser_path)
    return lambda job: scan(job, recogniser, ALIKE, lambda _seconds, _frames: None)


def templates(seen: Scan) -> bytes:
    """All templates, in order."""
    return np.stack([probe.template for probe in seen.probes]).tobytes()


@pytest.fixture
def job(film: Path, detector_path: Path, tmp_path: Path) -> Job:
    """A scan of the film with an empty cache."""
    footage = Footage(film / "event.mp4")
    detector = Detector(detector_path, (canvas(footage.facts.width, footage.facts.height),))
    return Job(footage, detector, Sampling("all"), Range(), Detections(tmp_path / "kept"))


def test_a_scan_that_was_killed_goes_on_to_the_same_result(
    run: Run, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T9: stopped after any chunk, the rest gives byte for byte the templates, times and counts of a whole run."""
    monkeypatch.setattr("houselights.detections.CHUNK_FRAMES", 50)
    whole = run(job)
    chunks = sorted((tmp_path / "kept").glob("*.npz"))
    assert len(chunks) == 4
    for stop in range(len(chunks)):
        folder = tmp_path / f"stopped-{stop}"
        folder.mkdir()
        for chunk in chunks[:stop]:
            (folder / chunk.name).write_bytes(chunk.read_bytes())
        again = run(Job(job.footage, job.detector, job.sampling, job.part, Detections(folder)))
        assert templates(again) == templates(whole)
        assert [(p.track, p.start_s, p.end_s, p.shots) for p in again.probes] == [
            (p.track, p.start_s, p.end_s, p.shots) for p in whole.probes
        ]
        assert (again.tally, again.analysed, again.faces, again.tracks) == (
            whole.tally,
            whole.analysed,
            whole.faces,
            whole.tracks,
        )


def test_a_finished_scan_is_replayed_without_detecting(run: Run, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second search of the same footage embeds anew and detects nothing."""
    first = run(job)
    again = Detections(job.kept.folder)
    monkeypatch.setattr(Detector, "stream", None)
    second = run(Job(job.footage, job.detector, job.sampling, job.part, again))
    assert templates(second) == templates(first)
    assert second.tally == first.tally


def test_the_cache_holds_no_template_and_no_pixel(run: Run, job: Job) -> None:
    """What rests after a scan is boxes, points, scores, qualities and times; no bytes of a template, and no pixel."""
    seen = run(job)
    kept = b"".join(file.read_bytes() for file in sorted(job.kept.folder.iterdir()))
    assert seen.probes
    for probe in seen.probes:
        for start in range(0, len(probe.template), 8):
            assert probe.template[start : start + 8].tobytes() not in kept
    names = {name for file in job.kept.folder.glob("*.npz") for name in np.load(file).files}
    assert names == {
        "counts", "boxes", "points", "scores", "parts", "tallies", "first_damage_s", "ticks", "cut", "analyse",
        "analysed_s", "since_analysed", "stir",
    }  # fmt: skip


def test_a_range_is_analysed_alone(run: Run, job: Job, tmp_path: Path) -> None:
    """Nothing before --from or from --to on is seen."""
    facts = job.footage.facts
    part = Range(facts.ticks(1.0), facts.ticks(2.0))
    kept = Detections(tmp_path / "part")
    seen = run(Job(job.footage, job.detector, job.sampling, part, kept))
    assert seen.analysed == 25
    assert all(1.0 <= probe.start_s <= probe.end_s < 2.0 for probe in seen.probes)


def test_auto_looks_at_fewer_frames_and_counts_all(run: Run, job: Job, tmp_path: Path) -> None:
    """`auto` analyses a part of the frames; those decoded and those left out together are all there are."""
    auto = Job(job.footage, job.detector, AUTO, job.part, Detections(tmp_path / "auto"))
    seen = run(auto)
    assert 0 < seen.analysed < job.footage.facts.declared_frames / 2
    assert seen.tally.frames + seen.tally.left_out == job.footage.facts.declared_frames


@pytest.mark.parametrize("together", [1, 1000])
def test_templates_do_not_depend_on_how_many_are_made_at_once(
    run: Run, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    """Each track alone, or all at the end: byte for byte the same, from frames and from what was kept."""
    whole = run(job)
    monkeypatch.setattr("houselights.scan.TOGETHER", together)
    for folder in (tmp_path / "anew", job.kept.folder):
        again = run(Job(job.footage, job.detector, job.sampling, job.part, Detections(folder)))
        assert templates(again) == templates(whole)
        assert [(p.track, p.shots) for p in again.probes] == [(p.track, p.shots) for p in whole.probes]


def passed_on(*lost: int) -> Track:
    """A track that is seen at these ticks and lost from sight before some, by number; with shots at 10, 20 and 60."""
    shots = tuple(
        Shot(ticks, float(ticks), np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 0.5) for ticks in (10, 20, 60)
    )
    ticks = np.array([0, 10, 20, 22, 30, 40, 50, 60, 70])
    return Track(1, ticks, np.zeros((9, 4), np.float32), np.isin(np.arange(9), lost), shots)


def test_a_track_that_passed_to_somebody_else_is_divided_half_way() -> None:
    """Where it was always in sight, one person's span ends half-way to the next person's; it has the track's ends."""
    track = passed_on()
    assert _span(track, [0, 0, 1], [0, 1]) == (0, 30)
    assert _span(track, [0, 0, 1], [2]) == (40, 70)
    assert _span(track, [0, 1, 0], [0, 2]) == (0, 70)
    assert _span(track, [0, 1, 0], [1]) == (20, 30)


def test_a_track_that_passed_on_out_of_sight_is_divided_there() -> None:
    """It passed to somebody else where it was lost longest between their shots, wherever it was lost besides."""
    track = passed_on(1, 3, 6, 8)
    assert _span(track, [0, 0, 1], [0, 1]) == (0, 40)
    assert _span(track, [0, 0, 1], [2]) == (50, 70)
