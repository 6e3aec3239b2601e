CREATE TABLE accounts (
    tenant_id text NOT NULL REFERENCES tenants,
    account_id uuid NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    name text NOT NULL,
    created_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, account_id),
    UNIQUE (tenant_id, source, external_id)
);
COMMENT ON TABLE accounts IS 'Customer accounts, from a CRM or imported.';
COMMENT ON COLUMN accounts.account_id IS 'Derived from tenant, source and external id.';
COMMENT ON COLUMN accounts.source IS 'Where it comes from: csv, or a CRM.';
COMMENT ON COLUMN accounts.created_at IS 'When the account came to be at its source; the oldest wins a tie.';
CREATE INDEX accounts_by_external_id ON accounts (tenant_id, external_id);
CALL guard_by_tenant('accounts');

CREATE TABLE account_domains (
    tenant_id text NOT NULL,
    domain text NOT NULL,
    account_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, domain, account_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts ON DELETE CASCADE
);
COMMENT ON TABLE account_domains IS 'Which account owns a mail domain, normal form (A-label, lower case).';
CREATE INDEX account_domains_by_account ON account_domains (tenant_id, account_id);
CALL guard_by_tenant('account_domains');

CREATE TABLE contacts (
    tenant_id text NOT NULL,
    source text NOT NULL,
    external_id text NOT NULL,
    account_id uuid NOT NULL,
    name text,
    email text NOT NULL,
    email_key text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, source, external_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts ON DELETE CASCADE
);
COMMENT ON TABLE contacts IS 'People at customer accounts.';
COMMENT ON COLUMN contacts.external_id IS 'The id at the source; of an imported contact, its address in normal form.';
COMMENT ON COLUMN contacts.email_key IS 'The address in normal form, by which attendees are matched.';
CREATE INDEX contacts_by_email ON contacts (tenant_id, email_key);
CREATE INDEX contacts_by_account ON contacts (tenant_id, account_id);
CALL guard_by_tenant('contacts');

CREATE TABLE account_changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants,
    email_keys text[] NOT NULL DEFAULT '{}',
    domains text[] NOT NULL DEFAULT '{}',
    external_ids text[] NOT NULL DEFAULT '{}',
    account_ids uuid[] NOT NULL DEFAULT '{}',
    horizon xid8,
    handed_out_to uuid,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE account_changes IS 'Changes of accounts whose conversations are still to be linked again; a row goes when that is under way.';
COMMENT ON COLUMN account_changes.horizon IS
    'First transaction id that began after the change was visible. When every older one has ended, nobody can still write a link made from the old accounts.';
COMMENT ON COLUMN account_changes.handed_out_to IS 'The last conversation handed out; the next page begins after it.';
CALL guard_by_tenant('account_changes');
