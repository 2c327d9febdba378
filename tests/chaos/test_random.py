"""Random chaos: jobs of every kind, workers that die at any time, an API that fails in every way, and exact books.

`THROUGHLINE_CHAOS_SEED` repeats the jobs, the faults in their order, and each worker's way and time of death; how
the processes interleave is the machine's affair.
"""

import math
import os
import random
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from storage import jobs as job_rows
from storage.engine import connect, transaction
from tasks import runtime
from tasks.registration import Request, register
from tests.chaos.books import Books, lacking, read_books, read_jobs, read_statuses
from tests.chaos.children import Child, Machine
from tests.chaos.results import RESULTS
from tests.chaos.rounds import UNEXPECTED
from tests.chaos.strikes import strikes
from tests.chaos.warm import SERVE
from tests.faults.support import book, modules, request
from tests.servers import simulated_settings
from throughline.domain.job import Depth, JobStatus, Kind, PathChoice
from throughline.domain.report import JobReport
from throughline.failpoints import Failpoint

ENDED = {JobStatus.DONE, JobStatus.ESCALATED, JobStatus.FAILED, JobStatus.BUDGET}
WORKERS = 3
RUNNERS = 1
LONGEST_STANDSTILL_S = 120
FAULT_EVERY_S = 0.12
HEADER = ("database", "jobs", "done", "escalated", "taken up again", "kills", "faults", "paid", "twice", "came late",
          "lost results", "shown as lost", "at most $", "bill $", "ledger $", "seed", "s")  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Mortal:
    """A worker and the hour of its death, unless it dies at a place before."""

    child: Child
    dies_at: float


@dataclass(slots=True, kw_only=True)
class Chaos:
    """One run: its machine, its chances, and what has been done to it."""

    machine: Machine
    seed: int
    mortal: bool = True
    kills: Counter[str] = field(default_factory=Counter[str])
    taken_up_again: int = 0
    unexpected: list[str] = field(default_factory=list[str])
    workers: list[Mortal] = field(default_factory=list[Mortal])
    runners: list[Mortal] = field(default_factory=list[Mortal])
    run_queue: list[list[str]] = field(default_factory=list[list[str]])

    def chance(self, name: str) -> random.Random:
        """A stream of its own for each kind of decision, so that none depends on how fast another is used."""
        return random.Random(f"{self.seed} {name}")


async def test_jobs_survive_chaos(machine: Machine):
    await survive(machine, jobs=20, calm_after_s=5)


@pytest.mark.chaos
async def test_many_jobs_survive_chaos(machine_on_each: Machine):
    await survive(machine_on_each, jobs=200, calm_after_s=60)


async def survive(machine: Machine, *, jobs: int, calm_after_s: float) -> None:
    began = time.monotonic()
    chaos = Chaos(machine=machine, seed=int(os.environ.get("THROUGHLINE_CHAOS_SEED") or secrets.randbits(32)))
    print(f"THROUGHLINE_CHAOS_SEED={chaos.seed}")  # pytest shows it with a failure
    machine.variables = {
        "THROUGHLINE_LEASE_S": "1.5",
        # On a busy machine the simulator may take up a dead worker's request a moment later; see `batch_settle_s`.
        "THROUGHLINE_BATCH_SETTLE_S": "2.0",
        "THROUGHLINE_PARTIAL_SAVE_S": "0",
        "THROUGHLINE_API_TRIES": "3",
        "THROUGHLINE_DATABASE_PATIENCE_S": "20",
    }
    await _give_work(chaos, jobs)
    try:
        _rage(chaos, until=time.monotonic() + calm_after_s)
        _heal(chaos)
        _calm(chaos)
        _look_for_the_late(chaos, until=time.monotonic() + LONGEST_STANDSTILL_S)
    finally:
        _end_all(chaos)
    reports = read_jobs(machine.database_url)
    books = read_books(machine.simulator, machine.database_url)
    _note(chaos, reports, books, time.monotonic() - began)
    assert chaos.kills["killed"], "nobody died"
    assert chaos.machine.simulator.struck(), "no fault struck"
    if wrong := _wrong(machine, reports, books) + chaos.unexpected:
        pytest.fail("\n".join([f"THROUGHLINE_CHAOS_SEED={chaos.seed}", *wrong]))


