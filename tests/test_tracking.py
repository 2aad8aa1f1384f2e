"""Facts about the ruler of tracks: counts, against cases worked out by hand and by brute force."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import tracking
from houselights.errors import SettingsError
from houselights.evaluation import Evaluation, Figure
from houselights.tracking import Followed, Rule, TrackingScores
from houselights.truth import Face, Frame

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


def counts(scores: TrackingScores) -> tuple[int, ...]:
    """Frames, faces, misses, false boxes, switches, fragments and kept faces."""
    clear = (scores.misses, scores.false_faces, scores.switches, scores.fragments)
    return scores.frames, scores.truth_faces, *clear, scores.kept


def test_perfect_tracks_have_no_error() -> None:
    """MOTA, IDF1 and HOTA are 1."""
    both = [face("a", A), face("b", B)]
    scores = tracking.tracking(truth(both, both), tracks({1: A, 2: B}, {1: A, 2: B}))
    assert counts(scores) == (2, 4, 0, 0, 0, 0, 4)
    assert (scores.mota, scores.idf1, scores.hota) == (1.0, 1.0, 1.0)


def test_nothing_found_is_all_missed() -> None:
    """MOTA and IDF1 are 0; an event without faces and tracks divides by nothing."""
    scores = tracking.tracking(truth([face("a", A)], [face("a", A)]), [])
    assert counts(scores) == (2, 2, 2, 0, 0, 0, 0)
    assert (scores.mota, scores.idf1, scores.hota) == (0.0, 0.0, 0.0)
    assert (tracking.tracking([], []).idf1, tracking.tracking([], []).hota) == (0.0, 0.0)


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


def test_hota_of_a_track_that_is_cut_in_two() -> None:
    """Every face is found, and each is together with half of its walk: DetA 1, AssA 1/2, HOTA the root of it."""
    scores = tracking.tracking(truth(*[[face("a", A)]] * 4), tracks(*[{1: A}] * 2, *[{2: A}] * 2))
    assert (scores.deta, scores.assa) == (1.0, 0.5)
    assert scores.hota == pytest.approx(0.5**0.5)


def test_hota_counts_a_box_up_to_the_overlap_that_it_has() -> None:
    """A box shifted by half its side overlaps by 1/3: it is right at 6 of the 19 levels, missed and false at 13."""
    scores = tracking.tracking(truth([face("a", A)]), tracks({1: at(25)}))
    assert scores.deta == scores.assa == scores.hota == pytest.approx(6 / 19)


def test_hota_of_two_tracks_that_swap() -> None:
    """Two people, four frames, exchanged after the second: each link shares 2 of 6 faces and boxes, AssA 1/3."""
    both = [face("a", A), face("b", B)]
    scores = tracking.tracking(truth(*[both] * 4), tracks(*[{1: A, 2: B}] * 2, *[{2: A, 1: B}] * 2))
    assert (scores.deta, scores.assa) == (1.0, pytest.approx(1 / 3))


def test_hota_keeps_to_the_track_that_lies_on_a_walk_from_beginning_to_end() -> None:
    """A closer box of a passing track is false: which link is best is decided over the whole footage."""
    scores = tracking.tracking(truth(*[[face("a", A)]] * 5), tracks(*[{1: at(2)}] * 4, {1: at(2), 2: A}))
    assert scores.linked[0] == 5
    assert scores.together[0] == 5  # all five are under track 1, which has no other box


def test_a_box_that_is_excused_counts_for_no_measure() -> None:
    """HOTA leaves out the boxes on faces that are not asked for, as MOTA does."""
    hidden = face("a", A, visible=0.1)
    scores = tracking.tracking(truth([hidden, face("b", B)]), tracks({1: A, 2: B}))
    assert (scores.hota, scores.mota, scores.boxes) == (1.0, 1.0, 1)


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
    assert 0 <= scores.hota <= 1
    assert 0 <= scores.deta <= 1
    assert 0 <= scores.assa <= 1 + 1e-12
    assert scores.linked[0] + scores.loose == scores.boxes


@given(scenes())
def test_walks_and_what_is_no_walks_add_up(scene: Scene) -> None:
    """The counts of each walk and those of nobody's are all there is: faces, boxes and frames."""
    walks, rest = tracking.by_walk(*scene)
    people = {f.person for frame in scene[0] for f in frame.faces}
    assert len(walks) == len(people)
    assert (rest.truth_faces, rest.kept, rest.linked[0]) == (0, 0, 0)
    assert all(walk.truth_faces > 0 and walk.frames == walk.false_faces == walk.loose == 0 for walk in walks)
    assert tracking.pooled([rest, *walks]) == tracking.tracking(*scene)


