"""Facts about identification: misses by brute force, the protocol's split, and who stands in the wrong set."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houselights import identification, verification
from houselights.dataset import Dataset
from houselights.errors import CalibrationError
from houselights.evaluation import Evaluation, Figure
from houselights.identification import OpenSet
from houselights.result import Refusal
from houselights.templates import unit
from houselights.types import Float32


def world(photographs: list[int], seed: int = 1, noise: float = 0.3, name: str = "world", first: int = 0) -> Dataset:
    """People with so many photographs each, named from `first` on."""
    chance = np.random.default_rng(seed)
    whose = np.repeat(np.arange(len(photographs)), photographs)
    faces = chance.normal(size=(len(photographs), 12))[whose] + noise * chance.normal(size=(len(whose), 12))
    names = tuple(f"P{first + who:03}" for who in range(len(photographs)))
    files = tuple(Path(names[who]) / f"{row}.jpg" for row, who in enumerate(whose))
    quality = np.full(len(whose), 0.9, np.float32)
    return Dataset(name, names, whose, files, quality, unit(faces.astype(np.float32)), (), ())


def coarse(rows: list[list[int]]) -> Float32:
    """Templates of length 1 whose scores are quarters, so that many are equal."""
    return np.array([[1 if value else -1 for value in row] for row in rows], np.float32) / 2


def figure(found: Evaluation, name: str, table: int = 0) -> Figure:
    """The figure of that name in one of the tables."""
    return next(each for each in found.tables[table].figures if each.name == name)


def missed(people: OpenSet, size: int, fpir: float) -> tuple[int, int]:
    """Probes of a gallery's first subjects that are missed, and all: by one search after the other."""
    gallery = people.gallery[:size]
    highest = sorted((max(float(each @ one) for one in gallery) for each in people.strangers), reverse=True)
    allowed = int(fpir * len(highest) + 1e-9)
    late = tried = 0
    for probe, mate in zip(people.probes, people.probe_people, strict=True):
        if mate >= size:
            continue
        own = float(probe @ gallery[mate])
        others = [float(probe @ one) for place, one in enumerate(gallery) if place != mate]
        enough = sum(score >= own for score in highest) <= allowed and own >= highest[allowed - 1]
        tried += 1
        late += not enough or any(score >= own for score in others)
    return late, tried


ROW = st.lists(st.integers(0, 1), min_size=4, max_size=4)


@settings(max_examples=15)
@given(
    st.lists(ROW, min_size=4, max_size=10),
    st.lists(st.tuples(ROW, st.integers(0, 3)), min_size=1, max_size=20),
    st.lists(ROW, min_size=30, max_size=40),
)
def test_fnir_is_what_a_count_of_each_search_gives(
    gallery: list[list[int]], probes: list[tuple[list[int], int]], strangers: list[list[int]]
) -> None:
    """With ties, which count against the search, and in every size of gallery."""
    rows, mates = zip(*probes, strict=True)
    people = OpenSet(
        "small", coarse(gallery), coarse(list(rows)), np.array(mates), coarse(strangers), np.arange(len(strangers)), ()
    )
    sizes = [size for size in (2, 3) if size < len(gallery)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identification, "FEW_PEOPLE", 1)
        found = identification.evaluation(people, identification.search(people, sizes))
    for place, size in enumerate([len(gallery), *reversed(sizes)]):
        told = figure(found, "FNIR at FPIR 10 %", place)
        late, tried = missed(people, size, 0.1)
        if not tried:
            assert told.note.startswith("searched for: 0 people, expected 1 or more")
            continue
        assert (told.count, told.of) == (late, tried)
        assert told.low is not None
        assert told.high is not None
        assert told.low <= late / tried <= told.high


@given(st.integers(0, 99))
def test_blocks_change_nothing(seed: int) -> None:
    """Scores are computed some rows at a time: one row at a time gives the same."""
    people = identification.split(world([3] * 30, seed), 15, 1)
    whole = identification.search(people, [4, 9])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identification, "BLOCK", 1)
        rows = identification.search(people, [4, 9])
    assert np.allclose(whole.own, rows.own, atol=1e-6)
    assert np.allclose(whole.highest, rows.highest, atol=1e-6)
    assert (whole.better == rows.better).mean() > 0.99  # a tie may fall otherwise


