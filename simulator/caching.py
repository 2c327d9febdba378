"""The prompt cache: which prefixes were seen, and what that makes a prompt cost.

A prefix ends at a block boundary. Up to the last marker of a request, the longest prefix that is still
remembered is read; the rest up to that marker is written, at the price of the marker's lifetime.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

from simulator.models import MIN_CACHEABLE_TOKENS
from simulator.prompt import Prompt, Segment

_LIFETIME_S = {"5m": 300.0, "1h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class InputUsage:
    """A prompt's tokens, by what they cost."""

    uncached: int
    written_5m: int = 0
    written_1h: int = 0
    read: int = 0


@dataclass(frozen=True, slots=True)
class _Prefix:
    key: bytes
    tokens: int
    ttl: str | None


class PromptCache:
    """Prefixes of one process; nothing is kept over a restart, as nothing is promised by the API."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expiry_s: dict[bytes, float] = {}
        self._lifetime_s: dict[bytes, float] = {}

    def clear(self) -> None:
        self._expiry_s.clear()
        self._lifetime_s.clear()

    def use(self, model_id: str, prompt: Prompt) -> InputUsage:
        """What the prompt reads and writes; its prefixes are remembered from now on."""
        if all(segment.cache_ttl is None for segment in prompt.segments):
            return InputUsage(uncached=prompt.input_tokens)
        prefixes = _prefixes(model_id, prompt)
        read_tokens = self._read(prefixes)
        written = self._write(prefixes, read_tokens)
        uncached = prompt.input_tokens - read_tokens - sum(written.values())
        return InputUsage(uncached=uncached, written_5m=written["5m"], written_1h=written["1h"], read=read_tokens)

    def _read(self, prefixes: list[_Prefix]) -> int:
        now_s = self._clock()
        for prefix in reversed(prefixes):
            if self._expiry_s.get(prefix.key, 0.0) > now_s:
                self._expiry_s[prefix.key] = now_s + self._lifetime_s[prefix.key]
                return prefix.tokens
        return 0

    def _write(self, prefixes: list[_Prefix], read_tokens: int) -> dict[str, int]:
        written = {"5m": 0, "1h": 0}
        covered = read_tokens
        for prefix in prefixes:
            if prefix.ttl is None or prefix.tokens <= covered or prefix.tokens < MIN_CACHEABLE_TOKENS:
                continue
            written[prefix.ttl] += prefix.tokens - covered
            covered = prefix.tokens
            self._lifetime_s[prefix.key] = _LIFETIME_S[prefix.ttl]
            self._expiry_s[prefix.key] = self._clock() + _LIFETIME_S[prefix.ttl]
        return written


def _prefixes(model_id: str, prompt: Prompt) -> list[_Prefix]:
    """Every block boundary up to the last marker."""
    last = max(index for index, segment in enumerate(prompt.segments) if segment.cache_ttl is not None)
    digest = blake2b(f"{model_id}\0{prompt.schema_json}\0".encode(), digest_size=16)
    prefixes: list[_Prefix] = []
    tokens = 0
    for segment in prompt.segments[: last + 1]:
        digest.update(_framed(segment))
        tokens += segment.tokens
        prefixes.append(_Prefix(digest.digest(), tokens, segment.cache_ttl))
    return prefixes


def _framed(segment: Segment) -> bytes:
    raw = segment.text.encode("utf-8", "surrogatepass")
    return len(raw).to_bytes(8, "big") + raw
