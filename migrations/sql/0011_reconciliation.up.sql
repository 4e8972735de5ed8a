-- Reconciliation: what banks and rails say they have booked, beside what the ledger says.
--
-- Lines from outside are kept as they came. A month of an account is matched by rules or by hand; what does not match is
-- a residual. One person submits, another signs; what was signed is never changed.

-- A bank's file, kept whole in the object store under `key`. `statements` are what it says of balances.
CREATE TABLE settlement.bank_files (
    book_id    bigint NOT NULL,
    file_id    bigint GENERATED ALWAYS AS IDENTITY,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 500),
    sha256     text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size       bigint NOT NULL CHECK (size >= 0),
    key        text COLLATE "C" NOT NULL,
    format     text COLLATE "C" NOT NULL CHECK (format IN ('camt.053', 'csv')),
    lines      integer NOT NULL,
    new_lines  integer NOT NULL,  -- that no earlier file had
    parked     integer NOT NULL,
    statements jsonb NOT NULL DEFAULT '[]',
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, file_id),
    CONSTRAINT bank_files_sha256 UNIQUE (book_id, sha256)
);

-- Rows of a file that could not be read.
CREATE TABLE settlement.bank_file_faults (
    book_id     bigint NOT NULL,
    file_id     bigint NOT NULL,
    row_no      integer NOT NULL CHECK (row_no >= 1),
    value       text,
    rule        text NOT NULL,
    raw         text[] NOT NULL,
    PRIMARY KEY (book_id, file_id, row_no),
    CONSTRAINT bank_file_faults_file FOREIGN KEY (book_id, file_id) REFERENCES settlement.bank_files
);

-- What moved outside, in minor units, positive if it came in. `account` is the bank's IBAN, or the rail's own account;
-- `reference` is ours (an end-to-end id, a transfer), `bank_reference` theirs.
CREATE TABLE settlement.external_lines (
    book_id        bigint NOT NULL,
    line_id        bigint GENERATED ALWAYS AS IDENTITY,
    source         text COLLATE "C" NOT NULL CHECK (source IN ('bank', 'stripe')),
    account        text COLLATE "C" NOT NULL CHECK (length(account) BETWEEN 1 AND 100),
    external_id    text COLLATE "C" NOT NULL CHECK (length(external_id) BETWEEN 1 AND 200),
    kind           text COLLATE "C" NOT NULL CHECK (kind IN ('transfer', 'return', 'receipt', 'charge', 'refund',
                   'chargeback', 'payout', 'payout-return', 'fee', 'top-up', 'other')),
    amount         bigint NOT NULL CHECK (amount <> 0),
    currency       text COLLATE "C" NOT NULL,
    booked_on      date NOT NULL,  -- by the bank, or by the book's calendar
    value_on       date NOT NULL,
    counterparty   text NOT NULL,
    description    text NOT NULL,
    reference      text COLLATE "C" NOT NULL,
    payment_group  text COLLATE "C" NOT NULL,
    bank_reference text COLLATE "C" NOT NULL,
    return_reason  text COLLATE "C",
    file_id        bigint,
    imported_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, line_id),
    CONSTRAINT external_lines_once UNIQUE (book_id, source, account, external_id),
    CONSTRAINT external_lines_file FOREIGN KEY (book_id, file_id) REFERENCES settlement.bank_files
);

CREATE INDEX external_lines_by_day ON settlement.external_lines (book_id, source, currency, booked_on);
CREATE INDEX external_lines_by_reference ON settlement.external_lines (book_id, reference) WHERE reference <> '';

