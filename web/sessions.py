"""Sessions of the dashboard: a signed cookie, and nothing kept in the process, so a restart ends none.

What is in it can be read by its holder and changed by nobody: a MAC under a key that is made from the
tokens stands beside it. Every session ends after half a day, and at once when a token is replaced.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import ValidationError

from domain.values import Message
from web.roles import Caller, Role

LIFE: Final = timedelta(hours=12)
ARMED_FOR: Final = timedelta(minutes=10)
MAX_COOKIE: Final = 512
SLACK_S: Final = 60
"""Seconds that a session may seem to have been opened in the future: clocks are set back a little."""


class CookieSession(Message):
    """What the cookie says. Moments are whole seconds since 1970, UTC."""

    id: str
    role: int
    opened_at: int
    armed_until: int = 0
    """0: not armed."""

    def expires_at(self) -> datetime:
        return _moment(self.opened_at) + LIFE

    def is_good(self, now: datetime) -> bool:
        return -SLACK_S <= now.timestamp() - self.opened_at < LIFE.total_seconds()

    def caller(self, now: datetime) -> Caller:
        """Who this is at this time."""
        armed = now.timestamp() < self.armed_until
        return Caller(
            opened_with=Role(self.role),
            session=self.id,
            armed=armed,
            armed_until=_moment(self.armed_until) if armed else None,
            expires_at=self.expires_at(),
        )


def opened(role: Role, now: datetime) -> CookieSession:
    """A new session of a token's holder."""
    return CookieSession(id=secrets.token_urlsafe(16), role=role.value, opened_at=int(now.timestamp()))


def armed(session: CookieSession, now: datetime) -> CookieSession:
    """The session, armed from now on for a while."""
    until = min(now + ARMED_FOR, session.expires_at())
    return session.model_copy(update={"armed_until": int(until.timestamp())})


def cookie_name(port: int) -> str:
    """A browser keeps cookies by host and not by port, so each bot on a machine needs a name of its own."""
    return f"starfill_{port}"


def sealed(session: CookieSession, key: bytes) -> str:
    """The cookie's value."""
    told = session.model_dump_json().encode()
    return f"{_text(told)}.{_text(_mac(key, b'session', told))}"


def unsealed(value: str, key: bytes) -> CookieSession | None:
    """The session that the cookie's value says, if it was sealed with this key."""
    body, _, mac = value.partition(".")
    if len(value) > MAX_COOKIE:
        return None
    try:
        told, given = _bytes(body), _bytes(mac)
        if not hmac.compare_digest(given, _mac(key, b"session", told)):
            return None
        return CookieSession.model_validate_json(told)
    except (binascii.Error, ValidationError):
        return None


def csrf_token(session_id: str, key: bytes) -> str:
    """What a page of ours sends back with every change; no other page can read it."""
    return _text(_mac(key, b"csrf", session_id.encode()))


def _mac(key: bytes, purpose: bytes, told: bytes) -> bytes:
    return hmac.digest(key, purpose + b"\0" + told, hashlib.sha256)


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Raises binascii.Error."""
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError:
        raise binascii.Error("not ASCII") from None
    return base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
