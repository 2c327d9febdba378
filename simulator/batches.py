"""Message batches: accepted at once, looked at when they end, then answered request by request.

Nothing runs in the background. A batch whose time has come is settled by the next look at it, so that a
simulator that was down in between goes on where it stopped.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from simulator.answers import Answer
from simulator.bill import Bill
from simulator.errors import ApiError, invalid, not_found
from simulator.faults import Fault, FaultScript
from simulator.models import Model
from simulator.shapes import as_list, as_object
from simulator.state import State
from simulator.validation import check_batch_item

MAX_REQUESTS = 100_000
_DAY_S = 24 * 3600
_CUSTOM_ID = re.compile(r"^[a-zA-Z0-9_-]{1,64}\Z")
_RESULT_TYPES = ("succeeded", "errored", "canceled", "expired")

AnswerItem = Callable[[dict[str, Any], Model, Fault | None], Answer]


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One line of the results file; `request_id` finds its row in the bill."""

    request_id: str
    kind: str
    line: str


@dataclass(slots=True, kw_only=True)
class Batch:
    """A submission; its requests are kept until they are answered."""

    id: str
    seq: int
    size: int
    created_s: float
    ends_s: float
    has_300k_beta: bool
    canceled_s: float | None = None
    ended_s: float | None = None
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    results: list[ResultLine] | None = None

    @property
    def status(self) -> str:
        if self.ended_s is not None:
            return "ended"
        return "in_progress" if self.canceled_s is None else "canceling"

    def describe(self, base_url: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": self.status,
            "request_counts": self._counts(),
            "created_at": _iso(self.created_s),
            "expires_at": _iso(self.created_s + _DAY_S),
            "cancel_initiated_at": _iso(self.canceled_s),
            "ended_at": _iso(self.ended_s),
            "archived_at": None,
            "results_url": f"{base_url}/v1/messages/batches/{self.id}/results" if self.ended_s else None,
        }

    def _counts(self) -> dict[str, int]:
        counts = {"processing": 0 if self.results else self.size, **dict.fromkeys(_RESULT_TYPES, 0)}
        for result in self.results or []:
            counts[result.kind] += 1
        return counts


class Batches:
    """All batches, by id, oldest first."""

    def __init__(self, state: State | None, bill: Bill, answer: AnswerItem, batch_seconds: float) -> None:
        self._state = state
        self._bill = bill
        self._answer = answer
        self._batch_seconds = batch_seconds
        loaded = [_loaded(*row) for row in state.load_batches()] if state is not None else []
        self._batches = {batch.id: batch for batch in loaded}
        self.created = max((batch.seq + 1 for batch in loaded), default=0)

    def create(self, body: dict[str, Any], faults: FaultScript, *, has_300k_beta: bool) -> Batch:
        """Accept a submission; of its requests only the ids are looked at now."""
        requests = _checked_requests(body)
        now_s = time.time()
        items = [_with_fault(request, faults) for request in requests]
        delay_s = max((_slow_s(item) for item in items), default=0.0)
        batch = Batch(
            id=f"msgbatch_{uuid4().hex}",
            seq=self.created,
            size=len(items),
            created_s=now_s,
            ends_s=now_s + self._batch_seconds + delay_s,
            has_300k_beta=has_300k_beta,
            requests=items,
        )
        self.created += 1
        self._batches[batch.id] = batch
        self._save(batch)
        return batch

    def get(self, batch_id: str) -> Batch:
        batch = self._batches.get(batch_id)
        if batch is None:
            raise not_found(f"No message batch found with id {batch_id}")
        self._settle_if_due(batch)
        return batch

    def settle_due(self) -> None:
        for batch in list(self._batches.values()):
            self._settle_if_due(batch)

    def page(self, limit: int, after_id: str | None, before_id: str | None) -> tuple[list[Batch], bool]:
        """Newest first, and whether there are more in the direction that was asked for."""
        self.settle_due()
        newest_first = list(reversed(self._batches.values()))
        if before_id is not None:
            newer = newest_first[: newest_first.index(self.get(before_id))]
            return newer[-limit:], len(newer) > limit
        start = 0 if after_id is None else newest_first.index(self.get(after_id)) + 1
        return newest_first[start : start + limit], len(newest_first) > start + limit

    def cancel(self, batch_id: str) -> Batch:
        """Nothing of a canceled batch is answered; it ends by the next look."""
        batch = self.get(batch_id)
        if batch.ended_s is None and batch.canceled_s is None:
            batch.canceled_s = batch.ends_s = time.time()
            self._save(batch)
        return batch

    def delete(self, batch_id: str) -> None:
        batch = self.get(batch_id)
        if batch.ended_s is None:
            raise invalid(f"Message batch {batch_id} is still processing: cancel it or wait before deleting it")
        del self._batches[batch_id]
        if self._state is not None:
            self._state.delete_batch(batch_id)

    def results(self, batch_id: str) -> list[ResultLine]:
        batch = self.get(batch_id)
        if batch.results is None:
            raise not_found(f"Message batch {batch_id} has no results yet: it is {batch.status}")
        return batch.results

    def clear(self) -> None:
        self._batches.clear()
        self.created = 0

    def _settle_if_due(self, batch: Batch) -> None:
        if batch.results is not None or time.time() < batch.ends_s:
            return
        lines = [self._settle_item(batch, item) for item in batch.requests]
        batch.results = _shuffled(lines, batch.requests)
        batch.ended_s = batch.ends_s
        batch.requests = []
        self._save(batch)

    def _settle_item(self, batch: Batch, item: dict[str, Any]) -> ResultLine:
        request_id = f"req_{uuid4().hex}"
        result = self._result(batch, item, request_id)
        line = json.dumps({"custom_id": item["custom_id"], "result": result}, ensure_ascii=False)
        return ResultLine(request_id, result["type"], line)

    def _result(self, batch: Batch, item: dict[str, Any], request_id: str) -> dict[str, Any]:
        if batch.canceled_s is not None:
            return {"type": "canceled"}
        fault = Fault(**item["fault"]) if item["fault"] else None
        if fault is not None and fault.what in ("expired", "canceled"):
            return {"type": fault.what}
        try:
            answer = self._checked_answer(batch, item, fault)
        except ApiError as error:
            return {"type": "errored", "error": error.body(request_id)}
        self._bill.charge(
            answer.model,
            answer.params,
            answer.usage(),
            request_id=request_id,
            custom_id=item["custom_id"],
            kind="batch_item",
            delivered=False,
            fault=None if fault is None else fault.what,
        )
        return {"type": "succeeded", "message": answer.message()}

    def _checked_answer(self, batch: Batch, item: dict[str, Any], fault: Fault | None) -> Answer:
        if fault is not None and fault.what == "errored":
            raise errored(fault)
        model = check_batch_item(item["params"], has_300k_beta=batch.has_300k_beta)
        return self._answer(item["params"], model, fault)

    def _save(self, batch: Batch) -> None:
        if self._state is None:
            return
        facts = {
            key: getattr(batch, key)
            for key in ("id", "seq", "size", "created_s", "ends_s", "has_300k_beta", "canceled_s", "ended_s")
        }
        results = None if batch.results is None else [asdict(result) for result in batch.results]
        self._state.save_batch(batch.id, batch.seq, facts, batch.requests, results)


