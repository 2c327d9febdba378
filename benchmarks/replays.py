"""Logs replayed: what the router's choices would have cost beside simpler rules, as outputs grow towards the cap.

Four logs of 400 rows of three kinds, deterministic, and the same logs with all outputs longer. Regret is summed over
the four, against the better path of each row.

Run: python -m benchmarks.replays
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from benchmarks.worlds import BEGIN, KNOBS, TERMS
from throughline.domain.learning.logs import Row
from throughline.domain.learning.replay import Replay, replay
from throughline.domain.learning.report import PolicyCost, RoutingReport

ROWS, LOGS = 400, 4
TIMES = (1.0, 2.0, 3.5, 5.0, 8.0)
Policy = Callable[[RoutingReport], PolicyCost]
POLICIES: dict[str, Policy] = {
    "router": lambda found: found.router,
    "cost alone": lambda found: found.router_by_cost,
    "fixed 16,000": lambda found: found.threshold,
    "best fixed, in hindsight": lambda found: found.best_threshold,
    "always single": lambda found: found.always_single,
    "always chain": lambda found: found.always_chunked,
}


def replay_log(rows: int, seed: int) -> list[Row]:
    """A log of three kinds; how far the input tells the output differs between them, and drifts a little."""
    draw = random.Random(f"log {seed}")
    kinds = {"chat": (7.0, 800, 0.1), "review": (10.0, 6_000, 0.6), "report": (11.0, 60_000, 0.5)}
    found: list[Row] = []
    for place in range(rows):
        kind = draw.choices(list(kinds), (0.4, 0.35, 0.25))[0]
        log_input, base, slope = kinds[kind]
        deviation = draw.gauss(0, 0.8)
        log_output = math.log(base) + slope * deviation + 0.3 * place / rows + 0.35 * draw.gauss(0, 1)
        found.append(
            Row(
                at=BEGIN + timedelta(hours=place),
                input_tokens=round(math.exp(log_input + deviation)),
                output_tokens=round(math.exp(log_output)),
                kind=kind,
            )
        )
    return found


def longer(log: Sequence[Row], times: float) -> list[Row]:
    """The log with outputs so many times as long: at 3.5 every twelfth needs more than 300,000 tokens."""
    return [replace(row, output_tokens=round(row.output_tokens * times)) for row in log]


def replays(times: float) -> list[Replay]:
    """The four logs, with outputs so many times as long."""
    return [replay(longer(replay_log(ROWS, seed), times), TERMS, KNOBS) for seed in range(LOGS)]


def regret_share(found: Sequence[RoutingReport], policy: Policy) -> float:
    """The regret of one policy over several logs, against the better path each time."""
    return float(sum(policy(r).regret_usd for r in found) / sum(r.better_path_usd for r in found))


def _line(times: float) -> str:
    found = replays(times)
    rows = [decision.row for each in found for decision in each.decisions]
    beyond = sum(row.output_tokens > TERMS.single_cap_tokens for row in rows)
    single = [decision for each in found for decision in each.single_passes]
    cuts = sum(decision.cut for decision in single)
    shares = (regret_share([each.routing for each in found], policy) for policy in POLICIES.values())
    cells = (
        f"{times:g} times: {beyond} of {len(rows):,} beyond 300K",
        *(f"{100 * share:.2f} %" for share in shares),
        f"{cuts} of {len(single)}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print one row of a Markdown table for each length of outputs."""
    print(f"| outputs | {' | '.join(POLICIES)} | cut |")
    print("|---" * (len(POLICIES) + 2) + "|")
    for times in TIMES:
        print(_line(times))


if __name__ == "__main__":
    main()
