"""The comparison that all chaos rests on sees what it is there to see."""

from typing import Any

import httpx
import pytest

from tests.chaos.books import read_books, read_jobs
from tests.chaos.children import Machine
from tests.chaos.lives import OPTIONS
from tests.faults.support import BATCHES, MESSAGES, book
from tests.servers import SIMULATED_KEY
from throughline.domain.job import JobStatus


def test_books_that_balance_have_no_faults(machine: Machine):
    machine.run("run", book(machine.folder, 2), *OPTIONS, "both")
    books = read_books(machine.simulator, machine.database_url)
    assert books.billed
    assert books.faults() == []


@pytest.mark.parametrize(("path", "address"), [("single_pass", BATCHES), ("chunked", MESSAGES)])
def test_a_request_that_is_sent_again_is_seen(path: str, address: str, machine: Machine):
    machine.run("run", book(machine.folder, 2), *OPTIONS, path)
    received = machine.simulator.requests("POST", address)[0]
    _send(machine, address, received["headers"], received["body"])
    books = read_books(machine.simulator, machine.database_url)
    assert books.paid_twice + books.paid_results_lost == 1
    assert books.faults()


def test_two_jobs_that_ask_the_same_have_paid_once_each(machine: Machine):
    file = book(machine.folder, 2)
    machine.run("run", file, *OPTIONS, "both")
    machine.run("run", file, *OPTIONS, "both", "--again")
    books = read_books(machine.simulator, machine.database_url)
    assert len(books.billed) == 4
    assert books.faults() == []


@pytest.mark.parametrize("what", ["truncate", "drop_units", "empty_units"])
@pytest.mark.parametrize("path", ["single_pass", "chunked"])
def test_a_job_whose_answers_were_spoilt_is_told_from_one_whose_answers_were_not(
    path: str, what: str, machine: Machine
):
    machine.simulator.faults("item", what, times=-1)
    machine.run("run", book(machine.folder, 1), *OPTIONS, path)
    machine.simulator.heal()
    machine.run("run", book(machine.folder, 2), *OPTIONS, path)
    spoilt, sound = read_jobs(machine.database_url)
    books = read_books(machine.simulator, machine.database_url)
    assert (spoilt.status, books.is_troubled(spoilt.id)) == (JobStatus.ESCALATED, True)
    assert (sound.status, books.is_troubled(sound.id)) == (JobStatus.DONE, False)


def _send(machine: Machine, address: str, headers: dict[str, str], body: dict[str, Any]) -> None:
    kept = {name: headers[name] for name in ("anthropic-beta", "anthropic-version") if name in headers}
    url = f"{machine.simulator.url}{address}"
    with httpx.Client(verify=False, trust_env=False, headers={**kept, "x-api-key": SIMULATED_KEY}) as client:
        said = client.post(url, json=body).raise_for_status()
        while address == BATCHES and client.get(f"{url}/{said.json()['id']}").json()["processing_status"] != "ended":
            pass
