"""What a link of the chain asks: its parts, with the text of the sources that they need and no more."""

from tasks.context import JobContext
from throughline.domain import documents, estimates, prompts
from throughline.domain.ask import Ask, Document
from throughline.domain.chain import Link, LinkKind
from throughline.domain.outline import Outline
from throughline.domain.output import Unit


def compose(job: JobContext, outline: Outline | None, link: Link, units: dict[str, Unit]) -> Ask:
    """The request of one link. `units` are written so far; a closing reads their beginnings."""
    spec = job.job.spec
    written: list[prompts.WrittenUnit] = []
    if outline is not None and link.kind is LinkKind.CLOSING:
        written = [prompts.beginning(units[unit_id]) for unit_id in outline.unit_ids]
    whole_corpus = outline is None or not any(unit.spans for unit in outline.units)
    planned = estimates.planned_units(spec, len(job.sources))
    if link.with_outline:
        max_tokens = estimates.outline_max_tokens(spec, job.model, planned, generous=link.generous)
    else:
        max_tokens = estimates.part_max_tokens(spec, job.model, len(link.unit_ids), generous=link.generous)
    return prompts.compose(
        spec=spec,
        model=job.model,
        documents=_documents(job, outline, link),
        instruction=prompts.link(spec, outline, link, planned_units=planned, written=written),
        max_tokens=max_tokens,
        schema_in_prompt=not job.plan.endpoint.structured_outputs,
        cache_documents=whole_corpus and job.plan.chunked.calls > 1,
    )


def _documents(job: JobContext, outline: Outline | None, link: Link) -> tuple[Document, ...]:
    units = [outline.unit(unit_id) for unit_id in link.unit_ids] if outline else []
    if any(unit.spans for unit in units):
        return documents.excerpts(units, job.sources, job.job.spec.kind)
    if outline is not None and any(unit.spans for unit in outline.units):
        return ()  # a closing of structural units reads what was written, not the sources again
    room = job.model.context_tokens // 2
    if job.plan.corpus.tokens.upper <= room:
        return documents.whole(job.sources, job.job.spec.kind)
    return documents.digest(documents.named(units, job.sources) if units else job.sources, room)
