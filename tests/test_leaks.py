"""Facts about measuring a release: one clear frame of a walk is a leak, and what cannot be aligned is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import leaks
from houselights.errors import ReleaseError, SettingsError
from houselights.evaluation import Evaluation, Figure
from houselights.event import Event, EventSettings, Participant, Walk, read_truth
from houselights.manifest import Place, TrackUse
from houselights.truth import Face, Frame

FACE = (20.0, 20.0, 20.0, 20.0)
SIZE = (80, 100)


def unwatched(_done: int, _all: int) -> None:
    """Nobody looks."""


def face(who: str = "a", *, visible: float = 1.0, box: tuple[float, float, float, float] = FACE) -> Face:
    """A face of the truth."""
    return Face(who, 0, box, visible, 0.0)


def event(*frames: list[Face], step: int = 10) -> Event:
    """A truth of so many frames, a hundred ticks a second."""
    people = sorted({each.person for frame in frames for each in frame})
    walks = (Walk(0, 0, 10),)
    participants = tuple(Participant(name, name == "a", same_photograph=False, walks=walks) for name in people)
    return Event(
        EventSettings(),
        (1, 100),
        (),
        participants,
        tuple(Frame(step * n, tuple(each)) for n, each in enumerate(frames)),
    )


def masks(covered: str) -> Iterator[np.ndarray]:
    """A mask a frame: for an x a cover on the head at FACE, else nothing."""
    for each in covered:
        mask = np.zeros(SIZE, bool)
        mask[10:50, 10:50] = each == "x"
        yield mask


def use(*boxes: tuple[float, tuple[float, float, float, float]], verdict: str = "kept") -> TrackUse:
    """A track of a manifest."""
    return TrackUse(1, verdict, "", 0.0, 1.0, 5, 0, tuple(Place(time, box) for time, box in boxes))  # type: ignore[arg-type]


def figures(found: Evaluation, title: str) -> dict[str, Figure]:
    """The figures of one table, by name."""
    return {each.name: each for table in found.tables if table.title == title for each in table.figures}


def test_one_clear_frame_is_a_leak() -> None:
    """R41: of five frames one is clear; it lasts until the next frame."""
    found = leaks.count(event(*[[face()]] * 5), masks("xx.xx"))
    course = found.courses[0]
    assert (course.walk, course.faces, course.clear, course.kept) == (("a", 0), 5, 1, 0)
    assert course.longest_s == pytest.approx(0.1)


def test_the_longest_clear_run_is_told_in_seconds() -> None:
    """T23: runs end where the face is covered or not asked for; the last frame lasts as long as the one before."""
    frames = [[face()], [face()], [face()], [face(visible=0.1)], [face()], [face()]]
    assert leaks.count(event(*frames), masks("..x...")).courses[0].longest_s == pytest.approx(0.2)
    assert leaks.count(event(*frames[:2]), masks("..")).courses[0].longest_s == pytest.approx(0.2)
    assert leaks.count(event(*[[face()]] * 3, step=25), masks("x..")).courses[0].longest_s == pytest.approx(0.5)


def test_small_and_hidden_faces_are_not_asked_for() -> None:
    """T33: below 16 pixels or less than half visible; a profile is asked for."""
    frames = [[face(visible=0.49)], [face(box=(20, 20, 12, 15.9))], [replace(face(), turn=1.0)]]
    found = leaks.count(event(*frames), masks("..."))
    assert found.courses[0].faces == 1


def test_a_face_is_clear_below_98_percent() -> None:
    """Eight of its 400 pixels may be bare, not nine."""
    for bare, clear in ((8, 0), (9, 1)):
        mask = np.ones(SIZE, bool)
        mask[20, 20 : 20 + bare] = False
        assert leaks.count(event([face()]), iter([mask])).courses[0].clear == clear


def test_areas_are_counted_on_heads_and_elsewhere() -> None:
    """T33: what is covered without need is no leak, and is told apart."""
    mask = np.zeros(SIZE, bool)
    mask[10:50, 10:50] = True
    mask[70:, 80:] = True
    found = leaks.count(event([face()]), iter([mask]))
    assert found.pixels == 80 * 100
    assert found.heads == 30 * 30  # 29 wide and 30 high from 15.5 and 15: pixels that it touches
    assert (found.near, found.away) == (40 * 40, 10 * 20)


def test_a_face_under_a_kept_track_is_counted_apart() -> None:
    """T32: wrongly kept is another error than a leak, and a worse one."""
    frames = [[face("b")]] * 3
    kept = (Place(0.0, FACE), Place(0.1, FACE))
    found = leaks.count(event(*frames), masks("..."), [kept]).courses[0]
    assert (found.clear, found.kept, found.longest_s) == (1, 2, pytest.approx(0.3))


def test_kept_tracks_are_right_on_the_face_of_somebody_who_may_be_seen() -> None:
    """T32: most of a track's places decide; half a second makes a walk kept."""
    truth = event(*[[face("a"), face("b", box=(60, 20, 20, 20))]] * 10)
    other = (60.0, 20.0, 20.0, 20.0)
    on_a = use(*((0.2 * n, FACE) for n in range(4)))
    on_b = use(*((0.2 * n, other) for n in range(4)))
    hidden = use((0.0, other), verdict="hidden")
    assert leaks.kept(truth, [on_a, hidden], frozenset("a")) == leaks.Kept(1, 0, 1, 1)
    assert leaks.kept(truth, [on_b], frozenset("a")) == leaks.Kept(0, 1, 1, 0)
    short = use((0.0, FACE), (0.2, FACE))
    assert leaks.kept(truth, [short], frozenset("a")) == leaks.Kept(1, 0, 1, 0)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_counts_are_those_of_going_through_the_frames_one_by_one(frames: list[tuple[bool, bool]]) -> None:
    """Clear frames and runs as a plain loop counts them."""
    truth = event(*([face(visible=1.0 if seen else 0.0)] for seen, _ in frames))
    found = leaks.count(truth, masks("".join(" x"[covered] for _, covered in frames)))
    clear = [seen and not covered for seen, covered in frames]
    runs = "".join("x" if each else " " for each in clear).split()
    course = found.courses[0] if found.courses else None
    assert (course.clear if course else 0) == sum(clear)
    assert (course.longest_s if course else 0) == pytest.approx(
        max(map(len, runs), default=0) * 0.1 if len(frames) > 1 else 0
    )


