"""Outputs that the simulator wrote without a fault, and what the checks find in them.

The simulator copies sentences and quotes from the documents that it was sent, so it makes nothing up. `familiar` jobs
are over topics of Python's language reference and modules of its library, which were looked at while the checks were
adjusted. `held_out` ones are over text that never was: docstrings and modules of the locked packages.
"""

import ast
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from pydoc_data.topics import topics
from typing import TypeVar

from storage import checks
from storage.engine import reading
from tasks.registration import Request
from tests.defects.real_text import library_modules
from tests.faults.support import Service, request
from throughline.domain.job import Depth, Kind, PathChoice
from throughline.domain.report import JobReport

OUTPUTS = 50
_TOPICS = 24
_TOPICS_A_JOB = 5
_LEAST_CHARACTERS = 4_000
_PACKAGES = ("alembic", "anthropic", "jinja2", "starlette", "sqlalchemy")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
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


async def flagged(service: Service, requests: Sequence[Request]) -> Flagged:
    """Run these jobs to their end and count what their checks say."""
    reports = [await service.run(each, tolerated_error_share=0.0) for each in requests]
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
        outputs=len(reports),
        units=sum(report.attempts[0].units for report in reports),
        errors=errors,
        findings=findings,
        published=sum(_is_published(report) for report in reports),
    )


def at_most(flagged: int, units: int) -> float:
    """The greatest share that still gives so few flagged units one time in twenty (Clopper and Pearson, 95 %)."""
    low, high = flagged / units, 1.0
    for _ in range(60):
        share = (low + high) / 2
        few = sum(math.comb(units, k) * share**k * (1 - share) ** (units - k) for k in range(flagged + 1))
        low, high = (share, high) if few > 0.05 else (low, share)
    return high


def _is_published(report: JobReport) -> bool:
    verdict = report.attempts[0].verdict
    return verdict is not None and verdict.action == "publish"


def familiar(folder: Path) -> list[Request]:
    """Fifty jobs over the language reference and the library; kinds and paths take turns."""

    def one(number: int, kind: Kind, path: PathChoice) -> Request:
        sources = _modules(folder, number) if kind is Kind.CODE_REVIEW else _topics(folder, number)
        return request(kind, path, sources, depth=Depth.BRIEF)

    return [one(*turn) for turn in _turns()]


def held_out(folder: Path) -> list[Request]:
    """Fifty jobs over the locked packages: other text, other wishes."""
    prose, modules = _docstrings(), _package_modules()

    def one(number: int, kind: Kind, path: PathChoice) -> Request:
        wish = f"What matters in case {number}?"
        if kind is Kind.CODE_REVIEW:
            files = _some(modules, number, 2)
            sources = [_copied(folder, number, f"{_named(file)}.py", file.read_text("utf-8")) for file in files]
        else:
            sources = [_copied(folder, number, name, text) for name, text in _some(prose, number, _TOPICS_A_JOB)]
        return request(kind, path, sources, depth=Depth.BRIEF, instructions=wish)

    return [one(*turn) for turn in _turns()]


def _turns() -> list[tuple[int, Kind, PathChoice]]:
    kinds = tuple(Kind)
    return [(number, kinds[number % len(kinds)], _PATHS[number // len(kinds) % 2]) for number in range(OUTPUTS)]


T = TypeVar("T")


def _some(items: Sequence[T], number: int, count: int) -> list[T]:
    """So many of them for that job; the next one takes the next while there are enough."""
    return [items[(number * count + at) % len(items)] for at in range(count)]


def _docstrings() -> list[tuple[str, str]]:
    """The prose of each module of the packages that has enough of it, as (name, text)."""
    found = [(f"{_named(module)}.rst", _prose(module)) for module in _package_modules()]
    return [(name, text) for name, text in found if len(text) >= _LEAST_CHARACTERS]


def _prose(module: Path) -> str:
    nodes = (node for node in ast.walk(ast.parse(module.read_text("utf-8"))) if isinstance(node, _DOCUMENTED))
    return "\n\n".join(text for node in nodes if (text := ast.get_docstring(node)))


def _package_modules() -> list[Path]:
    """Modules of a few packages that are not short."""
    roots = [Path(str(distribution(name).locate_file(name))) for name in _PACKAGES]
    files = [file for root in roots for file in sorted(root.rglob("*.py"))]
    return [file for file in files if file.stat().st_size >= _LEAST_CHARACTERS]


def _named(module: Path) -> str:
    return "_".join(module.with_suffix("").parts[-3:])


def _copied(folder: Path, number: int, name: str, text: str) -> str:
    file = folder / f"{number}_{name}"
    file.write_text(text)
    return str(file)


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
