"""Facts about redacting folders, and about what is written beside each release."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import GREEN, Unwatched
from PIL import Image
from test_boxes import clip
from test_footage import drawn
from typer.testing import CliRunner

from houselights.cli import FAILED, PARTLY, app
from houselights.errors import ReleaseError
from houselights.heads import Finder
from houselights.manifest import read
from houselights.record import Record
from houselights.redact import jobs, redact_folder
from houselights.release import Request, beside
from houselights.sources import digest


@pytest.fixture
def folder(detector_path: Path, second_detector_path: Path, tmp_path: Path) -> Path:
    """Clips and photographs in two folders, without a face, and a text."""
    assert detector_path.exists()
    assert second_detector_path.exists()
    inside = tmp_path / "in"
    (inside / "day two").mkdir(parents=True)
    clip(inside / "a.mp4", {"title": "one"})
    clip(inside / "day two" / "b.mkv", {"title": "two"}, frames="2", options={})
    Image.fromarray(drawn(1)).save(inside / "c.png")
    Image.fromarray(drawn(2)).save(inside / "day two" / "d.bmp")
    (inside / "notes.txt").write_text("hello")
    return inside


def files(folder: Path) -> list[str]:
    """The releases in a folder, without what goes with them."""
    beside_it = (".release.json", ".review.html", ".tlog-proof")
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.endswith(beside_it))


def test_a_folder_keeps_its_names(folder: Path, tmp_path: Path) -> None:
    """Clips become .mp4, photographs stay what they are or become .jpg, folders stay, a text is passed over."""
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["redact", str(folder), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "notes.txt" in done.output
    assert files(out) == ["a.mp4", "c.png", "day two/b.mp4", "day two/d.jpg"]
    for name in files(out):
        manifest = read(beside(out / name, "release.json"))
        assert manifest.output.sha256 == digest(out / name)
        assert beside(out / name, "review.html").read_text().startswith("<!doctype html>")
    assert not any("partial" in path.name for path in out.rglob("*"))


def test_a_second_run_does_nothing_and_a_changed_file_is_made_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is as its manifest says is left alone; what was changed, or is wanted otherwise, is made anew."""
    request = Request(folder, tmp_path / "out")
    found, passed = jobs(folder, tmp_path / "out")
    assert [path.name for path, _ in passed] == ["notes.txt"]
    found = [job for job in found if job.source.parent == folder]  # of each kind one
    assert all(done.released and not done.error for done in redact_folder(found, request, Record.here(), Unwatched()))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    with monkeypatch.context() as patch:
        patch.setattr(Finder, "__init__", None)
        again = list(redact_folder(found, request, Record.here(), Unwatched()))
    assert [(done.released, done.error) for done in again] == [(None, None)] * 2
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before
    (tmp_path / "out" / "c.png").write_bytes(b"changed")
    third = list(redact_folder(found, request, Record.here(), Unwatched()))
    assert [done.job.out.name for done in third if done.released] == ["c.png"]
    other = replace(request, fill=GREEN)
    assert all(done.released for done in redact_folder(found[:1], other, Record.here(), Unwatched()))


@pytest.mark.parametrize("more", [{"quality": 40, "codec": "hevc"}, {"until_s": 0.1}, {"audio": "mute"}])
def test_another_setting_is_not_taken_for_done(folder: Path, tmp_path: Path, more: dict[str, object]) -> None:
    """A folder that is wanted with another codec, quality, range or sound is made again."""
    clip(folder / "a.mp4", {}, sound=True)
    request = Request(folder, tmp_path / "out")
    found = [job for job in jobs(folder, tmp_path / "out")[0] if job.source.name == "a.mp4"]
    assert all(done.released for done in redact_folder(found, request, Record.here(), Unwatched()))
    other = replace(request, **more)  # type: ignore[arg-type]
    assert all(done.released for done in redact_folder(found, other, Record.here(), Unwatched()))


def test_one_bad_file_stops_no_other(folder: Path, tmp_path: Path) -> None:
    """The rest is released, the bad one is named, and the exit status is 3."""
    (folder / "aa.mp4").write_text("no film")
    (folder / "bb.jpg").write_bytes(b"\xff\xd8\xff no photograph")
    (folder / "day two" / "d.bmp").unlink()
    (folder / "c.png").unlink()
    done = CliRunner().invoke(app, ["redact", str(folder), "-o", str(tmp_path / "out")])
    assert done.exit_code == PARTLY
    said = " ".join(done.output.split())
    assert "aa.mp4" in said
    assert "bb.jpg" in said
    assert "2 released" in said
    assert "2 failed" in said
    assert files(tmp_path / "out") == ["a.mp4", "day two/b.mp4"]


def test_two_that_would_have_one_name_are_refused(folder: Path, tmp_path: Path) -> None:
    """Before anything is written, with both names."""
    clip(folder / "a.mkv", {}, options={})
    with pytest.raises(ReleaseError, match="would both be") as caught:
        jobs(folder, tmp_path / "out")
    assert "a.mkv" in caught.value.message
    assert "a.mp4" in caught.value.message
    assert not (tmp_path / "out").exists()


def test_names_that_differ_in_case_alone_are_refused(folder: Path, tmp_path: Path) -> None:
    """On disks that do not tell case apart, the second would take the place of the first."""
    clip(folder / "A.mkv", {}, options={})
    with pytest.raises(ReleaseError, match="would both be"):
        jobs(folder, tmp_path / "out")


def test_folders_in_each_other_are_refused(folder: Path, tmp_path: Path) -> None:
    """A release inside its source would be footage of the next run; through a link it is the same."""
    (tmp_path / "link").symlink_to(folder)
    for out in (folder, folder / "out", tmp_path, tmp_path / "link" / "out"):
        with pytest.raises(ReleaseError, match="lie in each other"):
            jobs(folder, out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReleaseError, match="no footage in"):
        jobs(tmp_path / "empty", tmp_path / "out")


def test_one_manifest_for_many_files_is_refused(tmp_path: Path) -> None:
    """--manifest names one file: with a folder it is refused before any file is looked at."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_text("no film")
    command = ["redact", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--manifest", str(tmp_path / "m.json")]
    assert CliRunner().invoke(app, command).exit_code == FAILED


def test_the_review_sheet_shows_covers_and_no_faces(released: Path) -> None:
    """Beside a release lie its manifest and its sheet; the sheet needs no other file and no network."""
    assert sorted(path.name for path in released.parent.iterdir()) == [
        "out.mp4",
        "out.mp4.release.json",
        "out.mp4.review.html",
        "out.mp4.tlog-proof",
    ]
    page = beside(released, "review.html").read_text()
    assert "data:image/jpeg;base64," in page
    assert "http://" not in page
    assert np.all([track.places == () for track in read(beside(released, "release.json")).tracks])
