"""People cut out of pictures: drawn ones, whose every number is known, and the openpeople cast where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from houselights.cast import FACE, Cast, read_cast
from houselights.errors import CastError
from houselights.types import Float32, UInt8

SKIN = (222, 170, 128)
WEIGHTS = Path(os.environ.get("HOUSELIGHTS_MODELS", "/tmp/w/m")) / "face_detection_yunet_2023mar.onnx"


def draw_portrait(path: Path, *, face: int = 110, top: int = 90, skin: tuple[int, int, int] = SKIN) -> Path:
    """A drawn head with hair and shoulders before a plain wall, 320 pixels a side; gives the path it wrote."""
    picture = np.full((320, 320, 3), (120, 150, 140), np.uint8)
    middle = (160, top + face // 2)
    cv2.ellipse(picture, (160, 330), (130, 100), 0, 0, 360, (60, 70, 150), -1)
    cv2.rectangle(picture, (140, middle[1]), (180, top + face + 30), (170, 120, 90), -1)
    cv2.ellipse(picture, (160, middle[1] - face // 6), (face // 2, face * 6 // 10), 0, 0, 360, (50, 34, 24), -1)
    cv2.ellipse(picture, middle, (face * 4 // 10, face // 2), 0, 0, 360, skin, -1)
    for side in (-1, 1):
        cv2.circle(picture, (160 + side * face // 6, middle[1] - face // 8), face // 18, (30, 30, 40), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return path


def find_drawn_face(picture: UInt8) -> tuple[Float32, Float32] | None:
    """Where a drawn face is: all that has the colour of its skin."""
    near = np.abs(picture.astype(int) - SKIN).max(axis=2) < 30
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if len(rows) < 8:
        return None
    x, y, w, h = columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
    points = [(x + w * a, y + h * b) for a, b in ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))]
    return np.array([x, y, w, h], np.float32), np.array(points, np.float32)


def find_face(picture: UInt8) -> tuple[Float32, Float32] | None:
    """The largest face that YuNet finds."""
    detector = cv2.FaceDetectorYN.create(str(WEIGHTS), "", (picture.shape[1], picture.shape[0]), 0.6)
    _, found = detector.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if found is None:
        return None
    best = max(np.asarray(found), key=lambda face: float(face[2] * face[3]))
    return best[:4], best[4:14].reshape(5, 2)


@pytest.fixture(scope="session")
def openpeople() -> Cast:
    """The first four people of the openpeople package."""
    folder = Path(os.environ.get("HOUSELIGHTS_CAST", "/tmp/w/op/openpeople/data/curated"))
    if not folder.is_dir():
        pytest.skip(f"the openpeople cast is not at {folder}: set HOUSELIGHTS_CAST")
    return read_cast(folder, find_face, limit=4)


def test_truth_box_lies_on_the_face(tmp_path: Path) -> None:
    """The box of a cut-out encloses the face's skin in its first level, to two pixels."""
    draw_portrait(tmp_path / "ann.png")
    cutout = read_cast(tmp_path, find_drawn_face).people[0].cutouts[0]
    found = find_drawn_face(cutout.levels[0][..., :3].copy())
    assert found is not None
    assert np.abs(found[0] - cutout.box).max() < 2
    assert cutout.box[3] == FACE


