"""The commands about review and lead sheets: `houselights review ...` and `houselights lead`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from houselights import actors, consequence, decoys, display, lead, review
from houselights.bulletin import rate_line
from houselights.cli_actor import passphrase
from houselights.cli_log import NameOption, OutOption, ReasonOption, RecipientOption, one_of, ready, write
from houselights.entry import ACTION_WORDS, DECISION_WORDS, OUTCOME_WORDS, RECIPIENT_WORDS
from houselights.errors import SettingsError
from houselights.facts import read_fact
from houselights.review import FEATURES, LEAST, SEEN_WORDS, State
from houselights.words import clock

PDF, HTML = ".pdf", ".html"

review_app = typer.Typer(no_args_is_help=True, help="Two people compare each candidate, each alone. No lead without.")

ByOption = Annotated[str, typer.Option(help="Who signs; asks for their passphrase.", metavar="NAME")]
NumberArgument = Annotated[str, typer.Argument(help="A candidate: the first digits of its number.", metavar="NUMBER")]
JsonOption = Annotated[bool, typer.Option("--json", help="A JSON object a line.")]


@review_app.command("next")
def next_pair(output: OutOption, *, by: ByOption) -> None:
    """Write the next pair of pictures for a reviewer as one HTML page, and show its ticket."""
    ticket = review.next_page(ready(), (by, passphrase(by)))
    if ticket is None:
        display.say("nothing waits for this reviewer")
        return
    write(output, ticket.page.encode())
    display.out.print(f"ticket {ticket.number}: {display.shown(output)}")
    display.say(
        f"then: houselights review decide {ticket.number} --by {display.shown(by)} --decision ... --feature ..."
    )


@review_app.command("decide")
def decide(
    ticket: Annotated[str, typer.Argument(help="From `review next`.", metavar="TICKET")],
    *,
    by: ByOption,
    decision: Annotated[str, typer.Option(help=f"One of: {', '.join(DECISION_WORDS)}.")],
    feature: Annotated[
        list[str] | None,
        typer.Option(
            help=f"What was seen, {LEAST} or more: {', '.join(FEATURES)}. Each is {', '.join(SEEN_WORDS)}.",
            metavar="FEATURE=SEEN",
        ),
    ] = None,
) -> None:
    """Decide on a ticket. It is sealed until another person has decided, and cannot be changed."""
    features = dict(map(_feature, feature or []))
    review.check_answer(decision, features)  # before somebody types their passphrase for nothing
    review.decide(ready(), ticket, decision, features, (by, passphrase(by)))
    display.out.print("decided and sealed")


def _feature(text: str) -> tuple[str, str]:
    name, _, seen = text.partition("=")
    return name, seen


@review_app.command("show")
def show(
    case: Annotated[str | None, typer.Argument(help="A case: the first digits of its number.", metavar="CASE")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show how far the review of each candidate is. What was decided is shown once two people have."""
    record = ready()
    found = review.states(record, case)
    if as_json:
        sys.stdout.writelines(f"{json.dumps(_document(state))}\n" for state in found)
        return
    names = actors.names(record)
    rows = [
        (
            state.number[:8], state.case.number[:8], state.candidate.subject, Path(state.candidate.footage).name,
            clock(state.candidate.start_s), state.word,
            ", ".join(f"{names.get(each.by, each.by[:8])}: {each.decision}" for each in state.answers),
        )
        for state in found
    ]  # fmt: skip
    display.rows("", ("candidate", "case", "subject", "footage", "from", "review", "decisions"), rows)
    display.say("a candidate is a lead only where two people confirmed it")


def _document(state: State) -> dict[str, object]:
    one = state.candidate
    return {
        "candidate": state.number,
        "case": state.case.number,
        "use": state.kept.use,
        "subject": one.subject,
        "footage": one.footage,
        "start_s": one.start_s,
        "end_s": one.end_s,
        "review": state.word,
        "decisions": [asdict(each) for each in state.answers],
        "corroborated": state.is_corroborated,
    }


