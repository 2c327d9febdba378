"""What becomes of an output: publish, repair, fall back or escalate, from its checks alone.

The thresholds are a team's to set. What they start from, and why:

- No part (unit or closing) may hold an error that a machine can prove (a quote that its source does not hold,
  a line that does not exist, a sentence cut off), beyond `tolerated_error_share` of the parts: 0, because a
  reader cannot tell a wrong quote from a right one.
- A repair asks again for the failing parts only, once: more than `repairable_share` of them is no slip but a
  bad output as a whole, and asking unit by unit would cost as much as the other path.
- `least_confidence`: models say 0.8 and more about nearly everything, so one half is a cry for help.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from throughline.domain.checks.result import Result, Severity
from throughline.domain.document import Output

CLOSING = "closing"
_REASONS = 5
_EVIDENCE = 3


class Action(StrEnum):
    """What is done with a checked output."""

    PUBLISH = "publish"
    REPAIR = "repair"
    FALL_BACK = "fall_back"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Where a team draws its lines; shares are between 0 and 1."""

    tolerated_error_share: float = 0.0
    repairable_share: float = 0.3
    least_confidence: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is done, why, and for a repair the parts to write anew, each with what was wrong."""

    action: Action
    reasons: tuple[str, ...] = ()
    repairs: Mapping[str, tuple[str, ...]] | None = None

    @property
    def sentence(self) -> str:
        """Why, in one line."""
        return " ".join(self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What can still be done for this output without a person: each is tried once."""

    repair: bool
    fall_back: bool


def judge(output: Output | None, results: Sequence[Result], *, means: Means, limits: Thresholds) -> Verdict:
    """The verdict on one attempt's output; None is an attempt that brought no outline."""
    if output is None or len(output.ordered) < len(output.outline.units) or output.closing is None:
        action = Action.FALL_BACK if means.fall_back else Action.ESCALATE
        return Verdict(action=action, reasons=("The output is not complete.",))
    parts = len(output.ordered) + 1
    failing = _failing(output, results)
    share = len(failing) / parts
    if share > limits.tolerated_error_share:
        reasons = _told(failing, parts)
        if means.repair and (share <= limits.repairable_share or len(failing) == 1):
            return Verdict(action=Action.REPAIR, reasons=reasons, repairs=failing)
        action = Action.FALL_BACK if means.fall_back else Action.ESCALATE
        return Verdict(action=action, reasons=reasons)
    doubtful = [unit.unit_id for unit in output.ordered if unit.confidence < limits.least_confidence]
    if doubtful:
        return Verdict(action=Action.ESCALATE, reasons=(_doubts(doubtful, limits),))
    return Verdict(action=Action.PUBLISH)


def to_json(verdict: Verdict) -> dict[str, Any]:  # Any: JSON
    """The verdict as it is stored beside the checks."""
    return asdict(verdict)


def from_json(data: Mapping[str, Any]) -> Verdict:  # Any: JSON
    """The verdict as it was stored."""
    repairs: Mapping[str, Sequence[str]] | None = data["repairs"]
    return Verdict(
        action=Action(data["action"]),
        reasons=tuple(data["reasons"]),
        repairs=None if repairs is None else {unit: tuple(errors) for unit, errors in repairs.items()},
    )


def _failing(output: Output, results: Sequence[Result]) -> dict[str, tuple[str, ...]]:
    """The units with proven errors, and the closing, in reading order, each with the first few of them."""
    found: dict[str, list[str]] = {unit_id: [] for unit_id in (*output.outline.unit_ids, CLOSING)}
    for result in results:
        for finding in result.findings:
            if finding.severity is Severity.ERROR and finding.where in found:
                found[finding.where].append(finding.what)
    return {unit_id: tuple(errors[:_EVIDENCE]) for unit_id, errors in found.items() if errors}


def _told(failing: Mapping[str, tuple[str, ...]], parts: int) -> tuple[str, ...]:
    first = [f"{unit_id}: {errors[0]}" for unit_id, errors in list(failing.items())[:_REASONS]]
    return (f"Errors in {len(failing)} of {parts} parts.", *first)


def _doubts(doubtful: Sequence[str], limits: Thresholds) -> str:
    named = ", ".join(doubtful[:_REASONS]) + (", ..." if len(doubtful) > _REASONS else "")
    units = "1 unit" if len(doubtful) == 1 else f"{len(doubtful)} units"
    return f"The model itself trusts {units} below {limits.least_confidence:g}: {named}."
