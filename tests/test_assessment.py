"""Facts about the page and the lines of an evaluation: what is said, what is not, and that no name can act."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from houselights import assessment
from houselights.evaluation import Chart, Evaluation, Figure, Series, Table
from houselights.result import Refusal

EVIL = '<script>alert("x")</script>\'"&\u202egpj.png\x07'
FOUND = Evaluation(
    "verification", "world: 90 photographs of 30 people", (("recogniser", "sface"),),
    (
        Table(
            "True accept rate",
            (
                Figure("TAR at FMR 0.01", 0.98052, 0.97, 0.9909, 98, 100, 0.42317),
                Figure("TAR at FMR 1e-06", None, note="435 cannot show 1e-06"),
            ),
            "A note.",
        ),
    ),
    (Chart("FNMR by FMR", "FMR", "FNMR", (Series("all", (0.1, 0.2), (0.2, 0.1)),), x_log=True),),
    ("Look at these.",), (Refusal("x.jpg", "no face"),),
)  # fmt: skip


class Seen(HTMLParser):
    """The tags, the addresses and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag, and what it points to."""
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "action"}]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        """Text."""
        self.text += f" {data} "


def page(found: Evaluation) -> Seen:
    """The page as a browser reads it."""
    seen = Seen()
    seen.feed(assessment.render(found))
    return seen


def test_the_page_says_what_the_json_says() -> None:
    """Data, facts, figures with interval and count, what was refused, notes, charts, what was lost."""
    seen = page(FOUND)
    text = re.sub(r"\s+", " ", seen.text)
    for words in (
        "world: 90 photographs of 30 people", "recogniser", "sface", "TAR at FMR 0.01", "98.05 %", "97.00 to 99.09 %",
        "98 of 100", "0.4232", "not said", "435 cannot show 1e-06", "A note.", "Look at these.", "FNMR by FMR", "x.jpg",
        "no face", "1 figure from world: 90 photographs of 30 people. 1 more stands without a value",
    ):  # fmt: skip
        assert words in text
    assert "svg" in seen.tags


def test_the_page_runs_nothing_and_asks_nothing() -> None:
    """No script, no address but parts of itself, and the same page for the same numbers."""
    seen = page(FOUND)
    assert seen.tags & {"script", "iframe", "object", "embed", "form", "link", "img", "foreignobject"} == set()
    assert all(link.startswith("#") for link in seen.links)
    assert assessment.render(FOUND) == assessment.render(FOUND)


def test_no_name_can_act() -> None:
    """Names of data, groups, notes and files are text: markup is escaped, what no eye sees is spelt out."""
    chart = replace(FOUND.charts[0], title=EVIL, series=(replace(FOUND.charts[0].series[0], name=EVIL),) * 2)
    table = Table(EVIL, (Figure(EVIL, 0.5, note=EVIL),), EVIL)
    evil = Evaluation(EVIL, EVIL, ((EVIL, EVIL),), (table,), (chart,), (EVIL,), (Refusal(EVIL, EVIL + "\udcff"),))
    text = assessment.render(evil)
    assert "<script" not in text
    assert "\u202e" not in text
    assert "\x07" not in text
    text.encode("utf-8")
    assert page(evil).tags & {"script"} == set()


def test_much_that_was_lost_is_counted() -> None:
    """The page names fifty."""
    many = replace(FOUND, lost=tuple(Refusal(f"{number}.jpg", "no face") for number in range(120)))
    text = assessment.render(many)
    assert "49.jpg" in text
    assert ">50.jpg" not in text
    assert "And 70 more" in text
    assert "120 files" in text


def test_without_charts_nothing_is_drawn() -> None:
    """And without losses there is no list of them."""
    text = assessment.render(replace(FOUND, charts=(), lost=(), notes=()))
    assert "<svg" not in text
    assert "What could not be used" not in text


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.98052, "98.05 %"), (1.0, "100.00 %"), (0.0, "0.00 %"), (0.01, "1.00 %"), (0.00098411, "0.0984 %"),
        (1.04193e-4, "0.0104 %"), (4e-7, "0.00004 %"), (1e-12, "0.00 %"),
    ],
)  # fmt: skip
def test_shares_are_shown_in_percent(share: float, words: str) -> None:
    """With two decimals, or three digits below one percent; never with an exponent."""
    assert assessment.percent(share) == words


def test_what_is_no_share_is_shown_as_it_is() -> None:
    """Counts without decimals, others with four digits."""
    (count, length) = assessment.lines(
        Table("", (Figure("switches", 1234.0, share=False), Figure("s", 1.23456, 1, 2, share=False)))
    )
    assert (count.value, count.interval, count.counted) == ("1,234", "", "")
    assert (length.value, length.interval) == ("1.235", "1 to 2")
