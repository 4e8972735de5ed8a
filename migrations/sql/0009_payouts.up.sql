-- Payouts: where parties are paid to, when, what was decided to be paid, and what became of it.
--
-- An intent (`payouts`) is written, with its idempotency key and the hash of its request, before a rail is ever called.
-- What a rail answered is recorded with the entry that books it, in one transaction. Money of an approved payout lies in
-- `liabilities:paying:{party}` until it is confirmed, or goes back to available.

-- Where a party is paid to. A clipper's or an agency's is its own, whichever host pays (`party_id`); a host's is its
-- book's. Only the newest that is not closed counts. `details` are of the bank account, for a bank file.
CREATE TABLE settlement.payout_accounts (
    account_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    party_id     bigint,
    book_id      bigint,
    rail         text COLLATE "C" NOT NULL CHECK (rail IN ('stripe', 'bank-file')),
    destination  text COLLATE "C" NOT NULL,  -- Stripe's account, or our name for a bank account
    country      text COLLATE "C" NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    currencies   text[] COLLATE "C" NOT NULL,
    state        text COLLATE "C" NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'active', 'blocked', 'closed')),
    blocking     jsonb NOT NULL DEFAULT '[]',  -- what is asked of the payee: codes, and until when
    details      jsonb NOT NULL DEFAULT '{}',
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    refreshed_at timestamptz,
    CONSTRAINT payout_accounts_owner CHECK ((party_id IS NULL) <> (book_id IS NULL))
);

CREATE UNIQUE INDEX payout_accounts_of_party ON settlement.payout_accounts (party_id, rail)
    WHERE party_id IS NOT NULL AND state <> 'closed';
CREATE UNIQUE INDEX payout_accounts_of_book ON settlement.payout_accounts (book_id, rail)
    WHERE book_id IS NOT NULL AND state <> 'closed';
CREATE INDEX payout_accounts_by_destination ON settlement.payout_accounts (rail, destination);

-- When a book pays, by its own calendar. `days` are weekdays (1 is Monday) or days of the month (the last where it has
-- no such day). On a day that is no business day it pays on the next, on the one before, or nevertheless. `basis`: what
-- issued statements say is available, or all that is available at that moment.
CREATE TABLE settlement.payout_schedules (
    book_id      bigint PRIMARY KEY,
    cadence      text COLLATE "C" NOT NULL CHECK (cadence IN ('weekly', 'semi-monthly', 'monthly')),
    days         smallint[] NOT NULL,
    hour         smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    business_day text COLLATE "C" NOT NULL DEFAULT 'next' CHECK (business_day IN ('next', 'previous', 'same')),
    holidays     date[] NOT NULL DEFAULT '{}',
    rail         text COLLATE "C" NOT NULL DEFAULT 'stripe' CHECK (rail IN ('stripe', 'bank-file')),
    basis        text COLLATE "C" NOT NULL DEFAULT 'statement' CHECK (basis IN ('statement', 'available')),
    active       boolean NOT NULL DEFAULT true,
    last_due     date,  -- the newest day that is dealt with
    updated_by   text NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT now()
);

-- One payment of many: drafted, submitted by one person, approved by another, sent. `due_on` is the day of the schedule it
-- was made for; a run by hand has none.
CREATE TABLE settlement.payout_runs (
    book_id      bigint NOT NULL,
    run_id       bigint GENERATED ALWAYS AS IDENTITY,
    rail         text COLLATE "C" NOT NULL CHECK (rail IN ('stripe', 'bank-file')),
    basis        text COLLATE "C" NOT NULL CHECK (basis IN ('statement', 'available')),
    due_on       date,
    pay_on       date NOT NULL,  -- the day the entries of approval bear
    state        text COLLATE "C" NOT NULL DEFAULT 'draft'
                 CHECK (state IN ('draft', 'submitted', 'sending', 'halted', 'done', 'cancelled')),
    halted       text,           -- why nothing more of it is sent
    submitted_by bigint,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    PRIMARY KEY (book_id, run_id),
    CONSTRAINT payout_runs_submitted CHECK (state IN ('draft', 'cancelled') OR submitted_by IS NOT NULL),
    CONSTRAINT payout_runs_halted CHECK ((state = 'halted') = (halted IS NOT NULL))
);

