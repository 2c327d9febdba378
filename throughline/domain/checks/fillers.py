"""Text that stands for text: placeholders, offers to go on, remarks about the writing itself."""

import re
from collections.abc import Iterator

from throughline.domain.checks.material import Material
from throughline.domain.checks.prose import Statement
from throughline.domain.checks.result import Finding, Result, conclude, error

# A bracket is followed so far and no further: one that never closes may be opened again and again.
_FILLERS = {
    "an offer to go on": re.compile(
        r"\b(?:(?:shall|should|may|can) (?:I|we)|do you want me to|would you like me to|"
        r"let me know if you(?:'d| would) like me to)\b[^.?!]{0,40}\b(?:continue|proceed|go on|elaborate|expand)\b|"
        r"^\W*continued?\W*$|"
        r"\(?\bto be continued\b|\[continue[sd]?[^\]]{0,200}\]|"
        r"\bcontinu(?:es|ed|ing) in (?:the )?next (?:part|response|message)",
        re.IGNORECASE,
    ),
    "a placeholder": re.compile(
        r"\blorem ipsum\b|^\W*(?:TODO|TBD|TBC|FIXME|XXX)\b|\[(?:TODO|TBD|TBC|FIXME|XXX)\b[^\]]{0,200}\]|"
        r"\[(?:insert|add|fill in|your|placeholder)\b[^\]]{0,200}\]|<(?:insert|placeholder|your)\b[^>]{0,200}>|"
        r"\bplaceholder (?:text|for (?:this|the) (?:section|unit))\b",
        re.IGNORECASE,
    ),
    "text left out": re.compile(
        r"\b(?:the )?(?:rest|remainder|remaining (?:sections?|units?|parts?|items?|entries))\b[^.]{0,40}"
        r"\b(?:omitted|unchanged|left out|follows? the same (?:pattern|structure)|(?:is|are) similar)\b|"
        r"\b(?:omitted|truncated|shortened) for (?:brevity|length|space)\b|^\W*(?:\.\.\.|…)\W*$|"
        r"\[\s*(?:\.\.\.|…)[^\]]{2,200}\]",
        re.IGNORECASE,
    ),
    "a remark about the writer": re.compile(
        r"\bas an? (?:(?:AI|artificial intelligence|large|language) )+(?:model|assistant)\b|"
        r"\b(?:due to|because of) (?:length|token|space|output) (?:limits?|limitations?|constraints?)\b|"
        r"\bI (?:will|'ll) (?:now )?continue (?:with|in|from)\b",
        re.IGNORECASE,
    ),
}


def check(material: Material) -> Result:
    """Each filler is an error, unless a source says the sentence word for word."""
    findings = [finding for statement in material.statements for finding in _of(statement, material)]
    return conclude("fillers", findings, {"fillers": len(findings)})


def _of(statement: Statement, material: Material) -> Iterator[Finding]:
    for name, pattern in _FILLERS.items():
        found = pattern.search(statement.text)
        if found and not _in_source(statement, material):
            yield error(statement.where, f'Holds {name}: "{found[0].strip()[:80]}".', part=statement.part)


def _in_source(statement: Statement, material: Material) -> bool:
    copy = material.copies.get(statement)
    return copy is not None and copy.verbatim
