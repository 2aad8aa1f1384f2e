"""Facts about groups: labels read line by line, and errors within each group."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houselights import groups, lists, verification
from houselights.dataset import Dataset
from houselights.errors import SettingsError
from houselights.groups import Label
from houselights.templates import unit


def world(people: int, photographs: int = 2, noise: float = 0.5) -> Dataset:
    """People named P000 and so on; those with odd numbers look like each other, and less like themselves."""
    chance = np.random.default_rng(3)
    whose = np.repeat(np.arange(people), photographs)
    faces = chance.normal(size=(people, 16)) + 0.8 * (np.arange(people) % 2)[:, None]
    faces = faces[whose] + noise * (1 + whose % 2)[:, None] * chance.normal(size=(len(whose), 16))
    names = tuple(f"P{who:03}" for who in range(people))
    files = tuple(Path(names[who]) / f"{names[who]}_{row:04}.jpg" for row, who in enumerate(whose))
    quality = np.full(len(whose), 0.9, np.float32)
    return Dataset("world", names, whose, files, quality, unit(faces.astype(np.float32)), (), ())


def listed(tmp_path: Path, text: str) -> Path:
    """A list of labels."""
    path = tmp_path / "groups.csv"
    path.write_text(text, "utf-8")
    return path


def test_both_forms_are_read(tmp_path: Path) -> None:
    """With a header or without, with blanks, empty lines, a byte order mark, and a comma in a name."""
    two = 'person,label\nAna, women \n\n"Lee, Bo",men\nAna,women\n'
    assert groups.read(listed(tmp_path, "\ufeff" + two)) == (
        Label("Ana", "group", "women"), Label("Lee, Bo", "group", "men"),
    )  # fmt: skip
    three = "Ana,sex,women\nAna,age,20 to 40\n"
    assert groups.read(listed(tmp_path, three)) == (Label("Ana", "sex", "women"), Label("Ana", "age", "20 to 40"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Ana,women\nBo\n", "groups.csv:2: found 'Bo', expected person,label or person,attribute,label"),
        ("Ana,women\nBo,sex,men\n", "groups.csv:2: found 'Bo,sex,men', expected 2 cells as in the lines before"),
        ("Ana,women\n\nBo,\n", "groups.csv:3: found 'Bo,', expected person,label"),
        ('Ana,women\n"Bo,men\n', "groups.csv:2: found '\"Bo,men' (unexpected end of data), expected person,label"),
        ("Ana,a\nAna,b\n", "groups.csv:2: 'Ana' is 'b' here and 'a' in an earlier line"),
        ("person,label\n", "holds no label, expected person,label"),
        ("", "holds no label"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, text: str, fault: str) -> None:
    """File, line number, what stands there, what was expected."""
    with pytest.raises(SettingsError) as raised:
        groups.read(listed(tmp_path, text))
    assert fault in raised.value.message


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Not there, a folder, not UTF-8, more than is read."""
    (tmp_path / "bad.csv").write_bytes(b"Ana,\xff\n")
    for path, fault in ((tmp_path / "none.csv", "cannot be read"), (tmp_path, "is no file")):
        with pytest.raises(SettingsError, match=fault):
            groups.read(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        groups.read(tmp_path / "bad.csv")
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(lists.LARGEST_LIST + 1)
    with pytest.raises(SettingsError, match="134,217,728 are the most"):
        groups.read(tmp_path / "large.csv")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """Never anything but labels or a SettingsError."""
    message, rows = "x.csv:", []
    try:
        rows = list(groups._rows(Path("x.csv"), text))
    except SettingsError as fault:
        message = fault.message
    assert message.startswith("x.csv:")
    assert all(all(cells) for _, cells in rows)


def test_who_is_missing_is_counted_and_named() -> None:
    """The first five of each; a name with ../ is a name that nobody has."""
    labels = [Label(f"P{who:03}", "sex", "ab"[who % 2]) for who in range(4)]
    gathered, notes = groups.gather([*labels, Label("../P009", "sex", "a")], world(10))
    assert [(each.attribute, each.label, each.people.tolist()) for each in gathered] == [
        ("sex", "a", [0, 2]), ("sex", "b", [1, 3]),
    ]  # fmt: skip
    assert notes == (
        "in the groups' list, but not among the photographs: 1 name ('../P009')",
        "without a label: 6 names ('P004', 'P005', 'P006', 'P007', 'P008', ...)",
    )
    with pytest.raises(SettingsError, match="nobody of the 1 label is among the people of world"):
        groups.gather([Label("../P009", "sex", "a")], world(10))


def test_errors_within_a_group_are_those_of_its_pairs() -> None:
    """At the threshold of all: by one comparison after the other; the smallest group's size is told."""
    data = world(70)
    compared = verification.compare(data, [0.05])
    labels = [Label(name, "kind", "alike" if place % 2 else "other") for place, name in enumerate(data.names[:66])]
    gathered, _ = groups.gather(labels, data)
    (table,) = groups.tables(compared, gathered, [0.05, 1e-6])
    at = float(compared.thresholds(np.array([0.05]))[0])
    assert table.title == f"By kind, at the score {at:.4f} where all people have FMR 0.05"
    assert table.note == "The smallest group is 'alike': 33 people. Labels are the user's."
    told = {figure.name: figure for figure in table.figures}
    for name, odd in (("alike", 1), ("other", 0)):
        rows = [row for row, who in enumerate(data.people) if who % 2 == odd and who < 66]
        scores = data.templates @ data.templates.T
        pairs = [(one, other) for one in rows for other in rows if one < other]
        strangers = [scores[pair] for pair in pairs if data.people[pair[0]] != data.people[pair[1]]]
        own = [scores[pair] for pair in pairs if data.people[pair[0]] == data.people[pair[1]]]
        fmr, fnmr = told[f"{name}: FMR"], told[f"{name}: FNMR"]
        assert (fmr.count, fmr.of) == (sum(score >= at for score in strangers), len(strangers))
        assert (fnmr.count, fnmr.of) == (sum(score < at for score in own), len(own))
        for figure in (fmr, fnmr):
            assert figure.low is not None
            assert figure.high is not None
            assert figure.value is not None
            assert figure.low <= figure.value <= figure.high
    assert (told["alike: FMR"].value or 0) > (told["other: FMR"].value or 0)


def test_a_small_group_gets_a_note_and_no_rate_that_it_cannot_show() -> None:
    """Three people have 12 comparisons of strangers; one has none at all."""
    data = world(40)
    labels = [Label(name, "kind", "few" if place < 3 else "one" if place == 3 else "many")
              for place, name in enumerate(data.names)]  # fmt: skip
    gathered, _ = groups.gather(labels, data)
    (table,) = groups.tables(verification.compare(data, [0.05]), gathered, [0.05])
    told = {figure.name: figure for figure in table.figures}
    assert told["few: FMR"].value is None
    assert told["few: FMR"].note.startswith("3 people: too few to speak for a group; 12 cannot show 0.05")
    assert told["one: FMR"].note == "1 person: too few to speak for a group; nobody to compare with"
    assert told["one: FNMR"].value is None
    assert told["many: FMR"].value is not None
    assert table.note.startswith("The smallest group is 'one': 1 person.")


def test_a_group_of_single_photographs_has_no_fnmr() -> None:
    """Nobody of it can be missed."""
    data = world(64)
    kept = np.array([row for row, who in enumerate(data.people) if who % 2 or row % 2])
    data = Dataset(
        data.name, data.names, data.people[kept], tuple(data.files[row] for row in kept), data.quality[kept],
        data.templates[kept], (), (),
    )  # fmt: skip
    labels = [Label(name, "kind", "ab"[place % 2]) for place, name in enumerate(data.names)]
    gathered, _ = groups.gather(labels, data)
    (table,) = groups.tables(verification.compare(data, [0.05]), gathered, [0.05])
    told = {figure.name: figure for figure in table.figures}
    assert told["a: FNMR"].note == "32 people; nobody has two photographs"
    assert told["b: FNMR"].value is not None
