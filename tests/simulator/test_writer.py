"""What the writer says: real sentences, verbatim quotes, about as much as was asked."""

import json
from typing import Any

import pytest
from anthropic import AsyncAnthropic

from simulator.documents import parse
from simulator.prompt import read_prompt
from simulator.writer import write_answer
from tests.simulator.support import (
    ATLAS,
    INTEGER,
    NUMBER,
    QUOTE,
    STRING,
    TOPICS,
    UNIT,
    UNITS,
    answer_text,
    arr,
    document,
    obj,
    params,
    text,
    whole,
    write_units,
)

OUTLINE = arr(obj(id=STRING, heading=STRING, sources=arr(STRING)))
FINDING = obj(
    path=STRING,
    start_line=INTEGER,
    end_line=INTEGER,
    severity={"type": "string", "enum": ["low", "high"]},
    claim=STRING,
    quote=STRING,
    suggestion=STRING,
)
OTHER = "# Weather\n\nThe second almanac tells of storms that came every spring. It was printed in a small town."


def written(*content: dict[str, Any], schema: dict[str, Any] | None = UNITS) -> Any:
    return write_answer(read_prompt(params(*content, schema=schema), schema_in_text=False))


def test_each_unit_asked_for_is_written_under_its_id_and_heading():
    units = written(document(), text(write_units("Harbours", "Glaciers")))["units"]
    assert [(unit["unit_id"], unit["heading"]) for unit in units] == [("u001", "Harbours"), ("u002", "Glaciers")]


def test_a_unit_is_written_from_the_part_of_the_document_under_its_heading():
    (unit,) = written(document(), text(write_units("Harbours")))["units"]
    assert "of the harbours was made" in unit["body"]
    assert "of the forests was made" not in unit["body"]


@pytest.mark.parametrize(
    "heading", ["Harbours (1 of 2)", "Harbours [2]", "Atlas: Harbours", "Atlas: Harbours (2 of 2)"]
)
def test_a_part_of_a_section_is_written_from_that_section(heading: str):
    (unit,) = written(document(), text(write_units(heading)))["units"]
    assert "of the harbours was made" in unit["body"]


@pytest.mark.parametrize("words", [60, 350, 1200])
def test_a_body_is_about_as_long_as_asked(words: int):
    units = written(document(), text(write_units(*TOPICS[:3], words=words)))["units"]
    for unit in units:
        assert 0.80 * words <= len(unit["body"].split()) <= 1.20 * words


def test_units_do_not_repeat_each_other_while_the_document_has_more_to_say():
    units = written(document(), text(write_units(*TOPICS, words=250)))["units"]
    said = [sentence for unit in units for sentence in unit["body"].split(". ")[1:-1]]
    assert len(said) == len(set(said))


def test_what_the_document_says_several_times_is_said_once():
    twice = f"{ATLAS}\n\n{ATLAS}"
    units = written(document(twice), text(write_units(*TOPICS, words=250)))["units"]
    said = [sentence for unit in units for sentence in unit["body"].split(". ")[1:-1]]
    assert len(said) == len(set(said))


def test_where_the_document_holds_somewhat_less_than_is_asked_every_unit_is_that_much_shorter():
    held = sum(sentence.words for sentence in parse(ATLAS).sentences)
    words = round(1.4 * held / len(TOPICS))
    units = written(document(), text(write_units(*TOPICS, words=words)))["units"]
    said = [sentence for unit in units for sentence in unit["body"].split(". ")[1:-1]]
    assert len(said) == len(set(said))
    assert all(0.5 * words <= len(unit["body"].split()) <= 0.9 * words for unit in units)


def test_a_document_that_holds_far_less_is_said_again():
    held = sum(sentence.words for sentence in parse(ATLAS).sentences)
    words = round(3 * held / len(TOPICS))
    units = written(document(), text(write_units(*TOPICS, words=words)))["units"]
    assert all(len(unit["body"].split()) >= 0.8 * words for unit in units)


def test_a_small_document_is_said_once_before_anything_is_said_again():
    sentences = [f"The keeper of lighthouse {n} wrote a letter to the harbour office." for n in range(12)]
    (unit,) = written(document(" ".join(sentences), "atlas.md"), text(write_units("Letters", words=110)))["units"]
    said = [sentence for sentence in sentences if sentence in unit["body"]]
    assert len(said) >= 8
    assert all(unit["body"].count(sentence) == 1 for sentence in said)


def test_calls_that_do_not_know_of_each_other_say_different_things():
    """A heading that no document has leads each unit to a place of its own."""
    first, second = (
        written(document(), text(f'<write_units><unit id="u{n:03d}" words="150">Unheard of</unit></write_units>'))
        for n in (3, 4)
    )
    sentences = [set(answer["units"][0]["body"].split(". ")[1:]) for answer in (first, second)]
    assert not sentences[0] & sentences[1]


