"""The weekly report, as Prefect shows it and as files."""

from pathlib import Path

import pytest

from flows.document_job import document_job
from flows.report import report
from tests.faults.support import book
from tests.flows.test_through_prefect import artifact
from tests.servers import Simulator
from throughline.domain.job import Depth, Kind, PathChoice

pytestmark = [
    pytest.mark.usefixtures("prefect_server", "deployed", "sockets_collected"),
    # Prefect's clients leave their sockets to the garbage collector, which may come by during a test.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


async def test_the_report_is_an_artifact_and_three_files(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("THROUGHLINE_REPORT_FOLDER", str(tmp_path / "reports"))
    await document_job([book(tmp_path, 2)], Kind.SUMMARY, PathChoice.BOTH, Depth.EXHAUSTIVE)
    text = await report()
    assert await artifact("report") == text
    assert f"${float(simulator.bill()['total_usd']):,.4f}" in text
    assert sorted(file.suffix for file in (tmp_path / "reports").iterdir()) == [".csv", ".html", ".md"]
