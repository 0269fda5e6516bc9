"""The mail of the six actors. Commands are imperative, facts past participles.

`?` marks what is asked (its answer is named behind it), the rest is told:

    web, cli        ?AcceptSignal   -> SignalReceiver   SignalRecorded | SignalConflict
    SignalReceiver  ?RecordSignal   -> TradeLedger      SignalRecorded | SignalConflict
                    ?ListUndecided  -> TradeLedger      Undecided
                     ExecuteSignal  -> OrderExecutor
    OrderExecutor   ?PlanEntry      -> TradeLedger      Planned | Declined | Deferred | ReadsWanted
                    ?PlanResend     -> TradeLedger      Planned | Declined | Deferred
                    ?PlanExit       -> TradeLedger      Planned | Declined | Deferred
                    ?PlanStop       -> TradeLedger      Planned | Declined | Deferred
                     OrderAccepted | OrderRejected | OrderUnresolved | OrderNotSent -> TradeLedger
                     LookUpOrder | ReadOrder -> Reconciler
                     OrderPlaced    -> TradingStream
    TradingStream    StreamOpened | StreamLost | OrdersUpdated -> TradeLedger
                     StreamOpened | ConfirmPosition | ReadOrder -> Reconciler
    Reconciler      ?ListUnsettled  -> TradeLedger      Unsettled
                     BrokerSnapshot | OrdersUpdated | OrderNotFound | LookUpFailed | PositionConfirmed
                     | KeysRefused -> TradeLedger
                     OrdersRead     -> TradingStream
    PositionMonitor  ClosePosition | ProtectPosition -> OrderExecutor
                     PositionsLooked -> TradeLedger
    TradeLedger      ResendOrder | CancelOrder -> OrderExecutor
                     PositionChanged -> PositionMonitor
                     AuditNow       -> Reconciler
                     GateChanged    -> SignalReceiver, lanes
                     LedgerChanged | ConfigTold | MarketTold | GateTold -> whoever subscribed
    web             ?PreviewEntry   -> TradeLedger      Previewed | ReadsWanted
                    ?HaltTrading    -> TradeLedger      HaltsChanged
                    ?ClearHalts     -> TradeLedger      HaltsChanged
                    ?RequestExit    -> TradeLedger      ExitRequested
                    ?ChangeConfig   -> TradeLedger      ConfigChanged | ConfigRefused | ConfigLoosens
                     AuditNow       -> Reconciler
    run              SafeMode       -> TradeLedger
    TradeLedger      HaltsCleared   -> TradingStream, run

While the ledger cannot be written, it answers every question with `LedgerUnwritable`.
"""

from datetime import timedelta
from typing import Literal

from domain.config import BotConfig
from domain.exits import Look, OpenTrade
from domain.gate import GateFacts
from domain.holdings import Halt
from domain.market import Market, Means
from domain.orders import OrderRecord, OrderTicket, OrderUpdate
from domain.reconcile import Snapshot
from domain.rules import Deferred, EntryReads, Gate
from domain.settings_text import SettingChange, SettingFault
from domain.signals import Signal, SignalReceipt, SignalState, Verdict
from domain.trades import TradeRecord
from domain.values import Message, Shares, Utc

# --- signals in ---------------------------------------------------------------------------------


class AcceptSignal(Message):
    """Take this signal in. The answer comes after it is durable."""

    signal: Signal


class RecordSignal(Message):
    """Make this signal durable."""

    signal: Signal


class SignalRecorded(Message):
    """The signal is in the ledger. `repeated`: it was there already, with the same content."""

    receipt: SignalReceipt
    repeated: bool


class SignalConflict(Message):
    """The id is taken by a signal with other content; nothing was stored."""

    source: str
    signal_id: str


class ListUndecided(Message):
    """Which signals wait for their verdict?"""


class Undecided(Message):
    """Signals without a verdict, oldest first."""

    signals: tuple[Signal, ...]


class ExecuteSignal(Message):
    """Decide on this signal and, if it trades, send its order."""

    signal: Signal


# --- orders out ---------------------------------------------------------------------------------


class PlanEntry(Message):
    """Decide, and if it trades make the intent durable, in one transaction."""

    source: str
    signal_id: str
    reads: EntryReads | None = None
    """What was looked up because the ledger had asked for it."""


class PreviewEntry(Message):
    """What would become of this signal now? Nothing is stored, not even the signal."""

    signal: Signal
    reads: EntryReads | None = None


class Previewed(Message):
    """The answer, in the words that a signal's own verdict would have."""

    verdict: Verdict
    waits: str | None = None
    """What it would wait for before it is decided; the verdict is then what is known so far."""
    known: SignalState | None = None
    """A signal of this name is stored already and stands there; it would not be decided a second time."""


