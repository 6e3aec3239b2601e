CREATE TABLE replays (
    replay_id uuid PRIMARY KEY,
    tenant_id text,
    chosen jsonb NOT NULL,
    operator text NOT NULL,
    ordered_at timestamptz NOT NULL DEFAULT now(),
    per_minute integer NOT NULL CHECK (per_minute > 0),
    failures_max integer NOT NULL CHECK (failures_max >= 0),
    failures_accepted integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'stopped', 'cancelled', 'done')),
    stopped_because text,
    next_send_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CHECK ((state = 'stopped') = (stopped_because IS NOT NULL))
);
COMMENT ON TABLE replays IS 'Dead letters that an operator ordered to be sent again, carried out by the stewards step by step.';
COMMENT ON COLUMN replays.tenant_id IS 'The tenant it was confined to; null when it may touch any, and is seen only by work across tenants.';
COMMENT ON COLUMN replays.chosen IS 'The filter, as it was given; what it found then is frozen in replay_letters.';
COMMENT ON COLUMN replays.failures_max IS 'More failures than this, beyond those accepted, stop it.';
COMMENT ON COLUMN replays.failures_accepted IS 'Failures that a person has seen and gone on from.';
COMMENT ON COLUMN replays.state IS 'running; stopped: by a person, or by its failures, and can go on; cancelled: what was not sent is left as it was; done.';
COMMENT ON COLUMN replays.next_send_at IS 'The chosen rate allows nothing before.';
CREATE INDEX replays_running ON replays (next_send_at) WHERE state = 'running';
CALL guard_by_tenant('replays');

CREATE TABLE replay_letters (
    replay_id uuid NOT NULL REFERENCES replays,
    place integer NOT NULL,
    tenant_id text,
    dead_letter_id uuid NOT NULL REFERENCES dead_letters,
    deaths integer NOT NULL,
    letter_group text NOT NULL,
    sent_as text CHECK (sent_as IN ('message', 'run', 'look', 'batch')),
    sent_at timestamptz,
    replay integer,
    batch_id uuid,
    outcome text CHECK (outcome IN
        ('succeeded', 'failed-same', 'failed-other', 'superseded', 'blocked', 'impossible', 'left')),
    words text,
    decided_at timestamptz,
    PRIMARY KEY (replay_id, place),
    CHECK ((sent_as IS NULL) = (sent_at IS NULL))
);
COMMENT ON TABLE replay_letters IS 'The letters of a replay, frozen when it was ordered, and what became of each.';
COMMENT ON COLUMN replay_letters.place IS 'Its turn, from 0: waves of 1, 5, 25 and then 100 letters, each when all before it have an outcome.';
COMMENT ON COLUMN replay_letters.deaths IS 'The death that was meant: one more is a failure.';
COMMENT ON COLUMN replay_letters.letter_group IS 'Its cause then; another one now is another failure.';
COMMENT ON COLUMN replay_letters.sent_as IS 'How it was sent: its message published, its run planned, its record looked at, its batch linked again.';
COMMENT ON COLUMN replay_letters.replay IS 'The number of the replay that the message carries.';
COMMENT ON COLUMN replay_letters.outcome IS
    'Null while it waits or is under way. superseded: newer work has taken its place; blocked: by credential, crm or pause; impossible: cannot be sent; left: as it was.';
CREATE UNIQUE INDEX replay_letters_open ON replay_letters (dead_letter_id) WHERE outcome IS NULL;
CREATE INDEX replay_letters_by_letter ON replay_letters (dead_letter_id);
CALL guard_by_tenant('replay_letters');

-- What would become of a letter that is sent now: write, superseded, impossible, or what blocks it.
CREATE VIEW letter_prospects WITH (security_invoker = true) AS
SELECT d.dead_letter_id,
       CASE
           WHEN d.state = 'closed' THEN 'superseded'
           WHEN d.stage = 'fetch' AND d.run_id IS NOT NULL AND (r.state IS DISTINCT FROM 'failed' OR EXISTS (
               SELECT FROM sync_runs o
               WHERE o.connection_id = r.connection_id AND o.stream = r.stream AND o.kind = r.kind
                 AND r.kind IN ('periodic', 'walk', 'follow-up') AND o.state IN ('planned', 'listing', 'parked')))
               THEN 'superseded'
           WHEN greatest(k.document_version, k.skipped_version) >= d.version THEN 'superseded'
           WHEN d.stage = 'detail' AND k.dead_version > d.version THEN 'superseded'
           WHEN d.stage = 'detail' AND k.vendor_key IS NULL THEN 'impossible'
           WHEN d.stage IN ('fetch', 'detail') THEN coalesce(b.cause, CASE WHEN s.left_over = 0 THEN 'quota' END, 'write')
           ELSE 'write'
       END AS prospect
FROM dead_letters d
LEFT JOIN sync_runs r ON d.stage = 'fetch' AND r.run_id = d.run_id
LEFT JOIN intake k ON d.stage IN ('detail', 'normalize') AND k.connection_id = d.connection_id AND k.vendor_key = d.vendor_key
LEFT JOIN connections c ON c.connection_id = d.connection_id
LEFT JOIN connection_blocks b ON b.connection_id = d.connection_id
LEFT JOIN vendor_shares s ON s.vendor = c.vendor AND s.vendor_account = c.vendor_account AND s.share = 'replay';
COMMENT ON VIEW letter_prospects IS 'What would become of each dead letter if it were sent now.';

-- Looks that are replayed have runs of their own, which spend the replays' share: a share that is spent holds up no late transcript.
DROP INDEX sync_runs_one_open_follow_up;
CREATE UNIQUE INDEX sync_runs_one_open_follow_up ON sync_runs (connection_id, stream, replayed)
    WHERE kind = 'follow-up' AND state IN ('planned', 'listing', 'parked');
