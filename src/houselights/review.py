"""Review: two people compare each candidate, each alone. Without both there is no lead.

A reviewer gets two pictures under a ticket: no score, no rank, no name, nobody else's decision. The first decision lies
sealed, signed by who made it, until another person has decided; then both stand in the log, in the chain of the search.
Decoys come among the candidates, see `decoys.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from houselights import actors, cases, decoys, results
from houselights.actors import Passphrased
from houselights.case import UNASKED, Case
from houselights.custody import canonical
from houselights.decoys import Decoy, Pair
from houselights.entry import DECISION_WORDS, Entry
from houselights.errors import PolicyError, SettingsError
from houselights.page import template
from houselights.record import Record, Use
from houselights.result import Candidate
from houselights.results import Kept

KIND = "decision"
FEATURES = (
    "face-shape", "hairline", "forehead", "eyebrows", "eyes", "nose", "cheeks", "mouth", "chin-and-jaw", "ears",
    "facial-hair", "skin-and-marks",
)  # fmt: skip
"""What is compared, part by part."""
SEEN_WORDS = ("similar", "different", "not-visible")
LEAST = 3  # features that were seen in both pictures, for a decision either way
TICKET = 12  # digits
CONFIRMED, DIFFERENT, INCONCLUSIVE = "confirmed", "different", "inconclusive"
FIRST, SECOND, BLIND = "waits for two decisions", "waits for another decision", "has no pictures to compare"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A pair of pictures for one reviewer."""

    number: str
    """12 hexadecimal digits, which stand nowhere else: the log has other numbers."""
    page: str
    """One HTML document."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one reviewer decided, once both have."""

    by: str
    """Pseudonym of the actor."""
    decision: str
    """One of `entry.DECISION_WORDS`."""
    features: Mapping[str, str]
    """One of SEEN_WORDS for each of FEATURES that was answered."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class State:
    """A candidate and how far its review is."""

    number: str
    """What stands for it in the log."""
    case: Case
    kept: Kept
    """The search that found it."""
    candidate: Candidate
    given: frozenset[str] = frozenset()
    """Pseudonyms of those who decided, also where it is still sealed what."""
    answers: tuple[Answer, ...] = ()
    """Both decisions; none of them before there are two."""
    entries: tuple[Entry, ...] = field(default=(), repr=False)
    """What the log says of it."""

    @property
    def word(self) -> str:
        """How far it is: one of FIRST, SECOND, BLIND, CONFIRMED, DIFFERENT, INCONCLUSIVE."""
        if self.answers:
            return agreed([each.decision for each in self.answers])
        return BLIND if self.pair is None else SECOND if self.given else FIRST

    @property
    def approvals(self) -> int:
        """How many people confirmed it: 2 or 0."""
        return 2 if self.word == CONFIRMED else 0

    @property
    def is_corroborated(self) -> bool:
        """Whether independent evidence is recorded for it."""
        return any(entry.kind == "corroborated" for entry in self.entries)

    @property
    def pair(self) -> Pair | None:
        """Its pictures; None where one is missing."""
        shot = self.kept.pictures.shots.get(self.candidate)
        reference = self.kept.pictures.references.get(self.candidate.reference)
        if shot is None or reference is None or shot.jpeg is None or reference.jpeg is None:
            return None
        best = self.candidate.best_shot
        return Pair(self.number, reference.jpeg, shot.jpeg, round(best.box[3]), best.quality)


def agreed(decisions: Sequence[str]) -> str:
    """What two decisions come to: CONFIRMED or DIFFERENT where both say so, else INCONCLUSIVE."""
    first, second = decisions
    return {"same-person": CONFIRMED, "different": DIFFERENT}.get(first if first == second else "", INCONCLUSIVE)


def next_page(record: Record, by: Passphrased) -> Ticket | None:
    """The next pair for a reviewer, in an order of their own that no score has a part in; None where none waits.

    What the log says of it is the same for candidates and decoys: every search of which something waits is opened, then
    a pair is shown. Where no candidate waits there is nothing to open, and no decoy is shown.

    Raises:
        PolicyError: they are no reviewer, or the rules let none of what waits be opened.
        SettingsError: there is no such actor, or the passphrase is wrong.
        RecordError: that it is opened and shown cannot be recorded, so it is not shown.
    """
    with record.log.locked():
        person = _reviewer(record, by)
        decoys.settle(record)
        pairs = _opened(record, _waiting(record, person))
        if not pairs:
            return None
        pairs |= {each.pair.number: each.pair for each in decoys.waiting(record, person)}
        number = min(pairs, key=lambda each: record.pseudonym("order", f"{person}\0{each}"))
        record.use().add("pair-shown", {"by": person})
        ticket = _ticket(record, number, person)
        return Ticket(ticket, _page(pairs[number], ticket))


def decide(record: Record, ticket: str, decision: str, features: Mapping[str, str], by: Passphrased) -> None:
    """Keep what a reviewer decided, signed and sealed; with the second decision both are put into the log.

    Nothing comes back: it would say whether the pair is a decoy, and what the other decided.

    Raises:
        PolicyError: they are no reviewer, or have decided on this ticket.
        SettingsError: there is no such ticket for them, it is closed, or the decision lacks its features.
    """
    check_answer(decision, features)
    with record.log.locked():
        person = _reviewer(record, by)
        found = _of_ticket(record, ticket, person)
        if isinstance(found, Decoy):
            decoys.answer(record, found, person, decision)
            return
        use = record.use(found.kept.use)
        with use.refusing("review"):
            if person in found.given:
                raise decoys.decided_already()
        if len(found.given) > 1:
            raise SettingsError(f"ticket '{ticket}' is closed: two other people have decided", hint=_NEXT)
        facts = actors.sign(use, "review-decided", {"candidate": found.number, "decision": decision}, by)
        private = {"features": dict(features), "decided": cases.now(record)}
        use.add("review-given", {"candidate": found.number, "by": person})  # first: a decision without it is none
        number = record.pseudonym("decided", f"{found.number}\0{person}")
        content = canonical({"facts": facts, "private": private})
        record.store.keep(KIND, number, content, cases.holder(found.case), cases.above(found.case))
        if found.given:
            _reveal(record, use, found)


def check_answer(decision: str, features: Mapping[str, str]) -> None:
    """Return if a decision is whole: either way it rests on features that were seen in both pictures.

    Raises:
        SettingsError: it is not.
    """
    if decision not in DECISION_WORDS:
        raise SettingsError(f"'{decision}' is no decision: expected {', '.join(DECISION_WORDS)}")
    for name, seen in features.items():
        if name not in FEATURES or seen not in SEEN_WORDS:
            hint = f"features: {', '.join(FEATURES)}; each is {', '.join(SEEN_WORDS)}"
            raise SettingsError(f"'{name}={seen}' is no feature of a face as it is compared here", hint=hint)
    seen_in_both = sum(seen != "not-visible" for seen in features.values())
    if decision != "cannot-tell" and seen_in_both < LEAST:
        hint = "where no more can be seen in both pictures, the decision is cannot-tell"
        msg = f"'{decision}' rests on {seen_in_both} features: expected {LEAST} that are similar or different"
        raise SettingsError(msg, hint=hint)


def states(record: Record, case: str | None = None) -> list[State]:
    """How far the review of each candidate is, of all cases that are reviewed or of one; the newest case first.

    A case that waits for its approval has none.

    Raises:
        SettingsError: there is no such case.
    """
    found = list(_states(record, case))
    late = [state for state in found if len(state.given) > 1 and not state.answers]
    if not late:
        return found
    with record.log.locked():  # somebody was interrupted between two entries
        for state in late:
            _reveal(record, record.use(state.kept.use), state)
    return list(_states(record, case))


def find(record: Record, number: str) -> State:
    """The candidate whose number begins like this.

    Raises:
        SettingsError: there is none, or there are several.
    """
    known = {state.number: state for state in states(record)}
    return cases.typed(number, known, "candidate", "`houselights review show` shows them", " in review")


def check_confirmed(state: State) -> None:
    """Return if two people confirmed a candidate.

    Raises:
        PolicyError: they did not.
    """
    if state.word != CONFIRMED:
        msg = f"candidate {state.number[:8]} is not confirmed by two people: it {_is(state.word)}"
        raise PolicyError(msg, rule="not-confirmed", hint="only what two reviewers confirmed, each alone, is a lead")


_NEXT = "`houselights review next --by NAME` gives a page and its ticket"


def _is(word: str) -> str:
    return word if " " in word else f"is {word}"


def _reviewer(record: Record, by: Passphrased) -> str:
    with record.refusing("review"):
        return actors.prove(record, by, "reviewer")


def _waiting(record: Record, person: str) -> list[State]:
    """What a reviewer has still to decide on."""
    return [state for state in states(record) if state.word in {FIRST, SECOND} and person not in state.given]


def _opened(record: Record, waiting: Iterable[State]) -> dict[str, Pair]:
    """The pairs that may be shown, by number, once each of their searches was opened; the log says so then.

    Raises:
        PolicyError: none of the searches may be opened.
    """
    searches: dict[str, list[tuple[State, Pair]]] = {}
    for state in waiting:
        if (pair := state.pair) is not None:
            searches.setdefault(state.kept.use, []).append((state, pair))
    found: dict[str, Pair] = {}
    refused: list[PolicyError] = []
    for use, those in searches.items():
        state, _ = those[0]
        try:
            results.opened(record.use(use), state.case, state.kept, ["page"])
        except PolicyError as fault:
            refused.append(fault)
        else:
            found |= {pair.number: pair for _, pair in those}
    if refused and not found:
        raise refused[0]
    return found


def _page(pair: Pair, ticket: str) -> str:
    return template("review.html").render(
        pair=pair, ticket=ticket, features=FEATURES, seen=SEEN_WORDS, decisions=DECISION_WORDS, least=LEAST
    )


def _ticket(record: Record, number: str, person: str) -> str:
    return record.pseudonym("ticket", f"{number}\0{person}")[:TICKET]


def _of_ticket(record: Record, ticket: str, person: str) -> Decoy | State:
    """What a reviewer was given under a ticket, also where they have decided on it."""
    for decoy in decoys.listed(record):
        if _ticket(record, decoy.pair.number, person) == ticket:
            return decoy
    for state in states(record):
        if state.pair is not None and _ticket(record, state.number, person) == ticket:
            return state
    raise SettingsError(f"there is no ticket '{ticket}' for this person: expected {TICKET} digits", hint=_NEXT)


def _states(record: Record, number: str | None) -> Iterator[State]:
    chosen = cases.listed(record) if number is None else [cases.find(record, number)]
    said = _said(record)
    working = {actors.number(record, each.name) for each in actors.listed(record) if not each.revoked}
    for case in chosen:
        if case.authority.purpose not in UNASKED or not case.is_approved:
            continue
        sealed = _sealed(record, case)
        for candidate, (kept, one) in results.candidates(record, results.of(record, case)).items():
            about = tuple(said.get(candidate, ()))
            stated = {entry.facts["by"]: entry for entry in about if entry.kind == "review-decided"}
            ours = {by: each for by, each in sealed.get(candidate, {}).items() if by in working or by in stated}
            answers = (Answer(by, entry.facts["decision"], _features(ours.get(by))) for by, entry in stated.items())
            yield State(
                number=candidate,
                case=case,
                kept=kept,
                candidate=one,
                given=frozenset(ours) | stated.keys(),
                answers=tuple(answers) if len(stated) > 1 else (),
                entries=about,
            )


def _said(record: Record) -> dict[str, list[Entry]]:
    """The log's entries about each candidate."""
    found: dict[str, list[Entry]] = {}
    for content in record.entries():
        if b'"candidate":"' in content:
            entry = Entry.parse(content)
            found.setdefault(entry.facts["candidate"], []).append(entry)
    return found


def _sealed(record: Record, case: Case) -> dict[str, dict[str, Any]]:
    """The sealed decisions of a case: by candidate, then by who decided."""
    found: dict[str, dict[str, Any]] = {}
    for content in record.store.documents(KIND, cases.holder(case)).values():
        told = json.loads(content)
        found.setdefault(told["facts"]["candidate"], {})[told["facts"]["by"]] = told
    return found


def _features(told: Mapping[str, Any] | None) -> dict[str, str]:
    return {} if told is None else dict(told["private"]["features"])


def _reveal(record: Record, use: Use, state: State) -> None:
    """Put the decisions of two people into the log; those that stand there stay as they are.

    A decision of somebody who was revoked before the other decided counts for nothing: their key signs no more.
    """
    (now,) = (each for each in _states(record, state.case.number) if each.number == state.number)
    stated = {entry.facts["by"] for entry in now.entries if entry.kind == "review-decided"}
    if len(now.given) > 1:
        told = _sealed(record, state.case)[state.number]
        for by in sorted(now.given - stated, key=lambda each: (told[each]["private"]["decided"], each)):
            use.add("review-decided", told[by]["facts"], told[by]["private"])
