"""What chunking cost beside writing: measured over the chains that a ledger holds, the dearest kind and size first.

Five overheads are counted, none twice: input read again by the calls that write, calls that write no unit (outline and
closing), calls that write something again (repairs and continuations), text of which the output says most again, and
minutes of reading. All but the minutes are taken from what was paid. A single pass has some of them, too; what it has
less is for `throughline compare` to say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any

from throughline.domain.chain import LinkKind
from throughline.domain.job import Role
from throughline.domain.learning.observations import SIZE_CLASS_NAMES, size_class
from throughline.domain.ownership import human_usd
from throughline.domain.pricing import Usage
from throughline.domain.report import dollars
from throughline.domain.spending import Group, priced

LEAST_JOBS = 6
"""Below so many jobs a row has no rank. Of six jobs the least and the greatest overhead enclose the median of all such
jobs with 97 % confidence (1 - 2/2^6); of five with 94 %."""
_EXACT = Decimal("1e-12")
_ZERO = Decimal(0)


class Purpose(StrEnum):
    """What a call of a chain was for."""

    WRITING = "writing"
    GLUE = "glue"
    AGAIN = "again"


_PURPOSES = {
    LinkKind.PART: Purpose.WRITING,
    LinkKind.OUTLINE: Purpose.GLUE,
    LinkKind.CLOSING: Purpose.GLUE,
    LinkKind.REPAIR: Purpose.AGAIN,
    LinkKind.CONTINUATION: Purpose.AGAIN,
}


def purpose(role: Role, kind: LinkKind) -> Purpose:
    """What a call of that link was for; all calls of a repair write again."""
    return Purpose.AGAIN if role is Role.REPAIR else _PURPOSES[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Summed calls of one purpose and price."""

    purpose: Purpose
    group: Group


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One job's chunked chain, as the ledger has it.

    `single_pass_tokens` is the prompt of a single pass over the same sources: counted where one ran (`once_counted`),
    else as the plan estimated it. `repeated_share` (0 to 1) is what its check for repetition found, None without one.
    """

    kind: str
    forecast_tokens: int
    single_pass_tokens: int
    once_counted: bool
    calls: tuple[Calls, ...]
    repeated_share: float | None
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """What one or many chains took beside reading the sources once and writing the output once. Tokens and USD."""

    repeated_tokens: int = 0
    repeated_usd: Decimal = Decimal(0)
    glue_calls: int = 0
    glue_tokens: int = 0
    glue_usd: Decimal = Decimal(0)
    again_calls: int = 0
    again_tokens: int = 0
    again_usd: Decimal = Decimal(0)
    duplicated_tokens: int = 0
    duplicated_usd: Decimal = Decimal(0)
    minutes: float = 0.0
    human_usd: Decimal = Decimal(0)

    @property
    def total_usd(self) -> Decimal:
        """All five in dollars, people's time at its rate."""
        return self.repeated_usd + self.glue_usd + self.again_usd + self.duplicated_usd + self.human_usd

    def __add__(self, other: "Overhead") -> "Overhead":
        added = {field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(Overhead)}
        return Overhead(**added)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burden:
    """One kind and size class. `rank` is None below `LEAST_JOBS`; `once_counted` jobs ran a single pass, too."""

    kind: str
    size: str
    jobs: int
    once_counted: int
    overhead: Overhead
    paid_usd: Decimal
    rank: int | None

    @property
    def says(self) -> str:
        """What may be said of it."""
        return f"too few to say ({self.jobs} of {LEAST_JOBS})" if self.rank is None else f"rank {self.rank}"

    @property
    def usd_a_job(self) -> Decimal:
        """The mean overhead of a job."""
        return (self.overhead.total_usd / self.jobs).quantize(_EXACT)


def measured(chain: Chain, usd_per_hour: Decimal) -> Overhead:
    """The overhead of one chain."""
    writing = [each.group for each in chain.calls if each.purpose is Purpose.WRITING]
    glue = [each.group for each in chain.calls if each.purpose is Purpose.GLUE]
    again = [each.group for each in chain.calls if each.purpose is Purpose.AGAIN]
    repeated_tokens, repeated_usd = _repeated(writing, chain.single_pass_tokens)
    share = Decimal(str(chain.repeated_share or 0))
    return Overhead(
        repeated_tokens=repeated_tokens,
        repeated_usd=repeated_usd,
        glue_calls=_calls(glue),
        glue_tokens=_tokens(glue),
        glue_usd=_paid(glue),
        again_calls=_calls(again),
        again_tokens=_tokens(again),
        again_usd=_paid(again),
        duplicated_tokens=round(share * sum(_visible(group) for group in writing)),
        duplicated_usd=sum((_output_usd(group, _visible(group)) * share for group in writing), _ZERO).quantize(_EXACT),
        minutes=chain.minutes,
        human_usd=human_usd(chain.minutes, usd_per_hour),
    )


