"""A step is a Prefect task inside a flow run, and the plain function anywhere else.

So one definition of a job's life serves the deployed service, where Prefect shows and retries each step,
and the embedded run, which needs no server and does not pay for one.
"""

import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
_plain: ContextVar[bool] = ContextVar("plain", default=False)


def step(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Mark an async function as a step of a job."""

    @wraps(function)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if in_flow_run():
            return await _task(function)(*args, **kwargs)
        return await function(*args, **kwargs)

    return run


def in_flow_run() -> bool:
    """Whether Prefect is running this code as one job. Does not import Prefect to find out."""
    if _plain.get() or "prefect" not in sys.modules:
        return False
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None


def flow_run_id() -> str | None:
    """The flow run of a deployment that is running this code: the kind that can be suspended and resumed."""
    if not in_flow_run():
        return None
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    return str(run.id) if run is not None and run.deployment_id is not None else None


@contextmanager
def plainly() -> Generator[None]:
    """Steps are plain functions for the duration: thousands of jobs in one flow run are not shown one by one."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


@cache
def _task(function: Callable[..., Any]) -> Callable[..., Any]:
    # Any: Prefect's decorator does not keep the signature of an async function through a cache.
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    # The ledger remembers what is done; a cached result of Prefect's could be stale or on another machine.
    return task(cache_policy=NO_CACHE, persist_result=False)(function)
