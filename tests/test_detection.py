"""Facts about measuring detection: boxes go to faces one to one, and what is not asked for counts nowhere."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from houselights import detection
from houselights.cover import picture_of
from houselights.detection import Way
from houselights.errors import SettingsError
from houselights.evaluation import Evaluation, Figure
from houselights.event import read_truth
from houselights.footage import Footage, Tally
from houselights.sampling import Sampling
from houselights.tracking import evaluate

NONE = np.zeros((0, 4), np.float32)


def boxes(*each: tuple[float, float, float, float]) -> np.ndarray:
    """(n, 4) boxes."""
    return np.array(each, np.float32).reshape(-1, 4)


def unwatched(_done: int, _all: int) -> None:
    """Nobody looks."""


def figures(found: Evaluation, title: str) -> dict[str, Figure]:
    """The figures of one table, by name."""
    return {each.name: each for table in found.tables if table.title == title for each in table.figures}


def test_two_faces_do_not_share_a_box() -> None:
    """One box over two faces finds one of them."""
    faces = boxes((0, 0, 20, 20), (4, 0, 20, 20)).astype(float)
    seen = detection.compare(faces, np.ones(2, bool), boxes((2, 0, 20, 20)), NONE, unit=0)
    assert (int(seen.found.sum()), seen.boxes, seen.false) == (1, 1, 0)


def test_a_second_box_on_one_face_is_false() -> None:
    """And a box on nothing is, too."""
    faces = boxes((0, 0, 20, 20)).astype(float)
    found = boxes((0, 0, 20, 20), (1, 0, 20, 20), (90, 90, 20, 20))
    seen = detection.compare(faces, np.ones(1, bool), found, NONE, unit=0)
    assert (seen.found.tolist(), seen.boxes, seen.false) == ([True], 3, 2)


def test_a_face_that_is_not_asked_for_counts_nowhere() -> None:
    """Neither missed, nor false when found; and a box goes to the face that is asked for before it."""
    faces = boxes((0, 0, 20, 20), (100, 0, 20, 20), (104, 0, 20, 20)).astype(float)
    asked = np.array([False, False, True])
    seen = detection.compare(faces, asked, boxes((0, 0, 20, 20), (101, 0, 20, 20)), NONE, unit=0)
    assert (seen.heights.tolist(), seen.found.tolist(), seen.boxes, seen.false) == ([20], [True], 1, 0)


def test_the_overlap_that_counts() -> None:
    """IoU 0.4 does, less does not: a box shifted by s of its side has (1-s)/(1+s)."""
    faces = boxes((0, 0, 20, 20)).astype(float)
    for shift, found in ((8.5, True), (8.6, False)):
        seen = detection.compare(faces, np.ones(1, bool), boxes((shift, 0, 20, 20)), NONE, unit=0)
        assert seen.found.tolist() == [found]


def test_a_face_is_covered_by_several_covers_together() -> None:
    """Pixels count, whoever covers them; a cover without a face's middle in it is bare."""
    faces = boxes((10, 10, 40, 40)).astype(float)
    halves = boxes((0, 0, 29, 60), (29, 0, 31, 60))
    for covers, covered, bare in ((halves, True, 1), (halves[1:], False, 0), (NONE, False, 0)):
        seen = detection.compare(faces, np.ones(1, bool), NONE, covers, unit=0)
        assert (seen.covered.tolist(), seen.bare) == ([covered], bare)


@given(st.lists(st.integers(0, 12), max_size=4), st.lists(st.integers(0, 12), max_size=4))
def test_so_many_faces_are_found_as_any_pairing_finds(places: list[int], spots: list[int]) -> None:
    """Precision and recall rest on a pairing whose overlaps sum up highest: checked by trying all pairings."""
    faces, found = boxes(*((9 * x, 0, 30, 30) for x in places)), boxes(*((9 * x + 2, 0, 30, 30) for x in spots))
    seen = detection.compare(faces.astype(float), np.ones(len(faces), bool), found, NONE, unit=0)
    share = detection.overlap_of(faces, found)
    share = np.where(share >= detection.OVERLAP, share, 0)
    wide = np.hstack([share, np.zeros((len(faces), len(faces)))])
    ways = [list(order) for order in permutations(range(wide.shape[1]), len(faces))]
    best = max(wide[range(len(faces)), way].sum() for way in ways)
    right = {
        (wide[range(len(faces)), way] > 0).sum() for way in ways if wide[range(len(faces)), way].sum() > best - 1e-9
    }
    assert int(seen.found.sum()) in right
    assert seen.boxes - seen.false == seen.found.sum()


@pytest.mark.parametrize(
    "settings",
    [{"release": True, "crowd": True}, {"release": True, "detector_width": 640}, {"score": 0.1}, {"score": 2}],
)
def test_a_way_that_cannot_be_is_refused(settings: dict) -> None:
    """A release chooses its sizes itself, and no detector keeps lower scores."""
    with pytest.raises(SettingsError):
        Way(**settings)


