"""Do the files and lines exist that a code review points at, and do they hold what it quotes?"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from throughline.domain.checks.folding import fold
from throughline.domain.checks.material import Material
from throughline.domain.checks.result import Finding, Result, conclude, error
from throughline.domain.code import diff_files
from throughline.domain.output import CodeReviewUnit
from throughline.domain.output import Finding as ReviewFinding
from throughline.domain.source import Format, Source, Span, line_starts
from throughline.errors import BadInput


def check(material: Material) -> Result:
    """A path that no source has, lines that a file does not have, and lines that do not hold the quote are errors."""
    files = _Files(material.corpus.sources)
    findings: list[Finding] = []
    checked = 0
    for unit in material.output.ordered:
        if isinstance(unit, CodeReviewUnit):
            for index, finding in enumerate(unit.findings):
                checked += 1
                found = _wrong(finding, files)
                if found is not None:
                    what, span = found
                    findings.append(error(unit.unit_id, what, part=f"findings[{index}]", span=span))
    return conclude("code_locations", findings, {"findings": checked, "wrong": len(findings)})


class _Files:
    """The sources as files with numbered lines."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.by_path = {source.name: source for source in sources}
        self.changed = {path for source in sources if source.format is Format.DIFF for path in _changed(source)}
        self.starts = lru_cache(maxsize=None)(line_starts)

    def lines(self, source: Source, first: int, last: int) -> str:
        """Lines `first` to `last`, counted from 1."""
        starts = self.starts(source.text)
        return source.text[starts[first - 1] : starts[last] if last < len(starts) else len(source.text)]

    def count(self, source: Source) -> int:
        """How many lines the file has; what follows the last line end is a line only when it holds something."""
        starts = self.starts(source.text)
        return len(starts) - (starts[-1] == len(source.text))


def _changed(source: Source) -> Iterator[str]:
    try:
        yield from (section.heading for section in diff_files(source))
    except BadInput:
        return  # a broken diff changes no file that anybody could name


_Wrong = tuple[str, Span | None]


def _wrong(finding: ReviewFinding, files: _Files) -> _Wrong | None:
    """What is wrong with where the finding points; lines of a file that a diff changes are in nobody's hands here."""
    source = files.by_path.get(finding.path)
    if source is None:
        return None if finding.path in files.changed else (_unknown(finding.path, files), None)
    first, last, count = finding.start_line, finding.end_line, files.count(source)
    if not 1 <= first <= last <= count:
        return f"{finding.path} has lines 1 to {count}; the finding points at {first} to {last}.", None
    quoted = fold(finding.quote, code=True)
    if not quoted or quoted in fold(files.lines(source, first, last), code=True):
        return None  # an empty quote is for the citations to report
    return _elsewhere(finding, source, files, quoted)


def _elsewhere(finding: ReviewFinding, source: Source, files: _Files, quoted: str) -> _Wrong:
    lines = f"{_lines(finding.start_line, finding.end_line).capitalize()} of {finding.path}"
    place = _nearest(source, files, quoted, finding.start_line)
    if place is None:
        return f"{lines} without the quote, which the rest of the file does not hold either.", None
    first, last = place
    span = Span(source=source.name, start=files.starts(source.text)[first - 1], end=_end(source, files, last))
    return f"{lines} without the quote, which stands in {_lines(first, last)}.", span


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first} to {last}"


def _end(source: Source, files: _Files, line: int) -> int:
    starts = files.starts(source.text)
    return starts[line] if line < len(starts) else len(source.text)


def _nearest(source: Source, files: _Files, quoted: str, wanted: int) -> tuple[int, int] | None:
    """The lines nearest to `wanted` that hold the quote."""
    lines = [fold(files.lines(source, line, line), code=True) for line in range(1, files.count(source) + 1)]
    found = [stretch for line in range(len(lines)) if (stretch := _stretch(lines, line, quoted))]
    return min(found, key=lambda stretch: abs(stretch[0] - wanted), default=None)


def _stretch(lines: Sequence[str], line: int, quoted: str) -> tuple[int, int] | None:
    """Where the quote ends when it begins in that line, both counted from 1."""
    text = lines[line]
    if not text or (quoted not in text and not _begins(text, quoted)):
        return None
    last = line
    while quoted not in text:
        last += 1
        if last == len(lines) or len(text) > len(lines[line]) + len(quoted):
            return None
        text = f"{text} {lines[last]}" if lines[last] else text
    return line + 1, last + 1


def _begins(text: str, quoted: str) -> bool:
    """Whether the end of that line is the beginning of the quote."""
    word = quoted.split(" ", 1)[0]
    at = text.find(word)
    while at >= 0:
        if quoted.startswith(text[at:]):
            return True
        at = text.find(word, at + 1)
    return False


def _unknown(path: str, files: _Files) -> str:
    base = path.rsplit("/", 1)[-1]
    alike = sorted(name for name in {*files.by_path, *files.changed} if name.rsplit("/", 1)[-1] == base)
    hint = f"; there is {alike[0]}" if alike else ""
    return f"No source is called {path}{hint}."
