-- Whose copy was withdrawn, of that meeting a person's word stays: until matching has handed it on to a copy that is left, it counts from
-- where it was said.
CREATE OR REPLACE VIEW meeting_links WITH (security_invoker = true) AS
SELECT c.conversation_id, l.decided_by, l.account_id, l.link_rule
FROM conversations c
CROSS JOIN LATERAL (
    SELECT m.conversation_id AS decided_by, m.account_id, m.link_rule
    FROM conversations m
    WHERE m.tenant_id = c.tenant_id AND m.meeting_id = c.meeting_id
      AND (m.withdrawn_at IS NULL OR m.link_rule = 'person' OR m.conversation_id = c.conversation_id)
    ORDER BY array_position(ARRAY['person', 'vendor-record', 'contact', 'domain'], m.link_rule),
             CASE WHEN m.link_rule = 'person' THEN m.linked_at END DESC, m.started_at, m.conversation_id
    LIMIT 1) AS l;
