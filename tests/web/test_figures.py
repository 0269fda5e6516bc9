import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.messages import (
    ChangeConfig,
    ConfigChanged,
    Declined,
    ExitRequested,
    OrdersUpdated,
    PlanExit,
    Planned,
    RequestExit,
)
from domain.orders import Execution, OrderUpdate
from domain.rules import Deferred
from tests.domain.builders import a_plan
from tests.web.conftest import NOW, Api
from tests.web.test_trades import fill, plan


def buy_and_sell(api: Api, symbol: str, price: str) -> None:
    """A trade of 7.5 shares at 13.3, sold at this price."""
    fill_of(api, plan(api, symbol), "buy", "13.3")
    [trade] = api.queries.trades(limit=1, symbol=symbol).items
    api.desk.ask(RequestExit(scope=symbol, reason="manual", by="test"), ExitRequested, timeout=5)
    answer = api.ledger.ask(sale_of(trade.id), Planned, timeout=5)
    fill_of(api, answer, "sell", price)


def sale_of(trade_id: int) -> PlanExit:
    return PlanExit(trade_id=trade_id, reason="manual", detail="", by="test")


def fill_of(api: Api, planned: Planned, side: str, price: str) -> None:
    name = planned.order.client_order_id
    execution = Execution(execution_id=f"x-{name}", qty=Decimal("7.5"), price=Decimal(price), at=api.clock())
    update = OrderUpdate(
        broker_order_id=f"b-{name}",
        client_order_id=name,
        symbol=planned.order.symbol,
        side=side,
        status="filled",
        filled_qty=Decimal("7.5"),
        filled_avg_price=Decimal(price),
        updated_at=api.clock(),
        event="fill",
        execution=execution,
    )
    api.tell(OrdersUpdated(updates=(update,)))


def read(api: Api, path: str) -> dict[str, Any]:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_rating_with_few_trades_says_that_there_is_not_enough_data(api: Api) -> None:
    api.read_account(ACME="0")
    buy_and_sell(api, "ACME", "14.3")
    five, four, three = read(api, "/api/stars")["ratings"]
    assert (five["stars"], five["trades"], five["won"], five["pnl"]) == (5, 1, 1, "7.5")
    assert five["expectancy"] is None
    assert five["note"] == "not enough data: 1 closed trade, 30 wanted"
    assert (four["trades"], three["trades"]) == (0, 0)


def test_a_day_that_has_got_another_trade_is_added_up_anew(api: Api) -> None:
    api.read_account()
    for symbol, price, trades in (("ACME", "14.3", 1), ("KO", "12.3", 2)):
        buy_and_sell(api, symbol, price)
        assert read(api, "/api/stars")["ratings"][0]["trades"] == trades
    assert Decimal(read(api, "/api/stars")["ratings"][0]["pnl"]) == 0
    assert read(api, "/api/stars?since=2026-11-13T00:00:00Z")["ratings"][0]["trades"] == 0


def limits_of(api: Api) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in read(api, "/api/limits")["items"]}


def test_a_limit_tells_how_much_of_it_is_used_and_what_is_off(api: Api) -> None:
    api.read_account(equity="5000")
    changes = (("max_concurrent_positions", "4"), ("max_total_exposure_usd", "400"))
    api.ledger.ask(ChangeConfig(changes=changes, by="test"), ConfigChanged, timeout=5)
    fill(api, plan(api, "ACME"))
    told = limits_of(api)
    assert told["max_concurrent_positions"] | {"text": ""} == {
        "name": "max_concurrent_positions", "text": "", "unit": "count", "limit": "4", "used": "1",
        "left": "3", "used_pct": "25", "breaker": False, "reached": False,
    }  # fmt: skip
    assert told["max_total_exposure_usd"]["used"] == "99.75"
    assert told["max_orders_per_day"]["limit"] is None
    assert told["max_orders_per_day"]["used"] == "1"
    assert told["buying_power"]["limit"] == "5000"
    assert told["max_order_notional_usd"]["used"] is None


