"""Consequence: what follows from a candidate. Evidence from elsewhere, what is done to a person, what came out.

Each is an entry in the chain of the search; what is done to a person is recorded only if the rules allow it.
"""

from __future__ import annotations

from collections.abc import Mapping

from houselights import actors, policy
from houselights.actors import Passphrased
from houselights.entry import ACTION_WORDS, OUTCOME_WORDS
from houselights.errors import SettingsError
from houselights.facts import PLACE, Value, check_fact
from houselights.policy import FIXED, Known
from houselights.record import Record
from houselights.review import check_confirmed, find
from houselights.words import said

LONGEST_EVIDENCE = 4000  # characters


def corroborate(record: Record, number: str, evidence: str, by: Passphrased) -> None:
    """Record evidence for a confirmed candidate that does not come from comparing faces; its text is sealed.

    Raises:
        PolicyError: the candidate is not confirmed, or who signs has not the role for it.
        SettingsError: the text is empty or too long, or there is no such candidate.
    """
    text = said(evidence)
    if not 0 < len(text) <= LONGEST_EVIDENCE:
        hint = "say what the evidence is, and where it comes from"
        raise SettingsError(f"the evidence has {len(text)} characters, expected 1 to {LONGEST_EVIDENCE}", hint=hint)
    with record.log.locked():
        state = find(record, number)
        use = record.use(state.kept.use)
        with use.refusing("review"):
            check_confirmed(state)
            actors.signed(use, "corroborated", {"candidate": state.number}, by, private={"evidence": text})


def act(
    record: Record,
    number: str,
    action: str,
    by: Passphrased,
    facts: Mapping[str, Value] | None = None,
) -> None:
    """Record what is done to a person because of a candidate, after the rules were asked.

    Why the person was looked for comes from the watchlist; `facts` are what is stated of the moment, such as `over_21`.
    Both are sealed with the entry.

    Raises:
        PolicyError: it may not be done, with the rule's words; or who signs has not the role for it.
        SettingsError: there is no such action or candidate, or a fact is stated that is not the moment's own.
    """
    if action not in ACTION_WORDS:
        raise SettingsError(f"there is no action '{action}': expected one of: {', '.join(ACTION_WORDS)}")
    facts = dict(facts or {})
    _check_stated(facts)
    with record.log.locked():
        state = find(record, number)
        use = record.use(state.kept.use)
        category = state.kept.categories.get(state.candidate.subject)
        known = Known(justified=bool(state.case.justification), approvals=state.approvals, category=category)
        stated = {**state.kept.facts, **facts, "corroborated": state.is_corroborated}
        with use.refusing("action"):
            if action != "none":  # that nothing follows needs nobody's leave
                policy.check_action(action, state.case.authority, known, stated)
            about = {"candidate": state.number, "action": action, "approvals": state.approvals}
            actors.signed(use, "action-recorded", about, by, private={"facts": facts, "category": category})


def _check_stated(facts: Mapping[str, Value]) -> None:
    """Return if each fact is one that somebody can state of the moment: all are sealed as said, also for `none`."""
    for name, value in facts.items():
        check_fact(name, value)
        if name in (*FIXED, *PLACE, "corroborated"):
            hint = "the program knows it from the log, and the place from houselights.toml"
            raise SettingsError(f"'{name}' cannot be stated of an action", hint=hint)


def outcome(record: Record, number: str, word: str) -> None:
    """Record what was found out about a candidate by other means: `true`, `false` or `unknown`.

    Raises:
        SettingsError: there is no such outcome or candidate.
    """
    if word not in OUTCOME_WORDS:
        raise SettingsError(f"there is no outcome '{word}': expected one of: {', '.join(OUTCOME_WORDS)}")
    with record.log.locked():
        state = find(record, number)
        record.use(state.kept.use).add("outcome-known", {"candidate": state.number, "outcome": word})
