"""Events of a real Prefect server: what they say, and that each is told once."""

import asyncio
import json
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.events import EventPage
from prefect.events.filters import EventFilter, EventNameFilter, EventResourceFilter

from flows.collect import collect
from flows.document_job import document_job
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
        for _ in range(100):
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
