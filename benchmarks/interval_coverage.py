"""How often the interval of paired differences holds the true mean: 2,000 trials of each sort, from fixed seeds.

Run: python -m benchmarks.interval_coverage
"""

import math
import random
from collections.abc import Callable

from throughline.domain.paired import LEAST_PAIRS, interval

TRIALS = 2_000
SIZES = (20, LEAST_PAIRS, 80)

Draw = Callable[[random.Random], float]
SORTS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda chance: chance.gauss(1, 1), 1.0),
    "exponential": (lambda chance: chance.expovariate(1), 1.0),
    "lognormal": (lambda chance: chance.lognormvariate(0, 1), math.exp(0.5)),
    "difference of even lognormals": (lambda chance: chance.lognormvariate(0, 1) - chance.lognormvariate(0, 1), 0.0),
    "difference of uneven lognormals": (
        lambda chance: chance.lognormvariate(0.5, 1) - chance.lognormvariate(0, 0.5),
        math.exp(1) - math.exp(0.125),
    ),
}


def main() -> None:
    """Print the share of intervals that hold the true mean, by sort and number of pairs."""
    print(f"{'differences':<34}{''.join(f'{size:>6} pairs' for size in SIZES)}")
    for name, (draw, truth) in SORTS.items():
        print(f"{name:<34}{''.join(f'{share_held(draw, truth, size, TRIALS):>12.1%}' for size in SIZES)}")


def share_held(draw: Draw, truth: float, size: int, trials: int) -> float:
    """The share of `trials` samples of `size` differences whose interval holds the true mean."""
    hits = 0
    for trial in range(trials):
        chance = random.Random(trial)
        low, high = interval([draw(chance) for _ in range(size)])
        hits += low <= truth <= high
    return hits / trials


if __name__ == "__main__":
    main()
