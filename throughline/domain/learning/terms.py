"""What both paths cost, take and allow where only lengths are known: the terms of a replay."""

import math
from dataclasses import dataclass
from decimal import Decimal

from throughline.domain.job import Path
from throughline.domain.learning.costs import Knobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What one path takes: tokens in USD, the rest of a cut answer included, and hours until it is whole."""

    tokens_usd: Decimal
    hours: float

    def total_usd(self, knobs: Knobs) -> Decimal:
        """With the price of waiting."""
        return self.tokens_usd + Decimal(self.hours) * knobs.waiting_usd_per_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the paths cost, take and allow. Prices in USD a million tokens, outside a batch.

    The chain reads each source token once and `reread_share` of it again, in price, with each further link
    (0.1 where links read the whole corpus from the cache). Each call has `prompt_tokens` of its own.
    """

    input_usd_per_mtok: Decimal
    output_usd_per_mtok: Decimal
    batch_price_share: Decimal = Decimal("0.5")
    single_cap_tokens: int = 300_000
    link_output_tokens: int = 16_000
    prompt_tokens: int = 2_000
    reread_share: Decimal = Decimal(0)
    batch_queue_hours: float = 0.5
    batch_tokens_per_hour: float = 128_000
    link_tokens_per_hour: float = 250_000
    concurrent_links: int = 4

    def single_tokens_usd(self, input_tokens: int, output_tokens: float) -> Decimal:
        """Token cost of a single pass that ends at its cap."""
        written = min(output_tokens, self.single_cap_tokens)
        return self._usd(Decimal(input_tokens + self.prompt_tokens), written) * self.batch_price_share

    def single_hours(self, output_tokens: float) -> float:
        """Hours until a single pass is back."""
        return self.batch_queue_hours + min(output_tokens, self.single_cap_tokens) / self.batch_tokens_per_hour

    def links(self, output_tokens: float) -> int:
        """Calls of a chain that writes so much."""
        return max(1, math.ceil(output_tokens / self.link_output_tokens))

    def chunked_tokens_usd(self, input_tokens: int, output_tokens: float) -> Decimal:
        """Token cost of a chain."""
        links = self.links(output_tokens)
        read = input_tokens * (1 + self.reread_share * (links - 1)) + self.prompt_tokens * links
        return self._usd(read, output_tokens)

    def chunked_hours(self, output_tokens: float) -> float:
        """Hours until a chain has ended."""
        links = self.links(output_tokens)
        return math.ceil(links / self.concurrent_links) * (output_tokens / links) / self.link_tokens_per_hour

    def spent(self, path: Path, input_tokens: int, output_tokens: int) -> Spent:
        """What that path takes for an output of that size; a single pass that is cut goes on as a chain."""
        if path is Path.CHUNKED:
            usd, hours = self.chunked_tokens_usd(input_tokens, output_tokens), self.chunked_hours(output_tokens)
            return Spent(tokens_usd=usd, hours=hours)
        usd, hours = self.single_tokens_usd(input_tokens, output_tokens), self.single_hours(output_tokens)
        if (missing := output_tokens - self.single_cap_tokens) > 0:
            usd += self.chunked_tokens_usd(input_tokens, missing)
            hours += self.chunked_hours(missing)
        return Spent(tokens_usd=usd, hours=hours)

    def _usd(self, input_tokens: Decimal, output_tokens: float) -> Decimal:
        output_usd = Decimal(output_tokens) * self.output_usd_per_mtok
        return (input_tokens * self.input_usd_per_mtok + output_usd) / 1_000_000
