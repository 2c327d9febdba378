"""How long a reader was active, measured outside the browser and without knowing how the page counts.

What a browser is asked to do happens between the asking and its answer. So each change from idle to active is known
to lie in a short interval, and the true time between two bounds. On a quiet machine they are less than a second
apart; on a busy one they move apart, and stay true.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

TOLERANCE_S = 1.0


@dataclass(slots=True)
class ActiveTime:
    """Add up stretches of reading; idle at first."""

    least_s: float = 0
    most_s: float = 0
    _since: tuple[float, float] | None = field(default=None, init=False)

    def starts_with(self, action: Callable[[], object]) -> None:
        """From somewhere within that action on, the reader is active."""
        assert self._since is None, "active already"
        self._since = _timed(action)

    def ends_with(self, action: Callable[[], object], *, after_s: float = 0) -> None:
        """The reader was active until somewhere within that action, or until so long after it."""
        assert self._since is not None, "not active"
        earliest, latest = self._since
        asked, answered = _timed(action)
        self.least_s += max(0.0, asked - latest) + after_s
        self.most_s += answered - earliest + after_s
        self._since = None

    def pauses_for(self, action: Callable[[], object]) -> None:
        """A page makes way for the next: the reader is active before and after, and may not be in between."""
        self.ends_with(action)
        now = time.time()
        self._since = (now, now)

    def is_told_by(self, counted_s: float) -> bool:
        """Whether that is the time, within a second."""
        return self.least_s - TOLERANCE_S <= counted_s <= self.most_s + TOLERANCE_S

    def __str__(self) -> str:
        return f"{self.least_s:.1f} to {self.most_s:.1f} s of active reading"


def _timed(action: Callable[[], object]) -> tuple[float, float]:
    """When it was asked for and when it was answered."""
    asked = time.time()
    action()
    return asked, time.time()
