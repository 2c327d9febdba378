"""A unit's Markdown as HTML: the few forms that models write, and every character of theirs escaped.

Links and images stay text: a document must not make a reader's browser ask anybody anything.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from markupsafe import Markup, escape

# Characters that turn the reading direction of what follows, and can make a text read as what it is not.
_TURNS = {ord(c): f"[U+{ord(c):04X}]" for c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}\s(.*)")
_ITEM = re.compile(r"\s{0,12}(?:[-*+]|(\d{1,9})[.)])\s+(.*)")
_QUOTE = re.compile(r" {0,3}>\s?(.*)")
_ROW = re.compile(r"\s*\|(.*)\|\s*$")
_RULE = frozenset("|-: \t")  # what the line below a table's head is made of
# Marks and what they enclose stay on one line and within reach, so a text full of marks costs no more than its length.
_SPAN = re.compile(r"`([^`\n]{1,500})`|\*\*(?=\S)([^*\n]{1,500})\*\*|(?<![\w*])\*(?=\S)([^*\n]{1,500})\*(?![\w*])")


def visible(text: str) -> str:
    """The text with what turns the reading direction made visible."""
    return text.translate(_TURNS)


def html(markdown: str) -> Markup:
    """The text's paragraphs, lists, tables, quotes and code."""
    return Markup("\n").join(_blocks(visible(markdown).split("\n")))


def line(markdown: str) -> Markup:
    """One sentence or line: its code, strong and emphasised words, and no form beyond."""
    return _inline(visible(markdown))


def _blocks(lines: Sequence[str]) -> Iterator[Markup]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if not line.strip():
            at += 1
            continue
        if fence := _FENCE.match(line):
            inside = list(takewhile(_unlike(fence[1]), lines[at + 1 :]))
            yield Markup('<pre class="code"><code>{}</code></pre>').format("\n".join(inside))
            at += len(inside) + 2
        elif heading := _HEADING.match(line):
            yield Markup('<p class="inner-heading" dir="auto"><strong>{}</strong></p>').format(
                _inline(heading[1].strip().rstrip("#"))
            )
            at += 1
        else:
            taken, block = _run(lines, at)
            yield block
            at += taken


def _unlike(fence: str) -> Callable[[str], bool]:
    """Whether a line does not end the code that such a fence began."""
    return lambda line: not line.strip().startswith(fence)


def _run(lines: Sequence[str], at: int) -> tuple[int, Markup]:
    """Neighbouring lines of one form, and how many they are."""
    for fits, block in _FORMS:
        run = _while(lines, at, fits)
        if run:
            return len(run), block(run)
    run = [lines[at], *_while(lines, at + 1, _is_plain)]
    return len(run), Markup('<p dir="auto">{}</p>').format(_inline("\n".join(run)))


def _while(lines: Sequence[str], at: int, fits: Callable[[str], object]) -> list[str]:
    end = at
    while end < len(lines) and fits(lines[end]):
        end += 1
    return list(lines[at:end])


def _is_plain(line: str) -> bool:
    other = _FENCE.match(line) or _HEADING.match(line) or any(fits(line) for fits, _ in _FORMS)
    return bool(line.strip()) and not other


def _list(run: Sequence[str]) -> Markup:
    items = [match for line in run if (match := _ITEM.match(line))]
    numbered = items[0][1] is not None
    shown = [Markup('<li dir="auto">{}</li>').format(_inline(item[2])) for item in items]
    if not numbered:
        return Markup("<ul>{}</ul>").format(Markup().join(shown))
    return Markup('<ol start="{}">{}</ol>').format(int(items[0][1]), Markup().join(shown))


def _quote(run: Sequence[str]) -> Markup:
    said = "\n".join(match[1] for line in run if (match := _QUOTE.match(line)))
    return Markup('<blockquote dir="auto">{}</blockquote>').format(_inline(said))


def _table(run: Sequence[str]) -> Markup:
    rows = [match[1].split("|") for line in run if not _RULE.issuperset(line) and (match := _ROW.match(line))]
    shown = [
        Markup("<tr>{}</tr>").format(
            Markup().join(Markup('<td dir="auto">{}</td>').format(_inline(cell.strip())) for cell in row)
        )
        for row in rows
    ]
    return Markup('<table class="inner">{}</table>').format(Markup().join(shown))


_FORMS: tuple[tuple[Callable[[str], object], Callable[[Sequence[str]], Markup]], ...] = (
    (_ITEM.match, _list),
    (_QUOTE.match, _quote),
    (_ROW.match, _table),
)


def _inline(text: str) -> Markup:
    """Code, strong and emphasised words; the rest as it stands."""
    if "`" not in text and "*" not in text:
        return escape(text)
    parts: list[Markup] = []
    at = 0
    for span in _SPAN.finditer(text):
        parts += [escape(text[at : span.start()]), _span(span)]
        at = span.end()
    return Markup().join([*parts, escape(text[at:])])


def _span(span: re.Match[str]) -> Markup:
    if span[1] is not None:
        return Markup("<code>{}</code>").format(span[1])
    if span[2] is not None:
        return Markup("<strong>{}</strong>").format(span[2])
    return Markup("<em>{}</em>").format(span[3])
