"""What finished jobs say of time, repairs and reading, beside what plans assume of them.

Each rate starts from its assumption, which counts for `ASSUMED_JOBS` jobs, and moves to the mean of what was seen:
costs follow means. There is no count at which one replaces the other, and a plan says how many jobs stand behind
each. One wild job moves no rate by more than `_WILDEST` allows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from throughline.domain.job import Path

ASSUMED_JOBS = 5.0
_WILDEST = 10.0  # a job that took longer than so many times its plan counts as that


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A factor or a share, and how many jobs it comes from: 0 means that it is assumed."""

    value: float
    jobs: int = 0

    @property
    def basis(self) -> str:
        """Where the value comes from, in words."""
        return f"{self.jobs} {'job' if self.jobs == 1 else 'jobs'}" if self.jobs else "assumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a plan multiplies its assumptions with.

    `*_hours`: hours needed for each hour assumed. `*_repairs`: cost of repairs for each dollar of the first draft, by
    path; what is written because an answer was cut is no repair. `reading`: minutes needed for each minute that
    the number of words suggests. `reviewed`: the share of outputs under `review=auto` that a person had to read.
    """

    single_hours: Rate = Rate(value=1.0)
    chunked_hours: Rate = Rate(value=1.0)
    single_repairs: Rate = Rate(value=0.0)
    chunked_repairs: Rate = Rate(value=0.0)
    reading: Rate = Rate(value=1.0)
    reviewed: Rate = Rate(value=0.1)

    def hours(self, path: Path) -> Rate:
        """Hours needed for each hour assumed."""
        return self.single_hours if path is Path.SINGLE_PASS else self.chunked_hours

    def repairs(self, path: Path) -> Rate:
        """Cost of repairs for each dollar of the first draft."""
        return self.single_repairs if path is Path.SINGLE_PASS else self.chunked_repairs

    @property
    def sentence(self) -> str:
        """What is learned, each rate with its value and the jobs behind it, and what is assumed."""
        named = (
            ("hours of single_pass", self.single_hours, f"x{self.single_hours.value:.2f}"),
            ("hours of chunked", self.chunked_hours, f"x{self.chunked_hours.value:.2f}"),
            ("repairs of single_pass", self.single_repairs, f"{self.single_repairs.value:.1%} of its tokens"),
            ("repairs of chunked", self.chunked_repairs, f"{self.chunked_repairs.value:.1%} of its tokens"),
            ("minutes of reading", self.reading, f"x{self.reading.value:.2f}"),
            ("share that is read", self.reviewed, f"{self.reviewed.value:.0%}"),
        )
        learned = [f"{name} {told} ({rate.basis})" for name, rate, told in named if rate.jobs]
        assumed = [name for name, rate, _ in named if not rate.jobs]
        known = [f"Learned: {', '.join(learned)}"] if learned else []
        return ". ".join(known + ([f"Assumed: {', '.join(assumed)}"] if assumed else []))


ASSUMED = Rates()


@dataclass(frozen=True, slots=True, kw_only=True)
class PathOutcome:
    """One path of a finished job beside what was assumed of it, before any correction.

    `hours` is None where the time says nothing: the stand-in answers at once. `repairs_usd` leaves out what was
    written because an answer was cut.
    """

    path: Path
    assumed_hours: float
    hours: float | None
    planned_usd: float
    repairs_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """A finished job. `asked` says whether a person had to read it, and is None unless that was left open.

    `assumed_minutes` is the time to read it all by its words; `minutes` what it took, None where nobody was timed.
    """

    paths: tuple[PathOutcome, ...]
    asked: bool | None
    assumed_minutes: float
    minutes: float | None


def rates(outcomes: Sequence[JobOutcome]) -> Rates:
    """The rates after these jobs."""
    ran = [outcome for job in outcomes for outcome in job.paths]
    timed = [job.minutes / job.assumed_minutes for job in outcomes if job.minutes and job.assumed_minutes > 0]
    asked = [float(job.asked) for job in outcomes if job.asked is not None]
    return Rates(
        single_hours=_hours(ran, Path.SINGLE_PASS),
        chunked_hours=_hours(ran, Path.CHUNKED),
        single_repairs=_repairs(ran, Path.SINGLE_PASS),
        chunked_repairs=_repairs(ran, Path.CHUNKED),
        reading=_rate(ASSUMED.reading, timed),
        reviewed=_rate(ASSUMED.reviewed, asked),
    )


def _hours(ran: Iterable[PathOutcome], path: Path) -> Rate:
    known = [(o.hours, o.assumed_hours) for o in ran if o.path is path and o.hours is not None and o.assumed_hours > 0]
    return _rate(ASSUMED.hours(path), [hours / assumed for hours, assumed in known])


def _repairs(ran: Iterable[PathOutcome], path: Path) -> Rate:
    known = [o.repairs_usd / o.planned_usd for o in ran if o.path is path and o.planned_usd > 0]
    return _rate(ASSUMED.repairs(path), known)


def _rate(assumed: Rate, seen: Sequence[float]) -> Rate:
    total = sum(min(each, _WILDEST) for each in seen)
    return Rate(value=(ASSUMED_JOBS * assumed.value + total) / (ASSUMED_JOBS + len(seen)), jobs=len(seen))
