"""Puts the tables of the last `make chaos` into a page: `python -m tests.chaos.into_docs docs/reliability.md`.

A table stands between `<!-- chaos: TITLE -->` and `<!-- end -->`. A title that the last run does not have is left as
it is, and named.
"""

import re
import sys
from pathlib import Path

from tests.servers import ROOT

TABLES = ROOT / ".throughline" / "chaos-tables.md"
_PLACE = re.compile(r"(<!-- chaos: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_PADDING = re.compile(r" +(?= \|)|(?<=---)-+")


def keep(tables: dict[str, str]) -> None:
    """Write the tables of a run down, by title."""
    TABLES.parent.mkdir(exist_ok=True)
    sections = [f"## {title}\n{_PADDING.sub('', table)}\n" for title, table in tables.items()]
    TABLES.write_text("\n".join(sections))


def kept() -> dict[str, str]:
    """The tables of the last run, by title."""
    sections = TABLES.read_text().split("## ")[1:]
    return {title: table.strip() for title, _, table in (section.partition("\n") for section in sections)}


def replaced(page: str, tables: dict[str, str]) -> str:
    """The page with these tables in their places."""

    def put(place: re.Match[str]) -> str:
        opening, title, end = place.groups()
        return f"{opening}\n{tables[title]}\n\n{end}" if title in tables else place.group()

    return _PLACE.sub(put, page)


def main(file: Path) -> None:
    tables, page = kept(), file.read_text()
    places = {title for _, title, _ in _PLACE.findall(page)}
    file.write_text(replaced(page, tables))
    for title in sorted(places):
        sys.stdout.write(f"{title}: {'renewed' if title in tables else 'NOT in the last run, left as it was'}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
