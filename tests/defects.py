"""Correct outputs made of real text, and defects planted in them: what the checks are measured with.

A correct output is extractive: its bodies are sentences of Python's own language reference and of docstrings
and its tables are constants of the standard library, each with verbatim quotes. So whatever a check finds in one
is a false alarm. Everything is drawn from a seed; nothing is read but Python's own files.
"""

import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import count, pairwise
from pathlib import Path
from pydoc_data.topics import topics

from throughline.domain.checks.corpus import Corpus
from throughline.domain.checks.figures import Figure, figures
from throughline.domain.checks.material import Material
from throughline.domain.checks.result import Finding
from throughline.domain.checks.table import CHECKS
from throughline.domain.document import Output
from throughline.domain.outline import Outline, OutlineUnit, unit_id
from throughline.domain.output import Citation, Closing, CodeReviewUnit, SummaryUnit, Unit
from throughline.domain.output import Finding as ReviewFinding
from throughline.domain.source import Format, Source, Span, line_starts

SENTENCES_PER_UNIT = 10
_QUOTES_PER_UNIT = 5
_ROWS_PER_TABLE = 6
_LEAST_SENTENCES = 5


# --- real text --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A source, and the sentences and constants in it that an output can be made of."""

    source: Source
    sentences: tuple[str, ...]
    constants: tuple[tuple[str, str], ...] = ()


_DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
_CONSTANT = re.compile(r"^[ ]*(?:def_op\(')?([A-Z][A-Z_]{3,})(?: = |', )(\d{1,5})(?=\)?[ ]*(?:,|#|$))", re.MULTILINE)
_SENTENCE_GAP = re.compile(r"(?<=[a-z)]\.)\s+(?=[A-Z][a-z])")


@cache
def real_texts(modules: int, most_topics: int | None = None) -> tuple[Text, ...]:
    """The language reference, a source a topic, and so many modules of the standard library."""
    texts = [(f"{name}.rst", Format.RST, text, [text]) for name, text in sorted(topics.items())[:most_topics]]
    for path in library_modules()[:modules]:
        text = path.read_text("utf-8")
        texts.append((path.relative_to(_LIB).as_posix(), Format.CODE, text, _DOCSTRING.findall(text)))
    used: set[tuple[str, ...]] = set()
    found: list[Text] = []
    for name, form, text, prose in texts:
        source = Source(name=name, format=form, text=text)
        sentences = tuple(_sentences(prose, text, used))
        constants = tuple(dict(_CONSTANT.findall(text)).items()) if form is Format.CODE else ()
        found.append(Text(source=source, sentences=sentences, constants=constants))
    return tuple(found)


_LIB = Path(os.__file__).parent
_LEFT_OUT = frozenset({"site-packages", "test", "tests", "idlelib", "lib2to3", "pydoc_data", "__pycache__"})


@cache
def library_modules() -> tuple[Path, ...]:
    """Large modules first, those with tables of constants before all others."""
    paths = [path for path in _LIB.rglob("*.py") if not _LEFT_OUT & set(path.parts)]
    with_tables = {"http/__init__.py", "token.py", "opcode.py", "_opcode_metadata.py", "logging/__init__.py"}
    return tuple(sorted(paths, key=lambda p: (p.relative_to(_LIB).as_posix() not in with_tables, -p.stat().st_size, p)))


def _sentences(prose: Sequence[str], text: str, used: set[tuple[str, ...]]) -> Iterator[str]:
    """Sentences that stand in the text once and of which most is new: a correct output does not repeat itself."""
    flat = " ".join(text.split())
    for paragraph in (part for block in prose for part in re.split(r"\n\s*\n", block)):
        lines = paragraph.strip("\n").split("\n")
        if not all(line[:1].strip() or line.startswith("    ") for line in lines) or set(paragraph) & set("|\\\0"):
            continue
        for sentence in _SENTENCE_GAP.split(" ".join(paragraph.split())):
            words = re.findall(r"\w+", sentence.lower())
            runs = {tuple(words[at : at + 3]) for at in range(len(words) - 2)}
            if _is_usable(sentence) and 2 * len(runs & used) < len(runs) and flat.count(sentence) == 1:
                used |= runs
                yield sentence


def _is_usable(sentence: str) -> bool:
    whole = re.fullmatch(r"[A-Z][a-z].*[a-z)]\.", sentence) is not None
    return whole and 8 <= len(sentence.split()) <= 40 and "::" not in sentence and ">>>" not in sentence


