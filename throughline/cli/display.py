"""Tables for people. Numbers come from the ledger's report; nothing is decided here."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from throughline.domain.comparison import Side, sides
from throughline.domain.comparison import to_json as sides_json
from throughline.domain.happenings import page_of
from throughline.domain.plan import PathEstimate, Plan
from throughline.domain.report import JobReport, to_json
from throughline.domain.sizing import OutputSize

if sys.__stdout__ is None:  # the caller has closed it (`>&-`), and wants no output
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - closed by the interpreter
_WIDE = 120
_WIDEST = 1_000
_SHORT_ID = 12
_console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)


def say(text: str) -> None:
    """One line on stdout."""
    _console.print(text, markup=False)


def plan(found: Plan) -> None:
    """The plan: what it is about, both paths side by side, the choice and why."""
    corpus, size = found.corpus, found.size
    say(
        f"{_count(corpus.sources, 'source')}, {corpus.characters:,} characters, about "
        f"{corpus.tokens.expected:,} input tokens ({corpus.counted_by}); {_count(size.units, 'unit')}, about "
        f"{size.expected_tokens:,} output tokens, {_bounds(size)}, {size.basis}"
    )
    for name, reason in corpus.left_out:
        say(f"left out: {name} ({reason})")
    table = _table("plan", ["single_pass", "chunked"])
    pair = (found.single_pass, found.chunked)
    for name, value in _PLAN_ROWS:
        table.add_row(name, *(value(estimate) for estimate in pair))
    _print_whole(table)
    say(f"{found.rates.sentence}.")
    say(f"Chosen: {'both paths' if found.run_both else found.chosen}. {'. '.join(found.reasons)}.")


def _bounds(size: OutputSize) -> str:
    """Both ends of the interval where both are known; each holds nine times in ten."""
    if size.lower_tokens is None:
        return f"at most {size.upper_tokens:,} (90 %)"
    return f"at least {size.lower_tokens:,} and at most {size.upper_tokens:,} (90 % each)"


def comparison(report: JobReport) -> None:
    """What each path that ran took and gave."""
    columns = sides(report)
    table = _table("observed", [side.path for side in columns])
    for name, value in _SIDE_ROWS:
        table.add_row(name, *(value(side) for side in columns))
    _print_whole(table)


def outcome(report: JobReport, review_base_url: str) -> None:
    """How the job ended, what it cost, and the commands to look closer; for one that waits for a person, where."""
    simulated = " Simulated: no real model wrote this and nothing was paid." if report.simulated else ""
    say(f"Job {report.id}: {report.status}, ${report.cost_usd:.4f} in all.{simulated}")
    if report.reason:
        say(report.reason)
    for attempt in report.attempts:
        if attempt.lost_calls:
            say(
                f"{attempt.lost_calls} call(s) of the {attempt.path} attempt never got their answer through; they "
                f"may have cost up to ${attempt.lost_at_most_usd:.4f} more."
            )
    for attempt in report.attempts:
        if attempt.open_calls:
            say(
                f"{attempt.open_calls} call(s) of the {attempt.path} attempt are open; they may cost up to "
                f"${attempt.open_at_most_usd:.4f} more. The same run command goes on with them."
            )
    if report.status.asks:
        say(f"Read it:      {page_of(report.id, review_base_url)}  (throughline review serves this page)")
        say(f"Decide:       throughline decide {report.id} approve, reject or rerun")
    say(f"Look closer:  throughline show {report.id}")
    if report.published_attempt_id is not None:
        say(f"The output:   throughline export {report.id} -o output.md")


def report_json(report: JobReport, review_base_url: str) -> str:
    """The report as one JSON object, attempt by attempt and path by path as in the table; one that waits for a person
    has the address of its page."""
    url = {"review_url": page_of(report.id, review_base_url)} if report.status.asks else {}
    return json.dumps(to_json(report) | {"paths": sides_json(report)} | url)


def jobs(reports: Sequence[JobReport]) -> None:
    """One line a job, newest first. A narrow terminal gets the end of each id, which `show` takes as well."""
    narrow = _console.width < _WIDE
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="bold")
    for column in ("job", "kind"):
        table.add_column(column, no_wrap=True)
    if narrow:
        table.add_column("title", no_wrap=True, overflow="ellipsis", max_width=max(_SHORT_ID, _console.width - 58))
    else:
        table.add_column("title", overflow="fold")
    for column in ("status", "cost") if narrow else ("status", "path", "cost", "started"):
        table.add_column(column, no_wrap=True)
    for report in reports:
        path = "" if report.plan is None else "both" if report.plan.run_both else str(report.plan.chosen)
        cost = f"${report.cost_usd:.4f}"
        if narrow:
            cost += " sim." if report.simulated else ""
            table.add_row(report.id[-_SHORT_ID:], report.spec.kind, Text(report.title), report.status, cost)
            continue
        cost += " (simulated)" if report.simulated else ""
        started = f"{report.created_at:%Y-%m-%d %H:%M}"
        table.add_row(report.id, report.spec.kind, Text(report.title), report.status, path, cost, started)
    _print_whole(table)


def grid(corner: str, columns: Sequence[str], lines: Sequence[Sequence[str]], *, right: int) -> None:
    """A table whose first so many columns after the name are figures."""
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="bold")
    table.add_column(corner, overflow="fold", min_width=_SHORT_ID)
    for place, column in enumerate(columns[:right], start=1):
        widest = max([len(column), *(len(line[place]) for line in lines)])
        table.add_column(column, justify="right", no_wrap=True, min_width=widest)
    for column in columns[right:]:
        table.add_column(column)
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))
    _print_whole(table)


def _print_whole(table: Table) -> None:
    """Print at the table's least width where the terminal has less: a figure that is cut off would be another one."""
    options = _console.options.update(max_width=_WIDEST)
    for column in table.columns:
        if column.no_wrap and column.max_width is None:  # Rich would take a part of it for its least
            cells = (column.header, *column.cells)
            column.min_width = max(Measurement.get(_console, options, cell).maximum for cell in cells)
    least = Measurement.get(_console, options, table).minimum
    whole = _console if least <= _console.width else Console(highlight=False, width=least)
    whole.print(table, soft_wrap=False)


