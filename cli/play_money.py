"""Settings for play money on the simulator: what demonstrates or measures must not be kept from trading."""

from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Final

from actors.clock import system_clock
from domain.config import BotConfig
from domain.values import ZERO, Clock
from persistence.store import LedgerStore

UNLIMITED: Final = BotConfig(
    price_collar_pct=ZERO,
    max_order_notional_usd=ZERO,
    max_orders_per_minute=0,
    max_orders_per_day=0,
    max_concurrent_positions=0,
    max_total_exposure_usd=ZERO,
    symbol_cooldown_sec=0,
    daily_loss_limit_usd=ZERO,
    max_consecutive_refusals=0,
    max_orders_per_signal_ratio=ZERO,
    hard_stop_loss_pct=ZERO,
    profit_target_pct=ZERO,
    max_hold_duration_sec=0,
    close_before_end_min=0,
)
"""Every limit on what is bought is off, and no rule sells it. For no account that holds anything."""

DEMO: Final = BotConfig(
    max_concurrent_positions=14, max_orders_per_minute=30, max_total_exposure_usd=Decimal(5000)
)
"""Wide enough for a lively demo, narrow enough that its last signals show a limit."""


def new_ledger(file: Path, config: BotConfig) -> None:
    """A ledger with these settings and nothing else, complete in this one file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(LedgerStore.open(file, clock=system_clock)) as store:
        set_up(store, config, by="play money")
        store.settle()


def set_up(store: LedgerStore, config: BotConfig, *, by: str, clock: Clock = system_clock) -> None:
    """Give the ledger these settings; what an owner has set stays. Before anybody else writes it."""
    with store.unit() as unit:
        if unit.config() == BotConfig():
            unit.save_config(config, at=clock(), by=by)
