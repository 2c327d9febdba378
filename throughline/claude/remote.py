"""What the API says of its batches and models, in our words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBatch:
    """A batch as the API has it."""

    id: str
    ended: bool
    request_count: int
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteModel:
    """What the Models API says of a model; a limit that it does not tell is None."""

    id: str
    context_tokens: int | None
    output_tokens: int | None
    structured_outputs: bool


def remote_batch(found: Any) -> RemoteBatch:  # Any: a GA or a beta batch
    """A batch as the SDK has it."""
    counts = found.request_counts
    return RemoteBatch(
        id=found.id,
        ended=found.processing_status == "ended",
        request_count=counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired,
        created_at=found.created_at,
    )


def remote_model(found: Any) -> RemoteModel:  # Any: a model with nullable limits and capabilities
    """A model as the SDK has it."""
    offered = getattr(found.capabilities, "structured_outputs", None)
    return RemoteModel(
        id=found.id,
        context_tokens=getattr(found, "max_input_tokens", None),
        output_tokens=found.max_tokens,
        structured_outputs=offered is None or bool(offered.supported),
    )
