"""Where chunking hurts in this ledger: its own chains, ranked by what their chunking took."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from storage import overheads
from storage.engine import Tx
from tasks import runtime
from tasks.saving import read_aside
from throughline.domain.job import Kind
from throughline.domain.overhead import Burden, burdens


@dataclass(frozen=True, slots=True, kw_only=True)
class Burdens:
    """The ranking of real or of simulated jobs, with the rate that people's minutes count at."""

    simulated: bool
    usd_per_hour: Decimal
    rows: tuple[Burden, ...]


async def burdened(*, simulated: bool, since: datetime | None = None, kind: Kind | None = None) -> Burdens:
    """What chunking took of the jobs begun since then."""
    rate = runtime.current().settings.review_usd_per_hour

    def gather(tx: Tx) -> tuple[Burden, ...]:
        return burdens(overheads.chains(tx, simulated=simulated, since=since, kind=kind), rate)

    return Burdens(simulated=simulated, usd_per_hour=rate, rows=await read_aside(gather))
