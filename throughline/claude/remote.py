"""What the API says of its batches and models, in our words. The SDK checks nothing of it: what is not so, raises."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

T = TypeVar("T")


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
    created_at = _a(datetime, found.created_at)
    if created_at.tzinfo is None:
        raise ValueError("a batch was created at a time without its zone")
    parts = (counts.processing, counts.succeeded, counts.errored, counts.canceled, counts.expired)
    return RemoteBatch(
        id=_a(str, found.id),
        ended=found.processing_status == "ended",
        request_count=sum(_a(int, part) for part in parts),
        created_at=created_at,
    )


def remote_page(found: Any) -> tuple[list[RemoteBatch], str | None]:  # Any: a page of the list of batches
    """The batches of a page, and the last one's id if another page follows.

    A list that only looks like one would prove that a batch in doubt is not there, and it would be sent again.
    """
    batches = [remote_batch(each) for each in cast("list[Any]", _a(list, found.data))]
    if not _a(bool, found.has_more):
        return batches, None
    return batches, batches[-1].id


def remote_count(found: Any) -> int:  # Any: a count of a prompt's tokens
    """The tokens that were counted."""
    return _a(int, found.input_tokens)


def remote_model(found: Any) -> RemoteModel:  # Any: a model with nullable limits and capabilities
    """A model as the SDK has it."""
    offered = getattr(found.capabilities, "structured_outputs", None)
    return RemoteModel(
        id=_a(str, found.id),
        context_tokens=_limit(getattr(found, "max_input_tokens", None)),
        output_tokens=_limit(found.max_tokens),
        structured_outputs=offered is None or bool(offered.supported),
    )


def _limit(found: Any) -> int | None:  # Any: JSON
    return None if found is None else _a(int, found)


def _a(kind: type[T], found: Any) -> T:  # Any: JSON
    if not isinstance(found, kind):
        raise TypeError(f"{str(found)[:60]!r} is no {kind.__name__}")
    return found
