"""The schema holds only what structured outputs accept; the rest is checked when an answer is read."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest
from pydantic import BaseModel, ValidationError

from throughline.domain.job import Kind
from throughline.domain.output import (
    SHAPES,
    Citation,
    Claim,
    Closing,
    CodeReviewUnit,
    Finding,
    OutlineEntry,
    Relation,
    ResearchClosing,
    ResearchUnit,
    SummaryUnit,
    SynthesisUnit,
    answer_schema,
)

ACCEPTED = {
    "type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "$ref", "$defs", "description",
}  # fmt: skip
SHARED: dict[str, Any] = {
    "unit_id": "u001",
    "heading": "Heading",
    "body": "Body.",
    "citations": [Citation(source="a", quote="shared")],
    "confidence": 0.5,
}
every_kind = pytest.mark.parametrize("kind", list(Kind))


def subschemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema and every schema inside it."""
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", [])]
    inner += [schema["items"]] if "items" in schema else []
    for child in inner:
        yield from subschemas(child)


def objects(kind: Kind) -> list[dict[str, Any]]:
    return [schema for schema in subschemas(answer_schema(kind)) if schema.get("type") == "object"]


@every_kind
def test_every_object_of_the_schema_is_closed(kind: Kind):
    assert all(schema["additionalProperties"] is False for schema in objects(kind))


@every_kind
def test_every_object_has_properties_and_requires_all_of_them(kind: Kind):
    assert all(schema["properties"] and schema["required"] == list(schema["properties"]) for schema in objects(kind))


@every_kind
def test_no_keyword_that_structured_outputs_refuse_occurs(kind: Kind):
    assert {key for schema in subschemas(answer_schema(kind)) for key in schema} <= ACCEPTED


@every_kind
def test_every_schema_has_a_type_or_points_to_one(kind: Kind):
    assert all({"type", "anyOf", "$ref"} & set(schema) for schema in subschemas(answer_schema(kind)))


@every_kind
def test_the_schema_has_at_most_sixteen_unions(kind: Kind):
    unions = [part for part in subschemas(answer_schema(kind)) if "anyOf" in part or isinstance(part.get("type"), list)]
    assert len(unions) <= 16


@every_kind
def test_every_reference_points_into_the_schema_and_none_is_recursive(kind: Kind):
    schema = answer_schema(kind)

    def expand(part: dict[str, Any], above: tuple[str, ...]) -> None:
        for child in subschemas({key: value for key, value in part.items() if key != "$defs"}):
            if "$ref" in child:
                name = child["$ref"].removeprefix("#/$defs/")
                assert name in schema["$defs"]
                assert name not in above
                expand(schema["$defs"][name], (*above, name))

    expand(schema, ())


@every_kind
def test_an_answer_has_outline_units_and_closing_in_this_order(kind: Kind):
    assert list(answer_schema(kind)["properties"]) == ["outline", "units", "closing"]


@every_kind
def test_a_unit_has_the_shared_fields_first(kind: Kind):
    definition = answer_schema(kind)["$defs"][SHAPES[kind].unit.__name__]
    assert list(definition["properties"])[:5] == ["unit_id", "heading", "body", "citations", "confidence"]


def test_a_kind_has_one_schema_for_all_calls():
    assert answer_schema(Kind.SUMMARY) is answer_schema(Kind.SUMMARY)


@pytest.mark.parametrize("field", ["unit_id", "heading", "body"])
@pytest.mark.parametrize("blank", ["", " \n\t"], ids=["empty", "spaces"])
def test_a_blank_text_is_refused(field: str, blank: str):
    with pytest.raises(ValidationError, match="must not be empty"):
        SummaryUnit.model_validate(SHARED | {field: blank})


QUOTED = {"source": "a", "quote": "q"}
RELATION = {"statement": "s", "first": QUOTED, "second": QUOTED}
UNIT = {"unit_id": "u", "heading": "h", "body": "b", "citations": [QUOTED], "confidence": 1}
CLAIM = {"claim": "c", "strength": "weak", "evidence": [QUOTED]}
OPTION = {"name": "n", "advantages": ["a"], "drawbacks": ["d"]}
FINDING = {
    "path": "a",
    "start_line": 1,
    "end_line": 1,
    "severity": "minor",
    "category": "security",
    "claim": "c",
    "quote": "q",
    "suggestion": "s",
}
EVERY_PART: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (OutlineEntry, {"id": "u", "heading": "h", "sources": ["a"]}),
    (SummaryUnit, UNIT),
    (CodeReviewUnit, UNIT | {"findings": [FINDING]}),
    (ResearchUnit, UNIT | {"claims": [CLAIM]}),
    (SynthesisUnit, UNIT | {"agreements": [RELATION], "contradictions": [RELATION]}),
    (Closing, {"overview": "o", "key_points": ["k"]}),
    (ResearchClosing, {"overview": "o", "key_points": ["k"], "options": [OPTION], "gaps": ["g"]}),
]
OF_A_FEW_WORDS = {"severity", "category", "strength"}


