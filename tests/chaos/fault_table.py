"""What each fault costs: one run a row, measured on the bill and in the ledger, printed as a Markdown table.

`.venv/bin/python -m tests.chaos.fault_table` prints it on its own; `make chaos` asserts it and prints it, too. With
`real-time` it plays ten minutes of an overloaded API, which is the one row that is shortened otherwise.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage import schema
from storage.engine import connect
from tests.chaos import fault_outages, fault_plays
from tests.chaos.books import lacking, read_books, read_jobs
from tests.chaos.children import Machine, Warm
from tests.chaos.fault_acts import Told
from tests.chaos.results import markdown
from tests.servers import Postgres, Simulator, running_postgres, running_simulator

HEADER = ("fault", "requests paid", "paid twice", "paid results lost", "at the end", "meanwhile told as", "true", "s")


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
    seconds: float

    def cells(self) -> tuple[str, ...]:
        figures = (str(self.paid), str(self.twice), str(self.lost))
        statuses = ", ".join(f"{status}" for status in dict.fromkeys(self.statuses))
        return (
            self.name,
            *figures,
            statuses,
            self.told.label,
            "yes" if self.told.is_true else "NO",
            f"{self.seconds:.0f}",
        )


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
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="throughline-faults-")))
            url = stack.enter_context(self.postgres.database()) if row.on_postgres else f"sqlite:///{folder}/ledger.db"
            engine = connect(url)
            schema.upgrade(engine)
            engine.dispose()
            self.simulator.reset()
            variables = {"THROUGHLINE_CHAIN_CONCURRENCY": "1", "THROUGHLINE_API_TRIES": "3"}
            machine = Machine(
                warm=self.warm, simulator=self.simulator, database_url=url, folder=folder, variables=variables
            )
            began = time.monotonic()
            told = row.play(machine)
            seconds = time.monotonic() - began
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
                seconds=seconds,
            )


ROWS = (
    Row(name="kill -9 while polling, rerun", paid=1, play=fault_plays.killed_while_polling),
    Row(name="kill between submit and record", paid=1, play=fault_plays.killed_before_the_id_was_saved),
    Row(name="answer cut at max_tokens", paid=3, play=fault_plays.truncated),
    Row(
        name="cut before its first unit, beside a chain",
        paid=2,
        play=fault_plays.cut_at_once_beside_a_chain,
    ),
    Row(name="saved state resumed, run a third time", paid=1, play=fault_plays.resumed),
    Row(name="connection dropped after accept", paid=1, play=fault_plays.dropped_after_accept),
    Row(name="404 after create", paid=1, play=fault_plays.denied_after_creation),
    Row(name="429 with retry-after of a day", paid=1, play=fault_plays.told_to_wait_a_day),
    Row(name="529 through ten rounds of the schedule", paid=1, play=fault_outages.overloaded(round_every_s=0)),
    Row(name="item expired", paid=1, play=fault_plays.unanswered("expired")),
    Row(name="item errored", paid=1, play=fault_plays.unanswered("errored")),
    Row(name="item canceled", paid=1, play=fault_plays.unanswered("canceled")),
    Row(name="duplicate and foreign custom_ids (2 jobs)", paid=2, play=fault_plays.duplicated_and_foreign),
    Row(name="results in random order (4 jobs, 1 batch)", paid=4, play=fault_plays.shuffled),
    Row(name="results file cut mid-line, twice", paid=1, play=fault_plays.cut_file),
    Row(
        name=f"disk full for {fault_outages.OUTAGE_S:.0f} s while ingesting (3 jobs)",
        paid=3,
        play=fault_outages.full_disk,
    ),
    Row(
        name=f"database locked for {fault_outages.OUTAGE_S:.0f} s (SQLite)",
        paid=1,
        play=fault_outages.unusable_database,
    ),
    Row(
        name=f"database gone for {fault_outages.OUTAGE_S:.0f} s (PostgreSQL)",
        paid=1,
        play=fault_outages.unusable_database,
        on_postgres=True,
    ),
)

IN_REAL_TIME = (Row(name="529 for ten minutes", paid=1, play=fault_outages.overloaded(round_every_s=60)),)


def main(arguments: Sequence[str]) -> None:
    rows = IN_REAL_TIME if "real-time" in arguments else ROWS
    with Bench.opened() as bench:
        measured = [bench.measure(row) for row in rows]
    sys.stdout.write(markdown(HEADER, [each.cells() for each in measured]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
