"""Footage with known truth: it is about the very frames of the film, and the same arguments give the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from test_cast import WEIGHTS, draw_portrait, find_drawn_face, openpeople

from houselights.cast import Cast, read_cast
from houselights.errors import CastError, SettingsError
from houselights.event import Event, EventSettings, make, read_truth
from houselights.truth import Face
from houselights.types import UInt8

__all__ = ["openpeople"]
SMALL = EventSettings(seconds=3, people=5, width=320, height=180, rate=15)


def read_frames(film: Path) -> Iterator[tuple[int, UInt8]]:
    """Each decoded frame's ticks and upright BGR pixels."""
    with av.open(film) as container:
        for frame in container.decode(video=0):
            assert frame.pts is not None
            pixels = frame.to_ndarray(format="bgr24")
            yield frame.pts, np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90), np.uint8)


def digest_frames(film: Path) -> str:
    """SHA-256 over all pixels of a film."""
    digest = hashlib.sha256()
    for _, pixels in read_frames(film):
        digest.update(pixels.tobytes())
    return digest.hexdigest()


def faces_of(event: Event) -> list[Face]:
    """All faces of all frames."""
    return [face for frame in event.frames for face in frame.faces]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Six drawn people; two of them have two photographs."""
    folder = tmp_path_factory.mktemp("cast")
    for name in ("ann", "bob", "cem", "dea"):
        draw_portrait(folder / f"{name}.png")
    for name in ("eve", "fay"):
        draw_portrait(folder / name / "1.png")
        draw_portrait(folder / name / "2.png", face=100)
    return read_cast(folder, find_drawn_face)


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Cast:
    """Eight drawn people who are in no cast."""
    folder = tmp_path_factory.mktemp("strangers")
    for number in range(8):
        draw_portrait(folder / f"stranger {number}.png", face=96)
    return read_cast(folder, find_drawn_face)


def test_film_has_the_frames_of_the_truth(tmp_path: Path, drawn: Cast) -> None:
    """The film decodes to exactly the truth's frames, at the truth's ticks, in the size asked for."""
    event = make(tmp_path, drawn, SMALL)
    frames = list(read_frames(tmp_path / "event.mp4"))
    assert [ticks for ticks, _ in frames] == [frame.ticks for frame in event.frames] == [6000 * i for i in range(45)]
    assert {pixels.shape for _, pixels in frames} == {(180, 320, 3)}
    with av.open(tmp_path / "event.mp4") as container:
        base = container.streams.video[0].time_base
    assert base is not None
    assert (base.numerator, base.denominator) == event.time_base


def test_truth_is_consistent(tmp_path: Path, drawn: Cast, strangers: Cast) -> None:
    """Boxes beyond the frame are not wholly visible, entries and exits are first and last half-visible frames."""
    event = make(tmp_path, drawn, replace(SMALL, people=9, crowd=3), strangers=strangers)
    for face in faces_of(event):
        left, top, width, height = face.box
        assert 0 <= face.visible <= 1
        assert 0 <= face.turn <= 1
        assert left < 320 and top < 180 and left + width > 0 and top + height > 0  # noqa: PT018
        if left < -1 or left + width > 321:
            assert face.visible < 1
    for person in event.people:
        for walk in person.walks:
            seen = [
                frame.ticks
                for frame in event.frames
                for face in frame.faces
                if (face.person, face.walk) == (person.id, walk.walk) and face.visible >= 0.5
            ]
            assert (walk.entry_ticks, walk.exit_ticks) == (min(seen), max(seen))
    assert {face.person for face in faces_of(event)} <= {person.id for person in event.people}
    for frame in event.frames:
        assert len({face.person for face in frame.faces}) == len(frame.faces)


def test_truth_reads_back(tmp_path: Path, drawn: Cast) -> None:
    """What `read_truth` gives equals what `make` gave."""
    event = make(tmp_path, drawn, SMALL)
    assert read_truth(tmp_path / "truth.json") == event
    assert json.loads((tmp_path / "truth.json").read_text())["schema"] == "houselights/event/1"


def test_same_seed_same_bytes_other_seed_other_film(tmp_path: Path, drawn: Cast) -> None:
    """Equal arguments give equal truth and equal pixels; another seed gives others."""
    folders = [tmp_path / name for name in ("one", "two", "other")]
    for folder, seed in zip(folders, (7, 7, 8), strict=True):
        make(folder, drawn, replace(SMALL, seed=seed))
    truths = [(folder / "truth.json").read_bytes() for folder in folders]
    films = [digest_frames(folder / "event.mp4") for folder in folders]
    assert truths[0] == truths[1] != truths[2]
    assert films[0] == films[1] != films[2]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_flag_shows_the_film_upright(tmp_path: Path, drawn: Cast, rotation: int) -> None:
    """A turned film is stored turned and flagged: a reader who obeys sees about the plain film's pixels."""
    make(tmp_path / "plain", drawn, replace(SMALL, seconds=1, noise=0))
    make(tmp_path / "turned", drawn, replace(SMALL, seconds=1, noise=0, rotation=rotation))
    with av.open(tmp_path / "turned" / "event.mp4") as container:
        frame = next(container.decode(video=0))
    assert frame.rotation % 360 == rotation
    assert (frame.width, frame.height) == ((320, 180) if rotation == 180 else (180, 320))
    plain, turned = (next(read_frames(tmp_path / name / "event.mp4"))[1] for name in ("plain", "turned"))
    assert np.abs(plain.astype(int) - turned).mean() < 3


