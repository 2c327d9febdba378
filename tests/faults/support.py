"""Whole jobs against the simulator, documents that make as many units as wanted, and what the simulator received."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage import jobs
from storage.engine import reading
from tasks import runtime
from tasks.conclusion import read_report
from tasks.job_life import finished
from tasks.registration import Request, register
from tests.servers import SIMULATED_KEY, Simulator, simulated_settings
from throughline.domain.job import Depth, JobId, JobSpec, Kind, PathChoice, Role
from throughline.domain.models import DEFAULT_MODEL
from throughline.domain.report import AttemptReport, JobReport

BATCHES = "/v1/messages/batches"
MESSAGES = "/v1/messages"
BATCH_ITEM = '"custom_id"'  # what a batch item's text has and a call's lacks
CALL = '"stream"'  # and the other way round
FOREIGN = "foreign-"  # custom ids of batches that somebody else submitted with the same key


LONG_ON_EACH = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.chaos)], indirect=True
)
"""For what takes seconds, being frozen, killed or slow: on SQLite always, on PostgreSQL in `make chaos`."""


@dataclass(slots=True, kw_only=True)
class Service:
    """Throughline with a ledger of its own. Every call opens it anew, as a new process would."""

    simulator: Simulator
    database_url: str
    losable_answers: int = 0  # how many answers the test breaks off after they were billed

    async def register(self, request: Request, **settings: Any) -> JobId:
        async with self.opened(**settings):
            return (await register(request)).id

    async def carry_out(self, job_id: JobId, **settings: Any) -> JobReport:
        async with self.opened(**settings):
            return await finished(job_id)

    async def run(self, request: Request, **settings: Any) -> JobReport:
        """What `throughline run` does, in this process."""
        async with self.opened(**settings):
            return await finished((await register(request)).id)

    async def jobs(self) -> list[JobReport]:
        """Every job of the ledger, newest first."""
        async with self.opened(api_key=None) as rt:  # reading needs no connection to Claude
            with reading(rt.engine) as tx:
                ids = jobs.recent(tx, 1000)
            return [read_report(job_id) for job_id in ids]

    async def job(self) -> JobReport:
        """The only job of the ledger."""
        (only,) = await self.jobs()
        return only

    def opened(self, **settings: Any) -> AbstractAsyncContextManager[runtime.Runtime]:
        """A runtime of its own, with these settings changed."""
        return runtime.opened(simulated_settings(self.simulator, self.database_url).model_copy(update=settings))

    async def balance(self) -> None:
        """The rule of every test here: the ledger holds exactly what the simulator billed.

        Where an answer broke off, its cost was never told; then the bill lies between what the ledger
        knows and the most that it says the lost answers may have cost.
        """
        attempts = [attempt for job in await self.jobs() for attempt in job.attempts]
        spent = sum((attempt.cost_usd for attempt in attempts), Decimal(0))
        at_most = spent + sum((attempt.lost_at_most_usd for attempt in attempts), Decimal(0))
        billed = self.billed()
        assert sum(attempt.lost_calls for attempt in attempts) == self.losable_answers
        if self.losable_answers:
            assert spent <= billed <= at_most
        else:
            assert spent == billed

    def billed(self, kind: str | None = None) -> Decimal:
        """What the simulator billed us: all, or only for a `message` or a `batch_item`."""
        rows = self.simulator.bill()["rows"]
        ours = [row for row in rows if not (row["custom_id"] or "").startswith(FOREIGN)]
        return sum((Decimal(row["cost_usd"]) for row in ours if kind in (None, row["kind"])), Decimal(0))

    def billed_rows(self, kind: str) -> int:
        return sum(row["kind"] == kind for row in self.simulator.bill()["rows"])

    def heal(self) -> None:
        """No fault strikes from here on; batches, bill and requests stay."""
        self.simulator.heal()

    def listed(self) -> list[dict[str, Any]]:
        """The batches that the API has, newest first."""
        headers = {"x-api-key": SIMULATED_KEY}
        answer = httpx.get(self.simulator.url + BATCHES, headers=headers, verify=False, trust_env=False)
        return answer.raise_for_status().json()["data"]

    def submissions(self) -> list[dict[str, Any]]:
        """The bodies of the batches that were posted, accepted or not."""
        return [received["body"] for received in self.simulator.requests("POST", BATCHES)]

    def calls(self) -> list["Sent"]:
        """The Messages calls that were received, in their order."""
        return [Sent(received["body"]) for received in self.simulator.requests("POST", MESSAGES)]


@dataclass(frozen=True, slots=True)
class Sent:
    """One call as the simulator received it."""

    body: dict[str, Any]

    @property
    def instruction(self) -> str:
        return self.body["messages"][0]["content"][-1]["text"]

    @property
    def units(self) -> tuple[str, ...]:
        """The units that this call asks for."""
        return tuple(re.findall(r'<unit id="(\w+)"', self.instruction))

    @property
    def asks_for_closing(self) -> bool:
        return "<write_closing" in self.instruction

    @property
    def errors_shown(self) -> str:
        """The errors of an earlier answer that this call shows to the model."""
        shown = re.search(r"<errors>(.*?)</errors>", self.instruction, re.DOTALL)
        return shown.group(1).strip() if shown else ""

    @property
    def documents(self) -> str:
        """The text of all documents of this call."""
        blocks = self.body["messages"][0]["content"]
        return "\n".join(block["source"]["data"] for block in blocks if block["type"] == "document")


def asked(calls: Iterable[Sent]) -> Counter[str]:
    """How often each unit was asked for."""
    return Counter(unit_id for call in calls for unit_id in call.units)


def ids(first: int, last: int) -> list[str]:
    """The ids of the units from `first` to `last`."""
    return [f"u{number:03d}" for number in range(first, last + 1)]


def attempt(report: JobReport, role: Role) -> AttemptReport:
    (found,) = [attempt for attempt in report.attempts if attempt.role is role]
    return found


def book(folder: Path, chapters: int, name: str = "book.md", *, sea: str = "northern") -> str:
    """A document of so many chapters, each of which makes one unit of an exhaustive summary."""
    file = folder / name
    file.write_text("\n".join(_chapter(number, sea) for number in range(1, chapters + 1)))
    return str(file)


def _chapter(number: int, sea: str) -> str:
    lines = [
        f"Keeper {number}-{line} of the {sea} light counted {number * 100 + line} ships in the year {1800 + line} "
        f"and trimmed the lamp {line + 2} times."
        for line in range(44)
    ]
    return "\n".join([f"## Chapter {number:02d}", "", *lines, ""])


def modules(folder: Path, count: int) -> list[str]:
    """Python files, each of which makes one unit of an exhaustive code review."""
    files = [folder / f"module_{number}.py" for number in range(1, count + 1)]
    for number, file in enumerate(files, start=1):
        file.write_text("\n\n".join(_function(number, position) for position in range(10)))
    return [str(file) for file in files]


def _function(module: int, position: int) -> str:
    return (
        f"def step_{module}_{position}(value: int) -> int:\n"
        f'    """Take the value {position} steps further in module {module}."""\n'
        f"    limit = {module * 1000 + position}\n"
        f"    return min(limit, value + {position})\n"
    )


def request(
    kind: Kind, path: PathChoice, sources: Sequence[str], *, depth: Depth | None = None, **spec: Any
) -> Request:
    """A request of that kind; exhaustive where the sources' structure makes the units, else brief."""
    if depth is None:
        depth = Depth.EXHAUSTIVE if kind in (Kind.SUMMARY, Kind.CODE_REVIEW) else Depth.BRIEF
    spec = {"model": DEFAULT_MODEL, **spec}
    return Request(spec=JobSpec(kind=kind, path=path, depth=depth, **spec), references=tuple(sources))


def summary(path: PathChoice, *sources: str, **spec: Any) -> Request:
    """An exhaustive summary: a unit a chapter, eight units a link."""
    return request(Kind.SUMMARY, path, sources, **spec)
