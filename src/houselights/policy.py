"""Policy: what may be done. Asked once, before any footage is decoded and before any template is made.

Today it holds the rules that need no text: a purpose from the closed list, a basis, a person who authorised, and a
finite list of subjects. Rule packs and cases will be asked in the same call.
"""

from __future__ import annotations

from collections.abc import Mapping

from houselights import packs
from houselights.config import operator
from houselights.errors import PolicyError, SettingsError
from houselights.facts import PLACE, Value
from houselights.types import Authority, Purpose

FIXED = ("action", "answered_for", "compares", "date", "mode", "purpose", "subjects")
"""Facts that packs get from the program itself."""
CONSENT = "consent of the people searched for"
RELEASES = (Purpose.CONSENTED, Purpose.SUBJECT_ACCESS, Purpose.PUBLIC_RELEASE, Purpose.EVALUATION)
"""Purposes for which somebody may be compared with a photograph in order to be shown or hidden."""


def purpose_of(text: str) -> Purpose:
    """A purpose of the closed list.

    Raises:
        PolicyError: there is no such purpose.
    """
    try:
        return Purpose(text)
    except ValueError as fault:
        msg = f"purpose '{text}' is not on the closed list: {', '.join(Purpose)}"
        hint = "a use that fits none of them is not what this program is for"
        raise PolicyError(msg, rule="closed-purposes", hint=hint) from fault


def authority(purpose: str, basis: str | None, authorised_by: str | None) -> Authority:
    """The authority for a use; for `consented` the basis is consent and the authoriser the operator unless stated.

    Raises:
        PolicyError: no such purpose, or a basis or an authoriser is missing.
    """
    known = purpose_of(purpose)
    basis, authorised_by = (basis or "").strip(), (authorised_by or "").strip()
    if known is Purpose.CONSENTED:
        basis, authorised_by = basis or CONSENT, authorised_by or operator()
    missing = [name for name, value in (("--basis", basis), ("--authorised-by", authorised_by)) if not value]
    if missing:
        msg = f"purpose '{known}' needs {' and '.join(missing)}"
        hint = "name the law, warrant or contract the search rests on, and the person who authorised it"
        raise PolicyError(msg, rule="basis-and-authoriser", hint=hint)
    return Authority(known, basis, authorised_by)


def check_search(use: Authority, subjects: int, facts: Mapping[str, Value] | None = None) -> None:
    """Return if this search may be made; `facts` are what is stated of it besides, for the packs of rules.

    Raises:
        PolicyError: it may not, with the rule's words.
        SettingsError: `houselights.toml` says what it may not.
    """
    _answered_for(use)
    if use.purpose is Purpose.PUBLIC_RELEASE:
        msg = "footage for public release is not searched for anybody"
        hint = "`houselights redact` makes the release; a search needs a purpose of its own"
        raise PolicyError(msg, rule="public-release-is-not-searched", hint=hint)
    if subjects < 1:
        msg = "a search needs at least one named subject: footage is never searched for whoever is in it"
        hint = "name a gallery with --gallery or a photograph with --person"
        raise PolicyError(msg, rule="named-subjects-only", hint=hint)
    packs.require(packs.setup().decide(action="search", mode="file", compares=True, **_stated(use, subjects, facts)))


def check_release(use: Authority | None, subjects: int, facts: Mapping[str, Value] | None = None) -> None:
    """Return if this release may be made. Without subjects nobody is compared with anybody, and it may.

    Raises:
        PolicyError: it may not, with the rule's words.
        SettingsError: `houselights.toml` says what it may not.
    """
    if subjects == 0:
        return
    listed = ", ".join(RELEASES)
    if use is None:
        msg = "--keep and --hide compare people with photographs, and came without a purpose"
        hint = f"add --purpose ({listed}), --basis and --authorised-by"
        raise PolicyError(msg, rule="basis-and-authoriser", hint=hint)
    _answered_for(use)
    if use.purpose not in RELEASES:
        msg = f"purpose '{use.purpose}' does not allow a release to compare people; these do: {listed}"
        hint = "without --keep and --hide every head is hidden, for any purpose"
        raise PolicyError(msg, rule="purpose-allows-comparison", hint=hint)
    packs.require(packs.setup().decide(action="release", mode="redact", compares=True, **_stated(use, subjects, facts)))


def _stated(use: Authority, subjects: int, facts: Mapping[str, Value] | None) -> dict[str, Value]:
    """What packs are told of a use. The place and the day are not what somebody states for one use.

    Raises:
        SettingsError: a fact is stated that is not a use's own.
    """
    fixed = [name for name in facts or () if name in PLACE or name in FIXED]
    if fixed:
        hint = "the place stands in houselights.toml; purpose, day and people are as they are"
        raise SettingsError(f"'{fixed[0]}' cannot be stated for one use", hint=hint)
    answered_for = bool(use.basis and use.authorised_by)
    return {**(facts or {}), "purpose": str(use.purpose), "answered_for": answered_for, "subjects": subjects}


def _answered_for(use: Authority) -> None:
    if not use.basis or not use.authorised_by:
        msg = f"purpose '{use.purpose}' came without a basis or an authoriser"
        raise PolicyError(msg, rule="basis-and-authoriser")
