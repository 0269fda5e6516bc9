"""What happens at the broker itself: to the keys, the account, the clock, the machine.

Done at once, or before a request that matches. An act that lasts gives back its undoing, for when the plan is
cleared. To add one, write the function and name it in BROKER_ACTS.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final, cast

from aiohttp import WSCloseCode, web

from simulator.assets import Behaviour
from simulator.clock import SECOND
from simulator.fault import Fault, Undo
from simulator.orders import CENT, read_request
from simulator.stream_acts import Close, close_of

if TYPE_CHECKING:
    from simulator.context import Context

BrokerAct = Callable[[Fault, "Context", web.Request], Undo | None]
CONTROL: Final = "/_sim/"
_SMALLEST_PRICE = Decimal("0.0001")


def auth_revoke(fault: Fault, context: "Context", _: web.Request) -> Undo:
    context.keys.revoke()
    if fault.options.get("streams", True):
        context.streams.close_all(Close(WSCloseCode.POLICY_VIOLATION))
    return context.keys.restore


def halt_symbol(fault: Fault, context: "Context", _: web.Request) -> Undo:
    symbol, known = fault.word("symbol"), context.exchange.assets
    before = known.behaviour(symbol)
    known.put(symbol, Behaviour.RESTS)

    def resume() -> None:
        known.put(symbol, before)
        context.desk.look()

    return resume


def external_order(fault: Fault, context: "Context", _: web.Request) -> None:
    order = cast("Mapping[str, object]", fault.options["order"])
    # JSON's fractions arrive as binary ones; their spelling is what was meant.
    told = {name: Decimal(str(each)) if isinstance(each, float) else each for name, each in order.items()}
    terms = {"type": "market", "time_in_force": "day", **told}
    context.desk.submit(read_request(terms, context.switches.now))


def split(fault: Fault, context: "Context", _: web.Request) -> None:
    symbol, ratio = fault.word("symbol"), fault.decimal("ratio")
    context.desk.split(symbol, ratio)
    price = context.prices.last(symbol, context.clock.now()) / ratio
    tick = CENT if price >= 1 else _SMALLEST_PRICE
    context.prices.put(symbol, max(tick, price.quantize(tick, ROUND_HALF_UP)))


def trade_bust(fault: Fault, context: "Context", _: web.Request) -> None:
    if fault.options.get("id"):
        order = context.exchange.order(fault.word("id"))
    else:
        order = context.exchange.order_by_client_order_id(fault.word("client_order_id"))
    context.desk.bust(order.id)


def clock_offset(fault: Fault, context: "Context", _: web.Request) -> Undo:
    def turn(nanos: int) -> None:
        context.clock.be_off(nanos)
        context.desk.look()

    turn(int(fault.decimal("seconds") * SECOND))
    return lambda: turn(0)


def restart(fault: Fault, context: "Context", request: web.Request) -> None:
    if fault.options.get("book") == "empty":
        context.desk.reset(new_account=fault.options.get("account") == "new")
    context.desk.close()
    down_s = float(cast("float", fault.options.get("down_s", 0)))
    context.machine.restart(down_s, spare=request if request.path.startswith(CONTROL) else None)


def zombie_slot(fault: Fault, context: "Context", _: web.Request) -> Undo:
    context.streams.take_slot(fault.seconds(), status=int(cast("int", fault.options["status"])))
    return context.streams.free_slot


def ws_close(fault: Fault, context: "Context", _: web.Request) -> None:
    context.streams.close_all(close_of(fault))


BROKER_ACTS: Final[Mapping[str, BrokerAct]] = {
    "auth_revoke": auth_revoke,
    "halt_symbol": halt_symbol,
    "external_order": external_order,
    "split": split,
    "trade_bust": trade_bust,
    "clock_offset": clock_offset,
    "restart": restart,
    "zombie_slot": zombie_slot,
    "ws_close": ws_close,
}


def perform(fault: Fault, context: "Context", request: web.Request) -> bool:
    """Does it now, set off by `request`; False if that cost the request its connection. Raises ApiError."""
    undo = BROKER_ACTS[fault.act](fault, context, request)
    fault.undo = fault.undo or undo
    return fault.act != "restart" or request.path.startswith(CONTROL)
