"""What each fault costs: one run a row, measured on the bill and in the ledger, printed as a Markdown table.

`.venv/bin/python -m tests.chaos.fault_table` prints it on its own; `make chaos` asserts it and prints it, too. The
rows are those of the table about other programs in field.md, and more. Times are scaled: what takes minutes there
takes a second here, and so does our patience with it.
"""

import asyncio
import contextlib
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from sqlalchemy import event

from storage import schema
from storage.engine import Engine, connect
from tasks.collecting import collect_once
from tasks.flow_runs import NoFlowRuns
from tests.chaos.books import lacking, read_books, read_jobs
from tests.chaos.children import Child, Machine, Warm
from tests.chaos.lives import AtPlace, FromOutside
from tests.chaos.results import markdown
from tests.faults.support import BATCH_ITEM, BATCHES, Service, book
from tests.servers import Postgres, Simulator, running_postgres, running_simulator
from throughline.domain.job import AttemptStatus, JobStatus, Path, Role
from throughline.domain.report import AttemptReport, JobReport
from throughline.failpoints import Failpoint

HEADER = ("fault", "requests paid", "paid twice", "paid results lost", "at the end", "meanwhile told as", "true")
CHAPTERS = 9
DAY_S = 86_400
OUTAGE_S = 0.8
ENDED = {JobStatus.DONE, JobStatus.ESCALATED, JobStatus.FAILED, JobStatus.BUDGET}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What Throughline said of the fault, and whether that was so."""

    label: str
    is_true: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault: what is done, and how many requests that should cost."""

    name: str
    paid: int
    play: Callable[[Machine], Told]
    on_postgres: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one run came to."""

    name: str
    paid: int
    twice: int
    lost: int
    statuses: tuple[str, ...]
    told: Told
    wrong: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        figures = (str(self.paid), str(self.twice), str(self.lost))
        statuses = ", ".join(f"{status}" for status in dict.fromkeys(self.statuses))
        return (self.name, *figures, statuses, self.told.label, "yes" if self.told.is_true else "NO")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The processes that all rows share."""

    warm: Warm
    simulator: Simulator
    postgres: Postgres

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Generator["Bench"]:
        with (
            Warm.running() as warm,
            running_simulator("--batch-seconds", "0.3") as simulator,
            running_postgres() as postgres,
        ):
            yield cls(warm=warm, simulator=simulator, postgres=postgres)

    def measure(self, row: Row) -> Measured:
        with contextlib.ExitStack() as stack:
            folder = FilePath(stack.enter_context(tempfile.TemporaryDirectory(prefix="throughline-faults-")))
            url = stack.enter_context(self.postgres.database()) if row.on_postgres else f"sqlite:///{folder}/ledger.db"
            engine = connect(url)
            schema.upgrade(engine)
            engine.dispose()
            self.simulator.reset()
            variables = {"THROUGHLINE_CHAIN_CONCURRENCY": "1", "THROUGHLINE_API_TRIES": "3"}
            machine = Machine(
                warm=self.warm, simulator=self.simulator, database_url=url, folder=folder, variables=variables
            )
            told = row.play(machine)
            jobs = read_jobs(url)
            books = read_books(self.simulator, url)
            incomplete = [f"the output lacks {missing}" for job in jobs if (missing := lacking(url, job))]
            return Measured(
                name=row.name,
                paid=len(books.billed),
                twice=books.paid_twice,
                lost=books.paid_results_lost,
                statuses=tuple(job.status for job in jobs),
                told=told,
                wrong=(*books.faults(), *incomplete),
            )


def single_pass(machine: Machine, name: str = "book.md") -> tuple[str, ...]:
    file = book(machine.folder, CHAPTERS, name, sea=name)
    return (file, "--kind", "summary", "--depth", "exhaustive", "--json", "--path", "single_pass")


def only_job(machine: Machine) -> JobReport:
    (job,) = read_jobs(machine.database_url)
    return job


def attempt(job: JobReport, role: Role) -> AttemptReport:
    return next(each for each in job.attempts if each.role is role)


def done(child: Child) -> Child:
    assert child.code == 0, child.stderr
    return child


def heal(machine: Machine) -> None:
    """No fault strikes from here on."""
    httpx.delete(f"{machine.simulator.url}/_sim/faults", verify=False, trust_env=False).raise_for_status()


def rounds(machine: Machine) -> None:
    """The service's rounds until every job has ended."""
    give_up_at = time.monotonic() + 30
    while any(job.status not in ENDED for job in read_jobs(machine.database_url)):
        assert time.monotonic() < give_up_at, "a job never ended"
        done(machine.run("sweep"))
        done(machine.run("collect"))


