-- Media: uploads, a host's sources with their recordings and fingerprints, clips, and what clips were found to show.
--
-- `book_id` says whose it is, and begins every key. It references no book: media could serve any tenant, and who
-- asks has been shown the book by the front door. A fingerprint's bytes do not compress, hence STORAGE EXTERNAL.
--
-- `place` says where bytes lie (media/places.py): upload:17 in pieces as they arrived, object:KEY in the object
-- store, file:/PATH in a folder of the service; null when they were deleted.
--
-- Work is taken by a lease: a row in state `working` belongs to `worker` until `leased_until`, then to whoever
-- takes it up; so a worker that is killed holds nothing up.

CREATE SCHEMA media;
GRANT USAGE ON SCHEMA media TO clipledger_app;

-- Uploads ----------------------------------------------------------------------------------------------------

CREATE TABLE media.uploads (
    book_id      bigint NOT NULL,
    upload_id    bigint GENERATED ALWAYS AS IDENTITY,
    length       bigint NOT NULL CHECK (length >= 1),
    received     bigint NOT NULL DEFAULT 0,
    created_by   text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz,  -- when a recording or a clip was made of it
    joined_at    timestamptz,  -- when its pieces became one object, and with it superfluous
    writer       uuid,         -- the request that appends at present
    writer_until timestamptz,
    PRIMARY KEY (book_id, upload_id),
    CONSTRAINT uploads_received CHECK (received BETWEEN 0 AND length),
    CONSTRAINT uploads_used_whole CHECK (used_at IS NULL OR received = length),
    CONSTRAINT uploads_writer CHECK ((writer IS NULL) = (writer_until IS NULL))
);

CREATE INDEX uploads_expiry ON media.uploads (expires_at);

-- What has arrived, in order and without a gap; each piece is an object of the store.
CREATE TABLE media.pieces (
    book_id   bigint NOT NULL,
    upload_id bigint NOT NULL,
    first     bigint NOT NULL CHECK (first >= 0),  -- number of its first byte
    size      bigint NOT NULL CHECK (size >= 1),
    key       text COLLATE "C" NOT NULL,
    PRIMARY KEY (book_id, upload_id, first),
    CONSTRAINT pieces_upload FOREIGN KEY (book_id, upload_id) REFERENCES media.uploads
);

-- Sources ----------------------------------------------------------------------------------------------------

-- A stream. Its state follows from its recordings; one that is live may get more of them.
CREATE TABLE media.sources (
    book_id     bigint NOT NULL,
    source_id   bigint GENERATED ALWAYS AS IDENTITY,
    title       text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    live        boolean NOT NULL,
    recorded_at timestamptz,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    removed_at  timestamptz,
    PRIMARY KEY (book_id, source_id),
    CONSTRAINT sources_number UNIQUE (source_id)  -- the index of all books names sources by it alone
);

CREATE TABLE media.recordings (
    book_id      bigint NOT NULL,
    source_id    bigint NOT NULL,
    recording_no integer NOT NULL CHECK (recording_no >= 1),
    place        text COLLATE "C" CHECK (place ~ '^(upload:[0-9]+|object:.+|file:/.+)$'),
    -- Seconds from the source's start; null until known.
    starts_s     double precision CHECK (starts_s >= 0 AND starts_s < 'Infinity'),
    duration_s   double precision,
    state        text COLLATE "C" NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'working', 'ready', 'failed')),
    progress     double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    failure_code text COLLATE "C",
    failure_rule text,
    attempts     smallint NOT NULL DEFAULT 0,
    worker       uuid,
    leased_until timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, source_id, recording_no),
    CONSTRAINT recordings_source FOREIGN KEY (book_id, source_id) REFERENCES media.sources,
    CONSTRAINT recordings_failure CHECK ((state = 'failed') = (failure_code IS NOT NULL)),
    CONSTRAINT recordings_lease CHECK ((state = 'working') = (worker IS NOT NULL AND leased_until IS NOT NULL))
);

CREATE INDEX recordings_to_do ON media.recordings (book_id, created_at) WHERE state IN ('waiting', 'working');

-- A part is ten minutes of a recording; `first` is the number of its first picture, from the source's start.
CREATE TABLE media.parts (
    book_id      bigint NOT NULL,
    source_id    bigint NOT NULL,
    first        integer NOT NULL CHECK (first >= 0),
    recording_no integer NOT NULL,
    version      integer NOT NULL,  -- of the fingerprint's form
    fingerprint  bytea NOT NULL,
    PRIMARY KEY (book_id, source_id, first),
    CONSTRAINT parts_recording FOREIGN KEY (book_id, source_id, recording_no) REFERENCES media.recordings
);

