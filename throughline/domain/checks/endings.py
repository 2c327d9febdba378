"""Text that breaks off: a sentence without an end, a code block or a bracket that is never closed."""

import re
from collections.abc import Iterator

from throughline.domain.checks.material import Material
from throughline.domain.checks.prose import CLOSING, Block, blocks, ends_in_code, texts
from throughline.domain.checks.result import Finding, Result, conclude, error

# Full stops and question marks of other scripts; behind one, German closes with the marks that open in English.
_STOPS = "!?…。｡．！？؟۔।॥։።။"
_CLOSERS = r"\"'”’»)\]」』）】》〉］*_`"
_FINISHED = re.compile(rf"[.{_STOPS}][{_CLOSERS}“‘«]*(?:\[[^\]\s]*\])?$")
_ENCLOSED = re.compile(rf"[{_CLOSERS}|>]$")
_BREAKS_OFF = re.compile(
    r"(?:[,;:(\[{–—-]|(?:\s|^)(?:a|an|the|and|or|but|of|to|in|on|at|by|for|with|from|as|that|which|is|are|was|were|"
    r"be|not|if|when|because|than|into|its|their|this|these))$",
    re.IGNORECASE,
)
_LONG_ITEM_WORDS = 12


def check(material: Material) -> Result:
    """A text that breaks off is an error where it ends."""
    findings = [finding for where, part, text in _texts(material) for finding in _broken(where, part, text)]
    return conclude("endings", findings, {"texts": sum(1 for _ in _texts(material)), "broken_off": len(findings)})


def _texts(material: Material) -> Iterator[tuple[str, str, str]]:
    for unit in material.output.ordered:
        yield from ((unit.unit_id, part, text) for part, text in texts(unit) if text.strip())
    if material.output.closing is not None:
        yield CLOSING, "overview", material.output.closing.overview


def _broken(where: str, part: str, text: str) -> Iterator[Finding]:
    found = [(block, content) for block, content in blocks(text) if content.strip()]
    if ends_in_code(text):
        yield error(where, "A code block is never closed.", part=part)
    elif found and found[-1][0] not in {Block.CODE, Block.ROW} and _breaks_off(*found[-1]):
        yield error(where, f'Breaks off: "… {found[-1][1][-60:]}".', part=part)
    elif found and found[-1][0] is Block.PARAGRAPH and _open_row(found[-1][1]):
        yield error(where, "A table row is never closed.", part=part)


def _open_row(content: str) -> bool:
    return content.rsplit("\n", 1)[-1].lstrip().startswith("|")


def _breaks_off(block: Block, content: str) -> bool:
    """A paragraph ends with a mark of its own; a short item or a heading need not, but not in mid-phrase."""
    text = content.rstrip()
    if _FINISHED.search(text):
        return False
    if block is Block.HEADING:
        return True  # nothing follows it
    if _BREAKS_OFF.search(text):
        return True
    if block is Block.ITEM:
        return len(text.split()) >= _LONG_ITEM_WORDS and ". " in text
    return not _ENCLOSED.search(text)
