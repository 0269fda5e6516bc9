-- What the account was worth and how the day stood, a row a minute at most, thinned out as it gets old. Nothing
-- is decided by it, and it is no part of what the journal tells.
CREATE TABLE equity_sample (
    at INTEGER NOT NULL PRIMARY KEY,
    equity TEXT NOT NULL CHECK (equity NOT GLOB '*[^0-9.-]*' AND equity <> ''),
    realised TEXT NOT NULL CHECK (realised NOT GLOB '*[^0-9.-]*' AND realised <> ''),
    open TEXT NOT NULL CHECK (open NOT GLOB '*[^0-9.-]*' AND open <> ''),
    exposure TEXT NOT NULL CHECK (exposure NOT GLOB '*[^0-9.-]*' AND exposure <> '')
) STRICT;