def test_a_loss_counts_towards_its_breaker_and_a_gain_does_not(api: Api) -> None:
    api.read_account()
    buy_and_sell(api, "ACME", "12.3")
    assert limits_of(api)["daily_loss_limit_usd"]["used"] == "7.5"
    buy_and_sell(api, "KO", "20")
    assert limits_of(api)["daily_loss_limit_usd"]["used"] == "0"


def test_the_curve_has_a_point_for_each_minute_in_which_the_account_was_read(api: Api) -> None:
    api.read_account(equity="5000")
    api.read_account(equity="5001")  # within the same minute
    api.clock.advance(60)
    api.read_account(equity="5002.5")
    points = read(api, "/api/equity")["points"]
    assert [each["equity"] for each in points] == ["5000", "5002.5"]
    assert points[0]["at"] == "2026-11-12T15:00:00Z"
    assert read(api, f"/api/equity?until={(NOW - timedelta(hours=1)).strftime('%Y-%m-%dT%H:%M:%SZ')}") == {
        "points": []
    }


def test_a_report_adds_up_and_names_each_trade(api: Api) -> None:
    api.read_account()
    buy_and_sell(api, "ACME", "14.3")
    buy_and_sell(api, "KO", "12.9")
    told = read(api, "/api/report")
    assert (told["first"], told["last"]) == ("2026-11-12", "2026-11-12")
    assert told["total"] == {"name": "all", "trades": 2, "won": 1, "unknown": 0, "pnl": "4.5"}
    for parts in (told["days"], told["exit_reasons"], told["stars"]):
        assert sum(Decimal(each["pnl"]) for each in parts) == Decimal("4.5")
    assert [each["symbol"] for each in told["trades"]] == ["ACME", "KO"]
    assert read(api, "/api/report?from=2026-11-13&to=2026-11-14")["trades"] == []


@pytest.mark.parametrize(
    "query", ["from=2026-11-14&to=2026-11-13", "from=x", "from=0001-01-01&to=2026-01-01", "to=9999-12-31"]
)
def test_days_that_make_no_range_are_422(api: Api, query: str) -> None:
    assert api.get(f"/api/report?{query}").status_code == 422


def test_a_report_of_too_many_trades_is_refused_before_they_are_read(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.read_account()
    buy_and_sell(api, "ACME", "14.3")
    buy_and_sell(api, "KO", "12.9")
    monkeypatch.setattr("web.api.report.MOST_REPORTED", 2)
    assert len(read(api, "/api/report")["trades"]) == 2
    monkeypatch.setattr("web.api.report.MOST_REPORTED", 1)
    answer = api.get("/api/report")
    assert (answer.status_code, answer.json()["code"]) == (422, "report_too_long")
    assert "2 trades" in answer.json()["message"]


def test_a_report_as_csv_computes_nothing_in_a_spreadsheet(api: Api) -> None:
    api.read_account()
    assert api.send(signal_id="=1+1", symbol="ACME", source="@evil").status_code == 202
    planned = api.ledger.ask(a_plan("=1+1", source="@evil"), Planned, Declined, Deferred, timeout=5)
    assert isinstance(planned, Planned)
    fill_of(api, planned, "buy", "13.3")
    api.desk.ask(RequestExit(scope="ACME", reason="manual", by="test"), ExitRequested, timeout=5)
    sale = api.ledger.ask(sale_of(1), Planned, timeout=5)
    fill_of(api, sale, "sell", "12")
    answer = api.get("/api/report?format=csv")
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert (row["signal_id"], row["source"], row["pnl"]) == ("'=1+1", "'@evil", "-9.75")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="starfill-2026-11-12-2026-11-12.csv"'
    )
    page = api.get("/api/report?format=html").text
    assert "-9.75 USD" in page
    assert "<script" not in page
