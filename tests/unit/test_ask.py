"""An ask is identified by everything that decides its answer."""

import re
from dataclasses import replace

import pytest

from throughline.domain.ask import Ask, Document, StopReason, Unanswered
from throughline.domain.job import Effort, Kind

ASK = Ask(
    model="claude-opus-5-5",
    kind=Kind.SUMMARY,
    system="system",
    documents=(Document(title="a", text="one"), Document(title="b", text="two")),
    instruction="instruction",
    structured=True,
    max_tokens=1_000,
    effort=Effort.MEDIUM,
    cache_documents=False,
)


def test_equal_asks_have_the_same_fingerprint():
    assert replace(ASK).fingerprint == ASK.fingerprint
    assert re.fullmatch("[0-9a-f]{64}", ASK.fingerprint)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(ASK, model="claude-opus-5"), id="model"),
        pytest.param(replace(ASK, system="other"), id="system"),
        pytest.param(replace(ASK, documents=ASK.documents[::-1]), id="order of documents"),
        pytest.param(replace(ASK, documents=ASK.documents[:1]), id="a document less"),
        pytest.param(replace(ASK, documents=(Document(title="a", text="x"), ASK.documents[1])), id="a text"),
        pytest.param(replace(ASK, documents=(Document(title="x", text="one"), ASK.documents[1])), id="a title"),
        pytest.param(replace(ASK, instruction="other"), id="instruction"),
        pytest.param(replace(ASK, structured=False), id="no schema"),
        pytest.param(replace(ASK, kind=Kind.SYNTHESIS), id="another schema"),
        pytest.param(replace(ASK, max_tokens=1_001), id="cap"),
        pytest.param(replace(ASK, effort=None), id="effort"),
        pytest.param(replace(ASK, cache_documents=True), id="caching"),
    ],
)
def test_whatever_decides_the_answer_changes_the_fingerprint(other: Ask):
    assert other.fingerprint != ASK.fingerprint


def test_a_text_cannot_pass_for_another_split_of_it():
    one = replace(ASK, documents=(Document(title="ab", text="c"),))
    other = replace(ASK, documents=(Document(title="a", text="bc"),))
    assert one.fingerprint != other.fingerprint


def test_document_text_and_instruction_stay_out_of_logs():
    assert "one" not in repr(ASK)
    assert "instruction" not in repr(ASK)


@pytest.mark.parametrize("reason", list(StopReason))
def test_only_the_two_limits_truncate_an_answer(reason: StopReason):
    assert reason.truncated == (reason in ("max_tokens", "model_context_window_exceeded"))


@pytest.mark.parametrize(
    ("item", "resendable"),
    [
        pytest.param(Unanswered(outcome="expired"), True, id="expired"),
        pytest.param(Unanswered(outcome="errored", error_type="api_error"), True, id="their error"),
        pytest.param(Unanswered(outcome="errored", error_type="invalid_request_error"), False, id="our error"),
    ],
)
def test_only_a_request_that_is_wrong_in_itself_is_not_sent_again(item: Unanswered, resendable: bool):
    assert item.resendable is resendable
