"""The output as a reader gets it: closing first, then the units in outline order, stitched by code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from throughline.domain.outline import Outline
from throughline.domain.output import (
    Citation,
    Closing,
    CodeReviewUnit,
    Finding,
    Relation,
    ResearchClosing,
    ResearchUnit,
    SynthesisUnit,
    Unit,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One attempt's whole output. `units` may lack some of the outline's."""

    title: str
    outline: Outline
    units: Mapping[str, Unit]
    closing: Closing | None

    @property
    def ordered(self) -> tuple[Unit, ...]:
        """The written units in outline order."""
        return tuple(self.units[unit_id] for unit_id in self.outline.unit_ids if unit_id in self.units)


def to_json(output: Output) -> dict[str, Any]:
    """The output as JSON values."""
    return {
        "title": output.title,
        "closing": output.closing.model_dump(mode="json") if output.closing else None,
        "units": [unit.model_dump(mode="json") for unit in output.ordered],
        "missing_units": [unit_id for unit_id in output.outline.unit_ids if unit_id not in output.units],
    }


def to_markdown(output: Output) -> str:
    """The output as one Markdown document; units that are missing are named, not skipped."""
    blocks = [f"# {output.title}"]
    if output.closing is not None:
        blocks += _closing(output.closing)
    for entry in output.outline.units:
        unit = output.units.get(entry.id)
        blocks += [f"## {entry.heading}", "*This unit is missing.*"] if unit is None else _unit(unit)
    return "\n\n".join(blocks) + "\n"


def _closing(closing: Closing) -> Iterator[str]:
    yield closing.overview
    if closing.key_points:
        yield _bullets(closing.key_points)
    if isinstance(closing, ResearchClosing):
        for option in closing.options:
            yield f"**Option: {option.name}**"
            points = [f"For: {text}" for text in option.advantages]
            points += [f"Against: {text}" for text in option.drawbacks]
            if points:
                yield _bullets(points)
        if closing.gaps:
            yield "**Open:**"
            yield _bullets(closing.gaps)


def _unit(unit: Unit) -> Iterator[str]:
    yield f"## {unit.heading}"
    yield unit.body
    match unit:
        case CodeReviewUnit():
            yield from (_finding(unit))
        case ResearchUnit():
            for claim in unit.claims:
                yield f"- {claim.claim} ({claim.strength})"
                yield from (_quote(citation) for citation in claim.evidence)
        case SynthesisUnit():
            yield from _relations("Agreement", unit.agreements)
            yield from _relations("Contradiction", unit.contradictions)
        case _:
            pass
    yield from (_quote(citation) for citation in unit.citations)
    yield f"*Confidence {unit.confidence:.2f}*"


def _finding(unit: CodeReviewUnit) -> Iterator[str]:
    for finding in unit.findings:
        yield (
            f"- **{finding.severity}** ({finding.category}) `{finding.path}:{_lines(finding)}`: "
            f"{finding.claim} {finding.suggestion}"
        )
        yield _quote(Citation(source=finding.path, quote=finding.quote))


def _lines(finding: Finding) -> str:
    first, last = finding.start_line, finding.end_line
    return str(first) if first == last else f"{first}-{last}"


def _relations(name: str, relations: list[Relation]) -> Iterator[str]:
    for relation in relations:
        yield f"- **{name}:** {relation.statement}"
        yield _quote(relation.first)
        yield _quote(relation.second)


def _quote(citation: Citation) -> str:
    quoted = " ".join(citation.quote.split())
    return f"> {quoted}\n> — {citation.source}"


def _bullets(points: list[str]) -> str:
    return "\n".join(f"- {point}" for point in points)
