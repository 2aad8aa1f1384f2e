"""The gallery: who is searched for, and which photographs cannot stand for anybody."""

import hashlib
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from houselights import models
from houselights.errors import GalleryError
from houselights.gallery import Enroller, Entry, Gallery, entries, name_of
from houselights.templates import Recogniser


@pytest.fixture(scope="module")
def enroller(detector_path: Path, recogniser_path: Path) -> Enroller:
    """An enroller with the default models."""
    return Enroller(detector_path, Recogniser(models.default("recogniser"), recogniser_path))


def enrol(enroller: Enroller, *offered: Entry) -> Gallery:
    """The gallery of some entries."""
    return enroller.enrol(list(offered), [], lambda _done, _total: None)


def portrait(cast: Path, person: str, kind: str = "studio_portrait") -> Path:
    """A photograph of somebody in the cast."""
    return cast / person / "assets" / f"{kind}.jpg"


def test_several_photographs_of_one_subject_are_one_template(enroller: Enroller, cast_folder: Path) -> None:
    """A subject with two photographs has two references and one fused template, near to both."""
    files = [portrait(cast_folder, "P001"), portrait(cast_folder, "P001", "amateur_selfie")]
    gallery = enrol(enroller, *(Entry("Ann", file) for file in files))
    (subject,) = gallery.subjects
    assert [reference.file for reference in subject.references] == files
    assert (subject.templates @ subject.template > 0.7).all()


def test_the_same_photograph_twice_is_reported_and_used_once(
    enroller: Enroller, cast_folder: Path, tmp_path: Path
) -> None:
    """A copy under another name counts as a duplicate, with the first one named."""
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(portrait(cast_folder, "P001").read_bytes())
    gallery = enrol(enroller, Entry("Ann", portrait(cast_folder, "P001")), Entry("Bea", copy))
    assert [subject.name for subject in gallery.subjects] == ["Ann"]
    assert gallery.duplicates[0].file == str(copy)
    assert "of Ann" in gallery.duplicates[0].reason


