"""Facts about verdicts: nobody is shown who cannot be told to be meant, and whoever is to be hidden is hidden."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strangers import calibration_of

from houselights.gallery import Gallery, Reference, Subject
from houselights.result import Shot
from houselights.search import Probe, Sieve
from houselights.templates import unit
from houselights.types import Float32
from houselights.verdicts import EVERYBODY, GUARD_S, HIDE_FMR, UNKNOWN, Verdicts, judged

DIMENSIONS = 16
CALIBRATION = calibration_of((0.0, 1.0))
SIEVE = Sieve(CALIBRATION, 1.58e-5)
THRESHOLD = SIEVE.lowest
LOOSE = CALIBRATION.score_at(HIDE_FMR)
SHOTS = (Shot(2.0, (0.0, 0.0, 50.0, 60.0), 0.9),)


def person(which: int) -> Float32:
    """The template of somebody who is like nobody else: an axis of their own."""
    return np.eye(DIMENSIONS, dtype=np.float32)[which]


ANN, BO, STRANGER = person(0), person(1), person(2)


def alike(one: Float32, score: float, other: Float32 | None = None) -> Float32:
    """A template that scores so much with one, and the rest of it is like another: a stranger without one."""
    rest = STRANGER if other is None else other
    return unit((score * one + np.sqrt(max(0.0, 1 - score**2)) * rest)[None])[0]


def gallery(**people: Float32) -> Gallery:
    """Subjects with one photograph each."""
    box = np.array([0, 0, 50, 60], np.float32)
    subjects = (
        Subject(name, (Reference(Path(f"{name}.jpg"), name, 1.0, box),), template[None], template)
        for name, template in people.items()
    )
    return Gallery(tuple(subjects), (), ())


def probe(template: Float32, track: int = 1, start: float = 2.0, end: float = 6.0) -> Probe:
    """A track, or one person's part of it."""
    return Probe("a.mp4", track, start, end, SHOTS, template[None], template)


def verdicts(*probes: Probe, keep: Gallery | None = None, hide: Gallery | None = None) -> Verdicts:
    """The verdicts at the threshold of these tests."""
    return judged(keep, hide, probes, SIEVE)


def shown(given: Verdicts, seconds: float = 4.0, track: int = 1) -> bool:
    """Whether a track is shown at a time."""
    return given.of(track, seconds)[0]


def test_the_scores_of_these_tests_lie_where_they_should() -> None:
    """The threshold for people to hide is far looser than that for people to keep, as in use."""
    assert 0.3 < LOOSE < THRESHOLD - 0.05
    assert 0.799 < THRESHOLD < 0.801


@pytest.mark.parametrize(("score", "seen"), [(1.0, True), (0.801, True), (0.799, False), (0.0, False), (-1.0, False)])
def test_people_to_keep_are_shown_above_the_threshold_only(score: float, *, seen: bool) -> None:
    """With the reason: by whom and how alike, or how far from it."""
    made = verdicts(probe(alike(ANN, score)), keep=gallery(ann=ANN, cy=person(5)))
    held, why = made.of(1, 4.0)
    assert held is seen
    assert f"{score:.3f}" in why or not seen
    assert ("taken for ann" in why) is seen
    assert seen or f"{THRESHOLD:.3f} is asked for" in why


@given(st.floats(0, 1), st.floats(0, 1))
def test_hiding_wins_over_keeping(kept: float, hidden: float) -> None:
    """Whoever is like somebody to hide is hidden, however much like somebody to keep."""
    template = unit((kept * ANN + hidden * BO + 0.01 * STRANGER)[None])[0]
    made = verdicts(probe(template), keep=gallery(ann=ANN), hide=gallery(bo=BO))
    assert shown(made) == (template[1] < LOOSE and template[0] >= THRESHOLD)
    if template[1] >= LOOSE + 1e-6:
        assert "like bo, to be hidden" in made.of(1, 4.0)[1]


