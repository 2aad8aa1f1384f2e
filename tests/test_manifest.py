"""Facts about the manifest: what was written is read again, whatever is damaged is refused, and boxes move evenly."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import manifest
from houselights.errors import ReleaseError
from houselights.manifest import (
    CANNOT_HIDE,
    SCHEMA,
    Check,
    Edit,
    Finding,
    Manifest,
    Output,
    Place,
    Source,
    Timing,
    TrackUse,
    box_at,
)
from houselights.result import ModelUse

YUNET = ModelUse("detector", "yunet", "ab" * 32, "MIT", "OpenVINO 2026.4.1 on CPU", "f32")
CENTERFACE = ModelUse("second-detector", "centerface", "cd" * 32, "MIT", "ONNX Runtime 1.31 on CPU", "f32")
PLACES = (Place(1.0, (10.0, 20.0, 30.0, 40.0)), Place(1.2, (11.5, 20.0, 30.0, 40.0)))
FULL = Manifest(
    made="2026-03-01T10:00:00+00:00", tool="houselights 0.2.0", purpose="public-release", basis="consent of «Åsa»",
    authorised_by="B. Example",
    source=Source("gate.mov", "01" * 32, 1920, 1080, 10.0, 250, 2, "hevc", "yuv420p10le", interlaced=False,
                  left_out=("audio: aac", "data")),
    output=Output("gate.mp4", "23" * 32, 404, 720, 250, 2.5, 7.5, "h264", "yuv420p", PLACES,
                  {"crf": "21", "preset": "superfast"}, "kept", ("10 bits were made 8",)),
    asked={"audio": "drop"},
    recall="high", fill="silhouette", colour="707070", aspect="9:16", models=(YUNET, CENTERFACE), threshold_fmr=1e-5,
    tracks=(TrackUse(0, "hidden", "every head is hidden", 0.0, 9.96, 3, 0, ()),
            TrackUse(7, "kept", "taken for Ana", 1.0, 1.2, 5, 1, PLACES),
            TrackUse(9, "hidden", "like Bo", 2.0, 6.0, 90, 10, ())),
    frames_held=2, edits=(Edit("hide", "track 7 from 1 s", "seen in the mirror"),),
    check=Check(CENTERFACE, 250, 63, ("960x544", "480x288"), 0.7, (Finding(3.25, (120.0, 40.5, 36.4, 44.0), 0.81),),
                "a poster", 1, None),
    timing=Timing(40.0, 20.0, 10.0, 8.25),
)  # fmt: skip


def written(path: Path, document: object) -> Path:
    """Any JSON as a file."""
    path.write_text(json.dumps(document), "utf-8")
    return path


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """The full manifest as a file, after a change of its JSON."""
    document = json.loads(FULL.to_json())
    change(document)
    return written(path, document)


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every field of every part, whole numbers that stand for fractions, and what is empty."""
    path = tmp_path / "gate.json"
    for each in (
        FULL,
        replace(FULL, purpose=None, basis=None, authorised_by=None, threshold_fmr=None, tracks=(), edits=()),
        replace(FULL, check=replace(FULL.check, findings=(), allowed=None, leak_bound=0.75)),
    ):
        path.write_text(each.to_json(), "utf-8")
        assert manifest.read(path) == each
    whole = changed(path, lambda document: document["timing"].update(total_s=40))
    assert isinstance(manifest.read(whole).timing.total_s, float)


def test_the_schema_comes_first_and_letters_stay_letters() -> None:
    """A person who opens the file sees at once what it is, and reads names as they are written."""
    text = FULL.to_json()
    assert next(iter(json.loads(text))) == "schema"
    assert "«Åsa»" in text
    assert json.loads(text)["cannot_hide"] == list(CANNOT_HIDE)