def _table(corner: str, columns: Sequence[str], *, right: bool = True) -> Table:
    table = Table(show_edge=False, pad_edge=False, box=None, header_style="bold")
    table.add_column(corner, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def _usd(amount: Decimal) -> str:
    return f"${amount:,.4f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _hours(hours: float) -> str:
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:.1f} h"


_PLAN_ROWS: tuple[tuple[str, Callable[[PathEstimate], str]], ...] = (
    ("possible", lambda e: "yes" if e.feasible else "no"),
    ("calls", lambda e: f"{e.calls:,}"),
    ("input tokens", lambda e: f"{e.input_tokens:,}"),
    ("output tokens", lambda e: f"{e.output_tokens:,}"),
    ("cap a call", lambda e: f"{e.max_tokens_per_call:,}"),
    ("tokens cost", lambda e: _usd(e.expected_usd)),
    ("at worst", lambda e: _usd(e.worst_usd)),
    ("chance of a cut", lambda e: f"{e.truncation_chance:.1%}"),
    ("rework", lambda e: _usd(e.rework_usd)),
    ("repairs", lambda e: _usd(e.repairs_usd)),
    ("time", lambda e: _hours(e.hours)),
    ("waiting", lambda e: _usd(e.waiting_usd)),
    ("review", lambda e: f"{e.review_minutes:.0f} min, {_usd(e.review_usd)}"),
    ("expected total", lambda e: _usd(e.expected_total_usd)),
)
_SIDE_ROWS: tuple[tuple[str, Callable[[Side], str]], ...] = (
    ("status", lambda s: s.status),
    ("units", lambda s: f"{s.units}" if s.units_wanted is None else f"{s.units} of {s.units_wanted}"),
    ("calls", lambda s: f"{s.calls:,}"),
    ("input tokens", lambda s: f"{s.input_tokens:,}"),
    ("output tokens", lambda s: f"{s.output_tokens:,}"),
    ("wasted tokens", lambda s: f"{s.wasted_tokens:,}"),
    ("cost", lambda s: _usd(s.cost_usd)),
    ("citations verified", lambda s: f"{s.citations.verified:,}"),
    ("citations altered", lambda s: f"{s.citations.altered:,}"),
    ("citations missing", lambda s: f"{s.citations.missing:,}"),
    ("wall time", lambda s: "-" if s.wall_s is None else f"{s.wall_s:.1f} s"),
)
