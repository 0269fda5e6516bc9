"""What executions and open orders do to cash, equity and buying power; and accounts told in fewer fields."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from alpaca.trading.client import TradingClient

from simulator.server import Simulator
from tests.simulator.conftest import Api, Ear


def money(api: Api) -> dict[str, Decimal]:
    account = api.get("/v2/account")
    return {name: Decimal(account[name]) for name in ("cash", "equity", "buying_power")}


def test_cash_moves_by_quantity_times_price_of_each_execution_to_the_cent(api: Api, ear: Ear) -> None:
    api.sim("switches", {"auto_fill": False})
    expected, shares = Decimal(100_000), Decimal(0)
    for side, parts in (
        ("buy", [("1.123456789", "10.37"), ("0.5", "10.015"), ("2", "9.99")]),
        ("sell", [("0.4", "12.345"), ("1.2", "0.5678")]),
    ):
        order = api.order(side=side, qty=str(sum(Decimal(qty) for qty, _ in parts))).json()
        for qty, price in parts:
            api.sim("fill", {"id": order["id"], "qty": qty, "price": price})
            dollars = (Decimal(qty) * Decimal(price)).quantize(Decimal("0.01"), ROUND_HALF_UP)
            expected += dollars if side == "sell" else -dollars
            shares += Decimal(qty) if side == "buy" else -Decimal(qty)
            api.sim("prices", {"ACME": "11"})
            told = money(api)
            assert told["cash"] == expected
            assert told["equity"] == expected + shares * 11


def test_open_buys_take_buying_power_and_give_it_back(api: Api, ear: Ear) -> None:
    api.sim("switches", {"auto_fill": False})
    api.sim("prices", {"ACME": "10"})
    limit = api.order(qty="100", type="limit", limit_price="9").json()
    assert money(api) == {"cash": 100_000, "equity": 100_000, "buying_power": 400_000 - 900}
    stop = api.order(qty="100", type="stop", stop_price="12").json()
    assert money(api)["buying_power"] == 400_000 - 900 - 1200
    api.order(qty="100")
    assert money(api)["buying_power"] == 400_000 - 900 - 1200 - 1000
    api.sim("prices", {"ACME": "15"})  # the market's order is dearer now, and the stop, met, is too
    assert money(api)["buying_power"] == 400_000 - 900 - 1500 - 1500
    for order in (limit, stop):
        api("DELETE", f"/v2/orders/{order['id']}")
    assert money(api)["buying_power"] == 400_000 - 1500


def test_open_sales_leave_buying_power_alone(api: Api, ear: Ear) -> None:
    api.sim("prices", {"ACME": "10"})
    api.order(qty="100")
    ear.until("fill")
    before = money(api)
    assert before == {"cash": 99_000, "equity": 100_000, "buying_power": 399_000}
    api.order(side="sell", qty="60", type="stop", stop_price="9")
    api.order(side="sell", qty="40", type="limit", limit_price="11")
    ear.until("new")
    ear.until("new")
    assert money(api) == before


def test_more_than_the_buying_power_is_refused_at_the_price_of_the_stop(api: Api) -> None:
    api.sim("prices", {"ACME": "10"})
    assert api.order(qty="38000", type="stop", stop_price="11").status_code == 403
    assert api.order(qty="36000", type="stop", stop_price="11").status_code == 200


@pytest.mark.parametrize("fields", ["current", "lean", "historic"])
def test_the_official_client_reads_an_account_of_any_fields(
    simulator: Simulator, api: Api, fields: str
) -> None:
    api.sim("switches", {"account_fields": fields})
    client: Any = TradingClient("simulator", "simulator", url_override=simulator.base_url)
    account = client.get_account()
    assert (account.status, account.cash, account.equity) == ("ACTIVE", "100000", "100000")
    assert account.buying_power == (None if fields == "lean" else "400000")
    assert account.daytrade_count == (0 if fields == "historic" else None)


def test_a_lean_account_has_nothing_that_went_or_may_go(api: Api) -> None:
    whole = set(api.get("/v2/account"))
    api.sim("switches", {"account_fields": "lean"})
    lean = set(api.get("/v2/account"))
    assert lean < whole
    assert {"id", "account_number", "status", "cash", "equity", "trading_blocked"} <= lean
    assert not {"buying_power", "multiplier", "sma", "effective_buying_power", "accrued_fees"} & lean
