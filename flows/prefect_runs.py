"""The flow runs of jobs on a Prefect server."""

import logging
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import FlowPauseTimeout, NotPausedError, ObjectNotFound, PrefectHTTPStatusError
from prefect.flow_runs import aresume_flow_run

from tasks.flow_runs import Standing

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
        """Wake the run; not to be suspended any more is no error."""
        try:
            await aresume_flow_run(UUID(flow_run_id))
        except (NotPausedError, FlowPauseTimeout, ObjectNotFound):
            return False
        except (httpx.HTTPError, PrefectHTTPStatusError) as error:
            logger.warning("flow run not resumed flow_run_id=%s reason=%s", flow_run_id, error)
            return False
        return True
