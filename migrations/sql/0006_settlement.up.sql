-- Settlement: reports as they came, what they said of each order line, whose each sale is, and what of it is in the books.
--
-- Observations are never changed: a later report says what it knows beside what an earlier one knew. A sale is one order
-- line, (marketplace, order, line), as its newest observation tells it; newest is decided by the report's own as-of, then
-- by its hash and the row, so that the order in which reports arrive changes nothing. What is posted for a sale is always
-- the difference between where it ought to stand and where it stood (`sales.posted…`), and each difference is on record
-- (`accruals`), with the entry that booked it.

CREATE SCHEMA settlement;
GRANT USAGE ON SCHEMA settlement TO clipledger_app;

CREATE FUNCTION settlement.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;

-- Reports ----------------------------------------------------------------------------------------------------

-- One file. The bytes lie in the object store under `key`; `rows_read` and `bytes_read` tell how far it is, and where a
-- run that was broken off goes on.
CREATE TABLE settlement.imports (
    book_id      bigint NOT NULL,
    import_id    bigint GENERATED ALWAYS AS IDENTITY,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 500),
    sha256       text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size         bigint NOT NULL CHECK (size >= 0),
    key          text COLLATE "C",
    format       text COLLATE "C" NOT NULL,
    columns      text[] NOT NULL,  -- of the file, as the raw texts of its rows follow them
    as_of        timestamptz NOT NULL,
    zone         text COLLATE "C" NOT NULL,
    on_fault     text COLLATE "C" NOT NULL CHECK (on_fault IN ('park', 'refuse')),
    state        text COLLATE "C" NOT NULL DEFAULT 'reading' CHECK (state IN ('reading', 'done', 'refused')),
    rows_read    bigint NOT NULL DEFAULT 0,
    bytes_read   bigint NOT NULL DEFAULT 0,
    parked       bigint NOT NULL DEFAULT 0,  -- rows that could not be read exactly
    changed      bigint NOT NULL DEFAULT 0,  -- sales that came or moved
    failure      jsonb,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    PRIMARY KEY (book_id, import_id),
    CONSTRAINT imports_finished CHECK ((state = 'reading') = (finished_at IS NULL))
);

-- A file is read in once; one that was refused may be sent again, to be read in another way.
CREATE UNIQUE INDEX imports_file ON settlement.imports (book_id, sha256) WHERE state <> 'refused';

CREATE TABLE settlement.observations (
    book_id     bigint NOT NULL,
    import_id   bigint NOT NULL,
    row_no      bigint NOT NULL CHECK (row_no >= 1),
    marketplace text COLLATE "C" NOT NULL,
    order_no    text COLLATE "C" NOT NULL,
    line_no     text COLLATE "C" NOT NULL,
    currency    text COLLATE "C" NOT NULL,
    product     text COLLATE "C" NOT NULL,
    quantity    bigint NOT NULL,
    refunded    bigint NOT NULL,
    gmv         bigint NOT NULL,
    net_gmv     bigint NOT NULL,
    estimated   bigint NOT NULL,
    actual      bigint NOT NULL,
    due         bigint NOT NULL,
    state       text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'frozen', 'settled', 'void')),
    platform    text COLLATE "C",
    handle      text COLLATE "C",
    content_id  text COLLATE "C",
    tracking_id text COLLATE "C",
    territory   text COLLATE "C",
    placed_at   timestamptz,
    settled_at  timestamptz,
    raw         text[] NOT NULL,
    PRIMARY KEY (book_id, import_id, row_no),
    CONSTRAINT observations_import FOREIGN KEY (book_id, import_id) REFERENCES settlement.imports
);

CREATE INDEX observations_of_line ON settlement.observations (order_no, line_no, book_id);

