"""The account's statement and the orders' words, for whoever runs the simulator in its own process."""

from decimal import Decimal
from pathlib import Path

import pytest

from simulator.server import Simulator
from simulator.statement import Line
from tests.simulator.conftest import Api, Start


@pytest.fixture
def slow(start: Start) -> Simulator:
    """Its clock stands still, so nothing is done but what is due now."""
    simulator = start()
    simulator.run_at(0)
    return simulator


def test_a_statement_has_every_execution_with_the_cents_that_it_moved(slow: Simulator) -> None:
    api = Api(slow.base_url)
    slow.set_prices({"ACME": "10.33", "KO": "50"})
    api.order(qty="1.5", client_order_id="bought")
    api.order(symbol="KO", qty="2", client_order_id="another")
    slow.orders()
    slow.set_prices({"ACME": "11.11"})
    api.order(qty="0.5", side="sell", client_order_id="sold")
    slow.orders()

    told = slow.statement()

    assert told.lines == (
        Line(
            client_order_id="bought", symbol="ACME", side="buy", qty=Decimal("1.5"), price=Decimal("10.33"),
            cash=Decimal("-15.50"),
        ),
        Line(
            client_order_id="another", symbol="KO", side="buy", qty=Decimal(2), price=Decimal(50),
            cash=Decimal(-100),
        ),
        Line(
            client_order_id="sold", symbol="ACME", side="sell", qty=Decimal("0.5"), price=Decimal("11.11"),
            cash=Decimal("5.56"),
        ),
    )  # fmt: skip
    assert told.positions == {"ACME": 1, "KO": 2}
    assert told.starting_cash + sum(line.cash for line in told.lines) == told.cash
    assert told.cash == Decimal(api.get("/v2/account")["cash"])
    api.session.close()


def test_what_is_undone_brings_its_money_back(slow: Simulator) -> None:
    api = Api(slow.base_url)
    order = api.order(qty="3").json()
    slow.orders()
    api.sim("faults", {"act": "trade_bust", "id": order["id"]})

    told = slow.statement()

    assert [line.cash for line in told.lines] == [told.lines[0].cash, -told.lines[0].cash]
    assert (told.cash, told.positions) == (told.starting_cash, {})
    api.session.close()


def test_orders_are_told_as_they_are_once_all_that_is_due_is_done(slow: Simulator) -> None:
    api = Api(slow.base_url)
    filled, resting = (api.order(symbol=symbol, qty="2").json()["id"] for symbol in ("ACME", "RESTS"))
    assert dict(slow.orders()) == {filled: ("filled", Decimal(2)), resting: ("new", Decimal(0))}
    api.session.close()


def test_books_that_are_not_synced_are_the_same_books(start: Start, tmp_path: Path) -> None:
    said = []
    for synced in (True, False):
        folder = tmp_path / str(synced)
        simulator = start(folder=folder, synced=synced)
        simulator.run_at(0)
        api = Api(simulator.base_url)
        api.order(qty="2", client_order_id="one")
        simulator.orders()
        api.session.close()
        said.append([sorted(path.name for path in folder.iterdir()), len(simulator.statement().lines)])
        assert (folder / "oracle.jsonl").read_text().count("\n") == 2
    assert said[0] == said[1]


def test_whether_the_books_are_synced_is_no_switch(simulator: Simulator, api: Api) -> None:
    assert api("POST", "/_sim/switches", json={"synced": False}, headers={}).status_code == 422
