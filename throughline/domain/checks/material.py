"""One output beside its sources, with everything that more than one check needs, computed once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from throughline.domain.checks import copies, repeats
from throughline.domain.checks.copies import Copy
from throughline.domain.checks.corpus import Corpus
from throughline.domain.checks.figures import Figure, figures
from throughline.domain.checks.folding import read
from throughline.domain.checks.prose import CLOSING, Statement, statements
from throughline.domain.checks.repeats import LEAST_WORDS, Repeat
from throughline.domain.citations import CheckedCitation, CitationStatus, check_citations
from throughline.domain.document import Output
from throughline.domain.output import CodeReviewUnit, ResearchUnit, SynthesisUnit, Unit

DECILES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A checked quote, and which part of which unit holds it."""

    where: str
    part: str
    checked: CheckedCitation

    @property
    def verified(self) -> bool:
        """Whether the named source holds it verbatim."""
        return self.checked.status is CitationStatus.VERIFIED


class Material:
    """What a check reads. `checked` are (unit id, citation) in the order of each unit's citations."""

    def __init__(
        self, output: Output, corpus: Corpus, checked: Sequence[tuple[str, CheckedCitation]] | None = None
    ) -> None:
        self.output = output
        self.corpus = corpus
        self._checked = checked

    @cached_property
    def quotes(self) -> tuple[Quote, ...]:
        """Every quote with what became of it."""
        checked = self._check() if self._checked is None else self._checked
        parts = {unit.unit_id: iter(quote_parts(unit)) for unit in self.output.ordered}
        return tuple(Quote(where=where, part=next(parts[where]), checked=citation) for where, citation in checked)

    def _check(self) -> list[tuple[str, CheckedCitation]]:
        quoted = [(unit.unit_id, citation) for unit in self.output.ordered for citation in unit.all_citations()]
        checked = check_citations([citation for _, citation in quoted], self.corpus.sources)
        return [(where, citation) for (where, _), citation in zip(quoted, checked, strict=True)]

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Everything that the output says in its own words."""
        return tuple(statements(self.output))

    @cached_property
    def long_statements(self) -> tuple[Statement, ...]:
        """The units' statements that are long enough to notice when they come again."""
        inside = (statement for statement in self.statements if statement.where != CLOSING)
        return tuple(statement for statement in inside if len(statement.text.split()) >= LEAST_WORDS)

    @cached_property
    def repeats(self) -> tuple[Repeat, ...]:
        """The units' statements that an earlier one says already."""
        return repeats.find(self.long_statements)

    @cached_property
    def copies(self) -> dict[Statement, Copy]:
        """The statements that a source has in the same or nearly the same words."""
        return copies.find(self.statements, self.corpus)

    @cached_property
    def figures(self) -> dict[Statement, tuple[Figure, ...]]:
        """The figures of the statements that give any, as they stand in `read(statement.text)`."""
        stated = ((statement, tuple(figures(read(statement.text)))) for statement in self.statements)
        return {statement: found for statement, found in stated if found}

    @cached_property
    def _deciles(self) -> dict[str, int]:
        ids = self.output.outline.unit_ids
        return {unit_id: index * DECILES // len(ids) for index, unit_id in enumerate(ids)}

    def decile(self, unit_id: str) -> int:
        """In which tenth of the outline a unit stands, counted from 0."""
        return self._deciles[unit_id]


def quote_parts(unit: Unit) -> list[str]:
    """Which part of the unit holds each of `unit.all_citations()`."""
    parts = [f"citations[{index}]" for index in range(len(unit.citations))]
    match unit:
        case CodeReviewUnit():
            parts += (f"findings[{index}].quote" for index in range(len(unit.findings)))
        case ResearchUnit():
            for index, claim in enumerate(unit.claims):
                parts += (f"claims[{index}].evidence[{place}]" for place in range(len(claim.evidence)))
        case SynthesisUnit():
            for name, relations in (("agreements", unit.agreements), ("contradictions", unit.contradictions)):
                for index in range(len(relations)):
                    parts += (f"{name}[{index}].first", f"{name}[{index}].second")
        case _:
            pass
    return parts
