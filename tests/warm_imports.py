"""What a command imports sooner or later, imported at once: by a process that forks for each command.

A fork has the modules and nothing else. What the imports themselves cost or need is for the tests that start Python
anew.
"""

import gc
import importlib
from collections.abc import Iterable

_OURS = ("tasks.job_life", "throughline.claude.client", "throughline.cli")
# What others import only when it is used: migrations, prices, connections, tables on a terminal.
_WITH_THE_FIRST_USE = (
    "alembic.autogenerate",
    "alembic.command",
    "anyio._backends._asyncio",
    "genai_prices.data",
    "h2.connection",
    "httpcore2",
    "rich._emoji_codes",
)


def import_everything(besides: Iterable[str] = ()) -> None:
    """Everything that a command will need, the tokenizer's table included."""
    from throughline import tokenizer

    for module in (*_OURS, *_WITH_THE_FIRST_USE, *besides):
        importlib.import_module(module)
    tokenizer.count("read the table now")
    gc.collect()
    gc.freeze()  # else the first collection of every fork would copy all of it