def test_variable_rate_has_the_decoded_time_stamps(tmp_path: Path, drawn: Cast) -> None:
    """With a variable rate frames are missing, gaps differ, and truth still has each frame's own time stamp."""
    event = make(tmp_path, drawn, replace(SMALL, variable_rate=True))
    ticks = [frame.ticks for frame in event.frames]
    assert [decoded for decoded, _ in read_frames(tmp_path / "event.mp4")] == ticks
    assert min(np.diff(ticks)) > 0
    assert len(set(np.diff(ticks))) > 10
    assert len(ticks) < 45


def test_shot_cut_changes_the_place(tmp_path: Path, drawn: Cast) -> None:
    """At the tick of a cut, and only there, the whole picture changes; nobody's walk goes across."""
    event = make(tmp_path, drawn, replace(SMALL, cuts=2, occluders=0, noise=0, light=0))
    frames = list(read_frames(tmp_path / "event.mp4"))
    change = {now[0]: np.abs(now[1].astype(int) - before[1]).mean() for before, now in pairwise(frames)}
    assert len(event.cuts) == 2
    assert set(sorted(change, key=lambda ticks: change[ticks])[-2:]) == set(event.cuts)
    for cut in event.cuts:
        for person in event.people:
            assert not any(walk.entry_ticks < cut <= walk.exit_ticks for walk in person.walks)


def test_enrolled_by_another_photograph_where_there_is_one(tmp_path: Path, drawn: Cast) -> None:
    """Half of the cast has a gallery folder; whoever has two photographs is enrolled by the one that does not walk."""
    event = make(tmp_path, drawn, replace(SMALL, people=6))
    enrolled = {person.id: person for person in event.people if person.enrolled}
    cast = {person.name: person for person in drawn.people}
    assert len(enrolled) == 3
    assert {folder.name for folder in (tmp_path / "gallery").iterdir()} == set(enrolled)
    for name, person in enrolled.items():
        photograph = next((tmp_path / "gallery" / name).iterdir())
        walking = {cutout.source.read_bytes() for cutout in cast[name].cutouts}
        assert person.same_photograph == (photograph.read_bytes() in walking) == (name not in {"eve", "fay"})


def test_strangers_walk_when_the_cast_is_used_up(tmp_path: Path, drawn: Cast, strangers: Cast) -> None:
    """With strangers every walk is somebody else's, and no stranger is enrolled; without them people come again."""
    event = make(tmp_path / "with", drawn, replace(SMALL, people=10, crowd=2), strangers=strangers)
    assert sum(person.id.startswith("stranger") for person in event.people) == 4 + 2
    assert not any(person.enrolled for person in event.people if person.id.startswith("stranger"))
    again = make(tmp_path / "without", drawn, replace(SMALL, seconds=6, people=10))
    assert len(again.people) == 6
    walks: dict[str, set[int]] = {}
    for face in faces_of(again):
        walks.setdefault(face.person, set()).add(face.walk)
    assert sum(map(len, walks.values())) == 10


def test_what_stands_in_front_lowers_visible(tmp_path: Path, drawn: Cast) -> None:
    """With a pillar, or many people at once, some faces in the frame are hidden; alone and without one, none is."""
    inside = [
        [face for face in faces_of(event) if face.box[0] >= 0 and face.box[0] + face.box[2] <= 320]
        for event in (
            make(tmp_path / "alone", drawn, replace(SMALL, people=1, cuts=0, occluders=0, seed=5)),
            make(tmp_path / "pillar", drawn, replace(SMALL, people=1, cuts=0, occluders=6, seed=5)),
            make(tmp_path / "crossing", drawn, replace(SMALL, people=6, cuts=0, occluders=0, seed=5)),
        )
    ]
    lowest = [min(face.visible for face in faces) for faces in inside]
    assert lowest[0] == 1
    assert lowest[1] < 0.5
    assert lowest[2] < 0.5


def test_gallery_of_an_earlier_event_is_replaced(tmp_path: Path, drawn: Cast) -> None:
    """A second event in the same folder leaves nobody enrolled whom it did not enrol."""
    make(tmp_path, drawn, replace(SMALL, seconds=1, people=2, seed=1))
    event = make(tmp_path, drawn, replace(SMALL, seconds=1, people=2, seed=2))
    assert {folder.name for folder in (tmp_path / "gallery").iterdir()} == {
        person.id for person in event.people if person.enrolled
    }


