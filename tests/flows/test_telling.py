"""Events of a real Prefect server: what they say, and that each is told once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.events import EventPage
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter
from sqlalchemy import update

from flows.collect import collect
from flows.document_job import document_job
from storage import schema
from storage.engine import connect, transaction
from storage.tables import jobs
from tests.faults.support import book
from tests.flows.test_through_prefect import ended, run_of
from throughline.domain.job import Kind, PathChoice

pytestmark = [
    pytest.mark.usefixtures("prefect_server", "deployed", "sockets_collected"),
    # Prefect's clients leave their sockets to the garbage collector, which may come by during a test.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


async def events_about(subject: str) -> EventPage:
    """What the server has recorded about it; it writes events some seconds after it took them."""
    wanted = EventFilter(event=EventNameFilter(prefix=["throughline."]), resource=EventResourceFilter(id=[subject]))
    async with get_client() as client:
        found = await client.read_events(wanted, limit=50)
        for _ in range(300):
            if found.events:
                break
            await asyncio.sleep(0.2)
            found = await client.read_events(wanted, limit=50)
        return found


async def test_an_end_is_told_once_however_often_it_is_looked_for(tmp_path: Path):
    told = await document_job([book(tmp_path, 2)], Kind.SUMMARY, PathChoice.CHUNKED)
    assert (await collect())["told"] == 1
    (event,) = (await events_about(f"throughline.job.{told['job_id']}")).events
    assert event.event == "throughline.job.published"
    assert event.payload["cost_usd"] == told["cost_usd"]
    assert (await collect())["told"] == 0
    assert len((await events_about(f"throughline.job.{told['job_id']}")).events) == 1


async def test_what_one_ledger_tells_does_not_hide_what_happened_before_in_another(
    tmp_path: Path, deployed: str, monkeypatch: pytest.MonkeyPatch
):
    first = await document_job([book(tmp_path, 2)], Kind.SUMMARY, PathChoice.CHUNKED)
    ended_early(deployed, datetime.now(UTC) - timedelta(hours=2))
    other = f"sqlite:///{tmp_path}/other.db"
    engine = connect(other)
    schema.upgrade(engine)
    engine.dispose()
    monkeypatch.setenv("THROUGHLINE_DATABASE_URL", other)
    second = await document_job([book(tmp_path, 2)], Kind.SUMMARY, PathChoice.CHUNKED)
    assert (await collect())["told"] == 1
    assert (await events_about(f"throughline.job.{second['job_id']}")).events
    monkeypatch.setenv("THROUGHLINE_DATABASE_URL", deployed)
    assert (await collect())["told"] == 1
    assert (await events_about(f"throughline.job.{first['job_id']}")).events
    assert (await collect())["told"] == 0


def ended_early(ledger: str, moment: datetime) -> None:
    """As if the jobs of that ledger had ended then, and nobody had looked since."""
    engine = connect(ledger)
    with transaction(engine) as tx:
        tx.execute(update(jobs).values(finished_at=moment))
    engine.dispose()


async def test_an_event_holds_no_text_of_the_document_and_no_instructions(tmp_path: Path):
    source = tmp_path / "ferries.md"
    source.write_text("# Ferries\n\nThe marked ferry leaves at seven.\n")
    told = await document_job([str(source)], Kind.SUMMARY, PathChoice.CHUNKED, instructions="a marked wish")
    await collect()
    (event,) = (await events_about(f"throughline.job.{told['job_id']}")).events
    assert "marked" not in json.dumps(event.model_dump(mode="json"))


async def test_a_run_that_never_became_a_job_is_told_as_refused(tmp_path: Path):
    state = await ended(document_job, sources=[str(tmp_path / "gone.md")], kind=Kind.SUMMARY)
    (event,) = (await events_about(f"throughline.run.{run_of(state)}")).events
    assert event.event == "throughline.run.refused"
    assert event.payload["text"].startswith("summary auto: gone.md failed before it became a job")