def _repeated(writing: Sequence[Group], once_tokens: int) -> tuple[int, Decimal]:
    """Tokens that the writing calls read beyond one reading, and what all their reading cost beyond it.

    A single call repeats nothing, whatever the estimate says; one reading is as long as the longest prompt at least.
    """
    if _calls(writing) < 2:
        return 0, Decimal(0)
    once = max(once_tokens, *(group.longest_prompt_tokens for group in writing))
    read = sum(group.prompt_tokens for group in writing)
    if read <= once:
        return 0, Decimal(0)
    paid = sum((group.paid_usd - _output_usd(group, group.output_tokens) for group in writing), Decimal(0))
    listed = priced(writing[0], Usage(input_tokens=once), batch=writing[0].batch)
    reading_once = listed if listed is not None else (paid * once / read).quantize(_EXACT)
    return read - once, max(paid - reading_once, Decimal(0))


def _output_usd(group: Group, tokens: int) -> Decimal:
    """What so many of its output tokens cost; without a price their share of what was paid."""
    if (listed := priced(group, Usage(output_tokens=tokens), batch=group.batch)) is not None:
        return min(listed, group.paid_usd)
    return (group.paid_usd * tokens / max(group.prompt_tokens + group.output_tokens, 1)).quantize(_EXACT)


def _visible(group: Group) -> int:
    return group.output_tokens - group.thinking_tokens


def _calls(groups: Iterable[Group]) -> int:
    return sum(group.calls for group in groups)


def _tokens(groups: Iterable[Group]) -> int:
    return sum(group.prompt_tokens + group.output_tokens for group in groups)


def _paid(groups: Iterable[Group]) -> Decimal:
    return sum((group.paid_usd for group in groups), Decimal(0))


def burdens(chains: Iterable[Chain], usd_per_hour: Decimal) -> tuple[Burden, ...]:
    """Kinds and size classes (by forecast), the dearest overhead first; those of too few jobs after all others."""
    groups: dict[tuple[str, int], list[Chain]] = {}
    for chain in chains:
        groups.setdefault((chain.kind, size_class(chain.forecast_tokens)), []).append(chain)
    summed = [(key, mine, _sum(mine, usd_per_hour)) for key, mine in groups.items()]
    summed.sort(key=lambda each: (len(each[1]) < LEAST_JOBS, -each[2].total_usd, each[0]))
    return tuple(
        Burden(
            kind=kind,
            size=SIZE_CLASS_NAMES[size],
            jobs=len(mine),
            once_counted=sum(chain.once_counted for chain in mine),
            overhead=overhead,
            paid_usd=_paid(each.group for chain in mine for each in chain.calls),
            rank=None if len(mine) < LEAST_JOBS else place,
        )
        for place, ((kind, size), mine, overhead) in enumerate(summed, start=1)
    )


def _sum(chains: Iterable[Chain], usd_per_hour: Decimal) -> Overhead:
    return sum((measured(chain, usd_per_hour) for chain in chains), Overhead())


def notes(usd_per_hour: Decimal, found: Sequence[Burden]) -> tuple[str, ...]:
    """What a reader of the table must know."""
    jobs, counted = sum(burden.jobs for burden in found), sum(burden.once_counted for burden in found)
    return (
        "Ranked by the dollars of all five together. Read again: input beyond one reading, which was counted for "
        f"{counted} of {jobs} jobs, whose single pass ran too, and is the plan's estimate for the others.",
        "Glue: calls for outline and closing. Again: repairs and continuations. Said twice: the share of sentences "
        "that repeat an earlier one, as output tokens. A single pass has some of it, too: see throughline compare.",
        f"People: minutes of reading at ${dollars(usd_per_hour)} an hour, of outputs that the chain wrote.",
    )


def to_json(found: Sequence[Burden]) -> list[dict[str, Any]]:  # Any: JSON values
    """The rows in their order; money is a string of dollars, exact."""
    return [_row(burden) for burden in found]


def _row(burden: Burden) -> dict[str, Any]:  # Any: JSON values
    overhead = {field.name: getattr(burden.overhead, field.name) for field in fields(Overhead)}
    return {
        "rank": burden.rank,
        "says": burden.says,
        "kind": burden.kind,
        "size": burden.size,
        "jobs": burden.jobs,
        "once_counted": burden.once_counted,
        **{name: dollars(value) if isinstance(value, Decimal) else value for name, value in overhead.items()},
        "overhead_usd": dollars(burden.overhead.total_usd),
        "overhead_usd_a_job": dollars(burden.usd_a_job),
        "paid_usd": dollars(burden.paid_usd),
    }
