"""A process that dies at any boundary between ledger and network costs nothing twice and loses nothing.

A real child process is killed with SIGKILL at a named place, and others go on: the same `throughline run` again,
or the service's next sweeps and collects. The whole matrix is `make chaos`; `make test` runs a part of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.chaos.children import Machine
from tests.chaos.lives import OPTIONS, RUN, SERVICE, AtPlace, prove
from tests.faults.support import BATCH_ITEM, book
from throughline.failpoints import Failpoint

# These two lie between the ledger and Prefect's server: tests/e2e proves them with a real one, on both databases.
UNDER_PREFECT = {Failpoint.BEFORE_SUSPEND, Failpoint.COLLECT_BEFORE_RESUME}
BY_CHAIN = {place for place in Failpoint if place.startswith(("link", "chain", "attempt"))}
BY_SERVICE = {place for place in Failpoint if place.startswith(("sweep", "collect"))} | {Failpoint.PUT_ASIDE}
BY_BATCH = {place for place in Failpoint if place.startswith(("batch", "ingest"))} | {
    Failpoint.SWEEP_AFTER_SUBMIT,
    Failpoint.COLLECT_BEFORE_INGEST,
    Failpoint.PUT_ASIDE,
}
SINGLE_PASS, CHUNKED, BOTH = "single_pass", "chunked", "both"
CUT = "cut"  # a single pass that is cut off and completed by the chain
CHAPTERS = 9  # two links and a closing


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Where which job dies, and who goes on with it."""

    way: str
    path: str
    place: Failpoint

    def __str__(self) -> str:
        return f"{self.way}-{self.path}-{self.place}"


QUICK = (
    Case(way=RUN, path=BOTH, place=Failpoint.BATCH_AFTER_INTENT),
    Case(way=RUN, path=SINGLE_PASS, place=Failpoint.BATCH_AFTER_POST),
    Case(way=RUN, path=CUT, place=Failpoint.INGEST_AFTER_RECORD),
    Case(way=RUN, path=CHUNKED, place=Failpoint.LINK_PARTLY_SAVED),
    Case(way=SERVICE, path=SINGLE_PASS, place=Failpoint.SWEEP_CLAIMED),
    Case(way=SERVICE, path=SINGLE_PASS, place=Failpoint.BATCH_AFTER_POST),
    Case(way=SERVICE, path=BOTH, place=Failpoint.PUT_ASIDE),
    Case(way=SERVICE, path=CHUNKED, place=Failpoint.LINK_AFTER_RECORD),
)


def cases() -> Iterator[Case]:
    """Every place on every path that passes it."""
    for way in (RUN, SERVICE):
        for path in (SINGLE_PASS, CHUNKED, BOTH, CUT):
            for place in Failpoint:
                if _passes(way, path, place):
                    yield Case(way=way, path=path, place=place)


def _passes(way: str, path: str, place: Failpoint) -> bool:
    if place in UNDER_PREFECT or (way == RUN and place in BY_SERVICE):
        return False
    if path == CHUNKED:
        return place not in BY_BATCH
    return path != SINGLE_PASS or place not in BY_CHAIN


@pytest.mark.parametrize("case", QUICK, ids=str)
def test_a_process_that_is_killed_costs_nothing_twice(case: Case, machine: Machine):
    kill_at(case, machine)


@pytest.mark.chaos
@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_every_place_on_every_path_and_database(case: Case, machine_on_each: Machine):
    kill_at(case, machine_on_each)


def kill_at(case: Case, machine: Machine) -> None:
    machine.variables = {
        "THROUGHLINE_CHAIN_CONCURRENCY": "1",
        "THROUGHLINE_PARTIAL_SAVE_S": "0",
        "THROUGHLINE_LEASE_S": "2",  # what died with leave to post is looked for until a quarter of it has passed
    }
    if case.place is Failpoint.PUT_ASIDE and case.path != BOTH:
        # The sweep that sends a first submission puts the job aside itself; the second one, after an item that
        # cost nothing, passes here.
        machine.simulator.faults("item", "errored", match=BATCH_ITEM)
    if case.path == CUT:
        machine.simulator.faults("item", "truncate", times=-1, match=BATCH_ITEM, after_units=4)
    path = SINGLE_PASS if case.path == CUT else case.path
    arguments = [book(machine.folder, CHAPTERS), *OPTIONS, path]
    # Beside a batch a link may be under way; where an answer is partly saved, the rest was under way; and nobody can
    # tell whether a link was sent whose process died with the leave to send it.
    losable = case.path == BOTH or case.place in (Failpoint.LINK_AFTER_INTENT, Failpoint.LINK_PARTLY_SAVED)
    prove(machine, arguments, path=case.path, way=case.way, death=AtPlace(case.place), name=case.place, losable=losable)
