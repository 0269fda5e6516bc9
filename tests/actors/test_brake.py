"""The last look before a POST: each condition alone holds a buy back, and only an old lease a sale."""

from datetime import timedelta

import pytest

from actors.brake import LEASE_GOOD_FOR, LeaseWatch, OrderBrake
from domain.messages import GateChanged, LeaseRenewed
from domain.rules import Gate


class Halts:
    def __init__(self) -> None:
        self.standing: dict[str, tuple[str, ...]] = {}

    def reasons(self, symbol: str) -> tuple[str, ...]:
        return self.standing.get(symbol, ())


class Room:
    """A brake that lets everything pass."""

    def __init__(self) -> None:
        self.halts, self.fresh = Halts(), True
        self.brake = OrderBrake(halts=self.halts, lease_fresh=lambda: self.fresh)
        self.gate("the account is known", is_open=True)

    def gate(self, reason: str, *, is_open: bool) -> None:
        self.brake.send(GateChanged(gate=Gate(open=is_open, reason=reason)))

    def why_not(self, symbol: str = "ACME", side: str = "buy") -> str | None:
        return self.brake.why_not(symbol, side)


@pytest.fixture
def room() -> Room:
    return Room()


def test_a_buy_passes_when_nothing_is_in_its_way(room: Room) -> None:
    assert room.why_not() is None


def test_before_the_gate_was_heard_of_it_counts_as_closed() -> None:
    brake = OrderBrake(halts=Halts(), lease_fresh=lambda: True)
    assert brake.why_not("ACME", "buy") is not None
    assert brake.why_not("ACME", "sell") is None


def test_a_closed_gate_holds_a_buy_back_until_it_opens(room: Room) -> None:
    room.gate("the trading stream is down", is_open=False)
    assert room.why_not() == "the trading stream is down"
    room.gate("all is well", is_open=True)
    assert room.why_not() is None


def test_a_halt_holds_back_the_symbols_that_it_is_for(room: Room) -> None:
    room.halts.standing["ACME"] = ("overfilled", "by hand")
    assert room.why_not() == "halted: overfilled; by hand"
    assert room.why_not("KO") is None


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_lease_that_is_not_fresh_holds_every_order_back(room: Room, side: str) -> None:
    room.fresh = False
    assert "lease" in str(room.why_not(side=side))


def test_a_sale_passes_whatever_stands_against_buys(room: Room) -> None:
    room.gate("closed", is_open=False)
    room.halts.standing["ACME"] = ("by hand",)
    assert room.why_not(side="sell") is None


def test_a_lease_is_fresh_for_15_seconds_after_its_renewal_and_never_before_the_first() -> None:
    now = timedelta(hours=1)
    watch = LeaseWatch(lambda: now)
    assert not watch.fresh()
    watch.send(LeaseRenewed(monotonic=now))
    assert watch.fresh()
    now += LEASE_GOOD_FOR - timedelta(microseconds=1)
    assert watch.fresh()
    now += timedelta(microseconds=1)
    assert not watch.fresh()
    watch.send(LeaseRenewed(monotonic=now))
    assert watch.fresh()


def test_what_was_renewed_long_before_it_was_heard_of_is_not_fresh() -> None:
    watch = LeaseWatch(lambda: timedelta(hours=2))
    watch.send(LeaseRenewed(monotonic=timedelta(hours=1)))
    assert not watch.fresh()
