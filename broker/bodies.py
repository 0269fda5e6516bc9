"""The shapes of Alpaca's JSON, only the fields that we use.

Unknown fields are ignored. Whatever Alpaca may leave out or null has a default. Numbers are strings in the
trading API and JSON numbers in the market data; both become Decimal from their text, never through float.
"""

from decimal import Decimal

from msgspec import Struct


class Order(Struct, frozen=True, gc=False):
    """An order, from a read, a POST's answer or the stream. Only its id is beyond doubt."""

    id: str
    client_order_id: str | None = None
    symbol: str | None = None
    side: str | None = None
    status: str | None = None
    filled_qty: Decimal | None = None
    filled_avg_price: Decimal | None = None
    updated_at: str | None = None
    submitted_at: str | None = None
    qty: Decimal | None = None
    notional: Decimal | None = None
    time_in_force: str | None = None
    replaces: str | None = None
    replaced_by: str | None = None


class TradeUpdate(Struct, frozen=True, gc=False):
    """`data` of a trade_updates frame; `qty` and `price` are this execution's own."""

    order: Order
    event: str | None = None
    timestamp: str | None = None
    execution_id: str | None = None
    price: Decimal | None = None
    qty: Decimal | None = None
    position_qty: Decimal | None = None


class TradeFrame(Struct, frozen=True, gc=False):
    """A frame of the trading stream, if it is one of trade_updates."""

    stream: str
    data: TradeUpdate | None = None


class ControlData(Struct, frozen=True):
    """What authorization and listening frames say."""

    status: str | None = None
    action: str | None = None
    streams: list[str] | None = None


class ControlFrame(Struct, frozen=True):
    """A frame of the stream's own housekeeping."""

    stream: str
    data: ControlData | None = None


class Position(Struct, frozen=True):
    """A position; `qty` is the account's, whoever bought it."""

    symbol: str
    qty: Decimal
    side: str | None = None
    avg_entry_price: Decimal | None = None


class AccountBody(Struct, frozen=True):
    """The account. Only its id must be there: in July 2026 Alpaca took the day-trading fields away."""

    id: str
    cash: Decimal | None = None
    equity: Decimal | None = None
    buying_power: Decimal | None = None
    account_number: str | None = None
    status: str | None = None
    currency: str | None = None
    trading_blocked: bool | None = None
    account_blocked: bool | None = None
    trade_suspended_by_user: bool | None = None


class ClockBody(Struct, frozen=True):
    """The market clock, in New York's offset."""

    timestamp: str
    is_open: bool
    next_open: str
    next_close: str


class Day(Struct, frozen=True):
    """A market day in New York's hours: `HH:MM`, and `HHMM` for the extended ones. Half days close early."""

    date: str
    open: str
    close: str
    session_open: str | None = None
    session_close: str | None = None


class AssetBody(Struct, frozen=True):
    """An asset; what it does not say it can do, it cannot."""

    symbol: str
    status: str | None = None
    tradable: bool | None = None
    fractionable: bool | None = None


class Activity(Struct, frozen=True):
    """A FILL activity. Its id is an opaque token, in New York's time."""

    id: str
    order_id: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    cum_qty: Decimal
    transaction_time: str
    type: str = "fill"
    """`fill` or `partial_fill`; a bust or a correction stands in the same list."""


class OtherActivity(Struct, frozen=True):
    """An activity that is no trade."""

    id: str
    activity_type: str
    symbol: str | None = None
    qty: Decimal | None = None
    created_at: str | None = None
    date: str | None = None


class LatestTrade(Struct, frozen=True):
    """`t` time, `p` price."""

    t: str | None = None
    p: Decimal | None = None


class LatestQuote(Struct, frozen=True):
    """`t` time, `ap` ask, `bp` bid; 0 stands for none."""

    t: str | None = None
    ap: Decimal | None = None
    bp: Decimal | None = None


class SnapshotBody(Struct, frozen=True, rename="camel"):
    """The parts of a snapshot with current prices; each may be missing."""

    latest_trade: LatestTrade | None = None
    latest_quote: LatestQuote | None = None
