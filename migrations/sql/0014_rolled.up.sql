-- What reports say of a large book, kept so that pages need not read all its sales and accounts; and an index.

-- The months of which this is kept, as of when, and what tells whether it is as it was: through which month the book was
-- locked, how often this month or one before it had been reopened, and how many entries were booked in it and before it
-- in months that were not locked.
CREATE TABLE settlement.rolled_months (
    book_id        bigint NOT NULL,
    month          date NOT NULL,
    locked_through date,
    reopenings     bigint NOT NULL,
    entries        bigint NOT NULL,
    as_of          timestamptz NOT NULL,
    PRIMARY KEY (book_id, month)
);

-- The rows of such a month's roll-forward, by parties or by their kinds, in order from place 1; in place 0 the totals, one
-- for each currency. A total is `proved` if each of its rows is.
CREATE TABLE settlement.rolled (
    book_id     bigint NOT NULL,
    month       date NOT NULL,
    by_party    boolean NOT NULL,
    place       bigint NOT NULL,
    party       text COLLATE "C" NOT NULL,
    currency    text COLLATE "C" NOT NULL,
    opening     numeric NOT NULL,
    earned      numeric NOT NULL,
    refunds     numeric NOT NULL,
    adjustments numeric NOT NULL,
    true_ups    numeric NOT NULL,
    withholding numeric NOT NULL,
    recoveries  numeric NOT NULL,
    payouts     numeric NOT NULL,
    closing     numeric NOT NULL,
    recoverable numeric NOT NULL,
    proved      boolean NOT NULL,
    PRIMARY KEY (book_id, month, by_party, place, currency)
);

-- A month is worked out anew as a whole.
GRANT SELECT, INSERT, DELETE ON settlement.rolled_months, settlement.rolled TO clipledger_app;

-- Reports as they were made of a large book at a moment: in place 0 the whole without its rows, then row by row, as JSON.
-- `told` counts the entries that the book had then, and the imports that had ended.
CREATE TABLE settlement.kept_reports (
    book_id bigint NOT NULL,
    name    text COLLATE "C" NOT NULL,
    place   bigint NOT NULL,
    content text NOT NULL,
    told    bigint NOT NULL,
    as_of   timestamptz NOT NULL,
    PRIMARY KEY (book_id, name, place)
);

GRANT SELECT, INSERT, DELETE ON settlement.kept_reports TO clipledger_app;

-- What is in suspense is counted and aged, by currency and day, on several pages.
CREATE INDEX sales_suspended ON settlement.sales (book_id, currency, sold_on) INCLUDE (suspense) WHERE rule IS NULL AND suspense <> 0;
