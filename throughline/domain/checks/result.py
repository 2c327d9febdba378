"""What a check says: whether the output passed, what it found and where, and the figures it measured."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from throughline.domain.checks.difference import Change
from throughline.domain.source import Span


class Severity(StrEnum):
    """An error is a fact about the output; a warning is a place where a person should look."""

    ERROR = "error"
    WARNING = "warning"


Measure = int | float | str | None
Value = Measure | tuple[Measure, ...]
Measures = Mapping[str, Value | Mapping[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found. `where` is a unit id or "closing"; `part` names a part of it, as `citations[2]`."""

    severity: Severity
    where: str
    what: str
    part: str | None = None
    span: Span | None = None
    diff: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one check found. Warnings alone do not fail a check."""

    name: str
    passed: bool
    findings: tuple[Finding, ...] = ()
    measures: Measures = field(default_factory=dict[str, Value])


def conclude(name: str, findings: Iterable[Finding], measures: Measures | None = None) -> Result:
    """The result of a check that found those things."""
    found = tuple(findings)
    passed = all(finding.severity is not Severity.ERROR for finding in found)
    return Result(name=name, passed=passed, findings=found, measures=measures or {})


def error(where: str, what: str, **more: Any) -> Finding:  # Any: the optional fields of a finding
    """A finding that fails its check."""
    return Finding(severity=Severity.ERROR, where=where, what=what, **more)


def warning(where: str, what: str, **more: Any) -> Finding:  # Any: as in `error`
    """A finding for a person to look at."""
    return Finding(severity=Severity.WARNING, where=where, what=what, **more)


def evidence(result: Result) -> dict[str, Any]:  # Any: JSON values
    """What is stored beside a result's name and verdict."""
    return {
        "findings": [_finding(finding) for finding in result.findings],
        "measures": {name: _plain(value) for name, value in result.measures.items()},
    }


def _finding(finding: Finding) -> dict[str, Any]:
    span = finding.span
    return {
        "severity": finding.severity.value,
        "where": finding.where,
        "part": finding.part,
        "what": finding.what,
        "span": None if span is None else {"source": span.source, "start": span.start, "end": span.end},
        "diff": [{"source": c.source, "output": c.output, "marks": list(c.marks)} for c in finding.diff],
    }


def _plain(value: Value | Mapping[str, Value]) -> Any:  # Any: JSON values
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
