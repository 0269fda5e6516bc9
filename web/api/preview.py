"""`POST /api/signals?preview=true`: what would become of a signal now, in the words of a real verdict."""

from collections.abc import Callable
from typing import Literal

from domain.messages import LedgerUnwritable, NotPreviewed, Previewed
from domain.signals import Check, EntryOrder, Signal
from domain.values import Message
from web.api.asking import UNWRITABLE_RETRY_S, answered
from web.api.views import Amount, VerdictJson
from web.errors import unavailable

Preview = Callable[[Signal], Previewed | NotPreviewed | LedgerUnwritable]
"""Asks the ledger, and the broker for what the ledger wants to know; blocks."""

ASK_AGAIN = "Ask again; a preview changes nothing."


class PreviewOrderJson(Message):
    """The order that would be sent."""

    type: str
    notional: Amount | None
    qty: Amount | None
    limit_price: Amount | None
    extended_hours: bool
    cost: Amount
    """What it would count for."""


class PreviewJson(Message):
    """What would become of the signal now. Nothing was stored."""

    preview: Literal[True]
    signal_id: str
    source: str
    symbol: str
    would: Literal["trade", "decline", "wait", "repeat"]
    """`repeat`: it is known already and is not decided a second time."""
    reason: str
    verdict: VerdictJson
    stars: int | None
    notional: Amount | None
    order: PreviewOrderJson | None
    checks: tuple[Check, ...]


def previewed(preview: Preview, signal: Signal) -> PreviewJson:
    """The answer; blocks while it is looked up. Raises Refusal."""
    with answered(undone="nothing was stored", in_doubt="nothing was stored", fix=ASK_AGAIN):
        answer = preview(signal)
    if isinstance(answer, LedgerUnwritable):
        raise unavailable(
            f"The ledger cannot be asked ({answer.why}); nothing was stored.",
            ASK_AGAIN,
            retry_after_s=UNWRITABLE_RETRY_S,
        )
    if isinstance(answer, NotPreviewed):
        raise unavailable(
            f"The broker could not be asked for what this depends on ({answer.why}); nothing was stored.",
            ASK_AGAIN,
        )
    return _json(signal, answer)


def _json(signal: Signal, answer: Previewed) -> PreviewJson:
    verdict = answer.verdict
    would, reason = _would(answer)
    return PreviewJson(
        preview=True,
        signal_id=signal.signal_id,
        source=signal.source,
        symbol=signal.symbol,
        would=would,
        reason=reason,
        verdict=VerdictJson(code=verdict.code, reason=verdict.reason),
        stars=verdict.stars,
        notional=verdict.notional,
        order=None if verdict.order is None else _order_json(verdict.order),
        checks=verdict.checks,
    )


def _would(answer: Previewed) -> tuple[Literal["trade", "decline", "wait", "repeat"], str]:
    if answer.known is not None:
        return "repeat", f"the signal is known and {answer.known.value}; it is not decided a second time"
    if answer.waits is not None:
        return "wait", answer.waits
    return ("trade" if answer.verdict.code == "trade" else "decline"), answer.verdict.reason


def _order_json(order: EntryOrder) -> PreviewOrderJson:
    return PreviewOrderJson(**dict(order))
