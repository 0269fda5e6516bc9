"""What happens to the account beside us, or to our orders there: explained or halted, never mended."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from domain.identity import client_order_id
from domain.orders import Life
from domain.signals import SignalState
from domain.trades import TradeStatus
from simulator.server import Simulator
from tests.faults.kit import (
    KEYS,
    POST,
    agree,
    by_hand,
    cid,
    differences,
    eventually,
    fault,
    filled,
    halts,
    heal,
    order_of,
    placed,
    posts,
    read_account,
    resting,
)
from tests.flows.conftest import Bot, control, oracle, running
from tests.flows.process import Process, environment


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference is read again after a third of a second and not after five."""
    monkeypatch.setattr("actors.reconciler.QUIET_S", 0.3)
    monkeypatch.setattr("actors.ledger_work.QUIET", timedelta(seconds=0.2))


def bought(bot: Bot, simulator: Simulator, symbol: str = "ACME") -> Decimal:
    """A position of ours; its shares."""
    control(simulator, "prices", {symbol: "10"})
    bot.accept(bot.signal(symbol))
    shares = bot.trade(f"{symbol.lower()}-1", filled, "the fill").shares
    assert shares is not None
    return shares


def trades_no_more(bot: Bot, simulator: Simulator, symbol: str) -> None:
    """A signal for the symbol is declined and nothing reaches the broker."""
    before = posts(simulator)
    name = f"{symbol.lower()}-again"
    bot.accept(bot.signal(symbol, signal_id=name))
    assert bot.decided(name).state is SignalState.DECLINED
    assert posts(simulator) == before


@pytest.mark.fault("F24")
def test_an_order_of_somebody_else_is_kept_apart_and_stops_nothing(bot: Bot, simulator: Simulator) -> None:
    bought(bot, simulator)
    order = by_hand(simulator, "KO", "buy", "3")

    eventually(lambda: bot.queries.external_orders(limit=9).items, "the stranger's order")
    agree(bot, simulator)
    [external] = bot.queries.external_orders(limit=9).items
    assert (external.broker_order_id, external.filled_qty) == (order["id"], Decimal(3))
    assert halts(bot) == {}
    bot.accept(bot.signal("MSFT"))
    bot.trade("msft-1", filled, "our next order")


@pytest.mark.fault("F24")
def test_an_order_under_a_name_of_our_making_that_the_ledger_lacks_halts_everything(
    bot: Bot, simulator: Simulator
) -> None:
    resting(simulator)
    name = client_order_id(account_id=bot.parts.account.id, source="x", signal_id="lost", leg="entry")
    order = by_hand(simulator, "KO", "buy", "3", client_order_id=name)

    eventually(lambda: "all" in halts(bot), "the halt")
    trades_no_more(bot, simulator, "ACME")
    read_account(bot)
    [told] = [each for each in orders(simulator) if each["id"] == order["id"]]
    assert told["status"] == "new"  # it is nobody's to cancel but a person's


def orders(simulator: Simulator) -> list[dict[str, str]]:
    told: list[dict[str, str]] = requests.get(f"{simulator.base_url}/_sim/state", timeout=10).json()["orders"]
    return told


@pytest.mark.fault("F46")
def test_a_broker_that_is_down_for_a_while_has_everything_still(bot: Bot, simulator: Simulator) -> None:
    resting(simulator)
    order = placed(bot, "ACME")
    control(simulator, "restart", {"down_s": 2})
    bot.gate(is_open=False)
    bot.accept(bot.signal("KO"))
    bot.gate(is_open=True)

    bot.trade("ko-1", lambda trade: trade.alpaca_order_id is not None, "the signal that waited")
    control(simulator, "fill", {"id": order.broker_order_id, "price": "10"})
    bot.trade("acme-1", filled, "the order from before")
    agree(bot, simulator)
    assert posts(simulator) >= len(oracle(simulator, "accepted")) == 2


@pytest.mark.fault("F46")
def test_a_broker_that_goes_down_under_the_post_gets_the_order_once_it_is_up(
    bot: Bot, simulator: Simulator
) -> None:
    fault(simulator, "restart", down_s=2, match=POST)

    bot.accept(bot.signal("ACME"))

    trade = bot.trade("acme-1", filled, "the fill")
    agree(bot, simulator)
    [accepted] = oracle(simulator, "accepted")
    assert accepted["client_order_id"] == trade.client_order_id


@pytest.mark.fault("F47")
def test_an_account_that_was_emptied_halts_everything_and_nothing_is_bought_back(
    bot: Bot, simulator: Simulator
) -> None:
    bought(bot, simulator)
    resting(simulator)
    placed(bot, "KO")
    control(simulator, "restart", {"book": "empty"})

    eventually(lambda: "all" in halts(bot), "the halt")
    bot.gate(is_open=True)
    trades_no_more(bot, simulator, "MSFT")
    assert orders(simulator) == []


