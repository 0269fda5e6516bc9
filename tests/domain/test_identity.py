import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import Leg, client_order_id, is_ours
from tests.domain.builders import modestly

NAMES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)


def an_id(
    account_id: str = "account-1",
    source: str = "api",
    signal_id: str = "s-1",
    leg: Leg = "entry",
    generation: int = 0,
) -> str:
    return client_order_id(
        account_id=account_id, source=source, signal_id=signal_id, leg=leg, generation=generation
    )


def test_an_id_is_the_same_in_every_process_and_release() -> None:
    # Worked out apart from the code: sha256 of the five parts, a line each, in base32, 26 characters. A
    # change of this value would let an order be sent again under a new id after an upgrade.
    assert an_id() == "sf-if445rueyoudwjc2xg3re5rbpq"


def test_names_that_run_together_alike_have_ids_of_their_own() -> None:
    assert an_id(source="a|b", signal_id="c") != an_id(source="a", signal_id="b|c")


@modestly
@given(account=NAMES, source=NAMES, signal=NAMES, generation=st.integers(0, 9))
def test_an_id_has_29_characters_of_the_safe_alphabet(
    account: str, source: str, signal: str, generation: int
) -> None:
    made = an_id(account, source, signal, "exit", generation)
    assert re.fullmatch(r"sf-[a-z2-7]{26}", made)
    assert len(made) == 29
    assert made == an_id(account, source, signal, "exit", generation)


@pytest.mark.parametrize(
    "other",
    [
        an_id(account_id="account-2"),
        an_id(source="cli"),
        an_id(signal_id="s-2"),
        an_id(leg="exit"),
        an_id(generation=1),
    ],
)
def test_each_part_of_the_name_makes_another_id(other: str) -> None:
    assert other != an_id()


def test_many_signals_have_as_many_ids() -> None:
    assert len({an_id(signal_id=f"s-{number}") for number in range(5000)}) == 5000


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        (an_id(), True),
        ("sf-", False),
        ("sf-momentum-7", False),
        ("SF-abc", False),
        ("my-own-order", False),
        ("", False),
    ],
)
def test_our_orders_carry_our_mark(given: str, ours: bool) -> None:
    assert is_ours(given) is ours
