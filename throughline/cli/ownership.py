"""`throughline report`: what tokens and people cost, in one table."""

import asyncio
import json
from pathlib import Path as FilePath

import click

from storage.spending import By
from tasks import runtime
from tasks.ownership import owned
from throughline.cli.commands import cli
from throughline.cli.request import one_of, opened
from throughline.cli.since import since
from throughline.domain import ownership
from throughline.domain.job import Kind
from throughline.domain.ownership import Ownership
from throughline.errors import BadInput

_BY = tuple(by.value for by in By if by not in (By.ATTEMPT, By.LINK))


@cli.command()
@click.option("--by", type=one_of(_BY), default="path", show_default=True, help="What a row is.")
@click.option("--since", "since_", metavar="TIME", help="Only what was spent since: a date, or 7d, 12h.")
@click.option("--kind", type=one_of(Kind), help="Only jobs of that kind.")
@click.option("--simulated", is_flag=True, help="Simulated jobs, which are never in one table with real ones.")
@click.option(
    "--format",
    "form",
    type=one_of(["markdown", "csv", "json", "html"]),
    default="markdown",
    show_default=True,
    help="CSV and JSON have every column, exact to the last digit.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=FilePath), help="A file instead of stdout.")
def report(by: str, since_: str | None, kind: str | None, simulated: bool, form: str, output: FilePath | None) -> int:
    """Say what tokens and people's minutes cost: list and paid, discounts and waste apart."""
    return asyncio.run(_report(By(by), since_, None if kind is None else Kind(kind), simulated, form, output))


async def _report(
    by: By, since_: str | None, kind: Kind | None, simulated: bool, form: str, output: FilePath | None
) -> int:
    start = since(since_, runtime.now())
    async with opened(existing=True):
        found = await owned(by, simulated=simulated, since=start, kind=kind)
        other = 0 if found.rows else (await owned(by, simulated=not simulated, since=start, kind=kind)).total.jobs
    if not found.rows and form == "markdown":
        click.echo(_nothing(simulated, other))
        return 0
    _put(written(found, form), output, len(found.rows))
    return 0


def _put(text: str, output: FilePath | None, rows: int) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{output} cannot be written: {error.strerror}. Choose another place with -o.") from error
    click.echo(f"{output}: {rows} row{'' if rows == 1 else 's'}")


def written(found: Ownership, form: str) -> str:
    """The table in that form."""
    match form:
        case "csv":
            return ownership.to_csv(found)
        case "json":
            return json.dumps(ownership.to_json(found)) + "\n"
        case "html":
            return ownership.to_html({f"By {found.by}": found}, "What it cost")
        case _:
            return ownership.to_markdown(found)


def _nothing(simulated: bool, other: int) -> str:
    if other == 0:
        return "Nothing was spent. Start a job: throughline run FILE --kind summary --simulate"
    which, flag = ("real", "without --simulated") if simulated else ("simulated", "with --simulated")
    return f"No {'simulated' if simulated else 'real'} job spent anything; {other} {which} did: ask {flag}."
