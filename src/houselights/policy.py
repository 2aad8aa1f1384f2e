"""Policy: what may be done. Asked once, before any footage is decoded and before any template is made.

Today it holds the rules that need no text: a purpose from the closed list, a basis, a person who authorised, and a
finite list of subjects. Rule packs and cases will be asked in the same call.
"""

from __future__ import annotations

from houselights.config import operator
from houselights.errors import PolicyError
from houselights.types import Authority, Purpose

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


def check_search(use: Authority, subjects: int) -> None:
    """Return if this search may be made.

    Raises:
        PolicyError: it may not, with the rule's words.
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


def check_release(use: Authority | None, subjects: int) -> None:
    """Return if this release may be made. Without subjects nobody is compared with anybody, and it may.

    Raises:
        PolicyError: it may not, with the rule's words.
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


def _answered_for(use: Authority) -> None:
    if not use.basis or not use.authorised_by:
        msg = f"purpose '{use.purpose}' came without a basis or an authoriser"
        raise PolicyError(msg, rule="basis-and-authoriser")
