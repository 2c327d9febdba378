"""A step is a Prefect task inside a flow run, and the plain function anywhere else.

So one definition of a job's life serves the deployed service, where Prefect shows and retries each step,
and the embedded run, which needs no server and does not pay for one.
"""

import sys
from collections.abc import Awaitable, Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def step(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Mark an async function as a step of a job."""

    @wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if in_flow_run():
            return await _task(function)(*args, **kwargs)
        return await function(*args, **kwargs)

    return run


def in_flow_run() -> bool:
    """Whether Prefect is running this code. Does not import Prefect to find out."""
    if "prefect" not in sys.modules:
        return False
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None


@cache
def _task(function: Callable[..., Any]) -> Callable[..., Any]:
    # Any: Prefect's decorator does not keep the signature of an async function through a cache.
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    # The ledger remembers what is done; a cached result of Prefect's could be stale or on another machine.
    return task(cache_policy=NO_CACHE, persist_result=False)(function)
