"""Policy: what may be done. Asked once before each step.

The steps: before any footage is decoded and any template made, before results are opened, before an action on a
candidate is recorded, before anything is handed over.
The rules of the house that need no text stand here as well, with messages of their own. Then the packs are asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from houselights.config import operator
from houselights.decision import require
from houselights.errors import PolicyError, SettingsError
from houselights.facts import ACTIONS, PLACE, WORDS, Value
from houselights.settings import setup
from houselights.types import Authority, Purpose
from houselights.words import said

FIXED = ("action", "answered_for", "approvals", "category", "compares", "date", "justified", "mode", "purpose",
         "quality_ok", "recipient", "subjects")  # fmt: skip
"""Facts that packs get from the program itself."""
CONSENT = "consent of the people searched for"
RELEASES = (Purpose.CONSENTED, Purpose.SUBJECT_ACCESS, Purpose.PUBLIC_RELEASE, Purpose.EVALUATION)
"""Purposes for which somebody may be compared with a photograph in order to be shown or hidden."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the program itself knows of a use, from signed confirmations and measurements. Nobody states it.

    The fields are facts: `facts.py` says what each means.
    """

    justified: bool = False
    subject_minor: bool | None = None
    approvals: int = 0
    category: str | None = None
    quality_ok: bool | None = None


NOTHING = Known()
"""Nobody confirmed anything, and nothing was measured."""


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
    basis, authorised_by = said(basis or ""), said(authorised_by or "")
    if known is Purpose.CONSENTED:
        basis, authorised_by = basis or CONSENT, authorised_by or operator()
    missing = [name for name, value in (("--basis", basis), ("--authorised-by", authorised_by)) if not value]
    if missing:
        msg = f"purpose '{known}' needs {' and '.join(missing)}"
        hint = "name the law, warrant or contract the search rests on, and the person who authorised it"
        raise PolicyError(msg, rule="basis-and-authoriser", hint=hint)
    return Authority(known, basis, authorised_by)


def check_search(
    use: Authority, subjects: int, facts: Mapping[str, Value] | None = None, known: Known = NOTHING
) -> None:
    """Return if this search may be made; `facts` are what is stated of it besides, for the packs of rules.

    Raises:
        PolicyError: it may not, with the rule's words.
        SettingsError: `houselights.toml` says what it may not.
    """
    _answered_for(use)
    _searchable(use)
    if subjects < 1:
        msg = "a search needs at least one named subject: footage is never searched for whoever is in it"
        hint = "name a gallery with --gallery or a photograph with --person"
        raise PolicyError(msg, rule="named-subjects-only", hint=hint)
    _ask(_stated(use, subjects, facts, known), action="search", mode="file")


def check_open(
    use: Authority,
    subjects: int,
    facts: Mapping[str, Value] | None = None,
    known: Known = NOTHING,
    *,
    mode: str = "file",
) -> None:
    """Return if the results of a search may be opened; the mode is that of the search, `file` or `live`.

    Raises:
        PolicyError: they may not, with the rule's words.
        SettingsError: `houselights.toml` says what it may not.
    """
    _answered_for(use)
    _searchable(use)
    _ask(_stated(use, subjects, facts, known), action="open-results", mode=mode)


def check_action(
    action: str, use: Authority, known: Known, facts: Mapping[str, Value] | None = None, *, mode: str = "file"
) -> None:
    """Return if something may be done to a person because of a candidate; asked before it is recorded.

    `action` is one of ACTIONS. `known` says how many different people confirmed the candidate, each on their own, and
    why the person was looked for.

    Raises:
        PolicyError: it may not, with the rule's words.
        SettingsError: there is no such action, or `houselights.toml` says what it may not.
    """
    if action not in ACTIONS:
        raise SettingsError(f"there is no action '{action}': expected one of: {', '.join(ACTIONS)}")
    _answered_for(use)
    _ask(_stated(use, 1, facts, known), action=action, mode=mode)


def check_export(
    recipient: str,
    use: Authority | None,
    subjects: int,
    facts: Mapping[str, Value] | None = None,
    *,
    known: Known = NOTHING,
    mode: str = "file",
) -> None:
    """Return if something may be handed to a kind of recipient, one of `facts.WORDS["recipient"]`.

    `use` is the use that what is handed over comes from, and its bans hold for the export, too. None is for what comes
    from no comparison, as the log does.

    Raises:
        PolicyError: it may not, with the rule's words.
        SettingsError: there is no such recipient, or `houselights.toml` says what it may not.
    """
    if recipient not in WORDS["recipient"]:
        raise SettingsError(f"no recipient is '{recipient}': expected one of: {', '.join(WORDS['recipient'])}")
    if use is not None:
        _answered_for(use)
    _ask(_stated(use, subjects, facts, known), action="export", mode=mode, recipient=recipient)


def check_release(
    use: Authority | None, subjects: int, facts: Mapping[str, Value] | None = None, known: Known = NOTHING
) -> None:
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
    _ask(_stated(use, subjects, facts, known), action="release", mode="redact")


def _ask(stated: Mapping[str, Value], **more: Value) -> None:
    """Return if the packs that are on allow it, in this place and today."""
    require(setup().decide(**stated, **more))


def _stated(use: Authority | None, subjects: int, facts: Mapping[str, Value] | None, known: Known) -> dict[str, Value]:
    """What packs are told of a use. The place, the day and what the program knows nobody states for one use.

    Raises:
        SettingsError: a fact is stated that is not a use's own.
    """
    fixed = [name for name in facts or () if name in PLACE or name in FIXED]
    if fixed:
        hint = "the place stands in houselights.toml; purpose, day, people and what they confirmed are as they are"
        raise SettingsError(f"'{fixed[0]}' cannot be stated for one use", hint=hint)
    of_program = {name: value for name, value in asdict(known).items() if value is not None}
    stated = {**(facts or {}), **of_program, "subjects": subjects, "compares": use is not None}
    if use is None:
        return stated
    return {**stated, "purpose": str(use.purpose), "answered_for": bool(use.basis and use.authorised_by)}


def _answered_for(use: Authority) -> None:
    if not use.basis or not use.authorised_by:
        msg = f"purpose '{use.purpose}' came without a basis or an authoriser"
        raise PolicyError(msg, rule="basis-and-authoriser")


def _searchable(use: Authority) -> None:
    if use.purpose is Purpose.PUBLIC_RELEASE:
        msg = "footage for public release is not searched for anybody"
        hint = "`houselights redact` makes the release; a search needs a purpose of its own"
        raise PolicyError(msg, rule="public-release-is-not-searched", hint=hint)
