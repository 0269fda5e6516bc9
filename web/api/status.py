"""`/api/status`: is the bot trading, and if not, why not; what it has open, and what the day has brought."""

from datetime import datetime
from decimal import Decimal

from fastapi import APIRouter

from domain.holdings import ALL, Halt
from domain.market import Market
from domain.naked import sums, uncovered
from domain.trades import TradeRecord
from domain.values import ZERO, Message
from persistence.queries.desk import Moment
from web.api.account_views import HaltJson, halt_json
from web.api.views import Amount, Time
from web.bot import Bot


class ConditionJson(Message):
    """One of the things that the gate depends on."""

    check: str
    """keys, ledger, stream, account, clock or safe_mode."""
    ok: bool
    text: str
    """How it stands, in words."""


class GateStateJson(Message):
    """May an order that adds risk leave now, and what that depends on."""

    open: bool
    reason: str
    reasons: tuple[ConditionJson, ...]


class StreamJson(Message):
    """The trading stream."""

    connected: bool
    since: Time | None
    """When it came to stand so."""
    last_event_at: Time | None
    """When it last told of an order."""


class AuditedJson(Message):
    """The last full read of the account."""

    last_at: Time | None
    age_s: int | None


class MarketJson(Message):
    """The trading day, by the broker's clock."""

    open: bool | None
    """null: nobody has told yet."""
    opens_at: Time | None
    closes_at: Time | None


class NakedJson(Message):
    """What could not be sold just now if it had to be."""

    usd: Amount
    trades: int


class TodayJson(Message):
    """New York's day so far. Dollars."""

    pnl: Amount
    realised: Amount
    unrealised: Amount
    unpriced: int
    """Trades whose price is not known; they count as if it had not moved."""
    orders: int
    buys_usd: Amount


class StatusJson(Message):
    """The bot at a glance."""

    now: Time
    mode: str
    version: str
    account_number: str
    started_at: Time
    trading: bool
    """A signal that passes its checks is bought now."""
    why_not: str | None
    gate: GateStateJson
    halts: tuple[HaltJson, ...]
    halted_all: bool
    safe_mode: bool
    stream: StreamJson
    audit: AuditedJson
    market: MarketJson
    undecided: int
    """Signals that wait for their verdict."""
    unresolved: int
    """Orders of which it is not known whether the broker has them."""
    open_trades: int
    held_usd: Amount
    naked: NakedJson
    today: TodayJson
    alarms_failing: int | None
    """Channels of alarms that do not get through; null: there are none."""


def status_routes(bot: Bot) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["status"])

    @router.get(
        "/status",
        summary="Is it trading, and if not, why not?",
        description="Everything that the event stream tells as `state`.",
    )
    def status() -> StatusJson:
        return status_json(bot)

    return router


def status_json(bot: Bot) -> StatusJson:
    """How it stands now; reads the ledger, so not on an event loop."""
    now, (market_now, market) = bot.clock(), bot.session()
    moment, halts, ready = bot.desk_queries.moment(now), bot.queries.standing_halts(), bot.ready()
    conditions = bot.board.conditions()
    why_not = _why_not(halts, None if ready.ready else ready.reason, market, market_now)
    bare = sums((trade, uncovered(trade, ZERO, market_now, market)) for trade in moment.standing)
    naked = [trade for trade in moment.standing if trade.naked_why is not None and trade.held]
    return StatusJson(
        now=now,
        mode=bot.about.mode,
        version=bot.about.version,
        account_number=bot.about.account_number,
        started_at=bot.about.started_at,
        trading=why_not is None,
        why_not=why_not,
        gate=GateStateJson(
            open=ready.gate == "open",
            reason=ready.reason,
            reasons=tuple(ConditionJson(check=c.name, ok=c.passed, text=c.detail) for c in conditions),
        ),
        halts=tuple(map(halt_json, halts)),
        halted_all=any(halt.scope == ALL for halt in halts),
        safe_mode=any(c.name == "safe_mode" and not c.passed for c in conditions),
        stream=_stream(bot),
        audit=_audit(bot.queries.last_audit(), now),
        market=_market(market, market_now),
        undecided=moment.undecided,
        unresolved=moment.unresolved,
        open_trades=len(moment.standing),
        held_usd=bare.held_usd,
        naked=NakedJson(usd=sum(map(_worth, naked), ZERO), trades=len(naked)),
        today=_today(moment),
        alarms_failing=bot.alarms_failing(),
    )


def _why_not(
    halts: tuple[Halt, ...], not_ready: str | None, market: Market | None, market_now: datetime
) -> str | None:
    """What keeps every signal from being bought, the most lasting first; None: nothing does."""
    of_all = [halt for halt in halts if halt.scope == ALL]
    if of_all:
        return f"Halted: {of_all[0].reason}. Resume it when that is mended."
    if not_ready is not None:
        return f"The gate is closed: {not_ready}. It opens by itself once that is well."
    if market is not None and not market.is_open(market_now):
        return "The market is closed."
    return None


def _stream(bot: Bot) -> StreamJson:
    seen = bot.board.stream
    return StreamJson(connected=seen.connected, since=seen.since, last_event_at=seen.last_event_at)


def _audit(last_at: datetime | None, now: datetime) -> AuditedJson:
    age = None if last_at is None else max(0, round((now - last_at).total_seconds()))
    return AuditedJson(last_at=last_at, age_s=age)


def _market(market: Market | None, now: datetime) -> MarketJson:
    if market is None:
        return MarketJson(open=None, opens_at=None, closes_at=None)
    return MarketJson(
        open=market.is_open(now), opens_at=market.opens_at(now), closes_at=market.closes_at(now)
    )


def _worth(trade: TradeRecord) -> Decimal:
    price = trade.basis_price if trade.mark_price is None else trade.mark_price
    return trade.held * (price or ZERO)


def _today(moment: Moment) -> TodayJson:
    return TodayJson(
        pnl=moment.today.total,
        realised=moment.today.realised,
        unrealised=moment.today.open,
        unpriced=moment.today.unpriced,
        orders=moment.orders_today,
        buys_usd=moment.bought_usd,
    )
