"""Rows to start from, and words for what the tests do with them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Table, func, select, update

from storage import attempts, batches, calls, jobs
from storage.attempts import Attempt
from storage.calls import Settled
from storage.engine import Engine, Tx, transaction
from storage.jobs import Job
from storage.tables import calls as call_table
from throughline.domain.ask import Ask, Reply, StopReason
from throughline.domain.chain import Link, LinkKind, PartLimits
from throughline.domain.job import (
    AttemptId,
    BatchId,
    CallId,
    Depth,
    Effort,
    JobId,
    JobSpec,
    Kind,
    Path,
    PathChoice,
    Role,
)
from throughline.domain.ledger import CallState
from throughline.domain.models import find
from throughline.domain.outline import Outline, OutlineUnit
from throughline.domain.output import Citation, SummaryUnit
from throughline.domain.plan import Corpus, Endpoint, PathEstimate, Plan
from throughline.domain.pricing import Price, Usage
from throughline.domain.salvage import read_answer
from throughline.domain.sizing import size_output
from throughline.domain.source import Format, Source, Span
from throughline.domain.tokens import TokenCount

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MODEL = "claude-haiku-5-5"
SPEC = JobSpec(kind=Kind.SUMMARY, model=MODEL, budget_usd=Decimal("2.50"), instructions="Be brief.")
SIZE = size_output(kind=Kind.SUMMARY, depth=Depth.STANDARD, model=find(MODEL), effort=Effort.LOW, units=3)
LINK = Link(kind=LinkKind.PART, unit_ids=("u001", "u002"), with_closing=True, errors=("too short",))
OUTLINE = Outline(
    units=(
        OutlineUnit(id="u001", heading="Rivers", spans=(Span(source="a.md", start=0, end=40),)),
        OutlineUnit(id="u002", heading="Mountains", sources=("a.md", "b.md")),
    )
)
ASK = Ask(
    model=MODEL,
    kind=Kind.SUMMARY,
    system="",
    documents=(),
    instruction="Write.",
    structured=True,
    max_tokens=1_000,
    effort=Effort.LOW,
    cache_documents=False,
)


def source(name: str = "a.md", text: str = "# Rivers\n\nThe Elbe is long.\n") -> Source:
    return Source(name=name, format=Format.MARKDOWN, text=text)


def register(tx: Tx, key: str = "key", *, documents: Sequence[Source] = (source(),), simulated: bool = False) -> Job:
    return jobs.register(
        tx,
        key=key,
        spec=SPEC,
        title="Rivers",
        documents=documents,
        left_out=[("c.bin", "is a binary file")],
        simulated=simulated,
        now=NOW,
    )


def begin(tx: Tx, job_id: JobId, path: Path = Path.CHUNKED, role: Role = Role.PRIMARY, **changed: Any) -> Attempt:
    given: dict[str, Any] = {"outline": OUTLINE, "now": NOW, **changed}
    return attempts.begin(tx, job_id=job_id, path=path, role=role, **given)


def begun(tx: Tx, key: str = "key", *, simulated: bool = False) -> Attempt:
    """The first attempt of a new job."""
    return begin(tx, register(tx, key, simulated=simulated).id)


def intend(tx: Tx, attempt: Attempt, usd: str = "1", state: CallState = CallState.SENT, **changed: Any) -> CallId:
    given: dict[str, Any] = {"link": LINK, "simulated": False, "now": NOW, **changed}
    return calls.intend(
        tx,
        job_id=attempt.job_id,
        attempt_id=attempt.id,
        ask=ASK,
        reserved_usd=Decimal(usd),
        state=state,
        **given,
    )


def intend_batch(tx: Tx, requests: int = 1) -> BatchId:
    return batches.intend(
        tx,
        host="api.anthropic.com",
        key_fingerprint="0123456789abcdef",
        request_count=requests,
        simulated=False,
        now=NOW,
    )


def put(tx: Tx, call_id: CallId, state: CallState) -> None:
    """Set a call to a state by force, to start from there."""
    tx.execute(update(call_table).where(call_table.c.id == call_id).values(state=state))


def reply(text: str = '{"units": []}', /, **usage: int) -> Reply:
    return Reply(
        text=text,
        usage=Usage(**usage),
        raw_usage={"input_tokens": usage.get("input_tokens", 0), "service_tier": "standard"},
        stop_reason=StopReason.END_TURN,
        request_id="req_1",
    )


def record(tx: Tx, call_id: CallId, usd: str = "0.25", *, wasted: int = 0, **usage: int) -> bool:
    return calls.record(
        tx,
        call_id,
        reply=reply(**usage),
        cost=Price(usd=Decimal(usd), row="the price row"),
        settled=Settled(delivered=["u001"], errors=["u002 is missing"], wasted_tokens=wasted),
        now=NOW,
    )


def unit(unit_id: str = "u001", body: str = "The Elbe is long.") -> SummaryUnit:
    quote = Citation(source="a.md", quote="The Elbe is long.")
    return SummaryUnit(unit_id=unit_id, heading="Rivers", body=body, citations=[quote], confidence=0.9)


def answered(tx: Tx, attempt: Attempt, units: Sequence[SummaryUnit], call_id: CallId | None = None) -> None:
    """Record an answer with those units, and that the attempt has them."""
    call_id = call_id or intend(tx, attempt)
    text = f"Here you are: {json.dumps({'units': [unit.model_dump() for unit in units]}, ensure_ascii=False)}"
    settled = Settled(delivered=[unit.unit_id for unit in units], errors=[], wasted_tokens=0)
    calls.record(
        tx, call_id, reply=reply(text), cost=Price(usd=Decimal(1), row="the price row"), settled=settled, now=NOW
    )
    attempts.save_units(tx, attempt.id, call_id, units, read_answer(text, Kind.SUMMARY).places)


def row_of(tx: Tx, table: Table, row_id: str) -> Any:
    return tx.execute(select(table).where(table.c.id == row_id)).one()


def count(tx: Tx, table: Table) -> int:
    return tx.execute(select(func.count()).select_from(table)).scalar_one()


def registered(ledger: Engine, key: str = "key") -> Job:
    with transaction(ledger) as tx:
        return register(tx, key)


def of_attempt(tx: Tx, attempt_id: AttemptId) -> dict[CallId, CallState]:
    return {call.id: call.state for call in calls.of_attempt(tx, attempt_id)}


def _estimate(path: Path) -> PathEstimate:
    return PathEstimate(
        path=path,
        obstacles=() if path is Path.CHUNKED else ("The endpoint has no batches.",),
        calls=3,
        max_tokens_per_call=8_000,
        input_tokens=900,
        output_tokens=1_500,
        expected_usd=Decimal("0.0123456789"),
        worst_usd=Decimal("0.5"),
        hours=0.1,
        truncation_chance=0.02,
        rework_usd=Decimal("0.001"),
        review_minutes=4.5,
        review_usd=Decimal("4.5"),
        waiting_usd=Decimal("0.025"),
    )


PLAN = Plan(
    wanted=PathChoice.AUTO,
    chosen=Path.CHUNKED,
    run_both=False,
    reasons=("It is cheaper.",),
    model=MODEL,
    corpus=Corpus(
        sources=1,
        characters=28,
        tokens=TokenCount(expected=7, upper=9),
        counted_by="o200k_base",
        left_out=(("c.bin", "is a binary file"),),
    ),
    endpoint=Endpoint(host="api.anthropic.com", batches=False, structured_outputs=True),
    size=SIZE,
    single_pass=_estimate(Path.SINGLE_PASS),
    chunked=_estimate(Path.CHUNKED),
    part_limits=PartLimits(units=8, source_characters=100_000),
    assumptions={"reading": "200 words a minute"},
)