def test_background_is_cut_away(tmp_path: Path) -> None:
    """Beside the head nothing is left, the face is opaque, and colours never exceed alpha."""
    draw_portrait(tmp_path / "ann.png")
    cutout = read_cast(tmp_path, find_drawn_face).people[0].cutouts[0]
    left, top, width, height = (round(value) for value in cutout.box)
    alpha = cutout.levels[0][..., 3]
    assert alpha[top : top + height // 2, : left - width].max() == 0
    assert alpha[top + 10 : top + height - 10, left + width // 3 : left + 2 * width // 3].min() == 255
    for level in cutout.levels:
        assert (level[..., :3].max(axis=2) <= level[..., 3].astype(int) + 1).all()


def test_one_picture_enrols_by_itself_two_do_not(tmp_path: Path) -> None:
    """One photograph enrols and walks, and is marked so; of two, the first enrols and the second walks."""
    draw_portrait(tmp_path / "ann.png")
    first, second = draw_portrait(tmp_path / "bob" / "1.png"), draw_portrait(tmp_path / "bob" / "2.png", face=100)
    ann, bob = read_cast(tmp_path, find_drawn_face).people
    assert (ann.name, ann.same_photograph, ann.gallery) == ("ann", True, (ann.cutouts[0].source,))
    assert (bob.name, bob.same_photograph, bob.gallery) == ("bob", False, (first,))
    assert [cutout.source for cutout in bob.cutouts] == [second]


def test_what_is_skipped_is_named(tmp_path: Path) -> None:
    """Pictures that do not serve are listed with a reason and stop nothing."""
    draw_portrait(tmp_path / "ann.png")
    draw_portrait(tmp_path / "faceless.png", skin=(60, 90, 60))
    draw_portrait(tmp_path / "small.png", face=40)
    draw_portrait(tmp_path / "cut off.png", top=10)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8no")
    cv2.imwrite(str(tmp_path / "dot.png"), np.zeros((1, 1, 3), np.uint8))
    draw_portrait(tmp_path / "ann" / "again.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    cast = read_cast(tmp_path, find_drawn_face)
    reasons = {one.file.name: one.reason for one in cast.skipped}
    assert [person.name for person in cast.people] == ["ann"]
    assert sorted(reasons) == ["ann.png", "broken.jpg", "cut off.png", "dot.png", "faceless.png", "small.png"]
    assert reasons["faceless.png"] == "no face found"
    assert "already" in reasons["ann.png"]
    assert "smaller" in reasons["dot.png"]
    assert "readable" in reasons["broken.jpg"]
    assert "48" in reasons["small.png"]
    assert "edge" in reasons["cut off.png"]


@pytest.mark.parametrize("content", ["nothing", "a wall", "a broken picture"])
def test_a_folder_without_anybody_is_an_error(tmp_path: Path, content: str) -> None:
    """A folder that gives nobody raises CastError with a hint."""
    if content == "a wall":
        draw_portrait(tmp_path / "wall.png", skin=(60, 90, 60))
    if content == "a broken picture":
        (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    with pytest.raises(CastError, match="nobody") as caught:
        read_cast(tmp_path, find_drawn_face)
    assert caught.value.hint


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    """A path that is no folder raises CastError."""
    with pytest.raises(CastError, match="not a folder"):
        read_cast(tmp_path / "nowhere", find_drawn_face)


def test_limit_stops_reading(tmp_path: Path) -> None:
    """At most `limit` people are read, in the order of their names."""
    for name in ("c", "a", "b"):
        draw_portrait(tmp_path / f"{name}.png")
    assert [person.name for person in read_cast(tmp_path, find_drawn_face, limit=2).people] == ["a", "b"]


def test_same_pictures_same_cutouts(tmp_path: Path) -> None:
    """Cutting out twice gives the same pixels, whatever random numbers OpenCV drew between."""
    draw_portrait(tmp_path / "ann.png")
    first = read_cast(tmp_path, find_drawn_face).people[0].cutouts[0]
    cv2.setRNGSeed(99)
    second = read_cast(tmp_path, find_drawn_face).people[0].cutouts[0]
    assert all((a == b).all() for a, b in zip(first.levels, second.levels, strict=True))


def test_openpeople_walk_and_enrol_by_different_photographs(openpeople: Cast) -> None:
    """The package's people are enrolled by photographs that do not walk; those who must not be shown are left out."""
    assert [person.name for person in openpeople.people] == ["P001", "P002", "P005", "P007"]
    assert [one.file.name for one in openpeople.skipped] == ["P003", "P004", "P006"]
    for person in openpeople.people:
        assert not person.same_photograph
        assert {photo.name for photo in person.gallery} == {"studio_portrait.jpg"}
        assert {cutout.source.name for cutout in person.cutouts} == {"studio_posture.jpg"}


def test_openpeople_stand_before_nothing(openpeople: Cast) -> None:
    """The studio's grey is gone: beside the head less than one pixel in a hundred is left."""
    for person in openpeople.people:
        cutout = person.cutouts[0]
        beside = cutout.levels[0][: round(cutout.box[1] + cutout.box[3]), : round(cutout.box[0] - cutout.box[2])]
        assert (beside[..., 3] > 128).mean() < 0.01
