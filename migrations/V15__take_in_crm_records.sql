-- Records of a CRM go through the same ledger as conversations.

ALTER TABLE intake ADD COLUMN stream text NOT NULL DEFAULT 'conversations';
COMMENT ON COLUMN intake.stream IS 'What kind of record it is. CRMs count each kind apart: there the key begins with it.';
CREATE INDEX intake_by_stream ON intake (connection_id, stream) WHERE stream <> 'conversations';

ALTER TABLE accounts
    ADD COLUMN owner_external_id text,
    ADD COLUMN parent_external_id text,
    ADD COLUMN gone_at timestamptz,
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN merged_into uuid;
COMMENT ON COLUMN accounts.source IS 'Where it comes from: csv, or a CRM and its account there (hubspot:147893286).';
COMMENT ON COLUMN accounts.owner_external_id IS 'Who owns it, by the CRM''s id of the owner.';
COMMENT ON COLUMN accounts.parent_external_id IS 'The company it belongs to, by its id at the source.';
COMMENT ON COLUMN accounts.gone_at IS 'Since when the CRM says that it is deleted or archived.';
COMMENT ON COLUMN accounts.deleted_at IS 'Since when that counts: very many at once are held for a person first.';
COMMENT ON COLUMN accounts.merged_into IS 'The account that took its place, through chains of merges; derived from crm_merges.';
CREATE INDEX accounts_gone ON accounts (tenant_id, source) WHERE gone_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX accounts_merged ON accounts (tenant_id, merged_into) WHERE merged_into IS NOT NULL;

-- a CRM's contact may come before its account, have none, and have any number of addresses
ALTER TABLE contacts
    DROP CONSTRAINT contacts_tenant_id_account_id_fkey,
    ALTER COLUMN account_id DROP NOT NULL,
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN email_key DROP NOT NULL,
    ADD COLUMN title text,
    ADD COLUMN phone text,
    ADD COLUMN kind text NOT NULL DEFAULT 'contact' CHECK (kind IN ('contact', 'lead')),
    ADD COLUMN owner_external_id text,
    ADD COLUMN other_account_ids uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN created_at timestamptz,
    ADD COLUMN gone_at timestamptz,
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN merged_into text;
COMMENT ON COLUMN contacts.account_id IS 'The account it belongs to, derived from its id at the source: the account may come later, or never.';
COMMENT ON COLUMN contacts.email IS 'The first of its addresses, as given; the others are in contact_emails.';
COMMENT ON COLUMN contacts.kind IS 'A lead is somebody who may become a contact; once converted it leads to its account.';
COMMENT ON COLUMN contacts.other_account_ids IS 'Accounts it is connected with beside its own.';
COMMENT ON COLUMN contacts.created_at IS 'When it came to be at its source.';
COMMENT ON COLUMN contacts.gone_at IS 'Since when the CRM says that it is deleted or archived.';
COMMENT ON COLUMN contacts.deleted_at IS 'Since when that counts: very many at once are held for a person first.';
COMMENT ON COLUMN contacts.merged_into IS 'The contact that took its place, by its id at the source.';
CREATE INDEX contacts_gone ON contacts (tenant_id, source) WHERE gone_at IS NOT NULL AND deleted_at IS NULL;

CREATE TABLE contact_emails (
    tenant_id text NOT NULL,
    email_key text NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    PRIMARY KEY (tenant_id, source, external_id, email_key),
    FOREIGN KEY (tenant_id, source, external_id) REFERENCES contacts ON DELETE CASCADE
);
COMMENT ON TABLE contact_emails IS 'Addresses of contacts beside their first one, in normal form.';
CREATE INDEX contact_emails_by_email ON contact_emails (tenant_id, email_key);
CALL guard_by_tenant('contact_emails');

CREATE TABLE deals (
    tenant_id text NOT NULL REFERENCES tenants,
    source text NOT NULL,
    external_id text NOT NULL,
    account_id uuid,
    name text NOT NULL,
    stage text,
    amount text,
    currency text,
    close_date text,
    closed boolean NOT NULL,
    won boolean NOT NULL,
    owner_external_id text,
    created_at timestamptz,
    gone_at timestamptz,
    deleted_at timestamptz,
    merged_into text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, source, external_id)
);
COMMENT ON TABLE deals IS 'Deals and opportunities of a CRM: one that a vendor links to a call leads to its account.';
COMMENT ON COLUMN deals.account_id IS 'Whose it is, derived from the account''s id at the source.';
COMMENT ON COLUMN deals.amount IS 'As the CRM writes it.';
CREATE INDEX deals_by_external_id ON deals (tenant_id, external_id);
CREATE INDEX deals_by_account ON deals (tenant_id, account_id);
CREATE INDEX deals_gone ON deals (tenant_id, source) WHERE gone_at IS NOT NULL AND deleted_at IS NULL;
CALL guard_by_tenant('deals');

CREATE TABLE crm_merges (
    tenant_id text NOT NULL REFERENCES tenants,
    source text NOT NULL,
    stream text NOT NULL,
    loser_id text NOT NULL,
    winner_id text NOT NULL,
    told_by text NOT NULL,
    PRIMARY KEY (tenant_id, source, stream, loser_id)
);
COMMENT ON TABLE crm_merges IS 'Which record of a CRM was merged into which, as one of the two tells it; chains are followed when they are read.';
COMMENT ON COLUMN crm_merges.told_by IS 'The record that says so: the loser itself, or the winner.';
CREATE INDEX crm_merges_by_teller ON crm_merges (tenant_id, source, stream, told_by);
CALL guard_by_tenant('crm_merges');

-- Accounts as they are found by: those that are there, and in the place of a merged one the account that took it.
CREATE VIEW standing_accounts WITH (security_invoker = true) AS
SELECT l.tenant_id, l.account_id AS found_id, a.account_id, a.source, a.external_id, a.name, a.created_at
FROM accounts l
JOIN accounts a ON a.tenant_id = l.tenant_id AND a.account_id = coalesce(l.merged_into, l.account_id)
WHERE a.deleted_at IS NULL AND a.merged_into IS NULL;
COMMENT ON VIEW standing_accounts IS 'Which account an account''s id leads to: itself, the winner of its merges, or none.';

-- A CRM does not wait for itself.
CREATE OR REPLACE VIEW connection_blocks WITH (security_invoker = true) AS
SELECT c.connection_id,
       CASE
           WHEN NOT c.enabled OR c.paused_at IS NOT NULL OR c.disconnected_at IS NOT NULL THEN 'pause'
           WHEN c.credential_state <> 'valid' THEN 'credential'
           WHEN c.vendor NOT IN ('hubspot', 'salesforce') AND t.gated AND t.gate_opened_at IS NULL THEN 'crm'
           WHEN b.closed_until > clock_timestamp() + interval '1 minute' THEN 'quota'
       END AS cause
FROM connections c
JOIN tenants t USING (tenant_id)
LEFT JOIN vendor_budgets b USING (vendor, vendor_account);
COMMENT ON VIEW connection_blocks IS 'What blocks a connection''s runs now; null when nothing does. A CRM does not wait for accounts: it brings them.';
