"""`houselights evaluate`: photographs of people who were never born, from the folder to terminal, JSON and page."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image
from typer.testing import CliRunner

from houselights import cli_evaluate, dataset, models
from houselights.cli_evaluate import check_outputs, evaluate_app, rates_of, show
from houselights.cli_log import ready
from houselights.entry import Entry
from houselights.errors import CalibrationError, Error, SettingsError
from houselights.evaluation import Evaluation, Figure, Table
from houselights.odds import PHOTOGRAPH, Calibration
from houselights.result import Refusal
from houselights.tail import Curve
from houselights.templates import ALIGNMENT, PRECISION, recipe

SHOWN = ("studio_portrait", "amateur_selfie", "studio_posture")


@pytest.fixture(scope="module")
def people(
    cast_folder: Path, detector_path: Path, recogniser_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder a person: nine of the cast with three photographs each, and a file that is none."""
    assert detector_path.exists()
    assert recogniser_path.exists()
    folder = tmp_path_factory.mktemp("people")
    for person in sorted(cast_folder.iterdir())[:9]:
        (folder / person.name).mkdir()
        for number, name in enumerate(SHOWN, 1):
            picture = Image.open(person / "assets" / f"{name}.jpg")
            picture.thumbnail((800, 800))
            picture.save(folder / person.name / f"{person.name}_{number:04}.jpg", quality=92)
    (folder / "P001" / "notes.txt").write_text("not a photograph", "utf-8")
    return folder


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine people take a second to read, thirty take too long."""
    monkeypatch.setattr(cli_evaluate, "FEWEST", 4)


def run(*words: object) -> tuple[str, str]:
    """What a command writes to stdout and stderr."""
    done = CliRunner().invoke(evaluate_app, list(map(str, words)), catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout, done.stderr


def refused(*words: object) -> Error:
    """Why a command stops."""
    with pytest.raises(Error) as raised:
        CliRunner().invoke(evaluate_app, list(map(str, words)), catch_exceptions=False)
    return raised.value


def test_verification_is_shown_written_and_reported(people: Path, tmp_path: Path) -> None:
    """The same figures in the terminal, in JSON and on the page; pairs, groups, and what was not used."""
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("2\nP001\t1\t2\nP002\t1\t2\nP001\t1\tP002\t1\n../P003\t1\tP004\t1\n", "utf-8")
    labels = tmp_path / "groups.csv"
    labels.write_text("".join(f"P00{n},{'a' if n < 5 else 'b'}\n" for n in range(1, 9)), "utf-8")
    files = tmp_path / "found.json", tmp_path / "found.html"
    out, err = run(
        "verification", "--images", people, "--pairs", pairs, "--groups", labels, "--rates", "0.1,1e-2,1e-6",
        "--middle", "--json", files[0], "--report", files[1],
    )  # fmt: skip
    found = json.loads(files[0].read_text("utf-8"))
    told = {figure["name"]: figure for table in found["tables"] for figure in table["figures"]}
    assert told["TAR at FMR 0.1"]["value"] > 0.8
    assert told["TAR at FMR 1e-06"]["value"] is None
    assert told["pairs judged rightly"]["of"] == 3
    assert "a: FMR" in told
    assert [Path(each["file"]).name for each in found["lost"]] == ["notes.txt"]
    assert told["failure to acquire"]["of"] == 27
    for words in ("27 photographs of 9 people", "TAR at FMR 0.1", "not said", "notes.txt"):
        assert words in out
        assert words in files[1].read_text("utf-8")
    assert "without a label: 1 name ('P009')" in out
    assert "../P003 1, P004 1" in out
    assert "report: file://" in err
    assert files[0].stat().st_mode & 0o077 == 0


def test_json_alone_goes_to_stdout(people: Path, tmp_path: Path) -> None:
    """Open set, parted by chance with a seed; with three at most of each, and strangers too few for an FPIR."""
    out, _ = run("identification", "--images", people, "--enrolled", "4", "--seed", "7", "--middle", "--json", "-")
    found = json.loads(out)
    assert found["what"] == "identification"
    assert ["enrolled", "4"] in found["facts"]
    assert all(figure["value"] is None for table in found["tables"] for figure in table["figures"])
    gallery, probes = tmp_path / "gallery", tmp_path / "probes"
    for place, numbers in ((gallery, "1"), (probes, "23")):
        for person in sorted(people.iterdir())[:4]:
            (place / person.name).mkdir(parents=True)
            for number in numbers:
                (place / person.name / f"{number}.jpg").symlink_to(person / f"{person.name}_000{number}.jpg")
    out, _ = run("identification", "--gallery", gallery, "--probes", probes, "--sizes", "2", "--middle")
    assert "gallery, probes" in out
    assert "Gallery of 2" in out


def test_odds_are_held_against_people(people: Path, tmp_path: Path) -> None:
    """The rates of a calibration of the user's; what 324 comparisons cannot show is not said."""
    model, rates = models.default("recogniser"), (0.5, 0.05, 1e-4)
    curve = Curve(PHOTOGRAPH, 500, 10**6, (0.1, 0.3, 0.5), rates, rates, tuple(2 * rate for rate in rates), 1e-4)
    known = Calibration(
        model.name, recipe(model), model.sha256, PRECISION, ALIGNMENT, "others", 500, 500, 0, (0.9, 1.0), (curve,)
    )
    made = tmp_path / "own.json"
    made.write_text(known.to_json(), "utf-8")
    out, _ = run(
        "odds", "--images", people, "--calibration", made, "--rates", "0.05,1e-4", "--middle", "--json", "-"
    )  # fmt: skip
    found = json.loads(out)
    one, other = found["tables"][0]["figures"]
    assert (one["of"], one["threshold"]) == (324, pytest.approx(0.3, abs=1e-5))
    assert "stated bound" in one["note"]
    assert other["value"] is None
    assert any("A calibration does not name its people" in note for note in found["notes"])
    assert ["calibration", known.describe()] in found["facts"]


