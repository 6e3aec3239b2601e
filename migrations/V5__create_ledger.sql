CREATE TABLE streams (
    connection_id uuid NOT NULL REFERENCES connections,
    stream text NOT NULL,
    tenant_id text NOT NULL,
    live_from timestamptz NOT NULL,
    covered tstzmultirange NOT NULL DEFAULT '{}',
    due_at timestamptz NOT NULL,
    bootstrapped_from timestamptz,
    walk_due_at timestamptz NOT NULL,
    last_call_at timestamptz,
    silent_since timestamptz,
    silence_reason text,
    vanished_held bigint,
    PRIMARY KEY (connection_id, stream)
);
COMMENT ON TABLE streams IS 'What a connection brings in: when it is due, and what has been covered.';
COMMENT ON COLUMN streams.live_from IS 'Start of what periodic runs must cover without a gap; older history is the bootstrap''s.';
COMMENT ON COLUMN streams.covered IS 'Ranges of time that were listed to the vendor''s end.';
COMMENT ON COLUMN streams.bootstrapped_from IS 'How far back bootstrap slices have been planned; null before.';
COMMENT ON COLUMN streams.last_call_at IS 'When a record was last listed that was not known before.';
COMMENT ON COLUMN streams.silent_since IS 'Since when the silence is suspicious; null when it is not.';
COMMENT ON COLUMN streams.vanished_held IS 'So many records vanished at once that a person is to say whether that is right.';
CREATE INDEX streams_due ON streams (due_at);
CALL guard_by_tenant('streams');

CREATE TABLE sync_runs (
    run_id uuid PRIMARY KEY,
    tenant_id text NOT NULL,
    connection_id uuid NOT NULL REFERENCES connections,
    stream text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('bootstrap', 'periodic', 'backfill', 'follow-up', 'walk')),
    lane text NOT NULL CHECK (lane IN ('live', 'backfill')),
    window_from timestamptz NOT NULL,
    window_to timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('planned', 'listing', 'listed', 'settled', 'parked', 'failed')),
    step bigint NOT NULL DEFAULT 0,
    page integer NOT NULL DEFAULT 1,
    resumed boolean NOT NULL DEFAULT false,
    walks integer NOT NULL DEFAULT 0,
    attempt integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    last_error text,
    nudged_at timestamptz,
    nudges integer NOT NULL DEFAULT 0,
    claimed_by text,
    claim_expires_at timestamptz,
    parked_cause text CHECK (parked_cause IN ('credential', 'quota', 'crm', 'vendor-down', 'pause')),
    failed_reason text,
    replan_at timestamptz,
    replans integer NOT NULL DEFAULT 0,
    vendor_total bigint,
    listed bigint NOT NULL DEFAULT 0,
    stored bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    pending bigint NOT NULL DEFAULT 0,
    dead bigint NOT NULL DEFAULT 0,
    gap boolean NOT NULL DEFAULT false,
    trace_id text,
    planned_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    listed_at timestamptz,
    settle_look_at timestamptz,
    ended_at timestamptz,
    CHECK (window_from < window_to),
    CHECK ((state = 'parked') = (parked_cause IS NOT NULL)),
    CHECK (state <> 'settled' OR listed = stored + unchanged + skipped + pending + dead)
);
COMMENT ON TABLE sync_runs IS 'The ledger: every run, and the truth about where it stands. Messages are only nudges.';
COMMENT ON COLUMN sync_runs.step IS 'Counts up at every checkpoint, restart, park, release and reopening; a nudge for another step is void.';
COMMENT ON COLUMN sync_runs.page IS 'The vendor''s page to fetch next.';
COMMENT ON COLUMN sync_runs.resumed IS 'The page was begun before: records of it are known to the run, which must not look like endless paging.';
COMMENT ON COLUMN sync_runs.walks IS 'How often the window was walked again because fewer records were seen than the vendor''s total.';
COMMENT ON COLUMN sync_runs.nudges IS 'Nudges sent for this step, for growing intervals between them.';
COMMENT ON COLUMN sync_runs.replan_at IS 'When the window of a failed slice is planned again.';
COMMENT ON COLUMN sync_runs.gap IS 'Complete by the vendor''s end of list, but with fewer records than its total.';
COMMENT ON COLUMN sync_runs.settle_look_at IS 'When the outcomes of its records are counted next.';
CREATE UNIQUE INDEX sync_runs_one_open_periodic ON sync_runs (connection_id, stream)
    WHERE kind = 'periodic' AND state IN ('planned', 'listing', 'parked');
CREATE UNIQUE INDEX sync_runs_one_open_walk ON sync_runs (connection_id, stream)
    WHERE kind = 'walk' AND state IN ('planned', 'listing', 'parked');
CREATE UNIQUE INDEX sync_runs_one_open_follow_up ON sync_runs (connection_id, stream)
    WHERE kind = 'follow-up' AND state IN ('planned', 'listing', 'parked');
CREATE INDEX sync_runs_open ON sync_runs (state, lane, planned_at) WHERE state IN ('planned', 'listing', 'listed', 'parked');
CREATE INDEX sync_runs_settle ON sync_runs (settle_look_at) WHERE settle_look_at IS NOT NULL;
CREATE INDEX sync_runs_kinds ON sync_runs (connection_id, kind, state);
CREATE INDEX sync_runs_replan ON sync_runs (replan_at) WHERE replan_at IS NOT NULL;
CREATE INDEX sync_runs_by_connection ON sync_runs (tenant_id, connection_id, planned_at DESC);
CALL guard_by_tenant('sync_runs');

