CREATE TABLE expected_letters (
    dead_letter_id uuid PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    origin_queue text NOT NULL,
    left_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE expected_letters IS
    'Dead letters that a fetcher left on the broker, written with what they tell of. On its way is one that is not filed; the steward sweeps the filed ones.';
CALL guard_by_tenant('expected_letters');

ALTER TABLE dead_letters ADD COLUMN replay_settled integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN dead_letters.replay_settled IS
    'The last replay whose message was worked off; one of a letter in state replayed is under way while this is less than replays. Only grows, so the order of marks does not matter.';
CREATE INDEX dead_letters_under_way ON dead_letters (resolved_at) WHERE state = 'replayed' AND replay_settled < replays;
-- what was replayed before is not waited for
SET LOCAL switchboard.tenants = '*';
UPDATE dead_letters SET replay_settled = replays WHERE replays > 0;
