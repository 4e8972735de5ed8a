-- What pages show of a book without reading its sales: sums that are worked out from time to time, what an import has
-- posted, and indexes for what is looked for on every page.

-- Since which day a book's sales, and the clicks on its clips, have been summed up, by what (`kinds`) and when. Without an end: `last_on` is
-- the last day of which anything was known.
CREATE TABLE settlement.sold_periods (
    book_id bigint NOT NULL,
    since   date NOT NULL,
    kinds   text[] NOT NULL,
    last_on date,
    as_of   timestamptz NOT NULL,
    PRIMARY KEY (book_id, since)
);

-- The rows of the performance report of such a period, by what they are (`kind`): the best by GMV in place 1; in place 0
-- the totals, one for each currency.
CREATE TABLE settlement.sold (
    book_id         bigint NOT NULL,
    since           date NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    place           bigint NOT NULL,
    currency        text COLLATE "C" NOT NULL,
    key             text COLLATE "C",
    within          text COLLATE "C",
    gmv             numeric NOT NULL,
    net_gmv         numeric NOT NULL,
    commission      numeric NOT NULL,
    host            numeric NOT NULL,
    clipper         numeric NOT NULL,
    agency          numeric NOT NULL,
    platform_fee    numeric NOT NULL,
    lines           bigint NOT NULL,
    orders          bigint NOT NULL,
    returned_orders bigint NOT NULL,
    clicks          numeric,
    PRIMARY KEY (book_id, since, kind, place, currency)
);

-- They are worked out anew as a whole.
GRANT SELECT, INSERT, DELETE ON settlement.sold_periods, settlement.sold TO clipledger_app;

-- What an import has posted, in short, once it is at its end; null for those that ended before this was kept.
ALTER TABLE settlement.imports ADD COLUMN posted jsonb;
GRANT UPDATE (posted) ON settlement.imports TO clipledger_app;

CREATE INDEX parked_rows_open ON settlement.parked_rows (book_id, import_id, parked_at) WHERE settled_at IS NULL;

-- The condition always holds; only who asks for a book's months states it.
CREATE INDEX entries_periods ON ledger.entries (book_id, period) WHERE line_count > 0;
