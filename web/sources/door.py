"""Where a source shows who it is: a signature, or TradingView's address, path and passphrase.

What cannot show it gets one answer, the same bytes whatever is wrong; what it was goes to the log, a line
each few seconds at most, so that nobody fills a disk by being refused.
"""

import hmac
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from ipaddress import IPv4Network
from typing import Any, Final, NamedTuple, NoReturn

from starlette.datastructures import Headers

from domain.values import Monotonic
from web.errors import Refusal
from web.sources.addresses import Networks, is_among, sender_of
from web.sources.budgets import Budgets
from web.sources.key_file import sha256_of
from web.sources.key_ring import KeyRing, KnownHook
from web.sources.signing import WINDOW_S, Claim, claim_from, is_signed_with, off_by_s

log = logging.getLogger(__name__)

SIGNALS_A_MINUTE: Final = 120
TRADINGVIEW: Final = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
"""The addresses that TradingView says its alerts come from."""
TRADINGVIEW_NETWORKS: Final[Networks] = tuple(IPv4Network(each) for each in TRADINGVIEW)
QUIET: Final = timedelta(seconds=10)
FORWARDED: Final = "X-Forwarded-For"


class SourceRules(NamedTuple):
    """What the owner has set about sources."""

    per_minute: int = SIGNALS_A_MINUTE
    tradingview: Networks = TRADINGVIEW_NETWORKS
    """Where its alerts may come from."""
    proxies: Networks = ()
    """Whose word on a sender's address is believed."""
    public_host: str | None = None
    """The name under which a proxy is reached, for the hooks alone."""


class Door:
    """Used on the event loop's thread only; nothing here waits."""

    def __init__(
        self, keys: KeyRing, rules: SourceRules, *, now: Callable[[], datetime], monotonic: Monotonic
    ) -> None:
        """`now` is the broker's time: a machine whose clock is off must not refuse what is on time."""
        self.rules = rules
        self._keys = keys
        self._now = now
        self._budgets = Budgets(rules.per_minute, monotonic)
        self._refused = _Complaints(monotonic)

    def claim(self, headers: Headers) -> Claim:
        """What a signed request claims, with all checked that needs no body; raises Refusal."""
        claim = claim_from(headers.getlist)
        if claim is None:
            self._refuse("a signed request whose headers are not the four that sign it")
        if self._keys.signer(claim.key_id) is None:
            self._refuse("a signed request with a key that is not known")
        off_s = off_by_s(claim, self._now().timestamp())
        if abs(off_s) > WINDOW_S:
            self._refuse(f"a signed request (key {claim.key_id}) whose timestamp is {off_s:+.0f} s off")
        return claim

    def signer(self, claim: Claim, body: bytes) -> str:
        """The source that signed this body, which has now drawn on its budget; raises Refusal."""
        known = self._keys.signer(claim.key_id)  # it may have gone while the body came
        if known is None or not is_signed_with(known.key.secret, claim, body):
            self._refuse(f"a request whose signature (key {claim.key_id}) does not fit its body")
        self._draw(known.source, claim.signature)
        return known.source

    def hook(self, peer: str, headers: Headers, path_token: str) -> KnownHook:
        """Whose address this is, asked from where its alerts may come from; raises Refusal."""
        sender = sender_of(peer, headers.getlist(FORWARDED), self.rules.proxies)
        if sender is None or not is_among(sender, self.rules.tradingview):
            self._refused.note(
                f"an alert from {sender or 'an address that is none'}, which is not TradingView's"
            )
            raise Refusal(
                403,
                "sender_not_allowed",
                "Requests to this address come from elsewhere.",
                "See the documentation of signal sources.",
            )
        known = self._keys.hook(path_token)
        if known is None:
            self._refuse("an alert to an address that is no source's")
        return known

    def alert(self, known: KnownHook, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The alert's fields without the passphrase, which was right; draws on the budget, raises Refusal."""
        given = fields.get("passphrase")
        digest = sha256_of(given) if isinstance(given, str) and given.isascii() else ""
        if not hmac.compare_digest(digest, known.key.passphrase_sha256):
            self._refuse(f"an alert to {known.source} (key {known.key.id}) with a wrong passphrase")
        self._draw(known.source)
        return {name: value for name, value in fields.items() if name != "passphrase"}

    def _draw(self, source: str, signature: str | None = None) -> None:
        wait_s = self._budgets.wait_s(source, signature)
        if wait_s:
            self._refused.note(
                f"a signal of {source}, which sends more than {self.rules.per_minute} a minute"
            )
            raise Refusal(
                429,
                "budget_used",
                f"{source} may send {self.rules.per_minute} signals a minute; nothing was stored.",
                "Send it again after Retry-After seconds; the bound is STARFILL_SIGNALS_PER_MINUTE.",
                headers={"Retry-After": str(wait_s)},
            )

    def _refuse(self, what: str) -> NoReturn:
        self._refused.note(what)
        raise Refusal(
            401,
            "not_proven",
            "The request does not prove who sent it.",
            "See the documentation of signal sources; why it was refused is in Starfill's log.",
            headers={"WWW-Authenticate": "Signature"},
        )


class _Complaints:
    """Tells the log of refusals, each few seconds at most, and of how many it was silent."""

    def __init__(self, monotonic: Monotonic) -> None:
        self._monotonic = monotonic
        self._told_at: timedelta | None = None
        self._untold = 0

    def note(self, what: str) -> None:
        now = self._monotonic()
        if self._told_at is not None and now - self._told_at < QUIET:
            self._untold += 1
            return
        more = f" ({self._untold} more since the last such line)" if self._untold else ""
        self._told_at, self._untold = now, 0
        log.warning("refused: %s%s", what, more)
