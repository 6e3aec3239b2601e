ALTER TABLE credentials ADD COLUMN endpoint_forms jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN credentials.endpoint_forms IS 'By endpoint, the form of the header that worked there last, where it was learned after connecting.';
