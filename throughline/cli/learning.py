"""What is learned, for people: how good the forecasts and choices were, and the same over a log of one's own."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any

import click

from tasks import learning, runtime
from throughline import settings
from throughline.cli.commands import cli
from throughline.cli.request import opened
from throughline.domain.learning.calibration import Calibration, as_json, to_json
from throughline.domain.learning.charts import coverage_chart, regret_chart
from throughline.domain.learning.costs import Knobs
from throughline.domain.learning.logs import Row, read_rows
from throughline.domain.learning.replay import Replay
from throughline.domain.learning.replay import replay as replayed
from throughline.domain.learning.terms import Terms
from throughline.domain.models import Model
from throughline.domain.pricing import Usage, price
from throughline.errors import BadInput
from throughline.settings import Settings

_PRICED_TOKENS = 10_000  # one request of that size gives the rate: below every price band


@cli.command()
@click.option("--limit", default=1_000, show_default=True, type=click.IntRange(1, 100_000), help="The newest so many.")
@click.option("--plots", type=click.Path(path_type=FilePath), help="Write the drawings (SVG) into this folder.")
@click.option("--simulated", is_flag=True, help="Simulated jobs alone; else real ones and simulated ones, apart.")
@click.option("--json", "as_json_", is_flag=True, help="One JSON object on stdout.")
def calibrate(limit: int, plots: FilePath | None, simulated: bool, as_json_: bool) -> int:
    """Say how often the 90 % bound held, how plans compare with what came of them, and what wrong choices cost."""
    return asyncio.run(_calibrate(limit, plots, simulated=simulated, as_json_=as_json_))


async def _calibrate(limit: int, plots: FilePath | None, *, simulated: bool, as_json_: bool) -> int:
    asked = {"simulated": True} if simulated else {"real": False, "simulated": True}
    async with opened(existing=True):
        worlds = {name: await learning.calibrated(simulated=world, limit=limit) for name, world in asked.items()}
    if plots is not None:
        _draw({name: world for name, world in worlds.items() if world is not None}, plots)
    if as_json_:
        told = {name: None if found is None else to_json(found) for name, found in worlds.items()}
        click.echo(json.dumps(told))
        return 0
    found = [world for world in worlds.values() if world is not None]
    click.echo(
        _told(found)
        if found
        else "No attempt has finished yet. Start one: throughline run FILE --kind summary --simulate"
    )
    return 0


def _draw(reports: Mapping[str, Calibration | Replay], folder: FilePath) -> None:
    """Write what can be drawn of each named report, and say where on stderr."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, found in reports.items():
            if found.sizes.overall.known:
                _write(folder / f"{name}-coverage.svg", coverage_chart(found.sizes))
            if found.routing.jobs:
                _write(folder / f"{name}-regret.svg", regret_chart(found.routing))
    except OSError as error:
        raise BadInput(f"The drawings cannot be written to {folder}: {error.strerror}.") from error


def _write(file: FilePath, drawing: str) -> None:
    file.write_text(drawing, encoding="utf-8")
    click.echo(f"drawn: {file}", err=True)


def _told(found: list[Calibration]) -> str:
    return "\n\n".join("\n".join(world.lines) for world in found)


@cli.command()
@click.argument("log", type=click.Path(path_type=FilePath))
@click.option("--model", help="Whose prices and limits count; THROUGHLINE_MODEL by default.")
@click.option("--plots", type=click.Path(path_type=FilePath), help="Write the drawings (SVG) into this folder.")
@click.option("--json", "as_json_", is_flag=True, help="One JSON object on stdout.")
def replay(log: FilePath, model: str | None, plots: FilePath | None, as_json_: bool) -> int:
    """Run the estimator and the router over LOG.csv in time order, never looking ahead; spends nothing.

    LOG.csv names its columns in the first line: time (ISO 8601), input_tokens, output_tokens, and if you have them
    kind and truncated (1 or 0). Each row stands for a request of yours.
    """
    chosen = settings.load()
    known = chosen.find_model(model or chosen.model)
    rows = _rows(log)
    found = replayed(rows, _terms(known, chosen), _knobs(chosen))
    if plots is not None:
        _draw({"replay": found}, plots)
    if as_json_:
        click.echo(json.dumps(_replay_json(found, known)))
        return 0
    click.echo(f"{len(rows)} requests of {log}, at today's prices of {known.id}")
    click.echo("\n".join(found.lines))
    click.echo("Both paths are taken to write what the log has. What it cannot show: quality, repairs, review.")
    return 0


def _rows(log: FilePath) -> list[Row]:
    try:
        with log.open(encoding="utf-8-sig", newline="") as lines:
            return read_rows(lines)
    except OSError as error:
        raise BadInput(f"{log} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{log} is not UTF-8 text. Save it as UTF-8 CSV.") from error


def _terms(model: Model, chosen: Settings) -> Terms:
    """Today's prices of that model, outside a batch."""
    return Terms(
        input_usd_per_mtok=_usd_per_mtok(Usage(input_tokens=_PRICED_TOKENS), model, chosen),
        output_usd_per_mtok=_usd_per_mtok(Usage(output_tokens=_PRICED_TOKENS), model, chosen),
        single_cap_tokens=model.batch_output_tokens,
    )


def _usd_per_mtok(usage: Usage, model: Model, chosen: Settings) -> Decimal:
    found = price(usage, model.id, batch=False, at=runtime.now(), unlisted=chosen.unlisted_price())
    return found.usd * 1_000_000 / _PRICED_TOKENS


def _knobs(chosen: Settings) -> Knobs:
    return Knobs(
        review_usd_per_hour=chosen.review_usd_per_hour,
        waiting_usd_per_hour=chosen.waiting_usd_per_hour,
        risk_of_cut=chosen.risk_of_cut,
    )


def _replay_json(found: Replay, model: Model) -> dict[str, Any]:
    return {
        "model": model.id,
        "requests": len(found.decisions),
        "cut_in_log": found.cut_in_log,
        "single_passes": len(found.single_passes),
        "single_passes_cut": sum(decision.cut for decision in found.single_passes),
        "sizes": as_json(asdict(found.sizes)),
        "against_plan": as_json([asdict(row) for row in found.against_plan]),
        "routing": as_json(asdict(found.routing)),
    }
