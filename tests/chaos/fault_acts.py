"""What a person or the service does while a fault is played: commands, rounds, and a look at what was told."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.books import read_jobs
from tests.chaos.children import Child, Machine
from tests.faults.support import book
from throughline.domain.job import JobStatus, Role
from throughline.domain.report import AttemptReport, JobReport

CHAPTERS = 9
LONGEST_S = 120  # on a machine that is shared with other suites
ENDED = {JobStatus.DONE, JobStatus.ESCALATED, JobStatus.FAILED, JobStatus.BUDGET}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What Throughline said of the fault, and whether that was so."""

    label: str
    is_true: bool


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
    machine.simulator.heal()


def rounds(machine: Machine) -> None:
    """The service's rounds until every job has ended."""
    give_up_at = time.monotonic() + LONGEST_S
    while any(job.status not in ENDED for job in read_jobs(machine.database_url)):
        assert time.monotonic() < give_up_at, "a job never ended"
        done(machine.run("sweep"))
        done(machine.run("collect"))


def seen(method: str, path: str, times: int = 1) -> Callable[[Machine], bool]:
    """Whether the simulator has received so many such requests."""

    def is_so(machine: Machine) -> bool:
        return sum(path in each["path"] for each in machine.simulator.requests(method)) >= times

    return is_so
