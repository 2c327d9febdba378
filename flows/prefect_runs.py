"""The flow runs of jobs on a Prefect server."""

import logging
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import FlowPauseTimeout, NotPausedError, ObjectNotFound, PrefectHTTPStatusError
from prefect.flow_runs import aresume_flow_run

from flows.asking import look_again
from storage import jobs
from tasks.flow_runs import Standing
from tasks.saving import read
from throughline.domain.job import JobId

logger = logging.getLogger(__name__)


class PrefectRuns:
    """Looks at, and wakes, flow runs through one client."""

    def __init__(self, client: PrefectClient) -> None:
        self._client = client

    async def standing(self, flow_run_id: str) -> Standing:
        """Where that flow run stands."""
        try:
            run = await self._client.read_flow_run(UUID(flow_run_id))
        except ObjectNotFound:
            return Standing.GONE
        except (httpx.HTTPError, PrefectHTTPStatusError) as error:
            logger.warning("Prefect does not answer flow_run_id=%s reason=%s", flow_run_id, error)
            return Standing.UNKNOWN
        state = run.state
        if state is None:
            return Standing.UNDER_WAY
        if state.is_paused():
            return Standing.SUSPENDED
        if state.is_cancelled() or state.is_cancelling():
            return Standing.CANCELLED
        return Standing.ENDED if state.is_final() else Standing.UNDER_WAY

    async def resume(self, flow_run_id: str) -> bool:
        """Wake the run; not to be suspended any more is no error.

        One that shows a form is woken with the answer that decides nothing: the ledger says what was decided.
        """
        try:
            state = (await self._client.read_flow_run(UUID(flow_run_id))).state
            asks = state is not None and state.state_details.run_input_keyset
            await aresume_flow_run(UUID(flow_run_id), run_input=look_again() if asks else None)
        except (NotPausedError, FlowPauseTimeout, ObjectNotFound):
            return False
        except (
            httpx.HTTPError,
            PrefectHTTPStatusError,
            RuntimeError,
        ) as error:  # RuntimeError: its form is not there yet
            logger.warning("flow run not resumed flow_run_id=%s reason=%s", flow_run_id, error)
            return False
        return True


async def wake_decided(job_id: JobId) -> bool:
    """Wake the flow run that waited for this job's decision, at once. Where this fails, the next `collect` does it."""
    flow_run_id = await read(lambda tx: jobs.flow_run_of(tx, job_id))
    if flow_run_id is None:
        return False
    async with get_client() as client:
        return await PrefectRuns(client).resume(flow_run_id)
