"""The reports as lines of plain text: what `calibrate` and `replay` print, and the pages and artifacts show."""

import math
from collections.abc import Iterable

from throughline.domain.learning.report import PlanAgainstActual, RoutingReport, SizeReport, jobs_counted


def size_lines(report: SizeReport) -> list[str]:
    """The report on sizes, as lines of a table; without any bound, that there is none yet."""
    if report.overall.known + report.overall.unknown == 0:
        return [f"no bound yet: {jobs_counted(report.no_bound_yet)}"]
    lines = [f"{'the 90 % bound':<28}{'held':>14}{'share':>9}{'95 % interval':>20}{'unknown':>9}"]
    for row in (report.overall, *report.by_kind, *report.by_size_class, *report.over_time):
        interval = f"{row.low:.1%} to {row.high:.1%}"
        share = f"{row.share:.1%}" if row.known else "-"
        lines.append(f"{row.name:<28}{f'{row.held} of {row.known}':>14}{share:>9}{interval:>20}{row.unknown:>9}")
    return [
        *lines,
        f"no bound yet: {jobs_counted(report.no_bound_yet)}",
        _loss_line(report),
        f"width (upper / likely): {report.width:.2f}, structural worst case {report.worst_width:.2f}",
    ]


def _loss_line(report: SizeReport) -> str:
    if math.isnan(report.pinball_loss):
        return "pinball loss (log): not known, all outputs were cut"
    return f"pinball loss (log): {report.pinball_loss:.4f}, structural worst case {report.worst_pinball_loss:.4f}"


def against_lines(rows: Iterable[PlanAgainstActual]) -> list[str]:
    """What was planned beside what came of it, a line for each quantity."""
    return [
        f"{row.quantity}: actual / planned {row.ratio:.2f} (median of {row.jobs}), {row.total_ratio:.2f} in all"
        if row.jobs
        else f"{row.quantity}: not known yet"
        for row in rows
    ]


def routing_lines(report: RoutingReport) -> list[str]:
    """The report on choices, as lines of a table."""
    rows = (
        report.router,
        report.router_by_cost,
        report.always_single,
        report.always_chunked,
        report.threshold,
        report.best_threshold,
        report.best_input_threshold,
    )
    return [
        f"{f'{jobs_counted(report.jobs)}, both paths known':<44}{'total USD':>14}{'regret USD':>14}{'regret':>9}",
        *(f"{row.name:<44}{row.total_usd:>14.4f}{row.regret_usd:>14.4f}{row.regret_share:>9.1%}" for row in rows),
        f"the better path each time: ${report.better_path_usd:.4f}; wrong choices: {report.wrong_choices}",
    ]
