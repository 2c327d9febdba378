"""How long the checks take, in seconds of one processor: the clock of a machine that others share says less."""

import time
from collections.abc import Callable

import pytest

from benchmarks.checks import OUTPUT_TOKENS, QUOTES, SOURCE_CHARACTERS, long_output, some_quotes, some_sources
from tests.defects.clean import Clean
from tests.unit.checks.support import bodies, check, output, quote, source, unit
from throughline.domain.checks.table import run_checks
from throughline.domain.citations import check_citations
from throughline.tokenizer import count


def takes_less_than(limit_s: float, work: Callable[[], object]) -> bool:
    """Whether one of three rounds does: the first that does is enough."""
    return any(taken(work) < limit_s for _ in range(3))


def taken(work: Callable[[], object]) -> float:
    """The processor's seconds."""
    started = time.process_time()
    work()
    return time.process_time() - started


def test_two_thousand_quotes_in_six_megabytes_take_less_than_a_second():
    sources = some_sources(SOURCE_CHARACTERS)
    quotes = some_quotes(sources)
    assert (len(quotes), sum(len(source.text) for source in sources) >= SOURCE_CHARACTERS) == (QUOTES, True)
    assert takes_less_than(1.0, lambda: check_citations(quotes, sources))


def tokens(clean: Clean) -> int:
    return sum(count(unit.model_dump_json()) for unit in clean.output.ordered)


def test_all_checks_of_three_hundred_thousand_tokens_take_less_than_ten_seconds():
    clean = long_output()
    assert tokens(clean) >= OUTPUT_TOKENS
    assert takes_less_than(10.0, lambda: run_checks(clean.output, clean.corpus.sources))


@pytest.mark.parametrize(
    ("name", "again"),
    [("fillers", "[continue "), ("fillers", "[insert "), ("fillers", "<your "), ("headings", "](#")],
)
def test_a_megabyte_of_brackets_that_never_close_takes_less_than_five_seconds(name: str, again: str):
    body = again * (1_200_000 // len(again))
    assert takes_less_than(5.0, lambda: check(name, bodies(body), source("Some text.")))


def test_a_quote_of_pages_of_white_space_takes_less_than_a_second():
    out = output(unit("Body.", 1, quote(f"these words{' ' * 100_000}are nowhere")))
    assert takes_less_than(1.0, lambda: check("citations", out, source("Some text.")))


def test_the_figures_of_one_sentence_cost_in_proportion_to_their_number():
    def seconds(figures: int) -> float:
        out = bodies("These many figures: " + "1 " * figures)
        return taken(lambda: check("contradictions", out, source("Some text.")))

    assert seconds(160_000) < 6 * seconds(40_000)  # nine times, where each of them has the whole sentence made anew