def test_ranks_rise_with_what_is_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """All subjects are within the last rank; a gallery of 20 and fewer has no rank 20 to miss."""
    monkeypatch.setattr(identification, "FEW_PEOPLE", 20)
    found = identification.evaluation(*searched(identification.split(world([4] * 80, noise=0.9), 60, 1), [20]))
    (ranks,) = found.charts[-1].series
    assert ranks.x == tuple(range(1, 51))
    assert list(ranks.y) == sorted(ranks.y)
    assert all(low <= share <= high for low, share, high in zip(ranks.low, ranks.y, ranks.high, strict=True))
    assert ranks.y[0] < 1
    last = found.tables[-1]
    assert [each.value is None for each in last.figures[:2]] == [False, True]
    assert last.figures[1].note == "every subject is among the first 20 of so few"


def test_of_few_people_nothing_is_told() -> None:
    """A figure of one person would say of a name who looks like it: no rank, no FNIR, no chart, 29 people are few."""
    gallery, strangers = world([1] * 60), world([1] * 40, seed=2, name="strangers", first=60)
    for few in (1, 29):
        found = identification.evaluation(
            *searched(identification.joined(gallery, world([2] * few, seed=3), strangers, 1), [])
        )
        assert all(
            each.value is each.threshold is each.count is None for table in found.tables for each in table.figures
        )
        assert found.tables[0].figures[0].note.startswith(f"searched for: {verification.persons(few)}, expected 30 or")
        assert found.charts == ()
    found = identification.evaluation(*searched(identification.joined(gallery, world([2] * 30), strangers, 1), []))
    assert figure(found, "FNIR at FPIR 10 %").value is not None
    assert figure(found, "own subject within rank 1, gallery of 60", -1).value is not None


def test_of_few_strangers_no_threshold_is_told() -> None:
    """Forty photographs of two strangers: a threshold would be a score of one of them. Ranks need none."""
    strangers = world([20] * 2, seed=2, name="strangers", first=60)
    people = identification.joined(world([1] * 60), world([2] * 60), strangers, 1)
    found = identification.evaluation(*searched(people, []))
    assert found.tables[0].figures[0].note.startswith("strangers: 2 people, expected 30 or more")
    assert all(each.value is each.threshold is None for each in found.tables[0].figures)
    assert [chart.title for chart in found.charts] == ["Cumulative match characteristic"]


def test_doubtful_labels_are_noted() -> None:
    """One person under two names spoils what is measured: sets that were joined say how many there may be."""
    data = world([3] * 40)
    data.templates[3:6] = data.templates[:3]
    assert data.doubts()
    strange = world([9], seed=2, name="strangers", first=90)
    notes = identification.joined(data, world([1] * 40, name="probes"), strange, 1).notes
    assert notes == tuple(f"world: {note}" for note in data.doubts())


def searched(people: OpenSet, sizes: list[int]) -> tuple[OpenSet, identification.Searched]:
    """The searches beside who they are of."""
    return people, identification.search(people, sizes)


def test_the_split_is_the_protocols() -> None:
    """Enrolled by the first photograph, the next five at most are probes; strangers: everybody else's first."""
    data = world([1, 1, 2, 3, 9, 4, 1, 2])
    people = identification.split(data, 4, 5)
    assert len(people.gallery) == 4
    assert len(people.strangers) == 4
    assert np.bincount(people.probe_people).max() <= 5
    firsts = data.templates[data.firsts]
    for template in (*people.gallery, *people.strangers):
        assert (firsts == template).all(axis=1).any()
    assert not any((firsts == template).all(axis=1).any() for template in people.probes)
    again = identification.split(data, 4, 5)
    assert (again.gallery == people.gallery).all()
    assert len({identification.split(data, 4, seed).gallery.tobytes() for seed in range(9)}) > 1


@pytest.mark.parametrize("enrolled", [-3, 0, 1, 6])
def test_too_many_enrolled_is_refused(enrolled: int) -> None:
    """Of eight people five have two photographs and more."""
    with pytest.raises(CalibrationError, match=rf"world: {enrolled} people cannot be enrolled, expected 2 to 5 of"):
        identification.split(world([1, 1, 2, 3, 9, 4, 1, 2]), enrolled, 1)


def test_somebody_is_left_to_be_a_stranger() -> None:
    """Where all have two photographs, not all can be enrolled."""
    with pytest.raises(CalibrationError, match="3 people cannot be enrolled, expected 2 of those with two photographs"):
        identification.split(world([2, 2, 2]), 3, 1)
    for photographs, who in (([1], "1 person, 0 of them"), ([2, 2], "2 people, 2 of them"), ([1, 1], "2 people, 0 of")):
        with pytest.raises(CalibrationError, match=f"world: {who}.*expected two or more to enrol and one more"):
            identification.split(world(photographs), -3, 1)


