"""The command line: each command parses, calls the library once, and shows what came back."""

from __future__ import annotations

import platform
import resource
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from houselights import (
    __version__,
    batch,
    bulletin,
    cases,
    check,
    config,
    custody,
    demo,
    display,
    fetching,
    models,
    policy,
    results,
    runtime,
    sheet,
    transparency,
)
from houselights import event as events
from houselights import manifest as manifests
from houselights import redact as redacting
from houselights import release as releases
from houselights.case import Opening
from houselights.cast import read_cast
from houselights.cli_actor import ByOption, actor_app, intake_command, signer
from houselights.cli_calibrate import calibrate_command
from houselights.cli_case import (
    AuthorisedByOption,
    BasisOption,
    CaseOption,
    FactOption,
    GalleryOption,
    JsonOption,
    JustificationOption,
    PersonOption,
    ReportOption,
    UrgentOption,
    WatchlistOption,
    case_app,
    facts_of,
    hand_out,
    in_case,
    leaves,
)
from houselights.cli_doubles import doubles_command, lookalikes_command
from houselights.cli_evaluate_film import evaluate_app
from houselights.cli_log import FAILED, KeyOption, LogOption, counted, log_app, one_of, ready, seconds_of, write
from houselights.cli_models import (
    AcceptOption,
    CalibrationOption,
    RecogniserOption,
    fetch_for,
    fetch_if_missing,
    models_app,
)
from houselights.cli_person import subject_report_command
from houselights.cli_policy import policy_app
from houselights.cli_retention import retention_app
from houselights.cli_review import lead_command, review_app
from houselights.cli_watchlist import watchlist_app
from houselights.cover import Fill
from houselights.credential import Signer
from houselights.custody import CustodyError
from houselights.errors import Error, SettingsError
from houselights.gallery import Portraitist
from houselights.heads import Recall
from houselights.odds import WORST_GROUP
from houselights.record import Record
from houselights.sampling import Sampling
from houselights.script import EventSettings
from houselights.types import Purpose
from houselights.words import short_clock

PARTLY = 3  # exit status: done, but some footage could not be read
BLOCKED = 4  # exit status: the check found faces, and the release was kept aside

DEFAULTS = EventSettings()

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
app.add_typer(models_app, name="models")
app.add_typer(log_app, name="log")
app.add_typer(actor_app, name="actor")
app.add_typer(case_app, name="case")
app.add_typer(watchlist_app, name="watchlist")
app.add_typer(policy_app, name="policy")
app.add_typer(retention_app, name="retention")
app.command("intake")(intake_command)
app.command("calibrate")(calibrate_command)
app.add_typer(evaluate_app, name="evaluate")
app.command("lookalikes")(lookalikes_command)
app.command("doubles")(doubles_command)
app.add_typer(review_app, name="review")
app.command("lead")(lead_command)
app.command("subject-report")(subject_report_command)
report_app = typer.Typer(no_args_is_help=True, help="Reports over many uses.")
app.add_typer(report_app, name="report")


def main() -> None:
    """Run the command and turn every error of ours into a message and an exit status."""
    _leave_no_core()
    try:
        app()
    except (Error, CustodyError) as fault:
        display.complain(fault if isinstance(fault, Error) else Error(str(fault)))
        sys.exit(FAILED)
    except KeyboardInterrupt:
        display.say("\nstopped; run the same command again to go on where it was")
        sys.exit(130)


