"""A process that dies at any boundary between ledger and network costs nothing twice and loses nothing.

A real child process runs a job and is killed with SIGKILL at a named place; a second one runs the same
command. The whole matrix is `make chaos`; `make test` runs one path on SQLite.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.servers import ROOT, SIMULATED_KEY, Simulator, running_simulator
from throughline.failpoints import Failpoint

BATCH_ONLY = {place for place in Failpoint if place.startswith(("batch", "ingest"))}
CHAIN_ONLY = {place for place in Failpoint if place.startswith(("link", "chain"))}
QUICK = [
    Failpoint.JOB_REGISTERED,
    Failpoint.BATCH_AFTER_INTENT,
    Failpoint.BATCH_AFTER_POST,
    Failpoint.BATCH_POLLING,
    Failpoint.INGEST_AFTER_RECORD,
    Failpoint.LINK_AFTER_RECORD,
    Failpoint.BEFORE_CONCLUDE,
]


@pytest.fixture(scope="module")
def slow_simulator() -> Iterator[Simulator]:
    """A simulator whose batches take a moment, so that a process can die while it waits."""
    with running_simulator("--batch-seconds", "0.3") as simulator:
        yield simulator


def places(path: str) -> list[Failpoint]:
    """The places that a job on this path passes."""
    left_out = {"single_pass": CHAIN_ONLY, "chunked": BATCH_ONLY, "both": set()}[path]
    return [place for place in Failpoint if place not in left_out]


@pytest.mark.parametrize("place", QUICK)
def test_a_killed_process_is_continued_by_the_same_command(
    place: Failpoint, slow_simulator: Simulator, sqlite_url: str, tmp_path: Path
):
    prove(place, "both", slow_simulator, sqlite_url, tmp_path)


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("path", "place"), [(path, place) for path in ("single_pass", "chunked", "both") for place in places(path)]
)
def test_every_place_on_every_path_and_database(
    path: str, place: Failpoint, slow_simulator: Simulator, database_url: str, tmp_path: Path
):
    prove(place, path, slow_simulator, database_url, tmp_path)


def prove(place: Failpoint, path: str, simulator: Simulator, database_url: str, folder: Path) -> None:
    """Kill once at that place, run again, and compare what was billed with what the ledger says."""
    simulator.reset()
    source = folder / "book.md"
    source.write_text(
        "\n\n".join(f"# Chapter {n}\n\n" + f"The tide of day {n} turned at noon. " * 150 for n in range(12))
    )
    killed = run(source, path, simulator, database_url, folder, THROUGHLINE_FAILPOINT=place)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    finished = run(source, path, simulator, database_url, folder)
    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)
    assert report["status"] == "done"
    assert all(attempt["units"] == attempt["units_wanted"] for attempt in report["attempts"])
    # A link that was under way beside the place of death may have been answered to nobody. Nobody can know,
    # so it is asked for again, and shown as lost with the most that it can have cost. Batches never are.
    lost = sum(attempt["lost_calls"] for attempt in report["attempts"])
    at_most = sum((Decimal(attempt["lost_at_most_usd"]) for attempt in report["attempts"]), Decimal(0))
    bill = simulator.bill()
    batches = Counter(row["fingerprint"] for row in bill["rows"] if row["kind"] == "batch_item")
    messages = Counter(row["fingerprint"] for row in bill["rows"] if row["kind"] == "message")
    assert set(batches.values()) <= {1}
    assert messages.total() - len(messages) <= lost
    ledger = Decimal(report["cost_usd"])
    assert ledger <= Decimal(bill["total_usd"]) <= ledger + at_most
    if path != "both":
        assert lost == 0


def run(
    source: Path, path: str, simulator: Simulator, database_url: str, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """One `throughline run` in a process of its own."""
    command = [sys.executable, "-m", "throughline", "run", str(source), "--kind", "summary", "--depth", "exhaustive"]
    settings = {
        "PYTHONPATH": str(ROOT),
        "ANTHROPIC_API_KEY": SIMULATED_KEY,
        "ANTHROPIC_BASE_URL": simulator.url,
        "THROUGHLINE_DATABASE_URL": database_url,
        "THROUGHLINE_BATCH_POLL_S": "0.1",
        "THROUGHLINE_BATCH_SETTLE_S": "0.1",
        "THROUGHLINE_API_FIRST_WAIT_S": "0.01",
        "THROUGHLINE_CHAIN_CONCURRENCY": "1",
    }
    return subprocess.run(
        [*command, "--path", path, "--json"],
        cwd=folder,
        env=os.environ | settings | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
