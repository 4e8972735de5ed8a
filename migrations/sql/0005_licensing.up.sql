-- Licensing: parties and their handles, offers and their terms, grants and what became of them, clips submitted under a
-- grant, claims, cases of unlicensed use, and the events by which everybody is told.
--
-- A host is its book: what is a host's begins every key with `book_id`. Clippers and agencies belong to no host: their
-- tables are small and global. No table references users or books: who asks has been shown both by the front door.
--
-- A grant's history is `grant_changes`: what changed, from when on it holds (`effective_at`), when we learned it
-- (`recorded_at`). The row in `grants` is what the history comes to now; a sale is judged by the history.

CREATE SCHEMA licensing;
GRANT USAGE ON SCHEMA licensing TO clipledger_app;

CREATE FUNCTION licensing.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$;

-- Parties ----------------------------------------------------------------------------------------------------

CREATE TABLE licensing.parties (
    party_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind          text COLLATE "C" NOT NULL CHECK (kind IN ('clipper', 'agency')),
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    country       text COLLATE "C" CHECK (country ~ '^[A-Z]{2}$'),
    languages     text[] COLLATE "C" NOT NULL DEFAULT '{}',
    categories    text[] COLLATE "C" NOT NULL DEFAULT '{}',
    capacity      integer CHECK (capacity >= 0),  -- clips a month that a clipper says to have time for
    registered_by text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE licensing.members (
    party_id bigint NOT NULL REFERENCES licensing.parties,
    user_id  bigint NOT NULL,
    role     text COLLATE "C" NOT NULL CHECK (role IN ('owner', 'member', 'viewer')),
    added_by text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (party_id, user_id)
);

CREATE INDEX members_of_user ON licensing.members (user_id);

-- A clipper's account on a platform. Control is proved by `code` in its public profile; only one clipper has it confirmed.
CREATE TABLE licensing.handles (
    handle_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clipper_id bigint NOT NULL REFERENCES licensing.parties,
    platform   text COLLATE "C" NOT NULL,
    handle     text COLLATE "C" NOT NULL CHECK (length(handle) BETWEEN 1 AND 100),
    code       text COLLATE "C" NOT NULL,
    state      text COLLATE "C" NOT NULL DEFAULT 'claimed'
               CHECK (state IN ('claimed', 'confirmed', 'refused', 'released')),
    proof      text COLLATE "C",  -- how control was proved
    claimed_by text NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    decided_by text,
    decided_at timestamptz,
    CONSTRAINT handles_decided CHECK ((state = 'claimed') = (decided_at IS NULL))
);

CREATE UNIQUE INDEX handles_confirmed ON licensing.handles (platform, handle) WHERE state = 'confirmed';
CREATE UNIQUE INDEX handles_claimed_once ON licensing.handles (clipper_id, platform, handle)
    WHERE state IN ('claimed', 'confirmed');
CREATE INDEX handles_of_clipper ON licensing.handles (clipper_id, handle_id);
CREATE INDEX handles_waiting ON licensing.handles (handle_id) WHERE state = 'claimed';

-- An agency (MCN) that represents a clipper for a part of the clipper's share, a rate as ledger.money reads it.
CREATE TABLE licensing.representations (
    representation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agency_id   bigint NOT NULL REFERENCES licensing.parties,
    clipper_id  bigint NOT NULL REFERENCES licensing.parties,
    rate        text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'active', 'declined', 'ended')),
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL DEFAULT now(),
    starts_at   timestamptz,
    ends_at     timestamptz,
    CONSTRAINT representations_window CHECK (ends_at >= starts_at)
);

-- A clipper has one agency at a time.
CREATE UNIQUE INDEX representations_one ON licensing.representations (clipper_id) WHERE state = 'active';
CREATE INDEX representations_of_agency ON licensing.representations (agency_id, representation_id);

-- How a clipper has sold, by platform and category, kept up to date by settlement; amounts in minor units.
CREATE TABLE licensing.clipper_facts (
    clipper_id bigint NOT NULL REFERENCES licensing.parties,
    platform   text COLLATE "C" NOT NULL,
    category   text COLLATE "C" NOT NULL,
    currency   text COLLATE "C" NOT NULL,
    gmv        bigint NOT NULL,
    orders     bigint NOT NULL CHECK (orders >= 0),
    returned   bigint NOT NULL CHECK (returned BETWEEN 0 AND orders),
    clicks     bigint CHECK (clicks >= 0),
    as_of      timestamptz NOT NULL,
    PRIMARY KEY (clipper_id, platform, category, currency)
);

