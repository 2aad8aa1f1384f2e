"""Facts about tracks: faces linked by motion, on boxes made by hand and on one synthetic event."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import tracking, tracks
from houselights.event import Event
from houselights.faces import Detector, canvas
from houselights.footage import Footage, Tally
from houselights.quality import Part, Quality, measure
from houselights.sampling import Sampler, Sampling
from houselights.tracks import Step, Track, Tracker
from houselights.types import Faces

RATE = 25
SIDE = 60.0

Spot = tuple[float, float]
"""Centre of a face in pixels."""


def faces(*spots: Spot, side: float = SIDE, scores: Sequence[float] | None = None) -> Faces:
    """Faces of one size."""
    boxes = np.array([(x - side / 2, y - side / 2, side, side) for x, y in spots], np.float32).reshape(-1, 4)
    points = np.repeat(boxes[:, None, :2], 5, axis=1)
    return Faces(boxes, points, np.array(scores or [0.9] * len(spots), np.float32))


def quality(*overall: float) -> Quality:
    """Qualities with all parts alike; a part of 0 makes a face unusable."""
    return Quality(np.repeat(np.array(overall, np.float32)[:, None], len(Part), axis=1))


def follow(frames: Iterable[Sequence[Spot]], rate: float = RATE, size: tuple[int, int] | None = None) -> list[Step]:
    """The steps of a tracker over frames of faces, and at last the step that ends them all."""
    tracker, steps = Tracker(size), []
    for number, spots in enumerate(frames):
        steps.append(tracker.update(number, number / rate, faces(*spots), quality(*[0.9] * len(spots))))
    return [*steps, Step(np.zeros(0, np.int64), (), tracker.finish())]


def ended(steps: Iterable[Step]) -> list[Track]:
    """All tracks, by number."""
    return sorted((track for step in steps for track in step.ended), key=lambda track: track.number)


def walk(seconds: float, start: Spot, speed: Spot, rate: float = RATE) -> list[Spot]:
    """Where somebody is in each frame; speed is in pixels a second."""
    times = np.arange(round(seconds * rate)) / rate
    return [(start[0] + speed[0] * t, start[1] + speed[1] * t) for t in times]


def test_somebody_who_walks_is_one_track() -> None:
    """Numbers begin at 1, and the track holds every time and box."""
    way = walk(4, (100, 300), (250, 10))
    (track,) = ended(follow([[spot] for spot in way]))
    assert track.number == 1
    assert track.ticks.tolist() == list(range(100))
    assert np.allclose(track.boxes[:, :2] + SIDE / 2, way, atol=1e-3)


@pytest.mark.parametrize("rate", [5, 10, 25, 60])
def test_the_rate_of_frames_does_not_matter(rate: int) -> None:
    """Five frames a second are enough for two people who walk towards each other and past."""
    pairs = zip(walk(5, (100, 300), (250, 0), rate), walk(5, (1200, 330), (-230, 0), rate), strict=True)
    one, other = ended(follow(pairs, rate))
    assert one.boxes[0, 0] < one.boxes[-1, 0]
    assert other.boxes[0, 0] > other.boxes[-1, 0]


def test_a_short_occlusion_is_survived() -> None:
    """A second behind a pillar, while walking on."""
    way: list[list[Spot]] = [[spot] for spot in walk(5, (100, 300), (200, 0))]
    way[50:75] = [[]] * 25
    (track,) = ended(follow(way))
    assert len(track.ticks) == 100


def test_a_track_knows_where_it_was_lost_from_sight() -> None:
    """Frames without it count, whether others are in them or nobody is; its first sighting follows no loss."""
    still, other = (300.0, 300.0), (900.0, 300.0)
    both: list[Spot] = [still, other]
    one, two = ended(follow([both, both, [other], [other], both, [], both, both]))
    assert one.lost.tolist() == [False, False, True, True, False]
    assert two.lost.tolist() == [False, False, False, False, False, True, False]


def test_a_long_absence_ends_a_track() -> None:
    """Whoever comes back after more than GAP_S is somebody new, and the track ends where it was last seen."""
    gap = round((tracks.GAP_S + 0.2) * RATE)
    still: list[list[Spot]] = [[(300, 300)]] * 25
    steps = follow([*still, *[[]] * gap, *still])
    one, other = ended(steps)
    assert (one.ticks[-1], other.ticks[0]) == (24, 25 + gap)
    assert any(step.ended for step in steps[: 25 + gap + 1])


@pytest.mark.parametrize("apart", [0.5, 1, 3, 10])
def test_sparse_sampling_does_not_end_a_track(apart: float) -> None:
    """Key frames seconds apart: somebody who stays is one track, also when one frame misses them."""
    still: list[list[Spot]] = [[(300, 300), (420, 300)]]
    assert len(ended(follow([*still * 4, [], *still * 4], rate=1 / apart))) == 2


def test_a_shot_cut_ends_every_track() -> None:
    """A face in the same place after a cut is another track."""
    tracker = Tracker()
    for number in range(20):
        step = tracker.update(number, number / RATE, faces((300, 300)), quality(0.9), cut=number == 10)
        assert step.numbers.tolist() == [1 if number < 10 else 2]
        assert [track.number for track in step.ended] == ([1] if number == 10 else [])
    assert [len(track.ticks) for track in tracker.finish()] == [10]
    assert tracker.finish() == ()


def test_people_who_cross_keep_their_tracks() -> None:
    """Also when the one behind is not seen while the other passes."""
    left, right = walk(4, (100, 300), (250, 0)), walk(4, (1100, 310), (-250, 0))
    frames = [[a, b] if abs(a[0] - b[0]) > SIDE else [a] for a, b in zip(left, right, strict=True)]
    one, other = ended(follow(frames))
    assert np.all(np.diff(one.boxes[:, 0]) > 0)
    assert np.all(np.diff(other.boxes[:, 0]) < 0)


def test_uneven_times_are_followed() -> None:
    """Frames come when they come: the time stamps count, not the number of frames."""
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.choice([0.01, 0.04, 0.12, 0.3], 60))
    tracker = Tracker()
    for ticks, seconds in enumerate(times):
        spots = (100 + 240 * seconds, 300.0), (2000 - 200 * seconds, 330.0)
        step = tracker.update(ticks, float(seconds), faces(*spots), quality(0.9, 0.9))
        assert step.numbers.tolist() == [1, 2]


def test_somebody_who_left_the_picture_is_not_the_next_who_enters() -> None:
    """Half a second later, at the same edge: another track, where the picture's size is known."""
    out, into = walk(1, (1100, 300), (240, 0)), walk(1, (1280, 305), (-200, 0))
    frames = [*[[spot] for spot in out if spot[0] < 1280], *[[]] * 12, *[[spot] for spot in into]]
    assert len(ended(follow(frames, size=(1280, 720)))) == 2