# A real release


def test_a_release_of_ours_leaks_nothing(released: Path, scene: Path) -> None:
    """R41: the written file is decoded: no walk of the scene has a clear frame, and the bound says what that shows."""
    watched = []
    opened = leaks.opened(scene / "truth.json", released)
    found = leaks.evaluate([opened], lambda done, of: watched.append((done, of)))
    walks = figures(found, "Leaks")["walks with a clear frame"]
    assert (walks.value, walks.count, walks.low) == (0.0, 0, 0.0)
    assert walks.of is not None
    assert walks.of >= 2
    assert walks.high == pytest.approx(1 - 0.025 ** (1 / walks.of))
    assert figures(found, "Leaks")["longest clear run in seconds"].value == 0
    assert "Kept" not in {table.title for table in found.tables}
    area = figures(found, "Covered area")["covered on heads"].value
    assert area is not None
    assert area > 0.5
    assert watched[-1][0] == watched[-1][1]
    assert json.loads(found.to_json())["what"] == "release"


def test_a_film_without_covers_leaks_everybody(scene: Path) -> None:
    """R41: every walk has a clear frame, and a reader is asked whether the colour is right."""
    opened = leaks.opened(scene / "truth.json", scene / "event.mp4", colour="707070")
    found = leaks.evaluate([opened], unwatched)
    walks = figures(found, "Leaks")["walks with a clear frame"]
    assert (walks.value, walks.high) == (1.0, 1.0)
    assert figures(found, "Leaks")["clear faces"].value == 1.0
    assert "no face lies under a cover: do the covers have this colour?" in found.notes


def test_one_uncovered_frame_in_a_release_is_seen(released: Path, scene: Path) -> None:
    """T31: whoever is clear in one frame of the file is counted, however short."""
    opened = leaks.opened(scene / "truth.json", released)
    uncovered = next(n for n, each in enumerate(opened.event.frames) if any(map(leaks.is_asked, each.faces)))
    pictures = list(opened.masks(unwatched))
    pictures[uncovered] = np.zeros_like(pictures[uncovered])
    found = leaks.count(opened.event, iter(pictures))
    asked = {(f.person, f.walk) for f in opened.event.frames[uncovered].faces if leaks.is_asked(f)}
    assert {course.walk for course in found.courses if course.clear} == asked
    assert all(course.clear <= 1 for course in found.courses)


def test_several_films_are_pooled(released: Path, scene: Path) -> None:
    """R41: walks of all films count towards one bound."""
    opened = leaks.opened(scene / "truth.json", released)
    one, two = (leaks.evaluate([opened] * times, unwatched) for times in (1, 2))
    assert figures(two, "Leaks")["walks with a clear frame"].of == 2 * (
        figures(one, "Leaks")["walks with a clear frame"].of or 0
    )
    with pytest.raises(SettingsError, match="no released film"):
        leaks.evaluate([], unwatched)


@pytest.fixture
def altered(released: Path, tmp_path: Path) -> Path:
    """A copy of a release and its manifest."""
    for name in (released.name, f"{released.name}.release.json"):
        shutil.copyfile(released.with_name(name), tmp_path / name)
    return tmp_path / released.name


