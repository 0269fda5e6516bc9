"""What a sample of trades says, and how far that can be trusted: intervals at 95 %, percentiles.

Sums are exact: they are added up in a precision that no ledger reaches, so their order does not matter.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Final, NamedTuple

from domain.values import ZERO, Message

FEWEST_FOR_RATE: Final = 10
"""Of fewer trades a rate's interval is wider than half of all that is possible: it says nothing."""
FEWEST_FOR_MEAN: Final = 30
"""A mean's interval supposes that sums of trades are spread normally. Where one trade in ten decides the
result, as with a far target and a near stop, 95 % intervals of 10 trades hold the truth in two cases of
three, those of 20 in 87 of 100, those of 30 in 91 of 100."""

Z: Final = Decimal("1.959963985")
"""The standard normal distribution's 97.5 % quantile."""
_T: Final = {
    degrees: Decimal(quantile)
    for degrees, quantile in (
        *enumerate(
            (
                "12.706", "4.303", "3.182", "2.776", "2.571", "2.447", "2.365", "2.306", "2.262", "2.228",
                "2.201", "2.179", "2.160", "2.145", "2.131", "2.120", "2.110", "2.101", "2.093", "2.086",
                "2.080", "2.074", "2.069", "2.064", "2.060", "2.056", "2.052", "2.048", "2.045", "2.042",
            ),
            start=1,
        ),
        (40, "2.021"), (50, "2.009"), (60, "2.000"), (70, "1.994"), (80, "1.990"), (90, "1.987"),
        (100, "1.984"),
    )
}  # fmt: skip
"""Student's t, 97.5 % quantiles (NIST/SEMATECH e-Handbook of Statistical Methods, section 1.3.6.7.2)."""
_EXACT: Final = Context(prec=60)
"""Enough for the squares of 27 digits, summed over more trades than a ledger holds."""
_PLACES: Final = Decimal("0.0001")


class Interval(Message):
    """A figure of a sample, and between what the truth lies with 95 % confidence."""

    value: Decimal
    low: Decimal
    high: Decimal
    n: int
    """The sample's size."""


class Percentiles(Message):
    """Half of the sample is at `p50` or below, nine tenths at `p90` or below."""

    p50: int
    p90: int
    n: int


class Moments(NamedTuple):
    """A sample as far as its mean and spread depend on it; two of them add up to the sample of both."""

    n: int = 0
    total: Decimal = ZERO
    squares: Decimal = ZERO

    def plus(self, other: "Moments") -> "Moments":
        """The moments of both samples together."""
        return Moments(
            self.n + other.n, _EXACT.add(self.total, other.total), _EXACT.add(self.squares, other.squares)
        )


def moments_of(values: Iterable[Decimal]) -> Moments:
    """The moments of a sample."""
    with localcontext(_EXACT):
        sample = list(values)
        return Moments(len(sample), sum(sample, ZERO), sum((value * value for value in sample), ZERO))


def t_quantile(degrees: int) -> Decimal:
    """Student's t for 95 % confidence; between the table's rows the wider one. ValueError below 1."""
    if degrees < 1:
        raise ValueError("a spread takes two values at least")
    return _T[max(known for known in _T if known <= degrees)]


def mean_interval(sample: Moments, *, fewest: int = FEWEST_FOR_MEAN) -> Interval | None:
    """The mean with its t interval; None: there are too few. ValueError for `fewest` below 2."""
    if sample.n < fewest:
        return None
    n = sample.n
    with localcontext(_EXACT):
        variance = (n * sample.squares - sample.total * sample.total) / (n * (n - 1)) if n > 1 else ZERO
        half = t_quantile(n - 1) * (variance / n).sqrt()
        mean = sample.total / n
        return _interval(mean, mean - half, mean + half, n)


def rate_interval(hits: int, n: int, *, fewest: int = FEWEST_FOR_RATE) -> Interval | None:
    """`hits` of `n` as a share of one, with Wilson's score interval; None: there are too few.

    Unlike the textbook's interval it stays between 0 and 1 and means something for small samples
    (Wilson 1927; Brown, Cai and DasGupta 2001).
    """
    if n < max(fewest, 1):
        return None
    with localcontext(_EXACT):
        share, zz = Decimal(hits) / n, Z * Z
        middle = share + zz / (2 * n)
        half = Z * (share * (1 - share) / n + zz / (4 * n * n)).sqrt()
        scale = 1 + zz / n
        low, high = (middle - half) / scale, (middle + half) / scale
        return _interval(share, max(low, ZERO), min(high, Decimal(1)), n)


def percentiles(values: Iterable[int], *, fewest: int = FEWEST_FOR_RATE) -> Percentiles | None:
    """By the nearest rank, so each is a value of the sample; None: there are too few."""
    ranked = sorted(values)
    if len(ranked) < max(fewest, 1):
        return None
    return Percentiles(p50=_ranked(ranked, 50), p90=_ranked(ranked, 90), n=len(ranked))


def slippage_bp(paid: Decimal, price_at_signal: Decimal) -> Decimal:
    """Basis points of the signal's price that were paid more for a share; negative: less."""
    return ((paid - price_at_signal) * 10_000 / price_at_signal).quantize(_PLACES)


def _interval(value: Decimal, low: Decimal, high: Decimal, n: int) -> Interval:
    """Rounded outwards: what is told is never surer than what was found."""
    return Interval(
        value=value.quantize(_PLACES, ROUND_HALF_EVEN),
        low=low.quantize(_PLACES, ROUND_FLOOR),
        high=high.quantize(_PLACES, ROUND_CEILING),
        n=n,
    )


def _ranked(ranked: Sequence[int], percent: int) -> int:
    return ranked[-(-percent * len(ranked) // 100) - 1]
