"""Verdicts: which tracks of a release are hidden, and why. Whoever cannot be told to be meant is hidden.

Without photographs every head is hidden and nobody is compared with anybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from houselights.gallery import Gallery
from houselights.search import Probe, Sieve, score
from houselights.words import rate_words

HIDE_FMR = 0.01
"""Who scores like one in a hundred strangers, or better, with a person to hide is hidden: a miss would show them."""
GUARD_S = 0.5  # seconds around the moment at which a track passes to somebody else that belong to nobody


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a track in which one person is seen."""

    start_s: float
    end_s: float
    shown: bool
    why: str


EVERYBODY = "every head is hidden"
UNKNOWN = "no picture of this head is good enough to say who it is not"


class Verdicts:
    """What becomes of each track."""

    def __init__(self, spans: dict[int, tuple[Span, ...]] | None = None, otherwise: str = EVERYBODY) -> None:
        """Spans by track; `otherwise` says why all else is hidden."""
        self._spans = spans or {}
        self._otherwise = otherwise

    def of(self, track: int, seconds: float) -> tuple[bool, str]:
        """Whether a track is shown at a time, and why it is or is not."""
        spans = self._spans.get(track, ())
        held = [span for span in spans if span.start_s <= seconds <= span.end_s]
        if held:  # somebody may pass through another's span: whoever is hidden wins
            span = min(held, key=lambda each: each.shown)
            return span.shown, span.why
        if spans and len({span.why for span in spans}) == 1:
            return spans[0].shown, spans[0].why
        return False, "the track passes from one person to another" if spans else self._otherwise


def judged(keep: Gallery | None, hide: Gallery | None, probes: Iterable[Probe], sieve: Sieve) -> Verdicts:
    """The verdicts for tracks with templates.

    With people to keep, a track is shown where it passes the sieve with one of them and is not like anybody to hide.
    With people to hide alone, it is shown where it is not like any of them. Without anybody, none is shown.
    """
    if keep is None and hide is None:
        return Verdicts()
    judge = _Judge(keep, hide, sieve)
    by_track: dict[int, list[Probe]] = {}
    for probe in probes:
        by_track.setdefault(probe.track, []).append(probe)
    spans = {}
    for track, those in by_track.items():
        spans[track] = tuple(_span(probe, *judge.of(probe), divided=len(those) > 1) for probe in those)
    return Verdicts(spans, UNKNOWN if keep is None else "no picture of this head is good enough to say who it is")


def _span(probe: Probe, shown: bool, why: str, *, divided: bool) -> Span:  # noqa: FBT001 - as a judge says it
    """Where a verdict holds: of a divided track, less than a shown person's part and more than a hidden one's."""
    guard = GUARD_S if divided and shown else -GUARD_S  # the ends of a whole track are its own
    return Span(probe.start_s + guard, probe.end_s - guard, shown, why)


class _Judge:
    """Compares templates with who is meant."""

    def __init__(self, keep: Gallery | None, hide: Gallery | None, sieve: Sieve) -> None:
        self._keep, self._hide, self._sieve = keep, hide, sieve
        self._loose = sieve.calibration.score_at(HIDE_FMR)

    def of(self, probe: Probe) -> tuple[bool, str]:
        """Whether the person of a probe is shown, and why."""
        unlike, name = _best(self._hide, probe)
        if unlike >= self._loose:
            return False, f"like {name}, to be hidden: score {unlike:.3f}, {self._rate(unlike, probe)}"
        if self._keep is None:
            return True, f"not like anybody to be hidden: score {unlike:.3f} at most"
        alike, name = _best(self._keep, probe)
        asked = self._sieve.score(probe)
        if alike < asked:
            return False, f"cannot be told to be anybody to keep: score {alike:.3f}, {asked:.3f} is asked for"
        return True, f"taken for {name}: score {alike:.3f}, {self._rate(alike, probe)}"

    def _rate(self, value: float, probe: Probe) -> str:
        rate = self._sieve.calibration.rate(value, probe.kind)
        words = rate_words(rate.said, rate.said if rate.how == "bound" else 0.0)
        return f"{words} strangers is this alike"


def _best(gallery: Gallery | None, probe: Probe) -> tuple[float, str]:
    """The highest score with anybody in a gallery, and who that is."""
    if gallery is None:
        return -1.0, ""
    return max((score(subject.template, probe.template), subject.name) for subject in gallery.subjects)
