"""How many units of clean outputs the checks flag: whole jobs on the simulator without a fault, every flag a false one.

Two tables: over text that was looked at while the checks were adjusted, and over text that never was. Beside each count
stands the greatest share that it leaves possible with 95 % confidence (Clopper and Pearson, each unit by itself).
Run: python -m benchmarks.false_alarms
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from storage.engine import connect
from storage.schema import upgrade
from tasks.registration import Request
from tests.clean_jobs import Flagged, at_most, familiar, flagged, held_out
from tests.faults.support import Service
from tests.servers import running_simulator

_JOBS: dict[str, Callable[[Path], Sequence[Request]]] = {"familiar text": familiar, "held-out text": held_out}


def measured(folder: Path, jobs: Callable[[Path], Sequence[Request]]) -> Flagged:
    """What the checks say of these jobs, over a simulator and a ledger of their own."""
    url = f"sqlite:///{folder / 'throughline.db'}"
    upgrade(connect(url))
    with running_simulator("--batch-seconds", "0") as simulator:
        return asyncio.run(flagged(Service(simulator=simulator, database_url=url), jobs(folder)))


def lines(found: Flagged) -> list[str]:
    """The table, as it stands in docs/checks.md; checks without any finding share its last line."""
    table = [
        "| check | units with an error | at most | units with any finding | at most |",
        "|---|---:|---:|---:|---:|",
    ]
    silent = [name for name, count in found.findings.items() if not count]
    for name, count in sorted(found.findings.items(), key=lambda item: (-item[1], item[0])):
        if count:
            table.append(f"| `{name}` | {_cells(found.errors[name], found.units)} | {_cells(count, found.units)} |")
    if silent:
        named = ", ".join(f"`{name}`" for name in sorted(silent))
        table.append(f"| {named}, each | {_cells(0, found.units)} | {_cells(0, found.units)} |")
    return table


def _cells(count: int, units: int) -> str:
    return f"{count} ({count / units:.1%}) | {at_most(count, units):.1%}"


def main() -> None:
    """Print both tables."""
    for name, jobs in _JOBS.items():
        with tempfile.TemporaryDirectory() as folder:
            found = measured(Path(folder), jobs)
        print(f"{name}: {found.outputs} outputs, {found.units} units, {found.published} outputs published as they were")
        print("\n".join(lines(found)))


if __name__ == "__main__":
    main()
