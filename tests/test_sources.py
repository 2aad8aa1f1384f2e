"""Facts about sources: which files are footage, in which order, and what is passed over and why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from test_footage import read, write

from houselights import sources


def test_files_are_found_in_order_and_once(tmp_path: Path) -> None:
    """Folders are walked in the order of names; a file named twice, or by a link, comes once, where it came first."""
    for name in ("b/2.MP4", "b/1.jpg", "a.mkv", "c/d/e.webm", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "0.mp4").symlink_to(tmp_path / "a.mkv")
    found, passed = sources.find([tmp_path / "c", tmp_path, tmp_path / "b" / ".." / "b" / "1.jpg", tmp_path])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["c/d/e.webm", "a.mkv", "b/1.jpg", "b/2.MP4"]
    assert [(path.name, reason.split(";")[0]) for path, reason in passed] == [("notes.txt", "not footage by its name")]


def test_a_file_that_is_named_is_tried_whatever_its_name(tmp_path: Path) -> None:
    """Suffixes decide in folders only."""
    path = write(tmp_path / "film.mp4", "libx264", count=2).rename(tmp_path / "film")
    assert sources.find([path, tmp_path / "missing"]) == ([path, tmp_path / "missing"], [])
    assert len(read(path)[0]) == 2


def test_a_loop_of_links_and_an_empty_folder_are_reported(tmp_path: Path) -> None:
    """A link to a folder is not followed, so a loop cannot trap the walk; it is said, like an empty folder."""
    (tmp_path / "events" / "one").mkdir(parents=True)
    (tmp_path / "events" / "one" / "film.mp4").touch()
    (tmp_path / "events" / "one" / "again").symlink_to(tmp_path / "events")
    (tmp_path / "empty").mkdir()
    found, passed = sources.find([tmp_path / "events", tmp_path / "empty"])
    assert found == [tmp_path / "events" / "one" / "film.mp4"]
    assert [(path.name, reason.split(";")[0]) for path, reason in passed] == [
        ("again", "a link to a folder"),
        ("empty", "an empty folder"),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_may_not_be_looked_into_is_reported(tmp_path: Path) -> None:
    """Nothing in it is read, and that is said."""
    (tmp_path / "closed").mkdir(mode=0o000)
    assert "cannot be read: Permission denied" in sources.find([tmp_path])[1][0][1]


@pytest.mark.parametrize("name", ["Łódź 祭り مسرح 🎭.mp4", "new\nline.mp4", "-rf.mp4", "%s{}$(id).mp4", "a'b\"c.mp4"])
def test_names_of_every_kind_are_read(tmp_path: Path, name: str) -> None:
    """Any script, line ends, dashes, quotes and patterns are just names."""
    path = write(tmp_path / "film.mp4", "libx264", count=3).rename(tmp_path / name)
    found, _ = sources.find([tmp_path])
    assert found == [path]
    assert len(read(path)[0]) == 3


def test_a_name_that_is_no_text_is_read(tmp_path: Path) -> None:
    """File names are bytes; such that are no UTF-8 name files too."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.mp4"))
    write(tmp_path / "film.mp4", "libx264", count=3).rename(path)
    assert len(read(sources.find([tmp_path])[0][0])[0]) == 3


def test_a_way_through_another_folder_is_the_same_file(tmp_path: Path) -> None:
    """`..` in a path is followed by the system as always; the file is found once."""
    (tmp_path / "a").mkdir()
    path = write(tmp_path / "film.mp4", "libx264", count=3)
    around = tmp_path / "a" / ".." / "film.mp4"
    assert sources.find([around, path]) == ([around], [])
    assert len(read(around)[0]) == 3


# Photographs as footage
