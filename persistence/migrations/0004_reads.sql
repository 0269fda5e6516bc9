-- What the lists are filtered and sorted by. A row that is added costs little more than before: where an index
-- was there already, it only carries more, so that a filter can be answered without a look at the rows.

-- Finds the undecided, oldest first, and counts; and filters by all that a list of signals is filtered by.
DROP INDEX signal_by_state;
CREATE INDEX signal_by_state ON signal (state, id, symbol, source);

-- Finds the last trade of a symbol; and sorts by notional.
DROP INDEX bot_trade_by_symbol;
CREATE INDEX bot_trade_by_symbol ON bot_trade (symbol, id, notional);

-- Binary fractions order the amounts, nothing more: what is told of an amount is its text.
CREATE INDEX bot_trade_by_pnl ON bot_trade (CAST(pnl AS REAL)) WHERE pnl IS NOT NULL;

-- Kinds are few, so it finds what a row is about as well: kind by kind.
CREATE INDEX journal_by_kind ON journal (kind, ref);
