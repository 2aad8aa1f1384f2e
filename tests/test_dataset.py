"""Facts about data sets: photographs of known people become templates, and what could not be used is named."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from houselights import dataset, lists, models
from houselights.calibration import Progress
from houselights.dataset import Dataset, Kept, Reading
from houselights.entry import Entry
from houselights.errors import CalibrationError, SettingsError
from houselights.record import Record
from houselights.shots import EYES, PER_TRACK
from houselights.templates import Recogniser


@pytest.fixture(scope="module")
def people(cast_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three made-up people with two photographs each, one of them twice, and a file that is none."""
    folder = tmp_path_factory.mktemp("people")
    for name in ("P001", "P002", "P005"):
        (folder / name).mkdir()
        for kind, file in (("portrait", "studio_portrait.jpg"), ("selfie", "amateur_selfie.jpg")):
            source = next(cast_folder.glob(f"**/{name}/assets/{file}"))
            shutil.copyfile(source, folder / name / f"{name}_{kind}.jpg")
    shutil.copyfile(folder / "P001" / "P001_selfie.jpg", folder / "P002" / "again.jpg")
    (folder / "P005" / "broken.jpg").write_bytes(b"no picture")
    (folder / "P005" / "notes.txt").write_text("no photograph")
    return folder


@pytest.fixture(scope="module")
def recogniser(recogniser_path: Path) -> Recogniser:
    """The default recogniser."""
    return Recogniser(models.default("recogniser"), recogniser_path)


@pytest.fixture(scope="module")
def reader(detector_path: Path, recogniser: Recogniser) -> Callable[..., Dataset]:
    """Reads a folder with the default models."""

    def read(folder: Path, how: Reading, kept: Kept | None = None) -> Dataset:
        return dataset.read(folder, detector_path, recogniser, how, kept=kept)

    return read


@pytest.fixture(scope="module")
def read(people: Path, reader: Callable[..., Dataset]) -> Dataset:
    """They, with shots."""
    return reader(people, Reading(with_shots=True))


def test_every_photograph_is_used_or_named(read: Dataset) -> None:
    """Six are used; the broken one, the text and the copy are told with their reasons."""
    assert read.names == ("P001", "P002", "P005")
    assert len(read.files) == 6 == len(read.templates) == len(read.people) == len(read.quality)
    assert {Path(each.file).name for each in read.lost} == {"broken.jpg", "notes.txt"}
    assert [Path(each.file).name for each in read.duplicates] == ["again.jpg"]
    assert "the same photograph as" in read.duplicates[0].reason
    assert [read.names[who] for who in read.people] == [file.parent.name for file in read.files]


def test_photographs_of_one_person_are_more_alike_than_of_two(read: Dataset) -> None:
    """Templates are those that a gallery would have."""
    scores = read.templates @ read.templates.T
    same = read.people[:, None] == read.people[None]
    assert scores[same].min() > scores[~same].max()


def test_first_photographs_are_one_a_person(read: Dataset) -> None:
    """In the order of their names."""
    assert [read.files[row].name for row in read.firsts] == [f"{name}_portrait.jpg" for name in read.names]


def test_shots_are_made_of_first_photographs(read: Dataset) -> None:
    """At each size as many as a track has, with the first alone before them; each like its own photograph."""
    assert read.shot_templates.shape == (3, len(EYES), PER_TRACK + 1, 128)
    assert read.shot_quality.shape == (3, len(EYES), PER_TRACK)
    firsts = read.templates[read.firsts]
    for row, who in enumerate(read.shot_people):
        large = read.shot_templates[row, 0] @ firsts.T
        assert (large.argmax(axis=1) == who).all()
    assert read.shot_quality[:, 0].mean() > read.shot_quality[:, -1].mean()


def test_a_list_leaves_out_openly(people: Path, reader: Callable[..., Dataset], tmp_path: Path) -> None:
    """What it names is not read, and is told with the list's reason."""
    listed = tmp_path / "errors.txt"
    listed.write_text("# wrong labels\nP002_selfie shows somebody else\n\nP001/P001_selfie.jpg\ta twin\n")
    found = reader(people, Reading(leave_out=lists.read_left_out(listed)))
    assert [(Path(each.file).name, each.reason) for each in found.left_out] == [
        ("P001_selfie.jpg", "a twin"),
        ("P002_selfie.jpg", "shows somebody else"),
    ]
    assert not {"P001_selfie.jpg", "P002_selfie.jpg"} & {file.name for file in found.files}


