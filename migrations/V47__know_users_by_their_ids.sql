-- A recorder may name one of its users without an address: the id says who it is.

ALTER TABLE participants ADD COLUMN vendor_user_id text;
COMMENT ON COLUMN participants.vendor_user_id IS 'The user, as the vendor that recorded the conversation says it.';
CREATE INDEX participants_by_user ON participants (tenant_id, vendor_user_id) WHERE vendor_user_id IS NOT NULL;

ALTER TABLE account_changes ADD COLUMN user_ids text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN account_changes.user_ids IS 'Users who came to be known, by their ids at the vendor that records them.';

-- these rules are the fourth; where there is nothing yet, nothing is older
ALTER TABLE conversations ALTER COLUMN rules_applied SET DEFAULT 4;
SET LOCAL switchboard.tenants = '*';
INSERT INTO rule_walks (rule_version, done_at)
SELECT 4, now() WHERE NOT EXISTS (SELECT FROM conversations);
