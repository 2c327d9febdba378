"""Every check by name, in the order in which a reader wants to know, and how to run them."""

from collections.abc import Callable, Mapping, Sequence

from throughline.domain.checks import (
    citations,
    completeness,
    contradictions,
    coverage,
    drift,
    endings,
    evidence,
    fillers,
    headings,
    held_figures,
    locations,
    names,
    near_copies,
    repetition,
    terms,
)
from throughline.domain.checks.corpus import Corpus
from throughline.domain.checks.material import Material
from throughline.domain.checks.result import Result
from throughline.domain.citations import CheckedCitation
from throughline.domain.document import Output
from throughline.domain.source import Source

Check = Callable[[Material], Result]

CHECKS: Mapping[str, Check] = {
    "completeness": completeness.check,
    "endings": endings.check,
    "fillers": fillers.check,
    "citations": citations.check,
    "code_locations": locations.check,
    "evidence": evidence.check,
    "near_copies": near_copies.check,
    "figures": held_figures.check,
    "names": names.check,
    "contradictions": contradictions.check,
    "terms": terms.check,
    "repetition": repetition.check,
    "headings": headings.check,
    "coverage": coverage.check,
    "drift": drift.check,
}


def run_checks(
    output: Output,
    sources: Sequence[Source] | Corpus,
    checked: Sequence[tuple[str, CheckedCitation]] | None = None,
) -> tuple[Result, ...]:
    """Every check of one output.

    `checked` are its citations, checked already, as (unit id, citation) in reading order; without them they
    are checked here. A `Corpus` in place of the sources lets several outputs share one reading of them.
    """
    corpus = sources if isinstance(sources, Corpus) else Corpus(sources)
    material = Material(output, corpus, checked)
    return tuple(check(material) for check in CHECKS.values())
