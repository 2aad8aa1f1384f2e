"""No residue: of a whole search, watched from outside, no template and no face of a bystander reaches a disk."""

from __future__ import annotations

import base64
import os
import resource
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import residue
from PIL import Image
from residue import Needles, Told

from houselights import demo, models, odds
from houselights.event import Event, EventSettings, read_truth
from houselights.faces import SIDE, alignment, overlap
from houselights.gallery import Portraitist, still
from houselights.templates import Recogniser, unit
from houselights.types import Float32, UInt8

STRACE = shutil.which("strace")
CHILD = Path(residue.__file__)
SCENE = EventSettings(seconds=3, people=6, width=960, height=540, cuts=0, occluders=0, seed=7)
PLACES = ("home", "tmp", "cache", "record", "out")
"""All that a search is given to write in."""
STRANGERS = 1e-4
"""The rate of strangers who look as alike as this: what looks less alike shows nobody."""
CLOSE = 1.4
"""Heights of the face that a close-up shows."""


def can_trace() -> bool:
    """Whether this machine lets one process watch another."""
    command = [STRACE or "", "-f", "--seccomp-bpf", "-o", "/dev/null", "true"]
    return STRACE is not None and subprocess.run(command, check=False, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not can_trace(), reason="strace 5.3 or later is not here or may not trace")


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Finds and compares faces as the program does."""

    portraitist: Portraitist
    recogniser: Recogniser

    def templates(self, picture: UInt8) -> Float32:
        """(n, d) of the faces in a picture (h, w, 3) in RGB."""
        frame = still(picture)
        points = self.portraitist.faces(frame).points
        return self.recogniser.embed([frame.patch(onto, SIDE) for onto in alignment(points)])

    @property
    def limit(self) -> float:
        """The score of one in so many strangers."""
        return odds.built_in(self.recogniser.model).score_at(STRANGERS)


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A search that was watched, and what is true of the people in it."""

    folder: Path
    told: Told
    truth: Event

    def person(self, probe: dict[str, Any]) -> str:
        """Who a track that was compared truly shows."""
        shot, photograph = probe["shots"][0], Path(probe["footage"]).stem.split(" and ")
        if probe["footage"].endswith(".png"):
            return photograph[-1] if shot["box"][0] > SCENE.height // 2 else photograph[0]
        base = self.truth.time_base[0] / self.truth.time_base[1]
        frame = min(self.truth.frames, key=lambda each: abs(each.ticks * base - shot["time_s"]))
        boxes = np.array([face.box for face in frame.faces], np.float32)
        return frame.faces[int(np.argmax(overlap(boxes, np.array([shot["box"]], np.float32))[:, 0]))].person

    def bystanders(self) -> Float32:
        """(n, d) unit templates of all tracks that show somebody who was not searched for."""
        named = {path.name for path in (self.folder / "gallery").iterdir()}
        shown = [probe["template"] for probe in self.told.probes() if self.person(probe) not in named]
        return unit(np.array(shown, np.float32))

    def files(self) -> Iterator[Path]:
        """Every file that the search left behind."""
        return (file for place in PLACES for file in (self.folder / place).rglob("*") if file.is_file())


@pytest.fixture(scope="module")
def look(detector_path: Path, recogniser_path: Path) -> Look:
    """What tests look at pictures with."""
    return Look(Portraitist(detector_path), Recogniser(models.default("recogniser"), recogniser_path))


def portrait(cast: Path, name: str) -> UInt8:
    """The studio portrait of one of the cast, as high as the film's frames."""
    with Image.open(next(cast.glob(f"**/{name}")) / "assets" / "studio_portrait.jpg") as image:
        wide = round(image.width * SCENE.height / image.height)
        return np.array(image.convert("RGB").resize((wide, SCENE.height)))


def close_up(picture: UInt8, look: Look) -> UInt8:
    """A frame of the film's size that hardly shows more than the face of a portrait."""
    left, top, width, height = look.portraitist.faces(still(picture)).boxes[0].astype(float)
    scale = SCENE.height / (CLOSE * height)
    shift = np.array([SCENE.width, SCENE.height]) / 2 - scale * np.array([left + width / 2, top + height / 2])
    onto = np.hstack([np.eye(2) * scale, shift[:, None]])
    return cv2.warpAffine(picture, onto, (SCENE.width, SCENE.height), borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)


