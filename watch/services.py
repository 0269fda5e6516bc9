"""Apprise: what sends to Telegram, Discord, mail and a hundred others. Nothing of its addresses gets out.

Its addresses are its secrets: a bot's token stands where others have the host's name. So no address, nor any
part of one that could be a secret, is in a name, an error or a line of the log.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote, urlsplit

from watch.alarm import Notice
from watch.channel import Send

SEND_S: Final = 30.0
"""A service that has not taken a message by then has not taken it."""
LONG_ENOUGH: Final = 8
"""Characters. A shorter piece of an address is more likely a word than a secret, and words have to stay."""
PASSWORD: Final = 4
MOST_OF_ERROR: Final = 200
MASK: Final = "***"
_PIECES: Final = re.compile(r"[@:/?&=,;#\s]+")
_DOMAIN: Final = re.compile(r"(localhost|([a-z0-9-]+\.)+[a-z]{2,})", re.IGNORECASE)


class NoService(ValueError):  # noqa: N818 - what is the case, for the owner
    """An address that Apprise does not understand; the text says which one, by its place."""


def services(urls: Iterable[str]) -> list[tuple[str, Send]]:
    """A name and a way to send for each address; raises NoService. Takes half a second for the library."""
    import apprise

    # It logs addresses, in part or whole. What it has to say of a failure comes with the result.
    noisy = logging.getLogger("apprise")
    noisy.propagate = False
    noisy.addHandler(logging.NullHandler())
    asset = apprise.AppriseAsset(app_id="Starfill", app_desc="Starfill", async_mode=False)
    found: list[tuple[str, Send]] = []
    for number, url in enumerate(urls, 1):
        service = apprise.Apprise(asset=asset)
        if not service.add(url):
            raise NoService(
                f"address {number} of STARFILL_ALARM_URLS is none that Apprise understands; "
                "see docs/alarms.md for how they are written"
            )
        scheme = _scheme(url)
        ordinal = 1 + sum(name.rpartition("-")[0] == scheme for name, _ in found)
        found.append((f"{scheme}-{ordinal}", _sender(service, secrets_of(url))))
    return found


def _sender(service: "object", secrets: frozenset[str]) -> Send:
    import apprise

    assert isinstance(service, apprise.Apprise)

    def send(notice: Notice) -> str | None:
        result = service.notify(
            title=notice.title,
            body=notice.body,
            notify_type=apprise.NotifyType.WARNING if notice.urgent else apprise.NotifyType.INFO,
            body_format=apprise.NotifyFormat.TEXT,
            timeout=SEND_S,
        )
        if result:
            return None
        said = [entry.message for entry in result.logs()]
        return masked(said[-1] if said else "the service did not take the message", secrets)

    return send


def secrets_of(url: str) -> frozenset[str]:
    """The address, and each piece of it that could be a secret, as it stands and as it means."""
    behind = url.partition("://")[2]
    pieces = {piece for piece in _PIECES.split(behind) if _could_be_secret(piece)}
    pieces |= {piece for piece in behind.split("/") if _could_be_secret(piece)}
    pieces |= set(_password(url))
    return frozenset({url, *pieces, *map(unquote, pieces)})


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text in one line without any of these."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return " ".join(text.split())[:MOST_OF_ERROR]


def _could_be_secret(piece: str) -> bool:
    if len(piece) < LONG_ENOUGH or _DOMAIN.fullmatch(piece):
        return False
    host, _, port = piece.rpartition(":")
    if port.isdecimal() and (_DOMAIN.fullmatch(host) or _is_address(host)):
        return False
    return not _is_address(piece)


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _password(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return
    if password is not None and len(password) >= PASSWORD:
        yield password


def _scheme(url: str) -> str:
    return re.sub(r"[^a-z0-9]", "", url.partition("://")[0].lower()) or "service"
