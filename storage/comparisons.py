"""What people preferred when they read both outputs of a job without knowing which path wrote which."""

from datetime import datetime

from sqlalchemy import func, insert, select

from storage.engine import Tx
from storage.tables import comparisons, jobs, reviews
from throughline.domain.job import Kind, Path
from throughline.domain.review import Blind, BlindCounts


def save(tx: Tx, review_id: str, blind: Blind) -> None:
    """The verdict of that review, once."""
    row = {"review_id": review_id, "preferred": blind.preferred, "shown_first": blind.shown_first}
    tx.execute(insert(comparisons), row)


def counts(tx: Tx, *, simulated: bool, kind: Kind | None = None, since: datetime | None = None) -> BlindCounts:
    """How often which path was preferred, of jobs that began since then."""
    query = (
        select(comparisons.c.preferred, comparisons.c.shown_first, func.count().label("times"))
        .join(reviews, reviews.c.id == comparisons.c.review_id)
        .join(jobs, jobs.c.id == reviews.c.job_id)
        .where(jobs.c.simulated == simulated)
        .group_by(comparisons.c.preferred, comparisons.c.shown_first)
    )
    if kind is not None:
        query = query.where(jobs.c.kind == kind)
    if since is not None:
        query = query.where(jobs.c.created_at >= since)
    rows = tx.execute(query).all()
    return BlindCounts(
        preferred={path: sum(row.times for row in rows if row.preferred == path) for path in Path},
        shown_first=sum(row.times for row in rows if row.preferred == row.shown_first),
    )