def seen(method: str, path: str, times: int = 1) -> Callable[[Machine], bool]:
    """Whether the simulator has received so many such requests."""

    def is_so(machine: Machine) -> bool:
        return sum(path in each["path"] for each in machine.simulator.requests(method)) >= times

    return is_so


def killed_while_polling(machine: Machine) -> Told:
    command = ("run", *single_pass(machine))
    killed = FromOutside(seen("GET", f"{BATCHES}/msgbatch", 3)).run(machine, *command)
    meanwhile = only_job(machine).status
    done(machine.run(*command))
    return Told(label=meanwhile, is_true=killed.code == -signal.SIGKILL and meanwhile is JobStatus.RUNNING)


def killed_before_the_id_was_saved(machine: Machine) -> Told:
    command = ("run", *single_pass(machine))
    killed = AtPlace(Failpoint.BATCH_AFTER_POST).run(machine, *command)
    open_calls = attempt(only_job(machine), Role.PRIMARY).open_calls
    done(machine.run(*command))
    return Told(
        label=f"{open_calls} request open, its cost reserved",
        is_true=killed.code == -signal.SIGKILL and open_calls == 1,
    )


def truncated(machine: Machine) -> Told:
    machine.simulator.faults("item", "truncate", match=BATCH_ITEM, after_units=4)  # the rest: a part and the closing
    done(machine.run("run", *single_pass(machine)))
    cut = attempt(only_job(machine), Role.PRIMARY)
    completed = attempt(only_job(machine), Role.FALLBACK)
    is_true = cut.status is AttemptStatus.SHORT and completed.status is AttemptStatus.COMPLETE and cut.units > 0
    return Told(label=f"{cut.status}: {cut.reason}; the chain wrote the rest", is_true=is_true)


def cut_at_once_beside_a_chain(machine: Machine) -> Told:
    """Both paths run, and the single pass brings nothing: the chain has written everything, and once is enough."""
    machine.simulator.faults("item", "truncate", match=BATCH_ITEM, after_units=0)
    file = book(machine.folder, 6)  # one part, with the closing in it
    done(machine.run("run", file, "--kind", "summary", "--depth", "exhaustive", "--json", "--path", "both"))
    cut = next(each for each in only_job(machine).attempts if each.path is Path.SINGLE_PASS)
    return Told(label=f"{cut.status}: {cut.reason}", is_true=cut.status is AttemptStatus.SHORT and cut.units == 0)


def resumed(machine: Machine) -> Told:
    command = ("run", *single_pass(machine))
    AtPlace(Failpoint.BATCH_AFTER_SUBMITTED).run(machine, *command)
    done(machine.run(*command))
    third = done(machine.run(*command))
    return Told(label="done; a third run pays nothing", is_true='"status": "done"' in third.stdout)


def dropped_after_accept(machine: Machine) -> Told:
    machine.simulator.faults("batches.create", "drop_after_accept")
    done(machine.run("submit", *single_pass(machine)))
    done(machine.run("sweep"))
    said = attempt(only_job(machine), Role.PRIMARY)
    rounds(machine)
    return Told(label=f"in doubt: {said.open_calls} request open, its cost reserved", is_true=said.open_calls == 1)


def denied_after_creation(machine: Machine) -> Told:
    machine.simulator.faults("batches.retrieve", "not_found", times=4)
    done(machine.run("submit", *single_pass(machine)))
    done(machine.run("sweep"))
    done(machine.run("collect", THROUGHLINE_API_FIRST_WAIT_S="0"))
    meanwhile = only_job(machine).status
    rounds(machine)
    return Told(label=meanwhile, is_true=meanwhile is JobStatus.WAITING and len(posts(machine)) == 1)


def posts(machine: Machine) -> list[dict[str, Any]]:
    return machine.simulator.requests("POST", BATCHES)


def told_to_wait_a_day(machine: Machine) -> Told:
    machine.simulator.faults("batches.create", "status", times=-1, status=429, retry_after=DAY_S)
    began = time.monotonic()
    done(machine.run("submit", *single_pass(machine)))
    machine.run("sweep")
    waited_s = time.monotonic() - began
    job = only_job(machine)
    heal(machine)
    rounds(machine)
    return Told(label=f"{job.status}, in {waited_s:.0f} s", is_true=job.status is JobStatus.QUEUED and waited_s < 10)


def overloaded(machine: Machine) -> Told:
    machine.simulator.faults("batches.create", "status", times=-1, status=529)
    machine.simulator.faults("messages", "status", times=-1, status=529)
    done(machine.run("submit", *single_pass(machine)))
    until = time.monotonic() + OUTAGE_S
    meanwhile: set[JobStatus] = set()
    while time.monotonic() < until:
        machine.run("sweep")
        machine.run("collect")
        meanwhile.add(only_job(machine).status)
    heal(machine)
    rounds(machine)
    return Told(label=", ".join(sorted(meanwhile)), is_true=meanwhile == {JobStatus.QUEUED})


