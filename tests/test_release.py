"""Facts about releases: whose head can be seen, what stays of the source, and that nothing half done has a name."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import GREEN, SCENE, Unwatched
from numpy.typing import NDArray
from PIL import Image
from test_boxes import clip
from test_footage import drawn
from typer.testing import CliRunner

from houselights import config, demo, models, policy
from houselights.cli import BLOCKED, app
from houselights.edits import Change, to_json
from houselights.errors import Error, FootageError, GalleryError, PolicyError, ReleaseError
from houselights.event import Event, read_truth
from houselights.frame import Frame
from houselights.heads import Finder
from houselights.manifest import Box, Manifest, Place, TrackUse, box_at, read
from houselights.record import Record
from houselights.release import Released, Request, beside, release
from houselights.sources import digest
from houselights.templates import Recogniser
from houselights.types import Faces

ASKED = policy.authority("subject-access", "a request of the person", "the tester")
KEPT = "P005"  # of the enrolled the one whose face is in the scene
HEIGHT = 20  # pixels from which on a face may not be clear
SLACK = 30  # levels by which an encoder may change a sample of a saturated colour

Planes = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path) -> Iterator[None]:
    """No test leaves a file under a name that is not its own."""
    yield
    assert [file.name for file in tmp_path.rglob("*") if "partial" in file.name] == []


def made(source: Path, out: Path, **more: object) -> Released:
    """A release under green covers."""
    return release(replace(Request(source, out, fill=GREEN), **more), Record.here(), Unwatched())  # type: ignore[arg-type]


def shown(path: Path) -> list[tuple[Fraction, av.VideoFrame]]:
    """The pictures of a file and their times, as any player decodes them."""
    with av.open(str(path)) as file:
        return [((frame.pts or 0) * (frame.time_base or Fraction(1)), frame) for frame in file.decode(video=0)]


def green(frame: av.VideoFrame) -> NDArray[np.bool_]:
    """(height, width) which pixels have the colour of the covers: computed anew, by BT.601 in the limited range."""
    red, green_, blue = (value / 255 for value in GREEN.rgb)
    luma = 0.299 * red + 0.587 * green_ + 0.114 * blue
    wanted = (16 + 219 * luma, 128 + 224 * (blue - luma) / 1.772, 128 + 224 * (red - luma) / 1.402)
    planes = frame.reformat(format="yuv444p").to_ndarray().astype(float)
    assert frame.format.name == "yuv420p"
    return (np.abs(planes - np.array(wanted)[:, None, None]) <= SLACK).all(axis=0)


def share(covered: NDArray[np.bool_], box: Box) -> float:
    """The covered share of what is in the picture of a box; 1 where nothing of it is."""
    left, top, right, bottom = round(box[0]), round(box[1]), round(box[0] + box[2]), round(box[1] + box[3])
    part = covered[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    return float(part.mean()) if part.size else 1.0


def faces_of(path: Path, truth: Event, begin: int = 0) -> list[tuple[str, float, float]]:
    """Whose face, when, and how much of it is covered, for every face that is half visible and not too small."""
    frames = {frame.ticks: frame for frame in truth.frames}
    base, found = Fraction(*truth.time_base), []
    for at, picture in shown(path):
        covered, now = green(picture), frames[truth.frames[0].ticks + begin + round(at / base)]
        found += [
            (face.person, float(at), share(covered, face.box))
            for face in now.faces
            if face.visible >= 0.5 and face.box[3] >= HEIGHT
        ]
    return found


def clear(faces: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Those that can be seen: less than 0.98 of their box is covered."""
    return [face for face in faces if face[2] < 0.98]


@pytest.fixture(scope="session")
def scene_truth(scene: Path) -> Event:
    """What is true of the scene."""
    return read_truth(scene / "truth.json")