Json: TypeAlias = "dict[str, Json] | list[Json] | str | float | None"
TextPath = tuple[str | int, ...]


def texts(value: Json, path: TextPath = ()) -> Iterator[TextPath]:
    """The path to every free text inside the value."""
    if isinstance(value, str) and path[-1] not in OF_A_FEW_WORDS:
        yield path
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts(inner, (*path, key))


def replaced(value: Any, path: TextPath, text: str) -> Any:
    """A copy of the value with that text at the path."""
    if not path:
        return text
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], text)
    return copy


every_text = pytest.mark.parametrize(
    ("model", "value", "path"),
    [
        pytest.param(model, value, path, id=f"{model.__name__}-{'.'.join(map(str, path))}")
        for model, value in EVERY_PART
        for path in texts(value)
    ],
)


@every_text
def test_every_text_refuses_what_no_database_stores(model: type[BaseModel], value: dict[str, Any], path: TextPath):
    for bad in ("a\x00", "a\ud800", "a\udfffb", "\udc00\ud800"):
        with pytest.raises(ValidationError, match="cannot be stored"):
            model.model_validate(replaced(value, path, bad))


@every_text
def test_every_text_takes_any_other_character(model: type[BaseModel], value: dict[str, Any], path: TextPath):
    unusual = "é \U0001f600 \x01\x7f\ufffe\ue000"
    changed = replaced(value, path, unusual)
    assert model.model_validate(changed).model_dump() == changed


@every_kind
def test_every_part_of_a_schema_is_among_those_whose_texts_are_checked(kind: Kind):
    """A part added to the schema must be added here, or its texts go unchecked."""
    nested = {"Citation", "Finding", "Claim", "Relation", "Option"}
    assert set(answer_schema(kind)["$defs"]) <= {model.__name__ for model, _ in EVERY_PART} | nested


@pytest.mark.parametrize("line", [2**64, -(10**30), 10**400], ids=["64 bits", "negative", "beyond a float"])
@pytest.mark.parametrize("field", ["start_line", "end_line"])
def test_a_line_number_that_the_ledger_cannot_read_back_is_refused(field: str, line: int):
    with pytest.raises(ValidationError):
        Finding.model_validate(FINDING | {field: line})


def test_an_outline_entry_with_a_blank_heading_is_refused():
    with pytest.raises(ValidationError, match="must not be empty"):
        OutlineEntry(id="u001", heading=" ", sources=[])


@pytest.mark.parametrize("confidence", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_confidence_outside_zero_to_one_is_refused(confidence: float):
    with pytest.raises(ValidationError, match="between 0 and 1"):
        SummaryUnit.model_validate(SHARED | {"confidence": confidence})


@pytest.mark.parametrize("confidence", [0, 0.5, 1])
def test_both_ends_of_the_confidence_are_accepted(confidence: float):
    assert SummaryUnit.model_validate(SHARED | {"confidence": confidence}).confidence == confidence


def test_a_field_that_nobody_asked_for_is_ignored():
    assert SummaryUnit.model_validate(SHARED | {"mood": "good"}) == SummaryUnit.model_validate(SHARED)


def test_a_summary_unit_quotes_its_citations():
    assert quotes(SummaryUnit.model_validate(SHARED)) == [("a", "shared")]


def test_a_review_unit_quotes_its_citations_then_each_finding():
    finding = Finding(
        path="b.py",
        start_line=1,
        end_line=2,
        severity="minor",
        category="security",
        claim="Claim.",
        quote="found",
        suggestion="",
    )
    unit = CodeReviewUnit.model_validate(SHARED | {"findings": [finding]})
    assert quotes(unit) == [("a", "shared"), ("b.py", "found")]


def test_a_research_unit_quotes_its_citations_then_the_evidence_of_each_claim():
    evidence = [Citation(source="b", quote="first"), Citation(source="c", quote="second")]
    claims = [Claim(claim="Claim.", strength="strong", evidence=evidence)]
    unit = ResearchUnit.model_validate(SHARED | {"claims": claims})
    assert quotes(unit) == [("a", "shared"), ("b", "first"), ("c", "second")]


def test_a_synthesis_unit_quotes_its_citations_then_both_sides_of_each_relation():
    def relation(name: str) -> Relation:
        first, second = Citation(source="b", quote=f"{name} 1"), Citation(source="c", quote=f"{name} 2")
        return Relation(statement="Statement.", first=first, second=second)

    unit = SynthesisUnit.model_validate(
        SHARED | {"agreements": [relation("agree")], "contradictions": [relation("contradict")]}
    )
    assert quotes(unit) == [
        ("a", "shared"),
        ("b", "agree 1"),
        ("c", "agree 2"),
        ("b", "contradict 1"),
        ("c", "contradict 2"),
    ]


def quotes(unit: SummaryUnit | CodeReviewUnit | ResearchUnit | SynthesisUnit) -> list[tuple[str, str]]:
    return [(citation.source, citation.quote) for citation in unit.all_citations()]
