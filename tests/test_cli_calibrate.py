"""Facts about `houselights calibrate`: from a folder to a file that a search takes, with what was left out told."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from houselights import config, models, odds
from houselights.cli import app
from houselights.errors import CalibrationError, SettingsError

pytestmark = pytest.mark.usefixtures("detector_path")


def run(*arguments: object) -> str:
    """What the command prints; its errors are raised."""
    done = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.fixture
def portraits(tmp_path: Path) -> Path:
    """Photographs of 102 people who were made by a computer, one of them twice."""
    data = config.data_dir()
    if data is None or not (data / "strangers").is_dir():
        pytest.skip("strangers: HOUSELIGHTS_DATA names no folder with portraits")
    folder = tmp_path / "people"
    folder.mkdir()
    for file in sorted((data / "strangers").iterdir())[:102]:
        shutil.copyfile(file, folder / file.name)
    shutil.copyfile(folder / "stranger_0001.jpg", folder / "again.jpg")
    return folder


def test_a_folder_becomes_a_calibration_that_is_read_again(portraits: Path, tmp_path: Path) -> None:
    """One photograph is left out by name, one is a copy; all is told, and the file is bound to its model."""
    listed = tmp_path / "wrong.txt"
    listed.write_text("stranger_0002 looks like another\n")
    out = run(
        "calibrate", "--images", portraits, "-o", tmp_path / "mine.json", "--data", "portraits", "--leave-out", listed
    )
    assert "1 duplicate, 1 left out by name" in out
    found = odds.read(tmp_path / "mine.json", models.named("sface"))
    assert found.data == "portraits"
    assert found.left_out == 1
    assert found.people <= 101
    assert found.curves[0].comparisons == found.people * (found.people - 1) // 2
    assert json.loads((tmp_path / "mine.json").read_text())["schema"] == odds.SCHEMA
    assert found.curves[0].kind == odds.PHOTOGRAPH


def test_too_few_people_are_refused(cast_folder: Path, tmp_path: Path) -> None:
    """Three people show nothing; the error says how many are needed, and no file is written."""
    for name in ("P001", "P002", "P005"):
        (tmp_path / "people" / name).mkdir(parents=True)
        portrait = next(cast_folder.glob(f"**/{name}/assets/studio_portrait.jpg"))
        shutil.copyfile(portrait, tmp_path / "people" / name / "portrait.jpg")
    with pytest.raises(CalibrationError, match="has 3 people, too few to calibrate on: expected 100 or more"):
        run("calibrate", "--images", tmp_path / "people", "-o", tmp_path / "mine.json")
    assert not (tmp_path / "mine.json").exists()


def test_a_list_that_says_no_reason_is_refused_before_the_work(tmp_path: Path) -> None:
    """File, line and what was expected."""
    (tmp_path / "wrong.txt").write_text("somebody\n")
    with pytest.raises(SettingsError, match=r"wrong\.txt:1: found 'somebody', expected a file name, a space"):
        run("calibrate", "--images", tmp_path, "-o", tmp_path / "m.json", "--leave-out", tmp_path / "wrong.txt")
