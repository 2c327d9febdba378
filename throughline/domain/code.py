"""The natural pieces of code and of diffs: top-level definitions, and the files that a diff changes."""

import ast
import re
import warnings
from collections.abc import Iterator

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchedFile, PatchSet

from throughline.domain.source import Source, line_starts
from throughline.domain.structure import Mark, Section, cut_at, one_line
from throughline.errors import BadInput

_OPENING = "top of file"
_NAME_CHARS = 60


def definitions(source: Source) -> tuple[Section, ...]:
    """The file cut where its top-level definitions begin; the texts joined are the file.

    Python is parsed. Other languages, and Python that does not parse, are cut where a line at the left
    margin follows a blank line, which is where people put a new definition in almost every language.
    """
    if source.name.endswith((".py", ".pyi")):
        tree = _parse(source.text)
        if tree is not None:
            return cut_at(source.text, tuple(_python_marks(tree, source.text)), _OPENING)
    return cut_at(source.text, tuple(_block_marks(source.text)), _OPENING)


def _parse(text: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reviewed code's doubtful escapes are not our user's concern
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _python_marks(tree: ast.Module, text: str) -> Iterator[Mark]:
    starts = line_starts(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
            while line > 0 and text.startswith("#", starts[line - 1]):
                line -= 1  # a comment straight above a definition is about it
            yield Mark(heading=node.name, level=1, start=starts[line])


_BLOCK = re.compile(r"(?:^|\n)[ \t]*\n(?=[^\s)\]}])")
_COMMENT = re.compile(r"(?:[ \t]*(?://|#(?!\[)|/?\*|--|;|\"\"\")[^\n]*\n)*")


def _block_marks(text: str) -> Iterator[Mark]:
    for gap in _BLOCK.finditer(text):
        code = _COMMENT.match(text, gap.end())
        begin = code.end() if code else gap.end()
        line = text[begin : begin + 500].partition("\n")[0] or text[gap.end() : gap.end() + 500]
        yield Mark(heading=one_line(line.rstrip(" {:("), _NAME_CHARS), level=1, start=gap.end())


_HEAD_CHARS = 10_000
_COLOURED = re.compile(r"^(?:\x1b\[[\d;]*m)+(?:diff |--- |commit )", re.MULTILINE)


def diff_files(source: Source) -> tuple[Section, ...]:
    """One section a changed file, called by its path after the change (or before it, when deleted).

    What stands before the first file, such as a commit message, belongs to the first file.
    """
    # Without removing it, the last line end would count as one more (empty) line of the last hunk.
    if _COLOURED.search(source.text, 0, _HEAD_CHARS):
        raise BadInput(f"{source.name} holds the colours of a terminal; write it again with `git diff --no-color`.")
    lines = source.text.removesuffix("\n").split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    marks: list[Mark] = []
    first_free_line = 0
    for patched in _patched_files(source, lines):
        line = _first_line_of(patched, lines, first_free_line)
        marks.append(Mark(heading=_path(patched), level=1, start=starts[line]))
        first_free_line = line + 1
    marks[0] = Mark(heading=marks[0].heading, level=1, start=0)
    return cut_at(source.text, marks)


def _patched_files(source: Source, lines: list[str]) -> list[PatchedFile]:
    try:
        files = list(PatchSet((line + "\n" for line in lines), metadata_only=True))
    except UnidiffParseError as error:
        raise BadInput(
            f"{source.name} is not a complete unified diff ({one_line(str(error))}); "
            "write it again with `git diff` or `diff -u`."
        ) from None
    if not files:
        raise BadInput(f"{source.name} holds no changed file; give the output of `git diff` or `diff -u`, not empty.")
    return files


_PREAMBLE = re.compile(r"diff (?!--git )|Index: |={4,}$")


def _first_line_of(patched: PatchedFile, lines: list[str], floor: int) -> int:
    """The line where a file's part of the diff begins, counted from 0.

    The parser reports "diff --git", or else the "+++" line or a note on a binary file; tools put lines
    of their own above those.
    """
    line = (patched.diff_line_no or 1) - 1
    if lines[line].startswith("+++ "):
        line -= 1
    if not lines[line].startswith("diff --git "):
        while line > floor and _PREAMBLE.match(lines[line - 1]):
            line -= 1
    return line


_NOWHERE = "/dev/null"


def _path(patched: PatchedFile) -> str:
    before, after = _unquoted(patched.source_file), _unquoted(patched.target_file)
    path = before if after == _NOWHERE else after
    prefixed = all(side == _NOWHERE or re.match(r"[abciow12]/", side) for side in (before, after))
    return path[2:] if prefixed else path


# git quotes a path that holds anything but printable ASCII: "gr\303\274n.txt".
_ESCAPE = re.compile(rb"\\([0-7]{3}|[abfnrtv\"\\])")
_ESCAPED = dict(zip(b'abfnrtv"\\', b'\a\b\f\n\r\t\v"\\', strict=True))


def _unquoted(path: str) -> str:
    if not path.startswith('"'):
        return path
    plain = _ESCAPE.sub(lambda escape: _byte(escape[1]), path.strip('"').encode())
    return one_line(plain.decode(errors="replace"), len(plain))


def _byte(escape: bytes) -> bytes:
    return bytes([int(escape, 8) & 0xFF if len(escape) == 3 else _ESCAPED[escape[0]]])


_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)", re.MULTILINE)
_DELETED = re.compile(r"^\+\+\+ /dev/null$", re.MULTILINE)


def hunks(source: Source, changed: Section) -> tuple[Section, ...]:
    """One file of a diff cut at its hunks, each called by the line where it lands; a file that is gone has none.

    Lines of a hunk begin with a mark of their own, so "@@" at the margin can only be a header.
    """
    headers = list(_HUNK.finditer(source.text, changed.start, changed.end))
    headings = [f"line {header[1]}" for header in headers] or ["all changes"]
    if headers and _DELETED.search(source.text, changed.start, headers[0].start()):
        headings = ["deleted" for _ in headers]
    starts = [changed.start, *(header.start() for header in headers[1:])]
    ends = [*starts[1:], changed.end]
    return tuple(
        Section(heading=heading, level=1, start=start, end=end)
        for heading, start, end in zip(headings, starts, ends, strict=True)
    )
