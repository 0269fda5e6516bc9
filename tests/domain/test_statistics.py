"""Each figure beside one of the test's own, from `fractions`, `statistics` and steps by hand."""

import math
import statistics
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.statistics import (
    FEWEST_FOR_MEAN,
    FEWEST_FOR_RATE,
    Moments,
    Z,
    mean_interval,
    moments_of,
    percentiles,
    rate_interval,
    slippage_bp,
    t_quantile,
)
from tests.domain.builders import dec, modestly

STEP = Fraction(1, 10_000)
"""The last place that an interval is told to."""
dollars = st.decimals("-99999", "99999", places=9)


def fraction(value: Decimal) -> Fraction:
    return Fraction(value)


# --- rates --------------------------------------------------------------------------------------------


@modestly
@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_rates_bounds_are_where_wilsons_equation_holds(counted: tuple[int, int]) -> None:
    hits, n = counted
    told = rate_interval(hits, n, fewest=1)
    assert told is not None
    share, z = Fraction(hits, n), fraction(Z)

    def apart(p: Fraction) -> Fraction:
        """Positive: such a truth is rejected by what was seen."""
        return n * (share - p) ** 2 - z * z * p * (1 - p)

    low, high = fraction(told.low), fraction(told.high)
    assert abs(fraction(told.value) - share) <= STEP / 2
    assert 0 <= low <= share <= high <= 1
    assert apart(low) >= 0
    assert apart(high) >= 0
    assert apart(min(low + STEP, share)) <= 0
    assert apart(max(high - STEP, share)) <= 0


def test_a_known_rate() -> None:
    told = rate_interval(8, 10)
    assert told is not None
    # Newcombe (1998), as every calculator has it: 0.490 to 0.943.
    assert (told.value, told.low, told.high, told.n) == (dec("0.8"), dec("0.4901"), dec("0.9434"), 10)


@pytest.mark.parametrize("hits", [0, FEWEST_FOR_RATE])
def test_a_rate_of_nothing_or_all_is_not_told_as_certain(hits: int) -> None:
    told = rate_interval(hits, FEWEST_FOR_RATE)
    assert told is not None
    assert told.high - told.low > dec("0.25")
    assert (told.low == 0, told.high == 1) == (hits == 0, hits > 0)


def test_of_too_few_no_rate_is_told() -> None:
    assert rate_interval(9, FEWEST_FOR_RATE - 1) is None
    assert rate_interval(0, 0, fewest=0) is None


# --- means --------------------------------------------------------------------------------------------


@modestly
@given(st.lists(dollars, min_size=2, max_size=150))
def test_a_mean_and_its_bounds_are_those_of_the_statistics_module(sample: list[Decimal]) -> None:
    told = mean_interval(moments_of(sample), fewest=2)
    assert told is not None
    exact = [Fraction(value) for value in sample]
    mean, variance = statistics.mean(exact), statistics.variance(exact)
    wanted = fraction(t_quantile(len(sample) - 1)) ** 2 * variance / len(sample)

    assert told.n == len(sample)
    assert abs(fraction(told.value) - mean) <= STEP / 2
    for bound in (fraction(told.low), fraction(told.high)):
        half = abs(bound - mean)
        assert half**2 >= wanted
        assert max(half - STEP, Fraction(0)) ** 2 <= wanted


@modestly
@given(st.lists(st.lists(dollars, max_size=20), max_size=6), st.randoms(use_true_random=False))
def test_samples_add_up_to_their_whole_in_any_order(samples: list[list[Decimal]], chance: object) -> None:
    together = Moments()
    parts = [moments_of(each) for each in samples]
    chance.shuffle(parts)  # type: ignore[attr-defined]
    for each in parts:
        together = together.plus(each)
    assert together == moments_of(value for each in samples for value in each)


def test_what_is_far_larger_than_its_spread_loses_none_of_it() -> None:
    sample = [dec("99999999999.000000001"), dec("99999999999.000000003")] * 20
    found = moments_of(sample)
    exact = [Fraction(value) for value in sample]
    assert found.n * Fraction(found.squares) - Fraction(found.total) ** 2 == statistics.variance(exact) * (
        40 * 39
    )


def test_values_that_are_all_the_same_have_no_spread() -> None:
    told = mean_interval(moments_of([dec("1.5")] * 30))
    assert told is not None
    assert told.low == told.value == told.high == dec("1.5")


def test_of_too_few_no_mean_is_told() -> None:
    assert mean_interval(moments_of([dec("1")] * (FEWEST_FOR_MEAN - 1))) is None
    assert mean_interval(moments_of([dec("1")] * FEWEST_FOR_MEAN)) is not None
    with pytest.raises(ValueError, match="two values"):
        mean_interval(moments_of([dec("1")]), fewest=1)


def density(t: float, degrees: int) -> float:
    log = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - math.log(degrees * math.pi) / 2
    return math.exp(log - (degrees + 1) / 2 * math.log1p(t * t / degrees))


def below(t: float, degrees: int) -> float:
    """The probability up to t, by Simpson's rule from the middle on."""
    steps = 2000
    width = t / steps
    inner = sum((4 if n % 2 else 2) * density(n * width, degrees) for n in range(1, steps))
    return 0.5 + width / 3 * (density(0, degrees) + inner + density(t, degrees))


@pytest.mark.parametrize("degrees", [*range(1, 31), 40, 50, 60, 70, 80, 90, 100])
def test_each_row_of_the_table_is_students_quantile(degrees: int) -> None:
    quantile = float(t_quantile(degrees))
    assert below(quantile - 0.0006, degrees) < 0.975 < below(quantile + 0.0006, degrees)


@pytest.mark.parametrize(("degrees", "row"), [(39, 30), (41, 40), (59, 50), (101, 100), (100_000, 100)])
def test_between_two_rows_the_wider_one_counts(degrees: int, row: int) -> None:
    assert t_quantile(degrees) == t_quantile(row)
    assert below(float(t_quantile(degrees)), degrees) >= 0.975


def test_the_normal_quantile_is_the_statistics_modules() -> None:
    assert abs(float(Z) - statistics.NormalDist().inv_cdf(0.975)) < 1e-9


# --- percentiles, slippage ----------------------------------------------------------------------------


@modestly
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=300))
def test_a_percentile_is_the_least_of_the_sample_that_so_many_do_not_exceed(sample: list[int]) -> None:
    told = percentiles(sample, fewest=1)
    assert told is not None
    assert told.n == len(sample)
    for percent, value in ((50, told.p50), (90, told.p90)):
        assert value in sample
        assert 100 * sum(each <= value for each in sample) >= percent * len(sample)
        assert 100 * sum(each < value for each in sample) < percent * len(sample)


def test_of_too_few_no_percentile_is_told() -> None:
    assert percentiles(range(FEWEST_FOR_RATE - 1)) is None
    assert percentiles([], fewest=0) is None


def test_slippage_is_positive_where_more_was_paid() -> None:
    assert slippage_bp(dec("10.05"), dec("10")) == 50
    assert slippage_bp(dec("9.999"), dec("10")) == -1
    assert slippage_bp(dec("10"), dec("10")) == 0