def _leave_no_core() -> None:
    """A process that dies leaves no image of its memory, which holds templates. A limit of 1 stops handlers, too."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0 if most == 0 else 1, most))


@app.callback(invoke_without_command=True)
def about(*, version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    """Face recognition on event video with the lights on: named people only, with honest odds."""
    if version:
        display.out.print(f"houselights {__version__}")
        raise typer.Exit


@app.command()
def search(
    footage: Annotated[
        list[Path], typer.Argument(help="Video files, photographs and folders of them.", metavar="FOOTAGE...")
    ],
    *,
    purpose: Annotated[str | None, typer.Option(help=f"One of: {', '.join(Purpose)}.")] = None,
    gallery: GalleryOption = None,
    person: PersonOption = None,
    watchlist: WatchlistOption = None,
    basis: BasisOption = None,
    authorised_by: AuthorisedByOption = None,
    json: JsonOption = None,
    report_file: ReportOption = None,
    threshold_fmr: Annotated[float, typer.Option(help="How often a stranger may score as high as a candidate.")] = 1e-5,
    worst_group: Annotated[
        str,
        typer.Option(help="How much more often strangers of one group look alike; off: left out.", metavar="FACTOR"),
    ] = f"{WORST_GROUP:g}",
    prior: Annotated[
        float | None,
        typer.Option(help="The share of tracks believed to show somebody of the gallery.", metavar="SHARE"),
    ] = None,
    sample: Annotated[str, typer.Option(help="Frames to analyse: auto, all, keys, or N for one in N.")] = "auto",
    since: Annotated[
        float | None, typer.Option("--from", parser=seconds_of, help="Begin at this time, h:mm:ss or seconds.")
    ] = None,
    until: Annotated[float | None, typer.Option("--to", parser=seconds_of, help="End at this time.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on with detections of an earlier run.")
    ] = True,
    recogniser: RecogniserOption = "sface",
    accept_licence: AcceptOption = False,
    calibration: CalibrationOption = None,
    detector_width: Annotated[
        int | None, typer.Option(min=160, max=7680, help="Long side in pixels at which faces are looked for.")
    ] = None,
    crowd: Annotated[
        bool, typer.Option("--crowd", help="Look for faces at twice the size as well: finds smaller ones, slower.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Files searched at a time.")] = 1,
    fact: FactOption = None,
    case: CaseOption = None,
    urgent: UrgentOption = False,
    justification: JustificationOption = "",
    by: ByOption = None,
) -> None:
    """Search footage for named people, inside a case: an open one, or one that is opened for this search."""
    record = ready()
    with record.refusing("search"):
        authority = in_case(record, case, purpose, basis, authorised_by)
    request = batch.Request(
        footage=tuple(footage), authority=authority, gallery=gallery,
        persons=tuple(person or ()), recogniser=recogniser, accept_licence=accept_licence, calibration=calibration,
        threshold_fmr=threshold_fmr, worst_group=_factor(worst_group), prior=prior,
        sampling=Sampling.parse(sample), detector_width=detector_width, crowd=crowd,
        since_s=since, until_s=until, resume=resume, jobs=jobs, facts=facts_of(fact), watchlist=watchlist, case=case,
        opening=_opening(case, by, urgent=urgent, justification=justification), leaves=leaves(json, report_file),
    )  # fmt: skip
    fetch_for(recogniser)
    with display.SearchBars() as bars:
        outcome = batch.run(request, record, bars)
    _show(request, outcome, record, json, report_file)
    if any(use.error for use in outcome.result.footage):
        raise typer.Exit(PARTLY)


def _factor(text: str) -> float | None:
    """What --worst-group says; `off`, and a factor of 1, which changes nothing, leave it out."""
    try:
        return None if text == "off" or float(text) == 1 else float(text)
    except ValueError as fault:
        raise SettingsError(f"--worst-group is '{text}', expected a factor of 1 or more, or off") from fault


def _opening(case: str | None, by: str | None, *, urgent: bool, justification: str) -> Opening:
    """How a case is opened for one search or release."""
    if case is not None and (by or urgent or justification):
        raise SettingsError(f"case '{case}' is open already", hint="--by, --urgent and --justification open another")
    return Opening(urgent=urgent, justification=justification, by=signer(by))


def _show(
    request: batch.Request, outcome: batch.Outcome, record: Record, json: Path | None, report_file: Path | None
) -> None:
    detector = models.path_of(models.default("detector"))
    kept = results.keep(record, outcome, request.facts, detector, pictured=report_file is not None)
    case = cases.current(record, kept.result.record.case)
    hand_out(outcome.use, case, kept, json, report_file)
    how = "opened for this, " if request.case is None else ""
    display.say(f"case {case.number[:8]}: {how}{case.state(cases.now(record))}, until {case.until}")


@app.command()
def redact(
    footage: Annotated[Path, typer.Argument(help="A video file, a photograph, or a folder of them.")],
    out: Annotated[Path, typer.Option("-o", "--output", help="The released file (.mp4, .jpg, .png), or a folder.")],
    *,
    keep: Annotated[
        list[Path] | None,
        typer.Option(help="Who stays visible: a photograph, or a gallery folder.", metavar="PHOTO|DIR"),
    ] = None,
    hide: Annotated[
        list[Path] | None, typer.Option(help="Who is hidden; without --keep, they alone.", metavar="PHOTO|DIR")
    ] = None,
    purpose: Annotated[
        str | None, typer.Option(help=f"Needed with --keep and --hide: {', '.join(policy.RELEASES)}.")
    ] = None,
    basis: BasisOption = None,
    authorised_by: AuthorisedByOption = None,
    edits: Annotated[Path | None, typer.Option(help="Changes made by a person.", metavar="FILE.json")] = None,
    fill: Annotated[str, typer.Option(help="solid or silhouette.")] = "solid",
    colour: Annotated[str, typer.Option(help="Of the covers.", metavar="RRGGBB")] = Fill().colour,
    audio: Annotated[str, typer.Option(help="drop, keep or mute: a voice says who speaks.")] = "drop",
    since: Annotated[
        float | None, typer.Option("--from", parser=seconds_of, help="Begin at this time, h:mm:ss or seconds.")
    ] = None,
    until: Annotated[float | None, typer.Option("--to", parser=seconds_of, help="End at this time.")] = None,
    aspect: Annotated[str, typer.Option(help="source, 9:16, 1:1, 4:5 or 16:9.")] = "source",
    codec: Annotated[str, typer.Option(help="h264, hevc or av1.")] = "h264",
    quality: Annotated[int | None, typer.Option(help="The encoder's rate factor: lower is better.")] = None,
    recall: Annotated[str, typer.Option(help="high, or normal: faster, finds fewer small faces.")] = "high",
    manifest: Annotated[
        Path | None, typer.Option(help="Where the manifest goes; beside the release without it.", metavar="FILE")
    ] = None,
    allow_findings: Annotated[
        str | None, typer.Option(help="Release whatever the check finds, for this reason.", metavar="REASON")
    ] = None,
    threshold_fmr: Annotated[
        float, typer.Option(help="How often a stranger may be taken for somebody to keep.")
    ] = 1e-5,
    recogniser: RecogniserOption = "sface",
    accept_licence: AcceptOption = False,
    sign: Annotated[
        Path | None,
        typer.Option(help="Write a content credential (C2PA) signed with this certificate.", metavar="CERT.pem"),
    ] = None,
    sign_key: Annotated[Path | None, typer.Option(help="The certificate's private key.", metavar="KEY.pem")] = None,
    disclose: Annotated[
        bool, typer.Option(help="Let whoever has the manifest and the log list every use of the source.")
    ] = True,
    fact: FactOption = None,
    case: CaseOption = None,
    by: ByOption = None,
) -> None:
    """Make a copy in which every head is hidden, or all but those who may be seen."""
    record, stated = ready(), facts_of(fact)
    with record.refusing("release"):
        authority = in_case(record, case, purpose, basis, authorised_by) if case or purpose else None
        policy.check_release(authority, len(keep or ()) + len(hide or ()), stated)
    request = releases.Request(
        source=footage, out=out, authority=authority,
        keep=tuple(keep or ()), hide=tuple(hide or ()), edits=edits, fill=Fill(one_of("--fill", fill, "solid",
        "silhouette"), colour), audio=one_of("--audio", audio, "drop", "keep", "mute"),
        since_s=since, until_s=until, aspect=one_of("--aspect", aspect, "source", "9:16", "1:1", "4:5", "16:9"),
        codec=one_of("--codec", codec, "h264", "hevc", "av1"), quality=quality,
        recall=Recall(one_of("--recall", recall, *Recall)), manifest=manifest, allow_findings=allow_findings,
        recogniser=recogniser, accept_licence=accept_licence, threshold_fmr=threshold_fmr,
        signer=_signer(sign, sign_key), disclose=disclose, facts=stated, case=case,
        opening=_opening(case, by, urgent=False, justification=""),
    )  # fmt: skip
    fetch_if_missing("detector", "second-detector", *(("recogniser",) if request.compares else ()))
    if footage.is_dir():
        _redact_folder(request, record)
        return
    with display.ReleaseBar(footage.name) as bar:
        released = redacting.redact(request, record, bar)
    display.released(released, request)
    if released.blocked:
        raise typer.Exit(BLOCKED)


def _signer(certificate: Path | None, key: Path | None) -> Signer | None:
    if certificate and key:
        return Signer(certificate, key)
    if certificate or key:
        raise SettingsError("--sign and --sign-key go together", hint="name the certificate and its private key")
    return None


def _redact_folder(request: releases.Request, record: Record) -> None:
    if request.manifest or request.edits:
        raise SettingsError("--manifest and --edits are for one file", hint="name a file in place of the folder")
    found, passed = redacting.jobs(request.source, request.out)
    for path, reason in passed:
        display.say(f"passed over: {display.shown(path)}: {display.shown(reason)}")
    states = {"released": 0, "as before": 0, "blocked": 0, "failed": 0}
    with display.ReleaseBar("", files=len(found)) as bar:
        for done in redacting.redact_folder(found, request, record, bar):
            states[bar.done(done)] += 1
    display.out.print(", ".join(f"{number} {state}" for state, number in states.items()))
    if states["failed"]:
        raise typer.Exit(PARTLY)
    if states["blocked"]:
        raise typer.Exit(BLOCKED)


@app.command("check-release")
def check_release(
    released: Annotated[Path, typer.Argument(help="The released file.")],
    *,
    manifest: Annotated[
        Path | None, typer.Option(help="Its manifest; the one beside it without this.", metavar="FILE")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="The maker's log key: checks the receipt beside it, too.", metavar="KEY|FILE")
    ] = None,
) -> None:
    """Check a released file against its manifest: bytes, structure, and whether a face can be found in it."""
    stated = manifest or releases.beside(released, "release.json")
    known = manifests.read(stated)
    if key is not None:
        receipt = releases.beside(released, releases.RECEIPT)
        checkpoint = check.proven(released, stated, receipt, custody.read_key(key))
        display.say(f"stated in the log '{display.shown(checkpoint.origin)}'")
    fetch_if_missing("second-detector")
    wrong = list(check.differences(released, known))
    for line in wrong:
        display.out.print(f"[bold red]wrong:[/] {display.shown(line)}")
    if wrong:
        raise typer.Exit(FAILED)
    display.out.print(
        f"{display.shown(released)} is as its manifest says: {display.shown(sheet.summary(known, blocked=False))}"
    )


@app.command()
def event(
    out_dir: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    *,
    cast: Annotated[
        Path | None, typer.Option(help="A folder of portraits; the fetched openpeople cast without it.")
    ] = None,
    strangers: Annotated[
        Path | None, typer.Option(help="A folder of portraits of people who are never enrolled.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Length.")] = DEFAULTS.seconds,
    people: Annotated[int, typer.Option(help="Walks through the picture.")] = DEFAULTS.people,
    seed: Annotated[int, typer.Option(help="The same seed makes the same film.")] = DEFAULTS.seed,
    width: Annotated[int, typer.Option(help="Pixels, even.")] = DEFAULTS.width,
    height: Annotated[int, typer.Option(help="Pixels, even.")] = DEFAULTS.height,
    rate: Annotated[int, typer.Option(help="Frames a second.")] = DEFAULTS.rate,
    cuts: Annotated[int, typer.Option(help="Shot cuts.")] = DEFAULTS.cuts,
    occluders: Annotated[int, typer.Option(help="Things in front of the people.")] = DEFAULTS.occluders,
    crowd: Annotated[int, typer.Option(help="Strangers who stand in the background.")] = DEFAULTS.crowd,
    blur: Annotated[float, typer.Option(help="0 to 1.")] = DEFAULTS.blur,
    light: Annotated[float, typer.Option(help="0 to 1.")] = DEFAULTS.light,
    noise: Annotated[float, typer.Option(help="0 to 1.")] = DEFAULTS.noise,
    crf: Annotated[int, typer.Option(help="The encoder's quality: more is worse.")] = DEFAULTS.crf,
    variable_rate: Annotated[bool, typer.Option("--variable-rate", help="Irregular time stamps.")] = False,
    rotation: Annotated[int, typer.Option(help="Stored turned by 0, 90, 180 or 270 degrees, with a flag.")] = 0,
    codec: Annotated[str, typer.Option(help="The encoder's name.")] = DEFAULTS.codec,
) -> None:
    """Make footage with known truth: event.mp4, a gallery and truth.json."""
    settings = EventSettings(
        seconds=seconds, people=people, seed=seed, width=width, height=height, rate=rate, cuts=cuts,
        occluders=occluders,
        blur=blur, light=light, noise=noise, crf=crf, variable_rate=variable_rate, rotation=rotation, crowd=crowd,
        codec=codec,
    )  # fmt: skip
    fetch_if_missing("detector", *(() if cast else ("cast",)))
    find_face = Portraitist(models.path_of(models.default("detector"))).find_face
    actors = read_cast(cast or fetching.cast_dir(), find_face)
    others = read_cast(strangers, find_face, limit=people + crowd) if strangers else None
    with display.steps("frames") as bar:
        truth = events.make(out_dir, actors, settings, strangers=others, progress=bar)
    enrolled = sum(person.enrolled for person in truth.people)
    folder = display.shown(out_dir)
    display.out.print(f"{folder}: {len(truth.frames)} frames, {len(truth.people)} people, {enrolled} in the gallery")
    search_it = f"houselights search {folder}/event.mp4 --gallery {folder}/gallery"
    display.say(f"next: {search_it} --purpose evaluation --basis test --authorised-by me")


@report_app.command("transparency")
def report_transparency(
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.html or FILE.json.")],
    *,
    since: Annotated[
        datetime | None, typer.Option("--from", help="First day, UTC.", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", help="Last day, UTC.", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")
    ] = None,
    log: LogOption = None,
    key: KeyOption = None,
    size: Annotated[int | None, typer.Option(help="Only the first N entries, as they once were all.", min=0)] = None,
) -> None:
    """Show what a log says of a period, in numbers that anybody gets again from a copy of the log."""
    folder, known = counted(log, key)
    found = transparency.of(folder, known, since and since.date(), until and until.date(), size)
    text = found.to_json() if output.suffix.lower() == ".json" else bulletin.render(found)
    write(output, text.encode())
    display.out.print(f"{display.shown(output)}: {found.log.size} entries of {display.shown(found.log.name)}")


@app.command()
def info() -> None:
    """Show versions, processor, runtime, precision, models and where things are kept."""
    facts = {
        "houselights": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        **runtime.describe(),
    }
    facts |= {
        "cache": str(config.cache_dir()),
        "models": str(config.models_dir()),
        "data": str(config.data_dir() or "not set"),
    }
    display.rows("", ("what", "value"), list(facts.items()))
    display.rows("", ("model", "state", "sha256"), [(c.model.name, c.state, c.model.sha256) for c in models.verify()])


@app.command("demo")
def run_demo(
    out_dir: Annotated[Path, typer.Option("--out", help="Where the film, the gallery and the report go.")] = Path(
        "houselights-demo"
    ),
    seconds: Annotated[float, typer.Option(help="Length of the film.")] = DEFAULTS.seconds,
    seed: Annotated[int, typer.Option(help="Another seed makes another film.")] = DEFAULTS.seed,
) -> None:
    """Make a film with people made by a computer, search it, compare with the truth, and release it."""
    display.say("1. weights and cast")
    fetch_if_missing("detector", "recogniser", "second-detector", "cast")
    display.say(f"2. a film of {seconds:g} s: {display.shown(out_dir / 'event.mp4')}")
    with display.steps("frames") as bar:
        truth = demo.make_event(out_dir, replace(DEFAULTS, seconds=seconds, seed=seed), bar)
    display.say("3. the search")
    record = demo.record(out_dir)
    with display.SearchBars() as bars:
        outcome = batch.run(demo.request(out_dir), record, bars)
    _show(demo.request(out_dir), outcome, record, out_dir / "result.json", out_dir / "report.html")
    rows = [
        (
            row.subject, "yes" if row.enrolled else "no",
            _times(row.walks),
            _times(tuple((seen.start_s, seen.end_s) for seen in row.found)) or "nothing",
            row.verdict,
        )
        for row in demo.compare(truth, outcome.result.appearances)
    ]  # fmt: skip
    display.rows("\nthe truth and what was found", ("person", "searched for", "face in the film", "found", ""), rows)
    display.say("\n4. a release in which those who were searched for stay visible, and nobody else")
    wanted = demo.release(out_dir)
    with display.ReleaseBar(wanted.out.name) as bar:
        display.released(redacting.redact(wanted, record, bar), wanted)
    display.say("\n5. another film, for a social-media post: nobody is searched for in it, and it is released")
    with display.steps("frames") as bar:
        wanted = demo.post(out_dir / "post", seed + 1, record, bar)
    with display.SearchBars() as bars:
        display.out.print(f"refused: {display.shown(demo.refused(out_dir / 'post', record, bars))}")
    with display.ReleaseBar(wanted.out.name) as bar:
        display.released(redacting.redact(wanted, record, bar), wanted)
    display.say("\n6. the record: was the first film ever searched?")
    for line in demo.uses(record, out_dir):
        display.out.print(display.shown(line))
    folder = display.shown(out_dir)
    display.say(
        f"\nthree things to try next:\n"
        f"  open report.html and released.mp4.review.html in {folder}, and watch released.mp4\n"
        f"  houselights search HOLIDAY.mp4 --person ME.jpg --purpose consented --report report.html\n"
        f"  houselights redact HOLIDAY.mp4 -o for-everybody.mp4"
    )


def _times(spans: tuple[tuple[float, float], ...]) -> str:
    return ", ".join(f"{short_clock(start)} to {short_clock(end)}" for start, end in spans)
