"""Where a batch's results are said to be decides whether the key goes there: to the configured endpoint alone."""

import json
from typing import Any

import anthropic
import httpx2
import pytest

from throughline.claude.client import Claude
from throughline.claude.patience import Patience
from throughline.errors import Rejected

OURS = "https://api.example.com"
UNUSABLE = [
    pytest.param("https://api.example.com/\x00", id="NUL"),
    pytest.param("https://api.example.com:443:443/r", id="two ports"),
    pytest.param("https://api.example.com/" + "x" * 70_000, id="too long"),
    pytest.param("https://api.example.com/\ud800", id="half a surrogate pair"),
    pytest.param(5, id="a number"),
]
FOREIGN = [
    "http://api.example.com/r",  # in the clear
    "ftp://api.example.com/r",
    "https://api.example.com.evil.com/r",
    "https://api.example.com:8443/r",
    "https://api.example.com:80/r",
    "https://api.example.com./r",
    "https://evil.com/r",
    "//evil.com/r",
    "https://evil.com\\@api.example.com/r",
    "https://api.example.com\\@evil.com/r",
    "https://evil.com#@api.example.com/",
    "https://evil.com?@api.example.com/",
    "https://evil@api.example.com/r",
    "https://u:p@api.example.com/r",
    "https://[bad/r",
    "https://api%2eexample.com/r",
    "file:///etc/passwd",
]
OWN = [
    pytest.param("https://api.example.com/r?part=1", OURS, "https://api.example.com/r?part=1", id="as it is"),
    pytest.param("https://API.Example.com/r", OURS, "https://api.example.com/r", id="upper case"),
    pytest.param("https://api.example.com:443/r", OURS, "https://api.example.com/r", id="the scheme's own port"),
    pytest.param("/r", OURS, "https://api.example.com/r", id="relative"),
    pytest.param("//api.example.com/r", OURS, "https://api.example.com/r", id="without a scheme"),
    pytest.param("https://gw.corp/r", "https://GW.corp:443", "https://gw.corp/r", id="configured in upper case"),
    pytest.param("http://[::1]:8080/r", "http://[::1]:8080/gateway", "http://[::1]:8080/r", id="a gateway"),
]


async def asked_for(results_url: Any, base_url: str) -> list[str]:
    """Read the results of a batch whose results are said to be there; what was asked for them, with the key."""
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/batches/b"):
            batch = json.dumps({"id": "b", "results_url": results_url, "archived_at": None})
            return httpx2.Response(200, content=batch, headers={"content-type": "application/json"})
        asked.append(str(request.url))
        return httpx2.Response(200, content=b"")

    http = anthropic.DefaultAsyncHttpxClient(transport=httpx2.MockTransport(answer))
    sdk = anthropic.AsyncAnthropic(api_key="sim-key", base_url=base_url, max_retries=0, http_client=http)
    async with Claude(sdk, Patience(tries=1)) as claude:
        try:
            assert [line async for line in claude.results("b")] == []
        except Rejected:
            assert asked == []
            raise
    return asked


@pytest.mark.parametrize("address", FOREIGN)
async def test_the_key_goes_to_no_address_but_the_endpoints_own(address: str):
    with pytest.raises(Rejected, match="The key is not sent there"):
        await asked_for(address, OURS)


@pytest.mark.parametrize("address", UNUSABLE)
async def test_an_address_that_is_none_is_refused(address: object):
    with pytest.raises(Rejected, match="cannot be used"):
        await asked_for(address, OURS)


@pytest.mark.parametrize(("address", "base_url", "asked"), OWN)
async def test_an_address_of_the_endpoint_is_asked_however_it_is_written(address: str, base_url: str, asked: str):
    assert await asked_for(address, base_url) == [asked]
