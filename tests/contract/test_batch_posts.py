"""A status that may come from a gateway, after the batch went on, is doubt: asked again, it could be paid twice."""

import pytest

from tests.contract.support import ask, named, post
from tests.servers import Simulator
from throughline.claude.body import BatchBody
from throughline.claude.client import Claude
from throughline.errors import Ambiguous

BATCHES = "/v1/messages/batches"


@pytest.mark.parametrize("status", [408, 503])
async def test_a_batch_met_by_what_a_gateway_may_say_is_in_doubt(simulated: Claude, simulator: Simulator, status: int):
    simulator.faults("batches.create", "status", status=status)
    with pytest.raises(Ambiguous):
        await post(simulated, named(ask()))
    assert len(simulator.requests("POST", BATCHES)) == 1


async def test_the_last_look_is_made_when_all_but_the_last_bytes_of_a_batch_are_sent():
    sent: list[bytes] = []
    looked_after: list[int] = []

    async def look() -> None:
        looked_after.append(len(sent))

    with BatchBody() as body:
        for item in named(ask(), ask()):
            body.add(*item)
        async for piece in body.pieces(look):
            sent.append(piece)  # noqa: PERF401 - `look` reads the list between two pieces
        assert len(b"".join(sent)) == body.length
    assert looked_after == [len(sent) - 1]
    assert sent[-1] == b"]}"