def test_a_face_of_another_size_is_another_face() -> None:
    """Somebody close to the camera who steps before somebody far off does not continue that track."""
    tracker = Tracker()
    for number in range(10):
        tracker.update(number, number / RATE, faces((300, 300), side=30), quality(0.9))
    step = tracker.update(10, 10 / RATE, faces((300, 300), side=90), quality(0.9))
    assert step.numbers.tolist() == [2]


def test_a_weak_face_continues_a_track_and_begins_none() -> None:
    """Scores below STRONG have the number of their track, or 0; they count as seen."""
    tracker = Tracker()
    tracker.update(0, 0.0, faces((300, 300)), quality(0.9))
    both = faces((302, 300), (800, 300), scores=[tracks.STRONG - 0.1] * 2)
    assert tracker.update(1, 0.04, both, quality(0.9, 0.9)).numbers.tolist() == [1, 0]
    (track,) = tracker.finish()
    assert track.ticks.tolist() == [0, 1]


def shots_of(*qualities: float, apart: float) -> tuple[Track, Tracker, list[Step]]:
    """A track of somebody who stands, one quality a frame, so many seconds apart."""
    tracker, steps = Tracker(), []
    for number, each in enumerate(qualities):
        steps.append(tracker.update(number, number * apart, faces((300, 300)), quality(each)))
    (track,) = tracker.finish()
    return track, tracker, steps


def test_the_best_shots_are_kept() -> None:
    """Of those far enough apart, in the order of time; a poor one beside a good one is not."""
    track, _, _ = shots_of(0.9, 0.65, 0.8, 0.62, 0.95, apart=tracks.SPACING_S * 0.6)
    assert [round(shot.quality, 2) for shot in track.shots] == [0.9, 0.8, 0.95]


def test_shots_come_from_the_whole_of_a_long_track() -> None:
    """Also where every later shot is worse: a track might have passed to somebody else."""
    track, _, _ = shots_of(*np.linspace(1, 0.65, 60), apart=0.5)
    times = [shot.seconds for shot in track.shots]
    assert times[0] < 1
    assert times[-1] > 30 * 0.7
    assert len(times) >= 3


def test_shots_are_views_and_not_copies_of_one_view() -> None:
    """Within SPACING_S only the best counts; a hair's breadth better does not replace."""
    track, _, steps = shots_of(0.7, 0.71, 0.9, 0.8, apart=0.04)
    assert [round(shot.quality, 2) for shot in track.shots] == [0.9]
    assert [step.taken for step in steps] == [(0,), (), (0,), ()]


@given(st.lists(st.floats(0.61, 1), min_size=1, max_size=60), st.floats(0.02, 1))
def test_shots_are_few_and_spread(qualities: list[float], apart: float) -> None:
    """A handful, never nearer than SPACING_S, in order, and the very best is among them, or its like."""
    track, _, _ = shots_of(*qualities, apart=apart)
    times = [shot.seconds for shot in track.shots]
    assert 1 <= len(times) <= tracks.SHOTS + 1  # one at each end
    assert all(b - a >= tracks.SPACING_S for a, b in pairwise(times))
    assert max(shot.quality for shot in track.shots) >= max(qualities) - tracks.BETTER - 1e-6


