"""A document job from request to result: the flow that people and schedules start."""

import math
from decimal import Decimal
from pathlib import PurePath

from prefect import flow
from prefect.runtime import flow_run

from flows import problems
from flows.registered_job import job_of_this_run, to_its_end
from tasks import runtime
from tasks.registration import Request, register
from throughline.domain.job import Depth, Kind, PathChoice, ReviewMode, specified
from throughline.domain.report import to_json
from throughline.sources.addresses import bare, is_address


def run_name() -> str:
    """What a list of runs shows of this one, like `summary auto: report.md and 2 more`; no query of an address."""
    given = flow_run.parameters
    plain = [bare(source) if is_address(source) else source for source in given["sources"]]
    names = [PurePath(source).name or source for source in plain] or ["no sources"]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{given['kind']} {given['path']}: {names[0]}{more}"


@flow(name="document-job", flow_run_name=run_name, persist_result=False)
async def document_job(
    sources: list[str],
    kind: Kind,
    path: PathChoice = PathChoice.AUTO,
    depth: Depth = Depth.STANDARD,
    instructions: str = "",
    model: str = "",
    budget_usd: float = 0,
    deadline_hours: float = 0,
    review: ReviewMode = ReviewMode.AUTO,
    sensitive: bool = False,
) -> dict[str, object]:
    """Write one long document from source documents.

    Args:
        sources: One an item: a file, a pattern such as notes/*.md, or an address (https://, s3://) that the worker may
            read. A code review also takes directories, a unified diff, or a git range such as repo@v1..v2.
        kind: What to write.
        path: One batch request (half the price, may take hours), a chunked chain (minutes), both to compare them, or
            auto for the one that the plan expects to cost less in all.
        depth: How much to write about each stretch of the sources.
        instructions: Wishes in your own words; for a research report, the question.
        model: The Claude model; empty for the one that THROUGHLINE_MODEL names.
        budget_usd: The most that this job may cost, in US dollars; 0 for no limit. It stops with what it has.
        deadline_hours: How many hours it may take; 0 for no deadline. A batch may take up to 24.
        review: Whether a person must read the output before it counts as done; auto asks only when a check says so.
        sensitive: Never send it over a second path only to learn from it.
    """
    async with problems.shown(), runtime.opened() as rt:
        if (job_id := await job_of_this_run()) is None:
            async with problems.told(kind):
                spec = specified(
                    kind=kind,
                    model=model or rt.settings.model,
                    path=path,
                    depth=depth,
                    instructions=instructions,
                    effort=rt.settings.effort,
                    budget_usd=Decimal(str(budget_usd)) or None,
                    deadline_s=_whole_seconds(deadline_hours),
                    review=review,
                    sensitive=sensitive,
                )
                job_id = (await register(Request(spec=spec, references=tuple(sources)))).id
        return to_json(await to_its_end(job_id))


def _whole_seconds(hours: float) -> float | None:
    """Whole seconds, never fewer; None for no deadline. What is not a number is left to the check of the spec."""
    return (math.ceil(round(hours * 3600, 6)) if math.isfinite(hours) else hours) or None
