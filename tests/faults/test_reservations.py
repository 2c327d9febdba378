"""A reservation covers what its call costs: no prompt is longer than was thought, in whatever script it is."""

import random
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any

import pytest

from storage import attempts, calls, jobs
from storage.engine import reading
from tasks import context, links, runtime
from tasks.registration import register
from tasks.single_pass import compose
from tests.faults.support import Service, book, summary
from throughline import tokenizer
from throughline.domain.ask import Ask, Document
from throughline.domain.chain import LinkKind
from throughline.domain.job import PathChoice
from throughline.domain.pricing import Usage
from throughline.domain.source import Format
from throughline.domain.tokens import to_claude

_SENTENCES = {
    "english": "The keeper counted the ships and trimmed the lamp at dusk. ",
    "dashes and quotes": "The keeper — so they said — counted “the ships” and trimmed the lamp… at dusk. ",
    "accents": "Le gardien, fatigué, a compté les bateaux passés près de l'île à la tombée de l'été. ",
    "another alphabet": "Смотритель маяка считал корабли и поправлял фитиль лампы в сумерках. ",
    "no words": "灯塔看守人在黄昏时数着船只并修剪灯芯。",
    "pictures": "⛵🌊🗼🔦🌒 ",
}


@pytest.mark.parametrize("sentence", _SENTENCES.values(), ids=_SENTENCES.keys())
async def test_no_prompt_is_longer_than_what_was_reserved_for_it(service: Service, tmp_path: FilePath, sentence: str):
    file = tmp_path / "book.md"
    file.write_text("\n".join(f"## {number}. {sentence}\n\n{sentence * 60}\n" for number in range(6)))
    async with service.opened() as rt:
        job = await context.load((await register(summary(PathChoice.SINGLE_PASS, str(file)))).id)
        ask = compose(job, None)
        assert 0 < await rt.claude.count_tokens(ask) <= job.prompt_upper_tokens(ask.documents, ask.instruction)


async def test_a_few_characters_of_several_bytes_count_as_their_bytes(service: Service, tmp_path: FilePath):
    """Every prompt has some: to run a tokenizer over the documents for them would cost more than all else."""
    job_id = await service.register(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
    async with service.opened():
        job = await context.load(job_id)
        documents = [Document(title="book.md", text="A keeper counts ships. " * 500)]
        plain = job.prompt_upper_tokens(documents, "It begins: A keeper ...")
        assert job.prompt_upper_tokens(documents, "It begins: A keeper …..") == plain + 2


def with_tables(folder: FilePath) -> str:
    """A book whose last chapters are tables: as many characters as prose, and more than twice as many tokens."""
    chance = random.Random(1)
    file = FilePath(book(folder, 96))
    rows = ["".join(f"{chance.getrandbits(64):016x} " for _ in range(4)) for _ in range(16 * 60)]
    tables = [f"## Table {number}\n\n" + "\n".join(rows[number * 60 :][:60]) + "\n" for number in range(16)]
    file.write_text(file.read_text() + "\n".join(tables))
    return str(file)


@pytest.mark.parametrize(
    ("of_job", "of_day"),
    [
        pytest.param({"budget_usd": Decimal(50)}, {}, id="the job's budget"),
        pytest.param({}, {"daily_budget_usd": Decimal(50)}, id="the day's budget"),
    ],
)
async def test_where_a_budget_limits_a_part_that_is_denser_than_its_book_is_reserved_for_by_its_own_count(
    service: Service, tmp_path: FilePath, of_job: dict[str, Any], of_day: dict[str, Any]
):
    report = await service.run(summary(PathChoice.CHUNKED, with_tables(tmp_path), **of_job), **of_day)
    async with service.opened() as rt:
        job = await context.load(report.id)
        with reading(rt.engine) as tx:
            outline = jobs.outline(tx, report.id)
            sent = calls.of_attempt(tx, attempts.of_job(tx, report.id)[0].id)
        for call in (call for call in sent if call.link.kind is LinkKind.PART):
            assert call.reserved_usd >= expected_usd(job, links.compose(job, outline, call.link, {}))


def expected_usd(job: context.JobContext, ask: Ask) -> Decimal:
    """What the call costs if Claude reads its prompt as it usually reads code, and its whole cap is used."""
    local = sum(tokenizer.count(text) for text in (ask.instruction, *(each.text for each in ask.documents)))
    tokens = to_claude(local, job.model.tokenizer, Format.CODE).expected
    usage = Usage(input_tokens=tokens, output_tokens=ask.max_tokens)
    return context.price_of(job.model.id, usage, batch=False, at=runtime.now()).usd


async def test_the_same_documents_of_many_links_are_counted_once(
    service: Service, tmp_path: FilePath, monkeypatch: pytest.MonkeyPatch
):
    job_id = await service.register(summary(PathChoice.CHUNKED, book(tmp_path, 3)))
    async with service.opened():
        job = await context.load(job_id)
        ask = compose(job, None)
        first = job.counted_tokens(ask)
        monkeypatch.setattr(tokenizer, "count", None)
        assert job.counted_tokens(ask) == first
