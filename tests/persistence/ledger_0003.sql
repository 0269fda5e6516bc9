-- What a ledger of schema 3 held, as SQLite dumps it.
PRAGMA application_id = 1398031954;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE adjustment (
    id INTEGER NOT NULL PRIMARY KEY,
    symbol TEXT NOT NULL,
    qty TEXT NOT NULL CHECK (qty NOT GLOB '*[^0-9.-]*' AND qty <> ''),
    reason TEXT NOT NULL,
    evidence TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
INSERT INTO "adjustment" VALUES(1,'MSFT','0.5','SPLIT','a9',1794495600123457);
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
, allowed_symbols TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(allowed_symbols)), denied_symbols TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(denied_symbols)), price_collar_pct TEXT NOT NULL DEFAULT '5', max_order_notional_usd TEXT NOT NULL DEFAULT '250', max_orders_per_minute INTEGER NOT NULL DEFAULT 10, max_orders_per_day INTEGER NOT NULL DEFAULT 100, max_total_exposure_usd TEXT NOT NULL DEFAULT '1000', symbol_cooldown_sec INTEGER NOT NULL DEFAULT 60, max_consecutive_refusals INTEGER NOT NULL DEFAULT 5, max_orders_per_signal_ratio TEXT NOT NULL DEFAULT '5', close_before_end_min INTEGER NOT NULL DEFAULT 15, price_max_age_sec INTEGER NOT NULL DEFAULT 60, protective_stop INTEGER NOT NULL DEFAULT 0 CHECK (protective_stop IN (0, 1)), closed_market_policy TEXT NOT NULL DEFAULT 'expire'
    CHECK (closed_market_policy IN ('expire', 'hold', 'extended_hours')), no_entries_first_min INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "bot_config" VALUES(1,'50','75','123.45','[1,3]',3,'500','0','6.5','10','0','0',0,'[]','["GME"]','5','250',10,100,'0',60,5,'5',15,60,1,'hold',0);
