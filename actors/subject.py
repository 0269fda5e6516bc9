"""Whose trade a thread is at work on: `signal_id` and `client_order_id`, on every line that it logs by then.

Mail names what it is about in one way or another: a signal, an order's id, the broker's id, a trade. The rest
is known from before. It is for the log only, nothing is decided by it; so it is remembered within bounds, in
one place for the whole process, and a name that is not known is left out.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars, get_contextvars

REMEMBERED: Final = 20_000
SIGNAL: Final = "signal_id"
ORDER: Final = "client_order_id"
TRADE: Final = "trade_id"

Names = dict[str, str]


class _Known:
    """What belongs together. Any thread: each step is one that the interpreter does as a whole."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, str] = OrderedDict()

    def learn(self, name: str | None, meaning: str) -> None:
        if name is None or name in self._names:
            return
        self._names[name] = meaning
        while len(self._names) > REMEMBERED:
            try:
                self._names.popitem(last=False)
            except KeyError:  # another thread was faster
                return

    def get(self, name: str) -> str | None:
        return self._names.get(name)


_signal_of_order: Final = _Known()
_signal_of_trade: Final = _Known()
_order_of_broker_id: Final = _Known()


def learn(
    signal_id: str,
    *,
    client_order_id: str | None = None,
    trade_id: int | None = None,
    broker_order_id: str | None = None,
) -> None:
    """These belong together."""
    _signal_of_order.learn(client_order_id, signal_id)
    _signal_of_trade.learn(None if trade_id is None else str(trade_id), signal_id)
    if client_order_id is not None:
        _order_of_broker_id.learn(broker_order_id, client_order_id)


def begin(mail: object) -> bool:
    """From here on this thread is at work on what the mail names; False: it names nothing."""
    names = names_in(mail)
    if names:
        bind_contextvars(**names)
    return bool(names)


def add(**names: str | None) -> None:
    """It turned out to be about these too, until `end`."""
    bind_contextvars(**_completed({key: name for key, name in names.items() if name}))


def end() -> None:
    """This thread is through with it."""
    clear_contextvars()


@contextmanager
def about(**names: str) -> Iterator[None]:
    """What is logged inside is about these, where the mail has not named others."""
    known = get_contextvars()
    named = _completed({**names, **{key: known[key] for key in (SIGNAL, ORDER, TRADE) if key in known}})
    with bound_contextvars(**named):
        yield


def names_in(mail: object) -> Names:
    """What the mail names, and what is known to belong to it."""
    readers = _READERS_OF.get(type(mail))
    if readers is None:
        readers = _READERS_OF[type(mail)] = tuple(
            read for field, read in _READERS.items() if hasattr(mail, field)
        )
    if not readers:
        return {}
    found: Names = {}
    for read in readers:
        found |= read(mail)
    return _completed(found)


def _completed(found: Names) -> Names:
    if SIGNAL not in found:
        order, trade = found.get(ORDER), found.get(TRADE)
        signal = None if order is None else _signal_of_order.get(order)
        if signal is None and trade is not None:
            signal = _signal_of_trade.get(trade)
        if signal is not None:
            found[SIGNAL] = signal
    return found


def _of_signal(mail: Any) -> Names:
    return {SIGNAL: mail.signal.signal_id}


def _of_broker_id(mail: Any) -> Names:
    order = _order_of_broker_id.get(mail.broker_order_id or "")
    return {} if order is None else {ORDER: order}


def _of_updates(mail: Any) -> Names:
    """One commit may fold in the words on many orders; of one only it is clear whose it is."""
    return {ORDER: mail.updates[0].client_order_id} if len(mail.updates) == 1 else {}


_READERS: Final[dict[str, Callable[[Any], Names]]] = {
    "signal": _of_signal,
    "broker_order_id": _of_broker_id,
    "updates": _of_updates,
    "update": lambda mail: {ORDER: mail.update.client_order_id},
    "order": lambda mail: {ORDER: mail.order.client_order_id},
    "trade_id": lambda mail: {TRADE: str(mail.trade_id)},
    "client_order_id": lambda mail: {ORDER: mail.client_order_id} if mail.client_order_id else {},
    "signal_id": lambda mail: {SIGNAL: mail.signal_id},
}
"""By field. Where several name an order, the last of them counts."""
_READERS_OF: Final[dict[type, tuple[Callable[[Any], Names], ...]]] = {}