-- Rows that could not be read exactly, until a person has looked at them.
CREATE TABLE settlement.parked_rows (
    book_id     bigint NOT NULL,
    import_id   bigint NOT NULL,
    row_no      bigint NOT NULL,
    column_name text,
    value       text,
    rule        text NOT NULL,
    raw         text[] NOT NULL,
    parked_at   timestamptz NOT NULL DEFAULT now(),
    settled_by  text,
    settled_at  timestamptz,
    reason      text,
    PRIMARY KEY (book_id, import_id, row_no),
    CONSTRAINT parked_rows_import FOREIGN KEY (book_id, import_id) REFERENCES settlement.imports
);

-- Sales ------------------------------------------------------------------------------------------------------

-- What a person has decided of sales that no rule could attribute, and every later sale like them.
-- `matches`: content:ID, handle:PLATFORM:HANDLE, tracking:MARKETPLACE:ID, or sale:MARKETPLACE:ORDER:LINE for one alone.
CREATE TABLE settlement.resolutions (
    book_id       bigint NOT NULL,
    resolution_id bigint GENERATED ALWAYS AS IDENTITY,
    matches       text COLLATE "C" NOT NULL,
    grant_id      bigint NOT NULL,  -- licensing.grants
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    resolved_by   text NOT NULL,
    resolved_at   timestamptz NOT NULL DEFAULT now(),
    withdrawn_by  text,
    withdrawn_at  timestamptz,
    swept_to      bigint DEFAULT 0,  -- sales up to this number follow it, made or withdrawn; null when all do
    PRIMARY KEY (book_id, resolution_id),
    CONSTRAINT resolutions_withdrawn CHECK ((withdrawn_by IS NULL) = (withdrawn_at IS NULL))
);

CREATE UNIQUE INDEX resolutions_one ON settlement.resolutions (book_id, matches) WHERE withdrawn_at IS NULL;
CREATE INDEX resolutions_to_sweep ON settlement.resolutions (book_id, resolution_id) WHERE swept_to IS NOT NULL;

-- One order line: what is known of it now, whose it is, and where it stands in the books.
CREATE TABLE settlement.sales (
    book_id       bigint NOT NULL,
    sale_id       bigint GENERATED ALWAYS AS IDENTITY,
    marketplace   text COLLATE "C" NOT NULL,
    order_no      text COLLATE "C" NOT NULL,
    line_no       text COLLATE "C" NOT NULL,
    -- As its newest observation tells it.
    as_of         timestamptz NOT NULL,
    sha256        text COLLATE "C" NOT NULL,
    import_id     bigint NOT NULL,
    row_no        bigint NOT NULL,
    currency      text COLLATE "C" NOT NULL,
    product       text COLLATE "C" NOT NULL,
    gmv           bigint NOT NULL,
    net_gmv       bigint NOT NULL,
    due           bigint NOT NULL,
    state         text COLLATE "C" NOT NULL,
    platform      text COLLATE "C",
    handle        text COLLATE "C",
    content_id    text COLLATE "C",
    tracking_id   text COLLATE "C",
    territory     text COLLATE "C",
    sold_at       timestamptz NOT NULL,  -- when it was placed; by the report's as-of where it does not say
    sold_on       date NOT NULL,  -- by the book's calendar
    settled_at    timestamptz,
    -- Whose it is: `rule` is content, handle, tracking, resolution, or null in suspense; `reason` says why there.
    rule          text COLLATE "C",
    confidence    smallint NOT NULL DEFAULT 0 CHECK (confidence BETWEEN 0 AND 100),
    grant_id      bigint,
    clipper_id    bigint,
    submission_id bigint,
    offer_id      bigint,
    version_no    integer,
    reason        text,
    -- Where it stands in the books: its parts in minor units, and in which accounts the earning parties' lie.
    change_no     integer NOT NULL DEFAULT 0,
    posted        bigint NOT NULL DEFAULT 0,
    suspense      bigint NOT NULL DEFAULT 0,
    platform_part bigint NOT NULL DEFAULT 0,
    agency_part   bigint NOT NULL DEFAULT 0,
    host_part     bigint NOT NULL DEFAULT 0,
    clipper_part  bigint NOT NULL DEFAULT 0,
    agency_id     bigint,
    tier          bigint NOT NULL DEFAULT 0,
    fee_earned    boolean NOT NULL DEFAULT false,  -- the platform's part is income, no longer deferred
    stage         text COLLATE "C" NOT NULL DEFAULT 'held' CHECK (stage IN ('held', 'available', 'frozen')),
    reserved      bigint NOT NULL DEFAULT 0,  -- of the clipper's part, kept back
    release_on    date,  -- first day on which its hold has ended; null while it has not settled
    reserve_until date,
    PRIMARY KEY (book_id, sale_id),
    CONSTRAINT sales_line UNIQUE (order_no, line_no, marketplace, book_id),
    CONSTRAINT sales_parts CHECK (posted = suspense + platform_part + agency_part + host_part + clipper_part),
    CONSTRAINT sales_suspense CHECK (suspense = 0 OR platform_part = 0 AND agency_part = 0 AND host_part = 0 AND clipper_part = 0)
);