-- What moved at a rail of the platform's and names no book: the platform's own, until an operator says whose it is.
CREATE TABLE settlement.platform_lines (
    line_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text COLLATE "C" NOT NULL CHECK (source IN ('stripe')),
    account     text COLLATE "C" NOT NULL CHECK (length(account) BETWEEN 1 AND 100),
    external_id text COLLATE "C" NOT NULL CHECK (length(external_id) BETWEEN 1 AND 200),
    kind        text COLLATE "C" NOT NULL,
    amount      bigint NOT NULL CHECK (amount <> 0),
    currency    text COLLATE "C" NOT NULL,
    moved_at    timestamptz NOT NULL,
    value_on    date NOT NULL,
    reference   text COLLATE "C" NOT NULL,
    description text NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now(),
    book_id     bigint,  -- whose it is, as `assigned_by` says
    assigned_by text,
    assigned_at timestamptz,
    reason      text CHECK (length(reason) BETWEEN 1 AND 2000),
    CONSTRAINT platform_lines_once UNIQUE (source, account, external_id),
    CONSTRAINT platform_lines_assigned CHECK (num_nulls(book_id, assigned_by, assigned_at, reason) IN (0, 4))
);

-- One account in one currency in one month. `sums` are what was found when it was last run, in minor units.
CREATE TABLE settlement.reconciliations (
    book_id           bigint NOT NULL,
    reconciliation_id bigint GENERATED ALWAYS AS IDENTITY,
    account           text COLLATE "C" NOT NULL,
    currency          text COLLATE "C" NOT NULL,
    month             date NOT NULL CHECK (extract(day FROM month) = 1),
    state             text COLLATE "C" NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'submitted', 'signed')),
    sums              jsonb,
    run_at            timestamptz,
    asked_at          timestamptz,  -- that a worker shall run it
    submitted_by      bigint,
    signed_by         bigint,
    created_by        text NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, reconciliation_id),
    CONSTRAINT reconciliations_once UNIQUE (book_id, account, currency, month),
    CONSTRAINT reconciliations_submitted CHECK ((state = 'draft') = (submitted_by IS NULL)),
    CONSTRAINT reconciliations_signed CHECK ((state = 'signed') = (signed_by IS NOT NULL)),
    CONSTRAINT reconciliations_two_people CHECK (signed_by <> submitted_by),
    CONSTRAINT reconciliations_run CHECK (state = 'draft' OR sums IS NOT NULL)
);

CREATE INDEX reconciliations_asked ON settlement.reconciliations (book_id) WHERE asked_at IS NOT NULL;

CREATE TABLE settlement.reconciliation_events (
    book_id           bigint NOT NULL,
    reconciliation_id bigint NOT NULL,
    event_no          integer NOT NULL CHECK (event_no >= 1),
    action            text COLLATE "C" NOT NULL,
    state             text COLLATE "C" NOT NULL,
    user_id           bigint,  -- null for what the service did
    actor             text NOT NULL,
    reason            text CHECK (length(reason) BETWEEN 1 AND 2000),
    detail            jsonb NOT NULL DEFAULT '{}',
    at                timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, reconciliation_id, event_no),
    CONSTRAINT reconciliation_events_of FOREIGN KEY (book_id, reconciliation_id) REFERENCES settlement.reconciliations
);

-- Lines that belong together. `confidence` in percent. `difference` is what the ledger's say more than the others.
-- One that was undone keeps in `members` what it was of.
CREATE TABLE settlement.matches (
    book_id           bigint NOT NULL,
    match_id          bigint GENERATED BY DEFAULT AS IDENTITY,
    reconciliation_id bigint NOT NULL,
    rule              text COLLATE "C" NOT NULL,
    confidence        smallint NOT NULL CHECK (confidence BETWEEN 0 AND 100),
    reason            text,
    ledger_amount     bigint NOT NULL,
    outside_amount    bigint NOT NULL,
    made_by           text NOT NULL,
    made_at           timestamptz NOT NULL DEFAULT now(),
    undone_by         text,
    undone_at         timestamptz,
    undone_reason     text CHECK (length(undone_reason) BETWEEN 1 AND 2000),
    members           jsonb,
    PRIMARY KEY (book_id, match_id),
    CONSTRAINT matches_of FOREIGN KEY (book_id, reconciliation_id) REFERENCES settlement.reconciliations,
    CONSTRAINT matches_by_hand CHECK (rule NOT IN ('by-hand', 'posted') OR reason IS NOT NULL),
    CONSTRAINT matches_undone CHECK (num_nulls(undone_by, undone_at, undone_reason, members) IN (0, 4))
);

