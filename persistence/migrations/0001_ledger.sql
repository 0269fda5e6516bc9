-- Money, prices and share quantities are exact decimals as text: plain digits, never an exponent.
-- Times are integers: microseconds since 1970-01-01 in UTC.

CREATE TABLE ledger_meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE signal (
    id INTEGER NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    signal_id TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    symbol TEXT NOT NULL,
    catalyst_tier INTEGER NOT NULL CHECK (catalyst_tier BETWEEN 1 AND 4),
    ai_confidence TEXT CHECK (ai_confidence IN ('high', 'medium', 'low')),
    catalyst_category TEXT,
    price_at_signal TEXT CHECK (price_at_signal NOT GLOB '*[^0-9.]*' AND price_at_signal <> ''),
    issued_at INTEGER NOT NULL,
    ttl_s INTEGER NOT NULL CHECK (ttl_s > 0),
    received_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'planned', 'declined', 'expired')),
    verdict_code TEXT,
    verdict_reason TEXT,
    stars INTEGER,
    notional TEXT CHECK (notional NOT GLOB '*[^0-9.]*' AND notional <> ''),
    checks TEXT CHECK (checks IS NULL OR json_valid(checks)),
    decided_at INTEGER,
    -- In this order it also finds a signal whose source is not told.
    UNIQUE (signal_id, source),
    -- A signal is undecided exactly as long as it has no verdict.
    CHECK ((state = 'received') = (verdict_code IS NULL)),
    CHECK ((state = 'received') = (decided_at IS NULL))
) STRICT;

-- Finds the undecided, oldest first (an index ends with the row's id), and counts.
CREATE INDEX signal_by_state ON signal (state);

CREATE TABLE bot_trade (
    id INTEGER NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    signal_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('pending', 'open', 'closing', 'closed', 'missed', 'rejected')),
    stars INTEGER,
    notional TEXT NOT NULL CHECK (notional NOT GLOB '*[^0-9.]*' AND notional <> ''),
    shares TEXT CHECK (shares NOT GLOB '*[^0-9.]*' AND shares <> ''),
    entry_price TEXT CHECK (entry_price NOT GLOB '*[^0-9.]*' AND entry_price <> ''),
    entry_at INTEGER,
    exit_price TEXT CHECK (exit_price NOT GLOB '*[^0-9.]*' AND exit_price <> ''),
    exit_at INTEGER,
    exit_reason TEXT,
    pnl TEXT CHECK (pnl NOT GLOB '*[^0-9.-]*' AND pnl <> ''),
    catalyst_type TEXT,
    catalyst_tier INTEGER,
    alpaca_order_id TEXT,
    client_order_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- A signal trades once, whatever happens.
    UNIQUE (signal_id, source),
    FOREIGN KEY (source, signal_id) REFERENCES signal (source, signal_id)
) STRICT;

-- Finds the trade that occupies a symbol, lists by status, and counts.
CREATE INDEX bot_trade_by_status ON bot_trade (status, symbol);

CREATE TABLE bot_order (
    client_order_id TEXT NOT NULL PRIMARY KEY,
    broker_order_id TEXT,
    trade_id INTEGER NOT NULL REFERENCES bot_trade (id),
    leg TEXT NOT NULL CHECK (leg IN ('entry', 'exit')),
    symbol TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    type TEXT NOT NULL CHECK (type IN ('market', 'limit')),
    time_in_force TEXT NOT NULL,
    notional TEXT CHECK (notional NOT GLOB '*[^0-9.]*' AND notional <> ''),
    qty TEXT CHECK (qty NOT GLOB '*[^0-9.]*' AND qty <> ''),
    limit_price TEXT CHECK (limit_price NOT GLOB '*[^0-9.]*' AND limit_price <> ''),
    extended_hours INTEGER NOT NULL CHECK (extended_hours IN (0, 1)),
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
    account_id TEXT NOT NULL,
    config_digest TEXT NOT NULL,
    code_version TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_outcome TEXT,
    planned_at INTEGER NOT NULL,
    saved_at INTEGER NOT NULL
) STRICT;

