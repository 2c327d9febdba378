"""Does the end of a long output hold the level of its beginning? Every figure by tenth of the outline."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from throughline.domain.checks.citations import verified_by_decile
from throughline.domain.checks.material import DECILES, Material
from throughline.domain.checks.repetition import repeated_by_decile
from throughline.domain.checks.result import Finding, Result, conclude, warning

_LATE = 3  # the last deciles, compared with those before them
_LEAST_UNITS = 20  # of fewer units a tenth is one or two, and its figures are chance
_Deciles = tuple[float | None, ...]


def check(material: Material) -> Result:
    """A late part that is much worse than the rest is a warning at the first unit of that part."""
    units = material.output.ordered
    confidence = _means(material, [(unit.unit_id, unit.confidence) for unit in units])
    length = _means(material, [(unit.unit_id, float(len(unit.body))) for unit in units])
    verified = verified_by_decile(material)
    repeated = repeated_by_decile(material)
    measures = {
        "verified_share_by_decile": verified,
        "repeated_share_by_decile": repeated,
        "confidence_by_decile": confidence,
        "body_characters_by_decile": length,
    }
    findings = _findings(verified, repeated, confidence, length, _late_unit(material))
    return conclude("drift", findings if len(units) >= _LEAST_UNITS else (), measures)


def _means(material: Material, values: Sequence[tuple[str, float]]) -> _Deciles:
    by_decile: list[list[float]] = [[] for _ in range(DECILES)]
    for unit_id, value in values:
        by_decile[material.decile(unit_id)].append(value)
    return tuple(round(fmean(found), 4) if found else None for found in by_decile)


def _late_unit(material: Material) -> str:
    ids = material.output.outline.unit_ids
    return next((unit_id for unit_id in ids if material.decile(unit_id) >= DECILES - _LATE), "")


def _findings(
    verified: _Deciles, repeated: _Deciles, confidence: _Deciles, length: _Deciles, where: str
) -> Iterator[Finding]:
    for name, deciles, worst_fall in (
        ("The share of verified quotes", verified, 0.1),
        ("Confidence", confidence, 0.15),
    ):
        early, late = _halves(deciles)
        if early - late > worst_fall:
            yield warning(where, f"{name} falls from {early:.2f} to {late:.2f} in the last three tenths.")
    early, late = _halves(repeated)
    if late - early > 0.1:
        yield warning(where, f"Repetition rises from {early:.2f} to {late:.2f} in the last three tenths.")
    early, late = _halves(length)
    if late < early / 2:
        yield warning(where, f"Units shrink from {early:.0f} to {late:.0f} characters in the last three tenths.")


def _halves(deciles: _Deciles) -> tuple[float, float]:
    """The mean before the late part and in it; equal when either has nothing to measure."""
    early = [value for value in deciles[:-_LATE] if value is not None]
    late = [value for value in deciles[-_LATE:] if value is not None]
    return (fmean(early), fmean(late)) if early and late else (0.0, 0.0)
