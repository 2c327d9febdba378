"""Real text that every Python carries: its language reference and its library, in usable sentences."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from pydoc_data.topics import topics

from throughline.domain.source import Format, Source


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
def real_texts(modules: int, most_topics: int | None = None, *, skipped: int = 0) -> tuple[Text, ...]:
    """The language reference, a source a topic, and so many modules of the standard library less the first of them."""
    texts = [(f"{name}.rst", Format.RST, text, [text]) for name, text in sorted(topics.items())[:most_topics]]
    for path in library_modules()[skipped:modules]:
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
