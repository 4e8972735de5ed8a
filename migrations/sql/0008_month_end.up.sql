-- What the end of a month needs beyond sales: reopening it, adjustments and write-offs by two people, what marketplaces
-- have paid, what is withheld for authorities, and the clicks that conversion is worked out of.

-- Reopening --------------------------------------------------------------------------------------------------

-- A lock that was taken back, by whom and why. Only the last locked month can be; the months before it stay locked.
CREATE TABLE ledger.period_reopenings (
    book_id     bigint NOT NULL REFERENCES ledger.books,
    period      date NOT NULL,
    locked_at   timestamptz NOT NULL,
    locked_by   text NOT NULL,
    reopened_at timestamptz NOT NULL DEFAULT now(),
    reopened_by text NOT NULL,
    reason      text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    PRIMARY KEY (book_id, period, locked_at)
);

CREATE FUNCTION ledger.accept_reopenings() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault record;
BEGIN
    -- Wait for the entries being posted, as a lock does.
    PERFORM pg_advisory_xact_lock(4217, (a.book_id % 2147483647)::integer) FROM arrived AS a ORDER BY a.book_id;

    SELECT a.period INTO fault
    FROM arrived AS a
    LEFT JOIN ledger.period_locks AS l ON l.book_id = a.book_id AND l.period = a.period
        AND (l.locked_at, l.locked_by) = (a.locked_at, a.locked_by)
    WHERE l.period IS NULL
       OR EXISTS (SELECT FROM ledger.period_locks AS later WHERE later.book_id = a.book_id AND later.period > a.period)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'LG010', DETAIL = to_char(fault.period, 'YYYY-MM'),
            MESSAGE = format('%s is not the last month that is locked', to_char(fault.period, 'YYYY-MM'));
    END IF;

    DELETE FROM ledger.period_locks AS l USING arrived AS a WHERE l.book_id = a.book_id AND l.period = a.period;
    INSERT INTO ledger.period_locks (book_id, period, locked_at, locked_by)
    SELECT book_id, (period - interval '1 month')::date, locked_at, locked_by FROM arrived
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER accept_reopenings AFTER INSERT ON ledger.period_reopenings
    REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION ledger.accept_reopenings();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.period_reopenings
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- A lock goes by a reopening alone: its trigger is one deep, a writer's own statement is not.
DROP TRIGGER append_only ON ledger.period_locks;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON ledger.period_locks
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER goes_by_reopening BEFORE DELETE ON ledger.period_locks
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger.refuse_change();

GRANT SELECT, INSERT (book_id, period, locked_at, locked_by, reopened_by, reason) ON ledger.period_reopenings
    TO clipledger_app;
-- Whoever may execute it could make it the trigger of a table of their own, and take back any lock.
REVOKE EXECUTE ON FUNCTION ledger.accept_reopenings FROM PUBLIC;

-- Statements again -------------------------------------------------------------------------------------------

-- `revision` grows with each reopening; what was issued before stays, superseded. `reopening_by` has asked for it, and
-- another person decides. `seal_no` is the seal through which all entries of the month are sealed.
ALTER TABLE settlement.closings
    ADD COLUMN revision integer NOT NULL DEFAULT 1 CHECK (revision >= 1),
    ADD COLUMN reopening_by bigint,
    ADD COLUMN seal_no integer,
    ADD CONSTRAINT closings_reopening CHECK (reopening_by IS NULL OR state = 'issued');

ALTER TABLE settlement.closing_events
    DROP CONSTRAINT closing_events_action_check,
    ADD COLUMN revision integer NOT NULL DEFAULT 1,
    ADD CONSTRAINT closing_events_action CHECK (action IN
        ('drafted', 'submitted', 'returned', 'approved', 'reopening-asked', 'reopening-refused', 'reopened'));

-- `code` is what whoever holds the paper can ask about it.
ALTER TABLE settlement.statements
    ADD COLUMN revision integer NOT NULL DEFAULT 1 CHECK (revision >= 1),
    ADD COLUMN agency_id bigint,
    ADD COLUMN code uuid NOT NULL DEFAULT gen_random_uuid(),
    DROP CONSTRAINT statements_party,
    ADD CONSTRAINT statements_party UNIQUE (book_id, month, party, currency, revision);

CREATE INDEX statements_of_agency ON settlement.statements (agency_id, statement_id) WHERE agency_id IS NOT NULL;
CREATE INDEX statements_by_code ON settlement.statements (code);

