"""A clean output raises no flag: fifty that the simulator wrote from real text, whole jobs, no fault planted.

This text was looked at while the checks were adjusted; `test_held_out_outputs.py` has text that was not.
"""

from pathlib import Path

from tests.clean_jobs import OUTPUTS, familiar, flagged
from tests.faults.support import Service
from throughline.domain.checks.table import CHECKS

# The stand-in says a sentence twice within a unit, plans outlines whose sources it does not keep to, quotes code in
# half a sentence of its own, and begins quotes anywhere, also right behind a "not". The checks are right to
# point there.
_ITS_OWN_WAYS = frozenset({"repetition", "evidence", "near_copies", "citations"})


async def test_fifty_clean_outputs_raise_no_error_and_next_to_no_warning(service: Service, tmp_path: Path):
    found = await flagged(service, familiar(tmp_path))
    assert (found.outputs, found.published) == (OUTPUTS, OUTPUTS)
    assert set(found.findings) == set(CHECKS)
    assert found.error_rate <= 0.005
    assert {name: n for name, n in found.findings.items() if n > 0.02 * found.units and name not in _ITS_OWN_WAYS} == {}
