"""Everything that one running simulator knows."""

from typing import Any

from simulator.answers import Answer, compose, reject_long_prompt
from simulator.batches import Batches
from simulator.bill import Bill
from simulator.caching import PromptCache
from simulator.faults import Fault, FaultScript
from simulator.late import LateRequests
from simulator.models import Model
from simulator.options import Options
from simulator.prompt import read_prompt
from simulator.requestlog import RequestLog
from simulator.state import State


class World:
    """Wires the parts together; with a state file, batches and the bill are those of the last run."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.faults = FaultScript()
        self.cache = PromptCache()
        self.late = LateRequests()
        self.log = RequestLog(is_kept=options.keeps_request_log)
        self._state = State(options.state_path) if options.state_path is not None else None
        self.bill = Bill(self._state, self._state.load_rows() if self._state else [])
        self.batches = Batches(self._state, self.bill, self._answer_item, options.batch_seconds)

    def answer(self, params: dict[str, Any], model: Model, fault: Fault | None, *, is_batch: bool = False) -> Answer:
        if self.options.inference_geo:
            params = {"inference_geo": self.options.inference_geo, **params}
        prompt = read_prompt(params, schema_in_text=self.options.is_local_server)
        reject_long_prompt(prompt, model)
        return compose(params, prompt, model, cache=self.cache, options=self.options, fault=fault, is_batch=is_batch)

    def _answer_item(self, params: dict[str, Any], model: Model, fault: Fault | None) -> Answer:
        return self.answer(params, model, fault, is_batch=True)

    def report(self) -> dict[str, Any]:
        """The bill, with every batch settled whose time has come."""
        self.batches.settle_due()
        return {**self.bill.report(), "batches_created": self.batches.created}

    def reset(self) -> None:
        self.faults = FaultScript()
        self.cache.clear()
        self.late.clear()
        self.log.clear()
        self.bill.clear()
        self.batches.clear()
        if self._state is not None:
            self._state.clear()

    def close(self) -> None:
        if self._state is not None:
            self._state.close()