CREATE OR REPLACE FUNCTION settlement.refuse_issued() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fault record;
BEGIN
    IF TG_TABLE_NAME = 'statement_lines' THEN
        SELECT its.book_id, its.month INTO fault
        FROM (SELECT DISTINCT book_id, statement_id FROM touched) AS line
        JOIN settlement.statements AS its USING (book_id, statement_id)
        JOIN settlement.closings AS closing USING (book_id, month)
        WHERE closing.state = 'issued' OR closing.revision <> its.revision LIMIT 1;
    ELSE
        SELECT its.book_id, its.month INTO fault
        FROM (SELECT DISTINCT book_id, month, revision FROM touched) AS its
        JOIN settlement.closings AS closing USING (book_id, month)
        WHERE closing.state = 'issued' OR closing.revision <> its.revision LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'settlement.% of % are issued: % refused', TG_TABLE_NAME, to_char(fault.month, 'YYYY-MM'), TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

-- An issued month stays issued, until it begins again as its next revision.
CREATE OR REPLACE FUNCTION settlement.refuse_reopening() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.state = 'issued' AND NOT (
        NEW.state = 'issued' AND NEW.revision = OLD.revision AND NEW.submitted_by = OLD.submitted_by
        OR NEW.state = 'open' AND NEW.revision = OLD.revision + 1 AND OLD.reopening_by IS NOT NULL
    ) OR OLD.state <> 'issued' AND NEW.revision <> OLD.revision THEN
        RAISE EXCEPTION 'the statements of % are issued: % refused', to_char(OLD.month, 'YYYY-MM'), TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

GRANT UPDATE (revision, reopening_by, seal_no) ON settlement.closings TO clipledger_app;

-- Adjustments and write-offs: proposed by one person, decided by another -------------------------------------

-- An adjustment owes the party so much more, or less if it is negative: at the expense of the host (`against` host), or of
-- the book (expenses:adjustments). A write-off lets the party keep what it owes back (expenses:bad-debt), and is positive.
CREATE TABLE settlement.adjustments (
    book_id       bigint NOT NULL,
    adjustment_id bigint GENERATED ALWAYS AS IDENTITY,
    kind          text COLLATE "C" NOT NULL CHECK (kind IN ('adjustment', 'write-off')),
    party         text COLLATE "C" NOT NULL CHECK (party ~ '^(host|(clipper|agency)-[0-9]+)$'),
    currency      text COLLATE "C" NOT NULL,
    amount        bigint NOT NULL CHECK (amount <> 0),
    against       text COLLATE "C" NOT NULL CHECK (against IN ('host', 'book')),
    reason        text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    state         text COLLATE "C" NOT NULL DEFAULT 'proposed'
                  CHECK (state IN ('proposed', 'approved', 'refused', 'withdrawn')),
    proposed_by   bigint NOT NULL,  -- the user, whatever key was used
    proposed_as   text NOT NULL,
    proposed_at   timestamptz NOT NULL DEFAULT now(),
    decided_by    bigint,
    decided_as    text,
    decided_at    timestamptz,
    decision      text CHECK (length(decision) BETWEEN 1 AND 2000),
    entry_id      bigint,
    PRIMARY KEY (book_id, adjustment_id),
    CONSTRAINT adjustments_write_off CHECK (kind = 'adjustment' OR amount > 0 AND against = 'book'),
    CONSTRAINT adjustments_against CHECK (party <> 'host' OR against = 'book'),
    CONSTRAINT adjustments_decided CHECK ((state = 'proposed') = (decided_by IS NULL)),
    CONSTRAINT adjustments_two_people CHECK (state NOT IN ('approved', 'refused') OR decided_by <> proposed_by),
    CONSTRAINT adjustments_booked CHECK ((state = 'approved') = (entry_id IS NOT NULL))
);

CREATE INDEX adjustments_proposed ON settlement.adjustments (book_id, adjustment_id) WHERE state = 'proposed';
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON settlement.adjustments
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
GRANT SELECT, INSERT, UPDATE (state, decided_by, decided_as, decided_at, decision, entry_id) ON settlement.adjustments
    TO clipledger_app;

-- What marketplaces have paid --------------------------------------------------------------------------------

