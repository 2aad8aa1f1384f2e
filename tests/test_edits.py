"""Facts about edits: what a person writes is applied as it stands or refused in words, and proposals cover findings."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import edits
from houselights.edits import ASIDE_S, JOINED_S, SCHEMA, Change, covers, proposed, to_json
from houselights.errors import ReleaseError
from houselights.manifest import Box, Edit, Finding, Place

SHA = "ab" * 32
BOX = [100, 50, 40.5, 60]


def cover(*places: tuple[float, Box]) -> Change:
    """A cover of some places."""
    return Change("cover", "seen in the mirror", places=tuple(Place(*each) for each in places))


def edit(action: str = "hide", **other: Any) -> dict[str, Any]:  # noqa: ANN401
    """One edit as a person writes it; None leaves a key out."""
    return {key: value for key, value in ({"action": action, "reason": "asked"} | other).items() if value is not None}


def place(time_s: float, *box: float) -> dict[str, Any]:
    """A place as a person writes it."""
    return {"time_s": time_s, "box": list(box) or BOX}


def file(path: Path, *rows: object, source: object = SHA, **more: object) -> Path:
    """A file of edits."""
    path.write_text(json.dumps({"schema": SCHEMA, "source": source, "edits": rows} | more), "utf-8")
    return path


def test_edits_are_read_as_a_person_writes_them(tmp_path: Path) -> None:
    """Whole numbers, optional times, several edits in their order; none at all is no edit."""
    path = file(
        tmp_path / "e.json",
        edit("hide", track=7),
        edit("show", track=2, from_s=0, to_s=4.5),
        edit("cover", places=[place(1), place(2, 0, 0, 10, 10)]),
    )
    hide, show, covered = edits.read(path, SHA)
    assert hide == Change("hide", "asked", track=7)
    assert show == Change("show", "asked", track=2, from_s=0.0, to_s=4.5)
    assert covered.places == (Place(1.0, (100.0, 50.0, 40.5, 60.0)), Place(2.0, (0.0, 0.0, 10.0, 10.0)))
    assert edits.read(file(tmp_path / "e.json"), SHA) == ()


def test_edits_of_other_footage_are_refused(tmp_path: Path) -> None:
    """Tracks and times of one file mean nothing in another; both digests are named."""
    for source, said in (("cd" * 32, "cd" * 8), (None, "None"), (7, "7")):
        with pytest.raises(ReleaseError, match="other footage") as refused:
            edits.read(file(tmp_path / "e.json", edit(track=7), source=source), SHA)
        assert all(word in refused.value.message for word in (said, SHA[:16], "e.json"))


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (edit(track=7, reason=""), "no reason"),
        (edit(track=7, reason=" \n"), "no reason"),
        (edit(track=7, reason=None), "reason"),
        (edit("hide"), "no track"),
        (edit("show", track=0), "no track"),
        (edit("show", track="7"), "'7' is no number"),
        (edit("hide", track=7, from_s=3, to_s=2), "ends before it begins"),
        (edit("cover"), "no places"),
        (edit("cover", track=7), "no places"),
        (edit("cover", places=[]), "no places"),
        (edit("cover", places=[place(2), place(1)]), "order of time"),
        (edit("cover", places=[place(1), place(1)]), "order of time"),
        (edit("cover", places=[place(1), place(2, 10, 10, 0, 20)]), "no size"),
        (edit("cover", places=[place(1, 10, 10, 20, -1)]), "no size"),
        (edit("cover", places=[place(1, 10, 10, 20)]), "shorter"),
        (edit("cover", places=[place(1, float("nan"), 10, 20, 20)]), "nan"),
        (edit("cover", places=[place(float("inf"))]), "inf"),
        (edit("cover", places=[BOX]), "no object"),
        (edit("cover", places=place(1)), "no list"),
        (edit("blur", track=7), "none of hide, show, cover"),
        (edit(None), "action"),
        (edit("hide", track=7, form_s=3), "other keys"),
        ("hide 7", "no object"),
    ],
)
def test_an_edit_that_lacks_something_is_refused_by_name(tmp_path: Path, row: object, word: str) -> None:
    """No reason, no track, no places, places out of order or without size, an action or a key that is not known."""
    with pytest.raises(ReleaseError, match=r"e\.json") as refused:
        edits.read(file(tmp_path / "e.json", edit(track=1), row), SHA)
    assert word in refused.value.message
    assert refused.value.hint


def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    """Another schema, edits that are no list, no JSON, no file."""
    path = tmp_path / "e.json"
    for more in ({"schema": "houselights/release/1"}, {"edits": None}, {"edits": {"action": "hide"}}):
        with pytest.raises(ReleaseError, match=r"e\.json"):
            edits.read(file(path, **more), SHA)  # type: ignore[arg-type]
    path.write_text("hide track 7")
    for each in (path, tmp_path / "none.json"):
        with pytest.raises(ReleaseError, match=each.name):
            edits.read(each, SHA)


def test_a_change_of_a_track_holds_between_its_times() -> None:
    """Both ends included; without times for the whole track."""
    part = Change("hide", "asked", track=7, from_s=2.0, to_s=3.0)
    assert [part.meets(seconds) for seconds in (1.99, 2.0, 2.5, 3.0, 3.01)] == [False, True, True, True, False]
    assert Change("hide", "asked", track=7).meets(0.0)
    assert Change("hide", "asked", track=7, from_s=2.0).meets(1e6)
    assert not Change("hide", "asked", track=7, to_s=0.0).meets(0.1)


def test_the_manifest_says_what_was_changed_and_why() -> None:
    """The track or the place, the times, the reason."""
    assert Change("show", "asked", track=7).record() == Edit("show", "track 7", "asked")
    timed = Change("hide", "asked", track=7, from_s=0.0, to_s=2.5)
    assert timed.record().what == "track 7 from 0 s to 2.5 s"
    assert cover((1.0, (0, 0, 9, 9)), (3.5, (0, 0, 9, 9))).record().what == "a place from 1 s to 3.5 s"


def test_a_cover_moves_evenly_from_its_first_place_to_its_last() -> None:
    """Half-way it is half-way; before and after there is none; tracks that are hidden or shown cover no place."""
    changes = [
        cover((1.0, (0, 0, 10, 10)), (2.0, (100, 50, 30, 10)), (4.0, (100, 50, 30, 30))),
        cover((2.0, (7, 7, 7, 7))),
        Change("hide", "asked", track=7),
    ]
    assert covers(changes, 0.9) == []
    assert covers(changes, 1.0) == [(0, 0, 10, 10)]
    assert covers(changes, 1.5) == [(50, 25, 20, 10)]
    assert covers(changes, 2.0) == [(100, 50, 30, 10), (7, 7, 7, 7)]
    assert covers(changes, 3.0) == [(100, 50, 30, 20)]
    assert covers(changes, 4.0) == [(100, 50, 30, 30)]
    assert covers(changes, 4.1) == []


places = st.tuples(st.floats(-50, 2000), st.floats(-50, 1100), st.floats(4, 300), st.floats(4, 300))
findings = st.builds(
    Finding,
    st.integers(0, 200).map(lambda twentieths: twentieths / 20) | st.floats(0, 20).map(lambda time: round(time, 6)),
    places.map(lambda box: tuple(round(side, 1) for side in box)),
    st.floats(0.7, 1),
)


def holds(outer: Box, inner: Box, margin: float) -> bool:
    """Whether a box reaches beyond another by a margin on every side."""
    return (
        outer[0] <= inner[0] - margin
        and outer[1] <= inner[1] - margin
        and outer[0] + outer[2] >= inner[0] + inner[2] + margin
        and outer[1] + outer[3] >= inner[1] + inner[3] + margin
    )


@given(st.lists(findings, max_size=12))
def test_every_finding_is_covered_at_its_own_time_with_a_margin(found: list[Finding]) -> None:
    """By a quarter of its size on each side at least, and for a while before and after."""
    changes = proposed(found)
    assert len(changes) <= len(found)
    for each in found:
        margin = 0.25 * min(each.box[2:])
        assert any(holds(box, each.box, margin) for box in covers(changes, each.time_s))
    for change in changes:
        times = [one.time_s for one in change.places]
        assert all(earlier < later for earlier, later in pairwise(times))
        assert any(abs(times[-1] - each.time_s - ASIDE_S) < 1e-5 for each in found)
        assert any(abs(times[0] - max(0, each.time_s - ASIDE_S)) < 1e-5 for each in found)


@given(st.lists(findings, max_size=12))
def test_what_is_proposed_can_be_read_again(tmp_path_factory: pytest.TempPathFactory, found: list[Finding]) -> None:
    """The file that the program writes for a blocked release passes its own reader, and says the same."""
    path = tmp_path_factory.mktemp("edits") / "e.json"
    path.write_text(to_json(SHA, proposed(found)), "utf-8")
    assert edits.read(path, SHA) == proposed(found)


@given(
    st.lists(st.floats(0.04, JOINED_S - 0.01).map(lambda step: round(step, 3)), min_size=1, max_size=10),
    places,
    st.floats(-0.3, 0.3),
)
def test_findings_that_follow_each_other_are_one_cover(steps: list[float], box: Box, drift: float) -> None:
    """One face seen in several frames, still or moving, is one edit for a person to read."""
    found, seconds = [], 3.0
    for number, step in enumerate(steps):
        left = box[0] + number * drift * box[2]
        found.append(Finding(round(seconds, 6), (left, *box[1:]), 0.8))
        seconds += step
    (change,) = proposed(found[::-1])
    assert len(change.places) == len(found) + 2


def test_findings_that_do_not_follow_each_other_are_covers_of_their_own() -> None:
    """Too late, in another place, or both in one frame."""
    here, there = (100.0, 100.0, 40.0, 40.0), (400.0, 100.0, 40.0, 40.0)
    assert len(proposed([Finding(1.0, here, 0.8), Finding(1.0 + JOINED_S + 0.1, here, 0.8)])) == 2
    assert len(proposed([Finding(1.0, here, 0.8), Finding(1.1, there, 0.8)])) == 2
    assert len(proposed([Finding(1.0, here, 0.8), Finding(1.0, here, 0.9)])) == 2
    mixed = [Finding(1.0, here, 0.8), Finding(1.0, there, 0.8), Finding(1.2, there, 0.9), Finding(1.2, here, 0.9)]
    assert [len(change.places) for change in proposed(mixed)] == [4, 4]
    assert proposed([]) == ()


def test_a_proposal_says_how_sure_the_check_was() -> None:
    """The best score of what it covers; a person must still judge."""
    (change,) = proposed([Finding(0.0, (0, 0, 9, 9), 0.71), Finding(0.1, (0, 0, 9, 9), 0.936)])
    assert change.reason == "found by the check, score 0.94"
    assert change.places[0].time_s == 0.0


def test_changes_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Every kind, times of 0 as well; letters stay letters, and what is not set is left out."""
    changes = (
        Change("hide", "Åsa asked", track=7),
        Change("show", "asked", track=2, from_s=0.0, to_s=0.0),
        cover((0.0, (0.0, 0.0, 9.0, 9.0)), (1.5, (-3.5, 0.0, 9.0, 9.0))),
    )
    text = to_json(SHA, changes)
    path = tmp_path / "e.json"
    path.write_text(text, "utf-8")
    assert edits.read(path, SHA) == changes
    assert "Åsa" in text
    assert json.loads(text)["edits"][0] == {"action": "hide", "reason": "Åsa asked", "track": 7}
