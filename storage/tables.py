"""The tables. Words as in the README; ids are uuid7 strings, money is exact, time is UTC.

sources ──< job_sources >── jobs ──< plans
                              ├──< attempts ──< calls >── batches
                              │        ├──< units ──< citations
                              │        ├──< checks
                              │        └─── calibration
                              └──< reviews ─── comparisons
                                       └──< reading_seconds
"""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from storage.columns import CleanText, CompressedText, Picodollars, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = JSON(none_as_null=True)  # a missing value is NULL, not the JSON text "null"


def _id() -> Column[str]:
    return Column("id", String(36), primary_key=True)


def _ref(target: str, *, nullable: bool = False) -> Column[str]:
    name = f"{target.removesuffix('es') if target == 'batches' else target.removesuffix('s')}_id"
    return Column(name, String(36), ForeignKey(f"{target}.id"), nullable=nullable)


sources = Table(
    "sources",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("characters", Integer, nullable=False),
    Column("text", CompressedText, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    _id(),
    Column("idempotency_key", String(64), nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("title", CleanText, nullable=False),
    Column("spec", Json, nullable=False),
    Column("left_out", Json, nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("reason", CleanText),
    Column("simulated", Boolean, nullable=False),
    Column("published_attempt_id", String(36)),
    Column("lease_owner", String(320), index=True),
    Column("lease_until", UtcDateTime),
    Column("flow_run_id", String(36), index=True),  # the flow run that carries this job out
    Column("rerun_of", String(36)),  # the rejected job whose place this one takes
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
)

job_sources = Table(
    "job_sources",
    metadata,
    Column("job_id", String(36), ForeignKey("jobs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("sha256", String(64), ForeignKey("sources.sha256"), nullable=False),
    Column("name", CleanText, nullable=False),
    Column("format", String(16), nullable=False),
)

plans = Table(
    "plans",
    metadata,
    Column("job_id", String(36), ForeignKey("jobs.id"), primary_key=True),
    Column("plan", Json, nullable=False),
    Column("outline", Json),  # as the sources' structure gives it; empty where the model writes it
    Column("created_at", UtcDateTime, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    _id(),
    _ref("jobs"),
    Column("path", String(16), nullable=False),
    Column("role", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    # The attempt whose units this one completes: a chain that finishes a short single pass.
    Column("continues_attempt_id", String(36), ForeignKey("attempts.id")),
    Column("outline", Json),
    Column("closing", Json),
    Column("rewrites", Json),  # the parts that a repair writes anew, each with what was wrong
    Column("verdict", Json),
    Column("stop_reason", String(40)),
    Column("reason", CleanText),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    UniqueConstraint("job_id", "path", "role"),
)

batches = Table(
    "batches",
    metadata,
    _id(),
    Column("state", String(16), nullable=False, index=True),
    Column("remote_id", String(64), unique=True),
    Column("host", String(255), nullable=False),
    Column("key_fingerprint", String(16), nullable=False),
    Column("request_count", Integer, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("intended_at", UtcDateTime, nullable=False),
    Column("submitted_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("ingested_at", UtcDateTime),
    Column(
        "post_until", UtcDateTime
    ),  # its POST leaves before this moment or not at all; empty: none can be on its way
    Column("looked_at", UtcDateTime),  # when it was last looked for in vain
    Column("note", CleanText),
)

calls = Table(
    "calls",
    metadata,
    _id(),  # also the request's custom_id in a batch
    _ref("jobs"),
    _ref("attempts"),
    _ref("batches", nullable=True),
    Column("link", Json, nullable=False),
    Column("state", String(16), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("model", CleanText, nullable=False),
    Column("max_tokens", Integer, nullable=False),
    Column("reserved_usd", Picodollars, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("intended_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime),
    # answered, errored, expired, canceled; empty until known
    Column("outcome", String(16)),
    Column("stop_reason", String(40)),
    Column("request_id", String(128)),
    Column("response_text", CompressedText),
    Column("usage", Json),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("thinking_tokens", Integer),
    Column("cache_read_tokens", Integer),
    Column("cache_write_tokens", Integer),
    Column("cache_write_1h_tokens", Integer),  # the part of them that is kept for an hour
    Column("wasted_tokens", Integer),
    Column("cost_usd", Picodollars),
    Column("price_row", CleanText),
    Column("delivered", Json),
    Column("errors", Json),
    Index("ix_calls_attempt_id", "attempt_id"),
    Index("ix_calls_job_id", "job_id"),
    Index("ix_calls_batch_id", "batch_id"),
    Index("ix_calls_intended_at", "intended_at"),
)

units = Table(
    "units",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _ref("attempts"),
    _ref("calls"),
    Column("unit_id", CleanText, nullable=False),
    # Its place in its call's `response_text`, in characters; or the unit itself, saved before that text was whole.
    Column("start", Integer),
    Column("end", Integer),
    Column("content", Json),
    UniqueConstraint("attempt_id", "unit_id"),
)

citations = Table(
    "citations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _ref("attempts"),
    Column("unit_id", CleanText, nullable=False),
    Column("source", CleanText, nullable=False),
    Column("quote", CleanText, nullable=False),
    Column("status", String(16), nullable=False),
    Column("start", Integer),
    Column("end", Integer),
    Column("similarity", Float),
    Column("found_in", CleanText),
    Index("ix_citations_attempt_id", "attempt_id"),
)

checks = Table(
    "checks",
    metadata,
    Column("attempt_id", String(36), ForeignKey("attempts.id"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("passed", Boolean, nullable=False),
    Column("evidence", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    _id(),
    _ref("jobs"),
    Column("decision", String(16)),
    Column("reviewer", CleanText),
    Column("reason", CleanText),
    Column("minutes", Float),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("came_from", String(16)),  # page, command, prefect or clock
    Column("expires_at", UtcDateTime),
    Index("ix_reviews_job_id", "job_id"),
)

# A decision after a blind reading of both outputs. What machines measure of them is never stored: it is computed anew.
comparisons = Table(
    "comparisons",
    metadata,
    Column("review_id", String(36), ForeignKey("reviews.id"), primary_key=True),
    Column("preferred", String(16), nullable=False),  # the path whose output was approved
    Column("shown_first", String(16), nullable=False),  # the path that stood on the left
)

# One row a second in which somebody was really reading: two tabs, or a beat sent twice, count once.
reading_seconds = Table(
    "reading_seconds",
    metadata,
    Column("review_id", String(36), ForeignKey("reviews.id"), primary_key=True),
    Column("second", Integer, primary_key=True, autoincrement=False),
)

calibration = Table(
    "calibration",
    metadata,
    Column("attempt_id", String(36), ForeignKey("attempts.id"), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("model", CleanText, nullable=False),
    Column("depth", String(16), nullable=False),
    Column("path", String(16), nullable=False),
    Column("units", Integer, nullable=False),
    Column("expected_tokens", Integer, nullable=False),
    Column("upper_tokens", Integer, nullable=False),
    Column("actual_tokens", Integer, nullable=False),
    # A cut answer needed more than it shows: "more than actual_tokens", never "exactly".
    Column("censored", Boolean, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    # What the structure alone said: learning from its own forecasts would correct them twice.
    Column("prior_tokens", Integer),
    Column("worst_tokens", Integer),
    Column("log_spread", Float),
    Column("source_tokens", Integer),
    Column("prompt_version", String(32)),
)
