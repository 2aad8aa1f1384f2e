"""Facts about charts: the same bytes for the same numbers, well-formed SVG, and nothing in it can act."""

import importlib
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from types import ModuleType

import pytest

from houselights import charts
from houselights.errors import SettingsError
from houselights.evaluation import Chart, Series

EVIL = '<script>alert("x")</script> $\\frac{1}{2}$ _a ]]> \u202e\x07 & 鈴木'
DET = Chart(
    "FNMR by FMR", "FMR", "FNMR",
    (
        Series("all", (1e-5, 1e-3, 0.1), (0.2, 0.05, 0.0), (0.1, 0.02, 0.0), (0.3, 0.1, 0.02)),
        Series("_some", (1e-5, 1e-3), (0.4, 0.2)),
    ),
    x_log=True, y_log=True,
)  # fmt: skip


def elements(drawn: str) -> list[ET.Element]:
    """All elements of a chart, by a parser that refuses what is not well formed."""
    return list(ET.fromstring(drawn).iter())  # noqa: S314 - our own


def test_a_chart_is_the_same_for_the_same_numbers() -> None:
    """No date, no random ids, no maker; another chart has no id in common with it."""
    drawn = charts.svg(DET)
    assert drawn == charts.svg(DET)
    assert "metadata" not in drawn
    assert re.findall(r"20\d\d-", drawn) == []
    ids, others = (set(re.findall(r'\bid="([^"]*)"', one)) for one in (drawn, charts.svg(replace(DET, title="x"))))
    assert ids
    assert ids & others == set()


def test_a_chart_is_one_element_without_address_or_script() -> None:
    """It grows with the page, has a name for who cannot see it, and asks nothing of the network."""
    drawn = charts.svg(DET)
    root = elements(drawn)[0]
    assert root.tag.endswith("}svg")
    assert (root.get("role"), root.get("aria-label")) == ("img", "FNMR by FMR. FMR; FNMR")
    assert (root.get("width"), root.get("height")) == (None, None)
    assert {each.tag.split("}")[1] for each in elements(drawn)} <= {
        "svg", "defs", "style", "g", "path", "use", "text", "tspan", "clipPath", "rect",
    }  # fmt: skip
    assert set(re.findall(r"https?://[^\"' ]*", drawn)) == {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink",
    }  # fmt: skip


def test_references_within_a_chart_lead_somewhere() -> None:
    """Each `url(#...)` and `href` names an id of the same chart."""
    drawn = charts.svg(DET)
    named = set(re.findall(r'(?:url\(#|href="#)([^)"]*)', drawn))
    assert named
    assert named <= set(re.findall(r'\bid="([^"]*)"', drawn))


def test_text_never_acts() -> None:
    """Not as markup, not as a formula, not as direction; a name that begins with an underscore is in the legend."""
    drawn = charts.svg(replace(DET, title=EVIL, x=EVIL, series=(Series(EVIL, (1.0, 2.0), (1.0, 2.0)), DET.series[1])))
    words = ["".join(each.itertext()).strip() for each in elements(drawn) if each.tag.endswith("}text")]
    assert not [each for each in elements(drawn) if "script" in each.tag]
    assert "\u202e" not in drawn
    assert "\x07" not in drawn
    shown = [each for each in words if "alert" in each]
    assert len(shown) == 2
    assert all("$\\frac{1}{2}$" in each and "⟨U+202E⟩" in each and "鈴木" in each for each in shown)
    assert "_some" in words


def test_axes_say_plain_numbers() -> None:
    """0.0001 and not ten to a power; several marks where an axis is shorter than two powers of ten."""
    texts = ["".join(each.itertext()).strip() for each in elements(charts.svg(DET)) if each.tag.endswith("}text")]
    assert {"1e-05", "0.001", "0.1"} <= set(texts)
    short = replace(DET, series=(Series("a", (0.01, 0.02), (0.01, 0.05)),))
    texts = ["".join(each.itertext()).strip() for each in elements(charts.svg(short)) if each.tag.endswith("}text")]
    assert {"0.01", "0.02", "0.05"} <= set(texts)


def test_colours_are_those_of_the_page() -> None:
    """Lines and words follow its theme, with a colour of their own where there is no page."""
    drawn = charts.svg(DET)
    assert "var(--quiet, #56606b)" in drawn
    assert not any(stand_in in drawn for stand_in in charts.THEME)


def test_a_bound_of_nothing_is_drawn_at_the_foot_of_a_log_axis() -> None:
    """The band has as many corners with it as without: no part of it is cut out."""
    whole = replace(DET, series=(Series("a", (1.0, 2.0, 3.0), (0.1, 0.1, 0.1), (0.05, 0.01, 0.05), (0.2,) * 3),))
    none = replace(DET, series=(replace(whole.series[0], low=(0.05, 0.0, 0.05)),))
    bands = [
        [each for each in elements(charts.svg(chart)) if "PolyC" in (each.get("id") or "")] for chart in (whole, none)
    ]
    corners = ["".join(ET.tostring(each, "unicode") for each in band).count("L ") for band in bands]
    assert corners[0] == corners[1] > 4


def test_the_diagonal_is_where_both_axes_have_it() -> None:
    """It is drawn over log axes, and changes neither of them."""
    line = Series("a", (1e-5, 1e-3), (1e-4, 1e-2))
    chart = Chart("odds", "stated", "counted", (line,), x_log=True, y_log=True)
    plain, drawn = charts.svg(chart), charts.svg(replace(chart, diagonal=True))
    assert drawn.count("<path") == plain.count("<path") + 1


@pytest.mark.parametrize(
    "series",
    [
        (),
        (Series("none", (), ()),),
        (Series("zero", (0.1,), (0.0,)),),
        (Series("bound", (0.1, 0.2), (0.0, 0.0), (0.0, 0.0), (0.1, 0.1)),),
    ],
)
def test_a_chart_with_nothing_to_show_is_drawn(series: tuple[Series, ...]) -> None:
    """Without a warning."""
    for diagonal in (False, True):
        assert elements(charts.svg(replace(DET, series=series, diagonal=diagonal)))


def test_without_matplotlib_it_is_said_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any work: `ready` refuses as drawing does."""

    def absent(name: str) -> ModuleType:
        raise ImportError(f"No module named '{name}'")

    charts.ready()
    monkeypatch.setattr(importlib, "import_module", absent)
    for call in (charts.ready, lambda: charts.svg(DET)):
        with pytest.raises(SettingsError, match="charts need the package matplotlib") as raised:
            call()
        assert raised.value.hint is not None
        assert raised.value.hint.startswith("pip install 'houselights[plots]'")
