"""The retention schedule: for how many days what is kept stays, within the bounds that the packs set.

`houselights.toml` may state it, a number of whole days for each thing that is kept:

    [retention]
    results = 14

A pack that is enabled may bound it, from above, from below or both. A schedule out of bounds is refused when the
settings are loaded. The policy that is published is made from the same schedule, so the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields

from houselights.errors import SettingsError
from houselights.table import Table

LONGEST = 36_500
"""Days: nothing is kept for longer than a hundred years by any schedule."""
URGENT_LIVE_HOURS = 24
"""EU AI Act Art 5(3): an urgent use at a door ends then, unless it was authorised. No setting changes it."""
URGENT_FILE_HOURS = 48
"""EU AI Act Art 26(10): so does an urgent search of recorded footage."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long what is kept stays, in whole days."""

    cases: int = 30
    """From the opening of a case to its end at the latest."""
    results: int = 30
    """From the end of a case to the end of its sealed results."""
    watchlists: int = 365
    """From the entry of somebody on a watchlist to the latest day that it can expire."""
    payloads: int = 1095
    """From a use to the end of what is sealed beside its entries in the log."""
    detections: int = 30
    """From the making of cached detections to their end."""

    def __post_init__(self) -> None:
        """Refuse what is no number of days.

        Raises:
            SettingsError: names the thing, the value and what was expected.
        """
        for name, days in asdict(self).items():
            _check_days(name, days)


@dataclass(frozen=True, slots=True)
class Kept:
    """A thing that is kept, in words."""

    what: str
    since: str
    then: str


KEPT: Mapping[str, Kept] = {
    "cases": Kept(
        "a case: for what, for whom and on whose order somebody is looked for",
        "the opening of the case",
        "the case ends, and nothing more is searched for it",
    ),
    "results": Kept(
        "sealed results: who was looked for, the candidates and their pictures",
        "the end of the case",
        "their keys are destroyed, and nobody can open them",
    ),
    "watchlists": Kept(
        "an entry of a watchlist, with its photograph and template",
        "the day it was entered",
        "it has expired: it leaves the list and is deleted",
    ),
    "payloads": Kept(
        "what is sealed beside the entries of the log, and cases that ended: names, basis, names of films",
        "the use, or the end of the case",
        "their keys are destroyed; the log's entries, which hold no names, stay",
    ),
    "detections": Kept(
        "cached detections: where faces are in a film, without templates",
        "the day they were made",
        "they are deleted",
    ),
}  # fmt: skip
"""What a schedule is about, by the names of its fields."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What a pack says of one number of a schedule."""

    pack: str
    name: str
    """Of the thing that is kept."""
    most: bool
    """Whether it is a cap; else it is a floor."""
    days: int
    source: str
    """A sentence: the text it comes from, and what that asks for."""

    def holds(self, days: int) -> bool:
        """Whether a number of days is within it."""
        return days <= self.days if self.most else days >= self.days

    @property
    def words(self) -> str:
        """As 365 days at most."""
        return f"{_days(self.days)} at {'most' if self.most else 'least'}"


def read_bounds(told: Table, pack: str) -> Iterator[Bound]:
    """The bounds of a pack, from the table [retention] beside its rules.

    Raises:
        SettingsError: with file and line of what is wrong.
    """
    names = {f"{name}_{word}": (name, word == "most") for name in KEPT for word in ("most", "least")}
    told.only(names)
    for key in told.values:
        name, most = names[key]
        each = told.under(key, f"'{key}' in {told.name}")
        each.only({"days", "source"})
        yield Bound(pack, name, most, _whole_days(told, key, each.values.get("days")), each.words("source"))


def read_schedule(told: Table, bounds: Iterable[Bound]) -> Schedule:
    """The schedule that the table [retention] of the settings states; what it does not state is as by default.

    Raises:
        SettingsError: a key or a number is wrong, or a number is over a cap or under a floor.
    """
    told.only(KEPT)
    schedule = Schedule(**{key: _whole_days(told, key, value) for key, value in told.values.items()})
    for bound in bounds:
        days = getattr(schedule, bound.name)
        if not bound.holds(days):
            where = told.at(bound.name) if bound.name in told.values else told.file
            stated = "" if bound.name in told.values else ", as it is by default,"
            over = "over the cap" if bound.most else "under the floor"
            msg = f"{where}: {bound.name} = {days} in {told.name}{stated} is {over} of the pack '{bound.pack}'"
            hint = f"say {bound.name} = {bound.days}, or {'less' if bound.most else 'more'}"
            raise SettingsError(f"{msg}: {bound.words} (source: {bound.source})", hint=hint)
    return schedule


def _whole_days(told: Table, key: str, value: object) -> int:
    try:
        return _check_days(key, value)
    except SettingsError as fault:
        raise SettingsError(f"{told.at(key)}: {fault.message}") from fault


def _check_days(name: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LONGEST:
        return value
    raise SettingsError(f"'{name}' cannot be '{value}': expected a whole number of days, 1 to {LONGEST}")


# as words


def text(schedule: Schedule, bounds: Iterable[Bound]) -> str:
    """The written policy on retention, in Markdown, to be published as it is.

    Two schedules have two texts: every number of days stands in it.
    """
    told = tuple(bounds)
    parts = (INTRODUCTION, "\n".join(_table(schedule)), URGENT, "## Rules that bound it", "\n".join(_bounds(told)))
    return "\n\n".join(parts) + "\n"


INTRODUCTION = """\
# How long what is kept stays

This text is made from the settings that Houselights runs under. Nobody writes it by hand."""
URGENT = f"""\
An urgent use that nobody authorised in time ends {URGENT_LIVE_HOURS} hours after it began at a door, and \
{URGENT_FILE_HOURS} hours after it began in recorded
footage. Its results are destroyed then. No setting changes these hours."""


def _table(schedule: Schedule) -> Iterator[str]:
    yield "| | what is kept | for how long | from | then |"
    yield "|---|---|---|---|---|"
    for each in fields(schedule):
        kept, days = KEPT[each.name], getattr(schedule, each.name)
        yield f"| `{each.name}` | {kept.what} | {_days(days)} | {kept.since} | {kept.then} |"


def _bounds(bounds: tuple[Bound, ...]) -> Iterator[str]:
    for name in KEPT:
        told = [bound for bound in bounds if bound.name == name]
        for bound in told:
            yield f"- `{name}`: {bound.words}, by the pack `{bound.pack}`. {bound.source}"
        if not told:
            yield f"- `{name}`: no pack that is on bounds it."


def _days(days: int) -> str:
    return f"{days} day{'' if days == 1 else 's'}"