def jumbled(seed: int) -> Scene:
    """Up to four people, and tracks that wander, are lost and change places; no two sums are the same."""
    rng = np.random.default_rng(seed)
    people = rng.integers(1, 5)
    frames, boxes = [], []
    for _ in range(rng.integers(1, 13)):
        here = rng.permutation(people)[: rng.integers(0, people + 1)]
        where = {int(who): at(float(45 * who + rng.uniform(-15, 15))) for who in here}
        frames.append([face(str(who), box) for who, box in where.items()])
        names = rng.permutation(6)[: len(where)] if rng.random() < 0.3 else list(where)
        spots = [at(box[0] + rng.uniform(-25, 25)) for box in where.values()]
        boxes.append(dict(zip(map(int, names), spots, strict=True)))
        if rng.random() < 0.2:
            boxes[-1][7] = at(rng.uniform(0, 200))
    return truth(*frames), tracks(*boxes)


@given(st.integers(0, 10_000))
def test_hota_is_that_of_a_plain_reading_of_its_definition(seed: int) -> None:
    """Every way to link the boxes of a frame is tried, and every linked pair is counted one by one."""
    frames, found = jumbled(seed)
    scores = tracking.tracking(frames, found)
    hota, deta, assa = plain_hota(frames, found)
    assert (scores.hota, scores.deta, scores.assa) == pytest.approx((hota, deta, assa))


def plain_hota(frames: list[Frame], found: list[Trail]) -> tuple[float, float, float]:
    """HOTA, DetA and AssA after Luiten et al., written down without arrays."""
    at_time = [{t.number: t.boxes[list(t.ticks).index(f.ticks)] for t in found if f.ticks in t.ticks} for f in frames]
    shares = [
        {(a.person, number): iou(a.box, box) for a in frame.faces for number, box in boxes.items()}
        for frame, boxes in zip(frames, at_time, strict=True)
    ]
    people = {a.person: sum(a.person == b.person for f in frames for b in f.faces) for f in frames for a in f.faces}
    numbers = {track.number: len(track.ticks) for track in found}
    near = {(who, number): 0.0 for who in people for number in numbers}
    for share in shares:
        for (who, number), value in share.items():
            rows = sum(v for (other, _), v in share.items() if other == who)
            columns = sum(v for (_, other), v in share.items() if other == number)
            near[who, number] += value / (rows + columns - value) if value else 0
    align = {pair: value / (people[pair[0]] + numbers[pair[1]] - value) for pair, value in near.items()}
    links = [pair for share in shares for pair in best_links(share, align)]
    totals = []
    for level in range(1, 20):
        good = [(pair, value) for pair, value in links if value >= level / 20 - 1e-15]
        together = {pair: sum(pair == other for other, _ in good) for pair, _ in good}
        all_of = sum(people.values()) + sum(numbers.values()) - len(good)
        det = len(good) / max(1, all_of)
        ass = sum(together[p] / (people[p[0]] + numbers[p[1]] - together[p]) for p, _ in good) / max(1, len(good))
        totals.append(((det * ass) ** 0.5, det, ass))
    hota, deta, assa = (sum(column) / 19 for column in zip(*totals, strict=True))
    return hota, deta, assa


Pair = tuple[str, int]


def best_links(share: dict[Pair, float], align: dict[Pair, float]) -> list[tuple[Pair, float]]:
    """The one-to-one pairs of one frame of the highest sum, among all ways to pair."""
    people, numbers = (sorted({pair[side] for pair in share}, key=str) for side in (0, 1))
    options = [*numbers, *[None] * len(people)]
    ways = (
        [p for p in zip(people, order, strict=True) if p[1] is not None] for order in permutations(options, len(people))
    )
    way = max(ways, key=lambda pairs: sum(align[p] * share[p] for p in pairs))
    return [(pair, share[pair]) for pair in way if share[pair] > 0]


def iou(box: Box, other: np.ndarray) -> float:
    """Intersection over union of two boxes of the same height and row."""
    shared = max(0.0, min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0]))
    return float(shared / (box[2] + other[2] - shared))


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
        overlap.append(tracking.overlap_of(where, list(boxes[-1].values())))
    scores = tracking.tracking(truth(*frames), tracks(*boxes))
    ids = [people] * 12, [np.array(list(frame)) for frame in boxes], overlap, tracking.OVERLAP
    clear, identity = peer.compute_clear_metrics(*ids), peer.compute_identity_metrics(*ids)
    higher = peer.compute_hota_metrics(*ids[:3])
    assert (scores.misses, scores.false_faces) == (clear["CLR_FN"], clear["CLR_FP"])
    assert (scores.switches, scores.fragments) == (clear["IDSW"], clear["Frag"])
    assert scores.mota == pytest.approx(clear["MOTA"])
    assert scores.idf1 == pytest.approx(identity["IDF1"])
    assert (scores.hota, scores.deta, scores.assa) == pytest.approx((higher["HOTA"], higher["DetA"], higher["AssA"]))


