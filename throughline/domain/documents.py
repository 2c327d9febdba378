"""Which text of the sources a request carries."""

from collections.abc import Iterable, Sequence

from throughline.domain.ask import Document
from throughline.domain.job import Kind
from throughline.domain.outline import OutlineUnit
from throughline.domain.source import Source, Span, line_starts
from throughline.domain.structure import Section, sections

# The careful end of Claude's bytes a token on code, the densest text: for what must surely fit.
_CHARACTERS_PER_TOKEN = 2.2


def whole(sources: Iterable[Source], kind: Kind) -> tuple[Document, ...]:
    """Every source in full."""
    return tuple(_document(source, 0, len(source.text), kind) for source in sources)


def excerpts(units: Iterable[OutlineUnit], sources: Sequence[Source], kind: Kind) -> tuple[Document, ...]:
    """The stretches that these units cover, adjacent ones joined, one document a stretch."""
    by_name = {source.name: source for source in sources}
    spans = [span for unit in units for span in unit.spans]
    return tuple(_document(by_name[span.source], span.start, span.end, kind) for span in _joined(spans))


def named(units: Iterable[OutlineUnit], sources: Sequence[Source]) -> tuple[Source, ...]:
    """The sources that these units name; all of them when a unit names none that exists."""
    wanted = {name for unit in units for name in unit.sources}
    chosen = tuple(source for source in sources if source.name in wanted)
    return chosen or tuple(sources)


def digest(sources: Sequence[Source], max_tokens: int) -> tuple[Document, ...]:
    """Every source cut to its share of `max_tokens`: each section keeps its beginning.

    For sources that do not fit the window, of kinds that number no lines. What is cut is marked, so that
    neither the model nor a reader takes the digest for the whole.
    """
    total = sum(len(source.text) for source in sources)
    keep = min(1.0, max_tokens * _CHARACTERS_PER_TOKEN / max(total, 1))
    if keep == 1.0:
        return tuple(Document(title=source.name, text=source.text) for source in sources)
    return tuple(_digest_of(source, keep) for source in sources)


def upper_tokens(characters: int) -> int:
    """Tokens that so many characters hardly exceed."""
    return round(characters / _CHARACTERS_PER_TOKEN)


def _digest_of(source: Source, keep: float) -> Document:
    text = "".join(_beginning(source.text, section, keep) for section in sections(source))
    return Document(title=source.name, text=text)


def _beginning(text: str, section: Section, keep: float) -> str:
    mark = " [...]\n"
    share = int((section.end - section.start) * keep)
    if share <= len(mark):
        return text[section.start : section.start + share]
    return text[section.start : section.start + share - len(mark)] + mark


def _joined(spans: Sequence[Span]) -> list[Span]:
    """The spans with adjacent ones of the same source made one."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last is not None and last.source == span.source and last.end == span.start:
            joined[-1] = Span(source=span.source, start=last.start, end=span.end)
        else:
            joined.append(span)
    return joined


def _document(source: Source, start: int, end: int, kind: Kind) -> Document:
    """A review names lines, so each carries its number; anywhere else the numbers would end up in quotes."""
    text = source.text[start:end]
    if kind is Kind.CODE_REVIEW:
        text = _numbered(text, first_line=len(line_starts(source.text[:start])) if start else 1)
    return Document(title=source.name, text=text)


def _numbered(text: str, *, first_line: int) -> str:
    """Each line behind its number, so that findings can name lines."""
    starts = line_starts(text)
    ends = [*starts[1:], len(text)]
    lines = (text[start:end] for start, end in zip(starts, ends, strict=True) if start < end)
    return "".join(f"{number}|{line}" for number, line in enumerate(lines, first_line))
