"""Outages, played: an overloaded API, a full disk, a database that is locked or gone. None is shortened but one.

Ten minutes of an overloaded API are ten rounds of the schedule: what the service does in them, without the minutes
in between. Nothing in the service counts those. `fault_table` plays them in real time, too, when it is asked to.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable

from sqlalchemy import event

from storage.engine import Engine
from tasks.collecting import collect_once
from tasks.flow_runs import NoFlowRuns
from tests.chaos.children import Machine
from tests.chaos.fault_acts import Told, done, heal, only_job, rounds, seen, single_pass
from tests.faults.outages import unusable
from tests.faults.support import Service
from throughline.domain.job import JobStatus

OUTAGE_S = 35.0  # SQLite itself waits 30 for a lock; the rest is ours
OVERLOADED_ROUNDS = 10


def overloaded(*, round_every_s: float) -> Callable[[Machine], Told]:
    """529 to every submission and every call, through ten rounds of the schedule that begin so far apart."""
    patience = {"THROUGHLINE_API_TRIES": "6", "THROUGHLINE_API_FIRST_WAIT_S": "1"} if round_every_s else {}

    def play(machine: Machine) -> Told:
        machine.simulator.faults("batches.create", "status", times=-1, status=529)
        machine.simulator.faults("messages", "status", times=-1, status=529)
        done(machine.run("submit", *single_pass(machine)))
        began = time.monotonic()
        meanwhile: set[JobStatus] = set()
        for number in range(1, OVERLOADED_ROUNDS + 1):
            machine.run("sweep", **patience)
            machine.run("collect", **patience)
            meanwhile.add(only_job(machine).status)
            time.sleep(max(0.0, began + number * round_every_s - time.monotonic()))
        lasted = f" for {time.monotonic() - began:.0f} s" if round_every_s else ""
        heal(machine)
        rounds(machine)
        statuses = ", ".join(sorted(meanwhile))
        return Told(label=f"{statuses}{lasted}", is_true=meanwhile == {JobStatus.QUEUED})

    return play


def full_disk(machine: Machine) -> Told:
    """The disk has no room while results are read; the pass waits, and goes on when there is room."""
    for number in range(3):
        done(machine.run("submit", *single_pass(machine, f"sea-{number}.md")))
    done(machine.run("sweep"))
    time.sleep(0.35)
    waited = asyncio.run(_collect_on_a_full_disk(machine))
    rounds(machine)
    return Told(label="waits for room, then saves", is_true=waited)


async def _collect_on_a_full_disk(machine: Machine) -> bool:
    full = True

    def before_use(connection: sqlite3.Connection, *_: object) -> None:
        # SQLite takes the larger of the wished and the present size: one page means "as it is now".
        connection.execute(f"PRAGMA max_page_count = {1 if full else 1_000_000}")

    def attach(engine: Engine) -> None:
        event.listen(engine, "checkout", before_use)

    service = Service(simulator=machine.simulator, database_url=machine.database_url)
    async with service.opened() as rt:
        attach(rt.engine)
        collecting = asyncio.create_task(collect_once(NoFlowRuns()))
        await asyncio.sleep(OUTAGE_S)
        waited = not collecting.done()
        full = False
        await collecting
    return waited


def unusable_database(machine: Machine) -> Told:
    """The database is locked by another program, or gone, when the answer of the batch comes."""
    command = ("run", *single_pass(machine))
    machine.simulator.faults("batches.results", "hang", seconds=0.3)
    child = machine.start(*command)
    while not seen("GET", "/results")(machine) and child.poll() is None:
        time.sleep(0.01)
    with unusable(machine.database_url):
        time.sleep(OUTAGE_S)
        waited = child.poll() is None
    done_child = child.wait() == 0
    return Told(label="waits, then saves", is_true=waited and done_child)
