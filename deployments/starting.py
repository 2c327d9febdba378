"""Start an ad-hoc run of a deployment that takes what `document-job` takes, and follow it to its end."""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from deployments.reaching import reached
from throughline.domain.job import JobId
from throughline.errors import BadInput

_LOOK_S = 1.0
_PATIENCE_S = 900.0
_AWAY = "Prefect's server does not answer. The run goes on, and is looked for again."
_REFUSED = (409, 422)  # by the form's schema, or by its limits
_OF_JOB = re.compile("(?:plan|result)-(.+)")


async def start(deployment: str, parameters: dict[str, Any]) -> UUID:
    """A new run of that deployment; its id."""
    name = deployment if "/" in deployment else f"{deployment}/{deployment}"
    with reached():
        async with get_client() as client:
            try:
                found = await client.read_deployment_by_name(name)
                run = await client.create_flow_run_from_deployment(found.id, parameters=parameters)
            except ObjectNotFound:
                raise BadInput(f"There is no deployment {name}. Register them with: throughline deploy") from None
            except PrefectHTTPStatusError as error:
                if error.response.status_code not in _REFUSED:
                    raise
                raise BadInput(f"The Prefect server refused the parameters: {error.response.text}") from error
    return run.id


async def followed(flow_run_id: str, tell: Callable[[str], None]) -> JobId:
    """Wait until the run ends or asks a person, telling each new state; its job, or `BadInput` with the reason.

    A server that is away meanwhile is waited for: the run goes on without it.
    """
    said, answered_at = "", time.monotonic()
    async with get_client() as client:
        while True:
            run = await _look(client, flow_run_id)
            name = _AWAY if run is None or run.state is None else f"{run.name}: {run.state.name}"
            if name != said:
                said = name
                tell(name)
            if run is not None:
                answered_at = time.monotonic()
                if run.state is not None and (run.state.is_final() or _asks_a_person(run.state)):
                    return await _job(client, run)
            elif time.monotonic() - answered_at > _PATIENCE_S:
                raise BadInput(
                    f"Prefect's server has not answered for {_PATIENCE_S:.0f} s. The run {flow_run_id} may have gone "
                    "on all the same; throughline list shows its job."
                )
            await asyncio.sleep(_LOOK_S)


async def _look(client: PrefectClient, flow_run_id: str) -> FlowRun | None:
    """The run as it is now; None while the server is away."""
    try:
        return await client.read_flow_run(UUID(flow_run_id))
    except httpx.TransportError:
        return None
    except PrefectHTTPStatusError as error:
        if error.response.status_code < 500:
            raise
        return None


def _asks_a_person(state: State[Any]) -> bool:
    return state.is_paused() and bool(state.state_details.run_input_keyset)


async def _job(client: PrefectClient, run: FlowRun) -> JobId:
    """The job of a run: its artifacts are named after it, the plan's where it worked, the result's where it ended."""
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
    keys = [artifact.key or "" for artifact in await client.read_artifacts(artifact_filter=wanted)]
    found = [named[1] for key in keys if (named := _OF_JOB.fullmatch(key)) is not None]
    if not found:
        message = run.state.message if run.state else None
        raise BadInput(f"The run {run.name} ended without a job: {message or 'see its log in the Prefect UI'}")
    return JobId(found[0])


def elsewhere(source: str) -> str:
    """A source as a worker in another folder finds it."""
    return str(Path(source).resolve()) if Path(source).exists() else source
