"""Packing single-pass requests of independent jobs into as few batches as the limits allow.

A batch gives its results only when all of its requests have ended, so requests travel in size classes: a
job of minutes never waits on a generation of two hours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
MAX_REQUESTS = 100_000
MAX_BYTES = 256_000_000
_AROUND_BYTES = 100  # what stands around the requests of a body
SIZE_CLASSES = (8_000, 32_000, 128_000, 300_000)
"""Upper ends of the classes in expected output tokens: at 128,000 tokens an hour, 4 min to 2 h 20 min."""


@dataclass(slots=True)
class _Bin(Generic[T]):
    items: list[T] = field(default_factory=list[T])
    encoded_bytes: int = 0


@dataclass(slots=True)
class Packer(Generic[T]):
    """One open batch for each size class; a batch is handed out when the next request does not fit.

    So what is held at a time is bounded by the limits, however many requests pass through.
    """

    max_requests: int = MAX_REQUESTS
    max_bytes: int = MAX_BYTES - _AROUND_BYTES
    _bins: dict[tuple[int, int], _Bin[T]] = field(default_factory=dict[tuple[int, int], _Bin[T]])

    def add(
        self, item: T, *, encoded_bytes: int, expected_output_tokens: int, most_together: int = MAX_REQUESTS
    ) -> list[T]:
        """Put a request into its class; returns the batch that was full before it, or nothing.

        `encoded_bytes` is the request's share of the encoded body. One over the limit travels alone, to be
        refused by the API without harm to others. One with a limit of its own shares batches with its like only.
        """
        most = min(most_together, self.max_requests)
        place = (size_class(expected_output_tokens), most)
        current = self._bins.setdefault(place, _Bin())
        full: list[T] = []
        if len(current.items) == most or current.encoded_bytes + encoded_bytes > self.max_bytes:
            full = current.items
            current = self._bins[place] = _Bin()
        current.items.append(item)
        current.encoded_bytes += encoded_bytes
        return full

    def rest(self) -> Iterator[list[T]]:
        """The batches that are not full, short classes first; the packer is empty afterwards."""
        for place in sorted(self._bins):
            yield self._bins.pop(place).items


def most_together(in_vain: Sequence[int]) -> int:
    """How many requests may share a batch with one whose batches, of so many requests each, never arrived.

    Half as many each time: one on which the API or the network breaks is alone before long, and harms no other.
    """
    return max(1, min(in_vain, default=2 * MAX_REQUESTS) // 2)


def size_class(expected_output_tokens: int) -> int:
    """The number of the class that an output of this size belongs to."""
    return sum(expected_output_tokens > limit for limit in SIZE_CLASSES)
