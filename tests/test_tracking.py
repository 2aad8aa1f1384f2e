"""Facts about the ruler of tracks: counts, against cases worked out by hand and by brute force."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import tracking
from houselights.errors import SettingsError
from houselights.event import Face, Frame
from houselights.tracking import TrackingScores

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Trail:
    """A track."""

    number: int
    ticks: np.ndarray
    boxes: np.ndarray


def at(x: float, size: float = 50) -> Box:
    """A box at a place."""
    return (x, 100, size, size)


def face(who: str, box: Box, *, visible: float = 1.0, turn: float = 0.0, walk: int = 0) -> Face:
    """A face of the truth."""
    return Face(who, walk, box, visible, turn)


def truth(*frames: list[Face]) -> list[Frame]:
    """Frames at ticks 0, 1, 2 ..."""
    return [Frame(ticks, tuple(faces)) for ticks, faces in enumerate(frames)]


def tracks(*frames: dict[int, Box]) -> list[Trail]:
    """Tracks from the boxes by track number in frames 0, 1, 2 ..."""
    numbers = sorted({number for frame in frames for number in frame})
    seen = {n: [(ticks, frame[n]) for ticks, frame in enumerate(frames) if n in frame] for n in numbers}
    return [Trail(n, np.array([t for t, _ in rows]), np.array([b for _, b in rows])) for n, rows in seen.items()]


A, B = at(0), at(200)


def test_perfect_tracks_have_no_error() -> None:
    """MOTA and IDF1 are 1."""
    both = [face("a", A), face("b", B)]
    scores = tracking.tracking(truth(both, both), tracks({1: A, 2: B}, {1: A, 2: B}))
    assert scores == TrackingScores(2, 4, 0, 0, 0, 0, 4)
    assert (scores.mota, scores.idf1) == (1.0, 1.0)


def test_nothing_found_is_all_missed() -> None:
    """MOTA and IDF1 are 0; an event without faces and tracks divides by nothing."""
    scores = tracking.tracking(truth([face("a", A)], [face("a", A)]), [])
    assert scores == TrackingScores(2, 2, 2, 0, 0, 0, 0)
    assert (scores.mota, scores.idf1) == (0.0, 0.0)
    assert tracking.tracking([], []).idf1 == 0.0


def test_a_box_on_no_face_is_false() -> None:
    """One false box and one miss: MOTA falls below 0."""
    scores = tracking.tracking(truth([face("a", A)]), tracks({1: B}))
    assert (scores.misses, scores.false_faces, scores.mota) == (1, 1, -1.0)


def test_two_boxes_on_one_face_are_one_right_and_one_false() -> None:
    """Links are one to one, and the better one is right."""
    scores = tracking.tracking(truth([face("a", A)]), tracks({1: at(10), 2: at(2)}))
    assert (scores.misses, scores.false_faces) == (0, 1)


def test_tracks_that_change_places_switch_once_each() -> None:
    """Two people, four frames, exchanged after the second: two switches, and half of the faces keep their track."""
    both = [face("a", A), face("b", B)]
    scores = tracking.tracking(truth(both, both, both, both), tracks(*[{1: A, 2: B}] * 2, *[{2: A, 1: B}] * 2))
    assert (scores.switches, scores.kept, scores.misses) == (2, 4, 0)
    assert scores.mota == 1 - 2 / 8
    assert scores.idf1 == 0.5


def test_a_new_track_after_a_gap_is_a_switch_and_a_fragment() -> None:
    """Under the old track it is a fragment alone."""
    frames = truth(*[[face("a", A)]] * 5)
    new = tracking.tracking(frames, tracks({1: A}, {1: A}, {}, {2: A}, {2: A}))
    old = tracking.tracking(frames, tracks({1: A}, {1: A}, {}, {1: A}, {1: A}))
    assert (new.switches, new.fragments, new.misses, new.kept) == (1, 1, 1, 2)
    assert (old.switches, old.fragments, old.misses, old.kept) == (0, 1, 1, 4)


def test_a_link_that_holds_is_not_given_up_for_a_better_one() -> None:
    """CLEAR MOT keeps yesterday's link while it overlaps enough: another track's closer box is false, not a switch."""
    frames = truth([face("a", A)], [face("a", A)])
    scores = tracking.tracking(frames, tracks({1: A}, {1: at(12), 2: A}))
    assert (scores.switches, scores.false_faces) == (0, 1)


def test_faces_that_cannot_be_asked_for_count_nowhere() -> None:
    """Hidden, turned aside or tiny: neither missed nor false when found, by any track."""
    hidden = face("a", A, visible=0.49)
    turned = face("b", B, turn=0.71)
    tiny = face("c", (400, 100, 19, 19.9))
    frames = truth([hidden, turned, tiny])
    nothing = TrackingScores(1, 0, 0, 0, 0, 0, 0)
    assert tracking.tracking(frames, []) == nothing
    assert tracking.tracking(frames, tracks({1: A, 2: B, 3: tiny.box})) == nothing


def test_a_face_that_is_asked_for_comes_before_one_that_is_not() -> None:
    """A box that fits somebody hidden behind better still counts for the one in front."""
    frames = truth([face("front", at(0)), face("behind", at(10), visible=0.1)])
    assert tracking.tracking(frames, tracks({1: at(8)})).misses == 0


def test_an_excused_gap_is_no_fragment() -> None:
    """Whoever was hidden meanwhile was not lost."""
    away = face("a", A, visible=0.0)
    frames = truth([face("a", A)], [away], [face("a", A)])
    scores = tracking.tracking(frames, tracks({1: A}, {}, {1: A}))
    assert (scores.fragments, scores.misses, scores.truth_faces) == (0, 0, 2)


def test_whoever_comes_back_is_somebody_new_for_a_tracker() -> None:
    """Another walk under another track is no switch."""
    frames = truth([face("a", A)], [face("a", A, walk=1)])
    scores = tracking.tracking(frames, tracks({1: A}, {2: A}))
    assert (scores.switches, scores.idf1) == (0, 1.0)


def test_the_overlap_that_counts() -> None:
    """IoU 0.3 does, less does not: a box shifted by s of its side has (1-s)/(1+s)."""
    assert tracking.tracking(truth([face("a", at(0))]), tracks({1: at(50 * 0.53)})).misses == 0
    assert tracking.tracking(truth([face("a", at(0))]), tracks({1: at(50 * 0.55)})).misses == 1


def test_a_track_at_a_time_without_truth_is_refused() -> None:
    """Truth and tracks of different events do not make a score."""
    with pytest.raises(SettingsError, match="track 7 has a face at 1 ticks"):
        tracking.tracking(truth([]), tracks({}, {7: A}))


def test_counts_of_events_add_up() -> None:
    """Two events are one long event."""
    one, other = TrackingScores(5, 10, 1, 2, 3, 4, 5), TrackingScores(1, 30, 0, 0, 0, 0, 30)
    assert tracking.pooled([one, other]) == TrackingScores(6, 40, 1, 2, 3, 4, 35)


Scene = tuple[list[Frame], list[Trail]]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Up to three people in a row who hardly move, and up to four tracks that jump between them."""
    frames, boxes = [], []
    for _ in range(draw(st.integers(1, 6))):
        places = draw(st.lists(st.integers(0, 3), max_size=3, unique=True))
        frames.append([face("abc"[who], at(60 * place)) for who, place in enumerate(places)])
        spots = draw(st.lists(st.integers(0, 10), max_size=4))
        boxes.append({number: at(20 * spot) for number, spot in enumerate(spots)})
    return truth(*frames), tracks(*boxes)


