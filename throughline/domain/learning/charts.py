"""The calibration report as two drawings: did the bound hold, with its intervals, and what did each policy lose?

SVG by hand, in the colour of the text around it: a page shows it in light and dark, and a file in black on white.
"""

from collections.abc import Sequence
from html import escape

from throughline.domain.learning.bounds import LEVEL
from throughline.domain.learning.report import Coverage, PolicyCost, RoutingReport, SizeReport

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 640, 250, 90, 34, 22
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def coverage_chart(report: SizeReport) -> str:
    """A row for all jobs, each kind, size class and stretch of time: the share that held, its 95 % interval, n."""
    known = (report.overall, *report.by_kind, *report.by_size_class, *report.over_time)
    rows = [row for row in known if row.known]
    bottom = _TOP + _ROW * len(rows)
    grid = "".join(
        f'<path d="M{_x(share)} {_TOP}V{bottom}" stroke="currentColor" stroke-opacity="0.2"/>'
        f'<text x="{_x(share)}" y="{_TOP - 8}" text-anchor="middle">{share:.0%}</text>'
        for share in _SHARES
    )
    wanted = (
        f'<path d="M{_x(LEVEL)} {_TOP}V{bottom}" stroke="currentColor" stroke-dasharray="4 3"/>'
        f'<text x="{_x(LEVEL)}" y="{_TOP - 20}" text-anchor="middle">{LEVEL:.0%} wanted</text>'
    )
    return _svg(
        "How often the bound held, with 95 % intervals",
        bottom,
        [grid, wanted, *(_interval(place, row) for place, row in enumerate(rows))],
    )


def _interval(place: int, row: Coverage) -> str:
    y = _TOP + _ROW * place + _ROW // 2
    told = f"{row.name}: {row.held} of {row.known} held, {row.low:.1%} to {row.high:.1%}"
    return (
        f"<g><title>{escape(told)}</title>"
        f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(row.name)}</text>'
        f'<path d="M{_x(row.low)} {y}H{_x(row.high)}" stroke="currentColor" stroke-width="2"/>'
        f'<circle cx="{_x(row.share)}" cy="{y}" r="4" fill="currentColor"/>'
        f'<text x="{_WIDTH - _RIGHT + 12}" y="{y + 4}">{row.share:.1%}, n {row.known}</text></g>'
    )


def regret_chart(report: RoutingReport) -> str:
    """A bar for each policy: what it cost more than the better path of each job, which only hindsight knows."""
    policies = (
        report.router,
        report.router_by_cost,
        report.always_single,
        report.always_chunked,
        report.threshold,
        report.best_threshold,
    )
    widest = max((policy.regret_share for policy in policies), default=0.0) or 1.0
    title = f"Regret against the better path, {report.jobs} jobs that ran both"
    return _svg(title, _TOP + _ROW * len(policies), list(_bars(policies, widest)))


def _bars(policies: Sequence[PolicyCost], widest: float) -> list[str]:
    return [
        f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(policy.name)}</text>'
        f'<rect x="{_LEFT}" y="{y - 6}" width="{width}" height="12" fill="currentColor" fill-opacity="0.6"/>'
        f'<text x="{_LEFT + width + 8}" y="{y + 4}">{policy.regret_share:.1%}</text>'
        for place, policy in enumerate(policies)
        for y in (_TOP + _ROW * place + _ROW // 2,)
        for width in (round((_WIDTH - _LEFT - _RIGHT) * policy.regret_share / widest, 1),)
    ]


def _x(share: float) -> float:
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _svg(title: str, bottom: int, shapes: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -24 {_WIDTH} {bottom + 36}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12" fill="currentColor">'
    )
    return "\n".join([head, f"<title>{escape(title)}</title>", *shapes, "</svg>"]) + "\n"