ALTER TABLE media.parts ALTER fingerprint SET STORAGE EXTERNAL;

-- Clips ------------------------------------------------------------------------------------------------------

CREATE TABLE media.clips (
    book_id      bigint NOT NULL,
    clip_id      bigint GENERATED ALWAYS AS IDENTITY,
    title        text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    place        text COLLATE "C" CHECK (place ~ '^(upload:[0-9]+|object:.+|file:/.+)$'),
    state        text COLLATE "C" NOT NULL DEFAULT 'waiting'
                 CHECK (state IN ('waiting', 'working', 'identified', 'unrecognised', 'failed')),
    failure_code text COLLATE "C",
    failure_rule text,
    attempts     smallint NOT NULL DEFAULT 0,
    worker       uuid,
    leased_until timestamptz,
    -- A source has come since it was last taken up: it is due again, after those that never were.
    again        boolean NOT NULL DEFAULT false,
    duration_s   double precision,
    submitted_by text NOT NULL,
    submitted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (book_id, clip_id),
    CONSTRAINT clips_failure CHECK ((state = 'failed') = (failure_code IS NOT NULL)),
    CONSTRAINT clips_lease CHECK ((state = 'working') = (worker IS NOT NULL AND leased_until IS NOT NULL))
);

CREATE INDEX clips_to_do ON media.clips (book_id, again, submitted_at) WHERE state IN ('waiting', 'working');
CREATE INDEX clips_to_find ON media.clips (book_id, submitted_at) WHERE state IN ('working', 'unrecognised');

-- One run of the identification of a clip. Runs are never changed or deleted; the newest counts.
CREATE TABLE media.identifications (
    book_id       bigint NOT NULL,
    clip_id       bigint NOT NULL,
    run_no        integer NOT NULL CHECK (run_no >= 1),
    identified_at timestamptz NOT NULL DEFAULT now(),
    version       integer NOT NULL,  -- of the fingerprints compared
    threshold     double precision NOT NULL,
    sources       integer NOT NULL CHECK (sources >= 0),  -- how many were searched
    PRIMARY KEY (book_id, clip_id, run_no),
    CONSTRAINT identifications_clip FOREIGN KEY (book_id, clip_id) REFERENCES media.clips
);

-- A segment of the clip and the same seconds of a source.
CREATE TABLE media.matches (
    book_id     bigint NOT NULL,
    clip_id     bigint NOT NULL,
    run_no      integer NOT NULL,
    match_no    integer NOT NULL CHECK (match_no >= 1),
    source_id   bigint NOT NULL,
    clip_t0     double precision NOT NULL,
    clip_t1     double precision NOT NULL CHECK (clip_t1 > clip_t0),
    source_t0   double precision NOT NULL,
    source_t1   double precision NOT NULL CHECK (source_t1 > source_t0),
    score       double precision NOT NULL CHECK (score BETWEEN 0 AND 1),
    speed       double precision NOT NULL CHECK (speed > 0),
    mirrored    boolean NOT NULL,
    clip_rect   jsonb NOT NULL,  -- the same content in both pictures: x0, y0, x1, y1 as fractions
    source_rect jsonb NOT NULL,
    evidence    jsonb NOT NULL,
    PRIMARY KEY (book_id, clip_id, run_no, match_no),
    CONSTRAINT matches_run FOREIGN KEY (book_id, clip_id, run_no) REFERENCES media.identifications,
    CONSTRAINT matches_source FOREIGN KEY (book_id, source_id) REFERENCES media.sources
);

CREATE INDEX matches_of_source ON media.matches (book_id, source_id);

-- Nothing found is changed; sources, recordings and clips change their state and are never deleted.
GRANT SELECT, INSERT, UPDATE, DELETE ON media.uploads TO clipledger_app;
GRANT SELECT, INSERT, DELETE ON media.pieces TO clipledger_app;
GRANT SELECT, INSERT, UPDATE (live, removed_at) ON media.sources TO clipledger_app;
GRANT SELECT, INSERT, UPDATE ON media.recordings TO clipledger_app;
GRANT SELECT, INSERT, DELETE ON media.parts TO clipledger_app;
GRANT SELECT, INSERT, UPDATE ON media.clips TO clipledger_app;
GRANT SELECT, INSERT ON media.identifications, media.matches TO clipledger_app;
