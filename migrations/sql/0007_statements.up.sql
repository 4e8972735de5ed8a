-- Statements: what every party is told of a month, and the close of the month that issues them.
--
-- A statement counts what is booked in its month (`ledger.entries.period`), over the six accounts that a party has: what
-- it is owed lies in held, available, reserve, frozen and paying, what it owes in recoverable. For each of the six, opening
-- + the lines = closing = the ledger's balance; so also for the sum. A draft may be thrown away and made anew; what is
-- issued stays as it is.

-- The close of a month. One without a row is open.
CREATE TABLE settlement.closings (
    book_id        bigint NOT NULL,
    month          date NOT NULL CHECK (extract(day FROM month) = 1),
    state          text COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'draft', 'submitted', 'issued')),
    submitted_by   bigint,  -- the user, whatever key was used
    PRIMARY KEY (book_id, month),
    CONSTRAINT closings_submitted CHECK (state NOT IN ('submitted', 'issued') OR submitted_by IS NOT NULL)
);

CREATE TABLE settlement.closing_events (
    book_id  bigint NOT NULL,
    month    date NOT NULL,
    event_no integer NOT NULL CHECK (event_no >= 1),
    action   text COLLATE "C" NOT NULL CHECK (action IN ('drafted', 'submitted', 'returned', 'approved')),
    state    text COLLATE "C" NOT NULL,
    user_id  bigint NOT NULL,
    actor    text NOT NULL,
    reason   text CHECK (length(reason) BETWEEN 1 AND 2000),
    detail   jsonb NOT NULL DEFAULT '{}',
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, month, event_no),
    CONSTRAINT closing_events_closing FOREIGN KEY (book_id, month) REFERENCES settlement.closings
);

-- What the close of a month posted so that a clipper's sales of a month are shared at the tier that they reached. Later
-- closes post the difference, where sales of the month have changed since. It is held until `release_on`.
CREATE TABLE settlement.true_ups (
    book_id        bigint NOT NULL,
    true_up_id     bigint GENERATED ALWAYS AS IDENTITY,
    month          date NOT NULL,  -- booked in
    sold_in        date NOT NULL,
    clipper_id     bigint NOT NULL,
    offer_id       bigint NOT NULL,
    version_no     integer NOT NULL,
    currency       text COLLATE "C" NOT NULL,
    net_gmv        bigint NOT NULL,  -- of the month's sales, and what their parties had accrued
    host_part      bigint NOT NULL,
    clipper_part   bigint NOT NULL,
    tier           bigint NOT NULL,  -- reached, by its net GMV; 0 below the first
    host_change    bigint NOT NULL,
    clipper_change bigint NOT NULL,
    entry_id       bigint,  -- ledger.entries; null where the changes of one clipper cancelled out
    release_on     date NOT NULL,
    release_entry  bigint,  -- the entry that made it available
    PRIMARY KEY (book_id, true_up_id),
    CONSTRAINT true_ups_shared CHECK (host_change + clipper_change = 0)
);

CREATE INDEX true_ups_of_month ON settlement.true_ups (book_id, sold_in);
CREATE INDEX true_ups_of_entry ON settlement.true_ups (book_id, entry_id);
CREATE INDEX true_ups_to_release ON settlement.true_ups (book_id, release_on) WHERE release_entry IS NULL;