CREATE TABLE "bot_order" (
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
INSERT INTO "bot_order" VALUES('sf-api-s0','b0',1,'entry','AAPL','buy','market','day','123456789.123456789',NULL,NULL,NULL,0,NULL,1794495900123457,'done','123456789.123456789','filled','10.500000001','12.3760',1794495661123458,'10.500000001',1794495661123458,NULL,NULL,NULL,NULL,NULL,'account-1','config','0.1.0',1,'accepted',1794495600123457,1794495661123458);
INSERT INTO "bot_order" VALUES('sf-api-s1','b1',2,'entry','MSFT','buy','market','day','123456789.123456789',NULL,NULL,NULL,0,NULL,1794495900123457,'working','123456789.123456789','partially_filled','3','123456789.123456789',1794495661123458,'3',1794495600123457,'2.5','3','b9',NULL,NULL,'account-1','config','0.1.0',1,'accepted',1794495600123457,1794495661123458);
INSERT INTO "bot_order" VALUES('sf-api-s2',NULL,3,'entry','TSLA','buy','market','day','123456789.123456789',NULL,NULL,NULL,0,NULL,1794495900123457,'unresolved','123456789.123456789','','0',NULL,NULL,'0',NULL,NULL,NULL,NULL,1794495600123457,1794495661123458,'account-1','config','0.1.0',1,'unresolved: timeout',1794495600123457,1794495661123458);
INSERT INTO "bot_order" VALUES('sf-api-s3',NULL,4,'entry','KO','buy','market','day','123456789.123456789',NULL,NULL,NULL,0,NULL,1794495900123457,'intended','123456789.123456789','','0',NULL,NULL,'0',NULL,NULL,NULL,NULL,NULL,NULL,'account-1','config','0.1.0',1,'unresolved: timeout',1794495600123457,1794495661123458);
INSERT INTO "bot_order" VALUES('sf-api-s4',NULL,5,'entry','F','buy','market','day','123456789.123456789',NULL,NULL,NULL,0,NULL,1794495900123457,'refused','123456789.123456789','','0',NULL,NULL,'0',NULL,NULL,NULL,NULL,NULL,NULL,'account-1','config','0.1.0',1,'unresolved: timeout',1794495600123457,1794495661123458);
INSERT INTO "bot_order" VALUES('sf-api-s5',NULL,6,'entry','GE','buy','market','day','123456789.123456789',NULL,NULL,NULL,0,NULL,1794495600123457,'lapsed','123456789.123456789','','0',NULL,NULL,'0',NULL,NULL,NULL,NULL,NULL,NULL,'account-1','config','0.1.0',1,'unresolved: timeout',1794495600123457,1794495661123458);
INSERT INTO "bot_order" VALUES('sf-exit-1','b20',1,'exit','AAPL','sell','market','day',NULL,'10.5',NULL,NULL,0,'profit_target',1794495900123457,'done','10.5','filled','10.5','13.5',1794495661123458,'10.5',1794495661123458,NULL,NULL,NULL,NULL,NULL,'account-1','config','0.2.0',1,'accepted',1794495661123457,1794495661123458);
INSERT INTO "bot_order" VALUES('sf-stop-2','b21',2,'stop','MSFT','sell','stop','gtc',NULL,'3',NULL,'2.1',0,'protective_stop',1794495900123457,'working','3','new','0',NULL,NULL,'0',NULL,NULL,NULL,NULL,NULL,NULL,'account-1','config','0.2.0',0,NULL,1794495661123457,1794495661123458);
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
    updated_at INTEGER NOT NULL, sold TEXT NOT NULL DEFAULT '0'
    CHECK (sold NOT GLOB '*[^0-9.]*' AND sold <> ''), split TEXT NOT NULL DEFAULT '0'
    CHECK (split NOT GLOB '*[^0-9.-]*' AND split <> ''), taken TEXT NOT NULL DEFAULT '0'
    CHECK (taken NOT GLOB '*[^0-9.]*' AND taken <> ''), taken_for TEXT DEFAULT '0'
    CHECK (taken_for NOT GLOB '*[^0-9.]*' AND taken_for <> ''), exit_wanted TEXT, exit_wanted_by TEXT, exit_wanted_at INTEGER, exit_trouble TEXT, peak_price TEXT CHECK (peak_price NOT GLOB '*[^0-9.]*' AND peak_price <> ''), mark_price TEXT CHECK (mark_price NOT GLOB '*[^0-9.]*' AND mark_price <> ''), mark_at INTEGER, watched_at INTEGER, naked_why TEXT, naked_usd_s TEXT NOT NULL DEFAULT '0'
    CHECK (naked_usd_s NOT GLOB '*[^0-9.]*' AND naked_usd_s <> ''),
    -- A signal trades once, whatever happens.
    UNIQUE (signal_id, source),
    FOREIGN KEY (source, signal_id) REFERENCES signal (source, signal_id)
) STRICT;
INSERT INTO "bot_trade" VALUES(1,'api','s0','AAPL','closed',5,'123456789.123456789','10.500000001','12.3760',1794495661123458,'13.5',1794495661123458,'profit_target','11.802000001','fda',1,'b0','sf-api-s0',1794495600123457,1794495661123458,'10.5','0','0.000000001','0','profit_target','rule',1794495661123457,NULL,'13.6','13.5',1794495661123457,1794495661123457,NULL,'120.5');
INSERT INTO "bot_trade" VALUES(2,'api','s1','MSFT','open',5,'123456789.123456789','2.5','123456789.123456789',1794495600123457,NULL,NULL,NULL,NULL,'fda',1,'b1','sf-api-s1',1794495600123457,1794495661123458,'0','0','0','0',NULL,NULL,NULL,'the broker refused to sell',NULL,'2.5',1794495661123457,NULL,'its last trade is old','0');
INSERT INTO "bot_trade" VALUES(3,'api','s2','TSLA','pending',5,'123456789.123456789',NULL,NULL,1794495600123457,NULL,NULL,NULL,NULL,'fda',1,NULL,'sf-api-s2',1794495600123457,1794495661123458,'0','0','0','0',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'0');
INSERT INTO "bot_trade" VALUES(4,'api','s3','KO','pending',5,'123456789.123456789',NULL,NULL,1794495600123457,NULL,NULL,NULL,NULL,'fda',1,NULL,'sf-api-s3',1794495600123457,1794495661123458,'0','0','0','0',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'0');
INSERT INTO "bot_trade" VALUES(5,'api','s4','F','rejected',5,'123456789.123456789',NULL,NULL,1794495600123457,NULL,NULL,'alpaca_refused',NULL,'fda',1,NULL,'sf-api-s4',1794495600123457,1794495661123458,'0','0','0','0',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'0');
INSERT INTO "bot_trade" VALUES(6,'api','s5','GE','missed',5,'123456789.123456789',NULL,NULL,1794495600123457,NULL,NULL,'expired_unseen',NULL,'fda',1,NULL,'sf-api-s5',1794495600123457,1794495661123458,'0','0','0','0',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'0');
CREATE TABLE execution (
    execution_id TEXT NOT NULL PRIMARY KEY,
    broker_order_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL REFERENCES bot_order (client_order_id),
    qty TEXT NOT NULL CHECK (qty NOT GLOB '*[^0-9.]*' AND qty <> ''),
    price TEXT NOT NULL CHECK (price NOT GLOB '*[^0-9.]*' AND price <> ''),
    at INTEGER NOT NULL,
    filled_qty_after TEXT NOT NULL CHECK (filled_qty_after NOT GLOB '*[^0-9.]*' AND filled_qty_after <> ''),
    position_qty TEXT CHECK (position_qty NOT GLOB '*[^0-9.-]*' AND position_qty <> ''),
    source TEXT NOT NULL CHECK (source IN ('stream', 'activity', 'inferred'))
) STRICT;
INSERT INTO "execution" VALUES('e1','b0','sf-api-s0','4','12.34',1794495600123457,'4','4','stream');
INSERT INTO "execution" VALUES('activity:a2','b0','sf-api-s0','6.500000001','12.4',1794495661123458,'10.500000001',NULL,'activity');
INSERT INTO "execution" VALUES('inferred:b1:3','b1','sf-api-s1','3','123456789.123456789',1794495661123458,'3',NULL,'inferred');
CREATE TABLE external_order (
    broker_order_id TEXT NOT NULL PRIMARY KEY,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    status TEXT NOT NULL,
    done INTEGER NOT NULL CHECK (done IN (0, 1)),
    filled_qty TEXT NOT NULL CHECK (filled_qty NOT GLOB '*[^0-9.]*' AND filled_qty <> ''),
    updated_at INTEGER,
    first_seen_at INTEGER NOT NULL
, taken TEXT NOT NULL DEFAULT '0' CHECK (taken NOT GLOB '*[^0-9.]*' AND taken <> ''), filled_avg_price TEXT
    CHECK (filled_avg_price NOT GLOB '*[^0-9.]*' AND filled_avg_price <> '')) STRICT;
