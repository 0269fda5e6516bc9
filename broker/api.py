"""The broker as the actors see it: calls that block, and answers that say only what they prove.

Nothing of `requests` or `websocket` passes this page: what can be expected is a value.
"""

from datetime import datetime
from typing import Literal, Protocol

from domain.market import Asset, MarketClock, MarketDay, Quote
from domain.orders import OrderTicket, OrderUpdate
from domain.reconcile import BrokerPosition, CorporateAction, FillActivity
from domain.values import Message, Usd

# --- answers ------------------------------------------------------------------------------------


class Accepted(Message):
    """The broker has the order: a 2xx whose body is this very order."""

    update: OrderUpdate


class Rejected(Message):
    """A definitive refusal in the broker's own words; the order does not exist."""

    reason: str
    http_status: int
    code: int | None = None
    """Alpaca's own code, where the body has one."""
    keys_refused: bool = False


class NotSent(Message):
    """The broker took nothing: no connection came about, or the rate limit held the request back."""

    why: str
    retry_after_s: float


class Unresolved(Message):
    """Anything else. The broker may have the order or not; only a look-up tells."""

    why: str
    id_taken: bool = False
    """The answer was "client_order_id must be unique": an earlier POST of this id arrived."""


SubmitOutcome = Accepted | Rejected | NotSent | Unresolved


class NotFound(Message):
    """A 404: the broker answered, and knows no such thing."""


class ReadFailed(Message):
    """The read gave no answer. It says nothing about what was asked, least of all that it is empty."""

    why: str
    retry_after_s: float = 0.0
    keys_refused: bool = False


class Account(Message):
    """The account's identity and means; Alpaca adds and drops fields. None: it does not tell."""

    id: str
    account_number: str
    status: str
    currency: str
    cash: Usd | None
    equity: Usd | None
    buying_power: Usd | None
    trading_blocked: bool = False


# --- calls --------------------------------------------------------------------------------------


class Broker(Protocol):
    """Alpaca over REST: every call blocks its thread for the client's timeouts at most.

    Safe to share between threads, each of which gets a connection of its own.
    """

    def submit(self, order: OrderTicket) -> SubmitOutcome:
        """POST the order once; nothing below repeats it."""

    def cancel(self, broker_order_id: str) -> Literal["requested", "too_late"] | NotFound | ReadFailed:
        """Ask for a cancel; that it happened comes as an event."""

    def order_by_client_id(self, client_order_id: str) -> OrderUpdate | NotFound | ReadFailed:
        """The order of this id."""

    def order(self, broker_order_id: str) -> OrderUpdate | NotFound | ReadFailed:
        """The order of Alpaca's own id."""

    def orders(
        self, *, status: Literal["open", "closed", "all"], after: datetime | None = None
    ) -> tuple[OrderUpdate, ...] | ReadFailed:
        """All orders of the status, all pages, oldest first; `after`: submitted from then on."""

    def positions(self) -> tuple[BrokerPosition, ...] | ReadFailed:
        """All positions of the account."""

    def position(self, symbol: str) -> BrokerPosition | NotFound | ReadFailed:
        """One position; NotFound: the account holds none."""

    def account(self) -> Account | ReadFailed:
        """Whose account the keys open, and what it has."""

    def clock(self) -> MarketClock | ReadFailed:
        """Alpaca's clock."""

    def calendar(self, *, start: str, end: str) -> tuple[MarketDay, ...] | ReadFailed:
        """The market days between two dates (`YYYY-MM-DD`), both included."""

    def asset(self, symbol: str) -> Asset | NotFound | ReadFailed:
        """One asset."""

    def fills(
        self, *, after: datetime | None = None, most: int | None = None
    ) -> tuple[FillActivity, ...] | ReadFailed:
        """The account's executions, oldest first: all, or the first `most` and the rest of their page."""

    def corporate_actions(self, *, after: datetime) -> tuple[CorporateAction, ...] | ReadFailed:
        """Splits and the like that moved the account's shares, from the day of `after` on."""

    def snapshots(self, symbols: tuple[str, ...]) -> dict[str, Quote] | ReadFailed:
        """Latest prices in one call; symbols that the feed does not know are missing."""

    def warm(self) -> None:
        """Open this thread's connection ahead of the first order. Never raises."""


# --- the trading stream -------------------------------------------------------------------------


class StreamEnd(Message):
    """Why a connection is over."""

    kind: Literal["lost", "refused", "keys_refused"]
    """lost: it was up or nearly so; refused: the handshake was answered with a status, as 429;
    keys_refused: the broker said unauthorized."""
    why: str


class StreamListener(Protocol):
    """Hears one connection. Called on that connection's own thread: stamp, pass on, return."""

    def stream_opened(self, generation: int) -> None:
        """Authorised, and the subscription to trade_updates acknowledged."""

    def stream_frame(self, generation: int, frame: bytes | str) -> None:
        """One frame as it came, text or binary."""

    def stream_ended(self, generation: int, end: StreamEnd) -> None:
        """The connection is over; told exactly once, also after `close`."""


class Connection(Protocol):
    """A connection being made or kept."""

    def close(self) -> None:
        """Cut it off, from any thread, without waiting for the peer; idempotent."""


class Feed(Protocol):
    """The trading stream: one connection an attempt, no retry of its own."""

    def connect(self, generation: int, listener: StreamListener) -> Connection:
        """Start connecting on a thread of its own; returns at once."""

    def parse(self, frame: bytes | str) -> OrderUpdate | None:
        """The order a frame speaks of; None for a frame that speaks of none. Never raises."""