@pytest.mark.fault("F47")
def test_an_account_without_the_positions_it_had_halts_each_symbol(
    bot: Bot, simulator: Simulator, quick: None
) -> None:
    bought(bot, simulator)
    control(simulator, "restart", {"book": "empty"})

    eventually(lambda: "ACME" in halts(bot), "the halt")
    trades_no_more(bot, simulator, "ACME")
    assert orders(simulator) == []


@pytest.mark.fault("F47")
def test_a_ledger_of_another_account_is_refused_at_the_start(simulator: Simulator, tmp_path: Path) -> None:
    with running(simulator, tmp_path / "state") as bot:
        bought(bot, simulator)
    control(simulator, "restart", {"book": "empty", "account": "new"})

    process = Process(**environment(tmp_path / "state", simulator.base_url))

    assert process.ended() == 64
    assert orders(simulator) == []


@pytest.mark.fault("F49")
def test_an_order_in_a_halted_symbol_rests_and_is_filled_when_trading_resumes(
    bot: Bot, simulator: Simulator
) -> None:
    fault(simulator, "halt_symbol", symbol="ACME")
    order = placed(bot, "ACME")
    read_account(bot)
    assert order_of(bot, "acme-1").life is Life.WORKING

    heal(simulator)
    bot.trade("acme-1", filled, "the fill")
    agree(bot, simulator)
    assert [line["client_order_id"] for line in oracle(simulator, "accepted")] == [order.client_order_id]
    assert halts(bot) == {}


@pytest.mark.fault("F49")
def test_a_symbol_that_cannot_be_traded_is_refused_once(bot: Bot, simulator: Simulator) -> None:
    bot.know("ACME")  # it was tradable this morning
    control(simulator, "assets", {"ACME": "not_tradable", "KO": "not_tradable"})

    bot.accept(bot.signal("ACME"))
    bot.accept(bot.signal("KO"))

    bot.trade("acme-1", lambda trade: trade.status is TradeStatus.REJECTED, "the refusal")
    verdict = bot.decided("ko-1").verdict
    assert verdict is not None
    assert verdict.code == "not_tradable"
    agree(bot, simulator)
    assert (posts(simulator), oracle(simulator)) == (1, [])


@pytest.mark.fault("F50")
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (40310000, "insufficient buying power"),
        (40310100, "trade denied due to pattern day trading protection"),
        (40310000, "potential wash trade detected. use complex orders"),
    ],
    ids=["buying power", "day trading", "wash trade"],
)
def test_a_403_is_a_refusal_of_this_order_alone_and_not_tried_again(
    bot: Bot, simulator: Simulator, code: int, message: str
) -> None:
    fault(simulator, "status", status=403, body={"code": code, "message": message}, match=POST)

    bot.accept(bot.signal("ACME"))

    trade = bot.trade("acme-1", lambda t: t.status is TradeStatus.REJECTED, "the refusal")
    assert (trade.shares, posts(simulator)) == (None, 1)
    bot.accept(bot.signal("KO"))
    bot.trade("ko-1", filled, "the next order")
    agree(bot, simulator)


@pytest.mark.fault("F51")
def test_a_fill_that_is_told_after_the_cancel_still_counts(bot: Bot, simulator: Simulator) -> None:
    resting(simulator)
    order = placed(bot, "ACME")
    control(simulator, "fill", {"id": order.broker_order_id, "qty": "2", "price": "10"})
    control(simulator, "cancel", {"id": order.broker_order_id})
    eventually(lambda: order_of(bot, "acme-1").life is Life.DONE, "the cancel")

    control(simulator, "fill", {"id": order.broker_order_id, "qty": "1", "price": "10", "late": True})

    bot.trade("acme-1", lambda trade: trade.shares == 3, "the late fill")
    agree(bot, simulator)
    assert order_of(bot, "acme-1").status == "canceled"


@pytest.mark.fault("F52")
def test_an_order_that_its_owner_replaced_is_followed_to_its_successor(
    bot: Bot, simulator: Simulator
) -> None:
    limit = {
        "symbol": "ACME", "side": "buy", "qty": "5", "type": "limit", "limit_price": "9",
        "time_in_force": "day", "client_order_id": cid(bot, bot.signal("ACME")),
    }  # fmt: skip
    resting(simulator)
    # Alpaca replaces no order in dollars; what it has under our id is one in shares.
    fault(simulator, "external_order", order=limit, match=POST)
    order = placed(bot, "ACME")
    answer = requests.patch(
        f"{simulator.base_url}/v2/orders/{order.broker_order_id}", json={"qty": "4"}, headers=KEYS, timeout=10
    )
    assert answer.status_code == 200, answer.text

    control(simulator, "fill", {"id": answer.json()["id"], "price": "9"})

    bot.trade("acme-1", lambda trade: trade.shares == 4, "the fill of the successor")
    agree(bot, simulator)
    assert halts(bot) == {}


