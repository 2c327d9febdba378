"""Messages and token counting."""

import asyncio

from starlette.types import ASGIApp

from simulator.answers import Answer, reject_long_prompt
from simulator.batches import errored
from simulator.calls import BrokenConnection, Call
from simulator.connections import is_gone
from simulator.prompt import read_prompt
from simulator.streaming import MessageStream
from simulator.validation import check_count, check_local, check_sync


async def create(call: Call) -> ASGIApp:
    """Answer and charge, then deliver as one body or as a stream."""
    params = call.json_object()
    model = check_local(params) if call.world.options.is_local_server else check_sync(params)
    fault = call.world.faults.take("item", call.raw)
    if fault is not None and fault.what == "errored":
        raise errored(fault)
    answer = call.world.answer(params, model, fault)
    spoilt_by = None if fault is None else fault.what
    row = call.world.bill.charge(model, answer.params, answer.usage(), request_id=call.request_id, fault=spoilt_by)
    call.rows.append(row)
    if params.get("stream"):
        return MessageStream(call, answer, row)
    if call.is_struck_by("cut_stream"):
        call.world.bill.lose(row)
        return BrokenConnection()
    return await _whole(call, answer)


async def _whole(call: Call, answer: Answer) -> ASGIApp:
    if tokens_per_second := call.world.options.tokens_per_second:
        await asyncio.sleep(answer.output_tokens / tokens_per_second)
        if is_gone(call.request):
            call.world.bill.lose(call.rows[-1])
            return BrokenConnection()
    return call.json(answer.message())


async def count_tokens(call: Call) -> ASGIApp:
    params = call.json_object()
    model = check_count(params)
    prompt = read_prompt(params, schema_in_text=False)
    reject_long_prompt(prompt, model)
    return call.json({"input_tokens": prompt.input_tokens})
