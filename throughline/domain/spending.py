"""What requests cost, taken apart: list price, the discounts of batch and cache, what was paid, what of it was wasted.

What was paid comes from the ledger and is never computed again. The list price is what the same tokens cost outside a
batch with nothing cached, by the price table of the request's day; both discounts are the way from there to what was
paid, so that list − batch − cache = paid holds to the last digit. A cache that was written and hardly read has a
negative discount.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal

from throughline.domain.pricing import Usage, price_alike
from throughline.errors import CostUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Summed requests of one model, day, price band and way of sending. `key` says what they are grouped by.

    `longest_prompt_tokens` tells the band. `listed` is False where the price is not from the price table: an own
    endpoint's, or a reservation that stands for a usage nobody could read. `in_us` requests were answered in the US,
    which costs more. `fruitless` requests belong to attempts that ended without a single unit. `unknown_usd` is the
    most that lost and open requests may have cost besides.
    """

    key: tuple[str, ...]
    model: str
    day: date
    batch: bool
    listed: bool
    fruitless: bool
    calls: int
    longest_prompt_tokens: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    thinking_tokens: int
    wasted_tokens: int
    paid_usd: Decimal
    unknown_usd: Decimal
    in_us: bool = False

    @property
    def prompt_tokens(self) -> int:
        """All that was read: uncached, written to and read from the cache."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """A sum over requests. `wasted_usd` is a part of `paid_usd`; `unknown_usd` is in neither."""

    calls: int = 0
    prompt_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0
    wasted_tokens: int = 0
    list_usd: Decimal = Decimal(0)
    batch_discount_usd: Decimal = Decimal(0)
    cache_discount_usd: Decimal = Decimal(0)
    paid_usd: Decimal = Decimal(0)
    wasted_usd: Decimal = Decimal(0)
    unknown_usd: Decimal = Decimal(0)

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(**{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(Spent)})


def spent(group: Group) -> Spent:
    """One group's money taken apart."""
    before_batch = group.paid_usd * 2 if group.batch and group.listed else group.paid_usd
    listed = _list_usd(group)
    listed = before_batch if listed is None else listed
    return Spent(
        calls=group.calls,
        prompt_tokens=group.prompt_tokens,
        cache_read_tokens=group.cache_read_tokens,
        cache_write_tokens=group.cache_write_tokens,
        output_tokens=group.output_tokens,
        thinking_tokens=group.thinking_tokens,
        wasted_tokens=group.output_tokens if group.fruitless else group.wasted_tokens,
        list_usd=listed,
        batch_discount_usd=before_batch - group.paid_usd,
        cache_discount_usd=listed - before_batch,
        paid_usd=group.paid_usd,
        wasted_usd=group.paid_usd if group.fruitless else _wasted_usd(group),
        unknown_usd=group.unknown_usd,
    )


def summed(found: Iterable[Spent]) -> Spent:
    """All of them together."""
    return sum(found, Spent())


def by_key(groups: Iterable[Group]) -> dict[tuple[str, ...], Spent]:
    """What each key spent, in the order of its first group."""
    found: dict[tuple[str, ...], Spent] = {}
    for group in groups:
        found[group.key] = found.get(group.key, Spent()) + spent(group)
    return found


def _list_usd(group: Group) -> Decimal | None:
    """The list price; None where no table has one, so that what was paid stands in for it."""
    usage = Usage(input_tokens=group.prompt_tokens, output_tokens=group.output_tokens)
    return priced(group, usage, batch=False)


def _wasted_usd(group: Group) -> Decimal:
    """What the unusable output tokens cost; without a price, their share of what was paid."""
    if group.wasted_tokens == 0:
        return Decimal(0)
    listed = priced(group, Usage(output_tokens=group.wasted_tokens), batch=group.batch)
    if listed is not None:
        return min(listed, group.paid_usd)
    tokens = group.prompt_tokens + group.output_tokens
    return (group.paid_usd * group.wasted_tokens / max(tokens, 1)).quantize(Decimal("1e-12"))


def priced(group: Group, usage: Usage, *, batch: bool) -> Decimal | None:
    """What those tokens cost at the prices of the group's day and band; None where no table has one."""
    if not group.listed:
        return None
    try:
        return price_alike(
            usage,
            group.model,
            prompt_tokens=group.longest_prompt_tokens,
            batch=batch,
            day=group.day,
            in_us=group.in_us,
        )
    except CostUnknown:  # a table that forgot the model: the ledger still has what was paid
        return None
