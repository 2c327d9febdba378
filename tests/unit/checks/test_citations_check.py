"""Each quote that is not verbatim is an error that says what became of it."""

from typing import Any

import pytest

from tests.unit.checks.support import bodies, check, only, output, quote, source, told, unit
from throughline.domain.checks.corpus import Corpus
from throughline.domain.checks.material import Material, quote_parts
from throughline.domain.checks.table import CHECKS
from throughline.domain.citations import check_citations
from throughline.domain.output import Citation, Claim, Relation, ResearchUnit, SynthesisUnit
from throughline.domain.source import Format, Source

TEXT = (
    "The survey asked 1,482 people in four cities. Most of them were not married. In it Ada Lovelace led them. "
    "It was a well-known survey of its time. The report came out in spring."
)
REPORT = source(TEXT)
OTHER = source("Elsewhere, completely different words stand in this file.", "other.txt")


def found(quoted: str, of: str = "report.txt"):
    return only(check("citations", output(unit("Body.", 1, quote(quoted, of))), REPORT, OTHER))


def test_verified_quotes_pass():
    result = check("citations", output(unit("Body.", 1, quote("asked 1,482 people"))), REPORT)
    assert result.passed
    assert result.measures["verified"] == 1
    assert result.measures["verified_share_by_decile"] == (1.0, *[None] * 9)


WORDS = "married in the spring of that year"


def told_of(before: str, name: str = "a.txt", form: Format = Format.TEXT) -> list[str]:
    """What is said of the words where they stand behind those."""
    text = Source(name=name, format=form, text=f"{before}{WORDS}.")
    result = check("citations", output(unit("Body.", 1, quote(WORDS, name))), text)
    assert (result.passed, result.measures["verified"]) == (True, 1)
    return [f"{finding.severity}: {finding.what}" for finding in result.findings]


@pytest.mark.parametrize(
    ("before", "left_out"),
    [
        pytest.param("They were not ", "not", id="not"),
        pytest.param("They couldn’t\n  ", "couldn’t", id="contracted, over a line's end"),
        pytest.param("**Never** ", "Never", id="in stars"),
    ],
)
def test_a_quote_that_begins_right_behind_a_negation_is_verified_with_a_warning(before: str, left_out: str):
    assert told_of(before) == [f'warning: Leaves out the "{left_out}" that a.txt has right before these words.']


@pytest.mark.parametrize("before", ["", "They did not. ", "The knot ", 'They never said "'])
def test_words_behind_anything_else_are_verified_without_a_warning(before: str):
    assert told_of(before) == []


def test_in_code_a_negation_is_an_operator():
    assert told_of("if not ", "a.py", Format.CODE) == []


@pytest.mark.parametrize(
    ("quoted", "what"),
    [
        pytest.param(
            "The survey asked 1,428 people in four cities.",
            'Differs from report.txt in a number: "1,482" became "1,428".',
            id="digits",
        ),
        pytest.param(
            "Most of them were married.", 'Differs from report.txt in a negation: "not" was left out.', id="negation"
        ),
        pytest.param("were not married. In it Eva Lovelace led them.", "in a name", id="name"),
        pytest.param("It was a known survey of that time.", "in words", id="words"),
        pytest.param("It was a wellknown survey of its time.", "Differs from report.txt in words", id="hyphen"),
    ],
)
def test_an_altered_quote_shows_what_changed_and_where_it_stands(quoted: str, what: str):
    finding = found(quoted)
    assert what in finding.what
    assert finding.part == "citations[0]"
    assert finding.diff
    assert finding.span is not None
    assert finding.span.source == "report.txt"


def test_a_quote_that_only_case_changed_differs_in_words():
    assert "words" in found("most of them were not married.").what


@pytest.mark.parametrize(
    ("quoted", "of", "what"),
    [
        pytest.param("completely different words stand", "report.txt", "other.txt does", id="other"),
        pytest.param("nothing of the kind at all", "report.txt", 'No source holds "nothing', id="nowhere"),
        pytest.param("nothing of the kind " * 9, "report.txt", "…", id="shortened"),
        pytest.param("nothing of the kind at all", "no.txt", "The job has no source 'no.txt'", id="no-such-source"),
        pytest.param(" ", "report.txt", "The quote has no words.", id="empty"),
    ],
)  # fmt: skip
def test_a_missing_quote_says_where_it_is_if_anywhere(quoted: str, of: str, what: str):
    finding = found(quoted, of)
    assert what in finding.what
    assert finding.span is None


def test_an_altered_quote_names_a_source_that_has_it_verbatim():
    twin = source(TEXT.replace("1,482", "1,483"), "twin.txt")
    out = output(unit("Body.", 1, quote("The survey asked 1,483 people in four cities.")))
    assert "; twin.txt has it verbatim." in only(check("citations", out, REPORT, twin)).what


@pytest.mark.parametrize(
    "quoted",
    [
        "Most of them were not married. … The report came out in spring.",
        "Most of them were not married. The report came out in spring.",
        "The survey asked 1,482 people [...] The report came out in spring.",
    ],
)
def test_a_quote_made_of_several_says_so(quoted: str):
    assert found(quoted).what == "Joins 2 passages that stand apart in report.txt."


def test_pieces_that_the_source_does_not_hold_are_not_called_joined():
    assert "Joins" not in found("Most of them were not married. … The report came out in autumn.").what
    assert "Joins" not in found("Most of them were married … Yes.").what


def test_results_that_exist_already_are_used():
    out = output(unit("Body.", 1, quote("asked 1,482 people"), quote("asked 1,483 people")))
    checked = [("u001", result) for result in check_citations(out.units["u001"].citations, [REPORT])]
    material = Material(out, Corpus([REPORT]), checked)
    assert [(each.part, each.verified) for each in material.quotes] == [("citations[0]", True), ("citations[1]", False)]
    assert len(CHECKS["citations"](material).findings) == 1


def test_a_quote_is_found_in_whatever_part_holds_it():
    both = Relation(statement="So.", first=quote("a"), second=quote("b"))
    shared: dict[str, Any] = {
        "unit_id": "u001",
        "heading": "H",
        "body": "B.",
        "citations": [quote("c")],
        "confidence": 1,
    }
    claim = Claim(claim="So.", strength="weak", evidence=[Citation(source="s", quote="q")])
    assert quote_parts(ResearchUnit(**shared, claims=[claim])) == ["citations[0]", "claims[0].evidence[0]"]
    assert quote_parts(SynthesisUnit(**shared, agreements=[both], contradictions=[both])) == [
        "citations[0]",
        "agreements[0].first",
        "agreements[0].second",
        "contradictions[0].first",
        "contradictions[0].second",
    ]


def test_an_output_without_quotes_measures_nothing():
    assert told(check("citations", bodies("Text."))) == []
