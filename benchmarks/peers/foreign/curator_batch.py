"""bespokelabs-curator: a dataset of prompts in provider batches, with its cache, which is how it resumes.

It does not know the model's price, so LiteLLM's table is given a row. It looks at a batch once a second, its least.
"""

from collections.abc import Sequence
from pathlib import Path

import litellm
from bespokelabs import curator

from benchmarks.peers.contender import Job, Outcome, run, texts_kept


def batch(jobs: Sequence[Job], folder: Path, url: str) -> Outcome:
    """One dataset row for each job; a new start finds the cache."""
    first = jobs[0][0]
    price = {"input_cost_per_token": 2e-6, "output_cost_per_token": 1e-5, "litellm_provider": "anthropic"}
    litellm.register_model({first.model: price | {"mode": "chat"}})
    ask = curator.LLM(
        model_name=first.model,
        backend="anthropic",
        batch=True,
        system_prompt=first.system,
        generation_params={"max_tokens": first.max_tokens},
        backend_params={"batch_check_interval": 1, "base_url": url},
    )
    answered = ask([job[0].text for job in jobs], working_dir=str(folder / "cache"))
    rows = getattr(answered, "dataset", answered).to_list()
    texts = [row["response"] for row in rows] + [None] * (len(jobs) - len(rows))
    return texts_kept(texts, success=len(rows) == len(jobs))


if __name__ == "__main__":
    run(["bespokelabs-curator", "litellm", "instructor", "anthropic"], {"batch": batch, "batch-fault": batch})