CREATE UNIQUE INDEX payout_runs_due ON settlement.payout_runs (book_id, due_on) WHERE state <> 'cancelled';
CREATE INDEX payout_runs_open ON settlement.payout_runs (book_id, run_id) WHERE state IN ('sending', 'halted');

CREATE TABLE settlement.payout_run_events (
    book_id  bigint NOT NULL,
    run_id   bigint NOT NULL,
    event_no integer NOT NULL CHECK (event_no >= 1),
    action   text COLLATE "C" NOT NULL,
    state    text COLLATE "C" NOT NULL,
    user_id  bigint,  -- null for what the service did
    actor    text NOT NULL,
    reason   text CHECK (length(reason) BETWEEN 1 AND 2000),
    detail   jsonb NOT NULL DEFAULT '{}',
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, run_id, event_no),
    CONSTRAINT payout_run_events_run FOREIGN KEY (book_id, run_id) REFERENCES settlement.payout_runs
);

-- A book's own bank accounts, which its files pay from, by what they are kept in.
CREATE TABLE settlement.bank_accounts (
    book_id    bigint NOT NULL,
    currency   text COLLATE "C" NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    details    jsonb NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, currency)
);

-- A file for the bank, as it was made: whenever it is asked for, these bytes. Whoever made it may have given it to the
-- bank, so that its payments count as sent from then on.
CREATE TABLE settlement.payout_files (
    book_id    bigint NOT NULL,
    file_id    bigint GENERATED ALWAYS AS IDENTITY,
    run_id     bigint NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    sha256     text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    content    bytea NOT NULL,
    payments   integer NOT NULL CHECK (payments >= 1),
    totals     jsonb NOT NULL,  -- minor units, by currency
    execute_on date NOT NULL,
    user_id    bigint NOT NULL,
    made_by    text NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, file_id),
    CONSTRAINT payout_files_run FOREIGN KEY (book_id, run_id) REFERENCES settlement.payout_runs,
    CONSTRAINT payout_files_message UNIQUE (book_id, message_id)
);

CREATE INDEX payout_files_of_run ON settlement.payout_files (book_id, run_id);

-- What one party is paid in one currency by one run. What is `taken` from available, less what is recovered and withheld, is
-- the amount.
--
-- planned    in a run that nobody has approved; nothing is booked
-- left-out   not paid by this run, `code` and `reason` say why; nothing is booked
-- ready      approved: booked as paying; not sent yet (again from `next_attempt_at` on)
-- sending    a call is or was under way: whether it had an effect is not known before its answer is recorded
-- filed      goes into the run's next file for the bank; nothing has left the house
-- sent       the rail has it, as `reference`, or a file for the bank holds it; in transit
-- paid       confirmed; it may still come back
-- refused    the rail will not do it as things are, see `code`, `reason`, `fixed_by`; still booked as paying
-- unknown    no answer, or two that contradict; looked up by `transfer_group` or `key`, never blindly sent again
-- returned   it came back, and is available again
-- cancelled  taken back before it was sent, and available again
CREATE TABLE settlement.payouts (
    book_id         bigint NOT NULL,
    payout_id       bigint GENERATED ALWAYS AS IDENTITY,
    run_id          bigint NOT NULL,
    party           text COLLATE "C" NOT NULL CHECK (party ~ '^(host|(clipper|agency)-[0-9]+)$'),
    currency        text COLLATE "C" NOT NULL,
    taken           bigint NOT NULL,
    recovery        bigint NOT NULL DEFAULT 0 CHECK (recovery >= 0),
    withheld        bigint NOT NULL DEFAULT 0 CHECK (withheld >= 0),
    amount          bigint NOT NULL,
    rail            text COLLATE "C" NOT NULL,
    account_id      bigint REFERENCES settlement.payout_accounts,
    destination     text COLLATE "C",
    state           text COLLATE "C" NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'left-out', 'ready', 'sending',
                    'filed', 'sent', 'paid', 'refused', 'unknown', 'returned', 'cancelled')),
    key             text COLLATE "C",           -- the idempotency key of the next or last call
    transfer_group  text COLLATE "C",
    request_sha256  text COLLATE "C",
    generation      smallint NOT NULL DEFAULT 1,  -- of the key: a new one only where the last is known to have had no effect
    attempts        smallint NOT NULL DEFAULT 0,  -- calls with this key
    first_sent_at   timestamptz,                -- the first call with this key
    leased_until    timestamptz,                -- until when whoever is sending it has it
    next_attempt_at timestamptz,
    reference       text COLLATE "C",             -- the rail's own
    code            text COLLATE "C",
    reason          text,
    fixed_by        text COLLATE "C" CHECK (fixed_by IN ('payee', 'host', 'operator')),
    approval_entry  bigint,
    recovery_entry  bigint,
    withheld_entry  bigint,
    sent_entry      bigint,
    paid_entry      bigint,
    returned_entry  bigint,
    sent_at         timestamptz,
    ended_at        timestamptz,
    returned        bigint NOT NULL DEFAULT 0,  -- of the amount, what has come back
    file_id         bigint,                     -- which holds it, by its `key`
    PRIMARY KEY (book_id, payout_id),
    CONSTRAINT payouts_run FOREIGN KEY (book_id, run_id) REFERENCES settlement.payout_runs,
    CONSTRAINT payouts_file FOREIGN KEY (book_id, file_id) REFERENCES settlement.payout_files,
    CONSTRAINT payouts_filed CHECK (CASE rail WHEN 'bank-file'
        THEN (file_id IS NULL OR state IN ('sent', 'paid', 'refused', 'unknown', 'returned', 'cancelled'))
             AND (file_id IS NOT NULL OR state NOT IN ('sent', 'paid', 'returned'))
        ELSE state <> 'filed' AND file_id IS NULL END),
    CONSTRAINT payouts_party UNIQUE (book_id, run_id, party, currency),
    CONSTRAINT payouts_amount CHECK (taken - recovery - withheld = amount),
    CONSTRAINT payouts_intent CHECK (state IN ('planned', 'left-out') OR
        amount > 0 AND approval_entry IS NOT NULL AND
        (key, transfer_group, request_sha256, destination) IS NOT NULL),
    CONSTRAINT payouts_returned CHECK (returned BETWEEN 0 AND greatest(amount, 0) AND (state = 'returned') = (returned > 0 AND returned = amount)),
    CONSTRAINT payouts_reference CHECK (state NOT IN ('sent', 'paid') OR reference IS NOT NULL)
);

