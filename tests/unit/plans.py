"""Jobs to plan: what a plan is made from."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from throughline.domain.estimates import Case, Policy
from throughline.domain.job import Depth, Effort, JobSpec, Kind, PathChoice, ReviewMode
from throughline.domain.models import MODELS, find, unlisted
from throughline.domain.plan import Corpus, Endpoint, PathEstimate, Plan
from throughline.domain.pricing import UnlistedPrice
from throughline.domain.tokens import TokenCount

POLICY = Policy(review_usd_per_hour=Decimal(60), waiting_usd_per_hour=Decimal("0.25"))
ENDPOINT = Endpoint(host="api.anthropic.com", batches=True, structured_outputs=True)
LARGE: dict[str, Any] = {"units": 150, "tokens": 300_000}


def case(
    *,
    units: int = 1,
    tokens: int = 5_000,
    kind: Kind = Kind.SUMMARY,
    model: str = "claude-opus-5-5",
    endpoint: Endpoint = ENDPOINT,
    policy: Policy = POLICY,
    **given: Any,
) -> Case:
    return Case(
        spec=JobSpec(kind=kind, model=model, **given),
        model=find(model),
        corpus=Corpus(
            sources=3,
            characters=tokens * 4,
            tokens=TokenCount(expected=tokens, upper=tokens * 6 // 5),
            counted_by="o200k_base",
        ),
        units=units,
        endpoint=endpoint,
        policy=policy,
        at=datetime(2026, 11, 22, tzinfo=UTC),
    )


def own_model(context_tokens: int, **given: Any) -> Case:
    """A case on a model of an own endpoint with that window."""
    prices = UnlistedPrice(model="llama", input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(0))
    model = unlisted("llama", context_tokens=context_tokens, output_tokens=8_000)
    of_listed = case(model="claude-haiku-4-5", **given)
    spec = of_listed.spec.model_copy(update={"model": "llama"})
    return replace(of_listed, spec=spec, model=model, unlisted_price=prices)


cases = st.builds(
    case,
    units=st.integers(1, 400),
    tokens=st.integers(1, 900_000),
    kind=st.sampled_from(Kind),
    model=st.sampled_from(sorted(MODELS)),
    path=st.sampled_from([PathChoice.AUTO, PathChoice.CHUNKED]),
    depth=st.sampled_from(Depth),
    effort=st.sampled_from(Effort),
    review=st.sampled_from(ReviewMode),
)


def estimates(plan: Plan) -> tuple[PathEstimate, PathEstimate]:
    return plan.single_pass, plan.chunked
