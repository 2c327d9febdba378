"""Nobody reads or decides without the token, and no other site can make a reviewer's browser do it."""

import base64
import json
from pathlib import Path as FilePath

import pytest

from review.access import COOKIE, SESSION_S, Access
from tests.faults.support import Service
from tests.review.support import TOKEN, visiting, waiting_job
from throughline.domain.job import JobStatus
from throughline.errors import BadInput

PAGES = ("/", "/jobs", "/trends", "/comparison", "/costs", "/calibration", "/jobs/00000000-0000-7000-8000-000000000000")


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_session_every_page_leads_to_the_login(service: Service, path: str):
    async with visiting(service, logged_in=False) as visitor:
        response = await visitor.get(path)
    assert response.status_code == 303
    assert response.headers["location"].startswith("/login?next=%2F")


async def test_the_ready_address_logs_in_and_the_cookie_is_out_of_scripts_reach(service: Service):
    async with visiting(service, logged_in=False) as visitor:
        response = await visitor.get(f"/login?token={TOKEN}")
        assert response.headers["location"] == "/"
        cookie = response.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "owner" in await visitor.text("/")


async def test_after_logout_the_session_is_over_in_this_browser(service: Service):
    async with visiting(service) as visitor:
        await visitor.http.post("/logout", data={"proof": await visitor.proof()})
        assert (await visitor.get("/")).status_code == 303


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/\\/evil.example",
        "javascript:alert(1)",
        "/a\r\nb",
    ],
)
async def test_a_login_never_leads_to_another_site(service: Service, wanted: str):
    async with visiting(service, logged_in=False) as visitor:
        response = await visitor.http.post("/login", data={"token": TOKEN, "next": wanted})
    assert response.headers["location"] == "/"


