"""The commands: parse, call the steps, print. One JSON object on stdout with `--json`; progress on stderr.

Exit codes: 0 done, 2 bad input, 3 escalated, 4 failed, 5 budget.
"""

import asyncio
import json
import logging
import os
import sys
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path as FilePath
from typing import Any

import click

from storage import attempts, jobs, reports, schema
from storage.engine import connect, parse_url, reading
from tasks import planning, registration, runtime
from tasks.checking import load_output
from tasks.conclusion import read_report
from tasks.registration import Request
from throughline import __version__, settings
from throughline.cli import display, progress, stand_in
from throughline.cli.duration import seconds
from throughline.domain import document
from throughline.domain.comparison import path_of
from throughline.domain.job import Depth, JobId, JobSpec, JobStatus, Kind, Path, PathChoice, ReviewMode
from throughline.domain.report import JobReport, plan_json, to_json
from throughline.errors import BadInput, BudgetExceeded, ThroughlineError
from throughline.settings import Settings

_EXIT = {JobStatus.DONE: 0, JobStatus.ESCALATED: 3, JobStatus.FAILED: 4, JobStatus.BUDGET: 5, JobStatus.CANCELLED: 4}
_SIMULATED_WAIT_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `run` and `plan`, as typed."""

    sources: tuple[str, ...]
    kind: str
    path: str
    depth: str
    instructions: str
    model: str | None
    budget_usd: str | None
    deadline: str | None
    review: str
    simulate: bool
    as_json: bool

    def request(self, chosen: Settings, *, again: bool = False) -> Request:
        """The validated request."""
        spec = JobSpec(
            kind=Kind(self.kind),
            model=self.model or chosen.model,
            path=PathChoice(self.path),
            depth=Depth(self.depth),
            instructions=self.instructions.encode("utf-8", "replace").decode(),
            effort=chosen.effort,
            budget_usd=_budget(self.budget_usd),
            deadline_s=seconds(self.deadline) if self.deadline else None,
            review=ReviewMode(self.review),
        )
        chosen.find_model(spec.model)
        return Request(spec=spec, references=self.sources, nonce=uuid.uuid4().hex if again else "")


def main() -> None:
    """Run the command line; every expected error is one sentence on stderr."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s %(message)s")
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        code = _complain(
            "Interrupted. The same command goes on from here; a call that was open may be paid again.", 130
        )
    except click.ClickException as error:
        code = _complain(f"{error.format_message()} See: throughline --help", 2)
    except BudgetExceeded as error:
        code = _complain(str(error), 5)
    except ThroughlineError as error:
        code = _complain(str(error), 2)
    sys.exit(code if isinstance(code, int) else 0)


def _complain(sentence: str, code: int) -> int:
    click.echo(f"throughline: {sentence}", err=True)
    return code


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="throughline")
def cli() -> None:
    """Long document jobs on Claude: one 300K-token batch request or a chunked chain, one ledger for both."""