async def _give_work(chaos: Chaos, count: int) -> None:
    """Most jobs go through the queue, some are run by a person who repeats a command that died."""
    chance = chaos.chance("jobs")
    settings = simulated_settings(chaos.machine.simulator, chaos.machine.database_url)
    async with runtime.opened(settings) as rt:
        for number in range(count):
            wish = _wish(chance, chaos.machine.folder, number)
            if chance.random() < 0.1:
                chaos.run_queue.append(_typed(wish))
                continue
            job = await register(wish)
            with transaction(rt.engine) as tx:
                job_rows.set_status(tx, job.id, JobStatus.QUEUED, now=runtime.now())


def _wish(chance: random.Random, folder: Path, number: int) -> Request:
    kind = chance.choice([Kind.SUMMARY, Kind.SUMMARY, *Kind])
    path = chance.choice([PathChoice.SINGLE_PASS, PathChoice.CHUNKED, PathChoice.BOTH, PathChoice.AUTO])
    place = folder / f"job-{number}"
    place.mkdir()
    if kind is Kind.CODE_REVIEW:
        sources = modules(place, chance.randint(1, 3))
        for source in map(Path, sources):  # no two jobs ask the same
            source.write_text(f"JOB = {number}\n\n\n" + source.read_text())
    else:
        sources = [book(place, chance.randint(1, 4), sea=f"sea {number}")]
    depth = chance.choice([Depth.BRIEF, Depth.STANDARD])
    return request(kind, path, sources, depth=depth)


def _typed(wish: Request) -> list[str]:
    spec = wish.spec
    return [*wish.references, "--kind", spec.kind, "--path", spec.path, "--depth", spec.depth, "--json"]


def _rage(chaos: Chaos, *, until: float) -> None:
    """Faults and deaths until time is up or every job has ended."""
    deaths, faults = chaos.chance("deaths"), strikes(chaos.chance("faults"))
    next_fault = 0.0
    look = 0.0
    while (now := time.monotonic()) < until:
        _replace_the_dead(chaos, deaths)
        _kill_the_due(chaos, now)
        if now >= next_fault:
            next(faults).hit(chaos.machine.simulator)
            next_fault = now + FAULT_EVERY_S
        if now >= look:
            if not chaos.run_queue and not chaos.runners and _all_ended(chaos):
                return
            look = now + 0.5
        time.sleep(0.01)


def _replace_the_dead(chaos: Chaos, chance: random.Random) -> None:
    """Whoever died, of whatever cause, is replaced by one whose own death is decided at its birth."""
    for mortal in [each for each in chaos.workers if each.child.poll() is not None]:
        chaos.workers.remove(mortal)
        _bury(chaos, mortal)
    while len(chaos.workers) < WORKERS:
        chaos.workers.append(_born(chaos, chance, SERVE))
    for mortal in [each for each in chaos.runners if each.child.poll() is not None]:
        chaos.runners.remove(mortal)
        _bury(chaos, mortal)
        if mortal.child.code not in (0, 3):  # a person repeats what did not come to its end
            chaos.run_queue.append(list(mortal.child.arguments[1:]))
    while len(chaos.runners) < RUNNERS and chaos.run_queue:
        chaos.runners.append(_born(chaos, chance, "run", *chaos.run_queue.pop(0)))


def _born(chaos: Chaos, chance: random.Random, *command: str) -> Mortal:
    variables = {"CHAOS_WORKER_SEED": str(chance.getrandbits(32))}
    place, at_place = f"{chance.choice(list(Failpoint))}:{chance.randint(1, 4)}", chance.random() < 0.5
    dies_at = time.monotonic() + chance.uniform(0.2, 3.0)
    if not chaos.mortal:
        dies_at = math.inf
    elif at_place:
        variables["THROUGHLINE_FAILPOINT"] = place
    return Mortal(child=chaos.machine.start(*command, **variables), dies_at=dies_at)


def _kill_the_due(chaos: Chaos, now: float) -> None:
    for mortal in (*chaos.workers, *chaos.runners):
        if mortal.dies_at <= now and mortal.child.poll() is None:
            mortal.child.kill()


