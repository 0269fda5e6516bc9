from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.config import BotConfig
from domain.stars import Confidence, StarSizes, notional_for, stars_for
from tests.domain.builders import modestly

STARS: dict[tuple[int, Confidence | None], int | None] = {
    (1, "high"): 5, (1, "medium"): 5, (1, "low"): 5, (1, None): 5,
    (2, "high"): 5, (2, "medium"): 5, (2, "low"): 5, (2, None): 5,
    (3, "high"): 5, (3, "medium"): 4, (3, "low"): 3, (3, None): None,
    (4, "high"): 5, (4, "medium"): 4, (4, "low"): 3, (4, None): None,
}  # fmt: skip


@pytest.mark.parametrize(("rating", "stars"), STARS.items())
def test_a_rating_becomes_its_stars(rating: tuple[int, Confidence | None], stars: int | None) -> None:
    assert stars_for(*rating) == stars


def test_the_table_above_is_complete() -> None:
    assert set(STARS) == set(product((1, 2, 3, 4), ("high", "medium", "low", None)))


@pytest.mark.parametrize(("stars", "dollars"), [(3, "50"), (4, "75"), (5, "100")])
def test_each_star_count_spends_what_the_owner_set_for_it(stars: int, dollars: str) -> None:
    assert notional_for(stars, BotConfig().star_sizes) == Decimal(dollars)


def test_the_sizes_are_the_owners_and_not_the_defaults() -> None:
    config = BotConfig(
        trade_size_stars_3=Decimal(7), trade_size_stars_4=Decimal(8), trade_size_stars_5=Decimal(9)
    )
    assert [notional_for(stars, config.star_sizes) for stars in (3, 4, 5)] == [7, 8, 9]


@pytest.mark.parametrize(
    ("size", "notional"),
    [("50", "50.00"), ("50.019", "50.01"), ("50.999999999", "50.99"), ("0.009", "0.00"), ("1", "1.00")],
)
def test_dollars_are_cut_down_to_whole_cents(size: str, notional: str) -> None:
    sizes = StarSizes(three=Decimal(size), four=Decimal(size), five=Decimal(size))
    assert {str(notional_for(stars, sizes)) for stars in (3, 4, 5)} == {notional}


@modestly
@given(st.decimals(min_value=0, max_value=10**9, places=9))
def test_cutting_down_never_spends_more_and_loses_less_than_a_cent(size: Decimal) -> None:
    spent = notional_for(4, StarSizes(three=size, four=size, five=size))
    assert spent <= size < spent + Decimal("0.01")


@pytest.mark.parametrize("stars", [0, 1, 2, 6])
def test_other_star_counts_have_no_size(stars: int) -> None:
    with pytest.raises(KeyError):
        notional_for(stars, BotConfig().star_sizes)
