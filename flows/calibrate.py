"""How good the forecasts and choices were, as one Markdown artifact."""

from collections.abc import Sequence

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from tasks import learning, runtime
from throughline.domain.learning.calibration import Calibration

_NOTHING = "No attempt has finished yet."


@flow(name="calibrate", persist_result=False)
async def calibrate(limit: int = 1_000) -> str:
    """Say how often the 90 % bound held, how plans compare with what came of them, and what wrong choices cost.

    Args:
        limit: How many attempts and jobs to look back on, the newest first.
    """
    async with runtime.opened():
        worlds = [await learning.calibrated(simulated=simulated, limit=limit) for simulated in (False, True)]
    text = as_markdown([world for world in worlds if world is not None])
    await acreate_markdown_artifact(key="calibrate", markdown=text, description="Forecasts beside what came of them")
    if rows := [row for world in worlds if world is not None for row in coverage_rows(world)]:
        await acreate_table_artifact(key="calibrate-coverage", table=rows, description="How often the bound held")
    return text


def coverage_rows(world: Calibration) -> list[dict[str, str]]:
    """How often the bound held, a row for all jobs, each kind, size class and stretch of time."""
    sizes = world.sizes
    return [
        {
            "jobs": f"{'simulated' if world.simulated else 'real'}, {row.name}",
            "held": f"{row.held} of {row.known}",
            "share": f"{row.share:.1%}",
            "95 % interval": f"{row.low:.1%} to {row.high:.1%}",
        }
        for row in (sizes.overall, *sizes.by_kind, *sizes.by_size_class, *sizes.over_time)
        if row.known
    ]


def as_markdown(worlds: Sequence[Calibration]) -> str:
    """The report as a person reads it: real and simulated jobs apart."""
    sections = [
        f"## {'Simulated' if world.simulated else 'Real'} jobs\n\n```\n{chr(10).join(world.lines)}\n```\n"
        for world in worlds
    ]
    return "# Calibration\n\n" + ("\n".join(sections) or _NOTHING)
