-- What is sold again, the limits of what is bought, and the dollars that stand without a way out.

-- A CHECK cannot be altered, so the table is made anew: orders may be stops, and exits have a reason.
CREATE TABLE bot_order_of_0003 (
    client_order_id TEXT NOT NULL PRIMARY KEY,
    broker_order_id TEXT,
    trade_id INTEGER NOT NULL REFERENCES bot_trade (id),
    -- A stop rests at the broker while its trade is open; an exit is sent to close it now.
    leg TEXT NOT NULL CHECK (leg IN ('entry', 'exit', 'stop')),
    symbol TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    type TEXT NOT NULL CHECK (type IN ('market', 'limit', 'stop')),
    time_in_force TEXT NOT NULL,
    notional TEXT CHECK (notional NOT GLOB '*[^0-9.]*' AND notional <> ''),
    qty TEXT CHECK (qty NOT GLOB '*[^0-9.]*' AND qty <> ''),
    limit_price TEXT CHECK (limit_price NOT GLOB '*[^0-9.]*' AND limit_price <> ''),
    stop_price TEXT CHECK (stop_price NOT GLOB '*[^0-9.]*' AND stop_price <> ''),
    extended_hours INTEGER NOT NULL CHECK (extended_hours IN (0, 1)),
    -- Why it is sold; of entries nothing.
    reason TEXT,
    post_until INTEGER NOT NULL,
    life TEXT NOT NULL
        CHECK (life IN ('intended', 'unresolved', 'working', 'done', 'refused', 'lapsed')),
    qty_before TEXT NOT NULL CHECK (qty_before NOT GLOB '*[^0-9.-]*' AND qty_before <> ''),
    status TEXT NOT NULL DEFAULT '',
    filled_qty TEXT NOT NULL DEFAULT '0' CHECK (filled_qty NOT GLOB '*[^0-9.]*' AND filled_qty <> ''),
    filled_avg_price TEXT CHECK (filled_avg_price NOT GLOB '*[^0-9.]*' AND filled_avg_price <> ''),
    updated_at INTEGER,
    priced_filled_qty TEXT NOT NULL DEFAULT '0'
        CHECK (priced_filled_qty NOT GLOB '*[^0-9.]*' AND priced_filled_qty <> ''),
    priced_at INTEGER,
    confirmed_qty TEXT CHECK (confirmed_qty NOT GLOB '*[^0-9.-]*' AND confirmed_qty <> ''),
    confirmed_at_filled TEXT
        CHECK (confirmed_at_filled NOT GLOB '*[^0-9.]*' AND confirmed_at_filled <> ''),
    replaced_by TEXT,
    missing_since INTEGER,
    silent_since INTEGER,
    account_id TEXT NOT NULL,
    config_digest TEXT NOT NULL,
    code_version TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_outcome TEXT,
    planned_at INTEGER NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT;

INSERT INTO bot_order_of_0003 (
    client_order_id, broker_order_id, trade_id, leg, symbol, side, type, time_in_force, notional, qty,
    limit_price, extended_hours, post_until, life, qty_before, status, filled_qty, filled_avg_price,
    updated_at, priced_filled_qty, priced_at, confirmed_qty, confirmed_at_filled, replaced_by,
    missing_since, silent_since, account_id, config_digest, code_version, attempts, last_outcome,
    planned_at, saved_at)
SELECT
    client_order_id, broker_order_id, trade_id, leg, symbol, side, type, time_in_force, notional, qty,
    limit_price, extended_hours, post_until, life, qty_before, status, filled_qty, filled_avg_price,
    updated_at, priced_filled_qty, priced_at, confirmed_qty, confirmed_at_filled, replaced_by,
    missing_since, silent_since, account_id, config_digest, code_version, attempts, last_outcome,
    planned_at, saved_at
FROM bot_order ORDER BY rowid;

DROP TABLE bot_order;
ALTER TABLE bot_order_of_0003 RENAME TO bot_order;

-- Finds the unsettled, and counts.
CREATE INDEX bot_order_by_life ON bot_order (life, planned_at);
-- With all that `of_trades` asks for, so that it reads no order twice.
CREATE INDEX bot_order_by_trade ON bot_order (trade_id, client_order_id);
CREATE UNIQUE INDEX bot_order_at_broker ON bot_order (broker_order_id) WHERE broker_order_id IS NOT NULL;
-- Counts what was ordered lately, and for how many trades, without a look at the rows.
CREATE INDEX bot_order_by_time ON bot_order (planned_at, leg, trade_id);

-- What was sold of a trade, and what left or joined it without an order of ours.
ALTER TABLE bot_trade ADD COLUMN sold TEXT NOT NULL DEFAULT '0'
    CHECK (sold NOT GLOB '*[^0-9.]*' AND sold <> '');
ALTER TABLE bot_trade ADD COLUMN split TEXT NOT NULL DEFAULT '0'
    CHECK (split NOT GLOB '*[^0-9.-]*' AND split <> '');
ALTER TABLE bot_trade ADD COLUMN taken TEXT NOT NULL DEFAULT '0'
    CHECK (taken NOT GLOB '*[^0-9.]*' AND taken <> '');
-- NULL: shares are gone and nobody knows what for.
ALTER TABLE bot_trade ADD COLUMN taken_for TEXT DEFAULT '0'
    CHECK (taken_for NOT GLOB '*[^0-9.]*' AND taken_for <> '');
-- That it is to be sold: why, by whose word, since when; and what went wrong with it last.
ALTER TABLE bot_trade ADD COLUMN exit_wanted TEXT;
ALTER TABLE bot_trade ADD COLUMN exit_wanted_by TEXT;
ALTER TABLE bot_trade ADD COLUMN exit_wanted_at INTEGER;
ALTER TABLE bot_trade ADD COLUMN exit_trouble TEXT;
-- The price it was last seen at, the best one since it was bought, and its time without a way out.
ALTER TABLE bot_trade ADD COLUMN peak_price TEXT CHECK (peak_price NOT GLOB '*[^0-9.]*' AND peak_price <> '');
ALTER TABLE bot_trade ADD COLUMN mark_price TEXT CHECK (mark_price NOT GLOB '*[^0-9.]*' AND mark_price <> '');
ALTER TABLE bot_trade ADD COLUMN mark_at INTEGER;
ALTER TABLE bot_trade ADD COLUMN watched_at INTEGER;
ALTER TABLE bot_trade ADD COLUMN naked_why TEXT;
ALTER TABLE bot_trade ADD COLUMN naked_usd_s TEXT NOT NULL DEFAULT '0'
    CHECK (naked_usd_s NOT GLOB '*[^0-9.]*' AND naked_usd_s <> '');

-- Finds the last trade of a symbol, and what was closed today.
CREATE INDEX bot_trade_by_symbol ON bot_trade (symbol, id);
CREATE INDEX bot_trade_by_exit ON bot_trade (exit_at) WHERE exit_at IS NOT NULL;

-- Finds who sold shares of ours; what others' orders were filled at is the price of these, and `taken` counts them.
CREATE INDEX external_order_by_symbol ON external_order (symbol, updated_at);
ALTER TABLE external_order ADD COLUMN taken TEXT NOT NULL DEFAULT '0' CHECK (taken NOT GLOB '*[^0-9.]*' AND taken <> '');
ALTER TABLE external_order ADD COLUMN filled_avg_price TEXT
    CHECK (filled_avg_price NOT GLOB '*[^0-9.]*' AND filled_avg_price <> '');

ALTER TABLE bot_config ADD COLUMN allowed_symbols TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(allowed_symbols));
ALTER TABLE bot_config ADD COLUMN denied_symbols TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(denied_symbols));
ALTER TABLE bot_config ADD COLUMN price_collar_pct TEXT NOT NULL DEFAULT '5';
ALTER TABLE bot_config ADD COLUMN max_order_notional_usd TEXT NOT NULL DEFAULT '250';
ALTER TABLE bot_config ADD COLUMN max_orders_per_minute INTEGER NOT NULL DEFAULT 10;
ALTER TABLE bot_config ADD COLUMN max_orders_per_day INTEGER NOT NULL DEFAULT 100;
ALTER TABLE bot_config ADD COLUMN max_total_exposure_usd TEXT NOT NULL DEFAULT '1000';
ALTER TABLE bot_config ADD COLUMN symbol_cooldown_sec INTEGER NOT NULL DEFAULT 60;
ALTER TABLE bot_config ADD COLUMN max_consecutive_refusals INTEGER NOT NULL DEFAULT 5;
ALTER TABLE bot_config ADD COLUMN max_orders_per_signal_ratio TEXT NOT NULL DEFAULT '5';
ALTER TABLE bot_config ADD COLUMN close_before_end_min INTEGER NOT NULL DEFAULT 15;
ALTER TABLE bot_config ADD COLUMN price_max_age_sec INTEGER NOT NULL DEFAULT 60;
ALTER TABLE bot_config ADD COLUMN protective_stop INTEGER NOT NULL DEFAULT 0 CHECK (protective_stop IN (0, 1));
ALTER TABLE bot_config ADD COLUMN closed_market_policy TEXT NOT NULL DEFAULT 'expire'
    CHECK (closed_market_policy IN ('expire', 'hold', 'extended_hours'));
ALTER TABLE bot_config ADD COLUMN no_entries_first_min INTEGER NOT NULL DEFAULT 0;
