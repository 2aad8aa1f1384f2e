"""Facts about the ruler: counts of tracking and verification, against cases worked out by hand and by brute force."""

from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import evaluate
from houselights.errors import CalibrationError, SettingsError
from houselights.evaluate import TrackingScores
from houselights.event import Face, Frame

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
    scores = evaluate.tracking(truth(both, both), tracks({1: A, 2: B}, {1: A, 2: B}))
    assert scores == TrackingScores(2, 4, 0, 0, 0, 0, 4)
    assert (scores.mota, scores.idf1) == (1.0, 1.0)


def test_nothing_found_is_all_missed() -> None:
    """MOTA and IDF1 are 0; an event without faces and tracks divides by nothing."""
    scores = evaluate.tracking(truth([face("a", A)], [face("a", A)]), [])
    assert scores == TrackingScores(2, 2, 2, 0, 0, 0, 0)
    assert (scores.mota, scores.idf1) == (0.0, 0.0)
    assert evaluate.tracking([], []).idf1 == 0.0


def test_a_box_on_no_face_is_false() -> None:
    """One false box and one miss: MOTA falls below 0."""
    scores = evaluate.tracking(truth([face("a", A)]), tracks({1: B}))
    assert (scores.misses, scores.false_faces, scores.mota) == (1, 1, -1.0)


def test_two_boxes_on_one_face_are_one_right_and_one_false() -> None:
    """Links are one to one, and the better one is right."""
    scores = evaluate.tracking(truth([face("a", A)]), tracks({1: at(10), 2: at(2)}))
    assert (scores.misses, scores.false_faces) == (0, 1)


def test_tracks_that_change_places_switch_once_each() -> None:
    """Two people, four frames, exchanged after the second: two switches, and half of the faces keep their track."""
    both = [face("a", A), face("b", B)]
    scores = evaluate.tracking(truth(both, both, both, both), tracks(*[{1: A, 2: B}] * 2, *[{2: A, 1: B}] * 2))
    assert (scores.switches, scores.kept, scores.misses) == (2, 4, 0)
    assert scores.mota == 1 - 2 / 8
    assert scores.idf1 == 0.5


def test_a_new_track_after_a_gap_is_a_switch_and_a_fragment() -> None:
    """Under the old track it is a fragment alone."""
    frames = truth(*[[face("a", A)]] * 5)
    new = evaluate.tracking(frames, tracks({1: A}, {1: A}, {}, {2: A}, {2: A}))
    old = evaluate.tracking(frames, tracks({1: A}, {1: A}, {}, {1: A}, {1: A}))
    assert (new.switches, new.fragments, new.misses, new.kept) == (1, 1, 1, 2)
    assert (old.switches, old.fragments, old.misses, old.kept) == (0, 1, 1, 4)


def test_a_link_that_holds_is_not_given_up_for_a_better_one() -> None:
    """CLEAR MOT keeps yesterday's link while it overlaps enough: another track's closer box is false, not a switch."""
    frames = truth([face("a", A)], [face("a", A)])
    scores = evaluate.tracking(frames, tracks({1: A}, {1: at(12), 2: A}))
    assert (scores.switches, scores.false_faces) == (0, 1)


def test_faces_that_cannot_be_asked_for_count_nowhere() -> None:
    """Hidden, turned aside or tiny: neither missed nor false when found, by any track."""
    hidden = face("a", A, visible=0.49)
    turned = face("b", B, turn=0.71)
    tiny = face("c", (400, 100, 19, 19.9))
    frames = truth([hidden, turned, tiny])
    nothing = TrackingScores(1, 0, 0, 0, 0, 0, 0)
    assert evaluate.tracking(frames, []) == nothing
    assert evaluate.tracking(frames, tracks({1: A, 2: B, 3: tiny.box})) == nothing


def test_a_face_that_is_asked_for_comes_before_one_that_is_not() -> None:
    """A box that fits somebody hidden behind better still counts for the one in front."""
    frames = truth([face("front", at(0)), face("behind", at(10), visible=0.1)])
    assert evaluate.tracking(frames, tracks({1: at(8)})).misses == 0


def test_an_excused_gap_is_no_fragment() -> None:
    """Whoever was hidden meanwhile was not lost."""
    away = face("a", A, visible=0.0)
    frames = truth([face("a", A)], [away], [face("a", A)])
    scores = evaluate.tracking(frames, tracks({1: A}, {}, {1: A}))
    assert (scores.fragments, scores.misses, scores.truth_faces) == (0, 0, 2)


def test_whoever_comes_back_is_somebody_new_for_a_tracker() -> None:
    """Another walk under another track is no switch."""
    frames = truth([face("a", A)], [face("a", A, walk=1)])
    scores = evaluate.tracking(frames, tracks({1: A}, {2: A}))
    assert (scores.switches, scores.idf1) == (0, 1.0)


def test_the_overlap_that_counts() -> None:
    """IoU 0.3 does, less does not: a box shifted by s of its side has (1-s)/(1+s)."""
    assert evaluate.tracking(truth([face("a", at(0))]), tracks({1: at(50 * 0.53)})).misses == 0
    assert evaluate.tracking(truth([face("a", at(0))]), tracks({1: at(50 * 0.55)})).misses == 1


def test_a_track_at_a_time_without_truth_is_refused() -> None:
    """Truth and tracks of different events do not make a score."""
    with pytest.raises(SettingsError, match="track 7 has a face at 1 ticks"):
        evaluate.tracking(truth([]), tracks({}, {7: A}))


def test_counts_of_events_add_up() -> None:
    """Two events are one long event."""
    one, other = TrackingScores(5, 10, 1, 2, 3, 4, 5), TrackingScores(1, 30, 0, 0, 0, 0, 30)
    assert evaluate.pooled([one, other]) == TrackingScores(6, 40, 1, 2, 3, 4, 35)


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
    assert evaluate.tracking(frames, found).kept == best


