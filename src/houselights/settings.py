"""Settings: what `houselights.toml` says of the packs that are on, of the place, and of how long things are kept.

    [policy]
    packs = ["us-ny-s7135", "us-ny-40b"]

    [place]
    actor = "venue"
    jurisdiction = "US-NY-NYC"

    [retention]
    results = 14

Without the file the house is alone, nothing is known of the place, and the schedule is as by default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from houselights import packs
from houselights.decision import Decision, decide
from houselights.errors import SettingsError
from houselights.facts import CONFIG_NAME, PLACE, Facts, Value, check_fact
from houselights.packs import Pack
from houselights.rules import HOUSE
from houselights.schedule import Bound, Schedule, read_schedule
from houselights.table import Table, read_table, said_of

CONFIG = "HOUSELIGHTS_CONFIG"


@dataclass(frozen=True, slots=True)
class Setup:
    """The packs that are on, the house among them, what is known of the place, and the retention schedule."""

    enabled: tuple[Pack, ...]
    place: Mapping[str, str | bool]
    file: Path | None
    schedule: Schedule

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """Caps and floors of every pack that is enabled. On days outside its dates, too: what is kept outlives them."""
        return _bounds(self.enabled)

    def decide(self, **stated: Value) -> Decision:
        """Whether a use may be made here, by the fields of Facts; the date is today's (UTC) unless stated."""
        facts: dict[str, Any] = {"date": datetime.now(UTC).date(), **self.place, **stated}
        return decide(self.enabled, Facts(**facts))


def setup(known: Mapping[str, Pack] | None = None) -> Setup:
    """What the settings of this folder say; `known` are the packs there are, the built-in ones unless stated.

    Raises:
        SettingsError: the file cannot be read, says what it may not, or keeps something for too long or too short.
    """
    known = packs.load() if known is None else known
    file = _config_file()
    if file is None:
        return Setup((known[HOUSE],), {}, None, Schedule())
    told = read_table(file, {"policy", "place", "retention"}, f"correct it, or unset {CONFIG}")
    policy, place, retention = (told.under(name) for name in ("policy", "place", "retention"))
    policy.only({"packs"})
    place.only(PLACE)
    enabled = _enabled(policy, known)
    with said_of(file):
        for name, value in place.values.items():
            check_fact(name, value)
    return Setup(enabled, place.values, file, read_schedule(retention, _bounds(enabled)))


def _config_file() -> Path | None:
    """The file of settings: the one that the variable names, else the one in this folder."""
    if named := os.environ.get(CONFIG, ""):
        return Path(named).expanduser()
    here = Path(CONFIG_NAME)
    return here if here.exists() else None


def _enabled(policy: Table, known: Mapping[str, Pack]) -> tuple[Pack, ...]:
    """The packs that the settings name, the house first."""
    names = policy.values.get("packs", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingsError(f"{policy.file}: 'packs' in {policy.name} has to be a list of names")
    with said_of(policy.file):
        return tuple(packs.named(known, name) for name in dict.fromkeys([HOUSE, *names]))


def _bounds(enabled: tuple[Pack, ...]) -> tuple[Bound, ...]:
    return tuple(bound for pack in enabled for bound in pack.bounds)