def _bury(chaos: Chaos, mortal: Mortal) -> None:
    chaos.kills["killed" if mortal.child.code == -9 else "ended"] += 1
    said = mortal.child.stderr
    if UNEXPECTED in said or (mortal.child.code == 1 and "Traceback" in said):
        chaos.unexpected.append(said[-3000:])


def _heal(chaos: Chaos) -> None:
    """No fault strikes from here on."""
    chaos.machine.simulator.heal()


def _calm(chaos: Chaos) -> None:
    """Nobody dies any more; a person takes up what failed; everything comes to its end, as fast as the machine can."""
    for mortal in (*chaos.workers, *chaos.runners):
        mortal.child.kill()
    chaos.mortal = False
    chance = chaos.chance("calm")
    ended_before, until = -1, 0.0
    while True:
        _replace_the_dead(chaos, chance)
        ended_now = _count_ended(chaos)
        if ended_now != ended_before:
            ended_before, until = ended_now, time.monotonic() + LONGEST_STANDSTILL_S
        ended = _all_ended(chaos)
        if ended and not chaos.run_queue and not chaos.runners and not _take_up_again(chaos):
            return
        assert time.monotonic() < until, f"not everything ended. THROUGHLINE_CHAOS_SEED={chaos.seed}\n{_open(chaos)}"
        time.sleep(0.2)


def _look_for_the_late(chaos: Chaos, *, until: float) -> None:
    """The rounds go on for as long as a paid batch has not been found: in the service they go on for a day."""
    while time.monotonic() < until and read_books(chaos.machine.simulator, chaos.machine.database_url).unfound:
        _replace_the_dead(chaos, chaos.chance("late"))
        time.sleep(0.2)


def _open(chaos: Chaos) -> str:
    return "\n".join(
        f"{job.id} {job.spec.kind} {job.spec.path} {job.status} {job.reason}"
        for job in read_jobs(chaos.machine.database_url)
        if job.status not in ENDED
    )


def _count_ended(chaos: Chaos) -> int:
    return sum(status in ENDED for status in read_statuses(chaos.machine.database_url).values())


def _all_ended(chaos: Chaos) -> bool:
    return ENDED.issuperset(read_statuses(chaos.machine.database_url).values())


def _take_up_again(chaos: Chaos) -> int:
    """What a person does about a job that failed because of the API: submit it again."""
    failed = [id_ for id_, status in read_statuses(chaos.machine.database_url).items() if status is JobStatus.FAILED]
    engine = connect(chaos.machine.database_url)
    with transaction(engine) as tx:
        for job_id in failed:
            job_rows.set_status(tx, job_id, JobStatus.QUEUED, now=runtime.now())
    engine.dispose()
    chaos.taken_up_again += len(failed)
    return len(failed)


def _end_all(chaos: Chaos) -> None:
    for mortal in (*chaos.workers, *chaos.runners):
        mortal.child.kill()
        said = mortal.child.stderr
        if UNEXPECTED in said:
            chaos.unexpected.append(said[-3000:])


def _wrong(machine: Machine, reports: list[JobReport], books: Books) -> list[str]:
    wrong = books.faults()
    for job in reports:
        if job.status is JobStatus.DONE:
            missing = lacking(machine.database_url, job)
            wrong += [f"{job.id} is done and lacks {missing}"] if missing else []
        elif job.status is JobStatus.ESCALATED:
            if not job.reason or not books.is_troubled(job.id):
                wrong.append(f"{job.id} was escalated without a fault: {job.reason}")
        else:
            wrong.append(f"{job.id} is {job.status}: {job.reason}")
    return wrong


def _note(chaos: Chaos, reports: list[JobReport], books: Books, seconds: float) -> None:
    count = Counter(job.status for job in reports)
    row = (
        chaos.machine.database_url.partition(":")[0],
        len(reports),
        count[JobStatus.DONE],
        count[JobStatus.ESCALATED],
        chaos.taken_up_again,
        chaos.kills["killed"],
        chaos.machine.simulator.struck(),
        len(books.billed),
        books.paid_twice,
        books.came_late,
        books.paid_results_lost,
        len(books.lost),
        f"{books.lost_at_most_usd:.4f}",
        f"{books.bill_usd:.4f}",
        f"{books.ledger_usd:.4f}",
        chaos.seed,
        f"{seconds:.0f}",
    )
    RESULTS.add("Random chaos", HEADER, tuple(str(cell) for cell in row))
