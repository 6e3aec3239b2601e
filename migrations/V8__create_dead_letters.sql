CREATE TABLE dead_letters (
    dead_letter_id uuid PRIMARY KEY,
    tenant_id text,
    origin_queue text NOT NULL,
    stage text NOT NULL,
    vendor text,
    connection_id uuid,
    run_id uuid,
    vendor_key text,
    version bigint,
    error_class text NOT NULL,
    error text NOT NULL,
    fingerprint text NOT NULL,
    body bytea COMPRESSION lz4 NOT NULL,
    headers jsonb NOT NULL DEFAULT '{}',
    attempts integer NOT NULL DEFAULT 0,
    deaths integer NOT NULL DEFAULT 1,
    worker text,
    trace_id text,
    first_failed_at timestamptz NOT NULL,
    last_failed_at timestamptz NOT NULL,
    filed_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'dead' CHECK (state IN ('dead', 'replayed', 'discarded', 'closed')),
    replays integer NOT NULL DEFAULT 0,
    resolved_at timestamptz,
    resolution text
);
COMMENT ON TABLE dead_letters IS 'Messages that need a person, as they were, with the reason.';
COMMENT ON COLUMN dead_letters.dead_letter_id IS 'Derived from queue and body: filing twice is filing once.';
COMMENT ON COLUMN dead_letters.tenant_id IS 'Null when the message could not be read; seen only by work across tenants.';
COMMENT ON COLUMN dead_letters.stage IS 'Where it died: fetch, detail, normalize, resolve.';
COMMENT ON COLUMN dead_letters.fingerprint IS 'The error without ids, numbers and times; equal ones form a group.';
COMMENT ON COLUMN dead_letters.state IS 'dead: needs a person; replayed: sent again; discarded: by a person, with a reason; closed: a later run covered it.';
CREATE INDEX dead_letters_groups ON dead_letters (error_class, fingerprint) WHERE state = 'dead';
CREATE INDEX dead_letters_by_run ON dead_letters (run_id) WHERE state = 'dead';
CREATE INDEX dead_letters_by_key ON dead_letters (tenant_id, vendor_key);
CALL guard_by_tenant('dead_letters');
