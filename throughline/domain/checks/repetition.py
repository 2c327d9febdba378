"""Text that stands in more than one place of the output, in the same or nearly the same words."""

from collections import Counter
from collections.abc import Sequence

from throughline.domain.checks.material import DECILES, Material
from throughline.domain.checks.prose import Statement
from throughline.domain.checks.repeats import Repeat
from throughline.domain.checks.result import Finding, Result, conclude, error, warning

_DUPLICATE = 0.6
_LEAST_DUPLICATE_SENTENCES = 2


def check(material: Material) -> Result:
    """A unit most of which repeats one earlier unit is an error; other repeated sentences are warnings."""
    repeats = material.repeats
    duplicates = _duplicates(material.long_statements, repeats)
    findings: list[Finding] = [
        error(where, f"{round(100 * share)} % of this unit repeats {earlier}.")
        for where, (earlier, share) in duplicates.items()
    ]
    findings += (
        warning(repeat.statement.where, _told(repeat), part=repeat.statement.part)
        for repeat in repeats
        if duplicates.get(repeat.statement.where, ("",))[0] != repeat.earlier.where
    )
    measures = {
        "statements": len(material.long_statements),
        "repeated_exactly": sum(repeat.exact for repeat in repeats),
        "repeated_nearly": sum(not repeat.exact for repeat in repeats),
        "repeated_share_by_decile": repeated_by_decile(material),
    }
    return conclude("repetition", findings, measures)


def _told(repeat: Repeat) -> str:
    how = "Repeats" if repeat.exact else "Nearly repeats"
    return f'{how} a sentence of {repeat.earlier.where}: "{repeat.statement.text[:80]}".'


def _duplicates(statements: Sequence[Statement], repeats: Sequence[Repeat]) -> dict[str, tuple[str, float]]:
    """For each unit that mostly repeats one other: that unit and the share of its sentences."""
    total = Counter(statement.where for statement in statements)
    pairs = Counter((repeat.statement.where, repeat.earlier.where) for repeat in repeats)
    duplicates: dict[str, tuple[str, float]] = {}
    for (where, earlier), count in pairs.most_common():
        share = count / total[where]
        enough = count >= _LEAST_DUPLICATE_SENTENCES and share >= _DUPLICATE
        if where != earlier and enough and where not in duplicates:
            duplicates[where] = (earlier, share)
    return duplicates


def repeated_by_decile(material: Material) -> tuple[float | None, ...]:
    """The share of repeated statements in each tenth of the output."""
    total = Counter(material.decile(statement.where) for statement in material.long_statements)
    again = Counter(material.decile(repeat.statement.where) for repeat in material.repeats)
    return tuple(round(again[d] / total[d], 4) if total[d] else None for d in range(DECILES))
