"""Facts about search: exact, stable, and never more than reaches the threshold."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strangers import KIND, calibration_of, odds_of

from houselights import odds, search
from houselights.gallery import Gallery, Reference, Subject
from houselights.odds import Calibration, Setting
from houselights.result import Candidate, RunnerUp, Shot
from houselights.search import Probe, Sieve
from houselights.templates import fuse, unit

DIMENSIONS = 16
SUBJECTS, PROBES = 8, 30
CALIBRATION = calibration_of((-1.0, 1.0))
RATE = 1e-4
THRESHOLD = CALIBRATION.score_at(RATE)
SETTING = Setting(SUBJECTS, PROBES, prior=0.01)
EARLY, LATE = Shot(1.0, (0.0, 0.0, 50.0, 60.0), 0.9), Shot(2.0, (9.0, 0.0, 50.0, 60.0), 0.8)


def vectors(count: int, seed: int) -> np.ndarray:
    """(count, DIMENSIONS) unit templates."""
    return unit(np.random.default_rng(seed).standard_normal((count, DIMENSIONS)).astype(np.float32))


def subject(name: str, templates: np.ndarray) -> Subject:
    """A subject with one photograph for each template."""
    box = np.array([0, 0, 50, 60], np.float32)
    references = tuple(Reference(Path(f"{name}/{n}.jpg"), f"{n}", 1.0, box) for n in range(len(templates)))
    return Subject(name, references, templates, fuse(templates, [1.0] * len(templates)))


def gallery(seed: int = 2) -> Gallery:
    """Subjects with one to three photographs each."""
    rows = vectors(3 * SUBJECTS, seed)
    people = tuple(subject(f"s{n:02}", rows[3 * n : 3 * n + 1 + n % 3]) for n in range(SUBJECTS))
    return Gallery(people, (), ())


def probe(track: int, template: np.ndarray, footage: str = "a.mp4") -> Probe:
    """A track of two seconds with two shots, the later one more like its template."""
    shots = unit(np.stack([template + np.float32(0.5) * np.roll(template, 1), template]))
    return Probe(footage, track, float(track), track + 2.0, (EARLY, LATE), shots, template)


def probes(seed: int = 3) -> list[Probe]:
    """Tracks in two files."""
    return [probe(n // 2 + 1, template, "ab"[n % 2] + ".mp4") for n, template in enumerate(vectors(PROBES, seed))]


def found(
    people: Gallery, tracks: list[Probe], rate: float = RATE, calibration: Calibration = CALIBRATION
) -> tuple[Candidate, ...]:
    """The candidates at a false-match rate."""
    return search.candidates(people, tracks, Sieve(calibration, rate), SETTING)


def test_every_pair_at_the_threshold_is_found_and_no_other() -> None:
    """A plain loop in float64 over all pairs gives the same candidates with the same scores."""
    people, tracks = gallery(), probes()
    expected = {}
    for person in people.subjects:
        for track in tracks:
            one, other = person.template.astype(float), track.template.astype(float)
            if one @ other >= THRESHOLD:
                expected[person.name, track.footage, track.track] = float(one @ other)
    got = {(c.subject, c.footage, c.track): c.score for c in found(people, tracks)}
    assert len(expected) > 5
    assert got.keys() == expected.keys()
    assert all(math.isclose(got[key], expected[key], abs_tol=6e-7) for key in got)


def test_a_candidate_says_where_when_and_by_which_photograph() -> None:
    """It carries the track's place and time, its odds, and the photograph and the shot that are most alike."""
    people = Gallery((subject("ann", vectors(3, 7)),), (), ())
    best = unit(people.subjects[0].templates[1:2] + 0.3 * people.subjects[0].template)[0]
    (candidate,) = found(people, [probe(4, best, "door.mp4")])
    assert (candidate.subject, candidate.footage, candidate.track) == ("ann", "door.mp4", 4)
    assert (candidate.start_s, candidate.end_s, candidate.shots, candidate.best_shot) == (4.0, 6.0, 2, LATE)
    assert candidate.reference == str(Path("ann/1.jpg"))
    assert candidate.odds == odds.of(CALIBRATION, candidate.score, KIND, SETTING)
    assert (candidate.odds.kind, candidate.odds.fmr) == (
        f"{KIND} (not measured: the worst of all kinds)",
        CALIBRATION.fmr_at(candidate.score),
    )
    assert candidate.runner_up is None, "there is nobody else"


@given(st.integers(1, 70), st.randoms(use_true_random=False))
def test_neither_the_block_size_nor_the_order_changes_a_candidate(block: int, shuffle: st.DrawFn) -> None:
    """Subjects and tracks in any order and any batch give the same candidates, to the last digit, in the same order."""
    tracks, subjects = probes(), list(gallery().subjects)
    shuffle.shuffle(subjects)
    shuffle.shuffle(tracks)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search, "BLOCK", block)
        assert found(Gallery(tuple(subjects), (), ()), tracks) == found(gallery(), probes())