@given(scenes())
def test_identities_are_the_best_that_any_naming_gives(scene: Scene) -> None:
    """IDF1's faces are counted as by trying every way to give each person one track or none."""
    frames, found = scene
    people = sorted({f.person for frame in frames for f in frame.faces})
    names: list[Trail | None] = [*found, *[None] * len(people)]
    best = max(
        sum(
            overlaps(f.box, track.boxes[list(track.ticks).index(frame.ticks)])
            for who, track in zip(people, order, strict=False)
            if track is not None
            for frame in frames
            if frame.ticks in track.ticks
            for f in frame.faces
            if f.person == who
        )
        for order in permutations(names, len(people))
    )
    assert tracking.tracking(frames, found).kept == best


def overlaps(box: Box, other: np.ndarray) -> bool:
    """Whether two boxes of the same height and row share enough."""
    shared = max(0.0, min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0]))
    return shared / (box[2] + other[2] - shared) >= tracking.OVERLAP


@given(scenes())
def test_counts_balance(scene: Scene) -> None:
    """Boxes are right or false, faces found or missed, and no score is above 1."""
    frames, found = scene
    scores = tracking.tracking(frames, found)
    assert sum(len(track.ticks) for track in found) == scores.truth_faces - scores.misses + scores.false_faces
    assert scores.truth_faces == sum(len(frame.faces) for frame in frames)
    assert 0 <= scores.idf1 <= 1
    assert scores.mota <= 1
    assert scores.kept <= scores.truth_faces


@given(st.integers(0, 10_000))
def test_tracking_agrees_with_the_peers_ruler(seed: int) -> None:
    """Misses, false boxes, switches, fragments and IDF1 are those of the package `trackers`, where it is installed."""
    peer = pytest.importorskip("trackers.eval", reason="the extra `bench` is not installed", exc_type=ImportError)
    rng = np.random.default_rng(seed)
    people = np.arange(rng.integers(1, 5))
    frames, boxes, overlap = [], [], []
    for _ in range(12):
        where = [at(float(55 * who + rng.uniform(-15, 15))) for who in people]
        frames.append([face(str(who), where[who]) for who in people])
        names = rng.permutation(6)[: len(people)] if rng.random() < 0.3 else people
        boxes.append(
            {int(name): at(where[who][0] + rng.uniform(-20, 20)) for who, name in zip(people, names, strict=True)}
        )
        boxes[-1] = {name: boxes[-1][name] for name in sorted(boxes[-1])}
        overlap.append(tracking._overlaps(where, list(boxes[-1].values())))
    scores = tracking.tracking(truth(*frames), tracks(*boxes))
    ids = [people] * 12, [np.array(list(frame)) for frame in boxes], overlap, tracking.OVERLAP
    clear, identity = peer.compute_clear_metrics(*ids), peer.compute_identity_metrics(*ids)
    assert (scores.misses, scores.false_faces) == (clear["CLR_FN"], clear["CLR_FP"])
    assert (scores.switches, scores.fragments) == (clear["IDSW"], clear["Frag"])
    assert scores.mota == pytest.approx(clear["MOTA"])
    assert scores.idf1 == pytest.approx(identity["IDF1"])
