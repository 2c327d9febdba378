"""What every endpoint must do: the same assertions against the simulator and, with `-m real_api`, the real API."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.support import adds_up, answers, ask, document, ended, lines, named, post, stranger, structured
from throughline.claude.client import Claude
from throughline.domain.ask import Reply, StopReason, Unanswered
from throughline.domain.models import LONG_OUTPUT_TOKENS
from throughline.errors import AccessRefused, NotFound

CLOCK_SKEW = timedelta(minutes=5)
PARTS = {"outline", "units", "closing"}  # of every structured answer


async def test_a_message_has_text_usage_and_a_stop_reason(claude: Claude):
    reply = await claude.stream(ask())
    assert reply.text.strip()
    assert reply.stop_reason is StopReason.END_TURN
    assert reply.usage.input_tokens > 0
    assert reply.usage.output_tokens > 0
    assert reply.request_id is not None
    assert reply.refusal_category is None


async def test_a_message_cut_at_its_limit_says_so_and_is_charged_up_to_it(claude: Claude):
    reply = await claude.stream(ask(instruction="Tell a story of a thousand words.", max_tokens=20))
    assert reply.stop_reason is StopReason.MAX_TOKENS
    assert reply.stop_reason.truncated
    assert 0 < reply.usage.output_tokens <= 20


async def test_every_token_of_a_message_is_read_once(claude: Claude):
    reply = await claude.stream(ask(documents=(document(),), instruction="What was surveyed?"))
    assert adds_up(reply.usage, reply.raw_usage)


async def test_a_cached_document_is_written_once_and_then_read(claude: Claude):
    asked = ask(documents=(document(),), instruction="What was surveyed?", cache_documents=True)
    first, second = await claude.stream(asked), await claude.stream(asked)
    assert first.usage.cache_write_5m_tokens + first.usage.cache_read_tokens > 0
    assert second.usage.cache_read_tokens > 0
    assert first.usage.prompt_tokens == second.usage.prompt_tokens
    assert adds_up(first.usage, first.raw_usage)
    assert adds_up(second.usage, second.raw_usage)


async def test_an_answer_has_the_form_of_its_schema(claude: Claude):
    reply = await claude.stream(structured())
    assert set(json.loads(reply.text)) == PARTS


async def test_a_batch_takes_long_outputs_and_names_each_result(claude: Claude):
    """Above the ordinary cap, so the beta must have been accepted."""
    requests = named(ask(max_tokens=LONG_OUTPUT_TOKENS), ask(instruction="Count to three."), structured())
    found = await answers(claude, requests)
    assert set(found) == {"call-1", "call-2", "call-3"}
    for reply in found.values():
        assert isinstance(reply, Reply)
        assert reply.stop_reason is StopReason.END_TURN
        assert reply.text.strip()
        assert adds_up(reply.usage, reply.raw_usage)
    last = found["call-3"]
    assert isinstance(last, Reply)
    assert set(json.loads(last.text)) == PARTS


async def test_a_batch_is_found_by_its_time_and_its_size(claude: Claude):
    started = datetime.now(UTC)
    remote_id = await post(claude, named(ask(), ask()))
    found = {batch.id: batch async for batch in claude.batches_since(started - CLOCK_SKEW)}
    assert found[remote_id].request_count == 2
    assert abs(found[remote_id].created_at - started) < CLOCK_SKEW
    assert len(await lines(claude, await ended(claude, remote_id))) == 2


async def test_a_request_that_the_api_refuses_errors_alone(claude: Claude):
    """The parameters of a batch are looked at only when it ends; its other requests are answered."""
    found = await answers(claude, named(ask(max_tokens=LONG_OUTPUT_TOKENS + 1), ask()))
    refused = found["call-1"]
    assert isinstance(refused, Unanswered)
    assert (refused.outcome, refused.error_type) == ("errored", "invalid_request_error")
    assert not refused.resendable
    assert isinstance(found["call-2"], Reply)


async def test_an_unknown_model_is_not_found(claude: Claude):
    with pytest.raises(NotFound):
        await claude.stream(ask(model="claude-nonesuch-1"))


async def test_a_wrong_key_is_refused(claude: Claude):
    async with stranger(claude) as unknown:
        with pytest.raises(AccessRefused, match="ANTHROPIC_API_KEY"):
            await unknown.stream(ask())
        with pytest.raises(AccessRefused, match="ANTHROPIC_API_KEY"):
            await unknown.endpoint()


async def test_tokens_are_counted_before_they_are_paid_for(claude: Claude):
    short, long = await claude.count_tokens(ask()), await claude.count_tokens(ask(documents=(document(),)))
    assert 0 < short < long


async def test_a_full_endpoint_offers_batches_and_structured_outputs(claude: Claude):
    endpoint = await claude.endpoint()
    assert endpoint.host == claude.host
    assert endpoint.batches
    assert endpoint.structured_outputs


async def test_the_models_api_tells_a_models_limits(claude: Claude):
    known = await claude.model("claude-haiku-5-5")
    assert (known.id, known.structured_outputs) == ("claude-haiku-5-5", True)
    assert known.context_tokens is None or known.context_tokens >= 200_000


async def test_a_model_that_the_key_cannot_use_is_not_found(claude: Claude):
    with pytest.raises(NotFound):
        await claude.model("claude-nobody-1")
