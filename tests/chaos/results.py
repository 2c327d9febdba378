"""What a chaos run has found, kept for the tables at its end."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Results:
    """Tables by title: a header, and a row a case."""

    tables: dict[str, list[tuple[str, ...]]] = field(default_factory=dict[str, list[tuple[str, ...]]])
    headers: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def add(self, title: str, header: tuple[str, ...], row: tuple[str, ...]) -> None:
        self.headers[title] = header
        self.tables.setdefault(title, []).append(row)

    def packed(self) -> dict[str, list[list[str]]]:
        """Everything, in what can be sent to another process: by title, the header before the rows."""
        return {
            title: [[str(cell) for cell in row] for row in (self.headers[title], *rows)]
            for title, rows in self.tables.items()
        }

    def take(self, packed: dict[str, list[list[str]]]) -> None:
        """Add what another process has found."""
        for title, (header, *rows) in packed.items():
            for row in rows:
                self.add(title, tuple(header), tuple(row))


RESULTS = Results()
KILL_MATRIX = "Kill matrix"
SUMMARY = ("death", "cases", "done", "requests paid", "paid twice", "shown as lost", "longest s")


def by_death(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The kill matrix (its columns: tests/chaos/lives.py) with one row for each place or moment, and their sum."""
    deaths = dict.fromkeys(row[0] for row in rows)
    groups = [(death, [row for row in rows if row[0] == death]) for death in deaths]
    return [_summed(name, group) for name, group in [*groups, ("in all", rows)]]


def _summed(name: str, rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    paid, twice, lost = (sum(int(row[column]) for row in rows) for column in (5, 6, 7))
    done = sum(row[4] == "done" for row in rows)
    longest_s = max(float(row[8]) for row in rows)
    return (name, *map(str, (len(rows), done, paid, twice, lost)), f"{longest_s:.1f}")


def markdown(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [header, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
