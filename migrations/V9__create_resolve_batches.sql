CREATE TABLE resolve_batches (
    batch_id uuid PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    conversation_ids uuid[] NOT NULL,
    changed_at timestamptz NOT NULL,
    sent_at timestamptz,
    sends integer NOT NULL DEFAULT 0,
    dead_letter_id uuid
);
COMMENT ON TABLE resolve_batches IS
    'Conversations that are to be linked again; a row goes in the transaction that links them. The messages are only nudges: one that is lost is sent again.';
COMMENT ON COLUMN resolve_batches.changed_at IS 'When the accounts changed that it is about.';
COMMENT ON COLUMN resolve_batches.sent_at IS 'When its message was sent last; null before.';
COMMENT ON COLUMN resolve_batches.sends IS 'Messages sent, for growing intervals between them.';
COMMENT ON COLUMN resolve_batches.dead_letter_id IS 'Its message died and waits for a person.';
CREATE INDEX resolve_batches_to_send ON resolve_batches (changed_at) WHERE dead_letter_id IS NULL;
CALL guard_by_tenant('resolve_batches');