def test_sets_of_their_own_go_together_by_name() -> None:
    """Who stands in the wrong set is left out and named; several photographs of a subject are fused."""
    gallery, probes = world([2] * 8, name="gallery"), world([1] * 10, name="probes")
    strangers = world([1] * 6, seed=2, name="strangers", first=6)
    people = identification.joined(gallery, probes, strangers, 1)
    assert people.gallery.shape == (8, 12)
    assert (np.linalg.norm(people.gallery, axis=1) < 1).all()
    assert sorted(people.probe_people) == list(range(8))
    assert len(people.strangers) == 4
    assert people.notes == (
        "left out, probes of people who are not in the gallery: 2 names ('P008', 'P009')",
        "left out, strangers who are in the gallery: 2 names ('P006', 'P007')",
    )
    own = identification.search(people).own
    assert (own > 0.5).all()


def test_probes_of_others_are_refused() -> None:
    """Not one name of the probes is in the gallery."""
    with pytest.raises(CalibrationError, match="nobody of probes is in the gallery gallery"):
        identification.joined(world([1] * 3, name="gallery"), world([1] * 3, name="probes", first=9), None, 1)


def test_without_strangers_there_are_ranks_alone() -> None:
    """No FPIR can be told, and no chart of it."""
    people = identification.joined(world([1] * 30), world([2] * 30), None, 1)
    found = identification.evaluation(*searched(people, []))
    assert all(each.value is None for each in found.tables[0].figures)
    assert found.tables[0].figures[0].note == "searches of strangers: 0 cannot show 0.1: 3 / rate are needed, 30"
    assert [chart.title for chart in found.charts] == ["Cumulative match characteristic"]
    assert json.loads(found.to_json())["charts"]


def test_copies_are_noted() -> None:
    """A probe that is the photograph in the gallery shows nothing."""
    gallery = world([1] * 5)
    found = identification.evaluation(*searched(identification.joined(gallery, gallery, None, 1), []))
    assert found.notes == ("by their scores copies of the photograph in the gallery: 5 probes",)


@pytest.mark.parametrize("sizes", [[1], [6], [3, 9]])
def test_a_gallery_of_another_size_is_refused(sizes: list[int]) -> None:
    """Smaller ones are parts of the whole one."""
    people = identification.joined(world([1] * 5), world([2] * 5), None, 1)
    with pytest.raises(CalibrationError, match="expected 2 to 5, as many as are enrolled"):
        identification.search(people, sizes)


def test_no_number_is_refused() -> None:
    """A template of a stranger that is no number."""
    people = identification.split(world([2] * 6), 3, 1)
    people.strangers[1, 2] = np.inf
    with pytest.raises(CalibrationError, match="hold values that are no numbers"):
        identification.search(people)


def test_what_was_lost_is_named() -> None:
    """Of every set."""
    gallery, probes = world([1] * 3), world([1] * 3)
    object.__setattr__(probes, "lost", (Refusal("x.jpg", "no face"),))
    assert identification.joined(gallery, probes, None, 1).lost == (Refusal("x.jpg", "no face"),)


def test_bounds_hold_the_truth() -> None:
    """In a world of thousands the FNIR at FPIR 10 % of a gallery is known; 20 draws of others tell bounds around it."""
    chance = np.random.default_rng(0)
    gallery = chance.normal(size=(40, 12))

    def drawn(people: int, strangers: int) -> OpenSet:
        who = np.concatenate([np.arange(40), chance.integers(0, 40, people)]) if people > 40 else np.arange(40)
        faces = gallery[who] + 0.8 * chance.normal(size=(len(who), 12))
        others = chance.normal(size=(strangers, 12))
        made = [unit(each.astype(np.float32)) for each in (gallery, faces, others)]
        return OpenSet("w", made[0], made[1], who, made[2], np.arange(strangers), ())

    many = identification.search(drawn(20_000, 10_000), [40])
    truth = ((many.own < np.quantile(many.highest[0], 0.9)) | (many.better[0] > 0)).mean()
    held = 0
    for _ in range(20):
        told = figure(identification.evaluation(*searched(drawn(40, 300), [40])), "FNIR at FPIR 10 %")
        assert told.low is not None
        assert told.high is not None
        held += told.low <= truth <= told.high
    assert held >= 18
