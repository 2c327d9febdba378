"""The estimator and the router over a log of requests, in time order, never looking ahead.

A log shows what lengths were, not what an outline asked for and not what the other path would have
written. So each row's prior is the typical length of earlier rows of its kind, and both paths are taken to write
the tokens that the log has: costs and times of both then follow from `Terms`. What a replay shows is how well
sizes were foreseen and what the choices would have cost at those terms. It says nothing about quality, and
nothing about repairs or review, which are the same on both paths here.
"""

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from throughline.domain.job import Path
from throughline.domain.learning.costs import Knobs, PathInputs, compare, likely_cut, total_cost
from throughline.domain.learning.observations import Observation, Profile
from throughline.domain.learning.report import (
    BothKnown,
    RoutingReport,
    SizeReport,
    Trial,
    routing_lines,
    routing_report,
    size_lines,
    size_report,
    trial,
)
from throughline.domain.learning.sizes import SizeForecast, SizeLearner
from throughline.errors import BadInput

COLUMNS = ("time", "input_tokens", "output_tokens")
FIRST_PRIOR_TOKENS = 1_000.0  # before any row was seen
_PRIOR_JOBS = 1  # a kind's typical length stands on its own rows and four of all rows
_PRIOR_LOG_SPREAD = 0.7  # lengths within a kind vary by a factor of 2; corrected by what is seen
_UNKNOWN_KIND_LOG_SPREAD = 2.0  # a kind without rows may be typically seven times larger or smaller than the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request of a log. `truncated`: the output was cut, so it would have been longer."""

    at: datetime
    input_tokens: int
    output_tokens: int
    kind: str = "any"
    truncated: bool = False


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

    def total_usd(self, path: Path, input_tokens: int, output_tokens: int, knobs: Knobs) -> Decimal:
        """What that path would have cost in all, rework and waiting included."""
        missing = output_tokens - self.single_cap_tokens
        if path is Path.CHUNKED:
            usd, hours = self.chunked_tokens_usd(input_tokens, output_tokens), self.chunked_hours(output_tokens)
        else:
            usd, hours = self.single_tokens_usd(input_tokens, output_tokens), self.single_hours(output_tokens)
            if missing > 0:
                usd += self.chunked_tokens_usd(input_tokens, missing)
                hours += self.chunked_hours(missing)
        return usd + Decimal(hours) * knobs.waiting_usd_per_hour

    def _usd(self, input_tokens: Decimal, output_tokens: float) -> Decimal:
        output_usd = Decimal(output_tokens) * self.output_usd_per_mtok
        return (input_tokens * self.input_usd_per_mtok + output_usd) / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the router chose for a row, before it saw the row's output."""

    row: Row
    forecast: SizeForecast
    path: Path
    by_cost: Path
    reason: str
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A log replayed: every decision, and the two reports that `calibrate` gives too."""

    decisions: tuple[Decision, ...]
    sizes: SizeReport
    routing: RoutingReport

    @property
    def lines(self) -> list[str]:
        """The reports, as lines to print."""
        single = [decision for decision in self.decisions if decision.path is Path.SINGLE_PASS]
        cuts = sum(decision.cut for decision in single)
        return [
            *size_lines(self.sizes),
            *routing_lines(self.routing),
            f"single passes that would have been cut: {cuts} of {len(single)}",
        ]


def read_rows(lines: Iterable[str]) -> list[Row]:
    """The rows of a CSV log in time order.

    Columns: `time` (ISO 8601; without an offset it is UTC), `input_tokens`, `output_tokens`, and optional `kind`
    and `truncated` (1, true or yes). Others are passed over. `BadInput` names the line that cannot be read.
    """
    reader = csv.DictReader(lines)
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise BadInput(f"The log has no column {', '.join(missing)}. Its first line must name {', '.join(COLUMNS)}.")
    rows: list[Row] = []
    for record in reader:
        try:
            rows.append(_row(record))
        except (TypeError, ValueError) as error:
            raise BadInput(f"Line {reader.line_num} of the log cannot be read: {error}.") from None
    return sorted(rows, key=lambda row: row.at)


def _row(record: dict[str, str]) -> Row:
    at = datetime.fromisoformat(record["time"])
    row = Row(
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
        input_tokens=int(record["input_tokens"]),
        output_tokens=int(record["output_tokens"]),
        kind=record.get("kind") or "any",
        truncated=(record.get("truncated") or "").lower() in ("1", "true", "yes"),
    )
    if row.input_tokens < 0 or row.output_tokens < 0:
        raise ValueError("a number of tokens is negative")
    return row


def replay(rows: Sequence[Row], terms: Terms, knobs: Knobs, *, threshold_tokens: int = 16_000) -> Replay:
    """Forecast, choose, look, learn: one row after another, in the order of time."""
    learner = SizeLearner()
    typical = _TypicalLength()
    trials: list[Trial] = []
    decisions: list[Decision] = []
    for row in sorted(rows, key=lambda row: row.at):
        profile = _profile(row, typical, terms)
        observation = Observation(at=row.at, profile=profile, actual_tokens=row.output_tokens, censored=row.truncated)
        decisions.append(decide(row, learner.forecast(profile), terms, knobs))
        trials.append(trial(learner.add(observation), observation))
        typical.add(row)
    known = [both_known(decision, terms, knobs) for decision in decisions]
    return Replay(
        decisions=tuple(decisions),
        sizes=size_report(trials),
        routing=routing_report(known, threshold_tokens),
    )


class _TypicalLength:
    """The geometric mean of earlier outputs, of a kind, leaning on all kinds while it has few rows."""

    def __init__(self) -> None:
        self._logs: dict[str, tuple[float, int]] = {}
        self._all = (math.log(FIRST_PRIOR_TOKENS), 0)

    def tokens(self, kind: str) -> float:
        """The prior of the next row of that kind."""
        mean, rows = self._logs.get(kind, (0.0, 0))
        return math.exp((mean * rows + self._all[0] * _PRIOR_JOBS) / (rows + _PRIOR_JOBS))

    def log_spread(self, kind: str) -> float:
        """How far off that prior may be (log standard deviation): wide for a kind with few rows."""
        _, rows = self._logs.get(kind, (0.0, 0))
        return math.hypot(_PRIOR_LOG_SPREAD, _UNKNOWN_KIND_LOG_SPREAD * _PRIOR_JOBS / (rows + _PRIOR_JOBS))

    def add(self, row: Row) -> None:
        log_size = math.log(max(row.output_tokens, 1))
        self._logs[row.kind] = _with(self._logs.get(row.kind, (0.0, 0)), log_size)
        self._all = _with(self._all, log_size)


def _with(mean_of: tuple[float, int], value: float) -> tuple[float, int]:
    mean, count = mean_of
    return mean + (value - mean) / (count + 1), count + 1


def _profile(row: Row, typical: _TypicalLength, terms: Terms) -> Profile:
    return Profile(
        kind=row.kind,
        model="",
        depth="",
        path="",
        prompt_version="",
        prior_tokens=typical.tokens(row.kind),
        worst_tokens=terms.single_cap_tokens,
        log_spread=typical.log_spread(row.kind),
        source_tokens=row.input_tokens,
    )


def decide(row: Row, forecast: SizeForecast, terms: Terms, knobs: Knobs) -> Decision:
    """Feasibility first (a cut must not be likelier than the risk that is borne), then the cheaper expected total."""
    single = total_cost(_single_inputs(row, forecast, terms), knobs)
    chunked = total_cost(_chunked_inputs(row, forecast, terms), knobs)
    verdict = compare(single, chunked)
    path, reason = verdict.cheaper.path, verdict.sentence
    if (refused := _likely_cut(forecast, terms, knobs)) is not None:
        path, reason = Path.CHUNKED, refused
    cut = path is Path.SINGLE_PASS and row.output_tokens > terms.single_cap_tokens
    return Decision(row=row, forecast=forecast, path=path, by_cost=verdict.cheaper.path, reason=reason, cut=cut)


def _likely_cut(forecast: SizeForecast, terms: Terms, knobs: Knobs) -> str | None:
    """Why a single pass is not sent, as in a plan; None where its chance of a cut is borne."""
    bound = forecast.bound(knobs.risk_of_cut)
    if bound <= terms.single_cap_tokens:
        return None
    return likely_cut(bound, knobs.risk_of_cut, terms.single_cap_tokens)


def _single_inputs(row: Row, forecast: SizeForecast, terms: Terms) -> PathInputs:
    beyond = forecast.overrun(terms.single_cap_tokens)
    written = max(forecast.expected_tokens - beyond.chance * beyond.tokens, 0)
    hours = terms.single_hours(written) + beyond.chance * terms.chunked_hours(beyond.tokens)
    return _inputs(
        Path.SINGLE_PASS,
        tokens_usd=terms.single_tokens_usd(row.input_tokens, written),
        truncation_chance=beyond.chance,
        rework_usd=terms.chunked_tokens_usd(row.input_tokens, beyond.tokens),
        hours=hours,
    )


def _chunked_inputs(row: Row, forecast: SizeForecast, terms: Terms) -> PathInputs:
    return _inputs(
        Path.CHUNKED,
        tokens_usd=terms.chunked_tokens_usd(row.input_tokens, forecast.expected_tokens),
        truncation_chance=0.0,  # a link is asked for what fits it
        rework_usd=Decimal(0),
        hours=terms.chunked_hours(forecast.expected_tokens),
    )


def _inputs(
    path: Path,
    *,
    tokens_usd: Decimal,
    truncation_chance: float,
    rework_usd: Decimal,
    hours: float,
) -> PathInputs:
    return PathInputs(
        path=path,
        tokens_usd=tokens_usd,
        truncation_chance=truncation_chance,
        rework_usd=rework_usd,
        repairs=0.0,
        repair_usd=Decimal(0),
        review_minutes=0.0,
        hours=hours,
    )


def both_known(decision: Decision, terms: Terms, knobs: Knobs) -> BothKnown:
    """What both paths would have cost for a row, once its output is seen."""
    row = decision.row
    return BothKnown(
        chosen=decision.path,
        by_cost=decision.by_cost,
        source_tokens=row.input_tokens,
        expected_tokens=decision.forecast.expected_tokens,
        single_usd=terms.total_usd(Path.SINGLE_PASS, row.input_tokens, row.output_tokens, knobs),
        chunked_usd=terms.total_usd(Path.CHUNKED, row.input_tokens, row.output_tokens, knobs),
    )