def overlaps(box: Box, other: np.ndarray) -> bool:
    """Whether two boxes of the same height and row share enough."""
    shared = max(0.0, min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0]))
    return shared / (box[2] + other[2] - shared) >= evaluate.OVERLAP


@given(scenes())
def test_counts_balance(scene: Scene) -> None:
    """Boxes are right or false, faces found or missed, and no score is above 1."""
    frames, found = scene
    scores = evaluate.tracking(frames, found)
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
        overlap.append(evaluate._overlaps(where, list(boxes[-1].values())))
    scores = evaluate.tracking(truth(*frames), tracks(*boxes))
    ids = [people] * 12, [np.array(list(frame)) for frame in boxes], overlap, evaluate.OVERLAP
    clear, identity = peer.compute_clear_metrics(*ids), peer.compute_identity_metrics(*ids)
    assert (scores.misses, scores.false_faces) == (clear["CLR_FN"], clear["CLR_FP"])
    assert (scores.switches, scores.fragments) == (clear["IDSW"], clear["Frag"])
    assert scores.mota == pytest.approx(clear["MOTA"])
    assert scores.idf1 == pytest.approx(identity["IDF1"])


def test_acceptance_at_a_rate() -> None:
    """Of 1000 impostors a rate of 1 % lets in the ten highest; the genuine at their level or above are accepted."""
    impostor = np.arange(1000) / 1000
    (found,) = evaluate.verification(impostor, [0.5, 0.989, 0.99, 0.995, 2.0], [0.01])
    assert (found.threshold, found.impostors_accepted, found.genuine_accepted) == (0.99, 10, 3)
    assert (found.impostors, found.genuine, found.tar) == (1000, 5, 0.6)


def test_equal_scores_never_let_in_too_many() -> None:
    """Where the tenth and eleventh highest are equal, neither is let in."""
    (found,) = evaluate.verification(np.r_[np.zeros(985), np.full(10, 0.5), np.full(5, 0.7)], [0.5, 0.6, 0.8], [0.01])
    assert (found.impostors_accepted, found.genuine_accepted) == (5, 2)


@given(st.lists(st.integers(0, 20), min_size=20), st.lists(st.integers(0, 20), min_size=1), st.floats(0.05, 0.99))
def test_a_rate_is_kept_and_no_lower_threshold_would_keep_it(
    impostor: list[int], genuine: list[int], rate: float
) -> None:
    """By counting over every threshold there is."""
    (found,) = evaluate.verification(np.array(impostor, float), genuine, [rate])
    allowed = int(rate * len(impostor) + 1e-9)
    assert found.impostors_accepted == sum(score >= found.threshold for score in impostor) <= allowed
    lower = [score for score in range(21) if sum(other >= score for other in impostor) <= allowed]
    assert found.genuine_accepted <= sum(score >= min(lower, default=99) for score in genuine)
    assert found.low <= found.tar <= found.high


def test_a_rate_that_cannot_be_seen_is_refused() -> None:
    """A hundred comparisons show no 1e-3; and without genuine scores there is no rate to tell."""
    with pytest.raises(CalibrationError, match=r"a false-match rate of 0\.001 cannot be seen in 100 comparisons"):
        evaluate.verification(np.zeros(100), [1.0], [1e-3])
    with pytest.raises(CalibrationError, match="no comparison of the same person"):
        evaluate.verification(np.zeros(100), [], [0.1])


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (5, 10, 0.1871, 0.8129), (98, 100, 0.9296, 0.9976)],
)
def test_intervals_are_those_of_the_tables(successes: int, trials: int, low: float, high: float) -> None:
    """Clopper and Pearson at 95 %."""
    assert evaluate.interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9), min_size=1))
def test_the_best_threshold_is_found(impostor: list[int], genuine: list[int]) -> None:
    """By trying every one."""
    found = evaluate.pairs_accuracy(impostor, genuine)
    tried = [sum(s < t for s in impostor) + sum(s >= t for s in genuine) for t in range(11)]
    assert (found.right, found.pairs) == (max(tried), len(impostor) + len(genuine))
    assert sum(s < found.threshold for s in impostor) + sum(s >= found.threshold for s in genuine) == found.right


def test_no_pair_is_refused() -> None:
    """There is nothing to judge."""
    with pytest.raises(CalibrationError, match="no pair"):
        evaluate.pairs_accuracy([], [])


def write(folder: Path, text: str) -> Path:
    """A file of pairs."""
    (folder / "pairs.txt").write_text(text, "utf-8")
    return folder / "pairs.txt"


def test_pairs_are_read(tmp_path: Path) -> None:
    """In the file's order, with folds or without, names in any script."""
    found = evaluate.read_pairs(write(tmp_path, "1\nZoë_K\t1\t2\nZoë_K\t1\tBob\t3\n"))
    assert [(pair.one, pair.other, pair.same) for pair in found] == [
        (("Zoë_K", 1), ("Zoë_K", 2), True),
        (("Zoë_K", 1), ("Bob", 3), False),
    ]
    assert len(evaluate.read_pairs(write(tmp_path, "2\t1\n" + "A\t1\t2\nA\t1\tB\t1\n" * 2))) == 4


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
    ],
)
def test_a_broken_file_of_pairs_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The error names the file and the line."""
    with pytest.raises(SettingsError) as caught:
        evaluate.read_pairs(write(tmp_path, text))
    assert message in caught.value.message


def test_a_file_of_pairs_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(SettingsError, match=r"gone\.txt' cannot be read"):
        evaluate.read_pairs(tmp_path / "gone.txt")
