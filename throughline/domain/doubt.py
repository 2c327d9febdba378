"""Doubt about a POST: when a look at the API's list proves that a batch is not there, and when to look once more.

A batch may be posted until a moment that the ledger has (`post_until`), and is in the list a settling time after it
at the latest: a look that begins then and finds nothing proves that there is none. An API, or a network, that holds
a request back for longer than the settling time makes that proof wrong. So what was given up is looked for again
for a day, at growing intervals: a late batch is then found, paid as it is, and not paid unseen.
"""

from datetime import datetime, timedelta

LOOKED_FOR = timedelta(days=1)
"""How long a batch that was given up is looked for."""
_CLOCK_SKEW = timedelta(days=1)  # custom ids decide; the time only bounds the search


def earliest(intended_at: datetime) -> datetime:
    """When, by the API's clock, a batch can have been accepted at the earliest."""
    return intended_at - _CLOCK_SKEW


def is_too_late(created_at: datetime, *, post_until: datetime) -> bool:
    """Whether a batch of the list came so long after the last moment of our POST that it must be another's.

    Without that end a program that always has a batch of our size under way would keep a doubt open for ever.
    """
    return created_at > post_until + LOOKED_FOR + _CLOCK_SKEW


def is_surely_absent(*, post_until: datetime | None, looked_from: datetime, settle: timedelta) -> bool:
    """Whether a look that began then and found nothing is enough; None for a batch that was never let go."""
    return post_until is None or looked_from >= post_until + settle


def is_due_again(*, post_until: datetime, looked_at: datetime | None, now: datetime) -> bool:
    """Whether to look for a batch that was given up: about twelve times in the day, the first time soon."""
    return looked_at is None or now - looked_at >= looked_at - post_until
