"""What a chaos run has found, kept for the tables at its end."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Results:
    """Tables by title: a header, and a row a case."""

    tables: dict[str, list[tuple[str, ...]]] = field(default_factory=dict[str, list[tuple[str, ...]]])
    headers: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    notes: list[str] = field(default_factory=list[str])

    def add(self, title: str, header: tuple[str, ...], row: tuple[str, ...]) -> None:
        self.headers[title] = header
        self.tables.setdefault(title, []).append(row)


RESULTS = Results()


def markdown(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [header, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
