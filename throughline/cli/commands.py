"""The commands: parse, call the steps, print. One JSON object on stdout with `--json`; progress on stderr.

Exit codes: 0 done, 2 bad input, 3 escalated, 4 failed, 5 budget, 6 another process works on the job, 130 interrupted.
"""

import asyncio
import errno
import io
import json
import logging
import os
import sys
from pathlib import Path as FilePath
from typing import Any

import click

from storage import attempts, jobs, reports, schema
from storage.engine import connect, parse_url, reading
from tasks import planning, registration, runtime
from tasks.checking import load_output
from tasks.conclusion import read_report, require_same_world
from tasks.job_life import finished
from throughline import __version__, settings
from throughline.cli import display, progress
from throughline.cli.request import Options, find, job_options, one_of, opened
from throughline.cli.server import carried_out, require_answer
from throughline.domain import document
from throughline.domain.comparison import path_of
from throughline.domain.job import JobId, JobStatus, Path
from throughline.domain.report import JobReport, plan_json, to_json
from throughline.errors import BadInput, BudgetExceeded, JobBusy, ThroughlineError

_BUSY = 6
_PIPE_CLOSED = 1  # as Click and Rich end where they are the first to notice
_OUTPUT_FAILS = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO}
_EXIT = {JobStatus.DONE: 0, JobStatus.ESCALATED: 3, JobStatus.BUDGET: 5}  # every other end is 4


class _Interrupted(Exception):
    """Somebody stopped the job's process; says how to go on with the job."""


