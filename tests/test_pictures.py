"""Pictures: the face that is meant, every other face covered, nothing of the file but pixels."""

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import Silent
from PIL import Image
from strangers import odds_of

from houselights import batch, config, fetching, models, pictures, policy, portrait
from houselights.errors import Error, ModelError
from houselights.faces import Detector, overlap
from houselights.footage import Facts
from houselights.gallery import still
from houselights.record import Record
from houselights.result import Candidate, Shot
from houselights.sampling import Sampling
from houselights.types import Faces, UInt8

WANTED, BESIDE = "P001", "P005"  # people of the AI-generated cast
HIGH = 640  # pixels: the height of both people's pictures in the footage


@pytest.fixture(scope="module")
def detector() -> Path:
    """Return the detector's weights."""
    try:
        return models.path_of(models.default("detector"))
    except Error as error:
        pytest.skip(f"no weights here: {error.message}")


@pytest.fixture(scope="module")
def cast() -> Path:
    """Return the folder of the openpeople cast: its people were never born."""
    if (named := os.environ.get("HOUSELIGHTS_CAST")) is not None:
        return Path(named)
    try:
        return next(fetching.cast_dir().glob(f"**/{WANTED}")).parent
    except (Error, StopIteration) as error:
        pytest.skip(f"no cast here, and HOUSELIGHTS_CAST is not set: {error}")


