CREATE TABLE user_emails (
    connection_id uuid NOT NULL,
    external_id text NOT NULL,
    tenant_id text NOT NULL REFERENCES tenants,
    email_key text NOT NULL,
    PRIMARY KEY (connection_id, external_id, email_key),
    FOREIGN KEY (connection_id, external_id) REFERENCES users ON DELETE CASCADE
);
COMMENT ON TABLE user_emails IS 'Addresses of users beside their first one, in normal form.';
CREATE INDEX user_emails_by_email ON user_emails (tenant_id, email_key);
CALL guard_by_tenant('user_emails');

COMMENT ON TABLE users IS
    'The tenant''s own people, as a recorder or a CRM knows them. One that is no longer listed stays: who was a colleague in a call remains one.';
