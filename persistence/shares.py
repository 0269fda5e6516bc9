"""The account's shares symbol by symbol, and what explains them: one statement, so of one moment."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

from domain.holdings import signed
from domain.values import ZERO
from persistence.codec import built, moment_of
from persistence.rows import ShareDifference, SymbolShares

_BELIEVED: Final = "SELECT 'believed', symbol, 'buy', believed, NULL FROM holding"
_ACCOUNT: Final = "SELECT 'account', symbol, 'buy', qty, heard_at FROM position"

_EXPLAINED: Final = (
    "SELECT 'opening', symbol, 'buy', opening, NULL FROM holding"
    " UNION ALL SELECT 'ours', symbol, side, filled_qty, NULL FROM bot_order WHERE filled_qty <> '0'"
    " UNION ALL SELECT 'external', symbol, side, filled_qty, NULL FROM external_order WHERE filled_qty <> '0'"
    " UNION ALL SELECT 'adjustments', symbol, 'buy', qty, NULL FROM adjustment"
)

DIFFERENCES: Final = f"{_BELIEVED} UNION ALL {_ACCOUNT}"
SHARES: Final = f"{DIFFERENCES} UNION ALL {_EXPLAINED}"
"""What is summed up, the symbol, the side, the quantity, and of the account's count: when it was told."""

_KINDS: Final = ("account", "opening", "ours", "external", "adjustments", "believed")

_Row = tuple[str, str, str, str, int | None]


def shares_of(rows: Iterable[_Row]) -> tuple[SymbolShares, ...]:
    """The symbols of `SHARES` that have anything but zeros, in their order."""
    sums, heard = _summed(rows)
    return tuple(
        built(SymbolShares, {"symbol": symbol, "heard_at": heard.get(symbol), **of_symbol})
        for symbol, of_symbol in sorted(sums.items())
        if any(of_symbol.values())
    )


def differences_of(rows: Iterable[_Row]) -> tuple[ShareDifference, ...]:
    """The symbols of `DIFFERENCES` that differ, in their order."""
    sums, _ = _summed(rows)
    return tuple(
        built(
            ShareDifference,
            {"symbol": symbol, "account": told["account"], "believed": told["believed"]},
        )
        for symbol, told in sorted(sums.items())
        if told["account"] != told["believed"]
    )


def _summed(rows: Iterable[_Row]) -> tuple[dict[str, dict[str, Decimal]], dict[str, datetime]]:
    """The exact sums by symbol and kind, and when the account's count was told."""
    sums: dict[str, dict[str, Decimal]] = {}
    heard: dict[str, datetime] = {}
    for kind, symbol, side, qty, heard_at in rows:
        of_symbol = sums.setdefault(symbol, dict.fromkeys(_KINDS, ZERO))
        of_symbol[kind] += signed(side, Decimal(qty))
        if heard_at is not None:
            heard[symbol] = moment_of(heard_at)
    return sums, heard