def test_quotes_are_verbatim_single_lines_of_the_named_document():
    units = written(document(), document(OTHER, "almanac.md"), text(write_units(*TOPICS)))["units"]
    texts = {"atlas.md": ATLAS, "almanac.md": OTHER}
    citations = [citation for unit in units for citation in unit["citations"]]
    assert citations
    for citation in citations:
        assert citation["quote"] in texts[citation["source"]]
        assert 40 <= len(citation["quote"]) <= 200
        assert "\n" not in citation["quote"]


def test_an_outline_has_distinct_headings_that_the_documents_have():
    answer = written(document(), text('<plan_outline units="5" words="40"/>'), schema=obj(outline=OUTLINE))
    headings = [entry["heading"] for entry in answer["outline"]]
    assert [entry["id"] for entry in answer["outline"]] == ["u001", "u002", "u003", "u004", "u005"]
    assert len(set(headings)) == 5
    assert set(headings) <= set(TOPICS)
    assert answer["outline"][0]["sources"] == ["atlas.md"]


def test_an_outline_longer_than_the_headings_goes_on_with_words_of_the_document():
    answer = written(document(), text('<plan_outline units="20" words="40"/>'), schema=obj(outline=OUTLINE))
    headings = [entry["heading"] for entry in answer["outline"]]
    assert len(set(headings)) == 20
    assert all(heading in ATLAS for heading in headings)


def test_without_documents_it_speaks_of_what_was_written_before():
    request = 'Rules come first. <written id="u1" heading="A">The tide turned at noon today.</written><write_closing/>'
    answer = written(text(request), schema=obj(closing=obj(overview={"type": "string"})))
    assert "tide turned" in answer["closing"]["overview"]
    assert "Rules" not in answer["closing"]["overview"]


def test_a_plan_alone_writes_no_units():
    schema = obj(outline=OUTLINE, units=arr(UNIT))
    answer = written(document(), text('<plan_outline units="6" words="40"/>'), schema=schema)
    assert len(answer["outline"]) == 6
    assert answer["units"] == []


def test_a_closing_that_is_not_asked_for_is_null_where_it_may_be():
    closing = {"anyOf": [obj(overview={"type": "string"}), {"type": "null"}]}
    schema = obj(units=arr(UNIT), closing=closing)
    answer = written(document(), text('<write_units><unit id="u001" words="40">A</unit></write_units>'), schema=schema)
    assert answer["closing"] is None


def test_units_that_are_not_asked_for_stay_empty():
    closing = {"anyOf": [obj(overview={"type": "string"}), {"type": "null"}]}
    answer = written(document(), text('<write_closing words="40"/>'), schema=obj(units=arr(UNIT), closing=closing))
    assert answer["units"] == []
    assert answer["closing"]["overview"]


def test_a_plan_and_its_units_agree():
    schema = obj(outline=OUTLINE, units=arr(UNIT))
    answer = written(document(), text('<plan_outline units="6" words="40"/><write_units of="outline"/>'), schema=schema)
    assert [u["unit_id"] for u in answer["units"]] == [entry["id"] for entry in answer["outline"]]
    assert [u["heading"] for u in answer["units"]] == [entry["heading"] for entry in answer["outline"]]


def test_the_last_word_about_what_to_write_counts():
    answer = written(document(), text(write_units("Rivers", "Islands")), text(write_units("Marshes")))
    assert [unit["heading"] for unit in answer["units"]] == ["Marshes"]


def test_escaped_headings_are_read_as_they_were_meant():
    request = '<write_units><unit id="u1" words="30" source="a &amp; b">R &lt;&amp;&gt; D</unit></write_units>'
    (unit,) = written(document(title="a & b"), text(request))["units"]
    assert unit["heading"] == "R <&> D"


def test_sibling_quotes_come_from_different_documents():
    contradiction = obj(statement=STRING, first=QUOTE, second=QUOTE)
    schema = obj(units=arr(obj(unit_id=STRING, body=STRING, contradictions=arr(contradiction))))
    answer = written(document(), document(OTHER, "almanac.md"), text(write_units(*TOPICS[:4])), schema=schema)
    for unit in answer["units"]:
        for found in unit["contradictions"]:
            assert found["first"]["source"] != found["second"]["source"]


def test_findings_name_the_true_line_of_the_code_that_they_quote():
    lines = [f"value_{n} = compute_something(argument={n})" for n in range(100, 160)]
    numbered = "\n".join(f"{n}|{line}" for n, line in enumerate(lines, start=100))
    request = '<write_units><unit id="u1" words="50" source="tool.py">tool.py</unit></write_units>'
    schema = obj(units=arr(obj(unit_id=STRING, body=STRING, findings=arr(FINDING))))
    (unit,) = written(document(numbered, "tool.py"), text(request), schema=schema)["units"]
    assert unit["findings"]
    for finding in unit["findings"]:
        assert finding["path"] == "tool.py"
        assert finding["start_line"] == finding["end_line"]
        assert lines[finding["start_line"] - 100] == finding["quote"]
        assert finding["severity"] in ("low", "high")


