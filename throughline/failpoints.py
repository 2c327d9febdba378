"""Named places at which a test may kill or freeze this process, to prove that nothing is lost or paid twice.

`THROUGHLINE_FAILPOINT=NAME` kills the process with SIGKILL when it first reaches that place, `NAME:3` at the
third time; `NAME:1:freeze` stops it there with SIGSTOP until somebody continues it, as a machine does that is
starved or asleep. Without the variable a place costs one comparison.
"""

import os
import signal
from enum import StrEnum


class Failpoint(StrEnum):
    """Every boundary between the ledger and the network."""

    JOB_REGISTERED = "job-registered"
    JOB_STARTED = "job-started"
    ATTEMPT_BEGUN = "attempt-begun"
    BATCH_BEFORE_INTENT = "batch-before-intent"
    BATCH_AFTER_INTENT = "batch-after-intent"
    BATCH_BEFORE_POST = "batch-before-post"
    BATCH_MAY_POST = "batch-may-post"
    BATCH_AFTER_POST = "batch-after-post"
    BATCH_AFTER_SUBMITTED = "batch-after-submitted"
    BATCH_POLLING = "batch-polling"
    BATCH_AFTER_ENDED = "batch-after-ended"
    INGEST_BEFORE_RECORD = "ingest-before-record"
    INGEST_AFTER_RECORD = "ingest-after-record"
    INGEST_BEFORE_DONE = "ingest-before-done"
    BATCH_INGESTED = "batch-ingested"
    LINK_BEFORE_INTENT = "link-before-intent"
    LINK_AFTER_INTENT = "link-after-intent"
    LINK_PARTLY_SAVED = "link-partly-saved"
    LINK_AFTER_RECORD = "link-after-record"
    CHAIN_BEFORE_FINISH = "chain-before-finish"
    ATTEMPT_FINISHED = "attempt-finished"
    SWEEP_CLAIMED = "sweep-claimed"
    SWEEP_AFTER_SUBMIT = "sweep-after-submit"
    COLLECT_BEFORE_INGEST = "collect-before-ingest"
    COLLECT_BEFORE_RESUME = "collect-before-resume"
    PUT_ASIDE = "put-aside"
    BEFORE_SUSPEND = "before-suspend"
    BEFORE_CHECK = "before-check"
    BEFORE_CONCLUDE = "before-conclude"
    AFTER_CONCLUDE = "after-conclude"


_place: Failpoint | None = None
_left = 0
_signal = signal.SIGKILL


def arm(spec: str) -> None:
    """Die at `NAME`, or with `NAME:n` at the nth time; nowhere when empty. `ValueError` for an unknown name."""
    global _place, _left, _signal  # noqa: PLW0603 - one process dies in one place
    name, _, rest = spec.partition(":")
    count, _, how = rest.partition(":")
    if how not in ("", "freeze"):
        raise ValueError(f"a process cannot {how!r} at a place")
    _place = Failpoint(name) if name else None
    _left = int(count or 1)
    _signal = signal.SIGSTOP if how else signal.SIGKILL


def reach(place: Failpoint) -> None:
    """Die or freeze here if a test says so."""
    global _left  # noqa: PLW0603 - counts how often this one process passed
    if place is not _place:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), _signal)


arm(os.environ.get("THROUGHLINE_FAILPOINT", ""))
