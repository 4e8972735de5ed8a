-- The ledger: a double-entry set of books whose rules the database itself holds.
--
-- Seven invariants (docs/ledger.md); where each lives:
--   1 an entry's postings sum to zero per currency, and none joins later ... apply_postings
--   2 entries and postings are append-only ................................. refuse_change
--   3 a posting has its account's currency and book ........................ apply_postings
--   4 (book, idempotency key) is unique ..................................... entries_idempotency_key, post_entries
--   5 nothing is posted into a locked period ................................ accept_entries
--   6 movements equal the sum of postings, kept in the same statement ....... apply_postings
--   7 sealed entries can't change unseen .................................... seals, sealed_entries
--
-- Every tenant table's keys begin with book_id and every trigger is a statement trigger over a transition
-- table, so that the same schema can be distributed by book.

CREATE SCHEMA ledger;
GRANT USAGE ON SCHEMA ledger TO clipledger_app;

-- ISO 4217: the active national currencies with 0, 2 or 3 decimals. -----------------------------------------

CREATE TABLE ledger.currencies (
    code     text COLLATE "C" PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
    exponent smallint NOT NULL CHECK (exponent IN (0, 2, 3))
);

INSERT INTO ledger.currencies (exponent, code)
SELECT 0, regexp_split_to_table('BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF', '\s+')
UNION ALL SELECT 2, regexp_split_to_table('AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP
    CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
    MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE
    SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR
    ZMW ZWG', '\s+')
UNION ALL SELECT 3, regexp_split_to_table('BHD IQD JOD KWD LYD OMR TND', '\s+');

-- Books and accounts -----------------------------------------------------------------------------------------

CREATE TABLE ledger.books (
    book_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug      text COLLATE "C" NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 63),
    name      text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    time_zone text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ledger.accounts (
    book_id    bigint NOT NULL REFERENCES ledger.books,
    account_id bigint GENERATED ALWAYS AS IDENTITY,
    code       text COLLATE "C" NOT NULL CHECK (length(code) <= 200 AND code ~ '^[a-z]+(:[A-Za-z0-9][A-Za-z0-9_.-]*)+$'),
    currency   text COLLATE "C" NOT NULL REFERENCES ledger.currencies,
    kind       text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
                   CASE split_part(code, ':', 1)
                       WHEN 'assets' THEN 'asset'
                       WHEN 'liabilities' THEN 'liability'
                       WHEN 'income' THEN 'income'
                       WHEN 'expenses' THEN 'expense'
                       WHEN 'equity' THEN 'equity'
                   END) STORED,
    -- How many movement rows a day's postings are spread over, so that concurrent writers don't queue for one.
    stripes    smallint NOT NULL DEFAULT 1 CHECK (stripes BETWEEN 1 AND 64),
    opened_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, account_id),
    CONSTRAINT accounts_code UNIQUE (book_id, code, currency)
);

-- Entries and postings ---------------------------------------------------------------------------------------

CREATE SEQUENCE ledger.entry_id AS bigint;

CREATE TABLE ledger.entries (
    book_id         bigint NOT NULL,
    entry_id        bigint NOT NULL CHECK (entry_id >= 1),
    idempotency_key text COLLATE "C" NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    effective_on    date NOT NULL,  -- when it happened
    period          date NOT NULL,  -- first day of the month it is booked in; later than effective_on's for a late fact
    recorded_at     timestamptz NOT NULL DEFAULT now(),  -- when we learned it; not the writer's to set
    description     text NOT NULL CHECK (length(description) BETWEEN 1 AND 1000),
    metadata        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    reverses        bigint,
    line_count      integer NOT NULL CHECK (line_count BETWEEN 2 AND 100000),
    digest          bytea NOT NULL CHECK (length(digest) = 32),  -- SHA-256 of the content, see ledger/seals.py
    transaction_id  xid8 NOT NULL DEFAULT pg_current_xact_id(),  -- sealing order; not the writer's to set
    PRIMARY KEY (book_id, entry_id),
    CONSTRAINT entries_idempotency_key UNIQUE (book_id, idempotency_key),
    CONSTRAINT entries_reverses FOREIGN KEY (book_id, reverses) REFERENCES ledger.entries,
    CONSTRAINT entries_period_is_a_month CHECK (extract(day FROM period) = 1),
    CONSTRAINT entries_period_not_before_effect CHECK (effective_on < period + interval '1 month'),
    -- The years that a program can read back; infinity, which has no day, would pass for a month.
    CONSTRAINT entries_dates_within_calendar CHECK (effective_on >= '0001-01-01' AND period <= '9999-12-01')
);

