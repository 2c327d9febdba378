"""The ways in which the API fails at random: which one, where, how often."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.faults.support import BATCH_ITEM
from tests.servers import Simulator

# Place, what, arguments. Of the items, some faults are for those of batches alone.
FAULTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("messages", "status", {"status": 429, "retry_after": 0}),
    ("messages", "status", {"status": 529}),
    ("messages", "drop_before_accept", {}),
    ("messages", "drop_after_accept", {}),
    ("messages", "cut_stream", {"after_chars": 900}),
    ("messages", "cut_stream", {"after_chars": 4000}),
    ("messages", "hang", {"seconds": 0.3}),
    ("batches.create", "status", {"status": 429, "retry_after": 0}),
    ("batches.create", "status", {"status": 529}),
    ("batches.create", "status", {"status": 500}),
    ("batches.create", "drop_before_accept", {}),
    ("batches.create", "drop_after_accept", {}),
    ("batches.create", "hang", {"seconds": 0.3}),
    ("batches.create", "accept_late", {"seconds": 0.3}),
    ("batches.retrieve", "not_found", {}),
    ("batches.retrieve", "status", {"status": 529}),
    ("batches.retrieve", "drop_after_accept", {}),
    ("batches.list", "status", {"status": 529}),
    ("batches.list", "drop_after_accept", {}),
    ("batches.results", "cut_stream", {}),
    ("batches.results", "cut_stream", {"clean": True}),
    ("batches.results", "duplicate_results", {}),
    ("batches.results", "foreign_custom_id", {}),
    ("batches.results", "drop_before_accept", {}),
    ("item", "truncate", {}),
    ("item", "early_end", {}),
    ("item", "malformed_json", {}),
    ("item", "drop_units", {}),
    ("item", "empty_units", {}),
    ("batch item", "errored", {}),
    ("batch item", "expired", {}),
    ("batch item", "canceled", {}),
    ("batch item", "slow", {"seconds": 0.5}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One fault, and how many requests it hits."""

    on: str
    what: str
    times: int
    arguments: dict[str, Any]

    def hit(self, simulator: Simulator) -> None:
        match = BATCH_ITEM if self.on == "batch item" else None
        on = self.on.removeprefix("batch ")
        simulator.faults(on, self.what, times=self.times, match=match, **self.arguments)


def strikes(chance: random.Random) -> Iterator[Strike]:
    """One after another, for ever."""
    while True:
        on, what, arguments = chance.choice(FAULTS)
        yield Strike(on=on, what=what, times=chance.choice([1, 1, 2]), arguments=arguments)
