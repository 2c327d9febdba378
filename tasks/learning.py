"""What the ledger has taught so far, read for a plan: the learner of sizes, and what exploration follows from."""

from statistics import fmean

from storage import calibration
from storage.engine import Tx
from tasks import runtime
from throughline.domain.estimates import Recent
from throughline.domain.learning.exploration import ExplorationRules, interest
from throughline.domain.learning.sizes import SizeLearner

_NOTHING_KNOWN = 1.0  # the usual interest before any plan: as if every decision were a tie
_fitted: dict[tuple[str, bool], tuple[object, SizeLearner]] = {}


def learner(tx: Tx) -> SizeLearner:
    """The learner of all attempts that are known now; kept by this process until there is another one.

    It is fitted anew then, not continued: over the same observations any process gives the same numbers.
    """
    rt = runtime.current()
    place = (str(rt.engine.url), rt.simulated)
    newest = calibration.newest(tx, simulated=rt.simulated)
    if (kept := _fitted.get(place)) is not None and kept[0] == newest:
        return kept[1]
    fitted = SizeLearner(calibration.recent_observations(tx, simulated=rt.simulated))
    _fitted[place] = (newest, fitted)
    return fitted


def recent(tx: Tx) -> Recent | None:
    """What exploration follows from; None while no share of the jobs is to run both paths.

    Plans that are made at the same moment do not see each other's reservations.
    """
    rt = runtime.current()
    if rt.settings.explore_share == 0:
        return None
    gaps = calibration.recent_gaps(tx, simulated=rt.simulated)
    midnight = runtime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return Recent(
        rules=ExplorationRules(share=rt.settings.explore_share, daily_budget_usd=rt.settings.explore_daily_usd),
        usual_interest=fmean(interest(gap) for gap in gaps) if gaps else _NOTHING_KNOWN,
        spent_today_usd=calibration.explored_usd(tx, midnight, simulated=rt.simulated),
    )
