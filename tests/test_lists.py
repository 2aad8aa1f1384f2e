"""Facts about the field's lists: what they say is read, and what is broken is told by file and line."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import lists, truth
from houselights.errors import SettingsError


def write(folder: Path, text: str) -> Path:
    """A file of pairs."""
    (folder / "pairs.txt").write_text(text, "utf-8")
    return folder / "pairs.txt"


def test_pairs_are_read(tmp_path: Path) -> None:
    """In the file's order, with folds or without, names in any script."""
    found = lists.read_pairs(write(tmp_path, "1\nZoë_K\t1\t2\nZoë_K\t1\tBob\t3\n"))
    assert [(pair.one, pair.other, pair.same) for pair in found] == [
        (("Zoë_K", 1), ("Zoë_K", 2), True),
        (("Zoë_K", 1), ("Bob", 3), False),
    ]
    assert len(lists.read_pairs(write(tmp_path, "2\t1\n" + "A\t1\t2\nA\t1\tB\t1\n" * 2))) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "pairs.txt:1: found nothing"),
        ("many\nA\t1\t2\n", "pairs.txt:1: found 'many'"),
        ("1\nA\t1\t2\n", "pairs.txt:1: tells of 2 pairs, the file has 1"),
        ("1\nA\t1\t2\nA 1 B 2\n", "pairs.txt:3: found 'A 1 B 2'"),
        ("1\nA\t1\tx\nA\t1\tB\t1\n", "pairs.txt:2: found 'A\t1\tx'"),
        ("1\n\t1\t2\nA\t1\tB\t1\n", "pairs.txt:2: found"),
        ("1\nA\t1\t2\nA\t1\tA\t2\n", "pairs.txt:3: 'A' stands on both sides"),
        ("9" * 5000, "pairs.txt:1: found '99"),
        (f"1\nA\t1\t2\nA\t1\tB\t{'9' * 5000}\n", "pairs.txt:3: found 'A\t1\tB\t99"),
        (f"1\nA\t{'9' * 10}\t2\nA\t1\tB\t2\n", "pairs.txt:2: found 'A\t9999999999\t2'"),
    ],
)
def test_a_broken_file_of_pairs_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The error names the file and the line."""
    with pytest.raises(SettingsError) as caught:
        lists.read_pairs(write(tmp_path, text))
    assert message in caught.value.message
    assert len(caught.value.message.removeprefix(str(tmp_path))) < 250
    assert caught.value.hint


def test_a_file_of_pairs_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(SettingsError, match=r"gone\.txt' cannot be read"):
        lists.read_pairs(tmp_path / "gone.txt")


# MOT Challenge


def test_truth_of_the_mot_challenge_is_read(tmp_path: Path) -> None:
    """Frames by number, ids as people; a line with flag 0 or of another class is not asked for, and stays in."""
    text = "3,1,10,20,30.5,40,1,1,0.8\n1,1,1.0e+01,2,3,4\n1,2,5,6,7,8,0,1,1\r\n\n"
    text += "1,9,5,6,7,8,1,7,1\n1,10,5,6,7,8,1,-1,-1,-1\n"
    frames = lists.read_mot_truth(write(tmp_path, text))
    assert [frame.ticks for frame in frames] == [1, 3]
    assert [(face.person, face.visible) for face in frames[0].faces] == [
        ("1", 1.0),
        ("2", 0.0),
        ("9", 0.0),
        ("10", 1.0),
    ]
    assert frames[0].faces[0].box == (10, 2, 3, 4)
    assert (frames[1].faces[0].box, frames[1].faces[0].visible) == ((10, 20, 30.5, 40), 0.8)


def test_tracks_of_the_mot_challenge_are_read(tmp_path: Path) -> None:
    """Each id is a track with its frames in order, whatever the order of lines; an empty file has none."""
    trails = lists.read_mot_tracks(write(tmp_path, "2,7,1,2,3,4,0.9,-1,-1,-1\n1,7,0,2,3,4,0.9,-1,-1,-1\n1,3,9,9,9,9\n"))
    assert [(trail.number, trail.ticks.tolist()) for trail in trails] == [(3, [1]), (7, [1, 2])]
    assert trails[1].boxes.tolist() == [[0, 2, 3, 4], [1, 2, 3, 4]]
    assert lists.read_mot_tracks(write(tmp_path, "")) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,1,0,0,9", "pairs.txt:1: found '1,1,0,0,9', expected frame, id"),
        ("1,1,0,0,9,9,1,1,1,1,1", "pairs.txt:1: found '1,1,0,0,9,9,1,1,1,1,1', expected frame, id"),
        ("1,1,0,0,9,9\n1 2 3 4 5 6", "pairs.txt:2: found '1 2 3 4 5 6', expected frame, id"),
        ("frame,id,left,top,width,height", "pairs.txt:1: found 'frame,id,left,top,width,height'"),
        ("0,1,0,0,9,9", "pairs.txt:1: frame 0, expected a whole number from 1"),
        ("1.5,1,0,0,9,9", "pairs.txt:1: frame 1.5, expected"),
        ("1e300,1,0,0,9,9", "pairs.txt:1: frame 1e300, expected"),
        ("nan,1,0,0,9,9", "pairs.txt:1: frame nan, expected"),
        ("inf,1,0,0,9,9", "pairs.txt:1: frame inf, expected"),
        ("1,-1,0,0,9,9", "pairs.txt:1: id -1, expected a whole number from 0"),
        ("1,1,0,0,-9,9", "pairs.txt:1: found '1,1,0,0,-9,9': width -9 and height 9, expected more than 0"),
        ("1,1,0,0,9,0", "expected more than 0"),
        ("1,1,nan,0,9,9", "expected finite numbers"),
        ("1,1,0,0,9,9,inf", "expected finite numbers"),
        ("1,1,0,0,1e9,9", "expected a box in numbers up to 1000000"),
        ("1,1,0,0,9,9\n2,1,0,0,9,9\n1,1,4,4,9,9", "pairs.txt:3: id 1 stands in frame 1 already, in line 1"),
    ],
)
def test_a_broken_list_of_tracks_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The error names file and line, what was found and what was expected, and says what to do next."""
    for read in (lists.read_mot_tracks, lists.read_mot_truth):
        with pytest.raises(SettingsError) as caught:
            read(write(tmp_path, text))
        assert message in caught.value.message
        assert caught.value.hint


