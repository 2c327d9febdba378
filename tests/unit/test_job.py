"""What a person asked for, refused in one sentence where it makes no sense."""

from decimal import Decimal
from typing import Any

import pytest

from throughline.domain.job import Kind, specified
from throughline.errors import BadInput


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"budget_usd": Decimal(-1)}, "budget_usd must be greater than 0", id="negative budget"),
        pytest.param({"budget_usd": Decimal("NaN")}, "budget_usd must be a finite number", id="no amount"),
        pytest.param({"deadline_s": -60}, "deadline_s must be greater than 0", id="deadline in the past"),
        pytest.param({"deadline_s": float("inf")}, "deadline_s must be a finite number", id="endless deadline"),
        pytest.param({"kind": "poem"}, "kind must be 'summary', 'code_review'", id="kind"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_one_sentence(given: dict[str, Any], said: str):
    with pytest.raises(BadInput) as refused:
        specified(**{"kind": Kind.SUMMARY, "model": "claude-sonnet-5-5"} | given)
    assert str(refused.value).startswith(said)
    assert str(refused.value).endswith("; correct it and start the job again.")
    assert "\n" not in str(refused.value)


def test_a_spec_that_makes_sense_is_taken_as_it_is():
    assert specified(kind=Kind.SUMMARY, model="claude-sonnet-5-5", budget_usd=Decimal(2)).budget_usd == 2
