"""A results file arrives in pieces that know nothing of its lines."""

import json
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import httpx2
from hypothesis import given
from hypothesis import strategies as st

from throughline.claude.results import items
from throughline.domain.ask import ItemResult


class Pieces(httpx2.AsyncByteStream):
    """A body that comes in these pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


async def read(*pieces: bytes) -> list[ItemResult]:
    """What a results file says that comes in these pieces."""
    return [item async for item in items(httpx2.Response(200, stream=Pieces(pieces)))]


def results_file(names: Sequence[str]) -> bytes:
    """An errored request for each of the names, which may hold any character."""
    error = {"type": "errored", "error": {"error": {"type": "api_error", "message": "Überlastet."}}}
    lines = [json.dumps({"custom_id": name, "result": error}, ensure_ascii=False) for name in names]
    return "\n".join(lines).encode()


NAMES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=4)


@given(NAMES, st.lists(st.integers(0, 600), max_size=8), st.booleans())
async def test_the_cuts_between_the_pieces_change_nothing(names: list[str], cuts: list[int], ended: bool):
    body = results_file(names) + b"\n" * ended
    bounds = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(bounds)]
    assert [item.call_id for item in await read(*pieces)] == names


async def test_several_lines_of_one_piece_are_several_results():
    assert len(await read(results_file(["a", "b", "c"]))) == 3
