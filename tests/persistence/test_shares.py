"""Whose shares are whose, summed exactly and by symbol."""

from datetime import timedelta
from decimal import Decimal

from domain.holdings import ExternalOrder, Holding
from persistence.queries import Queries
from persistence.rows import ShareDifference, SymbolShares
from persistence.store import LedgerStore
from tests.persistence.making import NOW, planned, the_order


def external(symbol: str, side: str, filled: str) -> ExternalOrder:
    return ExternalOrder(
        broker_order_id=f"{symbol}-{side}",
        client_order_id="by-hand",
        symbol=symbol,
        side=side,
        status="filled",
        done=True,
        filled_qty=Decimal(filled),
    )


def shares(symbol: str, **told: str) -> SymbolShares:
    kinds = ("account", "opening", "ours", "external", "adjustments", "believed")
    fields = {kind: Decimal(told.get(kind, 0)) for kind in kinds}
    return SymbolShares(symbol=symbol, heard_at=NOW if "account" in told else None, **fields)


def test_each_kind_is_summed_apart_with_what_was_sold_taken_off(store: LedgerStore, queries: Queries) -> None:
    _, cid = planned(store)
    ours = the_order(store, cid)
    with store.unit() as unit:
        unit.save_orders((ours.having({"filled_qty": Decimal("0.1")}),), at=NOW)
        unit.save_holdings(
            (
                Holding(symbol=ours.symbol, opening=Decimal("0.2"), believed=Decimal("0.3")),
                Holding(symbol="SHRT", opening=Decimal(-4), believed=Decimal(-5)),
            )
        )
        unit.save_external_orders(
            (external("SHRT", "sell", "1.000000001"), external("SHRT", "buy", "0.000000001")), at=NOW
        )
        unit.add_adjustment(symbol="SPLT", qty=Decimal(-2), reason="split", evidence="e1", at=NOW)
        unit.set_positions({ours.symbol: Decimal("0.30"), "SHRT": Decimal(-5)}, at=NOW)
    assert queries.shares() == (
        shares(ours.symbol, account="0.3", opening="0.2", ours="0.1", believed="0.3"),
        shares("SHRT", account="-5", opening="-4", external="-1", believed="-5"),
        shares("SPLT", adjustments="-2"),
    )
    assert [each.difference for each in queries.shares()] == [0, 0, 0]
    assert queries.differences() == ()


def test_what_differs_is_told_whichever_side_has_more(store: LedgerStore, queries: Queries) -> None:
    with store.unit() as unit:
        unit.save_holdings(
            tuple(Holding(symbol=each, believed=Decimal(3)) for each in ("SAME", "LESS", "GONE"))
        )
        held = {"SAME": "3.00", "LESS": "2", "MORE": "1", "SOLD": "0"}
        unit.set_positions({symbol: Decimal(qty) for symbol, qty in held.items()}, at=NOW + timedelta(1))
    found = {each.symbol: each for each in queries.differences()}
    assert found == {
        symbol: ShareDifference(symbol=symbol, account=Decimal(account), believed=Decimal(believed))
        for symbol, account, believed in (("GONE", 0, 3), ("LESS", 2, 3), ("MORE", 1, 0))
    }
    assert list(found) == sorted(found)
    assert queries.shares()[0].heard_at is None
    assert queries.shares()[1].heard_at == NOW + timedelta(1)
