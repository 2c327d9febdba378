"""What the model must answer: one schema a kind, on one shared unit shape.

Every call of a job, on either path, gets the same schema and is told in words which part of it to fill.
One schema keeps the prompt cache warm along a chain (another format would invalidate it) and makes the
outputs of both paths the same kind of thing. The schema uses only what structured outputs accept: no
bounds, no patterns, every property required. Rules beyond that are checked when the answer is read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from throughline.domain.job import Kind


def _storable(text: str) -> str:
    try:
        encoded = text.encode()  # finds half a surrogate pair ten times sooner than a pattern
    except UnicodeEncodeError:
        encoded = b"\x00"
    if b"\x00" in encoded:  # sooner than in a text with wide characters
        raise ValueError("holds a character that cannot be stored (NUL or half a surrogate pair)")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return _storable(text)


def _line(number: int) -> int:
    if not 0 <= number < 2**31:
        raise ValueError("must be a line number")
    return number


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError("must be between 0 and 1")
    return value


Line = Annotated[int, AfterValidator(_line)]
Str = Annotated[str, AfterValidator(_storable)]
Text = Annotated[str, AfterValidator(_not_blank)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Citation(_Part):
    """A verbatim quote and the source that holds it."""

    source: Str = Field(description="Title of the document that holds the quote.")
    quote: Str = Field(description="Copied word for word from that document, one or two sentences.")


class OutlineEntry(_Part):
    """One unit of an outline that the model plans."""

    id: Text = Field(description="u001, u002, ... in reading order.")
    heading: Text
    sources: list[Str] = Field(description="Titles of the documents this unit needs.")


class Unit(_Part):
    """One section of the output."""

    unit_id: Text = Field(description="The id of the unit that was asked for.")
    heading: Text
    body: Text = Field(description="The section's text in Markdown, without its heading.")
    citations: list[Citation] = Field(description="Quotes that support the body's statements.")
    confidence: Annotated[float, AfterValidator(_share)] = Field(
        description="From 0 to 1: how sure you are that the body is right and complete."
    )

    def all_citations(self) -> Iterator[Citation]:
        """Every quote of the unit, whatever part of it holds the quote."""
        yield from self.citations


class SummaryUnit(Unit):
    """A unit of a summary: nothing beyond the shared shape."""


class Finding(_Part):
    """One thing that a reviewer would raise."""

    path: Text = Field(description="Title of the document (the file's path).")
    start_line: Line
    end_line: Line
    severity: Literal["critical", "major", "minor", "info"]
    category: Literal["correctness", "security", "performance", "maintainability", "documentation"]
    claim: Text = Field(description="What is wrong and why it matters.")
    quote: Str = Field(description="The line or lines, word for word, without line numbers.")
    suggestion: Str = Field(description="What to do instead.")


class CodeReviewUnit(Unit):
    """A unit of a code review: notes on a file or a few, with findings."""

    findings: list[Finding]

    def all_citations(self) -> Iterator[Citation]:
        """The shared citations, then each finding's quote."""
        yield from self.citations
        for finding in self.findings:
            yield Citation(source=finding.path, quote=finding.quote)


class Claim(_Part):
    """A statement with its evidence."""

    claim: Text
    strength: Literal["strong", "moderate", "weak", "contested"]
    evidence: list[Citation]


class ResearchUnit(Unit):
    """A unit of a research report."""

    claims: list[Claim]

    def all_citations(self) -> Iterator[Citation]:
        """The shared citations, then each claim's evidence."""
        yield from self.citations
        for claim in self.claims:
            yield from claim.evidence


class Relation(_Part):
    """Two sources that say the same, or contradict each other, each in its own words."""

    statement: Text
    first: Citation
    second: Citation


class SynthesisUnit(Unit):
    """A unit of a synthesis over several sources."""

    agreements: list[Relation]
    contradictions: list[Relation]

    def all_citations(self) -> Iterator[Citation]:
        """The shared citations, then both sides of each relation."""
        yield from self.citations
        for relation in (*self.agreements, *self.contradictions):
            yield relation.first
            yield relation.second


class Closing(_Part):
    """What stands in front of the units: written last, read first."""

    overview: Text = Field(description="The whole in a few paragraphs.")
    key_points: list[Str]


class Option(_Part):
    """One way to go, with what speaks for and against it."""

    name: Text
    advantages: list[Str]
    drawbacks: list[Str]


class ResearchClosing(Closing):
    """A research report also weighs options and names what stays open."""

    options: list[Option]
    gaps: list[Str] = Field(description="Questions that the documents leave open.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a kind's answers are made of."""

    unit: type[Unit]
    closing: type[Closing]
    outline_by_model: bool


SHAPES: dict[Kind, Shape] = {
    Kind.SUMMARY: Shape(unit=SummaryUnit, closing=Closing, outline_by_model=False),
    Kind.CODE_REVIEW: Shape(unit=CodeReviewUnit, closing=Closing, outline_by_model=False),
    Kind.RESEARCH_REPORT: Shape(unit=ResearchUnit, closing=ResearchClosing, outline_by_model=True),
    Kind.SYNTHESIS: Shape(unit=SynthesisUnit, closing=Closing, outline_by_model=True),
}


@cache
def answer_schema(kind: Kind) -> dict[str, Any]:  # Any: a JSON schema is free-form JSON
    """The JSON schema of every answer of that kind: `outline`, `units`, then `closing` (or null)."""
    shape = SHAPES[kind]
    definitions: dict[str, Any] = {}

    def define(model: type[BaseModel]) -> dict[str, Any]:
        schema = model.model_json_schema(ref_template="#/$defs/{model}")
        for name, definition in schema.pop("$defs", {}).items():
            definitions[name] = _strict(definition)
        definitions[model.__name__] = _strict(schema)
        return {"$ref": f"#/$defs/{model.__name__}"}

    properties: dict[str, Any] = {
        "outline": {"type": "array", "items": define(OutlineEntry)},
        "units": {"type": "array", "items": define(shape.unit)},
        "closing": {"anyOf": [define(shape.closing), {"type": "null"}]},
    }
    return _strict({"type": "object", "properties": properties}) | {"$defs": definitions}


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """The object schema with every property required, nothing else allowed, and no titles."""
    properties = {
        name: {key: value for key, value in entry.items() if key != "title"}
        for name, entry in schema["properties"].items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