def unanswered(what: str) -> Callable[[Machine], Told]:
    def play(machine: Machine) -> Told:
        machine.simulator.faults("item", what, match=BATCH_ITEM)
        done(machine.run("run", *single_pass(machine)))
        first, second = read_books(machine.simulator, machine.database_url).calls
        is_true = first.outcome == what and first.cost_usd == 0 and second.outcome == "answered"
        return Told(label=f"{first.outcome}, $0; sent once more", is_true=is_true)

    return play


def duplicated_and_foreign(machine: Machine) -> Told:
    machine.simulator.faults("batches.results", "duplicate_results")
    done(machine.run("run", *single_pass(machine)))
    other = ("run", *single_pass(machine, "other.md"))
    machine.simulator.faults("batches.results", "foreign_custom_id")
    child = done(machine.run(*other))
    return Told(label="foreign result passed over", is_true="foreign result" in child.stderr)


def shuffled(machine: Machine) -> Told:
    for number in range(4):
        done(machine.run("submit", *single_pass(machine, f"sea-{number}.md")))
    rounds(machine)
    own = [_quotes_only_its_own(machine, number) for number in range(4)]
    return Told(label="each answer at its own job", is_true=all(own) and len(posts(machine)) == 1)


def _quotes_only_its_own(machine: Machine, number: int) -> bool:
    job = next(job for job in read_jobs(machine.database_url) if f"sea-{number}.md" in job.sources)
    target = machine.folder / f"{number}.md"
    done(machine.run("export", job.id, "-o", str(target)))
    text = target.read_text()
    return f"sea-{number}.md" in text and not any(f"sea-{other}.md" in text for other in range(4) if other != number)


def cut_file(machine: Machine) -> Told:
    machine.simulator.faults("batches.results", "cut_stream", times=2)
    done(machine.run("run", *single_pass(machine)))
    reads = seen("GET", "/results", 3)(machine)
    return Told(label="read again until whole", is_true=reads)


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
    with _outage(machine.database_url):
        time.sleep(OUTAGE_S)
        waited = child.poll() is None
    done_child = child.wait() == 0
    return Told(label="waits, then saves", is_true=waited and done_child)


@contextlib.contextmanager
def _outage(url: str) -> Generator[None]:
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        return
    name = urlsplit(url).path.removeprefix("/")
    beside = url.replace(f"/{name}?", "/postgres?")
    with contextlib.closing(psycopg.connect(beside, autocommit=True)) as connection:
        allow = "UPDATE pg_database SET datallowconn = %s WHERE datname = %s"
        connection.execute(allow, [False, name])
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            connection.execute(allow, [True, name])


ROWS = (
    Row(name="kill -9 while polling, rerun", paid=1, play=killed_while_polling),
    Row(name="kill between submit and record", paid=1, play=killed_before_the_id_was_saved),
    Row(name="answer cut at max_tokens", paid=3, play=truncated),
    Row(
        name="cut before its first unit, beside a chain",
        paid=2,
        play=cut_at_once_beside_a_chain,
    ),
    Row(name="saved state resumed, run a third time", paid=1, play=resumed),
    Row(name="connection dropped after accept", paid=1, play=dropped_after_accept),
    Row(name="404 after create", paid=1, play=denied_after_creation),
    Row(name="429 with retry-after of a day", paid=1, play=told_to_wait_a_day),
    Row(name="529 for long beyond our patience", paid=1, play=overloaded),
    Row(name="item expired", paid=1, play=unanswered("expired")),
    Row(name="item errored", paid=1, play=unanswered("errored")),
    Row(name="item canceled", paid=1, play=unanswered("canceled")),
    Row(name="duplicate and foreign custom_ids (2 jobs)", paid=2, play=duplicated_and_foreign),
    Row(name="results in random order (4 jobs, 1 batch)", paid=4, play=shuffled),
    Row(name="results file cut mid-line, twice", paid=1, play=cut_file),
    Row(name="disk full while ingesting (3 jobs)", paid=3, play=full_disk),
    Row(name="database locked (SQLite)", paid=1, play=unusable_database),
    Row(name="database gone (PostgreSQL)", paid=1, play=unusable_database, on_postgres=True),
)


def main() -> None:
    with Bench.opened() as bench:
        measured = [bench.measure(row) for row in ROWS]
    sys.stdout.write(markdown(HEADER, [each.cells() for each in measured]) + "\n")


if __name__ == "__main__":
    main()
