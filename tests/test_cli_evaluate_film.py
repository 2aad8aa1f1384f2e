"""Facts about the commands that measure what is done with pictures: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from houselights import cli_evaluate_film
from houselights.errors import Error
from houselights.event import read_truth


def run(*arguments: object) -> str:
    """What a command prints. Raises what it raises."""
    result = CliRunner().invoke(cli_evaluate_film.evaluate_app, [str(each) for each in arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def refused(*arguments: object) -> Error:
    """The error that a command ends with."""
    with pytest.raises(Error) as caught:
        run(*arguments)
    assert caught.value.hint
    return caught.value


@pytest.fixture
def tracks(scene: Path, tmp_path: Path) -> Path:
    """Perfect tracks of the scene, in the form of the MOT Challenge."""
    event = read_truth(scene / "truth.json")
    ids = sorted({(face.person, face.walk) for frame in event.frames for face in frame.faces})
    lines = [
        f"{number},{ids.index((face.person, face.walk))},{','.join(map(str, face.box))},1,-1,-1,-1"
        for number, frame in enumerate(event.frames, start=1)
        for face in frame.faces
    ]
    (tmp_path / "tracks.txt").write_text("\n".join(lines), "utf-8")
    return tmp_path / "tracks.txt"


def test_tracks_are_measured(scene: Path, tracks: Path, tmp_path: Path) -> None:
    """R40: a list of tracks beside a truth, on the terminal and as JSON with the same figures."""
    printed = run("tracking", "--truth", scene / "truth.json", "--tracks", tracks, "--json", tmp_path / "out.json")
    assert "HOTA" in printed
    assert "100.00 %" in printed
    document = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert document["what"] == "tracking"
    rates = {figure["name"]: figure["value"] for figure in document["tables"][0]["figures"]}
    assert (rates["MOTA"], rates["IDF1"], rates["HOTA"], rates["misses"]) == (1.0, 1.0, 1.0, 0.0)


def test_our_own_tracks_of_an_event_are_measured(scene: Path, detector_path: Path, tracks: Path) -> None:
    """R40: the model is named with its digest, and a list can be pooled with an event."""
    assert detector_path.exists()
    pair = ("--truth", scene / "truth.json", "--tracks", tracks)
    document = json.loads(run("tracking", "--event", scene, "--sample", "2", *pair, "--json", "-"))
    facts = dict(document["facts"])
    assert facts["sequences"] == "2"
    assert facts["intervals"] == "over sequences, 400 draws"
    assert "yunet" in facts["detector"]


def test_a_film_is_looked_at_by_the_detector(scene: Path, detector_path: Path) -> None:
    """R40: recall by height of a film with truth."""
    assert detector_path.exists()
    film = ("--truth", scene / "truth.json", "--footage", scene / "event.mp4")
    printed = run("detection", *film, "--detector-width", 640)
    assert "Faces found, by height" in printed
    assert "640 pixels wide" in printed


def test_a_release_is_measured(scene: Path, released: Path) -> None:
    """R41: nobody of the scene can be seen in its release."""
    printed = run("release", "--truth", scene / "truth.json", "--released", released)
    assert "walks with a clear frame" in printed
    assert "solid 00c000" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("detection",), "nothing to measure, or two things"),
        (("detection", "--images", "a"), "--images is given alone"),
        (("detection", "--footage", "a"), "--footage is given alone"),
        (("detection", "--images", "a", "--boxes", "b", "--truth", "c", "--footage", "d"), "or two things"),
        (("detection", "--images", "a", "--boxes", "b", "--release", "--crowd"), "chooses the sizes"),
        (("detection", "--images", "a", "--boxes", "b", "--score", "0.1"), "score 0.1, expected 0.4 to 1"),
        (("tracking",), "no sequence to measure"),
        (("tracking", "--truth", "a"), "--truth is given 1 times, --tracks 0 times"),
        (("tracking", "--truth", "a", "--tracks", "b", "--overlap", "2"), "overlap 2.0 is not a share"),
        (("tracking", "--event", "gone"), "truth 'gone/truth.json' cannot be read"),
        (("tracking", "--truth", "gone.txt", "--tracks", "gone.txt"), "list 'gone.txt' cannot be read"),
        (("release", "--truth", "a", "--truth", "b", "--released", "c"), "--truth is given 2 times, --released 1"),
        (("release", "--truth", "gone.json", "--released", "c"), "truth 'gone.json' cannot be read"),
        (("tracking", "--truth", "a", "--tracks", "b", "--json", "no/such/folder.json"), "cannot be written"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments: tuple[str, ...], message: str) -> None:
    """The error names the option or the file, and says what to do next."""
    assert message in refused(*arguments).message
