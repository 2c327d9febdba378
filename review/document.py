"""An output as a reader gets it: the closing first, then every unit with its statements, quotes and flags."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlencode

from review.reading import Flag, Reading
from throughline.domain.citations import CitationStatus
from throughline.domain.job import JobId
from throughline.domain.output import CodeReviewUnit, ResearchUnit, SynthesisUnit, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteView:
    """A quote, what became of it, and where its source opens. `status` is "unchecked" while no check has seen it."""

    source: str
    quote: str
    status: str
    found_in: str | None
    link: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A finding, claim or relation, with the quotes that carry it."""

    lead: str
    text: str
    more: str
    quotes: tuple[QuoteView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitView:
    """One unit of the outline; `unit` is None where it is missing."""

    id: str
    heading: str
    unit: Unit | None
    statements: tuple[Statement, ...]
    quotes: tuple[QuoteView, ...]
    flags: tuple[Flag, ...]
    errors: int
    warnings: int


def unit_views(job_id: JobId, reading: Reading, *, names: str, flags_first: bool = False) -> list[UnitView]:
    """The units in outline order, or those with the most errors and warnings first.

    `names` is how links to citations name the output: `attempt=ID`, or `side=a` where its path is hidden.
    """
    views = [
        unit_view(job_id, reading, reading.output.units.get(entry.id), entry.id, entry.heading, names)
        for entry in reading.output.outline.units
    ]
    return sorted(views, key=lambda view: (-view.errors, -view.warnings)) if flags_first else views


def unit_view(job_id: JobId, reading: Reading, unit: Unit | None, unit_id: str, heading: str, names: str) -> UnitView:
    """One unit with everything that is shown of it."""
    quotes = [] if unit is None else list(_quotes(job_id, reading, unit, names))
    own = 0 if unit is None else len(unit.citations)
    return UnitView(
        id=unit_id,
        heading=heading if unit is None else unit.heading,
        unit=unit,
        statements=() if unit is None else tuple(_statements(unit, iter(quotes[own:]))),
        quotes=tuple(quotes[:own]),
        flags=reading.flags.get(unit_id, ()),
        errors=reading.errors(unit_id) + (unit is None),
        warnings=reading.warnings(unit_id),
    )


def _quotes(job_id: JobId, reading: Reading, unit: Unit, names: str) -> Iterator[QuoteView]:
    said = {flag.part: flag.what for flag in reading.flags.get(unit.unit_id, ()) if flag.check == "citations"}
    for index, (part, source, quote, checked) in enumerate(reading.part(unit)):
        where = urlencode({"unit": unit.unit_id, "n": index})
        yield QuoteView(
            source=source,
            quote=quote,
            status="unchecked" if checked is None else str(checked.status),
            found_in=None if checked is None else checked.found_in,
            link=f"/jobs/{job_id}/citation?{names}&{where}#span",
            what="" if checked is None or checked.status is CitationStatus.VERIFIED else said.get(part, ""),
        )


def _statements(unit: Unit, quotes: Iterator[QuoteView]) -> Iterator[Statement]:
    """The parts of a unit beside its body; each takes the next quotes, in the order of `all_citations`."""
    match unit:
        case CodeReviewUnit():
            for finding in unit.findings:
                lead = f"{finding.severity}, {finding.category}, {finding.path}:{finding.start_line}-{finding.end_line}"
                yield _statement(lead, finding.claim, finding.suggestion, islice(quotes, 1))
        case ResearchUnit():
            for claim in unit.claims:
                yield _statement(f"claim, {claim.strength}", claim.claim, "", islice(quotes, len(claim.evidence)))
        case SynthesisUnit():
            relations = [("agreement", each) for each in unit.agreements]
            relations += [("contradiction", each) for each in unit.contradictions]
            for name, relation in relations:
                yield _statement(name, relation.statement, "", islice(quotes, 2))
        case _:
            pass


def _statement(lead: str, text: str, more: str, quotes: Iterator[QuoteView]) -> Statement:
    return Statement(lead=lead, text=text, more=more, quotes=tuple(quotes))


def counts(views: Sequence[UnitView]) -> tuple[int, int]:
    """Units with errors, and units with warnings alone."""
    return sum(view.errors > 0 for view in views), sum(view.warnings > 0 and not view.errors for view in views)