@pytest.mark.fault("F53")
@pytest.mark.parametrize("share", [Decimal("0.5"), Decimal(1)], ids=["half", "all"])
def test_what_its_owner_sells_by_hand_is_explained_and_not_bought_back(
    bot: Bot, simulator: Simulator, share: Decimal
) -> None:
    shares = bought(bot, simulator)
    by_hand(simulator, "ACME", "sell", str(shares * share))

    eventually(lambda: bot.queries.holdings()["ACME"].believed == shares * (1 - share), "the sale")
    agree(bot, simulator)
    [external] = bot.queries.external_orders(limit=9).items
    assert (external.side, external.filled_qty) == ("sell", shares * share)
    assert (posts(simulator), halts(bot)) == (1, {})


@pytest.mark.fault("F53")
def test_what_its_owner_sold_while_nobody_listened_is_found_at_the_next_start(
    simulator: Simulator, tmp_path: Path
) -> None:
    with running(simulator, tmp_path / "state") as bot:
        bot.gate(is_open=True)
        shares = bought(bot, simulator)
    by_hand(simulator, "ACME", "sell", str(shares))

    with running(simulator, tmp_path / "state") as bot:
        bot.gate(is_open=True)
        agree(bot, simulator)
        assert (posts(simulator), halts(bot)) == (1, {})


@pytest.mark.fault("F53")
def test_an_order_that_its_owner_canceled_is_over_and_not_sent_again(bot: Bot, simulator: Simulator) -> None:
    resting(simulator)
    order = placed(bot, "ACME")
    url = f"{simulator.base_url}/v2/orders/{order.broker_order_id}"
    assert requests.delete(url, headers=KEYS, timeout=10).status_code == 204

    bot.trade("acme-1", lambda trade: trade.status is TradeStatus.MISSED, "the cancel")
    agree(bot, simulator)
    assert posts(simulator) == 1


@pytest.mark.fault("F54")
def test_a_split_that_the_account_tells_of_is_an_adjustment_and_halts_nothing(
    bot: Bot, simulator: Simulator, quick: None
) -> None:
    shares = bought(bot, simulator)
    fault(simulator, "split", symbol="ACME", ratio="2")
    read_account(bot)

    eventually(lambda: bot.queries.holdings()["ACME"].believed == shares * 2, "the adjustment")
    agree(bot, simulator)
    assert (posts(simulator), halts(bot)) == (1, {})


@pytest.mark.fault("F54")
def test_shares_that_nothing_explains_halt_their_symbol_after_quiet_reads(
    bot: Bot, simulator: Simulator, quick: None
) -> None:
    bought(bot, simulator)
    bought(bot, simulator, "KO")
    untold = {"method": "GET", "path": "/v2/account/activities*", "n": None}
    fault(simulator, "status", status=200, body=[], match=untold)
    fault(simulator, "split", symbol="ACME", ratio="2")
    read_account(bot)

    eventually(lambda: "ACME" in halts(bot), "the halt")
    trades_no_more(bot, simulator, "ACME")
    assert list(halts(bot)) == ["ACME"]
    assert posts(simulator) == 2
    assert len(differences(bot.queries, simulator)) == 1  # it stays one until a person has decided


@pytest.mark.fault("F54")
def test_a_wrong_count_of_shares_beside_an_event_is_looked_into_and_halts_nothing(
    bot: Bot, simulator: Simulator, quick: None
) -> None:
    fault(simulator, "ws_wrong_position", by="2")
    read = bot.queries.last_audit()
    bought(bot, simulator)

    eventually(lambda: bot.queries.last_audit() != read, "a read of the account")
    agree(bot, simulator)
    assert bot.queries.positions()["ACME"].qty == bot.queries.holdings()["ACME"].believed
    assert (posts(simulator), halts(bot)) == (1, {})


@pytest.mark.fault("F55")
def test_a_busted_trade_halts_its_symbol_and_is_not_bought_again(bot: Bot, simulator: Simulator) -> None:
    bought(bot, simulator)
    fault(simulator, "trade_bust", client_order_id=order_of(bot, "acme-1").client_order_id)

    eventually(lambda: "trade_bust" in halts(bot).get("ACME", ""), "the halt")
    trades_no_more(bot, simulator, "ACME")
    bot.accept(bot.signal("KO"))
    bot.trade("ko-1", filled, "an order in another symbol")
    assert posts(simulator) == 2
