"""A job's life with one violent death in it: who dies where, and who goes on."""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.chaos.books import lacking, read_books, read_jobs
from tests.chaos.children import Child, Machine
from tests.chaos.results import KILL_MATRIX, RESULTS
from throughline.domain.job import AttemptStatus, JobStatus, Path, PathChoice
from throughline.domain.report import JobReport
from throughline.failpoints import Failpoint

RUN, SERVICE = "run", "service"
HEADER = ("death", "path", "way", "database", "outcome", "paid", "twice", "lost", "s")
OPTIONS = ("--kind", "summary", "--depth", "exhaustive", "--json", "--path")
LEASE_S = 0.4
_ENDED = {JobStatus.DONE, JobStatus.ESCALATED, JobStatus.FAILED, JobStatus.BUDGET}
_LONGEST_S = 120  # on a machine that is shared with other suites
_LOOK_S = 0.005


class Death(Protocol):
    """Runs commands, and kills one of them."""

    @property
    def happened(self) -> bool: ...

    def run(self, machine: Machine, *command: str) -> Child: ...


@dataclass(slots=True)
class AtPlace:
    """The first process that reaches the place kills itself there."""

    place: Failpoint
    happened: bool = False

    def run(self, machine: Machine, *command: str) -> Child:
        child = machine.run(*command, **({} if self.happened else {"THROUGHLINE_FAILPOINT": self.place}))
        self.happened = self.happened or child.code == -signal.SIGKILL
        return child


@dataclass(slots=True)
class FromOutside:
    """Whoever is at work when the test sees its moment is killed."""

    is_time: Callable[[Machine], bool]
    happened: bool = False

    def run(self, machine: Machine, *command: str) -> Child:
        child = machine.start(*command)
        while not self.happened and child.poll() is None:
            if self.is_time(machine):
                self.happened = child.kill() == -signal.SIGKILL
            time.sleep(_LOOK_S)
        child.wait()
        return child


def live(machine: Machine, arguments: Sequence[str], way: str, death: Death) -> None:
    """Carry the job out, one process dying on the way."""
    by_running(machine, arguments, death) if way == RUN else by_the_service(machine, arguments, death)
    assert death.happened, "nobody died"


def by_running(machine: Machine, arguments: Sequence[str], death: Death) -> None:
    """`throughline run` dies; the same command goes on."""
    killed = death.run(machine, "run", *arguments)
    assert killed.code == -signal.SIGKILL, killed.stderr
    finished = machine.run("run", *arguments)
    assert finished.code == 0, finished.stderr


def by_the_service(machine: Machine, arguments: Sequence[str], death: Death) -> None:
    """One of the processes that submit, sweep and collect dies; later ones go on when its lease has run out."""
    machine.variables |= {"THROUGHLINE_LEASE_S": str(LEASE_S)}

    def step(*command: str) -> bool:
        had_happened = death.happened
        child = death.run(machine, *command)
        killed = death.happened and not had_happened
        assert child.code == (-signal.SIGKILL if killed else 0), child.stderr
        return not killed

    if not step("submit", *arguments):
        step("submit", *arguments)
    give_up_at = time.monotonic() + _LONGEST_S
    while read_jobs(machine.database_url)[0].status not in _ENDED:
        assert time.monotonic() < give_up_at, "the job never ended"
        step("sweep")
        step("collect")


def verdict(machine: Machine, *, losable: bool) -> list[str]:
    """What is wrong; nothing, unless a promise is broken."""
    (job,) = read_jobs(machine.database_url)
    books = read_books(machine.simulator, machine.database_url)
    wrong = books.faults()
    if job.status is not JobStatus.DONE:
        wrong.append(f"{job.status}: {job.reason}")
    if missing := lacking(machine.database_url, job):
        wrong.append(f"the output lacks {', '.join(missing)}")
    wrong += _unfinished(job)
    if len(books.lost) > int(losable):  # one call at a time is under way, and one process dies
        wrong.append(f"{len(books.lost)} calls shown as lost")
    return wrong


def _unfinished(job: JobReport) -> list[str]:
    """Of both paths each must have brought its output, not the published one alone."""
    if job.spec.path is not PathChoice.BOTH:
        return []
    whole = {each.path for each in job.attempts if each.status is AttemptStatus.COMPLETE}
    return [f"the {path} was not completed" for path in Path if path not in whole]


def prove(
    machine: Machine, arguments: Sequence[str], *, path: str, way: str, death: Death, name: str, losable: bool
) -> None:
    """One life, compared with the bill at its end, and its row in the table."""
    began = time.monotonic()
    outcome = "not ended"
    try:
        live(machine, arguments, way, death)
        wrong = verdict(machine, losable=losable)
        outcome = "; ".join(wrong) or "done"
        assert not wrong
    finally:
        books = read_books(machine.simulator, machine.database_url)
        figures = (str(len(books.billed)), str(books.paid_twice), str(len(books.lost)))
        database = machine.database_url.partition(":")[0]
        row = (name, path, way, database, outcome, *figures, f"{time.monotonic() - began:.1f}")
        RESULTS.add(KILL_MATRIX, HEADER, row)
