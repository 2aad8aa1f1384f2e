"""Words: nothing that a person can see calls a candidate more than a lead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import test_report
import test_sheet
import test_transparency
import typer
from typer.testing import CliRunner

from houselights import bulletin, cli, display, entry
from houselights.errors import PolicyError
from houselights.facts import WORDS
from houselights.transparency import tally

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "houselights"
MODULES = sorted(SOURCE.glob("*.py"))
TEXTS = sorted([*SOURCE.glob("pages/*.html"), *SOURCE.glob("policies/*.toml"), *SOURCE.glob("policies/*.cedar")])
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])

NEVER = {
    "match": r"match(?:es|ed|ing|ers?)?",
    "identified": r"(?:re-?|un)?identif(?:y|ies|ied|ying|ications?)",
    "hit": r"hits?",
    "suspect": r"suspects?|offenders?",
    "recognised as": r"recogni[sz]ed as",
    "confidence": r"confiden(?:ce|t|tly)",
    "likelihood": r"likelihoods?|certainty",
    "anonymised": r"anonymi[sz]\w*|anonymous(?:ly)?|anonymity",
    "a score in percent": r"(?:scores?|similarity)(?: (?:of|is|was|at))? \d[\d.]* ?%",
}
"""What no person ever reads of a face, a track or a candidate, and what docs/terms.md says instead."""
ALLOWED = {
    r"false(?: non)?-match\b": "FMR and FNMR, the measures of ISO/IEC 19795",
    r"false-(?:positive|negative) identification\b": "FPIR and FNIR, the measures of the same standard",
    r"false matches\b": "what an FMR counts",
    r"[Cc]umulative match characteristic\b": "CMC, a curve of the same standard",
    r"\Aidentification\Z|\"identification\"": "an evaluation by its name in the standard",
    r"evaluate (?:verification, )?identification\b": "the command of that evaluation",
    r"identification Measure searches\b|\"\"\"Measure searches\b": "the same in a list of commands",
    r"victim-identification\b": "a purpose of the closed list: who is looked for, not what was found",
    r"crime-suspect\b": "a purpose of the closed list: why somebody is looked for",
}
"""Closed names in which such a word may stand, each with its reason."""
FIELDS = r"confidence|percent(?:age)?|likelihood|probability|match(?:es|ed)?|hits?|identified|suspect"


def bad(text: str) -> list[str]:
    """What stands in a text and never should: `word: where`."""
    plain = " ".join(text.replace("_", " ").split())
    for phrase in ALLOWED:
        plain = re.sub(phrase, "...", plain, flags=re.IGNORECASE)
    # Not `\b`: a word may be joined to another by a hyphen only where it is allowed above.
    found = ((word, re.search(rf"(?<!\w)(?:{form})(?!\w)", plain, re.IGNORECASE)) for word, form in NEVER.items())
    return [f"{word}: {plain[max(0, at.start() - 30) : at.end() + 30]}" for word, at in found if at]


def literals(source: str) -> Iterator[str]:
    """Every string of a module but its docstrings, those behind fields included."""
    tree = ast.parse(source)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def shares(source: str) -> Iterator[str]:
    """What a module formats in percent."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FormattedValue) and node.format_spec and ast.unparse(node.format_spec).endswith("%'"):
            yield ast.unparse(node.value)