@pytest.mark.parametrize("heading", ["code.py: class Second", "code.py (lines 41-60)"])
def test_a_unit_of_code_begins_at_its_definition_or_line(heading: str):
    lines = ["class First:"] + [f"    first_attribute_{n} = 'value'" for n in range(39)]
    lines += ["class Second:"] + [f"    second_attribute_{n} = 'value'" for n in range(39)]
    numbered = "\n".join(f"{n}|{line}" for n, line in enumerate(lines, start=1))
    request = f'<write_units><unit id="u1" words="60" source="code.py">{heading}</unit></write_units>'
    (unit,) = written(document(numbered, "code.py"), text(request))["units"]
    assert "second_attribute_0" in unit["body"]
    assert "first_attribute" not in unit["body"]


def test_a_closing_fills_every_part_and_grows_with_what_was_asked():
    closing = obj(overview=STRING, key_points=arr(STRING), options=arr(obj(name=STRING, why=STRING)), gaps=arr(STRING))
    sizes = []
    for words in (100, 800):
        answer = written(document(), text(f'<write_closing words="{words}"/>'), schema=obj(closing=closing))
        assert all(answer["closing"].values())
        assert all(option["name"] for option in answer["closing"]["options"])
        sizes.append(len(json.dumps(answer).split()))
    assert sizes[0] * 3 < sizes[1]


def test_without_documents_the_prompt_itself_is_the_source():
    prompt = "The bridge was finished in spring. The ferry was given up in the autumn of the same year."
    answer = written(text(f"{prompt} <write_closing words='40'/>"), schema=obj(closing=obj(overview=STRING)))
    assert answer["closing"]["overview"].split(". ")[0] in prompt


def test_any_schema_is_filled_according_to_its_types():
    schema = obj(
        flag={"type": "boolean"},
        nothing={"type": "null"},
        maybe={"anyOf": [{"type": "null"}, INTEGER]},
        several={"type": ["string", "null"]},
        fixed={"const": 7},
        choice={"enum": ["x", "y"]},
        when={"type": "string", "format": "date"},
        share=NUMBER,
        confidence=INTEGER,
        nested={"allOf": [{"$ref": "#/$defs/Inner"}]},
        many={**arr(STRING), "minItems": 1},
    ) | {"$defs": {"Inner": obj(label=STRING)}}
    answer = written(document(), schema=schema)
    assert isinstance(answer["flag"], bool)
    assert answer["nothing"] is None
    assert isinstance(answer["maybe"], int)
    assert isinstance(answer["several"], str)
    assert answer["fixed"] == 7
    assert answer["choice"] in ("x", "y")
    assert answer["when"] == "2026-01-01"
    assert 0 <= answer["confidence"] <= 100
    assert answer["nested"]["label"]
    assert answer["many"]


def test_properties_come_in_the_order_of_the_schema():
    schema = obj(zebra=STRING, apple=STRING, mango=STRING)
    assert list(written(document(), schema=schema)) == ["zebra", "apple", "mango"]


def test_without_a_schema_the_answer_is_plain_text():
    answer = written(text("The bridge was finished in spring. The ferry was given up."), schema=None)
    assert "The bridge was finished in spring." in answer


async def test_the_answer_over_the_wire_is_compact_valid_json(client: AsyncAnthropic):
    message = await whole(client, params(document(), text(write_units("Rivers")), schema=UNITS))
    answer = answer_text(message)
    assert json.dumps(json.loads(answer), separators=(",", ":"), ensure_ascii=False) == answer


@pytest.mark.parametrize(
    ("text_", "headings"),
    [
        pytest.param("# One\n\nText follows here.\n\n## Two ##\nMore text.", ["One", "Two"], id="markdown"),
        pytest.param("One\n===\n\nText follows here.\n\nTwo\n~~~\n\nMore.", ["One", "Two"], id="underlined"),
        pytest.param("Chapter One\n\nText follows, and ends.\n\nnot a title\n", ["Chapter One"], id="lone lines"),
    ],
)
def test_headings_are_found_in_the_common_forms(text_: str, headings: list[str]):
    assert [heading.text for heading in parse(text_).headings] == headings


def test_every_sentence_can_be_found_by_its_line_and_quote():
    parsed = parse(ATLAS)
    lines = ATLAS.split("\n")
    assert len(parsed.sentences) == 30 * len(TOPICS)
    for sentence in parsed.sentences:
        assert sentence.quote in lines[sentence.line - 1]


@pytest.mark.parametrize("code", ["1|\n2|x = 1\n3|y", "1|}\n2|x = 1"])
def test_code_of_short_lines_alone_is_quoted_without_its_line_numbers(code: str):
    (sentence,) = parse(code).sentences
    assert (sentence.quote, sentence.line) == ("x = 1", 2)


@pytest.mark.parametrize("odd", ["x", "   \n\n  ", "1|", "....", "\u2028", "a|b\n" * 5])
def test_odd_documents_still_get_an_answer(odd: str):
    assert written(document(odd, "atlas.md"), text(write_units("Anything")))["units"]