def measured() -> list[Entry]:
    """The entries that say that people were compared."""
    return [each for each in map(Entry.parse, ready().entries()) if each.kind == "people-measured"]


def test_few_people_show_nothing(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer than 30 in any folder are refused, by name and number, and an entry says that they were read."""
    monkeypatch.setattr(cli_evaluate, "FEWEST", 30)
    before = len(measured())
    fault = refused("verification", "--images", people, "--middle")
    assert isinstance(fault, CalibrationError)
    assert fault.message == f"'{people}' has 9 people with a usable photograph, expected 30 or more"
    assert fault.hint == "so few show no rate: name a folder with more people"
    assert len(measured()) == before + 1
    monkeypatch.setattr(dataset, "read", None)
    with pytest.raises(TypeError):
        run("verification", "--images", people, "--middle")
    assert len(measured()) == before + 2, "the entry stands before anything is read"


def test_wrong_labels_are_left_out_openly(people: Path, tmp_path: Path) -> None:
    """With the reason, and named among what was not used."""
    listed = tmp_path / "wrong.txt"
    listed.write_text("# wrong\nP001_0002 somebody else\n", "utf-8")
    out, _ = run("verification", "--images", people, "--leave-out", listed, "--middle", "--json", "-")
    found = json.loads(out)
    assert "26 photographs of 9 people" in found["data"]
    assert "somebody else" in [each["reason"] for each in found["lost"]]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("verification", "--images", "{none}"), "none' are not a folder"),
        (("odds", "--images", "{bad}"), "photographs '{bad}' are not a folder"),
        (
            ("identification", "--gallery", "{people}", "--probes", "{people}", "--strangers", "{none}"),
            "none' are not a folder",
        ),
        (("verification", "--images", "{empty}"), "has no photograph that can be used"),
        (("verification", "--images", "{people}", "--rates", "0.1,often"), "rate 'often' is no number between 0 and 1"),
        (("verification", "--images", "{people}", "--rates", "nan"), "rate 'nan' is no number between 0 and 1"),
        (("verification", "--images", "{people}", "--pairs", "{none}"), "cannot be read"),
        (
            ("verification", "--images", "{people}", "--groups", "{bad}"),
            "bad.csv:1: found 'Ana', expected person,label",
        ),
        (("verification", "--images", "{people}", "--recogniser", "none"), "model 'none' is not known"),
        (("identification", "--images", "{people}"), "--images needs --enrolled N"),
        (
            ("identification", "--images", "{people}", "--enrolled", "3", "--probes", "{people}"),
            "takes no other folder",
        ),
        (
            ("identification", "--gallery", "{people}"),
            "nothing to measure: expected --gallery and --probes, or --images",
        ),
        (("identification", "--images", "{people}", "--enrolled", "3", "--sizes", "1"), "gallery size '1' is no whole"),
        (("odds", "--images", "{people}", "--calibration", "{none}"), "cannot be read"),
        (("odds", "--images", "{people}", "--report", "{none}/x.html"), "expected a file in a folder that exists"),
    ],
)
def test_what_cannot_be_used_is_refused(
    words: tuple[str, ...], message: str, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a photograph is looked at, wherever that can be."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.csv").write_text("Ana\n", "utf-8")
    places = {name: str(tmp_path / name) for name in ("none", "empty")}
    if "no photograph" not in message:
        monkeypatch.setattr(dataset, "read", None)
    fault = refused(*(word.format(people=people, bad=tmp_path / "bad.csv", **places) for word in words))
    assert message.replace("{bad}", str(tmp_path / "bad.csv")) in fault.message


def test_without_matplotlib_the_rest_still_works(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is refused before the work begins; the terminal needs no chart."""
    whole = importlib.import_module

    def absent(name: str, package: str | None = None) -> ModuleType:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return whole(name, package)

    monkeypatch.setattr(importlib, "import_module", absent)
    out, _ = run("verification", "--images", people, "--rates", "0.1", "--middle")
    assert "TAR at FMR 0.1" in out
    monkeypatch.setattr(dataset, "read", None)
    fault = refused("verification", "--images", people, "--report", tmp_path / "x.html")
    assert fault.hint is not None
    assert "pip install 'houselights[plots]'" in fault.hint


def test_outputs_are_looked_at_first(tmp_path: Path) -> None:
    """A folder is no file, and stdout is always there."""
    check_outputs(Path("-"), tmp_path / "x.html")
    for json_file, report in ((tmp_path, None), (None, tmp_path), (tmp_path / "no" / "x.json", None)):
        with pytest.raises(SettingsError, match="cannot be written"):
            check_outputs(json_file, report)


def test_rates_are_sorted_and_told_once() -> None:
    """Falling, whatever order they come in."""
    assert rates_of("1e-4, 0.1,1e-4") == (0.1, 1e-4)


def test_names_do_not_act_in_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Markup and control characters of files and groups are shown as text; much that was lost is counted."""
    evil = "[red]x[/]\x1b[31m"
    lost = tuple(Refusal(evil, "no face") for _ in range(60))
    show(
        Evaluation("odds", evil, ((evil, evil),), (Table(evil, (Figure(evil, 0.5),), evil),), (), (evil,), lost),
        None,
        None,
    )
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count("[red]x[/]") >= 7
    assert "not used: 10 more, see --json" in out


def test_all_commands_are_there() -> None:
    """Each shows its help."""
    for name in ("verification", "identification", "odds"):
        out, _ = run(name, "--help")
        assert "--images" in out
    assert cli_evaluate.evaluate_app is evaluate_app
