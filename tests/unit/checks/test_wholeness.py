"""Everything that was asked for is there, ends, and is neither empty nor filler."""

import pytest

from tests.unit.checks.support import bodies, check, output, quote, remark, review, source, told, unit
from throughline.domain.outline import OutlineUnit
from throughline.domain.output import Citation

WANTED = [OutlineUnit(id=unit_id, heading=f"Heading {unit_id[-1]}") for unit_id in ("u001", "u002")]


def test_a_complete_output_passes():
    result = check("completeness", bodies("One.", "Two."))
    assert result.passed
    assert result.measures["written_share_by_decile"] == (1.0, *[None] * 4, 1.0, *[None] * 4)


def test_missing_units_and_a_missing_closing_are_errors():
    result = check("completeness", output(unit("One."), closing=None, outline=WANTED))
    assert not result.passed
    assert told(result) == [
        ("u002", "The outline asks for this unit and it is missing."),
        ("closing", "The closing is missing."),
    ]


def test_a_unit_that_nobody_asked_for_is_a_warning():
    result = check("completeness", output(unit("One."), unit("Two.", 2), unit("Three.", 3), outline=WANTED))
    assert result.passed
    assert told(result) == [("u003", "The outline does not ask for this unit, so no reader sees it.")]


def test_a_field_that_should_hold_text_and_does_not_is_an_error():
    result = check(
        "completeness",
        output(review(remark("", 1, 1)).model_copy(update={"citations": [Citation(source="", quote="q")]})),
    )
    assert {finding.part for finding in result.findings} == {"citations[0].source", "findings[0].quote"}


# --- endings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "It ends.",
        "It ends.[1]",
        'He said "so."',
        "**It ends.**",
        "So it is (really)",
        "- a short item",
        "1. first\n2. second",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "Code:\n\n```\nx = (\n```",
        "はい。",
        "他说：「这是对的。」",
        "她问（这是什么？）",
        "Er sagte: „Das ist richtig.“",
        "Er sagte: »Das ist richtig.«",
        "هل هذا صحيح؟",
        "یہ درست ہے۔",
        "यह सही है।",
    ],
)
def test_a_text_that_ends_passes(body: str):
    assert told(check("endings", bodies(body))) == []


@pytest.mark.parametrize(
    ("body", "what"),
    [
        pytest.param("It ends. And then it", "Breaks off", id="mid-sentence"),
        pytest.param("It ends. And then i", "Breaks off", id="mid-word"),
        pytest.param("It ends:", "Breaks off", id="colon"),
        pytest.param("这是一个没有完", "Breaks off", id="mid-sentence-in-chinese"),
        pytest.param("هذا صحيح، و", "Breaks off", id="mid-sentence-in-arabic"),
        pytest.param("It ends. He called it “", "Breaks off", id="opened-quotation-mark"),
        pytest.param("- an item of the", "Breaks off", id="item-in-mid-phrase"),
        pytest.param("- one. " + "word " * 12 + "and more", "Breaks off", id="long-item"),
        pytest.param("It ends.\n\n## Next", "Breaks off", id="heading-with-nothing-below"),
        pytest.param("It ends.\n\n```\nx = 1", "A code block is never closed.", id="fence"),
        pytest.param("It ends.\n\n~~~\n```\nx = 1", "A code block is never closed.", id="other-fence"),
        pytest.param("It ends.\n\n| a | b", "Breaks off", id="row"),
        pytest.param("It ends.\n\n| a | `b`", "A table row is never closed.", id="row-with-a-mark"),
    ],
)
def test_a_text_that_breaks_off_is_an_error(body: str, what: str):
    result = check("endings", bodies(body))
    assert not result.passed
    assert what in told(result)[0][1]


def test_an_output_without_a_closing_is_read_without_it():
    assert check("endings", output(unit("One."), closing=None)).measures == {"texts": 1, "broken_off": 0}


def test_an_empty_code_block_at_the_end_of_nothing_passes():
    assert told(check("endings", bodies("```\n```"))) == []


# --- fillers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "filler",
    [
        "Shall I continue?",
        "Continued",
        "TODO: the rest",
        "[Insert example]",
        "Lorem ipsum dolor.",
        "The remaining sections follow the same pattern.",
        "(omitted for brevity)",
        "...",
        "As an AI language model, I cannot say.",
        "Due to length constraints, this is short.",
    ],
)
def test_a_filler_is_an_error(filler: str):
    result = check("fillers", bodies(f"True words.\n\n{filler}"))
    assert not result.passed
    assert told(result)[0][0] == "u001"


@pytest.mark.parametrize(
    "body",
    ["The loop may continue after it.", "He left a TODO comment there.", "The rest is history.", "It continues."],
)
def test_usual_sentences_are_no_fillers(body: str):
    assert told(check("fillers", bodies(body))) == []


def test_a_source_may_say_it():
    text = "Nodes that are left out are omitted for brevity in this picture."
    assert told(check("fillers", bodies(text), source(f"See. {text}"))) == []


# --- evidence ---------------------------------------------------------------------------------------


def test_a_unit_without_a_quote_is_a_warning():
    result = check("evidence", output(unit("One.", 1, quote("a")), unit("Two.", 2)))
    assert result.passed
    assert told(result) == [("u002", "No quote supports this unit.")]


def test_a_file_without_a_finding_needs_no_quote():
    assert told(check("evidence", output(review()))) == []
