"""Times and rates as people read them: one wording for the terminal and the report."""

from __future__ import annotations

from decimal import Decimal


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