def rewrite(path: Path, *keys: str, value: object) -> None:
    """Change one value of the manifest beside a file."""
    file = path.with_name(f"{path.name}.release.json")
    document = json.loads(file.read_text())
    place = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    file.write_text(json.dumps(document))


def test_a_release_that_cannot_be_aligned_is_refused(altered: Path, scene: Path, tmp_path: Path) -> None:
    """R41: another length, another part of the picture, another size, other times: the error says which."""
    rewrite(altered, "output", "frames", value=7)
    with pytest.raises(SettingsError, match="it has 7 frames, the truth"):
        leaks.opened(scene / "truth.json", altered)
    rewrite(altered, "output", "window", value=[{"time_s": 0.0, "box": [0, 0, 200, 360]}])
    with pytest.raises(SettingsError, match="cut out of the source's"):
        leaks.opened(scene / "truth.json", altered)
    altered.with_name(f"{altered.name}.release.json").unlink()
    truth = json.loads((scene / "truth.json").read_text())
    for change, message in (
        ({"settings": {**truth["settings"], "width": 320}}, "it is 640x360 pixels, the truth is of 320x360"),
        ({"frames": truth["frames"][:-1]}, "where the truth has no frame"),
        ({"frames": [*truth["frames"], {"ticks": 10**9, "faces": []}]}, "frames, the truth"),
        ({"time_base": [1, 50_000]}, "frame 2 lies"),
        ({"frames": []}, "has no frame"),
    ):
        (tmp_path / "truth.json").write_text(json.dumps(truth | change))
        with pytest.raises(SettingsError) as caught:
            leaks.evaluate([leaks.opened(tmp_path / "truth.json", altered, colour="00c000")], unwatched)
        assert message in caught.value.message
        assert caught.value.hint


def test_what_covers_look_like_has_to_be_known(altered: Path, scene: Path) -> None:
    """R41: by the manifest, or by its colour; not by two that differ."""
    with pytest.raises(SettingsError, match="the manifest says that covers are 00c000"):
        leaks.opened(scene / "truth.json", altered, colour="707070")
    assert leaks.opened(scene / "truth.json", altered, colour="00C000").fill.colour == "00c000"
    altered.with_name(f"{altered.name}.release.json").write_text("{}")
    with pytest.raises(ReleaseError, match="has the schema"):
        leaks.opened(scene / "truth.json", altered)
    altered.with_name(f"{altered.name}.release.json").unlink()
    with pytest.raises(SettingsError, match="there is no manifest beside"):
        leaks.opened(scene / "truth.json", altered)
    with pytest.raises(SettingsError, match="colour 'green' is not RRGGBB"):
        leaks.opened(scene / "truth.json", altered, colour="green")


def test_a_file_that_was_changed_is_told_of(altered: Path, scene: Path) -> None:
    """R43: it is measured all the same, and the reader knows."""
    rewrite(altered, "output", "sha256", value="0" * 64)
    found = leaks.evaluate([leaks.opened(scene / "truth.json", altered)], unwatched)
    assert any("is not the file of its manifest" in note for note in found.notes)


def test_who_may_be_seen_is_named_as_in_the_truth(altered: Path, scene: Path) -> None:
    """T32: nobody may be seen where the manifest keeps nobody; those who are named are counted apart."""
    event_of = read_truth(scene / "truth.json")
    assert leaks.opened(scene / "truth.json", altered).may_be_seen == frozenset()
    with pytest.raises(SettingsError, match="'nobody' is nobody in"):
        leaks.opened(scene / "truth.json", altered, seen=("nobody",))
    somebody = next(each.person for frame in event_of.frames for each in frame.faces if leaks.is_asked(each))
    found = leaks.evaluate([leaks.opened(scene / "truth.json", altered, seen=(somebody,))], unwatched)
    assert dict(found.facts)["walks of people who may be seen"] != "0"
    rewrite(altered, "tracks", value=[])
    document = json.loads(altered.with_name(f"{altered.name}.release.json").read_text())
    kept = {
        "track": 1, "verdict": "kept", "why": "", "start_s": 0, "end_s": 3, "frames_detected": 1, "frames_filled": 0,
        "places": [{"time_s": 0.0, "box": [0, 0, 640, 360]}, {"time_s": 2.9, "box": [0, 0, 640, 360]}],
    }  # fmt: skip
    rewrite(altered, "tracks", value=[*document["tracks"], kept])
    opened = leaks.opened(scene / "truth.json", altered)
    assert opened.may_be_seen == {person.id for person in event_of.people if person.enrolled}
    assert set(figures(leaks.evaluate([opened], unwatched), "Kept")) == {
        "walks wrongly kept", "kept tracks on somebody else", "walks kept of those who may be seen",
    }  # fmt: skip
