"""A document job from request to result: the flow that people and schedules start."""

from decimal import Decimal

from prefect import flow

from flows.registered_job import job_of_this_run, to_its_end
from tasks import runtime
from tasks.registration import Request, register
from throughline.domain.job import Depth, JobSpec, Kind, PathChoice, ReviewMode
from throughline.domain.models import DEFAULT_MODEL
from throughline.domain.report import to_json


@flow(name="document-job", persist_result=False)
async def document_job(
    sources: list[str],
    kind: Kind,
    path: PathChoice = PathChoice.AUTO,
    depth: Depth = Depth.STANDARD,
    instructions: str = "",
    model: str = DEFAULT_MODEL,
    budget_usd: float = 0,
    review: ReviewMode = ReviewMode.AUTO,
) -> dict[str, object]:
    """Write one long document from source documents.

    Args:
        sources: Files to read; for a code review also directories or a unified diff.
        kind: What to write.
        path: One batch request, a chunked chain, both, or whichever the plan finds cheaper.
        depth: How much to write about each stretch of the sources.
        instructions: Wishes in your own words; for a research report, the question.
        model: The Claude model.
        budget_usd: The most that this job may cost; 0 for no limit.
        review: Whether a person must read the output before it counts as done.
    """
    async with runtime.opened() as rt:
        spec = JobSpec(
            kind=kind,
            model=model,
            path=path,
            depth=depth,
            instructions=instructions,
            effort=rt.settings.effort,
            budget_usd=Decimal(str(budget_usd)) if budget_usd else None,
            review=review,
        )
        job_id = await job_of_this_run() or (await register(Request(spec=spec, references=tuple(sources)))).id
        return to_json(await to_its_end(job_id))
