"""What is compared of both paths of one job: each measure with what it means and what it does not.

Values are exact decimals, so that an output beside itself differs by nothing and swapped sides differ by the sign.
There is no composite of them and no winner: which measure counts is for people to say.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from throughline.domain.comparison import Side
from throughline.domain.report import dollars
from throughline.domain.spending import Spent

Values = Mapping[str, Decimal | None]
_LESS = "Nothing about what was written."


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What one check found in a side's output."""

    errors: int
    warnings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of one side. `tenths` are figures by tenth of the output; `minutes` None where nobody knows."""

    side: Side
    spent: Spent
    waiting_s: float
    confidence: float | None
    checks: Mapping[str, Checked]
    tenths: Mapping[str, Sequence[float | None]]
    minutes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure of a side. `unit` is `$`, `s`, `min`, `share` or empty for a count."""

    key: str
    title: str
    unit: str
    means: str
    means_not: str


_Number = int | float | Decimal | None


def _verified_share(facts: Facts) -> float | None:
    counts = facts.side.citations
    quotes = counts.verified + counts.altered + counts.missing
    return round(counts.verified / quotes, 6) if quotes else None


_Row = tuple[str, str, str, str, str, Callable[[Facts], _Number]]
_ROWS: tuple[_Row, ...] = (
    ("list_usd", "cost at list price", "$", "The same tokens outside a batch, nothing cached.", "What you pay.",
     lambda f: f.spent.list_usd),
    ("paid_usd", "cost paid", "$", "All that the side took, failed tries and repairs included.",
     "People's time, or that the text is worth it.", lambda f: f.spent.paid_usd),
    ("wasted_usd", "of it wasted", "$", "Answers nobody can use, and attempts that brought nothing.",
     "Text that was paid for and is merely weak.", lambda f: f.spent.wasted_usd),
    ("calls", "calls", "", "Paid requests.", _LESS, lambda f: f.spent.calls),
    ("prompt_tokens", "input tokens", "", "All that was read, the same text as often as it was sent.", _LESS,
     lambda f: f.spent.prompt_tokens),
    ("cache_read_tokens", "of them from the cache", "", "Text read again at a tenth of its price or less.", _LESS,
     lambda f: f.spent.cache_read_tokens),
    ("cache_write_tokens", "of them to the cache", "", "Text kept for later calls, dearer than reading it once.", _LESS,
     lambda f: f.spent.cache_write_tokens),
    ("output_tokens", "output tokens", "", "How much was written.", "That more of it is better.",
     lambda f: f.spent.output_tokens),
    ("thinking_tokens", "of them thinking", "", "Paid for and not shown.", "Care, or the lack of it.",
     lambda f: f.spent.thinking_tokens),
    ("wasted_tokens", "of them wasted", "", "Written and not usable.", "Repetition: that is counted below.",
     lambda f: f.spent.wasted_tokens),
    ("wall_s", "wall time", "s", "From the side's first request to its end.",
     "The time at another hour: queues differ.", lambda f: f.side.wall_s),
    ("waiting_s", "of it waiting for batches", "s", "A batch was on its way and no process was held.",
     "Work: a batch mostly waits its turn.", lambda f: f.waiting_s),
    ("units", "units written", "", "How much of the outline is there.", "How good it is.", lambda f: f.side.units),
    ("units_missing", "units missing", "", "What the outline asks for and the side lacks.", "That it matters to you.",
     lambda f: None if f.side.units_wanted is None else max(f.side.units_wanted - f.side.units, 0)),
    ("verified", "quotes verified", "", "Word for word in the source that is named.",
     "That they support what is said.", lambda f: f.side.citations.verified),
    ("altered", "quotes altered", "", "Nearly in the source: a digit or a 'not' may have changed.",
     "A lie: it may be a typist's slip.", lambda f: f.side.citations.altered),
    ("missing", "quotes missing", "", "In no source that is named.", "That the statement is false.",
     lambda f: f.side.citations.missing),
    ("verified_share", "share of quotes verified", "share", "Verified of all quotes.",
     "Anything about what is said without a quote.", _verified_share),
    ("confidence", "confidence, mean", "share", "What the model says of itself.", "That it is right.",
     lambda f: f.confidence),
    ("minutes", "minutes of reading", "min", "Active time on the pages, of the side that was published.",
     "Time on the other side: a person may have read both.", lambda f: f.minutes),
)  # fmt: skip


