"""What the answer to a POST of an order proves. The one place where that is decided.

Accepted, Rejected and NotSent need evidence. Whatever is not listed here is Unresolved.
"""

import re
from typing import Final

from broker import wire
from broker.api import Accepted, NotSent, Rejected, SubmitOutcome, Unresolved
from broker.transport import Answer, Failure
from domain.orders import OrderTicket, OrderUpdate

CONNECT_AGAIN_S: Final = 1.0

_CREATED: Final = frozenset({200, 201})
_DEFINITIVE: Final = frozenset({400, 403, 404, 422})
_UNAUTHORIZED: Final = 401
_TOO_MANY_REQUESTS: Final = 429
_ID_TAKEN: Final = re.compile(r"client[ _-]?order[ _-]?id must be unique", re.IGNORECASE)
"""Only the text tells: its code, 40010001, also stands for missing fields, and the wording has varied."""


def of_failure(failure: Failure) -> NotSent | Unresolved:
    """No complete answer: the order is only known not to be at the broker if nothing was written."""
    if failure.sent:
        return Unresolved(why=failure.why)
    return NotSent(why=failure.why, retry_after_s=CONNECT_AGAIN_S)


def of_answer(order: OrderTicket, answer: Answer, *, retry_after_s: float) -> SubmitOutcome:
    """What the broker's answer says of this order; `retry_after_s` is for a 429."""
    status = answer.status
    if status in _CREATED:
        return _created(order, answer)
    refused = wire.refusal(answer.body)
    message, code = refused or ("", None)
    reason = message or f"HTTP {status}"
    if 400 <= status < 500 and _ID_TAKEN.search(message):  # noqa: PLR2004 - the refusals
        return Unresolved(why=reason, id_taken=True)
    if status == _UNAUTHORIZED:
        return Rejected(reason=reason, http_status=status, code=code, keys_refused=True)
    if status == _TOO_MANY_REQUESTS:
        return NotSent(why=reason, retry_after_s=retry_after_s)
    if status in _DEFINITIVE and refused is not None:
        return Rejected(reason=reason, http_status=status, code=code)
    return Unresolved(why=f"HTTP {status}")


def _created(order: OrderTicket, answer: Answer) -> Accepted | Unresolved:
    try:
        update = wire.order(answer.body)
    except wire.UNREADABLE:
        return Unresolved(why=f"HTTP {answer.status} with a body that is no order")
    if not _is_this_order(order, update):
        return Unresolved(why=f"HTTP {answer.status} with another order")
    return Accepted(update=update)


def _is_this_order(order: OrderTicket, update: OrderUpdate) -> bool:
    return (
        (update.client_order_id, update.symbol, update.side)
        == (order.client_order_id, order.symbol, order.side)
        and order.qty in (None, update.qty)
        and order.notional in (None, update.notional)
    )


_UNKNOWN: Final = re.compile(r"not found|not exist", re.IGNORECASE)
_NOT_FOUND_CODES: Final = range(40400000, 40500000)


def knows_no_such_thing(message: str, code: int | None) -> bool:
    """Whether a 404 is Alpaca's own word on what was asked, and not some gateway's on the address."""
    return code in _NOT_FOUND_CODES if code is not None else bool(_UNKNOWN.search(message))
