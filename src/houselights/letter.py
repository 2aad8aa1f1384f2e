"""The letter: what was done with one person's data, in words for that person.

It is made after somebody has signed how they checked who asks, and after an entry that says so.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from houselights import __version__, actors, dossier, traces
from houselights.actors import Passphrased
from houselights.config import operator
from houselights.dossier import Dossier
from houselights.errors import PolicyError, SettingsError
from houselights.page import template
from houselights.record import Record
from houselights.words import count, name_of, said

SCHEMA = "houselights/subject-report/1"
LONGEST = 2_000  # characters of how it was checked


def make(record: Record, name: str, how: str, by: Passphrased | None) -> Dossier:
    """The dossier for a person, after an entry in which somebody signs how they checked that this person asks.

    Raises:
        PolicyError: nobody signs for the check, it is not said how, or who signs has not the role for it.
        SettingsError: no name is given, there is no such actor, or the passphrase is wrong.
        RecordError: it cannot be recorded, so there is no dossier.
    """
    how = said(how)
    if not said(name) or len(how) > LONGEST:
        raise SettingsError(f"a letter needs a name, and how it was checked in {LONGEST:,} characters at most")
    name, use = name_of(name), record.use()
    with use.refusing("subject-report"):
        if by is None or not how:
            hint = 'say who checked it, and how: --checked-by NAME --how "passport, at the desk"'
            raise PolicyError("nobody checked who asks for this letter", rule="identity-unchecked", hint=hint)
        facts = {"subject": record.pseudonym("subject", name)}
        checked = {name: {"checked": how}}  # it may hold the number of a passport: it goes with the person
        actors.signed(use, "subject-reported", facts, by, private={"operator": operator()}, subjects=checked)
    return dossier.of(record, traces.of(record, name), use.number)


def to_json(found: Dossier) -> str:
    """The dossier as a document: UTF-8, indented."""
    return json.dumps({"schema": SCHEMA, **asdict(found)}, indent=2, ensure_ascii=False) + "\n"


def render(found: Dossier) -> str:
    """The letter as one HTML page, which runs nothing and asks nothing of the network."""
    return template("letter.html").render(
        found=found, summary=summary(found), cautions=[], version=__version__, schema=SCHEMA
    )


def summary(found: Dossier) -> str:
    """The dossier in a few sentences."""
    if found.is_empty:
        return f"Nothing in this record names {found.name}."
    searches = [search for case in found.cases for search in case.searches]
    seen = sum(len(search.candidates) for search in searches)
    films = len({film for search in searches for film in search.films})
    if not searches:
        said = "No search for you is in this record."
    else:
        said = f"You were searched for {_times(len(searches))}, in {count(films, 'film')}, and {_faces(seen)}"
    places = sum(place.state != dossier.GONE for place in found.watchlists)
    return f"{said} You are on {count(places, 'watchlist')} now." if found.watchlists else said


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _faces(seen: int) -> str:
    if seen == 0:
        return "no face in them looked enough like yours to be a candidate."
    which = "1 face" if seen == 1 else f"{seen:,} faces"
    return f"{which} in them looked enough like yours to be a candidate. A candidate is no proof that it was you."
