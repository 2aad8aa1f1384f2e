"""The commands about cases: `houselights case ...`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from houselights import cases, display, intake, policy, report, results, sources
from houselights import watchlist as watchlists
from houselights.case import Case, Opening, Scope
from houselights.cli_actor import ByOption as SignedByOption
from houselights.cli_actor import passphrase, signer
from houselights.cli_log import deliver, deliver_page, one_of, ready, seconds_of
from houselights.entry import ERASED_WORDS
from houselights.errors import FootageError, SettingsError
from houselights.facts import Value, read_fact
from houselights.gallery import entries, photographs_of
from houselights.policy import Known
from houselights.record import TIME, Record, Use
from houselights.results import Kept
from houselights.types import Authority, Purpose
from houselights.words import count, said

case_app = typer.Typer(no_args_is_help=True, help="What is searched for whom, why, on whose authority, until when.")

NumberArgument = Annotated[str, typer.Argument(help="The case: the first digits of its number.", metavar="NUMBER")]
ByOption = Annotated[str, typer.Option(help="The authoriser who signs; asks for their passphrase.", metavar="NAME")]
UrgentOption = Annotated[
    bool, typer.Option("--urgent", help="Do not wait for the approval: it has to come in 48 hours, or all is deleted.")
]
GalleryOption = Annotated[
    Path | None, typer.Option(help="One folder a subject with photographs, or one photograph a subject.")
]
PersonOption = Annotated[
    list[Path] | None, typer.Option(help="A photograph of one person; the file's name is theirs. May be repeated.")
]
WatchlistOption = Annotated[str | None, typer.Option(help="A watchlist, in place of photographs.", metavar="NAME")]
BasisOption = Annotated[str | None, typer.Option(help="The law, warrant, contract or consent it rests on.")]
AuthorisedByOption = Annotated[str | None, typer.Option(help="Who authorised it.")]
FactOption = Annotated[
    list[str] | None,
    typer.Option(help="Stated of this use, for the rules: consent=written. May be repeated.", metavar="NAME=VALUE"),
]
CaseOption = Annotated[str | None, typer.Option(help="An open case: the first digits of its number.", metavar="NUMBER")]
JsonOption = Annotated[Path | None, typer.Option(help="Write the result as JSON; - is stdout.", metavar="FILE")]
ReportOption = Annotated[
    Path | None, typer.Option("--report", help="Write the result as one HTML file.", metavar="FILE.html")
]
JustificationOption = Annotated[str, typer.Option(help="Why a minor has to be looked for.")]
MOMENTS = ["%Y-%m-%d", TIME]


def facts_of(stated: list[str] | None) -> dict[str, Value]:
    """Facts from what was typed as NAME=VALUE."""
    return dict(read_fact(text) for text in stated or ())


def leaves(*files: Path | None) -> bool:
    """Whether what is found leaves the screen: into a file, or into another program."""
    return any(files) or not sys.stdout.isatty()


def ways(as_json: Path | None, report_file: Path | None) -> list[str]:
    """How what is found is about to be shown, in the words of the record."""
    shown = "pipe" if leaves() else "terminal"
    how = {shown: str(as_json) != "-", "json": as_json is not None, "report": report_file is not None}
    return [name for name, wanted in how.items() if wanted]


def in_case(record: Record, case: str | None, purpose: str | None, basis: str | None, by: str | None) -> Authority:
    """The authority that a case fixed, or the one that is stated."""
    if case is None:
        return policy.authority(purpose or "", basis, by)
    if purpose or basis or by:
        hint = "leave --purpose, --basis and --authorised-by out"
        raise SettingsError(f"case '{case}' has its purpose, basis and authoriser already", hint=hint)
    return cases.find(record, case).authority


@case_app.command("open")
def open_(
    footage: Annotated[list[Path], typer.Argument(help="The films, photographs and folders it is about.")],
    *,
    purpose: Annotated[str, typer.Option(help=f"One of: {', '.join(Purpose)}.")],
    gallery: GalleryOption = None,
    person: PersonOption = None,
    watchlist: WatchlistOption = None,
    basis: BasisOption = None,
    authorised_by: AuthorisedByOption = None,
    since: Annotated[
        float | None, typer.Option("--from", parser=seconds_of, help="Its footage begins at this time.")
    ] = None,
    until_s: Annotated[float | None, typer.Option("--to", parser=seconds_of, help="Its footage ends at it.")] = None,
    place: Annotated[str, typer.Option(help="Where the footage was taken. It is sealed.")] = "",
    until: Annotated[datetime | None, typer.Option(help="When it ends, UTC.", formats=MOMENTS)] = None,
    urgent: UrgentOption = False,
    justification: JustificationOption = "",
    fact: FactOption = None,
    by: SignedByOption = None,
) -> None:
    """Open a case. Nothing in it can change after that, save its end; another question is another case."""
    record = ready()
    if watchlist and (gallery or person):
        raise SettingsError("people are named by a watchlist and by photographs", hint="use one of them")
    offered, _ = entries(gallery, list(person or ()))
    people = watchlists.hashes(record, watchlist) if watchlist else photographs_of(offered)
    with record.refusing("case"):
        authority = policy.authority(purpose, basis, authorised_by)
        policy.check_search(authority, len(people), facts_of(fact), Known(justified=bool(said(justification))))
        files, _ = sources.find(footage)
        if not files:
            raise FootageError("no footage was named", hint="name films, photographs, or folders that hold some")
        films = {sources.digest(file): file.name for file in files}
        for sha256, name in films.items():
            intake.check(record, sha256, name, authority.purpose)
        scope = Scope(
            films=films, subjects=people, watchlist=watchlist or "",
            since_s=since, until_s=until_s, place=place,
        )  # fmt: skip
        how = Opening(until=_moment(until), urgent=urgent, justification=justification, by=signer(by))
        case = cases.open_case(record, authority, scope, how)
    _say(case, record)


def _moment(until: datetime | None) -> str | None:
    return until.strftime(TIME) if until else None


def _say(case: Case, record: Record) -> None:
    state = case.state(cases.now(record))
    display.out.print(f"case {case.number}: {display.shown(state)}, until {case.until}")
    if state == "waits for approval":
        display.say(f"next: another person approves it: houselights case approve {case.number[:8]} --by NAME")
    else:
        listed = display.shown(case.scope.watchlist)
        people = f"--watchlist {listed}" if listed else "and the same photographs"
        display.say(f"next: houselights search FOOTAGE --case {case.number[:8]} {people}")


@case_app.command("list")
def show_all(
    *, as_json: Annotated[bool, typer.Option("--json", help="One JSON document, without names.")] = False
) -> None:
    """Show all cases."""
    record = ready()
    moment = cases.now(record)
    found = cases.listed(record)
    if as_json:
        rows = [
            {"case": each.number, "purpose": each.authority.purpose, "state": each.state(moment), "opened": each.opened,
             "until": each.until, "films": len(each.scope.films), "subjects": len(each.scope.subjects)}
            for each in found
        ]  # fmt: skip
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    lines = [
        (each.number[:8], each.authority.purpose, each.state(moment), each.opened[:10], each.until[:10],
         count(len(each.scope.films), "film"), count(len(each.scope.subjects), "subject"))
        for each in found
    ]  # fmt: skip
    display.rows("", ("case", "purpose", "", "opened", "until", "", ""), lines)


@case_app.command("show")
def show(
    number: NumberArgument, *, as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False
) -> None:
    """Show what a case is about, how it stands, and which searches were made in it. Looking is recorded."""
    record = ready()
    case = cases.find(record, number)
    record.use().add("log-read", {"what": "payloads"})
    kept = results.of(record, case)
    if as_json:
        found = [{"use": each.use, "candidates": len(each.result.candidates)} for each in kept]
        document = {**asdict(case), "state": case.state(cases.now(record)), "results": found}
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        return
    display.rows("", ("", ""), list(_facts(case, record)))
    for each in kept:
        display.out.print(
            f"search {each.use[:8]}, {each.result.started}: {count(len(each.result.candidates), 'candidate')}"
        )
    if not kept:
        display.say("no results are kept")


def _facts(case: Case, record: Record) -> Iterator[tuple[str, str]]:
    scope, authority = case.scope, case.authority
    yield "case", case.number
    yield "state", case.state(cases.now(record))
    yield "purpose", f"{authority.purpose}: {authority.purpose.words}"
    yield "basis", authority.basis
    yield "authorised by", f"{authority.authorised_by}{'' if case.approved else ' (typed, nobody signed)'}"
    yield "opened, until", f"{case.opened}, {case.until}"
    yield "films", ", ".join(sorted(scope.films.values()))
    yield "subjects", ", ".join(sorted(scope.subjects)) + (f" (watchlist {scope.watchlist})" if scope.watchlist else "")
    for name, photographs in sorted(scope.subjects.items()):
        yield f"photographs of {name}", " ".join(each[:16] for each in photographs)
    if scope.place:
        yield "place", scope.place
    if scope.since_s is not None or scope.until_s is not None:
        yield "part of the footage", f"{scope.since_s or 0:g} s to {scope.until_s or 'the end'}"
    if case.justification:
        yield "justification", case.justification
    if case.approved:
        yield "approved", case.approved


@case_app.command("approve")
def approve(number: NumberArgument, *, by: ByOption) -> None:
    """Approve a case. It needs somebody else than who opened it."""
    record = ready()
    with record.refusing("case"):
        case = cases.approve(record, cases.find(record, number), (by, passphrase(by)))
    _say(case, record)


@case_app.command("extend")
def extend(
    number: NumberArgument,
    *,
    until: Annotated[datetime, typer.Option(help="When it ends, UTC.", formats=MOMENTS)],
    by: ByOption,
) -> None:
    """Give a case another end."""
    record = ready()
    with record.refusing("case"):
        case = cases.extend(record, cases.find(record, number), until.strftime(TIME), (by, passphrase(by)))
    _say(case, record)


@case_app.command("close")
def close(number: NumberArgument) -> None:
    """Close a case: nothing more is searched in it. Its results go when the retention schedule says."""
    record = ready()
    _say(cases.close(record, cases.find(record, number)), record)


@case_app.command("erase")
def erase(
    number: NumberArgument, *, why: Annotated[str, typer.Option(help=f"One of: {', '.join(ERASED_WORDS)}.")]
) -> None:
    """Close a case and destroy the keys of all that is sealed in it. The log's entries and their proofs stay."""
    record = ready()
    gone = cases.erase(record, cases.find(record, number), one_of("--why", why, *ERASED_WORDS))
    display.out.print(f"{count(gone, 'sealed document')} destroyed")
    display.say("files that were written before, reports and exports, are not in the store: delete them yourself")


