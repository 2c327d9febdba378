"""A log of requests, read strictly: what cannot be meant as it stands is refused with its line, never guessed.

A log is a file of somebody else's making. A thousands separator that splits a cell, or a mark of a cut answer that is
not known, would otherwise shift every figure that follows without a word.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from throughline.errors import BadInput

COLUMNS = ("time", "input_tokens", "output_tokens")
OPTIONAL_COLUMNS = ("kind", "truncated")
MOST_TOKENS = 1_000_000_000  # of one request; more is a wrong column or a wrong unit
_TRUNCATED = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}
_SHOWN = 60  # characters of what cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One request of a log. `truncated`: the output was cut, so it would have been longer."""

    at: datetime
    input_tokens: int
    output_tokens: int
    kind: str = "any"
    truncated: bool = False


def read_rows(lines: Iterable[str]) -> list[Row]:
    """The rows of a CSV log in time order.

    Columns: `time` (ISO 8601; without an offset it is UTC), `input_tokens`, `output_tokens`, and optional `kind`
    and `truncated` (1, true or yes; 0, false, no or nothing). Others are passed over. `BadInput` names the line that
    cannot be read.
    """
    reader = csv.DictReader(lines, strict=True)
    try:
        _require_columns(reader.fieldnames or ())
        rows = [_row(record) for record in records(reader)]
    except UnicodeDecodeError:
        raise  # of the file that the lines come from, not of a cell
    except (csv.Error, ValueError) as error:
        raise BadInput(f"Line {max(reader.reader.line_num, 1)} of the log cannot be read: {error}.") from None
    if not rows:
        raise BadInput("The log has no rows below its first line. Each row stands for one request.")
    return sorted(rows, key=lambda row: row.at)


def _require_columns(names: Iterable[str]) -> None:
    given = Counter(names)
    wanted = f"Its first line must name {', '.join(COLUMNS)}, separated by commas"
    if missing := [name for name in COLUMNS if name not in given]:
        raise BadInput(f"The log has no column {', '.join(missing)}. {wanted}; it is {_shown(','.join(given))}.")
    if twice := [name for name in (*COLUMNS, *OPTIONAL_COLUMNS) if given[name] > 1]:
        raise BadInput(f"The log has the column {twice[0]} more than once. {wanted}.")


def records(reader: Iterable[Mapping[str | Any, Any]]) -> Iterator[dict[str, str]]:
    """Each record as text; a row that ends early or goes on beyond the columns is a `ValueError`."""
    for record in reader:
        cells = dict(record)
        if None in cells:
            raise ValueError("it has more cells than the log has columns")
        if None in cells.values():
            raise ValueError("it has fewer cells than the log has columns")
        yield {name: cell.strip() for name, cell in cells.items()}


def _row(record: Mapping[str, str]) -> Row:
    truncated = record.get("truncated", "").lower()
    if truncated not in _TRUNCATED:
        raise ValueError(f"truncated is {_shown(truncated)}, neither 1 nor 0")
    return Row(
        at=_time(record["time"]),
        input_tokens=tokens(record, "input_tokens"),
        output_tokens=tokens(record, "output_tokens"),
        kind=record.get("kind") or "any",
        truncated=_TRUNCATED[truncated],
    )


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time is {_shown(text)}, not ISO 8601 such as 2026-01-31T10:00:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def tokens(record: Mapping[str, str], name: str) -> int:
    """That cell as a number of tokens; anything but plain digits is a `ValueError`."""
    text = record[name]
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{name} is {_shown(text)}, not a whole number in plain digits")
    if len(text) > len(str(MOST_TOKENS)) or int(text) > MOST_TOKENS:
        raise ValueError(f"{name} is {_shown(text)}, more than {MOST_TOKENS:,}")
    return int(text)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
