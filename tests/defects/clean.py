"""Correct outputs made of real text. They are extractive: whatever a check finds in one is a false alarm."""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count, pairwise

from tests.defects.real_text import Text
from throughline.domain.checks.corpus import Corpus
from throughline.domain.checks.figures import Figure, figures
from throughline.domain.checks.material import Material
from throughline.domain.checks.result import Finding
from throughline.domain.checks.table import CHECKS
from throughline.domain.document import Output
from throughline.domain.outline import Outline, OutlineUnit, unit_id
from throughline.domain.output import Citation, Closing, CodeReviewUnit, SummaryUnit, Unit
from throughline.domain.output import Finding as ReviewFinding
from throughline.domain.source import Format, Source, Span

SENTENCES_PER_UNIT = 10
_QUOTES_PER_UNIT = 5
_ROWS_PER_TABLE = 6
_LEAST_SENTENCES = 5


@dataclass(frozen=True, kw_only=True)
class Clean:
    """A correct output. `sentences` are those of each unit's body, in order."""

    output: Output
    corpus: Corpus
    sentences: Mapping[str, tuple[str, ...]]
    known: dict[str, tuple[Finding, ...]] = field(default_factory=dict)

    @cached_property
    def terms(self) -> dict[tuple[str, str], Counter[str]]:
        """Terms of two words, and how often each unit uses them."""
        uses: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for where, said in self.sentences.items():
            for pair in (pair for sentence in said for pair in pairwise(re.findall(r"\w+|[^\w\s]", sentence))):
                if all(len(word) > 4 and word.isalpha() and word.islower() for word in pair) and not _GLUE & set(pair):
                    uses[pair][where] += 1
        return uses

    @cached_property
    def stated(self) -> list[tuple[str, str, Figure]]:
        """Every whole number that a unit gives, as (unit, sentence, figure)."""
        said = ((where, sentence) for where, sentences in self.sentences.items() for sentence in sentences)
        return [(where, s, f) for where, s in said for f in figures(s) if re.fullmatch(r"\d+", f.text)]

    @cached_property
    def flat(self) -> str:
        """What the sources say, on one line."""
        return "\n".join(" ".join(source.text.split()) for source in self.corpus.sources)

    def says(self, text: str) -> bool:
        """Whether some source has this text, which then is no defect."""
        return " ".join(text.split()) in self.flat

    def false_alarms(self, checks: Sequence[str]) -> list[Finding]:
        """What those checks find although nothing is wrong."""
        for name in checks:
            if name not in self.known:
                self.known[name] = tuple(findings(self.output, self.corpus, [name]))
        return [finding for name in checks for finding in self.known[name]]


def summary(
    texts: Sequence[Text], corpus: Corpus, seed: int, most_units: int, quotes_per_unit: int = _QUOTES_PER_UNIT
) -> Clean:
    """A summary in units of about ten sentences, then tables of constants."""
    chance = random.Random(seed)
    numbers = count(1)
    entries: list[OutlineUnit] = []
    units: dict[str, Unit] = {}
    sentences: dict[str, tuple[str, ...]] = {}
    for text in chance.sample(texts, len(texts)):
        for chosen in _groups(text.sentences):
            if len(units) < most_units:
                entry = _entry(text.source, next(numbers))
                entries.append(entry)
                units[entry.id] = _prose_unit(entry, text.source, chosen, chance, quotes_per_unit)
                sentences[entry.id] = chosen
    return Clean(output=_output(entries, units), corpus=corpus, sentences=sentences)


def tables(texts: Sequence[Text], corpus: Corpus, most_units: int) -> Clean:
    """A summary whose units are tables of constants."""
    numbers = count(1)
    entries: list[OutlineUnit] = []
    units: dict[str, Unit] = {}
    for text in texts:
        rows = text.constants
        for start in range(0, len(rows) - 2, _ROWS_PER_TABLE):
            if len(units) < most_units:
                entry = _entry(text.source, next(numbers))
                entries.append(entry)
                units[entry.id] = _table_unit(entry, text.source, rows[start : start + _ROWS_PER_TABLE])
    return Clean(output=_output(entries, units), corpus=corpus, sentences={})


