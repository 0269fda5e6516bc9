"""The tables of `migrations/` as Pony entities, attribute for column; the SQL files own the tables.

Decimals are `str` and times `int` here: Pony's own types would round the first and lose the offset of
the second on SQLite. The codecs of each table make values of them.
"""

from typing import Any

from pony.orm import Optional, PrimaryKey, Required, composite_key

_BIG = {"size": 64}
_TEXT = {"nullable": True}


def map_tables(database: Any) -> None:
    """Define the entities on `database`, which is not bound yet."""
    _map_signals(database.Entity)
    _map_trades(database.Entity)
    _map_orders(database.Entity)
    _map_account(database.Entity)
    _map_operation(database.Entity)


def _map_signals(entity: Any) -> None:
    class Signal(entity):  # type: ignore[misc]
        _table_ = "signal"
        id = PrimaryKey(int, **_BIG)
        source = Required(str)
        signal_id = Required(str)
        composite_key(signal_id, source)
        body_digest = Required(str)
        symbol = Required(str)
        catalyst_tier = Required(int)
        ai_confidence = Optional(str, **_TEXT)
        catalyst_category = Optional(str, **_TEXT)
        price_at_signal = Optional(str, **_TEXT)
        issued_at = Required(int, **_BIG)
        ttl_s = Required(int)
        received_at = Required(int, **_BIG)
        state = Required(str)
        verdict_code = Optional(str, **_TEXT)
        verdict_reason = Optional(str, **_TEXT)
        stars = Optional(int)
        notional = Optional(str, **_TEXT)
        checks = Optional(str, **_TEXT)
        decided_at = Optional(int, **_BIG)


def _map_trades(entity: Any) -> None:
    class Trade(entity):  # type: ignore[misc]
        _table_ = "bot_trade"
        id = PrimaryKey(int, **_BIG)
        source = Required(str)
        signal_id = Required(str)
        composite_key(signal_id, source)
        symbol = Required(str)
        status = Required(str)
        stars = Optional(int)
        notional = Required(str)
        shares = Optional(str, **_TEXT)
        entry_price = Optional(str, **_TEXT)
        entry_at = Optional(int, **_BIG)
        exit_price = Optional(str, **_TEXT)
        exit_at = Optional(int, **_BIG)
        exit_reason = Optional(str, **_TEXT)
        pnl = Optional(str, **_TEXT)
        sold = Required(str)
        split = Required(str)
        taken = Required(str)
        taken_for = Optional(str, **_TEXT)
        exit_wanted = Optional(str, **_TEXT)
        exit_wanted_by = Optional(str, **_TEXT)
        exit_wanted_at = Optional(int, **_BIG)
        exit_trouble = Optional(str, **_TEXT)
        peak_price = Optional(str, **_TEXT)
        mark_price = Optional(str, **_TEXT)
        mark_at = Optional(int, **_BIG)
        watched_at = Optional(int, **_BIG)
        naked_why = Optional(str, **_TEXT)
        naked_usd_s = Required(str)
        catalyst_type = Optional(str, **_TEXT)
        catalyst_tier = Optional(int)
        alpaca_order_id = Optional(str, **_TEXT)
        client_order_id = Required(str)
        created_at = Required(int, **_BIG)
        updated_at = Required(int, **_BIG)


