"""The mailboxes: what each actor takes, and that a message is what it says."""

from typing import get_args

import pytest
from pydantic import ValidationError

from domain import messages
from domain.messages import (
    ExecuteSignal,
    LedgerChanged,
    LedgerFact,
    LedgerMail,
    LedgerQuestion,
    OrdersUpdated,
    PlanResend,
    StreamOpened,
)
from domain.values import Message
from tests.domain.builders import a_signal, an_update

MAILBOXES = [
    messages.StreamMail,
    messages.ReceiverMail,
    messages.ExecutorMail,
    messages.ReconcilerMail,
    messages.LedgerMail,
]


@pytest.mark.parametrize("mailbox", MAILBOXES)
def test_a_mailbox_takes_messages_only(mailbox: object) -> None:
    assert all(issubclass(kind, Message) for kind in get_args(mailbox))


def test_the_ledgers_mail_is_its_questions_and_the_facts_it_is_told() -> None:
    assert set(get_args(LedgerMail)) == {*get_args(LedgerQuestion), *get_args(LedgerFact)}
    assert not set(get_args(LedgerQuestion)) & set(get_args(LedgerFact))


def test_a_message_made_of_messages_holds_them_as_they_are() -> None:
    signal = a_signal()
    assert ExecuteSignal(signal=signal).signal == signal
    assert OrdersUpdated(updates=(an_update(),)).updates == (an_update(),)


def test_many_things_come_as_a_tuple_and_not_as_a_list() -> None:
    with pytest.raises(ValidationError, match="updates"):
        OrdersUpdated(updates=[an_update()])  # type: ignore[arg-type]


def test_numbers_are_not_read_out_of_text() -> None:
    with pytest.raises(ValidationError, match="generation"):
        StreamOpened(generation="1")  # type: ignore[arg-type]


def test_a_resend_is_taken_for_one_that_may_have_left_before() -> None:
    assert PlanResend(client_order_id="sf-one").never_sent is False


def test_nothing_changed_by_default() -> None:
    assert LedgerChanged() == LedgerChanged(signals=(), trades=(), orders=())