async def test_a_form_without_its_proof_changes_nothing(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        for proof in ("", "0" * 64, "ü"):
            response = await visitor.http.post(f"/jobs/{report.id}/decide", data={"choice": "approve", "proof": proof})
            assert response.status_code == 403
            assert (await visitor.http.post("/beats", data={"proof": proof})).status_code == 403
    assert (await service.job()).status is JobStatus.ESCALATED


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://[", ""])
async def test_a_form_from_another_site_changes_nothing(service: Service, tmp_path: FilePath, origin: str):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        data = {"choice": "approve", "proof": await visitor.proof()}
        response = await visitor.http.post(f"/jobs/{report.id}/decide", data=data, headers={"origin": origin})
    assert response.status_code == 403
    assert (await service.job()).status is JobStatus.ESCALATED


async def test_the_proof_of_one_session_is_worth_nothing_in_another(service: Service):
    async with visiting(service) as visitor:
        proof = await visitor.proof()
        await visitor.log_in("Grace")
        assert (await visitor.http.post("/beats", data={"proof": proof})).status_code == 403


async def test_a_decision_cannot_be_made_by_following_a_link(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    async with visiting(service) as visitor:
        response = await visitor.get(f"/jobs/{report.id}/decide?choice=approve")
    assert response.status_code == 405
    assert "This address takes a form of these pages only." in response.text


async def test_what_is_no_small_form_is_refused(service: Service):
    async with visiting(service) as visitor:
        proof = await visitor.proof()
        as_json = await visitor.http.post("/beats", json={"proof": proof})
        large = await visitor.http.post("/beats", data={"proof": proof, "seconds": "1" * 300_000})
        many = await visitor.http.post("/beats", data={f"f{number}": "" for number in range(100)})
    assert [response.status_code for response in (as_json, large, many)] == [403, 403, 403]


def forged() -> list[str]:
    body = base64.urlsafe_b64encode(json.dumps({"r": "Eve", "n": "0", "e": 10**11}).encode()).decode()
    other = Access("another-token-of-somebody").cookie("Eve", 10**10)
    return ["", ".", "x", f"{body}.", f"{body}.{'0' * 64}", other, "a" * 5_000, body]


@pytest.mark.parametrize("cookie", forged())
async def test_a_forged_cookie_opens_nothing(service: Service, cookie: str):
    async with visiting(service, logged_in=False) as visitor:
        response = await visitor.http.get("/", headers={"cookie": f"{COOKIE}={cookie}"})
    assert response.status_code == 303


def test_a_changed_or_old_cookie_is_no_session():
    access = Access(TOKEN)
    cookie = access.cookie("Ada", 1_000)
    assert access.session(cookie, 1_001) is not None
    assert access.session(cookie, 1_001 + SESSION_S) is None
    assert access.session("A" + cookie[1:] if cookie[0] != "A" else "B" + cookie[1:], 1_001) is None


async def test_guessing_the_token_is_stopped_and_then_even_the_right_one_waits(service: Service):
    async with visiting(service, logged_in=False) as visitor:
        codes = [(await visitor.log_in(token=f"guess-{number}")).status_code for number in range(8)]
        right = await visitor.log_in()
    assert codes == [403] * 5 + [429] * 3
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0


def test_guesses_from_many_addresses_are_stopped_too_and_forgotten_in_time():
    access = Access(TOKEN)
    for number in range(30):
        assert access.wait_s(f"10.0.0.{number}", 100.0) == 0
        access.failed(f"10.0.0.{number}", 100.0)
    assert access.wait_s("10.0.1.1", 101.0) > 0
    assert access.wait_s("10.0.1.1", 500.0) == 0


def test_a_short_token_is_refused_with_the_name_of_its_variable():
    with pytest.raises(BadInput, match="THROUGHLINE_REVIEW_TOKEN"):
        Access("short")


@pytest.mark.parametrize("path", ["/", "/login", "/nowhere", "/static/review.css", "/static/nothing"])
async def test_every_answer_carries_the_headers_that_keep_it_closed(service: Service, path: str):
    async with visiting(service) as visitor:
        headers = (await visitor.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "data:" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"


@pytest.mark.parametrize(
    "path",
    [
        "/static/../access.py",
        "/static/%2e%2e/access.py",
        "/static/..%2faccess.py",
        "/static/%2e%2e%2f%2e%2e%2fpyproject.toml",
        "/static//etc/passwd",
        "/static/..%5caccess.py",
        "/jobs/..%2f..%2fetc%2fpasswd",
        "/jobs/%00",
        "/jobs/1%20OR%201=1",
        "/jobs/00000000-0000-7000-8000-000000000000/source/0",
        "/jobs/00000000-0000-7000-8000-000000000000/source/-1",
        "/jobs/00000000-0000-7000-8000-000000000000/citation?attempt=..%2f&unit=%00&n=9",
    ],
)
async def test_tricks_in_the_address_find_nothing(service: Service, path: str):
    async with visiting(service) as visitor:
        response = await visitor.get(path)
    assert response.status_code in (404, 405)
    assert "passwd" not in response.text
    assert "[project]" not in response.text
    assert "hmac" not in response.text


async def test_only_a_jobs_own_attempts_and_sources_open(service: Service, tmp_path: FilePath):
    report = await waiting_job(service, tmp_path)
    attempt, base = report.attempts[0].id, f"/jobs/{report.id}"
    async with visiting(service) as visitor:
        for path in (
            "?attempt=00000000-0000-7000-8000-000000000000",
            "/source/7",
            f"/citation?attempt={attempt}&unit=u999&n=0",
            f"/citation?attempt={attempt}&unit=u001&n=9999",
            f"/citation?attempt={attempt}&unit=u001&n=-1",
            f"/citation?attempt={attempt}&unit=u001",
            "/citation?side=a&unit=u001&n=0",
        ):
            assert (await visitor.get(base + path)).status_code == 404, path
        assert (await visitor.get(f"{base}/source/0?at=99999999999999999999")).status_code == 200