CREATE INDEX matches_of_reconciliation ON settlement.matches (book_id, reconciliation_id, match_id);

-- Each line is in one match at most. No reference to entries and lines: they are never deleted.
CREATE TABLE settlement.matched_postings (
    book_id  bigint NOT NULL,
    entry_id bigint NOT NULL,
    line     integer NOT NULL,
    match_id bigint NOT NULL,
    PRIMARY KEY (book_id, entry_id, line)
);

CREATE INDEX matched_postings_of_match ON settlement.matched_postings (book_id, match_id);

CREATE TABLE settlement.matched_lines (
    book_id  bigint NOT NULL,
    line_id  bigint NOT NULL,
    match_id bigint NOT NULL,
    PRIMARY KEY (book_id, line_id)
);

CREATE INDEX matched_lines_of_match ON settlement.matched_lines (book_id, match_id);

-- What does not match: so much in the ledger, so much outside, as far as they count for the month. `key` names it
-- whenever it is found again, so that its explanation stays. `proposal` is what could be posted.
CREATE TABLE settlement.residuals (
    book_id           bigint NOT NULL,
    residual_id       bigint GENERATED ALWAYS AS IDENTITY,
    reconciliation_id bigint NOT NULL,
    key               text COLLATE "C" NOT NULL,
    kind              text COLLATE "C" NOT NULL,
    owner             text COLLATE "C" NOT NULL CHECK (owner IN ('finance', 'operator', 'marketplace', 'payee')),
    since             date NOT NULL,
    currency          text COLLATE "C",     -- null of rows that nobody could read
    ledger_amount     bigint NOT NULL,
    outside_amount    bigint NOT NULL,
    match_id          bigint,               -- whose lines differ by it
    members           jsonb NOT NULL,
    said              text NOT NULL,
    proposal          jsonb,
    explanation       text CHECK (length(explanation) BETWEEN 1 AND 2000),
    explained_by      text,
    explained_at      timestamptz,
    entry_id          bigint,               -- by which it was put right
    posted_by         text,
    PRIMARY KEY (book_id, residual_id),
    CONSTRAINT residuals_key UNIQUE (book_id, reconciliation_id, key),
    CONSTRAINT residuals_of FOREIGN KEY (book_id, reconciliation_id) REFERENCES settlement.reconciliations,
    CONSTRAINT residuals_explained CHECK (num_nulls(explanation, explained_by, explained_at) IN (0, 3)),
    CONSTRAINT residuals_posted CHECK (num_nulls(entry_id, posted_by) IN (0, 2))
);

-- The rules --------------------------------------------------------------------------------------------------

CREATE FUNCTION settlement.refuse_signed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fault record;
BEGIN
    IF TG_TABLE_NAME IN ('matches', 'residuals') THEN
        SELECT its.account, its.month INTO fault
        FROM (SELECT DISTINCT book_id, reconciliation_id FROM touched) AS changed
        JOIN settlement.reconciliations AS its USING (book_id, reconciliation_id)
        WHERE its.state = 'signed' LIMIT 1;
    ELSE
        SELECT its.account, its.month INTO fault
        FROM (SELECT DISTINCT a.book_id, a.reconciliation_id
              FROM touched AS b JOIN settlement.matches AS a USING (book_id, match_id)) AS changed
        JOIN settlement.reconciliations AS its USING (book_id, reconciliation_id)
        WHERE its.state = 'signed' LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'the reconciliation of % in % is signed: % of settlement.% refused',
            fault.account, to_char(fault.month, 'YYYY-MM'), TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION settlement.refuse_unsigning() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.state = 'signed' THEN
        RAISE EXCEPTION 'the reconciliation of % in % is signed: UPDATE refused', OLD.account, to_char(OLD.month, 'YYYY-MM')
            USING ERRCODE = 'restrict_violation';
    ELSIF NEW.state = 'signed' AND (OLD.state <> 'submitted' OR NEW.submitted_by <> OLD.submitted_by) THEN
        RAISE EXCEPTION 'what is signed was submitted before: UPDATE refused' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