def test_a_truth_must_ask_for_something(tmp_path: Path) -> None:
    """A visible share is a share, and a list in which no line counts measures nothing."""
    with pytest.raises(SettingsError, match=r":1: visible share 2, expected 0 to 1"):
        lists.read_mot_truth(write(tmp_path, "1,1,0,0,9,9,1,1,2"))
    with pytest.raises(SettingsError, match="no line that counts"):
        lists.read_mot_truth(write(tmp_path, "1,1,0,0,9,9,0,1,1"))
    with pytest.raises(SettingsError, match="no line that counts"):
        lists.read_mot_truth(write(tmp_path, ""))


def test_a_list_that_is_no_text_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, bytes that are no UTF-8, more bytes than are read."""
    with pytest.raises(SettingsError, match="is no file"):
        lists.read_mot_tracks(tmp_path)
    (tmp_path / "bytes.txt").write_bytes(b"1,1,\xff")
    with pytest.raises(SettingsError, match="cannot be read"):
        lists.read_mot_tracks(tmp_path / "bytes.txt")
    monkeypatch.setattr(lists, "LARGEST_LIST", 10)
    with pytest.raises(SettingsError, match="is of 11 bytes, 10 are the most"):
        lists.read_mot_tracks(write(tmp_path, "1,1,0,0,9,9"))


@given(st.text(alphabet="0123456789,.-einfa \n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No list makes another error than one that says where it is wrong, and no box that is read is none."""
    with TemporaryDirectory() as folder:
        path = write(Path(folder), text)
        try:
            trails = lists.read_mot_tracks(path)
        except SettingsError:
            return
    assert all((trail.boxes[:, 2:] > 0).all() and np.isfinite(trail.boxes).all() for trail in trails)
    assert all((np.diff(trail.ticks) > 0).all() for trail in trails)


# truth.json


@pytest.mark.parametrize(
    ("ticks", "box", "visible", "message"),
    [
        ([0, 0], (0, 0, 9, 9), 1, "frame 2: time 0 after 0, expected rising whole ticks"),
        ([0, 1.5], (0, 0, 9, 9), 1, "frame 2: time 1.5"),
        ([0], (0, 0, -9, 9), 1, "frame 1, 'P001': box (0, 0, -9, 9): width -9 and height 9, expected more than 0"),
        ([0], (0, 0, float("nan"), 9), 1, "frame 1, 'P001': box (0, 0, nan, 9): expected a box in numbers"),
        ([0], (0, "x", 9, 9), 1, "frame 1, 'P001': found (0, 'x', 9, 9, 1, 0.0), expected numbers"),
        ([0], (0, 0, 9, 9), 1.5, "frame 1, 'P001': visible 1.5, turn 0.0: expected shares from 0 to 1"),
    ],
)
def test_a_truth_that_no_picture_can_show_is_refused(ticks: list, box: tuple, visible: float, message: str) -> None:
    """The error names file, frame and person, and the value."""
    faces = (truth.Face("P001", 0, box, visible, 0.0),)
    with pytest.raises(SettingsError) as caught:
        lists.check_truth(Path("truth.json"), [truth.Frame(each, faces) for each in ticks])
    assert message in caught.value.message


def test_a_truth_as_it_should_be_is_not_refused() -> None:
    """Boxes may reach beyond the picture."""
    face = truth.Face("P001", 0, (-5.5, -3, 20, 20), 0.5, 0.2)
    lists.check_truth(Path("truth.json"), [truth.Frame(0, (face,)), truth.Frame(3000, ())])


# Pascal VOC


def voc(*objects: str, size: str = "<size><width>640</width><height>360</height></size>") -> str:
    """A file of boxes."""
    return f"<annotation><filename>1.png</filename>{size}{''.join(objects)}</annotation>"