def _one_of(values: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([str(value) for value in values])


def _job_options(command: Callable[..., Any]) -> Callable[..., Any]:  # Any: click decorates any function
    options = [
        click.argument("sources", nargs=-1, required=True),
        click.option("--kind", type=_one_of(Kind), required=True, help="What to write."),
        click.option("--path", type=_one_of(PathChoice), default="auto", show_default=True),
        click.option("--depth", type=_one_of(Depth), default="standard", show_default=True),
        click.option("--instructions", default="", help="Wishes in your own words; the question of a report."),
        click.option("--model", help="A Claude model id; THROUGHLINE_MODEL by default."),
        click.option("--budget-usd", metavar="USD", help="The most that this job may cost."),
        click.option("--deadline", metavar="TIME", help="When it must be done: 45m, 2h, 1d."),
        click.option("--review", type=_one_of(ReviewMode), default="auto", show_default=True),
        click.option("--simulate", is_flag=True, help="Use the local stand-in for the API; no key, no cost."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@cli.command()
@_job_options
@click.option("--again", is_flag=True, help="Start anew instead of going on with the same job.")
def run(again: bool, **typed: Any) -> int:  # Any: click passes options by name
    """Run a job, or go on with it, and wait for its end."""
    options = Options(**typed)
    return asyncio.run(_run(options, again=again))


async def _run(options: Options, *, again: bool) -> int:
    async with _opened(simulate=options.simulate) as rt:
        job = await registration.register(options.request(rt.settings, again=again))
        if job.ended and job.status in (JobStatus.DONE, JobStatus.ESCALATED):
            click.echo("This job is finished already; --again starts it anew.", err=True)
            return _tell(read_report(job.id), options)
        plan = await planning.load_plan(job.id)
        if not options.as_json:
            display.plan(plan)
        async with progress.shown(rt.engine, job.id, units=plan.size.units, quiet=options.as_json):
            await _carry_out(job.id)
        return _tell(read_report(job.id), options)


async def _carry_out(job_id: JobId) -> None:
    """Run the flow: shown by a Prefect server where one is configured, else in this process alone."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from flows.registered_job import carry_out, registered_job

    try:
        if os.environ.get("PREFECT_API_URL"):
            await registered_job(job_id)
        else:
            await carry_out(job_id)
    except ThroughlineError as error:
        click.echo(f"throughline: {error}", err=True)


def _tell(report: JobReport, options: Options) -> int:
    if options.as_json:
        click.echo(json.dumps(to_json(report)))
    else:
        display.comparison(report)
        display.outcome(report)
    return _EXIT.get(report.status, 4)


@cli.command()
@_job_options
@click.option("--exact", is_flag=True, help="Ask the API for the prompt's exact token count (free).")
def plan(exact: bool, **typed: Any) -> int:  # Any: click passes options by name
    """Size the job, price both paths and say which one is chosen and why. Spends nothing."""
    options = Options(**typed)
    return asyncio.run(_plan(options, exact=exact))


async def _plan(options: Options, *, exact: bool) -> int:
    async with _opened(simulate=options.simulate) as rt:
        request = options.request(rt.settings)
        found = registration.read(request)
        left_out = [(item.name, item.reason) for item in found.left_out]
        planned = await planning.plan_sources(request.spec, found.sources, left_out=left_out, exact_count=exact)
        if options.as_json:
            click.echo(json.dumps({"simulated": rt.simulated, "plan": plan_json(planned.plan)}))
        else:
            display.plan(planned.plan)
    return 0


@cli.command()
@click.argument("job")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def show(job: str, as_json: bool) -> int:
    """Show a job from the ledger. JOB may be the beginning or the end of an id."""
    return asyncio.run(_show(job, as_json=as_json))


async def _show(wanted: str, *, as_json: bool) -> int:
    async with _opened() as rt:
        report = read_report(await _find(rt, wanted))
        if as_json:
            click.echo(json.dumps(to_json(report)))
            return 0
        if report.plan is not None:
            display.plan(report.plan)
        if report.attempts:
            display.comparison(report)
        display.outcome(report)
        return 0


@cli.command(name="list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def list_jobs(limit: int, as_json: bool) -> int:
    """List the newest jobs."""
    return asyncio.run(_list(limit, as_json=as_json))


async def _list(limit: int, *, as_json: bool) -> int:
    async with _opened() as rt:
        with reading(rt.engine) as tx:
            found = [reports.job(tx, job_id) for job_id in jobs.recent(tx, limit)]
        if as_json:
            click.echo(json.dumps({"jobs": [to_json(report) for report in found]}))
        elif found:
            display.jobs(found)
        else:
            click.echo("No jobs yet. Start one: throughline run FILE --kind summary --simulate")
    return 0


@cli.command()
@click.argument("job")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=FilePath))
@click.option(
    "--path",
    type=_one_of(Path),
    help="The output of that path; the published one by default.",
)
def export(job: str, output: FilePath, path: str | None) -> int:
    """Write a job's output to FILE.md or FILE.json."""
    if output.suffix not in (".md", ".json"):
        raise BadInput(f"{output} must end in .md or .json: the ending chooses the form.")
    return asyncio.run(_export(job, output, None if path is None else Path(path)))


async def _export(wanted: str, file: FilePath, path: Path | None) -> int:
    async with _opened() as rt:
        report = read_report(await _find(rt, wanted))
        fitting = [a for a in report.attempts if path is None or path_of(a, report) is path]
        published = [a for a in fitting if a.id == report.published_attempt_id]
        candidates = published or (fitting[-1:] if path is not None else [])
        if not candidates:
            raise BadInput(f"Job {report.id} has no output to export: it is {report.status}. See: throughline show")
        with reading(rt.engine) as tx:
            job = jobs.get(tx, report.id)
            output = load_output(tx, attempts.get(tx, candidates[0].id), job)
    if output is None:
        raise BadInput(f"The {candidates[0].path} attempt of job {report.id} wrote nothing.")
    text = json.dumps(document.to_json(output), indent=2) if file.suffix == ".json" else document.to_markdown(output)
    _write(file, text)
    click.echo(f"{file}: {len(output.ordered)} of {len(output.outline.units)} units, {len(text):,} characters")
    return 0


def _write(file: FilePath, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}. Choose another place with -o.") from error


@cli.group()
def db() -> None:
    """The ledger's database."""


@db.command()
def upgrade() -> int:
    """Bring the database to this program's version, keeping its rows."""
    return asyncio.run(_upgrade())


async def _upgrade() -> int:
    url = settings.load().database_url
    engine = connect(url)
    try:
        schema.upgrade(engine)
    finally:
        engine.dispose()
    click.echo(f"{parse_url(url).render_as_string(hide_password=True)} is at version {schema.REVISION}.")
    return 0


@cli.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def simulator(arguments: tuple[str, ...]) -> None:
    """Start the local stand-in for the Claude API; --help shows its options."""
    os.execv(sys.executable, [sys.executable, "-m", "simulator", *arguments])  # one process: a signal ends it


@asynccontextmanager
async def _opened(*, simulate: bool = False) -> AsyncGenerator[runtime.Runtime]:
    chosen = settings.load()
    if not simulate:
        async with runtime.opened(chosen) as rt:
            yield rt
        return
    # Beside the ledger, so that a job's simulated batches are found again where the job is.
    with stand_in.simulator(_beside(chosen.database_url)) as url:
        simulated = chosen.model_copy(
            update={
                "api_key": settings.SecretStr("sim-local"),
                "base_url": url,
                "batch_poll_s": _SIMULATED_WAIT_S,
                "batch_settle_s": _SIMULATED_WAIT_S,
                "api_first_wait_s": _SIMULATED_WAIT_S,
            }
        )
        async with runtime.opened(simulated) as rt:
            yield rt


def _beside(database_url: str) -> FilePath:
    url = parse_url(database_url)
    folder = FilePath(url.database or "").parent if url.get_backend_name() == "sqlite" else FilePath(".throughline")
    return folder / "simulator.db"


async def _find(rt: runtime.Runtime, wanted: str) -> JobId:
    with reading(rt.engine) as tx:
        found = jobs.matching(tx, wanted)
    if not found:
        raise BadInput(f"There is no job {wanted!r}. See: throughline list")
    if len(found) > 1:
        raise BadInput(f"{wanted!r} fits more than one job. Give more of the id; see: throughline list")
    return found[0]


def _budget(typed: str | None) -> Decimal | None:
    if typed is None:
        return None
    try:
        budget = Decimal(typed.removeprefix("$"))
    except InvalidOperation:
        raise BadInput(f"The budget {typed!r} is not an amount. Write dollars, like 2.50.") from None
    if not budget.is_finite() or budget <= 0:
        raise BadInput(f"The budget must be more than 0 dollars, not {typed}.")
    return budget
