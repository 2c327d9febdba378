"""Small outputs for the tests of checks: units by their bodies and quotes."""

from collections.abc import Sequence

from throughline.domain.checks.corpus import Corpus
from throughline.domain.checks.material import Material
from throughline.domain.checks.result import Finding, Result
from throughline.domain.checks.table import CHECKS
from throughline.domain.document import Output
from throughline.domain.outline import Outline, OutlineUnit, unit_id
from throughline.domain.output import Citation, Closing, CodeReviewUnit, SummaryUnit, Unit
from throughline.domain.output import Finding as ReviewFinding
from throughline.domain.source import Format, Source

CLOSING = Closing(overview="That is all.", key_points=[])


def source(text: str, name: str = "report.txt", form: Format = Format.TEXT) -> Source:
    return Source(name=name, format=form, text=text)


def quote(text: str, of: str = "report.txt") -> Citation:
    return Citation(source=of, quote=text)


def unit(body: str, number: int = 1, *quotes: Citation, heading: str = "", confidence: float = 0.9) -> SummaryUnit:
    return SummaryUnit(
        unit_id=unit_id(number),
        heading=heading or f"Heading {number}",
        body=body,
        citations=list(quotes),
        confidence=confidence,
    )


def review(*findings: ReviewFinding) -> CodeReviewUnit:
    return CodeReviewUnit(
        unit_id="u001", heading="Heading 1", body="A file.", citations=[], confidence=0.9, findings=list(findings)
    )


def remark(quoted: str, first: int, last: int, path: str = "code.py") -> ReviewFinding:
    return ReviewFinding(
        path=path,
        start_line=first,
        end_line=last,
        severity="minor",
        category="correctness",
        claim="Wrong.",
        quote=quoted,
        suggestion="",
    )


def output(
    *units: Unit, closing: Closing | None = CLOSING, title: str = "Title", outline: Sequence[OutlineUnit] = ()
) -> Output:
    entries = outline or [OutlineUnit(id=each.unit_id, heading=each.heading) for each in units]
    return Output(
        title=title,
        outline=Outline(units=tuple(entries)),
        units={each.unit_id: each for each in units},
        closing=closing,
    )


def bodies(*texts: str) -> Output:
    """An output whose units have these bodies."""
    return output(*(unit(text, number) for number, text in enumerate(texts, 1)))


def check(name: str, out: Output, *sources: Source) -> Result:
    return CHECKS[name](Material(out, Corpus(sources)))


def told(result: Result) -> list[tuple[str, str]]:
    """Where and what."""
    return [(finding.where, finding.what) for finding in result.findings]


def only(result: Result) -> Finding:
    (finding,) = result.findings
    return finding
