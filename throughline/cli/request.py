"""What commands share: the options of a job, the ledger (and the stand-in) opened around a command, finding a job."""

import math
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path as FilePath
from typing import Any

import click

from storage import jobs
from storage.engine import parse_url, reading
from tasks import runtime
from tasks.registration import Request
from throughline import settings
from throughline.cli import stand_in
from throughline.cli.duration import seconds
from throughline.domain.guess import did_you_mean
from throughline.domain.job import Depth, JobId, JobSpec, Kind, PathChoice, ReviewMode
from throughline.errors import BadInput
from throughline.settings import Settings

_SIMULATED_WAIT_S = 0.25
_LARGEST_EXPONENT = 9  # of dollars as they are typed; a slip like 1e999 would fill pages with its digits
_ELSEWHERE = FilePath(".throughline/throughline.db")  # where the ledger would be if no server had it


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
    sensitive: bool
    review_usd_per_hour: str | None
    waiting_usd_per_hour: str | None
    risk_of_cut: float | None
    simulate: bool
    as_json: bool

    def request(self, chosen: Settings, *, again: bool = False) -> Request:
        """The validated request."""
        spec = JobSpec(
            kind=Kind(self.kind),
            model=chosen.model if self.model is None else self.model,
            path=PathChoice(self.path),
            depth=Depth(self.depth),
            instructions=self.instructions.encode("utf-8", "replace").decode(),
            effort=chosen.effort,
            budget_usd=budget(self.budget_usd),
            deadline_s=None if self.deadline is None else seconds(self.deadline),
            review=ReviewMode(self.review),
            sensitive=self.sensitive,
            review_usd_per_hour=_rate(self.review_usd_per_hour, "--review-usd-per-hour"),
            waiting_usd_per_hour=_rate(self.waiting_usd_per_hour, "--waiting-usd-per-hour"),
            risk_of_cut=self.risk_of_cut,
        )
        chosen.find_model(spec.model)
        return Request(spec=spec, references=self.sources, nonce=uuid.uuid4().hex if again else "")


class _Choice(click.Choice[str]):
    """A choice that asks for the nearest where the one typed is not there."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # Any: as Click has it
        return super().get_invalid_choice_message(value, ctx) + did_you_mean(str(value), self.choices)


class Finite(click.FloatRange):
    """A range without nan, which Click lets through: no comparison with it is ever true."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # Any: as typed
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def one_of(values: Iterable[StrEnum | str]) -> click.Choice[str]:
    return _Choice([str(value) for value in values])


def job_options(command: Callable[..., Any]) -> Callable[..., Any]:  # Any: click decorates any function
    options = [
        click.argument("sources", nargs=-1, required=True),
        click.option("--kind", type=one_of(Kind), required=True, help="What to write."),
        click.option("--path", type=one_of(PathChoice), default="auto", show_default=True),
        click.option("--depth", type=one_of(Depth), default="standard", show_default=True),
        click.option("--instructions", default="", help="Wishes in your own words; the question of a report."),
        click.option("--model", help="A Claude model id; THROUGHLINE_MODEL by default."),
        click.option("--budget-usd", metavar="USD", help="The most that this job may cost."),
        click.option("--deadline", metavar="TIME", help="When it must be done: 45m, 2h, 1d."),
        click.option("--review", type=one_of(ReviewMode), default="auto", show_default=True),
        click.option("--sensitive", is_flag=True, help="Never send it over a second path only to learn from it."),
        click.option("--review-usd-per-hour", metavar="USD", help="What an hour of reading costs; else the setting."),
        click.option("--waiting-usd-per-hour", metavar="USD", help="What an hour of waiting costs; else the setting."),
        click.option(
            "--risk-of-cut",
            type=Finite(0, 1, min_open=True, max_open=True),
            help="A single pass that is likelier cut than this is not sent; else the setting.",
        ),
        click.option("--simulate", is_flag=True, help="Use the local stand-in for the API; no key, no cost."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@asynccontextmanager
async def opened(*, simulate: bool = False, existing: bool = False) -> AsyncGenerator[runtime.Runtime]:
    """The ledger, and the stand-in where it is wanted, around a command; `existing`: a ledger that must be there."""
    chosen = settings.load()
    if existing:
        _require_ledger(chosen.database_url)
    if not simulate:
        async with runtime.opened(chosen) as rt:
            yield rt
        return
    # Beside the ledger, so that a job's simulated batches are found again where the job is.
    with stand_in.simulator(beside(chosen.database_url)) as url:
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


def _require_ledger(database_url: str) -> None:
    """Raise `BadInput` where connecting would make a new, empty file: a mistyped address is not an empty ledger."""
    url = parse_url(database_url)
    file = FilePath(url.database or "").expanduser()
    if url.get_backend_name() == "sqlite" and not str(file).startswith("file:") and not file.exists():
        raise BadInput(
            f"There is no ledger at {file}. `throughline run` or `throughline db upgrade` makes one; if yours is "
            "elsewhere, set THROUGHLINE_DATABASE_URL."
        )


def beside(database_url: str) -> FilePath:
    """The stand-in's file beside that ledger."""
    url = parse_url(database_url)
    ledger = FilePath(url.database or "").expanduser() if url.get_backend_name() == "sqlite" else _ELSEWHERE
    return ledger.with_name("simulator.db")


async def find(rt: runtime.Runtime, wanted: str) -> JobId:
    with reading(rt.engine) as tx:
        found = jobs.matching(tx, wanted)
    if not found:
        raise BadInput(f"There is no job {wanted!r}. See: throughline list")
    if len(found) > 1:
        raise BadInput(f"{wanted!r} fits more than one job. Give more of the id; see: throughline list")
    return found[0]


def budget(typed: str | None) -> Decimal | None:
    """Dollars as they are typed; None stays None."""
    usd = None if typed is None else _dollars(typed, "budget")
    if usd is not None and usd <= 0:
        raise BadInput(f"The budget must be more than 0 dollars, not {typed}.")
    return usd


def _rate(typed: str | None, option: str) -> Decimal | None:
    rate = None if typed is None else _dollars(typed, f"rate of {option}")
    if rate is not None and rate < 0:
        raise BadInput(f"The rate of {option} must be 0 dollars or more, not {typed}.")
    return rate


def _dollars(typed: str, what: str) -> Decimal:
    try:
        amount = Decimal(typed.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or (amount and abs(amount.adjusted()) > _LARGEST_EXPONENT):
        raise BadInput(f"The {what} {typed!r} is not an amount. Write dollars, like 2.50.")
    return amount