def test_only_usable_faces_become_shots() -> None:
    """A track of poor faces alone is a track without a shot."""
    tracker = Tracker()
    poor = Quality(np.array([[0.0, 1, 1, 1, 1]], np.float32))
    step = tracker.update(0, 0.0, faces((300, 300)), poor)
    assert (step.numbers.tolist(), step.taken) == ([1], ())
    assert tracker.finish()[0].shots == ()


def test_a_live_track_shows_its_shots() -> None:
    """So that the pixels of those that were replaced can be let go; a track that is over has none."""
    tracker = Tracker()
    tracker.update(0, 0.0, faces((300, 300)), quality(0.8))
    assert [shot.ticks for shot in tracker.shots(1)] == [0]
    tracker.update(1, 0.04, faces((300, 300)), quality(0.9))
    assert [shot.ticks for shot in tracker.shots(1)] == [1]
    assert tracker.shots(2) == ()
    tracker.finish()
    assert tracker.shots(1) == ()


@st.composite
def films(draw: st.DrawFn) -> list[tuple[float, list[Spot], list[float], bool]]:
    """Frames at uneven times with faces anywhere, strong and weak, and cuts."""
    seconds, film = 0.0, []
    for _ in range(draw(st.integers(1, 12))):
        seconds += draw(st.sampled_from([0.001, 0.04, 0.2, 1.5]))
        spots = draw(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=5))
        scores = draw(st.lists(st.sampled_from([0.45, 0.7, 0.95]), min_size=len(spots), max_size=len(spots)))
        film.append((seconds, [(40.0 * x, 100.0 + 60 * y) for x, y in spots], scores, draw(st.integers(0, 9)) == 0))
    return film


def replay(film: list[tuple[float, list[Spot], list[float], bool]]) -> list[Step]:
    """The steps over a film."""
    tracker, steps = Tracker((1280, 720)), []
    for ticks, (seconds, spots, scores, cut) in enumerate(film):
        found = faces(*spots, scores=scores)
        steps.append(tracker.update(ticks, seconds, found, quality(*scores), cut=cut))
    return [*steps, Step(np.zeros(0, np.int64), (), tracker.finish())]


@given(films())
def test_a_replay_gives_the_same_tracks(film: list[tuple[float, list[Spot], list[float], bool]]) -> None:
    """The same detections, now or from disk: the same numbers, boxes and shots."""
    first, second = replay(film), replay(film)
    assert [step.numbers.tolist() for step in first] == [step.numbers.tolist() for step in second]
    assert [step.taken for step in first] == [step.taken for step in second]
    for one, other in zip(ended(first), ended(second), strict=True):
        assert one.ticks.tolist() == other.ticks.tolist()
        assert np.array_equal(one.boxes, other.boxes)
        assert [(shot.ticks, shot.quality) for shot in one.shots] == [(s.ticks, s.quality) for s in other.shots]


@given(films())
def test_every_strong_face_is_in_exactly_one_track(film: list[tuple[float, list[Spot], list[float], bool]]) -> None:
    """No two faces of a frame share a track, numbers rise from 1 with no gap, and each track ends once."""
    steps = replay(film)
    done = ended(steps)
    assert [track.number for track in done] == list(range(1, len(done) + 1))
    seen = {
        (int(ticks), track.number): box for track in done for ticks, box in zip(track.ticks, track.boxes, strict=True)
    }
    assert len(seen) == sum(len(track.ticks) for track in done)
    count = 0
    for ticks, (step, (_, spots, scores, _)) in enumerate(zip(steps, film, strict=False)):
        numbers = step.numbers[step.numbers > 0].tolist()
        assert len(numbers) == len(set(numbers))
        assert all(number > 0 for number, score in zip(step.numbers, scores, strict=True) if score >= tracks.STRONG)
        for face, number in enumerate(step.numbers.tolist()):
            if number:
                assert np.array_equal(seen[ticks, number], faces(*spots, scores=scores).boxes[face])
                count += 1
        assert all(step.numbers[face] > 0 for face in step.taken)
    assert count == len(seen)


@pytest.mark.parametrize("step", [1, 5])
def test_an_event_is_followed(film: Path, truth: Event, detector_path: Path, step: int) -> None:
    """IDF1 is 0.9 or more in every frame and in every fifth."""
    footage = Footage(film / "event.mp4")
    facts, sampler = footage.facts, Sampler(Sampling("every", step))
    tracker, found, looked, cuts = Tracker((facts.width, facts.height)), [], set(), {}

    def frames():  # noqa: ANN202 - frames that are looked at
        for frame in footage.frames(Tally()):
            sight = sampler.look(frame, facts.seconds(frame.ticks))
            if sight.analyse:
                cuts[frame.ticks] = sight.cut
                yield frame

    for frame, seen in Detector(detector_path, (canvas(facts.width, facts.height),)).stream(frames()):
        looked.add(frame.ticks)
        good = measure(frame.planar(), seen)
        found += tracker.update(frame.ticks, facts.seconds(frame.ticks), seen, good, cut=cuts[frame.ticks]).ended
    found += tracker.finish()
    scores = tracking.tracking([frame for frame in truth.frames if frame.ticks in looked], found)
    assert scores.frames == len(looked) > 30
    assert scores.idf1 >= 0.9
    assert scores.mota >= 0.9