CREATE UNIQUE INDEX payouts_key ON settlement.payouts (book_id, key) WHERE key IS NOT NULL;
CREATE INDEX payouts_to_send ON settlement.payouts (book_id, payout_id) WHERE state IN ('ready', 'sending', 'unknown');
CREATE INDEX payouts_filed ON settlement.payouts (book_id, run_id) WHERE state = 'filed';
CREATE INDEX payouts_by_reference ON settlement.payouts (reference) WHERE reference IS NOT NULL;
CREATE INDEX payouts_by_group ON settlement.payouts (transfer_group) WHERE transfer_group IS NOT NULL;
CREATE INDEX payouts_of_party ON settlement.payouts (party, payout_id);

-- Each answer, and each step of a payout's way.
CREATE TABLE settlement.payout_events (
    book_id   bigint NOT NULL,
    payout_id bigint NOT NULL,
    event_no  integer NOT NULL CHECK (event_no >= 1),
    action    text COLLATE "C" NOT NULL,
    state     text COLLATE "C" NOT NULL,
    detail    jsonb NOT NULL DEFAULT '{}',
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, payout_id, event_no),
    CONSTRAINT payout_events_payout FOREIGN KEY (book_id, payout_id) REFERENCES settlement.payouts
);

-- What a file holds: each key goes into one file, ever. `told` is the bank's last word on it, or a person's that the bank
-- has not paid it and won't.
CREATE TABLE settlement.payout_file_lines (
    book_id   bigint NOT NULL,
    key       text COLLATE "C" NOT NULL,
    file_id   bigint NOT NULL,
    payout_id bigint NOT NULL,
    batch_id  text COLLATE "C" NOT NULL,
    amount    bigint NOT NULL CHECK (amount > 0),
    currency  text COLLATE "C" NOT NULL,
    told      text COLLATE "C" CHECK (told IN ('pending', 'settled', 'rejected', 'duplicate', 'not-paid')),
    told_at   timestamptz,
    PRIMARY KEY (book_id, key),
    CONSTRAINT payout_file_lines_file FOREIGN KEY (book_id, file_id) REFERENCES settlement.payout_files,
    CONSTRAINT payout_file_lines_payout FOREIGN KEY (book_id, payout_id) REFERENCES settlement.payouts,
    CONSTRAINT payout_file_lines_told CHECK ((told IS NULL) = (told_at IS NULL))
);

