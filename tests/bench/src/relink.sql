-- Copies of the conversations whose guests all write from the domain `copies.domain` itself, until there are `copies.wanted`: an hour apart, and
-- with guests whom no contact knows, so that the domain alone decides.

CREATE TEMPORARY TABLE copies AS
WITH originals AS (
    SELECT conversation_id, row_number() OVER (ORDER BY conversation_id) AS place, count(*) OVER () AS number
    FROM participants WHERE side = 'external' AND votes
    GROUP BY conversation_id HAVING bool_and(coalesce(email_key, '') LIKE '%@' || current_setting('copies.domain')))
SELECT conversation_id AS original, copy, md5('copy ' || copy)::uuid AS id, timestamptz '2026-01-01' - copy * interval '1 hour' AS started_at
FROM generate_series(1, current_setting('copies.wanted')::integer) AS copy
JOIN originals ON place = 1 + copy % number;

INSERT INTO conversations
SELECT made.* FROM copies JOIN conversations c ON c.conversation_id = original,
LATERAL jsonb_populate_record(c, jsonb_build_object('conversation_id', id, 'external_id', 'copy ' || copy, 'meeting_id', id,
    'meeting_evidence', '[]'::jsonb, 'started_at', copies.started_at, 'ended_at', copies.started_at + (c.ended_at - c.started_at))) AS made;

INSERT INTO participants
SELECT made.* FROM copies JOIN participants p ON p.conversation_id = original,
LATERAL jsonb_populate_record(p, jsonb_build_object('conversation_id', id, 'started_at', copies.started_at)
    || CASE WHEN p.side = 'external' THEN jsonb_build_object('email', 'copy-' || copy || '-' || p.email_key,
        'email_key', 'copy-' || copy || '-' || p.email_key, 'contact_external_id', NULL) ELSE '{}' END) AS made;

DROP TABLE copies;
