"""Facts: what is known of a use and of the place when the packs of rules are asked, in words from closed lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime

from houselights.errors import SettingsError
from houselights.types import Purpose

STATES = (
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL", "IN", "IA", "KS", "KY",
    "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM", "NY", "NC", "ND", "OH",
    "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA", "WV", "WI", "WY",
)  # fmt: skip
CITIES = ("US-NY-NYC", "US-NY-other", "US-OR-Portland", "US-OR-other", "US-MI-Detroit", "US-MI-other")
ACTIONS = ("refuse-admission", "eject", "stop")
"""What may be done to a person because of a candidate, or not."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "action": ("none", "search", "open-results", *ACTIONS, "release", "sell", "export"),
    "mode": ("file", "live", "redact"),
    "purpose": (*Purpose, "unstated"),
    "category": ("consented", "missing", "victim", "wanted", "conduct", "dispute", "other"),
    "recipient": ("subject", "court", "defence", "prosecution", "oversight", "police", "press", "researcher", "venue",
                  "public", "unstated"),
    "probe": ("original", "still", "scan", "sketch", "composite", "stand-in", "generated", "edited"),
    "material": ("still", "video"),
    "consent": ("none", "informed", "written"),
    "permission": ("none", "urgent", "given"),
    "actor": ("police", "venue", "private", "public-body"),
    "venue": ("public-accommodation", "public-space", "not-public"),
    "event": ("sport", "concert", "stage", "assembly", "other", "none"),
    "jurisdiction": ("other", "EU", "UK", "US", *(f"US-{state}" for state in STATES), *CITIES),
}  # fmt: skip
"""The closed lists that facts in words come from."""
CONFIG_NAME = "houselights.toml"
"""The file that may state facts of the place."""
PLACE = ("actor", "venue", "event", "jurisdiction", "ticketed", "schedule_public", "legal_duty")
"""Facts that it may state."""
Value = str | bool | int | date
"""What a fact can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known when a decision is asked for. None is unknown, and a rule that needs it then objects."""

    action: str
    """What is about to be done."""
    mode: str
    """How faces are looked at: in recorded footage, at a door, or in order to hide them."""
    compares: bool
    """Whether anybody is compared with a photograph. Finding and hiding faces alone compares nobody."""
    date: date
    purpose: str = "unstated"
    answered_for: bool = False
    """Whether a basis and a person who authorised the use are stated."""
    subjects: int = 0
    """How many named subjects there are."""
    category: str | None = None
    """Why the subjects are looked for; `conduct` and `dispute` are grounds for an exclusion."""
    approvals: int = 0
    """How many different people confirmed it, each on their own."""
    justified: bool = False
    """Whether a reason of its own was recorded for what would else be refused."""
    recipient: str = "unstated"
    """Who an export is for."""
    subject_minor: bool | None = None
    over_21: bool | None = None
    on_time: bool | None = None
    """Whether a ticket holder came in reasonable time."""
    quality_ok: bool | None = None
    """Whether the photographs pass the gate for quality."""
    probe: str | None = None
    """What the subjects' photographs are: `still` is from footage, `stand-in` shows somebody else who looks alike."""
    material: str | None = None
    consent: str | None = None
    """Of everybody who is compared: `informed` is after notice, `written` is informed and signed."""
    notice_given: bool | None = None
    """Whether everybody was told in writing for what and for how long."""
    sign_confirmed: bool | None = None
    """Whether the operator confirmed that the sign hangs at the entrances."""
    where_named: bool | None = None
    """Whether place, time window and cameras were fixed beforehand."""
    entries_reviewed: bool | None = None
    """Whether every entry of the list has category, lawful source and reviewer, looked at for this deployment."""
    false_alerts_per_million: int | None = None
    """Expected false alerts for a million people who pass and are not on the list."""
    corroborated: bool | None = None
    """Whether there is evidence that does not come from recognition."""
    warrant: bool | None = None
    aim_listed: bool | None = None
    """Whether the aim is one of those that the rule lists."""
    permission: str | None = None
    """Of a court or an authority; `urgent` is asked for and not yet given."""
    actor: str | None = None
    venue: str | None = None
    event: str | None = None
    jurisdiction: str | None = None
    ticketed: bool | None = None
    """Whether those who come hold tickets."""
    schedule_public: bool | None = None
    """Whether a schedule for retention and destruction is published."""
    legal_duty: bool | None = None
    """Whether a law obliges the actor to compare."""

    def __post_init__(self) -> None:
        """Refuse what is off the closed lists.

        Raises:
            SettingsError: names the fact, the value and what was expected.
        """
        for each in fields(self):
            check_fact(each.name, getattr(self, each.name))
        if self.action == "search" and not self.compares:
            raise SettingsError("a search compares people, and the facts say that nobody is compared")


def _kind(name: str) -> str:
    """How a fact is stated: date, word, count or flag."""
    if name in WORDS:
        return "word"
    told = str(next(each.type for each in fields(Facts) if each.name == name))
    return {"date": "date", "int": "count", "bool": "flag"}[told.partition(" ")[0]]


KINDS = {each.name: _kind(each.name) for each in fields(Facts)}
"""Facts by name, and how each is stated."""
OPTIONAL = {each.name for each in fields(Facts) if "None" in str(each.type)}
"""Facts that may be unknown."""


def check_fact(name: str, value: object) -> None:
    """Return if a fact can have a value.

    Raises:
        SettingsError: it cannot, or there is no such fact.
    """
    if name not in KINDS:
        raise SettingsError(f"there is no fact '{name}'", hint=f"the facts are: {', '.join(KINDS)}")
    fits, expected = {
        "word": (isinstance(value, str) and value in WORDS.get(name, ()), f"one of: {', '.join(WORDS.get(name, ()))}"),
        "flag": (isinstance(value, bool), "true or false"),
        "count": (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53, "a whole number"),
        "date": (isinstance(value, date) and not isinstance(value, datetime), "a day, YYYY-MM-DD"),
    }[KINDS[name]]
    if not fits and not (value is None and name in OPTIONAL):
        raise SettingsError(f"the fact '{name}' cannot be '{value}': expected {expected}")


def read_fact(text: str) -> tuple[str, Value]:
    """A fact from NAME=VALUE.

    Raises:
        SettingsError: it is none.
    """
    name, _, value = text.partition("=")
    kind = KINDS.get(name)
    read: Value = value
    if kind == "flag" and value in {"true", "false", "yes", "no"}:
        read = value in {"true", "yes"}
    elif kind == "count" and re.fullmatch(r"[0-9]{1,15}", value):
        read = int(value)
    elif kind == "date" and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        try:
            read = date.fromisoformat(value)
        except ValueError as fault:
            raise SettingsError(f"'{value}' is no day: {fault}") from fault
    check_fact(name, read)
    return name, read