def errored(fault: Fault) -> ApiError:
    """What an item (or a sync call) answers when it was scripted to fail."""
    type_ = str(fault.args.get("type", "api_error"))
    return ApiError(type_, str(fault.args.get("message", "Internal server error")))


def _checked_requests(body: dict[str, Any]) -> list[dict[str, Any]]:
    if extra := sorted(body.keys() - {"requests"}):
        raise invalid(f"{extra[0]}: Extra inputs are not permitted")
    entries = as_list(body.get("requests"))
    if not entries:
        raise invalid("requests: at least one request is required")
    if len(entries) > MAX_REQUESTS:
        raise invalid(f"requests: {len(entries)} requests > {MAX_REQUESTS} maximum")
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        custom_id = _checked_id(entry, f"requests.{index}")
        if custom_id in seen:
            raise invalid(f"requests.{index}.custom_id: {custom_id} is not unique in the batch")
        seen.add(custom_id)
    return entries


def _checked_id(entry: Any, where: str) -> str:
    fields = as_object(entry)
    if fields is None or "params" not in fields:
        raise invalid(f"{where}.params: Field required")
    if extra := sorted(fields.keys() - {"custom_id", "params"}):
        raise invalid(f"{where}.{extra[0]}: Extra inputs are not permitted")
    custom_id = fields.get("custom_id")
    if not isinstance(custom_id, str) or not _CUSTOM_ID.match(custom_id):
        raise invalid(f"{where}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
    return custom_id


def _with_fault(request: dict[str, Any], faults: FaultScript) -> dict[str, Any]:
    """Faults are dealt out in the order of the requests, before anything is answered."""
    fault = None
    if faults.strikes("item"):
        fault = faults.take("item", json.dumps(request, ensure_ascii=False).encode())
    return {**request, "fault": asdict(fault) if fault is not None else None}


def _slow_s(item: dict[str, Any]) -> float:
    fault = as_object(item["fault"])
    if fault is None or fault["what"] != "slow":
        return 0.0
    return float(fault["args"].get("seconds", 1.0))


def _shuffled(lines: list[ResultLine], requests: list[dict[str, Any]]) -> list[ResultLine]:
    """Never in the order of the requests, always in the same other order."""
    keys = [blake2b(request["custom_id"].encode(), digest_size=8).digest() for request in requests]
    order = sorted(range(len(lines)), key=lambda index: keys[index])
    if order == list(range(len(lines))):
        order = order[1:] + order[:1]
    return [lines[index] for index in order]


def _loaded(facts: dict[str, Any], requests: list[dict[str, Any]], results: list[Any] | None) -> Batch:
    lines = None if results is None else [ResultLine(**result) for result in results]
    return Batch(**facts, requests=requests, results=lines)


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
