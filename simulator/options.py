"""What a simulator is told at start."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Mode = Literal["full", "messages-only"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`messages-only` stands in for local servers that speak the Messages API and nothing else."""

    mode: Mode = "full"
    batch_seconds: float = 0.2
    tokens_per_second: float = 0.0
    thinking_share: float = 0.0
    inference_geo: str = ""  # the workspace's default, for requests that name none
    state_path: Path | None = None
    keeps_request_log: bool = True

    @property
    def is_local_server(self) -> bool:
        return self.mode == "messages-only"