CREATE UNIQUE INDEX entries_reversed_once ON ledger.entries (book_id, reverses) WHERE reverses IS NOT NULL;
-- The condition always holds. It keeps the index out of every plan but that of sealing, which states it.
CREATE INDEX entries_sealing_order ON ledger.entries (book_id, transaction_id, entry_id) WHERE line_count > 0;

-- The entry's dates stand on each line too: they order an account's postings and place its movements.
CREATE TABLE ledger.postings (
    book_id      bigint NOT NULL,
    entry_id     bigint NOT NULL,
    account_id   bigint NOT NULL,
    amount       bigint NOT NULL CHECK (amount <> 0),  -- minor units; debit positive, credit negative
    line         integer NOT NULL CHECK (line >= 1),
    effective_on date NOT NULL,
    period       date NOT NULL,
    currency     text COLLATE "C" NOT NULL,
    PRIMARY KEY (book_id, entry_id, line)
);

CREATE INDEX postings_of_account ON ledger.postings (book_id, account_id, effective_on, entry_id, line);

-- What an account moved per day of effect and day of recording (the book's calendar). Every balance is a sum of
-- movements, so "now", "as of a date" and "as known on a date" cost the same and read no posting.
CREATE TABLE ledger.movements (
    book_id      bigint NOT NULL,
    account_id   bigint NOT NULL,
    period       date NOT NULL,
    effective_on date NOT NULL,
    recorded_on  date NOT NULL,
    stripe       smallint NOT NULL,
    amount       bigint NOT NULL,
    PRIMARY KEY (book_id, account_id, period, effective_on, recorded_on, stripe)
) WITH (fillfactor = 70);

-- Periods: books are locked through a month, never a month in between. ---------------------------------------

CREATE TABLE ledger.period_locks (
    book_id   bigint NOT NULL REFERENCES ledger.books,
    period    date NOT NULL CHECK (extract(day FROM period) = 1 AND period >= '0001-01-01'),
    locked_at timestamptz NOT NULL DEFAULT now(),
    locked_by text NOT NULL,
    PRIMARY KEY (book_id, period)
);

-- Seals: entries in sealing order, hashed into Merkle trees (RFC 6962), each seal chained to the one before. --

CREATE TABLE ledger.seals (
    book_id             bigint NOT NULL REFERENCES ledger.books,
    seal_no             integer NOT NULL CHECK (seal_no >= 1),
    entry_count         integer NOT NULL CHECK (entry_count >= 1),
    merkle_root         bytea NOT NULL CHECK (length(merkle_root) = 32),
    seal_hash           bytea NOT NULL CHECK (length(seal_hash) = 32),
    last_transaction_id xid8 NOT NULL,
    last_entry_id       bigint NOT NULL,
    sealed_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, seal_no)
);

CREATE TABLE ledger.sealed_entries (
    book_id   bigint NOT NULL,
    seal_no   integer NOT NULL,
    leaf_no   integer NOT NULL,
    entry_id  bigint NOT NULL,
    leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
    PRIMARY KEY (book_id, seal_no, leaf_no),
    CONSTRAINT sealed_once UNIQUE (book_id, entry_id)
);

-- The rules --------------------------------------------------------------------------------------------------

-- Posters hold this shared, whoever locks a period holds it alone: none can slip into a month being locked.
CREATE FUNCTION ledger.hold_periods_open(book bigint) RETURNS void
LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock_shared(4217, (book % 2147483647)::integer)
$$;

