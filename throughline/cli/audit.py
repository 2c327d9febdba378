"""`throughline audit`: where chunking costs most, in this ledger or in the log of another pipeline."""

import asyncio
import json
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path as FilePath

import click

from tasks import runtime
from tasks.overhead import Burdens, burdened
from throughline import settings
from throughline.cli import display
from throughline.cli.commands import cli
from throughline.cli.request import one_of, opened
from throughline.cli.since import since
from throughline.domain import overhead
from throughline.domain.job import Kind
from throughline.domain.models import Model
from throughline.domain.overhead import LEAST_JOBS, Burden
from throughline.domain.pipeline import LoggedCall, Pain, pains, read_calls
from throughline.domain.report import dollars
from throughline.errors import BadInput
from throughline.sources.names import printable


@cli.command()
@click.argument("log", required=False, type=click.Path(path_type=FilePath))
@click.option("--model", help="Of a LOG: whose prices and limits count; THROUGHLINE_MODEL by default.")
@click.option("--kind", type=one_of(Kind), help="Of the ledger: jobs of that kind.")
@click.option("--since", "since_", metavar="TIME", help="Of the ledger: chains begun since a date, or 7d, 12h.")
@click.option("--simulated", is_flag=True, help="Of the ledger: simulated jobs, which never stand beside real ones.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def audit(
    log: FilePath | None, model: str | None, kind: str | None, since_: str | None, simulated: bool, as_json: bool
) -> int:
    """Rank where chunking hurts: in this ledger's own jobs, or in LOG.csv, a line a call of your pipeline. Spends
    nothing.

    Columns of LOG.csv: document, input_tokens, output_tokens, and if you have them kind, purpose (part, glue, repair),
    source_tokens and cost_usd.
    """
    filters = kind is not None or since_ is not None or simulated
    if log is not None:
        if filters:
            raise BadInput("--kind, --since and --simulated choose jobs of the ledger; leave them out for a LOG.csv.")
        return _log(log, model, as_json=as_json)
    if model is not None:
        raise BadInput(
            "--model prices a LOG.csv; the jobs of the ledger have what was paid. Leave it out, or name LOG.csv."
        )
    return asyncio.run(_ledger(None if kind is None else Kind(kind), since_, simulated=simulated, as_json=as_json))


async def _ledger(kind: Kind | None, since_: str | None, *, simulated: bool, as_json: bool) -> int:
    start = since(since_, runtime.now())
    async with opened(existing=True):
        found = await burdened(simulated=simulated, since=start, kind=kind)
    if as_json:
        told = {"simulated": simulated, "least_jobs": LEAST_JOBS, "usd_per_hour": dollars(found.usd_per_hour)}
        click.echo(json.dumps({**told, "ranked": overhead.to_json(found.rows)}))
    elif found.rows:
        _show_ledger(found)
    else:
        world, flag = ("simulated", "without") if simulated else ("real", "with")
        display.say(
            f"No {world} job ran a chain to its end. Ask {flag} --simulated, or name a LOG.csv of your pipeline."
        )
    return 0


def _show_ledger(found: Burdens) -> None:
    columns = ["size", "jobs", "read again", "glue", "again", "said twice", "people", "in all", "a job", "says"]
    display.grid("kind", columns, [_burden(burden) for burden in found.rows], right=9)
    for note in overhead.notes(found.usd_per_hour, found.rows):
        display.say(note)
    if found.simulated:
        display.say("Simulated: no real model wrote this and nothing was paid.")


def _burden(burden: Burden) -> list[str]:
    of = burden.overhead
    return [
        burden.kind,
        burden.size,
        f"{burden.jobs:,}",
        f"{of.repeated_tokens:,} t {_usd(of.repeated_usd)}",
        f"{of.glue_calls:,} c {_usd(of.glue_usd)}",
        f"{of.again_calls:,} c {_usd(of.again_usd)}",
        f"{of.duplicated_tokens:,} t {_usd(of.duplicated_usd)}",
        f"{of.minutes:,.1f} min {_usd(of.human_usd)}",
        _usd(of.total_usd),
        _usd(burden.usd_a_job),
        burden.says,
    ]


def _usd(amount: Decimal) -> str:
    return f"-${-amount:,.4f}" if amount < 0 else f"${amount:,.4f}"


def _log(log: FilePath, model: str | None, *, as_json: bool) -> int:
    chosen = settings.load()
    known = _model(chosen, model or chosen.model)
    calls = _calls(log)
    found = pains(calls, known, runtime.now(), chosen.unlisted_price())
    if as_json:
        rows = [{**asdict(p), "paid_usd": dollars(p.paid_usd), "single_usd": dollars(p.single_usd)} for p in found]
        click.echo(json.dumps({"model": known.id, "calls": len(calls), "ranked": rows}))
        return 0
    columns = ["size", "documents", "calls", "repeated in", "glue", "repairs", "paid", "single pass", "less"]
    display.grid("kind", columns, [_line(pain) for pain in found], right=9)
    display.say(f"Single pass: one batch request a document at today's prices of {known.id}, the source read once and")
    display.say(
        "the same output written once, but for what repairs wrote again. Without source_tokens all that was read"
    )
    display.say("counts as read once; without cost_usd a call counts at the list price of the same model.")
    if too_long := sum(pain.too_long for pain in found):
        display.say(f"{too_long} documents are too long for one request and stay as they are.")
    display.say("What a log cannot show: quality, and the minutes of people.")
    return 0


def _model(chosen: settings.Settings, model_id: str) -> Model:
    try:
        return chosen.find_model(model_id)
    except BadInput as error:
        raise BadInput(
            f"{error} --model is the one that a single pass would run on; what the calls of another cost goes into the "
            "column cost_usd."
        ) from error


def _calls(log: FilePath) -> list[LoggedCall]:
    try:
        with log.open(encoding="utf-8-sig", newline="") as lines:
            return read_calls(lines)
    except OSError as error:
        raise BadInput(f"{log} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{log} is not UTF-8 text. Save it as UTF-8 CSV.") from error


def _line(pain: Pain) -> list[str]:
    counts = (pain.documents, pain.calls, pain.repeated_tokens, pain.glue_calls, pain.repairs)
    money = (pain.paid_usd, pain.single_usd, pain.saved_usd)
    return [printable(pain.kind), pain.size, *(f"{count:,}" for count in counts), *map(_usd, money)]
