"""The scheduled report on forecasts and choices, as Prefect shows it."""

from pathlib import Path

import pytest

from benchmarks import worlds
from flows.calibrate import as_markdown, calibrate, coverage_rows
from flows.document_job import document_job
from tests.faults.support import book
from tests.flows.test_through_prefect import artifact
from tests.servers import Simulator
from throughline.domain.job import Depth, Kind, PathChoice
from throughline.domain.learning.calibration import calibration


def test_the_bound_is_a_row_for_each_group_that_is_known():
    attempts = [outcome.observation for outcome in worlds.outcomes("light tails", 60, 0)]
    world = calibration(attempts, [], [], simulated=False)
    rows, overall = coverage_rows(world), world.sizes.overall
    assert (rows[0]["jobs"], rows[0]["held"]) == ("real, overall", f"{overall.held} of {overall.known}")
    assert {row["jobs"] for row in rows} >= {"real, summary", "real, 64K and more"}


pytestmark = [
    pytest.mark.usefixtures("prefect_server", "deployed", "sockets_collected"),
    # Prefect's clients leave their sockets to the garbage collector, which may come by during a test.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


async def test_the_report_is_published_as_an_artifact(simulator: Simulator, tmp_path: Path):
    assert not coverage_rows(calibration([], [], [], simulated=True))
    assert as_markdown([]) == "# Calibration\n\nNo attempt has finished yet."
    await document_job([book(tmp_path, 2)], Kind.SUMMARY, PathChoice.BOTH, Depth.EXHAUSTIVE)
    text = await calibrate()
    assert text.startswith("# Calibration\n\n## Simulated jobs\n\n```\n2 finished attempts (simulated")
    assert "1 job, both paths known" in text
    assert await artifact("calibrate") == text
