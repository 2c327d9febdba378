"""`throughline compare`: both paths of one job, or the differences over many. No score, no winner."""

import asyncio
import json
from decimal import Decimal

import click

from storage.engine import reading
from tasks import comparing, runtime
from tasks.comparing import Overview
from tasks.conclusion import read_report
from throughline.cli import display
from throughline.cli.commands import cli
from throughline.cli.request import find, one_of, opened
from throughline.cli.since import since
from throughline.domain import measures, paired
from throughline.domain.job import Kind
from throughline.domain.measures import Compared, told, told_difference
from throughline.domain.paired import LEAST_PAIRS, Paired
from throughline.domain.report import JobReport
from throughline.errors import BadInput

_MOST_JOBS = 500


@cli.command()
@click.argument("job", required=False)
@click.option("--all", "all_", is_flag=True, help="All jobs that ran both paths; so it is without JOB.")
@click.option("--kind", type=one_of(Kind), help="Of all jobs, those of that kind.")
@click.option("--since", "since_", metavar="TIME", help="Of all jobs, those begun since: a date, or 7d, 12h.")
@click.option("--simulated", is_flag=True, help="Of all jobs, the simulated ones.")
@click.option("--limit", default=_MOST_JOBS, show_default=True, type=click.IntRange(1, 10_000), help="The newest.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def compare(
    job: str | None, all_: bool, kind: str | None, since_: str | None, simulated: bool, limit: int, as_json: bool
) -> int:
    """Show both paths of JOB measure by measure; without JOB, the paired differences over all that ran both."""
    filters = all_ or kind is not None or since_ is not None or simulated
    if job is not None and filters:
        raise BadInput("Name one JOB, or filter all of them with --kind, --since and --simulated, but not both.")
    if job is not None:
        return asyncio.run(_one(job, as_json=as_json))
    chosen = None if kind is None else Kind(kind)
    return asyncio.run(_many(chosen, since_, simulated=simulated, limit=limit, as_json=as_json))


async def _one(wanted: str, *, as_json: bool) -> int:
    async with opened(existing=True) as rt:
        report = read_report(await find(rt, wanted))
        with reading(rt.engine) as tx:
            rows = comparing.compared(tx, report)
    if rows is None:
        raise BadInput(f"Job {report.id} ran one path only. Run it with --path both to compare.")
    if as_json:
        found = {"job_id": report.id, "simulated": report.simulated, "measures": measures.to_json(rows)}
        click.echo(json.dumps(found))
    else:
        _show_one(report, rows)
    return 0


def _show_one(report: JobReport, rows: tuple[Compared, ...]) -> None:
    lines = [measures.cells(row) for row in rows if not row.is_quiet]
    display.grid("measure", ["single_pass", "chunked", "difference", "means", "does not mean"], lines, right=3)
    checks = [row.measure for row in rows if row.is_quiet and row.measure.key.startswith("check.")]
    quiet = [check.title.removesuffix(": findings") for check in checks]
    if quiet:
        display.say(f"Checks that found nothing on either side: {', '.join(quiet)}.")
    tenths = _by_tenth(rows)
    if tenths:
        display.say("By tenth of the output, single pass over chunked:")
        display.grid("", [str(place) for place in range(1, 11)], tenths, right=10)
    display.say("The difference is chunked less single pass. There is no score and no winner: people decide.")
    if report.simulated:
        display.say("Simulated: no real model wrote this and nothing was paid.")


def _by_tenth(rows: tuple[Compared, ...]) -> list[list[str]]:
    """Two lines a figure, the single pass first."""
    figures: dict[str, list[Compared]] = {}
    for row in rows:
        family, _, rest = row.measure.key.partition(".")
        if family == "tenth":
            figures.setdefault(rest.rpartition(".")[0], []).append(row)
    lines: list[list[str]] = []
    for name, tenths in figures.items():
        title = name.removesuffix("_by_decile").replace("_", " ")
        lines.append([f"{title}, single_pass", *(told(row.left, row.measure.unit) for row in tenths)])
        lines.append([f"{title}, chunked", *(told(row.right, row.measure.unit) for row in tenths)])
    return lines


async def _many(kind: Kind | None, since_: str | None, *, simulated: bool, limit: int, as_json: bool) -> int:
    start = since(since_, runtime.now())
    async with opened(existing=True) as rt:
        with reading(rt.engine) as tx:
            found = comparing.overview(tx, simulated=simulated, kind=kind, since=start, limit=limit)
    if as_json:
        blind = {"preferred": found.blind.preferred, "shown_first": found.blind.shown_first}
        told_ = {"simulated": simulated, "jobs": found.jobs, "least_pairs": LEAST_PAIRS, "approved": found.approved}
        click.echo(json.dumps({**told_, "blind": blind, "measures": paired.to_json(found.rows)}))
    else:
        _show_many(found)
    return 0


def _show_many(found: Overview) -> None:
    world = "simulated" if found.simulated else "real"
    if found.jobs == 0:
        other = "" if found.simulated else ", or ask with --simulated"
        display.say(f"No {world} job ran both paths yet. Run one with --path both{other}.")
        return
    noun = "job" if found.jobs == 1 else "jobs"
    display.say(f"{found.jobs} {world} {noun} that ran both paths; chunked less single pass, mean and 95 % interval")
    lines = [_paired_line(row) for row in found.rows if not row.measure.key.startswith(("tenth.", "errors."))]
    display.grid("measure", ["pairs", "mean", "from", "to", "says"], lines, right=4)
    counted = ", ".join(f"{path} {count}" for path, count in found.approved.items())
    display.say(f"People published: {counted}. There is no score and no winner; many measures looked at at once will")
    display.say("differ by chance now and then, one in twenty of those that do not.")
    display.say(found.blind.sentence)
    if found.simulated:
        display.say("Simulated: no real model wrote this and nothing was paid.")


def _paired_line(row: Paired) -> list[str]:
    def shown(value: float | None) -> str:
        return "-" if value is None else told_difference(Decimal(str(round(value, 6))), row.measure.unit)

    return [row.measure.title, str(row.pairs), shown(row.mean_difference), shown(row.low), shown(row.high), row.says]