_CHECK_MEANS = "Places that this check flags, errors and warnings; docs/checks.md says what it sees."
_CHECK_MEANS_NOT = "That there is nothing where it flags nothing."
_TENTH_MEANS = "The figure in this tenth of the outline: does the end hold the level of the beginning?"
_TENTH_MEANS_NOT = "Much, where a tenth is a unit or two."


def observe(facts: Facts) -> dict[str, Decimal | None]:
    """Every value of a side by its measure's key."""
    values = {key: _decimal(value(facts)) for key, *_, value in _ROWS}
    for name, checked in facts.checks.items():
        values[f"check.{name}"] = Decimal(checked.errors + checked.warnings)
        values[f"errors.{name}"] = Decimal(checked.errors)
    for name, tenths in facts.tenths.items():
        values |= {f"tenth.{name}.{place}": _decimal(value) for place, value in enumerate(tenths, start=1)}
    return values


def _decimal(value: _Number) -> Decimal | None:
    return None if value is None else Decimal(str(value))


_FIXED = {key: Measure(key=key, title=title, unit=unit, means=m, means_not=n) for key, title, unit, m, n, _ in _ROWS}


def measure(key: str) -> Measure:
    """The measure of that key, those of checks and tenths included."""
    if key in _FIXED:
        return _FIXED[key]
    family, _, rest = key.partition(".")
    words = rest.replace("_", " ")
    if family == "tenth":
        name, _, place = words.rpartition(".")
        unit = "" if "characters" in name else "share"
        title = f"{name.removesuffix(' by decile')}, tenth {place}"
        return Measure(key=key, title=title, unit=unit, means=_TENTH_MEANS, means_not=_TENTH_MEANS_NOT)
    title = f"{words}: errors" if family == "errors" else f"{words}: findings"
    return Measure(key=key, title=title, unit="", means=_CHECK_MEANS, means_not=_CHECK_MEANS_NOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One measure of both sides. `difference` is right less left, None where either is unknown."""

    measure: Measure
    left: Decimal | None
    right: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """Right less left."""
        return None if self.left is None or self.right is None else self.right - self.left

    @property
    def is_quiet(self) -> bool:
        """A check that found nothing on either side, or a tenth: listed together rather than in a line each."""
        family = self.measure.key.partition(".")[0]
        return family in ("errors", "tenth") or (family == "check" and not self.left and not self.right)


def compare(left: Values, right: Values) -> tuple[Compared, ...]:
    """Every measure that either side has, in the order of the left one."""
    keys = dict.fromkeys((*left, *right))
    return tuple(Compared(measure=measure(key), left=left.get(key), right=right.get(key)) for key in keys)


def told(value: Decimal | None, unit: str) -> str:
    """A value for people; a dash where nobody knows."""
    if value is None:
        return "-"
    match unit:
        case "$":
            return f"${value:,.4f}"
        case "s":
            return f"{value:,.1f} s"
        case "min":
            return f"{value:,.1f} min"
        case "share":
            return f"{value:.1%}"
        case _:
            return f"{value:,.0f}"


def told_difference(value: Decimal | None, unit: str) -> str:
    """A difference with its sign; nothing but ± in front of none."""
    if value is None:
        return "-"
    size = told(abs(value), unit)
    if unit == "share":
        size = f"{abs(value) * 100:.1f} points"
    return f"{'+' if value > 0 else '−' if value < 0 else '±'}{size}"


def to_markdown(rows: Sequence[Compared]) -> str:
    """A table for people: every measure but the quiet ones, with what it means and what not."""
    head = ["measure", "single pass", "chunked", "difference", "means", "does not mean"]
    lines = [head, ["---", "---:", "---:", "---:", "---", "---"], *(cells(row) for row in rows if not row.is_quiet)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells(row: Compared) -> list[str]:
    """One line of a table: title, both values, difference, what it means and what not."""
    of = row.measure
    values = [told(row.left, of.unit), told(row.right, of.unit), told_difference(row.difference, of.unit)]
    return [of.title, *values, of.means, of.means_not]


def to_json(rows: Sequence[Compared]) -> list[dict[str, Any]]:  # Any: JSON values
    """Both values, difference and meaning of each measure; decimals are strings, exact."""
    return [
        {
            "measure": row.measure.key,
            "unit": row.measure.unit,
            "single_pass": _plain(row.left),
            "chunked": _plain(row.right),
            "difference": _plain(row.difference),
            "means": row.measure.means,
            "does_not_mean": row.measure.means_not,
        }
        for row in rows
    ]


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else dollars(value)