@pytest.mark.parametrize("off", [-0.002, 0.002, 0.2])
def test_hiding_alone_hides_the_similar_and_shows_the_others(off: float) -> None:
    """By the loose threshold, not by the one asked for: a miss would show them."""
    made = verdicts(probe(alike(BO, LOOSE + off)), probe(STRANGER, 2), hide=gallery(bo=BO))
    held, why = made.of(1, 4.0)
    assert held is (off < 0)
    assert ("not like anybody to be hidden" in why) is held
    assert shown(made, track=2)


def test_a_track_without_a_template_is_hidden() -> None:
    """Too small, turned or blurred to say who it is: with people to keep, with people to hide, and faces seen once."""
    keeping = verdicts(probe(ANN), keep=gallery(ann=ANN))
    hiding = verdicts(probe(STRANGER), hide=gallery(bo=BO))
    for made in (keeping, hiding):
        assert shown(made)
        for track in (0, 2):
            assert not shown(made, track=track)
            assert "no picture of this head" in made.of(track, 4.0)[1]
    assert hiding.of(2, 4.0)[1] == UNKNOWN


def test_nobody_asked_for_is_everybody_hidden() -> None:
    """Without photographs no template decides anything."""
    for made in (Verdicts(), verdicts(), verdicts(probe(ANN), probe(BO, 2))):
        assert [made.of(track, 4.0) for track in (0, 1, 2)] == [(False, EVERYBODY)] * 3


def test_a_whole_track_is_shown_from_end_to_end() -> None:
    """Also in the frames before its first sighting and after its last, which covers reach."""
    made = verdicts(probe(ANN), keep=gallery(ann=ANN))
    assert all(shown(made, seconds) for seconds in (0.0, 2.0 - GUARD_S, 2.0, 6.0, 6.0 + GUARD_S, 60.0))


def test_a_divided_track_is_shown_in_its_own_part_less_the_guard() -> None:
    """Around the moment when it passes from one person to another it belongs to nobody."""
    parts = (probe(ANN, start=2, end=6), probe(STRANGER, start=6, end=9))
    for made in (verdicts(*parts, keep=gallery(ann=ANN)), verdicts(*parts[::-1], keep=gallery(ann=ANN))):
        for number in range(1000):
            seconds = number / 100
            assert shown(made, seconds) is (2 + GUARD_S <= seconds < 6 - GUARD_S)
    hiding = verdicts(probe(BO, start=2, end=6), probe(STRANGER, start=6, end=9), hide=gallery(bo=BO))
    assert [number / 10 for number in range(100) if shown(hiding, number / 10)] == [
        number / 10 for number in range(66, 86)
    ]


def test_a_track_that_passes_between_two_people_to_keep_is_hidden_around_that() -> None:
    """Nobody knows who is seen at that moment."""
    parts = (probe(ANN, start=2, end=6), probe(BO, start=6, end=9))
    made = verdicts(*parts, keep=gallery(ann=ANN, bo=BO))
    assert [shown(made, seconds) for seconds in (5.4, 5.6, 6.0, 6.4, 6.6)] == [True, False, False, False, True]
    assert made.of(1, 6.0) == (False, "the track passes from one person to another")


def test_somebody_who_passes_through_a_kept_track_is_hidden() -> None:
    """A track that goes to a stranger and comes back is one part of its person, with the stranger inside it."""
    parts = (probe(ANN, start=0, end=20), probe(STRANGER, start=8, end=10))
    for order in (parts, parts[::-1]):
        made = verdicts(*order, keep=gallery(ann=ANN))
        seen = [number / 10 for number in range(200) if shown(made, number / 10)]
        assert seen == [number / 10 for number in range(5, 196) if not 8 - GUARD_S <= number / 10 <= 10 + GUARD_S]


def test_a_part_shorter_than_its_guards_is_not_shown() -> None:
    """There is nothing left of it."""
    parts = (probe(ANN, start=2, end=2.9), probe(STRANGER, start=2.9, end=9))
    made = verdicts(*parts, keep=gallery(ann=ANN))
    assert not any(shown(made, number / 100) for number in range(1000))