-- Offers -----------------------------------------------------------------------------------------------------

-- The operator's bounds for host : clipper. The newest counts.
CREATE TABLE licensing.split_policies (
    policy_no     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    least_host    integer NOT NULL CHECK (least_host >= 0),
    least_clipper integer NOT NULL CHECK (least_clipper > 0),
    most_host     integer NOT NULL CHECK (most_host > 0),
    most_clipper  integer NOT NULL CHECK (most_clipper >= 0),
    reason        text NOT NULL,
    set_by        text NOT NULL,
    set_at        timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE licensing.offers (
    book_id            bigint NOT NULL,
    offer_id           bigint GENERATED ALWAYS AS IDENTITY,
    title              text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    summary            text NOT NULL CHECK (length(summary) <= 2000),
    category           text COLLATE "C" NOT NULL,
    languages          text[] COLLATE "C" NOT NULL DEFAULT '{}',
    state              text COLLATE "C" NOT NULL DEFAULT 'draft' CHECK (state IN ('draft', 'open', 'paused', 'closed')),
    quota              integer CHECK (quota >= 1),  -- grants there may be at a time
    applications_until timestamptz,
    approval           jsonb,  -- by what an application is approved at once; null: by a person
    version_no         integer,  -- newest published terms
    -- Of those terms, for search.
    licensor           text,
    platforms          text[] COLLATE "C" NOT NULL DEFAULT '{}',
    territories        text[] COLLATE "C",
    currency           text COLLATE "C",
    clipper_ppm        integer,  -- the clipper's part of what is shared, below the first tier, in millionths
    ends_at            timestamptz,
    edition            integer NOT NULL DEFAULT 1,  -- goes up with each change of this row
    created_by         text NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    opened_at          timestamptz,
    PRIMARY KEY (book_id, offer_id),
    CONSTRAINT offers_opened CHECK (state = 'draft' OR version_no IS NOT NULL)
);

CREATE INDEX offers_number ON licensing.offers (offer_id);  -- clippers name offers by it alone
CREATE INDEX offers_open ON licensing.offers (opened_at DESC, offer_id DESC) WHERE state = 'open';

-- Terms, never changed once they are here; `sha256` is of `terms` as licensing.terms writes it.
CREATE TABLE licensing.terms_versions (
    book_id      bigint NOT NULL,
    offer_id     bigint NOT NULL,
    version_no   integer NOT NULL CHECK (version_no >= 1),
    terms        jsonb NOT NULL,
    sha256       text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    published_by text NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, offer_id, version_no),
    CONSTRAINT terms_versions_offer FOREIGN KEY (book_id, offer_id) REFERENCES licensing.offers
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON licensing.terms_versions
    FOR EACH STATEMENT EXECUTE FUNCTION licensing.refuse_change();

ALTER TABLE licensing.offers ADD CONSTRAINT offers_version
    FOREIGN KEY (book_id, offer_id, version_no) REFERENCES licensing.terms_versions;

-- How an offer has sold, for matching; kept up to date by settlement.
CREATE TABLE licensing.offer_facts (
    book_id    bigint NOT NULL,
    offer_id   bigint NOT NULL,
    currency   text COLLATE "C" NOT NULL,
    gmv        bigint NOT NULL,
    commission bigint NOT NULL,
    orders     bigint NOT NULL CHECK (orders >= 0),
    returned   bigint NOT NULL CHECK (returned BETWEEN 0 AND orders),
    clicks     bigint CHECK (clicks >= 0),
    as_of      timestamptz NOT NULL,
    PRIMARY KEY (book_id, offer_id, currency),
    CONSTRAINT offer_facts_offer FOREIGN KEY (book_id, offer_id) REFERENCES licensing.offers
);

CREATE TABLE licensing.applications (
    book_id        bigint NOT NULL,
    application_id bigint GENERATED ALWAYS AS IDENTITY,
    offer_id       bigint NOT NULL,
    clipper_id     bigint NOT NULL REFERENCES licensing.parties,
    version_no     integer NOT NULL,  -- the terms that the clipper has accepted by applying
    message        text NOT NULL CHECK (length(message) <= 2000),
    state          text COLLATE "C" NOT NULL DEFAULT 'submitted'
                   CHECK (state IN ('submitted', 'approved', 'rejected', 'withdrawn', 'expired')),
    findings       jsonb NOT NULL,  -- what the offer's approval rules said, one by one
    submitted_by   text NOT NULL,
    submitted_at   timestamptz NOT NULL DEFAULT now(),
    submitted_ip   inet,
    expires_at     timestamptz NOT NULL,
    decided_by     text,
    decided_at     timestamptz,
    reason         text,
    PRIMARY KEY (book_id, application_id),
    CONSTRAINT applications_offer FOREIGN KEY (book_id, offer_id) REFERENCES licensing.offers,
    CONSTRAINT applications_decided CHECK ((state = 'submitted') = (decided_at IS NULL))
);

CREATE UNIQUE INDEX applications_one ON licensing.applications (book_id, offer_id, clipper_id) WHERE state = 'submitted';
CREATE INDEX applications_of_clipper ON licensing.applications (clipper_id, application_id);
CREATE INDEX applications_expiry ON licensing.applications (book_id, expires_at) WHERE state = 'submitted';

-- Grants -----------------------------------------------------------------------------------------------------

CREATE TABLE licensing.grants (
    book_id        bigint NOT NULL,
    grant_id       bigint GENERATED ALWAYS AS IDENTITY,
    offer_id       bigint NOT NULL,
    clipper_id     bigint NOT NULL REFERENCES licensing.parties,
    version_no     integer NOT NULL,
    state          text COLLATE "C" NOT NULL CHECK (state IN
                   ('offered', 'active', 'suspended', 'revoked', 'resigned', 'expired', 'declined')),
    handles        text[] COLLATE "C" NOT NULL,  -- platform:handle
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz,  -- first moment outside; null: no end
    reference      text COLLATE "C",  -- the host's own name for it
    certificate_no text COLLATE "C" NOT NULL,
    application_id bigint,
    created_by     text NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    respond_by     timestamptz,  -- until then an offered grant can be accepted
    -- How the terms in force were accepted: by the clipper here, or elsewhere, as the host attests.
    accepted_at    timestamptz,
    accepted_by    text,
    accepted_ip    inet,
    attested       boolean NOT NULL DEFAULT false,
    -- Newer terms that the clipper was offered, and until when they can be accepted.
    proposed_no    integer,
    proposed_until timestamptz,
    PRIMARY KEY (book_id, grant_id),
    CONSTRAINT grants_version FOREIGN KEY (book_id, offer_id, version_no) REFERENCES licensing.terms_versions,
    CONSTRAINT grants_proposed FOREIGN KEY (book_id, offer_id, proposed_no) REFERENCES licensing.terms_versions,
    CONSTRAINT grants_window CHECK (ends_at > starts_at),
    CONSTRAINT grants_accepted CHECK (state IN ('offered', 'declined', 'revoked', 'expired') OR accepted_at IS NOT NULL)
);

CREATE UNIQUE INDEX grants_one ON licensing.grants (book_id, offer_id, clipper_id)
    WHERE state IN ('offered', 'active', 'suspended');
CREATE INDEX grants_of_clipper ON licensing.grants (clipper_id, grant_id);
CREATE INDEX grants_certificate ON licensing.grants (certificate_no);
CREATE INDEX grants_handles ON licensing.grants USING gin (handles);
CREATE INDEX grants_reference ON licensing.grants (book_id, reference) WHERE reference IS NOT NULL;
-- What the clock looks for.
CREATE INDEX grants_ending ON licensing.grants (book_id, ends_at) WHERE state IN ('active', 'suspended');
CREATE INDEX grants_offered ON licensing.grants (book_id, respond_by) WHERE state = 'offered';
CREATE INDEX grants_waiting ON licensing.grants (book_id, grant_id) WHERE proposed_no IS NOT NULL AND proposed_until IS NULL;

-- One change sets what it sets; null leaves as it was. A window was set where `starts_at` is not null.
CREATE TABLE licensing.grant_changes (
    book_id      bigint NOT NULL,
    grant_id     bigint NOT NULL,
    change_no    integer NOT NULL CHECK (change_no >= 1),
    action       text COLLATE "C" NOT NULL,
    state        text COLLATE "C",
    version_no   integer,
    starts_at    timestamptz,
    ends_at      timestamptz,
    handles      text[] COLLATE "C",
    effective_at timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL,
    actor        text NOT NULL,
    reason       text,
    PRIMARY KEY (book_id, grant_id, change_no),
    CONSTRAINT grant_changes_grant FOREIGN KEY (book_id, grant_id) REFERENCES licensing.grants
);

CREATE INDEX grant_changes_handles ON licensing.grant_changes USING gin (handles) WHERE handles IS NOT NULL;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON licensing.grant_changes
    FOR EACH STATEMENT EXECUTE FUNCTION licensing.refuse_change();

-- Clips under a grant ----------------------------------------------------------------------------------------

CREATE TABLE licensing.submissions (
    book_id       bigint NOT NULL,
    submission_id bigint GENERATED ALWAYS AS IDENTITY,
    grant_id      bigint NOT NULL,
    clipper_id    bigint NOT NULL REFERENCES licensing.parties,
    clip_id       bigint NOT NULL,  -- media.clips
    title         text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    caption       text NOT NULL CHECK (length(caption) <= 5000),
    products      text[] NOT NULL DEFAULT '{}',
    state         text COLLATE "C" NOT NULL DEFAULT 'submitted' CHECK (state IN
                  ('submitted', 'identifying', 'identified', 'unrecognised', 'approved', 'rejected', 'live', 'removed')),
    on_screen     boolean NOT NULL,  -- the clipper says that the disclosure is in the picture
    disclosed     text COLLATE "C" NOT NULL CHECK (disclosed IN ('caption', 'on-screen', 'missing', 'confirmed', 'refused')),
    findings      jsonb NOT NULL DEFAULT '[]',  -- edit rules and streams that the clip breaks
    review_by     timestamptz,  -- then it is approved without a person, if nothing speaks against it
    submitted_by  text NOT NULL,
    submitted_at  timestamptz NOT NULL DEFAULT now(),
    decided_by    text,
    decided_at    timestamptz,
    reason        text,
    sightings     integer CHECK (sightings >= 0),  -- in other hosts' streams, where it is looked for once
    PRIMARY KEY (book_id, submission_id),
    CONSTRAINT submissions_clip UNIQUE (book_id, clip_id),
    CONSTRAINT submissions_grant FOREIGN KEY (book_id, grant_id) REFERENCES licensing.grants
);

CREATE INDEX submissions_of_clipper ON licensing.submissions (clipper_id, submission_id);
CREATE INDEX submissions_of_grant ON licensing.submissions (book_id, grant_id, submission_id);
CREATE INDEX submissions_untraced ON licensing.submissions (book_id, clip_id) WHERE sightings IS NULL;
CREATE INDEX submissions_moving ON licensing.submissions (book_id, review_by)
    WHERE state IN ('submitted', 'identifying', 'identified', 'unrecognised');

-- Where an approved clip was posted. A content id belongs to one clip for good.
CREATE TABLE licensing.publications (
    book_id        bigint NOT NULL,
    publication_id bigint GENERATED ALWAYS AS IDENTITY,
    submission_id  bigint NOT NULL,
    platform       text COLLATE "C" NOT NULL,
    content_id     text COLLATE "C" NOT NULL CHECK (length(content_id) BETWEEN 1 AND 200),
    handle         text COLLATE "C" NOT NULL,
    url            text NOT NULL CHECK (length(url) <= 2000),
    published_at   timestamptz NOT NULL,
    added_by       text NOT NULL,
    added_at       timestamptz NOT NULL DEFAULT now(),
    removed_at     timestamptz,
    PRIMARY KEY (book_id, publication_id),
    CONSTRAINT publications_content UNIQUE (book_id, platform, content_id),
    CONSTRAINT publications_submission FOREIGN KEY (book_id, submission_id) REFERENCES licensing.submissions
);

CREATE INDEX publications_of_submission ON licensing.publications (book_id, submission_id);

-- Claims and cases -------------------------------------------------------------------------------------------

-- A dispute between a host and a clipper over a submission or, without one, over a grant.
CREATE TABLE licensing.claims (
    book_id       bigint NOT NULL,
    claim_id      bigint GENERATED ALWAYS AS IDENTITY,
    claimant      text COLLATE "C" NOT NULL CHECK (claimant IN ('host', 'clipper')),
    clipper_id    bigint NOT NULL REFERENCES licensing.parties,
    grant_id      bigint NOT NULL,
    submission_id bigint,
    ground        text COLLATE "C" NOT NULL,
    state         text COLLATE "C" NOT NULL DEFAULT 'open' CHECK (state IN
                  ('open', 'responded', 'upheld', 'released', 'appealed', 'finally-upheld', 'finally-released')),
    frozen        boolean NOT NULL,  -- settlement holds the money concerned while this is true
    respond_by    timestamptz NOT NULL,
    decide_by     timestamptz,
    appeal_by     timestamptz,
    opened_by     text NOT NULL,
    opened_at     timestamptz NOT NULL DEFAULT now(),
    decided_by    text,
    decided_at    timestamptz,
    reason        text,
    PRIMARY KEY (book_id, claim_id),
    CONSTRAINT claims_grant FOREIGN KEY (book_id, grant_id) REFERENCES licensing.grants,
    CONSTRAINT claims_submission FOREIGN KEY (book_id, submission_id) REFERENCES licensing.submissions
);

CREATE UNIQUE INDEX claims_one ON licensing.claims (book_id, grant_id, submission_id, ground) NULLS NOT DISTINCT
    WHERE state NOT IN ('finally-upheld', 'finally-released');
CREATE INDEX claims_of_clipper ON licensing.claims (clipper_id, claim_id);
CREATE INDEX claims_running ON licensing.claims (book_id, claim_id)
    WHERE state IN ('open', 'responded', 'upheld', 'released', 'appealed');

CREATE TABLE licensing.claim_evidence (
    book_id     bigint NOT NULL,
    claim_id    bigint NOT NULL,
    evidence_no integer NOT NULL CHECK (evidence_no >= 1),
    side        text COLLATE "C" NOT NULL CHECK (side IN ('host', 'clipper', 'operator', 'system')),
    statement   text NOT NULL CHECK (length(statement) BETWEEN 1 AND 5000),
    url         text CHECK (length(url) <= 2000),
    sha256      text COLLATE "C" CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    added_by    text NOT NULL,
    added_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, claim_id, evidence_no),
    CONSTRAINT claim_evidence_claim FOREIGN KEY (book_id, claim_id) REFERENCES licensing.claims
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON licensing.claim_evidence
    FOR EACH STATEMENT EXECUTE FUNCTION licensing.refuse_change();

-- A clip that shows this host's stream, found where no grant covers it. `origin` is what it was found as, once each:
-- report:CLIP for a video that the host itself brought, BOOK:CLIP for one that was submitted to another host.
CREATE TABLE licensing.cases (
    book_id    bigint NOT NULL,
    case_id    bigint GENERATED ALWAYS AS IDENTITY,
    origin     text COLLATE "C" NOT NULL,
    clip_id    bigint,  -- media.clips of this book, for a video that the host itself brought
    clipper_id bigint REFERENCES licensing.parties,  -- whose it is, where that is known
    platform   text COLLATE "C",
    handle     text COLLATE "C",
    url        text CHECK (length(url) <= 2000),
    state      text COLLATE "C" NOT NULL CHECK (state IN ('looking', 'open', 'cleared', 'dismissed', 'settled')),
    evidence   jsonb NOT NULL DEFAULT '{}',
    opened_by  text NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT now(),
    decided_by text,
    decided_at timestamptz,
    reason     text,
    PRIMARY KEY (book_id, case_id),
    CONSTRAINT cases_origin UNIQUE (book_id, origin)
);

CREATE INDEX cases_looking ON licensing.cases (book_id, case_id) WHERE state = 'looking';

-- Events and their delivery ----------------------------------------------------------------------------------

-- Each change of state, as it is told: who did it, from which state to which.
CREATE TABLE licensing.events (
    book_id    bigint NOT NULL,
    event_id   bigint GENERATED ALWAYS AS IDENTITY,
    type       text COLLATE "C" NOT NULL,  -- grant.revoked
    subject    text COLLATE "C" NOT NULL,  -- grant
    subject_id bigint NOT NULL,
    state      text COLLATE "C" NOT NULL,
    was        text COLLATE "C",  -- the state before; null for what has just begun
    side       text COLLATE "C" NOT NULL CHECK (side IN ('host', 'clipper', 'operator', 'system')),
    actor      text NOT NULL,
    clipper_id bigint,
    detail     jsonb NOT NULL CHECK (jsonb_typeof(detail) = 'object'),
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, event_id)
);