@pytest.fixture(scope="module")
def two_people(cast: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a photograph in which two people stand cheek by cheek."""
    people = [read(cast / name / "assets" / "studio_portrait.jpg", HIGH) for name in (WANTED, BESIDE)]
    middle = [each[:, 160:480] for each in people]
    file = tmp_path_factory.mktemp("footage") / "two people.png"
    Image.fromarray(np.hstack([*middle])).save(file)
    return file


@pytest.fixture(scope="module")
def outcome(
    two_people: Path, cast: Path, detector: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[batch.Outcome]:
    """Return a search for one of the two people, by a photograph in which the other can be seen as well."""
    gallery = tmp_path_factory.mktemp("gallery") / WANTED
    gallery.mkdir()
    selfie = read(cast / WANTED / "assets" / "amateur_selfie.jpg", 1200)
    left, top, width, height = (round(float(n)) for n in faces(selfie, detector).boxes[0])
    beside = head(read(cast / BESIDE / "assets" / "studio_portrait.jpg", 1000), round(height / 3), detector)
    rows, columns = beside.shape[:2]
    selfie[top : top + rows, left + width : left + width + columns] = beside
    Image.fromarray(selfie).save(gallery / "selfie.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(config.MODELS, str(detector.parent))
        patch.setenv(config.CACHE, str(tmp_path_factory.mktemp("cache")))
        request = batch.Request(
            (two_people,),
            policy.authority("evaluation", "test", "test"),
            gallery=gallery.parent,
            sampling=Sampling.parse("all"),
        )
        try:
            yield batch.run(request, Record.here(), Silent())
        except ModelError as error:
            pytest.skip(f"no weights here: {error.message}")


def read(file: Path, height: int) -> UInt8:
    """Return a picture at a height in pixels."""
    with Image.open(file) as image:
        return np.array(image.convert("RGB").resize((round(image.width * height / image.height), height)))


def pixels(picture: pictures.Picture) -> UInt8:
    """Return a picture's pixels."""
    assert picture.jpeg is not None, picture.reason
    return np.asarray(Image.open(io.BytesIO(picture.jpeg)))


def faces(picture: UInt8, path: Path) -> Faces:
    """Return the faces that the detector finds in a picture."""
    return Detector(path, ((480, 480),)).detect(still(picture))


def head(picture: UInt8, height: int, path: Path) -> UInt8:
    """Return the head of the person in a picture, with a face of a height in pixels."""
    left, top, width, tall = faces(picture, path).boxes[0]
    area = portrait.inside(np.array([left - width / 5, top - tall / 4, width * 1.4, tall * 1.4], np.float32), picture)
    cut = Image.fromarray(picture[area])
    return np.array(cut.resize((round(cut.width * height / tall), round(cut.height * height / tall))))


def test_the_other_persons_face_is_one_colour(outcome: batch.Outcome, detector: Path) -> None:
    """Of two people in one photograph the one who is not searched for is covered, and one face is left to be found."""
    (candidate,) = outcome.result.candidates
    shown = pictures.candidate_pictures(outcome, detector)
    picture = shown.shots[candidate]
    patch = pixels(picture)
    assert picture.covered >= 1
    assert max(patch.shape) <= portrait.SIDE
    assert len(faces(patch, detector)) == 1

    frame = still(np.asarray(Image.open(candidate.footage)))
    own = np.array(candidate.best_shot.box, np.float32)
    onto, side = portrait.window(own, frame.size)
    before = faces(frame.patch(onto, side), detector)
    face = portrait.laid(own[None], onto)
    others = before[overlap(before.boxes, face)[:, 0] < 0.5]
    assert len(others) == 1, "the other face must be in the picture for this test to say anything"
    hidden = patch[portrait.inside(others.boxes[0], patch)].astype(int)
    assert hidden.size > 3000
    assert np.abs(hidden - portrait.COVER).max() <= 3  # JPEG


def test_the_other_face_in_the_reference_photograph_is_covered(outcome: batch.Outcome, detector: Path) -> None:
    """A small face beside the subject in the photograph is covered too."""
    (candidate,) = outcome.result.candidates
    shown = pictures.candidate_pictures(outcome, detector)
    assert set(shown.references) == {candidate.reference}
    assert shown.references[candidate.reference].covered >= 1
    assert len(faces(pixels(shown.references[candidate.reference]), detector)) == 1


def test_the_candidates_face_is_shown_as_it_is(outcome: batch.Outcome, detector: Path) -> None:
    """The pixels of the candidate's own box are those of the footage."""
    (candidate,) = outcome.result.candidates
    patch = pixels(pictures.candidate_pictures(outcome, detector).shots[candidate]).astype(int)
    frame = still(np.asarray(Image.open(candidate.footage)))
    onto, side = portrait.window(np.array(candidate.best_shot.box, np.float32), frame.size)
    area = portrait.inside(portrait.laid(np.array([candidate.best_shot.box], np.float32), onto)[0], patch)
    assert np.abs(patch[area] - frame.patch(onto, side)[area]).mean() < 4


def test_pictures_hold_no_metadata(outcome: batch.Outcome, detector: Path) -> None:
    """A picture's JPEG has no EXIF, no profile, no comment."""
    shown = pictures.candidate_pictures(outcome, detector)
    for picture in (*shown.shots.values(), *shown.references.values()):
        with Image.open(io.BytesIO(picture.jpeg or b"")) as image:
            assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_only_the_highest_candidates_have_pictures(outcome: batch.Outcome, detector: Path) -> None:
    """The limit counts candidates, and what nobody is shown beside is not read."""
    shown = pictures.candidate_pictures(outcome, detector, limit=0)
    assert (shown.shots, shown.references) == ({}, {})


@pytest.mark.parametrize(
    ("harm", "reason"),
    [("changed", "changed after it was"), ("gone", "could not be read again")],
)
def test_what_cannot_be_read_again_has_a_reason(
    outcome: batch.Outcome, detector: Path, tmp_path: Path, harm: str, reason: str
) -> None:
    """Footage and photographs that were changed or moved meanwhile give a reason in place of a picture."""
    if harm == "changed":
        for name in ("footage.png", "reference.png"):
            Image.new("RGB", (64, 64)).save(tmp_path / name)
    shown = pictures.candidate_pictures(moved(outcome, tmp_path), detector)
    for picture in (*shown.shots.values(), *shown.references.values()):
        assert picture.jpeg is None
        assert reason in (picture.reason or "")


@pytest.mark.parametrize("swapped", ["footage.png", "reference.png"])
def test_pictures_are_of_the_bytes_that_were_hashed(
    outcome: batch.Outcome, detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    """A file that another takes the place of, right after its bytes were hashed, is not what is shown."""
    (candidate,) = outcome.result.candidates
    files = {"footage.png": Path(candidate.footage), "reference.png": Path(candidate.reference)}
    for name, file in files.items():
        (tmp_path / name).write_bytes(file.read_bytes())
    shown = pictures.candidate_pictures(moved(outcome, tmp_path), detector)
    real = Path.read_bytes

    def read_and_swapped(self: Path) -> bytes:
        content = real(self)
        if self == tmp_path / swapped:
            Image.new("RGB", (640, 640), (200, 20, 20)).save(self)
        return content

    monkeypatch.setattr(Path, "read_bytes", read_and_swapped)
    again = pictures.candidate_pictures(moved(outcome, tmp_path), detector)
    assert again.references == shown.references
    found = [next(iter(each.shots.values())) for each in (shown, again)]
    assert found[0].jpeg is not None
    if swapped == "footage.png":
        assert "changed" in str(found[1].reason), "it was changed while it was read"
    else:
        assert found[1] == found[0]


def moved(outcome: batch.Outcome, folder: Path) -> batch.Outcome:
    """Return the same search of files that lie elsewhere: footage.png and reference.png."""
    (candidate,) = outcome.result.candidates
    files = folder / "footage.png", folder / "reference.png"
    elsewhere = replace(candidate, footage=str(files[0]), reference=str(files[1]))
    subject = outcome.gallery.subjects[0]
    reference = replace(subject.references[0], file=files[1])
    footage = (replace(outcome.result.footage[0], path=str(files[0])),)
    found = replace(outcome.result, candidates=(elsewhere,), footage=footage)
    subjects = (replace(subject, references=(reference,)),)
    return batch.Outcome(found, replace(outcome.gallery, subjects=subjects), outcome.use)


def test_the_frame_of_the_shot_is_shown(detector: Path, outcome: batch.Outcome, tmp_path: Path) -> None:
    """Of a film with uneven times the picture is cut from the frame at the shot's time."""
    file = tmp_path / "film.mkv"
    greys = {0: 40, 33: 80, 140: 120, 2500: 160, 5007: 200}
    with av.open(str(file), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for time, grey in greys.items():
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), grey, np.uint8), "rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    those = [at(str(file), time / 1000) for time in (140, 5007, 33)]
    use = replace(outcome.result.footage[0], path=str(file), sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    film = replace(outcome, result=replace(outcome.result, candidates=tuple(those), footage=(use,)))
    shown = pictures.candidate_pictures(film, detector)
    assert [round(float(pixels(shown.shots[each]).mean())) for each in those] == pytest.approx([120, 200, 80], abs=3)


def at(footage: str, time_s: float) -> Candidate:
    """Return a candidate with a shot at a time."""
    shot = Shot(time_s, (20.0, 20.0, 20.0, 20.0), 0.9)
    return Candidate("A", footage, 1, time_s, time_s, 0.6, odds_of(), None, 1, shot, "none.png")


@pytest.mark.parametrize("base", [Fraction(1, 25), Fraction(1, 90_000), Fraction(1001, 30_000), Fraction(1, 10**7)])
def test_times_find_their_ticks(base: Fraction) -> None:
    """The tick of a frame is among those that its time in seconds stands for, whatever the time base."""
    facts = Facts(Path("f"), "", 64, 64, base, 17, 0.0, 0, 0.0, "h264", still=False)
    for ticks in (17, 18, 19, 4711, 123_456, 98_765_432):
        found = pictures._ticks(facts, facts.seconds(ticks))
        assert ticks in found
        assert len(found) <= 11
