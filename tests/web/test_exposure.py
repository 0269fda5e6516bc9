from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.messages import OrdersUpdated
from tests.web.conftest import Api
from tests.web.test_account import order
from tests.web.test_trades import fill, listed, plan, seen, stop

NONE_OPEN = {
    "trades": 0,
    "unpriced": 0,
    "held_usd": "0",
    "at_risk_usd": "0",
    "unprotectable_usd": "0",
    "naked_usd": "0",
    "naked_usd_s": "0",
}


def exposure(api: Api) -> dict[str, Any]:
    answer = api.get("/api/exposure")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def the_trade(api: Api) -> dict[str, Any]:
    [trade] = exposure(api)["trades"]
    told: dict[str, Any] = trade
    return told


@pytest.fixture
def acme(api: Api) -> int:
    """An open trade, 7.5 shares at 13.3, seen just now at 14; its id."""
    api.read_account()
    fill(api, plan(api, "ACME"))
    [trade] = listed(api)
    seen(api, trade["id"], "14")
    return int(trade["id"])


def test_with_nothing_open_nothing_is_at_risk(api: Api) -> None:
    assert exposure(api) == {
        "at": "2026-11-12T15:00:00Z",
        "trades": [],
        "totals": NONE_OPEN,
        "today": {
            "date": "2026-11-12",
            "began_at": "2026-11-12T05:00:00Z",
            "trades": 0,
            "ended": 0,
            "naked_trades": 0,
            "naked_usd_s": "0",
        },
    }


def test_an_open_trade_is_at_risk_with_all_that_it_holds(api: Api, acme: int) -> None:
    assert the_trade(api) == {
        "trade_id": acme,
        "symbol": "ACME",
        "status": "open",
        "held": "7.5",
        "price": "14",
        "price_at": "2026-11-12T15:00:01Z",
        "held_usd": "105",
        "covered": "0",
        "at_risk_usd": "105",
        "unprotected_whole": "7",
        "unprotected_fraction": "0.5",
        "unprotectable_usd": "7",
        "naked_why": None,
        "naked_usd_s": "0",
    }
    assert exposure(api)["totals"] == NONE_OPEN | {
        "trades": 1,
        "held_usd": "105",
        "at_risk_usd": "105",
        "unprotectable_usd": "7",
    }


def test_a_stop_that_rests_at_the_broker_covers_the_whole_shares(api: Api, acme: int) -> None:
    stop(api, acme)
    told = the_trade(api)
    assert (told["covered"], told["held_usd"], told["at_risk_usd"]) == ("7", "105", "7")
    assert (told["unprotected_whole"], told["unprotected_fraction"]) == ("0", "0.5")


def test_a_stop_of_which_nobody_knows_covers_nothing(api: Api, acme: int) -> None:
    stop(api, acme, working=False)
    told = the_trade(api)
    assert (told["covered"], told["at_risk_usd"]) == ("0", "105")


def test_a_trade_that_cannot_be_sold_counts_its_dollars_by_the_second(api: Api, acme: int) -> None:
    seen(api, acme, None, naked_why="its last trade is 90 s old")
    api.clock.advance(10)
    told = the_trade(api)
    assert (told["naked_why"], told["naked_usd_s"]) == ("its last trade is 90 s old", "1050")
    seen(api, acme, "14")
    api.clock.advance(10)
    assert (the_trade(api)["naked_why"], the_trade(api)["naked_usd_s"]) == (None, "1050")
    assert exposure(api)["totals"]["naked_usd"] == "0"
    assert exposure(api)["today"]["naked_usd_s"] == "1050"


def test_a_trade_that_nobody_watches_counts_too(api: Api, acme: int) -> None:
    api.clock.advance(100)
    assert the_trade(api)["naked_usd_s"] == "10500"


def test_of_a_naked_trade_only_what_no_stop_covers_counts(api: Api, acme: int) -> None:
    stop(api, acme)
    seen(api, acme, None, naked_why="no price", covered=Decimal(7))
    api.clock.advance(10)
    told = exposure(api)
    assert (told["totals"]["naked_usd"], told["totals"]["naked_usd_s"]) == ("7", "70")


def test_a_trade_without_a_price_counts_at_what_was_paid_and_says_so(api: Api) -> None:
    api.read_account()
    fill(api, plan(api, "ACME"))
    told = the_trade(api)
    assert (told["price"], told["price_at"], told["at_risk_usd"]) == ("13.3", None, "99.75")
    assert exposure(api)["totals"]["unpriced"] == 1


def test_a_buy_that_has_bought_nothing_is_open_and_risks_nothing(api: Api) -> None:
    api.read_account()
    plan(api, "ACME")
    told = the_trade(api)
    assert (told["status"], told["price"], told["at_risk_usd"]) == ("pending", None, "0")
    assert exposure(api)["totals"] == NONE_OPEN | {"trades": 1}


def test_what_ended_today_counts_for_the_day_and_not_for_now(api: Api, acme: int) -> None:
    seen(api, acme, None, naked_why="no price")
    api.clock.advance(10)
    seen(api, acme, "14")
    sale = order("ACME", "sell", "7.5", client_order_id="by-hand", filled_avg_price=Decimal(14))
    api.tell(OrdersUpdated(updates=(sale,)))
    [trade] = listed(api)
    assert trade["status"] == "closed"
    told = exposure(api)
    assert (told["trades"], told["totals"]) == ([], NONE_OPEN)
    assert told["today"] == {
        "date": "2026-11-12",
        "began_at": "2026-11-12T05:00:00Z",
        "trades": 1,
        "ended": 1,
        "naked_trades": 1,
        "naked_usd_s": "1050",
    }
    api.clock.now += timedelta(hours=14)
    today = exposure(api)["today"]
    assert (today["date"], today["trades"], today["naked_usd_s"]) == ("2026-11-13", 0, "0")