INSERT INTO "external_order" VALUES('x1','mine','AAPL','sell','filled',1,'5',1794495661123458,1794495600123457,'0.000000001','13.4');
INSERT INTO "external_order" VALUES('x2','','KO','buy','new',0,'0',NULL,1794495600123457,'0',NULL);
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
INSERT INTO "halt" VALUES(1,'KO','looked up in vain','ledger',1794495600123457,NULL,NULL,NULL);
INSERT INTO "halt" VALUES(2,'all','I say so','owner',1794495600123457,1794495661123458,'owner','done');
CREATE TABLE holding (
    symbol TEXT NOT NULL PRIMARY KEY,
    opening TEXT NOT NULL CHECK (opening NOT GLOB '*[^0-9.-]*' AND opening <> ''),
    believed TEXT NOT NULL CHECK (believed NOT GLOB '*[^0-9.-]*' AND believed <> '')
) STRICT, WITHOUT ROWID;
INSERT INTO "holding" VALUES('AAPL','-2.5','3.000000001');
INSERT INTO "holding" VALUES('MSFT','123456789.123456789','123456792.623456789');
CREATE TABLE journal (
    seq INTEGER NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    ref TEXT NOT NULL,
    payload TEXT NOT NULL,
    hash TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT;
INSERT INTO "journal" VALUES(1,1794495600123457,'account_bound','account-1','{}','d7ed741c0e72c2c55b362c50ec52ebc2d45a5ee8013be9bbb65af25f9a31ef96');
INSERT INTO "journal" VALUES(2,1794495600123457,'adjusted','MSFT','{"evidence":"a9","qty":"0.5","reason":"SPLIT"}','78e81dd627057de5ae500eab5d330fbf636c2450c43fe6f58e14d723f5e898f4');
INSERT INTO "journal" VALUES(3,1794495600123457,'halted','KO','{"by":"ledger","reason":"looked up in vain"}','4c5d127a9b4049ce1247fb122cbd77c2540a2cd24fc8d04579de1ec5fa2659db');
INSERT INTO "journal" VALUES(4,1794495600123457,'halted','all','{"by":"owner","reason":"I say so"}','99603453ff0957653505b53230f4d70ab7b2aa0b1f31c5527f86a61056f0ebdb');
INSERT INTO "journal" VALUES(5,1794495661123458,'halts_cleared','all','{"by":"owner","halts":1,"reason":"done"}','9372b244183c7fee6f20ea265a4d8f5b94813e4df44288bfcfa8fa9e2778c7d8');
INSERT INTO "journal" VALUES(6,1794495661123458,'config_changed','owner','{"new":{"daily_loss_limit_usd":"500","enabled_catalyst_tiers":[1,3],"hard_stop_loss_pct":"6.5","max_concurrent_positions":3,"max_hold_duration_sec":0,"max_share_price_usd":"0","profit_target_pct":"10","trade_size_stars_3":"50","trade_size_stars_4":"75","trade_size_stars_5":"123.45","trailing_stop_dollar":"0","trailing_stop_pct":"0"},"old":{"daily_loss_limit_usd":"500","enabled_catalyst_tiers":[1,2,3,4],"hard_stop_loss_pct":"7","max_concurrent_positions":3,"max_hold_duration_sec":300,"max_share_price_usd":"0","profit_target_pct":"10","trade_size_stars_3":"50","trade_size_stars_4":"75","trade_size_stars_5":"100","trailing_stop_dollar":"0","trailing_stop_pct":"0"}}','787f24deb92c3b6e039b04d437e7b659383f8d94802e51e5f8aeee697b4f70fd');
INSERT INTO "journal" VALUES(7,1794495600123457,'config_changed','cli','{"new":{"denied_symbols":["GME"],"protective_stop":true},"old":{"denied_symbols":[],"protective_stop":false}}','9931d08586817c23ee1f1b27cd7633d42ce3a8ed9409ce5ad4b2782a4fb7b4e0');
CREATE TABLE lease (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    holder TEXT NOT NULL,
    renewed_at INTEGER
) STRICT;
INSERT INTO "lease" VALUES(1,1,'pid 1',1794495600123457);
CREATE TABLE ledger_meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
INSERT INTO "ledger_meta" VALUES('account_id','account-1');
INSERT INTO "ledger_meta" VALUES('watermark','1794495661123458');
INSERT INTO "ledger_meta" VALUES('books_opened_at','1794495600123457');
CREATE TABLE position (
    symbol TEXT NOT NULL PRIMARY KEY,
    qty TEXT NOT NULL CHECK (qty NOT GLOB '*[^0-9.-]*' AND qty <> ''),
    heard_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "position" VALUES('AAPL','3.000000001',1794495661123458);
INSERT INTO "position" VALUES('MSFT','123456789.123456789',1794495661123458);
INSERT INTO "position" VALUES('TSLA','-2',1794495661123458);
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
INSERT INTO "signal" VALUES(1,'api','s0','b507f193ef69dc1aef57eb92e8e0225b6a41bd755012917a65a115339cbdbe63','AAPL',1,'high','fda','123456789.123456789',1794495600123457,300,1794495600123457,'received',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "signal" VALUES(2,'api','s1','eefcbae1af876d1f414f56a771a3fe326a724eb177948cc4b9d17ae2fe34a88b','MSFT',1,'high','fda','123456789.123456789',1794495600123457,300,1794495600123457,'received',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "signal" VALUES(3,'api','s2','46175c846c25b895c5443903f65fdd477795f58158870780e9bb6ee85197517d','TSLA',1,'high','fda','123456789.123456789',1794495600123457,300,1794495600123457,'received',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "signal" VALUES(4,'api','s3','773635ae2a8ce7beebff2e1948abf9de7f6cf78e27740ca3d576b3a49bc5a037','KO',1,'high','fda','123456789.123456789',1794495600123457,300,1794495600123457,'received',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "signal" VALUES(5,'api','s4','5012904741f1cd7a8ee569589d41cae4afa73266984fa3200ab197d9bd1b844b','F',1,'high','fda','123456789.123456789',1794495600123457,300,1794495600123457,'received',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "signal" VALUES(6,'api','s5','19cd646e56284fcfd496f0bf2b64bd18681ed2fcd9d7af6196f8c1bc92d0ece9','GE',1,'high','fda','123456789.123456789',1794495600123457,300,1794495600123457,'received',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "signal" VALUES(7,'api','undecided','b507f193ef69dc1aef57eb92e8e0225b6a41bd755012917a65a115339cbdbe63','AAPL',1,'high','fda','123456789.123456789',1794495600123457,300,1794495600123457,'received',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX signal_by_state ON signal (state);
CREATE INDEX bot_trade_by_status ON bot_trade (status, symbol);
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
CREATE UNIQUE INDEX halt_active ON halt (scope, reason) WHERE cleared_at IS NULL;
CREATE INDEX external_order_open ON external_order (done) WHERE done = 0;
CREATE INDEX execution_by_order ON execution (client_order_id);
CREATE INDEX execution_not_streamed ON execution (client_order_id, filled_qty_after) WHERE source <> 'stream';
CREATE UNIQUE INDEX adjustment_by_evidence ON adjustment (evidence);
CREATE INDEX bot_order_by_life ON bot_order (life, planned_at);
CREATE INDEX bot_order_by_trade ON bot_order (trade_id, client_order_id);
CREATE UNIQUE INDEX bot_order_at_broker ON bot_order (broker_order_id) WHERE broker_order_id IS NOT NULL;
CREATE INDEX bot_order_by_time ON bot_order (planned_at, leg, trade_id);
CREATE INDEX bot_trade_by_symbol ON bot_trade (symbol, id);
CREATE INDEX bot_trade_by_exit ON bot_trade (exit_at) WHERE exit_at IS NOT NULL;
CREATE INDEX external_order_by_symbol ON external_order (symbol, updated_at);
COMMIT;