@pytest.fixture(scope="session")
def kept(scene: Path, released: Path, tmp_path_factory: pytest.TempPathFactory) -> Released:
    """The scene with one person kept, from detections that the plain release left."""
    assert released.exists()
    out = tmp_path_factory.mktemp("kept") / "out.mp4"
    return made(scene / "event.mp4", out, authority=ASKED, keep=(portrait(scene),))


def portrait(scene: Path) -> Path:
    """The photograph of who is kept."""
    return next((scene / "gallery" / KEPT).iterdir())


@pytest.fixture
def drawing(second_detector_path: Path, detector_path: Path, tmp_path: Path) -> Path:
    """A short drawn clip without any face, with sound and with all that no release has."""
    assert second_detector_path.exists()
    assert detector_path.exists()
    clip(tmp_path / "in.mp4", {"title": "who", "location": "+52.5+013.4/"}, sound=True, chapters=True)
    return tmp_path / "in.mp4"


# R41: no face is clear


def test_no_face_is_clear(scene: Path, released: Path, scene_truth: Event) -> None:
    """In the written file no face of the scene can be seen, though in the source all can."""
    before, after = (faces_of(path, scene_truth) for path in (scene / "event.mp4", released))
    assert len(before) == len(after) > 60
    assert len(clear(before)) == len(before)
    assert clear(after) == []


def test_no_face_is_clear_in_footage_that_is_stored_turned(
    detector_path: Path, second_detector_path: Path, cast_folder: Path, tmp_path: Path
) -> None:
    """Turned footage is upright in the release, once and without a flag, and no face is clear in it."""
    assert all(path.exists() for path in (detector_path, second_detector_path, cast_folder))
    settings = replace(SCENE, seconds=1.2, cuts=0, seed=12, rotation=90)
    truth = demo.make_event(tmp_path / "film", settings, lambda _done, _all: None)
    made(tmp_path / "film" / "event.mp4", tmp_path / "out.mp4")
    found = faces_of(tmp_path / "out.mp4", truth)
    assert len(found) > 10
    assert clear(found) == []
    pictures = [picture for _, picture in shown(tmp_path / "out.mp4")]
    assert {(picture.width, picture.height, picture.rotation) for picture in pictures} == {(640, 360, 0)}


def test_covers_are_no_larger_than_they_must_be(released: Path, scene_truth: Event) -> None:
    """Most of the picture is as it was: covers are heads, not the whole frame."""
    assert scene_truth.frames
    assert np.mean([green(picture).mean() for _, picture in shown(released)]) < 0.3


# What stays of the source


def test_times_size_and_length_are_the_sources(scene: Path, released: Path) -> None:
    """Every frame is there at its own time, to the tick, with uneven times too."""
    source, out = shown(scene / "event.mp4"), shown(released)
    assert [at - source[0][0] for at, _ in source] == [at for at, _ in out]
    assert len({later - at for (at, _), (later, _) in pairwise(out)}) > 2
    assert {(picture.width, picture.height) for _, picture in out} == {(640, 360)}
    manifest = read(beside(released, "release.json"))
    assert manifest.source.frames == manifest.output.frames == len(out)
    assert manifest.output.duration_s == pytest.approx(manifest.source.duration_s, abs=0.05)


def test_a_range_keeps_the_time_of_the_source(scene: Path, scene_truth: Event, tmp_path: Path) -> None:
    """--from and --to: the file begins at 0, the manifest says where that is, and covers lie where they should."""
    done = made(scene / "event.mp4", tmp_path / "out.mp4", since_s=1.6, until_s=2.4)
    wanted = [each.ticks for each in scene_truth.frames if 1.6 * 90_000 <= each.ticks - first(scene_truth) < 2.4 * 9e4]
    found = shown(tmp_path / "out.mp4")
    assert [round(at * 90_000) for at, _ in found] == [ticks - wanted[0] for ticks in wanted]
    assert done.manifest.output.start_s == pytest.approx((wanted[0] - first(scene_truth)) / 90_000, abs=1e-6)
    faces = faces_of(tmp_path / "out.mp4", scene_truth, wanted[0] - first(scene_truth))
    assert len(faces) > 10
    assert clear(faces) == []
    with pytest.raises(FootageError, match="no frame"):
        made(scene / "event.mp4", tmp_path / "none.mp4", since_s=50, until_s=60)
    assert not (tmp_path / "none.mp4").exists()


