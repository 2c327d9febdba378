"""Fifty outputs that the simulator wrote without a fault, and what the checks find in them: every finding is false.

The simulator copies sentences and quotes from the documents that it was sent, so it makes nothing up. Documents are
topics of Python's language reference and modules of its library; kinds, depths and paths take turns.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pydoc_data.topics import topics

from storage import checks
from storage.engine import reading
from tasks.registration import Request
from tests.defects import library_modules
from tests.faults.support import Service, request
from throughline.domain.job import Depth, Kind, PathChoice
from throughline.domain.report import JobReport

OUTPUTS = 50
_TOPICS = 24
_TOPICS_A_JOB = 5
_PATHS = (PathChoice.CHUNKED, PathChoice.SINGLE_PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """How many units the checks saw, and how many of them each check flagged: by errors, and at all."""

    outputs: int
    units: int
    errors: Mapping[str, int]
    findings: Mapping[str, int]
    published: int

    @property
    def error_rate(self) -> float:
        """Units with an error of any check; an upper bound, since a unit of two checks counts twice."""
        return sum(self.errors.values()) / self.units


async def flagged(service: Service, folder: Path, outputs: int = OUTPUTS) -> Flagged:
    """Run so many jobs to their end and count what their checks say."""
    reports = [await service.run(_request(folder, number), tolerated_error_share=0.0) for number in range(outputs)]
    errors: Counter[str] = Counter()
    findings: Counter[str] = Counter()
    async with service.opened(api_key=None) as rt:
        with reading(rt.engine) as tx:
            for report in reports:
                for row in checks.of_attempt(tx, report.attempts[0].id):
                    told = row.evidence["findings"]
                    findings[row.name] += len({finding["where"] for finding in told})
                    errors[row.name] += len({f["where"] for f in told if f["severity"] == "error"})
    return Flagged(
        outputs=outputs,
        units=sum(report.attempts[0].units for report in reports),
        errors=errors,
        findings=findings,
        published=sum(_is_published(report) for report in reports),
    )


def _is_published(report: JobReport) -> bool:
    verdict = report.attempts[0].verdict
    return verdict is not None and verdict.action == "publish"


def _request(folder: Path, number: int) -> Request:
    kind = tuple(Kind)[number % len(Kind)]
    sources = _modules(folder, number) if kind is Kind.CODE_REVIEW else _topics(folder, number)
    return request(kind, _PATHS[number // len(Kind) % 2], sources, depth=Depth.BRIEF)


def _topics(folder: Path, number: int) -> Sequence[str]:
    """The longest topics in turn: enough text that nothing need be said twice."""
    longest = sorted(topics, key=lambda name: -len(topics[name]))[:_TOPICS]
    mine = [longest[(number + at * 3) % _TOPICS] for at in range(_TOPICS_A_JOB)]
    for name in mine:
        (folder / f"{name}.rst").write_text(topics[name])
    return [str(folder / f"{name}.rst") for name in mine]


def _modules(folder: Path, number: int) -> Sequence[str]:
    mine = library_modules()[40 + number : 42 + number]
    files = [folder / f"{number}_{path.name}" for path in mine]
    for file, path in zip(files, mine, strict=True):
        file.write_text(path.read_text("utf-8"))
    return [str(file) for file in files]