-- Negative where a marketplace took money back. One that was recorded by mistake is taken back by a reversing entry.
CREATE TABLE settlement.remittances (
    book_id       bigint NOT NULL,
    remittance_id bigint GENERATED ALWAYS AS IDENTITY,
    marketplace   text COLLATE "C" NOT NULL,
    currency      text COLLATE "C" NOT NULL,
    amount        bigint NOT NULL CHECK (amount <> 0),
    received_on   date NOT NULL,
    account       text COLLATE "C" NOT NULL CHECK (account IN ('assets:bank', 'assets:stripe')),
    reference     text NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),  -- the marketplace's or the bank's own
    recorded_by   text NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    entry_id      bigint NOT NULL,
    reversed_by   bigint,  -- ledger.entries
    reason        text CHECK (length(reason) BETWEEN 1 AND 2000),  -- of the reversal
    PRIMARY KEY (book_id, remittance_id),
    CONSTRAINT remittances_reversed CHECK ((reversed_by IS NULL) = (reason IS NULL))
);

CREATE UNIQUE INDEX remittances_reference ON settlement.remittances (book_id, marketplace, reference)
    WHERE reversed_by IS NULL;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON settlement.remittances
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
GRANT SELECT, INSERT, UPDATE (reversed_by, reason) ON settlement.remittances TO clipledger_app;

-- Withholding ------------------------------------------------------------------------------------------------

-- What is withheld from payments, as data (`settlement.withholding`): the newest rule of its code that is in force counts.
CREATE TABLE settlement.withholding_rules (
    book_id    bigint NOT NULL,
    code       text COLLATE "C" NOT NULL,
    valid_from date NOT NULL,
    rule       jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, code, valid_from)
);

-- Which rule is a party's from a day on; a null code is none. What is said later of the same day counts instead.
CREATE TABLE settlement.tax_profiles (
    book_id    bigint NOT NULL,
    profile_id bigint GENERATED ALWAYS AS IDENTITY,
    party      text COLLATE "C" NOT NULL CHECK (party ~ '^(host|(clipper|agency)-[0-9]+)$'),
    valid_from date NOT NULL,
    code       text COLLATE "C",
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 2000),
    set_by     text NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, profile_id)
);

CREATE INDEX tax_profiles_of_party ON settlement.tax_profiles (book_id, party, valid_from);

-- Every payment of `gross`, what was withheld of it, by which rule (none of a party without one), and how it was worked out.
CREATE TABLE settlement.withholdings (
    book_id        bigint NOT NULL,
    withholding_id bigint GENERATED ALWAYS AS IDENTITY,
    party          text COLLATE "C" NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    paid_on        date NOT NULL,
    gross          bigint NOT NULL CHECK (gross > 0),
    withheld       bigint NOT NULL CHECK (withheld BETWEEN 0 AND gross),
    authority      text COLLATE "C",
    code           text COLLATE "C",
    valid_from     date,
    steps          text[] NOT NULL,
    entry_id       bigint NOT NULL,
    PRIMARY KEY (book_id, withholding_id),
    CONSTRAINT withholdings_rule FOREIGN KEY (book_id, code, valid_from) REFERENCES settlement.withholding_rules,
    CONSTRAINT withholdings_ruled CHECK (num_nulls(authority, code, valid_from) = 0
                                         OR num_nulls(authority, code, valid_from) = 3 AND withheld = 0)
);

CREATE INDEX withholdings_of_party ON settlement.withholdings (book_id, party, currency, paid_on);
CREATE INDEX withholdings_of_entry ON settlement.withholdings (book_id, entry_id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.withholding_rules
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.tax_profiles
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.withholdings
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
GRANT SELECT, INSERT ON settlement.withholding_rules, settlement.tax_profiles, settlement.withholdings TO clipledger_app;

-- Clicks -----------------------------------------------------------------------------------------------------

-- On a clip's shopping link, on one day, as far as a platform tells; what is told later replaces what was told before.
CREATE TABLE settlement.clicks (
    book_id    bigint NOT NULL,
    day        date NOT NULL,
    platform   text COLLATE "C" NOT NULL,
    content_id text COLLATE "C" NOT NULL,
    clicks     bigint NOT NULL CHECK (clicks >= 0),
    as_of      timestamptz NOT NULL,
    told_by    text NOT NULL,
    told_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, day, platform, content_id)
);

CREATE INDEX clicks_of_content ON settlement.clicks (book_id, platform, content_id, day);
GRANT SELECT, INSERT, UPDATE (clicks, as_of, told_by, told_at) ON settlement.clicks TO clipledger_app;