-- A match goes away when its month is matched anew; one that a person made or undid stays.
CREATE FUNCTION settlement.refuse_forgetting_matches() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM touched WHERE rule IN ('by-hand', 'posted') OR undone_at IS NOT NULL) THEN
        RAISE EXCEPTION 'what a person matched or undid stays: DELETE refused' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION settlement.refuse_reassigning() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.book_id IS NOT NULL THEN
        RAISE EXCEPTION 'whose line % is was said before: UPDATE refused', OLD.external_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER stays_signed BEFORE UPDATE ON settlement.reconciliations
    FOR EACH ROW EXECUTE FUNCTION settlement.refuse_unsigning();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON settlement.reconciliations
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.reconciliation_events
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.bank_files
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.bank_file_faults
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.external_lines
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON settlement.platform_lines
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER said_once BEFORE UPDATE ON settlement.platform_lines
    FOR EACH ROW EXECUTE FUNCTION settlement.refuse_reassigning();

CREATE TRIGGER signed_insert AFTER INSERT ON settlement.matches
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_signed();
CREATE TRIGGER signed_update AFTER UPDATE ON settlement.matches
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_signed();
CREATE TRIGGER signed_delete AFTER DELETE ON settlement.matches
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_signed();
CREATE TRIGGER by_hand_stays AFTER DELETE ON settlement.matches
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_forgetting_matches();
CREATE TRIGGER append_only BEFORE TRUNCATE ON settlement.matches
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();

CREATE TRIGGER signed_insert AFTER INSERT ON settlement.matched_postings
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_signed();
CREATE TRIGGER signed_delete AFTER DELETE ON settlement.matched_postings
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_signed();
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON settlement.matched_postings
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();

CREATE TRIGGER signed_insert AFTER INSERT ON settlement.matched_lines
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_signed();
CREATE TRIGGER signed_delete AFTER DELETE ON settlement.matched_lines
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_signed();
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON settlement.matched_lines
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();

CREATE TRIGGER signed_insert AFTER INSERT ON settlement.residuals
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_signed();
CREATE TRIGGER signed_update AFTER UPDATE ON settlement.residuals
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_signed();
CREATE TRIGGER signed_delete AFTER DELETE ON settlement.residuals
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_signed();
CREATE TRIGGER append_only BEFORE TRUNCATE ON settlement.residuals
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();

GRANT SELECT, INSERT ON settlement.bank_files, settlement.bank_file_faults, settlement.external_lines,
    settlement.reconciliation_events TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (book_id, assigned_by, assigned_at, reason) ON settlement.platform_lines TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (state, sums, run_at, asked_at, submitted_by, signed_by) ON settlement.reconciliations
    TO clipledger_app;
GRANT SELECT, INSERT, DELETE, UPDATE (undone_by, undone_at, undone_reason, members) ON settlement.matches TO clipledger_app;
GRANT USAGE ON SEQUENCE settlement.matches_match_id_seq TO clipledger_app;
GRANT SELECT, INSERT, DELETE ON settlement.matched_postings, settlement.matched_lines TO clipledger_app;
GRANT SELECT, INSERT, DELETE, UPDATE (kind, owner, since, ledger_amount, outside_amount, match_id, said, proposal,
    explanation, explained_by, explained_at, entry_id, posted_by) ON settlement.residuals TO clipledger_app;