def test_hidden_tracks_are_counted_without_faces_of_no_track() -> None:
    """Track 0 is no track."""
    assert FULL.hidden == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d.update(schema="houselights/edits/1"), "has the schema 'houselights/edits/1'"),
        (lambda d: d.update(schema=[[[[1] * 100] * 10] * 10]), "has the schema"),
        (lambda d: d.pop("schema"), "has the schema None"),
        (lambda d: d.pop("tracks"), "tracks"),
        (lambda d: d["output"].pop("sha256"), "sha256"),
        (lambda d: d["tracks"][1]["places"][0].pop("box"), "box"),
        (lambda d: d.update(comment="mine"), "Manifest has other keys"),
        (lambda d: d["check"].update(more=1), "Check has other keys"),
        (lambda d: d.update(made=3), "no text"),
        (lambda d: d.update(frames_held="2"), "no number"),
        (lambda d: d.update(frames_held=True), "True"),
        (lambda d: d.update(frames_held=2.5), "2.5"),
        (lambda d: d["timing"].update(total_s=True), "True"),
        (lambda d: d["timing"].update(total_s="soon"), "soon"),
        (lambda d: d["timing"].update(total_s=float("nan")), "nan"),
        (lambda d: d["timing"].update(total_s=float("inf")), "inf"),
        (lambda d: d["timing"].update(total_s=10**400), "no number to count with"),
        (lambda d: d["source"].update(interlaced=0), "no bool"),
        (lambda d: d["tracks"][0].update(verdict="shown"), "none of hidden, kept"),
        (lambda d: d["tracks"][0].update(verdict=["hidden"]), "none of hidden, kept"),
        (lambda d: d.update(source=[]), "no object"),
        (lambda d: d.update(timing=None), "no object"),
        (lambda d: d.update(tracks={}), "no list"),
        (lambda d: d.update(tracks="none"), "no list"),
        (lambda d: d["output"].update(encoder=[]), "no object"),
        (lambda d: d["output"].update(encoder=[["crf", "21"]]), "no object"),
        (lambda d: d["output"].update(encoder={"crf": 21}), "no text"),
        (lambda d: d["tracks"][1]["places"][0].update(box=[1, 2, 3]), "shorter"),
        (lambda d: d["tracks"][1]["places"][0].update(box=[1, 2, 3, 4, 5]), "longer"),
        (lambda d: d["tracks"][1]["places"][0].update(box=[1, 2, 3, None]), "None"),
    ],
)
def test_a_damaged_manifest_is_refused_by_name(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], word: str
) -> None:
    """Another schema, a missing or unknown key, a wrong type, a list for an object, what is no number."""
    with pytest.raises(ReleaseError, match=r"gate\.json") as refused:
        manifest.read(changed(tmp_path / "gate.json", change))
    assert word in refused.value.message
    assert len(refused.value.message) < 600
    assert refused.value.hint


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b'{"schema": "' + SCHEMA.encode() + b'", "made": "\xc3\x28"}',
        b"[" * 100_000,
        b'{"schema":' * 100_000,
        b'{"schema": ' + b"[" * 400 + b"]" * 400 + b"}",
        b'{"schema": "' + SCHEMA.encode() + b'", "made": ' + b"[" * 400 + b"]" * 400 + b"}",
        b'{"schema": ' + b"9" * 5000 + b"}",
        b'["' + SCHEMA.encode() + b'"]',
        b"null",
    ],
    ids=lambda content: content[:24].decode("latin-1") or "empty",
)
def test_a_file_that_is_no_manifest_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    """No JSON, not UTF-8, nested without end, a number without end, no object."""
    path = tmp_path / "gate.json"
    path.write_bytes(content)
    with pytest.raises(ReleaseError, match=r"gate\.json") as refused:
        manifest.read(path)
    assert len(refused.value.message) < 600


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    """A folder in its place as well."""
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ReleaseError, match=str(path)):
            manifest.read(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.data(), json_values)
def test_whatever_stands_in_a_field_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, value: object
) -> None:
    """And never anything else: no other error, no field of another type."""
    document = json.loads(FULL.to_json())
    inside = data.draw(st.sampled_from([document, document["output"], document["tracks"][1], document["check"]]))
    inside[data.draw(st.sampled_from(sorted(inside)))] = value
    path = written(tmp_path_factory.mktemp("any") / "gate.json", document)
    try:
        found = manifest.read(path)
    except ReleaseError as fault:
        assert "gate.json" in fault.message  # noqa: PT017 - either is right
    else:
        assert json.loads(found.to_json()) == json.loads(path.read_text("utf-8"))


sides = st.floats(-5000, 5000)
boxes = st.tuples(sides, sides, sides, sides)
courses = st.dictionaries(st.integers(0, 10**9), boxes, min_size=1, max_size=8).map(
    lambda by_time: [Place(micros / 1e6, box) for micros, box in sorted(by_time.items())]
)


@given(courses, st.floats(0, 1))
def test_a_box_lies_between_its_neighbours(places: list[Place], share: float) -> None:
    """Evenly: as far along as the time is, in each of its four numbers."""
    for one, other in pairwise(places):
        seconds = one.time_s + share * (other.time_s - one.time_s)
        box = box_at(places, seconds)
        assert box is not None
        for a, b, c in zip(one.box, other.box, box, strict=True):
            assert min(a, b) - 1e-6 <= c <= max(a, b) + 1e-6
        if other.time_s - one.time_s > 1e-3:
            part = (seconds - one.time_s) / (other.time_s - one.time_s)
            even = [a + part * (b - a) for a, b in zip(one.box, other.box, strict=True)]
            assert box == pytest.approx(even, abs=1e-3)


@given(courses)
def test_a_box_is_exact_at_its_places(places: list[Place]) -> None:
    """To the last digit, at the first and the last as well."""
    for place in places:
        assert box_at(places, place.time_s) == place.box


@given(courses, st.floats(1e-5, 1e6))
def test_there_is_no_box_before_the_first_place_and_after_the_last(places: list[Place], beyond: float) -> None:
    """A head that has not come yet, or has gone, is nowhere; a microsecond of rounding does not count."""
    first, last = places[0], places[-1]
    assert box_at(places, first.time_s - beyond) is None
    assert box_at(places, last.time_s + beyond) is None
    assert box_at(places, first.time_s - 1e-6) == first.box
    assert box_at(places, last.time_s + 1e-6) == last.box
    assert box_at((), first.time_s) is None
    assert box_at(places, float("nan")) is None
