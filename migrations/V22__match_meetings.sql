-- Conversations of several recorders that are copies of one meeting find one another.

ALTER TABLE conversations
    ADD COLUMN join_key text,
    ADD COLUMN calendar_key text,
    ADD COLUMN meeting_evidence jsonb NOT NULL DEFAULT '[]';
COMMENT ON COLUMN conversations.join_key IS 'The room it was held in, by its join link: equal for equal rooms, however a vendor writes the link.';
COMMENT ON COLUMN conversations.calendar_key IS 'The calendar''s event, the same for a whole series.';
COMMENT ON COLUMN conversations.meeting_id IS
    'Conversations of one meeting share it: the id of the one that began first. Alone, or withdrawn, it is the conversation''s own id.';
COMMENT ON COLUMN conversations.meeting_evidence IS 'The copies it matches, and what speaks for each.';
CREATE INDEX conversations_by_meeting ON conversations (tenant_id, meeting_id);
CREATE INDEX conversations_by_room ON conversations (tenant_id, join_key, started_at) WHERE join_key IS NOT NULL;
CREATE INDEX conversations_by_event ON conversations (tenant_id, calendar_key, started_at) WHERE calendar_key IS NOT NULL;

-- who met when: without the time a busy colleague would be in every second conversation
ALTER TABLE participants ADD COLUMN started_at timestamptz;
COMMENT ON COLUMN participants.started_at IS 'When their conversation began.';
CREATE INDEX participants_by_email_and_start ON participants (tenant_id, email_key, started_at) WHERE email_key IS NOT NULL;
DROP INDEX participants_by_email;

ALTER TABLE resolve_batches ADD COLUMN relinks boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN resolve_batches.relinks IS 'False: the accounts stay, only the meetings are to be found again.';
COMMENT ON TABLE resolve_batches IS
    'Conversations that are to be linked and matched again; a row goes in the transaction that does it. The messages are only nudges: one that is lost is sent again.';

CREATE TABLE meeting_splits (
    tenant_id text NOT NULL REFERENCES tenants,
    one_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    other_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    split_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (one_id, other_id),
    CHECK (one_id < other_id)
);
COMMENT ON TABLE meeting_splits IS 'Conversations that a person has parted: no machine brings them together again.';
CREATE INDEX meeting_splits_by_other ON meeting_splits (other_id);
CALL guard_by_tenant('meeting_splits');

CREATE TABLE meeting_aliases (
    tenant_id text NOT NULL REFERENCES tenants,
    alias_id uuid NOT NULL,
    meeting_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, alias_id)
);
COMMENT ON TABLE meeting_aliases IS 'Ids that a meeting had before: another copy turned out to have begun first, or the first one was withdrawn.';
CREATE INDEX meeting_aliases_by_meeting ON meeting_aliases (tenant_id, meeting_id);
CALL guard_by_tenant('meeting_aliases');

-- The account of a meeting is that of the copy that knows best: by a person, else by a record, a contact, a domain.
CREATE VIEW meeting_links WITH (security_invoker = true) AS
SELECT c.conversation_id, l.decided_by, l.account_id, l.link_rule
FROM conversations c
CROSS JOIN LATERAL (
    SELECT m.conversation_id AS decided_by, m.account_id, m.link_rule
    FROM conversations m
    WHERE m.tenant_id = c.tenant_id AND m.meeting_id = c.meeting_id
      AND (m.withdrawn_at IS NULL OR m.conversation_id = c.conversation_id)
    ORDER BY array_position(ARRAY['person', 'vendor-record', 'contact', 'domain'], m.link_rule),
             CASE WHEN m.link_rule = 'person' THEN m.linked_at END DESC, m.started_at, m.conversation_id
    LIMIT 1) AS l;
COMMENT ON VIEW meeting_links IS 'Which account a conversation is on, by all copies of its meeting, and which copy decided.';