class NotPreviewed(Message):
    """What the decision depends on could not be looked up at the broker; nothing is known of the signal."""

    why: str


class PlanResend(Message):
    """May this intent, which the broker does not know, be POSTed (again) under its own id?"""

    client_order_id: str
    never_sent: bool = False
    """No POST of it has left, by the sender's own knowledge: past its time it lapses at once."""


class Planned(Message):
    """The intent is durable; it may be POSTed until `order.post_until`."""

    order: OrderTicket


class Declined(Message):
    """No order: the verdict is on the signal. None: the signal or order was settled before."""

    verdict: Verdict | None


class OrderAccepted(Message):
    """The broker has the order."""

    update: OrderUpdate


class OrderRejected(Message):
    """The broker refused the order definitively, in its own words."""

    client_order_id: str
    reason: str
    keys_refused: bool = False


class OrderUnresolved(Message):
    """The POST's outcome is unknown: the broker may have the order or not."""

    client_order_id: str
    why: str


class OrderNotSent(Message):
    """The broker took nothing of the order; it may be sent later, under the same id."""

    client_order_id: str
    why: str


class LookUpOrder(Message):
    """Find out what became of this order, and keep at it."""

    client_order_id: str


class LookUpFailed(Message):
    """The broker did not answer the question for this order."""

    client_order_id: str
    why: str


class OrderPlaced(Message):
    """The broker took an order: from now on the stream should tell of it."""

    client_order_id: str
    broker_order_id: str


class CancelOrder(Message):
    """Ask the broker to cancel this order of ours; that it happened comes as an event."""

    client_order_id: str
    broker_order_id: str
    symbol: str


class OrderNotFound(Message):
    """The broker, asked by client_order_id, knows no such order (yet)."""

    client_order_id: str


class ResendOrder(Message):
    """The broker does not know this intent and its time to live holds: POST it, same id."""

    client_order_id: str
    symbol: str


# --- positions ----------------------------------------------------------------------------------


class RequestExit(Message):
    """A person wants this symbol sold, or everything (`all`): kept until nothing is held any more."""

    scope: str
    reason: Literal["manual", "flatten"]
    by: str
    detail: str = ""
    """The person's own words."""


class ExitRequested(Message):
    """The trades that are to be sold, whether this was the first word of it or not."""

    trades: tuple[TradeRecord, ...]


class ClosePosition(Message):
    """Sell what this trade holds."""

    trade_id: int
    symbol: str
    reason: str
    detail: str
    by: str


class ProtectPosition(Message):
    """Bring the stop that rests at the broker in step with this trade."""

    trade_id: int
    symbol: str


class PlanExit(Message):
    """Make the intent to sell what this trade holds durable, if it may be sent now."""

    trade_id: int
    reason: str
    detail: str
    by: str
    position_qty: Shares | None = None
    """The account's shares of the symbol, read just now; None: the read failed."""


class PlanStop(Message):
    """Make the intent of this trade's resting stop durable, or have one that is wrong canceled."""

    trade_id: int


class PositionsLooked(Message):
    """What the monitor saw of the open trades."""

    looks: tuple[Look, ...]


class PositionChanged(Message):
    """Open trades that a commit changed, and those that it ended."""

    trades: tuple[OpenTrade, ...]


# --- the stream ---------------------------------------------------------------------------------


class StreamOpened(Message):
    """Connected, authorised, and the subscription acknowledged: from here on events are heard."""

    generation: int


class StreamLost(Message):
    """The connection of this generation is gone."""

    generation: int
    why: str
    keys_refused: bool = False


class RestartStream(Message):
    """Close the stream and connect anew, as after a change of keys or mode."""


class ReadOrder(Message):
    """The stream has said nothing of this order, or it has just ended: read it, and tell what it shows."""

    broker_order_id: str


class OrdersRead(Message):
    """What reads of the account showed that the ledger had not heard: the stream should tell the same."""

    updates: tuple[OrderUpdate, ...]


class OrdersUpdated(Message):
    """What the broker said of orders, in the order it was heard."""

    updates: tuple[OrderUpdate, ...]


# --- the account, read --------------------------------------------------------------------------


class ConfirmPosition(Message):
    """An order was filled in part: ask the broker what the account holds of the symbol now."""

    client_order_id: str
    symbol: str
    filled_qty: Shares


class PositionConfirmed(Message):
    """The account's position after a partial fill; `position_qty` None: the read failed."""

    client_order_id: str
    filled_qty: Shares
    """The order's cumulative fill when the position was asked for."""
    position_qty: Shares | None
    why: str = ""


