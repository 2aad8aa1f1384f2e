"""Page: HTML files that open anywhere, ask nothing of the network and run nothing; what is filled in is escaped."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from houselights.words import clock, count, day, short_clock, visible


@cache
def template(name: str, **filters: Callable[..., str]) -> Template:
    """A template of the folder `pages`, with filters of its own. Text is escaped; what no eye sees in it is shown."""
    environment = Environment(
        loader=PackageLoader("houselights", "pages"),
        autoescape=True,
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock": clock, "count": count, "data": _data, "day": day, "short_clock": short_clock}
    environment.filters |= filters
    return environment.get_template(name)


def _data(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")
