"""How fast the checks are and what they find: real text, planted defects, no model.

Prints the time of 2,000 citations against 6 MB of sources, the time of every check on an output of 300,000
tokens, and a table of planted defects: recall, and false alarms on correct outputs, extractive and reworded.
With `--others` only the last table is printed, over the modules of the library that are not in it otherwise, and which
nobody looked at while the checks were adjusted.
Run: python -m benchmarks.checks [--others]
"""

import random
import sys
import time
from collections.abc import Callable, Sequence

from tests.defects.classes import CLASSES, DROPPED
from tests.defects.clean import SENTENCES_PER_UNIT, Clean, summary
from tests.defects.counting import Amount, Score, scores
from tests.defects.real_text import Text, real_texts
from tests.defects.rewording import alarms, in_other_words
from tests.planted_quotes import quote_table
from throughline.domain.checks.corpus import Corpus
from throughline.domain.checks.material import Material
from throughline.domain.checks.table import CHECKS, run_checks
from throughline.domain.citations import check_citations
from throughline.domain.document import Output
from throughline.domain.output import Citation
from throughline.domain.source import Format, Source
from throughline.tokenizer import count

QUOTES = 2_000
SOURCE_CHARACTERS = 6_000_000
OUTPUT_TOKENS = 300_000
ROUNDS = 3
ALL_MODULES = 1_000
PLANTED = Amount(modules=150, units=200, planted=50, outputs=10)
OTHERS = Amount(modules=ALL_MODULES, skipped=PLANTED.modules, topics=0, units=PLANTED.units, planted=50, outputs=10)


def spent(work: Callable[[], object]) -> str:
    """The best of a few rounds: on a shared machine the processor's time says more than the clock."""
    clock: list[float] = []
    processor: list[float] = []
    for _ in range(ROUNDS):
        started, busy = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - started)
        processor.append(time.process_time() - busy)
    return f"{min(clock):.2f} s ({min(processor):.2f} s of one processor)"


def some_sources(characters: int) -> list[Source]:
    """Sources of the library up to that size."""
    chosen: list[Source] = []
    for text in real_texts(ALL_MODULES):
        chosen.append(text.source)
        if sum(len(source.text) for source in chosen) >= characters:
            break
    return chosen


def some_quotes(sources: Sequence[Source]) -> list[Citation]:
    """Runs of 6 to 30 words; a letter is changed in every tenth."""
    chance = random.Random(1)
    quotes: list[Citation] = []
    while len(quotes) < QUOTES:
        source = chance.choice(sources)
        start = chance.randrange(max(len(source.text) - 400, 1))
        words = source.text[start : start + 400].split()[1:-1][: chance.randrange(6, 30)]
        if len(words) > 5:
            text = " ".join(words)
            changed = text.replace("e", "a", 1) if len(quotes) % 10 == 0 else text
            quotes.append(Citation(source=source.name, quote=changed))
    return quotes


def time_citations() -> None:
    """Against many sources, and against the same text as one source."""
    sources = some_sources(SOURCE_CHARACTERS)
    quotes = some_quotes(sources)
    megabytes = sum(len(source.text.encode()) for source in sources) / 1e6
    took = spent(lambda: check_citations(quotes, sources))
    print(f"{len(quotes):,} quotes against {megabytes:.1f} MB in {len(sources)} sources: {took}")
    whole = [Source(name="all", format=Format.TEXT, text="\n\n".join(source.text for source in sources))]
    same = [Citation(source="all", quote=quote.quote) for quote in quotes]
    print(f"the same against one source: {spent(lambda: check_citations(same, whole))}")


def long_output() -> Clean:
    """A correct output of that many tokens in which every sentence is quoted, made of the wordiest sources."""
    texts = sorted(real_texts(ALL_MODULES), key=_wordiness, reverse=True)
    used = 100
    while used < len(texts) and _tokens(_summary(texts[:used]).output) < OUTPUT_TOKENS:
        used += 20
    return _summary(texts[:used])


def _wordiness(text: Text) -> float:
    return sum(map(len, text.sentences)) / max(len(text.source.text), 1)


def _summary(texts: Sequence[Text]) -> Clean:
    corpus = Corpus(text.source for text in texts)
    return summary(texts, corpus, seed=0, most_units=2_000, quotes_per_unit=SENTENCES_PER_UNIT)


def _tokens(output: Output) -> int:
    return sum(count(unit.model_dump_json()) for unit in output.ordered)


def time_all() -> None:
    """Every check on one long output, each timed where it runs; what checks share counts for the first."""
    clean = long_output()
    output, corpus = clean.output, clean.corpus
    megabytes = sum(len(source.text.encode()) for source in corpus.sources) / 1e6
    took = spent(lambda: run_checks(output, corpus.sources))
    print(
        f"all checks on {_tokens(output):,} tokens, {len(output.units)} units, {megabytes:.1f} MB in "
        f"{len(corpus.sources)} sources: {took}"
    )
    material = Material(output, Corpus(corpus.sources))
    for name, check in CHECKS.items():
        busy = time.process_time()
        result = check(material)
        print(f"  {name:<16}{time.process_time() - busy:6.2f} s  {len(result.findings)} findings")


def print_quotes() -> None:
    """Forty quotes of each class side by side: what was flagged, and as what."""
    table = quote_table()
    print(f"{'quote':<34}{'planted':>8}{'flagged':>9}  as")
    for name, score in table.classes.items():
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(score.statuses.items()))
        marked = f", {score.marked} with what changed named" if score.marked else ""
        print(f"{name:<34}{score.planted:>8}{score.flagged:>9}  {statuses}{marked}")
    print(f"quotes: recall {table.recall:.1%}, precision {table.precision:.1%}")


def print_scores(amount: Amount) -> None:
    """Recall, precision and false alarms of each class."""
    print(f"{'defect':<34}{'planted':>8}{'recall':>9}{'precision':>11}{'clean units':>13}{'false alarms':>14}")
    for name, score in scores(amount).items():
        print(_row(name, score))
    texts = real_texts(amount.modules, amount.topics, skipped=amount.skipped)
    clean = summary(texts, Corpus(text.source for text in texts), seed=0, most_units=amount.units)
    print("units with a finding, in a correct output in other words than its sources:")
    for name, share in alarms(in_other_words(clean)).items():
        print(f"  {name:<16}{share:7.1%}")


def _row(name: str, score: Score) -> str:
    kind = "" if name == DROPPED or CLASSES[name].mechanical else "  (heuristic)"
    found = f"{score.planted:>8}{score.recall:>9.1%}{score.precision:>11.1%}"
    return f"{name:<34}{found}{score.clean_units:>13}{score.false_alarms:>14.1%}{kind}"


if __name__ == "__main__":
    if "--others" in sys.argv[1:]:
        print_scores(OTHERS)
    else:
        time_citations()
        time_all()
        print_quotes()
        print_scores(PLANTED)
