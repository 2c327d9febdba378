"""Check what an attempt wrote, and judge what becomes of it. Pure work, so it runs beside the event loop."""

import asyncio
import logging

from storage import attempts, checks, jobs
from storage.attempts import Attempt
from storage.checks import CheckRow
from storage.engine import Tx
from storage.jobs import Job
from tasks import runtime
from tasks.saving import read, saved
from tasks.step import step
from throughline.domain.checks.result import Result, evidence
from throughline.domain.checks.table import run_checks
from throughline.domain.citations import CheckedCitation, check_citations
from throughline.domain.document import Output
from throughline.domain.job import AttemptId
from throughline.domain.policy import Means, Thresholds, Verdict, judge
from throughline.domain.source import Source

logger = logging.getLogger(__name__)
NOTHING_MORE = Means(repair=False, fall_back=False)


@step
async def check_attempt(attempt_id: AttemptId, means: Means = NOTHING_MORE) -> Verdict:
    """Check the attempt's whole output, judge it, and store both. `means` is what may still be done for it."""
    output, own, sources = await read(lambda tx: _to_check(tx, attempt_id))
    if output is None:
        verdict = judge(None, (), means=means, limits=_limits())
        await saved(lambda tx: attempts.save_verdict(tx, attempt_id, verdict))
        return verdict
    quotes, results = await asyncio.to_thread(_checked, output, sources)
    verdict = judge(output, results, means=means, limits=_limits())

    def write(tx: Tx) -> None:
        rows = [CheckRow(name=result.name, passed=result.passed, evidence=evidence(result)) for result in results]
        mine = [(unit_id, quote) for unit_id, quote in quotes if unit_id in own]  # the rest is counted elsewhere
        checks.save(tx, attempt_id, results=rows, quotes=mine, now=runtime.now())
        attempts.save_verdict(tx, attempt_id, verdict)

    await saved(write)
    failed = [result.name for result in results if not result.passed]
    logger.info(
        "output checked units=%d citations=%d failed_checks=%s action=%s",
        len(own),
        len(quotes),
        ",".join(failed) or "none",
        verdict.action,
    )
    return verdict


def _limits() -> Thresholds:
    settings = runtime.current().settings
    return Thresholds(
        tolerated_error_share=settings.tolerated_error_share,
        repairable_share=settings.repairable_share,
        least_confidence=settings.least_confidence,
    )


def _to_check(tx: Tx, attempt_id: AttemptId) -> tuple[Output | None, frozenset[str], tuple[Source, ...]]:
    attempt = attempts.get(tx, attempt_id)
    job = jobs.get(tx, attempt.job_id)
    return load_output(tx, attempt, job), attempts.unit_ids(tx, attempt_id), jobs.documents(tx, job.id)


def load_output(tx: Tx, attempt: Attempt, job: Job) -> Output | None:
    """The attempt's output, with what it took over from the attempts that it continues; None without an outline."""
    if attempt.outline is None:
        return None
    return Output(
        title=job.title,
        outline=attempt.outline,
        units=attempts.written_units(tx, attempt, job.spec.kind),
        closing=attempts.closing(tx, attempt, job.spec.kind),
    )


def _checked(
    output: Output, sources: tuple[Source, ...]
) -> tuple[list[tuple[str, CheckedCitation]], tuple[Result, ...]]:
    """Each quote of the units with what became of it, as (unit id, citation), and the result of every check."""
    quoted = [(unit.unit_id, citation) for unit in output.ordered for citation in unit.all_citations()]
    found = check_citations([citation for _, citation in quoted], sources)
    quotes = [(unit_id, quote) for (unit_id, _), quote in zip(quoted, found, strict=True)]
    return quotes, run_checks(output, sources, quotes)