# What is said of it


def named(evaluation: Evaluation, name: str) -> Figure:
    """The figure of this name."""
    return next(figure for table in evaluation.tables for figure in table.figures if figure.name == name)


def walks_of(count: int, *, lost: int) -> Followed:
    """People who stand apart for four frames, each under a track of their own; of some, half is missed."""
    people = [face(str(who), at(100 * who)) for who in range(count)]
    whole = {who: at(100 * who) for who in range(count)}
    half = {who: box for who, box in whole.items() if who >= lost}
    return Followed(f"{count} people", truth(*[people] * 4), tracks(whole, whole, half, half))


def test_an_evaluation_of_one_sequence_draws_walks() -> None:
    """R40: every rate has its bounds, and what was resampled is said."""
    found = tracking.evaluate([walks_of(20, lost=5)])
    facts = dict(found.facts)
    assert facts["intervals"] == "over walks of people, 400 draws"
    assert facts["faces asked for"] == "80 in 20 walks of people"
    misses = named(found, "misses")
    assert (misses.value, misses.count, misses.of) == (10 / 80, 10, 80)
    for name in tracking.RATES:
        figure = named(found, name)
        assert figure.value is not None
        assert figure.low is not None
        assert figure.high is not None
        assert figure.low < figure.value < figure.high
    assert found.notes == ()
    assert [series.name for series in found.charts[0].series] == ["HOTA", "DetA", "AssA"]
    assert '"what": "tracking"' in found.to_json()


def test_an_evaluation_of_several_sequences_draws_sequences() -> None:
    """R40: counts are pooled, each sequence is named, and few of them are said to be few."""
    found = tracking.evaluate([walks_of(4, lost=0), walks_of(12, lost=6)])
    assert dict(found.facts)["intervals"] == "over sequences, 400 draws"
    assert named(found, "misses").of == 64
    assert named(found, "MOTA, 4 people").value == 1.0
    assert found.notes == ("the intervals rest on 2 sequences: fewer than 10 make them too narrow",)


def test_nothing_asked_for_gives_no_rate() -> None:
    """R40: without a face there is no figure, and the evaluation says so."""
    found = tracking.evaluate([Followed("empty", truth([]), [])])
    assert named(found, "HOTA").value is None
    assert found.notes == ("no face of the truth is asked for: no rate can be said",)
    assert found.charts == ()


def test_an_interval_that_no_draw_can_show_is_left_out() -> None:
    """R40: no error in any walk is no proof of a rate of exactly one."""
    figure = named(tracking.evaluate([walks_of(12, lost=0)]), "MOTA")
    assert (figure.value, figure.low, figure.note) == (1.0, None, "every draw gave the same: no interval")
    misses = named(tracking.evaluate([walks_of(12, lost=0)]), "misses")
    assert (misses.value, misses.low, misses.note) == (0.0, 0.0, "bounds as of 12 walks of people, a trial each")
    assert misses.high == pytest.approx(1 - 0.025 ** (1 / 12))


def test_tracks_of_another_event_are_told_by_name() -> None:
    """The error names the sequence."""
    with pytest.raises(SettingsError, match="'gate': track 7 has a face at 1 ticks"):
        tracking.evaluate([Followed("gate", truth([]), tracks({}, {7: A}))])
    with pytest.raises(SettingsError, match="no sequence"):
        tracking.evaluate([])


@pytest.mark.parametrize("rule", [{"overlap": 0.0}, {"overlap": 1.0}, {"overlap": float("nan")}, {"height": -1.0}])
def test_a_rule_that_cannot_be_is_refused(rule: dict[str, float]) -> None:
    """The error names the value."""
    with pytest.raises(SettingsError, match=r"overlap|height"):
        Rule(**rule)


def test_intervals_hold_the_truth() -> None:
    """R40: over events whose walks are missed at a known rate, the bounds hold it in about 95 of 100."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(60):
        lost = int(rng.binomial(30, 0.4))
        figure = named(tracking.evaluate([walks_of(30, lost=lost)]), "misses")
        assert figure.low is not None
        assert figure.high is not None
        held += figure.low <= 0.2 <= figure.high
    assert held >= 54
