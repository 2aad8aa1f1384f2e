"""One search over many files: what it finds, what it says of the rest, and that nothing stops it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from houselights import batch, config, demo, detections, models, policy, rounding
from houselights.errors import CalibrationError, FootageError, ModelError, PolicyError, SettingsError
from houselights.event import Event
from houselights.footage import Facts, Footage
from houselights.record import Record
from houselights.result import FootageUse, Shot
from houselights.rig import Rig
from houselights.rounding import Ranges
from houselights.sampling import Sampling
from houselights.scan import Scan
from houselights.search import Probe

USE = policy.authority("evaluation", "a test", "the tester")


class Nobody:
    """A watcher that remembers what it was told."""

    def __init__(self) -> None:
        """Nothing was told yet."""
        self.told: list[str] = []

    def gallery(self, done: int, total: int) -> None:
        """Photographs looked at."""

    def identified(self, done: int, total: int) -> None:
        """Hashed."""
        self.told.append(f"gallery {done}/{total}")

    def files(self, files: list[Path]) -> None:
        """All the footage there will be."""
        self.told.append(f"files {len(files)}")

    def begin(self, file: int, facts: Facts, *, kept: bool) -> None:
        """A file is open."""
        self.told.append(f"begin {file} {facts.path.name} {kept}")

    def progress(self, file: int, seconds: float, frames: int) -> None:
        """Seconds of footage done."""

    def end(self, file: int, use: FootageUse) -> None:
        """A file is done."""
        self.told.append(f"end {file} {use.error}")


def request(film: Path, *footage: Path) -> batch.Request:
    """A search of the film, or other footage, for the film's gallery."""
    return batch.Request(footage or (film / "event.mp4",), USE, gallery=film / "gallery", sampling=Sampling("all"))


@pytest.fixture(scope="module")
def outcome(film: Path) -> batch.Outcome:
    """The search of the film."""
    return batch.run(request(film), Record.here(), Nobody())


def test_everybody_enrolled_is_found_and_nobody_else(outcome: batch.Outcome, truth: Event) -> None:
    """On a film with known truth each enrolled person appears when they walk, and there is no other candidate."""
    rows = demo.compare(truth, outcome.result.appearances)
    assert all(row.met > 0 for row in rows if row.enrolled)
    assert not any(row.stray for row in rows)
    assert {c.subject for c in outcome.result.candidates} == {person.id for person in truth.people if person.enrolled}


def test_a_second_run_says_the_same(outcome: batch.Outcome, film: Path) -> None:
    """From kept detections, several files at a time or anew, candidates are equal to the last digit."""
    again = batch.run(request(film), Record.here(), Nobody())
    anew = batch.run(replace(request(film), resume=False, jobs=2), Record.here(), Nobody())
    assert again.result.candidates == anew.result.candidates == outcome.result.candidates


def test_bad_files_are_reported_and_stop_nobody(film: Path, tmp_path: Path, outcome: batch.Outcome) -> None:
    """A torn video, a text and an empty file each have their error; the good film among them is searched."""
    whole = (film / "event.mp4").read_bytes()
    (tmp_path / "a-text.mp4").write_text("not a film")
    (tmp_path / "b-empty.mkv").touch()
    (tmp_path / "c-film.mp4").write_bytes(whole)
    (tmp_path / "d-torn.mp4").write_bytes(whole[:2000])
    (tmp_path / "notes.txt").write_text("hello")
    watcher = Nobody()
    result = batch.run(request(film, tmp_path), Record.here(), watcher).result
    errors = {Path(use.path).name: use.error for use in result.footage}
    assert errors.pop("c-film.mp4") is None
    assert all("cannot be opened" in str(error) for error in errors.values())
    assert [Path(entry.file).name for entry in result.passed_over] == ["notes.txt"]
    assert [c.score for c in result.candidates] == [c.score for c in outcome.result.candidates]
    assert "files 4" in watcher.told


def test_appearances_never_join_across_files(film: Path, tmp_path: Path) -> None:
    """The same film under two names gives the same appearances twice."""
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / name).write_bytes((film / "event.mp4").read_bytes())
    found = batch.run(request(film, tmp_path), Record.here(), Nobody()).result.appearances
    one, two = ([replace(a, footage="") for a in found if a.footage.endswith(name)] for name in ("one.mp4", "two.mp4"))
    assert one == two != []


def test_a_photograph_is_footage_too(film: Path, cast_folder: Path, truth: Event, tmp_path: Path) -> None:
    """A still is searched like a film of one frame."""
    person = next(person.id for person in truth.people if person.enrolled)
    picture = Image.open(cast_folder / person / "assets" / "character_sheet.jpg").crop((0, 0, 600, 600))
    picture.save(tmp_path / "still.png")
    result = batch.run(request(film, tmp_path / "still.png"), Record.here(), Nobody()).result
    assert result.footage[0].frames == 1
    assert {c.subject for c in result.candidates} <= {person}


