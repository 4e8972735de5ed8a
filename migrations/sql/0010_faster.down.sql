DROP INDEX licensing.publications_removed;
ALTER TABLE settlement.accruals DROP COLUMN submission_id;
DROP TRIGGER of_a_sale ON settlement.accruals;
ALTER TABLE settlement.accruals
    ADD CONSTRAINT accruals_sale FOREIGN KEY (book_id, sale_id) REFERENCES settlement.sales;
DROP TRIGGER of_an_import ON settlement.observations;
ALTER TABLE settlement.observations
    ADD CONSTRAINT observations_import FOREIGN KEY (book_id, import_id) REFERENCES settlement.imports;
DROP FUNCTION settlement.refuse_orphans;

REVOKE USAGE ON SEQUENCE settlement.sales_sale_id_seq FROM clipledger_app;
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

DROP INDEX ledger.accounts_number;
DROP FUNCTION ledger.find_accounts;
