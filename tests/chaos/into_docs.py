"""Puts the tables of the last `make chaos` into a page: `python -m tests.chaos.into_docs docs/reliability.md`.

A table stands between `<!-- chaos: TITLE -->` and `<!-- end -->`. A title that no run has made is left as it is, and
named. A run of some of the chaos renews its own tables and leaves the others as the run before made them.
"""

import re
import sys
from pathlib import Path

from tests.servers import ROOT

TABLES = Path(".throughline", "chaos-tables.md")  # in the folder of the project
_PLACE = re.compile(r"(<!-- chaos: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
_PADDING = re.compile(r" +(?= \|)|(?<=---)-+")


def keep(tables: dict[str, str], file: Path) -> None:
    """Write the tables of a run down, by title, beside those of earlier runs that it did not make."""
    file.parent.mkdir(exist_ok=True)
    made = {title: _PADDING.sub("", table) for title, table in tables.items()}
    file.write_text("\n".join(f"## {title}\n{table}\n" for title, table in (kept(file) | made).items()))


def kept(file: Path) -> dict[str, str]:
    """The tables that runs have written down, by title; none before the first run."""
    if not file.exists():
        return {}
    sections = re.split(r"^## ", file.read_text(), flags=re.MULTILINE)[1:]
    return {title: table.strip() for title, _, table in (section.partition("\n") for section in sections)}


def replaced(page: str, tables: dict[str, str]) -> str:
    """The page with these tables in their places."""

    def put(place: re.Match[str]) -> str:
        opening, title, end = place.groups()
        return f"{opening}\n{tables[title]}\n\n{end}" if title in tables else place.group()

    return _PLACE.sub(put, page)


def main(file: Path) -> None:
    tables, page = kept(ROOT / TABLES), file.read_text()
    places = {title for _, title, _ in _PLACE.findall(page)}
    file.write_text(replaced(page, tables))
    for title in sorted(places):
        sys.stdout.write(f"{title}: {'renewed' if title in tables else 'of no run, left as it was'}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
