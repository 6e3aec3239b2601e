-- What older programs linked and wrote is gone over once, when the rules have changed since.

ALTER TABLE conversations ADD COLUMN rules_applied integer NOT NULL DEFAULT 0;
ALTER TABLE conversations ALTER COLUMN rules_applied SET DEFAULT 3;
COMMENT ON COLUMN conversations.rules_applied IS
    'Version of the rules by which it was written, or gone over since: that of its account, of its people, and of the keys by which the copies of its meeting are found.';

ALTER TABLE resolve_batches ADD COLUMN goes_over boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN resolve_batches.goes_over IS 'The conversations were written by older rules: what these left out is made up for first.';

CREATE TABLE rule_walks (
    rule_version integer PRIMARY KEY,
    after_id uuid,
    found bigint NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz
);
COMMENT ON TABLE rule_walks IS 'How far all conversations have been walked through for those that older rules wrote, by the version of the rules.';
COMMENT ON COLUMN rule_walks.after_id IS 'The last conversation that was looked at; null at the beginning of a pass.';
COMMENT ON COLUMN rule_walks.found IS 'Older ones in this pass: another pass follows, since older programs may still write beside this one.';
COMMENT ON COLUMN rule_walks.next_at IS 'When the walk goes on.';

-- where there is nothing yet, nothing is older
SET LOCAL switchboard.tenants = '*';
INSERT INTO rule_walks (rule_version, done_at)
SELECT 3, now() WHERE NOT EXISTS (SELECT FROM conversations);
