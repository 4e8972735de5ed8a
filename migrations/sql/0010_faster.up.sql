-- Reports go into the books ten thousand lines at a time, whatever the server knows of its tables.

-- Accounts ---------------------------------------------------------------------------------------------------

-- By code and currency, in their order; null for those that the book does not have. Many are looked up by reading the
-- book's accounts once: a plan that was made when there were few may take any index that begins with the book, and
-- would read them once for each.
CREATE FUNCTION ledger.find_accounts(book bigint, codes text[], of_currencies text[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET enable_nestloop = off SET enable_mergejoin = off AS $$
BEGIN
    IF cardinality(codes) < 100 THEN
        RETURN ARRAY(
            SELECT (SELECT a.account_id FROM ledger.accounts AS a
                    WHERE a.book_id = book AND a.code = w.code AND a.currency = w.currency)
            FROM unnest(codes, of_currencies) AS w (code, currency));
    END IF;
    RETURN ARRAY(
        SELECT a.account_id
        FROM unnest(codes, of_currencies) WITH ORDINALITY AS w (code, currency, place)
        LEFT JOIN ledger.accounts AS a ON a.book_id = book AND a.code = w.code AND a.currency = w.currency
        ORDER BY w.place);
END $$;

REVOKE EXECUTE ON FUNCTION ledger.find_accounts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.find_accounts TO clipledger_app;

-- A posting's account is looked up by its number alone, and IS TRUE hides the rest from every other index.
CREATE INDEX accounts_number ON ledger.accounts (account_id);

CREATE OR REPLACE FUNCTION ledger.apply_postings() RETURNS trigger
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
                     WHERE a.account_id = p.account_id AND (a.book_id = p.book_id AND a.currency = p.currency) IS TRUE),
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

-- Posts a batch in one statement. Entry i is (keys[i], effective_ons[i], …). Account j is codes[j] in
-- currencies[code_currencies[j]]. A line names its entry and its account by i and j, and its own number in the entry.
-- Returns one row per entry, in order; created is false where the key was there with the same digest.
-- Arrays are indexed, never joined: the plan is good for one entry and for ten thousand. (Indexing reaches any
-- number at once, but walks to a text: of texts only currencies is indexed, which is short.)
CREATE OR REPLACE FUNCTION ledger.post_entries(
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

    SELECT ledger.find_accounts(book, codes, ARRAY(SELECT currencies[number] FROM unnest(code_currencies) AS number)),
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

-- Sales ------------------------------------------------------------------------------------------------------

-- A sale is written once, whole, when all is known of it: its number comes first.
GRANT USAGE ON SEQUENCE settlement.sales_sale_id_seq TO clipledger_app;

-- Nobody may delete imports or sales, so that what rows refer to is there needs to be seen only as they arrive: once for
-- a statement, where a foreign key would look for each row.
CREATE FUNCTION settlement.refuse_orphans() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    orphan text;
BEGIN
    IF TG_TABLE_NAME = 'observations' THEN
        SELECT format('import %s of book %s', its.import_id, its.book_id) INTO orphan
        FROM (SELECT DISTINCT book_id, import_id FROM arrived) AS its
        WHERE NOT EXISTS (SELECT FROM settlement.imports AS i WHERE (i.book_id, i.import_id) = (its.book_id, its.import_id))
        LIMIT 1;
    ELSE
        SELECT format('sale %s of book %s', its.sale_id, its.book_id) INTO orphan
        FROM arrived AS its
        LEFT JOIN LATERAL (
            SELECT s.sale_id FROM settlement.sales AS s WHERE s.book_id = its.book_id AND s.sale_id = its.sale_id OFFSET 0
        ) AS known ON true
        WHERE known.sale_id IS NULL
        LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION '%.%: there is no %', TG_TABLE_SCHEMA, TG_TABLE_NAME, orphan USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;

ALTER TABLE settlement.observations DROP CONSTRAINT observations_import;
CREATE TRIGGER of_an_import AFTER INSERT ON settlement.observations
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_orphans();
ALTER TABLE settlement.accruals DROP CONSTRAINT accruals_sale;
CREATE TRIGGER of_a_sale AFTER INSERT ON settlement.accruals
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_orphans();

-- Of which clip a sale was told when it moved: a later report may tell of another. What moved before now is told of the
-- clip of which it has been told so far.
ALTER TABLE settlement.accruals ADD COLUMN submission_id bigint;
ALTER TABLE settlement.accruals DISABLE TRIGGER append_only;
UPDATE settlement.accruals AS its SET submission_id = sale.submission_id
FROM settlement.sales AS sale
WHERE sale.book_id = its.book_id AND sale.sale_id = its.sale_id AND sale.grant_id = its.grant_id
  AND sale.submission_id IS NOT NULL;
ALTER TABLE settlement.accruals ENABLE TRIGGER append_only;
CREATE INDEX accruals_of_clip ON settlement.accruals (submission_id, sale_id) WHERE submission_id IS NOT NULL;

-- Imports see by their number that none was removed, nor put back, while they read.
CREATE INDEX publications_removed ON licensing.publications (book_id) WHERE removed_at IS NOT NULL;