-- Amounts are what is owed to the party, but for recoverable, which it owes.
CREATE TABLE settlement.statements (
    book_id             bigint NOT NULL,
    statement_id        bigint GENERATED ALWAYS AS IDENTITY,
    month               date NOT NULL,
    party               text COLLATE "C" NOT NULL CHECK (party ~ '^(host|(clipper|agency)-[0-9]+)$'),
    clipper_id          bigint,
    name                text NOT NULL,  -- of the party, when it was drafted
    currency            text COLLATE "C" NOT NULL,
    opening_held        bigint NOT NULL,
    opening_available   bigint NOT NULL,
    opening_reserve     bigint NOT NULL,
    opening_frozen      bigint NOT NULL,
    opening_paying      bigint NOT NULL,
    opening_recoverable bigint NOT NULL,
    closing_held        bigint NOT NULL,
    closing_available   bigint NOT NULL,
    closing_reserve     bigint NOT NULL,
    closing_frozen      bigint NOT NULL,
    closing_paying      bigint NOT NULL,
    closing_recoverable bigint NOT NULL,
    PRIMARY KEY (book_id, statement_id),
    CONSTRAINT statements_party UNIQUE (book_id, month, party, currency),
    CONSTRAINT statements_closing FOREIGN KEY (book_id, month) REFERENCES settlement.closings
);

CREATE INDEX statements_of_clipper ON settlement.statements (clipper_id, statement_id) WHERE clipper_id IS NOT NULL;

-- What moved: by clip, or by product where no clip is known; by entry where no sale is behind it; else by kind.
CREATE TABLE settlement.statement_lines (
    book_id       bigint NOT NULL,
    statement_id  bigint NOT NULL,
    line_no       integer NOT NULL CHECK (line_no >= 1),
    kind          text COLLATE "C" NOT NULL CHECK (kind IN
                  ('earned', 'refund', 'adjustment', 'true-up', 'release', 'reserve', 'frozen', 'recovery', 'withholding', 'payout')),
    submission_id bigint,
    product       text COLLATE "C",
    entry_id      bigint,
    label         text,  -- the clip's title or the entry's description, when it was drafted
    sales         bigint NOT NULL,  -- how many are behind it
    held          bigint NOT NULL,
    available     bigint NOT NULL,
    reserve       bigint NOT NULL,
    frozen        bigint NOT NULL,
    paying        bigint NOT NULL,
    recoverable   bigint NOT NULL,
    PRIMARY KEY (book_id, statement_id, line_no),
    CONSTRAINT statement_lines_statement FOREIGN KEY (book_id, statement_id) REFERENCES settlement.statements
);

-- What was issued stays; nothing joins it later --------------------------------------------------------------

CREATE FUNCTION settlement.refuse_issued() RETURNS trigger
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
        WHERE closing.state = 'issued' LIMIT 1;
    ELSE
        SELECT its.book_id, its.month INTO fault
        FROM (SELECT DISTINCT book_id, month FROM touched) AS its
        JOIN settlement.closings AS closing USING (book_id, month)
        WHERE closing.state = 'issued' LIMIT 1;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'settlement.% of % are issued: % refused', TG_TABLE_NAME, to_char(fault.month, 'YYYY-MM'), TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION settlement.refuse_reopening() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.state = 'issued' THEN
        RAISE EXCEPTION 'the statements of % are issued: % refused', to_char(OLD.month, 'YYYY-MM'), TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER issued_stays_insert AFTER INSERT ON settlement.statements
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_issued();
CREATE TRIGGER issued_stays_delete AFTER DELETE ON settlement.statements
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_issued();
CREATE TRIGGER issued_stays_insert AFTER INSERT ON settlement.statement_lines
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_issued();
-- A line is deleted before its statement, never after it: so the statement is there to be asked.
CREATE TRIGGER issued_stays_delete AFTER DELETE ON settlement.statement_lines
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_issued();
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON settlement.statements
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON settlement.statement_lines
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.closing_events
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON settlement.true_ups
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON settlement.closings
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER issued_stays BEFORE UPDATE ON settlement.closings
    FOR EACH ROW EXECUTE FUNCTION settlement.refuse_reopening();

GRANT SELECT, INSERT, UPDATE (state, submitted_by) ON settlement.closings TO clipledger_app;
GRANT SELECT, INSERT ON settlement.closing_events TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (release_entry) ON settlement.true_ups TO clipledger_app;
GRANT SELECT, INSERT, DELETE ON settlement.statements, settlement.statement_lines TO clipledger_app;