# --- correct outputs --------------------------------------------------------------------------------


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


# --- defects ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One changed unit. `also` are other units where a finding would tell of the same defect, `other` one that changed
    with it."""

    unit: Unit
    also: tuple[str, ...] = ()
    other: Unit | None = None


Plant = Callable[[Unit, Clean, random.Random], Planted | None]


def _with_quote(unit: Unit, index: int, **changes: str) -> Planted:
    citations = list(unit.citations)
    citations[index] = citations[index].model_copy(update=changes)
    return Planted(unit=unit.model_copy(update={"citations": citations}))


def _quote_with(unit: Unit, pattern: str, chance: random.Random) -> tuple[int, re.Match[str]] | None:
    """A quote that has such a place, and the place."""
    found = [(n, m) for n, quote in enumerate(unit.citations) for m in re.finditer(pattern, quote.quote)]
    return chance.choice(found) if found else None


def other_digit(digit: str, chance: random.Random) -> str:
    """Another digit than that."""
    return chance.choice([other for other in "123456789" if other != digit])


def replaced(text: str, found: re.Match[str], new: str) -> str:
    """The text with other words in that place."""
    return text[: found.start()] + new + text[found.end() :]


def swapped_digit_in_quote(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    found = _quote_with(unit, r"\d", chance)
    if found is None:
        return None
    index, digit = found
    return _with_quote(unit, index, quote=replaced(unit.citations[index].quote, digit, other_digit(digit[0], chance)))


_VERB = r"\b(is|are|was|were|can|will|must|may|does|should|has been) (?!not\b)"


def negated(text: str, chance: random.Random) -> str | None:
    """The text with one negation taken out or put in; None where neither is possible."""
    negations = list(re.finditer(r"\bnot ", text))
    if negations:
        return replaced(text, chance.choice(negations), "")
    verbs = list(re.finditer(_VERB, text))
    return replaced(text, verb, f"{verb[1]} not ") if verbs and (verb := chance.choice(verbs)) else None


def flipped_negation_in_quote(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    for index in chance.sample(range(len(unit.citations)), len(unit.citations)):
        quote = negated(unit.citations[index].quote, chance)
        if quote is not None:
            return _with_quote(unit, index, quote=quote)
    return None


def moved_quote(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """A verbatim quote of another source's unit, in place of one's own."""
    own = {citation.source for citation in unit.citations}
    others = [c for other in clean.output.ordered for c in other.citations if c.source not in own]
    return _with_quote(unit, 0, **chance.choice(others).model_dump()) if others else None


def merged_quotes(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    if len(unit.citations) < 2:
        return None
    first, second = chance.sample(range(len(unit.citations)), 2)
    joint = chance.choice([" ", " … ", " [...] "])
    merged = unit.citations[first].quote + joint + unit.citations[second].quote
    return None if clean.says(merged) else _with_quote(unit, first, quote=merged)


def quote_from_wrong_source(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    others = [s.name for s in clean.corpus.sources if s.name != unit.citations[0].source]
    return _with_quote(unit, 0, source=chance.choice(others))


def _with_sentence(unit: Unit, clean: Clean, old: str, new: str) -> Planted:
    """The unit with one sentence of its body in other words; its quotes stay right."""
    said = [new if sentence == old else sentence for sentence in clean.sentences[unit.unit_id]]
    return Planted(unit=unit.model_copy(update={"body": in_paragraphs(said)}))


def swapped_digit_in_body(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    places = [(s, m) for s in clean.sentences[unit.unit_id] for m in re.finditer(r"(?<![\w.])\d(?=\d|[ .,)])", s)]
    if not places:
        return None
    sentence, digit = chance.choice(places)
    return _with_sentence(unit, clean, sentence, replaced(sentence, digit, other_digit(digit[0], chance)))


def flipped_negation_in_body(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    sentence = chance.choice(clean.sentences[unit.unit_id])
    changed = negated(sentence, chance)
    return None if changed is None else _with_sentence(unit, clean, sentence, changed)


_OTHER_UNITS = {
    "B": "bits", "bit": "bytes", "KB": "MB", "KiB": "MiB", "MB": "GB", "MiB": "KiB", "GB": "MB", "s": "minutes",
    "min": "hours", "h": "seconds", "ms": "seconds", "day": "weeks", "week": "days", "month": "days",
    "year": "months", "%": "bytes", "character": "lines", "line": "characters", "times": "percent", "us": "seconds",
}  # fmt: skip


def wrong_unit(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    measured = [(s, f) for s in clean.sentences[unit.unit_id] for f in figures(s) if f.unit in _OTHER_UNITS]
    if not measured:
        return None
    sentence, figure = chance.choice(measured)
    return _with_sentence(unit, clean, sentence, _with_unit(sentence, figure))


def _with_unit(sentence: str, figure: Figure) -> str:
    number = re.sub(r"[^\d,.:]+$", "", figure.text)
    changed = f"{number} {_OTHER_UNITS[figure.unit or '']}"
    return sentence[: figure.start] + changed + sentence[figure.end :]


_SYLLABLES = ("bra", "kov", "len", "mar", "tis", "von", "dra", "quil", "zen", "hart", "os", "fel")


def invented_name(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """A person, a product or an identifier that nobody has heard of, inside a true sentence."""
    coined = "".join(chance.sample(_SYLLABLES, 3)).capitalize()
    said = chance.choice(
        [f", as {coined} showed.", f" (see {coined.lower()}_{coined[:3].lower()}).", f", says Dr. {coined}."]
    )
    sentence = chance.choice(clean.sentences[unit.unit_id])
    return _with_sentence(unit, clean, sentence, sentence.removesuffix(".") + said)


def duplicated_unit(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """The body of another unit, word for word or with a word changed in every sentence."""
    other = chance.choice([where for where in clean.sentences if where != unit.unit_id])
    said = [_reworded(sentence, chance) for sentence in clean.sentences[other]] if chance.random() < 0.5 else None
    body = in_paragraphs(said or clean.sentences[other])
    return Planted(unit=unit.model_copy(update={"body": body}), also=(other,))


def _reworded(sentence: str, chance: random.Random) -> str:
    words = sentence.split()
    at = chance.choice([1, len(words) - 2])
    return " ".join([*words[:at], "indeed", *words[at + 1 :]])


def swapped_units(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """Two units that changed places: each has the body and the quotes of the other under its own heading."""
    other = clean.output.units[chance.choice([where for where in clean.sentences if where != unit.unit_id])]
    if {quote.source for quote in other.citations} == {quote.source for quote in unit.citations}:
        return None  # two halves of one source: which is first, only the source's order knows
    here = unit.model_copy(update={"body": other.body, "citations": other.citations})
    there = other.model_copy(update={"body": unit.body, "citations": unit.citations})
    return Planted(unit=here, also=(other.unit_id,), other=there)


def swapped_heading(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """The heading of another unit over this one's text."""
    other = chance.choice([each for each in clean.output.ordered if each.unit_id != unit.unit_id])
    return Planted(unit=unit.model_copy(update={"heading": other.heading}), also=(other.unit_id,))


