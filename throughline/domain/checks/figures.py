"""Numbers as people write them, dates and units of measure included, in one canonical form."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_UNITS: dict[str, str] = {
    spelling: unit
    for unit, spellings in {
        "%": "% percent per\u00a0cent",
        "USD": "$ usd dollar dollars",
        "EUR": "€ eur euro euros",
        "GBP": "£ gbp",
        "B": "byte bytes",
        "KB": "kb kilobyte kilobytes",
        "KiB": "kib",
        "MB": "mb megabyte megabytes",
        "MiB": "mib",
        "GB": "gb gigabyte gigabytes",
        "GiB": "gib",
        "TB": "tb",
        "bit": "bit bits",
        "ns": "ns nanosecond nanoseconds",
        "us": "us µs μs microsecond microseconds",
        "ms": "ms msec millisecond milliseconds",
        "s": "s sec secs second seconds",
        "min": "min mins minute minutes",
        "h": "h hour hours",
        "day": "day days",
        "week": "week weeks",
        "month": "month months",
        "year": "year years",
        "mm": "mm millimetre millimetres millimeter millimeters",
        "cm": "cm centimetre centimetres",
        "m": "m metre metres meter meters",
        "km": "km kilometre kilometres kilometer kilometers",
        "mg": "mg milligram milligrams",
        "g": "g gram grams",
        "kg": "kg kilogram kilograms",
        "t": "tonne tonnes",
        "l": "l litre litres liter liters",
        "C": "°c",
        "F": "°f",
        "W": "w watt watts",
        "kW": "kw",
        "Hz": "hz",
        "MHz": "mhz",
        "GHz": "ghz",
        "people": "people persons",
        "token": "token tokens",
        "character": "char chars character characters",
        "line": "line lines",
        "times": "times",
    }.items()
    for spelling in spellings.split(" ")
} | {"per cent": "%"}  # fmt: skip
UNIT_WORDS = frozenset(_UNITS)
"""Every way to write a unit, in lower case."""
_CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP"}
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_MONTH_NAMES = """
    jan january, feb february, mar march, apr april, may, jun june, jul july, aug august, sep sept september,
    oct october, nov november, dec december
"""
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES.split(","), start=1) for name in names.split()}
_WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
WORD_VALUES = {word: str(value) for value, word in enumerate(_WORDS, start=1)}
"""The numbers that are usually spelled out."""

# Months have a capital even where case is ignored otherwise: "3 may differ" is no date.
_MONTH = f"(?-i:{'|'.join(sorted((name.capitalize() for name in _MONTHS), key=len, reverse=True))})"
_UNIT = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
# Dates first, then hexadecimal, then numbers: whatever begins with a digit is read by one of them.
_FIGURE = re.compile(
    rf"""(?<![\w.])(?:
      (?P<iso>\d{{4}}-\d\d-\d\d)(?!\d)
    | (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<month>{_MONTH})\b\.?(?:,?\s(?P<year>\d{{4}})\b)?
    | (?P<hex>0[xob][0-9a-f_]+)\b
    | (?P<number>\d{{1,3}}(?:[,\u00a0\u202f'_]\d{{3}})+(?:\.\d+)?|\d+(?:[.:]\d+)*)
      (?:[\s\u00a0-]?(?P<scale>thousand|million|billion|trillion)\b)?
      (?:[\s\u00a0-]?(?P<unit>{_UNIT})(?![\w%]))?
    )(?!\w)""",
    re.VERBOSE | re.IGNORECASE,
)
_MONTH_FIRST = re.compile(
    rf"\b(?P<month>{_MONTH})\b\.?\s(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s(?P<year>\d{{4}})\b)?", re.IGNORECASE
)
_WORD_FIGURE = re.compile(rf"\b(?P<number>{'|'.join(_WORDS)})(?:[\s-](?P<unit>{_UNIT})\b)?", re.IGNORECASE)
_ORDINAL = re.compile(
    r"(?:\b(?:sections?|chapters?|steps?|parts?|figures?|tables?|units?|appendix|points?|items?|options?|"
    r"clauses?|pages?|lines?|notes?|pep|rfc|issue)\s|[§#\[])$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number and its unit of measure; `start` and `end` are characters of the text it was read from."""

    value: str
    unit: str | None
    start: int
    end: int
    text: str


def figures(text: str) -> Iterator[Figure]:
    """The figures of a statement, without the numbers that only count its parts ("section 3", "[1]")."""
    covered = 0
    for figure in written(text):
        if figure.start >= covered and not _ORDINAL.search(text, max(0, figure.start - 12), figure.start):
            covered = figure.end
            yield figure


def written(text: str) -> Iterator[Figure]:
    """Every number of a text that is written in digits, dates first."""
    for pattern in (_MONTH_FIRST, _FIGURE):
        for found in pattern.finditer(text):
            yield _read(text, found)


def figure_at(text: str, word: str, start: int) -> Figure | None:
    """The figure that begins with that word (in lower case), if one does; numbers up to twelve may be spelled out."""
    if word in WORD_VALUES:
        pattern = _WORD_FIGURE
    elif word in _MONTHS:
        pattern = _MONTH_FIRST
    elif word[0].isdigit():
        pattern = _FIGURE
    else:
        return None
    found = pattern.match(text, start)
    return None if found is None else _read(text, found)


def _read(text: str, found: re.Match[str]) -> Figure:
    if found.re is _WORD_FIGURE:
        return _figure(found, WORD_VALUES[found["number"].lower()], _unit(found["unit"]))
    if found.re is _MONTH_FIRST or found["day"]:
        return _figure(found, _date(found), "date")
    if found["iso"]:
        return _figure(found, found["iso"], "date")
    if found["hex"]:
        return _figure(found, found["hex"].lower().replace("_", ""), None)
    sign = "-" if _negative(text, found.start()) else ""
    currency = _CURRENCIES.get(text[max(0, found.start() - 1) : found.start()])
    return _figure(found, sign + _value(found["number"], found["scale"]), currency or _unit(found["unit"]))


def _figure(found: re.Match[str], value: str, unit: str | None) -> Figure:
    return Figure(value=value, unit=unit, start=found.start(), end=found.end(), text=found[0])


def _negative(text: str, start: int) -> bool:
    """A minus stands before the number and nothing that it could be subtracted from or joined to."""
    return text[start - 1 : start] in {"-", "−"} and not text[max(0, start - 2) : start - 1].strip()


def _date(found: re.Match[str]) -> str:
    month = _MONTHS[found["month"].lower()]
    return f"{found['year'] or '----'}-{month:02d}-{int(found['day']):02d}"


def _unit(spelling: str | None) -> str | None:
    return None if spelling is None else _UNITS[spelling.lower()]


def _value(number: str, scale: str | None) -> str:
    plain = re.sub(r"[,\u00a0\u202f'_]", "", number)
    if plain.count(".") > 1 or ":" in plain:
        return plain  # a version or a time of day
    whole, _, decimals = plain.partition(".")
    if scale:
        places = _SCALES[scale.lower()]
        decimals = decimals.ljust(places, "0")
        whole, decimals = whole + decimals[:places], decimals[places:]
    decimals = decimals.rstrip("0") if scale else decimals  # 3.10 may be a version, and not 3.1
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{decimals}" if decimals else whole