def test_a_share_that_is_all_or_nothing_has_bounds() -> None:
    """R40: drawing photographs anew shows no other value, so the bounds are those of one trial a photograph."""
    whole = detection.share_of("x", np.array([3.0, 2.0, 5.0]), np.array([3.0, 2.0, 5.0]), "photographs")
    assert (whole.value, whole.count, whole.of, whole.high) == (1.0, 10, 10, 1.0)
    assert whole.low == pytest.approx(0.025 ** (1 / 3))
    none = detection.share_of("x", np.zeros(3), np.array([3.0, 2.0, 0.0]), "photographs")
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - 0.025**0.5)
    assert detection.share_of("x", np.zeros(2), np.zeros(2), "photographs").value is None


def test_bounds_are_over_photographs() -> None:
    """R40: faces of one photograph stand and fall together, so ten faces in two photographs bound little."""
    one = detection.share_of("x", np.array([0.0, 5.0]), np.array([5.0, 5.0]), "photographs")
    many = detection.share_of("x", np.array([0.0, 1.0] * 5), np.ones(10), "photographs")
    assert (one.value, one.low, one.high) == (0.5, 0.0, 1.0)
    assert many.low is not None
    assert many.low > 0.1


@pytest.fixture(scope="module")
def pictured(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some frames of the scene as photographs, with their truth as files of boxes."""
    folder = tmp_path_factory.mktemp("pictured")
    (folder / "images").mkdir()
    (folder / "boxes").mkdir()
    event = read_truth(scene / "truth.json")
    for number, (frame, truth) in enumerate(
        zip(Footage(scene / "event.mp4").frames(Tally()), event.frames, strict=True)
    ):
        if number % 8:
            continue
        Image.fromarray(picture_of(frame).rgb()).save(folder / "images" / f"{number:03}.png")
        objects = "".join(
            f"<object><name>face</name><difficult>{int(face.visible < 0.5)}</difficult><bndbox><xmin>{x}</xmin>"
            f"<ymin>{y}</ymin><xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
            for face in truth.faces
            for x, y, w, h in [face.box]
        )
        size = "<size><width>640</width><height>360</height></size>"
        (folder / "boxes" / f"{number:03}.xml").write_text(f"<annotation>{size}{objects}</annotation>")
    return folder


def test_photographs_are_measured(pictured: Path, detector_path: Path, tmp_path: Path) -> None:
    """R40: most faces are found; what has no partner, is broken or of another size is named and not used."""
    assert detector_path.exists()
    images = tmp_path / "images"
    images.mkdir()
    files = sorted((pictured / "images").iterdir())
    for file in files:
        (images / file.name).write_bytes(file.read_bytes())
    Image.new("RGB", (100, 100)).save(images / files[0].name)
    (images / files[1].name).write_bytes(b"no picture")
    (images / files[2].name).unlink()
    Image.new("RGB", (100, 100)).save(images / "alone.jpg")
    found = detection.photographs(images, pictured / "boxes", Way(), unwatched)
    assert {refusal.file for refusal in found.lost} == {
        f"{files[0].name}",
        files[1].name,
        f"{files[2].stem}.xml",
        "alone.jpg",
    }
    assert "its boxes are of 640x360" in next(each.reason for each in found.lost if each.file == files[0].name)
    assert dict(found.facts)["photographs"] == str(len(files) - 3)
    assert dict(found.facts)["not used"] == "4"
    recall = figures(found, "Faces found, by height")
    assert list(recall)[:2] == ["below 8 px", "8 to 16 px"]
    assert recall["all"].value is not None
    assert recall["all"].value > 0.8
    assert recall["all"].of == sum(figure.of or 0 for figure in list(recall.values())[:6])
    assert figures(found, "Boxes")["precision"].value is not None
    assert json.loads(found.to_json())["what"] == "detection"


def test_folders_that_do_not_go_together_are_refused(pictured: Path, tmp_path: Path) -> None:
    """The error says how many photographs and files of boxes there are, or which folder is none."""
    with pytest.raises(SettingsError, match="0 photographs, 0 box files"):
        detection.photographs(tmp_path, tmp_path, Way(), unwatched)
    with pytest.raises(SettingsError, match="gone' cannot be"):
        detection.photographs(pictured / "images", tmp_path / "gone", Way(), unwatched)
    with pytest.raises(SettingsError, match=r"overlap 1\.5"):
        detection.photographs(pictured / "images", pictured / "boxes", Way(), unwatched, overlap=1.5)


def test_two_photographs_of_one_name_are_not_both_used(tmp_path: Path) -> None:
    """The second is named."""
    for name in ("1.jpg", "1.png", "1.xml"):
        (tmp_path / name).touch()
    pairs, lost = detection.partners(tmp_path, tmp_path)
    assert [file.name for file, _ in pairs] == ["1.jpg"]
    assert [refusal.file for refusal in lost] == ["1.png"]


def test_a_film_is_measured(scene: Path, detector_path: Path) -> None:
    """R40: every frame counts, recall is bounded over walks and boxes over seconds."""
    assert detector_path.exists()
    frames = []
    found = detection.film(scene / "truth.json", scene / "event.mp4", Way(), lambda done, of: frames.append((done, of)))
    event = read_truth(scene / "truth.json")
    assert frames[-1] == (len(event.frames), len(event.frames))
    asked = sum(face.visible >= 0.5 for frame in event.frames for face in frame.faces)
    recall = figures(found, "Faces found, by height")["all"]
    assert (recall.of, dict(found.facts)["frames"]) == (asked, str(len(event.frames)))
    assert recall.value is not None
    assert recall.value > 0.7
    assert "walks of people" in dict(found.facts)["intervals"]


def test_what_a_release_looks_with_is_measured(pictured: Path, second_detector_path: Path) -> None:
    """R41: of both families together it says which faces are found, and which would be covered."""
    assert second_detector_path.exists()
    found = detection.photographs(pictured / "images", pictured / "boxes", Way(release=True), unwatched)
    covered, seen = (figures(found, f"Faces {what}, by height")["all"] for what in ("covered", "found"))
    assert covered.value is not None
    assert seen.value is not None
    assert min(covered.value, seen.value) > 0.9
    assert {name for name, _ in found.facts} >= {"detector", "second-detector"}
    assert [series.name for series in found.charts[0].series] == ["found", "covered"]


def test_our_own_tracks_are_measured(scene: Path, detector_path: Path) -> None:
    """R40: detector and tracker follow the film of an event; frames that are not analysed are not asked for."""
    assert detector_path.exists()
    every = detection.follow(scene, Way(), Sampling("all"), unwatched)
    event = read_truth(scene / "truth.json")
    assert len(every.frames) == len(event.frames)
    rates = {figure.name: figure.value for figure in evaluate([every]).tables[0].figures}
    assert rates["IDF1"] is not None
    assert rates["IDF1"] > 0.7
    some = detection.follow(scene, Way(), Sampling.parse("3"), unwatched)
    assert len(some.frames) == -(-len(event.frames) // 3)
    assert evaluate([some]).facts[1] == ("frames", str(len(some.frames)))


def test_a_film_of_another_truth_is_refused(scene: Path, tmp_path: Path) -> None:
    """The error names what differs: size, time base, a frame, or how many there are."""
    truth = json.loads((scene / "truth.json").read_text())
    changed = [
        ({"settings": {**truth["settings"], "width": 320}}, "is 640x360 pixels, its truth of 320x360"),
        ({"time_base": [1, 25]}, "time base"),
        ({"frames": truth["frames"][:-1]}, "has a frame at"),
        ({"frames": [*truth["frames"], {"ticks": 10**9, "faces": []}]}, "frames, the truth has"),
        ({"frames": [{**truth["frames"][0], "ticks": 10**9}, *truth["frames"][1:]]}, "expected rising whole ticks"),
    ]
    for change, message in changed:
        (tmp_path / "truth.json").write_text(json.dumps(truth | change))
        with pytest.raises(SettingsError) as caught:
            list(detection.Known.read(tmp_path / "truth.json", scene / "event.mp4").frames(unwatched))
        assert message in caught.value.message


def test_lists_of_tracks_are_laid_beside_either_truth(scene: Path, tmp_path: Path) -> None:
    """Perfect tracks score 1 against truth.json and against a gt.txt of the same; a longer list is refused."""
    event = read_truth(scene / "truth.json")
    ids = {
        walk: number
        for number, walk in enumerate(sorted({(f.person, f.walk) for fr in event.frames for f in fr.faces}))
    }
    lines = [
        f"{number},{ids[face.person, face.walk]},{','.join(map(str, face.box))},1,1,{face.visible}"
        for number, frame in enumerate(event.frames, start=1)
        for face in frame.faces
    ]
    for name in ("gt.txt", "tracks.txt"):
        (tmp_path / name).write_text("\n".join(lines))
    for truth in (scene / "truth.json", tmp_path / "gt.txt"):
        figure = evaluate([detection.listed(truth, tmp_path / "tracks.txt")]).tables[0].figures[2]
        assert (figure.name, figure.value) == ("HOTA", 1.0)
    (tmp_path / "tracks.txt").write_text(f"{len(event.frames) + 1},1,0,0,9,9")
    with pytest.raises(SettingsError, match=f"frame {len(event.frames) + 1}, the truth has {len(event.frames)}"):
        detection.listed(scene / "truth.json", tmp_path / "tracks.txt")
    assert evaluate([detection.listed(tmp_path / "gt.txt", tmp_path / "tracks.txt")]).tables[0].figures[6].count == 1