def test_refusals_come_before_any_footage_is_opened(film: Path, tmp_path: Path) -> None:
    """No subject, no footage, a rate that was never measured, terms not accepted: each is said at once."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(PolicyError, match="at least one named subject"):
        batch.run(replace(request(film), gallery=tmp_path / "empty"), Record.here(), Nobody())
    with pytest.raises(FootageError, match="no footage in"):
        batch.run(request(film, tmp_path / "empty"), Record.here(), Nobody())
    with pytest.raises(CalibrationError, match="1e-09 is outside"):
        batch.run(replace(request(film), threshold_fmr=1e-9), Record.here(), Nobody())
    with pytest.raises(ModelError, match="must be accepted first"):
        batch.run(replace(request(film), recogniser="w600k_mbf"), Record.here(), Nobody())


@pytest.mark.parametrize(
    "setting", [{"worst_group": 0.5}, {"worst_group": float("nan")}, {"prior": 0.0}, {"prior": 1.0}]
)
def test_what_cannot_be_assumed_is_refused_before_anything_is_opened(film: Path, setting: dict[str, float]) -> None:
    """A factor below 1, or a prior that is no share, gives an error and no entry."""
    record = Record.here()
    before = len(record.entries())
    with pytest.raises(SettingsError, match="is not possible"):
        batch.run(replace(request(film), **setting), record, Nobody())
    assert len(record.entries()) == before


def test_what_is_assumed_stands_in_each_candidate(film: Path, outcome: batch.Outcome) -> None:
    """With a prior each candidate has a posterior, without the worst group none has its rate; all else stays equal."""
    stated = replace(request(film), worst_group=None, prior=0.001)
    again = batch.run(stated, Record.here(), Nobody()).result
    assert (again.assumed.worst_group, again.assumed.prior) == (None, 0.001)
    for one, plain in zip(again.candidates, outcome.result.candidates, strict=True):
        assert one.odds.worst_group is None
        assert 0.5 < (one.odds.posterior or 0) < 1
        assert replace(one, odds=plain.odds) == plain


def test_crowd_looks_at_twice_the_size_as_well(film: Path) -> None:
    """With `crowd` no fewer faces are found, each still once, and the result is kept under another name."""
    one = replace(request(film), sampling=Sampling("every", 20))
    plain, crowd = (
        batch.run(replace(one, crowd=flag), Record.here(), Nobody()).result.footage[0] for flag in (False, True)
    )
    assert crowd.faces >= plain.faces > 0
    assert crowd.faces < 2 * plain.faces
    assert crowd.frames_analysed == plain.frames_analysed == 10


def test_a_range_outside_the_footage_is_said(film: Path) -> None:
    """--from beyond the end is that file's error."""
    result = batch.run(replace(request(film), since_s=500.0), Record.here(), Nobody()).result
    assert "no frame between --from and --to" in str(result.footage[0].error)


def test_the_document_is_complete(outcome: batch.Outcome) -> None:
    """The JSON names schema, authority, models with digests, threshold with calibration, and every count."""
    document = json.loads(outcome.result.to_json())
    assert document["schema"] == "houselights/search/2"
    assert (document["purpose"], document["basis"], document["authorised_by"]) == ("evaluation", "a test", "the tester")
    assert [model["role"] for model in document["models"]] == ["detector", "recogniser"]
    assert all(len(model["sha256"]) == 64 for model in document["models"])
    assert document["threshold"]["fmr"] == 1e-5
    assert "comparisons of different people" in document["threshold"]["calibration"]
    use = document["footage"][0]
    assert use["frames"] == use["frames_analysed"] > 0
    tracks = use["tracks"] - use["tracks_without_template"]
    assumed = document["assumed"]
    assert (assumed["subjects"], assumed["tracks"]) == (document["gallery"]["subjects"], tracks)
    assert assumed["expected"] == pytest.approx(1e-5 * assumed["subjects"] * tracks, rel=0.01)
    assert (assumed["worst_group"], assumed["prior"]) == (100, None)
    candidate = document["candidates"][0]
    odds = candidate["odds"]
    assert 0 < odds["fmr"] <= min(1e-5, odds["high"], odds["anybody"])
    assert odds["how"] in {"counted", "fitted", "bound"}
    assert odds["posterior"] is None
    assert candidate["reference"].endswith(".jpg")
    assert len(candidate["best_shot"]["box"]) == 4


def test_detections_lie_in_the_cache_under_hash_and_settings(outcome: batch.Outcome) -> None:
    """Kept work is found again by the footage's SHA-256, whatever the file is called."""
    sha256 = outcome.result.footage[0].sha256
    assert list((config.cache_dir() / "detections").glob(f"{sha256[:32]}-*"))


def test_detections_of_another_precision_are_kept_apart(film: Path) -> None:
    """What was found in f32 is not gone on with in 8 bits, nor with other ranges; in f32 the ranges do not count."""
    facts = Footage(film / "event.mp4").facts
    request = batch.Request(footage=(film / "event.mp4",), authority=policy.authority("evaluation", "a", "b"))
    rig = Rig(models.default("recogniser"), None, 1e-5)
    use = rig.uses[0]

    def settings(precision: str, ranges: Ranges) -> str:
        rig.ranges, rig.uses = ranges, (replace(use, precision=precision), rig.uses[1])
        return detections.key("0" * 64, batch._settings(facts, request, rig))

    one = rounding.built_in(models.default("detector"))
    assert one is not None
    other = Ranges(one.sha256, "other pictures", one.largest)
    names = {settings("f32", one), settings("int8", one), settings("int8", other)}
    assert len(names) == 3
    assert settings("f32", other) in names


def test_tracks_poorer_than_what_was_measured_are_not_searched() -> None:
    """A track is left out, and counted, where none of its people has shots of a quality that the calibration knows."""
    seen = Scan(tracks=3, probes=[track(1, 0.9), track(2, 0.2), track(2, 0.8), track(3, 0.2)])
    batch._leave_poor(seen, 0.35)
    assert [probe.track for probe in seen.probes] == [1, 2]
    assert seen.without_template == 1


def track(number: int, quality: float) -> Probe:
    """A track with one shot of a quality."""
    shot = Shot(1.0, (0.0, 0.0, 9.0, 9.0), quality)
    template = np.eye(1, 4, dtype=np.float32)
    return Probe("a.mp4", number, 0.0, 2.0, (shot,), template, template[0])
