CREATE TABLE conversations (
    conversation_id uuid PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    connection_id uuid NOT NULL REFERENCES connections,
    vendor text NOT NULL,
    vendor_account text NOT NULL,
    external_id text NOT NULL,
    version bigint NOT NULL,
    title text,
    url text,
    started_at timestamptz,
    ended_at timestamptz,
    duration_s double precision,
    platform text,
    join_url text,
    internal boolean NOT NULL,
    private boolean NOT NULL,
    owner_email text,
    owner_name text,
    transcript_status text NOT NULL CHECK (transcript_status IN ('ready', 'pending', 'none')),
    summary text,
    insights jsonb NOT NULL DEFAULT '[]',
    attributes jsonb NOT NULL DEFAULT '{}',
    nul_characters_removed integer NOT NULL DEFAULT 0,
    meeting_id uuid NOT NULL,
    withdrawn_at timestamptz,
    withdrawn_reason text,
    account_id uuid,
    link_rule text NOT NULL DEFAULT 'none',
    link_rule_version integer NOT NULL DEFAULT 0,
    link_evidence jsonb NOT NULL DEFAULT '{}',
    linked_at timestamptz,
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, vendor, vendor_account, external_id)
);
COMMENT ON TABLE conversations IS 'One row per conversation, as its newest version tells it, and the account it belongs to.';
COMMENT ON COLUMN conversations.version IS 'When the vendor was asked for this content, microseconds since 1970.';
COMMENT ON COLUMN conversations.withdrawn_at IS 'Became private, archived or vanished at the vendor: not shown, not exported.';
COMMENT ON COLUMN conversations.link_rule IS 'How the account was found: person, vendor-record, contact, domain, none.';
COMMENT ON COLUMN conversations.link_evidence IS 'What spoke for the account, and the candidates that lost.';
COMMENT ON COLUMN conversations.meeting_id IS 'Conversations of one meeting share it; alone, it is the conversation''s own id.';
CREATE INDEX conversations_by_connection ON conversations (connection_id, external_id);
CREATE INDEX conversations_timeline ON conversations (tenant_id, account_id, started_at DESC);
-- read backwards by the timeline, forwards by the export
CREATE INDEX conversations_by_start ON conversations (tenant_id, started_at, external_id COLLATE "C", conversation_id);
ALTER TABLE conversations ALTER COLUMN summary SET COMPRESSION lz4, ALTER COLUMN insights SET COMPRESSION lz4,
    ALTER COLUMN attributes SET COMPRESSION lz4;
CALL guard_by_tenant('conversations');

CREATE TABLE participants (
    conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    ordinal integer NOT NULL,
    tenant_id text NOT NULL,
    vendor_person_id text,
    name text,
    email text,
    email_key text,
    domain text,
    title text,
    phone text,
    organizer boolean NOT NULL DEFAULT false,
    votes boolean NOT NULL DEFAULT true,
    side text NOT NULL CHECK (side IN ('internal', 'external', 'unknown')),
    contact_external_id text,
    user_external_id text,
    PRIMARY KEY (conversation_id, ordinal)
);
COMMENT ON TABLE participants IS 'Who was invited or present, each once, in the vendor''s order.';
COMMENT ON COLUMN participants.email_key IS 'The address in normal form, without its plus tag: by it conversations are found when a contact changes.';
COMMENT ON COLUMN participants.domain IS 'Registrable domain of the address; null for free mail, which finds no account.';
COMMENT ON COLUMN participants.votes IS 'False for bots and rooms.';
CREATE INDEX participants_by_email ON participants (tenant_id, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX participants_by_domain ON participants (tenant_id, domain) WHERE domain IS NOT NULL;
CALL guard_by_tenant('participants');

CREATE TABLE linked_records (
    conversation_id uuid NOT NULL REFERENCES conversations ON DELETE CASCADE,
    ordinal integer NOT NULL,
    tenant_id text NOT NULL,
    external_id text NOT NULL,
    code text NOT NULL,
    PRIMARY KEY (conversation_id, ordinal)
);
COMMENT ON TABLE linked_records IS 'CRM records that the vendor linked to a conversation, in its order.';
CREATE INDEX linked_records_by_external_id ON linked_records (tenant_id, external_id);
CALL guard_by_tenant('linked_records');

CREATE TABLE transcripts (
    conversation_id uuid PRIMARY KEY REFERENCES conversations ON DELETE CASCADE,
    tenant_id text NOT NULL,
    body text COMPRESSION lz4 NOT NULL,
    segments integer[] COMPRESSION lz4 NOT NULL,
    speakers text[] NOT NULL
);
COMMENT ON TABLE transcripts IS 'What was said: one text and one array, because jsonb costs nearly twice the time.';
COMMENT ON COLUMN transcripts.segments IS
    'Four integers a segment: start and end in ms (-1: not known), index of the speaker (-1: none), byte offset of its end in the body.';
CALL guard_by_tenant('transcripts');

CREATE TABLE raw_documents (
    connection_id uuid NOT NULL REFERENCES connections,
    vendor_key text NOT NULL,
    version bigint NOT NULL,
    tenant_id text NOT NULL,
    body bytea COMPRESSION lz4 NOT NULL,
    PRIMARY KEY (connection_id, vendor_key, version)
);
COMMENT ON TABLE raw_documents IS 'Every version of every document as the vendor sent it, so that a new mapping needs no new request.';
CALL guard_by_tenant('raw_documents');

CREATE TABLE claim_checks (
    tenant_id text NOT NULL,
    claim bytea NOT NULL,
    body bytea COMPRESSION lz4 NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, claim)
);
COMMENT ON TABLE claim_checks IS 'Documents too large for a message, under the hash of their bytes.';
CREATE INDEX claim_checks_by_age ON claim_checks (claimed_at);
CALL guard_by_tenant('claim_checks');
