REVOKE INSERT (book_id, month) ON settlement.closings FROM clipledger_app;
GRANT INSERT ON settlement.closings TO clipledger_app;
REVOKE INSERT (book_id, rail, basis, due_on, pay_on, created_by) ON settlement.payout_runs FROM clipledger_app;
GRANT INSERT ON settlement.payout_runs TO clipledger_app;

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

ALTER TABLE settlement.closings
    DROP CONSTRAINT closings_approved,
    DROP CONSTRAINT closings_two_people,
    DROP CONSTRAINT closings_reopened,
    DROP CONSTRAINT closings_reopened_by_two,
    DROP COLUMN approved_by,
    DROP COLUMN asked_by,
    DROP COLUMN reopened_by;

DROP TRIGGER two_people ON settlement.payout_runs;
DROP FUNCTION settlement.refuse_one_person;
ALTER TABLE settlement.payout_runs
    DROP CONSTRAINT payout_runs_approved,
    DROP CONSTRAINT payout_runs_two_people,
    DROP COLUMN approved_by;