def test_a_gallery_of_somebody_else_is_left_alone(tmp_path: Path, drawn: Cast) -> None:
    """A folder with a gallery that no event wrote is refused."""
    (tmp_path / "gallery" / "me").mkdir(parents=True)
    with pytest.raises(SettingsError, match="gallery"):
        make(tmp_path, drawn, SMALL)
    assert (tmp_path / "gallery" / "me").is_dir()


@pytest.mark.parametrize(
    "wrong",
    [
        {"people": 0},
        {"seconds": 0},
        {"seconds": float("nan")},
        {"width": 1},
        {"height": 100_000},
        {"width": 321},
        {"rate": 0},
        {"blur": 2},
        {"rotation": 45},
        {"codec": "gif"},
        {"crf": 99},
        {"cuts": 6},
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, drawn: Cast, wrong: dict[str, float]) -> None:
    """Every setting out of its range raises SettingsError that names it, and nothing is written."""
    with pytest.raises(SettingsError, match=next(iter(wrong))) as caught:
        make(tmp_path / "out", drawn, replace(SMALL, **wrong))  # type: ignore[arg-type]
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_crowd_needs_strangers(tmp_path: Path, drawn: Cast, strangers: Cast) -> None:
    """A crowd larger than the strangers, or a stranger with a cast member's name, raises CastError."""
    with pytest.raises(CastError, match="crowd of 3 needs 3"):
        make(tmp_path, drawn, replace(SMALL, crowd=3))
    with pytest.raises(CastError, match="name"):
        make(tmp_path, drawn, replace(SMALL, people=12), strangers=drawn)
    with pytest.raises(CastError, match="crowd"):
        make(tmp_path, drawn, replace(SMALL, crowd=60), strangers=strangers)


@pytest.mark.parametrize("size", [(160, 120), (120 * 2, 320), (642, 122)])
def test_odd_shapes_and_one_frame_a_second_are_filmed(tmp_path: Path, drawn: Cast, size: tuple[int, int]) -> None:
    """Small, upright and flat films, with fewer frames than shots, have as many frames as the truth says."""
    width, height = size
    event = make(tmp_path, drawn, EventSettings(seconds=2, rate=1, people=3, width=width, height=height, cuts=3))
    assert [pixels.shape for _, pixels in read_frames(tmp_path / "event.mp4")] == [(height, width, 3)] * 2
    assert set(event.cuts) <= {frame.ticks for frame in event.frames}


def test_too_many_walks_for_the_time_are_refused(tmp_path: Path, drawn: Cast) -> None:
    """One person cannot walk twenty times in three seconds."""
    alone = replace(drawn, people=drawn.people[:1])
    with pytest.raises(SettingsError, match="20 walks by 1 people"):
        make(tmp_path, alone, replace(SMALL, people=20))


def test_a_file_that_is_no_truth_is_refused(tmp_path: Path) -> None:
    """A missing, broken or foreign truth.json raises SettingsError."""
    for content in (None, "{", "{}", '{"schema": "houselights/event/0"}'):
        if content is not None:
            (tmp_path / "truth.json").write_text(content)
        with pytest.raises(SettingsError, match="truth"):
            read_truth(tmp_path / "truth.json")


def test_progress_counts_every_frame(tmp_path: Path, drawn: Cast) -> None:
    """Progress is reported after each frame, up to all of them."""
    calls: list[tuple[int, int]] = []
    make(tmp_path, drawn, replace(SMALL, seconds=1), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(done, 15) for done in range(1, 16)]


@pytest.mark.parametrize("codec", ["libx265", "libsvtav1", "libvpx-vp9"])
def test_other_codecs_keep_the_time_stamps(tmp_path: Path, drawn: Cast, codec: str) -> None:
    """HEVC, AV1 and VP9 films decode to the truth's ticks too."""
    event = make(tmp_path, drawn, replace(SMALL, seconds=1, codec=codec))
    assert [ticks for ticks, _ in read_frames(tmp_path / "event.mp4")] == [frame.ticks for frame in event.frames]


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def test_a_detector_finds_the_faces_where_truth_says(tmp_path: Path, openpeople: Cast) -> None:
    """YuNet finds nine in ten of the openpeople faces of 30 pixels or more that are visible and not turned away."""
    event = make(tmp_path, openpeople, EventSettings(seconds=4, people=5, width=960, height=540, seed=3))
    detector = cv2.FaceDetectorYN.create(str(WEIGHTS), "", (960, 540), 0.6)
    wanted = found = 0
    for frame, (_, pixels) in list(zip(event.frames, read_frames(tmp_path / "event.mp4"), strict=True))[::5]:
        boxes = detector.detect(pixels)[1]
        for face in frame.faces:
            if face.box[3] >= 30 and face.visible >= 0.8 and face.turn < 0.5:
                wanted += 1
                found += any(overlap(face.box, tuple(box[:4])) >= 0.3 for box in (() if boxes is None else boxes))
    assert wanted >= 20
    assert found >= 0.9 * wanted
