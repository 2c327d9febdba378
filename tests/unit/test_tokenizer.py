"""Tokens are counted without a network, quickly, and without a trace in the environment."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pydoc_data.topics import topics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from throughline import tokenizer

encoding = tokenizer._encoding  # pyright: ignore[reportPrivateUsage]  # what `count` is compared with
_OFFLINE = """
import sys

def forbid_network(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"{event} {arguments}")

sys.addaudithook(forbid_network)
from throughline.tokenizer import count
print(count("hello world"))
"""


@pytest.fixture(scope="module", autouse=True)
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """A fresh process with empty caches, where touching the network ends the program; it reads beside the tests."""
    empty = str(tmp_path_factory.mktemp("empty"))
    environment = {"PATH": "", "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": empty}
    with subprocess.Popen(
        [sys.executable, "-c", _OFFLINE],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", 0, id="nothing"),
        pytest.param("hello world", 2, id="words"),
        pytest.param("def f(x):\n    return x", 7, id="code"),
        pytest.param("<|endoftext|>", 7, id="a control token is text"),
        pytest.param("日本語", 2, id="characters beyond Latin"),
        pytest.param("\ud800", 1, id="half a surrogate pair"),
    ],
)
def test_a_text_has_so_many_tokens(text: str, expected: int):
    assert tokenizer.count(text) == expected


@settings(max_examples=25)
@given(st.text())
def test_a_text_never_has_more_tokens_than_bytes(text: str):
    assert 0 <= tokenizer.count(text) <= len(text.encode())


def test_cutting_a_long_text_into_pieces_hardly_changes_its_count():
    text = "".join(topics.values())[:50_000]
    whole = len(encoding().encode_ordinary(text))
    assert whole <= tokenizer.count(text) <= whole * 1.001


@pytest.mark.parametrize("run", ["a", " ", "\n", "=", "字", "ab ", "0"], ids=repr)
@pytest.mark.parametrize("before", [19_999, 39_995])
def test_a_cut_costs_a_few_tokens_at_most(run: str, before: int):
    text = (run * before)[:before] + "internationalisation"
    whole = len(encoding().encode_ordinary(text))
    assert abs(tokenizer.count(text) - whole) <= 4 * (len(text) // 20_000)


def test_a_megabyte_of_one_letter_is_counted_in_seconds():
    started = time.perf_counter()
    assert tokenizer.count("a" * 1_000_000) > 0
    assert time.perf_counter() - started < 2


def test_nothing_is_downloaded(offline: subprocess.Popen[str]):
    assert offline.communicate() == ("2\n", "")


@pytest.mark.parametrize("before", [None, "/elsewhere"], ids=["unset", "set"])
def test_the_cache_folder_of_others_is_put_back(before: str | None, monkeypatch: pytest.MonkeyPatch):
    if before is None:
        monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    else:
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", before)
    encoding.cache_clear()
    tokenizer.count("hello")
    assert os.environ.get("TIKTOKEN_CACHE_DIR") == before
