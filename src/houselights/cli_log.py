"""The commands about the log: `houselights log ...`. Each calls the library once and shows what came back."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from houselights import audit, cases, custody, disclosure, display, erasure, quorum, sources, stamp, witness
from houselights.config import record_dir
from houselights.custody import Checkpoint, CustodyError, Key, Note, Verdict
from houselights.entry import ERASED_WORDS, GROUND_WORDS, RECIPIENT_WORDS, Entry
from houselights.erasure import Erased
from houselights.errors import RecordError, SettingsError
from houselights.files import whole
from houselights.proofs import Receipt
from houselights.record import Record
from houselights.settings import setup
from houselights.words import count

FAILED = 1  # exit status: nothing was done, or something is not as it has to be

log_app = typer.Typer(no_args_is_help=True, help="The record: show it, check it, prove from it, hand it out.")

KeyOption = Annotated[
    str | None, typer.Option(help="The log's public key, or a file with it; our own without this.", metavar="KEY|FILE")
]
LogOption = Annotated[Path | None, typer.Option("--log", help="A copy of a log; our own without this.", metavar="DIR")]
RecipientOption = Annotated[str, typer.Option(help=f"Who gets it: {', '.join(RECIPIENT_WORDS)}.")]
NameOption = Annotated[str, typer.Option("--to", help="Their name. It is sealed, not in the log.")]
ReasonOption = Annotated[str, typer.Option(help="Why. It is sealed, not in the log.")]
OutOption = Annotated[Path, typer.Option("-o", "--output", help="The file to write.")]


def opened() -> Record:
    """This machine's record; who makes it learns its key."""
    record = Record.here()
    if record.is_new:
        display.say(f"a new record was begun in {display.shown(record_dir())}")
        display.say(f"its public key, for those who shall check it: {display.shown(record.key)}")
    return record


def ready() -> Record:
    """This machine's record, with the rules in force stated and every case ended whose time is over."""
    record = opened()
    record.state_rules()
    if gone := cases.expire(record, setup().schedule):
        display.say(f"{count(gone, 'sealed result')} of cases whose time is over: deleted")
    return record


def seconds_of(text: str) -> float:
    """Seconds from 90, 1:30 or 0:01:30.5."""
    if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d+)?", text):
        raise typer.BadParameter(f"'{text}' is no time: expected seconds (90.5) or h:mm:ss (0:01:30.5)")
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + float(part)
    return total


@log_app.command("key")
def key() -> None:
    """Show the log's public key: whoever is to check the log needs it from somebody they trust."""
    sys.stdout.write(f"{opened().key}\n")


