"""A reservation covers what its call costs: no prompt is longer than was thought, in whatever script it is."""

from pathlib import Path as FilePath

import pytest

from tasks import context
from tasks.registration import register
from tasks.single_pass import compose
from tests.faults.support import Service, book, summary
from throughline.domain.ask import Document
from throughline.domain.job import PathChoice

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
