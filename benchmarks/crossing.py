"""What both paths are expected to cost in all over the size of the output, and where they cross: docs/crossing.svg.

The estimates are those of `throughline plan`, without learned corrections: an exhaustive summary with a unit for
every 2,000 input tokens, so that input grows with output, and today's prices. Review is left out, because both paths'
outputs take the same time to read. Written by hand as SVG: a plot needs no dependency.

Run: python -m benchmarks.crossing [FILE.svg]
"""

import itertools
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path as FilePath

from throughline.domain.estimates import Case, Policy
from throughline.domain.job import Depth, JobSpec, Kind, Path, ReviewMode
from throughline.domain.models import find
from throughline.domain.plan import Corpus, Endpoint, Plan
from throughline.domain.routing import make_plan
from throughline.domain.tokens import exact

MODELS = (("claude-haiku-5-5", "#2a7f62"), ("claude-sonnet-5-5", "#1f5fa8"), ("claude-opus-5-5", "#a8431f"))
SOURCE_TOKENS_PER_UNIT = 2_000
MOST_UNITS = 320
POLICY = Policy(review_usd_per_hour=Decimal(60), waiting_usd_per_hour=Decimal("0.25"))
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 760, 460, 70, 30, 60, 20
TOKENS = (2_000, 600_000)
USD = (0.003, 20.0)
TOKEN_TICKS = (3_000, 10_000, 30_000, 100_000, 300_000)
USD_TICKS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Both paths of one job: output tokens, and dollars in all."""

    tokens: int
    single_usd: float
    chunked_usd: float
    fits: bool


def curve(model_id: str) -> list[Point]:
    """Jobs of one unit and more."""
    return [_point(model_id, units) for units in range(1, MOST_UNITS + 1)]


def _point(model_id: str, units: int) -> Point:
    plan = _plan(model_id, units)
    return Point(
        tokens=plan.size.expected_tokens,
        single_usd=float(plan.estimate(Path.SINGLE_PASS).expected_total_usd),
        chunked_usd=float(plan.estimate(Path.CHUNKED).expected_total_usd),
        fits=plan.single_pass.feasible,
    )


def _plan(model_id: str, units: int) -> Plan:
    tokens = units * SOURCE_TOKENS_PER_UNIT
    spec = JobSpec(kind=Kind.SUMMARY, depth=Depth.EXHAUSTIVE, model=model_id, review=ReviewMode.NEVER)
    return make_plan(
        Case(
            spec=spec,
            model=find(model_id),
            corpus=Corpus(sources=1, characters=tokens * 4, tokens=exact(tokens), counted_by="given"),
            units=units,
            endpoint=Endpoint(host="api.anthropic.com", batches=True, structured_outputs=True),
            policy=POLICY,
            at=datetime.now(UTC),
        )
    )


def crossings(points: Sequence[Point]) -> list[int]:
    """Output sizes at which the cheaper path changes."""
    pairs = itertools.pairwise(points)
    return [b.tokens for a, b in pairs if (a.single_usd < a.chunked_usd) != (b.single_usd < b.chunked_usd)]


def said(found: Sequence[int]) -> str:
    """The crossings in words."""
    return ", ".join(f"{tokens:,}" for tokens in found) or "nowhere"


def end_of_single_pass(points: Sequence[Point]) -> int:
    """The smallest of these outputs that one answer cannot hold more often than not."""
    return next(point.tokens for point in points if not point.fits)


def svg(curves: Sequence[tuple[str, str, Sequence[Point]]]) -> str:
    """The plot: solid for the single pass, dashed for the chain, a ring where they cross."""
    end = end_of_single_pass(curves[0][2])
    shapes = [_frame(), _end_line(end)]
    for row, (name, colour, points) in enumerate(curves):
        shapes += [
            _line(points, colour, lambda point: point.single_usd, dashed=False),
            _line(points, colour, lambda point: point.chunked_usd, dashed=True),
            *(_ring(points, tokens, colour) for tokens in crossings(points)),
            _legend(row, name, colour, crossings(points)),
        ]
    style = "font-family='sans-serif' font-size='12' fill='#222'"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' {style}>"
    return "\n".join([head, f"<rect width='{WIDTH}' height='{HEIGHT}' fill='#fff'/>", *shapes, "</svg>"]) + "\n"


def _x(tokens: float) -> float:
    return round(LEFT + _share(tokens, TOKENS) * (WIDTH - LEFT - RIGHT), 1)


def _y(usd: float) -> float:
    return round(HEIGHT - BOTTOM - _share(usd, USD) * (HEIGHT - TOP - BOTTOM), 1)


def _share(value: float, ends: tuple[float, float]) -> float:
    return math.log(value / ends[0]) / math.log(ends[1] / ends[0])


def _frame() -> str:
    grid = [f"<path d='M{_x(t)} {TOP}V{HEIGHT - BOTTOM}' stroke='#e4e4e4'/>" for t in TOKEN_TICKS]
    grid += [f"<path d='M{LEFT} {_y(usd)}H{WIDTH - RIGHT}' stroke='#e4e4e4'/>" for usd in USD_TICKS]
    names = [
        f"<text x='{_x(t)}' y='{HEIGHT - BOTTOM + 18}' text-anchor='middle'>{t // 1000}K</text>" for t in TOKEN_TICKS
    ]
    names += [f"<text x='{LEFT - 8}' y='{_y(usd) + 4}' text-anchor='end'>${usd:g}</text>" for usd in USD_TICKS]
    middle = (LEFT + WIDTH - RIGHT) / 2
    caption = f"<text x='{middle}' y='{HEIGHT - 14}' text-anchor='middle'>expected output tokens</text>"
    title = f"<text x='{LEFT}' y='{TOP - 10}'>expected total without review: tokens + rework + waiting</text>"
    return "\n".join([*grid, *names, caption, title])


def _end_line(tokens: int) -> str:
    x = _x(tokens)
    return (
        f"<path d='M{x} {TOP}V{HEIGHT - BOTTOM}' stroke='#888' stroke-dasharray='2 3'/>\n"
        f"<text x='{x - 5}' y='{HEIGHT - BOTTOM - 8}' text-anchor='end' fill='#555'>"
        f"from {tokens:,} a cut is all but sure: chain only</text>"
    )


def _line(points: Sequence[Point], colour: str, usd: Callable[[Point], float], *, dashed: bool) -> str:
    path = "L".join(f"{_x(point.tokens)} {_y(usd(point))}" for point in points if point.tokens <= TOKENS[1])
    dash = " stroke-dasharray='6 4'" if dashed else ""
    return f"<path d='M{path}' fill='none' stroke='{colour}' stroke-width='1.8'{dash}/>"


def _ring(points: Sequence[Point], tokens: int, colour: str) -> str:
    usd = next(point.single_usd for point in points if point.tokens == tokens)
    return f"<circle cx='{_x(tokens)}' cy='{_y(usd)}' r='5' fill='#fff' stroke='{colour}' stroke-width='2'/>"


def _legend(row: int, name: str, colour: str, found: Sequence[int]) -> str:
    y = TOP + 20 + 18 * row
    at = f"at {said(found)}" if found else "nowhere"
    return (
        f"<path d='M{LEFT + 12} {y - 4}h26' stroke='{colour}' stroke-width='1.8'/>"
        f"<path d='M{LEFT + 44} {y - 4}h26' stroke='{colour}' stroke-width='1.8' stroke-dasharray='6 4'/>"
        f"<text x='{LEFT + 78}' y='{y}'>{name}: single pass, chain; they cross {at}</text>"
    )


def main(file: str = "docs/crossing.svg") -> None:
    """Print the crossings and write the plot."""
    curves = [(name, colour, curve(name)) for name, colour in MODELS]
    print(f"{'model':<20}{'single pass from':>18}{'chain again from':>18}{'at 100K: single':>17}{'chain':>9}")
    for name, _, points in curves:
        large = min(points, key=lambda point: abs(point.tokens - 100_000))
        print(
            f"{name:<20}{said(crossings(points)):>18}"
            f"{end_of_single_pass(points):>18,}{large.single_usd:>17.4f}{large.chunked_usd:>9.4f}"
        )
    FilePath(file).write_text(svg(curves), encoding="utf-8")
    print(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