@pytest.fixture(scope="module")
def watched(look: Look, cast_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A search of a film, of a photograph of two people cheek by cheek and of a close-up, for half of the people."""
    folder = tmp_path_factory.mktemp("residue")
    demo.make_event(folder, SCENE, lambda _done, _all: None)
    truth = read_truth(folder / "truth.json")
    wanted = min(person.id for person in truth.people if person.enrolled)
    other = min(person.id for person in truth.people if not person.enrolled)
    both = [portrait(cast_folder, name) for name in (wanted, other)]
    middles = [each[:, each.shape[1] // 4 : -each.shape[1] // 4] for each in both]
    Image.fromarray(np.hstack(middles)).save(folder / f"{wanted} and {other}.png")
    Image.fromarray(close_up(both[1], look)).save(folder / f"{other}.png")
    for place in PLACES:
        (folder / place).mkdir()
    set_here = {"HOME": "home", "TMPDIR": "tmp", "HOUSELIGHTS_CACHE": "cache", "HOUSELIGHTS_RECORD": "record"}
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {name: str(folder / place) for name, place in set_here.items()}
    command = [sys.executable, CHILD, "{fd}", "search", folder / "event.mp4", folder / f"{wanted} and {other}.png"]
    command += [folder / f"{other}.png", "--gallery", folder / "gallery", "--purpose", "evaluation", "--sample", "all"]
    command += ["--basis", "people made by a computer", "--authorised-by", "tests"]
    command += ["--json", folder / "out" / "r.json", "--report", folder / "out" / "r.html"]
    told = residue.watch(command, folder / "trace", environment)
    assert told.status == 0, told.said
    return Watched(folder, told, truth)


@pytest.fixture(scope="module")
def needles(watched: Watched) -> Needles:
    """Every template and every aligned face that the search made."""
    needles = Needles()
    needles.templates(watched.told.templates())
    for number, crop in enumerate(watched.told.crops()):
        needles.rows(crop, f"face {number}")
    for number, crop in enumerate(watched.told.greys()):
        needles.rows(crop, f"grey face {number}")
    return needles


def test_the_search_made_what_is_looked_for(watched: Watched, needles: Needles) -> None:
    """R25: the child tells many templates and faces, bystanders' among them, and all that it sealed."""
    told = watched.told
    assert len(told.templates()) > 50
    assert len(told.crops()) > 50
    assert len(told.greys()) > 50
    assert len(told.of(residue.SEALED)) >= 5
    assert len(watched.bystanders()) >= 4
    assert len(needles.strings) > 10_000
    for place in ("cache/detections", "record/log", "record/private", "out"):
        assert any(path.startswith(f"{watched.folder}/{place}/") for path in told.written), place


def test_no_template_and_no_aligned_face_is_written(watched: Watched, needles: Needles) -> None:
    """R25: what was written to any file, what was sealed in the record and what was shown hold no trace of either."""
    for path, content in watched.told.written.items():
        assert needles.found(content) == set(), path
    assert needles.found(b"".join(watched.told.written.values())) == set()
    for content in watched.told.of(residue.SEALED):
        assert needles.found(content) == set(), content[:80]
    assert needles.found(watched.told.said.encode()) == set()


def test_no_template_and_no_aligned_face_is_left(watched: Watched, needles: Needles) -> None:
    """R25: no file in record, cache, output, home and TMPDIR holds a trace of either."""
    left = list(watched.files())
    assert {file.relative_to(watched.folder).parts[0] for file in left} == {"cache", "record", "out"}
    for file in left:
        assert needles.found(file.read_bytes()) == set(), file


def test_nothing_is_written_past_strace(watched: Watched) -> None:
    """R25: no file is mapped shared to be written, and no call moves bytes in a way that strace does not show."""
    assert watched.told.unseen == []


def test_pictures_that_were_written_show_no_bystander(watched: Watched, look: Look) -> None:
    """R25: nobody in a picture that was written or sealed looks like a bystander, though one was covered there."""
    strangers = watched.bystanders()
    contents = (*watched.told.written.values(), *watched.told.of(residue.SEALED))
    shown = {pixels: each for content in contents for pixels, each in residue.pictures(content).items()}
    assert len(shown) >= 4
    assert "other face covered" in (watched.folder / "out" / "r.html").read_text()
    faces = [template for picture in shown.values() for template in look.templates(picture)]
    assert len(faces) >= 4
    assert (np.array(faces) @ strangers.T).max() < look.limit


def test_a_bystander_in_a_picture_is_found(watched: Watched, look: Look) -> None:
    """R25: the same look at the footage itself, as base64, finds the bystander whom the report covers."""
    (file,) = watched.folder.glob("* and *.png")
    page = b'<img src="data:image/png;base64,' + base64.b64encode(file.read_bytes()) + b'">'
    (picture,) = residue.pictures(page).values()
    assert (look.templates(picture) @ watched.bystanders().T).max() > look.limit


def test_kept_thumbnails_show_nobody(watched: Watched, look: Look) -> None:
    """R25: the grey thumbnails that are kept with detections look like nobody, in a close-up neither."""
    planes = [plane for file in watched.files() for plane in residue.kept_planes(file.read_bytes())]
    large = (cv2.resize(plane, (SCENE.width, SCENE.height), interpolation=cv2.INTER_CUBIC) for plane in planes)
    faces = [template for plane in large for template in look.templates(np.repeat(plane[..., None], 3, axis=2))]
    scores = np.array(faces).reshape(-1, look.recogniser.dimensions) @ watched.bystanders().T
    assert scores.max(initial=-1) < look.limit


def test_no_core_is_left_behind(watched: Watched) -> None:
    """R25: while it searches the process may leave no core: 0 bytes, or 1, at which Linux pipes it to nobody either."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("no process may leave a core here")
    (limit,) = watched.told.of(residue.LIMIT)
    assert limit.startswith((b"[0, ", b"[1, "))


PLANT = """
import base64, json, os, sys, tempfile, zlib
import numpy as np
template, crop = np.load(sys.argv[2]), np.load(sys.argv[3])
out = os.open(sys.argv[4], os.O_WRONLY | os.O_CREAT)
{plant}
os.close(out)
os.unlink(sys.argv[4])
"""
RAW = "template.astype('<f4').tobytes()"
PLANTS: dict[str, tuple[str, str]] = {
    "a template": (f"os.write(out, b'head' + {RAW})", "template 0 as <f4"),
    "big-endian doubles": ("os.write(out, b'x' + template.astype('>f8').tobytes())", "template 0 as >f8"),
    "a part of a template": (f"os.write(out, {RAW}[80:160])", "template 0 as <f4"),
    "two writes": (f"os.write(out, {RAW}[:12]); os.write(out, {RAW}[12:32])", "template 0 as <f4"),
    "writev": (f"os.writev(out, [b'abc', {RAW}[:20], {RAW}[20:]])", "template 0 as <f4"),
    "a file that has no name": (f"tempfile.TemporaryFile().write({RAW})", "template 0 as <f4"),
    "pwrite": (f"os.pwrite(out, {RAW}, 5)", "template 0 as <f4"),
    "base64": (f"os.write(out, b'data:' + base64.b64encode(b'x' + {RAW}))", "template 0 as <f4"),
    "base64 for addresses": (f"os.write(out, base64.urlsafe_b64encode({RAW}))", "template 0 as <f4"),
    "hex": (f"os.write(out, {RAW}.hex().encode())", "template 0 as <f4"),
    "deflated": (f"os.write(out, b'..' + zlib.compress({RAW}))", "template 0 as <f4"),
    "a zip archive": ("np.savez_compressed(os.fdopen(out, 'wb', closefd=False), t=template)", "template 0 as <f4"),
    "JSON": ("os.write(out, json.dumps({'t': template.tolist()}).encode())", "template 0 as text"),
    "rounded text": ("os.write(out, b' '.join(b'%.3f' % x for x in template[60:70]))", "template 0 as text"),
    "a row in RGB": ("os.write(out, b'x' + crop[3].tobytes() + b'x')", "face 0, row 3"),
    "a row in BGR": ("os.write(out, crop[70, :, ::-1].tobytes())", "face 0, row 70"),
    "a row of a plane": ("os.write(out, crop[111, :, 1].tobytes())", "face 0, row 111"),
    "a row in base64": ("os.write(out, base64.b64encode(crop[:4].tobytes()))", "face 0, row 3"),
}
"""How each is written by a child, and what must be found."""


@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_planted_is_found(plant: str, tmp_path: Path) -> None:
    """R25: the same watch and the same search find a template or a face in a file that is gone again."""
    rng = np.random.default_rng(1)
    template = unit(rng.normal(size=(1, 128)).astype(np.float32))[0]
    crop = rng.integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    np.save(tmp_path / "template.npy", template)
    np.save(tmp_path / "crop.npy", crop)
    needles = Needles()
    needles.templates(template[None])
    needles.rows(crop, "face 0")
    code, expected = PLANTS[plant]
    files = [tmp_path / name for name in ("template.npy", "crop.npy", "gone")]
    command = [sys.executable, "-c", PLANT.format(plant=code).replace("{", "{{").replace("}", "}}"), "{fd}", *files]
    told = residue.watch(command, tmp_path / "trace", dict(os.environ))
    assert told.status == 0, told.said
    assert not files[-1].exists()
    assert expected in {name for content in told.written.values() for name in needles.found(content)}
    assert told.unseen == []


UNSEEN = {
    "a shared map": "import mmap; os.ftruncate(out, 10); mmap.mmap(out, 10)",
    "a copy in the kernel": "os.sendfile(out, os.open(sys.argv[2], os.O_RDONLY), 0, 100)",
}


@pytest.mark.parametrize("way", UNSEEN)
def test_what_strace_cannot_see_is_told(way: str, tmp_path: Path) -> None:
    """R25: a file that is mapped to be written and bytes that the kernel copies do not go unnoticed."""
    (tmp_path / "source").write_bytes(bytes(100))
    code = "import os, sys\nout = os.open(sys.argv[3], os.O_RDWR | os.O_CREAT)\n" + textwrap.dedent(UNSEEN[way])
    command = [sys.executable, "-c", code, "{fd}", tmp_path / "source", tmp_path / "file"]
    told = residue.watch(command, tmp_path / "trace", dict(os.environ))
    assert told.status == 0, told.said
    assert len(told.unseen) == 1
