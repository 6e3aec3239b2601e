-- One row says all about an account, so that one statement decides: a count of rows elsewhere could be as old as the
-- statement, which began before it had to wait for the lock.
ALTER TABLE vendor_budgets ADD COLUMN in_flight_until timestamptz[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN vendor_budgets.in_flight_until IS
    'One instant for each request in flight, at which its place is free again should its worker have crashed.';
COMMENT ON TABLE vendor_permits IS 'Not used any more; older programs do.';
