"""Faults of processes, of single requests and of results files, played one at a time."""

import signal
import time
from collections.abc import Callable
from typing import Any

from tests.chaos.books import read_books, read_jobs
from tests.chaos.children import Machine
from tests.chaos.fault_acts import Told, attempt, done, heal, only_job, rounds, seen, single_pass
from tests.chaos.lives import AtPlace, FromOutside
from tests.faults.support import BATCH_ITEM, BATCHES, book
from throughline.domain.job import AttemptStatus, JobStatus, Path, Role
from throughline.failpoints import Failpoint

DAY_S = 86_400
LONGEST_PAUSE_S = 60


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
    """Neither the day is waited nor our own longest pause, and nobody asks a second time."""
    machine.simulator.faults("batches.create", "status", times=-1, status=429, retry_after=DAY_S)
    done(machine.run("submit", *single_pass(machine)))
    began = time.monotonic()
    machine.run("sweep")
    was_given_up_soon = time.monotonic() - began < LONGEST_PAUSE_S
    tries, status = len(posts(machine)), only_job(machine).status
    heal(machine)
    rounds(machine)
    is_true = (status, tries) == (JobStatus.QUEUED, 1) and was_given_up_soon
    return Told(label=f"{status}, after {tries} try", is_true=is_true)


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
