CREATE TABLE vendor_budgets (
    vendor text NOT NULL,
    vendor_account text NOT NULL,
    requests_per_second double precision NOT NULL CHECK (requests_per_second > 0),
    in_flight_max integer NOT NULL CHECK (in_flight_max > 0),
    next_slot_at timestamptz NOT NULL DEFAULT 'epoch',
    closed_until timestamptz NOT NULL DEFAULT 'epoch',
    closed_reason text,
    refusals integer NOT NULL DEFAULT 0,
    PRIMARY KEY (vendor, vendor_account)
);
COMMENT ON TABLE vendor_budgets IS 'What a vendor''s account allows, for all workers together. Holds nothing of any tenant.';
COMMENT ON COLUMN vendor_budgets.next_slot_at IS 'The first instant not yet given to a request.';
COMMENT ON COLUMN vendor_budgets.closed_until IS 'No request before: the vendor refused one (429).';
COMMENT ON COLUMN vendor_budgets.refusals IS 'Refusals in a row, for growing waits where the vendor names none.';

CREATE TABLE vendor_permits (
    permit_id uuid PRIMARY KEY,
    vendor text NOT NULL,
    vendor_account text NOT NULL,
    expires_at timestamptz NOT NULL,
    FOREIGN KEY (vendor, vendor_account) REFERENCES vendor_budgets ON DELETE CASCADE
);
COMMENT ON TABLE vendor_permits IS 'Requests in flight; a crashed worker''s expire.';
CREATE INDEX vendor_permits_by_account ON vendor_permits (vendor, vendor_account, expires_at);
