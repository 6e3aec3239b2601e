-- The owner of a conversation is one of the tenant's own people.

ALTER TABLE conversations
    ADD COLUMN owner_user_id text,
    ADD COLUMN owner_email_key text;
COMMENT ON COLUMN conversations.owner_user_id IS 'Who owns the recording, by the vendor''s id of the user.';
COMMENT ON COLUMN conversations.owner_email_key IS 'The owner''s address in normal form.';

-- Read, and not stored: a user who comes or changes is the owner at once.
CREATE VIEW conversation_owners WITH (security_invoker = true) AS
SELECT c.conversation_id, o.vendor, o.external_id, o.name, o.email
FROM conversations c
CROSS JOIN LATERAL (
    SELECT k.vendor, u.external_id, u.name, u.email
    FROM (
        SELECT 0 AS place, u.connection_id, u.external_id FROM users u
        WHERE u.connection_id = c.connection_id AND u.external_id = c.owner_user_id
        UNION ALL
        SELECT 1, u.connection_id, u.external_id FROM users u
        WHERE u.tenant_id = c.tenant_id AND u.email_key = coalesce(c.owner_email_key, lower(c.owner_email))
        UNION ALL
        SELECT 1, e.connection_id, e.external_id FROM user_emails e
        WHERE e.tenant_id = c.tenant_id AND e.email_key = coalesce(c.owner_email_key, lower(c.owner_email))) AS known
    JOIN users u USING (connection_id, external_id)
    JOIN connections k USING (connection_id)
    ORDER BY known.place, k.connection_id <> c.connection_id, k.vendor IN ('hubspot', 'salesforce'), k.vendor, u.external_id
    LIMIT 1) AS o;
COMMENT ON VIEW conversation_owners IS
    'Which of the tenant''s users owns a conversation: by the vendor''s id, else by the address, as whoever recorded it knows them first.';
