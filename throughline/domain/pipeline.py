"""Where chunking hurts: the log of a pipeline's calls, and what one single pass a document would have cost instead.

The log does not say what a document's text alone measured unless it has `source_tokens`; without it, all that its calls
read is taken to be read once, which makes the single pass dearer than it would be, never cheaper.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from throughline.domain.learning.logs import records, tokens
from throughline.domain.learning.observations import SIZE_CLASS_NAMES, size_class
from throughline.domain.models import Model
from throughline.domain.pricing import UnlistedPrice, Usage, price
from throughline.errors import BadInput

COLUMNS = ("document", "input_tokens", "output_tokens")
PURPOSES = ("part", "glue", "repair")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """One call of the pipeline. `cost_usd` None takes the list price."""

    document: str
    kind: str
    purpose: str
    input_tokens: int
    output_tokens: int
    source_tokens: int
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pain:
    """One kind and size class: what its documents cost, and what single passes would have."""

    kind: str
    size: str
    documents: int
    calls: int
    repeated_tokens: int
    glue_calls: int
    repairs: int
    paid_usd: Decimal
    single_usd: Decimal
    too_long: int

    @property
    def saved_usd(self) -> Decimal:
        """What single passes would have cost less; negative where they would have cost more."""
        return self.paid_usd - self.single_usd


def read_calls(lines: Iterable[str]) -> list[LoggedCall]:
    """The calls of a CSV log.

    Columns: `document`, `input_tokens`, `output_tokens`, and optional `kind`, `purpose` (part, glue or repair),
    `source_tokens` and `cost_usd`. Others are passed over. `BadInput` names the line that cannot be read.
    """
    try:
        return _read(csv.DictReader(lines, strict=True))
    except csv.Error as error:
        raise BadInput(f"The log is no CSV that can be read: {error}.") from None


def _read(reader: "csv.DictReader[str]") -> list[LoggedCall]:
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise BadInput(f"The log has no column {', '.join(missing)}. Its first line must name {', '.join(COLUMNS)}.")
    try:
        found = [_call(record) for record in records(reader)]
    except UnicodeDecodeError:
        raise  # of the file that the lines come from, not of a cell
    except (ValueError, InvalidOperation) as error:
        why = "a cost is not an amount" if isinstance(error, InvalidOperation) else error
        raise BadInput(f"Line {reader.line_num} of the log cannot be read: {why}.") from None
    if not found:
        raise BadInput("The log has no calls below its first line.")
    return found


def _call(record: Mapping[str, str]) -> LoggedCall:
    purpose = (record.get("purpose") or "part").lower()
    if purpose not in PURPOSES:
        raise ValueError(f"the purpose {purpose!r} is none of {', '.join(PURPOSES)}")
    cost = record.get("cost_usd")
    call = LoggedCall(
        document=record["document"],
        kind=record.get("kind") or "any",
        purpose=purpose,
        input_tokens=tokens(record, "input_tokens"),
        output_tokens=tokens(record, "output_tokens"),
        source_tokens=tokens(record, "source_tokens") if record.get("source_tokens") else 0,
        cost_usd=Decimal(cost) if cost else None,
    )
    if not call.document:
        raise ValueError("it names no document")
    if call.cost_usd is not None and not (call.cost_usd.is_finite() and call.cost_usd >= 0):
        raise ValueError("a cost is not an amount")
    return call


def pains(
    calls: Sequence[LoggedCall], model: Model, at: datetime, unlisted: UnlistedPrice | None = None
) -> tuple[Pain, ...]:
    """Kinds and size classes, the one where single passes would have saved most first."""
    priced = _Priced(model=model, at=at, unlisted=unlisted)
    documents: dict[tuple[str, str], list[LoggedCall]] = {}
    for call in calls:
        documents.setdefault((call.kind, call.document), []).append(call)
    groups: dict[tuple[str, int], list[list[LoggedCall]]] = {}
    for (kind, _), mine in documents.items():
        groups.setdefault((kind, size_class(_written(mine))), []).append(mine)
    found = [_pain(kind, size, group, priced) for (kind, size), group in groups.items()]
    return tuple(sorted(found, key=lambda pain: (-pain.saved_usd, pain.kind, pain.size)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Priced:
    """The model that a single pass would run on, at the prices of that moment."""

    model: Model
    at: datetime
    unlisted: UnlistedPrice | None

    def usd(self, input_tokens: int, output_tokens: int, *, batch: bool) -> Decimal:
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        return price(usage, self.model.id, batch=batch, at=self.at, unlisted=self.unlisted).usd


def _pain(kind: str, size: int, group: list[list[LoggedCall]], priced: _Priced) -> Pain:
    calls = [call for mine in group for call in mine]
    return Pain(
        kind=kind,
        size=SIZE_CLASS_NAMES[size],
        documents=len(group),
        calls=len(calls),
        repeated_tokens=sum(sum(call.input_tokens for call in mine) - _source(mine) for mine in group),
        glue_calls=sum(call.purpose == "glue" for call in calls),
        repairs=sum(call.purpose == "repair" for call in calls),
        paid_usd=sum((_cost(call, priced) for call in calls), Decimal(0)),
        single_usd=sum((_single(mine, priced) for mine in group), Decimal(0)),
        too_long=sum(_written(mine) > priced.model.batch_output_tokens for mine in group),
    )


def _cost(call: LoggedCall, priced: _Priced) -> Decimal:
    if call.cost_usd is not None:
        return call.cost_usd
    return priced.usd(call.input_tokens, call.output_tokens, batch=False)


def _single(mine: list[LoggedCall], priced: _Priced) -> Decimal:
    """One batch request that reads the source once and writes all but what repairs wrote again. One whose output does
    not fit stays as it is."""
    if _written(mine) > priced.model.batch_output_tokens:
        return sum((_cost(call, priced) for call in mine), Decimal(0))
    return priced.usd(_source(mine), _written(mine), batch=True)


def _written(mine: list[LoggedCall]) -> int:
    return sum(call.output_tokens for call in mine if call.purpose != "repair")


def _source(mine: list[LoggedCall]) -> int:
    read = sum(call.input_tokens for call in mine)
    stated = max(call.source_tokens for call in mine)
    return min(stated, read) if stated else read
