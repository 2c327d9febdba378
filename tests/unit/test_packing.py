"""Requests share batches by how long they take, in order, in as few batches as the limits allow."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from throughline.domain.packing import MAX_BYTES, MAX_REQUESTS, SIZE_CLASSES, Packer, most_together, size_class


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One request to pack."""

    key: str
    encoded_bytes: int
    expected_output_tokens: int


def pack(
    given: Sequence[Parcel], *, max_requests: int = MAX_REQUESTS, max_bytes: int = MAX_BYTES
) -> list[tuple[str, ...]]:
    """The keys of each batch, in the order in which the packer hands them out."""
    packer: Packer[str] = Packer(max_requests=max_requests, max_bytes=max_bytes)
    batches = [
        packer.add(parcel.key, encoded_bytes=parcel.encoded_bytes, expected_output_tokens=parcel.expected_output_tokens)
        for parcel in given
    ]
    return [tuple(batch) for batch in [*batches, *packer.rest()] if batch]


sizes = st.one_of(st.integers(0, 400_000), st.sampled_from([limit + step for limit in SIZE_CLASSES for step in (0, 1)]))
parcels = st.lists(st.tuples(st.integers(0, 15), sizes), max_size=30).map(
    lambda drawn: [
        Parcel(key=f"job-{number}", encoded_bytes=encoded, expected_output_tokens=tokens)
        for number, (encoded, tokens) in enumerate(drawn)
    ]
)
requests_limits, bytes_limits = st.integers(1, 6), st.integers(1, 25)
some = settings(max_examples=40)


def of(size: int, *encoded: int, start: int = 0) -> list[Parcel]:
    """Parcels of one expected size."""
    return [
        Parcel(key=f"{number}", encoded_bytes=share, expected_output_tokens=size)
        for number, share in enumerate(encoded, start)
    ]


def packed(given: Sequence[Parcel], max_requests: int, max_bytes: int) -> list[list[Parcel]]:
    """The batches as parcels."""
    by_key = {parcel.key: parcel for parcel in given}
    batches = pack(given, max_requests=max_requests, max_bytes=max_bytes)
    return [[by_key[key] for key in batch] for batch in batches]


def weight(batch: Sequence[Parcel]) -> int:
    return sum(parcel.encoded_bytes for parcel in batch)


def class_of(parcel: Parcel) -> int:
    return size_class(parcel.expected_output_tokens)


@some
@given(parcels, requests_limits, bytes_limits)
def test_every_request_travels_exactly_once(given: list[Parcel], max_requests: int, max_bytes: int):
    batches = pack(given, max_requests=max_requests, max_bytes=max_bytes)
    assert sorted(key for batch in batches for key in batch) == sorted(parcel.key for parcel in given)
    assert all(batches)


@some
@given(parcels, requests_limits, bytes_limits)
def test_every_batch_is_within_the_limits_unless_one_request_alone_is_not(
    given: list[Parcel], max_requests: int, max_bytes: int
):
    for batch in packed(given, max_requests, max_bytes):
        assert len(batch) <= max_requests
        assert weight(batch) <= max_bytes or len(batch) == 1


@some
@given(parcels, requests_limits, bytes_limits)
def test_no_batch_mixes_size_classes(given: list[Parcel], max_requests: int, max_bytes: int):
    batches = packed(given, max_requests, max_bytes)
    assert all(len({class_of(parcel) for parcel in batch}) == 1 for batch in batches)


@some
@given(parcels, requests_limits, bytes_limits)
def test_requests_of_a_class_keep_their_order(given: list[Parcel], max_requests: int, max_bytes: int):
    sent = [parcel for batch in packed(given, max_requests, max_bytes) for parcel in batch]
    assert sorted(sent, key=class_of) == sorted(given, key=class_of)


@some
@given(parcels, requests_limits, bytes_limits)
@example(of(1, 3, 3, 3, 3), 6, 6)
def test_no_packing_in_this_order_takes_fewer_batches(given: list[Parcel], max_requests: int, max_bytes: int):
    in_order = sorted(given, key=class_of)
    fewest = sum(fewest_batches(list(members), max_requests, max_bytes) for _, members in groupby(in_order, class_of))
    assert len(pack(given, max_requests=max_requests, max_bytes=max_bytes)) == fewest


def fewest_batches(members: Sequence[Parcel], max_requests: int, max_bytes: int) -> int:
    """By trying every place for the last batch to begin."""
    fewest = [0]
    for end in range(1, len(members) + 1):
        beginnings = [
            start
            for start in range(end)
            if start == end - 1 or (end - start <= max_requests and weight(members[start:end]) <= max_bytes)
        ]
        fewest.append(1 + min(fewest[start] for start in beginnings))
    return fewest[-1]


def test_nothing_to_send_is_no_batch():
    assert pack([]) == []


def test_requests_of_one_class_that_fit_are_one_batch():
    assert pack(of(8_000, 1, 2, 3)) == [("0", "1", "2")]


@pytest.mark.parametrize("size", SIZE_CLASSES)
def test_the_upper_end_of_a_class_belongs_to_it(size: int):
    assert size_class(size) == size_class(size - 1)
    assert size_class(size + 1) == size_class(size) + 1


def test_of_what_is_left_at_the_end_the_short_ones_go_first():
    assert pack([*of(300_000, 1), *of(100, 1, start=1), *of(9_000, 1, start=2)]) == [("1",), ("2",), ("0",)]


def test_a_packer_that_handed_out_everything_is_empty():
    packer: Packer[str] = Packer()
    packer.add("a", encoded_bytes=1, expected_output_tokens=1)
    assert list(packer.rest()) == [["a"]]
    assert list(packer.rest()) == []


def test_a_short_request_does_not_wait_on_a_long_one():
    assert pack([*of(300_000, 1), *of(100, 1, start=1)]) == [("1",), ("0",)]


def test_a_request_over_the_limit_travels_alone_between_its_neighbours():
    assert pack(of(1, 4, 11, 0, 4), max_bytes=10) == [("0",), ("1",), ("2", "3")]


def test_a_batch_filled_to_the_byte_is_not_split():
    assert pack(of(1, 4, 6, 1), max_bytes=10) == [("0", "1"), ("2",)]


def test_a_batch_holds_what_the_api_takes():
    assert (MAX_REQUESTS, MAX_BYTES) == (100_000, 256_000_000)
    assert [len(batch) for batch in pack(of(1, 1) * 100_001)] == [100_000, 1]
    assert [len(batch) for batch in pack(of(1, 128_000_000, 128_000_000, 1))] == [2, 1]


def test_what_stands_around_the_requests_counts_as_well():
    packer: Packer[int] = Packer()
    assert packer.add(1, encoded_bytes=128_000_000, expected_output_tokens=1) == []
    assert packer.add(2, encoded_bytes=128_000_000, expected_output_tokens=1) == [1]


def test_a_request_with_a_limit_of_its_own_shares_batches_with_its_like_only():
    packer: Packer[int] = Packer()
    for number, most in enumerate((2, 100_000, 1, 2, 2)):
        full = packer.add(number, encoded_bytes=1, expected_output_tokens=1, most_together=most)
        assert full == ([0, 3] if number == 4 else [])
    assert list(packer.rest()) == [[2], [4], [1]]


@pytest.mark.parametrize(
    ("in_vain", "most"),
    [((), 100_000), ((100_000,), 50_000), ((4,), 2), ((4, 2), 1), ((3,), 1), ((1,), 1), ((1, 8), 1)],
)
def test_who_travelled_in_vain_travels_next_with_half_as_many(in_vain: tuple[int, ...], most: int):
    assert most_together(in_vain) == most
