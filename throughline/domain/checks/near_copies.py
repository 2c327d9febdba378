"""Sentences taken from a source with a number, a negation or a name changed on the way."""

from throughline.domain.checks.copies import Copy
from throughline.domain.checks.difference import Change, changes, tokens
from throughline.domain.checks.material import Material
from throughline.domain.checks.prose import Statement
from throughline.domain.checks.result import Finding, Result, conclude, warning
from throughline.domain.source import Span

_SHORT = 3  # tokens


def check(material: Material) -> Result:
    """A sentence that follows a source word for word but for such a change is a warning with the difference."""
    copied = material.copies
    findings = [
        finding
        for statement, copy in copied.items()
        if not copy.verbatim and (finding := _slip(statement, copy, material)) is not None
    ]
    measures = {
        "statements": len(material.statements),
        "verbatim": sum(copy.verbatim for copy in copied.values()),
        "nearly_verbatim": sum(not copy.verbatim for copy in copied.values()),
        "changed_in_substance": len(findings),
    }
    return conclude("near_copies", findings, measures)


def _slip(statement: Statement, copy: Copy, material: Material) -> Finding | None:
    before, after = tokens(_stretch(copy.span, material)), tokens(statement.text.rstrip(".!?"))
    diff = changes(before, after)
    telling = [change for change in diff if _tells(change)]
    if not telling:
        return None
    marks = " and ".join(sorted({mark for change in telling for mark in change.marks}))
    what = f"Follows {copy.span.source} but for {marks}: {telling[0]}."
    return warning(statement.where, what, part=statement.part, span=copy.span, diff=diff)


def _tells(change: Change) -> bool:
    """A phrase left out says less and nothing wrong; a negation left out alone turns the sentence round."""
    if len(change.source.split()) > len(change.output.split()) + _SHORT:
        return False
    return bool(change.marks) if change.output.strip(".,;:()[] ") else "negation" in change.marks


def _stretch(span: Span, material: Material) -> str:
    return material.corpus.by_name[span.source].text[span.start : span.end]
