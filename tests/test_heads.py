"""Facts about heads: where one is taken to be, on sightings made by hand, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from houselights.detections import Observation
from houselights.faces import overlap
from houselights.footage import Facts, Footage, Tally
from houselights.heads import REACH_S, SAME, SURE, Finder, Heads, Look, Recall, grown, heads, looks, united
from houselights.quality import Part, Quality
from houselights.sampling import Sight
from houselights.types import Faces, Float32

RATE = 25
WHOLE = (1280, 720)
SIDE = 60.0
FACTS = Facts(Path("made.mp4"), "0" * 64, *WHOLE, Fraction(1, RATE), 0, 60.0, 1500, RATE, "h264", still=False)

Spot = tuple[float, float]
"""The middle of a face in pixels."""
Seen = dict[int, Sequence[tuple[Spot, float]]]
"""Middles and scores of the faces that were seen, by frame."""


def faces(*those: tuple[Spot, float], side: float = SIDE, turn: float = 0.0) -> Faces:
    """Faces of one size; the nose tip lies `turn` eye distances beside the middle between the eyes."""
    boxes = np.array([(x - side / 2, y - side / 2, side, side) for (x, y), _ in those], np.float32).reshape(-1, 4)
    shape = np.array([(0.3, 0.4), (0.7, 0.4), (0.5 + 0.4 * turn, 0.6), (0.35, 0.8), (0.65, 0.8)], np.float32)
    points = boxes[:, None, :2] + shape * side
    return Faces(boxes, points.astype(np.float32), np.array([score for _, score in those], np.float32))


def sight(number: int, *, cut: bool = False) -> Sight:
    """What was decided of a frame."""
    return Sight(number, number / RATE, 0, analyse=True, cut=cut, stir=1.0)


def observed(frames: int, seen: Seen, cuts: Sequence[int] = (), damaged: Sequence[int] = ()) -> list[Observation]:
    """What a detector said of each frame."""
    found = []
    for number in range(frames):
        those = faces(*seen.get(number, ()))
        quality = Quality(np.full((len(those), len(Part)), 0.9, np.float32))
        tally = Tally(frames=number + 1, damaged=sum(each <= number for each in damaged))
        found.append(Observation(sight(number, cut=number in cuts), those, quality, tally))
    return found


def followed(frames: int, seen: Seen, cuts: Sequence[int] = (), damaged: Sequence[int] = ()) -> list[Heads]:
    """The heads of every frame."""
    return list(heads(observed(frames, seen, cuts, damaged), FACTS))


def walk(start: Spot, speed: Spot, first: int, last: int, leave_out: Sequence[int] = ()) -> Seen:
    """Somebody who is seen from a frame to a frame, both included; speed in pixels a frame."""
    return {
        number: [((start[0] + speed[0] * number, start[1] + speed[1] * number), 0.9)]
        for number in range(first, last + 1)
        if number not in leave_out
    }


def is_covered(now: Heads, spot: Spot, side: float = SIDE) -> bool:
    """Whether a face with its middle there lies in one of the heads."""
    left, top, right, bottom = spot[0] - side / 2, spot[1] - side / 2, spot[0] + side / 2, spot[1] + side / 2
    low, high = now.boxes[:, :2], now.boxes[:, :2] + now.boxes[:, 2:]
    inside = (low <= (left, top)).all(axis=1) & (high >= (right, bottom)).all(axis=1)
    return bool(inside.any())


def same(some: Sequence[Heads], others: Sequence[Heads]) -> bool:
    """Whether the same boxes lie in the same frames, whatever the tracks are called."""
    return len(some) == len(others) and all(
        one.ticks == other.ticks
        and one.boxes.shape == other.boxes.shape
        and np.allclose(one.boxes, other.boxes, atol=0.01)
        and np.array_equal(one.seen, other.seen)
        and (one.held, one.cut) == (other.held, other.cut)
        for one, other in zip(some, others, strict=True)
    )


# One box a face

BOX = st.tuples(*[st.integers(0, 300)] * 2, *[st.integers(8, 120)] * 2)
SCORED = st.lists(st.tuples(BOX, st.integers(35, 100).map(lambda score: score / 100)), max_size=8)


def of(those: Sequence[tuple[tuple[float, ...], float]]) -> Faces:
    """Faces with these boxes and scores."""
    boxes = np.array([box for box, _ in those], np.float32).reshape(-1, 4)
    points = np.repeat(boxes[:, None, :2], 5, axis=1)
    return Faces(boxes, points, np.array([score for _, score in those], np.float32))


@given(SCORED)
def test_every_sure_face_lies_in_a_box(those: list[tuple[tuple[float, ...], float]]) -> None:
    """What any detector is sure of lies within one box that began on the same face."""
    found = of(those)
    one = united(found)
    low, high = one.boxes[:, :2] - 0.01, one.boxes[:, :2] + one.boxes[:, 2:] + 0.01
    for left, top, width, height in found.boxes[found.scores >= SURE].tolist():
        inside = (low <= (left, top)).all(axis=1) & (high >= (left + width, top + height)).all(axis=1)
        assert inside.any()


@given(SCORED)
def test_united_faces_are_no_more_and_begin_apart(those: list[tuple[tuple[float, ...], float]]) -> None:
    """No face comes twice, none is made up, the best score stays, and order does not matter where scores differ."""
    found = of(those)
    one = united(found)
    assert len(one) <= len(found)
    assert set(one.scores.tolist()) <= set(found.scores.tolist())
    assert one.scores.tolist() == sorted(one.scores.tolist(), reverse=True)
    if len(found):
        assert one.scores[0] == found.scores.max()
    if len(set(found.scores.tolist())) == len(found):
        again = united(found[np.arange(len(found))[::-1]])
        assert np.array_equal(again.boxes, one.boxes)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), unique=True, max_size=6), st.integers(1, 4))
def test_faces_apart_are_left_alone(cells: list[tuple[int, int]], times: int) -> None:
    """Faces that do not touch stay as they are, seen once or by several detectors alike; twice is as good as once."""
    alone = of([((100.0 * x, 100.0 * y, 60.0, 70.0), 0.9) for x, y in cells])
    many = of([((100.0 * x, 100.0 * y, 60.0, 70.0), 0.9) for x, y in cells for _ in range(times)])
    for found in (united(alone), united(many), united(united(many))):
        assert sorted(found.boxes.tolist()) == sorted(alone.boxes.tolist())


def test_a_weak_box_does_not_make_a_sure_one_larger() -> None:
    """Below `SURE` a second opinion counts for nothing where another detector is sure."""
    sure, weak = ((100.0, 100.0, 60.0, 60.0), 0.9), ((100.0, 100.0, 60.0, 90.0), 0.4)
    both = of([sure, weak])
    assert overlap(both.boxes[:1], both.boxes[1:])[0, 0] >= SAME
    assert united(both).boxes.tolist() == [[100, 100, 60, 60]]
    assert united(of([sure, (weak[0], 0.6)])).boxes.tolist() == [[100, 100, 60, 90]]


@given(
    st.lists(st.tuples(st.floats(-50, 1300), st.floats(-50, 750), st.floats(4, 400)), min_size=1, max_size=5),
    st.floats(-1.5, 1.5),
)
def test_a_head_is_larger_than_its_face(those: list[tuple[float, float, float]], turn: float) -> None:
    """The face lies inside on all four sides, however it is turned."""
    for x, y, side in those:
        face = faces(((x, y), 0.9), side=side, turn=turn)
        inner, outer = face.boxes[0], grown(face)[0]
        assert (outer[:2] < inner[:2]).all()
        assert (outer[:2] + outer[2:] > inner[:2] + inner[2:]).all()


def test_a_head_leans_back_where_the_face_is_turned() -> None:
    """The nose to the right: more is covered on the left, where the back of the head is; and the other way round."""
    ahead, right, left = (grown(faces(((200, 200), 0.9), turn=turn))[0] for turn in (0.0, 0.8, -0.8))
    reach = {name: (200 - box[0], box[0] + box[2] - 200) for name, box in (("r", right), ("l", left))}
    assert 200 - ahead[0] == pytest.approx(ahead[0] + ahead[2] - 200, abs=0.1)
    assert reach["r"][0] > reach["r"][1] + 0.1 * SIDE
    assert reach["l"] == pytest.approx(reach["r"][::-1], abs=0.1)
    assert right[1] == left[1] == ahead[1]


def test_eyes_in_one_place_grow_to_a_finite_box() -> None:
    """Points that a detector put on one spot do no harm."""
    face = faces(((200, 200), 0.9))
    assert np.isfinite(grown(replace(face, points=np.full_like(face.points, 200)))).all()
    assert len(grown(Faces.none())) == 0


# Followed in time


def test_every_frame_comes_once_and_in_order() -> None:
    """With faces or without, cut or not: ticks, times and cuts are those of the frames."""
    found = followed(300, walk((200, 300), (2, 0), 40, 90), cuts=(60, 61, 200))
    assert [now.ticks for now in found] == list(range(300))
    assert [now.seconds for now in found] == [FACTS.seconds(number) for number in range(300)]
    assert [now.ticks for now in found if now.cut] == [60, 61, 200]
    assert list(heads([], FACTS)) == []
    assert [len(now.boxes) for now in followed(3, {})] == [0, 0, 0]


def test_a_face_that_was_missed_is_covered() -> None:
    """Between two sightings, just before the first and just after the last, a walking head is where it must be."""
    start, speed, missed = (200.0, 300.0), (3.0, 1.0), (50, 51, 52, 53, 58)
    found = followed(120, walk(start, speed, 40, 80, leave_out=missed))
    for number in range(33, 88):
        spot = (start[0] + speed[0] * number, start[1] + speed[1] * number)
        assert is_covered(found[number], spot), number
        assert found[number].seen.tolist() == [40 <= number <= 80 and number not in missed]
    assert len(found[0].boxes) == len(found[119].boxes) == 0


def test_a_face_that_was_seen_once_is_covered_around_it() -> None:
    """A single sure sighting covers its place for some frames before and after, until every detector has looked."""
    found = followed(60, {30: [((400, 300), 0.9)]})
    covered = [now.ticks for now in found if is_covered(now, (400, 300))]
    assert covered == list(range(24, 37))


def test_nothing_is_covered_across_a_cut() -> None:
    """A head is not carried into the next camera shot, nor back into the one before."""
    found = followed(100, walk((200, 300), (2, 0), 20, 49), cuts=(50,))
    assert len(found[49].boxes) == 1
    assert [len(now.boxes) for now in found[50:]] == [0] * 50
    found = followed(100, walk((200, 300), (2, 0), 50, 80), cuts=(50,))
    assert [len(now.boxes) for now in found[:50]] == [0] * 50
    assert len(found[50].boxes) == 1


def test_who_stands_still_stays_covered_for_longer() -> None:
    """Somebody who was seen to stand is there for two seconds more; somebody who walked is not."""
    standing, walking = (followed(200, walk((400, 300), speed, 60, 100)) for speed in ((0.1, 0), (5.0, 0)))
    counts = [sum(len(now.boxes) > 0 for now in found[101:]) for found in (standing, walking)]
    assert counts[0] == 2 * RATE
    assert 0 < counts[1] <= REACH_S * RATE
    assert all(is_covered(now, (410, 300)) for now in standing[101 : 101 + 2 * RATE])


def test_a_weak_face_is_covered_where_a_head_is_expected() -> None:
    """A weak face beside a followed one is taken for a face; one elsewhere is not."""
    seen = walk((400, 300), (0, 0), 20, 60)
    seen = {number: [*those, ((440, 320), 0.4), ((900, 300), 0.4)] for number, those in seen.items()}
    found = followed(80, seen)
    assert all(is_covered(found[number], (440, 320)) for number in range(20, 61))
    assert not any(is_covered(now, (900, 300)) for now in found)


def test_a_sure_face_is_always_covered() -> None:
    """Faces strewn over the frames, as no track could hold them, are each covered in their frame."""
    rng = np.random.default_rng(5)
    seen = {
        number: [((float(x), float(y)), 0.5) for x, y in rng.uniform(60, 600, (3, 2))] for number in range(0, 90, 2)
    }
    found = followed(90, seen)
    assert all(is_covered(found[number], spot) for number, those in seen.items() for spot, _ in those)


def test_a_damaged_frame_keeps_the_heads_before_it() -> None:
    """What such a frame shows may be old: heads of the frame before lie in it beside its own, and it says so."""
    jump = {number: [((400.0 if number < 50 else 700.0, 300.0), 0.9)] for number in range(20, 80)}
    found = followed(100, jump, cuts=(50,), damaged=(60, 61))
    assert [now.ticks for now in found if now.held] == [60, 61]
    assert len(found[60].boxes) == 2 * len(found[59].boxes)
    lost = followed(100, walk((400, 300), (0, 0), 20, 40), damaged=(95,))
    assert lost[95].held
    assert len(lost[95].boxes) == 0


def test_damage_holds_the_heads_of_a_frame_that_lost_them() -> None:
    """A head whose cover ends with the frame before is still covered in the damaged one."""
    seen = {30: [((400, 300), 0.9)]}
    assert not is_covered(followed(60, seen)[37], (400, 300))
    held = followed(60, seen, damaged=(37,))
    assert is_covered(held[37], (400, 300))
    assert not is_covered(held[38], (400, 300))


def test_a_run_of_damaged_frames_holds_each_head_once() -> None:
    """However long the damage lasts, a head lies in a frame as its own and as the one that was held, no more."""
    found = followed(120, walk((400, 300), (0, 0), 20, 110), damaged=range(40, 100))
    assert max(len(now.boxes) for now in found) <= 2


def test_long_footage_is_as_its_parts() -> None:
    """In the middle of very long footage heads are as in a piece of it: what is far away has no say."""
    rng = np.random.default_rng(9)
    frames, seen = 6000, {}
    for begin in range(0, frames - 60, 55):
        start, speed = rng.uniform(200, 500, 2), rng.uniform(-3, 3, 2)
        for number in range(begin, begin + 45):
            if rng.random() < 0.8:
                spot = start + speed * (number - begin)
                seen.setdefault(number, []).append(((float(spot[0]), float(spot[1])), 0.9))
    long = followed(frames, seen)
    assert [now.ticks for now in long] == list(range(frames))
    first, last = 2600, 3400
    piece = [each for each in observed(frames, seen) if first <= each.sight.ticks < last]
    part = list(heads(piece, FACTS))
    assert same(long[first + 250 : last - 250], part[250:-250])


def test_who_stands_for_minutes_is_covered_all_the_time() -> None:
    """One track over many windows stays one, without a gap where windows meet."""
    found = followed(4000, walk((400, 300), (0, 0), 0, 3999, leave_out=range(1000, 4000, 3)))
    assert all(is_covered(now, (400, 300)) for now in found)
    assert {track for now in found for track in now.tracks.tolist()} == {1}


def test_memory_holds_some_seconds_of_frames() -> None:
    """The first heads come after a few seconds of observations, and never are many frames waited for."""
    taken = 0

    def counted() -> object:
        nonlocal taken
        for each in observed(3000, walk((400, 300), (0, 0), 0, 2999)):
            taken += 1
            yield each

    behind = [taken - now.ticks for now in heads(counted(), FACTS)]  # type: ignore[arg-type]
    assert max(behind) <= 20 * RATE


# Looks


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080), (360, 640), (3840, 2160)])
def test_both_families_look(size: tuple[int, int]) -> None:
    """In `high` and in `normal` YuNet sees every frame and CenterFace some; `high` looks more often."""
    here = replace(FACTS, width=size[0], height=size[1])
    high, normal = looks(here, Recall.HIGH), looks(here, Recall.NORMAL)
    for those in (high, normal):
        assert {look.family for look in those} == {"yunet", "centerface"}
        assert min(look.every for look in those if look.family == "yunet") == 1
    assert len(high) > len(normal)
    assert all(look.every == 1 for look in looks(replace(here, still=True), Recall.HIGH)[:-1])


def test_a_finder_finds_in_every_frame_what_it_looks_at(
    cast_folder: Path, detector_path: Path, second_detector_path: Path, tmp_path: Path
) -> None:
    """A face in a photograph is one box, found by each family alone and by both together."""
    sheet = min(cast_folder.glob("*/assets/studio_portrait.jpg"))
    with Image.open(sheet) as image:
        image.convert("RGB").resize((320, 320)).save(tmp_path / "face.png")
    footage = Footage(tmp_path / "face.png")
    weights = {"yunet": detector_path, "centerface": second_detector_path}
    each = [Look(family, (320, 320), 1) for family in weights]
    found = [
        next(faces for _, faces in Finder(weights, wanted).stream(footage.frames(Tally())))
        for wanted in ((each[0],), (each[1],), tuple(each))
    ]
    assert [int((faces.scores >= SURE).sum()) for faces in found] == [1, 1, 1]
    both: Float32 = found[2].boxes[:1]
    assert (overlap(both, np.concatenate([found[0].boxes[:1], found[1].boxes[:1]])) >= SAME).all()
