-- A recorder may name the CRM's contact that somebody is, with or without an address: it votes for its account.

ALTER TABLE participants ADD COLUMN vendor_contact_id text;
COMMENT ON COLUMN participants.vendor_contact_id IS 'The contact or lead of the CRM, as the vendor that recorded the conversation says it.';

-- these rules are the fifth; where there is nothing yet, nothing is older
ALTER TABLE conversations ALTER COLUMN rules_applied SET DEFAULT 5;
SET LOCAL switchboard.tenants = '*';
INSERT INTO rule_walks (rule_version, done_at)
SELECT 5, now() WHERE NOT EXISTS (SELECT FROM conversations);
