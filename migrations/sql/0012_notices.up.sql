-- Notices: what a clipper wants to be told of on its pages. A clipper that has chosen nothing is told of everything.

CREATE TABLE licensing.notice_settings (
    party_id   bigint PRIMARY KEY REFERENCES licensing.parties,
    subjects   text[] COLLATE "C" NOT NULL CHECK (subjects <@ '{application,grant,submission,claim}'),
    own_acts   boolean NOT NULL,  -- also what the clipper did itself
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE (subjects, own_acts, changed_by, changed_at) ON licensing.notice_settings TO clipledger_app;
