"""The lead sheet: what somebody gets who follows up a confirmed candidate, with everything that speaks against it.

It is made only of a candidate that two people confirmed, and only after an entry that says for whom.
"""

from __future__ import annotations

import importlib
import json
from base64 import b64encode
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

from houselights import __version__, cases, lead_sections, policy, review
from houselights.config import operator
from houselights.errors import SettingsError
from houselights.lead_sections import Section
from houselights.page import template
from houselights.policy import Known
from houselights.record import Record
from houselights.review import State
from houselights.words import said, visible

WARNING = (
    "This is a lead and nothing more. Two people found two pictures alike. That is no proof of who is in the footage.",
    "It is no ground for an arrest, and nobody may be put into a line-up because of it.",
    "No decision about a person may rest on it alone.",
    "Who follows it up looks for evidence that does not come from comparing faces, and for what speaks against it.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Lead:
    """A lead sheet, in words; whatever a person typed is shown as it is and can never act."""

    candidate: str
    """Number of the candidate in the log."""
    status: str
    sections: tuple[Section, ...]
    reference: bytes
    """JPEG."""
    shot: bytes
    """JPEG."""
    receipt: bytes | None
    """The proof that the log has it, as it stands in a `.tlog-proof`."""


def make(record: Record, number: str, recipient: str, to: str, reason: str, *, proof: bool) -> Lead:
    """The lead sheet of a candidate, for a kind of recipient; that it goes out is in the log before this returns.

    `to` and `reason` are sealed with that entry; `proof` asks for the receipt.

    Raises:
        PolicyError: two people have not confirmed the candidate, or the rules let nothing go to this recipient.
        SettingsError: there is no such candidate or recipient, or name or reason is empty.
        RecordError: it cannot be recorded, so there is none.
    """
    to, reason = said(to), said(reason)
    if not to or not reason:
        raise SettingsError("a lead sheet goes to somebody by name, for a reason", hint="add --to and --reason")
    with record.log.locked():
        state = review.find(record, number)
        use, pair = record.use(state.kept.use), state.pair
        with use.refusing("export"):
            review.check_confirmed(state)
            _check_export(record, state, recipient)
        if pair is None:  # it was confirmed by its pictures: somebody took them away since
            raise SettingsError(f"candidate {state.number[:8]} {review.BLIND}", hint="search again")
        private = {"recipient": to, "reason": reason, "operator": operator()}
        use.add("exported", {"what": "lead", "recipient": recipient, "candidate": state.number}, private)
        receipt = bytes(use.receipt("last")) if proof else None
        known = lead_sections.known_of(record, state)
        sections = (*lead_sections.sections(known), lead_sections.sent(known, recipient, private, use.last))
    return Lead(state.number, lead_sections.status(state), sections, pair.reference, pair.shot, receipt)


def render(lead: Lead) -> str:
    """The sheet as one HTML document. It runs nothing and asks nothing of the network."""
    return template("lead.html").render(lead=lead, warning=WARNING, version=__version__)


def pdf(lead: Lead) -> bytes:
    """The sheet as PDF.

    Raises:
        SettingsError: the package typst is not installed.
    """
    told = {
        "candidate": lead.candidate,
        "status": lead.status,
        "sections": [asdict(each) for each in lead.sections],
        "reference": b64encode(lead.reference).decode(),
        "shot": b64encode(lead.shot).decode(),
        "warning": WARNING,
        "version": __version__,
    }
    markup = (resources.files("houselights") / "pages" / "lead.typ").read_bytes()
    inputs = {"lead": json.dumps(_shown(told))}  # as data: what people typed never becomes markup
    return bytes(typesetter().compile(markup, sys_inputs=inputs))


def typesetter() -> Any:  # noqa: ANN401 - there is nothing to type it by where it is not installed
    """The package that makes PDF.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        return importlib.import_module("typst")
    except ImportError as fault:
        msg = f"a PDF needs the package typst, which does not load: {fault}"
        raise SettingsError(msg, hint="pip install 'houselights[pdf]', or name a file that ends in .html") from fault


def _shown(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The same with every control and direction character spelt out."""
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    return [_shown(each) for each in value] if isinstance(value, list | tuple) else visible(value)


def _check_export(record: Record, state: State, recipient: str) -> None:
    cases.check_readable(record, state.case, leaves=True)
    known = Known(justified=bool(state.case.justification), approvals=state.approvals)
    facts = {**state.kept.facts, "corroborated": state.is_corroborated}
    policy.check_export(recipient, state.case.authority, len(state.kept.subjects), facts, known=known)