@given(st.floats(-5, -3.5))
def test_nothing_below_the_threshold_fills_up_the_list(power: float) -> None:
    """A stricter threshold gives the candidates of a laxer one that reach it, in the same order."""
    threshold = CALIBRATION.score_at(10**power)
    every = tuple(alone(c) for c in found(gallery(), probes(), 10**-3.5))
    assert tuple(alone(c) for c in found(gallery(), probes(), 10**power)) == tuple(
        c for c in every if c.score >= threshold
    )


def alone(one: Candidate) -> Candidate:
    """The candidate but for its runner-up, who hangs on the threshold."""
    return replace(one, runner_up=None)


def test_a_threshold_that_nobody_reaches_gives_nobody() -> None:
    """An empty list is a result."""
    assert found(gallery(), probes(), 1e-6) == ()
    assert found(gallery(), []) == ()


def test_one_candidate_for_a_subject_and_a_track() -> None:
    """Several photographs of a subject do not make several candidates; several subjects of one track do."""
    every = found(gallery(), probes(), 0.99)
    assert len(every) == SUBJECTS * PROBES
    assert len({(c.subject, c.footage, c.track) for c in every}) == len(every)


def test_the_best_comes_first_and_ties_have_an_order() -> None:
    """Falling scores; equal ones by subject, file and track."""
    same = vectors(1, 5)
    people = Gallery((subject("b", same), subject("a", same)), (), ())
    tracks = [probe(2, same[0], "z.mp4"), probe(1, same[0], "z.mp4"), probe(9, same[0], "c.mp4")]
    order = [(c.subject, c.footage, c.track) for c in found(people, tracks)]
    assert order == [(s, f, t) for s in "ab" for f, t in (("c.mp4", 9), ("z.mp4", 1), ("z.mp4", 2))]
    scores = [c.score for c in found(gallery(), probes())]
    assert scores == sorted(scores, reverse=True)


@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_a_score_is_symmetric_and_does_not_hang_on_the_order_of_its_sum(seed: int, shuffle: st.DrawFn) -> None:
    """Numbers in any order give the very same score."""
    one, other = np.random.default_rng(seed).standard_normal((2, 128)).astype(np.float32)
    order = list(range(128))
    shuffle.shuffle(order)
    assert search.score(one, other) == search.score(other, one) == search.score(one[order], other[order])


@given(st.integers(0, 10_000))
def test_a_score_of_unit_templates_is_a_cosine(seed: int) -> None:
    """From -1 to 1, in steps of 1e-6, and 1 with itself."""
    one, other = vectors(2, seed)
    score = search.score(one, other)
    assert -1 <= score <= 1
    assert score == round(score, 6)
    assert search.score(one, one) == 1
    assert search.score(one, -one) == -1


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 5))
def test_a_score_of_fused_templates_is_the_mean_of_the_scores(seed: int, here: int, there: int) -> None:
    """So it never exceeds the best single score, and a rate measured on single photographs bounds it."""
    ones, others = vectors(here, seed), vectors(there, seed + 1)
    single = [search.score(one, other) for one in ones for other in others]
    fused = search.score(fuse(ones, [1.0] * here), fuse(others, [1.0] * there))
    assert math.isclose(fused, float(np.mean(single)), abs_tol=2e-6)
    assert fused <= max(single) + 2e-6


def test_a_template_of_zeros_is_like_nobody() -> None:
    """It scores 0, not an error and not nan."""
    assert search.score(np.zeros(8, np.float32), np.ones(8, np.float32)) == 0.0


def test_a_track_of_two_people_gives_a_subject_one_candidate() -> None:
    """Where a track was divided between people, the part that is most like the subject stands."""
    people = Gallery((subject("ann", vectors(1, 7)),), (), ())
    like = people.subjects[0].template
    parts = [probe(4, unit((like + off * vectors(1, 8)[0])[None])[0]) for off in (0.9, 0.2)]
    (candidate,) = found(people, parts)
    assert candidate.score == search.score(like, parts[1].template)
    assert found(people, parts[::-1]) == (candidate,)


def test_a_poorer_kind_of_comparison_asks_for_more() -> None:
    """Where strangers reach higher scores in a kind of comparison, its tracks need them, and have the higher rates."""
    harder = calibration_of((-1.0, 1.0), (-0.8, 1.2))
    every, fewer = found(gallery(), probes()), found(gallery(), probes(), calibration=harder)
    assert 0 < len(fewer) < len(every)
    assert [c.score for c in fewer] == [c.score for c in every if c.score >= harder.score_at(RATE, KIND)]
    assert all(c.odds.fmr == harder.fmr_at(c.score, KIND) > CALIBRATION.fmr_at(c.score) for c in fewer)