CREATE FUNCTION ledger.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'LG002',
        MESSAGE = format('%s of %I.%I refused: it is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
        HINT = 'Correct an entry by a reversing entry.';
END $$;

CREATE FUNCTION ledger.accept_entries() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    fault record;
BEGIN
    -- An older snapshot could miss a period locked since.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'LG009', MESSAGE = 'entries are posted in READ COMMITTED transactions';
    END IF;
    PERFORM ledger.hold_periods_open(b.book_id) FROM (SELECT DISTINCT book_id FROM arrived) AS b;

    SELECT * INTO fault
    FROM (
        SELECT a.*,
               EXISTS (SELECT FROM ledger.period_locks AS l WHERE l.book_id = a.book_id AND l.period >= a.period) AS locked,
               (SELECT true FROM ledger.postings AS p
                WHERE p.book_id = a.book_id AND p.entry_id = a.entry_id AND p.line = 1) IS TRUE AS has_lines,
               a.reverses IS NULL OR a.reverses < a.entry_id AND NOT EXISTS (
                       SELECT FROM ledger.postings AS p
                       WHERE p.book_id = a.book_id AND p.entry_id IN (a.entry_id, a.reverses)
                       GROUP BY p.account_id HAVING sum(p.amount) <> 0) AS mirrors
        FROM arrived AS a
    ) AS judged
    WHERE locked OR NOT has_lines OR NOT mirrors OR recorded_at <> now() OR transaction_id <> pg_current_xact_id()
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF fault.locked THEN
        RAISE EXCEPTION USING ERRCODE = 'LG005', DETAIL = to_char(fault.period, 'YYYY-MM'),
            MESSAGE = format('entry %s is booked in %s, which is locked', fault.idempotency_key, to_char(fault.period, 'YYYY-MM'));
    ELSIF NOT fault.has_lines THEN
        RAISE EXCEPTION USING ERRCODE = 'LG001',
            MESSAGE = format('entry %s has no lines: an entry and its lines arrive in one statement', fault.idempotency_key);
    ELSIF NOT fault.mirrors THEN
        RAISE EXCEPTION USING ERRCODE = 'LG007', DETAIL = fault.reverses::text,
            MESSAGE = format('entry %s is not the mirror of an earlier entry %s', fault.idempotency_key, fault.reverses);
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'LG001',
        MESSAGE = format('entry %s: the time and the transaction of recording are not the writer''s to set', fault.idempotency_key);
END $$;

CREATE FUNCTION ledger.accept_locks() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault record;
BEGIN
    -- Wait for the entries being posted; those that come later wait for this transaction and then see the lock.
    PERFORM pg_advisory_xact_lock(4217, (a.book_id % 2147483647)::integer) FROM arrived AS a ORDER BY a.book_id;

    SELECT a.period, b.time_zone, l.period AS locked INTO fault
    FROM arrived AS a
    JOIN ledger.books AS b ON b.book_id = a.book_id
    LEFT JOIN ledger.period_locks AS l ON l.book_id = a.book_id AND l.period > a.period
    WHERE l.period IS NOT NULL OR a.period + interval '1 month' > (now() AT TIME ZONE b.time_zone)::date
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = CASE WHEN fault.locked IS NULL THEN 'LG006' ELSE 'LG005' END,
            DETAIL = to_char(fault.period, 'YYYY-MM'),
            MESSAGE = format('a month that has ended in %s and comes after those locked before', fault.time_zone);
    END IF;
    RETURN NULL;
END $$;

-- Never returns; typed so that it can stand where a stripe would.
CREATE FUNCTION ledger.refuse_account(account bigint, currency text) RETURNS integer
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'LG003',
        MESSAGE = format('a line is on account %s in %s, which the book does not have', account, currency);
END $$;

CREATE FUNCTION ledger.apply_postings() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    fault record;
BEGIN
    -- Each currency balanced, each entry whole: line_count lines with its dates, all in this statement. They are
    -- numbered up to line_count, and the primary key lets no number come twice: so none is left to join later.
    -- OFFSET 0 makes it one primary-key look-up for each entry, whatever the planner believes of the tables.
    SELECT * INTO fault
    FROM (
        SELECT book_id, entry_id, sum(lines) AS lines, max(last_line) AS last_line,
               max(currency || ' ' || total) FILTER (WHERE total <> 0) AS imbalance,
               min(effective_on) AS first_effect, max(effective_on) AS last_effect,
               min(period) AS first_period, max(period) AS last_period
        FROM (
            SELECT book_id, entry_id, currency, effective_on, period, count(*) AS lines,
                   max(line) AS last_line, sum(amount) AS total
            FROM arrived
            GROUP BY book_id, entry_id, currency, effective_on, period
        ) AS per_currency
        GROUP BY book_id, entry_id
    ) AS x
    LEFT JOIN LATERAL (
        SELECT e.line_count, e.effective_on, e.period FROM ledger.entries AS e
        WHERE e.book_id = x.book_id AND e.entry_id = x.entry_id OFFSET 0
    ) AS e ON true
    WHERE imbalance IS NOT NULL
       OR (lines, last_line, first_effect, last_effect, first_period, last_period)
          IS DISTINCT FROM (e.line_count::numeric, e.line_count, e.effective_on, e.effective_on, e.period, e.period)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG001', MESSAGE = CASE
            WHEN fault.imbalance IS NOT NULL THEN format('entry %s does not sum to zero: %s', fault.entry_id, fault.imbalance)
            ELSE format('entry %s is not whole: all its lines arrive in one statement, with its dates', fault.entry_id)
        END;
    END IF;

    -- One row at a time in key order: two writers never wait for one another in a circle.
    INSERT INTO ledger.movements AS m (book_id, account_id, period, effective_on, recorded_on, stripe, amount)
    SELECT p.book_id, p.account_id, p.period, p.effective_on,
           (now() AT TIME ZONE b.time_zone)::date,
           coalesce((SELECT pg_backend_pid() % a.stripes FROM ledger.accounts AS a
                     WHERE a.book_id = p.book_id AND a.account_id = p.account_id AND a.currency = p.currency),
                    ledger.refuse_account(p.account_id, p.currency)),
           p.amount
    FROM (
        SELECT book_id, account_id, period, effective_on, currency, sum(amount) AS amount
        FROM arrived GROUP BY 1, 2, 3, 4, 5
    ) AS p
    LEFT JOIN ledger.books AS b ON b.book_id = p.book_id  -- a line of no book must not vanish here
    ORDER BY 1, 2, 3, 4
    ON CONFLICT (book_id, account_id, period, effective_on, recorded_on, stripe)
    DO UPDATE SET amount = m.amount + excluded.amount;
    RETURN NULL;
END $$;

CREATE TRIGGER accept_entries AFTER INSERT ON ledger.entries
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION ledger.accept_entries();
CREATE TRIGGER accept_locks AFTER INSERT ON ledger.period_locks
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION ledger.accept_locks();
CREATE TRIGGER apply_postings AFTER INSERT ON ledger.postings
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION ledger.apply_postings();
-- Movements move through postings alone: their trigger is one deep, a writer's own statement is not.
CREATE TRIGGER kept_by_postings BEFORE INSERT OR UPDATE ON ledger.movements
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON ledger.movements
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.currencies
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.books
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.accounts
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.postings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.period_locks
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.seals
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.sealed_entries
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- Posting ----------------------------------------------------------------------------------------------------

-- Posts a batch in one statement. Entry i is (keys[i], effective_ons[i], …). Account j is codes[j] in
-- currencies[code_currencies[j]]. A line names its entry and its account by i and j, and its own number in the entry.
-- Returns one row per entry, in order; created is false where the key was there with the same digest.
-- Arrays are indexed, never joined: the plan is good for one entry and for ten thousand. (Indexing reaches any
-- number at once, but walks to a text: of texts only currencies is indexed, which is short.)
CREATE FUNCTION ledger.post_entries(
    book bigint,
    keys text[], effective_ons date[], periods date[], descriptions text[], metadatas jsonb[], reversed_ids bigint[],
    line_counts integer[], digests bytea[],
    currencies text[], codes text[], code_currencies integer[],
    line_entries integer[], line_numbers integer[], line_codes integer[], line_amounts bigint[]
) RETURNS TABLE (entry_id bigint, recorded_at timestamptz, created boolean)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    account_ids bigint[];
    entry_ids   bigint[];
    posted      bigint;
    fault       record;
BEGIN
    -- Before any row lock, or a writer waiting here could hold what a writer inside waits for.
    PERFORM ledger.hold_periods_open(book);
    -- The keys' order is not that of what they reverse: two batches could wait for one another in a circle.
    IF cardinality(array_remove(reversed_ids, NULL)) > 1 THEN
        PERFORM pg_advisory_xact_lock(4219, (book % 2147483647)::integer);
    END IF;

    SELECT ARRAY(SELECT (SELECT a.account_id FROM ledger.accounts AS a
                         WHERE a.book_id = book AND a.code = w.code AND a.currency = currencies[w.currency])
                 FROM unnest(codes, code_currencies) AS w (code, currency)),
           ARRAY(SELECT nextval('ledger.entry_id') FROM generate_series(1, cardinality(keys)))
    INTO account_ids, entry_ids;
    IF array_position(account_ids, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'LG003', DETAIL = array_position(account_ids, NULL)::text,
            MESSAGE = 'must be an account of this book';
    END IF;

    WITH arrived AS (
        INSERT INTO ledger.entries
            (book_id, entry_id, idempotency_key, effective_on, period, description, metadata, reverses, line_count, digest)
        SELECT book, entry_ids[w.place], w.key, w.effective_on, w.period, w.description, w.metadata, w.reverses, w.line_count, w.digest
        FROM unnest(keys, effective_ons, periods, descriptions, metadatas, reversed_ids, line_counts, digests)
            WITH ORDINALITY AS w (key, effective_on, period, description, metadata, reverses, line_count, digest, place)
        ORDER BY w.key, w.place
        ON CONFLICT (book_id, idempotency_key) DO NOTHING
        RETURNING entry_id
    )
    INSERT INTO ledger.postings (book_id, entry_id, account_id, amount, line, effective_on, period, currency)
    SELECT book, entry_ids[line_entries[i]], account_ids[line_codes[i]], line_amounts[i], line_numbers[i],
           effective_ons[line_entries[i]], periods[line_entries[i]], currencies[code_currencies[line_codes[i]]]
    FROM generate_series(1, cardinality(line_entries)) AS i
    WHERE (entry_ids[line_entries[i]] IN (SELECT a.entry_id FROM arrived AS a)) IS TRUE;  -- IS TRUE keeps it a hashed look-up
    GET DIAGNOSTICS posted = ROW_COUNT;

    IF posted = cardinality(line_entries) THEN
        RETURN QUERY SELECT id, now(), true FROM unnest(entry_ids) AS id;
        RETURN;
    END IF;

    SELECT w.key, e.entry_id INTO fault FROM unnest(keys, digests) AS w (key, digest)
    JOIN ledger.entries AS e ON e.book_id = book AND e.idempotency_key = w.key AND e.digest <> w.digest LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG004', DETAIL = fault.key,
            MESSAGE = format('idempotency key %s was used for entry %s, which has other content', fault.key, fault.entry_id);
    END IF;
    RETURN QUERY
        SELECT e.entry_id, e.recorded_at, e.entry_id = entry_ids[w.place]
        FROM unnest(keys) WITH ORDINALITY AS w (key, place)
        JOIN ledger.entries AS e ON e.book_id = book AND e.idempotency_key = w.key
        ORDER BY w.place;
END $$;

-- What the service may do: add, never change. Balances move only through postings. -----------------------------

GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO clipledger_app;
GRANT INSERT (slug, name, time_zone) ON ledger.books TO clipledger_app;
GRANT INSERT (book_id, code, currency, stripes) ON ledger.accounts TO clipledger_app;
GRANT INSERT (book_id, entry_id, idempotency_key, effective_on, period, description, metadata, reverses, line_count, digest)
    ON ledger.entries TO clipledger_app;
GRANT INSERT ON ledger.postings TO clipledger_app;
GRANT INSERT (book_id, period, locked_by) ON ledger.period_locks TO clipledger_app;
GRANT INSERT (book_id, seal_no, entry_count, merkle_root, seal_hash, last_transaction_id, last_entry_id) ON ledger.seals TO clipledger_app;
GRANT INSERT ON ledger.sealed_entries TO clipledger_app;
GRANT USAGE ON SEQUENCE ledger.entry_id TO clipledger_app;
-- Whoever may execute apply_postings could make it the trigger of a table of their own, and movements of its rows.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.hold_periods_open, ledger.post_entries TO clipledger_app;
