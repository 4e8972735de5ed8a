-- Two people, held by the database too: who submits a run of payouts or a month does not approve it, and who asks that a
-- month be reopened does not reopen it. A row is begun as a draft; who takes it further, and from where, stays on it.

-- Runs of payouts --------------------------------------------------------------------------------------------

ALTER TABLE settlement.payout_runs ADD COLUMN approved_by bigint;

UPDATE settlement.payout_runs AS run SET approved_by = (
    SELECT user_id FROM settlement.payout_run_events AS its
    WHERE its.book_id = run.book_id AND its.run_id = run.run_id AND its.action = 'approved'
    ORDER BY event_no DESC LIMIT 1
) WHERE state IN ('sending', 'halted', 'done');

ALTER TABLE settlement.payout_runs
    ADD CONSTRAINT payout_runs_approved CHECK ((state IN ('sending', 'halted', 'done')) = (approved_by IS NOT NULL)),
    ADD CONSTRAINT payout_runs_two_people CHECK (approved_by <> submitted_by);

CREATE FUNCTION settlement.refuse_one_person() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fault record;
BEGIN
    SELECT new_row.run_id INTO fault
    FROM new_rows AS new_row JOIN old_rows AS old_row USING (book_id, run_id)
    WHERE new_row.submitted_by IS DISTINCT FROM old_row.submitted_by AND old_row.state <> 'draft'
       OR new_row.approved_by IS DISTINCT FROM old_row.approved_by
          AND (old_row.state <> 'submitted' OR old_row.approved_by IS NOT NULL)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'who has submitted and who has approved the run % stays: % refused', fault.run_id, TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER two_people AFTER UPDATE ON settlement.payout_runs
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_one_person();

REVOKE INSERT ON settlement.payout_runs FROM clipledger_app;
GRANT INSERT (book_id, rail, basis, due_on, pay_on, created_by), UPDATE (approved_by) ON settlement.payout_runs
    TO clipledger_app;

-- Months -----------------------------------------------------------------------------------------------------

-- `asked_by` and `reopened_by`: who asked for this revision, and who reopened the month for it.
ALTER TABLE settlement.closings
    ADD COLUMN approved_by bigint,
    ADD COLUMN asked_by bigint,
    ADD COLUMN reopened_by bigint;

ALTER TABLE settlement.closings DISABLE TRIGGER issued_stays;
UPDATE settlement.closings AS month SET
    approved_by = CASE WHEN state = 'issued' THEN (
        SELECT user_id FROM settlement.closing_events AS its
        WHERE its.book_id = month.book_id AND its.month = month.month AND its.action = 'approved'
        ORDER BY event_no DESC LIMIT 1
    ) END,
    asked_by = CASE WHEN revision > 1 THEN (
        SELECT user_id FROM settlement.closing_events AS its
        WHERE its.book_id = month.book_id AND its.month = month.month AND its.action = 'reopening-asked'
          AND its.revision = month.revision - 1
        ORDER BY event_no DESC LIMIT 1
    ) END,
    reopened_by = CASE WHEN revision > 1 THEN (
        SELECT user_id FROM settlement.closing_events AS its
        WHERE its.book_id = month.book_id AND its.month = month.month AND its.action = 'reopened'
        ORDER BY event_no DESC LIMIT 1
    ) END
WHERE state = 'issued' OR revision > 1;
ALTER TABLE settlement.closings ENABLE TRIGGER issued_stays;

ALTER TABLE settlement.closings
    ADD CONSTRAINT closings_approved CHECK ((state = 'issued') = (approved_by IS NOT NULL)),
    ADD CONSTRAINT closings_two_people CHECK (approved_by <> submitted_by),
    ADD CONSTRAINT closings_reopened CHECK (num_nonnulls(asked_by, reopened_by) = CASE WHEN revision > 1 THEN 2 ELSE 0 END),
    ADD CONSTRAINT closings_reopened_by_two CHECK (reopened_by <> asked_by);

-- An issued month stays issued, until it begins again as its next revision, by another person than the one who asked for
-- it. What is issued was submitted before.
CREATE OR REPLACE FUNCTION settlement.refuse_reopening() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.state = 'issued' AND NOT (
        NEW.state = 'issued' AND NEW.revision = OLD.revision
            AND (NEW.submitted_by, NEW.approved_by) = (OLD.submitted_by, OLD.approved_by)
            AND (OLD.reopening_by IS NULL OR NEW.reopening_by IS NULL OR NEW.reopening_by = OLD.reopening_by)
        OR NEW.state = 'open' AND NEW.revision = OLD.revision + 1
            AND OLD.reopening_by IS NOT NULL AND NEW.asked_by = OLD.reopening_by
    ) OR OLD.state <> 'issued' AND NEW.revision <> OLD.revision
      OR NEW.revision = OLD.revision
         AND (NEW.asked_by, NEW.reopened_by) IS DISTINCT FROM (OLD.asked_by, OLD.reopened_by) THEN
        RAISE EXCEPTION 'the statements of % are issued: % refused', to_char(OLD.month, 'YYYY-MM'), TG_OP
            USING ERRCODE = 'restrict_violation';
    ELSIF OLD.state = 'submitted' AND NEW.state IN ('submitted', 'issued') AND NEW.submitted_by IS DISTINCT FROM OLD.submitted_by THEN
        RAISE EXCEPTION 'who has submitted % stays: % refused', to_char(OLD.month, 'YYYY-MM'), TG_OP
            USING ERRCODE = 'restrict_violation';
    ELSIF NEW.state = 'issued' AND OLD.state NOT IN ('submitted', 'issued') THEN
        RAISE EXCEPTION 'what is issued was submitted before: % refused', TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$;

REVOKE INSERT ON settlement.closings FROM clipledger_app;
GRANT INSERT (book_id, month), UPDATE (approved_by, asked_by, reopened_by) ON settlement.closings TO clipledger_app;