@pytest.mark.parametrize(("name", "number"), [("nobody", "0 photographs"), ("one", "2 photographs")])
def test_a_name_that_stands_for_none_or_several_is_refused(
    reader: Callable[..., Dataset], tmp_path: Path, name: str, number: str
) -> None:
    """So that nothing is left out by mistake, and no line of a list is without effect."""
    for person in "ab":
        (tmp_path / person).mkdir()
        (tmp_path / person / "one.jpg").write_bytes(b"no picture")
    with pytest.raises(SettingsError, match=f"'{name}', to be left out, stands for {number}"):
        reader(tmp_path, Reading(leave_out={name: "wrong"}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("P001_selfie\n", r"list\.txt:1: found 'P001_selfie', expected"),
        ("a b\n\na c\n", r"list\.txt:3: found 'a c', expected a file name, a space and a reason, once for each name"),
    ],
)
def test_a_line_without_reason_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """File, line and what was expected."""
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(SettingsError, match=message):
        lists.read_left_out(tmp_path / "list.txt")
    with pytest.raises(SettingsError, match="cannot be read"):
        lists.read_left_out(tmp_path / "gone.txt")


def test_nothing_usable_is_an_error(tmp_path: Path, reader: Callable[..., Dataset]) -> None:
    """A folder without one usable photograph says so."""
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(CalibrationError, match="has no photograph that can be used"):
        reader(tmp_path, Reading())


class Stopped(Exception):  # noqa: N818 - it is no error of ours
    """Somebody pulls the plug."""


class Watched:
    """Progress that is kept, and stops after some chunks."""

    def __init__(self, kept: Progress, most: int) -> None:
        self.kept, self.most, self.put_now = kept, most, 0

    def get(self, number: int) -> bytes | None:
        """As kept."""
        return self.kept.get(number)

    def put(self, number: int, content: bytes) -> None:
        """As kept, until it is enough."""
        if self.put_now == self.most:
            raise Stopped
        self.put_now += 1
        self.kept.put(number, content)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    """A record with a store."""
    return Record(tmp_path / "record", name="test.houselights.local")


def test_what_was_stopped_goes_on_where_it_was(
    people: Path, reader: Callable[..., Dataset], record: Record, read: Dataset, tmp_path: Path
) -> None:
    """Done chunks are not done again, the outcome is the same to the byte, and what rested is sealed, then gone."""
    how = Reading(with_shots=True)
    progress = Progress(record, people, models.default("recogniser"), how)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "CHUNK", 3)
        with pytest.raises(Stopped):
            reader(people, how, Watched(progress, 2))
        again = Watched(progress, 99)
        found = reader(people, how, again)
    stored = b"".join(each.read_bytes() for each in (tmp_path / "record" / "private").iterdir() if each.is_file())
    assert all(template.tobytes() not in stored for template in read.templates)
    assert again.put_now == 1, "two of three chunks were there"
    assert found.templates.tobytes() == read.templates.tobytes()
    assert found.shot_templates.tobytes() == read.shot_templates.tobytes()
    assert (found.files, found.lost, found.duplicates) == (read.files, read.lost, read.duplicates)
    progress.clear()
    assert progress.get(0) is None


def test_a_changed_folder_begins_anew(people: Path, recogniser: Recogniser, record: Record, tmp_path: Path) -> None:
    """What was made of other photographs is not taken for these."""
    copy = tmp_path / "copy"
    shutil.copytree(people, copy)
    how = Reading()
    Progress(record, copy, recogniser.model, how).put(0, b"made")
    assert Progress(record, copy, recogniser.model, how).get(0) == b"made"
    assert Progress(record, copy, recogniser.model, Reading(middle=True)).get(0) is None
    (copy / "P001" / "P001_selfie.jpg").unlink()
    assert Progress(record, copy, recogniser.model, how).get(0) is None


def test_measuring_leaves_an_entry(record: Record, people: Path) -> None:
    """Before anything is read: how many people and photographs are offered; no name."""
    dataset.enter(record, "verification", people)
    (entry,) = [each for each in map(Entry.parse, record.entries()) if each.kind == "people-measured"]
    assert entry.facts == {"what": "verification", "people": 3, "photographs": 8}
    assert entry.said == "measured (verification) on 8 photographs of 3 people"


def labelled(people: list[int], templates: np.ndarray) -> Dataset:
    """Photographs with made-up templates."""
    return Dataset(
        "made up", tuple(f"N{who}" for who in range(max(people) + 1)), np.array(people),
        tuple(Path(f"{row}.jpg") for row in range(len(people))), np.ones(len(people), np.float32),
        templates.astype(np.float32), (), (),
    )  # fmt: skip


def test_the_same_person_under_two_names_is_pointed_at() -> None:
    """Two names whose photographs are as alike as those of one person; nobody else."""
    chance = np.random.default_rng(3)
    middle = np.repeat(chance.normal(size=(30, 64)), 2, axis=0)
    middle[58:] = middle[56:58]  # the last two names are one person
    templates = middle + chance.normal(size=middle.shape) * 0.3
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    found = labelled(np.repeat(np.arange(30), 2).tolist(), templates).doubtful()
    assert len(found) == 1
    assert {int(found[0][0].stem) // 2, int(found[0][1].stem) // 2} == {28, 29}
    (words,) = labelled(np.repeat(np.arange(30), 2).tolist(), templates).doubts()
    assert words.startswith("1 pair of people may be one person under two names: `houselights lookalikes` names them")
    assert labelled([0, 0, 1, 1], templates[:4]).doubtful() == [], "too few photographs to say"
