"""batchata: one provider batch, with its state file. Three things are done for it: its tables of models and prices
are given a row each; the temperature that it always sends, which the newest API refuses, is taken out; and it looks
at the batch as often as the others do.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anthropic.resources.messages import Batches
from batchata import Batch
from batchata.providers.anthropic.anthropic import AnthropicProvider
from batchata.providers.anthropic.models import ANTHROPIC_MODELS
from batchata.providers.model_config import ModelConfig
from tokencost.constants import TOKEN_COSTS

from benchmarks.peers.contender import Job, Outcome, run, texts_kept

_create = Batches.create


def _without_temperature(self: Any, *, requests: list[dict[str, Any]], **others: Any) -> Any:
    for request in requests:
        request["params"].pop("temperature", None)
    return _create(self, requests=requests, **others)


def batch(jobs: Sequence[Job], folder: Path, _url: str) -> Outcome:
    """One batch of every job's request; a new start finds the state file."""
    Batches.create = _without_temperature
    model = jobs[0][0].model
    known = ModelConfig(name=model, max_input_tokens=1_000_000, max_output_tokens=64_000, batch_discount=0.5)
    ANTHROPIC_MODELS[model] = known
    TOKEN_COSTS[model] = {"input_cost_per_token": 2e-6, "output_cost_per_token": 1e-5}
    AnthropicProvider.get_polling_interval = lambda _self: 0.2
    asked = Batch(str(folder / "results"), max_parallel_batches=1, items_per_batch=len(jobs))
    asked.set_state(file=str(folder / "state.json"), reuse_state=True)
    for job in jobs:
        messages = [{"role": "system", "content": job[0].system}, {"role": "user", "content": job[0].text}]
        asked.add_job(messages=messages, model=model, max_tokens=job[0].max_tokens)
    results = asked.run().results()
    done, failed = results["completed"], results["failed"]
    texts = [result.raw_response for result in done] + [None] * (len(jobs) - len(done))
    note = str(failed[0].error)[:100] if failed else ""
    return texts_kept(texts, success=len(done) == len(jobs), note=note)


if __name__ == "__main__":
    run(["batchata", "anthropic"], {"batch": batch, "batch-fault": batch})