-- Only the key begins with the book. The server takes a book that it has not looked at lately for a few rows, and would
-- then look for one sale by reading the book's part of whichever index begins with it.
CREATE INDEX sales_in_suspense ON settlement.sales (book_id, sale_id) WHERE rule IS NULL;
CREATE INDEX sales_to_release ON settlement.sales (book_id, release_on) WHERE stage = 'held' AND release_on IS NOT NULL;
CREATE INDEX sales_frozen ON settlement.sales (book_id, sale_id) WHERE stage = 'frozen';
CREATE INDEX sales_reserved ON settlement.sales (book_id, reserve_until) WHERE reserved <> 0;
CREATE INDEX sales_of_clipper ON settlement.sales (clipper_id, book_id, sold_on);
CREATE INDEX sales_of_grant ON settlement.sales (book_id, grant_id) WHERE grant_id IS NOT NULL;

-- Each difference that was posted for a sale: why, by which entry, and where the sale stood afterwards.
CREATE TABLE settlement.accruals (
    book_id       bigint NOT NULL,
    sale_id       bigint NOT NULL,
    change_no     integer NOT NULL CHECK (change_no >= 1),
    cause         text COLLATE "C" NOT NULL CHECK (cause IN
                  ('observed', 'attributed', 'released', 'reserve-released', 'frozen', 'unfrozen', 'forfeited')),
    entry_id      bigint NOT NULL,  -- ledger.entries
    import_id     bigint,
    row_no        bigint,
    due           bigint NOT NULL,
    suspense      bigint NOT NULL,
    platform_part bigint NOT NULL,
    agency_part   bigint NOT NULL,
    host_part     bigint NOT NULL,
    clipper_part  bigint NOT NULL,
    reserved      bigint NOT NULL,
    stage         text COLLATE "C" NOT NULL,
    grant_id      bigint,
    version_no    integer,
    tier          bigint NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, sale_id, change_no),
    CONSTRAINT accruals_sale FOREIGN KEY (book_id, sale_id) REFERENCES settlement.sales
);

CREATE INDEX accruals_of_entry ON settlement.accruals (book_id, entry_id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.observations
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.accruals
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();

-- What was read and posted is never changed; a sale is where it stands now.
GRANT SELECT, INSERT, UPDATE (key, state, rows_read, bytes_read, parked, changed, failure, finished_at)
    ON settlement.imports TO clipledger_app;
GRANT SELECT, INSERT ON settlement.observations, settlement.accruals TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (settled_by, settled_at, reason) ON settlement.parked_rows TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (withdrawn_by, withdrawn_at, swept_to) ON settlement.resolutions TO clipledger_app;
GRANT SELECT, INSERT, UPDATE ON settlement.sales TO clipledger_app;
