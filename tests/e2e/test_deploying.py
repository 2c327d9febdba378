"""Registering the flows: one command, no questions, the same result every time; schedules that fire."""

from typing import Any

import pytest

from tests.e2e.conftest import Deployed
from tests.e2e.stack import Stack, eventually
from tests.faults.support import book

pytestmark = pytest.mark.e2e

NAMES = {"calibrate", "collect", "document-job", "registered-job", "report", "sweep"}
MOVING = ("updated", "global_concurrency_limit", "work_queue_id", "status", "last_polled", "pull_steps")


def deployments(stack: Stack) -> dict[str, dict[str, Any]]:
    body = {"deployments": {"tags": {"all_": ["throughline"]}}}
    found = stack.server.http.post("/deployments/filter", json=body).raise_for_status().json()
    return {deployment["name"]: deployment for deployment in found}


def lasting(deployment: dict[str, Any]) -> dict[str, Any]:
    """What must be the same after registering again."""
    schedules = [(schedule["schedule"], schedule["active"], schedule["slug"]) for schedule in deployment["schedules"]]
    kept = {name: value for name, value in deployment.items() if name not in MOVING}
    return kept | {"schedules": schedules}


def test_registering_again_changes_nothing(deployed: Deployed):
    stack = deployed(THROUGHLINE_COLLECT_SCHEDULE="1m", THROUGHLINE_SWEEP_SCHEDULE="daily 02:00")
    first = deployments(stack)
    stack.throughline("deploy")
    second = deployments(stack)
    assert first.keys() == second.keys() == NAMES
    assert {name: lasting(one) for name, one in first.items()} == {name: lasting(one) for name, one in second.items()}


def test_what_is_registered_is_what_is_defined(deployed: Deployed):
    found = deployments(deployed(THROUGHLINE_COLLECT_SCHEDULE="1m", THROUGHLINE_SWEEP_SCHEDULE="daily 02:00"))
    assert found["collect"]["global_concurrency_limit"]["limit"] == 1
    assert found["collect"]["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert found["collect"]["schedules"][0]["schedule"]["interval"] == 60
    assert found["collect"]["work_queue_name"] == "rounds"
    assert found["document-job"]["work_queue_name"] == found["sweep"]["work_queue_name"] == "jobs"
    assert found["document-job"]["global_concurrency_limit"] is None
    assert found["sweep"]["schedules"][0]["schedule"]["rrule"].endswith("FREQ=DAILY;BYHOUR=2;BYMINUTE=0;BYSECOND=0")
    assert found["report"]["schedules"] == []
    assert all(len(deployment["description"]) > 100 for deployment in found.values())
    assert set(found["document-job"]["parameter_openapi_schema"]["required"]) == {"sources", "kind"}


def test_a_schedule_that_is_taken_away_is_gone(deployed: Deployed):
    stack = deployed(THROUGHLINE_COLLECT_SCHEDULE="1m")
    stack.settings["THROUGHLINE_COLLECT_SCHEDULE"] = "off"
    stack.throughline("deploy")
    assert deployments(stack)["collect"]["schedules"] == []


def test_a_queued_job_is_done_by_the_scheduled_runs_alone(deployed: Deployed):
    stack = deployed("--batch-seconds", "1", THROUGHLINE_COLLECT_SCHEDULE="20s", THROUGHLINE_SWEEP_SCHEDULE="20s")
    with stack.worker() as worker:
        stack.throughline("submit", book(stack.folder, 8), "--kind", "summary", "--path", "single_pass")
        eventually(lambda: stack.job()["status"] == "done", every_s=3)
        stack.settings |= {"THROUGHLINE_COLLECT_SCHEDULE": "off", "THROUGHLINE_SWEEP_SCHEDULE": "off"}
        stack.throughline("deploy")
        eventually(lambda: not worker.runs())  # a collect that is killed would hold its place for the next tests
    stack.paid_once()
    assert stack.billed("batch_item") == 1


def test_the_report_tells_what_the_week_cost(deployed: Deployed):
    stack = deployed("--batch-seconds", "0")
    with stack.worker():
        stack.throughline("run", book(stack.folder, 2), "--kind", "summary", "--path", "chunked")
        run = stack.run("report")
    body = {"artifacts": {"flow_run_id": {"any_": [run]}, "key": {"any_": ["report"]}}}
    (artifact,) = stack.server.http.post("/artifacts/filter", json=body).raise_for_status().json()
    assert "1 done" in artifact["data"]
    assert f"${float(stack.job()['cost_usd']):.4f}" in artifact["data"]


def test_in_a_pool_of_another_type_folder_and_command_are_those_of_its_image(deployed: Deployed):
    stack = deployed()
    pool = f"{stack.folder.name}-pods"
    stack.server.http.post("/work_pools/", json={"name": pool, "type": "kubernetes"}).raise_for_status()
    stack.settings["THROUGHLINE_WORK_POOL"] = pool
    stack.throughline("deploy")
    found = deployments(stack)
    assert found.keys() == NAMES
    assert {deployment["work_pool_name"] for deployment in found.values()} == {pool}
    assert {tuple(deployment["job_variables"]) for deployment in found.values()} == {("env",)}
    assert {deployment["path"] for deployment in found.values()} <= {None, ".", ""}
    assert found["document-job"]["entrypoint"] == "flows.document_job.document_job"