CREATE TABLE run_items (
    run_id uuid NOT NULL REFERENCES sync_runs ON DELETE CASCADE,
    vendor_key text NOT NULL,
    tenant_id text NOT NULL,
    connection_id uuid NOT NULL,
    decision text NOT NULL CHECK (decision IN ('planned', 'published', 'unchanged', 'skipped', 'pending', 'dead')),
    version bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (run_id, vendor_key)
);
COMMENT ON TABLE run_items IS 'Every record of every open run; compacted into the run''s sums when it settles.';
COMMENT ON COLUMN run_items.decision IS 'What the fetcher decided; the outcome follows from this and the intake.';
COMMENT ON COLUMN run_items.version IS 'When the vendor was asked, microseconds since 1970 by the database''s clock.';
CREATE INDEX run_items_planned ON run_items (connection_id, vendor_key) WHERE decision = 'planned';
CALL guard_by_tenant('run_items');

CREATE TABLE intake (
    connection_id uuid NOT NULL REFERENCES connections,
    vendor_key text NOT NULL,
    tenant_id text NOT NULL,
    listed_version bigint,
    listed_hash bytea,
    listed_at timestamptz,
    first_listed_at timestamptz,
    failed_version bigint,
    failed_hash bytea,
    failed_attempts integer NOT NULL DEFAULT 0,
    failed_class text,
    failed_reason text,
    stored_version bigint,
    stored_hash bytea,
    document_version bigint,
    stored_at timestamptz,
    changed_version bigint,
    content_hash bytea,
    awaits_transcript boolean NOT NULL DEFAULT false,
    skipped_version bigint,
    skipped_hash bytea,
    skipped_reason text,
    dead_version bigint,
    dead_hash bytea,
    dead_letter_id uuid,
    look_at timestamptz,
    look_reason text,
    looks integer NOT NULL DEFAULT 0,
    missed_walks integer NOT NULL DEFAULT 0,
    PRIMARY KEY (connection_id, vendor_key)
) WITH (fillfactor = 80);
COMMENT ON TABLE intake IS
    'One row per record a vendor ever listed. Where it stands is derived from versions that only grow, so the order of arrival does not matter. Writers: listed_*, failed_*: fetcher; stored_*, changed_version, content_hash, awaits_transcript, skipped_*: normalizer; dead_*: steward.';
COMMENT ON COLUMN intake.failed_attempts IS 'Failed requests for the details, since they last could be had.';
COMMENT ON COLUMN intake.stored_hash IS 'Hash of the list row the stored content belongs to; equal to a listed one, no details are fetched.';
COMMENT ON COLUMN intake.document_version IS 'Version of the last document applied; a sighting in a list confirms the row, not the details.';
COMMENT ON COLUMN intake.changed_version IS 'Version that last changed what is stored.';
COMMENT ON COLUMN intake.content_hash IS 'Hash of everything that is stored; null after a withdrawal.';
COMMENT ON COLUMN intake.look_at IS 'When a follow-up looks at the record by itself: late transcript, failed details, second look.';
COMMENT ON COLUMN intake.missed_walks IS 'Complete walks in a row that did not see it.';
CREATE INDEX intake_look ON intake (look_at) WHERE look_at IS NOT NULL;
CREATE INDEX intake_undated ON intake (connection_id) WHERE awaits_transcript AND look_at IS NULL;
CREATE INDEX intake_missed ON intake (connection_id) WHERE missed_walks > 1;
CREATE INDEX intake_by_key ON intake (tenant_id, vendor_key);
CALL guard_by_tenant('intake');

-- Why a run of this connection may not go on, or null. The causes live with their owners and are read here, at
-- planning and at release alike; of several the first one names the thing a person would mend first.
CREATE VIEW connection_blocks WITH (security_invoker = true) AS
SELECT c.connection_id,
       CASE
           WHEN NOT c.enabled OR c.paused_at IS NOT NULL OR c.disconnected_at IS NOT NULL THEN 'pause'
           WHEN c.credential_state <> 'valid' THEN 'credential'
           WHEN t.gated AND t.gate_opened_at IS NULL THEN 'crm'
           WHEN b.closed_until > clock_timestamp() + interval '1 minute' THEN 'quota'
       END AS cause
FROM connections c
JOIN tenants t USING (tenant_id)
LEFT JOIN vendor_budgets b USING (vendor, vendor_account);
COMMENT ON VIEW connection_blocks IS 'What blocks a connection''s conversation runs now; null when nothing does.';

-- The outcome of each record of each open run. Null: still on its way.
CREATE VIEW run_item_outcomes WITH (security_invoker = true) AS
SELECT i.run_id, i.vendor_key, i.version, i.hash, i.decision,
       CASE
           WHEN i.decision IN ('skipped', 'pending', 'dead') THEN i.decision
           WHEN i.decision = 'unchanged' THEN CASE WHEN k.awaits_transcript THEN 'pending' ELSE 'unchanged' END
           WHEN i.decision = 'planned' THEN NULL
           WHEN k.stored_version >= i.version AND k.stored_version >= coalesce(k.skipped_version, 0)
               THEN CASE WHEN k.awaits_transcript THEN 'pending'
                         WHEN k.changed_version >= i.version THEN 'stored'
                         ELSE 'unchanged' END
           WHEN k.skipped_version >= i.version THEN 'skipped'
           WHEN k.stored_version >= i.version THEN 'stored'
           WHEN k.dead_version >= i.version THEN 'dead'
       END AS outcome
FROM run_items i
LEFT JOIN intake k ON k.connection_id = i.connection_id AND k.vendor_key = i.vendor_key;
COMMENT ON VIEW run_item_outcomes IS 'What became of each record of an open run; null while it is on its way.';
