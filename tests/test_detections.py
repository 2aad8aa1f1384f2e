"""Facts about kept detections: they come back as they were, whole chunks or none, and nothing else lies in them."""

from __future__ import annotations

import json
import os
import pickle
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights.detections import CHUNK_FRAMES, Detections, Observation, key
from houselights.footage import Tally
from houselights.quality import Quality
from houselights.sampling import Sight
from houselights.types import Faces

COLUMNS = {
    *("boxes", "points", "scores", "parts", "counts"),
    *("ticks", "analyse", "cut", "analysed_s", "since_analysed", "stir"),
    *("tallies", "first_damage_s"),
}


def observation(number: int, faces: int | None = None) -> Observation:
    """The faces of a frame, random but the same for the same number."""
    random = np.random.default_rng(number)
    count = number % 4 if faces is None else faces
    arrays = [random.random((count, *shape), np.float32) for shape in ((4,), (5, 2), (), (5,))]
    sight = Sight(number * 512, number / 25, number % 3, analyse=True, cut=number % 7 == 0, stir=number / 3)
    tally = Tally(number + 1, number // 2, number // 9, number // 11, number / 50 if number > 8 else None)
    return Observation(sight, Faces(arrays[0], arrays[1], arrays[2]), Quality(arrays[3]), tally)


def plain(each: Observation) -> tuple[Any, ...]:
    """All that an observation says."""
    arrays = (each.faces.boxes, each.faces.points, each.faces.scores, each.quality.parts)
    return (each.sight, each.tally, *((array.shape, array.dtype, array.tobytes()) for array in arrays))


def keep(folder: Path, count: int, *, finish: bool = True) -> list[Observation]:
    """Keep that many observations."""
    kept = Detections(folder)
    observations = [observation(number) for number in range(count)]
    for each in observations:
        kept.add(each)
    if finish:
        kept.finish(Tally(count, stopped="the file ended"))
    return observations


def chunks(folder: Path) -> list[str]:
    """The chunks that lie there."""
    return sorted(path.name for path in folder.glob("*.npz"))


@pytest.mark.parametrize("count", [1, CHUNK_FRAMES - 1, CHUNK_FRAMES, CHUNK_FRAMES + 1, 3 * CHUNK_FRAMES + 5])
def test_observations_come_back_as_they_were(tmp_path: Path, count: int) -> None:
    """Every array to the bit, every number, in order, over however many chunks; and the mark of the end."""
    observations = keep(tmp_path, count)
    again = Detections(tmp_path)
    assert again.started
    kept = list(again.kept())
    assert [plain(each) for each in kept] == [plain(each) for each in observations]
    assert again.finished == Tally(count, stopped="the file ended")
    assert len(chunks(tmp_path)) == -(-count // CHUNK_FRAMES)


@given(counts=st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_frames_with_any_number_of_faces_come_back(counts: list[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    """None, one or many, in any order."""
    folder = tmp_path_factory.mktemp("kept")
    observations = [observation(number, faces) for number, faces in enumerate(counts)]
    kept = Detections(folder)
    for each in observations:
        kept.add(each)
    kept.finish(Tally())
    assert [plain(each) for each in Detections(folder).kept()] == [plain(each) for each in observations]


def test_nothing_is_there_before_the_first_frame(tmp_path: Path) -> None:
    """Nothing is made by asking; a footage without an analysed frame has its mark alone."""
    kept = Detections(tmp_path / "none")
    assert (kept.started, kept.finished, list(kept.kept())) == (False, None, [])
    assert not (tmp_path / "none").exists()
    kept.finish(Tally(damaged=3))
    assert Detections(tmp_path / "none").finished == Tally(damaged=3)
    assert chunks(tmp_path / "none") == []


def test_work_goes_on_after_the_last_whole_chunk(tmp_path: Path) -> None:
    """What a killed run had not written yet is made again; what it wrote stays as it is."""
    observations = keep(tmp_path, 2 * CHUNK_FRAMES + 30, finish=False)
    whole = [(tmp_path / name).read_bytes() for name in chunks(tmp_path)]
    assert len(whole) == 2
    again = Detections(tmp_path)
    assert len(list(again.kept())) == 2 * CHUNK_FRAMES
    assert again.finished is None
    for each in observations[2 * CHUNK_FRAMES :]:
        again.add(each)
    again.finish(Tally())
    assert [plain(each) for each in Detections(tmp_path).kept()] == [plain(each) for each in observations]
    assert [(tmp_path / name).read_bytes() for name in chunks(tmp_path)][:2] == whole


def test_a_run_that_was_killed_before_its_mark_is_gone_on_with(tmp_path: Path) -> None:
    """All chunks without the mark, and half-written files of other runs, do no harm."""
    observations = keep(tmp_path, CHUNK_FRAMES + 3)
    (tmp_path / "finished.json").unlink()
    (tmp_path / "000002.4711.partial").write_bytes(b"PK")
    (tmp_path / "finished.4711.partial").write_text('{"frames": 9')
    again = Detections(tmp_path)
    assert [plain(each) for each in again.kept()] == [plain(each) for each in observations]
    assert again.finished is None
    assert again.started


@pytest.mark.parametrize("harm", ["torn", "flipped", "empty", "text", "swapped"])
def test_a_damaged_chunk_and_all_after_it_are_made_again(tmp_path: Path, harm: str) -> None:
    """The chunks before it are used, it and the later ones are removed, and the mark with them."""
    observations = keep(tmp_path, 4 * CHUNK_FRAMES)
    file = tmp_path / "000001.npz"
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(
        {
            "torn": content[:middle],
            "flipped": content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :],
            "empty": b"",
            "text": b"not a chunk",
            "swapped": json.dumps({"counts": [1]}).encode(),
        }[harm]
    )
    again = Detections(tmp_path)
    assert [plain(each) for each in again.kept()] == [plain(each) for each in observations[:CHUNK_FRAMES]]
    assert chunks(tmp_path) == ["000000.npz"]
    assert again.finished is None
    for each in observations[CHUNK_FRAMES:]:
        again.add(each)
    again.finish(Tally())
    assert [plain(each) for each in Detections(tmp_path).kept()] == [plain(each) for each in observations]


def test_wherever_a_byte_is_wrong_the_chunk_is_made_again_or_right(tmp_path: Path) -> None:
    """No flipped byte of a chunk raises an error or changes what is kept."""
    (expected,) = [plain(each) for each in keep(tmp_path, 1)]
    file = tmp_path / "000000.npz"
    content = file.read_bytes()
    for place in range(0, len(content), 7):
        file.write_bytes(content[:place] + bytes([content[place] ^ 0x41]) + content[place + 1 :])
        kept = [plain(each) for each in Detections(tmp_path).kept()]
        assert kept in ([], [expected])


class Trap:
    """What runs a command where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_chunk_with_a_pickle_is_refused_and_nothing_in_it_runs(tmp_path: Path) -> None:
    """Objects in place of numbers are damage; their code is never called."""
    keep(tmp_path, 2)
    file = tmp_path / "000000.npz"
    with np.load(file) as data:
        columns = {name: data[name] for name in data.files}
    trap = tmp_path / "sprung"
    columns["counts"] = np.array([Trap(trap)], dtype=object)
    with file.open("wb") as stream:
        np.savez(stream, **columns)
    assert list(Detections(tmp_path).kept()) == []
    assert not file.exists()
    file.write_bytes(pickle.dumps(Trap(trap)))
    assert list(Detections(tmp_path).kept()) == []
    assert not file.exists()
    assert not trap.exists()


@pytest.mark.parametrize("column", sorted(COLUMNS))
@pytest.mark.parametrize("change", ["missing", "short", "empty"])
def test_a_chunk_whose_columns_do_not_fit_is_made_again(tmp_path: Path, column: str, change: str) -> None:
    """A column that is missing or too short is damage, whichever it is."""
    keep(tmp_path, 6)
    file = tmp_path / "000000.npz"
    with np.load(file) as data:
        columns = {name: data[name] for name in data.files}
    if change == "missing":
        del columns[column]
    else:
        columns[column] = columns[column][: -1 if change == "short" else 0]
    with file.open("wb") as stream:
        np.savez(stream, **columns)
    assert list(Detections(tmp_path).kept()) == []
    assert not file.exists()


def test_no_pixel_of_a_face_is_kept(tmp_path: Path) -> None:
    """R25: a chunk holds boxes, points, qualities and counts, and no other column."""
    keep(tmp_path, CHUNK_FRAMES)
    with np.load(tmp_path / "000000.npz") as data:
        shapes = {name: data[name].shape for name in data.files}
        sizes = {name: data[name].nbytes for name in data.files}
    assert set(shapes) == COLUMNS
    faces = shapes["scores"][0]
    assert sum(sizes.values()) <= faces * 4 * (4 + 10 + 1 + 5) + CHUNK_FRAMES * 100


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """The folder is open to nobody else."""
    keep(tmp_path / "kept", 3)
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["000000.npz", "finished.json"]


def test_what_was_kept_can_be_forgotten(tmp_path: Path) -> None:
    """After that there is nothing to go on with."""
    keep(tmp_path, CHUNK_FRAMES + 1)
    kept = Detections(tmp_path)
    kept.clear()
    assert (kept.started, kept.finished, chunks(tmp_path)) == (False, None, [])


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"frames": 1, "faces": 2}'])
def test_a_mark_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    """Reading goes on to the end again."""
    keep(tmp_path, 2)
    (tmp_path / "finished.json").write_text(text)
    assert Detections(tmp_path).finished is None


def test_other_settings_have_another_name() -> None:
    """Footage, detector and every setting are part of the name, the order in which they are given is not."""
    base = key("a" * 64, {"sampling": "auto", "canvases": ((960, 544),), "since": None})
    assert base == key("a" * 64, {"since": None, "canvases": ((960, 544),), "sampling": "auto"})
    others = [
        key("b" * 64, {"sampling": "auto", "canvases": ((960, 544),), "since": None}),
        key("a" * 64, {"sampling": "all", "canvases": ((960, 544),), "since": None}),
        key("a" * 64, {"sampling": "auto", "canvases": ((960, 544), (1920, 1088)), "since": None}),
        key("a" * 64, {"sampling": "auto", "canvases": ((960, 544),), "since": 0}),
    ]
    assert len({base, *others}) == 5
    assert base.replace("-", "").isalnum()
