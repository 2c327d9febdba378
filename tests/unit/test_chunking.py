"""Cutting loses nothing, stays within the limit, and prefers the places where a reader would cut."""

from collections.abc import Callable
from itertools import accumulate
from pydoc_data.topics import topics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline.domain.chunking import split

REFERENCE = "".join(topics.values())
texts = st.text(st.sampled_from(list("abc  \n\n.#=é界!")), max_size=300)
some = settings(max_examples=40)


def words(text: str) -> int:
    return len(text.split())


def size(text: str) -> int:
    return len(text.encode())


def capricious(text: str) -> int:
    return 7 * words(text) % 5


@some
@given(texts, st.integers(1, 50))
def test_the_chunks_joined_are_the_text_and_none_is_empty(text: str, max_tokens: int):
    chunks = split(text, max_tokens, len)
    assert "".join(chunks) == text
    assert all(chunks)


@some
@given(texts, st.integers(3, 50), st.sampled_from([len, size, words, capricious]))
def test_every_chunk_is_within_the_limit_when_every_character_is(
    text: str, max_tokens: int, count: Callable[[str], int]
):
    if max_tokens < max(map(count, text), default=0):
        return
    assert all(count(chunk) <= max_tokens for chunk in split(text, max_tokens, count))


@some
@given(texts, st.integers(1, 50))
def test_splitting_is_deterministic(text: str, max_tokens: int):
    assert split(text, max_tokens, size) == split(text, max_tokens, size)


def test_a_character_that_exceeds_the_limit_stands_alone():
    assert split("aé", 1, size) == ("a", "é")


def test_a_text_that_fits_is_one_chunk():
    assert split("one\n\ntwo", 100, len) == ("one\n\ntwo",)


@pytest.mark.parametrize(
    ("separator", "also"),
    [
        pytest.param("\n## ", "\n\n", id="heading"),
        pytest.param("\n\n", "\n", id="blank-line"),
        pytest.param("\n", ". ", id="line"),
        pytest.param(". ", " ", id="sentence"),
        pytest.param(" ", "", id="word"),
    ],
)
def test_the_best_boundary_near_the_limit_is_taken(separator: str, also: str):
    text = ("x" * 20 + also) * 3 + "x" * 20 + separator + ("y" * 10 + also) * 9
    first = split(text, 110, len)[0]
    assert first.rstrip() == text[: text.index("y")].rstrip(" #\n")


@pytest.mark.parametrize("text", ["a" * 50_000, "字" * 20_000], ids=["ascii", "cjk"])
def test_a_text_without_any_boundary_is_cut_anywhere(text: str):
    chunks = split(text, 900, size)
    assert "".join(chunks) == text
    assert max(map(size, chunks)) <= 900
    assert len(chunks) < 1.5 * size(text) / 900


def test_a_text_that_grows_denser_is_cut_shorter():
    text = "a" * 5_000 + "字" * 5_000
    chunks = split(text, 900, size)
    assert "".join(chunks) == text
    assert max(map(size, chunks)) <= 900


def test_counting_stays_in_proportion_to_the_text():
    counted: list[int] = []

    def count(text: str) -> int:
        counted.append(len(text))
        return size(text) // 4

    chunks = split(REFERENCE, 1_000, count)
    assert len(counted) <= 2 * len(chunks)
    assert sum(counted) <= 2 * len(REFERENCE)


def test_the_language_reference_is_mostly_cut_at_its_own_headings():
    chunks = split(REFERENCE, 3_000, lambda text: size(text) // 4)
    starts = list(accumulate(map(len, chunks), initial=0))[1:-1]
    at_heading = [REFERENCE[at:].partition("\n")[2][:3] in {"***", "===", "---", "~~~"} for at in starts]
    assert sum(at_heading) > len(starts) * 2 / 3