def first(truth: Event) -> int:
    """The tick of the first frame."""
    return truth.frames[0].ticks


def test_the_source_is_only_read(drawing: Path, tmp_path: Path) -> None:
    """Its bytes and its times are the same before and after."""
    before = (digest(drawing), drawing.stat().st_mtime_ns)
    done = made(drawing, tmp_path / "out.mp4")
    assert (digest(drawing), drawing.stat().st_mtime_ns) == before
    assert done.manifest.source.sha256 == before[0]
    assert done.manifest.output.sha256 == digest(tmp_path / "out.mp4")
    assert done.manifest.source.left_out


def test_sound_is_dropped_unless_it_is_asked_for(drawing: Path, tmp_path: Path) -> None:
    """`drop` leaves no track of sound, `keep` the source's, `mute` one of silence as long."""
    found = {}
    for audio in ("drop", "keep", "mute"):
        done = made(drawing, tmp_path / f"{audio}.mp4", audio=audio)
        with av.open(str(tmp_path / f"{audio}.mp4")) as file:
            found[audio] = (done.manifest.output.audio, len(file.streams.audio), len(file.streams))
    assert found == {"drop": ("dropped", 0, 1), "keep": ("kept", 1, 2), "mute": ("muted", 1, 2)}


def test_ten_bits_and_hdr_stay(detector_path: Path, second_detector_path: Path, tmp_path: Path) -> None:
    """HDR footage keeps its depth, its transfer, its primaries and its matrix; the manifest speaks of it."""
    assert detector_path.exists()
    assert second_detector_path.exists()
    with av.open(str(tmp_path / "in.mp4"), "w") as file:
        stream = file.add_stream("libx265", rate=25, options={"x265-params": "log-level=none"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = 9, 16, 9, 1
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(drawn(number, 96, 64), "rgb24").reformat(format="yuv420p10le")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    done = made(tmp_path / "in.mp4", tmp_path / "out.mp4", codec="hevc")
    _, picture = shown(tmp_path / "out.mp4")[0]
    assert picture.format.name == done.manifest.output.pixels == "yuv420p10le"
    assert [int(each) for each in (picture.color_primaries, picture.color_trc, picture.colorspace)] == [9, 16, 9]
    assert any("HDR" in note for note in done.manifest.output.notes)


def test_a_photograph_is_upright_and_bare(
    cast_folder: Path, detector_path: Path, second_detector_path: Path, tmp_path: Path
) -> None:
    """A photograph with an EXIF flag is turned once, loses all metadata, and its face is covered."""
    assert detector_path.exists()
    assert second_detector_path.exists()
    with Image.open(min(cast_folder.glob("*/assets/studio_portrait.jpg"))) as image:
        upright = image.convert("RGB").resize((300, 260))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    stored.save(tmp_path / "in.jpg", quality=95, exif=exif)
    done = made(tmp_path / "in.jpg", tmp_path / "out.jpg")
    assert done.manifest.hidden + sum(track.track == 0 for track in done.manifest.tracks) >= 1
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.size == upright.size
        assert not image.getexif()
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        after, before = (np.asarray(each, int) for each in (image.convert("RGB"), upright))
    covered = (np.abs(after - GREEN.rgb) <= SLACK).all(axis=2)
    assert 0.03 < covered.mean() < 0.6
    assert np.abs(after - before)[~covered].mean() < 6
    with pytest.raises(ReleaseError, match="does not fit"):
        made(tmp_path / "in.jpg", tmp_path / "out.mp4")


def test_a_social_cut_has_its_shape_and_stays_in_the_picture(
    scene: Path, released: Path, scene_truth: Event, tmp_path: Path
) -> None:
    """9:16 of 640x360 is 202x360; faces that are in the window are covered in it, and it does not jump."""
    assert released.exists()
    done = made(scene / "event.mp4", tmp_path / "out.mp4", aspect="9:16")
    output, frames = done.manifest.output, {frame.ticks: frame for frame in scene_truth.frames}
    assert (output.width, output.height) == (202, 360)
    assert all(0 <= place.box[0] <= 640 - 202 and place.box[1] == 0 for place in output.window)
    seen = 0
    for at, picture in shown(tmp_path / "out.mp4"):
        left = box_at(output.window, float(at))
        assert left is not None
        for face in frames[first(scene_truth) + round(at * 90_000)].faces:
            inside = face.box[0] >= left[0] + 2 and face.box[0] + face.box[2] <= left[0] + 200
            if face.visible >= 0.5 and face.box[3] >= HEIGHT and inside:
                seen += 1
                assert share(green(picture), (face.box[0] - left[0], *face.box[1:])) >= 0.97
    assert seen > 10


# Who is hidden


def test_nobody_is_compared_with_anybody_by_default(
    drawing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --keep and --hide the recogniser's file is not asked for, no recogniser is made, and no template."""
    asked: list[str] = []
    real = models.path_of

    def watched(model: models.Model) -> Path:
        asked.append(model.role)
        return real(model)

    def refuse(*_: object) -> None:
        raise AssertionError("a recogniser was made")

    monkeypatch.setattr(models, "path_of", watched)
    monkeypatch.setattr(Recogniser, "__init__", refuse)
    manifest = made(drawing, tmp_path / "out.mp4").manifest
    assert set(asked) == {"detector", "second-detector"}
    assert (manifest.purpose, manifest.threshold_fmr) == (None, None)
    assert {use.role for use in manifest.models} == {"detector", "second-detector"}


def test_keep_shows_one_person_and_nobody_else(kept: Released, scene_truth: Event) -> None:
    """Who is kept can be seen in most frames; no face of anybody else is clear in any."""
    found = faces_of(kept.path, scene_truth)
    assert clear([face for face in found if face[0] != KEPT]) == []
    mine = [covered for person, _, covered in found if person == KEPT]
    assert np.mean(np.array(mine) < 0.5) > 0.8
    (track,) = [track for track in kept.manifest.tracks if track.verdict == "kept"]
    assert "taken for studio_portrait" in track.why
    assert (kept.manifest.purpose, kept.manifest.threshold_fmr) == ("subject-access", 1e-5)
    assert [use.role for use in kept.manifest.models][-1] == "recogniser"


def test_hide_hides_one_person_and_whoever_is_not_known(
    scene: Path, released: Path, scene_truth: Event, tmp_path: Path
) -> None:
    """With --hide alone that person is never clear; who is unlike them is seen, who cannot be told is hidden."""
    assert released.exists()
    done = made(scene / "event.mp4", tmp_path / "out.mp4", authority=ASKED, hide=(portrait(scene),))
    found = faces_of(done.path, scene_truth)
    assert clear([face for face in found if face[0] == KEPT]) == []
    assert len(clear([face for face in found if face[0] != KEPT])) > 20
    whys = {track.why for track in done.manifest.tracks if track.verdict == "hidden"}
    assert any("no picture of this head is good enough" in why for why in whys)
    assert all("not like anybody" in track.why for track in done.manifest.tracks if track.verdict == "kept")


def test_a_photograph_of_two_or_of_nobody_is_refused_by_name(scene: Path, tmp_path: Path) -> None:
    """Who is meant must be plain: each such photograph is named, with what is wrong with it, and nothing is written."""
    with Image.open(portrait(scene)) as image:
        one = image.convert("RGB").resize((400, 400))
    two = Image.new("RGB", (800, 400))
    two.paste(one, (0, 0))
    two.paste(one.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (400, 0))
    two.save(tmp_path / "two.jpg")
    Image.new("RGB", (400, 400), (90, 120, 90)).save(tmp_path / "nobody.jpg")
    keep = (tmp_path / "two.jpg", tmp_path / "nobody.jpg", portrait(scene))
    with pytest.raises(GalleryError, match="cannot be used") as caught:
        made(scene / "event.mp4", tmp_path / "out.mp4", authority=ASKED, keep=keep)
    assert all(name in caught.value.message for name in ("two.jpg", "nobody.jpg"))
    assert "studio_portrait" not in caught.value.message
    assert not list(tmp_path.glob("out*"))


def test_comparing_people_needs_a_purpose_that_allows_it(scene: Path, tmp_path: Path) -> None:
    """--keep without a purpose, or for one that has nothing to do with a release, is refused at once."""
    request = Request(scene / "event.mp4", tmp_path / "out.mp4", keep=(portrait(scene),))
    with pytest.raises(PolicyError, match="without a purpose"):
        release(request, Record.here(), Unwatched())
    police = policy.authority("crime-suspect", "a warrant", "the tester")
    with pytest.raises(PolicyError, match="does not allow"):
        release(replace(request, authority=police), Record.here(), Unwatched())
    publish = policy.authority("public-release", "consent", "the tester")
    policy.check_release(publish, 1)
    with pytest.raises(PolicyError, match="is not searched"):
        policy.check_search(publish, 1)


# Names


def test_the_source_and_other_files_are_never_written_over(drawing: Path, tmp_path: Path) -> None:
    """The source under any name, a file that is no release, or a release of other footage: each is refused as it is."""
    (tmp_path / "link.mp4").symlink_to(drawing)
    (tmp_path / "mine.mp4").write_bytes(b"mine")
    for out, message in ((drawing, "is the source itself"), (tmp_path / "link.mp4", "is the source itself")):
        with pytest.raises(ReleaseError, match=message):
            made(drawing, out)
    before = digest(drawing)
    with pytest.raises(ReleaseError, match="no release of"):
        made(drawing, tmp_path / "mine.mp4")
    assert (tmp_path / "mine.mp4").read_bytes() == b"mine"
    with pytest.raises(ReleaseError, match="not the name of an mp4"):
        made(drawing, tmp_path / "out.mov")
    with pytest.raises(ReleaseError, match="is not there"):
        made(drawing, tmp_path / "nowhere" / "out.mp4")
    assert digest(drawing) == before


def test_an_earlier_release_of_the_same_footage_is_replaced(drawing: Path, tmp_path: Path) -> None:
    """Made again with another setting, the file and its manifest are the new ones; of other footage, neither is."""
    out = tmp_path / "out.mp4"
    one = made(drawing, out).manifest.output
    two = made(drawing, out, quality=40).manifest.output
    assert one.sha256 != two.sha256 == digest(out) == read(beside(out, "release.json")).output.sha256
    clip(tmp_path / "other.mp4", {}, frames="2")
    with pytest.raises(ReleaseError, match="no release of"):
        made(tmp_path / "other.mp4", out)
    assert digest(out) == two.sha256


# Edits


class Idle(Finder):
    """A finder that may not be asked."""

    def stream(self, frames: object) -> Iterator[tuple[Frame, Faces]]:
        """Nothing may be detected anew."""
        raise AssertionError(frames)


def edits(path: Path, source: Path, *changes: Change) -> Path:
    """A file of edits for some footage."""
    path.write_text(to_json(digest(source), changes))
    return path


def test_a_cover_and_a_shown_track_are_applied_without_detecting(
    scene: Path, released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cover` hides a place between its first and last time; `show` opens a track for as long as it says."""
    tracks = read(beside(released, "release.json")).tracks
    track = max((track for track in tracks if track.track), key=lambda track: track.frames_detected)
    begin, end = track.start_s + 0.4, track.start_s + 0.8
    places = (Place(0.2, (10, 20, 60, 60)), Place(0.6, (110, 20, 60, 60)))
    path = edits(
        tmp_path / "edits.json",
        scene / "event.mp4",
        Change("cover", "a poster with a face", places=places),
        Change("show", "the host", track.track, begin, end),
    )
    monkeypatch.setattr("houselights.release.Finder", Idle)
    done = made(scene / "event.mp4", tmp_path / "out.mp4", edits=path)
    for at, picture in shown(done.path):
        if at > 1:
            break
        where = (10 + 250 * (float(at) - 0.2), 20.0, 60.0, 60.0)
        assert (share(green(picture), where) > 0.9) == (0.2 <= at <= 0.6), float(at)
    (shows,) = [each for each in done.manifest.tracks if each.verdict == "kept"]
    assert (shows.track, shows.why) == (track.track, "the host")
    assert begin <= shows.start_s <= shows.end_s <= end
    assert [(edit.action, edit.reason) for edit in done.manifest.edits] == [
        ("cover", "a poster with a face"),
        ("show", "the host"),
    ]
    middle = shows.places[len(shows.places) // 2]
    frame = next(picture for at, picture in shown(done.path) if float(at) >= middle.time_s - 1e-6)
    assert share(green(frame), inner(middle.box)) < 0.5


def inner(box: Box) -> Box:
    """The middle of a box."""
    return box[0] + 0.3 * box[2], box[1] + 0.3 * box[3], 0.4 * box[2], 0.4 * box[3]


def test_who_is_kept_can_be_hidden_for_a_time(
    scene: Path, kept: Released, scene_truth: Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`hide` wins over --keep from its time on; before it the person is seen as without it."""
    (track,) = [track for track in kept.manifest.tracks if track.verdict == "kept"]
    path = edits(
        tmp_path / "edits.json", scene / "event.mp4", Change("hide", "left the stage", track.track, from_s=2.0)
    )
    monkeypatch.setattr("houselights.release.Finder", Idle)
    more = {"authority": ASKED, "keep": (portrait(scene),), "edits": path}
    done = made(scene / "event.mp4", tmp_path / "out.mp4", **more)
    seen = clear(faces_of(done.path, scene_truth))
    assert seen
    assert all(person == KEPT and at < 2.0 for person, at, _ in seen)
    uses: list[TrackUse] = [each for each in done.manifest.tracks if each.track == track.track]
    assert [use.verdict for use in uses] == ["hidden", "kept"]


def test_an_edit_of_a_track_that_is_not_there_is_told_before_anything_is_written(scene: Path, tmp_path: Path) -> None:
    """The error names the track; no pass after the first has begun."""
    path = edits(tmp_path / "edits.json", scene / "event.mp4", Change("hide", "whoever", 99))
    watcher = Unwatched()
    stages: list[str] = []
    watcher.stage = lambda name, _length: stages.append(name)  # type: ignore[method-assign]
    request = Request(scene / "event.mp4", tmp_path / "out.mp4", fill=GREEN, edits=path)
    with pytest.raises(ReleaseError, match="names track 99"):
        release(request, Record.here(), watcher)
    assert stages == ["finding heads"]


def test_edits_of_other_footage_are_refused(drawing: Path, scene: Path, tmp_path: Path) -> None:
    """Tracks and times of one clip mean nothing in another: nothing is written."""
    path = edits(tmp_path / "edits.json", scene / "event.mp4", Change("hide", "whoever", 1))
    with pytest.raises(ReleaseError, match="written for other footage"):
        made(drawing, tmp_path / "out.mp4", edits=path)
    assert not list(tmp_path.glob("out*"))


# What the check finds blocks the release


class Blind(Finder):
    """A finder that misses everybody, so that the check has something to find."""

    def stream(self, frames: Iterator[Frame]) -> Iterator[tuple[Frame, Faces]]:  # type: ignore[override]
        """Frames, and not a face."""
        for frame in frames:
            yield frame, Faces.none()


@pytest.fixture
def missed(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of a release in which every face was missed, with a cache of its own."""
    monkeypatch.setenv(config.CACHE, str(tmp_path / "cache"))
    monkeypatch.setattr("houselights.release.Finder", Blind)
    return ["redact", str(scene / "event.mp4"), "-o", str(tmp_path / "out.mp4"), "--from", "1.8", "--to", "2.2"]


def test_a_face_in_the_release_blocks_it_until_it_is_covered(missed: list[str], tmp_path: Path) -> None:
    """Kept aside with a sheet, pictures and edits; nothing has the final name. With these edits it is released."""
    out = tmp_path / "out.mp4"
    done = CliRunner().invoke(app, missed)
    assert done.exit_code == BLOCKED
    assert sorted(file.name for file in tmp_path.glob("out*")) == [
        "out.mp4.blocked",
        "out.mp4.blocked.release.json",
        "out.mp4.contact.jpg",
        "out.mp4.edits.json",
        "out.mp4.review.html",
    ]
    manifest: Manifest = read(beside(out, "blocked.release.json"))
    assert manifest.check.findings
    assert (manifest.check.allowed, manifest.check.leak_bound) == (None, None)
    with Image.open(beside(out, "contact.jpg")) as sheet:
        assert min(sheet.size) > 100
    again = CliRunner().invoke(app, [*missed, "--edits", str(beside(out, "edits.json"))])
    assert again.exit_code == 0, again.output
    manifest = read(beside(out, "release.json"))
    assert manifest.check.findings == ()
    assert {edit.action for edit in manifest.edits} == {"cover"}
    assert digest(out) == manifest.output.sha256
    assert not beside(out, "blocked").exists()
    assert not beside(out, "contact.jpg").exists()


def test_findings_can_be_allowed_with_a_reason(missed: list[str], tmp_path: Path) -> None:
    """With a reason it is released, and the reason and the findings are in the manifest."""
    done = CliRunner().invoke(app, [*missed, "--allow-findings", "all of them agreed"])
    assert done.exit_code == 0, done.output
    manifest = read(beside(tmp_path / "out.mp4", "release.json"))
    assert manifest.check.findings
    assert manifest.check.allowed == "all of them agreed"
    assert not beside(tmp_path / "out.mp4", "blocked").exists()


# Bad input and bad luck


def test_damaged_footage_is_released_and_counted(
    scene: Path, second_detector_path: Path, scene_truth: Event, tmp_path: Path
) -> None:
    """Torn in the middle, it keeps its length; covers are held in torn frames, and no face is clear."""
    assert second_detector_path.exists()
    content = bytearray((scene / "event.mp4").read_bytes())
    middle = len(content) // 3
    content[middle : middle + 3000] = np.random.default_rng(1).bytes(3000)
    (tmp_path / "torn.mp4").write_bytes(content)
    manifest = made(tmp_path / "torn.mp4", tmp_path / "out.mp4", until_s=1.4).manifest
    assert manifest.source.frames_damaged > 0
    assert manifest.frames_held > 0
    assert manifest.output.duration_s == pytest.approx(1.4, abs=0.1)
    assert clear(faces_of(tmp_path / "out.mp4", scene_truth)) == []


def test_footage_without_a_face_says_so(drawing: Path, tmp_path: Path) -> None:
    """It is released, with the words that silence is no proof."""
    done = CliRunner().invoke(app, ["redact", str(drawing), "-o", str(tmp_path / "out.mp4")])
    assert done.exit_code == 0, done.output
    assert "No head was found" in done.output
    assert "no proof" in done.output
    assert read(beside(tmp_path / "out.mp4", "release.json")).tracks == ()


def test_a_file_that_is_no_footage_is_an_error(tmp_path: Path) -> None:
    """Nothing is written."""
    (tmp_path / "in.mp4").write_text("no film")
    with pytest.raises(Error):
        made(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.mp4"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB, where this machine lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_leaves_nothing(scene: Path, released: Path, small_disk: Path) -> None:
    """The error names the file and asks for room; the disk is as empty as before."""
    assert released.exists()
    with pytest.raises(ReleaseError, match="cannot be written") as caught:
        made(scene / "event.mp4", small_disk / "out.mp4")
    assert "room on the disk" in str(caught.value.hint)
    assert list(small_disk.iterdir()) == []


def test_a_file_that_may_not_grow_leaves_nothing(scene: Path, released: Path, tmp_path: Path) -> None:
    """As a full disk, on any machine: exit status 1, a message, and no file."""
    assert released.exists()
    command = [sys.executable, "-m", "houselights", "redact", scene / "event.mp4", "-o", tmp_path / "out.mp4"]
    done = subprocess.run(
        command,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_killed_work_goes_on(scene: Path, tmp_path: Path) -> None:
    """After kill -9 while it writes nothing has the final name; the same command then ends, and detects nothing."""
    out, cache = tmp_path / "out.mp4", tmp_path / "cache"
    command = [sys.executable, "-m", "houselights", "redact", scene / "event.mp4", "-o", out, "--from", "2.0"]
    environment = {**os.environ, config.CACHE: str(cache)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / ".partial-out.mp4").exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert [file.name for file in tmp_path.glob("out*")] == []
    chunks = {file: file.stat().st_mtime_ns for file in cache.rglob("*.npz")}
    assert chunks
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert {file: file.stat().st_mtime_ns for file in cache.rglob("*.npz")} == chunks
    assert json.loads(beside(out, "release.json").read_text())["output"]["sha256"] == digest(out)


# Nothing of anybody rests


def test_no_template_rests_anywhere(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file that a release writes, in the cache or beside it, holds bytes of a template; by default none is made."""
    monkeypatch.setenv(config.CACHE, str(tmp_path / "cache"))
    templates: list[NDArray[np.float32]] = []
    real = Recogniser.embed

    def watched(self: Recogniser, patches: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        templates.extend(found := real(self, patches))
        return found

    monkeypatch.setattr(Recogniser, "embed", watched)
    made(scene / "event.mp4", tmp_path / "out.mp4", since_s=1.8, until_s=2.2)
    assert templates == []
    (tmp_path / "again").mkdir()
    more = {"authority": ASKED, "keep": (portrait(scene),), "since_s": 1.8, "until_s": 2.2}
    made(scene / "event.mp4", tmp_path / "again" / "out.mp4", **more)
    assert len(templates) > 2
    written = b"".join(file.read_bytes() for file in sorted(tmp_path.rglob("*")) if file.is_file())
    assert len(written) > 10_000
    for template in templates:
        for start in range(0, len(template), 16):
            assert template[start : start + 4].tobytes() not in written


STRACE = shutil.which("strace")
TRACES = STRACE is not None and subprocess.run([STRACE, "-o", "/dev/null", "true"], check=False).returncode == 0


@pytest.mark.skipif(not TRACES, reason="strace is not installed or may not trace here: apt install strace")
def test_a_release_opens_no_socket(drawing: Path, tmp_path: Path) -> None:
    """A release speaks with nobody."""
    trace = tmp_path / "trace"
    command = [STRACE, "-f", "-qq", "-o", trace, "-e", "trace=socket,connect,sendto"]
    command += [sys.executable, "-m", "houselights", "redact", drawing, "-o", tmp_path / "out.mp4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line for line in trace.read_text(errors="replace").splitlines() if "AF_INET" in line] == []
