"""Times, rates and names as people read them: one wording for the terminal, the report and the review sheet."""

from __future__ import annotations

import math
import unicodedata
from datetime import datetime
from decimal import Decimal

JOINERS = "\u200c\u200d"  # they shape letters in Persian, Hindi and others
KEPT = {"\n", *JOINERS}
UNSEEN = {"Cc", "Cf", "Cs"}
INK = "LNPS"  # letters, numbers, punctuation, symbols; a mark is seen only on one of them
BLANK = "\u115f\u1160\u2800\u3164\uffa0"  # letters and a symbol that are drawn as nothing
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
MARKS = 5  # at most so many on a time scale: their words stay apart on a phone


def clock(seconds: float) -> str:
    """A time in a file as h:mm:ss.mmm."""
    thousandths = round(seconds * 1000)
    whole, rest = divmod(abs(thousandths), 1000)
    sign = "-" if thousandths < 0 else ""
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}.{rest:03}"


def short_clock(seconds: float) -> str:
    """Minutes and seconds to the tenth, where more would only be noise: 1:02.3."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def rate_words(fmr: float, lowest: float) -> str:
    """A rate as one in so many, rounded down to two digits; a rate at the lowest that was measured is only a bound."""
    return f"{'at most' if fmr <= lowest else 'about'} 1 in {one_in(fmr):,}"


def one_in(rate: float) -> int:
    """1 / rate, rounded down to two digits; in decimals, so that 5e-07 is 1 in 2,000,000 and not 1 in 1,900,000."""
    times = Decimal(1) / Decimal(repr(max(rate, 1e-15)))
    step = Decimal(10) ** max(times.adjusted() - 1, 0)
    return max(1, int(times // step * step))


def round_times(start_s: float, end_s: float) -> range:
    """Round times for the marks of a time scale, in whole seconds, at most five."""
    length = end_s - start_s
    step = next((step for step in STEPS_S if length / step < MARKS), math.ceil(length / MARKS))
    return range(math.ceil(start_s / step) * step, math.ceil(end_s), step)


def day(moment: str) -> str:
    """A moment in ISO 8601 as date, time and zone; anything else as it is."""
    try:
        return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S %Z")
    except ValueError:
        return moment


def count(number: int, noun: str) -> str:
    """`1 file`, `1,234 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def persons(number: int) -> str:
    """`1 person`, `1,234 people`."""
    return "1 person" if number == 1 else f"{number:,} people"


def visible(value: object) -> object:
    """Text in which every control, direction and half character is spelt out; anything else as it is."""
    if type(value) is not str:  # what the template engine has made safe is a subclass of str
        return value
    return "".join(f"⟨U+{ord(c):04X}⟩" if unicodedata.category(c) in UNSEEN and c not in KEPT else c for c in value)


def said(text: str) -> str:
    """The text without white space around it, empty where nothing in it can be seen."""
    seen = any(unicodedata.category(c)[0] in INK and c not in BLANK for c in text)
    return text.strip() if seen else ""


def name_of(text: str) -> str:
    """A subject's name: composed Unicode without control characters, so that no name can act on a screen."""
    kept = "".join(
        c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    return kept.strip() or "unnamed"
