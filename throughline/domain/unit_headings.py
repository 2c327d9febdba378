"""What units are called: after the headings of the passage that they treat, no two of an outline alike."""

from collections import Counter
from collections.abc import Iterable, Sequence

from throughline.domain.structure import HEADING_CHARS, one_line


def inside(path: str, headings: Sequence[str]) -> str:
    """Which part of a file a unit treats: "path: first ... last"."""
    kept = _tail(path, HEADING_CHARS // 2)
    return f"{kept}: {joined(headings, HEADING_CHARS - len(kept) - 2)}"


def joined(headings: Sequence[str], limit: int = HEADING_CHARS) -> str:
    """ "A", "A, B", or "A ... D" when there are many or they are long; none twice."""
    headings = list(dict.fromkeys(headings))
    together = ", ".join(headings)
    if len(headings) <= 3 and len(together) <= limit:
        return together
    if len(headings) == 1:
        return one_line(together, limit)
    half = (limit - 5) // 2
    return f"{one_line(headings[0], half)} ... {one_line(headings[-1], half)}"


def _tail(path: str, limit: int) -> str:
    """A path shortened at its front: the file's own name is what identifies it."""
    return path if len(path) <= limit else "…" + path[1 - limit :]


def distinct(units: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """A heading for each unit, given its (first) document and the headings of its passage.

    One that several units would share gets the document in front where they are of several, else a number behind.
    """
    headings = [joined(own) for _, own in units]
    if len({document for document, _ in units}) > 1:
        common = repeated(headings)
        for position, (document, own) in enumerate(units):
            if headings[position] in common:
                headings[position] = inside(document, own)
    common = repeated(headings)
    met: Counter[str] = Counter()
    for position, heading in enumerate(headings):
        if heading in common:
            met[heading] += 1
            headings[position] = numbered(heading, f" [{met[heading]}]")
    return headings


def repeated(headings: Iterable[str]) -> set[str]:
    """Those that occur more than once."""
    return {heading for heading, times in Counter(headings).items() if times > 1}


def numbered(heading: str, ordinal: str) -> str:
    """The heading with that ordinal behind it, shortened to make room."""
    return one_line(heading, HEADING_CHARS - len(ordinal)) + ordinal