class ListUnsettled(Message):
    """Which of our orders does the broker still have to be asked about? None: all of them."""

    client_order_id: str | None = None


class Unsettled(Message):
    """Orders that are not final, oldest first."""

    orders: tuple[OrderRecord, ...]
    watermark: Utc | None = None
    """When the last full read of the account began; None: there was none."""


class BrokerSnapshot(Message):
    """A full read of the account, taken after the stream of this generation opened."""

    generation: int
    snapshot: Snapshot


class AuditNow(Message):
    """Read the account now, not only when its time comes."""

    why: str
    quiet: bool = False
    """A difference has been seen: let a few seconds pass first, what is under way may explain it."""


class KeysRefused(Message):
    """The broker refused our keys while running; everything that adds risk is halted."""

    why: str


# --- halts, and the ledger's own state ----------------------------------------------------------


class HaltTrading(Message):
    """Stop what adds risk: everything (`all`) or one symbol, until a person clears it."""

    scope: str
    reason: str
    by: str


class ClearHalts(Message):
    """Lift the halts on exactly this scope; a difference in positions that stood is thereby accepted."""

    scope: str
    reason: str
    by: str


class HaltsChanged(Message):
    """How many halts were raised or lifted, and what still stands."""

    changed: int
    standing: tuple[Halt, ...]


class LeaseRenewed(Message):
    """No other process has taken the ledger over."""

    monotonic: timedelta
    """Until when that is certain begins here."""


class HaltsCleared(Message):
    """A person has looked, and lets this scope go on."""

    scope: str


class SafeMode(Message):
    """Begin nothing new (`why`), or go on (None): the bot has failed too often."""

    why: str | None


class LedgerUnwritable(Message):
    """Nothing is promised: it was not written, or nobody knows yet, as `why` says. It may be asked again."""

    why: str


# --- the owner's settings -----------------------------------------------------------------------


class ChangeConfig(Message):
    """Set these, in words as `domain.settings_text` reads them: all of them or none."""

    changes: tuple[tuple[str, str], ...]
    by: str
    may_loosen: bool = True
    """Whether who asks may let more risk in."""


class ConfigChanged(Message):
    """The settings as they are now, and what of them is new."""

    config: BotConfig
    changed: tuple[SettingChange, ...]


class ConfigLoosens(Message):
    """Nothing was set: these would let more risk in, and who asked may not."""

    keys: tuple[str, ...]


class ConfigRefused(Message):
    """Nothing was set; this is all that is wrong."""

    faults: tuple[SettingFault, ...]


# --- told by the ledger, after the commit -------------------------------------------------------


class GateChanged(Message):
    """The gate opened or closed."""

    gate: Gate


class GateTold(Message):
    """What the gate depends on: as it is for a new subscriber, then whenever any of it changes."""

    facts: GateFacts


class ConfigTold(Message):
    """The owner's settings: as they are for a new subscriber, then whenever they change."""

    config: BotConfig


class LedgerChanged(Message):
    """What a commit changed."""

    signals: tuple[str, ...] = ()
    trades: tuple[int, ...] = ()
    orders: tuple[OrderUpdate, ...] = ()
    journaled: bool = False
    """The journal has grown."""


class MarketTold(Message):
    """What was last read of the market: told after each full read of the account, and to a new subscriber."""

    market: Market
    ahead: timedelta = timedelta()
    """Our clock less the broker's, by whose time all of `market` is."""
    means: Means | None = None
    """The account's, as read with it; None: they could not be read."""


# --- mailboxes ----------------------------------------------------------------------------------

ReceiverMail = AcceptSignal | GateChanged
ExecutorMail = ExecuteSignal | ResendOrder | CancelOrder | ClosePosition | ProtectPosition
StreamMail = RestartStream | OrderPlaced | OrdersRead | HaltsCleared
ReconcilerMail = StreamOpened | LookUpOrder | ConfirmPosition | ReadOrder | AuditNow
LedgerQuestion = (
    RecordSignal
    | ListUndecided
    | PlanEntry
    | PreviewEntry
    | PlanResend
    | PlanExit
    | PlanStop
    | RequestExit
    | ListUnsettled
    | HaltTrading
    | ClearHalts
    | ChangeConfig
)
LedgerFact = (
    OrderAccepted
    | OrderRejected
    | OrderUnresolved
    | OrderNotSent
    | OrderNotFound
    | LookUpFailed
    | OrdersUpdated
    | BrokerSnapshot
    | SafeMode
    | PositionConfirmed
    | StreamOpened
    | StreamLost
    | KeysRefused
    | PositionsLooked
)
LedgerMail = LedgerQuestion | LedgerFact
PlanAnswer = Planned | Declined | Deferred
