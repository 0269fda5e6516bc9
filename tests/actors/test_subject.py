"""Whose trade a line of the log is about, as the mail names it."""

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.contextvars import clear_contextvars, get_contextvars

from actors import subject
from actors.base import Death, Worker, spawn
from actors.lane import _Cancel, _TryAgain
from domain.messages import (
    AuditNow,
    CancelOrder,
    ClosePosition,
    ExecuteSignal,
    LookUpOrder,
    OrderAccepted,
    OrdersUpdated,
    PlanEntry,
    ReadOrder,
)
from tests.domain.builders import a_signal, an_update


@pytest.fixture(autouse=True)
def _nothing_bound() -> Iterator[None]:
    clear_contextvars()
    yield
    clear_contextvars()


def test_mail_names_its_signal_its_order_or_its_trade() -> None:
    cancel = CancelOrder(client_order_id="sf-names-a", broker_order_id="b", symbol="ACME")
    close = ClosePosition(trade_id=987654321, symbol="ACME", reason="manual", detail="", by="api")
    update = an_update(client_order_id="sf-names-a")
    assert [subject.names_in(mail) for mail in (
        ExecuteSignal(signal=a_signal(signal_id="s-a")),
        PlanEntry(source="test", signal_id="s-a"),
        LookUpOrder(client_order_id="sf-names-a"),
        OrderAccepted(update=update),
        OrdersUpdated(updates=(update,)),
        _Cancel(cancel),
        close,
    )] == [
        {"signal_id": "s-a"},
        {"signal_id": "s-a"},
        *[{"client_order_id": "sf-names-a"}] * 4,
        {"trade_id": "987654321"},
    ]  # fmt: skip


def test_mail_about_nobody_s_trade_or_several_names_none() -> None:
    updates = (an_update(client_order_id="sf-names-a"), an_update(client_order_id="sf-b"))
    again = _TryAgain("key", "", never_sent=True)
    for mail in (AuditNow(why="asked"), OrdersUpdated(updates=updates), again, object()):
        assert subject.names_in(mail) == {}


def test_what_belongs_together_is_named_together() -> None:
    subject.learn("s-known", client_order_id="sf-known", trade_id=987654322, broker_order_id="b-known")
    both = {"client_order_id": "sf-known", "signal_id": "s-known"}
    assert subject.names_in(LookUpOrder(client_order_id="sf-known")) == both
    assert subject.names_in(ReadOrder(broker_order_id="b-known")) == both
    close = ClosePosition(trade_id=987654322, symbol="ACME", reason="manual", detail="", by="api")
    assert subject.names_in(close) == {"trade_id": "987654322", "signal_id": "s-known"}


def test_what_is_remembered_has_an_end() -> None:
    for number in range(subject.REMEMBERED + 10):
        subject.learn("s", client_order_id=f"sf-many-{number}")
    assert len(subject._signal_of_order._names) == subject.REMEMBERED


def test_a_line_inside_is_about_what_the_mail_named_first() -> None:
    with subject.about(signal_id="s-1", client_order_id="sf-buy"):
        assert get_contextvars() == {"signal_id": "s-1", "client_order_id": "sf-buy"}
    assert subject.begin(LookUpOrder(client_order_id="sf-sale"))
    with subject.about(signal_id="s-1", client_order_id="sf-buy"):
        assert get_contextvars() == {"signal_id": "s-1", "client_order_id": "sf-sale"}


class Talker(Worker[Any]):
    """Keeps what a line of its log would bear."""

    said: list[dict[str, Any]]

    def receive(self, mail: Any) -> None:
        self.said.append(get_contextvars())
        if isinstance(mail, ExecuteSignal):
            subject.add(client_order_id="sf-planned")
            self.said.append(get_contextvars())


def test_an_actor_s_lines_are_about_the_mail_it_is_at_work_on_and_no_other() -> None:
    deaths, Talker.said = list[Death](), []
    talker = spawn(Talker, on_death=deaths.append)
    for mail in (ExecuteSignal(signal=a_signal(signal_id="s-a")), AuditNow(why="asked")):
        talker.send(mail)
    talker.stop(timeout=5)
    assert Talker.said == [
        {"signal_id": "s-a"},
        {"signal_id": "s-a", "client_order_id": "sf-planned"},
        {},
    ]
    assert deaths == []
