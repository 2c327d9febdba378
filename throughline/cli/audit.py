"""`throughline audit CALLS.csv`: where a pipeline's chunking costs most, and what single passes would have cost."""

import json
from dataclasses import asdict
from pathlib import Path as FilePath

import click

from tasks import runtime
from throughline import settings
from throughline.cli import display
from throughline.cli.commands import cli
from throughline.domain.pipeline import LoggedCall, Pain, pains, read_calls
from throughline.domain.report import dollars
from throughline.errors import BadInput


@cli.command()
@click.argument("log", type=click.Path(path_type=FilePath))
@click.option("--model", help="Whose prices and limits count; THROUGHLINE_MODEL by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def audit(log: FilePath, model: str | None, as_json: bool) -> int:
    """Rank where chunking hurts in LOG.csv, a line a call of your pipeline; spends nothing.

    Columns: document, input_tokens, output_tokens, and if you have them kind, purpose (part, glue, repair),
    source_tokens and cost_usd.
    """
    chosen = settings.load()
    known = chosen.find_model(model or chosen.model)
    calls = _calls(log)
    found = pains(calls, known, runtime.now())
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
    shown = [f"-${-usd:,.4f}" if usd < 0 else f"${usd:,.4f}" for usd in money]
    return [pain.kind, pain.size, *(f"{count:,}" for count in counts), *shown]
