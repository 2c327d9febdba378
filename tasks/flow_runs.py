"""Where the flow runs that wait for a batch stand, as far as Prefect's server can tell."""

from enum import StrEnum
from typing import Protocol


class Standing(StrEnum):
    """What a flow run does, as far as this matters to its job."""

    SUSPENDED = "suspended"
    UNDER_WAY = "under way"
    CANCELLED = "cancelled"
    ENDED = "ended"
    GONE = "gone"
    UNKNOWN = "unknown"


class FlowRuns(Protocol):
    """The flow runs of jobs."""

    async def standing(self, flow_run_id: str) -> Standing:
        """Where that flow run stands; `UNKNOWN` while the server cannot be reached."""
        ...

    async def resume(self, flow_run_id: str) -> bool:
        """Whether the suspended run was woken. False when somebody else was quicker, or no server answers."""
        ...


class WhileItAnswers:
    """Those flow runs until their server once does not answer: each further question would wait for a minute, too."""

    def __init__(self, flow_runs: FlowRuns) -> None:
        self._flow_runs = flow_runs
        self._away = False

    async def standing(self, flow_run_id: str) -> Standing:
        """Where that flow run stands; `UNKNOWN` from the first time on that the server cannot be reached."""
        if self._away:
            return Standing.UNKNOWN
        found = await self._flow_runs.standing(flow_run_id)
        self._away = found is Standing.UNKNOWN
        return found

    async def resume(self, flow_run_id: str) -> bool:
        """Whether the suspended run was woken."""
        return not self._away and await self._flow_runs.resume(flow_run_id)


class NoFlowRuns:
    """Without a Prefect server: whoever waits there is left alone until one is reached."""

    async def standing(self, flow_run_id: str) -> Standing:
        """Nothing is known."""
        del flow_run_id
        return Standing.UNKNOWN

    async def resume(self, flow_run_id: str) -> bool:
        """Nothing can be woken."""
        del flow_run_id
        return False
