"""Total cost of ownership: tokens and the minutes of people in one table, by job, kind, path or week."""

import csv
import html
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from throughline.domain.report import dollars
from throughline.domain.spending import Spent, summed

_MINUTES_AN_HOUR = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one kind, path, week or job took."""

    name: str
    jobs: int
    attempts: int
    spent: Spent
    reviews: int
    minutes: float
    human_usd: Decimal

    @property
    def total_usd(self) -> Decimal:
        """What was paid for tokens, and people's time at its rate."""
        return self.spent.paid_usd + self.human_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """One table. `by` names what its rows are; `total` is their sum but for jobs that stand in more than one row."""

    by: str
    simulated: bool
    since: str | None
    usd_per_hour: Decimal
    rows: tuple[Row, ...]
    total: Row


def human_usd(minutes: float, usd_per_hour: Decimal) -> Decimal:
    """People's time in dollars, to the cent's hundredth: minutes are no more exact than that."""
    return (Decimal(str(minutes)) * usd_per_hour / _MINUTES_AN_HOUR).quantize(Decimal("0.0001"))


def total(rows: Sequence[Row], *, jobs: int) -> Row:
    """The last line. A job that ran both paths, or over two weeks, is one job."""
    return Row(
        name="total",
        jobs=jobs,
        attempts=sum(row.attempts for row in rows),
        spent=summed(row.spent for row in rows),
        reviews=sum(row.reviews for row in rows),
        minutes=sum(row.minutes for row in rows),
        human_usd=sum((row.human_usd for row in rows), Decimal(0)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    key: str
    title: str
    value: Callable[[Row], int | float | Decimal]
    short: bool = True  # whether the table for people has it, too


COLUMNS: tuple[_Column, ...] = (
    _Column(key="jobs", title="jobs", value=lambda r: r.jobs),
    _Column(key="attempts", title="attempts", value=lambda r: r.attempts, short=False),
    _Column(key="calls", title="calls", value=lambda r: r.spent.calls),
    _Column(key="prompt_tokens", title="tokens in", value=lambda r: r.spent.prompt_tokens),
    _Column(key="cache_read_tokens", title="from cache", value=lambda r: r.spent.cache_read_tokens, short=False),
    _Column(key="cache_write_tokens", title="to cache", value=lambda r: r.spent.cache_write_tokens, short=False),
    _Column(key="output_tokens", title="tokens out", value=lambda r: r.spent.output_tokens),
    _Column(key="thinking_tokens", title="thinking", value=lambda r: r.spent.thinking_tokens, short=False),
    _Column(key="wasted_tokens", title="wasted tokens", value=lambda r: r.spent.wasted_tokens, short=False),
    _Column(key="list_usd", title="list", value=lambda r: r.spent.list_usd),
    _Column(key="batch_discount_usd", title="batch discount", value=lambda r: r.spent.batch_discount_usd),
    _Column(key="cache_discount_usd", title="cache discount", value=lambda r: r.spent.cache_discount_usd),
    _Column(key="paid_usd", title="paid", value=lambda r: r.spent.paid_usd),
    _Column(key="wasted_usd", title="of it wasted", value=lambda r: r.spent.wasted_usd),
    _Column(key="unknown_at_most_usd", title="unknown, at most", value=lambda r: r.spent.unknown_usd, short=False),
    _Column(key="reviews", title="reviews", value=lambda r: r.reviews, short=False),
    _Column(key="minutes", title="minutes read", value=lambda r: round(r.minutes, 2)),
    _Column(key="human_usd", title="people", value=lambda r: r.human_usd),
    _Column(key="total_usd", title="in all", value=lambda r: r.total_usd),
)


def notes(found: Ownership) -> list[str]:
    """What a reader of the table must know."""
    told = ["Simulated: no real model wrote this and nothing was paid."] if found.simulated else []
    told.append(
        "List: the same tokens outside a batch with nothing cached. Paid is list less both discounts. Wasted is a part "
        "of paid: answers that nobody can use, and attempts that brought nothing."
    )
    told.append(f"People: minutes of reading at ${dollars(found.usd_per_hour)} an hour.")
    if found.total.spent.unknown_usd:
        told.append(
            f"Calls whose answer never came, or is on its way, may cost ${found.total.spent.unknown_usd:,.4f} more."
        )
    return told


def to_markdown(found: Ownership) -> str:
    """The table as a person reads it."""
    shown = [column for column in COLUMNS if column.short]
    lines = [[found.by, *(column.title for column in shown)], ["---", *("---:" for _ in shown)]]
    lines += [[row.name, *(_told(column.value(row)) for column in shown)] for row in (*found.rows, found.total)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{table}\n\n" + "\n".join(f"- {note}" for note in notes(found)) + "\n"


def to_csv(found: Ownership) -> str:
    """Every column, exact, without the total: a spreadsheet adds up by itself."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([found.by, "simulated", *(column.key for column in COLUMNS)])
    for row in found.rows:
        writer.writerow([row.name, int(found.simulated), *(_plain(column.value(row)) for column in COLUMNS)])
    return file.getvalue()


def to_json(found: Ownership) -> dict[str, Any]:  # Any: JSON values
    """The table as JSON values; money is a string of dollars, exact."""
    return {
        "by": found.by,
        "simulated": found.simulated,
        "since": found.since,
        "usd_per_hour": dollars(found.usd_per_hour),
        "rows": [_row_json(row) for row in found.rows],
        "total": _row_json(found.total),
    }


def to_html(tables: Mapping[str, Ownership], title: str) -> str:
    """A page of its own, without script or anything from elsewhere."""
    parts = [f"<h2>{html.escape(name)}</h2>\n{_html_table(found)}" for name, found in tables.items()]
    told = notes(next(iter(tables.values()))) if tables else []
    listed = "".join(f"<li>{html.escape(note)}</li>" for note in told)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>\n"
        f"{''.join(parts)}<ul>{listed}</ul></body></html>\n"
    )


_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:2rem}table{border-collapse:collapse}"
    "th,td{padding:.3rem .7rem;border-bottom:1px solid #8886}td{text-align:right}th{text-align:left}"
)


def _html_table(found: Ownership) -> str:
    shown = [column for column in COLUMNS if column.short]
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in (found.by, *(c.title for c in shown)))
    lines = [
        f'<tr><th scope="row">{html.escape(row.name)}</th>'
        f"{''.join(f'<td>{html.escape(_told(column.value(row)))}</td>' for column in shown)}</tr>"
        for row in (*found.rows, found.total)
    ]
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{''.join(lines)}</tbody></table>\n"


def _row_json(row: Row) -> dict[str, Any]:  # Any: JSON values
    return {"name": row.name, **{column.key: _json(column.value(row)) for column in COLUMNS}}


def _json(value: int | float | Decimal) -> int | float | str:
    return dollars(value) if isinstance(value, Decimal) else value


def _plain(value: int | float | Decimal) -> str:
    return dollars(value) if isinstance(value, Decimal) else str(value)


def _told(value: int | float | Decimal) -> str:
    if isinstance(value, Decimal):
        return f"-${-value:,.4f}" if value < 0 else f"${value:,.4f}"
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
