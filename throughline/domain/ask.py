"""An ask: one request to Claude in our own words, and what comes back.

The seam between what is decided (here) and how it is sent (`throughline.claude`). An ask is frozen and has
a fingerprint, so the ledger can say exactly what was sent without keeping the sources twice.
"""

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from throughline.domain.job import CallId, Effort, Kind
from throughline.domain.output import answer_schema
from throughline.domain.pricing import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A native document block: the title is what citations name."""

    title: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request. The documents stand first so that a shared prefix can be cached.

    `structured` sends the kind's schema as an output format; without it the instruction carries the schema.
    """

    model: str
    kind: Kind
    system: str = field(repr=False)
    documents: tuple[Document, ...]
    instruction: str = field(repr=False)
    structured: bool
    max_tokens: int
    effort: Effort | None
    cache_documents: bool

    @property
    def fingerprint(self) -> str:
        """sha256 over everything that decides the answer, in hex."""
        parts: list[object] = [self.model, self.system, self.instruction, self.max_tokens, self.effort]
        parts += [self.cache_documents, _schema_digest(self.kind) if self.structured else None]
        parts += [part for document in self.documents for part in (document.title, document.text)]
        digest = hashlib.sha256()
        for part in parts:
            data = str(part).encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(data))  # so that no two lists of parts read the same
            digest.update(data)
        return digest.hexdigest()


@cache
def _schema_digest(kind: Kind) -> str:
    return hashlib.sha256(json.dumps(answer_schema(kind)).encode()).hexdigest()


class StopReason(StrEnum):
    """Why Claude stopped writing: the values of the API, and one for those that are new."""

    END_TURN = "end_turn"
    MAX_TOKENS = "max_tokens"
    WINDOW_EXCEEDED = "model_context_window_exceeded"
    STOP_SEQUENCE = "stop_sequence"
    REFUSAL = "refusal"
    PAUSE_TURN = "pause_turn"
    TOOL_USE = "tool_use"
    UNKNOWN = "unknown"

    @property
    def truncated(self) -> bool:
        """Cut at a limit: the text is paid for and unfinished."""
        return self in (StopReason.MAX_TOKENS, StopReason.WINDOW_EXCEEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A paid answer: text, usage as billed, and why it ended.

    Without a usage that can be believed (`usage_known`), what was reserved for the call counts as its cost.
    """

    text: str = field(repr=False)
    usage: Usage
    usage_known: bool = True
    raw_usage: dict[str, Any] = field(repr=False)  # Any: kept in the ledger exactly as returned
    stop_reason: StopReason
    request_id: str | None = None
    refusal_category: str | None = None

    @property
    def in_us(self) -> bool:
        """Whether it was made in the US, as a workspace may have it by default: that costs more."""
        return self.raw_usage.get("inference_geo") == "us"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """A batch item without a message: it cost nothing. `outcome` is errored, expired or canceled."""

    outcome: str
    error_type: str | None = None
    message: str | None = None

    @property
    def resendable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.error_type != "invalid_request_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """One line of a batch's results."""

    call_id: CallId
    result: Reply | Unanswered
