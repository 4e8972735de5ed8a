DROP TABLE settlement.clicks, settlement.withholdings, settlement.tax_profiles, settlement.withholding_rules,
    settlement.remittances, settlement.adjustments;

-- Revisions before the last are lost.
ALTER TABLE settlement.statements DISABLE TRIGGER issued_stays_delete;
ALTER TABLE settlement.statement_lines DISABLE TRIGGER issued_stays_delete;
DELETE FROM settlement.statement_lines AS line USING settlement.statements AS its, settlement.closings AS closing
WHERE its.book_id = line.book_id AND its.statement_id = line.statement_id
  AND closing.book_id = its.book_id AND closing.month = its.month AND its.revision <> closing.revision;
DELETE FROM settlement.statements AS its USING settlement.closings AS closing
WHERE closing.book_id = its.book_id AND closing.month = its.month AND its.revision <> closing.revision;
ALTER TABLE settlement.statements ENABLE TRIGGER issued_stays_delete;
ALTER TABLE settlement.statement_lines ENABLE TRIGGER issued_stays_delete;

DROP INDEX settlement.statements_of_agency, settlement.statements_by_code;
ALTER TABLE settlement.statements
    DROP CONSTRAINT statements_party,
    DROP COLUMN revision,
    DROP COLUMN agency_id,
    DROP COLUMN code,
    ADD CONSTRAINT statements_party UNIQUE (book_id, month, party, currency);

ALTER TABLE settlement.closing_events DISABLE TRIGGER append_only;
DELETE FROM settlement.closing_events WHERE action IN ('reopening-asked', 'reopening-refused', 'reopened');
ALTER TABLE settlement.closing_events ENABLE TRIGGER append_only;
ALTER TABLE settlement.closing_events
    DROP CONSTRAINT closing_events_action,
    DROP COLUMN revision,
    ADD CONSTRAINT closing_events_action_check CHECK (action IN ('drafted', 'submitted', 'returned', 'approved'));

ALTER TABLE settlement.closings
    DROP CONSTRAINT closings_reopening,
    DROP COLUMN revision,
    DROP COLUMN reopening_by,
    DROP COLUMN seal_no;

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

CREATE OR REPLACE FUNCTION settlement.refuse_reopening() RETURNS trigger
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

DROP TRIGGER goes_by_reopening ON ledger.period_locks;
DROP TRIGGER append_only ON ledger.period_locks;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.period_locks
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
DROP TABLE ledger.period_reopenings;
DROP FUNCTION ledger.accept_reopenings();