def thing(left: object, top: object, right: object, bottom: object, more: str = "") -> str:
    """An object with its box."""
    sides = f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
    return f"<object><name>face</name>{more}<bndbox>{sides}</bndbox></object>"


def test_boxes_are_read(tmp_path: Path) -> None:
    """Corners become sides, a difficult object is not asked for, and a box of an object's part is none of a face."""
    part = "<part><name>nose</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
    text = voc(thing(10, 20, 40.5, 60, part), "stray", thing(-3, 0, 9, 9, "<difficult> 1 </difficult>"))
    found = lists.read_boxes(write(tmp_path, text))
    assert found.boxes.tolist() == [[10, 20, 30.5, 40], [-3, 0, 12, 9]]
    assert found.asked.tolist() == [True, False]
    assert found.size == (640, 360)


def test_a_file_without_boxes_or_size_has_none(tmp_path: Path) -> None:
    """A photograph without a face is a photograph, too."""
    found = lists.read_boxes(write(tmp_path, voc(size="")))
    assert (len(found.boxes), found.size) == (0, None)
    assert lists.read_boxes(write(tmp_path, voc(size="<size><width>0</width><height>0</height></size>"))).size is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "pairs.txt:1: no XML (no element found)"),
        ("<annotation>\n<object>", "pairs.txt:2: no XML"),
        ("<html></html>", "pairs.txt:1: found 'html', expected 'annotation'"),
        (voc(thing(10, 20, 10, 60)), "xmin 10, ymin 20, xmax 10, ymax 60: width 0 and height 40, expected more than 0"),
        (voc(thing(10, 20, 5, 60)), "expected more than 0"),
        (voc(thing("nan", 20, 5, 60)), "xmin is 'nan', expected a number up to 1000000"),
        (voc(thing(1, 2, "1e99", 60)), "xmax is '1e99', expected a number"),
        (voc(thing(1, 2, "wide", 60)), "xmax is 'wide', expected a number"),
        (voc("\n<object><name>face</name></object>"), "pairs.txt:2: xmin is '', expected a number"),
        (
            voc(thing(5, 2, 9, 60) + thing(5, 2, 9, 60, "<bndbox></bndbox>")),
            "a second 'bndbox' in 'object', expected one",
        ),
        (voc(thing("5</xmin><xmin>5", 2, 60, 60)), "pairs.txt:1: a second 'xmin' in 'bndbox', expected one"),
        (voc(thing(1, 2, 9, 9, "<difficult>0</difficult><difficult/>")), "a second 'difficult' in 'object'"),
        (voc(thing(1, 2, 9, 9), "<size></size>"), "a second 'size' in 'annotation', expected one"),
        (voc(thing(" " * 1001, 2, 9, 9)), "xmin has more than 1,000 characters"),
        ('<?xml version="1.0" encoding="foo"?>' + voc(), "pairs.txt:1: declares an encoding that cannot be read"),
        ('<?xml version="1.0" encoding="gbk"?>' + voc(), "pairs.txt:1: declares an encoding that cannot be read"),
        ('<?xml version="1.0" encoding="hex"?>' + voc(), "pairs.txt:1: declares an encoding that cannot be read"),
        (voc("<a>" * 60), "has more than 50 elements in each other"),
        ('<!DOCTYPE annotation [<!ENTITY a "x">]>' + voc(), "pairs.txt:1: declares a document type, expected none"),
        ('<!DOCTYPE annotation SYSTEM "http://localhost/x">' + voc(), "declares a document type"),
    ],
)
def test_a_broken_file_of_boxes_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The error names file and line; a document type is refused before any entity is there."""
    with pytest.raises(SettingsError) as caught:
        lists.read_boxes(write(tmp_path, text))
    assert message in caught.value.message
    assert caught.value.hint


def test_a_document_type_in_any_encoding_is_refused(tmp_path: Path) -> None:
    """The parser says what is declared, not a search for bytes."""
    path = tmp_path / "1.xml"
    path.write_bytes(('<?xml version="1.0" encoding="utf-16"?><!DOCTYPE annotation>' + voc()).encode("utf-16"))
    with pytest.raises(SettingsError, match="declares a document type"):
        lists.read_boxes(path)


def test_too_many_boxes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a file cannot fill the memory."""
    monkeypatch.setattr(lists, "MOST_BOXES", 2)
    with pytest.raises(SettingsError, match="has more than 2 objects"):
        lists.read_boxes(write(tmp_path, voc(*[thing(1, 1, 9, 9)] * 3)))


@given(st.binary(max_size=80), st.integers(0, 200))
def test_any_bytes_in_a_file_of_boxes_are_read_or_refused(noise: bytes, where: int) -> None:
    """A file that was damaged anywhere makes no other error."""
    text = voc(thing(10, 20, 40, 60)).encode()
    with TemporaryDirectory() as folder:
        (Path(folder) / "1.xml").write_bytes(text[:where] + noise + text[where + len(noise) // 2 :])
        with suppress(SettingsError):
            assert (lists.read_boxes(Path(folder) / "1.xml").boxes[:, 2:] > 0).all()
