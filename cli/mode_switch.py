"""Between paper and live: neither starts while the other, in the same state folder, has open trades.

The mode belongs to the process, so a switch is a stop and a start: the stream begins anew with the new keys.
"""

from collections.abc import Sequence
from typing import Final

from cli.startup import CannotStart
from persistence.errors import LedgerUnusable
from persistence.other_ledger import OpenTrade, open_trades
from settings import OTHER_MODES, Exit, Settings, ledger_in

SHOWN: Final = 5
"""Trades that are named; of more, their number is told."""


def refuse_half_a_switch(settings: Settings) -> None:
    """No open trade is left behind in the other mode's ledger, where nobody would look after it.

    Raises CannotStart, also where that ledger does not tell.
    """
    other = OTHER_MODES.get(settings.mode)
    if other is None:
        return
    path = ledger_in(settings.state_dir, other)
    elsewhere = f"or give {settings.mode} trading a state folder of its own with STARFILL_STATE_DIR"
    try:
        left = open_trades(path)
    except LedgerUnusable as error:
        raise CannotStart(
            Exit.CONFIGURATION,
            f"{error}, so it cannot be told whether {other} trades are open; nothing was started. Put that "
            f"right first (STARFILL_MODE={other} tells what it takes), {elsewhere}.",
        ) from None
    if left:
        raise CannotStart(
            Exit.CONFIGURATION,
            f"{_told(left)} in the {other} ledger {path}, and in {settings.mode} mode nobody would watch or "
            f"sell what is open there; nothing was started. Start with STARFILL_MODE={other} and close it, "
            f"{elsewhere}.",
        )


def _told(trades: Sequence[OpenTrade]) -> str:
    named = ", ".join(f"{trade.symbol} {trade.status}" for trade in trades[:SHOWN])
    more = f" and {len(trades) - SHOWN} more" if len(trades) > SHOWN else ""
    number = "1 trade is" if len(trades) == 1 else f"{len(trades)} trades are"
    return f"{number} not closed ({named}{more})"
