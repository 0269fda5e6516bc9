-- The account's shares by our books, signed: at their opening, and by all that is known to have happened since.
CREATE TABLE holding (
    symbol TEXT NOT NULL PRIMARY KEY,
    opening TEXT NOT NULL CHECK (opening NOT GLOB '*[^0-9.-]*' AND opening <> ''),
    believed TEXT NOT NULL CHECK (believed NOT GLOB '*[^0-9.-]*' AND believed <> '')
) STRICT, WITHOUT ROWID;

-- Orders of the account that the ledger did not plan; their fills move its shares all the same.
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
) STRICT;

CREATE INDEX external_order_open ON external_order (done) WHERE done = 0;

ALTER TABLE bot_order ADD COLUMN silent_since INTEGER;

-- A CHECK cannot be altered, so the table is made anew. `filled_qty_after` sheds its last zeros on the way:
-- from here on the same quantity is the same text, and two tellings of one match can be told by it.
ALTER TABLE execution RENAME TO execution_of_0001;

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

INSERT INTO execution
SELECT execution_id, broker_order_id, client_order_id, qty, price, at,
    CASE WHEN instr(filled_qty_after, '.') THEN rtrim(rtrim(filled_qty_after, '0'), '.') ELSE filled_qty_after END,
    position_qty, source
FROM execution_of_0001 ORDER BY rowid;

DROP TABLE execution_of_0001;

CREATE INDEX execution_by_order ON execution (client_order_id);
-- These are few, so that a fill of the stream, which asks here whether it replaces one, loses no time.
CREATE INDEX execution_not_streamed ON execution (client_order_id, filled_qty_after) WHERE source <> 'stream';

-- The same evidence explains one difference once.
CREATE UNIQUE INDEX adjustment_by_evidence ON adjustment (evidence);

-- Which process may write. Whoever takes it raises the epoch, and every older epoch is refused.
CREATE TABLE lease (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    holder TEXT NOT NULL,
    renewed_at INTEGER
) STRICT;

INSERT INTO lease (id, epoch, holder, renewed_at) VALUES (1, 0, '', NULL);
