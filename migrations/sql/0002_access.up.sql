-- Access: users, what they may do, how they prove who they are, and the trail of what was done.
--
-- Secrets never rest here in clear: passwords are argon2id hashes, session tokens and API keys SHA-256 digests
-- of 256 random bits. The audit trail is append-only, for the owner too.

CREATE SCHEMA clipledger;
GRANT USAGE ON SCHEMA clipledger TO clipledger_app;

CREATE TABLE clipledger.users (
    user_id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email               text COLLATE "C" NOT NULL CHECK (email = lower(email) AND length(email) <= 254),
    name                text NOT NULL CHECK (length(name) <= 200),
    password_hash       text NOT NULL,
    created_at          timestamptz NOT NULL DEFAULT now(),
    password_changed_at timestamptz NOT NULL DEFAULT now(),
    disabled_at         timestamptz,
    CONSTRAINT users_email UNIQUE (email)
);

-- The role names and what each may do are data of clipledger/access/roles.py; here stands only where one may
-- be held: an operator for every book (book_id null), everyone else for one.
CREATE TABLE clipledger.role_grants (
    role_grant_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id       bigint NOT NULL REFERENCES clipledger.users,
    role          text COLLATE "C" NOT NULL,
    book_id       bigint REFERENCES ledger.books,
    granted_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT role_grants_once UNIQUE NULLS NOT DISTINCT (user_id, role, book_id),
    CONSTRAINT role_grants_place CHECK ((role = 'operator') = (book_id IS NULL))
);

CREATE TABLE clipledger.sessions (
    session_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES clipledger.users,
    token_hash   bytea NOT NULL CHECK (length(token_hash) = 32),
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    ip           inet,
    user_agent   text NOT NULL CHECK (length(user_agent) <= 500),
    CONSTRAINT sessions_token_hash UNIQUE (token_hash)
);

CREATE INDEX sessions_of_user ON clipledger.sessions (user_id);
CREATE INDEX sessions_expiry ON clipledger.sessions (expires_at);

CREATE TABLE clipledger.api_keys (
    key_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id      bigint NOT NULL REFERENCES clipledger.users,
    prefix       text COLLATE "C" NOT NULL,
    secret_hash  bytea NOT NULL CHECK (length(secret_hash) = 32),
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    scopes       text[] NOT NULL CHECK (cardinality(scopes) >= 1),
    book_id      bigint REFERENCES ledger.books,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    CONSTRAINT api_keys_prefix UNIQUE (prefix)
);

CREATE INDEX api_keys_of_user ON clipledger.api_keys (user_id, key_id);

-- No foreign keys: an event outlives what it names.
CREATE TABLE clipledger.audit_events (
    event_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    actor      text NOT NULL,
    action     text NOT NULL,
    book_id    bigint,
    subject    text NOT NULL,
    detail     jsonb NOT NULL CHECK (jsonb_typeof(detail) = 'object'),
    request_id text,
    ip         inet
);

CREATE INDEX audit_events_of_book ON clipledger.audit_events (book_id, event_id);

CREATE FUNCTION clipledger.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON clipledger.audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION clipledger.refuse_change();

-- The answer given to a POST, kept in the transaction of its effect, so that the same key gets the same answer.
CREATE TABLE clipledger.idempotency_records (
    principal    text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    route        text NOT NULL,
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    status       smallint NOT NULL CHECK (status BETWEEN 200 AND 299),
    headers      jsonb NOT NULL,
    body         bytea NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (principal, key)
);

CREATE INDEX idempotency_records_age ON clipledger.idempotency_records (created_at);

GRANT SELECT, INSERT, UPDATE (password_hash, password_changed_at, disabled_at) ON clipledger.users TO clipledger_app;
GRANT SELECT, INSERT, DELETE ON clipledger.role_grants TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (last_seen_at), DELETE ON clipledger.sessions TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (last_used_at, revoked_at) ON clipledger.api_keys TO clipledger_app;
GRANT SELECT, INSERT (actor, action, book_id, subject, detail, request_id, ip) ON clipledger.audit_events TO clipledger_app;
GRANT SELECT, INSERT, DELETE ON clipledger.idempotency_records TO clipledger_app;

GRANT SELECT ON public.alembic_version TO clipledger_app;  -- /ready compares it with the code's own
