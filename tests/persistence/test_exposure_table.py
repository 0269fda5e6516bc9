"""What the limits count: every order that may still be filled, in full, and nothing that is over."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.config import BotConfig
from domain.exposure import DayPnl, Exposure
from domain.orders import Life, OrderTicket
from domain.trades import TradeStatus
from persistence.rows import NewTrade
from persistence.store import LedgerStore
from tests.domain.builders import UNLIMITED
from tests.persistence.making import NOW, a_signal, add_signal

STAMP: dict[str, Any] = {"account_id": "a", "config_digest": "c", "code_version": "v"}
BEFORE_NEW_YORKS_DAY = datetime.fromisoformat("2026-11-12T04:59:59.999999Z")
DAY_BEGAN = datetime.fromisoformat("2026-11-12T05:00:00Z")


def dec(text: str) -> Decimal:
    return Decimal(text)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


class Ledger:
    """A ledger into which trades are put in any state."""

    def __init__(self, store: LedgerStore) -> None:
        self.store = store

    def trade(
        self,
        name: str,
        *,
        notional: str = "100",
        at: datetime = NOW,
        order: dict[str, Any] | None = None,
        **trade: Any,
    ) -> int:
        """A trade of its own symbol, and its buy, with these fields."""
        signal = a_signal(name, symbol=trade.pop("symbol", name.upper()))
        cid = f"sf-{name}"
        with self.store.unit() as unit:
            add_signal(unit, signal)
            trade_id = unit.add_entry(
                NewTrade(
                    symbol=signal.symbol, stars=5, notional=dec(notional), catalyst_type=None,
                    catalyst_tier=1, source=signal.source, signal_id=name, client_order_id=cid, created_at=at,
                ),
                OrderTicket(
                    client_order_id=cid, symbol=signal.symbol, side="buy", notional=dec(notional),
                    post_until=at + seconds(300),
                ),
                qty_before=Decimal(0), at=at, **STAMP,
            )  # fmt: skip
            record = unit.orders_by_id(client_order_ids=[cid], broker_order_ids=())[cid]
            unit.save_orders([record.having(order or {})], at=at)
            unit.save_trades([unit.trades([trade_id])[trade_id].having(trade)], at=at)
        return trade_id

    def sale(self, trade_id: int, name: str, *, at: datetime = NOW, **order: Any) -> None:
        """An order to sell what a trade holds."""
        cid = f"sf-sale-{name}"
        with self.store.unit() as unit:
            ticket = OrderTicket(
                client_order_id=cid, leg="exit", symbol=name.upper(), side="sell", qty=dec("1"),
                reason="manual", post_until=at,
            )  # fmt: skip
            unit.add_exit(ticket, trade_id=trade_id, qty_before=Decimal(0), at=at, **STAMP)
            record = unit.orders_by_id(client_order_ids=[cid], broker_order_ids=())[cid]
            unit.save_orders([record.having(order)], at=at)

    def counted(
        self,
        config: BotConfig | None = None,
        *,
        symbol: str = "ZZZ",
        now: datetime = NOW,
        read_at: datetime | None = None,
    ) -> Exposure:
        with self.store.unit() as unit:
            return unit.exposure(config or BotConfig(), symbol=symbol, now=now, means_read_at=read_at)


@pytest.fixture
def ledger(store: LedgerStore) -> Ledger:
    return Ledger(store)


HELD: dict[str, Any] = {"status": TradeStatus.OPEN, "shares": dec("10"), "entry_price": dec("9")}
DONE: dict[str, Any] = {"life": Life.DONE, "status": "filled"}


def test_empty_books_have_nothing_at_stake(ledger: Ledger) -> None:
    assert ledger.counted() == Exposure()


def test_a_limit_that_is_off_is_not_counted_for(ledger: Ledger) -> None:
    ledger.trade("a", **HELD, order=DONE)
    assert ledger.counted(UNLIMITED) == Exposure()


# --- positions and dollars ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "trade", "usd"),
    [
        ({}, {}, "100"),
        ({"life": Life.UNRESOLVED}, {}, "100"),
        ({"life": Life.WORKING, "status": "new"}, {"status": TradeStatus.OPEN}, "100"),
        ({"life": Life.WORKING}, HELD | {"shares": dec("4")}, "100"),
        ({"life": Life.WORKING}, HELD | {"shares": dec("12")}, "108"),
        (DONE, HELD, "90"),
        (DONE, HELD | {"sold": dec("4"), "status": TradeStatus.CLOSING}, "54"),
        ({"life": Life.DONE, "status": "replaced", "replaced_by": "b2"}, {"status": TradeStatus.OPEN}, "100"),
    ],
)
def test_what_may_still_be_bought_counts_in_full_and_what_is_held_as_it_was_paid(
    ledger: Ledger, order: dict[str, Any], trade: dict[str, Any], usd: str
) -> None:
    ledger.trade("a", order=order, **trade)
    counted = ledger.counted()
    assert (counted.positions, counted.usd) == (1, dec(usd))


@pytest.mark.parametrize("status", [TradeStatus.CLOSED, TradeStatus.MISSED, TradeStatus.REJECTED])
def test_what_is_over_is_neither_a_position_nor_at_stake(ledger: Ledger, status: TradeStatus) -> None:
    ledger.trade("a", order={"life": Life.DONE}, status=status)
    counted = ledger.counted()
    assert (counted.positions, counted.usd) == (0, dec("0"))


def test_a_replaced_order_whose_successor_is_known_is_judged_by_that(ledger: Ledger) -> None:
    replaced = {"life": Life.DONE, "status": "replaced", "replaced_by": "b2", "broker_order_id": "b1"}
    trade_id = ledger.trade("a", order=replaced, **HELD)
    with ledger.store.unit() as unit:
        [first] = unit.orders_of([trade_id])[trade_id]
        successor = first.having(
            {"client_order_id": "theirs", "broker_order_id": "b2", "status": "filled", "replaced_by": None}
        )
        unit.add_replacement(successor, at=NOW)
    assert ledger.counted().usd == dec("90")


def test_dollars_are_summed_exactly(ledger: Ledger) -> None:
    for number in range(10):
        ledger.trade(f"a{chr(97 + number)}", notional="0.1")
    assert ledger.counted().usd == dec("1.0")


# --- how often ------------------------------------------------------------------------------------------


def test_buys_of_the_last_minute_are_those_after_it_began(ledger: Ledger) -> None:
    for name, ago in (("a", 0), ("b", 59.999999), ("c", 60), ("d", 3600)):
        ledger.trade(name, at=NOW - seconds(ago))
    assert ledger.counted().orders_last_minute == 2


def test_after_the_clock_was_set_back_the_minute_has_what_lies_ahead_of_it(ledger: Ledger) -> None:
    ledger.trade("a", at=NOW + seconds(20))
    assert ledger.counted().orders_last_minute == 1


def test_the_day_is_new_yorks(ledger: Ledger) -> None:
    ledger.trade("a", at=DAY_BEGAN)
    ledger.trade("b", at=BEFORE_NEW_YORKS_DAY)
    assert ledger.counted().orders_today == 1


def test_sales_and_what_replaced_an_order_are_no_buys_of_ours(ledger: Ledger) -> None:
    trade_id = ledger.trade("a")
    ledger.sale(trade_id, "a")
    with ledger.store.unit() as unit:
        first = unit.orders_of([trade_id])[trade_id][0]
        unit.add_replacement(first.having({"client_order_id": "theirs"}), at=NOW)
    counted = ledger.counted()
    assert (counted.orders_last_minute, counted.orders_today) == (1, 1)


# --- when a symbol's last trade ended -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trade", "ended_at"),
    [
        ({"status": TradeStatus.CLOSED, "exit_at": NOW - seconds(5)}, NOW - seconds(5)),
        ({"status": TradeStatus.CLOSED}, NOW - seconds(90)),
        ({"status": TradeStatus.MISSED}, NOW - seconds(90)),
        ({"status": TradeStatus.REJECTED}, NOW - seconds(90)),
        (HELD, None),
        ({}, None),
    ],
)
def test_a_trade_ended_when_it_was_sold_or_never_was(
    ledger: Ledger, trade: dict[str, Any], ended_at: datetime | None
) -> None:
    ledger.trade("a", symbol="AAA", at=NOW - seconds(90), **trade)
    assert ledger.counted(symbol="AAA").last_ended_at == ended_at
    assert ledger.counted(symbol="BBB").last_ended_at is None


def test_of_several_trades_the_one_that_ended_last_counts(ledger: Ledger) -> None:
    for name, ago in (("a", 10), ("b", 30)):
        ledger.trade(name, symbol="AAA", status=TradeStatus.CLOSED, exit_at=NOW - seconds(ago))
    assert ledger.counted(symbol="AAA").last_ended_at == NOW - seconds(10)


# --- the day's gains and losses -------------------------------------------------------------------------


def test_what_ended_in_new_yorks_day_is_realised(ledger: Ledger) -> None:
    for name, exit_at, pnl in (
        ("a", DAY_BEGAN, dec("-12.5")),
        ("b", NOW, dec("2.25")),
        ("c", BEFORE_NEW_YORKS_DAY, dec("-1000")),
        ("d", NOW, None),
    ):
        ledger.trade(name, status=TradeStatus.CLOSED, exit_at=exit_at, pnl=pnl)
    assert ledger.counted().today == DayPnl(realised=dec("-10.25"), unpriced=1)


def test_what_is_open_counts_by_its_last_price_and_what_was_sold_of_it(ledger: Ledger) -> None:
    ledger.trade("a", order=DONE, **HELD | {"mark_price": dec("8")})
    half_sold = ledger.trade("b", order=DONE, **HELD | {"mark_price": dec("10"), "sold": dec("5")})
    ledger.sale(
        half_sold, "b", life=Life.DONE, filled_qty=dec("5"), filled_avg_price=dec("7"),
        priced_filled_qty=dec("5"),
    )  # fmt: skip
    ledger.trade("c", order=DONE, **HELD)
    assert ledger.counted().today == DayPnl(open=dec("-10") + dec("-10") + dec("5"), unpriced=1)


def test_a_sale_whose_price_is_not_told_counts_as_if_it_had_not_moved(ledger: Ledger) -> None:
    trade_id = ledger.trade("a", order=DONE, **HELD | {"mark_price": dec("8"), "sold": dec("5")})
    ledger.sale(
        trade_id, "a", life=Life.WORKING, filled_qty=dec("5"), filled_avg_price=dec("7"),
        priced_filled_qty=dec("2"),
    )  # fmt: skip
    assert ledger.counted().today == DayPnl(open=dec("-5"), unpriced=1)


def test_the_day_can_be_asked_for_alone(ledger: Ledger) -> None:
    ledger.trade("a", order=DONE, **HELD | {"mark_price": dec("8")})
    with ledger.store.unit() as unit:
        assert unit.day_pnl(NOW) == DayPnl(open=dec("-10"))


# --- what the buying power need not have shown ------------------------------------------------------------

READ_AT = NOW - seconds(30)


@pytest.mark.parametrize(
    ("ago", "order", "trade", "usd"),
    [
        (0, {}, {}, "100"),
        (30, {"life": Life.WORKING}, HELD, "100"),
        (35, {"life": Life.WORKING}, HELD, "100"),  # it may have been on its way
        (36, {"life": Life.WORKING}, HELD, "0"),
        (3600, {"life": Life.UNRESOLVED}, {}, "100"),
        (3600, {"life": Life.INTENDED}, {}, "100"),
        (0, {"life": Life.REFUSED}, {"status": TradeStatus.REJECTED}, "0"),
        (0, {"life": Life.DONE}, {"status": TradeStatus.MISSED}, "0"),
        (0, DONE, HELD | {"status": TradeStatus.CLOSED}, "100"),
    ],
)
def test_buys_that_the_broker_may_not_have_taken_off_count(
    ledger: Ledger, ago: float, order: dict[str, Any], trade: dict[str, Any], usd: str
) -> None:
    ledger.trade("a", at=NOW - seconds(ago), order=order, **trade)
    assert ledger.counted(UNLIMITED, read_at=READ_AT).ordered_since == dec(usd)
    assert ledger.counted(UNLIMITED).ordered_since == dec("0")


def test_buys_of_several_sizes_are_summed_exactly(ledger: Ledger) -> None:
    for name, notional in (("a", "0.1"), ("b", "0.1"), ("c", "0.2"), ("d", "75")):
        ledger.trade(name, notional=notional)
    assert ledger.counted(UNLIMITED, read_at=READ_AT).ordered_since == dec("75.4")


# --- what the breakers ask ----------------------------------------------------------------------------------

TAKEN = {"life": Life.WORKING}
REFUSED = {"life": Life.REFUSED}


@pytest.mark.parametrize(
    ("lives", "number"),
    [
        ([], 0),
        ([REFUSED, REFUSED], 2),
        ([REFUSED, TAKEN, REFUSED, REFUSED], 2),
        ([REFUSED, REFUSED, DONE], 0),
        ([REFUSED, {"life": Life.UNRESOLVED}, REFUSED, {"life": Life.LAPSED}, {}], 2),
        ([REFUSED, {"life": Life.DONE, "status": "rejected"}], 2),
        ([REFUSED, {"life": Life.DONE, "status": "rejected", "filled_qty": Decimal(1)}], 0),
        ([REFUSED] * 9, 5),
    ],
)
def test_refusals_in_a_row_are_counted_back_from_the_last_buy(
    ledger: Ledger, lives: list[dict[str, Any]], number: int
) -> None:
    for place, life in enumerate(lives):
        ledger.trade(f"a{chr(97 + place)}", at=NOW + seconds(place), order=life)
    with ledger.store.unit() as unit:
        assert unit.refusals_in_a_row(since=None, most=5) == number


def test_refusals_before_a_time_do_not_count(ledger: Ledger) -> None:
    for place in range(4):
        ledger.trade(f"a{chr(97 + place)}", at=NOW + seconds(place), order=REFUSED)
    with ledger.store.unit() as unit:
        assert unit.refusals_in_a_row(since=NOW + seconds(1), most=5) == 2


def test_a_refused_sale_is_no_refused_buy(ledger: Ledger) -> None:
    trade_id = ledger.trade("a", order=REFUSED)
    ledger.sale(trade_id, "a", at=NOW + seconds(1), life=Life.DONE)
    ledger.sale(trade_id, "b", at=NOW + seconds(2), life=Life.REFUSED)
    with ledger.store.unit() as unit:
        assert unit.refusals_in_a_row(since=None, most=5) == 1


def test_orders_of_all_legs_and_their_trades_are_counted(ledger: Ledger) -> None:
    old = ledger.trade("a", at=NOW - seconds(100))
    new = ledger.trade("b")
    for number, trade_id in enumerate((old, new, new)):
        ledger.sale(trade_id, f"x{number}")
    with ledger.store.unit() as unit:
        assert unit.orders_since(NOW - seconds(100)) == (4, 2)
        assert unit.orders_since(NOW - seconds(101)) == (5, 2)


def test_when_a_halt_was_cleared_and_whether_it_was_ever_raised(store: LedgerStore) -> None:
    with store.unit() as unit:
        assert unit.last_cleared("all") is None
        unit.add_halt(scope="all", reason="why", by="ledger", at=NOW)
        unit.add_halt(scope="ACME", reason="why not", by="ledger", at=NOW)
        assert (unit.was_raised("all", "why"), unit.was_raised("all", "why not")) == (True, False)
        unit.clear_halts(scope="ACME", by="owner", reason="fine", at=NOW + seconds(1))
        assert unit.last_cleared("all") is None
        unit.clear_halts(scope="all", by="owner", reason="fine", at=NOW + seconds(2))
        assert unit.last_cleared("all") == NOW + seconds(2)
        assert unit.was_raised("all", "why")
