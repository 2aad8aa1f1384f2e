"""Groups: the user's labels of people, and how often it errs within each group. Labels are never ours."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from houselights.comparisons import Index, genuine, impostors
from houselights.dataset import MOST, Dataset
from houselights.errors import CalibrationError, SettingsError
from houselights.evaluation import Figure, Table
from houselights.interval import bounds, few, unsupported
from houselights.lists import cut, text_of
from houselights.verification import FEW_PEOPLE, KEPT, Compared, named
from houselights.words import count, name_of, persons

HEADERS = (("person", "label"), ("person", "attribute", "label"))
EXPECTED = "expected person,label or person,attribute,label"
QUOTES = "a name with a comma in it stands in double quotes"


@dataclass(frozen=True, slots=True)
class Label:
    """What the user says of one person."""

    person: str
    attribute: str
    """What kind of label it is; `group` where the list has none."""
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The people of a data set that have one label."""

    attribute: str
    label: str
    people: Index
    """Their places in the data set's names, rising."""


def read(path: Path) -> tuple[Label, ...]:
    """The labels of a CSV file, `person,label` or `person,attribute,label` a line, in its order; a header is skipped.

    A name is only ever compared with the names of the photographs' folders: it is no path.

    Raises:
        SettingsError: the file cannot be read, is too large or holds no label, a line says something else, or two lines
            contradict each other.
    """
    text = text_of(path, "groups", "a CSV file in UTF-8, a line a person: person,label")
    found: dict[tuple[str, str], Label] = {}
    for number, cells in _rows(path, text):
        person, attribute, label = cells if len(cells) == 3 else (cells[0], "group", cells[1])
        said = Label(name_of(person), attribute, label)
        known = found.setdefault((said.person, attribute), said)
        if known != said:
            msg = f"{path}:{number}: '{cut(person)}' is '{cut(label)}' here and '{cut(known.label)}' in an earlier line"
            raise SettingsError(msg, hint="one label of a kind for each person")
    if not found:
        raise SettingsError(f"groups '{path}' holds no label, {EXPECTED}", hint="a line a person")
    return tuple(found.values())


def _rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The number and the cells of each line that says something; all have as many cells as the first."""
    columns = 0
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            cells = [cell.strip() for cell in next(csv.reader([line], strict=True), [])]
        except csv.Error as fault:
            raise SettingsError(f"{path}:{number}: found '{cut(line)}' ({fault}), {EXPECTED}", hint=QUOTES) from fault
        if not any(cells) or (not columns and tuple(cell.lower() for cell in cells) in HEADERS):
            continue
        if len(cells) not in {2, 3} or not all(cells):
            raise SettingsError(f"{path}:{number}: found '{cut(line)}', {EXPECTED}", hint=QUOTES)
        columns = columns or len(cells)
        if len(cells) != columns:
            msg = f"{path}:{number}: found '{cut(line)}', expected {columns} cells as in the lines before"
            raise SettingsError(msg, hint="all lines with an attribute, or none")
        yield number, cells


def gather(labels: Sequence[Label], dataset: Dataset) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """The groups, sorted, and what a reader must know: who has no photograph, who has no label.

    Raises:
        SettingsError: nobody of the list is in the data set.
    """
    places = {name: place for place, name in enumerate(dataset.names)}
    members: dict[tuple[str, str], list[int]] = {}
    for each in labels:
        if each.person in places:
            members.setdefault((each.attribute, each.label), []).append(places[each.person])
    if not members:
        msg = f"nobody of the {count(len(labels), 'label')} is among the people of {dataset.name}"
        raise SettingsError(msg, hint="names are those of the folders, or of the files without their ending")
    groups = tuple(Group(*key, np.array(sorted(people))) for key, people in sorted(members.items()))
    labelled = {each.person for each in labels}
    absent = sorted(labelled - places.keys())
    unlabelled = sorted(places.keys() - labelled)
    notes = (
        named("in the groups' list, but not among the photographs", absent),
        named("without a label", unlabelled),
    )
    return groups, tuple(filter(None, notes))


def tables(compared: Compared, groups: Sequence[Group], rates: Sequence[float]) -> tuple[Table, ...]:
    """For each attribute, and each rate that all people together show: both errors within each group.

    The threshold is that of all people, as a search has one for all; people are drawn anew within the group.
    """
    comparisons = compared.impostors.comparisons
    shown = [rate for rate in rates if not unsupported(rate, comparisons)]
    thresholds = compared.thresholds(np.array(shown))
    measured = [(group, _within(compared, group)) for group in groups]
    return tuple(
        _table(attribute, rate, float(at), [each for each in measured if each[0].attribute == attribute])
        for attribute in dict.fromkeys(group.attribute for group in groups)
        for rate, at in zip(shown, thresholds, strict=True)
    )


def _within(compared: Compared, group: Group) -> Compared | None:
    """Comparisons within one group, of the same kind; None where it has no two people."""
    data = compared.dataset
    rows = compared.rows[np.isin(data.people[compared.rows], group.people)]
    mine = np.flatnonzero(np.isin(data.people, group.people))
    try:
        strangers = impostors(data.templates[rows], data.people[rows], KEPT)
    except CalibrationError:
        return None
    own = genuine(data.templates[mine], data.people[mine], MOST)
    return replace(compared, rows=rows, impostors=strangers, genuine=own)


def _table(attribute: str, rate: float, at: float, measured: Sequence[tuple[Group, Compared | None]]) -> Table:
    smallest = min((group for group, _ in measured), key=lambda group: len(group.people))
    note = f"The smallest group is '{smallest.label}': {persons(len(smallest.people))}. Labels are the user's."
    title = f"By {attribute}, at the score {at:.4f} where all people have FMR {rate:g}"
    figures = (figure for group, found in measured for figure in _figures(group, found, rate, at))
    return Table(title, tuple(figures), note)


def _figures(group: Group, found: Compared | None, rate: float, at: float) -> Iterator[Figure]:
    people = len(group.people)
    size = persons(people) + (": too few to speak for a group" if people < FEW_PEOPLE else "")
    comparisons = 0 if found is None else found.impostors.comparisons
    why = "nobody to compare with" if found is None else unsupported(rate, comparisons)
    if found is None or why or people < FEW_PEOPLE:  # a figure of two people would say of them whether they are one
        yield Figure(
            f"{group.label}: FMR", None, of=comparisons, threshold=at, note="; ".join(filter(None, (size, why)))
        )
    else:
        reached, drawn = found.reached(at)
        low, high = bounds(reached / comparisons, drawn, comparisons)
        notes = "; ".join(filter(None, (size, few(rate, comparisons))))
        yield Figure(f"{group.label}: FMR", reached / comparisons, low, high, reached, comparisons, at, notes)
    yield _refused(group, found, at, size)


def _refused(group: Group, found: Compared | None, at: float, size: str) -> Figure:
    own = 0 if found is None else len(found.genuine.scores)
    why = "nobody to compare with" if found is None else "" if own else "nobody has two photographs"
    if found is None or why or len(group.people) < FEW_PEOPLE:
        return Figure(f"{group.label}: FNMR", None, threshold=at, note="; ".join(filter(None, (size, why))))
    refused, drawn = found.refused(at)
    low, high = bounds(refused / own, drawn, len(np.unique(found.genuine.people)))
    return Figure(f"{group.label}: FNMR", refused / own, low, high, refused, own, at, size)
