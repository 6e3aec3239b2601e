ALTER TABLE connections ADD COLUMN domain_fields text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN connections.domain_fields IS 'Fields of a Salesforce organization''s own that hold domains of an account, beside its website.';