@review_app.command("decoy")
def add_decoy(
    *,
    reference: Annotated[Path, typer.Option(help="A photograph of one person.")],
    shot: Annotated[Path, typer.Option(help="A still with one face, as footage has them.")],
    truth: Annotated[str, typer.Option(help="same-person or different: what is known.")],
) -> None:
    """Add a pair whose truth is known. Every reviewer gets it once, among the candidates."""
    same = one_of("--truth", truth, *decoys.RIGHT.values()) == decoys.RIGHT[True]
    number = decoys.add_decoy(ready(), reference, shot, same=same)
    display.out.print(f"decoy {number}")


@review_app.command("remove-decoy")
def remove_decoy(number: Annotated[str, typer.Argument(help="The whole number, from `review decoy`.")]) -> None:
    """Destroy a decoy and its pictures. What was decided about it stays counted."""
    decoys.remove(ready(), number)
    display.out.print(f"decoy {display.shown(number)}: removed")


@review_app.command("errors")
def errors(*, as_json: JsonOption = False) -> None:
    """Show how often each reviewer was not right about decoys, as anybody can count it from the log."""
    record = ready()
    rates = decoys.error_rates(record)
    if as_json:
        sys.stdout.writelines(f"{json.dumps({'by': by, **asdict(each)})}\n" for by, each in rates.items())
        return
    names = actors.names(record)
    rows = [(names.get(by, by[:8]), str(each.among), str(each.false), rate_line(each)) for by, each in rates.items()]
    display.rows("", ("reviewer", "decoys", "not right", "share, 95 % interval"), rows)


@review_app.command("corroborate")
def corroborate(
    number: NumberArgument,
    *,
    evidence: Annotated[str, typer.Option(help="What it is and where from. It is sealed, not in the log.")],
    by: ByOption,
) -> None:
    """Record evidence for a confirmed candidate that does not come from comparing faces. An authoriser signs."""
    consequence.corroborate(ready(), number, evidence, (by, passphrase(by)))
    display.out.print("recorded: corroborated")


@review_app.command("act")
def act(
    number: NumberArgument,
    *,
    action: Annotated[str, typer.Option(help=f"One of: {', '.join(ACTION_WORDS)}.")],
    by: ByOption,
    fact: Annotated[
        list[str] | None, typer.Option(help="What is known of the moment, for the rules.", metavar="NAME=VALUE")
    ] = None,
) -> None:
    """Record what follows from a candidate, if the rules allow it."""
    consequence.act(ready(), number, action, (by, passphrase(by)), dict(map(read_fact, fact or [])))
    display.out.print(f"recorded: {display.shown(action)}")


@review_app.command("outcome")
def outcome(
    number: NumberArgument,
    *,
    outcome: Annotated[str, typer.Option(help=f"One of: {', '.join(OUTCOME_WORDS)}.")],
) -> None:
    """Record what was found out about a candidate by other means."""
    consequence.outcome(ready(), number, outcome)
    display.out.print(f"recorded: {display.shown(outcome)}")


def lead_command(
    number: NumberArgument, output: OutOption, *, recipient: RecipientOption, to: NameOption, reason: ReasonOption
) -> None:
    """Write the lead sheet of a candidate that two people confirmed, as .html or .pdf, and its receipt beside it."""
    kind = one_of("the end of --output", output.suffix, HTML, PDF)
    if not output.parent.is_dir():  # before the log says that it goes out
        raise SettingsError(f"'{output.parent}' is no folder", hint="name a file in a folder that exists")
    if kind == PDF:
        lead.typesetter()
    one_of("--recipient", recipient, *RECIPIENT_WORDS)
    made = lead.make(ready(), number, recipient, to, reason, proof=True)
    write(output, lead.pdf(made) if kind == PDF else lead.render(made).encode())
    receipt = output.with_name(f"{output.name}.tlog-proof")
    write(receipt, made.receipt or b"")
    display.out.print(f"{display.shown(output)}: {made.status}")
    display.say(f"check its receipt: houselights log verify {display.shown(receipt)} --key KEY")
