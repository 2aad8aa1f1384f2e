"""Facts about evaluations: their one JSON form."""

import json

import pytest

from houselights.evaluation import SCHEMA, Evaluation, Figure, Table
from houselights.result import Refusal


def test_the_json_says_all_and_is_text() -> None:
    """Keys in order, the schema first; a name that is no text is written with its bytes spelt out."""
    found = Evaluation(
        "odds", "people \udcff", (("recogniser", "sface"),),
        (Table("rates", (Figure("FMR", None, note="too few"),)),), lost=(Refusal("x.jpg", "no face"),),
    )  # fmt: skip
    document = json.loads(found.to_json())
    assert list(document) == ["schema", "what", "data", "facts", "tables", "charts", "notes", "lost"]
    assert document["schema"] == SCHEMA
    assert document["tables"][0]["figures"][0]["value"] is None
    found.to_json().encode("utf-8")


def test_what_is_no_number_is_never_written() -> None:
    """A figure without a value is None, not NaN."""
    with pytest.raises(ValueError, match="Out of range"):
        Evaluation("odds", "", (), (Table("", (Figure("x", float("nan")),)),)).to_json()