def test_what_is_enrolled_are_the_bytes_that_were_hashed(
    enroller: Enroller, cast_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R6: a photograph that another person's takes the place of, once it was read, gives hash and template of its own.

    Otherwise the log would have the hash that was approved, and somebody else would be searched for.
    """
    photo, content = tmp_path / "photo.jpg", portrait(cast_folder, "P001").read_bytes()
    other = portrait(cast_folder, "P005").read_bytes()
    real = Path.read_bytes

    def read_and_swapped(self: Path) -> bytes:
        found = real(self)
        if self == photo:
            photo.write_bytes(other)
        return found

    photo.write_bytes(content)
    monkeypatch.setattr(Path, "read_bytes", read_and_swapped)
    swapped = enrol(enroller, Entry("Ann", photo))
    monkeypatch.undo()
    assert photo.read_bytes() == other
    assert swapped.hashes == {"Ann": (hashlib.sha256(content).hexdigest(),)}
    first, second = (enrol(enroller, Entry("Ann", portrait(cast_folder, each))) for each in ("P001", "P005"))
    assert np.array_equal(swapped.templates, first.templates)
    assert float((swapped.templates @ second.templates.T).item()) < 0.4


def test_what_is_no_file_is_refused_and_never_waited_for(enroller: Enroller, cast_folder: Path, tmp_path: Path) -> None:
    """A pipe with the name of a photograph, and a photograph that is gone, are refused by name."""
    os.mkfifo(tmp_path / "pipe.jpg")
    good = portrait(cast_folder, "P001")
    gallery = enrol(enroller, *(Entry("Ann", file) for file in (tmp_path / "pipe.jpg", tmp_path / "gone.jpg", good)))
    assert [each.reason for each in gallery.refused] == ["is a pipe or a device, expected a file", "is not there"]
    assert gallery.photographs == 1


def test_photographs_without_one_clear_face_are_refused_by_name(
    enroller: Enroller, cast_folder: Path, tmp_path: Path
) -> None:
    """A wall, two people, and a tiny blurred face are refused with what is wrong; a good one beside them is used."""
    person = Image.open(portrait(cast_folder, "P002")).convert("RGB").resize((400, 400))
    other = Image.open(portrait(cast_folder, "P005")).convert("RGB").resize((400, 400))
    Image.new("RGB", (400, 300), (120, 118, 110)).save(tmp_path / "wall.png")
    both = Image.new("RGB", (800, 400))
    both.paste(person, (0, 0))
    both.paste(other, (400, 0))
    both.save(tmp_path / "both.png")
    small = Image.new("RGB", (400, 300), (90, 90, 90))
    small.paste(person.resize((34, 34)), (100, 100))
    small.save(tmp_path / "small.png")
    (tmp_path / "torn.jpg").write_bytes(portrait(cast_folder, "P002").read_bytes()[:3000])
    names = ("wall.png", "both.png", "small.png", "torn.jpg")
    gallery = enrol(
        enroller, Entry("Ann", portrait(cast_folder, "P001")), *(Entry(name, tmp_path / name) for name in names)
    )
    reasons = {Path(refusal.file).name: refusal.reason for refusal in gallery.refused}
    assert [subject.name for subject in gallery.subjects] == ["Ann"]
    assert reasons["wall.png"] == "no face was found"
    assert reasons["both.png"].startswith("2 faces were found")
    assert reasons["small.png"].startswith(("the face is too poor: inter-eye distance", "no face was found"))
    assert reasons["torn.jpg"].startswith("cannot be read")


def test_a_gallery_without_a_usable_photograph_is_an_error(enroller: Enroller, tmp_path: Path) -> None:
    """Nobody to search for is said, with each photograph's reason."""
    Image.new("RGB", (300, 300), (50, 90, 50)).save(tmp_path / "lawn.png")
    with pytest.raises(GalleryError, match=r"lawn\.png: no face was found"):
        enrol(enroller, Entry("nobody", tmp_path / "lawn.png"))
    with pytest.raises(GalleryError, match="no photograph was offered"):
        enrol(enroller)


def test_the_digest_knows_people_and_photographs_but_not_places(
    enroller: Enroller, cast_folder: Path, tmp_path: Path
) -> None:
    """Moving a photograph keeps the digest; another name changes it."""
    moved = tmp_path / "elsewhere.jpg"
    moved.write_bytes(portrait(cast_folder, "P001").read_bytes())
    here = enrol(enroller, Entry("Ann", portrait(cast_folder, "P001"))).digest
    assert enrol(enroller, Entry("Ann", moved)).digest == here
    assert enrol(enroller, Entry("Bea", moved)).digest != here


def test_a_folder_offers_subjects_as_folders_and_as_files(tmp_path: Path) -> None:
    """One folder a subject, one photograph a subject, and what is neither is refused by name."""
    (tmp_path / "Ann").mkdir()
    (tmp_path / "empty").mkdir()
    for name in ("Ann/1.jpg", "Ann/notes.txt", "Bea.png", ".hidden.jpg"):
        (tmp_path / name).touch()
    offered, refused = entries(tmp_path, [])
    assert [(entry.subject, entry.file.name) for entry in offered] == [("Ann", "1.jpg"), ("Bea", "Bea.png")]
    assert {Path(refusal.file).name: refusal.reason for refusal in refused} == {
        "notes.txt": "not a photograph by its name",
        "empty": "an empty folder",
    }


def test_a_missing_gallery_or_person_is_an_error(tmp_path: Path) -> None:
    """What is not there is named."""
    with pytest.raises(GalleryError, match="nowhere' is not a folder"):
        entries(tmp_path / "nowhere", [])
    with pytest.raises(GalleryError, match=r"me\.jpg' is not a photograph"):
        entries(None, [tmp_path / "me.jpg"])


@pytest.mark.parametrize(
    ("path", "name"), [("../../etc/me.jpg", "me"), ("李雷.png", "李雷"), ("Zoë Đặng.jpg", "Zoë Đặng")]
)
def test_a_person_is_named_by_the_file_alone(path: str, name: str) -> None:
    """Folders above a photograph, `../` among them, are no part of a name; any script is."""
    assert name_of(Path(path).stem) == name


@given(st.text())
def test_no_name_can_act_on_a_terminal(text: str) -> None:
    """Whatever a folder is called, the name holds no control character and is not empty."""
    name = name_of(text)
    assert name
    assert not any(unicodedata.category(c) in {"Cc", "Cf"} for c in name)


def test_large_and_small_faces_are_found(enroller: Enroller, cast_folder: Path, tmp_path: Path) -> None:
    """A face that fills a large photograph and one that is small in it both enrol, with templates that agree."""
    whole = Image.open(portrait(cast_folder, "P001")).convert("RGB")
    whole.crop((450, 250, 1600, 1750)).save(tmp_path / "near.png")
    far = Image.new("RGB", (2600, 1800), (120, 120, 120))
    far.paste(whole.resize((260, 260)), (1200, 700))
    far.save(tmp_path / "far.png")
    gallery = enrol(enroller, Entry("near", tmp_path / "near.png"), Entry("far", tmp_path / "far.png"))
    assert len(gallery.subjects) == 2
    assert float(np.dot(*gallery.templates)) > 0.6
