"""Bulletin: a transparency report as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal

from houselights.page import template
from houselights.transparency import (
    DEPLOYMENT_OUTCOMES,
    RELEASE_OUTCOMES,
    SCHEMA,
    SEARCH_OUTCOMES,
    Period,
    Rate,
    Rates,
    Transparency,
)
from houselights.words import count, one_in, rate_words

SHOWN = 100  # entries with a clock set back that the page names; the JSON document names all


@dataclass(frozen=True, slots=True)
class Line:
    """A rate as it is shown."""

    words: str
    false: int
    among: int | None
    share: str
    """With its interval; never a bare 0 %."""
    ratio: str


def render(found: Transparency) -> str:
    """The whole report as one HTML document, the same for the same numbers. It runs nothing and asks nothing."""
    parts = (("searches", found.searches.outcomes), ("deployments", found.deployments.outcomes))
    return template("transparency.html").render(
        found=found,
        schema=SCHEMA,
        command=command(found),
        period=_period_words(found.period),
        summary=summary(found),
        cautions=list(_cautions(found)),
        rates={name: list(_lines(outcomes.known, outcomes.false)) for name, outcomes in parts},
        worst={name: list(_lines(outcomes.worst, 0)) for name, outcomes in parts if outcomes.unknown + outcomes.open},
        outcomes=(SEARCH_OUTCOMES, RELEASE_OUTCOMES, DEPLOYMENT_OUTCOMES),
        thresholds=[(means, _fmr_words(means.what)) for means in found.thresholds],
        models=[(*means.what.split(" "), means) for means in found.models],
        shown=SHOWN,
    )


def command(found: Transparency) -> str:
    """The command that gives the same numbers from any copy of the log that has as many entries, or more."""
    words = ["houselights report transparency --log COPY --key KEY"]
    words += [f"--from {found.period.since}"] * (found.period.since is not None)
    words += [f"--to {found.period.until}"] * (found.period.until is not None)
    return " ".join([*words, f"--size {found.log.size} -o FILE.html"])


def summary(found: Transparency) -> str:
    """The period in two sentences."""
    total = found.searches.total
    searches = "1 search" if total == 1 else f"{total:,} searches"
    others = (count(found.deployments.total, "deployment"), count(found.releases.total, "release"))
    refused = count(sum(sum(row.values()) for row in found.refusals.values()), "refusal")
    candidates = found.searches.outcomes.candidates + found.deployments.outcomes.candidates
    return (
        f"Begun in the period: {searches}, {others[0]} and {others[1]}; {refused} by a rule. "
        f"They gave {count(candidates, 'candidate')}. A candidate is a lead only."
    )


def percent(share: float, rounding: str = ROUND_HALF_EVEN) -> str:
    """A share in percent, to two digits and without an exponent: `0.48 %`, `0.00032 %`."""
    exact = Decimal(repr(share)) * 100
    return f"{Context(prec=2, rounding=rounding).plus(exact):f} %"


def rate_line(found: Rate) -> str:
    """A rate with its interval. Where nothing was false it is a bound, rounded up: never a bare 0 %."""
    if found.false == 0:
        return f"none; below {percent(found.high, ROUND_CEILING)}"
    return f"{percent(found.rate)} ({percent(found.low).removesuffix(' %')} to {percent(found.high)})"


def _lines(rates: Rates, false: int) -> Iterator[Line]:
    known = (
        ("Per candidate", rates.per_candidate, "no candidate has an outcome"),
        ("Per track that was compared", rates.per_track, ""),
        ("Per face", rates.per_face, "no candidate has an outcome, or no face was seen"),
    )
    for words, found, why in known:
        if found is not None:
            yield Line(words, found.false, found.among, rate_line(found), _ratio(found))
        elif why:
            yield Line(words, false, None, f"no rate: {why}", "")


def _ratio(found: Rate) -> str:
    """A small share as one in so many; of a large one the numbers themselves say more."""
    share = found.rate or found.high
    return f"{'about' if found.false else 'less than'} 1 in {one_in(share):,}" if share < 0.1 else ""


def _period_words(period: Period) -> str:
    if period.since is None and period.until is None:
        return "the whole log"
    since = "the beginning of the log" if period.since is None else period.since
    return f"{since} to {period.until or 'the end of the log'}"


def _fmr_words(rate: str) -> str:
    return rate_words(float(rate), 0.0) if 0 < float(rate) <= 1 else ""


def _cautions(found: Transparency) -> Iterator[str]:
    """What a reader must know beside the numbers."""
    for name, outcomes in (("searches", found.searches.outcomes), ("deployments", found.deployments.outcomes)):
        if dim := outcomes.unknown + outcomes.open:
            yield f"{count(dim, 'candidate')} of {name} without a known outcome."
        if outcomes.beyond:
            yield f"{count(outcomes.beyond, 'outcome')} of {name} beyond the number of candidates that they state."
        if outcomes.pending:
            yield (
                f"{count(outcomes.pending, 'candidate')} of {name} without an end, {outcomes.pending_false:,} of them "
                "false: how many faces were seen there is not known, so they stand in no other number."
            )
    if found.stray:
        belongs = "belongs" if found.stray == 1 else "belong"
        yield f"{found.stray:,} of the entries {belongs} to a use whose beginning the log does not have."
    if found.disclosures.unanswered:
        yield f"{count(found.disclosures.unanswered, 'question')} about a film without an answer."
    if found.set_back:
        are = "is" if len(found.set_back) == 1 else "are"
        yield f"The clock was set back: {len(found.set_back):,} of the entries {are} dated before an earlier one."