-- Finds the unsettled, and counts.
CREATE INDEX bot_order_by_life ON bot_order (life, planned_at);
-- With all that `entry_orders` asks for, so that it reads no order twice.
CREATE INDEX bot_order_by_trade ON bot_order (trade_id, leg, planned_at, client_order_id);
CREATE UNIQUE INDEX bot_order_at_broker ON bot_order (broker_order_id) WHERE broker_order_id IS NOT NULL;

-- Evidence of fills. A position is never a sum of these rows.
CREATE TABLE execution (
    execution_id TEXT NOT NULL PRIMARY KEY,
    broker_order_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL REFERENCES bot_order (client_order_id),
    qty TEXT NOT NULL CHECK (qty NOT GLOB '*[^0-9.]*' AND qty <> ''),
    price TEXT NOT NULL CHECK (price NOT GLOB '*[^0-9.]*' AND price <> ''),
    at INTEGER NOT NULL,
    filled_qty_after TEXT NOT NULL CHECK (filled_qty_after NOT GLOB '*[^0-9.]*' AND filled_qty_after <> ''),
    position_qty TEXT CHECK (position_qty NOT GLOB '*[^0-9.-]*' AND position_qty <> ''),
    source TEXT NOT NULL CHECK (source IN ('stream', 'inferred'))
) STRICT;

CREATE INDEX execution_by_order ON execution (client_order_id);

-- What explains a difference between our orders and the account (a split, the owner's own sale).
CREATE TABLE adjustment (
    id INTEGER NOT NULL PRIMARY KEY,
    symbol TEXT NOT NULL,
    qty TEXT NOT NULL CHECK (qty NOT GLOB '*[^0-9.-]*' AND qty <> ''),
    reason TEXT NOT NULL,
    evidence TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- The account's position as last heard, whoever bought it.
CREATE TABLE position (
    symbol TEXT NOT NULL PRIMARY KEY,
    qty TEXT NOT NULL CHECK (qty NOT GLOB '*[^0-9.-]*' AND qty <> ''),
    heard_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Each row's hash covers the row and the hash before it; `persistence.journal` writes and verifies it.
CREATE TABLE journal (
    seq INTEGER NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    payload TEXT NOT NULL,
    hash TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;

-- Also what keeps INSERT OR REPLACE from rewriting a row.
CREATE TRIGGER journal_grows_by_one BEFORE INSERT ON journal
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM journal)
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_is_not_rewritten BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TRIGGER journal_is_not_shortened BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

CREATE TABLE bot_config (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    trade_size_stars_3 TEXT NOT NULL DEFAULT '50',
    trade_size_stars_4 TEXT NOT NULL DEFAULT '75',
    trade_size_stars_5 TEXT NOT NULL DEFAULT '100',
    enabled_catalyst_tiers TEXT NOT NULL DEFAULT '[1,2,3,4]' CHECK (json_valid(enabled_catalyst_tiers)),
    max_concurrent_positions INTEGER NOT NULL DEFAULT 3,
    daily_loss_limit_usd TEXT NOT NULL DEFAULT '500',
    max_share_price_usd TEXT NOT NULL DEFAULT '0',
    hard_stop_loss_pct TEXT NOT NULL DEFAULT '7',
    profit_target_pct TEXT NOT NULL DEFAULT '10',
    trailing_stop_pct TEXT NOT NULL DEFAULT '0',
    trailing_stop_dollar TEXT NOT NULL DEFAULT '0',
    max_hold_duration_sec INTEGER NOT NULL DEFAULT 300
) STRICT;

INSERT INTO bot_config (id) VALUES (1);

-- Scope 'all' or a symbol. Uncleared rows stop what adds risk.
CREATE TABLE halt (
    id INTEGER NOT NULL PRIMARY KEY,
    scope TEXT NOT NULL,
    reason TEXT NOT NULL,
    halted_by TEXT NOT NULL,
    halted_at INTEGER NOT NULL,
    cleared_at INTEGER,
    cleared_by TEXT,
    clear_reason TEXT,
    CHECK ((cleared_at IS NULL) = (cleared_by IS NULL))
) STRICT;

CREATE UNIQUE INDEX halt_active ON halt (scope, reason) WHERE cleared_at IS NULL;
