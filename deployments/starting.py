"""Start an ad-hoc run of a deployment that takes what `document-job` takes, and follow it to its end."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from throughline.domain.job import JobId
from throughline.errors import BadInput

_LOOK_S = 1.0
_OF_JOB = re.compile("(?:plan|result)-(.+)")


async def start(deployment: str, parameters: dict[str, Any]) -> UUID:
    """A new run of that deployment; its id."""
    name = deployment if "/" in deployment else f"{deployment}/{deployment}"
    async with get_client() as client:
        try:
            found = await client.read_deployment_by_name(name)
            run = await client.create_flow_run_from_deployment(found.id, parameters=parameters)
        except ObjectNotFound:
            raise BadInput(f"There is no deployment {name}. Register them with: throughline deploy") from None
        except PrefectHTTPStatusError as error:
            raise BadInput(f"The Prefect server refused the parameters: {error.response.text}") from error
    return run.id


async def followed(flow_run_id: str, tell: Callable[[str], None]) -> JobId:
    """Wait until the run ends or asks a person, telling each new state; its job, or `BadInput` with the reason."""
    said = ""
    async with get_client() as client:
        while True:
            run = await client.read_flow_run(UUID(flow_run_id))
            state = run.state
            if state is not None and state.name != said:
                said = str(state.name)
                tell(f"{run.name}: {said}")
            if state is not None and (state.is_final() or (state.is_paused() and state.state_details.run_input_keyset)):
                return await _job(client, run)
            await asyncio.sleep(_LOOK_S)


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
