"""How good the forecasts and choices were, as one Markdown artifact."""

from collections.abc import Sequence

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact

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
    return text


def as_markdown(worlds: Sequence[Calibration]) -> str:
    """The report as a person reads it: real and simulated jobs apart."""
    sections = [
        f"## {'Simulated' if world.simulated else 'Real'} jobs\n\n```\n{chr(10).join(world.lines)}\n```\n"
        for world in worlds
    ]
    return "# Calibration\n\n" + ("\n".join(sections) or _NOTHING)
