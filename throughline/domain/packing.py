"""Packing single-pass requests of independent jobs into as few batches as the limits allow.

A batch gives its results only when all of its requests have ended, so requests travel in size classes: a
job of minutes never waits on a generation of two hours.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_REQUESTS = 100_000
MAX_BYTES = 256_000_000
SIZE_CLASSES = (8_000, 32_000, 128_000, 300_000)
"""Upper ends of the classes in expected output tokens: at 128,000 tokens an hour, 4 min to 2 h 20 min."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One request to pack. `encoded_bytes` is its share of the encoded body."""

    key: str
    encoded_bytes: int
    expected_output_tokens: int


def pack(
    parcels: Sequence[Parcel], *, max_requests: int = MAX_REQUESTS, max_bytes: int = MAX_BYTES
) -> list[tuple[str, ...]]:
    """The keys of each batch, short classes first; a request over the limit travels alone, to be refused."""
    classes: defaultdict[int, list[Parcel]] = defaultdict(list)
    for parcel in parcels:
        classes[size_class(parcel.expected_output_tokens)].append(parcel)
    return [batch for _, members in sorted(classes.items()) for batch in _filled(members, max_requests, max_bytes)]


def size_class(expected_output_tokens: int) -> int:
    """The number of the class that an output of this size belongs to."""
    return sum(expected_output_tokens > limit for limit in SIZE_CLASSES)


def _filled(parcels: Sequence[Parcel], max_requests: int, max_bytes: int) -> Iterator[tuple[str, ...]]:
    batch: list[str] = []
    size = 0
    for parcel in parcels:
        if batch and (len(batch) == max_requests or size + parcel.encoded_bytes > max_bytes):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(parcel.key)
        size += parcel.encoded_bytes
    yield tuple(batch)