CREATE INDEX payout_file_lines_of_file ON settlement.payout_file_lines (book_id, file_id);
CREATE INDEX payout_file_lines_of_payout ON settlement.payout_file_lines (book_id, payout_id);

-- The bank's answers to a file, as they came; one that comes again changes nothing.
CREATE TABLE settlement.payout_file_answers (
    book_id     bigint NOT NULL,
    file_id     bigint NOT NULL,
    sha256      text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    content     bytea NOT NULL,
    outcome     jsonb NOT NULL,  -- how many payments it said what of
    received_by text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, file_id, sha256),
    CONSTRAINT payout_file_answers_file FOREIGN KEY (book_id, file_id) REFERENCES settlement.payout_files
);

-- What rails tell: one row an event, whenever and how often it arrives; processed by a job, which asks the rail again.
CREATE TABLE settlement.rail_events (
    event_id     text COLLATE "C" PRIMARY KEY,
    rail         text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    account      text COLLATE "C",  -- of a connected account
    object_id    text COLLATE "C",
    created_at   timestamptz NOT NULL,
    payload      jsonb NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    deliveries   integer NOT NULL DEFAULT 1,
    processed_at timestamptz,
    outcome      text,
    attempts     smallint NOT NULL DEFAULT 0
);

CREATE INDEX rail_events_waiting ON settlement.rail_events (received_at) WHERE processed_at IS NULL;

-- How far the sweep has read what a rail tells by itself, so that a lost event is found.
CREATE TABLE settlement.rail_sweeps (
    rail     text COLLATE "C" NOT NULL,
    what     text COLLATE "C" NOT NULL,
    through  timestamptz NOT NULL,
    swept_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (rail, what)
);

-- A rail that is halted for every book: its key is refused, or one key came to mean two payments. A person ends it.
CREATE TABLE settlement.rail_halts (
    rail      text COLLATE "C" NOT NULL,
    halted_at timestamptz NOT NULL DEFAULT now(),
    reason    text NOT NULL,
    ended_at  timestamptz,
    ended_by  text,
    PRIMARY KEY (rail, halted_at)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.payout_run_events
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.payout_events
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.payout_files
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON settlement.payout_file_lines
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON settlement.payout_file_answers
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON settlement.payout_runs
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON settlement.rail_events
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON settlement.rail_halts
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();

-- A plan may be thrown away and made anew; an intent stays.
CREATE FUNCTION settlement.refuse_forgetting_payouts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM touched WHERE state NOT IN ('planned', 'left-out')) THEN
        RAISE EXCEPTION 'settlement.payouts that were approved stay: DELETE refused' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER intents_stay AFTER DELETE ON settlement.payouts
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_forgetting_payouts();
CREATE TRIGGER append_only BEFORE TRUNCATE ON settlement.payouts
    FOR EACH STATEMENT EXECUTE FUNCTION settlement.refuse_change();

GRANT SELECT, INSERT, UPDATE (state, currencies, blocking, details, refreshed_at) ON settlement.payout_accounts TO clipledger_app;
GRANT SELECT, INSERT, UPDATE ON settlement.payout_schedules TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (state, halted, submitted_by, pay_on, finished_at) ON settlement.payout_runs TO clipledger_app;
GRANT SELECT, INSERT ON settlement.payout_run_events, settlement.payout_events TO clipledger_app;
GRANT SELECT, INSERT, DELETE, UPDATE (
    state, account_id, destination, key, transfer_group, request_sha256, generation, attempts, first_sent_at, leased_until,
    next_attempt_at, reference, code, reason, fixed_by, approval_entry, recovery_entry, withheld_entry, sent_entry, paid_entry, returned_entry, sent_at,
    ended_at, returned, file_id
) ON settlement.payouts TO clipledger_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON settlement.bank_accounts TO clipledger_app;
GRANT SELECT, INSERT ON settlement.payout_files, settlement.payout_file_answers TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (told, told_at) ON settlement.payout_file_lines TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (deliveries, processed_at, outcome, attempts) ON settlement.rail_events TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (through, swept_at) ON settlement.rail_sweeps TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (ended_at, ended_by) ON settlement.rail_halts TO clipledger_app;