def empty_unit(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    """Heading and quotes, and nothing said."""
    return Planted(unit=unit.model_copy(update={"body": chance.choice(["", " ", "\n\n"])}))


def foreign_figure(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """A sentence about the same things with a figure of another document."""
    figure = f"{chance.randrange(11, 97)},{chance.randrange(101, 998)}"
    if figure in clean.flat or figure.replace(",", "") in clean.flat:
        return None
    sentence = chance.choice(clean.sentences[unit.unit_id])
    words = sentence.removesuffix(".").split()
    return _with_sentence(unit, clean, sentence, f"{' '.join(words)}, in {figure} of the cases.")


def truncated_end(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    last = clean.sentences[unit.unit_id][-1]
    cut = chance.randrange(3, len(last) - 2)
    return Planted(unit=unit.model_copy(update={"body": unit.body[: len(unit.body) - len(last) + cut].rstrip()}))


def contradiction(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """What another unit says, with a number of which the sources have plenty."""
    stated = [told for told in clean.stated if told[0] != unit.unit_id]
    if not stated:
        return None
    where, sentence, figure = chance.choice(stated)
    number = chance.choice([n for n in ("2", "3", "4", "8", "10", "16", "64", "100") if n != figure.value])
    body = f"{unit.body}\n\n{sentence[: figure.start]}{number}{sentence[figure.end :]}"
    return Planted(unit=unit.model_copy(update={"body": body}), also=(where,))


_GLUE_TEXT = """
    which should would could these those their there where while about after other under through containing accessed
    defined returned being given called using instead because between first whether
"""
_GLUE = frozenset(_GLUE_TEXT.split())


def renamed_term_spelling(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """A term of three or more units, written as one word or with a hyphen in this one."""
    usual = [pair for pair, uses in clean.terms.items() if unit.unit_id in uses and len(uses) >= 3]
    usual = [pair for pair in usual if "".join(pair) not in clean.corpus.vocabulary]
    if not usual:
        return None
    pair = chance.choice(usual)
    new = chance.choice(["", "-"]).join(pair)
    if new in clean.flat:
        return None
    return Planted(unit=unit.model_copy(update={"body": unit.body.replace(" ".join(pair), new)}))


_OTHER_WORDS = ("mechanism", "facility", "engine", "wrapper", "register", "routine", "device", "artefact")


def renamed_term_word(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    """A term that this unit uses twice and two others use, called otherwise throughout the unit."""
    usual = [pair for pair, uses in clean.terms.items() if uses[unit.unit_id] >= 2 and len(uses) >= 3]
    if not usual:
        return None
    old = " ".join(chance.choice(usual))
    new = f"{old.split()[0]} {chance.choice(_OTHER_WORDS)}"
    if new in clean.flat:
        return None
    return Planted(unit=unit.model_copy(update={"body": unit.body.replace(old, new)}))


def off_by_one_in_table(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    cell = chance.choice(list(re.finditer(r"(?<=\| )\d+(?= \|)", unit.body)))
    number = int(cell[0]) + chance.choice([1, -1] if int(cell[0]) > 1 else [1])
    return Planted(unit=unit.model_copy(update={"body": replaced(unit.body, cell, str(number))}))


def _with_finding(unit: Unit, chance: random.Random, change: Callable[[ReviewFinding], dict[str, object]]) -> Planted:
    assert isinstance(unit, CodeReviewUnit)
    findings = list(unit.findings)
    index = chance.randrange(len(findings))
    findings[index] = findings[index].model_copy(update=change(findings[index]))
    return Planted(unit=unit.model_copy(update={"findings": findings}))


def wrong_line_range(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    def shifted(finding: ReviewFinding) -> dict[str, object]:
        lines = len(line_starts(clean.corpus.by_name[finding.path].text))
        other = chance.choice([line for line in range(1, lines + 9) if line != finding.start_line])
        return {"start_line": other, "end_line": other}

    return _with_finding(unit, chance, shifted)


def wrong_path(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    return _with_finding(unit, chance, lambda finding: {"path": f"src/{finding.path}"})


def filler(unit: Unit, _clean: Clean, chance: random.Random) -> Planted | None:
    text = chance.choice(
        [
            "Shall I continue?",
            "[Insert examples here]",
            "TODO: describe the rest.",
            "(To be continued.)",
            "The remaining sections are omitted for brevity.",
            "Would you like me to continue with the next part?",
            "The rest follows the same pattern.",
        ]
    )
    return Planted(unit=unit.model_copy(update={"body": f"{unit.body}\n\n{text}"}))


def lost_evidence(unit: Unit, _clean: Clean, _chance: random.Random) -> Planted | None:
    return Planted(unit=unit.model_copy(update={"citations": []}))


def dangling_reference(unit: Unit, clean: Clean, chance: random.Random) -> Planted | None:
    beyond = len(clean.output.outline.units) + chance.randrange(1, 50)
    text = chance.choice([f"More is said there (see section {beyond}).", f"More is said in {unit_id(beyond)}."])
    return Planted(unit=unit.model_copy(update={"body": f"{unit.body}\n\n{text}"}))


@dataclass(frozen=True, slots=True, kw_only=True)
class DefectClass:
    """A kind of defect: how it is planted, in which outputs, and which checks are to find it.

    `mechanical` defects can be told from the text alone; of the others a machine only sees signs.
    """

    plant: Plant
    checks: tuple[str, ...]
    material: str = "summary"
    mechanical: bool = True
    share: float = 0.5


CLASSES: dict[str, DefectClass] = {
    "swapped digit in a quote": DefectClass(plant=swapped_digit_in_quote, checks=("citations",)),
    "flipped negation in a quote": DefectClass(plant=flipped_negation_in_quote, checks=("citations",)),
    "merged quotes": DefectClass(plant=merged_quotes, checks=("citations",)),
    "quote from the wrong source": DefectClass(plant=quote_from_wrong_source, checks=("citations",)),
    "moved quote": DefectClass(plant=moved_quote, checks=("evidence",)),
    "unit without evidence": DefectClass(plant=lost_evidence, checks=("evidence",)),
    "swapped digit in a body": DefectClass(plant=swapped_digit_in_body, checks=("figures", "near_copies")),
    "flipped negation in a body": DefectClass(plant=flipped_negation_in_body, checks=("near_copies",)),
    "wrong unit of measure": DefectClass(plant=wrong_unit, checks=("figures", "near_copies")),
    "off-by-one figure in a table": DefectClass(plant=off_by_one_in_table, checks=("figures",), material="tables"),
    "invented name": DefectClass(plant=invented_name, checks=("names",)),
    "foreign figure": DefectClass(plant=foreign_figure, checks=("figures",)),
    "swapped units": DefectClass(plant=swapped_units, checks=("evidence",)),
    "swapped headings": DefectClass(plant=swapped_heading, checks=("headings",)),
    "empty unit": DefectClass(plant=empty_unit, checks=("completeness",)),
    "duplicated unit": DefectClass(plant=duplicated_unit, checks=("repetition",)),
    "truncated end": DefectClass(plant=truncated_end, checks=("endings",)),
    "filler": DefectClass(plant=filler, checks=("fillers",)),
    "dangling reference": DefectClass(plant=dangling_reference, checks=("headings",)),
    "wrong line range": DefectClass(plant=wrong_line_range, checks=("code_locations",), material="review"),
    "wrong path": DefectClass(plant=wrong_path, checks=("code_locations",), material="review"),
    "contradiction between units": DefectClass(plant=contradiction, checks=("contradictions",), mechanical=False),
    "renamed term, spelled otherwise": DefectClass(
        plant=renamed_term_spelling, checks=("terms",), mechanical=False, share=0.2
    ),
    "renamed term, another word": DefectClass(plant=renamed_term_word, checks=("terms",), mechanical=False, share=0.2),
}
DROPPED = "dropped unit"


# --- counting ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How many planted defects were found, and how many units were flagged that are right.

    `alarms` are flagged units of the correct output, `elsewhere` flagged units of the spoilt one that are right.
    """

    planted: int = 0
    found: int = 0
    elsewhere: int = 0
    clean_units: int = 0
    alarms: int = 0
    missed: tuple[str, ...] = ()

    @property
    def recall(self) -> float:
        return self.found / max(self.planted, 1)

    @property
    def precision(self) -> float:
        """Found defects of all units that were flagged, in the output that has the defects."""
        return self.found / max(self.found + self.elsewhere, 1)

    @property
    def false_alarms(self) -> float:
        return self.alarms / max(self.clean_units, 1)

    def __add__(self, other: "Score") -> "Score":
        return Score(
            planted=self.planted + other.planted,
            found=self.found + other.found,
            elsewhere=self.elsewhere + other.elsewhere,
            clean_units=self.clean_units + other.clean_units,
            alarms=self.alarms + other.alarms,
            missed=self.missed + other.missed,
        )


def findings(output: Output, corpus: Corpus, checks: Sequence[str]) -> list[Finding]:
    """What those checks find."""
    material = Material(output, corpus)
    return [finding for name in checks for finding in CHECKS[name](material).findings]


def score(clean: Clean, defect: DefectClass, seed: int) -> Score:
    """Plant the defect in some units, each on its own, and look for new findings there."""
    before = clean.false_alarms(defect.checks)
    planted = dict(_planted(clean, defect, seed))
    changed = {each.unit_id: each for plant in planted.values() for each in (plant.unit, plant.other) if each}
    units = {where: changed.get(where, unit) for where, unit in clean.output.units.items()}
    after = findings(replace(clean.output, units=units), clean.corpus, defect.checks)
    told = {finding.where for finding in after if finding not in before}
    spoilt = {where for at, plant in planted.items() for where in (at, *plant.also)}
    missed = [where for where, plant in planted.items() if not {where, *plant.also} & told]
    return Score(
        planted=len(planted),
        found=len(planted) - len(missed),
        elsewhere=len({finding.where for finding in after} - spoilt),
        clean_units=len(clean.output.units),
        alarms=len({finding.where for finding in before}),
        missed=tuple(missed),
    )


def _planted(clean: Clean, defect: DefectClass, seed: int) -> Iterator[tuple[str, Planted]]:
    chance = random.Random(seed)
    touched: set[str] = set()
    for unit in clean.output.ordered:
        if chance.random() < defect.share and unit.unit_id not in touched:
            planted = defect.plant(unit, clean, chance)
            # A unit that another defect depends on stays as it is.
            if planted is not None and planted.unit != unit and not touched & set(planted.also):
                touched |= {unit.unit_id, *planted.also}
                yield unit.unit_id, planted


def score_dropped(clean: Clean, seed: int, share: float) -> Score:
    """Leave units out."""
    chance = random.Random(seed)
    dropped = [where for where in clean.output.units if chance.random() < share]
    units = {where: unit for where, unit in clean.output.units.items() if where not in dropped}
    told = {f.where for f in findings(replace(clean.output, units=units), clean.corpus, ("completeness",))}
    before = clean.false_alarms(("completeness",))
    return Score(
        planted=len(dropped),
        found=len(told & set(dropped)),
        elsewhere=len(told - set(dropped)),
        clean_units=len(clean.output.units),
        alarms=len({finding.where for finding in before}),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How much is planted in how much."""

    modules: int
    topics: int | None = None
    units: int
    planted: int
    outputs: int


def scores(amount: Amount) -> dict[str, Score]:
    """Every class of defects, planted until there are enough of it or all outputs are used up."""
    texts = real_texts(amount.modules, amount.topics)
    corpus = Corpus(text.source for text in texts)
    table: dict[str, Score] = {DROPPED: Score()}
    for seed in range(amount.outputs):
        outputs = {
            "summary": summary(texts, corpus, seed, amount.units),
            "tables": tables(texts, corpus, amount.units),
            "review": code_review(texts, corpus, seed, amount.units),
        }
        if table[DROPPED].planted < amount.planted:
            table[DROPPED] += score_dropped(outputs["summary"], seed, 0.3)
        for name, defect in CLASSES.items():
            done = table.setdefault(name, Score())
            if done.planted < amount.planted:
                table[name] = done + score(outputs[defect.material], defect, seed)
    return table


# --- correct outputs in other words -----------------------------------------------------------------

_OTHER_WORDING = (
    (r"\breturns\b", "gives back"), (r"\bmust\b", "has to"), (r"\bfor example\b", "for instance"),
    (r"\bis used to\b", "serves to"), (r"\bIf\b", "When"), (r"\bis called\b", "gets called"), (r"\bthree\b", "3"),
    (r"\btwo\b", "2"), (r"\bA\b", "Any"), (r"\balso\b", "moreover"), (r"\bonly\b", "just"), (r"\bReturn\b", "Gives"),
    (r"\ball\b", "every one of the"), (r"\bnot\b", "never"), (r"\bwhich\b", "that"), (r"\bvery\b ", ""),
    (r"\bshould\b", "ought to"), (r"\bcan be\b", "may be"), (r"\bThe\b", "Here the"), (r"\s\([^()]*\)(?= )", ""),
    (r"\bspecified\b", "given"), (r"\bbecause\b", "since"), (r"\binstead\b", "in its place"),
    (r"\bobjects\b", "things"),
)  # fmt: skip


def in_other_words(clean: Clean) -> Clean:
    """The same output, its sentences reworded as people do without saying anything else."""
    sentences = {where: tuple(map(_in_other_words, said)) for where, said in clean.sentences.items()}
    units = {
        where: unit.model_copy(update={"body": in_paragraphs(sentences[where])})
        for where, unit in clean.output.units.items()
    }
    return Clean(output=replace(clean.output, units=units), corpus=clean.corpus, sentences=sentences)


def _in_other_words(sentence: str) -> str:
    for pattern, other in _OTHER_WORDING:
        sentence = re.sub(pattern, other, sentence)
    return sentence


def alarms(clean: Clean) -> dict[str, float]:
    """For each check the share of units in which it finds something."""
    material = Material(clean.output, clean.corpus)
    told = {name: {finding.where for finding in check(material).findings} for name, check in CHECKS.items()}
    return {name: len(where) / len(clean.output.units) for name, where in told.items()}