def code_review(texts: Sequence[Text], corpus: Corpus, seed: int, most_units: int) -> Clean:
    """A review with findings that quote lines which stand once in their file."""
    chance = random.Random(seed)
    entries: list[OutlineUnit] = []
    units: dict[str, Unit] = {}
    sentences: dict[str, tuple[str, ...]] = {}
    numbers = count(1)
    code = [text for text in texts if text.source.format is Format.CODE and len(text.sentences) >= _LEAST_SENTENCES]
    for text in chance.sample(code, min(most_units, len(code))):
        entry = _entry(text.source, next(numbers))
        entries.append(entry)
        units[entry.id] = _review_unit(entry, text, chance)
        sentences[entry.id] = text.sentences[:SENTENCES_PER_UNIT]
    return Clean(output=_output(entries, units), corpus=corpus, sentences=sentences)


def _groups(sentences: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(sentences), SENTENCES_PER_UNIT):
        if len(sentences) - start >= _LEAST_SENTENCES:
            yield sentences[start : start + SENTENCES_PER_UNIT]


def _entry(source: Source, number: int) -> OutlineUnit:
    span = Span(source=source.name, start=0, end=len(source.text))
    return OutlineUnit(id=unit_id(number), heading=f"{source.name}, part {number}", spans=(span,))


def _output(entries: list[OutlineUnit], units: dict[str, Unit]) -> Output:
    closing = Closing(overview="Everything above was taken from the documents.", key_points=[])
    return Output(title="Python", outline=Outline(units=tuple(entries)), units=units, closing=closing)


def _prose_unit(
    entry: OutlineUnit, source: Source, sentences: tuple[str, ...], chance: random.Random, most_quotes: int
) -> Unit:
    telling = sorted(sentences, key=lambda text: not re.search(r"\d|\bnot\b", text))
    quotes = [_typeset(quote, chance) for quote in telling[:most_quotes]]
    return SummaryUnit(
        unit_id=entry.id,
        heading=entry.heading,
        body=in_paragraphs(sentences),
        citations=[Citation(source=source.name, quote=quote) for quote in quotes],
        confidence=round(chance.uniform(0.8, 0.95), 2),
    )


def in_paragraphs(sentences: Sequence[str]) -> str:
    """The sentences, five a paragraph."""
    return "\n\n".join(" ".join(sentences[start : start + 5]) for start in range(0, len(sentences), 5))


def _typeset(quote: str, chance: random.Random) -> str:
    """The quote as a typographer would print it, now and then."""
    if chance.random() < 0.3:
        return quote.replace("'", "’").replace(" ", "\n", 1).replace("fi", "ﬁ")
    return quote


def _table_unit(entry: OutlineUnit, source: Source, rows: Sequence[tuple[str, str]]) -> Unit:
    lines = ["| Name | Value |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    quote = next(line for line in source.text.split("\n") if rows[0][0] in line and rows[0][1] in line)
    return SummaryUnit(
        unit_id=entry.id,
        heading=entry.heading,
        body="\n".join(lines),
        citations=[Citation(source=source.name, quote=quote)],
        confidence=0.9,
    )


def _review_unit(entry: OutlineUnit, text: Text, chance: random.Random) -> Unit:
    lines = text.source.text.split("\n")
    counts = Counter(line.strip() for line in lines)
    unique = [n for n, line in enumerate(lines, 1) if len(line.strip()) > 25 and counts[line.strip()] == 1]
    return CodeReviewUnit(
        unit_id=entry.id,
        heading=entry.heading,
        body=in_paragraphs(text.sentences[:SENTENCES_PER_UNIT]),
        citations=[],
        confidence=0.9,
        findings=[
            ReviewFinding(
                path=text.source.name,
                start_line=line,
                end_line=line,
                severity="minor",
                category="maintainability",
                claim="This line deserves a comment.",
                quote=lines[line - 1].strip(),
                suggestion="",
            )
            for line in sorted(chance.sample(unique, 4))
        ],
    )


_GLUE_TEXT = """
    which should would could these those their there where while about after other under through containing accessed
    defined returned being given called using instead because between first whether
"""
_GLUE = frozenset(_GLUE_TEXT.split())


def findings(output: Output, corpus: Corpus, checks: Sequence[str]) -> list[Finding]:
    """What those checks find."""
    material = Material(output, corpus)
    return [finding for name in checks for finding in CHECKS[name](material).findings]
