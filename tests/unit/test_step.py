"""Outside of a flow run a step is the plain function, and Prefect is not even imported."""

import os
import subprocess
import sys

import pytest

from tasks.step import in_flow_run, step

_PLAIN = """
import asyncio, sys
from tasks.step import step

@step
async def double(number):
    return 2 * number

print(asyncio.run(double(21)), "prefect" in sys.modules)
"""


@step
async def add(one: int, *, other: int) -> int:
    """Add two numbers."""
    return one + other


async def test_a_step_returns_what_its_function_returns():
    assert await add(1, other=2) == 3


async def test_a_step_raises_what_its_function_raises():
    @step
    async def fail() -> None:
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        await fail()


def test_a_step_keeps_the_name_and_words_of_its_function():
    assert (add.__name__, add.__doc__) == ("add", "Add two numbers.")


def test_a_test_is_no_flow_run():
    assert not in_flow_run()


def test_a_step_outside_of_a_flow_run_imports_no_prefect():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", _PLAIN], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("42 False\n", "")
