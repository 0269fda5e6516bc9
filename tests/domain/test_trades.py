from itertools import product

import pytest

from domain.orders import Life, OrderRecord, confirm_position
from domain.trades import (
    OCCUPYING,
    EntryPhase,
    TradeStatus,
    follow_trade,
    phase_of,
)
from tests.domain.builders import a_record, a_trade, dec, later

LED = {
    EntryPhase.WAITING: TradeStatus.PENDING,
    EntryPhase.AT_BROKER: TradeStatus.OPEN,
    EntryPhase.GONE: TradeStatus.MISSED,
    EntryPhase.REFUSED: TradeStatus.REJECTED,
    EntryPhase.LAPSED: TradeStatus.MISSED,
}
PHASE_OF_LIFE = {
    Life.INTENDED: EntryPhase.WAITING,
    Life.UNRESOLVED: EntryPhase.WAITING,
    Life.WORKING: EntryPhase.AT_BROKER,
    Life.DONE: EntryPhase.GONE,
    Life.REFUSED: EntryPhase.REFUSED,
    Life.LAPSED: EntryPhase.LAPSED,
}


def bought(shares: str, price: str | None, at: float = 3, **changes: object) -> OrderRecord:
    return a_record(
        **{
            "life": Life.DONE,
            "status": "filled",
            "broker_order_id": "broker-one",
            "filled_qty": dec(shares),
            "filled_avg_price": None if price is None else dec(price),
            "priced_filled_qty": dec(shares),
            "priced_at": later(at),
        }
        | changes
    )


@pytest.mark.parametrize(("was", "life"), list(product(TradeStatus, Life)))
def test_what_a_trade_is_depends_on_its_orders_and_not_on_what_it_was(was: TradeStatus, life: Life) -> None:
    after = follow_trade(a_trade(status=was), [a_record(life=life, status="canceled")])
    assert after.status is LED[PHASE_OF_LIFE[life]]


def test_a_trade_has_its_symbol_until_it_is_over() -> None:
    assert {TradeStatus.PENDING, TradeStatus.OPEN, TradeStatus.CLOSING} == OCCUPYING


@pytest.mark.parametrize("life", Life)
def test_one_order_gives_its_trade_its_phase(life: Life) -> None:
    assert phase_of([a_record(life=life)]) is PHASE_OF_LIFE[life]


@pytest.mark.parametrize("life", Life)
def test_shares_make_a_position_whatever_became_of_the_order(life: Life) -> None:
    assert phase_of([a_record(life=life, filled_qty=dec("0.000000001"))]) is EntryPhase.AT_BROKER


@pytest.mark.parametrize(
    ("lives", "phase"),
    [
        ((Life.DONE, Life.WORKING), EntryPhase.AT_BROKER),
        ((Life.DONE, Life.UNRESOLVED), EntryPhase.WAITING),
        ((Life.REFUSED, Life.DONE), EntryPhase.GONE),
        ((Life.REFUSED, Life.LAPSED), EntryPhase.REFUSED),
    ],
)
def test_of_several_orders_the_one_that_may_still_buy_decides(
    lives: tuple[Life, ...], phase: EntryPhase
) -> None:
    assert phase_of([a_record(life=life) for life in lives]) is phase


def test_a_fill_gives_the_trade_shares_price_and_time() -> None:
    after = follow_trade(a_trade(), [bought("8.08", "12.376")])
    assert (after.status, after.shares, after.entry_price) == (TradeStatus.OPEN, dec("8.08"), dec("12.376"))
    assert (after.entry_at, after.alpaca_order_id) == (later(3), "broker-one")


def test_the_entry_time_is_that_of_the_first_fill_and_stays() -> None:
    partly = follow_trade(a_trade(), [bought("4", "12", at=2, life=Life.WORKING)])
    assert follow_trade(partly, [bought("10", "12", at=9)]).entry_at == later(2)


def test_an_accepted_order_opens_the_trade_without_shares() -> None:
    after = follow_trade(a_trade(), [a_record(life=Life.WORKING, broker_order_id="broker-one")])
    assert (after.status, after.shares, after.entry_price, after.entry_at) == (
        TradeStatus.OPEN, None, None, a_trade().entry_at,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("rejected", "alpaca_rejected"),
        ("canceled", "alpaca_canceled"),
        ("expired", "alpaca_expired"),
        ("done_for_day", "alpaca_expired"),
        ("filled", "alpaca_filled"),
    ],
)
def test_an_order_that_ended_without_shares_is_a_missed_trade_with_its_reason(
    status: str, reason: str
) -> None:
    after = follow_trade(a_trade(), [a_record(life=Life.DONE, status=status)])
    assert (after.status, after.exit_reason, after.shares) == (TradeStatus.MISSED, reason, None)


@pytest.mark.parametrize("status", ["canceled", "expired", "done_for_day"])
def test_an_order_that_ended_with_shares_is_an_open_position(status: str) -> None:
    after = follow_trade(a_trade(), [bought("4", "12.34", status=status)])
    assert (after.status, after.shares, after.exit_reason) == (TradeStatus.OPEN, dec("4"), None)


@pytest.mark.parametrize(
    ("life", "status", "reason"),
    [
        (Life.REFUSED, TradeStatus.REJECTED, "alpaca_refused"),
        (Life.LAPSED, TradeStatus.MISSED, "expired_unseen"),
    ],
)
def test_an_order_that_never_was_says_why(life: Life, status: TradeStatus, reason: str) -> None:
    after = follow_trade(a_trade(), [a_record(life=life)])
    assert (after.status, after.exit_reason) == (status, reason)


@pytest.mark.parametrize("before", [TradeStatus.MISSED, TradeStatus.REJECTED])
def test_a_late_fill_opens_what_was_given_up_and_takes_the_reason_back(before: TradeStatus) -> None:
    after = follow_trade(a_trade(status=before, exit_reason="expired_unseen"), [bought("10", "12")])
    assert (after.status, after.exit_reason, after.shares) == (TradeStatus.OPEN, None, dec("10"))


def test_shares_are_the_confirmed_ones() -> None:
    record = bought("4", "12", life=Life.WORKING, status="partially_filled")
    confirmed = confirm_position(record, position_qty=dec("3.5"), at_filled=dec("4"))
    assert follow_trade(a_trade(), [confirmed]).shares == dec("3.5")


def test_an_order_and_its_successor_add_up() -> None:
    first = bought("4", "12.00", status="replaced", at=2)
    second = bought("6", "12.50", client_order_id="sf-two", broker_order_id="broker-two", at=5)
    after = follow_trade(a_trade(), [first, second])
    assert (after.shares, after.entry_price) == (dec("10"), dec("12.3"))
    assert (after.entry_at, after.alpaca_order_id) == (later(2), "broker-one")


def test_an_average_price_is_exact_to_nine_decimals() -> None:
    orders = [bought("1", "1"), bought("2", "2", client_order_id="sf-two")]
    assert follow_trade(a_trade(), orders).entry_price == dec("1.666666667")


def test_following_twice_changes_nothing_more() -> None:
    for life, status in product(Life, TradeStatus):
        orders = [a_record(life=life, status="canceled")]
        once = follow_trade(a_trade(status=status), orders)
        assert follow_trade(once, orders) == once