def fields(source: str) -> Iterator[str]:
    """The names of all fields of a module's classes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            yield from (
                each.target.id
                for each in node.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            )


def commands(command: Any, typed: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:  # noqa: ANN401 - typer's own
    """Each command, by what one types, with all help that stands in it."""
    told = (command.help, *(getattr(parameter, "help", None) for parameter in command.params))
    yield typed, "\n".join(filter(None, told))
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*typed, name))


def visible(page: str) -> str:
    """The words of a page."""
    reader = test_report.Reader()
    reader.feed(page)
    return " ".join(reader.words)


@pytest.mark.parametrize(
    "text",
    [
        "A match for Ana in gate.mp4", "it matched", "best_match", "no-match", "3 hits", "one HIT",
        "P001 was identified", "identification of a face", "an unidentified person", "the suspect walks left",
        "recognised as Ana", "was recognized as", "confidence 0.93", "detector_confidence", "a likelihood",
        "anonymised footage", "an anonymous face", "score 97 %", "a score of 97.5%", "similarity is 80 %",
        "a suspect, crime-suspect", "match at a false-match rate of 1e-5",
    ],
)  # fmt: skip
def test_a_bad_word_is_found(text: str) -> None:
    """R34: the test itself fails where it should: in prose, in names with underscores, beside an allowed name."""
    assert bad(text)


@pytest.mark.parametrize(
    "text",
    [
        "a false-match rate of 1e-5", "victim-identification or crime-suspect",
        "false-positive identification rate", "a candidate: a lead only", "score 0.61, threshold 0.47", "white, this",
        "matchless", "biometric identifiers", "95 % interval", "below 0.48 % of those", "suspended", "identical",
        "a face that can be recognised",
    ],
)  # fmt: skip
def test_a_plain_word_is_not(text: str) -> None:
    """R34: closed names of standards and purposes, and words that only look alike, pass."""
    assert bad(text) == []


def test_what_is_looked_at_in_a_module() -> None:
    """R34: strings and parts of formatted ones are seen, documentation is not, and scores in percent are told."""
    module = '"""A match."""\nclass A:\n    hits: int\n    """Hits."""\ndef f(x):\n    "Matched."\n'
    module += '    return f"{x.score:.0%} hit" + "confidence"\n'
    assert sorted(literals(module)) == [" hit", ".0%", "confidence"]
    assert list(shares(module)) == ["x.score"]
    assert list(fields(module)) == ["hits"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_string_of_a_module_promises(path: Path) -> None:
    """R34: no message, label, key or word that the program can print."""
    said = list(literals(path.read_text("utf-8")))
    assert [each for text in said for each in bad(text)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_field_is_a_confidence(path: Path) -> None:
    """T3: no field of any result is named confidence, percent or the like, and no score or rate is put in percent."""
    source = path.read_text("utf-8")
    assert [name for name in fields(source) if re.search(rf"(?:^|_)(?:{FIELDS})(?:_|$)", name)] == []
    assert [what for what in shares(source) if re.search("score|fmr|cosine|similar", what)] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_page_and_no_rule_promises(path: Path) -> None:
    """R34: pages with what they can say in any case; rules with what they say, allow and list as examples."""
    assert bad(path.read_text("utf-8")) == []


def test_every_closed_name_is_one_and_is_needed() -> None:
    """R34: the exceptions are what they say they are; one that is not needed goes."""
    assert {"victim-identification", "crime-suspect"} <= set(WORDS["purpose"])
    everything = "\n".join(path.read_text("utf-8") for path in (*MODULES, *TEXTS, *DOCUMENTS))
    assert [phrase for phrase in ALLOWED if not re.search(phrase, everything)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_promises(path: Path) -> None:
    """R34: nor do README, change log and documents, but for the table of the words that are not used."""
    text = path.read_text("utf-8")
    if path.name == "terms.md":
        text, table = text.split("## Words we do not use")
        text += " ".join(row.split("|")[2] for row in table.splitlines() if row.startswith("|"))
    assert bad(text) == []


def test_the_log_speaks_plainly() -> None:
    """R34: entries in words for people, their kinds, their facts and their rules."""
    said = [*entry.SAID.values(), *entry.KINDS, *(name for kind in entry.KINDS.values() for name in kind)]
    assert [each for text in said for each in bad(text)] == []


def test_no_help_promises() -> None:
    """R34: help of every command and option, as written and as shown."""
    told = dict(commands(typer.main.get_command(cli.app)))
    assert len(told) > 15
    for typed, text in told.items():
        shown = CliRunner().invoke(cli.app, [*typed, "--help"]).output
        assert "Usage" in shown
        assert bad(text) == bad(shown) == []


def test_no_rendered_page_promises() -> None:
    """R34: the report of a search and the sheet of a release, with something in each of their parts."""
    for page in (test_report.full(), test_sheet.full()):
        assert "Ana" in visible(page)
        assert bad(visible(page)) == []


def test_no_transparency_report_promises(tmp_path: Path) -> None:
    """R34: the published report, as a page and in a sentence."""
    record = test_transparency.empty(tmp_path)
    test_transparency.searches(record)
    found = tally(record.entries(), record.log.checkpoint())
    for text in (visible(bulletin.render(found)), bulletin.summary(found)):
        assert "search" in text
        assert bad(text) == []


def test_no_line_of_the_terminal_promises(capsys: pytest.CaptureFixture[str]) -> None:
    """R34: a search with a candidate, one without, and a refusal, as the terminal shows them."""
    first = test_report.candidate()
    display.result(test_report.outcome(first).result)
    display.result(test_report.outcome().result)
    display.complain(PolicyError("refused", rule="banned", hint="ask"))
    shown = capsys.readouterr()
    assert "A candidate is a lead only" in shown.out
    assert "No candidate is no proof of absence" in shown.out
    assert bad(shown.out + shown.err) == []
