"""Who takes part, in which environment, and what each has for going on after a death."""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".throughline" / "peers"
REQUIREMENTS = Path(__file__).parent / "requirements"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One row of the tables. `environment` is None for what the project's own environment runs."""

    name: str
    module: str
    modes: tuple[str, ...]
    resumes: str
    environment: str | None = None
    tokens_per_second: int = 400  # of the simulator in a chain's faults, so that everyone's call takes about a second

    @property
    def python(self) -> Path:
        """The interpreter that runs it."""
        if self.environment is None:
            return Path(sys.executable)
        return ENVIRONMENTS / self.environment / "bin" / "python"

    @property
    def installed(self) -> bool:
        """Whether it can be measured on this machine."""
        return self.python.exists()


_OWN, _FOREIGN = "benchmarks.peers", "benchmarks.peers.foreign"
RAW = Contender(
    name="raw SDK", module=f"{_OWN}.raw_sdk", modes=("chain", "batch"), resumes="nothing: the script begins again"
)
OURS = Contender(
    name="Throughline",
    module=f"{_OWN}.throughline_itself",
    modes=("chain", "batch"),
    resumes="its ledger",
    tokens_per_second=8_800,
)
ALL = (
    RAW,
    OURS,
    Contender(
        name="LangGraph",
        module=f"{_FOREIGN}.langgraph_map_reduce",
        modes=("chain",),
        resumes="AsyncSqliteSaver, durability='sync'",
        environment="langgraph",
    ),
    Contender(
        name="pydantic-ai",
        module=f"{_FOREIGN}.pydantic_ai_agent",
        modes=("chain",),
        resumes="nothing by itself (its wrappers for Prefect, Temporal and DBOS are not driven here)",
        environment="pydantic_ai",
    ),
    Contender(
        name="LiteLLM",
        module=f"{_FOREIGN}.litellm_completion",
        modes=("chain",),
        resumes="its disk cache of answers",
        environment="litellm",
    ),
    Contender(
        name="batchata",
        module=f"{_FOREIGN}.batchata_batch",
        modes=("batch",),
        resumes="its state file",
        environment="batchata",
    ),
    Contender(
        name="curator",
        module=f"{_FOREIGN}.curator_batch",
        modes=("batch",),
        resumes="its cache folder",
        environment="curator",
    ),
)
