"""A process that is killed from outside, at a moment that the API's side chooses: what was accepted is paid once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from storage.engine import connect, reading
from storage.tables import calls
from tests.chaos.books import read_books
from tests.chaos.children import Machine, Warm
from tests.chaos.lives import OPTIONS, RUN, SERVICE, FromOutside, prove
from tests.faults.support import BATCHES, MESSAGES, Sent, book
from tests.servers import Simulator, running_simulator
from throughline.domain.ledger import CallState

CHAPTERS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the simulator has received so many such requests, the process that sent them dies."""

    name: str
    paths: tuple[str, ...]
    method: str
    path: str
    nth: int = 1
    fault: tuple[str, str] | None = None
    args: dict[str, Any] = field(default_factory=dict[str, Any])
    skip: int = 0
    variables: dict[str, str] = field(default_factory=dict[str, str])
    losable: bool = False

    def is_now(self, machine: Machine) -> bool:
        received = machine.simulator.requests(self.method)
        return sum(each["path"].startswith(self.path) for each in received) >= self.nth

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


MOMENTS = (
    Moment(
        name="POST accepted, answer held back",
        paths=("single_pass", "both"),
        method="POST",
        path=BATCHES,
        fault=("batches.create", "hang"),
        args={"seconds": 0.6},
    ),
    Moment(
        name="POST refused, about to be sent again",
        paths=("single_pass", "both"),
        method="POST",
        path=BATCHES,
        fault=("batches.create", "status"),
        args={"status": 529},
        variables={"THROUGHLINE_API_FIRST_WAIT_S": "1"},
    ),
    Moment(name="while polling", paths=("single_pass", "both"), method="GET", path=f"{BATCHES}/msgbatch", nth=3),
    Moment(
        name="while results are read",
        paths=("single_pass", "both"),
        method="GET",
        path=f"{BATCHES}/msgbatch",
        nth=2,
        fault=("batches.results", "hang"),
        args={"seconds": 0.6},
    ),
    Moment(
        name="link accepted, answer held back",
        paths=("chunked", "both"),
        method="POST",
        path=MESSAGES,
        nth=2,
        fault=("messages", "hang"),
        args={"seconds": 0.6},
        skip=1,
        losable=True,
    ),
)
CASES = [(moment, path) for moment in MOMENTS for path in moment.paths]
NAMES = [f"{moment}-{path}" for moment, path in CASES]


@pytest.mark.chaos
@pytest.mark.parametrize("way", [RUN, SERVICE])
@pytest.mark.parametrize(("moment", "path"), CASES, ids=NAMES)
def test_a_process_that_is_killed_from_outside_costs_nothing_twice(
    moment: Moment, path: str, way: str, machine_on_each: Machine
):
    machine = machine_on_each
    machine.variables = {"THROUGHLINE_CHAIN_CONCURRENCY": "1", **moment.variables}
    if moment.fault is not None:
        machine.simulator.faults(*moment.fault, skip=moment.skip, **moment.args)
    strike(machine, path, way, moment.name, moment.is_now, losable=moment.losable or path == "both")


@pytest.fixture(scope="module")
def _paced_simulator() -> Iterator[Simulator]:
    with running_simulator("--batch-seconds", "0.3", "--tokens-per-second", "9000") as simulator:
        yield simulator


@pytest.fixture
def paced(warm: Warm, _paced_simulator: Simulator, database_url: str, tmp_path: Path) -> Machine:
    """A machine whose API writes at a pace that one can watch."""
    _paced_simulator.reset()
    return Machine(warm=warm, simulator=_paced_simulator, database_url=database_url, folder=tmp_path)


@pytest.mark.chaos
@pytest.mark.parametrize("way", [RUN, SERVICE])
@pytest.mark.parametrize("path", ["chunked", "both"])
def test_units_of_a_stream_that_came_before_its_death_are_not_asked_for_again(path: str, way: str, paced: Machine):
    paced.variables = {"THROUGHLINE_CHAIN_CONCURRENCY": "1", "THROUGHLINE_PARTIAL_SAVE_S": "0"}
    strike(paced, path, way, "mid-stream", _is_partly_saved, losable=True)
    lost = [call for call in read_books(paced.simulator, paced.database_url).lost if call.delivered]
    assert len(lost) == 1
    sent = [Sent(received["body"]).units for received in paced.simulator.requests("POST", MESSAGES)]
    asked_for_once = set(lost[0].delivered)
    assert asked_for_once < set(sent[0])
    assert not any(asked_for_once & set(units) for units in sent[1:])


def _is_partly_saved(machine: Machine) -> bool:
    engine = connect(machine.database_url)
    try:
        with reading(engine) as tx:
            received = select(calls.c.id).where(calls.c.state == CallState.RECEIVED)
            return tx.execute(received).first() is not None
    finally:
        engine.dispose()


def strike(
    machine: Machine, path: str, way: str, name: str, is_time: Callable[[Machine], bool], *, losable: bool
) -> None:
    arguments = [book(machine.folder, CHAPTERS), *OPTIONS, path]
    prove(machine, arguments, path=path, way=way, death=FromOutside(is_time), name=name, losable=losable)