def test_a_runner_up_is_the_best_other_subject_who_is_near() -> None:
    """T15: a plain loop gives the same: as near as a rate ten times over, to the candidate and to the threshold."""
    people, tracks, steep = gallery(), probes(), calibration_of((0.0, 1.0))
    threshold, near = steep.score_at(0.008), steep.score_at(0.008) - steep.score_at(0.08)
    candidates = found(people, tracks, 0.008, steep)
    for one in candidates:
        track = next(each for each in tracks if (each.footage, each.track) == (one.footage, one.track))
        others = [(search.score(s.template, track.template), s.name) for s in people.subjects if s.name != one.subject]
        score, name = max(others)
        far = score < max(one.score, threshold) - near
        assert one.runner_up == (None if far else RunnerUp(name, score, steep.fmr_at(score, KIND)))
    assert 0 < sum(one.runner_up is not None for one in candidates) < len(candidates)


def test_two_who_look_alike_name_each_other() -> None:
    """T15: both are candidates on the track, and neither stands there without the other's name."""
    ann, bea = vectors(1, 7), unit(vectors(1, 7) + 0.1 * vectors(1, 9))
    people = Gallery((subject("ann", ann), subject("bea", bea), subject("cy", vectors(1, 12))), (), ())
    both = found(people, [probe(1, ann[0])])
    assert {(c.subject, c.runner_up.subject if c.runner_up else "") for c in both} == {("ann", "bea"), ("bea", "ann")}


def candidate(start: float, end: float, score: float = 0.5, who: str = "ann", footage: str = "a.mp4") -> Candidate:
    """A candidate by its time."""
    return Candidate(who, footage, 1, start, end, score, odds_of(), None, 2, EARLY, "ann.jpg")


def times(*given_candidates: Candidate) -> list[tuple[str, str, float, float, float]]:
    """Appearances as tuples."""
    merged = search.appearances(given_candidates)
    return [(a.subject, a.footage, a.start_s, a.end_s, a.score) for a in merged]


def test_appearances_that_overlap_or_nearly_touch_are_one() -> None:
    """A second apart is one appearance with the best score; more is two."""
    assert times(candidate(0, 4, 0.5), candidate(3, 6, 0.7)) == [("ann", "a.mp4", 0, 6, 0.7)]
    assert times(candidate(0, 4), candidate(5, 6)) == [("ann", "a.mp4", 0, 6, 0.5)]
    assert times(candidate(0, 4), candidate(5.01, 6)) == [("ann", "a.mp4", 0, 4, 0.5), ("ann", "a.mp4", 5.01, 6, 0.5)]


def test_an_appearance_within_another_does_not_shorten_it() -> None:
    """The latest end counts, not the last."""
    assert times(candidate(0, 10), candidate(2, 3), candidate(10.5, 11)) == [("ann", "a.mp4", 0, 11, 0.5)]


def test_appearances_never_go_over_files_or_subjects() -> None:
    """The same second of another film is another moment."""
    assert len(times(candidate(0, 4), candidate(1, 5, footage="b.mp4"))) == 2
    assert len(times(candidate(0, 4), candidate(1, 5, who="bea"))) == 2


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9), st.sampled_from("ab"), st.sampled_from("xy"))))
def test_every_candidate_lies_in_exactly_one_appearance(rows: list[tuple[int, int, str, str]]) -> None:
    """Nothing is lost, nothing is invented, and two appearances of a subject in a file are more than a second apart."""
    given_candidates = [candidate(a, a + b, 0.5, who, footage) for a, b, who, footage in rows]
    merged = search.appearances(given_candidates)
    for one in given_candidates:
        same = [a for a in merged if (a.subject, a.footage) == (one.subject, one.footage)]
        holds = [a for a in same if a.start_s <= one.start_s and one.end_s <= a.end_s]
        assert len(holds) == 1
    for a in merged:
        for b in merged:
            if a is not b and (a.subject, a.footage) == (b.subject, b.footage):
                assert b.start_s > a.end_s + 1 or a.start_s > b.end_s + 1


def test_lookalikes_are_the_pairs_of_subjects_that_reach_the_threshold() -> None:
    """Each pair once, best first; nobody is a lookalike of themselves."""
    people = gallery()
    pairs = {
        (one.name, other.name): search.score(one.template, other.template)
        for row, one in enumerate(people.subjects)
        for other in people.subjects[row + 1 :]
    }
    alike = search.lookalikes(people, 0.2, CALIBRATION)
    assert {(a.subject, a.other): a.score for a in alike} == {k: v for k, v in pairs.items() if v >= 0.2}
    assert [a.score for a in alike] == sorted((a.score for a in alike), reverse=True)
    assert all(a.fmr == CALIBRATION.fmr_at(a.score) for a in alike)
    assert search.lookalikes(people, 1.01, CALIBRATION) == ()