def _map_orders(entity: Any) -> None:
    class Order(entity):  # type: ignore[misc]
        _table_ = "bot_order"
        client_order_id = PrimaryKey(str)
        broker_order_id = Optional(str, **_TEXT)
        trade_id = Required(int, **_BIG)
        leg = Required(str)
        symbol = Required(str)
        side = Required(str)
        type = Required(str)
        time_in_force = Required(str)
        notional = Optional(str, **_TEXT)
        qty = Optional(str, **_TEXT)
        limit_price = Optional(str, **_TEXT)
        stop_price = Optional(str, **_TEXT)
        extended_hours = Required(int)
        reason = Optional(str, **_TEXT)
        post_until = Required(int, **_BIG)
        life = Required(str)
        qty_before = Required(str)
        status = Optional(str)
        filled_qty = Required(str)
        filled_avg_price = Optional(str, **_TEXT)
        updated_at = Optional(int, **_BIG)
        priced_filled_qty = Required(str)
        priced_at = Optional(int, **_BIG)
        confirmed_qty = Optional(str, **_TEXT)
        confirmed_at_filled = Optional(str, **_TEXT)
        replaced_by = Optional(str, **_TEXT)
        missing_since = Optional(int, **_BIG)
        silent_since = Optional(int, **_BIG)
        account_id = Required(str)
        config_digest = Required(str)
        code_version = Required(str)
        attempts = Required(int)
        last_outcome = Optional(str, **_TEXT)
        planned_at = Required(int, **_BIG)
        saved_at = Required(int, **_BIG)

    class Execution(entity):  # type: ignore[misc]
        _table_ = "execution"
        execution_id = PrimaryKey(str)
        broker_order_id = Required(str)
        client_order_id = Required(str)
        qty = Required(str)
        price = Required(str)
        at = Required(int, **_BIG)
        filled_qty_after = Required(str)
        position_qty = Optional(str, **_TEXT)
        source = Required(str)

    class ExternalOrder(entity):  # type: ignore[misc]
        _table_ = "external_order"
        broker_order_id = PrimaryKey(str)
        client_order_id = Optional(str)
        symbol = Required(str)
        side = Required(str)
        status = Optional(str)
        done = Required(int)
        filled_qty = Required(str)
        filled_avg_price = Optional(str, **_TEXT)
        updated_at = Optional(int, **_BIG)
        taken = Required(str)
        first_seen_at = Required(int, **_BIG)


def _map_account(entity: Any) -> None:
    class Position(entity):  # type: ignore[misc]
        _table_ = "position"
        symbol = PrimaryKey(str)
        qty = Required(str)
        heard_at = Required(int, **_BIG)

    class Holding(entity):  # type: ignore[misc]
        _table_ = "holding"
        symbol = PrimaryKey(str)
        opening = Required(str)
        believed = Required(str)

    class Adjustment(entity):  # type: ignore[misc]
        _table_ = "adjustment"
        id = PrimaryKey(int, **_BIG)
        symbol = Required(str)
        qty = Required(str)
        reason = Required(str)
        evidence = Required(str)
        at = Required(int, **_BIG)

    class Meta(entity):  # type: ignore[misc]
        _table_ = "ledger_meta"
        key = PrimaryKey(str)
        value = Required(str)


def _map_operation(entity: Any) -> None:
    class Config(entity):  # type: ignore[misc]
        _table_ = "bot_config"
        id = PrimaryKey(int)
        trade_size_stars_3 = Required(str)
        trade_size_stars_4 = Required(str)
        trade_size_stars_5 = Required(str)
        enabled_catalyst_tiers = Required(str)
        max_concurrent_positions = Required(int)
        daily_loss_limit_usd = Required(str)
        max_share_price_usd = Required(str)
        hard_stop_loss_pct = Required(str)
        profit_target_pct = Required(str)
        trailing_stop_pct = Required(str)
        trailing_stop_dollar = Required(str)
        max_hold_duration_sec = Required(int)
        allowed_symbols = Required(str)
        denied_symbols = Required(str)
        price_collar_pct = Required(str)
        max_order_notional_usd = Required(str)
        max_orders_per_minute = Required(int)
        max_orders_per_day = Required(int)
        max_total_exposure_usd = Required(str)
        symbol_cooldown_sec = Required(int)
        max_consecutive_refusals = Required(int)
        max_orders_per_signal_ratio = Required(str)
        close_before_end_min = Required(int)
        price_max_age_sec = Required(int)
        protective_stop = Required(int)
        closed_market_policy = Required(str)
        no_entries_first_min = Required(int)

    class Halt(entity):  # type: ignore[misc]
        _table_ = "halt"
        id = PrimaryKey(int, **_BIG)
        scope = Required(str)
        reason = Required(str)
        halted_by = Required(str)
        halted_at = Required(int, **_BIG)
        cleared_at = Optional(int, **_BIG)
        cleared_by = Optional(str, **_TEXT)
        clear_reason = Optional(str, **_TEXT)

    class Lease(entity):  # type: ignore[misc]
        _table_ = "lease"
        id = PrimaryKey(int)
        epoch = Required(int, **_BIG)
        holder = Optional(str)
        renewed_at = Optional(int, **_BIG)

    class JournalRow(entity):  # type: ignore[misc]
        _table_ = "journal"
        seq = PrimaryKey(int, **_BIG)
        at = Required(int, **_BIG)
        kind = Required(str)
        ref = Required(str)
        payload = Required(str)
        hash = Required(str)