CREATE INDEX events_of_subject ON licensing.events (book_id, subject, subject_id, event_id);
CREATE INDEX events_of_clipper ON licensing.events (clipper_id, event_id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON licensing.events
    FOR EACH STATEMENT EXECUTE FUNCTION licensing.refuse_change();

CREATE TABLE licensing.webhook_endpoints (
    book_id     bigint NOT NULL,
    endpoint_id bigint GENERATED ALWAYS AS IDENTITY,
    url         text NOT NULL CHECK (length(url) <= 2000),
    description text NOT NULL CHECK (length(description) <= 200),
    types       text[] COLLATE "C" NOT NULL DEFAULT '{}',  -- of events; none: all
    secret      text COLLATE "C" NOT NULL,
    -- The secret before it, with which is signed as well until then, so that receivers can change over.
    former_secret text COLLATE "C",
    former_until  timestamptz,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,
    PRIMARY KEY (book_id, endpoint_id)
);

-- One event for one endpoint; sent until it is taken or `attempts` are used up.
CREATE TABLE licensing.webhook_deliveries (
    book_id      bigint NOT NULL,
    delivery_id  bigint GENERATED ALWAYS AS IDENTITY,
    endpoint_id  bigint NOT NULL,
    event_id     bigint NOT NULL,
    state        text COLLATE "C" NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts     smallint NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL DEFAULT now(),
    leased_until timestamptz,
    delivered_at timestamptz,
    PRIMARY KEY (book_id, delivery_id),
    CONSTRAINT webhook_deliveries_once UNIQUE (book_id, endpoint_id, event_id),
    CONSTRAINT webhook_deliveries_endpoint FOREIGN KEY (book_id, endpoint_id) REFERENCES licensing.webhook_endpoints,
    CONSTRAINT webhook_deliveries_event FOREIGN KEY (book_id, event_id) REFERENCES licensing.events
);

CREATE INDEX webhook_deliveries_due ON licensing.webhook_deliveries (due_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_waiting ON licensing.webhook_deliveries (book_id, endpoint_id, due_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_of_endpoint ON licensing.webhook_deliveries (book_id, endpoint_id, delivery_id);

CREATE TABLE licensing.webhook_attempts (
    book_id     bigint NOT NULL,
    delivery_id bigint NOT NULL,
    attempt_no  integer NOT NULL CHECK (attempt_no >= 1),
    at          timestamptz NOT NULL DEFAULT now(),
    took_ms     integer NOT NULL,
    status      integer,  -- of HTTP; null: there was no answer
    answer      text NOT NULL CHECK (length(answer) <= 2000),  -- the beginning of it, or what went wrong
    PRIMARY KEY (book_id, delivery_id, attempt_no),
    CONSTRAINT webhook_attempts_delivery FOREIGN KEY (book_id, delivery_id) REFERENCES licensing.webhook_deliveries
);

-- What clippers upload is theirs until it is submitted: `owner` is clipper:7, null for the host's own.
ALTER TABLE media.uploads ADD owner text COLLATE "C";

-- What was agreed, done or told is never changed or deleted; the rest changes its state.
GRANT SELECT, INSERT, UPDATE (name, country, languages, categories, capacity) ON licensing.parties TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (role), DELETE ON licensing.members TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (state, proof, decided_by, decided_at) ON licensing.handles TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (state, starts_at, ends_at) ON licensing.representations TO clipledger_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON licensing.clipper_facts, licensing.offer_facts TO clipledger_app;
GRANT SELECT, INSERT ON licensing.split_policies TO clipledger_app;
GRANT SELECT, INSERT, UPDATE ON licensing.offers, licensing.applications, licensing.grants TO clipledger_app;
GRANT SELECT, INSERT ON licensing.terms_versions, licensing.grant_changes TO clipledger_app;
GRANT SELECT, INSERT, UPDATE ON licensing.submissions, licensing.publications TO clipledger_app;
GRANT SELECT, INSERT, UPDATE ON licensing.claims, licensing.cases TO clipledger_app;
GRANT SELECT, INSERT ON licensing.claim_evidence TO clipledger_app;
GRANT SELECT, INSERT (book_id, type, subject, subject_id, state, was, side, actor, clipper_id, detail)
    ON licensing.events TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (url, description, types, secret, former_secret, former_until, disabled_at)
    ON licensing.webhook_endpoints TO clipledger_app;
GRANT SELECT, INSERT, UPDATE ON licensing.webhook_deliveries TO clipledger_app;
GRANT SELECT, INSERT ON licensing.webhook_attempts TO clipledger_app;