def main() -> None:
    """Run the command line; every expected error is one sentence on stderr."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s %(message)s")
    if isinstance(sys.stdout, io.TextIOWrapper):  # of a locale that lacks a title's letters: they are written out
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _carried_out()
    except OSError as error:
        if error.errno not in _OUTPUT_FAILS or error.filename is not None:
            raise
        code = _without_output(error)
    sys.exit(code if isinstance(code, int) else 0)


def _carried_out() -> object:
    try:
        code = cli.main(prog_name="throughline", standalone_mode=False)
        sys.stdout.flush()
    except _Interrupted as interrupted:
        code = _complain(str(interrupted), 130)
    except click.exceptions.Abort:
        code = _complain("Interrupted. What was done by then stands in the ledger.", 130)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help(), err=True)
        code = 2
    except click.ClickException as error:
        code = _complain(_mistyped(error), 2)
    except BudgetExceeded as error:
        code = _complain(str(error), 5)
    except JobBusy as error:
        code = _complain(str(error), _BUSY)
    except ThroughlineError as error:
        code = _complain(str(error), 2)
    return code


def _mistyped(error: click.ClickException) -> str:
    """What the parser says, as a sentence, and whose --help tells more."""
    said = " ".join(error.format_message().split())
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context is not None else "throughline"
    return f"{said if said.endswith(('.', '?', '?)')) else said + '.'} See: {command} --help"


def _without_output(error: OSError) -> int:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
    if isinstance(error, BrokenPipeError):
        return _PIPE_CLOSED  # as with `head`: the reader wants no more
    return _complain(
        f"The output cannot be written: {error.strerror}. What the ledger has is kept: throughline list", 4
    )


def _complain(sentence: str, code: int) -> int:
    click.echo(f"throughline: {sentence}", err=True)
    return code


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="throughline")
def cli() -> None:
    """Long document jobs on Claude: one 300K-token batch request or a chunked chain, one ledger for both."""


@cli.command()
@job_options
@click.option("--again", is_flag=True, help="Start anew instead of going on with the same job.")
@click.option("--deployment", metavar="NAME", help="Start it there, on the Prefect server at PREFECT_API_URL.")
@click.option("--wait", is_flag=True, help="With --deployment: follow the run and print what a run here prints.")
def run(again: bool, deployment: str | None, wait: bool, **typed: Any) -> int:  # Any: click passes options by name
    """Run a job, or go on with it, and wait for its end; or start it as a run of a deployment."""
    options = Options(**typed)
    if deployment is None and wait:
        raise BadInput("--wait is for runs of a deployment: a run here is waited for anyway. Leave it out.")
    if deployment is None:
        return asyncio.run(_run(options, again=again))
    if again:
        raise BadInput("--again is for runs in this process: a deployment goes on with a job that it knows.")
    return asyncio.run(_run_deployed(options, deployment, wait=wait))


async def _run_deployed(options: Options, deployment: str, *, wait: bool) -> int:
    from throughline.cli import deployed

    flow_run_id = await deployed.start(options, deployment)
    if not wait:
        deployed.tell_started(flow_run_id, as_json=options.as_json)
        return 0
    async with opened():
        report = await deployed.followed(flow_run_id)
        if report.plan is not None and not options.as_json:
            display.plan(report.plan)
        return _tell(report, as_json=options.as_json)


async def _run(options: Options, *, again: bool) -> int:
    chosen = settings.load()
    request = options.request(chosen, again=again)
    found = registration.read(request, chosen)
    async with opened(simulate=options.simulate) as rt:
        await require_answer()
        job = await registration.register_read(request, found)
        if job.status in (JobStatus.DONE, JobStatus.ESCALATED):
            state = "is finished already" if job.status is JobStatus.DONE else "waits for a person's decision"
            click.echo(f"This job {state}; --again starts it anew.", err=True)
            return _tell(read_report(job.id), as_json=options.as_json)
        return await _follow(rt, job.id, simulate=options.simulate, as_json=options.as_json)


@cli.command()
@click.argument("job")
@click.option("--simulate", is_flag=True, help="For a job that was begun with --simulate.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def resume(job: str, simulate: bool, as_json: bool) -> int:
    """Go on with a job of the ledger, whatever became of its source files since."""
    return asyncio.run(_resume(job, simulate=simulate, as_json=as_json))


async def _resume(wanted: str, *, simulate: bool, as_json: bool) -> int:
    async with opened(simulate=simulate, existing=True) as rt:
        job_id = await find(rt, wanted)
        if (report := read_report(job_id)).status is JobStatus.DONE:
            click.echo("This job is finished already.", err=True)
            return _tell(report, as_json=as_json)
        await require_answer()
        return await _follow(rt, job_id, simulate=simulate, as_json=as_json)


async def _follow(rt: runtime.Runtime, job_id: JobId, *, simulate: bool, as_json: bool) -> int:
    """Carry the job out, show how it goes, and tell how it ended."""
    await require_same_world(job_id)
    plan = await planning.load_plan(job_id)
    if not as_json:
        display.plan(plan)
    try:
        async with progress.shown(rt.engine, job_id, plan, quiet=as_json):
            await _carry_out(job_id)
    except asyncio.CancelledError:
        resume = f"throughline resume {job_id}{' --simulate' if simulate else ''}"
        raise _Interrupted(f"Interrupted. {resume} goes on; a call that was open may be paid again.") from None
    return _tell(read_report(job_id), as_json=as_json)


async def _carry_out(job_id: JobId) -> None:
    """Run the flow: shown by a Prefect server where one is configured, else in this process alone."""
    try:
        if os.environ.get("PREFECT_API_URL"):
            await carried_out(job_id)
        else:
            await finished(job_id)
    except JobBusy as error:
        if read_report(job_id).status is not JobStatus.CANCELLED:
            raise  # whoever works on it says how it ends
        _complain(str(error), 4)
    except ThroughlineError as error:
        _complain(str(error), 4)


def _tell(report: JobReport, *, as_json: bool) -> int:
    if as_json:
        click.echo(display.report_json(report, runtime.current().settings.review_url))
    else:
        display.comparison(report)
        display.outcome(report, runtime.current().settings.review_url)
    return _EXIT.get(report.status, 4)


@cli.command()
@job_options
@click.option("--exact", is_flag=True, help="Ask the API for the prompt's exact token count (free).")
def plan(exact: bool, **typed: Any) -> int:  # Any: click passes options by name
    """Size the job, price both paths and say which one is chosen and why. Spends nothing."""
    options = Options(**typed)
    return asyncio.run(_plan(options, exact=exact))


async def _plan(options: Options, *, exact: bool) -> int:
    chosen = settings.load()
    request = options.request(chosen)
    found = registration.read(request, chosen)
    async with opened(simulate=options.simulate) as rt:
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
    async with opened(existing=True) as rt:
        report = read_report(await find(rt, wanted))
        if as_json:
            click.echo(display.report_json(report, runtime.current().settings.review_url))
            return 0
        if report.plan is not None:
            display.plan(report.plan)
        if report.attempts:
            display.comparison(report)
        display.outcome(report, runtime.current().settings.review_url)
        return 0


@cli.command(name="list")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def list_jobs(limit: int, as_json: bool) -> int:
    """List the newest jobs."""
    return asyncio.run(_list(limit, as_json=as_json))


async def _list(limit: int, *, as_json: bool) -> int:
    async with opened(existing=True) as rt:
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
    type=one_of(Path),
    help="The output of that path; the published one by default.",
)
def export(job: str, output: FilePath, path: str | None) -> int:
    """Write a job's output to FILE.md or FILE.json."""
    if output.suffix not in (".md", ".json"):
        raise BadInput(f"{output} must end in .md or .json: the ending chooses the form.")
    return asyncio.run(_export(job, output, None if path is None else Path(path)))


async def _export(wanted: str, file: FilePath, path: Path | None) -> int:
    async with opened(existing=True) as rt:
        report = read_report(await find(rt, wanted))
        fitting = [a for a in report.attempts if path is None or path_of(a, report) is path]
        published = [a for a in fitting if a.id == report.published_attempt_id]
        candidates = published or (fitting[-1:] if path is not None else [])
        if not candidates and path is not None and report.published_attempt_id is not None:
            raise BadInput(f"Job {report.id} did not run {path}: leave out --path for the output that it has.")
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
    program = "from simulator.__main__ import main; main('throughline simulator')"
    os.execv(sys.executable, [sys.executable, "-c", program, *arguments])  # one process: a signal ends it
