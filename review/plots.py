"""Where the marks of a plot stand: numbers in, coordinates of a small SVG out. Drawing is the template's business."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 12, 44


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One observation; `label` is what a pointer or a screen reader gets."""

    x: float
    y: float
    group: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A point where it is drawn."""

    x: float
    y: float
    group: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A place on an axis, with its text."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Everything that the template draws."""

    title: str
    x_name: str
    y_name: str
    marks: tuple[Mark, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    diagonal: tuple[float, float, float, float] | None = None
    lines: tuple[tuple[str, str], ...] = ()
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """From a number to a place on its axis, by powers of ten or straight."""

    low: float
    high: float
    start: float
    end: float
    by_tens: bool

    def at(self, value: float) -> float:
        """Where that number stands."""
        low, high, value = (self._plain(number) for number in (self.low, self.high, value))
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)

    def _plain(self, number: float) -> float:
        return math.log10(number) if self.by_tens else number

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Round numbers along the axis."""
        if self.by_tens:
            tens = range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)
            return tuple(Tick(at=self.at(10.0**ten), text=short(10.0**ten)) for ten in tens)
        step = (self.high - self.low) / 5
        values = [self.low + step * number for number in range(6)]
        return tuple(Tick(at=self.at(value), text=short(value)) for value in values)


def scatter(
    title: str, x_name: str, y_name: str, points: Sequence[Point], *, diagonal: bool = False, straight: bool = False
) -> Plot | None:
    """The points by powers of ten on both axes (`straight`: on neither); None without any that can be drawn."""
    drawn = [p for p in points if p.x > 0 and p.y > 0] if not straight else list(points)
    if not drawn:
        return None
    xs, ys = [p.x for p in drawn], [p.y for p in drawn]
    if diagonal:
        xs = ys = [*xs, *ys]
    x = _scale(xs, LEFT, WIDTH - RIGHT, by_tens=not straight)
    y = _scale(ys, HEIGHT - BOTTOM, TOP, by_tens=not straight)
    marks = tuple(Mark(x=x.at(p.x), y=y.at(p.y), group=p.group, label=p.label) for p in drawn)
    ends = (x.at(x.low), y.at(y.low), x.at(x.high), y.at(y.high)) if diagonal else None
    return Plot(
        title=title,
        x_name=x_name,
        y_name=y_name,
        marks=marks,
        x_ticks=x.ticks,
        y_ticks=y.ticks,
        diagonal=ends,
        lines=tuple(_lines(marks)) if straight else (),
        points=tuple(drawn),
    )


def _scale(values: Sequence[float], start: float, end: float, *, by_tens: bool) -> Scale:
    low, high = min(values), max(values)
    if by_tens:
        floor, ceiling = math.floor(math.log10(low)), math.ceil(math.log10(high))
        return Scale(10.0**floor, 10.0 ** max(ceiling, floor + 1), start, end, by_tens=True)
    return Scale(min(low, 0.0), high if high > min(low, 0.0) else low + 1, start, end, by_tens=False)


def _lines(marks: Sequence[Mark]) -> list[tuple[str, str]]:
    """Each group's marks as the points of one line."""
    groups = dict.fromkeys(mark.group for mark in marks)
    return [(group, " ".join(f"{m.x},{m.y}" for m in marks if m.group == group)) for group in groups]


def short(number: float) -> str:
    """A number in as few characters as an axis has room for."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if abs(number) >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:.3g}"
