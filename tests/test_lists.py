"""Facts about the field's lists: what they say is read, and what is broken is told by file and line."""

from pathlib import Path

import pytest

from houselights import lists
from houselights.errors import SettingsError


def write(folder: Path, text: str) -> Path:
    """A file of pairs."""
    (folder / "pairs.txt").write_text(text, "utf-8")
    return folder / "pairs.txt"


def test_pairs_are_read(tmp_path: Path) -> None:
    """In the file's order, with folds or without, names in any script."""
    found = lists.read_pairs(write(tmp_path, "1\nZoë_K\t1\t2\nZoë_K\t1\tBob\t3\n"))
    assert [(pair.one, pair.other, pair.same) for pair in found] == [
        (("Zoë_K", 1), ("Zoë_K", 2), True),
        (("Zoë_K", 1), ("Bob", 3), False),
    ]
    assert len(lists.read_pairs(write(tmp_path, "2\t1\n" + "A\t1\t2\nA\t1\tB\t1\n" * 2))) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "pairs.txt:1: found nothing"),
        ("many\nA\t1\t2\n", "pairs.txt:1: found 'many'"),
        ("1\nA\t1\t2\n", "pairs.txt:1: tells of 2 pairs, the file has 1"),
        ("1\nA\t1\t2\nA 1 B 2\n", "pairs.txt:3: found 'A 1 B 2'"),
        ("1\nA\t1\tx\nA\t1\tB\t1\n", "pairs.txt:2: found 'A\t1\tx'"),
        ("1\n\t1\t2\nA\t1\tB\t1\n", "pairs.txt:2: found"),
        ("1\nA\t1\t2\nA\t1\tA\t2\n", "pairs.txt:3: 'A' stands on both sides"),
    ],
)
def test_a_broken_file_of_pairs_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The error names the file and the line."""
    with pytest.raises(SettingsError) as caught:
        lists.read_pairs(write(tmp_path, text))
    assert message in caught.value.message


def test_a_file_of_pairs_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The error names it."""
    with pytest.raises(SettingsError, match=r"gone\.txt' cannot be read"):
        lists.read_pairs(tmp_path / "gone.txt")
