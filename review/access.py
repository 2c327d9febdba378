"""Who may look: one token opens a session, a signed cookie keeps it, and every change needs its own proof.

Nothing is kept in memory but the failed logins, so the pages can be restarted without asking anybody again. The
cookie's key follows from the token: with another token every old cookie is worth nothing.
"""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections import deque
from dataclasses import dataclass
from typing import Any, cast

from throughline.errors import BadInput

COOKIE = "throughline_review"
SESSION_S = 12 * 3600
LEAST_TOKEN = 16
LONGEST_NAME = 80
_LONGEST_COOKIE = 2_000
_WINDOW_S = 300
_FAILURES_AN_ADDRESS = 5
_FAILURES_IN_ALL = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One login. `nonce` ties the forms' proofs to it."""

    reviewer: str
    nonce: str
    ends_at: int


class Access:
    """The token, and what follows from it."""

    def __init__(self, token: str) -> None:
        if len(token) < LEAST_TOKEN:
            raise BadInput(f"THROUGHLINE_REVIEW_TOKEN is too short to be safe: give {LEAST_TOKEN} characters or more.")
        self._token = token.encode()
        self._key = hashlib.sha256(b"throughline review\0" + self._token).digest()
        self._failures: deque[tuple[float, str]] = deque()

    @property
    def token(self) -> str:
        """The token, to be told to whoever started the pages."""
        return self._token.decode()

    def fits(self, given: str) -> bool:
        """Whether that is the token; takes as long for a wrong one."""
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token)

    def cookie(self, reviewer: str, now_s: float) -> str:
        """A new session's cookie."""
        facts = {"r": reviewer, "n": secrets.token_hex(16), "e": int(now_s) + SESSION_S}
        body = base64.urlsafe_b64encode(json.dumps(facts).encode()).decode()
        return f"{body}.{self._sign('session', body)}"

    def session(self, cookie: str | None, now_s: float) -> Session | None:
        """The session of a cookie that was signed here and is not too old."""
        if not cookie or len(cookie) > _LONGEST_COOKIE:
            return None
        body, _, signature = cookie.rpartition(".")
        if not _same(signature, self._sign("session", body)):
            return None
        try:
            facts = cast("dict[str, Any]", json.loads(base64.urlsafe_b64decode(body)))  # Any: JSON, ours by signature
        except (ValueError, binascii.Error):
            return None
        session = Session(reviewer=facts["r"], nonce=facts["n"], ends_at=facts["e"])
        return session if session.ends_at > now_s else None

    def proof(self, session: Session) -> str:
        """What a form of this session carries: a page elsewhere can neither read nor guess it."""
        return self._sign("form", session.nonce)

    def proves(self, session: Session, given: str) -> bool:
        """Whether a form came from a page of this session."""
        return _same(given, self.proof(session))

    def wait_s(self, address: str, now_s: float) -> int:
        """Seconds until that address may try a login again; 0 when it may now."""
        while self._failures and self._failures[0][0] <= now_s - _WINDOW_S:
            self._failures.popleft()
        own = [when for when, who in self._failures if who == address]
        if len(own) >= _FAILURES_AN_ADDRESS:
            return int(own[0] + _WINDOW_S - now_s) + 1
        if len(self._failures) >= _FAILURES_IN_ALL:
            return int(self._failures[0][0] + _WINDOW_S - now_s) + 1
        return 0

    def failed(self, address: str, now_s: float) -> None:
        """A wrong token came from there."""
        self._failures.append((now_s, address))

    def _sign(self, purpose: str, text: str) -> str:
        said = f"{purpose}\0{text}".encode("utf-8", "replace")
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
