"""The pages over a ledger with real jobs, asked over HTTP."""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import httpx

from review.access import Access
from review.app import create_app
from review.web import Wake
from storage import attempts, reviews
from storage.engine import reading, transaction
from storage.reviews import Review
from tasks import runtime
from tasks.registration import Request
from tests.faults.support import Service, book, summary
from throughline.domain.job import JobId, PathChoice, ReviewMode
from throughline.domain.output import SummaryUnit
from throughline.domain.report import JobReport

TOKEN = "a-token-for-these-tests"
REVIEWER = "Ada"


@dataclass(slots=True, kw_only=True)
class Visitor:
    """A browser of one reviewer, without JavaScript."""

    http: httpx.AsyncClient
    access: Access

    async def log_in(self, name: str = REVIEWER, token: str = TOKEN) -> httpx.Response:
        return await self.http.post("/login", data={"token": token, "reviewer": name})

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def text(self, path: str) -> str:
        response = await self.http.get(path)
        assert response.status_code == 200, response.text
        return response.text

    async def proof(self) -> str:
        found = re.search(r'name="proof" value="(\w+)"', await self.text("/"))
        assert found is not None
        return found[1]

    async def decide(self, job_id: JobId, choice: str, **fields: str) -> httpx.Response:
        data = {"proof": await self.proof(), "choice": choice, **fields}
        return await self.http.post(f"/jobs/{job_id}/decide", data=data)

    async def prefer(self, job_id: JobId, side: str, **fields: str) -> httpx.Response:
        """Approve one side after a blind reading."""
        data = {"proof": await self.proof(), "blind": "1", "side": side, **fields}
        return await self.http.post(f"/jobs/{job_id}/decide", data=data)

    async def beat(self, job_id: JobId, seconds: list[int]) -> httpx.Response:
        data = {"proof": await self.proof(), "job": job_id, "seconds": ",".join(map(str, seconds))}
        return await self.http.post("/beats", data=data)


@asynccontextmanager
async def visiting(
    service: Service, *, logged_in: bool = True, wake: Wake | None = None, **settings: Any
) -> AsyncGenerator[Visitor]:
    """The pages over the service's ledger."""
    async with service.opened(**settings):
        access = Access(TOKEN)
        transport = httpx.ASGITransport(
            app=create_app(access, reviewer="owner", wake=wake), client=("127.0.0.1", 50_000)
        )
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420", timeout=60) as http:
            visitor = Visitor(http=http, access=access)
            if logged_in:
                assert (await visitor.log_in()).status_code == 303
            yield visitor


async def waiting_job(
    service: Service, folder: FilePath, path: PathChoice = PathChoice.CHUNKED, chapters: int = 4
) -> JobReport:
    """A job whose complete output waits for a person."""
    request = summary(path, book(folder, chapters))
    spec = request.spec.model_copy(update={"review": ReviewMode.ALWAYS})
    return await service.run(Request(spec=spec, references=request.references))


def review_of(job_id: JobId) -> Review:
    """The job's newest review; the ledger must be open."""
    with reading(runtime.current().engine) as tx:
        found = reviews.latest_of(tx, job_id)
    assert found is not None
    return found


def minutes_of(job_id: JobId) -> float:
    review = review_of(job_id)
    with reading(runtime.current().engine) as tx:
        return reviews.minutes_read(tx, review.id)


def write_unit(report: JobReport, unit_id: str, **changed: Any) -> None:
    """Put other words into one unit of the job's first attempt, as a model might have written them."""
    from storage.tables import units

    with transaction(runtime.current().engine) as tx:
        attempt = attempts.get(tx, report.attempts[0].id)
        unit = attempts.written_units(tx, attempt, report.spec.kind)[unit_id]
        content = SummaryUnit.model_validate(unit.model_dump() | changed).model_dump(mode="json")
        mine = (units.c.attempt_id == attempt.id) & (units.c.unit_id == unit_id)
        tx.execute(units.update().where(mine).values(content=content))
