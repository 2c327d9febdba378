"""LangGraph: `Send` fans the parts out, one node reduces; its SQLite checkpointer, at its most careful, resumes.

The limit on concurrency is a semaphore of ours: LangGraph's own `max_concurrency` makes the saving of a finished
part wait behind the parts that have not begun, so that a death half way loses all of them.
"""

import asyncio
import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_anthropic import ChatAnthropic
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from benchmarks.peers.contender import API_KEY, CONCURRENCY, Job, Outcome, Prompt, run, texts_kept


class State(TypedDict):
    """What the graph remembers: the texts so far, each with its place."""

    prompts: list[dict[str, Any]]
    texts: Annotated[list[tuple[int, str]], operator.add]


def build(models: dict[int, ChatAnthropic]) -> Any:
    """The graph: parts side by side, then the closing."""

    gate = asyncio.Semaphore(CONCURRENCY)

    async def answer(prompt: dict[str, Any]) -> str:
        model = models[prompt["max_tokens"]]
        async with gate:
            return (await model.ainvoke([("system", prompt["system"]), ("human", prompt["text"])])).text

    async def part(state: dict[str, Any]) -> dict[str, Any]:
        return {"texts": [(state["number"], await answer(state["prompt"]))]}

    async def close(state: State) -> dict[str, Any]:
        return {"texts": [(len(state["prompts"]), await answer(state["prompts"][-1]))]}

    def fan_out(state: State) -> list[Send]:
        return [Send("part", {"number": n, "prompt": prompt}) for n, prompt in enumerate(state["prompts"][:-1])]

    graph = StateGraph(State)
    graph.add_node("part", part)
    graph.add_node("close", close)
    graph.add_conditional_edges(START, fan_out, ["part"])
    graph.add_edge("part", "close")
    graph.add_edge("close", END)
    return graph


def _plain(prompt: Prompt) -> dict[str, Any]:
    return {"system": prompt.system, "text": prompt.text, "max_tokens": prompt.max_tokens}


async def _chain(jobs: Sequence[Job], folder: Path, url: str) -> list[str]:
    limits = {prompt.max_tokens for job in jobs for prompt in job}
    models = {
        limit: ChatAnthropic(model=jobs[0][0].model, max_tokens=limit, base_url=url, api_key=API_KEY)
        for limit in limits
    }
    texts: list[str] = []
    async with AsyncSqliteSaver.from_conn_string(str(folder / "checkpoints.db")) as saver:
        graph = build(models).compile(checkpointer=saver)
        for number, job in enumerate(jobs):
            config = {"configurable": {"thread_id": f"job-{number}"}}
            known = await graph.aget_state(config)
            given = None if known.created_at else {"prompts": [_plain(prompt) for prompt in job], "texts": []}
            state = await graph.ainvoke(given, config, durability="sync")
            texts += [text for _, text in sorted(state["texts"], key=operator.itemgetter(0))]
    return texts


def chain(jobs: Sequence[Job], folder: Path, url: str) -> Outcome:
    """A thread for each job; one that the checkpointer knows goes on from there."""
    return texts_kept(asyncio.run(_chain(jobs, folder, url)))


if __name__ == "__main__":
    run(
        ["langgraph", "langgraph-checkpoint-sqlite", "langchain-anthropic", "anthropic"],
        {"chain": chain, "chain-fault": chain},
    )
