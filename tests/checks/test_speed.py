"""How long the checks take, in seconds of one processor: the clock of a machine that others share says less."""

import time
from collections.abc import Callable

from benchmarks.checks import OUTPUT_TOKENS, QUOTES, SOURCE_CHARACTERS, long_output, some_quotes, some_sources
from tests.defects.clean import Clean
from throughline.domain.checks.table import run_checks
from throughline.domain.citations import check_citations
from throughline.tokenizer import count


def busy_s(work: Callable[[], object]) -> float:
    """The best of three rounds."""
    rounds: list[float] = []
    for _ in range(3):
        started = time.process_time()
        work()
        rounds.append(time.process_time() - started)
    return min(rounds)


def test_two_thousand_quotes_in_six_megabytes_take_less_than_a_second():
    sources = some_sources(SOURCE_CHARACTERS)
    quotes = some_quotes(sources)
    assert (len(quotes), sum(len(source.text) for source in sources) >= SOURCE_CHARACTERS) == (QUOTES, True)
    assert busy_s(lambda: check_citations(quotes, sources)) < 1.0


def tokens(clean: Clean) -> int:
    return sum(count(unit.model_dump_json()) for unit in clean.output.ordered)


def test_all_checks_of_three_hundred_thousand_tokens_take_less_than_ten_seconds():
    clean = long_output()
    assert tokens(clean) >= OUTPUT_TOKENS
    assert busy_s(lambda: run_checks(clean.output, clean.corpus.sources)) < 10.0
