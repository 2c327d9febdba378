"""Check what an attempt wrote: is everything there, and is every quote really in its source."""

from storage import attempts, checks, jobs
from storage.attempts import Attempt
from storage.checks import CheckRow
from storage.engine import Tx
from storage.jobs import Job
from tasks import runtime
from tasks.saving import read, saved
from tasks.step import step
from throughline.domain.citations import CheckedCitation, check_citations
from throughline.domain.completeness import Completeness, completeness
from throughline.domain.document import Output
from throughline.domain.job import AttemptId
from throughline.domain.source import Source


@step
async def check_attempt(attempt_id: AttemptId) -> None:
    """Verify the attempt's own units and store what was found."""
    output, own, sources = await read(lambda tx: _to_check(tx, attempt_id))
    if output is None:
        return
    found = completeness(output.outline, output.units, closing=output.closing is not None)
    quotes = check_quotes(output, own, sources)
    await saved(lambda tx: checks.save(tx, attempt_id, results=[_row(found)], quotes=quotes, now=runtime.now()))


def _to_check(tx: Tx, attempt_id: AttemptId) -> tuple[Output | None, frozenset[str], tuple[Source, ...]]:
    attempt = attempts.get(tx, attempt_id)
    job = jobs.get(tx, attempt.job_id)
    return load_output(tx, attempt, job), attempts.unit_ids(tx, attempt_id), jobs.documents(tx, job.id)


def load_output(tx: Tx, attempt: Attempt, job: Job) -> Output | None:
    """The attempt's output, with the units of the attempt that it continues; None without an outline."""
    if attempt.outline is None:
        return None
    return Output(
        title=job.title,
        outline=attempt.outline,
        units=attempts.written_units(tx, attempt, job.spec.kind),
        closing=attempts.closing(tx, attempt, job.spec.kind),
    )


def check_quotes(output: Output, own: frozenset[str], sources: tuple[Source, ...]) -> list[tuple[str, CheckedCitation]]:
    """Each quote of the attempt's own units with what became of it, as (unit id, citation)."""
    quoted = [
        (unit.unit_id, citation) for unit in output.ordered if unit.unit_id in own for citation in unit.all_citations()
    ]
    checked = check_citations([citation for _, citation in quoted], sources)
    return [(unit_id, result) for (unit_id, _), result in zip(quoted, checked, strict=True)]


def _row(found: Completeness) -> CheckRow:
    evidence = {"wanted": found.wanted, "missing": list(found.missing), "closing": found.closing}
    return CheckRow(name="completeness", passed=found.complete, evidence=evidence)