@log_app.command("show")
def show(
    *,
    use: Annotated[str | None, typer.Option(help="One use alone: the first digits of its number.")] = None,
    film: Annotated[Path | None, typer.Option(help="What was done with this film alone.", metavar="FOOTAGE")] = None,
    payloads: Annotated[bool, typer.Option("--payloads", help="Open what is sealed, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
) -> None:
    """Show what was done on this machine. Looking is recorded, too."""
    record = opened()
    record.use().add("log-read", {"what": "payloads" if payloads else "entries"})
    entries = record.entries()
    numbered = list(enumerate(map(Entry.parse, entries)))
    if film is not None:
        secret = record.disclosure(sources.digest(film))
        wanted = {found.use for found in disclosure.uses_of(secret, entries)}
        numbered = [(index, entry) for index, entry in numbered if entry.use in wanted]
    if use is not None:
        numbered = [(index, entry) for index, entry in numbered if entry.use.startswith(use)]
    for index, entry in numbered:
        sealed = _payload(record, entry) if payloads else []
        if as_json:
            line = {"entry": index, **json.loads(bytes(entry)), **({"opened": sealed} if payloads else {})}
            sys.stdout.write(json.dumps(line) + "\n")
        else:
            display.out.print(f"{index:>6}  {entry.time}  {entry.use[:8]}  {display.shown(entry.said)}")
            for part in sealed:
                display.out.print(f"        {display.shown(json.dumps(part, ensure_ascii=False))}")
    if not numbered:
        display.say("nothing of that is in the log")


def _opened(part: bytes) -> dict[str, object]:
    """What a part says, without its salt."""
    return {name: value for name, value in custody.fields_of(part).items() if name}


def _payload(record: Record, entry: Entry) -> list[object]:
    """What is sealed for an entry; of a part that was erased, that it was."""
    parts = record.store.opened(entry.payload) if entry.payload else ()
    return [_opened(part) if len(part) != custody.SIZE else "erased" for part in parts]


@log_app.command("verify")
def verify(
    what: Annotated[
        Path | None, typer.Argument(help="A log's folder or a receipt (.tlog-proof); our own log without this.")
    ] = None,
    *,
    key: KeyOption = None,
    since: Annotated[
        Path | None, typer.Option(help="An older checkpoint, or an older copy of the folder.", metavar="OLDER")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Who must have cosigned (c2sp.org/tlog-policy).", metavar="FILE")
    ] = None,
    tsa_ca: Annotated[
        list[Path] | None, typer.Option(help="Certificate of a time stamping authority you trust.", metavar="FILE.pem")
    ] = None,
) -> None:
    """Check that a log, or a receipt from one, is as it was signed. Needs no network."""
    known = _key(what, key)
    if what is not None and what.is_file():
        receipt = Receipt.parse(what.read_bytes())
        checkpoint = receipt.check(known)
        _witnessed(policy, checkpoint.note)
        _show_receipt(receipt, checkpoint)
        return
    folder = what or opened().folder
    verdict = custody.verify(folder, known, since)
    verdict.faults.extend(_vocabulary(folder, verdict))
    _witnessed(policy, verdict.checkpoint.note)
    if tsa_ca:
        stamps = stamp.check(folder, known, tsa_ca)
        verdict.faults.extend(stamps.faults)
        verdict.notices.extend(f"entries 0 to {s.size - 1} were there on {s.time.isoformat()}" for s in stamps.stamps)
    for line in verdict.lines():
        display.out.print(display.shown(line))
    if verdict.faults:
        raise typer.Exit(FAILED)


def _key(what: Path | None, key: str | None) -> Key:
    if key is not None:
        return custody.read_key(key)
    if what is not None:
        hint = "take it from somebody you trust, not from beside the log: --key KEY"
        raise SettingsError(f"to check '{what}' the log's public key is needed", hint=hint)
    return opened().key


def counted(log: Path | None, key: str | None, what: str = "transparency") -> tuple[Path, Key]:
    """Folder and key of the log that is to be counted; that our own is read is recorded in it."""
    if log is not None:
        return log, _key(log, key)
    record = opened()
    record.use().add("log-read", {"what": what})
    return record.folder, record.key


def _witnessed(policy: Path | None, note: Note) -> None:
    if policy is not None:
        names = quorum.Policy.read(policy).check(note)
        display.say(f"cosigned by: {display.shown(', '.join(names)) or 'nobody, and nobody is asked for'}")


def _vocabulary(folder: Path, verdict: Verdict) -> Iterator[str]:
    """What is wrong with what the entries say. Missing ones are faults already."""
    with suppress(CustodyError):
        yield from audit.faults(verdict.checkpoint.origin, custody.read_entries(folder, verdict.checkpoint.size))


def _show_receipt(receipt: Receipt, checkpoint: Checkpoint) -> None:
    for content, parts in zip(receipt.entries, receipt.opened, strict=True):
        entry = Entry.parse(content)
        display.out.print(f"{entry.time}  {display.shown(entry.said)}")
        for part in parts:
            if len(part) != custody.SIZE:
                display.out.print(f"    {display.shown(json.dumps(_opened(part), ensure_ascii=False))}")
    number = f"entry {receipt.index} of {checkpoint.size}"
    display.out.print(f"{display.shown(checkpoint.origin)}: {number}, and what it names before it, are in the log")


@log_app.command("prove")
def prove(
    entry: Annotated[int, typer.Argument(help="The entry's number: the last one of a use proves all of it.")],
    output: OutOption,
    *,
    payloads: Annotated[bool, typer.Option("--payloads", help="With what is sealed, names and all.")] = False,
) -> None:
    """Write a receipt: the proof of an entry and of those before it in its use, for who has no copy of the log."""
    record = opened()
    receipt = record.receipt(entry, "all" if payloads else "none")
    record.use().add("log-read", {"what": "payloads" if payloads else "receipt"})
    write(output, bytes(receipt))
    display.out.print(
        f"{display.shown(output)}: check it with `houselights log verify {display.shown(output)} --key KEY`"
    )


@log_app.command("checkpoint")
def checkpoint(
    *,
    stamp_url: Annotated[
        str | None, typer.Option("--stamp", help="A time stamping authority (RFC 3161) to ask.", metavar="URL")
    ] = None,
) -> None:
    """Show the newest checkpoint; publish it, so that nobody can go back behind it."""
    record = opened()
    newest = record.log.checkpoint()
    if stamp_url is not None:
        moment = stamp.stamp(record.folder, bytes(newest.note), newest.size, stamp_url)
        display.say(f"{newest.size} entries stamped at {moment.isoformat()}")
    sys.stdout.write(bytes(newest.note).decode())


@log_app.command("witness")
def ask_witnesses(
    *, policy: Annotated[Path, typer.Option(help="Witnesses and their addresses (c2sp.org/tlog-policy).")]
) -> None:
    """Have the newest checkpoint cosigned, so that nobody can be shown another history."""
    record = opened()
    known = quorum.Policy.read(policy)
    gathered = witness.gather(record.log, known)
    for name, fault in gathered.faults.items():
        display.say(f"[bold]witness {display.shown(name)}:[/] {display.shown_lines(str(fault))}")
    names = known.check(gathered.note)
    display.out.print(f"cosigned by {display.shown(', '.join(names))}: enough by the policy")


@log_app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    *,
    recipient: RecipientOption,
    to: NameOption,
    reason: ReasonOption,
) -> None:
    """Copy the log for somebody who shall check it. It holds no name, no picture and no hash of anybody's data."""
    record = opened()
    record.export(folder, one_of("--recipient", recipient, *RECIPIENT_WORDS), {"recipient": to, "reason": reason})
    where = display.shown(folder)
    display.out.print(f"{where}: check it with `houselights log verify {where} --key KEY`, the key being")
    sys.stdout.write(f"{record.key}\n")


@log_app.command("ask")
def ask(
    film: Annotated[Path, typer.Argument(help="The film that somebody asked about.", metavar="FOOTAGE")],
    output: OutOption,
) -> None:
    """Record that somebody asked what was done with a film; the receipt is theirs."""
    record = opened()
    use = record.asked(sources.digest(film))
    write(output, bytes(use.receipt("last")))
    display.out.print(f"{display.shown(output)}: give it to who asked; answer with `log disclose --asked {use.number}`")


@log_app.command("disclose")
def disclose(
    film: Annotated[Path, typer.Argument(help="The film.", metavar="FOOTAGE")],
    output: OutOption,
    *,
    to: NameOption,
    reason: ReasonOption,
    recipient: Annotated[str | None, typer.Option(help=f"Who gets it: {', '.join(RECIPIENT_WORDS)}.")] = None,
    refuse: Annotated[
        str | None, typer.Option(help=f"Refuse instead, on a ground: {', '.join(GROUND_WORDS)}.", metavar="GROUND")
    ] = None,
    asked: Annotated[str | None, typer.Option(help="Number of the use in which `log ask` recorded it.")] = None,
) -> None:
    """Hand out a film's disclosure secret, which lists every use of it; or refuse, and say so in the log."""
    if (recipient is None) == (refuse is None):
        raise SettingsError("a disclosure needs --recipient, or --refuse", hint="one of them, not both")
    record, sha256, private = opened(), sources.digest(film), {"recipient": to, "reason": reason}
    if refuse is not None:
        ground = one_of("--refuse", refuse, *GROUND_WORDS)
        write(output, bytes(record.keep_back(sha256, ground, private, asked).receipt("last")))
        display.out.print(f"refused and recorded; {display.shown(output)} is the receipt for who asked")
        return
    known = one_of("--recipient", str(recipient), *RECIPIENT_WORDS)
    write(output, record.disclose(sha256, known, private, asked).to_json().encode())
    where = display.shown(output)
    display.out.print(
        f"{where}: with it and a copy of the log, `houselights log uses FILM --secret {where} --log COPY --key KEY`"
    )


@log_app.command("uses")
def uses(
    film: Annotated[Path | None, typer.Argument(help="The film's file.", metavar="FOOTAGE")] = None,
    *,
    secret: Annotated[Path, typer.Option(help="The film's disclosure, from `log disclose`; or a release's manifest.")],
    log: LogOption = None,
    key: KeyOption = None,
) -> None:
    """Was this film ever searched? Lists every use of it that a log states."""
    folder, known = counted(log, key, "entries")
    verdict = custody.verify(folder, known)
    if verdict.faults:
        raise RecordError(f"'{folder}' is not whole: {verdict.faults[0]}", hint="ask for another copy")
    handed = disclosure.Disclosure.read(secret)
    if handed.log != known.name:
        raise SettingsError(f"'{secret}' is for the log '{handed.log}', this is '{known.name}'")
    if film is not None and sources.digest(film) != handed.sha256:
        raise SettingsError(f"'{secret}' is for another film than '{film}'", hint="ask for that film's disclosure")
    faults = list(_vocabulary(folder, verdict))
    if faults:
        raise RecordError(f"'{folder}' says what no log may say: {faults[0]}", hint="ask for another copy")
    entries = list(custody.read_entries(folder, verdict.checkpoint.size))
    found = disclosure.uses_of(handed, entries)
    against = f"the bytes of {film}" if film else "compared with no file: name the film to be sure that it is the one"
    latest = Entry.parse(entries[-1]).time
    display.out.print(f"the film with SHA-256 {handed.sha256} ({display.shown(against)}), up to {latest}")
    for line in disclosure.in_words(found, verdict.checkpoint.size):
        display.out.print(display.shown(line))


@log_app.command("erase")
def erase(
    *,
    why: Annotated[str, typer.Option(help=f"{', '.join(ERASED_WORDS)}.")],
    subject: Annotated[str | None, typer.Option(help="A person's name, as galleries have it.")] = None,
    use: Annotated[str | None, typer.Option(help="The whole number of a use.")] = None,
) -> None:
    """Take a person out of all that is kept, or destroy what is sealed in a use. The log's entries stay."""
    if (subject is None) == (use is None):
        raise SettingsError("name what to erase: --subject NAME or --use NUMBER", hint="one of them, not both")
    if subject is not None:
        _show_erased(erasure.erase_subject(opened(), subject, why))
        return
    keys = opened().erase("use", str(use), why)
    display.out.print(f"{keys} keys destroyed" if keys else "nothing was sealed there; the asking is recorded")


def _show_erased(erased: Erased) -> None:
    names = display.shown(", ".join(erased.names))
    gone = {
        "watchlist entries": erased.watchlist_entries, "cases": erased.cases, "kept results": erased.results,
        "sealed decisions": erased.decisions, "keys": erased.keys,
    }  # fmt: skip
    if any(gone.values()):
        display.out.print(f"{names}: erased: {', '.join(f'{what} {number}' for what, number in gone.items())}")
    else:
        display.out.print(f"nothing was kept of {names}; the asking is recorded")
    where = "the name still stands in what somebody typed"
    for number in erased.grounds:
        display.say(f"{where} in the case {number}: `houselights case erase {number} --why REASON` erases all of it")
    for use in erased.typed:
        display.say(f"{where} in the use {use}: `houselights log erase --use {use} --why REASON` erases all of it")
    for watchlist, subject in erased.beside:
        entry = f"the entry of {display.shown(subject)} on the watchlist {display.shown(watchlist)}"
        display.say(f"{where} for {entry}: remove that entry and add it anew")
    for use in erased.unfinished:
        display.say(f"the search {use} has no end in the log: if it is still running, erase once more when it is done")
    display.say("not reached:")
    for each in erasure.UNREACHED:
        display.say(f"  {each}")


Choice = TypeVar("Choice", bound=str)


def one_of(option: str, value: str, *choices: Choice) -> Choice:
    """The choice that was typed.

    Raises:
        SettingsError: it is none.
    """
    for choice in choices:
        if value == choice:
            return choice
    raise SettingsError(f"{option} is '{value}', expected {', '.join(choices)}")


def write(file: Path, content: bytes) -> None:
    """Write a whole file or none; only the owner may read it.

    Raises:
        SettingsError: it cannot be written.
    """
    try:
        with whole(file) as stream:
            stream.write(content)
    except OSError as fault:
        msg = f"'{file}' cannot be written: {fault.strerror or fault}"
        raise SettingsError(msg, hint="name a file in a folder that exists and that you may write to") from fault


def check_writable(file: Path) -> None:
    """Return if a file can be written there, as far as can be known before the work.

    Raises:
        SettingsError: it is a folder, or its folder is not there.
    """
    if file.is_dir() or not file.absolute().parent.is_dir():
        msg = f"'{file}' cannot be written: expected a file in a folder that exists"
        raise SettingsError(msg, hint="make the folder first")


def deliver(document: Callable[[], str], show: Callable[[], None], as_json: Path | None) -> None:
    """What was found: shown, or as JSON on stdout where `as_json` is `-`; and in the file of that name, if any.

    Raises:
        SettingsError: the file cannot be written.
    """
    if str(as_json) == "-":
        sys.stdout.write(document())
    else:
        show()
    if as_json is not None and str(as_json) != "-":
        write(as_json, document().encode())


def deliver_page(page: str, file: Path) -> None:
    """Write an HTML page, and say where it opens.

    Raises:
        SettingsError: it cannot be written.
    """
    write(file, page.encode())
    display.say(f"report: {display.shown(file.resolve().as_uri())}")