@case_app.command("results")
def show_results(
    number: NumberArgument,
    *,
    use: Annotated[str, typer.Option(help="One search of it: the first digits of its number.")] = "",
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write it as JSON; - is stdout.", metavar="FILE")
    ] = None,
    report_file: Annotated[
        Path | None, typer.Option("--report", help="Write it as one HTML file.", metavar="FILE.html")
    ] = None,
) -> None:
    """Open what was found in a case once more, without searching again. Opening is recorded."""
    record = ready()
    case = cases.find(record, number)
    kept = [each for each in results.of(record, case) if each.use.startswith(use)]
    if not kept:
        display.say("no results are kept")
        return
    hand_out(record.use(kept[-1].use), case, kept[-1], as_json, report_file)
    for each in kept[:-1]:
        display.say(f"an earlier search of this case: --use {each.use[:8]}, {each.result.started}")


def hand_out(use: Use, case: Case, kept: Kept, as_json: Path | None, report_file: Path | None) -> None:
    """Show what was found, after the rules allowed it and an entry says so."""
    results.opened(use, case, kept, ways(as_json, report_file))
    deliver(kept.result.to_json, lambda: display.result(kept.result), as_json)
    if report_file is not None:
        deliver_page(report.render(kept.result, kept.subjects, kept.pictures), report_file)
    elif kept.result.candidates and case.is_approved:
        number = case.number[:8]
        display.say(f"the candidates beside the references: houselights case results {number} --report FILE.html")
